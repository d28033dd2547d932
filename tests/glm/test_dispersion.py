"""Negative binomial responses and their dispersion; positive responses of the gamma family."""

import numpy as np
import pytest
from scipy.stats import nbinom

from neurorec.glm import Status, choose_penalty, fit_population, penalty_path
from neurorec.recording import InputError


@pytest.fixture
def counts():
    """Three units of dispersions .1, .6 and 2, and one of Poisson counts; all with the same coefficients."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6000, 5))
    mu = np.exp(X @ [0.5, -0.3, 0.2, 0, 0] + 0.5)
    Y = [rng.poisson(mu * rng.gamma(1 / a, a, len(mu))) for a in (0.1, 0.6, 2.0)]
    return X, np.column_stack([*Y, rng.poisson(mu)]).astype(float)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"l1_ratio": 0.9}])
def test_dispersions_are_recovered(counts, dtype, options):
    X, Y = counts
    fit = fit_population(X.astype(dtype), Y, family="negative_binomial", penalty=1e-3, **options)
    assert fit.converged.all()
    assert fit.n_iter.max() < 40
    np.testing.assert_allclose(fit.dispersion[:3], [0.1, 0.6, 2.0], rtol=0.2)
    assert fit.dispersion[3] < 0.02
    np.testing.assert_allclose(fit.coef, np.tile([0.5, -0.3, 0.2, 0, 0], (4, 1)), atol=0.08)


def test_counts_of_less_than_poisson_variance_are_poisson(counts):
    X, Y = counts
    even = np.round(Y[:, 3] * 0 + np.exp(X @ [0.5, -0.3, 0.2, 0, 0] + 0.5))[:, None]
    fit = fit_population(X, even, family="negative_binomial", penalty=1e-3)
    assert fit.converged.all()
    assert fit.dispersion[0] < 1e-4
    np.testing.assert_allclose(fit.coef, fit_population(X, even, penalty=1e-3).coef, atol=1e-3)


def test_the_dispersion_is_the_best_one_for_the_means(counts):
    X, Y = counts
    fit = fit_population(X, Y, family="negative_binomial", penalty=1e-3, tol=1e-10)
    mu = np.exp(X @ fit.coef.T + fit.intercept)

    def likelihood(a):
        return nbinom.logpmf(Y, 1 / a, 1 / (1 + a * mu)).sum(axis=0)

    best = likelihood(fit.dispersion)
    for factor in (0.9, 1.1):
        assert (likelihood(fit.dispersion * factor)[:3] < best[:3]).all()


def test_dispersion_is_missing_elsewhere(counts):
    X, Y = counts
    assert np.isnan(fit_population(X, Y).dispersion).all()
    Y[:, 1] = 3
    fit = fit_population(X, Y, family="negative_binomial")
    assert fit.status[1] == Status.CONSTANT
    assert np.isnan(fit.dispersion).tolist() == [False, True, False, False]


def test_paths_and_folds_estimate_it_too(counts):
    X, Y = counts
    path = penalty_path(X, Y, family="negative_binomial", penalties=[np.inf, 0.1, 1e-3])
    assert path.converged.all()
    assert (np.diff(path.dispersion, axis=0) < 1e-3).all()  # what coefficients explain is no dispersion
    choice = choose_penalty(X, Y, np.arange(6000) // 100 % 3, [np.inf, 0.1, 1e-3], family="negative_binomial")
    assert (choice.penalty == 1e-3).all()


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_gamma_takes_positive_values_only(simulate, value):
    X, Y = simulate("gamma")
    Y[7, 2] = value
    with pytest.raises(InputError, match=r"finite values > 0 for the gamma family.*units 2"):
        fit_population(X, Y, family="gamma")


def test_gamma_of_any_unit_of_measurement(simulate):
    X, Y = simulate("gamma")
    plain = fit_population(X, Y, family="gamma", penalty=0.01, tol=1e-13)
    for scale in (1e-9, 1e9):
        scaled = fit_population(X, Y * scale, family="gamma", penalty=0.01, tol=1e-13)
        np.testing.assert_allclose(scaled.coef, plain.coef, atol=1e-6)
        np.testing.assert_allclose(scaled.intercept, plain.intercept + np.log(scale), atol=1e-6)
