"""Echo state networks show what is known of them, in small form."""

import numpy as np
import pytest

from neurorec.networks import reservoir_states
from neurorec.study.classics.echo_state import crossing, measure_echo_state
from neurorec.study.classics.echo_state_measures import (
    linear_capacity,
    memory_capacity,
    mutual_information,
    spreading,
)


def delay_line(inputs: np.ndarray) -> np.ndarray:
    return reservoir_states(np.eye(6, k=-1), np.eye(6)[:, :1], inputs, nonlinearity="linear")


def test_a_delay_line_remembers_exactly_what_it_is_long():
    found = memory_capacity(delay_line, 8, n_steps=500, rng=np.random.default_rng(0))
    np.testing.assert_allclose(found[:5], 1.0, atol=1e-6)  # the first of six units holds the input itself
    np.testing.assert_allclose(found[5:], 0.0, atol=0.1)
    assert linear_capacity(delay_line(np.eye(1, 50).T), 8) == pytest.approx(5)


def test_linear_units_remember_one_step_each_over_all_lags():
    rng = np.random.default_rng(1)
    weights = 0.8 * np.linalg.qr(rng.standard_normal((5, 5)))[0]
    echoes = reservoir_states(weights, rng.standard_normal((5, 1)), np.eye(1, 400).T, nonlinearity="linear")
    now = echoes[0] @ np.linalg.inv(echoes.T @ echoes) @ echoes[0]
    assert linear_capacity(echoes, 399) == pytest.approx(5 - now)


def test_spreading_counts_units_that_change():
    rng = np.random.default_rng(2)
    heard = np.argsort(rng.random((12, 12)), axis=1)[:, :3]
    weights = np.zeros((12, 12))
    np.put_along_axis(weights, heard, rng.standard_normal((12, 3)), axis=1)
    states, drive = np.sign(rng.standard_normal((7, 12))), rng.standard_normal(7)
    counted = 0
    for state, push in zip(states, drive, strict=True):
        after = weights @ state + push >= 0
        for unit in range(12):
            other = state.copy()
            other[unit] *= -1
            counted += ((weights @ other + push >= 0) != after).sum()
    assert spreading(weights, heard, states, drive) == pytest.approx(np.log(counted / (7 * 12)))


def test_information_and_crossings():
    coin = np.random.default_rng(3).integers(0, 2, 4000)
    assert mutual_information(coin, coin) == pytest.approx(1, abs=0.01)
    assert mutual_information(coin, np.roll(coin, 1)) < 0.01
    assert crossing(np.array([1.0, 2.0]), np.array([-np.inf, 0.5])) == 2.0
    assert np.isnan(crossing(np.array([1.0, 2.0]), np.array([-2.0, -0.5])))


@pytest.mark.long
def test_it_shows_what_is_known():
    found = measure_echo_state(
        n_seeds=2, n_steps=1200, seed=0, sizes=(50, 100), n_edge=60, n_parity=120, gains=np.array([0.4, 0.9, 1.2, 2.5])
    )
    said = {claim.what: claim for claim in found.claims}
    assert said["largest capacity of any network over its units"].value <= 1
    assert said["linear: deviation from the exact capacity, mean over draws, fraction"].value < 0.05
    assert 0.35 < said["NARMA-10, NRMSE, linear filter of 30 taps"].value < 0.43
    assert said["NARMA-10, NRMSE, 100 units"].value < 0.33
    assert said["Mackey-Glass, 10 steps ahead, NRMSE, 100 units"].holds
    for what in ("share of the memory", "3-bit parity, bits", "... in the most orderly", "... variance of the weights"):
        assert next(claim for claim in found.claims if claim.what.startswith(what)).holds, what
    exponent = found.data["edge"]["exponent"].mean("seed").values
    assert (exponent[:, 0] < -0.5).all()
    assert (exponent[:, -1] > 0).all()
    figure, _ = found.figures["echo_state"]
    assert len(figure.axes) == 6
