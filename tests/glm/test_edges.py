"""What is hard to fit, and what cannot be: every outcome is defined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorec.glm import Status, fit_population, fraction_deviance_explained, predict_mean
from neurorec.recording import InputError


@pytest.mark.parametrize(("family", "value"), [("poisson", 0), ("bernoulli", 0), ("bernoulli", 1), ("gaussian", 2.5)])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_a_unit_that_does_not_vary(simulate, family, value, l1_ratio):
    X, Y = simulate(family)
    alone = fit_population(X, Y[:, :2], family=family, penalty=0.01, l1_ratio=l1_ratio)
    Y[:, 2] = value
    fit = fit_population(X, Y[:, :3], family=family, penalty=0.01, l1_ratio=l1_ratio)
    assert not fit.coef[2].any()
    assert fit.status[2] == Status.CONSTANT
    assert fit.converged[2]
    mu = predict_mean(X, fit.coef, fit.intercept, family=family)
    np.testing.assert_allclose(mu[:, 2], value, atol=1e-8)
    assert np.isnan(fraction_deviance_explained(Y[:, :3], mu, family)[2])
    np.testing.assert_allclose(fit.coef[:2], alone.coef, atol=1e-4)


def test_a_unit_that_was_never_observed_is_said(simulate):
    X, Y = simulate()
    weight = np.ones(Y.shape)
    weight[:, 1], Y[:, 1] = 0, np.nan
    fit = fit_population(X, Y, sample_weight=weight)
    assert fit.status[1] == Status.UNOBSERVED
    assert not fit.converged[1]
    assert np.isnan(fit.intercept[1])
    assert fit.converged[[0, 2, 3, 4]].all()


def test_three_spikes_stay_finite_under_a_small_penalty():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 40))
    Y = np.zeros((500, 1))
    Y[[10, 200, 400]] = 1
    fit = fit_population(X, Y, penalty=1e-5)
    assert fit.converged.all()
    assert np.isfinite(fit.coef).all()
    assert np.abs(fit.coef).max() < 20


@pytest.mark.parametrize("family", ["poisson", "bernoulli"])
def test_no_penalty_is_refused_where_units_could_run_away(simulate, family):
    X, Y = simulate(family)
    with pytest.raises(InputError, match="unpenalised"):
        fit_population(X, Y, family=family, penalty=0.0)


def test_columns_that_do_not_vary_get_nothing(simulate):
    X, Y = simulate()
    padded = np.column_stack([np.full(len(X), 1e6), X, np.zeros(len(X))])
    fit, plain = fit_population(padded, Y, tol=1e-12), fit_population(X, Y, tol=1e-12)
    assert not fit.coef[:, [0, -1]].any()
    np.testing.assert_allclose(fit.coef[:, 1:-1], plain.coef, atol=1e-6)


def test_missing_values_in_the_design_are_named(simulate):
    X, Y = simulate()
    X[3, 4] = np.nan
    with pytest.raises(InputError, match="columns 4"):
        fit_population(X, Y)
    weight = np.ones(len(X))
    weight[3] = 0
    assert fit_population(X, Y, sample_weight=weight).converged.all()


@pytest.mark.parametrize(("family", "value"), [("poisson", -1.0), ("bernoulli", 2.0), ("gaussian", np.inf)])
def test_responses_out_of_range_are_named(simulate, family, value):
    X, Y = simulate(family)
    Y[3, 2] = value
    with pytest.raises(InputError, match="units 2"):
        fit_population(X, Y, family=family)


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gaussian"])
def test_more_features_than_bins(simulate, family, gradient):
    X, Y = simulate(family, n_times=50, n_features=120, size=0.05)
    fit = fit_population(X, Y, family=family, penalty=0.05, tol=1e-15)
    assert np.abs(gradient(X, Y, fit, family, 0.05)).max() < 1e-7


def test_a_wild_first_guess_does_not_overflow(simulate):
    X, Y = simulate()
    wild = np.full((Y.shape[1], X.shape[1]), 300.0)
    fit = fit_population(X, Y, penalty=0.01, init=(wild, np.zeros(len(wild))))
    np.testing.assert_allclose(fit.coef, fit_population(X, Y, penalty=0.01).coef, atol=1e-2)


def test_running_out_of_iterations_is_said(simulate):
    X, Y = simulate(n_features=40, n_times=200)
    fit = fit_population(X, Y, penalty=1e-4, max_iter=1)
    assert (fit.status == Status.OUT_OF_ITERATIONS).all()
    assert not fit.converged.any()
    assert (fit.gap > 1e-6).all()


@pytest.mark.long
def test_a_tolerance_beyond_the_numbers_is_said(simulate):
    X, Y = simulate(n_times=500, n_features=30)
    fit = fit_population(X.astype(np.float32), Y, tol=1e-30)
    assert (fit.status == Status.OUT_OF_PRECISION).all()
    assert fit.gap.max() < 1e-6


@given(
    seed=st.integers(0, 1000),
    rank=st.integers(1, 6),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
    family=st.sampled_from(["poisson", "bernoulli", "gaussian"]),
    penalty=st.sampled_from([1e-3, 1e-1, 10.0]),
)
@settings(max_examples=25, deadline=None)
def test_rank_deficient_and_badly_scaled_designs(seed, rank, scale, family, penalty):
    rng = np.random.default_rng(seed)
    X = scale * rng.standard_normal((80, rank)) @ rng.standard_normal((rank, 9))
    X[:, rng.integers(9)] = 7.0
    Y = rng.integers(0, 2, (80, 4)).astype(float)
    fit = fit_population(X, Y, family=family, penalty=penalty)
    assert np.isfinite(fit.coef).all()
    assert fit.converged.all()
