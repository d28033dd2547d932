"""The benchmarks run, and their certificate is right."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

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
