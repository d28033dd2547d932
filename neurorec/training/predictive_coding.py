"""Local learning of predictive coding: weights move by what their own error units and values say."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from neurorec.networks import PredictiveCoding
from neurorec.recording import InputError, check_array, check_count, check_number, check_rng

Updates = Literal["settled", "arrival", "backpropagation"]
Rule = Literal["gradient", "adam"]


class WeightUpdates(NamedTuple):
    """How weights and biases should move, down an energy or a loss.

    Attributes
    ----------
    weights : tuple of jax.Array (unit of layer l, unit of layer l + 1)
        Of the predictions of each layer but the top.
    biases : tuple of jax.Array (unit of layer l,)
        Of every layer.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]


class LocalTraining(NamedTuple):
    """What a hierarchy has become.

    Attributes
    ----------
    network : PredictiveCoding
        As it is after the last epoch, its layers clamped as they were.
    energy : ndarray (epoch,)
        F per example, before each update, values settled; of backpropagation, its loss.
    begun : ndarray (epoch,)
        F before they settled.
    """

    network: PredictiveCoding
    energy: NDArray[np.float64]
    begun: NDArray[np.float64]


def local_updates(network: PredictiveCoding, state: Array) -> WeightUpdates:
    r"""What the values and errors of a state ask of the weights: products of two units at the same synapse.

    :math:`\Delta W_l = e_l f(x_{l+1})^T = -\partial F / \partial W_l` and :math:`\Delta b_l = e_l`, means over leading
    axes (Whittington & Bogacz 2017, doi:10.1162/NECO_a_00949).

    Parameters
    ----------
    network : PredictiveCoding
        Whose weights.
    state : jax.Array (..., state)
        Settled, as a rule; errors are those of its values.

    Returns
    -------
    WeightUpdates

    Examples
    --------
    >>> network = PredictiveCoding.random((3, 2), rng=np.random.default_rng(0))
    >>> [w.shape for w in local_updates(network, network.initial_state).weights]
    [(3, 2)]
    """
    values = [x.reshape(-1, x.shape[-1]) for x in network.values(state)]
    errors = network.errors_of(values)
    rates = network.rates(values)
    weights = [e.T @ rate / len(e) for e, rate in zip(errors[:-1], rates[1:], strict=True)]
    return WeightUpdates(tuple(weights), tuple(e.mean(axis=0) for e in errors))


def arrival_updates(network: PredictiveCoding, bottom: Array, top: Array) -> WeightUpdates:
    r"""Each layer's update at the very step at which the bottom's error first reaches it: backpropagation, exactly.

    Values begin as the top predicts them, take whole steps (:math:`dt = \tau`), and layer l learns after l of them,
    while what it is predicted from has not moved yet (Song, Lukasiewicz, Xu & Bogacz 2020, "Can the brain do
    backpropagation? Exact implementation of backpropagation in predictive coding networks", NeurIPS 33). With the
    variances of all layers above the bottom at 1, updates are those of `backpropagated_updates`.

    Parameters
    ----------
    network : PredictiveCoding
        Whose weights.
    bottom, top : jax.Array (..., unit)
        To be predicted, and from what.

    Returns
    -------
    WeightUpdates
        Nothing for the top's bias.
    """
    both = replace(network, clamped="both", dt=network.tau, error_tau=0.0)
    inputs = jnp.concatenate([bottom, top], axis=-1)
    state, found = both.swept(top), []
    for _ in network.weights:
        held = both.state_of(both.clamp(both.values(state), inputs))
        found.append(local_updates(both, held))
        state = both.step(state, inputs)
    weights = tuple(updates.weights[layer] for layer, updates in enumerate(found))
    biases = tuple(updates.biases[layer] for layer, updates in enumerate(found))
    return WeightUpdates(weights, (*biases, jnp.zeros_like(network.biases[-1])))


def backpropagated_updates(network: PredictiveCoding, bottom: Array, top: Array) -> WeightUpdates:
    r"""The negative gradient of :math:`|x_0 - \hat x_0|^2 / 2 \sigma_0^2`, predictions swept down from the top.

    Parameters
    ----------
    network : PredictiveCoding
        Whose weights.
    bottom, top : jax.Array (..., unit)
        To be predicted, and from what.

    Returns
    -------
    WeightUpdates
        Means over leading axes.
    """

    def loss(learnt: tuple) -> Array:
        there = eqx.tree_at(_learnt, network, learnt)
        missed = bottom - there.values(there.swept(top))[0]
        return 0.5 * (missed**2).sum(axis=-1).mean() / network.variance[0]

    weights, biases = jax.tree.map(lambda g: -g, jax.grad(loss)(_learnt(network)))
    return WeightUpdates(weights, biases)


