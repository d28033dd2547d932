"""What the figures of the comparison hold."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from neurorec.plot.comparison import comparison_table, likeness_by_area, trajectories_together
from neurorec.recording import InputError


@pytest.fixture
def table() -> xr.Dataset:
    """Three networks by a similarity and a distance, the latter without a null of conditions."""
    value = np.array([[0.6, 0.3], [0.2, 1.2], [0.3, 0.9]])
    over, also = ("network", "measure"), ("network", "measure", "shuffle")
    null = np.repeat(np.array([[0.2, 1.0]] * 3)[..., None], 2, axis=2)
    null[:, 1, 0] = np.nan
    p_value = np.where(np.isnan(null), np.nan, 0.25)
    return xr.Dataset(
        {
            "value": (over, value),
            "value_low": (over, value - 0.1),
            "value_high": (over, value + 0.1),
            "advantage": (over, [[0.4, 0.9], [np.nan, np.nan], [0.1, 0.3]]),
            "advantage_low": (over, [[0.2, 0.6], [np.nan, np.nan], [-0.1, 0.1]]),
            "advantage_high": (over, [[0.6, 1.2], [np.nan, np.nan], [0.3, 0.5]]),
            "beats_untrained": (over, [[True, True], [False, False], [False, True]]),
            "p_value": (also, p_value),
            "null_mean": (also, null),
            "null_low": (also, null - 0.1),
            "null_high": (also, null + 0.1),
        },
        coords={
            "network": ["leaky", "untrained", "delay"],
            "role": ("network", ["trained", "untrained", "feedforward"]),
            "measure": ["cka", "shape"],
            "long_name": ("measure", ["linear CKA", "shape distance, rotations (rad)"]),
            "similar": ("measure", [1, -1]),
            "shuffle": ["conditions", "trials"],
        },
    )


@pytest.fixture
def found() -> xr.Dataset:
    """Trajectories of three conditions whose names are numbers."""
    rng = np.random.default_rng(0)
    curves = np.cumsum(rng.standard_normal((2, 3, 6, 3)), axis=2)
    curves[1] *= 0.1
    return xr.Dataset(
        {
            "trajectory": (("system", "condition", "time", "component"), curves),
            "variance": (("system", "component"), [[0.6, 0.3, 0.1]] * 2),
            "held_out": ("system", [np.nan, 0.75]),
        },
        coords={"system": ["recording", "leaky"], "condition": ["-0.5", "-1", "1"], "time": np.arange(6) * 0.05},
    )


def _places(ax, marker):
    lines = [line for line in ax.get_lines() if line.get_marker() == marker and len(line.get_xdata()) == 1]
    return [float(line.get_xdata()[0]) for line in lines]


def test_given_axes_are_drawn_on_without_pyplot_and_data_are_left_alone(table, found):
    areas = table.expand_dims(area=["V1", "PPC"])
    for draw, data in (
        (comparison_table, table),
        (lambda data, ax: likeness_by_area(data, "cka", ax=ax), areas),
        (lambda data, ax: trajectories_together(data, "leaky", ax=ax), found),
    ):
        before, ax = data.copy(deep=True), Figure(layout="constrained").add_subplot()
        assert draw(data, ax=ax) is ax
        assert data.identical(before)
        ax.figure.savefig("/dev/null", format="png")
    assert not plt.get_fignums()


def test_values_lie_between_the_null_and_identity(table):
    ax = comparison_table(table, ax=Figure().add_subplot())
    # (0.6 - 0.2) / (1 - 0.2), and (0.3 - 1.0) / (0 - 1.0): more alike is always to the right
    np.testing.assert_allclose(_places(ax, "o"), [0.5, 0.0, 0.7, -0.2], atol=1e-12)
    np.testing.assert_allclose(_places(ax, "s"), [0.125, 0.1], atol=1e-12)
    polygons = [c for c in ax.collections if isinstance(c, PolyCollection) and c.get_paths()]  # the legend's has none
    bands = [polygon.get_paths()[0].get_extents() for polygon in polygons]
    np.testing.assert_allclose([(b.x0, b.x1) for b in bands], [(-0.125, 0.125)] * 3 + [(-0.1, 0.1)] * 3, atol=1e-12)
    low, high = ax.get_xlim()
    assert low < -0.3
    assert high > 0.8


def test_untrained_networks_are_open_and_numbers_are_said(table):
    ax = comparison_table(table, colours={"leaky": "#123456"}, ax=Figure().add_subplot())
    dots = [line for line in ax.get_lines() if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    assert [dot.get_markerfacecolor() for dot in dots[:2]] == ["#123456", "white"]
    said = [text.get_text() for text in ax.texts]
    assert said[:3] == ["0.60   p = 0.250 *", "0.20   p = 0.250", "0.30   p = 0.250"]
    assert said[3] == "0.30   p = 0.250† *"
    assert said[-1].startswith("† the other null")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["linear CKA", "shape distance,\nrotations (rad)"]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names[:3] == ["leaky", "untrained", "delay (feedforward)"]
    longer = table.assign_coords(network=["leaky", "leaky, untrained", "delay"])
    names = [text.get_text() for text in comparison_table(longer, ax=Figure().add_subplot()).get_legend().get_texts()]
    assert names[1] == "leaky, untrained"  # a role that the name says is not said again
    with pytest.raises(InputError, match="several areas"):
        comparison_table(table.expand_dims(area=["V1"]))
    with pytest.raises(InputError, match="conditions, trials"):
        comparison_table(table, shuffle="time")


def test_each_network_has_the_mean_of_the_untrained_ones_that_it_is_put_beside(table):
    other = table["advantage"].copy()
    other.loc["delay", "cka"] = -0.2  # beside 0.5, those of another kind than the first one's
    ax = comparison_table(table.assign(advantage=other), ax=Figure().add_subplot())
    dashes = [line for line in ax.get_lines() if line.is_dashed() and len(line.get_xdata()) == 2]
    np.testing.assert_allclose([line.get_xdata()[0] for line in dashes], [0.0, 0.375, -0.2, -0.2], atol=1e-12)
    middles = [np.mean(line.get_ydata()) for line in dashes]
    np.testing.assert_allclose(middles, [0, 2, 4.4, 6.4])  # none at the untrained network itself
    assert "untrained of its kind, mean" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_table_without_nulls_or_intervals_is_drawn(table):
    bare = table.assign({name: np.nan * table[name] for name in table.data_vars if name.startswith(("null", "p_"))})
    bare = bare.assign(value_low=np.nan * bare["value"], value_high=np.nan * bare["value"])
    ax = comparison_table(bare, ax=Figure().add_subplot())
    assert np.isfinite(ax.get_xlim()).all()
    assert ax.texts[0].get_text() == "0.60 *"


def test_areas_are_ranked_and_filled_where_the_interval_lies_above_0(table):
    areas = xr.concat([table, table.assign({k: table[k] + 1 for k in ("advantage", "advantage_low")})], dim="area")
    ax = likeness_by_area(areas.assign_coords(area=["V1", "PPC"]), "cka", ax=Figure().add_subplot())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["PPC", "V1"]
    np.testing.assert_allclose(_places(ax, "o"), [1.4, 0.4])
    np.testing.assert_allclose(_places(ax, "s"), [1.1, 0.1])
    squares = [line for line in ax.get_lines() if line.get_marker() == "s" and len(line.get_xdata()) == 1]
    assert [line.get_markerfacecolor() == "white" for line in squares] == [False, True]
    with pytest.raises(InputError, match="a dimension area"):
        likeness_by_area(table, "cka")


def test_trajectories_are_drawn_by_condition_in_order(found):
    ax = trajectories_together(found, "leaky", components=(1, 2), ax=Figure().add_subplot())
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["-1", "-0.5", "1", "recording", "leaky"]
    curves = [line for line in ax.get_lines() if len(line.get_xdata()) == 6]
    assert len(curves) == 6
    np.testing.assert_allclose(curves[0].get_xdata(), found["trajectory"][0, 1, :, 1])
    sizes = [np.concatenate([np.asarray(line.get_xdata()) for line in curves[k::2]]).std() for k in range(2)]
    assert 0.3 < sizes[1] / sizes[0] < 3  # a tenth as large, drawn at the recording's size
    own = trajectories_together(found, "leaky", same_size=False, ax=Figure().add_subplot())
    small = [line for line in own.get_lines() if len(line.get_xdata()) == 6][1]
    np.testing.assert_allclose(small.get_xdata(), found["trajectory"][1, 1, :, 0])
    assert ax.texts[-1].get_text().startswith("leaky meets 25 % of the recording's variance")
    worse = found.assign(held_out=("system", [np.nan, 1.02]))  # further off than the recording's mean
    assert "meets nothing of" in trajectories_together(worse, "leaky", ax=Figure().add_subplot()).texts[-1].get_text()
    for arguments in ({"components": (0, 3)}, {"order": ["1"]}):
        with pytest.raises(InputError, match="system, order and components"):
            trajectories_together(found, "leaky", **arguments)
    with pytest.raises(InputError, match="'gru'"):
        trajectories_together(found, "gru")


def test_landmarks_are_drawn_as_large_as_the_trajectories(found):
    over = ("system", "point")
    middle = found["trajectory"].isel(system=1).mean(("condition", "time")).values
    at = np.full((2, 3, middle.size), np.nan)
    at[1] = middle + np.array([[0.0], [0.01], [0.02]])
    kinds = np.array([["", "", ""], ["stable", "line", "line"]])
    with_points = found.assign(landmark=((*over, "component"), at), landmark_kind=(over, kinds))
    ax = trajectories_together(with_points, "leaky", same_size=False, ax=Figure().add_subplot())
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {"line attractor", "stable fixed point"} < set(names)
    assert "unstable fixed point" not in names
    fixed = next(line for line in ax.get_lines() if line.get_label() == "stable fixed point")
    np.testing.assert_allclose(fixed.get_xydata()[0], middle[:2])
    large = trajectories_together(with_points, "leaky", ax=Figure().add_subplot())
    lengths = [
        np.ptp(next(line for line in a.get_lines() if line.get_label() == "line attractor").get_xdata())
        for a in (ax, large)
    ]
    assert lengths[1] > 3 * lengths[0]  # the system is a tenth as large as the recording


def test_areas_have_a_colour_per_family_where_families_are_told(table):
    areas = table.expand_dims(area=["V1"])
    families = ["leaky" if k < 2 else "other" for k in range(areas.sizes["network"])]
    ax = likeness_by_area(areas.assign_coords(kind=("network", families)), "cka", ax=Figure().add_subplot())
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(names) == len(set(names))
    assert set(names) <= {"leaky", "other"}
