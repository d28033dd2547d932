"""The two loops of L-BFGS over kept curvature pairs, row by row."""

import numpy as np
from numba import njit

from neurorec.glm.kernels.losses import SUMS


@njit(inline="always", error_model="numpy", fastmath=SUMS)
def _dot(a, b):
    total = a.dtype.type(0)
    for i in range(a.size):
        total += a[i] * b[i]
    return float(total)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def first_loop(q, s, y, sy, ss, order, penalty, alpha, low, high):
    """From the newest pair to the oldest; ``q`` (row, packed) is changed in place, ``alpha`` (row, pair) is written."""
    for row in range(low, high):
        p = q.dtype.type(penalty[row])
        g = q[row]
        for k in order[::-1]:
            bend = sy[row, k] + penalty[row] * ss[row, k]
            alpha[row, k] = 0.0
            if bend > 0:
                step, change = s[row, k], y[row, k]
                found = _dot(step, g) / bend
                alpha[row, k] = found
                a = q.dtype.type(found)
                for i in range(g.size):
                    g[i] -= a * (change[i] + p * step[i])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def second_loop(q, s, y, sy, ss, order, penalty, alpha, low, high):
    """From the oldest pair to the newest; ``q`` is changed in place."""
    for row in range(low, high):
        p = q.dtype.type(penalty[row])
        g = q[row]
        for k in order:
            bend = sy[row, k] + penalty[row] * ss[row, k]
            if bend > 0:
                step, change = s[row, k], y[row, k]
                total = q.dtype.type(0)
                for i in range(g.size):
                    total += (change[i] + p * step[i]) * g[i]
                a = q.dtype.type(alpha[row, k] - total / bend)
                for i in range(g.size):
                    g[i] += a * step[i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def keep_pairs(G, gradient, direction, step, fresh, s, y, sy, ss, place, low, high):
    """Take a step and its change of gradient into the ring; fresh rows leave zeros, which say nothing.

    ``direction`` becomes the step taken, ``G`` the new gradient.
    """
    for row in range(low, high):
        t = G.dtype.type(step[row])
        g, new, d, kept, change = G[row], gradient[row], direction[row], s[row, place], y[row, place]
        total, square = G.dtype.type(0), G.dtype.type(0)
        for i in range(g.size):
            d[i] *= t
            kept[i] = d[i]
            change[i] = new[i] - g[i]
            g[i] = new[i]
            total += kept[i] * change[i]
            square += kept[i] * kept[i]
        sy[row, place], ss[row, place] = float(total), float(square)
        if fresh[row]:
            kept[:] = 0
            change[:] = 0
            sy[row, place], ss[row, place] = 0.0, 0.0


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def row_dots(a, b):
    """Products of the rows of two arrays, in float64 ``(row,)``."""
    out = np.empty(len(a))
    for row in range(len(a)):
        out[row] = _dot(a[row], b[row])
    return out
