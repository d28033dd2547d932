"""A recording from arrays, for data that are neither NWB nor simulated here."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording.aligning import assign_trials
from neurorec.recording.errors import RecordingError, first_offenders
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
    if not bin_width > 0:
        raise RecordingError(
            "bin_width", expected="a positive number of seconds", found=str(bin_width), remedy="try 0.01"
        )
    time = np.arange(n_time) * bin_width if time is None else _along("time", np.asarray(time, float), n_time, "bins")
    ids = np.arange(n_unit) if unit is None else np.asarray(unit)
    if segment is None:
        segment = np.concatenate([[0], np.cumsum(np.abs(np.diff(time) - bin_width) > 1e-3 * bin_width)])[:n_time]
    recording = xr.Dataset(
        {"activity": (("time", "unit"), activity, {"kind": kind, "units": units, "bin_width": float(bin_width)})},
        coords={
            "time": ("time", time, {"units": "s"}),
            "segment": ("time", _along("segment", np.asarray(segment, dtype=np.int64), n_time, "bins")),
            "unit": ("unit", _along("unit", ids, n_unit, "units")),
            "area": ("unit", _areas([area] * n_unit if isinstance(area, str) else area, n_unit)),
        },
        attrs=dict(attrs or {}),
    )
    if observed is not None:
        seen = np.asarray(observed, dtype=bool)
        if seen.shape != activity.shape:
            found = f"shape {seen.shape}"
            raise RecordingError("observed", expected=f"shape {activity.shape}", found=found, remedy="match activity")
        recording["observed"] = (("time", "unit"), seen)
    for name, values in (signals or {}).items():
        if name in (*recording.variables, "trial", "trial_id", "start", "stop", "observed"):
            remedy = "choose another one"
            raise RecordingError("signals", expected="names of their own", found=name, remedy=remedy)
        values = _along(f"signals[{name!r}]", np.asarray(values), n_time, "bins", most=2)
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
    ids = _trial_ids(trials.index)
    which = assign_trials(recording["time"].values, start, stop)
    recording = recording.assign_coords(
        trial=("trial", ids), trial_id=("time", np.where(which >= 0, ids[which], -1).astype(np.int64))
    )
    for name, column in trials.items():
        name, values = str(name), _storable(column)
        free = name if name not in recording.variables else f"trial_{name}"
        recording[free] = ("trial", values, {"units": "s"} if name in ("start", "stop") else {})
    return recording


def _along(name: str, values: NDArray, n: int, what: str, *, most: int = 1) -> NDArray:
    """Values whose first axis is as long as that of the activity."""
    if not 1 <= values.ndim <= most or len(values) != n:
        expected = f"one value for each of the {n} {what}" + (", or channels of it" if most > 1 else "")
        raise RecordingError(name, expected=expected, found=f"shape {values.shape}", remedy="match it to activity")
    return values


def _areas(area: Sequence[str], n_unit: int) -> NDArray[np.str_]:
    """Names of areas, "" where there is none."""
    names = np.asarray(area, dtype=object)
    return np.array(["" if pd.isna(name) else str(name) for name in _along("area", names, n_unit, "units")], dtype=str)


def _trial_ids(index: pd.Index) -> NDArray[np.int64]:
    if not pd.api.types.is_integer_dtype(index.dtype) or index.hasnans or (index < 0).any() or not index.is_unique:
        remedy = "number them, or call reset_index(drop=True)"
        again = index[index.duplicated()]
        found = f"{first_offenders(again)} again" if again.size else first_offenders(index)
        raise RecordingError("trials", expected="an index of ids >= 0, each once", found=found, remedy=remedy)
    return index.to_numpy(np.int64)


def _storable(column: pd.Series) -> NDArray:
    """A trial column as numbers, booleans or strings; what is missing is NaN or "", never a word of its own."""
    column = column.infer_objects()  # numbers and None are numbers
    missing = column.isna().to_numpy()
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return column.to_numpy(copy=True)
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(float, na_value=np.nan) if missing.any() else column.to_numpy(copy=True)
    if pd.api.types.is_bool_dtype(column.dtype) and not missing.any():
        return column.to_numpy(bool)
    return np.array(["" if gone else str(value) for value, gone in zip(column, missing, strict=True)], dtype=str)


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
