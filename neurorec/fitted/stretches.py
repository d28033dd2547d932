"""Stretches: a recording's trials as one padded array, for models that run through time."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.design import source_activity
from neurorec.recording import RecordingError, check_recording


class Stretches(NamedTuple):
    """Contiguous bins of one trial and one segment each.

    Attributes
    ----------
    activity : ndarray (stretch, time, unit)
        0 in the padding behind each stretch.
    n_bins : ndarray of int (stretch,)
    trial : ndarray of int (stretch,)
        Position of its trial in the trial table.
    bins : ndarray of int (stretch, time)
        Position of each bin in the recording, -1 in the padding.
    """

    activity: NDArray[np.float64]
    n_bins: NDArray[np.int64]
    trial: NDArray[np.int64]
    bins: NDArray[np.int64]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Bins that are no padding ``(stretch, time)``."""
        return self.bins >= 0

    def of(self, which: ArrayLike) -> "Stretches":
        """Some of the stretches."""
        some = np.asarray(which)
        return Stretches(self.activity[some], self.n_bins[some], self.trial[some], self.bins[some])

    def laid(self, values: NDArray, n_time: int) -> NDArray:
        """Values ``(stretch, time, ...)`` in the bins of the recording ``(n_time, ...)``, missing elsewhere."""
        out = np.full((n_time, *values.shape[2:]), np.nan)
        out[self.bins[self.inside]] = values[self.inside]
        return out


def cut_stretches(recording: xr.Dataset) -> Stretches:
    """Cut a recording into the stretches of its trials.

    Parameters
    ----------
    recording : xarray.Dataset
        With trials; where a unit was not observed its mean stands in.

    Returns
    -------
    Stretches

    Raises
    ------
    RecordingError
        Without trials, or when none of their bins was recorded.

    Examples
    --------
    >>> import pandas as pd
    >>> from neurorec.recording import recording_from_arrays
    >>> trials = pd.DataFrame({"start": [0.0, 0.2], "stop": [0.2, 0.5]})
    >>> cut_stretches(recording_from_arrays(np.ones((5, 2)), bin_width=0.1, trials=trials)).n_bins.tolist()
    [2, 3]
    """
    check_recording(recording)
    if "trial" not in recording.dims:
        remedy = "name an interval table, or cut blocks that stand in for them (add_blocks)"
        raise RecordingError("trials", expected="trials to run through", found="none", remedy=remedy)
    trial_id, segment = recording["trial_id"].values, recording["segment"].values
    edge = np.append(True, (np.diff(trial_id) != 0) | (np.diff(segment) != 0))
    first = np.flatnonzero(edge)
    length = np.diff(np.append(first, trial_id.size))
    first, length = first[trial_id[first] >= 0], length[trial_id[first] >= 0]
    if not first.size:
        remedy = "give times of trials on the recording's own clock"
        raise RecordingError("trials", expected="some that were recorded", found="none", remedy=remedy)
    step = np.arange(int(length.max(initial=0)))
    bins = np.where(step < length[:, None], first[:, None] + step, -1)
    activity = source_activity(recording).astype(np.float64)[np.maximum(bins, 0)]
    activity[bins < 0] = 0.0
    trial = recording.indexes["trial"].get_indexer(trial_id[first])
    return Stretches(activity, length, trial, bins)
