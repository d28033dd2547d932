"""A design in other coordinates of its coefficients."""

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from neurorec.glm.designs.protocol import Design
from neurorec.glm.team import Team


class TransformedDesign:
    """X M, with a block-diagonal M: what a penalty other than |b|^2 makes of a design.

    Parameters
    ----------
    base : Design
        X.
    matrix : scipy.sparse.csr_array (feature, feature)
        M, within small blocks of columns.
    """

    def __init__(self, base: Design, matrix: scipy.sparse.csr_array) -> None:
        self._base, self._matrix = base, scipy.sparse.csr_array(matrix, dtype=base.dtype)
        self._transposed = scipy.sparse.csr_array(self._matrix.T)
        self.shape, self.dtype = base.shape, base.dtype

    def forward(self, B: NDArray, out: NDArray, team: Team) -> None:
        """Write X M b for coefficients ``(row, feature)`` into ``out (row, time)``."""
        self._base.forward(np.ascontiguousarray(B @ self._transposed), out, team)

    def adjoint(self, R: NDArray, team: Team) -> NDArray:
        """M' X' r for ``(row, time)``: ``(row, feature)``."""
        return self._base.adjoint(R, team) @ self._matrix

    def block(self, low: int, high: int) -> NDArray:
        """Dense rows ``(high - low, feature)``."""
        return self._base.block(low, high) @ self._matrix

    def take(self, columns: NDArray) -> "TransformedDesign":
        """The design of these columns, whole blocks of M."""
        return TransformedDesign(self._base.take(columns), self._matrix[columns][:, columns])

    def on(self, rows: NDArray) -> "TransformedDesign":
        """The design of these rows."""
        return TransformedDesign(self._base.on(rows), self._matrix)
