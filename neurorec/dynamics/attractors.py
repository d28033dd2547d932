"""Continuous attractors: lines, rings and surfaces of slow points, told from the slow points that any network has."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.chains import Chain, chain
from neurorec.dynamics.fixed_points import find_fixed_points, spread
from neurorec.dynamics.linearisation import Linearisation, linearise
from neurorec.dynamics.rule import Function, as_rule
from neurorec.networks import System
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
    p_value : float
        Share of random matrices, of the same size, mean diagonal and variance of elements as the Jacobian in the
        middle, in which as many modes are set apart as far, the data counted in.
    n_aside : int
        Slow points that are not part of the chain.
    """

    kind: Kind
    points: NDArray[np.float64]
    position: NDArray[np.float64]
    length: float
    straightness: float
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
    gap: float = 3.0,
    n_null: int = 199,
    rng: np.random.Generator,
) -> LineAttractor:
    """Look for a line, ring or surface of slow points, and ask whether a random network would have one.

    From each start ``|F|`` is lowered until the state is slow; slow points nearer to each other than the resolution
    are one. At each of them modes are sorted by their rates ``|1 - lambda|`` (a flow: ``|lambda|``), and the dimension
    is the number of modes before the widest gap between rates, if the rate behind it is `gap` times that before it.
    An attractor has a dimension of 1 or more, five points or more, a length of at least 0.2 spreads of the starts,
    and ``p < 0.05`` against random matrices (Seung 1996, doi:10.1073/pnas.93.23.13339; Mante et al. 2013,
    doi:10.1038/nature12742).

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
        Random matrices.
    rng : numpy.random.Generator
        For these.

    Returns
    -------
    LineAttractor
        Of kind "none" where there is none; its other parts are then what was found instead.

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
    tol = 0.5 * (slowness * size) ** 2
    how = {"inputs": inputs, "jacobian": jacobian, "flow": flow}
    slow = find_fixed_points(step, starts, **how, tol=tol, tolerances=(tol,), resolution=resolution)
    if not len(slow.points):
        remedy = "begin nearer to it, or raise slowness"
        raise InputError("starts", expected="some that lead to slow points", found="none", remedy=remedy)
    line = chain(slow.points)
    about = linearise(step, slow.points, **how, dt=dt)
    rates = _rates(about.eigenvalues, flow)
    local = np.array([slow_modes(row, gap=gap) for row in rates])
    dimension = int(np.median(local))
    value = float(np.median(_gap(rates, max(dimension, 1))))
    null = _null(about.jacobians[line.order[len(line.order) // 2]], max(dimension, 1), flow, n_null, rng)
    p_value = float((1 + (null >= value).sum()) / (1 + n_null))
    surface = dimension > 1
    kept = np.arange(len(slow.points)) if surface else line.order
    length = _width(slow.points) if surface else line.length
    enough = len(kept) >= _FEWEST and length >= _SHORTEST * size
    kind: Kind = "none"
    if dimension > 0 and enough and p_value < _LEVEL:
        kind = "surface" if surface else "ring" if line.closed else "line"
    rule = as_rule(step, starts.shape[1], n_inputs=slow.inputs.shape[1], jacobian=jacobian, flow=flow, dt=dt)
    velocity = rule.velocity(slow.points[kept], slow.inputs[kept]) / (1.0 if flow else rule.dt)
    return LineAttractor(
        kind=kind,
        points=slow.points[kept],
        position=np.full(len(kept), np.nan) if surface else line.position,
        length=length,
        straightness=line.straightness,
        dimension=dimension,
        local_dimension=local[kept],
        drift=np.linalg.norm(velocity, axis=1) if surface else np.einsum("ij,ij->i", velocity, line.tangent),
        **_along(about, rates, kept, None if surface else line),
        gap=value,
        p_value=p_value,
        n_aside=len(slow.points) - len(kept),
    )


def slow_modes(rates: ArrayLike, *, gap: float = 3.0) -> int:
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


def _null(A: NDArray, dimension: int, flow: bool, n_null: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaps of random matrices."""
    n = len(A)
    middle = np.trace(A) / n * np.eye(n)
    scale = np.sqrt(((A - middle) ** 2).mean())
    drawn = (np.linalg.eigvals(middle + scale * rng.standard_normal((n, n))) for _ in range(n_null))
    return np.array([_gap(_rates(values, flow), dimension) for values in drawn])


def _width(points: NDArray) -> float:
    return float(np.linalg.norm(points[:, None] - points[None], axis=-1).max())


def _along(about: Linearisation, rates: NDArray, kept: NDArray, line: Chain | None) -> dict[str, NDArray]:
    """The slowest mode at each point, turned along the chain."""
    which = rates[kept].argmin(axis=1)
    right = about.right[kept, :, which]
    left = about.left[kept, which]
    turned = (
        right.real if line is None else right.real * np.sign(np.einsum("ij,ij->i", right.real, line.tangent))[:, None]
    )
    sign = np.where(np.einsum("ij,ij->i", turned, right.real) < 0, -1.0, 1.0)[:, None]
    selection = sign * left.real
    B = about.input_sensitivity[kept]
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.linalg.norm(selection, axis=1, keepdims=True) * np.linalg.norm(B, axis=1)
        effect = np.einsum("ij,ijk->ik", selection, B)
        cosine = effect / size
    none = np.full(len(kept), np.nan)
    return {
        "eigenvalue": about.eigenvalues[kept, which],
        "time_constant": about.time_constants[kept, which],
        "direction": sign * right.real,
        "selection": selection,
        "alignment": none if line is None else np.abs(np.einsum("ij,ij->i", right.real, line.tangent)),
        "input_effect": effect,
        "input_alignment": cosine,
    }
