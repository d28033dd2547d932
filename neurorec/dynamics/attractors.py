"""Continuous attractors: lines, rings and surfaces of slow points, told from the slow points that any network has."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.chains import Chain, chain
from neurorec.dynamics.fixed_points import FixedPoints, find_fixed_points, spread
from neurorec.dynamics.linearisation import Linearisation, linearise
from neurorec.dynamics.rule import Function, as_rule
from neurorec.dynamics.velocities import simple_cell
from neurorec.networks import Elman, Network, System, with_readout
from neurorec.recording import InputError

Kind = Literal["none", "line", "ring", "surface"]
_FEWEST = 5  # points of a chain
_SHORTEST = 0.2  # length of an attractor in spreads of the states
_MOST_DIMENSIONS = 4
_LEVEL = 0.05
_FLOOR = 1e-9  # rates below it are equal


@dataclass(frozen=True)
class LineAttractor:
    """What `find_line_attractor` returns; points in their order along the line.

    Attributes
    ----------
    kind : {"none", "line", "ring", "surface"}
        What it is: a line or a ring of one dimension, by whether its chain of points closes; a surface of more.
    points : ndarray (point, state)
        The slow points, along the chain; of a surface, all of them.
    position : ndarray (point,)
        Along the chain, in units of the state; NaN of a surface.
    length : float
        Of the chain; the largest distance of two points of a surface.
    straightness : float
        Distance of the chain's ends in its length: 1 of a straight line.
    largest_gap : float
        Largest distance of neighbours along the chain in its length: a line in pieces has a large one; NaN of a
        surface.
    dimension : int
        Modes that are set apart as slow, the median over points; 0 where there is no gap behind any.
    local_dimension : ndarray of int (point,)
        The same at each point.
    drift : ndarray (point,)
        Speed along the chain, per time of `dt` or of the flow; its sign that of `position`. Of a surface, whole speeds.
    eigenvalue : ndarray (point,)
        The one nearest 1 (0 of a flow).
    time_constant : ndarray (point,)
        Of it, s where dt is; negative where it grows.
    alignment : ndarray (point,)
        ``|cos|`` of the angle between its eigenvector and the chain; NaN of a surface.
    direction, selection : ndarray (point, state)
        Its right and left eigenvector r and l, along the chain, ``l r = 1``, ``|r| = 1``; real parts.
    input_effect : ndarray (point, input)
        ``l dF/du``: how far a unit of each input moves the state along r in a step (per unit of time of a flow).
    input_alignment : ndarray (point, input)
        Cosine of the angle between l and dF/du.
    gap : float
        Median over points of the rate behind the slow modes in that of the last slow one, ``|1 - lambda|`` (a flow:
        ``|lambda|``); without slow modes, behind the first mode.
    score : float
        ``length / spread (1 - 1 / gap)``: how far slow points reach, in spreads of the starts.
    p_value : float
        Share of random networks with a score as high, this one counted in.
    n_aside : int
        Slow points that are not part of the chain.
    """

    kind: Kind
    points: NDArray[np.float64]
    position: NDArray[np.float64]
    length: float
    straightness: float
    largest_gap: float
    dimension: int
    local_dimension: NDArray[np.int64]
    drift: NDArray[np.float64]
    eigenvalue: NDArray[np.complex128]
    time_constant: NDArray[np.float64]
    alignment: NDArray[np.float64]
    direction: NDArray[np.float64]
    selection: NDArray[np.float64]
    input_effect: NDArray[np.float64]
    input_alignment: NDArray[np.float64]
    gap: float
    score: float
    p_value: float
    n_aside: int


def find_line_attractor(
    step: System | Function,
    starts: ArrayLike,
    *,
    inputs: ArrayLike | None = None,
    jacobian: Function | None = None,
    flow: bool = False,
    dt: float | None = None,
    slowness: float = 1e-3,
    resolution: float = 0.05,
    gap: float = 2.0,
    n_null: int = 39,
    rng: np.random.Generator,
) -> LineAttractor:
    """Look for a line, ring or surface of slow points, and ask whether a random network would have one.

    From each start ``|F|`` is lowered until the state is slow; slow points nearer to each other than the resolution
    are one. At each of them modes are sorted by their rates ``|1 - lambda|`` (a flow: ``|lambda|``), and the dimension
    is the number of modes before the widest gap between rates, if the rate behind it is `gap` times that before it.
    An attractor has a dimension of 1 or more, five points or more, a length of at least 0.2 spreads of the starts,
    and ``p <= 0.05`` (Seung 1996, doi:10.1073/pnas.93.23.13339; Mante et al. 2013, doi:10.1038/nature12742).

    A single eigenvalue near 1 is no wonder where the gain is 1 or above; that it stays there along a line is. The score
    is therefore compared with that of random networks, searched in the same way from the same starts: an Elman or
    leaky network whose recurrent weights have the same singular values between random directions (a network that began
    as a rotation is compared with rotations); of anything else, linear networks about the slow point in the middle,
    whose Jacobian keeps its mean diagonal and the singular values of the rest.

    Parameters
    ----------
    step : System or callable
        See `neurorec.dynamics.as_rule`.
    starts : array-like (start, state)
        Where to begin, such as `neurorec.dynamics.sample_starts` of trajectories.
    inputs : array-like (input,), optional
        Held constant, such as the cue of a context; by default 0.
    jacobian, flow, dt
        See `neurorec.dynamics.as_rule`.
    slowness : float
        ``|F|`` at which a state is slow: spreads of the starts per step, or per unit of time of a flow.
    resolution : float
        Least distance of slow points, in spreads.
    gap : float
        Least ratio of rates that sets slow modes apart.
    n_null : int
        Random networks; 19 or more can tell anything.
    rng : numpy.random.Generator
        For these.

    Returns
    -------
    LineAttractor
        Of kind "none" where there is none; its other parts are then what was found instead: nothing, with p 1, where
        no start led to a slow point (begin nearer to it, or raise `slowness`).

    Raises
    ------
    InputError
        For several sets of inputs, and where nothing is slow.

    Examples
    --------
    >>> A, rng = np.diag([1.0, 0.5, 0.4]), np.random.default_rng(0)                # remembers its first state
    >>> found = find_line_attractor(lambda x, u: x @ A, rng.standard_normal((100, 3)), rng=rng)
    >>> found.kind, found.dimension, round(found.straightness, 3), bool(found.time_constant.min() > 1e6)
    ('line', 1, 1.0, True)
    """
    starts = np.array(starts, dtype=float, ndmin=2)
    if inputs is not None and np.asarray(inputs).ndim != 1:
        found = f"shape {np.asarray(inputs).shape}"
        raise InputError("inputs", expected="one set (input,)", found=found, remedy="look for one attractor a context")
    size = spread(starts)
    settings: dict[str, Any] = {"tol": 0.5 * (slowness * size) ** 2, "resolution": resolution}
    how: dict[str, Any] = {"inputs": inputs, "jacobian": jacobian, "flow": flow}
    slow = find_fixed_points(step, starts, **how, **settings, tolerances=())
    if not len(slow.points):
        return _nothing(starts.shape[1], slow.inputs.shape[1])
    seen = _look(slow, gap, size)
    null = [
        _look(find_fixed_points(other, starts, inputs=by, **settings, tolerances=()), gap, size).score
        for other, by in _random_networks(step, slow, inputs, n_null, rng)
    ]
    p_value = (1 + sum(score >= seen.score for score in null)) / (1 + n_null)
    surface = seen.dimension > 1
    kept = np.arange(len(slow.points)) if surface else seen.line.order
    enough = len(kept) >= _FEWEST and seen.length >= _SHORTEST * size
    kind: Kind = "none"
    if seen.dimension > 0 and enough and p_value <= _LEVEL:
        kind = "surface" if surface else "ring" if seen.line.closed else "line"
    about = linearise(step, slow.points[kept], **how, dt=dt)
    rule = as_rule(step, starts.shape[1], n_inputs=slow.inputs.shape[1], jacobian=jacobian, flow=flow, dt=dt)
    velocity = rule.velocity(slow.points[kept], slow.inputs[kept]) / (1.0 if flow else rule.dt)
    return LineAttractor(
        kind=kind,
        points=slow.points[kept],
        position=np.full(len(kept), np.nan) if surface else seen.line.position,
        length=seen.length,
        straightness=seen.line.straightness,
        largest_gap=float("nan") if surface else _largest_gap(seen.line),
        dimension=seen.dimension,
        local_dimension=seen.local[kept],
        drift=np.linalg.norm(velocity, axis=1) if surface else np.einsum("ij,ij->i", velocity, seen.line.tangent),
        **_along(about, None if surface else seen.line),
        gap=seen.gap,
        score=seen.score,
        p_value=p_value,
        n_aside=len(slow.points) - len(kept),
    )


def _nothing(n_states: int, n_inputs: int) -> LineAttractor:
    """What there is where no state is slow."""
    none, modes = np.zeros(0), np.zeros((0, n_states))
    return LineAttractor(
        kind="none",
        points=modes,
        position=none,
        length=0.0,
        straightness=np.nan,
        largest_gap=np.nan,
        dimension=0,
        local_dimension=np.zeros(0, dtype=np.int64),
        drift=none,
        eigenvalue=np.zeros(0, dtype=complex),
        time_constant=none,
        alignment=none,
        direction=modes,
        selection=modes,
        input_effect=np.zeros((0, n_inputs)),
        input_alignment=np.zeros((0, n_inputs)),
        gap=1.0,
        score=0.0,
        p_value=1.0,
        n_aside=0,
    )


class _Seen(NamedTuple):
    """What slow points look like."""

    line: Chain
    local: NDArray[np.int64]  # (point,) dimension
    dimension: int
    gap: float
    length: float
    score: float


def _look(slow: FixedPoints, gap: float, size: float) -> _Seen:
    if not len(slow.points):
        return _Seen(chain(slow.points), np.zeros(0, dtype=np.int64), 0, 1.0, 0.0, 0.0)
    line, rates = chain(slow.points), _rates(slow.eigenvalues, slow.flow)
    local = np.array([slow_modes(row, gap=gap) for row in rates])
    dimension = int(np.median(local))
    value = float(np.median(_gap(rates, max(dimension, 1))))
    length = line.length if dimension < 2 else _width(slow.points)
    return _Seen(line, local, dimension, value, length, length / size * (1 - 1 / value))


def slow_modes(rates: ArrayLike, *, gap: float = 2.0) -> int:
    """Modes before the widest gap among the first of some rates ``(mode,)``, 0 where none is wide enough.

    Examples
    --------
    >>> slow_modes([0.01, 0.4, 0.5, 0.9]), slow_modes([0.02, 0.01, 0.8]), slow_modes([0.3, 0.4, 0.5])
    (1, 2, 0)
    """
    rates = np.sort(np.maximum(np.asarray(rates, dtype=float), _FLOOR))
    ratio = rates[1 : _MOST_DIMENSIONS + 1] / rates[: len(rates[1 : _MOST_DIMENSIONS + 1])]
    return int(ratio.argmax()) + 1 if ratio.size and ratio.max() >= gap else 0


def _rates(eigenvalues: NDArray, flow: bool) -> NDArray[np.float64]:
    """How far from standing still each mode is ``(..., mode)``."""
    return np.abs(eigenvalues if flow else 1 - eigenvalues)


def _gap(rates: NDArray, dimension: int) -> NDArray[np.float64]:
    """The rate behind the first modes in that of the last of them ``(...)``."""
    rates = np.sort(np.maximum(rates, _FLOOR), axis=-1)
    if rates.shape[-1] <= dimension:
        return np.ones(rates.shape[:-1])
    return rates[..., dimension] / rates[..., dimension - 1]


def _random_networks(
    step: System | Function, slow: FixedPoints, inputs: ArrayLike | None, n_null: int, rng: np.random.Generator
) -> Iterator[tuple[Network, ArrayLike | None]]:
    """Networks of the same size and gain, and their inputs."""
    cell = simple_cell(step)
    for _ in range(n_null):
        if cell is not None:
            weights = _turned(np.asarray(cell.recurrent, dtype=float), rng)
            yield with_readout(replace(cell, recurrent=jnp.asarray(weights, dtype=jnp.float32)), 1, rng=rng), inputs
            continue
        middle = len(slow.points) // 2  # in the order of their starts, as good as any
        A, point = slow.jacobians[middle] + slow.flow * np.eye(slow.points.shape[1]), slow.points[middle]
        mean = np.trace(A) / len(A) * np.eye(len(A))
        A = mean + _turned(A - mean, rng)
        parts = (jnp.asarray(values, dtype=jnp.float32) for values in (A, np.zeros((len(A), 1)), point - A @ point))
        yield with_readout(Elman(*parts, nonlinearity="linear"), 1, rng=rng), None


def _turned(weights: NDArray, rng: np.random.Generator) -> NDArray[np.float64]:
    """Weights of the same singular values, between other directions."""
    size = np.linalg.svd(weights, compute_uv=False)
    left, right = np.linalg.qr(rng.standard_normal((2, *weights.shape)))[0]  # signs do not matter: Q diag(s) Q'
    return (left * size * rng.choice([-1.0, 1.0], size.size)) @ right.T


def _largest_gap(line: Chain) -> float:
    steps = np.diff(line.position)
    back = line.length - line.position[-1]
    return float(max(steps.max(), back) / line.length) if steps.size else 1.0


def _width(points: NDArray) -> float:
    return float(np.linalg.norm(points[:, None] - points[None], axis=-1).max())


def _along(about: Linearisation, line: Chain | None) -> dict[str, Any]:
    """The slowest mode at each point, turned along the chain."""
    which, kept = _rates(about.eigenvalues, about.flow).argmin(axis=1), np.arange(len(about.eigenvalues))
    right = about.right[kept, :, which]
    left = about.left[kept, which]
    cosine = np.ones(len(kept)) if line is None else np.einsum("ij,ij->i", right.real, line.tangent)
    sign = np.where(cosine < 0, -1.0, 1.0)[:, None]
    selection = sign * left.real
    B = about.input_sensitivity
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.linalg.norm(selection, axis=1, keepdims=True) * np.linalg.norm(B, axis=1)
        effect = np.einsum("ij,ijk->ik", selection, B)
        reached = effect / size
    return {
        "eigenvalue": about.eigenvalues[kept, which],
        "time_constant": about.time_constants[kept, which],
        "direction": sign * right.real,
        "selection": selection,
        "alignment": np.full(len(kept), np.nan) if line is None else np.abs(cosine),
        "input_effect": effect,
        "input_alignment": reached,
    }
