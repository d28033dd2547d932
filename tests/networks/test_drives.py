"""Where the drive of units comes from, and what the others tell of each."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import (
    GRU,
    Elman,
    Leaky,
    drive_shares,
    run,
    run_spiking,
    spiking_shares,
    with_readout,
)
from neurorec.recording import InputError
from neurorec.tasks import NoisyEvidence

TASK = NoisyEvidence(stimulus=0.3, response=0.1)


def _network(gain=0.9, noise=0.3, seed=0, n_units=12, **options):
    rng = np.random.default_rng(seed)
    return with_readout(Leaky.random(2, n_units, gain=gain, noise=noise, rng=rng, **options), 1, rng=rng)


def _trials(n=30, seed=1):
    return TASK.sample(n, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("gain", [0.0, 0.5, 1.2])
def test_shares_add_up_and_grow_with_the_weights(gain):
    shares = drive_shares(_network(gain), _trials(), rng=np.random.default_rng(3))
    np.testing.assert_allclose(shares.recurrent + shares.input + shares.private, 1, atol=1e-5)
    weaker = drive_shares(_network(gain / 2), _trials(), rng=np.random.default_rng(3))
    if gain:
        assert shares.recurrent.mean() > weaker.recurrent.mean() > 0
        assert shares.beyond.mean() > weaker.beyond.mean() > 0
    else:
        assert not shares.recurrent.any()
        assert not shares.beyond.any()


def test_without_noise_inputs_determine_everything():
    shares = drive_shares(_network(noise=0.0), _trials(), rng=np.random.default_rng(3))
    assert not shares.private.any()
    assert np.isnan(shares.beyond).all()


def test_a_weight_onto_oneself_is_no_recurrence():
    network = _network(recurrent=0.5 * jnp.eye(12))
    shares = drive_shares(network, _trials(), rng=np.random.default_rng(3))
    assert not shares.recurrent.any()


def test_two_units_by_hand():
    """The second hears the first, without inputs: its drive is w r_1 and noise."""
    cell = Leaky(jnp.array([[0.0, 0.0], [2.0, 0.0]]), jnp.zeros((2, 2)), jnp.zeros(2), noise=0.2, nonlinearity="linear")
    network = with_readout(cell, 1, rng=np.random.default_rng(0))
    shares = drive_shares(network, _trials(400), n_repeats=4, rng=np.random.default_rng(5))
    # Both noises have variance s^2 = 2 / a 0.2^2 in the drive; r_1 starts at 0 and has variance
    # a s^2 / (2 - a) (1 - (1 - a)^2t) after t steps: 4 times its mean over steps against s^2.
    a, n = cell.leak, TASK.sample(1, rng=np.random.default_rng(0)).sizes["time"]
    heard = 4 * a / (2 - a) * np.mean(1 - (1 - a) ** (2 * np.arange(n)))
    np.testing.assert_allclose(shares.recurrent, [0, heard / (1 + heard)], atol=0.02)
    np.testing.assert_allclose(shares.beyond, shares.recurrent, atol=0.02)


def test_an_elman_network_is_a_leaky_one_that_leaks_everything():
    rng = np.random.default_rng(0)
    network = with_readout(Elman.random(2, 8, rng=rng), 1, rng=rng)
    shares = drive_shares(network, _trials(), rng=rng)
    np.testing.assert_allclose(shares.recurrent + shares.input, 1, atol=1e-5)


def test_what_mixes_its_drives_is_refused():
    rng = np.random.default_rng(0)
    gru = with_readout(GRU.random(2, 4, rng=rng), 1, rng=rng)
    for network in (gru, _network(form="current"), _network(noise_inside=False)):
        with pytest.raises(InputError, match="rate form, noise inside"):
            drive_shares(network, _trials(3), rng=rng)


def _talking(weights, inputs, bias, start, nonlinearity="sigmoid"):
    """A network whose units can talk in spikes, at `start` to begin with."""
    arrays = (jnp.asarray(values, dtype=jnp.float32) for values in (weights, inputs, bias))
    cell = Leaky(*arrays, tau=0.05, form="current", nonlinearity=nonlinearity)
    network = with_readout(cell, 1, rng=np.random.default_rng(0))
    return eqx.tree_at(lambda n: n.initial, network, jnp.asarray(start, dtype=jnp.float32))


def _random_talking(n_units=8, gain=4.0):
    rng = np.random.default_rng(0)
    weights = gain / np.sqrt(n_units) * rng.standard_normal((n_units, n_units))
    np.fill_diagonal(weights, 0)
    return _talking(weights, rng.standard_normal((n_units, 2)), -np.ones(n_units), -np.ones(n_units))


def test_very_many_spikes_are_rates():
    network, trials = _random_talking(), _trials(5)
    spikes = run_spiking(network, trials, peak_rate=1e8, rng=np.random.default_rng(1))
    states = np.swapaxes(np.asarray(run(network, np.swapaxes(trials["inputs"].values, 0, 1))), 0, 1)
    np.testing.assert_allclose(spikes.drive, states, atol=5e-3)
    np.testing.assert_allclose(spikes.rate, 1e8 / (1 + np.exp(-states)), rtol=5e-3)
    assert (abs(spikes.counts - 0.02 * spikes.rate) < 7 * np.sqrt(0.02 * spikes.rate)).all()


def test_what_spikes_make_of_a_drive_by_hand():
    """The first fires at its peak; the second hears it, with weight w, beside inputs: ``x_2 = w s + filtered V u``."""
    w, q, trials = 2.0, 40.0, _trials(50)
    cell = ([[0, 0], [w, 0]], [[0, 0], [0.3, 0]], [1.0, 0.0], [1.0, w])
    network = _talking(*cell, nonlinearity="relu")
    shares = spiking_shares(network, trials, peak_rate=q, n_repeats=60, rng=np.random.default_rng(2))
    # s is a y / (q dt) + (1 - a) s, the variance of y / (q dt) is 1 / (q dt), and the first step hears no spike yet
    a, dt = 0.4, 0.02
    n = trials.sizes["time"]
    heard = w**2 / (q * dt) * a / (2 - a) * np.mean(1 - (1 - a) ** (2 * np.arange(n)))
    seen, x = np.empty((50, n)), np.zeros(50)
    for t in range(n):
        seen[:, t] = x = (1 - a) * x + a * 0.3 * trials["inputs"].values[:, t, 0]
    np.testing.assert_allclose(shares.recurrent, [0, heard / (heard + seen.var())], atol=0.02)
    np.testing.assert_allclose(shares.expected[..., 0], q, rtol=1e-5)


def test_without_weights_inputs_determine_all_rates():
    network, trials = _random_talking(gain=0.0), _trials(10)
    shares = spiking_shares(network, trials, peak_rate=60.0, n_repeats=3, rng=np.random.default_rng(3))
    np.testing.assert_allclose(shares.recurrent, 0, atol=1e-9)
    spikes = run_spiking(network, trials, peak_rate=60.0, rng=np.random.default_rng(4))
    np.testing.assert_allclose(shares.expected, spikes.rate, rtol=1e-6)


def test_spikes_are_best_predicted_by_the_rate_given_all_spikes():
    network, trials = _random_talking(gain=8.0), _trials(200)
    shares = spiking_shares(network, trials, peak_rate=60.0, n_repeats=20, rng=np.random.default_rng(5))
    spikes = run_spiking(network, trials, peak_rate=60.0, rng=np.random.default_rng(6))
    error = [((spikes.counts - 0.02 * rate) ** 2).mean() for rate in (spikes.rate, shares.expected)]
    assert error[0] < 0.97 * error[1]
    # Poisson counts have the variance of their mean
    np.testing.assert_allclose(error[0], 0.02 * spikes.rate.mean(), rtol=0.03)


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (_network(), {}, "current form"),
        (_network(form="current"), {}, "current form"),
        (_talking(np.eye(2), np.zeros((2, 2)), np.zeros(2), np.zeros(2)), {}, "onto itself"),
        (_random_talking(), {"peak_rate": 0.0}, "peak_rate"),
        (_random_talking(), {"n_repeats": 1}, "n_repeats"),
    ],
)
def test_what_cannot_talk_in_spikes_is_refused(network, options, message):
    with pytest.raises(InputError, match=message):
        spiking_shares(network, _trials(2), **({"peak_rate": 40.0} | options), rng=np.random.default_rng(0))
