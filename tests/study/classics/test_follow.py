"""FOLLOW learning in small form: what holds of networks of 300 units holds, and the command shows it."""

from dataclasses import replace

import numpy as np
import pytest

from neurorec.study.classics.follow import Course, Sizes, _draw, _learn, show_follow
from neurorec.study.classics.follow_measures import (
    LESSONS,
    cycle_of,
    draw_follower,
    errors_while_learning,
    linear_part,
    visited,
)

SIZES = Sizes(
    Course(300, 2, 300.0, 1e-3, 0.05), Course(300, 1, 105.0, 1e-3, 0.05), control=60.0, n_trials=4,
    n_recorded=(8, 20),
)  # fmt: skip


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("follow")
    return show_follow(sizes=SIZES, folder=folder, n_jobs=2), folder


def value(findings, begin: str) -> float:
    """Of the first claim that begins so."""
    return next(c.value for c in findings.claims if c.what.startswith(begin))


def test_the_linear_oscillator_is_learned(findings):
    found, _ = findings
    held = {c.what: c.holds for c in found.claims}
    assert held["linear: error without feedback before learning, of the reference's mean square"]
    assert value(found, "... after 300 s, commands as learned") < 0.15
    assert value(found, "linear, learned without feedback") > 0.5
    assert value(found, "... share of the reference's velocity") > 0.9
    assert held["linear: squared distance of weights from those of least squares, after over before"]
    assert value(found, "linear: eigenvalues") == pytest.approx(10, rel=0.15)


def test_van_der_pol_is_begun(findings):
    found, _ = findings
    assert value(found, "van der Pol: error with feedback") < 0.8
    alone = found.data["van_der_Pol_alone"]
    explained = alone["explained"].values[0]
    assert explained[0] < 0 < 0.4 < explained[-1]
    gap = found.data["van_der_Pol_distance"]["distance"]
    assert float(gap.sel(goal="the reference")[-1]) < 0.9 < float(gap.sel(goal="backwards")[-1])


def test_recurrence_is_seen_where_there_is_some(findings):
    found, _ = findings
    benefit = found.data["benefit"]["benefit"]
    assert float(benefit.sel(network="trained")) > 0.02 > 0.01 > abs(float(benefit.sel(network="not joined")))


def test_it_goes_on_from_what_it_kept(findings, monkeypatch):
    first, folder = findings
    kept = sorted(p.name for p in (folder / "checkpoints").iterdir())
    assert len(kept) == 4  # three networks, and the one that learned without feedback
    monkeypatch.setattr("neurorec.training.follow._trial", lambda *_: pytest.fail("nothing is left to learn"))
    which = "linear", 1, SIZES.linear, 0
    again = _learn(_draw(*which), *which, folder / "checkpoints", False)
    shown = first.data["linear_followed"]["error"].values[1, -1]
    assert errors_while_learning([again])["error"].values[0, -1] == shown


def test_the_figure_is_drawn(findings, tmp_path):
    figure, said = findings[0].figures["follow"]
    figure.savefig(tmp_path / "follow.png", dpi=30)
    assert len(figure.axes) == 10
    assert said.startswith("A spiking network learns")


def test_cycles_are_measured():
    lesson, dt = LESSONS["van der Pol"], 1e-3
    command = np.zeros((10_000, 2))
    command[:100] = 0.1
    found = cycle_of(lesson.dynamics.follow(command, dt=dt), dt)
    assert found.period == pytest.approx(7.63 * 0.125, rel=0.005)  # 7.63: the literature's, for mu = 2
    assert found.amplitude == pytest.approx(2.02, abs=0.01)
    assert np.isnan(cycle_of(np.ones((3000, 2)), dt).period)


def test_the_linear_part_of_ideal_weights_is_the_reference():
    lesson = LESSONS["linear"]
    points = visited(lesson, 5, 0)
    network = draw_follower(lesson, 300, np.random.default_rng(0))
    network = replace(network, weight=network.ideal_weight(lesson.dynamics.velocity, points, noise=0.01))
    eigenvalue = linear_part(network, points)[0]
    assert abs(eigenvalue.imag) == pytest.approx(10, rel=0.05)
    assert eigenvalue.real == pytest.approx(-2, abs=0.5)
