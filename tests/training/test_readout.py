"""The ridge readout: its weights, its penalty, and networks that learn by it."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from neurorec.networks import GRU, Reservoir, run, with_readout
from neurorec.recording import InputError
from neurorec.tasks import FlipFlop, Parity
from neurorec.training import evaluate, fit_readout, train_readout


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    states = rng.standard_normal((300, 12)) @ rng.standard_normal((12, 12)) + 3
    targets = states[:, :3] @ rng.standard_normal((3, 2)) + rng.standard_normal((300, 2)) + 1
    return states, targets


def test_weights_and_errors_are_those_of_ridge(drawn):
    states, targets = drawn
    penalties = np.array([0.01, 1.0, 100.0, 1e4])
    found = fit_readout(states, targets, folds=5, penalties=penalties)
    missed, spread = np.zeros((4, 2)), np.zeros(2)
    for fit, held in KFold(5).split(states):
        for k, penalty in enumerate(penalties):
            model = Ridge(alpha=penalty).fit(states[fit], targets[fit])
            missed[k] += ((targets[held] - model.predict(states[held])) ** 2).sum(axis=0)
        spread += ((targets[held] - targets[fit].mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(found.errors, np.sqrt(missed / spread), rtol=1e-8)
    for k in range(2):
        best = np.argmin(missed[:, k])
        model = Ridge(alpha=penalties[best]).fit(states, targets[:, k])
        assert found.penalty[k] == penalties[best]
        np.testing.assert_allclose(found.weights[k], model.coef_, rtol=1e-7)
        assert found.bias[k] == pytest.approx(model.intercept_)
        assert found.error[k] == found.errors[best, k]
        assert found.converged[k] == (0 < best < 3)


def test_weights_of_steps_are_repetitions(drawn):
    states, targets = drawn
    folds = np.arange(300) // 100
    often = np.random.default_rng(1).integers(0, 3, 300)
    options = {"penalties": [0.1, 10.0, 1000.0]}
    weighted = fit_readout(states, targets, folds=folds, weight=often, **options)
    again = np.repeat(np.arange(300), often)
    repeated = fit_readout(states[again], targets[again], folds=folds[again], **options)
    for one, other in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8)


def test_rotations_of_the_states_change_nothing(drawn):
    states, targets = drawn
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((12, 12)))[0]
    plain, turned = fit_readout(states, targets), fit_readout(states @ turn - 7, targets)
    np.testing.assert_allclose(plain.outputs(states), turned.outputs(states @ turn - 7), rtol=1e-7)
    np.testing.assert_allclose(plain.error, turned.error, rtol=1e-7)


def test_trials_are_held_out_whole_and_washout_and_gap_are_left_out(drawn):
    states, targets = (a.reshape(10, 30, -1) for a in drawn)
    spoilt = states.copy()
    spoilt[:, :4] = 1e6
    options = {"penalties": [0.1, 10.0]}
    found = fit_readout(spoilt, targets, folds=5, washout=4, **options)
    flat = states[:, 4:].reshape(260, 12), targets[:, 4:].reshape(260, 2)
    expected = fit_readout(*flat, folds=np.repeat(np.arange(10) // 2, 26), **options)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7)
    # of a sequence, steps beside a held-out block teach nothing: errors as if they were of no fold
    x, y = drawn
    two = np.repeat([0, 1], 150)
    gapped = fit_readout(x, y, folds=two, gap=10, **options)
    missed = 0.0
    for fit, held in ((slice(160, 300), slice(0, 150)), (slice(0, 140), slice(150, 300))):
        model = Ridge(alpha=0.1).fit(x[fit], y[fit, 0])
        missed += ((y[held, 0] - model.predict(x[held])) ** 2).sum() / 1.0
    spread = ((y[:150, 0] - y[160:, 0].mean()) ** 2).sum() + ((y[150:, 0] - y[:140, 0].mean()) ** 2).sum()
    assert gapped.errors[0, 0] == pytest.approx(np.sqrt(missed / spread))


def test_a_penalty_helps_where_there_is_little_data():
    rng = np.random.default_rng(3)
    states, new = rng.standard_normal((40, 35)), rng.standard_normal((1000, 35))
    weights = rng.standard_normal((35, 1)) / 6
    targets = states @ weights + rng.standard_normal((40, 1))
    chosen, hardly = fit_readout(states, targets), fit_readout(states, targets, penalties=[1e-9])
    wrong = [np.mean((found.outputs(new) - new @ weights) ** 2) for found in (chosen, hardly)]
    assert wrong[0] < 0.5 * wrong[1]
    assert chosen.converged[0] or chosen.penalty[0] == chosen.penalties[-1]
    assert not hardly.converged[0]


def test_a_reservoir_learns_a_task():
    rng = np.random.default_rng(4)
    task = Parity(n_bits=3)
    trained = train_readout(Reservoir.random(2, 120, spectral_radius=0.8, rng=rng), task, n_trials=60, rng=rng)
    trials = task.sample(60, rng=rng)
    assert evaluate(trained.network, task, trials).score > 0.97
    assert trained.readout.weights.shape == (1, 120)


def test_a_shortcut_learns_too():
    rng = np.random.default_rng(5)
    network = with_readout(GRU.random(1, 4, rng=rng), 1, shortcut=True, rng=rng)
    inputs = rng.standard_normal((200, 1)).astype(np.float32)
    trained = train_readout(network, inputs, 3 * inputs, penalties=[1e-6, 1e-4]).network
    out = trained.readout(run(trained, inputs))
    np.testing.assert_allclose(out, 3 * inputs, atol=1e-3)


def test_with_feedback_a_wave_goes_on_by_itself():
    wave = np.sin(2 * np.pi * np.arange(800) / 25)[:, None].astype(np.float32)
    network = Reservoir.random(0, 100, spectral_radius=0.8, feedback_scaling=1.0, rng=np.random.default_rng(6))
    # in the echoes of a wave only few directions are seen: the penalty keeps the others from blowing up
    trained = train_readout(network, np.zeros((600, 0)), wave[:600], washout=100, penalties=[1e-3]).network
    state = jnp.asarray(network.forced_states(np.zeros((600, 0)), wave[:600])[-1])
    out = np.asarray(trained.readout(run(trained, np.zeros((200, 0)), state=state)))
    np.testing.assert_allclose(out, wave[600:], atol=0.05)


def test_what_cannot_be_learnt_from_is_refused(drawn):
    states, targets = drawn
    network = Reservoir.random(1, 10, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="rng: expected a generator"):
        train_readout(network, FlipFlop())
    with pytest.raises(InputError, match="1 channels"):
        train_readout(network, FlipFlop(n_bits=3), rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="targets: expected those of the inputs"):
        train_readout(network, np.zeros((5, 1)))
    with pytest.raises(InputError, match="above 0"):
        fit_readout(states, targets, penalties=[0.0])
    with pytest.raises(InputError, match="folds: expected two or more"):
        fit_readout(states, targets, folds=1)
    with pytest.raises(InputError, match="washout"):
        fit_readout(states, targets, washout=300)
    with pytest.raises(InputError, match="finite values"):
        fit_readout(np.where(states > 5, np.nan, states), targets)
    with pytest.raises(InputError, match="one row a step"):
        fit_readout(states[:10], targets)
