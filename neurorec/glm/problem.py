"""One fitting problem, checked and laid out for the solvers: units by time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.design_operator import MaskedDesign, as_design, check_finite
from neurorec.glm.losses import Family, check_response, family_of
from neurorec.recording import InputError


class Problem(NamedTuple):
    """Everything a solver reads but the penalty."""

    design: MaskedDesign
    Y: NDArray  # (unit, time)
    W: NDArray | None  # (unit, time) or (1, time), mean 1 over time; None for equal weights
    offset: NDArray | None  # (unit, time)
    family: Family
    mean: NDArray  # (unit,) weighted mean response, NaN where a unit was never observed
    null: NDArray  # (unit,) weighted mean half-deviance from that mean, 0 where the unit is constant


def build_problem(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    family: str,
    allowed: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
) -> Problem:
    """Check what the user gave and lay it out; bins of weight 0 for every unit are left out and may hold anything.

    Parameters
    ----------
    X : array_like (time, feature)
        Design, float32 or float64 (anything else becomes float64); all work is done in its type.
    Y : array_like (time, unit)
        Responses.
    family : {"poisson", "bernoulli", "gaussian"}
        Distribution of the responses.
    allowed : array_like of bool (unit, feature), optional
        False where a coefficient must be 0.
    sample_weight : array_like (time,) or (time, unit), optional
        Non-negative weights; responses of weight 0 may be missing.
    offset : array_like (time, unit), optional
        Known part of the linear predictor.

    Returns
    -------
    Problem
        Arrays of the type of X.

    Raises
    ------
    InputError
        Where shapes disagree, a value is not finite or out of the family's range.
    """
    X, Y, weight, offset = _used_bins(*check_shapes(X, Y, sample_weight, offset))
    check_finite(X)
    Y = np.ascontiguousarray(Y.T, dtype=X.dtype)
    offset = None if offset is None else np.ascontiguousarray(offset.T, dtype=X.dtype)
    W = None
    if weight is not None:
        mass = weight.mean(axis=0, dtype=np.float64)
        W = np.ascontiguousarray((weight / np.where(mass > 0, mass, 1)).T, dtype=X.dtype)
        for values in (Y, offset):
            if values is not None:
                values[np.broadcast_to(W == 0, values.shape)] = 0
    kind = family_of(family)
    check_response(Y, kind)
    if offset is not None and not np.isfinite(offset).all():
        raise InputError("offset", expected="finite values", found="NaN or infinity", remedy="leave those bins out")
    mean, null = _null(Y, W, kind)
    return Problem(MaskedDesign(X, _check_allowed(allowed, X, len(Y)), len(Y)), Y, W, offset, kind, mean, null)


def check_shapes(
    X: ArrayLike, Y: ArrayLike, sample_weight: ArrayLike | None, offset: ArrayLike | None
) -> tuple[NDArray, NDArray, NDArray | None, NDArray | None]:
    """Design, responses, weights as (time, unit) or (time, 1), offset."""
    X, Y = as_design(X), np.asarray(Y)
    if Y.ndim != 2 or len(Y) != len(X):
        raise InputError("Y", expected=f"({len(X)}, unit)", found=str(Y.shape), remedy="match its bins to those of X")
    weight = None
    if sample_weight is not None:
        weight = np.asarray(sample_weight, dtype=np.float64)
        weight = weight[:, None] if weight.ndim == 1 else weight
        if weight.shape not in ((len(X), 1), Y.shape):
            raise InputError(
                "sample_weight",
                expected=f"({len(X)},) or {Y.shape}",
                found=str(weight.shape),
                remedy="give one weight per bin, or per bin and unit",
            )
        if not (np.isfinite(weight) & (weight >= 0)).all() or not weight.any():
            found = "a negative or missing one" if weight.any() else "every weight zero"
            raise InputError("sample_weight", expected="weights >= 0, some > 0", found=found, remedy="use 0 and 1")
    if offset is not None:
        offset = np.asarray(offset)
        if offset.shape != Y.shape:
            raise InputError("offset", expected=str(Y.shape), found=str(offset.shape), remedy="match it to Y")
    return X, Y, weight, offset


def _used_bins(
    X: NDArray, Y: NDArray, weight: NDArray | None, offset: NDArray | None
) -> tuple[NDArray, NDArray, NDArray | None, NDArray | None]:
    """Leave out the bins that no unit uses: they cost time and may hold anything."""
    if weight is None:
        return X, Y, weight, offset
    used = (weight > 0).any(axis=1)
    if used.all():
        return X, Y, weight, offset
    return X[used], Y[used], weight[used], None if offset is None else offset[used]


def _check_allowed(allowed: ArrayLike | None, X: NDArray, n_units: int) -> NDArray | None:
    """The mask, with columns that do not vary taken out: beside a free intercept they say nothing."""
    varies = X.max(axis=0, initial=-np.inf) > X.min(axis=0, initial=np.inf)
    if allowed is None:
        return None if varies.all() else np.broadcast_to(varies, (n_units, X.shape[1]))
    allowed = np.asarray(allowed)
    if allowed.shape != (n_units, X.shape[1]) or allowed.dtype != bool:
        raise InputError(
            "allowed",
            expected=f"booleans {(n_units, X.shape[1])}, (unit, feature)",
            found=f"{allowed.dtype} {allowed.shape}",
            remedy="True where a unit may use a column",
        )
    return allowed if varies.all() else allowed & varies


def _null(Y: NDArray, W: NDArray | None, family: Family) -> tuple[NDArray, NDArray]:
    """Weighted mean and mean half-deviance from it, one unit at a time: float64 copies of all would be large."""
    n_units = len(Y)
    mean, null = np.full(n_units, np.nan), np.zeros(n_units)
    for unit in range(n_units):
        weight = np.ones(1) if W is None else W[min(unit, len(W) - 1)].astype(np.float64)
        if not weight.any():
            continue
        y = Y[unit].astype(np.float64)
        mean[unit] = np.mean(weight * y)
        seen = y[weight > 0] if weight.size > 1 else y
        if seen.max() > seen.min():
            null[unit] = 0.5 * np.mean(weight * family.deviance(y, mean[unit]))
    return mean, null
