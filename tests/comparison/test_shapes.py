"""Shape distances: a metric, equal to what the definition says, on any numbers of units."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm, subspace_angles
from scipy.spatial import procrustes

from neurorec.comparison import procrustes_distance, shape_distance, shape_distances
from neurorec.comparison.nuclear import nuclear_norms
from neurorec.recording import InputError

ALPHAS = st.sampled_from([0.0, 0.25, 0.5, 1.0])
SEEDS = st.integers(0, 2**31)


def rotation(n, rng):
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def by_hand(x, y, alpha):
    """Equations of the paper, one after the other, on rows, with matrix square roots and padding."""
    n = max(x.shape[1], y.shape[1])
    sides = []
    for values in (x, y):
        values = values - values.mean(axis=0)
        gram = values.T @ values
        typical = np.sqrt(np.trace(gram) / len(gram))
        whitener = alpha * np.eye(len(gram)) + (1 - alpha) * typical * np.linalg.inv(np.real(sqrtm(gram)))
        padded = np.pad(values @ whitener, ((0, 0), (0, n - values.shape[1])))
        sides.append(padded / np.linalg.norm(padded))
    left, _, right = np.linalg.svd(sides[0].T @ sides[1])
    return np.arccos(np.clip(np.trace((sides[0] @ left @ right).T @ sides[1]), -1, 1))


@settings(max_examples=25, deadline=None)
@given(SEEDS, ALPHAS)
def test_is_a_metric(seed, alpha):
    rng = np.random.default_rng(seed)
    x, y, z = (rng.standard_normal((3, 8, n)) * rng.exponential(size=n) for n in rng.integers(1, 6, 3))
    near = x + 0.1 * rng.standard_normal(x.shape)
    for a, b, c in ((x, y, z), (x, near, y)):
        ab, bc, ac = (shape_distance(*pair, alpha=alpha).distance for pair in ((a, b), (b, c), (a, c)))
        assert ab >= 0
        assert shape_distance(b, a, alpha=alpha).distance == pytest.approx(ab, abs=1e-9)
        assert ac <= ab + bc + 1e-7


@settings(max_examples=25, deadline=None)
@given(SEEDS, ALPHAS)
def test_rotations_sizes_and_offsets_are_no_difference(seed, alpha):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    x = rng.standard_normal((4, 6, n)) @ np.diag(rng.uniform(0.5, 2, n))
    other = 7 * x @ rotation(n, rng) + rng.standard_normal(n)
    assert shape_distance(x, other, alpha=alpha).distance < 1e-6
    more = np.concatenate([other, np.zeros((4, 6, 2))], axis=-1) @ rotation(n + 2, rng)
    assert shape_distance(x, more, alpha=alpha).distance < 1e-6


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_is_what_the_definition_says(alpha):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 30, 3)), rng.standard_normal((2, 30, 5))
    expected = by_hand(x.reshape(60, 3), y.reshape(60, 5), alpha)
    assert shape_distance(x, y, alpha=alpha).distance == pytest.approx(expected, abs=1e-8)


def test_any_linear_map_is_no_difference_with_alpha_0_alone():
    rng = np.random.default_rng(2)
    x, stretch = rng.standard_normal((3, 20, 4)), np.diag([1.0, 2.0, 3.0, 4.0]) @ rotation(4, rng)
    found = [shape_distance(x, x @ stretch, alpha=alpha).distance for alpha in (0.0, 0.2, 0.6, 1.0)]
    assert found[0] < 1e-6
    assert (np.diff(found) > 0.02).all()


def test_alpha_0_is_the_mean_canonical_correlation():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 1, 40, 3))
    canonical = np.cos(subspace_angles(*((v[0] - v[0].mean(axis=0)) for v in (x, y))))
    assert shape_distance(x, y, alpha=0.0).cosine == pytest.approx(canonical.mean(), abs=1e-12)


def test_the_rotation_is_the_one():
    rng = np.random.default_rng(4)
    x, turn = rng.standard_normal((2, 10, 4)), rotation(4, rng)
    np.testing.assert_allclose(shape_distance(x, x @ turn).rotation, turn, atol=1e-9)


def test_procrustes_agrees_with_scipy_and_with_its_formula():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2, 2, 15, 4))
    found = procrustes_distance(x, y)
    disparity = procrustes(x.reshape(30, 4), y.reshape(30, 4))[2]
    assert 1 - found.explained == pytest.approx(disparity, abs=1e-12)
    a, b = (v.reshape(30, 4) - v.mean(axis=(0, 1)) for v in (x, y))
    assert np.linalg.norm(a / np.linalg.norm(a) @ found.rotation - b / np.linalg.norm(b)) == pytest.approx(
        found.distance
    )
    raw = procrustes_distance(x, y, scaled=False)
    assert np.linalg.norm(a @ raw.rotation - b) == pytest.approx(raw.distance)
    best = raw.scale * a @ raw.rotation
    assert abs(((best - b) * best).sum()) < 1e-9  # no other scale is nearer


@pytest.mark.parametrize("alpha", [0.5, 1.0])
@pytest.mark.parametrize("block", [None, 900])
def test_all_pairs_are_the_pairs(alpha, block, monkeypatch):
    if block:
        monkeypatch.setattr("neurorec.comparison.shapes._BLOCK", block)
    rng = np.random.default_rng(6)
    systems = [rng.standard_normal((3, 12, n)) for n in (4, 5, 4, 6, 5)]
    found = shape_distances(systems, alpha=alpha)
    for i, a in enumerate(systems):
        for j, b in enumerate(systems):
            expected = 0.0 if i == j else shape_distance(a, b, alpha=alpha).distance
            assert found.distance[i, j] == pytest.approx(expected, abs=1e-9)


def test_single_precision_is_exact_where_it_would_show():
    rng = np.random.default_rng(10)
    x = rng.standard_normal((4, 50, 6))
    systems = [x, x @ rotation(6, rng), x + 1e-3 * rng.standard_normal(x.shape), rng.standard_normal((4, 50, 5))]
    exact, single = (shape_distances(systems, single=how).distance for how in (False, True))
    np.testing.assert_allclose(single[:3, :3], exact[:3, :3], atol=1e-9)
    np.testing.assert_allclose(single, exact, atol=1e-5)
    assert single[0, 1] < 1e-6 < 5e-4 < single[0, 2]


@pytest.mark.parametrize("shape", [(70, 6, 6), (33, 7, 3), (40, 2, 9), (64, 1, 1), (5, 4, 4)])
def test_sums_of_singular_values_of_many_matrices(shape):
    matrices = np.random.default_rng(11).standard_normal(shape)
    matrices[::3] *= np.exp(np.linspace(-40, 3, len(matrices[::3])))[:, None, None]
    matrices[1] = 0
    matrices[2, :, 0] = matrices[2, :, -1]
    expected = np.linalg.svd(matrices, compute_uv=False).sum(axis=-1)
    np.testing.assert_allclose(nuclear_norms(matrices), expected, rtol=1e-12, atol=0)


def test_sums_of_singular_values_of_any_spread():
    rng = np.random.default_rng(12)
    for size in (10.0 ** -np.arange(20), np.append(np.ones(19), 1e-9), np.eye(20)[0]):
        turned = [rotation(20, rng) * size @ rotation(20, rng) for _ in range(35)]
        np.testing.assert_allclose(nuclear_norms(np.stack(turned)), size.sum(), rtol=1e-12)


def test_many_pairs_are_as_each_alone_and_alike_where_they_are():
    rng = np.random.default_rng(13)
    systems = [rng.standard_normal((3, 20, 5)) for _ in range(9)]
    systems += [5 * systems[0] @ rotation(5, rng) + 3]
    found = shape_distances(systems).distance
    expected = [[shape_distance(a, b).distance if a is not b else 0.0 for b in systems] for a in systems]
    np.testing.assert_allclose(found, expected, atol=1e-7)
    apart = found > 1e-3
    np.testing.assert_allclose(found[apart], np.array(expected)[apart], atol=1e-10)
    assert found[0, 9] < 1e-7


def test_pairs_are_of_the_rows_that_all_have():
    rng = np.random.default_rng(7)
    whole = rng.standard_normal((2, 10, 3))
    cut = whole.copy()
    cut[1, 6:] = np.nan
    short = [whole[0][:8], whole[1]]
    found = shape_distances([whole, cut, short])
    assert found.n_rows == 8 + 6
    assert found.distance.max() < 1e-6


def test_bad_input_is_refused():
    x = np.random.default_rng(8).standard_normal((2, 5, 3))
    with pytest.raises(InputError, match="alpha: expected 0 to 1"):
        shape_distance(x, x, alpha=2.0)
    with pytest.raises(InputError, match="set n_components lower"):
        shape_distance(x, np.random.default_rng(9).standard_normal((2, 5, 30)), alpha=0.0)
    with pytest.raises(InputError, match="responses that vary"):
        shape_distance(x, np.ones((2, 5, 3)))
    with pytest.raises(InputError, match="equally many conditions"):
        shape_distance(x, x[:1])
    with pytest.raises(InputError, match="two or more"):
        shape_distances([x])
    hole = x.copy()
    hole[0, 2, 1] = np.nan
    with pytest.raises(InputError, match="NaN in all units"):
        shape_distance(x, hole)
    with pytest.raises(InputError, match="condition, time, unit"):
        shape_distance(x[0], x[0])
