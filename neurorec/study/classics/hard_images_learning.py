"""Recurrent and feedforward networks that learn to name hard images, all from the same ones in the same way."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from neurorec.networks import Convolutional
from neurorec.tasks import HardImages

N_STEPS = 6
SIDE, N_DIGITS, BATCH = 12, 10, 32
Sweeps = tuple[Convolutional, ...]  # the network of each step, from silence on


class Kind(NamedTuple):
    """A kind of network.

    Attributes
    ----------
    n_maps : (int, int)
        Feature maps of the two layers.
    rate : float
        Learning rate, the best of four on validation digits with seeds that are used for nothing else.
    kernel : int
        Size of the bottom-up kernels.
    lateral, top_down : bool
        Connections besides the bottom-up ones.
    n_steps : int
        Steps until the answer; 1 for a feedforward sweep.
    tied : bool
        Whether every step has the same weights. With weights of its own for each step, an unrolled network is a deep
        feedforward one, with connections that skip layers; it answers once, at its end.
    """

    n_maps: tuple[int, int]
    rate: float
    kernel: int = 3
    lateral: bool = False
    top_down: bool = False
    n_steps: int = 1
    tied: bool = True


RECURRENT, UNITS, MATCHED, DEEP = (
    "recurrent",
    "feedforward, as many units",
    "feedforward, as many weights",
    "deep feedforward, as many weights",
)
KINDS: dict[str, Kind] = {
    RECURRENT: Kind((16, 32), 2.5e-3, lateral=True, top_down=True, n_steps=N_STEPS),
    UNITS: Kind((16, 32), 5e-3),
    MATCHED: Kind((31, 62), 5e-3),
    DEEP: Kind((8, 16), 5e-3, lateral=True, top_down=True, n_steps=5, tied=False),
}
MORE: dict[str, Kind] = {
    "lateral only": Kind((16, 32), 2.5e-3, lateral=True, n_steps=N_STEPS),
    "feedforward, larger kernels": Kind((16, 32), 5e-3, kernel=5),
    "deep feedforward, as many units": Kind(
        (16, 32), 5e-3, lateral=True, top_down=True, n_steps=N_STEPS, tied=False
    ),
}  # fmt: skip


def draw(kind: Kind, *, rng: np.random.Generator) -> Sweeps:
    """A network of a kind, untrained, for each of its steps; the same one where they share their weights.

    Examples
    --------
    >>> len(draw(KINDS[RECURRENT], rng=np.random.default_rng(0)))
    6
    """

    def one() -> Convolutional:
        return Convolutional.random(
            SIDE, kind.n_maps, N_DIGITS, kernel=kind.kernel, lateral=kind.lateral, top_down=kind.top_down, rng=rng
        )

    return (one(),) * kind.n_steps if kind.tied else tuple(one() for _ in range(kind.n_steps))


def n_weights(sweeps: Sweeps) -> int:
    """Numbers that have a say in the answer, those of shared weights once.

    The first step has nothing to hear from, so an unrolled network's first lateral and top-down kernels are idle, and
    so are all its readouts but the last.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> [n_weights(draw(KINDS[name], rng=rng)) for name in (RECURRENT, MATCHED, DEEP)]
    [24250, 24097, 24898]
    """
    if all(network is sweeps[0] for network in sweeps):
        return sweeps[0].n_weights
    idle = sum(network.output.size + network.output_bias.size for network in sweeps[:-1])
    idle += sum(kernel.size for kernel in (*sweeps[0].lateral, *sweeps[0].top_down))
    return sum(network.n_weights for network in sweeps) - idle


def states_of(sweeps: Sweeps, images: ArrayLike) -> Array:
    """States ``(step, image, state)`` of a network that sees images ``(image, pixel)`` from silence on."""
    images = jnp.asarray(images)
    state, states = jnp.zeros((images.shape[0], sweeps[0].n_units)), []
    for network in sweeps:
        state = network.step(state, images)
        states.append(state)
    return jnp.stack(states)


def answers(sweeps: Sweeps, images: ArrayLike) -> Array:
    """Outputs ``(step, image, digit)``."""
    return jnp.stack([network.readout(state) for network, state in zip(sweeps, states_of(sweeps, images))])


@eqx.filter_jit
def _both(sweeps: Sweeps, images: Array) -> tuple[Array, Array]:
    return states_of(sweeps, images), answers(sweeps, images)


def look(sweeps: Sweeps, trials: xr.Dataset, *, at_once: int = 497) -> tuple[NDArray, NDArray]:
    """Activity of the top layer ``(step, image, unit)`` and outputs ``(step, image, digit)`` in trials."""
    images = trials["inputs"].values[:, 0]
    first = sweeps[0].n_units - sweeps[0].output.shape[-1]
    seen = []
    for low in range(0, len(images), at_once):
        states, outputs = _both(sweeps, jnp.asarray(images[low : low + at_once]))
        seen.append((np.asarray(states)[..., first:], np.asarray(outputs)))
    top, outputs = zip(*seen)
    return np.concatenate(top, axis=1), np.concatenate(outputs, axis=1)


def lesioned(sweeps: Sweeps) -> Sweeps:
    """The same network, its lateral and top-down kernels cut."""
    return tuple(network.feedforward() for network in sweeps)


def training_images(task: HardImages, n_updates: int, *, seed: int, batch: int = BATCH) -> tuple[NDArray, NDArray]:
    """Images ``(update, image, pixel)`` and their digits: the same ones, in the same order, for all kinds of a seed."""
    trials = task.sample(n_updates * batch, rng=np.random.default_rng([seed, 1]))
    order = np.random.default_rng([seed, 2]).permutation(n_updates * batch)
    images = trials["inputs"].values[order, 0].reshape(n_updates, batch, -1)
    return images, trials["digit"].values[order].reshape(n_updates, batch)


def learn(kind: Kind, images: NDArray, digit: NDArray, *, seed: int) -> Sweeps:
    """Train a network: Adam, a rate that falls to a hundredth along a cosine, gradients of norm 1 at most.

    The loss is the cross entropy of the answers of all steps, or of the last one where steps have weights of their own.

    Parameters
    ----------
    kind : Kind
        What learns.
    images, digit : ndarray (update, image, pixel), (update, image)
        What from.
    seed : int
        Of the weights to begin with.

    Returns
    -------
    tuple of Convolutional
        A network for each step.
    """
    sweeps = draw(kind, rng=np.random.default_rng([seed, 3]))
    arrays, static = eqx.partition(sweeps[0] if kind.tied else sweeps, eqx.is_array)
    optimiser, update = _updating(kind, len(images))
    inner = optimiser.init(arrays)  # type: ignore[arg-type]
    for seen, due in zip(images, digit, strict=True):
        arrays, inner = update(arrays, inner, seen, due)
    made = eqx.combine(jax.block_until_ready(arrays), static)
    return (made,) * kind.n_steps if kind.tied else made  # type: ignore[return-value]


@cache
def _updating(kind: Kind, n_updates: int) -> tuple[optax.GradientTransformation, Callable[..., Any]]:
    """What changes weights; compiled once for all seeds of a kind."""
    drawn = draw(kind, rng=np.random.default_rng(0))
    static = eqx.partition(drawn[0] if kind.tied else drawn, eqx.is_array)[1]
    schedule = optax.cosine_decay_schedule(kind.rate, n_updates, alpha=0.01)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))

    def loss(arrays: Any, seen: Array, due: Array) -> Array:
        made = eqx.combine(arrays, static)
        outputs = answers((made,) * kind.n_steps, seen) if kind.tied else answers(made, seen)[-1:]
        return -jnp.take_along_axis(jax.nn.log_softmax(outputs), due[None, :, None], axis=-1).mean()

    @jax.jit
    def update(arrays: Any, inner: Any, seen: Array, due: Array) -> tuple[Any, Any]:
        changes, inner = optimiser.update(jax.grad(loss)(arrays, seen, due), inner)
        return optax.apply_updates(arrays, changes), inner

    return optimiser, update


def learn_all(
    kinds: dict[str, Kind],
    *,
    n_updates: int,
    n_seeds: int,
    seed: int,
    folder: Path | None = None,
    step: Callable[[], object] = lambda: None,
) -> dict[str, list[Sweeps]]:
    """Networks of each kind, one a seed.

    Parameters
    ----------
    kinds : dict of str to Kind
        By name.
    n_updates, n_seeds : int
        How long, and how many.
    seed : int
        The first; networks of seed s learn from images of seed s.
    folder : path, optional
        Keeps trained networks, so that what was interrupted goes on where it was.
    step : callable
        Called after each network.

    Returns
    -------
    dict of str to list of tuple of Convolutional
    """
    found: dict[str, list[Sweeps]] = {name: [] for name in kinds}
    for one in range(seed, seed + n_seeds):
        images, digit = training_images(HardImages(duration=0.01), n_updates, seed=one)
        for name, kind in kinds.items():
            stem = f"{name.replace(', ', '_').replace(' ', '_')}-{kind.n_maps[0]}-{kind.n_maps[1]}-{kind.rate:g}"
            path = None if folder is None else folder / "networks" / f"{stem}-{n_updates}-{one}.eqx"
            sweeps = _read(path, kind)
            if sweeps is None:
                sweeps = learn(kind, images, digit, seed=one)
                _keep(path, kind, sweeps)
            found[name].append(sweeps)
            step()
    return found


def _read(path: Path | None, kind: Kind) -> Sweeps | None:
    """A trained network from its file, if there is one."""
    if path is None or not path.exists():
        return None
    like = draw(kind, rng=np.random.default_rng(0))
    read = eqx.tree_deserialise_leaves(path, like[0] if kind.tied else like)
    return (read,) * kind.n_steps if kind.tied else read


def _keep(path: Path | None, kind: Kind, sweeps: Sweeps) -> None:
    """Write a trained network, whole or not at all."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.eqx")
    eqx.tree_serialise_leaves(partial, sweeps[0] if kind.tied else sweeps)
    partial.replace(path)
