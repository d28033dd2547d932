"""Is the answer right? Benefit where coupling was planted, none where it was not."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from neurorec.datasets import SimulatedArea, simulate_recording
from neurorec.design import default_terms, design_matrix
from neurorec.io import load_dataset, load_tree, save_dataset, save_tree
from neurorec.recording import InputError, add_blocks
from neurorec.recurrence import (
    STEPS,
    all_units,
    by_area,
    collect_benefit,
    fit_step,
    pool_sessions,
    pose_problem,
    recurrence_benefit,
)


def measure(areas, *, seed, n_trials=60, steps=("coupled",), **more):
    recording = simulate_recording(areas, n_trials=n_trials, duration=0.8, rng=np.random.default_rng(seed), **more)
    design = design_matrix(recording, default_terms(recording).terms)
    return recurrence_benefit(recording, design, n_folds=3, n_inner_folds=2, steps=steps, progress=False, seed=seed)


@pytest.fixture(scope="module")
def result(small):
    return recurrence_benefit(small.recording, small.design, n_folds=3, n_inner_folds=2, progress=False)


def test_benefit_where_it_was_planted_and_none_where_not(result):
    table = by_area(result).set_index("area")
    assert table.loc["coupled", "benefit_low"] > 0.01
    assert table.loc["free", "benefit_low"] <= 0 <= table.loc["free", "benefit_high"] + 1e-4
    assert abs(table.loc["free", "benefit"]) < 0.005
    assert table.loc["coupled", "p_value"] < 0.001
    assert table.loc["coupled", "n_significant"] >= 8
    assert table.loc["free", "n_significant"] <= 1


def test_controls_by_planted_truth(result):
    """Real coupling survives matching and is gone when partners' trials are exchanged."""
    table = by_area(result).set_index("area")
    assert table.loc["coupled", "benefit_shuffled_high"] < table.loc["coupled", "benefit_low"]
    assert table.loc["coupled", "benefit_matched_low"] > 0.01
    assert table.loc["coupled", "benefit_history_low"] > 0.005
    by_lag = result["benefit_by_lag"].groupby("area").median()
    assert (by_lag.sel(area="coupled") > 0.01).all()
    assert (np.abs(by_lag.sel(area="free")) < 0.005).all()


def test_scores_follow_from_the_deviances(result):
    """fde, unit_fde and benefit are what the definition says, from the kept deviances."""
    deviance, null, fold = result["deviance"].values, result["null_deviance"].values, result["trial_fold"].values
    for k in range(3):
        by_hand = 1 - deviance[:, fold == k].sum(axis=1) / null[:, fold == k].sum(axis=1)[:, None]
        np.testing.assert_allclose(result["fde"].values[:, k], by_hand)
    pooled = 1 - deviance.sum(axis=1) / null.sum(axis=1)[:, None]
    np.testing.assert_allclose(result["unit_fde"], pooled)
    coupled, uncoupled = (result["unit_fde"].sel(model=m) for m in ("coupled", "uncoupled"))
    np.testing.assert_allclose(result["benefit"], coupled - uncoupled, atol=1e-12)


def test_bits_per_spike_by_hand(small, result):
    """Half the deviance gained over the null, in bits, per spike of the held-out fold."""
    problem, fold = small.problem, result["trial_fold"].values
    np.testing.assert_array_equal(problem.fold, fold)
    for k in range(3):
        spikes = problem.response[fold[problem.trial] == k].sum(axis=0)
        null = result["null_deviance"].values[:, fold == k].sum(axis=1)
        for m in range(result.sizes["model"]):
            gain = null - result["deviance"].values[:, fold == k, m].sum(axis=1)
            np.testing.assert_allclose(result["bits_per_spike"].values[:, k, m], gain / 2 / np.log(2) / spikes)


@pytest.mark.long
def test_no_benefit_without_coupling_and_uniform_p_values():
    """Areas that do not differ: the comparison's p-values are uniform, and intervals cover zero."""
    areas = [SimulatedArea("A", 7, rate=15), SimulatedArea("B", 7, rate=15)]
    p, benefit, false = [], [], []
    for seed in range(24):
        result = measure(areas, seed=seed, n_trials=36)
        table = by_area(result, n_draws=50)
        p.append(table.attrs["p_overall"])
        benefit.append(result["benefit"].median())
        false.append(result["significant"].mean())
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(benefit) < 0.001
    assert np.mean(false) < 0.03


@pytest.mark.long
def test_labels_that_mean_nothing_make_no_difference():
    """One coupled network whose units are called A or B at random."""
    p = []
    for seed in range(20):
        area = SimulatedArea("A", 16, coupling=0.4, memory=0.05, rate=15)
        recording = simulate_recording([area], n_trials=30, duration=0.8, rng=np.random.default_rng(seed))
        label = np.random.default_rng(seed + 99).permutation(np.repeat(["A", "B"], 8))
        recording = recording.assign_coords(area=("unit", label))
        design = design_matrix(recording, default_terms(recording).terms)
        result = recurrence_benefit(recording, design, n_folds=3, n_inner_folds=2, steps=["coupled"], progress=False)
        p.append(by_area(result, n_draws=20).attrs["p_overall"])
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_common_input_is_a_benefit_that_shuffling_removes():
    """Coupling and unrecorded common input look alike within a trial: the docs say so, the test holds us to it."""
    areas = [SimulatedArea("driven", 10, common_input=0.6, rate=15)]
    table = by_area(measure(areas, seed=5, steps=("coupled", "shuffled")))
    assert table.loc[0, "benefit_low"] > 0.01
    assert table.loc[0, "benefit_shuffled_high"] < 0.01


