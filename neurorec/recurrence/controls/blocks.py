"""Nested blocks: own history, population mean and individual partners, and what each explains that no other does."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.design import Coupling, PopulationMean
from neurorec.recurrence.fitting import Progress, fit_model
from neurorec.recurrence.models import Model
from neurorec.recurrence.partners import design_terms, with_terms
from neurorec.recurrence.problem import Problem

BLOCKS = ("history", "population", "partners")


def fit_blocks(
    problem: Problem,
    uncoupled: xr.Dataset,
    history: xr.Dataset,
    *,
    n_jobs: int | None = None,
    progress: Progress = lambda: None,
) -> xr.Dataset:
    """Fit the combinations of own history, population mean and individual partners that the main models leave out.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`. Where its design has no population mean, one is made with the basis of its coupling.
    uncoupled, history : xarray.Dataset
        Those models, with their coefficients.
    n_jobs : int, optional
        Folds fitted at the same time; all cores by default.
    progress : callable
        Called after each fold of each of the four models.

    Returns
    -------
    xarray.Dataset
        ``deviance (model, unit, trial)`` and ``converged (model, unit, fold)``. The models are named by their blocks:
        ``"population"``, ``"history+population"``, and ``"population+partners"``, ``"history+population+partners"``
        or, where the design's coupling holds the population mean already, ``"partners"``, ``"history+partners"``.
    """
    within = has_population(problem)
    if not within:
        problem = _with_population(problem)
    columns = _columns_by_block(problem)
    bases = {"": uncoupled, "history": history}
    order = [("population",), ("history", "population")]
    order += [("partners",), ("history", "partners")] if within else [BLOCKS[1:], BLOCKS]
    fits: dict[str, xr.Dataset] = {}
    for blocks in order:
        base = _base_of(blocks, {**bases, **fits})
        fits["+".join(blocks)] = fit_model(
            problem,
            Model("+".join(blocks), (), base),
            {**bases, **fits}[base],
            columns=np.sort(np.concatenate([columns["task"], *(columns[block] for block in blocks)])),
            keep_coefficients="partners" not in blocks,
            n_jobs=n_jobs,
            progress=progress,
        )
    model = np.array(list(fits))
    return xr.concat(
        [fit[["deviance", "converged"]] for fit in fits.values()], dim=xr.Variable("model", model), combine_attrs="drop"
    )


def partition(null: NDArray, deviance: Mapping[str, NDArray], scored: NDArray) -> dict[str, NDArray[np.float64]]:
    """What each block explains that the two others do not, and what they share.

    With D the held-out deviance of the model with some blocks and the task, ``unique(b) = (D(all but b) - D(all)) /
    D(null)``, and ``shared = (D(task) - D(all)) / D(null) - sum_b unique(b)``, which is negative where blocks explain
    more together than each alone.

    Parameters
    ----------
    null : ndarray (unit, trial)
        Deviance of the mean.
    deviance : mapping of str to ndarray (unit, trial)
        By blocks, joined with ``+`` in the order of `BLOCKS`; ``""`` for the task alone.
    scored : ndarray of bool (unit, trial)
        Trials that count.

    Returns
    -------
    dict of str to ndarray (unit,)
        By block, and ``"shared"``; missing where nothing is scored.

    Examples
    --------
    >>> names = ["", "history+population", "history+partners", "population+partners", "history+population+partners"]
    >>> values = dict(zip(names, ([[10.0]], [[6.0]], [[5.0]], [[7.0]], [[4.0]])))
    >>> found = partition(np.array([[20.0]]), {k: np.array(v) for k, v in values.items()}, np.array([[True]]))
    >>> {name: round(float(value[0]), 3) + 0.0 for name, value in found.items()}
    {'history': 0.15, 'population': 0.05, 'partners': 0.1, 'shared': 0.0}
    """
    total = {name: np.where(scored, value, 0.0).sum(axis=1) for name, value in deviance.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        base = np.where(scored.any(axis=1), np.where(scored, null, 0.0).sum(axis=1), np.nan)
        whole = total["+".join(BLOCKS)]
        unique = {
            block: (total["+".join(other for other in BLOCKS if other != block)] - whole) / base for block in BLOCKS
        }
        return unique | {"shared": (total[""] - whole) / base - sum(unique.values())}


def has_population(problem: Problem) -> bool:
    """Whether the design's coupling holds the population mean."""
    design = problem.design
    return bool(((design["group"].values == "coupling") & (design["source"].values < 0)).any())


def _with_population(problem: Problem) -> Problem:
    """The problem with the mean of all others put beside its columns."""
    term = next(term for term in design_terms(problem) if isinstance(term, Coupling))
    mean = PopulationMean(term.basis, from_area=term.from_area, same_bin=term.same_bin)
    return with_terms(problem, [mean], name="population", group="population")


def _columns_by_block(problem: Problem) -> dict[str, NDArray[np.int64]]:
    group, source = problem.design["group"].values, problem.design["source"].values
    return {
        "task": np.flatnonzero(group == "task"),
        "history": np.flatnonzero(group == "history"),
        "population": np.flatnonzero((group == "population") | ((group == "coupling") & (source < 0))),
        "partners": np.flatnonzero((group == "coupling") & (source >= 0)),
    }


def _base_of(blocks: tuple[str, ...], known: Mapping[str, xr.Dataset]) -> str:
    """The largest model already fitted, with its coefficients, that has none but these blocks and fewer of them."""
    nested = [name for name in known if set(filter(None, name.split("+"))) < set(blocks) and "coef" in known[name]]
    return max(nested, key=lambda name: len(list(filter(None, name.split("+")))))
