"""Patterns that a reservoir holds, and what becomes of them."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import start_axes
from neurorec.plot.palette import COLOURS, MUTED


def recalled_patterns(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw patterns and what was recalled of them, one above the other.

    Parameters
    ----------
    data : xarray.Dataset
        ``target`` and ``output (pattern, time)``, of size about 1; ``time`` in steps.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Patterns in grey, wide and pale; what was recalled in colour.

    Examples
    --------
    >>> over = (("pattern", "time"), np.zeros((2, 5)))
    >>> ax = recalled_patterns(xr.Dataset({"target": over, "output": over}, coords={"pattern": ["sine", "beat"]}))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['sine', 'beat']
    """
    ax = start_axes(ax, width=4.4, height=3.4)
    n = data.sizes["pattern"]
    time = data["time"].values if "time" in data.coords else np.arange(data.sizes["time"])
    for k in range(n):
        level = -2.8 * k
        ax.plot(time, level + data["target"].isel(pattern=k).values, color=MUTED, linewidth=4, alpha=0.35)
        ax.plot(time, level + data["output"].isel(pattern=k).values, color=COLOURS[k % len(COLOURS)], linewidth=1.3)
    ax.set_yticks([-2.8 * k for k in range(n)], [str(name) for name in data["pattern"].values])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("steps")
    return ax


def error_against_aperture(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw errors of recall against the aperture of the conceptors.

    Parameters
    ----------
    data : xarray.Dataset
        ``error (pattern, aperture)``, of the pattern's standard deviation, and ``without (pattern)``, the error of the
        reservoir left alone.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Both axes are logarithmic; dotted lines are the reservoir left alone.

    Examples
    --------
    >>> data = xr.Dataset({"error": (("pattern", "aperture"), [[0.1, 0.01]]), "without": ("pattern", [1.2])})
    >>> ax = error_against_aperture(data.assign_coords(pattern=["sine"], aperture=[1.0, 10.0]))
    >>> ax.get_xscale(), len(ax.lines)
    ('log', 2)
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    for k, name in enumerate(data["pattern"].values):
        here, colour = data.isel(pattern=k), COLOURS[k % len(COLOURS)]
        ax.plot(data["aperture"].values, here["error"].values, "o-", color=colour, markersize=4, label=str(name))
        ax.axhline(float(here["without"]), color=colour, linewidth=0.9, linestyle=":")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("aperture")
    ax.set_ylabel("error of recall")
    ax.legend(frameon=False, fontsize=8)
    return ax


def error_against_load(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw errors of recall, and the share of the reservoir that is taken, against the number of patterns in it.

    Parameters
    ----------
    data : xarray.Dataset
        ``error`` and ``quota (network, n_patterns)``: the median over patterns, and that of all conceptors together.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Medians over networks, thin lines for each.

    Examples
    --------
    >>> over = (("network", "n_patterns"), [[0.01, 0.5]])
    >>> ax = error_against_load(xr.Dataset({"error": over, "quota": over}, coords={"n_patterns": [4, 32]}))
    >>> ax.get_legend().get_texts()[1].get_text()
    'share of the reservoir taken'
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    n = data["n_patterns"].values
    for k, (name, said) in enumerate((("error", "error of recall"), ("quota", "share of the reservoir taken"))):
        values = data[name].transpose("network", "n_patterns").values
        ax.plot(n, values.T, color=COLOURS[k], linewidth=0.6, alpha=0.5)
        ax.plot(n, np.median(values, axis=0), "os"[k] + "-", color=COLOURS[k], markersize=4, label=said)
    ax.set_yscale("log")
    ax.set_xlabel("patterns in the reservoir")
    ax.legend(frameon=False, fontsize=8)
    return ax
