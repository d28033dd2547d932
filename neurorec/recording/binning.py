"""Bins: made of the intervals that were observed, filled with spikes or with samples of a signal."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.recording.errors import InputError

# An interval that misses a whole number of bins by less than this share of a bin is taken to hold them all: clocks
# are floats, and (65.674 - 65.274) / 0.01 is 39.99999999.
BIN_TOLERANCE = 1e-3

# Samples further apart than this many typical sampling intervals are not joined by a straight line.
CLOSE_ENOUGH = 2.5


class Bins(NamedTuple):
    """Bins of equal width.

    Attributes
    ----------
    time : ndarray (time,)
        Left edge of each bin, s.
    segment : ndarray of int (time,)
        Which contiguous observed interval a bin belongs to.
    """

    time: NDArray[np.float64]
    segment: NDArray[np.int64]


def merge_intervals(intervals: ArrayLike, *, tolerance: float = 1e-9) -> NDArray[np.float64]:
    """Join intervals that touch or overlap.

    Parameters
    ----------
    intervals : array_like (interval, edge)
        Start and stop, s, in any order; missing, empty and reversed ones hold nothing and are left out.
    tolerance : float
        Gaps of at most this many seconds (plus the clock's rounding) do not split.

    Returns
    -------
    ndarray (interval, edge)
        In order, none touching another.

    Examples
    --------
    >>> merge_intervals([[2, 3], [0, 1], [1, 1.5]]).tolist()
    [[0.0, 1.5], [2.0, 3.0]]
    """
    intervals = np.asarray(intervals, dtype=float).reshape(-1, 2)
    intervals = intervals[np.isfinite(intervals).all(axis=1) & (intervals[:, 1] > intervals[:, 0])]
    if not len(intervals):
        return intervals
    start, stop = intervals[np.argsort(intervals[:, 0], kind="stable")].T
    reach = np.maximum.accumulate(stop)
    opens = np.append(True, start[1:] > reach[:-1] + _slack(reach, tolerance))
    closes = np.append(opens[1:], True)
    return np.column_stack([start[opens], reach[closes]])


def subtract_intervals(intervals: ArrayLike, removed: ArrayLike) -> NDArray[np.float64]:
    """Intervals without the parts that other intervals cover.

    Parameters
    ----------
    intervals, removed : array_like (interval, edge)
        Start and stop, s.

    Returns
    -------
    ndarray (interval, edge)
        What is left, in order.

    Examples
    --------
    >>> subtract_intervals([[0, 10]], [[2, 3], [9, 12]]).tolist()
    [[0.0, 2.0], [3.0, 9.0]]
    """
    left = merge_intervals(intervals)
    for start, stop in merge_intervals(removed):
        before = np.column_stack([left[:, 0], np.minimum(left[:, 1], start)])
        after = np.column_stack([np.maximum(left[:, 0], stop), left[:, 1]])
        left = merge_intervals(np.vstack([before, after]))
    return left


def clip_intervals(intervals: ArrayLike, start: float, stop: float) -> NDArray[np.float64]:
    """The parts of intervals that lie between two times (s).

    Examples
    --------
    >>> clip_intervals([[0, 10], [20, 30]], 5, 25).tolist()
    [[5.0, 10.0], [20.0, 25.0]]
    """
    return merge_intervals(np.clip(merge_intervals(intervals), start, stop))


def bin_intervals(intervals: ArrayLike, bin_width: float) -> Bins:
    """Cut observed intervals into bins.

    Every contiguous interval has its own grid that begins at its start, and holds whole bins only: what is left at
    its end belongs to no bin.

    Parameters
    ----------
    intervals : array_like (interval, edge)
        Start and stop of what was observed, s; intervals that touch or overlap are joined first.
    bin_width : float
        Seconds.

    Returns
    -------
    Bins
        ``time`` (s, left edges) and ``segment``.

    Raises
    ------
    InputError
        Where ``bin_width`` is not a positive number.

    Examples
    --------
    >>> bins = bin_intervals([[0, 0.4], [1, 1.25]], 0.1)
    >>> bins.segment.tolist()
    [0, 0, 0, 0, 1, 1]
    """
    if not (np.isfinite(bin_width) and bin_width > 0):
        raise InputError("bin_width", expected="a positive number of seconds", found=f"{bin_width}", remedy="try 0.01")
    intervals = merge_intervals(intervals)
    n_bins = np.floor((intervals[:, 1] - intervals[:, 0]) / bin_width + BIN_TOLERANCE).astype(np.int64)
    start, n_bins = intervals[n_bins > 0, 0], n_bins[n_bins > 0]
    segment = np.repeat(np.arange(n_bins.size), n_bins)
    within = np.arange(segment.size) - np.repeat(np.cumsum(n_bins) - n_bins, n_bins)
    return Bins(time=start[segment] + within * bin_width, segment=segment)


def find_bins(times: ArrayLike, time: ArrayLike, bin_width: float) -> NDArray[np.int64]:
    """The bin that each moment falls into.

    Parameters
    ----------
    times : array_like (moment,)
        Seconds, in any order.
    time : array_like (time,)
        Left edges of the bins, s, increasing; bins are closed on the left and open on the right.
    bin_width : float
        Seconds.

    Returns
    -------
    ndarray of int (moment,)
        Row of the bin, -1 outside all bins.

    Examples
    --------
    >>> find_bins([0.05, 0.1, 0.25, 0.2], time=[0.0, 0.1], bin_width=0.1).tolist()
    [0, 1, -1, -1]
    """
    times, time = np.asarray(times, dtype=float), np.asarray(time, dtype=float)
    if not time.size:
        return np.full(times.shape, -1, dtype=np.int64)
    # Bins are moved left by the rounding of the clock, so that a moment that sits on an edge falls to its right.
    left = time - _slack(time)
    which = np.searchsorted(left, times, side="right") - 1
    outside = (which < 0) | ~(times < left[which] + bin_width)
    return np.where(outside, -1, which)


def count_spikes(times: ArrayLike, unit: ArrayLike, *, time: ArrayLike, bin_width: float, n_units: int) -> NDArray:
    """Count the spikes of all units in all bins at once.

    Parameters
    ----------
    times : array_like (spike,)
        Spike times of all units together, s, in any order.
    unit : array_like of int (spike,)
        Row of the unit that fired each spike.
    time : array_like (time,)
        Left edges of the bins, s.
    bin_width : float
        Seconds.
    n_units : int
        Number of units, silent ones included.

    Returns
    -------
    ndarray of int32 (time, unit)
        Spikes per bin; spikes outside all bins are not counted.

    Examples
    --------
    >>> count_spikes([0.01, 0.02, 0.11, 0.9], [0, 0, 1, 1], time=[0.0, 0.1], bin_width=0.1, n_units=2).tolist()
    [[2, 0], [0, 1]]
    """
    n_time = np.size(time)
    which, unit = find_bins(times, time, bin_width), np.asarray(unit, dtype=np.int64)
    inside = which >= 0
    # Spikes of a unit usually stand together, so that counting unit by unit walks through memory in order.
    counts = np.bincount(unit[inside] * n_time + which[inside], minlength=n_units * n_time)
    return counts.reshape(n_units, n_time).T.astype(np.int32, order="C")


def average_in_bins(
    values: ArrayLike,
    stamps: ArrayLike,
    *,
    time: ArrayLike,
    bin_width: float,
    period: float | None = None,
    max_gap: float | None = None,
) -> NDArray[np.floating]:
    """Bring samples of a signal to bins.

    A bin that holds samples gets their mean, missing samples left aside. A bin that holds none, because sampling is
    slower than the bins, gets the straight line between the two samples around its centre where these are close
    enough. Every other bin is missing.

    Parameters
    ----------
    values : array_like (sample, ...)
        The samples; NaN where missing.
    stamps : array_like (sample,)
        Seconds, increasing.
    time : array_like (time,)
        Left edges of the bins, s.
    bin_width : float
        Seconds.
    period : float, optional
        For angles, the value of a full turn: the mean is circular and lies in ``[0, period)``.
    max_gap : float, optional
        Samples further apart than this (s) are not joined by a line; by default 2.5 typical sampling intervals.

    Returns
    -------
    ndarray (time, ...)
        NaN where the signal was not recorded.

    Notes
    -----
    The circular mean of angles :math:`x_j` is :math:`\\arg \\sum_j e^{2 \\pi i x_j / p}\\, p / 2 \\pi`.

    Examples
    --------
    >>> average_in_bins([1, 3, 5], [0.0, 0.05, 0.1], time=[0.0, 0.1, 0.2], bin_width=0.1).tolist()
    [2.0, 5.0, nan]
    """
    values, stamps, time = np.asarray(values), np.asarray(stamps, dtype=float), np.asarray(time, dtype=float)
    if values.dtype.kind != "f":
        values = values.astype(float)
    result = np.full((time.size, *values.shape[1:]), np.nan, dtype=values.dtype)
    which = find_bins(stamps, time, bin_width)
    inside = which >= 0
    filled, first = np.unique(which[inside], return_index=True)
    if filled.size:
        result[filled] = _means(values[inside], first, period)
    empty = np.setdiff1d(np.arange(time.size), filled, assume_unique=True)
    if max_gap is None and stamps.size > 1:
        max_gap = CLOSE_ENOUGH * float(np.median(np.diff(stamps)))
    if empty.size and stamps.size > 1 and max_gap is not None:
        result[empty] = _interpolate(values, stamps, time[empty] + bin_width / 2, period, max_gap)
    return result


def observed_mask(intervals: Sequence[ArrayLike], *, time: ArrayLike, bin_width: float) -> NDArray[np.bool_]:
    """Which bins were observed, where units differ.

    Parameters
    ----------
    intervals : sequence (unit,) of array_like (interval, edge)
        Start and stop of what was observed of each unit, s.
    time : array_like (time,)
        Left edges of the bins, s.
    bin_width : float
        Seconds.

    Returns
    -------
    ndarray of bool (time, unit)
        True where the whole bin lies in an observed interval of the unit.

    Examples
    --------
    >>> observed_mask([[[0, 0.2]], [[0.1, 0.15]]], time=[0.0, 0.1], bin_width=0.1).tolist()
    [[True, False], [True, False]]
    """
    time = np.asarray(time, dtype=float)
    slack = _slack(time) + BIN_TOLERANCE * bin_width
    steps = np.zeros((time.size + 1, len(intervals)), dtype=np.int32)
    for column, own in enumerate(intervals):
        start, stop = merge_intervals(own).T
        low = np.searchsorted(time, start - slack)
        high = np.searchsorted(time, stop + slack - bin_width, side="right")
        some = high > low
        np.add.at(steps[:, column], low[some], 1)
        np.add.at(steps[:, column], high[some], -1)
    return np.cumsum(steps[:-1], axis=0) > 0


def _slack(times: NDArray[np.floating], tolerance: float = 1e-9) -> float:
    """Seconds by which two clock readings may differ and still be the same moment."""
    return tolerance + 4 * float(np.spacing(np.abs(times).max(initial=0.0)))


def _means(values: NDArray, first: NDArray, period: float | None) -> NDArray:
    """Mean of each run of samples, missing ones left aside; runs begin at ``first``."""
    known = np.isfinite(values)
    if period is not None:
        phasor = np.where(known, np.exp(2j * np.pi / period * np.where(known, values, 0)), 0)
        angle = np.angle(np.add.reduceat(phasor, first, axis=0)) * period / (2 * np.pi)
        mean = _into_turn(angle, period)
        return np.where(np.add.reduceat(known, first, axis=0, dtype=np.int64) > 0, mean, np.nan)
    total = np.add.reduceat(np.where(known, values, 0), first, axis=0)
    n_known = np.add.reduceat(known, first, axis=0, dtype=np.int64)
    return np.where(n_known > 0, total / np.maximum(n_known, 1), np.nan)


def _interpolate(values: NDArray, stamps: NDArray, at: NDArray, period: float | None, max_gap: float) -> NDArray:
    """Straight line between the samples around each moment; NaN where they are too far apart."""
    right = np.clip(np.searchsorted(stamps, at), 1, stamps.size - 1)
    left = right - 1
    gap = stamps[right] - stamps[left]
    close = (stamps[left] <= at) & (at <= stamps[right]) & (gap > 0) & (gap <= max_gap)
    share = np.where(close, (at - stamps[left]) / np.where(gap > 0, gap, 1), np.nan)
    share = share.reshape(-1, *[1] * (values.ndim - 1)).astype(values.dtype)
    values = np.where(np.isfinite(values), values, np.nan)  # nothing lies between a number and infinity
    rise = values[right] - values[left]
    if period is None:
        return values[left] + share * rise
    shortest = (rise + period / 2) % period - period / 2
    return _into_turn(values[left] + share * shortest, period)


def _into_turn(angle: NDArray, period: float) -> NDArray:
    """An angle in ``[0, period)``; the remainder alone rounds tiny negative angles up to the full turn."""
    angle = angle % period
    return np.where(angle >= period, 0, angle)
