from dataclasses import replace

import numpy as np
import pytest

from neurorec.recording import InputError, SelectionError
from neurorec.recurrence import check_steps, count_fits, fit_step, pose_problem
from neurorec.recurrence.controls.blocks import _with_population
from neurorec.recurrence.controls.matched import _draws, common_rate
from neurorec.recurrence.controls.shuffled import shuffle_partners
from neurorec.recurrence.fitting import _prepare


def coupling(problem):
    return problem.design["matrix"].values[:, problem.design["group"].values == "coupling"]


def test_shuffling_exchanges_whole_trials_within_a_condition(small):
    problem = small.problem
    shuffled = shuffle_partners(problem)
    before, after = coupling(problem), coupling(shuffled)
    by_trial = {before[problem.trial == t].tobytes(): t for t in range(problem.trial_ids.size)}
    donors = [by_trial[after[problem.trial == t].tobytes()] for t in range(problem.trial_ids.size)]
    assert sorted(donors) == list(range(problem.trial_ids.size))
    assert all(t != donor for t, donor in enumerate(donors))
    assert all(problem.condition[t] == problem.condition[donor] for t, donor in enumerate(donors))
    other = problem.design["group"].values != "coupling"
    np.testing.assert_array_equal(problem.design["matrix"].values[:, other], shuffled.design["matrix"].values[:, other])


def test_shuffling_pools_conditions_of_one_trial(small):
    alone = replace(small.problem, condition=("rare", "odd", *["common"] * (len(small.problem.condition) - 2)))
    after = coupling(shuffle_partners(alone))
    before = coupling(alone)
    np.testing.assert_array_equal(after[alone.trial == 0], before[alone.trial == 1])


def test_shuffling_shorter_trials_fills_in_the_mean(small):
    problem = small.problem
    keep = np.flatnonzero(~((problem.trial == 3) & (np.arange(problem.trial.size) % 2 == 0)))
    short = replace(
        problem, design=problem.design.isel(time=keep), response=problem.response[keep], trial=problem.trial[keep]
    )
    after = coupling(shuffle_partners(short))
    mean = coupling(short).mean(axis=0)
    filled = np.flatnonzero(np.isclose(after, mean, rtol=1e-6).all(axis=1))
    assert filled.size
    assert len(set(short.trial[filled])) == 1


def test_matching_leaves_small_areas_out(small):
    area = np.array(["coupled"] * 10 + ["free"] * 4 + [""] * 6)
    problem = replace(small.problem, design=small.problem.design.assign_coords(area=("unit", area)))
    fits = {"uncoupled": fit_step(problem, "uncoupled", {})}
    matched = fit_step(problem, "matched", fits)
    assert matched.attrs["n_sources"] == 9
    assert matched["deviance"][:10].notnull().all()
    assert matched["deviance"][10:].isnull().all()
    tiny = replace(problem, design=problem.design.assign_coords(area=("unit", np.repeat(["a", "b", "c", "d"], 5))))
    assert not fit_step(tiny, "matched", fits).data_vars


def test_sessions_can_be_matched_to_each_other(small):
    problem = replace(small.problem, n_matched=5, n_draws=12)
    matched = fit_step(problem, "matched", {"uncoupled": fit_step(problem, "uncoupled", {})})
    assert matched.attrs["n_sources"] == 5
    drawn = matched["n_drawn"].values > 0
    assert drawn.mean() > 0.9
    assert matched["deviance"][drawn].notnull().all()
    beyond = replace(small.problem, n_matched=10)
    assert not fit_step(beyond, "matched", {"uncoupled": matched}).data_vars


def test_every_draw_is_a_population_of_its_own(small):
    problem = replace(small.problem, n_matched=5, n_draws=6)
    matched = fit_step(problem, "matched", {"uncoupled": fit_step(problem, "uncoupled", {})})
    assert matched.sizes["draw"] == 6
    assert matched["n_drawn"].values.sum() == 2 * 6 * 6
    by_draw = matched["benefit_by_draw"].sel(matched_area="coupled").values
    assert (by_draw > 0.01).all()
    assert np.unique(by_draw).size == 6
    assert abs(float(matched["benefit_by_draw"].sel(matched_area="free").median())) < 0.01
    whole = fit_step(replace(problem, n_matched=9), "matched", {"uncoupled": fit_step(problem, "uncoupled", {})})
    assert (whole["n_drawn"] == 1).all()  # ten of ten can be drawn in one way


def test_draws_are_of_the_size_asked_for_and_each_sorted():
    draws = _draws(np.arange(10, 20), 4, 30, np.random.default_rng(0))
    assert {draw.size for draw in draws} == {4}
    assert all((np.diff(draw) > 0).all() for draw in draws)
    assert set(np.concatenate(draws)) == set(range(10, 20))


