"""The objective and its certificate once more, in float64 and apart from the package: nothing is shared with it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

BLOCK = 5_000  # bins converted to float64 at a time
SHARES = (1.0, 0.999, 0.99, 0.97)  # of the dual point that are tried


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

    Taken is the best of a few v = y + share (mu - y), mu being the fitted rates scaled to the mean of y; the smallest
    share is the one at which no column is beyond its penalty.

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
    eta = np.concatenate([X[block].astype(np.float64) @ coef.T for block in blocks]) + intercept
    value = penalty * (l1_ratio * np.abs(coef).sum(axis=1) + (1 - l1_ratio) / 2 * (coef**2).sum(axis=1))
    value += sum((np.exp(eta[block]) - Y[block] * eta[block]).sum(axis=0) for block in blocks) / len(X)
    mean = Y.mean(axis=0, dtype=np.float64)
    mu = np.exp(eta, out=eta)
    mu *= mean / mu.mean(axis=0)
    pull = sum((Y[block] - mu[block]).T @ X[block].astype(np.float64) for block in blocks)
    pull = np.where(allowed, np.abs(pull), 0) / len(X)
    feasible = np.minimum(penalty * l1_ratio / np.maximum(pull.max(axis=1), 1e-300), 1.0)
    shares = [np.maximum(share, feasible) for share in SHARES] + [feasible] if l1_ratio > 0 else [np.ones(len(mean))]
    below = np.full(len(mean), -np.inf)
    for share in shares:
        excess = np.maximum(share[:, None] * pull - penalty[:, None] * l1_ratio, 0)
        beyond = (excess**2).sum(axis=1) / (2 * penalty * (1 - l1_ratio))
        below = np.maximum(below, mean - entropy(Y, mu, share, blocks) - beyond)
    return Bounds(value, below)


def entropy(Y: NDArray, mu: NDArray, share: NDArray, blocks: list[slice]) -> NDArray[np.float64]:
    """Mean of v log v over time, v = y + share (mu - y)."""
    total = np.zeros(len(share))
    for block in blocks:
        v = Y[block] + share * (mu[block] - Y[block])
        total += xlogy(v, v).sum(axis=0)
    return total / len(Y)
