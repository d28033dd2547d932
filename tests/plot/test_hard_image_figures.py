"""Figures of networks on hard images: what is drawn where."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from neurorec.plot import (
    accuracy_by_level,
    accuracy_over_steps,
    explained_over_steps,
    image_examples,
    solution_differences,
)


def fresh():
    return Figure().add_subplot()


def test_images_lie_in_rows_by_level_with_gaps_between():
    image = np.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4) / 96
    data = xr.Dataset({"image": (("level", "example", "row", "column"), image)}, coords={"level": ["clear", "hidden"]})
    ax = image_examples(data, ax=fresh())
    sheet = ax.images[0].get_array()
    assert sheet.shape == (10, 16)
    np.testing.assert_array_equal(sheet[6:, 6:10], image[1, 1])
    assert np.ma.getmaskarray(sheet)[4:6].all() or np.isnan(sheet[4:6]).all()
    assert ax.get_yticks().tolist() == [1.5, 7.5]


def test_lines_go_through_the_means_over_seeds_by_level():
    accuracy = np.random.default_rng(0).random((2, 3, 4))
    data = xr.Dataset({"accuracy": (("network", "level", "seed"), accuracy)})
    data = data.assign_coords(network=["recurrent", "feedforward"], level=["clear", "20 % hidden", "3 pieces"])
    ax = accuracy_by_level(data.transpose("seed", "level", "network"), ax=fresh())
    np.testing.assert_allclose(ax.lines[0].get_ydata(), accuracy[0].mean(axis=1))
    np.testing.assert_allclose(ax.lines[3].get_ydata(), accuracy[1].ravel())
    assert [t.get_text() for t in ax.get_xticklabels()] == ["clear", "20 %\nhidden", "3\npieces"]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["recurrent", "feedforward"]


def test_accuracy_over_steps_is_in_milliseconds_and_missing_seeds_are_left_out():
    accuracy = np.array([[[0.2, 0.4], [0.4, 0.8]], [[0.1, 0.2], [np.nan, np.nan]]])
    data = xr.Dataset({"accuracy": (("group", "seed", "time"), accuracy)})
    ax = accuracy_over_steps(data.assign_coords(group=["a", "b"], time=[0.01, 0.02]), ax=fresh())
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [10, 20])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.3, 0.6])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [0.1, 0.2])
    assert [text.get_text() for text in ax.texts] == ["a", "b"]


def test_differences_are_dots_with_their_intervals_and_a_mean():
    over = ("comparison", "seed")
    data = xr.Dataset(
        {
            "difference": (over, [[0.01, 0.03], [np.nan, np.nan]]),
            "low": (over, [[0.0, 0.02], [np.nan, np.nan]]),
            "high": (over, [[0.02, 0.04], [np.nan, np.nan]]),
        },
        coords={"comparison": ["recurrent", "cut"]},
    )
    ax = solution_differences(data, ax=fresh())
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [10, 30])
    bars = [c.get_segments() for c in ax.collections]
    assert len(bars) == 3  # intervals of both, and a mean where there is one
    assert bars[1][0][0][1] == pytest.approx(20)


def test_what_is_explained_has_a_line_per_features_and_group():
    value = np.random.default_rng(1).random((2, 2, 3, 4))
    data = xr.Dataset({"explained": (("features", "group", "seed", "time"), value)})
    data = data.assign_coords(features=["f", "r"], group=["a", "b"], time=np.arange(1, 5) / 100)
    ax = explained_over_steps(data, ax=fresh())
    np.testing.assert_allclose(ax.lines[2].get_ydata(), value[1, 0].mean(axis=0))
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["f, a", "f, b", "r, a", "r, b"]
