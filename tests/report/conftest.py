"""A result whose numbers are known, its table, and a recording to go with it."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurorec.recording import recording_from_arrays

MODELS = ["uncoupled", "history", "coupled", "full", "shuffled"]


PARTS = ("unique_partners", "unique_population", "unique_history")


def said(name: str, kind: str) -> dict[str, str]:
    return {"long_name": name, "kind": kind, "says": f"how to read {name}"}


@pytest.fixture
def result() -> xr.Dataset:
    """Twelve units of V1 with a benefit of 0.1, eight of PPC with 0.02, and one of V1 with too few spikes."""
    area = np.repeat(["V1", "PPC", "V1"], [12, 8, 1])
    n = area.size
    benefit = np.repeat([0.1, 0.02, 7.0], [12, 8, 1]) + np.linspace(-0.004, 0.004, n)
    unit_fde = 0.05 + benefit[:, None] * [0, 0, 1, 1, 0]
    penalty = np.full((n, 3, 5), 0.1)
    penalty[:, 0, 2] = np.inf
    penalty[:, 1, 2] = 0.001
    converged = np.ones((n, 3, 5), dtype=bool)
    converged[0, 0, 3] = False
    return xr.Dataset(
        {
            "unit_fde": (("unit", "model"), unit_fde),
            "benefit": ("unit", benefit, said("coupling", "benefit")),
            "benefit_history": ("unit", benefit * 0.5, said("own history known", "benefit")),
            "benefit_shuffled": ("unit", np.linspace(-0.001, 0.001, n), said("partners exchanged", "null")),
            "benefit_matched": ("unit", np.full(n, np.nan), said("equal sources", "benefit")),
            **{name: ("unit", benefit / 4, said(name, "part")) for name in PARTS},
            "shared_blocks": ("unit", benefit / 4),
            "benefit_from": (("unit", "source_area"), benefit[:, None] * [0.5, 0.2]),
            "benefit_from_matched": (("unit", "source_area"), np.full((n, 2), np.nan)),
            "benefit_by_lag": (("unit", "lag"), benefit[:, None] * [0.5, 1.0]),
            "significant": ("unit", area == "V1"),
            "n_events": ("unit", np.append(np.full(n - 1, 500.0), 3.0)),
            "penalty": (("unit", "fold", "model"), penalty),
            "converged": (("unit", "fold", "model"), converged),
        },
        coords={
            "area": ("unit", area),
            "unit": np.arange(n),
            "model": MODELS,
            "lag": [0.01, 0.03],
            "source_area": ["PPC", "V1"],
        },
    )


@pytest.fixture
def table() -> pd.DataFrame:
    """What stands in by_area.csv."""
    table = pd.DataFrame(
        {
            "area": ["V1", "PPC"],
            "n_units": [12, 8],
            "n_recorded": [13, 8],
            "n_sessions": [1, 1],
            "fde_uncoupled": [0.05, 0.05],
            "fde_coupled": [0.15, 0.07],
            "benefit": [0.1, 0.02],
            "benefit_low": [0.09, -0.001],
            "benefit_high": [0.11, 0.04],
            "benefit_history": [0.05, 0.01],
            "benefit_matched": [np.nan, np.nan],
            "benefit_shuffled": [0.0, 0.0],
            "p_value": [1e-6, 1e-6],
            "q_value": [1e-6, 1e-6],
            "n_significant": [12, 0],
        }
    )
    table.attrs = {"p_overall": 1e-6, "method": "least squares with robust errors, one session"}
    return table


@pytest.fixture
def recording() -> xr.Dataset:
    """The units of the result, with markup in the name of an area's file."""
    counts = np.random.default_rng(0).poisson(0.1, (300, 21))
    trials = pd.DataFrame({"start": [0.0, 1.5], "stop": [1.5, 3.0]})
    attrs = {"source": "/data/<b>odd</b>.nwb", "subject": "mouse 7", "doubts": "First doubt.\nSecond <doubt>."}
    area = ["V1"] * 12 + ["PPC"] * 8 + ["V1"]
    return recording_from_arrays(counts, bin_width=0.01, area=area, trials=trials, attrs=attrs)
