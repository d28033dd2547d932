"""What is particular to a family: what fits together, what is refused, and the catalogue."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import (
    GRU,
    LSTM,
    NETWORKS,
    CallableSystem,
    DelayFeedforward,
    Elman,
    EncoderDecoder,
    Jordan,
    Leaky,
    SecondOrder,
    Stacked,
    System,
    TappedDelay,
    build_network,
    jacobian,
    noise_scale,
    run,
)
from neurorec.recording import InputError


@pytest.fixture
def rng():
    return np.random.default_rng(8)


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_catalogue_builds_each(kind):
    network = build_network(kind, 3, 2, n_units=9, dt=0.1, rng=np.random.default_rng(0))
    assert isinstance(network, System)
    assert (network.n_inputs, network.n_outputs) == (3, 2)
    after = jax.eval_shape(network.step, network.initial_state, jnp.zeros(3))
    assert after.shape == network.initial_state.shape
    again = build_network(kind, 3, 2, n_units=9, dt=0.1, rng=np.random.default_rng(0))
    for one, other in zip(jax.tree.leaves(network), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_catalogue_knows_the_nearest_name(rng):
    for wrong, meant in (("leeky", "leaky"), ("LSTM", "lstm"), ("encoder-decoder", "encoder_decoder")):
        with pytest.raises(InputError, match=f"did you mean '{meant}'"):
            build_network(wrong, 1, 1, rng=rng)
    with pytest.raises(InputError, match="0 inputs"):
        build_network("gru", 0, 1, rng=rng)


def test_stacked_areas_and_noise(rng):
    quiet = Stacked((GRU.random(2, 3, rng=rng), LSTM.random(3, 2, rng=rng)))
    assert noise_scale(quiet) == 0
    with pytest.raises(InputError, match="private noise"):
        quiet.noisy_step(jnp.zeros(7), jnp.zeros(2), jnp.zeros(5))
    assert quiet.area == ("layer_1",) * 3 + ("layer_2",) * 2
    top = Leaky.random(5, 2, area=("V1", "PPC"), noise=0.2, rng=rng)
    named = Stacked((quiet, top))
    assert noise_scale(named) == top.noise_scale > 0
    assert named.area == (*quiet.area, "V1", "PPC")
    with pytest.raises(InputError, match="cell 1 with 3 inputs"):
        Stacked((GRU.random(2, 3, rng=rng), GRU.random(4, 3, rng=rng)))
    with pytest.raises(InputError, match="at least one"):
        Stacked(())


def test_a_stacks_jacobian_is_block_triangular(rng):
    cell = Stacked((Elman.random(2, 3, rng=rng), Elman.random(3, 4, rng=rng)))
    found = np.asarray(jacobian(cell, rng.standard_normal(7).astype(np.float32), np.ones(2, dtype=np.float32)))
    assert not found[:3, 3:].any()
    assert found[3:, :3].all()


@pytest.mark.parametrize("traceable", [True, False])
def test_any_callable_steps(traceable, rng):
    library = jnp if traceable else np
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]], dtype=np.float32)
    system = CallableSystem(
        lambda x, u: library.tanh(x @ turn.T + u),
        2,
        2,
        readout_function=lambda x: x[..., :1],
        activity_function=lambda x: library.concatenate([x, -x], -1),
        initial=[0.5, 0.0],
        area=("a", "a", "b", "b"),
        traceable=traceable,
    )
    assert (system.n_outputs, system.n_units) == (1, 4)
    inputs = rng.standard_normal((4, 3, 2)).astype(np.float32)
    states = run(system, inputs)
    x = np.broadcast_to([0.5, 0.0], (3, 2))
    for t in range(4):
        x = np.tanh(x @ turn.T + inputs[t])
        np.testing.assert_allclose(states[t], x, rtol=1e-5, atol=1e-6)
    assert system.readout(states).shape == (4, 3, 1)
    point, u = np.array([0.3, -0.2], dtype=np.float32), np.array([0.1, 0.0], dtype=np.float32)
    slope = 1 - np.tanh(turn @ point + u) ** 2
    np.testing.assert_allclose(jacobian(system, point, u), slope[:, None] * turn, atol=1e-3 if not traceable else 1e-6)


def test_callables_that_do_not_step_are_refused():
    with pytest.raises(InputError, match="return the next state"):
        CallableSystem(lambda x, u: u, 2, 3)
    with pytest.raises(InputError, match="match n_states"):
        CallableSystem(lambda x, u: x, 2, 3, initial=[0.0])
    with pytest.raises(InputError, match="each unit's area"):
        CallableSystem(lambda x, u: x, 2, 3, area=("V1",))


def test_what_does_not_fit_is_refused(rng):
    with pytest.raises(InputError, match="memory"):
        Jordan.random(2, 3, 1, memory=1.0, rng=rng)
    with pytest.raises(InputError, match="feedback"):
        Jordan(jnp.ones((3, 2)), jnp.ones((3, 2)), jnp.ones(3), jnp.ones((1, 3)), jnp.ones(1), jnp.ones(4))
    with pytest.raises(InputError, match="only recurrent"):
        SecondOrder(jnp.ones((2, 2, 1)), jnp.ones(2), recurrent=jnp.ones((2, 2)))
    with pytest.raises(InputError, match="taps times 2"):
        TappedDelay(jnp.ones((1, 5)), jnp.ones(1), n_inputs=2)
    with pytest.raises(InputError, match="nonlinearity"):
        DelayFeedforward.random(2, 3, 1, nonlinearity="step", rng=rng)
    with pytest.raises(InputError, match="channel from 0 to 1"):
        EncoderDecoder.random(2, 3, 1, go=2, rng=rng)
    with pytest.raises(InputError, match="slots"):
        EncoderDecoder.random(2, 3, 1, slots=-1, rng=rng)
    other = EncoderDecoder.random(2, 3, 1, slots=2, rng=rng)
    with pytest.raises(InputError, match="decoder"):
        EncoderDecoder(
            other.encoder, other.encoder, other.bridge, other.output, other.output_bias, other.rest, other.initial
        )
