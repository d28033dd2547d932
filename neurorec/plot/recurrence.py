"""The benefit that is measured, against the recurrence that there is, where it is known."""

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from numpy.typing import ArrayLike, NDArray

from neurorec.plot.canvas import spread, start_axes
from neurorec.plot.palette import COLOURS, FAINT, INK, MUTED, readable
from neurorec.recording import InputError

_SHARE = "true recurrence: share of a unit's drive that comes from\nthe other units and that inputs do not determine"
_BENEFIT = "benefit: fraction of deviance"
_ALL = "all there is to know"


def benefit_against_recurrence(points: xr.Dataset, *, inputs: str = "known", ax: Axes | None = None) -> Axes:
    """Draw the measured benefit of networks against their true recurrence, a line per share of units seen.

    Parameters
    ----------
    points : xarray.Dataset
        Over ``network``, ``inputs`` and ``seen``: see `neurorec.study.calibrate_recurrence`.
    inputs : {"known", "unknown"}
        Whether the analysis was told of the inputs.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Dots are networks, lines join the means of networks of one gain, shades are between the quartiles of their
        units; the dark line is the planted benefit, of who knows all there is to know. The benefit is on an axis of
        square roots, so that small ones are seen.

    Examples
    --------
    >>> dims = ("network", "inputs", "seen")
    >>> found = {name: (dims, [[[0.0]], [[0.1]]]) for name in ("benefit", "low", "high")}
    >>> truth = {name: ("network", [0.0, 0.4]) for name in ("share", "planted", "gain")}
    >>> points = xr.Dataset(found | truth, coords={"inputs": ["known"], "seen": [1.0]})
    >>> [line.get_ydata().tolist() for line in benefit_against_recurrence(points).get_lines()[1:3]]
    [[0.0, 0.4], [0.0, 0.1]]
    """
    ax = start_axes(ax, width=6.4, height=4.6)
    own = _chosen(points, inputs).sortby("seen", ascending=False)
    gain, share = own["gain"].values, own["share"].values
    x, truth = _means(gain, share), _means(gain, own["planted"].values)
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=1)
    ax.plot(x, truth, color=INK, linewidth=2.2, zorder=4)
    ends = {_ALL: (truth[-1], INK)}
    shades = seen_colours(own["seen"].values)
    for part in own["seen"].values.tolist():
        one, colour = own.sel(seen=part), shades[part]
        values = _means(gain, one["benefit"].values)
        low, high = (_means(gain, one[name].values) for name in ("low", "high"))
        ax.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0, zorder=2)
        ax.plot(x, values, color=colour, linewidth=1.8, zorder=3)
        ax.plot(share, one["benefit"].values, "o", color=colour, markersize=3.4, markeredgewidth=0, zorder=5)
        ends[f"{100 * part:g} % of units seen"] = (values[-1], colour)
    _root_axis(ax)
    _share_axis(ax, share)
    _name_ends(ax, x[-1], ends)
    ax.set_ylabel(_BENEFIT)
    return ax


