"""Paths of penalties."""

import numpy as np
import pytest

from neurorec.glm import fit_population, fraction_deviance_explained, penalty_path, predict_mean
from neurorec.recording import InputError


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gaussian"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
def test_a_path_equals_separate_fits(simulate, family, l1_ratio):
    X, Y = simulate(family, n_features=15)
    penalties = [np.inf, 1.0, 0.1, 0.01]
    path = penalty_path(X, Y, penalties=penalties, family=family, l1_ratio=l1_ratio)
    assert path.converged.all()
    for stage, penalty in enumerate(penalties):
        cold = fit_population(X, Y, penalty=penalty, family=family, l1_ratio=l1_ratio)
        explained = [
            fraction_deviance_explained(Y, predict_mean(X, coef, intercept, family=family), family)
            for coef, intercept in [(cold.coef, cold.intercept), (path.coef[stage], path.intercept[stage])]
        ]
        np.testing.assert_allclose(*explained, atol=5e-4)  # the objective, not deviance alone, is within 1e-6


def test_coefficients_come_sparsely_where_they_are_sparse(simulate):
    X, Y = simulate(n_features=15)
    ridge, lasso = (penalty_path(X, Y, penalties=[0.3, 0.1], l1_ratio=l1_ratio) for l1_ratio in (0.0, 0.9))
    assert ridge.coef.shape == (2, 5, 15)
    fit = fit_population(X, Y, penalty=0.3, l1_ratio=0.9)
    assert lasso.coef[0].nnz == np.count_nonzero(fit.coef) < fit.coef.size
    np.testing.assert_array_equal(lasso.coef[0].toarray(), fit.coef)
    np.testing.assert_array_equal(
        predict_mean(X, lasso.coef[0], lasso.intercept[0]), predict_mean(X, fit.coef, fit.intercept)
    )


def test_a_tight_path_equals_tight_fits(simulate):
    X, Y = simulate(n_features=15)
    path = penalty_path(X, Y, penalties=[1.0, 0.1, 0.01], tol=1e-15)
    for stage, penalty in enumerate([1.0, 0.1, 0.01]):
        np.testing.assert_allclose(path.coef[stage], fit_population(X, Y, penalty=penalty, tol=1e-15).coef, atol=1e-6)


def test_a_path_takes_fewer_passes_than_separate_fits(simulate):
    X, Y = simulate(n_times=2000, n_features=60, size=0.08)
    penalties = np.logspace(0, -3, 8)
    path = penalty_path(X, Y, penalties=penalties)
    separate = sum(fit_population(X, Y, penalty=penalty).n_iter for penalty in penalties)
    assert (path.n_iter.sum(axis=0) < 0.8 * separate).all()


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gaussian"])
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_an_infinite_penalty_leaves_intercept_and_offset(simulate, family, l1_ratio):
    X, Y = simulate(family)
    offset = 0.2 * np.random.default_rng(0).standard_normal(Y.shape)
    fit = fit_population(X, Y, family=family, penalty=np.inf, l1_ratio=l1_ratio, offset=offset)
    assert not fit.coef.any()
    assert fit.converged.all()
    mu = predict_mean(X, fit.coef, fit.intercept, family=family, offset=offset)
    np.testing.assert_allclose(mu.mean(axis=0), Y.mean(axis=0), rtol=1e-6)


def test_each_unit_may_have_its_own_path(simulate):
    X, Y = simulate(n_units=2)
    path = penalty_path(X, Y, penalties=[[np.inf, 0.5], [0.1, 0.5], [0.1, 0.01]], tol=1e-15)
    np.testing.assert_allclose(path.coef[1, 0], path.coef[2, 0])
    np.testing.assert_allclose(path.coef[0, 1], path.coef[1, 1])
    np.testing.assert_allclose(path.coef[2, 1], fit_population(X, Y, penalty=0.01, tol=1e-15).coef[1], atol=1e-7)


@pytest.mark.parametrize("penalties", [[0.1, 1.0], [-1.0], [np.nan], []])
def test_penalties_that_cannot_be_used(simulate, penalties):
    X, Y = simulate()
    with pytest.raises(InputError):
        penalty_path(X, Y, penalties=penalties)
