"""The exact line search of each row: best step along a direction, with the best intercept, from kept images alone."""

import math

import numpy as np
from numba import njit

from neurorec.glm.kernels.extremes import extremes, smallest
from neurorec.glm.kernels.losses import (
    BERNOULLI,
    BLOCK,
    GAMMA,
    GAUSSIAN,
    POISSON,
    SUMS,
    derivatives,
    exponential,
)

LONGEST = 5.0  # first guess of a step moves no eta further than this, or exp would overflow
ACCURACY = 0.3  # slope left, as a share of that at step 0; smaller ones cost evaluations and save no passes
CENTRED = 1e-9  # what the intercept may still gain, likewise: else columns of mean far from 0 lend it to the gradient
MOST_EVALUATIONS = 30

# What sums is inlined into the one function that is compiled: a second copy of it, optimised on its own, could add up
# in another order, and the first run after an installation would differ from all others by rounding.


@njit(inline="always", error_model="numpy", fastmath=SUMS)
def _evaluate(family, e, d, y, w, dispersion, step, shift, residual, curve, eta, sums):
    """Weighted residuals and curvatures at eta = e + step d + shift, and the sums over time that a Newton step needs.

    ``sums``: means of the slope, slope d, curvature, curvature d, curvature d^2, in float64 over blocks; and the least
    curvature of any bin.
    """
    n, weighted = e.size, w.size > 0
    t, c = e.dtype.type(step), e.dtype.type(shift)
    zero = e.dtype.type(0)
    sums[:] = 0.0
    sums[5] = np.inf
    for low in range(0, n, BLOCK):
        m = min(BLOCK, n - low)
        db, rb, bend = d[low : low + m], residual[low : low + m], curve[low : low + m]
        for i in range(m):
            eta[i] = e[low + i] + t * db[i] + c
        derivatives(family, eta[:m], y[low : low + m], dispersion, rb, bend)
        if weighted:
            for i in range(m):
                rb[i] *= w[low + i]
                bend[i] *= w[low + i]
        s0, s1, b0, b1, b2 = zero, zero, zero, zero, zero
        for i in range(m):
            s0 += rb[i]
            s1 += rb[i] * db[i]
            b0 += bend[i]
            b1 += bend[i] * db[i]
            b2 += bend[i] * db[i] * db[i]
        sums[0] += s0
        sums[1] += s1
        sums[2] += b0
        sums[3] += b1
        sums[4] += b2
        sums[5] = min(sums[5], float(smallest(bend)))
    for k in range(5):
        sums[k] /= n


@njit(inline="always", error_model="numpy", fastmath=SUMS)
def _mean(d):
    total = 0.0
    for low in range(0, d.size, BLOCK):
        part = d.dtype.type(0)
        for i in range(low, min(low + BLOCK, d.size)):
            part += d[i]
        total += part
    return total / d.size


@njit(inline="always", error_model="numpy")
def _damped(change):
    """Share of a Newton step that surely goes down, the largest change of eta being ``change``."""
    return math.log1p(change) / max(change, 1e-30)


@njit(inline="always", error_model="numpy")
def _search_row(family, e, d, y, w, dispersion, slope, residual, curve, eta, sums):
    """Minimise one row's objective over (step, shift); ``slope``: start, linear, square, longest.

    Returns the step, the shift, and a last small change of the shift for which residuals need no evaluation.
    """
    lowest, highest = extremes(d)
    middle = _mean(d)
    step = min(1.0, LONGEST / max(max(highest - middle, middle - lowest), 1e-30), slope[3])
    shift = -step * middle
    for evaluation in range(1, MOST_EVALUATIONS + 1):
        _evaluate(family, e, d, y, w, dispersion, step, shift, residual, curve, eta, sums)
        if evaluation == MOST_EVALUATIONS:
            break
        down, bend = sums[1] + slope[1] + step * slope[2], sums[4] + slope[2]
        along = abs(down) <= ACCURACY * -slope[0] or (step >= slope[3] and down < 0)
        if along and sums[0] ** 2 <= 1e-3 * sums[2] * -slope[0]:
            lift = -sums[0] / sums[2]
            left = (
                0.0 if family == GAUSSIAN else sums[2] * (math.expm1(abs(lift)) - abs(lift))
            )  # third derivatives are at most second
            if left**2 <= CENTRED * sums[2] * -slope[0]:
                sums[0] = left
                sums[5] *= math.exp(-abs(lift))
                return step, shift, lift
            shift += lift
            continue
        lean = sums[3] / max(sums[2], 1e-300)
        curvature = max(bend - lean * sums[3], 1e-14 * bend)
        change = -(down - lean * sums[0]) / curvature if curvature > 0 else 0.0
        change = min(change, slope[3] - step)  # the intercept must go with the step that is taken
        lift = -sums[0] / max(sums[2], 1e-300) - lean * change
        if family != GAUSSIAN:
            share = _damped(max(abs(lift + change * lowest), abs(lift + change * highest)))
            change *= share
            lift *= share
        if not (np.isfinite(change) and np.isfinite(lift)):
            break
        shift += lift
        step = min(step + change, slope[3])
    return step, shift, 0.0


