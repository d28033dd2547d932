"""The truth of simulated maze sessions."""

import numpy as np
import pytest

import neurorec.datasets.runyan2017 as simulator
from neurorec.datasets import RunyanArea, has_truth, simulate_runyan2017, true_log_odds


@pytest.mark.parametrize("context", ["active", "passive"])
def test_the_truth_is_the_simulator_s_own(context, monkeypatch):
    seen = {}
    run = simulator._run

    def spy(drive, coupling, decay, rng):
        seen["drive"] = drive
        return run(drive, coupling, decay, rng)

    monkeypatch.setattr(simulator, "_run", spy)
    recording = simulate_runyan2017("PPC", context, n_units=6, n_trials=10, rng=np.random.default_rng(3))
    found = true_log_odds(recording)
    np.testing.assert_allclose(found["drive"].values, seen["drive"], atol=2e-3)  # signals are kept in float32
    assert has_truth(recording)
    assert not has_truth(recording.drop_vars("true_memory"))


def test_true_log_odds_are_calibrated():
    truth = RunyanArea(coupling=0.6, memory=0.2, stimulus=1.0, choice=1.0)
    recording = simulate_runyan2017("PPC", n_units=20, n_trials=60, truth=truth, rng=np.random.default_rng(4))
    found = true_log_odds(recording)
    event = recording["activity"].values > 0
    expected = 1 / (1 + np.exp(-found["log_odds"].values))
    for part in ("drive", "input"):
        high = found[part].values > np.quantile(found[part].values, 0.8)
        spread = np.sqrt((expected * (1 - expected))[high].sum())
        assert abs(event[high].sum() - expected[high].sum()) < 4 * spread


def test_trials_as_they_were_assumed_change_nothing():
    recording = simulate_runyan2017("PPC", n_units=6, n_trials=10, rng=np.random.default_rng(3))
    known = true_log_odds(recording)
    same = true_log_odds(recording, stimulus=recording["stimulus"], choice=recording["choice"])
    np.testing.assert_array_equal(same["log_odds"], known["log_odds"])
    other = true_log_odds(recording, stimulus=-recording["stimulus"])
    np.testing.assert_array_equal(other["input"], known["input"])
    assert np.abs(other["drive"] - known["drive"]).max() > 0.1
