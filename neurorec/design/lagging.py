"""Filtering in runs: what the past of a signal contributes to each bin, never across an edge."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.design.bases import Basis
from neurorec.recording import InputError

_CROSSED = "filters_cross_trials"


class Runs(NamedTuple):
    """Contiguous bins of one segment and one trial (of one segment, see `cross_trials`); no filter leaves its run.

    Attributes
    ----------
    label : ndarray of int (time,)
        Which run each bin belongs to.
    before, after : ndarray of int (time,)
        Bins of the same run before and after each bin.
    bin_width : float
        Seconds.
    """

    label: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    bin_width: float


def find_runs(recording: xr.Dataset) -> Runs:
    """Cut a recording's bins into runs.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording.

    Returns
    -------
    Runs

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> recording = recording_from_arrays([[0], [1], [2]], bin_width=0.1, time=[0.0, 0.1, 5.0])
    >>> find_runs(recording).label.tolist()
    [0, 0, 1]
    """
    edge = np.diff(recording["segment"].values) != 0
    if "trial_id" in recording.coords and not recording.attrs.get(_CROSSED):
        edge |= np.diff(recording["trial_id"].values) != 0
    label = np.concatenate([[0], np.cumsum(edge)])[: recording.sizes["time"]]
    first, last = np.searchsorted(label, label), np.searchsorted(label, label, side="right") - 1
    here = np.arange(label.size)
    return Runs(label, here - first, last - here, float(recording["activity"].attrs["bin_width"]))


def cross_trials(recording: xr.Dataset) -> xr.Dataset:
    """Let filters run from one trial into the next, as far as the recording is continuous.

    By default a filter sees nothing before the start of its own trial. Where measuring went on between trials, as in
    imaging, the past of a trial's first bin is known, and filters longer than a trial have a meaning.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording.

    Returns
    -------
    xarray.Dataset
        The same with ``attrs["filters_cross_trials"] = 1``, which `find_runs` goes by: filters still never cross the
        edge of a segment. Training and held-out trials then share predictors unless there is a gap between them.

    Examples
    --------
    >>> import pandas as pd
    >>> from neurorec.recording import recording_from_arrays
    >>> trials = pd.DataFrame({"start": [0.0, 0.2], "stop": [0.2, 0.4]})
    >>> recording = recording_from_arrays(np.zeros((4, 1)), bin_width=0.1, trials=trials)
    >>> find_runs(recording).label.tolist(), find_runs(cross_trials(recording)).label.tolist()
    ([0, 0, 1, 1], [0, 0, 0, 0])
    """
    return recording.assign_attrs({_CROSSED: 1})


def lags_in_bins(basis: Basis, bin_width: float) -> NDArray[np.int64]:
    """Lags of a basis that fall on whole bins.

    Parameters
    ----------
    basis : Basis
        Its window is in s.
    bin_width : float
        Seconds.

    Returns
    -------
    ndarray of int (lag,)

    Raises
    ------
    InputError
        When the window holds fewer lags than the basis has functions.
    """
    slack = 1e-6
    first, last = np.ceil(basis.window[0] / bin_width - slack), np.floor(basis.window[1] / bin_width + slack)
    lags = np.arange(int(first), int(last) + 1)
    if lags.size < basis.n:
        raise InputError(
            f"basis with window {basis.window} s",
            expected=f"at least {basis.n} bins for {basis.n} functions",
            found=f"{max(lags.size, 0)} bins of {bin_width:g} s",
            remedy="widen the window, use fewer functions or smaller bins",
        )
    return lags


def filter_in_runs(values: NDArray, basis: Basis, runs: Runs) -> NDArray[np.float32]:
    """Filter signals with every function of a basis.

    ``out[t, j, b] = sum_lag basis_b(lag) values[t - lag, j]``, over the lags that stay within the run of ``t``.

    Parameters
    ----------
    values : ndarray (time, signal)
        Any signals.
    basis : Basis
        Functions of lag.
    runs : Runs
        From `find_runs`.

    Returns
    -------
    ndarray of float32 (time, signal, basis)
    """
    values = np.asarray(values, dtype=np.float32)
    lags = lags_in_bins(basis, runs.bin_width)
    weights = basis(lags * runs.bin_width).astype(np.float32)
    out = np.zeros((*values.shape, basis.n), dtype=np.float32)
    for j, weight in enumerate(weights.T):
        # Summed in a buffer of its own: in `out` the bins of one function do not lie side by side.
        total = np.zeros_like(values)
        for lag in lags[(weight != 0) & (np.abs(lags) < len(values))]:
            target = slice(lag, None) if lag >= 0 else slice(None, lag)
            shifted = values[: values.shape[0] - lag] if lag >= 0 else values[-lag:]
            here = has_lag(runs, lag)[target]
            shifted = shifted if here.all() else np.where(here[:, None], shifted, 0)
            total[target] += weight[lag - lags[0]] * shifted
        out[:, :, j] = total
    return out


def has_lag(runs: Runs, lag: int) -> NDArray[np.bool_]:
    """Whether the bin ``lag`` bins ago (ahead, where negative) belongs to the same run ``(time,)``."""
    return runs.before >= lag if lag >= 0 else runs.after >= -lag


def has_whole_window(runs: Runs, basis: Basis) -> NDArray[np.bool_]:
    """Whether a filter's whole window lies within the run ``(time,)``."""
    lags = lags_in_bins(basis, runs.bin_width)
    return has_lag(runs, max(int(lags[-1]), 0)) & has_lag(runs, min(int(lags[0]), 0))
