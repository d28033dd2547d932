"""What a system does: its fixed points among its trajectories, its eigenvalues, and its line attractors."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Circle
from numpy.typing import NDArray

from neurorec.plot.canvas import note, start_axes
from neurorec.plot.flow import colour_bar
from neurorec.plot.palette import COLOURS, FAINT, INK, MUTED, readable
from neurorec.recording import InputError

_STABLE = COLOURS[0]
_SADDLES = (COLOURS[8], COLOURS[1], COLOURS[3])  # one, two, and three or more unstable directions
_HOLE = 0.15  # share of a chain's length without a point that is worth saying
_ARM = 0.05  # length of an arm of an unstable direction, of the width of what is drawn


def fixed_points(points: xr.Dataset, *, components: tuple[int, int] = (1, 2), ax: Axes | None = None) -> Axes:
    """Draw fixed and slow points over trajectories, in two principal components of these.

    Parameters
    ----------
    points : xarray.Dataset
        From `neurorec.dynamics.fixed_points_of`: ``score (point, component)``, ``n_unstable``, ``converged``,
        ``unstable_direction (point, direction, component)``, ``trajectory (path, time, component)`` and ``explained
        (component)``.
    components : (int, int)
        Which, counted from 1.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Trajectories in grey; stable points are filled dots, saddles open ones, coloured by their number of unstable
        directions, the first two of which are drawn as bars; slow points that are not fixed are small crosses. Both
        axes have one scale.

    Raises
    ------
    InputError
        For components that are not there.

    Examples
    --------
    >>> points = xr.Dataset(
    ...     {
    ...         "score": (("point", "component"), [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]),
    ...         "n_unstable": ("point", [0, 1, 0]), "converged": ("point", [True, True, True]),
    ...         "explained": ("component", [0.8, 0.2]),
    ...         "trajectory": (("path", "time", "component"), np.zeros((1, 2, 2))),
    ...     },
    ...     coords={"component": [1, 2]},
    ... )
    >>> ax = fixed_points(points)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['2 stable', '1 with 1 unstable direction']
    """
    known = points["component"].values
    if not set(components) <= set(known.tolist()):
        expected = f"two of 1 to {known.size}"
        raise InputError("components", expected=expected, found=str(components), remedy="count from 1")
    ax = start_axes(ax, width=6.0, height=4.6)
    chosen = list(components)
    paths = points["trajectory"].sel(component=chosen).values
    for path in paths:
        ax.plot(path[:, 0], path[:, 1], color=FAINT, linewidth=0.7, zorder=1, rasterized=True)
    score = points["score"].sel(component=chosen).values
    unstable, fixed = points["n_unstable"].values, points["converged"].values
    seen = np.concatenate([score, paths.reshape(-1, 2)])
    width = float(np.ptp(seen[np.isfinite(seen).all(axis=1)], axis=0).max()) or 1.0
    if "unstable_direction" in points:
        _bars(ax, score, points["unstable_direction"].sel(component=chosen).values, unstable, fixed, _ARM * width)
    for count, label, colour in _classes(unstable, fixed):
        here = fixed & ((unstable == count) if count < 3 else (unstable >= 3))
        face = colour if count == 0 else "white"
        ax.plot(
            *score[here].T, "o", color=colour, markerfacecolor=face, markersize=6, markeredgewidth=1.4, zorder=4,
            label=f"{here.sum()} {label}",
        )  # fmt: skip
    if (~fixed).any():
        ax.plot(*score[~fixed].T, "x", color=MUTED, markersize=4, zorder=3, label=f"{(~fixed).sum()} slow, not fixed")
    ax.set_aspect("equal", adjustable="datalim")
    share = points["explained"].sel(component=chosen).values
    for name, k, part in zip(("x", "y"), chosen, share, strict=True):
        getattr(ax, f"set_{name}label")(f"component {k} ({100 * part:.0f}% of the variance)")
    _legend(ax)
    return ax


def eigenvalue_spectrum(points: xr.Dataset, *, point: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw eigenvalues in the complex plane, with the line where stability ends.

    Parameters
    ----------
    points : xarray.Dataset
        From `neurorec.dynamics.fixed_points_of`: ``eigenvalue (point, mode, part)``, ``n_unstable``; attribute
        ``flow``.
    point : int, optional
        Which point, counted from 0; by default all.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A dot per eigenvalue, coloured by its point's number of unstable directions; those outside the unit circle of a
        map, or right of 0 of a flow, are larger.

    Raises
    ------
    InputError
        For a point that is not there.

    Examples
    --------
    >>> points = xr.Dataset(
    ...     {"eigenvalue": (("point", "mode", "part"), [[[1.1, 0.0], [0.5, 0.2]]]), "n_unstable": ("point", [1])},
    ...     attrs={"flow": 0},
    ... )
    >>> eigenvalue_spectrum(points).get_xlabel()
    'real part'
    """
    n_points = points.sizes["point"]
    if point is not None and not 0 <= point < n_points:
        raise InputError("point", expected=f"0 to {n_points - 1}", found=str(point), remedy="count from 0")
    chosen = points if point is None else points.isel(point=[point])
    ax = start_axes(ax, width=4.8, height=4.4)
    flow = bool(points.attrs.get("flow", 0))
    if flow:
        ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    else:
        ax.add_patch(Circle((0, 0), 1, fill=False, edgecolor=MUTED, linewidth=0.9, zorder=1))
    ax.axhline(0, color=FAINT, linewidth=0.6, zorder=0)
    values = chosen["eigenvalue"].transpose("point", "mode", "part").values
    unstable = chosen["n_unstable"].values
    out = values[..., 0] > 0 if flow else np.hypot(values[..., 0], values[..., 1]) > 1
    for count, label, colour in _classes(unstable, np.ones(unstable.size, dtype=bool)):
        here = (unstable == count) if count < 3 else (unstable >= 3)
        for outside, size in ((False, 2.5), (True, 5.5)):
            real, imaginary = values[here][out[here] == outside].T
            said = "_" if outside else f"of {here.sum()} {label}"  # matplotlib leaves out what begins with _
            about: dict[str, Any] = {"color": colour, "markersize": size, "label": said}
            ax.plot(real, imaginary, "o", markeredgewidth=0, alpha=0.8, zorder=3, **about)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel("real part")
    ax.set_ylabel("imaginary part")
    _legend(ax)
    return ax


