"""How well a mean response predicts what was observed."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.losses import FAMILIES, RATE_FLOOR, family_of


def deviance(
    Y: ArrayLike, mu: ArrayLike, family: str = "poisson", *, dispersion: ArrayLike = np.nan
) -> NDArray[np.float64]:
    """Deviance of every response: twice the log-likelihood of the saturated model above that of ``mu``.

    Parameters
    ----------
    Y, mu : array_like (time, unit)
        Responses and their predicted means, both per bin.
    family : {"poisson", "bernoulli", "gaussian", "gamma", "negative_binomial"}
        Poisson: 2 (y log(y / mu) - y + mu). Bernoulli: 2 (y log(y / mu) + (1 - y) log((1 - y) / (1 - mu))).
        Gaussian: (y - mu)^2. Gamma: 2 ((y - mu) / mu - log(y / mu)). Negative binomial of dispersion a:
        2 (y log(y / mu) - (y + 1/a) log((1 + a y) / (1 + a mu))). Means are kept 1e-9 away from 0 (and from 1,
        Bernoulli).
    dispersion : float or array_like (unit,)
        a, of negative binomial responses only.

    Returns
    -------
    ndarray of float64 (time, unit)
        Non-negative; 0 where the prediction is perfect.

    Examples
    --------
    >>> deviance([[0.0], [2.0]], [[1.0], [2.0]]).tolist()
    [[2.0], [0.0]]
    """
    return family_of(family).deviance(
        np.asarray(Y, dtype=np.float64), np.asarray(mu, dtype=np.float64), np.asarray(dispersion, dtype=np.float64)
    )


def fraction_deviance_explained(
    Y: ArrayLike,
    mu: ArrayLike,
    family: str = "poisson",
    *,
    sample_weight: ArrayLike | None = None,
    dispersion: ArrayLike = np.nan,
) -> NDArray[np.float64]:
    """Fraction of the deviance of each unit that a prediction explains.

    1 - sum_t w_t deviance(y, mu) / sum_t w_t deviance(y, mean of the y given here).

    Parameters
    ----------
    Y, mu : array_like (time, unit)
        Responses and predicted means.
    family, dispersion
        See :func:`deviance`.
    sample_weight : array_like (time,) or (time, unit), optional
        Bins of weight 0 take part in nothing.

    Returns
    -------
    ndarray (unit,)
        1 is perfect, 0 is no better than the mean; NaN where the responses do not vary, for then it is undefined.

    Examples
    --------
    >>> Y = np.array([[0.0, 0.0], [2.0, 0.0]])
    >>> fraction_deviance_explained(Y, Y)
    array([ 1., nan])
    """
    Y, mu, weight = _aligned(Y, mu, sample_weight)
    total = null_deviance(Y, family, weight, dispersion=dispersion)
    lost = (weight * deviance(Y, mu, family, dispersion=dispersion)).sum(axis=0)
    return 1 - np.divide(lost, total, out=np.full_like(total, np.nan), where=total > 0)


def null_deviance(Y: NDArray, family: str, weight: NDArray, *, dispersion: ArrayLike = np.nan) -> NDArray[np.float64]:
    """Weighted sum over time of the deviance from each unit's own weighted mean: ``(unit,)``, exactly 0 if constant."""
    mass = weight.sum(axis=0)
    mean = (weight * Y).sum(axis=0) / np.where(mass > 0, mass, 1)
    used = weight > 0
    varies = np.where(used, Y, -np.inf).max(axis=0, initial=-np.inf) > np.where(used, Y, np.inf).min(
        axis=0, initial=np.inf
    )
    lost = weight * FAMILIES[family].deviance(Y, mean, np.asarray(dispersion, dtype=np.float64))
    return np.where(varies, lost.sum(axis=0), 0.0)


def bits_per_spike(Y: ArrayLike, mu: ArrayLike, *, sample_weight: ArrayLike | None = None) -> NDArray[np.float64]:
    """Poisson log-likelihood gained over the mean rate, in bits per spike.

    (NLL of the mean of the y given here - NLL of mu) / (sum of y) / ln 2, as in the Neural Latents Benchmark
    (https://doi.org/10.48550/arXiv.2109.04463); rates are kept above 1e-9 per bin.

    Parameters
    ----------
    Y, mu : array_like (time, unit)
        Counts and predicted means per bin.
    sample_weight : array_like (time,) or (time, unit), optional
        Bins of weight 0 take part in nothing.

    Returns
    -------
    ndarray (unit,)
        NaN for a unit without a spike.

    Examples
    --------
    >>> Y = np.array([[0.0], [1.0], [0.0], [1.0]])
    >>> bits_per_spike(Y, np.where(Y > 0, 1.0, 1e-12)).round(3)
    array([1.])
    """
    Y, mu, weight = _aligned(Y, mu, sample_weight)
    mass, n_spikes = weight.sum(axis=0), (weight * Y).sum(axis=0)
    null = np.maximum(n_spikes / np.where(mass > 0, mass, 1), RATE_FLOOR)
    mu = np.maximum(mu, RATE_FLOOR)
    gained = (weight * (Y * np.log(mu / null) - mu + null)).sum(axis=0)
    return np.divide(gained, n_spikes * np.log(2), out=np.full_like(gained, np.nan), where=n_spikes > 0)


def _aligned(Y: ArrayLike, mu: ArrayLike, sample_weight: ArrayLike | None) -> tuple[NDArray, NDArray, NDArray]:
    """All of shape (time, unit), in float64; responses and means of weight 0 become 0, for they may be missing."""
    Y, mu = np.asarray(Y, dtype=np.float64), np.asarray(mu, dtype=np.float64)
    weight = np.ones(1) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if weight.ndim == 1:
        weight = weight[:, None]
    weight = np.broadcast_to(weight, Y.shape)
    used = weight > 0
    return np.where(used, Y, 0.0), np.where(used, mu, 0.0), weight
