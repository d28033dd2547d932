"""What training lowers: windows of truncated backpropagation, masks and padding, penalties."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import Leaky, with_readout
from neurorec.tasks import EmbeddedReber
from neurorec.training.batches import Batch, batch_of, rounded_length, stack_batches
from neurorec.training.losses import error, trial_loss, weight_penalty, window_loss

N_STEPS, N_TRIALS, RATES = 10, 3, 0.3


def _network(noise=0.2, frozen=(), nonlinearity="tanh"):
    rng = np.random.default_rng(6)
    cell = Leaky.random(3, 5, tau=0.05, noise=noise, nonlinearity=nonlinearity, rng=rng)
    network = with_readout(cell, 2, frozen=frozen, rng=rng)
    return eqx.tree_at(lambda n: n.initial, network, jnp.asarray(rng.standard_normal(5), dtype=jnp.float32))


def _draws():
    return np.random.default_rng(7).standard_normal((N_STEPS, N_TRIALS, 5)).astype(np.float32)


def _assert_close(found, expected, rtol=2e-5):
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * max(np.abs(other).max(), 1e-3))


def _by_windows(network, batch, draws, window):
    """Gradients of truncated backpropagation, by hand: a loop over blocks, each sent back by a loop over steps."""
    newest, length = window
    cell, a, scale = network.cell, network.cell.leak, network.cell.noise_scale
    W, V, b, R, c = (
        np.asarray(w, float) for w in (cell.recurrent, cell.input, cell.bias, network.output, network.output_bias)
    )
    states, rates = [np.tile(np.asarray(network.initial, float), (N_TRIALS, 1))], []
    for t in range(N_STEPS):
        rates.append(np.tanh(states[-1] @ W.T + batch.inputs[t] @ V.T + b + scale * draws[t]))
        states.append((1 - a) * states[-1] + a * rates[-1])
    total = {name: 0.0 for name in ("W", "V", "b", "R", "c", "start")}
    for low in range(0, N_STEPS, newest):
        high = min(low + newest, N_STEPS)
        first, back = max(high - length, 0), np.zeros((N_TRIALS, 5))
        for t in range(high - 1, first - 1, -1):
            now = states[t + 1]
            if t >= low:
                wrong = (
                    batch.mask[t][:, None] * (now @ R.T + c - batch.targets[t]) / batch.mask.sum()
                )  # 2 outputs: 2 / 2
                total["R"], total["c"] = total["R"] + wrong.T @ now, total["c"] + wrong.sum(0)
                back = back + wrong @ R + RATES * batch.inside[t][:, None] * 2 * now / 5 / batch.inside.sum()
            error = a * (1 - rates[t] ** 2) * back
            total["W"] = total["W"] + error.T @ states[t]
            total["V"] = total["V"] + error.T @ batch.inputs[t]
            total["b"] = total["b"] + error.sum(0)
            back = (1 - a) * back + error @ W
        if first == 0:
            total["start"] = total["start"] + back.sum(0)
    return [total[name] for name in ("W", "V", "b", "R", "c", "start")]


@pytest.mark.parametrize("window", [(1, 1), (3, 5), (10, 10)])
def test_windows_are_those_of_an_explicit_loop(window, make_batch):
    network, batch, draws = _network(), make_batch(N_STEPS, N_TRIALS), _draws()
    options = {"loss": "squared", "rate_penalty": RATES}
    find = jax.jit(jax.value_and_grad(lambda n: window_loss(n, batch, draws, window=window, **options)))
    value, gradient = find(network)
    np.testing.assert_allclose(value, trial_loss(network, batch, draws, **options), rtol=1e-6)
    _assert_close(gradient, _by_windows(network, batch, draws, window))


@pytest.mark.parametrize("loss", ["squared", "cross_entropy", "bernoulli"])
def test_errors_are_those_of_their_formulas(loss):
    rng = np.random.default_rng(0)
    f, y, m = rng.normal(size=(4, 3, 2)), rng.dirichlet([1, 1], (4, 3)), rng.random((4, 3))
    each = {
        "squared": ((y - f) ** 2).mean(-1),
        "cross_entropy": -(y * (f - np.log(np.exp(f).sum(-1, keepdims=True)))).sum(-1),
        "bernoulli": (np.log1p(np.exp(f)) - y * f).mean(-1),
    }[loss]
    np.testing.assert_allclose(error(jnp.asarray(f), y, m, loss=loss), (m * each).sum() / m.sum(), rtol=1e-5)


@pytest.mark.parametrize("window", [None, (2, 4)])
def test_what_does_not_count_changes_nothing(window, make_batch):
    network, batch = _network(noise=0.0), make_batch(N_STEPS, N_TRIALS)

    @jax.jit
    def find(batch):
        def of(network):
            if window is None:
                return trial_loss(network, batch, None, loss="squared", rate_penalty=RATES)
            return window_loss(network, batch, None, window=window, loss="squared", rate_penalty=RATES)

        return jax.value_and_grad(of)(network)

    rng = np.random.default_rng(9)
    targets = np.where(batch.mask[..., None] > 0, batch.targets, rng.normal(size=batch.targets.shape))
    inputs = np.where(batch.inside[..., None] > 0, batch.inputs, rng.normal(size=batch.inputs.shape))
    assert (inputs != batch.inputs).any()
    changed = batch._replace(targets=targets.astype(np.float32), inputs=inputs.astype(np.float32))
    for one, other in zip(jax.tree.leaves(find(changed)), jax.tree.leaves(find(batch)), strict=True):
        np.testing.assert_array_equal(one, other)
    longer = Batch(*(np.pad(part, [(0, 4)] + [(0, 0)] * (part.ndim - 1)) for part in batch))
    _assert_close(find(longer), find(batch), rtol=1e-6)
    counted = np.argwhere(batch.mask > 0)[0]
    moved = batch.targets.copy()
    moved[tuple(counted)] += 1.0
    assert find(batch._replace(targets=moved))[0] != find(batch)[0]


def test_batches_keep_trials_and_say_what_is_padding():
    trials = EmbeddedReber().sample(5, rng=np.random.default_rng(0))
    batch, n = batch_of(trials), trials.sizes["time"]
    assert len(batch.mask) == rounded_length(n)
    np.testing.assert_array_equal(batch.inputs[:n].swapaxes(0, 1), trials["inputs"])
    np.testing.assert_array_equal(batch.mask[:n].T, trials["mask"])
    np.testing.assert_array_equal(batch.inside.sum(axis=0), np.rint(trials["duration"] / trials.attrs["dt"]))
    for part in batch:
        assert not part[n:].any()
    assert not batch.mask[batch.inside == 0].any()
    shorter = Batch(*(part[:6] for part in batch))
    both = stack_batches([shorter, batch])
    np.testing.assert_array_equal(both.targets[1], batch.targets)
    np.testing.assert_array_equal(both.targets[0, :6], shorter.targets)
    assert not both.mask[0, 6:].any()


def test_the_weight_penalty_is_of_matrices():
    network = _network()
    matrices = (network.cell.recurrent, network.cell.input, network.output)
    expected = sum(float(np.square(np.asarray(w)).sum()) for w in matrices)
    np.testing.assert_allclose(weight_penalty(network), expected, rtol=1e-6)
