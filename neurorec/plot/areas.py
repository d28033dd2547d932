"""The benefit of recurrence by area."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

from neurorec.plot.canvas import label_rows, note, start_axes
from neurorec.plot.intervals import Interval, Range, beyond, fair_range, median_interval
from neurorec.plot.palette import INK, MUTED, area_name, colours_for


def benefit_by_area(
    result: xr.Dataset,
    *,
    table: pd.DataFrame | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the benefit of recurrence of every unit, by area, with each area's median and its 95% interval.

    Parameters
    ----------
    result : xarray.Dataset
        ``benefit (unit)`` with the coordinate ``area (unit)``, and ``significant (unit)`` where there is one.
    table : pandas.DataFrame, optional
        One row per area with columns ``area benefit benefit_low benefit_high``: medians with hierarchical-bootstrap
        intervals. Without it, intervals are those of :func:`neurorec.plot.median_interval`.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Areas from the largest median down. Units beyond the axis are triangles on its edge, and counted beneath.

    Examples
    --------
    >>> result = xr.Dataset({"benefit": ("unit", [0.02, 0.01, 0.1])}, coords={"area": ("unit", ["V1", "V1", "PPC"])})
    >>> [label.get_text() for label in benefit_by_area(result).get_yticklabels()]
    ['PPC (n = 1)', 'V1 (n = 2)']
    """
    palette = colours_for(result, colours)
    benefit, areas = result["benefit"].values.astype(float), result["area"].values.astype(str)
    middles = area_intervals(result["benefit"], table, "benefit")
    names = rank_areas(middles)
    ax = start_axes(ax, width=6.4, height=1.0 + 0.55 * len(names))
    limits = fair_range(benefit, include=[v for m in middles.values() for v in m])
    ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    counts = []
    for row, area in enumerate(names):
        mine = (areas == area) & np.isfinite(benefit)
        counts.append(np.count_nonzero(mine))
        _draw_units(ax, row, benefit[mine], limits, palette[area])
        _draw_median(ax, row, middles[area])
        if "significant" in result:
            share = f"{np.count_nonzero(result['significant'].values[mine])}/{counts[-1]}"
            ax.text(1.015, row, share, transform=ax.get_yaxis_transform(), fontsize=8, color=MUTED, va="center")
    if "significant" in result:
        ax.text(1.015, -0.62, "units with\nq < 0.05", transform=ax.get_yaxis_transform(), fontsize=7, color=MUTED)
    labels = [f"{area_name(a)} (n = {n})" for a, n in zip(names, counts, strict=True)]
    label_rows(ax, labels, [palette[a] for a in names])
    ax.set_xlim(limits.low, limits.high)
    ax.set_xlabel("benefit of recurrence\n(fraction of deviance explained, coupled − uncoupled)")
    note_offset = beyond(benefit, limits)
    note(ax, f"\n\n{note_offset}" if note_offset else "")
    return ax


def area_intervals(values: xr.DataArray, table: pd.DataFrame | None, column: str) -> dict[str, Interval]:
    """Median and interval by area: the table's where it has them, otherwise from order statistics over units."""
    areas = values["area"].values.astype(str)
    found = {a: median_interval(values.values[areas == a]) for a in sorted(set(areas))}
    found = {a: interval for a, interval in found.items() if np.isfinite(interval.median)}
    if table is not None and {column, f"{column}_low", f"{column}_high"} <= set(table.columns):
        rows = table.assign(area=table["area"].fillna("").astype(str)).set_index("area")
        for area in found.keys() & set(rows.index):
            found[area] = Interval(*(float(rows.at[area, f"{column}{end}"]) for end in ("", "_low", "_high")))
    return found


def rank_areas(middles: Mapping[str, Interval]) -> list[str]:
    """Order areas from the largest median down, those that are not known last."""
    return sorted(middles, key=lambda area: (area == "", -middles[area].median, area))


def _draw_units(ax: Axes, row: int, values: NDArray[np.float64], limits: Range, colour: str) -> None:
    """Draw half a violin above the row and the units beneath it, those beyond the axis on its edges."""
    inside = values[(values >= limits.low) & (values <= limits.high)]
    if inside.size >= 10 and np.ptp(inside) > 0:
        grid = np.linspace(limits.low, limits.high, 300)
        density = gaussian_kde(inside)(grid)
        height = 0.38 * density / density.max()
        ax.fill_between(grid, row - height, row, color=colour, alpha=0.35, linewidth=0, zorder=2)
    # Points are moved apart by rank, so that the figure is the same each time.
    jitter = (np.arange(inside.size) * 0.618034) % 1.0
    ax.scatter(
        np.sort(inside), row + 0.1 + 0.24 * jitter, s=9, color=colour, alpha=0.6, linewidth=0, zorder=2, label="units"
    )
    for marker, edge, which in (("<", limits.low, values < limits.low), (">", limits.high, values > limits.high)):
        n = np.count_nonzero(which)
        at = row + 0.1 + 0.24 * np.linspace(0, 1, n) if n > 1 else np.full(n, row + 0.2)
        ax.scatter(np.full(n, edge), at, s=22, marker=marker, color=colour, linewidth=0, clip_on=False, zorder=3)


def _draw_median(ax: Axes, row: int, interval: Interval) -> None:
    ax.plot([interval.low, interval.high], [row, row], color=INK, linewidth=2.2, solid_capstyle="butt", zorder=4)
    ax.plot(interval.median, row, "o", markersize=6, markerfacecolor="white", markeredgecolor=INK, zorder=5)
