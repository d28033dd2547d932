"""The exact line search: best step along a direction, with the best intercept, from kept images alone."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.losses import Family

BLOCK_BYTES = 1 << 18  # temporaries of a block of units stay in the second-level cache
LONGEST = 5.0  # first guess of a step moves no eta further than this, or exp would overflow
ACCURACY = 0.3  # slope left, as a share of that at step 0; smaller ones cost evaluations and save no passes
MOST_EVALUATIONS = 30


class Search(NamedTuple):
    """Outcome of a line search, one value per row."""

    step: NDArray  # along the direction
    shift: NDArray  # of the intercept
    mean_residual: NDArray  # derivative of the objective in the intercept, nearly 0
    mean_weight: NDArray  # second derivative of the objective in the intercept


class Slope(NamedTuple):
    """The objective along a direction, as far as the penalty has a say, one value per row, in float64."""

    start: NDArray  # derivative of the objective at step 0
    linear: NDArray  # derivative of the penalty at step 0
    square: NDArray  # second derivative of the penalty
    longest: NDArray  # step allowed


def line_search(family: Family, E: NDArray, D: NDArray, Y: NDArray, W: NDArray | None, slope: Slope) -> Search:
    """Minimise every unit's objective over the step t and the intercept shift c, from eta = E + t D + c.

    Damped Newton in (t, c): losses with a canonical link obey |f'''| <= f'' |change of eta|, for which the step
    log(1 + s) / s with s the largest change of eta always goes down (https://doi.org/10.1007/s10107-018-1282-4). All
    work is elementwise, in blocks of units.

    Parameters
    ----------
    family : Family
        Of the responses.
    E : ndarray (row, time)
        Linear predictors, *moved in place* to the minimum.
    D : ndarray (row, time)
        Image of the direction, *replaced in place* by the weighted residuals w (mu - y) at the minimum.
    Y : ndarray (row, time)
        Responses.
    W : ndarray (row, time) or (1, time) or None
        Weights of mean 1.
    slope : Slope
        The penalty along the direction, and how far it is to be followed.

    Returns
    -------
    Search
        Steps and shifts.
    """
    n_rows, n_times = E.shape
    out = Search(*(np.zeros(n_rows) for _ in Search._fields))
    size = max(1, BLOCK_BYTES // max(1, n_times * E.itemsize))
    buffers = tuple(np.empty((min(size, n_rows), n_times), dtype=E.dtype) for _ in range(3))
    for low in range(0, n_rows, size):
        rows = slice(low, min(low + size, n_rows))
        weight = W if W is None or len(W) == 1 else W[rows]
        found = _search_block(
            family, E[rows], D[rows], Y[rows], weight, Slope(*(part[rows] for part in slope)), buffers
        )
        for kept, new in zip(out, found, strict=True):
            kept[rows] = new
    return out


def _search_block(
    family: Family,
    E: NDArray,
    D: NDArray,
    Y: NDArray,
    W: NDArray | None,
    slope: Slope,
    buffers: tuple[NDArray, ...],
) -> tuple[NDArray, ...]:
    residual, mu, scratch = (buffer[: len(E)] for buffer in buffers)
    lowest, highest, middle = (part(D, axis=1).astype(np.float64) for part in (np.min, np.max, np.mean))
    step = np.minimum(1.0, LONGEST / np.maximum(np.maximum(highest - middle, middle - lowest), 1e-30))
    settled = ~(slope.start < 0)  # not downhill: stay
    step[settled] = 0
    shift = -step * middle
    for evaluation in range(1, MOST_EVALUATIONS + 1):
        np.multiply(D, step[:, None].astype(E.dtype), out=mu)
        mu += shift[:, None].astype(E.dtype)
        mu += E
        np.subtract(family.mean(mu), Y, out=residual)
        if W is not None:
            residual *= W
        down = np.stack([_mean(residual), _mean_product(residual, D) + slope.linear + step * slope.square])
        bend = _second_derivatives(family, mu, D, W, scratch)
        bend[2] += slope.square
        settled |= _is_minimum(down, bend, slope, step)
        if settled.all() or evaluation == MOST_EVALUATIONS:
            break
        change = _newton(down, bend)
        if family.name != "gaussian":
            ends = np.abs(change[0] + change[1] * np.stack([lowest, highest])).max(axis=0)
            change *= np.log1p(ends) / np.maximum(ends, 1e-30)
        settled |= ~np.isfinite(change).all(axis=0)
        shift += np.where(settled, 0, change[0])
        step = np.where(settled, step, np.minimum(step + change[1], slope.longest))
    np.multiply(D, step[:, None].astype(E.dtype), out=scratch)
    E += scratch
    E += shift[:, None].astype(E.dtype)
    D[...] = residual
    return step, shift, down[0], bend[0]


def _is_minimum(down: NDArray, bend: NDArray, slope: Slope, step: NDArray) -> NDArray[np.bool_]:
    """True where the slope is a small part of what it was, and a better intercept alone would gain next to nothing."""
    along = (np.abs(down[1]) <= ACCURACY * -slope.start) | ((step >= slope.longest) & (down[1] < 0))
    return along & (down[0] ** 2 <= 1e-3 * bend[0] * -slope.start)


def _second_derivatives(family: Family, mu: NDArray, D: NDArray, W: NDArray | None, scratch: NDArray) -> NDArray:
    """Means of v, v D and v D^2 with v the weighted second derivative of the loss: ``(3, row)``."""
    v = family.weight(mu)
    if v is None:
        v = mu
        v[...] = 1
    if W is not None:
        v *= W
    np.multiply(v, D, out=scratch)
    return np.stack([_mean(v), _mean(scratch), _mean_product(scratch, D)])


def _newton(down: NDArray, bend: NDArray) -> NDArray[np.float64]:
    """Newton step of (intercept shift, step along the direction); no move along where it is flat."""
    along = bend[1] / np.maximum(bend[0], 1e-300)
    curvature = np.maximum(bend[2] - along * bend[1], 1e-14 * bend[2])
    change_step = -np.divide(down[1] - along * down[0], curvature, out=np.zeros_like(curvature), where=curvature > 0)
    return np.stack([-down[0] / np.maximum(bend[0], 1e-300) - along * change_step, change_step])


def _mean(a: NDArray) -> NDArray[np.float64]:
    return a.mean(axis=1).astype(np.float64)


def _mean_product(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    return np.einsum("nt,nt->n", a, b).astype(np.float64) / a.shape[1]


def centre_intercept(family: Family, E: NDArray, Y: NDArray, W: NDArray | None) -> NDArray[np.float64]:
    """Move E in place to the best intercept of every unit, and return the shifts.

    The start is log-sum-exp safe, so that offsets may be large.
    """
    highest = E.max(axis=1, keepdims=True)
    E -= highest
    weight = 1.0 if W is None else W
    mean = (weight * Y).mean(axis=1, dtype=np.float64)
    if family.name == "gaussian":
        shift = mean - (weight * E).mean(axis=1, dtype=np.float64)
    else:
        shift = family.link(mean) - np.log((weight * np.exp(E)).mean(axis=1, dtype=np.float64))
    E += shift[:, None].astype(E.dtype)
    total = shift - highest[:, 0]
    if family.name == "bernoulli":
        still = Slope(np.full(len(E), -1e-9), np.zeros(len(E)), np.zeros(len(E)), np.ones(len(E)))
        found = line_search(family, E, np.zeros_like(E), Y, W, still)
        total += found.shift
    return total


def residuals(family: Family, E: NDArray, Y: NDArray, W: NDArray | None) -> NDArray:
    """Weighted residuals w (mu - y), ``(row, time)``."""
    R = family.mean(E.copy())
    R -= Y
    if W is not None:
        R *= W
    return R
