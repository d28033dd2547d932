"""Partners' columns that are never made: the same numbers as those that are."""

from dataclasses import replace

import numpy as np
import pytest

from neurorec.datasets import SimulatedArea, simulate_recording
from neurorec.design import Coupling, Drift, History, default_terms, design_matrix, raised_cosine
from neurorec.glm import column_moments
from neurorec.glm.team import Team
from neurorec.recording import SelectionError
from neurorec.recurrence import columns as columns_module
from neurorec.recurrence import pose_problem
from neurorec.recurrence.columns import columns_on, find_spikes
from neurorec.recurrence.controls.shuffled import shuffle_partners
from neurorec.recurrence.fitting import fit_model
from neurorec.recurrence.models import COUPLED, UNCOUPLED


@pytest.fixture
def lagged(small, monkeypatch):
    """The same problem, partners' columns not made although there are few."""
    monkeypatch.setattr(columns_module, "worthwhile", lambda *_, **__: True)
    problem = pose_problem(small.recording, small.design, n_folds=3, n_inner_folds=2)
    assert small.problem.spikes is None
    assert problem.spikes is not None
    return problem


@pytest.mark.parametrize("shuffled", [False, True])
def test_equal_the_matrix(lagged, shuffled):
    problem = shuffle_partners(lagged) if shuffled else lagged
    assert isinstance(problem.spikes.position, np.ndarray)
    known = problem.spikes.position >= 0
    rng = np.random.default_rng(0)
    everything = np.arange(problem.design.sizes["feature"])
    one_lag = np.flatnonzero(problem.design["basis"].values == 1)
    for columns in (everything, np.sort(rng.permutation(everything)[:40]), one_lag):
        rows = rng.permutation(np.flatnonzero(known))[:150]
        made = problem.design["matrix"].values[np.ix_(rows, columns)]
        design = columns_on(problem.design, problem.spikes, columns, rows)
        np.testing.assert_allclose(design.block(0, rows.size), made, atol=1e-5)
        B = rng.standard_normal((7, columns.size)).astype(np.float32)
        image = np.empty((7, rows.size), dtype=np.float32)
        with Team(1) as team:
            design.forward(B, image, team)
            np.testing.assert_allclose(image, B @ made.T, atol=1e-3)
            np.testing.assert_allclose(design.adjoint(image, team), image @ made, rtol=1e-3, atol=1e-2)


def test_no_filter_sees_over_the_edge_of_a_run():
    areas = [SimulatedArea("a", 5, coupling=0.5, rate=30)]
    recording = simulate_recording(areas, n_trials=12, duration=0.3, rng=np.random.default_rng(1))
    basis = raised_cosine(3, window=(0.01, 0.1))
    design = design_matrix(recording, [Drift(2), History(basis), Coupling(basis)], edges="zero")
    used = np.flatnonzero(design["usable"].values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns_module, "worthwhile", lambda *_, **__: True)
        spikes = find_spikes(recording, design, used)
    columns = np.flatnonzero(design["group"].values == "coupling")
    found = columns_on(design.isel(time=used), spikes, columns, np.arange(used.size)).block(0, used.size)
    np.testing.assert_allclose(found, design["matrix"].values[np.ix_(used, columns)], atol=1e-5)


def test_fits_are_the_same_either_way(small, lagged):
    base = fit_model(small.problem, UNCOUPLED, keep_coefficients=True)
    made = fit_model(small.problem, COUPLED, base)
    never = fit_model(lagged, COUPLED, base)
    assert bool(never["converged"].all())
    np.testing.assert_array_equal(made["penalty"], never["penalty"])
    np.testing.assert_allclose(made["deviance"], never["deviance"], rtol=1e-3)
    twice = fit_model(shuffle_partners(lagged), COUPLED, base)
    np.testing.assert_allclose(
        fit_model(shuffle_partners(small.problem), COUPLED, base)["deviance"], twice["deviance"], rtol=1e-2
    )


def test_a_session_of_many_sparse_units_takes_the_fast_way():
    recording = simulate_recording([SimulatedArea("a", 150, rate=3)], n_trials=8, rng=np.random.default_rng(0))
    design = design_matrix(recording, default_terms(recording).terms)
    used = np.flatnonzero(design["usable"].values)
    assert find_spikes(recording, design, used) is not None


def test_traces_that_are_positive_throughout_take_the_gamma_family(small):
    recording = small.recording.assign(activity=np.exp(0.3 * small.recording["activity"]))
    recording["activity"].attrs = {**small.recording["activity"].attrs, "kind": "rates"}
    problem = pose_problem(recording, small.design, n_folds=3, n_inner_folds=2, family="gamma")
    fit = fit_model(problem, UNCOUPLED)
    assert bool(fit["converged"].all())
    assert np.isfinite(fit["deviance"]).all()


def test_models_of_different_dispersion_are_not_compared(small):
    with pytest.raises(SelectionError, match="negative_binomial"):
        pose_problem(small.recording, small.design, family="negative_binomial")


def test_rows_without_a_donor_stand_at_the_mean(lagged):
    position = np.where(np.arange(lagged.trial.size) < 5, -1, lagged.spikes.position)
    few = replace(lagged, spikes=lagged.spikes._replace(position=position))
    columns = np.flatnonzero(lagged.design["group"].values == "coupling")
    raw = columns_on(few.design, few.spikes, columns, np.arange(200))
    known = columns_on(few.design, few.spikes, columns, np.arange(5, 200)).block(0, 195)
    mean, spread = column_moments(raw)
    np.testing.assert_allclose(mean, known.mean(axis=0, dtype=np.float64), rtol=1e-6)
    assert (raw.standardised(mean, np.maximum(spread, 1)).block(0, 5) == 0).all()
