"""How often a benefit is reported where it is known what units share."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from neurorec.plot.canvas import label_rows, note, start_axes
from neurorec.plot.palette import COLOURS, FAINT, INK, MUTED

_WIDTH = 0.84  # of a scenario's column
_TICKS = (0.0, 0.05, 0.25, 0.5, 1.0)
_RULES = {"unit": ("o", "units: p < .05"), "area": ("D", "areas: interval above 0")}


def reported_by_scenario(counted: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw how often each measure is reported as above zero, in simulated recordings of several kinds.

    Parameters
    ----------
    counted : xarray.Dataset
        ``share``, ``low`` and ``high (rule, scenario, measure)``: shares of cases and their intervals; ``nominal
        (rule)``: the share that is allowed where there is nothing; ``label`` and ``kind (measure)``, the latter
        ``"benefit"``, ``"part"`` or ``"null"``. Optionally ``n_recordings (scenario)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A row per measure and a column per scenario, each from 0 to 100 % on a square-root scale, so that small shares
        can be told from each other; dashed lines are the nominal shares. Filled: above the nominal share by more than
        the interval.

    Examples
    --------
    >>> dims = ("rule", "scenario", "measure")
    >>> counted = xr.Dataset(
    ...     {"share": (dims, [[[0.04]]]), "low": (dims, [[[0.01]]]), "high": (dims, [[[0.1]]]),
    ...      "nominal": ("rule", [0.05])},
    ...     coords={"rule": ["unit"], "scenario": ["nothing shared"], "measure": ["benefit"],
    ...             "label": ("measure", ["coupling"]), "kind": ("measure", ["benefit"])},
    ... )
    >>> [label.get_text() for label in reported_by_scenario(counted).get_yticklabels()]
    ['coupling']
    """
    n_rules, n_scenarios, n_measures = (counted.sizes[dim] for dim in ("rule", "scenario", "measure"))
    ax = start_axes(ax, width=1.8 + 1.5 * n_scenarios, height=1.5 + 0.3 * n_measures)
    offsets = np.linspace(-0.17, 0.17, n_rules) if n_rules > 1 else np.zeros(1)
    for column in range(n_scenarios):
        _frame(ax, column, counted["nominal"].values, n_measures)
    for r, rule in enumerate(counted["rule"].values):
        marker, said = _RULES.get(str(rule), ("o", str(rule)))
        colour, nominal = COLOURS[r], float(counted["nominal"].values[r])
        for s in range(n_scenarios):
            one = counted.isel(rule=r, scenario=s)
            rows = np.arange(n_measures) + offsets[r]
            share, low, high = (_place(one[name].values, s) for name in ("share", "low", "high"))
            ax.hlines(rows, low, high, color=colour, linewidth=1.4, zorder=3)
            above = one["low"].values > nominal
            for chosen, face in ((above, colour), (~above, "white")):
                ax.plot(
                    share[chosen], rows[chosen], marker, color=colour, markersize=4.5, markerfacecolor=face,
                    markeredgewidth=1.1, zorder=4, clip_on=False,
                )  # fmt: skip
        ax.plot([], [], f"{marker}-", color=colour, markersize=4.5, markerfacecolor="white", label=said)
    kinds = counted["kind"].values.astype(str)
    label_rows(ax, counted["label"].values.astype(str).tolist(), [MUTED if k == "null" else INK for k in kinds])
    for label in ax.get_yticklabels():
        label.set_fontweight("normal")
    for row in np.flatnonzero(kinds[1:] != kinds[:-1]):
        ax.axhline(row + 0.5, color=MUTED, linewidth=1.0, zorder=1)
    _label_columns(ax, counted)
    note(ax, "dashed: nominal share; filled: above it by more than the 95% interval")
    return ax


def _place(share: ArrayLike, column: int) -> NDArray[np.float64]:
    return column + _WIDTH * np.sqrt(np.asarray(share, dtype=float))


def _frame(ax: Axes, column: int, nominal: np.ndarray, n_rows: int) -> None:
    """Ends of a scenario's scale, and its nominal shares."""
    for end in (0.0, 1.0):
        ax.axvline(float(_place(end, column)), color=FAINT, linewidth=0.8, zorder=0)
    for r, share in enumerate(nominal):
        ax.axvline(
            float(_place(share, column)), color=COLOURS[r], linewidth=0.8, linestyle=(0, (4, 3)), alpha=0.7, zorder=1
        )


def _label_columns(ax: Axes, counted: xr.Dataset) -> None:
    """Scenarios above, their scales below."""
    ticks, names = [], []
    for s, scenario in enumerate(counted["scenario"].values.astype(str)):
        ticks += [float(_place(tick, s)) for tick in _TICKS]
        names += [f"{100 * tick:.0f}" for tick in _TICKS]
        many = f"\n{int(counted['n_recordings'].values[s])} recordings" if "n_recordings" in counted else ""
        ax.annotate(
            scenario + many, (s + _WIDTH / 2, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 5),
            textcoords="offset points", ha="center", va="bottom", fontsize=9, color=INK,
        )  # fmt: skip
    ax.set_xticks(ticks, names)
    ax.set_xlim(-0.05, counted.sizes["scenario"] - 1 + _WIDTH + 0.05)
    ax.tick_params(axis="x", labelsize=7.5)
    ax.set_xlabel("reported as above zero (%)")
    ax.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.09), ncols=2, frameon=False, fontsize=8.5, handletextpad=0.4,
        borderaxespad=0.2,
    )  # fmt: skip
