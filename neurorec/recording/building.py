"""A recording from arrays, for data that are neither NWB nor simulated here."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from neurorec.recording.aligning import assign_trials
from neurorec.recording.errors import RecordingError
from neurorec.recording.schema import check_recording


def recording_from_arrays(
    activity: ArrayLike,
    *,
    bin_width: float,
    area: Sequence[str] | str = "",
    unit: Sequence | None = None,
    time: ArrayLike | None = None,
    segment: ArrayLike | None = None,
    trials: pd.DataFrame | None = None,
    signals: Mapping[str, ArrayLike] | None = None,
    observed: ArrayLike | None = None,
    kind: str = "counts",
    units: str = "spikes/bin",
    attrs: Mapping[str, str | int | float] | None = None,
) -> xr.Dataset:
    """Build a recording from arrays.

    Parameters
    ----------
    activity : array_like (time, unit)
        Spike counts per bin, or the values of a trace.
    bin_width : float
        Seconds.
    area : str or sequence of str (unit,)
        The area of each unit, ``""`` where unknown.
    unit : sequence (unit,), optional
        Ids; by default 0, 1, 2, ...
    time : array_like (time,), optional
        Left edge of each bin, s; by default 0, bin_width, ...
    segment : array_like of int (time,), optional
        Which contiguous stretch a bin belongs to; by default a new one starts wherever ``time`` jumps.
    trials : pandas.DataFrame, optional
        One row per trial, columns ``start`` and ``stop`` (s) and any others.
    signals : mapping of str to array_like (time,) or (time, channel), optional
        Behavioural signals, already in bins; missing values are NaN.
    observed : array_like of bool (time, unit), optional
        False where a unit was not observed.
    kind : {"counts", "rates", "dff", "fluorescence", "deconvolved", "binary"}
        What ``activity`` is.
    units : str
        Its physical unit.
    attrs : mapping, optional
        Strings and numbers to keep with the recording.

    Returns
    -------
    xarray.Dataset
        A recording, checked.

    Raises
    ------
    RecordingError
        Where shapes disagree or the schema is broken.

    Examples
    --------
    >>> import pandas as pd
    >>> trials = pd.DataFrame({"start": [0.0, 0.5], "stop": [0.5, 1.0], "choice": ["left", "right"]})
    >>> recording = recording_from_arrays(np.ones((100, 2)), bin_width=0.01, area=["V1", "PPC"], trials=trials)
    >>> recording["trial_id"].values[[0, 49, 50]].tolist()
    [0, 0, 1]
    """
    activity = np.asarray(activity)
    if activity.ndim != 2:
        raise RecordingError(
            "activity", expected="two axes (time, unit)", found=f"{activity.ndim}", remedy="pass a matrix"
        )
    n_time, n_unit = activity.shape
    time = np.arange(n_time) * bin_width if time is None else np.asarray(time, dtype=float)
    if segment is None:
        segment = np.concatenate([[0], np.cumsum(np.abs(np.diff(time) - bin_width) > 1e-3 * bin_width)])[:n_time]
    recording = xr.Dataset(
        {"activity": (("time", "unit"), activity, {"kind": kind, "units": units, "bin_width": float(bin_width)})},
        coords={
            "time": ("time", time, {"units": "s"}),
            "segment": ("time", np.asarray(segment, dtype=np.int64)),
            "unit": ("unit", np.arange(n_unit) if unit is None else np.asarray(unit)),
            "area": ("unit", np.full(n_unit, area) if isinstance(area, str) else np.asarray(area, dtype=str)),
        },
        attrs=dict(attrs or {}),
    )
    if observed is not None:
        recording["observed"] = (("time", "unit"), np.asarray(observed, dtype=bool))
    for name, values in (signals or {}).items():
        values = np.asarray(values)
        recording[name] = (("time", f"{name}_channel")[: values.ndim], values)
    if trials is not None:
        recording = add_trials(recording, trials)
    return check_recording(recording)


def add_trials(recording: xr.Dataset, trials: pd.DataFrame) -> xr.Dataset:
    """Add a table of trials to a recording.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording without trials.
    trials : pandas.DataFrame
        Columns ``start`` and ``stop`` (s) and any others; the index holds the trials' ids (integers >= 0).

    Returns
    -------
    xarray.Dataset
        The recording with ``trial_id (time)`` and the table's columns over ``trial``.
    """
    missing = {"start", "stop"} - set(trials.columns)
    if missing:
        raise RecordingError(
            "trials",
            expected="columns start and stop",
            found=f"no {', '.join(sorted(missing))}",
            remedy="rename the columns that hold the trials' times",
        )
    start, stop = trials["start"].to_numpy(float), trials["stop"].to_numpy(float)
    ids = trials.index.to_numpy(np.int64)
    which = assign_trials(recording["time"].values, start, stop)
    recording = recording.assign_coords(
        trial=("trial", ids), trial_id=("time", np.where(which >= 0, ids[which], -1).astype(np.int64))
    )
    for name in trials.columns:
        values = trials[name].to_numpy(copy=True)
        if values.dtype.kind not in "biuf":
            values = values.astype(str)
        free = name if name not in recording.variables else f"trial_{name}"
        recording[free] = ("trial", values, {"units": "s"} if name in ("start", "stop") else {})
    return recording


def add_blocks(recording: xr.Dataset, length: float) -> xr.Dataset:
    """Cut a recording without trials into blocks that stand in for trials.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording.
    length : float
        Seconds per block; a block never crosses a segment edge, and the last one of a segment may be shorter.

    Returns
    -------
    xarray.Dataset
        The recording with blocks as trials and ``attrs["trials_are_blocks"] = 1``.
    """
    width = recording["activity"].attrs["bin_width"]
    n_bins = round(length / width)
    if n_bins < 1:
        raise RecordingError(
            "length", expected=f"at least one bin ({width:g} s)", found=f"{length:g} s", remedy="give longer blocks"
        )
    time, segment = recording["time"].values, recording["segment"].values
    within = np.arange(time.size) - np.searchsorted(segment, segment)
    block = np.cumsum(within % n_bins == 0) - 1
    first = np.flatnonzero(np.diff(block, prepend=-1))
    last = np.append(first[1:], time.size) - 1
    table = pd.DataFrame({"start": time[first], "stop": time[last] + width})
    kept = recording.drop_vars([k for k, v in recording.variables.items() if "trial" in v.dims or k == "trial_id"])
    recording = add_trials(kept, table)
    recording.attrs["trials_are_blocks"] = 1
    recording.attrs["block_length"] = float(length)
    return recording
