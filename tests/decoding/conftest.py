"""A decoded recording in which easy trials tell left from right 30 ms before hard ones."""

import numpy as np
import pytest
import xarray as xr

from neurorec.datasets import simulate_delays
from neurorec.decoding import decode_over_time


@pytest.fixture(scope="session")
def recording() -> xr.Dataset:
    return simulate_delays(areas={"V1": 0.0, "PPC": 0.03}, rng=np.random.default_rng(0))


@pytest.fixture(scope="session")
def decoded(recording) -> xr.Dataset:
    return decode_over_time(recording, "stimulus", window=(0, 0.3), rng=np.random.default_rng(1))
