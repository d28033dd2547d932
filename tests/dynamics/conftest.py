"""A recording that several tests cut."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurorec.recording import recording_from_arrays


@pytest.fixture
def recording() -> xr.Dataset:
    """Four trials of unequal length, two areas, and one unit that is not observed in the last bin."""
    table = pd.DataFrame(
        {
            "start": [0.0, 0.5, 1.0, 1.5],
            "stop": [0.3, 0.9, 1.2, 1.8],
            "side": ["left", "right", "left", ""],
            "size": [1.0, 2.0, 1.0, 2.0],
            "cue": [0.1, 0.6, np.nan, 1.6],
        }
    )
    activity = np.arange(18)[:, None] * np.array([1, 10, 100])
    observed = np.ones((18, 3), dtype=bool)
    observed[11, 1] = False
    return recording_from_arrays(
        activity, bin_width=0.1, area=["V1", "V1", "PPC"], trials=table, observed=observed, kind="counts"
    )
