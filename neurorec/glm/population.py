"""One fit, many units: the population GLM on arrays, at one penalty or along a path of them."""

from typing import NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.curvature import Curvature
from neurorec.glm.descent import Reached
from neurorec.glm.designs import Design, as_design
from neurorec.glm.losses import family_of
from neurorec.glm.penalty import build_penalty
from neurorec.glm.problem import Problem, build_problem
from neurorec.glm.solving import constant_intercept, solve, strongest_penalties
from neurorec.glm.status import Status
from neurorec.glm.team import Team
from neurorec.recording import InputError

WEAKEST = 1e-2  # of the penalties of a path, as a share of the strongest
LEAST_L1 = 1e-3  # for ridge no penalty is strong enough: a path begins where it would at this l1_ratio


class PopulationFit(NamedTuple):
    """The minimum for every unit."""

    coef: NDArray  # (unit, feature), exactly 0 where not allowed, in the type of X
    intercept: NDArray  # (unit,)
    gap: NDArray  # (unit,) distance from the minimum, as a fraction of the null half-deviance
    n_iter: NDArray  # (unit,) passes over the data
    status: NDArray  # (unit,) see Status
    dispersion: NDArray  # (unit,) of negative binomial units, NaN for other families

    @property
    def converged(self) -> NDArray[np.bool_]:
        """True where the gap is within the tolerance, or a constant unit left nothing to fit."""
        return (self.status == Status.CONVERGED) | (self.status == Status.CONSTANT)


class PopulationPath(NamedTuple):
    """The minimum for every unit at every penalty."""

    coef: "NDArray | list[scipy.sparse.csr_array]"  # (penalty, unit, feature); with an l1 part one (unit, feature) each
    intercept: NDArray  # (penalty, unit), and so for all others
    gap: NDArray
    n_iter: NDArray
    status: NDArray
    dispersion: NDArray
    penalties: NDArray

    @property
    def converged(self) -> NDArray[np.bool_]:
        """As in `PopulationFit`, ``(penalty, unit)``."""
        return (self.status == Status.CONVERGED) | (self.status == Status.CONSTANT)


