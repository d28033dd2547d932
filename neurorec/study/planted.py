"""What was planted in simulated maze sessions: the share of deviance and the bits that the true log odds are worth."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from neurorec.recurrence import decode_trials, log_odds_consistency

# As `neurorec.datasets.simulate_runyan2017` states; a test holds these against its own log odds.
_TUNING_WIDTH = 40.0  # degrees
_SOUND_MEMORY = 0.3  # s
_REPEATS = (1.0, 0.7, 0.5)
_FIELD = 0.6  # m
_HIGHEST = 0.0  # log odds
_TRUTH = ("coupling", "memory", "baseline", "location", "stimulus", "field", "choice", "running")


def has_truth(recording: xr.Dataset) -> bool:
    """Whether a recording says what it was made of, as `neurorec.datasets.simulate_runyan2017` does."""
    return all(f"true_{name}" in recording for name in _TRUTH)


def true_log_odds(recording: xr.Dataset) -> xr.Dataset:
    """Log odds of an event in every frame, and their parts.

    Parameters
    ----------
    recording : xarray.Dataset
        From `neurorec.datasets.simulate_runyan2017`, binarised or not.

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
    drive = _drive(recording, *_trial_values(recording))
    arriving = _input(recording, drive)
    parts = {"drive": drive, "input": arriving, "log_odds": np.minimum(drive + arriving, _HIGHEST)}
    return xr.Dataset({name: (("time", "unit"), values) for name, values in parts.items()})


