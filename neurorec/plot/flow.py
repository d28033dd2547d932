"""Flow in a plane: arrows over speed, with the lines on which it stands still in one direction."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from neurorec.plot.canvas import note, start_axes
from neurorec.plot.palette import COLOURS, INK, MUTED
from neurorec.recording import InputError

_MOST_ARROWS = 17  # along either axis
_DECADES = 3.0  # of speed below the greatest that are told apart
_SPEEDS = LinearSegmentedColormap.from_list("speed", ["white", "#E3E6EA", "#A9B0BA"])  # arrows stay readable on it
_NULLCLINES = {"x": COLOURS[0], "y": COLOURS[1]}


def flow_field(
    field: xr.Dataset,
    *,
    trajectories: ArrayLike | None = None,
    points: xr.Dataset | ArrayLike | None = None,
    labels: tuple[str, str] = ("first direction", "second direction"),
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw where a system goes from the points of a plane.

    Parameters
    ----------
    field : xarray.Dataset
        From `neurorec.dynamics.flow_field`.
    trajectories : array-like (..., time, state), optional
        States that are drawn over it, seen from straight above the plane; NaN breaks a line.
    points : xarray.Dataset or array-like (point, state), optional
        Fixed points. A dataset holds ``points (point, state)``, or ``state`` as that of
        `neurorec.dynamics.fixed_points_of`, and may hold ``n_unstable (point)``: stable ones are filled, others open.
    labels : (str, str)
        Names of the two axes.
    colours : mapping of str to str, optional
        Of the nullclines "x" and "y".
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Arrows of equal length give the direction, shading the speed of the whole state; two lines show where either
        coordinate stands still. Where they cross nothing moves within the plane.

    Raises
    ------
    InputError
        Trajectories or points of another number of states.

    Examples
    --------
    >>> field = xr.Dataset(
    ...     {
    ...         "velocity": (("y", "x", "axis"), np.ones((2, 2, 2))), "speed": (("y", "x"), np.eye(2) + 1),
    ...         "nullcline": (("vertex", "axis"), np.zeros((0, 2))), "nullcline_of": ("vertex", np.zeros(0, "U1")),
    ...         "piece": ("vertex", np.zeros(0, int)), "origin": ("state", np.zeros(2)),
    ...         "axes": (("axis", "state"), np.eye(2)),
    ...     },
    ...     coords={"x": [0.0, 1.0], "y": [0.0, 1.0]}, attrs={"rest": "held"},
    ... )
    >>> ax = flow_field(field, trajectories=[[0.0, 0.0], [1.0, 1.0]])
    >>> ax.get_lines()[0].get_xydata().tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    """
    ax = start_axes(ax, width=5.6, height=4.6)
    x, y, velocity = field["x"].values, field["y"].values, field["velocity"].values
    _shade(ax, field)
    _arrows(ax, x, y, velocity)
    palette = _NULLCLINES | dict(colours or {})
    named = {"x": labels[0], "y": labels[1]}
    for piece in np.unique(field["piece"].values):
        inside = field["piece"].values == piece
        of = str(field["nullcline_of"].values[inside][0])
        label = f"{named[of]} stands still"
        named[of] = "_" + named[of].lstrip("_")  # once in the legend
        ax.plot(*field["nullcline"].values[inside].T, color=palette[of], linewidth=1.5, label=label, zorder=4)
    if trajectories is not None:
        seen = _seen(field, trajectories, "trajectories")
        for line in seen.reshape(-1, *seen.shape[-2:]):
            ax.plot(*line.T, color=INK, linewidth=0.9, alpha=0.75, zorder=5)
    if points is not None:
        _mark(ax, field, points)
    if ax.get_legend_handles_labels()[0]:
        legend = {"fontsize": 7.5, "frameon": False, "labelcolor": INK, "ncols": 2, "borderaxespad": 0.2}
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), **legend)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])
    ax.set_xlabel(labels[0], loc="left")
    ax.set_ylabel(labels[1])
    how = {"held": "other directions held", "slaved": "other directions follow"}
    note(ax, how.get(str(field.attrs.get("rest", "")), "") if field.sizes["state"] > 2 else "")
    return ax


