"""From a system to a recording: what a network's units do in the trials of a task."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neurorec.networks.system import System, noise_scale, run
from neurorec.recording import InputError, first_offenders, recording_from_arrays
from neurorec.tasks import check_trials

# names that mean something else in a recording
TAKEN = {"activity", "observed", "time", "segment", "unit", "area", "trial", "trial_id", "inputs", "outputs"}
TAKEN |= {"start", "stop", "inputs_channel", "outputs_channel"}


def simulate(
    network: System,
    trials: xr.Dataset,
    *,
    noise: bool = True,
    peak_rate: float | None = None,
    gap: float = 0.5,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Run a network on a task's trials and record its units, so that it can be asked whatever a brain can be asked.

    Every trial starts from the network's initial state, and is a segment of its own: nothing is carried from one to the
    next, and no filter reaches across. Bin k of a trial holds the activity after the step that saw the inputs of bin k.
    Padding is left out.

    Spikes, on request, are Poisson counts, independent given the activity r:
    ``y_i(t) ~ Poisson(peak_rate dt (r_i(t) - low) / (high - low))``. `high` is the largest activity of any unit in any
    trial; `low` is 0, or the smallest activity where some is negative (a tanh unit at 0 then fires, at
    ``-low / (high - low)`` of the peak rate). One map serves all units: which ones are more active stays as it is.

    Parameters
    ----------
    network : System
        What is run.
    trials : xarray.Dataset
        Of a task, see `neurorec.tasks.check_trials`.
    noise : bool
        Whether units have their private noise, in networks that have some.
    peak_rate : float, optional
        Rate at the largest activity, spikes/s: the recording then holds spike counts. By default, the activity itself.
    gap : float
        Time between trials, s.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    xarray.Dataset
        A recording in bins of `dt`, of kind "rates" (arbitrary units) or "counts"; areas as the network's cell names
        them; signals ``inputs`` and ``outputs`` ``(time, channel)``, their channels by name, and ``(time)`` whatever
        numbers the trials hold over ``(trial, time)`` beside the mask, such as the ``node`` of a grammar; the trial
        table: start and stop, the trials' conditions, and ``<period>_start`` in time of the session (s). A name that
        a recording needs itself gets ``trial_`` before it. ``attrs``: ``task``, ``network`` (the kind of its cell),
        ``dt`` (s), ``noise`` (1 or 0), with spikes ``peak_rate`` (spikes/s), ``rate_low`` and ``rate_high``, the
        activity that is mapped to 0 and to the peak rate. Outputs are made of the very activity that is recorded:
        they are no behaviour to explain it with, and their attribute ``role`` is "output", so that
        `neurorec.design.default_terms` leaves them out.

    Raises
    ------
    InputError
        For trials of other channels than the network's, a peak rate or a gap that is not positive, and activity that is
        not finite.

    Examples
    --------
    >>> from neurorec.networks import Leaky, with_readout
    >>> from neurorec.tasks import NoisyEvidence
    >>> task, rng = NoisyEvidence(), np.random.default_rng(0)
    >>> network = with_readout(Leaky.random(2, 10, dt=task.dt, rng=rng), 1, rng=rng)
    >>> recording = simulate(network, task.sample(4, rng=rng), peak_rate=40.0, rng=rng)
    >>> recording["activity"].attrs["kind"], dict(recording.sizes)["time"], recording.attrs["network"]
    ('counts', 260, 'Leaky')
    """
    _check(network, trials, peak_rate, gap)
    dt = float(trials.attrs["dt"])
    inputs = np.swapaxes(trials["inputs"].values, 0, 1)
    noise = noise and noise_scale(network) > 0
    draws = rng.standard_normal((*inputs.shape[:2], network.n_units), dtype=np.float32) if noise else None
    states = run(network, inputs, draws=draws)
    n_steps = np.rint(trials["duration"].values / dt).astype(int)
    kept = np.arange(len(inputs)) < n_steps[:, None]
    activity, outputs = (_laid(values, kept) for values in (network.activity(states), network.readout(states)))
    _check_finite(activity, np.repeat(np.arange(len(kept)), n_steps))
    table = _table(trials, n_steps * dt, gap)
    cell = getattr(network, "cell", network)
    attrs = {"source": "simulated", "task": str(trials.attrs.get("task", "")), "network": type(cell).__name__}
    attrs |= {"session": f"{attrs['network']} on {attrs['task']}", "dt": dt, "noise": int(noise)}
    if peak_rate is not None:
        activity, low, high = _spikes(activity, peak_rate * dt, rng)
        attrs |= {"peak_rate": float(peak_rate), "rate_low": low, "rate_high": high}
    within = np.concatenate([np.arange(n) for n in n_steps]) * dt
    recording = recording_from_arrays(
        activity,
        bin_width=dt,
        area=getattr(cell, "area", ()) or "",
        time=np.repeat(table["start"].to_numpy(), n_steps) + within,
        segment=np.repeat(np.arange(len(kept)), n_steps),
        trials=table,
        signals={"inputs": trials["inputs"].values[kept], "outputs": outputs, **_notes(trials, kept)},
        kind="rates" if peak_rate is None else "counts",
        units="a.u." if peak_rate is None else "spikes/bin",
        attrs=attrs,
    )
    return _labelled(recording, trials)


