"""Fitting a coupled GLM for use as a system: task, own history and coupling, each upon what stands before it."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.design import find_runs
from neurorec.fitted.coupled_glm import Coefficients, GLMSystem, system_of
from neurorec.glm import choose_penalty, fit_population
from neurorec.recording import InputError, check_recording, first_offenders

PENALTIES = (np.inf, *np.logspace(1, -3.5, 10).tolist())  # as in the benefit of recurrence
STAGES = ("task", "history", "coupling")
_FAMILY_OF_KIND = {"counts": "poisson", "binary": "bernoulli"}


class GLMFit(NamedTuple):
    """A fitted GLM as a system, and how the fit went.

    Attributes
    ----------
    system : GLMSystem
    coefficients : Coefficients
        Of the design's columns, in its own units.
    penalty : ndarray (stage, unit)
        Chosen on held-out trials; inf: the stage adds nothing.
    converged : ndarray of bool (stage, unit)
    stages : tuple of str (stage,)
    ceiling : ndarray (unit,)
        The largest rate it predicts in training, per bin.
    """

    system: GLMSystem
    coefficients: Coefficients
    penalty: NDArray[np.float64]
    converged: NDArray[np.bool_]
    stages: tuple[str, ...]
    ceiling: NDArray[np.float64]


def fit_coupled_glm(
    recording: xr.Dataset,
    design: xr.Dataset,
    *,
    stages: Sequence[str] = STAGES,
    bins: ArrayLike | None = None,
    allowed: ArrayLike | None = None,
    family: str | None = None,
    penalties: Sequence[float] = PENALTIES,
    n_folds: int = 3,
    n_jobs: int | None = None,
    rng: np.random.Generator,
) -> GLMFit:
    """Fit every unit's GLM and return the system it describes.

    Stage by stage: the columns of a group are fitted with the linear predictor of the stages before as an offset, each
    unit with the penalty that predicts held-out trials best. With an infinite penalty a stage adds nothing, so that
    many useless couplings leave the uncoupled GLM as it is.

    Parameters
    ----------
    recording, design : xarray.Dataset
        A recording, and its design of `neurorec.design.design_matrix`.
    stages : sequence of str
        Groups of the design's columns, those it has of "task", "history" and "coupling".
    bins : array-like of bool (time,), optional
        Bins to fit to, such as those of training trials; the design's usable ones by default.
    allowed : array-like of bool (unit, feature), optional
        Who may use what, beside the design's own rule.
    family : str, optional
        By default Poisson for counts, Bernoulli for binary and Gaussian for other activity.
    penalties : sequence of float
        Strong to weak, per bin, of standardised columns.
    n_folds : int
        Folds of whole runs of bins, by which penalties are chosen.
    n_jobs : int, optional
        Threads; all cores by default.
    rng : numpy.random.Generator
        The folds.

    Returns
    -------
    GLMFit

    Raises
    ------
    InputError
        Where no bin, no column or fewer runs of bins than folds are left.

    Examples
    --------
    >>> from neurorec.datasets import SimulatedArea, simulate_recording
    >>> from neurorec.design import Coupling, Drift, History, design_matrix, raised_cosine
    >>> rng = np.random.default_rng(0)
    >>> recording = simulate_recording([SimulatedArea("V1", 4, coupling=0.5)], n_trials=20, rng=rng)
    >>> past = raised_cosine(2, window=(0.02, 0.06))
    >>> fit = fit_coupled_glm(recording, design_matrix(recording, [Drift(1), History(past), Coupling(past)]), rng=rng)
    >>> fit.stages, fit.system.coupling.shape, bool(fit.converged.all())
    (('task', 'history', 'coupling'), (4, 3, 4), True)
    """
    check_recording(recording)
    used, run = _rows(recording, design, bins, n_folds)
    response = np.nan_to_num(recording["activity"].values[used]).astype(np.float32)
    seen = _seen(recording, used)
    if seen is not None and not seen.any(axis=0).all():
        never = first_offenders(recording["unit"].values[~seen.any(axis=0)])
        remedy = "leave it out with recording.isel(unit=...), and make the design anew"
        raise InputError("activity", expected="units that were observed", found=f"unit {never} never", remedy=remedy)
    may = design["allowed"].values & (True if allowed is None else np.asarray(allowed, dtype=bool))
    family = family or _FAMILY_OF_KIND.get(recording["activity"].attrs["kind"], "gaussian")
    inner = _inner_folds(run, n_folds, rng)
    present = tuple(stage for stage in stages if (may[:, design["group"].values == stage]).any())
    if not present:
        expected = f"columns of {', '.join(stages)}"
        raise InputError("design", expected=expected, found="none", remedy="add a Drift, Event or Coupling term")
    offsets = np.zeros((n_folds + 1, *response.shape), dtype=np.float32)
    total = Coefficients(np.zeros(may.shape), np.zeros(len(may)))
    penalty, converged = [], []
    for stage in present:
        columns = np.flatnonzero((design["group"].values == stage) & may.any(axis=0))
        raw = design["matrix"].values[np.ix_(used, columns)]
        mean, scale = _standards(raw, design["term"].values[columns])
        X = ((raw - mean) / scale).astype(np.float32)
        settings = {"family": family, "allowed": may[:, columns], "n_jobs": n_jobs or os.cpu_count()}
        choice = choose_penalty(
            X, response, inner, penalties, offset=lambda k: offsets[k + 1], sample_weight=seen, **settings
        )
        penalty.append(choice.penalty)
        for split in range(n_folds + 1):
            rows = np.flatnonzero(inner != split - 1)
            weight = None if seen is None else seen[rows]
            fit = fit_population(
                X[rows], response[rows], penalty=choice.penalty, offset=offsets[split][rows], sample_weight=weight,
                **settings,
            )  # fmt: skip
            offsets[split] += X @ fit.coef.T.astype(np.float32) + fit.intercept.astype(np.float32)
            if split == 0:
                converged.append(fit.converged)
                own = fit.coef.astype(np.float64) / scale
                total.coef[:, columns] = own
                total = total._replace(intercept=total.intercept + fit.intercept - own @ mean)
    ceiling = np.exp(offsets[0].max(axis=0).astype(float)) if family == "poisson" else np.full(len(may), np.inf)
    system = system_of(total, design, family)
    return GLMFit(system, total, np.array(penalty), np.array(converged), present, ceiling)


def _rows(
    recording: xr.Dataset, design: xr.Dataset, bins: ArrayLike | None, n_folds: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bins that take part, and the run each belongs to."""
    used = design["usable"].values if bins is None else design["usable"].values & np.asarray(bins, dtype=bool)
    used = np.flatnonzero(used)
    run = np.unique(find_runs(recording).label[used], return_inverse=True)[1]
    n_runs = int(run.max(initial=-1)) + 1
    if not 2 <= n_folds <= n_runs:
        found, remedy = f"{n_folds} folds and {n_runs} runs of usable bins", "use fewer folds, or cut trials"
        raise InputError("n_folds", expected="2 or more, a trial each at least", found=found, remedy=remedy)
    return used, run


def _seen(recording: xr.Dataset, used: NDArray) -> NDArray[np.float32] | None:
    """1 where a unit was observed ``(time, unit)``; None where all always were."""
    seen = np.isfinite(recording["activity"].values[used])
    if "observed" in recording:
        seen &= recording["observed"].values[used]
    return None if seen.all() else seen.astype(np.float32)


def _inner_folds(run: NDArray, n_folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    n_runs = int(run.max()) + 1
    return rng.permutation(np.arange(n_runs) % n_folds)[run]


def _standards(raw: NDArray, term: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and scale of every column; the scale is never less than is typical of its term.

    The column of a unit that spiked once has next to no spread, and would be hundreds of units long on held-out data.
    """
    mean, spread = raw.mean(axis=0, dtype=np.float64), raw.std(axis=0, dtype=np.float64)
    constant = spread <= 1e-6 * np.abs(mean)
    scale = np.ones_like(spread)
    for name in np.unique(term):
        own = (term == name) & ~constant
        if own.any():
            scale[own] = np.maximum(spread[own], np.sqrt((spread[own] ** 2).mean()))
    # a constant column is made 0 by its mean, and so has no coefficient
    return mean, scale
