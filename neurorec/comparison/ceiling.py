"""The noise ceiling: how much of a unit's mean responses is signal, from halves of the trials."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError


class NoiseCeiling(NamedTuple):
    """Reliability of each unit's mean responses.

    Attributes
    ----------
    ceiling : ndarray (unit,)
        Share of the variance over rows (conditions and steps) that is signal; NaN where a unit does not vary, and
        below 0 by chance where it has none.
    low, high : ndarray (unit,)
        Ends of its interval; NaN without draws.
    single : ndarray (unit,)
        The same for a single trial of each condition.
    n_trials : float
        Trials of a condition, harmonic mean.
    """

    ceiling: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    single: NDArray[np.float64]
    n_trials: float


def noise_ceiling(
    trials: ArrayLike,
    condition: ArrayLike,
    *,
    n_splits: int = 20,
    n_draws: int = 0,
    level: float = 0.95,
    rng: np.random.Generator,
) -> NoiseCeiling:
    r"""Noise ceiling of each unit, from split halves.

    The trials of every condition are halved at random; r is the correlation over rows (conditions and steps) of the two
    halves' means, averaged over splits, and :math:`2 r / (1 + r)` (Spearman and Brown) what it would be for the mean of
    all trials: the largest share of that mean's variance that anything which does not know the noise can explain.

    The interval draws trials again within conditions. A trial drawn twice must not stand in both halves, where its
    noise would pass for signal: trials are halved first, and drawn again within their half.

    Parameters
    ----------
    trials : array_like (trial, time, unit)
        NaN where not recorded; a mean is of the trials that were.
    condition : array_like (trial,)
        Conditions with fewer than two trials take no part.
    n_splits : int
        Random halves.
    n_draws : int
        Of the bootstrap; 0 for no interval.
    level : float
        Coverage.
    rng : numpy.random.Generator
        Halves and draws.

    Returns
    -------
    NoiseCeiling

    Raises
    ------
    InputError
        Axes that do not fit, no condition with two trials.

    References
    ----------
    Schoppe et al. 2016, https://doi.org/10.3389/fncom.2016.00010

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> signal, noise = rng.standard_normal((5, 40, 1)), rng.standard_normal((20, 40, 1))
    >>> found = noise_ceiling(signal[np.arange(20) % 5] + noise, np.arange(20) % 5, n_draws=100, rng=rng)
    >>> bool(found.low[0] < 0.8 < found.high[0])                              # 1 / (1 + 1/4)
    True
    """
    values, label = check_trials_of_conditions(trials, condition)
    count = np.bincount(label)
    usable = np.isin(label, np.flatnonzero(count >= 2))
    if not usable.any():
        raise InputError("trials", expected="a condition with two", found="none", remedy="pool conditions")
    values, label = values[usable], np.unique(label[usable], return_inverse=True)[1]
    known, filled = known_and_filled(values)
    halves = [random_halves(label, rng) for _ in range(n_splits)]
    value = spearman_brown(_agreement(filled, known, label, halves), 2)
    low = high = np.full(value.shape, np.nan)
    if n_draws:
        draws = np.stack([_drawn_agreement(filled, known, label, rng) for _ in range(n_draws)])
        spread = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0) - np.nanmean(draws, axis=0)
        r = value / (2 - value)
        # each draw halves once and adds noise again; what is taken from it is its spread, around the value
        low, high = (spearman_brown(np.clip(r + s, -0.99, 1.0), 2) for s in spread)
    n_trials = float(1 / np.mean(1 / np.bincount(label)))
    return NoiseCeiling(value, low, high, spearman_brown(value, 1 / n_trials), n_trials)


def spearman_brown(reliability: NDArray, factor: float) -> NDArray[np.float64]:
    r"""Reliability of the mean of `factor` times as many trials, :math:`k r / (1 + (k - 1) r)`."""
    return factor * reliability / (1 + (factor - 1) * reliability)


def check_trials_of_conditions(trials: ArrayLike, condition: ArrayLike) -> tuple[NDArray, NDArray[np.int64]]:
    """Trials ``(trial, time, unit)`` and the number of each one's condition, in sorted order."""
    values, names = np.asarray(trials, dtype=float), np.asarray(condition)
    if values.ndim != 3 or names.shape != values.shape[:1] or not values.size or np.isinf(values).any():
        found, expected = f"shapes {values.shape} and {names.shape}", "finite (trial, time, unit) and (trial,)"
        raise InputError("trials", expected=expected, found=found, remedy="give each trial its condition")
    return values, np.unique(names, return_inverse=True)[1]


