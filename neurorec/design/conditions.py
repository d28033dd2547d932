"""Conditions: how the values of trial columns become weights of an event."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

MOST_LEVELS = 8  # a number with more values than this is a quantity, not a category


def is_quantity(values: NDArray) -> bool:
    """Whether a trial column is a quantity (many numbers) rather than a category.

    Examples
    --------
    >>> is_quantity(np.array([0.0, 0.25, 0.5, 1.0])), is_quantity(np.linspace(0, 1, 50))
    (False, True)
    """
    return values.dtype.kind in "iuf" and len(levels(values)) > MOST_LEVELS


def levels(values: NDArray) -> list:
    """Distinct values of a trial column in order, without missing ones.

    Examples
    --------
    >>> levels(np.array(["right", "left", "", "right"]))
    ['left', 'right']
    """
    return np.unique(values[~_missing(values)]).tolist()


def condition_weights(
    recording: xr.Dataset, by: tuple[str, ...], *, interaction: bool = False
) -> tuple[NDArray[np.float64], list[str]]:
    """Weights of a trial's event: 1 for the event itself, then each condition's.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording with trials.
    by : tuple of str
        Trial columns.
    interaction : bool
        One weight for each combination of values instead of one for each value of each column.

    Returns
    -------
    weights : ndarray (trial, weight)
        Category: 1 where the trial has the value. Quantity: the standardised number, 0 where missing.
    labels : list of str (weight,)
        ``""`` for the event itself.
    """
    n_trials = recording.sizes["trial"]
    weights, labels = [np.ones(n_trials)], [""]
    if interaction and by:
        for combination in sorted(set(c for c in condition_labels(recording, by) if c)):
            weights.append((np.array(condition_labels(recording, by)) == combination).astype(float))
            labels.append(combination)
        return np.column_stack(weights), labels
    for name in by:
        values = recording[name].values
        if is_quantity(values):
            weights.append(_standardised(values.astype(float)))
            labels.append(name)
            continue
        for level in levels(values):
            weights.append((values == level).astype(float))
            labels.append(f"{name}={_short(level)}")
    return np.column_stack(weights), labels


def condition_labels(recording: xr.Dataset, by: tuple[str, ...]) -> list[str]:
    """The condition of each trial in words; quantities are cut into quarters.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording with trials.
    by : tuple of str
        Trial columns; with none, all trials are of one condition.

    Returns
    -------
    list of str (trial,)
        ``""`` where a value is missing.
    """
    labels = [[] for _ in range(recording.sizes["trial"])]
    unknown = np.zeros(len(labels), dtype=bool)
    for name in by:
        values = recording[name].values
        unknown |= _missing(values)
        if is_quantity(values):
            quarters = np.nanquantile(values, [0.25, 0.5, 0.75])
            values = np.searchsorted(quarters, values)
        for label, value in zip(labels, values.tolist(), strict=True):
            label.append(f"{name}={_short(value)}")
    return ["" if gone else ", ".join(label) or "all" for label, gone in zip(labels, unknown, strict=True)]


def _missing(values: NDArray) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return ~np.isfinite(values)
    if values.dtype.kind in "US":
        return np.isin(values, ["", "nan", "NaN", "None"])
    return np.zeros(values.shape, dtype=bool)


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = np.nanstd(values)
    scaled = (values - np.nanmean(values)) / (spread if spread > 0 else 1.0)
    return np.nan_to_num(scaled, nan=0.0, posinf=0.0, neginf=0.0)


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
