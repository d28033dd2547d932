"""The calibration runs, counts right, and finds what was planted."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

FOLDER = Path(__file__).parents[1] / "studies"


@pytest.fixture(autouse=True)
def _modules_of_the_folder(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)


@pytest.fixture
def tiny():
    from judging import Settings

    return Settings(n_trials=30, n_folds=3, n_inner_folds=2, n_draws=100, steps=("coupled",))


@pytest.mark.long
def test_one_command_prints_the_table_and_draws_the_figure(tmp_path):
    figure = tmp_path / "calibration.png"
    command = [sys.executable, str(FOLDER / "calibration.py"), "--scenarios", "nothing shared", "common input"]
    command += ["--recordings", "2", "--others", "1", "--trials", "20", "--steps", "shuffled", "--jobs", "1"]
    command += ["--cache", str(tmp_path / "cache"), "--figure", str(figure)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "| | nothing shared | common input |" in said
    for row in ("coupling (`benefit`)", "partners' trials exchanged (`benefit_shuffled`)"):
        assert said.count(f"| {row} | ") == 3  # by unit, by area, and how large
    assert "**nothing shared** (2 recordings)" in said
    assert len(list((tmp_path / "cache").glob("*.json"))) == 3
    assert figure.stat().st_size > 10_000


def test_benefit_is_found_where_units_are_coupled_and_rarely_elsewhere(tiny):
    from counting import count
    from judging import judge

    judgements = {name: [judge(name, i, tiny) for i in range(3)] for name in ("nothing shared", "coupling")}
    counted = count(judgements).sel(measure="benefit")
    assert (counted["n_cases"].sel(rule="area") == 6).all()
    assert (counted["n_cases"].sel(rule="unit", scenario="coupling") == 66).all()
    nothing, coupling = (counted.sel(scenario=name) for name in judgements)
    assert nothing["share"].sel(rule="area") == 0
    assert nothing["share"].sel(rule="unit") < 0.3
    assert coupling["share"].sel(rule="unit") > 0.5
    assert coupling["share"].sel(rule="area") > 0.5
    assert abs(nothing["size"]) < 0.005 < 0.01 < coupling["size"]
    assert (counted["converged"] > 0.95).all()


def test_what_is_in_the_cache_is_not_computed_again(tiny, tmp_path, monkeypatch):
    from dataclasses import replace

    import judging

    monkeypatch.setattr(judging, "judge", lambda name, index, settings: {"index": index, "seed": settings.seed})
    first = judging.judged("coupling", 3, tiny, tmp_path)
    monkeypatch.setattr(judging, "judge", lambda *_: pytest.fail("computed again"))
    assert judging.judged("coupling", 3, tiny, tmp_path) == first == {"index": 3, "seed": 0}
    monkeypatch.setattr(judging, "judge", lambda name, index, settings: {"seed": settings.seed})
    assert judging.judged("coupling", 3, replace(tiny, seed=1), tmp_path) == {"seed": 1}


def test_recordings_of_a_seed_are_the_same_and_hold_what_the_scenario_says():
    from scenarios import AREAS, SCENARIOS, simulate

    how = {"n_trials": 4, "duration": 0.4, "bin_width": 0.02}
    for name, scenario in SCENARIOS.items():
        one, same, other = (simulate(name, index, seed=0, **how) for index in (0, 0, 1))
        assert one.equals(same)
        assert not one.equals(other)
        assert one.sizes["unit"] == sum(n for _, n, _ in AREAS)
        assert bool(one["true_coupling"].any()) == scenario.coupled
        assert ("true_hidden_coupling" in one) == (scenario.n_hidden > 0)


def test_shares_of_independent_cases_have_wilsons_interval():
    from counting import share_of

    hits = np.r_[np.ones(4), np.zeros(46)]
    found = share_of(hits, np.ones(50))
    low, high = proportion_confint(4, 50, method="wilson")
    np.testing.assert_allclose(found, [0.08, low, high, 50], rtol=1e-9)


def test_cases_that_go_together_count_as_one():
    from counting import share_of

    together, apart = share_of([20, 0, 0, 20, 0], [20] * 5), share_of([8] * 5, [20] * 5)
    assert together.share == apart.share == 0.4
    assert together.n_effective == 5
    assert apart.n_effective == 5  # nothing differs between recordings: nothing says how much could
    none = share_of([0] * 30, [20] * 30)
    np.testing.assert_allclose(none[1:3], proportion_confint(0, 30, method="wilson"), atol=1e-12)
    assert np.isnan(share_of([], []).share)


def test_intervals_of_shares_hold_the_truth():
    from counting import share_of

    rng = np.random.default_rng(0)
    held = []
    for _ in range(400):
        p = rng.beta(2, 18, size=40)  # recordings differ: mean 0.1, s.d. 0.065
        found = share_of(rng.binomial(20, p), np.full(40, 20))
        held.append(found.low <= 0.1 <= found.high)
    assert 0.92 < np.mean(held) < 0.985


def test_the_committed_table_is_of_every_scenario():
    from reporting import BEGIN, END, FIGURE, README
    from scenarios import SCENARIOS

    table = README.read_text().partition(BEGIN)[2].partition(END)[0]
    for name in SCENARIOS:
        assert f"- **{name}** (" in table
    assert "(`benefit_matched_rate`)" in table
    assert FIGURE.exists()
