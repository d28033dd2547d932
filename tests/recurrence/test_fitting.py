from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import PoissonRegressor

from neurorec.design import Coupling, Drift, boxcar, default_terms, design_matrix
from neurorec.glm import deviance
from neurorec.recording import SelectionError, add_blocks, recording_from_arrays
from neurorec.recurrence import fit_step, pose_problem
from neurorec.recurrence.fitting import _column_scale, _held_out_mean, _prepare
from neurorec.recurrence.models import COUPLED, columns_of


@pytest.fixture(scope="module")
def fits(small):
    out = {}
    for step in ("uncoupled", "history", "coupled", "full"):
        out[step] = fit_step(small.problem, step, out)
    return out


def test_held_out_deviance_equals_scikit_learn(small, fits):
    """One unit, one fold, the penalty as chosen: the same deviance on the held-out trials."""
    problem, k, unit = small.problem, 1, 4
    task = np.flatnonzero(problem.design["group"].values == "task")
    matrix = problem.design["matrix"].values[:, task].astype(float)
    test = problem.fold[problem.trial] == k
    mean, spread = matrix[~test].mean(axis=0), matrix[~test].std(axis=0)
    term = problem.design["term"].values[task]
    typical = np.array([np.sqrt((spread[(term == t) & (spread > 0)] ** 2).mean()) for t in term])
    scaled = (matrix - mean) / np.maximum(spread, typical)
    penalty = fits["uncoupled"]["penalty"].values[unit, k]
    assert np.isfinite(penalty)
    peer = PoissonRegressor(alpha=penalty, solver="newton-cholesky", tol=1e-10)
    peer.fit(scaled[~test], problem.response[~test, unit])
    predicted = np.minimum(peer.predict(scaled[test]), peer.predict(scaled[~test]).max())
    expected = deviance(problem.response[test][:, [unit]], predicted[:, None]).sum()
    got = fits["uncoupled"]["deviance"].values[unit, problem.fold == k].sum()
    np.testing.assert_allclose(got, expected, rtol=3e-4)  # off the optimum by 1e-6, off it held out by its root


def test_everything_converged_and_says_so(fits):
    for fit in fits.values():
        assert fit["converged"].all()
        assert (fit["gap"] <= 1e-6).all()


@pytest.mark.parametrize("step", ["history", "coupled", "full"])
def test_with_an_infinite_penalty_a_model_is_its_base(small, fits, step):
    problem = replace(small.problem, penalties=(np.inf,))
    got = fit_step(problem, step, fits)
    base = fits[got.attrs["base"]]
    np.testing.assert_allclose(got["deviance"], base["deviance"], rtol=1e-3)
    np.testing.assert_allclose(got["deviance"].sum("trial"), base["deviance"].sum("trial"), rtol=1e-4)


def test_nothing_of_a_held_out_trial_reaches_its_training(small, fits):
    """Poison the responses of one fold: what was trained without it does not change at all."""
    k = 1
    response = small.problem.response.copy()
    response[small.problem.fold[small.problem.trial] == k] = 999
    poisoned = fit_step(replace(small.problem, response=response), "uncoupled", {})
    np.testing.assert_array_equal(poisoned["penalty"][:, k], fits["uncoupled"]["penalty"][:, k])
    np.testing.assert_array_equal(poisoned["coef"][k], fits["uncoupled"]["coef"][k])
    assert (poisoned["coef"][0] != fits["uncoupled"]["coef"][0]).any()


def test_inner_solutions_have_not_seen_the_inner_fold(small, fits):
    """Split j + 1 of outer fold k is blind to inner fold j, which the next model's penalty is judged on."""
    problem, k, j = small.problem, 0, 1
    response = problem.response.copy()
    hidden = problem.inner_fold[k][problem.trial] == j
    response[hidden] = response[hidden][::-1]
    fixed = replace(problem, penalties=(0.1,))
    before, after = (fit_step(replace(fixed, response=r), "uncoupled", {}) for r in (problem.response, response))
    np.testing.assert_array_equal(before["coef"][k, j + 1], after["coef"][k, j + 1])
    assert (before["coef"][k, 0] != after["coef"][k, 0]).any()


