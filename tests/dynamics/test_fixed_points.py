"""Fixed points: those known exactly, those of gated networks made by hand, and what must not matter."""

from itertools import product
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from neurorec.dynamics.damping import SMALL, approximate_steps, damped_steps, solve_damped, unit_steps
from neurorec.dynamics.fixed_points import _midpoints, find_fixed_points, sample_starts, saturation
from neurorec.dynamics.merging import merge, merge_groups
from neurorec.dynamics.of_network import fixed_points_of, line_attractor_of
from neurorec.dynamics.rule import as_rule
from neurorec.dynamics.searching import search
from neurorec.dynamics.velocities import RuleVelocity, UnitVelocity, velocity_of
from neurorec.networks import GRU, LSTM, Elman, Leaky, run, with_readout
from neurorec.recording import InputError
from neurorec.tasks import FlipFlop

CYCLIC = {
    2: ([[0, 0], [0.95750, -0.95750]], [2, None], [1, 0]),
    3: ([[0, 0, 0], [0.94980, -0.42550, -0.87989]], [None, 1.006], [2, 1]),
    4: (
        [
            [0, 0, 0, 0],
            [0.96289, 0.52524, -0.96289, -0.52524],
            [0.77552, -0.77552, 0.77552, -0.77552],
            [0.87726, -0.56970, 0.33974, -0.78965],
            [0.33974, -0.78965, 0.87726, -0.56970],
        ],
        [None] * 5,
        [3, 1, 0, 2, 2],
    ),
}


def grid(n_states: int, reach: float = 1.0, n: int = 5) -> np.ndarray:
    return np.array(list(product(np.linspace(-reach, reach, n), repeat=n_states)))


def one_of(found, point, atol=2e-5) -> int:
    near = np.flatnonzero(np.abs(found.points - point).max(axis=1) < atol)
    assert near.size == 1, f"{point}: {near.size} of {found.points.tolist()}"
    return int(near[0])


