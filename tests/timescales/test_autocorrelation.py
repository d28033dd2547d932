"""Timescales of processes whose timescale is known, at trial lengths that bias a plain fit."""

import numpy as np
import pytest

from neurorec.recording import InputError
from neurorec.timescales import autocovariance, fit_timescale
from neurorec.timescales.autocorrelation import NO_VARIANCE, NOISE
from neurorec.timescales.exponentials import Curves, fit_decay

BIN = 0.002  # s; tau = 20 ms is 10 bins


def _fit(values, rng, **options):
    return fit_timescale(values, bin_width=BIN, n_draws=0, rng=rng, **{"max_lag": 75} | options)


@pytest.mark.parametrize(("length", "n_trials"), [(0.25, 500), (0.5, 500), (1.0, 500), (5.0, 60)])
@pytest.mark.parametrize(("centring", "offset"), [("trial", False), ("bin", True)])
def test_twenty_milliseconds_are_found_at_any_trial_length(ornstein_uhlenbeck, length, n_trials, centring, offset):
    rng = np.random.default_rng(int(100 * length))
    values = ornstein_uhlenbeck(n_trials, round(length / BIN), 10, rng, n_units=4 if length > 2 else 12)
    tau = 1000 * _fit(values, rng, centring=centring, offset=offset).tau
    assert np.isfinite(tau).all()
    assert abs(tau.mean() - 20) < 3 * tau.std(ddof=1) / np.sqrt(tau.size) + 0.2


def test_uncorrected_it_is_as_wrong_as_published(ornstein_uhlenbeck):
    # Zeraati et al. 2022: trial means off, products over the trial's length, a plain exponential: 16.92 +/- 0.30.
    rng = np.random.default_rng(1)
    n_bins, last = 500, 100
    sample = autocovariance(ornstein_uhlenbeck(500, n_bins, 10, rng, n_units=12), max_lag=last, centring="trial")
    lag = np.arange(last + 1.0)
    curve = sample.covariance * (1 - lag / n_bins)[:, None]
    tau = 2 * fit_decay(Curves(curve, np.eye(last + 1), lag, np.ones(last + 1)), offset=False, longest=n_bins).tau[0]
    assert abs(tau.mean() - 16.92) < 0.4
    assert tau.std() == pytest.approx(0.3, abs=0.15)


def test_the_shorter_the_trial_the_more_the_correction_is_worth(ornstein_uhlenbeck):
    rng = np.random.default_rng(2)
    found = {}
    for n_bins in (125, 500):
        values = ornstein_uhlenbeck(500, n_bins, 10, rng, n_units=6)
        found[n_bins] = 1000 * _fit(values, rng, centring="trial", offset=False, bias="none").tau.mean()
    assert found[125] < 14 < found[500] < 18.5


def test_intervals_hold_the_truth_as_often_as_they_say(ornstein_uhlenbeck):
    rng = np.random.default_rng(3)
    rate = np.maximum(1 + 0.4 * ornstein_uhlenbeck(150, 40, 3.0, rng, n_units=200), 0)
    fit = fit_timescale(rng.poisson(rate), bin_width=0.05, rng=rng)
    known = fit.status == "converged"
    held = (fit.tau_low <= 0.15) & (fit.tau_high >= 0.15)
    assert known.mean() > 0.95
    assert 0.91 <= held[known].mean() <= 0.99
    assert abs(np.median(fit.tau[known]) - 0.15) < 0.01


def test_units_without_memory_seldom_have_a_timescale():
    rng = np.random.default_rng(4)
    fit = fit_timescale(rng.poisson(1.0, (100, 20, 200)), bin_width=0.05, rng=rng)
    assert (fit.status == "converged").mean() < 0.08
    assert NOISE in fit.status
    assert np.isnan(fit.tau[fit.status != "converged"]).all()


def test_missing_bins_bias_nothing(ornstein_uhlenbeck):
    rng = np.random.default_rng(5)
    values = ornstein_uhlenbeck(400, 100, 10, rng, n_units=8)
    length = rng.integers(60, 101, size=400)
    values[np.arange(100)[None] >= length[:, None]] = np.nan
    values[:20, 30:40] = np.nan
    for centring in ("trial", "bin"):
        tau = 1000 * _fit(values, rng, centring=centring, offset=False, max_lag=50).tau
        assert abs(tau.mean() - 20) < 3 * tau.std(ddof=1) / np.sqrt(8) + 0.2


def test_two_exponentials_are_chosen_where_there_are_two(ornstein_uhlenbeck):
    rng = np.random.default_rng(6)
    fast, slow = (ornstein_uhlenbeck(600, 100, tau, rng, n_units=5) for tau in (2.0, 25.0))
    mixed = fit_timescale(fast + slow, bin_width=0.01, model="auto", n_draws=0, rng=rng)
    assert (mixed.n_exponentials == 2).sum() >= 4
    two = mixed.n_exponentials == 2
    assert abs(np.median(mixed.tau_fast[two]) - 0.02) < 0.008
    assert abs(np.median(mixed.tau_slow[two]) - 0.25) < 0.09
    plain = fit_timescale(fast, bin_width=0.01, model="auto", n_draws=0, rng=rng)
    assert (plain.n_exponentials == 1).sum() >= 4
    assert np.isnan(plain.tau_fast[plain.n_exponentials == 1]).all()


def test_a_refractory_bin_is_passed_over_where_asked(ornstein_uhlenbeck):
    rng = np.random.default_rng(7)
    values = ornstein_uhlenbeck(500, 60, 8.0, rng, n_units=6)
    noise = rng.standard_normal((500, 61, 6))
    values = values + 0.9 * (noise[:, 1:] - noise[:, :-1])  # neighbours push each other away, as after a spike
    taus = [
        np.median(fit_timescale(values, bin_width=0.01, first_lag=first, n_draws=0, rng=rng).tau) / 0.01
        for first in (1, 2, "decreasing")
    ]
    assert not abs(taus[0] - 8) < 1.5
    assert abs(taus[1] - 8) < 1.5
    assert abs(taus[2] - 8) < 1.5


def test_results_depend_on_the_generator_alone(ornstein_uhlenbeck):
    values = ornstein_uhlenbeck(60, 30, 4.0, np.random.default_rng(8), n_units=3)
    one, two = (fit_timescale(values, bin_width=0.01, rng=np.random.default_rng(9)) for _ in range(2))
    for a, b in zip(one, two):
        np.testing.assert_array_equal(a, b)


def test_silence_has_no_timescale_and_short_trials_are_refused():
    rng = np.random.default_rng(10)
    fit = fit_timescale(np.zeros((20, 10)), bin_width=0.05, rng=rng)
    assert fit.status.tolist() == [NO_VARIANCE]
    assert np.isnan(fit.autocorrelation).all()
    with pytest.raises(InputError, match="narrower bins"):
        fit_timescale(np.zeros((20, 3)), bin_width=0.05, rng=rng)
