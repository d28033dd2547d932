"""What must not change an answer: company, order, threads, slots, repetition, scale."""

import numpy as np
import pytest

from neurorec.glm import descent, fit_population, penalty_path

FAMILIES = ["poisson", "bernoulli", "gaussian", "gamma", "negative_binomial"]
TIGHT = {"tol": 1e-13}


def dense(coef):
    """Of one place in a path."""
    return coef if isinstance(coef, np.ndarray) else coef.toarray()


@pytest.fixture
def crowd(simulate):
    """Twenty-three units of very different needs: own masks, weights, offsets and penalties."""

    def draw(family="poisson"):
        X, Y = simulate(family, n_times=120, n_features=7, n_units=23, size=0.3)
        rng = np.random.default_rng(5)
        options = {
            "allowed": rng.random((23, 7)) < 0.8,
            "sample_weight": rng.integers(0, 3, Y.shape).astype(float),
            "offset": 0.2 * rng.standard_normal(Y.shape),
        }
        if family != "gamma":
            Y[:, 4] = 0
        Y[:, 11], options["sample_weight"][:, 11] = np.nan, 0
        return X, Y, options

    return draw


def cut(options, units):
    """The options of some units."""
    return {
        name: values[units] if name == "allowed" else values[:, units] if np.ndim(values) == 2 else values
        for name, values in options.items()
    }


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
def test_rows_that_refill_change_nothing(crowd, monkeypatch, family, l1_ratio):
    X, Y, options = crowd(family)
    penalties = np.array([1.0, 0.1, 0.01])[:, None] * np.random.default_rng(0).uniform(0.5, 2, 23)
    shared = {"family": family, "l1_ratio": l1_ratio, "penalties": penalties}
    whole = penalty_path(X, Y, **shared, **options, **TIGHT, n_jobs=1)
    monkeypatch.setattr(descent, "FEWEST_ROWS", 1)
    for most, n_jobs in ((1, 1), (2, 2), (5, 2)):
        monkeypatch.setattr(descent, "MOST_ROWS", most)
        part = penalty_path(X, Y, **shared, **options, **TIGHT, n_jobs=n_jobs)
        np.testing.assert_array_equal(part.status, whole.status)
        for stage in range(3):
            np.testing.assert_allclose(dense(part.coef[stage]), dense(whole.coef[stage]), atol=2e-5)
        np.testing.assert_allclose(part.intercept, whole.intercept, atol=2e-5)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
@pytest.mark.parametrize("weighted", [True, False])
def test_a_unit_knows_nothing_of_its_company(crowd, l1_ratio, weighted):
    X, Y, options = crowd()
    if not weighted:
        Y[:, 11] = 1
        del options["sample_weight"], options["offset"]
    penalty = np.geomspace(1e-3, 1, 23)
    together = fit_population(X, Y, penalty=penalty, l1_ratio=l1_ratio, **options, **TIGHT)
    order = np.random.default_rng(0).permutation(23)
    for units in (order, np.array([3]), np.array([4]), np.array([3, 4, 11, 9])):
        own = fit_population(
            X, Y[:, units], penalty=penalty[units], l1_ratio=l1_ratio, n_jobs=1, **cut(options, units), **TIGHT
        )
        np.testing.assert_array_equal(own.status, together.status[units])
        np.testing.assert_allclose(own.coef, together.coef[units], atol=1e-6)
        np.testing.assert_allclose(own.intercept, together.intercept[units], atol=1e-6)


def test_only_weights_of_a_unit_matter_to_it(crowd):
    X, Y, options = crowd()
    shared = fit_population(X, np.nan_to_num(Y, nan=1.0), sample_weight=np.arange(120) % 3, **TIGHT)
    repeated = np.tile((np.arange(120.0) % 3)[:, None], 23)
    own = fit_population(X, np.nan_to_num(Y, nan=1.0), sample_weight=repeated, **TIGHT)
    scaled = fit_population(X, np.nan_to_num(Y, nan=1.0), sample_weight=repeated * np.arange(1, 24), **TIGHT)
    np.testing.assert_allclose(own.coef, shared.coef, atol=1e-7)
    np.testing.assert_allclose(scaled.coef, shared.coef, atol=1e-7)
    assert options["sample_weight"].shape == Y.shape


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
def test_weights_are_repeated_rows(simulate, family, l1_ratio):
    X, Y = simulate(family, n_units=3)
    times = np.random.default_rng(0).integers(0, 4, len(X))
    options = {"family": family, "penalty": 0.03, "l1_ratio": l1_ratio, **TIGHT}
    weighted = fit_population(X, Y, sample_weight=times, **options)
    stacked = fit_population(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0), **options)
    atol = 1e-6 if family != "negative_binomial" else 1e-3
    np.testing.assert_allclose(weighted.coef, stacked.coef, atol=atol)
    np.testing.assert_allclose(weighted.intercept, stacked.intercept, atol=atol)
    np.testing.assert_allclose(weighted.dispersion, stacked.dispersion, rtol=5e-3)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
