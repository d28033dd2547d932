"""Elastic-net fits: references, optimality, certificates."""

import numpy as np
import pytest
from glum import GeneralizedLinearRegressor
from sklearn.linear_model import ElasticNet

from neurorec.glm import fit_population, predict_mean

PEERS = {"poisson": "poisson", "bernoulli": "binomial"}


@pytest.mark.parametrize("family", ["poisson", "bernoulli"])
@pytest.mark.parametrize("l1_ratio", [0.3, 0.95, 1.0])
def test_it_agrees_with_glum(simulate, objective, null_half_deviance, family, l1_ratio):
    X, Y = simulate(family, n_times=400, n_features=30, n_units=2, size=0.2)
    for penalty in (0.1, 0.02):
        fit = fit_population(X, Y, family=family, penalty=penalty, l1_ratio=l1_ratio)
        assert fit.converged.all()
        reached = objective(X, Y, fit, family, penalty, l1_ratio=l1_ratio)
        for unit, y in enumerate(Y.T):
            peer = GeneralizedLinearRegressor(
                family=PEERS[family], alpha=penalty, l1_ratio=l1_ratio, gradient_tol=1e-6, max_iter=1000
            ).fit(X, y)
            own = fit._replace(coef=peer.coef_[None], intercept=np.array([peer.intercept_]))
            best = objective(X, Y[:, [unit]], own, family, penalty, l1_ratio=l1_ratio)[0]
            assert abs(reached[unit] - best) < 1e-6 * null_half_deviance(Y, family)[unit]


def test_gaussian_agrees_with_scikit_learn(simulate):
    X, Y = simulate("gaussian", n_features=20)
    fit = fit_population(X, Y, family="gaussian", penalty=0.1, l1_ratio=0.6, tol=1e-12)
    for unit, y in enumerate(Y.T):
        peer = ElasticNet(alpha=0.1, l1_ratio=0.6, tol=1e-12, max_iter=100000).fit(X, y)
        np.testing.assert_allclose(fit.coef[unit], peer.coef_, atol=1e-5)
        assert ((fit.coef[unit] == 0) == (peer.coef_ == 0)).all()


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gaussian"])
@pytest.mark.parametrize("l1_ratio", [0.2, 1.0])
def test_the_gap_bounds_the_distance_from_the_minimum(simulate, objective, null_half_deviance, family, l1_ratio):
    X, Y = simulate(family, n_features=40, size=0.2)
    options = {"family": family, "penalty": 0.02, "l1_ratio": l1_ratio}
    best = objective(X, Y, fit_population(X, Y, tol=1e-10, **options), family, 0.02, l1_ratio=l1_ratio)
    for max_iter in (0, 1, 3, 100):
        fit = fit_population(X, Y, max_iter=max_iter, **options)
        excess = (objective(X, Y, fit, family, 0.02, l1_ratio=l1_ratio) - best) / null_half_deviance(Y, family)
        assert (excess <= fit.gap + 1e-12).all()
    assert fit.converged.all()


def test_above_the_largest_penalty_nothing_is_used(simulate):
    X, Y = simulate()
    largest = np.abs((Y - Y.mean(axis=0)).T @ X / len(X)).max(axis=1)
    assert not fit_population(X, Y, penalty=largest * 1.001, l1_ratio=1.0).coef.any()
    assert fit_population(X, Y, penalty=largest * 0.98, l1_ratio=1.0, tol=1e-9).coef.any(axis=1).all()


def test_masks_weights_and_offsets_are_those_of_the_unit_alone(simulate):
    X, Y = simulate(n_features=12, n_units=6)
    rng = np.random.default_rng(0)
    allowed, seen = rng.random((6, 12)) < 0.6, rng.random(Y.shape) < 0.8
    offset = 0.3 * rng.standard_normal(Y.shape)
    options = {"penalty": 0.03, "l1_ratio": 0.7, "tol": 1e-11}
    fit = fit_population(X, Y, allowed=allowed, sample_weight=seen, offset=offset, **options)
    assert not fit.coef[~allowed].any()
    for unit in range(6):
        rows, columns = seen[:, unit], allowed[unit]
        own = fit_population(X[rows][:, columns], Y[rows][:, [unit]], offset=offset[rows][:, [unit]], **options)
        np.testing.assert_allclose(fit.coef[unit, columns], own.coef[0], atol=1e-4)


def test_float32_is_certified_too(simulate):
    X, Y = simulate(n_times=2000, n_features=40, size=0.1)
    fits = [fit_population(X.astype(dtype), Y, penalty=0.01, l1_ratio=0.9) for dtype in (np.float32, np.float64)]
    assert fits[0].converged.all()
    means = [predict_mean(X, fit.coef, fit.intercept) for fit in fits]
    np.testing.assert_allclose(means[0], means[1], rtol=1e-2)
