"""Consistency of a code: whether what activity says about the class of a trial now, it says some time later."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.recurrence.information.bits import FEWEST_TRIALS, quantiles


class Consistency(NamedTuple):
    """How steady a code is.

    Attributes
    ----------
    correlation : ndarray (lag,)
        At lags of 0, 1, 2, ... bins; NaN where undefined.
    low, high : ndarray (lag,)
        Percentile interval of a bootstrap over the trials of each class.
    n_pairs : ndarray of int (lag,)
        Pairs of bins of one trial.
    """

    correlation: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n_pairs: NDArray[np.int64]


def log_odds_consistency(
    log_odds: ArrayLike,
    group: ArrayLike,
    *,
    max_lag: int | None = None,
    n_draws: int = 500,
    level: float = 0.95,
    rng: np.random.Generator,
) -> Consistency:
    r"""Correlation between a code's log odds now and some bins later, over trials of one class.

    :math:`c(k) = \sum x_t x_{t+k} / \sqrt{\sum x_t^2 \sum x_{t+k}^2}`: pooled covariance over pooled variance, the
    sums over groups, trials and bins :math:`t`, with :math:`x` the log odds less their mean over the trials of the
    group in that bin. What trials of a group share does not count; what sets a trial apart for its whole length (slow
    drift, arousal, a condition that the groups mix) shows as a plateau. Noise of single bins lowers every lag but 0,
    where it is 1.

    Parameters
    ----------
    log_odds : array_like (trial, time)
        Of one class against another, each bin by itself; NaN where missing.
    group : array_like (trial,)
        What each trial is compared within: its class, or its whole condition. Groups of one trial do not count.
    max_lag : int, optional
        Bins; as many as there are by default.
    n_draws : int
        Bootstrap draws of the trials of each class.
    level : float
        Coverage of the interval.
    rng : numpy.random.Generator
        Of the bootstrap.

    Returns
    -------
    Consistency

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> steady = rng.normal(size=(40, 1)) + np.zeros(5)
    >>> log_odds_consistency(steady, np.arange(40) % 2, rng=rng).correlation.round(3)
    array([1., 1., 1., 1., 1.])
    """
    log_odds, group = np.asarray(log_odds, dtype=np.float64), np.asarray(group)
    n_time = log_odds.shape[1]
    n_lags = n_time if max_lag is None else min(max_lag + 1, n_time)
    lag = np.arange(n_time) - np.arange(n_time)[:, None]
    wanted = (lag >= 0) & (lag < n_lags)
    groups = [log_odds[group == s] for s in np.unique(group)]
    groups = [members for members in groups if len(members) > 1]
    ones = [np.ones((1, len(group))) for group in groups]
    drawn = [rng.multinomial(len(g), np.full(len(g), 1 / len(g)), n_draws).astype(float) for g in groups]

    def correlation(weights: list[NDArray], draw: int) -> NDArray[np.float64]:
        sums = np.zeros((3, n_lags))
        for group, weight in zip(groups, weights, strict=True):
            for row, moment in zip(sums, _moments(group, weight[draw]), strict=True):
                row += np.bincount(lag[wanted], moment[wanted], minlength=n_lags)
        scale = np.sqrt(sums[1] * sums[2])
        return np.divide(sums[0], scale, out=np.full(n_lags, np.nan), where=scale > 0)

    draws = np.array([correlation(drawn, draw) for draw in range(n_draws)]).reshape(n_draws, n_lags)
    known = [np.isfinite(group).astype(float) for group in groups]
    pairs = sum((k.T @ k for k in known), np.zeros((n_time, n_time)))
    n_pairs = np.bincount(lag[wanted], pairs[wanted], minlength=n_lags).astype(np.int64)
    low, high = quantiles(draws, level)
    if sum(map(len, groups)) < FEWEST_TRIALS:
        low, high = np.full((2, n_lags), np.nan)
    return Consistency(correlation(ones, 0), low, high, n_pairs)


def _moments(values: NDArray, weight: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Weighted sums over trials of x_t x_u, x_t^2 and x_u^2, where both are known ``(time, time)``; x has mean 0."""
    known = np.isfinite(values).astype(float)
    filled = np.where(known > 0, values, 0)
    mass = weight @ known
    centred = (filled - (weight @ filled) / np.where(mass > 0, mass, 1)) * known
    weighted = centred * weight[:, None]
    squares = (weighted * centred).T @ known
    return weighted.T @ centred, squares, squares.T
