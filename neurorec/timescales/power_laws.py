"""Discrete power laws, fitted by maximum likelihood and held against their alternatives."""

import warnings
from typing import NamedTuple

import numpy as np
import powerlaw
from numpy.typing import ArrayLike, NDArray
from powerlaw.statistics import loglikelihood_ratio
from scipy.optimize import minimize
from scipy.special import zeta

ALTERNATIVES = ("exponential", "lognormal", "truncated_power_law")
_GRID = np.linspace(1.02, 6.0, 2_000)  # exponents; neurons and earthquakes lie between 1.2 and 3
_CANDIDATES = 40  # smallest values tried
_FEWEST_IN_TAIL = 50  # Clauset et al. 2009: below it the exponent of a discrete fit is biased by a percent and more
_LEAST = -700.0  # log of the smallest float
_FLATTEST = -2.0  # of a law with a cut-off: one that rises so steeply is no power law
_TERMS = 400  # summed one by one
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)
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
    truncated_exponent, truncated_cutoff : float
        Of ``x^-exponent exp(-x / cutoff)``, the law that finite critical systems follow; NaN outside -2 to 6.
    truncated_ratio, truncated_p_value : ndarray (alternative,)
        The same for the truncated law against exponential (a special case of it: at least 0) and lognormal; the third
        is missing.
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
    truncated_exponent: float
    truncated_cutoff: float
    truncated_ratio: NDArray[np.float64]
    truncated_p_value: NDArray[np.float64]
    status: str


