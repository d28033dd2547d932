"""Where the drive of a network's units comes from: from the network, from its inputs, from noise."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from numpy.typing import NDArray

from neurorec.networks.connectivity import plain_weights
from neurorec.networks.elman import Elman
from neurorec.networks.leaky import Leaky
from neurorec.networks.nonlinearity import apply
from neurorec.networks.system import System, noise_scale, run
from neurorec.recording import InputError
from neurorec.tasks import check_trials


class DriveShares(NamedTuple):
    """Shares of the variance of what drives each unit.

    Attributes
    ----------
    recurrent, input, private : ndarray (unit,)
        Of the whole drive; they add up to 1.
    beyond : ndarray (unit,)
        Share of the recurrent part in what of the drive the inputs do not determine; NaN where they determine all.
    """

    recurrent: NDArray[np.float64]
    input: NDArray[np.float64]
    private: NDArray[np.float64]
    beyond: NDArray[np.float64]


def drive_shares(network: System, trials: xr.Dataset, *, n_repeats: int = 8, rng: np.random.Generator) -> DriveShares:
    """How much of what drives each unit comes from the other units: the recurrence that there truly is.

    The drive is ``x = W r + V u + noise``, in a network of leaky or Elman units; the share of a part p is
    ``cov(p, x) / var(x)`` over all trials and steps, so that shares add up to 1 and one that opposes the rest is
    negative. A unit's weight onto itself is left out of its recurrent part. Beyond the inputs: the same trials are run
    several times with other noise, and the mean over those runs is taken away first.

    Parameters
    ----------
    network : System
        A `Network` of `Leaky` cells in the rate form or of `Elman` cells.
    trials : xarray.Dataset
        Of a task.
    n_repeats : int
        Runs of the same trials.
    rng : numpy.random.Generator
        Draws the private noise.

    Returns
    -------
    DriveShares

    Raises
    ------
    InputError
        For a network of other cells.

    Examples
    --------
    >>> from neurorec.networks import with_readout
    >>> from neurorec.tasks import NoisyEvidence
    >>> task, rng = NoisyEvidence(), np.random.default_rng(0)
    >>> cell = Leaky.random(2, 20, gain=0.0, rng=rng)
    >>> shares = drive_shares(with_readout(cell, 1, rng=rng), task.sample(10, rng=rng), rng=rng)
    >>> float(abs(shares.recurrent).max()), bool(np.allclose(shares.input + shares.private, 1))
    (0.0, True)
    """
    cell = _cell(network)
    check_trials(trials)
    inputs = jnp.asarray(np.swapaxes(trials["inputs"].values, 0, 1))
    inside = _inside(trials)
    weights = np.array(plain_weights(cell.recurrent), dtype=float)
    np.fill_diagonal(weights, 0.0)
    from_inputs = (np.asarray(inputs, dtype=float) @ np.asarray(cell.input, dtype=float).T)[inside]
    parts = []
    for draws in _draws(network, inputs, n_repeats, rng):
        states = _states(network, inputs, draws)
        before = jnp.concatenate([jnp.broadcast_to(network.initial_state, states.shape[1:])[None], states[:-1]])
        noise = np.zeros(states.shape)[inside] if draws is None else noise_scale(network) * draws[inside].astype(float)
        parts.append((np.asarray(network.activity(before), dtype=float)[inside] @ weights.T, noise))
    recurrent, private = (np.stack([part[k] for part in parts]) for k in (0, 1))
    total = recurrent + private + from_inputs
    rest = recurrent - recurrent.mean(axis=0)
    return DriveShares(
        recurrent=_share(recurrent, total),
        input=_share(np.broadcast_to(from_inputs, total.shape), total),
        private=_share(private, total),
        beyond=_share(rest, rest + private - private.mean(axis=0)),
    )


class SpikingRun(NamedTuple):
    """What a network did whose units talk in spikes.

    Attributes
    ----------
    counts : ndarray of int (trial, time, unit)
        Spikes in each step.
    drive : ndarray (trial, time, unit)
        The current x of each unit.
    rate : ndarray (trial, time, unit)
        Spikes/s that were to be expected, given the inputs and all spikes before.
    """

    counts: NDArray[np.int32]
    drive: NDArray[np.float64]
    rate: NDArray[np.float64]


class SpikingShares(NamedTuple):
    """What inputs determine of a network whose units talk in spikes, and what they do not.

    Attributes
    ----------
    recurrent : ndarray (unit,)
        Share of the variance of a unit's drive that comes from the other units and that inputs do not determine; 0
        where nothing moves it.
    expected : ndarray (trial, time, unit)
        Spikes/s that are to be expected, given the inputs alone.
    """

    recurrent: NDArray[np.float64]
    expected: NDArray[np.float64]


def run_spiking(network: System, trials: xr.Dataset, *, peak_rate: float, rng: np.random.Generator) -> SpikingRun:
    """Run a network whose units hear each other's spikes in the place of each other's rates.

    ``x <- (1 - a) x + a (W y / (q dt) + V u + b)``, ``y ~ Poisson(q dt f(x))``, q the peak rate: on average what
    `Leaky` units in the current form do, with no noise but that of the spikes. Given the spikes of all units and the
    inputs nothing else is to be known, so that the rate returned is the best prediction that there is.

    Parameters
    ----------
    network : System
        A `Network` of `Leaky` cells in the current form, whose f is not negative and who have no weight onto
        themselves. Its own noise is left out.
    trials : xarray.Dataset
        Of a task.
    peak_rate : float
        Spikes/s at an activity of 1.
    rng : numpy.random.Generator
        Draws the spikes.

    Returns
    -------
    SpikingRun

    Raises
    ------
    InputError
        For a network of other cells, or a peak rate that is not positive.

    Examples
    --------
    >>> from neurorec.networks import with_readout
    >>> from neurorec.tasks import NoisyEvidence
    >>> task, rng = NoisyEvidence(), np.random.default_rng(0)
    >>> cell = Leaky(np.zeros((5, 5)), np.ones((5, 2)), np.zeros(5), form="current", nonlinearity="sigmoid")
    >>> spikes = run_spiking(with_readout(cell, 1, rng=rng), task.sample(4, rng=rng), peak_rate=40.0, rng=rng)
    >>> spikes.counts.shape, bool(spikes.rate.max() < 40)
    ((4, 65, 5), True)
    """
    cell, weights = _talks_in_spikes(network, peak_rate)
    most, inputs = peak_rate * float(check_trials(trials).attrs["dt"]), trials["inputs"].values
    from_inputs = inputs @ np.asarray(cell.input, dtype=float).T + np.asarray(cell.bias, dtype=float)
    drive, counts = np.empty(from_inputs.shape), np.empty(from_inputs.shape, dtype=np.int32)
    active = np.empty(from_inputs.shape)
    state = np.broadcast_to(np.asarray(network.initial_state, dtype=float), from_inputs[:, 0].shape)
    heard = _active(cell, state)
    for t in range(inputs.shape[1]):
        drive[:, t] = state = (1 - cell.leak) * state + cell.leak * (heard @ weights.T + from_inputs[:, t])
        active[:, t] = _active(cell, state)
        counts[:, t] = rng.poisson(most * active[:, t])
        heard = counts[:, t] / most
    return SpikingRun(counts, drive, peak_rate * active)


def spiking_shares(
    network: System, trials: xr.Dataset, *, peak_rate: float, n_repeats: int = 64, rng: np.random.Generator
) -> SpikingShares:
    """How much of what drives each unit comes from the spikes of the others, beyond what inputs determine.

    The same trials are run many times: inputs are the same and all else differs. With no noise but that of the spikes,
    what of a unit's drive x differs between runs came from the others: ``E[var(x | inputs)] / var(x)``, over the steps
    of trials.

    Parameters
    ----------
    network, trials, peak_rate
        As for `run_spiking`.
    n_repeats : int
        Runs, two or more.
    rng : numpy.random.Generator
        Draws the spikes.

    Returns
    -------
    SpikingShares

    Raises
    ------
    InputError
        As `run_spiking`, and for fewer than two runs.
    """
    if n_repeats < 2:
        raise InputError("n_repeats", expected="2 or more", found=str(n_repeats), remedy="run the trials again")
    inside = _inside(trials).T
    shape = (*inside.shape, network.n_units)
    total, squares, expected = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    around = np.asarray(network.initial_state, dtype=float)  # squares of small numbers keep their digits
    for _ in range(n_repeats):
        spikes = run_spiking(network, trials, peak_rate=peak_rate, rng=rng)
        total += spikes.drive - around
        squares += (spikes.drive - around) ** 2
        expected += spikes.rate
    mean = (total / n_repeats)[inside]
    within = ((squares / n_repeats)[inside] - mean**2).clip(0).mean(axis=0) * n_repeats / (n_repeats - 1)
    whole = (squares / n_repeats)[inside].mean(axis=0) - mean.mean(axis=0) ** 2
    share = np.divide(within, whole, out=np.zeros_like(within), where=whole > 1e-12)
    return SpikingShares(share.clip(0, 1), expected / n_repeats)


def _talks_in_spikes(network: Any, peak_rate: float) -> tuple[Leaky, NDArray[np.float64]]:
    """The cell, and its weights ``(unit, source unit)``."""
    cell = getattr(network, "cell", network)
    if not isinstance(cell, Leaky) or cell.form != "current" or cell.nonlinearity in ("tanh", "linear"):
        expected, found = "Leaky units in the current form, never below 0", type(cell).__name__
        remedy = "see Leaky: form='current', nonlinearity='sigmoid'"
        raise InputError("network", expected=expected, found=found, remedy=remedy)
    if not peak_rate > 0:
        raise InputError("peak_rate", expected="above 0", found=f"{peak_rate:g}", remedy="such as 60 spikes/s")
    weights = np.array(plain_weights(cell.recurrent), dtype=float)
    if np.diagonal(weights).any():
        n = np.count_nonzero(np.diagonal(weights))
        remedy = "set the diagonal of its recurrent weights to 0"
        raise InputError("network", expected="no unit with a weight onto itself", found=f"{n}", remedy=remedy)
    return cell, weights


def _active(cell: Leaky, state: NDArray) -> NDArray[np.float64]:
    return np.asarray(apply(cell.nonlinearity, jnp.asarray(state, dtype=jnp.float32)), dtype=float)


@eqx.filter_jit
def _states(network: Any, inputs: Array, draws: Any) -> Array:
    """States ``(time, trial, state)``, compiled once for all repeats."""
    return run(network, inputs, draws=draws)


def _draws(network: System, inputs: Array, n_repeats: int, rng: np.random.Generator) -> Iterator[NDArray | None]:
    """Standard normal draws ``(time, trial, unit)`` of each repeat; None, once, where there is no noise."""
    if not noise_scale(network) > 0:
        yield None
        return
    for _ in range(n_repeats):
        yield rng.standard_normal((*inputs.shape[:2], network.n_units), dtype=np.float32)


def _cell(network: Any) -> Any:
    cell = getattr(network, "cell", network)
    noisy_outside = noise_scale(network) > 0 and not getattr(cell, "noise_inside", True)
    if not isinstance(cell, Leaky | Elman) or getattr(cell, "form", "rate") != "rate" or noisy_outside:
        expected = "Leaky units in the rate form, noise inside, or Elman units"
        raise InputError("network", expected=expected, found=type(cell).__name__, remedy="others mix what drives them")
    return cell


def _inside(trials: xr.Dataset) -> NDArray[np.bool_]:
    """Whether a step is in its trial ``(time, trial)``."""
    ends = trials["duration"].values - 0.5 * float(trials.attrs["dt"])
    return trials["time"].values[:, None] < ends


def _share(part: NDArray, total: NDArray) -> NDArray[np.float64]:
    """``cov(part, total) / var(total)`` of each unit, over everything before the last axis."""
    part, total = (values.reshape(-1, values.shape[-1]) for values in (part, total))
    part, total = part - part.mean(axis=0), total - total.mean(axis=0)
    variance = (total**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(variance > 0, (part * total).sum(axis=0) / variance, np.nan)
