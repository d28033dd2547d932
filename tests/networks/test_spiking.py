"""Spiking networks: exact voltages, the compiled loop beside the step, delays, plasticity, inputs, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from neurorec.networks import (
    LIFNetwork,
    Population,
    ShortTerm,
    System,
    count_spikes,
    join_at_random,
    poisson_inputs,
    run,
    run_lif,
    simulate_spiking,
    sort_synapses,
    spikes_of_inputs,
)
from neurorec.recording import InputError, check_recording


def one_unit(weight, *, dt=1e-4, delay=1e-3, tau_synapse=(0.0, 0.0), short_term=None, population=None):
    """A unit at rest with one input, through a synapse."""
    plastic = None if short_term is None else tuple([v] for v in short_term)
    synapses = sort_synapses([1], [0], [weight], delay, n_sources=2, dt=dt, short_term=plastic)
    return LIFNetwork((population or Population("E", 1),), synapses, np.zeros(1), dt, tau_synapse)


def at_steps(n_steps, *steps):
    counts = np.zeros((n_steps, 1))
    counts[list(steps)] = 1
    return spikes_of_inputs(counts)


def test_a_constant_drive_spikes_as_often_as_the_formula_says():
    unit = Population("E", 3, tau=0.02, threshold=20.0, reset=10.0, refractory=0.002, drive=30.0)
    network = LIFNetwork.random([unit], {}, probability=0.0, dt=1e-5, rng=np.random.default_rng(0))
    done = run_lif(network, duration=1.0, rng=np.random.default_rng(0))
    interval = np.diff(done.step[done.unit == 1]) * network.dt
    expected = 0.002 + 0.02 * np.log((30 - 10) / (30 - 20))
    np.testing.assert_allclose(interval, expected, atol=2 * network.dt)


def test_a_spike_through_a_current_makes_the_voltage_of_the_closed_form():
    tau, tau_s, weight = 0.02, 0.005, 3.0
    network = one_unit(weight, tau_synapse=(tau_s, tau_s), delay=1e-3)
    done = run_lif(network, duration=0.1, inputs=at_steps(1000, 0), watch=[0], rng=np.random.default_rng(0))
    # sent in the first step, at the end of which t = 0; arrives 10 steps later
    t = (np.arange(1000) - 10) * network.dt
    expected = weight * tau / tau_s * tau_s / (tau_s - tau) * (np.exp(-t / tau_s) - np.exp(-t / tau))
    np.testing.assert_allclose(done.voltage[:, 0], np.where(t > 0, expected, 0.0), atol=1e-5)
    # the same charge as one that acts at once
    assert done.voltage.sum() * network.dt == pytest.approx(weight * tau, rel=0.02)


def test_a_spike_that_acts_at_once_adds_its_weight_a_delay_later():
    network = one_unit(4.0, delay=2e-3)
    done = run_lif(network, duration=0.01, inputs=at_steps(100, 5), watch=[0], rng=np.random.default_rng(0))
    assert not done.voltage[:25].any()
    np.testing.assert_allclose(done.voltage[25:, 0], 4 * np.exp(-np.arange(75) * network.dt / 0.02), rtol=1e-5)


def test_refractory_units_stay_at_reset():
    unit = Population("E", 1, threshold=20.0, reset=5.0, refractory=3e-3)
    network = one_unit(25.0, delay=1e-4, population=unit)
    done = run_lif(network, duration=0.01, inputs=at_steps(100, *range(60)), watch=[0], rng=np.random.default_rng(0))
    assert done.step.tolist() == [1, 32]  # held for 30 steps, free in the 31st
    np.testing.assert_array_equal(done.voltage[1:32, 0], 5.0)


def test_synapses_depress_and_facilitate_as_written_by_hand():
    U, D, F, weight = 0.3, 0.2, 0.1, 2.0
    network = one_unit(weight, delay=1e-4, short_term=(U, D, F), dt=1e-3 / 10)
    steps = [0, 100, 150, 900]
    done = run_lif(network, duration=0.1, inputs=at_steps(1000, *steps), watch=[0], rng=np.random.default_rng(0))
    found = done.excitation[np.array(steps) + 1, 0]
    u, r, expected = U, 1.0, [weight * U]  # Maass et al. 2002, equations of u_k and R_k
    for gap in np.diff(steps) * network.dt:
        r = 1 + (r - r * u - 1) * np.exp(-gap / D)
        u = U + u * (1 - U) * np.exp(-gap / F)
        expected.append(weight * u * r)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("plastic", [False, True])
def test_the_compiled_loop_does_what_the_step_says(plastic):
    rng = np.random.default_rng(5)
    units = (
        Population("E", 12, drive=15.0),
        Population("I", 4, drive=23.0, reset=12.0, tau=0.01, refractory=0.0),
    )
    weight = {("E", "E"): 1.0, ("E", "I"): 1.0, ("I", "E"): -2.0, ("I", "I"): -2.0, ("X", "E"): 6.0}
    kinds = {("E", "E"): ShortTerm(0.5, 0.3, 0.05, 0.5), ("X", "E"): ShortTerm(0.9, 0.02, 0.5, 0.5)}
    network = LIFNetwork.random(
        units, weight, probability=0.4, inputs={"X": 3}, short_term=kinds if plastic else None,
        delay=dict(zip(weight, (1e-3, 5e-4, 8e-4, 1e-3, 1e-4), strict=True)), tau_synapse=(0.003, 0.0), rng=rng,
    )  # fmt: skip
    counts = rng.poisson(0.05, (400, 3))
    done = run_lif(network, duration=0.04, inputs=spikes_of_inputs(counts), rng=rng)
    with jax.enable_x64(True):
        start = np.asarray(network.initial_state, dtype=float)
        states = np.asarray(run(network, jnp.asarray(counts, dtype=float), state=start))
    np.testing.assert_array_equal(np.argwhere(states[:, 64:80]), np.stack([done.step, done.unit], axis=1))
    assert done.step.size > 20
    np.testing.assert_allclose(done.state, states[-1], atol=1e-10)
    # in two parts, the second from where the first ended
    half = run_lif(network, duration=0.02, inputs=spikes_of_inputs(counts[:200]), rng=rng)
    rest = run_lif(network, duration=0.02, inputs=spikes_of_inputs(counts[200:]), state=half.state, rng=rng)
    np.testing.assert_allclose(rest.state, done.state, atol=1e-10)


def test_it_is_a_system():
    network = LIFNetwork.random([Population("E", 5)], {("E", "E"): 1.0}, probability=0.5, rng=np.random.default_rng(0))
    assert isinstance(network, System)
    assert network.initial_state.shape == (network.n_states,)
    state = eqx.filter_jit(network.step)(
        jnp.broadcast_to(network.initial_state, (3, 2, network.n_states)), jnp.zeros((3, 2, 0))
    )
    assert network.activity(state).shape == (3, 2, 5)
    assert network.readout(state).shape == (3, 2, 1)


def test_the_background_is_poisson():
    unit = Population("E", 400, background_rate=9000.0, background_weight=0.01, threshold=1e6)
    network = LIFNetwork.random([unit], {}, probability=0.0, rng=np.random.default_rng(0))
    done = run_lif(network, duration=0.05, watch=range(400), rng=np.random.default_rng(1))
    counts = np.rint(done.excitation / 0.01).astype(int).ravel()  # 200,000 draws of mean 0.9
    seen = np.bincount(counts, minlength=8)[:8]
    expected = stats.poisson.pmf(np.arange(8), 0.9) * counts.size
    assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-3
    start, none = network.initial_state, jnp.zeros(0)
    noisy = eqx.filter_jit(network.noisy_step)(start, none, jnp.zeros(400))
    np.testing.assert_allclose(noisy, eqx.filter_jit(network.step)(start, none), rtol=1e-6)


def test_inputs_have_the_rates_that_were_asked_for():
    rng = np.random.default_rng(0)
    rate = np.tile([20.0, 80.0], (500, 1))
    one = poisson_inputs(rate, 2, dt=1e-3, bin_width=0.01, rng=rng)
    assert one.first[-1] == one.input.size
    np.testing.assert_allclose(np.bincount(one.input) / 5, [20, 80], rtol=0.2)
    same = poisson_inputs(np.full(500, 50.0), 40, dt=1e-3, bin_width=0.01, rng=rng)
    assert same.input.size / 5 / 40 == pytest.approx(50, rel=0.05)
    assert len(np.unique(same.input)) == 40


def test_pairs_are_joined_with_the_probability_that_was_asked_for():
    rng = np.random.default_rng(0)
    found = join_at_random(300, 500, 0.1, rng=rng)
    pairs = found.source * 500 + found.target
    assert len(np.unique(pairs)) == pairs.size
    assert pairs.size == pytest.approx(15000, rel=0.03)
    np.testing.assert_allclose(np.bincount(found.target // 50) / 1500, 1.0, atol=0.12)
    fixed = join_at_random(300, 500, 0.0, in_degree=7, rng=rng)
    np.testing.assert_array_equal(np.bincount(fixed.target), 7)


def test_order_of_synapses_does_not_matter():
    rng = np.random.default_rng(3)
    source, target = rng.integers(30, size=200), rng.integers(30, size=200)
    weight = np.where(source < 20, 2.0, -3.0)
    order = rng.permutation(200)
    runs = []
    for k in (np.arange(200), order):
        synapses = sort_synapses(source[k], target[k], weight[k], 1e-3, n_sources=30, dt=1e-4)
        network = LIFNetwork((Population("E", 30, drive=25.0),), synapses, np.linspace(0, 19, 30))
        runs.append(run_lif(network, duration=0.2, rng=np.random.default_rng(0)))
    np.testing.assert_array_equal(*(np.stack([done.step, done.unit]) for done in runs))


def test_a_recording_of_it():
    rng = np.random.default_rng(0)
    network = LIFNetwork.random(
        [Population("E", 20), Population("I", 5)], {("X", "E"): 2.0, ("X", "I"): 2.0}, probability=0.5,
        inputs={"X": 100}, rng=rng,
    )  # fmt: skip
    rate = np.repeat([[5.0], [20.0], [40.0]], 30, axis=1)
    recording = check_recording(
        simulate_spiking(network, rate, conditions={"level": [5, 20, 40]}, units=range(15, 25), rng=rng)
    )
    assert dict(recording.sizes)["time"] == 90
    assert recording["area"].values.tolist() == ["E"] * 5 + ["I"] * 5
    by_trial = recording["activity"].groupby("trial_id").sum().sum("unit").values
    assert by_trial[0] < by_trial[1] < by_trial[2]
    again = [simulate_spiking(network, rate, carry=False, rng=np.random.default_rng(7)) for _ in range(2)]
    assert again[0].identical(again[1])


def test_counts_are_those_of_the_spikes():
    network = LIFNetwork.random([Population("E", 4, drive=40.0)], {}, probability=0.0, rng=np.random.default_rng(0))
    done = run_lif(network, duration=0.5, rng=np.random.default_rng(0))
    counts = count_spikes(done, 4, per_bin=100)
    assert counts.shape == (50, 4)
    np.testing.assert_array_equal(counts.sum(axis=0), np.bincount(done.unit))


def random_pair(weight=None, **options):
    units = [Population("E", 10), Population("I", 5)]
    return LIFNetwork.random(units, weight or {("E", "I"): 1.0}, rng=np.random.default_rng(0), **options)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Population("E", 0), "1 or more"),
        (lambda: Population("E", 5, tau=0.0), "tau above 0"),
        (lambda: Population("E", 5, threshold=1.0, reset=2.0), "above reset"),
        (lambda: Population("E", 5, background_rate=-1.0), "0 or more"),
        (lambda: ShortTerm(1.2, 0.1, 0.1), "0 < U <= 1"),
        (lambda: random_pair(probability=1.5), "0 to 1"),
        (lambda: random_pair({("E", "J"): 1.0}, probability=0.1), "pairs from"),
        (lambda: random_pair(probability=0.5, delay=1e-6), "a step or more"),
        (lambda: random_pair({("E", "E"): 1.0, ("E", "I"): -1.0}, probability=0.5), "one sign per source"),
        (lambda: random_pair(probability=0.5, dt=0.05, delay=0.05), "half of the fastest"),
        (lambda: random_pair({("E", "I"): np.nan}, probability=0.5), "finite mV"),
        (lambda: poisson_inputs([-1.0], 3, dt=1e-4, bin_width=0.01, rng=np.random.default_rng(0)), "0 or more"),
        (lambda: poisson_inputs([1.0], 3, dt=1e-4, bin_width=2.5e-4, rng=np.random.default_rng(0)), "whole number"),
    ],
)
def test_what_cannot_be_is_refused(wrong, said):
    with pytest.raises(InputError, match=said):
        wrong()


def test_runs_that_do_not_fit_are_refused():
    network, rng = random_pair(probability=0.5), np.random.default_rng(0)
    with pytest.raises(InputError, match="1000 steps"):
        run_lif(network, duration=0.1, inputs=spikes_of_inputs(np.zeros((5, 0))), rng=rng)
    with pytest.raises(InputError, match="one that a run ended in"):
        run_lif(network, duration=0.1, state=np.zeros(3), rng=rng)
    with pytest.raises(InputError, match="name units"):
        run_lif(network, duration=0.1, watch=[15], rng=rng)
    with pytest.raises(InputError, match="a row of rates"):
        simulate_spiking(network, np.zeros(5), rng=rng)
