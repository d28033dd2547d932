"""The units of an NWB file: their table, their spikes and when they were observed."""

from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from neurorec.io.nwb.area import AreaChoice, choose_areas, clean_areas
from neurorec.io.nwb.electrodes import join_electrodes, read_electrodes
from neurorec.io.nwb.file import dataset, label, salvage
from neurorec.io.nwb.table import read_ragged, read_table
from neurorec.recording import (
    FileError,
    SelectionError,
    clip_intervals,
    first_offenders,
    merge_intervals,
    subtract_intervals,
)

# Columns that are read on their own, or hold waveforms.
NOT_SCALAR = ("spike_times", "obs_intervals", "electrodes", "waveform_mean", "waveform_sd", "waveforms")

# Below this rate over a span longer than a day, spike times are likely to be in ms.
LONG_SESSION, LOW_RATE = 86400.0, 0.05


class UnitTable(NamedTuple):
    """What is known of the units apart from their spikes.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per unit, indexed by id: the unit table's columns, and its electrode's as ``electrode_...``.
    own : list of str
        The columns that the unit table itself has.
    areas : ndarray of str (unit,)
    """

    frame: pd.DataFrame
    own: list[str]
    areas: NDArray[np.str_]


class Spikes(NamedTuple):
    """Spikes of all units.

    Attributes
    ----------
    times : ndarray (spike,)
        Seconds; those of one unit stand together, in order.
    unit : ndarray of int (spike,)
        Row of the unit that fired.
    truncated : ndarray of bool (unit,)
        True where the file lost spikes of the unit.
    """

    times: NDArray[np.float64]
    unit: NDArray[np.int64]
    truncated: NDArray[np.bool_]


def find_units(file: h5py.File) -> h5py.Group | None:
    """The unit table, where the file has one with spikes."""
    for path in ("units", "processing/ecephys/units", "processing/spikes/units"):
        group = file.get(path)
        if isinstance(group, h5py.Group):
            times = group.get("spike_times")
            if isinstance(times, h5py.Dataset) and times.size:
                return group
    return None


def read_units(group: h5py.Group, area: AreaChoice, doubts: list[str]) -> UnitTable:
    """The unit table, joined to the electrode table, and the areas that follow from both."""
    frame = read_table(group, doubts, skip=NOT_SCALAR)
    frame = unique_ids(frame, label(group), doubts)
    own = [str(name) for name in frame.columns]
    electrodes = pd.DataFrame()
    with salvage("The electrode table", doubts):
        electrodes = read_electrodes(group.file, doubts)
    with salvage("The electrodes of the units", doubts):
        frame = join_electrodes(frame, group, electrodes, doubts)
    locations = electrodes.reindex(columns=["location"])["location"]
    named = set(clean_areas(locations, "electrode_location", []).tolist()) - {""}
    return UnitTable(frame, own, choose_areas(frame, area, named, doubts))


def unique_ids(frame: pd.DataFrame, where: str, doubts: list[str]) -> pd.DataFrame:
    """Number units anew where an id occurs twice, keeping the file's ids as ``file_id``."""
    if frame.index.is_unique:
        return frame
    again = frame.index[frame.index.duplicated()].unique()
    doubts.append(f"{where}: ids {first_offenders(again)} occur more than once; units are numbered by row instead.")
    frame = frame.copy()
    frame["file_id"] = frame.index
    return frame.reset_index(drop=True).rename_axis("id")


def filter_units(frame: pd.DataFrame, units: str | None) -> NDArray[np.bool_]:
    """Which units a filter expression keeps, in the syntax of `pandas.DataFrame.query`."""
    if units is None:
        return np.ones(len(frame), dtype=bool)
    columns = f"an expression on columns {', '.join(map(str, frame.columns))}"
    try:
        kept = frame.eval(units, engine="python")
    except Exception as error:  # pandas raises whatever the expression raises
        found = f"{units!r} ({type(error).__name__}: {error})"
        remedy = 'write for example units="quality > 0.5"; use backticks around names with spaces'
        raise SelectionError("units", expected=columns, found=found, remedy=remedy) from error
    kept = np.asarray(kept)
    if kept.dtype != bool or kept.shape != (len(frame),):
        remedy = f'compare with a value, for example "{units} == 1"'
        raise SelectionError("units", expected="a condition, true or false for each unit", found=units, remedy=remedy)
    if not kept.any():
        remedy = "loosen the filter"
        raise SelectionError("units", expected="at least one unit", found=f"none where {units}", remedy=remedy)
    return kept


