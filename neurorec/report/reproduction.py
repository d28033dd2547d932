"""The page of a reproduction of Runyan et al. 2017: its figures, what was planted beside what was found."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.stats import mannwhitneyu

from neurorec.plot import (
    area_colours,
    code_across_sessions,
    cumulative_information_by_area,
    explained_distribution,
    index_against,
    index_against_lag,
    index_by_context,
    index_of_subsamples,
)
from neurorec.report.captions import caption
from neurorec.report.figures import SavedFigure
from neurorec.report.tables import Table, area_label, fraction, probability

_DPI = 160
_LONGEST = 2.0  # s; at longer lags few pairs of frames are left in a trial


@dataclass(frozen=True)
class ReproductionFacts:
    """How a reproduction was made.

    Attributes
    ----------
    command : str
        What to type to make it again.
    simulated : bool
        Whether the sessions were made for it.
    n_draws, n_folds, n_sources : int
        Subsamples per session, outer folds, and sources of every unit in the subsamples.
    silence : bool
        Whether what lies before a stretch of observed frames counts as silence.
    weight : dict of str to float
        Penalty weights by term, 1 for the others.
    failures : dict of str to str
        Sessions, or questions to sessions, that came to nothing, and why.
    seconds : float
        Wall time of all stages.
    versions : dict of str to str
        Package and version.
    seed : int
        From which everything random followed.
    """

    command: str = ""
    simulated: bool = True
    n_draws: int = 0
    n_folds: int = 0
    n_sources: int = 0
    silence: bool = False
    weight: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    seed: int = 0


class RankSum(NamedTuple):
    """Sessions of two areas compared.

    Attributes
    ----------
    context : str
        Of the sessions; "all sessions" for those of every context.
    areas : tuple of str
        Which two.
    n_sessions : tuple of int
        Of each.
    p_value : float
        Two-sided, exact, of Wilcoxon's rank sum.
    smallest : float
        The smallest that so many sessions allow.
    """

    context: str
    areas: tuple[str, str]
    n_sessions: tuple[int, int]
    p_value: float
    smallest: float


def write_reproduction(
    folder: Path | str,
    units: xr.Dataset,
    draws: xr.Dataset | None,
    codes: Mapping[str, xr.Dataset],
    *,
    facts: ReproductionFacts,
) -> tuple[Path, list[SavedFigure]]:
    """Save the figures and write ``report.html``.

    Parameters
    ----------
    folder : path
        Gets ``report.html`` and ``figures/``.
    units : xarray.Dataset
        Over ``unit``: see `neurorec.study.reproduce_runyan2017`.
    draws : xarray.Dataset or None
        ``benefit_by_draw (row, draw)``.
    codes : mapping of str to xarray.Dataset
        By trial column, what activity says about it.
    facts : ReproductionFacts
        How all of it was made.

    Returns
    -------
    Path, list of SavedFigure
    """
    folder = Path(folder)
    figures = save_reproduction_figures(folder / "figures", units, draws, codes, facts=facts)
    page = _template().render(
        style=page_style(),
        facts=facts,
        figures=[shown_figure(figure, wide=_is_wide(figure)) for figure in figures],
        table=medians_table(units),
        tests=[] if draws is None else rank_sums(draws),
        planted="planted_benefit" in units,
        left_out=_left_out(units, draws, codes),
        area_label=area_label,
        probability=probability,
    )
    target = folder / "report.html"
    partial = target.with_name(".partial-report.html")
    partial.write_text(page, encoding="utf-8")
    partial.replace(target)
    return target, figures


def save_reproduction_figures(
    folder: Path,
    units: xr.Dataset,
    draws: xr.Dataset | None,
    codes: Mapping[str, xr.Dataset],
    *,
    facts: ReproductionFacts,
) -> list[SavedFigure]:
    """Draw and save the figures for which there is data, as PNG and SVG.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    units, draws, codes, facts
        As for `write_reproduction`.

    Returns
    -------
    list of SavedFigure
    """
    folder.mkdir(parents=True, exist_ok=True)
    colours = area_colours(units["area"].values.astype(str))
    saved: list[SavedFigure] = []

    def keep(figure: Figure, name: str, **about: Any) -> None:
        said = caption(name, planted="planted_benefit" in units, **about)
        name = f"figure{len(saved) + 1}_{name}"
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            look = {"dpi": _DPI, "bbox_inches": "tight", "pad_inches": 0.05, "metadata": metadata}
            figure.savefig(folder / f"{name}.{kind}", **look)
        saved.append(SavedFigure(len(saved) + 1, name, said, folder / f"{name}.png"))

    keep(_explained(units, colours), "explained_deviance")
    keep(_indices(units, colours), "coupling_index")
    if draws is not None:
        figure, ax = _canvas(6.6, 1.1 + 0.3 * draws.sizes["row"])
        index_of_subsamples(draws, colours=colours, ax=ax)
        keep(figure, "subsamples", n=facts.n_sources + 1, n_draws=draws.sizes["draw"], tests=_in_words(draws))
    if "benefit_by_lag" in units:
        figure, ax = _canvas(7, 4.2)
        index_against_lag(units, colours=colours, ax=ax)
        keep(figure, "lags")
    figure, ax = _canvas(5.8, 4.2)
    index_against(units, "rate", colours=colours, ax=ax)
    keep(figure, "rate")
    for column, code in codes.items():
        keep(_information(code, colours), f"information_{column}", column=column, code=code)
        if "consistency" in code:
            figure, ax = _canvas(6.2, 4)
            code_across_sessions(code.sel(lag=slice(0, _LONGEST)), "consistency", colours=colours, ax=ax)
            keep(figure, f"consistency_{column}", column=column)
    if "planted_input" in units:
        figure, ax = _canvas(5.8, 4.2)
        index_against(units, "planted_input", colours=colours, ax=ax)
        keep(figure, "planted_input")
    return saved


def rank_sums(draws: xr.Dataset) -> list[RankSum]:
    """Compare the sessions of two areas by their median over draws, in each context and in all sessions.

    Parameters
    ----------
    draws : xarray.Dataset
        ``benefit_by_draw (row, draw)`` with the coordinates ``area`` and ``context (row)``.

    Returns
    -------
    list of RankSum
        For every pair of areas of two sessions or more each.

    Examples
    --------
    >>> coords = {"area": ("row", ["AC", "AC", "PPC", "PPC"]), "context": ("row", ["active"] * 4)}
    >>> values = [[0.0], [0.1], [0.2], [0.3]]
    >>> test = rank_sums(xr.Dataset({"benefit_by_draw": (("row", "draw"), values)}, coords=coords))[0]
    >>> test.context, round(test.p_value, 3), round(test.smallest, 3)
    ('active', 0.333, 0.333)
    """
    middle = np.nanmedian(draws["benefit_by_draw"].values, axis=1)
    area, context = draws["area"].values.astype(str), draws["context"].values.astype(str)
    names, found = sorted(set(area.tolist())), []
    subsets = {name: context == name for name in sorted(set(context))}
    if len(subsets) > 1:
        subsets["all sessions"] = np.ones(area.size, dtype=bool)
    for label, here in subsets.items():
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                a, b = middle[here & (area == first)], middle[here & (area == second)]
                if min(a.size, b.size) > 1:
                    p, least = (float(mannwhitneyu(*pair, method="exact").pvalue) for pair in ((a, b), _apart(a, b)))
                    found.append(RankSum(str(label), (first, second), (a.size, b.size), p, least))
    return found


def medians_table(units: xr.Dataset) -> Table:
    """Set medians over units by area and context, those of what was planted beside those of what was found."""
    columns = {
        "uncoupled": ("unit_fde", "uncoupled"),
        "planted uncoupled": ("planted_uncoupled", ""),
        "coupled": ("unit_fde", "coupled"),
        "planted coupled": ("planted_coupled", ""),
        "index": ("benefit", ""),
        "strictly causal": ("benefit_causal", ""),
        "planted index": ("planted_benefit", ""),
    }
    columns = {head: at for head, at in columns.items() if at[0] in units}
    pairs = sorted(set(zip(units["area"].values.astype(str), units["context"].values.astype(str), strict=True)))
    rows = []
    for area, context in pairs:
        own = units.isel(unit=np.flatnonzero((units["area"].values == area) & (units["context"].values == context)))
        cells = []
        for name, model in columns.values():
            values = own[name].sel(model=model).values if model else own[name].values
            cells.append(fraction(float(np.nanmedian(values))) if np.isfinite(values).any() else "–")
        n_sessions = len(set(own["session"].values.tolist()))
        rows.append(
            [", ".join(filter(None, (area_label(area), context))), str(n_sessions), str(own.sizes["unit"]), *cells]
        )
    return Table(["medians over units", "sessions", "units", *columns], rows)


def _apart(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As many values, the two groups wholly apart."""
    return np.arange(a.size, dtype=float), a.size + np.arange(b.size, dtype=float)


