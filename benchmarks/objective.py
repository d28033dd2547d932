"""The objective and its certificate once more, in float64 and apart from the package: nothing is shared with it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

BLOCK = 5_000  # bins converted to float64 at a time
NEAR_ENOUGH = 9e-7  # gap, as a fraction of the null half-deviance, that needs no better dual point
N_SWEEPS = (8, 60)  # of coordinate descent, for dual points nearer to the best, where the one before will not do


class Bounds(NamedTuple):
    """Value of the objective at an answer, and a number that it is nowhere below; one entry per unit."""

    value: NDArray[np.float64]
    below: NDArray[np.float64]


def null_half_deviance(Y: NDArray) -> NDArray[np.float64]:
    """Mean half-deviance of a constant rate, ``(unit,)``; NaN for units without spikes."""
    Y = Y.astype(np.float64)
    mean = Y.mean(axis=0)
    return np.where(mean > 0, xlogy(Y, Y / np.where(mean > 0, mean, 1)).mean(axis=0), np.nan)


def largest_penalty(X: NDArray, Y: NDArray, allowed: NDArray, l1_ratio: float) -> NDArray[np.float64]:
    """Weakest penalty at which all coefficients are 0, ``(unit,)``; tiny rather than 0 for units without spikes."""
    pull = sum(
        (Y[low : low + BLOCK] - Y.mean(axis=0, dtype=np.float64)).T @ X[low : low + BLOCK]
        for low in range(0, len(X), BLOCK)
    )
    return np.maximum(np.where(allowed, np.abs(pull), 0).max(axis=1) / len(X) / l1_ratio, 1e-8)


def bounds(
    X: NDArray, Y: NDArray, coef: NDArray, intercept: NDArray, penalty: NDArray, l1_ratio: float, allowed: NDArray
) -> Bounds:
    r"""Objective of a Poisson fit, and its Fenchel dual near the point that the fit implies.

    The objective is mean_t [exp(eta) - y eta] + penalty (l1_ratio |b|_1 + (1 - l1_ratio) / 2 |b|^2). For every v > 0
    with the mean of y, and g = X'(y - v) / T on the allowed columns, it is nowhere below

        mean_t [v - v log v] - sum_j max(|g_j| - penalty l1_ratio, 0)^2 / (2 penalty (1 - l1_ratio)).

    Taken is the best of v = mu, the fitted rates scaled to the mean of y, and v = mu + c X d, centred, with c the least
    mu and d the minimum of a model of that curvature: the bound holds whatever d is, and g moves by c Gram d.

    Parameters
    ----------
    X, Y : ndarray (time, feature), (time, unit)
        Design and counts.
    coef, intercept, penalty : ndarray (unit, feature), (unit,), (unit,)
        The answer.
    l1_ratio : float
        Below 1.
    allowed : ndarray of bool (unit, feature)
        Columns of every unit.
    """
    blocks = [slice(low, low + BLOCK) for low in range(0, len(X), BLOCK)]
    coef = np.where(allowed, coef, 0).astype(np.float64)
    eta = image(X, coef, blocks) + intercept
    value = penalty * (l1_ratio * np.abs(coef).sum(axis=1) + (1 - l1_ratio) / 2 * (coef**2).sum(axis=1))
    value += sum((np.exp(eta[block]) - Y[block] * eta[block]).sum(axis=0) for block in blocks) / len(X)
    mean = Y.mean(axis=0, dtype=np.float64)
    mu = np.exp(eta, out=eta)
    mu *= mean / mu.mean(axis=0)
    below, slope = dual(X, Y, mu, penalty, l1_ratio, allowed, blocks)
    for n_sweeps in N_SWEEPS:
        loose = np.flatnonzero(value - below > NEAR_ENOUGH * null_half_deviance(Y))
        if not loose.size:
            break
        y, v, p, free = Y[:, loose], mu[:, loose], penalty[loose], allowed[loose]
        least = v.min(axis=0)
        step = model_step(gram(X), least, slope[loose], coef[loose], p, l1_ratio, free, n_sweeps)
        change = image(X, step, blocks)
        change -= change.mean(axis=0)
        v += change * least * np.minimum(1, 0.9 / np.maximum(np.abs(change).max(axis=0), 1e-300))
        below[loose] = np.maximum(below[loose], dual(X, y, v, p, l1_ratio, free, blocks)[0])
    return Bounds(value, below)


def image(X: NDArray, coef: NDArray, blocks: list[slice]) -> NDArray[np.float64]:
    """X b ``(time, unit)``."""
    return np.concatenate([X[block].astype(np.float64) @ coef.T for block in blocks])


def dual(
    X: NDArray, Y: NDArray, v: NDArray, penalty: NDArray, l1_ratio: float, allowed: NDArray, blocks: list[slice]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The dual objective ``(unit,)`` at rates v, and the gradient of the loss that they imply ``(unit, feature)``."""
    slope = sum((v[block] - Y[block]).T @ X[block].astype(np.float64) for block in blocks) / len(X)
    slope = np.where(allowed, slope, 0)
    excess = np.maximum(np.abs(slope) - penalty[:, None] * l1_ratio, 0)
    entropy = sum(xlogy(v[block], v[block]).sum(axis=0) for block in blocks) / len(X)
    return v.mean(axis=0) - entropy - (excess**2).sum(axis=1) / (2 * penalty * (1 - l1_ratio)), slope


def gram(X: NDArray) -> NDArray[np.float64]:
    """Covariance of the columns; kept for the design of the last call, for a path asks for it at every penalty."""
    if GRAM.get("of") is not X:
        GRAM.update(of=X, is_=np.cov(X, rowvar=False, bias=True, dtype=np.float32).astype(np.float64))
    return GRAM["is_"]


GRAM: dict = {}


def model_step(
    gram: NDArray,
    scale: NDArray,
    slope: NDArray,
    coef: NDArray,
    penalty: NDArray,
    l1_ratio: float,
    allowed: NDArray,
    n_sweeps: int,
) -> NDArray[np.float64]:
    """Towards the minimum of slope'd + scale d'Gram d / 2 + penalty, by sweeps of coordinate descent over all units."""
    x, slope = coef.copy(), slope.copy()
    ridge, threshold = penalty * (1 - l1_ratio), penalty * l1_ratio
    for _ in range(n_sweeps):
        for j in range(len(gram)):
            stiff = scale * gram[j, j] + ridge
            aim = scale * gram[j, j] * x[:, j] - slope[:, j]
            new = np.sign(aim) * np.maximum(np.abs(aim) - threshold, 0) / np.maximum(stiff, 1e-300)
            change = np.where(allowed[:, j], new, 0) - x[:, j]
            moved = np.flatnonzero(change)
            slope[moved] += (scale[moved] * change[moved])[:, None] * gram[j]
            x[moved, j] += change[moved]
    return x - coef
