"""Matching: areas compared at equal numbers of partners, equal rates and equal numbers of trials."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.recurrence.fitting import Progress, fit_model, null_fit, side_by_side
from neurorec.recurrence.models import COUPLED, UNCOUPLED
from neurorec.recurrence.partners import part_of, with_partners
from neurorec.recurrence.problem import Problem
from neurorec.recurrence.scores import pooled_gain, scored_trials

FEWEST_UNITS = 10  # an area with fewer is left out of the matching, or it would set everybody's number of sources
FEWEST_EVENTS = 30  # units with fewer do not set the rate at which areas are compared


def fit_matched(
    problem: Problem,
    base: xr.Dataset,
    *,
    n_draws: int = 100,
    n_jobs: int | None = None,
    progress: Progress = lambda: None,
) -> xr.Dataset:
    """Fit random subpopulations of one size, of every area in turn, each coupled within itself.

    Areas differ in how many units were recorded, and more sources explain more. In every draw as many units of an area
    as the matching allows, and one more, are coupled to each other and to no other; areas that cannot supply them are
    left out.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`; its ``n_matched``, or that of `matched_sources`, is the number of sources.
    base : xarray.Dataset
        The uncoupled model with its coefficients.
    n_draws : int
        Random subpopulations of each area; one where an area has no more units.
    n_jobs : int, optional
        Draws fitted at the same time; all cores by default.
    progress : callable
        Called after each draw.

    Returns
    -------
    xarray.Dataset
        ``deviance (unit, trial)``: mean over the draws that a unit was in, missing where it was in none;
        ``n_drawn (unit)``; ``benefit_by_draw (matched_area, draw)``: the median over the units of each draw of what
        coupling explains; ``converged (unit, fold)``; ``attrs["n_sources"]``. Empty when no area is large enough.

    References
    ----------
    Runyan et al. 2017, doi:10.1038/nature23020: 37 units, 100 draws.
    """
    area = problem.design["area"].values.astype(str)
    n_sources = sources_allowed(problem)
    names = matched_areas(area, n_sources)
    if not names:
        return xr.Dataset()
    null, uncoupled = null_fit(problem), base["deviance"].values
    scored = scored_trials(null, problem.fold)
    total = np.zeros(uncoupled.shape)
    n_drawn = np.zeros(area.size, dtype=np.int64)
    converged = np.ones((area.size, problem.n_folds), dtype=bool)
    by_draw = np.full((len(names), n_draws), np.nan)
    for place, name in enumerate(names):
        draws = _draws(np.flatnonzero(area == name), n_sources + 1, n_draws, problem.rng(f"matched sources in {name}"))

        def fit(i: int, draws: list[NDArray] = draws) -> xr.Dataset:
            found = _among(problem, draws[i], base)
            progress()
            return found

        for i, found in enumerate(side_by_side(fit, range(len(draws)), n_jobs)):
            units = draws[i]
            total[units] += found["deviance"].values
            n_drawn[units] += 1
            converged[units] &= found["converged"].values
            against = (null["deviance"].values[units], uncoupled[units], found["deviance"].values, scored[units])
            by_draw[place, i] = np.nanmedian(pooled_gain(*against))
    deviance = np.where(n_drawn[:, None] > 0, total / np.maximum(n_drawn, 1)[:, None], np.nan)
    return xr.Dataset(
        {
            "deviance": (("unit", "trial"), deviance),
            "n_drawn": ("unit", n_drawn),
            "converged": (("unit", "fold"), converged),
            "benefit_by_draw": (("matched_area", "draw"), by_draw),
        },
        coords={"unit": base["unit"], "area": base["area"], "trial": base["trial"], "matched_area": names},
        attrs={"n_sources": n_sources, "n_draws": n_draws},
    )


def fit_matched_rate(problem: Problem, *, n_jobs: int | None = None, progress: Progress = lambda: None) -> xr.Dataset:
    """Fit uncoupled and coupled models after spikes were deleted at random until all units have the same rate.

    More spikes allow more to be explained. The rate is the smallest of the areas' medians, so that every area keeps
    half of its units or more; units of lower rates stay as partners and are not explained.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    n_jobs : int, optional
        Folds fitted at the same time; all cores by default.
    progress : callable
        Called after each fold of each model.

    Returns
    -------
    xarray.Dataset
        ``deviance (model, unit, trial)`` of the models ``"uncoupled"`` and ``"coupled"``, and ``null_deviance (unit,
        trial)`` of the mean, all missing for units left out; ``converged (model, unit, fold)``; ``attrs["rate"]``
        (events per bin). Empty for traces, which have no events to delete, and with fewer than two areas.
    """
    rate = common_rate(problem)
    if not np.isfinite(rate):
        return xr.Dataset()
    own = _rates(problem)
    kept = np.flatnonzero(own >= rate)
    activity = problem.recording["activity"]
    share = np.minimum(1.0, rate / np.maximum(own, np.finfo(float).tiny))
    counts = np.nan_to_num(activity.values).astype(np.int64)
    thinned = problem.rng("matched rate").binomial(counts, share)
    recording = problem.recording.assign(activity=activity.copy(data=thinned.astype(activity.dtype)))
    altered = with_partners(problem, recording)
    response = thinned[problem.bins].astype(np.float32)
    if problem.weight is not None:
        response = np.where(problem.weight, response, 0)
    return _both(part_of(replace(altered, response=response), kept), problem, kept, n_jobs, progress).assign_attrs(
        rate=rate
    )


def fit_matched_trials(
    problem: Problem, n_trials: int, *, n_jobs: int | None = None, progress: Progress = lambda: None
) -> xr.Dataset:
    """Fit uncoupled and coupled models to a random part of the trials.

    More trials allow more to be learnt, so sessions of different length are compared at the length of the shortest.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    n_trials : int
        How many; spread over the folds as the trials are.
    n_jobs : int, optional
        Folds fitted at the same time; all cores by default.
    progress : callable
        Called after each fold of each model.

    Returns
    -------
    xarray.Dataset
        As from `fit_matched_rate`, missing for the trials left out. Empty where the session has no more trials.
    """
    if n_trials >= problem.trial_ids.size:
        return xr.Dataset()
    rng = problem.rng("matched trials")
    order = np.lexsort((rng.random(problem.fold.size), problem.fold))
    rank = np.empty(order.size)
    rank[order] = np.concatenate([(np.arange(n) + 0.5) / n for n in np.bincount(problem.fold)])
    trials = np.sort(np.argsort(rank, kind="stable")[:n_trials])
    return _both(trials_of(problem, trials), problem, np.arange(problem.response.shape[1]), n_jobs, progress)


def trials_of(problem: Problem, trials: NDArray[np.int64]) -> Problem:
    """The problem of some of the trials.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    trials : ndarray of int
        Positions, increasing.

    Returns
    -------
    Problem
    """
    rows = np.flatnonzero(np.isin(problem.trial, trials))
    spikes = problem.spikes
    return replace(
        problem,
        bins=problem.bins[rows],
        design=problem.design.isel(time=rows),
        response=problem.response[rows],
        weight=None if problem.weight is None else problem.weight[rows],
        spikes=None if spikes is None else spikes._replace(position=spikes.position[rows]),
        trial=np.searchsorted(trials, problem.trial[rows]),
        trial_ids=problem.trial_ids[trials],
        fold=problem.fold[trials],
        inner_fold=problem.inner_fold[:, trials],
        condition=tuple(problem.condition[i] for i in trials),
    )


def common_rate(problem: Problem) -> float:
    """Events per bin that half of the units of every area reach: the smallest of the areas' medians.

    Areas of fewer than `FEWEST_UNITS` units, and units of fewer than `FEWEST_EVENTS` events, do not count. Missing
    for traces, and with fewer than two areas.
    """
    if problem.family not in ("poisson", "bernoulli") or not np.isfinite(problem.recording["activity"].values).all():
        return np.nan
    area, rate = problem.design["area"].values.astype(str), _rates(problem)
    enough = problem.response.sum(axis=0) >= FEWEST_EVENTS
    names, counts = np.unique(area[enough & (area != "")], return_counts=True)
    medians = [np.median(rate[enough & (area == name)]) for name in names[counts >= FEWEST_UNITS]]
    return float(min(medians)) if len(medians) > 1 else np.nan


def sources_allowed(problem: Problem) -> int:
    """Sources of every unit where their numbers are matched: the problem's own choice, or what its areas allow."""
    if problem.n_matched is not None:
        return problem.n_matched
    return matched_sources([problem.design["area"].values.astype(str)])


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


def count_matched(problem: Problem, n_draws: int) -> int:
    """How often `fit_matched` reports progress."""
    area, n_sources = problem.design["area"].values.astype(str), sources_allowed(problem)
    sizes = [np.count_nonzero(area == name) for name in matched_areas(area, n_sources)]
    return sum(1 if size == n_sources + 1 else n_draws for size in sizes)


def _draws(members: NDArray, size: int, n_draws: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Random subpopulations; the only one there is, once."""
    if members.size == size:
        return [members]
    return [np.sort(rng.choice(members, size, replace=False)) for _ in range(n_draws)]


def _among(problem: Problem, units: NDArray, base: xr.Dataset) -> xr.Dataset:
    """The coupled model of some units, each with the others for its sources."""
    source, group = problem.design["source"].values, problem.design["group"].values
    columns = np.flatnonzero((group == "task") | ((group == "coupling") & np.isin(source, units)))
    few = replace(part_of(problem, units), spikes=None)  # a few dense columns are faster than sparse ones
    return fit_model(few, COUPLED, base.isel(unit=units), columns=columns, n_jobs=1)


def _rates(problem: Problem) -> NDArray[np.float64]:
    """Events per observed bin ``(unit,)``."""
    seen = len(problem.response) if problem.weight is None else np.maximum(problem.weight.sum(axis=0), 1)
    return problem.response.sum(axis=0, dtype=np.float64) / seen


def _both(part: Problem, problem: Problem, units: NDArray, n_jobs: int | None, progress: Progress) -> xr.Dataset:
    """Uncoupled and coupled models of some units and trials, among all units and trials of a problem."""
    uncoupled = fit_model(part, UNCOUPLED, keep_coefficients=True, n_jobs=n_jobs, progress=progress)
    coupled = fit_model(part, COUPLED, uncoupled, n_jobs=n_jobs, progress=progress)
    trials = np.flatnonzero(np.isin(problem.trial_ids, part.trial_ids))
    n_units, n_trials = problem.response.shape[1], problem.trial_ids.size

    def spread(values: NDArray) -> NDArray[np.float64]:
        out = np.full((n_units, n_trials), np.nan)
        out[np.ix_(units, trials)] = values
        return out

    converged = np.ones((2, n_units, problem.n_folds), dtype=bool)
    converged[:, units] = [fit["converged"].values for fit in (uncoupled, coupled)]
    return xr.Dataset(
        {
            "deviance": (
                ("model", "unit", "trial"),
                np.stack([spread(fit["deviance"].values) for fit in (uncoupled, coupled)]),
            ),
            "null_deviance": (("unit", "trial"), spread(null_fit(part)["deviance"].values)),
            "converged": (("model", "unit", "fold"), converged),
        },
        coords={
            "model": ["uncoupled", "coupled"],
            "unit": problem.design["unit"].variable,
            "area": problem.design["area"].variable,
            "trial": problem.trial_ids,
        },
    )
