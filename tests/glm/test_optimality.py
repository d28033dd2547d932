"""Answers against minima found by Newton's method, and optimality conditions written out, for every family."""

import numpy as np
import pytest

from neurorec.glm import fit_population, penalty_path
from neurorec.recording import InputError

FAMILIES = ["poisson", "bernoulli", "gaussian", "gamma", "negative_binomial"]
EXACT = 1e-15


@pytest.fixture
def everything(simulate):
    """Data of a family with own weights, offsets, a mask and penalty weights all at once."""

    def draw(family):
        X, Y = simulate(family, n_times=160, n_features=8, n_units=3)
        rng = np.random.default_rng(1)
        weight, offset = rng.integers(0, 4, Y.shape).astype(float), 0.3 * rng.standard_normal(Y.shape)
        allowed = rng.random((3, 8)) < 0.7
        return X, Y, {"sample_weight": weight, "offset": offset, "allowed": allowed}

    return draw


@pytest.mark.parametrize("family", FAMILIES)
def test_ridge_is_the_minimum_with_everything_at_once(everything, family, newton):
    X, Y, options = everything(family)
    factor = np.array([1, 1, 10, 20, 0.1, 1, 3, 1.0])
    penalty = np.array([1e-3, 1e-2, 1e-1])
    fit = fit_population(X, Y, family=family, penalty=penalty, penalty_weight=factor, tol=EXACT, **options)
    for unit, own in enumerate(options["allowed"]):
        best = newton(
            X[:, own],
            Y[:, unit],
            family,
            penalty[unit] * np.diag(factor[own]),
            weight=options["sample_weight"][:, unit],
            offset=options["offset"][:, unit],
            dispersion=fit.dispersion[unit],
        )
        assert not fit.coef[unit, ~own].any()
        np.testing.assert_allclose(fit.coef[unit, own], best[1:], atol=1e-6)
        np.testing.assert_allclose(fit.intercept[unit], best[0], atol=1e-6)


@pytest.mark.parametrize("family", ["poisson", "gamma", "gaussian"])
@pytest.mark.parametrize("smoothness", [0.5, 50.0])
def test_smooth_fits_are_the_minimum(simulate, newton, family, smoothness):
    X, Y = simulate(family, n_features=9)
    groups, factor = np.array([0, 1, 0, 1, 0, 1, 0, -1, 2]), np.array([1, 2, 1, 2, 1, 2, 1, 5, 1.0])
    K = np.diag(factor)
    for members in ([0, 2, 4, 6], [1, 3, 5]):
        bend = np.zeros((len(members) - 2, 9))
        for row in range(len(members) - 2):
            bend[row, members[row : row + 3]] = 1, -2, 1
        K += smoothness * bend.T @ bend
    fit = fit_population(
        X, Y, family=family, penalty=0.02, penalty_weight=factor, groups=groups, smoothness=smoothness, tol=EXACT
    )
    for unit, y in enumerate(Y.T):
        best = newton(X, y, family, 0.02 * K)
        np.testing.assert_allclose(fit.coef[unit], best[1:], atol=1e-6)
        np.testing.assert_allclose(fit.intercept[unit], best[0], atol=1e-6)


def test_smoothness_keeps_masks_and_columns_that_do_not_vary(simulate, newton):
    X, Y = simulate(n_features=8, n_units=2)
    X[:, 1] = 0  # a lag that no spike reaches
    groups = np.repeat([0, 1], 4)
    allowed = np.array([[True] * 8, [True] * 4 + [False] * 4])
    fit = fit_population(X, Y, penalty=0.05, groups=groups, smoothness=10.0, allowed=allowed, tol=EXACT)
    bend = np.array([[1, -2, 1, 0], [0, 1, -2, 1.0]])
    K = np.kron(np.eye(2), np.eye(4) + 10.0 * bend.T @ bend)
    for unit, own in enumerate(allowed):
        best = newton(X[:, own], Y[:, unit], "poisson", 0.05 * K[np.ix_(own, own)])
        np.testing.assert_allclose(fit.coef[unit, own], best[1:], atol=1e-6)
        assert not fit.coef[unit, ~own].any()
    allowed[0, 2] = False
    with pytest.raises(InputError, match="groups allowed in part"):
        fit_population(X, Y, groups=groups, smoothness=1.0, allowed=allowed)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("l1_ratio", [0.4, 1.0])
