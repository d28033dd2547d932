"""What the figures hold: points, labels, units and remarks; never pixels."""

import threading

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from neurorec import plot
from neurorec.recording import InputError, recording_from_arrays

_OF_RESULT = [plot.benefit_by_area, plot.uncoupled_against_coupled, plot.benefit_against_lag, plot.controls]
_OF_RESULT += [plot.parts_by_area]
_OF_RECORDING = [plot.raster, plot.population_rate, plot.rates_by_area]


def _texts(ax) -> list[str]:
    return [t.get_text() for t in [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels()] if t.get_text()]


def _offsets(ax) -> np.ndarray:
    drawn = [np.asarray(c.get_offsets()) for c in ax.collections if isinstance(c, PathCollection)]
    places = np.concatenate([np.empty((0, 2)), *drawn])
    return places[np.isfinite(places).all(axis=1)]


def _points(ax) -> int:
    return len(_offsets(ax))


@pytest.mark.parametrize("draw", _OF_RESULT)
def test_given_axes_are_drawn_on_without_pyplot(draw, result):
    ax = Figure().add_subplot()
    assert draw(result, ax=ax) is ax
    assert not plt.get_fignums()
    assert ax.get_xlabel()


@pytest.mark.parametrize("draw", _OF_RECORDING)
def test_recordings_are_drawn_in_threads(draw, recording):
    figures = [Figure() for _ in range(3)]
    threads = [threading.Thread(target=draw, args=(recording,), kwargs={"ax": f.add_subplot()}) for f in figures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({f.axes[0].get_ylabel() for f in figures}) == 1
    assert all(f.axes[0].get_xlabel() for f in figures)


@pytest.mark.parametrize("draw", [*_OF_RESULT, *_OF_RECORDING])
def test_without_axes_a_figure_is_made_that_can_be_saved(draw, result, recording, tmp_path):
    ax = draw(result if draw in _OF_RESULT else recording)
    ax.figure.savefig(tmp_path / "figure.svg")
    assert "<svg" in (tmp_path / "figure.svg").read_text()


@pytest.mark.parametrize("draw", _OF_RESULT)
def test_the_data_are_left_as_they_were(draw, result):
    before = result.copy(deep=True)
    draw(result)
    assert result.identical(before)


def test_areas_come_from_the_largest_benefit_down_with_their_units_counted(result):
    ax = plot.benefit_by_area(result)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["V1 (n = 20)", "PPC (n = 10)", "area unknown (n = 2)"]
    assert _points(ax) == 32
    assert "20/20" in _texts(ax)
    assert "0/10" in _texts(ax)


def test_the_table_has_the_last_word_on_the_interval(result):
    table = pd.DataFrame(
        {"area": ["V1", "PPC"], "benefit": [0.1, 0.5], "benefit_low": [0.05, 0.4], "benefit_high": [0.2, 0.6]}
    )
    ax = plot.benefit_by_area(result, table=table)
    assert ax.get_yticklabels()[0].get_text() == "PPC (n = 10)"
    assert any(np.array_equal(line.get_xdata(), [0.4, 0.6]) for line in ax.get_lines())
    assert ax.get_xlim()[1] > 0.6


def test_extreme_units_stay_on_the_edge_and_are_counted(result):
    result["benefit"][:2] = [-7.0, 9.0]
    ax = plot.benefit_by_area(result)
    low, high = ax.get_xlim()
    assert high - low < 1
    assert _points(ax) == 32
    assert any("2 units beyond the axis, on its edges (-7 to 9)" in text for text in _texts(ax))
    x = _offsets(ax)[:, 0]
    assert x.min() >= low
    assert x.max() <= high


def test_missing_units_are_neither_drawn_nor_counted(result):
    result["benefit"][20:25] = np.nan
    ax = plot.benefit_by_area(result)
    assert "PPC (n = 5)" in _texts(ax)
    assert _points(ax) == 27


def test_every_unit_is_a_point_beside_the_diagonal(result):
    ax = plot.uncoupled_against_coupled(result)
    assert _points(ax) == 32
    assert {" V1", " PPC", " area unknown"} <= set(_texts(ax))
    assert ax.get_xlim() == ax.get_ylim()
    result["unit_fde"][0] = -50.0
    ax = plot.uncoupled_against_coupled(result)
    assert ax.get_xlim()[0] > -1
    assert any("1 unit beyond the axis" in text for text in _texts(ax))


def test_lags_are_in_milliseconds_and_lines_are_medians(result):
    ax = plot.benefit_against_lag(result)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["10", "30", "80"]
    drawn = [line.get_ydata() for line in ax.get_lines()]
    expected = np.median(result["benefit_by_lag"].values[:20], axis=0)
    assert any(np.shape(y) == (3,) and np.allclose(y, expected) for y in drawn)
    one = plot.benefit_against_lag(result.isel(lag=[1]))
    assert [label.get_text() for label in one.get_xticklabels()] == ["30"]


def test_controls_are_drawn_where_they_exist(result):
    ax = plot.controls(result)
    rows = [label.get_text() for label in ax.get_yticklabels()]
    parts = ["unique_partners", "unique_population", "unique_history"]
    assert rows == ["coupling", "own history known", "equal", *parts, "partners exchanged"]
    assert _points(ax) == 7 * 3 - 1  # none for PPC, where the matched control is missing
    ax = plot.controls(result.drop_vars(["benefit_shuffled", "benefit_matched", *parts]))
    assert len(ax.get_yticklabels()) == 2


def test_parts_add_up_to_the_line_and_negative_ones_lie_left(result):
    ax = plot.parts_by_area(result)
    v1 = ax.patches[:4]
    assert sum(bar.get_width() for bar in v1) == pytest.approx(float(result["benefit"][:20].mean()) * 0.8)
    assert min(bar.get_x() + min(bar.get_width(), 0) for bar in v1) < 0
    assert len(ax.patches) == 12


def test_the_matrix_shows_medians_in_thousandths(result):
    ax = plot.benefit_between_areas(result)
    v1 = float(result["benefit"][:20].median())
    assert {f"{1000 * v1:.1f}", f"{100 * v1:.1f}"} <= set(_texts(ax))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["PPC", "V1"]


def test_the_raster_shows_every_spike_of_its_window_and_names_areas(recording):
    ax = plot.raster(recording, window=(0.0, 5.0))
    shown = recording.sel(time=slice(0, 4.999))["activity"].values
    assert _points(ax) == np.count_nonzero(shown)
    assert ax.get_xlim() == pytest.approx((0, 5 * 0.4))  # unrecorded time is closed up
    assert {"PPC (4)", "V1 (6)"} <= set(_texts(ax))
    assert "s)" in ax.get_xlabel()


def test_other_activity_is_a_heat_map(recording):
    recording["activity"] = recording["activity"].astype(float)
    recording["activity"].attrs = {"kind": "dff", "units": "dF/F", "bin_width": 0.01}
    ax = plot.raster(recording)
    assert ax.images[0].get_array().shape == (10, recording.sizes["time"])
    assert "dF/F" in plot.population_rate(recording).get_ylabel()
    assert plot.rates_by_area(recording).get_xscale() == "linear"


def test_population_rate_is_per_unit_and_second(recording):
    recording["activity"][:] = 1
    ax = plot.population_rate(recording)
    lines = [line for line in ax.get_lines() if line.get_label() in ("V1", "PPC")]
    assert len(lines) == 2
    for line in lines:
        np.testing.assert_allclose(line.get_ydata(), 100.0)


def test_silent_units_are_mentioned_since_a_logarithm_cannot_show_them(recording):
    recording["activity"][:, 0] = 0
    ax = plot.rates_by_area(recording)
    assert _points(ax) == 9
    assert "1 unit without a spike not drawn" in _texts(ax)


def test_unobserved_bins_do_not_lower_a_rate(recording):
    recording["activity"][:] = 1
    recording["activity"][:400] = 0
    observed = np.ones(recording["activity"].shape, dtype=bool)
    observed[:400] = False
    recording["observed"] = (("time", "unit"), observed)
    ax = plot.rates_by_area(recording)
    x = _offsets(ax)[:, 0]
    np.testing.assert_allclose(x, 100.0)


@pytest.mark.parametrize("draw", _OF_RESULT)
def test_one_area_of_one_unit_and_fifteen_areas_are_both_drawn(draw, result):
    draw(result.isel(unit=[0]))
    names = [f"area{i}" for i in range(15)]
    many = result.isel(unit=np.arange(30) % result.sizes["unit"]).assign_coords(
        area=("unit", np.repeat(names, 2)), unit=np.arange(30)
    )
    ax = draw(many)
    legend = ax.get_legend()
    shown = _texts(ax) + ([] if legend is None else [text.get_text() for text in legend.get_texts()])
    assert all(any(name in text for text in shown) for name in names)


def test_recordings_that_say_little_are_drawn_all_the_same():
    """Silent, missing throughout, or trials whose ids are not their places."""
    trials = pd.DataFrame({"start": [0.0, 1.0], "stop": [1.0, 2.0]}, index=[7, 3])
    values = np.random.default_rng(0).random((20, 3))
    values[:, 2] = np.nan
    missing = recording_from_arrays(values, bin_width=0.1, area=["a", "a", "b"], trials=trials, kind="rates")
    plot.raster(missing)
    plot.population_rate(missing)
    values = np.arange(20.0)[:, None]
    numbered = recording_from_arrays(values, bin_width=0.1, trials=trials, kind="rates")
    assert plot.hidden_activity(numbered, trial=1).images[0].get_array().max() == 19
    with pytest.raises(InputError, match="one that was recorded"):
        plot.hidden_activity(numbered.isel(time=slice(0, 5)), trial=1)
    silent = recording_from_arrays(np.zeros((20, 3), dtype=int), bin_width=0.1, trials=trials)
    plot.rates_by_area(silent)


def test_a_result_without_what_is_drawn_is_said():
    said = {
        name: ("unit", [np.nan]) for name in ("unique_partners", "unique_population", "unique_history", "shared_blocks")
    }
    empty = xr.Dataset(said, coords={"area": ("unit", ["V1"])})
    assert plot.parts_by_area(empty).get_legend() is None
    with pytest.raises(InputError, match="fit the step 'sources'"):
        plot.benefit_between_areas(empty)
    alone = empty.assign(benefit_from=(("unit", "source_area"), [[0.1]])).assign_coords(source_area=["V1"])
    with pytest.raises(InputError, match="matched=False"):
        plot.benefit_between_areas(alone)
    none = alone.isel(unit=[])
    assert not plot.benefit_between_areas(none, matched=False).images
