"""Runs of a network that follows, compiled: free, under an error that comes back, and learning."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.networks.spiking.follow import FollowNetwork
from neurorec.networks.spiking.follow_kernels import follow_steps
from neurorec.networks.spiking.running import chosen_units, steps_of_bin
from neurorec.recording import InputError, are_numbers, check_array, check_number, recording_from_arrays


class FollowRun(NamedTuple):
    """What a run left.

    Attributes
    ----------
    outputs : ndarray (time, output)
        y after each step.
    errors : ndarray (time, output)
        The filtered reference less y; no rows without a reference.
    counts : ndarray of int (bin, unit)
        Spikes; no rows where none were asked for.
    network : FollowNetwork
        With the weights at the end.
    state : ndarray (state,)
        Where to go on.
    slow_error : ndarray (output,)
        The error as learning sees it, where to go on.
    """

    outputs: NDArray[np.float64]
    errors: NDArray[np.float64]
    counts: NDArray[np.int64]
    network: FollowNetwork
    state: NDArray[np.float64]
    slow_error: NDArray[np.float64]


def run_follow(
    network: FollowNetwork,
    command: ArrayLike,
    *,
    reference: ArrayLike | None = None,
    state: ArrayLike | None = None,
    learning_rate: float = 0.0,
    tau_error: float = 0.2,
    slow_error: ArrayLike | None = None,
    bin_width: float | None = None,
) -> FollowRun:
    r"""Run a network through commands, and let its weights learn where they are asked to.

    The rule of Gilra & Gerstner 2017, doi:10.7554/eLife.28295, over all pairs of units, local to synapse and target:

    .. math:: \frac{dw_{ij}}{dt} = \frac{\eta}{N}\, (I_i * \kappa^\epsilon)(t)\, (S_j * \kappa)(t), \qquad
        I_i = k \sum_a e_{ia} \epsilon_a,

    with :math:`\kappa^\epsilon` of `tau_error`, and the same for the weights from input units. It is carried out as
    :math:`dM/dt = \eta k / N\, (\epsilon * \kappa^\epsilon)\, (S * \kappa)^T`: one row per output in the place of one
    per unit, the same numbers.

    Parameters
    ----------
    network : FollowNetwork
        What is run; the error comes back where its `feedback` says so and there is a reference.
    command : array-like (time, command)
        Of each step.
    reference : array-like (time, output), optional
        x of each step.
    state : array-like (state,), optional
        Where to begin; by default at rest.
    learning_rate : float
        :math:`\eta`; N is the number of units that the weights come from.
    tau_error : float
        s.
    slow_error : array-like (output,), optional
        The error as learning sees it, to go on with; by default 0.
    bin_width : float, optional
        s, a whole number of steps: count spikes; a last bin that is not full is there, too.

    Returns
    -------
    FollowRun

    Raises
    ------
    InputError
        Sizes that do not fit, numbers that are not finite, learning without a reference, bins that are no whole number
        of steps.

    Examples
    --------
    >>> network = FollowNetwork.random(200, 50, radius=1.0, command_radius=0.2, rng=np.random.default_rng(0))
    >>> still = np.zeros((1000, 2))
    >>> held = run_follow(replace(network, feedback=True), still, reference=still + [0.5, 0.0])
    >>> bool(abs(held.outputs[500:, 0].mean() - 0.45) < 0.05)     # gain 10: a tenth is missing
    True
    """
    command, wanted = _checked(network, command, reference)
    real = are_numbers(learning_rate, tau_error)
    if not real or learning_rate < 0 or not tau_error > 0 or (learning_rate > 0 and reference is None):
        found = f"learning_rate {learning_rate}, tau_error {tau_error} s, reference {reference is not None}"
        expected, remedy = "learning_rate >= 0, tau_error > 0, and a reference to learn from", "see run_follow"
        raise InputError("learning_rate, tau_error and reference", expected=expected, found=found, remedy=remedy)
    per_bin = 0 if bin_width is None else steps_of_bin(bin_width, network.dt)
    n, m, size = network.n_units, len(network.input_bias), network.n_outputs
    begin = np.zeros(network.n_states) if state is None else check_array("state", state, "(state,)").copy()
    slow = np.zeros(size) if slow_error is None else check_array("slow_error", slow_error, "(output,)").copy()
    finite = np.isfinite(begin).all() and np.isfinite(slow).all()
    if begin.shape != (network.n_states,) or slow.shape != (size,) or not finite:
        found, expected = f"{begin.shape} and {slow.shape}", f"finite, ({network.n_states},) and ({size},)"
        raise InputError("state and slow_error", expected=expected, found=found, remedy="those that a run ended in")
    parts = np.split(begin, np.cumsum([n, n, n, m, m, m, size]))
    layers, signals = tuple(p.copy() for p in parts[:6]), (parts[6].copy(), parts[7].copy(), slow)
    weight, input_weight = (np.array(w, dtype=float) for w in (network.weight, network.input_weight))
    arrays = (
        *(np.ascontiguousarray(a, dtype=float) for a in (network.encoder, network.bias, network.decoder)), weight,
        *(np.ascontiguousarray(a, dtype=float) for a in (network.base, network.input_encoder, network.input_bias)),
        input_weight,
    )  # fmt: skip
    constants = (
        network.dt, network.tau_membrane, network.refractory, network.keep, float(np.exp(-network.dt / tau_error))
    )  # fmt: skip
    step = learning_rate * network.gain * network.dt
    gain = network.gain if network.feedback else 0.0
    n_bins = math.ceil(len(command) / per_bin) if per_bin else 0
    seen = (np.empty((len(command), size)), np.empty(wanted.shape), np.zeros((n_bins, n)), max(per_bin, 1))
    follow_steps(arrays, layers, signals, command, wanted, constants, (gain, step / n, step / m), seen)
    after = replace(network, weight=weight, input_weight=input_weight) if learning_rate else network
    end = np.concatenate([*layers, *signals[:2]])
    return FollowRun(seen[0], seen[1], seen[2].astype(np.int64), after, end, slow)


def simulate_follow(
    network: FollowNetwork,
    command: ArrayLike,
    *,
    bin_width: float = 0.01,
    units: ArrayLike | None = None,
    known: bool = True,
    gap: float = 0.5,
) -> xr.Dataset:
    """Run a network trial by trial under commands, without feedback, and count the spikes of its units.

    Parameters
    ----------
    network : FollowNetwork
        What is run, each trial from rest.
    command : array-like (trial, time, command)
        Of each step.
    bin_width : float
        s, a whole number of steps.
    units : array-like of int, optional
        Those that are recorded; by default all.
    known : bool
        Whether the recording holds the signal ``inputs``: the command, mean of each bin.
    gap : float
        Time between trials in the recording, s; it is not simulated.

    Returns
    -------
    xarray.Dataset
        A recording of counts in which every trial is a segment of its own; signal ``outputs``, the readout at the end
        of each bin, of the role "output".

    Raises
    ------
    InputError
        As `run_follow`, and for trials that are no whole number of bins.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> network = FollowNetwork.random(50, 50, radius=1.0, command_radius=0.2, rng=rng)
    >>> recording = simulate_follow(network, rng.uniform(-0.1, 0.1, (3, 200, 2)))
    >>> dict(recording.sizes)["time"], recording["activity"].attrs["kind"]
    (60, 'counts')
    """
    command = check_array("command", command, "(trial, time, command)")
    per_bin, gap = steps_of_bin(bin_width, network.dt), check_number("gap", gap, least=0, unit="s")
    if command.ndim != 3 or not command.size or command.shape[1] % per_bin:
        found, expected = f"shape {command.shape}", f"(trial, time, command), time a multiple of {per_bin} steps"
        raise InputError("command", expected=expected, found=found, remedy="cut trials at whole bins")
    chosen = np.arange(network.n_units) if units is None else chosen_units("units", units, network.n_units)
    free = replace(network, feedback=False)
    runs = [run_follow(free, row, bin_width=bin_width) for row in command]
    n_trials, n_bins = len(command), command.shape[1] // per_bin
    start = np.arange(n_trials) * (n_bins * bin_width + gap)
    inputs = command.reshape(n_trials * n_bins, per_bin, -1).mean(axis=1)
    signals = {"outputs": np.concatenate([r.outputs[per_bin - 1 :: per_bin] for r in runs])}
    recording = recording_from_arrays(
        np.concatenate([r.counts[:, chosen] for r in runs]),
        bin_width=bin_width,
        area="",
        unit=chosen.tolist(),
        time=(start[:, None] + np.arange(n_bins) * bin_width).ravel(),
        segment=np.repeat(np.arange(n_trials), n_bins),
        trials=pd.DataFrame({"start": start, "stop": start + n_bins * bin_width}),
        signals=signals | ({"inputs": inputs} if known else {}),
        attrs={"source": "simulated", "network": "FollowNetwork", "dt": network.dt, "n_units": network.n_units},
    )
    recording["outputs"].attrs["role"] = "output"
    return recording


def _checked(
    network: FollowNetwork, command: ArrayLike, reference: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not isinstance(network, FollowNetwork):
        raise InputError("network", expected="FollowNetwork", found=type(network).__name__, remedy="see its random")
    command = np.ascontiguousarray(check_array("command", command, "(time, command)"))
    wanted = np.empty((0, network.n_outputs))
    if reference is not None:
        wanted = np.ascontiguousarray(check_array("reference", reference, "(time, output)"))
    shapes = [(len(command), len(network.input_encoder)), (len(command) if reference is not None else 0,)]
    right = [*shapes[:1], (*shapes[1], network.n_outputs)]
    if [command.shape, wanted.shape] != right or not (np.isfinite(command).all() and np.isfinite(wanted).all()):
        found = f"shapes {command.shape} and {wanted.shape}, or not finite"
        expected = f"finite, (time, {right[0][1]}) and (time, {network.n_outputs})"
        raise InputError("command and reference", expected=expected, found=found, remedy="give each step a row")
    return command, wanted