@pytest.mark.parametrize("numpy", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_cyclic_networks_have_the_points_that_are_known(n, numpy):
    weights = np.array([-np.roll(np.linspace(-1, 1, n), -i) for i in range(n)])
    found = find_fixed_points(lambda x, u: numpy.tanh(x @ weights), grid(n))
    points, largest, n_unstable = CYCLIC[n]
    assert len(found.points) == 2 * len(points) - 1
    assert found.converged.all()
    assert found.q.max() < 1e-25
    for point, radius, unstable in zip(points, largest, n_unstable, strict=True):
        for sign in (1, -1):
            k = one_of(found, sign * np.array(point))
            assert found.n_unstable[k] == unstable
            if radius is not None:
                np.testing.assert_allclose(np.abs(found.eigenvalues[k]).max(), radius, atol=5e-4)


def test_logistic_map():
    """x <- r x (1 - x): 0 with slope r, and 1 - 1/r with slope 2 - r."""
    r = 3.2
    found = find_fixed_points(lambda x, u: r * x * (1 - x), np.linspace(-0.2, 1.2, 30)[:, None])
    order = np.argsort(found.points[:, 0])
    np.testing.assert_allclose(found.points[order, 0], [0, 1 - 1 / r], atol=1e-12)
    np.testing.assert_allclose(found.eigenvalues[order, 0], [r, 2 - r], atol=1e-9)
    assert found.n_unstable[order].tolist() == [1, 1]


@pytest.mark.parametrize("numpy", [np, jnp], ids=["numpy", "jax"])
def test_a_grid_of_inputs_follows_a_pitchfork(numpy):
    """x' = u x - x^3: one point below u = 0, three above it."""
    inputs = np.array([[-1.0], [0.25], [1.0]])
    starts = np.linspace(-1.5, 1.5, 11)[:, None]
    kept = starts.copy(), inputs.copy()
    found = find_fixed_points(lambda x, u: u * x - x**3, starts, inputs=inputs, grid=True, flow=True)
    for u, expected in ((-1.0, [0]), (0.25, [-0.5, 0, 0.5]), (1.0, [-1, 0, 1])):
        under = found.inputs[:, 0] == u
        np.testing.assert_allclose(np.sort(found.points[under, 0]), expected, atol=1e-12)
        slopes = u - 3 * found.points[under, 0] ** 2
        np.testing.assert_allclose(found.eigenvalues[under, 0].real, slopes, atol=1e-8)
        assert (found.n_unstable[under] == (slopes > 0)).all()
    assert found.point_of_start.shape == (33,)
    np.testing.assert_array_equal(found.inputs[found.point_of_start], np.repeat(inputs, 11, axis=0))
    np.testing.assert_array_equal(starts, kept[0])
    np.testing.assert_array_equal(inputs, kept[1])


def test_planar_flows():
    """A saddle; van der Pol's origin, an unstable focus; a pendulum's centres and saddles."""
    saddle = find_fixed_points(lambda x, u: jnp.stack([x[..., 0], -2 * x[..., 1]], -1), grid(2), flow=True)
    np.testing.assert_allclose(saddle.points, [[0, 0]], atol=1e-12)
    assert saddle.eigenvalues.tolist() == [[1, -2]]
    mu = 0.5

    def oscillator(x, u):
        return jnp.stack([x[..., 1], mu * (1 - x[..., 0] ** 2) * x[..., 1] - x[..., 0]], -1)

    focus = find_fixed_points(oscillator, grid(2), flow=True)
    np.testing.assert_allclose(focus.points, [[0, 0]], atol=1e-12)
    turning = np.sqrt(1 - mu**2 / 4)
    np.testing.assert_allclose(np.sort_complex(focus.eigenvalues[0]), [mu / 2 - 1j * turning, mu / 2 + 1j * turning])
    assert focus.n_unstable.tolist() == [2]
    assert not focus.stable.any()
    pendulum = find_fixed_points(
        lambda x, u: np.stack([x[..., 1], -np.sin(x[..., 0])], -1), grid(2, 4.0, 9), flow=True, bound=1.5,
        jacobian=lambda x, u: np.array([[0, 1], [-np.cos(x[0]), 0]]),
    )  # fmt: skip
    order = np.argsort(pendulum.points[:, 0])
    np.testing.assert_allclose(pendulum.points[order], [[-np.pi, 0], [0, 0], [np.pi, 0]], atol=1e-12)
    assert pendulum.n_unstable[order].tolist() == [1, 0, 1]


def flip_flop(kind: type, n_units: int, rng: np.random.Generator):
    """Three blocks of units that do not hear of each other, each bistable, in a basis of populations."""
    groups = np.arange(n_units) % 3
    weights = 1.8 * (groups[:, None] == groups) / np.bincount(groups)[groups]
    drive = np.eye(3)[groups]
    return with_readout(
        kind(jnp.asarray(weights, jnp.float32), jnp.asarray(drive, jnp.float32), jnp.zeros(n_units)), 3, rng=rng
    )


@pytest.mark.parametrize(("kind", "n_units"), [(Elman, 9), (Leaky, 60)])
def test_a_flip_flop_has_a_cube_of_27_points(kind, n_units):
    rng = np.random.default_rng(0)
    network = flip_flop(kind, n_units, rng)
    high = brentq(lambda x: np.tanh(1.8 * x) - x, 0.1, 1)
    found = find_fixed_points(network, rng.uniform(-1, 1, (300, 3))[:, np.arange(n_units) % 3])
    assert len(found.points) == 27
    assert found.q.max() < 1e-25
    corners = found.points[:, :3] / high
    np.testing.assert_allclose(corners, np.rint(corners), atol=1e-6)
    np.testing.assert_array_equal(found.n_unstable, (np.rint(corners) == 0).sum(axis=1))
    assert found.stable.sum() == 8
    assert found.saturation[-1] == pytest.approx(27)
    assert (np.diff(found.saturation) >= -1e-12).all()
    assert found.n_starts.sum() == 300


def test_gated_networks_that_hold_one_of_two_values():
    zeros = np.zeros(2)
    recurrent = jnp.asarray(np.concatenate([np.zeros((2, 2)), np.zeros((2, 2)), 3 * np.eye(2)]), jnp.float32)
    gru = GRU(recurrent, jnp.zeros((6, 1)), jnp.asarray([20.0, 20, 0, 0, 0, 0]), jnp.zeros(2))
    high = brentq(lambda h: np.tanh(3 * h) - h, 0.1, 1)  # the reset gate open, the update gate half
    found = find_fixed_points(with_readout(gru, 1, rng=np.random.default_rng(0)), grid(2))
    assert len(found.points) == 9
    for point in product([-1, 0, 1], repeat=2):
        k = one_of(found, high * np.array(point), atol=1e-6)
        assert found.n_unstable[k] == point.count(0)
    # c <- f c + i tanh(w h), h <- o tanh(c): with open gates o = 1, i = 1, f = 1/2, c = 2 tanh(w tanh(c))
    recurrent = np.zeros((4, 1, 1))
    recurrent[2] = 2.0
    lstm = LSTM(jnp.asarray(recurrent.reshape(4, 1), jnp.float32), jnp.zeros((4, 1)), jnp.asarray([30.0, 0, 0, 30]))
    held = brentq(lambda c: 2 * np.tanh(2 * np.tanh(c)) - c, 0.1, 5)
    found = find_fixed_points(with_readout(lstm, 1, rng=np.random.default_rng(0)), grid(2, 2.0))
    assert len(found.points) == 3
    for sign in (-1, 0, 1):
        k = one_of(found, sign * np.array([np.tanh(held), held]), atol=1e-5)
        assert found.n_unstable[k] == (sign == 0)
    np.testing.assert_array_equal(zeros, 0)


def test_a_line_of_fixed_points_is_covered_and_slow_ones_are_named():
    line = find_fixed_points(lambda x, u: x * jnp.array([1.0, 0.5]), np.random.default_rng(0).normal(size=(200, 2)))
    assert line.converged.all()
    np.testing.assert_allclose(line.points[:, 1], 0, atol=1e-9)
    assert len(line.points) > 20
    assert np.diff(np.sort(line.points[:, 0])).min() > 1e-3
    np.testing.assert_allclose(line.eigenvalues[:, 0], 1)
    for lift, kind in ((1e-2, "slow 0.0001"), (3e-3, "slow 1e-05"), (1e-4, "slow 1e-06")):
        slow = find_fixed_points(lambda x, u, lift=lift: x**2 + lift, [[0.4], [-0.3]], flow=True)
        np.testing.assert_allclose(slow.points, [[0]], atol=1e-3)
        assert slow.kind.tolist() == [kind]
        assert slow.status.tolist() == ["slow", "slow"]
        np.testing.assert_allclose(slow.q, lift**2 / 2, rtol=1e-3)
        assert not slow.converged.any()


def test_searches_that_fail_say_why():
    fast = find_fixed_points(lambda x, u: x**2 + 1, [[0.4]], flow=True)
    assert fast.status.tolist() == ["speed above the tolerances"]
    assert fast.points.shape == (0, 1)
    assert fast.point_of_start.tolist() == [-1]
    assert fast.saturation.tolist() == [0]
    away = find_fixed_points(lambda x, u: jnp.exp(-x), [[0.0], [1.0]], flow=True, bound=3.0)
    assert set(away.status) == {"out of bounds"}
    nothing = find_fixed_points(lambda x, u: jnp.where(x > 0, jnp.nan, -x), [[1.0], [-1.0]], flow=True)
    assert nothing.status.tolist() == ["not finite", "fixed"]
    short = find_fixed_points(lambda x, u: -(x**3), [[1.0]], flow=True, max_steps=1, tolerances=())
    assert short.status.tolist() == ["speed above the tolerances"]
    with pytest.raises(InputError, match="a grid"):
        find_fixed_points(lambda x, u: x, [[1.0]], grid=True)
    with pytest.raises(InputError, match="see find_fixed_points"):
        find_fixed_points(lambda x, u: x, [[1.0]], tol=0)
    with pytest.raises(InputError, match="see sample_starts"):
        find_fixed_points(lambda x, u: x, np.zeros((0, 2)))
    network = with_readout(Elman.random(1, 3, rng=np.random.default_rng(0)), 1, rng=np.random.default_rng(0))
    with pytest.raises((InputError, TypeError)):
        find_fixed_points(network, np.zeros((2, 4)))


def test_permuting_units_permutes_points():
    rng = np.random.default_rng(3)
    weights, bias, order = (
        1.6 * rng.standard_normal((6, 6)) / np.sqrt(6),
        0.1 * rng.standard_normal(6),
        rng.permutation(6),
    )
    starts = rng.uniform(-1, 1, (150, 6))

    def network(W, b):
        cell = Elman(jnp.asarray(W, jnp.float32), jnp.zeros((6, 1)), jnp.asarray(b, jnp.float32))
        return with_readout(cell, 1, rng=np.random.default_rng(0))

    one = find_fixed_points(network(weights, bias), starts)
    other = find_fixed_points(network(weights[np.ix_(order, order)], bias[order]), starts[:, order])
    assert len(one.points) == len(other.points) > 0
    for k, point in enumerate(one.points):
        same = one_of(other, point[order], atol=1e-9)
        np.testing.assert_allclose(np.abs(one.eigenvalues[k]), np.abs(other.eigenvalues[same]), rtol=1e-6)


@pytest.mark.parametrize("form", ["rate", "current"])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu", "softplus", "sigmoid", "linear"])
def test_closed_forms_agree_with_the_rule(form, nonlinearity):
    rng = np.random.default_rng(0)
    cell = Leaky.random(2, 5, nonlinearity=nonlinearity, form=form, rng=rng)
    network = with_readout(cell, 1, rng=rng)
    rule = as_rule(network, 5)
    fast, slow = velocity_of(network, rule, np.float64), RuleVelocity(network, rule, np.float64)
    assert isinstance(fast, UnitVelocity)
    states, inputs = rng.standard_normal((20, 5)), rng.standard_normal((20, 2))
    drive = fast.drive(inputs)
    at, expected = fast.at(states, drive), slow.at(states, inputs)
    np.testing.assert_allclose(at.velocity, expected.velocity, atol=1e-7)
    np.testing.assert_allclose(at.velocity, rule.velocity(states, inputs), atol=1e-7)
    jacobians = fast.jacobians(states, drive, at)
    np.testing.assert_allclose(jacobians, slow.jacobians(states, inputs, expected), atol=1e-6)
    v = rng.standard_normal((20, 5))
    np.testing.assert_allclose(fast.forward(at.memory, v), np.einsum("pij,pj->pi", jacobians, v), atol=1e-12)
    np.testing.assert_allclose(fast.backward(at.memory, v), np.einsum("pij,pi->pj", jacobians, v), atol=1e-12)


@pytest.mark.parametrize(("n_points", "n_states", "kind"), [(70, 6, "f"), (3, 6, "d"), (3, 50, "f")])
def test_damped_steps_solve_the_normal_equations(n_points, n_states, kind):
    rng = np.random.default_rng(0)
    J = rng.standard_normal((n_points, n_states, n_states)).astype(kind)
    F, damping = rng.standard_normal((n_points, n_states)).astype(kind), rng.uniform(1, 2, n_points).astype(kind)
    step = solve_damped(J, F, damping)
    assert step.dtype == kind
    wide = J.astype(float)
    curvature = wide.swapaxes(1, 2) @ wide + damping[:, None, None] * np.eye(n_states)
    expected = -np.linalg.solve(curvature, np.einsum("pij,pi->pj", wide, F)[..., None])[..., 0]
    np.testing.assert_allclose(step, expected, atol=2e-5 if kind == "f" else 1e-12)


@pytest.mark.parametrize("form", ["rate", "current"])
@pytest.mark.parametrize(("n_points", "n_states", "kind"), [(1, 1, "d"), (37, 6, "f"), (16, 7, "d"), (5, 24, "d")])
def test_steps_of_small_networks_are_the_same_without_their_jacobians(form, n_points, n_states, kind):
    rng = np.random.default_rng(0)
    F = UnitVelocity(Leaky.random(1, n_states, form=form, rng=rng), np.dtype(kind))
    states, drive = rng.standard_normal((n_points, n_states)).astype(kind), F.drive(np.zeros((n_points, 1)))
    at, damping = F.at(states, drive), rng.uniform(0.1, 1, n_points).astype(kind)
    expected, promised = damped_steps(F, states, drive, at, damping)
    step, told = unit_steps(F, at, damping)
    assert step.dtype == told.dtype == kind
    np.testing.assert_allclose(step, expected, atol=2e-5 if kind == "f" else 1e-12)
    np.testing.assert_allclose(told, promised, rtol=1e-4 if kind == "f" else 1e-10, atol=1e-5 if kind == "f" else 1e-13)


def test_conjugate_gradients_come_to_the_same_step():
    rng = np.random.default_rng(0)
    network = with_readout(Leaky.random(1, 30, rng=rng), 1, rng=rng)
    F = velocity_of(network, as_rule(network, 30), np.float64)
    states, drive, damping = rng.standard_normal((7, 30)), F.drive(np.zeros((7, 1))), np.full(7, 0.01)
    at = F.at(states, drive)
    exact = solve_damped(F.jacobians(states, drive, at), at.velocity, damping)
    rough = approximate_steps(F, at, damping, 60)[0]
    np.testing.assert_allclose(np.linalg.norm(rough - exact, axis=1), 0, atol=0.2 * np.linalg.norm(exact, axis=1).min())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 4), st.floats(0.01, 3.0))
