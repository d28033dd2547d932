"""Solution times of one group of conditions against those of another."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr

from neurorec.recording import InputError

MOST_UNDECIDED = 0.05  # share of draws without an answer beyond which no 95% interval is given


class SolutionDifference(NamedTuple):
    """Second group less first.

    Attributes
    ----------
    difference, low, high : float
        Seconds, with the ends of the bootstrap interval; an infinite end is open: the draws there never reach the
        criterion. NaN where undefined, for `reason`.
    p_value : float
        Two-sided, by permutation.
    n_solved : (int, int)
        Solved in the first and second group: of conditions, or 0 or 1 where a group has one curve.
    n_total : (int, int)
        Conditions, or trials, in each.
    reason : str
        Why something is missing, or ``""``.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n_solved: tuple[int, int]
    n_total: tuple[int, int]
    reason: str


def compare_solution_times(
    time: ArrayLike,
    second: ArrayLike,
    *,
    n_draws: int = 2000,
    level: float = 0.95,
    rng: np.random.Generator,
) -> SolutionDifference:
    """Mean solution time of one group of conditions less that of another, conditions being the sample.

    Conditions are resampled within groups for the interval (studentised; measured coverage 0.945 of 0.95 with twenty
    skewed times a group), and exchanged between groups for the p-value, whose null is that both groups are drawn from
    the same conditions. Conditions that were not solved are left out of both means: where many of one group are not,
    the difference is too small, and `n_solved` shows it.

    Parameters
    ----------
    time : array_like (condition,)
        Solution times, s; NaN where not solved.
    second : array_like of bool (condition,)
        Conditions of the second group, such as the hard ones.
    n_draws : int
        Bootstrap samples, and permutations.
    level : float
        Coverage.
    rng : numpy.random.Generator
        Draws.

    Returns
    -------
    SolutionDifference
        Undefined with fewer than three solved conditions in a group.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> time = np.r_[rng.normal(0.10, 0.01, 30), rng.normal(0.13, 0.01, 30)]
    >>> found = compare_solution_times(time, np.arange(60) >= 30, rng=rng)
    >>> round(found.difference, 2), found.low < 0.03 < found.high, found.p_value < 0.01
    (0.03, True, True)
    """
    time, second = np.asarray(time, dtype=float), np.asarray(second, dtype=bool)
    if time.shape != second.shape or time.ndim != 1:
        raise InputError(
            "second", expected="one flag per condition", found=f"{second.shape} for {time.shape}", remedy="align them"
        )
    total = (int((~second).sum()), int(second.sum()))
    known = np.isfinite(time)
    a, b = time[known & ~second], time[known & second]
    solved = (a.size, b.size)
    if min(solved) < 3:
        reason = f"only {solved[0]} and {solved[1]} conditions are solved; each group needs 3"
        return SolutionDifference(np.nan, np.nan, np.nan, np.nan, solved, total, reason)
    difference = float(b.mean() - a.mean())
    low, high = _studentised_interval(a, b, n_draws, level, rng)
    mixed = rng.permuted(np.tile(np.r_[a, b], (n_draws, 1)), axis=1)
    null = mixed[:, a.size :].mean(axis=1) - mixed[:, : a.size].mean(axis=1)
    p_value = (1 + int((np.abs(null) >= abs(difference) - 1e-12).sum())) / (n_draws + 1)
    return SolutionDifference(difference, float(low), float(high), p_value, solved, total, "")


