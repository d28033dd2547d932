"""Loops in a cloud of points, by how long they last as points are joined ever further, and the angle around one."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError

_PRIME = 47  # of the field: no loop of a recording is divisible by it
_MOST = 400  # points: triangles grow as their cube
_ROUNDING = 1e-9


class Loops(NamedTuple):
    """Loops, that which lasts longest first.

    Attributes
    ----------
    birth, death : ndarray (loop,)
        Distance at which points have to be joined to close it, and at which triangles of them have filled it.
    edges : ndarray of int (edge, 2)
        Pairs of points that are nearer than the death of the first loop.
    winding : ndarray of int (edge,)
        How often each edge, followed from its first point to its second, passes around the first loop: a cocycle.
    exact : bool
        Whether these are whole numbers that add up to 0 around every triangle, so that an angle can be made of them.
    """

    birth: NDArray[np.float64]
    death: NDArray[np.float64]
    edges: NDArray[np.int64]
    winding: NDArray[np.int64]
    exact: bool


def persistent_loops(distances: ArrayLike) -> Loops:
    """Persistent loops of some points: first cohomology of the Vietoris-Rips complex, over a prime field.

    Points are joined in the order of their distances. A pair that joins what was connected already closes a loop; three
    points that are all joined fill what they enclose. A ring that was sampled well has one loop that is born early,
    dies late, and outlasts all others (de Silva, Morozov & Vejdemo-Johansson 2011, doi:10.1007/s00454-011-9344-x).

    Parameters
    ----------
    distances : array-like (point, point)
        Symmetric; inf between points that are never joined. At most 400 points.

    Returns
    -------
    Loops
        None that die as they are born; those that are never filled have an infinite death.

    Raises
    ------
    InputError
        For anything but such distances.

    Examples
    --------
    >>> angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    >>> circle = np.exp(1j * angle)
    >>> found = persistent_loops(np.abs(circle[:, None] - circle))
    >>> found.birth.round(3).tolist(), found.death.round(3).tolist()     # 2 sin(pi / 12), a third of the way around
    ([0.518], [1.732])
    """
    apart = np.array(distances, dtype=float)
    square = apart.ndim == 2 and apart.shape[0] == apart.shape[1]
    if not square or not 0 < len(apart) <= _MOST or np.isnan(apart).any() or not np.allclose(apart, apart.T):
        found, remedy = f"shape {apart.shape}", "take fewer points, such as landmarks"
        raise InputError("distances", expected=f"symmetric, at most {_MOST} points", found=found, remedy=remedy)
    one, other = np.triu_indices(len(apart), 1)
    length = apart[one, other]
    order = np.argsort(length, kind="stable")
    order = order[np.isfinite(length[order])]
    one, other, length = one[order], other[order], length[order]
    size = 16
    while True:
        birth, death, n_loops, winding, full = _reduce(one, other, length, len(apart), size)
        if not full:
            break
        size *= 2
    birth, death = birth[:n_loops], death[:n_loops]
    lasting = death > birth * (1 + _ROUNDING)
    birth, death = birth[lasting], death[lasting]
    rank = np.argsort(birth - death, kind="stable")
    joined = length < (death[rank[0]] * (1 - _ROUNDING) if rank.size else 0.0)
    edges = np.stack([one, other], axis=1)[joined]
    winding = winding[joined]
    winding = np.where(winding > _PRIME // 2, winding - _PRIME, winding)
    return Loops(birth[rank], death[rank], edges, winding, rank.size > 0 and _is_whole(edges, winding, len(apart)))


def circular_coordinate(loops: Loops, n_points: int) -> NDArray[np.float64]:
    r"""The angle of every point around the loop that lasts longest.

    :math:`\theta = 2 \pi f`, where f makes :math:`\sum_{ij} (w_{ij} - f_j + f_i)^2` over the edges least, w their
    winding: what is left of it says how far each edge turns (de Silva et al. 2011).

    Parameters
    ----------
    loops : Loops
        From `persistent_loops`.
    n_points : int
        That it was given.

    Returns
    -------
    ndarray (point,)
        Radians, 0 to 2 pi, of arbitrary beginning and sense; NaN of points that no edge joins, and of all where there
        is no loop or its winding is not exact.

    Examples
    --------
    >>> circle = np.exp(1j * np.linspace(0, 2 * np.pi, 12, endpoint=False))
    >>> angle = circular_coordinate(persistent_loops(np.abs(circle[:, None] - circle)), 12)
    >>> np.abs(np.exp(1j * np.diff(angle)).imag).round(3).tolist() == [0.5] * 11           # 30 degrees each
    True
    """
    out = np.full(n_points, np.nan)
    if not loops.exact:
        return out
    tail, head = loops.edges.T
    laplacian = np.zeros((n_points, n_points))
    np.add.at(laplacian, (tail, tail), 1.0)
    np.add.at(laplacian, (head, head), 1.0)
    np.add.at(laplacian, (tail, head), -1.0)
    np.add.at(laplacian, (head, tail), -1.0)
    pull = np.bincount(head, loops.winding, n_points) - np.bincount(tail, loops.winding, n_points)
    joined = np.diagonal(laplacian) > 0
    solved = np.linalg.lstsq(laplacian, pull, rcond=None)[0]
    out[joined] = (2 * np.pi * solved[joined]) % (2 * np.pi)
    return out


def _is_whole(edges: NDArray, winding: NDArray, n_points: int) -> bool:
    """Whether windings add up to 0 around every triangle, and not only modulo the prime."""
    table = np.full((n_points, n_points), np.nan)
    table[edges[:, 0], edges[:, 1]] = winding
    table[edges[:, 1], edges[:, 0]] = -winding
    for tail, head in edges:
        around = table[tail, head] + table[head] + table[:, tail]
        if (np.abs(around[np.isfinite(around)]) > 0).any():
            return False
    return True


@njit(nogil=True, cache=True)
def _reduce(one, other, length, n_points, size):
    """Births and deaths of loops as edges come, and the cocycle of the one that lasts longest.

    Living cocycles ``(cocycle, edge)`` are kept in the order of their births.
    """
    n_edges = one.size
    number = np.full((n_points, n_points), -1)
    parent = np.arange(n_points)
    living, born, n_living = np.zeros((size, n_edges), dtype=np.int64), np.zeros(size), 0
    birth, death, n_loops = np.zeros(n_edges + 1), np.zeros(n_edges + 1), 0
    longest, winding = 0.0, np.zeros(n_edges, dtype=np.int64)
    for e in range(n_edges):
        i, j = one[e], other[e]
        number[i, j], number[j, i] = e, e
        if not _join(parent, i, j):
            if n_living == size:
                return birth, death, 0, winding, True
            living[n_living, : e + 1] = 0
            living[n_living, e], born[n_living] = 1, length[e]
            n_living += 1
        for k in range(n_points):
            if number[j, k] < 0 or number[i, k] < 0:  # also where k is i or j
                continue
            ended = _end(living, n_living, e, number[j, k], number[i, k], 1 if j < k else -1, 1 if k < i else -1)
            if ended < 0:
                continue
            birth[n_loops], death[n_loops] = born[ended], length[e]
            if length[e] - born[ended] > longest:
                longest = length[e] - born[ended]
                winding[: e + 1] = living[ended, : e + 1]
            n_loops += 1
            for c in range(ended, n_living - 1):
                living[c, : e + 1] = living[c + 1, : e + 1]
                born[c] = born[c + 1]
            n_living -= 1
    lasting = n_loops + n_living  # for ever: the oldest of them lasts longest
    birth[n_loops:lasting], death[n_loops:lasting] = born[:n_living], np.inf
    return birth, death, lasting, living[0].copy() if n_living else winding, False


@njit(nogil=True, cache=True)
def _end(living, n_living, e, f, g, to, back):
    """The youngest cocycle that is not 0 on a triangle of three edges, or -1; it is added to others until they are 0.

    The first edge is followed from its first point to its second, the others as their signs say.
    """
    youngest = n_living - 1
    while youngest >= 0 and (living[youngest, e] + to * living[youngest, f] + back * living[youngest, g]) % _PRIME == 0:
        youngest -= 1
    if youngest < 0:
        return -1
    last = living[youngest]
    value, by = (last[e] + to * last[f] + back * last[g]) % _PRIME, 1
    while value * by % _PRIME != 1:
        by += 1
    for c in range(youngest):
        left = (living[c, e] + to * living[c, f] + back * living[c, g]) % _PRIME
        if left:
            for edge in range(e + 1):
                living[c, edge] = (living[c, edge] - left * by * last[edge]) % _PRIME
    return youngest


@njit(nogil=True, cache=True)
def _join(parent, i, j):
    """Whether two points were not connected yet; from now on they are."""
    while parent[i] != i:
        i = parent[i]
    while parent[j] != j:
        j = parent[j]
    parent[max(i, j)] = min(i, j)
    return i != j
