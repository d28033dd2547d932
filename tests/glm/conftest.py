"""Small populations whose coupling to a design is known, and the objective, its gradient and its minimum written out
plainly in float64, by other means than those of the package.
"""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit

from neurorec.glm import deviance, predict_mean

Simulate = Callable[..., tuple[np.ndarray, np.ndarray]]

MEANS = {"bernoulli": expit, "gaussian": lambda eta: eta}  # exp for the others
DISPERSION = 0.5


@pytest.fixture
def simulate() -> Simulate:
    """Give (X (time, feature), Y (time, unit)) of a family."""

    def draw(family="poisson", *, n_times=300, n_features=6, n_units=5, seed=0, size=0.4):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n_times, n_features))
        mean = MEANS.get(family, np.exp)(X @ rng.normal(0, size, (n_features, n_units)) - 0.7)
        if family == "poisson":
            return X, rng.poisson(mean).astype(float)
        if family == "bernoulli":
            return X, (rng.random(mean.shape) < mean).astype(float)
        if family == "gamma":
            return X, rng.gamma(2.0, mean / 2) + 1e-9
        if family == "negative_binomial":
            return X, rng.poisson(rng.gamma(1 / DISPERSION, mean * DISPERSION)).astype(float)
        return X, mean + rng.standard_normal(mean.shape)

    return draw


def _objective(X, Y, fit, family, penalty, *, l1_ratio=0.0, offset=None, weight=1.0):
    """Of every unit at a fit, with half the deviance as loss: (unit,)."""
    mu = predict_mean(np.asarray(X, float), fit.coef, fit.intercept, family=family, offset=offset)
    weight = np.broadcast_to(weight, Y.shape)
    loss = (weight * deviance(Y, mu, family, dispersion=fit.dispersion)).sum(axis=0) / weight.sum(axis=0) / 2
    size, square = np.abs(fit.coef).sum(axis=1), (fit.coef.astype(float) ** 2).sum(axis=1)
    return loss + penalty * (l1_ratio * size + (1 - l1_ratio) / 2 * square)


def _null_half_deviance(Y, family, dispersion=np.nan):
    """Of every unit from its own mean: (unit,)."""
    return deviance(Y, np.broadcast_to(Y.mean(axis=0), Y.shape), family, dispersion=dispersion).mean(axis=0) / 2


def _loss(family, y, eta, a):
    """Per bin, up to a constant."""
    if family == "poisson":
        return np.exp(eta) - y * eta
    if family == "bernoulli":
        return np.logaddexp(0, eta) - y * eta
    if family == "gaussian":
        return (y - eta) ** 2 / 2
    if family == "gamma":
        return y * np.exp(-eta) + eta
    return (y + 1 / a) * np.logaddexp(0, eta + np.log(a)) - y * eta


def _derivatives(family, y, eta, a):
    """First and second, in eta."""
    if family == "poisson":
        return np.exp(eta) - y, np.exp(eta)
    if family == "bernoulli":
        return expit(eta) - y, expit(eta) * expit(-eta)
    if family == "gaussian":
        return eta - y, np.ones_like(eta)
    if family == "gamma":
        return 1 - y * np.exp(-eta), y * np.exp(-eta)
    share = expit(-eta - np.log(a))  # 1 / (1 + a mu)
    return (np.exp(eta) - y) * share, np.exp(eta) * (1 + a * y) * share**2


def _gradient(X, Y, fit, family, penalty, *, offset=0.0, weight=1.0):
    """Under a squared-norm penalty (0 for the loss alone), intercept first: (unit, 1 + feature)."""
    eta = X @ fit.coef.T.astype(float) + fit.intercept + offset
    weight = np.broadcast_to(weight, Y.shape)
    residual = weight * _derivatives(family, Y, eta, fit.dispersion)[0] / weight.sum(axis=0)
    slope = residual.T @ X + np.reshape(penalty, (-1, 1)) * fit.coef
    return np.column_stack([residual.sum(axis=0), slope])


def _newton(X, y, family, K, *, weight=None, offset=0.0, dispersion=np.nan):
    """Intercept and coefficients of one unit at the minimum of mean_t w_t loss + b'Kb / 2, by Newton's method."""
    Z = np.column_stack([np.ones(len(y)), X])
    P = np.zeros((Z.shape[1],) * 2)
    P[1:, 1:] = K
    w = np.full(len(y), 1 / len(y)) if weight is None else weight / weight.sum()
    b = np.zeros(Z.shape[1])
    if family in ("poisson", "gamma", "negative_binomial"):
        b[0] = np.log((w @ y) / (w @ np.exp(np.broadcast_to(offset, y.shape))))

    def value(b):
        with np.errstate(over="ignore"):
            return w @ _loss(family, y, Z @ b + offset, dispersion) + b @ P @ b / 2

    for _ in range(100):
        slope, bend = _derivatives(family, y, Z @ b + offset, dispersion)
        step = np.linalg.solve(Z.T @ (Z * (w * bend)[:, None]) + P, Z.T @ (w * slope) + P @ b)
        t = 1.0
        while value(b - t * step) > value(b) and t > 1e-10:
            t /= 2
        b = b - t * step
        if np.abs(step).max() < 1e-13:
            break
    return b


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


@pytest.fixture
def newton():
    """The minimum of one unit under any squared penalty."""
    return _newton
