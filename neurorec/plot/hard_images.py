"""Networks that name hard images: the images, who is right by level, and when."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import spread, start_axes
from neurorec.plot.palette import COLOURS, INK, MUTED, readable


def image_examples(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw images, a row per level.

    Parameters
    ----------
    data : xarray.Dataset
        ``image (level, example, row, column)``, 0 for paper and 1 for ink; ``level`` holds names.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> shape = ("level", "example", "row", "column")
    >>> data = xr.Dataset({"image": (shape, np.zeros((2, 3, 12, 12)))}, coords={"level": ["clear", "3 pieces"]})
    >>> [label.get_text() for label in image_examples(data).get_yticklabels()]
    ['clear', '3 pieces']
    """
    ax = start_axes(ax, width=4.0, height=3.4)
    image = data["image"].values
    n_levels, n_examples, rows, columns = image.shape
    gap = 2
    sheet = np.full((n_levels * (rows + gap) - gap, n_examples * (columns + gap) - gap), np.nan)
    for i in range(n_levels):
        for j in range(n_examples):
            sheet[i * (rows + gap) :, j * (columns + gap) :][:rows, :columns] = image[i, j]
    ax.imshow(sheet, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks(np.arange(n_levels) * (rows + gap) + (rows - 1) / 2, [str(name) for name in data["level"].values])
    ax.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    return ax


def accuracy_by_level(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the fraction named right by level, a line per kind of network.

    Parameters
    ----------
    data : xarray.Dataset
        ``accuracy (network, level, seed)``; ``network`` and ``level`` hold names.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line through the means over seeds, a dot per seed.

    Examples
    --------
    >>> data = xr.Dataset({"accuracy": (("network", "level", "seed"), np.full((2, 3, 4), 0.5))})
    >>> ax = accuracy_by_level(data.assign_coords(network=["recurrent", "feedforward"], level=["a", "b", "c"]))
    >>> len(ax.lines), ax.get_legend().get_texts()[0].get_text()
    (4, 'recurrent')
    """
    ax = start_axes(ax, width=4.6, height=3.4)
    n_kinds, n_levels, n_seeds = data["accuracy"].transpose("network", "level", "seed").shape
    for k, name in enumerate(data["network"].values):
        value = data["accuracy"].sel(network=name).transpose("level", "seed").values
        at = np.arange(n_levels) + 0.09 * (k - (n_kinds - 1) / 2)
        colour = COLOURS[k % len(COLOURS)]
        ax.plot(at, value.mean(axis=1), color=colour, linewidth=1.4, marker="_", markersize=7, label=str(name))
        ax.plot(np.repeat(at, n_seeds), value.ravel(), ".", color=colour, markersize=3, alpha=0.6)
    ax.set_xticks(range(n_levels), ["\n".join(str(name).rsplit(" ", 1)) for name in data["level"].values])
    ax.set_ylabel("fraction named right")
    ax.legend(frameon=False, fontsize=7.5, loc="lower left")
    return ax


def accuracy_over_steps(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw accuracy against time, a line per group.

    Parameters
    ----------
    data : xarray.Dataset
        ``accuracy (group, seed, time)``; ``group`` holds names, ``time`` is in s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Means over seeds with a band of a standard error, each named at its end.

    Examples
    --------
    >>> data = xr.Dataset({"accuracy": (("group", "seed", "time"), np.full((2, 3, 4), 0.5))})
    >>> ax = accuracy_over_steps(data.assign_coords(group=["clear", "hidden"], time=[0.01, 0.02, 0.03, 0.04]))
    >>> [text.get_text() for text in ax.texts]
    ['clear', 'hidden']
    """
    ax = start_axes(ax, width=4.6, height=3.4)
    time = 1000 * data["time"].values
    value = data["accuracy"].transpose("group", "seed", "time").values
    mean = np.nanmean(value, axis=1)
    error = np.nanstd(value, axis=1) / np.sqrt(max(value.shape[1] - 1, 1))
    for k in range(len(mean)):
        colour = COLOURS[k % len(COLOURS)]
        ax.fill_between(time, mean[k] - error[k], mean[k] + error[k], color=colour, alpha=0.2, linewidth=0)
        ax.plot(time, mean[k], color=colour, linewidth=1.5, marker="o", markersize=3)
    low, high = ax.get_ylim()
    places = spread(mean[:, -1], gap=0.065 * (high - low), low=low, high=high)
    for k, name in enumerate(data["group"].values):
        ax.annotate(
            str(name), (time[-1], places[k]), (5, 0), textcoords="offset points", va="center", fontsize=8,
            color=readable(COLOURS[k % len(COLOURS)]), annotation_clip=False,
        )  # fmt: skip
    ax.set_xlabel("time from the image's onset (ms)")
    ax.set_ylabel("fraction right")
    return ax


def solution_differences(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how much later challenge images are solved than control images, a dot per network.

    Parameters
    ----------
    data : xarray.Dataset
        ``difference``, ``low`` and ``high (comparison, seed)``, s; ``comparison`` holds names.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Dots with their intervals over images, and a bar at the mean.

    Examples
    --------
    >>> over = (("comparison", "seed"), [[0.01, 0.02]])
    >>> data = xr.Dataset({"difference": over, "low": over, "high": over}, coords={"comparison": ["recurrent"]})
    >>> ax = solution_differences(data)
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['recurrent']
    """
    ax = start_axes(ax, width=4.0, height=3.4)
    names = [str(name) for name in data["comparison"].values]
    n_seeds = data.sizes["seed"]
    for k in range(len(names)):
        found, low, high = (1000 * data[name].isel(comparison=k).values for name in ("difference", "low", "high"))
        at = k + 0.5 * (np.arange(n_seeds) - (n_seeds - 1) / 2) / max(n_seeds, 1)
        colour = COLOURS[k % len(COLOURS)]
        ax.vlines(at, low, high, color=colour, linewidth=1.0, alpha=0.6)
        ax.plot(at, found, "o", color=colour, markersize=4)
        if np.isfinite(found).any():
            ax.hlines(np.nanmean(found), k - 0.32, k + 0.32, color=INK, linewidth=1.2)
    ax.axhline(0, color=MUTED, linewidth=0.8, linestyle=":")
    ax.set_xticks(range(len(names)), names, fontsize=7.5 if len(names) > 3 else 8.5)
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.set_ylabel("challenge less control (ms)")
    return ax


def explained_over_steps(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw what features explain of responses against time, by features and group of images.

    Parameters
    ----------
    data : xarray.Dataset
        ``explained (features, group, seed, time)``; the first two hold names, ``time`` is in s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A colour per features, a dash per group: means over seeds.

    Examples
    --------
    >>> data = xr.Dataset({"explained": (("features", "group", "seed", "time"), np.full((1, 2, 3, 4), 0.5))})
    >>> data = data.assign_coords(features=["feedforward"], group=["a", "b"], time=[0.01, 0.02, 0.03, 0.04])
    >>> [text.get_text() for text in explained_over_steps(data).get_legend().get_texts()]
    ['feedforward, a', 'feedforward, b']
    """
    ax = start_axes(ax, width=4.6, height=3.4)
    time = 1000 * data["time"].values
    for i, features in enumerate(data["features"].values):
        for j, group in enumerate(data["group"].values):
            value = data["explained"].isel(features=i, group=j).transpose("seed", "time").values
            ax.plot(
                time, np.nanmean(value, axis=0), color=COLOURS[i % len(COLOURS)], marker="os^"[j % 3], markersize=3.5,
                linewidth=1.4, linestyle=("-", "--", ":")[j % 3], label=f"{features}, {group}",
            )  # fmt: skip
    ax.set_xlabel("time from the image's onset (ms)")
    ax.set_ylabel("explained share of responses")
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.3 * (high - low), high)  # room for the legend beneath the lines
    ax.legend(frameon=False, fontsize=7.5, loc="lower left", ncols=2)
    return ax
