"""Networks while they learn: what is trained of them, and what the optimiser remembers, several seeds side by side."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from neurorec.networks import System
from neurorec.recording import InputError


class Learner(NamedTuple):
    """What an update changes; every array has the seed as its first axis."""

    trained: Any  # weights that are trained, in the shape of the network, None elsewhere
    optimiser: Any  # what optax remembers of them
    alive: Array  # (seed,) False once the loss or the gradient was not finite, or the seed is done


class Fixed(NamedTuple):
    """What no update changes."""

    arrays: Any  # (seed, ...) arrays that are not trained, in the shape of the network
    static: Any  # everything else


class Metrics(NamedTuple):
    """Of an update, before it."""

    loss: Array  # (seed,)
    gradient_norm: Array  # (seed,)


def start_learning(networks: Sequence[System], optimiser: optax.GradientTransformation) -> tuple[Learner, Fixed]:
    """Networks of one kind, one a seed, with nothing learnt yet.

    Raises
    ------
    InputError
        If they differ in more than the values of their weights, or if nothing of them is trained.
    """
    arrays = [eqx.partition(network, eqx.is_array) for network in networks]
    kinds = [(jax.tree.structure(network), [x.shape for x in jax.tree.leaves(network)]) for network, _ in arrays]
    if any(kind != kinds[0] for kind in kinds) or len({jax.tree.structure(network) for network in networks}) > 1:
        remedy = "build them by the same call, with other random numbers"
        raise InputError("networks", expected="one kind, with one size", found="several", remedy=remedy)
    # NumPy moves arrays about: JAX would compile a program for each shape
    stacked = jax.tree.map(lambda *parts: jnp.asarray(np.stack(parts)), *[a for a, _ in arrays])
    trained, kept = eqx.partition(stacked, trainable(networks[0]))
    if not jax.tree.leaves(trained):
        found = "none: all parts are frozen"
        raise InputError(
            "networks", expected="weights to train", found=found, remedy="leave some of them out of frozen"
        )
    memory = jax.jit(jax.vmap(optimiser.init))(trained)
    return Learner(trained, memory, jnp.asarray(np.ones(len(networks), dtype=bool))), Fixed(kept, arrays[0][1])


def trainable(network: System) -> Any:
    """True for each floating-point array of a network that is not frozen, in the network's shape."""
    frozen: tuple[str, ...] = getattr(network, "frozen", ())

    def decide(path: tuple, leaf: Any) -> bool:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        return eqx.is_inexact_array(leaf) and not any(name == part or name.startswith(part + ".") for part in frozen)

    spec = jax.tree_util.tree_map_with_path(decide, network)
    _check_frozen(network, frozen)
    return spec


def combine(trained: Any, fixed: Fixed) -> Any:
    """The network, or all seeds' networks with a leading axis."""
    return eqx.combine(trained, fixed.arrays, fixed.static)


def one_network(learner: Learner, fixed: Fixed, seed: int) -> Any:
    """The network of one seed, by its place."""
    at = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)[seed]), (learner.trained, fixed.arrays))
    return eqx.combine(*at, fixed.static)


def over_seeds(function: Callable, n_seeds: int, *, in_turn: bool = False) -> Callable:
    """A function of arrays with a leading seed axis, from one without: mapped, or, for one seed, called.

    In turn, products stay those of single seeds; side by side they become batched ones, which XLA does
    slower where networks are large, and faster where they are tiny.
    """
    if n_seeds > 1 and not in_turn:
        return jax.vmap(function)

    def call(*arguments: Any) -> Any:
        if n_seeds > 1:
            return jax.lax.map(lambda each: function(*each), arguments)
        return jax.tree.map(lambda leaf: leaf[None], function(*jax.tree.map(lambda leaf: leaf[0], arguments)))

    return call


def step_once(
    trained: Any, memory: Any, alive: Array, gradient: Any, loss: Array, *, optimiser: optax.GradientTransformation
) -> tuple[Any, Any, Array, Metrics]:
    """Let the optimiser take a step, unless loss or gradient are not finite: then nothing changes any more.

    Loss and norm are missing from the next update on.
    """
    norm = jnp.sqrt(sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(gradient)))
    metrics = Metrics(jnp.where(alive, loss, jnp.nan), jnp.where(alive, norm, jnp.nan))
    alive = alive & jnp.isfinite(loss) & jnp.isfinite(norm)
    updates, remembered = optimiser.update(gradient, memory, trained)
    new = optax.apply_updates(trained, updates)
    kept = jax.tree.map(lambda after, before: jnp.where(alive, after, before), (new, remembered), (trained, memory))
    return *kept, alive, metrics


def _check_frozen(network: System, frozen: tuple[str, ...]) -> None:
    names = {
        jax.tree_util.keystr(path, simple=True, separator=".")
        for path, _ in jax.tree_util.tree_flatten_with_path(network)[0]
    }
    for part in frozen:
        if not any(name == part or name.startswith(part + ".") for name in names):
            expected = f"parts of it: {', '.join(sorted(names))}"
            raise InputError("frozen", expected=expected, found=repr(part), remedy="name one of them")
