"""What the units of an NWB file did, in bins: spike counts or imaging traces."""

from collections.abc import Sequence
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurorec.io.nwb.area import AreaChoice, choose_areas
from neurorec.io.nwb.traces import (
    UNITS,
    bin_traces,
    choose_traces,
    common_intervals,
    find_traces,
    read_traces,
    trace_kind,
)
from neurorec.io.nwb.trials import choose_tables, read_trials
from neurorec.io.nwb.units import (
    filter_units,
    observable,
    read_invalid,
    read_observed,
    read_spikes,
    read_units,
    unique_ids,
)
from neurorec.recording import (
    BIN_TOLERANCE,
    Bins,
    FileError,
    InputError,
    bin_intervals,
    count_spikes,
    observed_mask,
)

DEFAULT_BIN_WIDTH = 0.01

# More values than this (4 GB of counts, thrice that while counting) are taken for a mistake in the clock or the bin
# width; the coordinates over time weigh as much as so many units.
MOST_VALUES = 1e9
COORDINATES = 10

_LOOKED_AT = 200_000  # spikes in which a grid of their times is looked for
_NEAR, _ENOUGH = 0.2, 1000  # s between different times that are looked at, and how many there have to be
_COARSE = 0.001  # s; clocks tick faster, bins of counts do not


class Activity(NamedTuple):
    """What the units did, in bins.

    Attributes
    ----------
    values : ndarray (time, unit)
    bins : Bins
    bin_width : float
        Seconds.
    observed : ndarray of bool (time, unit) or None
        Where units differ in what was observed.
    frame : pandas.DataFrame
        One row per unit, with the columns to keep.
    areas : ndarray of str (unit,)
    kind, units, source : str
        What the values are, their physical unit and where in the file they come from.
    trials : pandas.DataFrame or None
    moments : list of str
        The trial columns that hold times.
    """

    values: NDArray
    bins: Bins
    bin_width: float
    observed: NDArray[np.bool_] | None
    frame: pd.DataFrame
    areas: NDArray[np.str_]
    kind: str
    units: str
    source: str
    trials: pd.DataFrame | None
    moments: list[str]


class Choices(NamedTuple):
    """What the user asked for; see `neurorec.io.read_nwb`."""

    bin_width: float | None
    area: AreaChoice
    trials: str | Sequence[str] | None
    units: str | None
    window: tuple[float, float] | None


def read_spiking(file: h5py.File, name: str, group: h5py.Group | None, choices: Choices, doubts: list[str]) -> Activity:
    """Count the spikes of a unit table in bins of what was observed; doubts are added to the list."""
    if group is None:
        found = "imaging traces only" if find_traces(file) else "none"
        raise FileError(name, expected="units with spike times", found=found, remedy="choose another signal=")
    frame, own, areas = read_units(group, choices.area, doubts)
    spikes = read_spikes(group, frame.index, doubts)
    observed = read_observed(group, frame.index, doubts)
    session = _session(spikes.times, observed)
    table, moments = read_trials(choose_tables(file, choices.trials, doubts), session, doubts)
    bin_width = DEFAULT_BIN_WIDTH if choices.bin_width is None else choices.bin_width
    intervals = np.vstack(observed) if observed else _whole_session(session, table, bin_width, doubts)
    intervals = observable(intervals, read_invalid(file), choices.window, doubts)
    kept = filter_units(_with_area(frame, areas), choices.units) & ~spikes.truncated
    bins = _checked_bins(intervals, bin_width, int(kept.sum()))
    row = np.where(kept, np.cumsum(kept) - 1, -1)[spikes.unit]
    mine, n_units = row >= 0, int(kept.sum())
    counts = count_spikes(spikes.times[mine], row[mine], time=bins.time, bin_width=bin_width, n_units=n_units)
    _doubt_uncounted(spikes.times[mine], int(counts.sum()), choices.window, doubts)
    _doubt_grid(spikes.times[mine], bin_width, doubts)
    mask = _mask(observed, kept, bins, bin_width)
    return Activity(
        values=counts,
        bins=bins,
        bin_width=bin_width,
        observed=mask,
        frame=frame.loc[kept, own],
        areas=areas[kept],
        kind="counts",
        units="spikes/bin",
        source="units",
        trials=_within(table, choices.window),
        moments=moments,
    )


def read_imaging(
    file: h5py.File, name: str, signal: str | Sequence[str] | None, choices: Choices, doubts: list[str]
) -> Activity:
    """Put imaging traces, of one plane or several, on a common grid of bins; doubts are added to the list."""
    chosen = choose_traces(file, signal, doubts)
    if not chosen:
        remedy = "the file may hold raw data only; spike-sort or segment it first, or name series with signal="
        raise FileError(name, expected="units with spike times or imaging traces", found="neither", remedy=remedy)
    traces = read_traces(chosen, doubts)
    frame = unique_ids(pd.concat([trace.frame for trace in traces]), "Regions of interest", doubts)
    areas = choose_areas(frame, choices.area, (), doubts)
    bin_width = max(trace.interval for trace in traces) if choices.bin_width is None else choices.bin_width
    intervals = common_intervals(traces, bin_width, doubts)
    session = (float(intervals.min()), float(intervals.max())) if len(intervals) else None
    table, moments = read_trials(choose_tables(file, choices.trials, doubts), session, doubts)
    intervals = observable(intervals, read_invalid(file), choices.window, doubts)
    kept = filter_units(_with_area(frame, areas), choices.units)
    bins = _checked_bins(intervals, bin_width, int(kept.sum()))
    kind = trace_kind(chosen[0])
    return Activity(
        values=bin_traces(traces, kept, bins, bin_width, doubts),
        bins=bins,
        bin_width=bin_width,
        observed=None,
        frame=frame.drop(columns="plane_location", errors="ignore").loc[kept],
        areas=areas[kept],
        kind=kind,
        units=UNITS[kind],
        source=", ".join(series.path for series in chosen),
        trials=_within(table, choices.window),
        moments=moments,
    )


