"""Writing: a recording of spikes becomes an NWB file."""

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.behavior import CompassDirection, SpatialSeries
from pynwb.file import Subject

from neurorec.recording import InputError, check_recording, signals, trial_columns

# Names with a meaning of their own in a unit table or a trial table.
RESERVED = (
    "electrode_group",
    "electrodes",
    "spike_times",
    "obs_intervals",
    "waveform_mean",
    "waveform_sd",
    "waveforms",
)
RESERVED_TRIAL = ("start_time", "stop_time", "timeseries")

# Files that are made rather than recorded still need a date; the same one makes the same file.
NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)


def write_nwb(
    recording: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    spike_times: Sequence[ArrayLike] | None = None,
    session_description: str = "a recording",
    identifier: str | None = None,
    session_start_time: datetime = NO_DATE,
    experiment_description: str | None = None,
    institution: str | None = None,
    subject_id: str | None = None,
    species: str | None = None,
    subject_description: str | None = None,
) -> Path:
    """Write a recording of spike counts as an NWB file.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording of kind ``counts`` with integer unit ids.
    path : path
        Where to; an existing file is replaced at once when the new one is complete.
    spike_times : sequence (unit,) of array_like (spike,), optional
        Seconds; by default spread evenly within each bin.
    session_description, identifier, experiment_description, institution : str, optional
        As in NWB; the identifier is by default ``recording.attrs["session"]`` or the name of the file.
    session_start_time : datetime
        With a time zone.
    subject_id, species, subject_description : str, optional
        By default the ``subject`` and ``species`` of ``recording.attrs``.

    Returns
    -------
    pathlib.Path
        The file. Areas stand in the electrode table, one electrode per unit; unit columns in the unit table; segments
        in ``obs_intervals``; trials with all columns in ``trials``; signals in the processing module ``behavior``.
        Columns whose name has a meaning of its own in NWB are written as ``unit_...`` or ``trial_...``.

    Raises
    ------
    InputError
        Where the recording holds something other than counts, or its units have no integer ids.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from neurorec.recording import recording_from_arrays
    >>> recording = recording_from_arrays([[1, 0], [0, 2]], bin_width=0.01, area=["V1", "PPC"])
    >>> write_nwb(recording, mkdtemp() + "/session.nwb").name
    'session.nwb'
    """
    path = Path(path)
    _check_writable(recording, spike_times)
    with _quiet():
        file = NWBFile(
            session_description=session_description,
            identifier=identifier or str(recording.attrs.get("session", "")) or path.stem,
            session_id=str(recording.attrs.get("session", "")) or None,
            session_start_time=session_start_time,
            experiment_description=experiment_description,
            institution=institution,
        )
        subject_id = subject_id or str(recording.attrs.get("subject", "")) or None
        species = species or str(recording.attrs.get("species", "")) or None
        if subject_id or species or subject_description:
            file.subject = Subject(subject_id=subject_id, species=species, description=subject_description)
        _add_electrodes(file, recording["area"].values)
        _add_units(file, recording, _spread(recording) if spike_times is None else spike_times)
        if recording.sizes.get("trial"):
            _add_trials(file, recording)
        if signals(recording):
            _add_signals(file, recording)
        _write(file, path)
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to ourselves what pynwb says about its own deprecations and best practices."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"(pynwb|hdmf)\b.*")
        yield


def _check_writable(recording: xr.Dataset, spike_times: Sequence[ArrayLike] | None) -> None:
    check_recording(recording)
    kind, ids = recording["activity"].attrs["kind"], recording["unit"].values
    if kind != "counts":
        raise InputError("recording", expected="spike counts", found=kind, remedy="save it with save_recording instead")
    if ids.dtype.kind not in "iu" or (ids < 0).any():
        remedy = "number them: recording.assign_coords(unit=range(...))"
        raise InputError("unit", expected="integer ids from 0", found=f"dtype {ids.dtype}", remedy=remedy)
    if spike_times is not None and len(spike_times) != ids.size:
        found = f"{len(spike_times)}"
        raise InputError("spike_times", expected=f"{ids.size} lists, one per unit", found=found, remedy="give one each")


def _spread(recording: xr.Dataset) -> list[NDArray[np.float64]]:
    """Spike times that give the counts of a recording: n spikes in a bin split it into n equal parts."""
    counts = recording["activity"].values
    if (counts < 0).any() or (counts != np.round(counts)).any():
        raise InputError("activity", expected="counts", found="other numbers", remedy="give spike_times")
    time, width = recording["time"].values, recording["activity"].attrs["bin_width"]
    result = []
    for own in counts.T.astype(np.int64):
        which = np.repeat(np.arange(own.size), own)
        place = np.arange(which.size) - np.repeat(np.cumsum(own) - own, own)
        result.append(time[which] + width * (place + 0.5) / own[which])
    return result


