"""The Kalman filter and smoother, of many stretches at once, for observations in information form."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Dynamics(NamedTuple):
    """How states move: ``x(t+1) = A x(t) + drive(t) + w``, ``w ~ N(0, Q)``, and ``x(0) ~ N(m, P)``.

    Attributes
    ----------
    transition : ndarray (state after, state before)
        A.
    noise : ndarray (state, state)
        Q.
    start_mean : ndarray (state,)
        m.
    start_spread : ndarray (state, state)
        P.
    """

    transition: NDArray[np.float64]
    noise: NDArray[np.float64]
    start_mean: NDArray[np.float64]
    start_spread: NDArray[np.float64]


class Filtered(NamedTuple):
    """States given what was observed up to each bin.

    Covariances do not depend on what is observed where all stretches weigh it alike; their first axis is then 1.

    Attributes
    ----------
    mean, predicted_mean : ndarray (stretch, time, state)
        With the bin's own observation, and before it.
    spread, predicted_spread : ndarray (stretch or 1, time, state, state)
    log_mass : ndarray (stretch,)
        Log of the integral of prior times factors, over the bins inside.
    """

    mean: NDArray[np.float64]
    predicted_mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    predicted_spread: NDArray[np.float64]
    log_mass: NDArray[np.float64]


class Smoothed(NamedTuple):
    """States given all that was observed.

    Attributes
    ----------
    mean : ndarray (stretch, time, state)
        Beyond the end of a stretch: 0.
    spread : ndarray (group, time, state, state)
        Of all stretches of a group.
    cross : ndarray (group, time - 1, state, state)
        Covariance of ``x(t+1)`` and ``x(t)``.
    group : ndarray of int (stretch,)
        Which group a stretch belongs to: those that have the same covariances.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    cross: NDArray[np.float64]
    group: NDArray[np.int64]

    @property
    def size(self) -> NDArray[np.int64]:
        """Stretches in each group."""
        return np.bincount(self.group, minlength=len(self.spread))


def filter_states(
    dynamics: Dynamics, linear: NDArray, precision: NDArray, n_bins: NDArray, drive: NDArray | None = None
) -> Filtered:
    r"""Filter observations whose likelihood is :math:`\prod_t \exp(h_t \cdot x_t - x_t' G_t x_t / 2)`.

    Parameters
    ----------
    dynamics : Dynamics
    linear : ndarray (stretch, time, state)
        h.
    precision : ndarray (stretch or 1, time or 1, state, state)
        G; 0 where nothing was observed.
    n_bins : ndarray of int (stretch,)
    drive : ndarray (stretch, time, state), optional
        What is added on the way from a bin to the next.

    Returns
    -------
    Filtered
    """
    A, Q = dynamics.transition, dynamics.noise
    n_stretch, n_time, n_state = linear.shape
    n_covariance = precision.shape[0]
    precision = np.broadcast_to(precision, (n_covariance, n_time, n_state, n_state))
    shape = (n_covariance, n_time, n_state, n_state)
    spread, predicted_spread = np.empty(shape), np.empty(shape)
    mean, predicted = np.empty(linear.shape), np.empty(linear.shape)
    log_mass, unit = np.zeros(n_stretch), np.eye(n_state)
    x = np.broadcast_to(dynamics.start_mean, (n_stretch, n_state))
    P = np.broadcast_to(dynamics.start_spread, (n_covariance, n_state, n_state))
    for t in range(n_time):
        predicted[:, t], predicted_spread[:, t], G = x, P, precision[:, t]
        inner = unit + P @ G
        P = np.linalg.solve(inner, P)
        P = (P + P.swapaxes(1, 2)) / 2
        Gx = _times(G, x)
        surprise = linear[:, t] - Gx
        step = _times(P, surprise)
        gained = 0.5 * (surprise * step).sum(axis=1) + ((linear[:, t] - Gx / 2) * x).sum(axis=1)
        log_mass += np.where(t < n_bins, gained - 0.5 * np.linalg.slogdet(inner)[1], 0.0)
        mean[:, t], spread[:, t] = x + step, P
        x = mean[:, t] @ A.T + (0.0 if drive is None else drive[:, t])
        P = A @ P @ A.T + Q
    return Filtered(mean, predicted, spread, predicted_spread, log_mass)


