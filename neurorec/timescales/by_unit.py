"""Timescales of a recording: of every unit, and of every area."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from tqdm import tqdm

from neurorec.plot import median_interval
from neurorec.recording import SelectionError
from neurorec.timescales.autocorrelation import (
    FEWEST_TRIALS,
    NOISE,
    Model,
    Settings,
    TimescaleFit,
    fit_curve,
    fit_timescale,
    interval_of_draws,
    settings_for,
)
from neurorec.timescales.covariance import Autocovariance, Centring, autocovariance
from neurorec.timescales.exponentials import CONVERGED, NONE, Decay
from neurorec.timescales.rows import Rows, cut_rows

FEWEST_SPIKES = 100  # below it the autocovariance of a few hundred trials is noise, whatever the unit does
TOO_FEW = "too few spikes"
UNOBSERVED = "observed in too few trials"
_BY_UNIT = ("tau", "tau_low", "tau_high", "tau_fast", "tau_slow", "amplitude", "offset", "n_exponentials", "status")


def intrinsic_timescale(
    recording: xr.Dataset,
    *,
    window: tuple[float, float] | None = None,
    bin_width: float = 0.05,
    model: Model = "single",
    offset: bool = True,
    bias: Literal["analytic", "none"] = "analytic",
    centring: Centring = "bin",
    first_lag: int | Literal["decreasing"] = 1,
    max_lag: float | None = None,
    min_spikes: int = FEWEST_SPIKES,
    n_draws: int = 200,
    level: float = 0.95,
    rng: np.random.Generator,
    progress: bool = True,
) -> xr.Dataset:
    """How long does each unit's activity stay like itself?

    See `fit_timescale` for the estimator: exponentials and an offset, fitted to the sample autocovariance with the
    bias of finite trials in the model.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording with trials, blocks (`neurorec.add_blocks`) or several segments.
    window : (float, float), optional
        Part of each trial, s from its start; Murray et al. take the time before the stimulus.
    bin_width : float
        Seconds, a multiple of the recording's.
    model, offset, bias, centring, first_lag, n_draws, level, rng
        See `fit_timescale`. The default centring takes off what all trials have in common bin by bin, such as a
        stimulus response; slow changes over trials go to the offset.
    max_lag : float, optional
        Seconds; by default three quarters of the longest trial, at most 1 s.
    min_spikes : int
        Units with fewer in the bins used are not fitted; counts only.
    progress : bool
        Show a progress bar.

    Returns
    -------
    xarray.Dataset
        Over ``unit``: ``tau tau_low tau_high tau_fast tau_slow`` (s), ``amplitude offset`` (share of the variance at
        lag 0), ``n_exponentials``, ``status`` ("converged", or why there is no answer), ``n_spikes`` (summed activity
        where these are no counts), ``rate`` (per s). ``autocorrelation (unit, lag)`` and ``fitted (unit, lag)``, both
        with the bias of finite trials. Coordinates ``unit area session``, and ``lag`` in s.

    Raises
    ------
    InputError, SelectionError
        Where bins do not fit the recording's, trials are too short or too few.

    References
    ----------
    Murray et al. 2014, doi:10.1038/nn.3862; Zeraati et al. 2022, doi:10.1038/s43588-022-00214-3.

    Examples
    --------
    >>> from neurorec.datasets import simulate_branching_network
    >>> rng = np.random.default_rng(0)
    >>> recording = simulate_branching_network(0.9, n_units=20, n_trials=80, n_bins=100, rng=rng)
    >>> result = intrinsic_timescale(recording, bin_width=0.004, n_draws=0, rng=rng, progress=False)
    >>> result["tau"].dims, result["tau"].attrs["units"]
    (('unit',), 's')
    """
    rows = cut_rows(recording, bin_width=bin_width, window=window)
    n_max = None if max_lag is None else round(max_lag / rows.bin_width)
    total, seconds = np.nansum(rows.values, axis=(0, 1)), np.isfinite(rows.values).sum(axis=(0, 1)) * rows.bin_width
    counts = recording["activity"].attrs["kind"] == "counts"
    active = total >= min_spikes if counts else np.ones(total.size, dtype=bool)
    groups = _alike(rows, np.flatnonzero(active))
    fits: list[tuple[NDArray, TimescaleFit]] = []
    with tqdm(total=int(active.sum()), disable=not progress, unit="unit", desc="timescales") as bar:
        for units in groups:
            seen = _seen(rows, units)
            if seen.sum() < 2:
                bar.update(units.size)
                continue
            fit = fit_timescale(
                rows.values[seen][:, :, units], bin_width=rows.bin_width, model=model, offset=offset, bias=bias,
                centring=centring, first_lag=first_lag, max_lag=n_max, n_draws=n_draws, level=level, rng=rng,
                progress=bar.update,
            )  # fmt: skip
            fits.append((units, fit))
    if not fits:
        raise SelectionError(
            "units",
            expected=f"some with {min_spikes} spikes or more, and two trials",
            found="none",
            remedy="lower min_spikes, or cut the recording into blocks (neurorec.add_blocks)",
        )
    result = _collect(fits, np.where(active, UNOBSERVED, TOO_FEW))
    result["n_spikes"] = ("unit", total)
    result["rate"] = ("unit", total / np.where(seconds > 0, seconds, np.nan), {"units": "1/s"})
    result = _place(result, recording)
    return result.assign_attrs(
        bin_width=rows.bin_width, model=model, bias=bias, centring=centring, first_lag=first_lag, level=level,
        n_draws=n_draws, n_trials=len(rows.values), longest_trial=rows.values.shape[1] * rows.bin_width,
    )  # fmt: skip


def timescale_by_area(
    recording: xr.Dataset,
    units: xr.Dataset,
    *,
    window: tuple[float, float] | None = None,
    max_lag: float | None = None,
    model: Literal["single", "double"] = "single",
    offset: bool = True,
    n_draws: int = 200,
    rng: np.random.Generator,
    progress: bool = True,
) -> xr.Dataset:
    """Summarise timescales by area: the median of the units', and that of the area's mean autocorrelation.

    The median rests on the units whose timescale could be told from noise, which are the more active and the more
    correlated ones. The mean autocorrelation rests on all units with enough spikes, each weighing the same, and has
    an answer where single units have none; but a mean of exponentials is no exponential, and leans to the slow ones.

    Parameters
    ----------
    recording : xarray.Dataset
        The recording.
    units : xarray.Dataset
        From `intrinsic_timescale` of it. Bins, centring, first lag, bias and level are as there ("decreasing": lag 1).
    window, max_lag
        As given to `intrinsic_timescale`.
    model, offset
        Of the fit to the mean autocorrelation.
    n_draws : int
        Bootstrap draws, of trials and of units together.
    rng : numpy.random.Generator
        For the draws.
    progress : bool
        Show a progress bar.

    Returns
    -------
    xarray.Dataset
        Over ``area``: ``median median_low median_high`` (s, order statistics over the ``n_converged`` units),
        ``tau tau_low tau_high`` (s, of the mean autocorrelation of the ``n_pooled`` units), ``amplitude offset
        status``, ``n_units``, ``autocorrelation (area, lag)`` and ``fitted (area, lag)``.

    Notes
    -----
    Units of unknown area make up an area of their own, named ``""``. Drawing trials and units counts the noise of
    trials twice where units are independent: intervals of the mean autocorrelation err on the wide side.

    Examples
    --------
    >>> from neurorec.datasets import simulate_branching_network
    >>> rng = np.random.default_rng(0)
    >>> recording = simulate_branching_network(0.9, n_units=40, drive=1, n_trials=80, n_bins=100, area="V1", rng=rng)
    >>> result = intrinsic_timescale(recording, bin_width=0.004, rng=rng, progress=False)
    >>> areas = timescale_by_area(recording, result, rng=rng, progress=False)
    >>> areas["area"].values.tolist(), areas["status"].values.tolist(), bool(0.01 < areas["tau"][0] < 0.06)
    (['V1'], ['converged'], True)
    """
    rows = cut_rows(recording, bin_width=float(units.attrs["bin_width"]), window=window)
    pooled = ~np.isin(units["status"].values, [TOO_FEW, UNOBSERVED])
    first = units.attrs["first_lag"]
    settings = settings_for(
        rows.values.shape[1], bin_width=rows.bin_width, model=model, offset=offset, bias=units.attrs["bias"],
        centring=units.attrs["centring"], first_lag=1 if first == "decreasing" else int(first), n_draws=n_draws,
        max_lag=None if max_lag is None else round(max_lag / rows.bin_width), level=float(units.attrs["level"]),
    )  # fmt: skip
    names = np.unique(units["area"].values.astype(str))
    out = []
    for name in tqdm(names, disable=not progress, unit="area", desc="areas"):
        own = np.flatnonzero(units["area"].values == name)
        chosen = own[pooled[own]]
        converged = own[units["status"].values[own] == CONVERGED]
        middle = median_interval(units["tau"].values[converged])
        row = _pool(rows, chosen, settings, rng)
        row = row.assign({"median": middle.median, "median_low": middle.low, "median_high": middle.high})
        out.append(row.assign(n_units=own.size, n_converged=converged.size, n_pooled=chosen.size))
    result = xr.concat(out, dim=xr.Variable("area", names.astype(object)), join="outer")
    assert isinstance(result, xr.Dataset)
    for name in ("tau", "tau_low", "tau_high", "median", "median_low", "median_high"):
        result[name].attrs["units"] = "s"
    return result.assign_coords(area=names).assign_attrs(units.attrs | {"model": model, "n_draws": n_draws})


def _pool(rows: Rows, units: NDArray, settings: Settings, rng: np.random.Generator) -> xr.Dataset:
    """Fit the mean autocorrelation of some units."""
    samples = [
        autocovariance(
            rows.values[_seen(rows, group)][:, :, group], max_lag=settings.max_lag, centring=settings.centring
        )
        for group in _alike(rows, units)
        if _seen(rows, group).sum() >= 2
    ]
    lag = np.arange(settings.max_lag + 1) * settings.bin_width
    if not samples:
        missing = dict.fromkeys(("tau", "tau_low", "tau_high", "amplitude", "offset"), np.nan)
        empty = {name: ("lag", np.full(lag.size, np.nan)) for name in ("autocorrelation", "fitted")}
        return xr.Dataset(missing | empty | {"status": TOO_FEW}, coords={"lag": lag})
    first = 1 if settings.first_lag == "decreasing" else settings.first_lag
    mean, common = _mean_correlation(samples, lambda s: s.covariance)
    decay, expected = fit_curve(mean[:, None], common, settings, first, 2 if settings.model == "double" else 1)
    status, tau = str(decay.status[0]), _tau_of(decay)[0]
    low = high = np.nan
    if settings.n_draws and min(len(s.pairs) for s in samples) >= FEWEST_TRIALS:
        draws = np.stack([_mean_correlation(samples, _drawn(rng), rng)[0] for _ in range(settings.n_draws)], axis=1)
        again, _ = fit_curve(draws, common, settings, first, len(decay.tau), refine=False)
        ends = interval_of_draws(
            _tau_of(again)[:, None], again.status[:, None], settings.level, min(len(s.pairs) for s in samples)
        )
        low, high = float(ends[0][0]), float(ends[1][0])
        lost = (again.status == NONE).mean() > 1 - settings.level or (low == 0 and np.isinf(high))
        status = NOISE if lost and status == CONVERGED else status
    known = status == CONVERGED
    fitted = np.full(lag.size, np.nan)
    fitted[first:] = expected[:, 0]
    values = {"tau": tau, "tau_low": low, "tau_high": high}
    values = {name: value * settings.bin_width if known else np.nan for name, value in values.items()}
    values |= {"amplitude": decay.amplitude.sum() if known else np.nan, "offset": decay.offset[0] if known else np.nan}
    curves = {"autocorrelation": ("lag", mean), "fitted": ("lag", fitted if known else np.full(lag.size, np.nan))}
    return xr.Dataset(values | curves | {"status": status}, coords={"lag": lag})


def _tau_of(decay: Decay) -> NDArray[np.float64]:
    """Time constant of the whole, bins ``(series,)``."""
    return (decay.amplitude * decay.tau).sum(axis=0) / decay.amplitude.sum(axis=0)


def _mean_correlation(
    samples: list[Autocovariance],
    covariance: Callable[[Autocovariance], NDArray],
    rng: np.random.Generator | None = None,
) -> tuple[NDArray, Autocovariance]:
    """Mean autocorrelation over units ``(lag,)``, drawn again where there is a generator; and what biases it."""
    parts = [covariance(sample) for sample in samples]
    joined = np.concatenate(parts, axis=1)
    share = np.repeat(np.arange(len(parts)), [p.shape[1] for p in parts])
    valid = joined[0] > 0
    units = np.flatnonzero(valid)
    if rng is not None and units.size:
        units = units[rng.integers(units.size, size=units.size)]
    mean = (joined[:, units] / joined[0, units]).mean(axis=1) if units.size else np.full(len(joined), np.nan)
    size = np.bincount(share, minlength=len(samples))
    expected = sum(n * s.expected for n, s in zip(size, samples, strict=True)) / size.sum()
    pairs = sum(n * s.pairs.sum(axis=0) for n, s in zip(size, samples, strict=True)) / size.sum()
    return mean, Autocovariance(mean[:, None], np.empty((0, 0, 0)), np.asarray(pairs)[None], np.asarray(expected))


def _drawn(rng: np.random.Generator) -> Callable[[Autocovariance], NDArray]:
    """Autocovariance with trials drawn again, the same for all units of a sample."""

    def draw(sample: Autocovariance) -> NDArray:
        n = len(sample.pairs)
        weight = rng.multinomial(n, np.full(n, 1 / n)).astype(float)
        return np.tensordot(weight, sample.products, axes=1) / np.maximum(weight @ sample.pairs, 1)[:, None]

    return draw


def _alike(rows: Rows, units: NDArray) -> list[NDArray]:
    """Units in groups that were observed in the same bins."""
    if not units.size:
        return []
    seen = np.packbits(np.isfinite(rows.values[:, :, units]).reshape(-1, units.size), axis=0)
    _, group = np.unique(seen, axis=1, return_inverse=True)
    return [units[group == g] for g in np.unique(group)]


def _seen(rows: Rows, units: NDArray) -> NDArray:
    """Rows in which the units were observed for two bins or more ``(row,)``."""
    return np.isfinite(rows.values[:, :, units[0]]).sum(axis=1) >= 2


def _collect(fits: list[tuple[NDArray, TimescaleFit]], status: NDArray) -> xr.Dataset:
    """One dataset of the groups' fits."""
    n_units, lag = status.size, fits[0][1].lag
    data = {}
    for name in _BY_UNIT:
        like = getattr(fits[0][1], name)
        whole = status.astype("<U64") if name == "status" else np.full(n_units, 0 if like.dtype.kind == "i" else np.nan)
        whole = whole if name == "status" else whole.astype(like.dtype)
        for units, fit in fits:
            whole[units] = getattr(fit, name)
        data[name] = ("unit", whole, {"units": "s"} if name.startswith("tau") else {})
    for name in ("autocorrelation", "fitted"):
        curve = np.full((n_units, lag.size), np.nan)
        for units, fit in fits:
            curve[units] = getattr(fit, name).T
        data[name] = (("unit", "lag"), curve)
    return xr.Dataset(data, coords={"lag": ("lag", lag, {"units": "s"})})


def _place(result: xr.Dataset, recording: xr.Dataset) -> xr.Dataset:
    session = str(recording.attrs.get("session", "session"))
    return result.assign_coords(
        unit=recording["unit"].variable,
        area=recording["area"].variable,
        session=("unit", np.full(recording.sizes["unit"], session)),
    )
