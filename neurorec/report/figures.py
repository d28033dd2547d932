"""The numbered figures of a report, saved as PNG and SVG."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from neurorec.plot import (
    area_colours,
    benefit_against_lag,
    benefit_between_areas,
    benefit_by_area,
    control_names,
    controls,
    parts_by_area,
    population_rate,
    raster,
    rates_by_area,
    uncoupled_against_coupled,
)
from neurorec.report.modelled import ModelledSession, save_modelled

_DPI = 200


class SavedFigure(NamedTuple):
    """A figure on disk.

    Attributes
    ----------
    number : int
        As the report counts.
    name : str
        File name without suffix.
    caption : str
        What it shows and how to read it.
    png : Path
        The picture; the SVG lies beside it.
    """

    number: int
    name: str
    caption: str
    png: Path


CAPTIONS = {
    "benefit_by_area": (
        "Benefit of recurrence by area. Each dot is a unit: held-out deviance explained by the coupled model minus "
        "that explained by the uncoupled one. White circles are medians over units, bars their 95% "
        "hierarchical-bootstrap intervals, shapes the units' distribution."
    ),
    "uncoupled_against_coupled": (
        "Every unit with and without coupling. Above the diagonal, the other units' past helps to predict trials that "
        "were held out. Large dots are the areas' medians."
    ),
    "benefit_against_lag": (
        "Benefit against lag. Coupling through the filters of one lag only, the others left out. Medians over units "
        "and their distribution-free 95% intervals; areas stand side by side so that bars can be told apart."
    ),
    "controls": (
        "The benefit beside its controls. White diamonds: medians over all units with 95% intervals; dots: medians of "
        "the areas. Below the line the partners cannot be the cause: what they still explain is response that trials "
        "share, slow change, or chance."
    ),
    "parts_by_area": (
        "What explains what. Own history, the mean of all other units and individual partners: what each explains that "
        "the other two do not, and what they share. Means over units, which add up (line)."
    ),
    "benefit_between_areas": (
        "From which area to which. The benefit with partners of one area only, in thousandths of the deviance; medians "
        "over units. {which} Units of one area are also each other's partners."
    ),
    "recording": (
        "The recording {session}. Activity of every unit, sorted by area and rate (top), mean activity over the same "
        "stretch (middle), and mean rates over all observed bins with medians and 95% intervals (bottom). Time that "
        "was not recorded is closed up; faint lines mark the jumps and the trials."
    ),
}


def save_figures(
    folder: Path,
    result: xr.Dataset,
    table: pd.DataFrame,
    recordings: Mapping[str, xr.Dataset],
    modelled: Sequence[ModelledSession] = (),
) -> list[SavedFigure]:
    """Draw and save every figure of a report.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    result : xarray.Dataset
        From :func:`neurorec.recurrence_benefit`.
    table : pandas.DataFrame
        By area.
    recordings : mapping of str to xarray.Dataset
        By session.
    modelled : sequence of ModelledSession
        Networks on the sessions' tasks.

    Returns
    -------
    list of SavedFigure
        In the order of the report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = {str(a) for a in result["area"].values}
    for recording in recordings.values():
        names |= {str(a) for a in recording["area"].values}
    colours = area_colours(names)
    n_areas = len({str(a) for a in result["area"].values})
    saved = []

    def keep(figure: Figure, name: str, caption: str) -> None:
        saved.append(_save(figure, folder, len(saved) + 1, name, caption))

    figure, ax = _canvas(7.4, 1.2 + 0.55 * max(n_areas, 2))
    benefit_by_area(result, table=table, colours=colours, ax=ax)
    keep(figure, "benefit_by_area", CAPTIONS["benefit_by_area"])
    figure, ax = _canvas(6.2, 5.2)
    uncoupled_against_coupled(result, colours=colours, ax=ax)
    keep(figure, "uncoupled_against_coupled", CAPTIONS["uncoupled_against_coupled"])
    figure, ax = _canvas(7.4, 1.6 + 0.32 * len(control_names(result)))
    controls(result, table=table, colours=colours, ax=ax)
    keep(figure, "controls", CAPTIONS["controls"])
    if "shared_blocks" in result:
        figure, ax = _canvas(7.0, 1.4 + 0.42 * max(n_areas, 2))
        parts_by_area(result, colours=colours, ax=ax)
        keep(figure, "parts_by_area", CAPTIONS["parts_by_area"])
    if "benefit_from" in result:
        _between_areas(result, keep)
    if "benefit_by_lag" in result:
        figure, ax = _canvas(7.0, 4.2)
        benefit_against_lag(result, colours=colours, ax=ax)
        keep(figure, "benefit_against_lag", CAPTIONS["benefit_against_lag"])
    for one in modelled:
        save_modelled(one, keep, several=len(modelled) > 1)
    for session, recording in recordings.items():
        keep(_overview(recording, colours), f"recording_{session}", CAPTIONS["recording"].format(session=session))
    return saved


def _between_areas(result: xr.Dataset, keep: Callable[[Figure, str, str], None]) -> None:
    """The matrix of areas, at equal numbers of partners where there are areas large enough."""
    matched = "benefit_from_matched" in result and bool(result["benefit_from_matched"].notnull().any())
    which = "Equally many partners of every area." if matched else "All partners, however many an area has."
    n = result.sizes["source_area"]
    figure, ax = _canvas(max(2.2 + 0.55 * n, 5.4), 1.6 + 0.42 * n)
    benefit_between_areas(result, matched=matched, ax=ax)
    keep(figure, "benefit_between_areas", CAPTIONS["benefit_between_areas"].format(which=which))


def _overview(recording: xr.Dataset, colours: Mapping[str, str]) -> Figure:
    """Raster, population rate and rates by area, one above the other."""
    rows = 0.7 + 0.3 * len(set(recording["area"].values.astype(str)))
    figure = Figure(figsize=(8.2, 6.4 + rows), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1, height_ratios=[4.6, 1.3, rows])
    raster(recording, colours=colours, ax=top)
    top.set_xlabel("")
    top.tick_params(labelbottom=False)
    population_rate(recording, colours=colours, ax=middle)
    rates_by_area(recording, colours=colours, ax=bottom)
    return figure


def _canvas(width: float, height: float):
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _save(figure: Figure, folder: Path, number: int, name: str, caption: str) -> SavedFigure:
    name = f"figure{number}_{name}"
    look = {"dpi": _DPI, "bbox_inches": "tight", "pad_inches": 0.05}  # whole, however long the names of areas are
    figure.savefig(folder / f"{name}.png", metadata={"Software": None}, **look)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, **look)
    return SavedFigure(number, name, caption, folder / f"{name}.png")
