"""Constants of a step: what membranes and currents do between spikes, exactly."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurorec.networks.spiking.population import Population


class StepConstants(NamedTuple):
    """What a step does, by population or by unit.

    Attributes
    ----------
    decay, rise, threshold, reset, refractory : ndarray (population,)
        Share of the voltage that stays, what the drive adds (mV), mV, mV and steps.
    kinds : ndarray (population, 2, 4)
        Of excitatory and inhibitory synapses: what an arrival adds to the current, share of the current that stays,
        what the current and what an arrival add to the voltage.
    """

    decay: NDArray[np.float64]
    rise: NDArray[np.float64]
    threshold: NDArray[np.float64]
    reset: NDArray[np.float64]
    refractory: NDArray[np.float64]
    kinds: NDArray[np.float64]

    def by_unit(self, populations: Sequence[Population]) -> "StepConstants":
        """The same for each unit."""
        sizes = [p.n_units for p in populations]
        return StepConstants(*(np.repeat(values, sizes, axis=0) for values in self))


def step_constants(populations: Sequence[Population], tau_synapse: Sequence[float], dt: float) -> StepConstants:
    """Constants of a step of dt (s), by population.

    Examples
    --------
    >>> step_constants([Population("E", 1, tau=0.02)], (0.0, 0.005), 1e-4).decay.round(4).tolist()
    [0.995]
    """
    rows = []
    for p in populations:
        decay = np.exp(-dt / p.tau)
        kinds = [_kind(p.tau, tau, dt) for tau in tau_synapse]
        rows.append((decay, (1 - decay) * p.drive, p.threshold, p.reset, round(p.refractory / dt), kinds))
    return StepConstants(*(np.array(column, dtype=float) for column in zip(*rows, strict=True)))


def _kind(tau: float, tau_synapse: float, dt: float) -> tuple[float, float, float, float]:
    if tau_synapse == 0:
        return 0.0, 0.0, 0.0, 1.0
    fast, slow = np.exp(-dt / tau_synapse), np.exp(-dt / tau)
    same = abs(tau_synapse - tau) < 1e-9 * tau
    passed = dt / tau * slow if same else tau_synapse / (tau_synapse - tau) * (fast - slow)
    return tau / tau_synapse, fast, passed, 0.0
