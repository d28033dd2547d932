"""Activity by condition: trials side by side, and their averages."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.subspaces.cutting import bin_means, equal_parts, owned, whole_bins
from neurorec.recording import InputError, SelectionError, check_recording, first_offenders

By = str | Sequence[str]


def trial_activity(
    recording: xr.Dataset,
    by: By,
    *,
    event: str | ArrayLike = "start",
    window: tuple[float, float] | None = None,
    bin_width: float | None = None,
    n_steps: int | None = None,
    areas: Sequence[str] | None = None,
    smoothing: float | None = None,
) -> xr.Dataset:
    """Activity of every trial around an event, with its condition.

    Parameters
    ----------
    recording : xarray.Dataset
        Of a brain or, see `neurorec.networks.simulate`, of a system; with trials.
    by : str or sequence of str
        Columns of the trial table that make the conditions, what they say together, numbers in six digits. Trials
        without a value in one of them are left out.
    event : str or array-like (trial,)
        Column with the time of the event, or the times, s; trials without one are left out.
    window : (float, float), optional
        From where to where after the event, s; by default from the event to the end of the longest trial, each trial's
        own bins alone. Within a window that is given, bins between trials are taken too.
    bin_width : float, optional
        A multiple of the recording's, s; by default that. Bins are means of those that they hold, counted from the one
        in which the event is.
    n_steps : int, optional
        Bins instead of their width: the window is cut into as many, from the event itself on. A bin is then the mean of
        those of the recording that it overlaps, each by how much; so recordings with other bins, and windows of another
        length, come out with as many.
    areas : sequence of str, optional
        Whose units to take; by default all.
    smoothing : float, optional
        Standard deviation of a Gaussian that trials are smoothed with, s, by default not at all. Bins that were not
        recorded take no part and stay missing. Note that it looks ahead, and slows what is fast.

    Returns
    -------
    xarray.Dataset
        ``activity (trial, time, unit)``, in spikes/s where the recording holds counts, NaN in bins that were not
        recorded whole or reach into another trial; coordinates ``time`` (s after the event, left edge of the bin),
        ``unit``, ``area (unit)``, ``trial``, ``condition (trial)`` and the columns asked for. ``attrs``: ``bin_width``
        (s), ``by`` and ``event``.

    Raises
    ------
    SelectionError
        No trials, no such column or area, or no trial left.
    InputError
        A window or width that holds no bin, more steps than bins, a width and a number of steps.

    Examples
    --------
    >>> import pandas as pd
    >>> from neurorec.recording import recording_from_arrays
    >>> table = pd.DataFrame({"start": [0.0, 0.3], "stop": [0.3, 0.5], "side": ["left", "right"]})
    >>> activity = np.arange(5.0)[:, None]
    >>> recording = recording_from_arrays(activity, bin_width=0.1, area=["V1"], trials=table, kind="rates")
    >>> trials = trial_activity(recording, "side")
    >>> trials["activity"].values[..., 0].tolist(), trials["condition"].values.tolist()
    ([[0.0, 1.0, 2.0], [3.0, 4.0, nan]], ['left', 'right'])
    >>> trial_activity(recording, "side", window=(0, 0.2), n_steps=1)["activity"].values.ravel().round(9).tolist()
    [0.5, 3.5]
    """
    check_recording(recording)
    if "trial" not in recording.sizes:
        raise SelectionError("recording", expected="trials", found="none", remedy="add them with add_trials")
    names = [by] if isinstance(by, str) else list(by)
    columns = {name: _column(recording, name) for name in names}
    times = np.asarray(_column(recording, event) if isinstance(event, str) else event, dtype=float)
    if times.shape != (recording.sizes["trial"],):
        expected, found = f"{recording.sizes['trial']} times", f"shape {times.shape}"
        raise InputError("event", expected=expected, found=found, remedy="give one for each trial")
    kept = np.isfinite(times) & np.all([_known(values) for values in columns.values()], axis=0)
    if not kept.any():
        remedy = "name other columns"
        raise SelectionError("by", expected="trials with values and an event", found="none", remedy=remedy)
    if n_steps is not None and bin_width is not None:
        raise InputError("n_steps", expected="no bin_width", found=f"{bin_width:g} s", remedy="give one of them")
    units = _units(recording, areas)
    at, stop, own = times[kept], recording["stop"].values[kept].astype(float), _width(recording)
    if n_steps is None:
        bins = whole_bins(recording["time"].values, at, _window(window, stop - at), bin_width, own)
    else:
        bins = equal_parts(recording["time"].values, at, _window(window, stop - at), n_steps, own)
    cut = bin_means(recording, owned(bins, recording, kept, between=window is not None), units)
    if smoothing is not None:
        cut = _smooth(cut, smoothing, bins.width)
    counts = recording["activity"].attrs["kind"] == "counts"
    what = "spikes/s" if counts else str(recording["activity"].attrs["units"])
    columns = {name: values[kept] for name, values in columns.items()}
    labels = [", ".join(said) for said in zip(*(_said(values) for values in columns.values()), strict=True)]
    return xr.Dataset(
        {"activity": (("trial", "time", "unit"), cut / own if counts else cut, {"units": what})},
        coords={
            "trial": recording["trial"].values[kept],
            "time": bins.time,
            "unit": recording["unit"].values[units],
            "area": ("unit", recording["area"].values[units].astype(str)),
            "condition": ("trial", np.array(labels)),
            **{name: ("trial", values) for name, values in columns.items()},
        },
        attrs={"bin_width": bins.width, "by": ", ".join(names), "event": event if isinstance(event, str) else ""},
    )


def average_trials(trials: xr.Dataset, *, min_trials: int = 1) -> xr.Dataset:
    """Averages over the trials of each condition.

    Parameters
    ----------
    trials : xarray.Dataset
        From `trial_activity`.
    min_trials : int
        Fewest trials of a condition in which a bin of a unit must have been recorded; else it is NaN.

    Returns
    -------
    xarray.Dataset
        ``activity (condition, time, unit)``, ``n_trials (condition, time)``, the trials of which some unit was
        recorded, and whatever made the conditions over ``condition``, sorted by it.

    Examples
    --------
    >>> trials = xr.Dataset(
    ...     {"activity": (("trial", "time", "unit"), [[[1.0], [2.0]], [[3.0], [np.nan]], [[5.0], [5.0]]])},
    ...     coords={"condition": ("trial", ["a", "a", "b"]), "name": ("trial", ["a", "a", "b"])}, attrs={"by": "name"},
    ... )
    >>> average_trials(trials)["activity"].values[..., 0].tolist()
    [[2.0, 2.0], [5.0, 5.0]]
    """
    names = [name.strip() for name in str(trials.attrs["by"]).split(",")]
    labels = trials["condition"].values.astype(str)
    rows = _sorted_rows([trials[name].values for name in names], labels)
    values = trials["activity"].transpose("trial", "time", "unit").values
    sums, numbers, seen = [], [], []
    for row in rows:
        part = values[labels == labels[row]]
        known = np.isfinite(part)
        sums.append(np.where(known, part, 0.0).sum(axis=0))
        numbers.append(known.sum(axis=0))
        seen.append(known.any(axis=2).sum(axis=0))
    number = np.array(numbers)
    mean = np.where(number >= max(min_trials, 1), np.array(sums) / np.maximum(number, 1), np.nan)
    kept = {name: trials[name] for name in ("time", "unit", "area") if name in trials.coords}
    return xr.Dataset(
        {
            "activity": (("condition", "time", "unit"), mean, dict(trials["activity"].attrs)),
            "n_trials": (("condition", "time"), np.array(seen)),
        },
        coords={
            **kept,
            "condition": labels[rows],
            **{name: ("condition", trials[name].values[rows]) for name in names},
        },
        attrs=dict(trials.attrs),
    )


def condition_averages(
    recording: xr.Dataset,
    by: By,
    *,
    event: str | ArrayLike = "start",
    window: tuple[float, float] | None = None,
    bin_width: float | None = None,
    n_steps: int | None = None,
    areas: Sequence[str] | None = None,
    smoothing: float | None = None,
    min_trials: int = 1,
) -> xr.Dataset:
    """Average activity in each condition: `average_trials` of `trial_activity`, which see.

    Trials may be of unequal numbers and lengths: each bin is averaged over the trials that have it, ``n_trials
    (condition, time)`` says how many, and those that fewer than ``min_trials`` have are NaN.

    Examples
    --------
    >>> import pandas as pd
    >>> from neurorec.recording import recording_from_arrays
    >>> table = pd.DataFrame({"start": [0.0, 0.3], "stop": [0.3, 0.5], "side": ["left", "left"]})
    >>> activity = np.arange(5.0)[:, None]
    >>> recording = recording_from_arrays(activity, bin_width=0.1, area=["V1"], trials=table, kind="rates")
    >>> averages = condition_averages(recording, "side")
    >>> averages["activity"].values[..., 0].tolist(), averages["n_trials"].values.tolist()
    ([[1.5, 2.5, 2.0]], [[2, 2, 1]])
    """
    trials = trial_activity(
        recording, by, event=event, window=window, bin_width=bin_width, n_steps=n_steps, areas=areas,
        smoothing=smoothing,
    )  # fmt: skip
    return average_trials(trials, min_trials=min_trials)


def _column(recording: xr.Dataset, name: str) -> NDArray:
    if name not in recording or recording[name].dims != ("trial",):
        columns = [str(k) for k, v in recording.data_vars.items() if v.dims == ("trial",)]
        raise SelectionError(
            "by", expected=f"columns of the trials: {first_offenders(columns)}", found=name, remedy="name one"
        )
    return recording[name].values


def _known(values: NDArray) -> NDArray[np.bool_]:
    if values.dtype.kind in "fc":
        return np.isfinite(values)
    return values.astype(str) != "" if values.dtype.kind in "UOST" else np.ones(values.shape, dtype=bool)


def _units(recording: xr.Dataset, areas: Sequence[str] | None) -> NDArray[np.int64]:
    if areas is None:
        return np.arange(recording.sizes["unit"])
    areas = [areas] if isinstance(areas, str) else list(areas)
    of = recording["area"].values.astype(str)
    absent = sorted(set(areas) - set(of.tolist()))
    if absent or not areas:
        expected = f"areas among {first_offenders(sorted(set(of.tolist())))}"
        raise SelectionError("areas", expected=expected, found=first_offenders(absent) or "none", remedy="name others")
    return np.flatnonzero(np.isin(of, areas))


def _width(recording: xr.Dataset) -> float:
    return float(recording["activity"].attrs["bin_width"])


def _said(values: NDArray) -> list[str]:
    return [f"{v:g}" for v in values] if values.dtype.kind == "f" else values.astype(str).tolist()


def _window(window: tuple[float, float] | None, lasts: NDArray) -> tuple[float, float]:
    if window is not None:
        return window
    return 0.0, float(np.nanmax(lasts)) if np.isfinite(lasts).any() else 0.0


def _smooth(values: NDArray, width: float, bin_width: float) -> NDArray:
    """Weighted means of the bins that are known, ``(trial, time, unit)``."""
    if not width > 0:
        raise InputError("smoothing", expected="a width above 0 s", found=f"{width:g}", remedy="leave it out")
    bins = np.arange(values.shape[1])
    weights = np.exp(-0.5 * ((bins[:, None] - bins) * bin_width / width) ** 2)
    known = np.isfinite(values)
    total = np.einsum("ts,nsu->ntu", weights, known.astype(float), optimize=True)
    smooth = np.einsum("ts,nsu->ntu", weights, np.where(known, values, 0.0), optimize=True)
    return np.where(known, smooth / np.where(known, total, 1.0), np.nan)


def _sorted_rows(columns: list[NDArray], labels: NDArray) -> NDArray[np.int64]:
    """One trial of each condition, sorted by the columns' values."""
    first = np.unique(labels, return_index=True)[1]
    codes = [np.unique(values, return_inverse=True)[1] for values in columns]
    return first[np.lexsort([code[first] for code in reversed(codes)])]
