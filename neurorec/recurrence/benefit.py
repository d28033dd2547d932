"""The benefit of recurrence: what partners explain beyond task and behaviour."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from tqdm import tqdm

from neurorec.recurrence.controls import fit_matched, matched_areas, matched_sources, shuffle_partners
from neurorec.recurrence.fitting import Progress, fit_model, null_fit
from neurorec.recurrence.lags import fit_by_lag
from neurorec.recurrence.models import COUPLED, FULL, HISTORY, SHUFFLED, UNCOUPLED
from neurorec.recurrence.problem import PENALTIES, Problem, pose_problem
from neurorec.recurrence.scores import pooled_gain, score_folds
from neurorec.recurrence.statistics import false_discovery, unit_p_values

STEPS = ("uncoupled", "history", "coupled", "full", "shuffled", "matched", "lags")
_MATCHED_DRAWS = 3


def recurrence_benefit(
    recording: xr.Dataset,
    design: xr.Dataset,
    *,
    n_folds: int = 5,
    n_inner_folds: int = 3,
    family: str | None = None,
    penalties: Sequence[float] = PENALTIES,
    l1_ratio: float = 0.0,
    condition: Sequence[str] | None = None,
    n_matched: int | None = None,
    steps: Sequence[str] = STEPS,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """How much of each unit's activity do the other units explain beyond task and behaviour?

    Every unit is fitted with nested models (task; + own history; + other units; + both) on the same training trials
    and scored on the same held-out trials. The benefit is the fraction of deviance that the coupled model explains
    beyond the uncoupled one.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording with trials, or blocks (`neurorec.add_blocks`).
    design : xarray.Dataset
        From `neurorec.design_matrix`, with task and coupling columns, and history ones for the history models.
    n_folds, n_inner_folds, family, penalties, l1_ratio, condition, n_matched, seed
        See `pose_problem`.
    steps : sequence of str
        Which of `STEPS` to do; "uncoupled" and "coupled" always are.
    n_jobs : int, optional
        Folds fitted at the same time, one core each; all cores by default. Results do not depend on it.
    progress : bool
        Show a progress bar.

    Returns
    -------
    xarray.Dataset
        Over ``unit``, ``fold``, ``model``, ``trial`` and ``lag``: see `collect_benefit`.

    Raises
    ------
    SelectionError
        Without trials, with too few of them, or when the design lacks columns.

    References
    ----------
    Runyan et al. 2017, doi:10.1038/nature23020.

    Examples
    --------
    >>> from neurorec.datasets import SimulatedArea, simulate_recording
    >>> from neurorec.design import default_terms, design_matrix
    >>> areas = [SimulatedArea("V1", 6, coupling=0.8)]
    >>> recording = simulate_recording(areas, n_trials=60, rng=np.random.default_rng(0))
    >>> design = design_matrix(recording, default_terms(recording).terms)
    >>> result = recurrence_benefit(recording, design, steps=["coupled"], progress=False)
    >>> bool(result["benefit"].median() > 0)
    True
    """
    problem = pose_problem(
        recording,
        design,
        n_folds=n_folds,
        n_inner_folds=n_inner_folds,
        family=family,
        penalties=tuple(penalties),
        l1_ratio=l1_ratio,
        condition=None if condition is None else tuple(condition),
        n_matched=n_matched,
        seed=seed,
    )
    steps = [step for step in STEPS if step in steps or step in ("uncoupled", "coupled")]
    with tqdm(total=sum(count_fits(problem, step) for step in steps), disable=not progress, unit="fit") as bar:
        fits: dict[str, xr.Dataset] = {}
        for step in steps:
            bar.set_description(step)
            fits[step] = fit_step(problem, step, fits, n_jobs=n_jobs, progress=bar.update)
    return collect_benefit(problem, recording, fits)


def count_fits(problem: Problem, step: str) -> int:
    """How often a step of `STEPS` reports progress."""
    design = problem.design
    if step == "matched":
        area = design["area"].values
        n_sources = matched_sources([area]) if problem.n_matched is None else problem.n_matched
        return problem.n_folds * _MATCHED_DRAWS * len(matched_areas(area, n_sources))
    if step == "lags":
        return problem.n_folds * np.unique(design["lag"].values[design["group"].values == "coupling"].round(9)).size
    return problem.n_folds


def fit_step(
    problem: Problem,
    step: str,
    fits: dict[str, xr.Dataset],
    *,
    n_jobs: int | None = None,
    progress: Progress = lambda: None,
) -> xr.Dataset:
    """Do one of the steps, given the results of those before it.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    step : str
        One of `STEPS`.
    fits : dict of str to xarray.Dataset
        Results by step; all but "uncoupled" need "uncoupled", and "full" needs "history".
    n_jobs : int, optional
        Folds fitted at the same time; all cores by default.
    progress : callable
        Called as each fit ends.

    Returns
    -------
    xarray.Dataset
        With ``deviance (unit, trial)``; empty where the step does not apply to the recording.
    """
    match step:
        case "uncoupled":
            return fit_model(problem, UNCOUPLED, keep_coefficients=True, n_jobs=n_jobs, progress=progress)
        case "history":
            return fit_model(
                problem, HISTORY, fits["uncoupled"], keep_coefficients=True, n_jobs=n_jobs, progress=progress
            )
        case "coupled":
            return fit_model(problem, COUPLED, fits["uncoupled"], n_jobs=n_jobs, progress=progress)
        case "full":
            return fit_model(problem, FULL, fits["history"], n_jobs=n_jobs, progress=progress)
        case "shuffled":
            return fit_model(shuffle_partners(problem), SHUFFLED, fits["uncoupled"], n_jobs=n_jobs, progress=progress)
        case "lags":
            return fit_by_lag(problem, fits["uncoupled"], n_jobs=n_jobs, progress=progress)
        case _:
            matched = fit_matched(problem, fits["uncoupled"], n_draws=_MATCHED_DRAWS, n_jobs=n_jobs, progress=progress)
            return xr.Dataset() if matched is None else matched


def collect_benefit(problem: Problem, recording: xr.Dataset, fits: dict[str, xr.Dataset]) -> xr.Dataset:
    """Put the fitted steps together into scores, benefits and probabilities.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    recording : xarray.Dataset
        The recording.
    fits : dict of str to xarray.Dataset
        Results by step.

    Returns
    -------
    xarray.Dataset
        ``fde``, ``bits_per_spike (unit, fold, model)``: held out; ``unit_fde (unit, model)``: pooled over folds.
        ``benefit (unit)``: coupled less uncoupled; ``benefit_history``: full less history; ``benefit_shuffled``: with
        partners' trials exchanged; ``benefit_matched``: equally many sources from the unit's own area;
        ``benefit_by_lag (unit, lag)``. ``p_value``, ``q_value``, ``significant (unit)``: one-sided over held-out
        trials, Benjamini-Hochberg at 0.05. ``deviance (unit, trial, model)`` and ``null_deviance (unit, trial)``, from
        which all of it follows. ``penalty``, ``gap``, ``converged (unit, fold, model)``. Missing: not defined.
    """
    null = null_fit(problem)
    models = {name: fits[name] for name in STEPS[:5] if name in fits}
    result = score_folds(null, models, problem.fold)
    if problem.family != "poisson":
        result = result.drop_vars("bits_per_spike")
    scored = result["scored"].values
    deviance = {name: fit["deviance"].values for name, fit in models.items()}

    def gain(without: NDArray, with_: NDArray) -> NDArray:
        return pooled_gain(null["deviance"].values, without, with_, scored)

    start = deviance["uncoupled"]
    by_unit = {"benefit": gain(start, deviance["coupled"])}
    if "full" in deviance:
        by_unit["benefit_history"] = gain(deviance["history"], deviance["full"])
    if "shuffled" in deviance:
        by_unit["benefit_shuffled"] = gain(start, deviance["shuffled"])
    if "deviance" in fits.get("matched", {}):
        matched = fits["matched"]["deviance"].values
        by_unit["benefit_matched"] = gain(start, np.where(np.isfinite(matched), matched, start))
        by_unit["benefit_matched"][~np.isfinite(matched).any(axis=1)] = np.nan
        result["matched_deviance"] = (("unit", "trial"), matched)
    by_unit["p_value"] = unit_p_values(np.where(scored, start - deviance["coupled"], np.nan))
    by_unit["q_value"] = false_discovery(by_unit["p_value"])
    by_unit["significant"] = by_unit["q_value"] < 0.05
    by_unit |= _described(problem, null)
    result = result.assign({name: ("unit", values) for name, values in by_unit.items()})
    if "lags" in fits:
        by_lag = fits["lags"]["deviance"]
        result = result.assign_coords(lag=by_lag["lag"])
        values = np.column_stack([gain(start, by_lag.values[i]) for i in range(by_lag.sizes["lag"])])
        result["benefit_by_lag"] = (("unit", "lag"), values)
    for name in ("penalty", "gap", "n_iter", "converged"):
        result[name] = (("unit", "fold", "model"), np.stack([fit[name].values for fit in models.values()], axis=-1))
    result["deviance"] = (("unit", "trial", "model"), np.stack(list(deviance.values()), axis=-1))
    result["null_deviance"] = null["deviance"]
    return _placed(result, problem, recording, fits)


def _described(problem: Problem, null: xr.Dataset) -> dict[str, NDArray]:
    """What each unit's result rests on."""
    events = null["events"].values.sum(axis=1)
    width = float(problem.design.attrs["bin_width"])
    source = problem.design["source"].values[problem.design["group"].values == "coupling"]
    sources = np.unique(source[source >= 0])
    return {
        "rate": _mean_activity(problem) / width,
        "n_events": events,
        "n_sources": sources.size - np.isin(np.arange(events.size), sources).astype(np.int64),
    }


