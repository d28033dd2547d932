"""The tuned integrator: every position a fixed point, and what mistuning makes of it."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import TunedIntegrator, jacobian, run
from neurorec.recording import InputError


@pytest.fixture(scope="module")
def network() -> TunedIntegrator:
    return TunedIntegrator.tuned(60, rng=np.random.default_rng(1))


def test_its_synapses_are_excitatory_and_add_up_to_the_position(network):
    assert float(network.weight.min()) >= 0
    for position in (3.0, 17.0, 33.0):
        assert float(network.readout(network.state_at(position))[0]) == pytest.approx(position, abs=0.1)


def test_one_eigenvalue_is_near_one_and_the_others_leak(network):
    at = network.state_at(20.0)
    size = np.sort(np.abs(np.linalg.eigvals(np.asarray(jacobian(network, at, jnp.zeros(1)), dtype=float))))
    assert abs(size[-1] - 1) < 0.002
    assert size[-2] == pytest.approx(1 - network.dt / network.tau, abs=1e-4)


@pytest.mark.parametrize("mistuning", [0.05, -0.05])
def test_mistuning_sets_the_rate_of_the_drift(network, mistuning):
    off = replace(network, mistuning=mistuning)
    start = off.state_at(15.0)
    # the first step: dE/dt = -m E / tau at the position that the synapses say, E = (1 - m) 15
    before = float(off.readout(start)[0])
    path = np.asarray(off.readout(run(off, np.zeros((40, 1)), state=start)))[:, 0]
    rate = np.log(path[-1] / path[20]) / (19 * off.dt)
    assert before == pytest.approx((1 - mistuning) * 15, rel=0.01)
    assert rate == pytest.approx(-mistuning / off.tau, rel=0.35)
    assert np.sign(rate) == -np.sign(mistuning)


def test_commands_are_integrated(network):
    command = np.zeros((200, 1))
    command[10:20] = 4.0 * network.tau / (10 * network.dt)
    path = np.asarray(network.readout(run(network, command, state=network.state_at(10.0))))[:, 0]
    assert path[-1] == pytest.approx(14.0, abs=0.4)


def test_wrong_sizes_are_refused(network):
    with pytest.raises(InputError, match="dt <= tau"):
        replace(network, dt=0.2)
    with pytest.raises(InputError, match="two units or more"):
        TunedIntegrator.tuned(1, rng=np.random.default_rng(0))
