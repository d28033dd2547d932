"""Systems fitted to recordings: what they predict, what their areas give each other, and how they came to it."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from neurorec.plot.canvas import label_rows, log_axis, note, start_axes
from neurorec.plot.palette import COLOURS, FAINT, INK, MUTED, area_name, colours_for, readable
from neurorec.recording import InputError

_SAID = {
    "co_smoothing": "units from the others of the same trial\n(co-smoothing)",
    "forward": "the end of a trial from its beginning\n(forward prediction)",
    "few_shot": "units it was not fitted to, from few trials\n(few-shot co-smoothing)",
}


def held_out_prediction(
    result: xr.Dataset,
    *,
    measure: str = "co_smoothing",
    by_area: bool = True,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how well each kind of fitted model predicts held-out trials, with the baseline to be beaten.

    Parameters
    ----------
    result : xarray.Dataset
        From `neurorec.fitted.compare_fitted`.
    measure : {"co_smoothing", "forward", "few_shot"}
        Which prediction.
    by_area : bool
        Whether areas are drawn beneath each model's own mark, where there are two or more.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Bits per spike with bootstrap intervals over trials, one row a model. The dashed line is the better of the
        trial average and the uncoupled GLM; a model whose difference from it may be 0 has an open mark.

    Raises
    ------
    InputError
        For a measure that the result lacks.

    Examples
    --------
    >>> dims = ("model", "measure")
    >>> result = xr.Dataset(
    ...     {"bits": (dims, [[0.1], [0.3]]), "bits_low": (dims, [[0.0], [0.2]]), "bits_high": (dims, [[0.2], [0.4]])},
    ...     coords={"model": ["trial average", "coupled GLM"], "measure": ["forward"]},
    ... )
    >>> [label.get_text() for label in held_out_prediction(result, measure="forward").get_yticklabels()]
    ['trial average', 'coupled GLM']
    """
    if measure not in result["measure"].values:
        expected = f"one of {', '.join(result['measure'].values.astype(str))}"
        raise InputError("measure", expected=expected, found=repr(measure), remedy="name one of them")
    one = result.sel(measure=measure)
    names = one["model"].values.astype(str)
    areas = one["area"].values.astype(str) if by_area and "area_bits" in one and one.sizes.get("area", 0) > 1 else []
    ax = start_axes(ax, width=6.6, height=1.3 + (0.42 + 0.1 * len(areas)) * len(names))
    ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    baseline = str(one["baseline"].values) if "baseline" in one.coords else ""
    if baseline:
        ax.axvline(float(one["bits"].sel(model=baseline)), color=MUTED, linewidth=1.0, linestyle="--", zorder=1)
    palette = colours_for(one, colours) if len(areas) else {}
    for row, name in enumerate(names):
        mine = one.sel(model=name)
        value, low, high = (float(mine[key]) for key in ("bits", "bits_low", "bits_high"))
        at = row - (0.12 if len(areas) else 0.0)
        ax.plot([low, high], [at, at], color=INK, linewidth=2.2, solid_capstyle="butt", zorder=3)
        beats = not baseline or (name != baseline and float(mine["above_low"]) > 0)
        ax.plot(value, at, "o", color=INK, markerfacecolor=INK if beats else "white", markersize=6.5, zorder=4)
        for k, area in enumerate(areas):
            _area_mark(ax, mine.sel(area=area), row + 0.1 + 0.28 * k / max(len(areas) - 1, 1), palette[area])
    label_rows(ax, names.tolist(), [INK] * len(names))
    _say_areas(ax, list(areas), palette)
    ax.set_xlabel(f"bits per spike, held-out trials: {_SAID.get(measure, measure)}")
    note(ax, f"\n\n\ndashed: {baseline}; open marks do not beat it for certain" if baseline else "")
    return ax


