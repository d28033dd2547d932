"""Figures of echo state networks: what is drawn where."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from neurorec.plot import error_against_size, exponent_against_gain, memory_against_size, performance_at_edge


def fresh():
    return Figure().add_subplot()


def test_lines_go_through_the_means_of_seeds():
    over = ("n_units", "seed")
    data = xr.Dataset(
        {
            "error": (over, [[0.4, 0.2], [0.2, 0.1]]),
            "baseline": ("seed", [0.3, 0.5]),
            "published": ("n_units", [0.5, 0.3]),
        },
        coords={"n_units": [50, 100]},
    )
    ax = error_against_size(data, ax=fresh())
    assert ax.lines[0].get_ydata()[0] == pytest.approx(0.4)
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [0.3, 0.15])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["linear filter", "reservoir", "known before"]
    capacity = xr.Dataset({"capacity": (("network", *over), [[[10.0, 20.0], [30.0, 50.0]]])})
    ax = memory_against_size(capacity.assign_coords(network=["tanh"], n_units=[20, 50]), ax=fresh())
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0, 50])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [15, 40])
    exponent = xr.Dataset({"exponent": (("condition", "gain", "seed"), [[[-1.0, -0.5], [0.1, 0.3]]])})
    ax = exponent_against_gain(exponent.assign_coords(condition=["no input"], gain=[0.5, 1.5]), ax=fresh())
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [-0.75, 0.2])


def test_several_measures_are_shares_of_their_best():
    over = ("measure", "gain")
    data = xr.Dataset(
        {"performance": (over, [[1.0, 4.0], [10.0, 5.0]]), "spread": (over, np.ones((2, 2))), "edge": 1.0}
    )
    both = performance_at_edge(data.assign_coords(measure=["a", "b"], gain=[0.5, 20.0]), ax=fresh())
    np.testing.assert_allclose(both.lines[1].get_ydata(), [0.25, 1])
    np.testing.assert_allclose(both.lines[2].get_ydata(), [1, 0.5])
    assert both.get_xscale() == "log"
    one = performance_at_edge(data.assign_coords(measure=["a", "b"], gain=[0.5, 2.0]).isel(measure=[0]), ax=fresh())
    np.testing.assert_allclose(one.lines[1].get_ydata(), [1, 4])
    assert one.get_xscale() == "linear"
