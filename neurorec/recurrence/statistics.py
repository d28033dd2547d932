"""Statistics: is a benefit there, and does it differ between areas?"""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.tools.sm_exceptions import ConvergenceWarning


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
    """Compare areas by a mixed model: fixed mean of each area, random intercept of each session.

    With one session: least squares with heteroscedasticity-robust (HC3) errors, and the inference is to units of that
    session only.

    Parameters
    ----------
    value : array_like (unit,)
        Missing values are left out.
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
    frame = pd.DataFrame({"value": np.asarray(value, dtype=float), "area": area, "session": session}).dropna()
    names, counts = np.unique(frame["area"].to_numpy(str), return_counts=True)
    frame = frame[frame["area"].isin(names[counts >= 2].tolist())]
    areas = sorted(frame["area"].unique())
    nothing = np.full(len(areas), np.nan)
    if len(areas) < 2:
        mean = frame.groupby("area")["value"].mean().reindex(areas).to_numpy()
        return AreaEffect(areas, mean, nothing, nothing, np.nan, "one area: nothing to compare")
    means = (frame["area"].to_numpy()[:, None] == np.array(areas)).astype(float)
    fit, method = _fit_means(frame["value"].to_numpy(), means, frame["session"].to_numpy())
    against = np.eye(len(areas)) - (1 - np.eye(len(areas))) / (len(areas) - 1)
    successive = np.eye(len(areas))[:-1] - np.eye(len(areas))[1:]
    estimate, covariance = np.asarray(fit.params)[: len(areas)], np.asarray(fit.cov_params())
    covariance = covariance[: len(areas), : len(areas)]
    difference = against @ estimate
    z = difference / np.sqrt(np.einsum("ia,ab,ib->i", against, covariance, against))
    wald = successive @ estimate
    statistic = wald @ np.linalg.solve(successive @ covariance @ successive.T, wald)
    freedom = len(frame) - len(areas)
    p_overall = float(stats.f.sf(statistic / len(successive), len(successive), freedom))
    return AreaEffect(areas, estimate, difference, 2 * stats.t.sf(np.abs(z), freedom), p_overall, method)


def _fit_means(value: NDArray, means: NDArray, session: NDArray):
    """A mean for each area, sessions random where there are several and the model converges."""
    if len(np.unique(session)) > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                fit = MixedLM(value, means, groups=session).fit(reml=True)
                if np.isfinite(np.asarray(fit.bse_fe)).all():
                    return fit, "mixed model: mean of each area, random intercept of each session"
            except (ConvergenceWarning, np.linalg.LinAlgError):
                pass
        clusters = {"groups": np.unique(session, return_inverse=True)[1]}
        return (
            sm.OLS(value, means).fit(cov_type="cluster", cov_kwds=clusters),
            "least squares with errors clustered by session (the mixed model did not converge)",
        )
    return sm.OLS(value, means).fit(cov_type="HC3"), "one session: least squares with robust (HC3) errors over units"


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
    >>> bootstrap_interval(np.arange(101))
    (2.5, 97.5)
    """
    draws = np.asarray(draws, dtype=float)
    draws = draws[np.isfinite(draws)]
    if not draws.size:
        return (np.nan, np.nan)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
