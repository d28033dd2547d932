"""Echo state networks: what they remember and compute, by their size and by how near they are to chaos."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from neurorec.plot.canvas import log_axis, note, start_axes
from neurorec.plot.palette import COLOURS, INK, MUTED


def memory_against_size(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw memory capacity against the number of units, beside the bound.

    Parameters
    ----------
    data : xarray.Dataset
        ``capacity (network, n_units, seed)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A dot a seed, a line through the means of each kind of network; in grey, one step of the past a unit.

    Examples
    --------
    >>> data = xr.Dataset({"capacity": (("network", "n_units", "seed"), [[[15.0, 16.0], [46.0, 47.0]]])})
    >>> ax = memory_against_size(data.assign_coords(network=["linear"], n_units=[20, 50]))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['the bound: N', 'linear']
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    size = data["n_units"].values
    ends = np.array([0, size.max()])
    ax.plot(ends, ends, color=MUTED, linewidth=3.5, alpha=0.4, label="the bound: N")
    for k, name in enumerate(data["network"].values):
        found = data["capacity"].sel(network=name).transpose("n_units", "seed").values
        ax.plot(size, found.mean(axis=1), color=COLOURS[k], linewidth=1.5, label=str(name))
        ax.plot(size, found, "o", color=COLOURS[k], markersize=3, alpha=0.6)
    ax.set_xlabel("units, N")
    ax.set_ylabel("memory capacity (steps)")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=8.5)
    return ax


def error_against_size(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw held-out errors of reservoirs against the number of units, beside those of a linear filter.

    Parameters
    ----------
    data : xarray.Dataset
        ``error (n_units, seed)`` and ``baseline (seed)``, NRMSE; where there is one, ``published (n_units)``, NaN where
        nothing is.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A dot a seed, a line through the means; a dashed line for the filter, crosses for what is published. Both axes
        are logarithmic.

    Examples
    --------
    >>> data = xr.Dataset({"error": (("n_units", "seed"), [[0.4], [0.2]]), "baseline": ("seed", [0.38])})
    >>> ax = error_against_size(data.assign_coords(n_units=[50, 100]))
    >>> ax.get_yscale()
    'log'
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    size, found = data["n_units"].values.astype(float), data["error"].transpose("n_units", "seed").values
    ax.axhline(float(data["baseline"].mean()), color=INK, linewidth=1.0, linestyle="--", label="linear filter")
    ax.plot(size, found.mean(axis=1), color=COLOURS[0], linewidth=1.5, label="reservoir")
    ax.plot(size, found, "o", color=COLOURS[0], markersize=3, alpha=0.6)
    if "published" in data:
        ax.plot(size, data["published"].values, "x", color=COLOURS[1], markersize=6, label="known before")
    log_axis(ax, size)
    ax.set_xticks(size, [f"{n:g}" for n in size])
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 4.0)))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("units, N")
    ax.set_ylabel("held-out error (NRMSE)")
    ax.legend(frameon=False, fontsize=8.5)
    return ax


def exponent_against_gain(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw largest Lyapunov exponents against the gain.

    Parameters
    ----------
    data : xarray.Dataset
        ``exponent (condition, gain, seed)``, per step.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line a condition, the mean over seeds, with a dot each; 0, the edge of chaos, in grey.

    Examples
    --------
    >>> data = xr.Dataset({"exponent": (("condition", "gain", "seed"), [[[-0.5], [0.1]]])})
    >>> ax = exponent_against_gain(data.assign_coords(condition=["no input"], gain=[0.6, 1.5]))
    >>> ax.get_xlabel()
    'gain (spectral radius)'
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    gain = data["gain"].values
    ax.axhline(0, color=MUTED, linewidth=0.8)
    for k, name in enumerate(data["condition"].values):
        found = data["exponent"].sel(condition=name).transpose("gain", "seed").values
        ax.plot(gain, found.mean(axis=1), color=COLOURS[k], linewidth=1.5, label=str(name))
        ax.plot(gain, found, "o", color=COLOURS[k], markersize=3, alpha=0.6)
    ax.set_xlabel("gain (spectral radius)")
    ax.set_ylabel("largest Lyapunov exponent (1/step)")
    ax.legend(frameon=False, fontsize=8.5)
    return ax


def performance_at_edge(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how well something is done along a path from order to chaos.

    Parameters
    ----------
    data : xarray.Dataset
        ``performance (measure, gain)``, ``spread (measure, gain)``, the standard error, and ``edge``, the gain where
        chaos begins. Of several measures, each is drawn as a share of its greatest. The coordinates ``measure`` and
        ``gain`` may have a ``long_name``: what the axes say; ``gain`` is drawn in logarithms where it spans tenfold.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> over = ("measure", "gain")
    >>> data = xr.Dataset({"performance": (over, [[1.0, 3.0]]), "spread": (over, [[0.1, 0.1]]), "edge": 1.0})
    >>> ax = performance_at_edge(data.assign_coords(measure=["memory"], gain=[0.5, 1.0]))
    >>> len(ax.lines)
    2
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    gain, several = data["gain"].values.astype(float), data.sizes["measure"] > 1
    ax.axvline(float(data["edge"]), color=MUTED, linewidth=3.5, alpha=0.4)
    for k, name in enumerate(data["measure"].values):
        one = data.sel(measure=name)
        most = float(one["performance"].max()) if several else 1.0
        mean, spread = one["performance"].values / most, one["spread"].values / most
        ax.plot(gain, mean, "o-", color=COLOURS[k], linewidth=1.5, markersize=3, label=str(name))
        ax.fill_between(gain, mean - spread, mean + spread, color=COLOURS[k], alpha=0.2, linewidth=0)
    if gain.max() > 10 * gain.min():
        log_axis(ax, gain)
    ax.set_xlabel(data["gain"].attrs.get("long_name", "gain"))
    ax.set_ylabel("share of the best" if several else data["measure"].attrs.get("long_name", "performance"))
    ax.set_ylim(bottom=0)
    if several:
        ax.legend(frameon=False, fontsize=8.5)
    note(ax, "grey: where chaos begins")
    return ax