def read_spikes(group: h5py.Group, ids: ArrayLike, doubts: list[str]) -> Spikes:
    """All spike times, in order within each unit; missing ones left out."""
    ids = np.asarray(ids)
    ragged = read_ragged(group, "spike_times")
    if ragged is None or ragged.first.size != ids.size:
        n_rows = 0 if ragged is None else ragged.first.size
        raise FileError(
            label(group),
            expected=f"spike times of {ids.size} units",
            found=f"{n_rows} rows of spike_times",
            remedy="the table is damaged: write the file again from its source",
        )
    times, unit = ragged.read().astype(np.float64).ravel(), ragged.row
    if ragged.truncated.any():
        doubts.append(
            f"{label(group)}: spike_times ends before the spikes of units {first_offenders(ids[ragged.truncated])}; "
            "they were left out."
        )
    missing = ~np.isfinite(times)
    if missing.any():
        owners = ids[np.unique(unit[missing])]
        doubts.append(f"{missing.sum()} missing spike times of units {first_offenders(owners)} were left out.")
        times, unit = times[~missing], unit[~missing]
    times = _in_order(times, unit, ids, doubts)
    _doubt_clock(times, unit, ids, doubts)
    silent = np.bincount(unit, minlength=ids.size) == 0
    silent &= ~ragged.truncated
    if silent.any():
        doubts.append(f"Units {first_offenders(ids[silent])} have no spikes.")
    return Spikes(times=times, unit=unit, truncated=ragged.truncated)


def _in_order(times: NDArray, unit: NDArray, ids: NDArray, doubts: list[str]) -> NDArray:
    """Sort spikes within each unit, and say whose were not in order."""
    step = np.diff(times)
    back = (step < 0) & (np.diff(unit) == 0)
    if not back.any():
        return times
    owner = unit[1:][back]
    doubts.append(
        f"Spike times of units {first_offenders(ids[np.unique(owner)])} were not in order ({back.sum()} steps back, "
        f"the largest by {-step[back].min():.6g} s); they were sorted."
    )
    first = np.flatnonzero(np.diff(unit, prepend=-1))
    span = np.maximum.reduceat(times, first) - np.minimum.reduceat(times, first)
    per_unit = np.bincount(owner, minlength=ids.size)[unit[first]]
    large = np.zeros(ids.size)
    np.maximum.at(large, owner, -step[back])
    reset = (per_unit > 0) & (per_unit <= 3) & (large[unit[first]] > 0.5 * span)
    if reset.any():
        doubts.append(
            f"The clock may have been reset within the session: spike times of units "
            f"{first_offenders(ids[unit[first][reset]])} start again from an earlier time."
        )
    return times[np.lexsort((times, unit))]


def _doubt_clock(times: NDArray, unit: NDArray, ids: NDArray, doubts: list[str]) -> None:
    """Say so where spike times look like milliseconds or hold a moment far from all others."""
    if times.size < 2:
        return
    low, high = np.quantile(times, [0.001, 0.999])
    span = max(high - low, 1e-9)
    far = (times < low - max(10 * span, 3600)) | (times > high + max(10 * span, 3600))
    if far.any():
        doubts.append(
            f"{far.sum()} spike times lie far from all others ({times[far].min():.6g} to {times[far].max():.6g} s; the "
            f"rest from {low:.6g} to {high:.6g} s); window= leaves them out."
        )
    rate = times.size / max(np.unique(unit).size, 1) / span
    if span > LONG_SESSION and rate < LOW_RATE:
        doubts.append(
            f"Spike times span {span:.6g} s at {rate:.2g} spikes/s per unit: they may be in ms rather than s."
        )


def read_observed(group: h5py.Group, ids: ArrayLike, doubts: list[str]) -> list[NDArray[np.float64]] | None:
    """The intervals (interval, edge) in which each unit was observed, s; None where the file does not say."""
    ids = np.asarray(ids)
    ragged = read_ragged(group, "obs_intervals")
    if ragged is None or ragged.first.size != ids.size or ragged.data.ndim != 2 or not ragged.data.shape[0]:
        return None
    values = ragged.read().astype(np.float64)
    own = np.split(values, np.cumsum(ragged.lengths)[:-1])
    if all(item.shape == own[0].shape and (item == own[0]).all() for item in own):
        return [merge_intervals(own[0])] * ids.size
    unsaid = np.array([not item.size for item in own])
    if unsaid.any():
        doubts.append(
            f"Units {first_offenders(ids[unsaid])} have no observed intervals, though others have; they were taken as "
            "observed whenever any unit was."
        )
        everything = merge_intervals(values)
        own = [everything if not item.size else item for item in own]
    return [merge_intervals(item) for item in own]


def read_invalid(file: h5py.File) -> NDArray[np.float64]:
    """The intervals (interval, edge) that the file calls invalid, s."""
    group = file.get("intervals/invalid_times")
    if not isinstance(group, h5py.Group):
        return np.empty((0, 2))
    return merge_intervals(np.column_stack([dataset(group, name)[()] for name in ("start_time", "stop_time")]))


def observable(
    intervals: ArrayLike, invalid: ArrayLike, window: tuple[float, float] | None, doubts: list[str]
) -> NDArray[np.float64]:
    """What was observed: without what the file calls invalid, inside the window that was asked for."""
    kept = merge_intervals(intervals)
    if np.size(invalid):
        valid = subtract_intervals(kept, invalid)
        lost = float(np.diff(kept).sum() - np.diff(valid).sum())
        if lost > 0:
            doubts.append(f"{lost:.6g} s that the file calls invalid were left out.")
        kept = valid
    if window is not None:
        inside = clip_intervals(kept, *window)
        if not len(inside):
            span = f"{kept.min():.6g} to {kept.max():.6g} s" if len(kept) else "nothing"
            remedy = "give (start, stop) in the seconds of the file"
            raise SelectionError("window", expected=f"a part of {span}", found=str(window), remedy=remedy)
        kept = inside
    return kept
