"""The imaging traces of an NWB file: which to take, whose they are, and their values in bins."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurorec.io.nwb.file import dataset, label, scalar_text, target, text
from neurorec.io.nwb.series import (
    Series,
    even_stamps,
    find_series,
    read_samples,
    read_stamps,
    sampling_interval,
)
from neurorec.io.nwb.table import read_table
from neurorec.recording import (
    Bins,
    FileError,
    SelectionError,
    average_in_bins,
    first_offenders,
    subtract_intervals,
)

MASKS = ("pixel_mask", "voxel_mask", "image_mask")

# What a trace is, by its path, best first: the closer to spikes, the better a model of events describes it.
KINDS = {
    "deconvolved": re.compile(r"deconv|spike|event|inferred|oasis", re.IGNORECASE),
    "dff": re.compile(r"dff|df_?over_?f|df/f|delta_?f|df_f", re.IGNORECASE),
    "fluorescence": re.compile(""),
}
UNITS = {"deconvolved": "a.u.", "dff": "dF/F", "fluorescence": "a.u."}

# What is recorded around units rather than from them.
BACKGROUND = re.compile("neuropil|background", re.IGNORECASE)


class Traces(NamedTuple):
    """Traces of one clock, not read yet.

    Attributes
    ----------
    series : Series
    stamps : ndarray (sample,)
        Seconds, NaN where unknown.
    intervals : ndarray (stretch, edge)
        When samples were taken, s.
    interval : float
        Mean interval between samples, s.
    frame : pandas.DataFrame
        One row per unit, in the order of the channels.
    """

    series: Series
    stamps: NDArray[np.float64]
    intervals: NDArray[np.float64]
    interval: float
    frame: pd.DataFrame


def find_traces(file: h5py.File) -> list[Series]:
    """Every series of responses of regions of interest, wherever it lies."""
    return [series for series in find_series(file) if series.kind == "RoiResponseSeries"]


def trace_kind(series: Series) -> str:
    """What the values of a trace are: deconvolved, dff or fluorescence."""
    held = "/".join(series.path.split("/")[-3:-1])
    own = next(kind for kind, pattern in KINDS.items() if pattern.search(series.name))
    return own if own != "fluorescence" else next(kind for kind, pattern in KINDS.items() if pattern.search(held))


def choose_traces(file: h5py.File, signal: str | Sequence[str] | None, doubts: list[str]) -> list[Series]:
    """The traces that were asked for, or the best ones: deconvolved before dF/F before fluorescence."""
    found = find_traces(file)
    if signal is not None:
        return _named([signal] if isinstance(signal, str) else list(signal), found, find_series(file))
    if not found:
        return []
    usable = [series for series in found if not BACKGROUND.search(series.path)] or found
    best = min((trace_kind(series) for series in usable), key=list(KINDS).index)
    chosen: dict[str, Series] = {}
    for series in usable:
        if trace_kind(series) == best:
            chosen.setdefault(_table_path(series) or series.path, series)
    taken = [series.path for series in chosen.values()]
    others = [series.path for series in found if series.path not in taken]
    if others:
        doubts.append(
            f"Of {len(found)} traces {first_offenders(taken)} was taken ({best}); signal= takes another: "
            f"{first_offenders(others)}."
        )
    return list(chosen.values())


def _named(signal: list[str], found: list[Series], every: list[Series]) -> list[Series]:
    chosen: list[Series] = []
    for wanted in signal:
        hits: list[Series] = []
        for pool in (found, every):
            hits = hits or [s for s in pool if wanted.strip("/") in (s.name, s.path)]
            hits = hits or [s for s in pool if wanted == s.container]
        if not hits:
            raise SelectionError(
                "signal",
                expected=f"a trace of the file ({', '.join(s.path for s in found) or 'it has none'}) or 'spikes'",
                found=repr(wanted),
                remedy="name one, or several in a list",
            )
        chosen += [series for series in hits if series not in chosen]
    return chosen


def read_traces(chosen: Sequence[Series], doubts: list[str]) -> list[Traces]:
    """The clocks and the unit tables of traces; their samples stay in the file."""
    several = len({_table_path(series) or series.path for series in chosen}) > 1
    result = []
    for series in chosen:
        if series.time_axis == 1:
            doubts.append(f"{series.path} is stored (unit, time) rather than (time, unit); it is turned.")
        stamps = read_stamps(series, doubts)
        if stamps is None or not np.isfinite(stamps).any():
            continue
        if (np.diff(stamps[np.isfinite(stamps)]) <= 0).any():
            _refuse(series, "timestamps that increase", "some that do not", "repair the clock of the series")
        interval = sampling_interval(stamps)
        even, intervals, moved = even_stamps(stamps, interval)
        if moved > 0.1 * interval:
            doubts.append(f"The timestamps of {series.path} jitter by up to {moved:.3g} s; an even clock was used.")
        frame = trace_units(series, doubts)
        if several and series.n_channels > 1:
            plane = _plane_name(series)
            frame["plane"] = plane
            frame.index = pd.Index([f"{plane}/{unit}" for unit in frame.index], name="id")
        result.append(Traces(series, even, intervals, interval, frame))
    if not result:
        _refuse(chosen[0], "a trace with a clock", "none", "choose another with signal=")
    return result


def common_intervals(traces: Sequence[Traces], bin_width: float, doubts: list[str]) -> NDArray[np.float64]:
    """When all traces were recorded, s; for bins narrower than the samples, up to the bin of the last sample."""
    spans = [trace.intervals - [0, max(trace.interval - bin_width, 0)] for trace in traces]
    common = spans[0]
    for other in spans[1:]:
        common = subtract_intervals(common, subtract_intervals(common, other))
    if len(traces) > 1:
        doubts.append(
            f"{len(traces)} series with clocks of their own were put on a common grid over the "
            f"{np.diff(common).sum():.6g} s that all of them cover."
        )
    return common


def bin_traces(
    traces: Sequence[Traces], kept: NDArray[np.bool_], bins: Bins, bin_width: float, doubts: list[str]
) -> NDArray[np.floating]:
    """The values (time, unit) of the units that are kept, in bins."""
    parts, begin = [], 0
    for trace in traces:
        columns = np.flatnonzero(kept[begin : begin + len(trace.frame)])
        begin += len(trace.frame)
        if not columns.size:
            continue
        known = np.flatnonzero(np.isfinite(trace.stamps))
        margin = bin_width + 5 * trace.interval
        inside = (trace.stamps[known] >= bins.time[0] - margin) & (trace.stamps[known] <= bins.time[-1] + margin)
        rows = known[inside]
        first, last = (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, 0)
        values = read_samples(trace.series, first, last, doubts, columns=columns)[rows - first]
        values = values.reshape(rows.size, columns.size)
        parts.append(average_in_bins(values, trace.stamps[rows], time=bins.time, bin_width=bin_width))
    binned = np.concatenate(parts, axis=1)
    missing = ~np.isfinite(binned)
    if missing.any():
        n_units = int(missing.any(axis=0).sum())
        doubts.append(f"{missing.sum()} of {binned.size} values of the activity are missing, in {n_units} units.")
    return binned


def trace_units(series: Series, doubts: list[str]) -> pd.DataFrame:
    """One row per region of interest, with its table's columns and the location of its imaging plane."""
    if series.data.ndim == 1:
        return pd.DataFrame(index=pd.Index([series.name], name="id"))
    table = series.group.file.get(_table_path(series) or "/nothing")
    if not isinstance(table, h5py.Group):
        return pd.DataFrame(index=pd.RangeIndex(series.n_channels, name="id"))
    frame = read_table(table, doubts, skip=MASKS)
    rows = np.asarray(dataset(series.group, "rois")[()], dtype=np.int64).ravel()
    if rows.size != series.n_channels or ((rows < 0) | (rows >= len(frame))).any():
        doubts.append(f"The regions of interest of {series.path} do not match its data; units are numbered instead.")
        return pd.DataFrame(index=pd.RangeIndex(series.n_channels, name="id"))
    frame = frame.iloc[rows].copy()
    plane = table.get("imaging_plane")
    if isinstance(plane, h5py.Group):
        location = text(plane.attrs.get("location", "")) or scalar_text(plane, "location")
        if location:
            frame["plane_location"] = location
    return frame


def _table_path(series: Series) -> str:
    """Path of the table of regions of interest, "" where the series has none."""
    rois = series.group.get("rois")
    if not isinstance(rois, h5py.Dataset) or "table" not in rois.attrs:
        return ""
    return label(target(rois, rois.attrs["table"]))


def _plane_name(series: Series) -> str:
    return _table_path(series).split("/")[-1] or series.name


def _refuse(series: Series, expected: str, found: str, remedy: str) -> None:
    raise FileError(series.path, expected=expected, found=found, remedy=remedy)