def _check(network: System, trials: xr.Dataset, peak_rate: float | None, gap: float) -> None:
    check_trials(trials)
    for name, found in (("input", network.n_inputs), ("output", network.n_outputs)):
        if trials.sizes[name] != found:
            expected, remedy = f"{found} {name} channels, as the network has", "build the network for this task"
            raise InputError("trials", expected=expected, found=str(trials.sizes[name]), remedy=remedy)
    own = getattr(getattr(network, "cell", network), "dt", None)
    if own is not None and not np.isclose(own, trials.attrs["dt"]):
        found, remedy = f"{own:g} s", "build the network with dt=task.dt"
        raise InputError("network's dt", expected=f"the trials', {trials.attrs['dt']:g} s", found=found, remedy=remedy)
    if gap < 0 or (peak_rate is not None and not peak_rate > 0):
        found = f"{gap:g} s and {peak_rate} spikes/s"
        raise InputError("gap and peak_rate", expected="gap >= 0 and peak_rate > 0", found=found, remedy="see simulate")


def _laid(values: jnp.ndarray, kept: NDArray[np.bool_]) -> NDArray:
    """Values ``(time, trial, ...)`` trial after trial, ``(time of all, ...)``, padding left out."""
    return np.swapaxes(np.asarray(values), 0, 1)[kept]


def _notes(trials: xr.Dataset, kept: NDArray[np.bool_]) -> dict[str, NDArray]:
    """What the trials say of each step ``(time of all,)``, where it is numbers."""
    over = {str(name): values.values for name, values in trials.data_vars.items() if values.dims == ("trial", "time")}
    over.pop("mask")
    numbers = {name: values for name, values in over.items() if values.dtype.kind in "biuf"}
    return {f"trial_{name}" if name in TAKEN else name: values[kept] for name, values in numbers.items()}


def _check_finite(activity: NDArray, trial: NDArray[np.int64]) -> None:
    bad = ~np.isfinite(activity).all(axis=1)
    if bad.any():
        found = f"others in trials {first_offenders(np.unique(trial[bad]))}"
        raise InputError(
            "activity", expected="finite values", found=found, remedy="the network diverges: lower its gain"
        )


def _table(trials: xr.Dataset, length: NDArray, gap: float) -> pd.DataFrame:
    """The trials' table in time of the session."""
    start = np.cumsum(length) - length + np.arange(len(length)) * gap
    columns = {str(name): values.values for name, values in trials.data_vars.items() if values.dims == ("trial",)}
    columns.pop("duration")
    moved = {name: start + values if name.endswith("_start") else values for name, values in columns.items()}
    return pd.DataFrame({"start": start, "stop": start + length, **moved})


def _spikes(activity: NDArray, most: float, rng: np.random.Generator) -> tuple[NDArray[np.int32], float, float]:
    """Counts whose expectation is at most `most`, and the activity that is mapped to 0 and to that."""
    low, high = min(0.0, float(activity.min())), float(activity.max())
    share = (activity - low) / (high - low) if high > low else np.zeros_like(activity)
    return rng.poisson(most * np.clip(share, 0, 1)).astype(np.int32), low, high


def _labelled(recording: xr.Dataset, trials: xr.Dataset) -> xr.Dataset:
    """With the channels' names, and seconds where columns are in seconds."""
    for name in ("inputs", "outputs"):
        labels = trials[name.removesuffix("s")].values.astype(str)
        recording = recording.assign_coords({f"{name}_channel": labels})
    recording["outputs"].attrs["role"] = "output"
    for name in recording.data_vars:
        source = trials.get(str(name).removeprefix("trial_") if name not in trials else str(name))
        if source is not None and source.dims == ("trial",) and recording[name].dims == ("trial",):
            recording[name].attrs.update({k: v for k, v in source.attrs.items() if k == "units"})
    return recording
