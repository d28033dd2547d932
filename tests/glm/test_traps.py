"""Each way in which fits of spike trains go wrong, and what is said of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from neurorec.glm import PopulationGLM, Status, fit_population, fraction_deviance_explained, penalty_path, predict_mean
from neurorec.recording import InputError

FAMILIES = ["poisson", "bernoulli", "gaussian", "gamma", "negative_binomial"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
def test_a_constant_unit_has_no_deviance_to_explain(simulate, family, l1_ratio):
    X, Y = simulate(family)
    Y[:, 2] = 1.0 if family == "gamma" else 0.0
    fit = fit_population(X, Y, family=family, l1_ratio=l1_ratio)
    assert fit.status.tolist() == [0, 0, Status.CONSTANT, 0, 0]
    assert fit.n_iter[2] == 0
    assert fit.gap[2] == 0
    mu = predict_mean(X, fit.coef, fit.intercept, family=family)
    explained = fraction_deviance_explained(Y, mu, family, dispersion=fit.dispersion)
    assert np.isnan(explained).tolist() == [False, False, True, False, False]
    assert (explained[[0, 1, 3, 4]] > 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("family", ["poisson", "bernoulli", "negative_binomial"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.9])
def test_three_spikes_down_to_weak_penalties(family, dtype, l1_ratio):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 30))
    Y = np.zeros((500, 2))
    Y[[10, 200, 400], 0] = 1
    Y[7, 1] = 1
    penalties = np.geomspace(1e-2, 1e-6, 6)
    path = penalty_path(X.astype(dtype), Y, penalties=penalties, family=family, l1_ratio=l1_ratio, max_iter=2000)
    assert np.isfinite(path.intercept).all()
    assert not (path.status == Status.OUT_OF_ITERATIONS).any()
    if dtype == np.float64:
        assert path.converged.all()
    for stage in range(5):
        coef = [part if isinstance(part, np.ndarray) else part.toarray() for part in path.coef[stage : stage + 2]]
        assert np.isfinite(coef[1]).all()
        assert (np.abs(coef[1]).sum(axis=1) > np.abs(coef[0]).sum(axis=1)).all()
    assert np.abs(coef[1]).max() < 50


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gamma", "negative_binomial"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
@pytest.mark.parametrize("scale", [1e-6, 1e3, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_of_any_size(simulate, family, l1_ratio, scale, dtype):
    X, Y = simulate(family, n_times=200, n_units=3)
    X[:, 1] *= scale
    fit = fit_population(X.astype(dtype), Y, family=family, penalty=0.01, l1_ratio=l1_ratio)
    assert np.isfinite(fit.coef).all()
    assert np.isfinite(fit.intercept).all()
    if scale <= 1 or (dtype == np.float64 and (l1_ratio == 0 or scale < 1e6)):  # else that it is not there is said
        assert fit.converged.all()


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gamma", "negative_binomial"])
@pytest.mark.parametrize("shift", [-600.0, 80.0, 1e4])
def test_offsets_of_any_size(simulate, family, shift):
    X, Y = simulate(family, n_units=3)
    offset = 0.2 * np.random.default_rng(0).standard_normal(Y.shape)
    plain = fit_population(X, Y, family=family, penalty=0.01, offset=offset, tol=1e-12)
    far = fit_population(X, Y, family=family, penalty=0.01, offset=offset + shift, tol=1e-12)
    assert far.converged.all()
    np.testing.assert_allclose(far.coef, plain.coef, atol=1e-4)
    np.testing.assert_allclose(far.intercept + shift, plain.intercept, atol=1e-4)


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gamma", "negative_binomial"])
@pytest.mark.parametrize("spread", [5.0, 40.0])
def test_offsets_of_a_wide_spread(simulate, family, spread):
    X, Y = simulate(family, n_units=3)
    offset = spread * np.random.default_rng(0).standard_normal(Y.shape)
    for penalty in (np.inf, 0.1):
        fit = fit_population(X, Y, family=family, penalty=penalty, offset=offset, max_iter=2000)
        assert np.isfinite(fit.intercept).all()
        assert np.isfinite(fit.coef).all()
        assert fit.converged.all()


@pytest.mark.parametrize("family", FAMILIES)
def test_an_ill_conditioned_gram_matrix(family, simulate):
    X, Y = simulate(family, n_features=20)
    left, _, right = np.linalg.svd(X, full_matrices=False)
    X = left * np.geomspace(1, 10**-2.5, 20) @ right * np.sqrt(len(X))
    for dtype in (np.float32, np.float64):
        fit = fit_population(X.astype(dtype), Y, family=family, penalty=1e-4)
        assert fit.converged.all()
        assert fit.n_iter.max() < 100


def test_float32_certifies_along_a_long_path(simulate, objective, null_half_deviance):
    X, Y = simulate(n_times=3000, n_features=40, n_units=4, size=0.15)
    penalties = np.geomspace(0.3, 3e-4, 60)
    for l1_ratio in (0.0, 0.95):
        path = penalty_path(X.astype(np.float32), Y, penalties=penalties, l1_ratio=l1_ratio)
        assert path.converged.all()
        assert path.gap.max() <= 1e-6
        last = fit_population(X, Y, penalty=penalties[-1], l1_ratio=l1_ratio, tol=1e-11)
        coef = path.coef[-1] if l1_ratio == 0 else path.coef[-1].toarray()
        reached = last._replace(coef=coef.astype(float), intercept=path.intercept[-1])
        args = (X, Y), ("poisson", penalties[-1])
        excess = objective(*args[0], reached, *args[1], l1_ratio=l1_ratio)
        excess -= objective(*args[0], last, *args[1], l1_ratio=l1_ratio)
        assert (excess < 1e-6 * null_half_deviance(Y, "poisson")).all()


@pytest.mark.parametrize("poison", [1e9, -1e30, np.nan, np.inf])
def test_bins_of_weight_zero_cost_nothing_whatever_they_hold(simulate, poison):
    X, Y = simulate()
    weight = np.ones(Y.shape)
    weight[:30] = 0
    plain = fit_population(X, Y, sample_weight=weight, tol=1e-12)
    X[:30], Y[:30] = poison, np.nan
    spoiled = fit_population(X, Y, sample_weight=weight, tol=1e-12)
    assert spoiled.converged.all()
    np.testing.assert_allclose(spoiled.coef, plain.coef, atol=5e-6)
    assert (spoiled.n_iter <= plain.n_iter + 2).all()


@pytest.mark.parametrize("where", ["X", "Y", "offset", "sample_weight"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("family", ["poisson", "gaussian", "gamma"])
def test_what_is_missing_is_named(simulate, where, value, family):
    X, Y = simulate(family)
    given = {"X": X, "Y": Y, "offset": np.zeros(Y.shape), "sample_weight": np.ones(Y.shape)}
    given[where][17, 3] = value
    named = {"X": "columns 3", "Y": "units 3"}.get(where, where)
    with pytest.raises(InputError, match=named):
        fit_population(given.pop("X"), given.pop("Y"), family=family, **given)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.7])
def test_one_pass_is_said_not_to_be_enough(simulate, family, l1_ratio):
    X, Y = simulate(family, n_features=30, n_times=100)
    with pytest.warns(ConvergenceWarning, match="5 of 5 units did not converge"):
        model = PopulationGLM(family=family, penalty=1e-3, l1_ratio=l1_ratio, max_iter=1).fit(X, Y)
    assert not model.converged_.any()
    assert (model.gap_ > 1e-6).all()


@given(
    seed=st.integers(0, 1000),
    n_times=st.sampled_from([1, 2, 3, 30]),
    n_features=st.sampled_from([1, 2, 7, 40]),
    n_units=st.sampled_from([1, 3]),
    rank=st.integers(1, 3),
    scale=st.sampled_from([1e-6, 1e-3, 1.0, 1e3, 1e6]),
    family=st.sampled_from(FAMILIES),
    penalty=st.sampled_from([1e-4, 1e-1, 10.0, np.inf]),
    l1_ratio=st.sampled_from([0.0, 0.5, 1.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_design_has_a_defined_outcome(
    seed, n_times, n_features, n_units, rank, scale, family, penalty, l1_ratio, dtype
):
    rng = np.random.default_rng(seed)
    X = scale * rng.standard_normal((n_times, rank)) @ rng.standard_normal((rank, n_features))
    X[:, rng.integers(n_features)] = 7.0 * scale
    Y = rng.integers(0, 2, (n_times, n_units)) + (1.0 if family == "gamma" else 0.0)
    fit = fit_population(X.astype(dtype), Y, family=family, penalty=penalty, l1_ratio=l1_ratio, max_iter=500)
    assert np.isfinite(fit.coef).all()
    assert np.isfinite(fit.intercept).all()
    assert (fit.gap >= -1e-9).all()
    assert (fit.converged == ((fit.gap <= 1e-6) | (fit.status == Status.CONSTANT))).all()
    if dtype == np.float64 and scale <= 1:
        assert fit.converged.all()
    mu = predict_mean(X, fit.coef, fit.intercept, family=family)
    assert np.isfinite(mu).all()
