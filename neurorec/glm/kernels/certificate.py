"""Duality gaps at better dual points: residuals moved along an image whose gradient the Gram matrix knows."""

import math

import numpy as np
from numba import njit

from neurorec.glm.kernels.losses import SUMS
from neurorec.glm.kernels.proximal import duality_gap, scaled_gram, working_set
from neurorec.glm.kernels.shrinking import add, dot, minimise_model

FARTHEST = 0.5  # change of eta allowed to the image: bends of the conjugate grow by 1 / (1 - it)
ENOUGH = 1e-5  # of the minimisation: a looser one loosens the bound


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def tighten_rows(low, high, standing, metric, grouping, mask, worst, least, reach, wanted, bound):
    """Lower the bounds of the ``wanted`` rows of ``low:high`` in place, where a better dual point does.

    ``standing`` is (units, B, G, l1, l2), ``metric`` (gram, private, scale, least), ``grouping`` (sequence, begin,
    weight), ``mask`` (1 or unit, packed) False where a coefficient must be 0, ``least`` (row,) the smallest second
    derivative of the loss of any bin and ``reach`` (a, b): no bin of an image X d is beyond min(a |d|_Gram, b |d|_2).
    """
    units, B, G, l1, l2 = standing
    buffer = np.empty(0, dtype=B.dtype)
    steps = np.empty((0, B.shape[1]), dtype=B.dtype)
    for row in range(low, high):
        if not (wanted[row] and least[row] > 0):
            continue
        unit, c = units[row], least[row]
        weight = grouping[2][min(unit, len(grouping[2]) - 1)]
        columns, begin, n = working_set(B[row], G[row], l1[row], grouping, weight, steps)
        if n == 0:
            continue
        if buffer.size < n**2:
            buffer = np.empty(n**2, dtype=B.dtype)
        hessian = buffer[: n**2].reshape((n, n))
        threshold = np.empty(begin.size - 1, dtype=B.dtype)
        for group in range(threshold.size):
            threshold[group] = l1[row] * weight[columns[begin[group]]]
        scaled_gram(hessian, columns, unit, c, max(l2[row], 1e-6 * c), metric)
        d = _way(hessian, columns, begin, threshold, B[row], G[row], l2[row])
        image, square = _image(metric[0], columns, d)
        change = min(reach[0] * math.sqrt(square), reach[1] * math.sqrt(dot(d, d)))
        share = min(1.0, FARTHEST / change) if change > 0 else 1.0
        gradient = _moved(G[row], image, share * c, mask[min(unit, len(mask) - 1)])
        moved = 0.5 * c * share**2 * square / (1 - share * change)
        tighter = moved + duality_gap(B[row], gradient, l1[row], l2[row], grouping, weight, worst[unit])
        if tighter < bound[row]:
            bound[row] = tighter


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _way(hessian, columns, begin, threshold, b, g, l2):
    """From b to the minimum of the model, on the working set."""
    x, gradient = np.empty(columns.size, dtype=b.dtype), np.empty(columns.size, dtype=b.dtype)
    for i in range(columns.size):
        x[i] = b[columns[i]]
        gradient[i] = g[columns[i]] + b.dtype.type(l2) * x[i]
    minimise_model(hessian, gradient, x, begin, threshold, ENOUGH)
    for i in range(columns.size):
        x[i] -= b[columns[i]]
    return x


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _image(gram, columns, d):
    """Gram d over all columns, and d'Gram d."""
    image = np.zeros(len(gram), dtype=d.dtype)
    for i in range(columns.size):
        if d[i] != 0:
            add(image, d[i], gram[columns[i]])
    square = 0.0
    for i in range(columns.size):
        square += float(d[i]) * float(image[columns[i]])
    return image, max(square, 0.0)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _moved(g, image, factor, mask):
    gradient = np.zeros(g.size)
    for j in range(g.size):
        if mask[j]:
            gradient[j] = float(g[j]) + factor * float(image[j])
    return gradient
