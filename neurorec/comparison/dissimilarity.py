"""Representational similarity: whether the same pairs of states are far apart in two sets of responses."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from neurorec.comparison.arrays import Responses, paired_rows
from neurorec.recording import InputError

Metric = Literal["euclidean", "correlation"]
Pairs = Literal["all", "simultaneous"]


class RepresentationalSimilarity(NamedTuple):
    """A correlation of dissimilarities and what it is made of.

    Attributes
    ----------
    value : float
        -1 to 1; NaN where all dissimilarities of one side are equal.
    x, y : ndarray (pair,)
        Dissimilarities, in the same order.
    first, second : ndarray of int (pair,)
        Rows of each pair.
    condition, step : ndarray of int (row,)
        Where the rows are from.
    """

    value: float
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    condition: NDArray[np.int64]
    step: NDArray[np.int64]


def representational_similarity(
    x: Responses,
    y: Responses,
    *,
    metric: Metric = "euclidean",
    pairs: Pairs = "all",
    ranks: bool = True,
) -> RepresentationalSimilarity:
    r"""Correlation of two matrices of dissimilarities between states.

    States are rows, a condition at a step. Dissimilarities are :math:`|x_i - x_j|^2`, or 1 less the correlation over
    units; the value is the rank correlation (Spearman) of those of x with those of y, over pairs. Unequal numbers of
    units need no care: dissimilarities are of rows.

    Parameters
    ----------
    x, y : array_like (condition, time, unit), or a sequence of (time, unit)
        The same conditions; see `neurorec.comparison.paired_rows` for unequal lengths.
    metric : {"euclidean", "correlation"}
        "correlation" takes off how active a state is on the whole.
    pairs : {"all", "simultaneous"}
        "simultaneous" pairs of conditions at the same step only: states of one trial are near each other in any system
        that is continuous in time, which says nothing of conditions.
    ranks : bool
        Ranks, or the dissimilarities as they are (Pearson).

    Returns
    -------
    RepresentationalSimilarity

    Raises
    ------
    InputError
        Responses that do not fit together, an unknown metric or kind of pairs, fewer than three pairs.

    References
    ----------
    Kriegeskorte, Mur & Bandettini 2008, https://doi.org/10.3389/neuro.06.004.2008

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((4, 5, 6))
    >>> found = representational_similarity(x, 2 * x[..., ::-1])
    >>> round(found.value, 6), found.x.size
    (1.0, 190)
    """
    for name, value, known in (
        ("metric", metric, ("euclidean", "correlation")),
        ("pairs", pairs, ("all", "simultaneous")),
    ):
        if value not in known:
            raise InputError(name, expected=f"'{known[0]}' or '{known[1]}'", found=repr(value), remedy="name one")
    rows = paired_rows(x, y)
    first, second = np.triu_indices(len(rows.x), 1)
    if pairs == "simultaneous":
        kept = rows.step[first] == rows.step[second]
        first, second = first[kept], second[kept]
    if first.size < 3:
        remedy = "give more conditions"
        raise InputError("x and y", expected="three pairs or more", found=str(first.size), remedy=remedy)
    a, b = (_dissimilarities(v, metric)[first, second] for v in (rows.x, rows.y))
    value = correlation(rankdata(a), rankdata(b)) if ranks else correlation(a, b)
    return RepresentationalSimilarity(value, a, b, first, second, rows.condition, rows.step)


def unbiased_dissimilarity(trials: ArrayLike, condition: ArrayLike) -> NDArray[np.float64]:
    r"""Squared distances between conditions that noise does not inflate (crossnobis), at every step.

    :math:`d_{ab} = \frac{1}{U} \sum_u \left[ (\bar x_{a u} - \bar x_{b u})^2 - s_{a u}^2 / n_a - s_{b u}^2 / n_b
    \right] / \sigma_u^2`, the mean over all ways of taking the difference of a with b once from one trial of each and
    once from other trials; :math:`s^2` are variances over trials of a condition, :math:`\sigma_u^2` their mean. It is 0
    on average for conditions that do not differ, and may be negative.

    Parameters
    ----------
    trials : array_like (trial, time, unit)
        Finite.
    condition : array_like (trial,)
        Each with two trials or more.

    Returns
    -------
    ndarray (time, condition, condition)
        Conditions in sorted order. Units that never vary within conditions take no part.

    Raises
    ------
    InputError
        Axes that do not fit, missing values, or conditions of one trial.

    References
    ----------
    Walther et al. 2016, https://doi.org/10.1016/j.neuroimage.2015.12.012

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = unbiased_dissimilarity(rng.standard_normal((60, 10, 20)), np.arange(60) % 3)
    >>> bool(abs(found[:, 0, 1].mean()) < 0.02)
    True
    """
    values = np.asarray(trials, dtype=float)
    names, label, count = np.unique(np.asarray(condition), return_inverse=True, return_counts=True)
    if values.ndim != 3 or label.shape != values.shape[:1] or not np.isfinite(values).all() or count.min() < 2:
        found, remedy = f"shape {values.shape}, {label.size} labels, {count.min()} trials", "leave others out"
        expected = "finite (trial, time, unit), a label each, and two trials of each condition"
        raise InputError("trials", expected=expected, found=found, remedy=remedy)
    each = [values[label == k] for k in range(names.size)]
    mean = np.stack([part.mean(axis=0) for part in each])
    spread = np.stack([part.var(axis=0, ddof=1) for part in each])
    noise = spread.mean(axis=(0, 1))
    weight = np.divide(1.0, noise, out=np.zeros_like(noise), where=noise > 0) / max(int((noise > 0).sum()), 1)
    difference = ((mean[:, None] - mean) ** 2) @ weight
    error = (spread / count[:, None, None]) @ weight
    found = difference - error[:, None] - error
    found[np.arange(names.size), np.arange(names.size)] = 0.0
    return np.moveaxis(found, -1, 0)


def correlation(a: NDArray, b: NDArray) -> float:
    """Pearson's; NaN where one does not vary."""
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else np.nan


def _dissimilarities(values: NDArray, metric: Metric) -> NDArray[np.float64]:
    """Of all rows ``(row, row)``."""
    if metric == "correlation":
        values = values - values.mean(axis=1, keepdims=True)
        size = np.linalg.norm(values, axis=1, keepdims=True)
        values = np.divide(values, size, out=np.zeros_like(values), where=size > 0)
        return 1 - values @ values.T
    values = values - values.mean(axis=0)  # far from 0 the difference below would be of large numbers
    power = (values**2).sum(axis=1)
    return np.maximum(power[:, None] + power - 2 * values @ values.T, 0)
