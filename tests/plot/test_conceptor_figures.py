"""Figures of what a reservoir holds."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from neurorec.plot import error_against_aperture, error_against_load, recalled_patterns


@pytest.fixture
def ax():
    return Figure().add_subplot()


def test_patterns_lie_one_above_the_other_each_on_what_was_recalled(ax):
    over = (("pattern", "time"), np.array([[1.0, -1.0], [0.5, 0.0]]))
    data = xr.Dataset({"target": over, "output": over}, coords={"pattern": ["a", "b"], "time": [0, 1]})
    assert recalled_patterns(data, ax=ax) is ax
    drawn = [line.get_ydata() for line in ax.lines]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert drawn[0].min() > drawn[2].max()
    np.testing.assert_allclose(np.diff(drawn[2]), [-0.5])


def test_errors_against_the_aperture_and_without(ax):
    data = xr.Dataset(
        {"error": (("pattern", "aperture"), [[0.5, 0.1], [0.4, 0.2]]), "without": ("pattern", [1.0, 2.0])},
        coords={"pattern": ["a", "b"], "aperture": [1.0, 10.0]},
    )
    error_against_aperture(data, ax=ax)
    np.testing.assert_array_equal(ax.lines[2].get_ydata(), [0.4, 0.2])
    assert [ax.lines[k].get_ydata()[0] for k in (1, 3)] == [1.0, 2.0]


def test_medians_over_networks_are_drawn_over_them(ax):
    over = ("network", "n_patterns")
    data = xr.Dataset(
        {"error": (over, [[0.1, 0.9], [0.2, 0.8], [0.3, 0.1]]), "quota": (over, np.full((3, 2), 0.5))},
        coords={"n_patterns": [2, 4]},
    )
    error_against_load(data, ax=ax)
    np.testing.assert_allclose(ax.lines[3].get_ydata(), [0.2, 0.8])
    assert len(ax.lines) == 8
