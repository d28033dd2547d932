"""The table: goals beside what was measured, then every number."""

from collections.abc import Callable, Iterable
from datetime import date

from clock import machine
from results import ALONG, Alone, Results, Theirs

REACHED = 1.05e-6  # a peer counts where its gap is 1e-6, as printed


def markdown(results: Results, seed: int) -> str:
    """All tables."""
    parts = [f"Measured {date.today().isoformat()} on {machine()}. Seed {seed}. One thread unless said.", ""]
    parts += [f"- **{size}**: {said}" for size, said in results.work.items()] + [""]
    parts += [f"- Left out: {said}" for said in results.left_out] + [""] * bool(results.left_out)
    for title, lines in (
        ("Goals", goals(results)),
        ("This package, all units, one core", ours(results)),
        ("Peers, a few units each", theirs(results)),
        ("A further training fold (ridge), with shared curvature", folds(results)),
        ("Fresh processes: memory, one core against two", fresh(results)),
        ("Growth", growth(results)),
    ):
        parts += [f"### {title}", "", *lines, ""] if lines else []
    return "\n".join(parts)


def goals(results: Results) -> list[str]:
    """One row per goal, one column per size."""
    sizes = list(results.work)
    if not sizes:
        return []
    rows: list[tuple[str, str, Callable[[str], str]]] = [
        (
            "ridge, all units, against the best peer",
            ">= 50x at M, >= 100x at L",
            lambda s: best_ratio(results, s, "ridge"),
        ),
        ("... peers in float64", "", lambda s: best_ratio(results, s, "ridge", double=True)),
        (
            "elastic-net path of 30 against adelie",
            ">= 20x at M and L",
            lambda s: best_ratio(results, s, "elastic-net path", "adelie"),
        ),
        ("... adelie in float64", "", lambda s: best_ratio(results, s, "elastic-net path", "adelie", double=True)),
        ("worst gap, ridge", "<= 1e-6", lambda s: worst_gap(results, s, "ridge")),
        ("worst gap, every penalty of the path", "<= 1e-6", lambda s: worst_gap(results, s, "elastic-net path")),
        ("ridge time / one gradient pass", "<= 15", lambda s: in_passes(results, s)),
        ("further fold, gradient passes, warm (most)", "<= 4", lambda s: fold_passes(results, s, "warm")),
        ("... per penalty of a path", "<= 4", lambda s: fold_passes(results, s, ALONG)),
        ("peak memory / X, with X, ridge", "<= 1.5", lambda s: memory(results, s, "ridge")),
        ("peak memory / X, with X, path", "<= 1.5", lambda s: memory(results, s, "elastic-net path")),
        ("two cores, ridge", ">= 1.7x", lambda s: speedup(results, s, "ridge")),
        ("two cores, path", ">= 1.7x", lambda s: speedup(results, s, "elastic-net path")),
    ]
    lines = table(["", "goal", *sizes], [[name, goal, *(said(size) for size in sizes)] for name, goal, said in rows])
    bins = ", ".join(f"{row.job} {row.exponent:.2f}" for row in results.growth if row.along == "bins")
    return lines + (
        [f"| time against bins, exponent | 1 | {bins} |" + " |" * (len(sizes) - 1)] if bins and sizes else []
    )


def best_ratio(results: Results, size: str, job: str, name: str = "", double: bool = False) -> str:
    """Ours against the fastest of the peers that reached the gap; all whose name begins so, or those in float64."""
    reached = [
        row
        for row in results.theirs
        if (row.size, row.job) == (size, job) and row.gap <= REACHED and row.name.startswith(name)
        if not (double and "float32" in row.name)
    ]
    best: Theirs | None = min(reached, key=lambda row: row.per_unit, default=None)
    return f"{best.ratio:.0f}x ({best.name})" if best else "-"


def worst_gap(results: Results, size: str, job: str) -> str:
    """Of all designs."""
    gaps = [row.gap for row in results.ours if row.size == size and row.job == job]
    return f"{max(gaps):.1e}" if gaps else "-"


