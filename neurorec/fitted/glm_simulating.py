"""A fitted GLM on a recording: its one-step predictions, its own spikes, and whether they run away."""

import warnings
from typing import NamedTuple

import jax
import numpy as np
import scipy.linalg
import scipy.sparse.linalg
import xarray as xr
from numpy.typing import NDArray

from neurorec.design import Runs, find_runs, source_activity
from neurorec.fitted.coupled_glm import GLMSystem, input_columns
from neurorec.recording import DataWarning, InputError, first_offenders

_BLOCK = 1024  # bins whose states are held at a time
_DENSE = 800  # states up to which all eigenvalues are computed
_PRECISION: int = 1e-4  # type: ignore[assignment] # of the largest one of more, enough to tell from 1
_SPIKING = ("poisson", "bernoulli")


class Runaway(NamedTuple):
    """Whether a coupled GLM excites itself without end.

    Attributes
    ----------
    spectral_radius : float
        Largest absolute eigenvalue of the coupling linearised at the operating point, each unit's slope being its mean
        over the recording; from 1 on, a deviation grows by itself.
    limit : ndarray (unit,)
        Expected counts per bin beyond which a simulated trial is stopped.
    n_trials : int
        Simulated stretches of bins, one a trial where trials are whole.
    trial : ndarray of int (stopped,)
        Ids of those that were stopped, in order; runs of bins are counted from 0 where there are no trials.
    time : ndarray (stopped,)
        First bin that was left out, s.
    unit : ndarray of int (stopped,)
        Position of the unit furthest beyond its limit.
    """

    spectral_radius: float
    limit: NDArray[np.float64]
    n_trials: int
    trial: NDArray[np.int64]
    time: NDArray[np.float64]
    unit: NDArray[np.int64]

    @property
    def stable(self) -> bool:
        """Whether no trial was stopped."""
        return self.trial.size == 0

    def __str__(self) -> str:
        radius = f"spectral radius {self.spectral_radius:.2f} at the mean rates"
        if self.stable:
            return f"no runaway excitation in {self.n_trials} trials; {radius}"
        units = first_offenders(np.unique(self.unit))
        return (
            f"runaway excitation stopped {self.trial.size} of {self.n_trials} trials (units {units}); {radius}: fit "
            "with stronger penalties or own history, or leave those units out"
        )


class SimulatedSpikes(NamedTuple):
    """Spikes of a fitted GLM.

    Attributes
    ----------
    recording : xarray.Dataset
        As the recorded one, with simulated counts; coordinate ``simulated (time)``.
    runaway : Runaway
    """

    recording: xr.Dataset
    runaway: Runaway


def predict_one_step(system: GLMSystem, recording: xr.Dataset, design: xr.Dataset) -> xr.DataArray:
    """Expected counts of every bin, by one step of the system from the recorded past.

    They are the rates that the GLM itself predicts: the bridge from fit to system.

    Parameters
    ----------
    system : GLMSystem
        Of `glm_system`.
    recording, design : xarray.Dataset
        What it was fitted to, or another recording with the same columns.

    Returns
    -------
    xarray.DataArray (time, unit)
        Per bin, missing in bins that the design leaves out.

    Raises
    ------
    InputError
        For a design of other columns than the system's inputs.
    """
    inputs = inputs_of(system, design)
    activity, runs = source_activity(recording).astype(np.float64), find_runs(recording)
    usable = np.flatnonzero(design["usable"].values)
    out = np.full(activity.shape, np.nan)
    with jax.enable_x64(True):
        for low in range(0, usable.size, _BLOCK):
            bins = usable[low : low + _BLOCK]
            states = past_states(activity, runs, bins, system.n_lags)
            out[bins] = np.asarray(system.readout(system.step(states, inputs[bins])))  # type: ignore[arg-type]
    coords = {name: recording[name].variable for name in ("time", "unit", "area")}
    return xr.DataArray(out, coords, ("time", "unit"), name="rate", attrs={"units": "spikes/bin"})


