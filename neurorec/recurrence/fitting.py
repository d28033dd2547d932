"""Fitting one of the nested models to every unit, fold by fold, and predicting what was held out."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from neurorec.glm import (
    Curvature,
    Design,
    choose_penalty,
    column_moments,
    column_ranges,
    deviance,
    fit_population,
    gram_eigh,
    predict_mean,
)
from neurorec.recurrence.columns import columns_on
from neurorec.recurrence.folds import training_bins
from neurorec.recurrence.models import Model, columns_of
from neurorec.recurrence.problem import Problem

Progress = Callable[[], object]


class _Fold(NamedTuple):
    """Training rows of one outer fold, ready to be fitted."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    matrix: Design  # (train, column), standardised on the training rows
    mean: NDArray[np.float64]  # (column,)
    scale: NDArray[np.float64]  # (column,)
    response: NDArray[np.float32]  # (train, unit)
    weight: NDArray | None  # (train, unit)
    inner: NDArray[np.int64]  # (train,)


def fit_model(
    problem: Problem,
    model: Model,
    base: xr.Dataset | None = None,
    *,
    columns: NDArray[np.int64] | None = None,
    folds: Sequence[int] | None = None,
    keep_coefficients: bool = False,
    tol: float = 1e-6,
    n_jobs: int | None = None,
    progress: Progress = lambda: None,
) -> xr.Dataset:
    """Fit a model to every unit on each training set, and score it on the held-out trials.

    For each unit and outer fold: ``min_b mean_t nll(y_t, base_t + a + x_t . b) + penalty P(b)``, with ``base_t`` the
    linear predictor of the base model fitted on the same rows, x the columns that the base lacks, and the penalty
    chosen on inner folds within them. No model may predict a larger mean on a held-out bin than the largest it predicts
    on its training bins.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    model : Model
        What it may use.
    base : xarray.Dataset, optional
        The result of this function for the model's base, with its coefficients; none for the mean rate.
    columns : ndarray of int (column,), optional
        Use these columns of the design instead of all in the model's groups.
    folds : sequence of int, optional
        Which outer folds to hold out; all by default. What belongs to others is missing from the result.
    keep_coefficients : bool
        Keep what is needed to use this model as a base.
    tol : float
        Relative gap at which a unit's fit counts as converged.
    n_jobs : int, optional
        Outer folds fitted at the same time, one core each; as many as there are cores by default. Results do not
        depend on it.
    progress : callable
        Called once after each outer fold.

    Returns
    -------
    xarray.Dataset
        ``deviance (unit, trial)``: held out, summed over the trial's bins; ``penalty``, ``gap``, ``n_iter`` and
        ``converged (unit, fold)``; on request ``coef (fold, split, unit, slot)``, ``intercept (fold, split, unit)`` and
        ``slot_feature (unit, slot)``, split 0 being all training rows and split j + 1 those without inner fold j.
    """
    if columns is None:
        columns = columns_of(model, problem.design["group"].values)
    if base is not None:  # what the base has settled stays, see Model
        columns = np.setdiff1d(columns, base["slot_feature"].values)
    folds = range(problem.n_folds) if folds is None else folds
    curvature = gram_eigh(_prepare(problem, columns, folds[0]).matrix)

    def fit(k: int) -> tuple[NDArray, dict[str, NDArray], list[tuple[NDArray, NDArray]]]:
        fold = _prepare(problem, columns, k)
        solution, coefficients = _fit_fold(problem, columns, fold, base, k, curvature, keep_coefficients, tol)
        mean = _held_out_mean(problem, columns, coefficients[0], base, k, fold)
        trials = np.flatnonzero(problem.fold == k)
        return _deviance_by_trial(problem, mean, fold.test, trials), solution, coefficients

    held_out = np.full((problem.response.shape[1], problem.trial_ids.size), np.nan)
    solutions, kept = [], []
    for k, (deviances, solution, coefficients) in zip(folds, side_by_side(fit, folds, n_jobs), strict=True):
        held_out[:, problem.fold == k] = deviances
        solutions.append(solution)
        kept.append(coefficients)
        progress()
    result = _labelled(problem, held_out, solutions).assign_coords(fold=list(folds))
    if keep_coefficients:
        result = result.merge(_as_base(problem, columns, base, kept).assign_coords(fold=list(folds)))
    return result.assign_attrs(model=model.name, base=model.base)


