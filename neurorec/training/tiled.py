"""Gradients of leaky and Elman networks by compiled loops: the same as by differentiation, several times as fast."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from neurorec.networks import Elman, Leaky, Network, System, plain_weights
from neurorec.training.kernels import LANES, backward, forward

KINDS = ("tanh", "relu", "softplus", "sigmoid", "linear")  # in the order of the kernels' numbers
TILE = 32  # trials at a time, twice as many where a row of weights no longer fits beside them
AT_ONCE = 8  # steps whose products wait for each other


class Weights(NamedTuple):
    """Plain weights of a network, float32, NumPy's or JAX's; of several seeds with a leading axis."""

    recurrent: Any  # (unit, source unit)
    input: Any  # (unit, input)
    bias: Any  # (unit,)
    output: Any  # (output, unit)
    initial: Any  # (unit,)


class CellSettings(NamedTuple):
    """What else the compiled loops must know of a cell."""

    leak: float
    kind: int
    currents: bool
    inside: bool
    scale: float


class Trace(NamedTuple):
    """Arrays that are written again at every update."""

    states: NDArray  # (seed, time, trial, unit)
    values: NDArray  # (seed, time, trial, unit), what f gave
    outputs: NDArray  # (seed, time, trial, output), without their bias


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
    """The plain weights of a network, as functions of what is trained."""
    cell: Leaky | Elman = network.cell  # type: ignore[assignment]
    return Weights(plain_weights(cell.recurrent), cell.input, cell.bias, network.output, network.initial)


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
        self._pool, self._trace = pool, Trace(np.empty(0), np.empty(0), np.empty(0))

    def forward(self, weights: Weights, inputs: NDArray, noise: list[tuple[int, ...]]) -> NDArray:
        """Outputs ``(seed, time, trial, output)`` without their bias; they hold until the next call.

        ``inputs (seed, time, trial, input)``; ``noise`` says, for each seed, the numbers that its noise is made from.
        """
        n_seeds, n_steps, n_trials = inputs.shape[:3]
        n_outputs, n_units = weights.output.shape[-2:]
        if self._trace.outputs.shape != (n_seeds, n_steps, n_trials, n_outputs):
            shapes = [(n_seeds, n_steps, n_trials, n) for n in (n_units, n_units, n_outputs)]
            self._trace = Trace(*(np.empty(shape, dtype=np.float32) for shape in shapes))
        turned = [np.ascontiguousarray(w.swapaxes(1, 2)) for w in (weights.recurrent, weights.input, weights.output)]

        def work(seed: int, tile: int, low: int, high: int) -> None:
            start = np.broadcast_to(weights.initial[seed], (n_trials, n_units)).copy()
            recurrent, taken, read = turned[0][seed], turned[1][seed], turned[2][seed]
            states, values, outputs = (part[seed] for part in self._trace)
            bias, given, bits = weights.bias[seed], inputs[seed], _generators(noise[seed], tile)
            forward(start, recurrent, taken, bias, read, given, states, values, outputs, self._cell, bits, low, high)

        self._over(n_seeds, n_trials, n_units, work)
        return self._trace.outputs

    @property
    def states(self) -> NDArray:
        """States ``(seed, time, trial, unit)`` after each step of the last `forward`."""
        return self._trace.states

    @property
    def rates(self) -> NDArray:
        """Rates ``(seed, time, trial, unit)`` of the last `forward`."""
        return self._trace.values if self._cell[2] else self._trace.states

    def backward(self, weights: Weights, inputs: NDArray, arriving: NDArray, pull: NDArray | None = None) -> Weights:
        """Gradients of the weights ``(seed, ...)``, from those of the outputs of the last `forward`.

        ``pull (seed, time, trial)``: what rates are multiplied by in the gradient of a rate penalty.
        """
        n_seeds, n_steps, n_trials = inputs.shape[:3]
        n_outputs, n_units = weights.output.shape[-2:]
        tiles = _tiles(n_trials, n_units)
        pull = np.empty((n_seeds, n_steps, 0), dtype=np.float32) if pull is None else pull
        sizes = ((n_units, n_units), (inputs.shape[-1], n_units), (n_units,), (n_outputs, n_units))
        parts = [np.empty((n_seeds, len(tiles), *size), dtype=np.float32) for size in sizes]
        initial = np.empty((n_seeds, n_trials, n_units), dtype=np.float32)

        def work(seed: int, tile: int, low: int, high: int) -> None:
            start = np.broadcast_to(weights.initial[seed], (n_trials, n_units)).copy()
            recurrent, read, given, asked = weights.recurrent[seed], weights.output[seed], inputs[seed], arriving[seed]
            states, values = self._trace.states[seed], self._trace.values[seed]
            written = (
                parts[0][seed, tile],
                parts[1][seed, tile],
                parts[2][seed, tile],
                parts[3][seed, tile],
                initial[seed],
            )
            back = (asked, pull[seed], self._cell, written, low, high, AT_ONCE)
            backward(start, recurrent, read, given, states, values, *back)

        self._over(n_seeds, n_trials, n_units, work)
        recurrent, taken, bias, read = (part.sum(axis=1) for part in parts)
        return Weights(recurrent, taken.swapaxes(1, 2), bias, read, initial.sum(axis=1))

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
