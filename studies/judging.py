"""Judgements: what the analysis says of one simulated recording, measure by measure."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scenarios import AREAS, SCENARIOS, simulate

from neurorec.design import default_terms, design_matrix
from neurorec.recurrence import (
    STEPS,
    by_area,
    check_steps,
    collect_benefit,
    fit_step,
    measured_deviances,
    pose_problem,
    unit_p_values,
)

NOT_MEASURED = ("lags", "sources")  # steps behind profiles, which are no measures
VERSION = 1  # of what is kept; older files are not read


@dataclass(frozen=True)
class Settings:
    """How recordings are simulated and analysed.

    Attributes
    ----------
    n_trials, duration, bin_width
        Of a recording (s).
    n_folds, n_inner_folds : int
        Outer and inner folds.
    n_sources_drawn : int
        Draws of equally many sources.
    share_of_trials : float
        Trials that are kept where their number is matched.
    n_draws : int
        Bootstrap draws.
    steps : tuple of str
        What is fitted.
    seed : int
        Of everything.
    """

    n_trials: int = 64
    duration: float = 0.8
    bin_width: float = 0.02
    n_folds: int = 5
    n_inner_folds: int = 3
    n_sources_drawn: int = 3
    share_of_trials: float = 0.75
    n_draws: int = 400
    steps: tuple[str, ...] = tuple(step for step in STEPS if step not in NOT_MEASURED)
    seed: int = 0


def judge(name: str, index: int, settings: Settings) -> dict[str, Any]:
    """Simulate a recording and say what is reported of it.

    Parameters
    ----------
    name : str
        Scenario.
    index : int
        Which of its recordings.
    settings : Settings
        How.

    Returns
    -------
    dict
        ``clipped``, ``converged``: shares; ``areas (unit)``; ``measures``: for each its ``p (unit)``, ``gain (unit)``
        and, by area, ``median``, ``low`` and ``high``.
    """
    recording = simulate(
        name,
        index,
        n_trials=settings.n_trials,
        duration=settings.duration,
        bin_width=settings.bin_width,
        seed=settings.seed,
    )
    design = design_matrix(recording, default_terms(recording).terms)
    problem = pose_problem(
        recording,
        design,
        n_folds=settings.n_folds,
        n_inner_folds=settings.n_inner_folds,
        n_draws=settings.n_sources_drawn,
        n_trials_matched=round(settings.share_of_trials * settings.n_trials),
        seed=index,
    )
    fits = {}
    for step in check_steps(settings.steps):
        fits[step] = fit_step(problem, step, fits, n_jobs=1)
    result = collect_benefit(problem, recording, fits)
    table = by_area(result, n_draws=settings.n_draws, seed=index).set_index("area")
    scored = result["scored"].values
    measures, areas = {}, [area for area, *_ in AREAS]
    for measure, (_, without, with_) in measured_deviances(result).items():
        columns = {"median": measure, "low": f"{measure}_low", "high": f"{measure}_high"}
        measures[measure] = {
            "p": unit_p_values(np.where(scored, without - with_, np.nan)).tolist(),
            "gain": result[measure].values.tolist(),
            **{end: table[column].reindex(areas).tolist() for end, column in columns.items()},
        }
    converged = [result["converged"].values.mean()]
    if "control_converged" in result:
        converged.append(result["control_converged"].values.mean())
    return {
        "clipped": float(recording.attrs["clipped"]),
        "converged": float(np.mean(converged)),
        "areas": result["area"].values.astype(str).tolist(),
        "measures": measures,
    }


def judged(name: str, index: int, settings: Settings, cache: Path | None) -> dict[str, Any]:
    """The same, read from the cache where it is already there, and kept there where it is not."""
    if cache is None:
        return judge(name, index, settings)
    said = json.dumps([VERSION, asdict(settings), SCENARIOS[name]])
    digest = hashlib.sha256(said.encode()).hexdigest()[:12]
    path = cache / f"{name.replace(' ', '_')}-{index:03d}-{digest}.json"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(judge(name, index, settings)))
        unfinished.replace(path)
    return json.loads(path.read_text())
