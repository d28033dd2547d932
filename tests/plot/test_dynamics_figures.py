"""What the figures of dynamics hold."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from neurorec.plot.dynamics import eigenvalue_spectrum, fixed_points, line_attractor, saturation
from neurorec.plot.ring import ring
from neurorec.recording import InputError


@pytest.fixture
def points() -> xr.Dataset:
    """Two stable points, a saddle between them, a source, and a slow point."""
    score = np.array([[-1.0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0], [0.5, 0.5, 0]])
    direction = np.full((5, 2, 3), np.nan)
    direction[2, 0] = [1, 0, 0]
    direction[3] = [[0, 1, 0], [0.5, 0, 0]]
    paths = np.random.default_rng(0).uniform(-1, 1, (4, 10, 3))
    paths[1, 5:] = np.nan
    return xr.Dataset(
        {
            "score": (("point", "component"), score),
            "n_unstable": ("point", [0, 0, 1, 2, 0]),
            "converged": ("point", [True, True, True, True, False]),
            "unstable_direction": (("point", "direction", "component"), direction),
            "trajectory": (("path", "time", "component"), paths),
            "explained": ("component", [0.6, 0.3, 0.1]),
            "eigenvalue": (("point", "mode", "part"), np.multiply.outer([1, 1, 3, 3, 1], [[0.5, 0.1], [-0.2, 0.0]])),
            "saturation": ("n_started", [1.0, 1.8, 2.4, 3.0]),
        },
        coords={"component": [1, 2, 3], "n_started": [1, 2, 3, 4]},
        attrs={"flow": 0},
    )  # fmt: skip


@pytest.fixture
def line() -> xr.Dataset:
    """Five slow points in a row."""
    return xr.Dataset(
        {
            "score": (("point", "component"), np.stack([np.arange(5.0), 0.1 * np.arange(5.0)], axis=1)),
            "time_constant": ("point", [2.0, -5.0, np.inf, 5.0, 2.0]),
            "trajectory": (("path", "time", "component"), np.zeros((2, 6, 2))),
            "explained": ("component", [0.9, 0.1]),
        },
        attrs={"kind": "line", "gap": 1e9, "p_value": 0.025, "largest_gap": 0.4},
    )


def test_given_axes_are_drawn_on_without_pyplot_and_data_are_left_alone(points, line):
    for draw, data in (
        (fixed_points, points),
        (eigenvalue_spectrum, points),
        (saturation, points),
        (line_attractor, line),
    ):
        before, ax = data.copy(deep=True), Figure(layout="constrained").add_subplot()
        assert draw(data, ax=ax) is ax
        assert data.identical(before)
        ax.figure.savefig("/dev/null", format="png")
    assert not plt.get_fignums()


def test_points_are_counted_by_what_they_are(points):
    ax = fixed_points(points, ax=Figure().add_subplot())
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said == ["2 stable", "1 with 1 unstable direction", "1 with 2 unstable directions", "1 slow, not fixed"]
    dots = [one for one in ax.get_lines() if one.get_marker() == "o"]
    np.testing.assert_array_equal(dots[0].get_xydata(), [[-1, 0], [1, 0]])
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [False, True, True]
    bars = [one.get_xydata() for one in ax.get_lines() if one.get_linewidth() == 1.6]
    assert len(bars) == 3
    np.testing.assert_allclose(bars[0].mean(axis=0), [0, 0], atol=1e-12)
    np.testing.assert_allclose(np.ptp(bars[1][:, 1]), 2 * np.ptp(bars[2][:, 0]))
    assert ax.get_xlabel() == "component 1 (60% of the variance)"
    other = fixed_points(points, components=(3, 1), ax=Figure().add_subplot())
    np.testing.assert_array_equal(next(d for d in other.get_lines() if d.get_marker() == "o").get_ydata(), [-1, 1])
    with pytest.raises(InputError, match="count from 1"):
        fixed_points(points, components=(0, 1))


def test_eigenvalues_outside_are_larger(points):
    ax = eigenvalue_spectrum(points, ax=Figure().add_subplot())
    large = [one for one in ax.get_lines() if one.get_marker() == "o" and one.get_markersize() > 4]
    assert sum(len(one.get_xdata()) for one in large) == 2
    assert len(ax.patches) == 1
    flow = eigenvalue_spectrum(points.assign_attrs(flow=1), point=0, ax=Figure().add_subplot())
    assert not flow.patches
    large = [one for one in flow.get_lines() if one.get_marker() == "o" and one.get_markersize() > 4]
    assert sum(len(one.get_xdata()) for one in large) == 1
    with pytest.raises(InputError, match="point: expected 0 to 4"):
        eigenvalue_spectrum(points, point=5)


def test_saturation_says_what_the_last_half_added(points):
    ax = saturation(points, ax=Figure().add_subplot())
    np.testing.assert_array_equal(ax.get_lines()[0].get_ydata(), [1, 1.8, 2.4, 3])
    assert ax.texts[0].get_text() == "the last half of the starts added 1.2 of 3 points"


def test_a_line_says_what_it_is(line):
    ax = line_attractor(line, ax=Figure().add_subplot())
    said = "line, largest gap 40% of its length: next mode over 1000 times as fast, p = 0.025 among random networks"
    assert ax.texts[0].get_text() == said
    assert ax.collections[0].get_array().tolist() == [2, 5, 5, 5, 2]
    assert len(ax.get_lines()[-1].get_xdata()) == 5
    ring = line_attractor(line.assign_attrs(kind="ring"), ax=Figure().add_subplot())
    assert len(ring.get_lines()[-1].get_xdata()) == 6
    none = line_attractor(line.assign_attrs(kind="none", largest_gap=0.1), ax=Figure().add_subplot())
    assert none.texts[0].get_text().startswith("no attractor: next mode")


def test_time_constants_of_several_decades_are_plain_numbers_on_a_logarithmic_scale(line):
    wide = line.assign(time_constant=("point", np.geomspace(0.5, 40, line.sizes["point"])))
    figure = line_attractor(wide, ax=Figure().add_subplot()).figure
    figure.draw_without_rendering()
    shown = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert {"1", "2", "5", "10", "20"} <= set(shown)


def test_a_line_that_is_not_there_says_so(line):
    ax = line_attractor(line.isel(point=[]), ax=Figure().add_subplot())
    assert ax.texts[0].get_text() == "no slow points"


def test_a_ring_is_coloured_where_there_is_one():
    found = xr.Dataset(
        {"position": (("landmark", "axis"), np.eye(3)[:, :2]), "landmark_angle": ("landmark", [0.0, 2.0, 4.0]),
         "null": ("draw", [0.1, 0.3])},
        attrs={"score": 0.4, "p_value": 0.05, "n_loops": 1},
    )  # fmt: skip
    shown = ring(found, ax=Figure().add_subplot()).collections[0]
    assert shown.get_array().tolist() == [0.0, 2.0, 4.0]
    np.testing.assert_allclose(shown.get_offsets(), found["position"])
    none = ring(found.assign_attrs(n_loops=0, p_value=0.5), ax=Figure().add_subplot())
    assert none.collections[0].get_array() is None
    assert none.texts[0].get_text().startswith("no loop: 0.40")
