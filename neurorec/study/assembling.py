"""Results of many sessions beside each other, and beside what was planted where that is known."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from neurorec.datasets import has_truth
from neurorec.recurrence import FEWEST_EVENTS
from neurorec.study.planted import planted_code, planted_index

_BY_UNIT = ("unit_fde", "benefit", "benefit_causal", "benefit_by_lag", "rate", "n_events")
_TRUE = ("true_memory", "true_stimulus", "true_choice")
_NAMES = {
    "benefit": "coupling index (fraction of deviance)",
    "rate": "event rate (events/s)",
    "planted_input": "planted input of partners, sd (log odds)",
    "true_stimulus": "planted gain of sounds (log odds)",
    "true_choice": "planted effect of the turn, size (log odds)",
}


def context_of(recording: xr.Dataset) -> str:
    """Context of a recording: its attribute, or the one value of its trial column ``context``; "" where neither is."""
    if "context" in recording.attrs:
        return str(recording.attrs["context"])
    values = set(recording["context"].values.astype(str).tolist()) if "context" in recording else set()
    return values.pop() if len(values) == 1 else ""


def gather_units(recordings: Mapping[str, xr.Dataset], results: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Put the units of all sessions side by side.

    Parameters
    ----------
    recordings : mapping of str to xarray.Dataset
        By session.
    results : mapping of str to xarray.Dataset
        From `neurorec.recurrence.recurrence_benefit`, by session.

    Returns
    -------
    xarray.Dataset
        Over ``unit``, those with 30 events or more: ``unit_fde (unit, model)``, ``benefit`` (the coupling index),
        ``benefit_causal``, ``benefit_by_lag (unit, lag)``, ``rate``; where the truth is known
        ``planted_uncoupled``, ``planted_coupled``, ``planted_benefit`` (fractions of deviance), ``planted_input``,
        ``true_stimulus``, ``true_choice`` (log odds; the latter's size) and ``true_memory`` (s). Coordinates ``area``,
        ``context``, ``session``.
    """
    parts = []
    for name, result in results.items():
        part = result[[variable for variable in _BY_UNIT if variable in result]].drop_attrs()
        part = part.drop_vars([c for c in part.coords if c not in ("area", "model", "lag")])
        part = part.sel(model=["uncoupled", "coupled"])
        recording = recordings[name]
        if has_truth(recording):
            null = np.where(result["scored"].values, result["null_deviance"].values, 0).sum(axis=1)
            part = part.merge(planted_index(recording, null))
            part = part.assign({key: ("unit", recording[key].values) for key in _TRUE})
            part["true_choice"] = abs(part["true_choice"])
        parts.append(_placed(part, "unit", name, recording))
    units = _stacked(parts, "unit")
    for key, label in _NAMES.items():
        if key in units:
            units[key].attrs["long_name"] = label
    return units.isel(unit=np.flatnonzero(units["n_events"].values >= FEWEST_EVENTS))


def gather_draws(recordings: Mapping[str, xr.Dataset], matched: Mapping[str, xr.Dataset]) -> xr.Dataset | None:
    """Put the subsamples of all sessions beneath each other: ``benefit_by_draw (row, draw)``; None where none is."""
    parts = []
    for name, fit in matched.items():
        if "benefit_by_draw" in fit:
            part = fit[["benefit_by_draw"]].rename(matched_area="row").drop_attrs()
            area = part["row"].values.astype(str)
            part = part.drop_vars("row").assign_coords(area=("row", area))
            parts.append(_placed(part, "row", name, recordings[name]))
    if not parts:
        return None
    return _stacked(parts, "row")


