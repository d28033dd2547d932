"""The report as one page that opens anywhere: no script, no font, no picture from elsewhere."""

import base64
from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import xarray as xr

from neurorec.recurrence import FEWEST_EVENTS
from neurorec.report.facts import Provenance, SessionFacts
from neurorec.report.figures import SavedFigure, save_figures
from neurorec.report.modelled import ModelledSession, by_session
from neurorec.report.tables import (
    area_label,
    by_area_table,
    controls_table,
    convergence_table,
    fraction,
    probability,
    sources_table,
)
from neurorec.report.words import answer, unit_interval


def write_report(
    folder: Path | str,
    result: xr.Dataset,
    table: pd.DataFrame,
    recordings: Mapping[str, xr.Dataset],
    *,
    sessions: Sequence[SessionFacts],
    provenance: Provenance,
    modelled: Sequence[ModelledSession] = (),
) -> Path:
    """Save the figures and write ``report.html``.

    Parameters
    ----------
    folder : path
        Gets ``report.html`` and ``figures/``.
    result : xarray.Dataset
        From :func:`neurorec.recurrence_benefit`.
    table : pandas.DataFrame
        From :func:`neurorec.recurrence.by_area`.
    recordings : mapping of str to xarray.Dataset
        By session, for the overviews.
    sessions : sequence of SessionFacts
        What was read.
    provenance : Provenance
        How the numbers were made.
    modelled : sequence of ModelledSession
        Networks on the sessions' tasks.

    Returns
    -------
    Path
        Of the page.
    """
    folder = Path(folder)
    result = _with_enough_events(result)
    figures = save_figures(folder / "figures", result, table, recordings, modelled)
    target = folder / "report.html"
    partial = target.with_name(".partial-report.html")
    page = render(result, table, figures, sessions=sessions, provenance=provenance, modelled=modelled)
    partial.write_text(page, encoding="utf-8")
    partial.replace(target)
    return target


def render(
    result: xr.Dataset,
    table: pd.DataFrame,
    figures: Sequence[SavedFigure],
    *,
    sessions: Sequence[SessionFacts],
    provenance: Provenance,
    modelled: Sequence[ModelledSession] = (),
) -> str:
    """Set the page, pictures included.

    Parameters
    ----------
    result, table
        As for :func:`write_report`.
    figures : sequence of SavedFigure
        Already on disk.
    sessions, provenance, modelled
        As for :func:`write_report`.

    Returns
    -------
    str
        HTML.
    """
    return _template().render(
        answer=answer(table),
        numbers=_numbers(result, table, sessions),
        figures={_kind(f): _shown(f) for f in figures},
        recordings=[_shown(f) for f in figures if _kind(f) == "recording"],
        by_area=by_area_table(table),
        controls=controls_table(result, table),
        sources=sources_table(result) if "benefit_from" in result else None,
        convergence=convergence_table(result),
        sessions=sessions,
        provenance=provenance,
        several=len(sessions) > 1,
        modelled=modelled,
        networks=by_session(modelled),
        pictures=_of_networks(figures, modelled),
        method=table.attrs.get("method", ""),
        second_opinion=_second_opinion(table.attrs),
        p_overall=probability(float(table.attrs.get("p_overall", np.nan))),
        fewest_events=FEWEST_EVENTS,
        area_label=area_label,
        n_silent=int(result.attrs.get("n_left_out", 0)),
    )


def _second_opinion(said: Mapping[Hashable, Any]) -> str:
    """What the mixed model says of all areas, and how small the permutation's p can be."""
    if "method_model" not in said:
        return ""
    why = str(said.get("why_no_permutation", ""))
    if why:
        return f"No permutation test: {why}."
    smallest = f"With these sessions p cannot be smaller than {probability(float(said['smallest_p']))}."
    model = probability(float(said["p_overall_model"]))
    return f"{smallest} {said['method_model'][:1].upper()}{said['method_model'][1:]}: p {model}."


def _with_enough_events(result: xr.Dataset) -> xr.Dataset:
    """Leave out the units that the table by area leaves out, and count them."""
    enough = np.isfinite(result["benefit"].values) & (result["n_events"].values >= FEWEST_EVENTS)
    return result.isel(unit=np.flatnonzero(enough)).assign_attrs(n_left_out=int(np.count_nonzero(~enough)))


@cache
def _template() -> jinja2.Template:
    text = files("neurorec.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)


def _of_networks(figures: Sequence[SavedFigure], modelled: Sequence[ModelledSession]) -> dict[str, list[dict]]:
    """Figures of networks by session."""
    found: dict[str, list[dict]] = {one.session: [] for one in modelled}
    for figure in figures:
        kind = _kind(figure)
        session = next((name for name in found if kind.startswith("networks_") and kind.endswith(f"_{name}")), None)
        if session is not None:
            found[session].append(_shown(figure))
    return found


def _kind(figure: SavedFigure) -> str:
    name = figure.name.partition("_")[2]
    return "recording" if name.startswith("recording_") else name


def _shown(figure: SavedFigure) -> dict[str, str | int]:
    picture = base64.b64encode(figure.png.read_bytes()).decode("ascii")
    head, _, rest = figure.caption.partition(". ")
    return {
        "number": figure.number,
        "head": f"{head.rstrip('.')}.",
        "rest": rest,
        "source": f"data:image/png;base64,{picture}",
    }


def _numbers(result: xr.Dataset, table: pd.DataFrame, sessions: Sequence[SessionFacts]) -> list[tuple[str, str]]:
    """The few numbers that stand on top."""
    numbers = [
        (f"{result.sizes['unit']:,}", "units"),
        (f"{len(table)}", "areas" if len(table) != 1 else "area"),
    ]
    if len(sessions) > 1:
        numbers.append((f"{len(sessions)}", "sessions"))
    blocks = any(s.block_length for s in sessions)
    numbers.append((f"{sum(s.n_trials for s in sessions):,}", "blocks" if blocks else "trials"))
    middle = unit_interval(result["benefit"].values)
    numbers.append((fraction(middle.median) if middle else "–", "median benefit, all units"))
    if "significant" in result and result.sizes["unit"]:
        numbers.append((f"{float(result['significant'].mean()):.0%}", "units with q < 0.05"))
    return numbers
