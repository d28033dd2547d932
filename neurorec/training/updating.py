"""One update of the weights, by one of two engines: differentiation, or compiled loops where they know the network."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from neurorec.networks import noise_scale
from neurorec.tasks import Loss
from neurorec.training.batches import NOISE, Batch
from neurorec.training.learner import Fixed, Learner, Metrics, combine, one_network, over_seeds, step_once
from neurorec.training.loops import Weights, can_tile, loops_of, plain
from neurorec.training.losses import error, trial_loss, weight_penalty, window_loss
from neurorec.training.settings import TrainingSettings
from neurorec.training.tiled import Tiles


class Engine(Protocol):
    """What takes a step."""

    def update(self, learner: Learner, batch: Batch, step: int) -> tuple[Learner, Metrics]:
        """Learn from a batch ``(seed, time, trial, ...)``; `step` chooses the noise."""
        ...


def choose_engine(
    learner: Learner,
    fixed: Fixed,
    *,
    loss: Loss,
    settings: TrainingSettings,
    seeds: Sequence[int],
    pool: ThreadPoolExecutor | None,
) -> Engine:
    """Compiled loops where they know the network, differentiation elsewhere, for windows, and on accelerators."""
    network = one_network(learner, fixed, 0)
    if can_tile(network) and settings.window is None and jax.default_backend() == "cpu":
        return TiledEngine(fixed, network, loss=loss, settings=settings, seeds=seeds, pool=pool)
    return ScanEngine(fixed, network, loss=loss, settings=settings, seeds=seeds)


class ScanEngine:
    """Differentiates through `jax.lax.scan`: any network, any window."""

    def __init__(
        self, fixed: Fixed, network: Any, *, loss: Loss, settings: TrainingSettings, seeds: Sequence[int]
    ) -> None:
        noisy, rates, optimiser = noise_scale(network) > 0, settings.rate_penalty, settings.optimiser()
        self._keys = jnp.stack([jax.random.fold_in(jax.random.key(seed), NOISE) for seed in seeds])
        self._fixed = fixed

        def objective(trained: Any, arrays: Any, batch: Batch, key: Array) -> tuple[Array, Array]:
            network = combine(trained, Fixed(arrays, fixed.static))
            shape = (*batch.mask.shape, network.n_units)
            draws = jax.random.normal(key, shape) if noisy else None
            if settings.window is None:
                value = trial_loss(network, batch, draws, loss=loss, rate_penalty=rates)
            else:
                value = window_loss(network, batch, draws, window=settings.window, loss=loss, rate_penalty=rates)
            return value + settings.weight_penalty * weight_penalty(trained), value

        def learn(learner: Learner, arrays: Any, batch: Batch, key: Array, step: Array) -> tuple[Learner, Metrics]:
            key = jax.random.fold_in(key, step)
            (_, value), gradient = jax.value_and_grad(objective, has_aux=True)(learner.trained, arrays, batch, key)
            *new, metrics = step_once(*learner, gradient, value, optimiser=optimiser)
            return Learner(*new), metrics

        def update(learner: Learner, *given: Any) -> tuple[Learner, Metrics]:
            missing = Metrics(jnp.float32(jnp.nan), jnp.float32(jnp.nan))
            return jax.lax.cond(learner.alive, lambda: learn(learner, *given), lambda: (learner, missing))

        each = learn if len(seeds) == 1 else update  # of several seeds, those that are done cost nothing
        self._update = jax.jit(over_seeds(each, len(seeds), in_turn=True))

    def update(self, learner: Learner, batch: Batch, step: int) -> tuple[Learner, Metrics]:
        """See `Engine`."""
        steps = np.full(len(self._keys), step, dtype=np.uint32)
        return self._update(learner, self._fixed.arrays, batch, self._keys, steps)


class TiledEngine:
    """Runs through time and back by compiled loops; the loss and the rest are differentiated."""

    def __init__(
        self,
        fixed: Fixed,
        network: Any,
        *,
        loss: Loss,
        settings: TrainingSettings,
        seeds: Sequence[int],
        pool: ThreadPoolExecutor | None,
    ) -> None:
        optimiser, self._fixed, self._seeds = settings.optimiser(), fixed, seeds
        self._tiles = Tiles(loops_of(network), pool)

        def plain_of(trained: Any, arrays: Any) -> Weights:
            return plain(combine(trained, Fixed(arrays, fixed.static)))

        def of_outputs(trained: Any, arrays: Any, raw: Array, batch: Batch) -> tuple[Array, tuple[Any, Array]]:
            def objective(trained: Any, raw: Array) -> tuple[Array, Array]:
                network = combine(trained, Fixed(arrays, fixed.static))
                value = error(raw + network.output_bias, batch.targets, batch.mask, loss=loss)
                return value + settings.weight_penalty * weight_penalty(trained), value

            (_, value), found = jax.value_and_grad(objective, argnums=(0, 1), has_aux=True)(trained, raw)
            return value, found

        def finish(learner: Learner, arrays: Any, direct: Any, through: Weights, value: Array) -> tuple:
            back = jax.vjp(lambda trained: plain_of(trained, arrays), learner.trained)[1]
            gradient = jax.tree.map(jnp.add, direct, back(through)[0])
            *new, metrics = step_once(*learner, gradient, value, optimiser=optimiser)
            after = Learner(*new)
            return after, plain_of(after.trained, arrays), metrics

        n_seeds = len(seeds)
        self._plain = jax.jit(over_seeds(plain_of, n_seeds))
        self._of_outputs = jax.jit(over_seeds(of_outputs, n_seeds))
        self._rate_penalty = settings.rate_penalty
        self._finish = jax.jit(over_seeds(finish, n_seeds))
        self._ready: tuple[Learner, Weights] | None = None

    def update(self, learner: Learner, batch: Batch, step: int) -> tuple[Learner, Metrics]:
        """See `Engine`."""
        if self._ready is None or self._ready[0] is not learner:
            self._ready = (learner, self._plain(learner.trained, self._fixed.arrays))
        weights = Weights(*(np.asarray(part) for part in self._ready[1]))
        alive = np.asarray(learner.alive)
        noise = [(seed, NOISE, step) for seed in self._seeds]
        raw = self._tiles.forward(weights, batch.inputs, noise, active=alive)
        value, (direct, arriving) = self._of_outputs(learner.trained, self._fixed.arrays, raw, batch)
        value, pull = self._penalise(np.asarray(value), batch.inside)
        through = self._tiles.backward(weights, batch.inputs, np.asarray(arriving), pull, active=alive)
        learner, plain_weights, metrics = self._finish(learner, self._fixed.arrays, direct, through, value)
        self._ready = (learner, plain_weights)
        return learner, metrics

    def _penalise(self, value: NDArray, inside: NDArray) -> tuple[NDArray, NDArray | None]:
        """The loss with the rate penalty, and what rates are multiplied by in its gradient ``(seed, time, trial)``."""
        if not self._rate_penalty:
            return value, None
        rates = self._tiles.rates
        n_bins = inside.sum(axis=(1, 2), keepdims=True)
        pull = (2 * self._rate_penalty / rates.shape[-1] * inside / n_bins).astype(np.float32)
        return value + 0.5 * np.einsum("sti,stij,stij->s", pull, rates, rates), pull
