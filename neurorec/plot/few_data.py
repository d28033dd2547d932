"""Learning from few trials: what is reached, by the number of trials there are to learn from."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from neurorec.plot.canvas import log_axis, start_axes
from neurorec.plot.palette import COLOURS, MUTED


def score_against_trials(data: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw scores against the number of training trials, by what has learnt.

    Parameters
    ----------
    data : xarray.Dataset
        ``score (learner, n_trials, seed)``; ``low`` and ``high (learner, n_trials)``, an interval of the mean;
        ``chance`` and ``best``, which may be NaN.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        A line a learner, the mean over seeds, with its interval and a dot a seed; chance and best in grey.

    Examples
    --------
    >>> over = ("learner", "n_trials")
    >>> data = xr.Dataset({"score": ((*over, "seed"), [[[0.5], [0.9]]]), "low": (over, [[0.4, 0.8]])})
    >>> data = data.assign(high=(over, [[0.6, 1.0]]), chance=0.5, best=1.0)
    >>> ax = score_against_trials(data.assign_coords(learner=["reservoir"], n_trials=[16, 64]))
    >>> ax.get_legend().get_texts()[0].get_text()
    'reservoir'
    """
    ax = start_axes(ax, width=4.2, height=3.4)
    n_trials = data["n_trials"].values.astype(float)
    for name in ("chance", "best"):
        if np.isfinite(float(data[name])):
            ax.axhline(float(data[name]), color=MUTED, linewidth=0.8, linestyle=":")
    for k, name in enumerate(data["learner"].values):
        one = data.sel(learner=name)
        found = one["score"].transpose("n_trials", "seed").values
        ax.plot(n_trials, found.mean(axis=1), color=COLOURS[k], linewidth=1.5, label=str(name))
        ax.fill_between(n_trials, one["low"].values, one["high"].values, color=COLOURS[k], alpha=0.15, linewidth=0)
        ax.plot(n_trials, found, "o", color=COLOURS[k], markersize=2.5, alpha=0.6)
    shown = np.concatenate([data["score"].values.ravel(), [float(data["chance"]), float(data["best"])]])
    room = 0.06 * (np.nanmax(shown) - np.nanmin(shown) + 1e-9)
    ax.set_ylim(np.nanmin(shown) - room, np.nanmax(shown) + room)  # intervals of few draws go far beyond what can be
    log_axis(ax, n_trials)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(n_trials, [f"{n:g}" for n in n_trials])
    ax.set_xlabel("trials to learn from")
    ax.set_ylabel("score, new trials")
    ax.legend(frameon=False, fontsize=8.5)
    return ax
