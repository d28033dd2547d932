"""Noise ceilings and predictivity: known truths are recovered, and what is not there is not found."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from neurorec.comparison import neural_predictivity, noise_ceiling
from neurorec.comparison.predictivity import PENALTIES, choose_penalty, predict_conditions
from neurorec.recording import InputError


def simulated(seed, *, n_conditions=8, n_trials=12, n_units=6, noise=1.0, share=1.0):
    """A system, and trials of units that are linear in it for a share of their signal variance."""
    rng = np.random.default_rng(seed)
    system = rng.standard_normal((n_conditions, 15, 3))
    weights = rng.standard_normal((3, n_units))
    own = rng.standard_normal((n_conditions, 15, n_units))
    signal = np.sqrt(share) * system @ (weights / np.linalg.norm(weights, axis=0)) + np.sqrt(1 - share) * own
    label = np.repeat(np.arange(n_conditions), n_trials)
    return system, signal[label] + noise * rng.standard_normal((label.size, 15, n_units)), label


def test_ceilings_are_the_share_of_signal():
    rng = np.random.default_rng(0)
    _, trials, label = simulated(0, noise=2.0, n_units=30)
    found = noise_ceiling(trials, label, rng=rng)
    assert found.ceiling.mean() == pytest.approx(1 / (1 + 4 / 12), abs=0.02)
    assert found.single.mean() == pytest.approx(1 / (1 + 4), abs=0.02)
    assert found.n_trials == 12
    nothing = noise_ceiling(rng.standard_normal(trials.shape), label, rng=rng)
    assert abs(nothing.ceiling.mean()) < 0.08


def test_intervals_of_ceilings_hold_the_truth():
    _, trials, label = simulated(1, noise=2.0, n_units=40)
    found = noise_ceiling(trials, label, n_draws=60, rng=np.random.default_rng(1))
    held = ((found.low < 0.75) & (found.high > 0.75)).mean()
    assert held > 0.85
    assert (found.high - found.low).mean() < 0.4


def test_units_that_the_system_spans_are_explained_whole():
    system, trials, label = simulated(2, noise=1.5)
    for held_out in ("conditions", "trials"):
        found = neural_predictivity(system, trials, label, held_out=held_out, rng=np.random.default_rng(2))
        assert found.value == pytest.approx(1, abs=0.06)
        assert found.n_left_out == 0
        assert (found.raw < found.ceiling.ceiling + 0.08).all()


def test_half_of_the_signal_is_half():
    system, trials, label = simulated(3, share=0.5, noise=1.0, n_conditions=16)
    found = neural_predictivity(system, trials, label, rng=np.random.default_rng(3))
    assert found.value == pytest.approx(0.5, abs=0.08)


def test_another_system_explains_nothing_and_noise_is_left_out():
    system, trials, label = simulated(4)
    rng = np.random.default_rng(4)
    trials = np.concatenate([trials, rng.standard_normal((*trials.shape[:2], 4))], axis=-1)
    found = neural_predictivity(rng.standard_normal(system.shape), trials, label, min_ceiling=0.5, rng=rng)
    assert found.value < 0.05
    assert (found.n_reliable, found.n_left_out) == (6, 4)
    assert np.isnan(found.explained[6:]).all()


def test_predictions_are_ridge_regressions_of_scikit_learn():
    system, trials, label = simulated(5)
    mean = np.stack([trials[label == k].mean(axis=0) for k in range(8)])
    x, y, condition = system.reshape(-1, 3), mean.reshape(-1, 6), np.repeat(np.arange(8), 15)
    predicted, penalty = predict_conditions(x, y, condition, n_folds=4)
    for k in range(4):
        train = condition % 4 != k
        size = ((x[train] - x[train].mean(axis=0)) ** 2).sum() / 3
        for unit in range(6):
            model = Ridge(alpha=size * penalty[k, unit]).fit(x[train], y[train, unit])
            np.testing.assert_allclose(predicted[~train, unit], model.predict(x[~train]), atol=1e-8)
        errors = []
        inner = np.unique(condition[train], return_inverse=True)[1] % 4
        for value in PENALTIES:
            error = 0
            for j in range(4):
                a, b = x[train][inner != j], y[train][inner != j]
                size = ((a - a.mean(axis=0)) ** 2).sum() / 3
                error += (
                    (Ridge(alpha=size * value).fit(a, b).predict(x[train][inner == j]) - y[train][inner == j]) ** 2
                ).sum(axis=0)
            errors.append(error)
        np.testing.assert_allclose(penalty[k], PENALTIES[np.argmin(errors, axis=0)])


def test_more_units_than_rows_and_strong_penalties():
    rng = np.random.default_rng(6)
    x, y, condition = rng.standard_normal((20, 60)), rng.standard_normal((20, 2)), np.repeat(np.arange(4), 5)
    predicted, _ = predict_conditions(x, y, condition, n_folds=4)
    assert np.isfinite(predicted).all()
    assert (choose_penalty(x, rng.standard_normal((20, 50)), condition, n_folds=4) >= PENALTIES[-3]).mean() > 0.5


def test_trials_of_unequal_length_and_single_trials():
    system, trials, label = simulated(7)
    trials[::3, 10:] = np.nan
    trials[label == 3, 12:] = np.nan
    found = neural_predictivity(system, trials, label, rng=np.random.default_rng(7))
    assert found.value == pytest.approx(1, abs=0.08)
    assert found.step[found.condition == 3].max() == 11
    assert found.observed.shape == (8 * 15 - 3, 6)
    one = np.arange(8)
    with pytest.raises(InputError, match="a condition with two"):
        noise_ceiling(trials[:8], one, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="8 conditions, as the trials have"):
        neural_predictivity(system[:7], trials, label, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="'conditions' or 'trials'"):
        neural_predictivity(system, trials, label, held_out="x", rng=np.random.default_rng(0))  # type: ignore[arg-type]
