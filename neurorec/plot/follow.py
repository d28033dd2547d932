"""A network that follows a reference: errors over learning, trials without feedback, what was learned."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from neurorec.plot.canvas import note, start_axes
from neurorec.plot.palette import COLOURS, INK, MUTED

_GREY = {"color": MUTED, "linewidth": 3.2, "alpha": 0.4}


def followed_trial(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw a network's outputs over a reference.

    Parameters
    ----------
    data : xarray.Dataset
        ``reference`` and ``output (time, channel)``; ``time`` in s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line for each channel, the reference grey behind it; channels stand above each other.

    Examples
    --------
    >>> data = xr.Dataset({name: (("time", "channel"), np.ones((3, 2))) for name in ("reference", "output")})
    >>> len(followed_trial(data.assign_coords(time=[0.0, 0.1, 0.2])).lines)
    4
    """
    ax = start_axes(ax, width=5.0, height=3.0)
    time, wanted, found = data["time"].values, data["reference"].values, data["output"].values
    gap = 1.15 * (np.abs(wanted).max() + np.abs(wanted).max(axis=0).min())
    for k in range(wanted.shape[1]):
        shift = -k * gap
        ax.plot(time, wanted[:, k] + shift, **_GREY)
        ax.plot(time, found[:, k] + shift, color=COLOURS[k], linewidth=1.0)
    ax.set_yticks([-k * gap for k in range(wanted.shape[1])], [f"x{k + 1}" for k in range(wanted.shape[1])])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("time (s)")
    note(ax, "grey: the reference")
    return ax


