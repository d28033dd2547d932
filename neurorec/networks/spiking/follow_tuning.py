"""Tuning of spiking units to a few variables: encoders, biases, steady rates and decoders."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, are_numbers, check_array, check_count, check_rng


class Tuning(NamedTuple):
    """What units are driven by.

    Attributes
    ----------
    encoder : ndarray (dimension, unit)
        Current per unit of each variable.
    bias : ndarray (unit,)
        Current without.
    """

    encoder: NDArray[np.float64]
    bias: NDArray[np.float64]


def draw_tuning(
    n_units: int,
    n_dimensions: int,
    *,
    radius: float,
    max_rates: tuple[float, float] = (200.0, 400.0),
    intercepts: tuple[float, float] = (-1.0, 1.0),
    tau: float = 0.02,
    refractory: float = 0.002,
    rng: np.random.Generator,
) -> Tuning:
    """Draw tuning curves of leaky integrate-and-fire units whose threshold is at a current of 1.

    Each unit prefers a direction, drawn evenly from all. It begins to fire where the variables' part along it is the
    intercept times the radius, and reaches its largest rate at the radius; both are drawn evenly from their ranges.

    Parameters
    ----------
    n_units, n_dimensions : int
        Units, and variables.
    radius : float
        Of the ball in which the variables are.
    max_rates : (float, float)
        Spikes/s.
    intercepts : (float, float)
        As shares of the radius, -1 to 1.
    tau, refractory : float
        Of membranes, s.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    Tuning

    Raises
    ------
    InputError
        No units, a radius that is not positive, rates that the refractory period forbids.

    Examples
    --------
    >>> tuning = draw_tuning(5, 1, radius=2.0, rng=np.random.default_rng(0))
    >>> rates = steady_rates(2.0 * np.abs(tuning.encoder[0]) + tuning.bias)     # at the end of the range
    >>> bool(((rates > 200) & (rates < 400)).all())
    True
    """
    rng = check_rng(rng)
    if not are_numbers(n_units, n_dimensions, radius) or min(n_units, n_dimensions) < 1 or not radius > 0:
        found = f"{n_units} units, {n_dimensions} dimensions, radius {radius}"
        raise InputError("tuning", expected="at least one of each, radius > 0", found=found, remedy="see draw_tuning")
    n_units, n_dimensions = check_count("n_units", n_units), check_count("n_dimensions", n_dimensions)
    if not are_numbers(tau, refractory) or not tau > 0 or refractory < 0:
        found, remedy = f"{tau!r} s and {refractory!r} s", "such as 0.02 and 0.002"
        raise InputError("tau and refractory", expected="tau > 0, refractory >= 0", found=found, remedy=remedy)
    two = all(np.iterable(pair) and len(pair) == 2 and are_numbers(*pair) for pair in (max_rates, intercepts))
    low, high = max_rates if two else (np.nan, np.nan)
    if not two or not 0 < low <= high < 1 / max(refractory, 1e-12) or not -1 <= intercepts[0] <= intercepts[1] <= 1:
        found = f"{max_rates} spikes/s, intercepts {intercepts}"
        expected = f"rates above 0 and below 1 / refractory = {1 / max(refractory, 1e-12):g}, intercepts in [-1, 1]"
        raise InputError("max_rates and intercepts", expected=expected, found=found, remedy="lower the rates")
    direction = rng.standard_normal((n_dimensions, n_units))
    direction /= np.linalg.norm(direction, axis=0)
    most = rng.uniform(low, high, n_units)
    begin = rng.uniform(*intercepts, n_units) * (1 - 1e-9)
    at_most = 1 / (1 - np.exp((refractory - 1 / most) / tau))  # current at the largest rate
    slope = (at_most - 1) / (1 - begin)
    return Tuning(direction * slope / radius, 1 - slope * begin)


def steady_rates(current: ArrayLike, *, tau: float = 0.02, refractory: float = 0.002) -> NDArray[np.float64]:
    """Rates of leaky integrate-and-fire units under constant currents, spikes/s.

    ``1 / r = refractory + tau log(J / (J - 1))`` where J > 1, else 0.

    Examples
    --------
    >>> steady_rates([0.5, 2.0]).round(2).tolist()
    [0.0, 63.04]
    """
    current = np.asarray(current, dtype=float)
    over = np.maximum(current - 1, 1e-300)
    return np.where(current > 1, 1 / (refractory + tau * np.log1p(1 / over)), 0.0)


def points_in_ball(n: int, n_dimensions: int, radius: float, *, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw points evenly from a ball ``(point, dimension)``.

    Examples
    --------
    >>> bool(np.linalg.norm(points_in_ball(100, 2, 3.0, rng=np.random.default_rng(0)), axis=1).max() < 3)
    True
    """
    points = rng.standard_normal((n, n_dimensions))
    size = radius * rng.random(n) ** (1 / n_dimensions)
    return points * (size / np.linalg.norm(points, axis=1))[:, None]


def fit_decoders(rates: ArrayLike, targets: ArrayLike, *, noise: float = 0.1) -> NDArray[np.float64]:
    """Weights by which rates add up to targets, ``(target, unit)``.

    They minimise ``sum_p |D r_p - y_p|^2 + n_points (noise max r)^2 |D|^2``: least squares if rates had independent
    noise.

    Parameters
    ----------
    rates : array-like (point, unit)
        Spikes/s.
    targets : array-like (point, target)
        What is to be read.
    noise : float
        Standard deviation of the noise, a share of the largest rate.

    Returns
    -------
    ndarray (target, unit)

    Raises
    ------
    InputError
        Noise that is not above 0, silent units only, or numbers of points that differ.

    Examples
    --------
    >>> fit_decoders(np.eye(2), [[1.0], [2.0]], noise=1e-6).round(3).tolist()
    [[1.0, 2.0]]
    """
    rates, targets = check_array("rates", rates, "(point, unit)"), check_array("targets", targets, "(point, target)")
    fit = rates.ndim == 2 and targets.ndim == 2 and len(rates) == len(targets) and np.isfinite(targets).all()
    if (
        not fit
        or not are_numbers(noise)
        or not noise > 0
        or not rates.max(initial=0) > 0
        or not np.isfinite(rates).all()
    ):
        found = f"rates {rates.shape}, targets {targets.shape}, noise {noise}"
        expected = "(point, unit) and (point, target) of as many points, some rates and noise above 0"
        raise InputError("rates and targets", expected=expected, found=found, remedy="give each point a row")
    penalty = len(rates) * (noise * rates.max()) ** 2
    if len(rates) < rates.shape[1]:
        gram = rates @ rates.T
        gram.flat[:: len(gram) + 1] += penalty
        return np.linalg.solve(gram, targets).T @ rates
    gram = rates.T @ rates
    gram.flat[:: len(gram) + 1] += penalty
    return np.linalg.solve(gram, rates.T @ targets).T
