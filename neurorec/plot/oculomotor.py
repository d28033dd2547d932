"""An integrator of eye position: how it holds, and for how long."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import note, start_axes
from neurorec.plot.palette import COLOURS, INK, MUTED


def held_positions(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw eye positions after commands, by how the network is tuned.

    Parameters
    ----------
    data : xarray.Dataset
        ``position (mistuning, time)``, degrees, and ``target (time)``, the integral of the commands; ``time`` in s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line per network, named at its end; the target in grey.

    Examples
    --------
    >>> data = xr.Dataset({"position": (("mistuning", "time"), np.ones((1, 3))), "target": ("time", np.ones(3))})
    >>> ax = held_positions(data.assign_coords(mistuning=[0.05], time=[0.0, 0.1, 0.2]))
    >>> ax.texts[0].get_text()
    '5 % too weak'
    """
    ax = start_axes(ax, width=5.2, height=3.4)
    time = data["time"].values
    ax.plot(time, data["target"].values, color=MUTED, linewidth=3.5, alpha=0.4, label="target")
    for k, mistuning in enumerate(data["mistuning"].values):
        path = data["position"].sel(mistuning=mistuning).values
        ax.plot(time, path, color=COLOURS[k % len(COLOURS)], linewidth=1.5)
        share = f"{100 * abs(mistuning):g} % too {'weak' if mistuning > 0 else 'strong'}"
        ax.annotate(
            "tuned" if mistuning == 0 else share, (time[-1], path[-1]), (4, 0), textcoords="offset points",
            color=COLOURS[k % len(COLOURS)], fontsize=8.5, va="center", annotation_clip=False,
        )  # fmt: skip
    ax.set_xlabel("time (s)")
    ax.set_ylabel("eye position (degrees)")
    note(ax, "grey: the integral of the commands")
    return ax


def persistence_against_mistuning(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    r"""Draw measured time constants against the mistuning, beside :math:`\tau / (1 - \lambda)`.

    Parameters
    ----------
    data : xarray.Dataset
        ``time_constant`` and ``expected (network, mistuning)``, s; ``mistuning`` is :math:`1 - \lambda`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Dots by network, the line is the theory; both axes are logarithmic.

    Examples
    --------
    >>> over = (("network", "mistuning"), [[10.0, 1.0]])
    >>> data = xr.Dataset({"time_constant": over, "expected": over})
    >>> ax = persistence_against_mistuning(data.assign_coords(network=["linear"], mistuning=[0.01, 0.1]))
    >>> ax.get_xscale(), len(ax.lines)
    ('log', 2)
    """
    ax = start_axes(ax, width=4.4, height=3.4)
    mistuning = data["mistuning"].values
    ax.plot(mistuning, data["expected"].isel(network=0).values, color=INK, linewidth=1.0, label="τ / (1 − λ)")
    for k, name in enumerate(data["network"].values):
        ax.plot(
            mistuning, data["time_constant"].sel(network=name).values, "os"[k % 2], color=COLOURS[k % len(COLOURS)],
            markersize=6 - k, markerfacecolor="white" if k % 2 else None, label=str(name), linestyle="",
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("mistuning 1 − λ")
    ax.set_ylabel("time constant of the decay (s)")
    ax.legend(frameon=False, fontsize=8.5)
    return ax


def recruitment(data: xr.Dataset, *, most: int = 25, ax: Axes | None = None) -> Axes:
    """Draw firing rates against eye position, a line per unit.

    Parameters
    ----------
    data : xarray.Dataset
        ``rate (unit, position)``, spikes/s; ``position`` in degrees.
    most : int
        Units that are drawn, evenly chosen.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> data = xr.Dataset({"rate": (("unit", "position"), np.ones((3, 2)))}, coords={"position": [0.0, 40.0]})
    >>> len(recruitment(data).lines)
    3
    """
    ax = start_axes(ax, width=4.0, height=3.4)
    n = data.sizes["unit"]
    for unit in np.unique(np.linspace(0, n - 1, min(most, n)).round().astype(int)):
        ax.plot(data["position"].values, data["rate"].isel(unit=unit).values, color=MUTED, linewidth=0.8)
    ax.set_xlabel("eye position (degrees)")
    ax.set_ylabel("rate (spikes/s)")
    ax.set_ylim(bottom=0)
    return ax
