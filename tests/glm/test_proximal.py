"""Proximal quasi-Newton steps: minima of the model, its Hessian, directions and duality gaps."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import ElasticNet

from neurorec.glm.curvature import image_reach
from neurorec.glm.designs import as_design
from neurorec.glm.elastic_net import ElasticNetRule, grouped
from neurorec.glm.kernels.proximal import _model, working_set
from neurorec.glm.kernels.shrinking import minimise_model
from neurorec.glm.standing import Pairs, Point
from neurorec.glm.team import Team


def spd(n, rng, condition=1e3):
    vectors = np.linalg.qr(rng.standard_normal((n, n)))[0]
    return (vectors * np.geomspace(1, 1 / condition, n)) @ vectors.T


def no_pairs(B):
    return Pairs(
        np.zeros((len(B), 2, B.shape[1])), np.zeros((len(B), 2, B.shape[1])), *np.zeros((2, len(B), 2)), np.arange(2)
    )


def a_rule(gram, n_units, l1_ratio, worst=1.0, private=None, scale=None, mask=None, **options):
    """A rule whose preconditioner is nothing but its Gram matrices."""
    known = SimpleNamespace(
        common_gram=gram,
        _private=np.zeros((n_units, 0, 0)) if private is None else private,
        _scale=np.ones(n_units) if scale is None else scale,
        _least=lambda units: np.full(len(units), 1e-12),
        mask=mask,
    )
    return ElasticNetRule(known, l1_ratio, np.full(n_units, worst), **options)


def standing_at(units, penalty, B, G, pairs=None, least=0.0):
    """A point and its curvature pairs."""
    return Point(units, penalty, B, G, np.full(len(B), least)), no_pairs(B) if pairs is None else pairs


def look_from(rule, standing, team):
    """What a rule says there: direction, slope and bound."""
    point, pairs = standing
    return SimpleNamespace(**rule.propose(point, pairs, team)._asdict(), bound=rule.bound(point, team))


def penalty_of(b, penalty, l1_ratio, weight, groups):
    sequence, begin = grouped(groups)
    size = sum(weight[sequence[i]] * np.linalg.norm(b[sequence[i:j]]) for i, j in pairwise(begin))
    return penalty * (l1_ratio * size + (1 - l1_ratio) / 2 * b @ b)


@pytest.mark.parametrize("condition", [1e1, 1e5])
def test_the_minimum_of_the_model_obeys_the_optimality_conditions(condition):
    rng = np.random.default_rng(1)
    n = 40
    hessian, start = spd(n, rng, condition), np.where(rng.random(n) < 0.5, rng.standard_normal(n), 0)
    gradient, threshold = rng.standard_normal(n) * 0.3, rng.uniform(0.02, 0.1, n)
    x, slope = start.copy(), gradient.copy()
    for _ in range(30):
        minimise_model(hessian, slope, x, np.arange(n + 1), threshold, 0.0)
    np.testing.assert_allclose(slope, gradient + hessian @ (x - start), atol=1e-9)
    used = x != 0
    assert 0 < used.sum() < n
    np.testing.assert_allclose(slope[used], -threshold[used] * np.sign(x[used]), atol=1e-7)
    assert (np.abs(slope[~used]) <= threshold[~used] + 1e-7).all()


@pytest.mark.parametrize("sizes", [[1, 3, 2, 4], [64, 1, 7], [2] * 10])
def test_the_minimum_over_groups_obeys_the_optimality_conditions(sizes):
    rng = np.random.default_rng(2)
    begin, n = np.concatenate([[0], np.cumsum(sizes)]), sum(sizes)
    hessian, gradient = spd(n, rng, 100), 0.2 * rng.standard_normal(n)
    threshold = 0.15 * np.sqrt(np.array(sizes))
    x, slope = np.zeros(n), gradient.copy()
    for _ in range(20):
        minimise_model(hessian, slope, x, begin, threshold, 0.0)
    n_used = 0
    for low, high, most in zip(begin, begin[1:], threshold, strict=False):
        norm = np.linalg.norm(x[low:high])
        n_used += norm > 0
        if norm > 0:
            np.testing.assert_allclose(slope[low:high], -most * x[low:high] / norm, atol=1e-7)
        else:
            assert np.linalg.norm(slope[low:high]) <= most + 1e-7
    assert n_used > 0


def test_small_group_problems_agree_with_brute_force():
    rng = np.random.default_rng(3)
    for _ in range(10):
        hessian, gradient, threshold = spd(3, rng, 30), rng.standard_normal(3), rng.uniform(0.1, 1.5, 2)
        begin = np.array([0, 2, 3])

        def model(x, hessian=hessian, gradient=gradient, threshold=threshold):
            return gradient @ x + x @ hessian @ x / 2 + threshold[0] * np.hypot(*x[:2]) + threshold[1] * abs(x[2])

        x, slope = np.zeros(3), gradient.copy()
        minimise_model(hessian, slope, x, begin, threshold, 0.0)
        tight = {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 20000, "maxfev": 20000}
        best = min(
            minimize(model, s, method="Nelder-Mead", options=tight).fun for s in (x + 0.01, np.ones(3), -np.ones(3))
        )
        assert model(x) <= best + 1e-9


def test_one_step_solves_least_squares_as_scikit_learn_does():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((300, 25)) @ rng.standard_normal((25, 25))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(300)
    y -= y.mean()
    gram, B, l1_ratio, penalty = X.T @ X / 300, np.zeros((1, 25)), 0.9, 0.1
    rule = a_rule(gram, 1, l1_ratio, worst=y @ y / 600)
    with Team(1) as team:
        for _ in range(8):
            standing = standing_at(np.zeros(1, int), np.array([penalty]), B, (B @ X.T - y) @ X / 300, no_pairs(B))
            found = look_from(rule, standing, team)
            B = B + found.direction
    peer = ElasticNet(alpha=penalty, l1_ratio=l1_ratio, tol=1e-12, max_iter=100000).fit(X, y)
    np.testing.assert_allclose(B[0], peer.coef_, atol=1e-5)
    assert found.bound[0] < 1e-8


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("grouping", ["none", "groups"])
def test_the_bound_is_never_below_the_distance(l1_ratio, grouping):
    rng = np.random.default_rng(5)
    n, penalty, weight = 12, 0.2, rng.uniform(0.5, 2, 12)
    groups = np.repeat([0, 1, -1], [4, 5, 3]) if grouping == "groups" else np.full(n, -1)
    X = rng.standard_normal((50, n))
    X -= X.mean(axis=0)
    y = X @ rng.standard_normal(n) + rng.standard_normal(50)
    y -= y.mean()
    rule = a_rule(X.T @ X / 50, 1, l1_ratio, y @ y / 100, weight=weight, groups=groups)

    def value(b):
        return np.mean((y - X @ b) ** 2) / 2 + penalty_of(b, penalty, l1_ratio, weight, groups)

    def look(B):
        standing = standing_at(np.zeros(1, int), np.array([penalty]), B, (B @ X.T - y) @ X / 50, no_pairs(B))
        with Team(1) as team:
            return look_from(rule, standing, team)

    B = np.zeros((1, n))
    seen = []
    for _ in range(60):
        found = look(B)
        seen.append((value(B[0]), found.bound[0]))
        assert found.slope.start[0] <= 0
        B = B + found.direction
    best = min(f for f, _ in seen)
    assert seen[-1][1] < 1e-7
    assert all(bound >= f - best - 1e-12 for f, bound in seen)
    for scale in (0.01, 1.0, 10.0):
        other = np.where(rng.random((1, n)) < 0.5, scale * rng.standard_normal((1, n)), 0)
        assert look(other).bound[0] >= value(other[0]) - best


def test_the_slope_is_that_of_the_objective_along_the_way():
    rng = np.random.default_rng(6)
    n, penalty, l1_ratio, weight = 9, 0.3, 0.7, rng.uniform(0.5, 2, 9)
    groups = np.array([0, 0, 1, 1, 1, -1, -1, 0, -1])
    B, G = rng.standard_normal((2, n)), rng.standard_normal((2, n))
    rule = a_rule(spd(n, rng), 2, l1_ratio, weight=weight, groups=groups)
    with Team(2) as team:
        found = look_from(rule, standing_at(np.arange(2), np.full(2, penalty), B, G), team)
    for row in range(2):
        b, d = B[row], found.direction[row]
        l2 = penalty * (1 - l1_ratio)
        change = penalty_of(b + d, penalty, l1_ratio, weight, groups) - penalty_of(b, penalty, l1_ratio, weight, groups)
        assert found.slope.linear[row] + found.slope.square[row] / 2 == pytest.approx(change)
        assert found.slope.square[row] == pytest.approx(l2 * d @ d)
        assert found.slope.start[row] == pytest.approx(G[row] @ d + found.slope.linear[row])
    assert (found.slope.longest == 1).all()


def test_the_hessian_of_the_model_is_that_of_bfgs():
    rng = np.random.default_rng(7)
    n, l2, scale = 10, 0.05, 0.7
    gram, truth = spd(n, rng), spd(n, rng, 50)
    s = rng.standard_normal((1, 3, n)) * (rng.random(n) < 0.7)
    s[0, 1] = 0  # an empty place of the ring
    y = s @ truth
    pairs = (s, y, (s * y).sum(axis=2), (s * s).sum(axis=2), np.array([2, 0, 1]))
    wanted = scale * gram + l2 * np.eye(n)
    for k in (2, 0):
        step, change = s[0, k], y[0, k] + l2 * s[0, k]
        image = wanted @ step
        wanted = wanted + np.outer(change, change) / (step @ change) - np.outer(image, image) / (step @ image)
    weight = np.ones(n)
    grouping = (np.arange(n), np.arange(n + 1), weight[None])
    b = np.where(np.arange(n) < 6, 1.0, 0.0)
    columns, begin, n_work = working_set(b, np.zeros(n), 1.0, grouping, weight, s[0])
    assert n_work == 6
    assert begin[-1] == 6
    hessian = np.empty((columns.size, columns.size))
    metric = (gram, np.zeros((1, 0, 0)), np.array([scale]), np.zeros(1))
    _model(hessian, columns, n_work, 0, 0, l2, pairs, 3, metric)
    np.testing.assert_allclose(hessian[:6, :6], wanted[:6, :6], atol=1e-12)


def test_private_columns_meet_no_others_and_masked_ones_stay():
    rng = np.random.default_rng(8)
    gram, private = spd(4, rng, 10), np.stack([spd(2, rng, 10) for _ in range(3)])
    B, G = np.zeros((3, 6)), 3 * rng.standard_normal((3, 6))
    G[1, [0, 5]] = 0  # masked
    scale = np.array([1.0, 2.0, 0.5])
    with Team(2) as team:
        standing = standing_at(np.array([2, 0, 1]), np.full(3, 0.1), B, G, no_pairs(B))
        groups = np.array([0, 0, 1, -1, 2, 2])
        found = look_from(a_rule(gram, 3, 0.5, private=private, scale=scale, groups=groups), standing, team)
        apart = [
            look_from(
                a_rule(
                    np.block([[gram, np.zeros((4, 2))], [np.zeros((2, 4)), private[unit]]]) * scale[unit],
                    1,
                    0.5,
                    groups=groups,
                ),
                standing_at(np.zeros(1, int), np.array([0.1]), B[[row]], G[[row]]),
                team,
            )
            for row, unit in enumerate([2, 0, 1])
        ]
    np.testing.assert_allclose(found.direction, np.concatenate([one.direction for one in apart]), atol=1e-10)
    np.testing.assert_allclose(found.bound, np.concatenate([one.bound for one in apart]))
    assert (found.direction[1, [0, 5]] == 0).all()
    assert found.direction[1, 4] != 0


def test_useless_pairs_are_dropped():
    rng = np.random.default_rng(9)
    gram, B, G = spd(8, rng), np.zeros((1, 8)), rng.standard_normal((1, 8))
    s = rng.standard_normal((1, 2, 8))
    y = rng.standard_normal((1, 2, 8))
    bad = Pairs(s, y, np.full((1, 2), np.nan), np.ones((1, 2)), np.arange(2))
    worse = Pairs(s, np.full_like(y, np.nan), np.ones((1, 2)), np.ones((1, 2)), np.arange(2))
    with Team(1) as team:
        plain = look_from(a_rule(gram, 1, 0.9), standing_at(np.zeros(1, int), np.array([0.1]), B, G), team)
        for pairs in (bad, worse):
            found = look_from(a_rule(gram, 1, 0.9), standing_at(np.zeros(1, int), np.array([0.1]), B, G, pairs), team)
            np.testing.assert_allclose(found.direction, plain.direction)
            assert found.slope.start[0] < 0


def test_a_gradient_that_is_not_a_number_gives_no_step_and_no_certificate():
    B = np.ones((1, 3))
    with Team(1) as team:
        standing = standing_at(np.zeros(1, int), np.array([0.1]), B, np.full((1, 3), np.nan), no_pairs(B))
        found = look_from(a_rule(np.eye(3), 1, 0.9), standing, team)
    assert not found.direction.any()
    assert np.isnan(found.bound).all()


def test_columns_that_no_penalty_holds_have_no_bound():
    B, G = np.zeros((1, 2)), np.array([[0.5, 0.01]])
    with Team(1) as team:
        standing = standing_at(np.zeros(1, int), np.array([0.1]), B, G, no_pairs(B))
        found = look_from(a_rule(np.eye(2), 1, 1.0, weight=np.array([0.0, 1.0])), standing, team)
        assert np.isinf(found.bound[0])
        np.testing.assert_allclose(found.direction[0], [-0.5, 0], atol=1e-10)
        there = standing_at(np.zeros(1, int), np.array([0.1]), B, G * [0, 1])
        still = look_from(a_rule(np.eye(2), 1, 1.0, weight=np.array([0.0, 1.0])), there, team)
    assert still.bound[0] == 0


LOSSES = {  # loss and its first two derivatives in eta
    "poisson": lambda y, eta: (np.exp(eta) - y * eta, np.exp(eta) - y, np.exp(eta)),
    "bernoulli": lambda y, eta: (np.logaddexp(0, eta) - y * eta, expit(eta) - y, expit(eta) * expit(-eta)),
    "gaussian": lambda y, eta: ((y - eta) ** 2 / 2, eta - y, np.ones_like(eta)),
    "gamma": lambda y, eta: ((y + 0.1) * np.exp(-eta) + eta, 1 - (y + 0.1) * np.exp(-eta), (y + 0.1) * np.exp(-eta)),
    "negative_binomial": lambda y, eta: (
        (y + 2) * np.log1p(np.exp(eta) / 2) - y * eta,
        (np.exp(eta) - y) / (1 + np.exp(eta) / 2),
        (1 + y / 2) * np.exp(eta) / (1 + np.exp(eta) / 2) ** 2,
    ),
}


def centred(y, eta, weight, loss):
    """Eta with the best intercept, by bisection."""
    low, high = -30.0, 30.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.mean(weight * loss(y, eta + middle)[1]) < 0 else (low, middle)
    return eta + low


@pytest.mark.parametrize("family", LOSSES)
@pytest.mark.parametrize(("l1_ratio", "n_groups"), [(0.9, 0), (0.5, 4), (1.0, 0)])
def test_the_curved_bound_is_tighter_and_never_below_the_distance(family, l1_ratio, n_groups):
    rng = np.random.default_rng(10)
    n_times, n, loss = 400, 12, LOSSES[family]
    X = rng.standard_normal((n_times, n)) @ (np.eye(n) + 0.3 * rng.standard_normal((n, n)))
    y = np.minimum(rng.poisson(np.exp(0.2 * X[:, :3].sum(axis=1))), 1 if family == "bernoulli" else 9).astype(float)
    weight = rng.uniform(0.5, 1.5, n_times)
    weight /= weight.mean()
    mask = np.arange(n)[None] != 7
    groups = np.arange(n) % n_groups if n_groups else np.full(n, -1)
    gram = np.cov(X.T, bias=True)
    worst = np.mean(weight * (loss(y, centred(y, 0 * y, weight, loss))[0]))
    worst -= (
        np.mean(weight * loss(y, np.clip(np.log(np.maximum(y, 1e-9)), -30, 30))[0]) if family == "poisson" else -9.0
    )
    scale = np.array([np.mean(loss(y, centred(y, 0 * y, weight, loss))[2])])
    penalty, options = 0.03, {"groups": groups, "mask": mask, "scale": scale, "worst": abs(worst)}
    plain, curved = (a_rule(gram, 1, l1_ratio, reach=reach, **options) for reach in (None, image_reach(as_design(X))))

    def look(B, rule):
        eta = centred(y, X @ B[0], weight, loss)
        value, slope, bend = loss(y, eta)
        G = mask * ((weight * slope) @ X / n_times)
        lit = standing_at(np.zeros(1, int), np.array([penalty]), B, G, least=(weight * bend).min())
        with Team(1) as team:
            found = look_from(rule, lit, team)
        return np.mean(weight * value) + penalty_of(B[0], penalty, l1_ratio, np.ones(n), groups), found

    B, seen = np.zeros((1, n)), []
    for _ in range(150):
        (f, loose), (_, tight) = look(B, plain), look(B, curved)
        seen.append((f, loose.bound[0], tight.bound[0]))
        B = B + loose.direction * 0.7
    best = min(f for f, _, _ in seen)
    assert all(f - best <= tight + 1e-12 for f, _, tight in seen)
    assert all(tight <= loose for _, loose, tight in seen)
    assert seen[-1][1] < 1e-8
    if l1_ratio < 1:
        assert any(tight < loose / 3 for f, loose, tight in seen if f - best > 1e-12)
    for size in (1e-4, 1e-2, 1.0):
        other = np.where(B != 0, B + mask * size * rng.standard_normal((1, n)), 0)
        f, found = look(other, curved)
        assert f - best <= found.bound[0]
