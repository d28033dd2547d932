"""Associative memories hold what their theory says, in small form."""

import numpy as np
import pytest
from scipy.stats import norm

from neurorec.study.classics import hopfield_measures as measures
from neurorec.study.classics.hopfield import show_hopfield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_theory_of_the_overlap_ends_at_the_capacity():
    assert measures.overlap_in_theory(0.1379) == pytest.approx(0.967, abs=0.002)
    assert np.isnan(measures.overlap_in_theory(0.1385))
    overlap = [measures.overlap_in_theory(load) for load in (0.02, 0.05, 0.1, 0.13)]
    assert overlap == sorted(overlap, reverse=True)
    assert overlap[0] == pytest.approx(1, abs=1e-6)


def test_where_a_curve_passes_a_level():
    assert measures._crossing(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.75, 0.25]), 0.5) == 2.5
    assert np.isnan(measures._crossing(np.array([1.0, 2.0]), np.array([0.9, 0.8]), 0.5))


def test_a_cue_has_as_many_wrong_units_as_asked(rng):
    patterns = measures.random_patterns(7, 40, rng)
    np.testing.assert_array_equal((measures.spoiled(patterns, 0.25, rng) != patterns).sum(axis=1), 10)


@pytest.mark.parametrize(("degree", "n_patterns", "spread"), [(2, 30, 1), (3, 500, 3)])
def test_errors_of_a_step_are_those_of_gaussian_noise(degree, n_patterns, spread, rng):
    found = np.mean([measures.errors_of_one_step(degree, 100, n_patterns, rng) for _ in range(10)])
    assert found == pytest.approx(norm.cdf(-np.sqrt(100 ** (degree - 1) / (spread * n_patterns))), rel=0.15)


def test_kinds_of_ends_by_hand(rng):
    patterns = measures.random_patterns(9, 400, rng)
    states = {
        0: -patterns[3],
        1: np.sign(patterns[0] - patterns[4] + patterns[8]),
        2: np.sign(patterns[:5].sum(axis=0)),
        3: np.sign(-patterns[:7].sum(axis=0)),
        4: np.sign(patterns @ np.ones(400) @ patterns + 3 * rng.standard_normal(400)),
    }
    assert [measures._kind(state, patterns) for state in states.values()] == list(states)


def smaller(name, options):
    """A measurement with other options."""
    return lambda *given, **named: getattr(measures, f"measure_{name}")(*given, **named, **options)


@pytest.mark.long
def test_what_is_found_agrees_with_what_is_known(monkeypatch):
    """All of it, at a smaller size."""
    monkeypatch.setattr("neurorec.study.classics.hopfield._SIZES", (250, 500, 1000))
    small = {
        "cues": {"n_units": 400}, "capacity": {"total": 3000}, "rules": {"n_units": 60, "most": 5.0},
        "spurious": {"n_networks": 4}, "cycles": {"n_starts": 100},
    }  # fmt: skip
    for name, options in small.items():
        monkeypatch.setattr(f"{show_hopfield.__module__}.measure_{name}", smaller(name, options))
    findings = show_hopfield(seed=3)
    assert [claim.what for claim in findings.claims if claim.holds is False] == []
    assert 0.12 < findings.data["capacity"].attrs["limit"] < 0.155
    pairs = findings.data["cycles"]["share"].sel(end="cycle of two")
    assert (pairs.sel(update="all at once").values[2:] > 0).all()
    assert set(findings.figures) == {"memory", "ends"}