def planted_index(recording: xr.Dataset, null_deviance: NDArray) -> xr.Dataset:
    """What a model that knows the truth would explain.

    The true log odds are the best prediction there is. The true drive is not quite the best without partners: what it
    does to them comes back through coupling, and behaviour predicts that as well. So a fitted uncoupled model may
    explain a little more than the true drive, and the planted index holds that little.

    The uncoupled truth is the true drive, the coupled truth the true log odds; each with an intercept and a slope
    fitted to all trials, since without its partners' input a unit's log odds are flatter.

    Parameters
    ----------
    recording : xarray.Dataset
        With its truth.
    null_deviance : ndarray (unit,)
        Deviance of the mean, over the trials.

    Returns
    -------
    xarray.Dataset
        Over ``unit``: ``planted_uncoupled`` and ``planted_coupled``, fractions of deviance; ``planted_benefit``, their
        difference; ``planted_input``, standard deviation of the partners' input, log odds.
    """
    inside = np.flatnonzero(recording["trial_id"].isin(recording["trial"]).values)
    event = recording["activity"].values[inside] > 0
    truth = true_log_odds(recording).isel(time=inside)
    fitted = {
        name: np.array([_flattened(odds, e) for odds, e in zip(truth[name].values.T, event.T, strict=True)]).T
        for name in ("drive", "log_odds")
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        uncoupled = 1 - _deviance(fitted["drive"], event).sum(axis=0) / null_deviance
        coupled = 1 - _deviance(fitted["log_odds"], event).sum(axis=0) / null_deviance
    found = {
        "planted_uncoupled": uncoupled,
        "planted_coupled": coupled,
        "planted_benefit": coupled - uncoupled,
        "planted_input": truth["input"].values.std(axis=0),
    }
    return xr.Dataset({name: ("unit", values) for name, values in found.items()})


def planted_code(recording: xr.Dataset, found: xr.Dataset) -> xr.Dataset:
    """What a decoder that knows the true log odds reads from the same activity about the class of the same trials.

    Parameters
    ----------
    recording : xarray.Dataset
        With its truth; all units of one area.
    found : xarray.Dataset
        From `neurorec.recurrence.class_information` about the column ``stimulus`` or ``choice``, with the consistency
        of the code where there is one.

    Returns
    -------
    xarray.Dataset
        ``planted_information``, ``planted_cumulative_information (time_from_event)`` of the population and
        ``planted_unit_information (unit)``, in the whole trial, bits; ``planted_consistency (lag)`` of a decoder that
        knows the true drive, and nothing of partners, where `found` has a consistency.
    """
    likelihood = _class_likelihood(recording, found, coupled=True)
    classes = found["class"].values.astype(str).tolist()
    label = np.array([classes.index(name) for name in found["true_class"].values.astype(str)])
    prior, together = found["prior"].values, likelihood.sum(axis=-1)

    def bits(values: NDArray, cumulative: bool) -> NDArray:
        gain = decode_trials(values, label, prior=prior, cumulative=cumulative).gain
        known = np.isfinite(gain)
        with np.errstate(invalid="ignore"):
            return np.where(known, gain, 0).sum(axis=0) / known.sum(axis=0)

    out = xr.Dataset(
        {
            "planted_information": ("time_from_event", bits(together, False)),
            "planted_cumulative_information": ("time_from_event", bits(together, True)),
            "planted_unit_information": ("unit", bits(likelihood, True)[-1]),
        }
    )
    if "consistency" in found:
        alone = _class_likelihood(recording, found, coupled=False).sum(axis=-1)
        steady = log_odds_consistency(
            alone[1] - alone[0],
            np.char.add(found["true_class"].values.astype(str), found["condition"].values.astype(str)),
            max_lag=found.sizes["lag"] - 1,
            n_draws=2,
            rng=np.random.default_rng(0),
        )
        out["planted_consistency"] = ("lag", steady.correlation)
    return out


def _trial_values(recording: xr.Dataset) -> tuple[NDArray, NDArray]:
    """Location of the sound and side of the turn, trial by trial; passively the side is 0."""
    location = recording["stimulus"].values.astype(float)
    if "choice" not in recording:
        return location, np.zeros(location.size)
    return location, np.where(recording["choice"].values == "right", 1.0, -1.0)


def _drive(recording: xr.Dataset, location: NDArray, side: NDArray) -> NDArray:
    """Log odds without coupling ``(time, unit)``, had the trials been of these locations and sides."""
    unit = {name: recording[f"true_{name}"].values for name in _TRUTH if name not in ("coupling", "memory")}
    row = np.searchsorted(recording["start"].values, recording["time"].values, side="right") - 1
    heard = location[np.maximum(row, 0)][:, None]
    tuned = np.exp(-0.5 * ((heard - unit["location"]) / _TUNING_WIDTH) ** 2)
    drive = unit["baseline"] + unit["stimulus"] * tuned * _sound_strength(recording)[:, None]
    if "position" not in recording:
        return drive
    place = recording["position"].values.astype(float)[:, None]
    field = np.nan_to_num(np.exp(-0.5 * ((place - unit["field"]) / _FIELD) ** 2))
    speed = np.hypot(recording["velocity_x"].values.astype(float), recording["velocity_y"].values.astype(float))
    speed = (speed - speed.mean()) / speed.std()
    return drive + unit["choice"] * side[row][:, None] * field + unit["running"] * speed[:, None]


def _sound_strength(recording: xr.Dataset) -> NDArray:
    """How strongly the sounds so far still act ``(time,)``."""
    time, strength = recording["time"].values, np.zeros(recording.sizes["time"])
    names = sorted((str(n) for n in recording.data_vars if str(n).startswith("sound_")), key=lambda n: int(n[6:]))
    for k, name in enumerate(names):
        onset = recording[name].values
        for at in onset[np.isfinite(onset)]:
            first, last = np.searchsorted(time, [at, at + 10 * _SOUND_MEMORY])
            strength[first:last] += _REPEATS[min(k, 2)] * np.exp(-(time[first:last] - at) / _SOUND_MEMORY)
    return strength


def _input(recording: xr.Dataset, drive: NDArray) -> NDArray:
    """Partners' input ``(time, unit)``, log odds: their events, less what the drive makes usual, filtered."""
    width = float(recording["activity"].attrs["bin_width"])
    keep = np.exp(-width / recording["true_memory"].values)
    event = recording["activity"].values > 0
    usual, trace, traces = expit(drive).mean(axis=0), np.zeros(drive.shape[1]), np.zeros(drive.shape)
    for t in range(len(drive)):
        traces[t] = trace
        trace = keep * (trace + event[t] - usual)
    return traces @ recording["true_coupling"].values.T


def _class_likelihood(recording: xr.Dataset, found: xr.Dataset, *, coupled: bool) -> NDArray:
    """Log likelihood ``(class, trial, time, unit)`` had each trial been of each class; NaN where no frame is.

    From the true log odds, or from the true drive alone.
    """
    rows = recording.indexes["trial"].get_indexer(found["trial"].values)
    location, side = _trial_values(recording)
    recorded = _drive(recording, location, side)
    arriving = _input(recording, recorded) if coupled else np.zeros(recorded.shape)
    event = recording["activity"].values > 0
    width, start = float(recording["activity"].attrs["bin_width"]), recording["start"].values[rows]
    axis = np.round(found["time_from_event"].values / width).astype(int)
    ids = found["trial"].values.tolist()
    inside = np.flatnonzero(np.isin(recording["trial_id"].values, ids))
    at = {trial: place for place, trial in enumerate(ids)}
    trial = np.array([at[name] for name in recording["trial_id"].values[inside].tolist()])
    place = np.ceil((recording["time"].values[inside] - start[trial]) / width - 1e-3).astype(int) - axis[0]
    kept = (place >= 0) & (place < axis.size)
    out = np.full((found.sizes["class"], rows.size, axis.size, recorded.shape[1]), np.nan, dtype=np.float32)
    for number, name in enumerate(found["class"].values.astype(str)):
        if found.attrs["column"] == "choice":
            drive = _drive(recording, location, np.full(side.size, 1.0 if name == "right" else -1.0))
        else:
            drive = _drive(recording, np.full(location.size, float(name)), side)
        odds = np.minimum(drive[inside] + arriving[inside], _HIGHEST)
        value = np.where(event[inside], odds, 0) - np.logaddexp(0, odds)
        out[number, trial[kept], place[kept]] = value[kept]
    return out


def _flattened(odds: NDArray, event: NDArray) -> NDArray:
    """Log odds of a unit, with the intercept and slope at which they say most of its events."""

    def loss(at: NDArray) -> float:
        return float(_deviance(at[0] + at[1] * odds, event).mean())

    def slope(at: NDArray) -> NDArray:
        wrong = expit(at[0] + at[1] * odds) - event
        return 2 * np.array([wrong.mean(), (wrong * odds).mean()])

    found = minimize(loss, np.array([0.0, 1.0]), jac=slope, method="BFGS").x
    return found[0] + found[1] * odds


def _deviance(log_odds: NDArray, event: NDArray) -> NDArray:
    """Bernoulli deviance, frame by frame."""
    return 2 * (np.logaddexp(0, log_odds) - np.where(event, log_odds, 0))
