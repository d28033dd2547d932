"""Gradients by compiled loops over tiles of trials: the same as by differentiation, several times as fast."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neurorec.training.loops import Loops, Tile, Trace, Weights

TILE = 32  # trials at a time, twice as many where a row of weights no longer fits beside them


class Tiles:
    """Runs the compiled loops over seeds and tiles of trials, by a pool of threads.

    The answer does not depend on how many threads there are.

    Parameters
    ----------
    loops : Loops
        Of the cell.
    pool : ThreadPoolExecutor, optional
        Threads; without them all is done by the caller's.
    """

    def __init__(self, loops: Loops, pool: ThreadPoolExecutor | None) -> None:
        self._loops, self._pool = loops, pool
        self._trace = Trace(np.empty(0), np.empty(0), np.empty(0))

    def forward(
        self, weights: Weights, inputs: NDArray, noise: list[tuple[int, ...]], *, active: NDArray | None = None
    ) -> NDArray:
        """Outputs ``(seed, time, trial, output)`` without their bias; they hold until the next call.

        ``inputs (seed, time, trial, input)``; ``noise`` says, for each seed, the numbers that its noise is made from.
        Seeds that are not ``active (seed,)`` are left out: what stands for them means nothing.
        """
        n_seeds, n_steps, n_trials = inputs.shape[:3]
        n_outputs, n_units = weights.output.shape[-2:]
        if self._trace.outputs.shape != (n_seeds, n_steps, n_trials, n_outputs):
            sizes = (n_units, self._loops.n_values * n_units, n_outputs)
            shapes = [(n_seeds, n_steps, n_trials, size) for size in sizes]
            self._trace = Trace(*(np.zeros(shape, dtype=np.float32) for shape in shapes))
        turned = weights._replace(
            **{name: _turned(getattr(weights, name)) for name in ("recurrent", "input", "output")}
        )

        def work(seed: int, tile: int, low: int, high: int) -> None:
            own, trace = _of_seed(turned, seed), Trace(*(part[seed] for part in self._trace))
            self._loops.forward(own, Tile(_start(own, n_trials), inputs[seed], trace, low, high), (*noise[seed], tile))

        self._over(n_seeds, n_trials, n_units, work, active)
        return self._trace.outputs

    @property
    def states(self) -> NDArray:
        """States ``(seed, time, trial, unit)`` after each step of the last `forward`, as the loops keep them."""
        return self._trace.states

    @property
    def rates(self) -> NDArray:
        """Activity ``(seed, time, trial, unit)`` of the last `forward`."""
        return self._loops.rates(self._trace)

    def backward(
        self,
        weights: Weights,
        inputs: NDArray,
        arriving: NDArray,
        pull: NDArray | None = None,
        *,
        active: NDArray | None = None,
    ) -> Weights:
        """Gradients of the weights ``(seed, ...)``, from those of the outputs of the last `forward`.

        ``pull (seed, time, trial)``: what rates are multiplied by in the gradient of a rate penalty.
        """
        n_seeds, n_steps, n_trials = inputs.shape[:3]
        tiles = _tiles(n_trials, weights.output.shape[-1])
        pull = np.empty((n_seeds, n_steps, 0), dtype=np.float32) if pull is None else pull
        found = Weights(*(np.zeros((n_seeds, len(tiles), *part.shape[1:]), dtype=np.float32) for part in weights))
        found = found._replace(
            input=np.zeros((n_seeds, len(tiles), *weights.input.shape[:0:-1]), dtype=np.float32),
            initial=np.zeros((n_seeds, n_trials, weights.initial.shape[-1]), dtype=np.float32),
        )

        def work(seed: int, tile: int, low: int, high: int) -> None:
            own, trace = _of_seed(weights, seed), Trace(*(part[seed] for part in self._trace))
            written = Weights(*(part[seed, tile] for part in found))._replace(initial=found.initial[seed])
            piece = Tile(_start(own, n_trials), inputs[seed], trace, low, high)
            self._loops.backward(own, piece, arriving[seed], pull[seed], written)

        self._over(n_seeds, n_trials, weights.output.shape[-1], work, active)
        summed = Weights(*(part.sum(axis=1) for part in found))
        return summed._replace(input=summed.input.swapaxes(1, 2))

    def _over(
        self,
        n_seeds: int,
        n_trials: int,
        n_units: int,
        work: Callable[[int, int, int, int], None],
        active: NDArray | None,
    ) -> None:
        seeds = range(n_seeds) if active is None else np.flatnonzero(active).tolist()
        jobs = [(seed, k, *ends) for seed in seeds for k, ends in enumerate(_tiles(n_trials, n_units))]
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


def _turned(weights: NDArray) -> NDArray:
    return np.ascontiguousarray(weights.swapaxes(1, 2))


def _of_seed(weights: Weights, seed: int) -> Weights:
    return Weights(*(part[seed] for part in weights))


def _start(weights: Weights, n_trials: int) -> NDArray:
    """The initial state of every trial ``(trial, state)``."""
    return np.broadcast_to(weights.initial, (n_trials, weights.initial.size)).copy()
