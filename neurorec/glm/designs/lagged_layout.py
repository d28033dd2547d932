"""How counts and rows are laid out for products with filtered past counts."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurorec.glm.kernels.lagged import Blocks, Places, Spikes, Taps

CHUNK = 64  # units worked on at once: measured best of 32, 64, 128, in float32 and in float64
BLOCK_BYTES = 1 << 20  # images of a block of bins: half of a second-level cache; measured best of 1/4, 1/2, 1, 2 MB


class Layout(NamedTuple):
    """Counts and rows as the products read them."""

    spikes: Spikes
    blocks: Blocks
    places: Places


def find_taps(filters: NDArray, lags: NDArray, dtype: np.dtype) -> Taps:
    """Entries of filters ``(lag, basis)`` that are not 0; one of nothing where all are, as the kernels expect one."""
    filters = filters.astype(dtype)
    if not filters.any():
        basis, lag = np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.intp)
    else:
        basis, lag = np.nonzero(filters.T)
    basis = np.ascontiguousarray(basis)  # nonzero gives strided ones, which would be compiled for once more
    start = np.searchsorted(basis, np.arange(filters.shape[1] + 1))
    return Taps(start, basis, lags[lag], filters[lag, basis])


def find_layout(counts: sp.csr_array, position: NDArray, taps: Taps) -> Layout:
    """Lay out counts ``(bin, source)`` for rows at some positions ``(row,)``, -1 where nothing is known."""
    n_bins, before = counts.indptr.size - 1, int(taps.lag.max())
    places = _find_places(position)
    needed = np.zeros(before + n_bins, dtype=bool)
    for lag in np.unique(taps.lag):
        needed[before - lag + places.bin] = True
    bins = np.flatnonzero(needed) - before
    inside = bins[bins >= 0]
    n_empty = bins.size - inside.size
    seen = counts if inside.size == n_bins else counts[inside]
    number = np.full(needed.size, -1, dtype=np.int32)
    number[needed] = np.arange(bins.size)
    start = np.concatenate([np.zeros(n_empty, dtype=np.int64), seen.indptr])
    spikes = Spikes(bins, number, before, start, seen.indices.astype(np.int32, copy=False), seen.data)
    size = int(np.clip(BLOCK_BYTES // ((taps.start.size - 1) * CHUNK * 4), 64, 4096))
    return Layout(spikes, _find_blocks(seen, inside, places, taps, n_empty, size), places)


def _find_places(position: NDArray) -> Places:
    order = np.argsort(position, kind="stable")
    order = order[np.count_nonzero(position < 0) :]
    bins, start = np.unique(position[order], return_index=True)
    return Places(bins, np.append(start, order.size), order)


def _find_blocks(counts: sp.csr_array, bins: NDArray, places: Places, taps: Taps, before: int, size: int) -> Blocks:
    """Cut bins into blocks of at most ``size`` bins, which lie within twice that many bins of the recording.

    ``bins`` holds the bin of each row of ``counts``, and ``before`` is the number of the first of them.
    """
    edges = [0]
    while edges[-1] < bins.size:
        edges.append(min(edges[-1] + size, int(np.searchsorted(bins, bins[edges[-1]] + 2 * size))))
    first, source, spikes, at, value = [0], [], [np.zeros(1, dtype=np.int64)], [], []
    n_spikes = 0
    for low, high in pairwise(edges):
        part = counts[low:high].tocsc()
        present = np.flatnonzero(np.diff(part.indptr))
        source.append(present)
        spikes.append(part.indptr[present + 1].astype(np.int64) + n_spikes)
        at.append(part.indices)
        value.append(part.data)
        first.append(first[-1] + present.size)
        n_spikes += part.indices.size
    ends = np.array(edges)
    seen = [
        np.searchsorted(places.bin, bins[ends[:-1]] + taps.lag.min(), side="left"),
        np.searchsorted(places.bin, bins[ends[1:] - 1] + taps.lag.max(), side="right"),
    ]
    return Blocks(
        ends + before,
        np.stack(seen, axis=1),
        np.array(first),
        np.concatenate([*source, np.empty(0, dtype=np.intp)]),
        np.concatenate(spikes),
        np.concatenate([*at, np.empty(0, dtype=np.int32)]).astype(np.int32),
        np.concatenate([*value, np.empty(0, dtype=counts.dtype)]),
    )
