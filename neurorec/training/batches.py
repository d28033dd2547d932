"""Batches of trials, time first, the same for a seed and a step whatever came before."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.tasks import Task, check_trials

# streams of random numbers of a seed; none is 0, because numbers made from (seed, 0) are those made from the seed alone
HELD_OUT, TRAINED, NOISE, FRESH, LOOK, CONFIRM = range(1, 7)
CHUNK = 10  # updates whose trials are drawn in one go: naming arrays costs as much as making a batch


class Batch(NamedTuple):
    """Trials for one update: float32 arrays, NumPy's or JAX's."""

    inputs: Any  # (time, trial, input)
    targets: Any  # (time, trial, output)
    mask: Any  # (time, trial)
    inside: Any  # (time, trial) 1 in the trial, 0 in padding


def batch_of(trials: xr.Dataset) -> Batch:
    """Trials as a batch, their length rounded up, so that few lengths are ever compiled for.

    Lengths above 32 steps end on a multiple of an eighth of the power of two below; what is added is padding.
    """
    n_steps = trials.sizes["time"]
    more = rounded_length(n_steps) - n_steps
    ends = trials["duration"].values[None, :] - 0.5 * float(trials.attrs["dt"])
    inside = (trials["time"].values[:, None] < ends).astype(np.float32)
    parts = (trials[name].values.swapaxes(0, 1) for name in ("inputs", "targets", "mask"))
    full = bool(inside.all())  # trials of one length are taken as they are
    return Batch(*(np.ascontiguousarray(_padded(part, 0 if full else more)) for part in (*parts, inside)))


def rounded_length(n_steps: int) -> int:
    """The next length that is compiled for.

    Examples
    --------
    >>> [rounded_length(n) for n in (7, 40, 100, 1000)]
    [8, 40, 104, 1024]
    """
    grain = max(4, 2 ** (int(n_steps).bit_length() - 4))
    return -(-n_steps // grain) * grain


def training_batch(task: Task, seed: int, step: int, size: int, *, drawn: dict[int, list[Batch]]) -> Batch:
    """The batch of an update; ``drawn`` keeps the latest chunk of each seed, and is changed."""
    chunk, place = divmod(step, CHUNK)
    if place == 0 or seed not in drawn:
        rng = np.random.default_rng([seed, TRAINED, chunk])
        whole = batch_of(task.sample(CHUNK * size, rng=rng))
        drawn[seed] = [Batch(*(part[:, k * size : (k + 1) * size] for part in whole)) for k in range(CHUNK)]
    return drawn[seed][place]


def held_out_trials(task: Task, n_trials: int, *numbers: int) -> xr.Dataset:
    """Trials that are never trained on, from the stream of random numbers that these `numbers` name."""
    return check_trials(task.sample(n_trials, rng=np.random.default_rng(numbers)))


def stack_batches(batches: list[Batch]) -> Batch:
    """Batches of several seeds ``(seed, time, trial, ...)``, all as long as the longest."""
    n_steps = max(len(batch.mask) for batch in batches)
    return Batch(*(np.stack([_padded(p, n_steps - len(p)) for p in parts]) for parts in zip(*batches, strict=True)))


def _padded(values: NDArray, more: int) -> NDArray:
    return np.pad(values, [(0, more)] + [(0, 0)] * (values.ndim - 1)) if more else values
