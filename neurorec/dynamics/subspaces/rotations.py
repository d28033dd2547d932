"""Rotations: the purely rotational linear dynamics that fit trajectories best, and how well (jPCA)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.subspaces.labels import check_activity, complete_times
from neurorec.dynamics.subspaces.principal import principal_components
from neurorec.recording import InputError


class Rotations(NamedTuple):
    """Rotational dynamics.

    Attributes
    ----------
    axes : ndarray (plane, axis, unit)
        Orthonormal directions, fastest plane first; states turn from the first to the second, and begin spread most
        along the first.
    frequency : ndarray (plane,)
        Hz.
    scores : ndarray (condition, time, plane, axis)
        NaN at times that were left out.
    share : ndarray (plane,)
        Of the variance between conditions, that within each plane.
    skew, free : ndarray (component, component)
        Dynamics in the principal components, 1/s: without and with what is not rotation.
    r2_skew, r2_free : float
        Of the changes, what either explains; the ratio of the two says how much of what is linear is rotation.
    null_ratio : ndarray (shuffle,)
        That ratio in surrogates of the same covariances over times, units and conditions.
    p : float
        Of a ratio as great in surrogates; NaN without.
    """

    axes: NDArray[np.float64]
    frequency: NDArray[np.float64]
    scores: NDArray[np.float64]
    share: NDArray[np.float64]
    skew: NDArray[np.float64]
    free: NDArray[np.float64]
    r2_skew: float
    r2_free: float
    null_ratio: NDArray[np.float64]
    p: float


def rotational_dynamics(
    activity: ArrayLike,
    *,
    dt: float,
    n_components: int = 6,
    subtract_mean: bool = True,
    soft: float | None = None,
    n_shuffles: int = 0,
    rng: np.random.Generator | None = None,
) -> Rotations:
    r"""Fit :math:`\dot X = M X` with M skew-symmetric to trajectories in their principal components.

    Skew-symmetric dynamics are rotations in orthogonal planes (Churchland et al. 2012, doi:10.1038/nature11129).
    Changes from bin to bin are set against the state half-way, :math:`(x_{t+1} - x_t) / dt = M (x_{t+1} + x_t) / 2 + c`
    (against that before the change in the paper): a rotation about any point then fits exactly, whatever the width of
    bins, and its frequency is :math:`2 \arctan(m\,dt / 2) / (2 \pi dt)` for eigenvalues :math:`\pm i m`. Where the
    mean over conditions is taken off, c is 0.

    Smooth trajectories of few dimensions show some rotation anyhow. Surrogates are therefore drawn with the same
    covariances over times, over units and over conditions, and nothing else (Gaussian, after Elsayed & Cunningham 2017,
    doi:10.1038/nn.4617).

    Parameters
    ----------
    activity : array-like (condition, time, unit)
        Averages; times at which some condition has NaN are left out, and no change is taken across them.
    dt : float
        Time of a bin, s.
    n_components : int
        Even.
    subtract_mean : bool
        Whether the mean over conditions is taken off at each time: what all conditions share is no rotation between
        them.
    soft : float, optional
        Soft normalisation, see `principal_components`.
    n_shuffles : int
        Surrogates.
    rng : numpy.random.Generator, optional
        For surrogates.

    Returns
    -------
    Rotations

    Raises
    ------
    InputError
        An odd number of components, or more than there are; fewer than two conditions if their mean is taken off.

    Examples
    --------
    >>> time, phase = np.arange(40) * 0.01, np.array([0.0, 1.0, 2.5, 4.0])[:, None]
    >>> angle = 2 * np.pi * 2.0 * time + phase                                       # 2 turns a second
    >>> turning = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
    >>> found = rotational_dynamics(turning, dt=0.01, n_components=2, subtract_mean=False)
    >>> found.frequency.round(6).tolist(), round(found.r2_skew, 6)
    ([2.0], 1.0)
    """
    values = check_activity(activity, least=3)
    if not dt > 0 or n_components < 2 or n_components % 2:
        found, remedy = f"{n_components} and {dt:g} s", "planes have two directions"
        raise InputError("n_components and dt", expected="an even number, dt > 0", found=found, remedy=remedy)
    if subtract_mean and len(values) < 2:
        remedy = "set subtract_mean=False"
        raise InputError("activity", expected="two conditions or more", found=f"{len(values)}", remedy=remedy)
    if n_shuffles and rng is None:
        raise InputError("rng", expected="a numpy.random.Generator", found="none", remedy="surrogates are random")
    kept = complete_times(values)
    pairs = kept[1:] & kept[:-1]
    if not pairs.any():
        remedy = "take a longer window"
        raise InputError("activity", expected="times beside each other", found="none", remedy=remedy)
    if soft is not None:
        spread = np.ptp(values[:, kept], axis=(0, 1)) + soft
        values = values / np.where(spread > 0, spread, 1.0)
    if subtract_mean:
        values = values - values.mean(axis=0)
    pca = principal_components(values[:, kept], n_components=n_components)
    scores = np.full((*values.shape[:2], n_components), np.nan)
    scores[:, kept] = (values[:, kept] - pca.mean) @ pca.components.T
    skew, free, r2_skew, r2_free = _fit(scores, pairs, dt)
    planes, frequency = _planes(skew, scores[:, np.flatnonzero(kept)[0]], dt)
    turned = scores @ planes.reshape(-1, n_components).T
    total = pca.variance.sum() / pca.share.sum() if pca.share.sum() else np.nan
    within = np.nanvar(turned, axis=(0, 1)).reshape(-1, 2).sum(axis=1) * (len(values) * kept.sum())
    share = within / (total * (len(values) * kept.sum() - 1))
    null = np.array([])
    if n_shuffles and rng is not None:
        draw = _surrogates(values[:, kept], n_components, rng)
        # a gap in time is one in surrogates too
        gaps = np.diff(np.flatnonzero(kept)) == 1
        fits = (_fit(next(draw), gaps, dt) for _ in range(n_shuffles))
        null = np.array([r2 / linear for _, _, r2, linear in fits])
    ratio = r2_skew / r2_free
    p = (1 + (null >= ratio).sum()) / (1 + n_shuffles) if n_shuffles else np.nan
    axes = (planes.reshape(-1, n_components) @ pca.components).reshape(*planes.shape[:2], -1)
    scores = turned.reshape(*turned.shape[:2], -1, 2)
    return Rotations(axes, frequency, scores, share, skew, free, r2_skew, r2_free, null, float(p))


def _fit(scores: NDArray, pairs: NDArray, dt: float) -> tuple[NDArray, NDArray, float, float]:
    """Skew-symmetric and free dynamics of scores ``(condition, time, component)``, and what they explain."""
    size = scores.shape[2]
    change = ((scores[:, 1:] - scores[:, :-1])[:, pairs] / dt).reshape(-1, size)
    middle = ((scores[:, 1:] + scores[:, :-1])[:, pairs] / 2).reshape(-1, size)
    change, middle = change - change.mean(axis=0), middle - middle.mean(axis=0)  # about any point, not 0 alone
    free = np.linalg.lstsq(middle, change, rcond=None)[0].T
    # with C = X'X and A = dX'X, the best skew-symmetric M solves M C + C M = A - A', entry by entry where C is diagonal
    power, basis = np.linalg.eigh(middle.T @ middle)
    crossed = basis.T @ (change.T @ middle) @ basis
    sums = power[:, None] + power
    small = sums <= 1e-12 * max(float(power[-1]), 0.0)
    skew = basis @ np.where(small, 0.0, (crossed - crossed.T) / np.where(small, 1.0, sums)) @ basis.T
    total = float((change**2).sum())
    if total == 0:
        raise InputError("activity", expected="activity that changes", found="none", remedy="take another window")
    r2_skew, r2_free = (1 - float(((change - middle @ m.T) ** 2).sum()) / total for m in (skew, free))
    return skew, free, r2_skew, r2_free


def _planes(skew: NDArray, starts: NDArray, dt: float) -> tuple[NDArray, NDArray]:
    """Directions ``(plane, axis, component)`` and frequencies, Hz, of skew-symmetric dynamics, the fastest first."""
    # i M is Hermitian, its eigenvalues come in pairs +m and -m, and real and imaginary part of a vector span the plane
    speed, vectors = np.linalg.eigh(1j * skew)
    found = []
    for k in range(len(speed) - 1, len(speed) // 2 - 1, -1):
        pair = np.stack([vectors[:, k].real, vectors[:, k].imag])
        found.append(np.linalg.qr(pair.T)[0].T)
    planes = np.array(found)
    for k, pair in enumerate(planes):
        if pair[1] @ skew @ pair[0] < 0:  # from the first to the second
            pair = pair[::-1]
        begun = (starts - starts.mean(axis=0)) @ pair.T if len(starts) > 2 else starts @ pair.T
        widest = np.linalg.svd(begun, full_matrices=False)[2][0]
        widest = widest if (starts @ pair.T @ widest).sum() >= 0 else -widest
        turn = np.array([widest, [-widest[1], widest[0]]])
        planes[k] = turn @ pair
    speeds = speed[::-1][: len(planes)]
    return planes, np.arctan(np.abs(speeds) * dt / 2) / (np.pi * dt)


def _surrogates(activity: NDArray, n_components: int, rng: np.random.Generator) -> Iterator[NDArray]:
    """Scores of Gaussian activity with the same covariances over conditions, times and units."""
    centred = activity - activity.mean(axis=(0, 1))
    roots = []
    for axis in range(3):
        flat = np.moveaxis(centred, axis, 0).reshape(centred.shape[axis], -1)
        u, s, _ = np.linalg.svd(flat, full_matrices=False)
        roots.append(u * s / np.sqrt((s**2).sum()))  # a square root of the covariance, of trace 1
    size = np.sqrt((centred**2).sum())
    while True:
        values = rng.standard_normal([root.shape[1] for root in roots]) * size
        for axis, root in enumerate(roots):
            values = np.moveaxis(np.tensordot(root, values, axes=(1, axis)), 0, axis)
        values -= values.mean(axis=(0, 1))
        flat = values.reshape(-1, values.shape[2])
        wide = flat.shape[1] > len(flat)
        power, vectors = np.linalg.eigh(flat @ flat.T if wide else flat.T @ flat)
        top = vectors[:, ::-1][:, :n_components]
        scores = top * np.sqrt(np.maximum(power[::-1][:n_components], 0.0)) if wide else flat @ top
        yield scores.reshape(*values.shape[:2], -1)
