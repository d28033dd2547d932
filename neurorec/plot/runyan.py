"""The figures of Runyan et al. 2017: coupling by area and context, with what was planted beside what was found."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from neurorec.plot.canvas import label_rows, note, spread, start_axes
from neurorec.plot.intervals import Range, beyond, fair_range, median_interval
from neurorec.plot.palette import INK, MUTED, area_name, colours_for, readable

_BROKEN = (0, (4, 2))
_PLANTED = {"marker": "D", "markersize": 6.5, "markerfacecolor": "none", "markeredgewidth": 1.3, "linestyle": "none"}


def explained_distribution(
    units: xr.Dataset,
    *,
    model: str,
    context: str | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the cumulative distribution over units of the fraction of deviance that a model explains.

    Parameters
    ----------
    units : xarray.Dataset
        ``unit_fde (unit, model)`` with the coordinates ``area`` and ``context (unit)``; ``planted_<model> (unit)``
        where there is one.
    model : str
        Which.
    context : str, optional
        Units of this context only.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line for each area; broken: what was planted.

    Examples
    --------
    >>> coords = {"model": ["coupled"], "area": ("unit", ["AC", "AC"]), "context": ("unit", ["", ""])}
    >>> units = xr.Dataset({"unit_fde": (("unit", "model"), [[0.1], [0.2]])}, coords=coords)
    >>> explained_distribution(units, model="coupled").get_xlabel()
    'fraction of deviance explained, coupled model'
    """
    ax = start_axes(ax, width=5.2, height=4)
    palette = colours_for(units, colours)
    chosen = units if context is None else units.isel(unit=np.flatnonzero(units["context"].values == context))
    area, fde = chosen["area"].values.astype(str), chosen["unit_fde"].sel(model=model).values
    planted = chosen[f"planted_{model}"].values if f"planted_{model}" in chosen else np.full(fde.size, np.nan)
    limits = _explained_range(units, model)
    for name in sorted(set(area)):
        for values, style in ((fde, "-"), (planted, _BROKEN)):
            own = np.sort(values[(area == name) & np.isfinite(values)])
            if own.size:
                ends = np.concatenate([[limits.low], own, [max(limits.high, own[-1])]])
                share = np.concatenate([np.arange(own.size + 1) / own.size, [1.0]])
                label = f"{area_name(name)} (n = {own.size})" if style == "-" else None
                ax.step(ends, share, where="post", color=palette[name], linestyle=style, linewidth=1.5, label=label)
    ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    ax.set(xlim=(limits.low, limits.high), ylim=(0, 1.02), ylabel="share of units with at most so much")
    ax.set_xlabel(f"fraction of deviance explained, {model} model")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    _legend(ax, planted=_any(planted))
    return ax


