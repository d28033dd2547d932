"""Mixed model of areas: their means, with random subjects, sessions and areas within sessions."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from neurorec.recurrence.statistics.cells import Cells, membership

COMPONENTS: tuple[str, ...] = ("unit", "area_in_session", "session", "subject")


class MixedFit(NamedTuple):
    """Restricted maximum likelihood of the mixed model.

    Attributes
    ----------
    mean : ndarray (area,)
        Estimated mean of each area.
    covariance : ndarray (area, area)
        Of the means, were the variances known.
    added : ndarray (area, area)
        What it grows by as they are estimated (Kenward & Roger 1997, doi:10.2307/2533558); 0 in balanced designs.
    variance : dict of str to float
        By component, see `COMPONENTS`; NaN where the data cannot tell it.
    gradient : ndarray (component, area, area)
        Change of the covariance with each variance.
    spread : ndarray (component, component)
        Covariance of the estimated variances (inverse expected information, on its range).
    informed : ndarray (component, component)
        Projection onto the combinations of variances that the data tell.
    converged : bool
        Does the likelihood have no slope left, but for variances held at 0?
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    added: NDArray[np.float64]
    variance: dict[str, float]
    gradient: NDArray[np.float64]
    spread: NDArray[np.float64]
    informed: NDArray[np.float64]
    converged: bool


class _Model(NamedTuple):
    """The likelihood of cells, in units in which the values have a spread near 1."""

    y: NDArray[np.float64]  # (cell,)
    x: NDArray[np.float64]  # (cell, mean)
    parts: NDArray[np.float64]  # (component, cell, cell)
    squares: float
    freedom: int  # of the squares


def fit_mixed(cells: Cells, n_areas: int, *, common_mean: bool = False) -> MixedFit:
    r"""Fit the mean of each area with random subjects, sessions and areas within sessions.

    With :math:`y_{asu}` the value of unit u of area a in session s of subject p,

    .. math:: y_{asu} = \mu_a + b_p + b_s + c_{as} + e_{asu},

    all but :math:`\mu` normal with a variance each, estimated by restricted maximum likelihood. The means of the cells
    (a, s) and the squares within them are sufficient, so the likelihood is that of all units and costs what the cells
    cost. Variances may be 0; many optimisers stall there, since they work with its root, whose slope vanishes.

    Parameters
    ----------
    cells : Cells
        From `cells_of`, of means.
    n_areas : int
        How many areas.
    common_mean : bool
        One mean for all areas instead.

    Returns
    -------
    MixedFit

    References
    ----------
    Patterson & Thompson 1971, doi:10.1093/biomet/58.3.545.

    Examples
    --------
    >>> from neurorec.recurrence.statistics.cells import cells_of, tidy_units
    >>> value = np.random.default_rng(0).normal(size=60)
    >>> units = tidy_units(value, ["A", "B"] * 30, np.repeat(["s", "t", "u"], 20))
    >>> fit_mixed(cells_of(units), 2).converged
    True
    """
    total = cells.squares + float((cells.n_units * (cells.value - cells.value.mean()) ** 2).sum())
    scale = np.sqrt(total / max(cells.n_units.sum() - 1, 1))
    x = np.ones((cells.value.size, 1)) if common_mean else membership(cells.area, n_areas)
    names, parts = _parts(cells)
    if not scale > 0:
        return _failed(len(names), x.shape[1])
    freedom = int(cells.n_units.sum()) - cells.value.size
    model = _Model(cells.value / scale, x, parts, cells.squares / scale**2, freedom)
    start = np.full(len(names), 0.5 / len(names))
    start[0] = model.squares / freedom if freedom and model.squares > 0 else 0.5
    # Several starts, as a likelihood of few sessions can have two peaks: one with and one without sessions that differ.
    found = []
    for begin in (start, np.where(np.arange(len(names)) == 0, start, 1e-3 * start)):
        bounds = [(1e-8 * start[0] if i == 0 else 0.0, None) for i in range(len(names))]
        options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8}
        found.append(
            optimize.minimize(_cost, begin, args=(model,), jac=True, bounds=bounds, method="L-BFGS-B", options=options)
        )
    best = min(found, key=lambda result: result.fun if np.isfinite(result.fun) else np.inf)
    if not np.isfinite(best.fun):
        return _failed(len(names), x.shape[1])
    return _described(best.x, model, names, scale)


