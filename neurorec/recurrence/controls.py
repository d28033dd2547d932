"""Controls: what a benefit must survive to be called one."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.recurrence.fitting import Progress, fit_model
from neurorec.recurrence.models import COUPLED
from neurorec.recurrence.problem import Problem

FEWEST_UNITS = 10  # an area with fewer is left out of the matching, or it would set everybody's number of sources


def shuffle_partners(problem: Problem) -> Problem:
    """Give every trial the coupling columns of another trial of its condition.

    What all trials of a condition share stays; what partners do in one trial and not in the next is gone. All partners
    of a trial come from the same other trial.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.

    Returns
    -------
    Problem
        Coupling columns exchanged. A condition with one trial is pooled with the other such conditions. Where the
        other trial is shorter, the columns' means stand in.
    """
    donor = _donors(problem.condition, problem.rng("shuffled partners"))
    place = _place_in_trial(problem)
    row_at = np.full((problem.trial_ids.size, place.max() + 1), -1)
    row_at[problem.trial, place] = np.arange(place.size)
    rows = row_at[donor[problem.trial], place]
    columns = np.flatnonzero(problem.design["group"].values == "coupling")
    matrix = problem.design["matrix"].values.copy()
    exchanged = matrix[np.ix_(np.maximum(rows, 0), columns)]
    exchanged[rows < 0] = matrix[:, columns].mean(axis=0)
    matrix[:, columns] = exchanged
    spikes = problem.spikes
    if spikes is not None:
        spikes = spikes._replace(position=np.where(rows >= 0, spikes.position[np.maximum(rows, 0)], -1))
    return replace(problem, design=problem.design.assign(matrix=(("time", "feature"), matrix)), spikes=spikes)


def fit_matched(
    problem: Problem,
    base: xr.Dataset,
    *,
    n_draws: int = 3,
    n_jobs: int | None = None,
    progress: Progress = lambda: None,
) -> xr.Dataset | None:
    """Fit the coupled model with equally many sources for every unit, drawn from the unit's own area.

    Areas differ in how many units were recorded, and more sources explain more. Here every unit of every area has the
    same number, `Problem.n_matched` or that of `matched_sources`; areas that cannot supply it are left out.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    base : xarray.Dataset
        The uncoupled model with its coefficients.
    n_draws : int
        Random draws of sources; deviances are averaged over them.
    n_jobs : int, optional
        Folds fitted at the same time; all cores by default.
    progress : callable
        Called after each area's fold.

    Returns
    -------
    xarray.Dataset or None
        ``deviance (unit, trial)``, missing in areas too small; ``attrs["n_sources"]``. None when no area is large
        enough.
    """
    area = problem.design["area"].values
    n_sources = matched_sources([area]) if problem.n_matched is None else problem.n_matched
    members = {name: np.flatnonzero(area == name) for name in matched_areas(area, n_sources)}
    if not members:
        return None
    total = np.full((n_draws, *base["deviance"].shape), np.nan)
    for name, units in members.items():
        rng = problem.rng(f"matched sources in {name}")
        for draw in range(n_draws):
            part, columns = _with_sources(problem, units, n_sources, rng)
            fit = fit_model(part, COUPLED, base.isel(unit=units), columns=columns, n_jobs=n_jobs, progress=progress)
            total[draw, units] = fit["deviance"].values
    result = base[["deviance"]].copy(data={"deviance": total.mean(axis=0)})
    return result.assign_attrs(n_sources=n_sources, n_draws=n_draws)


def matched_sources(areas: Iterable[NDArray]) -> int:
    """Sources that every unit can have from its own area: one less than the units of the smallest area.

    Parameters
    ----------
    areas : iterable of ndarray of str (unit,)
        The units' areas, session by session. Units of unknown area, and areas of fewer than `FEWEST_UNITS` units in a
        session, do not count.

    Returns
    -------
    int
        0 where no area is large enough.

    Examples
    --------
    >>> matched_sources([np.repeat(["V1", "PPC", "LP"], [40, 25, 3]), np.repeat(["V1"], [18])])
    17
    """
    sizes = [np.unique(area[area != ""], return_counts=True)[1] for area in areas]
    large = [int(n) for counts in sizes for n in counts if n >= FEWEST_UNITS]
    return min(large) - 1 if large else 0


def matched_areas(area: NDArray, n_sources: int) -> list[str]:
    """Known areas whose units can have so many sources from their own area; none for no source."""
    names, counts = np.unique(area[area != ""], return_counts=True)
    return [str(name) for name, count in zip(names, counts) if count > n_sources > 0]


def _with_sources(
    problem: Problem, units: NDArray, n_sources: int, rng: np.random.Generator
) -> tuple[Problem, NDArray[np.int64]]:
    """The problem of one area's units, and the columns of as many sources for each of them."""
    chosen = rng.choice(units, n_sources + 1, replace=False)
    source, group = problem.design["source"].values, problem.design["group"].values
    columns = np.flatnonzero((group == "task") | ((group == "coupling") & np.isin(source, chosen)))
    allowed = problem.design["allowed"].values[units].copy()
    for row, unit in enumerate(units):
        if unit not in chosen:  # it has one source too many
            allowed[row, source == rng.choice(chosen)] = False
    design = problem.design.isel(unit=units).assign(allowed=(("unit", "feature"), allowed))
    weight = None if problem.weight is None else problem.weight[:, units]
    return replace(problem, design=design, response=problem.response[:, units], weight=weight), columns


def _donors(condition: tuple[str, ...], rng: np.random.Generator) -> NDArray[np.int64]:
    """Another trial of the same condition for each trial; for the only one of its kind, the next trial."""
    names, codes, counts = np.unique(np.array(condition), return_inverse=True, return_counts=True)
    codes = np.where(counts[codes] > 1, codes, len(names))
    donor = np.arange(codes.size)
    for code in np.unique(codes):
        order = rng.permutation(np.flatnonzero(codes == code))
        donor[order] = np.roll(order, 1)
    alone = np.flatnonzero(donor == np.arange(donor.size))
    donor[alone] = (alone + 1) % donor.size
    return donor


def _place_in_trial(problem: Problem) -> NDArray[np.int64]:
    """Bins since the first usable bin of the trial ``(time,)``."""
    time = problem.design["time"].values
    first = np.full(problem.trial_ids.size, np.inf)
    np.minimum.at(first, problem.trial, time)
    since = time - first[problem.trial]
    step = np.diff(time)
    return np.round(since / step[step > 0].min()).astype(np.int64)