def linearised_radius(system: GLMSystem, recording: xr.Dataset, design: xr.Dataset) -> float:
    """Spectral radius of the coupling at the operating point of a recording.

    The slope ``f'(eta)`` of each unit is its mean over the recorded bins, by one-step predictions: a unit's mean rate
    under a log link.

    Returns
    -------
    float
        The largest absolute eigenvalue; NaN where the iteration for many states (over 600) did not converge.
    """
    rate = predict_one_step(system, recording, design).values
    rate = rate[np.isfinite(rate).all(axis=1)]
    slope = {"bernoulli": rate * (1 - rate), "gaussian": np.ones_like(rate)}.get(system.family, rate).mean(axis=0)
    return spectral_radius(slope[:, None] * system.coupling.reshape(system.n_units, -1))


def spectral_radius(top: NDArray[np.float64]) -> float:
    """Largest absolute eigenvalue of ``top (unit, lag and unit)`` above a shift of lags."""
    n_units, n_states = top.shape
    if n_states <= _DENSE:
        whole = np.vstack([top, np.eye(n_states)[: n_states - n_units]])
        return float(np.abs(scipy.linalg.eigvals(whole)).max())

    def advance(x: NDArray) -> NDArray:
        x = x.ravel()
        return np.concatenate([top @ x, x[: n_states - n_units]])

    operator = scipy.sparse.linalg.LinearOperator((n_states, n_states), matvec=advance, dtype=np.float64)  # type: ignore[call-arg]
    try:
        found = scipy.sparse.linalg.eigs(operator, k=1, v0=np.ones(n_states), tol=_PRECISION, return_eigenvectors=False)
    except scipy.sparse.linalg.ArpackNoConvergence as unfinished:
        found = unfinished.eigenvalues
    return float(np.abs(found).max()) if len(found) else float("nan")


def simulate_glm(
    system: GLMSystem, recording: xr.Dataset, design: xr.Dataset, *, most: float = 3.0, rng: np.random.Generator
) -> SimulatedSpikes:
    """Let a fitted GLM spike through the trials of a recording, fed by its own spikes.

    Every bin that the design uses is drawn, ``s_i(t) ~ Poisson(mu_i(t))`` or Bernoulli, each unit by itself given the
    past of all. Bins that the design leaves out, such as the first of a trial, stay as they were recorded: they are the
    past that simulation starts from. A trial in which a rate exceeds its limit is stopped there.

    Parameters
    ----------
    system : GLMSystem
        Of family "poisson" or "bernoulli".
    recording, design : xarray.Dataset
        The trials, their behaviour and first bins.
    most : float
        The limit on a unit's expected count per bin, as a multiple of the largest count it was recorded with (1 at
        least).
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    SimulatedSpikes
        The recording, without the bins of stopped trials from there on; and a report.

    Raises
    ------
    InputError
        For another family, or a design of other columns.

    Warns
    -----
    DataWarning
        Where trials were stopped: how many, and what to do.

    Examples
    --------
    >>> from neurorec.datasets import SimulatedArea, simulate_recording
    >>> from neurorec.design import Coupling, Drift, design_matrix, raised_cosine
    >>> recording = simulate_recording([SimulatedArea("V1", 4)], n_trials=8, rng=np.random.default_rng(0))
    >>> design = design_matrix(recording, [Drift(2), Coupling(raised_cosine(2, window=(0.02, 0.06)))])
    >>> quiet = GLMSystem(np.zeros((4, 3, 4)), np.zeros((4, 2)), np.full(4, -2.0), dt=0.02)
    >>> spikes, report = simulate_glm(quiet, recording, design, rng=np.random.default_rng(1))
    >>> report.stable, spikes.sizes == recording.sizes, int((~spikes["simulated"]).sum())      # 3 bins of 8 trials
    (True, True, 24)
    """
    if system.family not in _SPIKING or not most > 0:
        expected, found = f"one of {', '.join(_SPIKING)}, and most > 0", f"{system.family!r} and {most:g}"
        raise InputError("family and most", expected=expected, found=found, remedy="fit counts, or binary activity")
    activity, runs = source_activity(recording).astype(np.float64), find_runs(recording)
    usable, drive = design["usable"].values, system.drive(inputs_of(system, design)) + system.bias
    limit = most * np.maximum(activity.max(axis=0), 1.0)
    if system.family == "bernoulli":
        limit = np.full(system.n_units, np.inf)  # probabilities have a ceiling of their own
    counts, kept, stops = _spike(system, activity, drive, usable, runs, limit, rng)
    simulated = _with_counts(recording, counts, kept, usable)
    simulated_runs = np.unique(runs.label[usable])
    radius = linearised_radius(system, recording, design)
    at = np.array([t for _, t, _ in sorted(stops)], dtype=int)
    trial = recording["trial_id"].values if "trial_id" in recording.coords else runs.label
    units = np.array([unit for _, _, unit in sorted(stops)], dtype=int)
    report = Runaway(radius, limit, simulated_runs.size, trial[at], recording["time"].values[at], units)
    if not report.stable:
        warnings.warn(str(report), DataWarning, stacklevel=2)
    return SimulatedSpikes(simulated.assign_attrs(n_stopped=report.trial.size), report)


