"""The electrodes of an NWB file, and which of them each unit belongs to."""

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurorec.io.nwb.file import label, scalar_text, target, text
from neurorec.io.nwb.table import read_ragged, read_table
from neurorec.recording import first_offenders

# Columns of a unit table that name the electrode on which a unit is largest, by the electrode's id.
CHANNEL_COLUMNS = (
    "peak_channel_id",
    "peak_electrode_id",
    "peak_channel",
    "peak_electrode",
    "max_channel",
    "max_electrode",
    "main_channel",
    "electrode_id",
    "channel_id",
    "channel",
)


def read_electrodes(file: h5py.File, doubts: list[str]) -> pd.DataFrame:
    """The electrode table, with the location of each electrode's group as ``group_location``."""
    group = file.get("general/extracellular_ephys/electrodes")
    if not isinstance(group, h5py.Group):
        return pd.DataFrame()
    electrodes = read_table(group, doubts)
    references = group.get("group")
    if isinstance(references, h5py.Dataset) and references.shape[0] == len(electrodes):
        electrodes["group_location"] = _locations(references)
    return electrodes


def join_electrodes(
    frame: pd.DataFrame, units: h5py.Group, electrodes: pd.DataFrame, doubts: list[str]
) -> pd.DataFrame:
    """Add to every unit what is known of its electrode, as ``electrode_...`` columns.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per unit.
    units : h5py.Group
        The unit table in the file.
    electrodes : pandas.DataFrame
        From `read_electrodes`.
    doubts : list of str
        What is doubtful is appended here.

    Returns
    -------
    pandas.DataFrame
        The frame with ``electrode_id``, ``electrode_location``, ``electrode_group_location``, ... and the number of
        electrodes per unit, ``n_electrodes``, where the file links units to electrodes.
    """
    groups = units.get("electrode_group")
    frame = frame.copy()
    if isinstance(groups, h5py.Dataset) and groups.shape[0] == len(frame):
        frame["electrode_group_location"] = _locations(groups)
    if electrodes.empty:
        return frame
    row, n_linked = _linked_rows(frame, units, electrodes, doubts)
    if (row < 0).all():
        return frame
    joined = electrodes.reset_index(names="id").iloc[np.maximum(row, 0)].set_index(frame.index)
    joined = joined.add_prefix("electrode_")
    for name in joined.columns:
        if name not in frame.columns or name == "electrode_group_location":
            frame[name] = joined[name].where(row >= 0)
    if n_linked is not None:
        frame["n_electrodes"] = n_linked
    return frame


def _locations(references: h5py.Dataset) -> list[str]:
    """The location of the electrode group that each reference points at."""
    known: dict[str, str] = {}
    result = []
    for reference in references[()]:
        group = target(references, reference) if reference else None
        name = "" if group is None else label(group)
        if isinstance(group, h5py.Group) and name not in known:
            known[name] = text(group.attrs.get("location", "")) or scalar_text(group, "location")
        result.append(known.get(name, ""))
    return result


def _linked_rows(
    frame: pd.DataFrame, units: h5py.Group, electrodes: pd.DataFrame, doubts: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Row of the electrode table for each unit (-1: none) and how many electrodes the file links to it."""
    peak = _peak_rows(frame, electrodes, doubts)
    ragged = read_ragged(units, "electrodes")
    if ragged is None or ragged.first.size != len(frame):
        return (np.full(len(frame), -1) if peak is None else peak), None
    linked, unit = ragged.read().astype(np.int64).ravel(), ragged.row
    outside = (linked < 0) | (linked >= len(electrodes))
    if outside.any():
        doubts.append(
            f"{label(units)}: the electrodes of units {first_offenders(frame.index[np.unique(unit[outside])])} lie "
            "outside the electrode table."
        )
    linked, unit = linked[~outside], unit[~outside]
    row = _majority_rows(linked, unit, electrodes, frame, doubts, told=peak is not None)
    return (row if peak is None else np.where(peak >= 0, peak, row)), np.bincount(unit, minlength=len(frame))


def _peak_rows(frame: pd.DataFrame, electrodes: pd.DataFrame, doubts: list[str]) -> NDArray[np.int64] | None:
    """Row of the electrode on which each unit is largest, where a column states it by the electrode's id."""
    if not electrodes.index.is_unique:
        return None
    for name in CHANNEL_COLUMNS:
        if name not in frame.columns or frame[name].dtype.kind not in "iuf":
            continue
        row = electrodes.index.get_indexer(pd.Index(frame[name].to_numpy(float)))
        if (row >= 0).all():
            return row
        if (row >= 0).any():
            doubts.append(
                f"Column {name} of the units was joined to the electrode table by id; units "
                f"{first_offenders(frame.index[row < 0])} name an electrode that is not in it."
            )
            return row
    return None


def _majority_rows(
    linked: NDArray, unit: NDArray, electrodes: pd.DataFrame, frame: pd.DataFrame, doubts: list[str], *, told: bool
) -> NDArray[np.int64]:
    """For each unit the first of its electrodes that lies where most of them lie."""
    row = np.full(len(frame), -1, dtype=np.int64)
    row[unit[::-1]] = linked[::-1]
    location = electrodes.get("location")
    if location is None:
        return row
    code = pd.factorize(location)[0]
    spread = []
    n_linked = np.bincount(unit, minlength=len(frame))
    bounds = np.append(0, np.cumsum(n_linked))
    for k in np.flatnonzero(n_linked > 1):
        own = linked[bounds[k] : bounds[k + 1]]
        codes, first, count = np.unique(code[own], return_index=True, return_counts=True)
        if codes.size > 1:
            spread.append(frame.index[k])
            row[k] = own[first[count == count.max()].min()]
    if spread and not told:
        doubts.append(
            f"Units {first_offenders(spread)} are linked to electrodes in several areas; the area of most of their "
            "electrodes was taken."
        )
    return row
