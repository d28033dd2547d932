"""Warps of time: where in one course of events the steps of another are, the same for all conditions."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Warp = Literal["none", "linear", "piecewise"]
_GRAIN = 0.5  # steps between the places that a knot may have
_STEEPEST = 4.0  # times as fast, or as slow, as the plain stretch


def warped(y: NDArray, places: NDArray) -> NDArray[np.float64]:
    """Values of ``(condition, time, component)`` at places between steps ``(condition, place, component)``."""
    low, high, share = _between(places, y.shape[1])
    return (1 - share)[:, None] * y[:, low] + share[:, None] * y[:, high]


def apart(x: NDArray, y: NDArray, places: NDArray) -> float:
    """Squared distance of x to y at places, summed over all.

    Between two steps it is the mean of the distances to both, by nearness, and not that to their mean: the mean of two
    has less noise than either, so that a warp to half steps would help whatever the signal.
    """
    low, high, share = _between(places, y.shape[1])
    each = [((x - y[:, at]) ** 2).sum(axis=(0, 2)) for at in (low, high)]
    return float((1 - share) @ each[0] + share @ each[1])


def _between(places: NDArray, n_steps: int) -> tuple[NDArray, NDArray, NDArray]:
    """Steps before and after places, and how near the later one is."""
    low = np.clip(np.floor(places).astype(int), 0, max(n_steps - 2, 0))
    return low, np.minimum(low + 1, n_steps - 1), places - low


def plain_stretch(n_x: int, n_y: int) -> NDArray[np.float64]:
    """Places in y of the steps of x where both last equally long."""
    return np.linspace(0, n_y - 1, n_x)


def find_warp(x: NDArray, y: NDArray, *, kind: Warp, n_knots: int, reach: float) -> NDArray[np.float64]:
    """The places of y ``(step of x,)`` that are nearest to x, both ``(condition, time, component)``.

    The best of all on a grid, to half a step: of all beginnings and ends ("linear"), or of all lines through knots that
    never go back, by dynamic programming ("piecewise").
    """
    costs = _costs(x, y)
    n_x, n_y = costs.shape
    plain, most = plain_stretch(n_x, n_y), reach * (n_y - 1)
    if kind == "linear":
        return _best_lines(costs, np.array([0, n_x - 1]), plain, most)
    knots = np.unique(np.rint(np.linspace(0, n_x - 1, max(n_knots, 2))).astype(int))
    return _best_lines(costs, knots, plain, most)


def _costs(x: NDArray, y: NDArray) -> NDArray[np.float64]:
    """Squared distances of steps, summed over conditions ``(step of x, step of y)``."""
    cross = np.einsum("ctk,csk->ts", x, y, optimize=True)
    own_x, own_y = (x**2).sum(axis=(0, 2)), (y**2).sum(axis=(0, 2))
    return own_x[:, None] - 2 * cross + own_y


def _cost_of(costs: NDArray, steps: NDArray, places: NDArray) -> NDArray[np.float64]:
    """Of putting places ``(..., step)`` beside steps ``(step,)``, as `apart` counts it."""
    low, high, share = _between(places, costs.shape[1])
    return ((1 - share) * costs[steps, low] + share * costs[steps, high]).sum(axis=-1)


def _best_lines(costs: NDArray, knots: NDArray, plain: NDArray, most: float) -> NDArray[np.float64]:
    """Lines through knots with the least cost."""
    n_y = costs.shape[1]
    grid = [_candidates(float(plain[k]), most, n_y) for k in knots]
    total, came = np.zeros(grid[0].size), []
    for k in range(1, knots.size):
        steps = np.arange(knots[k - 1] + (k > 1), knots[k] + 1)  # a knot belongs to the piece before it
        share = (steps - knots[k - 1]) / (knots[k] - knots[k - 1])
        before, after = grid[k - 1][:, None, None], grid[k][None, :, None]
        cost = _cost_of(costs, steps, (1 - share) * before + share * after)
        slope = (after - before)[..., 0] / (plain[knots[k]] - plain[knots[k - 1]])
        cost = np.where((slope >= 1 / _STEEPEST) & (slope <= _STEEPEST), cost, np.inf) + total[:, None]
        came.append(cost.argmin(axis=0))
        total = cost.min(axis=0)
    place = int(total.argmin())
    chosen = [place]
    for back in came[::-1]:
        place = int(back[place])
        chosen.append(place)
    places = [candidates[i] for candidates, i in zip(grid, chosen[::-1], strict=True)]
    return np.asarray(np.interp(np.arange(plain.size), knots, places), dtype=np.float64)


def _candidates(plain: float, most: float, n_y: int) -> NDArray[np.float64]:
    """Places within reach of the plain one, that itself among them."""
    n = int(most / _GRAIN)
    places = plain + _GRAIN * np.arange(-n, n + 1, dtype=np.float64)
    return places[(places >= 0) & (places <= n_y - 1)]
