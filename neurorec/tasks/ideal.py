"""The ideal observer of known patterns in noise, who answers a question with two answers or more."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

_N_DRAWS = 10_000  # per pattern: the standard error of a rate is at most 0.005, and less of their mean


def ideal_rates(
    patterns: ArrayLike, answers: ArrayLike, *, sd: ArrayLike, prior: ArrayLike | None = None
) -> NDArray[np.float64]:
    """How often who knows all patterns answers right, by pattern.

    The observer sees ``x = m_k + sd xi``, k drawn from the prior p, and gives the answer a of the largest
    ``sum over k where a is right: p_k exp(-|x - m_k|^2 / (2 sd^2))``. There is no closed form for more than two
    patterns; the rates are means over draws that are always the same.

    Parameters
    ----------
    patterns : array-like (pattern, feature)
        m, such as the mean input of each condition over the stimulus.
    answers : array-like of bool (pattern,) or (pattern, answer)
        Whether yes is right, of yes and no; or which answers are right, at least one for every pattern.
    sd : float or array-like (feature,)
        Of the noise.
    prior : array-like (pattern,), optional
        p; by default all are as likely.

    Returns
    -------
    ndarray (pattern,)
        Fraction right, to 0.005.

    Examples
    --------
    >>> ideal_rates([[-1.0], [1.0]], [False, True], sd=1.0).round(2).tolist()   # the normal distribution up to 1
    [0.84, 0.84]
    """
    patterns, right = np.asarray(patterns, dtype=float), np.asarray(answers, dtype=bool)
    right = np.column_stack([~right, right]) if right.ndim == 1 else right
    sd = np.broadcast_to(np.asarray(sd, dtype=float), patterns.shape[1])
    prior = np.ones(len(patterns)) if prior is None else np.asarray(prior, dtype=float)
    if not sd.any():
        return np.ones(len(patterns))
    scaled = patterns / sd
    said = (tuple(map(tuple, scaled.tolist())), tuple(map(tuple, right.tolist())), tuple(prior.tolist()))
    return np.array(_rates(*said))


@lru_cache(maxsize=64)
def _rates(
    patterns: tuple[tuple[float, ...], ...], answers: tuple[tuple[bool, ...], ...], prior: tuple[float, ...]
) -> tuple[float, ...]:
    means, right = np.array(patterns), np.array(answers)
    offset = np.log(prior) - (means**2).sum(axis=1) / 2
    half = np.random.default_rng(0).standard_normal((_N_DRAWS // 2, means.shape[1]))
    draws = np.concatenate([half, -half])
    found = []
    for mean, is_right in zip(means, right, strict=True):
        evidence = (draws + mean) @ means.T + offset
        weight = np.stack([logsumexp(evidence[:, of], axis=1) for of in right.T], axis=1)
        found.append(float(is_right[weight.argmax(axis=1)].mean()))
    return tuple(found)
