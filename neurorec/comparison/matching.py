"""Recordings and systems in the conditions that all of them have."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.comparison.resampling import Side, side_of
from neurorec.dynamics import trial_activity
from neurorec.recording import InputError, first_offenders

OWN = "recording"  # the name of the recording among systems
FEWEST = 2  # trials of a condition


def cut_source(
    name: str,
    source: xr.Dataset | ArrayLike,
    by: str | Sequence[str],
    event: str | Mapping[str, str],
    window: tuple[float, float] | Mapping[str, tuple[float, float]] | None,
    n_steps: int,
) -> xr.Dataset | NDArray[np.float64]:
    """Trials of a recording, by default as far as half of them last, or the means that were given."""
    if not isinstance(source, xr.Dataset):
        values = np.asarray(source, dtype=float)
        if values.ndim != 3 or values.shape[1] != n_steps or not np.isfinite(values).all():
            found, remedy = f"shape {values.shape}", "set n_steps to its steps"
            expected = f"finite (condition, time, unit) with {n_steps} steps"
            raise InputError(name, expected=expected, found=found, remedy=remedy)
        return values
    at = event.get(name, "start") if isinstance(event, Mapping) else event
    span = window.get(name) if isinstance(window, Mapping) else window
    if span is None and {at, "stop"} <= set(source.data_vars):
        lasts = source["stop"].values.astype(float) - source[at].values.astype(float)
        span = (0.0, float(np.median(lasts[np.isfinite(lasts)]))) if np.isfinite(lasts).any() else None
    return trial_activity(source, by, event=at, window=span, n_steps=n_steps)


def names_of(trials: xr.Dataset) -> NDArray[np.str_]:
    """The condition of each trial in words; a column that is itself called so holds its own values."""
    values = trials["condition"].values
    return np.array([f"{v:g}" for v in values]) if values.dtype.kind == "f" else values.astype(str)


def shared_conditions(cuts: Mapping[str, xr.Dataset | NDArray]) -> tuple[list[str], list[str]]:
    """Conditions with two trials in every recording, and those that were left out."""
    counts = []
    for cut in cuts.values():
        if isinstance(cut, xr.Dataset):
            counts.append(dict(zip(*np.unique(names_of(cut), return_counts=True), strict=True)))
    every = sorted({str(name) for count in counts for name in count})
    shared = [name for name in every if all(count.get(name, 0) >= FEWEST for count in counts)]
    if len(shared) < 2:
        found = f"{first_offenders(shared) or 'none'} of {first_offenders(every)}"
        remedy = "give all the same column, with the same values"
        expected = f"two conditions with {FEWEST} trials in all"
        raise InputError("conditions", expected=expected, found=found, remedy=remedy)
    return shared, [name for name in every if name not in shared]


def side_in(name: str, cut: xr.Dataset | NDArray, names: list[str], *, scaled: bool, by_step: bool) -> Side:
    """One side of the comparison: trials of the shared conditions, or their means, centred and scaled."""
    if isinstance(cut, xr.Dataset):
        told = names_of(cut)
        kept = np.isin(told, names)
        activity, label = cut["activity"].values[kept], np.searchsorted(names, told[kept])
    else:
        activity, label = cut, np.arange(len(cut))
        if len(cut) != len(names):
            found, remedy = str(len(cut)), "put them in sorted order of their names"
            expected = f"means of {len(names)} conditions: {first_offenders(names)}"
            raise InputError(name, expected=expected, found=found, remedy=remedy)
    side = side_of(activity, label, len(names), scaled=scaled, by_step=by_step)
    if not side.units.size:
        raise InputError(name, expected="units that vary", found="none", remedy="leave it out")
    return side
