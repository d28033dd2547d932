"""Agreement with scikit-learn, statsmodels and glum, where they can do the same."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from glum import GammaDistribution, GeneralizedLinearRegressor, NegativeBinomialDistribution, PoissonDistribution
from sklearn.linear_model import ElasticNet, GammaRegressor, PoissonRegressor, Ridge

from neurorec.glm import fit_population

EXACT = {"tol": 1e-15}


def test_ridge_of_scikit_learn(simulate):
    X, Y = simulate("gaussian")
    weight = np.random.default_rng(0).uniform(0.1, 3, len(X))
    fit = fit_population(X, Y, family="gaussian", penalty=0.3, sample_weight=weight, **EXACT)
    peer = Ridge(alpha=0.3 * weight.sum(), solver="svd").fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(fit.coef, peer.coef_, atol=1e-8)
    np.testing.assert_allclose(fit.intercept, peer.intercept_, atol=1e-8)


@pytest.mark.parametrize(("family", "peer"), [("poisson", PoissonRegressor), ("gamma", GammaRegressor)])
def test_weighted_log_links_of_scikit_learn(simulate, family, peer):
    X, Y = simulate(family, n_units=2)
    weight = np.random.default_rng(0).uniform(0.1, 3, len(X))
    fit = fit_population(X, Y, family=family, penalty=0.02, sample_weight=weight, **EXACT)
    for unit, y in enumerate(Y.T):
        found = peer(alpha=0.02, solver="newton-cholesky", tol=1e-12).fit(X, y, sample_weight=weight)
        np.testing.assert_allclose(fit.coef[unit], found.coef_, atol=1e-7)
        np.testing.assert_allclose(fit.intercept[unit], found.intercept_, atol=1e-7)


def test_elastic_net_of_scikit_learn_with_weights(simulate):
    X, Y = simulate("gaussian", n_features=15, n_units=3)
    weight = np.random.default_rng(0).uniform(0.1, 3, len(X))
    fit = fit_population(X, Y, family="gaussian", penalty=0.2, l1_ratio=0.5, sample_weight=weight, tol=1e-13)
    for unit, y in enumerate(Y.T):
        peer = ElasticNet(alpha=0.2, l1_ratio=0.5, tol=1e-14, max_iter=100_000).fit(X, y, sample_weight=weight)
        np.testing.assert_allclose(fit.coef[unit], peer.coef_, atol=1e-6)


def test_gamma_of_statsmodels(simulate):
    X, Y = simulate("gamma", n_units=2)
    offset = 0.3 * np.random.default_rng(0).standard_normal(Y.shape)
    fit = fit_population(X, Y, family="gamma", penalty=1e-10, offset=offset, **EXACT)
    for unit, y in enumerate(Y.T):
        family = sm.families.Gamma(sm.families.links.Log())
        peer = sm.GLM(y, sm.add_constant(X), family=family, offset=offset[:, unit]).fit(tol=1e-12)
        np.testing.assert_allclose(fit.coef[unit], peer.params[1:], atol=1e-6)
        np.testing.assert_allclose(fit.intercept[unit], peer.params[0], atol=1e-6)


def test_negative_binomial_of_statsmodels_with_its_dispersion(simulate):
    X, Y = simulate("negative_binomial", n_times=800, n_units=3)
    fit = fit_population(X, Y, family="negative_binomial", penalty=1e-9, **EXACT)
    for unit, y in enumerate(Y.T):
        peer = sm.NegativeBinomial(y, sm.add_constant(X)).fit(disp=0, maxiter=500, method="bfgs", gtol=1e-8)
        np.testing.assert_allclose(fit.dispersion[unit], peer.params[-1], rtol=3e-3)
        np.testing.assert_allclose(fit.coef[unit], peer.params[1:-1], atol=1e-4)


@pytest.mark.parametrize("family", ["poisson", "gamma", "negative_binomial"])
def test_elastic_nets_of_glum(simulate, family):
    X, Y = simulate(family, n_features=15, n_units=2)
    penalty, l1_ratio, factor = 0.05, 0.7, np.array([1.0, 10, 20] * 5)
    fit = fit_population(X, Y, family=family, penalty=penalty, l1_ratio=l1_ratio, penalty_weight=factor, tol=1e-13)
    for unit, y in enumerate(Y.T):
        kind = {
            "poisson": PoissonDistribution(),
            "gamma": GammaDistribution(),
            "negative_binomial": NegativeBinomialDistribution(np.nan_to_num(fit.dispersion[unit], nan=1.0)),
        }[family]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer = GeneralizedLinearRegressor(
                family=kind,
                link="log",
                alpha=penalty,
                l1_ratio=l1_ratio,
                P1=factor,
                P2=factor,
                gradient_tol=1e-7,
                max_iter=500,
            ).fit(X, y)
        np.testing.assert_allclose(fit.coef[unit], peer.coef_, atol=1e-5)
        np.testing.assert_allclose(fit.intercept[unit], peer.intercept_, atol=1e-5)
