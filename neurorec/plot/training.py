"""How a network learnt: its curve, how far errors reach back, and what its units do in a trial."""

from collections.abc import Mapping
from textwrap import fill
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray

from neurorec.plot.canvas import note, spread, start_axes
from neurorec.plot.palette import COLOURS, FAINT, INK, MUTED, area_name, colours_for, readable
from neurorec.recording import InputError

_MOST_NAMED = 8  # lines that can be told apart by a name at their end


def learning_curve(
    curve: xr.Dataset,
    *,
    show: Literal["score", "loss"] = "score",
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how held-out trials were done while a network learnt, a line per seed.

    Parameters
    ----------
    curve : xarray.Dataset
        ``curve`` of a `neurorec.training.Training`.
    show : {"score", "loss"}
        The task's score, between chance, criterion and the best that can be; or the loss, on a logarithmic axis, with
        that of every update, which is of the trials learnt from, faintly behind it.
    colours : mapping of str to str, optional
        Colour per seed, written as a string.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Updates of the weights from left to right; each line ends in its seed and how it ended, a filled dot where the
        task was solved, an open one where it was not.

    Raises
    ------
    InputError
        For something else to show.

    Examples
    --------
    >>> curve = xr.Dataset(
    ...     {"score": (("seed", "look"), [[0.1, 0.9, 1.0]]), "status": ("seed", ["solved"])},
    ...     coords={"seed": [0], "look": [0, 50, 100]},
    ...     attrs={"chance": 0.1, "criterion": 0.99, "best": 1.0},
    ... )
    >>> learning_curve(curve).get_lines()[0].get_ydata().tolist()
    [0.1, 0.9, 1.0]
    """
    if show not in ("score", "loss"):
        raise InputError("show", expected="'score' or 'loss'", found=repr(show), remedy="name one of them")
    ax = start_axes(ax, width=6.4, height=3.8)
    name = "score" if show == "score" else "held_out_loss"
    seeds = curve["seed"].values.astype(str)
    palette = {seed: COLOURS[k % len(COLOURS)] for k, seed in enumerate(seeds)} | dict(colours or {})
    look, ends, places = curve["look"].values, {}, {}
    for k, seed in enumerate(seeds):
        values, colour = curve[name].values[k], palette[seed]
        known = np.isfinite(values) if show == "score" else np.isfinite(values) & (values > 0)
        if show == "loss":
            each = curve["loss"].values[k]
            ax.plot(np.arange(each.size), each, color=colour, linewidth=0.5, alpha=0.3, zorder=2, rasterized=True)
        ax.plot(look[known], values[known], color=colour, linewidth=1.6, zorder=3)
        if known.any():
            ends[seed], places[seed] = float(values[known][-1]), float(look[known][-1])
            solved = str(curve["status"].values[k]) == "solved"
            face = colour if solved else "white"
            ax.plot(places[seed], ends[seed], "o", color=colour, markerfacecolor=face, markersize=5, zorder=4)
    if show == "loss":
        ax.set_yscale("log")
    right = float(max(look.max(initial=1), 1))
    ax.set_xlim(0, 1.02 * right)
    if show == "score":
        _mark_levels(ax, curve, [v for v in curve[name].values.ravel() if np.isfinite(v)])
    ended = {seed: str(status) for seed, status in zip(seeds, curve["status"].values, strict=True)}
    label = f"seed {{}}{'' if show == 'score' else ', held out'}"
    texts = {seed: f"{label.format(seed)}: {ended[seed]}" for seed in ends}
    _name_ends(ax, ends, texts, palette, starts=places)
    ax.set_xlabel("updates of the weights", loc="left")
    ax.set_ylabel(fill(str(curve[name].attrs.get("long_name", name.replace("_", " "))), 36))
    return ax


def gradient_norm(norms: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw how much of an error reaches the states before it, a line per network.

    Parameters
    ----------
    norms : xarray.Dataset
        From `neurorec.training.gradient_norms` or `neurorec.training.compare_gradients`.
    colours : mapping of str to str, optional
        Colour per network.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Time before the error from left to right, on a logarithmic vertical axis: lines are geometric means over trials,
        bands reach from their first to their ninth decile. A line ends where the gradient is 0 in some trials, or
        where fewer than half of the trials are as long. Beside each the factor per step back, the median over trials.

    Examples
    --------
    >>> norms = xr.Dataset(
    ...     {"gradient_norm": (("trial", "lag"), [[1.0, 0.5, 0.25]]), "factor": ("trial", [0.5])},
    ...     coords={"lag": [0.0, 0.02, 0.04]}, attrs={"network": "Elman", "dt": 0.02},
    ... )
    >>> ax = gradient_norm(norms)
    >>> ax.get_lines()[0].get_ydata().round(3).tolist(), ax.texts[0].get_text().strip()
    ([1.0, 0.5, 0.25], 'Elman × 0.5 per step')
    """
    if "network" not in norms.dims:
        norms = norms.expand_dims(network=[str(norms.attrs.get("network", "network"))])
    names = norms["network"].values.astype(str)
    palette = {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(names)} | dict(colours or {})
    ax = start_axes(ax, width=6.8, height=4.0)
    ax.set_yscale("log")
    ends, starts, texts = {}, {}, {}
    for k, name in enumerate(names):
        values = norms["gradient_norm"].transpose("network", "trial", "lag").values[k].astype(float)
        lag, low, middle, high = _band(values, norms["lag"].values)
        if not lag.size:
            continue
        ax.fill_between(lag, low, high, color=palette[name], alpha=0.18, linewidth=0, zorder=2)
        ax.plot(lag, middle, color=palette[name], linewidth=1.6, zorder=3)
        factor = np.nanmedian(norms["factor"].transpose("network", "trial").values[k])
        ends[name], starts[name], texts[name] = float(middle[-1]), float(lag[-1]), f"{name} × {factor:.3g} per step"
    ax.set_xlim(0, max([*starts.values(), float(norms.attrs.get("dt", 0.0))]))
    _name_ends(ax, ends, texts, palette, starts=starts)
    if not ends:
        note(ax, "no gradient reaches any state")
    ax.set_xlabel(f"time before the error (s), {1000 * float(norms.attrs.get('dt', np.nan)):g} ms a step", loc="left")
    ax.set_ylabel("norm of the error's gradient in the state")
    return ax


def hidden_activity(
    recording: xr.Dataset, *, trial: int | None = None, colours: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw what every unit does in a trial, as an image: by area, and within it by when a unit is most active.

    Parameters
    ----------
    recording : xarray.Dataset
        From `neurorec.networks.simulate`, or any with trials.
    trial : int, optional
        Which one, counted from 0; by default the mean over all trials, as long as half of them last.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Time from the trial's start, in s. Where activity takes both signs, red is above 0 and blue below it, as far as
        the largest; elsewhere black is the largest. Units are sorted by the time of their largest activity,
        whichever its sign.

    Raises
    ------
    InputError
        A trial that is not there.

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> import pandas as pd
    >>> trials = pd.DataFrame({"start": [0.0, 0.2], "stop": [0.2, 0.4]})
    >>> activity = np.tile(np.eye(10, 3), (4, 1))
    >>> recording = recording_from_arrays(activity, bin_width=0.01, trials=trials, kind="rates")
    >>> hidden_activity(recording, trial=1).get_ylabel()
    '3 units'
    """
    width = float(recording["activity"].attrs["bin_width"])
    n_trials = recording.sizes.get("trial", 0)
    if n_trials == 0 or (trial is not None and not 0 <= trial < n_trials):
        expected = f"0 to {n_trials - 1}" if n_trials else "a recording with trials"
        raise InputError("trial", expected=expected, found=str(trial), remedy="count from 0")
    values = _in_trial(recording, trial, width)
    areas = recording["area"].values.astype(str)
    peak = np.abs(values).argmax(axis=0)
    order = np.lexsort((peak, areas, areas == ""))
    values, areas = values[:, order], areas[order]
    ax = start_axes(ax, width=6.8, height=1.4 + min(3.6, 0.05 * areas.size + 1.2))
    both = values.min() < 0 < values.max()
    largest = float(np.abs(values).max()) or 1.0
    low = -largest if both else min(0.0, float(values.min()))
    high = largest if both else max(0.0, float(values.max()))
    cmap = "RdBu_r" if both else "Greys" if values.max() > 0 else "Greys_r"
    extent = (0.0, len(values) * width, areas.size - 0.5, -0.5)
    image = ax.imshow(values.T, aspect="auto", extent=extent, interpolation="none", vmin=low, vmax=high, cmap=cmap)
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02, shrink=0.8, aspect=25)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(colors=MUTED, labelcolor=INK, labelsize=8, width=0.8, length=3)
    units = str(recording["activity"].attrs.get("units", ""))
    what = "activity" if trial is not None else "mean activity"
    bar.set_label(f"{what} ({units})" if units else what, fontsize=8.5, color=INK)
    _name_areas(ax, areas, colours_for(recording, colours))
    ax.set_xlabel("time from the trial's start (s)", loc="left")
    ax.set_ylabel(f"{areas.size} units")
    return ax


def _mark_levels(ax: Axes, curve: xr.Dataset, scores: list[float]) -> None:
    """Chance, criterion and the best that can be, in the axes' range."""
    levels = {name: float(curve.attrs.get(name, np.nan)) for name in ("chance", "criterion", "best")}
    levels = {name: value for name, value in levels.items() if np.isfinite(value)}
    seen = [*scores, *levels.values()]
    if seen:
        # a score may begin far below chance, where an answer is worse than none: it is then cut off
        low, high = max(min(seen), levels.get("chance", min(seen)) - 1.0), max(seen)
        margin = 0.05 * ((high - low) or 1.0)
        ax.set_ylim(low - margin, high + margin)
    bottom, top = ax.get_ylim()
    at = spread(list(levels.values()), gap=0.055 * (top - bottom), low=bottom, high=top)
    for (name, value), place in zip(levels.items(), at, strict=True):
        ax.axhline(value, color=FAINT, linewidth=0.9, linestyle="--", zorder=1)
        offset = 0.15 * ax.get_xlim()[1]  # where few networks have learnt already
        box = {"facecolor": "white", "linewidth": 0, "pad": 1.0}
        # under the data: the name may hide the level's own line, and nothing else
        ax.text(offset, place, name, color=MUTED, fontsize=8, va="center", ha="left", zorder=1.5, bbox=box)


def _band(values: NDArray, lag: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Lags that half of the trials reach and at which no gradient is 0; first decile, geometric mean, ninth decile."""
    reached = np.isfinite(values)
    usable = (reached.sum(axis=0) > 0) & (reached.mean(axis=0) >= 0.5) & ~(values == 0).any(axis=0)
    last = usable.size if usable.all() else int(usable.argmin())
    logs = np.log(values[:, :last])
    low, high = np.nanquantile(logs, [0.1, 0.9], axis=0) if last else (np.empty(0), np.empty(0))
    middle = np.nanmean(logs, axis=0) if last else np.empty(0)
    return lag[:last], np.exp(low), np.exp(middle), np.exp(high)


def _name_ends(
    ax: Axes,
    ends: Mapping[str, float],
    texts: Mapping[str, str],
    palette: Mapping[str, str],
    *,
    starts: Mapping[str, float],
) -> None:
    """Write a text beside the end of each line, apart from each other, on whichever scale the axis has."""
    if len(ends) > _MOST_NAMED:
        note(ax, f"{len(ends)} lines; not named")
        return
    to_axes = ax.transData + ax.transAxes.inverted()
    names = sorted(ends, key=lambda name: ends[name])
    heights = {name: float(to_axes.transform((starts[name], ends[name]))[1]) for name in names}
    places = spread([heights[name] for name in names], gap=0.07, low=0.0, high=1.0)
    for name, place in zip(names, places, strict=True):
        begin = float(to_axes.transform((starts[name], ends[name]))[0])
        line = {"color": palette[name], "linewidth": 0.6, "clip_on": False, "transform": ax.transAxes, "zorder": 2}
        ax.plot([begin + 0.005, 1.03], [heights[name], place], **line)
        ax.text(
            1.03, place, f" {texts[name]}", color=readable(palette[name]), fontsize=8.5, va="center",
            transform=ax.transAxes,
        )  # fmt: skip


def _in_trial(recording: xr.Dataset, trial: int | None, width: float) -> NDArray:
    """Activity ``(step, unit)`` of a trial, or the mean of all, as long as half of them last."""
    of = recording.indexes["trial"].get_indexer(recording["trial_id"].values)
    inside = of >= 0 if trial is None else of == trial
    if not inside.any():
        remedy = "draw another one, or give times of trials on the recording's own clock"
        raise InputError("trial", expected="one that was recorded", found=str(trial), remedy=remedy)
    since = recording["time"].values[inside] - recording["start"].values[of[inside]]
    step = np.rint(since / width).astype(int)
    activity = recording["activity"].values[inside].astype(float)
    count = np.bincount(step)
    total = np.zeros((count.size, activity.shape[1]))
    np.add.at(total, step, activity)
    kept = count >= 0.5 * count.max()
    last = kept.size if kept.all() else int(kept.argmin())
    return total[:last] / count[:last, None]


def _name_areas(ax: Axes, areas: NDArray, palette: Mapping[str, str]) -> None:
    """The areas on the left, each in the middle of its units, and lines between them."""
    starts = np.flatnonzero(np.append(True, areas[1:] != areas[:-1]))
    stops = np.append(starts[1:], areas.size)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if starts.size == 1 and not areas[0]:
        ax.set_yticks([])
        return
    names = [str(areas[start]) for start in starts]
    ax.set_yticks(
        (starts + stops - 1) / 2, [f"{area_name(name)} ({b - a})" for name, a, b in zip(names, starts, stops)]
    )
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        label.set_color(readable(palette[name]))
        label.set_fontweight("bold")
    for edge in stops[:-1]:
        ax.axhline(edge - 0.5, color="white", linewidth=2.0)
