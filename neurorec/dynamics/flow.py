"""Flow in a plane: where a system goes from every point of it, how fast, and where it stands still in one direction."""

from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from contourpy import contour_generator
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.rule import Function, Rule, as_rule, check_states
from neurorec.networks import System
from neurorec.recording import InputError

Rest = Literal["held", "slaved"]
Extent = tuple[tuple[float, float], tuple[float, float]]
_MARGIN = 0.15  # of the extent of the states that are to be seen
_CHUNK = 2_000_000  # numbers in the Jacobians held at a time
_N_NEWTON = 60
_ENOUGH = 1e-9  # speed of the rest, as a share of what it was or of 1, at which it counts as settled


class Plane(NamedTuple):
    """A plane in state space.

    Attributes
    ----------
    origin : ndarray (state,)
        A point of it, at which both coordinates are 0.
    axes : ndarray (axis, state)
        Two directions that span it; coordinates are in units of their lengths.
    """

    origin: NDArray[np.float64]
    axes: NDArray[np.float64]


def principal_plane(states: ArrayLike, *, components: tuple[int, int] = (0, 1)) -> Plane:
    """The plane through the mean of some states along two of their principal components.

    Parameters
    ----------
    states : array-like (..., state)
        Of trajectories, say.
    components : (int, int)
        Which, from 0; their largest element is made positive.

    Returns
    -------
    Plane
        Its axes are of length 1 and orthogonal.

    Raises
    ------
    InputError
        Where there are not as many components.

    Examples
    --------
    >>> states = np.array([[3.0, 0, 1], [-3.0, 0, 1], [0, 2.0, 1], [0, -2.0, 1]])
    >>> principal_plane(states).axes.round(6).tolist(), principal_plane(states).origin.tolist()
    ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [0.0, 0.0, 1.0])
    """
    states = np.asarray(states, dtype=float)
    states = states.reshape(-1, states.shape[-1])
    states = states[np.isfinite(states).all(axis=1)]
    most = min(states.shape)
    if len(set(components)) != 2 or not all(0 <= k < most for k in components):
        expected, remedy = f"two of {most} components, from 0", "give more states"
        raise InputError("components", expected=expected, found=str(components), remedy=remedy)
    origin = states.mean(axis=0)
    axes = np.linalg.svd(states - origin, full_matrices=False)[2][list(components)]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return Plane(origin, axes * np.where(largest < 0, -1.0, 1.0) + 0.0)


