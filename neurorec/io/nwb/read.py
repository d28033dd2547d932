"""Reading: an NWB file becomes a recording."""

import warnings
from collections.abc import Sequence

import h5py
import numpy as np
import pandas as pd
import xarray as xr

from neurorec.io.nwb.activity import Activity, Choices, read_imaging, read_spiking
from neurorec.io.nwb.area import AreaChoice
from neurorec.io.nwb.file import NwbSource, open_nwb, scalar_text, source_name, text
from neurorec.io.nwb.signals import Signal, read_signals
from neurorec.io.nwb.units import find_units
from neurorec.recording import (
    DataWarning,
    InputError,
    add_trials,
    check_recording,
    first_offenders,
    recording_from_arrays,
)

SPIKES = ("units", "spikes")


def read_nwb(
    path: NwbSource,
    *,
    bin_width: float | None = None,
    signal: str | Sequence[str] | None = None,
    area: AreaChoice = None,
    trials: str | Sequence[str] | None = None,
    units: str | None = None,
    covariates: str | Sequence[str] | None = None,
    window: tuple[float, float] | None = None,
) -> xr.Dataset:
    """Read a recording from an NWB file.

    Parameters
    ----------
    path : path or binary file
        An NWB 2 file in HDF5, or an open file object (``remfile.File(url)``).
    bin_width : float, optional
        Seconds; by default 0.01 for spikes and the sampling interval for imaging traces.
    signal : str or sequence of str, optional
        ``"spikes"``, or the name, path or container of an imaging trace, or several: one series per plane, or one
        per neuron. By default spikes where the file has any, else deconvolved traces, dF/F or fluorescence.
    area : str, mapping or callable, optional
        A column of the unit table; or a mapping of areas (as the file writes them) or unit ids to areas; or a
        function of the unit table (pandas, indexed by unit id, with the columns of each unit's electrode as
        ``electrode_...``) that returns one area per unit. By default what the file states.
    trials : str or sequence of str, optional
        Interval tables to take as trials; by default the one called ``trials``.
    units : str, optional
        Which units to keep, an expression on the unit table in the syntax of `pandas.DataFrame.query`.
    covariates : str or sequence of str, optional
        Behavioural series to keep, by name, path or container; ``[]`` for none. By default all that are sampled and
        have few channels, and series of behavioural events, counted per bin.
    window : (float, float), optional
        Read only from start to stop, s, and only the trials of which a part lies there.

    Returns
    -------
    xarray.Dataset
        A recording: ``activity (time, unit)``, ``area (unit)``, the unit table's columns over ``unit``, the trial
        table's over ``trial``, behaviour over ``time``. ``attrs["doubts"]`` holds, one per line, whatever was
        dropped, derived or doubtful; each is also issued as a `DataWarning`.

    Raises
    ------
    FileError
        Where the file is not a readable NWB 2 file or holds no neural activity.
    SelectionError
        Where a choice names something that the file does not hold, or leaves nothing.
    InputError
        Where another argument cannot be used.

    Notes
    -----
    Bins are cut from what was observed (``obs_intervals`` without ``invalid_times``; for traces, where samples are):
    each contiguous stretch has its own grid from its own start, and what lies between stretches is absent, not silent.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from neurorec.io import write_nwb
    >>> from neurorec.recording import recording_from_arrays
    >>> path = mkdtemp() + "/session.nwb"
    >>> _ = write_nwb(recording_from_arrays(np.ones((100, 2)), bin_width=0.01, area=["V1", "PPC"]), path)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", DataWarning)
    ...     recording = read_nwb(path, bin_width=0.1)
    >>> recording["activity"].values[0].tolist(), recording["area"].values.tolist()
    ([10, 10], ['V1', 'PPC'])
    """
    if bin_width is not None and not (np.isfinite(bin_width) and bin_width > 0):
        raise InputError("bin_width", expected="a positive number of seconds", found=f"{bin_width}", remedy="try 0.01")
    if window is not None and not (len(window) == 2 and window[1] > window[0]):
        raise InputError(
            "window", expected="(start, stop) in s, start first", found=f"{window}", remedy="turn it round"
        )
    choices = Choices(bin_width, area, trials, units, window)
    doubts: list[str] = []
    with open_nwb(path) as file:
        spiking = find_units(file)
        if signal in SPIKES or (signal is None and spiking is not None):
            activity = read_spiking(file, source_name(path), spiking, choices, doubts)
        else:
            activity = read_imaging(file, source_name(path), signal, choices, doubts)
        signals = read_signals(file, covariates, activity.bins, activity.bin_width, doubts)
        recording = _assemble(activity, signals, _describe(file, path), doubts)
    return _with_doubts(recording, doubts)


