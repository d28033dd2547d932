"""Damped Gauss-Newton steps of many searches at once: ``min over s of |J s + F|^2 + damping |s|^2``."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from neurorec.dynamics.velocities import At, UnitVelocity, Velocity

LANES = 16  # searches side by side in a vector register
SMALL, MANY = 24, 64  # states up to which, and float32 searches from which on, that is faster than LAPACK
_ENOUGH = 0.1  # of the gradient that is left by an approximate step, in nearly all searches
_NEARLY = 0.9
_BLOCK = 2**22  # most elements of the Jacobians that are held at once


def damped_steps(F: Velocity, states: NDArray, drive: NDArray, at: At, damping: NDArray) -> tuple[NDArray, NDArray]:
    """Steps ``(point, state)`` and the speeds ``|J s + F|^2 / 2`` that they promise ``(point,)``."""
    n_points, n_states = states.shape
    steps, left = np.empty_like(states), np.empty_like(states)
    block = max(1, _BLOCK // n_states**2)
    for low in range(0, n_points, block):
        part = slice(low, low + block)
        at_part = At(*(values[part] for values in at))
        jacobians = F.jacobians(states[part], drive[part], at_part)
        steps[part] = solve_damped(jacobians, at_part.velocity, damping[part])
        left[part] = at_part.velocity + np.matmul(jacobians, steps[part][:, :, None])[:, :, 0]
    return steps, 0.5 * rows(left, left)


def solve_damped(jacobians: NDArray, velocity: NDArray, damping: NDArray) -> NDArray:
    """``-(J'J + damping)^-1 J'F (point, state)``; not finite where that cannot be had."""
    n_points, n_states = velocity.shape
    out = np.empty_like(velocity)
    kind = velocity.dtype.char
    if n_states <= SMALL and n_points >= MANY and kind == "f":
        _solve_lanes(np.ascontiguousarray(jacobians), velocity, damping.astype(velocity.dtype), out)
        return out
    square, solve = (blas.ssyrk, lapack.sposv) if kind == "f" else (blas.dsyrk, lapack.dposv)
    for k in range(n_points):
        curvature = square(1.0, jacobians[k].T, lower=0)
        curvature.ravel("K")[:: n_states + 1] += damping[k]
        found = solve(curvature, velocity[k] @ jacobians[k], lower=0, overwrite_a=1, overwrite_b=1)
        out[k] = -found[1] if found[2] == 0 else np.nan
    return out


def unit_steps(F: UnitVelocity, at: At, damping: NDArray) -> tuple[NDArray, NDArray]:
    """The same as `damped_steps`, of a small network, whose Jacobians are never in memory."""
    memory, velocity = np.ascontiguousarray(at.memory), np.ascontiguousarray(at.velocity)
    steps, promised = np.empty_like(velocity), np.empty_like(damping)
    _unit_lanes(F.weights, F.leak, F.currents, memory, velocity, damping, steps, promised)
    return steps, promised


def approximate_steps(F: UnitVelocity, at: At, damping: NDArray, n_products: int) -> tuple[NDArray, NDArray]:
    """The same as `damped_steps`, roughly, by conjugate gradients (CGLS, Bjorck 1996) and without a Jacobian."""
    step, left = np.zeros_like(at.velocity), -at.velocity
    gradient = F.backward(at.memory, left)
    along, size = gradient.copy(), rows(gradient, gradient)
    asked = _ENOUGH**2 * size
    for _ in range(n_products):
        moved = F.forward(at.memory, along)
        curvature = rows(moved, moved) + damping * rows(along, along)
        length = (size / np.maximum(curvature, np.finfo(size.dtype).tiny))[:, None]
        step += length * along
        left -= length * moved
        gradient = F.backward(at.memory, left) - damping[:, None] * step
        before, size = size, rows(gradient, gradient)
        if (size <= asked).mean() > _NEARLY:
            break
        along *= (size / np.maximum(before, np.finfo(size.dtype).tiny))[:, None]
        along += gradient
    return step, 0.5 * rows(left, left)


def rows(a: NDArray, b: NDArray) -> NDArray:
    """Products of rows ``(point,)``."""
    return np.einsum("ij,ij->i", a, b)


_SUMS = {"contract", "nsz", "reassoc", "arcp"}  # sums may be reordered, NaN stays NaN


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_SUMS)
def _solve_lanes(jacobians, velocity, damping, out):
    """Normal equations by Cholesky, `LANES` searches at a time, each in its lane."""
    n_points, n, _ = jacobians.shape
    kind = jacobians.dtype
    J, A = np.empty((n, n, LANES), kind), np.empty((n, n, LANES), kind)
    F, x, D = np.empty((n, LANES), kind), np.empty((n, LANES), kind), np.empty(LANES, kind)
    for low in range(0, n_points, LANES):
        for c in range(LANES):
            point = min(low + c, n_points - 1)
            D[c] = damping[point]
            for i in range(n):
                F[i, c] = velocity[point, i]
                for j in range(n):
                    J[i, j, c] = jacobians[point, i, j]
        _normal_equations(J, F, D, A, x)
        _factor(A, D)
        _substitute(A, x)
        for c in range(min(LANES, n_points - low)):
            for i in range(n):
                out[low + c, i] = x[i, c]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_SUMS)
def _unit_lanes(weights, leak, currents, memory, velocity, damping, steps, promised):
    """The same of a network of units, whose Jacobians are made lane by lane; and the speeds promised."""
    n_points, n = velocity.shape
    kind = velocity.dtype
    J, A = np.empty((n, n, LANES), kind), np.empty((n, n, LANES), kind)
    F, x, M = np.empty((n, LANES), kind), np.empty((n, LANES), kind), np.empty((n, LANES), kind)
    D, pivot, square = np.empty(LANES, kind), np.empty(LANES, kind), np.empty(LANES, kind)
    for low in range(0, n_points, LANES):
        for c in range(LANES):
            point = min(low + c, n_points - 1)
            D[c] = damping[point]
            for i in range(n):
                F[i, c], M[i, c] = velocity[point, i], memory[point, i]
        _unit_jacobians(weights, leak, currents, M, J)
        _normal_equations(J, F, D, A, x)
        M[:] = x
        _factor(A, pivot)
        _substitute(A, x)
        square[:] = 0
        for i in range(n):  # |J s + F|^2, as (J'J + D) s = -J'F
            for c in range(LANES):
                square[c] += F[i, c] * F[i, c] - x[i, c] * (M[i, c] + D[c] * x[i, c])
        for c in range(min(LANES, n_points - low)):
            promised[low + c] = square[c] / 2
            for i in range(n):
                steps[low + c, i] = x[i, c]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_SUMS)
def _unit_jacobians(weights, leak, currents, memory, J):
    """``a f' W - a``, or of currents ``a W f' - a``, from ``a f'``; lanes last."""
    n = len(weights)
    for i in range(n):
        for j in range(n):
            of = j if currents else i
            for c in range(LANES):
                J[i, j, c] = weights[i, j] * memory[of, c]
        for c in range(LANES):
            J[i, i, c] -= leak


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_SUMS)
def _normal_equations(J, F, D, A, x):
    """``A = J'J + D`` below the diagonal, ``x = -J'F``; lanes last. Four rows at a time: sums pass through memory."""
    n = J.shape[0]
    whole = n - n % 4
    total = np.empty(LANES, J.dtype)
    for i in range(n):
        for j in range(i + 1):
            total[:] = 0
            for k in range(0, whole, 4):
                for c in range(LANES):
                    one = J[k, i, c] * J[k, j, c] + J[k + 1, i, c] * J[k + 1, j, c]
                    total[c] += one + (J[k + 2, i, c] * J[k + 2, j, c] + J[k + 3, i, c] * J[k + 3, j, c])
            for k in range(whole, n):
                for c in range(LANES):
                    total[c] += J[k, i, c] * J[k, j, c]
            A[i, j] = total
        for c in range(LANES):
            A[i, i, c] += D[c]
        total[:] = 0
        for k in range(n):
            for c in range(LANES):
                total[c] -= J[k, i, c] * F[k, c]
        x[i] = total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_SUMS)
