"""What a classic system set out to show and what came out: claims, figures, one page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from neurorec.io import save_dataset
from neurorec.report.figures import SavedFigure
from neurorec.report.reproduction import page_style, shown_figure
from neurorec.report.tables import Table

_DPI = 160


@dataclass(frozen=True)
class Claim:
    """One thing that was to be shown.

    Attributes
    ----------
    what : str
        What was measured, with its unit.
    value : float
        What came out.
    published : str
        What the literature or the theory says, as it says it: "at most N", "0.138".
    source : str
        Where: a DOI, "theory", or "calculated" with how.
    holds : bool, optional
        Whether what came out agrees; None where there is nothing to agree with.
    """

    what: str
    value: float
    published: str
    source: str
    holds: bool | None = None


@dataclass(frozen=True)
class Findings:
    """What a reproduction found.

    Attributes
    ----------
    title, question : str
        What was studied, and what was asked.
    doi : str
        Of the paper.
    claims : sequence of Claim
        What was measured beside what is published.
    figures : mapping of str to (Figure, str)
        By name, each with its caption; the first sentence of a caption is its headline.
    data : mapping of str to xarray.Dataset
        What the figures show, by name.
    settings : mapping of str to object
        Sizes and constants that were used, units in their names or values.
    notes : sequence of str
        What differs from the paper, and what is not shown.
    """

    title: str
    question: str
    doi: str
    claims: Sequence[Claim]
    figures: Mapping[str, tuple[Figure, str]]
    data: Mapping[str, xr.Dataset]
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class FindingsFacts:
    """How findings were made.

    Attributes
    ----------
    command : str
        What to type to make them again.
    seed : int
        From which everything random followed.
    seconds : float
        Wall time.
    versions : dict of str to str
        Package and version.
    """

    command: str = ""
    seed: int = 0
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)


def claims_table(findings: Findings) -> Table:
    """Set what was measured beside what is published.

    Examples
    --------
    >>> claim = Claim("share of patterns recalled", 0.97, "near 1", "theory", True)
    >>> claims_table(Findings("Memory", "", "", [claim], {}, {})).rows
    [['share of patterns recalled', '0.97', 'near 1', 'theory', 'yes']]
    """
    verdict = {True: "yes", False: "no", None: "–"}
    rows = [[c.what, number(c.value), c.published, c.source, verdict[c.holds]] for c in findings.claims]
    return Table(["", "measured", "published", "source", "agrees"], rows)


def number(value: float) -> str:
    """Write a number with three digits that count, a dash where there is none.

    Examples
    --------
    >>> number(0.12345), number(-20000.0), number(float("nan"))
    ('0.123', '−20000', '–')
    """
    if not np.isfinite(value):
        return "–"
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", "−")


def write_findings(folder: Path | str, findings: Findings, *, facts: FindingsFacts) -> list[Path]:
    """Save the figures, the data and the table, and write ``report.html``.

    Parameters
    ----------
    folder : path
        Gets ``report.html``, ``claims.csv``, ``figures/`` and ``data/``.
    findings : Findings
        What was found.
    facts : FindingsFacts
        How.

    Returns
    -------
    list of Path
        What lies where; the page first.
    """
    folder = Path(folder)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    figures = []
    for place, (name, (figure, said)) in enumerate(findings.figures.items(), start=1):
        stem = f"figure{place}_{name}"
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            figure.savefig(folder / "figures" / f"{stem}.{kind}", dpi=_DPI, bbox_inches="tight", metadata=metadata)
        figures.append(SavedFigure(place, stem, said, folder / "figures" / f"{stem}.png"))
    data = []
    for name, dataset in findings.data.items():
        data.append(folder / "data" / f"{name}.nc")
        save_dataset(dataset, data[-1])
    table = claims_table(findings)
    lines = [table.heads, *table.rows]
    claims = folder / "claims.csv"
    claims.write_text("\n".join(",".join(f'"{cell}"' for cell in row) for row in lines) + "\n", encoding="utf-8")
    page = _template().render(
        style=page_style(), findings=findings, facts=facts, table=table,
        figures=[shown_figure(figure, wide=True) for figure in figures],
    )  # fmt: skip
    target = folder / "report.html"
    partial = target.with_name(".partial-report.html")
    partial.write_text(page, encoding="utf-8")
    partial.replace(target)
    return [target, *(figure.png for figure in figures), claims, *data]


@cache
def _template() -> jinja2.Template:
    text = files("neurorec.report").joinpath("findings.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)
