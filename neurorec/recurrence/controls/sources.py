"""Sources: how much the units of each area explain of the units of each area."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.recurrence.controls.matched import matched_areas, matched_sources
from neurorec.recurrence.fitting import Progress, fit_model
from neurorec.recurrence.models import COUPLED
from neurorec.recurrence.problem import Problem


def source_areas(problem: Problem) -> list[str]:
    """Known areas that supply partners, in alphabetical order; none where there is one only."""
    design = problem.design
    own = (design["group"].values == "coupling") & (design["source"].values >= 0)
    area = problem.recording["area"].values[np.unique(design["source"].values[own])].astype(str)
    names = sorted(set(area[area != ""]))
    return names if len(names) > 1 else []


def fit_by_source(
    problem: Problem,
    base: xr.Dataset,
    *,
    n_draws: int = 1,
    n_jobs: int | None = None,
    progress: Progress = lambda: None,
) -> xr.Dataset:
    """Fit the coupled model with the partners of one area at a time: all of them, and equally many from each.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    base : xarray.Dataset
        The uncoupled model with its coefficients.
    n_draws : int
        Random draws of equally many partners, which all units share; deviances are averaged over them.
    n_jobs : int, optional
        Folds fitted at the same time; all cores by default.
    progress : callable
        Called after each fold of each fit.

    Returns
    -------
    xarray.Dataset
        ``deviance`` and ``matched_deviance (source_area, unit, trial)``, the second missing for areas too small; and
        ``n_sources (source_area)``. Empty where there is one area only.
    """
    names = source_areas(problem)
    if not names:
        return xr.Dataset()
    area = problem.recording["area"].values.astype(str)
    n_sources = matched_sources([area]) if problem.n_matched is None else problem.n_matched
    large = matched_areas(area, n_sources)
    whole, matched, n_units = [], [], []
    for name in names:
        members = np.flatnonzero(area == name)
        n_units.append(members.size)
        whole.append(_explained(problem, base, members, n_jobs, progress))
        rng = problem.rng(f"sources in {name}")
        if name in large:
            drawn = [rng.choice(members, n_sources, replace=False) for _ in range(n_draws)]
            fits = [_explained(problem, base, some, n_jobs, progress) for some in drawn]
            matched.append(np.mean([fit["deviance"].values for fit in fits], axis=0))
        else:
            matched.append(np.full(whole[-1]["deviance"].shape, np.nan))
    dims = ("source_area", "unit", "trial")
    return xr.Dataset(
        {
            "deviance": (dims, np.stack([fit["deviance"].values for fit in whole])),
            "matched_deviance": (dims, np.stack(matched)),
            "converged": (("source_area", "unit", "fold"), np.stack([fit["converged"].values for fit in whole])),
            "n_sources": ("source_area", n_units),
        },
        coords={"source_area": names, "unit": base["unit"], "area": base["area"], "trial": base["trial"]},
        attrs={"n_sources_matched": n_sources, "n_draws": n_draws},
    )


def count_by_source(problem: Problem, *, n_draws: int = 1) -> int:
    """How often `fit_by_source` reports progress."""
    names = source_areas(problem)
    area = problem.recording["area"].values.astype(str)
    n_sources = matched_sources([area]) if problem.n_matched is None else problem.n_matched
    large = set(matched_areas(area, n_sources)) & set(names)
    return problem.n_folds * (len(names) + n_draws * len(large))


def _explained(
    problem: Problem, base: xr.Dataset, sources: NDArray, n_jobs: int | None, progress: Progress
) -> xr.Dataset:
    """The coupled model with some of the partners."""
    group, source = problem.design["group"].values, problem.design["source"].values
    columns = np.flatnonzero((group == "task") | ((group == "coupling") & np.isin(source, sources)))
    return fit_model(problem, COUPLED, base, columns=columns, n_jobs=n_jobs, progress=progress)
