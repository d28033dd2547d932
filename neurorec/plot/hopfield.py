"""Associative memories: what they recall, how much they hold, and where else they end."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from neurorec.plot.canvas import log_axis, note, start_axes
from neurorec.plot.palette import COLOURS, FAINT, INK, MUTED, readable

_OTHER = "#B8BDC6"


def _percent(value: float, _: object = None) -> str:
    return f"{100 * value:g} %"


def recall_from_cues(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the overlap after recall against the fraction of a cue that is wrong.

    Parameters
    ----------
    data : xarray.Dataset
        ``overlap (load, wrong)``; ``load`` in patterns per unit, ``wrong`` a fraction of the units.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line per load; grey: the cues themselves.

    Examples
    --------
    >>> data = xr.Dataset({"overlap": (("load", "wrong"), [[1.0, 0.0]])}, coords={"load": [0.1], "wrong": [0.0, 0.5]})
    >>> len(recall_from_cues(data).lines)
    2
    """
    ax = start_axes(ax, width=4.4, height=3.4)
    wrong = data["wrong"].values
    ax.plot(wrong, 1 - 2 * wrong, color=MUTED, linewidth=3.5, alpha=0.4)
    for k, load in enumerate(data["load"].values):
        row = data["overlap"].sel(load=load).values
        ax.plot(wrong, row, "o-", color=COLOURS[k % len(COLOURS)], markersize=3.5, linewidth=1.4, label=f"{load:g} N")
    ax.set_xlabel("units of the cue that are wrong")
    ax.xaxis.set_major_formatter(FuncFormatter(_percent))
    ax.set_ylabel("overlap after recall")
    ax.set_ylim(-0.05, 1.05)
    ax.legend(frameon=False, fontsize=8, title="patterns", title_fontsize=8.5, loc="lower left")
    note(ax, "grey: overlap of the cues")
    return ax


def energy_over_sweeps(data: xr.Dataset, *, most: int = 40, ax: Axes | None = None) -> Axes:
    """Draw energies while memories settle.

    Parameters
    ----------
    data : xarray.Dataset
        ``energy (cue, sweep)`` per unit, NaN when a cue is done.
    most : int
        Cues that are drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line per cue, a dot where it ends.

    Examples
    --------
    >>> len(energy_over_sweeps(xr.Dataset({"energy": (("cue", "sweep"), [[0.0, -0.4, np.nan]])})).lines)
    2
    """
    ax = start_axes(ax, width=4.0, height=3.4)
    for row in data["energy"].values[:most]:
        seen = np.flatnonzero(np.isfinite(row))
        ax.plot(seen, row[seen], color=COLOURS[0], linewidth=0.8, alpha=0.4)
        ax.plot(seen[-1], row[seen[-1]], "o", color=COLOURS[0], markersize=3)
    ax.set_xlabel("sweeps of all units")
    ax.set_ylabel("energy per unit")
    return ax


