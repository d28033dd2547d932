"""One time series of an NWB file: its clock, its shape and its samples in stated units."""

from collections.abc import Sequence
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from neurorec.io.nwb.file import dataset, find_groups, label, neurodata_type, text
from neurorec.recording import merge_intervals

# Values read at once, so that a long recording never has to fit in memory with the units nobody asked for.
BLOCK = 2**24

# A step between samples larger than this many sampling intervals is a gap in the recording.
GAP = 2.5

# Stamps further than this many sessions (at least an hour) from the session are no times.
FAR = 10.0


class Series(NamedTuple):
    """A time series, not read yet.

    Attributes
    ----------
    group : h5py.Group
    name, path : str
        Its own name, and its path in the file.
    kind : str
        The type that NWB gives it.
    n_samples, n_channels : int
    time_axis : int
        0 as the format asks, 1 where the data are stored the other way round.
    unit : str
        The unit of the values after conversion, as stated.
    """

    group: h5py.Group
    name: str
    path: str
    kind: str
    n_samples: int
    n_channels: int
    time_axis: int
    unit: str

    @property
    def data(self) -> h5py.Dataset:
        """The samples as stored."""
        return dataset(self.group, "data")

    @property
    def container(self) -> str:
        """Name of the group that holds the series."""
        return self.path.split("/")[-2] if "/" in self.path else ""


def find_series(file: h5py.File) -> list[Series]:
    """Every time series of a file that holds samples of at most two dimensions and has a clock."""
    found = []
    for group in find_groups(file):
        data = group.get("data")
        if isinstance(data, h5py.Dataset) and ("timestamps" in group or "starting_time" in group):
            series = _describe(group, data)
            if series is not None:
                found.append(series)
    return found


def _describe(group: h5py.Group, data: h5py.Dataset) -> Series | None:
    if data.ndim not in (1, 2) or data.dtype.kind not in "biuf":
        return None
    time_axis = 0 if data.ndim == 1 else _time_axis(group, data)
    return Series(
        group=group,
        name=label(group).split("/")[-1],
        path=label(group),
        kind=neurodata_type(group),
        n_samples=data.shape[time_axis],
        n_channels=1 if data.ndim == 1 else data.shape[1 - time_axis],
        time_axis=time_axis,
        unit=text(data.attrs.get("unit", "")),
    )


def _time_axis(group: h5py.Group, data: h5py.Dataset) -> int:
    """Which axis is time: the one that fits the clock or leaves the regions of interest; else the longer if clear."""
    stamps, rois = group.get("timestamps"), group.get("rois")
    if isinstance(rois, h5py.Dataset) and data.shape[0] != data.shape[1] and rois.shape[0] in data.shape:
        return 1 - data.shape.index(rois.shape[0])
    if isinstance(stamps, h5py.Dataset) and stamps.shape[0] in data.shape:
        return data.shape.index(stamps.shape[0])
    return int(data.shape[0] <= 8 < data.shape[1] and data.shape[1] > 20 * data.shape[0])


def read_stamps(series: Series, doubts: list[str], *, session: tuple[float, float] | None = None) -> NDArray | None:
    """The time of every sample, s; NaN where it is missing or impossible; None where there is no usable clock."""
    stamps = series.group.get("timestamps")
    if not isinstance(stamps, h5py.Dataset):
        start, rate = start_and_rate(series)
        if not (np.isfinite(rate) and rate > 0):
            doubts.append(f"{series.path} has sampling rate {rate:g} Hz and was left out.")
            return None
        return start + np.arange(series.n_samples) / rate
    times = np.asarray(stamps[()], dtype=float).ravel()
    if times.size != series.n_samples:
        doubts.append(
            f"{series.path} has {series.n_samples} samples but {times.size} timestamps; what both have was kept."
        )
        times = np.concatenate([times, np.full(max(series.n_samples - times.size, 0), np.nan)])[: series.n_samples]
    bogus = np.zeros(times.size, dtype=bool)
    if session is not None:
        margin = FAR * max(session[1] - session[0], 3600.0)
        bogus = (times < session[0] - margin) | (times > session[1] + margin)
    if bogus.any():
        doubts.append(
            f"{series.path} holds {bogus.sum()} impossible timestamps ({times[bogus][0]:.6g} s); their samples were "
            "left out."
        )
    return np.where(bogus, np.nan, times)


