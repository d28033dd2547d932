"""Statistics: is a benefit there, and does it differ between areas?"""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM


class AreaEffect(NamedTuple):
    """Does a quantity differ between areas?

    Attributes
    ----------
    areas : list of str
        In alphabetical order.
    mean : ndarray (area,)
        Estimated mean of each area.
    difference, p_value : ndarray (area,)
        Each area against the mean of the others, two-sided; missing with one area only.
    p_overall : float
        All areas equal?
    method : str
        What was fitted, in words; a fallback says so.
    """

    areas: list[str]
    mean: NDArray[np.float64]
    difference: NDArray[np.float64]
    p_value: NDArray[np.float64]
    p_overall: float
    method: str


def unit_p_values(gain: ArrayLike) -> NDArray[np.float64]:
    """Probability of so large a mean held-out gain over trials if there were none, one-sided, by Student's t.

    A model with useless predictors loses on held-out trials, so the test errs on the side of no benefit.

    Parameters
    ----------
    gain : array_like (unit, trial)
        Held-out deviance of the simpler model less that of the richer one; NaN where a trial does not count.

    Returns
    -------
    ndarray (unit,)
        Missing with fewer than three trials or no variation.

    Examples
    --------
    >>> unit_p_values([[1.0, 1.2, 0.9, 1.1], [1.0, -1.0, 0.5, -0.5]]).round(3).tolist()
    [0.0, 0.5]
    """
    gain = np.asarray(gain, dtype=float)
    n = np.isfinite(gain).sum(axis=1)
    mean = np.where(np.isfinite(gain), gain, 0).sum(axis=1) / np.maximum(n, 1)
    spread = np.sqrt(np.where(np.isfinite(gain), (gain - mean[:, None]) ** 2, 0).sum(axis=1) / np.maximum(n - 1, 1))
    possible = (n >= 3) & (spread > 0)
    t = np.divide(mean * np.sqrt(n), spread, out=np.zeros_like(mean), where=possible)
    return np.where(possible, stats.t.sf(t, np.maximum(n - 1, 1)), np.nan)


def false_discovery(p_values: ArrayLike) -> NDArray[np.float64]:
    """Benjamini-Hochberg q-values; missing p-values stay missing and are not counted.

    Parameters
    ----------
    p_values : array_like (test,)
        Probabilities.

    Returns
    -------
    ndarray (test,)

    Examples
    --------
    >>> false_discovery([0.01, 0.04, np.nan]).tolist()
    [0.02, 0.04, nan]
    """
    p = np.asarray(p_values, dtype=float)
    q = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        q[known] = stats.false_discovery_control(p[known])
    return q


def compare_areas(value: ArrayLike, area: ArrayLike, session: ArrayLike) -> AreaEffect:
    """Compare areas, with sessions as the replicates where there are several.

    Units of one session and area share a network, so what they have in common cannot be told from what their area is
    like. Several sessions: a mixed model with a fixed mean for each area, a random intercept for each session and one
    for each area within a session; tests count sessions, not units (t and F with as many degrees of freedom as there
    are area-by-session cells beyond areas and sessions). One session: least squares over units with robust (HC3)
    errors, which asks whether the recorded populations differ, not whether their areas do.

    Parameters
    ----------
    value : array_like (unit,)
        Missing values are left out, and areas with fewer than two units.
    area, session : array_like of str (unit,)
        Where each unit comes from.

    Returns
    -------
    AreaEffect

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> value = np.concatenate([rng.normal(0, 1, 40), rng.normal(1, 1, 40)])
    >>> effect = compare_areas(value, ["A"] * 40 + ["B"] * 40, ["s"] * 80)
    >>> bool(effect.p_overall < 0.01)
    True
    """
    value = np.asarray(value, dtype=float)
    area, session = np.asarray(area, dtype=str), np.asarray(session, dtype=str)
    names, counts = np.unique(area[np.isfinite(value)], return_counts=True)
    areas = names[counts >= 2].tolist()
    kept = np.isfinite(value) & np.isin(area, areas)
    units = _Units(value[kept], area[kept], session[kept])
    if len(areas) < 2:
        mean, nothing = np.full(len(areas), units.value.mean() if areas else 0.0), np.full(len(areas), np.nan)
        return AreaEffect(areas, mean, nothing, nothing, np.nan, "one area: nothing to compare")
    fit = _fit_one_session(units, areas) if len(set(units.session)) == 1 else _fit_sessions(units, areas)
    against = np.eye(len(areas)) - (1 - np.eye(len(areas))) / (len(areas) - 1)
    successive = np.eye(len(areas))[:-1] - np.eye(len(areas))[1:]
    difference, wald = against @ fit.mean, successive @ fit.mean
    variance = np.einsum("ia,ab,ib->i", against, fit.covariance, against)
    if np.linalg.matrix_rank(fit.covariance) < len(areas):  # an area whose units are all the same, as all zero
        p_value = np.full(len(areas), np.nan)
        return AreaEffect(areas, fit.mean, difference, p_value, np.nan, "not tested: an area does not vary")
    t = difference / np.sqrt(variance)
    f = wald @ np.linalg.solve(successive @ fit.covariance @ successive.T, wald) / len(successive)
    p_overall = float(stats.f.sf(f, len(successive), fit.freedom))
    return AreaEffect(areas, fit.mean, difference, 2 * stats.t.sf(np.abs(t), fit.freedom), p_overall, fit.method)


