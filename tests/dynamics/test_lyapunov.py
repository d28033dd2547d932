"""Lyapunov exponents against systems whose exponents are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.dynamics.edge import edge_of_chaos
from neurorec.dynamics.lyapunov import _directions, kaplan_yorke, lyapunov_spectrum
from neurorec.networks import Elman, Leaky, run, with_readout
from neurorec.recording import InputError


def lorenz(state, inputs):
    x, y, z = state[..., 0], state[..., 1], state[..., 2]
    return jnp.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], axis=-1)


def random_network(gain: float, n: int, seed: int):
    weights = gain * np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n)
    return lambda x, u: jnp.tanh(x @ weights.T)


def test_lorenz():
    found = lyapunov_spectrum(lorenz, [1.0, 1.0, 1.0], flow=True, dt=0.01, n_steps=100_000, n_washout=2000)
    np.testing.assert_allclose(found.exponents, [0.9056, 0.0, -14.5721], atol=0.02)
    assert abs(found.exponents.sum() + 10 + 1 + 8 / 3) < 1e-3  # the divergence of the flow, everywhere the same
    assert abs(found.dimension - 2.062) < 0.002
    assert found.converged.all()
    assert found.entropy == found.exponents[found.exponents > 0].sum()
    assert abs(found.time[-1] - 1000) < 1e-6
    np.testing.assert_allclose(found.running[-1], found.exponents)
    # the error that is reported is of the size of the one that is made
    assert np.all(np.abs(found.exponents - [0.9056, 0.0, -14.5721]) < 4 * found.standard_error)


def test_logistic_map_at_four_is_log_two_per_step():
    found = lyapunov_spectrum(lambda x, u: 4 * x * (1 - x), [0.3123], n_steps=50_000)
    assert abs(found.exponents[0] - np.log(2)) < 1e-3


@pytest.mark.parametrize("way", ["traced", "called", "given"])
def test_henon_map_however_it_is_differentiated(way):
    lib = np if way == "called" else jnp

    def step(x, u):
        return lib.stack([1 - 1.4 * x[..., 0] ** 2 + x[..., 1], 0.3 * x[..., 0]], axis=-1)

    def jacobian(x, u):
        return jnp.array([[-2.8 * x[0], 1.0], [0.3, 0.0]])

    n_steps = 3000 if way == "called" else 30_000
    own = jacobian if way == "given" else None
    found = lyapunov_spectrum(step, [0.1, 0.1], jacobian=own, n_steps=n_steps, n_washout=100)
    assert abs(found.exponents[0] - 0.4192) < (0.02 if way == "called" else 0.005)
    assert abs(found.exponents.sum() - np.log(0.3)) < 1e-6
    assert abs(found.dimension - 1.258) < 0.01


def test_a_linear_map_has_the_logarithms_of_its_eigenvalues():
    rng = np.random.default_rng(0)
    eigenvalues = np.array([1.3, 0.9, 0.5, 0.1, 1e-3])
    basis = rng.standard_normal((5, 5))
    weights = basis @ np.diag(eigenvalues) @ np.linalg.inv(basis)
    found = lyapunov_spectrum(lambda x, u: x @ weights.T, np.zeros(5), n_steps=400, n_washout=400, dt=0.1)
    np.testing.assert_allclose(found.exponents, np.log(eigenvalues) / 0.1, atol=1e-4)
    some = lyapunov_spectrum(lambda x, u: x @ weights.T, np.zeros(5), n_steps=400, n_washout=400, n_exponents=2)
    np.testing.assert_allclose(some.exponents, np.log(eigenvalues[:2]), atol=1e-6)
    # log 1.3 + log 0.9 > 0: two exponents do not tell the dimension, but they tell the entropy
    assert np.isnan(some.dimension)
    assert abs(some.entropy - np.log(1.3)) < 1e-6


def test_a_linear_flow_by_either_library_and_a_lost_direction():
    matrix = np.array([[-0.1, -2.0], [2.0, -0.1]])
    for jacobian in (None, lambda x, u: matrix):
        found = lyapunov_spectrum(
            lambda x, u: np.asarray(x) @ matrix.T + 0 * np.sin(np.asarray(x)), [1.0, 0.0],
            flow=True, dt=0.05, n_steps=300, n_washout=20, jacobian=jacobian,
        )  # fmt: skip
        np.testing.assert_allclose(found.exponents, -0.1, atol=1e-5)
        assert found.dimension == 0
        assert found.entropy == 0
    still = lyapunov_spectrum(
        lambda x, u: jnp.stack([x[..., 1], -x[..., 0]], axis=-1),
        [1.0, 0.0],
        flow=True,
        dt=0.01,
        n_steps=200,
        n_washout=9,
    )
    np.testing.assert_allclose(still.exponents, 0, atol=1e-9)
    assert still.converged.all()
    lost = lyapunov_spectrum(lambda x, u: x * jnp.array([0.5, 0.0]), [1.0, 1.0], n_steps=50, n_washout=10)
    assert lost.exponents.tolist() == [pytest.approx(np.log(0.5)), -np.inf]
    assert lost.every == 1


def test_random_networks_turn_chaotic_between_gains_of_08_and_13():
    start = np.random.default_rng(9).standard_normal(400)
    signs = [
        np.sign(lyapunov_spectrum(random_network(g, 400, seed=1), start, n_exponents=1, n_steps=1000).exponents[0])
        for g in (0.8, 1.3)
    ]
    assert signs == [-1, 1]


def test_exponents_are_those_of_an_orthogonalisation_in_every_step():
    """As in the paper, in NumPy; few enough steps for chaos not to part what rounds differently."""
    n, n_washout, n_steps = 30, 40, 160
    weights = 1.5 * np.random.default_rng(2).standard_normal((n, n)) / np.sqrt(n)
    start = np.random.default_rng(3).standard_normal(n)
    found = lyapunov_spectrum(lambda x, u: jnp.tanh(x @ weights.T), start, n_steps=n_steps, n_washout=n_washout)
    assert 1 < found.every < n_steps // 20
    state, frame, growth = start, _directions(n, n).T, np.zeros((n_washout + n_steps, n))
    for step in growth:
        state = np.tanh(weights @ state)
        frame, r = np.linalg.qr((1 - state**2)[:, None] * (weights @ frame))
        step[:] = np.log(np.abs(np.diagonal(r)))
    expected = growth[n_washout:].reshape(20, -1, n).mean(axis=1)
    np.testing.assert_allclose(found.exponents, np.sort(expected.mean(axis=0))[::-1], atol=1e-6)
    order = np.argsort(-expected.mean(axis=0))
    running = np.cumsum(expected[:, order], axis=0) / np.arange(1, 21)[:, None]
    np.testing.assert_allclose(found.running, running, atol=1e-6)


def test_exponents_below_the_edge_are_those_of_the_origin():
    n = 60
    step = random_network(0.6, n, seed=3)
    with jax.enable_x64(True):
        weights = np.asarray(jax.jacfwd(step)(jnp.zeros(n), jnp.zeros(0)))
    found = lyapunov_spectrum(step, 0.1 * np.ones(n), n_steps=3000, n_washout=1000, n_exponents=10)
    expected = np.sort(np.log(np.abs(np.linalg.eigvals(weights))))[::-1][:10]
    np.testing.assert_allclose(found.exponents, expected, atol=0.01)


def test_order_of_states_does_not_matter():
    order = np.random.default_rng(0).permutation(20)
    weights = 1.8 * np.random.default_rng(4).standard_normal((20, 20)) / np.sqrt(20)
    start = np.random.default_rng(5).standard_normal(20)
    options: dict = {"n_steps": 3000, "n_washout": 1000, "n_exponents": 3}
    one = lyapunov_spectrum(lambda x, u: jnp.tanh(x @ weights.T), start, **options)
    mixed = weights[np.ix_(order, order)]
    two = lyapunov_spectrum(lambda x, u: jnp.tanh(x @ mixed.T), start[order], **options)
    np.testing.assert_array_less(np.abs(one.exponents - two.exponents), 5 * (one.standard_error + two.standard_error))


def test_input_tames_chaos_and_its_exponent_is_conditional():
    """A sine that is strong enough makes a chaotic network forget where it began."""
    rng = np.random.default_rng(0)
    cell = Leaky.random(1, 100, gain=3.0, dt=0.05, tau=0.1, rng=rng)
    network = with_readout(cell, 1, rng=rng)
    start = rng.standard_normal(100)
    drive = np.sin(np.arange(2500) * 0.5)[:, None]
    alone = lyapunov_spectrum(network, start, inputs=0 * drive, n_exponents=1)
    driven = lyapunov_spectrum(network, start, inputs=20 * drive, n_exponents=1)
    assert alone.exponents[0] > 3 * alone.standard_error[0]
    assert driven.exponents[0] < -3 * driven.standard_error[0]
    # per s: a system knows its step of 0.05 s
    assert abs(alone.time[-1] - 2000 * 0.05) < 1e-9
    # and two copies from different states do meet
    ends = [np.asarray(run(network, 20 * drive, state=s))[-1] for s in (start, -start)]
    assert np.abs(ends[0] - ends[1]).max() < 1e-4


def test_the_edge_of_a_family_is_found():
    start = 1e-3 * np.arange(5)

    def build(gain):
        rng = np.random.default_rng(0)
        return with_readout(Elman.random(1, 5, gain=gain, nonlinearity="linear", rng=rng), 1, rng=rng)

    found = edge_of_chaos(build, [0.5, 0.8, 1.25], start, n_steps=100, n_washout=10, n_refinements=6)
    assert found.converged
    assert abs(found.critical_gain - 1) < 1e-3
    np.testing.assert_allclose(found.exponent, np.log(found.gain), atol=1e-5)
    assert (np.diff(found.gain) > 0).all()
    assert len(found.gain) > 3
    missed = edge_of_chaos(build, [0.5, 0.8], start, n_steps=50, n_washout=10)
    assert np.isnan(missed.critical_gain)
    assert not missed.converged
    assert len(missed.gain) == 2


def test_dimension_by_hand():
    assert kaplan_yorke([1.0, -2.0]) == 1.5
    assert kaplan_yorke([-2.0, 0.5, 0.5]) == 2.5
    assert kaplan_yorke([-1.0, -2.0]) == 0
    assert kaplan_yorke([0.0, -2.0]) == 1
    assert kaplan_yorke([1.0, -0.5]) == 2
    assert np.isnan(kaplan_yorke([1.0, -0.5], complete=False))


def test_what_cannot_be_followed_is_refused():
    with pytest.raises(InputError, match="the length of a step of the flow"):
        lyapunov_spectrum(lorenz, [1.0, 1.0, 1.0], flow=True)
    with pytest.raises(InputError, match="1 to 3, found 4"):
        lyapunov_spectrum(lorenz, [1.0, 1.0, 1.0], flow=True, dt=0.01, n_exponents=4)
    with pytest.raises(InputError, match="that diverges"):
        lyapunov_spectrum(lambda x, u: x**2 + 1, [1.0], n_steps=100)
    with pytest.raises(InputError, match=r"500 \+ 10 steps, found 12"):
        lyapunov_spectrum(lambda x, u: x + u, [1.0], inputs=np.zeros((12, 1)), n_steps=10)
    with pytest.raises(InputError, match="nan or inf"):
        lyapunov_spectrum(lambda x, u: 0 * x + u, [1.0], inputs=np.full((12, 1), np.nan), n_washout=2)


def test_few_exponents_of_a_system_whose_first_states_are_clamped():
    rates = np.array([0.0, 0.0, 0.9, 0.5, 0.2])
    found = lyapunov_spectrum(lambda x, u: x * rates, np.ones(5), n_exponents=2, n_steps=200, n_washout=50)
    np.testing.assert_allclose(found.exponents, np.log([0.9, 0.5]), atol=1e-9)
