"""A reservoir: one system whether it is stepped or run, with weights of a given size."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import csr_array

from neurorec.networks import Reservoir, jacobian, reservoir_states, reservoir_weights, run
from neurorec.networks.system import scan
from neurorec.recording import InputError

REACT = {"tanh": np.tanh, "linear": lambda x: x, "sign": lambda x: np.where(x >= 0, 1.0, -1.0)}


def plainly(W, V, inputs, b, leak, react):
    """The equation of the paper, one sequence after the other."""
    states = np.zeros((*inputs.shape[:2], len(W)))
    for k in range(inputs.shape[1]):
        x = np.zeros(len(W))
        for t, u in enumerate(inputs[:, k]):
            x = (1 - leak) * x + leak * react(W @ x + V @ u + b)
            states[t, k] = x
    return states


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    W = reservoir_weights(40, spectral_radius=0.9, density=0.2, rng=rng)
    return W, rng.standard_normal((40, 2)), rng.standard_normal((25, 19, 2)), rng.standard_normal(40)


@pytest.mark.parametrize("way", ["dense", "sparse"])
@pytest.mark.parametrize("nonlinearity", list(REACT))
@pytest.mark.parametrize(("kind", "off"), [(np.float32, 5e-6), (np.float64, 1e-13)])
def test_both_ways_are_the_equation(drawn, way, nonlinearity, kind, off):
    W, V, inputs, b = drawn
    expected = plainly(W, V, inputs, b, 0.3, REACT[nonlinearity])
    options = {"bias": b, "leak": 0.3, "nonlinearity": nonlinearity, "way": way}
    many = reservoir_states(W.astype(kind), V, inputs, **options)
    one = reservoir_states(W.astype(kind), V, inputs[:, 3], **options)
    assert many.dtype == one.dtype == kind
    np.testing.assert_allclose(many, expected, atol=off)
    np.testing.assert_allclose(one, expected[:, 3], atol=off)
    np.testing.assert_allclose(reservoir_states(csr_array(W), V, inputs, **options), expected, atol=1e-13)


@pytest.mark.parametrize("nonlinearity", ["tanh", "linear"])
def test_running_is_stepping_with_feedback_too(nonlinearity):
    rng = np.random.default_rng(1)
    network = Reservoir.random(
        2, 60, n_outputs=3, leak=0.4, bias_scaling=0.2, feedback_scaling=0.5, nonlinearity=nonlinearity, rng=rng
    )
    trained = replace(
        network,
        output=jnp.asarray(0.05 * rng.standard_normal((3, 60)), dtype=jnp.float32),
        output_bias=jnp.asarray(rng.standard_normal(3), dtype=jnp.float32),
    )
    inputs = jnp.asarray(rng.standard_normal((30, 4, 2)), dtype=jnp.float32)
    start = jnp.asarray(0.1 * rng.standard_normal((4, 60)), dtype=jnp.float32)
    states = run(trained, inputs, state=start)
    np.testing.assert_allclose(states, scan(trained, start, inputs), atol=2e-5)
    np.testing.assert_allclose(run(trained, inputs[:, 1], state=start[1]), states[:, 1], atol=2e-5)
    np.testing.assert_allclose(jax.jit(lambda u: run(trained, u, state=start))(inputs), states, atol=2e-5)
    # what was answered comes back a step later: forced with its own answers, the network does the same
    answers = np.concatenate([trained.readout(start)[None], trained.readout(states)])[1:]
    still = replace(trained, initial=jnp.zeros(60), output_bias=jnp.zeros(3))
    states = run(still, inputs)
    answers = still.readout(states)
    np.testing.assert_allclose(still.forced_states(inputs, answers), states, atol=2e-5)


def test_the_jacobian_is_the_derivative_of_a_step():
    rng = np.random.default_rng(2)
    network = Reservoir.random(1, 20, leak=0.3, feedback_scaling=0.5, bias_scaling=0.5, rng=rng)
    network = replace(network, output=jnp.asarray(rng.standard_normal((1, 20)), dtype=jnp.float32))
    state, inputs = jnp.asarray(rng.standard_normal(20), dtype=jnp.float32), jnp.ones(1)
    expected = jax.jacfwd(network.step)(state, inputs)
    np.testing.assert_allclose(jacobian(network, state, inputs), expected, atol=1e-5)


@pytest.mark.parametrize("start", ["gaussian", "uniform", "signs", "orthogonal"])
def test_weights_have_the_spectral_radius(start):
    weights = reservoir_weights(80, spectral_radius=1.3, density=0.1, start=start, rng=np.random.default_rng(3))
    assert np.abs(np.linalg.eigvals(weights)).max() == pytest.approx(1.3)
    if start == "orthogonal":
        np.testing.assert_allclose(weights @ weights.T, 1.3**2 * np.eye(80), atol=1e-12)
    else:
        assert set((weights != 0).sum(axis=1)) == {8}


def test_large_weights_too():
    weights = reservoir_weights(520, spectral_radius=0.7, density=0.02, rng=np.random.default_rng(4))
    assert np.abs(np.linalg.eigvals(weights)).max() == pytest.approx(0.7, rel=1e-5)


def test_states_are_forgotten_below_a_radius_of_one():
    network = Reservoir.random(1, 50, spectral_radius=0.6, input_scaling=0.3, rng=np.random.default_rng(5))
    inputs = np.random.default_rng(6).standard_normal((200, 2, 1))
    inputs[100:, 1] = inputs[100:, 0]
    states = np.asarray(run(network, inputs))
    assert np.abs(states[99, 0] - states[99, 1]).max() > 0.1
    np.testing.assert_allclose(states[-1, 0], states[-1, 1], atol=1e-5)
    assert replace(network, leak=0.25, dt=0.01).tau == 0.04


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"spectral_radius": -0.1}, "spectral_radius: expected 0 or more"),
        ({"input_scaling": float("nan")}, "input_scaling"),
        ({"leak": 0.0}, "0 < leak <= 1"),
        ({"leak": 1.5}, "0 < leak <= 1"),
        ({"density": 0.0}, "density: expected above 0"),
        ({"dt": -1.0}, "dt above 0 s"),
        ({"start": "cold"}, "one of gaussian"),
        ({"nonlinearity": "relu"}, "one of tanh"),
        ({"n_outputs": 0}, "an output or more"),
    ],
)
def test_wrong_parameters_are_refused_with_a_reason(wrong, said):
    with pytest.raises(InputError, match=said):
        Reservoir.random(1, 10, rng=np.random.default_rng(0), **wrong)


def test_shapes_that_do_not_fit_are_refused():
    network = Reservoir.random(1, 10, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="10 rows each"):
        replace(network, input=jnp.zeros((9, 1)))
    with pytest.raises(InputError, match=r"shape \(10, 1\)"):
        replace(network, feedback=jnp.zeros((10, 2)))
    with pytest.raises(InputError, match="time first"):
        reservoir_states(np.eye(3), np.ones((3, 2)), np.ones((5, 1)))
