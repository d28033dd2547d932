"""Designs side by side, as one."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.designs.dense import DenseDesign
from neurorec.glm.designs.protocol import Design
from neurorec.glm.team import Team
from neurorec.recording import InputError


class StackedDesign:
    """Columns of several designs of the same rows, one after the other.

    Parameters
    ----------
    parts : sequence of Design
        Of one number of rows and one dtype.
    """

    def __init__(self, parts: list[Design]) -> None:
        self.parts = parts
        self._edges = np.concatenate([[0], np.cumsum([part.shape[1] for part in parts])])
        self.shape = (parts[0].shape[0], int(self._edges[-1]))
        self.dtype = parts[0].dtype

    def forward(self, B: NDArray, out: NDArray, team: Team) -> None:
        """Write X b for coefficients ``(row, feature)`` into ``out (row, time)``."""
        part_out = np.empty_like(out) if len(self.parts) > 1 else out
        for k, part in enumerate(self.parts):
            part.forward(np.ascontiguousarray(B[:, self._edges[k] : self._edges[k + 1]]), part_out if k else out, team)
            if k:
                out += part_out

    def adjoint(self, R: NDArray, team: Team) -> NDArray:
        """X' r for ``(row, time)``: ``(row, feature)``."""
        return np.concatenate([part.adjoint(R, team) for part in self.parts], axis=1)

    def block(self, low: int, high: int) -> NDArray:
        """Dense rows ``(high - low, feature)``."""
        return np.concatenate([part.block(low, high) for part in self.parts], axis=1)

    def take(self, columns: NDArray) -> "StackedDesign | DenseDesign":
        """The design of these columns, which keep their order."""
        owner = np.searchsorted(self._edges, columns, side="right") - 1
        if (np.diff(owner) < 0).any():
            values = np.concatenate([part.block(0, self.shape[0]) for part in self.parts], axis=1)
            return DenseDesign(np.ascontiguousarray(values[:, columns]))
        chosen = [(part, columns[owner == k] - self._edges[k]) for k, part in enumerate(self.parts)]
        return StackedDesign([part.take(own) for part, own in chosen if own.size] or [self.parts[0].take(columns)])

    def standardised(self, mean: NDArray, scale: NDArray) -> "StackedDesign":
        """The design of (column - mean) / scale, ``(feature,)`` each, where all parts can be standardised.

        Raises
        ------
        InputError
            Where one cannot.
        """
        for part in self.parts:
            if not hasattr(part, "standardised"):
                raise InputError(
                    "parts",
                    expected="arrays and lagged designs",
                    found=type(part).__name__,
                    remedy="standardise them before they are put side by side",
                )
        edges = zip(self._edges[:-1], self._edges[1:], strict=True)
        pairs = zip(self.parts, edges, strict=True)
        return StackedDesign([part.standardised(mean[low:high], scale[low:high]) for part, (low, high) in pairs])

    def on(self, rows: NDArray) -> "StackedDesign":
        """The design of these rows, in this order."""
        return StackedDesign([part.on(rows) for part in self.parts])


def stack_designs(parts: "list[Design | ArrayLike]") -> StackedDesign:
    """Put designs and arrays of the same rows side by side.

    Parameters
    ----------
    parts : list of Design or array_like (time, feature)
        For instance task columns as an array and a `LaggedDesign`.

    Returns
    -------
    StackedDesign
        Everything that takes a design matrix takes it.

    Raises
    ------
    InputError
        Where the rows or the types differ.

    Examples
    --------
    >>> stack_designs([np.ones((4, 1)), np.zeros((4, 2))]).shape
    (4, 3)
    """
    designs = [part if isinstance(part, Design) else DenseDesign(_floating(part)) for part in parts]
    if len({(design.shape[0], design.dtype) for design in designs}) != 1:
        raise InputError(
            "parts",
            expected="designs of the same rows and the same type",
            found=", ".join(f"{design.shape[0]} rows of {design.dtype}" for design in designs) or "none",
            remedy="cut them to the same bins, convert arrays to the type of the others",
        )
    return StackedDesign(designs)


def _floating(values: ArrayLike) -> NDArray:
    values = np.asarray(values)
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)