def test_leaders_are_apart_and_near_their_followers(seed, n_points, n_states, radius):
    rng = np.random.default_rng(seed)
    states, groups, order = (
        rng.standard_normal((n_points, n_states)),
        rng.integers(0, 3, n_points),
        rng.permutation(n_points),
    )
    leader = merge(states, order, radius)
    assert (leader[leader] == leader).all()
    assert np.linalg.norm(states - states[leader], axis=1).max() <= radius * (1 + 1e-9)
    leaders = states[np.unique(leader)]
    apart = np.linalg.norm(leaders[:, None] - leaders, axis=-1) + 1e9 * np.eye(len(leaders))
    assert apart.min() > radius * (1 - 1e-9)
    assert leader[order[0]] == order[0]
    of_groups = merge_groups(states, groups, order, radius)
    assert (groups[of_groups] == groups).all()
    for group in np.unique(groups):
        here = np.flatnonzero(groups == group)
        rank = np.argsort(np.argsort(order)[here])
        alone = here[merge(states[here], np.argsort(rank), radius)]
        assert len(np.unique(alone)) > 0
        assert np.linalg.norm(states[here] - states[of_groups[here]], axis=1).max() <= radius * (1 + 1e-9)


def test_saturation_is_the_mean_over_all_choices_of_starts():
    of_start = np.array([0, 0, 0, 1, 1, 2, -1])
    rng = np.random.default_rng(0)
    drawn = [[len(set(rng.choice(of_start, k, replace=False)) - {-1}) for _ in range(4000)] for k in range(1, 8)]
    np.testing.assert_allclose(saturation([3, 2, 1], 7), np.mean(drawn, axis=1), atol=0.03)
    np.testing.assert_allclose(saturation([7], 7), 1)