def _studentised_interval(
    a: NDArray[np.float64], b: NDArray[np.float64], n_draws: int, level: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Bootstrap-t interval of the difference of means; the difference itself where nothing varies."""

    def summary(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
        error = np.sqrt(x.var(axis=-1, ddof=1) / x.shape[-1] + y.var(axis=-1, ddof=1) / y.shape[-1])
        return y.mean(axis=-1) - x.mean(axis=-1), error

    difference, error = summary(a, b)
    means, errors = summary(*(x[rng.integers(x.size, size=(n_draws, x.size))] for x in (a, b)))
    known = errors > 1e-12  # a sample of one condition alone has no spread
    t = (means[known] - difference) / errors[known]
    if not t.size:
        return float(difference), float(difference)
    ends = np.quantile(t, [(1 + level) / 2, (1 - level) / 2])
    return float(difference - ends[0] * error), float(difference - ends[1] * error)


def censored(time: NDArray[np.float64], status: NDArray[np.str_]) -> NDArray[np.float64]:
    """Solution times with what lies outside the windows at infinity: later than all, or earlier.

    Examples
    --------
    >>> censored(np.array([0.1, np.nan, np.nan]), np.array(["solved", "never", "from_start"])).tolist()
    [0.1, inf, -inf]
    """
    # Information that never rises above chance is not there within the windows: later than all of them.
    return np.select([status == "solved", status == "from_start"], [time, -np.inf], np.inf)


def censored_interval(draws: ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of draws some of which lie outside the windows.

    Parameters
    ----------
    draws : array_like (draw,)
        May be infinite (an end of the interval may then be, which is to be read as open) or NaN (undecided).
    level : float
        Coverage.

    Returns
    -------
    low, high : float
        NaN where more than a twentieth of the draws are undecided.

    Examples
    --------
    >>> censored_interval([0.1] * 50 + [0.2] * 40 + [np.inf] * 10)
    (0.1, inf)
    """
    draws = np.asarray(draws, dtype=float)
    decided = draws[~np.isnan(draws)]
    if not draws.size or decided.size < (1 - MOST_UNDECIDED) * draws.size:
        return (np.nan, np.nan)
    low, high = np.quantile(decided, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return float(low), float(high)


def difference_of(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Second less first of censored times; NaN where both are off the same end.

    Examples
    --------
    >>> difference_of([0.1, np.inf], [np.inf, np.inf]).tolist()
    [inf, nan]
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    undecided = np.isinf(a) & (a == b)
    return np.where(undecided, np.nan, b - np.where(undecided, 0.0, a))


def match_conditions(value: ArrayLike, second: ArrayLike, *, tolerance: float) -> NDArray[np.bool_]:
    """Conditions of two groups that pair up in a value, such as behavioural accuracy.

    The pairs minimise the summed distance among as many pairs as lie within the tolerance; each condition is used
    once. Comparing solution times in what is left asks whether one group is later *at the same behavioural accuracy*
    (the design of Kar et al. 2019, https://doi.org/10.1038/s41593-019-0392-5).

    Parameters
    ----------
    value : array_like (condition,)
        What is matched; missing ones are not used.
    second : array_like of bool (condition,)
        Conditions of the second group.
    tolerance : float
        Largest difference within a pair.

    Returns
    -------
    ndarray of bool (condition,)
        The same number in each group.

    Examples
    --------
    >>> match_conditions([0.9, 0.6, 0.62, 0.3], [False, False, True, True], tolerance=0.05).tolist()
    [False, True, True, False]
    """
    value, second = np.asarray(value, dtype=float), np.asarray(second, dtype=bool)
    a, b = np.flatnonzero(~second & np.isfinite(value)), np.flatnonzero(second & np.isfinite(value))
    kept = np.zeros(value.shape, dtype=bool)
    distance = np.abs(value[a][:, None] - value[b])
    far = distance > tolerance + 1e-12
    # A pair out of reach costs more than all pairs within reach together, so as many as possible are within it.
    rows, columns = linear_sum_assignment(np.where(far, 1 + min(a.size, b.size) * tolerance, distance))
    near = ~far[rows, columns]
    kept[a[rows[near]]] = kept[b[columns[near]]] = True
    return kept


class Agreement(NamedTuple):
    """Do two systems solve the same conditions late?

    Attributes
    ----------
    correlation, p_value : float
        Spearman's, over conditions that both solve; NaN where undefined, for `reason`.
    n_conditions : int
        Solved by both.
    reason : str
        Why it is missing, or ``""``.
    """

    correlation: float
    p_value: float
    n_conditions: int
    reason: str


def compare_order(first: ArrayLike, second: ArrayLike) -> Agreement:
    """Rank correlation of two systems' solution times, as of a model's with a population's.

    Parameters
    ----------
    first, second : array_like (condition,)
        Solution times, s; NaN where not solved.

    Returns
    -------
    Agreement
        Undefined where either does not vary: a model whose output does not change in time solves all conditions at
        once and has no order to agree with.

    Examples
    --------
    >>> compare_order([0.1, 0.12, 0.15, 0.2], [1, 2, 3, 4]).correlation
    1.0
    >>> compare_order([0.1, 0.12, 0.15, 0.2], [1, 1, 1, 1]).reason
    'the second does not change with the condition'
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    both = np.isfinite(a) & np.isfinite(b)
    a, b, n = a[both], b[both], int(both.sum())
    if n < 4:
        return Agreement(np.nan, np.nan, n, f"both solve {n} conditions; at least 4 are needed")
    for name, x in (("first", a), ("second", b)):
        if np.ptp(x) <= 1e-12:
            return Agreement(np.nan, np.nan, n, f"the {name} does not change with the condition")
    found = spearmanr(a, b)
    return Agreement(round(float(found.statistic), 12), float(found.pvalue), n, "")  # pyright: ignore
