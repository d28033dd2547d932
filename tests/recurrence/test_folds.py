import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorec.recording import InputError, SelectionError
from neurorec.recurrence import deal_trials, pose_problem, training_bins


@given(st.integers(2, 6), st.integers(6, 80), st.integers(1, 4), st.integers(0, 99))
def test_every_trial_is_held_out_once_and_conditions_are_spread(n_folds, n_trials, n_conditions, seed):
    rng = np.random.default_rng(seed)
    condition = rng.integers(n_conditions, size=n_trials)
    fold = deal_trials(n_trials, n_folds, rng=rng, condition=condition.tolist())
    sizes = np.bincount(fold, minlength=n_folds)
    assert sizes.sum() == n_trials
    assert np.ptp(sizes) <= 1
    for c in np.unique(condition):
        assert np.ptp(np.bincount(fold[condition == c], minlength=n_folds)) <= 1


@given(st.integers(0, 99), st.floats(0, 1))
def test_the_gap_is_kept_and_nothing_more_is_lost(seed, gap):
    rng = np.random.default_rng(seed)
    fold = np.repeat(rng.integers(-1, 3, size=20), 5)
    time = np.arange(100) * 0.1
    train = training_bins(time, fold, 0, gap=gap)
    test = time[fold == 0]
    distance = np.abs(time[:, None] - test).min(axis=1) if test.size else np.full(100, np.inf)
    np.testing.assert_array_equal(train, (fold > 0) & (distance > gap + 1e-9))


def test_too_few_trials():
    with pytest.raises(SelectionError, match="2 to 3 folds"):
        deal_trials(3, 5, rng=np.random.default_rng(0))


def test_too_few_trials_are_said_for_the_folds_that_lack_them(small):
    with pytest.raises(SelectionError, match="2 or more to be dealt to folds, found 1"):
        deal_trials(1, 2, rng=np.random.default_rng(0))
    with pytest.raises(SelectionError, match="n_inner_folds: expected 2 to 40"):
        pose_problem(small.recording, small.design, n_folds=3, n_inner_folds=41)
    with pytest.raises(InputError, match="0 penalties"):
        pose_problem(small.recording, small.design, penalties=())
    with pytest.raises(InputError, match="seed -1"):
        pose_problem(small.recording, small.design, seed=-1)
