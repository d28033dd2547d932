"""Where the drive of a network's units comes from: from the network, from its inputs, from private noise."""

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


def expected_activity(
    network: System, trials: xr.Dataset, *, n_repeats: int = 64, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Mean activity over private noise ``(trial, time, unit)``: all that is known of a trial from its inputs.

    Parameters
    ----------
    network : System
        What is run.
    trials : xarray.Dataset
        Of a task.
    n_repeats : int
        Runs that the mean is over.
    rng : numpy.random.Generator
        Draws the private noise.

    Returns
    -------
    ndarray (trial, time, unit)
        Activity after the step that saw the inputs.
    """
    inputs = jnp.asarray(np.swapaxes(check_trials(trials)["inputs"].values, 0, 1))
    total, n = np.zeros((*inputs.shape[:2], network.n_units)), 0
    for draws in _draws(network, inputs, n_repeats, rng):
        total += np.asarray(network.activity(_states(network, inputs, draws)))
        n += 1
    return np.swapaxes(total / n, 0, 1)


def activity_given_others(network: System, trials: xr.Dataset, activity: NDArray) -> NDArray[np.float64]:
    """Expected activity of each unit, given its inputs and all that the *other* units did ``(trial, time, unit)``.

    ``s_i <- (1 - a) s_i + a E[f(sum_(j != i) W_ij r_j + V_i u + b_i + noise)]``: the unit's own noise is averaged over
    (by Gauss-Hermite quadrature), and its own past is its expected one. What this knows beyond `expected_activity` is
    what there is to be explained by the other units.

    Parameters
    ----------
    network : System
        A `Network` of `Leaky` cells in the rate form or of `Elman` cells.
    trials : xarray.Dataset
        Of a task.
    activity : ndarray (trial, time, unit)
        What the units did in these trials, after each step.

    Returns
    -------
    ndarray (trial, time, unit)

    Raises
    ------
    InputError
        For a network of other cells, or activity of another shape.
    """
    cell = _cell(network)
    shape = (*check_trials(trials)["mask"].shape, network.n_units)
    if np.shape(activity) != shape:
        remedy = "simulate the network on these trials"
        raise InputError("activity", expected=f"shape {shape}", found=str(np.shape(activity)), remedy=remedy)
    start = np.broadcast_to(np.asarray(network.initial_state, dtype=float), (shape[0], 1, shape[2]))
    before = np.concatenate([start, np.asarray(activity, dtype=float)[:, :-1]], axis=1)
    weights = np.array(plain_weights(cell.recurrent), dtype=float)
    np.fill_diagonal(own := weights.copy(), 0.0)
    drive = before @ own.T + trials["inputs"].values @ np.asarray(cell.input, dtype=float).T + np.asarray(cell.bias)
    leak, self_weight = getattr(cell, "leak", 1.0), np.diagonal(weights)
    place, weight = np.polynomial.hermite_e.hermegauss(15)
    state, found = start[:, 0], np.empty(shape)
    for t in range(shape[1]):
        points = (drive[:, t] + self_weight * state)[..., None] + noise_scale(network) * place
        mean = np.asarray(apply(cell.nonlinearity, jnp.asarray(points))) @ (weight / weight.sum())
        found[:, t] = state = (1 - leak) * state + leak * mean
    return found


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
