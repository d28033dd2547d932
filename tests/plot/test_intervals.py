"""The distribution-free interval and the limits of axes."""

import numpy as np
import pytest
from scipy.stats import binom

from neurorec.plot.canvas import spread
from neurorec.plot.intervals import beyond, fair_range, median_interval


@pytest.mark.parametrize("n", [6, 7, 20, 51, 200])
def test_interval_is_the_narrowest_that_keeps_its_level(n):
    values = np.random.default_rng(n).permutation(n).astype(float)
    middle, low, high = median_interval(values)
    k = int(low) + 1  # the values are their own ranks
    assert middle == np.median(values)
    assert high == n - k
    assert binom.cdf(k - 1, n, 0.5) <= 0.025 < binom.cdf(k, n, 0.5)


def test_interval_needs_six_values_and_leaves_out_missing_ones():
    assert np.isnan(median_interval([1, 2, 3, 4, 5]).low)
    assert median_interval([1, 2, 3, 4, 5, np.nan]).median == 3
    assert np.isnan(median_interval([np.nan]).median)


def test_interval_covers_the_median_of_the_distribution():
    rng = np.random.default_rng(0)
    draws = [median_interval(rng.exponential(size=25)) for _ in range(400)]
    covered = np.mean([d.low <= np.log(2) <= d.high for d in draws])
    assert 0.92 < covered <= 1.0


def test_range_leaves_out_extremes_only_where_they_would_squash_the_rest():
    ordinary = np.linspace(-1, 1, 50)
    assert not fair_range(ordinary).outside.any()
    limits = fair_range(np.append(ordinary, -40.0))
    assert limits.low > -2
    assert limits.outside.tolist() == [False] * 50 + [True]
    assert beyond(np.append(ordinary, -40.0), limits) == "1 unit beyond the axis, on its edges (-40)"
    assert beyond(ordinary, fair_range(ordinary)) == ""


def test_range_holds_zero_and_what_must_be_inside_even_without_values():
    limits = fair_range([np.nan, np.nan], include=[0.3, np.nan])
    assert limits.low < 0 < 0.3 < limits.high
    assert fair_range([]).low < 0 < fair_range([]).high


def test_labels_are_moved_apart_in_order_and_stay_inside():
    wish = [0.0, 0.1, 0.1, 9.9, 10.0]
    places = spread(wish, gap=1.0, low=0.0, high=10.0)
    assert (np.diff(places) >= 1.0 - 1e-9).all()
    assert places.min() >= 0
    assert places.max() <= 10
    np.testing.assert_array_equal(spread([3.0, 1.0], gap=0.5), [3.0, 1.0])
    crowded = spread(np.zeros(30), gap=1.0, low=0.0, high=10.0)
    assert (np.diff(crowded) > 0.3).all()
    assert 0 <= crowded.min() < crowded.max() <= 10
