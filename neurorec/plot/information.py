"""What activity says about the class of a trial: through time, unit by unit, and how steadily."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray

from neurorec.plot.canvas import note, spread, start_axes
from neurorec.plot.intervals import fair_range
from neurorec.plot.palette import INK, MUTED, area_colours, area_name, readable

_ALL = "all units"


def information_over_time(
    found: xr.Dataset,
    *,
    cumulative: bool = False,
    tempered: bool = False,
    model: str | None = None,
    truth: xr.DataArray | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw what each area's activity says about the class, bin by bin or in all bins so far.

    Parameters
    ----------
    found : xarray.Dataset
        ``population_information`` or ``population_cumulative_information (model, population, time_from_event)``, bits,
        with ``*_low`` and ``*_high``; or ``population_tempered_*``.
    cumulative : bool
        All bins so far.
    tempered : bool
        Likelihoods to the power at which they decode best, where sums over units and bins are too sure of themselves.
    model : str, optional
        Which; the last by default.
    truth : xarray.DataArray (population, time_from_event), optional
        What was planted, bits; drawn broken.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Lines with 95% intervals against the time from the event in s.

    Examples
    --------
    >>> dims, value = ("model", "population", "time_from_event"), [[[0.0, 0.2]]]
    >>> names = [f"population_information{end}" for end in ("", "_low", "_high")]
    >>> found = xr.Dataset(
    ...     {name: (dims, value) for name in names},
    ...     coords={"model": ["coupled"], "population": ["V1"], "time_from_event": [0.0, 0.1]},
    ... )
    >>> information_over_time(found).get_xlabel()
    'time from event (s)'
    """
    ax = start_axes(ax, width=6, height=4)
    name = f"population_{'tempered_' * tempered}{'cumulative_' * cumulative}information"
    chosen = found.sel(model=_model(found, model))
    _draw_lines(ax, chosen, name, "time_from_event", 1.0, truth, _palette(found, colours))
    ax.set_xlabel(f"time from {found.attrs.get('event', 'event')} (s)")
    bins = "in all bins so far" if cumulative else "in each bin alone"
    ax.set_ylabel(f"information about {found.attrs.get('column', 'the class')}\n{bins} (bit)")
    _explain(ax, truth, chosen, ", likelihoods tempered" * tempered)
    return ax


