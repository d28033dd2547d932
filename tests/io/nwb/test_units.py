"""Units: their spikes, their ids, their columns and when they were observed."""

import warnings
from datetime import UTC, datetime

import numpy as np
import pytest

from neurorec.io import read_nwb
from neurorec.recording import FileError, InputError, SelectionError


def test_counts_are_those_of_the_spikes(build, read):
    rng = np.random.default_rng(1)
    spikes = [np.sort(rng.uniform(0, 10, n)) for n in (30, 0, 200)]
    recording, _ = read(build().units(spikes), bin_width=0.05)
    edges = np.append(recording["time"].values, recording["time"].values[-1] + 0.05)
    for k, own in enumerate(spikes):
        np.testing.assert_array_equal(recording["activity"].values[:, k], np.histogram(own, edges)[0])
    assert recording["activity"].attrs["bin_width"] == 0.05


def test_unsorted_spikes_are_sorted_and_said(build, read, said):
    recording, doubts = read(build().units([[0.3, 0.1, 0.2], [0.1, 0.2]], ids=[4, 5]))
    assert said(doubts, "units 4 were not in order", "sorted")
    assert int(recording["activity"].sum()) == 5


def test_a_clock_that_starts_again_is_said(build, read, said):
    own = np.concatenate([np.arange(0, 100.0), np.arange(0, 100.0)])
    assert said(read(build().units([own]))[1], "clock may have been reset", "units 0 ")


def test_missing_spike_times_are_left_out_and_said(build, read, said):
    recording, doubts = read(build().units([[0.1, np.nan, 0.2], [0.3]]))
    assert said(doubts, "1 missing spike times of units 0 ")
    assert int(recording["activity"].sum()) == 3


def test_silent_units_are_kept_and_said(build, read, said):
    recording, doubts = read(build().units([[], [0.1, 0.5], []], ids=[3, 5, 9]))
    assert recording["activity"].sum("time").values.tolist() == [0, 2, 0]
    assert said(doubts, "Units 3, 9 have no spikes")


def test_milliseconds_are_suspected_and_left_alone(build, read, said):
    own = np.sort(np.random.default_rng(0).uniform(0, 3.6e6, 3000))
    recording, doubts = read(build().units([own]), bin_width=100.0)
    assert said(doubts, "may be in ms")
    assert int(recording["activity"].sum()) == 3000


def test_a_moment_far_from_all_others_is_said_and_too_many_bins_are_refused(build, said):
    own = np.append(np.arange(0, 5000.0), 1.5e12)
    with pytest.raises(InputError, match="window"):
        read_nwb(build().units([own]).path)


def test_window_leaves_out_a_far_moment(build, read, said):
    recording, doubts = read(build().units([np.append(np.arange(0, 5000.0), 1.5e12)]), window=(0, 100))
    assert said(doubts, "1 spike times lie far", "window=")
    assert int(recording["activity"].sum()) == 100


def test_ids_with_gaps_are_kept_and_duplicated_ones_are_numbered(build, read, said):
    assert read(build().units([[0.1], [0.2]], ids=[11, 7]))[0]["unit"].values.tolist() == [11, 7]
    recording, doubts = read(build("twice.nwb").units([[0.1], [0.2], [0.3]], ids=[4, 4, 6]))
    assert recording["unit"].values.tolist() == [0, 1, 2]
    assert recording["file_id"].values.tolist() == [4, 4, 6]
    assert said(doubts, "ids 4 occur more than once")


def test_bins_lie_in_observed_intervals_only(build, read, said):
    seen = np.array([[0, 1.0], [2.0, 2.505]])
    spikes = [[0.5, 1.5, 2.2], [2.502]]
    recording, doubts = read(build().units(spikes, obs_intervals=[seen, seen]), bin_width=0.1)
    assert recording["segment"].values.tolist() == [0] * 10 + [1] * 5
    assert recording["activity"].sum("time").values.tolist() == [2, 0]
    assert said(doubts, "2 of 4 spikes lie outside")
    assert "observed" not in recording
    assert not said(doubts, "does not say when")


