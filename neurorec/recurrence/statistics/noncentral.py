"""Noncentral t: how large a difference is, counted in its own error, with an interval."""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats


def noncentrality_interval(t: float, freedom: float, level: float = 0.95) -> tuple[float, float]:
    r"""Interval of the noncentrality that a t statistic was drawn with.

    Its ends are the :math:`\lambda` with :math:`P(T_{\nu, \lambda} \ge t) = (1 - level) / 2` and
    :math:`P(T_{\nu, \lambda} \le t) = (1 - level) / 2`.

    Parameters
    ----------
    t, freedom : float
        Statistic and degrees of freedom.
    level : float
        Coverage.

    Returns
    -------
    low, high : float
        NaN where the statistic is not finite.

    References
    ----------
    Steiger 2004, doi:10.1037/1082-989X.9.2.164.

    Examples
    --------
    >>> [round(end, 2) for end in noncentrality_interval(2.0, 10)]
    [-0.18, 4.1]
    """
    if not (np.isfinite(t) and freedom > 0):
        return (np.nan, np.nan)
    tail = (1 - level) / 2
    reach = 8 + 8 * abs(t)

    def end(probability: float) -> float:
        def excess(noncentrality: float) -> float:
            return float(noncentral_below(t, freedom, noncentrality)) - probability

        return float(optimize.root_scalar(excess, bracket=(t - reach, t + reach)).root)

    return end(1 - tail), end(tail)


def noncentral_below(t: ArrayLike, freedom: float, noncentrality: ArrayLike) -> NDArray[np.float64]:
    r"""Probability that a noncentral t lies below a value.

    .. math:: P(T \le t) = \int_0^1 \Phi\left(t \sqrt{q_\nu(p) / \nu} - \lambda\right) dp

    with :math:`q_\nu` the quantile of chi squared, by Gauss-Legendre quadrature: series for it fail far from the mean.

    Parameters
    ----------
    t, noncentrality : array_like
        Of shapes that go together.
    freedom : float
        Degrees of freedom.

    Returns
    -------
    ndarray
        Right to about 1e-5.

    Examples
    --------
    >>> round(float(noncentral_below(0.0, 5.0, 0.0)), 6)
    0.5
    """
    size, weights = _quadrature(float(freedom))
    argument = np.multiply.outer(np.asarray(t, dtype=float), size) - np.asarray(noncentrality, dtype=float)[..., None]
    return special.ndtr(argument) @ weights


@lru_cache(maxsize=64)  # the roots of an interval's ends ask for the same again and again
def _quadrature(freedom: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = special.roots_legendre(200)
    return np.sqrt(stats.chi2.ppf((nodes + 1) / 2, freedom) / freedom), weights / 2
