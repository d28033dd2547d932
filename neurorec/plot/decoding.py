"""Decoding and predictivity against time, and the times at which conditions are solved."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import label_rows, note, spread, start_axes
from neurorec.plot.palette import INK, MUTED, area_colours, area_name, colours_for, readable


def accuracy_against_time(
    times: xr.Dataset, *, area: str | None = None, colours: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the accuracy of each condition against time in one area, with criteria and solution times.

    Parameters
    ----------
    times : xarray.Dataset
        ``accuracy (area, condition, time)`` with attrs ``chance`` and, optionally, ``measure``; where there are
        ``criterion``, ``solution_time``, ``low`` and ``high`` (area, condition), they are marked.
    area : str, optional
        By default the first.
    colours : mapping of str to str, optional
        Colour per condition.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Time in ms; a dashed line at chance; on each curve a dot where it meets its criterion, and beneath the curves
        its interval over trials, an arrow where that is open.

    Examples
    --------
    >>> accuracy = [[[0.5, 0.5, 0.9, 0.9]]]
    >>> times = xr.Dataset(
    ...     {"accuracy": (("area", "condition", "time"), accuracy)},
    ...     coords={"area": ["IT"], "condition": ["easy"], "time": [0.1, 0.2, 0.3, 0.4]},
    ...     attrs={"chance": 0.5},
    ... )
    >>> accuracy_against_time(times).get_xlabel()
    'time after the event (ms), end of the window'
    """
    ax = start_axes(ax, width=6, height=4)
    data = times.isel(area=0) if area is None else times.sel(area=area)
    names = [str(c) for c in data["condition"].values]
    palette = area_colours(names) if colours is None else colours
    ms = 1000 * data["time"].values
    ax.axhline(data.attrs["chance"], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    curves = dict(zip(names, data["accuracy"].values, strict=True))
    for name, curve in curves.items():
        ax.plot(ms, curve, color=palette[name], linewidth=1.5, zorder=3)
    known = [v[np.isfinite(v)] for v in curves.values()]
    low, high = (f([f(v, initial=data.attrs["chance"]) for v in known]) for f in (np.min, np.max))
    reach = max(high - low, 1e-3)
    floor = low - 0.04 * reach
    if "solution_time" in data:
        for row, name in enumerate(names):
            floor = low - (0.07 + 0.05 * row) * reach
            _mark(ax, data.sel(condition=name), floor, palette[name], (ms[0], ms[-1]))
    ax.set_ylim(floor - 0.05 * reach, high + 0.05 * reach)
    ax.set_xlim(ms[0], ms[-1])
    level = np.array([data.attrs["chance"]])
    _name_curves(ax, {"chance": level, **curves}, {"chance": MUTED, **palette}, ms[-1])
    ax.set_xlabel("time after the event (ms), end of the window")
    held = "held-out d'" if data.attrs.get("measure") == "dprime" else "held-out accuracy (classes balanced)"
    ax.set_ylabel(f"{held}\n{area_name(str(data['area'].values))}")
    return ax


def solution_times_by_area(
    times: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the solution time of every condition in every area.

    Parameters
    ----------
    times : xarray.Dataset
        ``solution_time``, ``low``, ``high`` (s) and ``status``, each (area, condition).
    colours : mapping of str to str, optional
        Colour per condition.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A row per area, a dot and its interval per condition, in ms; open ends as arrows; what was not solved is said
        in words.

    Examples
    --------
    >>> dims = ("area", "condition")
    >>> times = xr.Dataset(
    ...     {"solution_time": (dims, [[0.1, np.nan]]), "low": (dims, [[0.09, np.nan]]),
    ...      "high": (dims, [[0.12, np.nan]]), "status": (dims, [["solved", "never"]])},
    ...     coords={"area": ["IT"], "condition": ["easy", "hard"]},
    ... )
    >>> [t.get_text() for t in solution_times_by_area(times).texts]
    ['hard: never']
    """
    names, areas = ([str(v) for v in times[k].values] for k in ("condition", "area"))
    ax = start_axes(ax, width=6, height=1.2 + 0.42 * len(areas))
    palette = area_colours(names) if colours is None else colours
    label_rows(ax, [area_name(a) for a in areas], [INK] * len(areas))
    ends = 1000 * np.concatenate([times[k].values.ravel() for k in ("solution_time", "low", "high")])
    ends = ends[np.isfinite(ends)]
    left, right = (ends.min(), ends.max()) if ends.size else (0.0, 1.0)
    room = 0.08 * max(right - left, 10.0)
    left, right = left - room, right + room
    for i, area in enumerate(areas):
        remarks = []
        for j, name in enumerate(names):
            one = times.sel(area=area, condition=name)
            y = i + (j - (len(names) - 1) / 2) * 0.5 / max(len(names), 2)
            if str(one["status"].values) == "solved":
                _interval(ax, one, y, palette[name], (left, right))
                ax.plot(1000 * float(one["solution_time"]), y, "o", color=palette[name], markersize=5, zorder=3)
            else:
                remarks.append(f"{name}: {str(one['status'].values).replace('_', ' ')}")
        if remarks:
            ax.text(right, i, "\n".join(remarks), color=MUTED, fontsize=7.5, style="italic", ha="left", va="center")
    ax.set_xlim(left, right)
    ax.set_xlabel("solution time (ms after the event)")
    handles = [ax.plot([], [], "o-", color=palette[n], markersize=5, label=n)[0] for n in names]
    ax.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(names), frameon=False, fontsize=8.5)
    return ax


def predictivity_against_time(
    result: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw what a time-invariant predictor explains against time, by area.

    Parameters
    ----------
    result : xarray.Dataset
        ``explained (time, unit)`` with the coordinates ``area (unit)`` and ``time`` (s); ``ceiling (time, unit)``,
        where it is there, is drawn thin.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Means over the units where the share is defined, with a band of two standard errors over units. A window where
        fewer than half of an area's units are defined is left open, since those few are a selection.

    Examples
    --------
    >>> result = xr.Dataset(
    ...     {"explained": (("time", "unit"), [[0.5, 0.6], [0.3, 0.2]])},
    ...     coords={"area": ("unit", ["IT", "IT"]), "time": [0.1, 0.2]},
    ... )
    >>> predictivity_against_time(result).get_lines()[1].get_ydata().round(2).tolist()
    [0.55, 0.25]
    """
    ax = start_axes(ax, width=6, height=4)
    palette = colours_for(result, colours)
    ms, area = 1000 * result["time"].values, result["area"].values.astype(str)
    ax.axhline(0, color=MUTED, linewidth=0.9, zorder=1)
    curves = {}
    for name in sorted(set(area)):
        values = result["explained"].values[:, area == name]
        n = np.isfinite(values).sum(axis=1)
        kept = np.where((n >= values.shape[1] / 2)[:, None], np.nan_to_num(values), np.nan)
        mean = kept.sum(axis=1) / np.maximum(n, 1)
        spare = np.where(np.isfinite(values), values - mean[:, None], 0.0)
        error = np.sqrt((spare**2).sum(axis=1) / np.maximum(n - 1, 1) / np.maximum(n, 1))
        ax.plot(ms, mean, color=palette[name], linewidth=1.5, zorder=3)
        ax.fill_between(ms, mean - 2 * error, mean + 2 * error, color=palette[name], alpha=0.18, linewidth=0)
        if "ceiling" in result:
            ceiling = result["ceiling"].values[:, area == name]
            known = np.isfinite(ceiling)
            line = np.where(known, ceiling, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
            ax.plot(ms, line, color=palette[name], linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=2)
        curves[name] = mean
    ax.set_xlim(ms[0], ms[-1])
    _name_curves(ax, curves, palette, ms[-1])
    ax.set_xlabel("time after the event (ms)")
    ax.set_ylabel("share of explainable variance predicted\nby features that do not change in time")
    if "ceiling" in result:
        note(ax, "dotted: reliability of the responses")
    return ax


def _mark(ax: Axes, one: xr.Dataset, y: float, colour: str, limits: tuple[float, float]) -> None:
    """A dot where the curve meets its criterion, a thread down from it, and the interval at the foot."""
    when, level = 1000 * float(one["solution_time"]), float(one["criterion"])
    if not np.isfinite(when):
        return
    ax.plot([when, when], [y, level], color=colour, linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=2)
    ax.plot(when, level, "o", color=colour, markersize=6, markeredgecolor="white", zorder=4)
    _interval(ax, one, y, colour, limits)


def _interval(ax: Axes, one: xr.Dataset, y: float, colour: str, limits: tuple[float, float]) -> None:
    low, high = (1000 * float(one[k]) for k in ("low", "high"))
    if np.isnan(low) or np.isnan(high):
        return
    ends = max(low, limits[0]), min(high, limits[1])
    ax.plot(ends, [y, y], color=colour, linewidth=2, alpha=0.7, zorder=2, solid_capstyle="butt")
    for end, place, arrow in ((low, ends[0], "<"), (high, ends[1], ">")):
        if np.isinf(end):
            ax.plot(place, y, arrow, color=colour, markersize=5, zorder=3, clip_on=False)


def _name_curves(ax: Axes, curves: Mapping[str, np.ndarray], palette: Mapping[str, str], right: float) -> None:
    """Write each curve's name beside its last known value."""
    ends = {n: v[np.isfinite(v)][-1] for n, v in curves.items() if np.isfinite(v).any()}
    low, high = ax.get_ylim()
    ax.set_ylim(low, high)
    order = sorted(ends, key=lambda n: ends[n])
    places = spread([ends[n] for n in order], gap=0.055 * (high - low), low=low, high=high)
    for name, place in zip(order, places, strict=True):
        ink = readable(palette[name])
        style = {"fontsize": 8.5, "fontweight": "bold", "va": "center", "xytext": (5, 0)}
        ax.annotate(
            area_name(name), (right, place), textcoords="offset points", color=ink, annotation_clip=False, **style
        )
