"""Labels that results keep, and checks of what is given."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, SelectionError, first_offenders


def whole(values: NDArray) -> NDArray[np.bool_]:
    """Where all units have a value, ``(...)`` of activity ``(..., unit)``."""
    flags: Any = np.isfinite(values)
    return flags.all(axis=-1)


def check_activity(
    activity: ArrayLike, *, least: int, most: int | None = 3, name: str = "activity"
) -> NDArray[np.float64]:
    """Activity as float64, with as many axes as it needs, of which the last is over units; NaN is allowed."""
    values = np.asarray(activity, dtype=float)
    if values.ndim < least or (most is not None and values.ndim > most) or not values.size:
        expected = "axes (condition, time, unit)" if least == 3 else "axes (..., unit)"
        raise InputError(name, expected=expected, found=f"shape {values.shape}", remedy="put units last")
    if np.isinf(values).any():
        raise InputError(name, expected="finite numbers or NaN", found="inf", remedy="leave those bins out")
    if not whole(values).any():
        raise InputError(name, expected="some bin with all units", found="NaN in all", remedy="leave units out")
    return values


def complete_times(activity: NDArray) -> NDArray[np.bool_]:
    """Times at which every condition and unit has a value ``(time,)``; some must."""
    kept: NDArray[np.bool_] = np.all(whole(activity), axis=0)
    if not kept.any():
        lacking = np.flatnonzero(~np.any(whole(activity), axis=1))
        found = f"none, and nothing at all in conditions {first_offenders(lacking)}" if lacking.size else "none"
        remedy = "leave those conditions out, or take a shorter window"
        raise InputError("activity", expected="times at which all conditions were recorded", found=found, remedy=remedy)
    return kept


def coordinates_of(data: xr.Dataset) -> dict[Hashable, xr.DataArray]:
    """Coordinates over condition, trial, time and unit."""
    return {name: values for name, values in data.coords.items() if values.dims}


def match_units(data: xr.Dataset, subspace: xr.Dataset) -> xr.Dataset:
    """The data's units in the order of the subspace's."""
    if "unit" not in subspace.coords or "unit" not in data.coords:
        n_data, n_found = data.sizes["unit"], subspace.sizes["unit"]
        if n_data != n_found:
            remedy = "give the same units, in the same order"
            raise SelectionError("averages", expected=f"{n_found} units", found=str(n_data), remedy=remedy)
        return data
    absent = np.setdiff1d(subspace["unit"].values, data["unit"].values)
    if absent.size:
        remedy = "for other units, turn their own scores with align_scores"
        raise SelectionError(
            "averages", expected="the units of the components", found=f"no {first_offenders(absent)}", remedy=remedy
        )
    return data.sel(unit=subspace["unit"].values)