def recovered_against_seen(points: xr.Dataset, *, inputs: str = "known", ax: Axes | None = None) -> Axes:
    """Draw which part of the planted benefit is found, against the share of units that are recorded.

    Parameters
    ----------
    points : xarray.Dataset
        As for `benefit_against_recurrence`.
    inputs : {"known", "unknown"}
        Whether the analysis was told of the inputs.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line per gain with a planted benefit of 0.005 or more (or as much as the largest), means over its networks;
        dots are networks.

    Examples
    --------
    >>> points = xr.Dataset(
    ...     {"benefit": (("network", "inputs", "seen"), [[[0.1, 0.05]]])}
    ...     | {name: ("network", [0.2]) for name in ("planted", "share", "gain")},
    ...     coords={"inputs": ["known"], "seen": [1.0, 0.1]},
    ... )
    >>> recovered_against_seen(points).get_lines()[0].get_ydata().tolist()
    [0.25, 0.5]
    """
    ax = start_axes(ax, width=5.0, height=4.6)
    own = _chosen(points, inputs).sortby("seen")
    gain, planted, share = (own[name].values for name in ("gain", "planted", "share"))
    part = (own["benefit"].transpose("network", "seen") / own["planted"]).values
    enough = min(0.005, float(np.nanmax(planted)))
    levels = [level for level in np.unique(gain) if planted[gain == level].mean() >= enough]
    seen = own["seen"].values
    ends = {}
    for level, shade in zip(levels, colormaps["cividis_r"](np.linspace(0.2, 1, len(levels))), strict=True):
        rows, colour = part[gain == level], to_hex(shade)
        ax.plot(seen, rows.mean(axis=0), color=colour, linewidth=1.8, zorder=3)
        ends[f"{100 * share[gain == level].mean():.0f} %"] = (rows.mean(axis=0)[-1], colour)
        for row in rows:
            ax.plot(seen, row, "o", color=colour, markersize=3.4, markeredgewidth=0, zorder=4)
    ax.axhline(1, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    ax.annotate(_ALL, (seen[0], 1), (0, 3), textcoords="offset points", fontsize=8, color=INK)
    ax.set_xscale("log")
    ax.set_xticks(seen, [f"{100 * share:g} %" for share in seen])
    ax.minorticks_off()
    ax.set_ylim(min(0.0, float(np.nanmin(part[np.isin(gain, levels)], initial=0.0)) - 0.01), 1.1)
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    _name_ends(ax, seen[-1], ends)
    ax.annotate("true\nrecurrence", (1.03, 1.0), xycoords="axes fraction", va="top", fontsize=8, color=MUTED)
    ax.set_xlabel("units that are recorded", loc="left")
    ax.set_ylabel("part of all there is that is found")
    return ax


def benefit_by_inputs(points: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the measured benefit with and without the shared inputs among the signals, most units seen.

    Parameters
    ----------
    points : xarray.Dataset
        As for `benefit_against_recurrence`, and with ``shuffled``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Against the true recurrence. Crosses: partners' trials exchanged.

    Examples
    --------
    >>> dims = ("network", "inputs", "seen")
    >>> found = {name: (dims, [[[0.0], [0.1]]]) for name in ("benefit", "shuffled")}
    >>> truth = {name: ("network", [0.0]) for name in ("share", "planted", "gain")}
    >>> points = xr.Dataset(found | truth, coords={"inputs": ["known", "unknown"], "seen": [1.0]})
    >>> [line.get_ydata().tolist() for line in benefit_by_inputs(points).get_lines()[2::3]]
    [[0.0], [0.1]]
    """
    ax = start_axes(ax, width=6.4, height=4.6)
    own = points.isel(seen=int(np.argmax(points["seen"].values)))
    gain, share = own["gain"].values, own["share"].values
    x, truth = _means(gain, share), _means(gain, own["planted"].values)
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=1)
    ax.plot(x, truth, color=INK, linewidth=2.2, zorder=3)
    ends = {_ALL: (truth[-1], INK)}
    names = {"known": ("inputs recorded", COLOURS[0]), "unknown": ("inputs not recorded", COLOURS[1])}
    for inputs in own["inputs"].values.tolist():
        name, colour = names[inputs]
        values = own["benefit"].sel(inputs=inputs).values
        ax.plot(x, _means(gain, values), color=colour, linewidth=1.8, zorder=4)
        ax.plot(share, values, "o", color=colour, markersize=3.6, markeredgewidth=0, zorder=5)
        ends[name] = (_means(gain, values)[-1], colour)
        ax.plot(share, own["shuffled"].sel(inputs=inputs).values, "x", color=colour, markersize=4.5, zorder=2)
        if inputs == "unknown" and share.min() < 1e-6:
            faked = _means(gain, values)[0]
            said = f"{faked:.3f} where there is no recurrence:\ncommon input alone"
            arrow = {"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 4, "relpos": (0, 0)}
            style = {"fontsize": 8, "color": readable(colour), "va": "bottom", "arrowprops": arrow}
            ax.annotate(said, (0, faked), (0.03, 0.44), textcoords="axes fraction", **style)
    ends["× partners' trials exchanged"] = (float(own["shuffled"].mean()), MUTED)
    _root_axis(ax)
    _share_axis(ax, share)
    _name_ends(ax, x[-1], ends)
    ax.set_ylabel(_BENEFIT)
    return ax


def recurrence_by_benefit(readings: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the true recurrence of units by the benefit that was measured of them, for each share of units seen.

    Parameters
    ----------
    readings : xarray.Dataset
        ``low``, ``middle`` and ``high (seen, range)``, quartiles of the units' true recurrence, ranges of their
        benefit by name: see `neurorec.report.calibration_readings`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Bars are from quartile to quartile, dots are medians.

    Examples
    --------
    >>> quartiles = {"low": 0.1, "middle": 0.2, "high": 0.3}
    >>> readings = xr.Dataset(
    ...     {name: (("seen", "range"), [[value]]) for name, value in quartiles.items()},
    ...     coords={"seen": [1.0], "range": ["0.01 to 0.03"]},
    ... )
    >>> recurrence_by_benefit(readings).get_lines()[-1].get_ydata().tolist()
    [0.2]
    """
    ax = start_axes(ax, width=6.4, height=4.6)
    own = readings.sortby("seen", ascending=False)
    shades = seen_colours(own["seen"].values)
    n_seen, n_ranges = own.sizes["seen"], own.sizes["range"]
    width = 0.8 / n_seen
    for row, part in enumerate(own["seen"].values.tolist()):
        one = own.sel(seen=part)
        at = np.arange(n_ranges) + width * (row - (n_seen - 1) / 2)
        known = np.isfinite(one["middle"].values)
        low, high = one["low"].values[known], one["high"].values[known]
        ax.vlines(at[known], low, high, color=shades[part], linewidth=0.62 * 46 * width, alpha=0.35, zorder=2)
        ax.plot(at[known], one["middle"].values[known], "o", color=shades[part], markersize=5, zorder=3)
    for edge in range(1, n_ranges):
        ax.axvline(edge - 0.5, color=FAINT, linewidth=0.6, zorder=1)
    for row, part in enumerate(own["seen"].values.tolist()):
        ax.annotate(
            f"{100 * part:g} % of units seen",
            (0.98, 0.03 + 0.055 * (n_seen - 1 - row)),
            xycoords="axes fraction",
            ha="right",
            fontsize=8,
            color=readable(shades[part]),
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    ax.set_xticks(range(n_ranges), [_in_two_lines(name) for name in own["range"].values.tolist()])
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.5, n_ranges - 0.5)
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.set_xlabel("benefit that was measured of a unit", loc="left")
    ax.set_ylabel("its true recurrence")
    return ax


def seen_colours(seen: NDArray) -> dict[float, str]:
    """A colour for each share of units seen, the darker the more."""
    order = np.sort(np.asarray(seen, dtype=float))
    shades = colormaps["viridis_r"](np.linspace(0.15, 0.85, order.size))
    return {float(share): to_hex(shade) for share, shade in zip(order, shades, strict=True)}


def _root_axis(ax: Axes) -> None:
    """Make the vertical axis one of square roots, with plain numbers: fractions from thousandths to tenths are seen."""
    low, high = ax.dataLim.intervaly
    ax.set_yscale("function", functions=(_root, _square))
    ticks = np.array([0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1])
    ticks = ticks[ticks <= max(high, 0.005)]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_ylim(min(low, 0.0) - 0.0005, 1.05 * max(high, 0.005))


def _root(values: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(values, dtype=float)
    return np.sign(values) * np.sqrt(np.abs(values))


def _square(values: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(values, dtype=float)
    return np.sign(values) * values**2


def _in_two_lines(name: str) -> str:
    """Break the name of a range: "below 0.1" after the first word, "0.1 to 0.2" before the second."""
    first, _, rest = name.partition(" ")
    return f"{first}\n{rest}"


def _chosen(points: xr.Dataset, inputs: str) -> xr.Dataset:
    if inputs not in points["inputs"].values.tolist():
        expected = " or ".join(map(repr, points["inputs"].values.tolist()))
        raise InputError("inputs", expected=expected, found=repr(inputs), remedy="name one")
    return points.sel(inputs=inputs)


def _share_axis(ax: Axes, share: NDArray) -> None:
    most = float(share.max())
    ax.set_xlim(-0.02 * max(most, 0.05), 1.02 * most if most > 0 else 1.0)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.set_xlabel(_SHARE, loc="left")


def _name_ends(ax: Axes, x: float, ends: dict[str, tuple[float, str]]) -> None:
    """Write each line's name to the right of its end, apart from the others."""
    to_axes = ax.transAxes.inverted()
    heights = [to_axes.transform(ax.transData.transform((x, end)))[1] for end, _ in ends.values()]
    for (name, (end, colour)), place in zip(ends.items(), spread(heights, gap=0.06), strict=True):
        ax.annotate(
            name,
            (x, end),
            (1.03, place),
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            color=readable(colour),
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3},
        )


def _means(group: NDArray, values: NDArray) -> NDArray[np.float64]:
    """Mean of the values of each group, in order of the groups."""
    return np.array([values[group == level].mean() for level in np.unique(group)])
