from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from neurorec.recording import InputError
from neurorec.recurrence import permutation_test


def rng():
    return np.random.default_rng(0)


def test_two_areas_in_every_session_equal_all_changes_of_sign():
    session, area = np.repeat(np.arange(6), 10), np.tile(np.repeat(["A", "B"], 5), 6)
    value = np.random.default_rng(1).normal(size=60) + 0.4 * (area == "B")
    found = permutation_test(value, area, session, rng=rng())
    cells = value.reshape(6, 2, 5).mean(axis=2)
    change = cells[:, 0] - cells[:, 1]
    sums = np.array([abs(np.dot(signs, change)) for signs in product([-1, 1], repeat=6)])
    expected = np.mean(sums >= abs(change.sum()) - 1e-9)
    assert found.exact
    assert found.n_permutations == 64
    np.testing.assert_allclose([found.p_overall, *found.p_value], expected)
    np.testing.assert_allclose(found.smallest_p, 2 / 64)
    np.testing.assert_allclose(found.difference[0], change.mean())


def test_areas_in_separate_sessions_equal_all_choices_of_sessions():
    session = np.repeat(np.arange(7), 8)
    area = np.where(session < 3, "A", "B")
    value = np.random.default_rng(2).normal(size=56) + np.repeat([1.0, 1, 1, 0, 0, 0, 0], 8)
    found = permutation_test(value, area, session, rng=rng())
    means = value.reshape(7, 8).mean(axis=1)
    gaps = [abs(means[list(c)].mean() - np.delete(means, c).mean()) for c in combinations(range(7), 3)]
    np.testing.assert_allclose(found.p_overall, np.mean(np.array(gaps) >= gaps[0] - 1e-9))
    assert "sessions of one area exchanged; all arrangements (35 of 35)" in found.method


def test_random_arrangements_come_near_all_of_them():
    session, area = np.repeat(np.arange(5), 15), np.tile(np.repeat(["A", "B", "C"], 5), 5)
    value = np.random.default_rng(3).normal(size=75) + 0.5 * (area == "B")
    every = permutation_test(value, area, session, rng=rng())
    some = permutation_test(value, area, session, n_permutations=3000, rng=rng())
    assert every.exact
    assert not some.exact
    assert some.smallest_p == 1 / 3001
    np.testing.assert_allclose(some.p_value, every.p_value, atol=0.03)
    assert 0.5 < every.statistic / some.statistic < 2


def test_the_statistic_of_a_cell_can_be_chosen():
    session, area = np.repeat(np.arange(6), 18), np.tile(np.repeat(["A", "B"], 9), 6)
    value = np.random.default_rng(4).normal(size=108)
    value[::18] += 1000.0 * np.arange(6)
    medians = np.median(value.reshape(6, 2, 9), axis=2)
    found = permutation_test(value, area, session, statistic=np.median, rng=rng())
    np.testing.assert_allclose(found.difference[0], (medians[:, 0] - medians[:, 1]).mean())


def test_subjects_are_what_is_exchanged_where_each_has_one_area():
    session = np.repeat(np.arange(12), 5)
    subject, area = session // 2, np.where(session < 6, "A", "B")
    value = np.random.default_rng(5).normal(size=60)
    found = permutation_test(value, area, session, subject, rng=rng())
    assert found.n_permutations == 20
    assert "subjects, each with one area" in found.method
    within = permutation_test(value, np.where(session % 2, "A", "B"), session, subject, rng=rng())
    assert within.n_permutations == 2**6
    assert "within subjects" in within.method


def test_one_session_cannot_be_tested_and_says_so():
    found = permutation_test(np.arange(8.0), ["A", "B"] * 4, ["s"] * 8, rng=rng())
    assert np.isnan([found.p_overall, *found.p_value]).all()
    assert "one session; nothing can be exchanged" in found.method
    same = permutation_test(np.arange(6.0), list("AABBCC"), list("ssttuu"), rng=rng())
    assert "all arrangements come to the same" in same.method
    assert np.isnan(permutation_test([1.0, 2.0], ["A", "A"], ["s", "t"], rng=rng()).p_overall)
    alike = permutation_test(np.ones(16), ["A", "B"] * 8, np.repeat(list("stuv"), 4), rng=rng())
    assert "do not differ" in alike.method
    with pytest.raises(InputError, match="n_permutations"):
        permutation_test([1.0, 2.0], ["A", "A"], ["s", "t"], n_permutations=0, rng=rng())


@pytest.mark.long
@pytest.mark.parametrize("design", ["within", "separate", "subjects"])
def test_p_values_are_uniform_under_the_null(design):
    """Heavy-tailed units in unequal numbers; p-values are compared on the steps that arrangements allow."""
    draws = np.random.default_rng([6, len(design)])
    if design == "within":
        place = np.repeat([(a, s) for s in range(4) for a in range(4)], draws.integers(3, 60, 16), axis=0)
        area, session, subject = place[:, 0], place[:, 1], None
    else:
        session = np.repeat(np.arange(12), draws.integers(10, 40, 12))
        area, subject = session % 2, session // 4 if design == "subjects" else None
    p = []
    for _ in range(120):
        shift = draws.normal(0, 0.5, 12)[session] + (0 if subject is None else draws.normal(0, 1, 3)[subject])
        value = shift + draws.normal(0, 0.3, (12, 4))[session, area] + draws.standard_t(3, session.size)
        p.append(permutation_test(value, area, session, subject, n_permutations=99, rng=draws).p_overall)
    p = np.array(p)
    # Spread over the step below: uniform if the steps are.
    assert stats.kstest(p - draws.random(120) / 100, "uniform").pvalue > 0.01
    assert stats.binomtest(int((p <= 0.05 + 1e-9).sum()), 120, 0.05, alternative="greater").pvalue > 0.01