def null_fit(problem: Problem) -> xr.Dataset:
    """Deviance of the mean of the held-out data themselves, the strictest constant.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.

    Returns
    -------
    xarray.Dataset
        ``deviance (unit, trial)``, and ``events (unit, trial)``: spikes, or observed bins of a trace.
    """
    n_unit, n_trial = problem.response.shape[1], problem.trial_ids.size
    held_out, events = np.zeros((n_unit, n_trial)), np.zeros((n_unit, n_trial))
    for k in range(problem.n_folds):
        trials = np.flatnonzero(problem.fold == k)
        rows = np.flatnonzero(problem.fold[problem.trial] == k)
        response = problem.response[rows].astype(np.float64)
        weight = np.ones_like(response) if problem.weight is None else problem.weight[rows].astype(np.float64)
        mean = (response * weight).sum(axis=0) / np.maximum(weight.sum(axis=0), 1)
        bins = deviance(response, np.broadcast_to(mean, response.shape), problem.family) * weight
        held_out[:, trials] = _sum_by_trial(bins, problem.trial[rows], trials)
        counted = weight if problem.family in ("gaussian", "gamma") else response * weight
        events[:, trials] = _sum_by_trial(counted, problem.trial[rows], trials)
    return _with_units(problem, {"deviance": held_out, "events": events})


def side_by_side(task: Callable[[int], Any], numbers: Sequence[int], n_jobs: int | None) -> Iterator[Any]:
    """Results of a task for each number, in order, computed by threads with one core each.

    Threads inside a matrix product wait for each other, on a busy machine for longer than they work; folds do not.
    """
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(n_jobs or os.cpu_count()) as pool:
        yield from pool.map(task, numbers)


def _prepare(problem: Problem, columns: NDArray, k: int) -> _Fold:
    """Cut out and standardise the training rows of an outer fold, one inner fold after the other."""
    fold_of_bin = problem.fold[problem.trial]
    keep = training_bins(problem.design["time"].values, fold_of_bin, k, gap=problem.gap)
    train, test = np.flatnonzero(keep), np.flatnonzero(fold_of_bin == k)
    inner = problem.inner_fold[k][problem.trial[train]]
    order = np.argsort(inner, kind="stable")  # long runs of rows are read where they lie
    train, inner = train[order], inner[order]
    raw = columns_on(problem.design, problem.spikes, columns, train)
    mean, spread = column_moments(raw)
    scale = _column_scale(spread, mean, problem.design["term"].values[columns])
    constant = np.isinf(scale)
    if problem.scaling == "maximum":
        scale = np.where(constant, np.inf, np.abs(column_ranges(raw)).max(axis=0))
    matrix = raw.standardised(mean, np.where(constant, 1, scale))
    weight = None if problem.weight is None else problem.weight[train].astype(np.float32)
    return _Fold(train, test, matrix, mean, scale, problem.response[train], weight, inner)


def _column_scale(spread: NDArray[np.float64], mean: NDArray[np.float64], term: NDArray) -> NDArray[np.float64]:
    """What each column is divided by: its spread, but never less than is typical (root mean square) of its term.

    A partner that spiked once in training has next to no spread. Measured in it, a burst on a held-out trial would be
    hundreds of units long, and its prediction astronomical.
    """
    scale = np.ones_like(spread)
    constant = spread <= 1e-6 * np.abs(mean)
    for name in np.unique(term):
        own = (term == name) & ~constant
        scale[own] = np.maximum(spread[own], np.sqrt((spread[own] ** 2).mean()) if own.any() else 1.0)
    scale[constant] = np.inf
    return scale


def _fit_fold(
    problem: Problem,
    columns: NDArray,
    fold: _Fold,
    base: xr.Dataset | None,
    k: int,
    curvature: Curvature,
    keep_inner: bool,
    tol: float,
) -> tuple[dict[str, NDArray], list[tuple[NDArray, NDArray]]]:
    """Choose the penalty and fit; coefficients in the units of the design, split by split."""
    allowed = problem.design["allowed"].values[:, columns]
    unit_scale = _response_scale(problem, fold)
    response = fold.response / unit_scale
    settings = {
        "family": problem.family,
        "l1_ratio": problem.l1_ratio,
        "allowed": allowed,
        "penalty_weight": None if problem.penalty_weight is None else problem.penalty_weight[columns],
        "curvature": curvature,
        "n_jobs": 1,
    }

    def offset(split: int) -> NDArray:
        return 0 * response if base is None else _base_predictor(problem, base, k, split, fold.train) / unit_scale

    choice = choose_penalty(
        fold.matrix,
        response,
        fold.inner,
        problem.penalties,
        sample_weight=fold.weight,
        offset=None if base is None else (lambda inner: offset(inner + 1)),
        **settings,
    )
    splits = range(1 + (problem.inner_fold.max() + 1 if keep_inner else 0))
    coefficients, fits = [], []
    for split in splits:
        rows = np.flatnonzero(fold.inner != split - 1)
        shift = offset(split)
        fit = fit_population(
            fold.matrix if split == 0 else fold.matrix.on(rows),
            response[rows],
            penalty=choice.penalty,
            sample_weight=None if fold.weight is None else fold.weight[rows],
            offset=shift[rows],
            init=None if split else choice.init,  # an inner solution must not have seen its inner fold
            tol=tol,
            **settings,
        )
        fits.append(fit)
        coef = fit.coef / fold.scale * unit_scale[:, None]
        coefficients.append((coef.astype(np.float32), fit.intercept * unit_scale - coef @ fold.mean))
    whole = fits[0]
    solution = {"penalty": choice.penalty, "gap": whole.gap, "n_iter": whole.n_iter, "converged": whole.converged}
    return solution, coefficients


