"""Conceptors: their definition, their logic, and a reservoir kept within one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorec.networks import (
    ConceptorNetwork,
    adapt_aperture,
    and_conceptors,
    conceptor,
    conceptor_of_correlations,
    jacobian,
    not_conceptor,
    or_conceptors,
    quota,
)
from neurorec.recording import InputError

seeds = st.integers(0, 10_000)


def drawn(rng, n=6, rank=6, *, ones=0):
    """A conceptor of a rank, some of its singular values 1."""
    basis = np.linalg.qr(rng.standard_normal((n, n)))[0][:, :rank]
    values = rng.uniform(0.1, 0.9, rank)
    values[:ones] = 1.0
    return (basis * values) @ basis.T


def test_it_minimises_what_it_should():
    rng = np.random.default_rng(0)
    states = rng.standard_normal((50, 4)) @ rng.standard_normal((4, 4))
    best = conceptor(states, aperture=3.0)

    def cost(matrix):
        return np.mean(((states - states @ matrix.T) ** 2).sum(axis=1)) + (matrix**2).sum() / 9

    assert all(cost(best) < cost(best + 1e-3 * rng.standard_normal((4, 4))) for _ in range(20))
    correlations = states.T @ states / 50
    np.testing.assert_allclose(best, correlations @ np.linalg.inv(correlations + np.eye(4) / 9), atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_logic_of_those_with_an_inverse(seed):
    rng = np.random.default_rng(seed)
    one, other = drawn(rng), drawn(rng)
    both = np.linalg.inv(np.linalg.inv(one) + np.linalg.inv(other) - np.eye(6))
    np.testing.assert_allclose(and_conceptors(one, other), both, atol=1e-8)
    np.testing.assert_allclose(and_conceptors(other, one), both, atol=1e-8)
    # both formulas of Jaeger's definition of OR: by de Morgan, and by correlations of one aperture
    ratio = [np.linalg.solve(np.eye(6) - c, c) for c in (one, other)]
    np.testing.assert_allclose(
        or_conceptors(one, other), conceptor_of_correlations(sum(ratio), aperture=1.0), atol=1e-8
    )
    np.testing.assert_allclose(not_conceptor(not_conceptor(one)), one, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, rank=st.integers(1, 5))
def test_logic_of_those_without_is_the_limit_of_those_with(seed, rank):
    rng = np.random.default_rng(seed)
    one, other = drawn(rng, rank=rank, ones=1), drawn(rng, rank=6 - rank // 2)
    near = [(1 - 2e-9) * c + 1e-9 * np.eye(6) for c in (one, other)]
    limit = np.linalg.inv(np.linalg.inv(near[0]) + np.linalg.inv(near[1]) - np.eye(6))
    np.testing.assert_allclose(and_conceptors(one, other), limit, atol=1e-4)


def test_what_two_share_and_what_they_do_not():
    nothing, everything = np.zeros((3, 3)), np.eye(3)
    half = np.diag([0.5, 0.0, 1.0])
    for c in (nothing, everything, half):
        np.testing.assert_allclose(and_conceptors(c, everything), c, atol=1e-12)
        np.testing.assert_allclose(or_conceptors(c, nothing), c, atol=1e-12)
        np.testing.assert_allclose(and_conceptors(c, nothing), nothing, atol=1e-12)
        np.testing.assert_allclose(or_conceptors(c, everything), everything, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, first=st.floats(0.2, 5.0), second=st.floats(0.2, 5.0))
def test_apertures_multiply(seed, first, second):
    rng = np.random.default_rng(seed)
    states = rng.standard_normal((30, 6))
    there = adapt_aperture(adapt_aperture(conceptor(states, aperture=1.0), first), second)
    np.testing.assert_allclose(there, conceptor(states, aperture=first * second), atol=1e-9)
    one = drawn(rng, rank=4, ones=1)
    back = adapt_aperture(not_conceptor(one), 1 / first)
    np.testing.assert_allclose(not_conceptor(adapt_aperture(one, first)), back, atol=1e-9)


def test_the_quota_grows_with_the_aperture():
    states = np.random.default_rng(0).standard_normal((40, 5))
    sizes = [quota(conceptor(states, aperture=a)) for a in (0.1, 1.0, 10.0)]
    assert 0 < sizes[0] < sizes[1] < sizes[2] < 1


def test_the_network_keeps_its_states_within_and_has_its_jacobian():
    rng = np.random.default_rng(0)
    parts = [jnp.asarray(rng.standard_normal(s), dtype=jnp.float32) for s in ((5, 5), 5, (2, 5), 2, 5)]
    within = jnp.asarray(drawn(rng, n=5, rank=3), dtype=jnp.float32)
    network, free = ConceptorNetwork(*parts, conceptor=within), ConceptorNetwork(*parts)
    state = network.initial_state
    np.testing.assert_allclose(network.step(state, jnp.zeros(0)), within @ free.step(state, jnp.zeros(0)), atol=1e-6)
    for one in (network, free):
        automatic = jax.jacfwd(lambda x, one=one: one.step(x, jnp.zeros(0)))(state)
        np.testing.assert_allclose(jacobian(one, state, jnp.zeros(0)), automatic, atol=1e-5)
    assert (network.n_inputs, network.n_outputs, network.n_units, network.n_states) == (0, 2, 5, 5)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda: conceptor(np.ones(3)), "time, unit"),
        (lambda: conceptor(np.ones((3, 2)), aperture=0.0), "above 0"),
        (lambda: not_conceptor(np.diag([2.0, 0.0])), "0 to 1"),
        (lambda: not_conceptor([[0.5, 0.4], [0.0, 0.5]]), "symmetric"),
        (lambda: and_conceptors(np.eye(2), np.eye(3)), "as many units"),
        (lambda: adapt_aperture(np.eye(2), -1.0), "0 or more"),
    ],
)
def test_what_is_none_is_refused(what, said):
    with pytest.raises(InputError, match=said):
        what()


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="conceptor"):
        ConceptorNetwork(jnp.eye(2), jnp.zeros(2), jnp.ones((1, 2)), jnp.zeros(1), jnp.ones(2), conceptor=jnp.eye(3))
