"""The columns of a model on some rows: partners' filtered spikes need not be made to be multiplied."""

from typing import NamedTuple

import numpy as np
import scipy.sparse
import xarray as xr
from numpy.typing import NDArray

from neurorec.design import find_runs, source_activity
from neurorec.glm import Design, LaggedDesign, stack_designs, worthwhile


class Spikes(NamedTuple):
    """Activity of all units, as partners' columns are made of it.

    Attributes
    ----------
    counts : scipy.sparse.csr_array of float32 (bin, unit)
        With empty bins between runs, so that no filter sees over an edge.
    position : ndarray of int (time,)
        Bin of each usable row of the design; -1 where the columns' means stand in.
    """

    counts: scipy.sparse.csr_array
    position: NDArray[np.int64]


def find_spikes(recording: xr.Dataset, design: xr.Dataset, used: NDArray) -> Spikes | None:
    """What partners' columns are made of, where it is sparse enough for that to be the faster way.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording.
    design : xarray.Dataset
        From `neurorec.design.design_matrix`.
    used : ndarray of int
        Usable bins.

    Returns
    -------
    Spikes or None
    """
    activity = source_activity(recording)
    coupling = np.flatnonzero((design["group"].values == "coupling") & (design["source"].values >= 0))
    taps = design["tap"].values
    if not coupling.size or (taps < 0).any():
        return None
    n_basis = int(np.unique(design["basis"].values[coupling]).size)
    n_sources = coupling.size // n_basis
    n_taps = int(np.count_nonzero(design["filter"].values[:, coupling[:n_basis]]))
    density = np.count_nonzero(activity) / max(activity.size, 1)
    if not worthwhile(density, n_sources=n_sources, n_basis=n_basis, n_taps=n_taps):
        return None
    label = find_runs(recording).label
    place = np.arange(label.size) + label * int(taps.max())
    rows, units = np.nonzero(activity)
    shape = (int(place[-1]) + 1, activity.shape[1])
    return Spikes(scipy.sparse.csr_array((activity[rows, units], (place[rows], units)), shape=shape), place[used])


def columns_on(design: xr.Dataset, spikes: Spikes | None, columns: NDArray, rows: NDArray) -> Design:
    """Columns of a design on some of its rows, as an operator.

    Parameters
    ----------
    design : xarray.Dataset
        Usable bins only.
    spikes : Spikes or None
        Where given, coupling columns are not made.
    columns : ndarray of int (column,)
        Which, increasing.
    rows : ndarray of int (row,)
        Which.

    Returns
    -------
    Design
        ``(row, column)``, float32.
    """
    lagged = _lagged_terms(design, columns) if spikes is not None else np.full(columns.size, -1)
    cuts = np.flatnonzero(np.diff(lagged)) + 1
    parts = []
    for run in np.split(np.arange(columns.size), cuts):
        chosen = columns[run]
        if spikes is None or lagged[run[0]] < 0:
            parts.append(design["matrix"].values[np.ix_(rows, chosen)])
        else:
            parts.append(_lagged(design, spikes, chosen, rows))
    return stack_designs(parts)


def _lagged_terms(design: xr.Dataset, columns: NDArray) -> NDArray[np.int64]:
    """Number of the term of every column that is partners' filtered activity, -1 for others ``(column,)``."""
    source, group = design["source"].values[columns], design["group"].values[columns]
    term = np.unique(design["term"].values[columns], return_inverse=True)[1]
    return np.where((group == "coupling") & (source >= 0), term, -1)


def _lagged(design: xr.Dataset, spikes: Spikes, columns: NDArray, rows: NDArray) -> LaggedDesign:
    """Partners' columns of one term: only the sources and the functions that they need."""
    source, basis = design["source"].values[columns], design["basis"].values[columns]
    sources, functions = np.unique(source), np.unique(basis)
    first = [int(np.flatnonzero(basis == function)[0]) for function in functions]
    full = LaggedDesign(
        spikes.counts[:, sources],
        design["filter"].values[:, columns[first]],
        design["tap"].values,
        position=spikes.position[rows],
    )
    cell = np.searchsorted(sources, source) * functions.size + np.searchsorted(functions, basis)
    return full if np.array_equal(cell, np.arange(full.shape[1])) else full.take(cell)
