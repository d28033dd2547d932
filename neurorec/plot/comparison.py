"""Systems beside a recording: the table of likeness as a picture, likeness by area, and trajectories together."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from numpy.typing import NDArray

from neurorec.plot.canvas import note, start_axes
from neurorec.plot.palette import COLOURS, FAINT, INK, MUTED, area_name, readable
from neurorec.recording import InputError

_GREY = "#9AA1AB"
_SHORT = 14  # letters of a name of which four stand beside each other over the axes
_MARKS = {"trained": "o", "untrained": "o", "feedforward": "s"}
_BESIDE = (0, (2.5, 1.5))  # dashes, of which a row holds some
_PERFECT = {1: 1.0, -1: 0.0}  # of a similarity, of a distance
_BLUE_TO_RED: Colormap = LinearSegmentedColormap.from_list("sides", ["#08519C", "#6BAED6", "#F4A582", "#B2182B"])


class _Row(NamedTuple):
    """A network by a measure, in parts of the way from the null to identity."""

    value: float
    low: float
    high: float
    band: tuple[float, float]
    beside: float  # the mean of the untrained networks that it is put beside; NaN for those


def comparison_table(
    table: xr.Dataset,
    *,
    shuffle: str = "conditions",
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how alike networks are to a recording by every measure, between what chance gives and identity.

    Parameters
    ----------
    table : xarray.Dataset
        From `neurorec.comparison.compare`; of one area.
    shuffle : {"conditions", "trials"}
        Which null; measures without it are drawn with the other.
    colours : mapping of str to str, optional
        Colour per network.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A block of rows per measure, a row per network. Every measure has its own scale: 0 is the null's mean over
        networks, 1 is identity, so that to the right is always more alike. Grey bands are the nulls; open circles are
        untrained networks, squares feedforward ones. A dashed line through a network's row is the mean of the untrained
        ones that it is put beside: of its kind, or all where it has none. On the right the value itself, p, and a star
        where the interval of the advantage over them lies above 0.

    Raises
    ------
    InputError
        For a table of several areas, or another shuffle.

    Examples
    --------
    >>> over, also = ("network", "measure"), ("network", "measure", "shuffle")
    >>> one = {"value": 0.6, "value_low": 0.5, "value_high": 0.7, "advantage": 0.3, "beats_untrained": True}
    >>> null = {"p_value": 0.01, "null_mean": 0.2, "null_low": 0.1, "null_high": 0.3}
    >>> table = xr.Dataset(
    ...     {k: (over, [[v]]) for k, v in one.items()} | {k: (also, [[[v]]]) for k, v in null.items()},
    ...     coords={"network": ["leaky"], "measure": ["cka"], "shuffle": ["conditions"]},
    ... ).assign_coords(role=("network", ["trained"]), similar=("measure", [1]), long_name=("measure", ["CKA"]))
    >>> ax = comparison_table(table)
    >>> [text.get_text() for text in ax.texts if "p" in text.get_text()]
    ['0.60   p = 0.010 *']
    """
    if "area" in table.dims or shuffle not in table["shuffle"].values:
        found = "several areas" if "area" in table.dims else repr(shuffle)
        expected = f"one area, and a shuffle of {', '.join(table['shuffle'].values.astype(str))}"
        raise InputError("table", expected=expected, found=found, remedy="select one with table.sel(area=...)")
    networks, roles = table["network"].values.astype(str), table["role"].values.astype(str)
    palette = _palette(networks, roles, colours)
    n = len(networks)
    ax = start_axes(ax, width=8.6, height=1.3 + table.sizes["measure"] * (0.22 + 0.17 * n))
    spacing = n + 1.4
    seen: list[float] = []
    for block, measure in enumerate(table["measure"].values):
        part = table.sel(measure=measure)
        part, which = _with_null(part, shuffle)
        rows = _scaled(part)
        top = block * spacing
        for k, row in enumerate(rows):
            _draw_row(ax, top + k, row, roles[k], palette[networks[k]])
            ax.text(
                1.015, top + k, _said(part.isel(network=k), which != shuffle), transform=ax.get_yaxis_transform(),
                fontsize=7.5, va="center", color=readable(palette[networks[k]]), family="monospace",
            )  # fmt: skip
            seen += [v for v in (row.value, row.low, row.high, row.beside, *row.band) if np.isfinite(v)]
        if block:
            ax.axhline(top - 1.2, color=FAINT, linewidth=0.6, zorder=0)
    _finish_table(ax, table, spacing, n, seen)
    _legend(ax, networks, roles, palette)
    if any(_with_null(table.sel(measure=m), shuffle)[1] != shuffle for m in table["measure"].values):
        note(ax, "† the other null: this measure does not see which condition is which")
    return ax


