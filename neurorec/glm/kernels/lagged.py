"""Products with filtered past counts: sums over spikes, then a short convolution, never a column of them.

Units are worked on in chunks, the last axis of every table here, so that one spike is one sum over contiguous numbers
and the coefficients of a chunk stay in the second-level cache.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from neurorec.glm.kernels.losses import SUMS

TILE = 64  # rows, or bins, turned at a time from (row, unit) to (unit, row) and back
RUN = 16  # rows convolved at a time: what they and their past take is in the first-level cache


class Spikes(NamedTuple):
    """Counts of the bins that some row sees, by bin."""

    bins: NDArray  # (bin,) which bin of the counts each is, ascending; below 0: empty ones before the first
    number: NDArray  # (before + time,) number of each bin of the counts among them, -1 where no row sees it
    before: int  # empty bins before the first
    start: NDArray  # (bin + 1,) where the counts of each begin
    source: NDArray  # (spike,)
    value: NDArray  # (spike,)


class Blocks(NamedTuple):
    """The same counts by source within blocks of bins, for sums over bins."""

    bins: NDArray  # (block + 1,) first bin of each block, in the numbering of `Spikes`
    places: NDArray  # (block, 2) first place that sees the block, and one past the last
    start: NDArray  # (block + 1,) where the sources of each block begin
    source: NDArray  # (entry,)
    spikes: NDArray  # (entry + 1,) where the counts of each begin
    bin: NDArray  # (spike,) counted from the first bin of the block
    value: NDArray  # (spike,)


class Places(NamedTuple):
    """Distinct positions of the rows, and which rows are there."""

    bin: NDArray  # (place,) ascending
    start: NDArray  # (place + 1,) where the rows of each begin
    row: NDArray  # (row,)


class Taps(NamedTuple):
    """Filter entries that are not zero, by basis function."""

    start: NDArray  # (basis + 1,)
    basis: NDArray  # (tap,)
    lag: NDArray  # (tap,)
    weight: NDArray  # (tap,)


@njit(nogil=True, cache=True, fastmath=SUMS)
def _add_rows(target, table, rows, weights, low, high):
    """``target = sum_k weights[k] table[rows[k]]`` over ``low <= k < high``; four at a time load less."""
    n = target.size
    for j in range(n):
        target[j] = 0
    k = low
    while k + 4 <= high:
        a, b, c, d = rows[k], rows[k + 1], rows[k + 2], rows[k + 3]
        u, v, w, x = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        for j in range(n):
            target[j] += u * table[a, j] + v * table[b, j] + w * table[c, j] + x * table[d, j]
        k += 4
    while k < high:
        a, u = rows[k], weights[k]
        for j in range(n):
            target[j] += u * table[a, j]
        k += 1


@njit(nogil=True, cache=True, fastmath=SUMS)
def _add_shifted(target, table, offsets, move, weights, low, high):
    """``target[j] = sum_k weights[k] table[offsets[k] + move + j]`` over ``low <= k < high``."""
    n = target.size
    for j in range(n):
        target[j] = 0
    k = low
    while k + 4 <= high:
        a, b, c, d = offsets[k] + move, offsets[k + 1] + move, offsets[k + 2] + move, offsets[k + 3] + move
        # views, as an index that might be negative keeps the loop from being vectorised
        ta, tb, tc, td = table[a : a + n], table[b : b + n], table[c : c + n], table[d : d + n]
        u, v, w, x = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        for j in range(n):
            target[j] += u * ta[j] + v * tb[j] + w * tc[j] + x * td[j]
        k += 4
    while k < high:
        a, u = offsets[k] + move, weights[k]
        ta = table[a : a + n]
        for j in range(n):
            target[j] += u * ta[j]
        k += 1


@njit(nogil=True, cache=True)
def _run_end(bins, first, most):
    """One past the last of the bins that follow each other without a gap."""
    last = first + 1
    while last < most and bins[last] == bins[last - 1] + 1:
        last += 1
    return last


@njit(nogil=True, cache=True, fastmath=SUMS)
def _turn_in(B, low, n, cell, inverse, panel):
    """Coefficients of a chunk, divided by the scale of their column: ``(source x basis, unit)``."""
    panel[:] = 0
    for k in range(cell.size):
        c, factor = cell[k], inverse[k]
        for i in range(n):
            panel[c, i] += B[low + i, k] * factor


@njit(nogil=True, cache=True)
def _in_order(places, first, last):
    """Whether some places have one row each, one after the other."""
    start = places.start[first]
    if places.start[last] - start != last - first:
        return False
    for r in range(start + 1, start + last - first):  # noqa: SIM110 - a generator does not compile
        if places.row[r] != places.row[r - 1] + 1:
            return False
    return True


@njit(nogil=True, cache=True, fastmath=SUMS)
def _write_rows(tile, first, last, places, constant, n, out, low):
    """A tile of places, transposed to the rows that are there."""
    if _in_order(places, first, last):
        row = places.row[places.start[first]]
        for i in range(n):
            shift = constant[i]
            for p in range(last - first):
                out[low + i, row + p] = tile[p, i] + shift
        return
    for p in range(first, last):
        for r in range(places.start[p], places.start[p + 1]):
            row = places.row[r]
            for i in range(n):
                out[low + i, row] = tile[p - first, i] + constant[i]


@njit(nogil=True, cache=True, fastmath=SUMS)
def _sum_bins(by_source, spikes, low, high, images, base):
    """Sums over the spikes of some bins, written to ``images (basis, bin, unit)`` from bin ``base`` on."""
    n_basis, _, width = images.shape
    part = np.empty(n_basis * width, images.dtype)
    for c in range(low, high):
        _add_rows(part, by_source, spikes.source, spikes.value, spikes.start[c], spikes.start[c + 1])
        for f in range(n_basis):
            for j in range(width):
                images[f, c - base, j] = part[f * width + j]


@njit(nogil=True, cache=True, fastmath=SUMS)
def forward_chunk(B, low, n, width, cell, inverse, constant, n_sources, spikes, places, taps, out):
    """Images of coefficients ``B[low : low + n]`` in the rows of ``out``, a chunk padded to ``width`` units.

    Bins are summed in order, each once, into a window that moves along: only those still in reach are kept.
    """
    n_basis, n_taps = taps.start.size - 1, taps.lag.size
    panel = np.empty((n_sources * n_basis, width), B.dtype)
    _turn_in(B, low, n, cell, inverse, panel)
    by_source = panel.reshape((n_sources, n_basis * width))
    nearest, furthest = taps.lag.min(), taps.lag.max()
    room = 2 * (furthest - nearest) + 2 * TILE
    images = np.empty((n_basis, room, width), B.dtype)
    past = images.reshape(images.size)
    tile = np.empty((TILE, width), B.dtype)
    flat = tile.reshape(tile.size)
    offsets = np.empty(n_taps, np.int64)
    base, done, first = 0, 0, 0
    while first < places.bin.size:
        last = _run_end(places.bin, first, min(first + TILE, places.bin.size))
        here = places.bin[first] + spikes.before
        oldest, newest = spikes.number[here - furthest], spikes.number[here + last - first - 1 - nearest]
        if newest - base >= room:
            for f in range(n_basis):
                for c in range(oldest, done):
                    images[f, c - oldest] = images[f, c - base]
            base = oldest
        _sum_bins(by_source, spikes, done, newest + 1, images, base)
        done = max(done, newest + 1)
        for k in range(n_taps):
            offsets[k] = (taps.basis[k] * room + spikes.number[here - taps.lag[k]] - base) * width
        for r in range(0, last - first, RUN):
            target = flat[r * width : min(r + RUN, last - first) * width]
            _add_shifted(target, past, offsets, r * width, taps.weight, 0, n_taps)
        _write_rows(tile, first, last, places, constant, n, out, low)
        first = last


@njit(nogil=True, cache=True, fastmath=SUMS)
def _turn_rows(R, low, n, places, first, last, origin, table):
    """Rows of a chunk summed by place, ``(bin, unit)``, for some places; 0 at bins without rows."""
    table[:] = 0
    top = first
    while top < last:
        end = _run_end(places.bin, top, min(top + TILE, last))
        at = places.bin[top] - origin
        if _in_order(places, top, end):
            row = places.row[places.start[top]]
            for p in range(end - top):
                for i in range(n):
                    table[at + p, i] = R[low + i, row + p]
        else:
            for p in range(top, end):
                for r in range(places.start[p], places.start[p + 1]):
                    row = places.row[r]
                    for i in range(n):
                        table[at + p - top, i] += R[low + i, row]
        top = end


@njit(nogil=True, cache=True, fastmath=SUMS)
def _correlate(table, origin, low, high, spikes, taps, images):
    """What the rows after each bin say about it, through each filter: ``(bin, basis, unit)``."""
    width, n_basis = table.shape[1], taps.start.size - 1
    future = table.reshape(table.size)
    offsets = np.empty(taps.lag.size, np.int64)
    part = np.empty((RUN, width), table.dtype)
    flat = part.reshape(part.size)
    first = low
    while first < high:
        last = _run_end(spikes.bins, first, min(first + RUN, high))
        for k in range(taps.lag.size):
            offsets[k] = (spikes.bins[first] + taps.lag[k] - origin) * width
        for f in range(n_basis):
            target = flat[: (last - first) * width]
            _add_shifted(target, future, offsets, 0, taps.weight, taps.start[f], taps.start[f + 1])
            for c in range(first, last):
                for j in range(width):
                    images[c - low, f * width + j] = part[c - first, j]
        first = last


@njit(nogil=True, cache=True, fastmath=SUMS)
def adjoint_chunk(R, low, n, width, n_sources, spikes, blocks, places, taps):
    """Raw sums over rows ``R[low : low + n]`` for every source and function, ``(source x basis, unit)``, in float64.

    A block of bins is summed in the type of R, blocks in float64.
    """
    n_basis = taps.start.size - 1
    nearest, furthest = taps.lag.min(), taps.lag.max()
    n_bins = (blocks.bins[1:] - blocks.bins[:-1]).max()
    span = (spikes.bins[blocks.bins[1:] - 1] - spikes.bins[blocks.bins[:-1]]).max() + 1 + furthest - nearest
    table = np.empty((span, width), R.dtype)
    images = np.empty((n_bins, n_basis * width), R.dtype)
    total = np.zeros((n_sources, n_basis * width))
    part = np.empty(n_basis * width, R.dtype)
    for block in range(blocks.bins.size - 1):
        origin = spikes.bins[blocks.bins[block]] + nearest
        _turn_rows(R, low, n, places, blocks.places[block, 0], blocks.places[block, 1], origin, table)
        _correlate(table, origin, blocks.bins[block], blocks.bins[block + 1], spikes, taps, images)
        for e in range(blocks.start[block], blocks.start[block + 1]):
            _add_rows(part, images, blocks.bin, blocks.value, blocks.spikes[e], blocks.spikes[e + 1])
            source = blocks.source[e]
            for j in range(part.size):
                total[source, j] += part[j]
    return total.reshape((n_sources * n_basis, width))


@njit(nogil=True, cache=True, fastmath=SUMS)
def turn_out(total, n, cell, mean, inverse, mass, low, out):
    """Sums of a chunk as rows of gradients: ``(total - mean mass) / scale``, column by column."""
    for k in range(cell.size):
        c, centre, factor = cell[k], mean[k], inverse[k]
        for i in range(n):
            out[low + i, k] = (total[c, i] - centre * mass[i]) * factor


@njit(nogil=True, cache=True)
def fill(position, spikes, taps, out):
    """Raw columns of rows at some positions, ``(row, source x basis)``; 0 at position -1."""
    n_basis = taps.start.size - 1
    out[:] = 0
    for r in range(position.size):
        if position[r] < 0:
            continue
        for k in range(taps.lag.size):
            c = spikes.number[position[r] - taps.lag[k] + spikes.before]
            for s in range(spikes.start[c], spikes.start[c + 1]):
                out[r, spikes.source[s] * n_basis + taps.basis[k]] += taps.weight[k] * spikes.value[s]