def _within(trials: pd.DataFrame | None, window: tuple[float, float] | None) -> pd.DataFrame | None:
    """The trials of which the window holds a part."""
    if trials is None or window is None:
        return trials
    inside = trials.loc[(trials["stop"] > window[0]) & (trials["start"] < window[1])]
    return inside if len(inside) else None


def _with_area(frame: pd.DataFrame, areas: NDArray[np.str_]) -> pd.DataFrame:
    """The unit table with the areas as ``area`` for the filter."""
    return frame.assign(area=areas)


def _session(times: NDArray, observed: list[NDArray] | None) -> tuple[float, float] | None:
    """First and last moment of the activity, s."""
    edges = np.concatenate([item.ravel() for item in observed]) if observed else times
    return (float(edges.min()), float(edges.max())) if edges.size else None


def _whole_session(
    session: tuple[float, float] | None, trials: pd.DataFrame | None, bin_width: float, doubts: list[str]
) -> NDArray[np.float64]:
    """From the first to the last spike or trial, in whole bins, where the file does not say what was observed."""
    first, last = [], []
    if session is not None:
        first, last = [session[0]], [np.floor(session[1] / bin_width) * bin_width + bin_width]
    if trials is not None and np.isfinite(trials["start"]).any():
        first.append(float(np.nanmin(trials["start"])))
        last.append(float(np.nanmax(trials[["start", "stop"]].to_numpy(float))))
    if not first:
        return np.empty((0, 2))
    start = np.floor(min(first) / bin_width + BIN_TOLERANCE) * bin_width
    stop = np.ceil(max(last) / bin_width - BIN_TOLERANCE) * bin_width
    doubts.append(
        f"The file does not say when units were observed; all were taken as observed from {start:.6g} to {stop:.6g} s, "
        "from the first to the last spike or trial."
    )
    return np.array([[start, stop]])


def _checked_bins(intervals: NDArray, bin_width: float, n_units: int) -> Bins:
    seconds = float(np.diff(intervals).sum())
    if seconds / bin_width * (n_units + COORDINATES) > MOST_VALUES:
        found = f"{seconds:.6g} s in bins of {bin_width:g} s for {n_units} units ({intervals.min():.6g} to "
        remedy = "give a window=(start, stop), wider bins, or fewer units"
        raise InputError(
            "bin_width",
            expected=f"at most {MOST_VALUES:.0e} values",
            found=found + f"{intervals.max():.6g} s)",
            remedy=remedy,
        )
    bins = bin_intervals(intervals, bin_width)
    if not bins.time.size:
        longest = float(np.diff(intervals).max(initial=0.0))
        remedy = "give narrower bins" if longest else "the file holds no activity to bin"
        raise InputError(
            "bin_width", expected=f"bins within stretches of {longest:.4g} s", found=f"{bin_width:g} s", remedy=remedy
        )
    return bins


def _doubt_grid(times: NDArray, bin_width: float, doubts: list[str]) -> None:
    """Say so where spike times are counts in bins of their own, which do not go into the bins asked for."""
    some = np.unique(times[: min(times.size, _LOOKED_AT)])
    apart = np.diff(some)
    apart = apart[apart < _NEAR]
    if apart.size < _ENOUGH:
        return
    step = float(np.quantile(apart, 0.001))
    share = apart / step
    if step < _COARSE or np.mean(np.abs(share - np.round(share)) < 0.01) < 0.999:
        return
    in_one = bin_width / step
    if abs(in_one - round(in_one)) > 0.01 or round(in_one) < 1:
        doubts.append(
            f"Spike times lie {1000 * step:.4g} ms apart, or multiples of that: they are counts of such bins. Bins of "
            f"{1000 * bin_width:.4g} ms hold different numbers of them in turn, which passes for a rhythm; set "
            f"bin_width to a multiple of {step:.4g} s."
        )


def _doubt_uncounted(times: NDArray, n_counted: int, window: tuple[float, float] | None, doubts: list[str]) -> None:
    if window is not None:
        times = times[(times >= window[0]) & (times < window[1])]
    lost = times.size - n_counted
    if lost > 0:
        doubts.append(f"{lost} of {times.size} spikes lie outside what was observed (in whole bins) and were left out.")


def _mask(
    observed: list[NDArray] | None, kept: NDArray[np.bool_], bins: Bins, bin_width: float
) -> NDArray[np.bool_] | None:
    if observed is None or all(item is observed[0] for item in observed):
        return None
    mask = observed_mask([observed[k] for k in np.flatnonzero(kept)], time=bins.time, bin_width=bin_width)
    return None if mask.all() else mask
