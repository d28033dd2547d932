"""How long activity remembers: autocorrelations, timescales and branching."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray

from neurorec.plot.canvas import label_rows, log_axis, note, spread, start_axes
from neurorec.plot.intervals import median_interval
from neurorec.plot.palette import INK, MUTED, area_name, colours_for, readable


def timescale_by_area(
    units: xr.Dataset,
    areas: xr.Dataset | None = None,
    *,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the timescale of every unit that has one, by area, with medians and the area's own timescale.

    Parameters
    ----------
    units : xarray.Dataset
        From `neurorec.timescales.intrinsic_timescale`.
    areas : xarray.Dataset, optional
        From `neurorec.timescales.timescale_by_area`: adds the timescale of each area's mean autocorrelation.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Milliseconds on a logarithmic axis, areas from the shortest median down. Intervals are of 95%; one that is open
        to a side ends in a triangle at the axis' edge. Labels count the units with a timescale, of all.

    Examples
    --------
    >>> units = xr.Dataset({"tau": ("unit", [0.02, 0.03, np.nan])}, coords={"area": ("unit", ["V1", "V1", "PPC"])})
    >>> [label.get_text() for label in timescale_by_area(units).get_yticklabels()]
    ['V1 (2 of 2)', 'PPC (0 of 1)']
    """
    palette = colours_for(units, colours)
    tau, area = 1000 * units["tau"].values.astype(float), units["area"].values.astype(str)
    middles = {name: median_interval(tau[area == name]) for name in np.unique(area)}
    names = sorted(middles, key=lambda a: (a == "", np.nan_to_num(middles[a].median, nan=np.inf), a))
    own = _own_timescales(areas)
    ax = start_axes(ax, width=6.4, height=1.2 + 0.5 * len(names))
    ends = [v for interval in [*middles.values(), *own.values()] for v in interval]
    low, high = _log_range(np.concatenate([tau, np.array(ends, dtype=float)]))
    log_axis(ax, np.array([low, high]))
    titles = {"o": "median of units", "D": "mean autocorrelation"}
    for row, name in enumerate(names):
        mine = np.sort(tau[(area == name) & np.isfinite(tau)])
        jitter = (np.arange(mine.size) * 0.618034) % 1.0
        ax.scatter(mine, row - 0.3 + 0.35 * jitter, s=9, color=palette[name], alpha=0.6, linewidth=0, zorder=2)
        _interval(ax, row + 0.13, middles[name], (low, high), marker="o", label=titles.pop("o", None))
        if name in own:
            _interval(ax, row + 0.3, own[name], (low, high), marker="D", label=titles.pop("D", None))
    labels = [f"{area_name(a)} ({np.count_nonzero(np.isfinite(tau[area == a]))} of {(area == a).sum()})" for a in names]
    label_rows(ax, labels, [palette[a] for a in names])
    ax.set_xlim(low, high)
    ax.set_xlabel("autocorrelation timescale (ms)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, fontsize=8.5, borderaxespad=0.2)
    return ax


def autocorrelation_by_area(
    areas: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the mean autocorrelation of each area with the decay fitted to it.

    Parameters
    ----------
    areas : xarray.Dataset
        From `neurorec.timescales.timescale_by_area`.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Dots are the sample from lag 1 on (lag 0 is 1, mostly noise in counting); lines what the fit expects of a
        sample of this size; areas without a fit are joined by dots.

    Examples
    --------
    >>> areas = xr.Dataset(
    ...     {"autocorrelation": (("area", "lag"), [[1, 0.2, 0.1]]), "fitted": (("area", "lag"), [[np.nan, 0.2, 0.1]])},
    ...     coords={"area": ["V1"], "lag": [0.0, 0.05, 0.1]},
    ... )
    >>> autocorrelation_by_area(areas).get_lines()[1].get_xdata().tolist()
    [50.0, 100.0]
    """
    palette = colours_for(areas, colours)
    ax = start_axes(ax, width=6, height=4)
    lag = 1000 * areas["lag"].values[1:]
    ax.axhline(0, color=MUTED, linewidth=0.9, zorder=1)
    ends = {}
    for name in areas["area"].values.astype(str):
        sample = areas["autocorrelation"].sel(area=name).values[1:]
        fitted = areas["fitted"].sel(area=name).values[1:]
        if not np.isfinite(sample).any():
            continue
        known = np.isfinite(fitted).any()
        line = fitted if known else sample
        ax.plot(lag, line, "-" if known else ":", color=palette[name], linewidth=1.5, zorder=3)
        ax.plot(lag, sample, "o", color=palette[name], markersize=3.5, zorder=2, alpha=0.8)
        ends[name] = float(line[np.isfinite(line)][-1])
    _name_ends(ax, ends, palette, float(lag[-1]))
    ax.set_xlabel("lag (ms)")
    ax.set_ylabel("autocorrelation, mean over units")
    return ax


def branching_slopes(result: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw the regression slopes of activity on earlier activity, by area, with the fitted decay.

    Parameters
    ----------
    result : xarray.Dataset
        From `neurorec.timescales.branching_ratio`.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Lag in ms. Beside each line the area, its branching ratio per bin and its timescale.

    Examples
    --------
    >>> result = xr.Dataset(
    ...     {"slopes": (("area", "lag"), [[0.5, 0.4]]), "fitted": (("area", "lag"), [[0.5, 0.4]]), "m": ("area", [0.8]),
    ...      "tau": ("area", [0.018])}, coords={"area": ["V1"], "lag": [0.004, 0.008]},
    ... )
    >>> branching_slopes(result).texts[0].get_text().strip()
    'V1: m = 0.800, 18 ms'
    """
    palette = colours_for(result, colours)
    ax = start_axes(ax, width=6.4, height=4)
    lag = 1000 * result["lag"].values
    ax.axhline(0, color=MUTED, linewidth=0.9, zorder=1)
    ends, labels = {}, {}
    for name in result["area"].values.astype(str):
        one = result.sel(area=name)
        slopes, fitted = one["slopes"].values, one["fitted"].values
        if not np.isfinite(slopes).any():
            continue
        known = np.isfinite(fitted).all()
        ax.plot(lag, slopes, "o", color=palette[name], markersize=3, alpha=0.6, linewidth=0, zorder=2)
        ax.plot(lag, fitted if known else slopes, "-" if known else ":", color=palette[name], linewidth=1.5, zorder=3)
        ends[name] = float((fitted if known else slopes)[-1])
        tau = 1000 * float(one["tau"])
        labels[name] = f"{area_name(name)}: " + (f"m = {float(one['m']):.3f}, {tau:.3g} ms" if known else "no fit")
    _name_ends(ax, ends, palette, float(lag[-1]), labels)
    ax.set_xlabel("lag (ms)")
    ax.set_ylabel("slope of activity on activity a lag earlier")
    return ax


def _own_timescales(areas: xr.Dataset | None) -> dict[str, tuple[float, float, float]]:
    """Timescale of each area's mean autocorrelation with its interval, ms."""
    if areas is None:
        return {}
    values = 1000 * np.stack([areas[name].values for name in ("tau", "tau_low", "tau_high")], axis=1)
    return {str(a): tuple(v) for a, v in zip(areas["area"].values, values.tolist(), strict=True) if np.isfinite(v[0])}


def _log_range(values: NDArray) -> tuple[float, float]:
    known = values[np.isfinite(values) & (values > 0)]
    if not known.size:
        return 1.0, 1000.0
    return float(known.min() / 1.25), float(known.max() * 1.25)


def _interval(
    ax: Axes,
    row: float,
    interval: tuple[float, float, float],
    limits: tuple[float, float],
    *,
    marker: str,
    label: str | None,
) -> None:
    """Draw a middle with its interval; an end at 0 or infinity becomes a triangle on the edge."""
    middle, low, high = interval
    ends = np.clip([low, high], *limits)
    ax.plot(ends, [row, row], color=INK, linewidth=1.8, solid_capstyle="butt", zorder=4)
    style = {"markersize": 5.5, "markerfacecolor": "white", "markeredgecolor": INK, "linestyle": "none", "zorder": 5}
    ax.plot(middle, row, marker, label=label, **style)
    for end, open_, shape in ((limits[0], low <= 0, "<"), (limits[1], np.isposinf(high), ">")):
        if open_:
            ax.plot(end, row, shape, color=INK, markersize=5, clip_on=False, zorder=5)


def _name_ends(
    ax: Axes,
    ends: Mapping[str, float],
    palette: Mapping[str, str],
    right: float,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Write each area's name beside the end of its line."""
    names = sorted(ends, key=lambda area: ends[area])
    low, high = ax.get_ylim()
    left = ax.get_xlim()[0]
    ax.set_ylim(low, high)
    ax.set_xlim(left, right + 0.02 * (right - left))
    places = spread([ends[a] for a in names], gap=0.055 * (high - low), low=low, high=high)
    for name, place in zip(names, places, strict=True):
        reach = right + 0.06 * (right - left)
        ax.plot([right + 0.02 * (right - left), reach], [ends[name], place], color=palette[name], lw=0.6, clip_on=False)
        text = area_name(name) if labels is None else labels[name]
        ax.text(reach, place, f" {text}", color=readable(palette[name]), fontsize=8.5, fontweight="bold", va="center")
    if not names:
        note(ax, "no area has an answer")
