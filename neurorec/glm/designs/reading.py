"""What the user gave as a design matrix, as a design."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.designs.blocked import BlockedDesign
from neurorec.glm.designs.dense import DenseDesign
from neurorec.glm.designs.lagged import LaggedDesign
from neurorec.glm.designs.protocol import Design, block_bounds_of
from neurorec.glm.designs.stacked import StackedDesign
from neurorec.glm.team import Team
from neurorec.recording import InputError, first_offenders

MOMENT_ROWS = 512  # rows whose float64 copy stays small


def as_design(X: "ArrayLike | Design") -> Design:
    """The design, not copied if it is float32 or float64 already; lazy and memory-mapped arrays stay where they are.

    Raises
    ------
    InputError
        Where it is not a matrix with at least one bin.
    """
    if isinstance(X, Design):
        return X
    found: Any = X if _is_lazy(X) else np.asarray(X)
    if len(found.shape) != 2 or not found.shape[0]:
        raise InputError(
            "X", expected="(time, feature), at least one bin", found=str(tuple(found.shape)), remedy="pass a matrix"
        )
    if found is X and _is_lazy(X):
        return BlockedDesign(found)
    return DenseDesign(found if found.dtype in (np.float32, np.float64) else found.astype(np.float64))


def _is_lazy(X: Any) -> bool:
    """Memory-mapped files, and dask, zarr and h5py arrays, which all know their chunks, or that they have none."""
    if isinstance(X, np.ndarray):
        return isinstance(X, np.memmap)
    chunked = getattr(X, "chunks", None) is not None or hasattr(X, "maxshape")  # h5py stores some in one piece
    return chunked and hasattr(X, "shape") and hasattr(X, "dtype")


def same_design(a: Design, b: Design) -> bool:
    """Whether two designs are the same columns and rows of the same memory."""
    if isinstance(a, DenseDesign) and isinstance(b, DenseDesign):
        return a.shares_memory(b)
    return a is b


def column_ranges(design: Design, team: Team | None = None, used: NDArray | None = None) -> tuple[NDArray, NDArray]:
    """Smallest and largest value of every column ``(feature,)``; NaN and infinity show.

    Parameters
    ----------
    design : Design
        Columns.
    team : Team, optional
        Threads; one by default.
    used : ndarray of bool (time,), optional
        Rows to look at; all by default.

    Returns
    -------
    lowest, highest : ndarray (feature,)
    """
    team = team or Team(1)
    bounds = block_bounds_of(design, team.n_jobs)

    def work(first: int, last: int) -> tuple[NDArray, NDArray]:
        lowest, highest = np.full(design.shape[1], np.inf), np.full(design.shape[1], -np.inf)
        for low, high in bounds[first:last]:
            rows = design.block(low, high)
            rows = rows if used is None else rows[used[low:high]]
            np.minimum(lowest, rows.min(axis=0, initial=np.inf), out=lowest)
            np.maximum(highest, rows.max(axis=0, initial=-np.inf), out=highest)
        return lowest, highest

    lowest, highest = zip(*team.over(len(bounds), work), strict=True)
    return np.min(lowest, axis=0), np.max(highest, axis=0)


def column_moments(design: Design) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and spread (standard deviation) of every column over the rows, a block at a time.

    Rows of a `LaggedDesign` whose past is not known take no part.

    Returns
    -------
    mean, spread : ndarray (feature,)

    Examples
    --------
    >>> column_moments(as_design([[1.0, 2.0], [3.0, 2.0]]))
    (array([2., 2.]), array([1., 0.]))
    """
    if isinstance(design, StackedDesign):
        mean, spread = zip(*(column_moments(part) for part in design.parts), strict=True)
        return np.concatenate(mean), np.concatenate(spread)
    if isinstance(design, LaggedDesign):
        return design.column_moments(Team(1))
    n_rows, n_features = design.shape
    total, square = np.zeros(n_features), np.zeros(n_features)
    shift = design.block(0, 1)[0]  # near enough to the mean for squares to lose no digits
    for low in range(0, n_rows, MOMENT_ROWS):
        values = (design.block(low, min(low + MOMENT_ROWS, n_rows)) - shift).astype(np.float64)
        total += values.sum(axis=0)
        square += np.einsum("tj,tj->j", values, values)
    mean = total / n_rows
    return mean + shift, np.sqrt(np.maximum(square / n_rows - mean**2, 0))


def check_finite(lowest: NDArray, highest: NDArray) -> None:
    """Check that no column holds NaN or infinity; the error names the columns."""
    bad = np.flatnonzero(~(np.isfinite(lowest) & np.isfinite(highest)))
    if bad.size:
        raise InputError(
            "X",
            expected="finite values",
            found=f"NaN or infinity in columns {first_offenders(bad)}",
            remedy="drop those bins, or fill the missing values",
        )