def test_starts_are_states_with_noise_in_their_own_unit():
    rng = np.random.default_rng(0)
    states = 7 + 2 * rng.standard_normal((50, 20, 4))
    plain = sample_starts(states, 1000, rng=rng)
    assert len(np.unique(plain[:, 0])) == 1000
    noisy = sample_starts(states, 1000, noise=1.0, rng=rng)
    np.testing.assert_allclose(noisy.std(axis=0), np.sqrt(2) * 2, rtol=0.1)
    assert sample_starts(states[:1, :2], 5, rng=rng).shape == (5, 4)
    with pytest.raises(InputError, match="pass trajectories"):
        sample_starts(states, 0, rng=rng)


def test_half_way_between_points_others_are_found():
    """Starts near two stable points only: the saddle between them is found from the middle."""
    starts = np.concatenate([np.full((5, 2), 0.9), np.full((5, 2), -0.9)]) + 0.01 * np.arange(10)[:, None]
    weights = np.array([[1.0, 0.8], [0.8, 1.0]])

    def step(x, u):
        return jnp.tanh(x @ weights)

    assert len(find_fixed_points(step, starts).points) == 2
    found = find_fixed_points(step, starts, between=True)
    assert found.n_starts.tolist() == [5, 5, 0]
    np.testing.assert_allclose(found.points[2], 0, atol=1e-12)
    assert found.saturation[-1] == pytest.approx(2)


