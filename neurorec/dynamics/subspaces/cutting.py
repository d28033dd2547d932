"""The bins of a recording that make those of a trial."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import csr_array

from neurorec.recording import BIN_TOLERANCE, InputError

_SHARE = 0.999  # of a bin that must have been recorded


class TrialBins(NamedTuple):
    """Which of the recording's bins make each bin of a trial.

    Attributes
    ----------
    row : ndarray of int (trial, time, part)
        Of the recording.
    weight : ndarray (trial, time, part)
        How much of it, in bins or in s; 0 for none.
    whole : float
        Sum of the weights of a bin that was recorded whole.
    time : ndarray (time,)
        Left edge, s after the event.
    width : float
        Of a bin, s.
    """

    row: NDArray[np.int64]
    weight: NDArray[np.float64]
    whole: float
    time: NDArray[np.float64]
    width: float


def whole_bins(time: NDArray, at: NDArray, window: tuple[float, float], width: float | None, own: float) -> TrialBins:
    """Bins that hold whole ones of the recording, from the one in which the event is."""
    n_within = 1 if width is None else round(width / own)
    if n_within < 1 or (width is not None and abs(n_within * own - width) > BIN_TOLERANCE * own):
        remedy = "choose another one"
        raise InputError("bin_width", expected=f"a multiple of {own:g} s", found=f"{width:g} s", remedy=remedy)
    first = round(window[0] / own)
    n_bins = (round(window[1] / own) - first) // n_within
    if n_bins < 1:
        found, remedy = f"{window[0]:g} to {window[1]:g} s", "widen it"
        raise InputError("window", expected=f"one bin of {n_within * own:g} s or more", found=found, remedy=remedy)
    slack = BIN_TOLERANCE * own
    wanted = at[:, None] + (first + np.arange(n_bins * n_within)) * own
    row = np.searchsorted(time, wanted + slack, side="right") - 1
    here = np.maximum(row, 0)
    near = (row >= 0) & (time[here] > wanted - own + slack)
    shape = (at.size, n_bins, n_within)
    begin = np.asarray(np.round((first + np.arange(n_bins) * n_within) * own, 9), dtype=np.float64)
    return TrialBins(here.reshape(shape), near.reshape(shape).astype(float), n_within, begin, n_within * own)


def equal_parts(time: NDArray, at: NDArray, window: tuple[float, float], n_steps: int, own: float) -> TrialBins:
    """Equal parts of the window, from the event itself, whatever bins they overlap."""
    low, high = window
    if n_steps < 1 or not high > low or (high - low) / n_steps < (1 - 1e-6) * own:
        found = f"{n_steps} in {low:g} to {high:g} s, bins of {own:g} s"
        raise InputError("n_steps", expected="steps as long as a bin or longer", found=found, remedy="use fewer")
    edges = np.linspace(low, high, n_steps + 1)
    step = float(edges[1] - edges[0])
    row = np.searchsorted(time, at[:, None] + edges[:-1] - own, side="right")[..., None]
    row = row + np.arange(int(np.ceil(step / own)) + 1)
    here = np.minimum(row, time.size - 1)
    left = time[here] - at[:, None, None]
    overlap = np.minimum(left + own, edges[1:, None]) - np.maximum(left, edges[:-1, None])
    return TrialBins(here, np.where(row < time.size, np.maximum(overlap, 0), 0.0), step, edges[:-1], step)


def owned(bins: TrialBins, recording: xr.Dataset, kept: NDArray[np.bool_], *, between: bool) -> TrialBins:
    """Without what belongs to another trial and, unless asked for, to none."""
    owner = recording["trial_id"].values[bins.row]
    fits = owner == recording["trial"].values[kept][:, None, None]
    return bins._replace(weight=bins.weight * (fits | (owner == -1) if between else fits))


def bin_means(recording: xr.Dataset, bins: TrialBins, units: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weighted means ``(trial, time, unit)``; NaN where not all of a bin was recorded."""
    used, column = np.unique(bins.row, return_inverse=True)
    values = recording["activity"].values[np.ix_(used, units)].astype(float)
    known = np.isfinite(values)
    if "observed" in recording:
        known &= recording["observed"].values[np.ix_(used, units)]
    if known.all():
        known = np.ones((used.size, 1), dtype=bool)
    else:
        values = np.where(known, values, 0.0)
    n_parts = bins.row.shape[2]
    begin = np.arange(0, bins.row.size + 1, n_parts)
    weight = csr_array((bins.weight.ravel(), column.ravel(), begin), shape=(begin.size - 1, used.size))
    held, total = weight @ known.astype(float), weight @ values
    seen = np.broadcast_to(held >= _SHARE * bins.whole, total.shape)
    return np.divide(total, held, out=np.full(total.shape, np.nan), where=seen).reshape(*bins.row.shape[:2], -1)
