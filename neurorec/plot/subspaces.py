"""Subspaces: trajectories of conditions in components, what components hold, and planes of rotation."""

from collections.abc import Mapping
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from neurorec.plot.canvas import label_rows, note, start_axes
from neurorec.plot.palette import COLOURS, FAINT, INK, MUTED
from neurorec.recording import InputError, SelectionError, first_offenders

Component = int | str
_DASHES = ("-", (0, (4, 1.6)), (0, (1, 1.3)), (0, (5, 1.5, 1, 1.5)))
_MOST_NAMED = 9  # levels in a legend
# from one colour to another through a grey that shows on white
_SIGNED = LinearSegmentedColormap.from_list("signed", [COLOURS[0], "#6FB1DE", "#B4B4B4", "#EDA25E", COLOURS[1]])


class _Look(NamedTuple):
    """How conditions are told apart."""

    colours: list[str]  # (condition,)
    dashes: list  # (condition,)
    handles: list[Line2D]  # of the legend


def condition_trajectories(
    subspace: xr.Dataset,
    *,
    components: tuple[Component, Component] = (1, 2),
    by: str | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how the average of each condition moves in two components.

    Parameters
    ----------
    subspace : xarray.Dataset
        ``scores (condition, time, component)``, as of `neurorec.dynamics.principal_subspace`, `demixed_subspace`,
        `targeted_subspace`, `rotational_subspace` or `in_components`.
    components : (component, component)
        As the results number or name them.
    by : str, optional
        Which of the columns that made the conditions gives the colour; by default the first. The other one gives the
        line's dashes.
    colours : mapping of str to str, optional
        Colour per level, written as a string.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line per condition from its open dot to its filled one, both axes on one scale. Levels that are numbers are
        coloured in their order.

    Raises
    ------
    SelectionError
        Components or a column that are not there.

    Examples
    --------
    >>> subspace = xr.Dataset(
    ...     {"scores": (("condition", "time", "component"), [[[0.0, 0.0], [1.0, 2.0]]])},
    ...     coords={"component": [1, 2], "condition": ["left"]},
    ... )
    >>> condition_trajectories(subspace).get_lines()[0].get_xydata().tolist()
    [[0.0, 0.0], [1.0, 2.0]]
    """
    scores = [_scores(subspace, component) for component in components]
    ax = start_axes(ax, width=5.4, height=4.4)
    look = _look(subspace, by, colours)
    for k, (x, y) in enumerate(zip(*scores, strict=True)):
        known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        ax.plot(x, y, color=look.colours[k], linestyle=look.dashes[k], linewidth=1.5, zorder=3)
        for at, face in ((known[:1], "white"), (known[-1:], look.colours[k])):
            style = {"color": look.colours[k], "markerfacecolor": face, "markersize": 4.5, "linestyle": "", "zorder": 4}
            ax.plot(x[at], y[at], "o", **style)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel(_axis_label(subspace, components[0]), loc="left")
    ax.set_ylabel(_axis_label(subspace, components[1]))
    _legend(ax, look.handles)
    return ax


def component_over_time(
    subspace: xr.Dataset,
    component: Component = 1,
    *,
    by: str | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the score of each condition in one component against time.

    Parameters
    ----------
    subspace, by, colours
        As in `condition_trajectories`.
    component : int or str
        As the results number or name it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Time after the event from left to right, a line per condition.

    Raises
    ------
    SelectionError
        A component or a column that is not there.

    Examples
    --------
    >>> subspace = xr.Dataset(
    ...     {"scores": (("condition", "time", "component"), [[[0.0], [1.0]]])},
    ...     coords={"component": [1], "condition": ["left"], "time": [0.0, 0.1]},
    ... )
    >>> component_over_time(subspace).get_lines()[1].get_xydata().tolist()
    [[0.0, 0.0], [0.1, 1.0]]
    """
    scores = _scores(subspace, component)
    ax = start_axes(ax, width=5.2, height=3.2)
    look = _look(subspace, by, colours)
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=1)
    for k, line in enumerate(scores):
        ax.plot(subspace["time"].values, line, color=look.colours[k], linestyle=look.dashes[k], linewidth=1.5, zorder=3)
    event = str(subspace.attrs.get("event", ""))
    after = {"": "the event", "start": "the trial's start"}.get(event, event.replace("_", " "))
    ax.set_xlabel(f"time from {after} (s)", loc="left")
    ax.set_ylabel(_axis_label(subspace, component))
    ax.margins(x=0)
    _legend(ax, look.handles)
    return ax