def index_by_context(
    units: xr.Dataset,
    *,
    value: str = "benefit",
    limits: tuple[float, float] | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the coupling index of every unit, by area and context.

    Parameters
    ----------
    units : xarray.Dataset
        ``benefit (unit)``, or another of its kind, with the coordinates ``area``, ``context`` and ``session (unit)``;
        ``planted_benefit (unit)`` where there is one.
    value : str
        Which variable.
    limits : (float, float), optional
        Of the axis, for figures that stand side by side.
    colours, ax
        See `explained_distribution`.

    Returns
    -------
    matplotlib.axes.Axes
        A row for each area and context: units (dots), the median of each session (bars), the median over units with
        its 95% interval (white circle), and that of what was planted (diamond).

    Examples
    --------
    >>> coords = {name: ("unit", ["AC", "AC"]) for name in ("area", "context", "session")}
    >>> index_by_context(xr.Dataset({"benefit": ("unit", [0.1, 0.2])}, coords=coords)).get_yticklabels()[0].get_text()
    'AC, AC (n = 2)'
    """
    palette, rows = colours_for(units, colours), _rows(units)
    ax = start_axes(ax, width=6, height=0.9 + 0.6 * len(rows))
    found = units[value].values.astype(float)
    planted = units["planted_benefit"].values if "planted_benefit" in units else np.full(found.size, np.nan)
    shown = fair_range(found, include=[np.nanmedian(planted[at]) for at in rows.values() if _any(planted[at])] + [0.0])
    if limits is not None:
        shown = Range(*limits, np.isfinite(found) & ((found < limits[0]) | (found > limits[1])))
    ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    labels = []
    for row, ((area, context), at) in enumerate(rows.items()):
        values = np.sort(found[at][np.isfinite(found[at])])
        jitter = (np.arange(values.size) * 0.618034) % 1.0 - 0.5
        dots = {"s": 8, "color": palette[area], "alpha": 0.5, "linewidth": 0}
        ax.scatter(np.clip(values, shown.low, shown.high), row + 0.44 * jitter, **dots)
        for session in sorted(set(units["session"].values[at].astype(str))):
            middle = np.nanmedian(found[at][units["session"].values[at] == session])
            ax.plot([middle, middle], [row - 0.3, row + 0.3], color=palette[area], linewidth=2, alpha=0.8, zorder=3)
        interval = median_interval(found[at])
        ax.plot([interval.low, interval.high], [row, row], color=INK, linewidth=2.2, solid_capstyle="butt", zorder=4)
        ax.plot(interval.median, row, "o", markersize=6, markerfacecolor="white", markeredgecolor=INK, zorder=5)
        if _any(planted[at]):
            ax.plot(np.nanmedian(planted[at]), row, color=INK, zorder=6, **_PLANTED)
        labels.append(", ".join(filter(None, (area_name(area), context))) + f" (n = {values.size})")
    label_rows(ax, labels, [palette[area] for area, _ in rows])
    ax.set_xlim(shown.low, shown.high)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_xlabel("coupling index (coupled − uncoupled\nfraction of deviance explained)")
    outside = beyond(found, shown)
    note(ax, f"\n\n{outside}" if outside else "")
    return ax


def index_of_subsamples(draws: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw the coupling index of random subsamples of equally many units, session by session.

    Parameters
    ----------
    draws : xarray.Dataset
        ``benefit_by_draw (row, draw)``: median over the units of a draw; with the coordinates ``area``, ``context`` and
        ``session (row)``.
    colours, ax
        See `explained_distribution`.

    Returns
    -------
    matplotlib.axes.Axes
        A row for each session: its draws, and their median.

    Examples
    --------
    >>> coords = {name: ("row", ["AC"]) for name in ("area", "context", "session")}
    >>> draws = xr.Dataset({"benefit_by_draw": (("row", "draw"), [[0.1, 0.2]])}, coords=coords)
    >>> len(index_of_subsamples(draws).get_yticklabels())
    1
    """
    palette, n_rows = colours_for(draws, colours), draws.sizes["row"]
    ax = start_axes(ax, width=6, height=1 + 0.32 * n_rows)
    ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    order = np.lexsort([draws[name].values.astype(str) for name in ("session", "context", "area")])
    names = []
    for row, at in enumerate(order):
        one = draws.isel(row=at)
        colour, values = palette[str(one["area"].values)], one["benefit_by_draw"].values
        values = np.sort(values[np.isfinite(values)])
        jitter = (np.arange(values.size) * 0.618034) % 1.0 - 0.5
        ax.scatter(values, row + 0.5 * jitter, s=12, color=colour, alpha=0.6, linewidth=0, zorder=2)
        if values.size:
            middle = np.median(values)
            ax.plot([middle, middle], [row - 0.32, row + 0.32], color=INK, linewidth=1.8, zorder=3)
        several = (draws["session"].values == one["session"].values).sum() > 1
        names.append(str(one["session"].values).replace("_", " ") + (f", {one['area'].values}" if several else ""))
    label_rows(ax, names, [palette[str(draws["area"].values[at])] for at in order])
    ax.set_xlabel("median coupling index of a draw\n(fraction of deviance explained)")
    return ax


def index_against_lag(units: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw the coupling index through the filters of one lag at a time, with the planted kernels beside it.

    Parameters
    ----------
    units : xarray.Dataset
        ``benefit_by_lag (unit, lag)`` with the coordinates ``area (unit)`` and ``lag`` (s); ``true_memory (unit)`` (s)
        where coupling was planted.
    colours, ax
        See `explained_distribution`.

    Returns
    -------
    matplotlib.axes.Axes
        Medians over units with 95% intervals, lags evenly spaced. Broken: ``exp(-lag / memory)``, 1 at lag 0, scaled
        to the area's largest median; none where that is not above 0.

    Examples
    --------
    >>> coords = {"area": ("unit", ["AC"]), "lag": [0.0, 0.1]}
    >>> units = xr.Dataset({"benefit_by_lag": (("unit", "lag"), [[0.1, 0.05]])}, coords=coords)
    >>> [label.get_text() for label in index_against_lag(units).get_xticklabels()]
    ['0', '100']
    """
    ax = start_axes(ax, width=6.4, height=4)
    palette, lags = colours_for(units, colours), units["lag"].values.astype(float)
    values, area, place = (
        units["benefit_by_lag"].values,
        units["area"].values.astype(str),
        np.arange(units.sizes["lag"]),
    )
    names = [name for name in sorted(set(area)) if _any(values[area == name])]
    ax.axhline(0, color=MUTED, linewidth=0.9, zorder=1)
    ends, planted = {}, False
    for name, shift in zip(names, 0.16 * (np.arange(len(names)) - (len(names) - 1) / 2), strict=True):
        own = values[area == name]
        middle, low, high = np.array([median_interval(own[:, i]) for i in place]).T
        ax.plot(place + shift, middle, "-o", color=palette[name], markersize=4.5, linewidth=1.3, zorder=3)
        ax.vlines(place + shift, low, high, color=palette[name], linewidth=1.3, alpha=0.6, zorder=2)
        ends[name] = middle[-1]
        memory = units["true_memory"].values[area == name] if "true_memory" in units else np.array([np.nan])
        if _any(memory) and np.nanmax(middle) > 0:
            kernel = np.nanmax(middle) * np.exp(-lags / np.nanmedian(memory))
            ax.plot(place + shift, kernel, color=palette[name], linewidth=1.2, linestyle=_BROKEN)
            planted = True
    _name_ends(ax, ends, palette, len(lags) - 1)
    ax.set_xticks(place, [f"{1000 * lag:.0f}" for lag in lags])
    ax.set_xlabel("lag (ms), filters of this lag alone")
    ax.set_ylabel("coupling index\n(fraction of deviance explained)")
    note(ax, "broken: planted kernel, scaled to the largest median" if planted else "")
    return ax


def index_against(
    units: xr.Dataset,
    x: str,
    *,
    value: str = "benefit",
    planted: str = "planted_benefit",
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the coupling index, or another measure, of every unit against one of its properties.

    Parameters
    ----------
    units : xarray.Dataset
        The two variables over ``unit``, with the coordinate ``area (unit)``; their ``long_name`` names the axes.
    x, value : str
        Which.
    planted : str
        The variable that holds what was planted, where there is one: drawn hollow.
    colours, ax
        See `explained_distribution`.

    Returns
    -------
    matplotlib.axes.Axes
        A dot for each unit, and each area's Pearson correlation; extreme units are on the edge, and counted beneath.

    Examples
    --------
    >>> units = xr.Dataset({name: ("unit", [1.0, 2.0, 3.0]) for name in ("rate", "benefit")})
    >>> units = units.assign_coords(area=("unit", ["AC"] * 3))
    >>> index_against(units, "rate").get_legend().get_texts()[0].get_text()
    'AC: r = 1.00 (n = 3)'
    """
    ax = start_axes(ax, width=5.4, height=4)
    palette, area = colours_for(units, colours), units["area"].values.astype(str)
    across, found = units[x].values.astype(float), units[value].values.astype(float)
    truth = units[planted].values if planted in units else np.full(found.size, np.nan)
    limits = fair_range(found, include=[0.0, np.nanmax(truth) if _any(truth) else 0.0])
    ax.axhline(0, color=MUTED, linewidth=0.9, zorder=1)
    for name in sorted(set(area)):
        own = area == name
        ring = {"facecolor": "none", "edgecolor": palette[name], "linewidth": 0.7, "alpha": 0.6}
        ax.scatter(across[own], np.clip(truth[own], limits.low, limits.high), s=16, **ring, zorder=2)
        known = own & np.isfinite(across) & np.isfinite(found)
        r = _pearson(across[known], found[known])
        label = f"{area_name(name)}: r = {r:.2f} (n = {known.sum()})".replace("-", "−")
        dots = np.clip(found[known], limits.low, limits.high)
        ax.scatter(across[known], dots, s=14, color=palette[name], alpha=0.7, linewidth=0, zorder=3, label=label)
    ax.set_ylim(limits.low, limits.high)
    ax.set_xlabel(str(units[x].attrs.get("long_name", x)))
    ax.set_ylabel(str(units[value].attrs.get("long_name", value)))
    ax.legend(frameon=False, fontsize=8.5, loc="best", handletextpad=0.1)
    outside = beyond(found, limits)
    note(ax, "; ".join(filter(None, ("hollow: planted" if _any(truth) else "", outside))))
    return ax


def code_across_sessions(
    code: xr.Dataset, name: str, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw what populations say about the class of a trial, or for how long they say the same, session by session.

    Parameters
    ----------
    code : xarray.Dataset
        ``<name> (row, time_from_event)`` in bits, or ``(row, lag)`` for ``consistency``; a row for each session's area,
        with the coordinate ``area (row)``; ``planted_<name>`` where there is one.
    name : str
        Which variable.
    colours, ax
        See `explained_distribution`.

    Returns
    -------
    matplotlib.axes.Axes
        Thin lines for sessions, thick ones for their means; broken: what was planted, mean over sessions.

    Examples
    --------
    >>> coords = {"area": ("row", ["AC"]), "time_from_event": [0.0, 0.1]}
    >>> code = xr.Dataset({"information": (("row", "time_from_event"), [[0.0, 0.1]])}, coords=coords)
    >>> code_across_sessions(code, "information").get_xlabel()
    'time from event (s)'
    """
    ax = start_axes(ax, width=5.4, height=3.8)
    palette, area = colours_for(code, colours), code["area"].values.astype(str)
    dim = str(code[name].dims[-1])
    kept = slice(1, None) if dim == "lag" else slice(None)  # at lag 0 a correlation is 1 by definition
    x = (1000 if dim == "lag" else 1) * code[dim].values[kept].astype(float)
    ax.axhline(0, color=MUTED, linewidth=0.9, zorder=1)
    ends, planted = {}, f"planted_{name}" in code
    for one in sorted(set(area)):
        lines = code[name].values[area == one][:, kept]
        for line in lines:
            ax.plot(x, line, color=palette[one], linewidth=0.6, alpha=0.45, zorder=2)
        middle = _mean(lines)
        ax.plot(x, middle, color=palette[one], linewidth=1.8, zorder=4)
        if planted:
            truth = _mean(code[f"planted_{name}"].values[area == one][:, kept])
            ax.plot(x, truth, color=palette[one], linewidth=1.2, linestyle=_BROKEN, zorder=3)
        if _any(middle):
            ends[one] = middle[np.isfinite(middle)][-1]
    ax.set_xlim(x[0], x[-1])
    _name_ends(ax, ends, palette, x[-1])
    ax.set_xlabel("lag (ms)" if dim == "lag" else f"time from {code.attrs.get('event', 'event')} (s)")
    ax.set_ylabel(str(code[name].attrs.get("long_name", name)))
    return ax


def _rows(units: xr.Dataset) -> dict[tuple[str, str], NDArray]:
    """Positions of the units of each area and context."""
    pairs = list(zip(units["area"].values.astype(str), units["context"].values.astype(str), strict=True))
    return {pair: np.array([i for i, own in enumerate(pairs) if own == pair]) for pair in sorted(set(pairs))}


def _explained_range(units: xr.Dataset, model: str) -> Range:
    """One range for all contexts, which holds everything that was planted and nearly everything that was found."""
    found = units["unit_fde"].sel(model=model).values
    planted = units[f"planted_{model}"].values if f"planted_{model}" in units else np.full(1, np.nan)
    most = np.nanmax(planted) if _any(planted) else 0.0
    return fair_range(found, include=[0.0, most, *np.nanquantile(found, [0.02, 0.98])])


def _any(values: NDArray) -> bool:
    return bool(np.isfinite(values).any())


def _mean(lines: NDArray) -> NDArray:
    """Mean over the sessions that have a value."""
    known = np.isfinite(lines)
    with np.errstate(invalid="ignore"):
        return np.where(known, lines, 0).sum(axis=0) / known.sum(axis=0)


def _pearson(x: NDArray, y: NDArray) -> float:
    return float(np.corrcoef(x, y)[0, 1]) if x.size > 2 and np.ptp(x) > 0 and np.ptp(y) > 0 else float("nan")


def _legend(ax: Axes, *, planted: bool) -> None:
    """Name the areas, and say what broken lines are."""
    handles, labels = ax.get_legend_handles_labels()
    if planted:
        handles, labels = [*handles, Line2D([], [], color=MUTED, linestyle=_BROKEN)], [*labels, "planted"]
    ax.legend(handles, labels, frameon=False, fontsize=8.5, loc="best", handlelength=1.6)


def _name_ends(ax: Axes, ends: Mapping[str, float], palette: Mapping[str, str], right: float) -> None:
    """Write each area's name to the right of its line."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high)
    names = sorted(ends, key=lambda name: ends[name])
    heights = spread([ends[name] for name in names], gap=0.06 * (high - low), low=low, high=high)
    reach = right + 0.03 * (ax.get_xlim()[1] - ax.get_xlim()[0])
    for name, height in zip(names, heights, strict=True):
        look = {"color": readable(palette[name]), "fontsize": 8.5, "fontweight": "bold", "va": "center"}
        ax.text(reach, height, f" {area_name(name)}", clip_on=False, **look)
