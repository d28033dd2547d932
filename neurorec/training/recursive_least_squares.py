"""Recursive least squares: weights that are the best so far after every step, by one symmetric matrix."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.blas import dsymv, dsyrk

from neurorec.recording import InputError, are_numbers, check_array

_DELAY = 8  # updates that are kept as vectors; the matrix takes them in at once, which costs half of one by one
_SUMS = {"contract", "nsz", "reassoc", "arcp"}


class LeastSquares(NamedTuple):
    """What `recursive_least_squares` learned.

    Attributes
    ----------
    weights : ndarray (output, source)
        After the last step.
    errors : ndarray (time, output)
        Outputs minus targets, of the weights before each step.
    weight_change : ndarray (time,)
        Norm of the change of the weights in each step.
    inverse : ndarray (source, source)
        P, of the sources' correlations.
    """

    weights: NDArray[np.float64]
    errors: NDArray[np.float64]
    weight_change: NDArray[np.float64]
    inverse: NDArray[np.float64]


class InverseCorrelation:
    r"""P, the inverse of ``penalty 1 + sum_t r(t) r(t)'``, taken from one r to the next.

    :math:`P \leftarrow P - P r r' P / (1 + r' P r)`, with :math:`P(0) = 1 / \text{penalty}`. P is symmetric, and only
    one triangle is touched; a few updates are kept as vectors and taken into it together, which changes nothing but the
    order of the sums.

    Parameters
    ----------
    n_sources : int
        Length of r.
    penalty : float
        Of weights that move from where they began; alpha in the papers.

    Raises
    ------
    InputError
        No sources, or a penalty that is not above 0.

    Examples
    --------
    >>> inverse = InverseCorrelation(2, penalty=0.5)
    >>> inverse.gain(np.array([1.0, 0.0])).round(3).tolist(), inverse.matrix.round(3).tolist()
    ([0.667, 0.0], [[0.667, 0.0], [0.0, 2.0]])
    """

    def __init__(self, n_sources: int, *, penalty: float = 1.0) -> None:
        whole = are_numbers(n_sources) and n_sources == int(n_sources)
        if not whole or not are_numbers(penalty) or n_sources < 1 or not penalty > 0:
            found, remedy = f"{n_sources} and {penalty!r}", "a penalty of 1 is a good begin"
            raise InputError("n_sources and penalty", expected="both above 0", found=found, remedy=remedy)
        self._settled: Any = np.asfortranarray(np.eye(n_sources) / penalty)
        self._late = np.zeros((_DELAY, n_sources))
        self._n_late = 0

    def gain(self, source: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take in r; what weights move by, for an error of -1 before: ``P r / (1 + r' P r)`` ``(source,)``.

        Raises
        ------
        InputError
            Another number of sources.
        """
        if source.shape != self._late.shape[1:]:
            expected = f"shape {self._late.shape[1:]}"
            raise InputError("source", expected=expected, found=str(source.shape), remedy="one number a source")
        along = dsymv(1.0, self._settled, source)
        late = self._late[: self._n_late]
        if self._n_late:
            along -= (late @ source) @ late
        share = 1 / (1 + source @ along)
        np.multiply(along, np.sqrt(share), out=self._late[self._n_late])
        self._n_late += 1
        if self._n_late == _DELAY:
            self._settle()
        along *= share
        return along

    @property
    def matrix(self) -> NDArray[np.float64]:
        """P ``(source, source)``."""
        self._settle()
        upper = np.triu(self._settled)
        return upper + np.triu(upper, 1).T

    def _settle(self) -> None:
        if self._n_late:
            late = self._late[: self._n_late].T
            self._settled = dsyrk(-1.0, late, beta=1.0, c=self._settled, overwrite_c=1)
            self._n_late = 0


