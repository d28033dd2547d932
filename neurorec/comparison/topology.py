"""The topology of fixed points: which kinds two systems have, and which point is which."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from neurorec.recording import InputError


class TopologyComparison(NamedTuple):
    """Two sets of fixed points side by side.

    Attributes
    ----------
    distance : float
        Share of the points without a counterpart of the same index: 0 for equal counts, 1 for no index in common.
    counts : ndarray of int (system, index)
        Points with 0, 1, 2, ... unstable directions, of a and of b.
    pairs : ndarray of int (pair, 2)
        Points of a and b that were matched, within an index, by their spectra.
    spectral : ndarray (pair,)
        Root mean square difference of the matched points' eigenvalues.
    unmatched_a, unmatched_b : ndarray of int (point,)
        Those left over.
    index_sum_a, index_sum_b : int
        Sum of the points' fixed-point indices, of those that are not degenerate; see `compare_fixed_points`.
    """

    distance: float
    counts: NDArray[np.int64]
    pairs: NDArray[np.int64]
    spectral: NDArray[np.float64]
    unmatched_a: NDArray[np.int64]
    unmatched_b: NDArray[np.int64]
    index_sum_a: int
    index_sum_b: int


class TransitionComparison(NamedTuple):
    """Two graphs of which stable points saddles lead to.

    Attributes
    ----------
    distance : float
        Share of the links that only one graph has, under the best naming of the stable points that was found.
    naming : ndarray of int (stable point of a,)
        Which of b each is, -1 for none.
    degrees : tuple of ndarray of int
        Links at each stable point of a, and of b, falling.
    """

    distance: float
    naming: NDArray[np.int64]
    degrees: tuple[NDArray[np.int64], NDArray[np.int64]]


def compare_fixed_points(
    n_unstable_a: ArrayLike,
    eigenvalues_a: ArrayLike,
    n_unstable_b: ArrayLike,
    eigenvalues_b: ArrayLike,
    *,
    flow: bool = False,
) -> TopologyComparison:
    r"""Compare two sets of fixed points by the number of their unstable directions, and by their spectra.

    With :math:`n_k` points of index k in each system, the distance is :math:`\sum_k |n_k^a - n_k^b| / \sum_k (n_k^a +
    n_k^b)`. Within an index points are matched so that the mean square differences of eigenvalues, themselves matched
    one by one, are least. Where states are unequal in number the shorter spectrum is filled with states that take no
    part in anything: a map forgets them at once (eigenvalue 0); in a flow each extra eigenvalue of the longer one, the
    most stable ones, is left out instead.

    The index sum :math:`\sum \mathrm{sign} \det(1 - J)` (:math:`\det(-J)` of a flow) is 1 for a bounded system whose
    fixed points were all found and are none of them degenerate: another number says that some are missing.

    Parameters
    ----------
    n_unstable_a, n_unstable_b : array_like of int (point,)
        Unstable directions of each point.
    eigenvalues_a, eigenvalues_b : array_like of complex (point, state)
        Of the Jacobian, at each point, in any order.
    flow : bool
        Whether they are of velocities (stable: negative real part) rather than of a map (modulus below 1).

    Returns
    -------
    TopologyComparison

    Raises
    ------
    InputError
        Axes that do not fit, or no points at all.

    Examples
    --------
    >>> two_wells = compare_fixed_points([0, 0, 1], [[0.5], [0.5], [1.4]], [0], [[0.6]])
    >>> two_wells.counts.tolist(), two_wells.distance, two_wells.index_sum_a
    ([[2, 1], [1, 0]], 0.5, 1)
    """
    points = [_points(n_unstable_a, eigenvalues_a, "a"), _points(n_unstable_b, eigenvalues_b, "b")]
    (index_a, of_a), (index_b, of_b) = points
    if not index_a.size + index_b.size:
        raise InputError("n_unstable", expected="a fixed point", found="none in either", remedy="find some first")
    most = int(max(index_a.max(initial=0), index_b.max(initial=0)))
    counts = np.stack([np.bincount(index, minlength=most + 1) for index in (index_a, index_b)])
    pairs, spectral = [], []
    for k in range(most + 1):
        rows, columns = np.flatnonzero(index_a == k), np.flatnonzero(index_b == k)
        cost = np.array([[_spectra_apart(of_a[i], of_b[j], flow) for j in columns] for i in rows])
        for i, j in zip(*linear_sum_assignment(cost**2), strict=True) if cost.size else ():
            pairs.append((rows[i], columns[j]))
            spectral.append(cost[i, j])
    matched = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    left_a, left_b = (np.setdiff1d(np.arange(index.size), matched[:, k]) for k, (index, _) in enumerate(points))
    distance = np.abs(counts[0] - counts[1]).sum() / counts.sum()
    sum_a, sum_b = (_index_sum(of, flow) for _, of in points)
    return TopologyComparison(
        float(distance), counts, matched, np.array(spectral), left_a, left_b, index_sum_a=sum_a, index_sum_b=sum_b
    )


def compare_transitions(links_a: ArrayLike, links_b: ArrayLike, *, n_stable: tuple[int, int]) -> TransitionComparison:
    """Compare which stable points the saddles lead to.

    Parameters
    ----------
    links_a, links_b : array_like of int (saddle, 2)
        The two stable points that the unstable direction of each saddle of index 1 ends in.
    n_stable : (int, int)
        Stable points of a and of b.

    Returns
    -------
    TransitionComparison
        Points are named by their numbers of links at growing distances, first, and then by exchanging names as long as
        that helps: the distance is an upper bound of the best one.

    Raises
    ------
    InputError
        Links to points that are not there.

    Examples
    --------
    >>> ring, chain = [[0, 1], [1, 2], [2, 3], [3, 0]], [[0, 1], [1, 2], [2, 3]]
    >>> compare_transitions(ring, [[0, 2], [2, 1], [1, 3], [3, 0]], n_stable=(4, 4)).distance
    0.0
    >>> round(compare_transitions(ring, chain, n_stable=(4, 4)).distance, 3)                  # 1 link of 7
    0.143
    """
    graphs = [_graph(links, n) for links, n in zip((links_a, links_b), n_stable, strict=True)]
    n = max(n_stable)
    a, b = (np.pad(graph, (0, n - len(graph))) for graph in graphs)
    cost = np.abs(_neighbourhoods(a)[:, None] - _neighbourhoods(b)).sum(axis=-1)
    naming = linear_sum_assignment(cost)[1] if n else np.empty(0, dtype=np.int64)
    apart, better = _apart(a, b, naming), True
    while better:
        better = False
        for i, j in zip(*np.triu_indices(n, 1), strict=True):
            other = naming.copy()
            other[[i, j]] = other[[j, i]]
            if (now := _apart(a, b, other)) < apart:
                naming, apart, better = other, now, True
    total = sum(int(np.triu(graph).sum()) for graph in graphs)
    naming = np.where(naming[: n_stable[0]] < n_stable[1], naming[: n_stable[0]], -1)
    degrees = (np.sort(graphs[0].sum(axis=0))[::-1], np.sort(graphs[1].sum(axis=0))[::-1])
    return TransitionComparison(apart / total if total else 0.0, naming, degrees)


def _points(n_unstable: ArrayLike, eigenvalues: ArrayLike, name: str) -> tuple[NDArray[np.int64], NDArray]:
    index = np.asarray(n_unstable, dtype=np.int64)
    values = np.asarray(eigenvalues, dtype=complex)
    values = values.reshape(0, 0) if not values.size else values
    if index.ndim != 1 or values.ndim != 2 or len(values) != index.size or (index < 0).any():
        found, expected = f"shapes {index.shape} and {values.shape}", "n_unstable (point,), eigenvalues (point, state)"
        raise InputError(f"fixed points {name}", expected=expected, found=found, remedy="give a row for each point")
    return index, values


def _spectra_apart(a: NDArray, b: NDArray, flow: bool) -> float:
    """Root mean square difference of matched eigenvalues."""
    if flow:
        n = min(a.size, b.size)
        a, b = (values[np.argsort(-values.real)][:n] for values in (a, b))
    n = max(a.size, b.size)
    a, b = (np.pad(values, (0, n - values.size)) for values in (a, b))
    cost = np.abs(a[:, None] - b) ** 2
    return float(np.sqrt(cost[linear_sum_assignment(cost)].mean()))


def _index_sum(eigenvalues: NDArray, flow: bool) -> int:
    """Sum of ``sign det(1 - J)``, or of ``sign det(-J)``; pairs of complex eigenvalues are positive in it."""
    away = -eigenvalues if flow else 1 - eigenvalues
    real = np.abs(eigenvalues.imag) <= 1e-9 * np.maximum(np.abs(eigenvalues), 1e-300)
    return int(np.prod(np.where(real, np.sign(away.real), 1.0), axis=1).sum()) if eigenvalues.size else 0


def _graph(links: ArrayLike, n: int) -> NDArray[np.int64]:
    """Numbers of links between stable points ``(point, point)``."""
    pairs = np.asarray(links, dtype=np.int64).reshape(-1, 2)
    if pairs.size and not 0 <= pairs.min() <= pairs.max() < n:
        found, remedy = f"{pairs.min()} to {pairs.max()}", "number the stable points from 0"
        raise InputError("links", expected=f"points 0 to {n - 1}", found=found, remedy=remedy)
    graph = np.zeros((n, n), dtype=np.int64)
    np.add.at(graph, (pairs[:, 0], pairs[:, 1]), 1)
    twice = graph + graph.T
    twice[np.diag_indices(n)] //= 2
    return twice


def _neighbourhoods(graph: NDArray) -> NDArray[np.float64]:
    """Numbers of walks of 1, 2, ... links from each point, whichever way points are named ``(point, length)``."""
    walks, found = np.ones(len(graph)), []
    for _ in range(min(len(graph), 8)):
        walks = graph @ walks
        found.append(walks)
    return np.stack(found, axis=-1) if found else np.empty((0, 0))


def _apart(a: NDArray, b: NDArray, naming: NDArray) -> int:
    """Links that only one graph has."""
    return int(np.triu(np.abs(a - b[np.ix_(naming, naming)])).sum())