def in_passes(results: Results, size: str) -> str:
    """Time of ridge, dense."""
    found = [row.in_passes for row in results.ours if (row.size, row.job, row.design) == (size, "ridge", "dense")]
    return f"{found[0]:.1f}" if found else "-"


def fold_passes(results: Results, size: str, start: str) -> str:
    """Mean and most over the units."""
    found = [row for row in results.folds if row.size == size and row.start == start]
    return f"{found[0].n_iter:.1f} ({found[0].n_iter_most})" if found else "-"


def memory(results: Results, size: str, job: str) -> str:
    """One thread, dense."""
    found = _alone(results, size, job)
    return f"{1 + found.extra[1]:.2f}" if found else "-"


def speedup(results: Results, size: str, job: str) -> str:
    """Dense."""
    found = _alone(results, size, job)
    return f"{found.speedup:.2f}x" if found else "-"


def _alone(results: Results, size: str, job: str) -> Alone | None:
    rows = [row for row in results.alone if (row.size, row.job, row.design) == (size, job, "dense")]
    return rows[0] if rows else None


def ours(results: Results) -> list[str]:
    """Every fit."""
    head = [
        "size",
        "job",
        "design",
        "CPU s",
        "per unit",
        "one pass, s",
        "in passes",
        "passes (most)",
        "worst gap",
        "as reported",
    ]
    return table(
        head,
        (
            [
                row.size,
                row.job,
                row.design,
                f"{row.seconds:.3g}",
                f"{row.per_unit:.3g}",
                f"{row.one_pass:.3g}",
                f"{row.in_passes:.1f}",
                f"{row.n_iter:.1f} ({row.n_iter_most})",
                f"{row.gap:.1e}",
                f"{row.own_gap:.1e}",
            ]
            for row in results.ours
        ),
    )


def theirs(results: Results) -> list[str]:
    """Every peer."""
    head = ["size", "job", "peer", "settings", "units", "CPU s per unit", "ours is faster by", "worst gap"]
    return table(
        head,
        (
            [
                row.size,
                row.job,
                row.name,
                row.settings,
                str(row.n_units),
                f"{row.per_unit:.3g}",
                f"{row.ratio:.1f}x",
                f"{row.gap:.1e}{' (misses 1e-6)' if row.gap > REACHED else ''}",
            ]
            for row in results.theirs
        ),
    )


def folds(results: Results) -> list[str]:
    """Cold and warm."""
    head = ["size", "start", "CPU s", "in passes", "passes (most)", "worst gap"]
    return table(
        head,
        (
            [
                row.size,
                row.start,
                f"{row.seconds:.3g}",
                f"{row.in_passes:.1f}",
                f"{row.n_iter:.1f} ({row.n_iter_most})",
                f"{row.gap:.1e}",
            ]
            for row in results.folds
        ),
    )


def fresh(results: Results) -> list[str]:
    """Extra memory over that of the dense X, the data (X, Y, mask) not counted; seconds by the wall clock."""
    head = ["size", "job", "design", "extra / X", "extra / X, two threads", "s", "s, two threads", "ratio"]
    return table(
        head,
        (
            [
                row.size,
                row.job,
                row.design,
                f"{row.extra[1]:.2f}",
                f"{row.extra[2]:.2f}",
                f"{row.seconds[1]:.3g}",
                f"{row.seconds[2]:.3g}",
                f"{row.speedup:.2f}x",
            ]
            for row in results.alone
        ),
    )


def growth(results: Results) -> list[str]:
    """Exponents with the seconds they come from."""
    return table(
        ["job", "along", "sizes", "CPU s", "exponent"],
        (
            [
                row.job,
                row.along,
                ", ".join(f"{size:,}" for size in row.sizes),
                ", ".join(f"{took:.3g}" for took in row.seconds),
                f"{row.exponent:.2f}",
            ]
            for row in results.growth
        ),
    )


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    """Lines of a markdown table; none without rows."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *body] if body else []
