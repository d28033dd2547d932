"""The families of response: what a mean is, how far an answer is from it, and what can be fitted at all."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, gammaln, xlogy

from neurorec.glm.kernels import losses as kernel
from neurorec.recording import InputError

HIGHEST_ETA = 50.0  # beyond it exp is cut: a prediction far outside of what was fitted must stay a number
RATE_FLOOR = 1e-9  # the smallest mean ever said of a unit: no event in the data is not "never"


class Family(NamedTuple):
    """A distribution with its link."""

    name: str
    code: int  # what compiled loops know it by
    mean: Callable[[NDArray], NDArray]  # eta -> mu, in place
    link: Callable[[NDArray], NDArray]  # mu -> eta
    deviance: Callable[[NDArray, NDArray, ArrayLike], NDArray]  # (y, mu, dispersion) -> twice the loss over the best
    bend: Callable[[NDArray, ArrayLike], NDArray]  # (mu, dispersion) -> expected second derivative of the loss in eta
    lowest: float  # range of responses
    highest: float
    open: bool = False  # whether the lowest itself is outside of the range


def _poisson_deviance(y: NDArray, mu: NDArray, dispersion: ArrayLike) -> NDArray:
    mu = np.maximum(mu, RATE_FLOOR)
    return 2 * (xlogy(y, y / mu) - y + mu)


def _bernoulli_deviance(y: NDArray, mu: NDArray, dispersion: ArrayLike) -> NDArray:
    mu = np.clip(mu, RATE_FLOOR, 1 - RATE_FLOOR)
    return 2 * (xlogy(y, y / mu) + xlogy(1 - y, (1 - y) / (1 - mu)))


def _gamma_deviance(y: NDArray, mu: NDArray, dispersion: ArrayLike) -> NDArray:
    y, mu = np.maximum(y, np.finfo(float).tiny), np.maximum(mu, RATE_FLOOR)
    return 2 * ((y - mu) / mu - np.log(y / mu))


def _negative_binomial_deviance(y: NDArray, mu: NDArray, dispersion: ArrayLike) -> NDArray:
    a, mu = np.asarray(dispersion, dtype=np.float64), np.maximum(mu, RATE_FLOOR)
    return 2 * (xlogy(y, y / mu) - (y + 1 / a) * (np.log1p(a * y) - np.log1p(a * mu)))


def _bernoulli_link(mu: NDArray) -> NDArray:
    mu = np.clip(mu, RATE_FLOOR, 1 - RATE_FLOOR)
    return np.log(mu) - np.log1p(-mu)


def _exp(eta: NDArray) -> NDArray:
    return np.exp(np.minimum(eta, HIGHEST_ETA, out=eta), out=eta)


def _log(mu: NDArray) -> NDArray:
    return np.log(np.maximum(mu, RATE_FLOOR))


FAMILIES = {
    family.name: family
    for family in (
        Family("poisson", kernel.POISSON, _exp, _log, _poisson_deviance, lambda mu, a: mu, 0.0, np.inf),
        Family(
            "bernoulli",
            kernel.BERNOULLI,
            lambda eta: expit(eta, out=eta),
            _bernoulli_link,
            _bernoulli_deviance,
            lambda mu, a: mu * (1 - mu),
            0.0,
            1.0,
        ),
        Family(
            "gaussian",
            kernel.GAUSSIAN,
            lambda eta: eta,
            lambda mu: mu,
            lambda y, mu, a: (y - mu) ** 2,
            lambda mu, a: np.ones_like(mu),
            -np.inf,
            np.inf,
        ),
        Family("gamma", kernel.GAMMA, _exp, _log, _gamma_deviance, lambda mu, a: np.ones_like(mu), 0.0, np.inf, True),
        Family(
            "negative_binomial",
            kernel.NEGATIVE_BINOMIAL,
            _exp,
            _log,
            _negative_binomial_deviance,
            lambda mu, a: mu / (1 + np.asarray(a) * mu),
            0.0,
            np.inf,
        ),
    )
}


def family_of(name: str) -> Family:
    """The family of that name.

    Raises
    ------
    InputError
        Where there is none.
    """
    if name not in FAMILIES:
        raise InputError("family", expected=f"one of {', '.join(FAMILIES)}", found=repr(name), remedy="name a family")
    return FAMILIES[name]


def mean_of(eta: NDArray, family: Family) -> NDArray:
    """Mean response at a linear predictor, replaced in place; finite however large eta is."""
    return family.mean(eta)


def surprise(Y: NDArray, mu: NDArray, family: Family, dispersion: ArrayLike) -> NDArray:
    """What predictions are compared by, per bin: the deviance, or -2 log likelihood where the dispersion was fitted.

    Deviances of different dispersions have different best possible models, and cannot be compared.
    """
    lost = family.deviance(Y, mu, dispersion)
    if family.name != "negative_binomial":
        return lost
    a = np.asarray(dispersion, dtype=np.float64)
    size = 1 / a
    best = gammaln(Y + size) - gammaln(size) - gammaln(Y + 1) + xlogy(Y, a * Y) - (Y + size) * np.log1p(a * Y)
    return lost - 2 * best
