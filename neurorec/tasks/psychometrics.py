"""What was answered by two conditions at once, as a table."""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike


def rate_by_two(trials: xr.Dataset, columns: tuple[str, str], values: ArrayLike, *, name: str) -> xr.Dataset:
    """Mean of a per-trial value by the levels of two conditions.

    Parameters
    ----------
    trials : xarray.Dataset
        With the columns.
    columns : (str, str)
        Conditions ``(trial)``.
    values : array-like (trial,)
        Such as whether "right" was chosen.
    name : str
        What the mean is called.

    Returns
    -------
    xarray.Dataset
        ``<name> (first, second)``, NaN for a pair that no trial has, and ``n_trials (first, second)``.

    Examples
    --------
    >>> trials = xr.Dataset({"side": ("trial", ["l", "r", "r"]), "delay": ("trial", [1, 1, 2])})
    >>> rate_by_two(trials, ("side", "delay"), [1, 0, 1], name="right")["right"].values.tolist()
    [[1.0, nan], [0.0, 1.0]]
    """
    (rows, row), (lines, line) = (np.unique(trials[column].values, return_inverse=True) for column in columns)
    shape = rows.size, lines.size
    cell = row * lines.size + line
    n_trials = np.bincount(cell, minlength=rows.size * lines.size)
    total = np.bincount(cell, weights=np.asarray(values, dtype=float), minlength=n_trials.size)
    mean = np.divide(total, n_trials, out=np.full(n_trials.size, np.nan), where=n_trials > 0)
    return xr.Dataset(
        {name: (columns, mean.reshape(shape)), "n_trials": (columns, n_trials.reshape(shape))},
        coords={columns[0]: rows, columns[1]: lines},
    )
