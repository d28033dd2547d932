"""Ridge fits: constructed solutions, references, invariances."""

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression, PoissonRegressor

from neurorec.glm import fit_population, fraction_deviance_explained, gram_eigh, predict_mean

FAMILIES = ["poisson", "bernoulli", "gaussian"]
EXACT = 1e-17


@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradient_vanishes_at_the_answer(simulate, family, gradient):
    X, Y = simulate(family)
    penalty = np.array([1e-3, 1e-2, 1e-1, 1.0, 1e-4])
    fit = fit_population(X, Y, family=family, penalty=penalty, tol=EXACT)
    assert np.abs(gradient(X, Y, fit, family, penalty)).max() < 1e-8


def test_gaussian_matches_the_solution_built_from_singular_vectors():
    rng = np.random.default_rng(1)
    left = np.linalg.qr(rng.standard_normal((60, 9)) - 0.0)[0]
    left = np.linalg.qr(left - left.mean(axis=0))[0]  # orthonormal and of mean 0
    right = np.linalg.qr(rng.standard_normal((9, 9)))[0]
    stretch = np.logspace(1, -1, 9)
    X = left * stretch @ right.T
    scores = rng.standard_normal((9, 4))
    Y = left @ scores + 3.0
    fit = fit_population(X, Y, family="gaussian", penalty=0.02, tol=EXACT)
    expected = right @ (stretch[:, None] * scores / (stretch[:, None] ** 2 + 60 * 0.02))
    np.testing.assert_allclose(fit.coef, expected.T, atol=1e-9)
    np.testing.assert_allclose(fit.intercept, 3.0, atol=1e-9)


def test_unpenalised_gaussian_is_least_squares(simulate):
    X, Y = simulate("gaussian")
    fit = fit_population(X, Y, family="gaussian", penalty=0.0, tol=EXACT)
    expected = np.linalg.lstsq(np.column_stack([np.ones(len(X)), X]), Y, rcond=None)[0]
    np.testing.assert_allclose(np.column_stack([fit.intercept, fit.coef]), expected.T, atol=1e-8)


def test_poisson_agrees_with_scikit_learn(simulate):
    X, Y = simulate("poisson")
    fit = fit_population(X, Y, penalty=0.05, tol=EXACT)
    for unit, y in enumerate(Y.T):
        peer = PoissonRegressor(alpha=0.05, solver="newton-cholesky", tol=1e-10).fit(X, y)
        np.testing.assert_allclose(fit.coef[unit], peer.coef_, atol=1e-7)
        np.testing.assert_allclose(fit.intercept[unit], peer.intercept_, atol=1e-7)


def test_bernoulli_agrees_with_scikit_learn(simulate):
    X, Y = simulate("bernoulli")
    fit = fit_population(X, Y, family="bernoulli", penalty=0.05, tol=EXACT)
    for unit, y in enumerate(Y.T):
        peer = LogisticRegression(C=1 / (0.05 * len(X)), solver="newton-cholesky", tol=1e-10).fit(X, y)
        np.testing.assert_allclose(fit.coef[unit], peer.coef_[0], atol=1e-6)
        np.testing.assert_allclose(fit.intercept[unit], peer.intercept_[0], atol=1e-6)