def _in_words(draws: xr.Dataset) -> str:
    said = [
        f"{' and '.join(map(area_label, test.areas))}, {test.context or 'all sessions'} "
        f"({test.n_sessions[0]} and {test.n_sessions[1]} sessions): p = {probability(test.p_value)}, "
        f"the smallest possible {probability(test.smallest)}"
        for test in rank_sums(draws)
    ]
    return "; ".join(said)


def _explained(units: xr.Dataset, colours: Mapping[str, str]) -> Figure:
    contexts = sorted(set(units["context"].values.astype(str)))
    figure = Figure(figsize=(4.6 * len(contexts), 7), layout="constrained")
    axes = figure.subplots(2, len(contexts), squeeze=False)
    for row, model in enumerate(("uncoupled", "coupled")):
        for column, context in enumerate(contexts):
            explained_distribution(units, model=model, context=context, colours=colours, ax=axes[row, column])
            axes[row, column].set_title(context, fontsize=10)
    return figure


def _indices(units: xr.Dataset, colours: Mapping[str, str]) -> Figure:
    """The index with the same frame, and strictly causal."""
    titles = {
        "benefit": "same frame included",
        "benefit_causal": "strictly causal",
    }
    titles = {name: title for name, title in titles.items() if name in units}
    n_rows = len(set(zip(units["area"].values.tolist(), units["context"].values.tolist(), strict=True)))
    figure = Figure(figsize=(4 * len(titles) + 1, 1.4 + 0.55 * n_rows), layout="constrained")
    axes = figure.subplots(1, len(titles), squeeze=False)[0]
    limits = None
    for ax, (name, title) in zip(axes, titles.items(), strict=True):
        index_by_context(units, value=name, limits=limits, colours=colours, ax=ax)
        limits = ax.get_xlim() if limits is None else limits
        ax.set_title(title, fontsize=10)
        if ax is not axes[0]:
            ax.set_yticks([])
    return figure


