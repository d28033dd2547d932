"""Lines, rings and surfaces made by hand, networks that have none, and an integrator whose time constant is known."""

import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.dynamics.attractors import find_line_attractor, slow_modes
from neurorec.dynamics.chains import chain
from neurorec.networks import Elman, Leaky, with_readout
from neurorec.recording import InputError

N = 30


def background(rng, *directions):
    """Weights of gain 0.5 that neither hear nor drive some orthonormal directions."""
    P = np.eye(N) - sum(np.outer(d, d) for d in directions)
    return P @ (0.5 * rng.standard_normal((N, N)) / np.sqrt(N)) @ P


def orthonormal(rng, n):
    return np.linalg.qr(rng.standard_normal((N, n)))[0].T


def test_a_linear_integrator_is_a_line_and_has_its_time_constant():
    """tau dr/dt = -r + W r with largest eigenvalue lambda forgets in tau / (1 - lambda) (Seung 1996)."""
    rng = np.random.default_rng(0)
    (w,) = orthonormal(rng, 1)
    tau, dt = 0.1, 0.001
    for eigenvalue in (0.99, 1.0):
        W = background(rng, w) + eigenvalue * np.outer(w, w)
        V = np.stack([w, orthonormal(rng, 1)[0]], axis=1)
        V[:, 1] -= w * (w @ V[:, 1])

        def flow(x, u, W=W, V=V):
            return (-x + x @ jnp.asarray(W.T) + u @ jnp.asarray(V.T)) / tau

        starts = 0.3 * rng.standard_normal((150, N)) + 2 * rng.standard_normal((150, 1)) * w
        found = find_line_attractor(flow, starts, inputs=np.zeros(2), flow=True, slowness=0.15, n_null=19, rng=rng)
        assert found.kind == "line"
        assert found.dimension == 1
        assert found.straightness > 0.95
        if eigenvalue < 1:
            np.testing.assert_allclose(found.time_constant, tau / (1 - eigenvalue), rtol=1e-6)
        else:
            assert (np.abs(found.time_constant) > 1e6).all()
        np.testing.assert_allclose(np.abs(found.direction @ w), 1, atol=1e-6)
        np.testing.assert_allclose(np.abs(found.input_effect[:, 0]), 1 / tau, rtol=1e-6)
        np.testing.assert_allclose(np.abs(found.input_alignment), [[1, 0]] * len(found.points), atol=1e-6)
        along = found.points @ w
        assert (np.sign(found.input_effect[:, 0]) == np.sign(along[-1] - along[0])).all()
    cell = Leaky(
        jnp.asarray(W - 0.01 * np.outer(w, w), jnp.float32),
        jnp.asarray(V, jnp.float32),
        jnp.zeros(N),
        dt=dt,
        tau=tau,
        nonlinearity="linear",
    )
    network = with_readout(cell, 1, rng=rng)
    found = find_line_attractor(network, starts, slowness=1.5e-4, n_null=19, rng=rng)
    assert found.kind == "line"
    np.testing.assert_allclose(found.time_constant, -dt / np.log(1 - dt / tau * 0.01), rtol=1e-2)
    np.testing.assert_allclose(found.time_constant, tau / 0.01, rtol=1e-2)


def test_two_integrators_are_a_surface():
    rng = np.random.default_rng(0)
    w, v = orthonormal(rng, 2)
    W = background(rng, w, v) + np.outer(w, w) + np.outer(v, v)
    found = find_line_attractor(
        lambda x, u: -x + x @ jnp.asarray(W.T), rng.standard_normal((100, N)), flow=True, n_null=19, rng=rng
    )
    assert found.kind == "surface"
    assert found.dimension == 2
    assert np.isnan(found.position).all()
    off = found.points - (found.points @ w)[:, None] * w - (found.points @ v)[:, None] * v
    assert np.abs(off).max() < 1e-2


def test_a_ring_network_is_a_ring():
    """Cosine weights and tanh units: activity cos(theta - phase), whatever the phase."""
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * np.arange(48) / 48
    W = 3 * np.cos(angle[:, None] - angle) / 48
    phase = rng.uniform(0, 2 * np.pi, 150)
    starts = rng.uniform(0.3, 1.5, 150)[:, None] * np.cos(angle - phase[:, None])
    found = find_line_attractor(lambda x, u: -x + jnp.tanh(x @ jnp.asarray(W)), starts, flow=True, n_null=19, rng=rng)
    assert found.kind == "ring"
    assert found.dimension == 1
    assert found.straightness < 0.3
    phases = np.unwrap(np.angle(found.points @ np.exp(1j * angle)))
    steps = np.diff(phases)
    assert (np.sign(steps) == np.sign(steps[0])).all()
    assert np.abs(phases[-1] - phases[0]) > 0.8 * 2 * np.pi
    radius = np.abs(found.points @ np.exp(1j * angle)).mean() / 24
    assert found.length == pytest.approx(2 * np.pi * radius * np.sqrt(24), rel=0.1)
    assert np.abs(found.eigenvalue).max() < 0.02
    assert found.alignment.min() > 0.98


