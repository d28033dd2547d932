import numpy as np
import statsmodels.stats.multitest as multitest
from scipy import stats

from neurorec.recurrence import compare_areas, false_discovery, statistics, unit_p_values


def test_unit_p_values_equal_a_t_test():
    gain = np.random.default_rng(0).normal(0.1, 1, (20, 50))
    gain[3, 10:20] = np.nan
    expected = stats.ttest_1samp(gain, 0, axis=1, nan_policy="omit", alternative="greater").pvalue
    np.testing.assert_allclose(unit_p_values(gain), expected)


def test_unit_p_values_are_missing_where_nothing_can_be_said():
    gain = np.array([[0.0, 0, 0, 0], [1, 2, np.nan, np.nan], [np.nan] * 4, [1, 2, 3, 4]])
    np.testing.assert_array_equal(np.isnan(unit_p_values(gain)), [True, True, True, False])


def test_false_discovery_equals_statsmodels_and_skips_the_missing():
    p = np.random.default_rng(1).random(30) ** 2
    expected = multitest.multipletests(p, method="fdr_bh")[1]
    with_missing = np.insert(p, 5, np.nan)
    np.testing.assert_allclose(np.delete(false_discovery(with_missing), 5), expected)
    assert np.isnan(false_discovery(with_missing)[5])


def test_one_session_equals_welch_for_two_areas():
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 1, 60), rng.normal(0.3, 3, 80)
    effect = compare_areas(np.r_[a, b], ["A"] * 60 + ["B"] * 80, ["s"] * 140)
    np.testing.assert_allclose(effect.difference, [a.mean() - b.mean(), b.mean() - a.mean()])
    np.testing.assert_allclose(effect.p_value[0], stats.ttest_ind(a, b, equal_var=False).pvalue, rtol=0.05)
    np.testing.assert_allclose(effect.p_overall, effect.p_value[0], rtol=1e-6)
    assert "one session" in effect.method


def test_sessions_are_not_mistaken_for_areas():
    """A session that is high in every area must not make one area high."""
    rng = np.random.default_rng(3)
    session = np.repeat([f"s{i}" for i in range(8)], 40)
    shift = np.repeat(rng.normal(0, 3, 8), 40)
    area = np.tile(np.repeat(["A", "B"], 20), 8)
    effect = compare_areas(shift + 0.5 * (area == "B") + rng.normal(0, 0.5, 320), area, session)
    assert "mixed model" in effect.method
    assert effect.p_value[0] < 1e-4
    np.testing.assert_allclose(effect.difference[1], 0.5, atol=0.15)


def p_values_of(draw, n=150):
    return np.array([draw().p_overall for _ in range(n)])


def test_p_values_are_uniform_when_units_of_one_session_do_not_differ():
    rng = np.random.default_rng(4)
    area = np.tile(["A", "A", "B", "C"], 30)
    spread = np.where(area == "B", 2.0, 1.0)  # areas may differ in spread
    p = p_values_of(lambda: compare_areas(rng.normal(0, 1, 120) * spread, area, ["s"] * 120))
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_p_values_are_uniform_when_every_network_is_different():
    """Units of one area and session share a network: sessions are the replicates, whatever the number of units."""
    rng = np.random.default_rng(5)
    session = np.repeat(np.arange(6), 40)
    area = np.tile(np.repeat([0, 1], 20), 6)

    def draw():
        network, shift = rng.normal(0, 1, (6, 2)), rng.normal(0, 1, 6)
        value = shift[session] + network[session, area] + rng.normal(0, 0.5, 240)
        return compare_areas(value, np.array(["A", "B"])[area], session.astype(str))

    p = p_values_of(draw, 60)
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(p < 0.05) < 0.15


def test_sessions_without_areas_in_common_are_no_replicates():
    value = np.random.default_rng(6).normal(size=80)
    effect = compare_areas(value, ["A"] * 40 + ["B"] * 40, ["s"] * 40 + ["t"] * 40)
    assert effect.method.startswith("sessions share too few areas")


def test_fallback_when_the_mixed_model_does_not_converge(monkeypatch):
    def fail(*_, **__):
        raise np.linalg.LinAlgError("singular")

    rng = np.random.default_rng(7)
    area, session = np.tile(np.repeat(["A", "B"], 10), 5), np.repeat([f"s{i}" for i in range(5)], 20)
    value = rng.normal(size=100) + 3 * (area == "B")
    fitted = compare_areas(value, area, session)
    monkeypatch.setattr(statistics.MixedLM, "from_formula", fail)
    fallen = compare_areas(value, area, session)
    assert "did not converge" in fallen.method
    np.testing.assert_allclose(fallen.difference, fitted.difference, rtol=1e-6)


def test_one_area_is_compared_with_none():
    effect = compare_areas([1.0, 2.0, 3.0], ["A"] * 3, ["s"] * 3)
    assert effect.areas == ["A"]
    assert np.isnan(effect.p_value).all()
    assert np.isnan(effect.p_overall)


def test_an_area_that_does_not_vary_is_not_tested():
    effect = compare_areas([0.0] * 5 + [1.0, 2.0, 3.0], ["A"] * 5 + ["B"] * 3, ["s"] * 8)
    assert np.isnan(effect.p_overall)
    assert "does not vary" in effect.method
    np.testing.assert_allclose(effect.mean, [0, 2], atol=1e-12)
