"""What the figure of power holds."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from neurorec.plot.power import power_against_sessions


def test_a_line_for_each_difference_and_bars_where_simulated():
    power = xr.Dataset(
        {"power": (("difference", "n_sessions"), [[0.05, 0.05], [0.4, 0.9]])},
        coords={"difference": [0.0, 0.01], "n_sessions": [4, 8]},
        attrs={"level": 0.05, "wanted": 0.8, "n_units": 20, "n_areas": 2, "shared": 0},
    )
    ax = Figure().add_subplot()
    assert power_against_sessions(power, ax=ax) is ax
    drawn = [line.get_ydata() for line in ax.get_lines()]
    np.testing.assert_allclose(drawn[2], [0.05, 0.05])
    np.testing.assert_allclose(drawn[3], [0.4, 0.9])
    texts = [text.get_text().strip() for text in ax.texts]
    assert {"0", "0.01"} <= set(texts)
    assert any("20 units" in text for text in texts)
    assert ax.get_xlabel() == "sessions of each area"
    ax = power_against_sessions(power.assign(power_error=0.1 * power["power"]), ax=Figure().add_subplot())
    assert len(ax.collections) == 2
