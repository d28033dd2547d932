"""The behavioural signals of an NWB file, in the bins of a recording."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from neurorec.io.nwb.file import neurodata_type, salvage
from neurorec.io.nwb.series import Series, find_series, is_sampled, read_samples, read_stamps
from neurorec.recording import Bins, SelectionError, average_in_bins, find_bins, first_offenders

# A handful: more channels than this are hardly a behavioural signal, and are read only when named.
MOST_CHANNELS = 8

# Series that are neural or images; signals are looked for elsewhere.
NOT_BEHAVIOUR = (
    "ElectricalSeries",
    "SpikeEventSeries",
    "RoiResponseSeries",
    "TwoPhotonSeries",
    "OnePhotonSeries",
    "ImageSeries",
    "OpticalSeries",
    "IndexSeries",
    "ImageMaskSeries",
    "IntervalSeries",
    "CurrentClampSeries",
    "VoltageClampSeries",
    "DecompositionSeries",
)
PLACES = ("acquisition/", "processing/", "stimulus/presentation/", "analysis/")


class Signal(NamedTuple):
    """A signal in bins.

    Attributes
    ----------
    values : ndarray (time,) or (time, channel)
        NaN where not recorded.
    attrs : dict
        ``units``, ``source`` (path in the file) and, for angles, ``period``.
    """

    values: NDArray[np.floating]
    attrs: dict[str, str | float]


def find_signals(file: h5py.File) -> list[Series]:
    """Series that may hold behaviour."""
    return [
        series
        for series in find_series(file)
        if series.kind not in NOT_BEHAVIOUR and series.path.startswith(PLACES) and series.n_samples
    ]


def signal_names(found: Sequence[Series]) -> list[str]:
    """A name for each series: its own, with its container's where several share it, its path as the last resort."""
    names = [series.name for series in found]
    longer = [f"{series.container}_{series.name}" for series in found]
    paths = [series.path.replace("/", "_") for series in found]
    return [
        name if names.count(name) == 1 else two if longer.count(two) == 1 else path
        for name, two, path in zip(names, longer, paths)
    ]


def read_signals(
    file: h5py.File, covariates: str | Iterable[str] | None, bins: Bins, bin_width: float, doubts: list[str]
) -> dict[str, Signal]:
    """Bring signals to bins: all that are fit for it, or those that are named.

    Parameters
    ----------
    file : h5py.File
    covariates : str, iterable of str or None
        Names, paths or containers of series; by default every sampled series of behaviour with few channels.
    bins : Bins
    bin_width : float
        Seconds.
    doubts : list of str
        What was left out or is doubtful is appended here.

    Returns
    -------
    dict of str to Signal
    """
    found = find_signals(file)
    by_name = dict(zip(signal_names(found), found))
    wanted = _choose(by_name, covariates)
    signals, events, wide, absent = {}, [], [], []
    for name, series in wanted.items():
        if covariates is None and series.n_channels > MOST_CHANNELS:
            wide.append(f"{name} ({series.n_channels} channels)")
            continue
        with salvage(f"Series {series.path}", doubts):
            session = (float(bins.time[0]), float(bins.time[-1]) + bin_width)
            stamps = read_stamps(series, doubts, session=session)
            if stamps is None:
                continue
            irregular = not is_sampled(stamps)
            if irregular and covariates is None and not holds_events(series):
                events.append(name)
                continue
            if irregular and (holds_events(series) or not _varies(series)):
                doubts.append(f"{series.path} holds events rather than samples; they were counted per bin.")
                signal = _count(series, stamps, bins, bin_width)
            else:
                signal = _average(series, stamps, bins, bin_width, doubts)
            if np.isfinite(signal.values).any():
                signals[name] = signal
            else:
                absent.append(name)
    _doubt_left_out(events, "look like events rather than samples of a signal", doubts)
    _doubt_left_out(wide, f"have more than {MOST_CHANNELS} channels", doubts)
    if absent:
        doubts.append(f"Signals {first_offenders(absent)} were not recorded during these bins and were left out.")
    return signals