def gather_codes(
    recordings: Mapping[str, xr.Dataset], asked: Mapping[str, Mapping[str, xr.Dataset]]
) -> dict[str, xr.Dataset]:
    """Put what activity says about trial columns beneath each other.

    Parameters
    ----------
    recordings : mapping of str to xarray.Dataset
        By session.
    asked : mapping of str to mapping of str to xarray.Dataset
        From `neurorec.recurrence.class_information`, by column and session.

    Returns
    -------
    dict of str to xarray.Dataset
        By column, for the coupled model: ``information``, ``cumulative_information (row, time_from_event)`` of
        populations, a row for each session's area, and ``unit_information (unit)`` in the whole trial, bits; for the
        uncoupled model ``consistency (row, lag)`` where there is one: in coupled models partners' past has taken out
        what lasts. ``planted_...`` of each where the truth is known.
    """
    return {column: _code(recordings, found) for column, found in asked.items()}


def _code(recordings: Mapping[str, xr.Dataset], sessions: Mapping[str, xr.Dataset]) -> xr.Dataset:
    rows, units = [], []
    for name, found in sessions.items():
        recording, one = recordings[name], found.sel(model="coupled")
        area = one["population"].values.astype(str)
        kept = np.isin(area, one["area"].values.astype(str))
        row = xr.Dataset(
            {key: (("row", "time_from_event"), one[f"population_{key}"].values[kept]) for key in _MODES},
            coords={"time_from_event": _rounded(one["time_from_event"].values), "area": ("row", area[kept])},
        )
        unit = xr.Dataset(
            {"unit_information": ("unit", one["cumulative_information"].values[:, -1])},
            coords={"area": ("unit", one["area"].values.astype(str))},
        )
        if "consistency" in one:
            steady = found["consistency"].sel(model="uncoupled").values[kept]
            row["consistency"] = (("row", "lag"), steady)
            row = row.assign_coords(lag=_rounded(one["lag"].values))
        if has_truth(recording) and kept.sum() == 1 and found.attrs["column"] in ("stimulus", "choice"):
            truth = planted_code(recording, one)
            unit["planted_unit_information"] = truth["planted_unit_information"]
            row = row.assign({k: (("row", *v.dims), v.values[None]) for k, v in truth.items() if "unit" not in v.dims})
            gain = np.abs(recording[f"true_{found.attrs['column']}"].values)
            unit["planted_gain"] = ("unit", gain)
        rows.append(_placed(row, "row", name, recording))
        units.append(_placed(unit, "unit", name, recording).rename(area="unit_area", context="unit_context"))
    first = next(iter(sessions.values()))
    code = _stacked(rows, "row")
    alone = _stacked([unit.drop_vars("session") for unit in units], "unit")
    attrs = {key: first.attrs[key] for key in ("column", "event", "informative_bits")}
    return _named(code.merge(alone)).assign_attrs(attrs)


_MODES = ("information", "cumulative_information")


def _named(code: xr.Dataset) -> xr.Dataset:
    labels = {
        "information": "population, each frame alone (bit)",
        "cumulative_information": "population, all frames so far (bit)",
        "consistency": "consistency of the code\n(correlation over trials)",
        "unit_information": "single units, whole trial (bit)",
        "planted_gain": "planted gain (log odds)",
    }
    for name, label in labels.items():
        if name in code:
            code[name].attrs["long_name"] = label
    return code


def _rounded(values: np.ndarray) -> np.ndarray:
    """Times that agree between sessions."""
    return np.round(values.astype(float), 6)


def _stacked(parts: list[xr.Dataset], dim: str) -> xr.Dataset:
    """One beneath the other; what one of them lacks is missing."""
    together = xr.concat(parts, dim=dim, join="outer", data_vars="all", coords="minimal", compat="override")
    assert isinstance(together, xr.Dataset)
    return together


def _placed(part: xr.Dataset, dim: str, session: str, recording: xr.Dataset) -> xr.Dataset:
    """With the session and its context beside the area."""
    n = part.sizes[dim]
    return part.assign_coords(
        session=(dim, np.full(n, session)),
        context=(dim, np.full(n, context_of(recording))),
        area=(dim, part["area"].values.astype(str)),
    )
