"""Fixed points side by side: counts, matches and sums that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorec.comparison import compare_fixed_points, compare_transitions
from neurorec.recording import InputError


def flip_flop(n_bits, low=0.4, high=1.6):
    """Points of independent bits, each with two wells and a saddle between."""
    grid = np.stack(np.meshgrid(*[[low, low, high]] * n_bits), axis=-1).reshape(-1, n_bits)
    return (grid > 1).sum(axis=1), grid


def test_three_bits_are_themselves_whatever_the_order():
    index, values = flip_flop(3)
    order = np.random.default_rng(0).permutation(27)
    found = compare_fixed_points(index, values, index[order], values[order])
    assert found.distance == 0
    assert found.counts.tolist() == [[8, 12, 6, 1]] * 2
    assert len(found.pairs) == 27
    assert found.spectral.max() == 0
    assert found.index_sum_a == found.index_sum_b == 1
    assert (index[found.pairs[:, 0]] == index[order][found.pairs[:, 1]]).all()


def test_missing_points_are_counted_and_seen_in_the_index_sum():
    index, values = flip_flop(2)
    kept = np.delete(np.arange(9), np.flatnonzero(index == 1)[0])
    found = compare_fixed_points(index, values, index[kept], values[kept])
    assert found.distance == pytest.approx(1 / 17)
    assert index[found.unmatched_a].tolist() == [1]
    assert found.unmatched_b.size == 0
    assert (found.index_sum_a, found.index_sum_b) == (1, 2)
    two = compare_fixed_points(*flip_flop(1), *flip_flop(3))
    assert two.distance == pytest.approx((6 + 11 + 6 + 1) / 30)


def test_matches_are_by_spectrum():
    a, b = [[0.9, 0.1], [0.5, 0.4]], [[0.45, 0.45], [0.1, 0.88], [0.2, 0.2]]
    found = compare_fixed_points([0, 0], a, [0, 0, 0], b)
    assert sorted(map(tuple, found.pairs.tolist())) == [(0, 1), (1, 0)]
    assert found.spectral[0] == pytest.approx(0.02 / np.sqrt(2))
    assert found.unmatched_b.tolist() == [2]


def test_unequal_states_are_filled_with_what_takes_no_part():
    one = compare_fixed_points([0], [[0.5]], [0], [[0.5, 0.0, 0.0]])
    assert one.spectral[0] == 0
    flow = compare_fixed_points([0], [[-1.0]], [0], [[-1.0, -50.0]], flow=True)
    assert flow.spectral[0] == 0
    assert flow.index_sum_a == flow.index_sum_b == 1


def test_complex_pairs_do_not_turn_the_index():
    turning = np.array([[1.2 * np.exp(0.5j), 1.2 * np.exp(-0.5j), 0.3]])
    assert compare_fixed_points([2], turning, [0], [[0.1]]).index_sum_a == 1
    assert compare_fixed_points([1], [[1.5, 0.2]], [0], [[0.1]]).index_sum_a == -1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_naming_is_found_for_a_graph_named_anew(seed, n):
    rng = np.random.default_rng(seed)
    links = np.array([[k, k + 1] for k in range(n - 1)] + [[0, n - 1]] * (n > 3))
    names = rng.permutation(n)
    found = compare_transitions(links, names[links], n_stable=(n, n))
    assert found.distance == 0
    renamed = {tuple(sorted(pair)) for pair in found.naming[links].tolist()}
    assert renamed == {tuple(sorted(pair)) for pair in names[links].tolist()}


def test_other_graphs_are_apart():
    cube = [[a, a ^ (1 << k)] for a in range(8) for k in range(3) if a < a ^ (1 << k)]
    ring = [[k, (k + 1) % 8] for k in range(8)]
    found = compare_transitions(cube, ring, n_stable=(8, 8))
    assert found.distance == pytest.approx(4 / 20)  # a cube has a cycle through all of its corners
    assert [d.tolist() for d in found.degrees] == [[3] * 8, [2] * 8]
    fewer = compare_transitions([[0, 1]], [[0, 1], [1, 2]], n_stable=(2, 3))
    assert fewer.distance == pytest.approx(1 / 3)
    with pytest.raises(InputError, match="points 0 to 1"):
        compare_transitions([[0, 2]], [[0, 1]], n_stable=(2, 2))
    with pytest.raises(InputError, match="found none in either"):
        compare_fixed_points([], [], [], [])
    with pytest.raises(InputError, match="fixed points b"):
        compare_fixed_points([0], [[0.1]], [0, 0], [[0.1]])
