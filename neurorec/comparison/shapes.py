"""The shape of responses: how far two sets are from being rotations, or linear maps, of each other."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurorec.comparison.arrays import Responses, as_conditions, check_varies, paired_rows, principal
from neurorec.comparison.nuclear import LANES, nuclear_norms
from neurorec.recording import InputError

_NEAR = 0.995  # cosine above which single precision would show in the angle
_ALIKE = 1 - 1e-6  # the same of sums of singular values, which are known to 1e-12
_BLOCK = 64_000_000  # numbers of the products of all systems' columns that are held at a time


class ShapeDistance(NamedTuple):
    """A shape distance and what it is made of.

    Attributes
    ----------
    distance : float
        Angle, rad: 0 for the same shape, pi / 2 for nothing in common.
    cosine : float
        Of that angle.
    rotation : ndarray (unit of x, unit of y)
        Orthogonal Q (its smaller side at least) for which ``phi(x) Q`` is nearest to ``phi(y)``.
    n_rows : int
        Rows that both have.
    """

    distance: float
    cosine: float
    rotation: NDArray[np.float64]
    n_rows: int


class Procrustes(NamedTuple):
    """A Procrustes distance and what it is made of.

    Attributes
    ----------
    distance : float
        Root of the residual sum of squares; between 0 and sqrt(2) for scaled responses.
    explained : float
        Share of the sum of squares of y that ``scale x Q`` explains, with the best scale.
    rotation : ndarray (unit of x, unit of y)
        Q.
    scale : float
        The best one, in the units of the responses as given.
    n_rows : int
        Rows that both have.
    """

    distance: float
    explained: float
    rotation: NDArray[np.float64]
    scale: float
    n_rows: int


class PairwiseDistances(NamedTuple):
    """Shape distances of all pairs.

    Attributes
    ----------
    distance : ndarray (system, system)
        Angles, rad; 0 on the diagonal.
    cosine : ndarray (system, system)
        Of those angles.
    n_rows : int
        Rows that all systems have.
    """

    distance: NDArray[np.float64]
    cosine: NDArray[np.float64]
    n_rows: int


def procrustes_distance(x: Responses, y: Responses, *, scaled: bool = True) -> Procrustes:
    r"""How far responses are from each other after the best rotation (and reflection) of the units.

    :math:`d(X, Y) = \min_{Q^\top Q = 1} |X Q - Y|_F = \sqrt{|X|^2 + |Y|^2 - 2 |X^\top Y|_*}`, of responses less their
    mean over rows, and divided by their norm if `scaled`; :math:`|.|_*` is the sum of singular values. With unequal
    numbers of units the smaller set is padded with units that are silent, which leaves the formula as it is.

    Parameters
    ----------
    x, y : array_like (condition, time, unit), or a sequence of (time, unit)
        The same conditions, see `neurorec.comparison.paired_rows` for unequal lengths.
    scaled : bool
        Whether size is no difference.

    Returns
    -------
    Procrustes

    Raises
    ------
    InputError
        Responses that do not fit together, or do not vary.

    References
    ----------
    Schönemann 1966, https://doi.org/10.1007/BF02289451

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((3, 5, 2))
    >>> round(procrustes_distance(x, 3 * x[..., ::-1]).distance, 6)
    0.0
    """
    rows = paired_rows(x, y)
    a, b = check_varies(rows.x, "x"), check_varies(rows.y, "y")
    left, size, right = np.linalg.svd(a.T @ b, full_matrices=False)
    norm_a, norm_b, total = np.linalg.norm(a), np.linalg.norm(b), size.sum()
    square = 2 - 2 * total / (norm_a * norm_b) if scaled else norm_a**2 + norm_b**2 - 2 * total
    explained = (total / (norm_a * norm_b)) ** 2
    return Procrustes(
        float(np.sqrt(max(square, 0.0))), float(min(explained, 1.0)), left @ right, float(total / norm_a**2), len(a)
    )


def shape_distance(x: Responses, y: Responses, *, alpha: float = 1.0, n_components: int | None = None) -> ShapeDistance:
    r"""Generalised shape distance: the angle between responses after partial whitening and the best rotation.

    :math:`d(X, Y) = \arccos \max_{Q} \frac{\langle \phi(X) Q, \phi(Y) \rangle}{|\phi(X)| |\phi(Y)|}
    = \arccos \frac{|\phi(X)^\top \phi(Y)|_*}{|\phi(X)| |\phi(Y)|}` with
    :math:`\phi(X) = C X (\alpha 1 + (1 - \alpha)\, s\, (X^\top C X)^{-1/2})`, C taking off means over rows and s the
    root mean square of the singular values of C X, so that size is no difference (the inverse root is taken within the
    span of X). With alpha 1 only rotations and reflections are no difference (Procrustes), with alpha 0 no invertible
    linear map is (the mean canonical correlation, for equal ranks). It is a metric on responses of the same rows: units
    that are missing on one side are padded with silent ones, which changes nothing in the formula.

    Parameters
    ----------
    x, y : array_like (condition, time, unit), or a sequence of (time, unit)
        The same conditions; see `neurorec.comparison.paired_rows` for unequal lengths. Distances of several pairs
        obey the triangle inequality only where all are of the same rows, see `shape_distances`.
    alpha : float
        Between 0 and 1.
    n_components : int, optional
        Principal components that are kept of each first. Below alpha 1 rows must be several times as many as components
        or the distance says nothing: with as many, any two sets are linear maps of each other.

    Returns
    -------
    ShapeDistance

    Raises
    ------
    InputError
        Responses that do not fit together or do not vary, an alpha outside of 0 to 1; alpha 0 with as many dimensions
        as rows.

    References
    ----------
    Williams, Kunz, Kornblith & Linderman 2021, https://doi.org/10.48550/arXiv.2110.14739

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, stretch = rng.standard_normal((3, 20, 4)), np.diag([1.0, 2.0, 3.0, 4.0])
    >>> [round(shape_distance(x, x @ stretch, alpha=alpha).distance, 2) for alpha in (0.0, 0.5, 1.0)]
    [0.0, 0.19, 0.38]
    """
    rows = paired_rows(x, y)
    parts = [_whitened(part, name, alpha, n_components) for part, name in ((rows.x, "x"), (rows.y, "y"))]
    left, size, right = np.linalg.svd(parts[0].T @ parts[1], full_matrices=False)
    cosine = float(min(size.sum(), 1.0))
    return ShapeDistance(float(np.arccos(cosine)), cosine, left @ right, len(rows.x))


def shape_distances(
    systems: Sequence[Responses], *, alpha: float = 1.0, n_components: int | None = None, single: bool = False
) -> PairwiseDistances:
    """Shape distances of all pairs of systems, over the rows that all of them have.

    The products of all systems are one matrix product of their columns side by side; whitening is applied to its small
    blocks, and a pair costs the singular values of one.

    Parameters
    ----------
    systems : sequence of responses
        Each as in `shape_distance`; units may differ in number.
    alpha, n_components
        As in `shape_distance`.
    single : bool
        Whether products are of single precision, which is faster; distances of systems that are not alike are then
        known to 1e-5 rad or so (below 0.1 rad they are computed again in double precision).

    Returns
    -------
    PairwiseDistances

    Raises
    ------
    InputError
        As in `shape_distance`, and for fewer than two systems.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = shape_distances([rng.standard_normal((3, 20, n)) for n in (4, 5, 6)])
    >>> found.distance.shape, bool((found.distance == found.distance.T).all())
    ((3, 3), True)
    """
    rows = _shared_rows(systems)
    values = [_narrow(v, f"systems[{k}]", n_components) for k, v in enumerate(rows)]
    stop = np.cumsum([part.shape[1] for part in values])
    start, columns = np.append(0, stop[:-1]), np.empty((len(values[0]), int(stop[-1])))
    for part, low, high in zip(values, start, stop, strict=True):
        np.subtract(part, np.full(len(part), 1 / len(part)) @ part, out=columns[:, low:high])
    whiteners = [_whitener(columns[:, a:b], f"systems[{k}]", alpha) for k, (a, b) in enumerate(zip(start, stop))]
    cosine = _cosines(columns.astype(np.float32) if single else columns, start, stop, whiteners)
    for i, j in zip(*np.nonzero(np.triu(cosine > (_NEAR if single else _ALIKE), 1)), strict=True):
        exact = columns[:, start[i] : stop[i]].T @ columns[:, start[j] : stop[j]]
        total = np.linalg.svd(_both_sides(exact, whiteners[i], whiteners[j]), compute_uv=False).sum()
        cosine[i, j] = cosine[j, i] = total * _sizes(whiteners[i]) * _sizes(whiteners[j])
    cosine = np.minimum(cosine, 1.0)
    return PairwiseDistances(np.arccos(cosine), cosine, len(columns))


def _cosines(columns: NDArray, start: NDArray, stop: NDArray, whiteners: list) -> NDArray[np.float64]:
    """Of all pairs, from products of systems' columns; as many at a time as memory allows."""
    n, width = len(start), stop - start
    cosine = np.eye(n)
    step = max(1, int(_BLOCK / stop[-1] / width.max()))
    for first in range(0, n, step):
        last = min(first + step, n)
        mine = columns[:, start[first] : stop[last - 1]]
        # a product of a matrix with its own transpose is half the work; so it is taken where it is all there is
        products = mine.T @ (mine if last - first == n else columns[:, start[first] :])
        place = [slice(low - start[first], high - start[first]) for low, high in zip(start, stop, strict=True)]
        for pairs in _alike(width, first, last):
            blocks = [_both_sides(products[place[i], place[j]], whiteners[i], whiteners[j]) for i, j in pairs]
            total = nuclear_norms(np.stack(blocks).astype(float, copy=False))
            sizes = np.array([_sizes(whiteners[i]) * _sizes(whiteners[j]) for i, j in pairs])
            i, j = np.transpose(pairs)
            cosine[i, j] = cosine[j, i] = total * sizes
    return cosine


