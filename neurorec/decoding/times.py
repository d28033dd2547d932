"""Solution times by area and condition, with intervals over trials, and a group against another."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.decoding.accuracy import Measure, chance_level, condition_accuracy, resample_trials
from neurorec.decoding.comparing import MOST_UNDECIDED, censored, censored_interval, difference_of
from neurorec.decoding.over_time import accuracy_over_time, condition_of
from neurorec.decoding.solution import SolutionTimes, plateau_criterion, solution_time
from neurorec.recording import SelectionError, first_offenders


class _Rule(NamedTuple):
    """How a curve of accuracy becomes a time."""

    time: NDArray[np.float64]
    criterion: float | None  # None: relative to the plateau
    plateau: tuple[float, float]
    fraction: float
    least: float
    n_sustained: int
    chance: float
    measure: Measure

    def level(self, accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.criterion is not None:
            return np.full(accuracy.shape[:-1], float(self.criterion))
        options = {"chance": self.chance, "fraction": self.fraction, "least": self.least}
        return plateau_criterion(accuracy, self.time, self.plateau, **options)

    def solve(self, accuracy: NDArray[np.float64]) -> SolutionTimes:
        return solution_time(accuracy, self.time, self.level(accuracy), n_sustained=self.n_sustained)


def solution_times(
    decoded: xr.Dataset,
    condition: str | ArrayLike | None = None,
    *,
    criterion: float | None = None,
    plateau: tuple[float, float] | None = None,
    fraction: float = 0.5,
    least: float = 0.05,
    n_sustained: int = 3,
    measure: Measure = "balanced",
    n_bootstrap: int = 1000,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Solution time of every condition in every area, with a bootstrap interval over trials.

    The accuracy of a condition pools its held-out trials. Trials are resampled within condition and class with the
    decoder as it is, so the interval speaks of the trials that were tested, not of the decoder's training, the units
    or the session. Criteria relative to the plateau are computed anew in each sample. An infinite end is open: so many
    samples never reach the criterion (or are above it from the start). Where more than a twentieth of the samples have
    a plateau that is not above chance by `least`, the plateau is not reliable and there is no criterion.

    Parameters
    ----------
    decoded : xarray.Dataset
        From `decode_over_time`.
    condition : str or array_like (trial,), optional
        Column with the condition of each trial, or the conditions. By default one, "all".
    criterion : float, optional
        Accuracy to be reached, such as the animal's. By default `fraction` of the way from chance to each condition's
        own plateau: see `plateau_criterion` for why.
    plateau : (float, float), optional
        Where the plateau is measured, s; by default the last third of the windows.
    fraction, least : float
        Of the plateau criterion; a plateau less than `least` above chance gives no criterion.
    n_sustained : int
        Windows in a row that must be at or above the criterion. Windows that overlap share spikes: ask for more than
        ``width / step`` of them then.
    measure : {"balanced", "dprime"}
        See `condition_accuracy`.
    n_bootstrap : int
        Samples.
    rng : numpy.random.Generator
        Samples.

    Returns
    -------
    xarray.Dataset
        What `accuracy_over_time` returns and ``criterion``, ``solution_time``, ``low``, ``high`` (s) and ``status``,
        each (area, condition); ``undecided`` is the share of samples without a criterion.

    Examples
    --------
    >>> from neurorec.datasets import simulate_delays
    >>> from neurorec.decoding.over_time import decode_over_time
    >>> rng = np.random.default_rng(0)
    >>> decoded = decode_over_time(simulate_delays(rng=rng), "stimulus", window=(0, 0.3), rng=rng)
    >>> times = solution_times(decoded, "group", n_bootstrap=200, rng=rng)
    >>> times["solution_time"].sel(area="IT").values.round(2).tolist()       # planted: 0.10 and 0.13 s
    [0.11, 0.13]
    """
    result = accuracy_over_time(decoded, condition, measure=measure)
    rule = _rule(decoded, criterion, plateau, fraction, least, n_sustained, measure)
    label, names = condition_of(decoded, condition)
    code = decoded["true_class"].values
    accuracy = result["accuracy"].values
    found, level = rule.solve(accuracy), rule.level(accuracy)
    weight = resample_trials(code, label, n_bootstrap, rng)
    ends = np.full((*found.time.shape, 3), np.nan)
    for i, chosen in enumerate(decoded["chosen"].values):
        for j, name in enumerate(names):
            draws = rule.solve(condition_accuracy(chosen, code, label == name, measure=measure, weight=weight))
            ends[i, j, 2] = (draws.status == "no_criterion").mean()
            if criterion is None and ends[i, j, 2] > MOST_UNDECIDED:
                found.status[i, j], found.time[i, j], level[i, j] = "no_criterion", np.nan, np.nan
            if found.status[i, j] == "solved":
                ends[i, j, :2] = censored_interval(censored(*draws))
    dims = ("area", "condition")
    result["criterion"] = (dims, level)
    result["solution_time"] = (dims, found.time)
    result["low"], result["high"], result["undecided"] = ((dims, ends[..., k]) for k in range(3))
    result["status"] = (dims, found.status)
    result.attrs.update(n_sustained=n_sustained, relative=int(criterion is None), fraction=fraction)
    return result


