"""Behavioural signals in the bins of a recording."""

import numpy as np
import pytest

from neurorec.io import read_nwb
from neurorec.recording import SelectionError

SPIKES = [np.arange(0.005, 10, 0.01)]
CLOCK = np.arange(0, 10, 0.01)


def test_rate_and_timestamps_are_two_ways_to_say_the_same(build, read):
    values = np.sin(CLOCK)
    file = build().units(SPIKES)
    file.series("acquisition/by_rate", values, rate=100, unit="cm/s")
    file.series("processing/behavior/by_stamps", values, timestamps=CLOCK)
    recording, _ = read(file)
    np.testing.assert_allclose(recording["by_rate"], values)
    np.testing.assert_allclose(recording["by_stamps"], values)
    assert recording["by_rate"].attrs == {"units": "cm/s", "source": "acquisition/by_rate"}
    assert recording["by_stamps"].attrs["source"] == "processing/behavior/by_stamps"


def test_conversion_and_offset_are_applied(build, read, said):
    file = build().units(SPIKES).series("acquisition/raw", np.arange(1000), rate=100, conversion=0.5, offset=-3.0)
    file.series("acquisition/odd", np.arange(1000.0), rate=100, conversion=np.nan)
    recording, doubts = read(file)
    np.testing.assert_allclose(recording["raw"], np.arange(1000) * 0.5 - 3)
    np.testing.assert_allclose(recording["odd"], np.arange(1000.0))
    assert said(doubts, "acquisition/odd", "conversion nan")


def test_behaviour_of_a_part_of_the_session_is_missing_elsewhere(build, read):
    file = build().units(SPIKES).series("acquisition/late", np.ones(200), timestamps=4 + np.arange(200) * 0.01)
    recording, _ = read(file)
    known = np.isfinite(recording["late"].values)
    np.testing.assert_array_equal(known, (recording["time"].values > 3.99) & (recording["time"].values < 5.995))


def test_channels_are_kept_and_turned_where_stored_the_other_way(build, read, said):
    values = np.column_stack([CLOCK, 2 * CLOCK])
    file = build().units(SPIKES)
    file.series("processing/behavior/Position/xy", values, timestamps=CLOCK)
    file.series("processing/behavior/Position/yx", values.T, timestamps=CLOCK)
    recording, doubts = read(file)
    assert recording["xy"].dims == ("time", "xy_channel")
    np.testing.assert_allclose(recording["xy"], values)
    np.testing.assert_allclose(recording["yx"], values)
    assert said(doubts, "Position/yx", "turned")
    assert not said(doubts, "Position/xy", "turned")


def test_compass_directions_are_angles(build, read):
    angle = (6.0 + CLOCK) % (2 * np.pi)
    file = build().units(SPIKES).kind("processing/behavior/CompassDirection", "CompassDirection")
    file.series("processing/behavior/CompassDirection/head", angle, rate=100, kind="SpatialSeries", unit="radians")
    recording, _ = read(file, bin_width=0.05)
    assert recording["head"].attrs["period"] == pytest.approx(2 * np.pi)
    expected = 6.0 + recording["time"].values + 0.02
    np.testing.assert_allclose(np.exp(1j * recording["head"].values), np.exp(1j * expected), atol=1e-9)


def test_degrees_of_the_eye_are_no_turn_but_a_whole_turn_is_said(build, read, said):
    file = build().units(SPIKES)
    file.series("processing/behavior/gaze", 20 * np.sin(CLOCK), rate=100, unit="degrees")
    file.series("processing/behavior/heading", (CLOCK * 100) % 360, rate=100, unit="degrees")
    recording, doubts = read(file)
    assert "period" not in recording["gaze"].attrs
    assert recording["heading"].attrs["period"] == 360
    assert said(doubts, "heading", "whole turn")


def test_events_are_left_out_unless_the_file_or_the_user_says_so(build, read, said):
    events = np.sort(np.random.default_rng(0).uniform(0, 10, 50))
    file = build().units(SPIKES).kind("acquisition/licks", "BehavioralEvents")
    file.series("acquisition/licks/left", np.ones(50), timestamps=events)
    file.series("acquisition/ttl", np.ones(50), timestamps=events)
    recording, doubts = read(file)
    assert int(recording["left"].sum()) == 50
    assert recording["left"].attrs["units"] == "events/bin"
    assert "ttl" not in recording
    assert said(doubts, "ttl", "look like events", "covariates=")
    assert int(read(file, covariates=["ttl"])[0]["ttl"].sum()) == 50


