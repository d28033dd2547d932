"""The branching ratio by multistep regression, which does not mind that most units were not seen."""

from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError
from neurorec.timescales.autocorrelation import FEWEST_TRIALS, NOISE, interval_of_draws, tail_share
from neurorec.timescales.exponentials import CONVERGED, NONE, Curves, Decay, decay_at, fit_decay
from neurorec.timescales.rows import cut_rows

SILENT = "no variance"
_LONGEST_LAG = 1.0  # s, by default
_CHUNK = 4_000_000  # numbers held at a time


class BranchingFit(NamedTuple):
    """Branching ratio of one activity; NaN where undefined, and ``status`` says why.

    Attributes
    ----------
    m, m_low, m_high : float
        Per bin, and its interval, whose end is 0 or 1 where resamples leave the range that can be measured.
    tau, tau_low, tau_high : float
        ``-bin_width / ln m``, s.
    amplitude, offset : float
        b and c of the slopes ``b m^k + c``. Below 1, b shows noise or subsampling.
    conventional, conventional_low, conventional_high : float
        The slope at lag 1, which is the branching ratio only where every unit is seen.
    status : str
        "converged", or why there is no answer.
    lag : ndarray (lag,)
        Bins.
    slopes, fitted : ndarray (lag,)
        Regression slopes of the activity on the activity ``lag`` bins earlier, and the fit to them.
    """

    m: float
    m_low: float
    m_high: float
    tau: float
    tau_low: float
    tau_high: float
    amplitude: float
    offset: float
    conventional: float
    conventional_low: float
    conventional_high: float
    status: str
    lag: NDArray[np.float64]
    slopes: NDArray[np.float64]
    fitted: NDArray[np.float64]


def expected_slopes(m: float, share: float, lag: ArrayLike) -> NDArray[np.float64]:
    r"""Regression slopes of a subsampled Poisson branching process.

    Each event of a process with Poisson offspring and Poisson immigration is seen with probability :math:`\alpha`:
    :math:`r_k = m^k / [1 + (1 - \alpha)(1 - m^2) / \alpha]`.

    Parameters
    ----------
    m : float
        Branching ratio per bin.
    share : float
        Probability of being seen.
    lag : array_like (lag,)
        Bins, 1 or more.

    Returns
    -------
    ndarray (lag,)

    References
    ----------
    Wilting & Priesemann 2018, doi:10.1038/s41467-018-04725-4 (the bias); the factor follows from the variances.

    Examples
    --------
    >>> expected_slopes(0.99, 0.01, [1]).round(3).tolist()
    [0.333]
    """
    return m ** np.asarray(lag, dtype=float) / (1 + (1 - share) * (1 - m**2) / share)


