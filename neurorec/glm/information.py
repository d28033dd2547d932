"""What the bins of one unit say of its coefficients: the Hessian of the loss at a fit, and the gradient by cluster."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_array

from neurorec.glm.losses import Family, mean_of
from neurorec.recording import InputError

BLOCK = 2000  # bins at a time: long enough for a fast product, short beside the covariance of a wide design
# A fit further from the minimum of what is described here than this share of its null half-deviance is another fit.
FURTHEST = 1e-4


class Curves(NamedTuple):
    """Derivatives of a family at a mean, in float64; ``a`` is the dispersion of the negative binomial."""

    slope: Callable[[NDArray], NDArray]  # mu -> derivative of the mean in eta
    score: Callable[[NDArray, NDArray, float], NDArray]  # (y, mu, a) -> derivative of the loss in eta
    second: Callable[[NDArray, NDArray, float], NDArray]  # (y, mu, a) -> its second derivative, not its expectation
    scaled: bool = False  # whether there is a scale to estimate


FAMILY_CURVES = {
    "poisson": Curves(lambda mu: mu, lambda y, mu, a: mu - y, lambda y, mu, a: mu),
    "bernoulli": Curves(lambda mu: mu * (1 - mu), lambda y, mu, a: mu - y, lambda y, mu, a: mu * (1 - mu)),
    "gaussian": Curves(np.ones_like, lambda y, mu, a: mu - y, lambda y, mu, a: np.ones_like(mu), scaled=True),
    "gamma": Curves(lambda mu: mu, lambda y, mu, a: 1 - y / mu, lambda y, mu, a: y / mu, scaled=True),
    "negative_binomial": Curves(
        lambda mu: mu,
        lambda y, mu, a: (mu - y) / (1 + a * mu),
        lambda y, mu, a: mu * (1 + a * y) / (1 + a * mu) ** 2,
    ),
}


class Task(NamedTuple):
    """What is known of all units before any of them is looked at."""

    X: Any  # (time, feature), anything that gives rows low:high
    Y: NDArray  # (time, unit)
    weight: NDArray | None  # (time, unit) or (time, 1)
    offset: NDArray | None  # (time, unit)
    coef: NDArray  # (unit, feature)
    intercept: NDArray  # (unit,)
    estimated: NDArray  # (unit,) fitted to its minimum
    gap: NDArray  # (unit,)
    dispersion: NDArray  # (unit,) NaN where the family has none
    ridge: NDArray  # (unit, feature) penalty times weight; inf where not allowed
    clusters: NDArray | None  # (time,) 0, 1, ...
    family: Family
    curves: Curves


class Sums(NamedTuple):
    """Sums over the bins of one unit, for the intercept and the columns free to it."""

    hessian: NDArray  # (free, free) without the penalty
    gradient: NDArray  # (free,) without the penalty
    by_cluster: NDArray | None  # (cluster, free) the gradient, cluster by cluster
    cluster_mass: NDArray | None  # (cluster,) total weight
    mass: float  # total weight
    pearson: float  # sum of w (y - mu)^2 / variance function
    null: float  # sum of w half_deviance(y, weighted mean of y)


def sum_bins(task: Task, unit: int, columns: NDArray) -> Sums | None:
    """Go through the bins of one unit, block by block; None where its responses do not vary."""
    y, weight = np.asarray(task.Y[:, unit], dtype=np.float64), _weight(task, unit)
    used, a, n_free = weight > 0, float(task.dispersion[unit]), 1 + columns.size
    if np.ptp(y[used]) == 0:
        return None
    theta = np.r_[task.intercept[unit], task.coef[unit, columns]]
    hessian, gradient, pearson = np.zeros((n_free, n_free)), np.zeros(n_free), 0.0
    by_cluster, cluster_mass = None, None
    if task.clusters is not None:
        cluster_mass = np.bincount(task.clusters, weight)
        by_cluster = np.zeros((cluster_mass.size, n_free))
    for low in range(0, len(y), BLOCK):
        here = low + np.flatnonzero(used[low : low + BLOCK])
        if not here.size:
            continue
        Z = with_ones(read_rows(task.X, low, min(low + BLOCK, len(y)))[here - low], columns)
        eta = Z @ theta + (0.0 if task.offset is None else np.asarray(task.offset[here, unit], dtype=np.float64))
        mu = mean_of(eta.copy(), task.family)
        score = weight[here] * task.curves.score(y[here], mu, a)
        gradient += score @ Z
        if by_cluster is not None and task.clusters is not None:
            known, where = np.unique(task.clusters[here], return_inverse=True)
            by_cluster[known] += csr_array((score, (where, np.arange(here.size))), (known.size, here.size)) @ Z
        if task.curves.scaled:  # its variance function is the square of its slope
            pearson += float(weight[here] @ ((y[here] - mu) / task.curves.slope(mu)) ** 2)
        Z *= np.sqrt(weight[here] * task.curves.second(y[here], mu, a))[:, None]
        hessian += Z.T @ Z
    if not (np.isfinite(hessian).all() and np.isfinite(gradient).all()):
        raise InputError(
            "X, Y",
            expected="what was fitted",
            found=f"NaN or infinity in the bins of unit {unit}",
            remedy="leave those bins out with sample_weight 0, as in the fit",
        )
    mass, y, weight = float(weight.sum()), y[used], weight[used]
    null = float(weight @ task.family.deviance(y, np.full_like(y, weight @ y / mass), a)) / 2
    return Sums(hessian, gradient, by_cluster, cluster_mass, mass, pearson, null)


def inverse_root(task: Task, unit: int, columns: NDArray, sums: Sums) -> NDArray | None:
    """A root of the inverse Hessian, ``(free, free)``, checking that this is the minimum; None where singular."""
    hessian, gradient = sums.hessian.copy(), sums.gradient.copy()
    ridge = sums.mass * task.ridge[unit, columns]
    hessian[np.arange(1, len(hessian)), np.arange(1, len(hessian))] += ridge
    gradient[1:] += ridge * task.coef[unit, columns]
    size = np.sqrt(np.diagonal(hessian))
    if not (size > 0).all():
        return None
    hessian /= size[:, None] * size  # columns of any size: singular or not is then a question of directions only
    lower, failed = lapack.dpotrf(hessian, lower=1, clean=1)
    if failed or lapack.dpocon(lower, np.abs(hessian).sum(axis=0).max(), uplo="L")[0] < len(lower) * 1e-15:
        return None
    root = lapack.dtrtri(lower, lower=1)[0].T / size[:, None]
    distance = ((root.T @ gradient) ** 2).sum() / 2  # of the objective from its minimum, by Newton's step
    if distance > max(FURTHEST, 10 * task.gap[unit]) * sums.null:
        raise InputError(
            "fit",
            expected="the ridge minimum of this X, Y, family, penalty, allowed, sample_weight and offset",
            found=f"unit {unit} at {distance / sums.null:.1e} of its null half-deviance from it",
            remedy="give exactly what was fitted; after a lasso or elastic net the Hessian gives no standard errors",
        )
    return root


def _weight(task: Task, unit: int) -> NDArray:
    """Weights of one unit, ``(time,)``."""
    if task.weight is None:
        return np.ones(len(task.Y))
    return np.ascontiguousarray(task.weight[:, min(unit, task.weight.shape[1] - 1)])


def read_rows(X: Any, low: int, high: int) -> NDArray:
    """Some rows of a design, whatever holds it."""
    return np.asarray(X.block(low, high) if hasattr(X, "block") else X[low:high])


def with_ones(block: NDArray, columns: NDArray) -> NDArray:
    """A column of ones and the given columns, in float64."""
    Z = np.ones((len(block), 1 + columns.size))
    Z[:, 1:] = block if columns.size == block.shape[1] else block[:, columns]
    return Z
