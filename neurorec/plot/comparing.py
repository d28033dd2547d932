"""The benefit beside its controls, the parts it is made of, and where it comes from."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.areas import area_intervals, rank_areas
from neurorec.plot.canvas import label_rows, note, start_axes
from neurorec.plot.intervals import median_interval
from neurorec.plot.palette import FAINT, INK, MUTED, area_name, colours_for
from neurorec.recording import SelectionError

_PARTS = (
    ("unique_partners", "individual partners alone", "#0072B2"),
    ("unique_population", "population mean alone", "#44AA99"),
    ("unique_history", "own history alone", "#DDCC77"),
    ("shared_blocks", "shared by these", "#C9CDD3"),
)


def controls(
    result: xr.Dataset,
    *,
    table: pd.DataFrame | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the benefit beside every control: the median of all units with its 95% interval, and of each area.

    Parameters
    ----------
    result : xarray.Dataset
        ``benefit (unit)``, and every control's variable over ``unit``, recognised by its ``attrs["kind"]``
        (``"benefit"``, ``"part"`` or ``"null"``) and named by its ``attrs["long_name"]``. With the coordinate
        ``area (unit)``.
    table : pandas.DataFrame, optional
        One row per area, with the areas' medians under the variables' names.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A row per control, in the order of the result. The dashed line is the benefit itself.

    Examples
    --------
    >>> said = {"long_name": "partners shifted", "kind": "null"}
    >>> result = xr.Dataset(
    ...     {"benefit": ("unit", [0.1, 0.2], {"long_name": "coupling", "kind": "benefit"}),
    ...      "benefit_shifted": ("unit", [0.0, 0.01], said)},
    ...     coords={"area": ("unit", ["V1", "V1"])},
    ... )
    >>> [label.get_text() for label in controls(result).get_yticklabels()]
    ['coupling', 'partners shifted']
    """
    palette = colours_for(result, colours)
    names = control_names(result)
    ax = start_axes(ax, width=6.8, height=1.4 + 0.34 * len(names))
    ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    areas = rank_areas(area_intervals(result["benefit"], table, "benefit"))
    ax.axvline(median_interval(result["benefit"].values).median, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    offsets = np.linspace(-0.26, 0.26, len(areas)) if len(areas) > 1 else [0.0]
    for row, name in enumerate(names):
        whole = median_interval(result[name].values)
        middles = area_intervals(result[name], table, name)
        for area, offset in zip(areas, offsets, strict=True):
            if area in middles:
                ax.scatter(middles[area].median, row + offset, s=17, color=palette[area], linewidth=0, zorder=3)
        ax.plot([whole.low, whole.high], [row, row], color=INK, linewidth=2.0, solid_capstyle="butt", zorder=4)
        ax.plot(whole.median, row, "D", markersize=5, markerfacecolor="white", markeredgecolor=INK, zorder=5)
    label_rows(ax, [str(result[n].attrs.get("long_name", n)) for n in names], [_tone(result[n]) for n in names])
    for label in ax.get_yticklabels():
        label.set_fontweight("normal")
    first_null = next((row for row, name in enumerate(names) if result[name].attrs.get("kind") == "null"), None)
    if first_null:
        ax.axhline(first_null - 0.5, color=MUTED, linewidth=1.0)
        note(ax, "below the line: partners that cannot be the cause")
    ax.set_xlabel("benefit (fraction of deviance explained), medians over units")
    for area in areas:
        ax.scatter([], [], s=17, color=palette[area], linewidth=0, label=area_name(area))
    ax.plot([], [], "D", markersize=5, markerfacecolor="white", markeredgecolor=INK, label="all units")
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=min(len(areas) + 1, 6), frameon=False, fontsize=8,
        handletextpad=0.1, columnspacing=0.9, borderaxespad=0.2,
    )  # fmt: skip
    return ax


def control_names(result: xr.Dataset) -> list[str]:
    """Variables that are drawn: those with a kind and a value, the impossible partners last."""
    order = {"benefit": 0, "part": 1, "null": 2}
    found = [
        str(name)
        for name, values in result.data_vars.items()
        if values.attrs.get("kind") in order and values.dims == ("unit",) and values.notnull().any()
    ]
    return sorted(found, key=lambda name: (name != "benefit", order[result[name].attrs["kind"]]))


def _tone(values: xr.DataArray) -> str:
    return MUTED if values.attrs.get("kind") == "null" else INK


