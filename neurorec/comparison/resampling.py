"""Mean responses again and again: trials drawn anew, or their conditions exchanged."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurorec.comparison.ceiling import condition_means, known_and_filled, random_halves, spearman_brown


class Side(NamedTuple):
    """Trials of a recording or a system, in the conditions that are compared.

    Attributes
    ----------
    filled : ndarray (trial, time, unit)
        Scaled; 0 where not recorded.
    known : ndarray (trial, time, unit or 1)
        1 where recorded.
    label : ndarray of int (trial,)
        Number of the condition.
    n_conditions : int
        Of them.
    by_step : bool
        Whether the mean over conditions is taken off at every step.
    units : ndarray of int (unit,)
        Which of all there were: those that vary and are known throughout.
    scale : ndarray (unit,)
        By which each was divided.
    """

    filled: NDArray[np.float64]
    known: NDArray[np.float64]
    label: NDArray[np.int64]
    n_conditions: int
    by_step: bool
    units: NDArray[np.int64]
    scale: NDArray[np.float64]

    def weights(self) -> NDArray[np.float64]:
        """Each trial once ``(condition, trial)``."""
        return self.weights_of(self.label)

    def weights_of(self, label: NDArray[np.int64]) -> NDArray[np.float64]:
        """Each trial once, under other conditions."""
        return (label == np.arange(self.n_conditions)[:, None]).astype(float)

    def drawn(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Trials drawn again, with replacement, within each condition ``(condition, trial)``."""
        weight = np.zeros((self.n_conditions, self.label.size))
        for k in range(self.n_conditions):
            own = np.flatnonzero(self.label == k)
            weight[k] = np.bincount(own[rng.integers(own.size, size=own.size)], minlength=self.label.size)
        return weight

    def shuffled(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """The trials' conditions, exchanged among trials."""
        return rng.permutation(self.label)

    def means(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean responses ``(condition, time, unit)``; a step that any unit lacks is missing."""
        found = condition_means(weight, self.filled, self.known)
        found[np.isnan(found).any(axis=-1)] = np.nan
        if self.by_step:
            known = np.isfinite(found[..., :1])
            total = np.where(known, found, 0.0).sum(axis=0)
            found = found - total / np.maximum(known.sum(axis=0), 1)
        return found

    def ceiling(self, label: NDArray[np.int64], *, n_splits: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Reliability of the means of all trials under some conditions ``(unit,)``, from halves of the trials."""
        total, count = np.zeros(self.filled.shape[2]), 0
        for _ in range(n_splits):
            a, b = (self.means(self.weights_of(np.where(half, label, -1))) for half in random_halves(label, rng))
            both = np.isfinite(a[..., 0]) & np.isfinite(b[..., 0])
            if both.sum() < 3:
                continue
            a, b = a[both] - a[both].mean(axis=0), b[both] - b[both].mean(axis=0)
            size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
            total += np.divide((a * b).sum(axis=0), size, out=np.zeros_like(size), where=size > 1e-12)
            count += 1
        return spearman_brown(total / count, 2) if count else np.full(total.shape, np.nan)


def side_of(activity: NDArray, label: NDArray[np.int64], n_conditions: int, *, scaled: bool, by_step: bool) -> Side:
    """A side from trials ``(trial, time, unit)``.

    Units without any known value in a step and condition that others have are left out, and so are silent ones. Where
    `scaled`, a unit is divided by its standard deviation over all trials and steps plus the median one: labels play no
    part in it, so exchanging them leaves it as it is.
    """
    n_units = activity.shape[2]
    known, filled = known_and_filled(activity)
    weight = (label == np.arange(n_conditions)[:, None]).astype(float)
    seen = np.broadcast_to(np.tensordot(weight, known, axes=1) > 0, (n_conditions, activity.shape[1], n_units))
    whole = (seen == seen.any(axis=-1, keepdims=True)).all(axis=(0, 1))
    with np.errstate(invalid="ignore"):
        size = np.maximum(known.sum(axis=(0, 1)), 1) * np.ones(n_units)
        mean = filled.sum(axis=(0, 1)) / size
        spread = np.sqrt(((filled - mean) ** 2 * known).sum(axis=(0, 1)) / size)
    units = np.flatnonzero(whole & (spread > 1e-12))
    filled, spread = filled[..., units], spread[units]
    known = known if known.shape[-1] == 1 else known[..., units]
    scale = spread + np.median(spread) if scaled and units.size else np.ones(units.size)
    filled = np.ascontiguousarray(filled / scale)  # sums over trials are then products without a copy
    return Side(filled, known, label, n_conditions, by_step, units, scale)


def centred_interval(value: NDArray, draws: NDArray, level: float) -> tuple[NDArray, NDArray]:
    """Ends of an interval around values ``(...)`` from bootstrap draws ``(draw, ...)``.

    Drawing trials again adds their noise a second time and so moves most measures towards unlikeness: what is taken
    from the draws is how they scatter about their own mean.
    """
    defined = np.isfinite(draws)
    count = defined.sum(axis=0)
    mean = np.where(defined, draws, 0.0).sum(axis=0) / np.maximum(count, 1)
    apart = np.where(defined, draws - mean, np.nan)
    low, high = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    for at in zip(*np.nonzero(count >= 10), strict=True):
        ends = np.nanquantile(apart[(slice(None), *at)], [(1 - level) / 2, (1 + level) / 2])
        low[at], high[at] = value[at] + ends[0], value[at] + ends[1]
    return low, high


def exact_p(value: NDArray, null: NDArray, similar: NDArray) -> NDArray[np.float64]:
    """``(b + 1) / (m + 1)``: b of m shuffles are as similar or more. What is not defined counts as least similar."""
    oriented = np.where(np.isnan(null), -np.inf, null * similar)
    as_much = (oriented >= value * similar - 1e-12).sum(axis=0)
    return np.where(np.isfinite(value), (as_much + 1) / (len(null) + 1), np.nan)
