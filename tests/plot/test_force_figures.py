"""Figures of FORCE learning."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from neurorec.plot import exponents_before_and_after, rates_and_output, weight_change_over_learning, wings


@pytest.fixture
def ax():
    return Figure().add_subplot()


def test_the_target_lies_beneath_the_output_and_units_above_both(ax):
    time = np.linspace(0, 1, 5)
    data = xr.Dataset(
        {"rate": (("unit", "time"), np.ones((2, 5))), "output": ("time", time), "target": ("time", -time)},
        coords={"time": time},
    )
    assert rates_and_output(data, ax=ax) is ax
    first, second, target, output = (line.get_ydata() for line in ax.lines)
    assert first.min() > 2
    assert second.min() > first.max()
    np.testing.assert_array_equal(target, -time)
    np.testing.assert_array_equal(output, time)


def test_changes_of_weights_are_drawn_as_they_are(ax):
    change = np.array([[1.0, 0.1], [2.0, np.nan]])
    coords = {"target": ["a", "b"], "time": [0.0, 1.0]}
    data = xr.Dataset({"weight_change": (("target", "time"), change)}, coords=coords)
    weight_change_over_learning(data, ax=ax)
    np.testing.assert_array_equal([line.get_ydata() for line in ax.lines], change)


def test_exponents_and_what_is_expected_of_them(ax):
    over = ("network", "number")
    data = xr.Dataset(
        {"exponent": (over, [[3.0], [0.1]]), "standard_error": (over, [[0.5], [0.2]]),
         "expected": ("network", [np.nan, 0.0])},
        coords={"network": ["before", "after"]},
    )  # fmt: skip
    exponents_before_and_after(data, ax=ax)
    points = [line for line in ax.lines if line.get_marker() == "o"]
    assert [float(line.get_ydata()[0]) for line in points] == [3.0, 0.1]
    assert sum(type(c).__name__ == "LineCollection" for c in ax.collections) == 3  # two bars, one expectation


def test_wings_show_the_first_and_the_last_variable(ax):
    path = np.arange(12.0).reshape(4, 3)
    over = ("time", "variable")
    wings(xr.Dataset({"target": (over, path), "output": (over, path + 1)}, coords={"variable": ["x", "y", "z"]}), ax=ax)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), path[:, [0, 2]])
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), path[:, [0, 2]] + 1)
