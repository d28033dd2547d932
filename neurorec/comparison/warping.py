"""Warps of time: where in one course of events the steps of another are, the same for all conditions."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Warp = Literal["none", "linear", "piecewise"]
_GRAIN = 0.5  # steps between the places that a knot may have
_STEEPEST = 4.0  # times as fast, or as slow, as the plain stretch


class _Costs(NamedTuple):
    """What it costs to put a place of y beside a step of x, places between steps being interpolated.

    ``at (step of x, step of y)``: squared distance, summed over conditions; ``bow (step of y,)``: squared distance of y
    to the step after it, by which the cost in between is less than the line between the two.
    """

    at: NDArray[np.float64]
    bow: NDArray[np.float64]


def warped(y: NDArray, places: NDArray) -> NDArray[np.float64]:
    """Values of ``(condition, time, component)`` at places between steps ``(condition, place, component)``."""
    low = np.clip(np.floor(places).astype(int), 0, max(y.shape[1] - 2, 0))
    share = (places - low)[None, :, None]
    high = np.minimum(low + 1, y.shape[1] - 1)
    return (1 - share) * y[:, low] + share * y[:, high]


def plain_stretch(n_x: int, n_y: int) -> NDArray[np.float64]:
    """Places in y of the steps of x where both last equally long."""
    return np.linspace(0, n_y - 1, n_x)


def find_warp(x: NDArray, y: NDArray, *, kind: Warp, n_knots: int, reach: float) -> NDArray[np.float64]:
    """The places of y ``(step of x,)`` that are nearest to x, both ``(condition, time, component)``.

    The best of all on a grid, to half a step: of all beginnings and ends ("linear"), or of all lines through knots that
    never go back, by dynamic programming ("piecewise").
    """
    costs = _costs(x, y)
    n_x, n_y = costs.at.shape
    plain, most = plain_stretch(n_x, n_y), reach * (n_y - 1)
    if kind == "linear":
        return _best_lines(costs, np.array([0, n_x - 1]), plain, most)
    knots = np.unique(np.rint(np.linspace(0, n_x - 1, max(n_knots, 2))).astype(int))
    return _best_lines(costs, knots, plain, most)


def _costs(x: NDArray, y: NDArray) -> _Costs:
    cross = np.einsum("ctk,csk->ts", x, y, optimize=True)
    own_x, own_y = (x**2).sum(axis=(0, 2)), (y**2).sum(axis=(0, 2))
    return _Costs(own_x[:, None] - 2 * cross + own_y, (np.diff(y, axis=1) ** 2).sum(axis=(0, 2)))


def _cost_of(costs: _Costs, steps: NDArray, places: NDArray) -> NDArray[np.float64]:
    """Of putting places ``(..., step)`` beside steps ``(step,)``, exact for linear interpolation."""
    low = np.clip(np.floor(places).astype(int), 0, costs.at.shape[1] - 2)
    share = places - low
    return (
        (1 - share) * costs.at[steps, low] + share * costs.at[steps, low + 1] - share * (1 - share) * costs.bow[low]
    ).sum(axis=-1)


def _best_lines(costs: _Costs, knots: NDArray, plain: NDArray, most: float) -> NDArray[np.float64]:
    """Lines through knots with the least cost."""
    n_y = costs.at.shape[1]
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