def component_plane(subspace: xr.Dataset, *, components: tuple[int, int] = (1, 2)) -> Plane:
    """The plane of two components of a recording of a system, whose units' activity is its state.

    Coordinates in it are the scores of `neurorec.dynamics.principal_subspace`, so that flow and trajectories of
    conditions go into one figure.

    Parameters
    ----------
    subspace : xarray.Dataset
        ``components (component, unit)`` and ``mean (unit)``, not soft-normalised: then scores are no coordinates.
    components : (int, int)
        As they are numbered.

    Returns
    -------
    Plane

    Raises
    ------
    InputError
        Components that are not there, or of normalised units.

    Examples
    --------
    >>> subspace = xr.Dataset(
    ...     {"components": (("component", "unit"), np.eye(3)), "mean": ("unit", [0.0, 0.0, 1.0])},
    ...     coords={"component": [1, 2, 3]},
    ... )
    >>> component_plane(subspace, components=(3, 1)).axes.tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    names = subspace["component"].values.tolist()
    if any(component not in names for component in components):
        found, remedy = str(components), "name two of them"
        raise InputError("components", expected=f"two of {names}", found=found, remedy=remedy)
    if "scale" in subspace and not np.all(subspace["scale"].values == 1):
        remedy = "leave soft out"
        raise InputError("subspace", expected="components of activity as it is", found="normalised", remedy=remedy)
    return Plane(subspace["mean"].values, subspace["components"].sel(component=list(components)).values)


def in_plane(states: ArrayLike, plane: Plane) -> NDArray[np.float64]:
    """Coordinates ``(..., axis)`` of the points of a plane nearest to states ``(..., state)``.

    Examples
    --------
    >>> in_plane([[1.0, 2.0, 3.0]], Plane(np.zeros(3), np.array([[2.0, 0, 0], [0, 1.0, 0]]))).tolist()
    [[0.5, 2.0]]
    """
    return (np.asarray(states, dtype=float) - plane.origin) @ np.linalg.pinv(plane.axes)


def flow_field(
    step: System | Function,
    plane: Plane,
    *,
    inputs: ArrayLike | None = None,
    states: ArrayLike | None = None,
    extent: Extent | None = None,
    n_grid: int = 31,
    rest: Rest = "held",
    jacobian: Function | None = None,
    flow: bool = False,
    dt: float | None = None,
) -> xr.Dataset:
    r"""Where a system goes from the points of a plane, and how fast.

    The velocity is :math:`(G(x, u) - x) / dt` of a map and :math:`F(x, u)` of a flow; arrows are its coordinates in the
    plane. What of it points out of the plane is not seen in them, but is part of the speed. With ``rest="slaved"`` the
    state is moved off the plane, at each point, to where it would stand still but for the plane's two directions: so
    it is in a system whose other directions are fast.

    Parameters
    ----------
    step : System or callable
        See `neurorec.dynamics.as_rule`.
    plane : Plane
        Two directions through a point of state space, as `principal_plane` finds them. The components of a recording
        serve where the units' activity is the state.
    inputs : array-like (input,), optional
        Held throughout; by default 0.
    states : array-like (..., state), optional
        What the grid has to cover, such as trajectories.
    extent : ((float, float), (float, float)), optional
        From where to where along both axes, instead.
    n_grid : int
        Points along either axis.
    rest : {"held", "slaved"}
        What is done about all other directions: they keep the values of the plane's origin, or follow. They are found
        by Newton's method from where they would be held, or from a neighbour; points where it fails are NaN.
    jacobian, flow, dt
        As in `neurorec.dynamics.as_rule`.

    Returns
    -------
    xarray.Dataset
        ``velocity (y, x, axis)`` in the plane's coordinates, per s (per step where its time is not known), ``speed
        (y, x)`` of the whole state, ``state (y, x, state)``, ``settled (y, x)``, whether the rest was found; nullclines
        ``nullcline (vertex, axis)``, lines on which one coordinate's velocity is 0: which, in ``nullcline_of
        (vertex)``, and which piece, in ``piece (vertex)``; ``origin (state)`` and ``axes (axis, state)``. ``attrs``:
        ``rest``, ``dt`` and ``flow`` (1 or 0).

    Raises
    ------
    InputError
        Axes that span no plane, or neither states nor an extent to draw.

    Examples
    --------
    >>> pendulum = lambda x, u: np.stack([x[..., 1], -np.sin(x[..., 0])], axis=-1)
    >>> field = flow_field(pendulum, Plane(np.zeros(2), np.eye(2)), extent=((-3, 3), (-2, 2)), flow=True, n_grid=5)
    >>> field["velocity"].sel(x=0.0, y=2.0).values.tolist(), dict(field["speed"].sizes)
    ([2.0, 0.0], {'y': 5, 'x': 5})
    """
    plane = _check_plane(plane, rest, n_grid)
    rule = as_rule(
        step,
        plane.origin.size,
        n_inputs=0 if inputs is None else np.shape(inputs)[-1],
        jacobian=jacobian,
        flow=flow,
        dt=dt,
    )
    _, given = check_states(rule, plane.origin, inputs, name="plane.origin")
    x, y = _grid(plane, states, extent, n_grid)
    coordinates = np.stack(np.meshgrid(x, y), axis=-1)  # (y, x, axis)
    points = (plane.origin + coordinates @ plane.axes).reshape(-1, plane.origin.size)
    settled = np.ones(len(points), dtype=bool)
    if rest == "slaved":
        points, settled = _slave(rule, points, given[0], plane, n_grid)
    velocity = rule.velocity(points, np.broadcast_to(given[0], (len(points), given.shape[1]))) / rule.dt
    velocity[~settled] = np.nan
    along = (velocity @ np.linalg.pinv(plane.axes)).reshape(n_grid, n_grid, 2)
    vertices, of, piece = _nullclines(x, y, along)
    per = "1/s" if rule.flow or rule.dt != 1 else "1/step"
    return xr.Dataset(
        {
            "velocity": (("y", "x", "axis"), along, {"units": per}),
            "speed": (("y", "x"), np.linalg.norm(velocity, axis=1).reshape(n_grid, n_grid), {"units": per}),
            "state": (("y", "x", "state"), points.reshape(n_grid, n_grid, -1)),
            "settled": (("y", "x"), settled.reshape(n_grid, n_grid)),
            "nullcline": (("vertex", "axis"), vertices),
            "nullcline_of": ("vertex", of),
            "piece": ("vertex", piece),
            "origin": ("state", plane.origin),
            "axes": (("axis", "state"), plane.axes),
        },
        coords={"x": x, "y": y, "axis": ["x", "y"]},
        attrs={"rest": rest, "dt": rule.dt, "flow": int(rule.flow)},
    )


def _check_plane(plane: Plane, rest: str, n_grid: int) -> Plane:
    origin, axes = (np.asarray(a, dtype=float) for a in plane)
    if origin.ndim != 1 or axes.shape != (2, origin.size) or np.linalg.matrix_rank(axes) < 2:
        expected, found = "origin (state,) and two directions (2, state)", f"shapes {origin.shape}, {axes.shape}"
        raise InputError("plane", expected=expected, found=found, remedy="give axes that are not parallel")
    if rest not in ("held", "slaved"):
        raise InputError("rest", expected="'held' or 'slaved'", found=repr(rest), remedy="name one of them")
    if n_grid < 2:
        raise InputError("n_grid", expected="2 or more", found=str(n_grid), remedy="31 make a good picture")
    return Plane(origin, axes)


def _grid(plane: Plane, states: ArrayLike | None, extent: Extent | None, n_grid: int) -> tuple[NDArray, NDArray]:
    """Coordinates of the grid along both axes."""
    if extent is None:
        if states is None:
            remedy = "give the trajectories that are to be seen"
            raise InputError("extent", expected="an extent, or states to cover", found="neither", remedy=remedy)
        states = np.asarray(states, dtype=float)
        states = states[np.isfinite(states).all(axis=-1)]
        if not states.size:
            remedy = "give an extent, or states before they grow beyond all bounds"
            raise InputError("states", expected="finite numbers", found="none", remedy=remedy)
        seen = in_plane(states, plane).reshape(-1, 2)
        low, high = np.nanmin(seen, axis=0), np.nanmax(seen, axis=0)
        margin = _MARGIN * np.maximum(high - low, 0.1 * (high - low).max() or 1.0)
        extent = tuple(zip((low - margin).tolist(), (high + margin).tolist(), strict=True))  # type: ignore[assignment]
    (left, right), (bottom, top) = extent  # type: ignore[misc]
    if not (left < right and bottom < top):
        raise InputError("extent", expected="each from low to high", found=str(extent), remedy="swap its ends")
    return np.linspace(left, right, n_grid), np.linspace(bottom, top, n_grid)


def _slave(rule: Rule, points: NDArray, inputs: NDArray, plane: Plane, n_grid: int) -> tuple[NDArray, NDArray]:
    """Points ``(point, state)`` moved out of the plane to where the velocity has no part out of it."""
    others = np.linalg.svd(plane.axes)[2][2:]  # an orthonormal basis of all that is not in the plane
    if not len(others):
        return points, np.ones(len(points), dtype=bool)
    size = max(1, _CHUNK // points.shape[1] ** 2)
    parts = [_newton(rule, points[k : k + size], inputs, others) for k in range(0, len(points), size)]
    found = np.concatenate([part[0] for part in parts])
    settled = np.concatenate([part[1] for part in parts])
    for _ in range(2 * n_grid):  # a neighbour's rest is a better guess
        neighbour = _settled_neighbour(settled.reshape(n_grid, n_grid))
        again = np.flatnonzero(~settled & (neighbour >= 0))
        if not again.size:
            break
        guess = points[again] + ((found - points)[neighbour[again]] @ others.T) @ others
        moved, fine = _newton(rule, guess, inputs, others)
        if not fine.any():
            break
        found[again[fine]], settled[again[fine]] = moved[fine], True
    return found, settled


def _settled_neighbour(settled: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Some settled neighbour of each point of a grid, by its place; -1 where there is none."""
    place = np.pad(np.where(settled, np.arange(settled.size).reshape(settled.shape), -1), 1, constant_values=-1)
    around = (place[:-2, 1:-1], place[2:, 1:-1], place[1:-1, :-2], place[1:-1, 2:])
    return np.max(around, axis=0).ravel()


