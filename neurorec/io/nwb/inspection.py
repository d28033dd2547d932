"""What an NWB file holds and how it would be read, found without reading spikes or traces."""

import textwrap
from collections import Counter
from typing import Any

import h5py
import numpy as np

from neurorec.io.nwb.area import choose_areas, find_areas, spoken
from neurorec.io.nwb.file import (
    NwbSource,
    find_groups,
    label,
    neurodata_type,
    open_nwb,
    salvage,
    scalar_text,
    source_name,
    text,
)
from neurorec.io.nwb.series import Series, is_sampled, start_and_rate
from neurorec.io.nwb.signals import MOST_CHANNELS, find_signals, holds_events, signal_names
from neurorec.io.nwb.table import column_names, read_ragged
from neurorec.io.nwb.traces import choose_traces, find_traces, trace_kind, trace_units
from neurorec.io.nwb.trials import choose_tables, find_interval_tables, read_trials
from neurorec.io.nwb.units import find_units, read_units

# Timestamps looked at to tell samples from events.
GLANCE = 1000

# Stamps this far (s) from their neighbours are no times.
FAR = 1e6

# A screen: characters in a line after its title, lines for one item.
WIDTH, MOST_LINES = 108, 3

SUBJECT = ("subject_id", "species", "sex", "age", "genotype", "description")


def inspect_nwb(path: NwbSource) -> dict[str, Any]:
    """Say what an NWB file holds and how `read_nwb` would read it.

    Parameters
    ----------
    path : path or binary file
        As for `read_nwb`.

    Returns
    -------
    dict
        Plain values only, so that it can be written as JSON: ``source``, ``nwb_version``, ``session``,
        ``session_start``, ``description``, ``subject``; ``units`` (number, spikes, areas and where they stand,
        columns, what was observed) or None; ``tables`` (interval tables: rows, columns, span); ``traces``
        (units, samples, rate, kind, areas); ``signals`` (unit, channels, rate, span, whether kept by default);
        ``other`` (raw data and what else there is); ``default_signal``; ``doubts``. Times in s, rates in Hz. Spikes
        and samples themselves are not read.

    Raises
    ------
    FileError
        Where the file is not a readable NWB 2 file.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from neurorec.io import write_nwb
    >>> from neurorec.recording import recording_from_arrays
    >>> path = mkdtemp() + "/session.nwb"
    >>> _ = write_nwb(recording_from_arrays(np.ones((100, 2)), bin_width=0.01, area=["V1", "PPC"]), path)
    >>> inspect_nwb(path)["units"]["areas"]
    {'PPC': 1, 'V1': 1}
    """
    doubts: list[str] = []
    with open_nwb(path) as file:
        units = _units(file, doubts)
        traces = _traces(file, units is None, doubts)
        result: dict[str, Any] = {
            "source": source_name(path),
            "nwb_version": text(file.attrs.get("nwb_version", "")),
            "session": scalar_text(file, "general/session_id") or scalar_text(file, "identifier"),
            "session_start": scalar_text(file, "session_start_time"),
            "description": scalar_text(file, "session_description"),
            "subject": _subject(file),
            "default_signal": "spikes" if units else next((item["path"] for item in traces if item["default"]), ""),
            "units": units,
            "traces": traces,
            "tables": _tables(file, doubts),
            "signals": _signals(file),
            "other": _other(file),
        }
    if not units and not traces:
        doubts.insert(0, "The file holds neither units with spike times nor imaging traces.")
    return result | {"doubts": list(dict.fromkeys(" ".join(doubt.split()) for doubt in doubts))}