def test_units_that_differ_in_what_was_observed(build, read):
    intervals = [np.array([[0, 1.0]]), np.array([[0.5, 2.0]])]
    recording, _ = read(build().units([[0.1], [0.6]], obs_intervals=intervals), bin_width=0.5)
    assert recording["observed"].values.T.tolist() == [[True, True, False, False], [False, True, True, True]]
    assert recording["segment"].values.tolist() == [0] * 4


def test_units_without_intervals_where_others_have_some(build, read, said):
    intervals = [np.array([[0, 1.0]]), np.empty((0, 2)), np.array([[0, 0.5]])]
    recording, doubts = read(build().units([[0.1], [0.6], [0.2]], obs_intervals=intervals), bin_width=0.5)
    assert recording["observed"].values.T.tolist() == [[True, True], [True, True], [True, False]]
    assert said(doubts, "Units 1 have no observed intervals")


def test_invalid_times_are_no_bins(build, read, said):
    file = build().units([np.arange(0.05, 10, 0.1)])
    file.intervals("invalid_times", {"start_time": [2.0], "stop_time": [5.0]})
    recording, doubts = read(file, bin_width=0.5)
    assert said(doubts, "3 s that the file calls invalid")
    assert recording["time"].values.tolist() == [*np.arange(0, 2, 0.5), *np.arange(5, 10, 0.5)]
    assert set(recording["segment"].values) == {0, 1}


def test_truncated_spikes_name_the_unit(build, read, said):
    def cut(h5):
        kept = h5["units/spike_times"][:4]
        del h5["units/spike_times"]
        h5["units/spike_times"] = kept

    file = build().units([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], ids=[5, 6, 7]).edit(cut)
    recording, doubts = read(file)
    assert recording["unit"].values.tolist() == [5, 6]
    assert said(doubts, "units 7", "left out")


def test_columns_are_kept_with_their_type(build, read, said):
    def add_wide(h5):
        h5["units/snippet"] = np.zeros((2, 40))
        h5["units/waveform_mean"] = np.zeros((2, 40))

    file = build().units(
        [[0.1], [0.2]],
        depth=[1.5, 2.5],
        good=np.array([True, False]),
        n=[3, 4],
        quality=["mua", b"good"],
        iscell=np.array([[1, 0.9], [0, 0.2]]),
        time=[7.0, 8.0],
        group_label=[["a", "b"], ["c"]],
    )
    recording, doubts = read(file.edit(add_wide))
    assert recording["depth"].values.tolist() == [1.5, 2.5]
    assert recording["good"].dtype == bool
    assert recording["n"].dtype.kind == "i"
    assert recording["quality"].values.tolist() == ["mua", "good"]
    assert recording["iscell"].values.tolist() == [1, 0]
    assert recording["iscell_1"].values.tolist() == [0.9, 0.2]
    assert recording["unit_time"].values.tolist() == [7, 8]
    assert recording["group_label"].values.tolist() == ["a|b", "c"]
    assert all(recording[name].dims == ("unit",) for name in ("depth", "good", "quality", "unit_time"))
    assert said(doubts, "columns snippet do not hold one value per row")
    assert not said(doubts, "waveform_mean")


def test_filter_keeps_units_by_an_expression(build, read):
    file = build().electrodes(["V1", "PPC"])
    file.units([[0.1], [0.2, 0.3], [0.5]], electrodes=[0, 1, 1], depth=[1.0, 2.0, 3.0], ids=[2, 4, 6])
    assert read(file, units="depth > 1.5")[0]["unit"].values.tolist() == [4, 6]
    kept, _ = read(file, units="area == 'PPC' and depth < 2.5")
    assert kept["unit"].values.tolist() == [4]
    assert int(kept["activity"].sum()) == 2
    with pytest.raises(SelectionError, match="none where depth > 9"):
        read_nwb(file.path, units="depth > 9")
    with pytest.raises(SelectionError, match=r"columns depth.*nonsense"):
        read_nwb(file.path, units="nonsense > 9")
    with pytest.raises(SelectionError, match="a condition"):
        read_nwb(file.path, units="depth")


