"""Two small simulated sessions as NWB files, and settings under which a study of them takes seconds."""

import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from neurorec.datasets import SimulatedArea, simulate_recording
from neurorec.io import write_nwb
from neurorec.recurrence import by_area
from neurorec.study import DataSettings, FitSettings, NetworkSettings, StudyConfig, running

TERMS = (
    {"kind": "Event", "name": "start", "basis": {"shape": "raised_cosine", "n": 2, "window": [0.0, 0.5]}},
    {"kind": "History", "basis": {"shape": "boxcar", "n": 1, "window": [0.03, 0.06]}},
    {"kind": "Coupling", "basis": {"shape": "boxcar", "n": 1, "window": [0.03, 0.06]}},
)
QUICK = FitSettings(folds=2, inner_folds=2, penalties=(0.1, 0.001), n_draws=2, steps=("full", "shuffled", "matched"))


@pytest.fixture
def light(monkeypatch):
    """Studies without figures and with a short bootstrap, for what does not depend on either."""

    def write_page(folder, result, table, recordings, *, sessions, provenance, modelled=()):
        facts = "".join(f"{s.name}: {s.n_trials} of {s.block_length:g} s" for s in sessions)
        (folder / "report.html").write_text(f"{facts} {provenance.failures}")

    monkeypatch.setattr(running, "write_report", write_page)
    monkeypatch.setattr(running, "by_area", partial(by_area, n_draws=20))


@pytest.fixture(scope="session")
def session_files(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("recordings")
    areas = [SimulatedArea("PPC", 5, coupling=0.6), SimulatedArea("AC", 4)]
    paths = [folder / "first.nwb", folder / "second.nwb"]
    for seed, path in enumerate(paths):
        recording = simulate_recording(areas, n_trials=24, duration=0.6, rng=np.random.default_rng(seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            write_nwb(recording, path)
    return paths


@pytest.fixture(scope="session")
def quick_config(session_files) -> StudyConfig:
    """A study of the first session."""
    data = DataSettings(files=(str(session_files[0]),), bin_width=0.03)
    return StudyConfig(data, QUICK, terms=TERMS, network=NetworkSettings(n_networks=0))
