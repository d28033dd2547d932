"""Figures of liquid state machines: separation, fading memory, and what readouts recall."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import start_axes
from neurorec.plot.palette import COLOURS, INK, MUTED


def separation_of_states(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw distances of states against those of the inputs that led to them.

    Parameters
    ----------
    data : xarray.Dataset
        ``inputs`` and ``states (pair)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> len(separation_of_states(xr.Dataset({"inputs": ("pair", [0, 1]), "states": ("pair", [0, 2])})).lines)
    1
    """
    ax = start_axes(ax, width=4.0, height=3.2)
    ax.plot(data["inputs"].values, data["states"].values, "o", color=COLOURS[0], markersize=3.5)
    ax.set_xlabel("distance of input trains")
    ax.set_ylabel("distance of states")
    ax.set_ylim(bottom=0)
    return ax


def fading_of_differences(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw distances of states over time; inputs differ before 0 and are the same from then on.

    Parameters
    ----------
    data : xarray.Dataset
        ``distance (pair, time)``; ``time`` in s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Median over pairs, and quartiles.

    Examples
    --------
    >>> data = xr.Dataset({"distance": (("pair", "time"), np.ones((3, 2)))}, coords={"time": [-0.1, 0.1]})
    >>> fading_of_differences(data).get_xlabel()
    'time since inputs are the same (s)'
    """
    ax = start_axes(ax, width=4.4, height=3.2)
    low, middle, high = np.quantile(data["distance"].values, (0.25, 0.5, 0.75), axis=0)
    time = data["time"].values
    ax.fill_between(time, low, high, color=COLOURS[0], alpha=0.2, linewidth=0)
    ax.plot(time, middle, color=COLOURS[0], linewidth=1.5)
    ax.axvline(0, color=MUTED, linewidth=0.8, linestyle="--")
    ax.set_xlabel("time since inputs are the same (s)")
    ax.set_ylabel("distance of states")
    ax.set_ylim(bottom=0)
    return ax


def recall_by_segment(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how well readouts tell which template a segment was, by how long ago it ended.

    Parameters
    ----------
    data : xarray.Dataset
        ``accuracy (readout, liquid, segment)``; ``ago (segment)``, s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Mean over liquids, a line per readout, dots for each liquid.

    Examples
    --------
    >>> data = xr.Dataset({"accuracy": (("readout", "liquid", "segment"), np.ones((1, 2, 2)))})
    >>> ax = recall_by_segment(data.assign_coords(readout=["liquid"], ago=("segment", [0.25, 0.0])))
    >>> len(ax.lines)
    3
    """
    ax = start_axes(ax, width=4.4, height=3.2)
    ago = 1000 * data["ago"].values
    for k, name in enumerate(data["readout"].values):
        values = data["accuracy"].sel(readout=name).values
        ax.plot(ago, values.mean(axis=0), "o-", color=COLOURS[k], linewidth=1.4, markersize=5, label=str(name))
        ax.plot(np.tile(ago, len(values)), values.ravel(), ".", color=COLOURS[k], markersize=3, alpha=0.6)
    ax.axhline(0.5, color=INK, linewidth=0.7, linestyle=":")
    ax.set_xlabel("time since the segment ended (ms)")
    ax.set_ylabel("share of trials right")
    ax.legend(frameon=False, fontsize=8)
    return ax
