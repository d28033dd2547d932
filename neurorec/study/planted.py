"""What was planted in simulated maze sessions: the share of deviance and the bits that the true log odds are worth."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from neurorec.datasets import true_log_odds
from neurorec.recurrence import decode_trials, log_odds_consistency


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


def _class_likelihood(recording: xr.Dataset, found: xr.Dataset, *, coupled: bool) -> NDArray:
    """Log likelihood ``(class, trial, time, unit)`` had each trial been of each class; NaN where no frame is.

    From the true log odds, or from the true drive alone.
    """
    rows = recording.indexes["trial"].get_indexer(found["trial"].values)
    event = recording["activity"].values > 0
    width, start = float(recording["activity"].attrs["bin_width"]), recording["start"].values[rows]
    axis = np.round(found["time_from_event"].values / width).astype(int)
    ids = found["trial"].values.tolist()
    inside = np.flatnonzero(np.isin(recording["trial_id"].values, ids))
    at = {trial: place for place, trial in enumerate(ids)}
    trial = np.array([at[name] for name in recording["trial_id"].values[inside].tolist()])
    place = np.ceil((recording["time"].values[inside] - start[trial]) / width - 1e-3).astype(int) - axis[0]
    kept = (place >= 0) & (place < axis.size)
    out = np.full((found.sizes["class"], rows.size, axis.size, event.shape[1]), np.nan, dtype=np.float32)
    for number, name in enumerate(found["class"].values.astype(str)):
        every = np.full(recording.sizes["trial"], name if found.attrs["column"] == "choice" else float(name))
        truth = true_log_odds(recording, **{found.attrs["column"]: every})
        odds = truth["log_odds" if coupled else "drive"].values[inside]
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
