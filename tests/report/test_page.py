"""The page stands alone, says everything, and trusts no text."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from neurorec.report import ModelledSession, Provenance, by_area_table, session_facts, write_report
from neurorec.report.tables import convergence_table

_VOID = {"meta", "img", "br", "link", "input", "hr"}


class _Checker(HTMLParser):
    """Collects where a page points to, and whether its tags match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.targets += [value for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path, result, table, recording) -> str:
    counts = {"n_bins_used": 280, "n_bins_at_edges": 20, "n_bins_outside_trials": 0}
    facts = session_facts("odd", recording, counts, sha256="abc123", warnings=("A warning.",))
    provenance = Provenance(
        command="neurorec run odd.nwb",
        settings="seed = 5 # <script>",
        seed=5,
        versions={"neurorec": "9.9"},
        design_left_out={"choice": "the same in every trial"},
        failures={"other": "truncated"},
    )
    none = [ModelledSession("odd", missing="its table <b> tells of no task")]
    path = write_report(
        tmp_path, result, table, {"odd": recording}, sessions=[facts], provenance=provenance, modelled=none
    )
    return path.read_text(encoding="utf-8")


def test_the_page_points_to_nothing_outside(page):
    checker = _Checker()
    checker.feed(page)
    assert checker.open == []
    assert len(checker.targets) == 7
    assert all(target.startswith("data:image/png;base64,") for target in checker.targets)
    assert not re.search(r"https?://|@import|url\(|<script", page)


def test_the_page_says_everything(page):
    for text in (
        "explain 0.100",
        "statistical dependence, never a synapse",
        "No network was trained: its table &lt;b&gt; tells of no task.",
        "280 of 300; left out of every model: 20 (filters reach over an edge)",
        "mouse 7",
        "abc123",
        "First doubt.",
        "A warning.",
        "neurorec run odd.nwb",
        "seed = 5",
        "the same in every trial",
        "<b>other</b>: truncated",
        "neurorec 9.9",
        "least squares with robust errors",
        "1 unit with fewer than 30 events",
        "Figure 5.",
    ):
        assert text in page, text
    assert "Simulated data" not in page


def test_text_from_files_is_never_markup(page):
    assert "<b>odd</b>" not in page
    assert "&lt;b&gt;odd&lt;/b&gt;" in page
    assert "Second &lt;doubt&gt;." in page


def test_figures_are_numbered_and_saved_twice(page, tmp_path):
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    stems = ["benefit_by_area", "uncoupled_against_coupled", "controls", "parts_by_area", "benefit_between_areas"]
    stems += ["benefit_against_lag", "recording_odd"]
    assert len(names) == 2 * len(stems)
    assert {f"figure{i}_{stem}.svg" for i, stem in enumerate(stems, 1)} <= set(names)
    assert b"2026" not in (tmp_path / "figures" / "figure3_controls.svg").read_bytes()[:2000]


def test_simulated_data_and_blocks_are_said_on_the_page(tmp_path, result, table, recording):
    recording.attrs |= {"trials_are_blocks": 1, "block_length": 1.5}
    facts = session_facts("s", recording, {})
    path = write_report(
        tmp_path,
        result,
        table,
        {"s": recording},
        sessions=[facts],
        provenance=Provenance(versions={"neurorec": "1"}, simulated=True),
    )
    text = path.read_text()
    assert "Simulated data." in text
    assert "2 blocks of 1.5 s stand in for them" in text


def test_the_table_leaves_out_what_was_not_run(table):
    shown = by_area_table(table)
    assert "equal sources" not in shown.heads
    assert "sessions" not in shown.heads
    assert shown.rows[0][:2] == ["V1", "12"]
    assert "0.100 [0.090, 0.110]" in shown.rows[0]
    assert "< 0.0001" in shown.rows[0]
    table["n_sessions"] = [2, 1]
    assert "sessions" in by_area_table(table).heads
    assert "p, area" not in by_area_table(table.assign(p_value=np.nan)).heads


def test_the_convergence_table_counts_fits(result):
    rows = {row[0]: row[1:] for row in convergence_table(result).rows}
    assert rows["full"][0] == "62 of 63"
    assert rows["coupled"] == ["63 of 63", "0.051", "33%", "33%"]
    assert rows["uncoupled"][2:] == ["0%", "0%"]


def test_a_page_of_units_with_too_few_events_says_so(tmp_path, result, table, recording):
    """Hours of fits may come before: the report is written all the same."""
    few = result.assign(n_events=("unit", np.full(result.sizes["unit"], 3.0)))
    facts = session_facts("odd", recording, {"n_bins_used": 280, "n_bins_at_edges": 20, "n_bins_outside_trials": 0})
    none = table.iloc[:0]
    path = write_report(tmp_path, few, none, {"odd": recording}, sessions=[facts], provenance=Provenance())
    assert "nothing can be said" in path.read_text(encoding="utf-8")
