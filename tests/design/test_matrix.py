import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorec.design import (
    Coupling,
    Drift,
    Event,
    History,
    PopulationMean,
    Signal,
    boxcar,
    design_matrix,
    filter_in_runs,
    find_runs,
    raised_cosine,
)
from neurorec.recording import InputError, SelectionError, recording_from_arrays

PAST = boxcar(2, window=(0.1, 0.2))  # the last bin, and the one before it


def make_recording(n_trials=4, n_bins=6, n_unit=3, gap=0.5, seed=0, **more):
    rng = np.random.default_rng(seed)
    start = np.arange(n_trials) * (n_bins * 0.1 + gap)
    time = (start[:, None] + 0.1 * np.arange(n_bins)).ravel()
    trials = pd.DataFrame(
        {
            "start": start,
            "stop": start + n_bins * 0.1,
            "side": np.array(["left", "right"])[np.arange(n_trials) % 2],
            "cue": start + 0.25,
        }
    )
    counts = rng.poisson(1.0, (time.size, n_unit))
    return recording_from_arrays(counts, bin_width=0.1, time=time, trials=trials, area=["A", "A", "B"][:n_unit], **more)


def columns(design, **where):
    keep = np.logical_and.reduce([design[name].values == value for name, value in where.items()])
    return design["matrix"].values[:, keep]


def test_coupling_is_the_partners_past_by_hand():
    recording = make_recording()
    design = design_matrix(recording, [Coupling(PAST)])
    activity = recording["activity"].values.reshape(4, 6, 3)
    for source in range(3):
        got = columns(design, source=source).reshape(4, 6, 2)
        np.testing.assert_array_equal(got[:, 2:, 0], activity[:, 1:-1, source])
        np.testing.assert_array_equal(got[:, 2:, 1], activity[:, :-2, source])
    assert not design["usable"].values.reshape(4, 6)[:, :2].any()
    assert design["usable"].values.reshape(4, 6)[:, 2:].all()


def test_no_unit_predicts_itself_by_coupling_and_only_itself_by_history():
    design = design_matrix(make_recording(), [Coupling(PAST), History(PAST)])
    own = design["source"].values == np.arange(3)[:, None]
    coupling = design["group"].values == "coupling"
    allowed = design["allowed"].values
    assert not allowed[:, coupling][own[:, coupling]].any()
    assert allowed[:, coupling][~own[:, coupling]].all()
    np.testing.assert_array_equal(allowed[:, ~coupling], own[:, ~coupling])


@pytest.mark.parametrize("gap", [0.0, 0.5])
def test_nothing_reaches_across_a_trial_edge(gap):
    recording = make_recording(gap=gap)
    changed = recording.copy(deep=True)
    first = changed["trial_id"].values == 0
    changed["activity"].values[first] += 7
    before, after = (design_matrix(r, [Coupling(PAST), History(PAST)], edges="zero") for r in (recording, changed))
    np.testing.assert_array_equal(before["matrix"].values[~first], after["matrix"].values[~first])
    assert (before["matrix"].values[first] != after["matrix"].values[first]).any()


def test_nothing_reaches_across_an_unobserved_stretch():
    counts = np.ones((10, 2))
    time = np.concatenate([np.arange(5), np.arange(5) + 20]) * 0.1
    design = design_matrix(recording_from_arrays(counts, bin_width=0.1, time=time), [Coupling(PAST)], edges="zero")
    np.testing.assert_array_equal(columns(design, source=0, basis=0)[:, 0], [0, 1, 1, 1, 1, 0, 1, 1, 1, 1])


def test_future_activity_never_enters():
    recording = make_recording(n_trials=1, n_bins=20)
    design = design_matrix(recording, [Coupling(PAST), History(PAST), PopulationMean(PAST)])
    changed = recording.copy(deep=True)
    changed["activity"].values[10:] += 5
    again = design_matrix(changed, [Coupling(PAST), History(PAST), PopulationMean(PAST)])
    np.testing.assert_array_equal(design["matrix"].values[:11], again["matrix"].values[:11])


