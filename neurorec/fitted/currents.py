"""Currents between areas: what each area of a data-constrained network gives to each other over time."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.fitted.constrained import ConstrainedFit, smoothing_bins, targets_of
from neurorec.fitted.stretches import cut_stretches
from neurorec.recording import InputError


class Currents(NamedTuple):
    """Currents into every unit, by where they come from.

    Attributes
    ----------
    area : ndarray of str (source area,)
        Names, sorted.
    current : ndarray (source area, time, unit)
        They add up to the whole recurrent current.
    strength : ndarray (target area, source area)
        Root mean square over the time and units of the target area.
    """

    area: NDArray[np.str_]
    current: NDArray[np.float64]
    strength: NDArray[np.float64]


def decompose_currents(recurrent: ArrayLike, rates: ArrayLike, area: ArrayLike) -> Currents:
    r"""Split the recurrent current of each unit by the area it comes from.

    :math:`I_i^{(s)}(t) = \sum_{j \in s} J_{ij}\, r_j(t)` (Perich et al. 2021, doi:10.1101/2020.12.18.423348).

    Parameters
    ----------
    recurrent : array-like (unit, source unit)
        J.
    rates : array-like (time, unit)
        r.
    area : array-like of str (unit,)

    Returns
    -------
    Currents

    Raises
    ------
    InputError
        For shapes that disagree.

    Examples
    --------
    >>> found = decompose_currents([[0.0, 2.0], [1.0, 0.0]], [[1.0, 3.0]], ["V1", "PPC"])
    >>> found.area.tolist(), found.current[:, 0].tolist()
    (['PPC', 'V1'], [[6.0, 0.0], [0.0, 1.0]])
    """
    J, r, names = np.asarray(recurrent, dtype=float), np.asarray(rates, dtype=float), np.asarray(area).astype(str)
    if r.ndim != 2 or J.shape != (r.shape[1],) * 2 or names.shape != r.shape[1:]:
        found = f"{J.shape}, {r.shape} and {names.shape}"
        expected = "recurrent (unit, unit), rates (time, unit) and area (unit,)"
        raise InputError("currents", expected=expected, found=found, remedy="give one area a unit")
    areas = np.unique(names)
    current = np.stack([r[:, names == a] @ J[:, names == a].T for a in areas])
    power = np.square(current).mean(axis=1)  # (source area, unit)
    strength = np.stack([np.sqrt(power[:, names == a].mean(axis=1)) for a in areas])
    return Currents(areas, current, strength)


def area_currents(fit: ConstrainedFit, recording: xr.Dataset, *, smoothing: float | None = None) -> xr.Dataset:
    """What a data-constrained network did in the trials of its recording, and the currents between its areas.

    Parameters
    ----------
    fit : ConstrainedFit
        Of `fit_constrained` on the same recording.
    recording : xarray.Dataset
    smoothing : float, optional
        As in `fit_constrained`.

    Returns
    -------
    xarray.Dataset
        ``rate`` and ``target (time, unit)``, of the network and of the recording, as shares of each unit's largest;
        ``current (source_area, time, unit)``, which add up to the recurrent current; ``strength (target_area,
        source_area)``, their root mean square; ``explained`` and ``explained_free (pass)``, pVar with learning going on
        and without (missing between looks). ``attrs``: ``status``, ``converged`` (1 or 0), ``tau`` and ``bin_width``
        (s).

    Raises
    ------
    InputError
        For another recording.

    Examples
    --------
    >>> from neurorec.datasets import SimulatedArea, simulate_recording
    >>> from neurorec.fitted.constrained import ConstrainedSettings, fit_constrained
    >>> areas = [SimulatedArea("V1", 4), SimulatedArea("PPC", 3)]
    >>> recording = simulate_recording(areas, n_trials=5, rng=np.random.default_rng(0))
    >>> settings = ConstrainedSettings(tau=0.1, steps_per_bin=2, max_passes=20)
    >>> fit = fit_constrained(recording, settings=settings, rng=np.random.default_rng(1))
    >>> area_currents(fit, recording)["strength"].dims
    ('target_area', 'source_area')
    """
    cut = cut_stretches(recording)
    bins = cut.bins[cut.inside]
    if fit.rates.shape != (bins.size, recording.sizes["unit"]):
        found, expected = f"{bins.size} bins of {recording.sizes['unit']} units", f"the fit's, {fit.rates.shape}"
        raise InputError("recording", expected=expected, found=found, remedy="pass the one it was fitted to")
    target, _ = targets_of(cut, smoothing_bins(recording, smoothing), fit.scale)
    found = decompose_currents(fit.recurrent, fit.rates, recording["area"].values)
    share = {"units": "of the largest rate"}
    coords = {name: recording[name].variable[bins] for name in ("time", "segment", "trial_id")}
    return xr.Dataset(
        {
            "rate": (("time", "unit"), fit.rates, share),
            "target": (("time", "unit"), target[cut.inside], share),
            "current": (("source_area", "time", "unit"), found.current),
            "strength": (("target_area", "source_area"), found.strength),
            "explained": ("pass", fit.explained),
            "explained_free": ("pass", fit.explained_free),
        },
        coords={
            **coords,
            "unit": recording["unit"].variable,
            "area": recording["area"].variable,
            "source_area": found.area,
            "target_area": found.area,
            "pass": np.arange(1, len(fit.explained) + 1),
        },
        attrs={
            "status": fit.status,
            "converged": int(fit.converged),
            "tau": fit.tau,
            "bin_width": fit.bin_width,
        },
    )
