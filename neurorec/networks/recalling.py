"""Recall: what associative memories make of cues, many at a time, with the energy on the way."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.networks.dense_memory import DenseMemory
from neurorec.networks.hopfield import Hopfield, check_patterns
from neurorec.networks.memory_kernels import EXPONENTIAL, POLYNOMIAL, sweep_dense, sweep_overlaps
from neurorec.recording import InputError, check_array, check_count, check_rng

_EXACT = 2**24  # whole numbers below it are exact in float32
_STILL = 1e-6  # largest change of a graded unit that counts as none


class Recalled(NamedTuple):
    """Where cues ended.

    Attributes
    ----------
    state : ndarray (cue, unit)
        The last states.
    overlap : ndarray (cue, pattern)
        Of the last states with the patterns, over the number of units.
    converged : ndarray of bool (cue,)
        Whether nothing changed any more, or only to and fro.
    period : ndarray of int (cue,)
        1 for a fixed point, 2 for a cycle of two states, 0 where it was not reached.
    n_sweeps : ndarray of int (cue,)
        Sweeps that changed something.
    energy : ndarray (cue, sweep)
        Before the first sweep and after each; NaN when a cue is done.
    """

    state: NDArray
    overlap: NDArray[np.float64]
    converged: NDArray[np.bool_]
    period: NDArray[np.int64]
    n_sweeps: NDArray[np.int64]
    energy: NDArray[np.float64]


Sweep = Callable[[NDArray, NDArray, NDArray], tuple[NDArray, NDArray, NDArray]]


def recall(
    memory: Hopfield | DenseMemory, cues: ArrayLike, *, max_sweeps: int = 200, rng: np.random.Generator
) -> Recalled:
    """Let a memory complete cues.

    Asynchronous memories visit all units in an order drawn anew for each sweep, the same for all cues. Overlaps with
    the patterns are kept up to date, and the weights never multiplied out: a visit costs as many products as there are
    patterns, and several cues share a unit's weights while these are in the cache.

    Parameters
    ----------
    memory : Hopfield or DenseMemory
        What recalls, in the way of its ``update``.
    cues : array-like (cue, unit)
        Where it starts: -1 or 1; any finite number under a softmax.
    max_sweeps : int
        At most so many.
    rng : numpy.random.Generator
        Draws the orders.

    Returns
    -------
    Recalled

    Raises
    ------
    InputError
        Cues of another width or other values; graded units of a `Hopfield` network, which `run` steps.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> patterns = rng.choice([-1, 1], (20, 400))
    >>> cues = np.where(rng.random(patterns.shape) < 0.2, -patterns, patterns)      # a fifth of the units is wrong
    >>> found = recall(Hopfield.stored(patterns), cues, rng=rng)
    >>> bool(np.diagonal(found.overlap).min() > 0.99), bool(np.nanmax(np.diff(found.energy)) <= 0)
    (True, True)
    """
    max_sweeps, rng = check_count("max_sweeps", max_sweeps, least=0), check_rng(rng)
    states = _check_cues(memory, cues)
    inside = _dense(memory) if isinstance(memory, DenseMemory) else _quadratic(memory)
    return _settle(states, *inside, max_sweeps=max_sweeps, rng=rng)


def _check_cues(memory: Hopfield | DenseMemory, cues: ArrayLike) -> NDArray[np.float64]:
    if not isinstance(memory, Hopfield | DenseMemory):
        remedy = "see Hopfield.stored"
        raise InputError("memory", expected="Hopfield or DenseMemory", found=type(memory).__name__, remedy=remedy)
    if isinstance(memory, Hopfield) and np.isfinite(memory.steepness):
        remedy = "use neurorec.networks.run"
        raise InputError("memory", expected="units of two states", found="graded units", remedy=remedy)
    values = check_array("cues", cues, "(cue, unit)")
    if values.ndim != 2 or values.shape[1] != memory.n_units or not np.isfinite(values).all():
        expected = f"finite, (cue, unit) of {memory.n_units} units"
        raise InputError("cues", expected=expected, found=f"shape {values.shape}", remedy="cue the stored units")
    soft = isinstance(memory, DenseMemory) and memory.interaction == "softmax"
    return values if soft else check_patterns(values, name="cues")


class _Inside(NamedTuple):
    """What `_settle` needs: what is kept of states, a sweep of them, and their energy."""

    kept: Callable[[NDArray], NDArray]
    sweep: Sweep
    energy: Callable[[NDArray, NDArray], NDArray]
    overlap: Callable[[NDArray], NDArray]


def _quadratic(memory: Hopfield) -> _Inside:
    n_units, n_patterns = memory.n_units, memory.n_outputs
    whole = memory.dual is memory.patterns or np.array_equal(memory.dual, memory.patterns)
    kind = np.float32 if whole and n_units * n_patterns < _EXACT else np.float64
    patterns, dual = (np.asarray(v, dtype=kind) for v in (memory.patterns, memory.dual))
    # times N, so that fields of the Hebbian rule are whole numbers, and ties are ties
    diagonal = (n_units * np.asarray(memory.diagonal, dtype=float)).astype(kind)
    diagonal = np.rint(diagonal) if whole else diagonal

    def kept(states: NDArray) -> NDArray:
        return states.astype(kind) @ patterns.T

    def energy(states: NDArray, overlaps: NDArray) -> NDArray:
        own = np.sum(diagonal.astype(float))
        other = overlaps if whole else states.astype(kind) @ dual.T
        return -0.5 / n_units * ((overlaps.astype(float) * other).sum(axis=1) - own)

    def together(states: NDArray, overlaps: NDArray, order: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        field = overlaps @ dual - diagonal * states.astype(kind)
        after = np.where(field > 0, 1.0, np.where(field < 0, -1.0, states))
        return after, kept(after), (after != states).sum(axis=1)

    def overlap(states: NDArray) -> NDArray:
        return kept(states).astype(float) / n_units

    if memory.update == "synchronous":
        return _Inside(kept, together, energy, overlap)
    by_unit = np.ascontiguousarray(patterns.T)
    dual_by_unit = by_unit if whole else np.ascontiguousarray(dual.T)

    def by_overlaps(states: NDArray, overlaps: NDArray, order: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        states, overlaps = states.astype(kind), overlaps.copy()
        flips = sweep_overlaps(states, overlaps, by_unit, dual_by_unit, diagonal, order)
        return states, overlaps, flips

    return _Inside(kept, by_overlaps, energy, overlap)


def _dense(memory: DenseMemory) -> _Inside:
    patterns = np.asarray(memory.patterns, dtype=float)
    by_unit = np.ascontiguousarray(patterns.T)
    n_units, degree, beta = memory.n_units, memory.degree, float(memory.steepness)
    soft, polynomial = memory.interaction == "softmax", memory.interaction == "polynomial"
    kind = POLYNOMIAL if polynomial else EXPONENTIAL

    def kept(states: NDArray) -> NDArray:
        return states @ patterns.T

    def energy(states: NDArray, overlaps: NDArray) -> NDArray:
        if polynomial:
            return -n_units / degree * _power(overlaps / n_units, degree).sum(axis=1)
        most = overlaps.max(axis=1)
        inside = most + np.log(np.exp(beta * (overlaps - most[:, None])).sum(axis=1)) / beta
        return (0.5 * (states**2).sum(axis=1) if soft else 0.0) - inside

    def one_by_one(states: NDArray, overlaps: NDArray, order: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        states, overlaps = states.copy(), overlaps.copy()
        flips = sweep_dense(states, overlaps, by_unit, order, kind, degree, beta)
        return states, overlaps, flips

    def together(states: NDArray, overlaps: NDArray, order: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        if soft:
            share = np.exp(beta * (overlaps - overlaps.max(axis=1, keepdims=True)))
            after = share / share.sum(axis=1, keepdims=True) @ patterns
            return after, kept(after), (np.abs(after - states) > _STILL).sum(axis=1)
        after = np.where(_gain(states, overlaps, patterns, memory) > 1e-10, -states, states)
        return after, kept(after), (after != states).sum(axis=1)

    alone = memory.update == "asynchronous" and not soft
    return _Inside(kept, one_by_one if alone else together, energy, lambda states: kept(states) / n_units)


def _gain(states: NDArray, overlaps: NDArray, patterns: NDArray, memory: DenseMemory) -> NDArray:
    """What each unit alone would gain by a flip ``(cue, unit)``, up to a factor above 0."""
    if memory.interaction == "exponential":
        share = np.exp(memory.steepness * (overlaps - overlaps.max(axis=1, keepdims=True)))
        return np.tanh(memory.steepness) - states * (share / share.sum(axis=1, keepdims=True) @ patterns)
    x, step, degree = overlaps / memory.n_units, 2 / memory.n_units, memory.degree
    below, above = _power(x - step, degree), _power(x + step, degree)
    base = (0.5 * (below + above) - _power(x, degree)).sum(axis=1, keepdims=True)
    return memory.n_units / degree * (base + states * (0.5 * (below - above) @ patterns))


def _power(x: NDArray, degree: int) -> NDArray:
    """By multiplying, many times as fast as a power of any number."""
    found = x.copy()
    for _ in range(degree - 1):
        found *= x
    return found


def _settle(
    states: NDArray,
    kept: Callable[[NDArray], NDArray],
    sweep: Sweep,
    energy: Callable[[NDArray, NDArray], NDArray],
    overlap: Callable[[NDArray], NDArray],
    *,
    max_sweeps: int,
    rng: np.random.Generator,
) -> Recalled:
    """Sweep until nothing changes, or only to and fro; cues that are done are left out."""
    n_cues, n_units = states.shape
    last, period = states.copy(), np.zeros(n_cues, dtype=np.int64)
    n_sweeps = np.zeros(n_cues, dtype=np.int64)
    now, before, at = states, np.full_like(states, np.nan), np.arange(n_cues)
    inside = kept(now)
    path = [energy(now, inside)]
    while at.size and len(path) <= max_sweeps:
        after, inside, flips = sweep(now, inside, rng.permutation(n_units))
        cycle = (flips > 0) & (after == before).all(axis=1)
        n_sweeps[at] += flips > 0
        last[at] = after
        period[at[flips == 0]], period[at[cycle]] = 1, 2
        row = np.full(n_cues, np.nan)
        row[at] = energy(after, inside)
        path.append(row)
        going = (flips > 0) & ~cycle
        now, before, inside, at = after[going], now[going], inside[going], at[going]
    return Recalled(last, overlap(last), period > 0, period, n_sweeps, np.stack(path, axis=1))
