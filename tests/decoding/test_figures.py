"""What the figures hold: curves, criteria, times, words where there is no time."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from neurorec import plot
from neurorec.decoding import accuracy_over_time, solution_times


@pytest.fixture(autouse=True)
def close_figures():
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def times(decoded) -> xr.Dataset:
    return solution_times(decoded, "group", n_bootstrap=50, rng=np.random.default_rng(0))


@pytest.fixture
def explained() -> xr.Dataset:
    rng = np.random.default_rng(0)
    values = np.linspace(0.8, 0.3, 10)[:, None] + rng.normal(0, 0.05, (10, 12))
    values[0, :] = np.nan
    return xr.Dataset(
        {"explained": (("time", "unit"), values), "ceiling": (("time", "unit"), np.full((10, 12), 0.9))},
        coords={"area": ("unit", np.repeat(["IT", "V4"], 6)), "time": np.arange(1, 11) * 0.02},
    )


def test_solution_times_stand_where_the_curves_meet_the_criterion(times):
    ax = plot.accuracy_against_time(times, area="V1")
    dots = [line.get_xydata()[0] for line in ax.get_lines() if line.get_marker() == "o"]
    one = times.sel(area="V1")
    np.testing.assert_allclose(dots, np.c_[1000 * one["solution_time"], one["criterion"]])
    assert {"easy", "hard", "chance"} <= {t.get_text() for t in ax.texts}
    assert "V1" in ax.get_ylabel()


def test_accuracy_alone_can_be_drawn(decoded):
    ax = plot.accuracy_against_time(accuracy_over_time(decoded, measure="dprime"))
    assert "d'" in ax.get_ylabel()


def test_what_is_not_solved_is_said_in_words_and_open_ends_are_arrows(times):
    some = times.copy(deep=True)
    some["status"][0, 1] = "never"
    some["solution_time"][0, 1] = np.nan
    some["high"][1, 0] = np.inf
    ax = plot.solution_times_by_area(some)
    assert [t.get_text() for t in ax.texts] == ["hard: never"]
    assert sum(line.get_marker() == ">" for line in ax.get_lines()) == 1
    assert np.isfinite(ax.get_xlim()).all()


def test_predictivity_is_left_open_where_it_is_undefined(explained):
    ax = plot.predictivity_against_time(explained)
    curve = ax.get_lines()[1].get_ydata()
    assert np.isnan(curve[0])
    np.testing.assert_allclose(curve[1:], explained["explained"].values[1:, :6].mean(axis=1))
    assert {"IT", "V4"} <= {t.get_text() for t in ax.texts}


def test_given_axes_are_drawn_on_without_pyplot(times, explained):
    for draw, data in (
        (plot.accuracy_against_time, times),
        (plot.solution_times_by_area, times),
        (plot.predictivity_against_time, explained),
    ):
        ax = Figure().add_subplot()
        assert draw(data, ax=ax) is ax
        assert ax.get_xlabel()
    assert not plt.get_fignums()
