"""The page of the calibration: what a measured benefit says of the recurrence there is."""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from neurorec.plot import benefit_against_recurrence, recovered_against_seen
from neurorec.report.figures import SavedFigure
from neurorec.report.reproduction import page_style, shown_figure
from neurorec.report.tables import Table, fraction

_DPI = 160


@dataclass(frozen=True)
class CalibrationFacts:
    """How a calibration was made.

    Attributes
    ----------
    command : str
        What to type to make it again.
    n_units, n_trials : int
        Of each network.
    noise, peak_rate : float
        Private noise; spikes/s at the largest activity.
    seconds : float
        Wall time of all stages.
    versions : dict of str to str
        Package and version.
    seed : int
        From which everything random followed.
    """

    command: str = ""
    n_units: int = 0
    n_trials: int = 0
    noise: float = 0.0
    peak_rate: float = 0.0
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    seed: int = 0


def write_calibration(
    folder: Path | str, points: xr.Dataset, *, facts: CalibrationFacts
) -> tuple[Path, list[SavedFigure]]:
    """Save the figures and write ``report.html``.

    Parameters
    ----------
    folder : path
        Gets ``report.html`` and ``figures/``.
    points : xarray.Dataset
        See `neurorec.study.calibrate_recurrence`.
    facts : CalibrationFacts
        How they were made.

    Returns
    -------
    Path, list of SavedFigure
    """
    folder = Path(folder)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    drawn = {"recurrence": _main(points), "inputs": _confounded(points)}
    figures = []
    for number, (name, (figure, said)) in enumerate(drawn.items(), start=1):
        stem = f"figure{number}_{name}"
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            figure.savefig(folder / "figures" / f"{stem}.{kind}", dpi=_DPI, bbox_inches="tight", metadata=metadata)
        figures.append(SavedFigure(number, stem, said, folder / "figures" / f"{stem}.png"))
    page = _template().render(
        style=page_style(),
        facts=facts,
        figures=[shown_figure(figure, wide=True) for figure in figures],
        table=calibration_table(points),
    )
    target = folder / "report.html"
    partial = target.with_name(".partial-report.html")
    partial.write_text(page, encoding="utf-8")
    partial.replace(target)
    return target, figures


def calibration_table(points: xr.Dataset) -> Table:
    """Set means over networks of one gain: what is true of them, and the benefit found by share of units seen."""
    seen = sorted(points["seen"].values.tolist(), reverse=True)
    heads = ["gain", "task", "recurrent share", "planted", *(f"{100 * share:g} % seen" for share in seen)]
    heads += ["exchanged", "inputs unknown"]
    rows = []
    for gain in np.unique(points["gain"].values):
        own = points.isel(network=np.flatnonzero(points["gain"].values == gain)).mean("network")
        known = own.sel(inputs="known")
        cells = [float(own[name]) for name in ("score", "share", "planted")]
        cells += [float(known["benefit"].sel(seen=share)) for share in seen]
        cells += [float(known["shuffled"].sel(seen=seen[0])), float(own["benefit"].sel(inputs="unknown", seen=seen[0]))]
        rows.append([f"{gain:g}", *map(fraction, cells)])
    return Table(heads, rows)


def _main(points: xr.Dataset) -> tuple[Figure, str]:
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    benefit_against_recurrence(points, ax=left)
    recovered_against_seen(points, ax=right)
    said = (
        "What a measured benefit says of the recurrence there is. Networks whose recurrent weights go from none to "
        "strong, trained on one task, made to spike, recorded in part, and analysed as recordings are. Left: dots are "
        "networks, lines means over those of one gain; the dark line is the benefit of who knows the weights, the "
        "inputs and the activity of all other units; crosses: partners' trials exchanged. Right: the part of it that "
        "is found, against the share of units that are recorded."
    )
    return figure, said


def _confounded(points: xr.Dataset) -> tuple[Figure, str]:
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (inputs, title) in zip(
        axes, {"known": "inputs among the signals", "unknown": "inputs not recorded"}.items(), strict=True
    ):
        benefit_against_recurrence(points, inputs=inputs, recurrence="beyond", ax=ax)
        ax.set_title(title, fontsize=10)
    said = (
        "What no control removes. The same networks, the analysis told of their inputs (left) and not (right). Units "
        "that share an input which was not recorded predict each other without any connection: a benefit at no "
        "recurrence is common input."
    )
    return figure, said


@cache
def _template() -> jinja2.Template:
    text = files("neurorec.report").joinpath("calibration.html.j2").read_text(encoding="utf-8")
    environment: Any = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)