def describe_inspection(inspection: dict[str, Any]) -> str:
    """One screen of text (at most 40 lines) about an inspected file.

    Parameters
    ----------
    inspection : dict
        From `inspect_nwb`.

    Returns
    -------
    str
    """
    subject = ", ".join(value for name, value in inspection["subject"].items() if name != "description")
    lines = [f"{inspection['source']}  (NWB {inspection['nwb_version']}; * is read by default)"]
    lines.append(f"  session  {inspection['session'] or '-'}, {inspection['session_start'][:10]}")
    lines.append(f"  subject  {subject or 'not stated'}")
    # Doubts matter most, what cannot be used least: each section has its share of the screen.
    sections = [
        ("units", 7, _describe_units(inspection["units"])),
        ("traces", 5, [_describe_trace(trace) for trace in inspection["traces"]]),
        ("trials", 6, [_describe_table(table) for table in inspection["tables"]] or ["none"]),
        ("signals", 7, [_describe_signal(signal) for signal in inspection["signals"]]),
        ("other", 2, [f"{item['path']}  {item['kind']} {tuple(item['shape'])}" for item in inspection["other"]]),
        ("doubts", 10, inspection["doubts"]),
    ]
    for title, room, rows in sections:
        for k, row in enumerate(_fitted(rows, room)):
            lines.append(f"  {title if k == 0 else '':8s} {row}")
    return "\n".join(lines)


def _fitted(rows: list[str], room: int) -> list[str]:
    """Rows wrapped to the screen; what does not fit is counted."""
    lines: list[str] = []
    for k, row in enumerate(rows):
        wrapped = textwrap.wrap(row, WIDTH, subsequent_indent="  ", max_lines=MOST_LINES, placeholder=" ...")
        last = k == len(rows) - 1
        if len(lines) + len(wrapped) > room - (not last):
            return [*lines[: room - 1], f"... and {len(rows) - k} more"]
        lines += wrapped
    return lines


def _units(file: h5py.File, doubts: list[str]) -> dict[str, Any] | None:
    group = find_units(file)
    if group is None:
        return None
    frame, own, areas = read_units(group, None, doubts)
    spikes = read_ragged(group, "spike_times")
    return {
        "n_units": len(frame),
        "n_spikes": int(spikes.lengths.sum()) if spikes is not None else 0,
        "areas": dict(sorted(Counter(areas.tolist()).items())),
        "area_source": find_areas(frame, [])[1],
        "columns": own,
        "observed": _observed(group),
    }


def _observed(group: h5py.Group) -> dict[str, float] | None:
    """What was observed of the first unit for which the file says so."""
    ragged = read_ragged(group, "obs_intervals")
    if ragged is None or not ragged.lengths.any():
        return None
    k = int(np.argmax(ragged.lengths > 0))
    own = np.asarray(ragged.data[ragged.first[k] : ragged.last[k]], dtype=float)
    return {
        "n_stretches": len(own),
        "seconds": float(np.diff(own).sum()),
        "start": float(own.min()),
        "stop": float(own.max()),
    }


def _traces(file: h5py.File, needed: bool, doubts: list[str]) -> list[dict[str, Any]]:
    default = [series.path for series in choose_traces(file, None, doubts if needed else [])] if needed else []
    result = []
    for series in find_traces(file):
        own: list[str] = doubts if series.path in default else []
        areas: dict[str, int] = {}
        with salvage(f"The units of {series.path}", own):
            frame = trace_units(series, own)
            areas = dict(sorted(Counter(choose_areas(frame, None, (), own).tolist()).items()))
        if series.time_axis == 1:
            own.append(f"{series.path} is stored (unit, time) rather than (time, unit); it is turned.")
        result.append(
            {
                "path": series.path,
                "kind": trace_kind(series),
                "n_units": series.n_channels,
                "n_samples": series.n_samples,
                "areas": areas,
                "default": series.path in default,
                **_clock(series),
            }
        )
    return result


def _tables(file: h5py.File, doubts: list[str]) -> list[dict[str, Any]]:
    default = choose_tables(file, None, doubts)
    result = []
    for name, group in find_interval_tables(file).items():
        own: list[str] = doubts if name in default else []
        table, moments = None, []
        with salvage(f"Table {name}", own):
            table, moments = read_trials({name: group}, None, own)
        result.append(
            {
                "name": name,
                "n_rows": 0 if table is None else len(table),
                "columns": [c for c in column_names(group) if c not in ("start_time", "stop_time")],
                "moments": moments,
                "start": _number(None if table is None else table["start"].min()),
                "stop": _number(None if table is None else table["stop"].max()),
                "default": name in default,
            }
        )
    return result


