"""The page of the calibration: what a measured benefit says of the recurrence there is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from neurorec.plot import (
    benefit_against_recurrence,
    benefit_by_inputs,
    recovered_against_seen,
    recurrence_by_benefit,
)
from neurorec.report.figures import SavedFigure
from neurorec.report.reproduction import page_style, shown_figure
from neurorec.report.tables import Table, fraction

EDGES = (0.003, 0.01, 0.03, 0.1, 0.2)  # between ranges of a unit's benefit
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
    peak_rate : float
        Spikes/s at the largest activity.
    tau, bin_width : float
        Time constant of the units and width of the bins, s.
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
    peak_rate: float = 0.0
    tau: float = 0.0
    bin_width: float = 0.0
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
    readings = calibration_readings(points)
    drawn = {"recurrence": _main(points, readings), "inputs": _confounded(points)}
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
        readings=readings_table(readings),
    )
    target = folder / "report.html"
    partial = target.with_name(".partial-report.html")
    partial.write_text(page, encoding="utf-8")
    partial.replace(target)
    return target, figures


def calibration_table(points: xr.Dataset) -> Table:
    """Set means over networks of one gain: what is true of them, and the benefit found by share of units seen."""
    seen = sorted(points["seen"].values.tolist(), reverse=True)
    heads = ["gain", "task", "spikes/s", "true recurrence", "planted", *(f"{100 * part:g} % seen" for part in seen)]
    heads += ["exchanged", *(f"inputs unknown, {100 * part:g} %" for part in seen)]
    rows = []
    for gain in np.unique(points["gain"].values):
        own = points.isel(network=np.flatnonzero(points["gain"].values == gain)).mean("network")
        benefit = own["benefit"]
        cells = [float(own[name]) for name in ("share", "planted")]
        cells += [float(benefit.sel(inputs="known", seen=part)) for part in seen]
        cells += [float(own["shuffled"].sel(inputs="known", seen=seen[0]))]
        cells += [float(benefit.sel(inputs="unknown", seen=part)) for part in seen]
        about = [f"{gain:g}", f"{float(own['score']):.2f}", f"{float(own['rate']):.0f}"]
        rows.append([*about, *map(fraction, cells)])
    return Table(heads, rows)


def calibration_readings(
    points: xr.Dataset, *, inputs: str = "known", edges: Sequence[float] = EDGES, fewest: int = 10
) -> xr.Dataset:
    """Which recurrence the units had of which a benefit was measured: the calibration read the other way round.

    Parameters
    ----------
    points : xarray.Dataset
        With ``unit_benefit (network, inputs, seen, unit)`` and ``unit_share (network, unit)``: see
        `neurorec.study.calibrate_recurrence`.
    inputs : {"known", "unknown"}
        Whether the analysis was told of the inputs.
    edges : sequence of float
        Between the ranges of benefit, ascending; the first range is below the first of them, the last above the last.
    fewest : int
        Units that a range needs to be spoken of.

    Returns
    -------
    xarray.Dataset
        ``low``, ``middle``, ``high (seen, range)``: quartiles of the true recurrence of the units whose benefit was in
        the range, NaN where they are too few, with gains as frequent as they are among the networks; ``n_units``.

    Examples
    --------
    >>> points = xr.Dataset(
    ...     {"unit_benefit": (("network", "inputs", "seen", "unit"), [[[[0.02, 0.2, 0.3]]]]),
    ...      "unit_share": (("network", "unit"), [[0.1, 0.4, 0.6]])},
    ...     coords={"inputs": ["known"], "seen": [1.0]},
    ... )
    >>> readings = calibration_readings(points, edges=[0.1], fewest=1)
    >>> readings["middle"].sel(seen=1.0).values.tolist(), readings["n_units"].sel(seen=1.0).values.tolist()
    ([0.1, 0.5], [1, 2])
    """
    bounds = np.array([-np.inf, *edges, np.inf])
    benefit = points["unit_benefit"].sel(inputs=inputs).transpose("seen", "network", "unit").values
    share = points["unit_share"].transpose("network", "unit").values
    quartiles = np.full((3, len(benefit), len(bounds) - 1), np.nan)
    number = np.zeros(quartiles.shape[1:], dtype=int)
    for row, found in enumerate(benefit):
        for column, (least, most) in enumerate(pairwise(bounds)):
            own = share[(found >= least) & (found < most)]
            number[row, column] = own.size
            if own.size >= fewest:
                quartiles[:, row, column] = np.quantile(own, [0.25, 0.5, 0.75])
    over = ("seen", "range")
    named = {name: (over, values) for name, values in zip(("low", "middle", "high"), quartiles, strict=True)}
    ranges = [f"below {bounds[1]:g}", *(f"{a:g} to {b:g}" for a, b in pairwise(edges)), f"above {bounds[-2]:g}"]
    return xr.Dataset({**named, "n_units": (over, number)}, coords={"seen": points["seen"].values, "range": ranges})


def readings_table(readings: xr.Dataset) -> Table:
    """Set the quartiles of the true recurrence, a row for each range of benefit."""
    seen = sorted(readings["seen"].values.tolist(), reverse=True)
    rows = []
    for column in range(readings.sizes["range"]):
        own = readings.isel(range=column)
        cells = [str(own["range"].item())]
        for part in seen:
            low, middle, high = (float(own[name].sel(seen=part)) for name in ("low", "middle", "high"))
            cells.append(f"{middle:.0%} ({low:.0%} to {high:.0%})" if np.isfinite(middle) else "–")
        rows.append(cells)
    return Table(["benefit of a unit", *(f"{100 * part:g} % seen" for part in seen)], rows)


def _main(points: xr.Dataset, readings: xr.Dataset) -> tuple[Figure, str]:
    figure = Figure(figsize=(12.5, 9.2), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)  # type: ignore[union-attr]
    axes = figure.subplots(2, 2, width_ratios=(1.25, 1))
    benefit_against_recurrence(points, ax=axes[0, 0])
    recovered_against_seen(points, ax=axes[0, 1])
    benefit_by_inputs(points, ax=axes[1, 0])
    recurrence_by_benefit(readings, ax=axes[1, 1])
    titles = (
        "a  What is measured, and what there is",
        "b  The fewer units are seen, the less is found",
        "c  Inputs that are not recorded look like recurrence",
        "d  How to read a number",
    )
    for ax, title in zip(axes.flat, titles, strict=True):
        ax.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=10)
    said = (
        "What a measured benefit says of the recurrence there is. Networks whose recurrent weights go from none to "
        "strong, trained on one task, their units made to talk in spikes, recorded in part, and analysed as recordings "
        "are. a: dots are networks, lines means over those of one gain, shades from quartile to quartile of their "
        "units; the dark line is the benefit of who knows the weights, the inputs and the spikes of all units; square "
        "roots, so that small benefits are seen. b: the part of it that is found, against the share of units that "
        "are recorded. c: all units seen, the inputs that they share among the signals of the analysis or not; "
        "crosses: partners' trials exchanged. d: quartiles of the true recurrence of units, by the benefit that was "
        "measured of them."
    )
    return figure, said


def _confounded(points: xr.Dataset) -> tuple[Figure, str]:
    figure = Figure(figsize=(12.5, 4.7), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (inputs, title) in zip(
        axes, {"known": "inputs recorded", "unknown": "inputs not recorded"}.items(), strict=True
    ):
        benefit_against_recurrence(points, inputs=inputs, ax=ax)
        ax.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=10)
    axes[1].set_ylabel("")
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