def _doubt_left_out(names: list[str], reason: str, doubts: list[str]) -> None:
    if names:
        doubts.append(f"Series {first_offenders(names)} {reason} and were left out; covariates= keeps them.")


def _choose(by_name: dict[str, Series], covariates: str | Iterable[str] | None) -> dict[str, Series]:
    if covariates is None:
        return by_name
    chosen: dict[str, Series] = {}
    unknown = []
    for wanted in [covariates] if isinstance(covariates, str) else covariates:
        hits = {n: s for n, s in by_name.items() if wanted in (n, s.path)} or {
            n: s for n, s in by_name.items() if wanted in (s.name, s.container)
        }
        chosen |= hits
        unknown += [] if hits else [wanted]
    if unknown:
        raise SelectionError(
            "covariates",
            expected=f"series of the file ({', '.join(by_name) or 'it has none'})",
            found=first_offenders(unknown),
            remedy="name some of these, or [] for none",
        )
    return chosen


def holds_events(series: Series) -> bool:
    """Does the file say that a series holds behavioural events?"""
    return neurodata_type(series.group.parent) == "BehavioralEvents" or "Events" in series.kind


def _varies(series: Series) -> bool:
    """Do the values of a series measure something, rather than mark or number events?"""
    return series.data.dtype.kind == "f" and np.unique(series.data[:1000]).size > 2


def _count(series: Series, stamps: NDArray, bins: Bins, bin_width: float) -> Signal:
    which = find_bins(stamps[np.isfinite(stamps)], bins.time, bin_width)
    counts = np.bincount(which[which >= 0], minlength=bins.time.size).astype(float)
    return Signal(counts, {"units": "events/bin", "source": series.path})


def _average(series: Series, stamps: NDArray, bins: Bins, bin_width: float, doubts: list[str]) -> Signal:
    order = np.flatnonzero(np.isfinite(stamps))
    if (np.diff(stamps[order]) < 0).any():
        doubts.append(f"The timestamps of {series.path} were not in order; its samples were sorted.")
        order = order[np.argsort(stamps[order], kind="stable")]
    if series.time_axis == 1:
        doubts.append(f"{series.path} is stored (channel, time) rather than (time, channel); it was turned.")
    margin = max(bin_width, 10 * float(np.median(np.diff(stamps[order]))))
    low, high = np.searchsorted(stamps[order], [bins.time[0] - margin, bins.time[-1] + bin_width + margin])
    order = order[low:high]
    first, last = (int(order.min()), int(order.max()) + 1) if order.size else (0, 0)
    values = read_samples(series, first, last, doubts)[order - first]
    period = find_period(series, values, doubts)
    binned = average_in_bins(values, stamps[order], time=bins.time, bin_width=bin_width, period=period)
    attrs: dict[str, str | float] = {"units": series.unit, "source": series.path}
    if period is not None:
        attrs["period"] = float(period)
    return Signal(binned, attrs)


def find_period(series: Series, values: NDArray, doubts: list[str]) -> float | None:
    """A full turn in the unit of a series that holds angles, None for everything else.

    Compass directions are angles; so are values in radians or degrees that fill one whole turn and no more.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    low, high = float(known.min()), float(known.max())
    unit = series.unit.strip().lower()
    radians, degrees = unit.startswith("rad"), unit.startswith("deg") or unit == "°"
    compass = neurodata_type(series.group.parent) == "CompassDirection"
    if compass and not (radians or degrees):
        radians = max(abs(low), abs(high)) <= 2 * np.pi * 1.01
        degrees = not radians
        doubts.append(
            f"{series.path} is a compass direction in unit {series.unit!r}; it was taken to be in "
            f"{'radians' if radians else 'degrees'}."
        )
    if not (radians or degrees):
        return None
    turn = 2 * np.pi if radians else 360.0
    if compass:
        return turn
    one_turn = (-0.01 * turn <= low and high <= 1.01 * turn) or max(-low, high) <= 0.51 * turn
    if high - low > 0.9 * turn and one_turn:
        doubts.append(f"{series.path} fills one whole turn ({series.unit}) and was taken as an angle.")
        return turn
    return None
