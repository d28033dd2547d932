"""Small quadratic problems under the norms of groups of columns, of which absolute values are those of one."""

import math

import numpy as np
from numba import njit

from neurorec.glm.kernels.losses import SUMS

MOST_ROUNDS = 30
SWEEPS = 2  # of coordinate descent in each round, before the step on the coordinates in use
MOST_PRODUCTS = 20  # of the conjugate-gradient solution for that step
PRECISE = 1e-4  # of its solution: squared residual, relative to the first


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def dot(a, b):
    """Product of two vectors, in float64."""
    total = a.dtype.type(0)
    for i in range(a.size):
        total += a[i] * b[i]
    return float(total)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def add(out, factor, a):
    """Add a multiple of a vector, in place."""
    for i in range(out.size):
        out[i] += factor * a[i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _norm(a, low, high):
    total = 0.0
    for i in range(low, high):
        total += float(a[i]) * float(a[i])
    return math.sqrt(total)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def minimise_model(hessian, gradient, x, begin, threshold, enough):
    """Minimise g'd + d'H d / 2 + sum_group threshold |x + d|_2 over d, moving ``x`` and ``gradient`` there, in place.

    Sweeps over the groups find out which of them are in use; a step on those goes where the sweeps alone would take
    hundreds of rounds. It is over when a sweep gains no more than ``enough`` of what the first one did. ``begin``
    (group + 1,) says where the groups begin; only the leading columns of ``hessian`` are read.
    """
    values, vectors = _decompose(hessian, begin)
    first = 0.0
    for _ in range(MOST_ROUNDS):
        for _ in range(SWEEPS):
            moved = _sweep(hessian, gradient, x, begin, threshold, values, vectors)
            first = max(first, moved)
        if not moved > enough * first:
            break
        _step_in_use(hessian, gradient, x, begin, threshold)


@njit(nogil=True, cache=True, error_model="numpy")
def _decompose(hessian, begin):
    """Eigenvalues of the diagonal blocks ``(column,)``, and eigenvectors ``(column, place)`` of those of several."""
    n, widest = begin[-1], 1
    for group in range(begin.size - 1):
        widest = max(widest, begin[group + 1] - begin[group])
    values = np.empty(n)
    vectors = np.empty((n if widest > 1 else 0, widest))
    for group in range(begin.size - 1):
        low, high = begin[group], begin[group + 1]
        if high == low + 1:
            values[low] = hessian[low, low]
        elif high > low:
            block = np.empty((high - low, high - low))
            for i in range(low, high):
                for j in range(low, high):
                    block[i - low, j - low] = hessian[i, j]
            values[low:high] = np.nan
            if np.isfinite(block).all():
                found, basis = np.linalg.eigh(block)
                values[low:high] = np.maximum(found, found[-1] * 1e-6)
                vectors[low:high, : high - low] = basis
    return values, vectors


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _sweep(hessian, gradient, x, begin, threshold, values, vectors):
    """Set every group in turn to its best value; the decrease of the model by all of them, nearly."""
    total = 0.0
    kind = x.dtype.type
    for group in range(threshold.size):
        low, high = begin[group], begin[group + 1]
        if high > low + 1:
            total += _move_group(hessian, gradient, x, low, high, float(threshold[group]), values, vectors)
            continue
        bend = kind(values[low])
        aim = bend * x[low] - gradient[low]
        new = kind(0)
        if aim > threshold[group]:
            new = (aim - threshold[group]) / bend
        elif aim < -threshold[group]:
            new = (aim + threshold[group]) / bend
        change = new - x[low]
        if change != 0:
            x[low] = new
            total += float(bend * change * change)
            add(gradient, change, hessian[low, : gradient.size])
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _step_in_use(hessian, gradient, x, begin, threshold):
    """Newton step on the groups in use; single columns stop at 0, and where that is uphill the step is halved."""
    way = _newton(hessian, gradient, x, begin, threshold)
    kind = x.dtype.type
    change, image = np.empty_like(x), np.empty_like(x)
    for trial in range(4):
        length = kind(0.5**trial)
        image[:] = 0
        gain = 0.0
        for group in range(threshold.size):
            low, high = begin[group], begin[group + 1]
            before, after = 0.0, 0.0
            for i in range(low, high):
                change[i] = length * way[i]
                if high == low + 1 and (x[i] + change[i]) * x[i] <= 0:
                    change[i] = -x[i]
                if change[i] != 0:
                    add(image, change[i], hessian[i, : x.size])
                before += float(x[i]) ** 2
                after += (float(x[i]) + float(change[i])) ** 2
            gain += float(threshold[group]) * (math.sqrt(after) - math.sqrt(before))
        if gain + dot(gradient, change) + 0.5 * dot(change, image) < 0:
            add(x, kind(1), change)
            add(gradient, kind(1), image)
            break


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _newton(hessian, gradient, x, begin, threshold):
    """Newton step on the groups in use, 0 elsewhere, by conjugate gradients."""
    kind = x.dtype.type
    rest, bend, pull = _downhill(hessian, gradient, x, begin, threshold)
    step, image = np.zeros_like(x), np.empty_like(x)
    way = rest / bend
    left = dot(rest, way)
    first = left
    for _ in range(MOST_PRODUCTS):
        if not left > PRECISE * first:
            break
        image[:] = 0
        for i in range(x.size):
            if way[i] != 0:
                add(image, way[i], hessian[i, : x.size])
        _add_pull(image, way, x, begin, pull)
        own = dot(way, image)
        if not own > 0:
            break
        length = left / own
        add(step, kind(length), way)
        before, left = left, 0.0
        for i in range(x.size):
            if x[i] != 0:
                rest[i] -= kind(length) * image[i]
                left += float(rest[i]) ** 2 / float(bend[i])
        for i in range(x.size):
            way[i] = rest[i] / bend[i] + kind(left / before) * way[i]
    return step


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _downhill(hessian, gradient, x, begin, threshold):
    """Downhill slope and curvature of the columns in use, (0, 1) elsewhere, and threshold / norm of larger groups."""
    kind = x.dtype.type
    rest, bend, pull = np.zeros_like(x), np.ones_like(x), np.zeros(threshold.size, dtype=x.dtype)
    for group in range(threshold.size):
        low, high = begin[group], begin[group + 1]
        norm = _norm(x, low, high)
        if norm == 0:
            continue
        if high > low + 1:
            pull[group] = threshold[group] / norm
        for i in range(low, high):
            rest[i] = -(gradient[i] + threshold[group] * kind(x[i] / norm))
            bend[i] = hessian[i, i] + pull[group]
    return rest, bend, pull


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _add_pull(image, way, x, begin, pull):
    """Add the second derivative of the groups' norms times a direction."""
    for group in range(pull.size):
        if pull[group] > 0:
            low, high = begin[group], begin[group + 1]
            along = dot(x[low:high], way[low:high]) / _norm(x, low, high) ** 2
            for i in range(low, high):
                image[i] += pull[group] * (way[i] - x.dtype.type(along) * x[i])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _move_group(hessian, gradient, x, low, high, threshold, values, vectors):
    """Set one group to its best value; the decrease of the model, nearly."""
    size = high - low
    aim = np.zeros(size)
    for i in range(size):
        aim[i] = -float(gradient[low + i])
        for j in range(size):
            aim[i] += float(hessian[low + i, low + j]) * float(x[low + j])
    new = _best_of_group(aim, values[low:high], vectors[low:high], threshold)
    total = 0.0
    for i in range(size):
        change = x.dtype.type(new[i] - float(x[low + i]))
        if change != 0:
            x[low + i] = new[i]
            total += float(values[low + i] * change * change)
            add(gradient, change, hessian[low + i, : gradient.size])
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _best_of_group(c, values, vectors, threshold):
    """Minimum of x'H x / 2 - c'x + threshold |x|: (H + threshold / r)^-1 c with r its length, 0 where |c| is small."""
    new = np.zeros(c.size)
    if not _norm(c, 0, c.size) > threshold:
        return new
    turned = np.zeros(c.size)
    for i in range(c.size):
        for j in range(c.size):
            turned[j] += vectors[i, j] * c[i]
    length = _length(turned, values, threshold)
    for j in range(c.size):
        turned[j] *= length / (values[j] * length + threshold)
    for i in range(c.size):
        for j in range(c.size):
            new[i] += vectors[i, j] * turned[j]
    return new


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _length(c, values, threshold):
    """The r > 0 at which sum_i (c_i / (values_i r + threshold))^2 = 1, for |c| > threshold.

    Newton steps on the inverse square root of the sum, which is nearly straight, kept between bounds.
    """
    norm = _norm(c, 0, c.size)
    low, high = (norm - threshold) / values[-1], (norm - threshold) / values[0]
    r = low
    for _ in range(50):
        square, fall = 0.0, 0.0
        for i in range(c.size):
            part = c[i] / (values[i] * r + threshold)
            square += part * part
            fall += part * part * values[i] / (values[i] * r + threshold)
        if square > 1:
            low = r
        else:
            high = r
        change = square * (math.sqrt(square) - 1) / fall if fall > 0 else 0.0
        r += change
        if abs(change) <= 1e-12 * r:
            break
        if not low <= r <= high:
            r = 0.5 * (low + high)
    return r
