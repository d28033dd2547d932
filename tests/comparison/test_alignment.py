"""Kernel alignment, canonical correlations and dissimilarities against plain rewrites of their papers."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.cross_decomposition import CCA

from neurorec.comparison import (
    canonical_correlations,
    kernel_alignment,
    representational_similarity,
    unbiased_dissimilarity,
)
from neurorec.recording import InputError


@pytest.fixture
def pair():
    """Responses that share two of their dimensions."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((6, 15, 2))
    x = shared @ rng.standard_normal((2, 5)) + 0.5 * rng.standard_normal((6, 15, 5))
    y = shared @ rng.standard_normal((2, 8)) + 0.5 * rng.standard_normal((6, 15, 8))
    return x, y


def unbiased_hsic(k, m):
    """Equation 5 of Song et al. 2012, on matrices of all rows."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    one = np.ones(n)
    both = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return (np.trace(k @ m) + both - 2 / (n - 2) * (one @ k @ m @ one)) / (n * (n - 3))


@pytest.mark.parametrize("n_units", [3, 200])
def test_kernels_are_those_of_the_papers(n_units):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 10, n_units)), rng.standard_normal((2, 10, 7))
    k, m = (v.reshape(20, -1) @ v.reshape(20, -1).T for v in (x, y))
    middle = np.eye(20) - 1 / 20
    plain = [np.trace(a @ middle @ b @ middle) / 19**2 for a, b in ((k, m), (k, k), (m, m))]
    found = kernel_alignment(x, y)
    np.testing.assert_allclose([found.hsic_xy, found.hsic_xx, found.hsic_yy], plain)
    assert found.value == pytest.approx(plain[0] / np.sqrt(plain[1] * plain[2]))
    fair = kernel_alignment(x, y, debiased=True)
    expected = [unbiased_hsic(*p) for p in ((k, m), (k, k), (m, m))]
    np.testing.assert_allclose([fair.hsic_xy, fair.hsic_xx, fair.hsic_yy], expected, rtol=1e-9)


def test_debiased_alignment_of_independent_responses_is_0_on_average():
    rng = np.random.default_rng(2)
    found = np.array(
        [
            [kernel_alignment(*v, debiased=d).value for d in (False, True)]
            for v in rng.standard_normal((60, 2, 4, 5, 20))
        ]
    )
    assert found[:, 0].mean() > 0.4
    assert abs(found[:, 1].mean()) < 4 * found[:, 1].std() / np.sqrt(60)


def test_alignment_sees_no_rotation_size_or_offset(pair):
    x, _ = pair
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((5, 5)))[0]
    for debiased in (False, True):
        assert kernel_alignment(x, 3 * x @ turn + 1, debiased=debiased).value == pytest.approx(1)
        assert kernel_alignment(x, x @ np.diag([1, 5, 1, 1, 1]), debiased=debiased).value < 0.95


def test_canonical_correlations_are_scikit_learns(pair):
    x, y = pair
    found = canonical_correlations(x, y, n_components=None, variance=1.0, penalty=0.0, n_folds=2)
    fold = np.repeat(np.arange(6) % 2, 15)
    a, b = x.reshape(90, 5), y.reshape(90, 8)
    held, own = [], []
    for k in range(2):
        model = CCA(5, scale=False, max_iter=10_000, tol=1e-12).fit(a[fold != k], b[fold != k])
        for rows, into in ((fold == k, held), (fold != k, own)):
            u, v = model.transform(a[rows], b[rows])
            into.append([np.corrcoef(u[:, i], v[:, i])[0, 1] for i in range(5)])
    np.testing.assert_allclose(found.held_out, np.mean(held, axis=0), atol=1e-4)
    np.testing.assert_allclose(found.training, np.mean(own, axis=0), atol=1e-4)


def test_held_out_correlations_tell_what_is_shared(pair):
    x, y = pair
    found = canonical_correlations(x, y, variance=1.0)
    assert (found.held_out[:2] > 0.75).all()
    assert np.abs(found.held_out[2:]).mean() < found.training[2:].mean() - 0.05
    turned = canonical_correlations(x, y @ np.random.default_rng(4).standard_normal((8, 8)), variance=1.0, penalty=0)
    plain = canonical_correlations(x, y, variance=1.0, penalty=0)
    np.testing.assert_allclose(turned.held_out, plain.held_out, atol=1e-6)
    assert canonical_correlations(x, y, variance=0.5).n_x < 5
    with pytest.raises(InputError, match="conditions to hold out"):
        canonical_correlations(x[:1], y[:1])


@pytest.mark.parametrize("metric", ["euclidean", "correlation"])
def test_dissimilarities_are_scipys(pair, metric):
    x, y = pair
    found = representational_similarity(x, y, metric=metric)
    name = "sqeuclidean" if metric == "euclidean" else metric
    a, b = (pdist(v.reshape(90, -1), name) for v in (x, y))
    np.testing.assert_allclose(found.x, a, atol=1e-9)
    assert found.value == pytest.approx(spearmanr(a, b).statistic)
    pearson = representational_similarity(x, y, metric=metric, ranks=False)
    assert pearson.value == pytest.approx(np.corrcoef(a, b)[0, 1])


def test_simultaneous_pairs_say_nothing_of_time(pair):
    x, _ = pair
    rng = np.random.default_rng(5)
    course = 10 * np.sin(np.linspace(0, 3, 15))[None, :, None]
    one, other = (course * rng.standard_normal(5) + rng.standard_normal((6, 15, 5)) for _ in range(2))
    assert representational_similarity(one, other).value > 0.5
    found = representational_similarity(one, other, pairs="simultaneous")
    assert abs(found.value) < 0.2
    assert found.x.size == 15 * 15
    assert (found.step[found.first] == found.step[found.second]).all()
    with pytest.raises(InputError, match="'all' or 'simultaneous'"):
        representational_similarity(x, x, pairs="some")  # type: ignore[arg-type]


def test_unequal_lengths_share_what_both_have(pair):
    x, y = pair
    cut = [part[: 15 - k] for k, part in enumerate(y)]
    padded = y.copy()
    for k in range(6):
        padded[k, 15 - k :] = np.nan
    for measure in (kernel_alignment, canonical_correlations, representational_similarity):
        assert measure(x, cut).value == pytest.approx(measure(x, padded).value)
    assert kernel_alignment(x, cut).n_rows == 90 - 15


def test_crossnobis_is_the_mean_over_pairs_of_trials():
    rng = np.random.default_rng(6)
    label = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    trials = rng.standard_normal((9, 3, 4)) + label[:, None, None]
    found = unbiased_dissimilarity(trials, label)
    noise = np.mean([trials[label == k].var(axis=0, ddof=1) for k in range(3)], axis=(0, 1))
    a, b = trials[label == 0], trials[label == 1]
    products = [
        ((a[i] - b[j]) * (a[k] - b[m]) / noise).mean(axis=1)
        for i in range(3) for k in range(3) for j in range(2) for m in range(2) if i != k and j != m
    ]  # fmt: skip
    np.testing.assert_allclose(found[:, 0, 1], np.mean(products, axis=0), atol=1e-12)
    np.testing.assert_allclose(found, np.swapaxes(found, 1, 2))
    with pytest.raises(InputError, match="two trials of each"):
        unbiased_dissimilarity(trials[:4], label[:4])
