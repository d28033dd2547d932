"""Small quadratic problems with an absolute-value penalty, many at a time."""

import numpy as np
from numpy.typing import NDArray

MOST_SWEEPS = 100
ACCURACY = 1e-2  # largest change in the last sweep, relative to that of the first


def minimise_lasso(hessian: NDArray, gradient: NDArray, start: NDArray, l1: NDArray) -> NDArray:
    """Minimise g'(x - start) + (x - start)'H(x - start) / 2 + l1 |x|_1 by cyclic coordinate descent.

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
    first = 0.0
    for _ in range(MOST_SWEEPS):
        largest = np.zeros(len(x), dtype=x.dtype)
        for j in range(x.shape[1]):
            aim = x[:, j] - slope[:, j] / stiffness[j]
            new = aim - np.clip(aim, -threshold[j], threshold[j])
            change = new - x[:, j]
            if change.any():
                slope += hessian[:, j] * change[:, None]
                x[:, j] = new
                np.maximum(largest, change * change * stiffness[j], out=largest)
        first = np.maximum(first, largest)
        if not (largest > ACCURACY**2 * first).any():
            break
    return x
