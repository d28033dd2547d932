"""Each unit with and without coupling."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import note, spread, start_axes
from neurorec.plot.intervals import beyond, fair_range
from neurorec.plot.palette import MUTED, area_name, colours_for, readable


def uncoupled_against_coupled(
    result: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the held-out fraction of deviance explained by the coupled against the uncoupled model, per unit.

    Parameters
    ----------
    result : xarray.Dataset
        ``unit_fde (unit, model)`` with models ``uncoupled`` and ``coupled`` and the coordinate ``area (unit)``.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Points are units; above the diagonal coupling helps. Rings are the areas' medians. Extreme units are drawn as
        triangles on the edge and counted beneath.

    Examples
    --------
    >>> result = xr.Dataset(
    ...     {"unit_fde": (("unit", "model"), [[0.1, 0.2], [0.1, 0.1]])},
    ...     coords={"area": ("unit", ["V1", "PPC"]), "model": ["uncoupled", "coupled"]},
    ... )
    >>> uncoupled_against_coupled(result).get_ylabel()
    'coupled: fraction of deviance explained'
    """
    ax = start_axes(ax, width=5.6, height=5)
    palette = colours_for(result, colours)
    x = result["unit_fde"].sel(model="uncoupled").values.astype(float)
    y = result["unit_fde"].sel(model="coupled").values.astype(float)
    areas = result["area"].values.astype(str)
    limits = fair_range(np.concatenate([x, y]))
    low, high = limits.low, limits.high
    outside = limits.outside.reshape(2, -1).any(axis=0)
    ax.plot([low, high], [low, high], color=MUTED, linewidth=0.8, zorder=1)
    for value in (ax.axhline, ax.axvline):
        value(0, color=MUTED, linewidth=0.5, linestyle=(0, (1, 3)), zorder=1)
    size = float(np.clip(4000 / max(x.size, 1), 7, 26))
    medians = {}
    for area in sorted(set(areas)):
        mine = (areas == area) & np.isfinite(x) & np.isfinite(y)
        shown = mine & ~outside
        ax.scatter(x[shown], y[shown], s=size, color=palette[area], alpha=0.6, linewidth=0, zorder=2)
        edge = mine & outside
        place = np.clip(x[edge], low, high), np.clip(y[edge], low, high)
        ax.scatter(*place, s=26, marker="^", color=palette[area], linewidth=0, clip_on=False, zorder=3)
        if mine.any():
            medians[area] = np.median(x[mine]), np.median(y[mine])
            ring = {"markersize": 8, "markerfacecolor": palette[area], "markeredgecolor": "white"}
            ax.plot(*medians[area], "o", **ring, markeredgewidth=1.5, zorder=4)
    _name_medians(ax, medians, palette, low, high)
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    ax.set_xlabel("uncoupled: fraction of deviance explained")
    ax.set_ylabel("coupled: fraction of deviance explained")
    both = np.where(limits.outside[: x.size], x, y)
    note(ax, beyond(both, limits._replace(outside=outside)))
    return ax


def _name_medians(
    ax: Axes, medians: Mapping[str, tuple[float, float]], palette: Mapping[str, str], low: float, high: float
) -> None:
    """Write each area's name at the right edge, level with its median as far as there is room, and join the two."""
    names = sorted(medians, key=lambda area: medians[area][1])
    places = spread([medians[a][1] for a in names], gap=0.05 * (high - low), low=low, high=high)
    for name, place in zip(names, places, strict=True):
        x, y = medians[name]
        reach = high + 0.02 * (high - low)
        ax.plot([x, reach], [y, place], color=palette[name], linewidth=0.5, alpha=0.5, clip_on=False, zorder=1.5)
        ax.text(
            reach, place, f" {area_name(name)}", va="center", fontsize=8.5, color=readable(palette[name]),
            fontweight="bold",
        )  # fmt: skip