class _Units(NamedTuple):
    """What is compared, unit by unit or cell by cell."""

    value: NDArray[np.float64]
    area: NDArray[np.str_]
    session: NDArray[np.str_]


class _Means(NamedTuple):
    """Estimated means of the areas."""

    mean: NDArray[np.float64]  # (area,)
    covariance: NDArray[np.float64]  # (area, area)
    freedom: int
    method: str


def _fit_one_session(units: _Units, areas: list[str]) -> _Means:
    fit = sm.OLS(units.value, _member(units.area, areas)).fit(cov_type="HC3")
    method = "one session: least squares over units, robust (HC3) errors; populations, not areas, are compared"
    return _Means(np.asarray(fit.params), np.asarray(fit.cov_params()), units.value.size - len(areas), method)


def _fit_sessions(units: _Units, areas: list[str]) -> _Means:
    cells = _cells(units)
    freedom = cells.value.size - len(areas) - (len(set(cells.session)) - 1)
    if freedom < 1:
        fit = _fit_one_session(units, areas)
        return fit._replace(method="sessions share too few areas to count as replicates; " + fit.method)
    formula = {"groups": "session", "re_formula": "1", "vc_formula": {"cell": "0 + C(area)"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a variance at its boundary, 0, is an answer; failure is checked below
        try:
            frame = pd.DataFrame(units._asdict())
            fit = MixedLM.from_formula("value ~ 0 + C(area)", data=frame, **formula).fit(reml=True)
            covariance = np.asarray(fit.cov_params())[: len(areas), : len(areas)]
            if fit.converged and np.isfinite(covariance).all() and (np.diag(covariance) > 0).all():
                method = "mixed model: mean of each area; random intercepts of sessions and of areas within sessions"
                return _Means(np.asarray(fit.fe_params), covariance, freedom, method)
        except (np.linalg.LinAlgError, ValueError):
            pass
    return _fit_cells(cells, areas, freedom)


def _fit_cells(cells: _Units, areas: list[str], freedom: int) -> _Means:
    """Where the mixed model fails: least squares on the means of the cells, with an effect of each session."""
    sessions = np.unique(cells.session).tolist()
    effect = _member(cells.session, sessions[1:]) - _member(cells.session, sessions[:1])
    fit = sm.OLS(cells.value, np.column_stack([_member(cells.area, areas), effect])).fit()
    keep = slice(0, len(areas))
    method = "least squares on area-by-session means (the mixed model did not converge)"
    return _Means(np.asarray(fit.params)[keep], np.asarray(fit.cov_params())[keep, keep], freedom, method)


def _cells(units: _Units) -> _Units:
    """The mean of each area in each session."""
    pairs, cell = np.unique(np.column_stack([units.session, units.area]), axis=0, return_inverse=True)
    cell = cell.ravel()
    return _Units(np.bincount(cell, units.value) / np.bincount(cell), pairs[:, 1], pairs[:, 0])


def _member(label: NDArray[np.str_], names: list[str]) -> NDArray[np.float64]:
    return (label[:, None] == np.array(names, dtype=str)).astype(float)


def bootstrap_interval(draws: ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of bootstrap draws.

    Parameters
    ----------
    draws : array_like (draw,)
        A statistic in each draw; missing draws are left out.
    level : float
        Coverage.

    Returns
    -------
    low, high : float

    Examples
    --------
    >>> bootstrap_interval(np.arange(101), level=0.5)
    (25.0, 75.0)
    """
    draws = np.asarray(draws, dtype=float)
    draws = draws[np.isfinite(draws)]
    if not draws.size:
        return (np.nan, np.nan)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
