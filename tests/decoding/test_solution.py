"""The solution time of curves that are known."""

import numpy as np
import pytest
from scipy.stats import norm

from neurorec.decoding import (
    compare_order,
    compare_solution_times,
    condition_accuracy,
    match_conditions,
    plateau_criterion,
    solution_time,
)
from neurorec.recording import InputError

TIME = np.round(np.arange(1, 11) * 0.01, 3)


def test_the_line_between_windows_meets_the_criterion():
    ramp = np.linspace(0.5, 0.95, 10)
    found = solution_time(ramp, TIME, 0.72)
    assert found.time == pytest.approx(0.01 + (0.72 - 0.5) / 0.45 * 0.09)
    assert found.status == "solved"


def test_it_must_stay():
    curve = np.array([0.5, 0.8, 0.5, 0.5, 0.8, 0.8, 0.5, 0.8, 0.8, 0.8])
    times = [float(solution_time(curve, TIME, 0.65, n_sustained=n).time) for n in (1, 2, 3)]
    np.testing.assert_allclose(times, [0.015, 0.045, 0.075])
    assert solution_time(curve, TIME, 0.65, n_sustained=4).status == "never"


def test_what_is_not_solved_is_missing_with_its_reason():
    curves = [np.full(10, 0.5), np.full(10, 0.9), np.linspace(0.5, 1, 10), np.full(10, np.nan)]
    found = solution_time(curves, TIME, [0.7, 0.7, np.nan, 0.7])
    assert np.isnan(found.time).all()
    assert found.status.tolist() == ["never", "from_start", "no_criterion", "never"]


def test_a_missing_window_before_gives_the_window_itself():
    curve = np.array([0.5, np.nan, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9])
    assert float(solution_time(curve, TIME, 0.7).time) == 0.03


def test_more_axes_are_solved_curve_by_curve():
    curves = np.random.default_rng(0).random((3, 4, 10)).cumsum(axis=-1)
    found = solution_time(curves, TIME, np.full((3, 4), 2.0))
    one = [solution_time(c, TIME, 2.0).time for c in curves.reshape(12, 10)]
    np.testing.assert_allclose(found.time.ravel(), one)


def test_criteria_relative_to_the_plateau_take_out_its_height():
    shape = np.clip((TIME - 0.03) / 0.04, 0, 1)
    curves = 0.5 + np.array([0.4, 0.1])[:, None] * shape
    relative = plateau_criterion(curves, TIME, (0.08, 0.1), chance=0.5)
    np.testing.assert_allclose(solution_time(curves, TIME, relative).time, 0.05)
    fixed = solution_time(curves, TIME, 0.55).time
    assert fixed[1] > fixed[0] + 0.01  # the same shape and delay, and yet the weaker seems later
    assert np.isnan(plateau_criterion(curves[1], TIME, (0.08, 0.1), chance=0.5, least=0.2))
    assert np.isnan(plateau_criterion(1 - curves[1], TIME, (0.08, 0.1), chance=0.5))


def test_d_prime_counts_false_alarms_in_the_condition_or_else_everywhere():
    chosen = np.zeros((8, 1, 2))
    chosen[np.arange(8), 0, [0, 0, 0, 1, 1, 1, 1, 0]] = 1
    code = np.repeat([0, 1], 4)
    both = condition_accuracy(chosen, code, np.ones(8, dtype=bool), measure="dprime")
    expected = norm.ppf(3.5 / 5) - norm.ppf(1.5 / 5)
    np.testing.assert_allclose(both, expected)
    one = condition_accuracy(chosen, code, code == 0, measure="dprime")
    np.testing.assert_allclose(one, expected)
    nothing = condition_accuracy(np.full((8, 1, 2), np.nan), code, code == 0)
    assert np.isnan(nothing).all()


def test_matched_conditions_are_pairs_within_the_tolerance():
    rng = np.random.default_rng(1)
    value = np.r_[rng.normal(0.8, 0.1, 30), rng.normal(0.7, 0.1, 30), np.nan]
    second = np.arange(61) >= 30
    kept = match_conditions(value, second, tolerance=0.02)
    assert kept[~second].sum() == kept[second].sum() > 5
    gap = np.sort(value[kept & second]) - np.sort(value[kept & ~second])
    assert abs(gap).max() <= 0.02 + 1e-9
    assert not match_conditions([0.1, 0.9], [False, True], tolerance=0.1).any()


def test_groups_of_conditions_with_nothing_planted_are_calibrated():
    """Over 600 repeats without a difference: 5% of p-values below 0.05 and 95% of intervals over 0, within 3 s.e."""
    rng = np.random.default_rng(20)
    second = np.arange(40) >= 20
    found = [compare_solution_times(rng.gamma(4, 0.01, 40), second, n_draws=200, rng=rng) for _ in range(600)]
    p = np.array([f.p_value for f in found])
    for level in (0.05, 0.2, 0.5):
        assert abs((p <= level).mean() - level) < 3 * np.sqrt(level * (1 - level) / 600) + 1 / 200
    assert np.mean([f.low <= 0 <= f.high for f in found]) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 600)


def test_unsolved_conditions_are_counted_and_too_few_are_undefined():
    rng = np.random.default_rng(3)
    time = np.r_[np.full(10, 0.1), [0.12, 0.14], np.full(8, np.nan)]
    found = compare_solution_times(time, np.arange(20) >= 10, rng=rng)
    assert np.isnan(found.difference)
    assert found.n_solved == (10, 2)
    assert found.n_total == (10, 10)
    assert "2 conditions are solved" in found.reason


def test_a_model_that_does_not_change_in_time_has_no_order():
    rng = np.random.default_rng(4)
    neural = rng.normal(0.15, 0.02, 30)
    static = compare_order(neural, np.full(30, 0.1))
    assert np.isnan(static.correlation)
    assert "does not change" in static.reason
    assert compare_order(neural, neural + 0.02).correlation == 1
    assert np.isnan(compare_order(neural[:3], neural[:3]).correlation)


def test_axes_that_do_not_match_are_said():
    with pytest.raises(InputError, match="time"):
        solution_time(np.ones((2, 10)), TIME[:9], 0.5)
    with pytest.raises(InputError, match="window"):
        plateau_criterion(np.ones(10), TIME, (1, 2), chance=0.5)
    with pytest.raises(InputError, match="second"):
        compare_solution_times([0.1], [True, False], rng=np.random.default_rng(0))
