"""What spiking networks make of odd things that are given: arrays that a compiled loop would run out of, among them."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from neurorec.networks import (
    FollowNetwork,
    InputSpikes,
    LIFNetwork,
    LIFRun,
    MatchedRates,
    Population,
    ShortTerm,
    count_spikes,
    join_at_random,
    lif_rate,
    liquid_state,
    poisson_inputs,
    random_liquid,
    run_follow,
    run_lif,
    simulate_follow,
    simulate_spiking,
    sort_synapses,
    spikes_of_inputs,
)
from neurorec.recording import InputError

NAN, INF = float("nan"), float("inf")
DONE = LIFRun(np.array([0, 9]), np.array([0, 1]), 20, *(np.zeros(0),) * 4)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def network(**changed) -> LIFNetwork:
    weight = {("E", "E"): 1.0, ("I", "E"): -1.0, ("X", "E"): 2.0}
    options = {"populations": [Population("E", 6), Population("I", 3)], "weight": weight, "probability": 0.5}
    return LIFNetwork.random(**(options | {"inputs": {"X": 2}, "dt": 5e-4, "rng": rng()} | changed))


def with_synapses(**changed) -> LIFNetwork:
    made = network()
    return replace(made, synapses=made.synapses._replace(**changed))


def lif(**changed):
    return run_lif(**({"network": network(), "duration": 0.01, "rng": rng()} | changed))


def counted(first, source, count=(1.0,)) -> InputSpikes:
    return InputSpikes(np.asarray(first), np.asarray(source, dtype=np.int32), np.asarray(count, dtype=float))


def sorted_(**changed):
    options = {"source": [1, 0], "target": [0, 1], "weight": [0.5, -0.2], "delay": 1e-3, "n_sources": 2, "dt": 1e-4}
    return sort_synapses(**(options | changed))


def poisson(**changed):
    return poisson_inputs(**({"rate": [5.0], "n_inputs": 3, "dt": 1e-3, "bin_width": 0.01, "rng": rng()} | changed))


def recorded(**changed):
    options = {"network": network(), "rate": np.full((2, 4), 20.0), "warm_up": 0.01, "rng": rng()}
    return simulate_spiking(**(options | changed))


def liquid(**changed):
    return random_liquid(**({"shape": (2, 2, 2), "dt": 5e-4, "rng": rng()} | changed))


def matched(**changed) -> MatchedRates:
    return MatchedRates.of(network(inputs={"X": 2}), **changed)


def follower(**changed) -> FollowNetwork:
    options = {"n_units": 8, "n_input_units": 4, "radius": 1.0, "command_radius": 0.2, "rng": rng()}
    return FollowNetwork.random(**(options | changed))


STILL = np.zeros((20, 2))
BEYOND = np.concatenate([[0], np.full(20, 9)])
ONCE = np.concatenate([[0], np.ones(20, dtype=int)])
REFUSED = {
    "half a unit": lambda: Population("E", 1.5),
    "units in words": lambda: Population("E", "many"),  # type: ignore[arg-type]
    "an endless time constant": lambda: Population("E", 3, tau=INF),
    "an endless threshold": lambda: Population("E", 3, threshold=INF),
    "a drive of NaN": lambda: Population("E", 3, drive=NAN),
    "a background of NaN": lambda: Population("E", 3, background_weight=NAN),
    "an endless background": lambda: Population("E", 3, background_rate=INF),
    "an endless recovery": lambda: ShortTerm(0.5, INF, 1.0),
    "one population": lambda: network(populations=Population("E", 6)),
    "no populations": lambda: network(populations=[]),
    "two of a name": lambda: network(populations=[Population("E", 6), Population("I", 2), Population("I", 1)]),
    "an input of a population's name": lambda: network(inputs={"X": 2, "E": 2}),
    "inputs below 0": lambda: network(inputs={"X": -2}),
    "inputs without names": lambda: network(inputs=3),
    "a probability of some": lambda: network(probability={("E", "E"): 0.1}),
    "a delay of some": lambda: network(delay={("E", "E"): 1e-3}),
    "a delay of NaN": lambda: network(delay=NAN),
    "an endless delay": lambda: network(delay=INF),
    "a probability in words": lambda: network(probability="half"),
    "a weight in words": lambda: network(weight={("E", "E"): "strong"}),
    "a spread below 0": lambda: network(weight_spread=-1.0),
    "a spread of NaN": lambda: network(weight_spread=NAN),
    "no step": lambda: network(dt=0),
    "a step of NaN": lambda: network(dt=NAN),
    "one synaptic time": lambda: network(tau_synapse=0.005),
    "three synaptic times": lambda: network(tau_synapse=(0.005, 0.005, 0.005)),
    "a synaptic time of NaN": lambda: network(tau_synapse=(NAN, 0.0)),
    "plasticity of another kind": lambda: network(short_term={("E", "E"): 3}),
    "targets below 0": lambda: with_synapses(target=network().synapses.target - 1),
    "weights too few": lambda: with_synapses(weight=network().synapses.weight[:-1]),
    "no delay": lambda: with_synapses(delay=np.zeros(1, dtype=np.int32)),
    "sources out of order": lambda: with_synapses(first=network().synapses.first[::-1].copy()),
    "weights of NaN": lambda: with_synapses(weight=network().synapses.weight * np.float32(NAN)),
    "voltages of NaN": lambda: replace(network(), start=network().start * NAN),
    "pairs below 0": lambda: join_at_random(-1, 3, 0.5, rng=rng()),
    "pairs of nobody": lambda: join_at_random(0, 3, 0.5, in_degree=2, rng=rng()),
    "half a synapse": lambda: join_at_random(3, 3, 0.5, in_degree=1.5, rng=rng()),  # type: ignore[arg-type]
    "half a source": lambda: sorted_(source=[0.5, 0]),
    "a source too few": lambda: sorted_(source=[1]),
    "a target below 0": lambda: sorted_(target=[-1, 0]),
    "half a target": lambda: sorted_(target=[0.5, 0]),
    "a weight too few": lambda: sorted_(weight=[1.0]),
    "delays too many": lambda: sorted_(delay=[1e-3, 1e-3, 1e-3]),
    "U of one": lambda: sorted_(short_term=([0.5], [1.0], [1.0])),
    "U above 1": lambda: sorted_(short_term=([2.0, 0.5], [1.0, 1.0], [1.0, 1.0])),
    "less than no time": lambda: lif(duration=-1.0),
    "endless time": lambda: lif(duration=INF),
    "a state of NaN": lambda: lif(state=np.full(network().n_states, NAN)),
    "watch one": lambda: lif(watch=3),
    "watch half": lambda: lif(watch=[0.5]),
    "inputs in a table": lambda: lif(inputs=np.zeros((20, 2))),
    "spikes beyond the list": lambda: lif(inputs=counted(BEYOND, [0])),
    "spikes of nobody": lambda: lif(inputs=counted(ONCE, [-1])),
    "spikes of NaN": lambda: lif(inputs=counted(ONCE, [0], [NAN])),
    "a seed": lambda: lif(rng=0),
    "a rate without axis": lambda: poisson(rate=5.0),
    "an endless rate": lambda: poisson(rate=[INF]),
    "a rate in another unit": lambda: poisson(rate=[1e12]),
    "no inputs but -1": lambda: poisson(n_inputs=-1),
    "steps of nothing": lambda: poisson(dt=0),
    "bins of NaN": lambda: poisson(bin_width=NAN),
    "counts in a row": lambda: spikes_of_inputs([0, 1]),
    "counts of NaN": lambda: spikes_of_inputs([[NAN, 1.0]]),
    "counts below 0": lambda: spikes_of_inputs([[-1.0, 1.0]]),
    "bins of no step": lambda: count_spikes(DONE, 2, per_bin=0),
    "fewer units than spike": lambda: count_spikes(DONE, 1, per_bin=3),
    "a recording from before": lambda: recorded(warm_up=-1),
    "an endless warm-up": lambda: recorded(warm_up=INF),
    "an endless gap": lambda: recorded(gap=INF),
    "bins without width": lambda: recorded(bin_width=0),
    "a unit from the end": lambda: recorded(units=[-1]),
    "a unit too many": lambda: recorded(units=[9]),
    "a condition of one": lambda: recorded(conditions={"side": [1]}),
    "another start": lambda: recorded(conditions={"start": [1, 2]}),
    "a grid of two sides": lambda: liquid(shape=(2, 2)),
    "half a grid": lambda: liquid(shape=(2.5, 2, 2)),
    "a liquid of NaN": lambda: liquid(inhibitory=NAN),
    "a liquid turned round": lambda: liquid(strength=-1.0),
    "a liquid without step": lambda: liquid(dt=0),
    "no time to look": lambda: liquid_state(DONE, 2, [NAN], dt=1e-3),
    "no time constant": lambda: liquid_state(DONE, 2, [0.01], dt=1e-3, tau=0),
    "fewer liquid units": lambda: liquid_state(DONE, 1, [0.01], dt=1e-3),
    "a rate of NaN": lambda: lif_rate(NAN, 1.0),
    "a spread under 0": lambda: lif_rate(1.0, -1.0),
    "a threshold below reset": lambda: lif_rate(1.0, 1.0, threshold=5.0),
    "a membrane of no time": lambda: lif_rate(1.0, 1.0, tau=0),
    "means of others": lambda: lif_rate([1.0, 2.0], [1.0, 2.0, 3.0]),
    "too long a step": lambda: matched(dt=1.0),
    "rates of nothing": lambda: MatchedRates.of(3),  # type: ignore[arg-type]
    "inputs of NaN": lambda: matched().settle(NAN),
    "rates below 0": lambda: matched().settle(-5.0),
    "inputs of three": lambda: matched().settle([1.0, 2.0, 3.0]),
    "a start of three": lambda: matched().settle(5.0, start=[1.0, 2.0, 3.0]),
    "no tolerance": lambda: matched().settle(5.0, tolerance=0),
    "one largest rate": lambda: follower(max_rates=(200,)),
    "an intercept of NaN": lambda: follower(intercepts=(NAN, 1.0)),
    "a gain of NaN": lambda: follower(gain=NAN),
    "no membranes": lambda: follower(tau_membrane=0),
    "an endless ball": lambda: follower(radius=INF),
    "an encoder in a row": lambda: replace(follower(), encoder=np.zeros(8)),
    "a state with NaN": lambda: run_follow(follower(), STILL, state=np.full(follower().n_states, NAN)),
    "a rate of learning of NaN": lambda: run_follow(follower(), STILL, learning_rate=NAN),
    "an endless bin": lambda: run_follow(follower(), STILL, bin_width=INF),
    "no follower": lambda: run_follow(3, STILL),  # type: ignore[arg-type]
    "followers from the end": lambda: simulate_follow(follower(), np.zeros((2, 20, 2)), units=[-1]),
    "a gap in words": lambda: simulate_follow(follower(), np.zeros((2, 20, 2)), gap="long"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_is_refused_in_a_line(said):
    with pytest.raises(InputError) as error:
        REFUSED[said]()
    assert "\n" not in str(error.value)


def test_numbers_of_numpy_are_those_of_python():
    made = network()
    for options in (
        {"probability": np.float32(0.5)},
        {"delay": np.float64(1.5e-3)},
        {"tau_synapse": np.zeros(2)},
        {"tau_synapse": [0, 0]},
        {"inputs": {"X": 2.0}},
    ):
        other = network(**options)
        np.testing.assert_array_equal(made.synapses.target, other.synapses.target)
        np.testing.assert_array_equal(made.start, other.start)
    assert network(tau_synapse=np.array([0.005, 0.01])).tau_synapse == (0.005, 0.01)


def test_whole_numbers_for_a_state_do_not_cut_voltages_off():
    made = network()
    state = np.zeros(made.n_states)
    state[: made.n_units] = 15
    inputs = np.zeros(made.n_inputs)
    np.testing.assert_array_equal(made.step(state.astype(int), inputs), made.step(state.astype(np.float32), inputs))
    assert float(made.step(state.astype(int), inputs)[0]) == pytest.approx(15 * np.exp(-5e-4 / 0.02), rel=1e-5)


def test_no_units_and_no_time_are_none():
    nobody = recorded(units=[0])
    assert nobody.sizes["unit"] == 1
    run = lif(duration=0.0)
    assert run.n_steps == run.step.size == 0
    assert liquid_state(DONE, 2, [], dt=1e-3).shape == (0, 2)
    assert join_at_random(0, 3, 0.5, rng=rng()).source.size == 0
    assert run_follow(follower(), STILL[:0]).outputs.shape == (0, 2)


@pytest.mark.parametrize(
    "make",
    [network, follower, lambda: follower().rate_model(), matched, liquid],
    ids=["lif", "follow", "rates", "matched", "liquid"],
)
def test_they_can_be_copied_and_sent_to_other_processes(make):
    made = make()
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        one, two = (getattr(each, "network", each) for each in (made, other))
        state, inputs = one.initial_state + 0.1, np.full(one.n_inputs, 0.1)
        np.testing.assert_array_equal(one.step(state, inputs), two.step(state, inputs))
        np.testing.assert_array_equal(one.readout(state), two.readout(state))
