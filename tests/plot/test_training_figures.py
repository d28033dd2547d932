"""What the figures of training hold."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from neurorec.plot.training import gradient_norm, hidden_activity, learning_curve
from neurorec.recording import InputError


@pytest.fixture
def curve() -> xr.Dataset:
    """Two seeds, one of which solves the task at the second look."""
    score = [[0.2, 0.995, np.nan], [-9.0, 0.5, 0.6]]
    return xr.Dataset(
        {
            "loss": (("seed", "step"), np.geomspace(1, 0.1, 200).reshape(2, 100)),
            "held_out_loss": (("seed", "look"), [[1.0, 0.01, np.nan], [1.0, 0.5, 0.4]]),
            "score": (("seed", "look"), score, {"long_name": "fraction correct"}),
            "status": ("seed", ["solved", "out of steps"]),
        },
        coords={"seed": [3, 7], "look": [0, 50, 100]},
        attrs={"chance": 0.125, "criterion": 0.99, "best": 1.0},
    )


@pytest.fixture
def norms() -> xr.Dataset:
    """Gradients that keep their size, that fall, and that are 0 beyond some lag; one trial is shorter."""
    lag = np.arange(30)
    each = np.stack([np.full(30, 2.0), 0.5**lag, np.where(lag < 10, 0.1**lag, 0.0)])
    values = np.repeat(each[:, None], 4, axis=1)
    values[:, 0, 20:] = np.nan
    return xr.Dataset(
        {
            "gradient_norm": (("network", "trial", "lag"), values),
            "factor": (("network", "trial"), np.repeat([[1.0], [0.5], [0.1]], 4, axis=1)),
        },
        coords={"network": ["kept", "halved", "lost"], "lag": lag * 0.02},
        attrs={"dt": 0.02},
    )


def _texts(ax):
    return [text.get_text().strip() for text in ax.texts]


def test_given_axes_are_drawn_on_without_pyplot_and_data_are_left_alone(curve, norms, recording):
    for draw, data in ((learning_curve, curve), (gradient_norm, norms), (hidden_activity, recording)):
        before, ax = data.copy(deep=True), Figure(layout="constrained").add_subplot()
        assert draw(data, ax=ax) is ax
        assert data.identical(before)
        ax.figure.savefig("/dev/null", format="png")
    assert not plt.get_fignums()


def test_scores_lie_between_their_levels_and_say_how_they_ended(curve):
    ax = learning_curve(curve, colours={"7": "#123456"}, ax=Figure().add_subplot())
    assert _texts(ax) == ["chance", "criterion", "best", "seed 7: out of steps", "seed 3: solved"]
    lines = [line for line in ax.get_lines() if len(line.get_xdata()) > 2 or line.get_marker() == "o"]
    assert [line.get_markerfacecolor() for line in lines if line.get_marker() == "o"][1] == "white"
    assert lines[-2].get_color() == "#123456"
    assert ax.get_ylabel() == "fraction correct"
    assert -1.2 < ax.get_ylim()[0] < 0.125  # what begins far below chance is cut off


def test_losses_are_those_held_out_with_each_update_behind(curve):
    ax = learning_curve(curve, show="loss", ax=Figure().add_subplot())
    assert ax.get_yscale() == "log"
    assert _texts(ax) == ["seed 3, held out: solved", "seed 7, held out: out of steps"]
    assert [len(line.get_xdata()) for line in ax.get_lines()[:2]] == [100, 2]
    with pytest.raises(InputError, match="'score' or 'loss'"):
        learning_curve(curve, show="both")  # type: ignore[arg-type]


def test_gradient_lines_end_where_nothing_is_left(norms):
    ax = gradient_norm(norms, ax=Figure().add_subplot())
    lines = ax.get_lines()[:3]
    assert [len(line.get_xdata()) for line in lines] == [30, 30, 10]
    np.testing.assert_allclose(lines[1].get_ydata(), 0.5 ** np.arange(30))
    assert sorted(_texts(ax)) == ["halved × 0.5 per step", "kept × 1 per step", "lost × 0.1 per step"]
    assert "20 ms a step" in ax.get_xlabel()
    one = gradient_norm(norms.isel(network=0, drop=True).assign_attrs(network="GRU"), ax=Figure().add_subplot())
    assert _texts(one) == ["GRU × 1 per step"]
    nothing = gradient_norm(norms.assign(gradient_norm=0.0 * norms["gradient_norm"]), ax=Figure().add_subplot())
    assert _texts(nothing) == ["no gradient reaches any state"]


def test_units_are_sorted_by_area_and_by_when_they_are_active(recording):
    values = np.zeros(recording["activity"].shape)
    step = np.arange(len(values)) % 40
    for unit in range(10):
        values[step == 4 * (9 - unit), unit] = -1.0 if unit == 2 else 1.0
    known = recording.assign(activity=(("time", "unit"), values, recording["activity"].attrs))
    ax = hidden_activity(known, ax=Figure().add_subplot())
    image = ax.get_images()[0].get_array()
    assert image.shape == (10, 40)
    assert np.abs(image).argmax(axis=1).tolist() == [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]
    assert image.min() == -1
    assert [label.get_text() for label in ax.get_yticklabels()] == ["PPC (4)", "V1 (6)"]
    assert ax.get_images()[0].get_cmap().name == "RdBu_r"
    one = hidden_activity(known, trial=3, ax=Figure().add_subplot()).get_images()[0].get_array()
    np.testing.assert_allclose(one, image)
    with pytest.raises(InputError, match="trial: expected 0 to 19, found 20"):
        hidden_activity(known, trial=20)
