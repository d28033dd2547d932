"""Accuracy of held-out decisions by condition, and its bootstrap over trials."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from neurorec.recording import InputError

Measure = Literal["balanced", "dprime"]


def condition_accuracy(
    chosen: ArrayLike,
    code: ArrayLike,
    member: ArrayLike,
    *,
    measure: Measure = "balanced",
    weight: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""Accuracy of the trials of one condition against time.

    ``"balanced"``: the mean over the condition's classes of the share of their trials decoded rightly; chance is one
    over the number of classes decoded. In a condition of one class it is the hit rate, in which a decoder that says
    that class more often looks better: use d' there. ``"dprime"``: :math:`z(h) - z(f)` averaged over the condition's
    classes, with hits and false alarms as :math:`(n + 1/2) / (N + 1)`; false alarms are counted in the condition's
    trials of other classes, or, where it has none (one image, one class), in all trials of other classes; chance is
    0.

    Parameters
    ----------
    chosen : array_like (trial, time, class)
        Share chosen of each class, as in `Decoded`; NaN where a trial was not decoded.
    code : array_like of int (trial,)
        True class; negative where a trial takes no part.
    member : array_like of bool (trial,)
        Trials of the condition.
    measure : {"balanced", "dprime"}
        See above.
    weight : array_like (draw, trial), optional
        How often each trial counts; by default once.

    Returns
    -------
    ndarray (time,) or (draw, time)
        NaN where no trial was decoded.

    References
    ----------
    Log-linear correction: Hautus 1995, https://doi.org/10.3758/BF03203619

    Examples
    --------
    >>> chosen = np.array([[[1, 0]], [[1, 0]], [[0, 1]], [[1, 0]]])
    >>> condition_accuracy(chosen, [0, 0, 1, 1], [True] * 4).tolist()
    [0.75]
    """
    chosen, code = np.asarray(chosen, dtype=float), np.asarray(code)
    member = np.asarray(member, dtype=bool) & (code >= 0)
    weights = np.ones((1, code.size)) if weight is None else np.asarray(weight, dtype=float)
    scores = [_class_score(chosen[..., k], code, member, weights, k, measure) for k in np.unique(code[member])]
    if not scores:
        return np.full((weights.shape[0], chosen.shape[1]) if weight is not None else chosen.shape[1], np.nan)
    score = np.mean(scores, axis=0)
    return score[0] if weight is None else score


def _class_score(
    said: NDArray, code: NDArray, member: NDArray[np.bool_], weight: NDArray, k: int, measure: Measure
) -> NDArray[np.float64]:
    hits, n_hits = _sums(said, weight * (member & (code == k)))
    if measure == "balanced":
        return np.divide(hits, n_hits, out=np.full_like(hits, np.nan), where=n_hits > 0)
    others = member & (code != k)
    alarms, n_alarms = _sums(said, weight * (others if others.any() else (code >= 0) & (code != k)))
    z = norm.ppf((hits + 0.5) / (n_hits + 1)) - norm.ppf((alarms + 0.5) / (n_alarms + 1))
    return np.where((n_hits > 0) & (n_alarms > 0), z, np.nan)


def _sums(said: NDArray, weight: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    known = np.isfinite(said)
    return weight @ np.where(known, said, 0.0), weight @ known.astype(float)


def resample_trials(
    code: ArrayLike, condition: ArrayLike, n_draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """How often each trial counts in bootstrap samples that keep the trials per class and condition.

    Parameters
    ----------
    code : array_like of int (trial,)
        True class; negative where a trial takes no part, and then counts 0.
    condition : array_like (trial,)
        Condition of each trial.
    n_draws : int
        Samples.
    rng : numpy.random.Generator
        Which trials.

    Returns
    -------
    ndarray (draw, trial)

    Examples
    --------
    >>> resample_trials([0, 0, 1, -1], ["a", "a", "b", "b"], 2, np.random.default_rng(0))[:, 2:].tolist()
    [[1.0, 0.0], [1.0, 0.0]]
    """
    code = np.asarray(code)
    stratum = np.unique(np.asarray(condition, dtype=str), return_inverse=True)[1] * (code.max(initial=0) + 1) + code
    weight = np.zeros((n_draws, code.size))
    for s in np.unique(stratum[code >= 0]):
        rows = np.flatnonzero((stratum == s) & (code >= 0))
        weight[:, rows] = rng.multinomial(rows.size, np.full(rows.size, 1 / rows.size), size=n_draws)
    return weight


def chance_level(n_classes: int, measure: Measure = "balanced") -> float:
    """Accuracy of a decoder that knows nothing: one over the classes, or a d' of 0.

    Examples
    --------
    >>> chance_level(2), chance_level(2, "dprime")
    (0.5, 0.0)
    """
    if measure not in ("balanced", "dprime"):
        raise InputError("measure", expected="'balanced' or 'dprime'", found=repr(measure), remedy="choose one")
    return 1 / n_classes if measure == "balanced" else 0.0
