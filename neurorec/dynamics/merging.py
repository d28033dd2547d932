"""Merging of searches that have come together: of each group of near states one is followed."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

CELLS = 64  # of a grid over two coordinates of the states, along each


@njit(nogil=True, cache=True, error_model="numpy")
def follow(states, order, radius, row, column):
    """Whom each state ``(point,)`` follows, in an order: a leader within a radius, or else itself.

    ``row, column (point,)`` are its place in a grid whose cells are as wide as the radius or wider.
    """
    n_points, n_states = states.shape
    leader = np.arange(n_points)
    newest = np.full((CELLS + 2, CELLS + 2), -1)  # leader of each cell, with an empty edge
    older = np.full(n_points, -1)
    square = radius * radius
    for k in order:
        found = -1
        for i in range(row[k], row[k] + 3):
            for j in range(column[k], column[k] + 3):
                other = newest[i, j]
                while other >= 0 and found < 0:
                    total = states[k, 0] - states[k, 0]
                    for s in range(n_states):
                        apart = states[k, s] - states[other, s]
                        total += apart * apart
                        if total > square:
                            break
                    if total <= square:
                        found = other
                    other = older[other]
        if found < 0:
            older[k] = newest[row[k] + 1, column[k] + 1]
            newest[row[k] + 1, column[k] + 1] = k
        else:
            leader[k] = found
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
    along = np.argsort(states.var(axis=0))[[-1, -2 if states.shape[1] > 1 else -1]]
    seen = states[:, along] - states[:, along].min(axis=0)
    cell = np.maximum(1.001 * radius, seen.max(axis=0) / (CELLS - 0.5))
    row, column = np.ascontiguousarray((seen / cell).astype(np.int64).T)
    return follow(np.ascontiguousarray(states), order, states.dtype.type(radius), row, column)


def merge_groups(states: NDArray, groups: NDArray, order: NDArray, radius: float) -> NDArray[np.int64]:
    """The same of states ``(point, state)`` of which only those of one group ``(point,)`` may merge."""
    if len(groups) and groups.min() < groups.max():
        apart = (4 * radius * groups).astype(states.dtype)  # as a coordinate of its own
        states = np.concatenate([apart[:, None], states], axis=1)
    return merge(states, order, radius)
