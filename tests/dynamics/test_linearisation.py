"""Linearisation: modes of matrices that were made by hand, and what non-normality does."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from neurorec.dynamics.fixed_points import find_fixed_points
from neurorec.dynamics.linearisation import eigenmodes, henrici_departure, kreiss_bound, linearise, transient_growth
from neurorec.networks import Leaky, with_readout
from neurorec.recording import InputError


def with_modes(values, rng) -> tuple[np.ndarray, np.ndarray]:
    """A real matrix with these eigenvalues, complex ones given once, and its real blocks' basis."""
    blocks = []
    for value in values:
        a, b = np.real(value), np.imag(value)
        blocks.append([[a]] if b == 0 else [[a, b], [-b, a]])
    n = sum(len(block) for block in blocks)
    middle, at = np.zeros((n, n)), 0
    for block in blocks:
        middle[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    basis = rng.standard_normal((n, n)) + 2 * np.eye(n)
    return basis @ middle @ np.linalg.inv(basis), basis


def test_modes_time_constants_and_frequencies():
    rng = np.random.default_rng(0)
    turn = 0.95 * np.exp(2j * np.pi * 0.1)
    A, basis = with_modes([0.5, turn, -0.9, 1.1], rng)
    B = rng.standard_normal((5, 2))
    found = linearise(lambda x, u: x @ A.T + u @ B.T, rng.standard_normal((3, 5)), inputs=np.zeros(2), dt=0.02)
    np.testing.assert_allclose(found.jacobians, np.broadcast_to(A, (3, 5, 5)), atol=1e-8)
    np.testing.assert_allclose(np.abs(found.eigenvalues[0]), [1.1, 0.95, 0.95, 0.9, 0.5], atol=1e-8)
    expected = [-0.02 / np.log(r) for r in (1.1, 0.95, 0.95, 0.9, 0.5)]
    np.testing.assert_allclose(found.time_constants[1], expected, rtol=1e-6)
    np.testing.assert_allclose(found.frequencies[1], [0, 5, 5, 25, 0], atol=1e-6)
    for p in range(3):
        np.testing.assert_allclose(found.left[p] @ found.right[p], np.eye(5), atol=1e-9)
        np.testing.assert_allclose(
            found.left[p] @ found.jacobians[p], found.eigenvalues[p][:, None] * found.left[p], atol=1e-8
        )
    np.testing.assert_allclose(np.linalg.norm(found.right, axis=1), 1)
    np.testing.assert_allclose(found.input_sensitivity[2], B, atol=1e-8)
    # the growing mode is the last column of the basis; a selection vector is a row of its inverse
    select = np.linalg.inv(basis)[-1] * np.linalg.norm(basis[:, -1])
    sign = np.sign(found.left[0, 0].real @ select)
    np.testing.assert_allclose(sign * found.left[0, 0].real, select, atol=1e-6)
    np.testing.assert_allclose(sign * found.input_by_mode[0, 0].real, select @ B, atol=1e-6)
    assert not found.defective.any()


def test_flows_have_their_own_time_constants():
    A = np.array([[-0.5, 3.0, 0.0], [-3.0, -0.5, 0.0], [0.0, 0.0, 0.0]])
    found = linearise(lambda x, u: x @ jnp.asarray(A.T), np.zeros(3), flow=True)
    assert found.time_constants.tolist() == [[np.inf, 2, 2]]
    np.testing.assert_allclose(found.frequencies, [[0, 3 / (2 * np.pi), 3 / (2 * np.pi)]])
    assert found.input_by_mode.shape == (1, 3, 0)


def test_a_network_is_linearised_where_its_fixed_points_are():
    rng = np.random.default_rng(0)
    network = with_readout(Leaky.random(2, 6, gain=1.5, rng=rng), 1, rng=rng)
    inputs = np.array([[0.0, 0.0], [0.5, -0.2]])
    points = find_fixed_points(network, rng.uniform(-1, 1, (60, 6)), inputs=inputs, grid=True)
    found = linearise(network, points)
    assert found.dt == network.cell.dt
    np.testing.assert_allclose(found.eigenvalues, points.eigenvalues, atol=1e-6)
    slope = (
        1
        - np.tanh(
            points.points @ np.asarray(network.cell.recurrent).T + points.inputs @ np.asarray(network.cell.input).T
        )
        ** 2
    )
    np.testing.assert_allclose(
        found.input_sensitivity, network.cell.leak * slope[..., None] * np.asarray(network.cell.input), atol=1e-6
    )
    with pytest.raises(InputError, match="beside a FixedPoints"):
        linearise(network, points, inputs=np.zeros(2))


def test_repeated_eigenvalues_have_selection_vectors_where_there_are_any():
    twice = eigenmodes(np.diag([0.9, 0.9, 0.3]))
    np.testing.assert_allclose(twice.left @ twice.right, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(twice.condition, 1)
    block = np.array([[0.9, 1, 0], [0, 0.9, 0], [0, 0, 0.3]])
    turned = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    for A in (block, turned @ block @ turned.T):
        broken = eigenmodes(A)
        assert np.isinf(broken.condition[:2]).all()
        assert np.isnan(broken.left[:2]).all()
        np.testing.assert_allclose(broken.condition[2], 1, rtol=1e-6)
        np.testing.assert_allclose(broken.left[2] @ broken.right[:, 2], 1)
        np.testing.assert_allclose(broken.left[2] @ A, 0.3 * broken.left[2], atol=1e-6)
    near = linearise(lambda x, u: x @ (block + 1e-6 * np.eye(3, k=-1)).T, np.zeros(3))
    assert near.condition[0, 0] > 100
    assert linearise(lambda x, u: x @ block.T, np.zeros(3), jacobian=lambda x, u: block).defective.all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 7))
