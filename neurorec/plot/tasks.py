"""A trial of a task: what goes in, what should come out, and what came out."""

from itertools import pairwise

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax

from neurorec.plot.canvas import spread, start_axes
from neurorec.plot.palette import COLOURS, FAINT, INK, MUTED
from neurorec.recording import InputError

_MOST_LINES = 10  # channels drawn as lines; more become an image, which stays readable
_IMAGE_ROWS = 4.0  # lanes that an image takes
_ASKED, _TARGET, _GIVEN = COLOURS[4], COLOURS[5], COLOURS[1]


def task_trial(trials: xr.Dataset, *, trial: int = 0, outputs: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
    """Draw one trial: inputs above, targets below, and outputs over them where they are given.

    Parameters
    ----------
    trials : xarray.Dataset
        Of any task, see `neurorec.tasks.check_trials`.
    trial : int
        Which, counted from 0.
    outputs : array-like (trial, time, output), optional
        Of a network, for the same trials. Where the task's loss is on classes or bits they are log odds, and are
        drawn as probabilities, as the targets are.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A lane per channel over time in s, all inputs on one scale and all outputs on another; more than ten channels
        become an image. Shaded: where the mask says that it counts. Hatched: padding. Periods are named on top.

    Raises
    ------
    InputError
        A trial that is not there, outputs of another shape.

    Examples
    --------
    >>> from neurorec.tasks import NoisyEvidence
    >>> trials = NoisyEvidence().sample(4, rng=np.random.default_rng(0))
    >>> [label.get_text() for label in task_trial(trials).get_yticklabels()]
    ['evidence', 'fixation', 'choice']
    """
    n_trials = trials.sizes["trial"]
    if not -n_trials <= trial < n_trials:
        raise InputError("trial", expected=f"0 to {n_trials - 1}", found=str(trial), remedy="count from 0")
    one = trials.isel(trial=trial)
    given = None
    if outputs is not None:
        outputs = np.asarray(outputs)
        if outputs.shape != trials["targets"].shape:
            expected, found = str(trials["targets"].shape), str(outputs.shape)
            raise InputError("outputs", expected=expected, found=found, remedy="give those of all trials")
        given = _as_values(outputs[trial], trials.attrs["loss"])
    tall = 1.7 if one.sizes["output"] <= 3 else 1.0  # few outputs get more room: they are what is looked at
    heights = [_block_height(one.sizes["input"]), _block_height(one.sizes["output"], tall)]
    ax = start_axes(ax, width=7.0, height=1.2 + (0.38 if sum(heights) < 10 else 0.28) * sum(heights))
    edges = np.append(one["time"].values, one["time"].values[-1:] + float(trials.attrs["dt"]))
    labels: dict[float, str] = {}
    labels |= _draw_channels(ax, edges, [one["inputs"].values], 0.0, one["input"].values, colours=(INK,))
    floor = heights[0] + 0.5
    layers = [one["targets"].values] + ([] if given is None else [given])
    labels |= _draw_channels(ax, edges, layers, floor, one["output"].values, colours=(_TARGET, _GIVEN), tall=tall)
    bottom = floor + heights[1]
    ax.axhline(floor - 0.25, color=FAINT, linewidth=0.8)
    _shade_mask(ax, edges, one["mask"].values, floor, bottom)
    _name_periods(ax, one, edges, bottom)
    ax.set_yticks(list(labels), list(labels.values()))
    ax.set_ylim(bottom, 0)
    ax.set_xlim(edges[0], edges[-1])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("time from the trial's start (s)", loc="left")
    _key(ax, given is not None)
    return ax


def _as_values(outputs: NDArray, loss: str) -> NDArray:
    if loss == "cross_entropy":
        return softmax(outputs, axis=-1)
    return expit(outputs) if loss == "bernoulli" else outputs


def _block_height(n_channels: int, tall: float = 1.0) -> float:
    return tall * n_channels if n_channels <= _MOST_LINES else _IMAGE_ROWS


def _draw_channels(
    ax: Axes,
    edges: NDArray,
    layers: list[NDArray],
    top: float,
    names: NDArray,
    *,
    colours: tuple[str, ...],
    tall: float = 1.0,
) -> dict[float, str]:
    """Draw layers ``(time, channel)`` of the same channels from a height down; the place and name of each lane."""
    if names.size > _MOST_LINES:
        return _draw_images(ax, edges, layers, top, names)
    low, high = min(0.0, *(float(v.min()) for v in layers)), max(0.0, *(float(v.max()) for v in layers))
    scale = 0.8 * tall / (high - low) if high > low else 1.0
    places = {}
    for k, name in enumerate(names):
        zero = top + (k + 0.9) * tall + low * scale
        ax.axhline(zero, color=FAINT, linewidth=0.5, zorder=1)
        for layer, colour in zip(layers, colours, strict=False):
            wide = 3.0 if colour == _TARGET else 1.1
            ax.stairs(zero - scale * layer[:, k], edges, baseline=None, color=colour, linewidth=wide, zorder=3)
        places[top + (k + 0.5) * tall] = _label(name)
    return places


def _draw_images(ax: Axes, edges: NDArray, layers: list[NDArray], top: float, names: NDArray) -> dict[float, str]:
    """Draw many channels as an image, the last layer as dots where it is the largest; the names at either end."""
    rows = np.linspace(top + 0.1, top + _IMAGE_ROWS - 0.1, names.size + 1)
    middle = (rows[:-1] + rows[1:]) / 2
    ax.pcolormesh(edges, rows, layers[0].T, cmap="Greys", vmin=0, zorder=2, rasterized=True)
    if len(layers) > 1:
        when = (edges[:-1] + edges[1:]) / 2
        ax.plot(when, middle[layers[1].argmax(axis=1)], ".", color=_GIVEN, markersize=3, zorder=4)
    return {float(middle[0]): _label(names[0]), float(middle[-1]): _label(names[-1])}


def _label(name: object) -> str:
    """A channel's name; quoted where it is a blank, as a character of a text may be."""
    return str(name) if str(name).strip() else repr(str(name))


def _shade_mask(ax: Axes, edges: NDArray, mask: NDArray, top: float, bottom: float) -> None:
    """Shade the outputs where they count, the more the greater the weight."""
    strength = mask / mask.max() if mask.max() > 0 else mask
    change = np.flatnonzero(np.diff(strength, prepend=np.nan, append=np.nan) != 0)
    for begin, end in pairwise(change.tolist()):
        if strength[begin] > 0:
            corner, width = (float(edges[begin]), top), float(edges[end] - edges[begin])
            shade = Rectangle(corner, width, bottom - top, color=_ASKED, alpha=0.25 * strength[begin], zorder=0)
            shade.set_linewidth(0)
            ax.add_patch(shade)


def _name_periods(ax: Axes, one: xr.Dataset, edges: NDArray, bottom: float) -> None:
    """Mark where periods begin, their names on top, and hatch what lies behind the trial's end."""
    starts = {str(name).removesuffix("_start"): float(one[name]) for name in one if str(name).endswith("_start")}
    starts = {name: at for name, at in starts.items() if np.isfinite(at)}
    names = sorted(starts, key=lambda name: starts[name])
    ax.vlines([starts[n] for n in names], 0, bottom, color=MUTED, linewidth=0.8, linestyle=":", zorder=2)
    reach = edges[-1] - edges[0]
    for name, place in zip(names, spread([starts[n] for n in names], gap=0.1 * reach, high=edges[-1]), strict=True):
        ax.annotate(name, (place, 0), xytext=(1, 3), textcoords="offset points", fontsize=8, color=MUTED)
    end = float(one["duration"])
    if end < edges[-1] - 1e-6 * reach:
        hatched = Rectangle((end, 0), float(edges[-1]) - end, bottom, facecolor="white", edgecolor=FAINT, zorder=5)
        hatched.set_hatch("////")
        hatched.set_linewidth(0)
        ax.add_patch(hatched)


def _key(ax: Axes, given: bool) -> None:
    """Say what the colours are, beside the axes."""
    items = [("target", _TARGET, 3.0)] + ([("output", _GIVEN, 1.1)] if given else [])
    handles: list[Artist] = [Line2D([], [], color=colour, linewidth=wide, label=name) for name, colour, wide in items]
    handles.append(Patch(color=_ASKED, alpha=0.25, linewidth=0, label="counts"))
    place = {"loc": "upper left", "bbox_to_anchor": (1, 1), "borderaxespad": 0.5}
    ax.legend(handles=handles, frameon=False, fontsize=8, labelcolor=INK, **place)