def test_elastic_net_conditions_with_everything_at_once(everything, gradient, family, l1_ratio):
    X, Y, options = everything(family)
    factor, penalty = np.array([1, 1, 4, 2, 0.5, 1, 3, 1.0]), 0.12
    fit = fit_population(
        X, Y, family=family, penalty=penalty, l1_ratio=l1_ratio, penalty_weight=factor, tol=1e-13, **options
    )
    slope = gradient(X, Y, fit, family, 0, offset=options["offset"], weight=options["sample_weight"])
    np.testing.assert_allclose(slope[:, 0], 0, atol=1e-5)
    slope = slope[:, 1:] + penalty * (1 - l1_ratio) * factor * fit.coef
    used, edge = fit.coef != 0, np.broadcast_to(penalty * l1_ratio * factor, fit.coef.shape)
    assert used.any()
    assert (~used & options["allowed"]).any()
    np.testing.assert_allclose((slope + edge * np.sign(fit.coef))[used], 0, atol=1e-5)
    assert (np.abs(slope) <= edge + 1e-5)[options["allowed"] & ~used].all()


@pytest.mark.parametrize("family", FAMILIES)
def test_group_lasso_conditions(everything, gradient, family):
    X, Y, options = everything(family)
    groups = np.array([0, 0, 0, 1, 1, -1, 2, 2])
    factor = np.array([1, 1, 1, 2, 2, 0.5, 1, 1.0])
    options["allowed"] = np.ones((3, 8), dtype=bool)
    penalty, l1_ratio = 0.12, 0.9
    fit = fit_population(
        X,
        Y,
        family=family,
        penalty=penalty,
        l1_ratio=l1_ratio,
        penalty_weight=factor,
        groups=groups,
        tol=1e-13,
        **options,
    )
    slope = gradient(X, Y, fit, family, 0, offset=options["offset"], weight=options["sample_weight"])[:, 1:]
    slope += penalty * (1 - l1_ratio) * factor * fit.coef
    n_used = 0
    for members in ([0, 1, 2], [3, 4], [5], [6, 7]):
        edge = penalty * l1_ratio * factor[members[0]] * np.sqrt(len(members))
        for g, b in zip(slope[:, members], fit.coef[:, members], strict=True):
            size = np.linalg.norm(b)
            if size:
                n_used += 1
                np.testing.assert_allclose(g + edge * b / size, 0, atol=1e-5)
            else:
                assert np.linalg.norm(g) <= edge + 1e-5
    assert 0 < n_used < 12 + (family == "gaussian")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("extra", [{}, {"l1_ratio": 0.8}, {"l1_ratio": 0.9, "groups": np.repeat([0, 1, 2, 3], 2)}])
def test_the_path_equals_cold_single_fits(everything, family, extra):
    X, Y, options = everything(family)
    extra = extra | options
    if "groups" in extra:
        del extra["allowed"]
    penalties = np.array([0.3, 0.1, 0.03, 0.01])
    path = penalty_path(X, Y, penalties=penalties, family=family, tol=1e-13, **extra)
    atol = 1e-5 if family != "negative_binomial" else 2e-3
    for stage, penalty in enumerate(penalties):
        cold = fit_population(X, Y, family=family, penalty=penalty, tol=1e-13, **extra)
        coef = path.coef[stage]
        coef = coef if isinstance(coef, np.ndarray) else coef.toarray()
        np.testing.assert_allclose(coef, cold.coef, atol=atol)
        np.testing.assert_allclose(path.intercept[stage], cold.intercept, atol=atol)
        np.testing.assert_allclose(path.dispersion[stage], cold.dispersion, rtol=1e-2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"penalty_weight": np.arange(1, 9.0)}, {"groups": np.repeat([0, 1], 4)}])
def test_a_path_without_penalties_begins_where_coefficients_do(simulate, dtype, options):
    X, Y = simulate(n_features=8)
    path = penalty_path(X.astype(dtype), Y, n_penalties=12, l1_ratio=0.9, **options)
    assert path.penalties.shape == (12, 5)
    assert path.coef[0].nnz == 0
    assert (np.diff(path.coef[1].indptr) > 0).all()
    np.testing.assert_allclose(path.penalties[-1], path.penalties[0] / 100)
    assert path.converged.all()