def error_while_followed(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the error over learning while it came back.

    Parameters
    ----------
    data : xarray.Dataset
        ``error (network, block)``, over the reference's size; ``time (block)``, s of learning.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line per network; both axes are logarithmic.

    Examples
    --------
    >>> data = xr.Dataset({"error": (("network", "block"), [[0.1, 0.01]])}, coords={"time": ("block", [1.0, 10.0])})
    >>> error_while_followed(data).get_yscale()
    'log'
    """
    ax = start_axes(ax, width=3.6, height=3.0)
    for k, row in enumerate(data["error"].values):
        ax.plot(data["time"].values, row, color=COLOURS[0], linewidth=1.2, alpha=1 if k == 0 else 0.45)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_xlabel("time learned (s)")
    ax.set_ylabel("squared error / reference")
    return ax


def error_left_alone(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the error without feedback against the time learned.

    Parameters
    ----------
    data : xarray.Dataset
        ``error (network, look, kind, trial)``, over the reference's size; ``time (look)``, s; ``kind``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Median over trials and networks, and quartiles, by kind; a line at 1, the error of an output of 0. Both axes are
        logarithmic, that of time but for its start.

    Examples
    --------
    >>> error = np.ones((1, 2, 1, 3))
    >>> data = xr.Dataset({"error": (("network", "look", "kind", "trial"), error)})
    >>> ax = error_left_alone(data.assign_coords(kind=["pulses"], time=("look", [0.0, 100.0])))
    >>> ax.get_legend_handles_labels()[1]
    ['pulses']
    """
    ax = start_axes(ax, width=3.6, height=3.0)
    time = data["time"].values
    begin = 0.3 * time[time > 0].min() if (time > 0).any() else 1.0
    place = np.where(time > 0, time, begin)
    ax.axhline(1, color=MUTED, linewidth=0.8, linestyle=":")
    for k, kind in enumerate(data["kind"].values):
        error = data["error"].sel(kind=kind)
        low, middle, high = (error.quantile(q, ("network", "trial")).values for q in (0.25, 0.5, 0.75))
        ax.fill_between(place, low, high, color=COLOURS[k], alpha=0.2, linewidth=0)
        ax.plot(place, middle, "os"[k % 2] + "-", color=COLOURS[k], markersize=4, linewidth=1.2, label=str(kind))
    ax.set_xscale("log")
    ax.set_yscale("log")
    labels = [f"{float(f'{t:.2g}'):g}" for t in time]
    if len(labels) > 5:  # no room for more than every other, from the end
        labels = [label if (len(labels) - k) % 2 else "" for k, label in enumerate(labels)]
    ax.set_xticks(place, labels)
    ax.set_xticks([], minor=True)
    _plain(ax)
    ax.set_xlabel("time learned (s)")
    ax.set_ylabel("squared error / reference")
    ax.legend(frameon=False, fontsize=8.5)
    return ax


def learned_velocity(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the velocities that weights make beside those of the reference.

    Parameters
    ----------
    data : xarray.Dataset
        ``reference`` and ``learned (y, x, state)``, and ``visited (point, state)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Arrows, the reference's grey and wide, on the same scale; dots where the reference was.

    Examples
    --------
    >>> over = (("y", "x", "state"), np.ones((2, 2, 2)))
    >>> data = xr.Dataset({"reference": over, "learned": over, "visited": (("point", "state"), np.zeros((3, 2)))})
    >>> ax = learned_velocity(data.assign_coords(x=[-1.0, 1.0], y=[-1.0, 1.0]))
    >>> len(ax.collections)
    2
    """
    ax = start_axes(ax, width=3.6, height=3.2)
    x, y = np.meshgrid(data["x"].values, data["y"].values)
    dots = data["visited"].values[::3]
    ax.plot(*dots.T, ".", color="#DDCC77", markersize=1.2, alpha=0.5, zorder=1, rasterized=True)
    wanted, found = (data[name].values for name in ("reference", "learned"))
    steps = np.array([x[0, 1] - x[0, 0], y[1, 0] - y[0, 0]])
    place = np.stack([x, y], axis=-1)
    gaps = [np.linalg.norm((dots - at) / steps, axis=-1).min() for at in place.reshape(-1, 2)]
    near = np.reshape(gaps, x.shape) < 1  # elsewhere nothing could be learned
    longest = np.linalg.norm(wanted / steps, axis=-1)[near].max() ** 0.5
    for values, colour, width, alpha in ((wanted, MUTED, 0.013, 0.45), (found, COLOURS[0], 0.005, 1.0)):
        size = np.linalg.norm(values / steps, axis=-1, keepdims=True)
        shown = 1.2 * values / np.sqrt(np.maximum(size, 1e-12)) / longest  # the root, else slow ones are not seen
        style = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": width, "color": colour, "alpha": alpha}
        ax.quiver(x[near], y[near], *shown[near].T, zorder=3 if colour == MUTED else 4, **style)
    ax.set_xlabel("x1")
    ax.set_ylabel("x2")
    note(ax, "grey: the reference; length: root of the speed")
    return ax


def distance_to_goal(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how far weights are from where they could be, over learning.

    Parameters
    ----------
    data : xarray.Dataset
        ``distance (goal, look)``, squared and relative; ``time (look)``, s; ``goal``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> data = xr.Dataset({"distance": (("goal", "look"), [[1.0, 0.5]])}, coords={"goal": ["the reference"]})
    >>> len(distance_to_goal(data.assign_coords(time=("look", [0.0, 1.0]))).lines)
    1
    """
    ax = start_axes(ax, width=3.6, height=3.0)
    for k, goal in enumerate(data["goal"].values):
        colour = (COLOURS[0], INK)[k % 2]
        style = {"color": colour, "linewidth": 1.3, "linestyle": ("-", "--")[k % 2], "marker": "o", "markersize": 3}
        ax.plot(data["time"].values, data["distance"].sel(goal=goal).values, **style, label=str(goal))
    ax.set_xlabel("time learned (s)")
    ax.set_ylabel("|M − M*|² / |M*|²")
    ax.legend(frameon=False, fontsize=8.5, title="M* of", title_fontsize=8.5)
    return ax


def _plain(ax: Axes) -> None:
    """Plain numbers on a logarithmic scale, as many as there is room for."""
    low, high = ax.get_ylim()
    narrow = high < 30 * low
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,)))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
