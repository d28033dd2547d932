"""A few units of a real session as fitted systems: spectrum, own spikes, held-out prediction, currents."""

from pathlib import Path

import numpy as np
import pytest

from neurorec.design import Coupling, Drift, History, design_matrix, raised_cosine
from neurorec.dynamics import find_fixed_points, linearise
from neurorec.fitted import (
    ConstrainedSettings,
    area_currents,
    compare_fitted,
    fit_constrained,
    fit_coupled_glm,
    linearised_radius,
    predict_one_step,
    simulate_glm,
    standard_models,
)
from neurorec.io import read_nwb
from neurorec.recording import DataWarning

SESSION = Path(__file__).parents[3] / "shared" / "data" / "steinmetz2019" / "session01.nwb"


@pytest.fixture(scope="module")
def session():
    """The four units of two areas that fire most, and a design."""
    if not SESSION.exists():
        pytest.skip("the public session is not here")
    with pytest.warns(UserWarning, match="no spikes"):
        recording = read_nwb(SESSION, bin_width=0.02)
    rate, area = recording["activity"].values.mean(axis=0), recording["area"].values
    order = np.argsort(-rate)
    recording = recording.isel(unit=np.concatenate([order[area[order] == name][:4] for name in ("CA3", "MOs")]))
    past = raised_cosine(2, window=(0.025, 0.1))
    return recording, design_matrix(recording, [Drift(2), History(past), Coupling(past)])


@pytest.fixture(scope="module")
def fit(session):
    return fit_coupled_glm(*session, rng=np.random.default_rng(0), n_jobs=1)


def test_the_glm_of_real_units_is_a_system_with_a_spectrum(session, fit):
    recording, design = session
    assert fit.converged.all()
    rate = predict_one_step(fit.system, recording, design).values
    known = np.isfinite(rate).all(axis=1)
    np.testing.assert_allclose(rate[known].mean(axis=0), recording["activity"].values[known].mean(axis=0), rtol=0.02)
    radius = linearised_radius(fit.system, recording, design)
    assert 0 < radius < 1
    rest = np.zeros(fit.system.n_inputs)
    points = find_fixed_points(fit.system, np.zeros((1, fit.system.n_states)), inputs=rest)
    about = linearise(fit.system, points)
    assert points.converged.all()
    assert np.abs(about.eigenvalues[0]).max() < 1
    counts = np.asarray(fit.system.readout(points.points[0]))
    lagged = points.points[0].reshape(fit.system.n_lags, -1)
    np.testing.assert_allclose(lagged, np.tile(counts, (fit.system.n_lags, 1)), atol=1e-6)  # at rest, at every lag


def test_its_own_spikes_say_whether_they_run_away(session, fit):
    recording, design = session
    with pytest.warns(DataWarning, match="runaway excitation stopped"):
        simulated = simulate_glm(fit.system, recording, design, rng=np.random.default_rng(1))
    runaway = simulated.runaway
    assert not runaway.stable
    assert runaway.spectral_radius < 1  # stable at the mean rates: what ran away is an excursion from them
    assert f"{runaway.spectral_radius:.2f}" in str(runaway)
    assert runaway.n_trials == recording.sizes["trial"]
    assert 0 < runaway.trial.size < 0.2 * runaway.n_trials
    assert np.isin(runaway.trial, recording["trial"].values).all()


def test_real_trials_are_predicted_from_the_past_better_than_by_their_average(session):
    recording, design = session
    models = {name: standard_models(n_states=2)[name] for name in ("trial average", "coupled GLM", "linear, Gaussian")}
    rng = np.random.default_rng(0)
    found = compare_fitted(recording, design, models=models, n_folds=2, n_groups=2, progress=False, rng=rng)
    assert found["converged"].values.all()
    assert (found["bits"].sel(model="coupled GLM", measure=["co_smoothing", "forward"]) > 0).all()
    assert (found["above_low"].sel(model="coupled GLM", measure=["co_smoothing", "forward"]) > 0).all()


def test_currents_of_two_areas_add_up(session):
    recording, _ = session
    settings = ConstrainedSettings(tau=0.1, steps_per_bin=2, max_passes=20)
    fitted = fit_constrained(recording, settings=settings, rng=np.random.default_rng(0))
    assert 0.05 < fitted.best < 1
    currents = area_currents(fitted, recording)
    assert currents["source_area"].values.tolist() == ["CA3", "MOs"]
    whole = fitted.rates @ fitted.recurrent.T
    np.testing.assert_allclose(currents["current"].sum("source_area").values, whole, atol=1e-9)
