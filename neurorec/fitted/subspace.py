"""First guess at a linear dynamical system, from how activity covaries over lags."""

import numpy as np
from numpy.typing import NDArray

from neurorec.fitted.kalman import Dynamics, definite
from neurorec.fitted.observing import Observation

_MOST_LAGS = 5  # blocks of the Hankel matrix, each way
_LEAST_RATE = 1e-3  # per bin: the log of a unit without a spike
_LARGEST = 0.99  # absolute eigenvalue to begin with


def subspace_start(
    activity: NDArray, n_bins: NDArray, n_states: int, n_inputs: int, kind: str
) -> tuple[Dynamics, NDArray[np.float64], Observation]:
    r"""Dynamics, input weights (0) and observation from covariances over lags.

    :math:`\mathrm{cov}(y(t + k), y(t)) = C A^k \Sigma C'` for k >= 1, whatever the private noise of units: the Hankel
    matrix of these blocks has the rank of the state, and its singular vectors give C and A (Ho and Kalman 1966,
    doi:10.1524/auto.1966.14.112.545). Log rates of counts vary as counts over their mean, to first order, and counts
    are divided by the square root of their mean before, so that all are equally noisy.

    Parameters
    ----------
    activity : ndarray (stretch, time, unit)
    n_bins : ndarray of int (stretch,)
    n_states, n_inputs : int
    kind : {"gaussian", "poisson"}

    Returns
    -------
    dynamics, inputs (state, input), observation
    """
    inside = np.arange(activity.shape[1]) < n_bins[:, None]
    mean = activity[inside].mean(axis=0)
    scale = np.sqrt(np.maximum(mean, _LEAST_RATE)) if kind == "poisson" else activity[inside].std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    z = np.where(inside[..., None], (activity - mean) / scale, 0.0)
    n_units = activity.shape[2]
    n_lags = int(np.clip(min(_MOST_LAGS, np.median(n_bins) // 3), 1, _MOST_LAGS))
    blocks = [_lagged(z, inside, k) for k in range(2 * n_lags)]
    hankel = np.block([[blocks[i + j + 1] for j in range(n_lags)] for i in range(n_lags)]) if n_lags > 1 else blocks[1]
    left, values, _ = np.linalg.svd(hankel)
    n_found = min(n_states, len(values))
    tall = np.zeros((len(left), n_states))
    tall[:, :n_found] = left[:, :n_found] * np.sqrt(values[:n_found])
    tall[:, n_found:] = 1e-3  # more states than directions: the rest is left to what follows
    C = tall[:n_units]
    A = 0.8 * np.eye(n_states)
    A = A if n_lags == 1 else np.linalg.lstsq(tall[:-n_units], tall[n_units:], rcond=None)[0].astype(np.float64)
    A = A * min(1.0, _LARGEST / max(np.abs(np.linalg.eigvals(A)).max(), 1e-9))
    back = np.linalg.pinv(C)
    shared = back @ (blocks[1] + blocks[1].T) @ back.T / 2  # cov(x(t+1), x(t)), symmetric part: near the spread
    spread = definite(shared + 1e-2 * np.trace(np.abs(shared)) / n_states * np.eye(n_states))
    noise = definite(spread - A @ spread @ A.T + 0.05 * spread)
    private = np.diag(blocks[0]) - np.einsum("ui,ij,uj->u", C, spread, C)
    variance = np.maximum(private, 0.1 * np.diag(blocks[0]) + 1e-9) * scale**2
    if kind == "poisson":
        seen = Observation(kind, C / scale[:, None], np.log(np.maximum(mean, _LEAST_RATE)), np.full(n_units, np.nan))
    else:
        seen = Observation(kind, C * scale[:, None], mean, variance)
    return Dynamics(A, noise, np.zeros(n_states), spread), np.zeros((n_states, n_inputs)), seen


def _lagged(z: NDArray, inside: NDArray, lag: int) -> NDArray[np.float64]:
    """Covariance of activity with that some bins ago ``(unit now, unit then)``."""
    n_time = z.shape[1]
    now, then = z[:, lag:], z[:, : n_time - lag]
    flat = (-1, z.shape[2])
    n = int((inside[:, lag:] & inside[:, : n_time - lag]).sum())
    return now.reshape(flat).T @ then.reshape(flat) / max(n, 1)
