"""Real recordings: timescales lie where they have been found before, and edges are kept."""

from pathlib import Path

import numpy as np
import pytest

from neurorec.io import read_nwb
from neurorec.recording import DataWarning
from neurorec.timescales import branching_ratio, intrinsic_timescale, timescale_by_area

SESSION = Path(__file__).parents[3] / "shared" / "data" / "steinmetz2019" / "session01.nwb"


@pytest.mark.skipif(not SESSION.is_file(), reason="the real recordings are not beside this checkout")
def test_a_session_of_eight_areas():
    with pytest.warns(DataWarning):
        recording = read_nwb(SESSION, bin_width=0.01)
    rng = np.random.default_rng(0)
    units = intrinsic_timescale(recording, bin_width=0.02, n_draws=100, rng=rng, progress=False)
    areas = timescale_by_area(recording, units, n_draws=100, rng=rng, progress=False)
    known = units["status"].values == "converged"
    assert known.sum() > 100
    assert (units["tau"].values[known] < 0.4).all()  # no longer than the trials
    assert 0.01 < np.median(units["tau"].values[known]) < 0.1
    assert np.isnan(units["tau"].values[~known]).all()
    assert 0.02 < float(areas["tau"].sel(area="VISp")) < 0.08
    result = branching_ratio(recording, n_draws=100, rng=rng)
    assert (result["status"] == "converged").all()
    assert ((result["tau"] > 0.01) & (result["tau"] < 0.4)).all()
