"""Sums of singular values of many small matrices at once, as shape distances of all pairs need them."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

LANES = 64  # matrices side by side; fewer than half of that go to LAPACK
_LARGE = 80  # rows or columns from which on LAPACK is no slower
_STEP, _LOWEST, _HIGHEST = 0.32, -35.0, 11.0  # nodes of the integral, logarithms in units of the norm
_SUMS = {"contract", "nsz", "reassoc", "arcp"}  # sums may be reordered, NaN stays NaN


def nuclear_norms(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Sums of singular values ``(matrix,)`` of ``(matrix, row, column)``, to 1e-12 of themselves.

    Matrices are made bidiagonal by Householder reflections, and singular values are not computed one by one:
    :math:`\sum \sigma = \frac{2}{\pi} \int_0^\infty \sum \frac{\sigma^2}{\sigma^2 + w^2} dw`, by the trapezoidal rule
    over log w, which converges exponentially; the inner sum is a recursion over the bidiagonal without cancellation.

    Examples
    --------
    >>> nuclear_norms(np.tile(np.diag([3.0, 2.0, 0.0]), (50, 1, 1)))[[0, -1]].round(9).tolist()
    [5.0, 5.0]
    """
    n_matrices, *shape = matrices.shape
    if n_matrices < LANES // 2 or max(shape) > _LARGE:
        return np.linalg.svd(matrices, compute_uv=False).sum(axis=-1)
    if shape[0] < shape[1]:
        matrices = matrices.swapaxes(1, 2)
    nodes = np.exp(np.arange(_LOWEST, _HIGHEST, _STEP))
    weights = 2 / np.pi * _STEP * nodes
    weights[-1] /= 1 - np.exp(-_STEP)  # what comes after it falls by the same factor from node to node
    return _norms(np.ascontiguousarray(matrices), nodes, weights)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_SUMS)
def _norms(matrices, nodes, weights):
    n_matrices, m, n = matrices.shape
    A, w = np.empty((m, n, LANES)), np.empty((n, LANES))
    diagonal, above = np.zeros((n, LANES)), np.zeros((n, LANES))
    total, found = np.empty(LANES), np.empty(n_matrices)
    for low in range(0, n_matrices, LANES):
        for c in range(LANES):
            which = min(low + c, n_matrices - 1)
            for i in range(m):
                for j in range(n):
                    A[i, j, c] = matrices[which, i, j]
        for k in range(n):
            _from_left(A, k, diagonal[k], w)
            if k + 1 < n:
                _from_right(A, k, above[k], w)
        _integrate(diagonal, above, nodes, weights, total)
        for c in range(min(LANES, n_matrices - low)):
            found[low + c] = total[c]
    return found


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_SUMS)
def _reflector(square, head, factor):
    """The head of a reflector over that of a vector, and 2 over its square."""
    for c in range(LANES):
        norm, x = np.sqrt(square[c]), head[c]
        head[c] = x + norm if x >= 0 else x - norm
        half = square[c] + abs(x) * norm
        factor[c] = 1 / half if half > 0 else 0.0


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_SUMS)
def _from_left(A, k, square, w):
    """Reflect column k onto its head: into row k at once, and what the other rows are still to lose, into w."""
    m, n, _ = A.shape
    factor = np.empty(LANES)
    square[:] = 0
    for i in range(k, m):
        for c in range(LANES):
            square[c] += A[i, k, c] * A[i, k, c]
    _reflector(square, A[k, k], factor)
    w[k + 1 :] = 0
    for i in range(k, m):
        for j in range(k + 1, n):
            for c in range(LANES):
                w[j, c] += A[i, k, c] * A[i, j, c]
    for j in range(k + 1, n):
        for c in range(LANES):
            w[j, c] *= factor[c]
            A[k, j, c] -= A[k, k, c] * w[j, c]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_SUMS)
def _from_right(A, k, square, w):
    """Reflect row k onto the element beside the diagonal, in the same pass over the other rows as the column before."""
    m, n, _ = A.shape
    factor, along = np.empty(LANES), np.empty(LANES)
    square[:] = 0
    for j in range(k + 1, n):
        for c in range(LANES):
            square[c] += A[k, j, c] * A[k, j, c]
    _reflector(square, A[k, k + 1], factor)
    for i in range(k + 1, m):
        along[:] = 0
        for j in range(k + 1, n):
            for c in range(LANES):
                left = A[i, j, c] - A[i, k, c] * w[j, c]
                A[i, j, c] = left
                along[c] += left * A[k, j, c]
        for c in range(LANES):
            along[c] *= factor[c]
        for j in range(k + 1, n):
            for c in range(LANES):
                A[i, j, c] -= along[c] * A[k, j, c]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_SUMS)
def _integrate(diagonal, above, nodes, weights, total):
    """The integral, from squares of a bidiagonal matrix.

    Pivots of the tridiagonal matrix with zeros on its diagonal and i w added are ``i w (1 + e)``; the share of each in
    the sum, ``p = -d log(1 + e) / d log w / 2``, follows from the last one's.
    """
    n = len(diagonal)
    scale, inverse, last = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    p, inner = np.empty(LANES), np.empty(LANES)
    scale[:] = 0
    for k in range(n):
        for c in range(LANES):
            scale[c] += diagonal[k, c] + above[k, c]
    total[:] = 0
    for node, weight in zip(nodes, weights):
        last[:], p[:], inner[:] = 1, 0, 0
        for c in range(LANES):
            inverse[c] = 1 / (scale[c] * node * node) if scale[c] > 0 else 0.0
        for k in range(n):
            for c in range(LANES):
                e = diagonal[k, c] * inverse[c] * last[c]
                one = 1 / (1 + e)
                here = (1 - p[c]) * e * one
                e = above[k, c] * inverse[c] * one
                last[c] = 1 / (1 + e)
                p[c] = (1 - here) * e * last[c]
                inner[c] += here + p[c]
        for c in range(LANES):
            total[c] += weight * inner[c]
    for c in range(LANES):
        total[c] *= np.sqrt(scale[c])
