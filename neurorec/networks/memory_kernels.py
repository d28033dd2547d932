"""Compiled sweeps of associative memories: every unit once, one after the other, of many states at a time.

Each sweep changes the states that it is given, and what it keeps of them, in place.
"""

import numpy as np
from numba import njit

SUMS = {"contract", "nsz", "reassoc", "arcp"}  # sums may be reordered, NaN stays NaN
TILE = 16  # states whose overlaps stay in the cache while a unit's weights are there
POLYNOMIAL, EXPONENTIAL = range(2)
TIE = 1e-10  # gains below it are rounding: a state that gains nothing stays


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def sweep_overlaps(states, overlaps, patterns, dual, diagonal, order):
    """Weights as the product of patterns and dual ``(unit, pattern)``; flips of each state ``(state,)``."""
    flips = np.zeros(len(states), dtype=np.int64)
    n_patterns = patterns.shape[1]
    for first in range(0, len(states), TILE):
        last = min(first + TILE, len(states))
        for i in order:
            for c in range(first, last):
                h = patterns.dtype.type(0)
                for mu in range(n_patterns):
                    h += dual[i, mu] * overlaps[c, mu]
                h -= diagonal[i] * states[c, i]
                if h * states[c, i] < 0:
                    states[c, i] = -states[c, i]
                    flips[c] += 1
                    twice = 2 * states[c, i]
                    for mu in range(n_patterns):
                        overlaps[c, mu] += twice * patterns[i, mu]
    return flips


@njit(nogil=True, cache=True, error_model="numpy")
def power(x, degree):
    """x to a whole number."""
    y = 1.0
    for _ in range(degree):
        y *= x
    return y


@njit(nogil=True, cache=True, error_model="numpy")
def gains(overlaps, kind, degree, steepness, n_units, slope):
    """What a unit i gains by a flip is ``base + s_i sum_mu xi_i^mu slope^mu``: fills the slope, returns the base."""
    if kind == EXPONENTIAL:
        most, total = overlaps.max(), 0.0
        for mu in range(len(overlaps)):
            slope[mu] = np.exp(steepness * (overlaps[mu] - most))
            total += slope[mu]
        for mu in range(len(overlaps)):
            slope[mu] = -slope[mu] / total
        return np.tanh(steepness)
    base, unit = 0.0, n_units / degree
    for mu in range(len(overlaps)):
        x = overlaps[mu] / n_units
        below, above = power(x - 2 / n_units, degree), power(x + 2 / n_units, degree)
        base += unit * (0.5 * (below + above) - power(x, degree))
        slope[mu] = 0.5 * unit * (below - above)
    return base


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def gain(state, row, slope, base):
    """Of one unit."""
    total = 0.0
    for mu in range(len(row)):
        total += row[mu] * slope[mu]
    return base + state * total


@njit(nogil=True, cache=True, error_model="numpy")
def sweep_dense(states, overlaps, patterns, order, kind, degree, steepness):
    """Energies beyond the quadratic; patterns ``(unit, pattern)``."""
    flips = np.zeros(len(states), dtype=np.int64)
    n_units, n_patterns = patterns.shape
    slope = np.empty(n_patterns)
    for c in range(len(states)):
        base = gains(overlaps[c], kind, degree, steepness, n_units, slope)
        for i in order:
            if gain(states[c, i], patterns[i], slope, base) > TIE:
                states[c, i] = -states[c, i]
                flips[c] += 1
                for mu in range(n_patterns):
                    overlaps[c, mu] += 2 * states[c, i] * patterns[i, mu]
                base = gains(overlaps[c], kind, degree, steepness, n_units, slope)
    return flips
