"""Planted delays are recovered, with intervals that hold what they should, and nothing where nothing is planted."""

from pathlib import Path

import numpy as np
import pytest

from neurorec.datasets import simulate_delays
from neurorec.decoding import accuracy_over_time, compare_groups, decode_over_time, solution_times
from neurorec.io import read_nwb
from neurorec.recording import InputError, SelectionError

SESSION = Path(__file__).parents[3] / "shared" / "data" / "steinmetz2019" / "session11.nwb"
QUICK = {"n_bootstrap": 200, "n_permutations": 100}


def test_planted_delays_are_recovered_within_a_bin(decoded):
    """V1: 100 and 130 ms; PPC 30 ms later. A window ends up to one bin after what it holds."""
    times = solution_times(decoded, "group", n_bootstrap=200, rng=np.random.default_rng(0))
    planted = np.array([[0.13, 0.16], [0.10, 0.13]])
    late = times["solution_time"].values - planted
    assert (late > -0.002).all()
    assert (late < 0.012).all()
    assert (times["low"] <= times["solution_time"]).all()
    assert (times["solution_time"] <= times["high"]).all()
    assert (times["high"] - times["low"] < 0.01).all()


def test_the_difference_between_groups_is_recovered(decoded):
    found = compare_groups(decoded, "group", first="easy", second="hard", **QUICK, rng=np.random.default_rng(0))
    np.testing.assert_allclose(found["difference"], 0.03, atol=0.004)
    assert (found["p_value"] < 0.05).all()
    assert (found["low"] > 0.02).all()
    assert found["reason"].values.tolist() == ["", ""]


@pytest.mark.long
@pytest.mark.parametrize("hard", [0.1, 0.13])
def test_intervals_hold_the_planted_difference(hard):
    """30 recordings each, information that arrives slowly, a decoder per group: 95% less 3 s.e. hold the truth."""
    held, error = [], []
    for k in range(30):
        rng = np.random.default_rng([7, k])
        recording = simulate_delays({"easy": 0.1, "hard": hard}, strength=0.5, rise=0.02, rng=rng)
        options = {"within": "group", "window": (0, 0.3), "rng": rng}
        one = decode_over_time(recording, "stimulus", **options)
        found = compare_groups(one, "group", first="easy", second="hard", **QUICK, rng=rng).isel(area=0)
        error.append(float(found["difference"]) - (hard - 0.1))
        held.append(float(found["low"]) <= hard - 0.1 <= float(found["high"]))
        assert np.isnan(found["p_value"])  # trials of different decoders cannot be exchanged
    assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 30)
    assert abs(np.mean(error)) < 0.004


@pytest.mark.long
def test_without_a_difference_p_values_are_uniform_and_intervals_hold_zero():
    """40 recordings without a difference and one decoder for all: within 3 s.e. at three levels."""
    p, held = [], []
    for k in range(40):
        rng = np.random.default_rng([8, k])
        recording = simulate_delays({"easy": 0.1, "hard": 0.1}, strength=0.3, rise=0.02, rng=rng)
        decoded = decode_over_time(recording, "stimulus", window=(0, 0.3), rng=rng)
        found = compare_groups(decoded, "group", first="easy", second="hard", **QUICK, rng=rng).isel(area=0)
        p.append(float(found["p_value"]))
        held.append(float(found["low"]) <= 0 <= float(found["high"]))
    for level in (0.05, 0.2, 0.5):
        assert abs(np.mean(np.array(p) <= level) - level) < 3 * np.sqrt(level * (1 - level) / 40) + 0.01
    assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 40)


