"""The report: tables of how often a benefit is reported, and the figure."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import xarray as xr
from judging import Settings
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scenarios import AREAS, SCENARIOS

from neurorec.plot import reported_by_scenario

README = Path(__file__).with_name("README.md")
FIGURE = Path(__file__).parents[1] / "docs" / "figures" / "calibration.png"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
TITLES = {
    "unit": "Units reported, %: p < .05 over held-out trials (nominal 5)",
    "area": "Areas reported, %: the 95 % bootstrap interval of the median lies above 0 (nominal 2.5)",
}


def markdown(counted: xr.Dataset, settings: Settings) -> str:
    """All tables.

    Parameters
    ----------
    counted : xarray.Dataset
        From `counting.count`.
    settings : Settings
        With which recordings were judged.
    """
    sizes = ", ".join(f"{n} units of {rate:g} spikes/s" for _, n, rate in AREAS)
    lines = [
        f"Measured {date.today().isoformat()}. Seed {settings.seed}. Recordings of two areas ({sizes}), "
        f"{settings.n_trials} trials of {settings.duration:g} s in bins of {1000 * settings.bin_width:.0f} ms; "
        f"{settings.n_folds} folds, {settings.n_inner_folds} inner ones; {settings.n_draws} bootstrap draws.",
        "",
    ]
    for name in counted["scenario"].values:
        one = counted.sel(scenario=name)
        lines.append(
            f"- **{name}** ({int(one['n_recordings'])} recordings): {SCENARIOS[str(name)].says}; "
            f"{float(one['converged']):.2%} of the fits converged"
        )
    for rule in counted["rule"].values:
        lines += [
            "",
            f"### {TITLES[str(rule)]}",
            "",
            *_table(counted, lambda one, rule=rule: _cell(one.sel(rule=rule))),
        ]
    lines += ["", "### How large, thousandths of the deviance: median over areas and recordings", ""]
    lines += _table(counted, lambda one: f"{1000 * float(one['size']):.1f}".replace("-0.0", "0.0"))
    return "\n".join(lines)


def write(text: str) -> None:
    """Put the tables between the marks of the README."""
    before, _, rest = README.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n{text}\n\n{END}{after}")


def draw(counted: xr.Dataset, path: Path) -> None:
    """The figure, into a file."""
    figure = Figure(figsize=(11, 6), layout="constrained")
    FigureCanvasAgg(figure)
    reported_by_scenario(counted, ax=figure.add_subplot())
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _table(counted: xr.Dataset, cell: Callable[[xr.Dataset], str]) -> list[str]:
    """A row per measure, a column per scenario."""
    scenarios = [str(name) for name in counted["scenario"].values]
    lines = ["| | " + " | ".join(scenarios) + " |", "|---|" + "---|" * len(scenarios)]
    for measure in counted["measure"].values:
        own = counted.sel(measure=measure)
        row = [cell(own.sel(scenario=name)) for name in scenarios]
        lines.append(f"| {own['label'].item()} (`{measure}`) | " + " | ".join(row) + " |")
    return lines


def _cell(one: xr.Dataset) -> str:
    """Share and interval; in bold where the interval lies above what is nominal."""
    if not float(one["n_cases"]):
        return "-"
    share, low, high = (100 * float(one[name]) for name in ("share", "low", "high"))
    said = f"{share:.1f} ({low:.1f} to {high:.1f})"
    return f"**{said}**" if low > 100 * float(one["nominal"]) else said