def saturation(points: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how many points are found with ever more starts: a curve that still rises says that some are missing.

    Parameters
    ----------
    points : xarray.Dataset
        From `neurorec.dynamics.fixed_points_of`: ``saturation (n_started)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Points expected from so many starts, on a logarithmic axis, and in words how many the last half of them added.

    Examples
    --------
    >>> points = xr.Dataset({"saturation": ("n_started", [1.0, 1.6, 2.0])}, coords={"n_started": [1, 2, 3]})
    >>> saturation(points).texts[0].get_text()
    'the last half of the starts added 1.0 of 2 points'
    """
    ax = start_axes(ax, width=5.2, height=3.4)
    number, curve = points["n_started"].values, points["saturation"].values
    ax.plot(number, curve, color=_STABLE, linewidth=1.8, zorder=3)
    ax.axhline(curve[-1], color=FAINT, linewidth=0.9, linestyle="--", zorder=1)
    if number.size > 1:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_ylim(0, 1.08 * max(float(curve[-1]), 1.0))
    ax.set_xlabel("starts", loc="left")
    ax.set_ylabel("points found")
    half = curve[max(number.size // 2 - 1, 0)]
    note(ax, f"the last half of the starts added {curve[-1] - half:.1f} of {curve[-1]:.0f} points")
    return ax


def line_attractor(line: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw a line or ring of slow points in two principal components, with what moves along it.

    Parameters
    ----------
    line : xarray.Dataset
        From `neurorec.dynamics.line_attractor_of`: ``score (point, component)``, ``time_constant (point)``,
        ``trajectory (path, time, component)`` and ``explained (component)``; attributes ``kind``, ``gap``,
        ``p_value``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Trajectories in grey; points along the chain, coloured by the time constant of their slowest mode (s, the
        modulus).

    Examples
    --------
    >>> line = xr.Dataset(
    ...     {
    ...         "score": (("point", "component"), [[0.0, 0.0], [1.0, 0.1]]), "time_constant": ("point", [2.0, 5.0]),
    ...         "trajectory": (("path", "time", "component"), np.zeros((1, 2, 2))),
    ...         "explained": ("component", [0.9, 0.1]),
    ...     },
    ...     attrs={"kind": "line", "gap": 8.0, "p_value": 0.025},
    ... )
    >>> line_attractor(line).texts[0].get_text()
    'line: next mode 8 times as fast, p = 0.025 among random networks'
    """
    ax = start_axes(ax, width=6.4, height=4.2)
    paths, score = line["trajectory"].values[..., :2], line["score"].values[:, :2]
    for path in paths:
        ax.plot(path[:, 0], path[:, 1], color=FAINT, linewidth=0.7, zorder=1, rasterized=True)
    share = line["explained"].values
    ax.set_xlabel(f"component 1 ({100 * share[0]:.0f}% of the variance)", loc="left")
    ax.set_ylabel(f"component 2 ({100 * share[1]:.0f}% of the variance)")
    if not len(score):
        note(ax, "no slow points")
        return ax
    times = np.abs(line["time_constant"].values)
    times = np.where(np.isfinite(times), times, np.nanmax(np.append(times[np.isfinite(times)], 1.0)))
    if line.attrs["kind"] != "surface":
        order = np.append(np.arange(len(score)), 0) if line.attrs["kind"] == "ring" else np.arange(len(score))
        ax.plot(*score[order].T, color=INK, linewidth=0.8, zorder=2)
    norm = LogNorm() if times.max() > 10 * times.min() > 0 else None
    dots = ax.scatter(
        score[:, 0], score[:, 1], c=times, norm=norm, cmap="viridis", s=26, zorder=4, edgecolors="white", linewidths=0.5
    )
    colour_bar(ax, dots, "time constant of the slowest mode (s)")
    kind = line.attrs["kind"] if line.attrs["kind"] != "none" else "no attractor"
    gap = f"{line.attrs['gap']:.2g}" if line.attrs["gap"] < 1000 else "over 1000"
    largest = float(line.attrs.get("largest_gap", np.nan))
    holes = f", largest gap {100 * largest:.0f}% of its length" if largest > _HOLE else ""
    note(ax, f"{kind}{holes}: next mode {gap} times as fast, p = {line.attrs['p_value']:.2g} among random networks")
    return ax


def _classes(unstable: NDArray, fixed: NDArray) -> list[tuple[int, str, str]]:
    """Numbers of unstable directions that occur, their name and colour."""
    found = [(0, "stable", _STABLE)]
    found += [(k, f"with {k} unstable direction{'s' * (k > 1)}", _SADDLES[k - 1]) for k in (1, 2)]
    found.append((3, "with 3 or more", _SADDLES[2]))
    counts = np.minimum(unstable[fixed], 3)
    return [one for one in found if (counts == one[0]).any()]


def _bars(ax: Axes, score: NDArray, directions: NDArray, unstable: NDArray, fixed: NDArray, arm: float) -> None:
    """Unstable directions through their points; shorter where they stick out of the plane."""
    for at, along, count, here in zip(score, directions, unstable, fixed, strict=True):
        for direction in along[np.isfinite(along).all(axis=1)]:
            ends = np.stack([at - arm * direction, at + arm * direction])
            if here:
                ax.plot(*ends.T, color=_SADDLES[min(count, 3) - 1], linewidth=1.6, zorder=3, solid_capstyle="round")


def _legend(ax: Axes) -> None:
    """What is what, beside the axes."""
    handles = ax.get_legend_handles_labels()[0]
    if handles:
        box = ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8.5, handletextpad=0.3)
        for text, handle in zip(box.get_texts(), handles, strict=True):
            text.set_color(readable(str(handle.get_color())))
