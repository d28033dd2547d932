"""Partners: their columns made anew from other activity, or further columns put beside them."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.design import Term, design_matrix, terms_from_config
from neurorec.recording import InputError
from neurorec.recurrence.columns import find_spikes
from neurorec.recurrence.problem import Problem


def design_terms(problem: Problem) -> list[Term]:
    """The terms that a problem's design was made of.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.

    Returns
    -------
    list of terms

    Raises
    ------
    InputError
        Where the design does not say.
    """
    if "terms" not in problem.design.attrs:
        raise InputError(
            "design",
            expected="one that holds its terms",
            found="none of them",
            remedy="make it with neurorec.design_matrix",
        )
    return terms_from_config(json.loads(problem.design.attrs["terms"]))


def with_activity(problem: Problem, order: NDArray[np.int64]) -> Problem:
    """Give partners the activity of other bins; what is to be explained stays.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    order : ndarray of int (time, unit)
        For every bin of the recording and every unit, the bin whose activity the unit shows there as a partner. -1:
        nothing was observed.

    Returns
    -------
    Problem
        Coupling columns made anew.
    """
    recording, dims = problem.recording, ("time", "unit")
    activity = recording["activity"].values
    known = order >= 0
    shown = np.take_along_axis(activity, np.maximum(order, 0), axis=0)
    seen = known
    if "observed" in recording:
        seen = known & np.take_along_axis(recording["observed"].values, np.maximum(order, 0), axis=0)
    changed = recording.assign(activity=(dims, shown, recording["activity"].attrs))
    return with_partners(problem, changed if seen.all() else changed.assign(observed=(dims, seen)))


def with_partners(problem: Problem, recording: xr.Dataset) -> Problem:
    """Make the coupling columns anew from another recording of the same units and bins.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    recording : xarray.Dataset
        What partners do.

    Returns
    -------
    Problem
    """
    terms = [term for term in design_terms(problem) if term.group == "coupling"]
    made = design_matrix(recording, terms, edges="zero")["matrix"].values[problem.bins]
    matrix = problem.design["matrix"].values.copy()
    matrix[:, problem.design["group"].values == "coupling"] = made
    spikes = None if problem.spikes is None else find_spikes(recording, problem.design, problem.bins)
    return replace(problem, design=problem.design.assign(matrix=(("time", "feature"), matrix)), spikes=spikes)


def with_terms(problem: Problem, terms: Sequence[Term], *, name: str, group: str) -> Problem:
    """Put further columns beside those of a design.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    terms : sequence of terms
        What the columns are.
    name, group : str
        Of the new columns.

    Returns
    -------
    Problem
        Their penalties are weighted as those of coupling are on average.
    """
    made = design_matrix(problem.recording, terms, edges="zero").isel(time=problem.bins)
    n = made.sizes["feature"]
    made = made.assign_coords(term=("feature", np.full(n, name)), group=("feature", np.full(n, group)))
    return with_columns(problem, made)


def with_columns(problem: Problem, more: xr.Dataset) -> Problem:
    """Put further columns beside those of a design.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    more : xarray.Dataset
        ``matrix (time, feature)`` over the problem's bins, ``allowed (unit, feature)``, ``filter (tap, feature)`` and
        the coordinates of features, as `neurorec.design.design_matrix` makes them.

    Returns
    -------
    Problem
    """
    design = problem.design
    taps = np.union1d(design["tap"].values, more["tap"].values)
    filters = [part["filter"].reindex(tap=taps).fillna(0).values.astype(np.float32) for part in (design, more)]
    names = ("feature", "term", "group", "basis", "lag", "source")
    coords = {name: ("feature", np.concatenate([design[name].values, more[name].values])) for name in names}
    joined = xr.Dataset(
        {
            "matrix": (("time", "feature"), np.concatenate([design["matrix"].values, more["matrix"].values], axis=1)),
            "allowed": (
                ("unit", "feature"),
                np.concatenate([design["allowed"].values, more["allowed"].values], axis=1),
            ),
            "filter": (("tap", "feature"), np.concatenate(filters, axis=1)),
        },
        coords={
            **coords,
            "tap": taps,
            **{name: design.coords[name].variable for name in design.coords if name not in (*names, "tap")},
        },
        attrs=design.attrs,
    )
    weight = problem.penalty_weight
    if weight is not None:
        typical = weight[design["group"].values == "coupling"].mean()
        weight = np.concatenate([weight, np.full(more.sizes["feature"], typical)])
    return replace(problem, design=joined, penalty_weight=weight)


def part_of(problem: Problem, units: NDArray[np.int64]) -> Problem:
    """The problem of some of the units; all remain partners.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    units : ndarray of int
        Positions.

    Returns
    -------
    Problem
    """
    weight = None if problem.weight is None else problem.weight[:, units]
    return replace(problem, design=problem.design.isel(unit=units), response=problem.response[:, units], weight=weight)


def keep_columns(problem: Problem, base: xr.Dataset, columns: NDArray[np.int64]) -> tuple[Problem, xr.Dataset]:
    """Leave out all other columns of a design, and tell a base model where its own have gone.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`.
    base : xarray.Dataset
        A model with its coefficients, which uses no other columns.
    columns : ndarray of int
        Positions, increasing.

    Returns
    -------
    Problem, xarray.Dataset
    """
    feature = base["slot_feature"].values
    moved = np.where(feature >= 0, np.searchsorted(columns, feature), -1)
    weight = None if problem.penalty_weight is None else problem.penalty_weight[columns]
    kept = replace(problem, design=problem.design.isel(feature=columns), penalty_weight=weight, spikes=None)
    return kept, base.assign(slot_feature=(base["slot_feature"].dims, moved))