def test_a_plateau_that_may_be_chance_gives_no_criterion():
    rng = np.random.default_rng(1)
    recording = simulate_delays({"easy": 0.1, "none": 0.1}, strength={"easy": 0.8, "none": 0.0}, rng=rng)
    decoded = decode_over_time(recording, "stimulus", within="group", window=(0, 0.3), rng=rng)
    times = solution_times(decoded, "group", n_bootstrap=200, rng=rng).isel(area=0)
    assert times["status"].values.tolist() == ["solved", "no_criterion"]
    assert np.isnan(times["solution_time"].values[1])
    assert np.isnan(times["criterion"].values[1])
    found = compare_groups(decoded, "group", first="easy", second="none", **QUICK, rng=rng).isel(area=0)
    assert np.isnan(found["p_value"])
    assert "second" in str(found["reason"].values)


def test_a_given_criterion_and_conditions(decoded):
    times = solution_times(decoded, "condition", criterion=0.8, n_bootstrap=50, rng=np.random.default_rng(0))
    assert times.sizes["condition"] == 20
    assert (times["criterion"] == 0.8).all()
    assert (times["n_trials"] == 10).all()
    solved = times["status"].values == "solved"
    assert solved.mean() > 0.8
    assert (np.isnan(times["solution_time"].values) == ~solved).all()


def test_trials_of_no_group_give_the_false_alarms(decoded):
    """Conditions of one class each: the others' false alarms enter d', and chance is 0."""
    strong = np.where((decoded["group"] == "easy") & (decoded["stimulus"] == "right"), "easy", "")
    accuracy = accuracy_over_time(decoded, strong, measure="dprime").sel(area="V1")
    assert accuracy.attrs["chance"] == 0
    assert abs(float(accuracy["accuracy"].sel(time=slice(0.02, 0.08)).mean())) < 0.5
    assert float(accuracy["accuracy"].sel(time=slice(0.15, 0.3)).mean()) > 2


def test_decoding_within_groups_needs_all_classes_in_each(recording):
    with pytest.raises(InputError, match=r"two classes|all classes"):
        decode_over_time(recording, "stimulus", within="condition", n_folds=2, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="labels"):
        decode_over_time(recording, "stimulus", within=["a"], rng=np.random.default_rng(0))


def test_groups_that_are_not_there_are_said(decoded):
    with pytest.raises(SelectionError, match="easy, hard"):
        compare_groups(decoded, "group", first="easy", second="harder", rng=np.random.default_rng(0))
    with pytest.raises(SelectionError, match="condition"):
        solution_times(decoded, np.full(200, ""), rng=np.random.default_rng(0))


def test_the_planted_truth_is_in_the_recording(recording):
    assert recording["true_delay"].groupby(recording["group"]).mean().values.tolist() == pytest.approx([0.1, 0.13])
    assert np.unique(recording["true_lag"]).tolist() == [0.0, 0.03]
    with pytest.raises(InputError, match="strength"):
        simulate_delays(strength={"easy": 1.0}, rng=np.random.default_rng(0))


@pytest.mark.filterwarnings("ignore:Units")
@pytest.mark.skipif(not SESSION.is_file(), reason="the real recordings are not beside this checkout")
def test_a_weak_contrast_is_decoded_later_than_a_strong_one():
    """Motor cortex of one mouse: is there a stimulus on the right? Nothing before 50 ms; weak ones later."""
    recording = read_nwb(SESSION, bin_width=0.01)
    contrast = recording["contrast_right"].values
    rng = np.random.default_rng(0)
    options = {"areas": ["MOp"], "n_units": 150, "n_draws": 2, "width": 0.03, "step": 0.01, "rng": rng}
    decoded = decode_over_time(recording, np.where(contrast > 0, "right", "none"), **options)
    group = np.select([contrast >= 0.5, contrast > 0], ["strong", "weak"], "")
    assert abs(float(decoded["correct"].sel(time=slice(0, 0.05)).mean()) - 0.5) < 0.08
    rule = {"measure": "dprime", "least": 0.3, "n_sustained": 5}
    times = solution_times(decoded, group, **rule, n_bootstrap=100, rng=rng).isel(area=0)
    strong, weak = times["solution_time"].values
    assert 0.05 < strong < weak < 0.15
