"""Conceptors show what their paper says, in small form."""

from neurorec.study.classics.conceptors import Sizes, show_conceptors


def test_patterns_are_called_up_combined_and_morphed():
    findings = show_conceptors(sizes=Sizes(n_networks=1, loads=(8, 28)))
    assert [claim.what for claim in findings.claims if not claim.holds] == []
    assert len(findings.claims) == 12
    figure, caption = findings.figures["conceptors"]
    assert len(figure.axes) == 3
    assert caption.startswith("One reservoir holds")
    assert findings.data["recall"].sizes == {"network": 1, "pattern": 4, "aperture": 7}
