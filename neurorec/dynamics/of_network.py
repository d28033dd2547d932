"""Fixed points and line attractors of a network that does a task, labelled, among its trajectories."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.attractors import find_line_attractor
from neurorec.dynamics.fixed_points import FixedPoints, find_fixed_points, sample_starts
from neurorec.dynamics.linearisation import eigenmodes
from neurorec.networks import System, run
from neurorec.recording import InputError
from neurorec.tasks import check_trials

_SHOWN = 20  # trajectories that are kept
_DIRECTIONS = 2  # unstable ones that are kept


def fixed_points_of(
    network: System,
    trials: xr.Dataset,
    *,
    inputs: ArrayLike | None = None,
    n_starts: int = 512,
    noise: float = 0.25,
    tol: float = 1e-25,
    resolution: float = 0.05,
    between: bool = False,
    n_components: int = 3,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Fixed and slow points of a network, searched from the states that it goes through in trials.

    Parameters
    ----------
    network : System
        Trained or not.
    trials : xarray.Dataset
        Of a task, see `neurorec.tasks.check_trials`.
    inputs : array-like (input,) or (set, input), optional
        Held constant: one set, or several under each of which every start is begun; by default 0.
    n_starts : int
        Starts, drawn from the steps of trials.
    noise : float
        Of the starts, see `sample_starts`.
    tol, resolution, between
        See `find_fixed_points`.
    n_components : int
        Principal components of the states in the trials.
    rng : numpy.random.Generator
        For the starts.

    Returns
    -------
    xarray.Dataset
        Over ``point``: ``state (point, state_index)``, ``activity (point, unit)``, ``outputs (point, output)``,
        ``inputs (point, input)``, ``q``, ``kind``, ``converged``, ``n_unstable``, ``n_starts``; ``eigenvalue (point,
        mode, part)``, parts "real" and "imaginary"; ``score (point, component)``; ``unstable_direction (point,
        direction, component)``, real parts of the first two, NaN where there are fewer. ``trajectory (path, time,
        component)`` of some trials; ``loading (component, state_index)``, ``mean (state_index)`` and ``explained
        (component)``, the share of the variance; ``saturation (n_started)``. ``attrs``: ``task``, ``network``, ``dt``
        (s), ``flow`` (0), ``n_failed``, starts that led nowhere by why.

    Raises
    ------
    InputError
        For trials of other channels than the network's, and more components than states.

    Examples
    --------
    >>> from neurorec.networks import Elman, with_readout
    >>> from neurorec.tasks import FlipFlop
    >>> rng = np.random.default_rng(0)
    >>> network = with_readout(Elman.random(3, 8, gain=0.5, rng=rng), 3, rng=rng)
    >>> found = fixed_points_of(network, FlipFlop().sample(4, rng=rng), n_starts=50, rng=rng)
    >>> found["q"].dims, found["n_unstable"].values.tolist()
    (('point',), [0])
    """
    plane = _components(network, trials, n_components)
    starts = sample_starts(plane.seen, n_starts, noise=noise, rng=rng)
    given = None if inputs is None else np.asarray(inputs, dtype=float)
    grid = given is not None and given.ndim == 2
    points = find_fixed_points(
        network, starts, inputs=given, grid=grid, tol=tol, resolution=resolution, between=between
    )
    found = {
        "score": (("point", "component"), (points.points - plane.mean) @ plane.loading.T),
        "unstable_direction": (("point", "direction", "component"), _directions(points) @ plane.loading.T),
        "saturation": ("n_started", points.saturation),
    }
    labelled = _label(network, trials, points).assign(found | plane.variables())
    numbers = np.arange(1, len(points.saturation) + 1)
    return labelled.assign_coords(plane.coords(trials) | {"n_started": numbers})


def line_attractor_of(
    network: System,
    trials: xr.Dataset,
    *,
    inputs: ArrayLike | None = None,
    n_starts: int = 400,
    noise: float = 0.0,
    slowness: float = 1e-3,
    n_null: int = 39,
    n_components: int = 3,
    rng: np.random.Generator,
) -> xr.Dataset:
    """The line, ring or surface of slow points of a network that holds something in mind, labelled.

    Parameters
    ----------
    network : System
        Trained or not.
    trials : xarray.Dataset
        Of a task, see `neurorec.tasks.check_trials`.
    inputs : array-like (input,), optional
        Held constant, such as the cue of a context; by default 0.
    n_starts, noise
        Drawn from the steps of trials, see `sample_starts`.
    slowness, n_null
        See `find_line_attractor`.
    n_components : int
        Principal components of the states in the trials.
    rng : numpy.random.Generator
        For the starts and the random networks.

    Returns
    -------
    xarray.Dataset
        Over ``point``, in their order along it: ``state (point, state_index)``, ``activity (point, unit)``, ``outputs
        (point, output)``, ``position``, ``drift`` (per s), ``time_constant`` (s), ``alignment``, ``local_dimension``,
        ``input_effect`` and ``input_alignment (point, input)``, ``score (point, component)``; ``trajectory``,
        ``loading``, ``mean`` and ``explained`` as `fixed_points_of`. ``attrs``: ``kind``, ``dimension``, ``length``,
        ``straightness``, ``largest_gap``, ``gap``, ``line_score``, ``p_value``, ``n_aside``, ``task``, ``network``,
        ``dt`` (s).

    Raises
    ------
    InputError
        As `fixed_points_of` and `find_line_attractor`.

    Examples
    --------
    >>> from neurorec.networks import Leaky, with_readout
    >>> from neurorec.tasks import OculomotorIntegrator
    >>> rng = np.random.default_rng(0)
    >>> network = with_readout(Leaky.random(1, 8, gain=0.5, rng=rng), 1, rng=rng)
    >>> found = line_attractor_of(network, OculomotorIntegrator().sample(4, rng=rng), n_null=1, rng=rng)
    >>> found.attrs["kind"], found["input_effect"].dims
    ('none', ('point', 'input'))
    """
    plane = _components(network, trials, n_components)
    starts = sample_starts(plane.seen, n_starts, noise=noise, rng=rng)
    line = find_line_attractor(network, starts, inputs=inputs, slowness=slowness, n_null=n_null, rng=rng)
    found = {
        "state": (("point", "state_index"), line.points),
        "activity": (("point", "unit"), np.asarray(network.activity(line.points.astype(np.float32)))),  # type: ignore[arg-type]
        "outputs": (("point", "output"), np.asarray(network.readout(line.points.astype(np.float32)))),  # type: ignore[arg-type]
        "position": ("point", line.position),
        "drift": ("point", line.drift),
        "time_constant": ("point", line.time_constant, {"units": "s"}),
        "alignment": ("point", line.alignment),
        "local_dimension": ("point", line.local_dimension),
        "input_effect": (("point", "input"), line.input_effect),
        "input_alignment": (("point", "input"), line.input_alignment),
        "score": (("point", "component"), (line.points - plane.mean) @ plane.loading.T),
    }
    names = ("kind", "dimension", "length", "straightness", "largest_gap", "gap", "p_value", "n_aside")
    attrs = {name: getattr(line, name) for name in names} | {"line_score": line.score}
    coords = plane.coords(trials) | {"input": trials["input"].values, "output": trials["output"].values}
    return xr.Dataset(found | plane.variables(), coords=coords, attrs=attrs | _about(network, trials))


