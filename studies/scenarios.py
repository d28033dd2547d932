"""Scenarios: simulated recordings of which it is known what their units share."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from neurorec.datasets import SimulatedArea, simulate_recording

AREAS = (("one", 12, 15.0), ("two", 10, 10.0))  # name, units, median rate (spikes/s)
MEMORY = 0.06  # s, of coupling
N_PARTNERS, N_HIDDEN = 4, 6


class Scenario(NamedTuple):
    """What units of a simulated recording share.

    Attributes
    ----------
    says : str
        In words, for the tables.
    coupled : bool
        Whether recorded units drive each other.
    coupling, common_input, excitability, n_hidden
        Of every area, see `neurorec.datasets.SimulatedArea`; areas share nothing with each other but the task.
    drift : float
        Of every unit, see `neurorec.datasets.simulate_recording`.
    """

    says: str
    coupled: bool = False
    coupling: float = 0.0
    common_input: float = 0.0
    excitability: float = 0.0
    n_hidden: int = 0
    drift: float = 0.0

    @property
    def empty(self) -> bool:
        """Whether units share the task and nothing else, so that no partner knows anything about another unit."""
        return not (self.coupling or self.common_input or self.excitability)


SCENARIOS: dict[str, Scenario] = {
    "nothing shared": Scenario("units share the task and nothing else"),
    "slow drift": Scenario("each unit's log rate drifts in a slow wave of its own (s.d. 0.5)", drift=0.5),
    "excitability": Scenario(
        "all units of an area are more or less excitable from trial to trial (s.d. 0.3, lasting about 3 trials)",
        excitability=0.3,
    ),
    "common input": Scenario(
        "an unrecorded fluctuation reaches all units of an area at once (s.d. 0.5, 50 ms)", common_input=0.5
    ),
    "hidden units": Scenario(
        f"{N_HIDDEN} unrecorded units drive all units of an area ({N_PARTNERS} sources per unit, both signs, s.d. 0.5, "
        f"{1000 * MEMORY:.0f} ms); recorded units do not drive each other",
        coupling=0.5,
        n_hidden=N_HIDDEN,
    ),
    "coupling": Scenario(
        f"recorded units drive each other ({N_PARTNERS} sources per unit, both signs, s.d. 0.35, "
        f"{1000 * MEMORY:.0f} ms)",
        coupled=True,
        coupling=0.35,
    ),
}


def simulate(name: str, index: int, *, n_trials: int, duration: float, bin_width: float, seed: int) -> xr.Dataset:
    """Simulate one recording of a scenario.

    Parameters
    ----------
    name : str
        One of `SCENARIOS`.
    index : int
        Which of the scenario's recordings.
    n_trials, duration, bin_width
        See `neurorec.datasets.simulate_recording`.
    seed : int
        Of all recordings.

    Returns
    -------
    xarray.Dataset
        A recording of two areas.
    """
    scenario = SCENARIOS[name]
    areas = [
        SimulatedArea(
            area,
            n_units,
            rate=rate,
            coupling=scenario.coupling,
            memory=MEMORY,
            n_partners=N_PARTNERS,
            common_input=scenario.common_input,
            excitability=scenario.excitability,
            n_hidden=scenario.n_hidden,
        )
        for area, n_units, rate in AREAS
    ]
    return simulate_recording(
        areas,
        n_trials=n_trials,
        duration=duration,
        bin_width=bin_width,
        drift=scenario.drift,
        rng=np.random.default_rng([seed, index, *name.encode()]),
    )
