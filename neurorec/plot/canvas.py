"""The axes that the figures share: bare, quiet, with labels that do not collide."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from neurorec.plot.palette import FAINT, INK, MUTED, readable


def start_axes(ax: Axes | None, *, width: float = 6.0, height: float = 4.0) -> Axes:
    """Return the axes given, or new ones that a notebook shows (width and height in inches), made quiet.

    pyplot is touched only when no axes are given, so that figures drawn on given axes need no global state.
    """
    if ax is None:
        ax = plt.figure(figsize=(width, height), layout="constrained").add_subplot()
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MUTED)
        ax.spines[side].set_linewidth(0.8)
    ax.tick_params(colors=MUTED, labelcolor=INK, labelsize=8.5, width=0.8, length=3)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set_color(INK)
        label.set_size(9.5)
    return ax


def label_rows(ax: Axes, names: Sequence[str], colours: Sequence[str]) -> None:
    """Give each area a row, the first on top, its name in its colour."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    for label, colour in zip(ax.get_yticklabels(), colours, strict=True):
        label.set_color(readable(colour))
        label.set_fontweight("bold")
    for row in range(len(names) - 1):
        ax.axhline(row + 0.5, color=FAINT, linewidth=0.5, zorder=0)


def log_axis(ax: Axes, values: NDArray[np.float64]) -> None:
    """Make the horizontal axis logarithmic, with plain numbers as often as there is room for them."""
    ax.set_xscale("log")
    values = values[np.isfinite(values)]
    wide = values.size > 0 and values.max() > 100 * values.min()
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())


def note(ax: Axes, text: str) -> None:
    """Write a remark beneath the axes' lower right corner, out of the data's way; an empty one is not written."""
    if text:
        place = {"xy": (1, 0), "xycoords": "axes fraction", "xytext": (0, -32), "textcoords": "offset points"}
        ax.annotate(text, **place, ha="right", va="top", fontsize=7.5, color=MUTED, style="italic")


def spread(positions: ArrayLike, *, gap: float, low: float = -np.inf, high: float = np.inf) -> NDArray[np.float64]:
    """Move labels apart until neighbours are at least a gap from each other, in their order.

    Parameters
    ----------
    positions : array_like (label,)
        Where the labels would like to be.
    gap : float
        Least distance, in the same unit.
    low, high : float
        Where labels may be; when they do not all fit they are spaced evenly between the two.

    Returns
    -------
    ndarray (label,)
        Where they go. Labels that must move together share the displacement, so that a group stays centred.

    Examples
    --------
    >>> spread([1.0, 1.1, 5.0], gap=0.5).round(2).tolist()
    [0.8, 1.3, 5.0]
    """
    wish = np.asarray(positions, dtype=float)
    order = np.argsort(wish, kind="stable")
    if wish.size * gap > high - low:
        gap = (high - low) / max(wish.size, 1)
    # Least squares under ordering: after taking off i * gap the positions must be non-decreasing, so pool violators.
    groups: list[list[float]] = []
    for i, value in enumerate(wish[order] - gap * np.arange(wish.size)):
        groups.append([value, 1.0, i])
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            last, before = groups.pop(), groups[-1]
            before[0] = (before[0] * before[1] + last[0] * last[1]) / (before[1] + last[1])
            before[1] += last[1]
    placed = np.concatenate([np.full(int(n), value) for value, n, _ in groups]) if groups else np.empty(0)
    placed = np.clip(placed, low + gap / 2, max(high - gap * (wish.size - 0.5), low + gap / 2))
    moved = np.empty_like(wish)
    moved[order] = placed + gap * np.arange(wish.size)
    return moved
