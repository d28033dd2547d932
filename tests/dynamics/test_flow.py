"""Flow in a plane against systems solved by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from neurorec.dynamics.flow import Plane, component_plane, flow_field, in_plane, principal_plane
from neurorec.dynamics.subspaces import condition_averages, principal_subspace, rotational_subspace
from neurorec.networks import Leaky, simulate, with_readout
from neurorec.recording import InputError
from neurorec.tasks import ContextIntegration

WHOLE = Plane(np.zeros(2), np.eye(2))


def pendulum(state, inputs):
    return np.stack([state[..., 1], -np.sin(state[..., 0])], axis=-1)


def test_pendulum_and_its_nullclines():
    field = flow_field(pendulum, WHOLE, extent=((-4, 4), (-2, 2)), flow=True, n_grid=41)
    x, y = np.meshgrid(field["x"], field["y"])
    np.testing.assert_allclose(field["velocity"].values, np.stack([y, -np.sin(x)], axis=-1), atol=1e-14)
    np.testing.assert_allclose(field["speed"].values, np.hypot(y, np.sin(x)))
    np.testing.assert_array_equal(field["state"].values, np.stack([x, y], axis=-1))
    of, vertices = field["nullcline_of"].values, field["nullcline"].values
    np.testing.assert_allclose(vertices[of == "x", 1], 0, atol=1e-12)
    at = np.unique(np.round(vertices[of == "y", 0] / np.pi))
    assert at.tolist() == [-1, 0, 1]
    np.testing.assert_allclose(np.sin(vertices[of == "y", 0]), 0, atol=1e-2)
    assert len(np.unique(field["piece"].values[of == "y"])) == 3
    assert field["settled"].values.all()


def test_velocity_in_a_plane_of_a_linear_system_whatever_its_axes():
    rng = np.random.default_rng(0)
    matrix, axes, origin = rng.standard_normal((5, 5)), rng.standard_normal((2, 5)), rng.standard_normal(5)
    field = flow_field(
        lambda x, u: x @ matrix.T + u @ np.ones((1, 5)), Plane(origin, axes), inputs=[2.0], extent=((-1, 1), (-1, 1)),
        flow=True, n_grid=3,
    )  # fmt: skip
    at = origin + 1.0 * axes[0] - 1.0 * axes[1]
    velocity = matrix @ at + 2
    expected = np.linalg.lstsq(axes.T, velocity, rcond=None)[0]
    found = field.sel(x=1.0, y=-1.0)
    np.testing.assert_allclose(found["velocity"], expected)
    np.testing.assert_allclose(found["speed"], np.linalg.norm(velocity))
    np.testing.assert_allclose(in_plane(found["state"].values, Plane(origin, axes)), [1, -1])


@pytest.mark.parametrize("n_fast", [1, 4])
def test_fast_directions_follow(n_fast):
    """x' = z - y, y' = x, and every z goes to x^2: seen from the plane, x' = x^2 - y."""

    def step(state, inputs):
        x, y, z = state[..., :1], state[..., 1:2], state[..., 2:]
        return jnp.concatenate([z.mean(axis=-1, keepdims=True) - y, x, 50 * (x**2 - z)], axis=-1)

    plane = Plane(np.zeros(2 + n_fast), np.eye(2, 2 + n_fast))
    options: dict = {"extent": ((-2, 2), (-1, 1)), "flow": True, "n_grid": 9}
    slaved = flow_field(step, plane, rest="slaved", **options)
    x, y = np.meshgrid(slaved["x"], slaved["y"])
    np.testing.assert_allclose(slaved["velocity"].values, np.stack([x**2 - y, x], axis=-1), atol=1e-7)
    np.testing.assert_allclose(
        slaved["state"].values[..., 2:], np.repeat(x[..., None] ** 2, n_fast, axis=-1), atol=1e-7
    )
    held = flow_field(step, plane, **options)
    np.testing.assert_allclose(held["velocity"].values, np.stack([-y, x], axis=-1), atol=1e-12)
    np.testing.assert_allclose(slaved["speed"].values, np.linalg.norm(slaved["velocity"].values, axis=-1), atol=1e-6)