def _alike(width: NDArray, first: int, last: int) -> Iterator[list[tuple[int, int]]]:
    """Pairs of some systems with later ones, by their numbers of columns: blocks of one shape are taken at once."""
    groups: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for i in range(first, last):
        for j in range(i + 1, len(width)):
            groups.setdefault((int(width[i]), int(width[j])), []).append((i, j))
    for pairs in groups.values():
        yield from (pairs[k : k + 8 * LANES] for k in range(0, len(pairs), 8 * LANES))


def _shared_rows(systems: Sequence[Responses]) -> list[NDArray[np.float64]]:
    """Rows ``(row, unit)`` of each system that all of them have."""
    cubes = [np.asarray(system, dtype=float) for system in systems if isinstance(system, np.ndarray)]
    same = len(cubes) == len(systems) > 1 and len({cube.shape[:2] for cube in cubes}) == 1
    if same and all(cube.ndim == 3 and cube.size and np.isfinite(cube.sum()) for cube in cubes):
        return [cube.reshape(-1, cube.shape[2]) for cube in cubes]
    each = [as_conditions(system, f"systems[{k}]") for k, system in enumerate(systems)]
    if len(each) < 2 or len({len(parts) for parts in each}) != 1:
        found = f"{len(each)} with {sorted({len(parts) for parts in each})} conditions"
        remedy = "give two or more with the same conditions"
        raise InputError("systems", expected="two or more, of equally many conditions", found=found, remedy=remedy)
    kept: list[list[NDArray]] = [[] for _ in each]
    for condition in zip(*each, strict=True):
        n = min(len(part) for part in condition)
        known = np.all([np.isfinite(part[:n, 0]) for part in condition], axis=0)
        for rows, part in zip(kept, condition, strict=True):
            rows.append(part[:n][known])
    return [np.concatenate(rows) for rows in kept]