@njit(inline="always", error_model="numpy", fastmath=SUMS)
def _first_shift(family, e, y, w):
    """A first guess of the intercept beside e, the exact one for Poisson, Gaussian and gamma; safe for any e."""
    n = e.size
    lowest, highest = extremes(e)
    top = -lowest if family == GAMMA else highest
    total, mean = 0.0, 0.0
    scratch, seen = np.empty(BLOCK, dtype=e.dtype), np.empty(BLOCK, dtype=e.dtype)
    for low in range(0, n, BLOCK):
        m = min(BLOCK, n - low)
        eb, yb = e[low : low + m], y[low : low + m]
        for i in range(m):
            seen[i] = yb[i]
        if family == GAUSSIAN:
            for i in range(m):
                scratch[i] = eb[i]
        elif family == GAMMA:
            for i in range(m):
                scratch[i] = seen[i] * exponential(-eb[i] - top)
        else:
            for i in range(m):
                scratch[i] = exponential(eb[i] - top)
        total += _weighted_sum(scratch[:m], w, low)
        mean += _weighted_sum(seen[:m], w, low)
    total, mean = total / n, mean / n
    if family == GAUSSIAN:
        return mean - total
    if family == GAMMA:
        return math.log(total) + float(top)
    link = math.log(mean / (1 - mean)) if family == BERNOULLI else math.log(mean)
    return link - math.log(total) - float(top)


@njit(inline="always", error_model="numpy", fastmath=SUMS)
def _weighted_sum(values, w, low):
    """Sum of a block that begins at bin ``low``, weighted where there are weights."""
    total = values.dtype.type(0)
    if w.size > 0:
        for i in range(values.size):
            total += w[low + i] * values[i]
    else:
        for i in range(values.size):
            total += values[i]
    return float(total)


@njit(inline="always", error_model="numpy")
def _centre_row(family, fresh, e, d, y, w, dispersion, residual, curve, eta, sums):
    """The best intercept beside e, by damped Newton steps that stay between what is too low and what is too high."""
    shift = _first_shift(family, e, y, w) if fresh else 0.0
    exact = fresh and family in (POISSON, GAUSSIAN, GAMMA)
    lowest, highest = -np.inf, np.inf
    for evaluation in range(1, MOST_EVALUATIONS + 1):
        _evaluate(family, e, d, y, w, dispersion, 0.0, shift, residual, curve, eta, sums)
        lift = -sums[0] / max(sums[2], 1e-300)
        if exact or evaluation == MOST_EVALUATIONS or not abs(lift) > 1e-6:
            break
        if lift > 0:
            lowest = shift
        else:
            highest = shift
        shift += lift * _damped(abs(lift))
        if not (lowest < shift < highest):
            shift = (lowest + highest) / 2
    return shift


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def search_rows(family, E, D, Y, W, dispersion, slope, fresh, low, high, out):
    """Line searches of the rows low to high.

    Rows that are ``fresh`` only add D and find their intercept, those without a way down find their intercept, and
    those that may take no step, their ``longest`` being 0, are left alone.

    Parameters
    ----------
    family : int
        See `neurorec.glm.kernels.losses`.
    E : (row, time)
        Linear predictors, moved in place to the minimum.
    D : (row, time)
        Images of the directions, replaced in place by the weighted residuals there.
    Y : (row, time)
        Responses.
    W : (row, time), (1, time) or (0, 0)
        Weights of mean 1; none.
    dispersion : (row,)
        Of negative binomial responses.
    slope : (4, row)
        start, linear, square, longest; see `Slope`.
    fresh : (row,) of bool
        Rows that begin.
    out : (5, row)
        Written: step, shift of the intercept, mean residual, mean curvature, least curvature of a bin.
    """
    n_times = E.shape[1]
    residual, curve = np.empty(n_times, dtype=E.dtype), np.empty(n_times, dtype=E.dtype)
    eta = np.empty(BLOCK, dtype=E.dtype)
    sums = np.empty(6)
    for row in range(low, high):
        e, d, y = E[row], D[row], Y[row]
        w = W[row] if len(W) > 1 else W.reshape(-1)
        lift = 0.0
        if fresh[row]:
            for i in range(n_times):
                e[i] += d[i]
        elif slope[3, row] == 0:
            d[:] = 0
            out[:, row] = 0
            continue
        if fresh[row] or not slope[0, row] < 0:
            shift = _centre_row(family, fresh[row], e, d, y, w, dispersion[row], residual, curve, eta, sums)
            step, t = 1.0 if fresh[row] else 0.0, e.dtype.type(0)
        else:
            step, shift, lift = _search_row(
                family, e, d, y, w, dispersion[row], slope[:, row], residual, curve, eta, sums
            )
            t = e.dtype.type(step)
        c, c_last = e.dtype.type(shift + lift), e.dtype.type(lift)
        for i in range(n_times):
            e[i] += t * d[i] + c
            d[i] = residual[i] + c_last * curve[i]
        out[0, row], out[1, row], out[2, row], out[3, row], out[4, row] = step, shift + lift, sums[0], sums[2], sums[5]
