"""The population GLM as scikit-learn estimators."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from neurorec.glm.curvature import gram_eigh
from neurorec.glm.designs import Design, as_design
from neurorec.glm.designs.blocked import BlockedDesign
from neurorec.glm.folds import choose_penalty
from neurorec.glm.population import PopulationFit, fit_population
from neurorec.glm.predicting import predict_mean
from neurorec.glm.problem import check_shapes
from neurorec.glm.scores import fraction_deviance_explained
from neurorec.glm.status import EXPLANATIONS, Status
from neurorec.recording import InputError, first_offenders


class _FittedGLM(BaseEstimator):
    """What both estimators do once fitted; each of them only fits."""

    family: str

    def predict(self, X: "ArrayLike | Design", *, offset: ArrayLike | None = None) -> NDArray:
        """Mean responses ``(time, unit)``, or ``(time,)`` where it was fitted to such."""
        check_is_fitted(self)
        if not _is_operator(X):
            X = validate_data(self, X=X, dtype=[np.float64, np.float32], reset=False)  # pyright: ignore[reportArgumentType]
        mu = predict_mean(X, self.coef_, self.intercept_, family=self.family, offset=offset)
        return mu[:, 0] if self.single_ else mu

    def score(
        self,
        X: "ArrayLike | Design",
        Y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """Fraction of deviance explained, averaged over the units where it is defined."""
        mu = self.predict(X, offset=offset).reshape(len(np.asarray(Y)), -1)
        explained = fraction_deviance_explained(
            np.reshape(Y, mu.shape), mu, self.family, sample_weight=sample_weight, dispersion=self.dispersion_
        )
        return float(np.nanmean(explained)) if np.isfinite(explained).any() else float("nan")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.family in ("poisson", "gamma", "negative_binomial")
        return tags


class PopulationGLM(_FittedGLM):
    """A GLM of every unit of a population, fitted at once on one shared design matrix.

    For each unit the minimum over intercept and coefficients b of mean_t w_t loss(y_t, eta_t) +
    penalty sum_j a_j (l1_ratio |b_j| + (1 - l1_ratio) / 2 b_j^2), with eta = intercept + offset + X b. See
    :func:`fit_population`, also for group lasso and smoothness.

    Parameters
    ----------
    family : {"poisson", "bernoulli", "gaussian", "gamma", "negative_binomial"}
        Distribution, with its link.
    penalty : float or array_like (unit,)
        Per bin.
    l1_ratio : float
        0 is ridge, 1 is lasso.
    penalty_weight, groups, smoothness
        As for :func:`fit_population`.
    tol : float
        Largest gap to the minimum, as a fraction of the unit's null half-deviance.
    max_iter : int
        Passes over the data.
    n_jobs : int, optional
        Threads, all cores by default.

    Attributes
    ----------
    coef_ : ndarray (unit, feature)
    intercept_ : ndarray (unit,)
    dispersion_ : ndarray (unit,)
        Of negative binomial units, NaN for other families.
    converged_ : ndarray of bool (unit,)
    gap_ : ndarray (unit,)
        Distance from the minimum, as a fraction of the null half-deviance.
    n_iter_ : ndarray of int (unit,)
    n_features_in_ : int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((2000, 3))
    >>> Y = rng.poisson(np.exp(X @ [[0.5, 0.0], [0.0, -0.5], [0.0, 0.0]]))
    >>> PopulationGLM(penalty=1e-3).fit(X, Y).predict(X[:2]).shape
    (2, 2)
    """

    def __init__(
        self,
        *,
        family: str = "poisson",
        penalty: ArrayLike = 1e-3,
        l1_ratio: float = 0.0,
        penalty_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        smoothness: float = 0.0,
        tol: float = 1e-6,
        max_iter: int = 200,
        n_jobs: int | None = None,
    ) -> None:
        self.family = family
        self.penalty = penalty
        self.l1_ratio = l1_ratio
        self.penalty_weight = penalty_weight
        self.groups = groups
        self.smoothness = smoothness
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    def fit(
        self,
        X: "ArrayLike | Design",
        Y: ArrayLike,
        *,
        allowed: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> "PopulationGLM":
        """Fit.

        Parameters
        ----------
        X : array_like or Design (time, feature)
            Design, best z-scored.
        Y : array_like (time, unit) or (time,)
            Responses.
        allowed : array_like of bool (unit, feature), optional
            False where a coefficient must be 0.
        sample_weight : array_like (time,) or (time, unit), optional
            Non-negative; bins of weight 0 take part in nothing.
        offset : array_like (time, unit), optional
            Known part of the linear predictor.

        Returns
        -------
        PopulationGLM
            Itself.

        Warns
        -----
        ConvergenceWarning
            With the number of units that did not converge, and the first of them.
        """
        X, Y = _read(self, X, Y)
        fit = fit_population(
            X,
            Y,
            penalty=self.penalty,
            allowed=allowed,
            sample_weight=sample_weight,
            offset=offset,
            tol=self.tol,
            **_settings(self),
        )
        _store(self, fit)
        return self


class PopulationGLMCV(_FittedGLM):
    """A GLM of every unit, each with the penalty that predicts held-out folds best.

    Parameters
    ----------
    family : {"poisson", "bernoulli", "gaussian", "gamma", "negative_binomial"}
        Distribution, with its link.
    penalties : array_like (penalty,)
        Strong to weak; ``inf`` may be among them.
    l1_ratio : float
        0 is ridge, 1 is lasso.
    n_folds : int
        Contiguous blocks of bins used where :meth:`fit` is given no folds. Whole trials with a gap are better.
    rule : {"best", "one_standard_error"}
        See :func:`choose_penalty`.
    penalty_weight, groups, smoothness
        As for :func:`fit_population`.
    tol, tol_inner : float
        Largest gap of the final fit and of those on folds.
    max_iter : int
        Passes over the data, per penalty.
    n_jobs : int, optional
        Threads, all cores by default.

    Attributes
    ----------
    penalty_ : ndarray (unit,)
    deviance_ : ndarray (fold, penalty, unit)
        Held out.
    coef_, intercept_, dispersion_, converged_, gap_, n_iter_
        Of the fit to all bins used, as in :class:`PopulationGLM`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((600, 3))
    >>> Y = rng.poisson(np.exp(X @ [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    >>> PopulationGLMCV(penalties=[np.inf, 0.1, 1e-3]).fit(X, Y).penalty_.tolist()
    [0.001, inf]
    """

    def __init__(
        self,
        *,
        family: str = "poisson",
        penalties: ArrayLike = (np.inf, 1.0, 0.1, 0.01, 0.001),
        l1_ratio: float = 0.0,
        n_folds: int = 5,
        rule: str = "best",
        penalty_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        smoothness: float = 0.0,
        tol: float = 1e-6,
        tol_inner: float = 1e-4,
        max_iter: int = 200,
        n_jobs: int | None = None,
    ) -> None:
        self.family = family
        self.penalties = penalties
        self.l1_ratio = l1_ratio
        self.n_folds = n_folds
        self.rule = rule
        self.penalty_weight = penalty_weight
        self.groups = groups
        self.smoothness = smoothness
        self.tol = tol
        self.tol_inner = tol_inner
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    def fit(
        self,
        X: "ArrayLike | Design",
        Y: ArrayLike,
        *,
        folds: ArrayLike | None = None,
        allowed: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> "PopulationGLMCV":
        """Choose penalties, then fit; ``folds (time,)`` is as for :func:`choose_penalty`, the rest as in PopulationGLM.

        Returns
        -------
        PopulationGLMCV
            Itself.
        """
        X, Y = _read(self, X, Y)
        design, Y, weight, offset = check_shapes(X, Y, sample_weight, offset)
        folds = np.arange(len(Y)) * self.n_folds // len(Y) if folds is None else np.asarray(folds)
        used = np.flatnonzero((folds >= 0) & (True if weight is None else (weight > 0).any(axis=1)))
        part = design.on(used)
        curvature = gram_eigh(part)
        choice = choose_penalty(
            design,
            Y,
            folds,
            self.penalties,
            allowed=allowed,
            sample_weight=sample_weight,
            offset=offset,
            curvature=curvature,
            rule=self.rule,
            tol=self.tol_inner,
            **_settings(self),
        )
        fit = fit_population(
            part,
            Y[used],
            penalty=choice.penalty,
            allowed=allowed,
            sample_weight=None if weight is None else weight[used],
            offset=None if offset is None else offset[used],
            curvature=curvature,
            init=choice.init,
            tol=self.tol,
            **_settings(self),
        )
        self.penalty_, self.deviance_ = choice.penalty, choice.deviance
        _store(self, fit)
        return self


def _settings(model: "PopulationGLM | PopulationGLMCV") -> dict[str, Any]:
    """Parameters that fits and the choice of penalties share."""
    names = ("family", "l1_ratio", "penalty_weight", "groups", "smoothness", "max_iter", "n_jobs")
    return {name: getattr(model, name) for name in names}


def _is_operator(X: "ArrayLike | Design") -> bool:
    """Designs and lazy arrays, which must not be copied into an array."""
    if isinstance(X, Design):
        return True
    return hasattr(X, "chunks") and isinstance(as_design(X), BlockedDesign)


def _read(model: _FittedGLM, X: "ArrayLike | Design", Y: ArrayLike) -> "tuple[NDArray | Design, NDArray]":
    """Design and responses (time, unit); bins of weight 0 may hold anything, so finiteness is checked later."""
    if Y is None:
        found = "None: a GLM requires y to be passed, but the target y is None"
        raise InputError("Y", expected="responses", found=found, remedy="give Y (time, unit)")
    if _is_operator(X):
        X = as_design(X)
        model.n_features_in_ = X.shape[1]
    else:
        X = validate_data(model, X=X, dtype=[np.float64, np.float32], ensure_all_finite=False)  # pyright: ignore[reportArgumentType]
        X = np.asarray(X)
    Y = np.asarray(Y)
    if Y.dtype.kind not in "biuf":
        Y = Y.astype(np.float64)
    model.single_ = Y.ndim == 1
    return X, Y[:, None] if model.single_ else Y


def _store(model: _FittedGLM, fit: PopulationFit) -> None:
    """Keep what was learned, and say which units did not converge."""
    model.coef_, model.intercept_ = fit.coef, fit.intercept
    model.converged_, model.gap_, model.n_iter_ = fit.converged, fit.gap, fit.n_iter
    model.dispersion_ = fit.dispersion
    for status in (Status.OUT_OF_ITERATIONS, Status.OUT_OF_PRECISION):
        units = np.flatnonzero(fit.status == status)
        if units.size:
            warnings.warn(
                f"{units.size} of {fit.status.size} units did not converge (units {first_offenders(units)}; largest "
                f"gap {np.max(fit.gap[units]):.1e}): {EXPLANATIONS[status]}",
                ConvergenceWarning,
                stacklevel=3,
            )
