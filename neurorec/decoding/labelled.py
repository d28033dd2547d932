"""Predictivity against time for the units of a recording."""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurorec.decoding.over_time import condition_of
from neurorec.decoding.predictivity import MapName, predictivity_over_time
from neurorec.decoding.windows import cut_windows
from neurorec.recording import SelectionError, first_offenders


def unit_predictivity(
    recording: xr.Dataset,
    condition: str | ArrayLike,
    features: xr.DataArray,
    *,
    event: str | ArrayLike = "start",
    window: tuple[float, float] = (0.0, 0.4),
    width: float | None = None,
    step: float | None = None,
    mapping: MapName = "ridge",
    n_components: int = 20,
    n_folds: int = 10,
    n_splits: int = 20,
    min_ceiling: float = 0.1,
    rng: np.random.Generator,
) -> xr.Dataset:
    """What features of the conditions that do not change in time explain of each unit at each time.

    Repeats are the trials of a condition; trials with unrecorded bins are left out, and so are conditions with fewer
    than two trials. See `predictivity_over_time` for the score and what biases it.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording with trials.
    condition : str or array_like (trial,)
        Column with the condition of each trial (an image, say), or the conditions.
    features : xarray.DataArray (condition, feature)
        With a coordinate ``condition`` that holds the same names.
    event, window, width, step
        As in `decode_over_time`.
    mapping, n_components, n_folds, n_splits, min_ceiling
        As in `predictivity_over_time`.
    rng : numpy.random.Generator
        Folds and halves.

    Returns
    -------
    xarray.Dataset
        ``explained``, ``raw``, ``ceiling`` and ``reason``, each (time, unit), with the coordinates ``area (unit)`` and
        ``time`` (s, end of the window); ``predicted`` and ``observed`` (condition, time, unit).

    Raises
    ------
    SelectionError
        Conditions without features.

    Examples
    --------
    >>> from neurorec.datasets import simulate_delays
    >>> rng = np.random.default_rng(0)
    >>> recording = simulate_delays({"easy": 0.1}, n_conditions=20, rng=rng)
    >>> names = np.unique(recording["condition"])
    >>> side = np.array([[1.0 - 2.0 * (int(name.split()[1]) % 2)] for name in names])
    >>> features = xr.DataArray(side, dims=("condition", "feature"), coords={"condition": names})
    >>> found = unit_predictivity(recording, "condition", features, window=(0, 0.3), n_folds=5, rng=rng)
    >>> late = found["explained"].sel(time=slice(0.15, 0.3))
    >>> bool(late.mean() > 0.6), dict(found["explained"].sizes)
    (True, {'time': 30, 'unit': 40})
    """
    label, names = condition_of(recording, condition)
    known = features["condition"].values.astype(str).tolist()
    if set(names) - set(known):
        lost = first_offenders(sorted(set(names) - set(known)))
        raise SelectionError("features", expected="a row per condition", found=f"none for {lost}", remedy="add them")
    cut = cut_windows(recording, event=event, window=window, width=width, step=step)
    whole = np.isfinite(cut.activity).all(axis=(1, 2))
    rows = {name: np.flatnonzero((label == name) & whole) for name in names}
    rows = {name: trials for name, trials in rows.items() if trials.size >= 2}
    rates = np.full((len(rows), max((r.size for r in rows.values()), default=0), *cut.activity.shape[1:]), np.nan)
    for i, trials in enumerate(rows.values()):
        rates[i, : trials.size] = cut.activity[trials]
    given = features.transpose("condition", ...).values[[known.index(name) for name in rows]]
    options = {"n_components": n_components, "n_folds": n_folds, "n_splits": n_splits, "min_ceiling": min_ceiling}
    found = predictivity_over_time(given, rates, mapping=mapping, **options, rng=rng)
    values = found._asdict()
    result = xr.Dataset(
        {
            **{k: (("time", "unit"), values[k]) for k in ("explained", "raw", "ceiling", "reason")},
            **{k: (("condition", "time", "unit"), values[k]) for k in ("predicted", "observed")},
        },
        coords={
            "time": cut.time,
            "unit": recording["unit"].values,
            "area": ("unit", recording["area"].values.astype(str)),
            "condition": list(rows),
        },
    )
    result.attrs.update(mapping=mapping, min_ceiling=float(min_ceiling))
    return result
