"""Columns: what one term adds to a design."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray


class Columns(NamedTuple):
    """The columns that one term adds to a design.

    Attributes
    ----------
    values : ndarray of float32 (time, feature)
        NaN where unknown.
    labels : list of str (feature,)
        What each column is.
    basis : ndarray of int (feature,)
        Which function of the term's basis.
    lag : ndarray (feature,)
        Where that function peaks, s.
    source : ndarray of int (feature,)
        Position of the unit that a column comes from, -1 where it comes from none.
    allowed : ndarray of bool (unit, feature)
        Which units may use which column.
    whole : ndarray of bool (time,)
        Whether the term's window lies within the run.
    lags : ndarray of int (tap,)
        For columns that are filtered activity of their source: how many bins ago; none for others.
    filters : ndarray (tap, feature)
        What the source's activity is weighted by there.
    """

    values: NDArray[np.float32]
    labels: list[str]
    basis: NDArray[np.int64]
    lag: NDArray[np.float64]
    source: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    lags: NDArray[np.int64]
    filters: NDArray[np.float32]


def columns_for_all(
    recording: xr.Dataset, values: NDArray, names: list[str], peaks: NDArray, whole: NDArray[np.bool_]
) -> Columns:
    """Columns that every unit may use, from values ``(time, signal, basis)``."""
    n_time, n_signal, n_basis = values.shape
    labels = [f"{name} {b}" if n_basis > 1 else name for name in names for b in range(n_basis)]
    n_feature = n_signal * n_basis
    return Columns(
        values.reshape(n_time, n_feature).astype(np.float32, copy=False),
        labels,
        np.tile(np.arange(n_basis), n_signal),
        np.tile(peaks, n_signal),
        np.full(n_feature, -1),
        np.ones((recording.sizes["unit"], n_feature), dtype=bool),
        whole,
        np.zeros(0, dtype=np.int64),
        np.zeros((0, n_feature), dtype=np.float32),
    )


def beside(first: Columns, second: Columns) -> Columns:
    """Two terms' columns as one term's, where neither is filtered activity."""
    return first._replace(
        values=np.concatenate([first.values, second.values], axis=1),
        labels=first.labels + second.labels,
        basis=np.concatenate([first.basis, second.basis]),
        lag=np.concatenate([first.lag, second.lag]),
        source=np.concatenate([first.source, second.source]),
        allowed=np.concatenate([first.allowed, second.allowed], axis=1),
        whole=first.whole & second.whole,
        filters=np.concatenate([first.filters, second.filters], axis=1),
    )
