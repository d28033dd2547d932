"""Simulated sessions of the task of Runyan et al. 2017, from networks whose coupling is known."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.datasets.runyan_task import LOCATIONS, MAZE, MazeSession, simulate_session, sound_times
from neurorec.datasets.runyan_truth import HIGHEST, drive_of, sound_strength
from neurorec.recording import InputError, recording_from_arrays

FRAME_RATE = 29.99  # Hz
_UNITS = {"position": "m", "velocity_x": "m/s", "velocity_y": "m/s", "view_angle": "degrees"}


@dataclass(frozen=True)
class RunyanArea:
    """A simulated area: the truth that an analysis has to find again. All strengths are in log odds.

    Parameters
    ----------
    coupling : float
        Standard deviation of a unit's summed coupling input, were its partners independent; 0: none.
    memory : float
        Time constant of the coupling kernel ``exp(-lag / memory)``, s.
    stimulus : float
        Standard deviation over units of the gain of the response to a sound; gains are positive.
    choice : float
        Standard deviation over units of the difference that the upcoming turn makes, either way from the middle.
    running : float
        Standard deviation over units of the effect of running speed, per standard deviation of speed.
    n_partners : int
        Source units per unit; half of them excite.
    event_share : float
        Median share of frames with an event at baseline.
    """

    coupling: float
    memory: float
    stimulus: float
    choice: float
    running: float = 0.2
    n_partners: int = 8
    event_share: float = 0.06


# Round numbers in the order that the paper reports: coupling weak and short in auditory cortex, strong and long in
# parietal cortex; more about the stimulus in the one, more about the choice in the other. Chosen before any fit; only
# PPC's coupling, first 0.5 over 0.5 s, was weakened, because the network ran away (log odds held in 3% of frames).
RUNYAN_AREAS = {
    "AC": RunyanArea(coupling=0.2, memory=0.1, stimulus=1.5, choice=0.4),
    "PPC": RunyanArea(coupling=0.4, memory=0.4, stimulus=0.5, choice=1.0),
}


def simulate_runyan2017(
    area: str = "PPC",
    context: str = "active",
    *,
    n_units: int = 50,
    n_trials: int = 160,
    truth: RunyanArea | None = None,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Simulate a session of a sound-localisation maze, recorded by imaging, from a network of known coupling.

    An event occurs in frame t with log odds
    ``b_i + g_i T_i(location) h(t) + c_i side F_i(position) + r_i speed + sum_j J_ij z_j(t)``: a preferred location
    (Gaussian, 40 degrees wide) and a response that decays in 0.3 s after each sound, by 0.7 at the second and 0.5 from
    the third repeat on; a difference between turns in some stretch of the maze; running; and the events of partners,
    less their mean, filtered by ``exp(-lag / memory)``, one frame ago and before. Activity is 0 in frames without an
    event; elsewhere an amplitude, gamma-distributed with shape 2 and mean 1, stands in for deconvolved fluorescence.

    The truth, by default: AC: coupling 0.2 and memory 0.1 s, stimulus 1.5, choice 0.4; PPC: coupling 0.4 and memory
    0.4 s, stimulus 0.5, choice 1.0; running 0.2, eight partners per unit, events in 6% of frames at baseline. These are
    round numbers in the order of the findings of Runyan et al. 2017 (doi:10.1038/nature23020), not fitted to anything;
    stronger coupling in PPC would run away.
    In the passive context the network and its tuning to sound are the same; choice and running are absent. So the
    coupling of the two contexts is truly equal.

    Parameters
    ----------
    area : {"AC", "PPC"}
        Whose truth, and the units' area, with "(simulated)" behind it.
    context : {"active", "passive"}
        In the maze, or sounds alone: then there is no behaviour in the recording.
    n_units : int
        How many.
    n_trials : int
        How many, 4.4 s each on average: about 3 s in the maze and 1.4 s between. Imaging is continuous, and begins
        10 s before the first trial.
    truth : RunyanArea, optional
        Other strengths than the area's own, such as no coupling at all.
    rng : numpy.random.Generator
        Everything random. Sessions of one area differ by it alone.

    Returns
    -------
    xarray.Dataset
        A recording at 29.99 Hz, ``activity (time, unit)`` of kind "deconvolved". Trials: `stimulus` (degrees),
        `context`, `sound_1`, `sound_2`, ... (s); and, active, `choice`, `correct`, `turn`, `reward`, `no_reward` (s,
        NaN where none). Signals, active: `position` (m, NaN outside the maze), `velocity_x`, `velocity_y` (m/s),
        `view_angle` (degrees). The truth beside it: ``true_coupling (unit, source_unit)`` in log odds per filtered
        event; over ``unit``, ``true_memory`` (s), ``true_location`` (degrees), ``true_field`` (m),
        ``true_baseline``, ``true_stimulus``, ``true_choice``, ``true_running`` (log odds). ``attrs["clipped"]`` is the
        share of frames in which log odds were held at 0.

    Raises
    ------
    InputError
        For an unknown area or context, or fewer than two units or trials.

    Examples
    --------
    >>> recording = simulate_runyan2017("AC", n_units=5, n_trials=8, rng=np.random.default_rng(0))
    >>> sorted(recording["stimulus"].values.tolist())
    [-90, -60, -30, -15, 15, 30, 60, 90]
    >>> recording["area"].values[0], recording["true_memory"].values[0].item()
    (np.str_('AC (simulated)'), 0.1)
    """
    _check(area, context, n_units, n_trials)
    truth = RUNYAN_AREAS[area] if truth is None else truth
    session = simulate_session(context, n_trials, 1 / FRAME_RATE, rng)
    drive, tuning = _drive(truth, session, n_units, rng)
    coupling, decay = _couple(truth, n_units, rng)
    events, clipped = _run(drive, coupling, decay, rng)
    activity = np.where(events, rng.gamma(2.0, 0.5, events.shape), 0.0).astype(np.float32)
    recording = recording_from_arrays(
        activity,
        bin_width=1 / FRAME_RATE,
        area=f"{area} (simulated)",
        time=session.time,
        trials=session.trials,
        signals={name: values.astype(np.float32) for name, values in session.signals.items()},
        kind="deconvolved",
        units="a.u.",
        attrs={
            "source": "simulated",
            "session": f"runyan2017_simulated_{area}_{context}",
            "context": context,
            "imitates": "doi:10.1038/nature23020",
            "clipped": clipped,
        },
    )
    return _with_truth(recording, tuning, coupling, truth.memory)


