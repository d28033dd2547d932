"""Gradients of leaky and Elman networks by compiled loops: the same as by differentiation, several times as fast."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from neurorec.networks import Elman, Leaky, Network, System, plain_weights
from neurorec.training.kernels import LANES, backward, forward

KINDS = ("tanh", "relu", "softplus", "sigmoid", "linear")  # in the order of the kernels' numbers
TILE = 32  # trials at a time, twice as many where a row of weights no longer fits beside them
AT_ONCE = 8  # steps whose products wait for each other


class Weights(NamedTuple):
    """Plain weights of a cell, float32; of several seeds with a leading axis."""

    recurrent: NDArray  # (unit, source unit)
    input: NDArray  # (unit, input)
    bias: NDArray  # (unit,)
    initial: NDArray  # (unit,)


class CellSettings(NamedTuple):
    """What else the compiled loops must know of a cell."""

    leak: float
    kind: int
    currents: bool
    inside: bool
    scale: float


class Trace(NamedTuple):
    """Arrays that are written again at every update, ``(seed, time, trial, unit)``."""

    states: NDArray
    values: NDArray


def can_tile(network: System) -> bool:
    """Whether the compiled loops know this network: a leaky or an Elman cell with a readout of its own, in float32."""
    if not isinstance(network, Network) or network.shortcut is not None:
        return False
    return type(network.cell) in (Leaky, Elman) and network.output.dtype == jnp.float32


def cell_settings(cell: Leaky | Elman, *, noise: bool = True) -> CellSettings:
    """The settings of a cell; an Elman cell is a leaky one that leaks everything."""
    kind = KINDS.index(cell.nonlinearity)
    if isinstance(cell, Elman):
        return CellSettings(1.0, kind, False, True, 0.0)
    currents = cell.form == "current"
    return CellSettings(cell.leak, kind, currents, cell.noise_inside and not currents, cell.noise_scale * noise)


def plain(network: Network) -> Weights:
    """The plain weights of a network's cell, as functions of what is trained."""
    cell = network.cell
    return Weights(plain_weights(cell.recurrent), cell.input, cell.bias, network.initial)  # type: ignore[attr-defined]


class Tiles:
    """Runs the compiled loops over seeds and tiles of trials, by a pool of threads.

    The answer does not depend on how many threads there are.

    Parameters
    ----------
    settings : CellSettings
        Of the cell.
    pool : ThreadPoolExecutor, optional
        Threads; without them all is done by the caller's.
    """

    def __init__(self, settings: CellSettings, pool: ThreadPoolExecutor | None) -> None:
        leak, kind, currents, inside, scale = settings
        self._cell = (np.float32(leak), kind, currents, inside, np.float32(scale))
        self._pool, self._trace = pool, Trace(np.empty(0), np.empty(0))

    def forward(self, weights: Weights, inputs: NDArray, noise: list[tuple[int, ...]]) -> NDArray:
        """States ``(seed, time, trial, unit)``; they hold until the next call.

        ``inputs (seed, time, trial, input)``; ``noise`` says, for each seed, the numbers that its noise is made from.
        """
        n_seeds, n_steps, n_trials = inputs.shape[:3]
        n_units = weights.bias.shape[-1]
        if self._trace.states.shape != (n_seeds, n_steps, n_trials, n_units):
            shape = (n_seeds, n_steps, n_trials, n_units)
            self._trace = Trace(np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32))
        states, values = self._trace
        turned = np.ascontiguousarray(weights.recurrent.swapaxes(1, 2))
        taken = np.ascontiguousarray(weights.input.swapaxes(1, 2))

        def work(seed: int, tile: int, low: int, high: int) -> None:
            start = np.broadcast_to(weights.initial[seed], (n_trials, n_units)).copy()
            bits = _generators(noise[seed], tile)
            of_seed = (turned[seed], taken[seed], weights.bias[seed], inputs[seed], states[seed], values[seed])
            forward(start, *of_seed, self._cell, bits, low, high)

        self._over(n_seeds, n_trials, n_units, work)
        return states

    def backward(self, weights: Weights, inputs: NDArray, arriving: NDArray) -> Weights:
        """Gradients of the weights ``(seed, ...)``, from those of the states of the last `forward`."""
        n_seeds, _, n_trials, n_units = arriving.shape
        states, values = self._trace
        tiles = _tiles(n_trials, n_units)
        found = Weights(
            np.empty((n_seeds, len(tiles), n_units, n_units), dtype=np.float32),
            np.empty((n_seeds, len(tiles), inputs.shape[-1], n_units), dtype=np.float32),
            np.empty((n_seeds, len(tiles), n_units), dtype=np.float32),
            np.empty((n_seeds, n_trials, n_units), dtype=np.float32),
        )

        def work(seed: int, tile: int, low: int, high: int) -> None:
            start = np.broadcast_to(weights.initial[seed], (n_trials, n_units)).copy()
            of_seed = (weights.recurrent[seed], inputs[seed], states[seed], values[seed], arriving[seed])
            written = (
                found.recurrent[seed, tile],
                found.input[seed, tile],
                found.bias[seed, tile],
                found.initial[seed],
            )
            backward(start, *of_seed, self._cell, written, low, high, AT_ONCE)

        self._over(n_seeds, n_trials, n_units, work)
        summed = [part.sum(axis=1) for part in found]
        return Weights(summed[0], summed[1].swapaxes(1, 2), summed[2], summed[3])

    def _over(self, n_seeds: int, n_trials: int, n_units: int, work: Callable[[int, int, int, int], None]) -> None:
        jobs = [(s, k, *ends) for s in range(n_seeds) for k, ends in enumerate(_tiles(n_trials, n_units))]
        if self._pool is None or len(jobs) < 2:
            for job in jobs:
                work(*job)
        else:
            list(self._pool.map(lambda job: work(*job), jobs))


def _tiles(n_trials: int, n_units: int) -> list[tuple[int, int]]:
    """Trials of each tile, first and one past the last."""
    size = TILE if n_units < 192 else 2 * TILE
    n_tiles = max(1, round(n_trials / size))
    edges = [n_trials * k // n_tiles for k in range(n_tiles + 1)]
    return list(pairwise(edges))


def _generators(numbers: tuple[int, ...], tile: int) -> NDArray:
    """States of the generators of a tile ``(4, LANES)``, from the numbers of its seed and step."""
    return np.random.SeedSequence([*numbers, tile]).generate_state(4 * LANES, np.uint32).reshape(4, LANES)
