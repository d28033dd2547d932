"""Which spikes are in a window: never those that come later, never another trial's."""

import numpy as np
import pandas as pd
import pytest

from neurorec.decoding import cut_windows
from neurorec.recording import InputError, SelectionError, recording_from_arrays


def make(start, *, n_bins=20, **more):
    start = np.asarray(start, dtype=float)
    trials = pd.DataFrame({"start": start, "stop": start + 0.5, "cue": start + 0.2})
    counts = np.arange(n_bins)[:, None]
    return recording_from_arrays(counts, bin_width=0.1, area=["V1"], trials=trials, **more)


def test_windows_are_trailing_means():
    cut = cut_windows(make([0.0, 1.0]), window=(0, 0.5), width=0.2, step=0.1)
    np.testing.assert_allclose(cut.time, [0.2, 0.3, 0.4, 0.5])
    np.testing.assert_allclose(cut.activity[..., 0], [[0.5, 1.5, 2.5, 3.5], [10.5, 11.5, 12.5, 13.5]])


def test_other_events_and_times_before_them():
    cut = cut_windows(make([0.0, 1.0]), event="cue", window=(-0.1, 0.1))
    np.testing.assert_allclose(cut.activity[..., 0], [[1, 2], [11, 12]])
    given = cut_windows(make([0.0, 1.0]), event=[0.2, np.nan], window=(-0.1, 0.1))
    np.testing.assert_allclose(given.activity[..., 0], [[1, 2], [np.nan, np.nan]])


def test_an_event_inside_a_bin_never_looks_ahead():
    cut = cut_windows(make([0.0, 1.0]), event=[0.25, 1.25], window=(0, 0.2))
    np.testing.assert_allclose(cut.activity[..., 0], [[2, 3], [12, 13]])  # bin 2 ends at 0.3 <= 0.25 + 0.1


def test_bins_of_another_trial_and_unrecorded_bins_are_missing():
    cut = cut_windows(make([0.0, 0.5]), window=(0, 0.6))
    assert np.isnan(cut.activity[0, 5, 0])
    assert not np.isnan(cut.activity[1]).any()
    gap = np.delete(np.arange(21) * 0.1, 3)
    segment = (np.arange(20) >= 3).astype(int)
    cut = cut_windows(make([0.0], time=gap, segment=segment), window=(0, 0.5))
    np.testing.assert_array_equal(np.isnan(cut.activity[0, :, 0]), [False, False, False, True, False])


def test_bins_that_a_unit_did_not_observe_are_missing():
    recording = make([0.0, 1.0])
    seen = np.ones((20, 1), dtype=bool)
    seen[1] = False
    cut = cut_windows(recording.assign(observed=(("time", "unit"), seen)), window=(0, 0.3))
    np.testing.assert_array_equal(np.isnan(cut.activity[..., 0]), [[False, True, False], [False] * 3])


def test_what_cannot_be_cut_is_said():
    with pytest.raises(InputError, match="window"):
        cut_windows(make([0.0]), window=(0, 0.3), width=0.4)
    with pytest.raises(SelectionError, match="cue"):
        cut_windows(make([0.0]), event="go")
    with pytest.raises(InputError, match="event"):
        cut_windows(make([0.0]), event=[1.0, 2.0])
    with pytest.raises(SelectionError, match="trials"):
        cut_windows(recording_from_arrays(np.ones((5, 1)), bin_width=0.1, area=["V1"]))


def test_ids_of_trials_need_not_be_their_places():
    """As in a file whose trials are numbered from 1, or a recording of which some trials were taken."""
    recording = make([0.0, 0.5, 1.0])
    ids = np.array([7, 1, 2])
    owner = recording["trial_id"].values
    renamed = recording.assign_coords(trial=ids, trial_id=("time", np.where(owner >= 0, ids[owner], -1)))
    there = cut_windows(renamed, window=(0, 0.5)).activity
    np.testing.assert_array_equal(there[..., 0], np.arange(15).reshape(3, 5))


def test_trials_on_another_clock_are_refused():
    with pytest.raises(SelectionError, match="expected bins that were recorded in some trial, found none in 2 trials"):
        cut_windows(make([0.0, 1.0]), event=[1e4, 1e4 + 1])
