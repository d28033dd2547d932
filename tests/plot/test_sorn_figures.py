"""What the figures of self-organizing networks hold."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from neurorec import plot


def axes():
    return Figure(layout="constrained").add_subplot()


def test_means_and_dots():
    values = [[[1.0, 0.8], [0.6, 0.4]], [[0.5, 0.7], [0.3, 0.3]]]
    data = xr.Dataset(
        {"performance": (("rule", "repeats", "network"), values), "without_counting": ("repeats", [0.4, 0.5])},
        coords={"rule": ["SORN", "static"], "repeats": [8, 16]},
    )
    ax = plot.performance_against_length(data, ax=axes())
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.4, 0.5])
    np.testing.assert_allclose(ax.containers[0].lines[0].get_ydata(), [0.9, 0.5])
    assert ax.get_xticks().tolist() == [8, 16]
    ax = plot.performance_by_rule(data, ax=axes())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["SORN", "static"]
    np.testing.assert_allclose(ax.lines[1].get_xdata(), [0.9, 0.6])
    np.testing.assert_allclose(ax.lines[2].get_xdata(), [0.6, 0.4, 0.3, 0.3])


def test_lines_and_densities():
    active = xr.Dataset({"active": (("rule", "time"), [[0.1, 0.2], [0.3, 0.3]])})
    ax = plot.runaway(active.assign_coords(rule=["with", "without"], time=[0, 1]), ax=axes())
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [0.3, 0.3])
    x = np.geomspace(1, 1000, 10)
    bins = {"size": x, "size_density": 2 * x**-1.5, "duration": x, "duration_density": np.where(x > 500, 0, x**-2.0)}
    data = xr.Dataset({name: (f"{name.split('_')[0]}_bin", values) for name, values in bins.items()})
    laws = {"size_exponent": 1.5, "duration_exponent": 2.0, "size_cutoff": np.inf, "duration_cutoff": 1e9}
    ax = plot.density_of_avalanches(data.assign_attrs(laws), ax=axes())
    np.testing.assert_allclose(ax.lines[1].get_ydata(), 2 * ax.lines[1].get_xdata() ** -1.5)  # a law on its own points
    assert ax.lines[2].get_xdata().max() < 500
    assert ax.lines[3].get_xdata().min() >= 6
    assert not plt.get_fignums()
