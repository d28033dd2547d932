"""Responses of a recording: its trials by condition, in steps that two recordings can share."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.recording import InputError, SelectionError, first_offenders

_SHARE = 0.999  # of a step that must have been recorded


class TrialResponses(NamedTuple):
    """Trials of a recording.

    Attributes
    ----------
    activity : ndarray (trial, time, unit)
        Mean over each step, per second for counts, else in the recording's unit; NaN where not recorded.
    condition : ndarray of str (trial,)
        Name.
    time : ndarray (time,)
        Middle of each step after the event, s.
    area : ndarray of str (unit,)
        Of each unit.
    """

    activity: NDArray[np.float64]
    condition: NDArray[np.str_]
    time: NDArray[np.float64]
    area: NDArray[np.str_]


def cut_responses(
    recording: xr.Dataset,
    by: str | Sequence[str],
    *,
    event: str = "start",
    window: tuple[float, float] | None = None,
    n_steps: int = 20,
) -> TrialResponses:
    """Cut a recording into trials, each into the same number of steps after an event.

    A step holds the mean of the bins that it overlaps, each by how much; so recordings with other bins, and windows of
    another length, come out with as many steps. A step that was not recorded whole, or reaches into another trial, is
    missing.

    Parameters
    ----------
    recording : xarray.Dataset
        With trials.
    by : str or sequence of str
        Columns of the trial table; a condition is what they say together. Trials of which one is missing (NaN or "")
        are left out.
    event : str
        Column with a time in each trial, s.
    window : (float, float), optional
        Begin and end after the event, s; by default from the event to the end of the trials, as far as half of them
        last.
    n_steps : int
        Steps.

    Returns
    -------
    TrialResponses

    Raises
    ------
    SelectionError
        No trials, or no such columns.
    InputError
        A window that is none, steps shorter than a bin.

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> import pandas as pd
    >>> trials = pd.DataFrame({"start": [0.0, 0.4], "stop": [0.4, 0.8], "side": ["left", "right"]})
    >>> recording = recording_from_arrays(np.arange(8)[:, None], bin_width=0.1, trials=trials, kind="rates")
    >>> cut = cut_responses(recording, "side", n_steps=2)
    >>> cut.activity[..., 0].round(9).tolist(), cut.condition.tolist()
    ([[0.5, 2.5], [4.5, 6.5]], ['left', 'right'])
    """
    names = (by,) if isinstance(by, str) else tuple(by)
    _check_columns(recording, (*names, event))
    width = float(recording["activity"].attrs["bin_width"])
    begin = recording[event].values.astype(float)
    if window is None:
        last = recording["stop"].values.astype(float) - begin
        window = (0.0, float(np.nanmedian(last)))
    low, high = window
    if n_steps < 1 or not high > low or (high - low) / n_steps < (1 - 1e-6) * width:
        found = f"{n_steps} in {low:g} to {high:g} s, bins of {width:g} s"
        raise InputError("n_steps", expected="steps as long as a bin or longer", found=found, remedy="use fewer")
    edges = np.linspace(low, high, n_steps + 1)
    label, known = _conditions(recording, names)
    activity = _resample(recording, begin, edges, width)[known]
    if recording["activity"].attrs["kind"] == "counts":
        activity /= width
    area = recording["area"].values.astype(str)
    return TrialResponses(activity, label[known], (edges[1:] + edges[:-1]) / 2, area)


def _check_columns(recording: xr.Dataset, names: tuple[str, ...]) -> None:
    if "trial" not in recording.sizes:
        raise SelectionError("recording", expected="trials", found="none", remedy="add them with add_trials")
    for name in names:
        if name not in recording or recording[name].dims != ("trial",):
            columns = [str(k) for k, v in recording.data_vars.items() if v.dims == ("trial",)]
            remedy = 'add it: recording.assign(name=("trial", values))'
            raise SelectionError("columns", expected=f"one of {first_offenders(columns)}", found=name, remedy=remedy)


def _conditions(recording: xr.Dataset, names: tuple[str, ...]) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
    """Name of each trial's condition, and whether it has one."""
    columns = [recording[name].values for name in names]
    known = np.ones(recording.sizes["trial"], dtype=bool)
    for values in columns:
        known &= np.isfinite(values) if values.dtype.kind == "f" else values.astype(str) != ""
    texts = [
        np.array([f"{v:g}" for v in values]) if values.dtype.kind == "f" else values.astype(str) for values in columns
    ]
    label = texts[0]
    for more in texts[1:]:
        label = np.char.add(np.char.add(label, ", "), more)
    return label, known


def _resample(recording: xr.Dataset, begin: NDArray, edges: NDArray, width: float) -> NDArray[np.float64]:
    """Means over steps ``(trial, time, unit)``."""
    time, owner = recording["time"].values, recording["trial_id"].values
    values = recording["activity"].values.astype(float)
    known = np.isfinite(values)
    if "observed" in recording:
        known &= recording["observed"].values
    if known.all():
        known = np.ones((len(values), 1), dtype=bool)
    else:
        values = np.where(known, values, 0.0)
    known = known.astype(float)
    step = edges[1] - edges[0]
    found = np.full((begin.size, edges.size - 1, values.shape[1]), np.nan)
    for row, (at, own) in enumerate(zip(begin, recording["trial"].values, strict=True)):
        if not np.isfinite(at):
            continue
        first, last = np.searchsorted(time, [at + edges[0] - width, at + edges[-1]])
        rows = np.arange(first, last)
        rows = rows[(owner[rows] == own) | (owner[rows] < 0)]
        left = time[rows] - at
        overlap = np.minimum(left + width, edges[1:, None]) - np.maximum(left, edges[:-1, None])
        overlap = np.maximum(overlap, 0)  # (step, bin)
        held = overlap @ known[rows]
        whole = held >= _SHARE * step
        found[row] = np.divide(
            overlap @ values[rows], held, out=found[row], where=np.broadcast_to(whole, found[row].shape)
        )
    return found
