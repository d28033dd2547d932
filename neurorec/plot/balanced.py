"""Figures of balanced spiking networks: spikes, inputs that cancel, correlations, rates beside their theory."""

import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import start_axes
from neurorec.plot.palette import COLOURS, INK, MUTED


def spike_raster(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw spikes, a row per unit.

    Parameters
    ----------
    data : xarray.Dataset
        ``time (spike)``, s, and ``row (spike)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = spike_raster(xr.Dataset({"time": ("spike", [0.1, 0.2]), "row": ("spike", [0, 3])}))
    >>> len(ax.lines)
    1
    """
    ax = start_axes(ax, width=4.4, height=3.2)
    ax.plot(data["time"].values, data["row"].values, "|", color=INK, markersize=2.2, markeredgewidth=0.7)
    ax.set_xlabel("time (s)")
    ax.set_ylabel("unit")
    return ax


def cancelling_inputs(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the excitation and the inhibition that reach a unit, and what is left of both.

    Parameters
    ----------
    data : xarray.Dataset
        ``input (part, time)``, mV; ``time`` in s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> data = xr.Dataset({"input": (("part", "time"), [[1.0, 2.0]] * 3)}, coords={"part": ["excitation", "b", "net"]})
    >>> len(cancelling_inputs(data.assign_coords(time=[0.0, 0.1])).lines)
    4
    """
    ax = start_axes(ax, width=4.4, height=3.2)
    ax.axhline(0, color=MUTED, linewidth=0.6)
    for colour, part in zip((COLOURS[0], COLOURS[1], INK), data["part"].values, strict=True):
        values = data["input"].sel(part=part).values
        ax.plot(data["time"].values, values, color=colour, linewidth=0.9, label=str(part))
    ax.set_xlabel("time (s)")
    ax.set_ylabel("input to a unit (mV)")
    ax.legend(frameon=False, fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.12))
    return ax


def correlation_against_size(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw mean correlations of pairs against the number of units, both axes logarithmic.

    Parameters
    ----------
    data : xarray.Dataset
        ``correlation (network, n_units)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line per network; dashed, slope -1 through the first network's first point.

    Examples
    --------
    >>> data = xr.Dataset({"correlation": (("network", "n_units"), [[0.1, 0.05]])})
    >>> ax = correlation_against_size(data.assign_coords(network=["balanced"], n_units=[100, 200]))
    >>> ax.get_yscale()
    'log'
    """
    ax = start_axes(ax, width=4.4, height=3.2)
    n = data["n_units"].values
    first = float(data["correlation"][0, 0])
    ax.plot(n, first * n[0] / n, "--", color=MUTED, linewidth=1)
    for k, name in enumerate(data["network"].values):
        values = data["correlation"].sel(network=name).values
        ax.plot(n, values, "o-", color=COLOURS[k], markersize=5, linewidth=1.2, label=str(name))
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(n, [f"{k:g}" for k in n])
    ax.minorticks_off()
    ax.set_xlabel("units")
    ax.set_ylabel("mean correlation of pairs")
    ax.legend(frameon=False, fontsize=8, loc="center right")
    return ax


def rates_against_inputs(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw rates of populations against that of their inputs, beside two theories.

    Parameters
    ----------
    data : xarray.Dataset
        ``rate (source, external, population)``, spikes/s; sources "spikes", "mean field", "balance equation".
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> data = xr.Dataset({"rate": (("source", "external", "population"), [[[1.0], [2.0]]] * 3)}).assign_coords(
    ...     source=["spikes", "mean field", "balance equation"], population=["E"], external=[1.0, 2.0]
    ... )
    >>> len(rates_against_inputs(data).lines)
    3
    """
    ax = start_axes(ax, width=4.4, height=3.2)
    x = data["external"].values
    for k, name in enumerate(data["population"].values):
        rate = data["rate"].sel(population=name)
        colour = COLOURS[k]
        ax.plot(x, rate.sel(source="balance equation").values, "--", color=MUTED, linewidth=1)
        ax.plot(x, rate.sel(source="mean field").values, color=colour, linewidth=1.2)
        ax.plot(x, rate.sel(source="spikes").values, "o", color=colour, markersize=5, label=str(name))
    ax.set_xlabel("rate of an input (spikes/s)")
    ax.set_ylabel("rate (spikes/s)")
    ax.legend(frameon=False, fontsize=8.5)
    return ax


def rates_unit_by_unit(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw what units do beside what their match in a rate network does.

    Parameters
    ----------
    data : xarray.Dataset
        ``spikes`` and ``matched (unit)``, spikes/s; ``population (unit)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> data = xr.Dataset({"spikes": ("unit", [1.0, 2.0]), "matched": ("unit", [1.0, 2.0])})
    >>> ax = rates_unit_by_unit(data.assign_coords(population=("unit", ["E", "I"])))
    >>> ax.get_xlabel()
    'rate network (spikes/s)'
    """
    ax = start_axes(ax, width=4.0, height=3.2)
    most = float(max(data["spikes"].max(), data["matched"].max()))
    for k, name in enumerate(dict.fromkeys(data["population"].values)):
        of = data.isel(unit=data["population"].values == name)
        ax.plot(of["matched"].values, of["spikes"].values, ".", color=COLOURS[k], markersize=2.5, label=str(name))
    ax.plot([0, most], [0, most], "--", color=MUTED, linewidth=1)
    ax.set_xlabel("rate network (spikes/s)")
    ax.set_ylabel("spiking network (spikes/s)")
    ax.legend(frameon=False, fontsize=8.5, markerscale=3)
    return ax


def rates_in_time(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw a population's rate over time, in spikes and as modelled.

    Parameters
    ----------
    data : xarray.Dataset
        ``rate (model, time)``, spikes/s; ``time`` in s.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> data = xr.Dataset({"rate": (("model", "time"), [[1.0, 2.0, 3.0]] * 2)})
    >>> ax = rates_in_time(data.assign_coords(model=["spikes", "rate network"], time=[0.0, 0.1, 0.2]))
    >>> len(ax.lines)
    2
    """
    ax = start_axes(ax, width=4.4, height=3.2)
    looks = {"spikes": (INK, 1.4), "spikes again": (MUTED, 0.9), "rate network": (COLOURS[1], 1.4)}
    for name in data["model"].values:
        if str(name) in looks:
            colour, width = looks[str(name)]
            values = data["rate"].sel(model=name).values
            ax.plot(data["time"].values, values, color=colour, linewidth=width, label=str(name))
    ax.set_xlabel("time (s)")
    ax.set_ylabel("rate of E (spikes/s)")
    ax.legend(frameon=False, fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.12))
    return ax