def test_exact_steps_do_not_depend_on_how_many_searches_there_are():
    n = SMALL + 10
    cell = Elman.random(1, n, gain=1.5, rng=np.random.default_rng(0))
    starts = np.random.default_rng(1).normal(0, 0.5, (44, n))
    F, options = UnitVelocity(cell, np.float64), {"tol": 1e-25, "radius": 0.0, "bound": np.inf, "max_steps": 6}

    def ended(rows, **more):
        some = starts[rows]
        none = np.zeros((len(some), 1))
        return search(F, some, none, groups=np.zeros(len(some), int), **options, **more)

    together = ended(slice(None), exact=True)
    apart = np.concatenate([ended(rows).states for rows in (slice(0, 22), slice(22, 44))])
    np.testing.assert_allclose(together.states, apart, atol=1e-8)
    assert np.abs(ended(slice(None)).states - apart).max() > 1e-3  # approximate ones do


def test_of_many_pairs_those_of_fixed_points_come_first(monkeypatch):
    monkeypatch.setattr("neurorec.dynamics.fixed_points._PAIRS", 2)
    points = np.array([[0.0], [0.1], [4.0], [10.0]])
    found = SimpleNamespace(points=points, inputs=np.zeros((4, 0)), converged=np.array([True, False, True, True]))
    middle, held = _midpoints(found)
    assert middle[:, 0].tolist() == [2.0, 7.0]
    assert held.shape == (2, 0)


