"""The trials of an NWB file: one interval table, or several one after another."""

import re
from collections.abc import Sequence

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurorec.io.nwb.file import find_groups, label, neurodata_type
from neurorec.io.nwb.table import read_table
from neurorec.recording import SelectionError, first_offenders

# Names that announce a moment in time, and names of durations, which are never moved.
MOMENT = re.compile(r"(^|_)(times?|onset|offset|timestamps?)$|[a-z](Time|Times|Onset|Offset)$")
DURATION = re.compile(r"reaction|duration|latency|delay|interval|(^|_)rt($|_)|elapsed", re.IGNORECASE)

# A moment further than this many sessions (at least an hour) from the session is not one.
FAR = 10.0


def find_interval_tables(file: h5py.File) -> dict[str, h5py.Group]:
    """Every table of intervals in a file by its name (by its path where a name occurs twice)."""
    groups = [
        group
        for group in find_groups(file)
        if isinstance(group.get("start_time"), h5py.Dataset)
        and (label(group).startswith("intervals/") or neurodata_type(group) == "TimeIntervals")
        and label(group) != "intervals/invalid_times"
    ]
    names = [label(group).split("/")[-1] for group in groups]
    return {n if names.count(n) == 1 else label(g): g for n, g in zip(names, groups)}


def choose_tables(file: h5py.File, trials: str | Sequence[str] | None, doubts: list[str]) -> dict[str, h5py.Group]:
    """The tables that were asked for; by default the one called ``trials``."""
    tables = find_interval_tables(file)
    by_path = {label(group): name for name, group in tables.items()}
    spoken = ", ".join(f"{name} ({group['start_time'].shape[0]} rows)" for name, group in tables.items())
    if trials is None:
        if "trials" in tables:
            return {"trials": tables["trials"]}
        held = f"it holds {spoken}: name one or several with trials=" if tables else "it holds no interval table"
        doubts.append(f"The file has no table called trials; {held}.")
        return {}
    wanted = [trials] if isinstance(trials, str) else list(trials)
    unknown = [name for name in wanted if name not in tables and name not in by_path]
    if unknown:
        raise SelectionError(
            "trials",
            expected=f"interval tables of the file ({spoken or 'it has none'})",
            found=first_offenders(unknown),
            remedy="name one or several of these",
        )
    names = [name if name in tables else by_path[name] for name in wanted]
    return {name: tables[name] for name in names}


def read_trials(
    tables: dict[str, h5py.Group], session: tuple[float, float] | None, doubts: list[str]
) -> tuple[pd.DataFrame | None, list[str]]:
    """Read interval tables as one table of trials.

    Parameters
    ----------
    tables : dict of str to h5py.Group
        From `choose_tables`.
    session : (float, float) or None
        First and last moment of the activity, s: what lies far outside is no time.
    doubts : list of str
        What was derived, moved or left out is appended here.

    Returns
    -------
    pandas.DataFrame or None
        ``start``, ``stop`` (s) and all columns that could be kept, indexed by trial ids.
    list of str
        The columns that hold moments in absolute seconds.
    """
    frames, moments = [], []
    for name, group in tables.items():
        frame, found = _read_one(name, group, session, doubts)
        moments += [column for column in found if column not in moments]
        frames.append(frame.assign(trial_table=name) if len(tables) > 1 else frame)
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        return None, []
    table = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    table = table.loc[:, ["start", "stop", *table.columns.drop(["start", "stop"])]]
    if not table.index.is_unique or (table.index < 0).any():
        doubts.append("Trial ids occur more than once; trials are numbered by row instead.")
        table = table.reset_index(drop=True)
    return _storable(table), moments


