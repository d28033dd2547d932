"""A population's ring of activity: where its landmarks lie, and by how much it outlasts chance."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from neurorec.plot.canvas import note, start_axes
from neurorec.plot.palette import MUTED


def ring(found: xr.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw the landmarks of a population's activity in two dimensions, coloured by their angle around the ring.

    Parameters
    ----------
    found : xarray.Dataset
        From `neurorec.dynamics.ring_of_population`: ``position (landmark, axis)``, ``landmark_angle (landmark)``,
        ``null (draw)``; attributes ``score``, ``p_value``, ``n_loops``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default new axes.

    Returns
    -------
    matplotlib.axes.Axes
        Distances along neighbours in two dimensions; grey where there is no ring, and so no angle. Below, the score and
        what shifted units come to.

    Examples
    --------
    >>> angle = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    >>> found = xr.Dataset(
    ...     {"position": (("landmark", "axis"), np.column_stack([np.cos(angle), np.sin(angle)])),
    ...      "landmark_angle": ("landmark", angle), "null": ("draw", [0.1, 0.2])},
    ...     attrs={"score": 0.5, "p_value": 0.05, "n_loops": 1},
    ... )
    >>> ring(found).texts[0].get_text()
    'one loop: 0.50 of the greatest distance; shifted units 0.10 to 0.20, p = 0.05'
    """
    ax = start_axes(ax, width=4.4, height=4.2)
    at, angle = found["position"].values[:, :2], found["landmark_angle"].values
    there = found.attrs["n_loops"] > 0
    style = {"c": angle, "cmap": "twilight", "vmin": 0, "vmax": 2 * np.pi} if there else {"color": MUTED}
    ax.scatter(*at.T, s=30, edgecolors="white", linewidths=0.4, **style)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel("first axis of the distances")
    ax.set_ylabel("second axis")
    loops = {0: "no loop", 1: "one loop"}.get(int(found.attrs["n_loops"]), f"{found.attrs['n_loops']} loops")
    null = found["null"].values
    chance = f"; shifted units {null.min():.2f} to {null.max():.2f}, p = {found.attrs['p_value']:.2g}"
    note(ax, f"{loops}: {found.attrs['score']:.2f} of the greatest distance{chance if null.size else ''}")
    return ax
