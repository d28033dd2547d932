"""A stretch of the recording itself: every unit, sorted by area, and the activity of each area."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from neurorec.plot.canvas import spread, start_axes
from neurorec.plot.palette import FAINT, INK, MUTED, area_name, colours_for, readable

# How much is shown when no window is given: as many bins as a figure can resolve, and no more than this many seconds.
_MOST_BINS, _MOST_SECONDS = 1500, 60.0
_MOST_LINES = 6  # areas whose activity over time can be told apart in one panel


def raster(
    recording: xr.Dataset,
    *,
    window: tuple[float, float] | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the activity of all units over a stretch of time, sorted by area and then by rate.

    Spike counts are drawn as a raster in the colours of the areas, all other activity as a heat map of values
    standardised per unit. Stretches that were not recorded are closed up, so that the horizontal axis is observed
    time; faint lines mark where time jumps or a trial begins.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording.
    window : (float, float), optional
        Seconds on the recording's clock; by default as much of the middle as can be resolved.
    colours : mapping of str to str, optional
        Colour per area; by default those of :func:`neurorec.plot.area_colours`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> counts = np.random.default_rng(0).poisson(0.1, (500, 6))
    >>> recording = recording_from_arrays(counts, bin_width=0.01, area=["V1"] * 4 + ["PPC"] * 2)
    >>> raster(recording).get_ylabel()
    '6 units, sorted by area'
    """
    ax = start_axes(ax, width=8, height=5)
    part = _stretch(recording, window)
    order = _by_area(part)
    part = part.isel(unit=order)
    values = part["activity"].values
    width = float(part["activity"].attrs["bin_width"])
    palette = colours_for(recording, colours)
    areas = part["area"].values.astype(str)
    extent = values.shape[0] * width
    if part["activity"].attrs["kind"] in ("counts", "binary"):
        bins, rows = np.nonzero(values > 0)
        tint = np.array([readable(palette[a]) for a in areas])[rows]
        height = max(0.4, 0.8 * 280 / max(areas.size, 1))
        ax.scatter(bins * width + width / 2, rows, s=height**2, c=tint, marker="|", linewidth=0.5, rasterized=True)
    else:
        low, high = np.nanpercentile(z := _standardised(values), [2, 99.5])
        ax.imshow(
            z.T, cmap="Greys", vmin=low, vmax=high, aspect="auto", extent=(0, extent, areas.size - 0.5, -0.5),
            interpolation="none",
        )  # fmt: skip
    _mark_jumps(ax, part, width)
    _strip(ax, areas, palette)
    ax.set(xlim=(0, extent), ylim=(areas.size - 0.5, -0.5), xlabel="observed time (s)")
    ax.set_ylabel(f"{areas.size} units, sorted by area")
    return ax


