"""Standard errors: against statsmodels and brute force, and how often their intervals hold the truth."""

from types import SimpleNamespace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.stats import binom

from neurorec.glm import PopulationGLM, PopulationGLMCV, deviance, fit_population
from neurorec.glm.population import penalty_path
from neurorec.glm.uncertainty import standard_errors
from neurorec.recording import InputError

TINY = 1e-9
PEERS = {"poisson": sm.families.Poisson, "bernoulli": sm.families.Binomial, "gaussian": sm.families.Gaussian}
FAMILIES = list(PEERS)


def errors_of(X, Y, family="poisson", penalty=TINY, *, fitting=None, **asked):
    fitting = {"family": family, "penalty": penalty} | (fitting or {})
    return standard_errors(X, Y, fit_population(X, Y, tol=1e-12, **fitting), **fitting, **asked)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("clustered", [False, True])
def test_statsmodels_agrees(simulate, family, clustered):
    X, Y = simulate(family, n_times=600)
    clusters = np.arange(600) // 13
    errors = errors_of(X, Y, family, clusters=clusters if clustered else None, covariance=True)
    options = {"cov_type": "cluster", "cov_kwds": {"groups": clusters}} if clustered else {}
    for unit in range(Y.shape[1]):
        peer = sm.GLM(Y[:, unit], sm.add_constant(X), family=PEERS[family]()).fit(tol=1e-12, **options)
        np.testing.assert_allclose(errors.covariance[unit], peer.cov_params(), rtol=1e-4, atol=1e-9)
        np.testing.assert_allclose(np.r_[errors.intercept[unit], errors.coef[unit]], peer.bse, rtol=1e-4)
        assert errors.scale[unit] == pytest.approx(peer.scale, rel=1e-5)
        assert errors.degrees[unit] == pytest.approx(7, abs=1e-4)


@pytest.mark.parametrize("clustered", [False, True])
def test_statsmodels_agrees_on_predictions(simulate, clustered):
    X, Y = simulate(n_times=600)
    X_new = np.random.default_rng(1).standard_normal((2500, 6))
    clusters = np.arange(600) // 13 if clustered else None
    errors = errors_of(X, Y, clusters=clusters, at=X_new, at_offset=np.full((2500, 5), 0.3))
    options = {"cov_type": "cluster", "cov_kwds": {"groups": clusters}} if clustered else {}
    for unit in range(Y.shape[1]):
        peer = sm.GLM(Y[:, unit], sm.add_constant(X), family=sm.families.Poisson()).fit(tol=1e-12, **options)
        predicted = peer.get_prediction(sm.add_constant(X_new), offset=np.full(2500, 0.3))
        np.testing.assert_allclose(errors.eta[:, unit], predicted.linpred.se, rtol=1e-4)
        np.testing.assert_allclose(errors.mean[:, unit], predicted.se_mean, rtol=1e-4)


def counts_of(family, *, n_times=500, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_times, 3))
    mu = np.exp(X @ [0.4, -0.2, 0.0] + 0.5)
    if family == "gamma":
        return X, rng.gamma(2.0, mu / 2)
    return X, rng.poisson(mu * rng.gamma(1 / 0.7, 0.7, n_times)).astype(float)


@pytest.mark.parametrize("family", ["gamma", "negative_binomial"])
def test_families_with_a_dispersion(family):
    X, y = counts_of(family)
    kind = sm.families.Gamma(sm.families.links.Log())
    if family == "negative_binomial":
        kind = sm.families.NegativeBinomial(alpha=0.7)
    model = sm.GLM(y, sm.add_constant(X), family=kind)
    peer = model.fit(tol=1e-12, maxiter=500)
    fit = SimpleNamespace(
        coef=peer.params[None, 1:],
        intercept=peer.params[:1],
        gap=np.zeros(1),
        converged=np.array([True]),
        dispersion=np.array([0.7]) if family == "negative_binomial" else None,
    )
    clusters = np.arange(500) // 10
    errors = standard_errors(X, y, fit, family=family, penalty=0, covariance=True)
    robust = standard_errors(X, y, fit, family=family, penalty=0, covariance=True, clusters=clusters)
    hessian = -model.hessian(peer.params, scale=1.0, observed=True)
    np.testing.assert_allclose(errors.covariance[0], peer.scale * np.linalg.inv(hessian), rtol=1e-7)
    assert errors.scale[0] == pytest.approx(peer.scale, rel=1e-9)
    scores = model.score_obs(peer.params, scale=1.0)
    summed = np.array([scores[clusters == cluster].sum(axis=0) for cluster in range(50)])
    inverse = np.linalg.inv(hessian)
    expected = inverse @ summed.T @ summed @ inverse * 50 / 49 * 499 / 496
    np.testing.assert_allclose(robust.covariance[0], expected, rtol=1e-7)


