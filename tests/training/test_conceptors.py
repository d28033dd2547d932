"""Patterns loaded into a reservoir, and called up again."""

import numpy as np
import pytest

from neurorec.networks import Reservoir, run
from neurorec.recording import InputError
from neurorec.training import aligned_error, load_patterns, recall


def waves(periods=(8.83, 9.83), n_steps=500):
    return [np.sin(2 * np.pi * np.arange(n_steps) / period)[:, None] for period in periods]


@pytest.fixture(scope="module")
def reservoir():
    rng = np.random.default_rng(0)
    return Reservoir.random(1, 80, spectral_radius=1.5, input_scaling=2.6, bias_scaling=0.35, rng=rng)


@pytest.fixture(scope="module")
def loaded(reservoir):
    return load_patterns(reservoir, waves())


def test_weights_are_the_ridge_solution_over_all_patterns(reservoir):
    found = load_patterns(reservoir, waves(), washout=100, penalty=1e-3)
    befores, drives = [], []
    for pattern in waves():
        states = np.asarray(run(reservoir, pattern), dtype=float)
        befores.append(states[99:-1])
        drives.append(states[99:-1] @ np.asarray(reservoir.recurrent).T + pattern[100:] @ np.asarray(reservoir.input).T)
    before, drive = np.concatenate(befores), np.concatenate(drives)
    gram = before.T @ before / len(before) + 1e-3 * np.eye(80)
    np.testing.assert_allclose(found.recurrent.T, np.linalg.solve(gram, before.T @ drive / len(before)), atol=2e-3)


def test_each_is_called_up_by_its_conceptor_and_none_without(loaded):
    errors = np.empty((2, 2))
    for k in range(2):
        said = recall(loaded, loaded.conceptor(k, aperture=20.0), rng=np.random.default_rng(1))
        errors[k] = [aligned_error(said, wave) for wave in waves()]
    assert np.diag(errors).max() < 0.05
    assert min(errors[0, 1], errors[1, 0]) > 0.2
    free = recall(loaded, rng=np.random.default_rng(1))
    assert min(aligned_error(free, wave) for wave in waves()) > 0.2


def test_morphing_by_one_conceptor_a_step_is_recall_where_it_stays(loaded):
    one = loaded.conceptor(0)
    start = np.random.default_rng(2).standard_normal(80)
    options = {"washout": 20, "n_steps": 30, "initial": start, "rng": np.random.default_rng(0)}
    steps = recall(loaded, np.broadcast_to(one, (30, 80, 80)), **options)
    np.testing.assert_allclose(steps, recall(loaded, one, **options), atol=1e-3)


def test_the_network_does_what_is_recalled(loaded):
    start, one = np.random.default_rng(2).standard_normal(80), loaded.conceptor(1)
    said = recall(loaded, one, washout=0, n_steps=30, initial=start, rng=np.random.default_rng(0))
    network = loaded.network(one, initial=start)
    states = run(network, np.zeros((30, 0), np.float32))
    np.testing.assert_allclose(np.asarray(network.readout(states)), said, atol=1e-3)


def test_errors_see_the_phase_and_nothing_else():
    wave = waves((8.83,), 300)[0]
    shifted = np.sin(2 * np.pi * (np.arange(60) + 0.4) / 8.83)[:, None]
    assert aligned_error(shifted, wave) < 0.01
    assert aligned_error(shifted + 0.5, wave) == pytest.approx(0.5 / wave.std(), rel=0.02)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"patterns": []}, "one or more"), ({"patterns": [np.zeros((50, 1))]}, "101 steps"), ({"penalty": -1.0}, "0 or")],
)
def test_what_does_not_fit_is_refused(reservoir, change, said):
    with pytest.raises(InputError, match=said):
        load_patterns(reservoir, **({"patterns": waves()} | change))


def test_other_reservoirs_are_refused():
    leaky = Reservoir.random(1, 10, leak=0.5, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="leak 1"):
        load_patterns(leaky, waves())


def test_recall_and_comparison_say_what_is_missing(loaded):
    with pytest.raises(InputError, match="one a step"):
        recall(loaded, np.zeros((3, 80, 80)), rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="recall more"):
        aligned_error(np.zeros((5, 1)), np.zeros((100, 1)))
    with pytest.raises(InputError, match="periods"):
        aligned_error(np.zeros((50, 1)), np.zeros((50, 1)))
