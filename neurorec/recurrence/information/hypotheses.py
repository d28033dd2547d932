"""Hypotheses: how likely a held-out trial's activity would be, had the trial been of another class."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.design import Term, condition_labels, design_matrix, find_runs
from neurorec.glm import deviance, predict_mean
from neurorec.recording import SelectionError
from neurorec.recurrence.columns import columns_on
from neurorec.recurrence.folds import training_bins
from neurorec.recurrence.partners import design_terms
from neurorec.recurrence.problem import Problem


class Hypotheses(NamedTuple):
    """The classes that trials may be of, and what each would change in the design.

    Attributes
    ----------
    classes : list of str (class,)
        Values of the trial column.
    label : ndarray of int (trial,)
        Class of each trial of the problem, -1 where it has none or takes no part.
    changes : list of ndarray (row, column), one per class
        Task columns less those recorded, if trials of class s were of class s + 0, s + 1, ... in a circle.
    columns : ndarray of int (column,)
        Columns of the design that change.
    place : ndarray of int (row,)
        Bin on the axis of time from the event, -1 for rows that take no part.
    time : ndarray (bin,)
        That axis, s.
    """

    classes: list[str]
    label: NDArray[np.int64]
    changes: list[NDArray[np.float32]]
    columns: NDArray[np.int64]
    place: NDArray[np.int64]
    time: NDArray[np.float64]


class _Predictor(NamedTuple):
    """A model's coefficients in one fold and split."""

    columns: NDArray[np.int64]  # (column,)
    coef: NDArray[np.float32]  # (unit, column)
    intercept: NDArray[np.float64]  # (unit,)


def pose_hypotheses(
    problem: Problem, *, column: str, event: str = "start", window: tuple[float, float] | None = None
) -> Hypotheses:
    """Find the classes of the trials, the columns that depend on them, and the bins around the event.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    column, event, window
        See `class_information`.

    Returns
    -------
    Hypotheses

    Raises
    ------
    SelectionError
        See `class_information`.
    """
    recording, conditions = problem.recording, problem.design.attrs["conditions"].split("\n")
    if column not in conditions:
        raise SelectionError(
            "column",
            expected=f"a category by which a term of the design is split ({', '.join(filter(None, conditions))})",
            found=column,
            remedy="name one, or add it to an Event's `by`",
        )
    rows = recording.indexes["trial"].get_indexer(problem.trial_ids)
    known = np.array(condition_labels(recording, (column,))) != ""
    values = recording[column].values
    levels, codes = np.unique(values[known], return_inverse=True)
    code = np.full(values.size, -1)
    code[known] = codes
    place, time = _bins_around(problem, event, window, rows)
    label = np.where(np.isin(np.arange(rows.size), problem.trial[place >= 0]), code[rows], -1)
    n_found = np.unique(label[label >= 0]).size
    if n_found < len(levels) or n_found < 2:
        raise SelectionError(
            "column",
            expected="two or more values, each in some trial that takes part",
            found=f"{len(levels)} value(s) of {column!r}, {n_found} of them in such trials",
            remedy="leave out the trials of the others",
        )
    changes, columns = _changes(problem, column, levels, code, rows)
    place = np.where(label[problem.trial] >= 0, place, -1)
    return Hypotheses([str(level) for level in levels], label, changes, columns, place, time)


