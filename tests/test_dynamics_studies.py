"""The studies of dynamics: what they compare with is right, and they say what they leave out."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from neurorec.tasks import ContextIntegration

FOLDER = Path(__file__).parents[1] / "studies"
PAGE = FOLDER.parent / "docs" / "dynamics_studies.md"


@pytest.fixture(autouse=True)
def _modules_of_the_folder(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)


@pytest.mark.parametrize("largest", [0.5, 0.9])
def test_linear_networks_decay_as_the_formula_says(largest):
    from dynamics import linear_integrator

    found = linear_integrator(largest)
    step = 0.001
    exact = -step / np.log(1 - step / 0.1 * (1 - largest))  # of the map, whose steps are not infinitely small
    assert found["formula"] == pytest.approx(0.1 / (1 - largest))
    assert found["linearised"] == pytest.approx(exact, rel=1e-5)
    assert found["measured"] == pytest.approx(exact, rel=2e-3)


def test_the_least_loss_is_that_of_who_knows_the_sum():
    """The same by an integral over sums, of which each coherence makes a normal distribution."""
    from dynamics import least_loss

    task = ContextIntegration()
    seconds = round(task.stimulus / task.dt) * task.dt
    signed = np.array([*task.coherences, *(-c for c in task.coherences)]) * seconds
    grid = np.linspace(-1.5, 1.5, 20_001)
    density = norm.pdf(grid[:, None], signed, task.noise * np.sqrt(seconds)) / signed.size
    expected = 1 - np.trapezoid((density @ np.sign(signed)) ** 2 / density.sum(axis=1), grid)
    trials = task.sample(20_000, rng=np.random.default_rng(0))
    assert least_loss(task, trials) == pytest.approx(expected, abs=0.015)
    clear = ContextIntegration(noise=1e-3)
    assert least_loss(clear, clear.sample(50, rng=np.random.default_rng(0))) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_angle_is_turned_before_it_is_compared(sign):
    from fitted import read_direction

    rng = np.random.default_rng(0)
    true = np.cumsum(0.1 * rng.standard_normal(4000)) % (2 * np.pi)
    angle = (sign * (true + 1.0) + 0.1 * rng.standard_normal(4000)) % (2 * np.pi)
    angle[::50] = np.nan
    found = read_direction(angle, true)
    assert found["sign"] == sign
    assert found["median"] == pytest.approx(np.degrees(0.1 * 0.6745), rel=0.1)
    assert found["shifted"] > 3 * found["median"]


def test_what_is_not_there_is_left_out_and_said(tmp_path):
    command = [sys.executable, str(FOLDER / "fitted.py"), "--cache", str(tmp_path / "cache"), "--data", str(tmp_path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    for name in ("ring", "held_out", "systems"):
        assert f"{name}: left out, as there is no " in said.stderr
    assert "###" not in said.stdout


def test_the_page_has_every_part():
    from dynamics_reporting import FIGURES, TITLES

    page = PAGE.read_text()
    for title in [*TITLES.values(), "The ring of head direction", "Fitted systems", "As systems"]:
        assert f"### {title}\n" in page
    for name in [*(f"dynamics_{part}" for part in FIGURES), "fitted_ring", "fitted_held_out", "fitted_systems"]:
        assert f"figures/{name}.png" in page
        assert 10_000 < (PAGE.parent / "figures" / f"{name}.png").stat().st_size < 200_000
