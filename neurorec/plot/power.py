"""How many sessions a difference between areas takes to be found."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import note, spread, start_axes
from neurorec.plot.palette import COLOURS, INK, MUTED, readable


def power_against_sessions(
    power: xr.Dataset, *, ax: Axes | None = None, colours: Mapping[float, str] | None = None
) -> Axes:
    """Draw the probability of finding a difference against the number of sessions, a line for each difference.

    Parameters
    ----------
    power : xarray.Dataset
        ``power (difference, n_sessions)``, and ``power_error`` where it was simulated; ``attrs``: ``level`` of the
        test and the power ``wanted``, both of which are marked.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.
    colours : mapping of float to str, optional
        Colour per difference.

    Returns
    -------
    matplotlib.axes.Axes
        Each line named by its difference, in the unit of the values; bars are a standard error to either side.

    Examples
    --------
    >>> power = xr.Dataset(
    ...     {"power": (("difference", "n_sessions"), [[0.3, 0.9]])}, coords={"difference": [0.1], "n_sessions": [4, 8]}
    ... )
    >>> power_against_sessions(power).get_ylabel()
    'probability of finding the difference'
    """
    ax = start_axes(ax, width=6, height=4)
    sessions, differences = power["n_sessions"].values, power["difference"].values
    palette = {float(d): COLOURS[i % len(COLOURS)] for i, d in enumerate(differences)} | dict(colours or {})
    for name in ("level", "wanted"):
        if name in power.attrs:
            ax.axhline(power.attrs[name], color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    ends = power["power"].values[:, -1]
    for i, difference in enumerate(differences):
        line = power["power"].values[i]
        ax.plot(sessions, line, "-o", color=palette[float(difference)], markersize=4, linewidth=1.4, zorder=3)
        if "power_error" in power:
            error = power["power_error"].values[i]
            ax.vlines(sessions, line - error, line + error, color=palette[float(difference)], linewidth=1.2, zorder=2)
    ax.set_ylim(-0.02, 1.04)
    order = np.argsort(ends, kind="stable")
    for i, place in zip(order, spread(ends[order], gap=0.06, low=0.0, high=1.04), strict=True):
        text = f"  {differences[i]:.3g}"
        colour = readable(palette[float(differences[i])])
        ax.annotate(
            text,
            (sessions[-1], place),
            color=colour,
            fontsize=8.5,
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )
    ax.set_xticks(sessions if sessions.size <= 12 else sessions[:: int(np.ceil(sessions.size / 10))])
    ax.set_xlabel("sessions" if power.attrs.get("shared", 1) else "sessions of each area")
    ax.set_ylabel("probability of finding the difference")
    ax.yaxis.label.set_color(INK)
    note(ax, _settings(power))
    return ax


def _settings(power: xr.Dataset) -> str:
    """What the lines rest on."""
    known = power.attrs
    parts = [f"{known['n_areas']} areas"] if "n_areas" in known else []
    parts += [f"{known['n_units']} units each"] if "n_units" in known else []
    parts += (
        [f"dashed: level {known['level']:g}, wanted {known['wanted']:g}"] if {"level", "wanted"} <= set(known) else []
    )
    return ", ".join(parts)