def _read_one(
    name: str, group: h5py.Group, session: tuple[float, float] | None, doubts: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    frame = read_table(group, doubts, skip=("timeseries",))
    if "start_time" not in frame or frame["start_time"].dtype.kind not in "iuf":
        doubts.append(f"{name}: start_time could not be read, so the table was left out.")
        return pd.DataFrame(), []
    frame = frame.rename(columns={"start_time": "start", "stop_time": "stop"})
    if "stop" not in frame or frame["stop"].dtype.kind not in "iuf":
        frame["stop"] = np.nan
    frame[["start", "stop"]] = frame[["start", "stop"]].astype(float)
    starts = frame["start"].to_numpy()
    if session is None and np.isfinite(starts).any():
        session = (float(np.nanmin(starts)), float(np.nanmax(starts)))
    for column in ("start", "stop"):
        frame[column] = _without_bogus(frame[column].to_numpy(), column, name, session, doubts)
    frame["stop"] = _complete_stops(frame["start"].to_numpy(), frame["stop"].to_numpy(), name, doubts)
    _doubt_overlap(frame["start"].to_numpy(), frame["stop"].to_numpy(), name, doubts)
    moments, moved = [], []
    for column in frame.columns.drop(["start", "stop"]):
        values = frame[column]
        if values.dtype.kind != "f":
            continue
        cleaned = _without_bogus(values.to_numpy(float), str(column), name, session, doubts)
        role = _role(str(column), cleaned, frame["start"].to_numpy(), frame["stop"].to_numpy())
        if role == "other":
            continue
        moments.append(str(column))
        frame[column] = cleaned + frame["start"].to_numpy() if role == "relative" else cleaned
        moved += [str(column)] if role == "relative" else []
    if moved:
        doubts.append(f"{name}: {', '.join(moved)} count from the start of the trial and were made absolute.")
    return frame, moments


def _without_bogus(
    values: NDArray, column: str, name: str, session: tuple[float, float] | None, doubts: list[str]
) -> NDArray:
    """Values with impossible times missing; only columns that announce a time are looked at."""
    if session is None or not (column in ("start", "stop") or MOMENT.search(column)):
        return values
    margin = FAR * max(session[1] - session[0], 3600.0)
    # A time relative to the trial lies near 0, whatever the clock of the session.
    low, high = min(session[0], 0) - margin, session[1] + margin
    bogus = (values < low) | (values > high)
    if bogus.any():
        quoted = first_offenders([f"{value:.6g}" for value in values[bogus]], most=3)
        doubts.append(f"{name}: {column} holds impossible times ({quoted} s), which became missing.")
        values = np.where(bogus, np.nan, values)
    return values


def _complete_stops(start: NDArray, stop: NDArray, name: str, doubts: list[str]) -> NDArray:
    """Where a trial has no end, it ends when the next one begins; the last lasts as long as is typical."""
    open_ended = np.isfinite(start) & ~np.isfinite(stop)
    if not open_ended.any():
        return stop
    order = np.argsort(start, kind="stable")
    following = np.full(start.size, np.nan)
    following[order[:-1]] = start[order[1:]]
    completed = np.where(open_ended, following, stop)
    typical = np.nanmedian(completed - start) if np.isfinite(completed - start).any() else np.nan
    last = open_ended & ~np.isfinite(completed)
    completed = np.where(last, start + typical, completed)
    doubts.append(
        f"{name}: {open_ended.sum()} of {start.size} trials have no stop time; each was ended at the start of the "
        f"next, the last after {typical:.4g} s (the median)."
    )
    return completed


def _doubt_overlap(start: NDArray, stop: NDArray, name: str, doubts: list[str]) -> None:
    order = np.argsort(start, kind="stable")
    order = order[np.isfinite(start[order]) & np.isfinite(stop[order])]
    reach = np.maximum.accumulate(stop[order])
    n = int((start[order][1:] < reach[:-1] - 1e-9).sum())
    if n:
        doubts.append(f"{name}: {n} trials begin before an earlier one has ended; shared bins belong to the later one.")


def _role(column: str, values: NDArray, start: NDArray, stop: NDArray) -> str:
    """Is a column a moment of the session (absolute), of its trial (relative), or no moment (other)?"""
    known = np.isfinite(values) & np.isfinite(start) & np.isfinite(stop)
    if known.sum() < 1 or DURATION.search(column):
        return "other"
    values, start, stop = values[known], start[known], stop[known]
    spacing = np.median(np.diff(np.sort(start))) if start.size > 1 else 0.0
    length = max(float(np.median(stop - start)), float(spacing))
    named = bool(MOMENT.search(column))
    if named and np.mean((values >= start - length) & (values <= stop + length)) >= 0.9:
        return "absolute"
    # Without a telling name, values are moments where they follow the trials through a much longer session.
    follows = np.mean((values >= start) & (values <= stop)) >= 0.9
    if follows and start.size > 4 and np.ptp(start) > 10 * np.median(stop - start):
        return "absolute"
    inside = np.mean((values >= -length) & (values <= 2 * length))
    return "relative" if named and inside >= 0.9 else "other"


def _storable(table: pd.DataFrame) -> pd.DataFrame:
    """Columns as numbers, booleans or strings; where tables were joined, what one lacks is missing or ""."""
    columns = {}
    for name in table.columns:
        values = table[name]
        if values.dtype.kind not in "biuf":
            present = values.dropna()
            if len(present) and all(isinstance(value, bool | np.bool_ | int | float | np.number) for value in present):
                values = values.astype(float)
            else:
                values = values.map(lambda value: "" if pd.isna(value) else str(value)).astype(object)
        columns[str(name).replace("/", "_")] = values
    return pd.DataFrame(columns, index=table.index)
