"""A hierarchy of predictions: how it settles, what it learns, and what its errors and its feedback do."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import note, start_axes
from neurorec.plot.palette import COLOURS, FAINT, INK, MUTED


def energy_above_minimum(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how far the energy of settling values is above its minimum, a line per image.

    Parameters
    ----------
    data : xarray.Dataset
        ``energy (image, time)`` and ``minimum (image)``; ``time`` in s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        The vertical axis is logarithmic.

    Examples
    --------
    >>> over = (("image", "time"), [[1.0, 0.5, 0.3]])
    >>> data = xr.Dataset({"energy": over, "minimum": ("image", [0.2])}, coords={"time": [0.0, 0.1, 0.2]})
    >>> len(energy_above_minimum(data).lines)
    1
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    above = (data["energy"] - data["minimum"]).transpose("image", "time").values
    time, least = data["time"].values, 1e-12  # as near as rounding lets them come
    ax.plot(time, np.maximum(above, 1e-16).T, color=COLOURS[0], linewidth=0.9, alpha=0.8)
    ax.set_yscale("log")
    ax.set_ylim(bottom=least)
    ax.set_xlim(0, 1.1 * time[(above > least).any(axis=0)].max(initial=time[0]) + 1e-9)
    ax.set_xlabel("time (s)")
    ax.set_ylabel("energy above its minimum")
    note(ax, "minimum by L-BFGS; a line per image")
    return ax


def angle_against_steps(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw angles between updates and those of backpropagation against the steps of settling.

    Parameters
    ----------
    data : xarray.Dataset
        ``angle (network, variance, step, layer)``, degrees, and ``shuffled (network, layer)``, of a control.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        The layer with the largest angle, the mean over networks, a line per variance of the output; dotted: the
        control.

    Examples
    --------
    >>> over = (("network", "variance", "step", "layer"), np.ones((1, 2, 3, 2)))
    >>> data = xr.Dataset({"angle": over, "shuffled": (("network", "layer"), [[90.0, 89.0]])})
    >>> len(angle_against_steps(data.assign_coords(variance=[1.0, 10.0], step=[1, 2, 5])).lines)
    3
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    angle = data["angle"].mean("network").max("layer")
    step = data["step"].values
    for k, variance in enumerate(data["variance"].values):
        values = angle.isel(variance=k).values
        ax.plot(
            step, values, "o-", color=COLOURS[k % len(COLOURS)], markersize=3.5, linewidth=1.2, label=f"{variance:g}"
        )
    ax.axhline(float(data["shuffled"].mean()), color=MUTED, linewidth=1.0, linestyle=":")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("steps of settling")
    ax.set_ylabel("largest angle of a layer (degrees)")
    ax.legend(frameon=False, fontsize=8, title="variance of the output", title_fontsize=8, loc="lower left")
    note(ax, "dotted: synapses permuted")
    return ax


def accuracy_by_way(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw accuracies by the way in which a network has learnt, a dot per network.

    Parameters
    ----------
    data : xarray.Dataset
        ``accuracy (way, network)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Dots, and the mean as a line.

    Examples
    --------
    >>> data = xr.Dataset({"accuracy": (("way", "network"), [[0.9, 0.95]])}, coords={"way": ["settled"]})
    >>> accuracy_by_way(data).get_yticklabels()[0].get_text()
    'settled'
    """
    ax = start_axes(ax, width=4.2, height=2.6)
    for k, name in enumerate(data["way"].values):
        values, colour = data["accuracy"].sel(way=name).values, COLOURS[k % len(COLOURS)]
        ax.plot(values, k + np.linspace(-0.12, 0.12, values.size), "o", color=colour, markersize=4, alpha=0.7)
        ax.plot([values.mean()] * 2, [k - 0.3, k + 0.3], color=INK, linewidth=1.5)
    ax.set_yticks(range(data.sizes["way"]), [str(name) for name in data["way"].values])
    ax.set_ylim(data.sizes["way"] - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("accuracy on held-out images")
    return ax


def responses_to_violations(data: xr.Dataset, *, layer: int = 1, ax: Axes | None = None) -> Axes:
    """Draw responses of error units to images that were expected and that were not.

    Parameters
    ----------
    data : xarray.Dataset
        ``response (kind, network, condition, layer, time)``; ``time`` from the onset, s. The first kind is drawn in
        colours, the second in grey.
    layer : int
        Whose error units.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Means over networks, bands of a standard error.

    Examples
    --------
    >>> over = (("kind", "network", "condition", "layer", "time"), np.ones((2, 3, 2, 2, 4)))
    >>> data = xr.Dataset({"response": over}, coords={"kind": ["learnt", "shuffled"], "layer": [0, 1]})
    >>> data = data.assign_coords(condition=["expected", "violation"], time=[0.0, 0.1, 0.2, 0.3])
    >>> responses_to_violations(data).get_legend().get_texts()[1].get_text()
    'violation'
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    time, n = data["time"].values, max(data.sizes["network"], 1)
    for row, kind in enumerate(data["kind"].values[:2]):
        for k, condition in enumerate(data["condition"].values):
            here = data["response"].sel(kind=kind, condition=condition, layer=layer)
            mean, error = here.mean("network").values, here.std("network").values / np.sqrt(n)
            colour, name = (COLOURS[k], str(condition)) if row == 0 else (MUTED, f"{condition}, {kind}")
            ax.plot(time, mean, color=colour, linewidth=1.5 - 0.4 * row, linestyle=("-", "--")[k * row], label=name)
            ax.fill_between(time, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
    ax.set_xlabel("time from the image's onset (s)")
    ax.set_ylabel(f"mean size of errors, layer {layer}")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=8)
    return ax


def accuracy_without_feedback(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the accuracy over time with feedback and without it, by kind of image.

    Parameters
    ----------
    data : xarray.Dataset
        ``accuracy (network, images, feedback, time)``; ``time`` in s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Full lines with feedback, dashed without; bands of a standard error over networks.

    Examples
    --------
    >>> over = (("network", "images", "feedback", "time"), np.ones((3, 1, 2, 4)))
    >>> data = xr.Dataset({"accuracy": over}, coords={"images": ["clear"], "feedback": ["intact", "removed"]})
    >>> len(accuracy_without_feedback(data.assign_coords(time=[0.1, 0.2, 0.3, 0.4])).lines)
    2
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    time, n = data["time"].values, max(data.sizes["network"], 1)
    for k, images in enumerate(data["images"].values):
        for row, feedback in enumerate(data["feedback"].values):
            here = data["accuracy"].sel(images=images, feedback=feedback)
            mean, error = here.mean("network").values, here.std("network").values / np.sqrt(n)
            label = f"{images}, feedback {feedback}"
            ax.plot(time, mean, color=COLOURS[k], linewidth=1.4, linestyle=("-", "--")[row], label=label)
            ax.fill_between(time, mean - error, mean + error, color=COLOURS[k], alpha=0.18, linewidth=0)
    ax.set_xscale("log")
    ax.set_xlabel("time from the image's onset (s)")
    ax.set_ylabel("accuracy, top layer")
    ax.legend(frameon=False, fontsize=7.5)
    return ax


def filled_images(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw images as they are, as they are seen and as they are understood, a column each.

    Parameters
    ----------
    data : xarray.Dataset
        ``pixels (stage, image, row, column)``, 0 is black; NaN is drawn in grey.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> over = (("stage", "image", "row", "column"), np.zeros((2, 3, 8, 8)))
    >>> ax = filled_images(xr.Dataset({"pixels": over}, coords={"stage": ["image", "seen"]}))
    >>> ax.get_yticklabels()[0].get_text()
    'image'
    """
    ax = start_axes(ax, width=5.0, height=2.6)
    pixels = np.clip(data["pixels"].transpose("stage", "image", "row", "column").values, 0, 1)
    n_stages, n_images, height, width = pixels.shape
    canvas = np.full((n_stages * (height + 1), n_images * (width + 1), 3), 1.0)
    grey = np.array([int(FAINT[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    for i in range(n_stages):
        for j in range(n_images):
            tile = np.repeat(pixels[i, j][..., None], 3, axis=-1)
            tile = np.where(np.isnan(tile), grey, tile)
            canvas[i * (height + 1) : (i + 1) * (height + 1) - 1, j * (width + 1) : (j + 1) * (width + 1) - 1] = tile
    ax.imshow(canvas, interpolation="nearest", aspect="equal")
    middle = np.arange(n_stages) * (height + 1) + (height - 1) / 2
    ax.set_yticks(middle, [str(stage) for stage in data["stage"].values])
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    return ax