def total(theta, X, y, w, offset, family, penalty, a):
    """The objective times the total weight."""
    eta = theta[0] + X @ theta[1:] + offset
    mean = {"poisson": np.exp, "bernoulli": lambda e: 1 / (1 + np.exp(-e)), "gaussian": lambda e: e}[family](eta)
    return w @ deviance(y, mean, family) / 2 + w.sum() * penalty / 2 * (a @ theta[1:] ** 2)


def curvature_of(function, at, step=1e-3):
    """Hessian by central differences."""
    f, steps = function, np.eye(len(at)) * step
    rows = [[f(at + s + t) - f(at + s - t) - f(at - s + t) + f(at - s - t) for t in steps] for s in steps]
    return np.array(rows) / (4 * step**2)


@pytest.mark.parametrize("family", FAMILIES)
def test_brute_force_with_everything(simulate, family):
    X, Y = simulate(family, n_units=2)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 3, Y.shape).astype(float)
    offset, penalty = rng.normal(0, 0.3, Y.shape), np.array([0.05, 0.2])
    allowed = np.ones((2, 6), bool)
    allowed[1, [0, 4]] = False
    fitting = {"penalty": penalty, "allowed": allowed, "sample_weight": weight, "offset": offset}
    errors = errors_of(X, Y, family, fitting=fitting)
    for unit in range(2):
        free = np.flatnonzero(allowed[unit])
        known = (X[:, free], Y[:, unit], weight[:, unit], offset[:, unit], family, penalty[unit], np.ones(free.size))
        theta = minimize(total, np.zeros(1 + free.size), args=known, tol=1e-10).x
        H = curvature_of(lambda x, known=known: total(x, *known), theta)
        ridge = np.diag(np.r_[0, np.full(free.size, weight[:, unit].sum() * penalty[unit])])
        degrees = np.trace(np.linalg.inv(H) @ (H - ridge))
        assert errors.degrees[unit] == pytest.approx(degrees, rel=1e-4)
        scale = 1.0
        if family == "gaussian":
            rss = weight[:, unit] @ (Y[:, unit] - offset[:, unit] - theta[0] - X[:, free] @ theta[1:]) ** 2
            scale = rss / (weight[:, unit].sum() - degrees)
        expected = np.sqrt(scale * np.diagonal(np.linalg.inv(H)))
        np.testing.assert_allclose(np.r_[errors.intercept[unit], errors.coef[unit, free]], expected, rtol=1e-4)
    assert np.isnan(errors.coef[~allowed]).all()


def test_clusters_written_out_under_a_penalty(simulate):
    X, Y = simulate(n_units=1)
    weight = np.random.default_rng(1).random(300)
    clusters = np.arange(300) ** 2 // 3000  # of unequal size
    fit = fit_population(X, Y, penalty=0.2, sample_weight=weight, tol=1e-12)
    known = {"family": "poisson", "penalty": 0.2, "sample_weight": weight, "covariance": True}
    errors = standard_errors(X, Y, fit, clusters=np.array([f"trial {c}" for c in clusters]), **known)
    Z, theta = sm.add_constant(X), np.r_[fit.intercept, fit.coef[0]]
    mu, pull = np.exp(Z @ theta), 0.2 * np.r_[0, fit.coef[0]]
    scores = weight[:, None] * ((mu - Y[:, 0])[:, None] * Z + pull)
    np.testing.assert_allclose(scores.sum(axis=0), 0, atol=1e-4)
    likelihood = Z.T @ (Z * (weight * mu)[:, None])
    inverse = np.linalg.inv(likelihood + weight.sum() * 0.2 * np.diag(np.r_[0, np.ones(6)]))
    summed = np.array([scores[clusters == cluster].sum(axis=0) for cluster in np.unique(clusters)])
    n, n_clusters, degrees = weight.sum(), len(summed), np.trace(inverse @ likelihood)
    expected = inverse @ summed.T @ summed @ inverse * n_clusters / (n_clusters - 1) * (n - 1) / (n - degrees)
    np.testing.assert_allclose(errors.covariance[0], expected, rtol=1e-7)


