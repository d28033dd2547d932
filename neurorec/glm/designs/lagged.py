"""The lagged design: columns that are filtered past counts of source units, never made."""

import copy
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, DTypeLike, NDArray

from neurorec.glm.designs.lagged_layout import CHUNK, Layout, find_layout, find_taps
from neurorec.glm.kernels.lagged import adjoint_chunk, fill, forward_chunk, turn_out
from neurorec.recording import InputError, first_offenders

if TYPE_CHECKING:
    from neurorec.glm.team import Team

VECTOR = 16  # units of a chunk are padded to whole vectors
DENSE_ROWS = 512  # rows of a design made at once where they must be


class LaggedDesign:
    """Filtered past counts of source units as a design matrix that is never made.

    Column ``j * n_basis + f`` (source ``j``, function ``f``) is, in row ``t``,
    ``(sum_l filters[l, f] counts[position[t] - lags[l], j] - mean) / scale``, where ``mean`` is 0 and ``scale`` is 1
    unless the design was made by `standardised`. Products cost as much as there are counts that are not 0.

    Parameters
    ----------
    counts : array_like or scipy.sparse array (bin, source)
        Spike counts, or any activity that is mostly 0.
    filters : array_like (lag, basis)
        Value of each function at each lag.
    lags : array_like of int (lag,)
        Bins, 0 or more: how far each row of ``filters`` looks back. Bins before the first hold no counts. Put as many
        empty bins as the longest lag between runs that must not see each other.
    position : array_like of int (row,), optional
        Bin of each row, in any order, repeated or not; every bin by default. Rows at -1 have no past that is known:
        they are 0 in every column, which is the mean once the columns are standardised.
    dtype : dtype, optional
        float32 or float64: type of the products.

    Raises
    ------
    InputError
        Where shapes do not fit, a lag is negative, a position is out of range or a value is NaN or infinite.

    Examples
    --------
    >>> design = LaggedDesign([[1], [0], [2], [0]], filters=[[1.0], [0.5]], lags=[1, 2])
    >>> design.block(0, 4)[:, 0].tolist()
    [0.0, 1.0, 0.5, 2.0]
    """

    def __init__(
        self,
        counts: "ArrayLike | sp.sparray | sp.spmatrix",
        filters: ArrayLike,
        lags: ArrayLike,
        *,
        position: ArrayLike | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.dtype = _check_dtype(dtype)
        self._counts = _check_counts(counts, self.dtype)
        filters, lags = _check_filters(filters, lags)
        self.position = _check_position(position, self._counts.indptr.size - 1)
        self._taps = find_taps(filters, lags, self.dtype)
        n_columns = self._n_sources * self.n_basis
        self._cell = np.arange(n_columns)  # column of (source, basis) that each column is
        self._mean, self._scale = np.zeros(n_columns), np.ones(n_columns)
        self.shape = (self.position.size, n_columns)

    @property
    def n_basis(self) -> int:
        """Number of functions per source."""
        return self._taps.start.size - 1

    @property
    def density(self) -> float:
        """Share of counts that are not 0, among the sources in use and the bins that some row sees."""
        spikes = self._layout.spikes
        n_cells = np.count_nonzero(spikes.bins >= 0) * self._n_sources
        return spikes.source.size / n_cells if n_cells else 0.0

    def pays(self) -> bool:
        """Whether these products are faster than those with the same columns made: see `worthwhile`."""
        n_taps = self._taps.lag.size
        return worthwhile(self.density, n_sources=self._n_sources, n_basis=self.n_basis, n_taps=n_taps)

    def forward(self, B: NDArray, out: NDArray, team: "Team") -> None:
        """Linear predictors of coefficients.

        Parameters
        ----------
        B : ndarray (unit, feature)
            Coefficients, of the type of the design.
        out : ndarray (unit, row)
            Overwritten with ``B @ X.T``.
        team : Team
            Threads; they share the units.
        """
        B = np.ascontiguousarray(B, dtype=self.dtype)
        spikes, _, places = self._layout
        inverse = (1 / self._scale).astype(self.dtype)
        centre = self._mean / self._scale

        def work(low: int, high: int) -> None:
            for first, n, width in self._chunks(low, high, len(B)):
                shift = np.zeros(n) if not centre.any() else -(B[first : first + n].astype(np.float64) @ centre)
                forward_chunk(
                    B,
                    first,
                    n,
                    width,
                    self._cell,
                    inverse,
                    shift.astype(self.dtype),
                    self._n_sources,
                    spikes,
                    places,
                    self._taps,
                    out,
                )

        team.over(-(-len(B) // VECTOR), work)
        if self._unknown.size:
            out[:, self._unknown] = 0

    def adjoint(self, R: NDArray, team: "Team") -> NDArray:
        """Sums of the columns weighted by each row of ``R (unit, row)``: ``R @ X``, ``(unit, feature)``."""
        R = np.ascontiguousarray(R, dtype=self.dtype)
        spikes, blocks, places = self._layout
        out = np.empty((len(R), self.shape[1]), dtype=self.dtype)

        def work(low: int, high: int) -> None:
            for first, n, width in self._chunks(low, high, len(R)):
                if blocks.bins.size > 1:
                    total = adjoint_chunk(R, first, n, width, self._n_sources, spikes, blocks, places, self._taps)
                else:
                    total = np.zeros((self._n_sources * self.n_basis, width))
                mass = self._mass(R[first : first + n])
                turn_out(total, n, self._cell, self._mean, 1 / self._scale, mass, first, out)

        team.over(-(-len(R) // VECTOR), work)
        return out

    def block(self, low: int, high: int) -> NDArray:
        """Rows ``low`` to ``high`` made: ``(high - low, feature)``."""
        position = self.position[low:high]
        raw = np.empty((position.size, self._n_sources * self.n_basis), dtype=self.dtype)
        fill(position, self._layout.spikes, self._taps, raw)
        if raw.shape[1] != self._cell.size or np.any(self._cell != np.arange(self._cell.size)):
            raw = raw[:, self._cell]
        if self._mean.any() or np.any(self._scale != 1):
            raw -= self._mean.astype(self.dtype)
            raw *= (1 / self._scale).astype(self.dtype)
            raw[position < 0] = 0
        return raw

    def take(self, columns: ArrayLike) -> "LaggedDesign":
        """The design with some of the columns, in any order ``(column,)``; sources without any are left out."""
        columns = _check_index(columns, self.shape[1], "columns")
        cell = self._cell[columns]
        sources, order = np.unique(cell // self.n_basis, return_inverse=True)
        other = self._copy()
        other._cell = order.reshape(-1) * self.n_basis + cell % self.n_basis
        other._mean, other._scale = self._mean[columns], self._scale[columns]
        other.shape = (self.shape[0], columns.size)
        if sources.size != self._n_sources:
            other._counts = self._counts[:, sources]
        return other

    def on(self, rows: ArrayLike) -> "LaggedDesign":
        """The design with some of the rows, in any order ``(row,)``."""
        other = self._copy()
        other.position = self.position[_check_index(rows, self.shape[0], "rows")]
        other.shape = (other.position.size, self.shape[1])
        return other

    def standardised(self, mean: ArrayLike, scale: ArrayLike) -> "LaggedDesign":
        """The design with ``(column - mean) / scale`` for its columns.

        Parameters
        ----------
        mean, scale : array_like (feature,)
            Of the columns as they are now.

        Raises
        ------
        InputError
            Where one is not finite, or a scale is not above 0.
        """
        mean, scale = np.asarray(mean, dtype=np.float64), np.asarray(scale, dtype=np.float64)
        for name, value in (("mean", mean), ("scale", scale)):
            if value.shape != self.shape[1:]:
                _refuse(name, f"one value for each of {self.shape[1]} columns", str(value.shape), "pass one per column")
        bad = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(scale) & (scale > 0)))
        if bad.size:
            found = f"others in columns {first_offenders(bad)}"
            _refuse("mean and scale", "finite means, scales above 0", found, "use scale 1 for a constant column")
        other = self._copy()
        other._mean, other._scale = self._mean + self._scale * mean, self._scale * scale
        return other

    def column_moments(self, team: "Team") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and spread (standard deviation) of each column, ``(feature,)`` each.

        Over the rows with a known past: those at position -1 take no part. Made of blocks of rows, in float64.
        """
        known = self.on(np.flatnonzero(self.position >= 0))
        n_rows, n_columns = known.shape
        _ = known._layout  # made once, before threads ask for it

        def work(low: int, high: int) -> tuple[int, NDArray, NDArray]:
            moments = 0, np.zeros(n_columns), np.zeros(n_columns)
            for first in range(low, high, DENSE_ROWS):
                moments = _joined(moments, _moments(known.block(first, min(first + DENSE_ROWS, high))))
            return moments

        total = 0, np.zeros(n_columns), np.zeros(n_columns)
        for part in team.over(n_rows, work):
            total = _joined(total, part)
        return total[1], np.sqrt(total[2] / max(n_rows, 1))

    @cached_property
    def _unknown(self) -> NDArray:
        """Rows whose past is not known."""
        return np.flatnonzero(self.position < 0)

    @cached_property
    def _layout(self) -> Layout:
        return find_layout(self._counts, self.position, self._taps)

    @property
    def _n_sources(self) -> int:
        return cast(tuple[int, int], self._counts.shape)[1]

    def _copy(self) -> "LaggedDesign":
        other = copy.copy(self)
        for name in ("_unknown", "_layout"):
            other.__dict__.pop(name, None)
        return other

    def _chunks(self, low: int, high: int, n_rows: int) -> list[tuple[int, int, int]]:
        """First row, number of rows and width of the chunks in a range of vectors."""
        first, last = low * VECTOR, min(high * VECTOR, n_rows)
        pieces = [(row, min(CHUNK, last - row)) for row in range(first, last, CHUNK)]
        return [(row, n, -(-n // VECTOR) * VECTOR) for row, n in pieces]

    def _mass(self, R: NDArray) -> NDArray[np.float64]:
        """Sums over the rows with a known past, as far as the means ask for them."""
        if not self._mean.any():
            return np.zeros(len(R))
        mass = R.sum(axis=1, dtype=np.float64)
        return mass - R[:, self._unknown].sum(axis=1, dtype=np.float64) if self._unknown.size else mass


def worthwhile(density: float, *, n_sources: int, n_basis: int, n_taps: int) -> bool:
    """Whether products with a `LaggedDesign` are faster than with the same columns made.

    In units of one dense column's work per bin and unit, the sums over spikes take ``4 density`` per column, the
    convolution 5 per filter entry and the rest 60: measured in float32 on one core with 30 to 1,769 sources, 3 and 4
    functions and densities of .01 to .15, against matrix products at 135 Gflop/s. Thousands of columns are faster
    lagged up to a density of ~.2 (at .02 by a factor of 6 to 9, at .04 of 4 to 6), 400 up to ~.1, and below 200 they
    never are. The memory that is saved may be a reason of its own.

    Parameters
    ----------
    density : float
        Share of counts that are not 0.
    n_sources, n_basis : int
        Sources, and functions of each.
    n_taps : int
        Entries of the filters that are not 0.

    Returns
    -------
    bool

    Examples
    --------
    >>> worthwhile(0.02, n_sources=1769, n_basis=3, n_taps=28)
    True
    >>> worthwhile(0.02, n_sources=30, n_basis=3, n_taps=28)
    False
    """
    n_columns = n_sources * n_basis
    return 4 * density * n_columns + 5 * n_taps + 60 < n_columns


def _moments(block: NDArray) -> tuple[int, NDArray, NDArray]:
    """Rows, means and sums of squares about them."""
    mean = block.mean(axis=0, dtype=np.float64)
    return len(block), mean, np.square(block - mean).sum(axis=0)


def _joined(a: tuple[int, NDArray, NDArray], b: tuple[int, NDArray, NDArray]) -> tuple[int, NDArray, NDArray]:
    """Moments of two sets of rows together (Chan, Golub and LeVeque 1983, doi:10.1080/00031305.1983.10483115)."""
    n = a[0] + b[0]
    step = b[1] - a[1]
    return n, a[1] + step * (b[0] / max(n, 1)), a[2] + b[2] + step**2 * (a[0] * b[0] / max(n, 1))


def _check_dtype(dtype: DTypeLike) -> np.dtype:
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        _refuse("dtype", "float32 or float64", str(dtype), "use one of them")
    return dtype


def _check_counts(counts: "ArrayLike | sp.sparray | sp.spmatrix", dtype: np.dtype) -> sp.csr_array:
    matrix = counts if sp.issparse(counts) else np.asarray(counts)
    if matrix.ndim != 2:
        _refuse("counts", "(bin, source)", f"shape {matrix.shape}", "pass a matrix")
    if matrix.dtype.kind not in "biuf":
        _refuse("counts", "numbers", f"dtype {matrix.dtype}", "pass counts or activity")
    with np.errstate(over="ignore"):
        matrix = sp.csr_array(matrix, copy=True, dtype=dtype)
    bad = np.unique(matrix.indices[~np.isfinite(matrix.data)])
    if bad.size:
        found = f"NaN or infinity in sources {first_offenders(bad)}"
        _refuse("counts", "finite values", found, "leave those bins out, or put 0 there and no row that sees them")
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _check_filters(filters: ArrayLike, lags: ArrayLike) -> tuple[NDArray, NDArray]:
    filters, lags = np.asarray(filters, dtype=np.float64), np.asarray(lags)
    if lags.ndim != 1 or not lags.size or not np.issubdtype(lags.dtype, np.integer) or lags.min() < 0:
        _refuse("lags", "whole numbers of bins, 0 or more", str(lags), "count lags in bins, into the past")
    if filters.ndim != 2 or len(filters) != lags.size or not filters.shape[1] or not np.isfinite(filters).all():
        found = f"shape {filters.shape}{'' if np.isfinite(filters).all() else ' with NaN or infinity'}"
        _refuse("filters", f"finite values, ({lags.size} lags, basis)", found, "pass one row per lag")
    return filters, lags.astype(np.int64)


def _check_position(position: ArrayLike | None, n_bins: int) -> NDArray[np.int64]:
    position = np.arange(n_bins) if position is None else np.asarray(position)
    if position.ndim != 1 or (position.size and not np.issubdtype(position.dtype, np.integer)):
        _refuse("position", "whole numbers (row,)", f"{position.dtype} of shape {position.shape}", "pass bin numbers")
    bad = np.flatnonzero((position < -1) | (position >= n_bins))
    if bad.size:
        found = f"others in rows {first_offenders(bad)}"
        _refuse("position", f"bins 0 to {n_bins - 1}, or -1", found, "leave those rows out, or place them at -1")
    return position.astype(np.int64)


def _check_index(index: ArrayLike, n: int, name: str) -> NDArray[np.int64]:
    index = np.asarray(index)
    if index.ndim != 1 or (index.size and not np.issubdtype(index.dtype, np.integer)):
        _refuse(name, "whole numbers, one axis", f"{index.dtype} of shape {index.shape}", "pass their numbers")
    if index.size and (index.min() < 0 or index.max() >= n):
        _refuse(name, f"numbers from 0 to {n - 1}", f"{index.min()} to {index.max()}", "pass numbers in that range")
    return index.astype(np.int64)


def _refuse(name: str, expected: str, found: str, remedy: str) -> None:
    raise InputError(name, expected=expected, found=found, remedy=remedy)
