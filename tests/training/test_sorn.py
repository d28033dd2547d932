"""Self-organizing networks: against a plain rewrite from the papers, by hand, and what they refuse."""

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import SORN, System, run
from neurorec.recording import InputError
from neurorec.training import FROZEN, Plasticity, adapt, sorn_kernels, teach_readout


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def drawn(rng, n_steps=400, **options):
    """A small network, and letters in random order."""
    network = SORN.random(3, 40, n_synapses=6, units_per_input=4, rng=rng, **options)
    return network, np.eye(3)[rng.integers(0, 3, n_steps)]


def plain(network, inputs, rules, *, noise=None, pairs=None):
    """With whole matrices, in double precision: activity, expected, excitatory and inhibitory weights, thresholds."""
    W, WI, IW = (np.array(getattr(network, k), dtype=float) for k in ("excitatory", "from_inhibitory", "to_inhibitory"))
    T, TI = (np.array(getattr(network, k), dtype=float) for k in ("threshold", "inhibitory_threshold"))
    exists, x, y = W > 0, np.zeros(len(T)), np.zeros(len(TI))
    activity, expected = [], []
    for t, u in enumerate(inputs):
        extra = np.zeros(len(T) + len(TI)) if noise is None else noise[t]
        own = W @ x - WI @ y - T + extra[: len(T)]
        after, old = (own + np.asarray(network.input, dtype=float) @ u >= 0).astype(float), y
        y = (IW @ (after if network.fast_inhibition else x) - TI + extra[len(T) :] >= 0).astype(float)
        T = T + rules.intrinsic * (after - rules.target_rate)
        W = np.where(exists, W + rules.stdp * (np.outer(after, x) - np.outer(x, after)), 0.0)
        W = np.clip(W, 0, rules.largest)
        if rules.prune:
            exists = exists & (W > 0)
        if pairs is not None and pairs[t, 0] >= 0 and not exists[tuple(pairs[t])]:
            exists[tuple(pairs[t])], W[tuple(pairs[t])] = True, 1e-3
        if rules.normalise:
            W = W / W.sum(axis=1, keepdims=True)
        if rules.inhibitory:
            WI = WI - rules.inhibitory * np.outer(1 - after * (1 + 1 / rules.target_rate), old) * (WI > 0)
            WI = np.where(old * (WI != 0) > 0, np.clip(WI, 1e-3, 1), WI)
            WI = WI / WI.sum(axis=1, keepdims=True)
        activity.append(after)
        expected.append(own >= 0)
        x = after
    return np.array(activity), np.array(expected), W, WI, T


RULES = {
    "the paper's": Plasticity(),
    "synapses that come back": Plasticity(prune=False, stdp=0.02),
    "not normalised": Plasticity(normalise=False, stdp=0.05),
    "thresholds alone": Plasticity(stdp=0.0),
    "inhibitory too": Plasticity(inhibitory=0.002),
    "frozen": FROZEN,
}


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", RULES)
def test_as_written_in_the_papers(name, fast, rng):
    network, inputs = drawn(rng, fast_inhibition=fast)
    found = adapt(network, inputs, plasticity=RULES[name], rng=rng)
    activity, expected, W, WI, T = plain(network, inputs, RULES[name])
    np.testing.assert_array_equal(found.activity, activity)
    np.testing.assert_array_equal(found.expected, expected)
    np.testing.assert_array_equal(found.count, activity.sum(axis=1))
    np.testing.assert_allclose(found.network.excitatory, W, atol=1e-6)
    np.testing.assert_allclose(found.network.from_inhibitory, WI, atol=1e-6)
    np.testing.assert_allclose(found.network.threshold, T, atol=1e-6)
    changed = np.abs(np.asarray(found.network.excitatory) - np.asarray(network.excitatory)).max()
    assert (changed > 0.01) == (RULES[name].stdp > 0)


def test_noise_and_new_synapses_are_drawn_once_and_used(rng):
    network, inputs = drawn(rng)
    rules = Plasticity(new_synapses=0.3)
    found = adapt(network, inputs, plasticity=rules, noise=0.2, rng=np.random.default_rng(4))
    again = np.random.default_rng(4)
    noise = 0.2 * again.standard_normal((400, 48), dtype=np.float32)
    target, step = again.integers(0, 40, 400), again.integers(1, 40, 400)
    pairs = np.stack([target, (target + step) % 40], axis=1)
    pairs = np.where((again.random(400) < 0.3)[:, None], pairs, -1)
    activity, _, W, _, _ = plain(network, inputs, rules, noise=noise, pairs=pairs)
    np.testing.assert_array_equal(found.activity, activity)
    np.testing.assert_allclose(found.network.excitatory, W, atol=1e-6)
    assert found.synapses[-1] == (W > 0).sum()