def known_and_filled(values: NDArray) -> tuple[NDArray, NDArray]:
    """Where values are known ``(trial, time, unit)``, or ``(trial, time, 1)`` if units agree; and they, 0 elsewhere."""
    known = np.isfinite(values)
    filled = values if known.all() else np.where(known, values, 0.0)
    shared = known[..., :1]
    return (shared if (known == shared).all() else known).astype(float), filled


def condition_means(weight: NDArray, filled: NDArray, known: NDArray) -> NDArray[np.float64]:
    """Means ``(condition, time, unit)`` of trials with weights ``(condition, trial)``; NaN where none is known."""
    total = np.tensordot(weight, filled, axes=1)
    if known.all():
        size = weight.sum(axis=1)[:, None, None] * np.ones(filled.shape[1])[None, :, None]
    else:
        size = np.tensordot(weight, known, axes=1)
    return np.divide(total, size, out=np.full(total.shape, np.nan), where=np.broadcast_to(size > 0, total.shape))


def random_halves(label: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two halves of the trials, equally many of every condition; one is left over where they are odd."""
    order = np.lexsort((rng.random(label.size), label))
    begin = np.searchsorted(label[order], label[order])
    place = np.empty(label.size, dtype=np.int64)
    place[order] = np.arange(label.size) - begin
    half = np.bincount(label)[label] // 2
    return place < half, (place >= half) & (place < 2 * half)


def _weights(label: NDArray, times: NDArray) -> NDArray[np.float64]:
    """Weight of each trial in its condition ``(condition, trial)``."""
    weight = np.zeros((int(label.max()) + 1, label.size))
    weight[label, np.arange(label.size)] = times
    return weight


def _row_correlation(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """Of each unit over the rows that both know; NaN where it does not vary."""
    a, b = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
    both = np.isfinite(a) & np.isfinite(b)
    n = np.maximum(both.sum(axis=0), 1)
    a, b = np.where(both, a, 0.0), np.where(both, b, 0.0)
    a, b = np.where(both, a - a.sum(axis=0) / n, 0.0), np.where(both, b - b.sum(axis=0) / n, 0.0)
    size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.divide((a * b).sum(axis=0), size, out=np.full(size.shape, np.nan), where=size > 1e-12)


def _agreement(filled: NDArray, known: NDArray, label: NDArray, halves: list) -> NDArray[np.float64]:
    """Mean correlation of halves ``(unit,)``."""
    found = []
    for pair in halves:
        a, b = (condition_means(_weights(label, half.astype(float)), filled, known) for half in pair)
        found.append(_row_correlation(a, b))
    values = np.stack(found)
    defined = np.isfinite(values)
    return np.where(
        defined.any(axis=0), np.where(defined, values, 0).sum(axis=0) / np.maximum(defined.sum(0), 1), np.nan
    )


def _drawn_agreement(filled: NDArray, known: NDArray, label: NDArray, rng: np.random.Generator) -> NDArray[np.float64]:
    """Correlation of two halves, each drawn again from its own trials."""
    means = []
    for half in random_halves(label, rng):
        times = np.zeros(label.size)
        for k in np.unique(label):
            mine = np.flatnonzero(half & (label == k))
            np.add.at(times, rng.choice(mine, mine.size), 1.0)
        means.append(condition_means(_weights(label, times), filled, known))
    return _row_correlation(*means)
