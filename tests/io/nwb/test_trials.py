"""Trials: one table or several, whatever their columns hold."""

import h5py
import numpy as np
import pytest

from neurorec.io import read_nwb
from neurorec.recording import SelectionError

SPIKES = [np.arange(0.05, 100, 0.1), np.arange(0.05, 100, 0.5)]
START, STOP = np.arange(0, 100, 10.0), np.arange(0, 100, 10.0) + 4


def session(build, name="small.nwb", **columns):
    return (
        build(name)
        .units(SPIKES, area=["V1", "V1"])
        .intervals("trials", {"start_time": START, "stop_time": STOP, **columns})
    )


def test_trials_and_their_columns_are_kept(build, read):
    file = session(
        build,
        choice=["left", b"right"] * 5,
        correct=np.array([True, False] * 5),
        contrast=np.linspace(0, 1, 10),
        block=np.arange(10),
        tags=[["a", "b"], [], *[["c"]] * 8],
        stimulus=np.arange(20.0).reshape(10, 2),
        one=[[3.5], np.array([]), *[[1.5]] * 8],
    )
    recording, doubts = read(file, bin_width=0.1)
    assert recording["start"].values.tolist() == START.tolist()
    assert recording["choice"].values.tolist() == ["left", "right"] * 5
    assert recording["correct"].dtype == bool
    assert recording["contrast"].dtype.kind == "f"
    assert recording["block"].dtype.kind == "i"
    assert recording["tags"].values.tolist()[:3] == ["a|b", "", "c"]
    assert recording["stimulus_1"].values.tolist() == list(range(1, 20, 2))
    np.testing.assert_array_equal(recording["one"].values[:3], [3.5, np.nan, 1.5])
    assert (recording["trial_id"].values >= 0).sum() == 10 * 40
    assert len(doubts) == 1


def test_columns_that_cannot_be_kept_are_named(build, read, said):
    def add(h5):
        h5["intervals/trials/snapshot"] = np.zeros((10, 50))
        h5["intervals/trials/pairs"] = np.zeros(10, dtype=[("a", "i4"), ("b", "i4")])
        h5["intervals/trials/short"] = np.zeros(3)

    recording, doubts = read(session(build, licks=[[1.0, 2.0]] * 10).edit(add))
    assert said(doubts, "intervals/trials", "licks", "snapshot", "pairs", "short")
    assert not {"licks", "snapshot", "pairs", "short"} & set(recording.variables)


def test_references_become_names(build, read):
    def add(h5):
        h5.create_group("stimulus/templates/grating")
        references = np.array([h5["stimulus/templates/grating"].ref] * 10, dtype=h5py.ref_dtype)
        h5["intervals/trials"].create_dataset("shown", data=references)

    assert read(session(build).edit(add))[0]["shown"].values.tolist() == ["grating"] * 10


def test_missing_stops_come_from_the_next_start(build, read, said):
    file = build().units(SPIKES)
    file.intervals("trials", {"start_time": [0.0, 30.0, 10.0], "stop_time": [np.nan, np.nan, 12.0]})
    recording, doubts = read(file)
    assert recording["stop"].values.tolist() == [10, 36, 12]
    assert said(doubts, "2 of 3 trials have no stop time", "next")


def test_a_table_without_stops(build, read, said):
    recording, doubts = read(build().units(SPIKES).intervals("trials", {"start_time": [0.0, 10.0, 20.0]}))
    assert recording["stop"].values.tolist() == [10, 20, 30]
    assert said(doubts, "3 of 3 trials have no stop time")


def test_times_relative_to_the_trial_are_made_absolute(build, read, said):
    file = session(
        build,
        cue_time=np.full(10, 0.5),
        go_time=START + 1,
        reaction_time=np.full(10, 0.3),
        lick_onset=np.where(np.arange(10) < 3, np.nan, 2.0),
        reward=np.full(10, 0.25),
    )
    recording, doubts = read(file)
    np.testing.assert_allclose(recording["cue_time"], START + 0.5)
    np.testing.assert_allclose(recording["go_time"], START + 1)
    np.testing.assert_allclose(recording["lick_onset"][3:], START[3:] + 2)
    assert np.isnan(recording["lick_onset"][:3]).all()
    assert (recording["reaction_time"] == 0.3).all()
    assert (recording["reward"] == 0.25).all()
    assert said(doubts, "cue_time, lick_onset count from the start of the trial")
    per_trial = [item for item in recording.data_vars.values() if item.dims == ("trial",)]
    moments = {item.name for item in per_trial if item.attrs.get("units") == "s"}
    assert moments == {"start", "stop", "cue_time", "go_time", "lick_onset"}


