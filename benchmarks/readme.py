"""Where tables go: between a pair of marks in the README beside this file."""

from pathlib import Path

README = Path(__file__).with_name("README.md")


def put(part: str, text: str) -> None:
    """Put a text between the marks of a part, in the place of what is there."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    before, found, rest = README.read_text().partition(begin)
    if not found or end not in rest:
        raise SystemExit(f"{README.name}: expected the marks of '{part}', found none; write {begin} and {end}")
    README.write_text(f"{before}{begin}\n{text.rstrip()}\n{end}{rest.partition(end)[2]}")
