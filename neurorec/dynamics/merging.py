"""Merging of searches that have come together: of each group of near states one is followed."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

CELLS = 24  # of a grid over three coordinates of the states, along each


_EDGE = CELLS + 2  # with an empty layer around
_NEAR = np.array([(i * _EDGE + j) * _EDGE + k for i in (0, -1, 1) for j in (0, -1, 1) for k in (0, -1, 1)])


@njit(nogil=True, cache=True, error_model="numpy")
def follow(states, order, radius, place):
    """Whom each state ``(point,)`` follows, in an order: a leader within a radius, or else itself.

    ``place (point,)`` is where it is in a grid, in one number, whose cells are as wide as the radius or wider.
    """
    n_points, n_states = states.shape
    leader = np.arange(n_points)
    newest = np.full(_EDGE**3, -1)  # leader of each cell
    older = np.full(n_points, -1)
    square = radius * radius
    for point in order:
        found = -1
        for near in _NEAR:
            other = newest[place[point] + near]
            while other >= 0 and found < 0:
                total = states[point, 0] - states[point, 0]
                for s in range(n_states):
                    apart = states[point, s] - states[other, s]
                    total += apart * apart
                    if total > square:
                        break
                if total <= square:
                    found = other
                other = older[other]
            if found >= 0:
                break
        if found < 0:
            older[point] = newest[place[point]]
            newest[place[point]] = point
        else:
            leader[point] = found
    return leader


def merge(states: NDArray, order: NDArray, radius: float) -> NDArray[np.int64]:
    """Whom each of some states ``(point, state)`` follows ``(point,)``; leaders, who come first in `order`, themselves.

    Of leaders no two are within the radius of each other, and everyone is within it of the leader.

    Examples
    --------
    >>> merge(np.array([[0.0, 0.0], [0.05, 0.0], [1.0, 0.0]]), np.array([1, 0, 2]), 0.1).tolist()
    [1, 1, 2]
    """
    if not len(states) or not radius > 0:
        return np.arange(len(states))
    low = states.min(axis=0)
    wide = states.max(axis=0) - low
    along = np.argsort(wide)[-3:]
    cell = np.maximum(1.001 * radius, wide[along] / (CELLS - 0.5))
    cells = ((states[:, along] - low[along]) / cell).astype(np.int64) + 1
    place = cells @ _EDGE ** np.arange(len(along)) + sum(_EDGE**k for k in range(len(along), 3))
    return follow(np.ascontiguousarray(states), order, states.dtype.type(radius), place)


def merge_groups(states: NDArray, groups: NDArray, order: NDArray, radius: float) -> NDArray[np.int64]:
    """The same of states ``(point, state)`` of which only those of one group ``(point,)`` may merge."""
    if len(groups) and groups.min() < groups.max():
        apart = (4 * radius * groups).astype(states.dtype)  # as a coordinate of its own
        states = np.concatenate([apart[:, None], states], axis=1)
    return merge(states, order, radius)