def cumulative_information_by_area(
    found: xr.Dataset,
    *,
    model: str | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how the information of single units is distributed in each area.

    Parameters
    ----------
    found : xarray.Dataset
        ``cumulative_information (model, unit, time_from_event)``, bits, and the coordinate ``area (unit)``.
    model : str, optional
        Which; the last by default.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Share of units with at most so many bits in the whole trial; the vertical line parts those called informative.

    Examples
    --------
    >>> found = xr.Dataset(
    ...     {"cumulative_information": (("model", "unit", "time_from_event"), [[[0.1], [0.02]]])},
    ...     coords={"model": ["coupled"], "area": ("unit", ["V1", "V1"])},
    ... )
    >>> cumulative_information_by_area(found).get_legend().get_texts()[0].get_text()
    'V1: 1 of 2 units informative'
    """
    ax = start_axes(ax, width=6, height=4)
    palette, least = _palette(found, colours), float(found.attrs.get("informative_bits", 0.06))
    bits = found["cumulative_information"].sel(model=_model(found, model)).isel(time_from_event=-1).values
    area = found["area"].values.astype(str)
    most = np.nanmax(np.append(bits, 1.5 * least))
    limits = fair_range(bits, include=(0.0, most))  # those that say much are the point; far below 0, few are enough
    for name in sorted(set(area), key=lambda a: (a == "", a)):
        own = np.sort(bits[(area == name) & np.isfinite(bits)])
        if own.size:
            share = np.arange(own.size + 1) / own.size
            label = f"{area_name(name)}: {np.count_nonzero(own > least)} of {own.size} units informative"
            ends = np.concatenate([[limits.low], own, [limits.high]])
            ax.step(ends, [*share, 1.0], where="post", color=palette[name], linewidth=1.5, label=label)
    ax.axvline(least, color=INK, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
    ax.text(least, 1.01, f"{least:g} bit", transform=ax.get_xaxis_transform(), ha="center", fontsize=8, color=INK)
    ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    ax.set_xlim(limits.low, limits.high)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel(f"information about {found.attrs.get('column', 'the class')} in the whole trial (bit)")
    ax.set_ylabel("share of units with at most so much")
    legend = ax.legend(frameon=False, fontsize=8.5, loc="lower right", handlelength=1.2)
    for text in legend.get_texts():
        text.set_color(INK)
    n_outside = int(np.count_nonzero(limits.outside))
    note(ax, f"{n_outside} unit{'' if n_outside == 1 else 's'} beyond the axis" if n_outside else "")
    return ax


def consistency_against_lag(
    consistency: xr.Dataset,
    *,
    model: str | None = None,
    truth: xr.DataArray | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw for how long an area's code stays the same.

    Parameters
    ----------
    consistency : xarray.Dataset
        ``consistency``, ``consistency_low`` and ``consistency_high (model, population, lag)``; ``lag`` in s.
    model : str, optional
        Which; the last by default.
    truth : xarray.DataArray (population, lag), optional
        What was planted; drawn broken.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Correlations with 95% intervals against the lag in ms, from one bin on: at 0 they are 1 by definition.

    Examples
    --------
    >>> dims, value = ("model", "population", "lag"), [[[1.0, 0.2, 0.1]]]
    >>> names = [f"consistency{end}" for end in ("", "_low", "_high")]
    >>> found = xr.Dataset(
    ...     {name: (dims, value) for name in names},
    ...     coords={"model": ["coupled"], "population": ["V1"], "lag": [0.0, 0.1, 0.2]},
    ... )
    >>> consistency_against_lag(found).get_lines()[1].get_xdata().tolist()
    [100.0, 200.0]
    """
    ax = start_axes(ax, width=6, height=4)
    later = consistency.sel(model=_model(consistency, model)).isel(lag=slice(1, None))
    truth = None if truth is None else truth.sel(lag=truth["lag"] > 0)
    _draw_lines(ax, later, "consistency", "lag", 1000.0, truth, _palette(consistency, colours))
    ax.set_xlabel("lag (ms)")
    ax.set_ylabel(f"consistency of the {consistency.attrs.get('column', 'class')} code\n(correlation over trials)")
    _explain(ax, truth, later)
    return ax


def _model(found: xr.Dataset, model: str | None) -> str:
    return str(found["model"].values[-1]) if model is None else model


def _palette(found: xr.Dataset, colours: Mapping[str, str] | None) -> Mapping[str, str]:
    """Colours of the areas; ink for all units together."""
    names = found["area"] if "area" in found.coords else found["population"]
    given = area_colours(set(names.values.astype(str)) - {_ALL}) if colours is None else colours
    return {_ALL: INK} | dict(given)


def _draw_lines(
    ax: Axes,
    chosen: xr.Dataset,
    name: str,
    dim: str,
    scale: float,
    truth: xr.DataArray | None,
    palette: Mapping[str, str],
) -> None:
    """Draw a line with its interval for each population, what was planted beside it, and the names at the ends."""
    ax.axhline(0, color=MUTED, linewidth=0.9, zorder=1)
    x, ends = scale * chosen[dim].values.astype(float), {}
    for population in chosen["population"].values.astype(str):
        one, colour = chosen.sel(population=population), palette[population]
        middle = one[name].values
        known = np.flatnonzero(np.isfinite(middle))
        if not known.size:
            continue
        ax.plot(x, middle, color=colour, linewidth=1.5, zorder=3)
        ax.fill_between(
            x, one[f"{name}_low"].values, one[f"{name}_high"].values, color=colour, alpha=0.18, linewidth=0, zorder=2
        )
        if truth is not None and population in truth["population"].values:
            planted = truth.sel(population=population)
            ax.plot(scale * planted[dim].values, planted.values, color=colour, linewidth=1.2, linestyle=(0, (4, 2)))
        ends[population] = (x[known[-1]], middle[known[-1]])
    _name_ends(ax, ends, palette)


def _name_ends(ax: Axes, ends: Mapping[str, tuple[float, float]], palette: Mapping[str, str]) -> None:
    """Write each population's name to the right of its line."""
    names = sorted(ends, key=lambda name: ends[name][1])
    if not names:
        return
    low, high = ax.get_ylim()
    ax.set_ylim(low, high)
    left, right = ax.get_xlim()
    ax.set_xlim(left, max(x for x, _ in ends.values()))
    step = 0.02 * (right - left)
    heights: NDArray[np.float64] = np.array([ends[name][1] for name in names])
    for name, place in zip(names, spread(heights, gap=0.055 * (high - low), low=low, high=high), strict=True):
        x, y = ends[name]
        ax.plot([x, ax.get_xlim()[1] + step], [y, place], color=palette[name], linewidth=0.6, clip_on=False)
        ax.text(
            ax.get_xlim()[1] + step,
            place,
            f" {area_name(name)}",
            color=readable(palette[name]),
            fontsize=8.5,
            fontweight="bold",
            va="center",
        )


def _explain(ax: Axes, truth: xr.DataArray | None, chosen: xr.Dataset, how: str = "") -> None:
    """Say which model is drawn, and what broken lines are."""
    note(ax, f"{chosen['model'].item()} model{how}" + ("; broken: planted" if truth is not None else ""))
