"""Lags: how long ago partners' activity still helps."""

import numpy as np
import xarray as xr

from neurorec.recurrence.fitting import Progress, fit_model
from neurorec.recurrence.models import COUPLED
from neurorec.recurrence.problem import Problem


def fit_by_lag(
    problem: Problem, base: xr.Dataset, *, n_jobs: int | None = None, progress: Progress = lambda: None
) -> xr.Dataset:
    """Refit the coupled model with the coupling filters of one lag at a time.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    base : xarray.Dataset
        The uncoupled model with its coefficients.
    n_jobs : int, optional
        Folds fitted at the same time; all cores by default.
    progress : callable
        Called after each fold of each lag.

    Returns
    -------
    xarray.Dataset
        ``deviance (lag, unit, trial)``; ``lag`` (s) is where each function of the coupling basis peaks.
    """
    group, lag = problem.design["group"].values, np.round(problem.design["lag"].values, 9)
    coupling = group == "coupling"
    lags = np.unique(lag[coupling])
    fits = []
    for value in lags:
        columns = np.flatnonzero((group == "task") | (coupling & (lag == value)))
        fits.append(fit_model(problem, COUPLED, base, columns=columns, n_jobs=n_jobs, progress=progress)["deviance"])
    deviance = xr.concat(fits, dim=xr.Variable("lag", lags, {"units": "s"}))
    return xr.Dataset({"deviance": deviance})