def _parts(cells: Cells) -> tuple[list[str], NDArray[np.float64]]:
    """Covariance of the cells that each component brings, those left out that the data cannot tell from others."""
    inverse = np.diag(1 / cells.n_units)
    session = cells.session[:, None] == cells.session
    subject = cells.subject[:, None] == cells.subject
    parts = {"unit": inverse, "area_in_session": np.eye(cells.value.size)}
    if not np.array_equal(session, np.eye(cells.value.size)):
        parts["session"] = session.astype(float)
    several = np.unique(cells.subject).size
    if 1 < several < np.unique(cells.session).size:
        parts["subject"] = subject.astype(float)
    if (cells.n_units == 1).all():  # a unit's own variance is then part of its cell's
        del parts["area_in_session"]
    return list(parts), np.stack(list(parts.values()))


def _project(theta: NDArray, model: _Model) -> tuple[NDArray, NDArray, NDArray, float, float]:
    """Weights, covariance of means, the residual projection P, and log determinants of V and X'V^-1X."""
    v = np.einsum("k,kij->ij", theta, model.parts)
    factor = linalg.cho_factor(v, lower=True)
    weighted = linalg.cho_solve(factor, np.eye(len(v)))
    information = model.x.T @ weighted @ model.x
    covariance = np.linalg.inv(information)
    p = weighted - weighted @ model.x @ covariance @ model.x.T @ weighted
    return weighted, covariance, p, 2 * np.log(np.diag(factor[0])).sum(), np.linalg.slogdet(information)[1]


def _cost(theta: NDArray, model: _Model) -> tuple[float, NDArray]:
    """Minus twice the restricted log likelihood, and its gradient over the variances."""
    try:
        _, _, p, log_v, log_x = _project(theta, model)
    except np.linalg.LinAlgError:
        return np.inf, np.zeros_like(theta)
    residual = p @ model.y
    cost = log_v + log_x + model.y @ residual
    gradient = np.einsum("kij,ij->k", model.parts, p) - np.einsum("kij,i,j->k", model.parts, residual, residual)
    cost += model.freedom * np.log(theta[0]) + model.squares / theta[0]
    gradient[0] += model.freedom / theta[0] - model.squares / theta[0] ** 2
    return float(cost), gradient


def _described(theta: NDArray, model: _Model, names: list[str], scale: float) -> MixedFit:
    weighted, covariance, p, *_ = _project(theta, model)
    _, slope = _cost(theta, model)
    slope = np.where(theta > 1e-7, slope * np.maximum(theta, 1e-3), np.minimum(slope, 0) * 1e-3)
    products = model.parts @ p
    information = 0.5 * np.einsum("aij,bji->ab", products, products)
    information[0, 0] += 0.5 * model.freedom / theta[0] ** 2
    # Relative to their diagonal, so that a component known much better than another does not hide it.
    size = np.sqrt(np.maximum(np.diag(information), 1e-12))
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    told = values > 1e-8
    basis = vectors[:, told]
    spread = (basis / values[told]) @ basis.T / np.outer(size, size)
    informed = (basis @ basis.T) * np.outer(size, 1 / size)
    half = covariance @ model.x.T @ weighted
    gradient = half @ model.parts @ half.T
    # What the means owe to variances being estimated, to first order: Kenward & Roger's equation 4 and what follows it.
    loaded = model.parts @ weighted @ model.x
    pairs = np.einsum("kia,ij,ljb->klab", loaded, weighted, loaded)
    squared = np.einsum("kia,ij,jb->kab", loaded, weighted, model.x)
    pairs -= np.einsum("kab,bc,lcd->klad", squared, covariance, squared)
    added = 2 * covariance @ np.einsum("kl,klab->ab", spread, pairs) @ covariance
    known = dict(zip(names, scale**2 * theta, strict=True))
    return MixedFit(
        mean=scale * (half @ model.y),
        covariance=scale**2 * covariance,
        added=scale**2 * (added + added.T) / 2,
        variance={name: float(known.get(name, np.nan)) for name in COMPONENTS},
        gradient=gradient,
        spread=scale**4 * spread,
        informed=informed,
        converged=bool(np.abs(slope).max() < 1e-3 and np.isfinite(covariance).all()),
    )


