"""Deviance, fraction explained, bits per spike."""

import numpy as np
import pytest
from sklearn.metrics import d2_tweedie_score, log_loss, mean_poisson_deviance

from neurorec.glm import bits_per_spike, deviance, fraction_deviance_explained


def test_deviance_agrees_with_scikit_learn(simulate):
    _, Y = simulate()
    mu = np.random.default_rng(0).uniform(0.1, 2, Y.shape)
    assert deviance(Y, mu).mean() == pytest.approx(mean_poisson_deviance(Y.ravel(), mu.ravel()))
    binary, chance = Y.clip(0, 1), mu / 3
    assert deviance(binary, chance, "bernoulli").mean() / 2 == pytest.approx(log_loss(binary.ravel(), chance.ravel()))
    for unit in range(Y.shape[1]):
        explained = fraction_deviance_explained(Y, mu)[unit]
        assert explained == pytest.approx(d2_tweedie_score(Y[:, unit], mu[:, unit], power=1))


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gaussian"])
def test_ends_of_the_scale(simulate, family):
    _, Y = simulate(family)
    np.testing.assert_allclose(fraction_deviance_explained(Y, Y, family), 1, atol=1e-7)
    mean = np.broadcast_to(Y.mean(axis=0), Y.shape)
    np.testing.assert_allclose(fraction_deviance_explained(Y, mean, family), 0, atol=1e-12)


def test_impossible_events_cost_a_finite_amount():
    assert np.isfinite(deviance([[1.0]], [[0.0]])).all()
    assert np.isfinite(deviance([[1.0], [0.0]], [[0.0], [1.0]], "bernoulli")).all()


def test_bits_per_spike_by_hand():
    Y, mu = np.array([[0.0], [1.0], [2.0]]), np.array([[0.5], [1.0], [1.5]])
    model = (mu - Y * np.log(mu)).sum()
    null = (np.ones(3) - Y[:, 0] * np.log(1.0)).sum()
    assert bits_per_spike(Y, mu)[0] == pytest.approx((null - model) / 3 / np.log(2))
    assert np.isnan(bits_per_spike(np.zeros((3, 1)), mu)).all()


def test_bins_of_weight_zero_may_hold_anything(simulate):
    _, Y = simulate()
    mu = np.full(Y.shape, 0.7)
    weight = np.ones(Y.shape)
    weight[:50] = 0
    spoiled = Y.copy()
    spoiled[:50] = np.nan
    for score in (fraction_deviance_explained, bits_per_spike):
        np.testing.assert_allclose(score(spoiled, mu, sample_weight=weight), score(Y[50:], mu[50:]))
        np.testing.assert_allclose(score(spoiled, mu, sample_weight=weight[:, 0]), score(Y[50:], mu[50:]))