def held_out_log_likelihood(
    problem: Problem, fit: xr.Dataset, hypotheses: Hypotheses, fold: int
) -> NDArray[np.float32]:
    """Log likelihood of the activity of a fold's held-out trials, had they been of each class.

    As in `fit_model`, no mean is larger than the largest on the training bins.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    fit : xarray.Dataset
        From `fit_model` with its coefficients.
    hypotheses : Hypotheses
        From `pose_hypotheses`.
    fold : int
        The fold held out.

    Returns
    -------
    ndarray of float32 (class, trial, time, unit)
        Natural logarithm, less that of the saturated model; trials of the fold that have a class, in order. NaN where
        there is no bin, or the unit was not observed.
    """
    fold_of_row = problem.fold[problem.trial]
    rows = np.flatnonzero((fold_of_row == fold) & (hypotheses.place >= 0))
    train = np.flatnonzero(training_bins(problem.design["time"].values, fold_of_row, fold, gap=problem.gap))
    model = _predictor(fit, fold, 0)
    at = np.searchsorted(model.columns, hypotheses.columns)
    at[at == model.columns.size] = 0
    used = model.columns[at] == hypotheses.columns  # a model may have been fitted to some columns only
    coef = model.coef[:, at[used]]
    eta = _predict(problem, model, rows, "gaussian")
    gaussian = problem.family == "gaussian"
    ceiling = np.inf if gaussian else _predict(problem, model, train, problem.family).max(axis=0)
    dispersion = _dispersion(problem, fit, fold, train)
    trials = np.flatnonzero((problem.fold == fold) & (hypotheses.label >= 0))
    trial, place = np.searchsorted(trials, problem.trial[rows]), hypotheses.place[rows]
    n_classes, n_units = len(hypotheses.classes), problem.response.shape[1]
    out = np.full((n_classes, trials.size, hypotheses.time.size, n_units), np.nan, dtype=np.float32)
    for shift, change in enumerate(hypotheses.changes):
        mean = predict_mean(change[np.ix_(rows, used)], coef, np.zeros(n_units), family=problem.family, offset=eta)
        value = -deviance(problem.response[rows], np.minimum(mean, ceiling), problem.family) / (2 * dispersion)
        if problem.weight is not None:
            value[~problem.weight[rows]] = np.nan
        out[(hypotheses.label[problem.trial[rows]] + shift) % n_classes, trial, place] = value
    return out


def _predictor(fit: xr.Dataset, fold: int, split: int) -> _Predictor:
    """Coefficients by column of the design, from those by slot."""
    k = int(np.flatnonzero(fit["fold"].values == fold)[0])
    feature = fit["slot_feature"].values
    columns = np.unique(feature[feature >= 0])
    unit, slot = np.nonzero(feature >= 0)
    coef = np.zeros((len(feature), columns.size), dtype=np.float32)
    coef[unit, np.searchsorted(columns, feature[unit, slot])] = fit["coef"].values[k, split][unit, slot]
    return _Predictor(columns, coef, fit["intercept"].values[k, split])


def _predict(problem: Problem, model: _Predictor, rows: NDArray, family: str) -> NDArray:
    """Mean with the design as recorded; with the identity as link, the linear predictor ``(row, unit)``."""
    matrix = columns_on(problem.design, problem.spikes, model.columns, rows)
    return predict_mean(matrix, model.coef, model.intercept, family=family)


def _dispersion(problem: Problem, fit: xr.Dataset, fold: int, train: NDArray) -> NDArray[np.float64]:
    """Pearson's estimate from training bins, each predicted without its inner fold ``(unit,)``; 1 for spikes."""
    n_units = problem.response.shape[1]
    if problem.family not in ("gaussian", "gamma"):
        return np.ones(n_units)
    total, mass = np.zeros(n_units), np.zeros(n_units)
    inner = problem.inner_fold[fold][problem.trial[train]]
    for j in np.unique(inner[inner >= 0]):
        rows = train[inner == j]
        mean = _predict(problem, _predictor(fit, fold, min(j + 1, fit.sizes["split"] - 1)), rows, problem.family)
        variance = 1 if problem.family == "gaussian" else mean**2
        weight = np.ones(n_units) if problem.weight is None else problem.weight[rows]
        total += (weight * (problem.response[rows] - mean) ** 2 / variance).sum(axis=0, dtype=np.float64)
        mass += np.broadcast_to(weight, mean.shape).sum(axis=0)
    # A unit that never varies says nothing: an infinite dispersion makes its likelihoods equal.
    return np.divide(total, mass, out=np.full(n_units, np.inf), where=(mass > 0) & (total > 0))


