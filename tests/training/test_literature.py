"""What the literature says should come out of trained networks; `studies/classic_results.py` has it at full size."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.stats import norm
from sklearn.metrics import adjusted_rand_score

from neurorec.networks import DelayFeedforward, Elman, Leaky, TappedDelay, build_network, simulate, with_readout
from neurorec.tasks import CopyMemory, EmbeddedReber, NoisyEvidence, Reber, TemporalXOR
from neurorec.training import TrainingSettings, evaluate, train


def _learn(task, build, n_steps, **settings):
    chosen = TrainingSettings(n_steps=n_steps, **{"learning_rate": 3e-3, "n_held_out": 128, **settings})
    return train(task, build, settings=chosen, progress=False)


def test_error_falls_at_every_third_bit_of_the_temporal_exclusive_or():
    """Elman 1990, with errors carried back one step. Who knows the rule but not the place has 0.28, 0.28 and 0.11."""
    task = TemporalXOR()
    trained = _learn(
        task,
        lambda rng: with_readout(Elman.random(1, 12, rng=rng), 1, rng=rng),
        300,
        window=(1, 1),
        learning_rate=1e-2,
        batch=32,
        criterion=2.0,
    )
    test = task.sample(200, rng=np.random.default_rng(9))
    error = task.psychometric(test, evaluate(trained.network, task, test).outputs)["squared_error"].values
    assert error[2] < error[:2].min() / 2
    np.testing.assert_allclose(error[:2], 0.25, atol=0.06)


@pytest.mark.long
def test_hidden_states_gather_by_the_nodes_of_the_grammar():
    """Cleeremans et al. 1989: legal letters alone are predicted, and clusters of hidden states are the nodes."""
    task = Reber()

    def build(rng):
        return build_network("elman", 7, 7, n_units=15, rng=rng)

    networks = [build(np.random.default_rng(0)), _learn(task, build, 400, window=(1, 1), criterion=2.0).network]
    test = task.sample(100, rng=np.random.default_rng(9))
    found = []
    for network in networks:
        recording = simulate(network, test, rng=np.random.default_rng(0))
        cluster = fcluster(linkage(recording["activity"].values, method="average"), 6, criterion="maxclust")
        found.append(adjusted_rand_score(recording["node"].values, cluster))
    assert evaluate(networks[1], task, test).score > 0.98
    assert found[0] < 0.5 < found[1]
    assert found[1] > found[0] + 0.2


@pytest.mark.long
def test_an_elman_network_loses_the_embedded_grammar_unless_errors_go_back_all_the_way():
    """Cleeremans et al. 1989: with errors carried back one step, what is not needed on the way is not kept."""
    task = EmbeddedReber()
    right = {}
    for window in ((1, 1), None):
        trained = _learn(
            task,
            lambda rng: build_network("elman", 7, 7, n_units=20, rng=rng),
            800,
            window=window,
            learning_rate=1e-2,
            batch=32,
        )
        right[window] = (trained.curve["status"].item(), float(trained.curve["test_score"][0]))
    assert right[None][0] == "solved"
    assert right[None][1] > 0.97
    assert right[1, 1][0] == "out of steps"
    assert right[1, 1][1] < 0.85


@pytest.mark.parametrize(("gap", "solved"), [(4, True), (5, False)])
def test_what_lies_beyond_the_taps_is_lost(gap, solved):
    """The symbol comes gap + 1 steps before it is to be said: the sixth and last tap sees it, or it is gone."""
    task = CopyMemory(n_symbols=4, n_items=1, gap=gap * 0.1)
    trained = _learn(task, lambda rng: TappedDelay.random(6, 5, taps=6, rng=rng), 200, learning_rate=3e-2)
    score = float(trained.curve["best_score"][0])
    assert score == 1.0 if solved else score < 0.45


@pytest.mark.long
def test_a_trained_integrator_is_as_good_as_the_ideal_observer_and_a_short_memory_is_not():
    """Shadlen & Newsome 2001: fraction right, beside who adds up all evidence, and beside who saw the end of it."""
    task = NoisyEvidence(noise=0.3, response=0.1)
    builders = {
        "leaky": lambda rng: with_readout(Leaky.random(2, 24, rng=rng), 1, rng=rng),
        "taps": lambda rng: DelayFeedforward.random(2, 24, 1, taps=15, rng=rng),
    }
    test = task.sample(6000, rng=np.random.default_rng(9))
    ideal = np.mean([task.ideal(c) for c in task.coherences])
    last = np.mean([norm.cdf(c * np.sqrt(0.3) / task.noise) for c in task.coherences])  # of 15 steps of 0.02 s
    right = {
        name: evaluate(_learn(task, build, 400, criterion=2.0, schedule="cosine").network, task, test).score
        for name, build in builders.items()
    }
    error = 3 * 0.5 / np.sqrt(6000)
    assert ideal - 0.03 < right["leaky"] < ideal + error
    assert right["taps"] < last + error < right["leaky"]