def _factor(A, total):
    """Cholesky's factor over A, the diagonal inverted; lanes last."""
    n = A.shape[0]
    for j in range(n):
        whole = j - j % 4
        for i in range(j, n):
            total[:] = A[i, j]
            for k in range(0, whole, 4):
                for c in range(LANES):
                    one = A[i, k, c] * A[j, k, c] + A[i, k + 1, c] * A[j, k + 1, c]
                    total[c] -= one + (A[i, k + 2, c] * A[j, k + 2, c] + A[i, k + 3, c] * A[j, k + 3, c])
            for k in range(whole, j):
                for c in range(LANES):
                    total[c] -= A[i, k, c] * A[j, k, c]
            if i == j:
                for c in range(LANES):
                    A[j, j, c] = 1 / np.sqrt(total[c])
            else:
                for c in range(LANES):
                    A[i, j, c] = total[c] * A[j, j, c]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_SUMS)
def _substitute(A, x):
    """The solution over x, by a factor from `_factor`; lanes last."""
    n = A.shape[0]
    for j in range(n):
        for c in range(LANES):
            x[j, c] *= A[j, j, c]
        for i in range(j + 1, n):
            for c in range(LANES):
                x[i, c] -= A[i, j, c] * x[j, c]
    for j in range(n - 1, -1, -1):
        for c in range(LANES):
            x[j, c] *= A[j, j, c]
        for i in range(j):
            for c in range(LANES):
                x[i, c] -= A[j, i, c] * x[j, c]
