"""The area of every unit, as the file states it or as the user says."""

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurorec.recording import InputError, SelectionError, first_offenders

AreaChoice = str | Mapping[Any, str] | Callable[[pd.DataFrame], Any] | None

# Names under which files keep an area, best first.
AREA_COLUMNS = (
    "area",
    "brain_area",
    "brain_region",
    "region",
    "structure_acronym",
    "ecephys_structure_acronym",
    "brain_location",
    "anatomical_location",
    "location",
    "structure",
    "acronym",
    "location_name",
)

# Ways of saying that nobody knows.
UNKNOWN = (
    *("", "?", "-", "unknown", "void", "n/a", "na", "none", "nan", "null", "empty"),
    *("unspecified", "undefined", "not available", "no location"),
)


def find_areas(frame: pd.DataFrame, doubts: list[str]) -> tuple[NDArray[np.str_], str]:
    """The area of every unit as the file states it.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per unit, with everything known of it, its electrode (``electrode_...``) and its imaging plane.
    doubts : list of str
        What is doubtful is appended here.

    Returns
    -------
    ndarray of str (unit,)
        ``""`` where unknown.
    str
        The column that states it, ``""`` where none does.
    """
    found: list[tuple[str, NDArray[np.str_]]] = []
    for name in _candidates(frame):
        unsaid: list[str] = []
        areas = clean_areas(frame[name], name, unsaid)
        if (areas != "").any():
            found.append((name, areas))
            if len(found) == 1:
                doubts.extend(unsaid)
    if not found:
        return np.full(len(frame), "", dtype=np.str_), ""
    chosen, areas = found[0]
    for name, others in found[1:]:
        differ = (others != areas) & (others != "") & (areas != "")
        if differ.any():
            k = int(np.flatnonzero(differ)[0])
            doubts.append(
                f"{spoken(chosen)} and {spoken(name)} state different areas for {differ.sum()} of {areas.size} units "
                f"(unit {frame.index[k]}: {str(areas[k])!r} and {str(others[k])!r}); {spoken(chosen)} was taken."
            )
    return areas, chosen


def choose_areas(
    frame: pd.DataFrame, area: AreaChoice, electrode_areas: Iterable[str], doubts: list[str]
) -> NDArray[np.str_]:
    """The area of every unit, after what the user says.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per unit, indexed by unit ids.
    area : str, mapping, callable or None
        A column; areas or unit ids to areas; or a function of ``frame``.
    electrode_areas : iterable of str
        Areas that the electrode table names, to notice those that end up without a unit.
    doubts : list of str
        What is doubtful is appended here.

    Returns
    -------
    ndarray of str (unit,)
    """
    named = set(electrode_areas)
    if callable(area):
        areas = _from_callable(frame, area)
    elif isinstance(area, str):
        areas = _from_column(frame, area, doubts)
    else:
        areas, _ = find_areas(frame, doubts)
    if isinstance(area, Mapping):
        areas, renaming = _mapped(frame, areas, named, area, doubts)
        named = {renaming.get(name, name) for name in named}
    empty = sorted(named - set(areas))
    if empty and named & set(areas):
        doubts.append(
            f"No unit lies in {first_offenders(empty)}, which the electrode table names: the link from units to "
            "electrodes may be wrong; area= takes a mapping of unit ids to areas or a function of the unit table."
        )
    if (areas == "").any():
        n = int((areas == "").sum())
        doubts.append(f"The file states no area for {n} of {areas.size} units; area= takes a mapping or a function.")
    return areas


def clean_areas(values: Iterable[Any], name: str, doubts: list[str]) -> NDArray[np.str_]:
    """Areas as plain strings: ``""`` where unknown, packed text unpacked (and said)."""
    values = list(values)
    meaning = {str(value): _plain_area(str(value)) for value in values}
    packed = [value for value, plain in meaning.items() if plain and plain != value.strip()]
    if packed:
        first, more = packed[0], f" (and so on, {len(packed)} texts in all)" if len(packed) > 1 else ""
        doubts.append(
            f"{spoken(name)} packs several facts into one text: {meaning[first]!r} was taken from {first!r}{more}."
        )
    return np.array([meaning[str(value)] for value in values], dtype=np.str_)


