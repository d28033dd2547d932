"""The benefit of recurrence: what partners explain beyond task and behaviour."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from tqdm import tqdm

from neurorec.recurrence.controls.blocks import BLOCKS, partition
from neurorec.recurrence.fitting import null_fit
from neurorec.recurrence.measures import MAIN, MEASURES, gather_deviances, measure_all
from neurorec.recurrence.problem import N_DRAWS, PENALTIES, Problem, pose_problem
from neurorec.recurrence.scores import pooled_gain, score_folds
from neurorec.recurrence.statistics.units import false_discovery, unit_p_values
from neurorec.recurrence.steps import STEPS, check_steps, count_fits, fit_step


def recurrence_benefit(
    recording: xr.Dataset,
    design: xr.Dataset,
    *,
    n_folds: int = 5,
    n_inner_folds: int = 3,
    family: str | None = None,
    penalties: Sequence[float] = PENALTIES,
    l1_ratio: float = 0.0,
    penalty_weight: Mapping[str, float] | None = None,
    scaling: str = "spread",
    condition: Sequence[str] | None = None,
    n_matched: int | None = None,
    n_draws: int = N_DRAWS,
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
    n_folds, n_inner_folds, family, penalties, l1_ratio, penalty_weight, scaling, condition, n_matched, n_draws, seed
        See `pose_problem`.
    steps : sequence of str
        Which of `STEPS` to do; "uncoupled" and "coupled", and what others need, always are. All by default; steps
        that do not apply (one area, no own history in the design) are left out.
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
        penalty_weight=penalty_weight,
        scaling=scaling,
        condition=None if condition is None else tuple(condition),
        n_matched=n_matched,
        n_draws=n_draws,
        seed=seed,
    )
    steps = check_steps(tuple(steps))
    with tqdm(total=sum(count_fits(problem, step) for step in steps), disable=not progress, unit="fit") as bar:
        fits: dict[str, xr.Dataset] = {}
        for step in steps:
            bar.set_description(step)
            fits[step] = fit_step(problem, step, fits, n_jobs=n_jobs, progress=bar.update)
    return collect_benefit(problem, recording, fits)


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
        The measures of `MEASURES`, ``benefit (unit)`` and what controls leave of it, each with its meaning in
        ``attrs["says"]``; ``shared_blocks (unit)``: what own history, population mean and partners share.
        ``benefit_by_lag (unit, lag)``; ``benefit_from`` and ``benefit_from_matched (unit, source_area)``: partners of
        one area alone, all or equally many; ``benefit_by_draw (matched_area, draw)``. ``p_value``, ``q_value``,
        ``significant (unit)``: one-sided over held-out trials, Benjamini-Hochberg at 0.05.
        ``deviance (unit, trial, model)``, ``control_deviance (unit, trial, control)`` and ``null_deviance (unit,
        trial)``, from which all of it follows. ``penalty``, ``gap``, ``converged (unit, fold, model)``, and
        ``control_converged (unit, step)``, the share of a control's fits. Missing: not defined.
    """
    null = null_fit(problem)
    models = {name: fits[name] for name in MAIN if "deviance" in fits.get(name, {})}
    fits = {name: fit for name, fit in fits.items() if "deviance" in fit}
    result = score_folds(null, models, problem.fold)
    if problem.family != "poisson":
        result = result.drop_vars("bits_per_spike")
    scored, base = result["scored"].values, null["deviance"].values
    deviance = gather_deviances(fits)
    for name, values in measure_all(base, deviance, scored).items():
        said = {"long_name": MEASURES[name].label, "says": MEASURES[name].says, "kind": MEASURES[name].kind}
        result[name] = ("unit", values, said)
    if all(f"unique_{block}" in result for block in BLOCKS):
        blocks = {name: value for name, value in deviance.items() if "+" in name} | {"": deviance["uncoupled"]}
        result["shared_blocks"] = ("unit", partition(base, blocks, scored)["shared"])
    p_value = unit_p_values(np.where(scored, deviance["uncoupled"] - deviance["coupled"], np.nan))
    by_unit: dict[str, NDArray] = {"p_value": p_value, "q_value": false_discovery(p_value)}
    by_unit["significant"] = by_unit["q_value"] < 0.05
    result = result.assign({name: ("unit", values) for name, values in (by_unit | _described(problem, null)).items()})
    result = result.merge(_profiles(fits, base, deviance["uncoupled"], scored))
    for name in ("penalty", "gap", "n_iter", "converged"):
        result[name] = (("unit", "fold", "model"), np.stack([fit[name].values for fit in models.values()], axis=-1))
    result["deviance"] = (("unit", "trial", "model"), np.stack([deviance[name] for name in models], axis=-1))
    result["null_deviance"] = null["deviance"]
    result = result.merge(_control_deviances(deviance, fits))
    return _placed(result, problem, recording, fits)


def _profiles(fits: dict[str, xr.Dataset], null: NDArray, start: NDArray, scored: NDArray) -> xr.Dataset:
    """What partners explain by lag and by source area, and draws of equally many."""
    out = xr.Dataset()

    def gains(deviance: xr.DataArray) -> NDArray:
        return np.column_stack([pooled_gain(null, start, values, scored) for values in deviance.values])

    if "lags" in fits:
        by_lag = fits["lags"]["deviance"]
        out["benefit_by_lag"] = xr.DataArray(gains(by_lag), dims=("unit", "lag"), coords={"lag": by_lag["lag"]})
    sources = fits.get("sources", xr.Dataset())
    for name, variable in (("benefit_from", "deviance"), ("benefit_from_matched", "matched_deviance")):
        if variable in sources:
            coords = {"source_area": sources["source_area"]}
            out[name] = xr.DataArray(gains(sources[variable]), dims=("unit", "source_area"), coords=coords)
            out["n_sources_of"] = sources["n_sources"]
    if "benefit_by_draw" in fits.get("matched", {}):
        out["benefit_by_draw"] = fits["matched"]["benefit_by_draw"]
        out["n_drawn"] = ("unit", fits["matched"]["n_drawn"].values)
    if "variance" in fits.get("latent", {}):
        out["latent_variance"] = fits["latent"]["variance"].drop_vars("fold", errors="ignore")
    return out


def _control_deviances(deviance: dict[str, NDArray], fits: dict[str, xr.Dataset]) -> xr.Dataset:
    """Held-out deviances of all but the main models, and the share of their fits that converged."""
    names = [name for name in deviance if name not in MAIN and not _is_main(deviance, name)]
    if not names:
        return xr.Dataset()
    share = {
        step: fit["converged"].mean([dim for dim in fit["converged"].dims if dim != "unit"]).values
        for step, fit in fits.items()
        if step not in MAIN and "converged" in fit
    }
    return xr.Dataset(
        {
            "control_deviance": (("unit", "trial", "control"), np.stack([deviance[name] for name in names], axis=-1)),
            "control_converged": (("unit", "step"), np.stack(list(share.values()), axis=-1)),
        },
        coords={"control": names, "step": list(share)},
    )


def _is_main(deviance: dict[str, NDArray], name: str) -> bool:
    """Whether a combination of blocks is one of the main models by another name."""
    return any(deviance[main] is deviance[name] for main in MAIN if main in deviance)


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
        subject=("unit", np.full(n_unit, str(recording.attrs.get("subject", "")) or session)),
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
        session=session,
        penalties=", ".join(f"{p:.3g}" for p in problem.penalties),
    )
