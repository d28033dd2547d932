"""Self-organizing recurrent networks: how far they count, what their plasticity is for, their avalanches."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from neurorec.plot.canvas import note, start_axes
from neurorec.plot.palette import COLOURS, INK, MUTED


def performance_against_length(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how well networks count, against how far there is to count.

    Parameters
    ----------
    data : xarray.Dataset
        ``performance (rule, repeats, network)``, of the best; ``without_counting (repeats)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Means over networks with their standard deviations; grey: who sees letters and does not count.

    Examples
    --------
    >>> over = (("rule", "repeats", "network"), [[[1.0, 0.9], [0.8, 0.9]]])
    >>> data = xr.Dataset({"performance": over, "without_counting": ("repeats", [0.7, 0.8])})
    >>> ax = performance_against_length(data.assign_coords(rule=["SORN"], repeats=[4, 8]))
    >>> ax.get_xlabel()
    'letters to be counted, n'
    """
    ax = start_axes(ax, width=4.6, height=3.4)
    repeats = data["repeats"].values
    ax.plot(repeats, data["without_counting"].values, color=MUTED, linewidth=3.5, alpha=0.4)
    for k, rule in enumerate(data["rule"].values):
        rows = data["performance"].sel(rule=rule)
        mean, spread = rows.mean("network").values, rows.std("network").values
        colour = COLOURS[k % len(COLOURS)]
        ax.errorbar(repeats, mean, spread, fmt="o-", color=colour, markersize=4, linewidth=1.4, label=str(rule))
    ax.set_xticks(repeats)
    ax.set_xlabel("letters to be counted, n")
    ax.set_ylabel("letters predicted, of the best")
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    note(ax, "grey: letters seen, not counted")
    return ax


def performance_by_rule(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw what is left of the counting when one plasticity is taken away.

    Parameters
    ----------
    data : xarray.Dataset
        ``performance (rule, repeats, network)``, of the best.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A dot per network, a bar at the mean; rows are rules, colours lengths.

    Examples
    --------
    >>> over = (("rule", "repeats", "network"), [[[1.0, 0.9]]])
    >>> data = xr.Dataset({"performance": over}, coords={"rule": ["SORN"], "repeats": [8]})
    >>> performance_by_rule(data).get_yticklabels()[0].get_text()
    'SORN'
    """
    ax = start_axes(ax, width=4.8, height=3.4)
    names, lengths = data["rule"].values, data["repeats"].values
    for k, n in enumerate(lengths):
        rows = data["performance"].sel(repeats=n).transpose("rule", "network").values
        place = np.arange(len(names)) + 0.26 * (k - (len(lengths) - 1) / 2)
        colour = COLOURS[k % len(COLOURS)]
        ax.plot(
            rows.ravel(), np.repeat(place, rows.shape[1]), "o", color=colour, markersize=3, alpha=0.5, label=f"n = {n}"
        )
        ax.plot(rows.mean(axis=1), place, "|", color=colour, markersize=13, markeredgewidth=2.4)
    ax.set_yticks(range(len(names)), [str(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("letters predicted, of the best")
    ax.legend(frameon=False, fontsize=8, loc="lower left")
    return ax


def runaway(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the share of active units while a short sequence is repeated.

    Parameters
    ----------
    data : xarray.Dataset
        ``active (rule, time)``, a share of the units; ``time`` in steps.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line per rule.

    Examples
    --------
    >>> data = xr.Dataset({"active": (("rule", "time"), [[0.1, 0.3]])}, coords={"rule": ["all"], "time": [0, 1]})
    >>> len(runaway(data).lines)
    1
    """
    ax = start_axes(ax, width=4.8, height=3.4)
    for k, rule in enumerate(data["rule"].values):
        row = data["active"].sel(rule=rule).values
        ax.plot(data["time"].values, row, color=COLOURS[k % len(COLOURS)], linewidth=1.3, label=str(rule))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    ax.set_xlabel("steps")
    ax.set_ylabel("units active at once")
    ax.set_ylim(0, None)
    ax.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2)
    return ax


def density_of_avalanches(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how often avalanches are of which size and duration, in bins that widen.

    Parameters
    ----------
    data : xarray.Dataset
        ``size`` and ``size_density (size_bin)``, ``duration`` (steps) and ``duration_density (duration_bin)``;
        ``attrs``: ``size_exponent``, ``duration_exponent``, ``size_cutoff``, ``duration_cutoff`` of truncated power
        laws.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Both axes logarithmic; thin lines: ``x^-exponent exp(-x / cutoff)``, from where they were fitted on.

    Examples
    --------
    >>> names = ("size", "size_density", "duration", "duration_density")
    >>> bins = {name: (f"{name.split('_')[0]}_bin", [1.0, 10.0]) for name in names}
    >>> data = xr.Dataset(bins, attrs={"size_exponent": 1.5, "duration_exponent": 2.0})
    >>> data = data.assign_attrs(size_cutoff=1e3, duration_cutoff=1e2)
    >>> density_of_avalanches(data).get_xscale()
    'log'
    """
    ax = start_axes(ax, width=4.6, height=3.4)
    for k, (name, begin) in enumerate((("size", 10.0), ("duration", 6.0))):
        x, density, power = data[name].values, data[f"{name}_density"].values, float(data.attrs[f"{name}_exponent"])
        seen = density > 0
        ax.plot(
            x[seen], density[seen], "os"[k], color=COLOURS[k], markersize=3.5, label=f"{name}, exponent {power:.2f}"
        )
        tail = seen & (x >= begin)
        if tail.any():
            law = x[tail] ** -power * np.exp(-x[tail] / float(data.attrs[f"{name}_cutoff"]))
            height = np.exp(np.mean(np.log(density[tail] / law)))
            ax.plot(x[tail], height * law, color=INK, linewidth=0.9)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("size (spikes above threshold), duration (steps)")
    ax.set_ylabel("density")
    ax.legend(frameon=False, fontsize=8)
    return ax
