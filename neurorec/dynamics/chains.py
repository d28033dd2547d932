"""Chains of points: their order along a curve, whether it closes, and how long and how straight it is."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path
from scipy.spatial.distance import cdist

_GAP, _TWICE = 3.0, 2.0  # median and largest distances of neighbours that the ends of a closed chain are apart, at most
_ALONE = 5.0
_AROUND = 2.2  # lengths of a closed chain in its largest width, at least; pi of a circle


class Chain(NamedTuple):
    """Points in the order of a curve."""

    order: NDArray[np.int64]  # (member,) of those given
    position: NDArray[np.float64]  # (member,) along the curve
    tangent: NDArray[np.float64]  # (member, state) of length 1
    length: float  # with the way back to its beginning, where it closes
    closed: bool
    straightness: float  # distance of its ends in its length


def chain(points: ArrayLike) -> Chain:
    """The longest path through the shortest tree that joins some points.

    Parameters
    ----------
    points : array-like (point, state)
        Such as slow points. Those on side branches of the tree are not members, nor are those on their own: five times
        as far from all others as neighbours are from each other.

    Returns
    -------
    Chain
        It closes if its ends are within three times the median distance of neighbours, or twice the largest of them,
        and it is at least 2.2 times as long as it is wide.

    Examples
    --------
    >>> found = chain([[0.0, 0.0], [3.0, 0.1], [1.0, 0.0], [2.0, 0.0]])
    >>> found.order.tolist() in ([0, 2, 3, 1], [1, 3, 2, 0]), found.closed, round(found.straightness, 2)
    (True, False, 1.0)
    """
    points = np.asarray(points, dtype=float)
    if len(points) < 2:
        return Chain(np.arange(len(points)), np.zeros(len(points)), np.zeros_like(points), 0.0, False, 1.0)
    apart = cdist(points, points)
    nearest = np.sort(apart, axis=1)[:, 1]
    members = np.flatnonzero(nearest <= _ALONE * np.median(nearest))
    order = members[_longest_path(apart[np.ix_(members, members)])]
    steps = apart[order[:-1], order[1:]]
    length, ends = float(steps.sum()), float(apart[order[0], order[-1]])
    near = ends <= max(_GAP * np.median(steps), _TWICE * steps.max())
    closed = bool(len(order) > 3 and near and length + ends >= _AROUND * apart.max())
    return Chain(
        order=order,
        position=np.append(0.0, np.cumsum(steps)),
        tangent=_tangents(points[order], closed),
        length=length + closed * ends,
        closed=closed,
        straightness=ends / length if length > 0 else 1.0,
    )


def _longest_path(apart: NDArray) -> NDArray[np.int64]:
    """Nodes of the longest path through the shortest tree."""
    tree = minimum_spanning_tree(apart)
    first = int(np.argmax(_from(tree, 0)[0]))
    far, before = _from(tree, first)
    path = [int(np.argmax(far))]
    while path[-1] != first:
        path.append(int(before[path[-1]]))
    return np.array(path[::-1])


def _from(tree: NDArray, node: int) -> tuple[NDArray, NDArray]:
    far, before = shortest_path(tree, directed=False, indices=node, return_predecessors=True)
    return np.where(np.isfinite(far), far, -1.0), before


def _tangents(points: NDArray, closed: bool) -> NDArray:
    """Directions ``(member, state)`` from the point before to the point behind."""
    along = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0) if closed else np.gradient(points, axis=0)
    size = np.linalg.norm(along, axis=1, keepdims=True)
    return along / np.where(size > 0, size, 1.0)