def variance_over_passes(currents: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how much of the recorded rates a data-constrained network explains, pass by pass.

    Parameters
    ----------
    currents : xarray.Dataset
        From `neurorec.fitted.area_currents`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        With learning going on, which corrects the rates as they come, and without; how it ended on the right.

    Examples
    --------
    >>> free = [np.nan, np.nan, 0.7]
    >>> passes = xr.Dataset({"explained": ("pass", [0.5, 0.8, 0.9]), "explained_free": ("pass", free)},
    ...                     coords={"pass": [1, 2, 3]}, attrs={"status": "out of passes"})
    >>> variance_over_passes(passes).get_lines()[1].get_ydata().tolist()
    [0.7]
    """
    ax = start_axes(ax, width=5.6, height=3.4)
    passes, learning = currents["pass"].values, currents["explained"].values
    looks = np.isfinite(currents["explained_free"].values)
    free = currents["explained_free"].values[looks]
    ax.plot(passes, learning, color=FAINT, linewidth=1.6, label="while learning")
    ax.plot(passes[looks], free, "o-", color=COLOURS[0], linewidth=1.6, markersize=4, label="by itself, not learning")
    ax.axhline(1, color=MUTED, linewidth=0.8, linestyle="--", zorder=1)
    seen = np.concatenate([learning[np.isfinite(learning)], free])
    ax.set_ylim(max(min(seen.min(initial=0.0), 0.0), -1.0) - 0.02, 1.04)
    ax.set_xlim(0, passes.max(initial=1) * 1.02)
    ax.legend(loc="lower right", frameon=False, fontsize=8.5)
    ax.set_xlabel(f"passes over the trials ({currents.attrs.get('status', '')})")
    ax.set_ylabel("share of the variance of\nthe rates explained (pVar)")
    return ax


def currents_between_areas(
    currents: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how strong the currents from each area into each other are.

    Parameters
    ----------
    currents : xarray.Dataset
        From `neurorec.fitted.area_currents`.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Root mean square over time and the units of the target area, sources from left to right.

    Examples
    --------
    >>> areas = ["PPC", "V1"]
    >>> strength = xr.Dataset({"strength": (("target_area", "source_area"), [[0.5, 0.1], [0.2, 0.4]])},
    ...                       coords={"target_area": areas, "source_area": areas})
    >>> currents_between_areas(strength).get_images()[0].get_array().tolist()
    [[0.5, 0.1], [0.2, 0.4]]
    """
    names = currents["target_area"].values.astype(str)
    known = xr.Dataset(coords={"area": ("unit", names)})
    palette = colours_for(known, colours)
    values = currents["strength"].transpose("target_area", "source_area").values
    ax = start_axes(ax, width=2.6 + 0.6 * names.size, height=1.6 + 0.5 * names.size)
    image = ax.imshow(values, cmap="Blues", vmin=0, vmax=float(np.nanmax(values)) or 1.0, aspect="equal")
    bar = ax.figure.colorbar(image, ax=ax, pad=0.03, shrink=0.8, aspect=20)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(colors=MUTED, labelcolor=INK, labelsize=8, width=0.8, length=3)
    bar.set_label("current (a.u., r.m.s.)", fontsize=8.5, color=INK)
    for (row, column), value in np.ndenumerate(values):
        dark = value > 0.6 * np.nanmax(values)
        ax.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=8, color="white" if dark else INK)
    shown = [area_name(name) for name in names]
    ax.set_xticks(range(names.size), shown)
    ax.set_yticks(range(names.size), shown)
    ax.tick_params(length=0)
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        for label, name in zip(labels, names, strict=True):
            label.set_color(readable(palette[name]))
            label.set_fontweight("bold")
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_xlabel("from area")
    ax.set_ylabel("into area")
    return ax


def simulated_against_recorded(
    recorded: xr.Dataset, simulated: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the mean rate of every unit in the spikes of a fitted GLM against the recorded one.

    Parameters
    ----------
    recorded : xarray.Dataset
        The recording.
    simulated : xarray.Dataset
        ``recording`` of `neurorec.fitted.simulate_glm`; its simulated bins count, and the same recorded ones.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Spikes per second, both axes logarithmic; the diagonal is equality. Units without a spike in either are left
        out, and counted.

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> recording = recording_from_arrays(np.tile([[1, 0], [0, 2]], (5, 1)), bin_width=0.1, area="V1")
    >>> same = recording.assign_coords(simulated=("time", np.ones(10, dtype=bool)))
    >>> simulated_against_recorded(recording, same).collections[0].get_offsets().tolist()
    [[5.0, 5.0], [10.0, 10.0]]
    """
    drawn = simulated["simulated"].values
    kept = simulated["time"].values[drawn]
    width = float(recorded["activity"].attrs["bin_width"])
    true = recorded["activity"].sel(time=kept).values.mean(axis=0) / width
    found = simulated["activity"].values[drawn].mean(axis=0) / width
    palette, area = colours_for(recorded, colours), recorded["area"].values.astype(str)
    ax = start_axes(ax, width=4.6, height=4.2)
    both = (true > 0) & (found > 0)
    for name in dict.fromkeys(sorted(area)):
        mine = both & (area == name)
        ax.scatter(true[mine], found[mine], s=16, color=palette[name], alpha=0.75, linewidth=0, label=area_name(name))
    ends = _log_ends(np.concatenate([true[both], found[both]]))
    ax.plot(ends, ends, color=MUTED, linewidth=0.9, zorder=1)
    log_axis(ax, np.array(ends))
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(ends)
    ax.set_ylim(ends)
    ax.legend(frameon=False, fontsize=8.5, loc="upper left")
    ax.set_xlabel("recorded rate (spikes/s)", loc="left")
    ax.set_ylabel("rate of the fitted GLM's own spikes (spikes/s)")
    stopped = int(simulated.attrs.get("n_stopped", 0))
    left = int(np.count_nonzero(~both))
    said = [f"{stopped} trial{'s' * (stopped > 1)} stopped for runaway excitation"] * min(stopped, 1)
    note(ax, "; ".join([*said, *[f"{left} silent unit{'s' * (left > 1)}"] * min(left, 1)]))
    return ax


def _area_mark(ax: Axes, one: xr.Dataset, at: float, colour: str) -> None:
    low, high = float(one["area_bits_low"]), float(one["area_bits_high"])
    ax.plot([low, high], [at, at], color=colour, linewidth=1.2, solid_capstyle="butt", zorder=2)
    ax.plot(float(one["area_bits"]), at, "o", color=colour, markersize=3.5, zorder=3)


def _say_areas(ax: Axes, areas: list[str], palette: Mapping[str, str]) -> None:
    for k, area in enumerate(areas):
        ax.annotate(
            area_name(area), (1.0, 1.0), xycoords="axes fraction", xytext=(4, -4 - 12 * k), textcoords="offset points",
            ha="left", va="top", fontsize=8.5, fontweight="bold", color=readable(palette[area]),
        )  # fmt: skip


def _log_ends(values: NDArray[np.float64]) -> tuple[float, float]:
    """Limits with a little room; of one decade where there is nothing."""
    if not values.size:
        return 0.1, 1.0
    return float(values.min() / 1.4), float(values.max() * 1.4)
