"""Neuronal avalanches: runs of bins in which a population is active."""

from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from neurorec.recording import InputError
from neurorec.timescales.crackling import CracklingFit, ShapeCollapse, collapse_shapes, fit_crackling
from neurorec.timescales.power_laws import ALTERNATIVES, PowerLawFit, fit_power_law
from neurorec.timescales.rows import cut_rows

FEWEST_AVALANCHES = 200  # below it, exponents have errors of 0.1 and more and no alternative can be ruled out
TOO_FEW = "too few avalanches"
_FIELDS = (
    "exponent",
    "exponent_error",
    "smallest",
    "n_tail",
    "distance",
    "truncated_exponent",
    "truncated_cutoff",
    "status",
)


class Avalanches(NamedTuple):
    """Avalanches of one activity, in order.

    Attributes
    ----------
    size : ndarray (avalanche,)
        Summed activity above the threshold.
    duration : ndarray of int (avalanche,)
        Bins.
    trial, start : ndarray of int (avalanche,)
        Where it began, bin within the trial.
    n_cut : int
        Runs that touch a trial's edge or a missing bin: their ends were not seen, and they are left out.
    """

    size: NDArray[np.float64]
    duration: NDArray[np.int64]
    trial: NDArray[np.int64]
    start: NDArray[np.int64]
    n_cut: int


def find_avalanches(activity: ArrayLike, *, threshold: float = 0.0) -> Avalanches:
    """Cut summed activity into avalanches: runs of bins above a threshold, between bins that are not.

    Parameters
    ----------
    activity : array_like (trial, bin)
        Summed over units; NaN where not observed.
    threshold : float
        Activity at or below it counts as silence.

    Returns
    -------
    Avalanches

    Examples
    --------
    >>> found = find_avalanches([[0, 2, 3, 0, 1, 0, 4]])
    >>> found.size.tolist(), found.duration.tolist(), found.n_cut
    ([5.0, 1.0], [2, 1], 1)
    """
    values = np.atleast_2d(np.asarray(activity, dtype=float))
    seen = np.isfinite(values)
    above = np.pad(seen & (values > threshold), ((0, 0), (1, 1)))
    # Beyond an edge, and where a bin is missing, it is not known whether the run went on.
    unknown = np.pad(~seen, ((0, 0), (1, 1)), constant_values=True)
    step = np.diff(above.astype(np.int8), axis=1)
    trial, start = np.nonzero(step == 1)
    stop = np.nonzero(step == -1)[1]
    cut = unknown[trial, start] | unknown[trial, stop + 1]
    excess = np.where(seen, np.maximum(values - threshold, 0.0), 0.0)
    total = np.pad(np.cumsum(excess, axis=1), ((0, 0), (1, 0)))
    size = total[trial, stop] - total[trial, start]
    kept = ~cut
    return Avalanches(size[kept], (stop - start)[kept], trial[kept], start[kept], int(cut.sum()))


class AvalancheFit(NamedTuple):
    """What the avalanches of one activity look like.

    Attributes
    ----------
    avalanches : Avalanches
        The avalanches themselves.
    size, duration : PowerLawFit
        Of their distributions.
    crackling : CracklingFit
        The relation between their exponents.
    shapes : ShapeCollapse
        Mean profiles by duration.
    status : str
        "fitted", or that there are too few avalanches: all fits are then empty.
    """

    avalanches: Avalanches
    size: PowerLawFit
    duration: PowerLawFit
    crackling: CracklingFit
    shapes: ShapeCollapse
    status: str


