"""What holds for every system: shapes, loops, and Jacobians that are derivatives."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import System, jacobian, prepare, run

step = eqx.filter_jit(lambda system, state, inputs: system.step(state, inputs))


@eqx.filter_jit
def seen(system, inputs, draws=None):
    """States, outputs and activity."""
    states = run(prepare(system), inputs, draws=draws)
    return states, system.readout(states), system.activity(states)


@pytest.fixture
def inputs():
    """Six steps of two trials; the second channel is a cue."""
    drawn = np.random.default_rng(2).standard_normal((6, 2, 3)).astype(np.float32)
    drawn[:, :, 1] = np.arange(6)[:, None] == 3
    return drawn


def test_run_is_a_loop_of_steps_and_trials_do_not_mix(system, inputs):
    assert isinstance(system, System)
    states, outputs, activity = seen(system, inputs)
    assert states.dtype == outputs.dtype == activity.dtype == jnp.float32
    assert states.shape == (6, 2, *system.initial_state.shape)
    assert outputs.shape == (6, 2, system.n_outputs)
    assert activity.shape == (6, 2, system.n_units)
    state = system.initial_state
    for now, after in zip(inputs[:, 1], states[:, 1], strict=True):
        state = step(system, state, now)
        np.testing.assert_allclose(after, state, rtol=2e-5, atol=2e-6)


def test_the_jacobian_is_the_derivative_of_the_step(system, double):
    rng = np.random.default_rng(3)
    both = eqx.filter_jit(lambda s, x, u: (jacobian(s, x, u), jax.jacfwd(s.step)(x, u)))
    with jax.enable_x64(True):
        exact = double(system, rng)
        for cue in (0.0, 1.0):
            state = rng.standard_normal(exact.initial_state.shape)
            found, expected = both(exact, state, np.array([0.3, cue, -0.7]))
            assert found.dtype == np.float64
            assert found.shape == (state.size, state.size)
            np.testing.assert_allclose(found, expected, atol=1e-10, rtol=1e-10)
            assert np.abs(expected).max() > 0


def test_noise_of_zero_is_no_noise(system, inputs):
    draws = np.zeros((6, 2, system.n_units), dtype=np.float32)
    if not hasattr(getattr(system, "cell", system), "noisy_step"):
        with pytest.raises(ValueError, match="private noise"):
            run(system, inputs, draws=draws)
        return
    quiet = seen(system, inputs)[0]
    np.testing.assert_allclose(seen(system, inputs, draws)[0], quiet, rtol=1e-5, atol=1e-6)
    noisy = seen(system, inputs, draws + 1)[0]
    assert not np.allclose(noisy, quiet)


@pytest.mark.parametrize("name", ["encoder-decoder"])
def test_gradients_pass_the_switch_and_attention(system, inputs):
    slope = eqx.filter_jit(eqx.filter_grad(lambda system: (seen(system, inputs)[1] ** 2).sum()))
    for path, gradient in jax.tree_util.tree_leaves_with_path(slope(system)):
        where = jax.tree_util.keystr(path)
        assert np.isfinite(gradient).all(), where
        assert np.abs(gradient).max() > 0, where
