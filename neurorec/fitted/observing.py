"""Observations of a linear dynamical system: Gaussian traces and Poisson counts."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from neurorec.fitted.kalman import Dynamics, Smoothed, filter_states, smooth_states

_HIGHEST = 20.0  # of a log rate, before exp
_PASSES, _MORE_PASSES = 30, 3  # of the smoother for counts: from nothing, and from the states found before
_HALVINGS = 12


class Observation(NamedTuple):
    """How units see the state: ``eta = C x + d``; Gaussian of mean eta and variance R, or Poisson of mean exp(eta).

    Attributes
    ----------
    kind : str
        "gaussian" or "poisson".
    weights : ndarray (unit, state)
        C.
    bias : ndarray (unit,)
        d.
    variance : ndarray (unit,)
        R; missing for Poisson counts.
    """

    kind: str
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    variance: NDArray[np.float64]

    def of(self, units: NDArray) -> "Observation":
        """As some of the units see it."""
        return Observation(self.kind, self.weights[units], self.bias[units], self.variance[units])

    def rate(self, mean: NDArray, spread: NDArray | None = None) -> NDArray[np.float64]:
        """Expected activity ``(..., unit)`` in states ``(..., state)``, of a spread ``(..., state, state)``."""
        eta = mean @ self.weights.T + self.bias
        if self.kind == "gaussian":
            return eta
        return np.exp(np.minimum(eta if spread is None else eta + self.spread_of_log(spread) / 2, _HIGHEST))

    def spread_of_log(self, spread: NDArray) -> NDArray[np.float64]:
        """Variance of eta ``(..., unit)``."""
        products = np.einsum("ui,uj->iju", self.weights, self.weights).reshape(-1, len(self.weights))
        return spread.reshape(*spread.shape[:-2], -1) @ products


class Inferred(NamedTuple):
    """States of all stretches, and how likely the observations are.

    Attributes
    ----------
    states : Smoothed
    bound : float
        Log likelihood, exact for Gaussian observations; for Poisson ones a lower bound, by the Gaussian nearest to the
        states' distribution.
    """

    states: Smoothed
    bound: float


def infer_states(
    dynamics: Dynamics,
    seen: Observation,
    activity: NDArray,
    n_bins: NDArray,
    drive: NDArray | None = None,
    start: Smoothed | None = None,
) -> Inferred:
    """States given activity ``(stretch, time, unit)``.

    Parameters
    ----------
    dynamics : Dynamics
    seen : Observation
    activity : ndarray (stretch, time, unit)
    n_bins : ndarray of int (stretch,)
        Bins observed; what lies behind them takes no part.
    drive : ndarray (stretch, time, state), optional
        Added on the way from a bin to the next.
    start : Smoothed, optional
        Where the search for the states of counts begins.

    Returns
    -------
    Inferred
    """
    if seen.kind == "gaussian":
        return _infer_gaussian(dynamics, seen, activity, n_bins, drive)
    return _infer_poisson(dynamics, seen, activity, n_bins, drive, start)


def update_observation(
    seen: Observation, states: Smoothed, activity: NDArray, n_bins: NDArray, *, least: NDArray, shrinkage: float
) -> Observation:
    """The observation under which the expected log likelihood of the activity is largest.

    Variances are kept above `least (unit,)`; weights of counts are drawn to 0, see `fit_linear_arrays`.
    """
    inside = np.arange(activity.shape[1]) < n_bins[:, None]
    y, m = activity[inside], states.mean[inside]
    spread = states.spread[states.group][inside] if seen.kind == "poisson" else None
    if spread is not None:
        return _newton(seen, y, m, spread, shrinkage)
    one = np.hstack([m, np.ones((len(m), 1))])
    square = one.T @ one
    of_group = np.zeros(states.spread.shape[:2])
    of_group[states.group] = inside
    square[:-1, :-1] += np.tensordot(of_group * states.size[:, None], states.spread, axes=2)
    weights = np.linalg.solve(square, one.T @ y).T.astype(np.float64)
    variance = (np.square(y).sum(axis=0) - ((one.T @ y) * weights.T).sum(axis=0)) / len(y)
    return Observation(seen.kind, weights[:, :-1], weights[:, -1], np.maximum(variance, least))


def _infer_gaussian(
    dynamics: Dynamics, seen: Observation, activity: NDArray, n_bins: NDArray, drive: NDArray | None
) -> Inferred:
    scaled = seen.weights / seen.variance[:, None]
    left = activity - seen.bias
    found = filter_states(dynamics, left @ scaled, (seen.weights.T @ scaled)[None, None], n_bins, drive)
    inside = np.arange(activity.shape[1]) < n_bins[:, None]
    squares = float((np.square(left[inside]) / seen.variance).sum())
    constant = inside.sum() * np.log(2 * np.pi * seen.variance).sum()
    return Inferred(smooth_states(dynamics, found, n_bins), float(found.log_mass.sum()) - (squares + constant) / 2)


def _infer_poisson(
    dynamics: Dynamics,
    seen: Observation,
    activity: NDArray,
    n_bins: NDArray,
    drive: NDArray | None,
    start: Smoothed | None,
) -> Inferred:
    """The Gaussian nearest to the states' distribution: each pass of the smoother is a Newton step for its mean.

    Its precision is that of the prior plus ``C' diag(E[rate]) C``, with the rate's expectation under the Gaussian
    itself; the first pass, where no spread is known yet, is Laplace's.
    """
    C, n_state = seen.weights, seen.weights.shape[1]
    inside = np.arange(activity.shape[1]) < n_bins[:, None]
    products = np.einsum("ui,uj->uij", C, C).reshape(len(C), -1)
    x = _prior_means(dynamics, activity.shape[:2], drive) if start is None else start.mean
    x, extra = np.where(inside[..., None], x, 0.0), np.zeros(activity.shape)
    if start is not None:
        extra = seen.spread_of_log(start.spread) / 2
    bound = -np.inf
    for k in range(_PASSES if start is None else _MORE_PASSES):
        height = _height(seen, activity, inside, x, extra) - _prior_cost(dynamics, inside, drive, x)
        rate = np.exp(np.minimum(x @ C.T + seen.bias + extra, _HIGHEST)) * inside[..., None]
        G = (rate @ products).reshape(*x.shape, n_state)
        h = ((activity - rate) * inside[..., None]) @ C + (G @ x[..., None])[..., 0]
        found = filter_states(dynamics, h, G, n_bins, drive)
        states = smooth_states(dynamics, found, n_bins)
        step, share = states.mean - x, np.ones(len(x))
        for _ in range(_HALVINGS):
            new = x + share[:, None, None] * step
            cost = _prior_cost(dynamics, inside, drive, new)
            worse = _height(seen, activity, inside, new, extra) - cost < height - 1e-9 * np.abs(height)
            if not worse.any():
                break
            share = np.where(worse, share / 2, share)
        x, extra = new, seen.spread_of_log(states.spread) / 2
        # divergence from the prior: of the smoothed Gaussian, moved to the mean that was reached
        m, V = states.mean[inside], states.spread[inside]
        factors = (h[inside] * m).sum() - 0.5 * (np.einsum("bi,bij,bj->", m, G[inside], m) + (G[inside] * V).sum())
        divergence = factors - found.log_mass.sum() + (cost - _prior_cost(dynamics, inside, drive, states.mean)).sum()
        likely = _height(seen, activity, inside, x, extra).sum() - gammaln(activity[inside] + 1).sum()
        before, bound = bound, float(likely - divergence)
        if k and abs(bound - before) < 1e-3 + 1e-8 * abs(bound):
            break
    return Inferred(states._replace(mean=x), bound)


def _height(seen: Observation, activity: NDArray, inside: NDArray, x: NDArray, extra: NDArray) -> NDArray[np.float64]:
    """Expected log likelihood of every stretch, up to a constant, half the variance of log rates being `extra`."""
    eta = np.minimum(x @ seen.weights.T + seen.bias, _HIGHEST)
    return ((activity * eta - np.exp(np.minimum(eta + extra, _HIGHEST))) * inside[..., None]).sum(axis=(1, 2))


def _prior_cost(dynamics: Dynamics, inside: NDArray, drive: NDArray | None, x: NDArray) -> NDArray[np.float64]:
    """Minus log prior of states, up to a constant ``(stretch,)``."""
    start = x[:, 0] - dynamics.start_mean
    moved = x[:, 1:] - x[:, :-1] @ dynamics.transition.T - (0.0 if drive is None else drive[:, :-1])
    moved = moved * inside[:, 1:, None]
    first = (start * np.linalg.solve(dynamics.start_spread, start.T).T).sum(axis=1)
    return 0.5 * (first + ((moved @ np.linalg.inv(dynamics.noise)) * moved).sum(axis=(1, 2)))


def _prior_means(dynamics: Dynamics, shape: tuple[int, int], drive: NDArray | None) -> NDArray[np.float64]:
    x = np.zeros((*shape, len(dynamics.start_mean)))
    x[:, 0] = dynamics.start_mean
    for t in range(1, shape[1]):
        x[:, t] = x[:, t - 1] @ dynamics.transition.T + (0.0 if drive is None else drive[:, t - 1])
    return x


def _newton(seen: Observation, y: NDArray, m: NDArray, V: NDArray, shrinkage: float, n_steps: int = 2) -> Observation:
    """Poisson weights of every unit by Newton's steps, each only if it gains.

    On ``sum_t y eta - exp(eta + c' V c / 2) - shrinkage var(eta) / 2``; bins ``(bin, ...)`` of all stretches.
    """
    one = np.hstack([m, np.ones((len(m), 1))])
    n = one.shape[1]
    wide = np.zeros((len(m), n, n))
    wide[:, :-1, :-1] = V
    flat = wide.reshape(len(m), -1)
    both = np.column_stack([seen.weights, seen.bias])
    moment = np.zeros((n, n))
    moment[:-1, :-1] = (m.T @ m + V.sum(axis=0)) / len(m)

    def height(both: NDArray) -> tuple[NDArray, NDArray]:
        products = np.einsum("ui,uj->iju", both, both).reshape(-1, len(both))
        eta = one @ both.T
        rate = np.exp(np.minimum(eta + flat @ products / 2, _HIGHEST))
        return (y * eta - rate).sum(axis=0) - shrinkage * np.einsum("ui,ij,uj->u", both, moment, both) / 2, rate

    reached, rate = height(both)
    for _ in range(n_steps):
        # derivative of the rate's exponent (unit, bin, state)
        pull = one + (wide.reshape(-1, n) @ both.T).reshape(len(m), n, -1).transpose(2, 0, 1)
        weighted = rate.T[..., None] * pull
        gradient = y.T @ one - weighted.sum(axis=1) - shrinkage * both @ moment
        bend = weighted.swapaxes(1, 2) @ pull + (rate.T @ flat).reshape(-1, n, n) + shrinkage * moment
        least = 1e-8 * np.trace(bend, axis1=1, axis2=2) + 1e-9  # a unit without a spike still has a step
        step = np.linalg.solve(bend + least[:, None, None] * np.eye(n), gradient[..., None])[..., 0]
        share = np.ones(len(both))
        for _ in range(_HALVINGS):
            worse = ~(height(both + share[:, None] * step)[0] >= reached)
            if not worse.any():
                break
            share = np.where(worse, share / 2, share)
        both = both + np.where(worse, 0.0, share)[:, None] * step
        reached, rate = height(both)
    return seen._replace(weights=both[:, :-1], bias=both[:, -1])
