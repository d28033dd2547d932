"""Columns shared by the units, and columns that belong to one unit or a few."""

import copy

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.designs.protocol import Design, block_bounds_of
from neurorec.glm.kernels.private import add_images, inner_products
from neurorec.glm.team import Team

MOST_PRIVATE = 64  # private columns per unit; beyond it a dense product is the faster one
RARE = 1 / 20  # a column allowed for fewer units than this share is private: a dense product is ~20x faster per entry


class MaskedDesign:
    """One design for all units, of which each unit sees only the columns allowed to it.

    Coefficients are *packed*: ``(unit, n_common + n_private)``, first one per common column, then one per private
    column of that unit (0 where it has fewer). Columns allowed to nobody take part in nothing. A population whose
    units have 40 columns in common and 5 of their own each has 45 packed coefficients per unit, however many
    columns there are in all.

    Parameters
    ----------
    design : Design
        The columns, never copied but for private columns and for what is left when they are taken out.
    allowed : ndarray of bool (unit, feature) or None
        None allows everything to everyone.
    n_units : int
        Number of units.
    varies : ndarray of bool (feature,), optional
        False for columns that say nothing here; they keep their place, so that all folds share one curvature.

    Attributes
    ----------
    common : ndarray of int (common,)
        Columns of the design that are common.
    private : ndarray of int (unit, private)
        Columns of the design that are private, -1 where a unit has fewer.
    mask : ndarray of bool (unit, packed) or None
        False where a coefficient must stay 0; None where all are free.
    """

    def __init__(self, design: Design, allowed: NDArray | None, n_units: int, varies: NDArray | None = None) -> None:
        self.n_features, self.dtype = design.shape[1], design.dtype
        self.common, rows, columns = _split(allowed, self.n_features, n_units)
        self.private = _table(rows, columns, n_units)
        self._read(design)
        self.mask = self._packed_mask(allowed, varies)

    def _read(self, design: Design) -> None:
        self.common_design = design.take(self.common) if self.common.size < self.n_features else design
        self._V = _private_values(design, self.private)

    def on(self, design: Design) -> "MaskedDesign":
        """The same columns at other bins, packed in the same way."""
        other = copy.copy(self)
        other._read(design)
        return other

    @property
    def n_times(self) -> int:
        """Number of bins."""
        return self.common_design.shape[0]

    @property
    def n_packed(self) -> int:
        """Number of packed coefficients of a unit."""
        return self.common.size + self.private.shape[1]

    @property
    def private_values(self) -> NDArray:
        """The private columns, ``(unit, private, time)``, 0 where a unit has fewer."""
        return self._V

    def forward(self, B: NDArray, units: NDArray, out: NDArray, team: Team) -> None:
        """Write X b for packed coefficients ``(row, packed)`` of some units into ``out (row, time)``."""
        n_common = self.common.size
        if n_common:
            self.common_design.forward(np.ascontiguousarray(B[:, :n_common]), out, team)
        else:
            out[...] = 0

        if self.private.shape[1]:
            args = (B, self._V, np.ascontiguousarray(units), n_common, out)
            team.over(len(B), lambda low, high: add_images(*args, low, high))

    def adjoint(self, R: NDArray, units: NDArray, team: Team) -> NDArray:
        """X' r for ``(row, time)`` of some units: packed ``(row, packed)``, 0 where masked."""
        out = np.empty((len(R), self.n_packed), dtype=R.dtype)
        n_common = self.common.size
        if n_common:
            out[:, :n_common] = self.common_design.adjoint(R, team)

        if self.private.shape[1]:
            args = (R, self._V, np.ascontiguousarray(units), n_common, out)
            team.over(len(R), lambda low, high: inner_products(*args, low, high))
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

    def _packed_mask(self, allowed: NDArray | None, varies: NDArray | None) -> NDArray | None:
        if varies is None or varies.all():
            varies = np.ones(self.n_features, dtype=bool)
            if allowed is None:
                return None
        common = np.broadcast_to(varies, (len(self.private), varies.size)) if allowed is None else allowed & varies
        private = (self.private >= 0) & varies[np.maximum(self.private, 0)]
        mask = np.concatenate([common[:, self.common], private], axis=1)
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


def _private_values(design: Design, private: NDArray) -> NDArray:
    """(unit, private, time): time last, so that one unit's columns are one block."""
    values = np.zeros((*private.shape, design.shape[0]), dtype=design.dtype)
    units, slots = np.nonzero(private >= 0)
    if not units.size:
        return values
    columns, place = np.unique(private[units, slots], return_inverse=True)
    part = design.take(columns)
    for low, high in block_bounds_of(part):
        values[units, slots, low:high] = part.block(low, high).T[place]
    return values
