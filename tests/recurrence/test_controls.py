from dataclasses import replace

import numpy as np

from neurorec.recurrence import fit_step
from neurorec.recurrence.controls.shuffled import shuffle_partners


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
    problem = replace(small.problem, n_matched=5)
    matched = fit_step(problem, "matched", {"uncoupled": fit_step(problem, "uncoupled", {})})
    assert matched.attrs["n_sources"] == 5
    drawn = matched["n_drawn"].values > 0
    assert drawn.mean() > 0.9
    assert matched["deviance"][drawn].notnull().all()
    beyond = replace(small.problem, n_matched=10)
    assert not fit_step(beyond, "matched", {"uncoupled": matched}).data_vars