def test_window_limits_what_is_read(build, read):
    recording, _ = read(build().units([np.arange(0.05, 10, 0.1)]), window=(2, 4))
    assert int(recording["activity"].sum()) == 20
    assert recording["time"].values[[0, -1]].tolist() == pytest.approx([2, 3.99])
    with pytest.raises(SelectionError, match="window"):
        read_nwb(build("other.nwb").units([[0.1, 0.2]]).path, window=(50, 60))
    with pytest.raises(InputError, match="start first"):
        read_nwb(build("third.nwb").units([[0.1, 0.2]]).path, window=(5, 1))


def test_a_file_without_activity_is_refused(build):
    with pytest.raises(FileError, match="neither"):
        read_nwb(build().path)
    with pytest.raises(FileError, match="none"):
        read_nwb(build("asked.nwb").path, signal="spikes")
    with pytest.raises(FileError, match="neither"):
        read_nwb(build("empty.nwb").units([]).path)
    with pytest.raises(FileError, match="neither"):
        read_nwb(build("silent.nwb").units([[], []]).path)


def test_bulk_reading_agrees_with_pynwb(tmp_path, read):
    pynwb = pytest.importorskip("pynwb")
    rng = np.random.default_rng(3)
    spikes = [np.sort(rng.uniform(0, 20, n)) for n in (40, 1, 0, 90)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = pynwb.NWBFile("made here", "id", datetime(2020, 1, 1, tzinfo=UTC))
        device = file.create_device("probe")
        group = file.create_electrode_group("shank", "a shank", "V1", device)
        for name in ("V1", "PPC"):
            file.add_electrode(location=name, group=group)
        file.add_unit_column("quality", "how good")
        for k, own in enumerate(spikes):
            file.add_unit(spike_times=own, electrodes=[k % 2], quality="good" if k else "noise", id=10 + k)
        file.add_trial_column("choice", "what the animal chose")
        file.add_trial(start_time=1.0, stop_time=2.0, choice="left")
        file.add_trial(start_time=3.0, stop_time=4.5, choice="right")
        with pynwb.NWBHDF5IO(tmp_path / "written.nwb", "w") as out:
            out.write(file)
        with pynwb.NWBHDF5IO(tmp_path / "written.nwb", "r") as opened:
            table = opened.read().units.to_dataframe()
    recording, _ = read(tmp_path / "written.nwb", bin_width=0.1)
    assert recording["unit"].values.tolist() == table.index.tolist()
    assert recording["quality"].values.tolist() == table["quality"].tolist()
    assert recording["activity"].sum("time").values.tolist() == [len(own) for own in table["spike_times"]]
    assert recording["area"].values.tolist() == ["V1", "PPC", "V1", "PPC"]
    assert recording["choice"].values.tolist() == ["left", "right"]


@pytest.mark.parametrize(("bin_width", "doubted"), [(0.025, True), (0.005, True), (0.01, False), (0.02, False)])
def test_spikes_that_are_counts_of_their_own_bins_say_so(build, read, said, bin_width, doubted):
    rng = np.random.default_rng(0)
    steps = [np.sort(rng.integers(0, 3000, 900)) for _ in range(4)]
    starts = np.repeat([0.1234, 50.777], 2)  # another grid after a pause, as where trials were binned one by one
    file = build().units([start + 0.01 * step for start, step in zip(starts, steps, strict=True)])
    _, doubts = read(file, bin_width=bin_width)
    assert said(doubts, "10 ms apart", "a multiple of 0.01 s") == doubted


def test_spikes_on_a_fast_clock_are_no_counts(build, read, said):
    rng = np.random.default_rng(0)
    file = build().units([np.sort(rng.integers(0, 900_000, 4000)) / 30_000 for _ in range(2)])
    _, doubts = read(file, bin_width=0.025)
    assert not said(doubts, "apart")
