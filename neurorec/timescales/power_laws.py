"""Discrete power laws, fitted by maximum likelihood and held against their alternatives."""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import zeta

ALTERNATIVES = ("exponential", "lognormal", "truncated_power_law")
_GRID = np.linspace(1.02, 6.0, 2_000)  # exponents; neurons and earthquakes lie between 1.2 and 3
_CANDIDATES = 40  # smallest values tried
_FEWEST_IN_TAIL = 50  # Clauset et al. 2009: below it the exponent of a discrete fit is biased by a percent and more
_EMPTY = "too few values"


class PowerLawFit(NamedTuple):
    """A power law ``P(x) ~ x^-exponent`` from the smallest value up; NaN where undefined, and ``status`` says why.

    Attributes
    ----------
    exponent, exponent_error : float
        And its standard error.
    smallest : float
        First value that follows the law.
    n_tail : int
        Values from there up.
    distance : float
        Kolmogorov-Smirnov distance between them and the law.
    ratio, p_value : ndarray (alternative,)
        Normalised log-likelihood ratio against exponential, lognormal and truncated power law, above 0 where the power
        law is better, and the probability of so large a ratio either way if both were as good. The power law is a
        special case of the truncated one, so that the third ratio is 0 at most and its p-value is a chi-squared test.
    status : str
        "converged", or why there is no answer.
    """

    exponent: float
    exponent_error: float
    smallest: float
    n_tail: int
    distance: float
    ratio: NDArray[np.float64]
    p_value: NDArray[np.float64]
    status: str


def fit_power_law(values: ArrayLike, *, smallest: int | None = None) -> PowerLawFit:
    r"""Fit a discrete power law and compare it with other laws by likelihood ratios.

    :math:`P(x) = x^{-\alpha} / \zeta(\alpha, x_{min})`, :math:`\alpha` by maximum likelihood, :math:`x_{min}` where the
    Kolmogorov-Smirnov distance is least. The fits and Vuong's tests are those of the package `powerlaw`.

    Parameters
    ----------
    values : array_like of int (value,)
        1 and above; others are left out.
    smallest : int, optional
        The smallest value that follows the law; by default the best of 40 candidates that leave 50 values or more.

    Returns
    -------
    PowerLawFit

    Notes
    -----
    A p-value above 0.05 means that the data cannot tell the two laws apart, not that the power law holds. The error
    takes the smallest value as given. A cut-off, as finite systems have, steepens the plain exponent: look at the
    truncated law.

    References
    ----------
    Clauset, Shalizi & Newman 2009, doi:10.1137/070710111; Alstott et al. 2014, doi:10.1371/journal.pone.0085777.

    Examples
    --------
    >>> fit = fit_power_law(np.random.default_rng(0).zipf(2.0, 3000))
    >>> bool(abs(fit.exponent - 2.0) < 3 * fit.exponent_error), bool(fit.ratio[0] > 0)
    (True, True)
    """
    whole = np.asarray(values, dtype=float).ravel()
    whole = np.sort(whole[np.isfinite(whole) & (whole >= 1)])
    missing = np.full(len(ALTERNATIVES), np.nan)
    first = _best_start(whole) if smallest is None else float(smallest)
    tail = whole[whole >= first]
    if tail.size < _FEWEST_IN_TAIL or np.unique(tail).size < 3:
        return PowerLawFit(np.nan, np.nan, np.nan, tail.size, np.nan, missing, missing.copy(), _EMPTY)
    return _fit_tail(tail, first)


def exponent_of(mean_log: ArrayLike, smallest: float) -> NDArray[np.float64]:
    r"""Maximum-likelihood exponent of a discrete power law, from the mean logarithm of what follows it.

    Solves :math:`-\zeta'(\alpha, x_{min}) / \zeta(\alpha, x_{min}) = \langle \ln x \rangle`.

    Parameters
    ----------
    mean_log : array_like (...)
        Of the values from the smallest up.
    smallest : float
        Where the law begins.

    Returns
    -------
    ndarray (...)
        NaN outside 1.02 to 6.
    """
    log_zeta = np.log(zeta(_GRID, smallest))
    expected = -np.gradient(log_zeta, _GRID)[1:-1]  # falls as the exponent grows; the ends are one-sided
    return np.interp(np.asarray(mean_log), expected[::-1], _GRID[-2:0:-1], left=np.nan, right=np.nan)


def _best_start(values: NDArray) -> float:
    """Smallest value from which a power law fits best, 1 where there is nothing to choose."""
    distinct = np.unique(values)
    distinct = distinct[(values.size - np.searchsorted(values, distinct)) >= _FEWEST_IN_TAIL][:-1]
    if not distinct.size:
        return 1.0
    chosen = np.unique(np.geomspace(1, distinct.size, min(_CANDIDATES, distinct.size)).astype(int) - 1)
    best, start = np.inf, float(distinct[0])
    for candidate in distinct[chosen]:
        tail = values[np.searchsorted(values, candidate) :]
        exponent = float(exponent_of(np.log(tail).mean(), candidate))
        if not np.isfinite(exponent):
            continue
        levels, count = np.unique(tail, return_counts=True)
        empirical = np.cumsum(count) / tail.size
        law = 1 - zeta(exponent, levels + 1) / zeta(exponent, candidate)
        distance = float(np.abs(empirical - law).max())
        if distance < best:
            best, start = distance, float(candidate)
    return start


def _fit_tail(tail: NDArray, first: float) -> PowerLawFit:
    """Fit and compare by the package `powerlaw`, whose warnings are of its own workings."""
    import powerlaw  # brings matplotlib with it

    ratio, p_value = np.full((2, len(ALTERNATIVES)), np.nan)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fit = powerlaw.Fit(tail, discrete=True, xmin=first, estimate_discrete=False, verbose=0)
        law = fit.power_law
        for i, name in enumerate(ALTERNATIVES):
            ratio[i], p_value[i] = fit.distribution_compare("power_law", name, normalized_ratio=True)
    usable = np.isfinite(law.alpha) and law.alpha > 1
    if not usable:
        status = "no maximum of the likelihood"
        return PowerLawFit(np.nan, np.nan, first, tail.size, np.nan, ratio * np.nan, p_value * np.nan, status)
    error = float(law.standard_err)
    return PowerLawFit(float(law.alpha), error, first, tail.size, float(law.D), ratio, p_value, "converged")
