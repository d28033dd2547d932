"""Trials cut by hand: whole bins and equal parts, missing bins, recordings with other bins, averages."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurorec.dynamics import condition_averages, trial_activity
from neurorec.recording import InputError, SelectionError, recording_from_arrays


@pytest.fixture
def apart() -> xr.Dataset:
    """Two trials of 0.6 s in bins of 0.1 s with nothing recorded between them."""
    time = np.concatenate([np.arange(6) * 0.1, 2 + np.arange(6) * 0.1])
    values = np.stack([np.arange(12.0), np.arange(12.0) ** 2], axis=1)
    trials = pd.DataFrame({"start": [0.0, 2.0], "stop": [0.6, 2.6], "cue": [0.15, 2.2], "side": ["left", "right"]})
    return recording_from_arrays(values, bin_width=0.1, time=time, trials=trials, kind="rates", area=["A", "B"])


def test_trials_are_cut_by_hand(recording):
    trials = trial_activity(recording, "side")
    assert trials["trial"].values.tolist() == [0, 1, 2]  # the fourth has no side
    first = trials["activity"].values[..., 0] * 0.1  # counts become rates
    np.testing.assert_allclose(first, [[0, 1, 2, np.nan], [5, 6, 7, 8], [10, 11, np.nan, np.nan]])
    assert np.isnan(trials["activity"].values[2, 1, 1])
    assert trials["activity"].attrs["units"] == "spikes/s"
    wide = trial_activity(recording, ["side", "size"], bin_width=0.2, areas=["PPC"])
    np.testing.assert_allclose(
        wide["activity"].values[..., 0] * 0.1, 100 * np.array([[0.5, np.nan], [5.5, 7.5], [10.5, np.nan]])
    )
    assert wide["condition"].values.tolist() == ["left, 1", "right, 2", "left, 1"]
    before = trial_activity(recording, "size", event="cue", window=(-0.1, 0.1))
    # the third trial has no cue; bins outside of trials may be taken, those of other trials not
    np.testing.assert_allclose(before["activity"].values[..., 0] * 0.1, [[0, 1], [5, 6], [15, 16]])
    assert before["time"].values.tolist() == [-0.1, 0.0]
    far = trial_activity(recording, "size", window=(-0.2, 0.0))
    np.testing.assert_allclose(far["activity"].values[1:, :, 0] * 0.1, [[3, 4], [np.nan, 9], [13, 14]])


def test_averages_count_the_trials_they_are_of(recording):
    averages = condition_averages(recording, "side")
    assert averages["condition"].values.tolist() == ["left", "right"]
    np.testing.assert_allclose(averages["activity"].values[0, :, 0] * 0.1, [5, 6, 2, np.nan])
    np.testing.assert_allclose(averages["activity"].values[0, :, 1] * 0.1, [50, 10, 20, np.nan])
    assert averages["n_trials"].values.tolist() == [[2, 2, 1, 0], [1, 1, 1, 1]]
    two = condition_averages(recording, "side", min_trials=2)
    assert np.isfinite(two["activity"].values[:, :, 0]).tolist() == [[True, True, False, False], [False] * 4]
    numbers = condition_averages(recording, "size")
    assert numbers["size"].values.tolist() == [1.0, 2.0]


def test_smoothing_takes_the_bins_that_are_known(recording):
    plain = trial_activity(recording, "side")["activity"].values
    smooth = trial_activity(recording, "side", smoothing=0.1)["activity"].values
    weights = np.exp(-0.5 * np.arange(3) ** 2.0)
    assert abs(smooth[0, 0, 0] - weights @ plain[0, :3, 0] / weights.sum()) < 1e-9
    np.testing.assert_array_equal(np.isnan(smooth), np.isnan(plain))
    np.testing.assert_allclose(trial_activity(recording, "side", smoothing=1e-3)["activity"].values, plain)
    with pytest.raises(InputError, match="above 0 s"):
        trial_activity(recording, "side", smoothing=0.0)


def test_what_cannot_be_averaged_is_refused(recording):
    with pytest.raises(SelectionError, match="columns of the trials"):
        condition_averages(recording, "colour")
    with pytest.raises(SelectionError, match="areas among PPC, V1, found M1"):
        condition_averages(recording, "side", areas=["M1"])
    with pytest.raises(InputError, match=r"a multiple of 0\.1 s"):
        condition_averages(recording, "side", bin_width=0.15)
    with pytest.raises(InputError, match=r"no bin_width, found 0\.2 s"):
        condition_averages(recording, "side", bin_width=0.2, n_steps=2)
    with pytest.raises(InputError, match="one bin"):
        condition_averages(recording, "side", window=(0.0, 0.01))
    with pytest.raises(SelectionError, match="with values and an event"):
        condition_averages(recording.assign(cue=("trial", [np.nan] * 4)), "side", event="cue")


# equal parts of a window


def test_steps_are_means_of_what_they_overlap(apart):
    cut = trial_activity(apart, "side", n_steps=4)
    expected = [np.average([0, 1], weights=[2, 1]), np.average([1, 2], weights=[1, 2])]
    np.testing.assert_allclose(cut["activity"].values[0, :2, 0], expected)
    np.testing.assert_allclose(cut["time"], [0, 0.15, 0.3, 0.45])
    assert cut.attrs["bin_width"] == pytest.approx(0.15)
    assert cut["area"].values.tolist() == ["A", "B"]
    later = trial_activity(apart, "side", event="cue", window=(0.0, 0.4), n_steps=2)["activity"].values
    np.testing.assert_allclose(later[0, 0, 0], np.average([1, 2, 3], weights=[1, 2, 1]))
    np.testing.assert_allclose(later[1, :, 0], [8.5, 10.5])


def test_steps_as_long_as_bins_are_those_bins(apart):
    whole, parts = trial_activity(apart, "side"), trial_activity(apart, "side", n_steps=6)
    np.testing.assert_allclose(parts["activity"], whole["activity"], atol=1e-12)
    np.testing.assert_allclose(parts["time"], whole["time"], atol=1e-12)


def test_steps_that_were_not_recorded_are_missing(apart):
    cut = trial_activity(apart, "side", event="cue", window=(0.0, 0.6), n_steps=3)["activity"].values
    assert np.isfinite(cut[..., 0]).tolist() == [[True, True, False], [True, True, False]]
    seen = np.ones((12, 2), dtype=bool)
    seen[3, 1] = False
    part = trial_activity(apart.assign(observed=(("time", "unit"), seen)), "side", n_steps=3)["activity"].values
    assert np.argwhere(np.isnan(part)).tolist() == [[0, 1, 1]]


def test_no_step_reaches_into_another_trial():
    trials = pd.DataFrame({"start": [0.0, 0.4], "stop": [0.4, 1.0], "side": ["a", "b"]})
    recording = recording_from_arrays(np.arange(10.0)[:, None], bin_width=0.1, trials=trials, kind="rates")
    cut = trial_activity(recording, "side", window=(0.0, 0.6), n_steps=6)["activity"].values
    assert np.isfinite(cut[:, :, 0]).tolist() == [[True] * 4 + [False] * 2, [True] * 6]
    after = trial_activity(recording, "side", window=(0.5, 0.7), n_steps=2)["activity"].values
    assert np.isfinite(after[1, :, 0]).tolist() == [True, False]  # the recording ends


def test_counts_become_rates_and_other_bins_the_same_course():
    rng = np.random.default_rng(0)
    trials = pd.DataFrame({"start": [0.0, 1.0], "stop": [1.0, 2.0], "level": [0.5, np.nan]})
    fine = rng.poisson(2.0, (200, 3))
    coarse = fine.reshape(50, 4, 3).sum(axis=1)
    cuts = [
        trial_activity(recording_from_arrays(v, bin_width=w, trials=trials), "level", n_steps=5)
        for v, w in ((fine, 0.01), (coarse, 0.04))
    ]
    np.testing.assert_allclose(cuts[0]["activity"], cuts[1]["activity"])
    assert cuts[0]["activity"].mean() == pytest.approx(fine[:100].mean() / 0.01)
    assert cuts[0]["condition"].values.tolist() == ["0.5"]  # a trial without a condition is left out


def test_steps_of_any_length_hold_the_time_integral():
    """Against sums of a tenth of a bin each: times between bins, missing ones and trials in a row."""
    rng = np.random.default_rng(1)
    trials = pd.DataFrame({"start": [0.0, 1.0, 2.1], "stop": [1.0, 2.0, 3.0], "kind": ["a", "b", "a"]})
    values = rng.standard_normal((300, 2))
    values[120] = np.nan
    recording = recording_from_arrays(values, bin_width=0.01, trials=trials, kind="rates")
    event = trials["start"].to_numpy() + np.array([0.013, 0.201, 0.027])
    cut = trial_activity(recording, "kind", event=event, window=(-0.012, 0.3), n_steps=8)["activity"].values
    fine, owner = np.repeat(values, 10, axis=0), np.repeat(recording["trial_id"].values, 10)
    steps = np.arange(8)[:, None] * 39 + np.arange(39) - 12  # in milliseconds after the event
    for k in range(3):
        rows = np.round(1000 * event[k]).astype(int) + steps
        own = np.isin(owner[rows], [k, -1]).all(axis=1)
        np.testing.assert_allclose(cut[k], np.where(own[:, None], fine[rows].mean(axis=1), np.nan), rtol=1e-9)
    assert np.isnan(cut).any()


def test_conditions_are_what_columns_say_together(apart):
    both = apart.assign(level=("trial", [1.0, 0.25]), told=("trial", ["", "yes"]))
    found = trial_activity(both, ["side", "level"], n_steps=2)
    assert found["condition"].values.tolist() == ["left, 1", "right, 0.25"]
    assert trial_activity(both, "told", n_steps=2)["condition"].values.tolist() == ["yes"]
    with pytest.raises(SelectionError, match="found choice"):
        trial_activity(both, "choice")
    with pytest.raises(InputError, match="as long as a bin"):
        trial_activity(both, "side", n_steps=20)
    with pytest.raises(SelectionError, match="expected trials"):
        trial_activity(recording_from_arrays(np.zeros((5, 1)), bin_width=0.1), "side")
