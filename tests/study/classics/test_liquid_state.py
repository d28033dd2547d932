"""The liquid state machine: its trials, distances and readouts, and what it shows in small form."""

import numpy as np
import pytest
import xarray as xr

from neurorec.networks import random_liquid
from neurorec.recording import check_recording
from neurorec.report import Findings
from neurorec.study.classics import liquid_state as study
from neurorec.study.classics.liquid_measures import (
    DT,
    TAU,
    fading,
    in_steps,
    inputs_alone,
    recall,
    record_liquid,
    states_after,
    template_trials,
    train_distance,
)


def test_trials_are_jittered_templates():
    trials = template_trials(60, n_segments=2, rng=np.random.default_rng(0))
    assert trials.counts.shape == (60, 5000)
    halves = trials.counts.reshape(60, 2, 2500).sum(axis=2)
    for k in (0, 1):
        for choice in (0, 1):
            assert len(np.unique(halves[trials.which[:, k] == choice, k])) == 1  # as many spikes as the template


def test_distances_of_trains():
    one, other = (in_steps(np.array([t]), 0.5) for t in (0.1, 0.3))
    assert train_distance(one, one) == 0
    # two Gaussians that do not meet: each has the integral of exp(-2 (t / 5 ms)^2)
    expected = np.sqrt(2 * 0.005 * np.sqrt(np.pi / 2) / 0.5)
    assert train_distance(one, other) == pytest.approx(expected, rel=0.01)


def test_inputs_through_the_filter_by_hand():
    counts = in_steps(np.array([0.02, 0.05]), 0.1)[None]
    expected = np.exp(-(0.08 - DT) / TAU) + np.exp(-(0.05 - DT) / TAU)
    assert inputs_alone(counts, 0.1)[0, 0] == pytest.approx(expected, rel=0.01)


def test_readouts_find_what_is_there_and_nothing_else():
    rng = np.random.default_rng(0)
    which = rng.integers(2, size=(300, 2))
    features = rng.standard_normal((300, 5))
    features[:, 2] += 6 * which[:, 0]
    found = recall(features, which, 200)
    assert found[0] > 0.97
    assert 0.3 < found[1] < 0.7


def test_differences_fade_and_the_same_inputs_lead_to_the_same_states():
    made = random_liquid(rng=np.random.default_rng(0))
    found = fading(made, n_pairs=6, rng=np.random.default_rng(1))["distance"].median("pair")
    assert float(found.sel(time=slice(-0.3, 0.0)).mean()) > 2 * float(found.sel(time=slice(0.7, 1.0)).mean())
    counts = np.tile(in_steps(np.linspace(0.01, 0.2, 5), 0.25), (2, 1))
    states = states_after(made.network, counts, np.array([0.25]), np.random.default_rng(0))
    np.testing.assert_array_equal(states[0], states[1])


def test_a_recording_of_it():
    made = random_liquid(rng=np.random.default_rng(0))
    recording = check_recording(record_liquid(made, n_trials=3, rng=np.random.default_rng(1)))
    assert dict(recording.sizes)["time"] == 300
    assert recording["inputs"].sum() > 20


@pytest.mark.long
def test_all_of_it_in_small_form(monkeypatch):
    for name, value in {"_N_TRAIN": 40, "_N_TEST": 20, "_N_LIQUIDS": 1, "_N_PAIRS": 6, "_N_RECORDED": 20}.items():
        monkeypatch.setattr(study, name, value)
    benefit = {name: ("network", [0.1, 0.0]) for name in ("benefit", "shuffled", "n_units")}  # shown for balanced ones
    monkeypatch.setattr(study, "_benefit", lambda *_: xr.Dataset(benefit, coords={"network": ["liquid", "not joined"]}))
    findings = study.show_liquid_state(n_jobs=1)
    assert isinstance(findings, Findings)
    assert len(findings.claims) == 18
    assert len(findings.figures["liquid_state"][0].axes) == 3
