"""What holds for every system: shapes, loops, and Jacobians that are derivatives."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import System, jacobian, prepare, run


@pytest.fixture
def inputs():
    """Six steps of two trials, with a cue at the third."""
    drawn = np.random.default_rng(2).standard_normal((6, 2, 3))
    drawn[:, :, 1] = np.arange(6)[:, None] == 3
    return drawn


@eqx.filter_jit
def both_ways(system, inputs):
    """States by `run` and by single steps from each to the next; Jacobians in closed form and automatic."""
    states = run(prepare(system), inputs)
    before = jnp.broadcast_to(system.initial_state, states[:1].shape)
    stepped = system.step(jnp.concatenate([before, states[:-1]]), inputs)
    at = states[2:4, 0], inputs[2:4, 1]  # one of them with the cue
    ways = (system.jacobian, jax.jacfwd(system.step)) if hasattr(system, "jacobian") else ()
    return states, stepped, [jax.vmap(way)(*at) for way in ways]


def test_run_is_a_loop_of_steps_and_the_jacobian_is_the_steps_derivative(system, double, inputs):
    with jax.enable_x64(True):
        states, stepped, jacobians = both_ways(double(system, np.random.default_rng(3)), inputs)
    np.testing.assert_allclose(states, stepped, rtol=1e-10, atol=1e-12)
    assert np.ptp(states, axis=1).max() > 0  # trials differ
    if jacobians:
        assert jacobians[0].dtype == np.float64
        np.testing.assert_allclose(*jacobians, rtol=1e-10, atol=1e-10)
        assert np.abs(jacobians[1]).max() > 0


def test_systems_without_a_closed_form_have_a_jacobian_too():
    found = jacobian(Doubling(), np.ones(2, dtype=np.float32), np.ones(1, dtype=np.float32))  # type: ignore[arg-type]
    np.testing.assert_allclose(found, 2 * np.eye(2))


class Doubling:
    """Steps, and that is all."""

    def step(self, state, inputs):
        """Twice the state."""
        return 2 * state + inputs


def test_shapes_and_types_pass_through(system, inputs):
    assert isinstance(system, System)
    assert system.initial_state.dtype == jnp.float32

    def seen(inputs):
        states = run(system, inputs)
        return states, system.readout(states), system.activity(states)

    shapes = jax.eval_shape(seen, jnp.asarray(inputs, dtype=jnp.float32))
    lengths = (len(system.initial_state), system.n_outputs, system.n_units)
    assert [x.shape for x in shapes] == [(6, 2, n) for n in lengths]
    assert all(x.dtype == jnp.float32 for x in shapes)
    nothing = jnp.zeros((0, lengths[0])), jnp.zeros((0, 3))
    assert jax.eval_shape(lambda x, u: system.step(x, u), *nothing).shape == nothing[0].shape


def test_noise_of_zero_is_no_noise(system, double, inputs):
    draws = np.zeros((6, 2, system.n_units))
    if not hasattr(getattr(system, "cell", system), "noisy_step"):
        with pytest.raises(ValueError, match="private noise"):
            run(system, inputs, draws=draws)
        return
    with jax.enable_x64(True):
        exact = double(system, np.random.default_rng(3))
        quiet, silent, noisy = eqx.filter_jit(lambda s: [run(s, inputs, draws=d) for d in (None, draws, draws + 1)])(
            exact
        )
    np.testing.assert_allclose(silent, quiet, rtol=1e-10)
    assert not np.allclose(noisy, quiet)


@pytest.mark.parametrize("name", ["encoder-decoder"])
def test_gradients_pass_the_switch_and_attention(system, inputs):
    inputs = jnp.asarray(inputs, dtype=jnp.float32)
    weights, fixed = eqx.partition(system, eqx.is_inexact_array)
    slope = jax.jit(jax.grad(lambda w: (eqx.combine(w, fixed).readout(run(eqx.combine(w, fixed), inputs)) ** 2).sum()))
    quickly = slope.lower(weights).compile({"xla_backend_optimization_level": 0})  # it runs but once
    for path, gradient in jax.tree_util.tree_leaves_with_path(quickly(weights)):
        where = jax.tree_util.keystr(path)
        assert np.isfinite(gradient).all(), where
        assert np.abs(gradient).max() > 0, where