def overlap_against_load(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how patterns fare that are their own cues, by size and load, beside the theory of large networks.

    Parameters
    ----------
    data : xarray.Dataset
        ``overlap (units, load)``, ``theory (any_load)``, NaN where there is no retrieved state; loads in patterns per
        unit.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line per size; black: theory, and where it ends.

    Examples
    --------
    >>> data = xr.Dataset({"overlap": (("units", "load"), [[1.0, 0.3]]), "theory": ("any_load", [1.0, 0.97, np.nan])})
    >>> data = data.assign_coords(units=[100], load=[0.1, 0.2], any_load=[0.1, 0.138, 0.14])
    >>> ax = overlap_against_load(data)
    >>> float(ax.lines[-1].get_xdata()[0])
    0.138
    """
    ax = start_axes(ax, width=4.6, height=3.4)
    for k, units in enumerate(data["units"].values):
        row = data["overlap"].sel(units=units).values
        ax.plot(
            data["load"].values,
            row,
            "o-",
            color=COLOURS[k % len(COLOURS)],
            markersize=3.5,
            linewidth=1.2,
            label=f"{units}",
        )
    load, theory = data["any_load"].values, data["theory"].values
    ax.plot(load, theory, color=INK, linewidth=1.2)
    ends = load[np.isfinite(theory)].max()
    ax.axvline(ends, color=INK, linewidth=0.8, linestyle=":")
    ax.set_xlabel("patterns per unit")
    ax.set_ylabel("overlap after retrieval")
    ax.set_ylim(0, 1.05)
    ax.legend(frameon=False, fontsize=8, title="units", title_fontsize=8.5, loc="lower left")
    note(ax, "black: theory of large networks")
    return ax


def capacity_against_size(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    r"""Draw the load at which half of the patterns are retrieved, and where it goes in large networks.

    Parameters
    ----------
    data : xarray.Dataset
        ``half (units)``, patterns per unit; ``attrs``: ``limit``, of a line in :math:`N^{-1/2}`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> data = xr.Dataset({"half": ("units", [0.19, 0.16])}, coords={"units": [250, 1000]}, attrs={"limit": 0.139})
    >>> len(capacity_against_size(data).lines)
    3
    """
    ax = start_axes(ax, width=3.6, height=3.4)
    x, half = data["units"].values ** -0.5, data["half"].values
    limit = float(data.attrs["limit"])
    slope = float(np.polyfit(x, half, 1)[0])
    ax.plot([0, x.max()], [limit, limit + slope * x.max()], color=MUTED, linewidth=1.0)
    ax.plot(x, half, "o", color=COLOURS[0], markersize=5)
    ax.axhline(0.138, color=INK, linewidth=0.8, linestyle=":")
    for place, value, units in zip(x, half, data["units"].values, strict=True):
        ax.annotate(
            f"N = {units}", (place, value), (-5, 3), textcoords="offset points", fontsize=7.5, color=MUTED, ha="right"
        )
    ax.set_xlim(0, None)
    ax.set_xlabel("N$^{-1/2}$")
    ax.set_ylabel("load at which half are retrieved")
    note(ax, "dotted: 0.138, theory")
    return ax


def overlap_by_rule(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw overlap after recall against the load, by what the memory is.

    Parameters
    ----------
    data : xarray.Dataset
        ``overlap (rule, load)``, NaN where not measured; ``load`` in patterns per unit.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line per rule, named where it falls or ends.

    Examples
    --------
    >>> data = xr.Dataset({"overlap": (("rule", "load"), [[1.0, 0.2]])})
    >>> overlap_by_rule(data.assign_coords(rule=["Hebbian"], load=[0.1, 1.0])).texts[0].get_text()
    'Hebbian'
    """
    ax = start_axes(ax, width=4.8, height=3.4)
    load = data["load"].values
    log_axis(ax, load)
    for k, rule in enumerate(data["rule"].values):
        row = data["overlap"].sel(rule=rule).values
        seen = np.isfinite(row)
        colour = COLOURS[k % len(COLOURS)]
        ax.plot(load[seen], row[seen], "o-", color=colour, markersize=3.5, linewidth=1.4)
        low = np.flatnonzero(seen & (row < 0.8))
        at = low[0] if low.size else np.flatnonzero(seen)[-1]
        ax.annotate(
            str(rule), (load[at], row[at]), (6, 3) if low.size else (-2, 5), textcoords="offset points",
            ha="left" if low.size else "right", fontsize=8, color=readable(colour), annotation_clip=False,
        )  # fmt: skip
    ax.set_xlabel("patterns per unit")
    ax.set_ylabel("overlap after recall")
    ax.set_ylim(0, 1.15)
    return ax


def shares_of_ends(data: xr.Dataset, *, by: str, kind: str, ax: Axes | None = None) -> Axes:
    """Draw where random states end, a bar of shares for each condition.

    Parameters
    ----------
    data : xarray.Dataset
        ``share (by, kind)``, fractions.
    by, kind : str
        The dimension of bars, and that of their parts.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Bars that add up to 1; the last kind is grey.

    Examples
    --------
    >>> data = xr.Dataset({"share": (("patterns", "end"), [[0.9, 0.1]])})
    >>> len(shares_of_ends(data.assign_coords(patterns=[3], end=["one", "other"]), by="patterns", kind="end").patches)
    2
    """
    ax = start_axes(ax, width=4.4, height=3.4)
    names = [f"{value:g}" for value in data[by].values]
    below = np.zeros(len(names))
    last = data.sizes[kind] - 1
    for k, name in enumerate(data[kind].values):
        share = data["share"].sel({kind: name}).transpose(by).values
        colour = _OTHER if k == last else COLOURS[k % len(COLOURS)]
        ax.bar(names, share, bottom=below, color=colour, width=0.72, label=str(name), edgecolor="white", linewidth=0.6)
        below += share
    ax.set_xlabel({"patterns": "patterns", "load": "patterns per unit"}.get(by, by))
    ax.set_ylabel("share of random starts")
    ax.set_ylim(0, 1)
    ax.legend(frameon=False, fontsize=7.5, loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=3, columnspacing=1.0)
    ax.tick_params(axis="x", length=0)
    ax.spines["bottom"].set_color(FAINT)
    return ax
