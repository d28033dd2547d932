"""The pages of the classic systems: each is there, and takes the table and the figures of a run."""

from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from neurorec.report import Claim, Findings, FindingsFacts, write_findings
from neurorec.study import CLASSICS

ROOT = Path(__file__).parents[1]


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "studies")
    import classic_pages

    return classic_pages


@pytest.mark.parametrize("name", CLASSICS)
def test_every_system_has_its_page(pages, name):
    page = unquote((ROOT / "docs" / "classics" / f"{name}.md").read_text(encoding="utf-8"))
    assert f"`neurorec reproduce {name} -o OUT`" in page
    assert f"](../figures/classic_{name}.png)" in page
    assert CLASSICS[name].doi in page or CLASSICS[name].doi.removeprefix("10.48550/arXiv.") in page
    assert pages.with_table(page, ["|  | measured |"]) != page
    assert 5_000 < (ROOT / "docs" / "figures" / f"classic_{name}.png").stat().st_size < 150_000


def test_a_run_comes_into_its_page(pages, tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3))
    figure.subplots().plot(np.arange(5))
    claim = Claim("share, of all", 0.5, "1", "theory", False)
    findings = Findings("Title", "Question?", "10.1/1", [claim], {"a": (figure, "A."), "b": (figure, "B.")}, {})
    write_findings(tmp_path / "out" / "sorn", findings, facts=FindingsFacts())
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    (tmp_path / "classics").mkdir()
    (tmp_path / "figures").mkdir()
    page = tmp_path / "classics" / "sorn.md"
    page.write_text("# Title\n\n|  | measured | published |\n|---|---|---|\n| old | 1 | 2 |\n\nText.\n")
    pages.main([str(tmp_path / "out"), "sorn"])
    head = "|  | measured | published | source | agrees |\n|---|---|---|---|---|"
    assert page.read_text() == f"# Title\n\n{head}\n| share, of all | 0.5 | 1 | theory | no |\n\nText.\n"
    with Image.open(tmp_path / "figures" / "classic_sorn.png") as drawn:
        assert drawn.width == 1200
        assert 500 < drawn.height < 900
    with pytest.raises(SystemExit, match="expected one table"):
        pages.with_table("no table", [])
