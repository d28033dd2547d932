"""Scores: held-out deviance turned into what is explained."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray


def score_folds(null: xr.Dataset, fits: dict[str, xr.Dataset], fold: NDArray[np.int64]) -> xr.Dataset:
    """Fraction of deviance explained of every model, by fold and over all folds.

    ``1 - D_model / D_null``, D summed over held-out trials, the null being the mean of the held-out data themselves.

    Parameters
    ----------
    null : xarray.Dataset
        From `null_fit`: ``deviance`` and ``events (unit, trial)``.
    fits : dict of str to xarray.Dataset
        Each model's ``deviance (unit, trial)``.
    fold : ndarray of int (trial,)
        Outer fold of each trial.

    Returns
    -------
    xarray.Dataset
        ``fde (unit, fold, model)``, missing where a unit's activity does not vary in the fold (no spike), or in none of
        the others;
        ``unit_fde (unit, model)`` pooled over the folds that are not missing;
        ``bits_per_spike (unit, fold, model)``, the gain in log2 likelihood over the null per event;
        ``scored (unit, trial)``, the trials that count.
    """
    names = list(fits)
    member = fold[:, None] == np.arange(fold.max() + 1)
    in_fold = null["events"].values @ member
    possible = _possible(null, member)
    scored = scored_trials(null, fold)
    model = np.stack([fits[name]["deviance"].values for name in names], axis=-1)
    by_fold = np.einsum("utm,tf->ufm", np.where(scored[:, :, None], model, 0), member)
    null_fold = np.where(scored, null["deviance"].values, 0.0) @ member
    with np.errstate(divide="ignore", invalid="ignore"):
        fde = np.where(possible[:, :, None], 1 - by_fold / null_fold[:, :, None], np.nan)
        pooled = 1 - by_fold.sum(axis=1) / null_fold.sum(axis=1, keepdims=True)
        bits = (null_fold[:, :, None] - by_fold) / 2 / in_fold[:, :, None] / np.log(2)
    return xr.Dataset(
        {
            "fde": (("unit", "fold", "model"), fde),
            "unit_fde": (("unit", "model"), np.where(possible.any(axis=1, keepdims=True), pooled, np.nan)),
            "bits_per_spike": (("unit", "fold", "model"), np.where(possible[:, :, None], bits, np.nan)),
            "scored": (("unit", "trial"), scored),
        },
        coords={"model": names},
    )


def scored_trials(null: xr.Dataset, fold: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which trials count for each unit: those of folds in which it varies, where it varies in another fold as well.

    Parameters
    ----------
    null : xarray.Dataset
        From `null_fit`.
    fold : ndarray of int (trial,)
        Outer fold of each trial.

    Returns
    -------
    ndarray of bool (unit, trial)
    """
    possible = _possible(null, fold[:, None] == np.arange(fold.max() + 1))
    return possible[:, fold] & np.isfinite(null["deviance"].values)


def _possible(null: xr.Dataset, member: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Folds ``(unit, fold)`` that can be scored."""
    varies = np.asarray(null["events"].values @ member > 0)
    varies &= np.nan_to_num(null["deviance"].values) @ member > 0
    return np.asarray(varies & (varies.sum(axis=1, keepdims=True) - varies > 0))


def pooled_gain(
    null: NDArray, without: NDArray, with_: NDArray, scored: NDArray, weight: NDArray | None = None
) -> NDArray[np.float64]:
    """Fraction of deviance that one model explains beyond another, for each unit.

    ``sum_t w_t (D_without - D_with) / sum_t w_t D_null`` over scored trials.

    Parameters
    ----------
    null, without, with_ : ndarray (unit, trial)
        Held-out deviances; a trial that one of them lacks does not count.
    scored : ndarray of bool (unit, trial)
        Trials that count.
    weight : ndarray (draw, trial), optional
        How often each trial counts in each bootstrap draw; once by default.

    Returns
    -------
    ndarray (unit,), or (draw, unit) with weights
        Missing where nothing is scored.
    """
    scored = scored & np.isfinite(null) & np.isfinite(without) & np.isfinite(with_)
    gain = np.where(scored, without - with_, 0.0)
    base = np.where(scored, null, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        if weight is None:
            return np.where(scored.any(axis=1), gain.sum(axis=1) / base.sum(axis=1), np.nan)
        return np.where(scored.any(axis=1), (weight @ gain.T) / (weight @ base.T), np.nan)
