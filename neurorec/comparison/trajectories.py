"""Trajectories by condition: two sets of responses in the same components, with or without a warp of time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurorec.comparison.arrays import Responses, as_conditions
from neurorec.comparison.warping import Warp, apart, find_warp, plain_stretch, warped
from neurorec.recording import InputError

_MOST = 50  # rounds of rotation and warp


class AlignedTrajectories(NamedTuple):
    """Trajectories in the same components.

    Attributes
    ----------
    distance : float
        Share of the variance of x that y does not meet, within the components; 0 to 1.
    held_out, held_out_unwarped : float
        The same for conditions of which neither rotation nor warp knew, with and without the warp; above 1 where the
        mean would have been nearer. A warp that does not help here has fitted noise.
    x, y : ndarray (condition, time, component)
        In the principal components of x; y rotated, scaled, and at the steps of x.
    place : ndarray (time,)
        Step of y that each step of x is put beside.
    variance_x, variance_y : ndarray (component,)
        Shares of each side's variance (within all components that were rotated) along these.
    converged : bool
        Whether rotation and warp came to rest.
    loading : ndarray (unit, component)
    offset : ndarray (component,)
        ``activity @ loading + offset`` brings any activity of y into these components.
    """

    distance: float
    held_out: float
    held_out_unwarped: float
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    place: NDArray[np.float64]
    variance_x: NDArray[np.float64]
    variance_y: NDArray[np.float64]
    converged: bool
    loading: NDArray[np.float64]
    offset: NDArray[np.float64]


class _Fit(NamedTuple):
    """``y(place) -> scale y rotation + offset``."""

    place: NDArray[np.float64]
    rotation: NDArray[np.float64]
    offset: NDArray[np.float64]
    converged: bool


def align_trajectories(
    x: Responses,
    y: Responses,
    *,
    n_components: int = 10,
    warp: Warp = "none",
    n_knots: int = 5,
    reach: float = 0.25,
) -> AlignedTrajectories:
    r"""Bring the trajectories of two systems into the same components.

    :math:`\min_{Q, s, b, w} \sum_{c, t} |x_c(t) - s\, Q^\top y_c(w(t)) - b|^2`, x and y in their first principal
    components each (so many that both have them, which is what makes numbers of units equal), Q a rotation, and w a
    warp of time that is the same for all conditions: none, another beginning and end ("linear"), or a line through
    knots that never goes back ("piecewise"). Rotation and warp are found in turn, each the best given the other, until
    neither changes.

    Parameters
    ----------
    x, y : array_like (condition, time, unit), or a sequence of (time, unit)
        The same conditions, at the steps that all conditions of a side have. Lengths of x and y may differ: without a
        warp the longer one is cut, with one the whole of y is stretched to x first.
    n_components : int
        Rotated; the first of them are the first of x.
    warp : {"none", "linear", "piecewise"}
        See above.
    n_knots : int
        Of a piecewise warp, both ends among them.
    reach : float
        Farthest that the warp may go from the plain stretch, in parts of the length of y.

    Returns
    -------
    AlignedTrajectories

    Raises
    ------
    InputError
        Conditions that do not match, or trajectories of fewer than three steps.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> t, c = np.linspace(0, 1, 40), rng.standard_normal((6, 1, 3))
    >>> course = lambda t: np.sin(3 * t[None, :, None] + c) * c[:, :, ::-1]
    >>> plain, bent = (align_trajectories(course(t), course(t**1.4), warp=w) for w in ("none", "piecewise"))
    >>> bool(bent.held_out < 0.1 * plain.held_out)
    True
    """
    if warp not in ("none", "linear", "piecewise"):
        raise InputError("warp", expected="'none', 'linear' or 'piecewise'", found=repr(warp), remedy="name one")
    parts = [_cube(v, name) for v, name in ((x, "x"), (y, "y"))]
    if len(parts[0]) != len(parts[1]):
        found, remedy = f"{len(parts[0])} and {len(parts[1])}", "put the same conditions in the same order"
        raise InputError("x and y", expected="equally many conditions", found=found, remedy=remedy)
    if warp == "none":
        n = min(part.shape[1] for part in parts)
        parts = [part[:, :n] for part in parts]
    (a, _, _), (b, middle, loading) = _same_components(parts, n_components)
    fit = _fit(a, b, warp, n_knots, reach)
    moved = warped(b, fit.place) @ fit.rotation + fit.offset
    total = _squares(a - a.mean(axis=(0, 1)))
    held = _held_out(a, b, warp, n_knots, reach)
    unwarped = held if warp == "none" else _held_out(a, b, "none", n_knots, reach)
    share_a, share_b = (v / max(v.sum(), 1e-300) for v in (a.var(axis=(0, 1)), moved.var(axis=(0, 1))))
    left = apart(a, b @ fit.rotation + fit.offset, fit.place) / total
    loading = loading @ fit.rotation
    return AlignedTrajectories(
        left, held, unwarped, a, moved, fit.place, share_a, share_b, fit.converged,
        loading, fit.offset - middle @ loading,
    )  # fmt: skip


def _cube(values: Responses, name: str) -> NDArray[np.float64]:
    """Steps that all conditions have ``(condition, time, unit)``."""
    parts = as_conditions(values, name)
    n = min(len(part) for part in parts)
    cube = np.stack([part[:n] for part in parts])
    known = np.isfinite(cube[..., 0]).all(axis=0)
    n = known.size if known.all() else int(known.argmin())
    if n < 3:
        remedy = "leave short conditions out"
        raise InputError(name, expected="three steps or more that all conditions have", found=str(n), remedy=remedy)
    return cube[:, :n]


def _same_components(parts: list[NDArray], n_components: int) -> list[tuple[NDArray, NDArray, NDArray]]:
    """Scores in the principal components of each, the mean and the loadings; zeros where one side has fewer."""
    found = []
    for part in parts:
        flat = part.reshape(-1, part.shape[-1])
        mean = flat.mean(axis=0)
        left, size, right = np.linalg.svd(flat - mean, full_matrices=False)
        scores = (left * size)[:, :n_components]
        # the sign of a component is free; the first step's mean decides, so that figures do not flip
        sign = np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])])
        sign = np.where(sign == 0, 1, sign)
        found.append(((scores * sign).reshape(*part.shape[:2], -1), mean, right[:n_components].T * sign))
    n = max(scores.shape[-1] for scores, _, _ in found)
    return [
        (np.pad(s, ((0, 0), (0, 0), (0, n - s.shape[-1]))), mean, np.pad(right, ((0, 0), (0, n - right.shape[1]))))
        for s, mean, right in found
    ]


def _fit(x: NDArray, y: NDArray, warp: Warp, n_knots: int, reach: float) -> _Fit:
    place = plain_stretch(x.shape[1], y.shape[1])
    for _ in range(_MOST):
        rotation, offset = _rotate(x, y, place)
        if warp == "none":
            return _Fit(place, rotation, offset, True)
        new = find_warp(x, y @ rotation + offset, kind=warp, n_knots=n_knots, reach=reach)
        if np.array_equal(new, place):
            return _Fit(place, rotation, offset, True)
        place = new
    return _Fit(place, *_rotate(x, y, place), False)


def _rotate(x: NDArray, y: NDArray, place: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``scale Q`` and the offset that bring y at places nearest to x, as `apart` counts it."""
    moved = warped(y, place)
    middle_x, middle_y = x.mean(axis=(0, 1)), moved.mean(axis=(0, 1))
    a, b = ((v - m).reshape(-1, v.shape[-1]) for v, m in ((x, middle_x), (moved, middle_y)))
    left, size, right = np.linalg.svd(b.T @ a)
    power = apart(np.broadcast_to(middle_y, moved.shape), y, place)
    rotation = left @ right * (size.sum() / power if power > 0 else 0.0)
    return rotation, middle_x - middle_y @ rotation


def _held_out(x: NDArray, y: NDArray, warp: Warp, n_knots: int, reach: float) -> float:
    """Share of variance not met on conditions that were left out, up to five folds; NaN with fewer than three."""
    n_folds = min(len(x), 5)
    if n_folds < 3:
        return np.nan
    fold, left, total = np.arange(len(x)) % n_folds, 0.0, 0.0
    for k in range(n_folds):
        train, test = fold != k, fold == k
        fit = _fit(x[train], y[train], warp, n_knots, reach)
        left += apart(x[test], y[test] @ fit.rotation + fit.offset, fit.place)
        total += _squares(x[test] - x[train].mean(axis=(0, 1)))
    return left / total


def _squares(values: NDArray) -> float:
    return float((values**2).sum())