class InverseCorrelations:
    """Many of them, each of some of the sources: of units that see different ones.

    Parameters
    ----------
    seen : array-like of bool (unit, source)
        Which sources each unit sees. Units that see the same ones share a matrix.
    penalty : float
        As in `InverseCorrelation`.

    Attributes
    ----------
    n_groups : int
        Matrices.

    Raises
    ------
    InputError
        Not a table of units by sources, no source at all, or a penalty that is not above 0.
    """

    def __init__(self, seen: ArrayLike, *, penalty: float = 1.0) -> None:
        table = np.asarray(seen, dtype=bool)
        if table.ndim != 2 or not table.any() or not 0 < penalty < np.inf:
            found = f"shape {table.shape}, {np.count_nonzero(table)} seen, penalty {penalty!r}"
            expected = "units by sources, some of them seen, and a penalty above 0"
            raise InputError("seen and penalty", expected=expected, found=found, remedy="see InverseCorrelations")
        rows, self.group = np.unique(table, axis=0, return_inverse=True)
        self.group = self.group.ravel().astype(np.int64)
        counts = rows.sum(axis=1)
        self.n_groups = len(rows)
        self.source = np.nonzero(rows)[1].astype(np.int64)
        self.first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self._packed_first = np.concatenate([[0], np.cumsum(counts * (counts + 1) // 2)]).astype(np.int64)
        self._packed = np.zeros(self._packed_first[-1])
        for group, n in enumerate(counts):  # the upper triangle, row by row
            diagonal = self._packed_first[group] + np.cumsum(np.concatenate([[0], np.arange(n, 1, -1)]))[:n]
            self._packed[diagonal] = 1 / penalty
        self._along = np.zeros(self.source.size)
        self._n_sources = table.shape[1]

    def gains(self, source: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take in r ``(source,)``; gains of all groups, group k's from ``first[k]`` to ``first[k + 1]``.

        Raises
        ------
        InputError
            Another number of sources.
        """
        if source.shape != (self._n_sources,):
            expected = f"shape {(self._n_sources,)}"
            raise InputError("source", expected=expected, found=str(source.shape), remedy="one number a source")
        _update(self._packed, self._packed_first, self.source, self.first, source, self._along)
        return self._along


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_SUMS)
def _update(packed, packed_first, source, first, rates, along):  # pragma: no cover
    """Gains of all groups into `along`, and their matrices, packed triangles, one r further."""
    most = 0
    for group in range(first.size - 1):
        most = max(most, first[group + 1] - first[group])
    r = np.empty(most)
    for group in range(first.size - 1):
        low, n = first[group], first[group + 1] - first[group]
        k = along[low : low + n]
        for a in range(n):
            r[a] = rates[source[low + a]]
            k[a] = 0.0
        at = packed_first[group]
        for a in range(n):
            row, total, here = packed[at : at + n - a], 0.0, r[a]
            below, ahead = k[a : a + n - a], r[a : a + n - a]
            for b in range(1, n - a):
                total += row[b] * ahead[b]
                below[b] += row[b] * here
            k[a] += total + row[0] * here
            at += n - a
        total = 1.0
        for a in range(n):
            total += r[a] * k[a]
        share, at = 1.0 / total, packed_first[group]
        for a in range(n):
            row, ahead, scaled = packed[at : at + n - a], k[a:n], share * k[a]
            for b in range(n - a):
                row[b] -= scaled * ahead[b]
            at += n - a
        for a in range(n):
            k[a] *= share


def recursive_least_squares(
    sources: ArrayLike, targets: ArrayLike, *, penalty: float = 1.0, weights: ArrayLike | None = None
) -> LeastSquares:
    r"""Weights of sources that give targets, learned step by step.

    After step T they minimise ``sum_{t <= T} |W r(t) - f(t)|^2 + penalty |W - W(0)|^2``: ridge regression that never
    looks back (Haykin 2002, Adaptive filter theory, chapter 9).

    Parameters
    ----------
    sources : array-like (time, source)
        r.
    targets : array-like (time, output)
        f.
    penalty : float
        Of weights that move from where they began.
    weights : array-like (output, source), optional
        W(0); by default 0.

    Returns
    -------
    LeastSquares

    Raises
    ------
    InputError
        Sources and targets that do not fit, or are not finite; a penalty that is not above 0.

    Examples
    --------
    >>> sources = np.random.default_rng(0).standard_normal((200, 3))
    >>> found = recursive_least_squares(sources, sources @ np.array([[1.0], [2.0], [-1.0]]), penalty=1e-6)
    >>> found.weights.round(3).tolist()
    [[1.0, 2.0, -1.0]]
    """
    sources, targets = (
        check_array("sources", sources, "(time, source)"),
        check_array("targets", targets, "(time, output)"),
    )
    if sources.ndim != 2 or targets.ndim != 2 or len(sources) != len(targets):
        found, expected = f"{sources.shape} and {targets.shape}", "(time, source) and (time, output), as long"
        raise InputError("sources and targets", expected=expected, found=found, remedy="give each step one row of both")
    if not (np.isfinite(sources).all() and np.isfinite(targets).all()):
        raise InputError("sources and targets", expected="finite numbers", found="nan or inf", remedy="leave them out")
    shape = (targets.shape[1], sources.shape[1])
    learned = np.zeros(shape) if weights is None else check_array("weights", weights, "(output, source)").copy()
    if learned.shape != shape or not np.isfinite(learned).all():
        found, expected = str(learned.shape), f"finite, shape {shape}, (output, source)"
        raise InputError("weights", expected=expected, found=found, remedy="transpose them")
    inverse = InverseCorrelation(shape[1], penalty=penalty)
    errors, change = np.empty_like(targets), np.empty(len(targets))
    for t, (source, target) in enumerate(zip(sources, targets, strict=True)):
        gain = inverse.gain(source)
        error = np.subtract(learned @ source, target, out=errors[t])
        learned -= error[:, None] * gain
        change[t] = np.sqrt((error @ error) * (gain @ gain))
    return LeastSquares(learned, errors, change, inverse.matrix)
