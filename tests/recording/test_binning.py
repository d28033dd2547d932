"""Bins: cut from what was observed, filled without losing or inventing anything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorec.recording import (
    InputError,
    average_in_bins,
    bin_intervals,
    clip_intervals,
    count_spikes,
    find_bins,
    merge_intervals,
    observed_mask,
    subtract_intervals,
)

edges = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=8).map(
    lambda pairs: np.array([[start, start + length] for start, length in pairs], dtype=float).reshape(-1, 2)
)


def covered(intervals, at):
    """Oracle: is each moment inside some interval?"""
    return np.array([any(start <= t < stop for start, stop in intervals) for t in at])


HALVES = np.arange(0, 90) + 0.5


@given(edges, edges)
def test_interval_arithmetic_agrees_with_membership(first, second):
    assert (covered(merge_intervals(first), HALVES) == covered(first, HALVES)).all()
    left = subtract_intervals(first, second)
    assert (covered(left, HALVES) == covered(first, HALVES) & ~covered(second, HALVES)).all()
    clipped = clip_intervals(first, 10, 40)
    assert (covered(clipped, HALVES) == covered(first, HALVES) & (HALVES > 10) & (HALVES < 40)).all()
    for result in (merge_intervals(first), left, clipped):
        assert (result[1:, 0] > result[:-1, 1]).all()


def test_a_gap_below_the_tolerance_does_not_split():
    assert len(merge_intervals([[0, 1], [1 + 1e-10, 2]])) == 1
    assert len(merge_intervals([[0, 1], [1 + 1e-6, 2]])) == 2


def test_missing_and_reversed_intervals_hold_nothing():
    assert merge_intervals([[0, np.nan], [3, 2], [5, 5]]).shape == (0, 2)


def test_each_interval_has_its_own_grid_of_whole_bins():
    bins = bin_intervals([[1.005, 1.1], [0, 0.035]], 0.01)
    np.testing.assert_allclose(bins.time, [0, 0.01, 0.02, *(1.005 + 0.01 * np.arange(9))])
    assert bins.segment.tolist() == [0] * 3 + [1] * 9


def test_rounding_of_the_clock_loses_no_bin():
    # 65.67440832 - 65.27440832 is a little less than 0.4.
    for start in (65.27440832, 1e6 + 0.1, 1.6e9):
        assert bin_intervals([[start, start + 0.4]], 0.01).time.size == 40


def test_an_interval_shorter_than_a_bin_is_no_segment():
    assert bin_intervals([[0, 0.005], [1, 1.02]], 0.01).segment.tolist() == [0, 0]


@pytest.mark.parametrize("width", [0, -1, np.nan, np.inf])
def test_bin_width_must_be_a_positive_number(width):
    with pytest.raises(InputError, match="bin_width"):
        bin_intervals([[0, 1]], width)


@given(
    st.lists(st.tuples(st.floats(-1, 12), st.integers(0, 3)), max_size=60),
    st.sampled_from([0.25, 0.5, 1.0]),
)
def test_counts_agree_with_a_loop(spikes, width):
    times, unit = np.array([t for t, _ in spikes]), np.array([u for _, u in spikes], dtype=int)
    bins = bin_intervals([[0, 4], [6, 10.25]], width)
    # Moments closer to an edge than the clock's rounding may fall on either side.
    assert np.asarray(times).size == unit.size
    clear = np.abs(times / 0.25 - np.round(times / 0.25)) > 1e-6
    times, unit = times[clear], unit[clear]
    counts = count_spikes(times, unit, time=bins.time, bin_width=width, n_units=4)
    expected = [[np.sum((unit == u) & (times >= t) & (times < t + width)) for u in range(4)] for t in bins.time]
    np.testing.assert_array_equal(counts, expected)


def test_spikes_on_an_edge_fall_to_its_right():
    time = bin_intervals([[0.1, 1.1]], 0.1).time
    assert find_bins(0.1 + 0.1 * np.arange(10), time, 0.1).tolist() == list(range(10))
    assert find_bins([0.3, 0.7, 1.1], time, 0.1).tolist() == [2, 6, -1]


def test_counting_without_bins_or_spikes():
    assert count_spikes([0.1], [0], time=[], bin_width=0.1, n_units=2).shape == (0, 2)
    assert count_spikes([], [], time=[0.0], bin_width=0.1, n_units=2).tolist() == [[0, 0]]


def test_one_sample_per_bin_comes_back_exactly():
    values = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    time = np.arange(50) * 0.1
    result = average_in_bins(values, time, time=time, bin_width=0.1)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, values)


def test_fast_samples_are_averaged_and_missing_ones_left_aside():
    values = [1, 2, 3, np.nan, 5, 6, np.nan, np.nan]
    stamps = np.arange(8) * 0.05
    result = average_in_bins(values, stamps, time=np.arange(4) * 0.1, bin_width=0.1)
    np.testing.assert_array_equal(result, [1.5, 3, 5.5, np.nan])


def test_slow_samples_are_joined_by_a_line_where_close():
    stamps = np.array([0.0, 0.1, 0.2, 0.3, 0.8, 0.9])
    time = np.arange(100) * 0.01
    result = average_in_bins(10 * stamps, stamps, time=time, bin_width=0.01)
    centre = time + 0.005
    known = np.isfinite(result)
    assert known[:31].all()
    assert not known[31:80].any()
    assert known[80:91].all()
    assert not known[91:].any()
    at_sample = np.isin(np.round(time, 3), stamps)
    np.testing.assert_allclose(result[known & ~at_sample], 10 * centre[known & ~at_sample])
    np.testing.assert_allclose(result[known & at_sample], 10 * time[known & at_sample])


def test_a_missing_sample_is_not_bridged():
    result = average_in_bins([0, np.nan, 2, 3], np.arange(4.0), time=np.arange(4.0), bin_width=1)
    np.testing.assert_array_equal(result, [0, np.nan, 2, 3])


def test_angles_are_averaged_around_the_circle():
    result = average_in_bins([350, 10, 90, 100], [0, 0.1, 1, 1.1], time=[0, 1], bin_width=1, period=360)
    np.testing.assert_allclose(result, [0, 95], atol=1e-9)
    between = average_in_bins([350.0, 10.0], [0.0, 1.0], time=[0.4], bin_width=0.2, period=360, max_gap=2)
    np.testing.assert_allclose(between, [0], atol=1e-9)


@given(st.floats(-50, 50), st.integers(-3, 3))
def test_turning_all_angles_turns_their_mean(shift, turns):
    angles = np.array([0.1, 0.4, 5.9, 6.1])
    stamps, period = [0, 0.1, 0.2, 0.3], 2 * np.pi
    options = dict(time=[0.0], bin_width=1.0, period=period)
    plain = average_in_bins(angles, stamps, **options)
    turned = average_in_bins(angles + shift + turns * period, stamps, **options)
    assert 0 <= turned[0] < period
    np.testing.assert_allclose(np.exp(1j * turned), np.exp(1j * (plain + shift)), atol=1e-9)


def test_a_bin_is_observed_only_where_it_lies_whole_in_an_interval():
    mask = observed_mask([[[0, 0.3]], [[0.05, 0.2], [0.2, 0.4]], []], time=np.arange(4) * 0.1, bin_width=0.1)
    assert mask.T.tolist() == [[True] * 3 + [False], [False, True, True, True], [False] * 4]
