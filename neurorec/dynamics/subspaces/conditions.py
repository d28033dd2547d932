"""Activity by condition: trials side by side, and their averages."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import BIN_TOLERANCE, InputError, SelectionError, check_recording, first_offenders

By = str | Sequence[str]


def trial_activity(
    recording: xr.Dataset,
    by: By,
    *,
    event: str | ArrayLike = "start",
    window: tuple[float, float] | None = None,
    bin_width: float | None = None,
    areas: Sequence[str] | None = None,
    smoothing: float | None = None,
) -> xr.Dataset:
    """Activity of every trial around an event, with its condition.

    Parameters
    ----------
    recording : xarray.Dataset
        Of a brain or, see `neurorec.networks.simulate`, of a system; with trials.
    by : str or sequence of str
        Columns of the trial table that make the conditions. Trials without a value in one of them are left out.
    event : str or array-like (trial,)
        Column with the time of the event, or the times, s; trials without one are left out.
    window : (float, float), optional
        From where to where after the event, s; by default from the event to the end of the longest trial, each trial's
        own bins alone. Within a window that is given, bins between trials are taken too.
    bin_width : float, optional
        A multiple of the recording's, s; by default that. Bins are means of those that they hold.
    areas : sequence of str, optional
        Whose units to take; by default all.
    smoothing : float, optional
        Standard deviation of a Gaussian that trials are smoothed with, s, by default not at all. Bins that were not
        recorded take no part and stay missing. Note that it looks ahead, and slows what is fast.

    Returns
    -------
    xarray.Dataset
        ``activity (trial, time, unit)``, in spikes/s where the recording holds counts, NaN in bins that were not
        recorded or belong to another trial; coordinates ``time`` (s after the event, left edge of the bin), ``unit``,
        ``area (unit)``, ``trial``, ``condition (trial)`` and the columns asked for. ``attrs``: ``bin_width`` (s),
        ``by`` and ``event``.

    Raises
    ------
    SelectionError
        No trials, no such column or area, or no trial left.
    InputError
        A window or width that holds no bin.

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
    """
    check_recording(recording)
    if "trial" not in recording.sizes:
        raise SelectionError("recording", expected="trials", found="none", remedy="add them with add_trials")
    names = [by] if isinstance(by, str) else list(by)
    columns = {name: _column(recording, name) for name in names}
    times = _column(recording, event) if isinstance(event, str) else np.asarray(event, dtype=float)
    if times.shape != (recording.sizes["trial"],):
        expected, found = f"{recording.sizes['trial']} times", f"shape {times.shape}"
        raise InputError("event", expected=expected, found=found, remedy="give one for each trial")
    kept = np.isfinite(times.astype(float)) & np.all([_known(values) for values in columns.values()], axis=0)
    if not kept.any():
        remedy = "name other columns"
        raise SelectionError("by", expected="trials with values and an event", found="none", remedy=remedy)
    units = _units(recording, areas)
    own = float(recording["activity"].attrs["bin_width"])
    first, n_bins, n_within = _bins(recording, times[kept].astype(float), kept, window, bin_width, own)
    rows = _rows(recording, times.astype(float), first + np.arange(n_bins * n_within), own, window is not None)[kept]
    values = recording["activity"].values[:, units].astype(float)
    if "observed" in recording:
        values = np.where(recording["observed"].values[:, units], values, np.nan)
    cut = np.where((rows >= 0)[..., None], values[np.maximum(rows, 0)], np.nan)
    cut = cut.reshape(len(cut), n_bins, n_within, -1).mean(axis=2)
    if smoothing is not None:
        cut = _smooth(cut, smoothing, n_within * own)
    counts = recording["activity"].attrs["kind"] == "counts"
    what = "spikes/s" if counts else str(recording["activity"].attrs["units"])
    labels = [", ".join(str(columns[name][k]) for name in names) for k in np.flatnonzero(kept)]
    return xr.Dataset(
        {"activity": (("trial", "time", "unit"), cut / own if counts else cut, {"units": what})},
        coords={
            "trial": recording["trial"].values[kept],
            "time": np.round((first + np.arange(n_bins) * n_within) * own, 9),
            "unit": recording["unit"].values[units],
            "area": ("unit", recording["area"].values[units].astype(str)),
            "condition": ("trial", np.array(labels)),
            **{name: ("trial", values[kept]) for name, values in columns.items()},
        },
        attrs={"bin_width": n_within * own, "by": ", ".join(names), "event": event if isinstance(event, str) else ""},
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
        recording, by, event=event, window=window, bin_width=bin_width, areas=areas, smoothing=smoothing
    )
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


def _bins(
    recording: xr.Dataset,
    times: NDArray,
    kept: NDArray,
    window: tuple[float, float] | None,
    width: float | None,
    own: float,
) -> tuple[int, int, int]:
    """The first of the recording's bins after the event, how many bins to make, and how many make one."""
    if window is None:
        lasts = recording["stop"].values[kept] - times
        window = (0.0, float(np.nanmax(lasts)) if np.isfinite(lasts).any() else 0.0)
    n_within = 1 if width is None else round(width / own)
    if n_within < 1 or (width is not None and abs(n_within * own - width) > BIN_TOLERANCE * own):
        remedy = "choose another one"
        raise InputError("bin_width", expected=f"a multiple of {own:g} s", found=f"{width:g} s", remedy=remedy)
    first = round(window[0] / own)
    n_bins = (round(window[1] / own) - first) // n_within
    if n_bins < 1:
        found, remedy = f"{window[0]:g} to {window[1]:g} s", "widen it"
        raise InputError("window", expected=f"one bin of {n_within * own:g} s or more", found=found, remedy=remedy)
    return first, n_bins, n_within


def _rows(recording: xr.Dataset, event: NDArray, offsets: NDArray, own: float, between: bool) -> NDArray[np.int64]:
    """The recording's bins ``(trial, offset)``; -1 where there is none, or it belongs to another trial."""
    time, owner = recording["time"].values, recording["trial_id"].values
    slack = BIN_TOLERANCE * own
    wanted = event[:, None] + offsets * own
    row = np.searchsorted(time, np.where(np.isfinite(wanted), wanted, -np.inf) + slack, side="right") - 1
    here = np.maximum(row, 0)
    near = (row >= 0) & np.isfinite(wanted) & (time[here] > wanted - own + slack)
    near &= (between & (owner[here] == -1)) | (owner[here] == recording["trial"].values[:, None])
    return np.where(near, row, -1)


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
