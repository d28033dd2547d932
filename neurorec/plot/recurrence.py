"""The benefit that is measured, against the recurrence that there is, where it is known."""

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from neurorec.plot.canvas import spread, start_axes
from neurorec.plot.palette import FAINT, INK, MUTED, readable
from neurorec.recording import InputError


def benefit_against_recurrence(
    points: xr.Dataset, *, inputs: str = "known", recurrence: str = "share", ax: Axes | None = None
) -> Axes:
    """Draw the measured benefit of networks against their true recurrence, a line per share of units seen.

    Parameters
    ----------
    points : xarray.Dataset
        Over ``network``, ``inputs`` and ``seen``: see `neurorec.study.calibrate_recurrence`.
    inputs : {"known", "unknown"}
        Whether the analysis was told of the inputs.
    recurrence : {"share", "beyond"}
        Share of a unit's drive that comes from the others; or of what of its drive the inputs do not determine.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Dots are networks, lines join the means of networks of one gain; the dark line is the planted benefit, of who
        knows all there is to know. Grey crosses: partners' trials exchanged, all units seen.

    Raises
    ------
    InputError
        For something else to draw.

    Examples
    --------
    >>> dims = ("network", "inputs", "seen")
    >>> points = xr.Dataset(
    ...     {"benefit": (dims, [[[0.0]], [[0.1]]]), "shuffled": (dims, [[[0.0]], [[0.0]]]),
    ...      "share": ("network", [0.0, 0.4]), "planted": ("network", [0.0, 0.12]), "gain": ("network", [0.0, 1.0])},
    ...     coords={"inputs": ["known"], "seen": [1.0]},
    ... )
    >>> [line.get_ydata().tolist() for line in benefit_against_recurrence(points).get_lines()[1:3]]
    [[0.0, 0.12], [0.0, 0.1]]
    """
    if recurrence not in ("share", "beyond"):
        raise InputError("recurrence", expected="'share' or 'beyond'", found=repr(recurrence), remedy="name one")
    ax = start_axes(ax, width=6.4, height=4.4)
    own = points.sel(inputs=inputs)
    x, gain = points[recurrence].values, points["gain"].values
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=1)
    ends, colours = {}, {}
    truth = _means(gain, points["planted"].values)
    ax.plot(_means(gain, x), truth, color=INK, linewidth=2.2, zorder=4)
    ends["all there is to know"], colours["all there is to know"] = truth[-1], INK
    shades = seen_colours(own["seen"].values)
    for share in own["seen"].values.tolist():
        values, name = own["benefit"].sel(seen=share).values, f"{100 * share:g} % of units seen"
        ax.plot(_means(gain, x), _means(gain, values), color=shades[share], linewidth=1.6, zorder=3)
        ax.plot(
            x, values, "o", color=shades[share], markersize=4, markeredgecolor="white", markeredgewidth=0.4, zorder=5
        )
        ends[name], colours[name] = _means(gain, values)[-1], shades[share]
    most = own.isel(seen=int(np.argmax(own["seen"].values)))
    ax.plot(x, most["shuffled"].values, "x", color=MUTED, markersize=4, zorder=2)
    ax.set_xlim(min(0.0, float(x.min())), float(x.max()) * 1.02 if x.max() > 0 else 1.0)
    low, high = ax.get_ylim()
    places = spread(list(ends.values()), gap=0.055 * (high - low))
    for (name, end), place in zip(ends.items(), places, strict=True):
        ax.annotate(
            name,
            (_means(gain, x)[-1], end),
            (1.03, place),
            textcoords=ax.get_yaxis_transform(),
            va="center",
            fontsize=8,
            color=readable(colours[name]),
            arrowprops={"arrowstyle": "-", "color": colours[name], "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2},
        )
    said = "share of a unit's drive that comes from the other units"
    ax.set_xlabel(said if recurrence == "share" else f"{said},\nof what the inputs do not determine", loc="left")
    ax.set_ylabel("benefit: deviance explained by coupling")
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
        Means over networks whose planted benefit is at least a quarter of the largest; dots are networks.

    Examples
    --------
    >>> points = xr.Dataset(
    ...     {"benefit": (("network", "inputs", "seen"), [[[0.1, 0.05]]]), "planted": ("network", [0.2])},
    ...     coords={"inputs": ["known"], "seen": [1.0, 0.1]},
    ... )
    >>> recovered_against_seen(points).get_lines()[-1].get_ydata().tolist()
    [0.25, 0.5]
    """
    ax = start_axes(ax, width=4.2, height=4.4)
    planted = points["planted"].values
    strong = np.flatnonzero(planted >= 0.25 * planted.max())
    part = (points["benefit"].sel(inputs=inputs) / points["planted"]).isel(network=strong).sortby("seen")
    seen = part["seen"].values
    shades = seen_colours(seen)
    for column, share in enumerate(seen.tolist()):
        values = part.transpose("network", "seen").values[:, column]
        ax.plot(np.full(values.size, share), values, "o", color=shades[share], markersize=4, zorder=3)
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=1)
    ax.axhline(1, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    ax.set_xscale("log")
    ax.set_xticks(seen, [f"{100 * share:g} %" for share in seen])
    ax.minorticks_off()
    ax.plot(seen, part.mean("network").values, color=INK, linewidth=1.6, zorder=2)
    ax.set_xlabel("units that are recorded", loc="left")
    ax.set_ylabel("part of the planted benefit that is found")
    return ax


def seen_colours(seen: NDArray) -> dict[float, str]:
    """A colour for each share of units seen, the darker the more."""
    order = np.sort(np.asarray(seen, dtype=float))
    shades = colormaps["viridis_r"](np.linspace(0.15, 0.85, order.size))
    return {float(share): to_hex(shade) for share, shade in zip(order, shades, strict=True)}


def _means(group: NDArray, values: NDArray) -> NDArray[np.float64]:
    """Mean of the values of each group, in order of the groups."""
    return np.array([values[group == level].mean() for level in np.unique(group)])
