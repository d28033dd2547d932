"""Rings: loops known exactly, a plain reduction of the boundary matrix, and populations that have one or do not."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from neurorec.dynamics.subspaces.loops import circular_coordinate, persistent_loops
from neurorec.dynamics.subspaces.ring import find_ring, ring_of_population
from neurorec.recording import InputError, recording_from_arrays


def apart(points) -> np.ndarray:
    return cdist(points, points)


def circle(n: int, *, radius: float = 1.0) -> np.ndarray:
    angle = 2 * np.pi * np.arange(n) / n
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def by_boundaries(distances: np.ndarray) -> list[tuple[float, float]]:
    """Births and deaths of loops by the reduction of the boundary matrix over two elements, as in textbooks."""
    n = len(distances)
    edges = sorted(combinations(range(n), 2), key=lambda e: distances[e])
    triangles = sorted(
        combinations(range(n), 3),
        key=lambda t: max(distances[t[0], t[1]], distances[t[0], t[2]], distances[t[1], t[2]]),
    )
    number, found, lowest = {edge: k for k, edge in enumerate(edges)}, [], {}
    for triangle in triangles:
        column = {number[edge] for edge in combinations(triangle, 2)}
        death = max(distances[edges[k]] for k in column)
        while column and max(column) in lowest:
            column = column ^ lowest[max(column)]
        if column:
            lowest[max(column)] = column
            birth = distances[edges[max(column)]]
            if death > birth * (1 + 1e-9):
                found.append((birth, death))
    return sorted(found, key=lambda pair: pair[0] - pair[1])


@pytest.mark.parametrize("n", [4, 6, 9, 13])
def test_a_polygon_has_one_loop(n):
    """Born with its side; filled by the smallest triangle around its middle."""
    found = persistent_loops(apart(circle(n)))
    steps = -(-n // 3)  # each side of such a triangle spans a third of the corners, or the next number
    np.testing.assert_allclose(found.birth, [2 * np.sin(np.pi / n)])
    np.testing.assert_allclose(found.death, [2 * np.sin(np.pi * steps / n)])


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_loops_are_those_of_the_boundary_matrix(seed):
    points = np.random.default_rng(seed).standard_normal((12, 2))
    found, expected = persistent_loops(apart(points)), by_boundaries(apart(points))
    np.testing.assert_allclose(np.stack([found.birth, found.death], axis=1), np.reshape(expected, (-1, 2)))


def test_loops_of_known_shapes():
    line = persistent_loops(apart(np.linspace([0, 0], [1, 0], 20)))
    assert line.birth.size == 0
    assert not line.exact
    assert np.isnan(circular_coordinate(line, 20)).all()
    two = np.concatenate([circle(16), circle(16, radius=0.5) + np.array([4, 0])])
    found = persistent_loops(apart(two))
    lasting = found.death - found.birth > 0.3
    assert lasting.sum() == 2
    np.testing.assert_allclose(found.birth[lasting], [2 * np.sin(np.pi / 16), np.sin(np.pi / 16)])
    grid = 2 * np.pi * np.arange(8) / 8
    a, b = (one.ravel() for one in np.meshgrid(grid, grid))
    torus = persistent_loops(apart(np.stack([np.cos(a), np.sin(a), np.cos(b), np.sin(b)], axis=1)))
    lives = torus.death - torus.birth
    assert (lives > 0.5 * lives[0]).sum() == 2


def test_points_that_are_never_joined_leave_their_loop_open():
    distances = apart(circle(6))
    distances[distances > 1.1] = np.inf
    found = persistent_loops(distances)
    np.testing.assert_allclose(found.birth, [1.0])
    assert np.isinf(found.death).all()
    turned = np.exp(1j * circular_coordinate(found, 6))
    np.testing.assert_allclose(np.abs(np.angle(np.roll(turned, -1) / turned)), np.pi / 3)


@pytest.mark.parametrize("n", [12, 30])
def test_the_angle_around_a_circle_is_the_angle(n):
    order = np.random.default_rng(n).permutation(n)
    loops = persistent_loops(apart(circle(n)[order]))
    assert loops.exact
    angle = circular_coordinate(loops, n)
    true = 2 * np.pi * order / n
    agreement = max(np.abs(np.exp(1j * (sign * angle - true)).mean()) for sign in (1, -1))
    assert agreement > 0.999


def test_loops_do_not_depend_on_order_and_scale():
    rng = np.random.default_rng(3)
    points = circle(25) + 0.1 * rng.standard_normal((25, 2))
    one, other = persistent_loops(apart(points)), persistent_loops(7 * apart(points[rng.permutation(25)]))
    np.testing.assert_allclose(other.birth, 7 * one.birth)
    np.testing.assert_allclose(other.death, 7 * one.death)


def heading(n: int, rng: np.random.Generator, *, step: float = 0.1) -> np.ndarray:
    return np.cumsum(step * rng.standard_normal(n))


def tuned(angle: np.ndarray, n_units: int, *, width: float = 3.0) -> np.ndarray:
    return np.exp(width * (np.cos(angle[:, None] - 2 * np.pi * np.arange(n_units) / n_units) - 1))


FEW = {"n_landmarks": 50, "n_samples": 500, "n_null": 19}


def test_tuned_units_lie_on_a_ring_and_tell_the_angle():
    rng = np.random.default_rng(0)
    angle = heading(3000, rng)
    counts = rng.poisson(3 * tuned(angle, 8))
    recording = recording_from_arrays(counts, bin_width=0.05, area="ADN")
    found = ring_of_population(recording, smoothing=0.15, **FEW, rng=rng)
    assert found.attrs["p_value"] == 0.05
    assert found.attrs["n_loops"] == 1
    assert found.attrs["score"] > 0.3
    read = found["angle"].values
    known = np.isfinite(read)
    assert known.mean() > 0.95
    agreement = max(np.abs(np.exp(1j * (sign * read - angle))[known].mean()) for sign in (1, -1))
    assert agreement > 0.9
    turned = np.unwrap(found["preferred"].values)
    assert abs(abs(turned[-1] - turned[0]) - 7 / 8 * 2 * np.pi) < 0.6  # the units in their order, once around
    assert found["selectivity"].values.min() > 0.5


def test_what_lies_on_no_ring_has_none():
    rng = np.random.default_rng(1)
    line = np.abs((heading(2000, rng) % 4) - 2)  # to and fro
    along = np.exp(-2 * (line[:, None] - np.linspace(0, 2, 7)) ** 2)
    found = find_ring(along, **FEW, rng=rng)
    assert found.n_loops == 0
    assert found.score < 0.15
    alone = np.stack([tuned(heading(2000, rng), 1)[:, 0] for _ in range(7)], axis=1)
    found = find_ring(alone + 0.05, **FEW, rng=rng)
    assert found.p_value > 0.05


def test_gain_and_silence_do_not_matter():
    rng = np.random.default_rng(2)
    activity = tuned(heading(1500, rng, step=0.3), 6)
    gain = np.exp(0.5 * rng.standard_normal((1500, 1)))
    gain[:20] = 0
    loud = activity.copy()
    loud[20:40] = np.nan
    one = find_ring(activity[40:], **FEW, rng=np.random.default_rng(5))
    other = find_ring((gain * loud), **FEW, rng=np.random.default_rng(5))
    assert one.n_loops == other.n_loops == 1
    assert other.score == pytest.approx(one.score, abs=0.05)
    assert np.isnan(other.angle[:40]).all()
    assert np.isfinite(other.angle[40:]).all()


def test_chance_is_at_its_level():
    p = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        alone = np.stack([tuned(heading(800, rng), 1)[:, 0] for _ in range(5)], axis=1)
        p.append(find_ring(alone + 0.05, n_landmarks=30, n_samples=300, n_null=9, rng=rng).p_value)
    assert min(p) < 0.5 < max(p)


def test_what_cannot_be_asked_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="fewer landmarks"):
        find_ring(np.ones((30, 5)), rng=rng)
    with pytest.raises(InputError, match="3 units"):
        find_ring(np.ones((300, 2)), rng=rng)
    with pytest.raises(InputError, match="symmetric"):
        persistent_loops(np.arange(9.0).reshape(3, 3))
    with pytest.raises(InputError, match="landmarks"):
        find_ring(np.ones((300, 4)), n_landmarks=2, rng=rng)
    recording = recording_from_arrays(np.ones((300, 4), dtype=int), bin_width=0.1, area="ADN")
    with pytest.raises(InputError, match="smoothing"):
        ring_of_population(recording, smoothing=0.0, rng=rng)


def test_bins_without_activity_have_no_direction():
    values = np.zeros((200, 4))
    values[:10] = np.random.default_rng(0).random((10, 4))
    with pytest.raises(InputError, match="found 10 bins with activity of 4 units"):
        find_ring(values, n_landmarks=20, n_samples=100, n_null=3, rng=np.random.default_rng(0))
