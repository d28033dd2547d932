"""Neural predictivity: what a system's units say of recorded units, beside what can be said."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.comparison.arrays import Responses, as_conditions, rank_of
from neurorec.comparison.ceiling import (
    NoiseCeiling,
    check_trials_of_conditions,
    condition_means,
    known_and_filled,
    noise_ceiling,
    spearman_brown,
)
from neurorec.recording import InputError

Held = Literal["conditions", "trials"]
PENALTIES = np.logspace(-4, 3, 8)  # of the mean square of the predictors, times rows: from none to all but the mean


class NeuralPredictivity(NamedTuple):
    """What a system explains of each recorded unit.

    Attributes
    ----------
    value : float
        Median over reliable units of `explained`; NaN without any.
    explained : ndarray (unit,)
        Share of the explainable variance; NaN for units that are not reliable.
    raw : ndarray (unit,)
        Share of the variance of the mean responses, held out: negative where the mean would have been nearer.
    ceiling : NoiseCeiling
        Of the means that were predicted.
    reliable : ndarray of bool (unit,)
        Ceiling above `min_ceiling`.
    n_reliable, n_left_out : int
        Their number, and that of the others.
    predicted, observed : ndarray (row, unit)
        Held out, rows as in `condition` and `step`.
    condition, step : ndarray of int (row,)
        Where rows are from.
    penalty : ndarray (fold, unit)
        Chosen inside each fold.
    """

    value: float
    explained: NDArray[np.float64]
    raw: NDArray[np.float64]
    ceiling: NoiseCeiling
    reliable: NDArray[np.bool_]
    n_reliable: int
    n_left_out: int
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    condition: NDArray[np.int64]
    step: NDArray[np.int64]
    penalty: NDArray[np.float64]


def neural_predictivity(
    system: Responses,
    trials: ArrayLike,
    condition: ArrayLike,
    *,
    held_out: Held = "conditions",
    n_folds: int = 5,
    n_splits: int = 20,
    n_draws: int = 0,
    min_ceiling: float = 0.1,
    rng: np.random.Generator,
) -> NeuralPredictivity:
    r"""Predict recorded units from a system's units, by ridge regression, on what was held out.

    :math:`\min_w \sum_r (y_r - w^\top x_r)^2 + \mathrm{penalty}\; n\, \bar s\, |w|^2` over rows r, conditions at steps,
    x the system's principal components and :math:`\bar s` their mean variance; the penalty is chosen for each unit by
    inner folds over the training conditions. `raw` is :math:`1 - \sum (y - \hat y)^2 / \sum (y - \bar y)^2` over all
    held-out rows, and `explained` is raw divided by the ceiling (`noise_ceiling`). Units whose ceiling is not above
    `min_ceiling` have nothing reliable to explain: they are left out, and counted. Neither numbers of units need to be
    equal.

    Parameters
    ----------
    system : array_like (condition, time, state), or a sequence of (time, state)
        Mean responses, conditions in sorted order of their names.
    trials : array_like (trial, time, unit)
        Recorded; NaN where not. Steps that a condition lacks on either side are left out.
    condition : array_like (trial,)
        Names.
    held_out : {"conditions", "trials"}
        Conditions k, k + n_folds, ... are predicted from the others: does the system know what comes? Or a share of the
        trials of every condition, from the mean of the other trials at the same conditions and steps: is it in there?
    n_folds : int
        At most as many as there are conditions, or trials of the rarest one.
    n_splits, n_draws : int
        See `noise_ceiling`.
    min_ceiling : float
        Never below 0.
    rng : numpy.random.Generator
        Halves, draws, and folds of trials.

    Returns
    -------
    NeuralPredictivity

    Raises
    ------
    InputError
        Axes or conditions that do not fit together, too few conditions or trials to hold out.

    References
    ----------
    Schrimpf et al. 2018, https://doi.org/10.1101/407007

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> system, label = rng.standard_normal((6, 20, 3)), np.arange(60) % 6
    >>> rates = system[label] @ rng.standard_normal((3, 4)) + rng.standard_normal((60, 20, 4))
    >>> found = neural_predictivity(system, rates, label, rng=rng)
    >>> bool(found.value > 0.95), found.n_reliable
    (True, 4)
    """
    values, label = check_trials_of_conditions(trials, condition)
    parts = as_conditions(system, "system")
    n_conditions = int(label.max()) + 1
    if len(parts) != n_conditions:
        found, expected = f"{len(parts)}", f"{n_conditions} conditions, as the trials have"
        raise InputError("system", expected=expected, found=found, remedy="match their conditions first")
    ceiling = noise_ceiling(values, condition, n_splits=n_splits, n_draws=n_draws, rng=rng)
    known, filled = known_and_filled(values)
    if held_out == "conditions":
        mean = condition_means((label == np.arange(n_conditions)[:, None]).astype(float), filled, known)
        rows = _rows(parts, mean)
        n_folds = min(n_folds, n_conditions)
        predicted, penalty = predict_conditions(rows.x, rows.y, rows.condition, n_folds=n_folds)
        observed = rows.y
    elif held_out == "trials":
        rows, predicted, observed, penalty, n_held = _predict_trials(parts, filled, known, label, n_folds, rng)
        share = n_held / ceiling.n_trials
        value, low, high = (spearman_brown(end, share) for end in (ceiling.ceiling, ceiling.low, ceiling.high))
        ceiling = NoiseCeiling(value, low, high, ceiling.single, n_held)
    else:
        remedy = "name one of them"
        raise InputError("held_out", expected="'conditions' or 'trials'", found=repr(held_out), remedy=remedy)
    raw = explained_share(predicted, observed)
    reliable = np.nan_to_num(ceiling.ceiling, nan=-1.0) > max(min_ceiling, 0.0)
    explained = np.divide(raw, ceiling.ceiling, out=np.full(raw.shape, np.nan), where=reliable)
    value = float(np.median(explained[reliable])) if reliable.any() else np.nan
    n = int(reliable.sum())
    return NeuralPredictivity(
        value, explained, raw, ceiling, reliable, n, raw.size - n, predicted, observed, rows.condition, rows.step,
        penalty,
    )  # fmt: skip


class _Rows(NamedTuple):
    """Rows that both have: predictors, means, and where they are from."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    condition: NDArray[np.int64]
    step: NDArray[np.int64]


