"""A cross-validated linear decoder of a trial's class from the population, in each time window by itself."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from neurorec.recording import InputError

DecoderName = Literal["lda", "logistic"]
PENALTIES = np.logspace(-3, 1, 5)  # C of the logistic decoder, on scaled rates; the best is nearly always inside


class Decoded(NamedTuple):
    """What a decoder said of each held-out trial.

    Attributes
    ----------
    probability : ndarray (trial, time)
        Held-out probability of the true class; NaN where the trial was not decoded.
    chosen : ndarray (trial, time, class)
        1 for the class decoded, shared where classes tie, as where no unit fired in training; with several draws of
        units the share of draws.
    classes : ndarray (class,)
        In sorted order.
    fold : ndarray (trial,)
        In which fold a trial was held out; -1 for trials that take no part.
    """

    probability: NDArray[np.float64]
    chosen: NDArray[np.float64]
    classes: NDArray
    fold: NDArray[np.int64]

    def correct(self, label: ArrayLike) -> NDArray[np.float64]:
        """Held-out correctness (trial, time): the share chosen of the true class."""
        code = np.searchsorted(self.classes, np.asarray(label)).clip(0, self.classes.size - 1)
        return np.take_along_axis(self.chosen, code[:, None, None], axis=2)[..., 0]


def decode_windows(
    activity: ArrayLike,
    label: ArrayLike,
    *,
    folds: ArrayLike | None = None,
    n_folds: int = 5,
    decoder: DecoderName = "lda",
    n_units: int | None = None,
    n_draws: int = 1,
    rng: np.random.Generator,
) -> Decoded:
    r"""Decode a class from the population in each time window, on held-out trials.

    ``"lda"``: :math:`p(k | x) \propto \exp(\mu_k^T S^{-1} x - \mu_k^T S^{-1} \mu_k / 2)`, with class means
    :math:`\mu_k` and the covariance within classes :math:`S = (1 - a) \hat S + a\, \mathrm{tr}(\hat S)/p\, I`, its
    shrinkage :math:`a` by Ledoit and Wolf's formula. ``"logistic"``: L2-penalised logistic regression, the penalty
    chosen by log loss over three folds of the training trials. Both weigh classes equally, so that chance is one over
    the number of classes however unequal they are; scaling, shrinkage and penalty are learned from training trials.

    Parameters
    ----------
    activity : array_like (trial, time, unit)
        Counts or other activity; a trial with any NaN in a window takes no part in that window.
    label : array_like (trial,)
        True class; missing (NaN, None or ``""``) leaves the trial out.
    folds : array_like of int (trial,), optional
        Given folds; by default `n_folds` random ones with classes in proportion.
    n_folds : int
        At least 2 and at most the number of trials in the smallest class.
    decoder : {"lda", "logistic"}
        See above. The logistic one is slower by a factor of about fifty.
    n_units : int, optional
        Decode from random subsets of so many units, the same for all windows; by default from all.
    n_draws : int
        How many subsets; answers are averaged over them.
    rng : numpy.random.Generator
        Folds and subsets.

    Returns
    -------
    Decoded
        ``probability (trial, time)``, ``chosen (trial, time, class)``, ``classes`` and ``fold (trial,)``.

    Raises
    ------
    InputError
        Fewer than two classes, more folds than trials in a class, or more units asked for than there are.

    References
    ----------
    Ledoit & Wolf 2004, https://doi.org/10.1016/S0047-259X(03)00096-4

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> label = np.repeat(["left", "right"], 300)
    >>> activity = rng.poisson(1.0, (600, 2, 20)) + 1.0 * (label == "right")[:, None, None] * [[0], [1]]
    >>> decode_windows(activity, label, rng=rng).correct(label).mean(axis=0).round(1).tolist()
    [0.5, 1.0]
    """
    activity = np.asarray(activity, dtype=np.float64)
    label = np.asarray(label)
    present = ~_missing(label)
    _check(activity, label, present, n_units)
    classes, code = np.unique(label[present], return_inverse=True)
    fold = np.full(label.size, -1, dtype=np.int64)
    fold[present] = make_folds(code, n_folds, rng) if folds is None else np.asarray(folds)[present]
    truth = np.full(label.size, -1, dtype=np.int64)
    truth[present] = code
    n_all = activity.shape[2]
    total, share = np.zeros((2, *activity.shape[:2], classes.size))
    for _ in range(n_draws if n_units is not None and n_units < n_all else 1):
        subset = np.arange(n_all) if n_units is None else rng.choice(n_all, n_units, replace=False)
        probability = _hold_out(activity[..., subset], truth, fold, classes.size, decoder)
        total += probability
        best = probability >= probability.max(axis=2, keepdims=True) - 1e-12
        share += np.where(np.isnan(probability), np.nan, best / np.maximum(best.sum(axis=2, keepdims=True), 1))
    runs = n_draws if n_units is not None and n_units < n_all else 1
    own = np.take_along_axis(total, np.maximum(truth, 0)[:, None, None], axis=2)[..., 0] / runs
    return Decoded(own, share / runs, classes, fold)


def make_folds(code: ArrayLike, n_folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Random folds of trials with classes in proportion.

    Parameters
    ----------
    code : array_like (trial,)
        Class of each trial.
    n_folds : int
        How many.
    rng : numpy.random.Generator
        Which trial goes where.

    Returns
    -------
    ndarray of int (trial,)

    Raises
    ------
    InputError
        More folds than trials in the smallest class.

    Examples
    --------
    >>> fold = make_folds([0, 0, 1, 1], 2, np.random.default_rng(0))
    >>> sorted(fold[:2].tolist()), sorted(fold[2:].tolist())
    ([0, 1], [0, 1])
    """
    code = np.asarray(code)
    fewest = int(np.unique(code, return_counts=True)[1].min())
    if not 2 <= n_folds <= fewest:
        raise InputError(
            "n_folds",
            expected=f"2 to {fewest}, the trials of the smallest class",
            found=str(n_folds),
            remedy="use fewer folds, or leave that class out",
        )
    fold = np.empty(code.size, dtype=np.int64)
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=int(rng.integers(2**31)))
    for i, (_, held) in enumerate(splitter.split(code, code)):
        fold[held] = i
    return fold


