"""A design matrix in memory, or the part of it in some runs of rows, never copied."""

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.team import Team

FEWEST_ROWS = 500  # mean length of runs from which products of views are as fast as those of a copy


class DenseDesign:
    """An array ``(time, feature)``; rows in a few long runs are views of it.

    Parameters
    ----------
    X : ndarray of float32 or float64 (time, feature)
        The values.
    runs : list of (int, int), optional
        Bounds of the rows that take part; all by default.
    """

    def __init__(self, X: NDArray, runs: list[tuple[int, int]] | None = None) -> None:
        self._X, self._runs = X, [(0, len(X))] if runs is None else runs
        self.shape = (sum(high - low for low, high in self._runs), X.shape[1])
        self.dtype = X.dtype

    def forward(self, B: NDArray, out: NDArray, team: Team) -> None:
        """Write X b for coefficients ``(row, feature)`` into ``out (row, time)``."""

        def work(low: int, high: int) -> None:
            for at, rows in self._pieces(low, high):
                np.matmul(B, rows.T, out=out[:, at : at + len(rows)])

        team.over(self.shape[0], work)

    def adjoint(self, R: NDArray, team: Team) -> NDArray:
        """X' r for ``(row, time)``: ``(row, feature)``."""

        def work(low: int, high: int) -> NDArray:
            return _total([R[:, at : at + len(rows)] @ rows for at, rows in self._pieces(low, high)])

        return _total(team.over(self.shape[0], work))

    def block(self, low: int, high: int) -> NDArray:
        """Dense rows ``(high - low, feature)``."""
        found = [rows for _, rows in self._pieces(low, high)]
        return found[0] if len(found) == 1 else np.concatenate([self._X[:0], *found])

    def take(self, columns: NDArray) -> "DenseDesign":
        """The design of these columns; a copy unless they are all."""
        if np.array_equal(columns, np.arange(self.shape[1])):
            return self
        if len(self._runs) == 1:
            low, high = self._runs[0]
            return DenseDesign(np.ascontiguousarray(self._X[low:high, columns]))
        return DenseDesign(np.concatenate([self._X[low:high][:, columns] for low, high in self._runs]))

    def on(self, rows: NDArray) -> "DenseDesign":
        """The design of these rows: views of a few long runs, otherwise a copy."""
        if len(self._runs) > 1:
            return DenseDesign(self.block(0, self.shape[0])[rows])
        cuts = np.flatnonzero(np.diff(rows) != 1) + 1
        if rows.size and cuts.size + 1 <= max(2, rows.size // FEWEST_ROWS):
            runs = [(int(run[0]), int(run[-1]) + 1) for run in np.split(rows + self._runs[0][0], cuts)]
            return DenseDesign(self._X, runs)
        return DenseDesign(self._X[rows + self._runs[0][0]])

    def standardised(self, mean: NDArray, scale: NDArray) -> "DenseDesign":
        """A copy of (column - mean) / scale, ``(feature,)`` each."""
        values = self.block(0, self.shape[0]) - np.asarray(mean).astype(self.dtype)
        values /= np.asarray(scale).astype(self.dtype)
        return DenseDesign(values)

    def shares_memory(self, other: "DenseDesign") -> bool:
        """Whether the other is the same rows of the same array."""
        return self._X is other._X and self._runs == other._runs

    def _pieces(self, low: int, high: int) -> list[tuple[int, NDArray]]:
        """Rows low to high as views, each with its place among the rows of the design."""
        pieces, start = [], 0
        for first, last in self._runs:
            a, b = max(low, start), min(high, start + last - first)
            if a < b:
                pieces.append((a, self._X[first + a - start : first + b - start]))
            start += last - first
        return pieces


def _total(parts: list[NDArray]) -> NDArray:
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total