def _whitened(values: NDArray, name: str, alpha: float, n_components: int | None) -> NDArray[np.float64]:
    """``phi`` of `shape_distance` divided by its norm ``(row, unit)``."""
    values = check_varies(values, name)
    if n_components is not None:
        values = principal(values, n_components=n_components)
    whitener = _whitener(values, name, alpha)
    return values * whitener if isinstance(whitener, float) else values @ whitener


def _narrow(values: NDArray, name: str, n_components: int | None) -> NDArray[np.float64]:
    """Values, or their principal components where fewer are asked for, or where units are more than rows."""
    if n_components is None and values.shape[1] <= len(values):
        return values
    return principal(check_varies(values, name), n_components=n_components)


def _whitener(values: NDArray, name: str, alpha: float) -> NDArray[np.float64] | float:
    """What makes `phi`, of norm 1, of centred values: a matrix ``(unit, unit)``, or a number where it is one."""
    if not 0 <= alpha <= 1:
        raise InputError("alpha", expected="0 to 1", found=f"{alpha:g}", remedy="0 allows any linear map, 1 rotations")
    norm = float(np.sqrt(np.einsum("ij,ij->", values, values)))
    if not norm > 0:
        raise InputError(name, expected="responses that vary", found="one constant", remedy="leave it out")
    if alpha == 1:
        return 1 / norm
    size, axes = np.linalg.eigh(values.T @ values)
    sound = size > 1e-12 * size[-1]
    if alpha == 0 and sound.sum() >= len(values) - 1:
        found, remedy = f"{int(sound.sum())} dimensions in {len(values)} rows", "set n_components lower"
        raise InputError(name, expected="fewer dimensions than rows less 1", found=found, remedy=remedy)
    factor = np.full(size.size, alpha)
    factor[sound] += (1 - alpha) * np.sqrt(size[sound].mean() / size[sound])
    factor /= np.sqrt((factor[sound] ** 2 * size[sound]).sum())
    return (axes * factor) @ axes.T


def _both_sides(block: NDArray, left: NDArray | float, right: NDArray | float) -> NDArray[np.float64]:
    """Products of two systems as they are, made products of their ``phi`` but for `_sizes`."""
    if isinstance(left, float) or isinstance(right, float):
        return block
    return left.T @ block @ right


def _sizes(whitener: NDArray | float) -> float:
    """What is left to multiply singular values with."""
    return whitener if isinstance(whitener, float) else 1.0
