"""Decays without noise are found to the last digit, and what is no decay is not called one."""

import numpy as np
import pytest

from neurorec.timescales.exponentials import CONVERGED, LONG, NONE, SHORT, Curves, decay_at, fit_decay

LAG = np.arange(1.0, 41.0)


def _curves(*series: np.ndarray) -> Curves:
    return Curves(np.stack(series, axis=1), np.eye(LAG.size), LAG, np.linspace(1, 0.2, LAG.size))


def test_single_decays_are_exact():
    tau, amplitude, offset = np.array([0.7, 3.0, 25.0]), np.array([1.0, 0.2, 5.0]), np.array([0.0, -0.05, 2.0])
    fit = fit_decay(_curves(*(a * np.exp(-LAG / t) + b for t, a, b in zip(tau, amplitude, offset))), longest=60)
    np.testing.assert_allclose(fit.tau[0], tau, rtol=1e-5)
    np.testing.assert_allclose(fit.amplitude[0], amplitude, rtol=1e-4)
    np.testing.assert_allclose(fit.offset, offset, atol=1e-4)


def test_double_decays_are_exact():
    truth = np.array([[2.0, 5.0], [15.0, 30.0]])
    series = [0.6 * np.exp(-LAG / a) + 0.4 * np.exp(-LAG / b) + 0.1 for a, b in truth.T]
    fit = fit_decay(_curves(*series), n_components=2, longest=60)
    np.testing.assert_allclose(fit.tau, truth, rtol=0.02)
    np.testing.assert_allclose(decay_at(fit, LAG), np.stack(series, axis=1), atol=1e-4)


def test_the_grid_alone_is_good_to_a_thousandth():
    taus = np.geomspace(0.5, 30, 40)
    fit = fit_decay(_curves(*(np.exp(-LAG / t) for t in taus)), longest=60, refine=False)
    np.testing.assert_allclose(fit.tau[0], taus, rtol=2e-3)


@pytest.mark.parametrize("n_components", [1, 2])
def test_what_is_no_decay_has_no_answer(n_components):
    series = [-np.exp(-LAG / 5), np.exp(-LAG / 0.05), 2.0 - (LAG / 40) ** 2, np.zeros(LAG.size)]
    fit = fit_decay(_curves(*series), n_components=n_components, offset=False, longest=60)
    assert fit.status[0] == NONE
    assert fit.status[1] in (SHORT, NONE)
    assert fit.status[2] in (LONG, NONE)
    assert fit.status[3] == NONE
    assert np.isnan(fit.tau).all()
    assert np.isnan(fit.amplitude).all()


def test_scale_means_nothing():
    rng = np.random.default_rng(0)
    series = np.exp(-LAG / 6) + 0.05 * rng.standard_normal(LAG.size)
    fit = fit_decay(_curves(series, 1e-6 * series, 1e6 * series), longest=60)
    assert (fit.status == CONVERGED).all()
    np.testing.assert_allclose(fit.tau[0], fit.tau[0, 0], rtol=1e-6)