def compare_groups(
    decoded: xr.Dataset,
    group: str | ArrayLike,
    *,
    first: str,
    second: str,
    criterion: float | None = None,
    plateau: tuple[float, float] | None = None,
    fraction: float = 0.5,
    least: float = 0.05,
    n_sustained: int = 3,
    measure: Measure = "balanced",
    n_bootstrap: int = 1000,
    n_permutations: int = 1000,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Solution time of the trials of one group less that of another, by area.

    For few conditions with many trials each; with many conditions, take each one's solution time and use
    `compare_solution_times`. The interval resamples trials as `solution_times` does. The p-value exchanges trials of a
    class between the groups: its null is that the groups do not differ *in anything*. Groups that differ in accuracy
    but not in time are outside this null, so read the p-value together with the interval and `accuracy`. Trials that
    were decoded by different decoders cannot be exchanged (one in six such p-values lay below 0.05 in simulations
    without a difference), so data decoded `within` groups get an interval and no p-value.

    Parameters
    ----------
    decoded : xarray.Dataset
        From `decode_over_time`.
    group : str or array_like (trial,)
        Column with the group of each trial, or the groups.
    first, second : str
        Groups that are compared.
    criterion, plateau, fraction, least, n_sustained, measure, n_bootstrap
        As in `solution_times`.
    n_permutations : int
        Exchanges of trials; 0 leaves the p-value out.
    rng : numpy.random.Generator
        Samples and exchanges.

    Returns
    -------
    xarray.Dataset
        ``difference``, ``low``, ``high`` (s), ``p_value`` and ``reason`` where undefined, each (area).

    Raises
    ------
    SelectionError
        A group that is not there.

    Examples
    --------
    >>> from neurorec.datasets import simulate_delays
    >>> from neurorec.decoding.over_time import decode_over_time
    >>> rng = np.random.default_rng(0)
    >>> decoded = decode_over_time(simulate_delays(rng=rng), "stimulus", window=(0, 0.3), rng=rng)
    >>> options = {"n_bootstrap": 200, "n_permutations": 99, "rng": rng}
    >>> found = compare_groups(decoded, "group", first="easy", second="hard", **options).sel(area="IT")
    >>> round(float(found["difference"]), 2), float(found["p_value"])       # planted: 0.03 s
    (0.03, 0.01)
    """
    label, names = condition_of(decoded, group)
    if not {first, second} <= set(names):
        raise SelectionError(
            "group", expected=f"two of {first_offenders(names)}", found=f"{first}, {second}", remedy="name those"
        )
    rule = _rule(decoded, criterion, plateau, fraction, least, n_sustained, measure)
    code = decoded["true_class"].values
    members = label == first, label == second
    weight = resample_trials(code, label, n_bootstrap, rng)
    shared = not decoded.attrs.get("within", "")
    swapped = [_exchange(members, code, rng) for _ in range(n_permutations if shared else 0)]
    rows = [_compare(chosen, code, members, weight, swapped, rule) for chosen in decoded["chosen"].values]
    columns = ("difference", "low", "high", "p_value", "reason")
    result = xr.Dataset(
        {name: ("area", list(values)) for name, values in zip(columns, zip(*rows, strict=True), strict=True)},
        coords={"area": decoded["area"].values},
    )
    result.attrs.update(first=first, second=second, n_sustained=n_sustained, relative=int(criterion is None))
    return result


def _rule(
    decoded: xr.Dataset,
    criterion: float | None,
    plateau: tuple[float, float] | None,
    fraction: float,
    least: float,
    n_sustained: int,
    measure: Measure,
) -> _Rule:
    time = decoded["time"].values.astype(float)
    if plateau is None:
        plateau = (float(time[time.size - max(time.size // 3, 1)]), float(time[-1]))
    chance = chance_level(decoded.sizes["class"], measure)
    return _Rule(time, criterion, plateau, fraction, least, n_sustained, chance, measure)


def _compare(
    chosen: NDArray,
    code: NDArray[np.int64],
    members: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    weight: NDArray[np.float64],
    swapped: list[NDArray[np.bool_]],
    rule: _Rule,
) -> tuple[float, float, float, float, str]:
    def solve(member: NDArray[np.bool_], weights: NDArray[np.float64] | None = None) -> SolutionTimes:
        return rule.solve(condition_accuracy(chosen, code, member, measure=rule.measure, weight=weights))

    found = [solve(member) for member in members]
    unsolved = [f"the {which} group: {f.status}" for which, f in zip(("first", "second"), found) if np.isnan(f.time)]
    if unsolved:
        return (np.nan, np.nan, np.nan, np.nan, "; ".join(unsolved).replace("_", " "))
    difference = float(found[1].time - found[0].time)
    draws = [solve(m, weight) for m in members]
    unsure = [n for n, d in zip(("first", "second"), draws) if (d.status == "no_criterion").mean() > MOST_UNDECIDED]
    if unsure:
        reason = f"the plateau of the {' and '.join(unsure)} group is not reliably above chance"
        return (np.nan, np.nan, np.nan, np.nan, reason)
    low, high = censored_interval(difference_of(*(censored(*d) for d in draws)))
    if not swapped:
        return (difference, low, high, np.nan, "")
    used = members[0] | members[1]
    curves = [[condition_accuracy(chosen, code, m, measure=rule.measure) for m in (used & ~s, s)] for s in swapped]
    mixed = rule.solve(np.array(curves))
    null = difference_of(*np.moveaxis(censored(*mixed), -1, 0))
    # An exchange without an answer counts as one as extreme: the p-value can only be too large for it.
    extreme = np.isnan(null) | (np.abs(null) >= abs(difference) - 1e-12)
    return (difference, low, high, (1 + int(extreme.sum())) / (len(swapped) + 1), "")


def _exchange(
    members: tuple[NDArray[np.bool_], NDArray[np.bool_]], code: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Membership of the second group, exchanged among the two groups' trials of a class."""
    second = members[1]
    mixed = second.copy()
    for k in np.unique(code[code >= 0]):
        rows = np.flatnonzero((code == k) & (members[0] | second))
        mixed[rows] = rng.permutation(second[rows])
    return mixed
