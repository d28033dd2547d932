"""The oculomotor integrator shows what its theory says, by its command."""

import pytest

from neurorec import cli


@pytest.mark.long
def test_it_holds_as_long_as_it_is_tuned(tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(["reproduce", "oculomotor", "-o", str(out), "--threads", "1"]) == 0
    shown = capsys.readouterr().out
    rows = [line for line in shown.splitlines() if "doi:" in line]
    assert len(rows) == 5
    assert all(row.endswith("yes") for row in rows)
    assert (out / "report.html").exists()
    assert str(out / "claims.csv") in shown
    page = (out / "report.html").read_text()
    assert "neurorec reproduce oculomotor" in page
    assert "data:image/png;base64" in page
