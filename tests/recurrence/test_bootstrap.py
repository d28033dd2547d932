import numpy as np
import pytest
from scipy import stats

from neurorec.recording import InputError
from neurorec.recurrence import cliffs_delta, compare_areas, effect_sizes, hierarchical_bootstrap
from neurorec.recurrence.statistics.bootstrap import draw_units
from neurorec.recurrence.statistics.cells import tidy_units


def rng(seed=0):
    return np.random.default_rng(seed)


def test_draws_keep_units_in_their_sessions_and_areas():
    area, session = list("AABBBAAB"), list("ssssttttt")[:8]
    units = tidy_units(np.arange(8.0), area, session, list("pppppqqq"))
    for drawn in draw_units(units, 50, rng()):
        for a, members in enumerate(drawn):
            assert (units.area[members] == a).all()
        # p's sessions are s and t, q's is t: with p drawn twice, four sessions; sizes are sums of those of cells.
        assert sum(members.size for members in drawn) <= 16


def test_the_variance_of_draws_is_that_between_sessions():
    """Where units of a session are alike, draws are those of an ordinary bootstrap of sessions."""
    shift = rng(1).normal(size=8)
    found = hierarchical_bootstrap(
        np.repeat(shift, 5), ["A"] * 40, np.repeat(np.arange(8), 5), statistic=np.mean, n_draws=4000, rng=rng(2)
    )
    np.testing.assert_allclose(found.draws.std(), shift.std() / np.sqrt(8), rtol=0.05)
    np.testing.assert_allclose(found.estimate, shift.mean())


@pytest.mark.parametrize("n_sessions", [4, 10])
def test_expanded_intervals_hold_the_truth(n_sessions):
    """At least as often as they say, of the median and of a difference of medians."""
    session = np.repeat(np.arange(n_sessions), 30)
    area = np.tile(np.repeat([0, 1], 15), n_sessions)
    draws, inside = rng(n_sessions), np.zeros(2)
    for _ in range(80):
        value = draws.normal(0, 0.5, (n_sessions, 2))[session, area] + draws.normal(0, 1, session.size)
        found = hierarchical_bootstrap(value, area, session, n_draws=200, rng=draws)
        inside += [found.low[0] < 0 < found.high[0], found.difference_low[1, 0] < 0 < found.difference_high[1, 0]]
    for hits in inside:
        assert stats.binomtest(int(hits), 80, 0.95, alternative="less").pvalue > 0.01


def test_percentile_intervals_of_few_sessions_fall_short():
    """Which is why they are not the default."""
    session, draws, inside = np.repeat(np.arange(3), 10), rng(3), {"percentile": 0, "expanded": 0}
    for _ in range(80):
        value = draws.normal(size=3)[session] + 0.1 * draws.normal(size=30)
        for kind in inside:
            found = hierarchical_bootstrap(value, ["A"] * 30, session, n_draws=100, kind=kind, rng=draws)
            inside[kind] += bool(found.low[0] < 0 < found.high[0])
    assert stats.binomtest(inside["percentile"], 80, 0.95, alternative="less").pvalue < 0.001
    assert inside["expanded"] >= inside["percentile"]
    assert "too narrow with only 3 clusters" in found.method


def test_bca_equals_scipy_where_sessions_are_single_values():
    value = rng(4).exponential(size=25)
    found = hierarchical_bootstrap(
        value, ["A"] * 25, np.arange(25), statistic=np.mean, kind="bca", n_draws=8000, rng=rng(5)
    )
    expected = stats.bootstrap((value,), np.mean, n_resamples=8000, method="BCa", rng=rng(6)).confidence_interval
    np.testing.assert_allclose([found.low[0], found.high[0]], expected, rtol=0.03)


def test_differences_mirror_and_one_area_has_none():
    area, session = np.tile(np.repeat(list("ABC"), 5), 6), np.repeat(np.arange(6), 15)
    found = hierarchical_bootstrap(rng(7).normal(size=90), area, session, n_draws=100, rng=rng())
    np.testing.assert_allclose(found.difference_low, -found.difference_high.T)
    np.testing.assert_allclose(found.against_others[0], found.difference[0, 1:].mean())
    alone = hierarchical_bootstrap([1.0, 2.0, 3.0], ["A"] * 3, ["s"] * 3, n_draws=20, rng=rng())
    assert np.isnan(alone.against_others).all()
    assert "units recorded, not areas" in alone.method


@pytest.mark.parametrize("wrong", [{"n_draws": 1}, {"level": 1.5}, {"kind": "other"}])
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        hierarchical_bootstrap([1.0, 2.0], ["A", "A"], ["s", "t"], rng=rng(), **wrong)


def test_cliffs_delta_counts_pairs():
    x, y = rng(8).integers(0, 5, 30), rng(9).integers(1, 6, 20)
    np.testing.assert_allclose(cliffs_delta(x, y), np.sign(x[:, None] - y).mean())
    statistic = stats.mannwhitneyu(x, y).statistic
    np.testing.assert_allclose(cliffs_delta(x, y), 2 * statistic / 600 - 1)
    assert np.isnan(cliffs_delta([], [1.0]))


def test_effect_sizes_are_those_of_simple_cases():
    area, session = np.tile(np.repeat(["A", "B"], 10), 8), np.repeat(np.arange(8), 20)
    draws = rng(10)
    value = draws.normal(0, 0.3, (8, 2))[session, (area == "B") * 1] + draws.normal(0, 1, 160) + (area == "B")
    found = effect_sizes(value, area, session, n_draws=200, rng=draws)
    a, b = value[area == "A"], value[area == "B"]
    np.testing.assert_allclose(found.estimate["mean_difference"][1], b.mean() - a.mean())
    np.testing.assert_allclose(found.estimate["median_difference"][1], np.median(b) - np.median(a))
    np.testing.assert_allclose(found.estimate["cliffs_delta"][1], cliffs_delta(b, a))
    means = value.reshape(8, 2, 10).mean(axis=2)
    d = (means[:, 1].mean() - means[:, 0].mean()) / np.sqrt(means.var(axis=0, ddof=1).mean())
    np.testing.assert_allclose(found.estimate["session_spreads"][1], d * (1 - 3 / 55))
    for name in ("mean_difference", "median_difference"):
        assert found.low[name][1] < 1 < found.high[name][1]
    effect = compare_areas(value, area, session)
    np.testing.assert_allclose(effect.difference, found.estimate["mean_difference"])


def test_cliffs_delta_of_several_areas_is_the_mean_over_the_others():
    draws = rng(11)
    value, area = draws.integers(0, 6, 60).astype(float), np.repeat(list("ABC"), 20)
    found = effect_sizes(value, area, np.tile(np.arange(4), 15), n_draws=2, rng=draws)
    a, b, c = (value[area == name] for name in "ABC")
    np.testing.assert_allclose(found.estimate["cliffs_delta"][0], (cliffs_delta(a, b) + cliffs_delta(a, c)) / 2)


@pytest.mark.parametrize("areas", [["A", "A", "B", "B"], ["A", "B", "C", "D"]])
def test_nothing_to_compare_is_no_areas(areas):
    """Benefits that are missing throughout, or areas of one unit each."""
    value = np.full(4, np.nan) if areas[1] == "A" else np.arange(4.0)
    found = hierarchical_bootstrap(value, areas, ["s"] * 4, n_draws=5, rng=rng())
    assert found.areas == []
    assert found.estimate.size == found.low.size == 0
    assert effect_sizes(value, areas, ["s"] * 4, n_draws=5, rng=rng()).estimate["cliffs_delta"].size == 0
