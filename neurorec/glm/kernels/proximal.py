"""Proximal quasi-Newton steps, unit by unit: a quadratic model on a working set, and its minimum under the penalty.

Columns come in groups of one or more, each penalised by threshold * |b_group|_2: a group of one is an absolute value.
"""

import math

import numpy as np
from numba import njit

from neurorec.glm.kernels.losses import SUMS
from neurorec.glm.kernels.shrinking import add, dot, minimise_model

NEAR = 0.9  # groups whose gradient is above this share of the threshold are worked on beside those in use
ENOUGH = 1e-4  # decrease by a sweep, relative to that by the first, at which the minimum of the model is near enough
FLAT = 1e-7  # curvature per squared length below which a pair is rounding


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def propose_rows(low, high, standing, pairs, metric, grouping, direction, slope):
    """Directions and slopes (start, linear, square) along them of rows ``low:high``.

    ``standing`` is (units, B, G, l1, l2), ``pairs`` (s, y, sy, ss, order), ``metric`` (gram, private, scale, least)
    and ``grouping`` (sequence, begin, weight). ``direction`` and ``slope`` come in as zeros and stay so in rows that
    have no way down.
    """
    units, B, G, l1, l2 = standing
    buffer = np.empty(0, dtype=B.dtype)
    for row in range(low, high):
        unit = units[row]
        weight = grouping[2][min(unit, len(grouping[2]) - 1)]
        columns, begin, n_work = working_set(B[row], G[row], l1[row], grouping, weight, pairs[0][row])
        if n_work == 0:
            continue
        if buffer.size < columns.size**2:
            buffer = np.empty(columns.size**2, dtype=B.dtype)
        hessian = buffer[: columns.size**2].reshape((columns.size, columns.size))
        threshold = np.empty(begin.size - 1, dtype=B.dtype)
        for group in range(threshold.size):
            threshold[group] = l1[row] * weight[columns[begin[group]]]
        for n_pairs in (pairs[4].size, 0):  # without the pairs where rounding has made them useless
            _model(hessian, columns, n_work, unit, row, l2[row], pairs, n_pairs, metric)
            _step(hessian, columns, begin, threshold, B[row], G[row], l2[row], direction[row], slope[:, row])
            if slope[0, row] < 0:
                break
        if not slope[0, row] < 0:
            direction[row] = 0
            slope[:, row] = 0


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def bound_rows(low, high, standing, grouping, worst, bound):
    """Duality gaps of rows ``low:high``; the arguments are those of `propose_rows` and `duality_gap`."""
    units, B, G, l1, l2 = standing
    for row in range(low, high):
        weight = grouping[2][min(units[row], len(grouping[2]) - 1)]
        bound[row] = duality_gap(B[row], G[row], l1[row], l2[row], grouping, weight, worst[units[row]])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def duality_gap(b, g, l1, l2, grouping, weight, worst):
    """Bound on f - f_best from a gradient at some residuals; every term is >= 0."""
    sequence, begin = grouping[0], grouping[1]
    total, highest = 0.0, 0.0
    for group in range(begin.size - 1):
        threshold = l1 * float(weight[sequence[begin[group]]])
        inner, square, steep = 0.0, 0.0, 0.0
        for place in range(begin[group], begin[group + 1]):
            j = sequence[place]
            inner += float(g[j]) * float(b[j])
            square += float(b[j]) * float(b[j])
            steep += float(g[j]) * float(g[j])
        total += inner + threshold * math.sqrt(square) + 0.5 * l2 * square
        over = math.sqrt(steep) - threshold
        if over > 0 and l2 > 0:
            total += over * over / (2 * l2)
        elif over > 0:
            highest = max(highest, over / threshold if threshold > 0 else np.inf)
        elif over != over:
            total = np.nan
    return total + highest * worst if highest > 0 else total