def _describe(file: h5py.File, source: NwbSource) -> dict[str, str]:
    """Who and what was recorded, as far as the file says."""
    facts = {
        "source": source_name(source),
        "session": scalar_text(file, "general/session_id") or scalar_text(file, "identifier"),
        "subject": scalar_text(file, "general/subject/subject_id"),
        "species": scalar_text(file, "general/subject/species"),
        "session_start": scalar_text(file, "session_start_time"),
        "nwb_version": text(file.attrs.get("nwb_version", "")),
    }
    return {name: value for name, value in facts.items() if value or name in ("source", "session", "subject")}


def _assemble(activity: Activity, signals: dict[str, Signal], attrs: dict[str, str], doubts: list[str]) -> xr.Dataset:
    frame = activity.frame
    ids = frame.index.to_numpy()
    recording = recording_from_arrays(
        activity.values,
        bin_width=activity.bin_width,
        area=activity.areas.tolist(),
        unit=list(ids) if ids.dtype.kind in "iu" else [str(unit) for unit in ids],
        time=activity.bins.time,
        segment=activity.bins.segment,
        observed=activity.observed,
        kind=activity.kind,
        units=activity.units,
        attrs=attrs,
    )
    recording["activity"].attrs["source"] = activity.source
    for name in frame.columns:
        values = frame[name].to_numpy()
        values = values if values.dtype.kind in "biuf" else values.astype(str)
        recording = recording.assign_coords({_free(recording, str(name), "unit"): ("unit", values)})
    if activity.trials is not None:
        recording = _add_trials(recording, activity.trials, activity.moments, doubts)
    for name, signal in signals.items():
        free = _free(recording, name, "signal")
        recording[free] = (("time", f"{free}_channel")[: signal.values.ndim], signal.values, signal.attrs)
    return check_recording(recording)


def _add_trials(recording: xr.Dataset, trials: pd.DataFrame, moments: Sequence[str], doubts: list[str]) -> xr.Dataset:
    taken = set(map(str, recording.variables))
    recording = add_trials(recording, trials)
    for name in moments:
        recording[f"trial_{name}" if name in taken else name].attrs["units"] = "s"
    empty = np.setdiff1d(recording["trial"].values, recording["trial_id"].values)
    if empty.size:
        doubts.append(
            f"Trials {first_offenders(empty)} hold no bin: they are empty, or lie outside what was observed or within "
            "a later trial."
        )
    return recording


def _free(recording: xr.Dataset, name: str, prefix: str) -> str:
    """A name that can be saved and is not taken yet."""
    name = name.replace("/", "_")
    reserved = {*map(str, recording.variables), *map(str, recording.dims), "trial", "trial_id", "start", "stop"}
    while name in reserved:
        name = f"{prefix}_{name}"
    return name


def _with_doubts(recording: xr.Dataset, doubts: list[str]) -> xr.Dataset:
    """Keep every doubt with the recording, and warn of each."""
    sentences = list(dict.fromkeys(" ".join(doubt.split()) for doubt in doubts))
    if sentences:
        recording.attrs["doubts"] = "\n".join(sentences)
    for sentence in sentences:
        warnings.warn(sentence, DataWarning, stacklevel=3)
    return recording
