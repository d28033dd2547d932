"""Trajectories of systems beside those of a recording, labelled, in the recording's principal components."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurorec.comparison.matching import OWN, cut_source, shared_conditions, side_in
from neurorec.comparison.resampling import Side
from neurorec.comparison.trajectories import AlignedTrajectories, align_trajectories
from neurorec.comparison.warping import Warp
from neurorec.recording import InputError, first_offenders


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
    points: Mapping[str, Sequence[xr.Dataset]] | None = None,
) -> xr.Dataset:
    """Rotate the trajectories of systems onto those of a recording, condition by condition.

    Parameters
    ----------
    recording, systems, by, event, window, n_steps, centring, scaled
        As in `neurorec.comparison.compare`.
    n_components, warp
        As in `neurorec.comparison.align_trajectories`.
    points : mapping of str to sequence of xarray.Dataset, optional
        By system, what is brought along into the same components: fixed points and line attractors, from
        `neurorec.dynamics.fixed_points_of` and `line_attractor_of`, or anything with ``activity (point, unit)``.

    Returns
    -------
    xarray.Dataset
        ``trajectory (system, condition, time, component)``, the recording first, all in its principal components;
        ``variance (system, component)``, the share along each; ``distance``, ``held_out``, ``held_out_unwarped``
        and ``converged (system)``, NaN and True for the recording; ``place (system, time)``, the time of the system's
        own window (s, of its steps for means) that is shown at ``time`` (s, of the recording). With `points` also
        ``landmark (system, point, component)``, NaN where a system has fewer, and ``landmark_kind (system, point)``:
        "stable", "unstable", "slow", "line" or "".

    Raises
    ------
    InputError
        As `neurorec.comparison.compare`; for points of systems that are not there or of other units, or where the mean
        over conditions is taken off at every step, which points do not have.

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
    sides = {n: side_in(n, cut, names, scaled=scaled, by_step=centring == "step") for n, cut in cuts.items()}
    means = {name: side.means(side.weights()) for name, side in sides.items()}
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
    if points:
        over |= _landmarks({OWN: None, **dict(zip(systems, parts, strict=True))}, sides, points, centring, k)
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


def _landmarks(
    parts: Mapping[str, AlignedTrajectories | None],
    sides: Mapping[str, Side],
    points: Mapping[str, Sequence[xr.Dataset]],
    centring: str,
    n_components: int,
) -> dict[str, tuple]:
    """Points of systems in the components of the recording, and what each is."""
    unknown = [name for name in points if parts.get(name) is None]
    if unknown or centring == "step":
        found = first_offenders(unknown) or "centring='step'"
        expected = f"points of {first_offenders(list(parts)[1:])}, and centring='grand'"
        raise InputError("points", expected=expected, found=found, remedy="leave these out")
    most = max(sum(each.sizes["point"] for each in several) for several in points.values())
    landmark = np.full((len(parts), most, n_components), np.nan)
    kind = np.full((len(parts), most), "", dtype="<U8")
    for row, (name, part) in enumerate(parts.items()):
        side, at = sides[name], 0
        for each in points.get(name, ()):
            assert part is not None
            activity, here = each["activity"].transpose("point", ...).values, slice(at, at + each.sizes["point"])
            if activity.shape[1] <= side.units.max():
                expected = f"points of as many units as {name}"
                raise InputError("points", expected=expected, found=str(activity.shape[1]), remedy="take its own")
            landmark[row, here] = ((activity[:, side.units] / side.scale) @ part.loading + part.offset)[
                :, :n_components
            ]
            kind[row, here] = _kinds(each)
            at = here.stop
    return {"landmark": (("system", "point", "component"), landmark), "landmark_kind": (("system", "point"), kind)}


def _kinds(points: xr.Dataset) -> np.ndarray:
    """What each point is: of a line, or a fixed or slow point."""
    if "n_unstable" not in points:
        return np.full(points.sizes["point"], "line")
    fixed = np.where(points["n_unstable"].values == 0, "stable", "unstable")
    return np.where(points["converged"].values, fixed, "slow")


def _middles(trials: xr.Dataset) -> np.ndarray:
    """Of the steps, s after the event."""
    return trials["time"].values + trials.attrs["bin_width"] / 2


def _time_at(cut: xr.Dataset | np.ndarray, place: np.ndarray) -> np.ndarray:
    """Seconds in a system's window at places between its steps; the places themselves for means."""
    return np.interp(place, np.arange(cut.sizes["time"]), _middles(cut)) if isinstance(cut, xr.Dataset) else place
