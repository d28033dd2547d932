"""Every cell beside its equations, written in plain NumPy from the papers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import (
    GRU,
    LSTM,
    Elman,
    EncoderDecoder,
    Jordan,
    Leaky,
    SecondOrder,
    Stacked,
    TappedDelay,
    run,
    with_readout,
)

step = eqx.filter_jit(lambda cell, state, inputs: cell.step(state, inputs))
gates_of = eqx.filter_jit(lambda cell, state, inputs: cell.gates(state, inputs))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def check(cell, state, inputs, expected):
    with jax.enable_x64(True):
        found = step(cell, state, inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_elman(rng, double):
    with jax.enable_x64(True):
        cell = double(Elman.random(3, 4, rng=rng), rng)
    h, u = rng.standard_normal(4), rng.standard_normal(3)
    w, v, b = (np.asarray(x) for x in (cell.recurrent, cell.input, cell.bias))
    check(cell, h, u, np.tanh([sum(w[i] * h) + sum(v[i] * u) + b[i] for i in range(4)]))


@pytest.mark.parametrize("form", ["rate", "current"])
def test_leaky(rng, double, form):
    with jax.enable_x64(True):
        cell = double(Leaky.random(3, 4, form=form, dt=0.03, tau=0.12, rng=rng), rng)
    x, u = rng.standard_normal(4), rng.standard_normal(3)
    w, v, b = (np.asarray(part) for part in (cell.recurrent, cell.input, cell.bias))
    if form == "rate":
        check(cell, x, u, 0.75 * x + 0.25 * np.tanh(w @ x + v @ u + b))
    else:
        check(cell, x, u, 0.75 * x + 0.25 * (w @ np.tanh(x) + v @ u + b))


def test_jordan(rng, double):
    with jax.enable_x64(True):
        network = double(Jordan.random(3, 4, 2, memory=0.6, feedback_nonlinearity="tanh", rng=rng), rng)
        u = jnp.asarray(rng.standard_normal((5, 3)))
        states = np.asarray(run(network, u))
        outputs = np.asarray(network.readout(states))
    f, v, b, r, c = (np.asarray(getattr(network, k)) for k in ("feedback", "input", "bias", "output", "output_bias"))
    s = np.asarray(network.initial)[4:]
    for t in range(5):
        h = np.tanh(f @ s + v @ np.asarray(u[t]) + b)
        y = r @ h + c
        s = 0.6 * s + np.tanh(y)
        np.testing.assert_allclose(states[t], np.concatenate([h, s]), rtol=1e-12)
        np.testing.assert_allclose(outputs[t], y, rtol=1e-12)


def test_jordans_output_is_in_its_state(rng):
    network = Jordan.random(3, 4, 2, rng=rng)
    states = run(network, rng.standard_normal((5, 3)).astype(np.float32))
    np.testing.assert_allclose(network.readout(states), states[:, 4:], rtol=1e-6)


def test_gru(rng, double):
    with jax.enable_x64(True):
        cell = double(GRU.random(3, 4, rng=rng), rng)
    h, u = rng.standard_normal(4), rng.standard_normal(3)
    (w_r, w_z, w_n), (v_r, v_z, v_n) = np.split(np.asarray(cell.recurrent), 3), np.split(np.asarray(cell.input), 3)
    (b_r, b_z, b_n), d = np.split(np.asarray(cell.bias), 3), np.asarray(cell.reset_bias)
    r = sigmoid(w_r @ h + v_r @ u + b_r)
    z = sigmoid(w_z @ h + v_z @ u + b_z)
    n = np.tanh(v_n @ u + b_n + r * (w_n @ h + d))
    check(cell, h, u, (1 - z) * n + z * h)
    with jax.enable_x64(True):
        gates = gates_of(cell, h, u)
    for name, value in (("reset", r), ("update", z), ("new", n)):
        np.testing.assert_allclose(gates[name], value, rtol=1e-12)


def test_lstm(rng, double):
    with jax.enable_x64(True):
        cell = double(LSTM.random(3, 4, rng=rng), rng)
    h, c, u = rng.standard_normal(4), rng.standard_normal(4), rng.standard_normal(3)
    drive = [
        w @ h + v @ u + b
        for w, v, b in zip(*(np.split(np.asarray(x), 4) for x in (cell.recurrent, cell.input, cell.bias)), strict=True)
    ]
    i, f, g, o = sigmoid(drive[0]), sigmoid(drive[1]), np.tanh(drive[2]), sigmoid(drive[3])
    held = f * c + i * g
    check(cell, np.concatenate([h, c]), u, np.concatenate([o * np.tanh(held), held]))
    with jax.enable_x64(True):
        gates = gates_of(cell, np.concatenate([h, c]), u)
    for name, value in (("input", i), ("forget", f), ("cell", g), ("output", o)):
        np.testing.assert_allclose(gates[name], value, rtol=1e-12)


def test_the_lstm_begins_with_open_forget_gates(rng):
    cell = LSTM.random(3, 4, rng=rng)
    assert np.split(np.asarray(cell.bias), 4)[1].tolist() == [1.0] * 4
    assert float(jnp.abs(cell.bias).sum()) == 4
    assert float(LSTM.random(3, 4, forget_bias=0.0, rng=rng).bias.sum()) == 0


@pytest.mark.parametrize("first_order", [False, True])
def test_second_order(rng, double, first_order):
    with jax.enable_x64(True):
        cell = double(SecondOrder.random(3, 4, first_order=first_order, rng=rng), rng)
    s, u, w, b = rng.standard_normal(4), rng.standard_normal(3), np.asarray(cell.weights), np.asarray(cell.bias)
    drive = [b[i] + sum(w[i, j, k] * s[j] * u[k] for j in range(4) for k in range(3)) for i in range(4)]
    if first_order:
        drive = drive + np.asarray(cell.recurrent) @ s + np.asarray(cell.input) @ u
    check(cell, s, u, sigmoid(np.asarray(drive)))


def test_a_second_order_network_is_a_finite_automaton():
    swap, keep = np.array([[0, 1], [1, 0]]), np.eye(2)
    cell = SecondOrder(
        jnp.asarray(np.stack([keep, swap], -1) * 20, dtype=jnp.float32), jnp.full(2, -10.0), nonlinearity="sigmoid"
    )
    bits = np.random.default_rng(0).integers(0, 2, 40)
    network = with_readout(cell, 1, rng=np.random.default_rng(0))
    states = run(network, np.eye(2, dtype=np.float32)[bits], state=np.array([1.0, 0.0], dtype=np.float32))
    assert (np.asarray(states[:, 1] > 0.5) == np.cumsum(bits) % 2).all()


def test_stacked_layers_see_the_layer_below_in_the_same_step(rng, double):
    with jax.enable_x64(True):
        below, above = double(LSTM.random(3, 4, rng=rng), rng), double(Elman.random(4, 2, rng=rng), rng)
        cell = Stacked((below, above))
        state, u = rng.standard_normal(10), rng.standard_normal(3)
        first = step(below, state[:8], u)
        second = step(above, state[8:], first[:4])
        after = step(cell, state, u)
        np.testing.assert_allclose(after, np.concatenate([first, second]), rtol=1e-12)
        np.testing.assert_array_equal(cell.activity(after), np.concatenate([after[:4], after[8:]]))


def test_tapped_delays(rng):
    system = TappedDelay.random(2, 3, taps=4, rng=rng)
    u = rng.standard_normal((6, 2)).astype(np.float32)
    outputs = np.asarray(system.readout(run(system, u)))
    a = np.asarray(system.output).reshape(3, 4, 2)
    for t in range(6):
        expected = sum(a[:, d] @ u[t - d] for d in range(4) if t >= d)
        np.testing.assert_allclose(outputs[t], expected, rtol=1e-4, atol=1e-6)


@eqx.filter_jit
def translated(network, inputs):
    """Outputs, and what is attended to, after each step; the encoder in the end."""
    states = run(network, inputs)
    return network.readout(states), network.attention(states), network.parts(states[-1]).encoder


@pytest.mark.parametrize("slots", [0, 3])
def test_encoder_decoder(rng, double, slots):
    u = rng.standard_normal((9, 3))
    u[:, 2] = [0, 0, 0, 0, 0, 1, 0, 0, 1]  # a pulse is enough, and a second one does nothing
    with jax.enable_x64(True):
        network = double(EncoderDecoder.random(3, 4, 2, go=2, slots=slots, feedback="tanh", rng=rng), rng)
        outputs, weights, encoder = translated(network, u)
        e, kept = network.initial, []
        for t in range(5):
            e = step(network.encoder, e, u[t])
            kept.append(np.asarray(e[:4]))
            np.testing.assert_allclose(outputs[t], network.rest)
        np.testing.assert_allclose(encoder, e, rtol=1e-12)
        d, y = np.asarray(network.bridge) @ np.asarray(e), np.asarray(network.rest)
        memory = np.array(kept[-slots:])
        for t in range(5, 9):
            recalled = np.zeros(0)
            if slots:
                score = memory @ np.asarray(network.query) @ np.asarray(d[:4]) / np.sqrt(4)
                share = np.exp(score) / np.exp(score).sum()
                np.testing.assert_allclose(weights[t - 1], share, rtol=1e-10)
                recalled = share @ memory
            d = step(network.decoder, d, np.concatenate([np.tanh(y), recalled]))
            y = np.asarray(network.output) @ np.concatenate([d[:4], recalled]) + np.asarray(network.output_bias)
            np.testing.assert_allclose(outputs[t], y, rtol=1e-10)
        if slots:  # what is not there yet is not looked at, and an answer without anything taken in is a number
            assert (np.asarray(weights[:2]) > 0).tolist() == [[False, False, True], [False, True, True]]
            at_once = translated(network, u[::-1])
            assert np.isfinite(at_once[0]).all()
            assert not np.asarray(at_once[1]).any()
