"""A design matrix larger than memory, read block by block from a file or a lazy array."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.designs.dense import DenseDesign
from neurorec.glm.designs.protocol import block_bounds
from neurorec.glm.team import Team


class BlockedDesign:
    """Anything with a shape, a dtype and slices of rows: a memory-mapped file, a dask, zarr or h5py array.

    Every product reads the rows once, in blocks of about 64 MB. One thread reads at a time, so that files need no
    locks. Only the images of the units at work, ``(row, time)``, stay in memory.

    Parameters
    ----------
    source : array-like with slices (time, feature)
        Where rows are read from.
    columns : ndarray of int, optional
        Columns that take part, in this order.
    rows : ndarray of int, optional
        Rows that take part, in this order.
    """

    def __init__(self, source: Any, columns: NDArray | None = None, rows: NDArray | None = None) -> None:
        self._source, self._columns, self._rows = source, columns, rows
        n_times = source.shape[0] if rows is None else rows.size
        self.shape = (int(n_times), int(source.shape[1] if columns is None else columns.size))
        self.dtype = np.dtype(np.float32 if source.dtype == np.float32 else np.float64)
        self._bounds = block_bounds(self.shape[0], source.shape[1], self.dtype.itemsize)

    def forward(self, B: NDArray, out: NDArray, team: Team) -> None:
        """Write X b for coefficients ``(row, feature)`` into ``out (row, time)``."""
        for low, high in self._bounds:
            DenseDesign(self.block(low, high)).forward(B, out[:, low:high], team)

    def adjoint(self, R: NDArray, team: Team) -> NDArray:
        """X' r for ``(row, time)``: ``(row, feature)``."""
        total = np.zeros((len(R), self.shape[1]), dtype=self.dtype)
        for low, high in self._bounds:
            total += DenseDesign(self.block(low, high)).adjoint(R[:, low:high], team)
        return total

    def block(self, low: int, high: int) -> NDArray:
        """Dense rows ``(high - low, feature)``."""
        if self._rows is None:
            found = np.asarray(self._source[low:high], dtype=self.dtype)
        else:
            rows = self._rows[low:high]
            first, last = (int(rows.min()), int(rows.max()) + 1) if rows.size else (0, 0)
            if last - first <= 4 * rows.size:
                found = np.asarray(self._source[first:last], dtype=self.dtype)[rows - first]
            else:
                found = np.concatenate([np.asarray(self._source[r : r + 1], dtype=self.dtype) for r in rows.tolist()])
        return found if self._columns is None else found[:, self._columns]

    def take(self, columns: NDArray) -> "BlockedDesign":
        """The design of these columns."""
        return BlockedDesign(self._source, columns if self._columns is None else self._columns[columns], self._rows)

    def on(self, rows: NDArray) -> "BlockedDesign":
        """The design of these rows, in this order."""
        return BlockedDesign(self._source, self._columns, rows if self._rows is None else self._rows[rows])
