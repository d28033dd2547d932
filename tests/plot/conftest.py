"""Results and recordings whose contents are known, drawn without fitting anything."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurorec.recording import recording_from_arrays

MODELS = ["uncoupled", "history", "coupled", "full", "shuffled"]


PARTS = {"unique_partners": 0.5, "unique_population": -0.1, "unique_history": 0.3}


def said(name: str, kind: str) -> dict[str, str]:
    return {"long_name": name, "kind": kind}


@pytest.fixture
def result() -> xr.Dataset:
    """Twenty units of V1 with a benefit around 0.1, ten of PPC around 0.02, two whose area is not known."""
    rng = np.random.default_rng(1)
    area = np.repeat(["V1", "PPC", ""], [20, 10, 2])
    benefit = np.repeat([0.1, 0.02, 0.0], [20, 10, 2]) + rng.normal(0, 0.005, area.size)
    uncoupled = rng.uniform(0.02, 0.1, area.size)
    unit_fde = np.stack([uncoupled, uncoupled, uncoupled + benefit, uncoupled + benefit, uncoupled], axis=1)
    return xr.Dataset(
        {
            "unit_fde": (("unit", "model"), unit_fde),
            "benefit": ("unit", benefit, said("coupling", "benefit")),
            "benefit_shuffled": ("unit", benefit * 0.0, said("partners exchanged", "null")),
            "benefit_history": ("unit", benefit * 0.8, said("own history known", "benefit")),
            "benefit_matched": ("unit", np.where(area == "PPC", np.nan, benefit * 0.5), said("equal", "benefit")),
            **{name: ("unit", benefit * share, said(name, "part")) for name, share in PARTS.items()},
            "shared_blocks": ("unit", benefit * 0.1),
            "benefit_from_matched": (("unit", "source_area"), benefit[:, None] * [0.1, 1.0]),
            "benefit_by_lag": (("unit", "lag"), benefit[:, None] * [0.5, 1.0, 0.2]),
            "significant": ("unit", area == "V1"),
        },
        coords={"area": ("unit", area), "unit": np.arange(area.size), "model": MODELS, "lag": [0.01, 0.03, 0.08]},
    ).assign_coords(source_area=["PPC", "V1"])


@pytest.fixture
def recording() -> xr.Dataset:
    """Six units of V1 and four of PPC in twenty trials of 0.4 s, between which nothing was recorded."""
    rng = np.random.default_rng(2)
    start = np.arange(20.0)
    time = (start[:, None] + np.arange(40) * 0.01).ravel()
    counts = rng.poisson(0.1, (time.size, 10))
    trials = pd.DataFrame({"start": start, "stop": start + 0.4})
    return recording_from_arrays(counts, bin_width=0.01, time=time, area=["V1"] * 6 + ["PPC"] * 4, trials=trials)
