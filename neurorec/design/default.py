"""A sensible design, derived from what a recording holds."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from neurorec.design.bases import Basis, raised_cosine
from neurorec.design.conditions import MOST_LEVELS, is_quantity, levels
from neurorec.design.terms import Coupling, Drift, Event, History, Signal, Term
from neurorec.recording import SelectionError, check_recording, signals, trial_columns

_FEWEST_TRIALS = 5  # per value of a condition: fewer cannot be spread over training and test folds
_MOST_FUNCTIONS = 12  # of an event's kernel
_FUNCTION_EVERY = 0.05  # s, between the functions of an event's kernel
_LEAST_COVERAGE = 0.2  # share of the bins at which a signal is known


class DefaultDesign(NamedTuple):
    """Terms derived from a recording, and what was left out.

    Attributes
    ----------
    terms : list of terms
        For `design_matrix`.
    left_out : dict of str to str
        Name of a trial column or signal, and the reason.
    """

    terms: list[Term]
    left_out: dict[str, str]


def default_terms(recording: xr.Dataset) -> DefaultDesign:
    """Derive a design from a recording: every usable trial column and signal, slow drift, history and coupling.

    Signals whose attribute ``role`` is "output", as those of a simulated network, are functions of the activity that is
    to be explained, and are left out.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording.

    Returns
    -------
    DefaultDesign

    Raises
    ------
    SelectionError
        When no trial has a start and a stop.

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> recording = recording_from_arrays(np.zeros((500, 2)), bin_width=0.01)
    >>> [type(term).__name__ for term in default_terms(recording).terms]
    ['Drift', 'History', 'Coupling']
    """
    left_out: dict[str, str] = {}
    terms: list[Term] = []
    check_recording(recording)
    if recording.sizes.get("trial") and not recording.attrs.get("trials_are_blocks"):
        terms += _event_terms(recording, left_out)
    terms += _signal_terms(recording, left_out)
    basis = _past(recording)
    return DefaultDesign([*terms, Drift(), History(basis), Coupling(basis)], left_out)


def _event_terms(recording: xr.Dataset, left_out: dict[str, str]) -> list[Term]:
    """The start of the trial by every condition, and every further event of the trial."""
    lasts = (recording["stop"] - recording["start"]).values
    if not np.isfinite(lasts).any():
        remedy = "give their times, or leave the trials out"
        raise SelectionError("trials", expected="some with a start and a stop", found="none", remedy=remedy)
    duration = float(np.nanmedian(lasts))
    width = recording["activity"].attrs["bin_width"]
    conditions, events = [], []
    for name in trial_columns(recording):
        reason = _unusable_event(recording, name) if _is_time(recording, name) else _unusable_condition(recording, name)
        if reason:
            left_out[name] = reason
        elif _is_time(recording, name):
            events.append(name)
        else:
            conditions.append(name)
    last = max(duration - width, width)
    terms: list[Term] = [Event("start", _kernel(0.0, last, width), by=tuple(conditions))]
    reach = min(0.5, duration / 2)
    return terms + [Event(name, _kernel(-reach / 2, reach, width)) for name in events]


def _kernel(first: float, last: float, width: float) -> Basis:
    """A kernel from first to last lag (s) that the bins can carry."""
    n_lags = int(np.floor(last / width + 1e-6) - np.ceil(first / width - 1e-6)) + 1
    n = int(np.clip(round((last - first) / _FUNCTION_EVERY) + 1, 2, _MOST_FUNCTIONS))
    return raised_cosine(max(min(n, n_lags), 1), window=(round(first, 6), round(last, 6)))


def _is_time(recording: xr.Dataset, name: str) -> bool:
    return recording[name].attrs.get("units") == "s" and recording[name].dtype.kind == "f"


def _unusable_event(recording: xr.Dataset, name: str) -> str:
    times = recording[name].values
    start, stop = recording["start"].values, recording["stop"].values
    inside = np.isfinite(times) & (times >= start - 1e-6) & (times <= stop + 1e-6)
    if inside.mean() < 0.5:
        return f"a time, but within the trial in only {np.count_nonzero(inside)} of {inside.size} trials"
    if (np.abs(times - start)[inside] < 1e-6).all():
        return "the same moment as the start of the trial"
    return ""


def _unusable_condition(recording: xr.Dataset, name: str) -> str:
    values = recording[name].values
    if values.dtype.kind not in "biufUS":
        return f"neither numbers nor words (dtype {values.dtype})"
    found = levels(values)
    if len(found) < 2:
        return "the same in every trial"
    if is_quantity(values):
        if (np.diff(values[np.isfinite(values)].astype(float)) > 0).all():
            return "counts up trial by trial, as slow drift does"
        return ""
    if len(found) > MOST_LEVELS:
        return f"{len(found)} different words in {values.size} trials"
    rare = [level for level in found if np.count_nonzero(values == level) < _FEWEST_TRIALS]
    if len(found) - len(rare) < 2:
        return f"only one value occurs in {_FEWEST_TRIALS} trials or more"
    return ""


def _signal_terms(recording: xr.Dataset, left_out: dict[str, str]) -> list[Term]:
    width = recording["activity"].attrs["bin_width"]
    stretch = _longest_stretch(recording)
    terms: list[Term] = []
    for name in signals(recording):
        values = recording[name].values
        if values.dtype.kind not in "biuf":
            left_out[name] = f"no numbers (dtype {values.dtype})"
            continue
        values = values.reshape(len(values), values[:1].size)
        known = np.isfinite(values).all(axis=1).mean()
        if recording[name].attrs.get("role") == "output":
            left_out[name] = "made of the recorded activity itself"
        elif not values.size:
            left_out[name] = "without channels"
        elif known < _LEAST_COVERAGE:
            left_out[name] = f"known in only {known:.0%} of the bins"
        elif np.nanmax(values) == np.nanmin(values):
            left_out[name] = "constant"
        elif "period" in recording[name].attrs or width > 0.1:
            terms.append(Signal(name))
        elif stretch < 2.0:  # as far back as partners are heard: their past must not tell what its own past would
            reach = _past(recording).window[1]
            n = min(6, round(reach / width) + 1)
            terms.append(Signal(name, raised_cosine(n, window=(0.0, reach), spacing="log")))
        else:
            terms.append(Signal(name, raised_cosine(min(4, 2 * int(0.25 / width) + 1), window=(-0.25, 0.25))))
    return terms


def _past(recording: xr.Dataset) -> Basis:
    """The past that history and coupling look at: 0.1 s of spikes, 1 s of imaging, a quarter of a short trial."""
    activity = recording["activity"]
    width = activity.attrs["bin_width"]
    reach = 0.1 if activity.attrs["kind"] in ("counts", "binary") and width < 0.05 else 1.0
    n_bins = round(min(reach, _longest_stretch(recording) / 4) / width)
    n_bins = max(n_bins, min(3, round(_longest_stretch(recording) / width) - 1), 1)
    return raised_cosine(min(3, n_bins), window=(round(width, 6), round(n_bins * width, 6)), spacing="log")


def _longest_stretch(recording: xr.Dataset) -> float:
    """Seconds that the typical trial or observed stretch lasts."""
    labels = recording["trial_id"] if "trial" in recording.dims else recording["segment"]
    inside = labels.values[labels.values >= 0]
    counts = np.unique(inside, return_counts=True)[1]
    return float(np.median(counts)) * recording["activity"].attrs["bin_width"] if counts.size else 0.0
