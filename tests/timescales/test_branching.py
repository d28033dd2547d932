"""The branching ratio is found however few units are seen, where the plain slope is not."""

import numpy as np
import pandas as pd
import pytest

from neurorec.datasets import simulate_branching, simulate_branching_network, subsample_activity
from neurorec.recording import InputError, recording_from_arrays
from neurorec.timescales import branching_ratio, expected_slopes, fit_branching
from neurorec.timescales.branching import SILENT


@pytest.mark.parametrize(("m", "max_lag"), [(0.9, 40), (0.98, 120), (0.99, 200)])
def test_the_share_of_units_seen_changes_the_slopes_but_not_the_ratio(m, max_lag):
    rng = np.random.default_rng(round(1000 * m))
    activity = simulate_branching(m, drive=100 * (1 - m), n_trials=40, n_bins=4000, rng=rng)
    for share in (1.0, 0.1, 0.01):
        fit = fit_branching(
            subsample_activity(activity, share, rng=rng), bin_width=0.004, max_lag=max_lag, n_draws=0, rng=rng
        )
        theory = expected_slopes(m, share, fit.lag)
        error = 0.02 if share < 0.1 and m < 0.95 else 0.004
        assert fit.status == "converged"
        assert abs(fit.m - m) < error
        assert abs(fit.conventional - theory[0]) < 0.03
        assert np.abs(fit.slopes - theory).max() < 0.06
    assert fit.conventional < 0.4


def test_published_slopes():
    # Wilting & Priesemann 2018: m = 0.99 looks like 0.37, 0.10 and 0.02 to a plain slope as less and less is seen of a
    # network of sparse activity; at 100 events per bin the same formula gives:
    np.testing.assert_allclose(expected_slopes(0.99, np.array([1.0, 0.1, 0.01]), 1), [0.99, 0.8396, 0.3334], atol=1e-3)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(1)
    held = []
    for _ in range(100):
        seen = subsample_activity(simulate_branching(0.9, drive=10, n_trials=60, n_bins=150, rng=rng), 0.2, rng=rng)
        fit = fit_branching(seen, bin_width=0.004, max_lag=40, n_draws=150, rng=rng)
        held.append(fit.m_low < 0.9 < fit.m_high)
    assert 0.88 <= np.mean(held) <= 0.99


def test_no_pair_crosses_a_trial():
    rng = np.random.default_rng(2)
    activity = simulate_branching(0.9, drive=3, n_trials=30, n_bins=200, rng=rng).astype(float)
    turned = fit_branching(activity[rng.permutation(30)], bin_width=0.01, max_lag=30, n_draws=0, rng=rng)
    padded = np.full((30, 260), np.nan)
    padded[:, 20:220] = activity
    for other in (turned, fit_branching(padded, bin_width=0.01, max_lag=30, n_draws=0, rng=rng)):
        fit = fit_branching(activity, bin_width=0.01, max_lag=30, n_draws=0, rng=rng)
        np.testing.assert_allclose(other.slopes, fit.slopes, atol=1e-12)


def test_slopes_are_those_of_a_regression():
    rng = np.random.default_rng(3)
    activity = rng.poisson(3, (4, 50)).astype(float)
    fit = fit_branching(activity, bin_width=0.01, max_lag=5, n_draws=0, rng=rng)
    x, y = activity[:, :-3].ravel(), activity[:, 3:].ravel()
    assert fit.slopes[2] == pytest.approx(np.polyfit(x, y, 1)[0])


def test_what_has_no_memory_has_no_ratio():
    rng = np.random.default_rng(4)
    fits = [fit_branching(rng.poisson(5, (30, 200)), bin_width=0.01, max_lag=40, rng=rng) for _ in range(40)]
    assert np.mean([fit.status == "converged" for fit in fits]) <= 0.1
    fit = fit_branching(np.ones((20, 50)), bin_width=0.01, rng=rng)
    assert fit.status == SILENT
    assert np.isnan([fit.m, fit.tau, fit.conventional]).all()
    with pytest.raises(InputError, match="lags"):
        fit_branching(np.ones((20, 4)), bin_width=0.01, rng=rng)


def test_areas_are_told_apart_and_shared_responses_taken_off():
    rng = np.random.default_rng(5)
    n_trials, n_bins = 100, 150
    short, long = (
        simulate_branching(m, drive=20 * (1 - m), n_trials=n_trials, n_bins=n_bins, rng=rng) for m in (0.7, 0.93)
    )
    response = (5 + 5 * np.sin(np.arange(n_bins) / 20)).round().astype(int)
    units = np.stack([(short + response).ravel(), long.ravel()], axis=1)
    start = np.arange(n_trials) * 2.0
    recording = recording_from_arrays(
        units,
        bin_width=0.01,
        area=["V1", "PPC"],
        time=(start[:, None] + np.arange(n_bins) * 0.01).ravel(),
        trials=pd.DataFrame({"start": start, "stop": start + 1.5}),
    )
    result = branching_ratio(recording, max_lag=0.6, rng=rng)
    assert abs(float(result["m"].sel(area="V1")) - 0.7) < 0.05
    assert abs(float(result["m"].sel(area="PPC")) - 0.93) < 0.02
    assert result.sel(area="PPC")["tau"].item() == pytest.approx(-0.01 / np.log(result.sel(area="PPC")["m"].item()))
    plain = branching_ratio(recording, max_lag=0.6, centring="grand", n_draws=0, rng=rng)
    assert not abs(float(plain["m"].sel(area="V1")) - 0.7) < 0.05


def test_the_network_branches_as_told():
    rng = np.random.default_rng(6)
    recording = simulate_branching_network(0.9, n_units=400, drive=1.0, n_trials=10, n_bins=500, rng=rng)
    fit = branching_ratio(recording, max_lag=0.12, n_draws=0, rng=rng)
    # Two active units that hit the same third lose one: m (1 - A / n) with A about 10 of 400.
    assert abs(float(fit["m"][0]) - 0.88) < 0.03


@pytest.mark.parametrize("options", [{"m": 1.0, "drive": 1.0}, {"m": 0.5, "drive": 0.0}])
def test_a_process_without_a_stationary_state_is_refused(options):
    with pytest.raises(InputError):
        simulate_branching(**options, n_bins=10, rng=np.random.default_rng(0))
