"""Trials cut into steps: sums by hand, missing bins, and recordings with other bins."""

import numpy as np
import pandas as pd
import pytest

from neurorec.comparison import cut_responses
from neurorec.recording import InputError, SelectionError, recording_from_arrays


@pytest.fixture
def recording():
    """Two trials of 0.6 s in bins of 0.1 s, of which only the first is followed by silence."""
    time = np.concatenate([np.arange(6) * 0.1, 2 + np.arange(6) * 0.1])
    values = np.stack([np.arange(12.0), np.arange(12.0) ** 2], axis=1)
    trials = pd.DataFrame({"start": [0.0, 2.0], "stop": [0.6, 2.6], "cue": [0.15, 2.2], "side": ["left", "right"]})
    return recording_from_arrays(values, bin_width=0.1, time=time, trials=trials, kind="rates", area=["A", "B"])


def test_steps_are_means_of_what_they_overlap(recording):
    cut = cut_responses(recording, "side", n_steps=4)
    expected = [np.average([0, 1], weights=[2, 1]), np.average([1, 2], weights=[1, 2])]
    np.testing.assert_allclose(cut.activity[0, :2, 0], expected)
    np.testing.assert_allclose(cut.time, [0.075, 0.225, 0.375, 0.525])
    assert cut.area.tolist() == ["A", "B"]
    later = cut_responses(recording, "side", event="cue", window=(0.0, 0.4), n_steps=2)
    np.testing.assert_allclose(later.activity[0, 0, 0], np.average([1, 2, 3], weights=[1, 2, 1]))
    np.testing.assert_allclose(later.activity[1, :, 0], [8.5, 10.5])


def test_steps_that_were_not_recorded_are_missing(recording):
    cut = cut_responses(recording, "side", event="cue", window=(0.0, 0.6), n_steps=3)
    assert np.isfinite(cut.activity[..., 0]).tolist() == [[True, True, False], [True, True, False]]
    seen = np.ones((12, 2), dtype=bool)
    seen[3, 1] = False
    part = cut_responses(recording.assign(observed=(("time", "unit"), seen)), "side", n_steps=3)
    assert np.argwhere(np.isnan(part.activity)).tolist() == [[0, 1, 1]]


def test_no_step_reaches_into_another_trial():
    trials = pd.DataFrame({"start": [0.0, 0.4], "stop": [0.4, 1.0], "side": ["a", "b"]})
    recording = recording_from_arrays(np.arange(10.0)[:, None], bin_width=0.1, trials=trials, kind="rates")
    cut = cut_responses(recording, "side", window=(0.0, 0.6), n_steps=6)
    assert np.isnan(cut.activity[0, 4:]).all()
    assert np.isfinite(cut.activity[1]).all()


def test_counts_become_rates_and_other_bins_the_same_course():
    rng = np.random.default_rng(0)
    trials = pd.DataFrame({"start": [0.0, 1.0], "stop": [1.0, 2.0], "level": [0.5, np.nan]})
    fine = rng.poisson(2.0, (200, 3))
    coarse = fine.reshape(50, 4, 3).sum(axis=1)
    cuts = [
        cut_responses(recording_from_arrays(v, bin_width=w, trials=trials), "level", n_steps=5)
        for v, w in ((fine, 0.01), (coarse, 0.04))
    ]
    np.testing.assert_allclose(cuts[0].activity, cuts[1].activity)
    assert cuts[0].activity.mean() == pytest.approx(fine[:100].mean() / 0.01)
    assert cuts[0].condition.tolist() == ["0.5"]  # a trial without a condition is left out


def test_conditions_are_what_columns_say_together(recording):
    both = recording.assign(level=("trial", [1.0, 0.25]), told=("trial", ["", "yes"]))
    assert cut_responses(both, ["side", "level"], n_steps=2).condition.tolist() == ["left, 1", "right, 0.25"]
    assert cut_responses(both, "told", n_steps=2).condition.tolist() == ["yes"]
    with pytest.raises(SelectionError, match="found choice"):
        cut_responses(both, "choice")
    with pytest.raises(InputError, match="as long as a bin"):
        cut_responses(both, "side", n_steps=20)
    with pytest.raises(SelectionError, match="expected trials"):
        cut_responses(recording_from_arrays(np.zeros((5, 1)), bin_width=0.1), "side")
