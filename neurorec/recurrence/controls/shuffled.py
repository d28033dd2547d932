"""Partners that cannot have caused what they seem to explain: exchanged, shifted, delayed."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurorec.design import Coupling, boxcar, find_runs
from neurorec.recording import InputError
from neurorec.recurrence.partners import design_terms, with_activity, with_terms
from neurorec.recurrence.problem import Problem

SESSION_SHARE = 0.05  # of the session: the least by which a partner is shifted along it


def shuffle_partners(problem: Problem) -> Problem:
    """Give every trial the coupling columns of another trial of its condition.

    What all trials of a condition share stays; what partners do in one trial and not in the next is gone. All partners
    of a trial come from the same other trial.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.

    Returns
    -------
    Problem
        Coupling columns exchanged. A condition with one trial is pooled with the other such conditions. Where the
        other trial is shorter, the columns' means stand in.
    """
    donor = _donors(problem.condition, problem.rng("shuffled partners"))
    place = _place_in_trial(problem)
    row_at = np.full((problem.trial_ids.size, place.max() + 1), -1)
    row_at[problem.trial, place] = np.arange(place.size)
    rows = row_at[donor[problem.trial], place]
    columns = np.flatnonzero(problem.design["group"].values == "coupling")
    matrix = problem.design["matrix"].values.copy()
    exchanged = matrix[np.ix_(np.maximum(rows, 0), columns)]
    exchanged[rows < 0] = matrix[:, columns].mean(axis=0)
    matrix[:, columns] = exchanged
    spikes = problem.spikes
    if spikes is not None:
        spikes = spikes._replace(position=np.where(rows >= 0, spikes.position[np.maximum(rows, 0)], -1))
    return replace(problem, design=problem.design.assign(matrix=(("time", "feature"), matrix)), spikes=spikes)


def shift_partners(problem: Problem, *, within: str) -> Problem:
    """Shift every partner's activity circularly by a time of its own, drawn at random.

    Each train keeps its own autocorrelation. Within trials, what a partner does in a trial as a whole stays (slow
    changes from trial to trial), what it does when in the trial is gone. Along the session everything that units share
    is gone, the task included.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    within : {"trial", "session"}
        Where activity goes round.

    Returns
    -------
    Problem
        Shifts are uniform between the longest lag of the design (along the session, at least a twentieth of it) and
        the length of the trial or session less that; never more than a quarter of it is ruled out on either side.

    Raises
    ------
    InputError
        For another `within`.
    """
    if within not in ("trial", "session"):
        raise InputError("within", expected="'trial' or 'session'", found=repr(within), remedy="name one of them")
    runs = find_runs(problem.recording)
    n_times, n_units = problem.recording["activity"].shape
    longest = int(np.ceil(problem.design.attrs["longest_lag"] / runs.bin_width))
    rng = problem.rng(f"shift within {within}")
    order = np.tile(np.arange(n_times)[:, None], n_units)
    if within == "session":
        least = max(longest, int(SESSION_SHARE * n_times))
        return with_activity(problem, _rolled(n_times, least, n_units, rng))
    for run in np.unique(runs.label):
        first, last = np.searchsorted(runs.label, run), np.searchsorted(runs.label, run, side="right")
        order[first:last] = first + _rolled(last - first, longest, n_units, rng)
    return with_activity(problem, order)


def _rolled(n: int, least: int, n_units: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Bins ``(time, unit)`` of a stretch of n, shifted round by at least so many."""
    least = max(min(least, n // 4), 1)
    if n < 2:
        return np.zeros((n, n_units), dtype=np.int64)
    shift = rng.integers(least, n - least, size=n_units, endpoint=True)
    return (np.arange(n)[:, None] - shift) % n


def delay_partners(problem: Problem, n_bins: int = 1) -> Problem:
    """Let partners' activity arrive later: with one bin, filters that began in the same bin are strictly causal.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    n_bins : int
        Delay.

    Returns
    -------
    Problem
        Nothing is known of partners in the first bins of a run.
    """
    runs = find_runs(problem.recording)
    bins = np.arange(runs.label.size)
    earlier = np.where(runs.before >= n_bins, bins - n_bins, -1)
    return with_activity(problem, np.tile(earlier[:, None], problem.recording.sizes["unit"]))


def add_same_bin(problem: Problem) -> Problem:
    """Let partners' activity in the very bin that is predicted take part too.

    It has no direction: what drives both units at once, or light that leaks from one cell to the other, is in it.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.

    Returns
    -------
    Problem
        One more column for each source.
    """
    sources = [term.from_area for term in design_terms(problem) if isinstance(term, Coupling)]
    areas = tuple(dict.fromkeys(name for names in sources for name in names)) if all(sources) else ()
    term = Coupling(boxcar(1, window=(0.0, 0.0)), from_area=areas, same_bin=True)
    return with_terms(problem, [term], name="same bin", group="coupling")


def is_causal(problem: Problem) -> bool:
    """Whether no partner's activity of the same bin takes part."""
    return not any(getattr(term, "same_bin", False) for term in design_terms(problem))


def _donors(condition: tuple[str, ...], rng: np.random.Generator) -> NDArray[np.int64]:
    """Another trial of the same condition for each trial; for the only one of its kind, the next trial."""
    names, codes, counts = np.unique(np.array(condition), return_inverse=True, return_counts=True)
    codes = np.where(counts[codes] > 1, codes, len(names))
    donor = np.arange(codes.size)
    for code in np.unique(codes):
        order = rng.permutation(np.flatnonzero(codes == code))
        donor[order] = np.roll(order, 1)
    alone = np.flatnonzero(donor == np.arange(donor.size))
    donor[alone] = (alone + 1) % donor.size
    return donor


def _place_in_trial(problem: Problem) -> NDArray[np.int64]:
    """Bins since the first usable bin of the trial ``(time,)``."""
    time = problem.design["time"].values
    first = np.full(problem.trial_ids.size, np.inf)
    np.minimum.at(first, problem.trial, time)
    since = time - first[problem.trial]
    step = np.diff(time)
    return np.round(since / step[step > 0].min()).astype(np.int64)
