"""What the figures of subspaces and of flow hold."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from neurorec.plot.flow import flow_field
from neurorec.plot.palette import COLOURS
from neurorec.plot.subspaces import (
    component_over_time,
    condition_trajectories,
    rotation_plane,
    variance_by_part,
    variance_of_components,
)
from neurorec.recording import InputError, SelectionError


@pytest.fixture
def subspace() -> xr.Dataset:
    """Three contrasts by two sides, in two principal components; the last bin of the last condition is missing."""
    scores = np.random.default_rng(0).standard_normal((6, 5, 2)).cumsum(axis=1)
    scores[5, 4] = np.nan
    contrast, side = np.repeat([-1.0, 0.0, 1.0], 2), np.tile(["left", "right"], 3)
    return xr.Dataset(
        {
            "scores": (("condition", "time", "component"), scores),
            "share": ("component", [0.5, 0.25]),
            "held_out_share": ("component", [0.3, 0.4]),
            "held_out_signal": ("component", [0.6, 0.9]),
        },
        coords={
            "component": [1, 2],
            "time": np.arange(5) * 0.1,
            "condition": [f"{c:g}, {s}" for c, s in zip(contrast, side, strict=True)],
            "contrast": ("condition", contrast),
            "side": ("condition", side),
        },
        attrs={"by": "contrast, side", "event": "cue_start"},
    )


@pytest.fixture
def demixed(subspace) -> xr.Dataset:
    parts = ["time", "contrast", "side", "contrast x side"]
    share = [[0.01, 0.3, -0.02, 0.0], [0.2, 0.0, 0.1, 0.0], [0.0, 0.05, 0.0, 0.0]]
    return subspace[["scores"]].isel(component=[0, 1, 1]).assign_coords(component=[1, 2, 3], part=parts).assign(
        of=("component", ["contrast", "time", "contrast"]), share=(("component", "part"), share),
        share_of_part=("part", [0.3, 0.5, 0.15, 0.05]), p=("part", [np.nan, 0.01, 0.5, 0.2]),
    )  # fmt: skip


@pytest.fixture
def turning(subspace) -> xr.Dataset:
    angle = np.arange(5) * 0.3 + np.arange(6)[:, None]
    scores = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return subspace[["scores"]].copy(data={"scores": scores}).assign(
        frequency=("plane", [1.5]), share=("plane", [0.72])
    ).assign_attrs(r2_skew=0.8, r2_free=0.9, p=0.02)  # fmt: skip


@pytest.fixture
def field() -> xr.Dataset:
    """Velocity (y, -x) in the first two of three directions, unknown in a corner."""
    x, y = np.linspace(-2, 2, 21), np.linspace(-1, 1, 11)
    velocity = np.stack(np.meshgrid(x, y), axis=-1)[..., ::-1] * [1.0, -1.0]
    velocity[0, 0] = np.nan
    return xr.Dataset(
        {
            "velocity": (("y", "x", "axis"), velocity, {"units": "1/s"}),
            "speed": (("y", "x"), np.linalg.norm(velocity, axis=-1)),
            "nullcline": (("vertex", "axis"), [[-2.0, 0.0], [2.0, 0.0], [0.0, -1.0], [0.0, 1.0]]),
            "nullcline_of": ("vertex", ["x", "x", "y", "y"]),
            "piece": ("vertex", [0, 0, 1, 1]),
            "origin": ("state", [0.0, 0.0, 5.0]),
            "axes": (("axis", "state"), [[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
        },
        coords={"x": x, "y": y, "axis": ["x", "y"]},
        attrs={"rest": "slaved"},
    )


def axes():
    return Figure(layout="constrained").add_subplot()


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_given_axes_are_drawn_on_without_pyplot_and_data_are_left_alone(subspace, demixed, turning, field):
    for draw, data in (
        (condition_trajectories, subspace), (component_over_time, subspace), (variance_of_components, subspace),
        (variance_by_part, demixed), (condition_trajectories, demixed), (rotation_plane, turning), (flow_field, field),
    ):  # fmt: skip
        before, ax = data.copy(deep=True), axes()
        assert draw(data, ax=ax) is ax
        assert data.identical(before)
        ax.figure.savefig("/dev/null", format="png")
    assert not plt.get_fignums()


def test_trajectories_are_the_scores_with_a_colour_by_one_column_and_dashes_by_the_other(subspace):
    ax = condition_trajectories(subspace, components=(2, 1), ax=axes())
    lines = ax.get_lines()[::3]
    assert len(lines) == 6
    for line, scores in zip(lines, subspace["scores"].values, strict=True):
        np.testing.assert_array_equal(np.asarray(line.get_xydata()), scores[:, ::-1])
    colours = [line.get_color() for line in lines]
    assert colours[0] == colours[1] != colours[2]
    assert colours[0] == to_hex(COLOURS[0])
    assert colours[4] == to_hex(COLOURS[1])
    assert np.ptp(to_rgb(colours[2])) < 0.02  # 0 is grey
    assert lines[0].get_linestyle() == "-" != lines[1].get_linestyle()
    assert legend(ax) == ["contrast -1", "contrast 0", "contrast 1", "side left", "side right"]
    assert ax.get_xlabel() == "component 2 (25.0 % of the variance)"
    # from an open dot to a filled one, at the last bin that is known
    first, last = ax.get_lines()[16:18]
    assert first.get_markerfacecolor() == "white"
    np.testing.assert_array_equal(np.asarray(last.get_xydata())[0], subspace["scores"].values[5, 3, ::-1])
    other = condition_trajectories(subspace, by="side", colours={"left": "#123456"}, ax=axes())
    assert legend(other)[:2] == ["side left", "side right"]
    assert other.get_lines()[0].get_color() == "#123456"


def test_what_is_not_there_is_refused(subspace, turning, field):
    with pytest.raises(SelectionError, match="among 1, 2, found 3"):
        condition_trajectories(subspace, components=(1, 3))
    with pytest.raises(SelectionError, match="found 'motion'"):
        component_over_time(subspace, "motion")
    with pytest.raises(SelectionError, match="by: expected among condition, contrast, side, found colour"):
        component_over_time(subspace, by="colour")
    with pytest.raises(InputError, match="1 to 1, found 2"):
        rotation_plane(turning, plane=2)
    with pytest.raises(InputError, match=r"3 states\), found shape \(4, 2\)"):
        flow_field(field, trajectories=np.zeros((4, 2)), ax=axes())


def test_components_over_time_say_the_event_and_what_they_are_of(demixed):
    ax = component_over_time(demixed, 3, ax=axes())
    assert ax.get_xlabel() == "time from cue start (s)"
    assert ax.get_ylabel() == "contrast 2 (5.0 % of the variance)"
    np.testing.assert_array_equal(ax.get_lines()[1].get_ydata(), demixed["scores"].values[0, :, 2])


def test_bars_are_shares_of_parts_and_what_was_added_is_no_bar(demixed):
    ax = variance_by_part(demixed, ax=axes())
    widths = np.array([bar.get_width() for bar in ax.patches]).reshape(4, 3)
    np.testing.assert_allclose(widths[:, 0], [1, 30, 0, 0])
    np.testing.assert_allclose(widths[:, 1], [20, 0, 10, 0])
    assert ax.patches[7].get_x() == 20  # beside what came before
    assert [label.get_text() for label in ax.get_yticklabels()] == ["contrast 1", "time 1", "contrast 2"]
    assert legend(ax) == [
        "time: 30 %",
        "contrast: 50 %, p = 0.01",
        "side: 15 %, p = 0.5",
        "contrast x side: 5 %, p = 0.2",
    ]


def test_variance_is_cumulative_and_held_out_where_it_was_measured(subspace):
    ax = variance_of_components(subspace, ax=axes())
    values = [line.get_ydata().tolist() for line in ax.get_lines()]
    np.testing.assert_allclose(values, [[50, 75], [60, 90], [30, 40]])
    assert legend(ax) == ["averages they were found in", "what held-out averages agree on", "held-out averages"]
    alone = variance_of_components(subspace.drop_vars(["held_out_share", "held_out_signal"]), ax=axes())
    assert len(alone.get_lines()) == 1
    assert alone.get_legend() is None


def test_rotations_say_how_fast_and_whether_to_believe_them(turning):
    ax = rotation_plane(turning, ax=axes())
    said = ax.texts[-1].get_text()
    assert said.startswith("1.5 Hz, 72 % of the variance between conditions")
    assert said.endswith("changes explained by rotation 0.80, by any linear dynamics 0.90, p = 0.02")
    np.testing.assert_array_equal(ax.get_lines()[2].get_xydata(), turning["scores"].values[1])
    assert ax.get_lines()[0].get_color() == to_hex(COLOURS[1])  # begins furthest along the first direction


def test_flow_has_arrows_nullclines_trajectories_and_points(field):
    path = [[0.0, 0.0, 5.0], [2.0, 1.0, 7.0]]
    points = xr.Dataset(
        {"points": (("point", "state"), [[0.0, 0.0, 5.0], [2.0, 0.5, 5.0]]), "n_unstable": ("point", [0, 1])}
    )
    ax = flow_field(field, trajectories=path, points=points, labels=("a", "b"), ax=axes())
    lines = ax.get_lines()
    np.testing.assert_allclose(np.asarray(lines[2].get_xydata()), [[0, 0], [1, 1]])  # the first axis is of length 2
    assert [line.get_label() for line in lines[:2]] == ["a stands still", "b stands still"]
    np.testing.assert_allclose(np.asarray(lines[4].get_xydata()), [[1, 0.5]])
    assert (lines[3].get_label(), lines[4].get_label()) == ("stable point", "unstable point")
    other = flow_field(field, trajectories=path, points=points.rename(points="state", state="state_index"), ax=axes())
    np.testing.assert_array_equal(other.get_lines()[4].get_xydata(), lines[4].get_xydata())  # of a network on its task
    assert lines[4].get_markerfacecolor() == "white"
    assert ax.texts[-1].get_text() == "other directions follow"
    arrows = next(child for child in ax.get_children() if type(child).__name__ == "Quiver")
    u, v = np.asarray(arrows.U), np.asarray(arrows.V)
    x, y = arrows.X, arrows.Y
    known = np.hypot(u, v) > 0
    assert np.count_nonzero(~known) == 2  # at rest, and where nothing is known
    assert (np.sign(u[known]) == np.sign(y[known])).all()
    assert (np.sign(v[known]) == -np.sign(x[known])).all()
    # of one length on the page
    length = np.hypot(u[known] / 4, v[known] / 2)
    np.testing.assert_allclose(length, length[0])
