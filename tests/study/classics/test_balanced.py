"""Balanced spiking networks: what is measured of them, and what they show in small form."""

import numpy as np
import pytest

from neurorec.networks import MatchedRates
from neurorec.report import Findings
from neurorec.study.classics import balanced
from neurorec.study.classics.balanced_measures import (
    balance_equation,
    balanced_network,
    explained,
    intervals_cv,
    mean_correlation,
    measure,
    run_balanced,
)


def test_the_mean_correlation_is_that_of_all_pairs():
    rng = np.random.default_rng(0)
    counts = rng.poisson(3.0, (200, 12)) + rng.poisson(1.0, (200, 1))
    matrix = np.corrcoef(counts.T)
    expected = matrix[np.triu_indices(12, 1)].mean()
    assert mean_correlation(counts) == pytest.approx(expected, rel=1e-10)
    silent = np.concatenate([counts, np.zeros((200, 3), dtype=int)], axis=1)
    assert mean_correlation(silent) == pytest.approx(expected, rel=1e-10)


def test_the_cv_of_intervals_is_that_of_each_unit():
    rng = np.random.default_rng(0)
    trains = [np.unique(rng.integers(0, 10**6, n)) for n in (2000, 5, 300)] + [np.arange(0, 10**6, 5000)]
    step = np.concatenate(trains)
    unit = np.repeat(np.arange(4), [len(train) for train in trains])
    order = np.argsort(step, kind="stable")
    found = intervals_cv(step[order], unit[order], 5)
    for k in (0, 2):
        interval = np.diff(trains[k])
        assert found[k] == pytest.approx(interval.std() / interval.mean(), rel=1e-6)
    assert found[3] == pytest.approx(0.0, abs=1e-6)
    assert np.isnan(found[[1, 4]]).all()


def test_where_inputs_cancel():
    # 1 r_E - 2 r_I + 1 = 0 and 1 r_E - 1.6 r_I + 0.6 = 0, by hand
    np.testing.assert_allclose(balance_equation(), [1.0, 1.0])


def test_a_model_without_error_explains_all():
    seen = np.array([1.0, 2.0, 4.0])
    assert explained(seen, seen) == 1.0
    assert explained(seen, np.full(3, seen.mean())) == pytest.approx(0.0)


@pytest.fixture(scope="module")
def small():
    network = balanced_network(250, rng=np.random.default_rng(0))
    return network, measure(network, run_balanced(network, 20.0, 8.0, rng=np.random.default_rng(1)))


def test_units_are_irregular_and_asynchronous(small):
    _, found = small
    assert 0.8 < np.nanmean(found.cv) < 1.2
    alone = balanced_network(250, recurrent=False, rng=np.random.default_rng(0))
    rates = np.repeat([20.0, found.rate[:250].mean(), found.rate[250:].mean()], 250)
    shared = measure(alone, run_balanced(alone, rates, 4.0, rng=np.random.default_rng(2)))
    assert abs(found.correlation) < 0.02
    assert shared.correlation > 5 * abs(found.correlation)
    assert abs(found.excitation + found.inhibition) < 0.2 * found.excitation


def test_its_rates_are_those_of_mean_field(small):
    network, found = small
    seen = [found.rate[:250].mean(), found.rate[250:].mean()]
    settled = MatchedRates.of(network, by_population=True).settle([20.0])
    assert settled.converged
    np.testing.assert_allclose(settled.rate, seen, rtol=0.12)


def test_all_of_it_in_small_form(monkeypatch):
    monkeypatch.setattr(balanced, "_SIZES", (60, 120))
    monkeypatch.setattr(balanced, "_N", 100)
    monkeypatch.setattr(balanced, "_TIME", 0.2)
    monkeypatch.setattr(balanced, "_EXTERNAL", (5.0, 15.0, 30.0))
    monkeypatch.setattr(balanced, "_SEEN", ((60, 8, True), (60, 8, False)))
    findings = balanced.show_balanced(n_jobs=1)
    assert isinstance(findings, Findings)
    assert len(findings.claims) == 24
    assert len(findings.figures["balanced"][0].axes) == 6
