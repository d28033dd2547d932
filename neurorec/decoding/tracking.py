"""Units that track a signal, such as one that is active within quotes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, SelectionError, check_recording
from neurorec.recording import signals as signal_names

_MARGIN = 0.1  # share of the bins by which a signal is shifted at least, to either side
_GRAIN = 1e-20


class Tracking(NamedTuple):
    """How well one signal is tracked.

    Attributes
    ----------
    correlation : ndarray (unit,)
        Over all bins; NaN for units that do not vary.
    largest : ndarray (shuffle,)
        The largest absolute correlation of any unit with the signal shifted.
    chosen : ndarray (fold,)
        Place of the unit that tracks the signal best in the other folds, -1 where none varies.
    held_out : ndarray (fold,)
        Its correlation with the signal within the fold, its sign that of the correlation in the other folds.
    """

    correlation: NDArray[np.float64]
    largest: NDArray[np.float64]
    chosen: NDArray[np.int64]
    held_out: NDArray[np.float64]


def track_signal(
    signal: ArrayLike,
    activity: ArrayLike,
    fold: ArrayLike,
    *,
    observed: ArrayLike | None = None,
    n_shuffles: int = 200,
    rng: np.random.Generator,
) -> Tracking:
    """Correlate one signal with every unit, beside shifts of the signal, and on held-out bins.

    Parameters
    ----------
    signal : array_like (time,)
        Finite values.
    activity : array_like (time, unit)
        Of the same bins.
    fold : array_like of int (time,)
        Which fold a bin belongs to.
    observed : array_like of bool (time, unit), optional
        Where a unit was observed.
    n_shuffles : int
        Circular shifts of the signal, by a tenth of the bins or more.
    rng : numpy.random.Generator
        The shifts.

    Returns
    -------
    Tracking

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> activity = rng.standard_normal((300, 4))
    >>> found = track_signal(-activity[:, 2], activity, np.arange(300) // 100, rng=rng)
    >>> found.correlation.round(2).tolist()[2], found.chosen.tolist(), found.held_out.round(2).tolist()
    (-1.0, [2, 2, 2], [1.0, 1.0, 1.0])
    """
    signal, fold = np.asarray(signal, dtype=np.float64), np.asarray(fold)
    seen = np.isfinite(np.asarray(activity, dtype=np.float64))
    seen &= True if observed is None else np.asarray(observed, dtype=bool)
    activity = np.where(seen, activity, 0.0)
    correlation = _correlate(signal[None], activity, seen)[0]
    n, least = signal.size, int(np.ceil(_MARGIN * signal.size))
    shift = rng.integers(least, max(n - least, least + 1), size=n_shuffles)
    shifted = signal[(np.arange(n) - shift[:, None]) % n]
    largest = np.abs(np.nan_to_num(_correlate(shifted, activity, seen))).max(axis=1)
    chosen, held_out = [], []
    for k in np.unique(fold):
        inside = fold == k
        elsewhere = np.nan_to_num(_correlate(signal[None, ~inside], activity[~inside], seen[~inside])[0])
        best = int(np.abs(elsewhere).argmax())
        within = _correlate(signal[None, inside], activity[inside, best, None], seen[inside, best, None])[0, 0]
        chosen.append(best if elsewhere[best] else -1)
        held_out.append(np.sign(elsewhere[best]) * within if elsewhere[best] else np.nan)
    return Tracking(correlation, largest, np.array(chosen), np.array(held_out))


def tracking_units(
    recording: xr.Dataset,
    signals: Sequence[str] | str | None = None,
    *,
    n_best: int = 5,
    n_shuffles: int = 200,
    n_folds: int = 5,
    rng: np.random.Generator,
) -> xr.Dataset:
    """The units of a recording that track simple signals best, whether by chance, and whether still in other trials.

    For every signal s and unit x, Pearson's correlation over the bins of trials. The best of many units is well
    correlated with anything, and both change slowly; therefore the signal is shifted along the bins, circularly, by a
    tenth of them or more, which leaves how fast it changes as it is, and the p-value of a unit is the share of shifts
    in which *any* unit does as well: ``(1 + #(max_j |r_j shifted| >= |r_i|)) / (1 + n_shuffles)``. It holds for all
    units of a signal at once, not for many signals. And the unit that is best in some trials is looked at in others.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording with trials, of a brain or from `neurorec.networks.simulate`.
    signals : sequence of str, optional
        Signals of the recording; each channel of one counts by itself. By default all but the outputs of a network.
    n_best : int
        How many units are listed.
    n_shuffles : int
        Shifts: the smallest p-value is ``1 / (1 + n_shuffles)``.
    n_folds : int
        Folds of whole trials.
    rng : numpy.random.Generator
        Shifts and folds.

    Returns
    -------
    xarray.Dataset
        ``correlation`` and ``p_value (signal, unit)``; ``best_unit``, ``best_correlation`` and
        ``best_p_value (signal, rank)``, the best first; ``chosen_unit`` and ``held_out (signal, fold)``: the unit that
        is best in the other folds, and its correlation in this one, below 0 where the sign is not the same;
        ``null_95 (signal)``, which the best unit of 95 % of shifts stays below; ``n_bins (signal)``. Coordinate
        ``area (unit)``. Missing where a unit or a signal does not vary. Bins in which the signal is missing, or the
        unit is not observed, do not count.

    Raises
    ------
    SelectionError
        Without trials, or for a name that is no signal.
    InputError
        Fewer than two folds, more of them than trials, or no unit or shift asked for.

    References
    ----------
    Karpathy, Johnson & Fei-Fei 2015, arXiv:1506.02078: units of a character-level LSTM.

    Examples
    --------
    >>> from neurorec.datasets import simulate_recording
    >>> recording = simulate_recording(n_trials=40, rng=np.random.default_rng(0))
    >>> found = tracking_units(recording, ["running"], rng=np.random.default_rng(1))
    >>> dict(found["best_unit"].sizes), bool((found["best_p_value"].diff("rank") >= 0).all())
    ({'signal': 1, 'rank': 5}, True)
    """
    check_recording(recording)
    values = _channels(recording, signals)
    fold = _folds(recording, n_folds, rng)
    n_units = recording.sizes["unit"]
    if n_best < 1 or n_shuffles < 1:
        found = f"{n_best} and {n_shuffles}"
        raise InputError(
            "n_best and n_shuffles", expected="1 or more", found=found, remedy="the defaults are 5 and 200"
        )
    activity = recording["activity"].values
    observed = recording["observed"].values if "observed" in recording else None
    rows, n_bins = [], []
    for signal in values.values():
        use = (fold >= 0) & np.isfinite(signal)
        seen = None if observed is None else observed[use]
        rows.append(
            track_signal(signal[use], activity[use], fold[use], observed=seen, n_shuffles=n_shuffles, rng=rng)
            if np.unique(fold[use]).size == n_folds
            else _nothing(n_units, n_shuffles, n_folds)
        )
        n_bins.append(int(use.sum()))
    return _labelled(recording, list(values), rows, n_bins, min(n_best, n_units))


def _nothing(n_units: int, n_shuffles: int, n_folds: int) -> Tracking:
    """Of a signal that is missing in whole folds."""
    nan = np.full
    return Tracking(nan(n_units, np.nan), nan(n_shuffles, np.nan), nan(n_folds, -1), nan(n_folds, np.nan))


def _correlate(signal: NDArray, activity: NDArray, seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Pearson's correlation ``(signal, unit)`` over the bins in which each unit is seen; NaN where nothing varies."""
    n = np.maximum(seen.sum(axis=0), 1)
    level, raw = (signal**2).sum(axis=1, keepdims=True), (activity**2 * seen).sum(axis=0)
    signal = signal - signal.mean(axis=1, keepdims=True)
    activity = np.where(seen, activity - (activity * seen).sum(axis=0) / n, 0.0)
    power = (activity**2).sum(axis=0)
    spread = (signal**2) @ seen - (signal @ seen) ** 2 / n
    varies = (power > _GRAIN * raw) & (spread > _GRAIN * level)  # more than rounding leaves of a constant
    size = np.sqrt(np.maximum(spread * power, 0))
    return np.divide(signal @ activity, size, out=np.full(size.shape, np.nan), where=varies)


def _channels(recording: xr.Dataset, names: Sequence[str] | str | None) -> dict[str, NDArray[np.float64]]:
    """Every channel of the signals by itself ``(time,)``."""
    known = signal_names(recording)
    if names is None:
        names = [name for name in known if recording[name].attrs.get("role") != "output"]
    names = [names] if isinstance(names, str) else list(names)
    strange = [name for name in names if name not in known]
    names = [name for name in names if name in strange or recording[name].size]  # a signal may have no channel
    if strange or not names:
        expected = f"signals of the recording ({', '.join(known) or 'it has none'})"
        raise SelectionError("signals", expected=expected, found=", ".join(strange) or "none", remedy="name some")
    out: dict[str, NDArray[np.float64]] = {}
    for name in names:
        signal = recording[name]
        values = signal.values.reshape(len(signal), -1).astype(np.float64)
        labels = signal[signal.dims[-1]].values if signal.ndim == 2 else np.arange(values.shape[1])
        single = signal.ndim == 1
        out |= {name if single else f"{name} [{label}]": column for label, column in zip(labels, values.T, strict=True)}
    return out


def _folds(recording: xr.Dataset, n_folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Fold of each bin, -1 outside of trials; whole trials are dealt at random."""
    if "trial" not in recording.sizes:
        raise SelectionError("recording", expected="trials", found="none", remedy="add blocks with add_blocks")
    trials = recording["trial"].values
    if not 2 <= n_folds <= trials.size:
        raise InputError("n_folds", expected=f"2 to {trials.size}", found=str(n_folds), remedy="5 is usual")
    dealt = rng.permutation(np.arange(trials.size) % n_folds)
    owner = recording["trial_id"].values
    place = np.searchsorted(trials, owner, sorter=np.argsort(trials)).clip(0, trials.size - 1)
    return np.where(owner >= 0, dealt[np.argsort(trials)[place]], -1)


def _labelled(
    recording: xr.Dataset, names: list[str], rows: list[Tracking], n_bins: list[int], n_best: int
) -> xr.Dataset:
    correlation = np.stack([row.correlation for row in rows])
    strength = np.nan_to_num(np.abs(correlation), nan=-1.0)
    beaten = np.stack([(row.largest[:, None] >= np.abs(row.correlation)).sum(axis=0) for row in rows])
    p_value = np.where(np.isfinite(correlation), (1 + beaten) / (1 + rows[0].largest.size), np.nan)
    best = np.argsort(-strength, axis=1, kind="stable")[:, :n_best]
    unit = recording["unit"].values
    chosen = np.stack([row.chosen for row in rows])
    return xr.Dataset(
        {
            "correlation": (("signal", "unit"), correlation),
            "p_value": (("signal", "unit"), p_value),
            "best_unit": (("signal", "rank"), unit[best]),
            "best_correlation": (("signal", "rank"), np.take_along_axis(correlation, best, axis=1)),
            "best_p_value": (("signal", "rank"), np.take_along_axis(p_value, best, axis=1)),
            "chosen_unit": (("signal", "fold"), unit[np.maximum(chosen, 0)]),
            "held_out": (("signal", "fold"), np.stack([row.held_out for row in rows])),
            "null_95": ("signal", [float(np.quantile(row.largest, 0.95)) for row in rows]),
            "n_bins": ("signal", n_bins),
        },
        coords={
            "signal": names,
            "unit": unit,
            "area": ("unit", recording["area"].values.astype(str)),
            "rank": np.arange(1, n_best + 1),
            "fold": np.arange(chosen.shape[1]),
        },
        attrs={"n_shuffles": rows[0].largest.size},
    )