def start_and_rate(series: Series) -> tuple[float, float]:
    """When the first sample of a series without timestamps was taken (s), and its sampling rate (Hz)."""
    start = dataset(series.group, "starting_time")
    return float(start[()]), float(start.attrs.get("rate", np.nan))


def is_sampled(stamps: NDArray) -> bool:
    """Are these the stamps of a signal sampled at a steady rate (with gaps), rather than of events?"""
    steps = np.diff(np.sort(stamps[np.isfinite(stamps)]))
    if not steps.size or (typical := float(np.median(steps))) <= 0:
        return False
    return bool(np.mean(np.abs(steps / typical - 1) < 0.5) >= 0.8)


def sampling_interval(stamps: NDArray) -> float:
    """The mean interval between samples, gaps left aside, s."""
    steps = np.diff(stamps[np.isfinite(stamps)])
    steps = steps[(steps > 0) & (steps < GAP * np.median(steps))] if steps.size else steps
    return float(steps.mean()) if steps.size else np.nan


def even_stamps(stamps: NDArray, interval: float) -> tuple[NDArray, NDArray, float]:
    """Put stamps that only jitter on an even clock, stretch by stretch.

    Returns
    -------
    ndarray (sample,)
        The stamps, even within each stretch where none is off by half an interval or more, else as they were.
    ndarray (stretch, edge)
        When samples were taken: each stretch lasts one interval beyond its last sample, s.
    float
        By how much a stamp was moved at most, s.
    """
    even, spans, moved = stamps.copy(), [], 0.0
    known = np.flatnonzero(np.isfinite(stamps))
    breaks = np.flatnonzero(np.diff(stamps[known]) > GAP * interval) + 1
    for rows in np.split(known, breaks):
        if not rows.size:
            continue
        clock = stamps[rows[0]] + np.arange(rows.size) * interval
        off = float(np.abs(clock - stamps[rows]).max())
        if off < 0.5 * interval:
            even[rows], moved = clock, max(moved, off)
        spans.append([even[rows[0]], even[rows[-1]] + interval])
    return even, merge_intervals(np.array(spans).reshape(-1, 2)), moved


def read_samples(
    series: Series, first: int, last: int, doubts: list[str], *, columns: Sequence[int] | NDArray | None = None
) -> NDArray[np.floating]:
    """Samples ``first`` to ``last`` of some channels in stated units, read block by block.

    Returns
    -------
    ndarray (sample, channel), or (sample,) for a series without channels
        ``stored * conversion + offset``.
    """
    data = series.data
    dtype = np.float32 if data.dtype.kind == "f" and data.dtype.itemsize <= 4 else np.float64
    if data.ndim == 1:
        values = data[first:last].astype(dtype)
    else:
        columns = np.arange(series.n_channels) if columns is None else np.asarray(columns)
        values = np.empty((max(last - first, 0), len(columns)), dtype=dtype)
        if series.time_axis == 1:
            for k, column in enumerate(columns):
                values[:, k] = data[int(column), first:last]
        else:
            step = max(BLOCK // max(series.n_channels, 1), 1)
            for low in range(first, last, step):
                high = min(low + step, last)
                values[low - first : high - first] = data[low:high][:, columns]
    return _in_units(values, series, doubts)


def _in_units(values: NDArray[np.floating], series: Series, doubts: list[str]) -> NDArray[np.floating]:
    conversion = float(series.data.attrs.get("conversion", 1.0))
    offset = float(series.data.attrs.get("offset", 0.0))
    if not np.isfinite(conversion) or conversion == 0 or not np.isfinite(offset):
        doubts.append(f"{series.path} states conversion {conversion:g} and offset {offset:g}, which were not applied.")
        return values
    return values if conversion == 1 and offset == 0 else (values * conversion + offset).astype(values.dtype)
