"""Dynamics of real recordings: subspaces of a session, and the ring of head direction."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from neurorec import dynamics
from neurorec.io import read_nwb

DATA = Path(__file__).parents[3] / "shared" / "data"
SESSION = DATA / "steinmetz2019" / "session01.nwb"
DIRECTION = DATA / "head-direction" / "A2929-200711_neurosuite.nwb"


@pytest.fixture(scope="module")
def trials():
    if not SESSION.exists():
        pytest.skip("the public session is not here")
    with pytest.warns(UserWarning, match="no spikes"):
        recording = read_nwb(SESSION, bin_width=0.02)
    side = np.sign(recording["contrast_right"].values - recording["contrast_left"].values)
    recording = recording.assign_coords(side=("trial", np.array(["left", "even", "right"])[side.astype(int) + 1]))
    return dynamics.trial_activity(recording, "side", window=(0, 0.4), areas=["VISp"])


def test_components_of_visual_cortex_hold_trials_that_did_not_make_them(trials):
    assert sorted(set(trials["condition"].values)) == ["even", "left", "right"]
    averages = dynamics.average_trials(trials)
    found = dynamics.principal_subspace(
        averages, n_components=3, trials=trials, n_folds=4, rng=np.random.default_rng(0)
    )
    assert found["share"].values.sum() > 0.5
    assert (np.diff(found["held_out_signal"].values) > 0).all()  # each holds something of trials that did not make it
    assert found["held_out_signal"].values[-1] > 0.3


def test_dimensionality_lies_between_one_and_the_conditions(trials):
    averages = dynamics.average_trials(trials)
    ratio = dynamics.participation_ratio(averages["activity"].values, samples="all").ratio
    assert 1 < ratio < 3 * averages.sizes["time"]


@pytest.fixture(scope="module")
def direction():
    if not DIRECTION.exists():
        pytest.skip("the recording of head direction is not here")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the file does not say is tested with the reader
        recording = read_nwb(DIRECTION, bin_width=0.05)
    awake = np.flatnonzero(np.isfinite(recording["ry"].values))
    return recording.isel(time=awake[: 4 * 60 * 20])


def test_head_direction_units_go_around_a_ring_that_is_the_direction(direction):
    part = direction.isel(unit=np.flatnonzero(direction["area"].values == "adn"))
    found = dynamics.ring_of_population(part, n_samples=800, n_landmarks=60, n_null=19, rng=np.random.default_rng(0))
    assert found.attrs["p_value"] == 0.05
    assert found.attrs["n_loops"] == 1
    assert found.attrs["score"] > 1.2 * found["null"].values.max()
    turned = [np.exp(1j * (sign * found["angle"].values - part["ry"].values)) for sign in (1, -1)]
    assert max(abs(np.nanmean(t)) for t in turned) > 0.8


def test_units_of_the_hippocampus_do_not(direction):
    part = direction.isel(unit=np.flatnonzero(direction["area"].values == "ca1"))
    found = dynamics.ring_of_population(part, n_samples=800, n_landmarks=60, n_null=19, rng=np.random.default_rng(0))
    assert found.attrs["p_value"] > 0.05
    assert found.attrs["n_loops"] == 0