def _missing(label: NDArray) -> NDArray[np.bool_]:
    if label.dtype.kind == "f":
        return np.isnan(label)
    if label.dtype.kind == "O":
        return np.array([x is None or x == "" or x != x for x in label])
    return label == "" if label.dtype.kind in "US" else np.zeros(label.shape, dtype=bool)


def _check(activity: NDArray, label: NDArray, present: NDArray[np.bool_], n_units: int | None) -> None:
    if activity.ndim != 3 or label.shape != activity.shape[:1]:
        raise InputError(
            "activity",
            expected="(trial, time, unit) and one label per trial",
            found=f"shapes {activity.shape} and {label.shape}",
            remedy="align them",
        )
    if np.unique(label[present]).size < 2:
        raise InputError("label", expected="two classes or more", found="fewer", remedy="decode what varies")
    if n_units is not None and not 1 <= n_units <= activity.shape[2]:
        raise InputError(
            "n_units", expected=f"1 to {activity.shape[2]}", found=str(n_units), remedy="ask for fewer units"
        )


def _hold_out(
    activity: NDArray, truth: NDArray[np.int64], fold: NDArray[np.int64], n_classes: int, decoder: DecoderName
) -> NDArray[np.float64]:
    """Held-out probability of each class (trial, time, class)."""
    probability = np.full((*activity.shape[:2], n_classes), np.nan)
    valid = np.isfinite(activity).all(axis=2) & (truth >= 0)[:, None]
    patterns, which = np.unique(valid, axis=1, return_inverse=True)  # windows that miss the same trials go together
    for i, pattern in enumerate(patterns.T):
        windows = np.flatnonzero(which.ravel() == i)
        for held in np.unique(fold[pattern]):
            train, test = pattern & (fold != held), pattern & (fold == held)
            if np.bincount(truth[train], minlength=n_classes).min() < 2:
                continue  # a class with a single training trial has no spread: undefined, left NaN
            x, new = _scale(activity[np.ix_(train, windows)], activity[np.ix_(test, windows)])
            predict = _lda if decoder == "lda" else _logistic
            probability[np.ix_(test, windows)] = predict(x, truth[train], new, n_classes).transpose(1, 0, 2)
    return probability


