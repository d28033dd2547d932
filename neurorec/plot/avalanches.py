"""Avalanches: their distributions, the relation between their exponents, and their shapes."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from scipy.special import zeta

from neurorec.plot.canvas import label_rows, note, start_axes
from neurorec.plot.palette import MUTED, area_name, colours_for


def avalanche_distribution(
    result: xr.Dataset,
    *,
    quantity: Literal["size", "duration"] = "size",
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often avalanches are at least so large, or so long, with the power law fitted to the tail.

    Parameters
    ----------
    result : xarray.Dataset
        From `neurorec.timescales.avalanche_statistics`.
    quantity : {"size", "duration"}
        Which.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Steps are the data, dashed lines the laws over the range that they were fitted to. A straight stretch is no
        proof of a power law: see the likelihood ratios.

    Examples
    --------
    >>> result = xr.Dataset(
    ...     {"size": ("avalanche", [1.0, 2.0]), "exponent": (("area", "quantity"), [[1.5]]),
    ...      "smallest": (("area", "quantity"), [[1.0]]), "n_tail": (("area", "quantity"), [[2]])},
    ...     coords={"area": ["V1"], "quantity": ["size"], "avalanche_area": ("avalanche", ["V1", "V1"])},
    ... )
    >>> avalanche_distribution(result).get_legend().get_texts()[0].get_text()
    'V1 (n = 2): exponent 1.50 from 1'
    """
    palette = colours_for(result, colours)
    ax = start_axes(ax, width=5.6, height=4.2)
    ax.set(xscale="log", yscale="log")
    for name in result["area"].values.astype(str):
        values = np.sort(result[quantity].values[result["avalanche_area"].values == name])
        values = values[values > 0]
        if not values.size:
            continue
        one = result[["exponent", "smallest", "n_tail"]].sel(area=name, quantity=quantity)
        exponent, first = float(one["exponent"]), float(one["smallest"])
        law = f"exponent {exponent:.2f} from {first:g}" if np.isfinite(exponent) else "no fit"
        levels, start = np.unique(values, return_index=True)
        share = 1 - start / values.size
        label = f"{area_name(name)} (n = {values.size}): {law}"
        ax.step(levels, share, where="pre", color=palette[name], linewidth=1.5, label=label, zorder=3)
        if np.isfinite(exponent):
            grid = np.geomspace(first, values[-1], 60)
            tail = float(one["n_tail"]) / values.size
            ax.plot(
                grid,
                tail * zeta(exponent, grid) / zeta(exponent, first),
                "--",
                color=palette[name],
                linewidth=0.9,
                zorder=4,
            )
    ax.set_xlabel("size (events)" if quantity == "size" else "duration (bins)")
    ax.set_ylabel(
        "share of avalanches that are\nat least so large" if quantity == "size" else "share that last at least so long"
    )
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower left", frameon=False, fontsize=7.5)
    return ax


def crackling_relation(result: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw the exponent that sizes and durations predict beside the one measured, by area.

    Parameters
    ----------
    result : xarray.Dataset
        From `neurorec.timescales.avalanche_statistics`.
    colours : mapping of str to str, optional
        Colour per area, for the names.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Exponents with 95% intervals; where the relation holds they agree. The dotted line is mean-field criticality.

    Examples
    --------
    >>> names = [a + b for a in ("predicted", "measured") for b in ("", "_low", "_high")]
    >>> result = xr.Dataset({n: ("area", [2.0]) for n in names}, coords={"area": ["V1"]})
    >>> [text.get_text() for text in crackling_relation(result).get_legend().get_texts()]
    ['predicted by the exponents', 'measured: mean size against duration']
    """
    palette = colours_for(result, colours)
    names = sorted(result["area"].values.astype(str), key=lambda a: (a == "", a))
    ax = start_axes(ax, width=6.4, height=1.3 + 0.45 * len(names))
    ax.axvline(2, color=MUTED, linewidth=0.9, linestyle=(0, (1, 3)), zorder=1)
    series = (
        ("predicted", "predicted by the exponents", "D", "#D55E00", -0.13),
        ("measured", "measured: mean size against duration", "o", "#0072B2", 0.13),
    )
    for field, label, marker, colour, shift in series:
        middle, low, high = (result[field + end].sel(area=names).values for end in ("", "_low", "_high"))
        at = np.arange(len(names)) + shift
        ax.hlines(at, low, high, color=colour, linewidth=1.8, zorder=2)
        ax.scatter(
            middle, at, marker=marker, color=colour, edgecolor="white", linewidth=0.7, s=34, label=label, zorder=3
        )
    for row, name in enumerate(names):
        if not np.isfinite(float(result["measured"].sel(area=name))):
            ax.text(0.02, row, "no fit", transform=ax.get_yaxis_transform(), fontsize=8, color=MUTED, va="center")
    label_rows(ax, [area_name(a) for a in names], [palette[a] for a in names])
    ax.set_xlabel("exponent of size against duration")
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, fontsize=8.5, handletextpad=0.2,
        borderaxespad=0.2,
    )  # fmt: skip
    return ax


def shape_collapse(
    result: xr.Dataset, *, area: str | None = None, collapsed: bool = True, ax: Axes | None = None
) -> Axes:
    """Draw the mean profile of avalanches of each duration, scaled so that those of critical activity coincide.

    Parameters
    ----------
    result : xarray.Dataset
        From `neurorec.timescales.avalanche_statistics`.
    area : str, optional
        Which; by default the one with the most avalanches.
    collapsed : bool
        Whether to divide by duration to the exponent less 1, where there is an exponent.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        From short avalanches (dark) to long ones (light).

    Examples
    --------
    >>> result = xr.Dataset(
    ...     {"mean_shape": (("area", "length", "phase"), np.ones((1, 2, 3))), "collapse": ("area", [1.5]),
    ...      "n_avalanches": ("area", [50])},
    ...     coords={"area": ["V1"], "length": [4, 8], "phase": [0.2, 0.5, 0.8]},
    ... )
    >>> len(shape_collapse(result).get_lines())
    2
    """
    ax = start_axes(ax, width=5.2, height=4)
    if area is None:
        area = str(result["area"].values[int(result["n_avalanches"].values.argmax())])
    one = result[["mean_shape", "collapse"]].sel(area=area)
    exponent = float(one["collapse"])
    scale = collapsed and np.isfinite(exponent)
    shapes, lengths = one["mean_shape"].values, result["length"].values
    drawn = np.flatnonzero(np.isfinite(shapes).all(axis=1))
    shades = colormaps["viridis"](np.linspace(0.0, 0.85, max(drawn.size, 1)))
    for shade, i in zip(shades, drawn, strict=False):
        profile = shapes[i] / lengths[i] ** (exponent - 1) if scale else shapes[i]
        ax.plot(result["phase"].values, profile, color=shade, linewidth=1.5, label=f"{lengths[i]}")
    ax.set_xlabel("share of the duration")
    ax.set_ylabel(f"activity / duration$^{{{exponent - 1:.2f}}}$" if scale else "activity above threshold (events/bin)")
    ax.set_title(
        f"{area_name(area)}" + (f": shapes agree best at {exponent:.2f}" if scale else ""), fontsize=9.5, loc="left"
    )
    if drawn.size:
        ax.legend(
            title="bins", frameon=False, fontsize=7.5, title_fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5)
        )
        ax.set_ylim(0, None)
    else:
        note(ax, "too few avalanches of any duration")
    return ax
