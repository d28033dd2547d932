"""Penalties chosen on folds."""

import numpy as np
import pytest

from neurorec.glm import choose_penalty, deviance, fit_population, predict_mean
from neurorec.recording import InputError

PENALTIES = [np.inf, 1.0, 0.1, 0.01, 1e-3]


@pytest.fixture
def population():
    """Two units that depend on the design, and one that does not."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 20))
    coef = np.zeros((20, 3))
    coef[:5, :2] = 0.4
    return X, rng.poisson(np.exp(X @ coef - 0.5)).astype(float), np.arange(600) // 20 % 5


@pytest.mark.parametrize("family", ["poisson", "gaussian"])
def test_held_out_deviance_is_that_of_plain_fits(population, family):
    X, Y, folds = population
    choice = choose_penalty(X, Y, folds, PENALTIES, family=family, tol=1e-12)
    for fold in range(5):
        train = folds != fold
        for place, penalty in enumerate(PENALTIES):
            fit = fit_population(X[train], Y[train], family=family, penalty=penalty, tol=1e-12)
            mu = predict_mean(X[~train], fit.coef, fit.intercept, family=family)
            expected = deviance(Y[~train], mu, family).mean(axis=0)
            tried = np.isfinite(choice.deviance[fold, place])
            np.testing.assert_allclose(choice.deviance[fold, place][tried], expected[tried], rtol=1e-5)
    pooled = choice.deviance.mean(axis=0)
    np.testing.assert_array_equal(choice.index, pooled.argmin(axis=0))
    np.testing.assert_array_equal(choice.penalty, np.array(PENALTIES)[choice.index])


def test_noise_gets_no_coefficients(population):
    X, Y, folds = population
    penalty = choose_penalty(X, Y, folds, PENALTIES).penalty
    assert np.isinf(penalty[2])
    assert (penalty[:2] <= 0.1).all()


def test_one_standard_error_is_never_weaker(population):
    X, Y, folds = population
    best = choose_penalty(X, Y, folds, PENALTIES)
    strict = choose_penalty(X, Y, folds, PENALTIES, rule="one_standard_error")
    assert (strict.index <= best.index).all()


def test_a_unit_leaves_once_it_has_become_worse(population):
    X, Y, folds = population
    held_out = choose_penalty(X, Y, folds, PENALTIES).deviance[:, :, 2]
    for curve in held_out:
        tried = curve[np.isfinite(curve)]
        worse = np.diff(tried) > 0
        assert not worse[:-1].any()
        assert len(tried) == len(curve) or worse[-1]


@pytest.mark.parametrize("poison", [np.nan, 1e9])
def test_nothing_leaks_from_bins_left_out(population, poison):
    X, Y, folds = population
    left_out = np.arange(600) < 120
    folds = np.where(left_out, -1, folds)
    weight = np.ones(600)
    weight[[200, 300]] = 0
    plain = choose_penalty(X, Y, folds, PENALTIES, sample_weight=weight)
    poisoned_X, poisoned_Y = X.copy(), Y.copy()
    for spoiled in (left_out, weight == 0):
        poisoned_X[spoiled], poisoned_Y[spoiled] = poison, poison
    again = choose_penalty(poisoned_X, poisoned_Y, folds, PENALTIES, sample_weight=weight)
    np.testing.assert_array_equal(again.deviance, plain.deviance)
    np.testing.assert_array_equal(again.init[0], plain.init[0])


def test_the_held_out_fold_does_not_touch_the_fit_that_it_judges(population):
    X, Y, folds = population
    plain = choose_penalty(X, Y, folds, PENALTIES).init
    last = folds == 4  # the warm start comes from the fold held out last
    changed = Y.copy()
    changed[last] = np.random.default_rng(1).permutation(Y[last])
    again = choose_penalty(X, changed, folds, [0.1], tol=1e-10).init
    np.testing.assert_array_equal(again[0], choose_penalty(X, Y, folds, [0.1], tol=1e-10).init[0])
    assert plain[0].shape == (3, 20)


def test_offsets_may_differ_between_folds(population):
    X, Y, folds = population
    offsets = 0.3 * np.random.default_rng(0).standard_normal((5, *Y.shape))
    choice = choose_penalty(X, Y, folds, [np.inf], offset=lambda fold: offsets[fold], tol=1e-12)
    for fold in range(5):
        train = folds != fold
        rate = Y[train].sum(axis=0) / np.exp(offsets[fold][train]).sum(axis=0)
        expected = deviance(Y[~train], rate * np.exp(offsets[fold][~train])).mean(axis=0)
        np.testing.assert_allclose(choice.deviance[fold, 0], expected)


def test_units_observed_in_part(population):
    X, Y, folds = population
    seen = np.ones(Y.shape)
    seen[folds == 1, 0] = 0  # a fold without a bin of unit 0
    missing = np.where(seen > 0, Y, np.nan)
    choice = choose_penalty(X, missing, folds, PENALTIES, sample_weight=seen)
    assert np.isnan(choice.deviance[1, :, 0]).all()
    own = folds != 1
    renumbered = np.array([0, -1, 1, 2, 3])[folds]
    alone = choose_penalty(X[own], Y[own], renumbered[own], PENALTIES)
    assert choice.penalty[0] == alone.penalty[0]


def test_a_silent_unit_takes_the_strongest(population):
    X, Y, folds = population
    Y[:, 1] = 0
    choice = choose_penalty(X, Y, folds, PENALTIES)
    assert choice.index[1] == 0


def test_the_warm_start_is_near_the_final_fit(population):
    X, Y, folds = population
    choice = choose_penalty(X, Y, folds, PENALTIES)
    warm = fit_population(X, Y, penalty=choice.penalty, init=choice.init)
    cold = fit_population(X, Y, penalty=choice.penalty)
    np.testing.assert_allclose(warm.coef, cold.coef, atol=1e-2)
    assert warm.n_iter.sum() <= cold.n_iter.sum()


@pytest.mark.parametrize("folds", [np.zeros(600, int), np.ones(600, int), np.zeros(600), np.zeros(3, int)])
def test_folds_that_cannot_be_used(population, folds):
    X, Y, _ = population
    with pytest.raises(InputError, match="folds"):
        choose_penalty(X, Y, folds, PENALTIES)