def smooth_states(dynamics: Dynamics, found: Filtered, n_bins: NDArray) -> Smoothed:
    """Go back through filtered states (Rauch, Tung and Striebel 1965, doi:10.2514/3.3166).

    Covariances that stretches share are found once for every length of stretch.
    """
    A, n_time = dynamics.transition, found.mean.shape[1]
    shared = len(found.spread) == 1
    lengths, group = np.unique(n_bins, return_inverse=True) if shared else (n_bins, np.arange(len(n_bins)))
    shape = (lengths.size, *found.spread.shape[1:])
    mean, spread = np.zeros(found.mean.shape), np.zeros(shape)
    cross = np.zeros((lengths.size, max(n_time - 1, 0), *shape[2:]))
    for t in range(n_time - 1, -1, -1):
        last, inside = n_bins == t + 1, n_bins > t + 1
        mean[last, t] = found.mean[last, t]
        ends = lengths == t + 1
        spread[ends, t] = found.spread[0, t] if shared else found.spread[ends, t]
        if t == n_time - 1:
            continue
        gain = np.linalg.solve(found.predicted_spread[:, t + 1], A @ found.spread[:, t]).swapaxes(1, 2)
        back = _times(gain, mean[:, t + 1] - found.predicted_mean[:, t + 1])
        mean[inside, t] = (found.mean[:, t] + back)[inside]
        more = spread[:, t + 1] - found.predicted_spread[:, t + 1]
        going = lengths > t + 1
        spread[going, t] = (found.spread[:, t] + gain @ more @ gain.swapaxes(1, 2))[going]
        cross[going, t] = (spread[:, t + 1] @ gain.swapaxes(1, 2))[going]
    return Smoothed(mean, spread, cross, group)


class Moments(NamedTuple):
    """Sums over all stretches that the next dynamics are estimated from; z(t) is (x(t), u(t + 1)).

    Attributes
    ----------
    first : ndarray (state, state)
        ``sum E[x(0) x(0)']``.
    first_mean : ndarray (state,)
        ``sum E[x(0)]``.
    after : ndarray (state, state)
        ``sum E[x(t+1) x(t+1)']``.
    before : ndarray (state and input, state and input)
        ``sum E[z(t) z(t)']``.
    across : ndarray (state after, state and input)
        ``sum E[x(t+1) z(t)']``.
    n_stretches, n_steps : int
        Terms in the first two sums, and in the others.
    """

    first: NDArray[np.float64]
    first_mean: NDArray[np.float64]
    after: NDArray[np.float64]
    before: NDArray[np.float64]
    across: NDArray[np.float64]
    n_stretches: int
    n_steps: int


def sum_moments(found: Smoothed, n_bins: NDArray, inputs: NDArray) -> Moments:
    """The sums over smoothed states, with inputs ``(stretch, time, input)``."""
    mean, size = found.mean, found.size
    n_time, n_state = mean.shape[1:]
    starts = np.arange(n_time - 1) < n_bins[:, None] - 1  # (stretch, time - 1): bins that another follows
    late, early = mean[:, 1:][starts], np.hstack([mean[:, :-1][starts], inputs[:, 1:][starts]])
    of_group = np.zeros((len(size), max(n_time - 1, 0)))
    of_group[found.group] = starts
    weight = of_group * size[:, None]
    before, across = early.T @ early, late.T @ early
    before[:n_state, :n_state] += _weighted(weight, found.spread[:, :-1])
    across[:, :n_state] += _weighted(weight, found.cross)
    return Moments(
        first=mean[:, 0].T @ mean[:, 0] + _weighted(size, found.spread[:, 0]),
        first_mean=mean[:, 0].sum(axis=0),
        after=late.T @ late + _weighted(weight, found.spread[:, 1:]),
        before=before,
        across=across,
        n_stretches=len(mean),
        n_steps=len(late),
    )


def update_dynamics(moments: Moments) -> tuple[Dynamics, NDArray[np.float64]]:
    """The dynamics, and weights ``(state, input)``, that make the expected log likelihood of the states largest."""
    n_state = len(moments.after)
    # inputs that always are 0, as an event's kernel on bins before it, have no weight
    solved = np.linalg.pinv(moments.before, rcond=1e-10, hermitian=True)
    both = moments.across @ solved
    Q = (moments.after - both @ moments.across.T) / max(moments.n_steps, 1)
    m = moments.first_mean / moments.n_stretches
    P = moments.first / moments.n_stretches - np.outer(m, m)
    return Dynamics(both[:, :n_state], definite(Q), m, definite(P)), both[:, n_state:]


def _weighted(weight: NDArray, matrices: NDArray) -> NDArray[np.float64]:
    """Weighted sum of matrices ``(..., i, j)``."""
    return np.tensordot(weight, matrices, axes=weight.ndim)


def definite(spread: NDArray) -> NDArray[np.float64]:
    """Symmetric, with every eigenvalue at least a millionth of the largest, so that it can be inverted."""
    values, vectors = np.linalg.eigh((spread + spread.T) / 2)
    least = max(1e-6 * values.max(), 1e-12)
    return (vectors * np.maximum(values, least)) @ vectors.T


def _times(matrices: NDArray, vectors: NDArray) -> NDArray[np.float64]:
    """Matrices ``(stretch or 1, i, j)`` times vectors ``(stretch, j)``."""
    if len(matrices) == 1:
        return vectors @ matrices[0].T
    return np.matmul(matrices, vectors[..., None])[..., 0]
