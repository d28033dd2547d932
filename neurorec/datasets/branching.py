"""Simulated branching processes and networks, whose memory and distance from criticality are known."""

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, recording_from_arrays

_REST = 8.0  # time constants simulated before the first bin, after which e^-8 of the start is left
_MOST_REST = 20_000  # bins


def simulate_branching(
    m: float, *, drive: float, n_trials: int = 1, n_bins: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    r"""Simulate a Poisson branching process with immigration, stationary from the first bin.

    :math:`A_{t+1} \sim \mathrm{Poisson}(m A_t + h)`: each active unit has m successors on average, and h arrive from
    outside. Mean h / (1 - m), autocorrelation m^k.

    Parameters
    ----------
    m : float
        Branching ratio, 0 <= m < 1.
    drive : float
        h, arrivals per bin.
    n_trials, n_bins : int
        Independent runs, and their length.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    ndarray of int (trial, bin)
        Active units.

    Raises
    ------
    InputError
        Without a stationary state.

    Examples
    --------
    >>> activity = simulate_branching(0.9, drive=10, n_trials=20, n_bins=500, rng=np.random.default_rng(0))
    >>> bool(abs(activity.mean() - 100) < 5)
    True
    """
    if not 0 <= m < 1 or drive <= 0:
        raise InputError(
            "m, drive", expected="0 <= m < 1 and a drive above 0", found=f"{m}, {drive}", remedy="other values"
        )
    rest = min(_MOST_REST, int(_REST / -np.log(m)) + 1) if m else 1
    active = np.full(n_trials, round(drive / (1 - m)))
    out = np.empty((n_trials, n_bins), dtype=np.int64)
    for t in range(-rest, n_bins):
        active = rng.poisson(m * active + drive)
        if t >= 0:
            out[:, t] = active
    return out


def subsample_activity(activity: ArrayLike, share: float, *, rng: np.random.Generator) -> NDArray[np.int64]:
    """See each event with a probability, independently: what a few electrodes see of a large network.

    Parameters
    ----------
    activity : array_like of int (...)
        Events per bin.
    share : float
        Probability, above 0 and at most 1.
    rng : numpy.random.Generator
        Which are seen.

    Returns
    -------
    ndarray of int (...)

    Examples
    --------
    >>> subsample_activity([4, 0, 9], 1.0, rng=np.random.default_rng(0)).tolist()
    [4, 0, 9]
    """
    return rng.binomial(np.asarray(activity), share)


def simulate_branching_network(
    m: float,
    *,
    n_units: int = 100,
    drive: float | None = None,
    n_trials: int = 1,
    n_bins: int = 5_000,
    bin_width: float = 0.004,
    area: str = "",
    rng: np.random.Generator,
) -> xr.Dataset:
    r"""Simulate a fully connected network of binary units whose activity branches.

    Each active unit activates each other with probability m / n in the next bin:
    :math:`P(x_i(t+1) = 1) = 1 - (1 - m / n)^{A_t} e^{-h / n}`. The network is critical at m = 1, in as far as its size
    allows: two units that activate the same one lose a successor, so that avalanches are cut off near n units.

    Parameters
    ----------
    m : float
        Branching ratio, from 0 to n.
    n_units : int
        Size of the network.
    drive : float, optional
        h, units activated from outside per bin. By default a unit is activated only once the network has fallen
        silent, so that avalanches are apart: the limit of weak drive in which criticality is defined.
    n_trials, n_bins : int
        Independent runs, each a trial, and their length.
    bin_width : float
        Seconds.
    area : str
        Of all units.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    xarray.Dataset
        A recording, with ``attrs["branching_ratio"]``. The simulation begins silent; a tenth of the bins, and with a
        drive at least eight time constants, are left out before the first.

    Examples
    --------
    >>> recording = simulate_branching_network(0.8, n_units=10, n_bins=200, rng=np.random.default_rng(0))
    >>> dict(recording.sizes)["unit"], recording.attrs["branching_ratio"]
    (10, 0.8)
    """
    if not 0 <= m <= n_units or (drive is not None and drive <= 0):
        raise InputError(
            "m, drive", expected="0 <= m <= n_units, and a drive above 0", found=f"{m}, {drive}", remedy="other values"
        )
    rest = n_bins // 10
    if drive is not None and 0 < m < 1:
        rest = max(rest, int(min(_MOST_REST, _REST / -np.log(m))))
    silent = np.ones(n_trials, dtype=np.int64)
    active = np.zeros(n_trials, dtype=np.int64)
    out = np.zeros((n_trials, n_bins, n_units), dtype=np.uint8)
    for t in range(-rest, n_bins):
        chance = -np.expm1(
            active * np.log1p(-min(m / n_units, 1 - 1e-12)) - (0.0 if drive is None else drive / n_units)
        )
        active = np.where((active == 0) & (drive is None), silent, rng.binomial(n_units, chance))
        if t >= 0:
            # All units are alike: which ones are active is drawn given how many.
            rank = rng.random((n_trials, n_units)).argsort(axis=1)
            out[:, t] = rank < active[:, None]
    time = (np.arange(n_trials)[:, None] * (n_bins + 100) + np.arange(n_bins)) * bin_width
    return recording_from_arrays(
        out.reshape(-1, n_units),
        bin_width=bin_width,
        area=area,
        time=time.ravel(),
        segment=np.repeat(np.arange(n_trials), n_bins),
        trials=_trials(n_trials, n_bins, bin_width) if n_trials > 1 else None,
        attrs={"source": "simulated", "session": "simulated", "branching_ratio": float(m)},
    )


def _trials(n_trials: int, n_bins: int, bin_width: float) -> pd.DataFrame:
    start = np.arange(n_trials) * (n_bins + 100) * bin_width
    return pd.DataFrame({"start": start, "stop": start + n_bins * bin_width})
