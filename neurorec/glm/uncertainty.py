"""How sure a ridge fit is: standard errors of coefficients, linear predictors and means."""

import threading
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted
from tqdm import tqdm

from neurorec.glm.information import BLOCK, FAMILY_CURVES, Task, inverse_root, read_rows, sum_bins, with_ones
from neurorec.glm.losses import family_of, mean_of
from neurorec.glm.team import Team
from neurorec.recording import InputError


class StandardErrors(NamedTuple):
    """One standard error of what was estimated; NaN where nothing was."""

    coef: NDArray  # (unit, feature)
    intercept: NDArray  # (unit,)
    scale: NDArray  # (unit,) what the inverse Hessian was multiplied by; 1 but for gaussian and gamma
    degrees: NDArray  # (unit,) effective number of parameters, intercept included
    eta: NDArray | None  # (row, unit) of the linear predictor at ``at``
    mean: NDArray | None  # (row, unit) of the mean response at ``at``
    covariance: NDArray | None  # (unit, 1 + feature, 1 + feature), intercept first, where asked for


def standard_errors(
    X: ArrayLike,
    Y: ArrayLike,
    fit: Any,
    *,
    family: str | None = None,
    penalty: ArrayLike | None = None,
    allowed: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    penalty_weight: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    at: ArrayLike | None = None,
    at_offset: ArrayLike | None = None,
    covariance: bool = False,
    units: ArrayLike | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> StandardErrors:
    r"""Standard errors of ridge fits, from the curvature at the minimum or from differences between trials.

    With theta = (intercept, b), z_t = (1, x_t), n = sum_t w_t and a_j the penalty weights, the fit minimises
    sum_t w_t loss(y_t, theta z_t) + n penalty / 2 sum_j a_j b_j^2. Without ``clusters`` (Laplace):

        H = sum_t w_t loss''(y_t, eta_t) z_t z_t' + n penalty diag(0, a),    covariance = scale H^-1.

    ``scale`` is sum_t w_t (y_t - mu_t)^2 / v(mu_t) / (n - degrees) for gaussian (v = 1) and gamma (v = mu^2), else 1;
    degrees = trace(H^-1 (H - n penalty diag(0, a))) becomes the number of parameters as the penalty vanishes. Read as
    a Bayesian would, this is the normal approximation of the posterior under independent normal priors of b_j with
    mean 0 and variance scale / (n penalty a_j) and a flat one of the intercept. Read as a frequentist would, it leaves
    out the pull of the penalty towards 0, and takes bins as independent given the model.

    With ``clusters`` (trials, say), bins of one cluster may depend on each other in any way, and the variance may be
    other than the family says:

        covariance = H^-1 (c sum_g s_g s_g') H^-1,    c = G / (G - 1) (n - 1) / (n - degrees),

    with s_g the gradient of the objective summed over cluster g, its share of the penalty included (so that they add
    up to 0), and G clusters. At no penalty this is the convention of statsmodels, small-sample factor included. It
    wants some 40 clusters or more; with few it says too little.

    The dispersion of the negative binomial is taken as known.

    Parameters
    ----------
    X : array_like (time, feature)
        The design that was fitted, in any float type; read in blocks of bins, so a memory-mapped array will do. All
        sums are done in float64.
    Y : array_like (time, unit)
        The responses that were fitted.
    fit : PopulationFit, PopulationGLM or PopulationGLMCV
        Ridge fits only. Of an estimator, give the bins it was fitted to: with folds, those of ``folds >= 0``.
    family : {"poisson", "bernoulli", "gaussian", "gamma", "negative_binomial"}, optional
        As fitted; an estimator knows.
    penalty : float or array_like (unit,), optional
        As fitted; an estimator knows.
    allowed, sample_weight, offset
        As fitted. Weights count repeats here: weights of 2 are twice the data, with errors smaller by sqrt(2).
    penalty_weight : array_like (feature,) or (unit, feature), optional
        Weights of the columns in the penalty, as fitted.
    clusters : array_like (time,), optional
        Which cluster a bin belongs to, numbers or strings.
    at : array_like (row, feature), optional
        Rows to give the errors of predictions for; ``at_offset (row, unit)`` is the offset there.
    covariance : bool
        Also give the covariances: 8 (1 + feature)^2 bytes per unit.
    units : array_like of int, optional
        Which units to answer for, in this order; all by default. The cost is time x feature^2 for each.
    n_jobs : int, optional
        Units worked on side by side; all cores by default. Each holds a few (feature, feature) arrays.
    progress : bool
        Show a progress bar.

    Returns
    -------
    StandardErrors
        In float64. The error of a mean is that of eta times the slope of the mean (delta method). NaN where nothing
        was estimated: coefficients not allowed, of columns that do not vary or of an infinite penalty; all of a unit
        that did not converge, does not vary or was never observed; and where the Hessian is singular.

    Raises
    ------
    InputError
        Where shapes disagree, or the fit is not the ridge minimum of what is described here: an l1 penalty has no
        Hessian at its zeros, and which coefficients are zero is itself uncertain.

    References
    ----------
    Cameron & Miller 2015, doi:10.3368/jhr.50.2.317 (clusters).

    Examples
    --------
    >>> from neurorec.glm.population import fit_population
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((2000, 2))
    >>> Y = rng.poisson(np.exp(X @ [[0.5], [0.0]]))
    >>> errors = standard_errors(X, Y, fit_population(X, Y, penalty=1e-3), family="poisson", penalty=1e-3, at=X[:3])
    >>> errors.coef.round(2), errors.mean.shape
    (array([[0.02, 0.02]]), (3, 1))
    """
    task = _pose(X, Y, fit, family, penalty, allowed, sample_weight, offset, penalty_weight, clusters)
    n_units, n_features = task.coef.shape
    chosen = np.arange(n_units)[slice(None) if units is None else np.asarray(units)]
    rows = None if at is None else _matrix("at", at, (None, n_features))
    rows_offset = None if at_offset is None or rows is None else _matrix("at_offset", at_offset, (len(rows), n_units))
    size = 1 + n_features
    answer = StandardErrors(
        np.full((chosen.size, n_features), np.nan),
        *np.full((3, chosen.size), np.nan),
        *np.full((2, 0 if rows is None else len(rows), chosen.size), np.nan),
        covariance=np.full((chosen.size, size, size), np.nan) if covariance else None,
    )
    lock = threading.Lock()

    def answer_for(low: int, high: int) -> None:
        for place in range(low, high):
            _answer(task, int(chosen[place]), answer, place, rows, rows_offset)
            with lock:
                bar.update()

    with Team(n_jobs) as team, tqdm(total=chosen.size, disable=not progress, unit="unit") as bar:
        team.over(chosen.size, answer_for)
    return answer if rows is not None else answer._replace(eta=None, mean=None)


def _answer(
    task: Task, unit: int, answer: StandardErrors, place: int, rows: NDArray | None, rows_offset: NDArray | None
) -> None:
    """Write the errors of one unit to its place."""
    if not task.estimated[unit]:
        return
    columns = np.flatnonzero(np.isfinite(task.ridge[unit]))
    sums = sum_bins(task, unit, columns)
    root = None if sums is None else inverse_root(task, unit, columns, sums)
    if sums is None or root is None:
        return
    ridge = sums.mass * task.ridge[unit, columns]
    degrees = len(root) - float(ridge @ (root[1:] ** 2).sum(axis=1))
    left = sums.mass - degrees if sums.mass > degrees else np.nan
    scale = sums.pearson / left if task.curves.scaled else 1.0
    factor = root * np.sqrt(scale)  # the covariance is factor factor'
    if sums.by_cluster is not None and sums.cluster_mass is not None:
        pull = task.ridge[unit, columns] * task.coef[unit, columns]
        sums.by_cluster[:, 1:] += sums.cluster_mass[:, None] * pull
        n_clusters = np.count_nonzero(sums.cluster_mass)
        small = n_clusters / (n_clusters - 1) * (sums.mass - 1) / left if n_clusters > 1 else np.nan
        factor = root @ (root.T @ sums.by_cluster.T) * np.sqrt(small)
    error = np.sqrt((factor**2).sum(axis=1))
    answer.intercept[place], answer.coef[place, columns] = error[0], error[1:]
    answer.scale[place], answer.degrees[place] = scale, degrees
    if answer.covariance is not None:
        free = np.r_[0, 1 + columns]
        answer.covariance[place][np.ix_(free, free)] = factor @ factor.T
    if rows is not None and answer.eta is not None and answer.mean is not None:
        theta = np.r_[task.intercept[unit], task.coef[unit, columns]]
        for low in range(0, len(rows), BLOCK):
            block = slice(low, min(low + BLOCK, len(rows)))
            Z = with_ones(rows[block], columns)
            eta = Z @ theta + (0.0 if rows_offset is None else rows_offset[block, unit])
            answer.eta[block, place] = np.sqrt(((Z @ factor) ** 2).sum(axis=1))
            answer.mean[block, place] = answer.eta[block, place] * task.curves.slope(mean_of(eta.copy(), task.family))


def _pose(
    X: Any,
    Y: ArrayLike,
    fit: Any,
    family: str | None,
    penalty: ArrayLike | None,
    allowed: ArrayLike | None,
    sample_weight: ArrayLike | None,
    offset: ArrayLike | None,
    penalty_weight: ArrayLike | None,
    clusters: ArrayLike | None,
) -> Task:
    """Check what was given against the fit, and lay it out."""
    if hasattr(fit, "get_params"):
        check_is_fitted(fit)
        family = fit.family if family is None else family
        penalty = getattr(fit, "penalty_", getattr(fit, "penalty", None)) if penalty is None else penalty
        penalty_weight = getattr(fit, "penalty_weight", None) if penalty_weight is None else penalty_weight
    coef, intercept, converged, gap, dispersion = _learned(fit)
    if family not in FAMILY_CURVES or penalty is None:
        expected = f"one of {', '.join(FAMILY_CURVES)}" if penalty is not None else "the one that was fitted"
        name, found = ("family", repr(family)) if family not in FAMILY_CURVES else ("penalty", "None")
        raise InputError(name, expected=expected, found=found, remedy="say what was fitted")
    estimated = converged & np.isfinite(intercept)
    if family == "negative_binomial":
        if np.isnan(dispersion).all():
            remedy = "give a fit of the negative binomial family"
            raise InputError("fit.dispersion", expected="one per unit", found="none", remedy=remedy)
        estimated &= np.isfinite(dispersion)
    n_units, n_features = coef.shape
    X = X if hasattr(X, "shape") else np.asarray(X)
    Y = np.asarray(Y)
    Y = _matrix("Y", Y[:, None] if Y.ndim == 1 else Y, (X.shape[0], n_units))
    if X.shape[1:] != (n_features,):
        raise InputError("X", expected=f"(time, {n_features})", found=str(X.shape), remedy="use the design fitted")
    weight = None
    if sample_weight is not None:
        weight = np.asarray(sample_weight, dtype=np.float64)
        weight = weight[:, None] if weight.ndim == 1 else weight
        weight = _matrix("sample_weight", weight, (len(Y), n_units if weight.shape[1:] != (1,) else 1))
    return Task(
        X,
        Y,
        weight,
        None if offset is None else _matrix("offset", offset, Y.shape),
        coef,
        intercept,
        estimated,
        np.nan_to_num(gap),
        dispersion,
        _ridge(penalty, penalty_weight, allowed, _varies(X, weight), coef.shape),
        None if clusters is None else _numbered(clusters, len(Y)),
        family_of(family),
        FAMILY_CURVES[family],
    )


def _ridge(
    penalty: ArrayLike, penalty_weight: ArrayLike | None, allowed: ArrayLike | None, varies: NDArray, shape: Any
) -> NDArray[np.float64]:
    """Penalty times weight of every coefficient ``(unit, feature)``, infinite where it must be 0."""
    penalties = np.atleast_1d(np.asarray(penalty, dtype=np.float64))[:, None]
    penalties = _matrix("penalty", penalties, (shape[0] if len(penalties) > 1 else 1, 1))
    factors = np.ones((1, shape[1]))
    if penalty_weight is not None:
        factors = np.atleast_2d(np.asarray(penalty_weight, dtype=np.float64))
        factors = _matrix("penalty_weight", factors, (shape[0] if len(factors) > 1 else 1, shape[1]))
    ridge = np.broadcast_to(np.where(factors > 0, penalties, 0.0) * factors, shape).copy()
    if allowed is not None:
        ridge[~_matrix("allowed", allowed, shape).astype(bool)] = np.inf
    ridge[:, ~varies] = np.inf
    return ridge


def _learned(fit: Any) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
    """Coefficients, intercept, converged, gap and dispersion of a fit or an estimator."""
    mark = "_" if hasattr(fit, "coef_") else ""
    coef, intercept = getattr(fit, "coef" + mark), getattr(fit, "intercept" + mark)
    lasso = issparse(coef) or getattr(fit, "l1_ratio", 0) > 0
    if lasso or np.ndim(coef) != 2 or getattr(fit, "smoothness", 0) > 0:
        found = "a smoothness penalty" if np.ndim(coef) == 2 else "a path"
        raise InputError(
            "fit",
            expected="a ridge fit at one penalty per unit",
            found="an l1 penalty" if lasso else found,
            remedy="fit with l1_ratio=0: the zeros of a lasso are themselves uncertain, and there it has no Hessian",
        )
    coef = np.asarray(coef, dtype=np.float64)
    dispersion = getattr(fit, "dispersion" + mark, None)
    dispersion = np.nan if dispersion is None else np.asarray(dispersion, dtype=np.float64)
    return (
        coef,
        np.asarray(intercept, dtype=np.float64),
        np.asarray(getattr(fit, "converged" + mark), dtype=bool),
        np.asarray(getattr(fit, "gap" + mark), dtype=np.float64),
        np.broadcast_to(dispersion, len(coef)),
    )


def _matrix(name: str, values: ArrayLike, shape: tuple[int | None, int]) -> NDArray:
    """An array of that shape."""
    values = np.asarray(values)
    if values.ndim != 2 or any(want not in (None, is_) for want, is_ in zip(shape, values.shape, strict=True)):
        expected = f"({'row' if shape[0] is None else shape[0]}, {shape[1]})"
        raise InputError(name, expected=expected, found=str(values.shape), remedy="match it to the fit")
    return values


def _varies(X: Any, weight: NDArray | None) -> NDArray:
    """Columns that vary over the bins that some unit uses, ``(feature,)``."""
    highest, lowest = np.full(X.shape[1], -np.inf), np.full(X.shape[1], np.inf)
    for low in range(0, X.shape[0], BLOCK):
        block = read_rows(X, low, min(low + BLOCK, X.shape[0]))
        block = block if weight is None else block[(weight[low : low + BLOCK] > 0).any(axis=1)]
        highest = np.maximum(highest, block.max(axis=0, initial=-np.inf))
        lowest = np.minimum(lowest, block.min(axis=0, initial=np.inf))
    return ~(highest <= lowest)  # with a NaN among them too: it is named where the unit is looked at


def _numbered(clusters: ArrayLike, n_times: int) -> NDArray:
    """Clusters as 0, 1, ...

    Missing ones are refused: which bins belong together would be a guess.
    """
    clusters = np.asarray(clusters)
    if clusters.shape != (n_times,) or (clusters.dtype.kind == "f" and np.isnan(clusters).any()):
        found = str(clusters.shape) if clusters.shape != (n_times,) else "a missing one"
        remedy = "name the cluster of every bin; those of weight 0 may have any"
        raise InputError("clusters", expected=f"({n_times},)", found=found, remedy=remedy)
    return np.unique(clusters, return_inverse=True)[1]