class _Components(NamedTuple):
    """Principal components of a network's states in trials."""

    seen: NDArray[np.float64]  # (step, state)
    mean: NDArray[np.float64]  # (state,)
    loading: NDArray[np.float64]  # (component, state)
    explained: NDArray[np.float64]  # (component,)
    paths: NDArray[np.float64]  # (path, time, component), NaN after the end

    def variables(self) -> dict[str, tuple]:
        """As they are in a Dataset."""
        return {
            "trajectory": (("path", "time", "component"), self.paths),
            "loading": (("component", "state_index"), self.loading),
            "mean": ("state_index", self.mean),
            "explained": ("component", self.explained),
        }

    def coords(self, trials: xr.Dataset) -> dict[str, NDArray]:
        """Of these."""
        return {"component": np.arange(1, len(self.loading) + 1), "time": trials["time"].values}


def _components(network: System, trials: xr.Dataset, n_components: int) -> _Components:
    check_trials(trials)
    n_states = network.initial_state.shape[-1]
    if trials.sizes["input"] != network.n_inputs or not 0 < n_components <= n_states:
        found = f"{trials.sizes['input']} inputs, {n_components} components"
        expected = f"{network.n_inputs} inputs and 1 to {n_states} components, as the network has"
        raise InputError("trials", expected=expected, found=found, remedy="build the network for this task")
    states = np.asarray(run(network, np.swapaxes(trials["inputs"].values, 0, 1)), dtype=float)
    inside = trials["time"].values[:, None] < trials["duration"].values[None] - 1e-9
    seen = states[inside]
    mean = seen.mean(axis=0)
    _, size, loading = np.linalg.svd(seen - mean, full_matrices=False)
    loading, explained = loading[:n_components], (size**2 / (size**2).sum())[:n_components]
    loading = loading * np.where(loading.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    paths = np.where(inside[:, :_SHOWN, None], (states[:, :_SHOWN] - mean) @ loading.T, np.nan)
    return _Components(seen, mean, loading, explained, np.swapaxes(paths, 0, 1))


def _about(network: System, trials: xr.Dataset) -> dict[str, str | float]:
    kind = type(getattr(network, "cell", network)).__name__
    return {"task": str(trials.attrs.get("task", "")), "network": kind, "dt": float(trials.attrs["dt"])}


def _label(network: System, trials: xr.Dataset, points: FixedPoints) -> xr.Dataset:
    failed = [
        f"{word}: {(points.status == word).sum()}" for word in np.unique(points.status[points.point_of_start < 0])
    ]
    eigenvalue = np.stack([points.eigenvalues.real, points.eigenvalues.imag], axis=-1)
    return xr.Dataset(
        {
            "state": (("point", "state_index"), points.points),
            "activity": (("point", "unit"), np.asarray(network.activity(points.points.astype(np.float32)))),  # type: ignore[arg-type]
            "outputs": (("point", "output"), np.asarray(network.readout(points.points.astype(np.float32)))),  # type: ignore[arg-type]
            "inputs": (("point", "input"), points.inputs),
            "q": ("point", points.q),
            "kind": ("point", points.kind),
            "converged": ("point", points.converged),
            "n_unstable": ("point", points.n_unstable),
            "n_starts": ("point", points.n_starts),
            "eigenvalue": (("point", "mode", "part"), eigenvalue),
        },
        coords={"part": ["real", "imaginary"], "input": trials["input"].values, "output": trials["output"].values},
        attrs=_about(network, trials) | {"flow": int(points.flow), "n_failed": ", ".join(failed) or "none"},
    )


def _directions(points: FixedPoints) -> NDArray[np.float64]:
    """Real parts of the first unstable eigenvectors ``(point, direction, state)``, NaN where there are fewer."""
    out = np.full((len(points.points), _DIRECTIONS, points.points.shape[1]), np.nan)
    for k in np.flatnonzero(points.n_unstable > 0):
        right = eigenmodes(points.jacobians[k], flow=points.flow).right.real
        n = min(_DIRECTIONS, points.n_unstable[k])
        out[k, :n] = right[:, :n].T
    return out
