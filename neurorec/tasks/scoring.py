"""How well outputs do trials: fractions correct and fractions of variance, where the mask says that it counts."""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, check_array


def check_outputs(trials: xr.Dataset, outputs: ArrayLike) -> NDArray:
    """Outputs as an array ``(trial, time, output)`` that fits the trials, or `InputError`."""
    outputs = np.asarray(outputs)
    if outputs.dtype.kind not in "biuf":
        check_array("outputs", outputs, "(trial, time, output)", remedy="run the network on these trials")
    if outputs.shape != trials["targets"].shape:
        expected = f"shape {trials['targets'].shape} (trial, time, output)"
        raise InputError(
            "outputs", expected=expected, found=str(outputs.shape), remedy="run the network on these trials"
        )
    return outputs


def highest(trials: xr.Dataset, outputs: ArrayLike) -> NDArray[np.int64]:
    """Which output is the highest ``(trial, time)``; -1 where one is NaN, so that a network gone astray is wrong."""
    outputs = check_outputs(trials, outputs)
    return np.where(np.isnan(outputs).any(axis=-1), -1, outputs.argmax(axis=-1))


def variance_explained(trials: xr.Dataset, outputs: ArrayLike) -> float:
    """``1 - sum m (y - f)^2 / sum m (y - mean y)^2`` over trials, steps and outputs, m the mask.

    The mean is each output's own, over the same steps; so 0 is the best constant. NaN where targets do not vary, or
    nothing is asked.
    """
    outputs = check_outputs(trials, outputs)
    weight = trials["mask"].values[:, :, None].astype(float)
    targets = trials["targets"].values
    mean = (weight * targets).sum(axis=(0, 1)) / (weight.sum() or np.nan)
    total = (weight * (targets - mean) ** 2).sum()
    return float(1 - (weight * (targets - outputs) ** 2).sum() / total) if total > 0 else float("nan")


def fraction_of_steps(trials: xr.Dataset, correct: NDArray) -> float:
    """Mean of ``correct (trial, time)``, weighted by the mask; NaN where nothing is asked."""
    weight = trials["mask"].values
    return float((weight * correct).sum() / (weight.sum() or np.nan))


def mean_output(trials: xr.Dataset, outputs: ArrayLike) -> NDArray:
    """Mean of the outputs over the steps that count ``(trial, output)``, weighted by the mask: what was answered."""
    outputs = check_outputs(trials, outputs)
    weight = trials["mask"].values
    with np.errstate(invalid="ignore"):
        return np.einsum("ti,tio->to", weight, outputs) / weight.sum(axis=1, keepdims=True)


def rate_by(trials: xr.Dataset, column: str, values: ArrayLike, *, name: str) -> xr.Dataset:
    """Mean of a per-trial value by the levels of a condition.

    Parameters
    ----------
    trials : xarray.Dataset
        With the column.
    column : str
        A condition ``(trial)``.
    values : array-like (trial,)
        Such as whether "right" was chosen.
    name : str
        What the mean is called.

    Returns
    -------
    xarray.Dataset
        ``<name> (<column>)`` and ``n_trials (<column>)``.
    """
    levels, row = np.unique(trials[column].values, return_inverse=True)
    n_trials = np.bincount(row, minlength=levels.size)
    mean = np.bincount(row, weights=np.asarray(values, dtype=float), minlength=levels.size) / n_trials
    return xr.Dataset({name: (column, mean), "n_trials": (column, n_trials)}, coords={column: levels})