def _signals(file: h5py.File) -> list[dict[str, Any]]:
    found = find_signals(file)
    result = []
    for name, series in zip(signal_names(found), found):
        clock = _clock(series)
        events = not clock["sampled"]
        kept = series.n_channels <= MOST_CHANNELS and (not events or holds_events(series))
        result.append(
            {
                "name": name,
                "path": series.path,
                "unit": series.unit,
                "n_channels": series.n_channels,
                "n_samples": series.n_samples,
                "default": kept,
                **clock,
            }
        )
    return result


def _clock(series: Series) -> dict[str, Any]:
    """Rate (Hz) and first and last moment (s) of a series, from a glance at its clock."""
    stamps = series.group.get("timestamps")
    if not isinstance(stamps, h5py.Dataset):
        start, rate = start_and_rate(series)
        stop = start + series.n_samples / rate if rate > 0 else np.nan
        return {"rate": _number(rate), "start": _number(start), "stop": _number(stop), "sampled": True}
    glance = np.append(np.asarray(stamps[:GLANCE], dtype=float), np.asarray(stamps[-1:], dtype=float))
    glance = glance[np.isfinite(glance)]
    glance = glance[np.abs(glance - np.median(glance)) < FAR] if glance.size else glance
    sampled = is_sampled(glance[:-1])
    steps = np.diff(glance[:-1])
    rate = 1 / np.median(steps) if sampled else None
    first, last = (glance.min(), glance.max()) if glance.size else (None, None)
    return {"rate": _number(rate), "start": _number(first), "stop": _number(last), "sampled": sampled}


def _other(file: h5py.File) -> list[dict[str, Any]]:
    """Series that are neither signals nor traces: raw data, images, stimuli."""
    known = {series.path for series in (*find_signals(file), *find_traces(file))}
    result = []
    for group in find_groups(file):
        data = group.get("data")
        if isinstance(data, h5py.Dataset) and label(group) not in known:
            result.append({"path": label(group), "kind": neurodata_type(group), "shape": list(data.shape)})
    return result


def _subject(file: h5py.File) -> dict[str, str]:
    facts = {name: scalar_text(file, f"general/subject/{name}") for name in SUBJECT}
    return {name: value for name, value in facts.items() if value}


def _number(value: Any) -> float | None:
    """A float, None where unknown: JSON has no NaN."""
    return float(value) if value is not None and np.isfinite(value) else None


def _span(item: dict[str, Any]) -> str:
    return "" if item["start"] is None or item["stop"] is None else f"{item['start']:.6g} to {item['stop']:.6g} s"


def _counted(areas: dict[str, int]) -> str:
    return ", ".join(f"{name or '(unknown)'} {n}" for name, n in areas.items())


def _describe_units(units: dict[str, Any] | None) -> list[str]:
    if units is None:
        return ["none"]
    lines = [f"* {units['n_units']} with {units['n_spikes']} spikes"]
    if observed := units["observed"]:
        lines[0] += f"; observed {observed['seconds']:.6g} s in {observed['n_stretches']} stretches, {_span(observed)}"
    lines.append(f"areas: {_counted(units['areas'])}")
    if units["area_source"]:
        lines[-1] += f" (from {spoken(units['area_source'])})"
    return lines + ([f"columns: {', '.join(units['columns'])}"] if units["columns"] else [])


def _describe_trace(trace: dict[str, Any]) -> str:
    rate = f" at {trace['rate']:.4g} Hz" if trace["rate"] else ""
    mark = "* " if trace["default"] else ""
    shape = f"{trace['n_units']} units x {trace['n_samples']} samples{rate}, {_span(trace)}"
    return f"{mark}{trace['path']} ({trace['kind']}): {shape}; {_counted(trace['areas'])}"


def _describe_table(table: dict[str, Any]) -> str:
    mark = "* " if table["default"] else ""
    return f"{mark}{table['name']}: {table['n_rows']} rows, {_span(table)}; {', '.join(table['columns'])}"


def _describe_signal(signal: dict[str, Any]) -> str:
    mark = "* " if signal["default"] else ""
    channels = f", {signal['n_channels']} channels" if signal["n_channels"] > 1 else ""
    rate = f"{signal['rate']:.4g} Hz" if signal["rate"] else f"{signal['n_samples']} events"
    return f"{mark}{signal['name']} ({signal['unit'] or 'no unit'}): {rate}{channels}, {_span(signal)}"
