"""What the figures of associative memories hold."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from neurorec import plot


def axes():
    return Figure(layout="constrained").add_subplot()


def test_bars_add_up_and_keep_their_order():
    share = [[0.5, 0.3, 0.2], [0.1, 0.0, 0.9]]
    data = xr.Dataset({"share": (("load", "end"), share)}, coords={"load": [0.1, 0.5], "end": ["one", "two", "none"]})
    ax = plot.shares_of_ends(data, by="load", kind="end", ax=axes())
    tops = [bar.get_y() + bar.get_height() for bar in ax.patches[-2:]]
    np.testing.assert_allclose(tops, 1)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two", "none"]
    swapped = plot.shares_of_ends(data.transpose(), by="load", kind="end", ax=axes())
    np.testing.assert_allclose([b.get_height() for b in swapped.patches], [b.get_height() for b in ax.patches])
    assert ax.get_xlabel() == "patterns per unit"


def test_energies_end_where_a_cue_is_done():
    data = xr.Dataset({"energy": (("cue", "sweep"), [[0.0, -0.3, -0.4], [-0.1, -0.5, np.nan]])})
    ax = plot.energy_over_sweeps(data, ax=axes())
    ends = [line.get_xydata()[0].tolist() for line in ax.lines if line.get_marker() == "o"]
    assert ends == [[2.0, -0.4], [1.0, -0.5]]
    assert len(plot.energy_over_sweeps(data, most=1, ax=axes()).lines) == 2


def test_lines_of_capacity():
    units = [100, 400]
    data = xr.Dataset(
        {"overlap": (("units", "load"), [[1.0, 0.5], [1.0, 0.3]]), "half": ("units", [0.24, 0.19]),
         "theory": ("any_load", [1.0, np.nan])},
        coords={"units": units, "load": [0.1, 0.2], "any_load": [0.1, 0.2]}, attrs={"limit": 0.14},
    )  # fmt: skip
    ax = plot.overlap_against_load(data, ax=axes())
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [1.0, 0.3])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["100", "400"]
    line = plot.capacity_against_size(data, ax=axes()).lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[0, 0.14], [0.1, 0.24]])
    rules = xr.Dataset({"overlap": (("rule", "load"), [[1.0, 0.9, 0.1], [1.0, np.nan, np.nan]])})
    ax = plot.overlap_by_rule(rules.assign_coords(rule=["a", "b"], load=[0.1, 1.0, 10.0]), ax=axes())
    assert [text.xy for text in ax.texts] == [(10.0, 0.1), (0.1, 1.0)]
    cues = xr.Dataset({"overlap": (("load", "wrong"), [[1.0, 0.9]])}, coords={"load": [0.1], "wrong": [0.0, 0.3]})
    ax = plot.recall_from_cues(cues, ax=axes())
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1.0, 0.4])
    assert not plt.get_fignums()
