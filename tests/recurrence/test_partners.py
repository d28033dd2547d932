"""Partners that were changed: what moved, what stayed, and what a unit may know of itself."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import neurorec.recurrence.columns
from neurorec.design import Coupling, Drift, boxcar, design_matrix
from neurorec.recording import InputError
from neurorec.recurrence import pose_problem
from neurorec.recurrence.columns import columns_on
from neurorec.recurrence.controls.latent import _components, _coupling_columns, _loadings
from neurorec.recurrence.controls.shuffled import add_same_bin, delay_partners, is_causal, shift_partners
from neurorec.recurrence.partners import keep_columns, with_activity


@pytest.fixture(scope="module")
def plain(small):
    """One coupling column for each unit: its activity one bin ago; filters see nothing beyond a trial's first bin."""
    terms = [Drift(2), Coupling(boxcar(1, window=(0.02, 0.02)))]
    return pose_problem(small.recording, design_matrix(small.recording, terms, edges="zero"), n_folds=3)


def coupling(problem):
    return problem.design["matrix"].values[:, problem.design["group"].values == "coupling"]


def by_trial(problem, values):
    return [values[problem.trial == t] for t in range(problem.trial_ids.size)]


def test_shifting_in_trials_turns_every_train_round_by_itself(plain):
    shifted = shift_partners(plain, within="trial")
    turns = set()
    # The last bin of a trial is nobody's past, and the first has none: what comes in is the bin before in the circle.
    activity = plain.recording["activity"].values
    for trial, (before, after) in enumerate(zip(by_trial(plain, activity), by_trial(plain, coupling(shifted)))):
        for unit in range(activity.shape[1]):
            rolls = [np.roll(before[:, unit], k)[:-1] for k in range(1, len(before))]
            found = [k for k, rolled in enumerate(rolls, 1) if np.array_equal(rolled, after[1:, unit])]
            assert found, f"unit {unit} in trial {trial} is not its own train turned round"
            turns |= set(found[:1])
    assert len(turns) > 5
    np.testing.assert_array_equal(plain.response, shifted.response)
    other = plain.design["group"].values != "coupling"
    np.testing.assert_array_equal(plain.design["matrix"].values[:, other], shifted.design["matrix"].values[:, other])


def test_shifting_along_the_session_moves_every_train_far(plain):
    shifted = shift_partners(plain, within="session")
    activity = plain.recording["activity"].values
    n = len(activity)
    inside = np.diff(plain.trial, prepend=-1) == 0  # bins with a bin of the same trial before them
    for unit in range(0, 20, 5):
        moves = [k for k in range(n) if np.array_equal(np.roll(activity[:, unit], k)[:-1][inside[1:]],
                                                       coupling(shifted)[1:, unit][inside[1:]])]  # fmt: skip
        assert moves
        assert all(0.05 * n <= k <= 0.95 * n for k in moves)


def test_shifts_differ_between_units_and_follow_from_the_seed(plain):
    first, again = (coupling(shift_partners(plain, within="trial")) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = coupling(shift_partners(replace(plain, seed=1), within="trial"))
    assert not np.array_equal(first, other)
    with pytest.raises(InputError, match="within"):
        shift_partners(plain, within="bin")


def test_delaying_lets_partners_arrive_later(plain):
    delayed = delay_partners(plain, 2)
    before, after = coupling(plain), coupling(delayed)
    runs = np.flatnonzero(np.diff(plain.trial, prepend=-1))
    late = np.concatenate([np.arange(first + 3, first + 20) for first in runs])
    np.testing.assert_array_equal(after[late], before[late - 2])


def test_the_same_bin_is_one_more_column_for_each_partner(small):
    problem = small.problem
    more = add_same_bin(problem)
    added = more.design["term"].values == "same bin"
    assert added.sum() == 20
    np.testing.assert_array_equal(more.design["matrix"].values[:, added], problem.response)
    assert not np.diag(more.design["allowed"].values[:, added]).any()
    assert more.design["allowed"].values[:, added].sum() == 20 * 19
    assert is_causal(problem)
    same = design_matrix(small.recording, [Drift(1), Coupling(boxcar(1, window=(0.0, 0.0)), same_bin=True)])
    assert not is_causal(pose_problem(small.recording, same))


@pytest.mark.parametrize("change", [lambda p: shift_partners(p, within="trial"), add_same_bin, delay_partners])
def test_sparse_and_dense_columns_of_changed_partners_are_the_same(small, change, monkeypatch):
    """However columns are multiplied, they are those of the changed design."""
    monkeypatch.setattr(neurorec.recurrence.columns, "worthwhile", lambda *args, **more: True)
    problem = pose_problem(small.recording, small.design, n_folds=3)
    assert problem.spikes is not None
    altered = change(problem)
    columns = np.flatnonzero(altered.design["group"].values != "history")
    rows = np.arange(0, len(altered.response), 7)
    lazy = columns_on(altered.design, altered.spikes, columns, rows)
    np.testing.assert_allclose(
        lazy.block(0, rows.size), altered.design["matrix"].values[np.ix_(rows, columns)], atol=1e-5
    )


def test_what_was_not_observed_predicts_nothing(plain):
    order = np.tile(np.arange(plain.recording.sizes["time"])[:, None], 20)
    order[:, 3] = -1
    order[:500, 4] = -1
    gone = coupling(with_activity(plain, order))
    assert np.ptp(gone[1:, 3][np.diff(plain.trial) == 0]) == 0
    np.testing.assert_array_equal(gone[:, 5], coupling(plain)[:, 5])


def test_components_hold_nothing_of_the_unit_itself(small):
    problem = small.problem
    columns = _coupling_columns(problem)
    loadings, share = _loadings(problem, columns, 0, 3)
    assert loadings.shape == (20, 3)
    assert 0 < share[:3].sum() < 1
    matrix = problem.design["matrix"].values.copy()
    matrix[:, columns[7]] += np.random.default_rng(0).random((len(matrix), columns.shape[1])).astype(np.float32)
    poked = replace(problem, design=problem.design.assign(matrix=(("time", "feature"), matrix)))
    before, after = (_components(p, np.array([7, 8]), columns, loadings)["matrix"].values for p in (problem, poked))
    own = 3 * columns.shape[1]
    np.testing.assert_allclose(before[:, :own], after[:, :own], atol=1e-4)
    assert not np.allclose(before[:, own:], after[:, own:], atol=1e-4)


def test_components_are_those_of_the_training_trials(small):
    problem = small.problem
    columns = _coupling_columns(problem)
    matrix = problem.design["matrix"].values.copy()
    matrix[problem.fold[problem.trial] == 0] = 1e6
    poisoned = replace(problem, design=problem.design.assign(matrix=(("time", "feature"), matrix)))
    for found, expected in zip(_loadings(poisoned, columns, 0, 3), _loadings(problem, columns, 0, 3), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_columns_can_be_left_out_without_losing_the_base(small):
    base = xr.Dataset({"slot_feature": (("unit", "slot"), [[4, 2, -1]])})
    kept, moved = keep_columns(small.problem, base, np.array([0, 2, 4, 5]))
    assert moved["slot_feature"].values.tolist() == [[2, 1, -1]]
    assert kept.design.sizes["feature"] == 4
