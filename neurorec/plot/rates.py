"""How active the units of each area are."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import label_rows, log_axis, note, start_axes
from neurorec.plot.intervals import median_interval
from neurorec.plot.palette import INK, area_name, colours_for


def rates_by_area(recording: xr.Dataset, *, colours: Mapping[str, str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw each unit's mean activity over the observed bins, by area, with medians and their 95% intervals.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording.
    colours : mapping of str to str, optional
        Colour per area.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Spikes/s on a logarithmic axis for counts, otherwise the activity's own unit.

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> recording = recording_from_arrays(np.ones((500, 3)), bin_width=0.01, area=["V1", "V1", "PPC"])
    >>> ax = rates_by_area(recording)
    >>> ax.get_xlabel(), [label.get_text() for label in ax.get_yticklabels()]
    ('mean rate (spikes/s)', ['PPC (n = 1)', 'V1 (n = 2)'])
    """
    palette = colours_for(recording, colours)
    activity = recording["activity"]
    if "observed" in recording:
        activity = activity.where(recording["observed"])
    counts = recording["activity"].attrs["kind"] == "counts"
    mean = activity.mean("time", skipna=True).values / (recording["activity"].attrs["bin_width"] if counts else 1.0)
    areas = recording["area"].values.astype(str)
    names = sorted(set(areas), key=lambda area: (area == "", area))
    ax = start_axes(ax, height=0.8 + 0.38 * len(names))
    silent = counts & (mean <= 0)
    rng = np.random.default_rng(0)  # moves points apart, means nothing
    for row, area in enumerate(names):
        mine = mean[(areas == area) & ~silent]
        ax.scatter(mine, row + rng.uniform(-0.25, 0.25, mine.size), s=9, color=palette[area], alpha=0.55, linewidth=0)
        middle, low, high = median_interval(mine)
        ax.plot([low, high], [row, row], color=INK, linewidth=1.6, solid_capstyle="butt")
        ax.plot(middle, row, "o", markersize=5, markerfacecolor="white", markeredgecolor=INK)
    label_rows(
        ax,
        [f"{area_name(a)} (n = {np.count_nonzero(areas == a)})" for a in names],
        [palette[a] for a in names],
    )
    if counts and (mean > 0).any():
        log_axis(ax, mean[~silent])
    ax.set_xlabel("mean rate (spikes/s)" if counts else f"mean activity ({recording['activity'].attrs['units']})")
    if silent.any():
        n_silent = int(silent.sum())
        note(ax, f"{n_silent} unit{'s' * (n_silent > 1)} without a spike not drawn")
    return ax
