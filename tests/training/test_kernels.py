"""The compiled loops: activations, random numbers, states and gradients, against NumPy, plain Python and JAX."""

from concurrent.futures import ThreadPoolExecutor

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, log1p
from scipy.stats import kstest

from neurorec.networks import GRU, LSTM, Elman, Leaky, run, with_readout
from neurorec.training.kernels import LANES, activate, normal_draws, random_bits, slope_of
from neurorec.training.loops import KINDS, Weights, loops_of, plain
from neurorec.training.tiled import Tiles

VALUES = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.maximum(x, 0) + log1p(np.exp(-np.abs(x))),
    "sigmoid": expit,
    "linear": lambda x: x,
}
SLOPES = {
    "tanh": lambda x: 1 - np.tanh(x) ** 2,
    "relu": lambda x: (x > 0) * 1.0,
    "softplus": expit,
    "sigmoid": lambda x: expit(x) * expit(-x),
    "linear": np.ones_like,
}
N_TRIALS, N_STEPS, N_UNITS = 70, 11, 6  # two tiles; more steps than products wait for


@pytest.mark.parametrize("kind", KINDS)
def test_activations_and_slopes_are_those_of_double_precision(kind):
    x = np.concatenate([np.linspace(-30, 30, 20001), np.geomspace(1e-30, 1, 1000), -np.geomspace(1e-30, 1, 1000)])
    x = x.astype(np.float32)
    y = x.copy()
    activate(KINDS.index(kind), y)
    exact = VALUES[kind](x.astype(float))
    np.testing.assert_allclose(y, exact, rtol=5e-7, atol=1e-7 if kind == "softplus" else 1e-30)
    bend = np.array([slope_of(KINDS.index(kind), value) for value in y])
    np.testing.assert_allclose(bend, SLOPES[kind](x.astype(float)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_a_number_stays_so(kind):
    x = np.array([np.nan, np.inf, 1e30, -1e30], dtype=np.float32)
    activate(KINDS.index(kind), x)
    assert np.isnan(x[0])
    np.testing.assert_allclose(x[1:3], VALUES[kind](np.array([np.inf, 1e30])), rtol=1e-6)
    np.testing.assert_allclose(x[3], VALUES[kind](-200.0) if kind != "linear" else -1e30, rtol=1e-6, atol=1e-30)


def test_random_bits_are_those_of_xoshiro():
    """Beside the authors' C code, written again (https://prng.di.unimi.it/xoshiro128plusplus.c)."""
    start = np.random.default_rng(0).integers(0, 2**32, (4, LANES), dtype=np.uint32)
    state, out = start.copy(), np.empty(5 * LANES, dtype=np.uint32)
    random_bits(state, out)

    def rotate(x, k):
        return ((x << k) | (x >> (32 - k))) & 0xFFFFFFFF

    for lane in range(LANES):
        s = [int(word) for word in start[:, lane]]
        for k in range(5):
            assert out[k * LANES + lane] == (rotate((s[0] + s[3]) & 0xFFFFFFFF, 7) + s[0]) & 0xFFFFFFFF
            shifted = (s[1] << 9) & 0xFFFFFFFF
            s[2] ^= s[0]
            s[3] ^= s[1]
            s[1] ^= s[2]
            s[0] ^= s[3]
            s[2] ^= shifted
            s[3] = rotate(s[3], 11)
        assert state[:, lane].tolist() == s


def test_normal_draws_are_normal_and_independent():
    bits, out = np.empty(2**20, dtype=np.uint32), np.empty(2**20, dtype=np.float32)
    random_bits(np.random.default_rng(1).integers(0, 2**32, (4, LANES), dtype=np.uint32), bits)
    normal_draws(bits, np.float32(2.0), out)
    x = out.astype(float) / 2
    n = x.size
    assert abs(x.mean()) < 4 / np.sqrt(n)
    assert abs(x.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((x**4).mean() - 3) < 4 * np.sqrt(96 / n)
    assert kstest(x, "norm").pvalue > 0.01
    for bound, share in ((3.0, 2.6998e-3), (4.0, 6.3342e-5)):
        assert abs(np.mean(np.abs(x) > bound) - share) < 4 * np.sqrt(share / n)
    first, second = x[: n // 2], x[n // 2 :]  # made of one radius and one angle
    for f in (lambda v: v, np.square, np.abs, np.sign):
        assert abs(np.corrcoef(f(first), f(second))[0, 1]) < 4 / np.sqrt(n / 2)
    angle = np.arctan2(first, second) / (2 * np.pi) + 0.5
    assert kstest(angle, "uniform").pvalue > 0.01
    lagged = [np.corrcoef(x[:-k], x[k:])[0, 1] for k in (1, 2, LANES, 2 * LANES)]
    assert np.abs(lagged).max() < 4 / np.sqrt(n)


def test_every_word_gives_a_number():
    words = np.array([0, 2**32 - 1, 2**31, 2**31 - 1, 255, 256] * 2, dtype=np.uint32)
    out = np.empty(words.size, dtype=np.float32)
    normal_draws(words, np.float32(1.0), out)
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 6


def _network(form: str, nonlinearity: str = "tanh", noise: float = 0.0):
    rng = np.random.default_rng(3)
    if form == "elman":
        cell = Elman.random(3, N_UNITS, nonlinearity=nonlinearity, rng=rng)
    else:
        inside, form = form != "rate, noise outside", form.split(",")[0]
        options = {"nonlinearity": nonlinearity, "form": form, "noise": noise, "noise_inside": inside}
        cell = Leaky.random(3, N_UNITS, tau=0.05, **options, rng=rng)
    network = with_readout(cell, 2, frozen=(), rng=rng)
    first, bias = (jnp.asarray(rng.standard_normal(N_UNITS), dtype=jnp.float32) for _ in range(2))
    return eqx.tree_at(lambda n: (n.initial, n.cell.bias), network, (first, bias))


def _arrays(seed: int = 0, n_trials: int = N_TRIALS):
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((1, N_STEPS, n_trials, 3)).astype(np.float32)
    inputs[rng.random(inputs.shape) < 0.5] = 0
    return inputs, rng.standard_normal((1, N_STEPS, n_trials, 2)).astype(np.float32)


def _tiled(network, inputs, arriving, pool=None, numbers=(0, 2, 5)):
    weights = Weights(*(np.asarray(part)[None] for part in plain(network)))
    tiles = Tiles(loops_of(network), pool)
    outputs = tiles.forward(weights, inputs, [numbers])
    np.testing.assert_allclose(outputs[0], tiles.rates[0] @ weights.output[0].T, rtol=1e-5, atol=1e-5)
    return tiles.states.copy(), tiles.backward(weights, inputs, arriving)


def _scanned(network, inputs, arriving, draws):
    """States and the same gradients, by differentiation of `run`."""

    def of(weights):
        where = lambda n: (n.cell.recurrent, n.cell.input, n.cell.bias, n.output, n.initial)  # noqa: E731
        changed = eqx.tree_at(where, network, tuple(weights)[:5])
        states = run(changed, inputs, draws=draws)
        return changed.readout(states), states

    with jax.disable_jit():  # a few small steps are sooner made than compiled
        _, back, states = jax.vjp(of, plain(network), has_aux=True)
        return states, back(jnp.asarray(arriving))[0]


def _gated(kind):
    rng = np.random.default_rng(4)
    network = with_readout({"lstm": LSTM, "gru": GRU}[kind].random(3, N_UNITS, rng=rng), 2, frozen=(), rng=rng)
    leaves, structure = jax.tree.flatten(network)  # biases and initial states are zeros at first
    drawn = [leaf + jnp.asarray(0.3 * rng.standard_normal(leaf.shape), dtype=jnp.float32) for leaf in leaves]
    return jax.tree.unflatten(structure, drawn)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_gated_networks_equal_differentiation(kind):
    network, (inputs, arriving) = _gated(kind), _arrays()
    weights = Weights(*(np.asarray(part)[None] for part in plain(network)))
    tiles = Tiles(loops_of(network), None)
    outputs = tiles.forward(weights, inputs, [(0,)])

    def of(network):
        states = run(network, inputs[0])
        return network.readout(states) - network.output_bias, network.activity(states)

    with jax.disable_jit():
        expected, back, rates = jax.vjp(of, network, has_aux=True)
        derived = back(jnp.asarray(arriving[0]))[0]
    _assert_same([outputs, tiles.rates], [expected, rates], rtol=3e-6)
    _assert_same(tiles.backward(weights, inputs, arriving), [np.asarray(part) for part in plain(derived)])


def _assert_same(found, expected, rtol=2e-5):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one[0], other, rtol=rtol, atol=rtol * np.abs(other).max(initial=0))


@pytest.mark.parametrize("nonlinearity", KINDS)
@pytest.mark.parametrize("form", ["rate", "current", "elman"])
def test_states_and_gradients_equal_differentiation(form, nonlinearity):
    network, (inputs, arriving) = _network(form, nonlinearity), _arrays()
    states, gradients = _tiled(network, inputs, arriving)
    expected, derived = _scanned(network, inputs[0], arriving[0], None)
    _assert_same([states], [expected], rtol=3e-6)
    _assert_same(gradients, [np.asarray(part) for part in derived])


@pytest.mark.parametrize("form", ["rate", "rate, noise outside", "current"])
def test_noise_enters_where_it_should_and_gradients_pass_it(form):
    """Draws do not depend on the weights: they are read off a network of units that only add them up."""
    network, (inputs, arriving) = _network(form, "tanh", 0.3), _arrays()
    states, gradients = _tiled(network, inputs, arriving)
    silent = jax.tree.map(jnp.zeros_like, _network("current", "linear", 1.0))
    summed, _ = _tiled(silent, inputs, arriving)
    before = np.concatenate([np.zeros_like(summed[:, :1]), summed[:, :-1]], axis=1)
    draws = (summed - (1 - silent.cell.leak) * before)[0] / silent.cell.noise_scale
    expected, derived = _scanned(network, inputs[0], arriving[0], draws)
    _assert_same([states], [expected], rtol=1e-5)
    _assert_same(gradients, [np.asarray(part) for part in derived], rtol=5e-5)
    assert abs(draws.std() - 1) < 0.05
    again, _ = _tiled(network, inputs, arriving)
    np.testing.assert_array_equal(again, states)
    other, _ = _tiled(network, inputs, arriving, numbers=(0, 2, 6))
    assert (other != states).mean() > 0.99


def test_threads_and_tiles_change_nothing():
    network, (inputs, arriving) = _network("rate", "relu", 0.3), _arrays()
    states, gradients = _tiled(network, inputs, arriving)
    with ThreadPoolExecutor(3) as pool:
        threaded, also = _tiled(network, inputs, arriving, pool)
    np.testing.assert_array_equal(threaded, states)
    for one, other in zip(also, gradients, strict=True):
        np.testing.assert_array_equal(one, other)
    half = N_TRIALS // 2  # what the first of two tiles does, alone
    alone, _ = _tiled(network, inputs[:, :, :half].copy(), arriving[:, :, :half].copy())
    np.testing.assert_array_equal(alone, states[:, :, :half])
    assert (states[:, :, half:] - states[:, :, :half]).std() > 0.1  # tiles have noise of their own


@pytest.mark.parametrize("form", ["rate", "rate, noise outside", "current"])
def test_the_variance_of_linear_units_is_that_of_theory(form):
    """``2 a noise^2 sum_(k<t) (1 - a)^(2 k)`` after t steps."""
    network = jax.tree.map(jnp.zeros_like, _network(form, "linear", 0.2))
    inputs, arriving = _arrays(n_trials=2000)
    states, _ = _tiled(network, np.zeros_like(inputs), arriving)
    a = network.cell.leak
    theory = 2 * a * 0.2**2 * np.cumsum((1 - a) ** (2 * np.arange(N_STEPS)))
    found = states[0].astype(float).var(axis=(1, 2))
    np.testing.assert_allclose(found, theory, rtol=5 * np.sqrt(2 / (2000 * N_UNITS)))
