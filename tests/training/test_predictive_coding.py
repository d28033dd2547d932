"""Local learning: the energy's own gradient, backpropagation where theory says so, and PCA where it is linear."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import PredictiveCoding, run, settle_predictions
from neurorec.recording import InputError
from neurorec.training import (
    arrival_updates,
    backpropagated_updates,
    local_updates,
    train_predictive_coding,
    update_angles,
)


def in_double(network):
    return jax.tree.map(lambda x: jax.device_put(np.asarray(x, dtype=np.float64)), network)


def supervised(seed=0, sizes=(3, 6, 5, 8), first=1.0):
    rng = np.random.default_rng(seed)
    variance = [first, *np.ones(len(sizes) - 2), np.inf]
    network = in_double(PredictiveCoding.random(sizes, variance=variance, clamped="both", rng=rng))
    return network, jnp.asarray(rng.standard_normal((10, sizes[0]))), jnp.asarray(rng.standard_normal((10, sizes[-1])))


def test_updates_are_the_energys_gradient():
    with jax.enable_x64(True):
        network, bottom, top = supervised()
        state = jnp.asarray(np.random.default_rng(1).standard_normal((10, network.n_states)))
        inputs = jnp.concatenate([bottom, top], axis=-1)
        state = network.state_of(network.clamp(network.values(state), inputs))
        found = local_updates(network, state)

        def energy(weights, biases):
            there = replace(network, weights=weights, biases=biases)
            return there.energy(state, inputs).mean()

        wanted = jax.grad(energy, argnums=(0, 1))(network.weights, network.biases)
        for mine, theirs in zip((*found.weights, *found.biases), (*wanted[0], *wanted[1]), strict=True):
            np.testing.assert_allclose(mine, -theirs, atol=1e-12)


def test_on_arrival_updates_are_those_of_backpropagation():
    with jax.enable_x64(True):
        network, bottom, top = supervised(2)
        one, other = (f(network, bottom, top) for f in (arrival_updates, backpropagated_updates))
        for mine, theirs in zip((*one.weights, *one.biases[:-1]), (*other.weights, *other.biases[:-1]), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-13)


def test_settled_updates_approach_them_as_the_output_weighs_less():
    with jax.enable_x64(True):
        worst = []
        for first in (1.0, 100.0, 1e4):
            network, bottom, top = supervised(3, first=first)
            inputs = jnp.concatenate([bottom, top], axis=-1)
            state = settle_predictions(network, inputs, state=network.swept(top), tolerance=1e-10).state
            angle = update_angles(local_updates(network, state), backpropagated_updates(network, bottom, top))
            worst.append(angle.max())
        assert worst[0] > 10 > 3 > worst[1]
        assert worst[2] == pytest.approx(worst[1] / 100, rel=0.1)  # the first order in the output's precision


def test_arrival_learns_as_backpropagation_does():
    rng = np.random.default_rng(4)
    network = PredictiveCoding.random((2, 8, 4), variance=[1, 1, np.inf], clamped="top", rng=rng)
    top = rng.standard_normal((200, 4))
    bottom = np.tanh(top[:, :2] - top[:, 2:])
    found = [
        train_predictive_coding(network, bottom, top, updates=u, n_epochs=5, rng=np.random.default_rng(0))
        for u in ("arrival", "backpropagation")
    ]
    np.testing.assert_allclose(found[0].energy, found[1].energy, rtol=1e-4)
    assert found[0].network.clamped == "top"
    assert found[0].energy[-1] < 0.9 * found[0].energy[0]


def test_a_linear_hierarchy_learns_the_principal_subspace():
    rng = np.random.default_rng(5)
    mixing = rng.standard_normal((3, 10)) * np.array([[1.5], [1.0], [0.7]])
    x = rng.standard_normal((600, 3)) @ mixing + 0.1 * rng.standard_normal((600, 10))
    network = PredictiveCoding.random((10, 3), variance=[0.1, 1.0], nonlinearity="linear", dt=0.0002, gain=0.3, rng=rng)
    options = {"n_settling": 150, "n_epochs": 40, "learning_rate": 0.02, "rng": rng}
    learnt = train_predictive_coding(network, x, **options).network
    W = np.linalg.qr(np.asarray(learnt.weights[0], dtype=float))[0]
    V = np.linalg.svd(x, full_matrices=False)[2][:3].T
    assert np.linalg.svd(W.T @ V)[1].min() > 0.99


def test_supervised_answers_are_learnt_by_settling():
    rng = np.random.default_rng(6)
    network = PredictiveCoding.random((1, 12, 2), variance=[1, 1, np.inf], clamped="top", rng=rng)
    top = rng.standard_normal((400, 2))
    bottom = np.tanh(top[:, :1] + 0.5 * top[:, 1:])
    found = train_predictive_coding(network, bottom, top, learning_rate=0.01, rng=rng)
    learnt = found.network
    said = np.asarray(learnt.readout(learnt.swept(jnp.asarray(top, dtype=jnp.float32))))
    assert np.mean((said - bottom) ** 2) < 0.05 * bottom.var()
    assert (found.energy <= found.begun).all()
    # the free output comes to what is predicted of it
    states = run(learnt, jnp.broadcast_to(jnp.asarray(top[:5], dtype=jnp.float32), (400, 5, 2)))
    np.testing.assert_allclose(learnt.values(states[-1])[0], said[:5], atol=1e-3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bottom": np.zeros((5, 3))}, "finite"), ({"updates": "arrival"}, "with a top"),
        ({"batch_size": 50}, "1 or more"), ({"bottom": np.full((20, 4), np.nan)}, "finite"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(change, said):
    network = PredictiveCoding.random((4, 2), rng=np.random.default_rng(0))
    options = {"bottom": np.zeros((20, 4)), "batch_size": 5, "rng": np.random.default_rng(0)} | change
    with pytest.raises(InputError, match=said):
        train_predictive_coding(network, **options)


def test_values_that_run_off_are_reported():
    rng = np.random.default_rng(0)
    network = PredictiveCoding.random((20, 5), nonlinearity="linear", dt=0.02, gain=3.0, rng=rng)
    with pytest.raises(InputError, match="try dt below"):
        train_predictive_coding(network, rng.standard_normal((64, 20)), rng=rng)