def test_what_cannot_follow_is_missing():
    """z^2 = x has no solution where x is negative."""

    def step(state, inputs):
        x, y, z = state[..., 0], state[..., 1], state[..., 2]
        return jnp.stack([z, y, x - z**2], axis=-1)

    field = flow_field(
        step, Plane(np.array([0.0, 0.0, 1.0]), np.eye(2, 3)), extent=((-2, 2), (-1, 1)), flow=True, rest="slaved",
        n_grid=8,
    )  # fmt: skip
    positive = np.broadcast_to(field["x"].values > 0, (8, 8))
    np.testing.assert_array_equal(field["settled"].values, positive)
    np.testing.assert_array_equal(np.isfinite(field["speed"].values), positive)


def test_a_network_moves_per_second_in_the_plane_of_its_own_trajectories():
    rng = np.random.default_rng(0)
    network = with_readout(Leaky.random(1, 6, dt=0.02, rng=rng), 1, rng=rng)
    states = rng.standard_normal((4, 10, 6))
    plane = principal_plane(states)
    field = flow_field(network, plane, states=states, n_grid=5)
    point = field["state"].values[1, 2]
    moved = np.asarray(network.step(jnp.asarray(point), jnp.zeros(1)), dtype=float) - point
    np.testing.assert_allclose(field["velocity"].values[1, 2], plane.axes @ moved / 0.02, rtol=1e-3)
    seen = in_plane(states, plane)
    assert field["x"].values[0] < seen[..., 0].min() < seen[..., 0].max() < field["x"].values[-1]
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-12)
    assert field["speed"].attrs["units"] == "1/s"


def test_a_system_is_recorded_and_its_flow_seen_in_the_components_of_the_recording():
    rng = np.random.default_rng(0)
    task = ContextIntegration()
    trials = task.sample(60, rng=rng)
    network = with_readout(Leaky.random(trials.sizes["input"], 12, dt=task.dt, rng=rng), 1, rng=rng)
    recording = simulate(network, trials, noise=False, rng=rng)
    averages = condition_averages(recording, ["side", "context"])
    subspace = principal_subspace(averages, n_components=3)
    plane = component_plane(subspace, components=(1, 3))
    scores = subspace["scores"].sel(component=[1, 3]).values
    np.testing.assert_allclose(in_plane(averages["activity"].values, plane), scores, atol=1e-9)
    # one trial is a trajectory of the very flow: from bin to bin it moves as the field says where it is
    start = recording["activity"].values[3].astype(float)
    inputs = recording["inputs"].values[4].astype(float)
    at = Plane(start, plane.axes)
    field = flow_field(network, at, inputs=inputs, extent=((0, 1), (0, 1)), n_grid=2)
    moved = in_plane(recording["activity"].values[4], at) / task.dt
    np.testing.assert_allclose(field["velocity"].values[0, 0], moved, rtol=1e-3, atol=1e-3)
    assert rotational_subspace(averages, n_components=2)["frequency"].values[0] >= 0
    with pytest.raises(InputError, match="found normalised"):
        component_plane(principal_subspace(averages, n_components=3, soft=1.0))
    with pytest.raises(InputError, match=r"two of \[1, 2, 3\]"):
        component_plane(subspace, components=(0, 1))


def test_what_is_no_plane_is_refused():
    with pytest.raises(InputError, match="not parallel"):
        flow_field(pendulum, Plane(np.zeros(2), np.ones((2, 2))), extent=((-1, 1), (-1, 1)), flow=True)
    with pytest.raises(InputError, match="states to cover"):
        flow_field(pendulum, WHOLE, flow=True)
    with pytest.raises(InputError, match="from low to high"):
        flow_field(pendulum, WHOLE, extent=((1, -1), (-1, 1)), flow=True)
    with pytest.raises(InputError, match="'held' or 'slaved'"):
        flow_field(pendulum, WHOLE, extent=((-1, 1), (-1, 1)), flow=True, rest="free")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="two of 2 components"):
        principal_plane(np.zeros((2, 3)), components=(0, 2))


def test_states_beyond_all_bounds_do_not_stretch_the_plane():
    plane = Plane(np.zeros(2), np.eye(2))
    states = np.array([[-1.0, -1.0], [1.0, 1.0], [np.inf, np.nan]])
    field = flow_field(lambda x, u: -x, plane, states=states, n_grid=3, flow=True)
    xr.testing.assert_identical(field, flow_field(lambda x, u: -x, plane, states=states[:2], n_grid=3, flow=True))
    with pytest.raises(InputError, match="finite numbers"):
        flow_field(lambda x, u: -x, plane, states=states[2:], n_grid=3, flow=True)