def test_same_bin_must_be_asked_for():
    with_now = boxcar(2, window=(0.0, 0.1))
    with pytest.raises(SelectionError, match="same_bin"):
        design_matrix(make_recording(), [Coupling(with_now)])
    design = design_matrix(make_recording(), [Coupling(with_now, same_bin=True)])
    assert design.sizes["feature"] == 6
    with pytest.raises(SelectionError, match="lag of 0"):
        design_matrix(make_recording(), [History(with_now)])


def test_event_kernels_by_condition():
    recording = make_recording()
    design = design_matrix(recording, [Event("start", boxcar(3, window=(0, 0.2)), by=("side",))])
    assert [str(f) for f in design["feature"].values[::3]] == ["start 0", "start [side=left] 0", "start [side=right] 0"]
    values = design["matrix"].values.reshape(4, 6, 9)
    expected = np.zeros((6, 3))
    expected[:3] = np.eye(3)
    for trial, side in enumerate([0, 1, 0, 1]):
        np.testing.assert_array_equal(values[trial, :, :3], expected)
        np.testing.assert_array_equal(values[trial, :, 3 + 3 * side : 6 + 3 * side], expected)
        np.testing.assert_array_equal(values[trial, :, 6 - 3 * side : 9 - 3 * side], 0)
    assert design["usable"].all()


def test_event_inside_the_trial_and_before_it():
    design = design_matrix(make_recording(), [Event("cue", boxcar(3, window=(-0.1, 0.1)))])
    np.testing.assert_array_equal(design["matrix"].values[:6], np.eye(6)[:, 1:4])


def test_missing_event_is_nowhere():
    recording = make_recording()
    recording["cue"].values[1] = np.nan
    values = design_matrix(recording, [Event("cue", boxcar(1, window=(0, 0)))])["matrix"].values.reshape(4, 6)
    np.testing.assert_array_equal(values.sum(axis=1), [1, 0, 1, 1])


def test_quantities_scale_a_kernel_and_words_split_it():
    recording = make_recording(n_trials=12)
    recording["reward"] = ("trial", np.arange(12.0))
    design = design_matrix(recording, [Event("start", boxcar(1, window=(0, 0)), by=("reward", "side"))])
    assert [str(f) for f in design["feature"].values] == [
        "start",
        "start [reward]",
        "start [side=left]",
        "start [side=right]",
    ]
    scaled = design["matrix"].values[::6, 1]
    np.testing.assert_allclose([scaled.mean(), scaled.std()], [0, 1], atol=1e-6)
    assert design.attrs["conditions"] == "side"


def test_interaction_gives_one_kernel_per_combination():
    recording = make_recording(n_trials=8)
    recording["outcome"] = ("trial", np.array([0, 0, 0, 0, 1, 1, 1, 1]))
    term = Event("start", boxcar(1, window=(0, 0)), by=("side", "outcome"), interaction=True)
    values = design_matrix(recording, [term])["matrix"].values[::6]
    np.testing.assert_array_equal(values.sum(axis=0), [8, 2, 2, 2, 2])


def test_signals_filtered_rectified_and_round_a_circle():
    speed = np.linspace(-1, 1, 24)
    heading = np.linspace(0, 4 * np.pi, 24)
    recording = make_recording(signals={"speed": speed, "heading": heading})
    recording["heading"].attrs["period"] = 2 * np.pi
    design = design_matrix(recording, [Signal("speed", rectified=True), Signal("heading", harmonics=2)])
    values = design["matrix"].values
    np.testing.assert_allclose(values[:, 0] - values[:, 1], speed, atol=1e-6)
    np.testing.assert_allclose(values[:, 2:4], np.column_stack([np.cos(heading), np.sin(heading)]), atol=1e-5)
    np.testing.assert_allclose(values[:, 5], np.sin(2 * heading), atol=1e-5)