def past_states(activity: NDArray, runs: Runs, bins: NDArray, n_lags: int) -> NDArray[np.float64]:
    """States ``(bin, state)`` before bins: the last counts, newest first, 0 beyond the edge of the run."""
    lag = np.arange(1, n_lags + 1)
    known = runs.before[bins][:, None] >= lag
    past = activity[np.maximum(bins[:, None] - lag, 0)]
    return np.where(known[:, :, None], past, 0.0).reshape(len(bins), -1)


def inputs_of(system: GLMSystem, design: xr.Dataset) -> NDArray[np.float64]:
    """The design's columns that are the system's inputs ``(time, input)``."""
    columns = input_columns(design)
    names = tuple(str(name) for name in design["feature"].values[columns])
    values = design["matrix"].values[:, columns].astype(np.float64)
    if names != system.input_names and len(names) != system.n_inputs:
        expected, found = f"{system.n_inputs} columns that do not come from units", str(len(names))
        raise InputError("design", expected=expected, found=found, remedy="pass the design the GLM was fitted to")
    return values


def _spike(
    system: GLMSystem,
    activity: NDArray,
    drive: NDArray,
    usable: NDArray,
    runs: Runs,
    limit: NDArray,
    rng: np.random.Generator,
) -> tuple[NDArray, NDArray, list[tuple[int, int, int]]]:
    """Counts ``(time, unit)``, bins that are kept, and where runs were stopped: (run, bin, unit). All runs at once."""
    counts, kept, stops = activity.copy(), np.ones(len(activity), dtype=bool), []
    weights = system.coupling.reshape(system.n_units, -1).T
    first = np.flatnonzero(runs.before == 0)
    length = runs.after[first] + 1
    going = np.ones(first.size, dtype=bool)
    for step in range(int(length.max())):
        bins = first[going & (length > step)] + step
        bins = bins[usable[bins]]
        if not bins.size:
            continue
        eta = drive[bins] + past_states(counts, runs, bins, system.n_lags) @ weights
        mean = np.exp(np.minimum(eta, 50.0)) if system.family == "poisson" else 1 / (1 + np.exp(-eta))
        beyond = (mean > limit).any(axis=1)
        for t, excess in zip(bins[beyond], mean[beyond] / limit, strict=True):
            run = int(runs.label[t])
            kept[t : t + runs.after[t] + 1], going[run] = False, False
            stops.append((run, int(t), int(excess.argmax())))
        bins, mean = bins[~beyond], mean[~beyond]
        drawn = rng.poisson(mean) if system.family == "poisson" else rng.random(mean.shape) < mean
        counts[bins] = drawn
    return counts, kept, stops


def _with_counts(recording: xr.Dataset, counts: NDArray, kept: NDArray, usable: NDArray) -> xr.Dataset:
    activity = recording["activity"]
    whole = recording.assign(activity=(activity.dims, counts.astype(activity.dtype), activity.attrs))
    whole = whole.drop_vars("observed", errors="ignore").assign_coords(simulated=("time", usable)).isel(time=kept)
    # a stopped trial leaves a gap, and no filter may reach over it
    width = float(activity.attrs["bin_width"])
    gap = np.abs(np.diff(whole["time"].values) - width) > 1e-3 * width
    edge = gap | (np.diff(whole["segment"].values) != 0)
    segment = np.concatenate([[0], np.cumsum(edge)])[: kept.sum()]
    return whole.assign_coords(segment=("time", segment)).assign_attrs(source="simulated by a fitted GLM")
