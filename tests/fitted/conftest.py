"""Recordings whose dynamics are known."""

import numpy as np
import pytest
import xarray as xr

from neurorec.datasets import SimulatedArea, simulate_recording
from neurorec.design import Coupling, Drift, Event, History, PopulationMean, design_matrix, raised_cosine

AREAS = [SimulatedArea("PPC", 6, coupling=0.15, rate=15.0), SimulatedArea("V1", 4, coupling=0.1, rate=12.0)]


@pytest.fixture(scope="session")
def recording() -> xr.Dataset:
    """Ten coupled units in two areas, 60 trials of 0.8 s."""
    return simulate_recording(AREAS, n_trials=60, duration=0.8, rng=np.random.default_rng(3))


@pytest.fixture(scope="session")
def design(recording: xr.Dataset) -> xr.Dataset:
    """Task, own history, coupling, and the mean of all others in V1."""
    past = raised_cosine(3, window=(0.02, 0.12))
    task = [Event("start", basis=raised_cosine(4, window=(0.0, 0.6)), by=("stimulus",)), Drift(2)]
    units = [History(past), Coupling(past), PopulationMean(raised_cosine(2, window=(0.02, 0.16)), from_area=("V1",))]
    return design_matrix(recording, [*task, *units])