@pytest.mark.parametrize("seed", range(3))
def test_random_stable_networks_have_none(seed):
    rng = np.random.default_rng(seed)
    cell = Leaky.random(1, N, gain=0.9, rng=rng)
    found = find_line_attractor(with_readout(cell, 1, rng=rng), rng.standard_normal((100, N)), n_null=19, rng=rng)
    assert found.kind == "none"
    assert found.score < 0.1


@pytest.mark.long
def test_random_networks_of_high_gain_are_like_their_null():
    p = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        network = with_readout(Leaky.random(1, 12, gain=1.2, rng=rng), 1, rng=rng)
        p.append(find_line_attractor(network, rng.standard_normal((40, 12)), n_null=9, rng=rng).p_value)
    assert min(p) < 0.5 < max(p)


@pytest.mark.parametrize(("cue", "counts"), [([1, 0], 0), ([0, 1], 1)])
def test_evidence_that_counts_reaches_the_selection_vector_of_its_context(cue, counts):
    """A sum of two relays, each silenced unless its context is on: one line, but other inputs move along it."""

    def flow(x, u):
        relays = jnp.tanh(u[..., :2] - 4 * (1 - u[..., 2:])) - jnp.tanh(-4 * (1 - u[..., 2:]))
        return jnp.concatenate([x[..., 1:].sum(axis=-1, keepdims=True), relays - x[..., 1:]], axis=-1)

    rng = np.random.default_rng(0)
    inputs = np.array([0, 0, *cue], dtype=float)
    found = find_line_attractor(flow, rng.standard_normal((60, 3)), inputs=inputs, flow=True, n_null=1, rng=rng)
    assert found.dimension == 1
    np.testing.assert_allclose(np.abs(found.direction), [[1, 0, 0]] * len(found.points), atol=1e-6)
    np.testing.assert_allclose(np.abs(found.selection), 1, atol=1e-6)
    effect = np.abs(found.input_effect)
    np.testing.assert_allclose(effect[:, counts], 1, atol=1e-6)
    np.testing.assert_allclose(effect[:, 1 - counts], 1 / np.cosh(4) ** 2, atol=1e-6)


def test_isolated_points_are_no_line():
    W = 1.8 * np.eye(3)
    starts = np.random.default_rng(0).uniform(-1, 1, (200, 3))
    found = find_line_attractor(lambda x, u: jnp.tanh(x @ W), starts, n_null=19, rng=np.random.default_rng(0))
    assert found.kind == "none"
    assert found.dimension != 1


@pytest.mark.parametrize("closed", [False, True])
def test_chains_are_ordered_whatever_the_order_of_points(closed):
    rng = np.random.default_rng(0)
    t = np.linspace(0, 2 * np.pi, 41)[: 40 if closed else 25]
    curve = np.stack([np.cos(t), np.sin(t), 0 * t], axis=1)
    order = rng.permutation(len(t))
    found = chain(curve[order])
    assert found.closed == closed
    steps = np.diff(order[found.order])
    assert np.isin(steps, (1, -1) if not closed else (1, -1, 39, -39)).all()
    assert found.length == pytest.approx(t[-1] + closed * (2 * np.pi / 40), rel=2e-3)
    np.testing.assert_allclose(np.linalg.norm(found.tangent, axis=1), 1)
    np.testing.assert_allclose(np.einsum("ij,ij->i", found.tangent, curve[order][found.order]), 0, atol=0.1)
    assert chain(np.zeros((1, 3))).length == 0


def test_gaps_of_rates():
    assert slow_modes([0.0, 0.0, 0.3, 0.31]) == 2
    assert slow_modes([0.3]) == 0
    assert slow_modes([0.1, 0.11, 0.12, 0.13, 0.14, 5.0]) == 0


def test_what_cannot_be_looked_at_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="one attractor a context"):
        find_line_attractor(lambda x, u: x + u, np.zeros((3, 2)), inputs=np.zeros((2, 2)), rng=rng)


def test_rotations_are_put_beside_rotations():
    """Networks begin as rotations, all of whose eigenvalues are of size 1: some lie near 1, which is no wonder."""
    p_values = []
    for seed in range(8):
        rng = np.random.default_rng([5, seed])
        network = with_readout(Elman.random(1, 24, gain=1.0, rng=rng), 1, rng=rng)
        starts = rng.standard_normal((60, 24))
        p_values.append(find_line_attractor(network, starts, n_null=9, rng=rng).p_value)
    assert 0.25 < np.mean(p_values) < 0.85
    assert np.sum(np.array(p_values) <= 0.1) <= 3


def test_where_nothing_is_slow_there_is_none():
    rng = np.random.default_rng(0)
    found = find_line_attractor(
        lambda x, u: x + 1 + 0 * u.sum(-1, keepdims=True), np.zeros((3, 2)), inputs=[0.0], rng=rng
    )
    assert (found.kind, found.p_value, found.points.shape, found.input_effect.shape) == ("none", 1.0, (0, 2), (0, 1))
