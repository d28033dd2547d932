"""What the package is asked to do: the fits that are timed, and the designs they are given."""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from objective import Bounds, bounds, largest_penalty
from simulate import Past, Work

from neurorec import glm

PENALTY, TOL = 1e-3, 1e-6
WIDE_PENALTY = 0.1  # where columns are nearly as many as bins: what held-out trials choose there
N_PENALTIES, L1_RATIO = 30, 0.95
WEAKEST = 1e-2  # of the largest penalty
FEW_EVENTS, WEAKEST_OF_FEW = 0.01, 1e-1  # per bin; beyond that units get more coefficients than they have spikes
N_FOLDS, FOLD_BLOCK = 5, 500  # bins of a block, in place of trials


class Job(NamedTuple):
    """Penalties of every unit and how they are split."""

    name: str
    penalties: NDArray[np.float64]  # (penalty, unit)
    l1_ratio: float = 0.0


class Answer(NamedTuple):
    """One fit, at one or several penalties: ``coef[k]`` is (unit, feature), the others (penalty, unit)."""

    coef: Any
    intercept: NDArray
    gap: NDArray
    n_iter: NDArray


def jobs_of(X: NDArray, Y: NDArray, allowed: NDArray) -> dict[str, Job]:
    """The fits of a size."""
    every = np.ones(Y.shape[1])
    largest = largest_penalty(X, Y, allowed, L1_RATIO)
    weakest = WEAKEST_OF_FEW if Y.mean() < FEW_EVENTS else WEAKEST
    jobs = (
        Job("ridge", penalty_for(X) * every[None]),
        Job("ridge path", penalty_for(X) * np.logspace(2, 0, 8)[:, None] * every),
        Job("elastic-net path", largest * np.geomspace(1, weakest, N_PENALTIES)[:, None], L1_RATIO),
    )
    return {job.name: job for job in jobs}


def penalty_for(X: NDArray) -> float:
    """Of the ridge fits."""
    return PENALTY if len(X) > 4 * X.shape[1] else WIDE_PENALTY


def do(job: Job, X: Any, Y: NDArray, allowed: NDArray, n_jobs: int = 1) -> Answer:
    """Fit all units, with nothing prepared beforehand."""
    if len(job.penalties) == 1:
        fit = glm.fit_population(
            X, Y, penalty=job.penalties[0], l1_ratio=job.l1_ratio, allowed=allowed, tol=TOL, n_jobs=n_jobs
        )
        return Answer(fit.coef[None], fit.intercept[None], fit.gap[None], fit.n_iter[None])
    path = glm.penalty_path(
        X, Y, penalties=job.penalties, l1_ratio=job.l1_ratio, allowed=allowed, tol=TOL, n_jobs=n_jobs
    )
    return Answer(path.coef, path.intercept, path.gap, path.n_iter)


def dense(coef: Any) -> NDArray:
    """Coefficients of one penalty as an array, however they are kept."""
    return coef.toarray() if scipy.sparse.issparse(coef) else np.asarray(coef)


def certify(job: Job, answer: Answer, work: Work) -> list[Bounds]:
    """Value and lower bound at every penalty, in float64 from coefficients and intercepts alone."""
    return [
        bounds(work.X, work.Y, dense(answer.coef[k]), answer.intercept[k], penalty, job.l1_ratio, work.allowed)
        for k, penalty in enumerate(job.penalties)
    ]


def lagged_design(past: Past, first: NDArray[np.float32]) -> Any:
    """The same design with its coupling columns never made; ``first`` are the columns before them."""
    columns = glm.LaggedDesign(past.counts, past.filters, past.lags, position=past.position)
    return glm.stack_designs([first, columns.standardised(past.mean, past.scale)])


def lagged_of(work: Work) -> Any:
    """The lagged design of a work."""
    return lagged_design(work.past, first_columns(work))


def first_columns(work: Work) -> NDArray[np.float32]:
    """Columns before those of coupling."""
    return np.ascontiguousarray(work.X[:, : work.X.shape[1] - work.past.mean.size])


def training(work: Work, fold: int) -> NDArray[np.float64]:
    """Weights of the bins: 0 in the held-out blocks of a fold."""
    return (np.arange(len(work.X)) // FOLD_BLOCK % N_FOLDS != fold).astype(np.float64)
