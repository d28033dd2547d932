"""The design matrix: one for all units, with a mask of who may use what."""

import json
from collections.abc import Sequence

import numpy as np
import xarray as xr

from neurorec.design.bases import Basis
from neurorec.design.conditions import is_quantity
from neurorec.design.config import terms_to_config
from neurorec.design.lagging import find_runs
from neurorec.design.terms import Columns, Drift, Event, Term
from neurorec.recording import SelectionError, check_recording


def design_matrix(recording: xr.Dataset, terms: Sequence[Term], *, edges: str = "drop") -> xr.Dataset:
    """Build the matrix of everything that may predict activity.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording.
    terms : sequence of Event, Place, Signal, Drift, History, Coupling, PopulationMean
        What may predict a unit's activity.
    edges : {"drop", "zero"}
        What becomes of bins whose filter windows reach over the edge of a trial or of an observed stretch: left out of
        every model, or kept with nothing beyond the edge.

    Returns
    -------
    xarray.Dataset
        ``matrix (time, feature)`` float32; ``allowed (unit, feature)``: which units may use which columns;
        ``usable (time)``: bins that take part in every model; ``filter (tap, feature)``: what the activity of a
        column's source is weighted by ``tap`` bins ago, 0 where it has none. Coordinates over ``feature``: ``term``,
        ``group`` (task, history, coupling), ``basis``, ``lag`` (s, where the function peaks), ``source`` (position of
        the unit a column comes from, or -1). Attributes count the bins left out and why; ``longest_lag`` (s);
        ``conditions``, the trial columns that split events into categories, one a line; ``terms``, as JSON.

    Raises
    ------
    SelectionError
        When a term names what the recording lacks, or no bin is left.

    Examples
    --------
    >>> from neurorec.design import Coupling, Drift, raised_cosine
    >>> from neurorec.recording import recording_from_arrays
    >>> counts = np.random.default_rng(0).poisson(0.1, (200, 3))
    >>> recording = recording_from_arrays(counts, bin_width=0.01)
    >>> design = design_matrix(recording, [Drift(2), Coupling(raised_cosine(3, window=(0.01, 0.1)))])
    >>> dict(design.sizes)
    {'time': 200, 'feature': 11, 'unit': 3, 'tap': 10}
    >>> design["allowed"].sum("feature").values.tolist(), int(design["usable"].sum())
    ([8, 8, 8], 190)
    """
    if edges not in ("drop", "zero"):
        raise SelectionError("edges", expected="'drop' or 'zero'", found=repr(edges), remedy="name one of them")
    if not terms:
        raise SelectionError("terms", expected="at least one term", found="none", remedy="add Drift() or an Event")
    check_recording(recording)
    runs = find_runs(recording)
    columns = [term.columns(recording, runs) for term in terms]
    values = np.concatenate([c.values for c in columns], axis=1)
    design = xr.Dataset(
        {
            "matrix": (("time", "feature"), values),
            "allowed": (("unit", "feature"), np.concatenate([c.allowed for c in columns], axis=1)),
            "filter": (("tap", "feature"), _filters(columns)),
        },
        coords={"tap": _taps(columns), **_feature_coordinates(terms, columns), **_recording_coordinates(recording)},
    )
    usable, counts = _usable(recording, values, columns, edges)
    design["usable"] = ("time", usable)
    values[~usable] = 0.0
    longest = max((max(map(abs, basis.window)) for basis in _bases(terms)), default=0.0)
    conditions = "\n".join(_categories(recording, terms))
    settings = {"edges": edges, "bin_width": runs.bin_width, "longest_lag": longest, "conditions": conditions}
    settings["terms"] = json.dumps(terms_to_config(terms))
    design.attrs = {**counts, **settings}
    if not usable.any():
        raise SelectionError(
            "design", expected="some usable bins", found=f"none ({_said(counts)})", remedy=_remedy(counts)
        )
    return design


