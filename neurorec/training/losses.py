"""What training lowers: the error of outputs where the mask says so, and penalties."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike

from neurorec.networks import System, noisy_step, prepare, run
from neurorec.tasks import Loss
from neurorec.training.batches import Batch


def error(outputs: ArrayLike, targets: ArrayLike, mask: ArrayLike, *, loss: Loss) -> Array:
    """Mean error over the steps that count, weighted by the mask.

    Parameters
    ----------
    outputs, targets : jax.Array (..., output)
        What came out, and what should have.
    mask : jax.Array (...)
        Weights.
    loss : {"squared", "cross_entropy", "bernoulli"}
        Of a step: the mean of ``(y - f)^2`` over outputs; ``-sum_k y_k log softmax(f)_k``; the mean over outputs of
        ``log(1 + e^f) - y f``.

    Returns
    -------
    jax.Array ()
        ``sum m e / sum m``.

    Examples
    --------
    >>> error(jnp.array([[1.0], [5.0]]), jnp.array([[3.0], [0.0]]), jnp.array([1.0, 0.0]), loss="squared").item()
    4.0
    """
    outputs, targets = jnp.asarray(outputs), jnp.asarray(targets)
    if loss == "squared":
        each = jnp.square(outputs - targets).mean(axis=-1)
    elif loss == "cross_entropy":
        each = optax.softmax_cross_entropy(outputs, targets)
    else:
        each = optax.sigmoid_binary_cross_entropy(outputs, targets).mean(axis=-1)
    weight = jnp.asarray(mask)
    return (weight * each).sum() / weight.sum()


def trial_loss(network: System, batch: Batch, draws: Array | None, *, loss: Loss, rate_penalty: float = 0.0) -> Array:
    """Error of a network on a batch, and its rate penalty, through all of time."""
    states = run(network, batch.inputs, draws=draws)
    return states_loss(network, states, batch, loss=loss, rate_penalty=rate_penalty)


def states_loss(network: System, states: Array, batch: Batch, *, loss: Loss, rate_penalty: float = 0.0) -> Array:
    """Error of the outputs in given states ``(time, trial, state)``, and the rate penalty."""
    total = error(network.readout(states), batch.targets, batch.mask, loss=loss)
    if rate_penalty:
        squared = jnp.square(network.activity(states)).mean(axis=-1)
        total = total + rate_penalty * (squared * batch.inside).sum() / batch.inside.sum()
    return total


def window_loss(
    network: System,
    batch: Batch,
    draws: Array | None,
    *,
    window: tuple[int, int],
    loss: Loss,
    rate_penalty: float = 0.0,
) -> Array:
    """The same loss, whose gradient is that of truncated backpropagation through time.

    After every k1 steps, the error of these k1 steps is sent back through the last k2 steps, and no further
    (Williams & Peng 1990, doi:10.1162/neco.1990.2.4.490). The value is that of `trial_loss`.

    Parameters
    ----------
    network, batch, draws, loss, rate_penalty
        As for `trial_loss`.
    window : tuple of int
        ``(k1, k2)``, k1 at most k2.
    """
    newest, length = window
    draws = None if draws is None else jnp.asarray(draws)
    n_steps = len(batch.mask)
    frozen = jax.tree.map(lambda x: jax.lax.stop_gradient(x) if eqx.is_inexact_array(x) else x, network)
    before = run(frozen, batch.inputs, draws=draws)
    start = jnp.broadcast_to(network.initial_state, before.shape[1:])
    before = jnp.concatenate([jax.lax.stop_gradient(start)[None], before])  # state before each step
    end = jnp.minimum(jnp.arange(newest, n_steps + newest, newest), n_steps)  # one past the newest step of each block
    steps = end[:, None] - length + jnp.arange(length)  # (block, step), below 0 before the beginning
    known = steps >= 0
    counted = steps >= (jnp.arange(len(end)) * newest)[:, None]  # each step in one block
    ready, inputs = prepare(network), jnp.asarray(batch.inputs)

    def block(steps: Array, known: Array) -> Array:
        """States of a block; before the beginning of the trial the state stands still."""
        first = jnp.maximum(steps[0], 0)
        origin = jnp.where(steps[0] <= 0, start, before[first])

        def advance(state: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
            step, is_known = now
            place = jnp.maximum(step, 0)
            if draws is None:
                after = ready.step(state, inputs[place])
            else:
                after = noisy_step(ready, state, inputs[place], draws[place])
            after = jnp.where(is_known, after, state)
            return after, after

        return jax.lax.scan(advance, origin, (steps, known))[1]

    states = jax.vmap(block)(steps, known)
    place = jnp.maximum(steps, 0)
    weighted = Batch(
        inputs=batch.inputs,
        targets=jnp.asarray(batch.targets)[place],
        mask=jnp.asarray(batch.mask)[place] * counted[:, :, None],
        inside=jnp.asarray(batch.inside)[place] * counted[:, :, None],
    )
    return states_loss(network, states, weighted, loss=loss, rate_penalty=rate_penalty)


def weight_penalty(trained: System) -> Array:
    """Sum of the squares of all matrices among the trained weights."""
    leaves = [leaf for leaf in jax.tree.leaves(trained) if eqx.is_inexact_array(leaf) and leaf.ndim >= 2]
    return sum((jnp.square(leaf).sum() for leaf in leaves), start=jnp.zeros(()))
