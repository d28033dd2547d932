"""A chaotic network and what FORCE learning makes of it."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import note, start_axes
from neurorec.plot.palette import COLOURS, INK, MUTED


def rates_and_output(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw some units' rates and the output beneath them, and what it should be.

    Parameters
    ----------
    data : xarray.Dataset
        ``rate (unit, time)``, between -1 and 1, ``output (time)`` and, where it is known, ``target (time)``; ``time``
        in s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Units in grey, the output in colour, the target beneath it, wide and pale.

    Examples
    --------
    >>> data = xr.Dataset({"rate": (("unit", "time"), np.zeros((3, 4))), "output": ("time", np.zeros(4))})
    >>> len(rates_and_output(data.assign_coords(time=np.arange(4.0))).lines)
    4
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    time = data["time"].values
    for k, unit in enumerate(data["unit"].values if "unit" in data.coords else range(data.sizes["unit"])):
        rate = data["rate"].isel(unit=k).values
        ax.plot(time, 2.3 * (k + 1) + rate, color=MUTED, linewidth=0.8, label=str(unit))
    if "target" in data:
        ax.plot(time, data["target"].values, color=MUTED, linewidth=4, alpha=0.35)
    ax.plot(time, data["output"].values, color=COLOURS[1], linewidth=1.4)
    ax.set_yticks([0.0, 2.3 * (1 + data.sizes["unit"]) / 2], ["output", "units"], rotation=90, va="center")
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("time (s)")
    return ax


def weight_change_over_learning(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw by how much the readout's weights change, over the time of learning.

    Parameters
    ----------
    data : xarray.Dataset
        ``weight_change (target, time)``; ``time`` in s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line per target, named at its end; the vertical axis is logarithmic.

    Examples
    --------
    >>> data = xr.Dataset({"weight_change": (("target", "time"), np.ones((1, 3)))})
    >>> ax = weight_change_over_learning(data.assign_coords(target=["sine"], time=[0.0, 1.0, 2.0]))
    >>> ax.get_yscale(), ax.get_legend().get_texts()[0].get_text()
    ('log', 'sine')
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    for k, name in enumerate(data["target"].values):
        values = data["weight_change"].sel(target=name).values
        ax.plot(data["time"].values, values, color=COLOURS[k % len(COLOURS)], linewidth=1.2, label=str(name))
    ax.set_yscale("log")
    ax.set_xlabel("time of learning (s)")
    ax.set_ylabel("change of weights, an update")
    ax.legend(frameon=False, fontsize=8.5)
    return ax


def exponents_before_and_after(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the leading Lyapunov exponents of networks, before and after learning.

    Parameters
    ----------
    data : xarray.Dataset
        ``exponent`` and ``standard_error (network, number)``, per s; ``expected (network)``, of the largest, NaN where
        none is.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A dot an exponent with its standard error, networks side by side; short lines are what is expected.

    Examples
    --------
    >>> over = (("network", "number"), [[8.0, 7.0], [0.0, -2.0]])
    >>> expected = ("network", [np.nan, 0.0])
    >>> data = xr.Dataset({"exponent": over, "standard_error": (over[0], np.ones((2, 2))), "expected": expected})
    >>> ax = exponents_before_and_after(data.assign_coords(network=["before", "after"]))
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['before', 'after']
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    names = [str(name) for name in data["network"].values]
    n = data.sizes["number"]
    for k, name in enumerate(names):
        here = data.isel(network=k)
        x = k + np.linspace(-0.2, 0.2, n) if n > 1 else np.array([float(k)])
        style: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "markersize": 5, "linewidth": 1.0, "label": name}
        ax.errorbar(x, here["exponent"].values, here["standard_error"].values, fmt="o", **style)
        if np.isfinite(here["expected"]):
            ax.hlines(float(here["expected"]), k - 0.35, k + 0.1, color=INK, linewidth=1.2)
    ax.axhline(0, color=MUTED, linewidth=0.8, linestyle=":")
    ax.set_xticks(range(len(names)), names)
    ax.set_ylabel("Lyapunov exponents (1/s)")
    note(ax, "lines: expected of the largest")
    return ax


def wings(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw an attractor and the one a network makes by itself, in two of its variables.

    Parameters
    ----------
    data : xarray.Dataset
        ``target`` and ``output (time, variable)``; the first and the last variable are shown.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> over = (("time", "variable"), np.zeros((4, 3)))
    >>> ax = wings(xr.Dataset({"target": over, "output": over}, coords={"variable": ["x", "y", "z"]}))
    >>> ax.get_xlabel(), ax.get_ylabel(), len(ax.lines)
    ('x', 'z', 2)
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    looks = (("target", MUTED, 0.6, 0.6), ("output", COLOURS[1], 0.9, 0.9))
    for name, colour, width, alpha in looks:
        path = data[name].values
        said = {"target": "equations", "output": "network"}[name]
        ax.plot(path[:, 0], path[:, -1], color=colour, linewidth=width, alpha=alpha, label=said)
    ax.set_xlabel(str(data["variable"].values[0]))
    ax.set_ylabel(str(data["variable"].values[-1]))
    ax.legend(frameon=False, fontsize=8.5, loc="lower left", bbox_to_anchor=(-0.02, -0.02))
    return ax
