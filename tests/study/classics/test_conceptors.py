"""Conceptors show what their paper says, in small form."""

import pytest

from neurorec.study.classics.conceptors import Sizes, show_conceptors


@pytest.mark.long
def test_patterns_are_called_up_combined_and_morphed():
    findings = show_conceptors(sizes=Sizes(n_networks=1, loads=(4, 28)))
    of_ten = [claim for claim in findings.claims if "median" in claim.what or "fail" in claim.what]
    assert [claim.what for claim in findings.claims if not claim.holds and claim not in of_ten] == []
    few, many = findings.data["load"]["error"].values[0]  # of one network, where those claims are of ten
    assert few < 0.3 < many
    assert float(findings.data["recall"]["error"].sel(aperture=100.0).max()) < 0.1
    assert float(findings.data["recall"]["without"].median()) > 0.5
    assert len(findings.claims) == 12
    figure, caption = findings.figures["conceptors"]
    assert len(figure.axes) == 3
    assert caption.startswith("One reservoir holds")
    assert findings.data["recall"].sizes == {"network": 1, "pattern": 4, "aperture": 7}