def _scale(train: NDArray, test: NDArray) -> tuple[NDArray, NDArray]:
    """Both by the training trials' mean and deviation, windows first: (time, trial, unit). Silent units become 0."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    steps = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 1e-12)
    return ((train - mean) * steps).swapaxes(0, 1), ((test - mean) * steps).swapaxes(0, 1)


def _lda(x: NDArray, y: NDArray[np.int64], new: NDArray, n_classes: int) -> NDArray[np.float64]:
    """Class probabilities of new trials (time, trial, class), all windows at once."""
    n_units = x.shape[2]
    mean = np.stack([x[:, y == k].mean(axis=1) for k in range(n_classes)], axis=1)
    residual = x - mean[:, y]
    covariance = residual.swapaxes(1, 2) @ residual / y.size
    a = shrinkage(residual, covariance)
    level = np.trace(covariance, axis1=1, axis2=2) / n_units
    covariance *= (1 - a)[:, None, None]
    # Where nothing varies within classes any positive level serves: the means are then all 0 too.
    covariance[:, np.arange(n_units), np.arange(n_units)] += (np.where(level > 0, a * level, 1.0) + 1e-9)[:, None]
    weight = np.linalg.solve(covariance, mean.swapaxes(1, 2))
    score = new @ weight - 0.5 * np.einsum("tku,tuk->tk", mean, weight)[:, None]
    score = np.exp(score - score.max(axis=2, keepdims=True))
    return score / score.sum(axis=2, keepdims=True)


def shrinkage(residual: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Ledoit and Wolf's shrinkage of a covariance towards a multiple of the identity.

    :math:`\min(b^2, d^2)/d^2` with :math:`d^2 = \|S - m I\|^2`, :math:`b^2 = n^{-2} \sum_i \|z_i z_i^T - S\|^2` and
    :math:`m = \mathrm{tr}(S) / p`.

    Parameters
    ----------
    residual : ndarray (time, trial, unit)
        Centred.
    covariance : ndarray (time, unit, unit)
        ``residual.T @ residual / n_trials`` of each window.

    Returns
    -------
    ndarray (time,)
        Between 0 and 1; 1 where nothing varies.

    Examples
    --------
    >>> z = np.array([[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]])
    >>> shrinkage(z, z.swapaxes(1, 2) @ z / 4).tolist()
    [1.0]
    """
    n_trials, n_units = residual.shape[1:]
    square = (covariance**2).sum(axis=(1, 2))
    distance = square - np.trace(covariance, axis1=1, axis2=2) ** 2 / n_units
    spread = (((residual**2).sum(axis=2) ** 2).sum(axis=1) / n_trials - square) / n_trials
    return np.divide(np.clip(spread, 0, distance), distance, out=np.ones_like(distance), where=distance > 1e-12)


def _logistic(x: NDArray, y: NDArray[np.int64], new: NDArray, n_classes: int) -> NDArray[np.float64]:
    """Class probabilities of new trials (time, trial, class), the penalty chosen inside the training trials."""
    out = np.full((x.shape[0], new.shape[1], n_classes), 1.0 / n_classes)
    inner = np.empty(y.size, dtype=np.int64)
    for k in range(n_classes):
        inner[y == k] = np.arange((y == k).sum()) % min(3, np.bincount(y, minlength=n_classes).min())
    for t, (before, after) in enumerate(zip(x, new, strict=True)):
        if not before.any():
            continue  # nothing varies in training: the classes tie
        loss = [sum(_loss(before, y, inner == i, C) for i in np.unique(inner)) for C in PENALTIES]
        out[t] = _fit_logistic(before, y, PENALTIES[int(np.argmin(loss))]).predict_proba(after)
    return out


def _loss(x: NDArray, y: NDArray[np.int64], held: NDArray[np.bool_], C: float) -> float:
    model = _fit_logistic(x[~held], y[~held], C)
    p = model.predict_proba(x[held])[np.arange(held.sum()), np.searchsorted(model.classes_, y[held])]
    return -float((np.log(np.maximum(p, 1e-12)) / np.bincount(y)[y[held]]).sum())


def _fit_logistic(x: NDArray, y: NDArray[np.int64], C: float) -> LogisticRegression:
    return LogisticRegression(C=C, class_weight="balanced", max_iter=1000).fit(x, y)
