"""The penalty of every unit, chosen on folds of the training bins."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.curvature import Curvature, gram_eigh
from neurorec.glm.descent import Reached
from neurorec.glm.losses import mean_of
from neurorec.glm.population import check_penalties, constant_intercept, solve
from neurorec.glm.problem import Problem, build_problem, check_shapes
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
    X: ArrayLike,
    Y: ArrayLike,
    folds: ArrayLike,
    penalties: ArrayLike,
    *,
    family: str = "poisson",
    l1_ratio: float = 0.0,
    allowed: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | Callable[[int], ArrayLike] | None = None,
    curvature: Curvature | None = None,
    rule: str = "best",
    tol: float = 1e-4,
    max_iter: int = 200,
) -> PenaltyChoice:
    """Choose each unit's penalty by the deviance of held-out folds.

    Every fold in turn is held out, and the units are fitted to the others from the strongest penalty to the weakest,
    each from the fit before. A unit leaves a fold's path once its held-out deviance there has worsened:
    the weaker penalties beyond are the costly ones. Penalties that it did not reach in every fold cannot be chosen,
    which errs on the strong side.

    Parameters
    ----------
    X : array_like (time, feature)
        Design matrix.
    Y : array_like (time, unit)
        Responses.
    folds : array_like of int (time,)
        Which fold a bin belongs to, 0, 1, ...; -1 for bins that take part in nothing (they may hold anything). Folds
        should be whole trials with a gap between them: neighbouring bins know each other.
    penalties : array_like (penalty,)
        Strong to weak. ``inf``, no coefficients at all, may be among them.
    family, l1_ratio, allowed, sample_weight
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
    X, Y, weight, _ = check_shapes(X, Y, sample_weight, None)
    folds = _check_folds(folds, len(X), weight)
    if rule not in RULES:
        raise InputError("rule", expected=f"one of {', '.join(RULES)}", found=repr(rule), remedy="name a rule")
    if curvature is None:
        curvature = gram_eigh(X[folds >= 0])
    deviance, mass = [], []
    for fold in range(folds.max() + 1):
        known = offset(fold) if callable(offset) else offset
        data = _Data(X, Y, weight, None if known is None else np.asarray(known))
        train = data.at((folds >= 0) & (folds != fold))
        problem = build_problem(
            train.X, train.Y, family=family, allowed=allowed, sample_weight=train.weight, offset=train.offset
        )
        listed = check_penalties(np.asarray(penalties, dtype=np.float64).ravel(), len(problem.Y), family)
        held_out = _HeldOut(problem, len(listed), data.at(folds == fold))
        solve(
            problem,
            listed,
            l1_ratio=l1_ratio,
            curvature=curvature,
            init=None,
            tol=tol,
            max_iter=max_iter,
            reached=held_out.reached,
        )
        deviance.append(held_out.deviance)
        mass.append(held_out.mass)
    index = _choose(np.array(deviance), np.array(mass), rule)
    units = np.arange(index.size)
    return PenaltyChoice(
        penalty=listed[index, units],
        index=index,
        penalties=listed[:, 0],
        deviance=np.array(deviance),
        init=(problem.design.unpack(held_out.packed[index, units], units), held_out.intercept[index, units]),
    )


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

    X: NDArray
    Y: NDArray
    weight: NDArray | None
    offset: NDArray | None

    def at(self, bins: NDArray) -> "_Data":
        weight = None if self.weight is None else self.weight[bins]
        return _Data(self.X[bins], self.Y[bins], weight, None if self.offset is None else self.offset[bins])


class _HeldOut:
    """Scores the units on one held-out fold as they come down the path, and says who may go on."""

    def __init__(self, problem: Problem, n_stages: int, test: _Data) -> None:
        n_units = len(problem.Y)
        self._family, self._design = problem.family, problem.design.on(test.X)
        self._offset = None if test.offset is None else test.offset.T
        weight = np.ones((len(test.Y), 1)) if test.weight is None else test.weight
        self._weight = np.broadcast_to(weight, test.Y.shape).T
        self._Y = np.where(self._weight > 0, test.Y.T, 0)
        self.mass: NDArray = self._weight.sum(axis=1)
        self.packed = np.zeros((n_stages, n_units, problem.design.n_packed), dtype=problem.Y.dtype)
        self.intercept = np.tile(constant_intercept(problem), (n_stages, 1))
        self.deviance = np.full((n_stages, n_units), np.inf)
        still = np.flatnonzero(~(problem.null > 0))
        self.deviance[:, still] = self._score(self.packed[0, still], self.intercept[0, still], still)

    def reached(self, found: Reached) -> NDArray[np.bool_]:
        """Score units that have finished a penalty; False for those that have become worse."""
        at = found.stage, found.units
        self.packed[at], self.intercept[at] = found.packed, found.intercept
        self.deviance[at] = self._score(found.packed, found.intercept, found.units)
        before = self.deviance[np.maximum(found.stage - 1, 0), found.units]
        return ~(self.deviance[at] > before)

    def _score(self, packed: NDArray, intercept: NDArray, units: NDArray) -> NDArray[np.float64]:
        """Weighted mean held-out deviance of some units; NaN without a held-out bin."""
        out = np.full(units.size, np.nan)
        for low in range(0, units.size, ROWS):
            rows = slice(low, low + ROWS)
            some = units[rows]
            eta = self._design.forward(packed[rows], some).astype(np.float64) + intercept[rows, None]
            if self._offset is not None:
                eta += self._offset[some]
            lost = self._family.deviance(self._Y[some], mean_of(eta, self._family))
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
