"""Products with the few columns that belong to one unit: too small for matrix products, too many for a Python loop."""

from numba import njit

from neurorec.glm.kernels.losses import BLOCK, SUMS


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def add_images(B, V, units, n_common, out, low, high):
    """Add X b to ``out`` (row, time), for columns ``V`` (unit, private, time) and packed ``B`` of rows low to high."""
    for row in range(low, high):
        for slot in range(V.shape[1]):
            b, column, image = B[row, n_common + slot], V[units[row], slot], out[row]
            if b != 0:
                for i in range(image.size):
                    image[i] += b * column[i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def inner_products(R, V, units, n_common, out, low, high):
    """Write X' r to the private part of packed ``out``, for ``R`` (row, time)."""
    for row in range(low, high):
        for slot in range(V.shape[1]):
            column, r, total = V[units[row], slot], R[row], 0.0
            for first in range(0, r.size, BLOCK):
                part = r.dtype.type(0)
                for i in range(first, min(first + BLOCK, r.size)):
                    part += column[i] * r[i]
                total += part
            out[row, n_common + slot] = total
