"""A fitted GLM is the same model as a system: one step from the recorded past is what it predicts."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurorec.design import Coupling, Drift, History, design_matrix, raised_cosine
from neurorec.fitted import (
    GLMSystem,
    cut_stretches,
    fit_coupled_glm,
    glm_system,
    linearised_radius,
    predict_one_step,
    simulate_glm,
)
from neurorec.fitted.glm_simulating import spectral_radius
from neurorec.glm import PopulationGLM, fit_population, predict_mean
from neurorec.networks import System, jacobian, run
from neurorec.recording import DataWarning, InputError, check_recording, recording_from_arrays


def standardised(design):
    """Usable rows of a design as z-scores, with mean and scale."""
    X = design["matrix"].values[design["usable"].values].astype(np.float64)
    mean, scale = X.mean(axis=0), X.std(axis=0) + 1e-3
    return (X - mean) / scale, mean, scale


@pytest.mark.long
@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gaussian"])
def test_one_step_from_the_recorded_past_is_the_rate_that_the_glm_predicts(recording, design, family):
    used = design["usable"].values
    Z, mean, scale = standardised(design)
    response = recording["activity"].values[used]
    response = np.minimum(response, 1) if family == "bernoulli" else response
    glm = PopulationGLM(family=family, penalty=1e-3, tol=1e-4).fit(Z, response, allowed=design["allowed"].values)
    system = glm_system(glm, design, mean=mean, scale=scale)
    assert system.family == family
    found = predict_one_step(system, recording, design).values
    assert np.isnan(found[~used]).all()
    assert np.ptp(glm.predict(Z)) > 0.3
    np.testing.assert_allclose(found[used], glm.predict(Z), rtol=1e-5, atol=1e-6)
    assert np.any(system.coupling[0, :, 1:])
    assert np.any(np.einsum("ili->il", system.coupling))


def test_a_column_that_the_mask_forbids_has_no_place_in_the_kernel(recording):
    design = design_matrix(recording, [Drift(1), Coupling(raised_cosine(2, window=(0.02, 0.06)), from_area="V1")])
    used = design["usable"].values
    matrix, counts = design["matrix"].values[used], recording["activity"].values[used]
    system = glm_system(fit_population(matrix, counts, allowed=design["allowed"].values, tol=1e-3), design)
    assert not np.any(np.einsum("ili->il", system.coupling))
    assert not np.any(system.coupling[:, :, :6])
    assert np.any(system.coupling[:, :, 6:])
    assert system.n_lags == 3
    assert system.area == ("PPC",) * 6 + ("V1",) * 4


def test_edges_filled_with_nothing_are_a_past_of_nothing(recording):
    past = raised_cosine(2, window=(0.02, 0.08))
    design = design_matrix(recording, [Drift(1), History(past), Coupling(past)], edges="zero")
    fit = fit_population(design["matrix"].values, recording["activity"].values, allowed=design["allowed"].values)
    found = predict_one_step(glm_system(fit, design), recording, design)
    expected = predict_mean(design["matrix"].values, fit.coef, fit.intercept)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_coefficients_kept_by_slots_are_the_same_system(recording, design):
    used = design["usable"].values
    fit = fit_population(
        design["matrix"].values[used], recording["activity"].values[used], allowed=design["allowed"].values, tol=1e-3
    )
    order = np.argsort(~design["allowed"].values, axis=1, kind="stable")
    allowed = np.take_along_axis(design["allowed"].values, order, axis=1)
    slots = xr.Dataset(
        {
            "coef": (("fold", "split", "unit", "slot"), np.take_along_axis(fit.coef, order, axis=1)[None, None]),
            "intercept": (("fold", "split", "unit"), fit.intercept[None, None]),
            "slot_feature": (("unit", "slot"), np.where(allowed, order, -1)),
        }
    )
    a, b = glm_system(fit, design), glm_system(slots, design)
    np.testing.assert_allclose(a.coupling, b.coupling, atol=1e-12)
    np.testing.assert_allclose(a.input, b.input)


def test_what_cannot_be_a_system_is_refused(recording, design):
    matrix, counts = design["matrix"].values, recording["activity"].values
    same_bin = design_matrix(recording, [Coupling(raised_cosine(2, window=(0.0, 0.06)), same_bin=True)])
    fit = fit_population(same_bin["matrix"].values, counts, tol=1e-2)
    with pytest.raises(InputError, match="lag 0"):
        glm_system(fit, same_bin)
    with pytest.raises(InputError, match=r"coefficients of \d+ columns"):
        glm_system(fit, design)
    with pytest.raises(InputError, match="coefficients"):
        glm_system(matrix, design)
    with pytest.raises(InputError, match="one of poisson"):
        GLMSystem(np.zeros((1, 1, 1)), np.zeros((1, 0)), np.zeros(1), family="probit")


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gaussian"])
def test_the_jacobian_is_the_derivative_and_the_shift_is_exact(family):
    rng = np.random.default_rng(0)
    system = GLMSystem(rng.normal(0, 0.2, (3, 2, 3)), rng.normal(0, 1, (3, 2)), rng.normal(-1, 0.3, 3), family=family)
    assert isinstance(system, System)
    with jax.enable_x64(True):
        state, inputs = jnp.asarray(rng.normal(size=6)), jnp.asarray(rng.normal(size=2))
        closed, automatic = jacobian(system, state, inputs), jax.jacfwd(system.step)(state, inputs)
        np.testing.assert_allclose(closed, automatic, atol=1e-12)
        np.testing.assert_array_equal(system.step(state, inputs)[3:], state[:3])
    states = run(system, rng.normal(size=(5, 4, 2)))
    assert states.shape == (5, 4, 6)
    assert states.dtype == np.float32
    np.testing.assert_array_equal(states[1:, :, 3:], states[:-1, :, :3])


def test_linear_drive_replaces_the_columns():
    rng = np.random.default_rng(1)
    system = GLMSystem(rng.normal(0, 0.2, (3, 2, 3)), rng.normal(0, 0.3, (3, 5)), rng.normal(-1, 0.3, 3))
    inputs = rng.normal(size=(4, 5)).astype(np.float32)
    a, b = run(system, inputs), run(system.driven(), system.drive(inputs))
    np.testing.assert_allclose(a, b, rtol=1e-5)


def test_spectral_radius_of_one_unit_is_the_root_of_its_polynomial():
    top = np.array([[0.5, 0.3]])  # x(t) = .5 x(t-1) + .3 x(t-2)
    assert spectral_radius(top) == pytest.approx((0.5 + np.sqrt(0.25 + 1.2)) / 2)
    # 450 units like it, not coupled, but for one that is stronger; 900 states are found by iteration
    many = np.hstack([np.diag(np.full(450, 0.5)), np.diag(np.full(450, 0.3))])
    many[7, 7] = 0.9
    assert spectral_radius(many) == pytest.approx((0.9 + np.sqrt(0.81 + 1.2)) / 2, rel=1e-4)


def test_radius_at_the_operating_point_is_rate_times_coupling(recording):
    design = design_matrix(recording, [Drift(1), History(raised_cosine(1, window=(0.02, 0.02)))])
    rate = 0.2
    system = GLMSystem(0.5 * np.eye(10)[:, None], np.zeros((10, 1)), np.full(10, np.log(rate)), dt=0.02)
    predicted = predict_one_step(system, recording, design)
    expected = 0.5 * predicted.mean("time").max()
    assert linearised_radius(system, recording, design) == pytest.approx(float(expected))


def test_spikes_of_the_fitted_glm_have_the_rates_and_the_coupling_it_was_fitted_with(recording, design):
    fit = fit_coupled_glm(recording, design, stages=("task", "coupling"), rng=np.random.default_rng(0))
    assert fit.converged.all()
    assert fit.stages == ("task", "coupling")
    before = recording.copy(deep=True)
    spikes, report = simulate_glm(fit.system, recording, design, most=20.0, rng=np.random.default_rng(1))
    again, _ = simulate_glm(fit.system, recording, design, most=20.0, rng=np.random.default_rng(1))
    assert recording.identical(before)
    assert spikes.identical(again)
    assert check_recording(spikes) is spikes
    assert report.stable
    assert 0 < report.spectral_radius < 1
    drawn = spikes["simulated"].values
    kept = recording["activity"].values[~drawn]
    np.testing.assert_array_equal(spikes["activity"].values[~drawn], kept)
    mean, true = spikes["activity"].values[drawn].mean(axis=0), recording["activity"].values[drawn].mean(axis=0)
    np.testing.assert_allclose(mean, true, atol=5 * np.sqrt(true.max() / drawn.sum()), rtol=0.15)


def test_a_planted_kernel_comes_back_from_its_own_spikes(recording):
    past = raised_cosine(2, window=(0.02, 0.06))
    design = design_matrix(recording, [Drift(1), Coupling(past)])
    kernel = np.zeros((10, 3, 10))
    kernel[0, :, 1], kernel[2, :, 3] = 0.8, -1.0
    system = GLMSystem(kernel, np.zeros((10, 1)), np.full(10, np.log(0.3)), dt=0.02)
    spikes, _ = simulate_glm(system, recording, design, most=30.0, rng=np.random.default_rng(2))
    again = design_matrix(spikes, [Drift(1), Coupling(past)])
    found = fit_coupled_glm(spikes, again, rng=np.random.default_rng(0)).system.coupling.mean(axis=1)
    assert found[0, 1] == pytest.approx(0.8, abs=0.35)
    assert found[2, 3] == pytest.approx(-1.0, abs=0.5)
    rest = np.abs(found[kernel.mean(axis=1) == 0])
    assert np.median(rest) < 0.1


def test_runaway_excitation_stops_the_trial_and_says_what_to_do(recording):
    design = design_matrix(recording, [Drift(1), History(raised_cosine(1, window=(0.02, 0.02)))])
    system = GLMSystem(np.full((10, 1, 10), 0.6), np.zeros((10, 1)), np.full(10, np.log(0.15)), dt=0.02)
    with pytest.warns(DataWarning, match=r"runaway excitation stopped \d+ of 60 trials") as caught:
        spikes, report = simulate_glm(system, recording, design, rng=np.random.default_rng(0))
    assert len(caught) == 1
    assert "stronger penalties" in str(caught[0].message)
    assert not report.stable
    assert report.spectral_radius > 0.5
    check_recording(spikes)
    assert np.isfinite(spikes["activity"].values).all()
    assert spikes.sizes["time"] < recording.sizes["time"]
    for trial, time in zip(report.trial, report.time, strict=True):
        left = spikes["time"].values[spikes["trial_id"].values == trial]
        assert left.max() < time
    assert not np.diff(spikes["segment"].values)[np.abs(np.diff(spikes["time"].values) - 0.02) < 1e-6].any()


def test_an_uncoupled_system_never_runs_away_and_says_so(recording):
    design = design_matrix(recording, [Drift(1), History(raised_cosine(1, window=(0.02, 0.02)))])
    system = GLMSystem(np.zeros((10, 1, 10)), np.zeros((10, 1)), np.full(10, -2.0), family="bernoulli", dt=0.02)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spikes, report = simulate_glm(system, recording, design, rng=np.random.default_rng(0))
    assert report.spectral_radius == 0
    assert str(report).startswith("no runaway excitation in 60 trials")
    assert set(np.unique(spikes["activity"].values[spikes["simulated"].values])) == {0, 1}
    linear = GLMSystem(np.zeros((10, 1, 10)), np.zeros((10, 1)), np.zeros(10), family="gaussian")
    with pytest.raises(InputError, match="fit counts"):
        simulate_glm(linear, recording, design, rng=np.random.default_rng(0))


def test_a_unit_that_was_never_observed_is_named():
    rng = np.random.default_rng(0)
    observed = np.ones((60, 3), dtype=bool)
    observed[:, 1] = False
    trials = pd.DataFrame({"start": np.arange(6) * 1.0, "stop": np.arange(6) + 1.0})
    counts = rng.poisson(1.0, (60, 3))
    recording = recording_from_arrays(counts, bin_width=0.1, unit=[5, 6, 7], trials=trials, observed=observed)
    with pytest.raises(InputError, match="unit 6 never"):
        fit_coupled_glm(recording, design_matrix(recording, [Drift(1)]), rng=rng)
    later = recording.assign(start=("trial", trials["start"] + 100.0))
    nowhere = later.assign_coords(trial_id=("time", np.full(60, -1)))
    with pytest.raises(InputError, match="some that were recorded"):
        cut_stretches(nowhere)
