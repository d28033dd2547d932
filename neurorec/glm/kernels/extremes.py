"""Smallest and largest of floating-point numbers, by their bits: comparisons of integers vectorise, others do not."""

import numpy as np
from numba import njit, types
from numba.extending import overload


def as_integers(a):
    """The bits of an array as signed integers; those of numbers >= 0 are ordered as the numbers are."""
    return a.view(np.int32 if a.dtype == np.float32 else np.int64)


@overload(as_integers, inline="always")
def _as_integers(a):
    if a.dtype == types.float32:
        return lambda a: a.view(np.int32)
    return lambda a: a.view(np.int64)


def _sign_and_rest(a):
    """Bits to shift for the sign, and the mask of all others."""
    return (np.int32(31), np.int32(0x7FFFFFFF)) if a.dtype == np.float32 else (np.int64(63), np.int64(2**63 - 1))


@overload(_sign_and_rest, inline="always")
def _sign_and_rest_of(a):
    if a.dtype == types.float32:
        return lambda a: (np.int32(31), np.int32(0x7FFFFFFF))
    return lambda a: (np.int64(63), np.int64(0x7FFFFFFFFFFFFFFF))


@njit(nogil=True, cache=True, error_model="numpy")
def smallest(a):
    """Smallest of numbers >= 0, of which there is one at least."""
    bits = as_integers(a)
    least = bits[0]
    for i in range(bits.size):
        least = min(least, bits[i])
    found = np.empty(1, dtype=a.dtype)
    as_integers(found)[0] = least
    return found[0]


@njit(nogil=True, cache=True, error_model="numpy")
def extremes(a):
    """Smallest and largest of numbers, of which there is one at least; NaN shows as one of them."""
    bits = as_integers(a)
    sign, rest = _sign_and_rest(a)
    low = bits[0] ^ ((bits[0] >> sign) & rest)  # negative numbers are ordered backwards by their bits
    high = low
    for i in range(bits.size):
        place = bits[i] ^ ((bits[i] >> sign) & rest)
        low, high = min(low, place), max(high, place)
    found = np.empty(2, dtype=a.dtype)
    back = as_integers(found)
    back[0], back[1] = low ^ ((low >> sign) & rest), high ^ ((high >> sign) & rest)
    return found[0], found[1]