def test_bins_are_accounted_for():
    speed = np.ones(24)
    speed[15] = np.nan
    recording = make_recording(signals={"speed": speed})
    recording["trial_id"].values[:6] = -1
    design = design_matrix(recording, [Signal("speed"), Coupling(PAST)])
    counts = {name: design.attrs[name] for name in design.attrs if name.startswith("n_bins")}
    assert counts == {
        "n_bins": 24,
        "n_bins_used": 11,
        "n_bins_outside_trials": 6,
        "n_bins_at_edges": 6,
        "n_bins_missing_signal": 1,
    }
    assert not design["matrix"].values[~design["usable"].values].any()


def test_population_mean_leaves_the_unit_out():
    recording = make_recording(n_trials=1)
    design = design_matrix(recording, [PopulationMean(boxcar(1, window=(0.1, 0.1)))])
    activity = recording["activity"].values
    for unit in range(3):
        column = design["matrix"].values[:, design["allowed"].values[unit]]
        assert column.shape[1] == 1
        others = np.delete(activity, unit, axis=1).mean(axis=1)
        np.testing.assert_allclose(column[1:, 0], others[:-1], rtol=1e-6)


def test_sources_by_area():
    design = design_matrix(make_recording(), [Coupling(PAST, from_area="B")])
    assert set(design["source"].values) == {2}
    with pytest.raises(SelectionError, match="areas of the recording"):
        design_matrix(make_recording(), [Coupling(PAST, from_area="Z")])


def test_unobserved_sources_predict_nothing():
    recording = make_recording(n_trials=1, n_bins=8)
    seen = np.ones((8, 3), dtype=bool)
    seen[:4, 0] = False
    recording["observed"] = (("time", "unit"), seen)
    values = columns(design_matrix(recording, [Coupling(PAST)]), source=0, basis=0)[:, 0]
    np.testing.assert_allclose(values[2:5], recording["activity"].values[4:, 0].mean(), rtol=1e-6)


@settings(max_examples=30)
@given(st.integers(0, 3), st.integers(1, 4), st.integers(2, 30), st.integers(0, 10**6))
def test_filtering_equals_convolution(first, n_lags, n_bins, seed):
    rng = np.random.default_rng(seed)
    recording = recording_from_arrays(rng.poisson(1.0, (n_bins, 2)), bin_width=0.1)
    basis = boxcar(n_lags, window=(first * 0.1, (first + n_lags - 1) * 0.1))
    values = recording["activity"].values
    got = filter_in_runs(values, basis, find_runs(recording))
    kernel = np.zeros((first + n_lags, n_lags))
    kernel[first:] = basis(np.arange(first, first + n_lags) * 0.1)
    for unit in range(2):
        for b in range(n_lags):
            np.testing.assert_allclose(
                got[:, unit, b], np.convolve(values[:, unit], kernel[:, b])[:n_bins], rtol=1e-5, atol=1e-6
            )


def test_permuting_units_permutes_columns():
    recording = make_recording()
    order = [2, 0, 1]
    design, again = (design_matrix(r, [Coupling(PAST)]) for r in (recording, recording.isel(unit=order)))
    for new, old in enumerate(order):
        np.testing.assert_array_equal(columns(again, source=new), columns(design, source=old))


@pytest.mark.parametrize(
    ("terms", "word"),
    [
        ([], "at least one term"),
        ([Event("absent", PAST)], "side, cue"),
        ([Event("start", PAST, by=("colour",))], "colour"),
        ([Signal("absent")], "it has none"),
        ([Coupling(raised_cosine(5, window=(0.1, 0.3)))], "3 bins"),
        ([Drift(2), Coupling(boxcar(1, window=(0.1, 0.9)))], "usable"),
    ],
)
def test_refuses_in_one_line(terms, word):
    with pytest.raises(InputError, match=word) as error:
        design_matrix(make_recording(), terms)
    assert "\n" not in str(error.value)


def test_the_recording_is_not_changed():
    recording = make_recording(signals={"speed": np.full(24, np.nan)})
    before = recording.copy(deep=True)
    with pytest.raises(SelectionError):
        design_matrix(recording, [Signal("speed"), Coupling(PAST)])
    xr.testing.assert_identical(recording, before)
