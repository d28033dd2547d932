"""The schema of a recording: what every analysis may rely on."""

import numpy as np
import xarray as xr

from neurorec.recording.errors import RecordingError, first_offenders

KINDS = ("counts", "rates", "dff", "fluorescence", "deconvolved", "binary")


def check_recording(recording: xr.Dataset) -> xr.Dataset:
    """Check that a dataset is a recording, and return it unchanged.

    Parameters
    ----------
    recording : xarray.Dataset
        ``activity (time, unit)`` with attributes ``kind``, ``units`` and ``bin_width`` (s); coordinates ``time``
        (s, left edge of the bin), ``segment (time)`` (which contiguous observed stretch), ``unit`` and
        ``area (unit)``. Optional: ``observed (time, unit)``; ``trial_id (time)`` with ``start (trial)`` and
        ``stop (trial)`` in s; any ``(trial,)`` column; any ``(time,)`` or ``(time, channel)`` signal.

    Returns
    -------
    xarray.Dataset
        The argument itself.

    Raises
    ------
    RecordingError
        One line: what is wrong, what was expected, what was found, what to do.

    Examples
    --------
    >>> import numpy as np
    >>> from neurorec.recording import recording_from_arrays
    >>> recording = recording_from_arrays(np.zeros((50, 3)), bin_width=0.01, area=["V1", "V1", "PPC"])
    >>> check_recording(recording) is recording
    True
    """
    if not isinstance(recording, xr.Dataset):
        _refuse("recording", "an xarray.Dataset", type(recording).__name__, "see neurorec.recording_from_arrays")
    _check_activity(recording)
    _check_time(recording)
    _check_units(recording)
    _check_trials(recording)
    _check_attributes(recording)
    return recording


def trial_columns(recording: xr.Dataset) -> list[str]:
    """Names of the trial table's columns, other than ``start`` and ``stop``."""
    return [str(k) for k, v in recording.data_vars.items() if v.dims == ("trial",) and k not in ("start", "stop")]


def signals(recording: xr.Dataset) -> list[str]:
    """Names of the signals over time: every variable whose first dimension is time, except the activity."""
    return [
        str(k) for k, v in recording.data_vars.items() if v.dims[:1] == ("time",) and k not in ("activity", "observed")
    ]


def _refuse(name: str, expected: str, found: str, remedy: str) -> None:
    raise RecordingError(name, expected=expected, found=found, remedy=remedy)


def _check_activity(recording: xr.Dataset) -> None:
    remedy = "build it with neurorec.recording_from_arrays or neurorec.read_nwb"
    if "activity" not in recording.data_vars:
        found = f"variables {sorted(map(str, recording.data_vars))}"
        _refuse("activity", "a variable over (time, unit)", found, remedy)
    activity = recording["activity"]
    if activity.dims != ("time", "unit"):
        _refuse("activity", "dimensions (time, unit)", str(activity.dims), "transpose or rename them")
    if activity.dtype.kind not in "biuf":
        _refuse("activity", "numbers", f"dtype {activity.dtype}", "convert it to float")
    if not activity.size:
        found, remedy = f"{activity.sizes['time']} bins of {activity.sizes['unit']} units", "choose more bins or units"
        _refuse("activity", "at least one bin of one unit", found, remedy)
    missing = {"kind", "units", "bin_width"} - set(activity.attrs)
    if missing:
        _refuse("activity.attrs", "kind, units and bin_width", f"no {', '.join(sorted(missing))}", remedy)
    if activity.attrs["kind"] not in KINDS:
        _refuse("activity.attrs['kind']", f"one of {', '.join(KINDS)}", repr(activity.attrs["kind"]), "name the kind")
    if not activity.attrs["bin_width"] > 0:
        _refuse("bin_width", "a positive number of seconds", str(activity.attrs["bin_width"]), "give it in seconds")
    if "observed" in recording and (
        recording["observed"].dims != ("time", "unit") or recording["observed"].dtype != bool
    ):
        _refuse("observed", "booleans over (time, unit)", str(recording["observed"].dims), "match it to activity")


def _check_time(recording: xr.Dataset) -> None:
    for name in ("time", "segment"):
        if name not in recording.coords or recording[name].dims != ("time",):
            _refuse(name, "a coordinate over time", "none", "add it: neurorec.recording_from_arrays shows how")
    time, segment = recording["time"].values, recording["segment"].values
    if not np.isfinite(time).all():
        _refuse("time", "finite seconds", f"{np.count_nonzero(~np.isfinite(time))} not finite", "leave those bins out")
    step = np.diff(time)
    if (step <= 0).any():
        at = np.flatnonzero(step <= 0)
        _refuse("time", "increasing bins", f"a step back after bins {first_offenders(at)}", "sort the bins by time")
    if segment.dtype.kind not in "iu" or (np.diff(segment) < 0).any():
        _refuse("segment", "non-decreasing integers", f"dtype {segment.dtype}", "number the stretches in order")
    width = recording["activity"].attrs["bin_width"]
    uneven = (np.diff(segment) == 0) & (np.abs(step - width) > 1e-3 * width)
    if uneven.any():
        at = np.flatnonzero(uneven)
        _refuse(
            "time",
            f"bins {width:g} s apart within a segment",
            f"other steps after bins {first_offenders(at)}",
            "start a new segment at each gap",
        )


def _check_units(recording: xr.Dataset) -> None:
    if "area" not in recording.coords or recording["area"].dims != ("unit",):
        _refuse("area", "a coordinate over unit", "none", "give one string per unit, '' where unknown")
    if recording["area"].dtype.kind not in "UOT":
        _refuse("area", "strings", f"dtype {recording['area'].dtype}", "convert the areas to strings")
    if "unit" not in recording.coords:
        _refuse("unit", "a coordinate of unit ids", "none", "number the units")
    ids = recording.indexes["unit"]
    if not ids.is_unique:
        _refuse("unit", "ids that occur once", f"{first_offenders(ids[ids.duplicated()])} again", "renumber the units")


def _check_trials(recording: xr.Dataset) -> None:
    if "trial" not in recording.dims:
        return
    if "trial_id" not in recording.coords or recording["trial_id"].dims != ("time",):
        _refuse("trial_id", "a coordinate over time", "none", "say which trial each bin belongs to, -1 outside")
    for name in ("start", "stop"):
        if name not in recording or recording[name].dims != ("trial",):
            _refuse(name, "seconds over trial", "none", "add the trials' times")
    if "trial" not in recording.coords:
        _refuse("trial", "a coordinate of trial ids", "none", "number the trials")
    unknown = np.setdiff1d(recording["trial_id"].values, np.append(recording["trial"].values, -1))
    if unknown.size:
        _refuse("trial_id", "ids of the trial table, or -1", first_offenders(unknown), "match them to trial")


def _check_attributes(recording: xr.Dataset) -> None:
    for owner, attributes in [("recording", recording.attrs), *((str(k), recording[k].attrs) for k in recording)]:
        for name, value in attributes.items():
            if not isinstance(value, str | int | float | np.number):
                _refuse(
                    f"{owner}.attrs[{name!r}]", "a string or a number", type(value).__name__, "netCDF holds no other"
                )