def fit_population(
    X: "ArrayLike | Design",
    Y: ArrayLike,
    *,
    family: str = "poisson",
    penalty: ArrayLike = 1e-3,
    l1_ratio: float = 0.0,
    allowed: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    penalty_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    smoothness: float = 0.0,
    curvature: Curvature | None = None,
    init: tuple[ArrayLike, ArrayLike] | None = None,
    tol: float = 1e-6,
    max_iter: int = 200,
    n_jobs: int | None = None,
) -> PopulationFit:
    r"""Fit a GLM to every unit of a population at once, on one shared design matrix.

    For each unit the minimum over intercept and coefficients b of

        mean_t w_t loss(y_t, eta_t) + penalty sum_j a_j (l1_ratio |b_j| + (1 - l1_ratio) / 2 b_j^2),
        eta_t = intercept + offset_t + x_t b,

    with a weighted mean, a free intercept and half the deviance as loss (up to a constant). With groups, the absolute
    values of a group become sqrt(size) |b_group|_2 (group lasso); with smoothness, the squares gain smoothness / 2
    times the squared second differences along each group.

    Parameters
    ----------
    X : array_like or Design (time, feature)
        Design, best z-scored. All work is done in its type: float32 is about twice as fast, reaches gaps near 1e-7 and
        is enough to have deviance explained right to 1e-6. A memory-mapped file, or a dask, zarr or h5py array, is
        read block by block and may be larger than memory; a `LaggedDesign` is never made at all.
    Y : array_like (time, unit)
        Responses per bin.
    family : {"poisson", "bernoulli", "gaussian", "gamma", "negative_binomial"}
        Distribution, with its link: log, logit, identity, log, log. Gamma is for positive traces. The dispersion of
        negative binomial counts (variance = mean + dispersion mean^2) is estimated with each unit's coefficients.
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
    penalty_weight : array_like (feature,), optional
        a_j > 0, so that some columns are penalised more than others; 1 by default.
    groups : array_like of int (feature,), optional
        Columns of one source share a number; -1 is a column on its own.
    smoothness : float
        Of the coefficients along each group; ridge only.
    curvature : Curvature, optional
        From :func:`gram_eigh`, to save work over many fits on the same columns. The answer does not depend on it.
    init : (coef (unit, feature), intercept (unit,)), optional
        First guess, for instance from a neighbouring fit. The intercept is found anyway.
    tol : float
        Largest gap to the minimum, as a fraction of the unit's null half-deviance: the error in deviance explained.
    max_iter : int
        Passes over the data per unit.
    n_jobs : int, optional
        Threads, all cores by default. Results may differ by rounding.

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
    path = penalty_path(
        X,
        Y,
        penalties=np.asarray(penalty, dtype=np.float64)[None],
        family=family,
        l1_ratio=l1_ratio,
        allowed=allowed,
        sample_weight=sample_weight,
        offset=offset,
        penalty_weight=penalty_weight,
        groups=groups,
        smoothness=smoothness,
        curvature=curvature,
        init=init,
        tol=tol,
        max_iter=max_iter,
        n_jobs=n_jobs,
    )
    coef = path.coef[0]
    rest = (part[0] for part in path[1:-1])
    return PopulationFit(coef if isinstance(coef, np.ndarray) else coef.toarray(), *rest)


def penalty_path(
    X: "ArrayLike | Design",
    Y: ArrayLike,
    *,
    penalties: ArrayLike | None = None,
    n_penalties: int = 30,
    family: str = "poisson",
    l1_ratio: float = 0.0,
    allowed: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    penalty_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    smoothness: float = 0.0,
    curvature: Curvature | None = None,
    init: tuple[ArrayLike, ArrayLike] | None = None,
    tol: float = 1e-6,
    max_iter: int = 200,
    n_jobs: int | None = None,
) -> PopulationPath:
    """Fit every unit at several penalties, each from the one before.

    Parameters
    ----------
    penalties : array_like (penalty,) or (penalty, unit), optional
        Strong to weak; the first may be ``inf``.
    n_penalties : int
        Where none are given: so many for each unit, evenly spaced in their logarithm from the weakest one that leaves
        no coefficient (for ridge, which has none: as if l1_ratio were 1e-3) to a hundredth of it.
    X, Y, family, l1_ratio, allowed, sample_weight, offset, penalty_weight, groups, smoothness, curvature, init
        As for :func:`fit_population`.
    tol, max_iter, n_jobs
        As for :func:`fit_population`; ``max_iter`` is per penalty.

    Returns
    -------
    PopulationPath
        The answers are those of separate fits.

    Raises
    ------
    InputError
        As :func:`fit_population`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((500, 3))
    >>> Y = rng.poisson(np.exp(X @ [[0.5], [0.0], [0.0]] - 1))
    >>> path = penalty_path(X, Y, penalties=[np.inf, 1.0, 0.01])
    >>> path.coef[:, 0, 0].round(1)
    array([0. , 0.1, 0.5])
    >>> lasso = penalty_path(X, Y, n_penalties=3, l1_ratio=1.0)
    >>> [coef.nnz for coef in lasso.coef]
    [0, 1, 3]
    """
    design = as_design(X)
    pressed = build_penalty(
        design.shape[1],
        l1_ratio=l1_ratio,
        penalty_weight=penalty_weight,
        groups=groups,
        smoothness=smoothness,
    )
    with Team(n_jobs) as team:
        problem = build_problem(
            design,
            Y,
            family=family,
            penalty=pressed,
            allowed=allowed,
            sample_weight=sample_weight,
            offset=offset,
            team=team,
        )
        if penalties is None:
            if n_penalties < 1:
                raise InputError("n_penalties", expected="1 or more", found=f"{n_penalties}", remedy="30 is usual")
            strongest = strongest_penalties(problem, max(l1_ratio, LEAST_L1), team)
            penalties = strongest * np.geomspace(1, WEAKEST, n_penalties)[:, None]
        checked = check_penalties(np.asarray(penalties, dtype=np.float64), problem.n_units, family)
        kept = _Kept(problem, checked)
        solve(
            problem, checked, curvature=curvature, init=init, tol=tol, max_iter=max_iter, reached=kept.keep, team=team
        )
    return kept.path()


class _Kept:
    """Answers as they come in."""

    def __init__(self, problem: Problem, penalties: NDArray) -> None:
        self._problem, self._penalties = problem, penalties
        shape, unobserved = penalties.shape, np.isnan(problem.mean)
        self._sparse = problem.penalty.l1_ratio > 0
        self._coef = np.zeros(
            (0 if self._sparse else shape[0], shape[1], problem.design.n_features), problem.design.dtype
        )
        self._entries: list[list[tuple[NDArray, NDArray, NDArray]]] = [[] for _ in penalties]
        self._intercept = np.tile(constant_intercept(problem), (shape[0], 1))
        self._gap = np.where(unobserved, np.nan, np.zeros((shape[0], 1)))
        self._n_iter = np.zeros(shape, dtype=np.intp)
        self._status = np.tile(np.where(unobserved, Status.UNOBSERVED, Status.CONSTANT), (shape[0], 1))
        self._dispersion = np.tile(np.where(problem.null > 0, problem.dispersion, np.nan), (shape[0], 1))

    def keep(self, found: Reached) -> None:
        """Take the answers of some units."""
        at = found.stage, found.units
        coef = self._problem.penalty.outer(self._problem.design.unpack(found.packed, found.units))
        if self._sparse:
            rows, columns = np.nonzero(coef)
            for stage in np.unique(found.stage):
                here = found.stage[rows] == stage
                entries = found.units[rows[here]], columns[here], coef[rows[here], columns[here]]
                self._entries[stage].append(entries)
        else:
            self._coef[at] = coef
        self._intercept[at], self._gap[at] = found.intercept, found.gap
        self._n_iter[at], self._status[at] = found.n_iter, found.status
        self._dispersion[at] = found.dispersion

    def path(self) -> PopulationPath:
        """All of them."""
        coef = [self._assembled(entries) for entries in self._entries] if self._sparse else self._coef
        return PopulationPath(
            coef, self._intercept, self._gap, self._n_iter, self._status, self._dispersion, self._penalties
        )

    def _assembled(self, entries: list[tuple[NDArray, NDArray, NDArray]]) -> scipy.sparse.csr_array:
        shape = (self._problem.n_units, self._problem.design.n_features)
        if not entries:
            return scipy.sparse.csr_array(shape, dtype=self._problem.design.dtype)
        units, columns, values = (np.concatenate(part) for part in zip(*entries, strict=True))
        return scipy.sparse.csr_array((values, (units, columns)), shape=shape)


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
