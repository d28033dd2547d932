"""The three families of response: what a mean is, how far an answer is from it, and what can be fitted at all."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, xlogy

from neurorec.recording import InputError, first_offenders

HIGHEST_ETA = 50.0  # beyond it exp is cut: a prediction far outside of what was fitted must stay a number
RATE_FLOOR = 1e-9  # the smallest mean ever said of a unit: no event in the data is not "never"


class Family(NamedTuple):
    """A distribution with its canonical link; ``mean`` and ``weight`` work in place, on blocks of a larger array."""

    name: str
    mean: Callable[[NDArray], NDArray]  # eta -> mu
    weight: Callable[[NDArray], NDArray | None]  # mu -> second derivative of the loss in eta; None where it is 1
    link: Callable[[NDArray], NDArray]  # mu -> eta
    deviance: Callable[[NDArray, NDArray], NDArray]  # (y, mu) -> twice the loss above the saturated one
    highest: float  # largest response allowed
    lowest: float


def _poisson_deviance(y: NDArray, mu: NDArray) -> NDArray:
    mu = np.maximum(mu, RATE_FLOOR)
    return 2 * (xlogy(y, y / mu) - y + mu)


def _bernoulli_deviance(y: NDArray, mu: NDArray) -> NDArray:
    mu = np.clip(mu, RATE_FLOOR, 1 - RATE_FLOOR)
    return 2 * (xlogy(y, y / mu) + xlogy(1 - y, (1 - y) / (1 - mu)))


def _bernoulli_link(mu: NDArray) -> NDArray:
    mu = np.clip(mu, RATE_FLOOR, 1 - RATE_FLOOR)
    return np.log(mu) - np.log1p(-mu)


FAMILIES = {
    "poisson": Family(
        "poisson",
        mean=lambda eta: np.exp(eta, out=eta),
        weight=lambda mu: mu,
        link=lambda mu: np.log(np.maximum(mu, RATE_FLOOR)),
        deviance=_poisson_deviance,
        lowest=0.0,
        highest=np.inf,
    ),
    "bernoulli": Family(
        "bernoulli",
        mean=lambda eta: expit(eta, out=eta),
        weight=lambda mu: np.multiply(mu, 1 - mu, out=mu),
        link=_bernoulli_link,
        deviance=_bernoulli_deviance,
        lowest=0.0,
        highest=1.0,
    ),
    "gaussian": Family(
        "gaussian",
        mean=lambda eta: eta,
        weight=lambda mu: None,
        link=lambda mu: mu,
        deviance=lambda y, mu: (y - mu) ** 2,
        lowest=-np.inf,
        highest=np.inf,
    ),
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
    np.minimum(eta, HIGHEST_ETA if family.name == "poisson" else np.inf, out=eta)
    return family.mean(eta)


def check_response(Y: NDArray, family: Family) -> NDArray:
    """Check that responses ``(unit, time)`` are within the family's range and return them."""
    bad = ~np.isfinite(Y) | (np.clip(Y, family.lowest, family.highest) != Y)
    if bad.any():
        unit, time = np.nonzero(bad)
        raise InputError(
            "Y",
            expected=f"finite values between {family.lowest:g} and {family.highest:g} for the {family.name} family",
            found=f"{float(Y[unit[0], time[0]]):g} in units {first_offenders(np.unique(unit))}",
            remedy="leave those bins out with sample_weight 0, or choose another family",
        )
    return Y