def test_frozen_is_the_system(rng):
    network, inputs = drawn(rng)
    assert isinstance(network, System)
    states = run(network, inputs)
    found = adapt(network, inputs, plasticity=FROZEN, rng=rng)
    np.testing.assert_array_equal(network.activity(states), found.activity)
    np.testing.assert_array_equal(states[-1], found.state)
    np.testing.assert_array_equal(network.expected(states[:-1]), found.expected[1:])
    halves = [adapt(network, inputs[:150], plasticity=FROZEN, rng=rng)]
    halves.append(adapt(network, inputs[150:], plasticity=FROZEN, state=halves[0].state, rng=rng))
    np.testing.assert_array_equal(np.concatenate([half.activity for half in halves]), found.activity)
    taught = teach_readout(network, found.expected, inputs)
    np.testing.assert_allclose(
        taught.readout(states[:-1]), found.expected[1:] @ np.asarray(taught.output).T + np.asarray(taught.output_bias),
        atol=1e-5,
    )  # fmt: skip


def test_rates_come_to_their_target_and_synapses_to_one(rng):
    network, inputs = drawn(rng, 20_000)
    found = adapt(network, inputs, rng=rng)
    np.testing.assert_allclose(found.activity[-10_000:].mean(axis=0), 0.1, atol=0.01)
    np.testing.assert_allclose(np.asarray(found.network.excitatory).sum(axis=1), 1, atol=1e-5)
    assert found.synapses[-1] <= (np.asarray(network.excitatory) > 0).sum()


def test_a_step_of_two_units_by_hand():
    weights = {
        "excitatory": [[0.0, 1.0], [1.0, 0.0]], "from_inhibitory": [[1.0], [1.0]], "to_inhibitory": [[0.5, 0.5]],
        "input": [[1.0], [0.0]], "threshold": [0.5, 0.5], "inhibitory_threshold": [0.9],
        "output": [[0.0, 0.0]], "output_bias": [0.0],
    }  # fmt: skip
    network = SORN(**{name: jnp.asarray(values) for name, values in weights.items()})
    rules = Plasticity(stdp=0.1, intrinsic=0.1, target_rate=0.5, normalise=False)
    found = adapt(network, [[1.0], [0.0]], plasticity=rules, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(found.activity, [[1, 0], [0, 1]])  # the first is driven, the second by the first
    np.testing.assert_allclose(
        found.network.excitatory, [[0, 0.9], [1.0, 0]], atol=1e-6
    )  # 1.1 is more than the largest
    np.testing.assert_allclose(found.network.threshold, [0.5, 0.5], atol=1e-6)  # up by .05, down by .05
    np.testing.assert_array_equal(found.state, [0, 1, 0])


def test_kernels_agree_with_their_python(rng, monkeypatch):
    network, inputs = drawn(rng, 60)
    rules = Plasticity(inhibitory=0.01, new_synapses=0.5)

    def once():
        return adapt(network, inputs, plasticity=rules, noise=0.1, rng=np.random.default_rng(1))

    compiled = once()
    for name, kernel in list(vars(sorn_kernels).items()):
        if hasattr(kernel, "py_func"):
            monkeypatch.setattr(sorn_kernels, name, kernel.py_func)
    monkeypatch.setattr("neurorec.training.sorn.sorn_steps", sorn_kernels.sorn_steps)
    plainly = once()
    np.testing.assert_array_equal(compiled.activity, plainly.activity)
    np.testing.assert_allclose(compiled.network.from_inhibitory, plainly.network.from_inhibitory, atol=1e-7)


def refusals():
    rng = np.random.default_rng(0)
    network, inputs = drawn(rng, 5)
    negative = eqx.tree_at(lambda n: n.excitatory, network, -network.excitatory)
    return {
        "units for all inputs": lambda: SORN.random(50, 40, rng=rng),
        "fewer synapses than units": lambda: SORN.random(2, 20, n_synapses=20, rng=rng),
        "threshold.*shape": lambda: replace(network, threshold=jnp.zeros(3)),
        "rates of 0 or more": lambda: Plasticity(stdp=-1.0),
        "target_rate between": lambda: Plasticity(target_rate=1.0),
        "of 3 inputs": lambda: adapt(network, inputs[:, :2], rng=rng),
        "noise.*0 or more": lambda: adapt(network, inputs, noise=-1.0, rng=rng),
        "excitatory.*weights of 0": lambda: adapt(negative, inputs, rng=rng),
    }


@pytest.mark.parametrize("said", refusals())
def test_what_is_wrong_is_refused_with_a_reason(said):
    with pytest.raises(InputError, match=said):
        refusals()[said]()
