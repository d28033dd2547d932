"""One fit, many units: the population GLM on arrays, at one penalty or along a path of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.curvature import Curvature, Preconditioner
from neurorec.glm.descent import Listener, Reached, descend
from neurorec.glm.elastic_net import ElasticNetRule
from neurorec.glm.line_search import centre_intercept
from neurorec.glm.losses import family_of, mean_of
from neurorec.glm.problem import Problem, build_problem
from neurorec.glm.ridge import RidgeRule
from neurorec.glm.status import Status
from neurorec.recording import InputError


class PopulationFit(NamedTuple):
    """The minimum for every unit. Along a path every array has one more axis, ``penalty``, in front."""

    coef: NDArray  # (unit, feature), exactly 0 where not allowed, in the type of X
    intercept: NDArray  # (unit,)
    gap: NDArray  # (unit,) distance from the minimum, as a fraction of the null half-deviance
    n_iter: NDArray  # (unit,) passes over the data
    status: NDArray  # (unit,) see Status

    @property
    def converged(self) -> NDArray[np.bool_]:
        """True where the gap is within the tolerance, or a constant unit left nothing to fit."""
        return (self.status == Status.CONVERGED) | (self.status == Status.CONSTANT)


def fit_population(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    family: str = "poisson",
    penalty: ArrayLike = 1e-3,
    l1_ratio: float = 0.0,
    allowed: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    curvature: Curvature | None = None,
    init: tuple[ArrayLike, ArrayLike] | None = None,
    tol: float = 1e-6,
    max_iter: int = 200,
) -> PopulationFit:
    r"""Fit a GLM to every unit of a population at once, on one shared design matrix.

    For each unit the minimum over intercept and coefficients b of

        mean_t w_t loss(y_t, eta_t) + penalty (l1_ratio |b|_1 + (1 - l1_ratio) / 2 |b|_2^2),
        eta_t = intercept + offset_t + x_t b,

    with a weighted mean, a free intercept and half the deviance as loss (up to a constant).

    Parameters
    ----------
    X : array_like (time, feature)
        Design, best z-scored. All work is done in its type: float32 is about twice as fast, reaches gaps near 1e-7 and
        is enough to have deviance explained right to 1e-6.
    Y : array_like (time, unit)
        Responses per bin.
    family : {"poisson", "bernoulli", "gaussian"}
        Distribution, with its canonical link: log, logit, identity.
    penalty : float or array_like (unit,)
        Per bin, in units of the loss. Positive (0 is allowed for gaussian): an unpenalised unit with few events would
        run off to infinity. ``inf`` leaves intercept and offset alone.
    l1_ratio : float
        0 is ridge, 1 is lasso.
    allowed : array_like of bool (unit, feature), optional
        False where a coefficient must be 0. Columns allowed for few units cost only those units.
    sample_weight : array_like (time,) or (time, unit), optional
        Non-negative. Bins of weight 0 for every unit may hold anything, also in X.
    offset : array_like (time, unit), optional
        Known part of eta.
    curvature : Curvature, optional
        From :func:`gram_eigh`, to save work over many fits on the same columns. The answer does not depend on it.
    init : (coef (unit, feature), intercept (unit,)), optional
        First guess, for instance from a neighbouring fit. The intercept is found anyway.
    tol : float
        Largest gap to the minimum, as a fraction of the unit's null half-deviance: the error in deviance explained.
    max_iter : int
        Passes over the data per unit.

    Returns
    -------
    PopulationFit
        Coefficients, intercepts, and for every unit how the fit ended. A unit whose responses do not vary gets
        coefficients 0 and the intercept of its mean (at least 1e-9); one without a bin of positive weight an
        intercept of NaN.

    Raises
    ------
    InputError
        Where shapes disagree, values are missing or outside the family's range, or the penalty is not positive.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((2000, 3))
    >>> Y = rng.poisson(np.exp(X @ [[0.5, 0.0], [0.0, -0.5], [0.0, 0.0]]))
    >>> fit = fit_population(X, Y, penalty=1e-3)
    >>> (fit.coef.round(1) + 0.0).tolist()
    [[0.5, 0.0, 0.0], [0.0, -0.5, 0.0]]
    >>> bool(fit.converged.all())
    True
    """
    problem = build_problem(X, Y, family=family, allowed=allowed, sample_weight=sample_weight, offset=offset)
    penalties = check_penalties(np.asarray(penalty, dtype=np.float64)[None], len(problem.Y), family)
    path = solve_path(problem, penalties, l1_ratio=l1_ratio, curvature=curvature, init=init, tol=tol, max_iter=max_iter)
    return PopulationFit(*(part[0] for part in path))


def penalty_path(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    penalties: ArrayLike,
    family: str = "poisson",
    l1_ratio: float = 0.0,
    allowed: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    curvature: Curvature | None = None,
    init: tuple[ArrayLike, ArrayLike] | None = None,
    tol: float = 1e-6,
    max_iter: int = 200,
) -> PopulationFit:
    """Fit every unit at several penalties, each from the one before.

    Parameters
    ----------
    penalties : array_like (penalty,) or (penalty, unit)
        Strong to weak; the first may be ``inf``.
    X, Y, family, l1_ratio, allowed, sample_weight, offset, curvature, init, tol, max_iter
        As for :func:`fit_population`; ``max_iter`` is per penalty.

    Returns
    -------
    PopulationFit
        With a leading axis ``penalty`` on every array. The answers are those of separate fits.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((500, 3))
    >>> Y = rng.poisson(np.exp(X @ [[0.5], [0.0], [0.0]] - 1))
    >>> path = penalty_path(X, Y, penalties=[np.inf, 1.0, 0.01])
    >>> path.coef[:, 0, 0].round(1)
    array([0. , 0.1, 0.5])
    """
    problem = build_problem(X, Y, family=family, allowed=allowed, sample_weight=sample_weight, offset=offset)
    checked = check_penalties(np.asarray(penalties, dtype=np.float64), len(problem.Y), family)
    return solve_path(problem, checked, l1_ratio=l1_ratio, curvature=curvature, init=init, tol=tol, max_iter=max_iter)


def solve_path(
    problem: Problem,
    penalties: NDArray,
    *,
    l1_ratio: float,
    curvature: Curvature | None,
    init: tuple[ArrayLike, ArrayLike] | None = None,
    tol: float,
    max_iter: int,
) -> PopulationFit:
    """Fit a checked problem at penalties ``(penalty, unit)`` and keep all answers."""
    n_stages, n_units = penalties.shape
    kept = PopulationFit(
        coef=np.zeros((n_stages, n_units, problem.design.n_features), dtype=problem.Y.dtype),
        intercept=np.tile(constant_intercept(problem), (n_stages, 1)),
        gap=np.where(np.isnan(problem.mean), np.nan, np.zeros((n_stages, 1))),
        n_iter=np.zeros((n_stages, n_units), dtype=np.intp),
        status=np.tile(np.where(np.isnan(problem.mean), Status.UNOBSERVED, Status.CONSTANT), (n_stages, 1)),
    )

    def keep(found: Reached) -> None:
        at = found.stage, found.units
        kept.coef[at] = problem.design.unpack(found.packed, found.units)
        kept.intercept[at], kept.gap[at] = found.intercept, found.gap
        kept.n_iter[at], kept.status[at] = found.n_iter, found.status

    solve(
        problem, penalties, l1_ratio=l1_ratio, curvature=curvature, init=init, tol=tol, max_iter=max_iter, reached=keep
    )
    return kept


def solve(
    problem: Problem,
    penalties: NDArray,
    *,
    l1_ratio: float,
    curvature: Curvature | None,
    init: tuple[ArrayLike, ArrayLike] | None,
    tol: float,
    max_iter: int,
    reached: Listener,
) -> None:
    """Fit the units that vary at each of their penalties, telling ``reached`` of every answer."""
    design, units = problem.design, np.flatnonzero(problem.null > 0)
    start = np.zeros((len(problem.Y), design.n_packed), dtype=problem.Y.dtype)
    if init is not None:
        coef = np.asarray(init[0], dtype=problem.Y.dtype)
        if coef.shape != (len(problem.Y), design.n_features) or not np.isfinite(coef).all():
            raise InputError(
                "init",
                expected=f"finite coefficients {(len(problem.Y), design.n_features)}",
                found=str(coef.shape),
                remedy="give (coef, intercept) of an earlier fit",
            )
        start = design.pack(coef)
    preconditioner = Preconditioner(design, curvature, curvature_scale(problem))
    rule = RidgeRule(preconditioner)
    if l1_ratio > 0:
        rule = ElasticNetRule(preconditioner, l1_ratio, unexplained(problem))
    descend(problem, penalties, rule, units=units, start=start, tol=tol, max_iter=max_iter, reached=reached)


def curvature_scale(problem: Problem) -> NDArray:
    """Mean second derivative of the loss at the null model, ``(unit,)``; 0 for units without one."""
    mean = np.nan_to_num(problem.mean)
    if problem.family.name == "gaussian":
        return np.ones_like(mean)
    return np.array(problem.family.weight(mean))


def unexplained(problem: Problem) -> NDArray[np.float64]:
    """Mean half-deviance with no coefficients, from offset and intercept alone, ``(unit,)``."""
    if problem.offset is None:
        return problem.null
    eta = problem.offset.copy()
    centre_intercept(problem.family, eta, problem.Y, problem.W)
    mu = mean_of(eta, problem.family)
    lost = np.empty(len(mu))
    for unit, (y, m) in enumerate(zip(problem.Y, mu, strict=True)):  # a float64 copy of all would be large
        weight = 1.0 if problem.W is None else problem.W[min(unit, len(problem.W) - 1)]
        lost[unit] = 0.5 * np.mean(weight * problem.family.deviance(y.astype(np.float64), m.astype(np.float64)))
    return lost


def constant_intercept(problem: Problem) -> NDArray[np.float64]:
    """Intercept of units whose responses do not vary, ``(unit,)``: the link of the mean, less the mean offset."""
    intercept = np.array(problem.family.link(problem.mean), dtype=np.float64)
    if problem.offset is not None:
        weight = 1.0 if problem.W is None else problem.W
        intercept -= (weight * problem.offset).mean(axis=1, dtype=np.float64)
    return intercept


def check_penalties(penalties: NDArray, n_units: int, family: str) -> NDArray:
    """As (penalty, unit), each unit's own from strong to weak."""
    kind = family_of(family).name
    if penalties.ndim == 1:
        penalties = penalties[:, None]
    if penalties.ndim != 2 or not len(penalties) or penalties.shape[1] not in (1, n_units):
        raise InputError(
            "penalty", expected=f"one, or one per unit ({n_units})", found=str(penalties.shape[1:]), remedy="match Y"
        )
    if not (penalties >= 0).all() or (kind != "gaussian" and (penalties == 0).any()):
        raise InputError(
            "penalty",
            expected="a positive number" if kind != "gaussian" else "a number >= 0",
            found=f"{penalties.min():g}",
            remedy="an unpenalised unit with few events has no finite fit: try 1e-4",
        )
    if (np.diff(penalties, axis=0) > 0).any():
        raise InputError("penalties", expected="strong to weak", found="a rise", remedy="sort them, largest first")
    return np.broadcast_to(penalties, (len(penalties), n_units))