def test_departure_growth_and_bound_do_not_change_with_the_basis(seed, n):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, n))
    A *= 0.9 / np.abs(np.linalg.eigvals(A)).max()
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    B = Q @ A @ Q.T
    assert henrici_departure(A) == pytest.approx(henrici_departure(B), abs=1e-6)
    assert 0 <= henrici_departure(A) <= 1
    one, other = transient_growth(A), transient_growth(B)
    assert one.settled
    assert one.largest == pytest.approx(other.largest, rel=1e-9)
    norms = [np.linalg.norm(np.linalg.matrix_power(A, k), 2) for k in range(200)]
    assert one.largest == pytest.approx(max(norms), rel=1e-9)
    assert one.time == np.argmax(np.array(norms) > max(norms) * (1 - 1e-12))
    assert 1 <= kreiss_bound(A) <= one.largest * (1 + 1e-9)
    S = A + A.T
    assert henrici_departure(S) == 0
    assert kreiss_bound(0.9 * S / np.abs(np.linalg.eigvalsh(S)).max()) == pytest.approx(1)


def test_growth_of_flows_and_of_what_does_not_decay():
    A = np.array([[-1.0, 20.0], [0.0, -2.0]])
    found = transient_growth(A, flow=True)
    times = np.linspace(0, 5, 5001)
    norms = [np.linalg.norm(expm(t * A), 2) for t in times]
    assert found.largest == pytest.approx(max(norms), rel=1e-2)
    assert found.time == pytest.approx(times[np.argmax(norms)], abs=0.01)
    assert 2 < kreiss_bound(A, flow=True) <= found.largest
    assert transient_growth(-np.eye(2), flow=True) == (1, 0, True)
    assert transient_growth([[1.1]]) == (np.inf, np.inf, True)
    assert kreiss_bound([[1.1]]) == np.inf
    assert transient_growth([[1.0, 1e-9], [0, 1.0]], dt=0.1).settled in (True, False)
    assert not transient_growth([[1.0, 0.1], [0, 1.0]]).settled
    one = linearise(lambda x, u: x @ np.array([[0.5, 8.0], [0.0, 0.5]]).T, np.zeros(2), dt=0.01)
    assert one.growth[0].time == pytest.approx(0.01)
    assert one.growth[0].largest == pytest.approx(np.linalg.norm([[0.5, 8.0], [0.0, 0.5]], 2), rel=1e-6)
    assert one.kreiss[0] <= one.growth[0].largest
    np.testing.assert_allclose(one.henrici, 8 / np.sqrt(64.5), rtol=1e-3)


def test_no_points_have_no_modes():
    """As where a search has found none."""
    found = linearise(lambda x, u: 0.5 * x, np.zeros((0, 3)))
    assert found.jacobians.shape == found.right.shape == (0, 3, 3)
    assert found.time_constants.shape == (0, 3)
    assert found.growth == []
    assert eigenmodes(np.zeros((2, 0, 3, 3))).eigenvalues.shape == (2, 0, 3)
