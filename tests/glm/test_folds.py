"""Penalties chosen on folds."""

import numpy as np
import pytest

from neurorec.glm import PopulationGLMCV, choose_penalty, deviance, fit_population, predict_mean
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


FAMILIES = ["poisson", "bernoulli", "gaussian", "gamma", "negative_binomial"]


@pytest.fixture
def crowded(simulate):
    """Give a small population of a family, with five folds of whole trials and an offset."""

    def draw(family):
        X, Y = simulate(family, n_times=250, n_units=4, size=0.3)
        return X, Y, np.arange(250) // 10 % 5, 0.1 * np.random.default_rng(0).standard_normal(Y.shape)

    return draw


def spoiled(values, rows, poison):
    """A copy with some rows replaced."""
    out = values.copy()
    out[rows] = poison
    return out


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
@pytest.mark.parametrize("poison", [np.nan, -1e30])
def test_test_bins_change_not_a_bit_of_a_nested_choice(crowded, family, l1_ratio, poison):
    X, Y, folds, offset = crowded(family)
    test = folds == 4
    folds = np.where(test, -1, folds)
    settings = {"family": family, "penalties": [1.0, 0.1, 0.01], "l1_ratio": l1_ratio}
    plain = PopulationGLMCV(**settings).fit(X, Y, folds=folds, offset=offset)
    again = PopulationGLMCV(**settings).fit(
        spoiled(X, test, poison), spoiled(Y, test, poison), folds=folds, offset=spoiled(offset, test, poison)
    )
    for name in ("deviance_", "penalty_", "coef_", "intercept_", "dispersion_", "gap_"):
        np.testing.assert_array_equal(getattr(again, name), getattr(plain, name))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_held_out_fold_does_not_reach_the_fit_that_it_judges(crowded, family, monkeypatch):
    X, Y, folds, _ = crowded(family)
    changed = Y.copy()
    changed[folds == 2] = np.random.default_rng(1).permutation(Y[folds == 2])
    fitted: list[dict] = []

    class Watched(choose_penalty.__globals__["_HeldOut"]):
        def reached(self, found):
            before = {(int(k), int(u)): row for k, u, row in zip(found.stage, found.units, found.packed, strict=True)}
            fitted[-1].update({key: row.copy() for key, row in before.items()})
            return super().reached(found)

        def __init__(self, *args):
            fitted.append({})
            super().__init__(*args)

    monkeypatch.setitem(choose_penalty.__globals__, "_HeldOut", Watched)
    options = {"penalties": [1.0, 0.1], "family": family, "n_jobs": 1}
    plain, again = (choose_penalty(X, y, folds, **options) for y in (Y, changed))
    for key in fitted[2].keys() & fitted[7].keys():
        np.testing.assert_array_equal(fitted[7][key], fitted[2][key])
    assert len(fitted[2]) >= 4
    assert any((fitted[5][key] != fitted[0][key]).any() for key in fitted[0].keys() & fitted[5].keys())
    assert (again.deviance[2] != plain.deviance[2]).any()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [0, 1])
def test_one_standard_error_is_never_weaker_in_any_family(simulate, family, seed):
    X, Y = simulate(family, n_times=120, n_units=12, size=0.15, seed=seed)
    folds = np.arange(120) // 10 % 4
    chosen = [
        choose_penalty(X, Y, folds, PENALTIES, family=family, rule=rule) for rule in ("best", "one_standard_error")
    ]
    assert (chosen[1].index <= chosen[0].index).all()
    np.testing.assert_array_equal(chosen[0].deviance, chosen[1].deviance)
    assert np.isin(chosen[1].penalty, PENALTIES).all()


@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
def test_long_runs_are_the_same_as_scattered_rows(simulate, l1_ratio):
    X, Y = simulate(n_times=2400)
    folds = np.repeat(np.arange(3), 800)
    order = np.random.default_rng(0).permutation(2400)  # rows in no runs are copied
    options = {"penalties": PENALTIES, "l1_ratio": l1_ratio, "tol": 1e-12}
    runs, scattered = (
        choose_penalty(X, Y, folds, **options),
        choose_penalty(X[order], Y[order], folds[order], **options),
    )
    np.testing.assert_allclose(scattered.deviance, runs.deviance, rtol=1e-6)
    np.testing.assert_array_equal(scattered.index, runs.index)


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_count_in_the_held_out_deviance(simulate, family):
    X, Y = simulate(family, n_times=150, n_units=2)
    times = np.random.default_rng(0).integers(0, 3, 150)
    folds = np.arange(150) // 10 % 3
    options = {"penalties": [0.1, 0.03], "family": family, "tol": 1e-12}
    weighted = choose_penalty(X, Y, folds, sample_weight=times, **options)
    stacked = choose_penalty(*(np.repeat(part, times, axis=0) for part in (X, Y, folds)), **options)
    np.testing.assert_allclose(weighted.deviance, stacked.deviance, rtol=1e-3 if family[0] == "n" else 1e-6)