def test_a_measure_taken_now_and_then_is_averaged_when_named(build, read):
    stamps = np.sort(np.random.default_rng(0).uniform(0, 10, 300))
    file = build().units(SPIKES).series("acquisition/wheel", 3 * stamps, timestamps=stamps)
    assert "wheel" not in read(file)[0]
    wheel = read(file, covariates="wheel")[0]["wheel"]
    known = np.isfinite(wheel.values)
    np.testing.assert_allclose(wheel.values[known], 3 * wheel["time"].values[known] + 0.015, atol=0.016)
    assert 0.5 < known.mean() < 1


def test_covariates_choose_by_name_path_or_container(build, read):
    file = build().units(SPIKES)
    for name in ("acquisition/wheel", "processing/behavior/eye/pupil", "processing/behavior/eye/blink"):
        file.series(name, CLOCK, rate=100)
    names = {"wheel", "pupil", "blink"}
    assert names & set(read(file)[0]) == names
    assert names & set(read(file, covariates=[])[0]) == set()
    assert names & set(read(file, covariates="wheel")[0]) == {"wheel"}
    assert names & set(read(file, covariates=["eye"])[0]) == {"pupil", "blink"}
    assert names & set(read(file, covariates=["processing/behavior/eye/pupil"])[0]) == {"pupil"}
    with pytest.raises(SelectionError, match=r"covariates: .*wheel.*found speed"):
        read_nwb(file.path, covariates=["speed"])


def test_wide_series_are_read_only_when_named(build, read, said):
    file = build().units(SPIKES).series("processing/behavior/video_svd", np.ones((1000, 40)), rate=100)
    recording, doubts = read(file)
    assert "video_svd" not in recording
    assert said(doubts, "video_svd (40 channels)")
    assert read(file, covariates=["video_svd"])[0]["video_svd"].shape == (1000, 40)


def test_series_of_one_name_are_told_apart(build, read):
    file = build().units(SPIKES)
    file.series("processing/behavior/left/position", CLOCK, rate=100)
    file.series("processing/behavior/right/position", -CLOCK, rate=100)
    file.series("processing/behavior/time", CLOCK, rate=100)
    recording, _ = read(file)
    assert {"left_position", "right_position", "signal_time"} <= set(recording.data_vars)


def test_clocks_that_are_broken(build, read, said):
    stamps = CLOCK.copy()
    stamps[0], stamps[500] = -1.5e9, np.nan
    file = build().units(SPIKES)
    file.series("acquisition/bogus", np.arange(1000.0), timestamps=stamps)
    file.series("acquisition/short", np.arange(1000.0), timestamps=CLOCK[:900])
    file.series("acquisition/back", CLOCK[::-1], timestamps=CLOCK[::-1])
    file.series("acquisition/still", CLOCK, rate=0)
    recording, doubts = read(file)
    np.testing.assert_array_equal(recording["bogus"].values[1:500], np.arange(1, 500))
    assert said(doubts, "acquisition/bogus", "1 impossible timestamps")
    assert said(doubts, "acquisition/short", "1000 samples but 900 timestamps")
    np.testing.assert_array_equal(np.isfinite(recording["short"].values), recording["time"].values < 8.995)
    np.testing.assert_allclose(recording["back"], CLOCK)
    assert said(doubts, "acquisition/back", "not in order")
    assert "still" not in recording
    assert said(doubts, "acquisition/still", "rate 0 Hz")


def test_a_signal_recorded_at_another_time_is_said(build, read, said):
    file = build().units(SPIKES).series("acquisition/after", CLOCK, timestamps=CLOCK + 100)
    recording, doubts = read(file)
    assert "after" not in recording
    assert said(doubts, "after were not recorded during these bins")


def test_a_damaged_series_is_left_out_and_the_rest_is_read(build, read, said):
    def damage(h5):
        h5["acquisition/bad"].move("timestamps", "gone")
        h5["acquisition/bad"]["timestamps"] = np.array([b"not a time"] * 3)

    file = build().units(SPIKES).series("acquisition/good", CLOCK, rate=100)
    file.series("acquisition/bad", np.ones(3), timestamps=[1.0, 2, 3]).edit(damage)
    recording, doubts = read(file)
    assert "good" in recording
    assert said(doubts, "acquisition/bad", "left out")
