"""Principal components of activity by condition: what they hold, held out too, and other activity in them."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA

from neurorec.dynamics.subspaces.labels import check_activity, coordinates_of, match_units, whole
from neurorec.recording import InputError


class PrincipalComponents(NamedTuple):
    """Principal components.

    Attributes
    ----------
    components : ndarray (component, unit)
        Orthonormal directions, of most variance first; the largest element of each is positive.
    mean, scale : ndarray (unit,)
        What is taken off activity, and what it is divided by, before it is projected.
    variance, share : ndarray (component,)
        Along each, and as a share of the total.
    scores : ndarray (..., component)
        Of the activity that was given; NaN where it is.
    """

    components: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    variance: NDArray[np.float64]
    share: NDArray[np.float64]
    scores: NDArray[np.float64]


class HeldOutVariance(NamedTuple):
    """What components found in some trials hold of the averages of others.

    Attributes
    ----------
    share : ndarray (component,)
        Of the variance of held-out averages within the first 1, 2, ... components; their noise counts as variance.
    signal : ndarray (component,)
        Variance along each that both halves agree on, ``<score of training averages, score of held-out ones>``: noise
        does not count (Stringer et al. 2019, doi:10.1038/s41586-019-1346-5). May be below 0 by chance.
    signal_share : ndarray (component,)
        That of the first 1, 2, ... components, over that of all directions.
    """

    share: NDArray[np.float64]
    signal: NDArray[np.float64]
    signal_share: NDArray[np.float64]


class Aligned(NamedTuple):
    """Scores turned onto others.

    Attributes
    ----------
    scores : ndarray (..., component)
        Moved, turned and scaled.
    rotation : ndarray (component, component)
        ``scores = (other - its mean) @ rotation * scale + mean``.
    scale : float
    share : float
        Of the variance of the scores turned to, that is explained.
    """

    scores: NDArray[np.float64]
    rotation: NDArray[np.float64]
    scale: float
    share: float


def principal_components(
    activity: ArrayLike, *, n_components: int | None = None, soft: float | None = None
) -> PrincipalComponents:
    r"""Directions of greatest variance, by scikit-learn.

    Parameters
    ----------
    activity : array-like (..., unit)
        Over conditions and times, or samples; those with NaN are left out.
    n_components : int, optional
        How many; by default all.
    soft : float, optional
        Soft normalisation: each unit is divided by its range plus this, in the unit of the activity, so that strong
        units do not drown others, nor silent ones become strong (5 spikes/s in Churchland et al. 2012).

    Returns
    -------
    PrincipalComponents
        Components, variances and scores; shares are NaN where nothing varies.

    Raises
    ------
    InputError
        For more components than can be told.

    Examples
    --------
    >>> found = principal_components([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> found.share.round(3).tolist(), found.components.round(3).tolist()
    ([0.9, 0.1], [[1.0, 0.0], [0.0, 1.0]])
    """
    values = check_activity(activity, least=2, most=None)
    flat = values.reshape(-1, values.shape[-1])
    known = whole(flat)
    most = min(known.sum(), flat.shape[1])
    n_components = int(most if n_components is None else n_components)
    if not 1 <= n_components <= most:
        found, remedy = str(n_components), "take fewer, or give more units and bins"
        raise InputError("n_components", expected=f"1 to {most}", found=found, remedy=remedy)
    scale = np.ones(flat.shape[1]) if soft is None else np.ptp(flat[known], axis=0) + soft
    scale = np.where(scale > 0, scale, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):  # where nothing varies no component has a share of it
        fit = PCA(n_components, svd_solver="full").fit(flat[known] / scale)
    components = np.asarray(fit.components_)
    signs = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    components = components * np.where(signs < 0, -1.0, 1.0) + 0.0
    mean = flat[known].mean(axis=0)
    scores = (values - mean) / scale @ components.T
    return PrincipalComponents(components, mean, scale, fit.explained_variance_, fit.explained_variance_ratio_, scores)


def project(activity: ArrayLike, found: PrincipalComponents) -> NDArray[np.float64]:
    """Scores ``(..., component)`` of other activity ``(..., unit)`` of the same units."""
    return (np.asarray(activity, dtype=float) - found.mean) / found.scale @ found.components.T


def variance_by(activity: ArrayLike, found: PrincipalComponents, *, axis: int) -> NDArray[np.float64]:
    """Share of the variance within each component, by one of the activity's axes.

    Parameters
    ----------
    activity : array-like (condition, time, unit)
        Activity, of the same units.
    found : PrincipalComponents
        Whose mean deviations are counted from.
    axis : int
        0 by condition, 1 by time.

    Returns
    -------
    ndarray (condition or time, component)
        Of the squared deviations of a condition, or a time, those along each component; NaN where there are none.

    Examples
    --------
    >>> activity = np.array([[[1.0, 0.0], [-1.0, 0.0]], [[0.0, 1.0], [0.0, -1.0]]])
    >>> variance_by(activity, principal_components(activity), axis=0).round(6).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    values = check_activity(activity, least=3)
    squares = (values - found.mean) ** 2 / found.scale**2
    along = project(values, found) ** 2
    other = 1 - axis
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nansum(along, axis=other) / np.nansum(squares, axis=(other, 2))[:, None]


def held_out_variance(
    trials: ArrayLike,
    condition: ArrayLike,
    *,
    n_components: int,
    n_folds: int = 5,
    soft: float | None = None,
    rng: np.random.Generator,
) -> HeldOutVariance:
    """What principal components of the averages over some trials hold of those over others.

    Trials of each condition are dealt to folds; what is reported is pooled over folds.

    Parameters
    ----------
    trials : array-like (trial, time, unit)
        Activity, NaN where not recorded.
    condition : array-like (trial,)
        Labels.
    n_components, soft
        As in `principal_components`.
    n_folds : int
        At most as many as there are trials in the smallest condition.
    rng : numpy.random.Generator
        For the folds.

    Returns
    -------
    HeldOutVariance

    Raises
    ------
    InputError
        A condition with fewer trials than folds, which is named.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> wave = np.sin(np.arange(20) / 3)[:, None] * np.array([1.0, -1.0, 0.5])
    >>> trials = np.tile(wave, (20, 1, 1)) + 0.3 * rng.standard_normal((20, 20, 3))
    >>> held = held_out_variance(trials, np.repeat(["a", "b"], 10), n_components=2, rng=rng)
    >>> bool(held.signal_share[0] > 0.97)
    True
    """
    values, labels = check_activity(trials, least=3), np.asarray(condition)
    fold = deal_folds(labels, n_folds, rng)
    inside, signal = np.zeros(n_components), np.zeros(n_components)
    total, agreed = 0.0, 0.0
    for k in range(n_folds):
        train, test = (averages_of(values[kept], labels[kept]) for kept in (fold != k, fold == k))
        fit = principal_components(train, n_components=n_components, soft=soft)
        known = whole(train) & whole(test)
        a, b = ((x[known] - fit.mean) / fit.scale for x in (train, test))
        b = b - b.mean(axis=0)
        p, q = a @ fit.components.T, b @ fit.components.T
        inside, signal = inside + (q**2).sum(axis=0), signal + (p * q).sum(axis=0)
        total, agreed = total + (b**2).sum(), agreed + (a * b).sum()
    number = n_folds * known.sum()
    share, both = np.cumsum(inside) / total, np.cumsum(signal) / agreed
    return HeldOutVariance(share, signal / number, both)


def deal_folds(condition: NDArray, n_folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A fold for each trial, those of every condition dealt out evenly."""
    names, code, number = np.unique(condition, return_inverse=True, return_counts=True)
    few = names[number < n_folds]
    if few.size or n_folds < 2:
        expected = f"{max(n_folds, 2)} trials or more in every condition, one a fold"
        found = f"{number.min()} in {few[0] if few.size else 'all'}, with {n_folds} folds"
        raise InputError("condition", expected=expected, found=found, remedy="take fewer folds or conditions")
    fold = np.empty(code.size, dtype=int)
    for k in range(names.size):
        rows = rng.permutation(np.flatnonzero(code == k))
        fold[rows] = (np.arange(rows.size) + rng.integers(n_folds)) % n_folds
    return fold


def averages_of(trials: NDArray, condition: NDArray) -> NDArray[np.float64]:
    """Averages ``(condition, time, unit)`` of trials, by sorted label; NaN in bins that no trial of it has."""
    averages = []
    for name in np.unique(condition):
        part = trials[condition == name]
        number = np.isfinite(part).sum(axis=0)
        averages.append(np.where(number > 0, np.nansum(part, axis=0) / np.maximum(number, 1), np.nan))
    return np.array(averages)


def align_scores(target: ArrayLike, other: ArrayLike) -> Aligned:
    r"""Turn, reflect and scale scores onto others, by least squares (orthogonal Procrustes).

    So are trajectories of a network put into the components of a recording, whose units are others: both by condition
    and time that correspond.

    Parameters
    ----------
    target, other : array-like (..., component)
        Of one shape; where either is NaN nothing is fitted.

    Returns
    -------
    Aligned
        ``other`` turned onto ``target``.

    Raises
    ------
    InputError
        For other shapes.

    Examples
    --------
    >>> target = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, -2.0]])
    >>> turned = align_scores(target, 3 * target @ np.array([[0.0, 1.0], [-1.0, 0.0]]))
    >>> bool(np.abs(turned.scores - target).max() < 1e-12), round(turned.scale, 6)
    (True, 0.333333)
    """
    target, other = np.asarray(target, dtype=float), np.asarray(other, dtype=float)
    if target.shape != other.shape:
        remedy = "cut both to the same conditions, times and number of components"
        raise InputError("other", expected=f"shape {target.shape}", found=str(other.shape), remedy=remedy)
    known = whole(target) & whole(other)
    a, b = target[known], other[known]
    centre, moved = a.mean(axis=0), b.mean(axis=0)
    a, b = a - centre, b - moved
    u, s, vt = np.linalg.svd(b.T @ a)
    size, total = float((b**2).sum()), float((a**2).sum())
    scale = float(s.sum()) / size if size else 0.0
    share = float(s.sum()) ** 2 / (size * total) if size and total else np.nan
    return Aligned((other - moved) @ (u @ vt) * scale + centre, u @ vt, scale, share)


def principal_subspace(
    averages: xr.Dataset,
    *,
    n_components: int = 6,
    soft: float | None = None,
    trials: xr.Dataset | None = None,
    n_folds: int = 5,
    rng: np.random.Generator | None = None,
) -> xr.Dataset:
    """Principal components of averages by condition, and what they hold.

    Parameters
    ----------
    averages : xarray.Dataset
        ``activity (condition, time, unit)``, see `condition_averages`.
    n_components, soft
        As in `principal_components`.
    trials : xarray.Dataset, optional
        See `trial_activity`: those that the averages are of, for what the components hold of trials that they were not
        found in, with ``n_folds`` and ``rng`` as in `held_out_variance`.

    Returns
    -------
    xarray.Dataset
        ``components (component, unit)``, ``scores (condition, time, component)``, ``mean`` and ``scale (unit)``,
        ``variance`` and ``share (component)``, ``share_by_condition (condition, component)`` and ``share_by_time (time,
        component)`` of the variance of each; of trials, cumulative: ``held_out_share`` and ``held_out_signal
        (component)``. Components are numbered from 1.

    Raises
    ------
    InputError
        Averages that do not vary; trials without ``rng``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> averages = xr.Dataset({"activity": (("condition", "time", "unit"), rng.standard_normal((2, 9, 4)))})
    >>> dict(principal_subspace(averages, n_components=2)["scores"].sizes)
    {'condition': 2, 'time': 9, 'component': 2}
    """
    values = averages["activity"].transpose("condition", "time", "unit").values
    found = principal_components(values, n_components=n_components, soft=soft)
    if not found.share[0] > 0:
        raise InputError("activity", expected="activity that changes", found="none", remedy="take another window")
    result = xr.Dataset(
        {
            "components": (("component", "unit"), found.components),
            "scores": (("condition", "time", "component"), found.scores),
            "mean": ("unit", found.mean),
            "scale": ("unit", found.scale),
            "variance": ("component", found.variance),
            "share": ("component", found.share),
            "share_by_condition": (("condition", "component"), variance_by(values, found, axis=0)),
            "share_by_time": (("time", "component"), variance_by(values, found, axis=1)),
        },
        coords={"component": np.arange(1, n_components + 1), **coordinates_of(averages)},
        attrs={**averages.attrs, "method": "principal components"},
    )
    if trials is None:
        return result
    if rng is None:
        raise InputError("rng", expected="a numpy.random.Generator", found="none", remedy="it deals trials to folds")
    of = trials["activity"].transpose("trial", "time", "unit").values
    held = held_out_variance(
        of, trials["condition"].values, n_components=n_components, n_folds=n_folds, soft=soft, rng=rng
    )
    return result.assign(held_out_share=("component", held.share), held_out_signal=("component", held.signal_share))


def in_components(averages: xr.Dataset, subspace: xr.Dataset) -> xr.Dataset:
    """Other averages of the same units, in components that were found before.

    Parameters
    ----------
    averages : xarray.Dataset
        ``activity (condition, time, unit)``, or over trials.
    subspace : xarray.Dataset
        From `principal_subspace`, or whichever holds ``components``, ``mean`` and ``scale``.

    Returns
    -------
    xarray.Dataset
        ``scores (condition, time, component)``, with the averages' coordinates.

    Raises
    ------
    SelectionError
        Units of the components that the averages lack.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> averages = xr.Dataset({"activity": (("condition", "time", "unit"), rng.standard_normal((2, 9, 4)))})
    >>> subspace = principal_subspace(averages, n_components=2)
    >>> float(np.abs(in_components(averages, subspace)["scores"] - subspace["scores"]).max()) < 1e-12
    True
    """
    activity = match_units(averages, subspace)["activity"].transpose(..., "unit")
    scores = (activity.values - subspace["mean"].values) / subspace["scale"].values @ subspace["components"].values.T
    dims = [str(dim) for dim in activity.dims[:-1]]
    coords = coordinates_of(averages.drop_dims("unit"))
    return xr.Dataset(
        {"scores": ((*dims, "component"), scores)},
        coords={"component": subspace["component"].values, **coords},
        attrs=dict(averages.attrs),
    )
