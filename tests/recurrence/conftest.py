from types import SimpleNamespace

import numpy as np
import pytest

from neurorec.datasets import SimulatedArea, simulate_recording
from neurorec.design import default_terms, design_matrix
from neurorec.recurrence import pose_problem


@pytest.fixture(scope="session")
def small():
    """Ten coupled units and ten that are not, with the problem posed on three folds."""
    areas = [SimulatedArea("coupled", 10, coupling=0.5, memory=0.06, rate=15), SimulatedArea("free", 10, rate=15)]
    recording = simulate_recording(areas, n_trials=60, duration=0.8, rng=np.random.default_rng(7))
    design = design_matrix(recording, default_terms(recording).terms)
    problem = pose_problem(recording, design, n_folds=3, n_inner_folds=2)
    return SimpleNamespace(recording=recording, design=design, problem=problem)