def test_the_number_of_jobs_changes_nothing(small, fits):
    again = fit_step(small.problem, "coupled", fits, n_jobs=1)
    xr.testing.assert_identical(again, fits["coupled"])


def test_a_fold_leaves_a_gap_to_its_neighbours():
    counts = np.random.default_rng(0).poisson(0.5, (400, 3))
    recording = recording_from_arrays(counts, bin_width=0.1)

    blocks = add_blocks(recording, 4.0)
    design = design_matrix(blocks, [Drift(1), Coupling(boxcar(1, window=(0.1, 0.5)))])
    problem = pose_problem(blocks, design, n_folds=5)
    fold = _prepare(problem, np.arange(2), 0)
    time = problem.design["time"].values
    assert np.abs(time[fold.train][:, None] - time[fold.test]).min() > 0.5


def test_needs_trials_and_columns(small):
    bare = recording_from_arrays(np.ones((50, 2)), bin_width=0.1)
    with pytest.raises(SelectionError, match="blocks"):
        pose_problem(bare, small.design)
    with pytest.raises(SelectionError, match="two or more"):
        pose_problem(small.recording.isel(unit=[0]), small.design)
    without = replace(small.problem, design=small.design.isel(feature=small.design["group"].values != "coupling"))
    with pytest.raises(SelectionError, match="add a coupling term"):
        fit_step(without, "coupled", {"uncoupled": xr.Dataset()})


def test_a_partner_that_was_silent_in_training_cannot_run_away(small):
    """One spike in training, a burst on a held-out trial: predictions stay sane (they once reached exp(50))."""

    recording = small.recording.copy(deep=True)
    activity, trial = recording["activity"].values, recording["trial_id"].values
    activity[:, 19] = 0
    activity[np.flatnonzero(trial == 0)[10], 19] = 1
    activity[trial == 5, 19] = 4
    problem = pose_problem(recording, design_matrix(recording, default_terms(recording).terms), n_folds=3)
    fits = {"uncoupled": fit_step(problem, "uncoupled", {})}
    fits["coupled"] = fit_step(problem, "coupled", fits)
    before, after = (fits[name]["deviance"].sel(trial=5).values[:19] for name in ("uncoupled", "coupled"))
    assert (after < 1.5 * before).all()


def test_no_prediction_beyond_what_was_predicted_in_training(small, fits):
    """A held-out burst of every partner, far beyond training, costs no more than the largest trained rate would."""

    problem, k = small.problem, 0
    columns = columns_of(COUPLED, problem.design["group"].values)
    fold = _prepare(problem, columns, k)
    weights = np.full((20, columns.size), 0.05, dtype=np.float32)
    wild = problem.design["matrix"].values.copy()
    wild[fold.test[:5]] = 100.0
    burst = replace(problem, design=problem.design.assign(matrix=(("time", "feature"), wild)))
    solution = (weights, np.full(20, -5.0))
    calm, mean = (_held_out_mean(p, columns, solution, fits["uncoupled"], k, fold) for p in (problem, burst))
    assert (mean[:5] == mean[0]).all()
    assert (mean[:5] >= calm.max(axis=0)).all()
    assert mean.max() < 1e3
    np.testing.assert_array_equal(mean[5:], calm[5:])


def test_columns_are_measured_in_their_spread_but_not_in_less_than_is_typical():

    spread = np.array([1.0, 0.01, 2.0, 0.0, 5.0])
    scale = _column_scale(spread, np.zeros(5), np.array(["a", "a", "a", "a", "b"]))
    typical = np.sqrt((1 + 0.01**2 + 4) / 3)
    np.testing.assert_allclose(scale, [typical, typical, 2.0, np.inf, 5.0])
