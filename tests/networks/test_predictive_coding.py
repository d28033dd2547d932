"""Predictive coding: an energy that falls, a minimum that others find as well, and what feedback is for."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from neurorec.dynamics import find_fixed_points, lyapunov_spectrum
from neurorec.networks import PredictiveCoding, jacobian, run, settle_predictions
from neurorec.recording import InputError


def in_double(network: PredictiveCoding) -> PredictiveCoding:
    return jax.tree.map(lambda x: jax.device_put(np.asarray(x, dtype=np.float64)), network)


def made(seed=0, sizes=(7, 5, 3), **settings) -> PredictiveCoding:
    rng = np.random.default_rng(seed)
    network = PredictiveCoding.random(sizes, variance=rng.uniform(0.5, 2, len(sizes)), rng=rng, **settings)
    biases = tuple(jnp.asarray(0.3 * rng.standard_normal(n), dtype=jnp.float32) for n in sizes)
    return replace(network, biases=biases)


def linear_errors(network: PredictiveCoding) -> np.ndarray:
    """E such that errors over standard deviations are ``E x - const``, of linear units."""
    edges = np.cumsum([0, *network.sizes])
    E = np.eye(edges[-1])
    for k, weight in enumerate(network.weights):
        E[edges[k] : edges[k + 1], edges[k + 1] : edges[k + 2]] = -np.asarray(weight, dtype=float)
    return E / np.sqrt(np.repeat(np.asarray(network.variance, dtype=float), network.sizes))[:, None]


def test_a_step_is_the_one_of_the_paper_written_out():
    network, rng = made(dt=0.004), np.random.default_rng(1)
    x = [rng.standard_normal(n) for n in network.sizes]
    image = rng.standard_normal(7)
    W, b = ([np.asarray(p, dtype=float) for p in part] for part in (network.weights, network.biases))
    v = np.asarray(network.variance, dtype=float)
    seen = [image, x[1], x[2]]
    e = [(seen[k] - W[k] @ np.tanh(seen[k + 1]) - b[k]) / v[k] for k in range(2)]
    e.append((seen[2] - b[2]) / v[2])
    after = [image]
    for k in (1, 2):
        after.append(x[k] + 0.2 * (-e[k] + (1 - np.tanh(x[k]) ** 2) * (W[k - 1].T @ e[k - 1])))
    state = jnp.asarray(np.concatenate([*x, np.zeros(15)]), dtype=jnp.float32)
    np.testing.assert_allclose(network.step(state, jnp.asarray(image)), np.concatenate([*after, *e]), atol=3e-6)


@pytest.mark.parametrize("clamped", ["bottom", "top", "both", "neither"])
@pytest.mark.parametrize("nonlinearity", ["tanh", "softplus"])
def test_values_go_down_the_gradient_of_the_energy(clamped, nonlinearity):
    with jax.enable_x64(True):
        network = in_double(made(clamped=clamped, nonlinearity=nonlinearity))
        rng = np.random.default_rng(2)
        state, inputs = rng.standard_normal(network.n_states), jnp.asarray(rng.standard_normal(network.n_inputs))
        held = jnp.concatenate([*network.clamp(network.values(state), inputs), state[15:]])
        down = -jax.grad(network.energy)(held, inputs)[:15] * network.dt / network.tau
        moved = network.step(held, inputs)[:15] - held[:15]
        free = np.repeat(network.free, network.sizes)
        np.testing.assert_allclose(moved[free], down[free], atol=1e-12)
        assert np.abs(moved[~free]).max(initial=0.0) == 0


@pytest.mark.parametrize("nonlinearity", ["tanh", "linear", "sigmoid"])
def test_energy_never_rises_below_the_largest_step(nonlinearity):
    with jax.enable_x64(True):
        network = in_double(made(3, nonlinearity=nonlinearity, sizes=(12, 8, 4)))
        network = replace(network, dt=min(network.tau, 0.8 * network.largest_step()))
        image = jnp.asarray(np.random.default_rng(3).standard_normal((6, 12)))
        states = run(network, jnp.broadcast_to(image, (300, 6, 12)))
        energy = np.asarray(network.energy(states, image))
        assert np.diff(energy, axis=0).max() <= 1e-13
        assert (energy[-1] < energy[0]).all()


def test_largest_step_is_where_linear_values_begin_to_run_off():
    with jax.enable_x64(True):
        network = in_double(made(4, nonlinearity="linear", sizes=(12, 8, 4)))
        limit = network.largest_step()
        assert limit < network.tau
        for share, settles in ((0.98, True), (1.02, False)):
            at = replace(network, dt=share * limit)
            spectrum = np.abs(np.linalg.eigvals(np.asarray(jacobian(at, jnp.zeros(48), jnp.zeros(12))))).max()
            assert bool(spectrum < 1) is settles
        with pytest.raises(InputError, match="at most"):
            settle_predictions(replace(network, dt=1.02 * limit), jnp.ones(12))


def test_linear_values_settle_where_the_equations_say():
    with jax.enable_x64(True):
        network = in_double(made(5, nonlinearity="linear"))
        image = np.random.default_rng(5).standard_normal(7)
        E, bias = linear_errors(network), np.concatenate([np.asarray(b) for b in network.biases])
        wanted = bias / np.sqrt(np.repeat(np.asarray(network.variance), network.sizes)) - E[:, :7] @ image
        exact = np.linalg.lstsq(E[:, 7:], wanted, rcond=None)[0]
        found = settle_predictions(network, image, tolerance=1e-12, max_steps=100_000)
        assert found.converged
        np.testing.assert_allclose(found.state[7:15], exact, atol=1e-9)
        slowest = np.linalg.eigvalsh(E[:, 7:].T @ E[:, 7:]).min()
    single = made(5, nonlinearity="linear")
    exponents = lyapunov_spectrum(single, np.zeros(30), inputs=image, n_steps=400).exponents
    assert exponents[0] == pytest.approx(np.log(1 - network.dt / network.tau * slowest) / network.dt, rel=1e-3)


def test_the_minimum_is_the_one_that_others_find():
    with jax.enable_x64(True):
        network = in_double(made(6))
        image = jnp.asarray(np.random.default_rng(6).standard_normal(7))
        found = settle_predictions(network, image, tolerance=1e-12, max_steps=100_000)

        def energy(free):
            return network.energy(jnp.concatenate([image, free, jnp.zeros(15)]), image)

        best = minimize(
            lambda x: [np.asarray(v, dtype=float) for v in jax.value_and_grad(energy)(x)], np.zeros(8), jac=True,
            method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-11},
        )  # fmt: skip
        np.testing.assert_allclose(found.state[7:15], best.x, atol=1e-6)
        assert float(found.energy) == pytest.approx(best.fun, rel=1e-10)
    points = find_fixed_points(made(6), np.asarray(found.state)[None] + 0.1, inputs=np.asarray(image))
    assert points.stable.all()
    np.testing.assert_allclose(points.points[0], found.state, atol=1e-6)


def test_what_is_not_seen_is_filled_in():
    with jax.enable_x64(True):
        network = in_double(made(7))
        image = np.random.default_rng(7).standard_normal((2, 7))
        image[0, 2:4] = np.nan
        found = settle_predictions(network, image, tolerance=1e-11, max_steps=100_000)
        below = np.asarray(network.values(found.state)[0])
        said = np.asarray(network.readout(found.state))
        np.testing.assert_allclose(below[0, 2:4], said[0, 2:4], atol=1e-9)
        np.testing.assert_allclose(below[1], image[1])
        assert np.abs(np.asarray(network.errors(found.state)[0])[0, 2:4]).max() < 1e-9


def test_slower_errors_come_to_the_same_rest():
    image = np.random.default_rng(8).standard_normal(7)
    fast, slow = (settle_predictions(made(8, error_tau=t), image, tolerance=1e-5) for t in (0.0, 0.01))
    assert fast.converged
    assert slow.converged
    np.testing.assert_allclose(fast.state, slow.state, atol=1e-3)


def test_without_feedback_units_hear_only_what_is_below():
    network = made(9, feedback=0.0, nonlinearity="linear")
    image = np.random.default_rng(9).standard_normal(7)
    found = settle_predictions(network, image, tolerance=1e-5)
    b, v, W = network.biases, network.variance, network.weights
    first = b[1] + v[1] * W[0].T @ ((image - b[0]) / v[0])
    np.testing.assert_allclose(network.values(found.state)[1], first, atol=1e-3)
    np.testing.assert_allclose(
        network.values(found.state)[2], b[2] + v[2] * W[1].T @ ((first - b[1]) / v[1]), atol=1e-3
    )
    # at the first step, values at their start predict only biases, and feedback does not matter
    zero = jnp.zeros(network.n_states)
    np.testing.assert_allclose(network.step(zero, image), replace(network, feedback=1.0).step(zero, image), atol=1e-6)


def test_swept_down_there_are_no_errors():
    network = made(10, clamped="top")
    state = network.swept(jnp.asarray([0.3, -1.0, 0.5]))
    assert max(float(jnp.abs(e).max()) for e in network.errors(state)[:-1]) < 1e-6
    np.testing.assert_allclose(network.readout(state), network.values(state)[0], atol=1e-6)
    assert len(network.area) == network.n_units


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dt": 0.1}, "dt <= tau"), ({"variance": jnp.array([1.0, 0.0, 1.0])}, "above 0"),
        ({"variance": jnp.array([1.0, jnp.inf, 1.0])}, "finite"), ({"clamped": "left"}, "bottom, top"),
        ({"biases": (jnp.zeros(7), jnp.zeros(4), jnp.zeros(3))}, "a bias each"), ({"feedback": -1.0}, "0 or more"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        replace(made(), **change)


def test_a_single_layer_is_refused():
    with pytest.raises(InputError, match="two layers"):
        PredictiveCoding.random((4,), rng=np.random.default_rng(0))
