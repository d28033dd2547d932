"""Processes whose timescale is known."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture(scope="session")
def ornstein_uhlenbeck() -> Callable[..., NDArray[np.float64]]:
    """Stationary process of unit variance and autocorrelation exp(-lag / tau), tau in bins ``(trial, bin, unit)``."""

    def simulate(n_trials: int, n_bins: int, tau: float, rng: np.random.Generator, n_units: int = 1) -> NDArray:
        keep = np.exp(-1 / tau)
        shocks = rng.standard_normal((n_bins, n_trials, n_units))
        shocks[1:] *= np.sqrt(1 - keep**2)
        for t in range(1, n_bins):
            shocks[t] += keep * shocks[t - 1]
        return shocks.transpose(1, 0, 2)

    return simulate


@pytest.fixture(scope="session")
def branching_activity() -> Callable[..., NDArray[np.int64]]:
    """Summed activity of a fully connected branching network, restarted whenever it has been silent ``(bin,)``."""

    def simulate(m: float, n_units: int, n_bins: int, rng: np.random.Generator) -> NDArray:
        out, active = np.zeros(n_bins, dtype=np.int64), 0
        spared = np.log1p(-m / n_units)
        for t in range(1, n_bins):
            active = 1 if active == 0 and out[t - 1] == 0 else rng.binomial(n_units, -np.expm1(active * spared))
            out[t] = active
        return out

    return simulate
