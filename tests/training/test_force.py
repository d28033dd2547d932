"""FORCE learning: what the paper's equations say, and that what was learned runs by itself."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import Elman, Leaky, Network, run, with_readout
from neurorec.recording import InputError
from neurorec.tasks import FlipFlop
from neurorec.training import chaotic_network, evaluate, fold_feedback, train_force


def wave(n_steps: int = 300) -> np.ndarray:
    return np.sin(2 * np.pi * np.arange(n_steps) / n_steps)[:, None]


def by_hand(network, target, feedback, start, *, n_steps, every, internal, plastic=None):
    """The authors' loop: one matrix per unit, all weights written out; the readout and recurrent weights at the end."""
    W, R = (np.array(a, dtype=float) for a in (network.cell.recurrent, network.output))
    n = len(W)
    plastic = np.ones((n, n), dtype=bool) if plastic is None else plastic
    P, within = np.eye(n), [np.eye(int(row.sum())) for row in plastic]
    x, r = start.copy(), np.tanh(start)
    z, leak = R @ r, network.cell.leak
    for t in range(n_steps):
        back = 0.0 if internal else feedback @ z
        x = (1 - leak) * x + leak * (W @ r + back)
        r = np.tanh(x)
        z = R @ r
        if (t + 1) % every == 0:
            e = z - target[t % len(target)]
            k = P @ r
            share = 1 / (1 + r @ k)
            P = P - share * np.outer(k, k)
            R = R - share * np.outer(e, k)
            if internal:
                for i, row in enumerate(plastic):
                    k = within[i] @ r[row]
                    share = 1 / (1 + r[row] @ k)
                    within[i] = within[i] - share * np.outer(k, k)
                    W[i, row] -= share * (feedback[i] @ e) * k
    return R, W if internal else W + feedback @ R


@pytest.mark.parametrize("how", ["feedback", "within", "within, some"])
def test_it_is_the_loop_of_the_paper(how):
    network = chaotic_network(30, 2, density=0.3, rng=np.random.default_rng(0))
    target = np.hstack([wave(21), np.roll(wave(21), 5)])
    feedback = np.random.default_rng(1).uniform(-1, 1, (30, 2))
    plastic = np.random.default_rng(2).random((30, 30)) < 0.2 if how == "within, some" else None
    options = {"internal": how != "feedback", "plastic": plastic}
    found = train_force(
        network, target, feedback=feedback, every=3, n_passes=2, n_test=1, rng=np.random.default_rng(3), **options
    )
    start = 0.5 * np.random.default_rng(3).standard_normal(30)
    output, weights = by_hand(network, target, feedback, start, n_steps=42, every=3, **options)
    np.testing.assert_allclose(found.network.output, output, atol=1e-5)
    np.testing.assert_allclose(found.network.cell.recurrent, weights, atol=1e-5)


def test_what_was_learned_runs_by_itself_as_it_was_tested():
    found = train_force(
        chaotic_network(60, rng=np.random.default_rng(0)), wave(), n_passes=2, rng=np.random.default_rng(1)
    )
    states = run(found.network, np.zeros((100, 0), np.float32))
    np.testing.assert_allclose(np.asarray(found.network.readout(states)), found.outputs[:100], atol=1e-3)
    assert found.network.n_inputs == 0
    assert found.outputs.shape == (5 * 300, 1)


def test_folded_feedback_is_feedback():
    rng = np.random.default_rng(0)
    cell = Leaky.random(1, 8, gain=1.5, noise=0.0, form="current", rng=rng)
    network = replace(with_readout(cell, 2, rng=rng), output_bias=jnp.array([0.3, -0.2]))
    feedback = rng.standard_normal((8, 2))
    folded, state = fold_feedback(network, feedback), rng.standard_normal(8).astype(np.float32)
    back = jnp.asarray(feedback @ np.asarray(network.readout(state)), dtype=jnp.float32)
    with_feedback = network.step(state, jnp.ones(1)) + cell.leak * back
    np.testing.assert_allclose(folded.step(state, jnp.ones(1)), with_feedback, atol=1e-5)


def test_a_chaotic_network_learns_a_wave_and_its_weights_settle():
    found = train_force(chaotic_network(200, rng=np.random.default_rng(0)), wave(), rng=np.random.default_rng(1))
    assert found.converged
    assert found.test_error < 0.1
    error, change = found.curve["pass_error"].values, found.curve["weight_change"].values
    assert error.max() < 0.3  # small while learning, from the first pass on
    assert change[-150:].mean() < 0.3 * change[:150].mean()
    np.testing.assert_allclose(found.curve["time"].values[:2], [0.002, 0.004])


@pytest.mark.parametrize("form", ["rate", "current"])
def test_trials_begin_anew_and_only_what_is_asked_is_learned(form):
    task, rng = FlipFlop(n_bits=1, duration=0.2, pulse_rate=5.0, dt=0.002), np.random.default_rng(0)
    cell = Leaky.random(1, 60, gain=1.2, dt=0.002, tau=0.01, noise=0.0, form=form, rng=rng)
    network, trials = with_readout(cell, 1, rng=rng), task.sample(6, rng=rng)
    trials["mask"][:, 50:] = 0
    found = train_force(network, trials, n_passes=1, rng=rng)
    assert found.curve.sizes["update"] == 6 * 25
    score = evaluate(found.network, task, trials)
    np.testing.assert_allclose(score.outputs, found.outputs, atol=2e-3)
    np.testing.assert_array_equal(found.network.initial, network.initial)


def test_the_network_that_is_given_stays_as_it_is():
    network = chaotic_network(20, rng=np.random.default_rng(0))
    weights, output = np.array(network.cell.recurrent), np.array(network.output)
    train_force(network, wave(20), n_passes=1, n_test=1, internal=True, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(network.cell.recurrent, weights)
    np.testing.assert_array_equal(network.output, output)


def test_weights_of_the_chaotic_network():
    network = chaotic_network(
        400, 1, n_inputs=2, gain=1.5, density=0.1, input_density=0.5, rng=np.random.default_rng(0)
    )
    weights = np.asarray(network.cell.recurrent)
    assert np.mean(weights != 0) == pytest.approx(0.1, abs=0.01)
    assert np.abs(np.linalg.eigvals(weights)).max() == pytest.approx(1.5, rel=0.1)
    assert np.mean(np.asarray(network.cell.input) != 0) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"targets": np.zeros((5, 2))}, "1"),
        ({"targets": np.full((5, 1), np.nan)}, "finite"),
        ({"inputs": np.zeros((5, 1))}, "inputs"),
        ({"feedback": np.zeros((1, 10))}, "transpose"),
        ({"plastic": np.ones((10, 10))}, "internal=True"),
        ({"plastic": np.ones((5, 5)), "internal": True}, "source unit"),
        ({"every": 0}, "1 or more"),
        ({"penalty": 0.0}, "above 0"),
    ],
)
def test_what_does_not_fit_is_refused(options, said):
    network = chaotic_network(10, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match=said):
        train_force(network, **{"targets": np.zeros((5, 1)), "rng": np.random.default_rng(0), **options})


def test_other_networks_are_refused():
    rng = np.random.default_rng(0)
    other: Network = with_readout(Elman.random(1, 5, rng=rng), 1, rng=rng)
    with pytest.raises(InputError, match="Leaky"):
        train_force(other, np.zeros((5, 1)), rng=rng)
    with pytest.raises(InputError, match="shares above 0"):
        chaotic_network(10, density=0.0, rng=rng)
