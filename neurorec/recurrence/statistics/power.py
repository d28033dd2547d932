"""Power: how many sessions it takes to find a difference between areas."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from neurorec.recording import InputError
from neurorec.recurrence.statistics.areas import AreaEffect, compare_cells
from neurorec.recurrence.statistics.cells import Cells
from neurorec.recurrence.statistics.mixed import COMPONENTS
from neurorec.recurrence.statistics.noncentral import noncentral_below


def power_by_sessions(
    variance: AreaEffect | Mapping[str, float],
    difference: ArrayLike,
    *,
    n_sessions: Sequence[int] = tuple(range(2, 21)),
    n_units: int = 20,
    n_areas: int = 2,
    shared: bool = True,
    level: float = 0.05,
    wanted: float = 0.8,
    method: Literal["exact", "simulation"] = "exact",
    n_simulations: int = 500,
    rng: np.random.Generator | None = None,
) -> xr.Dataset:
    r"""Probability that `compare_areas` finds a difference of one area from the others, by the number of sessions.

    With S sessions of each of K areas and n units of each area in a session, the difference :math:`\delta` of an area
    from the mean of the others has the error

    .. math:: s^2 = \frac{K}{K - 1} \frac{\sigma_{area\,in\,session}^2 + \sigma_{unit}^2 / n}{S},
              \quad \nu = (K - 1)(S - 1),

    where sessions see all areas; where each sees one, :math:`\sigma_{session}^2` is added to the numerator and
    :math:`\nu = K (S - 1)`. Its t is noncentral with :math:`\delta / s`; the F of all areas has K - 1 degrees of
    freedom and noncentrality :math:`\delta^2 / s^2`. More units help only until their part is small.

    Parameters
    ----------
    variance : AreaEffect or mapping of str to float
        Variances of "unit", "area_in_session" and, where areas are not shared, "session" (and "subject", which is
        taken as part of it); those not known count as 0.
    difference : array_like (difference,)
        Differences worth finding, in the unit of the values. Not the one that was found: its power says no more
        than its p-value does (Hoenig & Heisey 2001, doi:10.1198/000313001300339897).
    n_sessions : sequence of int
        Sessions, at least 2: of all areas, or of each where they are not shared.
    n_units : int
        Units of each area in a session.
    n_areas : int
        Areas.
    shared : bool
        Does every session see all areas? Otherwise each sees one.
    level : float
        Of the test.
    wanted : float
        Power that ``sessions_needed`` is to reach.
    method : {"exact", "simulation"}
        By the formulas, or by `compare_areas` itself on simulated cells.
    n_simulations : int
        Simulated studies for each difference and number of sessions.
    rng : numpy.random.Generator, optional
        Needed for "simulation".

    Returns
    -------
    xarray.Dataset
        ``power``: the area against the others; ``power_overall``: all areas equal ``(difference, n_sessions)``;
        ``freedom (n_sessions)``; ``sessions_needed (difference)``: the fewest of ``n_sessions`` with the power
        ``wanted``, NaN where none has it. Simulation: ``power_error (difference, n_sessions)``, its standard error.

    Raises
    ------
    InputError
        Without variances, with fewer than two sessions or areas, or without ``rng`` where it is needed.

    Notes
    -----
    The variances are taken as known; those of few sessions are not, and power is then uncertain by as much.

    Examples
    --------
    >>> found = power_by_sessions({"unit": 1.0, "area_in_session": 0.1}, [0.0, 0.5], n_sessions=[4, 8, 16])
    >>> found["power"].values.round(2).tolist()
    [[0.05, 0.05, 0.05], [0.25, 0.6, 0.93]]
    >>> found["sessions_needed"].values.tolist()
    [nan, 16.0]
    """
    sessions, differences = np.asarray(n_sessions, dtype=np.int64), np.atleast_1d(np.asarray(difference, dtype=float))
    known = _known(variance)
    _check(sessions, n_units, n_areas, method, rng)
    freedom = (sessions - 1) * (n_areas - 1 if shared else n_areas)
    power_error = None
    if method == "exact":
        of_cell = known["area_in_session"] + known["unit"] / n_units
        of_cell += 0.0 if shared else known["session"] + known["subject"]
        error = np.sqrt(of_cell * n_areas / (n_areas - 1) / sessions)
        power, overall = _exact(differences, error, freedom, n_areas, level)
    else:
        assert rng is not None
        shape = (differences.size, sessions.size)
        power, overall = np.empty(shape), np.empty(shape)
        for i, j in np.ndindex(shape):
            cells = _layout(int(sessions[j]), n_areas, n_units, shared)
            p = _simulated(known, float(differences[i]), cells, n_areas, n_simulations, rng)
            power[i, j], overall[i, j] = (p < level).mean(axis=0)
        power_error = np.sqrt(power * (1 - power) / n_simulations)
    enough = power >= wanted
    needed = np.where(enough.any(axis=1), np.where(enough, sessions, np.inf).min(axis=1), np.nan)
    both = ("difference", "n_sessions")
    result = xr.Dataset(
        {
            "power": (both, power),
            "power_overall": (both, overall),
            "freedom": ("n_sessions", freedom),
            "sessions_needed": ("difference", needed),
        },
        coords={"difference": differences, "n_sessions": sessions},
        attrs={"n_units": n_units, "n_areas": n_areas, "shared": int(shared), "level": level, "wanted": wanted}
        | {"method": method}
        | {f"variance_{name}": value for name, value in known.items()},
    )
    return result if power_error is None else result.assign(power_error=(both, power_error))


def _known(variance: AreaEffect | Mapping[str, float]) -> dict[str, float]:
    given = variance.variance if isinstance(variance, AreaEffect) else variance
    unknown = set(given) - set(COMPONENTS)
    known = {name: float(given.get(name, 0.0)) for name in COMPONENTS}
    known = {name: value if np.isfinite(value) else 0.0 for name, value in known.items()}
    if unknown or min(known.values()) < 0 or not sum(known.values()) > 0:
        raise InputError(
            "variance",
            expected=f"variances of {', '.join(COMPONENTS)}, not all 0",
            found=str(dict(given)),
            remedy="take those of an AreaEffect of several sessions",
        )
    return known


def _check(sessions: NDArray, n_units: int, n_areas: int, method: str, rng: np.random.Generator | None) -> None:
    if not sessions.size or sessions.min() < 2:
        found = str(sessions.tolist())
        raise InputError("n_sessions", expected="2 or more", found=found, remedy="one session cannot be a replicate")
    if n_areas < 2 or n_units < 1:
        found = f"{n_areas} areas of {n_units} units"
        raise InputError("n_areas", expected="two areas or more with units", found=found, remedy="give both")
    if method not in ("exact", "simulation"):
        raise InputError("method", expected="exact or simulation", found=method, remedy="leave it out")
    if method == "simulation" and rng is None:
        raise InputError(
            "rng", expected="a generator to simulate with", found="None", remedy="np.random.default_rng(0)"
        )


def _exact(
    differences: NDArray, error: NDArray, freedom: NDArray, n_areas: int, level: float
) -> tuple[NDArray, NDArray]:
    """Power of t and of F ``(difference, n_sessions)``."""
    power, overall = np.empty((differences.size, error.size)), np.empty((differences.size, error.size))
    for j, (scale, nu) in enumerate(zip(error, freedom, strict=True)):
        away = np.abs(differences) / scale
        limit = stats.t.isf(level / 2, nu)
        power[:, j] = 1 - noncentral_below(limit, nu, away) + noncentral_below(-limit, nu, away)
        limit = stats.f.isf(level, n_areas - 1, nu)
        overall[:, j] = np.where(away > 0, stats.ncf.sf(limit, n_areas - 1, nu, np.maximum(away, 1e-8) ** 2), level)
    return power, overall


def _layout(n_sessions: int, n_areas: int, n_units: int, shared: bool) -> Cells:
    """Where the cells of a study are."""
    area = np.tile(np.arange(n_areas), n_sessions)
    session = np.repeat(np.arange(n_sessions), n_areas) if shared else np.arange(area.size)
    return Cells(np.zeros(area.size), np.full(area.size, n_units), 0.0, area, session, np.zeros_like(area))


def _simulated(
    known: dict[str, float], difference: float, cells: Cells, n_areas: int, n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """P-values of the first area against the others, and of all ``(study, 2)``."""
    spread = known["area_in_session"] + known["unit"] / cells.n_units
    freedom = int(cells.n_units.sum()) - cells.value.size
    out = np.empty((n, 2))
    for i in range(n):
        shift = rng.normal(0, np.sqrt(known["session"] + known["subject"]), cells.session.max() + 1)
        noise = rng.normal(0, 1, cells.value.size) * np.sqrt(spread)
        value = shift[cells.session] + noise + difference * (cells.area == 0)
        squares = known["unit"] * rng.chisquare(freedom) if freedom else 0.0
        effect = compare_cells(cells._replace(value=value, squares=squares), [str(a) for a in range(n_areas)])
        out[i] = effect.p_value[0], effect.p_overall
    return out
