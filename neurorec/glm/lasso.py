"""Small quadratic problems with an absolute-value penalty, many at a time."""

import numpy as np
from numpy.typing import NDArray

MOST_ROUNDS = 30
SWEEPS = 3  # of coordinate descent in each round, before the exact step
ACCURACY = 1e-2  # largest change in the last round, relative to that of the first


def minimise_lasso(hessian: NDArray, gradient: NDArray, start: NDArray, l1: NDArray) -> NDArray:
    """Minimise g'(x - start) + (x - start)'H(x - start) / 2 + l1 |x|_1.

    Sweeps of coordinate descent find out which coordinates are in use and with which signs; a Newton step on those, up
    to the first change of sign, then goes where the sweeps alone would take hundreds of rounds.

    Parameters
    ----------
    hessian : ndarray (row, column, column)
        Positive definite.
    gradient, start : ndarray (row, column)
        Slope at the start, and the start.
    l1 : ndarray (row,)
        Thresholds.

    Returns
    -------
    ndarray (row, column)
        The minimum, to within a hundredth of the way.

    Examples
    --------
    >>> minimise_lasso(np.eye(2)[None], np.array([[-3.0, 0.5]]), np.zeros((1, 2)), np.array([1.0]))
    array([[2., 0.]])
    """
    x, slope = start.copy(), gradient.copy()
    stiffness = np.einsum("nkk->kn", hessian).copy()
    threshold = l1.astype(x.dtype) / stiffness
    first = np.zeros(len(x), dtype=x.dtype)
    rows = np.arange(len(x))
    for _ in range(MOST_ROUNDS):
        everyone = rows.size == len(x)
        take = slice(None) if everyone else rows
        part = (hessian[take], x[take], slope[take], stiffness[:, take], threshold[:, take])
        moved = np.maximum.reduce([_sweep(*part) for _ in range(SWEEPS)])
        _newton(part[0], part[1], part[2], l1[take])
        x[take], slope[take] = part[1], part[2]
        first[take] = np.maximum(first[take], moved)
        rows = rows[moved > ACCURACY**2 * first[take]]
        if not rows.size:
            break
    return x


def _sweep(hessian: NDArray, x: NDArray, slope: NDArray, stiffness: NDArray, threshold: NDArray) -> NDArray:
    """Set every coordinate in turn to its best value, in place; the largest decrease by one coordinate, ``(row,)``."""
    largest = np.zeros(len(x), dtype=x.dtype)
    for j in range(x.shape[1]):
        aim = x[:, j] - slope[:, j] / stiffness[j]
        new = aim - np.minimum(np.maximum(aim, -threshold[j]), threshold[j])
        change = new - x[:, j]
        if change.any():
            slope += hessian[:, j] * change[:, None]
            x[:, j] = new
            np.maximum(largest, change * change * stiffness[j], out=largest)
    return largest


def _newton(hessian: NDArray, x: NDArray, slope: NDArray, l1: NDArray) -> None:
    """Step, in place, to the minimum over the coordinates in use with their signs, or to the first change of sign."""
    used = x != 0
    square = hessian * (used[:, :, None] & used[:, None, :])
    diagonal = np.einsum("nkk->nk", square)
    diagonal[~used] = 1
    uphill = np.where(used, slope + l1[:, None].astype(x.dtype) * np.sign(x), 0)
    change = -np.linalg.solve(square, uphill[:, :, None])[:, :, 0]
    against = change * x < 0
    room = np.divide(-x, change, out=np.full_like(x, np.inf), where=against)
    length = np.minimum(room.min(axis=1, initial=np.inf), 1)
    change *= length[:, None]
    change[room <= length[:, None]] = -x[room <= length[:, None]]
    x += change
    slope += np.matmul(hessian, change[:, :, None])[:, :, 0]