def _information(code: xr.Dataset, colours: Mapping[str, str]) -> Figure:
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    axes = figure.subplots(2, 2)
    code_across_sessions(code, "information", colours=colours, ax=axes[0, 0])
    code_across_sessions(code, "cumulative_information", colours=colours, ax=axes[0, 1])
    cumulative_information_by_area(_at_the_end(code), colours=colours, ax=axes[1, 0])
    if "planted_gain" in code:
        single = code[["planted_gain", "unit_information", "planted_unit_information"]].drop_vars(
            "area", errors="ignore"
        )
        single = single.rename(unit_area="area")
        index_against(
            single, "planted_gain", value="unit_information", planted="planted_unit_information", colours=colours,
            ax=axes[1, 1],
        )  # fmt: skip
    else:
        axes[1, 1].set_axis_off()
    return figure


def _at_the_end(code: xr.Dataset) -> xr.Dataset:
    """Single units' information in the whole trial, as the figure of its distribution takes it."""
    values = code["unit_information"].values[None, :, None]
    return xr.Dataset(
        {"cumulative_information": (("model", "unit", "time_from_event"), values)},
        coords={"model": ["coupled"], "area": ("unit", code["unit_area"].values)},
        attrs=code.attrs,
    )


def _canvas(width: float, height: float):
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _left_out(units: xr.Dataset, draws: xr.Dataset | None, codes: Mapping[str, xr.Dataset]) -> list[str]:
    """What the data did not allow."""
    checks: dict[str, Callable[[], bool]] = {
        "the comparison with what was planted: nothing is known of it": lambda: "planted_benefit" in units,
        "subsamples: no area is large enough": lambda: draws is not None,
        "the comparison of contexts: all sessions are of one": lambda: len(set(units["context"].values.tolist())) > 1,
        "the comparison of areas: there is one": lambda: len(set(units["area"].values.tolist())) > 1,
        "information: no event of the design is split by a trial column of few values": lambda: bool(codes),
        "consistency of a code: no such trial column has two values": lambda: any(
            "consistency" in c for c in codes.values()
        ),
    }
    return [text for text, there in checks.items() if not there()]


def _is_wide(figure: SavedFigure) -> bool:
    return figure.name.partition("_")[2].startswith(("explained_deviance", "coupling_index", "information"))


def shown_figure(figure: SavedFigure, *, wide: bool) -> dict[str, str | int]:
    """A figure as pages show it: its picture within the page, the first sentence of its caption apart."""
    head, _, rest = figure.caption.partition(". ")
    picture = base64.b64encode(figure.png.read_bytes()).decode("ascii")
    source = f"data:image/png;base64,{picture}"
    return {
        "number": figure.number,
        "head": f"{head}.",
        "rest": rest,
        "source": source,
        "size": "" if wide else "narrow",
    }


@cache
def page_style() -> str:
    """The look of the report by area."""
    text = files("neurorec.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    found = re.search(r"<style>(.*?)</style>", text, flags=re.DOTALL)
    return found.group(1) if found else ""


@cache
def _template() -> jinja2.Template:
    text = files("neurorec.report").joinpath("reproduction.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)