def _check(area: str, context: str, n_units: int, n_trials: int) -> None:
    for name, value, known in (("area", area, tuple(RUNYAN_AREAS)), ("context", context, ("active", "passive"))):
        if value not in known:
            raise InputError(name, expected=f"one of {', '.join(known)}", found=repr(value), remedy="name one of them")
    if n_units < 2 or n_trials < 2:
        found = f"{n_units} and {n_trials}"
        raise InputError("simulation", expected="two units and two trials or more", found=found, remedy="make more")


def _drive(
    truth: RunyanArea, session: MazeSession, n_units: int, rng: np.random.Generator
) -> tuple[NDArray, dict[str, NDArray]]:
    """Log odds of an event without coupling ``(time, unit)``, and each unit's tuning."""
    tuning = {
        "baseline": np.log(truth.event_share / (1 - truth.event_share)) + 0.4 * rng.standard_normal(n_units),
        "location": rng.uniform(min(LOCATIONS), max(LOCATIONS), n_units),
        "stimulus": np.abs(truth.stimulus * rng.standard_normal(n_units)),
        "field": rng.uniform(0, MAZE, n_units),
        "choice": truth.choice * rng.standard_normal(n_units),
        "running": truth.running * rng.standard_normal(n_units),
    }
    row = np.searchsorted(session.trials["start"].to_numpy(), session.time, side="right") - 1
    location = session.trials["stimulus"].to_numpy(float)[np.maximum(row, 0)]
    strength = sound_strength(session.time, sound_times(session.trials))
    if not session.signals:
        return drive_of(tuning, location, strength), {
            **tuning,
            "choice": np.zeros(n_units),
            "running": np.zeros(n_units),
        }
    side = np.where(session.trials["choice"].to_numpy()[row] == "right", 1.0, -1.0)
    return drive_of(tuning, location, strength, side, session.signals), tuning


def _couple(truth: RunyanArea, n_units: int, rng: np.random.Generator) -> tuple[NDArray, float]:
    """Sparse coupling of balanced sign ``(unit, source unit)``, and the kernel's decay per frame.

    A source with events in a share p of the frames has a filtered past of variance ``p (1 - p) k^2 / (1 - k^2)``;
    weights are scaled so that the summed input of independent partners has the standard deviation asked for.
    """
    keep = float(np.exp(-1 / (FRAME_RATE * truth.memory)))
    spread = np.sqrt(truth.event_share * (1 - truth.event_share) * keep**2 / (1 - keep**2))
    n_partners = min(truth.n_partners, n_units - 1)
    coupling = np.zeros((n_units, n_units))
    for unit in range(n_units):
        source = rng.choice(np.delete(np.arange(n_units), unit), n_partners, replace=False)
        sign = rng.permutation(np.where(np.arange(n_partners) % 2, -1.0, 1.0))
        strength = truth.coupling / (spread * np.sqrt(max(n_partners, 1)))
        coupling[unit, source] = strength * sign * rng.uniform(0.6, 1.4, n_partners)
    return coupling, keep


def _run(drive: NDArray, coupling: NDArray, decay: float, rng: np.random.Generator) -> tuple[NDArray[np.bool_], float]:
    """Events ``(time, unit)``, and the share of frames and units whose log odds were held down."""
    events = np.zeros(drive.shape, dtype=bool)
    typical = (1 / (1 + np.exp(-drive))).mean(axis=0)
    trace, draws, clipped = np.zeros(drive.shape[1]), rng.random(drive.shape), 0
    for t, known in enumerate(drive):
        log_odds = known + coupling @ trace
        clipped += np.count_nonzero(log_odds > HIGHEST)
        events[t] = draws[t] < 1 / (1 + np.exp(-np.minimum(log_odds, HIGHEST)))
        trace = decay * (trace + events[t] - typical)
    return events, clipped / drive.size


def _with_truth(recording: xr.Dataset, tuning: dict[str, NDArray], coupling: NDArray, memory: float) -> xr.Dataset:
    """The recording with what it was made of beside it, and the units of its times and signals."""
    recording = recording.copy()
    recording["true_coupling"] = (("unit", "source_unit"), coupling, {"units": "log odds"})
    recording["true_memory"] = ("unit", np.full(len(coupling), memory), {"units": "s"})
    for name, values in tuning.items():
        unit = {"location": "degrees", "field": "m"}.get(name, "log odds")
        recording[f"true_{name}"] = ("unit", values, {"units": unit})
    for name, unit in _UNITS.items():
        if name in recording:
            recording[name].attrs["units"] = unit
    for name in recording.data_vars:
        if str(name).startswith("sound_") or name in ("turn", "reward", "no_reward"):
            recording[name].attrs["units"] = "s"
    recording["stimulus"].attrs["units"] = "degrees"
    return recording
