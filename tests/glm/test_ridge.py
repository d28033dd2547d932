"""Ridge fits: exact solutions, references, invariances."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, PoissonRegressor

from neurorec.glm import fit_population


def _population(family, *, n_times=400, n_features=6, n_units=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_times, n_features))
    eta = X @ rng.normal(0, 0.4, (n_features, n_units)) - 0.7
    if family == "poisson":
        return X, rng.poisson(np.exp(eta)).astype(float)
    if family == "bernoulli":
        return X, (rng.random(eta.shape) < 1 / (1 + np.exp(-eta))).astype(float)
    return X, eta + rng.standard_normal(eta.shape)


def _gradient(X, Y, fit, family, penalty, offset=0.0, weight=1.0):
    """Of the objective at a fit: intercept first, (unit, 1 + feature)."""
    eta = fit.intercept + offset + X @ fit.coef.T
    mean = {"poisson": np.exp, "bernoulli": lambda e: 1 / (1 + np.exp(-e)), "gaussian": lambda e: e}[family](eta)
    weight = np.broadcast_to(weight, Y.shape) / np.mean(np.broadcast_to(weight, Y.shape), axis=0)
    residual = weight * (mean - Y) / len(X)
    slope = residual.T @ X + np.reshape(penalty, (-1, 1)) * fit.coef
    return np.column_stack([residual.sum(axis=0), slope])


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gaussian"])
def test_the_gradient_vanishes_at_the_answer(family):
    X, Y = _population(family)
    penalty = np.array([1e-3, 1e-2, 1e-1, 1.0, 1e-4])
    fit = fit_population(X, Y, family=family, penalty=penalty, tol=1e-18)
    assert np.abs(_gradient(X, Y, fit, family, penalty)).max() < 1e-8


def test_poisson_agrees_with_scikit_learn():
    X, Y = _population("poisson")
    fit = fit_population(X, Y, penalty=0.05, tol=1e-15)
    for unit, y in enumerate(Y.T):
        peer = PoissonRegressor(alpha=0.05, solver="newton-cholesky", tol=1e-10).fit(X, y)
        np.testing.assert_allclose(fit.coef[unit], peer.coef_, atol=1e-7)
        np.testing.assert_allclose(fit.intercept[unit], peer.intercept_, atol=1e-7)


def test_bernoulli_agrees_with_scikit_learn():
    X, Y = _population("bernoulli")
    fit = fit_population(X, Y, family="bernoulli", penalty=0.05, tol=1e-15)
    for unit, y in enumerate(Y.T):
        peer = LogisticRegression(C=1 / (0.05 * len(X)), solver="newton-cholesky", tol=1e-10).fit(X, y)
        np.testing.assert_allclose(fit.coef[unit], peer.coef_[0], atol=1e-6)
        np.testing.assert_allclose(fit.intercept[unit], peer.intercept_[0], atol=1e-6)