def population_rate(
    recording: xr.Dataset,
    *,
    window: tuple[float, float] | None = None,
    smoothing: float = 0.05,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean activity over the stretch of time that :func:`raster` shows, by area where there are at most six.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording.
    window : (float, float), optional
        As in :func:`raster`.
    smoothing : float
        Width of the moving average, s; it does not reach across a gap.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Spikes/s per unit for counts, otherwise the activity's own unit.

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> recording = recording_from_arrays(np.ones((500, 2)), bin_width=0.01, area=["V1", "PPC"])
    >>> population_rate(recording).get_ylabel()
    'mean rate\\n(spikes/s per unit)'
    """
    ax = start_axes(ax, width=8, height=2)
    part = _stretch(recording, window)
    width = float(part["activity"].attrs["bin_width"])
    palette = colours_for(recording, colours)
    counts = part["activity"].attrs["kind"] == "counts"
    values = part["activity"].values / (width if counts else 1.0)
    areas, time = part["area"].values.astype(str), (np.arange(part.sizes["time"]) + 0.5) * width
    edges = np.flatnonzero(np.diff(part["segment"].values)) + 1
    groups = [(palette[a], area_name(a), areas == a) for a in sorted(set(areas))]
    if len(groups) > _MOST_LINES:
        groups = [(INK, "all units", np.ones(areas.size, dtype=bool))]
    for colour, name, mine in groups:
        known = np.isfinite(values[:, mine])
        total = np.where(known, values[:, mine], 0.0).sum(axis=1)
        mean = np.divide(total, known.sum(axis=1), out=np.full(len(total), np.nan), where=known.any(axis=1))
        pieces = [_smooth(piece, max(1, round(smoothing / width))) for piece in np.split(mean, edges)]
        ax.plot(time, np.concatenate(pieces), color=colour, linewidth=0.9, label=name)
    _mark_jumps(ax, part, width)
    ax.set(xlim=(0, time.size * width), xlabel="observed time (s)")
    unit = "spikes/s per unit" if counts else part["activity"].attrs["units"]
    ax.set_ylabel(f"mean {'rate' if counts else 'activity'}\n({unit})")
    return ax


def _stretch(recording: xr.Dataset, window: tuple[float, float] | None) -> xr.Dataset:
    """Cut out the bins to be shown."""
    time = recording["time"].values
    if window is None:
        width = float(recording["activity"].attrs["bin_width"])
        n_bins = min(time.size, _MOST_BINS, max(1, round(_MOST_SECONDS / width)))
        start = (time.size - n_bins) // 2
        return recording.isel(time=slice(start, start + n_bins))
    return recording.isel(time=slice(*np.searchsorted(time, window)))


def _by_area(recording: xr.Dataset) -> NDArray[np.int64]:
    """Order units by area (unknown last), the most active first."""
    areas = recording["area"].values.astype(str)
    activity = np.nan_to_num(recording["activity"].values.mean(axis=0))
    return np.lexsort((-activity, areas, areas == ""))


def _standardised(values: NDArray) -> NDArray[np.float64]:
    values = np.asarray(values, dtype=float)
    seen = np.isfinite(values).any(axis=0)
    filled = np.where(seen, values, 0.0)  # of a unit that is missing throughout there is neither mean nor spread
    spread_of = np.nanstd(filled, axis=0)
    return (values - np.nanmean(filled, axis=0)) / np.where(spread_of > 0, spread_of, 1.0)


def _smooth(values: NDArray, n_bins: int) -> NDArray[np.float64]:
    """Average over the bins around each, over fewer at the ends."""
    n_bins = min(n_bins, values.size)
    kernel = np.ones(n_bins)
    return np.convolve(values, kernel, "same") / np.convolve(np.ones_like(values), kernel, "same")


def _mark_jumps(ax: Axes, part: xr.Dataset, width: float) -> None:
    """Draw a faint line wherever a new segment or trial begins, unless there are too many to be told apart."""
    starts = np.diff(part["segment"].values) != 0
    if "trial_id" in part.coords:
        starts = starts | (np.diff(part["trial_id"].values) != 0)
    at = (np.flatnonzero(starts) + 1) * width
    if at.size <= 60:
        for x in at:
            ax.axvline(x, color=FAINT, linewidth=0.5, zorder=0.5)


def _strip(ax: Axes, areas: NDArray[np.str_], palette: Mapping[str, str]) -> None:
    """Draw the strip of areas along the right edge, with their names and numbers of units."""
    starts = np.flatnonzero(np.append(True, areas[1:] != areas[:-1]))
    stops = np.append(starts[1:], areas.size)
    middles = (starts + stops) / 2 - 0.5
    height = 72 * ax.bbox.height / ax.figure.dpi  # points
    gap = areas.size * 11 / max(height, 11.0)  # a line of type
    places = spread(middles, gap=gap, low=-0.5, high=areas.size - 0.5)
    side = ax.get_yaxis_transform()
    for start, stop, middle, place in zip(starts, stops, middles, places, strict=True):
        area = str(areas[start])
        colour = palette[area]
        ax.add_patch(
            Rectangle((1.005, start - 0.5), 0.012, stop - start, transform=side, color=colour, clip_on=False, lw=0)
        )
        ax.plot([1.02, 1.032], [middle, place], transform=side, color=MUTED, linewidth=0.5, clip_on=False)
        label = f"{area_name(area)} ({stop - start})"
        ax.text(1.036, place, label, transform=side, va="center", fontsize=8, color=readable(colour), fontweight="bold")
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    ax.yaxis.label.set_color(INK)
