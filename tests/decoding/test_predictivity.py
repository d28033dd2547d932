"""What a predictor explains where the truth is known."""

import numpy as np
import pytest
import xarray as xr

from neurorec.datasets import simulate_late_recurrence
from neurorec.decoding import late_against_early, predictivity_over_time, split_half_reliability, unit_predictivity
from neurorec.recording import InputError, SelectionError

SPANS = {"early": (0.07, 0.14), "late": (0.16, 0.24)}


def test_the_planted_fall_is_found():
    rng = np.random.default_rng(0)
    simulated = simulate_late_recurrence(n_conditions=200, rng=rng)
    found = predictivity_over_time(simulated.features, simulated.rates, rng=rng)
    explained = np.nanmean(found.explained[2:], axis=1)
    # Learning from 180 conditions costs a few hundredths; never more than is there.
    np.testing.assert_allclose(explained, simulated.explainable[2:], atol=0.1)
    change = late_against_early(found, simulated.time, **SPANS, n_draws=200, rng=rng)
    assert change.low < -0.5 < change.high < 0
    assert change.n_units == 30


def test_before_the_response_it_is_undefined():
    rng = np.random.default_rng(1)
    simulated = simulate_late_recurrence(rng=rng)
    found = predictivity_over_time(simulated.features, simulated.rates, min_ceiling=0.4, rng=rng)
    assert np.isnan(found.explained[0]).mean() > 0.9
    assert np.isfinite(found.explained[5]).all()
    assert (found.reason[np.isnan(found.explained)] == "ceiling not above 0.4").all()
    silent = np.where(np.arange(30) == 3, 0.0, simulated.rates)
    found = predictivity_over_time(simulated.features, silent, rng=rng)
    assert np.isnan(found.explained[:, 3]).all()
    assert (found.reason[:, 3] == "the responses do not vary").all()


@pytest.mark.parametrize("mapping", ["ridge", "pls"])
def test_useless_features_explain_nothing_on_average(mapping):
    rng = np.random.default_rng(2)
    simulated = simulate_late_recurrence(n_units=60, rng=rng)
    useless = rng.standard_normal((120, 10))
    found = predictivity_over_time(useless, simulated.rates[:, :, 8:10], mapping=mapping, n_components=3, rng=rng)
    assert -0.04 < np.nanmean(found.explained) < 0.015


def test_reliability_is_that_of_spearman_and_brown():
    rng = np.random.default_rng(3)
    y = rng.standard_normal((2000, 1, 2)) + rng.standard_normal((2000, 5, 2))
    np.testing.assert_allclose(split_half_reliability(y[:, :4], rng=rng), 0.8, atol=0.02)
    y[::2, 4] = np.nan  # repeats that are missing are left out
    assert (abs(split_half_reliability(y, rng=rng) - 0.8) < 0.03).all()


def test_without_a_change_intervals_hold_zero():
    """40 data sets whose explainable share stays: at least 95% - 3 s.e. of the intervals hold 0."""
    held = []
    for k in range(40):
        rng = np.random.default_rng([4, k])
        simulated = simulate_late_recurrence(n_conditions=80, n_units=15, n_repeats=6, explainable=(0.5, 0.5), rng=rng)
        rates = simulated.rates[:, :, 6:14]
        found = predictivity_over_time(simulated.features, rates, n_folds=5, n_splits=5, rng=rng)
        spans = {"early": (0.1, 0.14), "late": (0.15, 0.19)}
        change = late_against_early(found, simulated.time[6:14], **spans, n_draws=100, rng=rng)
        held.append(change.low <= 0 <= change.high)
    assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 40)


def test_a_span_without_a_ceiling_is_undefined():
    rng = np.random.default_rng(5)
    simulated = simulate_late_recurrence(n_units=5, rng=rng)
    found = predictivity_over_time(simulated.features, simulated.rates, min_ceiling=0.6, rng=rng)
    change = late_against_early(found, simulated.time, early=(0.05, 0.05), late=(0.16, 0.24), rng=rng)
    assert np.isnan(change.difference)
    assert "0 units" in change.reason
    with pytest.raises(InputError, match="span"):
        late_against_early(found, simulated.time, early=(1, 2), late=(0.16, 0.24), rng=rng)


def test_what_cannot_be_predicted_is_said():
    rng = np.random.default_rng(6)
    rates = rng.standard_normal((20, 3, 2, 2))
    with pytest.raises(InputError, match="features"):
        predictivity_over_time(np.ones((19, 2)), rates, rng=rng)
    with pytest.raises(InputError, match="n_folds"):
        predictivity_over_time(np.ones((20, 2)), rates, n_folds=11, rng=rng)
    rates[0, 1:] = np.nan
    with pytest.raises(InputError, match="rates"):
        predictivity_over_time(np.ones((20, 2)), rates, rng=rng)


def test_the_labelled_form_keeps_units_and_leaves_out_what_has_no_repeats(recording):
    rng = np.random.default_rng(7)
    label = recording["condition"].values.astype(str)
    names = np.unique(label)
    lone = np.flatnonzero(label == names[0])[1:]
    label = np.where(np.isin(np.arange(label.size), lone), "", label)  # one condition with a single trial
    side = np.array([[1.0 - 2.0 * (int(name.split()[1]) % 2)] for name in names])
    features = xr.DataArray(side, dims=("condition", "feature"), coords={"condition": names})
    found = unit_predictivity(recording, label, features, window=(0, 0.3), n_folds=5, rng=rng)
    assert found["observed"].sizes == {"condition": 19, "time": 30, "unit": 80}
    np.testing.assert_array_equal(found["area"], recording["area"])
    explained = found["explained"].sel(time=slice(0.2, 0.3)).groupby("area").mean(...)
    assert (explained > 0.5).all()
    assert np.isnan(found["explained"].sel(time=slice(0, 0.05))).mean() > 0.3
    with pytest.raises(SelectionError, match="features"):
        unit_predictivity(recording, "condition", features[1:], rng=rng)


def test_no_condition_with_repeats_is_refused():
    with pytest.raises(InputError, match="conditions with two repeats in which every unit was recorded throughout"):
        predictivity_over_time(np.zeros((0, 3)), np.zeros((0, 2, 4, 5)), rng=np.random.default_rng(0))