def test_weights_of_columns_are_another_scale_of_them(simulate):
    X, Y = simulate()
    a = np.array([1.0, 4.0, 0.25, 1.0, 9.0, 1.0])
    scaled = X / np.sqrt(a)
    fit = fit_population(scaled, Y, penalty=0.05, tol=1e-12)
    same = fit._replace(coef=fit.coef / np.sqrt(a))
    expected = standard_errors(scaled, Y, fit, family="poisson", penalty=0.05).coef / np.sqrt(a)
    errors = standard_errors(X, Y, same, family="poisson", penalty=0.05, penalty_weight=a)
    np.testing.assert_allclose(errors.coef, expected, rtol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("clustered", [False, True])
def test_weights_are_stacked_rows(simulate, family, clustered):
    X, Y = simulate(family)
    repeats = np.random.default_rng(1).integers(0, 4, len(X))
    clusters = np.arange(300) // 10
    holes = X.copy()
    holes[repeats == 0] = np.nan
    stacked = np.repeat(X, repeats, axis=0), np.repeat(Y, repeats, axis=0)
    asked = {"clusters": clusters} if clustered else {}
    weighted = errors_of(holes, Y, family, 0.03, fitting={"sample_weight": repeats.astype(float)}, **asked)
    asked = {"clusters": np.repeat(clusters, repeats)} if clustered else {}
    for found, expected in zip(weighted, errors_of(*stacked, family, 0.03, **asked), strict=True):
        if expected is not None:
            np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_units_blocks_and_types_do_not_matter(simulate, monkeypatch):
    X, Y = simulate(n_times=700)
    fit = fit_population(X.astype(np.float32), Y, penalty=0.05, tol=1e-6)
    known = {"family": "poisson", "penalty": 0.05, "clusters": np.arange(700) // 9, "at": X[:40]}
    whole = standard_errors(X, Y, fit, **known, n_jobs=1)
    monkeypatch.setattr("neurorec.glm.information.BLOCK", 64)
    blocks = standard_errors(X.astype(np.float32), Y, fit, **known, n_jobs=2, units=[3, 1])
    for found, expected in zip(blocks[:4], whole[:4], strict=True):
        np.testing.assert_allclose(found, expected[[3, 1]], rtol=1e-5)
    np.testing.assert_allclose(blocks.mean, whole.mean[:, [3, 1]], rtol=1e-5)
    assert blocks.coef.dtype == np.float64


def test_designs_that_are_read_in_blocks(simulate, tmp_path):
    X, Y = simulate()
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    other = SimpleNamespace(shape=X.shape, block=lambda low, high: X[low:high])
    fit = fit_population(X, Y, penalty=0.05)
    whole = standard_errors(X, Y, fit, family="poisson", penalty=0.05)
    for design in (mapped, other):
        np.testing.assert_array_equal(
            standard_errors(design, Y, fit, family="poisson", penalty=0.05, progress=design is mapped).coef, whole.coef
        )


def test_nothing_estimated_is_missing(simulate):
    X, Y = simulate(n_units=4)
    X[:, 2] = 1.5
    Y[:, 0] = 2.0
    weight = np.ones(Y.shape)
    weight[:, 1] = 0
    penalty = np.array([0.05, 0.05, 0.05, np.inf])
    fitting = {"family": "poisson", "penalty": penalty, "sample_weight": weight}
    fit = fit_population(X, Y, **fitting)
    errors = standard_errors(X, Y, fit, **fitting, at=X[:5])
    assert np.isnan(errors.coef[[0, 1, 3]]).all()
    assert np.isnan(errors.intercept[:2]).all()
    assert np.isnan(errors.mean[:, :2]).all()
    assert np.flatnonzero(np.isnan(errors.coef[2])).tolist() == [2]
    # Alone, an intercept is as sure as the number of events.
    assert errors.intercept[3] == pytest.approx(Y[:, 3].sum() ** -0.5, rel=1e-6)
    assert errors.degrees[3] == pytest.approx(1)
    unfinished = SimpleNamespace(**fit._asdict() | {"converged": np.zeros(4, bool)})
    assert np.isnan(standard_errors(X, Y, unfinished, **fitting).coef).all()


def test_what_cannot_be_told_apart_is_missing(simulate):
    X, Y = simulate("gaussian")
    X = np.column_stack([X, X[:, 0]])
    fit = fit_population(X, Y, family="gaussian", penalty=0)
    assert np.isnan(standard_errors(X, Y, fit, family="gaussian", penalty=0).coef).all()
    fit = fit_population(X, Y, family="gaussian", penalty=0.01)
    assert np.isfinite(standard_errors(X, Y, fit, family="gaussian", penalty=0.01).coef).all()


def held(X, Y, truth, penalty, **asked):
    """In how many units the 95 % interval holds the coefficient, (feature,)."""
    fit = fit_population(X, Y, penalty=penalty)
    errors = standard_errors(X, Y, fit, family="poisson", penalty=penalty, **asked)
    return (np.abs(fit.coef - truth) < 1.96 * errors.coef).sum(axis=0)


def test_intervals_hold_the_truth():
    rng = np.random.default_rng(0)
    X, truth = rng.standard_normal((1500, 3)), np.array([0.3, -0.2, 0.0])
    Y = rng.poisson(np.exp(X @ truth - 0.5)[:, None], (1500, 400)).astype(float)
    for clusters in (None, np.arange(1500) // 15):
        low, high = binom.ppf([1e-3, 1 - 1e-3], 400, 0.95 if clusters is None else 0.945)
        found = held(X, Y, truth, 1e-6, clusters=clusters)
        assert ((low <= found) & (found <= high)).all(), found


def test_noise_that_bins_of_a_trial_share_needs_clusters():
    rng = np.random.default_rng(0)
    trial = np.arange(2000) // 20
    X = np.column_stack([rng.standard_normal(100)[trial], rng.standard_normal(2000)])
    shared = rng.normal(0, 0.5, (100, 300))[trial]
    truth = np.array([0.3, -0.2])
    Y = rng.poisson(np.exp((X @ truth)[:, None] + shared)).astype(float)
    plain, robust = held(X, Y, truth, 1e-6), held(X, Y, truth, 1e-6, clusters=trial)
    assert plain[0] < 0.75 * 300  # the first column is constant within trials, as a condition is
    assert robust[0] >= binom.ppf(1e-3, 300, 0.92)
    assert robust[1] >= binom.ppf(1e-3, 300, 0.93)


def test_estimators_know_what_was_fitted(simulate):
    X, Y = simulate(n_times=600)
    model = PopulationGLM(penalty=0.05).fit(X, Y)
    errors = standard_errors(X, Y, model)
    fit = fit_population(X, Y, penalty=0.05)
    np.testing.assert_array_equal(errors.coef, standard_errors(X, Y, fit, family="poisson", penalty=0.05).coef)
    folds = np.arange(600) // 100 - 1
    chosen = PopulationGLMCV(penalties=[1.0, 0.1]).fit(X, Y, folds=folds)
    assert np.isfinite(standard_errors(X[100:], Y[100:], chosen).coef).all()
    single = PopulationGLM(penalty=0.05).fit(X, Y[:, 0])
    np.testing.assert_allclose(standard_errors(X, Y[:, 0], single).coef[0], errors.coef[0], rtol=1e-4)


def test_another_fit_is_refused(simulate):
    X, Y = simulate()
    fit = fit_population(X, Y, penalty=0.05)
    known = {"family": "poisson", "penalty": 0.05}
    for wrong in ({"penalty": 0.2}, {"offset": np.random.default_rng(0).normal(0, 1, Y.shape)}):
        with pytest.raises(InputError, match=r"fit: expected the ridge minimum .* unit 0 at"):
            standard_errors(X, Y, fit, **known | wrong)
    with pytest.raises(InputError, match="fit: expected the ridge minimum"):
        standard_errors(X, Y, fit_population(X, Y, penalty=0.05, l1_ratio=0.5), **known)
    with pytest.raises(InputError, match="an l1 penalty; fit with l1_ratio=0"):
        standard_errors(X, Y, PopulationGLM(penalty=0.05, l1_ratio=0.5).fit(X, Y))
    with pytest.raises(InputError, match="found a path"):
        standard_errors(X, Y, penalty_path(X, Y, penalties=[1.0, 0.1]), **known)
    with pytest.raises(InputError, match="penalty: expected the one that was fitted, found None"):
        standard_errors(X, Y, fit, family="poisson")
    with pytest.raises(InputError, match="dispersion: expected one per unit"):
        standard_errors(X, Y, fit_population(X, Y), family="negative_binomial", penalty=1)
    with pytest.raises(InputError, match="family: expected one of poisson"):
        standard_errors(X, Y, fit, family="weibull", penalty=1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"X": np.ones((300, 5))}, r"X: expected \(time, 6\)"),
        ({"Y": np.ones((300, 2))}, r"Y: expected \(300, 5\)"),
        ({"at": np.ones((3, 2))}, r"at: expected \(row, 6\)"),
        ({"at": np.ones((3, 6)), "at_offset": np.ones((2, 5))}, "at_offset"),
        ({"clusters": np.ones(4)}, "clusters"),
        ({"clusters": np.full(300, np.nan)}, "a missing one"),
        ({"sample_weight": np.ones((300, 2))}, "sample_weight"),
        ({"offset": np.ones((300, 2))}, "offset"),
        ({"allowed": np.ones((300, 2), bool)}, "allowed"),
        ({"penalty_weight": np.ones(3)}, "penalty_weight"),
        ({"penalty": np.ones(3)}, "penalty"),
        ({"X": np.full((300, 6), np.nan)}, "NaN or infinity in the bins of unit 0"),
    ],
)
def test_shapes_that_disagree(simulate, wrong, said):
    X, Y = simulate()
    fit = fit_population(X, Y, penalty=0.05)
    given = {"X": X, "Y": Y, "penalty": 0.05} | wrong
    with pytest.raises(InputError, match=said):
        standard_errors(given.pop("X"), given.pop("Y"), fit, family="poisson", **given)