def _taps(columns: list[Columns]) -> np.ndarray:
    """All lags of all terms, in bins."""
    return np.unique(np.concatenate([c.lags for c in columns]))


def _filters(columns: list[Columns]) -> np.ndarray:
    """Filters ``(tap, feature)`` over all lags."""
    taps, n_feature = _taps(columns), sum(len(c.labels) for c in columns)
    filters = np.zeros((taps.size, n_feature), dtype=np.float32)
    at = 0
    for c in columns:
        filters[np.searchsorted(taps, c.lags), at : at + len(c.labels)] = c.filters
        at += len(c.labels)
    return filters


def _usable(
    recording: xr.Dataset, values: np.ndarray, columns: list[Columns], edges: str
) -> tuple[np.ndarray, dict[str, int]]:
    """Bins that take part in every model, and how many are left out for which reason."""
    in_trial = recording["trial_id"].values >= 0 if "trial_id" in recording.coords else np.ones(len(values), dtype=bool)
    known = np.isfinite(values).all(axis=1)
    whole = np.logical_and.reduce([c.whole for c in columns]) if edges == "drop" else np.ones(len(values), dtype=bool)
    usable = in_trial & whole & known
    counts = {
        "n_bins": usable.size,
        "n_bins_used": np.count_nonzero(usable),
        "n_bins_outside_trials": np.count_nonzero(~in_trial),
        "n_bins_at_edges": np.count_nonzero(in_trial & ~whole),
        "n_bins_missing_signal": np.count_nonzero(in_trial & whole & ~known),
    }
    return usable, {name: int(count) for name, count in counts.items()}


def _said(counts: dict[str, int]) -> str:
    words = {name: name.removeprefix("n_bins_").replace("_", " ") for name in counts if name != "n_bins"}
    return f"of {counts['n_bins']} bins {', '.join(f'{counts[name]} {word}' for name, word in words.items())}"


def _remedy(counts: dict[str, int]) -> str:
    """What would help most."""
    remedies = {
        "n_bins_outside_trials": "give times of trials on the recording's own clock",
        "n_bins_at_edges": "shorten the windows of the terms, or pass edges='zero'",
        "n_bins_missing_signal": "leave out the signal that is missing",
    }
    return remedies[max(remedies, key=lambda name: counts[name])]


def _feature_coordinates(terms: Sequence[Term], columns: list[Columns]) -> dict:
    term_names = [_name(term) for term in terms]
    sizes = [len(c.labels) for c in columns]
    return {
        "feature": ("feature", np.array([label for c in columns for label in c.labels])),
        "term": ("feature", np.repeat(term_names, sizes)),
        "group": ("feature", np.repeat([term.group for term in terms], sizes)),
        "basis": ("feature", np.concatenate([c.basis for c in columns])),
        "lag": ("feature", np.concatenate([c.lag for c in columns]), {"units": "s"}),
        "source": ("feature", np.concatenate([c.source for c in columns])),
    }


def _bases(terms: Sequence[Term]) -> list[Basis]:
    """Bases that reach into the past or future of what was measured; an event's kernel reaches into none of it."""
    return [term.basis for term in terms if not isinstance(term, Drift | Event) and term.basis is not None]


def _categories(recording: xr.Dataset, terms: Sequence[Term]) -> list[str]:
    """Trial columns by which events are split into categories, each once."""
    columns = [name for term in terms for name in getattr(term, "by", ())]
    return [name for name in dict.fromkeys(columns) if not is_quantity(recording[name].values)]


def _name(term: Term) -> str:
    """The term's own name where it has one, otherwise its kind."""
    return str(getattr(term, "name", type(term).__name__))


def _recording_coordinates(recording: xr.Dataset) -> dict:
    kept = ("time", "segment", "trial_id", "unit", "area")
    return {name: recording.coords[name].variable for name in kept if name in recording.coords}