def colour_bar(ax: Axes, drawn: ScalarMappable, label: str) -> None:
    """Say beside the axes what colours mean, in plain numbers on a logarithmic scale too."""
    bar = ax.figure.colorbar(drawn, ax=ax, pad=0.02, shrink=0.8, aspect=25)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(colors=MUTED, labelcolor=INK, labelsize=8, width=0.8, length=3)
    if isinstance(drawn.norm, LogNorm):
        wide = bar.vmax > 100 * bar.vmin
        bar.ax.yaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
        bar.ax.minorticks_off()
    bar.set_label(label, fontsize=8.5, color=INK)


def _shade(ax: Axes, field: xr.Dataset) -> None:
    """Speed, light where it is slow, on a logarithmic scale."""
    speed = field["speed"].values
    known = speed[np.isfinite(speed) & (speed > 0)]
    if not known.size:
        return
    low, high = max(known.min(), known.max() * 10**-_DECADES), known.max() * (1 + 1e-9)
    norm = LogNorm(low, high)
    speed = np.where(speed < low, low, speed)  # a logarithmic scale has no 0
    options = {"cmap": _SPEEDS, "norm": norm, "shading": "gouraud", "rasterized": True}
    if np.isfinite(speed).all():
        image = ax.pcolormesh(field["x"].values, field["y"].values, speed, **options, zorder=1)
    else:
        options["shading"] = "nearest"
        image = ax.pcolormesh(field["x"].values, field["y"].values, np.ma.masked_invalid(speed), **options, zorder=1)
    per = str(field["velocity"].attrs.get("units", "1/s")).removeprefix("1/")
    colour_bar(ax, image, f"speed of the state (per {per})")


def _arrows(ax: Axes, x: NDArray, y: NDArray, velocity: NDArray) -> None:
    """Arrows of one length on the page, in the direction in which points move on it."""
    every = [max(1, int(np.ceil(values.size / _MOST_ARROWS))) for values in (x, y)]
    first = [(values.size - 1) % step // 2 for values, step in zip((x, y), every, strict=True)]
    rows, columns = slice(first[1], None, every[1]), slice(first[0], None, every[0])
    # in shares of the axes' ranges, so that directions are right whatever the scale of the axes
    moved = velocity[rows, columns] / np.array([np.ptp(x), np.ptp(y)])
    length = np.linalg.norm(moved, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.where(length > 0, moved / length, 0.0) * np.array([np.ptp(x), np.ptp(y)])
    shorter = 0.72 / max(len(x[columns]), len(y[rows]))
    ax.quiver(
        x[columns], y[rows], *np.moveaxis(shorter * unit, -1, 0), angles="xy", scale_units="xy", scale=1.0, pivot="mid",
        width=0.0028, headwidth=4.5, color=INK, alpha=0.8, zorder=3,
    )  # fmt: skip


def _seen(field: xr.Dataset, states: ArrayLike, name: str) -> NDArray:
    """Coordinates in the plane ``(..., axis)``."""
    states = np.asarray(states, dtype=float)
    if states.ndim < 2 or states.shape[-1] != field.sizes["state"]:
        expected, remedy = f"(..., {field.sizes['state']} states)", "give whole states, not their coordinates"
        raise InputError(name, expected=expected, found=f"shape {states.shape}", remedy=remedy)
    return (states - field["origin"].values) @ np.linalg.pinv(field["axes"].values)


def _mark(ax: Axes, field: xr.Dataset, points: xr.Dataset | ArrayLike) -> None:
    """Fixed points: stable ones filled, others open."""
    labelled = isinstance(points, xr.Dataset)
    seen = _seen(field, points["points" if "points" in points else "state"].values if labelled else points, "points")
    known = labelled and "n_unstable" in points
    stable = points["n_unstable"].values == 0 if known else np.ones(len(seen), dtype=bool)  # type: ignore[index]
    for kept, face in ((stable, INK), (~stable, "white")):
        if kept.any():
            label = ("stable point" if face == INK else "unstable point") if known else "fixed point"
            style = {"markerfacecolor": face, "markeredgecolor": INK, "markersize": 6, "linestyle": "", "zorder": 6}
            ax.plot(*seen[kept].T, "o", label=label, **style)