def _mean_activity(problem: Problem) -> NDArray[np.float64]:
    """Mean over the observed bins ``(unit,)``."""
    if problem.weight is None:
        return problem.response.mean(axis=0, dtype=np.float64)
    return problem.response.sum(axis=0, dtype=np.float64) / np.maximum(problem.weight.sum(axis=0), 1)


def _placed(result: xr.Dataset, problem: Problem, recording: xr.Dataset, fits: dict[str, xr.Dataset]) -> xr.Dataset:
    """Coordinates and settings, so that a result says what it is of."""
    session = str(recording.attrs.get("session", "session"))
    n_unit = result.sizes["unit"]
    result = result.assign_coords(
        unit=problem.design["unit"].variable,
        area=problem.design["area"].variable,
        session=("unit", np.full(n_unit, session)),
        trial=problem.trial_ids,
        trial_fold=("trial", problem.fold),
        fold=np.arange(problem.n_folds),
    )
    bins = {name: value for name, value in problem.design.attrs.items() if name.startswith("n_bins")}
    return result.assign_attrs(
        **bins,
        family=problem.family,
        n_folds=problem.n_folds,
        n_trials=problem.trial_ids.size,
        l1_ratio=problem.l1_ratio,
        gap_s=problem.gap,
        seed=problem.seed,
        trials_are_blocks=int(recording.attrs.get("trials_are_blocks", 0)),
        n_sources_matched=int(fits["matched"].attrs.get("n_sources", 0)) if "matched" in fits else 0,
        penalties=", ".join(f"{p:.3g}" for p in problem.penalties),
    )