def test_order_of_columns(simulate, l1_ratio):
    X, Y = simulate(n_features=9)
    order = np.random.default_rng(0).permutation(9)
    options = {"penalty": 0.02, "l1_ratio": l1_ratio, **TIGHT}
    plain = fit_population(X, Y, penalty_weight=np.arange(1, 10), **options)
    other = fit_population(X[:, order], Y, penalty_weight=np.arange(1, 10)[order], **options)
    np.testing.assert_allclose(other.coef, plain.coef[:, order], atol=1e-6)


@pytest.mark.parametrize(("l1_ratio", "power"), [(0.0, 2), (1.0, 1)])
def test_a_scaled_column_with_a_scaled_weight(simulate, l1_ratio, power):
    X, Y = simulate()
    scale = np.array([1, 100.0, 0.01, 3, 1, 1])
    options = {"penalty": 0.02, "l1_ratio": l1_ratio, **TIGHT}
    plain = fit_population(X, Y, **options)
    scaled = fit_population(X * scale, Y, penalty_weight=scale**power, **options)
    np.testing.assert_allclose(scaled.coef * scale, plain.coef, atol=1e-6)
    np.testing.assert_allclose(scaled.intercept, plain.intercept, atol=1e-6)


@pytest.mark.parametrize(("l1_ratio", "factor"), [(0.0, 2), (1.0, 1)])
def test_columns_given_twice(simulate, l1_ratio, factor):
    X, Y = simulate()
    once = fit_population(X, Y, penalty=0.02, l1_ratio=l1_ratio, **TIGHT)
    twice = fit_population(np.hstack([X, X]), Y, penalty=0.02 * factor, l1_ratio=l1_ratio, tol=1e-11)
    np.testing.assert_allclose(twice.coef[:, :6] + twice.coef[:, 6:], once.coef, atol=1e-5)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_shifted_column_moves_the_intercept_alone(simulate, family, l1_ratio):
    X, Y = simulate(family, n_units=3)
    shift = np.array([0, 3.0, -2, 0, 10, 0])
    options = {"family": family, "penalty": 0.02, "l1_ratio": l1_ratio, **TIGHT}
    plain, shifted = fit_population(X, Y, **options), fit_population(X + shift, Y, **options)
    atol = 1e-5 if family != "negative_binomial" else 1e-3
    np.testing.assert_allclose(shifted.coef, plain.coef, atol=atol)
    np.testing.assert_allclose(shifted.intercept, plain.intercept - plain.coef @ shift, atol=10 * atol)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
@pytest.mark.parametrize("family", FAMILIES)
def test_columns_far_from_zero_cost_no_passes(simulate, family, l1_ratio):
    X, Y = simulate(family, n_units=3)
    options = {"family": family, "penalty": 0.02, "l1_ratio": l1_ratio}
    plain, shifted = fit_population(X, Y, **options), fit_population(X + 30.0, Y, **options)
    assert shifted.converged.all()
    assert (shifted.n_iter <= plain.n_iter + 1).all()


def test_groups_of_one_are_no_groups(simulate):
    X, Y = simulate()
    options = {"penalty": 0.05, "l1_ratio": 0.8, **TIGHT}
    plain = fit_population(X, Y, **options)
    single = fit_population(X, Y, groups=np.array([5, 3, 1, -1, 0, 9]), **options)
    np.testing.assert_allclose(single.coef, plain.coef, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"l1_ratio": 0.7}, {"penalty_weight": np.arange(1, 7.0)}])
def test_a_first_guess_changes_nothing(simulate, options):
    X, Y = simulate()
    cold = fit_population(X, Y, penalty=0.02, **TIGHT, **options)
    guess = np.random.default_rng(0).standard_normal(cold.coef.shape), cold.intercept
    before = guess[0].copy()
    warm = fit_population(X, Y, penalty=0.02, init=guess, **TIGHT, **options)
    np.testing.assert_allclose(warm.coef, cold.coef, atol=1e-6)
    np.testing.assert_array_equal(guess[0], before)
    again = fit_population(X, Y, penalty=0.02, init=(cold.coef, cold.intercept), **options)
    assert again.n_iter.max() <= 2


def test_arguments_stay_as_they_were(crowd):
    X, Y, options = crowd()
    copies = X.copy(), Y.copy(), {name: values.copy() for name, values in options.items()}
    fit_population(X, Y, l1_ratio=0.5, **options)
    np.testing.assert_array_equal(X, copies[0])
    np.testing.assert_array_equal(Y, copies[1])
    for name, values in options.items():
        np.testing.assert_array_equal(values, copies[2][name])
