"""From a checked problem to the descent that solves it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.curvature import Curvature, Preconditioner, image_reach
from neurorec.glm.descent import Listener, descend
from neurorec.glm.elastic_net import ElasticNetRule
from neurorec.glm.kernels.search import search_rows
from neurorec.glm.losses import FAMILIES
from neurorec.glm.problem import Problem
from neurorec.glm.ridge import RidgeRule
from neurorec.glm.standing import Rule
from neurorec.glm.team import Team
from neurorec.recording import InputError

ROWS = 64  # units whose gradient without coefficients is taken at a time


def solve(
    problem: Problem,
    penalties: NDArray,
    *,
    curvature: Curvature | None,
    init: tuple[ArrayLike, ArrayLike] | None = None,
    tol: float,
    max_iter: int,
    reached: Listener,
    team: Team,
) -> None:
    """Fit the units that vary at each of their penalties ``(penalty, unit)``, telling ``reached`` of every answer."""
    units = np.flatnonzero(problem.null > 0)
    if (penalties == 0).any():
        curvature = _least_squares(problem)
    preconditioner = Preconditioner(
        problem.design,
        curvature,
        curvature_scale(problem),
        problem.penalty.matrix,
        problem.source,
        whole=problem.family.name == "gaussian" and problem.penalty.l1_ratio == 0,
        team=team,
    )
    reach = image_reach(problem.design.common_design) if preconditioner.exact else None
    rule: Rule = RidgeRule(preconditioner, reach, tol * problem.null)
    if problem.penalty.l1_ratio > 0:
        rule = ElasticNetRule(
            preconditioner,
            problem.penalty.l1_ratio,
            unexplained(problem, team),
            weight=packed_weight(problem),
            groups=packed_groups(problem),
            reach=reach,
            goal=tol * problem.null,
        )
    start = None if init is None else _start(problem, init)
    descend(problem, penalties, rule, units=units, start=start, tol=tol, max_iter=max_iter, reached=reached, team=team)


def _least_squares(problem: Problem) -> Curvature:
    """The Gram matrix that least squares without a penalty have for their Hessian, which alone bounds their gap."""
    weight, design = problem.weight, problem.design
    if design.private.shape[1] or (weight is not None and weight.shape[1] > 1):
        raise InputError(
            "penalty",
            expected="a positive number where units differ in their columns or weights",
            found="0",
            remedy="a penalty of 1e-9 is next to none",
        )
    return Curvature(problem.source, None if weight is None else weight[:, 0] / weight.sum())


def _start(problem: Problem, init: tuple[ArrayLike, ArrayLike]) -> NDArray:
    coef = np.asarray(init[0], dtype=problem.design.dtype)
    if coef.shape != (problem.n_units, problem.design.n_features) or not np.isfinite(coef).all():
        raise InputError(
            "init",
            expected=f"finite coefficients {(problem.n_units, problem.design.n_features)}",
            found=str(coef.shape),
            remedy="give (coef, intercept) of an earlier fit",
        )
    return problem.design.pack(problem.penalty.inner(coef))


def packed_weight(problem: Problem) -> NDArray | None:
    """Weights of the absolute values ``(unit, packed)``."""
    weight, design = problem.penalty.weight, problem.design
    if weight is None:
        return None
    private = np.where(design.private >= 0, weight[np.maximum(design.private, 0)], 1.0)
    return np.concatenate([np.tile(weight[design.common], (problem.n_units, 1)), private], axis=1)


def packed_groups(problem: Problem) -> NDArray | None:
    """Groups of packed columns ``(packed,)``; a unit's private columns are grouped as those of the first unit with all.

    Raises
    ------
    InputError
        Where the private columns of units are grouped differently.
    """
    groups, design = problem.penalty.groups, problem.design
    if groups is None:
        return None
    private = np.where(design.private >= 0, groups[np.maximum(design.private, 0)], -1)
    shape = np.array([np.unique(row, return_inverse=True)[1] for row in private]) if private.size else private
    if len(np.unique(shape, axis=0)) > 1:
        raise InputError(
            "groups",
            expected="columns that belong to one unit only grouped alike for all units",
            found="groups of different sizes",
            remedy="give every unit's own columns as many groups of one size",
        )
    own = private[:1].ravel()
    return np.concatenate([groups[design.common], np.where(own >= 0, own + groups.max() + 1, -1)])


def curvature_scale(problem: Problem) -> NDArray:
    """Mean second derivative of the loss at the null model, ``(unit,)``; 0 for units without one."""
    return np.array(problem.family.bend(np.nan_to_num(problem.mean), np.nan_to_num(problem.dispersion)), dtype=float)


def _without_coefficients(problem: Problem, units: NDArray, team: Team) -> tuple[NDArray, NDArray]:
    """Linear predictors of offset and intercept alone, and the weighted residuals there, ``(row, time)`` each."""
    offset, Y = problem.offsets(units), problem.responses(units)
    E = np.zeros(Y.shape, dtype=problem.design.dtype) if offset is None else offset
    D, n = np.zeros_like(E), units.size
    args = (problem.family.code, E, D, Y, problem.weights(units), problem.dispersion[units])
    slope, fresh, out = np.zeros((4, n)), np.ones(n, dtype=bool), np.empty((5, n))
    team.over(n, lambda low, high: search_rows(*args, slope, fresh, low, high, out))
    return E, D


def unexplained(problem: Problem, team: Team) -> NDArray[np.float64]:
    """Mean half-deviance with no coefficients, from offset and intercept alone, ``(unit,)``.

    Of negative binomial units, whose dispersion is not known yet, that at dispersion 0, which is the largest.
    """
    lost, family = problem.null.copy(), problem.family
    unknown = family.name == "negative_binomial"
    if problem.offset is None and not unknown:
        return problem.null
    deviance = FAMILIES["poisson"].deviance if unknown else family.deviance
    varying = np.flatnonzero(problem.null > 0)
    for low in range(0, varying.size, ROWS):
        units = varying[low : low + ROWS]
        E, _ = _without_coefficients(problem, units, team)
        Y, W = problem.responses(units), problem.weights(units)
        for row, unit in enumerate(units):
            y, mu = Y[row].astype(np.float64), family.mean(E[row].astype(np.float64))
            weight = 1.0 if not W.size else W[min(row, len(W) - 1)]
            lost[unit] = 0.5 * np.mean(weight * deviance(y, mu, problem.dispersion[unit]))
    return lost


def strongest_penalties(problem: Problem, l1_ratio: float, team: Team) -> NDArray[np.float64]:
    """The weakest penalty of every unit at which it has no coefficients, ``(unit,)``; 1 where nothing varies."""
    strongest = np.ones(problem.n_units)
    weight, groups = packed_weight(problem), packed_groups(problem)
    varying = np.flatnonzero(problem.null > 0)
    for low in range(0, varying.size, ROWS):
        units = varying[low : low + ROWS]
        _, D = _without_coefficients(problem, units, team)
        pull = np.abs(problem.design.adjoint(D, units, team)).astype(np.float64) / problem.design.n_times
        if groups is not None:
            member = groups >= 0
            square = np.zeros((units.size, groups.max(initial=0) + 1))
            np.add.at(square.T, groups[member], (pull[:, member] ** 2).T)
            pull[:, member] = np.sqrt(square)[:, groups[member]]
        if weight is not None:
            pull /= weight[units]
        strongest[units] = np.maximum(pull.max(axis=1, initial=0), np.finfo(float).tiny) / l1_ratio
    return strongest


def constant_intercept(problem: Problem) -> NDArray[np.float64]:
    """Intercept of units whose responses do not vary, ``(unit,)``: the link of the mean, less the mean offset."""
    intercept = np.array(problem.family.link(problem.mean), dtype=np.float64)
    still = np.flatnonzero(~(problem.null > 0) & ~np.isnan(problem.mean))
    for unit in still if problem.offset is not None else ():
        offset, weight = problem.offsets(np.array([unit])), problem.weights(np.array([unit]))
        known = np.zeros(1) if offset is None else offset[0].astype(np.float64)
        intercept[unit] -= np.mean(known * (weight[0] if weight.size else 1.0))
    return intercept
