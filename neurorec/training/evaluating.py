"""What a network answers, and how well."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from numpy.typing import NDArray

from neurorec.networks import Network, System, noise_scale, run
from neurorec.recording import InputError
from neurorec.tasks import Loss, Task, check_trials
from neurorec.training.batches import LOOK, Batch, batch_of
from neurorec.training.loops import Weights, can_tile, loops_of, plain
from neurorec.training.losses import error, states_loss
from neurorec.training.tiled import Tiles


class Evaluation(NamedTuple):
    """How well a network does trials."""

    score: float  # as the task measures it
    loss: float  # as training does, without penalties
    outputs: NDArray  # (trial, time, output)


def evaluate(network: System, task: Task, trials: xr.Dataset, *, noise: bool = True, seed: int = 0) -> Evaluation:
    """Run a network on trials, and score its outputs.

    Parameters
    ----------
    network : System
        Trained or not.
    task : Task
        Whose trials they are.
    trials : xarray.Dataset
        From ``task.sample``.
    noise : bool
        Whether units have the private noise they were trained with, in networks that have some.
    seed : int
        Of that noise.

    Returns
    -------
    Evaluation
        ``score``, ``loss`` and ``outputs (trial, time, output)``.

    Raises
    ------
    InputError
        If the network has other channels than the trials.

    Examples
    --------
    >>> from neurorec.networks import Leaky, with_readout
    >>> from neurorec.tasks import FlipFlop
    >>> rng = np.random.default_rng(0)
    >>> task, network = FlipFlop(), with_readout(Leaky.random(3, 20, rng=rng), 3, rng=rng)
    >>> 0 <= evaluate(network, task, task.sample(10, rng=rng)).score < 0.5
    True
    """
    check_fit(network, trials)
    batch = batch_of(trials)
    noise = noise and noise_scale(network) > 0
    if can_tile(network) and jax.default_backend() == "cpu":
        outputs = _tiled(network, batch, (seed, LOOK, 1), noise=noise)  # type: ignore[arg-type]
        loss = _error(outputs, batch, trials.attrs["loss"])
    else:
        arrays, static = eqx.partition(network, eqx.is_array)
        key = jax.random.fold_in(jax.random.key(seed), LOOK) if noise else None
        loss, outputs = _answer(arrays, static, batch, key, trials.attrs["loss"])
    outputs = np.asarray(outputs)[: trials.sizes["time"]].swapaxes(0, 1)
    return Evaluation(float(task.score(trials, outputs)), float(loss), outputs)


def check_fit(network: System, trials: xr.Dataset) -> None:
    """Raise `InputError` unless a network has the channels of these trials."""
    check_trials(trials)
    for name, has in (("input", network.n_inputs), ("output", network.n_outputs)):
        if trials.sizes[name] != has:
            expected = f"{trials.sizes[name]} {name} channels, as task {trials.attrs['task']} has"
            remedy = f"build it with n_{name}s={trials.sizes[name]}"
            raise InputError("network", expected=expected, found=str(has), remedy=remedy)


def _tiled(network: Network, batch: Batch, numbers: tuple[int, ...], *, noise: bool) -> NDArray:
    """Outputs ``(time, trial, output)`` by the compiled loops."""
    weights = Weights(*(np.asarray(part)[None] for part in plain(network)))
    tiles = Tiles(loops_of(network, noise=noise), None)
    return tiles.forward(weights, batch.inputs[None], [numbers])[0] + np.asarray(network.output_bias)


@eqx.filter_jit
def _error(outputs: NDArray, batch: Batch, loss: Loss) -> Array:
    return error(outputs, batch.targets, batch.mask, loss=loss)


@eqx.filter_jit
def _answer(arrays: Any, static: Any, batch: Batch, key: Array | None, loss: Loss) -> tuple[Array, Array]:
    network = eqx.combine(arrays, static)
    draws = None if key is None else jax.random.normal(key, (*jnp.shape(batch.mask), network.n_units))
    states = run(network, batch.inputs, draws=draws)
    return states_loss(network, states, batch, loss=loss), network.readout(states)  # type: ignore[arg-type]