def update_angles(first: WeightUpdates, second: WeightUpdates) -> NDArray[np.float64]:
    """Angles between the weight updates of each layer ``(layer,)``, degrees: 0 the same way, 90 nothing in common.

    Examples
    --------
    >>> one, other = (WeightUpdates((jnp.array([w]),), ()) for w in ([1.0, 0.0], [1.0, 1.0]))
    >>> update_angles(one, other).round(1).tolist()
    [45.0]
    """
    angles = []
    for one, other in zip(first.weights, second.weights, strict=True):
        a, b = (np.asarray(w, dtype=float).ravel() for w in (one, other))
        a, b = (v / max(np.linalg.norm(v), 1e-300) for v in (a, b))
        # the angle's half by its sine and cosine: the cosine alone cannot tell angles below 1e-6 from 0
        angles.append(2 * np.degrees(np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))))
    return np.array(angles)


def train_predictive_coding(
    network: PredictiveCoding,
    bottom: ArrayLike,
    top: ArrayLike | None = None,
    *,
    updates: Updates = "settled",
    n_settling: int = 20,
    n_epochs: int = 30,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    rule: Rule = "adam",
    decay: float = 0.0,
    rng: np.random.Generator,
    progress: bool = False,
) -> LocalTraining:
    r"""Let a hierarchy learn examples: its values settle, then its weights move by what is left of the errors.

    With a top, both ends are clamped and values begin as the top predicts them: predictions from the top to the bottom
    are learnt, of images from their class or of classes from their image. Without one only the bottom is clamped,
    values begin at 0, and the causes are found in settling.

    Parameters
    ----------
    network : PredictiveCoding
        As it begins; not changed.
    bottom : array-like (example, unit)
        What is to be predicted.
    top : array-like (example, unit), optional
        From what.
    updates : {"settled", "arrival", "backpropagation"}
        `local_updates` after `n_settling` steps, `arrival_updates`, or `backpropagated_updates`; the latter two need a
        top.
    n_settling : int
        Steps of `dt` in which values settle.
    n_epochs, batch_size : int
        Passes through all examples in random order, and examples per update; what does not fill a batch waits for the
        next epoch.
    learning_rate : float
        Of the rule.
    rule : {"gradient", "adam"}
        Whether weights move by the learning rate times the update, or by Adam, which scales each synapse by what it
        has seen before: local as well.
    decay : float
        Of weights, a fraction per update over the learning rate: weights shrink by ``learning_rate decay``.
    rng : numpy.random.Generator
        The order of examples.
    progress : bool
        Show a bar.

    Returns
    -------
    LocalTraining

    Raises
    ------
    InputError
        Examples that do not fit, settings that cannot be, and values that run off instead of settling: dt is too long
        for weights so large.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> network = PredictiveCoding.random((1, 8, 2), dt=0.004, rng=rng)
    >>> cause = rng.uniform(-1, 1, (400, 2))
    >>> found = train_predictive_coding(network, cause.mean(axis=1, keepdims=True), cause, rng=rng)
    >>> bool(found.energy[-1] < found.energy[0])
    True
    """
    counts = zip(("n_settling", "n_epochs", "batch_size"), (n_settling, n_epochs, batch_size), strict=True)
    n_settling, n_epochs, batch_size = (check_count(name, n, least=0) for name, n in counts)
    learning_rate, decay = check_number("learning_rate", learning_rate, least=0), check_number("decay", decay, least=0)
    if rule not in ("gradient", "adam"):
        raise InputError("rule", expected="gradient or adam", found=repr(rule), remedy="choose one")
    data, rng = _examples(network, bottom, top, updates, n_settling, batch_size), check_rng(rng)
    held = replace(network, clamped="bottom" if top is None else "both")
    optimizer = _optimizer(rule, learning_rate)
    made = _update_of(updates, n_settling)
    status, settled, begun = optimizer.init(_learnt(held)), [], []
    for epoch in tqdm(range(n_epochs), disable=None if progress else True, unit="epoch"):
        order = rng.permutation(len(data))[: len(data) // batch_size * batch_size]
        batches = jnp.asarray(data[order].reshape(-1, batch_size, data.shape[1]))
        before = held
        held, status, seen = _pass(before, status, batches, optimizer, made, learning_rate * decay)
        settled.append(float(seen[0]))
        begun.append(float(seen[1]))
        if not np.isfinite(settled[-1]) or settled[-1] > begun[-1]:
            found = f"{settled[-1]:.3g} from {begun[-1]:.3g} in epoch {epoch}, dt {network.dt:g} s"
            limit = before.largest_step() if np.isfinite(np.concatenate(_flat(before))).all() else network.dt
            remedy = f"try dt below {limit:.2g} s, a lower learning_rate, or decay"
            raise InputError("dt", expected="an energy that falls as values settle", found=found, remedy=remedy)
    return LocalTraining(replace(held, clamped=network.clamped), np.array(settled), np.array(begun))


def _flat(network: PredictiveCoding) -> list[NDArray]:
    return [np.ravel(weight) for weight in network.weights]


@cache
def _optimizer(rule: Rule, learning_rate: float) -> optax.GradientTransformation:
    """One and the same for the same settings, so that what has been compiled with it serves again."""
    return optax.adam(learning_rate) if rule == "adam" else optax.sgd(learning_rate)


def _learnt(network: PredictiveCoding) -> tuple:
    return network.weights, network.biases


_Made = Callable[[PredictiveCoding, Array], tuple[WeightUpdates, Array, Array]]


def _update_of(updates: Updates, n_settling: int) -> _Made:
    """A function of a network and a batch ``(example, input)``: its updates, F once settled and F before."""
    return {
        "settled": _Settled(n_settling),
        "arrival": _Swept(arrival_updates),
        "backpropagation": _Swept(backpropagated_updates),
    }[updates]


class _Settled(NamedTuple):
    n_steps: int

    def __call__(self, network: PredictiveCoding, batch: Array) -> tuple[WeightUpdates, Array, Array]:
        start = jnp.zeros((len(batch), network.n_states), dtype=batch.dtype)
        if network.clamped == "both":
            start = network.swept(batch[:, network.sizes[0] :])
        state = jax.lax.fori_loop(0, self.n_steps, lambda _, s: network.step(s, batch), start)
        before, after = (network.energy(s, batch).mean() for s in (start, state))
        return local_updates(network, state), after, before


class _Swept(NamedTuple):
    updates: Callable[[PredictiveCoding, Array, Array], WeightUpdates]

    def __call__(self, network: PredictiveCoding, batch: Array) -> tuple[WeightUpdates, Array, Array]:
        bottom, top = batch[:, : network.sizes[0]], batch[:, network.sizes[0] :]
        loss = network.energy(network.swept(top), batch).mean()
        return self.updates(network, bottom, top), loss, loss


@eqx.filter_jit
def _pass(
    network: PredictiveCoding,
    status: optax.OptState,
    batches: Array,
    optimizer: optax.GradientTransformation,
    made: _Made,
    shrink: float,
) -> tuple[PredictiveCoding, optax.OptState, Array]:
    """One pass through batches ``(batch, example, input)``: the network, the rule's memory, and both energies."""

    def learn(now: tuple, batch: Array) -> tuple[tuple, Array]:
        learnt, status = now
        found, after, before = made(eqx.tree_at(_learnt, network, learnt), batch)
        down = jax.tree.map(lambda g: -g, tuple(found))
        change, status = optimizer.update(down, status)
        moved: Any = optax.apply_updates(learnt, change)
        weights, biases = moved
        return ((tuple(w * (1 - shrink) for w in weights), biases), status), jnp.stack([after, before])

    (learnt, status), seen = jax.lax.scan(learn, (_learnt(network), status), batches)
    return eqx.tree_at(_learnt, network, learnt), status, seen.mean(axis=0)


def _examples(
    network: PredictiveCoding, bottom: ArrayLike, top: ArrayLike | None, updates: Updates, n_settling: int, batch: int
) -> NDArray[np.float32]:
    """Inputs ``(example, input)``, checked."""
    if updates not in ("settled", "arrival", "backpropagation") or (updates != "settled" and top is None):
        expected = "settled, or with a top also arrival or backpropagation"
        raise InputError("updates", expected=expected, found=repr(updates), remedy="choose one, or pass a top")
    if not isinstance(network, PredictiveCoding):
        raise InputError("network", expected="PredictiveCoding", found=type(network).__name__, remedy="see its random")
    given = [(name, part) for name, part in (("bottom", bottom), ("top", top)) if part is not None]
    parts = [check_array(name, part, "(example, unit)").astype(np.float32) for name, part in given]
    widths = (network.sizes[0], network.sizes[-1])[: len(parts)]
    fit = all(part.ndim == 2 and part.shape[1] == n for part, n in zip(parts, widths, strict=True))
    if not fit or len({len(part) for part in parts}) != 1 or not all(np.isfinite(part).all() for part in parts):
        expected, found = f"finite, (example, {' and '.join(map(str, widths))})", str([part.shape for part in parts])
        raise InputError("bottom and top", expected=expected, found=found, remedy="a row per example")
    if n_settling < 1 or not 1 <= batch <= len(parts[0]):
        found = f"{n_settling} and {batch} of {len(parts[0])} examples"
        raise InputError("n_settling and batch_size", expected="1 or more", found=found, remedy="fewer in a batch")
    return np.concatenate(parts, axis=1)