def _add_electrodes(file: NWBFile, areas: NDArray) -> None:
    device = file.create_device(name="device")
    groups = {}
    for k, area in enumerate(areas):
        location = str(area) or "unknown"
        if location not in groups:
            name = re.sub(r"[/:]", "_", location)
            groups[location] = file.create_electrode_group(
                name=name, description=f"units in {location}", location=location, device=device
            )
        file.add_electrode(id=k, location=location, group=groups[location])


def _add_units(file: NWBFile, recording: xr.Dataset, spike_times: Sequence[ArrayLike]) -> None:
    intervals = _observed_intervals(recording)
    kept = [str(name) for name, item in recording.coords.items() if item.dims == ("unit",) and name != "unit"]
    kept.remove("area")
    for name in kept:
        description = str(recording[name].attrs.get("description", name))
        file.add_unit_column(name=_allowed(name, RESERVED, "unit"), description=description)
    columns = {_allowed(name, RESERVED, "unit"): recording[name].values.tolist() for name in kept}
    for k, unit in enumerate(recording["unit"].values):
        file.add_unit(
            id=int(unit),
            spike_times=np.sort(np.asarray(spike_times[k], dtype=float)),
            obs_intervals=intervals[k],
            electrodes=[k],
            **{name: values[k] for name, values in columns.items()},
        )


def _observed_intervals(recording: xr.Dataset) -> list[NDArray[np.float64]]:
    """Start and stop (s) of each stretch in which a unit was observed."""
    time, segment = recording["time"].values, recording["segment"].values
    width = recording["activity"].attrs["bin_width"]
    if "observed" not in recording:
        return [_stretches(time, segment, width)] * recording.sizes["unit"]
    result = []
    for seen in recording["observed"].values.T:
        stretch = np.cumsum(np.diff(seen, prepend=seen[:1]) != 0) + segment * (time.size + 1)
        result.append(_stretches(time[seen], stretch[seen], width))
    return result


def _stretches(time: NDArray, stretch: NDArray, width: float) -> NDArray[np.float64]:
    if not time.size:
        return np.zeros((0, 2))
    first = np.flatnonzero(np.diff(stretch, prepend=stretch[:1] - 1))
    last = np.append(first[1:], time.size) - 1
    return np.column_stack([time[first], time[last] + width])[: first.size]


def _add_trials(file: NWBFile, recording: xr.Dataset) -> None:
    names = trial_columns(recording)
    for name in names:
        # The format has a column of tags already, a list of them per trial.
        if name != "tags":
            attrs = recording[name].attrs
            description = attrs.get("description", f"{name}, {attrs['units']}" if "units" in attrs else name)
            file.add_trial_column(name=_allowed(name, RESERVED_TRIAL, "trial"), description=str(description))
    columns = {_allowed(name, RESERVED_TRIAL, "trial"): recording[name].values.tolist() for name in names}
    if "tags" in columns:
        columns["tags"] = [str(tags).split("|") for tags in columns["tags"]]
    for k, trial in enumerate(recording["trial"].values):
        start, stop = float(recording["start"].values[k]), float(recording["stop"].values[k])
        row = {name: values[k] for name, values in columns.items()}
        file.add_trial(id=int(trial), start_time=start, stop_time=stop, **row)


def _add_signals(file: NWBFile, recording: xr.Dataset) -> None:
    module = file.create_processing_module(name="behavior", description="behavioural signals, one sample per bin")
    centre = recording["time"].values + recording["activity"].attrs["bin_width"] / 2
    compass = CompassDirection(name="CompassDirection")
    for name in signals(recording):
        signal = recording[name]
        unit, period = str(signal.attrs.get("units", "")) or "n/a", signal.attrs.get("period")
        if period is None:
            module.add(TimeSeries(name=name, data=signal.values, timestamps=centre, unit=unit))
            continue
        unit = "degrees" if np.isclose(float(period), 360) else "radians"
        series = SpatialSeries(name=name, data=signal.values, timestamps=centre, unit=unit, reference_frame="n/a")
        compass.add_spatial_series(series)
    if compass.spatial_series:
        module.add(compass)


def _allowed(name: str, reserved: Sequence[str], prefix: str) -> str:
    """A column's own name, unless the format gives it a meaning of its own."""
    return f"{prefix}_{name}" if name in reserved else name


def _write(file: NWBFile, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with NWBHDF5IO(path=str(unfinished), mode="w") as out:
            out.write(container=file)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
