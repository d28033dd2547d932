"""Rules: maps and flows, of systems and of callables."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.dynamics.rule import as_rule, check_states
from neurorec.networks import CallableSystem, Elman, Leaky, build_network, with_readout
from neurorec.recording import InputError

WEIGHTS = np.random.default_rng(0).standard_normal((3, 3))
DRIVE = np.random.default_rng(1).standard_normal((2, 3))


@pytest.mark.parametrize("numpy", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("flow", [False, True], ids=["map", "flow"])
def test_callables_of_either_library_have_the_same_velocity_and_jacobian(numpy, flow):
    def step(state, inputs):
        return numpy.tanh(state @ WEIGHTS.T + inputs @ DRIVE)

    rule = as_rule(step, 3, n_inputs=2, flow=flow)
    assert rule.traceable == (numpy is jnp)
    states, inputs = np.random.default_rng(2).standard_normal((5, 3)), np.ones((5, 2))
    after = np.tanh(states @ WEIGHTS.T + inputs @ DRIVE)
    np.testing.assert_allclose(rule.velocity(states, inputs), after - (not flow) * states, rtol=1e-12)
    expected = (1 - after**2)[..., None] * WEIGHTS
    np.testing.assert_allclose(rule.jacobians(states, inputs), expected, atol=1e-9)


def test_a_jacobian_that_is_given_is_used():
    rule = as_rule(lambda x, u: np.tanh(x), 2, jacobian=lambda x, u: np.diag(7 + x))
    np.testing.assert_array_equal(rule.jacobians(np.ones((1, 2)), np.zeros((1, 0)))[0], 8 * np.eye(2))


@pytest.mark.parametrize("traceable", [True, False])
def test_a_system_is_evaluated_in_float64_and_knows_its_time_step(traceable):
    rng = np.random.default_rng(0)
    network = with_readout(Leaky.random(2, 4, dt=0.01, rng=rng), 1, rng=rng)
    rule = as_rule(network, 4)
    assert (rule.dt, rule.n_inputs, rule.flow) == (0.01, 2, False)
    states, inputs = rng.standard_normal((3, 4)), rng.standard_normal((3, 2))
    cell = network.cell
    drive = states @ np.asarray(cell.recurrent, dtype=float).T + inputs @ np.asarray(cell.input, dtype=float).T
    after = 0.9 * states + 0.1 * np.tanh(drive + np.asarray(cell.bias))
    np.testing.assert_allclose(rule.step(states, inputs), after, rtol=1e-13)
    slope = 0.1 * (1 - np.tanh(drive) ** 2)[..., None] * np.asarray(cell.recurrent) + 0.9 * np.eye(4)
    np.testing.assert_allclose(rule.jacobians(states, inputs), slope, rtol=1e-6, atol=1e-12)
    numpy = np if not traceable else jnp
    waves: Any = CallableSystem(lambda x, u: 0.5 * numpy.sin(x), 4, 2, traceable=traceable)  # type: ignore[arg-type]
    other = as_rule(waves, 4)
    assert other.traceable == traceable
    np.testing.assert_allclose(other.jacobians(states, inputs)[0], np.diag(0.5 * np.cos(states[0])), atol=1e-8)


def test_what_does_not_step_is_refused():
    rng = np.random.default_rng(0)
    network = with_readout(Elman.random(2, 4, rng=rng), 1, rng=rng)
    with pytest.raises(InputError, match="found a system"):
        as_rule(network, 4, flow=True)
    with pytest.raises(InputError, match="a system or a callable, found int"):
        as_rule(3, 4)  # type: ignore[arg-type]
    rule = as_rule(network, 4)
    with pytest.raises(InputError, match="nan or inf"):
        check_states(rule, [[0, 0, 0, np.nan]], None)
    with pytest.raises(InputError, match="give each state one set of inputs"):
        check_states(rule, np.zeros((3, 4)), np.zeros((2, 2)))
    summing = as_rule(lambda x, u: x.sum(axis=-1), 4)
    with pytest.raises(InputError, match="pass leading axes"):
        check_states(summing, np.zeros((3, 4)), None)


@pytest.mark.parametrize(("states", "inputs"), [((3, 5), (3, 2)), ((3, 4), (3, 3)), ((3, 4), (7,))])
@pytest.mark.parametrize("numpy", [np, jnp])
def test_states_and_inputs_of_other_sizes_are_refused(states, inputs, numpy):
    """Of a network, of a callable, and of one of NumPy, which would say so in words of their own, or not at all."""
    rng = np.random.default_rng(0)
    weights, drive = rng.standard_normal((4, 4)), rng.standard_normal((4, 2))

    def step(state, now):
        return numpy.tanh(state @ weights.T + now @ drive.T)

    network = with_readout(Elman.random(2, 4, rng=rng), 1, rng=rng)
    with pytest.raises(InputError, match="4 numbers a state and 2 a set of inputs"):
        check_states(as_rule(network, states[1]), np.zeros(states), np.zeros(inputs))
    rule = as_rule(step, states[1], n_inputs=inputs[-1])
    with pytest.raises(InputError, match="states and inputs that step takes"):
        check_states(rule, np.zeros(states), np.zeros(inputs))


def test_delay_lines_of_another_length_are_refused():
    """Their step would take any."""
    line = build_network("tapped_delay", 2, 1, taps=3, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="numbers a state"):
        check_states(as_rule(line, 9), np.zeros((1, np.size(line.initial_state) + 1)), np.zeros(2))