def fit_power_law(values: ArrayLike, *, smallest: int | None = None) -> PowerLawFit:
    r"""Fit a discrete power law and compare it with other laws by likelihood ratios.

    :math:`P(x) = x^{-\alpha} / \zeta(\alpha, x_{min})`, :math:`\alpha` by maximum likelihood, :math:`x_{min}` where the
    Kolmogorov-Smirnov distance is least. Fits and Vuong's tests are those of the package `powerlaw`, but for the fit of
    the truncated law.

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
    first = _best_start(whole) if smallest is None else float(smallest)
    tail = whole[whole >= first]
    if tail.size < _FEWEST_IN_TAIL or np.unique(tail).size < 3:
        return _empty(tail.size, _EMPTY)
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
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        # The package stops at an exponent of 3 unless told otherwise.
        kind = {"discrete": True, "xmin": first, "estimate_discrete": False, "verbose": 0}
        fit = powerlaw.Fit(tail, parameter_ranges={"alpha": [1.0, _GRID[-1]]}, **kind)
        law = fit.power_law
        flat, decay = _fit_cut_off(tail, first, float(law.alpha))
        cut = -flat * np.log(tail) - decay * tail - np.log(cut_off_sum(flat, decay, first))
        likelihoods = [fit.exponential.loglikelihoods(tail), fit.lognormal.loglikelihoods(tail), cut]
        plain = _compare(law.loglikelihoods(tail), likelihoods, nested=(False, False, True))
        truncated = _compare(likelihoods[2], likelihoods[:2], nested=(True, False))
    bounds = _GRID[[0, -1]]
    at_bound = not _FLATTEST + 0.01 < flat < bounds[1] - 0.01
    if not (np.isfinite(law.alpha) and bounds[0] < law.alpha < bounds[1] - 0.01):
        return _empty(tail.size, f"no exponent between {bounds[0]:g} and {bounds[1]:g}", first)
    return PowerLawFit(
        exponent=float(law.alpha),
        exponent_error=float(law.standard_err),
        smallest=first,
        n_tail=tail.size,
        distance=float(law.D),
        ratio=plain[0],
        p_value=plain[1],
        truncated_exponent=np.nan if at_bound else flat,
        truncated_cutoff=np.nan if at_bound else 1 / decay if decay > 0 else np.inf,
        truncated_ratio=truncated[0],
        truncated_p_value=truncated[1],
        status="converged",
    )


def cut_off_sum(exponent: float, decay: float, smallest: float) -> float:
    r"""Sum of :math:`x^{-\alpha} e^{-\lambda x}` over whole x from the smallest up, inf where it diverges.

    The first terms one by one, the rest by Euler and Maclaurin: :math:`\int f + f / 2 - f' / 12`.

    Examples
    --------
    >>> round(cut_off_sum(2.0, 0.0, 1) / (np.pi**2 / 6), 9)
    1.0
    """
    if decay <= 0 and exponent <= 1:
        return np.inf
    x = smallest + np.arange(_TERMS)
    last = smallest + _TERMS
    at_last = last**-exponent * np.exp(-decay * last)
    # The integral over u = ln(x / last), as far as the integrand is more than e^-40 of what it began with.
    reach = [np.log1p(40 / (decay * last))] if decay > 0 else []
    reach += [40 / (exponent - 1)] if exponent > 1 else []
    u = 0.5 * min(reach) * (_NODES + 1)
    rest = 0.5 * min(reach) * float(_WEIGHTS @ (np.exp((1 - exponent) * u - decay * last * np.expm1(u))))
    slope = -at_last * (exponent / last + decay)
    return float((x**-exponent * np.exp(-decay * x)).sum() + at_last * (last * rest + 0.5) - slope / 12)


def _fit_cut_off(tail: NDArray, first: float, exponent: float) -> tuple[float, float]:
    r"""Exponent and decay of the law with a cut-off, by maximum likelihood.

    :math:`-\alpha \langle \ln x \rangle - \lambda \langle x \rangle - \ln Z(\alpha, \lambda)` is concave, so that any
    maximum is the maximum. (The package's own fit takes seconds and may end below the plain law's likelihood.)
    """
    mean_log, mean = float(np.log(tail).mean()), float(tail.mean())

    def cost(place: NDArray) -> float:
        flat, decay = float(place[0]), float(np.exp(place[1]))
        if not _FLATTEST <= flat <= _GRID[-1] or decay > 50:
            return np.inf
        return flat * mean_log + decay * mean + float(np.log(cut_off_sum(flat, decay, first)))

    start = [[exponent, -np.log(tail[-1])], [1.0, -np.log(mean)], [exponent - 0.2, -np.log(mean) - 2]]
    options = {"initial_simplex": start, "xatol": 1e-5, "fatol": 1e-10, "maxiter": 1000}
    best = minimize(cost, start[0], method="Nelder-Mead", options=options)
    plain = exponent * mean_log + np.log(zeta(exponent, first))
    return (exponent, 0.0) if not best.fun < plain else (float(best.x[0]), float(np.exp(best.x[1])))


def _compare(one: NDArray, others: list[NDArray], *, nested: tuple[bool, ...]) -> NDArray[np.float64]:
    """Normalised log-likelihood ratios and p-values ``(2, alternative)``, NaN for an alternative left out."""
    out = np.full((2, len(ALTERNATIVES)), np.nan)
    for i, (other, within) in enumerate(zip(others, nested, strict=True)):
        if within and np.allclose(one, other, rtol=0, atol=1e-9):
            out[:, i] = 0.0, 1.0
            continue
        # A likelihood that underflows says that the law is out of the question, not that nothing is known.
        ratio, p_value = loglikelihood_ratio(
            np.maximum(one, _LEAST), np.maximum(other, _LEAST), nested=within, normalized_ratio=True
        )
        out[:, i] = float(ratio), float(p_value)
    return out


def _empty(n_tail: int, status: str, smallest: float = np.nan) -> PowerLawFit:
    missing = [np.full(len(ALTERNATIVES), np.nan) for _ in range(4)]
    nan = np.nan
    return PowerLawFit(
        nan, nan, smallest, n_tail, nan, missing[0], missing[1], nan, nan, missing[2], missing[3], status
    )
