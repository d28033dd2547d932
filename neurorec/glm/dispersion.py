"""Dispersion of negative binomial responses: variance = mean + dispersion mean^2."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

RANGE = (1e-6, 1e3)  # below it the family is Poisson in all but name


def fit_dispersion(y: NDArray, mu: NDArray, weight: NDArray | None = None) -> float:
    """The dispersion of highest likelihood for given means.

    Maximises ``sum_t w_t [lgamma(y + 1/a) - lgamma(1/a) + y log(a mu) - (y + 1/a) log(1 + a mu)]`` over a.

    Parameters
    ----------
    y, mu : ndarray (time,)
        Counts and their means.
    weight : ndarray (time,), optional
        Weights of the bins.

    Returns
    -------
    float
        Within 1e-6 and 1e3; at the lower end the counts vary no more than Poisson ones.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> mu = rng.uniform(1, 5, 20_000)
    >>> y = rng.poisson(mu * rng.gamma(1 / 0.5, 0.5, mu.size))
    >>> round(fit_dispersion(y, mu), 1)
    0.5
    """
    y, mu = np.asarray(y, dtype=np.float64), np.maximum(np.asarray(mu, dtype=np.float64), 1e-12)
    weight = np.ones_like(y) if weight is None else np.asarray(weight, dtype=np.float64)
    values, place = np.unique(y, return_inverse=True)
    mass = np.bincount(place, weight)

    def loss(log_a: float) -> float:
        a = np.exp(log_a)
        size = 1 / a
        gained = mass @ (gammaln(values + size) - gammaln(size)) + log_a * (mass @ values)
        return -(gained - weight @ ((y + size) * np.log1p(a * mu)))

    found = minimize_scalar(loss, bounds=tuple(np.log(RANGE)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def first_dispersion(mean: float, variance: float) -> float:
    """From the first two moments."""
    return float(np.clip((variance - mean) / max(mean, 1e-12) ** 2, 1e-3, RANGE[1]))
