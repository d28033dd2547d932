"""How tuning, behaviour and partners make the log odds of an event in a simulated maze session."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

HIGHEST = 0.0  # log odds: at most one event in two frames; a runaway network is held here and said to be one
_TUNING_WIDTH = 40.0  # degrees
_SOUND_MEMORY = 0.3  # s
_REPEATS = (1.0, 0.7, 0.5)  # response to the first, second, third and every further repeat
_FIELD = 0.6  # m, width of the stretch of maze where a unit's choice signal lies
_TUNING = ("baseline", "location", "stimulus", "field", "choice", "running")


def has_truth(recording: xr.Dataset) -> bool:
    """Whether a recording says what it was made of, as `simulate_runyan2017` does."""
    return all(f"true_{name}" in recording for name in ("coupling", "memory", *_TUNING))


def true_log_odds(
    recording: xr.Dataset, *, stimulus: ArrayLike | None = None, choice: ArrayLike | None = None
) -> xr.Dataset:
    """Log odds of an event in every frame, and their parts.

    Parameters
    ----------
    recording : xarray.Dataset
        From `simulate_runyan2017`, binarised or not.
    stimulus : array-like (trial,), optional
        Locations to assume in place of the trials' own, degrees. Partners' input stays the recorded one.
    choice : array-like (trial,), optional
        Turns to assume, "left" or "right".

    Returns
    -------
    xarray.Dataset
        Over ``(time, unit)``: ``drive``, all but coupling; ``input``, of partners; ``log_odds``, their sum, held at 0.

    Examples
    --------
    >>> from neurorec.datasets import simulate_runyan2017
    >>> recording = simulate_runyan2017("AC", n_units=5, n_trials=8, rng=np.random.default_rng(0))
    >>> sorted(true_log_odds(recording).data_vars)
    ['drive', 'input', 'log_odds']
    """
    recorded = _recorded_drive(recording)
    assumed = recorded if stimulus is None and choice is None else _recorded_drive(recording, stimulus, choice)
    arriving = _input(recording, recorded)
    parts = {"drive": assumed, "input": arriving, "log_odds": np.minimum(assumed + arriving, HIGHEST)}
    return xr.Dataset({name: (("time", "unit"), values) for name, values in parts.items()})


def sound_strength(time: NDArray, onsets: NDArray) -> NDArray:
    """How strongly the sounds so far still act ``(time,)``, from onsets ``(trial, repeat)`` in s, NaN for none."""
    strength = np.zeros(time.size)
    for k, onset in enumerate(onsets.T):
        for at in onset[np.isfinite(onset)]:
            first, last = np.searchsorted(time, [at, at + 10 * _SOUND_MEMORY])
            weight = _REPEATS[min(k, len(_REPEATS) - 1)]
            strength[first:last] += weight * np.exp(-(time[first:last] - at) / _SOUND_MEMORY)
    return strength


def drive_of(
    tuning: Mapping[str, NDArray],
    location: NDArray,
    strength: NDArray,
    side: NDArray | None = None,
    signals: Mapping[str, NDArray] | None = None,
) -> NDArray:
    """Log odds of an event without coupling ``(time, unit)``.

    Parameters
    ----------
    tuning : mapping of str to ndarray (unit,)
        ``baseline``, ``location``, ``stimulus``, ``field``, ``choice``, ``running``.
    location, strength : ndarray (time,)
        Of the sounds of the trial, degrees; how strongly they still act.
    side : ndarray (time,), optional
        Of the trial's turn, -1 left, 1 right.
    signals : mapping of str to ndarray (time,), optional
        ``position`` (m), ``velocity_x``, ``velocity_y`` (m/s); without them there is no behaviour.
    """
    tuned = np.exp(-0.5 * ((location[:, None] - tuning["location"]) / _TUNING_WIDTH) ** 2)
    drive = tuning["baseline"] + tuning["stimulus"] * tuned * strength[:, None]
    if not signals or side is None:
        return drive
    field = np.nan_to_num(np.exp(-0.5 * ((signals["position"][:, None] - tuning["field"]) / _FIELD) ** 2))
    speed = np.hypot(signals["velocity_x"], signals["velocity_y"])
    speed = (speed - speed.mean()) / speed.std()
    return drive + tuning["choice"] * side[:, None] * field + tuning["running"] * speed[:, None]


def _recorded_drive(
    recording: xr.Dataset, stimulus: ArrayLike | None = None, choice: ArrayLike | None = None
) -> NDArray:
    """Log odds without coupling ``(time, unit)``, of the trials as they were or as they are assumed to be."""
    time = recording["time"].values
    row = np.maximum(np.searchsorted(recording["start"].values, time, side="right") - 1, 0)
    location = np.asarray(recording["stimulus"] if stimulus is None else stimulus, dtype=float)
    names = sorted((str(n) for n in recording.data_vars if str(n).startswith("sound_")), key=lambda n: int(n[6:]))
    strength = sound_strength(time, np.stack([recording[name].values for name in names], axis=1))
    tuning = {name: recording[f"true_{name}"].values for name in _TUNING}
    if "position" not in recording:
        return drive_of(tuning, location[row], strength)
    side = np.where(np.asarray(recording["choice"] if choice is None else choice) == "right", 1.0, -1.0)
    signals = {name: recording[name].values.astype(float) for name in ("position", "velocity_x", "velocity_y")}
    return drive_of(tuning, location[row], strength, side[row], signals)


def _input(recording: xr.Dataset, drive: NDArray) -> NDArray:
    """Partners' input ``(time, unit)``, log odds: their events, less what the drive makes usual, filtered."""
    keep = np.exp(-float(recording["activity"].attrs["bin_width"]) / recording["true_memory"].values)
    event = recording["activity"].values > 0
    usual, trace, traces = expit(drive).mean(axis=0), np.zeros(drive.shape[1]), np.zeros(drive.shape)
    for t in range(len(drive)):
        traces[t] = trace
        trace = keep * (trace + event[t] - usual)
    return traces @ recording["true_coupling"].values.T