@njit(nogil=True, cache=True, error_model="numpy")
def working_set(b, g, l1, grouping, weight, steps):
    """Columns worked on, group by group, where the groups begin, and how many; the rest of the kept steps follow.

    A column whose coefficient and gradient are exactly 0 is masked, or may wait for the next step.
    """
    sequence, starts = grouping[0], grouping[1]
    columns, begin = np.empty(b.size, dtype=np.int64), np.empty(starts.size, dtype=np.int64)
    taken = np.zeros(b.size, dtype=np.bool_)
    n, n_groups = 0, 0
    begin[0] = 0
    for group in range(starts.size - 1):
        used, steep = False, 0.0
        for place in range(starts[group], starts[group + 1]):
            j = sequence[place]
            used = used or b[j] != 0
            steep += float(g[j]) * float(g[j])
        if not (used or math.sqrt(steep) > NEAR * l1 * weight[sequence[starts[group]]]):
            continue
        for place in range(starts[group], starts[group + 1]):
            j = sequence[place]
            if b[j] != 0 or g[j] != 0:
                columns[n] = j
                taken[j] = True
                n += 1
        n_groups += 1
        begin[n_groups] = n
    n_work = n
    for j in range(b.size):
        if not taken[j]:
            for k in range(len(steps)):
                if steps[k, j] != 0:
                    columns[n] = j
                    n += 1
                    break
    return columns[:n].copy(), begin[: n_groups + 1].copy(), n_work


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def scaled_gram(hessian, columns, unit, scale, ridge, metric):
    """Scale times the Gram matrix of some packed columns plus a ridge, in place."""
    gram, private = metric[0], metric[1]
    n_common, h = len(gram), gram.dtype.type(scale)
    for i in range(columns.size):
        at, out = columns[i], hessian[i]
        if at < n_common:
            line = gram[at]
            for j in range(columns.size):
                out[j] = h * line[columns[j]] if columns[j] < n_common else 0
        else:
            for j in range(columns.size):
                other = columns[j] - n_common
                out[j] = h * private[unit, at - n_common, other] if other >= 0 else 0
        out[i] += ridge


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _model(hessian, columns, n_work, unit, row, l2, pairs, n_pairs, metric):
    """BFGS Hessian on the columns of a working set, in place; beyond it only its start is right."""
    scale, least = metric[2][unit], metric[3][unit]
    scaled_gram(hessian, columns, unit, scale, max(l2, least), metric)
    if n_pairs:
        signs, vectors = _updates(hessian, columns, row, l2, pairs, n_pairs)
        for i in range(n_work):
            out, least_bend = hessian[i], hessian[i, i] * 1e-5
            for k in range(0, signs.size, 4):
                p, q, r, t = vectors[k], vectors[k + 1], vectors[k + 2], vectors[k + 3]
                fp, fq, fr, ft = signs[k] * p[i], signs[k + 1] * q[i], signs[k + 2] * r[i], signs[k + 3] * t[i]
                for j in range(n_work):
                    out[j] += (fp * p[j] + fq * q[j]) + (fr * r[j] + ft * t[j])
            out[i] = max(out[i], least_bend)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _updates(hessian, columns, row, l2, pairs, n_pairs):
    """The BFGS Hessian as its start plus signed outer products: signs ``(k,)`` and vectors ``(k, column)``.

    H+ = H + y y' / s'y - (H s)(H s)' / s'H s for each pair in turn; a pair of no curvature adds nothing. k is a
    multiple of 4, with vectors of 0 at the end.
    """
    S, Y, sy, ss, order = pairs
    kind = hessian.dtype.type
    signs = np.zeros(-(-2 * n_pairs // 4) * 4, dtype=hessian.dtype)
    vectors = np.zeros((signs.size, columns.size), dtype=hessian.dtype)
    step = np.empty(columns.size, dtype=hessian.dtype)
    n = 0
    for k in order:
        square = ss[row, k]
        bend = sy[row, k] + l2 * square
        if not bend > FLAT * square:
            continue
        change, image = vectors[n], vectors[n + 1]
        for i in range(columns.size):
            step[i] = S[row, k, columns[i]]
            change[i] = Y[row, k, columns[i]] + kind(l2) * step[i]
        for i in range(columns.size):
            image[i] = dot(hessian[i], step)
        for other in range(n):
            add(image, kind(signs[other] * dot(vectors[other], step)), vectors[other])
        own = dot(step, image)
        if not own > FLAT * square:
            change[:] = 0
            image[:] = 0
            continue
        for i in range(columns.size):
            change[i] *= kind(1 / math.sqrt(bend))
            image[i] *= kind(1 / math.sqrt(own))
        signs[n], signs[n + 1] = 1, -1
        n += 2
    return signs[: -(-n // 4) * 4], vectors


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _step(hessian, columns, begin, threshold, b, g, l2, direction, slope):
    """From b to the minimum of the model, and the slope of the objective along the way."""
    n = begin[-1]
    kind = b.dtype.type
    x, gradient = np.empty(n, dtype=b.dtype), np.empty(n, dtype=b.dtype)
    for i in range(n):
        x[i] = b[columns[i]]
        gradient[i] = g[columns[i]] + kind(l2) * x[i]
    steep = gradient.copy()
    minimise_model(hessian, gradient, x, begin, threshold, ENOUGH)
    for i in range(n):
        direction[columns[i]] = x[i] - b[columns[i]]
    inner, square, across, change = 0.0, 0.0, 0.0, 0.0
    for group in range(threshold.size):
        before, after = 0.0, 0.0
        for i in range(begin[group], begin[group + 1]):
            d, now = float(direction[columns[i]]), float(b[columns[i]])
            inner += float(steep[i]) * d
            square += d * d
            across += now * d
            before += now * now
            after += (now + d) * (now + d)
        change += float(threshold[group]) * (math.sqrt(after) - math.sqrt(before))
    slope[0], slope[1], slope[2] = inner + change, l2 * across + change, l2 * square
