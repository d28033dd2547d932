"""Simulated recordings whose coupling is known, to tell whether an answer is right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neurorec.recording import InputError, recording_from_arrays

_MOST_PER_BIN = 3.0  # expected spikes per bin; a runaway network is held here and said to be one
_REST = 0.3  # s simulated before each trial, so that coupling is under way when it begins
_EXCITABILITY_LASTS = 3.0  # trials


@dataclass(frozen=True)
class SimulatedArea:
    """One area of a simulated recording.

    Parameters
    ----------
    name : str
        As it will stand in the file.
    n_units : int
        How many.
    coupling : float
        Standard deviation of a unit's summed coupling input, in units of log rate; 0: none.
    memory : float
        Time constant of the coupling kernel ``exp(-lag / memory)``, s.
    n_partners : int
        Source units per unit, all of the same area; hidden ones where there are any.
    rate : float
        Median baseline rate, spikes/s.
    stimulus : float
        Standard deviation over units of the response to the stimulus, in units of log rate.
    common_input : float
        Standard deviation of an unrecorded fluctuation that reaches all units of the area, in units of log rate.
    excitability : float
        Standard deviation of an unrecorded change of all units' log rate from trial to trial, which lasts about three
        trials.
    n_hidden : int
        Units that are simulated and not recorded. Where there are any, they alone are sources: recorded units share
        their input and have no effect on each other.
    """

    name: str
    n_units: int
    coupling: float = 0.0
    memory: float = 0.02
    n_partners: int = 6
    rate: float = 8.0
    stimulus: float = 0.4
    common_input: float = 0.0
    excitability: float = 0.0
    n_hidden: int = 0


# Strong and long coupling in one area, weak and short in the other: the order that the demo has to find again.
DEMO_AREAS = (
    SimulatedArea("PPC (simulated)", 20, coupling=0.28, memory=0.08),
    SimulatedArea("AC (simulated)", 20, coupling=0.2, memory=0.03),
)


def simulate_recording(
    areas: Sequence[SimulatedArea] = DEMO_AREAS,
    *,
    n_trials: int = 160,
    duration: float = 1.2,
    bin_width: float = 0.02,
    drift: float = 0.0,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Simulate a recording of several areas with known coupling.

    Spikes are Poisson, ``y_i(t) ~ Poisson(exp(a_i + s_i(t) + r_i run(t) + sum_j J_ij z_j(t)))``, with ``z_j`` the
    partner's past spikes, less their mean, filtered by ``exp(-lag / memory)``; lags start at one bin.

    Parameters
    ----------
    areas : sequence of SimulatedArea
        Coupling is within an area only.
    n_trials : int
        Trials of a two-alternative task: `stimulus` and `choice` are left or right, and agree in four of five trials.
    duration : float
        Of a trial, s; trials are half a second apart and only trials are observed.
    bin_width : float
        Seconds.
    drift : float
        Standard deviation over units of a slow change of log rate through the session.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    xarray.Dataset
        A recording, with the truth beside it: ``true_coupling (unit, source_unit)`` in log rate per filtered spike,
        ``true_memory (unit)`` in s, and the share ``attrs["clipped"]`` of expected counts that had to be held down.
        With hidden units ``true_hidden_coupling (unit, hidden_unit)`` too.

    Examples
    --------
    >>> areas = [SimulatedArea("V1", 4, coupling=0.5), SimulatedArea("PPC", 3)]
    >>> recording = simulate_recording(areas, n_trials=10, rng=np.random.default_rng(1))
    >>> dict(recording.sizes)["unit"], bool(recording["true_coupling"].sel(unit=5).any())
    (7, False)
    """
    if duration < 2 * bin_width or n_trials < 1:
        raise InputError(
            "simulation", expected="trials of two bins or more", found=f"{n_trials} of {duration} s", remedy="make more"
        )
    n_bins, n_rest = round(duration / bin_width), round(_REST / bin_width)
    trials = _trials(n_trials, n_bins * bin_width, rng)
    running = _smooth_noise((n_trials, n_rest + n_bins), 0.3 / bin_width, rng)
    log_rate = _drive(areas, trials, running, n_rest, bin_width, drift, rng)
    coupling, decay = _couple(areas, bin_width, rng)
    counts, clipped = _run(log_rate, coupling, decay, rng)
    recorded = np.concatenate([np.arange(area.n_units + area.n_hidden) < area.n_units for area in areas])
    time = (trials["start"].to_numpy()[:, None] + np.arange(n_bins) * bin_width).ravel()
    recording = recording_from_arrays(
        counts[:, n_rest:, recorded].reshape(n_trials * n_bins, -1),
        bin_width=bin_width,
        area=[area.name for area in areas for _ in range(area.n_units)],
        time=time,
        segment=np.repeat(np.arange(n_trials), n_bins),
        trials=trials,
        signals={"running": running[:, n_rest:].reshape(-1).astype(np.float32)},
        attrs={"source": "simulated", "session": "simulated", "clipped": float(clipped)},
    )
    recording["running"].attrs["units"] = "a.u."
    recording["true_coupling"] = (("unit", "source_unit"), coupling[np.ix_(recorded, recorded)])
    if not recorded.all():
        recording["true_hidden_coupling"] = (("unit", "hidden_unit"), coupling[np.ix_(recorded, ~recorded)])
    recording["true_memory"] = ("unit", np.repeat([a.memory for a in areas], [a.n_units for a in areas]))
    return recording