def fit_avalanches(
    activity: ArrayLike,
    *,
    threshold: float = 0.0,
    smallest_size: int | None = None,
    smallest_duration: int | None = None,
    fewest: int = FEWEST_AVALANCHES,
    n_draws: int = 200,
    rng: np.random.Generator,
) -> AvalancheFit:
    """Find avalanches and fit their sizes, durations and shapes.

    Parameters
    ----------
    activity : array_like (trial, bin)
        Summed over units, in counts; NaN where not observed.
    threshold : float
        See `find_avalanches`.
    smallest_size, smallest_duration : int, optional
        Where the power laws begin; by default where they fit best (Kolmogorov-Smirnov distance).
    fewest : int
        With fewer avalanches nothing is fitted.
    n_draws : int
        Bootstrap draws of avalanches, for the errors of the crackling relation.
    rng : numpy.random.Generator
        For the draws.

    Returns
    -------
    AvalancheFit

    References
    ----------
    Beggs & Plenz 2003, doi:10.1523/JNEUROSCI.23-35-11167.2003; Clauset, Shalizi & Newman 2009, doi:10.1137/070710111;
    Friedman et al. 2012, doi:10.1103/PhysRevLett.108.208102.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> fit = fit_avalanches(rng.poisson(0.5, (1, 2000)), fewest=10_000, rng=rng)
    >>> fit.status, fit.size.exponent
    ('too few avalanches (481 of 10000)', nan)
    """
    values = np.atleast_2d(np.asarray(activity, dtype=float))
    found = find_avalanches(values, threshold=threshold)
    n = found.size.size
    enough = n >= fewest and np.unique(found.size).size > 2 and np.unique(found.duration).size > 2
    status = "fitted" if enough else f"{TOO_FEW} ({n} of {fewest})" if n < fewest else "avalanches all alike"
    size = fit_power_law(np.round(found.size) if enough else [], smallest=smallest_size)
    duration = fit_power_law(found.duration if enough else [], smallest=smallest_duration)
    crackling = fit_crackling(found.size, found.duration, size=size, duration_fit=duration, n_draws=n_draws, rng=rng)
    shapes = collapse_shapes(
        values - threshold, found.trial, found.start, found.duration if enough else found.duration[:0]
    )
    return AvalancheFit(found, size, duration, crackling, shapes, status)


def avalanche_statistics(
    recording: xr.Dataset,
    *,
    bin_width: float | None = None,
    threshold: float | Literal["median"] = 0.0,
    window: tuple[float, float] | None = None,
    by: Literal["area", "all"] = "area",
    smallest_size: int | None = None,
    smallest_duration: int | None = None,
    fewest: int = FEWEST_AVALANCHES,
    n_draws: int = 200,
    rng: np.random.Generator,
    progress: bool = True,
) -> xr.Dataset:
    """Avalanches of each area's summed activity, with what their distributions look like.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording of counts. Bins in which any unit of an area was not observed are missing for the area.
    bin_width : float, optional
        Seconds, a multiple of the recording's. By default the area's mean interval between events, rounded up to a
        whole number of the recording's bins.
    threshold : float or "median"
        Counts per bin that pass for silence, or the area's median: needed where a population is never silent.
    window : (float, float), optional
        Part of each trial, s from its start.
    by : {"area", "all"}
        Each area, or all units as one, named "all".
    smallest_size, smallest_duration, fewest, n_draws, rng
        See `fit_avalanches`.
    progress : bool
        Show a progress bar.

    Returns
    -------
    xarray.Dataset
        Over ``area`` and ``quantity`` (size, duration): ``exponent exponent_error smallest n_tail distance
        truncated_exponent truncated_cutoff status``, and against each ``alternative`` ``ratio`` (normalised
        log-likelihood ratio, above 0 where the power law is better), ``p_value``, ``truncated_ratio`` and
        ``truncated_p_value``; see `fit_power_law`. Over ``area``: ``predicted`` (a_T - 1) / (a_S - 1), ``measured``
        (exponent of mean size against duration), ``difference`` of the two, each with ``_low`` and ``_high``;
        ``collapse`` (exponent at which shapes fall together best), ``n_avalanches n_cut n_units bin_width threshold
        mean_interval found``. ``mean_shape (area, length, phase)``; and each avalanche over ``avalanche``: ``size
        duration`` (bins) and coordinate ``avalanche_area``.

    Notes
    -----
    A few of many units see avalanches in pieces: subsampling makes critical activity look subcritical, steepens
    exponents and can break the crackling relation (Priesemann et al. 2009, doi:10.1186/1471-2202-10-40). Wider bins
    join avalanches and flatten exponents, and so does a higher rate; exponents should be shown for several widths.
    Power laws over a decade or two also arise without criticality, from thresholded noise among others (Touboul &
    Destexhe 2017, doi:10.1103/PhysRevE.95.012413). Trials cut long avalanches: what touches an edge is left out
    (``n_cut``), so that short trials lack the long ones. `branching_ratio` is robust to subsampling where this is not.

    References
    ----------
    See `fit_avalanches`.

    Examples
    --------
    >>> from neurorec.datasets import simulate_branching_network
    >>> rng = np.random.default_rng(0)
    >>> recording = simulate_branching_network(0.9, n_units=50, n_bins=4000, area="V1", rng=rng)
    >>> result = avalanche_statistics(recording, rng=rng, progress=False)
    >>> result["found"].values.tolist(), bool(result["p_value"].sel(alternative="exponential").notnull().all())
    (['fitted'], True)
    """
    if recording["activity"].attrs["kind"] not in ("counts", "binary"):
        raise InputError(
            "activity", expected="counts", found=recording["activity"].attrs["kind"], remedy="use a recording of spikes"
        )
    areas = recording["area"].values.astype(str) if by == "area" else np.full(recording.sizes["unit"], "all")
    own = float(recording["activity"].attrs["bin_width"])
    names = np.unique(areas)
    rows = cut_rows(recording, window=window)
    parts = []
    for name in tqdm(names, disable=not progress, unit="area", desc="avalanches"):
        activity = rows.values[:, :, areas == name].sum(axis=2)
        seconds = np.isfinite(activity).sum() * own
        total = np.nansum(activity)
        interval = seconds / total if total else np.nan
        width = bin_width
        if width is None:
            width = own * max(1, int(np.ceil(min(interval, seconds) / own - 1e-9))) if total else own
        summed = _coarsen(activity, own, width)
        level = _median(summed) if threshold == "median" else float(threshold)
        fit = fit_avalanches(
            summed, threshold=level, smallest_size=smallest_size, smallest_duration=smallest_duration, fewest=fewest,
            n_draws=n_draws, rng=rng,
        )  # fmt: skip
        facts = {"n_units": np.count_nonzero(areas == name), "bin_width": width, "threshold": level}
        parts.append((fit, facts | {"mean_interval": interval}))
    return _label(names, parts).assign_attrs(session=str(recording.attrs.get("session", "session")))


