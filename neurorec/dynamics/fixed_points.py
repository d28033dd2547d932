"""Fixed and slow points of anything that steps: where they are, what they are, and whether all were found."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from neurorec.dynamics.merging import merge_groups
from neurorec.dynamics.rule import Function, as_rule, check_states
from neurorec.dynamics.searching import FAR, FIXED, LOST, SPENT, STALLED, STATUS, Search, search
from neurorec.dynamics.velocities import UnitVelocity, Velocity, simple_cell, velocity_of
from neurorec.networks import System
from neurorec.recording import InputError

_SEARCHED = 1e-9  # speed at which the search in float32 ends, which cannot come much further
_PAIRS = 512
_ONE = 5e-5  # of the starts' spread: distance at which fixed points are one, however they were come to
_HIGH = "speed above the tolerances"


@dataclass(frozen=True)
class FixedPoints:
    """What `find_fixed_points` found; points that more starts led to come first.

    Attributes
    ----------
    points : ndarray (point, state)
        Where.
    q : ndarray (point,)
        ``|F|^2 / 2``.
    kind : ndarray of str (point,)
        "fixed" where q is at most `tol`; "slow 1e-06" and the like by the least of the tolerances that q is below.
    converged : ndarray of bool (point,)
        Whether q is at most `tol`.
    inputs : ndarray (point, input)
        Under which inputs.
    jacobians : ndarray (point, state after, state before)
        Of the next state; of the velocity for a flow.
    n_starts : ndarray of int (point,)
        Starts that led to it.
    point_of_start : ndarray of int (start,)
        Which point each start led to, -1 where none. With a grid, all starts under the first inputs come first.
    status : ndarray of str (start,)
        How each ended: "fixed" or "slow"; "out of steps", "out of bounds", "not finite", or "speed above the
        tolerances".
    saturation : ndarray (number,)
        Points expected from 1, 2, ... of the starts, averaged over all choices of them: a curve that has not become
        flat says that more starts would find more.
    flow : bool
        Whether it is a flow.
    """

    points: NDArray[np.float64]
    q: NDArray[np.float64]
    kind: NDArray[np.str_]
    converged: NDArray[np.bool_]
    inputs: NDArray[np.float64]
    jacobians: NDArray[np.float64]
    n_starts: NDArray[np.int64]
    point_of_start: NDArray[np.int64]
    status: NDArray[np.str_]
    saturation: NDArray[np.float64]
    flow: bool

    @cached_property
    def eigenvalues(self) -> NDArray[np.complex128]:
        """Of the Jacobians ``(point, state)``, the least stable first; computed when first asked for."""
        values = np.linalg.eigvals(self.jacobians).astype(complex)
        growth = values.real if self.flow else np.abs(values)
        return np.take_along_axis(values, np.argsort(-growth, axis=-1, kind="stable"), axis=-1)

    @cached_property
    def n_unstable(self) -> NDArray[np.int64]:
        """Directions ``(point,)`` that lead away: ``|lambda| > 1`` of a map, ``Re lambda > 0`` of a flow."""
        return count_unstable(self.eigenvalues, flow=self.flow)

    @property
    def stable(self) -> NDArray[np.bool_]:
        """Points without such a direction ``(point,)``."""
        return self.n_unstable == 0


def find_fixed_points(
    step: System | Function,
    starts: ArrayLike,
    *,
    inputs: ArrayLike | None = None,
    grid: bool = False,
    jacobian: Function | None = None,
    flow: bool = False,
    tol: float = 1e-25,
    tolerances: tuple[float, ...] = (1e-4, 1e-5, 1e-6),
    resolution: float = 0.05,
    bound: float = np.inf,
    max_steps: int = 200,
    between: bool = False,
) -> FixedPoints:
    """Points at which a map or flow stands still, or nearly: local minima of ``q(x) = |F(x, u)|^2 / 2``.

    ``F = G(x, u) - x`` of a map, ``F = dx/dt`` of a flow (Sussillo & Barak 2013, doi:10.1162/NECO_a_00409). From each
    start q is lowered by damped Gauss-Newton steps in float32; starts that meet are followed as one, so that many cost
    little more than few; what is left of them is finished in float64, and merged again.

    Parameters
    ----------
    step : System or callable
        See `neurorec.dynamics.as_rule`.
    starts : array-like (start, state)
        Where to begin, such as `sample_starts` of trajectories.
    inputs : array-like (input,), (start, input) or (set, input), optional
        Held constant: for all starts, for each of them, or with ``grid=True`` sets of them. By default 0.
    grid : bool
        Whether every start is begun under every set of inputs.
    jacobian : callable, optional
        Of a callable: ``(state, inputs) -> (state after, state before)`` at one state; see `neurorec.dynamics.as_rule`.
    flow : bool
        Whether the callable gives a velocity.
    tol : float
        Speed q of a fixed point, at which a search ends. A larger one, such as 1e-6, leaves searches where they
        became slow: a line attractor is then covered with slow points, where the exact search goes on along it.
    tolerances : tuple of float
        Speeds below which what is not fixed is slow; above all of them it is left out.
    resolution : float
        Distance at which searches are followed as one, in units of the starts' spread (root mean squared distance from
        their mean). Nearer points can still be told apart, if searches come to them from different sides; with 0 every
        start is followed by itself to the end, which finds most and takes longest.
    bound : float
        Distance from its start at which a search is given up, in the same unit.
    max_steps : int
        Most steps, in either precision.
    between : bool
        Whether to begin once more, half-way between any two of the points found (at most 512 pairs, those of fixed
        points first, nearer ones first): saddles often lie there that no trajectory comes near to. Points that only
        this led to have ``n_starts`` 0 and are not in the curve of saturation.

    Returns
    -------
    FixedPoints
        The record; nothing that was given is changed.

    Raises
    ------
    InputError
        For states and inputs that do not fit, no starts, or a tolerance that is not positive.

    Examples
    --------
    >>> found = find_fixed_points(lambda x, u: x - x**3, np.linspace(-2, 2, 9)[:, None], flow=True)
    >>> order = np.argsort(found.points[:, 0])
    >>> found.points[order, 0].round(9).tolist(), found.n_unstable[order].tolist()
    ([-1.0, 0.0, 1.0], [0, 1, 0])
    """
    if not (tol > 0 and all(t > 0 for t in tolerances) and resolution >= 0 and bound > 0 and max_steps > 0):
        found = f"tol {tol}, tolerances {tolerances}, resolution {resolution}, bound {bound}, max_steps {max_steps}"
        raise InputError("tol", expected="positive numbers", found=found, remedy="see find_fixed_points")
    states, given, velocity, first = _begin(step, starts, inputs, grid, jacobian, flow)
    size = spread(states)
    settings: dict[str, Any] = {"tol": tol, "radius": resolution * size, "bound": bound * size, "max_steps": max_steps}
    ended, of_start = _two_stages(velocity, first, states, given, settings)
    collect = partial(
        _collect, velocity(np.float64), flow, of_start, tol, np.sort(tolerances), (_ONE * size, resolution * size)
    )
    found = collect(*ended)
    if between:
        middle, by = _midpoints(found)
        more, _ = _two_stages(velocity, first, middle, by, settings)
        found = collect(_joined(ended[0], more[0]), np.concatenate([ended[1], more[1]]))
    return found


def sample_starts(states: ArrayLike, n_starts: int, *, noise: float = 0.0, rng: np.random.Generator) -> NDArray:
    """Draw starts from trajectories, without repeating any while there are enough.

    Parameters
    ----------
    states : array-like (..., state)
        Of trajectories; leading axes, such as time and trial, are taken as one.
    n_starts : int
        How many.
    noise : float
        Standard deviation of what is added to each state, normal, in units of the states' spread per dimension: it
        brings starts to points that trajectories pass by at a distance, such as saddles with many unstable directions.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    ndarray (start, state)
        float64.

    Examples
    --------
    >>> sample_starts(np.arange(12.0).reshape(2, 3, 2), 4, rng=np.random.default_rng(0)).shape
    (4, 2)
    """
    states = np.asarray(states, dtype=float)
    states = states.reshape(-1, states.shape[-1])
    if n_starts < 1 or not len(states) or noise < 0:
        found = f"{n_starts} of {len(states)} states, noise {noise}"
        raise InputError("n_starts", expected="one or more, noise at least 0", found=found, remedy="pass trajectories")
    chosen = states[rng.choice(len(states), n_starts, replace=n_starts > len(states))]
    return chosen + noise * spread(states) / np.sqrt(states.shape[1]) * rng.standard_normal(chosen.shape)


def spread(states: NDArray) -> float:
    """Root mean squared distance of states ``(point, state)`` from their mean; their size, or 1, where it is 0."""
    apart = np.sqrt(((states - states.mean(axis=0)) ** 2).sum(axis=1).mean())
    return float(apart or np.sqrt((states**2).sum(axis=1).mean()) or 1.0)


def count_unstable(eigenvalues: NDArray, *, flow: bool) -> NDArray[np.int64]:
    """Eigenvalues ``(..., state)`` along which a state moves away, by a map or a flow ``(...)``."""
    return ((eigenvalues.real > 0) if flow else (np.abs(eigenvalues) > 1)).sum(axis=-1)


def saturation(n_starts_of_point: ArrayLike, n_starts: int) -> NDArray[np.float64]:
    """Points expected from 1 to `n_starts` starts drawn without replacement ``(number,)``.

    ``sum_i 1 - C(n - n_i, k) / C(n, k)``, n_i the starts that led to point i (Hurlbert 1971, doi:10.2307/1934145).

    Examples
    --------
    >>> saturation([2, 1], 3).round(3).tolist()
    [1.0, 1.667, 2.0]
    """
    rest, k = n_starts - np.asarray(n_starts_of_point, dtype=int), np.arange(1, n_starts + 1)
    factorials = gammaln(np.arange(1, n_starts + 2))
    missed = np.zeros(n_starts)
    for left in rest:  # points that none of k starts leads to
        few = k[:left]
        missed[:left] += np.exp(
            factorials[left] - factorials[left - few] - factorials[n_starts] + factorials[n_starts - few]
        )
    return len(rest) - missed


def _begin(
    step: System | Function,
    starts: ArrayLike,
    inputs: ArrayLike | None,
    grid: bool,
    jacobian: Callable | None,
    flow: bool,
) -> tuple[NDArray, NDArray, Callable[[Any], Velocity], Any]:
    """Starts and inputs, one each, the velocity by precision, and the precision to begin with."""
    starts = np.array(starts, dtype=float, ndmin=2)
    if starts.ndim != 2 or not starts.size:
        found = f"shape {starts.shape}"
        raise InputError("starts", expected="states (start, state)", found=found, remedy="see sample_starts")
    inputs = None if inputs is None else np.asarray(inputs, dtype=float)
    if grid:
        if inputs is None or inputs.ndim != 2:
            found = "none" if inputs is None else f"shape {inputs.shape}"
            raise InputError("inputs", expected="a grid (set, input)", found=found, remedy="or leave out grid")
        sets = len(inputs)
        inputs, starts = np.repeat(inputs, len(starts), axis=0), np.tile(starts, (sets, 1))
    cell = None if flow or jacobian is not None else simple_cell(step)
    if cell is not None and inputs is None and starts.shape[1] == cell.n_states and np.isfinite(starts).all():
        # nothing to follow by JAX, which would take longer than the search of a small network
        return starts, np.zeros((len(starts), cell.n_inputs)), partial(UnitVelocity, cell), np.float32
    n_inputs = 0 if inputs is None else inputs.shape[-1]
    rule = as_rule(step, starts.shape[1], n_inputs=n_inputs, jacobian=jacobian, flow=flow)
    first = np.float32 if rule.traceable else np.float64
    return *check_states(rule, starts, inputs, name="starts"), partial(velocity_of, step, rule), first


def _two_stages(
    velocity: Callable[[Any], Velocity], first: Any, states: NDArray, inputs: NDArray, settings: dict[str, Any]
) -> tuple[tuple[Search, NDArray], NDArray[np.int64]]:
    """Searches that were followed to the end, with their inputs, and which of them each start is."""
    groups = _groups(inputs)
    roughly: dict[str, Any] = settings | {"tol": max(settings["tol"], _SEARCHED)}
    rough = search(velocity(first), states.astype(first), inputs.astype(first), groups=groups, **roughly)
    leaders = np.unique(rough.leader)
    lost = np.isin(rough.status[leaders], (FAR, LOST))
    begin = np.where(lost[:, None], states[leaders], rough.states[leaders])
    exactly: dict[str, Any] = settings | {"radius": 0.0, "bound": np.inf}
    fine = search(velocity(np.float64), begin, inputs[leaders], groups=groups[leaders], exact=True, **exactly)
    fine = fine._replace(status=np.where(lost, rough.status[leaders], fine.status), leader=leaders)
    return (fine, inputs[leaders]), np.searchsorted(leaders, rough.leader)


def _midpoints(found: FixedPoints) -> tuple[NDArray, NDArray]:
    """Middles of pairs of points under the same inputs ``(pair, state)``; of many, fixed points' and near ones'."""
    one, other = np.triu_indices(len(found.points), 1)
    same = (found.inputs[one] == found.inputs[other]).all(axis=1)
    one, other = one[same], other[same]
    distance = ((found.points[one] - found.points[other]) ** 2).sum(axis=1)
    first = np.lexsort((distance, ~(found.converged[one] & found.converged[other])))[:_PAIRS]
    return (found.points[one[first]] + found.points[other[first]]) / 2, found.inputs[one[first]]


def _joined(one: Search, other: Search) -> Search:
    states, q, status, leader = (np.concatenate([a, b]) for a, b in zip(one[:4], other[:4], strict=True))
    return Search(states, q, status, leader, max(one.n_steps, other.n_steps))


def _groups(inputs: NDArray) -> NDArray[np.int64]:
    """Which starts are under the same inputs."""
    if not inputs.size or (inputs == inputs[0]).all():
        return np.zeros(len(inputs), dtype=np.int64)
    return np.unique(inputs, axis=0, return_inverse=True)[1].ravel()


def _same(ended: Search, good: NDArray, inputs: NDArray, tol: float, near: tuple[float, float]) -> NDArray[np.int64]:
    """Whose point each of some searches shares; slow points, which are known less exactly, from further away."""
    states, groups, q = ended.states[good], _groups(inputs[good]), ended.q[good]
    order = np.argsort(q, kind="stable")
    same = merge_groups(states, groups, order, near[0])
    return np.where(q > tol, merge_groups(states, groups, order, max(near))[same], same)


def _collect(
    F: Velocity,
    flow: bool,
    of_start: NDArray[np.int64],
    tol: float,
    tolerances: NDArray,
    near: tuple[float, float],
    ended: Search,
    inputs: NDArray,
) -> FixedPoints:
    """Different points of searches ``(search,)``, and which start led to which."""
    slow_enough = ended.q <= max(tol, tolerances.max(initial=0.0))
    here = np.isin(ended.status, (FIXED, STALLED, SPENT))
    good = np.flatnonzero(here & slow_enough)
    kept, which = np.unique(_same(ended, good, inputs, tol, near), return_inverse=True)
    point = np.full(len(inputs), -1)
    point[good] = which
    counts = np.bincount(point[of_start][point[of_start] >= 0], minlength=len(kept))
    rank = np.argsort(-counts, kind="stable")
    place = np.append(np.argsort(rank), -1)
    chosen = good[kept[rank]]
    points, by, q = ended.states[chosen], inputs[chosen], ended.q[chosen]
    drive = F.drive(by)
    jacobians = F.jacobians(points, drive, F.at(points, drive))
    names = np.array([f"slow {t:g}" for t in tolerances] or ["slow"])
    words = np.array(STATUS)[ended.status].astype(object)
    words[here] = np.where(ended.q[here] <= tol, "fixed", np.where(slow_enough[here], "slow", _HIGH))
    return FixedPoints(
        points=points,
        q=q,
        kind=np.where(q <= tol, "fixed", names[np.minimum(np.searchsorted(tolerances, q), len(names) - 1)]),
        converged=q <= tol,
        inputs=by,
        jacobians=jacobians if flow else jacobians + np.eye(points.shape[1]),
        n_starts=counts[rank],
        point_of_start=place[point[of_start]],
        status=words[of_start].astype(str),
        saturation=saturation(counts[counts > 0], len(of_start)),
        flow=flow,
    )
