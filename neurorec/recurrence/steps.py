"""Steps: what is fitted, one after the other, and what each needs of those before it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr

from neurorec.recording import InputError
from neurorec.recurrence.controls.blocks import fit_blocks
from neurorec.recurrence.controls.latent import RANKS, fit_latent
from neurorec.recurrence.controls.matched import (
    common_rate,
    count_matched,
    fit_matched,
    fit_matched_rate,
    fit_matched_trials,
)
from neurorec.recurrence.controls.shuffled import (
    add_same_bin,
    delay_partners,
    is_causal,
    shift_partners,
    shuffle_partners,
)
from neurorec.recurrence.controls.sources import count_by_source, fit_by_source
from neurorec.recurrence.fitting import Progress, fit_model
from neurorec.recurrence.lags import fit_by_lag
from neurorec.recurrence.models import COUPLED, FULL, HISTORY, UNCOUPLED
from neurorec.recurrence.problem import Problem

Fits = Mapping[str, xr.Dataset]


class Step(NamedTuple):
    """One thing that is fitted.

    Attributes
    ----------
    needs : tuple of str
        Steps that come before it.
    fit : callable
        ``(problem, fits, n_jobs, progress) -> Dataset``; an empty one where the step does not apply.
    count : callable
        How often it reports progress on a problem.
    """

    needs: tuple[str, ...]
    fit: Callable[[Problem, Fits, int | None, Progress], xr.Dataset]
    count: Callable[[Problem], int]


def _folds(n: int) -> Callable[[Problem], int]:
    return lambda problem: n * problem.n_folds


def _coupled(alter: Callable[[Problem], Problem]) -> Step:
    """The coupled model with partners that were changed."""

    def fit(problem: Problem, fits: Fits, n_jobs: int | None, progress: Progress) -> xr.Dataset:
        return fit_model(alter(problem), COUPLED, fits["uncoupled"], n_jobs=n_jobs, progress=progress)

    return Step(("uncoupled",), fit, _folds(1))


def _same_bin(problem: Problem, fits: Fits, n_jobs: int | None, progress: Progress) -> xr.Dataset:
    """With lag 0 where the design is strictly causal, and the other way round."""
    causal = is_causal(problem)
    altered = add_same_bin(problem) if causal else delay_partners(problem)
    fit = fit_model(altered, COUPLED, fits["uncoupled"], n_jobs=n_jobs, progress=progress)
    return fit.assign_attrs(kind="same_bin" if causal else "causal")


def _with_history(fit: Callable[[Problem, Fits, int | None, Progress], xr.Dataset]) -> Callable:
    """The same, where the design has columns of own history."""

    def checked(problem: Problem, fits: Fits, n_jobs: int | None, progress: Progress) -> xr.Dataset:
        return fit(problem, fits, n_jobs, progress) if _has_history(problem) else xr.Dataset()

    return checked


def _has_history(problem: Problem) -> bool:
    return bool((problem.design["group"].values == "history").any())


def _history_folds(n: int) -> Callable[[Problem], int]:
    return lambda problem: n * problem.n_folds * _has_history(problem)


def _matched_trials(problem: Problem, fits: Fits, n_jobs: int | None, progress: Progress) -> xr.Dataset:
    if problem.n_trials_matched is None:
        return xr.Dataset()
    return fit_matched_trials(problem, problem.n_trials_matched, n_jobs=n_jobs, progress=progress)


def _n_lags(problem: Problem) -> int:
    design = problem.design
    lags = np.unique(design["lag"].values[design["group"].values == "coupling"].round(9))
    return problem.n_folds * lags.size


def _n_trials_folds(problem: Problem) -> int:
    fewer = problem.n_trials_matched is not None and problem.n_trials_matched < problem.trial_ids.size
    return 2 * problem.n_folds if fewer else 0


_STEPS: dict[str, Step] = {
    "uncoupled": Step(
        (),
        lambda p, f, n, bar: fit_model(p, UNCOUPLED, keep_coefficients=True, n_jobs=n, progress=bar),
        _folds(1),
    ),
    "history": Step(
        ("uncoupled",),
        _with_history(
            lambda p, f, n, bar: fit_model(p, HISTORY, f["uncoupled"], keep_coefficients=True, n_jobs=n, progress=bar)
        ),
        _history_folds(1),
    ),
    "coupled": _coupled(lambda problem: problem),
    "full": Step(
        ("uncoupled", "history"),
        _with_history(lambda p, f, n, bar: fit_model(p, FULL, f["history"], n_jobs=n, progress=bar)),
        _history_folds(1),
    ),
    "same_bin": Step(("uncoupled",), _same_bin, _folds(1)),
    "shuffled": _coupled(shuffle_partners),
    "shifted_trial": _coupled(lambda problem: shift_partners(problem, within="trial")),
    "shifted_session": _coupled(lambda problem: shift_partners(problem, within="session")),
    "blocks": Step(
        ("uncoupled", "history"),
        _with_history(lambda p, f, n, bar: fit_blocks(p, f["uncoupled"], f["history"], n_jobs=n, progress=bar)),
        _history_folds(4),
    ),
    "latent": Step(
        ("uncoupled",),
        lambda p, f, n, bar: fit_latent(p, f["uncoupled"], ranks=RANKS, n_jobs=n, progress=bar),
        _folds(1),
    ),
    "sources": Step(
        ("uncoupled",),
        lambda p, f, n, bar: fit_by_source(p, f["uncoupled"], n_jobs=n, progress=bar),
        count_by_source,
    ),
    "matched": Step(
        ("uncoupled",),
        lambda p, f, n, bar: fit_matched(p, f["uncoupled"], n_draws=p.n_draws, n_jobs=n, progress=bar),
        lambda problem: count_matched(problem, problem.n_draws),
    ),
    "matched_rate": Step(
        (),
        lambda p, f, n, bar: fit_matched_rate(p, n_jobs=n, progress=bar),
        lambda problem: 2 * problem.n_folds * bool(np.isfinite(common_rate(problem))),
    ),
    "matched_trials": Step((), _matched_trials, _n_trials_folds),
    "lags": Step(("uncoupled",), lambda p, f, n, bar: fit_by_lag(p, f["uncoupled"], n_jobs=n, progress=bar), _n_lags),
}

STEPS = tuple(_STEPS)


def check_steps(steps: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The steps asked for and all that they need, in order; uncoupled and coupled always.

    Raises
    ------
    InputError
        For one that there is not.

    Examples
    --------
    >>> check_steps(["full"])
    ('uncoupled', 'history', 'coupled', 'full')
    """
    unknown = [step for step in steps if step not in _STEPS]
    if unknown:
        raise InputError("steps", expected=f"some of {', '.join(STEPS)}", found=unknown[0], remedy="name others")
    wanted = {"uncoupled", "coupled", *steps}
    wanted |= {need for step in wanted for need in _STEPS[step].needs}
    return tuple(step for step in STEPS if step in wanted)


def needs_of(step: str) -> tuple[str, ...]:
    """Steps whose results a step needs."""
    return _STEPS[step].needs


def count_fits(problem: Problem, step: str) -> int:
    """How often a step of `STEPS` reports progress."""
    return _STEPS[step].count(problem)


def fit_step(
    problem: Problem,
    step: str,
    fits: Fits,
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
    fits : mapping of str to xarray.Dataset
        Results by step, of those in `needs_of` at least.
    n_jobs : int, optional
        Folds fitted at the same time; all cores by default.
    progress : callable
        Called as each fit ends.

    Returns
    -------
    xarray.Dataset
        With ``deviance``, over ``(unit, trial)`` where the step has one model; empty where the step does not apply to
        the recording.
    """
    return _STEPS[step].fit(problem, fits, n_jobs, progress)