def likeness_by_area(
    table: xr.Dataset, measure: str, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how much more alike networks are to each area than untrained ones, by one measure.

    Parameters
    ----------
    table : xarray.Dataset
        From `neurorec.comparison.compare` with ``areas=True`` and an untrained network.
    measure : str
        Which.
    colours : mapping of str to str, optional
        Colour per network; by default a colour per family, or per network where families are not told.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A row per area, a dot per network with its interval; right of 0 is more alike than the untrained ones.

    Raises
    ------
    InputError
        Without areas, or for another measure.

    Examples
    --------
    >>> over = ("area", "network", "measure")
    >>> table = xr.Dataset(
    ...     {f"advantage{end}": (over, [[[v]], [[v + 0.1]]]) for end, v in (("", 0.1), ("_low", 0.0), ("_high", 0.2))},
    ...     coords={"area": ["V1", "PPC"], "network": ["leaky"], "measure": ["cka"]},
    ... ).assign_coords(role=("network", ["trained"]), long_name=("measure", ["CKA"]))
    >>> [label.get_text() for label in likeness_by_area(table, "cka").get_yticklabels()]
    ['PPC', 'V1']
    """
    if "area" not in table.dims or measure not in table["measure"].values:
        found, remedy = f"{list(table.dims)}, {measure!r}", "compare with areas=True, and name one of its measures"
        raise InputError("table", expected="a dimension area and a measure", found=found, remedy=remedy)
    part = table.sel(measure=measure)
    networks, roles = part["network"].values.astype(str), part["role"].values.astype(str)
    families = part["kind"].values.astype(str) if "kind" in part.coords else np.full(len(networks), "")
    named = networks if (families == "").any() or colours else families  # what has a colour of its own
    palette, shown = _by_family(networks, families, roles, colours), np.flatnonzero(roles != "untrained")
    values = {end: part[f"advantage{end}"].transpose("area", "network").values for end in ("", "_low", "_high")}
    best = np.nan_to_num(values[""][:, shown].mean(axis=1), nan=-np.inf)
    order = np.argsort(-best, kind="stable")
    ax = start_axes(ax, width=6.6, height=1.2 + 0.42 * order.size)
    ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    offsets = np.linspace(-0.24, 0.24, shown.size) if shown.size > 1 else [0.0]
    for row, area in enumerate(order):
        for k, offset in zip(shown, offsets, strict=True):
            ends = [values["_low"][area, k], values["_high"][area, k]]
            colour = palette[networks[k]]
            ax.plot(ends, [row + offset] * 2, color=colour, linewidth=1.5, solid_capstyle="butt", zorder=3)
            face = colour if ends[0] > 0 else "white"
            ax.plot(
                values[""][area, k], row + offset, _MARKS[roles[k]], color=colour, markerfacecolor=face, markersize=5,
                zorder=4,
            )  # fmt: skip
    ax.set_yticks(range(order.size), [area_name(str(part["area"].values[k])) for k in order])
    ax.set_ylim(order.size - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(f"more alike than untrained networks\n({part['long_name'].item()})")
    for k in shown[np.sort(np.unique(named[shown], return_index=True)[1])].tolist():
        mark, colour = _MARKS[str(roles[k])], palette[str(networks[k])]
        ax.plot([], [], mark, color=colour, markersize=5, label=str(named[k]))
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, frameon=False, fontsize=8, handletextpad=0.2)
    note(ax, "filled: the interval lies above 0")
    return ax


def trajectories_together(
    found: xr.Dataset,
    system: str,
    *,
    components: tuple[int, int] = (0, 1),
    order: Sequence[str] | None = None,
    same_size: bool = True,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the trajectories of a recording and of a system in the same components.

    Parameters
    ----------
    found : xarray.Dataset
        From `neurorec.comparison.compare_trajectories`.
    system : str
        Which.
    components : (int, int)
        Along which axes, counted from 0.
    order : sequence of str, optional
        Conditions in the order of their colours, from blue to red; by default as numbers where they all are, else as
        they stand.
    same_size : bool
        Whether the system is drawn as large as the recording. The best fit is the smaller the less alike they are.
    colours : mapping of str to str, optional
        Colour per condition.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Solid lines are the recording, dashed ones the system; dots begin, arrowheads end. Landmarks of the system, if
        there are: filled rings are stable fixed points, open ones unstable, crosses slow points, the grey band a line
        attractor. Axes have the same scale.

    Raises
    ------
    InputError
        A system, component or condition that is not there.

    Examples
    --------
    >>> curves = np.cumsum(np.ones((2, 2, 5, 2)), axis=2) * [[[[1.0]], [[-1.0]]]]
    >>> over = ("system", "condition", "time", "component")
    >>> found = xr.Dataset(
    ...     {"trajectory": (over, curves), "variance": (("system", "component"), [[0.7, 0.3]] * 2),
    ...      "held_out": ("system", [np.nan, 0.4])},
    ...     coords={"system": ["recording", "leaky"], "condition": ["left", "right"]},
    ... )
    >>> trajectories_together(found, "leaky").get_xlabel()
    'component 1 of the recording (70 % of its variance)'
    """
    names = found["condition"].values.astype(str).tolist()
    order = _in_order(names) if order is None else list(order)
    first, second = components
    known = system in found["system"].values and sorted(order) == sorted(names)
    if not known or max(first, second) >= found.sizes["component"] or min(first, second) < 0:
        expected = f"a system of {list(found['system'].values)}, its conditions, and components that it has"
        said = f"{system!r}, {order}, {components}"
        raise InputError("system, order and components", expected=expected, found=said, remedy="name those that are")
    shades = _BLUE_TO_RED(np.linspace(0, 1, len(order))) if len(order) > 1 else [INK]
    palette = dict(zip(order, shades, strict=True)) | dict(colours or {})
    ax = start_axes(ax, width=6.2, height=5.0)
    recorded, other = (found["trajectory"].isel(system=0), found["trajectory"].sel(system=system))
    middle = other.mean(("condition", "time"))
    power = [float(((v - v.mean(("condition", "time"))) ** 2).sum()) for v in (recorded, other)]
    size = np.sqrt(power[0] / power[1]) if same_size and power[1] > 0 else 1.0
    sides = ((recorded, "-", 1.7), (middle + size * (other - middle), (0, (3, 1.5)), 1.4))
    for name in order:
        for values, style, width in sides:
            curve = values.sel(condition=name).transpose("time", "component").values
            _draw_curve(ax, curve[:, [first, second]], palette[name], style, width)
        ax.plot([], [], color=palette[name], linewidth=2, label=name)
    ax.plot([], [], color=INK, linewidth=1.7, label=str(found["system"].values[0]))
    ax.plot([], [], color=INK, linewidth=1.4, linestyle=(0, (3, 1.5)), label=system)
    if "landmark" in found:
        at = middle + size * (found["landmark"].sel(system=system) - middle)
        kinds = found["landmark_kind"].sel(system=system).values.astype(str)
        _draw_landmarks(ax, at.transpose("point", "component").values[:, [first, second]], kinds)
    share = found["variance"].isel(system=0).values
    ax.set_xlabel(f"component {first + 1} of the recording ({100 * share[first]:.0f} % of its variance)")
    ax.set_ylabel(f"component {second + 1} ({100 * share[second]:.0f} %)")
    ax.set_aspect("equal", adjustable="datalim")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8.5, handlelength=2.2)
    left = float(found["held_out"].sel(system=system))
    met = f"meets {100 * (1 - left):.0f} % of" if left < 1 else "meets nothing of"
    text = f"{system} {met} the recording's variance on held-out conditions"
    note(ax, (text + ("; drawn at its size" if same_size else "")) if np.isfinite(left) else "")
    return ax


