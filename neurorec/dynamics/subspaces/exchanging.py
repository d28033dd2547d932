"""The test of demixed parts: whether they hold more variance than exchanged labels give."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.subspaces.demixed import conditions_of, marginalise
from neurorec.dynamics.subspaces.labels import check_activity, complete_times
from neurorec.dynamics.subspaces.principal import averages_of
from neurorec.recording import InputError


class DemixingTest(NamedTuple):
    """Whether parts of the variance are more than exchanged labels give.

    Attributes
    ----------
    parts : ndarray of str (part,)
    share : ndarray (part,)
        Of the total variance of the averages.
    null : ndarray (shuffle, part)
        With exchanged labels, over the same total; NaN for "time", which has none.
    p : ndarray (part,)
    """

    parts: NDArray[np.str_]
    share: NDArray[np.float64]
    null: NDArray[np.float64]
    p: NDArray[np.float64]


def compare_parts(
    trials: ArrayLike, factors: Mapping[str, ArrayLike], *, n_shuffles: int = 200, rng: np.random.Generator
) -> DemixingTest:
    """Compare the variance of each part with that after labels were exchanged among trials.

    A factor's labels are exchanged among trials of the same level of the other, so that what the other does is in both;
    for the part of both together, what either does alone is taken off the trials first.

    Parameters
    ----------
    trials : array-like (trial, time, unit)
        Activity, NaN where not recorded.
    factors : mapping of str to array-like (trial,)
        One or two.
    n_shuffles : int
        Exchanges.
    rng : numpy.random.Generator
        For them.

    Returns
    -------
    DemixingTest
        With ``p = (1 + number of shuffles with as much) / (1 + n_shuffles)``.

    Raises
    ------
    InputError
        For activity whose averages do not vary, or no factor.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> side = np.repeat(["left", "right"], 20)
    >>> trials = np.where(side == "left", 0.5, -0.5)[:, None, None] + rng.standard_normal((40, 8, 5))
    >>> compare_parts(trials, {"side": side}, n_shuffles=99, rng=rng).p.tolist()
    [nan, 0.01]
    """
    values = check_activity(trials, least=3)
    labels = {name: np.asarray(levels) for name, levels in factors.items()}
    if not labels:
        raise InputError("factors", expected="one or two", found="none", remedy="name them")
    observed = _variances(values, labels)
    if not sum(observed.values()) > 0:
        raise InputError("activity", expected="some variance", found="none", remedy="leave it out")
    null = np.full((n_shuffles, len(observed)), np.nan)
    names = list(observed)
    for k, name in enumerate(names[1:], 1):
        together = name not in labels
        given = _less_main_parts(values, labels) if together else values
        within = np.zeros(len(values), dtype=int)
        others = [levels for other, levels in labels.items() if other != name and not together]
        if others:
            within = np.unique(others[0], return_inverse=True)[1]
        for shuffle in range(n_shuffles):
            order = _exchange(within, rng)
            moved = labels | {other: labels[other][order] for other in (labels if together else [name])}
            null[shuffle, k] = _variances(given, moved)[name]
    sizes = np.array(list(observed.values()))
    share, null = sizes / sizes.sum(), null / sizes.sum()
    p = (1 + (null >= share).sum(axis=0)) / (1 + n_shuffles)
    p[np.isnan(null).any(axis=0)] = np.nan
    return DemixingTest(np.array(names), share, null, p)


def _variances(trials: NDArray, factors: dict[str, NDArray]) -> dict[str, float]:
    """Sum of squares of each part of the averages of trials."""
    code, levels = conditions_of(factors)
    averages = averages_of(trials, code)
    averages = averages[:, complete_times(averages)]
    parts = marginalise(averages, levels)
    return {name: float((part**2).sum()) for name, part in parts.items()}


def _less_main_parts(trials: NDArray, factors: dict[str, NDArray]) -> NDArray:
    """Trials less what either factor does alone, and as noisy as they were before means of their own were taken off."""
    code, levels = conditions_of(factors)
    averages = averages_of(trials, code)
    parts = marginalise(np.nan_to_num(averages), levels)
    alone = sum(part for name, part in parts.items() if name in factors)
    left = trials - np.asarray(alone)[np.unique(code, return_inverse=True)[1]]
    known = np.isfinite(left)
    number = known.sum(axis=0)
    mean = np.where(number > 0, np.where(known, left, 0.0).sum(axis=0) / np.maximum(number, 1), np.nan)
    n_free = len(trials) - 1
    n_taken = min(sum(np.unique(levels).size - 1 for levels in factors.values()), n_free - 1)
    return mean + (left - mean) * np.sqrt(n_free / (n_free - n_taken))


def _exchange(within: NDArray, rng: np.random.Generator) -> NDArray[np.int64]:
    """An order of trials that keeps groups."""
    order = np.arange(within.size)
    for group in np.unique(within):
        rows = np.flatnonzero(within == group)
        order[rows] = rng.permutation(rows)
    return order
