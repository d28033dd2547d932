"""The crackling relation between avalanches' exponents, and their shapes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.timescales.power_laws import PowerLawFit, exponent_of

_PHASES = 25  # points of a shape
_FEWEST_PER_SHAPE = 20  # avalanches behind a mean shape
_SHORTEST_SHAPE = 4  # bins; a shape of fewer has no curvature to speak of
_MOST_SHAPES = 12
_LEVEL = 0.95


class CracklingFit(NamedTuple):
    """Exponents that criticality ties together, with 95% intervals by drawing avalanches again; NaN where undefined.

    Attributes
    ----------
    predicted, predicted_low, predicted_high : float
        (a_T - 1) / (a_S - 1) of the exponents of durations T and sizes S.
    measured, measured_low, measured_high : float
        Exponent of mean size against duration.
    difference, difference_low, difference_high : float
        Measured less predicted; 0 where the relation holds.
    """

    predicted: float
    predicted_low: float
    predicted_high: float
    measured: float
    measured_low: float
    measured_high: float
    difference: float
    difference_low: float
    difference_high: float


class ShapeCollapse(NamedTuple):
    """Mean temporal profiles of avalanches.

    Attributes
    ----------
    exponent : float
        The one at which profiles, divided by duration to the exponent less 1, are most alike; at criticality it equals
        the exponent of mean size against duration. NaN with fewer than three durations to compare.
    duration : ndarray of int (length,)
        Bins.
    phase : ndarray (phase,)
        Time as a share of the duration.
    profile : ndarray (length, phase)
        Mean activity above the threshold.
    """

    exponent: float
    duration: NDArray[np.int64]
    phase: NDArray[np.float64]
    profile: NDArray[np.float64]


def fit_crackling(
    sizes: ArrayLike,
    durations: ArrayLike,
    *,
    size: PowerLawFit,
    duration_fit: PowerLawFit,
    n_draws: int = 200,
    rng: np.random.Generator,
) -> CracklingFit:
    r"""Hold the exponents of sizes and durations against that of mean size given duration.

    In crackling noise :math:`\langle S \rangle (T) \sim T^{\gamma}` with
    :math:`\gamma = (\alpha_T - 1) / (\alpha_S - 1)`; 2 in mean field. :math:`\gamma` is the slope of log mean size on
    log duration over durations in the range of the power law, weighted by numbers of avalanches.

    Parameters
    ----------
    sizes, durations : array_like (avalanche,)
        Of the same avalanches.
    size, duration_fit : PowerLawFit
        Of their distributions; where the laws begin is taken from them and held fixed in the draws.
    n_draws : int
        Bootstrap draws of avalanches; 0 for no interval.
    rng : numpy.random.Generator
        For the draws.

    Returns
    -------
    CracklingFit

    Notes
    -----
    The relation can hold without criticality (Touboul & Destexhe 2017, doi:10.1103/PhysRevE.95.012413) and fails under
    subsampling. The intervals miss the uncertainty of where the laws begin.

    References
    ----------
    Sethna, Dahmen & Myers 2001, doi:10.1038/35065675; Friedman et al. 2012, doi:10.1103/PhysRevLett.108.208102.

    Examples
    --------
    >>> from neurorec.timescales.power_laws import fit_power_law
    >>> rng = np.random.default_rng(0)
    >>> T = rng.zipf(2.0, 5000)
    >>> T = T[T < 1000]
    >>> fit = fit_crackling(T**2, T, size=fit_power_law(T**2, smallest=1), duration_fit=fit_power_law(T), rng=rng)
    >>> round(fit.measured, 3)
    2.0
    """
    sizes, durations = np.asarray(sizes, dtype=float), np.asarray(durations, dtype=float)
    if not (np.isfinite(size.exponent) and np.isfinite(duration_fit.exponent)):
        return CracklingFit(*[np.nan] * 9)
    starts = size.smallest, duration_fit.smallest
    estimate = _exponents(sizes, durations, *starts)
    ends = np.full((2, 3), np.nan)
    if n_draws:
        n = sizes.size
        draws = np.array([_exponents(sizes[i], durations[i], *starts) for i in rng.integers(n, size=(n_draws, n))])
        known = draws[np.isfinite(draws).all(axis=1)]
        if len(known) >= _LEVEL * n_draws:
            ends = np.quantile(known, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], axis=0)
    return CracklingFit(*(float(v) for k in range(3) for v in (estimate[k], ends[0, k], ends[1, k])))


def collapse_shapes(activity: ArrayLike, trial: NDArray, start: NDArray, duration: NDArray) -> ShapeCollapse:
    r"""Mean profiles of avalanches by duration, and the exponent that makes them fall on one curve.

    With the profile :math:`a(t, T) = T^{\gamma - 1} f(t / T)`, :math:`\gamma` minimises the variance over durations of
    :math:`a\,T^{1 - \gamma}`, averaged over phases and divided by the squared range of the mean shape.

    Parameters
    ----------
    activity : array_like (trial, bin)
        Above the threshold.
    trial, start, duration : ndarray of int (avalanche,)
        Where each avalanche is, and its length in bins.

    Returns
    -------
    ShapeCollapse
        Durations of four bins and more with 20 avalanches and more, at most 12 of them, evenly spread in log.

    References
    ----------
    Marshall et al. 2016, doi:10.3389/fphys.2016.00250.

    Examples
    --------
    >>> t = np.arange(60.0)
    >>> T = np.repeat([10, 20, 40], 20)
    >>> rows = [np.where(t < n, (t + 0.5) * (n - t - 0.5) / n, 0) for n in T]
    >>> shapes = collapse_shapes(rows, np.arange(60), np.zeros(60, int), T)
    >>> round(shapes.exponent, 1)
    2.0
    """
    activity = np.asarray(activity, dtype=float)
    phase = (np.arange(_PHASES) + 0.5) / _PHASES
    lengths, count = np.unique(duration, return_counts=True)
    lengths = lengths[(count >= _FEWEST_PER_SHAPE) & (lengths >= _SHORTEST_SHAPE)]
    if lengths.size > _MOST_SHAPES:
        wish = np.geomspace(lengths[0], lengths[-1], _MOST_SHAPES)
        lengths = np.unique(lengths[np.abs(lengths[:, None] - wish).argmin(axis=0)])
    profile = np.empty((lengths.size, _PHASES))
    for i, length in enumerate(lengths):
        own = np.flatnonzero(duration == length)
        mean = activity[trial[own, None], start[own, None] + np.arange(length)].mean(axis=0)
        profile[i] = np.interp(phase, (np.arange(length) + 0.5) / length, mean)
    exponent = np.nan
    if lengths.size >= 3:
        grid = np.linspace(0.5, 3.5, 601)
        scaled = profile * lengths[:, None] ** (1 - grid[:, None, None])
        spread = scaled.var(axis=1).mean(axis=1) / np.ptp(scaled.mean(axis=1), axis=1) ** 2
        best = int(spread.argmin())
        exponent = float(grid[best]) if 0 < best < grid.size - 1 else np.nan
    return ShapeCollapse(exponent, lengths, phase, profile)


def _exponents(sizes: NDArray, durations: NDArray, first_size: float, first_duration: float) -> NDArray[np.float64]:
    """Predicted and measured exponent, and their difference ``(3,)``."""
    alpha_size = exponent_of(np.log(sizes[sizes >= first_size]).mean(), first_size)
    alpha_duration = exponent_of(np.log(durations[durations >= first_duration]).mean(), first_duration)
    predicted = (alpha_duration - 1) / (alpha_size - 1)
    inside = durations >= first_duration
    lengths, which, count = np.unique(durations[inside], return_inverse=True, return_counts=True)
    if lengths.size < 3:
        return np.full(3, np.nan)
    x, y = np.log(lengths), np.log(np.bincount(which, weights=sizes[inside]) / count)
    x = x - np.average(x, weights=count)
    measured = (count * x * y).sum() / (count * x * x).sum()
    return np.array([predicted, measured, measured - predicted])
