import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorec.recording import RecordingError, add_blocks, add_trials, assign_trials, recording_from_arrays


def test_a_jump_in_time_starts_a_segment():
    time = np.concatenate([np.arange(5), np.arange(5) + 10]) * 0.1
    recording = recording_from_arrays(np.zeros((10, 2)), bin_width=0.1, time=time)
    assert recording["segment"].values.tolist() == [0] * 5 + [1] * 5


def test_signals_may_have_channels():
    recording = recording_from_arrays(np.zeros((4, 2)), bin_width=0.1, signals={"position": np.zeros((4, 3))})
    assert recording["position"].dims == ("time", "position_channel")


def test_trial_columns_keep_type_and_give_way_to_names_that_are_taken():
    table = pd.DataFrame({"start": [0.0], "stop": [0.2], "count": [3], "word": ["a"], "area": ["x"], "ok": [True]})
    recording = recording_from_arrays(np.zeros((4, 2)), bin_width=0.1, trials=table)
    assert recording["count"].dtype.kind == "i"
    assert recording["ok"].dtype == bool
    assert recording["trial_area"].values.tolist() == ["x"]
    assert recording["area"].dims == ("unit",)
    assert recording["trial_id"].values.tolist() == [0, 0, -1, -1]


def test_the_callers_table_is_not_changed():
    table = pd.DataFrame({"start": [0.0], "stop": [0.2]}, index=[17])
    recording = recording_from_arrays(np.zeros((4, 2)), bin_width=0.1, trials=table)
    recording["start"].values[0] = 99
    assert table["start"].tolist() == [0.0]
    assert recording["trial"].values.tolist() == [17]


def test_refuses_a_vector_and_a_table_without_times():
    with pytest.raises(RecordingError, match="two axes"):
        recording_from_arrays(np.zeros(5), bin_width=0.1)
    with pytest.raises(RecordingError, match="no stop"):
        add_trials(recording_from_arrays(np.zeros((5, 2)), bin_width=0.1), pd.DataFrame({"start": [0.0]}))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(-2, 20)), max_size=8), st.integers(0, 40))
def test_a_bin_belongs_to_the_trial_that_started_last(spans, n_bins):
    time = np.arange(n_bins) * 1.0
    start = np.array([s for s, _ in spans], dtype=float)
    stop = start + [d for _, d in spans] if spans else start
    got = assign_trials(time, start, stop)
    for t, row in zip(time, got, strict=True):
        inside = [i for i in range(len(spans)) if start[i] <= t < stop[i]]
        if not inside:
            assert row == -1
        else:
            assert start[row] == max(start[i] for i in inside)


@given(st.integers(1, 60), st.integers(1, 25), st.lists(st.integers(1, 59), max_size=3))
def test_blocks_cover_every_bin_once_and_stay_in_their_segment(n_bins, length, cuts):
    jumps = np.isin(np.arange(n_bins), cuts).cumsum() * 100.0
    recording = recording_from_arrays(np.zeros((n_bins, 1)), bin_width=0.5, time=np.arange(n_bins) * 0.5 + jumps)
    blocks = add_blocks(recording, length * 0.5)
    block = blocks["trial_id"].values
    assert (block >= 0).all()
    assert (np.diff(block) >= 0).all()
    assert np.bincount(block).max() <= length
    for b in np.unique(block):
        assert len(set(blocks["segment"].values[block == b])) == 1
    assert blocks.attrs["trials_are_blocks"] == 1
    assert "trials_are_blocks" not in recording.attrs


def test_blocks_replace_trials_and_need_a_length():
    table = pd.DataFrame({"start": [0.0], "stop": [0.4], "side": ["left"]})
    recording = recording_from_arrays(np.zeros((10, 2)), bin_width=0.1, trials=table)
    blocks = add_blocks(recording, 0.5)
    assert blocks.sizes["trial"] == 2
    assert "side" not in blocks
    with pytest.raises(RecordingError, match="at least one bin"):
        add_blocks(recording, 0.01)


def test_a_missing_value_of_a_trial_column_is_no_word():
    table = pd.DataFrame({"start": [0.0, 0.5, 1.0], "stop": [0.5, 1.0, 1.5], "side": ["left", None, np.nan]})
    table["count"] = pd.array([3, None, 5], dtype="Int64")
    table["hit"] = pd.array([True, None, False], dtype="boolean")
    table["size"] = pd.Series([1.5, None, 2.0], dtype=object)
    table["sure"] = pd.array([True, True, False], dtype="boolean")
    recording = recording_from_arrays(np.ones((15, 1)), bin_width=0.1, area=[np.nan], trials=table)
    assert recording["side"].values.tolist() == ["left", "", ""]
    np.testing.assert_array_equal(recording["count"], [3.0, np.nan, 5.0])
    assert recording["hit"].values.tolist() == ["True", "", "False"]
    assert recording["sure"].dtype == bool
    assert recording["area"].values.tolist() == [""]
    np.testing.assert_array_equal(recording["size"], [1.5, np.nan, 2.0])


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"bin_width": 0.0}, "bin_width"),
        ({"area": ["V1"]}, "area"),
        ({"unit": [1, 2, 3]}, "unit"),
        ({"time": [0.0, 0.1]}, "time"),
        ({"segment": [0]}, "segment"),
        ({"observed": np.ones((20, 1))}, "observed"),
        ({"signals": {"running": np.zeros(19)}}, "running"),
        ({"signals": {"running": np.zeros((20, 2, 2))}}, "running"),
        ({"signals": {"activity": np.zeros(20)}}, "names of their own"),
        ({"trials": pd.DataFrame({"start": [0.0], "stop": [1.0]}, index=["first"])}, "first"),
        ({"trials": pd.DataFrame({"start": [0.0, 1.0], "stop": [1.0, 2.0]}, index=[4, 4])}, "4 again"),
        ({"trials": pd.DataFrame({"start": [0.0], "stop": [1.0]}, index=[-1])}, "ids >= 0"),
    ],
)
def test_what_does_not_fit_is_named(given, word):
    with pytest.raises(RecordingError, match=word):
        recording_from_arrays(np.zeros((20, 2)), **({"bin_width": 0.1} | given))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_an_empty_recording_is_none(shape):
    with pytest.raises(RecordingError, match="at least one bin of one unit"):
        recording_from_arrays(np.zeros(shape), bin_width=0.1)