def _newton(rule: Rule, points: NDArray, inputs: NDArray, others: NDArray) -> tuple[NDArray, NDArray]:
    """Zeros of the velocity along other directions, by Newton's method with steps that are halved where they fail."""
    points, inputs = points.copy(), np.broadcast_to(inputs, (len(points), inputs.size))

    def velocity(points: NDArray) -> NDArray:
        return rule.velocity(points, inputs[: len(points)]) @ others.T

    left = velocity(points)
    size = np.linalg.norm(left, axis=1)
    enough = _ENOUGH * np.maximum(1.0, size)
    for _ in range(_N_NEWTON):
        active = np.flatnonzero(size > enough)
        if not active.size:
            break
        slopes = rule.jacobians(points[active], inputs[: active.size])
        if not rule.flow:
            slopes = slopes - np.eye(points.shape[1])
        slopes = others @ slopes @ others.T
        move = _solve(slopes, left[active]) @ others
        share, lowered = np.ones(active.size), np.zeros(active.size, dtype=bool)
        for _ in range(12):
            todo = np.flatnonzero(~lowered)
            moved = points[active[todo]] - share[todo, None] * move[todo]
            after = velocity(moved)
            smaller = np.linalg.norm(after, axis=1) < size[active[todo]]
            done = active[todo[smaller]]
            points[done], left[done], size[done] = (
                moved[smaller],
                after[smaller],
                np.linalg.norm(after[smaller], axis=1),
            )
            lowered[todo[smaller]] = True
            share[todo] /= 2
            if lowered.all():
                break
        if not lowered.any():
            break
    return points, size <= enough


def _solve(slopes: NDArray, right: NDArray) -> NDArray:
    """Solutions of linear systems ``(point, i, j)``; the shortest ones where a matrix is singular."""
    try:
        return np.linalg.solve(slopes, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        return (np.linalg.pinv(slopes) @ right[..., None])[..., 0]


def _nullclines(x: NDArray, y: NDArray, along: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Vertices ``(vertex, axis)``, whose velocity is 0 there, and the piece of line that each belongs to."""
    pieces, of = [], []
    for k, name in enumerate(("x", "y")):
        for line in contour_generator(x, y, np.ma.masked_invalid(along[..., k])).lines(0.0):
            pieces.append(np.asarray(line, dtype=float))
            of.append(name)
    lengths = [len(piece) for piece in pieces]
    vertices = np.concatenate(pieces) if pieces else np.zeros((0, 2))
    return vertices, np.repeat(np.array(of, dtype="<U1"), lengths), np.repeat(np.arange(len(pieces)), lengths)
