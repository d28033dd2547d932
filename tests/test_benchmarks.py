"""The benchmarks run, and their certificate is right."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from neurorec.dynamics import find_fixed_points
from neurorec.networks import SORN, Elman, Hopfield, recall, run_lif, with_readout
from neurorec.tasks import Counting
from neurorec.training import Plasticity, adapt

FOLDER = Path(__file__).parents[1] / "benchmarks"


def test_harness_runs_without_peers():
    command = [sys.executable, str(FOLDER / "glm.py"), "--sizes", "tiny", "--peers", "--parts", "fits", "folds"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "### Goals" in said
    assert "| tiny | elastic-net path | lagged |" in said
    assert "| tiny | warm |" in said


@pytest.mark.parametrize("l1_ratio", [0.0, 0.9])
def test_bounds_meet_at_the_minimum_and_enclose_it_elsewhere(monkeypatch, l1_ratio):
    monkeypatch.syspath_prepend(FOLDER)
    from objective import bounds, null_half_deviance

    rng = np.random.default_rng(0)
    X, penalty = rng.standard_normal((300, 3)), 0.05
    y = rng.poisson(np.exp(X @ [0.5, -0.3, 0.0] - 1))

    def loss(found: np.ndarray) -> float:
        """The coefficients as a difference of two positive parts, and the intercept."""
        b = found[:3] - found[3:6]
        eta = X @ b + found[6]
        weight = l1_ratio * found[:6].sum() + (1 - l1_ratio) / 2 * b @ b
        return np.mean(np.exp(eta) - y * eta) + penalty * weight

    limits = [(0, None)] * 6 + [(None, None)]
    best = minimize(loss, np.zeros(7), bounds=limits, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9}).x
    coef, Y, allowed = (best[:3] - best[3:6])[None], y[:, None], np.ones((1, 3), dtype=bool)
    null = null_half_deviance(Y)
    value, below = bounds(X, Y, coef, best[6:], np.array([penalty]), l1_ratio, allowed)
    np.testing.assert_allclose(value, loss(best), rtol=1e-6)
    assert -1e-12 <= (value - below)[0] / null[0] < 1e-6
    other, elsewhere = bounds(X, Y, coef + 0.1, best[6:], np.array([penalty]), l1_ratio, allowed)
    assert elsewhere < value < other


def test_comparison_runs_without_peers():
    command = [sys.executable, str(FOLDER / "comparison.py"), "--parts", "shapes", "--systems", "3", "--rounds", "1"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "| ... in single precision |" in said
    apart = float(said.split("differ from the direct ones at most by ")[1].split()[0])
    assert apart < 1e-7


def test_minimisation_by_adam_finds_the_points_of_a_cyclic_network(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    from fixed_points import EXACT_Q, adam

    weights = np.array([-np.roll(np.linspace(-1, 1, 2), -i) for i in range(2)]).T
    cell = Elman(input=np.zeros((2, 1)), recurrent=weights, bias=np.zeros(2))
    network = with_readout(cell, 1, rng=np.random.default_rng(0))
    starts = np.array([[0.9, -0.7], [-0.8, 0.9], [0.02, -0.01]])
    points, q, eigenvalues = adam(network, starts, "adaptive", 50_000, np.float64, EXACT_Q)
    assert q.max() < 1e-24
    found = find_fixed_points(network, starts)
    for point in found.points:
        assert np.abs(points - point).max(axis=1).min() < 1e-6
    assert len(points) == len(found.points) == 3
    assert sorted((np.abs(eigenvalues()) > 1).sum(axis=1)) == [0, 0, 1]


def test_the_plain_loop_gives_the_exponents_of_a_linear_flow_and_map(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    from lyapunov import directly, tanh_map

    def flow(x, frame):
        return np.array([-1.0, -2.0]) * x, np.array([[-1.0], [-2.0]]) * frame

    np.testing.assert_allclose(directly(flow, np.ones(2), 2, 50, 0.01), [-1, -2], atol=1e-6)
    still = directly(tanh_map(np.diag([0.5, 0.9])), np.zeros(2), 1, 300, None)
    np.testing.assert_allclose(still, np.log(0.5), atol=1e-9)


def test_classics_in_numpy_are_ours(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    from classics import follow, one_by_one, plain_recall, plain_sorn

    rng = np.random.default_rng(0)
    network, rules = SORN.random(6, 60, rng=rng), Plasticity()
    inputs = Counting(n_repeats=4, n_words=60).sample(1, rng=rng)["inputs"].values[0]
    found = adapt(network, inputs, plasticity=rules, rng=rng)
    np.testing.assert_allclose(plain_sorn(network, inputs, rules), found.network.excitatory, atol=1e-5)
    patterns = rng.choice([-1.0, 1.0], (5, 100))
    cues = np.where(rng.random(patterns.shape) < 0.1, -patterns, patterns)
    ended = recall(Hopfield.stored(patterns), cues, rng=np.random.default_rng(1)).state
    assert (plain_recall(patterns, cues, np.random.default_rng(1)) == ended).all()
    weights, traces, pushes, drive = np.eye(3), np.arange(3.0), np.array([1.0, 0.0, 2.0]), np.zeros(3)
    one_by_one(weights, traces, pushes, drive)
    np.testing.assert_allclose(weights, np.eye(3) + np.outer(pushes, traces))
    np.testing.assert_allclose(drive, weights @ traces)
    assert follow(1, (50,), n_steps=20)[-1].startswith("| 50 + 50 |")


def test_spiking_units_in_numpy_fire_as_ours(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    from spiking import brunel, directly

    network, seconds = brunel(200), 2.0
    ours = run_lif(network, duration=seconds, rng=np.random.default_rng(1)).step.size
    theirs = directly(network, seconds, np.random.default_rng(2))
    assert abs(ours / theirs - 1) < 0.05


def test_reservoirs_and_their_learning_are_timed_without_the_peer(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    from force import learn, work
    from reservoirs import document, measure

    seconds, weights = learn(work(30))
    np.testing.assert_allclose(weights[1], weights[0], rtol=1e-3)  # a network that nothing comes back to
    assert min(seconds) > 0
    row = measure(40, 0.2, None, 1)
    assert not row["off"]
    assert any("| 40" in line for line in document([row]))


def test_tables_go_between_their_marks(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(FOLDER)
    import readme

    page = tmp_path / "README.md"
    page.write_text("before\n<!-- new: begin -->\nold\n<!-- new: end -->\nafter\n")
    monkeypatch.setattr(readme, "README", page)
    readme.put("new", "table\n")
    assert page.read_text() == "before\n<!-- new: begin -->\ntable\n<!-- new: end -->\nafter\n"
    with pytest.raises(SystemExit, match="expected the marks of 'none'"):
        readme.put("none", "table")