def fit_branching(
    activity: ArrayLike,
    *,
    bin_width: float,
    max_lag: int | None = None,
    offset: bool = False,
    centring: Literal["grand", "bin"] = "grand",
    n_draws: int = 200,
    level: float = 0.95,
    rng: np.random.Generator,
) -> BranchingFit:
    r"""Estimate the branching ratio of summed activity by multistep regression.

    The slopes :math:`r_k` of :math:`a_{t+k}` on :math:`a_t`, by least squares over all pairs within trials, are fitted
    by :math:`\min \sum_k (r_k - b\,m^k - c)^2`. Not seeing most units lowers :math:`b`, not :math:`m`.

    Parameters
    ----------
    activity : array_like (trial, bin)
        Summed activity; NaN where not observed. No pair crosses a trial's edge.
    bin_width : float
        Seconds; of the order of the time one unit takes to activate another (Wilting & Priesemann use 4 ms).
    max_lag : int, optional
        Bins; by default half the longest trial, at most 1 s. A few times the timescale is best.
    offset : bool
        Whether there is a constant c, for activity that is not stationary over trials.
    centring : {"grand", "bin"}
        "bin" takes each bin's mean over trials off first, so that a response which all trials share is no memory.
    n_draws : int
        Bootstrap draws of trials; 0 for no interval, and none is given with fewer than five trials.
    level : float
        Coverage.
    rng : numpy.random.Generator
        For the draws.

    Returns
    -------
    BranchingFit

    Raises
    ------
    InputError
        With fewer lags than parameters.

    Notes
    -----
    The slopes of finite data are a little low, of the order of tau over the length of all trials together. A ratio at
    1 or above has no answer: it would be a timescale beyond the longest trial.

    References
    ----------
    Wilting & Priesemann 2018, doi:10.1038/s41467-018-04725-4.

    Examples
    --------
    >>> from neurorec.datasets import simulate_branching, subsample_activity
    >>> rng = np.random.default_rng(0)
    >>> activity = simulate_branching(0.95, drive=20, n_trials=20, n_bins=2000, rng=rng)
    >>> fit = fit_branching(subsample_activity(activity, 0.05, rng=rng), bin_width=0.004, max_lag=80, rng=rng)
    >>> bool(fit.m_low < 0.95 < fit.m_high), bool(fit.conventional < 0.5)
    (True, True)
    """
    values = np.atleast_2d(np.asarray(activity, dtype=float))
    n_trials, n_bins = values.shape
    usual = min(n_bins // 2, max(10, round(_LONGEST_LAG / bin_width)))
    n_lags = min(usual if max_lag is None else max_lag, n_bins - 2)
    if n_lags < 3 + offset or (centring == "bin" and n_trials < 2):
        raise InputError(
            "activity",
            expected=f"{3 + offset} lags or more within a trial, and two trials to centre bins",
            found=f"{n_lags} lags, {n_trials} trials",
            remedy="use narrower bins, or centring='grand'",
        )
    sums = _sums(_centre(values, centring), n_lags)
    slopes = _slopes(sums.sum(axis=1))
    lag = np.arange(1.0, n_lags + 1)
    decay = _fit(slopes[:, None], lag, offset, n_bins, refine=True)
    if not np.isfinite(slopes).all():
        decay = decay._replace(status=np.array([SILENT]))
    ends, status = _Ends(), str(decay.status[0])
    if n_draws and n_trials >= FEWEST_TRIALS and np.isfinite(slopes[0]):
        ends, lost = _intervals(sums, lag, offset, n_bins, level, n_draws, rng)
        status = NOISE if lost and status == CONVERGED else status
    known = status == CONVERGED
    tau, low, high = (np.where(known, [decay.tau[0, 0], ends.low, ends.high], np.nan)).tolist()
    return BranchingFit(
        m=_ratio(tau),
        m_low=_ratio(low),
        m_high=_ratio(high),
        tau=tau * bin_width,
        tau_low=low * bin_width,
        tau_high=high * bin_width,
        amplitude=float(decay.amplitude[0, 0]) if known else np.nan,
        offset=float(decay.offset[0]) if known else np.nan,
        conventional=float(slopes[0]),
        conventional_low=ends.first_low,
        conventional_high=ends.first_high,
        status=status,
        lag=lag,
        slopes=slopes,
        fitted=decay_at(decay, lag)[:, 0] if known else np.full(lag.size, np.nan),
    )


def branching_ratio(
    recording: xr.Dataset,
    *,
    bin_width: float | None = None,
    window: tuple[float, float] | None = None,
    max_lag: float | None = None,
    offset: bool | None = None,
    centring: Literal["grand", "bin"] | None = None,
    n_draws: int = 200,
    level: float = 0.95,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Branching ratio of the summed activity of each area.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording. Bins in which any unit of an area was not observed are left out for the area.
    bin_width : float, optional
        Seconds; by default the recording's own. The ratio is per bin: compare timescales, not ratios, across widths.
    window : (float, float), optional
        Part of each trial, s from its start.
    max_lag : float, optional
        Seconds; by default half the longest trial, at most 1 s.
    offset : bool, optional
        By default where there are trials: activity that differs from trial to trial adds a constant to all slopes,
        which without an offset passes for a long memory.
    n_draws, level, rng
        See `fit_branching`.
    centring : {"grand", "bin"}, optional
        By default "bin" where there are trials, as what follows an event in all of them would pass for memory;
        "grand" otherwise.

    Returns
    -------
    xarray.Dataset
        Over ``area``: ``m m_low m_high`` (per bin), ``tau tau_low tau_high`` (s), ``amplitude offset``,
        ``conventional conventional_low conventional_high``, ``status``, ``n_units``, ``rate`` (of all units together,
        per s); ``slopes (area, lag)`` and ``fitted (area, lag)``, lag in s.

    Notes
    -----
    The estimate is of the shared timescale of a population's activity. It is a branching ratio only where activity
    spreads like a branching process with steady input: an input that fluctuates has a timescale of its own.

    References
    ----------
    Wilting & Priesemann 2018, doi:10.1038/s41467-018-04725-4.

    Examples
    --------
    >>> from neurorec.datasets import simulate_branching_network
    >>> rng = np.random.default_rng(0)
    >>> recording = simulate_branching_network(0.9, drive=2, area="V1", n_trials=20, n_bins=500, rng=rng)
    >>> result = branching_ratio(recording, max_lag=0.1, rng=rng)
    >>> result["area"].values.tolist(), result["status"].values.tolist()
    (['V1'], ['converged'])
    """
    rows = cut_rows(recording, bin_width=bin_width, window=window)
    if centring is None:
        centring = "bin" if "trial" in recording.dims and len(rows.values) > 1 else "grand"
    offset = centring == "bin" if offset is None else offset
    areas = recording["area"].values.astype(str)
    names = np.unique(areas)
    fits = []
    for name in names:
        activity = rows.values[:, :, areas == name].sum(axis=2)
        n_max = None if max_lag is None else round(max_lag / rows.bin_width)
        fit = fit_branching(
            activity, bin_width=rows.bin_width, max_lag=n_max, offset=offset, centring=centring, n_draws=n_draws,
            level=level, rng=rng,
        )  # fmt: skip
        fits.append((fit, np.nanmean(activity) / rows.bin_width if np.isfinite(activity).any() else np.nan))
    data = {}
    for field in BranchingFit._fields[:-3]:
        unit = {"units": "s"} if field.startswith("tau") else {}
        data[field] = ("area", np.array([getattr(fit, field) for fit, _ in fits]), unit)
    for field in ("slopes", "fitted"):
        data[field] = (("area", "lag"), np.stack([getattr(fit, field) for fit, _ in fits]))
    data["n_units"] = ("area", np.array([np.count_nonzero(areas == name) for name in names]))
    data["rate"] = ("area", np.array([rate for _, rate in fits]), {"units": "1/s"})
    lag = ("lag", fits[0][0].lag * rows.bin_width, {"units": "s"})
    return xr.Dataset(data, coords={"area": names, "lag": lag}).assign_attrs(
        bin_width=rows.bin_width, centring=centring, with_offset=int(offset), n_trials=len(rows.values), level=level,
        n_draws=n_draws, session=str(recording.attrs.get("session", "session")),
    )  # fmt: skip


class _Ends(NamedTuple):
    """Intervals of the time constant (bins) and of the first slope."""

    low: float = np.nan
    high: float = np.nan
    first_low: float = np.nan
    first_high: float = np.nan


def _centre(values: NDArray, centring: str) -> NDArray[np.float64]:
    """Take off the mean, of all bins or of each over trials; a bin seen once has no mean to speak of."""
    observed = np.isfinite(values)
    axis = (0,) if centring == "bin" else (0, 1)
    filled = np.where(observed, values, 0.0)
    count = observed.sum(axis=axis, keepdims=True)
    centred = values - filled.sum(axis=axis, keepdims=True) / np.maximum(count, 1)
    return np.where(count > 1, centred, np.nan)


def _sums(values: NDArray, max_lag: int) -> NDArray[np.float64]:
    """Sums behind the slopes: n, x, y, xx and xy of each trial and lag ``(5, trial, lag)``."""
    observed = np.isfinite(values).astype(float)
    filled = np.where(observed > 0, values, 0.0)
    n = values.shape[1]
    out = np.empty((5, len(values), max_lag))
    for lag in range(1, max_lag + 1):
        seen, later = observed[:, : n - lag], observed[:, lag:]
        x, y = filled[:, : n - lag], filled[:, lag:]
        out[:, :, lag - 1] = [
            (a * b).sum(axis=1) for a, b in ((seen, later), (x, later), (seen, y), (x * x, later), (x, y))
        ]
    return out


def _slopes(sums: NDArray) -> NDArray[np.float64]:
    """Least-squares slopes ``(..., lag)`` from sums ``(5, ..., lag)``; NaN without variance."""
    n, x, y, xx, xy = sums
    spread = n * xx - x * x
    some = spread > 1e-12 * np.abs(n * xx)
    return np.where(some, (n * xy - x * y) / np.where(some, spread, 1.0), np.nan)


def _fit(slopes: NDArray, lag: NDArray, offset: bool, longest: int, *, refine: bool) -> Decay:
    curves = Curves(slopes, np.eye(lag.size), lag, np.ones(lag.size))
    return fit_decay(curves, offset=offset, longest=longest, refine=refine)


def _intervals(
    sums: NDArray, lag: NDArray, offset: bool, longest: int, level: float, n_draws: int, rng: np.random.Generator
) -> tuple[_Ends, bool]:
    """Bootstrap intervals over trials; and whether too many draws found nothing to be told from noise."""
    n_trials = sums.shape[1]
    weight = rng.multinomial(n_trials, np.full(n_trials, 1 / n_trials), n_draws).astype(float)
    slopes = _slopes(np.einsum("dt,stl->sdl", weight, sums, optimize=True))
    again = _fit(slopes.T, lag, offset, longest, refine=False)
    low, high = (float(end[0]) for end in interval_of_draws(again.tau.T, again.status[:, None], level, n_trials))
    tail = tail_share(level, n_trials)
    first_low, first_high = np.quantile(slopes[:, 0], [tail, 1 - tail]).tolist()
    lost = bool((again.status == NONE).mean() > 1 - level) or (low == 0 and np.isinf(high))
    return _Ends(low, high, first_low, first_high), lost


def _ratio(tau: float) -> float:
    """Branching ratio per bin of a time constant in bins: 0 of 0, 1 of infinity."""
    return float(np.exp(-np.divide(1.0, tau))) if tau > 0 else (0.0 if tau == 0 else np.nan)
