"""The autocorrelation timescale: how long a unit's activity stays like itself."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from scipy.stats import t as student

from neurorec.recording import InputError
from neurorec.timescales.covariance import Autocovariance, Centring, autocovariance
from neurorec.timescales.exponentials import CONVERGED, LONG, NONE, SHORT, Curves, Decay, decay_at, fit_decay

Model = Literal["single", "double", "auto"]
NOISE = "not told from noise"
NO_VARIANCE = "no variance"
FEWEST_TRIALS = 5  # with fewer, drawing trials again says nothing of their spread
_N_FOLDS = 5
_LONGEST_LAG = 1.0  # s, by default: beyond it most autocorrelations are noise around the offset
_CHUNK = 4_000_000  # numbers held at a time


class TimescaleFit(NamedTuple):
    """Autocorrelation timescales of several units; NaN where undefined, and ``status`` says why.

    Attributes
    ----------
    tau, tau_low, tau_high : ndarray (unit,)
        Seconds, and its interval, whose end is 0 or inf where resamples leave the range that can be measured. With two
        exponentials, their mean weighted by amplitude.
    tau_fast, tau_slow : ndarray (unit,)
        Seconds, of two exponentials; NaN with one.
    amplitude, offset : ndarray (unit,)
        Of the exponentials at lag 0, summed, and the constant A B; both as a share of the variance at lag 0.
    n_exponentials : ndarray of int (unit,)
        0 where undefined.
    status : ndarray of str (unit,)
        "converged", or why there is no answer.
    lag : ndarray (lag,)
        Seconds.
    autocorrelation : ndarray (lag, unit)
        Sample autocovariance over its value at lag 0, with the bias that finite trials give it.
    fitted : ndarray (lag, unit)
        What is expected of it under the fit, with the same bias; NaN at lags that were not fitted.
    """

    tau: NDArray[np.float64]
    tau_low: NDArray[np.float64]
    tau_high: NDArray[np.float64]
    tau_fast: NDArray[np.float64]
    tau_slow: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    offset: NDArray[np.float64]
    n_exponentials: NDArray[np.int64]
    status: NDArray[np.str_]
    lag: NDArray[np.float64]
    autocorrelation: NDArray[np.float64]
    fitted: NDArray[np.float64]


class Settings(NamedTuple):
    """How a timescale is fitted; see `fit_timescale`."""

    bin_width: float
    max_lag: int
    model: Model
    offset: bool
    bias: Literal["analytic", "none"]
    centring: Centring
    first_lag: int | Literal["decreasing"]
    n_draws: int
    level: float


def fit_timescale(
    activity: ArrayLike,
    *,
    bin_width: float,
    model: Model = "single",
    offset: bool = True,
    bias: Literal["analytic", "none"] = "analytic",
    centring: Centring = "bin",
    first_lag: int | Literal["decreasing"] = 1,
    max_lag: int | None = None,
    n_draws: int = 200,
    level: float = 0.95,
    rng: np.random.Generator,
    progress: Callable[[int], object] = lambda n: None,
) -> TimescaleFit:
    r"""Fit the autocorrelation timescale of each unit.

    The model of the true autocovariance is :math:`A (e^{-k\,dt/\tau} + B)` from the first lag on, or two exponentials
    and an offset; what lies before the first lag is left free. Taking means off finite trials bends the sample
    autocovariance by a known linear operator :math:`K` (`expected_autocovariance`), so it is :math:`K` of the model
    that is fitted to it, by least squares weighted by the numbers of pairs.

    Parameters
    ----------
    activity : array_like (trial, bin) or (trial, bin, unit)
        Counts or rates; NaN where not observed, in all units alike.
    bin_width : float
        Seconds.
    model : {"single", "double", "auto"}
        "auto" takes two exponentials where they predict the autocovariance of held-out trials (5 folds) better by more
        than one standard error over folds.
    offset : bool
        Whether there is one. Slow changes over trials show as an offset when bins are centred. With
        ``centring="trial"`` and whole trials it cannot be known, and is 0.
    bias : {"analytic", "none"}
        "none" fits the model to the sample as it is, which shows what the correction is worth.
    centring : {"bin", "trial", "grand"}
        See `autocovariance`.
    first_lag : int or "decreasing"
        Noise in counting adds to lag 0, so 1 by default; "decreasing" begins where the autocorrelation first falls to
        the next lag, as in Murray et al.
    max_lag : int, optional
        Bins; by default three quarters of the longest trial, at most 1 s.
    n_draws : int
        Bootstrap draws of trials; 0 for no interval.
    level : float
        Coverage of the interval, percentiles of the draws.
    rng : numpy.random.Generator
        For the draws.
    progress : callable
        Called with the number of units done.

    Returns
    -------
    TimescaleFit

    Raises
    ------
    InputError
        Where trials are too short to fit a decay to.

    Notes
    -----
    A decay faster than a fifth of a bin or slower than the longest trial has no answer. Where more than ``1 - level``
    of the draws find no positive decay, or where the interval is open at both ends, it is not told from noise. The
    percentile interval is a little narrow: see docs/timescales.md for its measured coverage.

    References
    ----------
    Murray et al. 2014, doi:10.1038/nn.3862; Zeraati et al. 2022, doi:10.1038/s43588-022-00214-3 (on the bias).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.zeros((400, 60))
    >>> for t in range(1, 60):
    ...     x[:, t] = np.exp(-1 / 4) * x[:, t - 1] + rng.standard_normal(400)
    >>> fit = fit_timescale(x[:, 20:], bin_width=0.01, rng=rng)
    >>> bool(fit.tau_low[0] < 0.04 < fit.tau_high[0])
    True
    """
    values = np.asarray(activity, dtype=float)
    settings = settings_for(
        values.shape[1] if values.ndim > 1 else 0, bin_width=bin_width, model=model, offset=offset, bias=bias,
        centring=centring, first_lag=first_lag, max_lag=max_lag, n_draws=n_draws, level=level,
    )  # fmt: skip
    sample = autocovariance(values, max_lag=settings.max_lag, centring=centring)
    return fit_sample(sample, settings, rng=rng, progress=progress)


def settings_for(
    n_bins: int,
    *,
    bin_width: float,
    model: Model,
    offset: bool,
    bias: Literal["analytic", "none"],
    centring: Centring,
    first_lag: int | Literal["decreasing"],
    max_lag: int | None,
    n_draws: int,
    level: float,
) -> Settings:
    """Settings of a fit to trials of some bins, with the default longest lag; see `fit_timescale`.

    Raises
    ------
    InputError
        Where trials are too short to fit a decay to.
    """
    if max_lag is None:
        max_lag = min(int(0.75 * n_bins), max(4, round(_LONGEST_LAG / bin_width)))
    max_lag = min(max_lag, n_bins - 1)
    n_parameters = 2 * (1 if model == "single" else 2) + offset
    least = n_parameters + 1 if first_lag == "decreasing" else n_parameters + first_lag - 1
    if max_lag < least:
        raise InputError(
            "trials", expected=f"{least} lags or more to fit", found=f"{max_lag}", remedy="use narrower bins"
        )
    return Settings(bin_width, max_lag, model, offset, bias, centring, first_lag, n_draws, level)


def fit_sample(
    sample: Autocovariance, settings: Settings, *, rng: np.random.Generator, progress: Callable[[int], object]
) -> TimescaleFit:
    """Fit timescales to sample autocovariances, with bootstrap intervals over their trials."""
    n_units, n_trials = sample.covariance.shape[1], len(sample.pairs)
    weight = None
    if settings.n_draws and n_trials >= FEWEST_TRIALS:
        weight = rng.multinomial(n_trials, np.full(n_trials, 1 / n_trials), settings.n_draws).astype(float)
    size = max(1, _CHUNK // (sample.pairs.shape[1] * max(settings.n_draws, n_trials)))
    parts = []
    for start in range(0, n_units, size):
        units = slice(start, start + size)
        part = sample._replace(covariance=sample.covariance[:, units], products=sample.products[:, :, units])
        parts.append(_fit_units(part, settings, weight))
        progress(part.covariance.shape[1])
    joined = {name: np.concatenate([getattr(p, name) for p in parts], axis=-1) for name in TimescaleFit._fields}
    return TimescaleFit(**joined | {"lag": parts[0].lag})


def fit_curve(
    covariance: NDArray,
    sample: Autocovariance,
    settings: Settings,
    first: int,
    n_components: int,
    *,
    refine: bool = True,
) -> tuple[Decay, NDArray]:
    """Fit decays to autocovariances ``(lag, series)``; also the expected sample under the fit, from the first lag."""
    series, operator, back = _past_first(covariance, sample, settings, first)
    n_bins = sample.expected.shape[1]
    weight = sample.pairs.sum(axis=0)[first:]
    curves = Curves(series, operator, np.arange(first, n_bins, dtype=float), weight / weight.max())
    decay = fit_decay(curves, n_components=n_components, offset=settings.offset, longest=n_bins, refine=refine)
    return decay, operator @ decay_at(decay, curves.true_lag) + back @ covariance[:first]


def _past_first(
    covariance: NDArray, sample: Autocovariance, settings: Settings, first: int
) -> tuple[NDArray, NDArray, NDArray]:
    """Take the lags before the first out of the problem.

    The true autocovariance at those lags is whatever makes the sample at them exact. Returned are what is left of the
    later lags ``(lag, series)``, its operator ``(lag, true_lag)``, and what was taken off per unit of the sample at the
    earlier lags ``(lag, earlier)``.
    """
    if settings.bias == "none":
        n_lags = len(covariance)
        expected = np.eye(n_lags, sample.expected.shape[1])
    else:
        expected = sample.expected
    early, late = expected[:first], expected[first:]
    back = late[:, :first] @ np.linalg.pinv(early[:, :first])
    return covariance[first:] - back @ covariance[:first], late[:, first:] - back @ early[:, first:], back


def _fit_units(sample: Autocovariance, settings: Settings, weight: NDArray | None) -> TimescaleFit:
    """Fit the units of one chunk."""
    zero = sample.covariance[0]
    varies = zero > 1e-12 * np.abs(sample.products[:, 0]).max(initial=1e-300)
    first = _first_lags(sample, settings)
    n_components = np.full(zero.size, 2 if settings.model == "double" else 1)
    if settings.model == "auto":
        n_components = np.where(varies, _choose(sample, settings, first), 1)
    out = _empty(sample, settings)
    for k in np.unique(first):
        for n in np.unique(n_components[first == k]):
            units = np.flatnonzero((first == k) & (n_components == n) & varies)
            if units.size:
                part = sample._replace(covariance=sample.covariance[:, units], products=sample.products[:, :, units])
                _fit_alike(out, units, part, settings, weight, int(k), int(n))
    out.status[~varies] = NO_VARIANCE
    for name in ("tau", "tau_low", "tau_high", "tau_fast", "tau_slow", "amplitude", "offset"):
        getattr(out, name)[out.status != CONVERGED] = np.nan
    out.n_exponentials[out.status != CONVERGED] = 0
    out.fitted[:, out.status != CONVERGED] = np.nan
    return out


def _fit_alike(
    out: TimescaleFit,
    units: NDArray,
    sample: Autocovariance,
    settings: Settings,
    weight: NDArray | None,
    first: int,
    n_components: int,
) -> None:
    """Fit units that share first lag and number of exponentials, and write into ``out``."""
    zero = sample.covariance[0]
    decay, expected = fit_curve(sample.covariance, sample, settings, first, n_components)
    out.status[units] = decay.status
    out.tau[units] = _mean_tau(decay) * settings.bin_width
    if n_components == 2:
        out.tau_fast[units], out.tau_slow[units] = decay.tau * settings.bin_width
    out.amplitude[units] = decay.amplitude.sum(axis=0) / zero
    out.offset[units] = decay.offset / zero
    out.n_exponentials[units] = n_components
    out.fitted[first:, units] = expected / zero
    if weight is None:
        return
    pairs = np.maximum(weight @ sample.pairs, 1).T[:, :, None]  # a lag may lie in no trial that was drawn
    draws = np.einsum("dt,tlu->ldu", weight, sample.products, optimize=True) / pairs
    again, _ = fit_curve(draws.reshape(len(draws), -1), sample, settings, first, n_components, refine=False)
    taus, status = _mean_tau(again).reshape(len(weight), -1), again.status.reshape(len(weight), -1)
    low, high = interval_of_draws(taus, status, settings.level, len(sample.pairs))
    out.tau_low[units], out.tau_high[units] = low * settings.bin_width, high * settings.bin_width
    lost = ((status == NONE).mean(axis=0) > 1 - settings.level) | ((low == 0) & np.isinf(high))
    out.status[units] = np.where(lost & (decay.status == CONVERGED), NOISE, decay.status)


def tail_share(level: float, n_trials: int) -> float:
    """Share of bootstrap draws to leave out at each end.

    Further out than the level says, as Student's t asks of so many trials: the expanded percentile interval of
    Hesterberg 2015, doi:10.1080/00031305.2015.1089789.
    """
    return float(norm.cdf(np.sqrt(n_trials / (n_trials - 1)) * student.ppf((1 - level) / 2, n_trials - 1)))


def interval_of_draws(taus: NDArray, status: NDArray, level: float, n_trials: int) -> tuple[NDArray, NDArray]:
    """Percentiles of time constants ``(draw, series)``, of which some left the range that can be measured.

    Such draws count as 0 or as infinite; those without a positive decay count as either, whichever is wider.
    """
    tail = tail_share(level, n_trials)
    fast, slow = np.isin(status, [SHORT, NONE]), np.isin(status, [LONG, NONE])
    # Of the order statistics themselves, as there is no way to interpolate to infinity.
    low = np.quantile(np.where(fast, 0.0, np.where(slow, np.inf, taus)), tail, axis=0, method="inverted_cdf")
    high = np.quantile(np.where(slow, np.inf, np.where(fast, 0.0, taus)), 1 - tail, axis=0, method="inverted_cdf")
    return low, high


def _mean_tau(decay: Decay) -> NDArray[np.float64]:
    """Time constant of the whole: amplitude-weighted mean of the two, or the only one ``(series,)``."""
    if len(decay.tau) == 1:
        return decay.tau[0]
    return (decay.amplitude * decay.tau).sum(axis=0) / decay.amplitude.sum(axis=0)


def _first_lags(sample: Autocovariance, settings: Settings) -> NDArray[np.int64]:
    """First lag to be fitted, of each unit."""
    n_units = sample.covariance.shape[1]
    if settings.first_lag != "decreasing":
        return np.full(n_units, settings.first_lag)
    falls = sample.covariance[2:] < sample.covariance[1:-1]
    least = 3 + settings.offset + 2 * (settings.model != "single")
    return np.minimum(1 + falls.argmax(axis=0), max(1, len(sample.covariance) - least))


def _choose(sample: Autocovariance, settings: Settings, first: NDArray) -> NDArray[np.int64]:
    """One or two exponentials, by how well they predict held-out trials ``(unit,)``."""
    fold = np.arange(len(sample.pairs)) % _N_FOLDS
    weight = sample.pairs.sum(axis=0)
    gain = np.full((_N_FOLDS, first.size), np.nan)
    for held_out in range(_N_FOLDS):
        parts = [np.flatnonzero((fold == held_out) == side) for side in (False, True)]
        if min(p.size for p in parts) < 2:
            return np.ones(first.size, dtype=np.int64)
        train, test = (
            sample.products[p].sum(axis=0) / np.maximum(sample.pairs[p].sum(axis=0), 1)[:, None] for p in parts
        )
        for k in np.unique(first):
            units = np.flatnonzero(first == k)
            target, _, back = _past_first(test[:, units], sample, settings, int(k))
            errors = []
            for n in (1, 2):
                decay, expected = fit_curve(train[:, units], sample, settings, int(k), n)
                miss = target - (expected - back @ train[: int(k), units])
                errors.append(np.where(decay.status == CONVERGED, weight[int(k) :] @ miss**2, np.inf))
            one, two = errors
            gain[held_out, units] = np.subtract(one, two, out=np.full(two.shape, -np.inf), where=np.isfinite(two))
    usable = np.isfinite(gain).all(axis=0)
    gain[:, ~usable] = 0.0
    error = gain.std(axis=0, ddof=1) / np.sqrt(_N_FOLDS)
    return np.where(usable & (gain.mean(axis=0) > error), 2, 1)


def _empty(sample: Autocovariance, settings: Settings) -> TimescaleFit:
    n_lags, n_units = sample.covariance.shape
    missing = {name: np.full(n_units, np.nan) for name in TimescaleFit._fields[:7]}
    zero = np.where(sample.covariance[0] > 0, sample.covariance[0], np.nan)
    return TimescaleFit(
        **missing,
        n_exponentials=np.zeros(n_units, dtype=np.int64),
        status=np.full(n_units, NO_VARIANCE, dtype=f"<U{max(map(len, (SHORT, LONG, NONE)))}"),
        lag=np.arange(n_lags) * settings.bin_width,
        autocorrelation=sample.covariance / zero,
        fitted=np.full((n_lags, n_units), np.nan),
    )
