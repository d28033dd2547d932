"""Activity of every trial in windows that end at given times after an event."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import BIN_TOLERANCE, InputError, SelectionError, check_recording, first_offenders


class TrialWindows(NamedTuple):
    """Activity cut out around an event.

    Attributes
    ----------
    activity : ndarray (trial, time, unit)
        Mean per bin over the window; NaN where any bin of it was not recorded or belongs to another trial.
    time : ndarray (time,)
        End of each window after the event, s: nothing that came later is in it.
    """

    activity: NDArray[np.float32]
    time: NDArray[np.float64]


def cut_windows(
    recording: xr.Dataset,
    *,
    event: str | ArrayLike = "start",
    window: tuple[float, float] = (0.0, 0.4),
    width: float | None = None,
    step: float | None = None,
) -> TrialWindows:
    """Activity of every trial in trailing windows after an event.

    The window that ends at time t of a trial holds the bins that lie in ``(t - width, t]`` after the event; an event
    that falls inside a bin is taken to be at that bin's right edge, so that windows may be up to one bin old but
    never look ahead.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording with trials.
    event : str or array_like (trial,)
        Column of the trial table with the times of the event, or the times, s; trials without one are missing.
    window : (float, float)
        From where to where after the event, s; the first window starts at the first and the last ends by the second.
    width, step : float, optional
        Length of each window and distance between them, s; by default one bin and one window of the recording's bins.

    Returns
    -------
    TrialWindows
        ``activity (trial, time, unit)`` and ``time (time,)``.

    Raises
    ------
    SelectionError
        The recording has no trials, or no such column, or none of the window's bins was recorded in any trial.
    InputError
        The window holds no bin.

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> import pandas as pd
    >>> trials = pd.DataFrame({"start": [0.0, 0.2], "stop": [0.2, 0.4]})
    >>> recording = recording_from_arrays(np.arange(4)[:, None], bin_width=0.1, area=["V1"], trials=trials)
    >>> cut = cut_windows(recording, window=(0, 0.2))
    >>> cut.time.tolist(), cut.activity[..., 0].tolist()
    ([0.1, 0.2], [[0.0, 1.0], [2.0, 3.0]])
    """
    check_recording(recording)
    if "trial" not in recording.sizes:
        raise SelectionError("recording", expected="trials", found="none", remedy="add them with add_trials")
    bin_width = float(recording["activity"].attrs["bin_width"])
    n_wide, n_step, first, last = _in_bins(window, width, step, bin_width)
    row = _bin_of(recording, _event_times(recording, event), np.arange(first, last), bin_width)
    if not (row >= 0).any():
        found = f"none in {row.shape[0]} trials"
        remedy = "give times of the events on the recording's own clock, or another window"
        raise SelectionError("window", expected="bins that were recorded in some trial", found=found, remedy=remedy)
    activity = recording["activity"].values.astype(np.float32)
    if "observed" in recording:
        activity = np.where(recording["observed"].values, activity, np.float32(np.nan))
    bins = activity[np.maximum(row, 0)]
    bins[row < 0] = np.nan
    ends = np.arange(n_wide, last - first + 1, n_step)
    mean = np.stack([bins[:, end - n_wide : end].mean(axis=1) for end in ends], axis=1)
    return TrialWindows(mean, np.array([round(float(end) * bin_width, 9) for end in first + ends]))


def _in_bins(
    window: tuple[float, float], width: float | None, step: float | None, bin_width: float
) -> tuple[int, int, int, int]:
    n_wide = 1 if width is None else round(width / bin_width)
    n_step = (1 if step is None else round(step / bin_width)) if n_wide else 0
    first, last = round(window[0] / bin_width), round(window[1] / bin_width)
    if n_wide < 1 or n_step < 1 or last - first < n_wide:
        raise InputError(
            "window",
            expected=f"a window, width and step of at least one bin ({bin_width:g} s), the window as long as its width",
            found=f"window={window}, width={width}, step={step}",
            remedy="widen them",
        )
    return n_wide, n_step, first, last


def _event_times(recording: xr.Dataset, event: str | ArrayLike) -> NDArray[np.float64]:
    if isinstance(event, str):
        if event not in recording or recording[event].dims != ("trial",):
            columns = [str(k) for k, v in recording.data_vars.items() if v.dims == ("trial",)]
            raise SelectionError(
                "event", expected=f"a column of times: {first_offenders(columns)}", found=event, remedy="name one"
            )
        return recording[event].values.astype(float)
    times = np.asarray(event, dtype=float)
    if times.shape != (recording.sizes["trial"],):
        raise InputError(
            "event", expected=f"{recording.sizes['trial']} times", found=f"shape {times.shape}", remedy="one per trial"
        )
    return times


def _bin_of(
    recording: xr.Dataset, event: NDArray[np.float64], offsets: NDArray[np.int64], bin_width: float
) -> NDArray[np.int64]:
    """Row of each trial's bins (trial, offset); -1 where there is none, or it is another trial's."""
    time, owner = recording["time"].values, recording["trial_id"].values
    slack = BIN_TOLERANCE * bin_width
    wanted = event[:, None] + offsets * bin_width
    row = np.searchsorted(time, np.where(np.isfinite(wanted), wanted, -np.inf) + slack, side="right") - 1
    near = (row >= 0) & np.isfinite(wanted)
    near &= time[np.maximum(row, 0)] > wanted - bin_width + slack
    held = owner[np.maximum(row, 0)]
    # A bin that belongs to another trial would put the same spikes on both sides of a fold edge.
    near &= (held < 0) | (held == recording["trial"].values[:, None])
    return np.where(near, row, -1)
