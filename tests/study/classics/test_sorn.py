"""Self-organization does what its papers say, in small form."""

import numpy as np
import pytest

from neurorec.study.classics import sorn as classic
from neurorec.study.classics import sorn_measures as measures


def test_words_of_the_stream_are_those_of_the_task():
    stream = measures.letters(3, 203, np.random.default_rng(0)).argmax(axis=1)
    assert len(stream) == 203
    words = {"".join("ABCDEF"[k] for k in stream[5 * i : 5 * i + 5]) for i in range(40)}
    assert words == {"ABBBC", "DEEEF"}


@pytest.mark.long
def test_the_same_network_counts_when_it_organizes_itself_and_not_before():
    own, static = (
        [measures.count_letters(rule, 8, (0, s), steps=3000) for s in range(2)] for rule in ("SORN", "static")
    )
    assert min(own) > 0.96
    assert max(static) < 0.96
    assert measures.count_letters("SORN", 8, (0, 0), steps=3000) == own[0]


@pytest.fixture(scope="module")
def findings():
    """All of it, at a smaller size."""
    small = {"_REPEATS": (4, 8, 16), "_N_SEEDS": 2, "_TRANSIENT": 30_000, "_STEPS": 30_000}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in small.items():
            patch.setattr(classic, name, value)
        patch.setattr(measures, "STEPS", 2500)
        patch.setattr(measures.count_letters, "__kwdefaults__", {"steps": 2500})
        patch.setattr(measures.measure_runaway, "__kwdefaults__", {"n_seeds": 2, "steps": 8000, "shown": 60})
        return classic.show_sorn(seed=2)


@pytest.mark.long
def test_what_each_plasticity_is_for(findings):
    performance = findings.data["parts"]["performance"].sel(repeats=8).mean("network")
    own = float(performance.sel(rule="SORN"))
    assert own > 0.95
    for rule in ("static", "without STDP", "without normalisation", "without intrinsic plasticity"):
        assert float(performance.sel(rule=rule)) < own - 0.02, rule
    away = findings.data["runaway"].mean("network")
    np.testing.assert_allclose(away["incoming"].sel(rule="with normalisation"), 1, atol=1e-5)
    assert float(away["incoming"].sel(rule="without normalisation")) > 2
    assert float(away["peak"].sel(rule="without normalisation")) > 1.3 * float(
        away["peak"].sel(rule="with normalisation")
    )


def test_every_claim_is_measured_and_named(findings):
    assert all(np.isfinite(claim.value) for claim in findings.claims)
    assert len({claim.what for claim in findings.claims}) >= len(findings.claims) - 2  # "..." of sizes and durations
    assert findings.data["avalanches"].attrs["n_avalanches"] > 200
    spread = findings.data["avalanches"]
    widths = spread["size_density"].values
    assert (widths >= 0).all()
    assert set(findings.figures) == {"sorn"}
