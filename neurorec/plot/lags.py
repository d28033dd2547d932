"""At which delays coupling helps."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import spread, start_axes
from neurorec.plot.intervals import median_interval
from neurorec.plot.palette import MUTED, area_name, colours_for, readable


def benefit_against_lag(
    result: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the benefit of coupling through one lag at a time, by area.

    Parameters
    ----------
    result : xarray.Dataset
        ``benefit_by_lag (unit, lag)`` with the coordinates ``area (unit)`` and ``lag`` (s).
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Medians over units, with distribution-free 95% intervals, against the lag in ms. Areas stand a little apart
        so that their intervals can be told apart.

    Examples
    --------
    >>> result = xr.Dataset(
    ...     {"benefit_by_lag": (("unit", "lag"), [[0.1, 0.05]])}, coords={"area": ("unit", ["V1"]), "lag": [0.01, 0.03]}
    ... )
    >>> benefit_against_lag(result).get_lines()[1].get_xdata().tolist()
    [10.0, 30.0]
    """
    ax = start_axes(ax, width=6, height=4)
    palette = colours_for(result, colours)
    lags = 1000 * result["lag"].values.astype(float)
    values, areas = result["benefit_by_lag"].values, result["area"].values.astype(str)
    names = [a for a in sorted(set(areas)) if np.isfinite(values[areas == a]).any()]
    step = np.diff(lags).min(initial=np.inf)
    step = step if np.isfinite(step) else max(lags[0], 1.0)
    dodge = (np.arange(len(names)) - (len(names) - 1) / 2) * 0.5 * step / max(len(names), 2)
    ax.axhline(0, color=MUTED, linewidth=0.9, zorder=1)
    ends = {}
    for area, shift in zip(names, dodge, strict=True):
        middle, low, high = np.array([median_interval(values[areas == area, i]) for i in range(lags.size)]).T
        ax.plot(lags + shift, middle, "-o", color=palette[area], markersize=4.5, linewidth=1.3, zorder=3)
        ax.vlines(lags + shift, low, high, color=palette[area], linewidth=1.3, alpha=0.6, zorder=2)
        ends[area] = middle[-1]
    _name_ends(ax, ends, palette, lags[-1] + dodge.max(initial=0.0), step)
    ax.set_xticks(lags, [f"{lag:.0f}" if lag >= 10 else f"{lag:.2g}" for lag in lags])
    ax.set_xlabel("lag (ms)")
    ax.set_ylabel("benefit of coupling at this lag alone\n(fraction of deviance explained)")
    return ax


def _name_ends(ax: Axes, ends: Mapping[str, float], palette: Mapping[str, str], right: float, step: float) -> None:
    """Write each area's name beside the end of its line."""
    names = sorted(ends, key=lambda area: ends[area])
    low, high = ax.get_ylim()
    ax.set_ylim(low, high)
    for name, place in zip(
        names, spread([ends[a] for a in names], gap=0.055 * (high - low), low=low, high=high), strict=True
    ):
        reach = right + 0.25 * step
        ax.plot([right + 0.05 * step, reach], [ends[name], place], color=palette[name], linewidth=0.6, clip_on=False)
        ax.text(
            reach,
            place,
            f" {area_name(name)}",
            color=readable(palette[name]),
            fontsize=8.5,
            fontweight="bold",
            va="center",
        )