def test_matched_rates_are_one_rate(small):
    problem = small.problem
    rate = common_rate(problem)
    thinned = fit_step(problem, "matched_rate", {})
    own = problem.response.mean(axis=0)
    known = thinned["deviance"].sel(model="coupled").notnull().all("trial").values
    np.testing.assert_array_equal(known, own >= rate)
    assert thinned.attrs["rate"] == rate
    medians = [np.median(own[:10]), np.median(own[10:])]
    assert rate == pytest.approx(min(medians))
    # The deviance of a Poisson mean of one rate differs between units by chance alone.
    null = thinned["null_deviance"].sum("trial").values[known]
    assert null.std() / null.mean() < 0.1
    traces = replace(problem, family="gaussian")
    assert not fit_step(traces, "matched_rate", {}).data_vars


def test_matched_trials_are_spread_over_folds(small):
    problem = replace(small.problem, n_trials_matched=24)
    fewer = fit_step(problem, "matched_trials", {})
    there = fewer["deviance"].notnull().all(("model", "unit")).values
    assert there.sum() == 24
    assert set(np.bincount(problem.fold[there])) == {8}
    assert not fit_step(replace(problem, n_trials_matched=60), "matched_trials", {}).data_vars


def test_blocks_are_what_they_are_called(small):
    problem = small.problem
    fits = {"uncoupled": fit_step(problem, "uncoupled", {})}
    fits["history"] = fit_step(problem, "history", fits)
    blocks = fit_step(problem, "blocks", fits)
    names = ["population", "history+population", "population+partners", "history+population+partners"]
    assert blocks["model"].values.tolist() == names
    wide = _with_population(problem)
    own = wide.design["group"].values == "population"
    matrix, source = wide.design["matrix"].values, wide.design["source"].values
    basis = wide.design["basis"].values
    unit = 4
    mine = np.flatnonzero(own & wide.design["allowed"].values[unit])
    for column in mine:
        others = (wide.design["group"].values == "coupling") & (basis == basis[column]) & (source != unit)
        np.testing.assert_allclose(matrix[:, column], matrix[:, others].mean(axis=1), atol=1e-4)


def test_partners_of_an_area_explain_that_area(small):
    fits = {"uncoupled": fit_step(small.problem, "uncoupled", {})}
    found = fit_step(small.problem, "sources", fits)
    assert found["source_area"].values.tolist() == ["coupled", "free"]
    gain = (fits["uncoupled"]["deviance"] - found["deviance"]).sum("trial")
    within = gain.sel(source_area="coupled").values[:10]
    assert (within > 0).all()
    assert within.sum() > 20 * abs(gain.sel(source_area="free").values[10:].sum())
    one = small.problem.design.assign_coords(area=("unit", ["a"] * 20))
    alone = small.recording.assign_coords(area=("unit", ["a"] * 20))
    assert not fit_step(replace(small.problem, design=one, recording=alone), "sources", fits).data_vars


def test_steps_that_do_not_apply_are_empty_and_unknown_ones_refused(small):
    group = small.design["group"].values
    bare = small.design.isel(feature=np.flatnonzero(group != "history"))
    problem = pose_problem(small.recording, bare, n_folds=3, n_inner_folds=2)
    for step in ("history", "full", "blocks"):
        assert not fit_step(problem, step, {}).data_vars
        assert count_fits(problem, step) == 0
    with pytest.raises(InputError, match="expected some of uncoupled"):
        check_steps(["everything"])
    assert check_steps(["blocks"]) == ("uncoupled", "history", "coupled", "blocks")


def test_penalties_can_be_weighted_by_term(small):
    fits = {}
    for name, weight in (("plain", None), ("heavy", {"Coupling": 1e9})):
        problem = pose_problem(small.recording, small.design, n_folds=3, n_inner_folds=2, penalty_weight=weight)
        base = {"uncoupled": fit_step(problem, "uncoupled", {})}
        fits[name] = (base["uncoupled"]["deviance"] - fit_step(problem, "coupled", base)["deviance"]).sum("trial")
    assert float(fits["plain"][:10].min()) > 1
    assert abs(float(fits["heavy"].sum())) < 0.02 * float(fits["plain"].sum())
    with pytest.raises(SelectionError, match="penalty_weight"):
        pose_problem(small.recording, small.design, penalty_weight={"Nothing": 2.0})


def test_columns_can_be_divided_by_their_maximum(small):
    problem = pose_problem(small.recording, small.design, n_folds=3, n_inner_folds=2, scaling="maximum")
    fold = _prepare(problem, np.arange(small.design.sizes["feature"]), 0)
    largest = np.abs(problem.design["matrix"].values[fold.train]).max(axis=0)
    used = np.isfinite(fold.scale)
    np.testing.assert_allclose(fold.scale[used], largest[used], rtol=1e-5)
    with pytest.raises(SelectionError, match="scaling"):
        pose_problem(small.recording, small.design, scaling="range")
