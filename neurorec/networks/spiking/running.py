"""Spikes of a network of leaky integrate-and-fire units, by the compiled loop."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.networks.spiking.constants import step_constants
from neurorec.networks.spiking.kernels import alias_table, relax, run_steps
from neurorec.networks.spiking.lif import LIFNetwork
from neurorec.recording import InputError, are_numbers, check_array, check_count, check_number, check_rng

_FASTEST = 1e9  # spikes/s: a slip of units, and more than memory holds


class InputSpikes(NamedTuple):
    """Spikes of inputs, sorted by step.

    Attributes
    ----------
    first : ndarray of int (step + 1,)
        Where those of a step begin.
    input : ndarray of int (event,)
        Which input.
    count : ndarray (event,)
        How many.
    """

    first: NDArray[np.int64]
    input: NDArray[np.int32]
    count: NDArray[np.float64]


class LIFRun(NamedTuple):
    """What a network did.

    Attributes
    ----------
    step, unit : ndarray of int (spike,)
        Of each spike, in the order of steps.
    n_steps : int
        Steps.
    state : ndarray (state,)
        As `LIFNetwork` has it, at the end: from there the run can go on.
    voltage, excitation, inhibition : ndarray (step, watched)
        Of the units that were watched, mV: v after the step, and what arrived in it, background included, as what it
        would add to v at once.
    """

    step: NDArray[np.int32]
    unit: NDArray[np.int32]
    n_steps: int
    state: NDArray[np.float64]
    voltage: NDArray[np.float32]
    excitation: NDArray[np.float32]
    inhibition: NDArray[np.float32]


def run_lif(
    network: LIFNetwork,
    *,
    duration: float,
    inputs: InputSpikes | None = None,
    state: ArrayLike | None = None,
    watch: Sequence[int] = (),
    rng: np.random.Generator,
) -> LIFRun:
    """Run a network; the same as its `step`, spike by spike, but that the background is Poisson.

    Parameters
    ----------
    network : LIFNetwork
        What is run.
    duration : float
        s.
    inputs : InputSpikes, optional
        Of the network's inputs, in its steps; by default they are silent. See `poisson_inputs`, `spikes_of_inputs`.
    state : array-like (state,), optional
        Where to begin; by default the network's start.
    watch : sequence of int
        Units whose voltage and input are returned.
    rng : numpy.random.Generator
        Draws the background.

    Returns
    -------
    LIFRun

    Raises
    ------
    InputError
        For inputs of another duration, or that are not there; for states of another length or that are not finite; for
        durations below 0, and units to watch that are not there.

    Examples
    --------
    >>> from neurorec.networks import Population
    >>> rng = np.random.default_rng(0)
    >>> network = LIFNetwork.random([Population("E", 10, drive=30.0)], {}, probability=0.0, rng=rng)
    >>> run = run_lif(network, duration=1.0, rng=rng)
    >>> round(run.step.size / 10)     # 1 / (refractory + tau ln((30 - 10) / (30 - 20))), spikes/s
    63
    """
    n_steps = round(check_number("duration", duration, least=0, unit="s") / network.dt)
    rng = check_rng(rng)
    inputs = _checked(network, inputs, n_steps)
    watched = chosen_units("watch", watch, network.n_units)
    parts, plastic = _take_apart(network, state)
    c = step_constants(network.populations, network.tau_synapse, network.dt)
    bounds = np.concatenate([[0], np.cumsum([p.n_units for p in network.populations])])
    keep, other, back = _background(network)
    s = network.synapses
    seen = np.zeros((n_steps, 3, watched.size), dtype=np.float32)
    kind = np.zeros(len(s.first) - 1, dtype=np.int64)
    kind[np.repeat(np.arange(kind.size), np.diff(s.first))[s.weight < 0]] = 1
    found = run_steps(
        bounds, np.stack(c[:5], axis=1), c.kinds, keep, other, back, parts,
        (s.first, s.target, s.weight, s.delay, kind), (s.U, s.D, s.F, *plastic),
        inputs.first, inputs.input, inputs.count, watched, seen,
        rng.integers(1, 2**64 - 1, size=4, dtype=np.uint64), n_steps,
    )  # fmt: skip
    if s.U.size:
        y, r, last = plastic
        relax(s.first, s.D, s.F, y, r, last, n_steps)
    end = _put_together(network, parts, plastic, found, n_steps)
    return LIFRun(found[:, 0], found[:, 1], n_steps, end, seen[:, 0], seen[:, 1], seen[:, 2])


def poisson_inputs(
    rate: ArrayLike, n_inputs: int, *, dt: float, bin_width: float, rng: np.random.Generator
) -> InputSpikes:
    """Poisson spikes of inputs whose rates are given in bins.

    Parameters
    ----------
    rate : array-like (time,) or (time, input)
        Spikes/s of each input; the same for all of them where there is no axis.
    n_inputs : int
        Inputs.
    dt, bin_width : float
        s; a bin is a whole number of steps.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    InputSpikes

    Raises
    ------
    InputError
        For rates below 0 or without end, another number of inputs, bins that are no whole number of steps.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> poisson_inputs(np.full(100, 10.0), 50, dt=1e-3, bin_width=0.01, rng=rng).first.size     # 1000 steps
    1001
    """
    rate, per_bin = check_array("rate", rate, "(time,) or (time, input)"), steps_of_bin(bin_width, dt)
    n_inputs, rng = check_count("n_inputs", n_inputs, least=0), check_rng(rng)
    right = rate.ndim == 1 or (rate.ndim == 2 and rate.shape[1] == n_inputs)
    if not right or not ((rate >= 0) & (rate < _FASTEST)).all():
        found = f"shape {rate.shape}, least {rate.min() if rate.size else 0:g}"
        expected = f"spikes/s of 0 or more, below {_FASTEST:g}, (time,) or (time, {n_inputs})"
        raise InputError("rate", expected=expected, found=found, remedy="give the rate of each input in each bin")
    n_steps = len(rate) * per_bin
    if rate.ndim == 1:
        number = rng.poisson(np.repeat(rate, per_bin) * dt * n_inputs)
        source = rng.integers(max(n_inputs, 1), size=int(number.sum())).astype(np.int32)
        return InputSpikes(_starts(number), source, np.ones(source.size))
    counts = rng.poisson(rate * bin_width)
    place, source = (np.repeat(k, counts.ravel()) for k in np.indices(counts.shape).reshape(2, -1))
    step = place * per_bin + rng.integers(per_bin, size=place.size)
    order = np.argsort(step, kind="stable")
    first = _starts(np.bincount(step, minlength=n_steps))
    return InputSpikes(first, source[order].astype(np.int32), np.ones(source.size))


def spikes_of_inputs(counts: ArrayLike) -> InputSpikes:
    """Spikes from their numbers ``(step, input)``.

    Raises
    ------
    InputError
        Numbers below 0 or that are not finite, or other axes.

    Examples
    --------
    >>> spikes_of_inputs([[0, 1], [2, 0]]).input.tolist()
    [1, 0]
    """
    counts = check_array("counts", counts, "(step, input)")
    if counts.ndim != 2 or not (np.isfinite(counts) & (counts >= 0)).all():
        found = f"shape {counts.shape}{'' if counts.ndim != 2 else ', others among them'}"
        raise InputError("counts", expected="0 or more, (step, input)", found=found, remedy="one row a step")
    step, source = np.nonzero(counts)
    return InputSpikes(_starts(np.bincount(step, minlength=len(counts))), source.astype(np.int32), counts[step, source])


def count_spikes(run: LIFRun, n_units: int, *, per_bin: int) -> NDArray[np.int32]:
    """Spikes of each unit in bins of so many steps ``(bin, unit)``; a last bin that is not full is left out.

    Raises
    ------
    InputError
        Bins of less than a step, or fewer units than have spikes.

    Examples
    --------
    >>> run = LIFRun(np.array([0, 1, 5]), np.array([0, 0, 1]), 6, *(np.zeros(0),) * 4)
    >>> count_spikes(run, 2, per_bin=3).tolist()
    [[2, 0], [0, 1]]
    """
    per_bin, n_units = check_count("per_bin", per_bin), check_count("n_units", n_units, least=0)
    if run.unit.size and run.unit.max() >= n_units:
        found, expected = f"spikes of unit {run.unit.max()}", f"units 0 to {n_units - 1}"
        raise InputError("n_units", expected=expected, found=found, remedy="as many as the network has")
    n_bins = run.n_steps // per_bin
    kept = run.step < n_bins * per_bin
    place = (run.step[kept] // per_bin).astype(np.int64) * n_units + run.unit[kept]
    return np.bincount(place, minlength=n_bins * n_units).reshape(n_bins, n_units).astype(np.int32)


def steps_of_bin(bin_width: float, dt: float) -> int:
    """Steps of dt (s) in a bin (s); refused where they are no whole number."""
    real = are_numbers(bin_width, dt) and dt > 0
    per_bin = round(bin_width / dt) if real else 0
    if per_bin < 1 or not math.isclose(per_bin * dt, bin_width, rel_tol=1e-6):
        found = f"{bin_width} s in steps of {dt} s"
        raise InputError("bin_width", expected="a whole number of steps", found=found, remedy="change either")
    return per_bin


def chosen_units(name: str, units: ArrayLike, n_units: int) -> NDArray[np.int64]:
    """Units by their numbers, which are there."""
    found = np.asarray(units)
    whole = found.size == 0 or (found.dtype.kind in "iu" and found.min() >= 0 and found.max() < n_units)
    if found.ndim != 1 or not whole:
        shown = " ".join(repr(units).split())[:60]
        raise InputError(name, expected=f"a list of 0 to {n_units - 1}", found=shown, remedy="name units by numbers")
    return found.astype(np.int64)


def _starts(number: NDArray) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(number)]).astype(np.int64)


def _checked(network: LIFNetwork, inputs: InputSpikes | None, n_steps: int) -> InputSpikes:
    if inputs is None:
        return InputSpikes(np.zeros(n_steps + 1, dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0))
    if not isinstance(inputs, InputSpikes):
        remedy = "see spikes_of_inputs"
        raise InputError("inputs", expected="InputSpikes", found=type(inputs).__name__, remedy=remedy)
    n, ends = inputs.input.size, inputs.first
    if not n == inputs.count.size == ends[-1] or ends[0] or (np.diff(ends) < 0).any():
        found, expected = f"{n} inputs, {inputs.count.size} counts, {ends[-1]} in all", "as many, sorted by step"
        raise InputError("inputs", expected=expected, found=found, remedy="see spikes_of_inputs")
    if n and (inputs.input.min() < 0 or not np.isfinite(inputs.count).all()):
        found = f"input {inputs.input.min()}, or counts that are not finite"
        raise InputError(
            "inputs", expected="inputs from 0 on, finite counts", found=found, remedy="see spikes_of_inputs"
        )
    if inputs.first.size != n_steps + 1 or (inputs.input.size and inputs.input.max() >= network.n_inputs):
        found = f"{inputs.first.size - 1} steps and {inputs.input.max(initial=-1) + 1} inputs"
        expected = f"{n_steps} steps and at most {network.n_inputs} inputs"
        raise InputError("inputs", expected=expected, found=found, remedy="make them for this network and duration")
    return inputs


def _take_apart(network: LIFNetwork, state: ArrayLike | None) -> tuple[tuple, tuple]:
    """Arrays that the loop changes: voltages, currents, steps left, arrivals; y, r and the last step of sources."""
    n, slots, n_plastic = network.n_units, network.n_slots, network.synapses.U.size
    last = np.zeros(len(network.synapses.first) - 1, dtype=np.int64)
    if state is None:
        parts = (np.array(network.start, dtype=float), np.zeros((2, n)), np.zeros(n, dtype=np.int32))
        return (*parts, np.zeros((slots, 2, n))), (np.zeros(n_plastic), np.ones(n_plastic), last)
    flat = check_array("state", state, "(state,)", remedy="one that a run ended in")
    if flat.shape != (network.n_states,) or not np.isfinite(flat).all():
        found = str(flat.shape) if flat.shape != (network.n_states,) else "nan or inf"
        raise InputError(
            "state", expected=f"finite, ({network.n_states},)", found=found, remedy="one that a run ended in"
        )
    ahead = flat[5 * n : (5 + 2 * slots) * n].reshape(slots, 2, n)
    y, r = flat[(5 + 2 * slots) * n :].reshape(2, -1).copy()
    waiting = np.rint(flat[3 * n : 4 * n]).astype(np.int32)
    # what arrives in the next step, step 1, lies in slot 1
    parts = (flat[:n].copy(), flat[n : 3 * n].reshape(2, n).copy(), waiting, np.roll(ahead, 1, axis=0))
    return parts, (y, r, last)


def _put_together(
    network: LIFNetwork, parts: tuple, plastic: tuple, spikes: NDArray[np.int32], n_steps: int
) -> NDArray[np.float64]:
    v, current, waiting, pending = parts
    active = np.zeros(network.n_units)
    active[spikes[np.searchsorted(spikes[:, 0], n_steps - 1) :, 1]] = 1.0
    ahead = np.roll(pending, -(n_steps + 1), axis=0)
    return np.concatenate([v, current.ravel(), waiting, active, ahead.ravel(), plastic[0], plastic[1]])


def _background(network: LIFNetwork) -> tuple[NDArray, NDArray, NDArray]:
    """Tables of Poisson counts by population, and their weights and kinds; only as long as the largest needs."""
    counts = [p.background_rate * network.dt for p in network.populations]
    n = 2 ** math.ceil(math.log2(max(counts) + 12 * math.sqrt(max(counts)) + 16))
    keep, other = np.ones((len(counts), n)), np.zeros((len(counts), n), dtype=np.int64)
    back = np.zeros((len(counts), 2))
    for k, (mean, p) in enumerate(zip(counts, network.populations, strict=True)):
        if mean > 0 and p.background_weight != 0:
            log = np.array([i * math.log(mean) - mean - math.lgamma(i + 1) for i in range(n)])
            keep[k], other[k] = alias_table(np.exp(log))
            back[k] = p.background_weight, float(p.background_weight < 0)
    return keep, other, back