def _median(values: NDArray) -> float:
    """Of the values that are known; 0 where none is, as of an area that was never observed whole."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else 0.0


def _coarsen(activity: NDArray, own: float, width: float) -> NDArray[np.float64]:
    """Sum neighbouring bins; what is left at the end is dropped."""
    factor = round(width / own)
    if factor < 1 or abs(factor * own - width) > 1e-3 * own:
        raise InputError("bin_width", expected=f"a multiple of {own:g} s", found=f"{width}", remedy="round it")
    factor = min(factor, activity.shape[1])
    n_bins = activity.shape[1] // factor
    return activity[:, : n_bins * factor].reshape(len(activity), n_bins, factor).sum(axis=2)


def _label(names: NDArray, parts: list[tuple[AvalancheFit, dict]]) -> xr.Dataset:
    """One dataset of the areas' fits."""
    data: dict[str, tuple] = {}
    pairs = [(fit.size, fit.duration) for fit, _ in parts]
    for field in _FIELDS:
        data[field] = (("area", "quantity"), np.array([[getattr(q, field) for q in pair] for pair in pairs]))
    for field in ("ratio", "p_value", "truncated_ratio", "truncated_p_value"):
        values = np.array([[getattr(q, field) for q in pair] for pair in pairs])
        data[field] = (("area", "quantity", "alternative"), values)
    for field in CracklingFit._fields:
        data[field] = ("area", np.array([getattr(fit.crackling, field) for fit, _ in parts]))
    data["collapse"] = ("area", np.array([fit.shapes.exponent for fit, _ in parts]))
    data["found"] = ("area", np.array([fit.status for fit, _ in parts]))
    data["n_avalanches"] = ("area", np.array([fit.avalanches.size.size for fit, _ in parts]))
    data["n_cut"] = ("area", np.array([fit.avalanches.n_cut for fit, _ in parts]))
    for field, unit in (("n_units", ""), ("bin_width", "s"), ("threshold", "counts"), ("mean_interval", "s")):
        data[field] = ("area", np.array([facts[field] for _, facts in parts]), {"units": unit} if unit else {})
    data["size"] = ("avalanche", np.concatenate([fit.avalanches.size for fit, _ in parts]))
    data["duration"] = ("avalanche", np.concatenate([fit.avalanches.duration for fit, _ in parts]), {"units": "bins"})
    counts = [fit.avalanches.size.size for fit, _ in parts]
    lengths = np.unique(np.concatenate([fit.shapes.duration for fit, _ in parts]))
    phase = parts[0][0].shapes.phase
    shape = np.full((len(parts), lengths.size, phase.size), np.nan)
    for i, (fit, _) in enumerate(parts):
        shape[i, np.searchsorted(lengths, fit.shapes.duration)] = fit.shapes.profile
    data["mean_shape"] = (("area", "length", "phase"), shape)
    return xr.Dataset(
        data,
        coords={
            "area": names,
            "quantity": ["size", "duration"],
            "alternative": list(ALTERNATIVES),
            "length": ("length", lengths, {"units": "bins"}),
            "phase": phase,
            "avalanche_area": ("avalanche", np.repeat(names, counts)),
        },
    )