def _changes(
    problem: Problem, column: str, levels: NDArray, code: NDArray, rows: NDArray
) -> tuple[list[NDArray[np.float32]], NDArray[np.int64]]:
    """What becomes of the task columns when classes move on by 0, 1, 2, ... in a circle.

    All trials of a part move at the same time, so that every class keeps occurring, and with it its columns. A trial of
    class s then tells of class s + shift.
    """
    task = [term for term in design_terms(problem) if term.group == "task"]
    own = np.flatnonzero(problem.design["group"].values == "task")
    keys = _keys(problem.design.isel(feature=own))
    recorded = problem.design["matrix"].values[:, own]
    part = _parts(problem.recording, [term for term in task if column in getattr(term, "by", ())])
    part_of_row = part[rows][problem.trial]
    changes = []
    for shift in range(len(levels)):
        change = np.zeros_like(recorded)
        for number in np.unique(part) if shift else [0]:
            there = part_of_row == number if shift else np.ones(part_of_row.size, dtype=bool)
            moved = np.where(part == number, shift, 0)
            values = problem.recording[column].values.copy()
            values[code >= 0] = levels[(code + moved)[code >= 0] % len(levels)]
            other = problem.recording.assign({column: problem.recording[column].copy(data=values)})
            change[there] = _aligned(design_matrix(other, task), problem.bins[there], keys) - recorded[there]
        changes.append(change)
    if np.abs(changes[0]).max(initial=0) > 1e-4 * np.abs(recorded).max(initial=0):
        raise SelectionError(
            "design",
            expected="what its terms make of the recording",
            found="other values in its task columns",
            remedy="make it with neurorec.design_matrix and leave it as it is",
        )
    differ = np.flatnonzero(np.any([(change != 0).any(axis=0) for change in changes[1:]], axis=0))
    return [change[:, differ] for change in changes], own[differ]


def _parts(recording: xr.Dataset, split: Sequence[Term]) -> NDArray[np.int64]:
    """Which trials may change class at the same time: all, unless filters reach from one into the next ``(trial,)``."""
    start = recording["start"].values
    label, inside = find_runs(recording).label, recording["trial_id"].values
    if not ((np.diff(label) == 0) & (np.diff(inside) != 0)).any():
        return np.zeros(start.size, dtype=np.int64)
    bases = [basis for term in split if (basis := getattr(term, "basis", None)) is not None]
    reach = max((max(map(abs, basis.window)) for basis in bases), default=0.0)
    spacing = np.diff(np.sort(start[np.isfinite(start)])).min(initial=np.inf)
    longest = np.nanmax(recording["stop"].values - start)
    stride = min(1 + np.ceil((reach + longest) / max(spacing, 1e-9)), start.size)
    return (np.argsort(np.argsort(start, kind="stable")) % int(stride)).astype(np.int64)


def _keys(design: xr.Dataset) -> list[tuple]:
    """What each column is: term, label and function, and the how-manieth of these."""
    seen: dict[tuple, int] = {}
    keys = []
    for key in zip(*(design[name].values.tolist() for name in ("term", "feature", "basis")), strict=True):
        seen[key] = seen.get(key, -1) + 1
        keys.append((*key, seen[key]))
    return keys


def _aligned(design: xr.Dataset, rows: NDArray, keys: list[tuple]) -> NDArray[np.float32]:
    """Rows of a design with its columns in the order of the keys; 0 where it lacks one ``(row, column)``."""
    place = {key: at for at, key in enumerate(keys)}
    values = design["matrix"].values[rows]
    found = _keys(design)
    new = [key for at, key in enumerate(found) if key not in place and values[:, at].any()]
    if new:
        raise SelectionError(
            "terms",
            expected="columns that were fitted",
            found=f"{len(new)} others, of {new[0][1]!r}",
            remedy="of conditions that interact, every combination must have occurred",
        )
    out = np.zeros((rows.size, len(keys)), dtype=np.float32)
    for at, key in enumerate(found):
        if key in place:
            out[:, place[key]] = values[:, at]
    return out


def _bins_around(
    problem: Problem, event: str, window: tuple[float, float] | None, rows: NDArray
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where each row stands on the axis of time from its trial's event, -1 where nowhere; and that axis, s."""
    recording = problem.recording
    if event not in recording or recording[event].dims != ("trial",):
        known = [str(name) for name in recording.data_vars if recording[name].dims == ("trial",)]
        expected = f"a trial column of times ({', '.join(known)})"
        raise SelectionError("event", expected=expected, found=event, remedy="name one")
    width = float(problem.design.attrs["bin_width"])
    moment = recording[event].values.astype(float)[rows][problem.trial]
    # Ceiling: 0 is the bin that holds the event. The slack is for rounding, where times are multiples of the width.
    step = np.ceil((problem.design["time"].values - moment) / width - 1e-3)
    first, last = (-np.inf, np.inf) if window is None else (np.ceil(end / width - 1e-3) for end in window)
    inside = np.isfinite(step) & (step >= first) & (step <= last)
    if not inside.any():
        raise SelectionError("window", expected="bins around the event", found="none", remedy="give another")
    steps = np.arange(step[inside].min(), step[inside].max() + 1)
    return np.where(inside, np.nan_to_num(step) - steps[0], -1).astype(np.int64), steps * width
