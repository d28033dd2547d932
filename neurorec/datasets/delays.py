"""Simulated populations whose information arrives at a known time."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from neurorec.recording import InputError, recording_from_arrays

EASY_AND_HARD = {"easy": 0.10, "hard": 0.13}  # s; the 30 ms between them are those of Kar et al. 2019


def simulate_delays(
    delays: Mapping[str, float] = EASY_AND_HARD,
    *,
    areas: Mapping[str, float] | None = None,
    strength: Mapping[str, float] | float = 0.8,
    n_units: int = 40,
    n_conditions: int = 10,
    n_trials: int = 10,
    duration: float = 0.3,
    bin_width: float = 0.01,
    rate: float = 20.0,
    rise: float = 0.0,
    rng: np.random.Generator,
) -> xr.Dataset:
    r"""Simulate a recording in which what tells left from right arrives at a known time.

    :math:`y_i(t) \sim \mathrm{Poisson}(\Delta\, r_i\, e^{0.5 [t > 0.05] + s_g w_i c\, u(t - d)})` with the class
    :math:`c = \pm 1`, unit weights :math:`w_i` of standard deviation 1, and :math:`u` a step, or
    :math:`1 - e^{-t/\mathrm{rise}}`. The response that all trials share begins at 50 ms and tells nothing: firing
    comes before information.

    Parameters
    ----------
    delays : mapping of str to float
        Arrival of information by group of conditions, s.
    areas : mapping of str to float, optional
        Further delay by area, s; by default one area ``"IT"`` without.
    strength : float or mapping of str to float
        Of the information by group, :math:`s_g`, in units of log rate.
    n_units : int
        Per area.
    n_conditions, n_trials : int
        Conditions per group, half of each class, and trials per condition.
    duration, bin_width : float
        Of a trial and a bin, s.
    rate : float
        Median baseline, spikes/s.
    rise : float
        Time constant of the arrival, s; 0 for a step. With an exponential the half-way point is ``0.69 rise`` after
        the delay.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    xarray.Dataset
        A recording whose trials have `stimulus` (left or right), `condition`, `group` and the `true_delay` (s) of
        their group, without that of the area, which is in ``true_lag (unit)``.

    Raises
    ------
    InputError
        A strength that is missing for a group.

    Examples
    --------
    >>> recording = simulate_delays(n_conditions=2, n_trials=3, n_units=4, rng=np.random.default_rng(0))
    >>> recording["group"].values.tolist().count("hard"), dict(recording.sizes)
    (6, {'time': 360, 'unit': 4, 'trial': 12})
    """
    areas = {"IT": 0.0} if areas is None else areas
    strengths = dict.fromkeys(delays, strength) if isinstance(strength, int | float) else strength
    if set(strengths) != set(delays):
        raise InputError("strength", expected=f"one for each of {list(delays)}", found=str(strengths), remedy="add it")
    trials = _trials(delays, n_conditions, n_trials, duration, rng)
    n_bins, area = round(duration / bin_width), np.repeat(list(areas), n_units)
    lag = np.repeat(np.array(list(areas.values()), dtype=float), n_units)
    base = np.log(rate * bin_width) + rng.normal(0, 0.5, area.size)
    weight = rng.normal(0, 1, area.size)
    gain = np.array([strengths[g] for g in trials["group"]]) * np.where(trials["stimulus"] == "left", -1, 1)
    centre = (np.arange(n_bins) + 0.5) * bin_width
    past = centre[:, None] - trials["true_delay"].to_numpy()[:, None, None] - lag
    here = (past > 0) * (-np.expm1(-np.maximum(past, 0) / rise) if rise > 0 else 1.0)
    log_rate = base + 0.5 * (centre > 0.05)[:, None] + gain[:, None, None] * weight * here
    counts = rng.poisson(np.exp(np.minimum(log_rate, 0.0)))  # at most one spike expected per bin
    recording = recording_from_arrays(
        counts.reshape(-1, area.size),
        bin_width=bin_width,
        area=area.tolist(),
        time=(trials["start"].to_numpy()[:, None] + np.arange(n_bins) * bin_width).ravel(),
        segment=np.repeat(np.arange(len(trials)), n_bins),
        trials=trials,
        attrs={"source": "simulated", "session": "simulated delays"},
    )
    recording["true_lag"] = ("unit", lag)
    return recording


def _trials(
    delays: Mapping[str, float], n_conditions: int, n_trials: int, duration: float, rng: np.random.Generator
) -> pd.DataFrame:
    groups = np.repeat(list(delays), n_conditions)
    condition = np.repeat(np.arange(groups.size), n_trials)
    rng.shuffle(condition)
    start = 1.0 + np.arange(condition.size) * (duration + 0.5)
    return pd.DataFrame(
        {
            "start": start,
            "stop": start + duration,
            "stimulus": np.where(condition % 2 == 0, "left", "right"),
            "condition": [f"{groups[c]} {c % n_conditions}" for c in condition],
            "group": groups[condition],
            "true_delay": [delays[groups[c]] for c in condition],
        }
    )


class LateRecurrence(NamedTuple):
    """Responses that a feedforward predictor explains early and not late.

    Attributes
    ----------
    features : ndarray (condition, feature)
        What the predictor is given.
    rates : ndarray (condition, repeat, time, unit)
        Noisy responses.
    time : ndarray (time,)
        Seconds.
    explainable : ndarray (time,)
        True share of the variance over conditions that is linear in the features.
    """

    features: NDArray[np.float64]
    rates: NDArray[np.float64]
    time: NDArray[np.float64]
    explainable: NDArray[np.float64]


def simulate_late_recurrence(
    *,
    n_conditions: int = 120,
    n_features: int = 10,
    n_units: int = 30,
    n_repeats: int = 10,
    explainable: tuple[float, float] = (0.9, 0.4),
    noise: float = 1.0,
    rng: np.random.Generator,
) -> LateRecurrence:
    r"""Simulate responses whose linear part in given features shrinks from early to late.

    :math:`y_{crtu} = \sqrt{e_t}\, (x_c w_u) + \sqrt{1 - e_t}\, z_{cu} + \mathrm{noise}`, all parts of variance 1, with
    :math:`z` independent of the features, the first 50 ms without response, and :math:`e_t` the explainable share.

    Parameters
    ----------
    n_conditions, n_features, n_units, n_repeats : int
        Sizes.
    explainable : (float, float)
        Share before and after 150 ms.
    noise : float
        Standard deviation of a single repeat.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    LateRecurrence

    Examples
    --------
    >>> simulate_late_recurrence(rng=np.random.default_rng(0)).rates.shape
    (120, 10, 20, 30)
    """
    time = np.array([round(0.05 + 0.01 * i, 3) for i in range(20)])
    share = np.where(time < 0.15, *explainable)
    features = rng.standard_normal((n_conditions, n_features))
    linear = features @ rng.standard_normal((n_features, n_units)) / np.sqrt(n_features)
    other = rng.standard_normal((n_conditions, n_units))
    signal = np.sqrt(share)[:, None] * linear[:, None] + np.sqrt(1 - share)[:, None] * other[:, None]
    signal = np.where((time > 0.055)[:, None], signal, 0.0)
    rates = signal[:, None] + noise * rng.standard_normal((n_conditions, n_repeats, time.size, n_units))
    return LateRecurrence(features, rates, time, share)
