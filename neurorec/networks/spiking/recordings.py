"""Recordings of spiking networks: trials in, spike counts in bins out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.networks.spiking.lif import LIFNetwork
from neurorec.networks.spiking.running import (
    InputSpikes,
    chosen_units,
    count_spikes,
    poisson_inputs,
    run_lif,
    steps_of_bin,
)
from neurorec.recording import InputError, check_array, check_number, recording_from_arrays

# names that mean something else in the recording
TAKEN = {"activity", "observed", "time", "segment", "unit", "area", "trial", "trial_id", "inputs", "start", "stop"}


def simulate_spiking(
    network: LIFNetwork,
    rate: ArrayLike,
    *,
    bin_width: float = 0.01,
    conditions: Mapping[str, ArrayLike] | None = None,
    carry: bool = True,
    warm_up: float = 0.5,
    gap: float = 0.5,
    units: Sequence[int] | None = None,
    known: bool = True,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Run a network trial by trial under inputs of given rates, and count the spikes of its units.

    Parameters
    ----------
    network : LIFNetwork
        What is run.
    rate : array-like (trial, time) or (trial, time, input)
        Spikes/s of each input in bins of `bin_width`, the same for all inputs where there is no axis; inputs are
        Poisson, anew in each trial.
    bin_width : float
        Of rates and counts, s; a whole number of steps.
    conditions : mapping of str to array-like (trial,), optional
        Columns of the trial table.
    carry : bool
        Whether a trial begins where the one before ended, or all of them at the network's initial state.
    warm_up : float
        Time before the first trial, or before each where nothing is carried, at the rates of its first bin, s.
    gap : float
        Time between trials in the recording, s; it is not simulated.
    units : sequence of int, optional
        Those that are recorded; by default all.
    known : bool
        Whether the recording holds the signal ``inputs``: the rate, spikes/s.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    xarray.Dataset
        A recording of counts; areas are the populations, every trial is a segment of its own; ``attrs``: ``network``,
        ``dt`` (s), and ``n_units``, of which these were recorded.

    Raises
    ------
    InputError
        As `poisson_inputs`, for rates without trials, a gap or a warm-up below 0, units that are not there, and
        conditions that are not one a trial or have the name of another column.

    Examples
    --------
    >>> from neurorec.networks import Population
    >>> rng = np.random.default_rng(0)
    >>> network = LIFNetwork.random(
    ...     [Population("E", 20)], {("X", "E"): 2.0}, probability=0.5, inputs={"X": 100}, rng=rng
    ... )
    >>> recording = simulate_spiking(network, np.full((3, 50), 20.0), rng=rng)
    >>> dict(recording.sizes)["time"], recording["activity"].attrs["kind"]
    (150, 'counts')
    """
    rate = check_array("rate", rate, "(trial, time) or (trial, time, input)")
    steps_of_bin(bin_width, network.dt)
    warm_up = check_number("warm_up", warm_up, least=0, unit="s")
    gap = check_number("gap", gap, least=0, unit="s")
    if rate.ndim not in (2, 3) or not rate.size:
        found, remedy = f"shape {rate.shape}", "give a row of rates for each trial"
        raise InputError("rate", expected="(trial, time) or (trial, time, input)", found=found, remedy=remedy)
    chosen = np.arange(network.n_units) if units is None else chosen_units("units", units, network.n_units)
    n_trials, n_bins = rate.shape[:2]
    columns = _columns(conditions, n_trials)
    counts, state = [], None
    before = round(warm_up / bin_width)
    for k, row in enumerate(rate):
        if k == 0 or not carry:
            row = np.concatenate([np.repeat(row[:1], before, axis=0), row])
            state = None
        found, state = _trial(network, row, bin_width, state, rng)
        counts.append(found[-n_bins:, chosen])
    length = n_bins * bin_width
    start = np.arange(n_trials) * (length + gap)
    within = np.arange(n_bins) * bin_width
    table = pd.DataFrame({"start": start, "stop": start + length} | columns)
    recording = recording_from_arrays(
        np.concatenate(counts),
        bin_width=bin_width,
        area=np.asarray(network.area)[chosen].tolist(),
        unit=chosen.tolist(),
        time=(start[:, None] + within).ravel(),
        segment=np.repeat(np.arange(n_trials), n_bins),
        trials=table,
        signals={"inputs": rate.reshape(n_trials * n_bins, -1)} if known else {},
        attrs={"source": "simulated", "network": "LIFNetwork", "dt": network.dt, "n_units": network.n_units},
    )
    if known:
        recording["inputs"].attrs["units"] = "spikes/s"
    return recording


def _columns(conditions: Any, n_trials: int) -> dict[str, NDArray]:
    """Conditions as columns of the trial table, which do not stand in the way of others."""
    columns = {k: np.asarray(v) for k, v in conditions.items()} if isinstance(conditions, Mapping) else {}
    taken = sorted(set(columns) & TAKEN)
    wrong = [k for k, v in columns.items() if v.shape != (n_trials,)]
    if taken or wrong or (conditions is not None and not isinstance(conditions, Mapping)):
        found = ", ".join(taken or wrong) or type(conditions).__name__
        expected = f"columns of {n_trials}, with names of their own"
        raise InputError("conditions", expected=expected, found=found, remedy="one value a trial; rename what is taken")
    return columns


def _trial(
    network: LIFNetwork, rate: NDArray, bin_width: float, state: NDArray | None, rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Counts ``(bin, unit)`` of a stretch, and the state it ends in."""
    spikes: InputSpikes | None = None
    if network.n_inputs:
        spikes = poisson_inputs(rate, network.n_inputs, dt=network.dt, bin_width=bin_width, rng=rng)
    run = run_lif(network, duration=len(rate) * bin_width, inputs=spikes, state=state, rng=rng)
    return count_spikes(run, network.n_units, per_bin=round(bin_width / network.dt)), run.state
