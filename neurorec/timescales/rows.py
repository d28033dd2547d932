"""Rows: a recording cut into trials or segments, in bins of the width asked for."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.design import find_runs
from neurorec.recording import InputError, SelectionError, check_recording


class Rows(NamedTuple):
    """Activity in rows that no pair of bins and no avalanche crosses.

    Attributes
    ----------
    values : ndarray (row, bin, unit)
        Counts summed over the bin, other kinds averaged; NaN past a row's end and where a unit was not observed.
    bin_width : float
        Seconds.
    """

    values: NDArray[np.float64]
    bin_width: float


def cut_rows(
    recording: xr.Dataset, *, bin_width: float | None = None, window: tuple[float, float] | None = None
) -> Rows:
    """Cut a recording into its trials, or into its segments where it has no trials.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording.
    bin_width : float, optional
        Seconds, a multiple of the recording's own, which is the default. What is left at a row's end is dropped.
    window : (float, float), optional
        Part of each trial, s from its start; the left edges of bins lie in ``[start, stop)``.

    Returns
    -------
    Rows

    Raises
    ------
    InputError
        When the bin width is no multiple of the recording's, or a window is asked for without trials.
    SelectionError
        When no whole bin is left.

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> recording = recording_from_arrays([[1], [2], [4], [8]], bin_width=0.1, segment=[0, 0, 0, 1])
    >>> cut_rows(recording, bin_width=0.2).values[:, :, 0].tolist()
    [[3.0]]
    """
    recording = check_recording(recording)
    own = float(recording["activity"].attrs["bin_width"])
    factor = 1 if bin_width is None else round(bin_width / own)
    if factor < 1 or (bin_width is not None and abs(factor * own - bin_width) > 1e-3 * own):
        raise InputError(
            "bin_width", expected=f"a multiple of the recording's {own:g} s", found=f"{bin_width}", remedy="round it"
        )
    label, kept = find_runs(recording).label, np.ones(recording.sizes["time"], dtype=bool)
    if "trial_id" in recording.coords:
        kept = recording["trial_id"].values >= 0
        if window is not None:
            kept &= _in_window(recording, window)
    elif window is not None:
        raise InputError("window", expected="a recording with trials", found="none", remedy="add trials, or no window")
    chosen = np.flatnonzero(kept)
    _, row, size = np.unique(label[chosen], return_inverse=True, return_counts=True)
    place = np.arange(chosen.size) - np.repeat(np.cumsum(size) - size, size)
    whole = place < (size // factor * factor)[row]
    if not whole.any():
        raise SelectionError(
            "bins", expected="rows of a bin or more", found="none", remedy="use a wider window or narrower bins"
        )
    values = recording["activity"].values[chosen[whole]].astype(float)
    if "observed" in recording:
        values[~recording["observed"].values[chosen[whole]]] = np.nan
    n_bins = int((size // factor).max())
    rows = np.full((size.size, n_bins * factor, values.shape[1]), np.nan)
    rows[row[whole], place[whole]] = values
    rows = rows[(size >= factor)].reshape(-1, n_bins, factor, values.shape[1])
    summed = rows.sum(axis=2) if recording["activity"].attrs["kind"] in ("counts", "binary") else rows.mean(axis=2)
    return Rows(summed, factor * own)


def _in_window(recording: xr.Dataset, window: tuple[float, float]) -> NDArray[np.bool_]:
    """Bins whose left edge lies in the window of their trial."""
    ids = recording["trial"].values
    order = np.argsort(ids)
    place = order[np.clip(np.searchsorted(ids, recording["trial_id"].values, sorter=order), 0, ids.size - 1)]
    since = recording["time"].values - recording["start"].values[place]
    slack = 1e-6
    return (since >= window[0] - slack) & (since < window[1] - slack)