def _rows(parts: list[NDArray], mean: NDArray) -> _Rows:
    found = []
    for k, (part, own) in enumerate(zip(parts, mean, strict=True)):
        n = min(len(part), len(own))
        step = np.flatnonzero(np.isfinite(part[:n, 0]) & np.isfinite(own[:n]).all(axis=1))
        found.append((part[step], own[step], np.full(step.size, k), step))
    return _Rows(*(np.concatenate(column) for column in zip(*found, strict=True)))


def explained_share(predicted: NDArray, observed: NDArray) -> NDArray[np.float64]:
    """``1 - sum (y - p)^2 / sum (y - mean y)^2`` of each unit over rows; NaN where it does not vary."""
    total = ((observed - observed.mean(axis=0)) ** 2).sum(axis=0)
    left = ((observed - predicted) ** 2).sum(axis=0)
    return 1 - np.divide(left, total, out=np.full(total.shape, np.nan), where=total > 1e-12)


def predict_conditions(
    x: NDArray, y: NDArray, condition: NDArray[np.int64], *, n_folds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Held-out predictions ``(row, unit)`` and the penalties chosen ``(fold, unit)``, folds of whole conditions."""
    order = np.unique(condition, return_inverse=True)[1]
    if order.max(initial=0) < 1 or n_folds < 2:
        found, remedy = f"{order.max(initial=0) + 1} with {n_folds} folds", "give two conditions or more"
        raise InputError("conditions", expected="some to hold out", found=found, remedy=remedy)
    fold = order % n_folds
    predicted, chosen = np.empty(y.shape), np.empty((n_folds, y.shape[1]))
    for k in range(n_folds):
        train, test = fold != k, fold == k
        chosen[k] = choose_penalty(x[train], y[train], order[train], n_folds=n_folds)
        predicted[test] = _ridge(x[train], y[train], x[test], chosen[k][None])[0]
    return predicted, chosen


def choose_penalty(x: NDArray, y: NDArray, condition: NDArray[np.int64], *, n_folds: int) -> NDArray[np.float64]:
    """The penalty of each unit ``(unit,)`` with the least error on conditions held out of these."""
    order = np.unique(condition, return_inverse=True)[1]
    if order.max() < 1:  # one condition alone: steps in blocks, as neighbours are alike
        order = np.arange(len(x)) * n_folds // len(x)
    fold = order % n_folds
    grid = np.broadcast_to(PENALTIES[:, None], (PENALTIES.size, y.shape[1]))
    error = np.zeros(grid.shape)
    for k in np.unique(fold):
        train, test = fold != k, fold == k
        error += ((_ridge(x[train], y[train], x[test], grid) - y[test]) ** 2).sum(axis=1)
    return PENALTIES[error.argmin(axis=0)]


def _ridge(x: NDArray, y: NDArray, new: NDArray, penalty: NDArray) -> NDArray[np.float64]:
    """Predictions ``(penalty, row, unit)`` for penalties ``(penalty, unit)``."""
    centre, middle = x.mean(axis=0), y.mean(axis=0)
    x, new = x - centre, new - centre
    if x.shape[1] <= len(x):
        size, axes = np.linalg.eigh(x.T @ x)
    else:  # more predictors than rows: the same from products of rows
        size, left = np.linalg.eigh(x @ x.T)
        keep = size > 1e-12 * size[-1]
        size, axes = size[keep], x.T @ (left[:, keep] / np.sqrt(size[keep]))
    sound = rank_of(size[::-1])
    size, axes = size[size.size - sound :], axes[:, size.size - sound :]
    if not sound:
        return np.broadcast_to(middle, (len(penalty), len(new), y.shape[1])).copy()
    target, scores = axes.T @ (x.T @ (y - middle)), new @ axes
    bias = size.mean() * penalty[:, None, :]
    return middle + scores @ (target / (size[:, None] + bias))


def _predict_trials(
    parts: list[NDArray],
    filled: NDArray,
    known: NDArray,
    label: NDArray[np.int64],
    n_folds: int,
    rng: np.random.Generator,
) -> tuple[_Rows, NDArray, NDArray, NDArray, float]:
    """Means of held-out trials, predicted from those of the others at the same rows."""
    n_folds = min(n_folds, int(np.bincount(label).min()))
    if n_folds < 2:
        raise InputError("trials", expected="two or more of each condition", found="one", remedy="leave it out")
    order = np.lexsort((rng.random(label.size), label))
    fold = np.empty(label.size, dtype=np.int64)
    fold[order] = (np.arange(label.size) - np.searchsorted(label[order], label[order])) % n_folds
    own = label == np.arange(int(label.max()) + 1)[:, None]
    rows, predicted, observed, chosen, held = [], [], [], [], []
    for k in range(n_folds):
        test = fold == k
        means = [condition_means((own & which).astype(float), filled, known) for which in (~test, test)]
        train = _rows(parts, np.concatenate(means, axis=-1))
        y, new = np.split(train.y, 2, axis=1)
        chosen.append(choose_penalty(train.x, y, train.condition, n_folds=5))
        predicted.append(_ridge(train.x, y, train.x, chosen[-1][None])[0])
        observed.append(new)
        rows.append(train)
        held.append(1 / np.mean(1 / (own & test).sum(axis=1)))
    joined = _Rows(*(np.concatenate(column) for column in zip(*rows, strict=True)))
    return joined, np.concatenate(predicted), np.concatenate(observed), np.stack(chosen), float(np.mean(held))
