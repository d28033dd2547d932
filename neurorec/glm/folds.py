"""The penalty of every unit, chosen on folds of the training bins."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.curvature import Curvature, gram_eigh
from neurorec.glm.descent import Reached
from neurorec.glm.designs import Design
from neurorec.glm.losses import mean_of, surprise
from neurorec.glm.penalty import Penalty, build_penalty
from neurorec.glm.population import check_penalties
from neurorec.glm.problem import Problem, build_problem, check_shapes
from neurorec.glm.solving import constant_intercept, solve
from neurorec.glm.team import Team
from neurorec.recording import InputError

RULES = ("best", "one_standard_error")
ROWS = 64  # units whose held-out deviance is computed at a time, in float64


class PenaltyChoice(NamedTuple):
    """The penalty chosen for every unit, and why."""

    penalty: NDArray  # (unit,)
    index: NDArray  # (unit,) its place among the penalties
    penalties: NDArray  # (penalty,)
    deviance: NDArray  # (fold, penalty, unit) held out, per bin; inf: not tried; NaN: no bin to fit or to test
    init: tuple[NDArray, NDArray]  # coef and intercept at the chosen penalty in the last fold: a warm start


def choose_penalty(
    X: "ArrayLike | Design",
    Y: ArrayLike,
    folds: ArrayLike,
    penalties: ArrayLike,
    *,
    family: str = "poisson",
    l1_ratio: float = 0.0,
    allowed: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | Callable[[int], ArrayLike] | None = None,
    penalty_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    smoothness: float = 0.0,
    curvature: Curvature | None = None,
    rule: str = "best",
    tol: float = 1e-4,
    max_iter: int = 200,
    n_jobs: int | None = None,
) -> PenaltyChoice:
    """Choose each unit's penalty by the deviance of held-out folds.

    Every fold in turn is held out, and the units are fitted to the others from the strongest penalty to the weakest,
    each from the fit before. A unit leaves a fold's path once its held-out deviance there has worsened:
    the weaker penalties beyond are the costly ones. Penalties that it did not reach in every fold cannot be chosen,
    which errs on the strong side.

    Parameters
    ----------
    X : array_like or Design (time, feature)
        Design matrix. Where folds are long runs of rows it is not copied.
    Y : array_like (time, unit)
        Responses.
    folds : array_like of int (time,)
        Which fold a bin belongs to, 0, 1, ...; -1 for bins that take part in nothing (they may hold anything). Folds
        should be whole trials with a gap between them: neighbouring bins know each other.
    penalties : array_like (penalty,)
        Strong to weak. ``inf``, no coefficients at all, may be among them.
    family, l1_ratio, allowed, sample_weight, penalty_weight, groups, smoothness, n_jobs
        As for :func:`fit_population`.
    offset : array_like (time, unit) or callable, optional
        Known part of the linear predictor. A callable is given the number of the fold held out and returns the
        array: needed where the offset was itself fitted, for it must not have seen the held-out bins.
    curvature : Curvature, optional
        From :func:`gram_eigh`.
    rule : {"best", "one_standard_error"}
        Smallest mean deviance; or the strongest penalty whose deviance exceeds that by no more than one standard
        error (over folds) of the excess.
    tol : float
        As for :func:`fit_population`; looser, since comparing penalties needs less.
    max_iter : int
        Passes per penalty.

    Returns
    -------
    PenaltyChoice
        Of ties the strongest.

    Raises
    ------
    InputError
        Where an argument cannot be used.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((600, 3))
    >>> Y = rng.poisson(np.exp(X @ [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    >>> choose_penalty(X, Y, np.arange(600) // 150, [np.inf, 0.1, 1e-3]).penalty.tolist()
    [0.001, inf]
    """
    design, Y, weight, _ = check_shapes(X, Y, sample_weight, None)
    folds = _check_folds(folds, len(Y), weight)
    if rule not in RULES:
        raise InputError("rule", expected=f"one of {', '.join(RULES)}", found=repr(rule), remedy="name a rule")
    if curvature is None:
        curvature = gram_eigh(design.on(np.flatnonzero(folds >= 0)))
    pressed = build_penalty(
        design.shape[1], l1_ratio=l1_ratio, penalty_weight=penalty_weight, groups=groups, smoothness=smoothness
    )
    listed = check_penalties(np.asarray(penalties, dtype=np.float64).ravel(), Y.shape[1], family)
    deviance, mass = [], []
    with Team(n_jobs) as team:
        for fold in range(folds.max() + 1):
            known = offset(fold) if callable(offset) else offset
            data = _Data(design, Y, weight, None if known is None else np.asarray(known))
            held_out = _fit_without(data, folds, fold, listed, family, pressed, allowed, curvature, tol, max_iter, team)
            deviance.append(held_out.deviance)
            mass.append(held_out.mass)
    index = _choose(np.array(deviance), np.array(mass), rule)
    units = np.arange(index.size)
    return PenaltyChoice(
        penalty=listed[index, units],
        index=index,
        penalties=listed[:, 0],
        deviance=np.array(deviance),
        init=held_out.solution(index),
    )


def _fit_without(
    data: "_Data",
    folds: NDArray,
    fold: int,
    penalties: NDArray,
    family: str,
    penalty: Penalty,
    allowed: ArrayLike | None,
    curvature: Curvature,
    tol: float,
    max_iter: int,
    team: Team,
) -> "_HeldOut":
    """Fit the units to the other folds along the path, scoring them on this one."""
    train = data.at(np.flatnonzero((folds >= 0) & (folds != fold)))
    problem = build_problem(
        train.X,
        train.Y,
        family=family,
        penalty=penalty,
        allowed=allowed,
        sample_weight=train.weight,
        offset=train.offset,
        team=team,
    )
    held_out = _HeldOut(problem, len(penalties), data.at(np.flatnonzero(folds == fold)), team)
    solve(problem, penalties, curvature=curvature, tol=tol, max_iter=max_iter, reached=held_out.reached, team=team)
    return held_out


def _check_folds(folds: ArrayLike, n_times: int, weight: NDArray | None) -> NDArray[np.intp]:
    """The folds, with bins of weight 0 for every unit left out."""
    folds = np.asarray(folds)
    present = np.unique(folds[folds >= 0]) if folds.dtype.kind in "iu" else np.empty(0)
    if folds.shape != (n_times,) or present.size < 2 or present[-1] != present.size - 1:
        raise InputError(
            "folds",
            expected=f"integers 0, 1, ... for {n_times} bins, at least two folds, -1 for bins left out",
            found=f"{folds.dtype} {folds.shape} with folds {present.tolist()[:9]}",
            remedy="number the folds from 0 without gaps",
        )
    used = True if weight is None else (weight > 0).any(axis=1)
    return np.where(used, folds, -1)


class _Data(NamedTuple):
    """What belongs to bins."""

    X: Design
    Y: NDArray
    weight: NDArray | None
    offset: NDArray | None

    def at(self, bins: NDArray) -> "_Data":
        weight = None if self.weight is None else self.weight[bins]
        return _Data(self.X.on(bins), self.Y[bins], weight, None if self.offset is None else self.offset[bins])


class _HeldOut:
    """Scores the units on one held-out fold as they come down the path, and says who may go on."""

    def __init__(self, problem: Problem, n_stages: int, test: _Data, team: Team) -> None:
        self._problem, self._team = problem, team
        self._design = problem.design.on(problem.penalty.design(test.X))
        self._offset = None if test.offset is None else test.offset.T
        weight = np.ones((len(test.Y), 1)) if test.weight is None else test.weight
        self._weight = np.broadcast_to(weight, test.Y.shape).T
        self._Y = np.where(self._weight > 0, test.Y.T, 1).astype(problem.design.dtype)
        self.mass: NDArray = self._weight.sum(axis=1, dtype=np.float64)
        n_units = problem.n_units
        self._packed: list[dict[int, NDArray]] = [{} for _ in range(n_units)]  # by stage, of those that may be chosen
        self._intercept = np.tile(constant_intercept(problem), (n_stages, 1))
        self.deviance = np.full((n_stages, n_units), np.inf)
        still = np.flatnonzero(~(problem.null > 0))
        nothing = np.zeros((still.size, problem.design.n_packed), dtype=problem.design.dtype)
        self.deviance[:, still] = self._score(nothing, self._intercept[0, still], still, problem.dispersion[still])

    def reached(self, found: Reached) -> NDArray[np.bool_]:
        """Score units that have finished a penalty; False for those that have become worse."""
        at = found.stage, found.units
        for row, unit in enumerate(found.units):
            self._packed[unit][int(found.stage[row])] = found.packed[row].copy()
        self._intercept[at] = found.intercept
        self.deviance[at] = self._score(found.packed, found.intercept, found.units, found.dispersion)
        before = self.deviance[np.maximum(found.stage - 1, 0), found.units]
        return ~(self.deviance[at] > before)

    def solution(self, index: NDArray) -> tuple[NDArray, NDArray]:
        """Coefficients ``(unit, feature)`` and intercepts of the units at their stages."""
        design, units = self._problem.design, np.arange(index.size)
        packed = np.zeros((index.size, design.n_packed), dtype=design.dtype)
        for unit, stage in enumerate(index):
            packed[unit] = self._packed[unit].get(int(stage), 0)
        return self._problem.penalty.outer(design.unpack(packed, units)), self._intercept[index, units]

    def _score(self, packed: NDArray, intercept: NDArray, units: NDArray, dispersion: NDArray) -> NDArray[np.float64]:
        """Weighted mean held-out deviance of some units; NaN without a held-out bin."""
        out, family = np.full(units.size, np.nan), self._problem.family
        for low in range(0, units.size, ROWS):
            rows = slice(low, low + ROWS)
            some = units[rows]
            image = np.empty((some.size, self._Y.shape[1]), dtype=self._Y.dtype)
            self._design.forward(packed[rows], some, image, self._team)
            eta = image.astype(np.float64) + intercept[rows, None]
            if self._offset is not None:
                eta += self._offset[some]
            lost = surprise(self._Y[some], mean_of(eta, family), family, dispersion[rows, None])
            lost = np.where(self._weight[some] > 0, self._weight[some] * lost, 0).sum(axis=1)
            np.divide(lost, self.mass[some], out=out[rows], where=self.mass[some] > 0)
        return out


def _choose(deviance: NDArray, mass: NDArray, rule: str) -> NDArray[np.intp]:
    """Place of each unit's penalty, from deviances (fold, penalty, unit) and held-out weight (fold, unit)."""
    defined = np.logical_not(np.isnan(deviance).any(axis=1))
    share = np.where(defined, mass, 0)
    share = share / np.maximum(share.sum(axis=0), np.finfo(float).tiny)
    filled = np.where(defined[:, None], deviance, 0)
    pooled = np.where(np.isinf(filled), np.inf, filled * share[:, None]).sum(axis=0)
    best = pooled.argmin(axis=0)
    if rule == "best":
        return best
    units = np.arange(best.size)
    excess: NDArray = filled - filled[:, best, units][:, None]
    excess[~np.isfinite(excess)] = 0  # never chosen: their pooled deviance is infinite
    n_folds = np.maximum(defined.sum(axis=0), 2)
    error = np.std(excess, axis=0) / np.sqrt(n_folds - 1)
    return (pooled - pooled[best, units] <= error).argmax(axis=0)