def _response_scale(problem: Problem, fold: _Fold) -> NDArray[np.float32]:
    """Gaussian responses are fitted in units of their own spread, so that penalties mean the same for every unit."""
    if problem.family != "gaussian":
        return np.ones(fold.response.shape[1], dtype=np.float32)
    spread = fold.response.std(axis=0)
    return np.where(spread > 0, spread, 1).astype(np.float32)


def _held_out_mean(
    problem: Problem,
    columns: NDArray,
    solution: tuple[NDArray, NDArray],
    base: xr.Dataset | None,
    k: int,
    fold: _Fold,
) -> NDArray[np.float32]:
    """Predicted mean ``(row, unit)`` on the held-out rows, no larger than the largest on the training rows.

    An exponential has no ceiling, a neuron has: a partner's burst beyond anything in training would otherwise decide
    the unit's whole score by itself.
    """

    def mean(rows: NDArray) -> NDArray[np.float32]:
        known = None if base is None else _base_predictor(problem, base, k, 0, rows)
        matrix = columns_on(problem.design, problem.spikes, columns, rows)
        return predict_mean(matrix, *solution, family=problem.family, offset=known)

    if problem.family == "gaussian":
        return mean(fold.test)
    return np.minimum(mean(fold.test), mean(fold.train).max(axis=0))


def _base_predictor(problem: Problem, base: xr.Dataset, k: int, split: int, rows: NDArray) -> NDArray[np.float32]:
    """Linear predictor ``(row, unit)`` of the base model, from its few coefficients per unit."""
    matrix, feature = problem.design["matrix"].values, base["slot_feature"].values
    coef = base["coef"].values[k, split]
    shared = (feature == feature[:1]).all(axis=0) & (feature[0] >= 0)
    eta = matrix[np.ix_(rows, feature[0, shared])] @ coef[:, shared].T
    for slot in np.flatnonzero(~shared):
        eta += matrix[np.ix_(rows, np.maximum(feature[:, slot], 0))] * coef[:, slot]
    return eta + base["intercept"].values[k, split].astype(np.float32)


def _as_base(
    problem: Problem, columns: NDArray, base: xr.Dataset | None, kept: list[list[tuple[NDArray, NDArray]]]
) -> xr.Dataset:
    """The few coefficients per unit that other models start from, those of its own base included."""
    allowed = problem.design["allowed"].values[:, columns]
    n_slot = int(allowed.sum(axis=1).max())
    order = np.argsort(~allowed, axis=1, kind="stable")[:, :n_slot]
    present = np.take_along_axis(allowed, order, axis=1)
    feature = np.where(present, columns[order], -1)
    coef = np.array(
        [[np.where(present, np.take_along_axis(c, order, axis=1), 0) for c, _ in splits] for splits in kept]
    )
    intercept = np.array([[a for _, a in splits] for splits in kept])
    if base is not None:
        intercept = intercept + base["intercept"].values
        feature = np.concatenate([feature, base["slot_feature"].values], axis=1)
        coef = np.concatenate([coef, base["coef"].values], axis=-1)
    return xr.Dataset(
        {
            "coef": (("fold", "split", "unit", "slot"), coef.astype(np.float32)),
            "intercept": (("fold", "split", "unit"), intercept),
            "slot_feature": (("unit", "slot"), feature),
        }
    )


def _deviance_by_trial(problem: Problem, mean: NDArray, rows: NDArray, trials: NDArray) -> NDArray:
    bins = deviance(problem.response[rows], mean, problem.family)
    if problem.weight is not None:
        bins = bins * problem.weight[rows]
    return _sum_by_trial(bins, problem.trial[rows], trials)


def _sum_by_trial(bins: NDArray, trial: NDArray, trials: NDArray) -> NDArray:
    """Sum ``(row, unit)`` over the rows of each trial ``(unit, trial)``."""
    member = (trial[:, None] == trials).astype(np.float64)
    return bins.T @ member


def _labelled(problem: Problem, held_out: NDArray, solutions: list[dict[str, NDArray]]) -> xr.Dataset:
    result = _with_units(problem, {"deviance": held_out})
    for name in solutions[0]:
        result[name] = (("unit", "fold"), np.column_stack([solution[name] for solution in solutions]))
    return result


def _with_units(problem: Problem, by_trial: dict[str, NDArray]) -> xr.Dataset:
    return xr.Dataset(
        {name: (("unit", "trial"), values) for name, values in by_trial.items()},
        coords={
            "unit": problem.design["unit"].variable,
            "area": problem.design["area"].variable,
            "trial": problem.trial_ids,
        },
    )
