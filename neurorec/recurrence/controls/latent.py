"""Latent factors: how much of the benefit the leading principal components of the other units hold."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.recurrence.fitting import Progress, fit_model, side_by_side
from neurorec.recurrence.folds import training_bins
from neurorec.recurrence.models import Model
from neurorec.recurrence.partners import keep_columns, part_of, with_columns
from neurorec.recurrence.problem import Problem

RANKS = (1, 3, 10)
LATENT = Model("latent", ("task", "latent"), "uncoupled")
_UNITS = 128  # at a time: every unit has columns of its own


def fit_latent(
    problem: Problem,
    base: xr.Dataset,
    *,
    ranks: tuple[int, ...] = RANKS,
    n_jobs: int | None = None,
    progress: Progress = lambda: None,
) -> xr.Dataset:
    """Fit the coupled model with a few principal components of the population in place of its units.

    The components are those of the partners' filtered activity, summed over the functions of the coupling basis and
    standardised, in the training bins. A unit's own activity is taken out of them: it is predicted by
    ``sum_{j != i} v_jk x_jb(t)`` for each component k and function b, with v the loadings and x the columns.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`, with columns of individual partners.
    base : xarray.Dataset
        The uncoupled model with its coefficients.
    ranks : tuple of int
        Numbers of components.
    n_jobs : int, optional
        Folds fitted at the same time; all cores by default.
    progress : callable
        Called after each fold.

    Returns
    -------
    xarray.Dataset
        ``deviance (rank, unit, trial)``, ``converged (rank, unit, fold)``, and ``variance (rank, fold)``: the share of
        the variance of the partners' activity that the components hold.
    """
    coupling = _coupling_columns(problem)
    few, base = keep_columns(problem, base, np.flatnonzero(problem.design["group"].values == "task"))
    n_units = problem.response.shape[1]
    ranks = tuple(rank for rank in ranks if rank < coupling.shape[0])
    found = np.full((len(ranks), n_units, problem.trial_ids.size), np.nan)
    variance = np.full((len(ranks), problem.n_folds), np.nan)
    converged = np.zeros((len(ranks), n_units, problem.n_folds), dtype=bool)

    def fit(k: int) -> None:
        loadings, share = _loadings(problem, coupling, k, max(ranks, default=1))
        trials = np.flatnonzero(problem.fold == k)
        for r, rank in enumerate(ranks):
            variance[r, k] = share[:rank].sum()
            for low in range(0, n_units, _UNITS):
                units = np.arange(low, min(low + _UNITS, n_units))
                more = _components(problem, units, coupling, loadings[:, :rank])
                part, own = with_columns(part_of(few, units), more), base.isel(unit=units)
                one = fit_model(part, LATENT, own, folds=[k], n_jobs=1)
                found[r][np.ix_(units, trials)] = one["deviance"].values[:, trials]
                converged[r, units, k] = one["converged"].values[:, 0]
        progress()

    list(side_by_side(fit, range(problem.n_folds), n_jobs))
    return xr.Dataset(
        {
            "deviance": (("rank", "unit", "trial"), found),
            "converged": (("rank", "unit", "fold"), converged),
            "variance": (("rank", "fold"), variance),
        },
        coords={"rank": list(ranks), "unit": base["unit"], "area": base["area"], "trial": base["trial"]},
    )


def _coupling_columns(problem: Problem) -> NDArray[np.int64]:
    """Position of each partner's columns ``(source, basis)`` of the first coupling term."""
    design = problem.design
    own = (design["group"].values == "coupling") & (design["source"].values >= 0)
    first = design["term"].values[own][0]
    columns = np.flatnonzero(own & (design["term"].values == first))
    order = np.lexsort((design["basis"].values[columns], design["source"].values[columns]))
    return columns[order].reshape(np.unique(design["source"].values[columns]).size, -1)


def _loadings(problem: Problem, coupling: NDArray, k: int, rank: int) -> tuple[NDArray, NDArray]:
    """Loadings ``(source, component)`` for the columns as they are, and shares of variance, of a training set."""
    keep = training_bins(problem.design["time"].values, problem.fold[problem.trial], k, gap=problem.gap)
    matrix = problem.design["matrix"].values
    past = np.zeros((np.count_nonzero(keep), len(coupling)))
    for columns in coupling.T:
        past += matrix[np.ix_(keep, columns)]
    spread = past.std(axis=0)
    known = spread > 0
    past = (past - past.mean(axis=0)) / np.where(known, spread, 1)
    values, vectors = np.linalg.eigh(past.T @ past / max(len(past), 1))
    share = np.maximum(values[::-1], 0) / max(values.sum(), np.finfo(float).tiny)
    return vectors[:, ::-1][:, :rank] * np.where(known, 1 / np.where(known, spread, 1), 0)[:, None], share


def _components(problem: Problem, units: NDArray, coupling: NDArray, loadings: NDArray) -> xr.Dataset:
    """Columns of some units, ``n_basis x rank`` each: the components less the unit's own part."""
    design, matrix = problem.design, problem.design["matrix"].values
    source = design["source"].values[coupling[:, 0]]
    n_time, n_basis, rank = len(matrix), coupling.shape[1], loadings.shape[1]
    own = np.full(problem.response.shape[1], -1)
    own[source] = np.arange(source.size)
    values = np.empty((n_time, units.size, n_basis, rank), dtype=np.float32)
    for b in range(n_basis):
        past = matrix[:, coupling[:, b]]
        scores = past @ loadings.astype(np.float32)
        for place, unit in enumerate(units):
            values[:, place, b] = scores
            if own[unit] >= 0:
                values[:, place, b] -= past[:, [own[unit]]] * loadings[own[unit]].astype(np.float32)
    n_own = n_basis * rank
    taps = design["tap"].values
    return xr.Dataset(
        {
            "matrix": (("time", "feature"), values.reshape(n_time, -1)),
            "allowed": (("unit", "feature"), np.repeat(np.eye(units.size, dtype=bool), n_own, axis=1)),
            "filter": (("tap", "feature"), np.zeros((taps.size, units.size * n_own), dtype=np.float32)),
        },
        coords={
            "tap": taps,
            **_coordinates(design, coupling[0], units.size, rank),
        },
    )


def _coordinates(design: xr.Dataset, columns: NDArray, n_units: int, rank: int) -> dict:
    n_basis = columns.size
    basis, lag = np.repeat(np.arange(n_basis), rank), np.repeat(design["lag"].values[columns], rank)
    n = n_units * n_basis * rank
    return {
        "feature": ("feature", np.array([f"component {k}" for k in range(rank)] * (n_units * n_basis))),
        "term": ("feature", np.full(n, "latent")),
        "group": ("feature", np.full(n, "latent")),
        "basis": ("feature", np.tile(basis, n_units)),
        "lag": ("feature", np.tile(lag, n_units)),
        "source": ("feature", np.full(n, -1)),
    }