def _draw_landmarks(ax: Axes, at: NDArray, kinds: NDArray) -> None:
    """Fixed points as rings, slow ones as crosses, a line as a band behind all."""
    line = at[kinds == "line"]
    if len(line):
        ax.plot(*line.T, color=_GREY, alpha=0.45, linewidth=7, solid_capstyle="round", zorder=1, label="line attractor")
    marks = {"stable": ("o", INK, INK), "unstable": ("o", INK, "white"), "slow": ("x", MUTED, MUTED)}
    for kind, (mark, edge, face) in marks.items():
        here = at[kinds == kind]
        if len(here):
            label = f"{kind} fixed point" if kind != "slow" else "slow point"
            ax.plot(*here.T, mark, color=edge, markerfacecolor=face, markersize=6, linestyle="", zorder=5, label=label)


def _palette(networks: NDArray, roles: NDArray, colours: Mapping[str, str] | None) -> dict[str, str]:
    """Greys for untrained networks, colours for the others."""
    trained = [name for name, role in zip(networks, roles, strict=True) if role != "untrained"]
    palette = {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(trained)}
    return {str(name): palette.get(name, MUTED) for name in networks} | dict(colours or {})


def _by_family(
    networks: NDArray, families: NDArray, roles: NDArray, colours: Mapping[str, str] | None
) -> dict[str, str]:
    """A colour per family where all are told, else per network."""
    if (families == "").any() or colours:
        return _palette(networks, roles, colours)
    shades = _palette(families, roles, None)
    return {str(name): shades[family] for name, family in zip(networks, families, strict=True)}


