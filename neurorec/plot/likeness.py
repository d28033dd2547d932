"""Families of networks beside a recording: a row per family, its seeds as dots, its untrained networks open."""

import textwrap

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray

from neurorec.plot.canvas import note, start_axes
from neurorec.plot.palette import COLOURS, FAINT, MUTED, readable
from neurorec.recording import InputError

_GREY = "#9AA1AB"
_ENOUGH = 5  # conditions: with fewer, exchanging them cannot give a p below .05
_COLUMNS = (38, 74, 122)  # points from the axes to the right ends of the columns
_PERFECT = {1: 1.0, -1: 0.0}  # of a similarity, of a distance


def likeness_by_kind(table: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how alike families of networks are to a recording, by every measure, with their untrained networks.

    Parameters
    ----------
    table : xarray.Dataset
        From `neurorec.comparison.compare`, of one area, with ``kinds``; as many families as there are colours.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A block per measure, a row per family. Filled dots are its networks with their intervals, open circles its
        untrained ones, the grey band is the null: of exchanged conditions where there are five or more and the measure
        sees which is which, else of exchanged trials. Every measure has its own scale, 0 is the null's mean and 1
        identity. On the right the mean value, the largest p, and how many lie above the untrained ones.

    Raises
    ------
    InputError
        For a table of several areas or without kinds.

    Examples
    --------
    >>> over, also = ("network", "measure"), ("network", "measure", "shuffle")
    >>> one = {"value": 0.6, "value_low": 0.5, "value_high": 0.7, "beats_untrained": True}
    >>> null = {"p_value": 0.01, "null_mean": 0.2, "null_low": 0.1, "null_high": 0.3}
    >>> table = xr.Dataset(
    ...     {k: (over, [[v]]) for k, v in one.items()} | {k: (also, [[[v]]]) for k, v in null.items()},
    ...     coords={"network": ["leaky 1"], "measure": ["cka"], "shuffle": ["trials"]}, attrs={"n_conditions": 4},
    ... ).assign_coords(
    ...     role=("network", ["trained"]), kind=("network", ["leaky"]), similar=("measure", [1]),
    ...     long_name=("measure", ["CKA"]),
    ... )
    >>> [text.get_text() for text in likeness_by_kind(table).texts if "of 1" in text.get_text()]
    ['1 of 1']
    """
    if "area" in table.dims or "kind" not in table.coords:
        found = "several areas" if "area" in table.dims else "no kinds"
        remedy = "select one with table.sel(area=...), or pass kinds= to compare"
        raise InputError("table", expected="one area, and kinds of networks", found=found, remedy=remedy)
    role = table["role"].values.astype(str)
    kinds = list(dict.fromkeys(table["kind"].values.astype(str)[role != "untrained"]))
    colours = kind_colours(table)
    spacing = len(kinds) + 0.9
    ax = start_axes(ax, width=8.2, height=1.2 + table.sizes["measure"] * (0.2 + 0.26 * len(kinds)))
    for block, measure in enumerate(table["measure"].values):
        part = _scaled(_with_null(table.sel(measure=measure), int(table.attrs.get("n_conditions", 0))))
        for k, kind in enumerate(kinds):
            _draw_row(ax, block * spacing + k, part.isel(network=part["kind"].values == kind), colours[kind])
        if block:
            ax.axhline(block * spacing - 0.95, color=FAINT, linewidth=0.6, zorder=0)
    _finish(ax, table, spacing, len(kinds))
    for kind in kinds:
        ax.plot([], [], "o", color=colours[kind], markersize=5, label=kind)
    ax.plot([], [], "o", color=MUTED, markerfacecolor="white", markersize=5, label="the same, untrained")
    ax.fill_between([], [], color=_GREY, alpha=0.32, linewidth=0, label="null")
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, frameon=False, fontsize=8, handletextpad=0.2,
        columnspacing=0.9,
    )  # fmt: skip
    return ax


def kind_colours(table: xr.Dataset) -> dict[str, str]:
    """A colour for every kind of network that is not only untrained, in the order of the table."""
    role = table["role"].values.astype(str)
    kinds = dict.fromkeys(table["kind"].values.astype(str)[role != "untrained"])
    return {kind: COLOURS[k % len(COLOURS)] for k, kind in enumerate(kinds)}


def _with_null(part: xr.Dataset, n_conditions: int) -> xr.Dataset:
    """A measure's rows with the null that can say something."""
    there = [s for s in part["shuffle"].values.astype(str) if part["null_mean"].sel(shuffle=s).notnull().any()]
    wanted = "conditions" if n_conditions >= _ENOUGH else "trials"
    return part.sel(shuffle=wanted if wanted in there or not there else there[0])


def _scaled(part: xr.Dataset) -> xr.Dataset:
    """Values in parts of the way from the null's mean, over networks, to identity."""
    perfect, null = _PERFECT[int(part["similar"])], part["null_mean"].values
    zero = float(np.nanmean(null)) if np.isfinite(null).any() else 0.0
    names = ("value", "value_low", "value_high", "null_low", "null_high")
    return part.assign({f"{name}_scaled": (part[name] - zero) / ((perfect - zero) or 1.0) for name in names})


def _draw_row(ax: Axes, y: float, part: xr.Dataset, colour: str) -> None:
    untrained = part["role"].values.astype(str) == "untrained"
    ends = np.stack([part[f"{name}_scaled"].values for name in ("null_low", "null_high")])
    if np.isfinite(ends[:, ~untrained]).any():
        band = np.nanmean(ends[:, ~untrained], axis=1)
        ax.fill_betweenx([y - 0.42, y + 0.42], *band, color=_GREY, alpha=0.32, linewidth=0, zorder=1)
    value = part["value_scaled"].values
    spread = np.stack([part["value_low_scaled"].values, part["value_high_scaled"].values])
    for k, shift in zip(np.flatnonzero(~untrained), _shifts(int((~untrained).sum())), strict=True):
        ax.plot(spread[:, k], [y + shift] * 2, color=colour, linewidth=1.3, solid_capstyle="butt", zorder=3)
        ax.plot(value[k], y + shift, "o", color=colour, markersize=4.2, zorder=5)
    for k, shift in zip(np.flatnonzero(untrained), _shifts(int(untrained.sum())), strict=True):
        ax.plot(value[k], y + shift, "o", color=colour, markerfacecolor="white", markersize=4.2, zorder=4)
    own = part.isel(network=~untrained)
    p = own["p_value"].values
    said = [f"{float(own['value'].mean()):.2f}".replace("-", "−")]
    said.append(f"{np.nanmax(p):.2g}" if np.isfinite(p).any() else "–")
    said.append(f"{int(own['beats_untrained'].sum())} of {own.sizes['network']}")
    for right, text in zip(_COLUMNS, said, strict=True):
        ax.annotate(
            text, (1, y), (right, 0), xycoords=ax.get_yaxis_transform(), textcoords="offset points", fontsize=8,
            va="center", ha="right", color=readable(colour), annotation_clip=False,
        )  # fmt: skip


def _wrapped(name: str) -> str:
    """A name on lines of some twenty letters."""
    return "\n".join(textwrap.wrap(name, 22))


def _shifts(n: int) -> NDArray[np.float64]:
    return np.linspace(-0.26, 0.26, n) if n > 1 else np.zeros(n)


def _finish(ax: Axes, table: xr.Dataset, spacing: float, n_kinds: int) -> None:
    ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    middles = np.arange(table.sizes["measure"]) * spacing + (n_kinds - 1) / 2
    ax.set_yticks(middles, [_wrapped(str(name)) for name in table["long_name"].values])
    ax.set_ylim(table.sizes["measure"] * spacing - 0.95, -0.75)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("from chance (0, the null's mean) to identity (1), each measure on its own scale")
    for right, text in zip(_COLUMNS, ("value", "p", "above\nuntrained"), strict=True):
        ax.annotate(
            text, (1, 1), (right, 3), xycoords="axes fraction", textcoords="offset points", fontsize=8, ha="right",
            va="bottom", color=MUTED, annotation_clip=False,
        )  # fmt: skip
    note(ax, "dots: networks from different seeds")
