"""Gradients against finite differences and chains of Jacobians, and what is said about how they vanish and explode."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import GRU, LSTM, Elman, Leaky, jacobian, noise_scale, recurrent_weights, run, with_readout
from neurorec.recording import InputError
from neurorec.tasks import FlipFlop, NoisyEvidence, SoundLocation
from neurorec.training import compare_gradients, gradient_norms, growth_per_step, state_gradients
from neurorec.training.losses import trial_loss

LOSSES = ("squared", "cross_entropy", "bernoulli")


def test_gradients_are_those_of_finite_differences(name, network, in_double, make_batch):
    loss = LOSSES[len(name) % 3]
    with jax.enable_x64(True):
        network, batch = in_double(network), make_batch(5, 3, dtype=np.float64)
        noisy = noise_scale(network) > 0
        draws = np.random.default_rng(2).standard_normal((5, 3, network.n_units)) if noisy else None
        trained, fixed = eqx.partition(network, eqx.is_inexact_array)

        def objective(trained):
            return trial_loss(eqx.combine(trained, fixed), batch, draws, loss=loss, rate_penalty=0.1)

        differentiate = jax.jit(jax.value_and_grad(objective))
        gradient = differentiate(trained)[1]
        rng, size = np.random.default_rng(3), 1e-5
        leaves, shape = jax.tree.flatten(jax.tree.map(np.asarray, trained))
        for k, slope in enumerate(jax.tree.leaves(gradient)):
            way = rng.standard_normal(leaves[k].shape)
            ends = [
                float(differentiate(jax.tree.unflatten(shape, [*leaves[:k], leaves[k] + s * way, *leaves[k + 1 :]]))[0])
                for s in (size, -size)
            ]
            assert slope.dtype == jnp.float64
            np.testing.assert_allclose(np.sum(np.asarray(slope) * way), (ends[0] - ends[1]) / (2 * size), atol=1e-8)


@pytest.mark.parametrize("name", ["jordan", "shortcut"], indirect=True)
def test_gradients_in_states_are_chains_of_jacobians(network, in_double, make_batch):
    with jax.enable_x64(True):
        network, batch = in_double(network), make_batch(6, 2, dtype=np.float64)
        batch = batch._replace(mask=batch.inside * (np.arange(6)[:, None] == [5, 4]))
        found = state_gradients(network, batch, loss="squared")
        states = run(network, batch.inputs)
        np.testing.assert_allclose(found.states, states, atol=1e-12)
        before = np.concatenate([np.broadcast_to(network.initial_state, states[:1].shape), states[:-1]])
        pull = jax.vmap(jax.vmap(lambda state, inputs: jacobian(network, state, inputs)))(before, batch.inputs)
        for trial, end in enumerate((5, 4)):
            at = states[end, trial]
            wrong = network.readout(at) - batch.targets[end, trial]
            now = jax.vjp(network.readout, at)[1](2 * wrong / wrong.size)[0]
            for t in range(end, -1, -1):
                np.testing.assert_allclose(found.gradients[t, trial], now, atol=1e-10)
                now = now @ pull[t, trial]
        assert not np.asarray(found.gradients[5, 1]).any()


def test_five_layers_of_large_and_of_small_weights():
    """Five tanh layers of two units and a linear one, all weights w, layer after layer as step after step."""
    with jax.enable_x64(True):
        for weight, known in ((2.0, 3.99730269), (0.02, 4.09381337e-09)):
            square = jnp.full((2, 2), weight, dtype=jnp.float64)
            cell = Elman(square, square, jnp.zeros(2, dtype=jnp.float64))
            network = with_readout(cell, 1, rng=np.random.default_rng(0))
            network = eqx.tree_at(
                lambda n: (n.output, n.output_bias, n.initial), network, (square[:1], jnp.zeros(1), jnp.zeros(2))
            )
            inputs = np.zeros((5, 1, 2))
            inputs[0] = 1.0  # the first layer sees (1, 1), each next one what is below
            out = float(network.readout(run(network, inputs))[-1, 0, 0])
            np.testing.assert_allclose(out, known, rtol=2e-9)
            x = np.ones(2)
            for _ in range(5):
                x = np.tanh(np.full((2, 2), weight) @ x)
            np.testing.assert_allclose(out, weight * x.sum(), rtol=1e-14)


def _linear(gain: float, start="orthogonal"):
    rng = np.random.default_rng(4)
    return with_readout(Elman.random(3, 8, gain=gain, start=start, nonlinearity="linear", rng=rng), 3, rng=rng)


def _flips(n_trials=5):
    return FlipFlop(duration=0.8).sample(n_trials, rng=np.random.default_rng(0))


@pytest.mark.parametrize("gain", [0.5, 1.0, 1.3])
def test_rotations_shrink_gradients_by_their_gain(gain):
    norms = gradient_norms(_linear(gain), _flips())
    np.testing.assert_allclose(norms["factor"], gain, rtol=1e-5)
    at_0 = norms["gradient_norm"].isel(lag=0).values[:, None]
    np.testing.assert_allclose(norms["gradient_norm"], at_0 * gain ** np.arange(40), rtol=1e-4)
    np.testing.assert_allclose(norms["lag"], np.arange(40) * 0.02, atol=1e-12)
    np.testing.assert_allclose(norms["asked"], 0.78)
    assert norms["fit_start"].values.tolist() == [0.0] * 5
    np.testing.assert_allclose(norms["fit_stop"], 0.78)


def test_a_gradient_below_the_smallest_number_is_left_out_of_the_fit():
    rng = np.random.default_rng(0)
    norms = gradient_norms(_linear(0.05), _flips(), noise=False)
    np.testing.assert_allclose(norms["factor"], 0.05, rtol=1e-3)
    assert (norms["fit_stop"] < 0.7).all()
    assert norms["gradient_norm"].isel(lag=-1).values.tolist() == [0.0] * 5
    growth = growth_per_step(np.stack([3.0 * 0.7 ** np.arange(9), np.full(9, np.nan), rng.random(9)]), first=2, last=6)
    np.testing.assert_allclose(growth.factor[0], 0.7)
    assert np.isnan(growth.factor[1])
    assert (growth.first.tolist(), growth.last.tolist()) == ([2, -1, 2], [6, -1, 6])


def test_lags_count_from_the_last_step_that_is_asked_for():
    trials = SoundLocation().sample(6, rng=np.random.default_rng(1))
    rng = np.random.default_rng(2)
    network = with_readout(Leaky.random(trials.sizes["input"], 8, dt=0.02, rng=rng), 1, rng=rng)
    norms = gradient_norms(network, trials)
    last = [np.flatnonzero(mask)[-1] for mask in trials["mask"].values]
    np.testing.assert_allclose(norms["asked"], trials["time"].values[last])
    known = np.isfinite(norms["gradient_norm"].values).sum(axis=1)
    assert known.tolist() == [k + 1 for k in last]
    assert norms.attrs["noise"] == 1
    everywhere = gradient_norms(network, trials, asked="all")
    counted = trials["mask"].values.sum(axis=1)
    ratio = everywhere["gradient_norm"].isel(lag=0) / norms["gradient_norm"].isel(lag=0)
    np.testing.assert_allclose(ratio, 1 / counted, rtol=1e-4)


def test_noise_is_that_of_a_seed():
    rng = np.random.default_rng(2)
    trials = NoisyEvidence().sample(3, rng=rng)
    network = with_readout(Leaky.random(2, 8, noise=0.5, rng=rng), 1, rng=rng)
    first, again, other, none = (
        gradient_norms(network, trials, **options)["gradient_norm"].values
        for options in ({}, {}, {"seed": 1}, {"noise": False})
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first != none).any()


def test_gates_and_rotations_keep_what_plain_weights_lose():
    rng = np.random.default_rng(3)
    trials = FlipFlop().sample(5, rng=rng)
    forgetful = Elman(recurrent_weights(30, gain=0.5, rng=rng), jnp.ones((30, 3)), jnp.zeros(30))
    starts = {
        "gain 0.5": with_readout(forgetful, 3, rng=rng),
        "orthogonal": with_readout(Elman.random(3, 30, rng=rng), 3, rng=rng),
        "lstm": with_readout(LSTM.random(3, 30, rng=rng), 3, rng=rng),
        "gru": with_readout(GRU.random(3, 30, rng=rng), 3, rng=rng),
    }
    norms = compare_gradients(starts, trials, span=(0.1, 0.6))
    assert norms["network"].values.tolist() == list(starts)
    assert norms["kind"].values.tolist() == ["Elman", "Elman", "LSTM", "GRU"]
    factor = norms["factor"].median("trial").to_series()
    assert factor["gain 0.5"] < 0.6
    assert factor["gain 0.5"] < factor["orthogonal"] < 1
    assert factor["lstm"] > 0.8
    alone = gradient_norms(starts["lstm"], trials, span=(0.1, 0.6))
    np.testing.assert_array_equal(norms["gradient_norm"].sel(network="lstm"), alone["gradient_norm"])
    np.testing.assert_allclose(alone["fit_start"], 0.1)
    np.testing.assert_allclose(alone["fit_stop"], 0.6)


def test_what_cannot_be_asked_is_refused():
    trials = _flips()
    with pytest.raises(InputError, match="'last' or 'all'"):
        gradient_norms(_linear(1.0), trials, asked="first")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="span: expected two steps or more"):
        gradient_norms(_linear(1.0), trials, span=(0.1, 0.1))
    with pytest.raises(InputError, match="3 input channels"):
        gradient_norms(
            with_readout(GRU.random(2, 3, rng=np.random.default_rng(0)), 3, rng=np.random.default_rng(0)), trials
        )
    with pytest.raises(InputError, match="at least one"):
        compare_gradients({}, trials)
