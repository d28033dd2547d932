"""Which trial does a bin belong to?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def assign_trials(time: ArrayLike, start: ArrayLike, stop: ArrayLike) -> NDArray[np.int64]:
    """Row of the trial that each bin falls into.

    Parameters
    ----------
    time : array_like (time,)
        Left edges of the bins, s.
    start, stop : array_like (trial,)
        Seconds, in any order of trials. A trial with a missing or non-positive duration holds no bin.

    Returns
    -------
    ndarray of int (time,)
        Row of the trial, -1 outside. Where trials overlap, a bin belongs to the one that started last.

    Examples
    --------
    >>> assign_trials([0.0, 0.1, 0.2, 0.3], start=[0.1, 0.2], stop=[0.3, 0.3]).tolist()
    [-1, 0, 1, -1]
    """
    time, start, stop = (np.asarray(a, dtype=float) for a in (time, start, stop))
    slack = 1e-9 + 1e-12 * np.abs(time).max(initial=0.0)
    trial = np.full(time.size, -1, dtype=np.int64)
    valid = np.flatnonzero(np.isfinite(start) & np.isfinite(stop) & (stop > start))
    for row in valid[np.argsort(start[valid], kind="stable")]:
        low, high = np.searchsorted(time, [start[row] - slack, stop[row] - slack])
        trial[low:high] = row
    return trial
