"""FORCE learning shows what its paper says, in small form."""

import numpy as np
import pytest

from neurorec.report import claims_table
from neurorec.study.classics.force import Sizes, show_force

SMALL = Sizes(n_units=150, n_flip_flop=60, n_passes=4, lorenz=1.0, n_trials=30, n_starts=8, n_steps=600)


@pytest.mark.long
def test_a_chaotic_network_is_tamed():
    findings = show_force(sizes=SMALL)
    value = {row[0]: claim.value for row, claim in zip(claims_table(findings).rows, findings.claims, strict=True)}
    errors = [value[name] for name in value if "learning off" in name]
    assert np.isfinite(errors).all()
    assert value["largest error in the first pass, while learning"] < 0.1
    assert np.isfinite(findings.data["exponents"]["exponent"]).all()
    assert value["... corners of the cube that have one"] >= 2
    assert findings.data["flip_flop"].attrs["score"] > 0.6
    assert findings.data["learning"].sizes["target"] == 3
    figure, caption = findings.figures["force"]
    assert len(figure.axes) == 6
    assert caption.startswith("A chaotic network learns")
