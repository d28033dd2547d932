"""Pages of the classic systems: their tables and figures, as `neurorec reproduce` makes them.

    python studies/classic_pages.py OUT                 # all of them, where OUT has none yet
    python studies/classic_pages.py OUT force hopfield  # these

Runs ``neurorec reproduce NAME -o OUT/NAME`` where OUT has no NAME, and puts the table of claims into
``docs/classics/NAME.md`` and the figures, one below the other, into ``docs/figures/classic_NAME.png``. The text of the
pages is nobody's but their author's: read it again where a number has changed.
"""

import argparse
import csv
import subprocess
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from neurorec.study import CLASSICS

DOCS = Path(__file__).parents[1] / "docs"
HEAD = "|  | measured |"
WIDTH, COLOURS = 1200, 256  # of figures in pages: they stay below 150 kB


def main(arguments: Sequence[str] | None = None) -> None:
    """Make what is missing, and put everything into its page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(CLASSICS))
    given = parser.parse_args(arguments)
    for name in given.names:
        folder = given.out / name
        if not (folder / "claims.csv").exists():
            subprocess.run(["neurorec", "reproduce", name, "-o", str(folder)], check=True)
        page = DOCS / "classics" / f"{name}.md"
        page.write_text(with_table(page.read_text(encoding="utf-8"), claims(folder)), encoding="utf-8")
        save_figures(sorted((folder / "figures").glob("*.png")), DOCS / "figures" / f"classic_{name}.png")
        print(f"{page} and its figure")


def claims(folder: Path) -> list[str]:
    """The table of a run, line by line."""
    with (folder / "claims.csv").open(encoding="utf-8", newline="") as file:
        heads, *rows = csv.reader(file)
    lines = [["", *heads[1:]], ["---"] * len(heads), *rows]
    return ["|" + "|".join("---" if cell == "---" else f" {cell} " for cell in row) + "|" for row in lines]


def with_table(page: str, table: list[str]) -> str:
    """A page whose table of claims is this one."""
    lines = page.split("\n")
    at = [k for k, line in enumerate(lines) if line.startswith(HEAD)]
    if len(at) != 1:
        raise SystemExit(f"page: expected one table that begins with {HEAD!r}, found {len(at)}; write its head")
    end = at[0]
    while lines[end].startswith("|"):
        end += 1
    return "\n".join([*lines[: at[0]], *table, *lines[end:]])


def save_figures(figures: Sequence[Path], target: Path) -> None:
    """One below the other, as wide as a page shows them, in few colours."""
    shown = []
    for path in figures:
        with Image.open(path) as image:
            share = min(1.0, WIDTH / image.width)
            size = round(image.width * share), round(image.height * share)
            shown.append(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    together = Image.new("RGB", (max(i.width for i in shown), sum(i.height for i in shown)), "white")
    top = 0
    for image in shown:
        together.paste(image, (0, top))
        top += image.height
    together.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main()
