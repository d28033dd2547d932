"""The benefit beside its controls."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.areas import area_intervals, rank_areas
from neurorec.plot.canvas import label_rows, start_axes
from neurorec.plot.palette import INK, MUTED, area_name, colours_for

# What is drawn, in this order: variable, what it is called, marker, colour.
_SERIES = (
    ("benefit", "coupling", "o", INK),
    ("benefit_history", "coupling, own history known", "s", "#0072B2"),
    ("benefit_matched", "coupling, equal numbers of sources", "D", "#44AA99"),
    ("benefit_shuffled", "partners from other trials", "X", "#D55E00"),
)


def controls(
    result: xr.Dataset,
    *,
    table: pd.DataFrame | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw each area's median benefit beside the same under every control, with 95% intervals.

    Parameters
    ----------
    result : xarray.Dataset
        ``benefit (unit)`` and any of ``benefit_history``, ``benefit_matched`` and ``benefit_shuffled``, with the
        coordinate ``area (unit)``. A control that is missing, or that an area has no values for, is not drawn.
    table : pandas.DataFrame, optional
        One row per area; its ``<variable>``, ``<variable>_low`` and ``<variable>_high`` are used where it has all
        three, and distribution-free intervals over units elsewhere.
    colours : mapping of str to str, optional
        Colour per area, for the names.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> result = xr.Dataset(
    ...     {"benefit": ("unit", [0.1, 0.2]), "benefit_shuffled": ("unit", [0.0, 0.01])},
    ...     coords={"area": ("unit", ["V1", "V1"])},
    ... )
    >>> [text.get_text() for text in controls(result).get_legend().get_texts()]
    ['coupling', 'partners from other trials']
    """
    palette = colours_for(result, colours)
    drawn = [series for series in _SERIES if series[0] in result]
    middles = {name: area_intervals(result[name], table, name) for name, *_ in drawn}
    names = rank_areas(middles["benefit"])
    ax = start_axes(ax, width=6.4, height=1.4 + 0.55 * len(names))
    ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    offsets = (np.arange(len(drawn)) - (len(drawn) - 1) / 2) * 0.8 / max(len(drawn), 2)
    for (name, label, marker, colour), offset in zip(drawn, offsets, strict=True):
        rows = [(row, middles[name][area]) for row, area in enumerate(names) if area in middles[name]]
        at = np.array([row for row, _ in rows], dtype=float) + offset
        middle, low, high = np.array([interval for _, interval in rows]).reshape(-1, 3).T
        ax.hlines(at, low, high, color=colour, linewidth=1.8, zorder=2)
        style = {"s": 30, "color": colour, "edgecolor": "white", "linewidth": 0.7, "zorder": 3}
        ax.scatter(middle, at, marker=marker, label=label, **style)
    areas = result["area"].values.astype(str)
    n_units = {a: np.count_nonzero((areas == a) & np.isfinite(result["benefit"].values)) for a in names}
    label_rows(ax, [f"{area_name(a)} (n = {n_units[a]})" for a in names], [palette[a] for a in names])
    ax.set_xlabel("benefit (fraction of deviance explained), median over units")
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, fontsize=8.5, handletextpad=0.2,
        columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip
    return ax
