"""Fixed points and lines of a system, brought into the components in which its trajectories are shown."""

import numpy as np
import pytest
import xarray as xr

from neurorec.comparison import compare_trajectories
from neurorec.datasets import simulate_delays
from neurorec.dynamics.subspaces import trial_activity
from neurorec.recording import InputError

OPTIONS = {"by": "condition", "n_steps": 8}


@pytest.fixture(scope="module")
def recordings() -> tuple[xr.Dataset, xr.Dataset]:
    """A recording, and a system of fewer units."""
    rng = np.random.default_rng(3)
    made = simulate_delays({"easy": 0.1, "hard": 0.2}, n_conditions=4, rng=rng)
    other = simulate_delays({"easy": 0.15}, n_conditions=4, rng=rng)
    return made, other


def along_means(system: xr.Dataset) -> xr.Dataset:
    """Points that lie on the system's own mean trajectories, in their order ``(condition, time)``."""
    trials = trial_activity(system, by="condition", n_steps=8)
    means = trials["activity"].groupby("condition").mean().transpose("condition", "time", "unit").values
    return xr.Dataset({"activity": (("point", "unit"), means.reshape(-1, means.shape[-1]))})


def test_points_on_the_trajectories_lie_on_the_trajectories_that_are_shown(recordings):
    recording, system = recordings
    line = along_means(system)
    found = compare_trajectories(recording, {"net": system}, points={"net": [line]}, **OPTIONS)
    shown = found["trajectory"].sel(system="net").values
    np.testing.assert_allclose(
        found["landmark"].sel(system="net").values, shown.reshape(-1, shown.shape[-1]), atol=1e-8
    )
    assert np.isnan(found["landmark"].sel(system="recording")).all()
    assert set(found["landmark_kind"].sel(system="net").values) == {"line"}


def test_points_say_what_they_are(recordings):
    recording, system = recordings
    n = system.sizes["unit"]
    fixed = xr.Dataset(
        {"activity": (("point", "unit"), np.zeros((3, n))), "n_unstable": ("point", [0, 2, 0]),
         "converged": ("point", [True, True, False])}
    )  # fmt: skip
    systems = {"net": system, "other": system}
    found = compare_trajectories(
        recording, systems, points={"net": [fixed, along_means(system)[{"point": [0]}]]}, **OPTIONS
    )
    assert found["landmark_kind"].sel(system="net").values.tolist() == ["stable", "unstable", "slow", "line"]
    assert found["landmark_kind"].sel(system="other").values.tolist() == [""] * 4


def test_points_of_nothing_are_refused(recordings):
    recording, system = recordings
    points = xr.Dataset({"activity": (("point", "unit"), np.zeros((1, 2)))})
    for given in ({"points": {"absent": [points]}}, {"points": {"recording": [points]}}, {"points": {"net": [points]}}):
        with pytest.raises(InputError, match="points"):
            compare_trajectories(recording, {"net": system}, **given, **OPTIONS)
    with pytest.raises(InputError, match="centring"):
        compare_trajectories(
            recording, {"net": system}, points={"net": [along_means(system)]}, centring="step", **OPTIONS
        )