def _trials(n_trials: int, duration: float, rng: np.random.Generator) -> pd.DataFrame:
    start = 1.0 + np.arange(n_trials) * (duration + 0.5)
    stimulus = rng.permutation(np.arange(n_trials) % 2)
    choice = np.where(rng.random(n_trials) < 0.8, stimulus, 1 - stimulus)
    side = np.array(["left", "right"])
    return pd.DataFrame({"start": start, "stop": start + duration, "stimulus": side[stimulus], "choice": side[choice]})


def _smooth_noise(shape: tuple[int, ...], memory: float, rng: np.random.Generator) -> NDArray:
    """First-order autoregressive noise along axis 1, mean 0 and standard deviation 1; memory in bins."""
    keep = np.exp(-1 / memory)
    shocks = rng.standard_normal(shape)
    shocks[:, 1:] *= np.sqrt(1 - keep**2)
    for t in range(1, shape[1]):
        shocks[:, t] += keep * shocks[:, t - 1]
    return shocks


def _drive(
    areas: Sequence[SimulatedArea],
    trials: pd.DataFrame,
    running: NDArray,
    n_rest: int,
    bin_width: float,
    drift: float,
    rng: np.random.Generator,
) -> NDArray:
    """Log of the expected counts without coupling ``(trial, bin, unit)``."""
    n_trials, n_bins = running.shape
    since = (np.arange(n_bins) - n_rest) * bin_width
    session = np.linspace(0, 1, n_trials)
    parts = []
    for area in areas:
        n = area.n_units + area.n_hidden
        baseline = np.log(area.rate * bin_width) + 0.4 * rng.standard_normal(n)
        onset, width = rng.uniform(0.1, 0.7, n), rng.uniform(0.1, 0.3, n)
        bump = np.where(since[:, None] >= 0, np.exp(-0.5 * ((since[:, None] - onset) / width) ** 2), 0)
        response = area.stimulus * rng.standard_normal((3, n))  # to any stimulus, by side, by choice
        sides = [np.ones(n_trials)] + [np.where(trials[name] == "right", 1.0, -1.0) for name in ("stimulus", "choice")]
        amplitude = np.column_stack(sides) @ response
        common = area.common_input * _smooth_noise((n_trials, n_bins), 0.05 / bin_width, rng)
        if area.excitability:
            common += area.excitability * _smooth_noise((1, n_trials), _EXCITABILITY_LASTS, rng).T
        slow = np.sin(2 * np.pi * (session[:, None] * rng.uniform(0.5, 1.5, n) + rng.uniform(0, 1, n)))
        parts.append(
            baseline
            + amplitude[:, None, :] * bump
            + running[:, :, None] * (0.2 * rng.standard_normal(n))
            + common[:, :, None]
            + (np.sqrt(2) * drift * slow)[:, None, :]
        )
    return np.concatenate(parts, axis=2)


def _couple(areas: Sequence[SimulatedArea], bin_width: float, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Sparse coupling within areas ``(unit, source unit)``, and the kernel's decay per bin ``(unit,)``.

    Hidden units are among both, after the recorded ones of their area.

    The variance of a source's filtered past is about ``rate bin decay^2 / (1 - decay^2)``; weights are scaled so that
    the summed input has the standard deviation that the area asks for. Signs are balanced; strong and long coupling may
    run away all the same, which the share of clipped bins tells.
    """
    n_units = sum(area.n_units + area.n_hidden for area in areas)
    coupling, decay, first = np.zeros((n_units, n_units)), np.zeros(n_units), 0
    for area in areas:
        keep = np.exp(-bin_width / area.memory)
        spread = np.sqrt(area.rate * bin_width * keep**2 / (1 - keep**2))
        n_own = area.n_units + area.n_hidden
        sources = np.arange(area.n_units if area.n_hidden else 0, n_own)
        for unit in range(n_own):
            others = sources[sources != unit]
            n_partners = min(area.n_partners, others.size)
            source = rng.choice(others, n_partners, replace=False)
            sign = rng.permutation(np.where(np.arange(n_partners) % 2, -1.0, 1.0))
            strength = area.coupling / (spread * np.sqrt(max(n_partners, 1)))
            coupling[first + unit, first + source] = strength * sign * rng.uniform(0.6, 1.4, n_partners)
        decay[first : first + n_own] = keep
        first += n_own
    return coupling, decay


def _run(log_rate: NDArray, coupling: NDArray, decay: NDArray, rng: np.random.Generator) -> tuple[NDArray, float]:
    """Spike counts ``(trial, bin, unit)`` of all trials side by side, and the share of bins held down."""
    counts = np.zeros(log_rate.shape, dtype=np.int32)
    trace = np.zeros((log_rate.shape[0], log_rate.shape[2]))
    typical = np.exp(log_rate).mean(axis=(0, 1))
    clipped = 0
    for t in range(log_rate.shape[1]):
        expected = np.exp(np.minimum(log_rate[:, t] + trace @ coupling.T, 10.0))
        clipped += np.count_nonzero(expected > _MOST_PER_BIN)
        counts[:, t] = rng.poisson(np.minimum(expected, _MOST_PER_BIN))
        trace = decay * (trace + counts[:, t] - typical)
    return counts, clipped / log_rate.size