def test_a_network_on_its_task_is_labelled(tmp_path):
    rng = np.random.default_rng(0)
    network, trials = flip_flop(Leaky, 9, rng), FlipFlop().sample(16, rng=rng)
    found = fixed_points_of(network, trials, inputs=np.array([[0.0, 0, 0], [0.3, 0, 0]]), n_starts=100, rng=rng)
    assert set(found["inputs"].values[:, 0]) == {0.0, 0.3}
    assert (found["n_unstable"] == 0).sum() >= 8
    moved = (found["state"].values - found["mean"].values) @ found["loading"].values.T
    np.testing.assert_allclose(found["score"], moved, atol=1e-9)
    np.testing.assert_allclose(found["loading"].values @ found["loading"].values.T, np.eye(3), atol=1e-6)
    states = np.asarray(run(network, np.swapaxes(trials["inputs"].values, 0, 1)))
    expected = (states[:, 0] - found["mean"].values) @ found["loading"].values.T
    np.testing.assert_allclose(found["trajectory"][0], expected, atol=1e-5)
    modulus = np.hypot(*np.moveaxis(found["eigenvalue"].values, -1, 0))
    np.testing.assert_array_equal((modulus > 1).sum(axis=1), found["n_unstable"])
    np.testing.assert_allclose(found["outputs"], network.readout(found["state"].values), atol=1e-5)
    found.to_netcdf(tmp_path / "points.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="build the network for this task"):
        fixed_points_of(network, FlipFlop(n_bits=2).sample(4, rng=rng), rng=rng)
    line = line_attractor_of(network, trials, n_starts=50, n_null=1, rng=rng)
    assert line.attrs["kind"] == "none"
    assert line["input_effect"].sizes["input"] == 3
    line.to_netcdf(tmp_path / "line.nc", engine="h5netcdf")


def test_where_nothing_is_slow_nothing_is_found():
    for inputs in (None, [0.0], [[0.0], [1.0], [2.0]]):
        found = find_fixed_points(lambda x, u: x + 1 + 0 * u.sum(-1, keepdims=True), np.zeros((3, 1)), inputs=inputs)
        assert found.points.shape == (0, 1)
        assert (found.point_of_start < 0).all()
