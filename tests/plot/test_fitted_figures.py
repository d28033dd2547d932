"""What the figures of fitted systems hold."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from neurorec.plot.fitted import (
    currents_between_areas,
    held_out_prediction,
    simulated_against_recorded,
    variance_over_passes,
)
from neurorec.recording import InputError


@pytest.fixture
def result() -> xr.Dataset:
    """Three models of two areas; the last beats the baseline in one measure of two."""
    bits = np.array([[0.1, 0.2], [0.15, 0.1], [0.4, 0.22]])
    baseline = np.array([0.15, 0.2])
    by_area = bits[..., None] + [-0.05, 0.05]
    dims = ("model", "measure")
    return xr.Dataset(
        {
            "bits": (dims, bits),
            "bits_low": (dims, bits - 0.05),
            "bits_high": (dims, bits + 0.05),
            "above": (dims, bits - baseline),
            "above_low": (dims, bits - baseline - 0.05),
            "area_bits": ((*dims, "area"), by_area),
            "area_bits_low": ((*dims, "area"), by_area - 0.08),
            "area_bits_high": ((*dims, "area"), by_area + 0.08),
        },
        coords={
            "model": ["trial average", "uncoupled GLM", "coupled GLM"],
            "measure": ["co_smoothing", "forward"],
            "area": ["PPC", "V1"],
            "baseline": ("measure", ["uncoupled GLM", "trial average"]),
        },
    )


@pytest.fixture
def currents() -> xr.Dataset:
    """Five passes, looked at in the last, and the currents of two areas."""
    return xr.Dataset(
        {
            "strength": (("target_area", "source_area"), [[0.5, 0.1], [0.2, 0.4]]),
            "explained": ("pass", [0.5, 0.7, 0.8, 0.85, 0.9]),
            "explained_free": ("pass", [np.nan] * 4 + [0.6]),
        },
        coords={"target_area": ["PPC", "V1"], "source_area": ["PPC", "V1"], "pass": np.arange(1, 6)},
        attrs={"status": "no longer grows"},
    )


def _marks(ax):
    return [line for line in ax.get_lines() if line.get_marker() == "o" and line.get_markersize() > 5]


def test_given_axes_are_drawn_on_without_pyplot_and_data_are_left_alone(result, currents, recording):
    simulated = recording.assign_coords(simulated=("time", np.ones(recording.sizes["time"], dtype=bool)))
    draws = [
        (held_out_prediction, (result,)),
        (variance_over_passes, (currents,)),
        (currents_between_areas, (currents,)),
    ]
    for draw, data in [*draws, (simulated_against_recorded, (recording, simulated))]:
        before, ax = [d.copy(deep=True) for d in data], Figure(layout="constrained").add_subplot()
        assert draw(*data, ax=ax) is ax
        assert all(a.identical(b) for a, b in zip(data, before, strict=True))
        ax.figure.savefig("/dev/null", format="png")
    assert not plt.get_fignums()


def test_what_does_not_beat_the_baseline_is_open(result):
    ax = held_out_prediction(result, ax=Figure().add_subplot())
    marks = _marks(ax)
    assert [line.get_xdata()[0] for line in marks] == [0.1, 0.15, 0.4]
    assert [line.get_markerfacecolor() == "white" for line in marks] == [True, True, False]
    dashed = [line for line in ax.get_lines() if line.get_linestyle() == "--"]
    assert [float(line.get_xdata()[0]) for line in dashed] == [0.15]
    forward = _marks(held_out_prediction(result, measure="forward", ax=Figure().add_subplot()))
    assert [line.get_markerfacecolor() == "white" for line in forward] == [True, True, True]
    with pytest.raises(InputError, match="one of co_smoothing, forward"):
        held_out_prediction(result, measure="few")


def test_areas_stand_beneath_their_model_in_their_colours(result):
    ax = held_out_prediction(result, colours={"PPC": "#112233", "V1": "#445566"}, ax=Figure().add_subplot())
    small = [line for line in ax.get_lines() if line.get_marker() == "o" and line.get_markersize() < 5]
    assert [to_hex(line.get_color()) for line in small] == ["#112233", "#445566"] * 3
    np.testing.assert_allclose([line.get_xdata()[0] for line in small[-2:]], [0.35, 0.45])
    assert {"PPC", "V1"} <= {text.get_text() for text in ax.texts}
    whole = held_out_prediction(result, by_area=False, ax=Figure().add_subplot())
    assert not [line for line in whole.get_lines() if line.get_marker() == "o" and line.get_markersize() < 5]


def test_passes_without_a_look_have_no_mark(currents):
    ax = variance_over_passes(currents, ax=Figure().add_subplot())
    assert ax.get_lines()[0].get_ydata().tolist() == [0.5, 0.7, 0.8, 0.85, 0.9]
    assert ax.get_lines()[1].get_xdata().tolist() == [5]
    assert "no longer grows" in ax.get_xlabel()


def test_sources_run_from_left_to_right(currents):
    ax = currents_between_areas(currents.transpose(), ax=Figure().add_subplot())
    np.testing.assert_allclose(ax.get_images()[0].get_array(), [[0.5, 0.1], [0.2, 0.4]])
    assert [t.get_text() for t in ax.texts] == ["0.5", "0.1", "0.2", "0.4"]
    assert ax.get_xlabel() == "from area"


def test_equal_rates_lie_on_the_diagonal_and_silent_units_are_counted(recording):
    drawn = np.arange(recording.sizes["time"]) % 40 > 2
    activity = recording["activity"].copy()
    activity.values[:, 0] = 0
    simulated = recording.assign(activity=activity).assign_coords(simulated=("time", drawn)).assign_attrs(n_stopped=2)
    ax = simulated_against_recorded(recording, simulated, ax=Figure().add_subplot())
    points = np.concatenate([c.get_offsets() for c in ax.collections])
    assert len(points) == 9
    np.testing.assert_allclose(points[:, 0], points[:, 1])
    expected = recording["activity"].values[drawn].mean(axis=0) / 0.01
    assert np.isin(points[:, 0].round(6), expected.round(6)).all()
    assert [t.get_text() for t in ax.texts] == ["2 trials stopped for runaway excitation; 1 silent unit"]