def _candidates(frame: pd.DataFrame) -> list[str]:
    """Columns that may state the area, best first: the unit's own, its electrode's, its group's, its plane's."""
    lower = {str(name).lower(): str(name) for name in frame.columns if frame[name].dtype.kind not in "biuf"}
    order = [
        *AREA_COLUMNS,
        *(f"electrode_{name}" for name in ("location", *AREA_COLUMNS)),
        "electrode_group_location",
        "plane_location",
    ]
    return list(dict.fromkeys(lower[name] for name in order if name in lower))


def spoken(name: str) -> str:
    """A column of the joined unit table in the words of the file."""
    if name == "plane_location":
        return "imaging_plane.location"
    if name == "electrode_group_location":
        return "electrode_group.location"
    return f"electrodes.{name.removeprefix('electrode_')}" if name.startswith("electrode_") else f"column {name}"


def _plain_area(value: str) -> str:
    plain = _unpack(value.strip())
    return "" if plain.lower() in UNKNOWN else plain


def _unpack(value: str) -> str:
    """The area in text such as ``brain_region: ALM; hemisphere: left`` or ``{'area': 'ALM'}``."""
    facts: dict[str, str] = {}
    if value.startswith("{"):
        try:
            facts = {str(key).lower(): str(item) for key, item in dict(ast.literal_eval(value)).items()}
        except (ValueError, SyntaxError, TypeError):
            facts = {k.lower(): v for k, v in re.findall(r"[\"']?(\w+)[\"']?\s*:\s*[\"']?([^,\"'}]*)", value)}
    else:
        parts = [part for part in re.split(r"[;,]", value) if part.strip()]
        pairs = [re.split(r"[:=]", part, maxsplit=1) for part in parts]
        if pairs and all(len(pair) == 2 for pair in pairs):
            facts = {key.strip().lower().replace(" ", "_"): item for key, item in pairs}
    for name in AREA_COLUMNS:
        if name in facts:
            return facts[name].strip()
    return value


def _from_callable(frame: pd.DataFrame, area: Callable[[pd.DataFrame], Any]) -> NDArray[np.str_]:
    given = area(frame)
    areas = np.asarray(list(given) if not isinstance(given, str) else [given], dtype=object)
    if areas.shape != (len(frame),):
        raise InputError(
            "area",
            expected=f"a function that returns one area per unit ({len(frame)})",
            found=f"an answer of shape {areas.shape}",
            remedy="return a list or a column of the table it is given",
        )
    return np.array(["" if value is None else str(value) for value in areas], dtype=np.str_)


def _from_column(frame: pd.DataFrame, area: str, doubts: list[str]) -> NDArray[np.str_]:
    for name in (area, f"electrode_{area}"):
        if name in frame.columns:
            return clean_areas(frame[name], name, doubts)
    raise SelectionError(
        "area",
        expected=f"a column of the unit table ({', '.join(map(str, frame.columns))})",
        found=repr(area),
        remedy="name one of them, or give a mapping or a function of the table",
    )


def _mapped(
    frame: pd.DataFrame, areas: NDArray[np.str_], named: set[str], area: Mapping[Any, str], doubts: list[str]
) -> tuple[NDArray[np.str_], dict[str, str]]:
    """Areas after a mapping whose keys are areas or unit ids, and the mapping of areas alone."""
    known = named | set(areas.tolist())
    by_area = {_plain_area(str(key)): str(new) for key, new in area.items() if _plain_area(str(key)) in known}
    by_unit = {key: str(new) for key, new in area.items() if _plain_area(str(key)) not in known}
    ids = {str(unit): k for k, unit in enumerate(frame.index)}
    unmatched = [key for key in by_unit if str(key) not in ids]
    if len(unmatched) == len(area):
        raise SelectionError(
            "area",
            expected=f"a mapping from areas ({first_offenders(sorted(set(areas)))}) or unit ids",
            found=f"keys {first_offenders(unmatched)}",
            remedy="use the areas as the file writes them",
        )
    if unmatched:
        doubts.append(f"area= maps {first_offenders(unmatched)}, which is neither an area nor a unit of the file.")
    mapped = [by_area.get(name, name) for name in areas]
    for key, value in by_unit.items():
        if str(key) in ids:
            mapped[ids[str(key)]] = value
    return np.array(mapped, dtype=np.str_), by_area
