"""Dynamical similarity: whether the linear maps of two sets of delay vectors are the same map in other coordinates."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from neurorec.comparison.arrays import Responses
from neurorec.comparison.delay_maps import DelayMap, delay_map
from neurorec.comparison.rotations import best_rotation
from neurorec.recording import InputError

Score = Literal["eigenvalues", "angular"]


class DynamicalSimilarity(NamedTuple):
    """A distance between dynamics and what it is made of.

    Attributes
    ----------
    distance : float
        Root mean square difference of matched eigenvalues, per step; or the angle, rad.
    x, y : DelayMap
        The two maps, of the same rank.
    spread : ndarray (start,)
        Angles that each start ended in, rising; of one entry, the distance itself, for eigenvalues.
    converged : bool
        Whether the start with the smallest angle did; True for eigenvalues.
    """

    distance: float
    x: DelayMap
    y: DelayMap
    spread: NDArray[np.float64]
    converged: bool


class MapAngle(NamedTuple):
    """The angle between two maps after the best rotation.

    Attributes
    ----------
    angle : float
        rad; the smallest of all starts.
    rotation : ndarray (component of a, component of b)
        The orthogonal C that it belongs to.
    spread : ndarray (start,)
        Angles that the starts ended in, rising.
    converged : bool
        Whether the best start did.
    """

    angle: float
    rotation: NDArray[np.float64]
    spread: NDArray[np.float64]
    converged: bool


def dynamical_similarity(
    x: Responses,
    y: Responses,
    *,
    score: Score = "eigenvalues",
    n_delays: int = 10,
    interval: int = 1,
    rank: int = 20,
    n_starts: int = 16,
    rng: np.random.Generator | None = None,
) -> DynamicalSimilarity:
    r"""Dynamical similarity analysis: are the flows the same up to coordinates, whatever the shapes?

    Linear maps A and B are fitted to delay vectors of x and y, each on its own (`delay_map`): conditions need not be
    the same, nor equally many or long, nor the units; ranks are made equal by taking the smaller. "eigenvalues" is the
    Wasserstein distance of the spectra, :math:`\sqrt{\min_\sigma \frac{1}{r} \sum_i |\lambda_i(A) -
    \lambda_{\sigma(i)}(B)|^2}`, which is no different under any change of coordinates; "angular" is
    :math:`\min_C \arccos \frac{\langle A, C B C^\top \rangle}{|A| |B|}` over orthogonal C, which only rotations leave
    as it is (`map_angle`, the best of several starts, and their spread).

    Parameters
    ----------
    x, y : array_like (condition, time, unit), or a sequence of (time, unit)
        Steps of the same duration.
    score : {"eigenvalues", "angular"}
        Eigenvalues have one answer and no starts.
    n_delays, interval, rank : int
        See `delay_map`.
    n_starts : int
        Of the angular score.
    rng : numpy.random.Generator, optional
        For those of its starts that are random.

    Returns
    -------
    DynamicalSimilarity

    Raises
    ------
    InputError
        An unknown score, the angular one without a generator, and as `delay_map`.

    References
    ----------
    Ostrow et al. 2023, https://doi.org/10.48550/arXiv.2306.10168

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    >>> x = np.cumsum(rng.standard_normal((5, 60, 3)), axis=1)
    >>> same = dynamical_similarity(x, x @ turn, n_delays=3, rank=6)
    >>> faster = dynamical_similarity(x, x[:, ::4], n_delays=3, rank=6)
    >>> round(same.distance, 6), bool(faster.distance > 0.05)
    (0.0, True)
    """
    if score not in ("eigenvalues", "angular"):
        raise InputError("score", expected="'eigenvalues' or 'angular'", found=repr(score), remedy="name one of them")
    maps = [delay_map(v, n_delays=n_delays, interval=interval, rank=rank) for v in (x, y)]
    shared = min(len(found.matrix) for found in maps)
    a, b = (
        found if len(found.matrix) == shared else delay_map(v, n_delays=n_delays, interval=interval, rank=shared)
        for found, v in zip(maps, (x, y), strict=True)
    )
    if score == "eigenvalues":
        distance = spectral_distance(a.eigenvalues, b.eigenvalues)
        return DynamicalSimilarity(distance, a, b, np.array([distance]), True)
    if rng is None:
        raise InputError("rng", expected="a generator, for the angular score", found="none", remedy="pass one")
    found = map_angle(a.matrix, b.matrix, n_starts=n_starts, rng=rng)
    return DynamicalSimilarity(found.angle, a, b, found.spread, found.converged)


def spectral_distance(a: ArrayLike, b: ArrayLike) -> float:
    r"""Wasserstein-2 distance of two spectra: :math:`\sqrt{\min_\sigma \mathrm{mean}_i |a_i - b_{\sigma(i)}|^2}`.

    Parameters
    ----------
    a, b : array_like of complex (eigenvalue,)
        Equally many.

    Returns
    -------
    float
        A metric on spectra.

    Raises
    ------
    InputError
        For unequal numbers.

    Examples
    --------
    >>> spectral_distance([0.5, 1j, -1j], [1j, -1j, 0.8])
    0.17320508...
    """
    a, b = np.asarray(a, dtype=complex), np.asarray(b, dtype=complex)
    if a.ndim != 1 or a.shape != b.shape or not a.size:
        found, remedy = f"shapes {a.shape} and {b.shape}", "fit both maps with the same rank"
        raise InputError("a and b", expected="equally many eigenvalues", found=found, remedy=remedy)
    cost = np.abs(a[:, None] - b) ** 2
    return float(np.sqrt(cost[linear_sum_assignment(cost)].mean()))


def map_angle(a: ArrayLike, b: ArrayLike, *, n_starts: int = 16, rng: np.random.Generator) -> MapAngle:
    r"""Angle between two maps, :math:`\min_C \arccos \langle A, C B C^\top \rangle / (|A| |B|)` over orthogonal C.

    The objective has many local minima. Starts come from the eigenvectors of matrices that turn with the map, such as
    :math:`A + A^\top`, their signs solved for: for maps that are rotations of each other one of them is exact. One is
    the identity, others are random, and a quarter are copies of the best that are shaken and climb again. What is
    reported is the best, and what all of them came to.

    Parameters
    ----------
    a, b : array_like (component, component)
        Of the same shape.
    n_starts : int
        In all; three are from eigenvectors, one is the identity, a quarter are shaken copies of the best.
    rng : numpy.random.Generator
        For the random ones.

    Returns
    -------
    MapAngle

    Raises
    ------
    InputError
        Matrices that are not square, finite and of the same shape, or 0.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, turn = rng.standard_normal((6, 6)), np.linalg.qr(rng.standard_normal((6, 6)))[0]
    >>> found = map_angle(a, turn.T @ a @ turn, rng=rng)
    >>> round(found.angle, 5), found.spread.size
    (0.0, 16)
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    square = a.ndim == 2 and a.shape == b.shape and len(a) == a.shape[1] and a.size > 0
    if not square or not (np.isfinite(a).all() and np.isfinite(b).all() and a.any() and b.any()) or n_starts < 1:
        found, remedy = f"shapes {a.shape} and {b.shape}, {n_starts} starts", "fit both maps with the same rank"
        expected = "square, finite matrices of the same shape that are not 0, and a start"
        raise InputError("a and b", expected=expected, found=found, remedy=remedy)
    unit_a, unit_b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    rotations, residual, converged = best_rotation(unit_a, unit_b, n_starts=n_starts, rng=rng)
    # arccos of 1 - e is known to sqrt(e) only; half the chord, |A - C B C'| / 2, is its sine of half the angle
    angles = 2 * np.arcsin(np.minimum(residual / 2, 1.0))
    best = int(angles.argmin())
    return MapAngle(float(angles[best]), rotations[best], np.sort(angles), bool(converged[best]))
