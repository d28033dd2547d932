"""The design matrix as an operator: columns shared by the units, and columns that belong to one unit or a few."""

import copy

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, first_offenders

MOST_PRIVATE = 64  # private columns per unit; beyond it a dense product is the faster one
RARE = 1 / 20  # a column allowed for fewer units than this share is private: a dense product is ~20x faster per entry


def as_design(X: ArrayLike) -> NDArray:
    """The design in float32 or float64, not copied if it is already.

    Raises
    ------
    InputError
        Where it is not a matrix with at least one bin.
    """
    X = np.asarray(X)
    if X.ndim != 2 or not len(X):
        raise InputError("X", expected="(time, feature), at least one bin", found=str(X.shape), remedy="pass a matrix")
    return X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)


def check_finite(X: NDArray) -> NDArray:
    """Check that a design holds no NaN or infinity and return it; the error names the columns."""
    with np.errstate(all="ignore"):
        if np.isfinite(X.sum()):
            return X
    bad = np.flatnonzero(~np.isfinite(X).all(axis=0))
    if bad.size:
        raise InputError(
            "X",
            expected="finite values",
            found=f"NaN or infinity in columns {first_offenders(bad)}",
            remedy="drop those bins, or fill the missing values",
        )
    return X


class MaskedDesign:
    """One design for all units, of which each unit sees only the columns allowed to it.

    Coefficients are *packed*: ``(unit, n_common + n_private)``, first one per common column, then one per private
    column of that unit (0 where it has fewer). Columns allowed to nobody take part in nothing. A population whose
    units have 40 columns in common and 5 of their own each has 45 packed coefficients per unit, however many
    columns there are in all.

    Parameters
    ----------
    X : ndarray (time, feature)
        The design, never copied but for columns left out and private columns.
    allowed : ndarray of bool (unit, feature) or None
        None allows everything to everyone.
    n_units : int
        Number of units.

    Attributes
    ----------
    common : ndarray of int (common,)
        Columns of X that are common.
    private : ndarray of int (unit, private)
        Columns of X that are private, -1 where a unit has fewer.
    mask : ndarray of bool (unit, packed) or None
        False where a coefficient must stay 0; None where all are free.
    """

    def __init__(self, X: NDArray, allowed: NDArray | None, n_units: int) -> None:
        self.n_features, self.dtype = X.shape[1], X.dtype
        self.common, rows, columns = _split(allowed, self.n_features, n_units)
        self.private = _table(rows, columns, n_units)
        self._read(X)
        self.mask = self._packed_mask(allowed)

    def _read(self, X: NDArray) -> None:
        self._X = X if self.common.size == self.n_features else np.ascontiguousarray(X[:, self.common])
        self._V = _private_values(X, self.private)

    def on(self, X: NDArray) -> "MaskedDesign":
        """The same columns at other bins, packed in the same way."""
        other = copy.copy(self)
        other._read(X.astype(self.dtype, copy=False))
        return other

    @property
    def n_packed(self) -> int:
        """Number of packed coefficients of a unit."""
        return self.common.size + self.private.shape[1]

    @property
    def common_values(self) -> NDArray:
        """The common columns, ``(time, common)``."""
        return self._X

    @property
    def private_values(self) -> NDArray:
        """The private columns, ``(unit, private, time)``, 0 where a unit has fewer."""
        return self._V

    def forward(self, B: NDArray, units: NDArray, *, out: NDArray | None = None) -> NDArray:
        """X b for packed coefficients ``(row, packed)`` of some units: ``(row, time)``."""
        n_common = self.common.size
        eta = np.matmul(B[:, :n_common], self._X.T, out=out)
        if self.private.shape[1]:  # row by row: one unit's columns are one block, gathering many would copy them
            for row, unit in enumerate(units):
                eta[row] += B[row, n_common:] @ self._V[unit]
        return eta

    def adjoint(self, R: NDArray, units: NDArray) -> NDArray:
        """X' r for ``(row, time)`` of some units: packed ``(row, packed)``, 0 where masked."""
        out = np.empty((len(R), self.n_packed), dtype=R.dtype)
        n_common = self.common.size
        np.matmul(R, self._X, out=out[:, :n_common])
        if self.private.shape[1]:
            for row, unit in enumerate(units):
                out[row, n_common:] = self._V[unit] @ R[row]
        if self.mask is not None:
            out *= self.mask[units]
        return out

    def pack(self, coef: NDArray) -> NDArray:
        """Packed form of coefficients ``(unit, feature)``."""
        private = np.where(self.private >= 0, np.take_along_axis(coef, np.maximum(self.private, 0), axis=1), 0)
        packed = np.concatenate([coef[:, self.common], private], axis=1)
        return packed if self.mask is None else packed * self.mask

    def unpack(self, packed: NDArray, units: NDArray) -> NDArray:
        """Coefficients ``(row, feature)`` of packed ones of some units: exactly 0 where not allowed."""
        coef = np.zeros((len(units), self.n_features), dtype=packed.dtype)
        n_common = self.common.size
        coef[:, self.common] = packed[:, :n_common]
        private = self.private[units]
        rows, slots = np.nonzero(private >= 0)
        coef[rows, private[rows, slots]] = packed[rows, n_common + slots]
        return coef

    def _packed_mask(self, allowed: NDArray | None) -> NDArray | None:
        if allowed is None:
            return None
        mask = np.concatenate([allowed[:, self.common], self.private >= 0], axis=1)
        return None if mask.all() else mask


def _split(allowed: NDArray | None, n_features: int, n_units: int) -> tuple[NDArray, NDArray, NDArray]:
    """Common columns, and the (unit, column) pairs of the private ones."""
    nothing = np.empty(0, dtype=np.intp)
    if allowed is None:
        return np.arange(n_features), nothing, nothing
    n_allowed = allowed.sum(axis=0)
    rare = (n_allowed > 0) & (n_allowed <= max(1, int(n_units * RARE))) & (n_units > 1)
    per_unit = (allowed & rare).sum(axis=1).max(initial=0)
    if per_unit > MOST_PRIVATE or n_units * per_unit > 2 * n_features:
        rare[:] = False
    rows, columns = np.nonzero(allowed & rare)
    return np.flatnonzero((n_allowed > 0) & ~rare), rows, columns


def _table(rows: NDArray, columns: NDArray, n_units: int) -> NDArray:
    """(unit, private) column numbers, -1 where a unit has fewer; ``rows`` is sorted."""
    count = np.bincount(rows, minlength=n_units)
    table = np.full((n_units, count.max(initial=0)), -1, dtype=np.intp)
    table[rows, np.arange(rows.size) - np.repeat(np.cumsum(count) - count, count)] = columns
    return table


def _private_values(X: NDArray, private: NDArray) -> NDArray:
    """(unit, private, time): time last, so that one unit's columns are one block."""
    values = np.zeros((*private.shape, X.shape[0]), dtype=X.dtype)
    for slot in range(private.shape[1]):
        has = np.flatnonzero(private[:, slot] >= 0)
        values[has, slot] = X[:, private[has, slot]].T
    return values
