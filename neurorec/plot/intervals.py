"""Medians with an interval that assumes nothing, and axis limits that hide nothing."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom


class Interval(NamedTuple):
    """A median and the ends of its interval, in the unit of the values."""

    median: float
    low: float
    high: float


def median_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    r"""Median and its distribution-free confidence interval from order statistics.

    The interval is :math:`[x_{(k)}, x_{(n+1-k)}]` with the largest :math:`k` for which
    :math:`P(\mathrm{Bin}(n, 1/2) < k) \le (1 - \mathrm{level}) / 2`.

    Parameters
    ----------
    values : array_like (unit,)
        Missing values are left out.
    level : float
        Coverage.

    Returns
    -------
    Interval
        Ends are NaN where there are too few values for the level: fewer than 6 for 95%.

    Examples
    --------
    >>> median_interval([3, 1, 2, 5, 4, 6, 7])
    Interval(median=4.0, low=1.0, high=7.0)
    """
    ordered = np.sort(np.asarray(values, dtype=float).ravel())
    ordered = ordered[np.isfinite(ordered)]
    if not ordered.size:
        return Interval(np.nan, np.nan, np.nan)
    k = int(binom.ppf((1 - level) / 2, ordered.size, 0.5))
    if binom.cdf(k - 1, ordered.size, 0.5) > (1 - level) / 2:
        k -= 1
    median = float(np.median(ordered))
    if k < 1:
        return Interval(median, np.nan, np.nan)
    return Interval(median, float(ordered[k - 1]), float(ordered[-k]))


class Range(NamedTuple):
    """Limits of an axis, and which values lie outside them."""

    low: float
    high: float
    outside: NDArray[np.bool_]


def fair_range(values: ArrayLike, *, include: ArrayLike = (0.0,), margin: float = 0.06) -> Range:
    """Limits that show all but the most extreme values, which are then drawn on the edge and counted.

    Extreme is what lies beyond Tukey's outer fences, three interquartile ranges from the quartiles; and such values
    are left outside only where that at least halves the axis.

    Parameters
    ----------
    values : array_like (unit,)
        Missing values are left out.
    include : array_like
        Values that must lie inside: zero, the ends of intervals.
    margin : float
        Room beyond, as a fraction of the range.

    Returns
    -------
    Range
        ``low``, ``high`` and ``outside (unit,)``.

    Examples
    --------
    >>> limits = fair_range([*range(100), 10_000.0], margin=0.0)
    >>> limits.high, int(limits.outside.sum())
    (99.0, 1)
    """
    values = np.asarray(values, dtype=float)
    finite = values[np.isfinite(values)]
    musts = np.asarray(include, dtype=float)
    musts = np.append(musts[np.isfinite(musts)], 0.0)
    low, high = min(finite.min(initial=0.0), musts.min()), max(finite.max(initial=0.0), musts.max())
    if finite.size:
        lower, upper = np.quantile(finite, [0.25, 0.75])
        reach = 3 * (upper - lower)
        usual = finite[(finite >= lower - reach) & (finite <= upper + reach)]
        tight = min(usual.min(), musts.min()), max(usual.max(), musts.max())
        if tight[1] - tight[0] <= (high - low) / 2:
            low, high = tight
    room = margin * (high - low) if high > low else 1.0
    low, high = float(low - room), float(high + room)
    return Range(low, high, np.isfinite(values) & ((values < low) | (values > high)))


def beyond(values: ArrayLike, limits: Range) -> str:
    """Say how many values lie outside the limits, and how far; nothing when none do.

    Examples
    --------
    >>> beyond([-9.0, 1.0, 2.0, 30.0], Range(0.0, 3.0, np.array([True, False, False, True])))
    '2 units beyond the axis, on its edges (-9 to 30)'
    """
    outside = np.asarray(values, dtype=float)[limits.outside]
    if not outside.size:
        return ""
    reach = f"{outside.min():.3g}" + (f" to {outside.max():.3g}" if outside.size > 1 else "")
    return f"{outside.size} unit{'s' * (outside.size > 1)} beyond the axis, on its edges ({reach})"