def test_moments_are_known_by_their_values_where_the_name_is_silent(build, read):
    recording, _ = read(session(build, go_cue=START + 1.0, contrast=np.linspace(0, 1, 10)))
    assert recording["go_cue"].attrs["units"] == "s"
    assert "units" not in recording["contrast"].attrs


def test_impossible_times_become_missing(build, read, said):
    cue = START + 1
    cue[4] = -1.5e9
    recording, doubts = read(session(build, cue_time=cue))
    assert np.isnan(recording["cue_time"].values[4])
    np.testing.assert_allclose(np.delete(recording["cue_time"].values, 4), np.delete(START + 1, 4))
    assert said(doubts, "cue_time holds impossible times (-1.5e+09 s)")


def test_overlapping_trials_are_said(build, read, said):
    file = build().units(SPIKES).intervals("trials", {"start_time": [0.0, 5.0, 20.0], "stop_time": [10.0, 15.0, 25.0]})
    recording, doubts = read(file, bin_width=1.0)
    assert said(doubts, "1 trials begin before an earlier one has ended")
    assert recording["trial_id"].values[:16].tolist() == [0] * 5 + [1] * 10 + [-1]


def test_no_table_called_trials(build, read, said):
    file = build().units(SPIKES).intervals("epochs", {"start_time": [0.0], "stop_time": [9.0], "tags": [["sleep"]]})
    recording, doubts = read(file)
    assert "trial" not in recording.dims
    assert said(doubts, "no table called trials", "epochs (1 rows)")
    named, _ = read(file, trials="epochs")
    assert named["tags"].values.tolist() == ["sleep"]
    with pytest.raises(SelectionError, match=r"trials: .*epochs.*found licks"):
        read_nwb(file.path, trials="licks")


def test_several_tables_are_joined(build, read):
    file = build().units(SPIKES)
    file.intervals("a", {"start_time": [1.0, 3.0], "stop_time": [2.0, 4.0], "n": [1, 2], "ok": np.array([True, False])})
    file.intervals("b", {"start_time": [5.0], "stop_time": [6.0], "who": ["me"]})
    recording, _ = read(file, trials=["a", "b"])
    assert recording["trial_table"].values.tolist() == ["a", "a", "b"]
    np.testing.assert_array_equal(recording["n"], [1, 2, np.nan])
    np.testing.assert_array_equal(recording["ok"], [1, 0, np.nan])
    assert recording["who"].values.tolist() == ["", "", "me"]
    assert recording["trial"].values.tolist() == [0, 1, 2]


def test_ids_of_the_file_are_kept_unless_they_repeat(build, read, said):
    columns = {"start_time": [1.0, 3.0], "stop_time": [2.0, 4.0]}
    kept, _ = read(build().units(SPIKES).intervals("trials", columns, ids=[5, 9]))
    assert kept["trial"].values.tolist() == [5, 9]
    again, doubts = read(build("again.nwb").units(SPIKES).intervals("trials", columns, ids=[5, 5]))
    assert again["trial"].values.tolist() == [0, 1]
    assert said(doubts, "Trial ids occur more than once")


def test_a_window_keeps_the_trials_of_which_it_holds_a_part(build, read):
    assert read(session(build), window=(12, 35))[0]["trial"].values.tolist() == [1, 2, 3]
    assert "trial" not in read(session(build, name="between.nwb"), window=(15, 18))[0].dims


def test_trials_without_bins_are_named(build, read, said):
    file = build().units(SPIKES)
    file.intervals("trials", {"start_time": [1.0, 3.0, 5e3], "stop_time": [2.0, 2.5, 6e3]}, ids=[4, 5, 6])
    seen = np.array([[0, 100.0]])
    file.edit(lambda h5: h5["units"].create_dataset("obs_intervals", data=np.vstack([seen, seen])))
    file.edit(lambda h5: h5["units"].create_dataset("obs_intervals_index", data=[1, 2]))
    assert said(read(file)[1], "Trials 5, 6 hold no bin")


def test_an_empty_table_is_no_trials(build, read):
    file = build().units(SPIKES).intervals("trials", {"start_time": np.empty(0), "stop_time": np.empty(0)})
    assert "trial" not in read(file)[0].dims


def test_trial_columns_do_not_hide_the_recording(build, read):
    recording, _ = read(session(build, unit=np.arange(10), activity=np.ones(10)))
    assert recording["trial_unit"].dims == ("trial",)
    assert recording["trial_activity"].dims == ("trial",)
    assert recording["activity"].dims == ("time", "unit")
