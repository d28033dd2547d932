"""Which network learns which task: score, updates and seconds of three seeds each, one table.

    python studies/learning.py --cache CACHE --write

Progress goes to the error stream, the table to the output, and with --write into docs/networks.md. Every cell is kept
in the folder --cache as it is done, and a run that was stopped goes on with the next one. The files do not know the
settings or the version of the package: take a new folder when they have changed.
"""

import argparse
import json
import os
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np

DOCS = Path(__file__).parents[1] / "docs" / "networks.md"
BEGIN, END = "<!-- learned: begin -->", "<!-- learned: end -->"
KINDS = ("elman", "leaky", "jordan", "second_order", "gru", "lstm", "stacked", "tapped_delay", "delay_feedforward")
SWITCHED = ("copy_memory", "delayed_addition")  # tasks whose last input says when to answer


def main() -> None:
    """Train, and print."""
    from neurorec.tasks import TASKS

    names = [name for name in TASKS if name != "tomita"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder for finished cells")
    parser.add_argument("--tasks", nargs="*", choices=names, default=names)
    parser.add_argument(
        "--networks", nargs="*", choices=(*KINDS, "encoder_decoder"), default=[*KINDS, "encoder_decoder"]
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into docs/networks.md")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    for task in arguments.tasks:
        for kind in arguments.networks:
            if kind != "encoder_decoder" or task in SWITCHED:
                cell(task, kind, arguments.seeds, arguments.cache)
    text = table(arguments.cache, names, arguments.seeds)
    print(text)
    if arguments.write:
        before, _, rest = DOCS.read_text().partition(BEGIN)
        DOCS.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def cell(name: str, kind: str, n_seeds: int, cache: Path) -> None:
    """Train one network on one task, and keep what came of it."""
    from neurorec.tasks import find_task
    from neurorec.training import train

    kept = cache / f"{name}-{kind}-{n_seeds}.json"
    if kept.exists():
        return
    task, start = find_task(name), time.perf_counter()
    curve = train(task, kind, seeds=range(n_seeds), progress=False).curve
    found = {
        "score": curve["test_score"].values.tolist(),
        "steps": curve["n_steps"].values.tolist(),
        "status": curve["status"].values.tolist(),
        "seconds": time.perf_counter() - start,
        "criterion": task.criterion,
        "chance": task.chance,
        "best": task.best,
    }
    kept.write_text(json.dumps(found))
    print(f"{name}, {kind}: {found}", file=sys.stderr, flush=True)


def table(cache: Path, names: list[str], n_seeds: int) -> str:
    """Scores, updates and seconds, by task and network."""
    kinds = [*KINDS, "encoder_decoder"]
    lines = [
        f"Measured {date.today().isoformat()}, {os.cpu_count()} cores, {n_seeds} seeds at once, 64 units. A cell: "
        "median score of the seeds (lowest to highest) on trials that neither trained nor chose them; updates until "
        "the end, of the seed that took most; seconds for all seeds together, compilation included. **Bold**: every "
        "seed reached the criterion; *italics*: some did.",
        "",
        "| task | chance | criterion | best | " + " | ".join(kinds) + " |",
        "|---" * (4 + len(kinds)) + "|",
    ]
    for name in names:
        cells = {kind: _read(cache / f"{name}-{kind}-{n_seeds}.json") for kind in kinds}
        known = next((found for found in cells.values() if found), None)
        if known:
            best = "" if np.isnan(known["best"]) else f"{known['best']:.3f}"
            row = [name, f"{known['chance']:.3f}", f"{known['criterion']:.3f}", best, *map(_said, cells.values())]
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def _read(path: Path) -> dict | None:
    return json.loads(path.read_text()) if path.exists() else None


def _said(found: dict | None) -> str:
    if found is None:
        return ""
    score, solved = found["score"], [status == "solved" for status in found["status"]]
    mark = "**" if all(solved) else "*" if any(solved) else ""
    spread = f"{mark}{np.median(score):.3f}{mark} ({min(score):.3f} to {max(score):.3f})"
    return f"{spread}; {max(found['steps'])}; {found['seconds']:.0f} s"


if __name__ == "__main__":
    main()
