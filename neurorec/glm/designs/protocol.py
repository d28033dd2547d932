"""What a design matrix can do, whatever it is made of."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.team import Team

BLOCK_BYTES = 1 << 26  # dense rows held at a time where a design is read block by block


@runtime_checkable
class Design(Protocol):
    """A matrix of ``(time, feature)`` that knows its products; ``forward`` and ``adjoint`` are all that a fit costs."""

    shape: tuple[int, int]
    dtype: np.dtype

    def forward(self, B: NDArray, out: NDArray, team: Team) -> None:
        """Write X b for coefficients ``(row, feature)`` into ``out (row, time)``."""
        ...

    def adjoint(self, R: NDArray, team: Team) -> NDArray:
        """X' r for ``(row, time)``: ``(row, feature)``."""
        ...

    def block(self, low: int, high: int) -> NDArray:
        """Dense rows ``(high - low, feature)``."""
        ...

    def take(self, columns: NDArray) -> "Design":
        """The design of these columns."""
        ...

    def on(self, rows: NDArray) -> "Design":
        """The design of these rows, in this order."""
        ...


def block_bounds(n_times: int, n_features: int, itemsize: int, n_jobs: int = 1) -> list[tuple[int, int]]:
    """Bounds of blocks of rows that fit in ``BLOCK_BYTES`` together, one at least for each of ``n_jobs``."""
    size = max(1, BLOCK_BYTES // max(1, n_features * itemsize * n_jobs))
    size = min(size, max(1, -(-n_times // n_jobs)))
    return [(low, min(low + size, n_times)) for low in range(0, n_times, size)]


def block_bounds_of(design: Design, n_jobs: int = 1) -> list[tuple[int, int]]:
    """Bounds of blocks of rows of a design."""
    return block_bounds(*design.shape, design.dtype.itemsize, n_jobs)