def test_a_vanishing_penalty_agrees_with_statsmodels(simulate):
    X, Y = simulate("poisson", n_units=2)
    fit = fit_population(X, Y, penalty=1e-10, tol=1e-15)
    for unit, y in enumerate(Y.T):
        peer = sm.GLM(y, sm.add_constant(X), family=sm.families.Poisson()).fit(tol=1e-12)
        np.testing.assert_allclose(fit.coef[unit], peer.params[1:], atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gap_bounds_the_distance_from_the_minimum(simulate, family, dtype, null_half_deviance, objective):
    X, Y = simulate(family, n_times=150, n_features=60, n_units=8, size=0.2)
    for penalty in (1e-3, 1e-1):
        best = objective(X, Y, fit_population(X, Y, family=family, penalty=penalty, tol=1e-15), family, penalty)
        for max_iter in (1, 2, 4, 200):
            fit = fit_population(X.astype(dtype), Y, family=family, penalty=penalty, max_iter=max_iter)
            excess = (objective(X, Y, fit, family, penalty) - best) / null_half_deviance(Y, family)
            assert (excess <= fit.gap + 1e-7).all()
            assert (fit.converged == (fit.gap <= 1e-6)).all()
        assert fit.converged.all()
        assert excess.max() < 1e-6


@pytest.mark.parametrize("family", FAMILIES)
def test_float32_explains_the_same_deviance(simulate, family):
    X, Y = simulate(family, n_times=2000, n_features=20)
    explained = []
    for dtype in (np.float32, np.float64):
        fit = fit_population(X.astype(dtype), Y, family=family, penalty=1e-2)
        assert fit.coef.dtype == dtype
        explained.append(
            fraction_deviance_explained(Y, predict_mean(X, fit.coef, fit.intercept, family=family), family)
        )
    np.testing.assert_allclose(*explained, atol=1e-6)


def test_a_unit_does_not_depend_on_its_company(simulate):
    X, Y = simulate(n_times=400, n_features=20, n_units=12, size=0.2)
    together = fit_population(X, Y, penalty=1e-3)
    order = np.random.default_rng(0).permutation(12)
    shuffled = fit_population(X, Y[:, order], penalty=1e-3)
    alone = fit_population(X, Y[:, [7]], penalty=1e-3)
    explained = fraction_deviance_explained(Y, predict_mean(X, together.coef, together.intercept))
    again = fraction_deviance_explained(Y[:, order], predict_mean(X, shuffled.coef, shuffled.intercept))
    np.testing.assert_allclose(again, explained[order], atol=1e-6)
    np.testing.assert_allclose(
        fraction_deviance_explained(Y[:, [7]], predict_mean(X, alone.coef, alone.intercept)), explained[7], atol=1e-6
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_repetitions(simulate, family):
    X, Y = simulate(family)
    times = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = fit_population(X, Y, family=family, penalty=0.01, sample_weight=times, tol=EXACT)
    stacked = fit_population(
        np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0), family=family, penalty=0.01, tol=EXACT
    )
    np.testing.assert_allclose(weighted.coef, stacked.coef, atol=1e-8)
    np.testing.assert_allclose(weighted.intercept, stacked.intercept, atol=1e-8)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_unit_may_have_its_own_weights(simulate, family):
    X, Y = simulate(family)
    observed = np.random.default_rng(0).random(Y.shape) < 0.7
    missing = np.where(observed, Y, np.nan)
    fit = fit_population(X, missing, family=family, penalty=0.01, sample_weight=observed, tol=EXACT)
    for unit, seen in enumerate(observed.T):
        own = fit_population(X[seen], Y[seen][:, [unit]], family=family, penalty=0.01, tol=EXACT)
        np.testing.assert_allclose(fit.coef[unit], own.coef[0], atol=1e-8)


def test_columns_stacked_twice_share_the_coefficients(simulate):
    X, Y = simulate()
    once = fit_population(X, Y, penalty=0.02, tol=EXACT)
    twice = fit_population(np.hstack([X, X]), Y, penalty=0.04, tol=EXACT)
    np.testing.assert_allclose(twice.coef, np.hstack([once.coef, once.coef]) / 2, atol=1e-8)


def test_shifting_the_columns_changes_the_intercept_only(simulate):
    X, Y = simulate()
    plain = fit_population(X, Y, penalty=0.02, tol=EXACT)
    shifted = fit_population(X + 5.0, Y, penalty=0.02, tol=EXACT)
    np.testing.assert_allclose(shifted.coef, plain.coef, atol=1e-7)
    np.testing.assert_allclose(shifted.intercept, plain.intercept - 5 * plain.coef.sum(axis=1), atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_offset_is_part_of_the_predictor(simulate, family, gradient):
    X, Y = simulate(family)
    offset = 0.3 * np.random.default_rng(0).standard_normal(Y.shape) + 40.0
    fit = fit_population(X, Y, family=family, penalty=0.01, offset=offset, tol=EXACT)
    assert np.abs(gradient(X, Y, fit, family, 0.01, offset=offset)).max() < 1e-8


def test_a_mask_is_the_fit_to_the_columns_left(simulate):
    X, Y = simulate(n_features=12, n_units=6)
    allowed = np.random.default_rng(0).random((6, 12)) < 0.6
    fit = fit_population(X, Y, penalty=0.01, allowed=allowed, tol=EXACT)
    assert not fit.coef[~allowed].any()
    for unit, own in enumerate(allowed):
        single = fit_population(X[:, own], Y[:, [unit]], penalty=0.01, tol=EXACT)
        np.testing.assert_allclose(fit.coef[unit, own], single.coef[0], atol=1e-8)


def test_the_answer_does_not_depend_on_the_curvature(simulate):
    X, Y = simulate(n_features=12)
    other = gram_eigh(np.random.default_rng(3).standard_normal((100, 12)) * np.logspace(-0.5, 0.5, 12))
    own = fit_population(X, Y, penalty=0.01, tol=EXACT)
    np.testing.assert_allclose(fit_population(X, Y, penalty=0.01, curvature=other, tol=EXACT).coef, own.coef, atol=1e-8)


def test_a_warm_start_saves_passes_and_changes_nothing(simulate):
    X, Y = simulate(n_features=40, n_times=1000, size=0.1)
    cold = fit_population(X, Y, penalty=0.01)
    warm = fit_population(X, Y, penalty=0.011, init=(cold.coef, cold.intercept))
    assert warm.n_iter.max() < cold.n_iter.max()
    assert warm.converged.all()
    np.testing.assert_allclose(warm.coef, fit_population(X, Y, penalty=0.011).coef, atol=1e-3)