def variance_by_part(subspace: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw what each demixed component explains of each part of the variance.

    Parameters
    ----------
    subspace : xarray.Dataset
        From `neurorec.dynamics.demixed_subspace`.
    colours : mapping of str to str, optional
        Colour per part.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A row per component, the one of most variance on top, in the colour of the part that it is of; its bar is made
        of its shares of each part, in per cent of the total variance. The legend has the share of each part in all,
        with the p-value where it was tested. A bar of one colour is a component that is demixed.

    Examples
    --------
    >>> subspace = xr.Dataset(
    ...     {"share": (("component", "part"), [[0.5, 0.1]]), "of": ("component", ["time"]),
    ...      "share_of_part": ("part", [0.8, 0.2])},
    ...     coords={"part": ["time", "side"], "component": [1]},
    ... )
    >>> ax = variance_by_part(subspace)
    >>> [round(float(bar.get_width()), 6) for bar in ax.patches]
    [50.0, 10.0]
    """
    ax = start_axes(ax, width=6.2, height=0.9 + 0.3 * subspace.sizes["component"])
    parts = subspace["part"].values.astype(str)
    palette = {part: MUTED if part == "time" else COLOURS[k - 1] for k, part in enumerate(parts)} | dict(colours or {})
    share = 100 * subspace["share"].transpose("component", "part").values
    left = np.zeros(len(share))
    for k, part in enumerate(parts):
        # what a component adds that is not there is no share of anything
        width = np.maximum(share[:, k], 0.0)
        ax.barh(np.arange(len(share)), width, left=left, height=0.7, color=palette[part], label=_part(subspace, k))
        left += width
    of = subspace["of"].values.astype(str)
    numbers = [np.count_nonzero(of[: k + 1] == of[k]) for k in range(of.size)]
    label_rows(ax, [f"{name} {n}" for name, n in zip(of, numbers, strict=True)], [palette[name] for name in of])
    for row in range(of.size):
        ax.text(left[row], row, f" {left[row]:.1f}", va="center", fontsize=7.5, color=MUTED)
    ax.set_xlabel("share of the variance (%)", loc="left")
    ax.set_xlim(0, 1.15 * left.max(initial=1e-9))
    legend = {"fontsize": 8, "frameon": False, "labelcolor": INK, "title": "part of the variance", "title_fontsize": 8}
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), alignment="left", **legend)
    return ax


def variance_of_components(subspace: xr.Dataset, *, colour: str = COLOURS[0], ax: Axes | None = None) -> Axes:
    """Draw the variance within the first 1, 2, ... principal components, held out too where it was measured.

    Parameters
    ----------
    subspace : xarray.Dataset
        From `neurorec.dynamics.principal_subspace`.
    colour : str
        Of the lines.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Numbers of components from left to right; shares in per cent, of the averages that the components were found in,
        of averages over other trials, and of what both agree on.

    Examples
    --------
    >>> subspace = xr.Dataset({"share": ("component", [0.5, 0.3])}, coords={"component": [1, 2]})
    >>> variance_of_components(subspace).get_lines()[0].get_ydata().round(6).tolist()
    [50.0, 80.0]
    """
    ax = start_axes(ax, width=5.2, height=3.4)
    number = np.arange(1, subspace.sizes["component"] + 1)
    lines = {"averages they were found in": np.cumsum(subspace["share"].values)}
    names = {"held_out_signal": "what held-out averages agree on", "held_out_share": "held-out averages"}
    lines |= {name: subspace[key].values for key, name in names.items() if key in subspace}
    styles = {"averages they were found in": "-", **dict(zip(names.values(), _DASHES[1:], strict=False))}
    for name, values in lines.items():
        ax.plot(
            number, 100 * values, "o", linestyle=styles[name], color=colour, markersize=3.5, linewidth=1.4, label=name
        )
    ax.set_ylim(min(0.0, 100 * min(float(np.min(v)) for v in lines.values())), 104)
    ax.set_xticks(number if number.size <= 15 else number[4::5])
    ax.set_xlabel("principal components", loc="left")
    ax.set_ylabel("variance within them (%)")
    if len(lines) > 1:
        ax.legend(fontsize=8, frameon=False, labelcolor=INK, handlelength=3)
    return ax


def rotation_plane(
    subspace: xr.Dataset, *, plane: int = 1, colours: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how conditions turn in a plane of rotation.

    Parameters
    ----------
    subspace : xarray.Dataset
        From `neurorec.dynamics.rotational_subspace`.
    plane : int
        From 1, the fastest.
    colours : mapping of str to str, optional
        Colour per condition; by default from where it begins along the first direction.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line per condition from its dot to its arrow head. Beneath it the frequency and the variance of the plane, and
        what rotation explains of the changes, against any linear dynamics and against surrogates.

    Raises
    ------
    InputError
        A plane that is not there.

    Examples
    --------
    >>> subspace = xr.Dataset(
    ...     {"scores": (("condition", "time", "component"), [[[0.0, 1.0], [-1.0, 0.0]]]),
    ...      "frequency": ("plane", [2.0]), "share": ("plane", [0.6])},
    ...     coords={"component": [1, 2], "condition": ["left"]}, attrs={"r2_skew": 0.8, "r2_free": 0.9, "p": np.nan},
    ... )
    >>> rotation_plane(subspace).get_lines()[0].get_xydata().tolist()
    [[0.0, 1.0], [-1.0, 0.0]]
    """
    if not 1 <= plane <= subspace.sizes["plane"]:
        expected, remedy = f"1 to {subspace.sizes['plane']}", "fit more components"
        raise InputError("plane", expected=expected, found=str(plane), remedy=remedy)
    ax = start_axes(ax, width=4.8, height=4.4)
    scores = subspace["scores"].transpose("condition", "time", "component").values[..., 2 * plane - 2 : 2 * plane]
    known = np.isfinite(scores).all(axis=(0, 2))
    scores, begun = scores[:, known], scores[:, known][:, 0, 0]
    far = np.abs(begun).max(initial=0.0) or 1.0
    names = subspace["condition"].values.astype(str)
    shades = {name: to_hex(_SIGNED(0.5 + 0.5 * at / far)) for name, at in zip(names, begun, strict=True)}
    shades |= dict(colours or {})
    for name, line in zip(names, scores, strict=True):
        ax.plot(*line.T, color=shades[name], linewidth=1.5, zorder=3)
        ax.plot(*line[0], "o", color=shades[name], markersize=4.5, zorder=4)
        if len(line) > 1:
            arrow = {"arrowstyle": "-|>", "color": shades[name], "shrinkA": 0, "shrinkB": 0, "mutation_scale": 11}
            ax.annotate("", xy=line[-1], xytext=line[-2], arrowprops=arrow, zorder=4)
    ax.axhline(0, color=FAINT, linewidth=0.7, zorder=1)
    ax.axvline(0, color=FAINT, linewidth=0.7, zorder=1)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel(f"first direction of plane {plane}", loc="left")
    ax.set_ylabel(f"second direction of plane {plane}")
    note(ax, _rotation_note(subspace, plane))
    return ax


def _rotation_note(subspace: xr.Dataset, plane: int) -> str:
    frequency, share = (float(subspace[name].values[plane - 1]) for name in ("frequency", "share"))
    skew, free, p = (float(subspace.attrs[name]) for name in ("r2_skew", "r2_free", "p"))
    tested = f", p = {p:.2g}" if np.isfinite(p) else ""
    first = f"{frequency:.2g} Hz, {100 * share:.0f} % of the variance between conditions"
    return f"{first}\nchanges explained by rotation {skew:.2f}, by any linear dynamics {free:.2f}{tested}"


def _scores(subspace: xr.Dataset, component: Component) -> NDArray:
    """Scores ``(condition, time)`` of one component."""
    names = subspace["component"].values.tolist()
    if component not in names:
        expected = f"among {first_offenders(names)}"
        raise SelectionError("components", expected=expected, found=repr(component), remedy="name one of them")
    scores = subspace["scores"].transpose("condition", "time", "component")
    return scores.values[..., names.index(component)].astype(float)


def _axis_label(subspace: xr.Dataset, component: Component) -> str:
    """What a component is, and its share of the variance where that is known."""
    k = subspace["component"].values.tolist().index(component)
    if "of" in subspace:
        of = subspace["of"].values.astype(str)
        share = float(subspace["share"].transpose("component", "part").values[k].sum())
        return f"{of[k]} {np.count_nonzero(of[: k + 1] == of[k])} ({100 * share:.1f} % of the variance)"
    if isinstance(component, str):
        return f"axis of {component} (a.u.)"
    share = subspace["share"].values[k] if "share" in subspace and subspace["share"].dims == ("component",) else np.nan
    return f"component {component}" + (f" ({100 * share:.1f} % of the variance)" if np.isfinite(share) else "")


def _part(subspace: xr.Dataset, k: int) -> str:
    text = f"{subspace['part'].values[k]}: {100 * float(subspace['share_of_part'].values[k]):.0f} %"
    p = float(subspace["p"].values[k]) if "p" in subspace else np.nan
    return f"{text}, p = {p:.2g}" if np.isfinite(p) else text


def _look(subspace: xr.Dataset, by: str | None, colours: Mapping[str, str] | None) -> _Look:
    """Colours by one column, dashes by another."""
    own = [str(name) for name, values in subspace.coords.items() if values.dims == ("condition",)]
    made = [name.strip() for name in str(subspace.attrs.get("by", "")).split(",")]
    columns = [name for name in made if name in own] or ["condition"]
    if by is not None and by not in own:
        raise SelectionError("by", expected=f"among {first_offenders(own)}", found=by, remedy="name one of them")
    by = by or columns[0]
    shade, entries = _shades(subspace[by].values if by in own else np.arange(subspace.sizes["condition"]), colours)
    what = "" if by == "condition" else f"{by.replace('_', ' ')} "
    handles = [Line2D([], [], color=colour, linewidth=2, label=what + level) for level, colour in entries]
    second = [name for name in columns if name != by and name != "condition"]
    dashes = ["-"] * subspace.sizes["condition"]
    if second:
        levels, code = np.unique(subspace[second[0]].values, return_inverse=True)
        if levels.size <= len(_DASHES):
            dashes = [_DASHES[c] for c in code]
            name = second[0].replace("_", " ")
            handles += [
                Line2D([], [], color=INK, linewidth=1.3, linestyle=_DASHES[c], label=f"{name} {_said(level)}")
                for c, level in enumerate(levels)
            ]
    return _Look(shade, dashes, handles)


def _shades(values: NDArray, colours: Mapping[str, str] | None) -> tuple[list[str], list[tuple[str, str]]]:
    """A colour for each condition, and the levels to be named with theirs."""
    levels, code = np.unique(values, return_inverse=True)
    number = levels.dtype.kind in "iuf"
    if number and levels.size > 2:
        # by rank: levels such as -0.5, -0.1, 0.1, 0.5 are told apart whatever their distances
        if levels[0] < 0 < levels[-1]:
            sides = [np.count_nonzero(levels < 0), np.count_nonzero(levels > 0)]
            rank = [float(k - sides[0]) / sides[0] if v < 0 else (sides[1] + k - levels.size + 1) / sides[1]
                    for k, v in enumerate(levels)]  # fmt: skip
            palette = [to_hex(_SIGNED(0.5 + 0.5 * (0.0 if v == 0 else r))) for v, r in zip(levels, rank, strict=True)]
        else:
            palette = [to_hex(mpl.colormaps["viridis"](0.9 - 0.9 * k / (levels.size - 1))) for k in range(levels.size)]
    else:
        palette = [COLOURS[k % len(COLOURS)] for k in range(levels.size)]
    words = [_said(level) for level in levels]
    palette = [(colours or {}).get(word, colour) for word, colour in zip(words, palette, strict=True)]
    named = list(zip(words, palette, strict=True))
    if len(named) > _MOST_NAMED:
        named = [named[k] for k in np.unique(np.linspace(0, len(named) - 1, 5).round().astype(int))] if number else []
    return [palette[c] for c in code], named


def _said(level: object) -> str:
    return f"{level:g}" if isinstance(level, float | np.floating) else str(level)


def _legend(ax: Axes, handles: list[Line2D]) -> None:
    """Beside the axes, where it hides nothing."""
    if handles:
        ax.legend(
            handles=handles, fontsize=8, frameon=False, labelcolor=INK, loc="upper left", bbox_to_anchor=(1.0, 1.0),
            handlelength=2.2,
        )  # fmt: skip
