"""Delay maps and their distances: exact systems, plain rewrites, and starts that find what is there."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from neurorec.comparison import delay_map, dynamical_similarity, map_angle, spectral_distance
from neurorec.recording import InputError


def turning(angle, decay, n_steps=40, n_conditions=6, seed=0):
    """Noiseless spirals in two dimensions ``(condition, time, unit)``."""
    step = decay * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    at, found = np.random.default_rng(seed).standard_normal((n_conditions, 2)), []
    for _ in range(n_steps):
        found.append(at)
        at = at @ step.T
    return np.stack(found, axis=1)


def by_hand(parts, n_delays, interval, rank):
    """Delay vectors laid out one by one, a full decomposition, and ordinary least squares."""
    middle = np.concatenate(parts).mean(axis=0)
    reach = (n_delays - 1) * interval
    vectors, pairs = [], []
    for part in parts:
        for t in range(reach, len(part)):
            if t + 1 < len(part):
                pairs.append(len(vectors))
            vectors.append(np.concatenate([part[t - k * interval] - middle for k in range(n_delays)]))
    h = np.array(vectors)
    left, size, _ = np.linalg.svd(h, full_matrices=False)
    scores = left[:, :rank] * np.sqrt(len(h))
    before = np.array(pairs)
    return np.linalg.lstsq(scores[before], scores[before + 1], rcond=None)[0].T, size[:rank] / np.sqrt(len(h)), len(h)


@pytest.mark.parametrize(("n_delays", "interval"), [(1, 1), (4, 1), (3, 2)])
def test_the_map_is_that_of_delay_vectors_which_cross_no_trial(n_delays, interval):
    rng = np.random.default_rng(1)
    parts = [np.cumsum(rng.standard_normal((n, 3)), axis=0) for n in (20, 9, 15)]
    found = delay_map(parts, n_delays=n_delays, interval=interval, rank=3)
    matrix, size, n = by_hand(parts, n_delays, interval, 3)
    assert found.n_vectors == n
    np.testing.assert_allclose(found.singular_values, size, rtol=1e-9)
    np.testing.assert_allclose(np.abs(found.matrix), np.abs(matrix), atol=1e-8)  # a component's sign is free
    assert spectral_distance(found.eigenvalues, np.linalg.eigvals(matrix)) < 1e-9


def test_a_missing_step_ends_a_stretch():
    rng = np.random.default_rng(2)
    x = np.cumsum(rng.standard_normal((2, 20, 3)), axis=1)
    hole = x.copy()
    hole[1, 8] = np.nan
    whole = delay_map([x[0], x[1, :8], x[1, 9:]], n_delays=2, rank=4)
    found = delay_map(hole, n_delays=2, rank=4)
    np.testing.assert_allclose(found.eigenvalues, whole.eigenvalues)
    assert found.n_vectors == 19 + 7 + 10


def test_a_linear_system_gives_its_own_eigenvalues():
    x = turning(0.3, 0.95)
    x = np.concatenate([x, -x])  # of mean 0, as otherwise an offset is one more dimension
    expected = 0.95 * np.exp([0.3j, -0.3j])
    for seen in (x @ np.random.default_rng(3).standard_normal((2, 7)), x @ np.ones((2, 1))):
        found = delay_map(seen, n_delays=3, rank=20)  # two dimensions: the rank asked for is not there
        assert spectral_distance(found.eigenvalues, expected) < 1e-6
        assert found.explained == pytest.approx(1)
        assert found.variance == pytest.approx(1)


def test_speed_is_a_difference_and_coordinates_are_none():
    rng = np.random.default_rng(4)
    noisy = [
        turning(a, 0.98, seed=s) + 0.02 * rng.standard_normal((6, 40, 2)) for a, s in ((0.3, 0), (0.3, 1), (0.6, 2))
    ]
    options = {"n_delays": 3, "rank": 2}
    same = dynamical_similarity(noisy[0], noisy[1] @ rng.standard_normal((2, 5)), **options)
    other = dynamical_similarity(noisy[0], noisy[2], **options)
    assert same.distance < 0.05
    assert other.distance == pytest.approx(abs(np.exp(0.3j) - np.exp(0.6j)), rel=0.25)
    turned = dynamical_similarity(noisy[0], noisy[0][:4] @ np.array([[0, 1], [1, 0]]), **options)
    assert turned.distance < 0.05  # other numbers of conditions
    assert same.x.matrix.shape == same.y.matrix.shape == (2, 2)


def test_ranks_are_made_equal():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((3, 20, 1)), rng.standard_normal((3, 20, 6))
    found = dynamical_similarity(x, y, n_delays=3, rank=10)
    assert found.x.matrix.shape == found.y.matrix.shape == (3, 3)


def test_spectra_are_matched_as_well_as_can_be():
    rng = np.random.default_rng(6)
    a, b, c = (rng.standard_normal(6) + 1j * rng.standard_normal(6) for _ in range(3))
    cost = np.abs(a[:, None] - b) ** 2
    rows, columns = linear_sum_assignment(cost)
    assert spectral_distance(a, b) == pytest.approx(np.sqrt(cost[rows, columns].mean()))
    assert spectral_distance(a, a[::-1]) == 0
    assert spectral_distance(a, c) <= spectral_distance(a, b) + spectral_distance(b, c) + 1e-12
    with pytest.raises(InputError, match="equally many eigenvalues"):
        spectral_distance(a, b[:3])


@pytest.mark.parametrize("n", [2, 5, 30])
def test_a_turned_map_is_found(n):
    rng = np.random.default_rng(7)
    a, turn = rng.standard_normal((n, n)), np.linalg.qr(rng.standard_normal((n, n)))[0]
    found = map_angle(a, turn.T @ a @ turn, n_starts=3, rng=rng)
    assert found.angle < 1e-4
    assert found.converged
    np.testing.assert_allclose(found.rotation @ found.rotation.T, np.eye(n), atol=1e-9)


def test_the_angle_in_two_dimensions_is_that_of_all_rotations():
    rng = np.random.default_rng(8)
    a, b = rng.standard_normal((2, 2, 2))
    best = []
    for angle in np.linspace(0, 2 * np.pi, 2001):
        c = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        for turn in (c, c @ np.diag([1, -1])):
            best.append(np.sum(a * (turn @ b @ turn.T)) / np.linalg.norm(a) / np.linalg.norm(b))
    found = map_angle(a, b, rng=rng)
    assert found.angle == pytest.approx(np.arccos(max(best)), abs=1e-4)
    assert (np.diff(found.spread) >= 0).all()
    assert found.spread[0] == found.angle
    reached = np.sum(a * (found.rotation @ b @ found.rotation.T)) / np.linalg.norm(a) / np.linalg.norm(b)
    assert np.arccos(reached) == pytest.approx(found.angle, abs=1e-6)


def test_the_angle_is_of_the_maps():
    rng = np.random.default_rng(9)
    x = np.cumsum(rng.standard_normal((4, 30, 3)), axis=1)
    found = dynamical_similarity(x, x[..., ::-1], score="angular", n_delays=2, rank=5, rng=rng)
    assert found.distance < 1e-4
    assert found.spread.size == 16
    with pytest.raises(InputError, match="rng: expected a generator"):
        dynamical_similarity(x, x, score="angular", n_delays=2, rank=5)
    with pytest.raises(InputError, match="'eigenvalues' or 'angular'"):
        dynamical_similarity(x, x, score="both")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="condition of 41 steps"):
        delay_map(x, n_delays=40)
    with pytest.raises(InputError, match="square, finite"):
        map_angle(np.zeros((2, 2)), np.eye(2), rng=rng)
