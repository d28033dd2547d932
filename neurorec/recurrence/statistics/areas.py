"""Areas: does a quantity differ between them?"""

from typing import NamedTuple

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from neurorec.recurrence.statistics.cells import Cells, Units, against_others, cells_of, membership, tidy_units
from neurorec.recurrence.statistics.mixed import COMPONENTS, MixedFit, fit_mixed, freedom_of, joint_freedom
from neurorec.recurrence.statistics.noncentral import noncentrality_interval


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
    low, high : ndarray (area,)
        95 % interval of ``difference``, by Student's t.
    standardised, standardised_low, standardised_high : ndarray (area,)
        ``difference`` over the standard deviation of a unit drawn from any session, the root of the sum of the
        variances (Westfall et al. 2014, doi:10.1037/xge0000014), and its 95 % interval, by the noncentral t with the
        standard deviation taken as known.
    freedom : ndarray (area,)
        Degrees of freedom of each comparison.
    variance : dict of str to float
        Of units within their cell, of areas within sessions ("area_in_session"), of sessions and of subjects; NaN where
        it cannot be told.
    intraclass : float
        Share of the variance that units of one area and session have in common.
    converged : bool
        False where a fallback stands in for a mixed model that was not found.
    """

    areas: list[str]
    mean: NDArray[np.float64]
    difference: NDArray[np.float64]
    p_value: NDArray[np.float64]
    p_overall: float
    method: str
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    standardised: NDArray[np.float64]
    standardised_low: NDArray[np.float64]
    standardised_high: NDArray[np.float64]
    freedom: NDArray[np.float64]
    variance: dict[str, float]
    intraclass: float
    converged: bool


def compare_areas(
    value: ArrayLike, area: ArrayLike, session: ArrayLike, subject: ArrayLike | None = None
) -> AreaEffect:
    r"""Compare areas, with sessions as the replicates where there are several.

    Units of one session and area share a network, so what they have in common cannot be told from what their area is
    like. Several sessions: a mixed model,

    .. math:: y = \mu_{area} + b_{subject} + b_{session} + c_{area\,in\,session} + e_{unit},

    by restricted maximum likelihood (`fit_mixed`); its t and F tests have Satterthwaite's degrees of freedom, at most
    as many as there are area-by-session cells beyond areas and sessions: they count sessions, never units. One
    session: least squares over units with robust (HC3) errors, which asks whether the recorded populations differ, not
    whether their areas do; so too where each area was recorded in one session of its own.

    Parameters
    ----------
    value : array_like (unit,)
        Missing values are left out, and areas with fewer than two units.
    area, session : array_like of str (unit,)
        Where each unit comes from.
    subject : array_like of str (unit,), optional
        Whose session it is. Counts where there are several subjects and one of them has several sessions.

    Returns
    -------
    AreaEffect

    Notes
    -----
    In balanced designs the tests are the exact ones of the analysis of variance on means of cells; elsewhere the
    covariance of the means is Kenward and Roger's. What an area has in common in all sessions of one subject, and in no
    other, is not in the model: with few subjects the answer is about these subjects.

    Where sessions that share areas are too few for their variance to be told, they are unknown numbers instead (least
    squares on means of cells); ``method`` says so.

    Units are taken to scatter alike in all areas. That matters little where sessions see all areas; where they see one
    each, and an area of ten units per session scatters twice as much as one of a hundred, a test at 5 % rejects about
    one time in ten (simulated, ten sessions, areas within sessions hardly different).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> value = np.concatenate([rng.normal(0, 1, 40), rng.normal(1, 1, 40)])
    >>> effect = compare_areas(value, ["A"] * 40 + ["B"] * 40, ["s"] * 80)
    >>> bool(effect.p_overall < 0.01)
    True
    """
    units = tidy_units(value, area, session, subject)
    areas = units.areas
    if len(areas) < 2:
        mean = np.full(len(areas), units.value.mean() if areas else 0.0)
        return _untested(areas, mean, np.full(len(areas), np.nan), "one area: nothing to compare")
    fit = _fit_sessions(cells_of(units), len(areas)) if units.session.any() else None
    if fit is None:
        fit = _fit_one_session(units)
        if units.session.any():
            fit = fit._replace(method=f"sessions share too few areas to count as replicates; {fit.method}")
    difference = against_others(len(areas)) @ fit.mean
    if np.linalg.matrix_rank(fit.covariance) < len(areas):  # an area whose units are all the same, as all zero
        return _untested(areas, fit.mean, difference, "not tested: an area does not vary")
    return _tested(areas, fit)


def compare_cells(cells: Cells, areas: list[str]) -> AreaEffect:
    """Compare areas from the means of cells, which is all that `compare_areas` needs of several sessions.

    Parameters
    ----------
    cells : Cells
        From `neurorec.recurrence.statistics.cells.cells_of`, of means.
    areas : list of str
        Names of the areas.

    Returns
    -------
    AreaEffect
        Not tested where sessions are no replicates.

    Examples
    --------
    >>> units = tidy_units([1.0, 2.0, 2.0, 3.0, 1.0, 3.0, 3.0, 3.5], ["A", "B"] * 4, list("ssttuuvv"))
    >>> compare_cells(cells_of(units), units.areas).freedom.round(6).tolist()
    [3.0, 3.0]
    """
    fit = _fit_sessions(cells, len(areas))
    if fit is None:
        nothing = np.full(len(areas), np.nan)
        return _untested(areas, nothing, nothing, "not tested: sessions share too few areas to count as replicates")
    return _tested(areas, fit)


def _tested(areas: list[str], fit: "_Means") -> AreaEffect:
    against, successive = against_others(len(areas)), -np.diff(np.eye(len(areas)), axis=0)
    difference, wald = against @ fit.mean, successive @ fit.mean
    error = np.sqrt(np.einsum("ia,ab,ib->i", against, fit.covariance, against))
    f = wald @ np.linalg.solve(successive @ fit.covariance @ successive.T, wald) / len(successive)
    t, reach = difference / error, stats.t.isf(0.025, fit.freedom) * error
    known = np.array([fit.variance[name] for name in COMPONENTS])
    total = np.nansum(known)
    bounds = np.array([noncentrality_interval(*pair) for pair in zip(t, fit.freedom, strict=True)])
    scaled = bounds * (error / np.sqrt(total))[:, None]
    return AreaEffect(
        areas=areas,
        mean=fit.mean,
        difference=difference,
        p_value=2 * stats.t.sf(np.abs(t), fit.freedom),
        p_overall=float(stats.f.sf(f, len(successive), fit.joint_freedom)),
        method=fit.method,
        low=difference - reach,
        high=difference + reach,
        standardised=difference / np.sqrt(total),
        standardised_low=scaled[:, 0],
        standardised_high=scaled[:, 1],
        freedom=fit.freedom,
        variance=fit.variance,
        intraclass=float(np.nansum(known[1:]) / total) if np.isfinite(known[1:]).any() else np.nan,
        converged=fit.converged,
    )


def _untested(areas: list[str], mean: NDArray[np.float64], difference: NDArray[np.float64], method: str) -> AreaEffect:
    nothing = np.full(len(areas), np.nan)
    unknown = dict.fromkeys(COMPONENTS, np.nan)
    rest = (nothing, nothing, nothing, nothing, nothing, nothing, unknown, np.nan, True)
    return AreaEffect(areas, mean, difference, nothing, np.nan, method, *rest)


class _Means(NamedTuple):
    """Estimated means of the areas."""

    mean: NDArray[np.float64]  # (area,)
    covariance: NDArray[np.float64]  # (area, area)
    freedom: NDArray[np.float64]  # (area,) of each against the others
    joint_freedom: float
    method: str
    variance: dict[str, float]
    converged: bool = True


def _fit_one_session(units: Units) -> _Means:
    n_areas = len(units.areas)
    fit = sm.OLS(units.value, membership(units.area, n_areas)).fit(cov_type="HC3")
    method = "one session: least squares over units, robust (HC3) errors; populations, not areas, are compared"
    freedom = float(units.value.size - n_areas)
    variance = dict.fromkeys(COMPONENTS, np.nan) | {"unit": float(fit.ssr / freedom)}
    mean, covariance = np.asarray(fit.params), np.asarray(fit.cov_params())
    return _Means(mean, covariance, np.full(n_areas, freedom), freedom, method, variance)


def _fit_sessions(cells: Cells, n_areas: int) -> "_Means | None":
    """Sessions as replicates; nothing where they are none."""
    limit = _cell_freedom(cells, n_areas)
    if limit < 1:
        return None
    fit = fit_mixed(cells, n_areas)
    if not fit.converged:
        return _fit_cells(cells, n_areas, np.ones(cells.value.size), "the mixed model did not converge")
    freedom = np.array([freedom_of(contrast, fit) for contrast in against_others(n_areas)])
    joint = joint_freedom(-np.diff(np.eye(n_areas), axis=0), fit)
    if not np.isfinite(freedom).all() or not np.isfinite(joint):
        return None
    if min(*freedom, joint) < 1 and _within_freedom(cells, n_areas) >= 1:
        # Means lean on a variance of sessions that next to nothing tells; as unknown numbers sessions need none.
        known = np.nan_to_num(fit.variance["area_in_session"]) + fit.variance["unit"] / cells.n_units
        means = _fit_cells(cells, n_areas, known.min() / known, "sessions are too few to be random")
        return means._replace(variance=fit.variance, converged=True)
    of_subjects = "subjects, " if np.isfinite(fit.variance["subject"]) else ""
    method = f"mixed model: mean of each area; random intercepts of {of_subjects}sessions and of areas within sessions"
    freedom, joint = np.minimum(freedom, limit), min(joint, float(limit))
    covariance = (fit.covariance + fit.added) * _excess(cells, n_areas, fit)
    return _Means(fit.mean, covariance, freedom, joint, method, fit.variance)


def _excess(cells: Cells, n_areas: int, fit: MixedFit) -> float:
    """How much of the variance that the model gives to cells is there, where it holds that of areas in sessions at 0.

    Cells may differ less than their units let expect, by chance. The model stops at a variance of 0, and a test that
    stops there too rejects too rarely: one size for all cells makes it the exact test wherever designs are balanced.
    """
    variance = fit.variance["unit"] / cells.n_units
    if fit.variance["area_in_session"] > 1e-3 * variance.min():
        return 1.0
    columns = np.hstack([membership(cells.area, n_areas), membership(cells.session)])
    weighted = columns / np.sqrt(variance)[:, None]
    left = cells.value.size - int(np.linalg.matrix_rank(weighted))
    if left < 1:  # sessions with an area each: their spread is that of cells
        weighted = weighted[:, :n_areas]
        left = cells.value.size - n_areas
    y = cells.value / np.sqrt(variance)
    residual = y - weighted @ np.linalg.lstsq(weighted, y, rcond=None)[0]
    return float(residual @ residual) / left


def _cell_freedom(cells: Cells, n_areas: int) -> int:
    """What is left of the cells after areas and sessions; or of sessions after areas, where each saw few areas."""
    return max(_within_freedom(cells, n_areas), int(cells.session.max()) + 1 - n_areas)


def _within_freedom(cells: Cells, n_areas: int) -> int:
    """What is left of the cells after areas and sessions; nothing where these cannot be told apart."""
    sessions = membership(cells.session)
    rank = int(np.linalg.matrix_rank(np.hstack([membership(cells.area, n_areas), sessions])))
    return cells.value.size - rank if rank == n_areas + sessions.shape[1] - 1 else 0


def _fit_cells(cells: Cells, n_areas: int, weight: NDArray[np.float64], why: str) -> _Means:
    """Where the mixed model fails: least squares on the means of the cells, with an effect of each session."""
    columns, sessions = membership(cells.area, n_areas), membership(cells.session)
    within = _within_freedom(cells, n_areas)
    # Sessions that share no areas have no effect that can be told from those of areas: they are then the replicates.
    effects = sessions[:, 1:] - sessions[:, :1]
    root = np.sqrt(weight)
    x = np.column_stack([columns, effects]) if within else columns
    fit = sm.OLS(root * cells.value, root[:, None] * x).fit()
    keep = slice(0, n_areas)
    # A session with several areas counts once.
    freedom = float(within or min(fit.df_resid, sessions.shape[1] - n_areas))
    mean, covariance = np.asarray(fit.params)[keep], np.asarray(fit.cov_params())[keep, keep]
    variance = dict.fromkeys(COMPONENTS, np.nan) | {"area_in_session": float(fit.scale)}
    inner = int(cells.n_units.sum()) - cells.value.size
    variance["unit"] = cells.squares / inner if inner else np.nan
    method = f"least squares on area-by-session means ({why})"
    return _Means(mean, covariance, np.full(n_areas, freedom), freedom, method, variance, converged=False)
