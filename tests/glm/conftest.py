"""Small populations whose coupling to a design is known, and the objective written out plainly."""

from collections.abc import Callable

import numpy as np
import pytest

from neurorec.glm import deviance, predict_mean

Simulate = Callable[..., tuple[np.ndarray, np.ndarray]]

MEANS = {"poisson": np.exp, "bernoulli": lambda eta: 1 / (1 + np.exp(-eta)), "gaussian": lambda eta: eta}


@pytest.fixture
def simulate() -> Simulate:
    """Give (X (time, feature), Y (time, unit)) of a family."""

    def draw(family="poisson", *, n_times=300, n_features=6, n_units=5, seed=0, size=0.4):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n_times, n_features))
        mean = MEANS[family](X @ rng.normal(0, size, (n_features, n_units)) - 0.7)
        if family == "poisson":
            return X, rng.poisson(mean).astype(float)
        if family == "bernoulli":
            return X, (rng.random(mean.shape) < mean).astype(float)
        return X, mean + rng.standard_normal(mean.shape)

    return draw


def _objective(X, Y, fit, family, penalty, *, l1_ratio=0.0, offset=None, weight=1.0):
    """Of every unit at a fit, with half the deviance as loss: (unit,)."""
    mu = predict_mean(np.asarray(X, float), fit.coef, fit.intercept, family=family, offset=offset)
    weight = np.broadcast_to(weight, Y.shape)
    loss = (weight * deviance(Y, mu, family)).sum(axis=0) / weight.sum(axis=0) / 2
    size, square = np.abs(fit.coef).sum(axis=1), (fit.coef.astype(float) ** 2).sum(axis=1)
    return loss + penalty * (l1_ratio * size + (1 - l1_ratio) / 2 * square)


def _null_half_deviance(Y, family):
    """Of every unit from its own mean: (unit,)."""
    return deviance(Y, np.broadcast_to(Y.mean(axis=0), Y.shape), family).mean(axis=0) / 2


def _gradient(X, Y, fit, family, penalty, *, offset=None, weight=1.0):
    """Under a squared-norm penalty, intercept first: (unit, 1 + feature)."""
    mu = predict_mean(X, fit.coef, fit.intercept, family=family, offset=offset)
    weight = np.broadcast_to(weight, Y.shape)
    residual = weight * (mu - Y) / weight.sum(axis=0)
    slope = residual.T @ X + np.reshape(penalty, (-1, 1)) * fit.coef
    return np.column_stack([residual.sum(axis=0), slope])


@pytest.fixture
def objective():
    """Of every unit at a fit."""
    return _objective


@pytest.fixture
def null_half_deviance():
    """Of every unit."""
    return _null_half_deviance


@pytest.fixture
def gradient():
    """Of the ridge objective at a fit."""
    return _gradient
