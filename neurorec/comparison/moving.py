"""Trajectories of systems beside those of a recording, labelled, in the recording's principal components."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurorec.comparison.matching import OWN, cut_source, shared_conditions, side_in
from neurorec.comparison.trajectories import align_trajectories
from neurorec.comparison.warping import Warp


def compare_trajectories(
    recording: xr.Dataset,
    systems: Mapping[str, xr.Dataset | ArrayLike],
    *,
    by: str | Sequence[str],
    event: str | Mapping[str, str] = "start",
    window: tuple[float, float] | Mapping[str, tuple[float, float]] | None = None,
    n_steps: int = 20,
    centring: Literal["grand", "step"] = "grand",
    scaled: bool = True,
    n_components: int = 10,
    warp: Warp = "none",
) -> xr.Dataset:
    """Rotate the trajectories of systems onto those of a recording, condition by condition.

    Parameters
    ----------
    recording, systems, by, event, window, n_steps, centring, scaled
        As in `neurorec.comparison.compare`.
    n_components, warp
        As in `neurorec.comparison.align_trajectories`.

    Returns
    -------
    xarray.Dataset
        ``trajectory (system, condition, time, component)``, the recording first, all in its principal components;
        ``variance (system, component)``, the share along each; ``distance``, ``held_out``, ``held_out_unwarped``
        and ``converged (system)``, NaN and True for the recording; ``place (system, time)``, the time of the system's
        own window (s, of its steps for means) that is shown at ``time`` (s, of the recording).

    Raises
    ------
    InputError
        As `neurorec.comparison.compare`.

    Examples
    --------
    >>> from neurorec.datasets import simulate_delays
    >>> rng = np.random.default_rng(0)
    >>> recording = simulate_delays({"easy": 0.1}, n_conditions=4, rng=rng)
    >>> found = compare_trajectories(recording, {"itself": recording}, by="condition", n_steps=10)
    >>> found["trajectory"].dims, abs(round(found["distance"].sel(system="itself").item(), 6))
    (('system', 'condition', 'time', 'component'), 0.0)
    """
    sources = {OWN: recording, **systems}
    cuts = {name: cut_source(name, source, by, event, window, n_steps) for name, source in sources.items()}
    names, _ = shared_conditions(cuts)
    means = {}
    for name, cut in cuts.items():
        side = side_in(name, cut, names, scaled=scaled, by_step=centring == "step")
        means[name] = side.means(side.weights())
    own = cuts[OWN]
    assert isinstance(own, xr.Dataset)
    time = _middles(own)
    parts = [align_trajectories(means[OWN], means[name], n_components=n_components, warp=warp) for name in systems]
    n = min(part.x.shape[1] for part in parts)
    k = min(part.x.shape[2] for part in parts)
    curves = [parts[0].x, *(part.y for part in parts)]
    shares = [parts[0].variance_x, *(part.variance_y for part in parts)]
    places = [time[:n], *(_time_at(cuts[name], part.place[:n]) for name, part in zip(systems, parts, strict=True))]
    over = {
        name: ("system", [np.nan, *(getattr(part, name) for part in parts)])
        for name in ("distance", "held_out", "held_out_unwarped")
    }
    return xr.Dataset(
        {
            "trajectory": (("system", "condition", "time", "component"), np.stack([c[:, :n, :k] for c in curves])),
            "variance": (("system", "component"), np.stack([share[:k] for share in shares])),
            "place": (("system", "time"), np.stack(places)),
            "converged": ("system", [True, *(part.converged for part in parts)]),
            **over,
        },
        coords={"system": [OWN, *systems], "condition": names, "time": ("time", time[:n], {"units": "s"})},
        attrs={"warp": warp, "centring": centring, "session": str(recording.attrs.get("session", ""))},
    )


def _middles(trials: xr.Dataset) -> np.ndarray:
    """Of the steps, s after the event."""
    return trials["time"].values + trials.attrs["bin_width"] / 2


def _time_at(cut: xr.Dataset | np.ndarray, place: np.ndarray) -> np.ndarray:
    """Seconds in a system's window at places between its steps; the places themselves for means."""
    return np.interp(place, np.arange(cut.sizes["time"]), _middles(cut)) if isinstance(cut, xr.Dataset) else place