def test_slow_drift_is_left_to_the_uncoupled_model():
    areas = [SimulatedArea("drifting", 10, rate=15)]
    table = by_area(measure(areas, seed=6, drift=0.5))
    assert table.loc[0, "fde_uncoupled"] > 0.03
    assert abs(table.loc[0, "benefit"]) < 0.005


def test_what_is_not_defined_is_missing(small):
    recording = small.recording.copy(deep=True)
    recording["activity"].values[:, 3] = 0
    recording["activity"].values[:, 4] = 0
    recording["activity"].values[17, 4] = 1
    result = recurrence_benefit(
        recording,
        design_matrix(recording, default_terms(recording).terms),
        n_folds=3,
        steps=["coupled"],
        progress=False,
    )
    assert result["unit_fde"].isel(unit=[3, 4]).isnull().all()
    assert result["benefit"].isel(unit=[3, 4]).isnull().all()
    assert result["p_value"].isel(unit=[3, 4]).isnull().all()
    assert not result["significant"].isel(unit=[3, 4]).any()
    table = by_area(result)
    assert table.set_index("area").loc["coupled", "n_units"] == 8
    none = by_area(result.isel(unit=[3, 4]))
    assert len(none) == 0
    assert none.columns.tolist() == table.columns.tolist()


def test_unobserved_bins_take_no_part(small):
    """Garbage where a unit was not observed changes nothing for anybody."""
    seen = np.ones(small.recording["activity"].shape, dtype=bool)
    seen[:600, 2] = False
    results = []
    for garbage in (0, 50):
        recording = small.recording.copy(deep=True)
        recording["activity"].values[:600, 2] = garbage
        recording["observed"] = (("time", "unit"), seen)
        design = design_matrix(recording, default_terms(recording).terms)
        results.append(recurrence_benefit(recording, design, n_folds=3, steps=["coupled"], progress=False))
    xr.testing.assert_identical(*results)
    assert results[0]["benefit"].notnull().all()


@pytest.mark.parametrize(("kind", "family"), [("binary", "bernoulli"), ("dff", "gaussian")])
def test_other_kinds_of_activity(small, kind, family):
    recording = small.recording.copy(deep=True)
    activity = recording["activity"]
    values = np.minimum(activity, 1) if kind == "binary" else np.sqrt(activity) * 1000.0 - 400
    recording["activity"] = (activity.dims, values.values, activity.attrs | {"kind": kind})
    design = design_matrix(recording, default_terms(recording).terms)
    result = recurrence_benefit(recording, design, n_folds=3, n_inner_folds=2, steps=["coupled"], progress=False)
    assert result.attrs["family"] == family
    assert "bits_per_spike" not in result
    table = by_area(result).set_index("area")
    assert table.loc["coupled", "benefit_low"] > 0.005
    assert abs(table.loc["free", "benefit"]) < 0.005


def test_gaussian_benefit_does_not_depend_on_units(small):
    results = []
    for scale in (1.0, 1e4):
        recording = small.recording.copy(deep=True)
        activity = recording["activity"]
        recording["activity"] = (activity.dims, activity.values * scale, activity.attrs | {"kind": "fluorescence"})
        design = design_matrix(recording, default_terms(recording).terms)
        results.append(recurrence_benefit(recording, design, n_folds=3, steps=["coupled"], progress=False)["benefit"])
    np.testing.assert_allclose(*results, atol=1e-4)


def test_blocks_stand_in_for_trials(small):
    blocks = add_blocks(small.recording, 0.4)
    design = design_matrix(blocks, default_terms(blocks).terms)
    result = recurrence_benefit(blocks, design, n_folds=3, n_inner_folds=2, steps=["coupled"], progress=False)
    assert result.attrs["trials_are_blocks"] == 1
    assert result.sizes["trial"] == 120


def test_sessions_are_pooled_by_unit(result, tmp_path):
    other = result.isel(trial=slice(0, 50)).assign_coords(session=("unit", ["second"] * 20))
    tree = pool_sessions([result, other.assign_attrs(session="second")])
    assert list(tree.children) == ["simulated", "second"]
    xr.testing.assert_identical(tree["simulated"].to_dataset(), result)
    pooled = all_units(tree)
    assert pooled.sizes["unit"] == 40
    assert pooled["unit"].to_index().is_unique
    assert not pooled["scored"].values[20:, 50:].any()
    np.testing.assert_array_equal(pooled["benefit"].values[:20], result["benefit"].values)
    table = by_area(tree)
    assert (table["n_sessions"] == 2).all()
    pd.testing.assert_frame_equal(by_area(pooled), table)
    save_tree(tree, tmp_path / "pooled.nc")
    xr.testing.assert_identical(load_tree(tmp_path / "pooled.nc"), tree)
    with pytest.raises(InputError, match="sessions"):
        pool_sessions([result, other])


def test_a_result_survives_its_steps_being_saved(small, result, tmp_path):
    """What a resumed run does: every step through a file, and the same result to the last bit."""
    problem = pose_problem(small.recording, small.design, n_folds=3, n_inner_folds=2)
    fits = {}
    for step in STEPS:
        save_dataset(fit_step(problem, step, fits), tmp_path / f"{step}.nc")
        fits[step] = load_dataset(tmp_path / f"{step}.nc")
    xr.testing.assert_identical(collect_benefit(problem, small.recording, fits), result)


def test_blocks_without_the_full_model_have_no_shares(small):
    result = recurrence_benefit(
        small.recording, small.design, n_folds=2, n_inner_folds=2, penalties=(1.0,), steps=["blocks"], progress=False
    )
    assert "unique_partners" in result
    assert "shared_blocks" not in result
