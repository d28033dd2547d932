import numpy as np
import pytest
import statsmodels.stats.multitest as multitest
from scipy import stats

from neurorec.recording import InputError
from neurorec.recurrence import compare_areas, false_discovery, unit_p_values
from neurorec.recurrence.statistics import areas as areas_module


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
    rng = np.random.default_rng(7)
    area, session = np.tile(np.repeat(["A", "B"], 10), 5), np.repeat([f"s{i}" for i in range(5)], 20)
    value = rng.normal(size=100) + 3 * (area == "B")
    fitted = compare_areas(value, area, session)
    fit_mixed = areas_module.fit_mixed
    monkeypatch.setattr(areas_module, "fit_mixed", lambda *a: fit_mixed(*a)._replace(converged=False))
    fallen = compare_areas(value, area, session)
    assert "did not converge" in fallen.method
    assert fitted.converged
    assert not fallen.converged
    np.testing.assert_allclose(fallen.difference, fitted.difference, rtol=1e-6)
    np.testing.assert_allclose(fallen.p_value, fitted.p_value, rtol=1e-4)


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


def test_balanced_sessions_equal_the_analysis_of_variance():
    """Whether areas vary between sessions or not, the mixed model's tests are those of the paired design."""
    session, area = np.repeat(np.arange(5), 30), np.tile(np.repeat([0, 1], 15), 5)
    for seed, network in ((0, 1.0), (1, 0.0), (2, 0.0)):
        rng = np.random.default_rng(seed)
        value = rng.normal(0, network, (5, 2))[session, area] + rng.normal(0, 1, 150)
        effect = compare_areas(0.01 * value, np.array(["A", "B"])[area], session.astype(str))
        cells = value.reshape(5, 2, 15).mean(axis=2)
        paired = stats.ttest_rel(cells[:, 0], cells[:, 1])
        np.testing.assert_allclose(effect.p_value, paired.pvalue, rtol=1e-3)
        np.testing.assert_allclose(effect.p_overall, paired.pvalue, rtol=1e-3)
        low, high = paired.confidence_interval()
        np.testing.assert_allclose([effect.low[0], effect.high[0]], [0.01 * low, 0.01 * high], rtol=1e-3)


def test_areas_in_separate_sessions_equal_a_t_test_of_sessions():
    rng = np.random.default_rng(8)
    session = np.repeat(np.arange(9), 20)
    value = np.repeat(rng.normal(0, 1, 9), 20) + rng.normal(0, 1, 180)
    effect = compare_areas(value, np.where(session < 4, "A", "B"), session.astype(str))
    means = value.reshape(9, 20).mean(axis=1)
    np.testing.assert_allclose(effect.p_value[0], stats.ttest_ind(means[:4], means[4:]).pvalue, rtol=1e-3)
    np.testing.assert_allclose(effect.freedom, 7, rtol=1e-4)


def structure(name):
    """Area, session and subject of units in one of several designs."""
    rng = np.random.default_rng(3)
    match name:
        case "separate":
            session = np.repeat(np.arange(8), rng.integers(10, 60, 8))
            return session % 2, session, 0 * session
        case "subjects":
            session = np.repeat(np.arange(9), 30)
            return np.tile(np.repeat([0, 1, 2], 10), 9), session, session // 3
        case _:
            pairs = [(a, s) for s in range(6) for a in range(5) if name == "unbalanced" or rng.random() < 0.65]
            place = np.repeat(pairs, rng.integers(3, 60, len(pairs)), axis=0)
            return place[:, 0], place[:, 1], 0 * place[:, 1]


@pytest.mark.long
@pytest.mark.parametrize("name", ["separate", "subjects", "unbalanced", "incomplete"])
@pytest.mark.parametrize("network", [0.1, 0.7])
def test_p_values_are_uniform_under_the_null(name, network):
    """Heavy-tailed units, unequal numbers of them, sessions and subjects that differ, as small as real benefits."""
    area, session, subject = structure(name)
    rng = np.random.default_rng([11, len(name), int(10 * network)])

    def draw():
        cell = rng.normal(0, network, (10, 5))[session, area]
        value = cell + rng.normal(0, 0.7, 10)[session] + rng.normal(0, 1, 3)[subject] + rng.standard_t(3, area.size)
        return compare_areas(0.01 * value, area.astype(str), session.astype(str), subject.astype(str))

    effects = [draw() for _ in range(60)]
    p = np.array([effect.p_overall for effect in effects])
    assert all(effect.converged for effect in effects)
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert stats.binomtest(int((p < 0.05).sum()), p.size, 0.05, alternative="greater").pvalue > 0.01


def test_variances_and_intraclass_are_recovered():
    rng = np.random.default_rng(12)
    session, area = np.repeat(np.arange(60), 40), np.tile(np.repeat([0, 1], 20), 60)
    subject = session // 3
    value = rng.normal(0, 1, 20)[subject] + rng.normal(0, 1, 60)[session] + rng.normal(0, 0.7, (60, 2))[session, area]
    effect = compare_areas(value + rng.normal(0, 2, 2400) + area, area.astype(str), session.astype(str), subject)
    assert "subjects" in effect.method
    truth = {"unit": 4, "area_in_session": 0.49, "session": 1, "subject": 1}
    for name, expected in truth.items():
        np.testing.assert_allclose(effect.variance[name], expected, rtol=0.5)
    np.testing.assert_allclose(effect.intraclass, 2.49 / 6.49, atol=0.15)
    assert effect.standardised_low[1] < 1 / np.sqrt(6.49) < effect.standardised_high[1]


def test_subjects_that_are_sessions_are_not_told_from_them():
    rng = np.random.default_rng(13)
    session, area = np.repeat(np.arange(5), 20), np.tile(np.repeat(["A", "B"], 10), 5)
    value = rng.normal(size=100)
    with_subject = compare_areas(value, area, session, session)
    assert np.isnan(with_subject.variance["subject"])
    np.testing.assert_allclose(with_subject.p_value, compare_areas(value, area, session).p_value)


def test_the_unit_of_the_values_does_not_matter():
    area, session, _ = structure("incomplete")
    value = np.random.default_rng(14).standard_t(3, area.size)
    one, other = (compare_areas(scale * value, area, session) for scale in (1.0, 1e-4))
    np.testing.assert_allclose(one.p_value, other.p_value, rtol=1e-4)
    np.testing.assert_allclose(one.standardised, other.standardised, rtol=1e-4)


def test_labels_of_another_length_are_refused():
    with pytest.raises(InputError, match="area"):
        compare_areas([1.0, 2.0], ["A"], ["s", "s"])


@pytest.mark.long
def test_two_sessions_that_share_few_areas_are_unknown_numbers():
    """Their variance hangs on one difference; a test that needs it would have less than a degree of freedom."""
    pairs = [(a, s) for s in range(2) for a in [0, 1, 2, *range(3 + 4 * s, 7 + 4 * s)]]
    area, session = np.repeat(pairs, np.random.default_rng(0).integers(4, 60, len(pairs)), axis=0).T
    rng, p, methods = np.random.default_rng(15), [], set()
    for _ in range(80):
        cell = rng.normal(0, 0.5, 2)[session] + rng.normal(0, 0.1, (2, 20))[session, area]
        effect = compare_areas(cell + rng.standard_t(3, area.size), area, session)
        p.append(effect.p_overall)
        methods.add(effect.method)
        assert effect.converged
        assert effect.freedom.min() >= 1
    assert any("too few to be random" in method for method in methods)
    assert stats.kstest(p, "uniform").pvalue > 0.01