def _with_null(part: xr.Dataset, shuffle: str) -> tuple[xr.Dataset, str]:
    """A measure's rows with one null: the one asked for if the measure has it."""
    if part["null_mean"].sel(shuffle=shuffle).notnull().any():
        return part.sel(shuffle=shuffle), shuffle
    others = [s for s in part["shuffle"].values.astype(str) if part["null_mean"].sel(shuffle=s).notnull().any()]
    return part.sel(shuffle=others[0] if others else shuffle), others[0] if others else shuffle


def _scaled(part: xr.Dataset) -> list[_Row]:
    """Rows in parts of the way from the null's mean, over networks, to identity."""
    perfect = _PERFECT[int(part["similar"])]
    null = part["null_mean"].values
    zero = float(np.nanmean(null)) if np.isfinite(null).any() else 0.0
    length = (perfect - zero) or 1.0
    beside = part["value"] - int(part["similar"]) * part["advantage"]
    shown = (part["value"], part["value_low"], part["value_high"], part["null_low"], part["null_high"], beside)
    rows = zip(*((column.values - zero) / length for column in shown), strict=True)
    return [_Row(v, min(a, b), max(a, b), (min(c, d), max(c, d)), u) for v, a, b, c, d, u in rows]


def _draw_row(ax: Axes, y: float, row: _Row, role: str, colour: str) -> None:
    if np.isfinite(row.band[0]):
        ax.fill_betweenx([y - 0.42, y + 0.42], *row.band, color=_GREY, alpha=0.32, linewidth=0, zorder=1)
    if np.isfinite(row.beside):
        ax.plot([row.beside] * 2, [y - 0.5, y + 0.5], color=INK, lw=1.0, ls=_BESIDE, zorder=2)
    ax.plot([row.low, row.high], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt", zorder=3)
    face = "white" if role == "untrained" else colour
    ax.plot(row.value, y, _MARKS[role], color=colour, markerfacecolor=face, markersize=5, zorder=4)


def _said(row: xr.Dataset, other: bool) -> str:
    """The value and its p."""
    value, p = float(row["value"]), float(row["p_value"])
    text = f"{value:.2f}" if np.isfinite(value) else "none"
    text += f"   p = {p:.3f}" + ("†" if other else "") if np.isfinite(p) else ""
    return (text + (" *" if bool(row["beats_untrained"]) else "")).replace("-", "−")


def _finish_table(ax: Axes, table: xr.Dataset, spacing: float, n: int, seen: list[float]) -> None:
    ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    middles = np.arange(table.sizes["measure"]) * spacing + (n - 1) / 2
    ax.set_yticks(middles, [_wrapped(str(name)) for name in table["long_name"].values])
    ax.set_ylim(table.sizes["measure"] * spacing - 1.2, -0.9)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    low, high = min([0.0, *seen]), max([0.0, *seen])
    room = 0.04 * (high - low or 1.0)
    ax.set_xlim(low - room, high + room)
    ax.set_xlabel("from chance (0, the null's mean) to identity (1), each measure on its own scale")


def _wrapped(name: str) -> str:
    """A name on two lines where it is long."""
    if len(name) <= 22:
        return name
    spaces = [k for k, letter in enumerate(name) if letter == " "]
    at = min(spaces, key=lambda k: abs(k - len(name) / 2), default=None)
    return name if at is None else f"{name[:at]}\n{name[at + 1 :]}"


def _legend(ax: Axes, networks: NDArray, roles: NDArray, palette: Mapping[str, str]) -> None:
    longest = 0
    for name, role in zip(networks, roles, strict=True):
        face = "white" if role == "untrained" else palette[name]
        label = str(name) if role == "trained" or role in str(name) else f"{name} ({role})"
        longest = max(longest, len(label))
        ax.plot([], [], _MARKS[role], color=palette[name], markerfacecolor=face, markersize=5, label=label)
    ax.fill_between([], [], color=_GREY, alpha=0.32, linewidth=0, label="null")
    ax.plot([], [], color=INK, lw=1.0, ls=_BESIDE, label="untrained of its kind, mean")
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4 if longest <= _SHORT else 3, frameon=False, fontsize=8,
        handletextpad=0.3, columnspacing=1.0, borderaxespad=0.2,
    )  # fmt: skip


def _in_order(names: list[str]) -> list[str]:
    try:
        return sorted(names, key=float)
    except ValueError:
        return names


def _draw_curve(ax: Axes, curve: NDArray, colour: object, style: object, width: float) -> None:
    ax.plot(*curve.T, color=colour, linestyle=style, linewidth=width, zorder=3)  # type: ignore[arg-type]
    ax.plot(*curve[0], "o", color=colour, markersize=3.5, zorder=4)
    if len(curve) > 1 and np.ptp(curve, axis=0).any():
        arrow = {"arrowstyle": "-|>", "color": colour, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
        ax.annotate("", xy=tuple(curve[-1]), xytext=tuple(curve[-2]), arrowprops=arrow, zorder=4)
