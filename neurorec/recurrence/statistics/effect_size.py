"""Effect sizes: how large the difference between areas is, in its own unit and in others that compare."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.recurrence.statistics.bootstrap import clusters_of, draw_units, interval_of
from neurorec.recurrence.statistics.cells import Units, against_others, cells_of, tidy_units

MEASURES = ("mean_difference", "median_difference", "cliffs_delta", "session_spreads")


class EffectSizes(NamedTuple):
    """Each area against the other areas, these weighing alike.

    Attributes
    ----------
    areas : list of str
        In alphabetical order.
    estimate, low, high : dict of str to ndarray (area,)
        By measure, see `MEASURES`: what `effect_sizes` says they are, and their intervals.
    n_clusters : ndarray of int (area,)
        Subjects, where there are several, or sessions that the area was recorded in.
    method : str
        Where the intervals come from.
    """

    areas: list[str]
    estimate: dict[str, NDArray[np.float64]]
    low: dict[str, NDArray[np.float64]]
    high: dict[str, NDArray[np.float64]]
    n_clusters: NDArray[np.int64]
    method: str


def effect_sizes(
    value: ArrayLike,
    area: ArrayLike,
    session: ArrayLike,
    subject: ArrayLike | None = None,
    *,
    n_draws: int = 1000,
    level: float = 0.95,
    rng: np.random.Generator,
) -> EffectSizes:
    r"""Measure how far each area is from the others, with intervals by the hierarchical bootstrap.

    Parameters
    ----------
    value : array_like (unit,)
        Missing values are left out, and areas with fewer than two units.
    area, session : array_like of str (unit,)
        Where each unit comes from.
    subject : array_like of str (unit,), optional
        Whose session it is.
    n_draws : int
        Draws of the bootstrap.
    level : float
        Coverage.
    rng : numpy.random.Generator
        Of the draws.

    Returns
    -------
    EffectSizes
        ``mean_difference``, ``median_difference``: over units, less the mean of the other areas'. ``cliffs_delta``: the
        mean over other areas of :math:`P(x > y) - P(x < y)`, x a unit of the area and y one of the other; -1 to 1, and
        indifferent to how values are measured. ``session_spreads``: mean over sessions less that of the others, over
        the standard deviation of sessions about the mean of their area, with Hedges' correction
        :math:`1 - 3 / (4 \nu - 1)`; NaN without two sessions in an area, and without an interval: a spread is
        systematically smaller in draws with replacement. See `compare_areas` for one that is standardised and has one.

    Raises
    ------
    InputError
        When lengths differ.

    Notes
    -----
    Intervals as in `hierarchical_bootstrap`, with its shortcomings when sessions are few.

    References
    ----------
    Cliff 1993, doi:10.1037/0033-2909.114.3.494; Hedges 1981, doi:10.3102/10769986006002107.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sizes = effect_sizes([1.0, 2.0, 3.0, 4.0], ["A", "A", "B", "B"], ["s"] * 4, n_draws=20, rng=rng)
    >>> sizes.estimate["cliffs_delta"].tolist()
    [-1.0, 1.0]
    """
    units = tidy_units(value, area, session, subject)
    n_areas = len(units.areas)
    rank = np.unique(units.value, return_inverse=True)[1].ravel()
    estimate = _measure(units, rank, [np.flatnonzero(units.area == a) for a in range(n_areas)])
    drawn = np.full((n_draws, *estimate.shape), np.nan)
    for i, members in enumerate(draw_units(units, n_draws, rng)):
        drawn[i] = _measure(units, rank, members)
    clusters, word = clusters_of(units)
    counts = np.array([np.unique(clusters[units.area == a]).size for a in range(n_areas)], dtype=np.int64)
    few = int(counts.min(initial=1 << 30))
    ends = np.full((2, len(MEASURES), n_areas), np.nan)
    for m, a in np.ndindex(estimate.shape):
        ends[:, m, a] = interval_of(drawn[:, m, a], float(estimate[m, a]), few, level=level)
    every = np.vstack([estimate, _session_spreads(units)])
    return EffectSizes(
        areas=units.areas,
        estimate=dict(zip(MEASURES, every, strict=True)),
        low=dict(zip(MEASURES, ends[0], strict=True)),
        high=dict(zip(MEASURES, ends[1], strict=True)),
        n_clusters=counts,
        method=f"hierarchical bootstrap of {word}" + (": units recorded, not areas" if few < 2 else ""),
    )


def cliffs_delta(x: ArrayLike, y: ArrayLike) -> float:
    """How much more often a value of the first exceeds one of the second than the reverse.

    Parameters
    ----------
    x, y : array_like (unit,)
        Values of two groups.

    Returns
    -------
    float
        From -1 to 1; NaN where a group is empty.

    Examples
    --------
    >>> cliffs_delta([1, 2, 3], [2, 2])
    0.0
    """
    x, y = np.asarray(x, dtype=float), np.sort(np.asarray(y, dtype=float))
    if not (x.size and y.size):
        return np.nan
    beyond = np.searchsorted(y, x, "left") - (y.size - np.searchsorted(y, x, "right"))
    return float(beyond.mean() / y.size)


def _measure(units: Units, rank: NDArray[np.int64], members: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Differences of means, of medians, and Cliff's delta ``(measure, area)``."""
    n_areas = len(members)
    if n_areas < 2:
        return np.full((3, n_areas), np.nan)
    values = [units.value[m] for m in members]
    mean = np.array([v.mean() if v.size else np.nan for v in values])
    median = np.array([np.median(v) if v.size else np.nan for v in values])
    # How many units of each area have each value: all pairs of areas at once, which is `cliffs_delta` of each.
    share = np.stack([np.bincount(rank[m], minlength=rank.max() + 1) / (m.size or np.nan) for m in members])
    below = np.cumsum(share, axis=1) - share
    exceeds = share @ below.T
    delta = exceeds - exceeds.T
    against = against_others(n_areas)
    return np.stack([against @ mean, against @ median, delta.sum(axis=1) / (n_areas - 1)])


def _session_spreads(units: Units) -> NDArray[np.float64]:
    cells, n_areas = cells_of(units), len(units.areas)
    count = np.bincount(cells.area, minlength=n_areas)
    mean = np.bincount(cells.area, cells.value, minlength=n_areas) / np.maximum(count, 1)
    freedom = cells.value.size - n_areas
    if n_areas < 2 or freedom < 1:
        return np.full(n_areas, np.nan)
    spread = np.sqrt(((cells.value - mean[cells.area]) ** 2).sum() / freedom)
    corrected = (1 - 3 / (4 * freedom - 1)) / spread if spread > 0 and freedom > 1 else np.nan
    return against_others(n_areas) @ mean * corrected
