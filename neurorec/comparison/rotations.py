"""The rotation that brings one linear map nearest to another, from many starts at once."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

_N_POLAR, _SHAKE = 150, 0.3  # polar steps; size of a shake, rad
_MOST = 1000  # iterations of a start
_STILL, _FLAT = 1e-11, 1e-7  # gain of an iteration, and slope, at which it has converged; the objective is at most 1


def best_rotation(
    a: NDArray, b: NDArray, *, n_starts: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Rotations ``(start, n, n)``, residual norms ``|A - C B C'|`` ``(start,)`` and whether each start converged.

    Both matrices are of norm 1. Multiples of the identity turn into themselves: they are taken off, as they would only
    slow the search. All starts first move together by polar steps, which find good basins, and each then climbs to the
    top of its own. A quarter of the starts are kept for shaken copies of the best, whose neighbours are often better.
    """
    n, n_shaken = len(a), n_starts // 4
    flat_a, flat_b = (_units(_without_identity(m)) for m in (a, b))
    starts = np.concatenate([_from_eigenvectors(flat_a, flat_b), np.eye(n)[None]])[: n_starts - n_shaken]
    if n_starts - n_shaken > len(starts):
        starts = np.concatenate([starts, random_rotations(n_starts - n_shaken - len(starts), n, rng)])
    ends, done, reached = [], [], []
    for start in _polar_steps(flat_a, flat_b, starts):
        _add(ends, done, reached, _climb(flat_a, flat_b, start))
    for _ in range(n_shaken):
        best = ends[int(np.argmax(reached))]
        shake = np.triu(rng.standard_normal((n, n)), 1) * _SHAKE / np.sqrt(n)
        _add(ends, done, reached, _climb(flat_a, flat_b, polar(best @ (np.eye(n) + shake - shake.T))))
    at = np.stack(ends)
    residual = np.linalg.norm(a - at @ b @ np.swapaxes(at, -1, -2), axis=(-2, -1))
    return at, residual, np.array(done)


def _add(ends: list, done: list, reached: list, climbed: tuple[NDArray, bool, float]) -> None:
    for into, what in zip((ends, done, reached), climbed, strict=True):
        into.append(what)


def _polar_steps(a: NDArray, b: NDArray, starts: NDArray) -> NDArray[np.float64]:
    """Some steps of every start to the orthogonal matrix nearest to the slope plus a shift times itself.

    With a shift as large as the curvature the objective can never fall; smaller ones are taken as long as it does not.
    """
    at = starts.copy()
    value, shift = _objective(a, b, at), np.full(len(at), 0.05)
    for _ in range(_N_POLAR):
        slope = a @ at @ b.T + a.T @ at @ b
        new = polar(slope + shift[:, None, None] * at)
        reached = _objective(a, b, new)
        better = reached >= value
        at[better], value[better] = new[better], reached[better]
        shift = np.where(better, np.maximum(shift * 0.8, 1e-3), np.minimum(shift * 4, 2.0))
    return at


def _objective(a: NDArray, b: NDArray, rotations: NDArray) -> NDArray[np.float64]:
    """``<A, C B C'>`` of each."""
    return np.einsum("ij,sij->s", a, rotations @ b @ np.swapaxes(rotations, -1, -2))


def _climb(a: NDArray, b: NDArray, start: NDArray) -> tuple[NDArray[np.float64], bool, float]:
    """A local maximum of ``<A, C B C'>``, whether it was reached, and its value.

    By L-BFGS over ``C = start (1 - S) (1 + S)^-1``, S skew.
    """
    n = len(a)
    upper, one = np.triu_indices(n, 1), np.eye(n)
    if n < 2:
        return start, True, float(_objective(a, b, start[None])[0])

    def rotation(angles: NDArray) -> tuple[NDArray, NDArray]:
        skew = np.zeros((n, n))
        skew[upper] = angles
        inverse = np.linalg.inv(one + skew - skew.T)
        return 2 * inverse - one, inverse

    def cost(angles: NDArray) -> tuple[float, NDArray]:
        turn, inverse = rotation(angles)
        now = start @ turn
        left, right = a @ now, now @ b
        slope = left @ b.T + a.T @ right
        # d turn = -(1 + turn) dS (1 + S)^-1
        by_skew = (one + turn).T @ (start.T @ slope) @ inverse.T
        return -float((left * right).sum()), (by_skew - by_skew.T)[upper]

    options = {"maxiter": _MOST, "maxfun": 2 * _MOST, "ftol": _STILL, "gtol": _FLAT, "maxcor": 20}
    found = minimize(cost, np.zeros(upper[0].size), jac=True, method="L-BFGS-B", options=options)
    return polar(start @ rotation(found.x)[0]), bool(found.status == 0), -float(found.fun)


def _without_identity(matrix: NDArray) -> NDArray[np.float64]:
    return matrix - np.eye(len(matrix)) * np.trace(matrix) / len(matrix)


def _units(matrix: NDArray) -> NDArray[np.float64]:
    """Of norm 1; nothing stays nothing."""
    size = np.linalg.norm(matrix)
    return matrix / size if size > 1e-12 else matrix


def polar(matrices: NDArray) -> NDArray[np.float64]:
    """The orthogonal matrices nearest to ``(..., n, n)``."""
    left, _, right = np.linalg.svd(matrices)
    return left @ right


def random_rotations(n_draws: int, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Orthogonal matrices, uniform over rotations and reflections ``(draw, n, n)``."""
    q, r = np.linalg.qr(rng.standard_normal((n_draws, n, n)))
    return q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[:, None, :]


def _from_eigenvectors(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """Starts that bring eigenvectors of matrices that turn with the map onto each other ``(start, n, n)``.

    Eigenvectors have no sign. If B is A turned, the maps in these bases differ by signs alone,
    ``K_ij = s_i s_j L_ij``, and the leading eigenvector of ``K * L`` has the signs s.
    """
    starts = []
    for of in (lambda m: m + m.T, lambda m: m @ m.T, lambda m: m.T @ m):
        bases = [np.linalg.eigh(of(m))[1] for m in (a, b)]
        inside = [basis.T @ m @ basis for basis, m in zip(bases, (a, b), strict=True)]
        agreement = inside[0] * inside[1]
        signs = np.sign(np.linalg.eigh(agreement + agreement.T)[1][:, -1])
        signs[signs == 0] = 1
        starts.append((bases[0] * signs) @ bases[1].T)
    return np.stack(starts)
