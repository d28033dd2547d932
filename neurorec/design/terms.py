"""Terms: what may predict a unit's activity."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.design.bases import Basis
from neurorec.design.columns import Columns, columns_for_all
from neurorec.design.conditions import condition_weights
from neurorec.design.lagging import Runs, filter_in_runs, has_whole_window, lags_in_bins
from neurorec.design.places import Place
from neurorec.recording import InputError, SelectionError, first_offenders, signals


@dataclass(frozen=True)
class Event:
    """A kernel after an event of the trial, and one more for each condition.

    Columns: the event's own kernel; for every column of `by` with few values, a kernel per value (its deviation from
    the event's); for one with many numbers, a kernel scaled by the standardised number.

    Parameters
    ----------
    name : str
        A trial column that holds times in s: ``"start"``, or any event's.
    basis : Basis
        Positive lags follow the event; negative ones precede it.
    by : tuple of str
        Trial columns.
    interaction : bool
        One kernel per combination of the values of `by` instead of one per value of each.
    also : tuple of str
        Further trial columns of times that share the kernels: an event that occurs several times in a trial, such as
        the third, fourth, ... repeat of a sound.
    separate : bool
        Leave out the event's own kernel: each condition's kernel is then the whole response and not a deviation.

    Examples
    --------
    >>> from neurorec.design import Event, raised_cosine
    >>> term = Event("start", by=("contrast_left", "contrast_right"), basis=raised_cosine(6, window=(0, 0.4)))
    """

    name: str
    basis: Basis
    by: tuple[str, ...] = ()
    interaction: bool = False
    also: tuple[str, ...] = ()
    separate: bool = False
    group: ClassVar[str] = "task"

    def __post_init__(self) -> None:
        for field in ("by", "also"):
            value = getattr(self, field)
            object.__setattr__(self, field, (value,) if isinstance(value, str) else tuple(value))
        if self.separate and not self.by:
            raise InputError(
                f"Event {self.name}",
                expected="conditions (by) whose kernels are to be separate",
                found="none",
                remedy="name trial columns in by, or leave separate out",
            )

    def columns(self, recording: xr.Dataset, runs: Runs) -> Columns:
        """Columns of this term ``(time, feature)``."""
        for name in (self.name, *self.also, *self.by):
            if name not in recording or recording[name].dims != ("trial",):
                known = [str(k) for k in recording.data_vars if recording[k].dims == ("trial",)]
                raise SelectionError(
                    "Event", expected=f"a column of the trials ({', '.join(known)})", found=name, remedy="name one"
                )
        weights, labels = condition_weights(recording, self.by, interaction=self.interaction)
        if self.separate:
            weights, labels = weights[:, 1:], labels[1:]
        times = (recording[name].values.astype(float) for name in (self.name, *self.also))
        impulses = np.sum([_impulses(recording, at, weights) for at in times], axis=0)
        values = filter_in_runs(impulses, self.basis, runs)
        names = [f"{self.name}{f' [{label}]' if label else ''}" for label in labels]
        whole = np.ones(recording.sizes["time"], dtype=bool)
        return columns_for_all(recording, values, names, self.basis.peaks, whole)


@dataclass(frozen=True)
class Signal:
    """A behavioural signal, filtered by a basis.

    An angle (a signal with a ``period``) enters through the cosines and sines of its first harmonics.

    Parameters
    ----------
    name : str
        A signal of the recording.
    basis : Basis, optional
        Positive lags: the signal's past; negative: its future. None: the same bin only.
    rectified : bool
        Split into a positive and a negative part.
    harmonics : int
        How many, for an angle; 0: the angle itself, between minus and plus half a period.
    """

    name: str
    basis: Basis | None = None
    rectified: bool = False
    harmonics: int = 3
    group: ClassVar[str] = "task"

    def columns(self, recording: xr.Dataset, runs: Runs) -> Columns:
        """Columns of this term ``(time, feature)``."""
        if self.name not in signals(recording):
            raise SelectionError(
                "Signal",
                expected=f"a signal of the recording ({', '.join(signals(recording)) or 'it has none'})",
                found=self.name,
                remedy="name one",
            )
        values, labels = self._parts(recording)
        if self.basis is None:
            return columns_for_all(recording, values[:, :, None], labels, np.zeros(1), np.ones(len(values), dtype=bool))
        filtered = filter_in_runs(values, self.basis, runs)
        return columns_for_all(recording, filtered, labels, self.basis.peaks, has_whole_window(runs, self.basis))

    def _parts(self, recording: xr.Dataset) -> tuple[NDArray[np.float32], list[str]]:
        signal = recording[self.name]
        values = signal.values.reshape(len(signal), -1).astype(np.float32)
        labels = [self.name] if values.shape[1] == 1 else [f"{self.name} [{i}]" for i in range(values.shape[1])]
        period = signal.attrs.get("period")
        if period and not self.harmonics:
            values = values - np.float32(period) * np.round(values / period)
        elif period:
            angle = values * (2 * np.pi / period)
            orders = range(1, self.harmonics + 1)
            parts = [f(k * angle) for k in orders for f in (np.cos, np.sin)]
            names = [f"{f} {k} {label}" for k in orders for f in ("cos", "sin") for label in labels]
            return np.concatenate(parts, axis=1), names
        if self.rectified:
            parts = [np.maximum(values, 0), np.maximum(-values, 0)]
            return np.concatenate(parts, axis=1), [f"{label} {sign}" for sign in "+-" for label in labels]
        return values, labels


@dataclass(frozen=True)
class Drift:
    """Slow change over the session: cosines ``cos(pi k u)``, u from 0 at its first bin to 1 at its last.

    Without it, rates that wander together look like coupling.

    Parameters
    ----------
    n : int
        How many, k = 1 ... n.
    """

    n: int = 4
    group: ClassVar[str] = "task"

    def columns(self, recording: xr.Dataset, runs: Runs) -> Columns:
        """Columns of this term ``(time, feature)``."""
        time = recording["time"].values
        u = (time - time[0]) / max(time[-1] - time[0], runs.bin_width)
        values = np.cos(np.pi * np.outer(u, np.arange(1, self.n + 1)))
        labels = [f"drift {k}" for k in range(1, self.n + 1)]
        return columns_for_all(recording, values[:, :, None], labels, np.zeros(1), np.ones(len(u), dtype=bool))


@dataclass(frozen=True)
class History:
    """A unit's own past; each column may be used by one unit.

    Parameters
    ----------
    basis : Basis
        Its first lag is at least one bin.
    """

    basis: Basis
    group: ClassVar[str] = "history"

    def columns(self, recording: xr.Dataset, runs: Runs) -> Columns:
        """Columns of this term ``(time, feature)``."""
        _refuse_future(self.basis, runs, "History", same_bin=False)
        every = np.arange(recording.sizes["unit"])
        return _from_units(recording, runs, self.basis, every, "own", np.eye(every.size, dtype=bool))


@dataclass(frozen=True)
class Coupling:
    """The past of every other unit; no unit may use its own.

    Parameters
    ----------
    basis : Basis
        Its first lag is at least one bin, unless `same_bin`.
    from_area : tuple of str
        Only units of these areas are sources; all by default.
    same_bin : bool
        Allow lag 0. In imaging data most of a benefit can sit there, and it has no direction.
    """

    basis: Basis
    from_area: tuple[str, ...] = ()
    same_bin: bool = False
    group: ClassVar[str] = "coupling"

    def __post_init__(self) -> None:
        areas = (self.from_area,) if isinstance(self.from_area, str) else tuple(self.from_area)
        object.__setattr__(self, "from_area", areas)

    def columns(self, recording: xr.Dataset, runs: Runs) -> Columns:
        """Columns of this term ``(time, feature)``."""
        _refuse_future(self.basis, runs, "Coupling", same_bin=self.same_bin)
        source = _sources(recording, self.from_area)
        other = np.arange(recording.sizes["unit"])[:, None] != source
        return _from_units(recording, runs, self.basis, source, "unit", other)


@dataclass(frozen=True)
class PopulationMean:
    """The past of the mean activity of all other units (leave one out): one signal for each unit.

    Parameters
    ----------
    basis, from_area, same_bin
        As in `Coupling`.
    """

    basis: Basis
    from_area: tuple[str, ...] = ()
    same_bin: bool = False
    group: ClassVar[str] = "coupling"

    def columns(self, recording: xr.Dataset, runs: Runs) -> Columns:
        """Columns of this term ``(time, feature)``."""
        _refuse_future(self.basis, runs, "PopulationMean", same_bin=self.same_bin)
        activity = source_activity(recording)
        source = _sources(recording, self.from_area)
        member = np.isin(np.arange(activity.shape[1]), source)
        total = activity[:, member].sum(axis=1, keepdims=True)
        mean = (total - activity * member) / np.maximum(member.sum() - member, 1)
        values = filter_in_runs(mean, self.basis, runs)
        columns = columns_for_all(
            recording, values, ["population mean"] * len(member), self.basis.peaks, has_whole_window(runs, self.basis)
        )
        return columns._replace(allowed=np.repeat(np.eye(len(member), dtype=bool), self.basis.n, axis=1))


Term = Event | Signal | Place | Drift | History | Coupling | PopulationMean


def source_activity(recording: xr.Dataset) -> NDArray[np.float32]:
    """Activity as a predictor: where a unit was not observed, its own mean stands in, which predicts nothing.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording.

    Returns
    -------
    ndarray of float32 (time, unit)
    """
    activity = recording["activity"].values.astype(np.float32)
    seen = np.isfinite(activity)
    if "observed" in recording:
        seen &= recording["observed"].values
    if seen.all():
        return activity
    count = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, activity, 0).sum(axis=0) / count
    return np.where(seen, activity, mean.astype(np.float32))


def _from_units(
    recording: xr.Dataset, runs: Runs, basis: Basis, source: NDArray, word: str, allowed: NDArray[np.bool_]
) -> Columns:
    values = filter_in_runs(source_activity(recording)[:, source], basis, runs)
    names = [f"{word} {recording['unit'].values[i]}" for i in source]
    columns = columns_for_all(recording, values, names, basis.peaks, has_whole_window(runs, basis))
    lags = lags_in_bins(basis, runs.bin_width)
    return columns._replace(
        source=np.repeat(source, basis.n),
        allowed=np.repeat(allowed, basis.n, axis=1),
        lags=lags,
        filters=np.tile(basis(lags * runs.bin_width), source.size).astype(np.float32),
    )


def _impulses(recording: xr.Dataset, times: NDArray, weights: NDArray) -> NDArray[np.float32]:
    """The bin of each event, weighted ``(time, weight)``; events outside the bins are nowhere."""
    time, width = recording["time"].values, recording["activity"].attrs["bin_width"]
    out = np.zeros((time.size, weights.shape[1]), dtype=np.float32)
    slack = 1e-6 * width
    at = np.searchsorted(time, times + slack, side="right") - 1
    inside = np.isfinite(times) & (at >= 0)
    inside[inside] &= times[inside] < time[at[inside]] + width - slack
    np.add.at(out, at[inside], weights[inside])
    return out


def _sources(recording: xr.Dataset, from_area: tuple[str, ...]) -> NDArray[np.int64]:
    area = recording["area"].values
    if not from_area:
        return np.arange(area.size)
    unknown = sorted(set(from_area) - set(area))
    if unknown:
        raise SelectionError(
            "from_area",
            expected=f"areas of the recording ({', '.join(sorted(set(area)))})",
            found=first_offenders(unknown),
            remedy="name others",
        )
    return np.flatnonzero(np.isin(area, from_area))


def _refuse_future(basis: Basis, runs: Runs, term: str, *, same_bin: bool) -> None:
    first = int(lags_in_bins(basis, runs.bin_width)[0])
    least = 0 if same_bin else 1
    if first < least:
        remedy = "start the window one bin later" + ("" if term == "History" else ", or set same_bin for lag 0")
        raise SelectionError(
            f"{term} window", expected=f"lags of at least {least} bin(s)", found=f"a lag of {first}", remedy=remedy
        )
