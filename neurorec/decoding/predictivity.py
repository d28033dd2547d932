"""How well a feedforward predictor, whose output does not change in time, explains responses early and late."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import RidgeCV

from neurorec.recording import InputError

MapName = Literal["ridge", "pls"]
PENALTIES = np.logspace(-2, 5, 15)  # of the ridge, on scaled features; wide, as the number of features is not known


class Predictivity(NamedTuple):
    """What a time-invariant predictor explains.

    Attributes
    ----------
    explained : ndarray (time, unit)
        Share of the explainable variance over conditions; NaN where the ceiling is too low, for `reason`.
    raw : ndarray (time, unit)
        Share of the variance of the mean over repeats, before division by the ceiling.
    ceiling : ndarray (time, unit)
        Reliability of the mean over repeats.
    predicted, observed : ndarray (condition, time, unit)
        Held-out predictions and mean responses, each less its mean over the conditions of its fold.
    reason : ndarray of str (time, unit)
        ``""`` or why `explained` is missing.
    """

    explained: NDArray[np.float64]
    raw: NDArray[np.float64]
    ceiling: NDArray[np.float64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    reason: NDArray[np.str_]


class LateAgainstEarly(NamedTuple):
    """Explained share late less early, in the mean over units.

    Attributes
    ----------
    difference, low, high : float
        With the ends of the bootstrap interval over units and conditions; NaN where undefined.
    unit_difference : ndarray (unit,)
        NaN for units without a ceiling in either span.
    n_units : int
        Units with both.
    reason : str
        Why it is missing, or ``""``.
    """

    difference: float
    low: float
    high: float
    unit_difference: NDArray[np.float64]
    n_units: int
    reason: str


def predictivity_over_time(
    features: ArrayLike,
    rates: ArrayLike,
    *,
    mapping: MapName = "ridge",
    n_components: int = 20,
    n_folds: int = 10,
    n_splits: int = 20,
    min_ceiling: float = 0.1,
    rng: np.random.Generator,
) -> Predictivity:
    r"""Predict each unit at each time from features that do not change in time, on held-out conditions.

    One linear map per time window and unit, from training conditions alone. With predictions :math:`p` and mean
    responses :math:`y`, both less their mean over the conditions of their fold (or the mean of the training
    conditions, which is low where the held-out one is high, would bias it),
    :math:`\mathrm{raw} = r\,|r|,\; r = \mathrm{corr}(p, y)`, and :math:`\mathrm{explained} = \mathrm{raw} /
    \mathrm{ceiling}`, the ceiling being the split-half correlation over conditions, corrected to all repeats by
    Spearman and Brown, in the mean over random halves. The sign is kept so that useless features score about 0
    (slightly below: -0.02 with 120 conditions and 10 features).
    Only the noise of the responses is corrected for, not that of the map, which has few conditions to learn from: a
    perfect model scores below 1, and lower where the responses are noisier; a fall from early to late may therefore
    also come from falling reliability, and `ceiling` is to be read beside it.

    Parameters
    ----------
    features : array_like (condition, feature)
        Such as a layer of a feedforward network.
    rates : array_like (condition, repeat, time, unit)
        At least two repeats; repeats that are missing as a whole (NaN) are left out.
    mapping : {"ridge", "pls"}
        Ridge with its penalty chosen per unit by leave-one-out error of the training conditions, or partial least
        squares with `n_components`, as Kar and colleagues used.
    n_components : int
        Of partial least squares; at most the number of features.
    n_folds : int
        Random folds of conditions.
    n_splits : int
        Random halves of the repeats.
    min_ceiling : float
        Reliability at or below which the explained share is not defined; never below 0.
    rng : numpy.random.Generator
        Folds and halves.

    Returns
    -------
    Predictivity

    Raises
    ------
    InputError
        Axes that do not match, too few conditions, fewer than two repeats.

    References
    ----------
    Kar et al. 2019, https://doi.org/10.1038/s41593-019-0392-5

    Examples
    --------
    >>> from neurorec.datasets import simulate_late_recurrence
    >>> rng = np.random.default_rng(0)
    >>> simulated = simulate_late_recurrence(rng=rng)                        # explainable: 0.9, from 0.15 s on 0.4
    >>> found = predictivity_over_time(simulated.features, simulated.rates, rng=rng)
    >>> [round(float(np.nanmean(found.explained[i])), 1) for i in (5, 15)]
    [0.9, 0.3]
    """
    x, y = np.asarray(features, dtype=float), np.asarray(rates, dtype=float)
    _check(x, y, n_folds)
    fold = rng.permutation(np.arange(x.shape[0]) % n_folds)
    missing = ~np.isfinite(y.sum(axis=(2, 3)))
    known = np.where(missing[..., None, None], 0.0, y)
    mean = known.sum(axis=1) / (~missing).sum(axis=1)[:, None, None]
    predicted, observed = np.zeros(mean.shape), np.zeros(mean.shape)
    for held in range(n_folds):
        train, test = fold != held, fold == held
        guess = _predict(x[train], mean[train], x[test], mapping, n_components)
        predicted[test] = guess - guess.mean(axis=0)
        observed[test] = mean[test] - mean[test].mean(axis=0)
    ceiling = split_half_reliability(y, n_splits=n_splits, rng=rng)
    raw = _signed_square(predicted, observed)
    enough = ceiling > max(min_ceiling, 0.0)
    reason = np.select(
        [np.isnan(ceiling), ~enough, np.isnan(raw)],
        ["the responses do not vary", f"ceiling not above {max(min_ceiling, 0.0):g}", "the predictions do not vary"],
        "",
    )
    explained = np.divide(raw, ceiling, out=np.full_like(raw, np.nan), where=enough)
    return Predictivity(explained, raw, ceiling, predicted, observed, reason)


def split_half_reliability(rates: ArrayLike, *, n_splits: int = 20, rng: np.random.Generator) -> NDArray[np.float64]:
    r"""Reliability over conditions of the mean over repeats.

    :math:`2 r / (1 + r)` with :math:`r` the correlation over conditions of the means of two random halves of the
    repeats, averaged over splits before the correction.

    Parameters
    ----------
    rates : array_like (condition, repeat, ...)
        Repeats that hold any NaN are left out; a condition needs two.
    n_splits : int
        Random halves.
    rng : numpy.random.Generator
        Which repeats.

    Returns
    -------
    ndarray (...)
        NaN where the responses do not vary over conditions; may be below 0 by chance.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> signal, noise = rng.standard_normal((500, 1)), rng.standard_normal((500, 4))
    >>> round(float(split_half_reliability(signal + noise, rng=rng)), 1)     # 1 / (1 + 1/4)
    0.8
    """
    y = np.asarray(rates, dtype=float)
    present = ~np.isnan(y.reshape(*y.shape[:2], -1)).any(axis=2)
    y = np.where(present.reshape(present.shape + (1,) * (y.ndim - 2)), y, 0.0)
    correlations = []
    for _ in range(n_splits):
        order = np.where(present, rng.random(present.shape), np.inf).argsort(axis=1).argsort(axis=1)
        half = present.sum(axis=1, keepdims=True) // 2
        masks = (order < half), (order >= half) & (order < 2 * half)
        a, b = (np.einsum("cr,cr...->c...", m / np.maximum(half, 1), y) for m in masks)
        both = half[:, 0] > 0
        correlations.append(_correlation(a[both] - a[both].mean(axis=0), b[both] - b[both].mean(axis=0)))
    r = np.mean(correlations, axis=0)
    return 2 * r / np.maximum(1 + r, 1e-3)


def late_against_early(
    result: Predictivity,
    time: ArrayLike,
    *,
    early: tuple[float, float],
    late: tuple[float, float],
    n_draws: int = 1000,
    level: float = 0.95,
    rng: np.random.Generator,
) -> LateAgainstEarly:
    """Explained share in a late span of time less that in an early one.

    Per unit the mean over the windows of each span where it is defined; then the mean over units that have both. The
    interval resamples units and conditions together, with the maps, the ceilings and the folds as they are: it speaks
    of what maps learned from so many conditions explain, which is less than what is explainable, and less by more
    where little is (with 120 conditions 0.85 for 0.90 and 0.31 for 0.40).

    Parameters
    ----------
    result : Predictivity
        From `predictivity_over_time`.
    time : array_like (time,)
        Seconds.
    early, late : (float, float)
        Spans, s, both ends included.
    n_draws : int
        Bootstrap samples.
    level : float
        Coverage.
    rng : numpy.random.Generator
        Samples.

    Returns
    -------
    LateAgainstEarly

    Raises
    ------
    InputError
        A span that holds no window.

    Examples
    --------
    >>> from neurorec.datasets import simulate_late_recurrence
    >>> rng = np.random.default_rng(0)
    >>> simulated = simulate_late_recurrence(rng=rng)
    >>> found = predictivity_over_time(simulated.features, simulated.rates, rng=rng)
    >>> spans = {"early": (0.07, 0.14), "late": (0.16, 0.24)}
    >>> change = late_against_early(found, simulated.time, **spans, n_draws=200, rng=rng)
    >>> change.high < 0, change.n_units
    (True, 30)
    """
    time = np.asarray(time, dtype=float)
    spans = [_inside(time, span) for span in (early, late)]
    defined = np.isfinite(result.explained)
    both = defined[spans[0]].any(axis=0) & defined[spans[1]].any(axis=0)
    units = _late_less_early(result.explained, defined, spans)
    unit_difference = np.where(both, units, np.nan)
    if both.sum() < 2:
        reason = f"{int(both.sum())} units have a ceiling in both spans; at least 2 are needed"
        return LateAgainstEarly(np.nan, np.nan, np.nan, unit_difference, int(both.sum()), reason)
    rows, n_conditions = np.flatnonzero(both), result.observed.shape[0]
    ceiling = np.where(defined, result.ceiling, 1.0)
    draws = np.empty(n_draws)
    for i in range(n_draws):
        counts = np.bincount(rng.integers(n_conditions, size=n_conditions), minlength=n_conditions)
        raw = _signed_square(result.predicted, result.observed, counts)
        picked = rng.choice(rows, rows.size)
        draws[i] = np.nanmean(_late_less_early(raw / ceiling, defined, spans)[picked])
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    difference = float(unit_difference[both].mean())
    return LateAgainstEarly(difference, float(low), float(high), unit_difference, rows.size, "")


def _check(x: NDArray, y: NDArray, n_folds: int) -> None:
    if x.ndim != 2 or y.ndim != 4 or x.shape[0] != y.shape[0] or not np.isfinite(x).all():
        raise InputError(
            "features",
            expected="finite (condition, feature), and rates (condition, repeat, time, unit)",
            found=f"shapes {x.shape} and {y.shape}",
            remedy="align them",
        )
    whole = (~np.isnan(y).any(axis=(2, 3))).sum(axis=1)
    if not whole.size:
        raise InputError(
            "rates",
            expected="conditions with two repeats in which every unit was recorded throughout",
            found="none",
            remedy="take a shorter window, or leave out units that were not recorded",
        )
    if whole.min() < 2:
        raise InputError(
            "rates", expected="two whole repeats of every condition", found="fewer", remedy="leave those conditions out"
        )
    if n_folds < 2 or x.shape[0] < 2 * n_folds:
        raise InputError(
            "n_folds", expected="at least 2, and two conditions each", found=f"{n_folds}", remedy="use fewer folds"
        )


def _predict(x: NDArray, y: NDArray, new: NDArray, mapping: MapName, n_components: int) -> NDArray[np.float64]:
    """Predictions of new conditions (condition, time, unit)."""
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    step = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 1e-12)
    x, new, flat = (x - mean) * step, (new - mean) * step, y.reshape(y.shape[0], -1)
    if mapping == "pls":
        most = min(n_components, x.shape[1], x.shape[0] - 1)
        parts = [PLSRegression(most, scale=False).fit(x, y[:, t]).predict(new) for t in range(y.shape[1])]
        return np.stack([p.reshape(new.shape[0], -1) for p in parts], axis=1)
    model = RidgeCV(PENALTIES, alpha_per_target=True).fit(x, flat)
    return model.predict(new).reshape(new.shape[0], *y.shape[1:])


def _correlation(a: NDArray, b: NDArray, weight: NDArray | None = None) -> NDArray[np.float64]:
    """Over the first axis of what is centred already; NaN where either does not vary."""
    w = np.ones(a.shape[0]) if weight is None else weight
    ab, aa, bb = (np.einsum("c,c...,c...->...", w, p, q) for p, q in ((a, b), (a, a), (b, b)))
    size = np.sqrt(aa * bb)
    return np.divide(ab, size, out=np.full_like(size, np.nan), where=size > 1e-12)


def _signed_square(a: NDArray, b: NDArray, weight: NDArray | None = None) -> NDArray[np.float64]:
    r = _correlation(a, b, weight)
    return r * np.abs(r)


def _inside(time: NDArray[np.float64], span: tuple[float, float]) -> NDArray[np.bool_]:
    inside = (time >= span[0] - 1e-9) & (time <= span[1] + 1e-9)
    if not inside.any():
        raise InputError("span", expected="at least one window", found=f"none in {span}", remedy="widen it")
    return inside


def _late_less_early(
    explained: NDArray, defined: NDArray[np.bool_], spans: list[NDArray[np.bool_]]
) -> NDArray[np.float64]:
    kept = np.where(defined & np.isfinite(explained), explained, 0.0)
    early, late = (kept[s].sum(axis=0) / np.maximum(defined[s].sum(axis=0), 1) for s in spans)
    return late - early
