"""The rotation that brings one linear map nearest to another, from many starts at once."""

import numpy as np
from numpy.typing import NDArray

_MOST = 2000  # iterations of a start
_STILL = 1e-11  # gain of an iteration at which a start counts as converged; the objective is at most 1


def best_rotation(
    a: NDArray, b: NDArray, *, n_starts: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Rotations ``(start, n, n)``, residual norms ``|A - C B C'|`` ``(start,)`` and whether each start converged.

    Both matrices are of norm 1. A start moves to the orthogonal matrix nearest to the gradient plus a shift times
    itself. With a shift of 1, no less than the curvature, the objective can never fall; a smaller one is taken as long
    as it does not, which is much faster.
    """
    n = len(a)
    starts = _from_eigenvectors(a, b)[:n_starts]
    if n_starts > len(starts):
        starts = np.concatenate([starts, random_rotations(n_starts - len(starts), n, rng)])
    at, done = starts, np.zeros(len(starts), dtype=bool)
    value, shift = _objective(a, b, at), np.full(len(at), 0.05)
    for _ in range(_MOST):
        live = np.flatnonzero(~done)
        if not live.size:
            break
        now = at[live]
        slope = a @ now @ b.T + a.T @ now @ b
        new = polar(slope + shift[live, None, None] * now)
        reached = _objective(a, b, new)
        gain = reached - value[live]
        better = gain >= 0
        at[live[better]], value[live[better]] = new[better], reached[better]
        done[live] = (np.abs(gain) < _STILL) & (better | (shift[live] >= 2))
        shift[live] = np.where(better, np.maximum(shift[live] * 0.8, 0.01), np.minimum(shift[live] * 4, 2.0))
    residual = np.linalg.norm(a - at @ b @ np.swapaxes(at, -1, -2), axis=(-2, -1))
    return at, residual, done


def polar(matrices: NDArray) -> NDArray[np.float64]:
    """The orthogonal matrices nearest to ``(..., n, n)``."""
    left, _, right = np.linalg.svd(matrices)
    return left @ right


def random_rotations(n_draws: int, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Orthogonal matrices, uniform over rotations and reflections ``(draw, n, n)``."""
    q, r = np.linalg.qr(rng.standard_normal((n_draws, n, n)))
    return q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[:, None, :]


def _objective(a: NDArray, b: NDArray, rotations: NDArray) -> NDArray[np.float64]:
    """``<A, C B C'>`` of each."""
    return np.einsum("ij,sij->s", a, rotations @ b @ np.swapaxes(rotations, -1, -2))


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