def _failed(n_components: int, n_means: int) -> MixedFit:
    square, empty = np.full((n_means, n_means), np.nan), np.full((n_components, n_components), np.nan)
    nothing = np.full((n_components, n_means, n_means), np.nan)
    variance = dict.fromkeys(COMPONENTS, np.nan)
    return MixedFit(np.full(n_means, np.nan), square, square, variance, nothing, empty, empty, False)


def freedom_of(contrast: NDArray[np.float64], fit: MixedFit) -> float:
    r"""Degrees of freedom of a difference of areas, after Satterthwaite.

    .. math:: \nu = 2 V^2 / (g^\top A g), \quad V = c^\top C c, \quad g_k = \partial V / \partial \sigma_k^2

    with A the covariance of the variances. All variances count, also those estimated as 0: in a balanced design this
    gives the degrees of freedom of the exact test, areas less one times sessions less one, and never those of units.

    Parameters
    ----------
    contrast : ndarray (area,)
        Weights of the areas.
    fit : MixedFit
        From `fit_mixed`.

    Returns
    -------
    float
        NaN where nothing in the data tells the variance of the difference.

    References
    ----------
    Satterthwaite 1946, doi:10.2307/3002019.

    Examples
    --------
    >>> from neurorec.recurrence.statistics.cells import cells_of, tidy_units
    >>> value = np.random.default_rng(0).normal(size=60)
    >>> units = tidy_units(value, ["A", "B"] * 30, np.repeat(["s", "t", "u"], 20))
    >>> round(freedom_of(np.array([1.0, -1.0]), fit_mixed(cells_of(units), 2)), 6)
    2.0
    """
    variance = contrast @ fit.covariance @ contrast
    slope = np.einsum("a,kab,b->k", contrast, fit.gradient, contrast)
    told = fit.informed.T @ slope
    if np.abs(told - slope).max() > 1e-4 * np.abs(slope).max():
        return np.nan
    uncertainty = slope @ fit.spread @ slope
    return float(2 * variance**2 / uncertainty) if uncertainty > 0 else np.nan


def joint_freedom(contrasts: NDArray[np.float64], fit: MixedFit) -> float:
    r"""Degrees of freedom of the F test that several differences are 0.

    That of its independent parts where they agree; otherwise :math:`2 E / (E - q)` with
    :math:`E = \sum_i \nu_i / (\nu_i - 2)`, which matches the expected F; where a part has no more than 2, the fewest.

    Parameters
    ----------
    contrasts : ndarray (contrast, area)
        Independent differences.
    fit : MixedFit
        From `fit_mixed`.

    Returns
    -------
    float

    References
    ----------
    Fai & Cornelius 1996, doi:10.1080/00949659608811740.

    Examples
    --------
    >>> from neurorec.recurrence.statistics.cells import cells_of, tidy_units
    >>> value = np.random.default_rng(0).normal(size=60)
    >>> units = tidy_units(value, ["A", "B", "C"] * 20, np.repeat(["s", "t", "u"], 20))
    >>> round(joint_freedom(np.array([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]]), fit_mixed(cells_of(units), 3)), 1) > 3
    True
    """
    _, vectors = np.linalg.eigh(contrasts @ fit.covariance @ contrasts.T)
    parts = np.array([freedom_of(vector @ contrasts, fit) for vector in vectors.T])
    if not np.isfinite(parts).all() or np.ptp(parts) < 0.01 * parts.min() or parts.min() <= 2:
        return float(parts.min())
    expected = (parts / (parts - 2)).sum()
    return float(2 * expected / (expected - len(parts)))