def parts_by_area(result: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw what own history, the population mean and individual partners explain alone, and what they share.

    Parameters
    ----------
    result : xarray.Dataset
        ``unique_partners``, ``unique_population``, ``unique_history`` and ``shared_blocks (unit)``, with the coordinate
        ``area (unit)``.
    colours : mapping of str to str, optional
        Colour per area, for the names.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A bar per area of means over units, which add up to the mean of what all explain together (the line); parts
        below zero lie to the left.

    Examples
    --------
    >>> parts = {name: ("unit", [0.01, 0.02]) for name, *_ in _PARTS}
    >>> ax = parts_by_area(xr.Dataset(parts, coords={"area": ("unit", ["V1", "V1"])}))
    >>> len(ax.patches)
    4
    """
    palette = colours_for(result, colours)
    areas = result["area"].values.astype(str)
    total = np.sum([result[name].values for name, *_ in _PARTS], axis=0)
    means = {
        a: float(np.nanmean(total[areas == a])) for a in sorted(set(areas)) if np.isfinite(total[areas == a]).any()
    }
    names = sorted(means, key=lambda area: (area == "", -means[area], area))
    ax = start_axes(ax, width=6.4, height=1.3 + 0.42 * len(names))
    for row, area in enumerate(names):
        mine = (areas == area) & np.isfinite(total)
        right = left = 0.0
        for name, label, colour in _PARTS:
            value = float(result[name].values[mine].mean())
            start = right if value >= 0 else left
            ax.barh(row, value, left=start, height=0.6, color=colour, label=label if row == 0 else None, zorder=2)
            right, left = (right + value, left) if value >= 0 else (right, left + value)
        ax.plot([means[area]] * 2, [row - 0.36, row + 0.36], color=INK, linewidth=1.6, zorder=3)
    ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    n_units = {a: np.count_nonzero((areas == a) & np.isfinite(total)) for a in names}
    label_rows(ax, [f"{area_name(a)} (n = {n_units[a]})" for a in names], [palette[a] for a in names])
    ax.set_xlabel("fraction of deviance explained beyond the task, mean over units")
    if not names:
        note(ax, "no unit has been scored")
        return ax
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, fontsize=8.5, handlelength=1.0,
        columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip
    return ax


def benefit_between_areas(result: xr.Dataset, *, matched: bool = True, ax: Axes | None = None) -> Axes:
    """Draw how much partners of one area explain of units of another, as a matrix.

    Parameters
    ----------
    result : xarray.Dataset
        ``benefit_from (unit, source_area)`` and, for equally many partners, ``benefit_from_matched``, with the
        coordinate ``area (unit)``.
    matched : bool
        Equally many partners of each area; otherwise all.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Rows are the areas explained, columns those that explain; medians over units. Empty where an area has too few
        units to be a source.

    Examples
    --------
    >>> values = [[0.02, 0.01], [0.0, 0.03]]
    >>> result = xr.Dataset(
    ...     {"benefit_from_matched": (("unit", "source_area"), values)},
    ...     coords={"area": ("unit", ["V1", "PPC"]), "source_area": ["V1", "PPC"]},
    ... )
    >>> benefit_between_areas(result).get_xlabel()
    'partners of'
    """
    name = "benefit_from_matched" if matched else "benefit_from"
    if name not in result:
        found = "them, but not equally many" if "benefit_from" in result else "none"
        remedy = "draw them with matched=False" if "benefit_from" in result else "fit the step 'sources', of two areas"
        raise SelectionError(name, expected="benefits of partners by area", found=found, remedy=remedy)
    values = result[name]
    areas = values["area"].values.astype(str)
    sources = [str(name) for name in values["source_area"].values]
    targets = [name for name in sources if (areas == name).any()]
    targets += sorted({name for name in areas if name and name not in sources})
    grid = np.full((len(targets), len(sources)), np.nan)
    for row, target in enumerate(targets):
        for column in range(len(sources)):
            grid[row, column] = median_interval(values.values[areas == target, column]).median
    ax = start_axes(ax, width=1.8 + 0.55 * len(sources), height=1.4 + 0.42 * len(targets))
    if not targets:
        note(ax, "no unit has been scored")
        return ax
    top = max(float(np.nanmax(grid, initial=0.0)), 1e-6)
    ax.imshow(grid, cmap="Blues", vmin=0, vmax=top, aspect="auto")
    for row, column in np.ndindex(grid.shape):
        value = grid[row, column]
        if np.isfinite(value):
            tone = "white" if value > 0.6 * top else INK
            shown = f"{1000 * value:.1f}".replace("-0.0", "0.0").replace("-", "−")
            ax.text(column, row, shown, ha="center", va="center", fontsize=7.5, color=tone)
        else:
            ax.text(column, row, "–", ha="center", va="center", fontsize=7.5, color=FAINT)
    ax.set_xticks(range(len(sources)), sources, rotation=40, ha="right")
    ax.set_yticks(range(len(targets)), targets)
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.set_xlabel("partners of")
    ax.set_ylabel("explain units of")
    return ax
