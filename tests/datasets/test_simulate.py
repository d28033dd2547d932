import numpy as np
import pytest
import xarray as xr

from neurorec.datasets import SimulatedArea, demo_path, simulate_demo, simulate_recording
from neurorec.io import read_nwb
from neurorec.recording import InputError, check_recording


def test_the_bundled_file_is_what_the_generator_makes():
    recording, simulated = read_nwb(demo_path(), bin_width=0.02), simulate_demo()
    np.testing.assert_array_equal(recording["activity"], simulated["activity"])
    np.testing.assert_array_equal(recording["area"], simulated["area"])
    for name in ("stimulus", "choice"):
        np.testing.assert_array_equal(recording[name], simulated[name])
    assert "doubts" not in recording.attrs


def test_rates_are_what_was_asked_for():
    areas = [SimulatedArea("slow", 40, rate=5, stimulus=0), SimulatedArea("fast", 40, rate=20, stimulus=0)]
    recording = check_recording(simulate_recording(areas, n_trials=100, rng=np.random.default_rng(0)))
    rate = recording["activity"].mean("time").groupby("area").median() / 0.02
    np.testing.assert_allclose(rate.sel(area=["slow", "fast"]), [5, 20], rtol=0.25)
    assert recording.attrs["clipped"] < 1e-3


def test_coupling_has_the_strength_that_was_asked_for():
    """The summed input of a unit varies as much as `coupling` says (in log rate)."""
    area = SimulatedArea("A", 60, coupling=0.3, memory=0.06, stimulus=0)
    recording = simulate_recording([area], n_trials=100, rng=np.random.default_rng(1))
    counts = recording["activity"].values.reshape(100, -1, 60)
    keep = np.exp(-0.02 / 0.06)
    trace = np.zeros_like(counts, dtype=float)
    for t in range(1, counts.shape[1]):
        trace[:, t] = keep * (trace[:, t - 1] + counts[:, t - 1])
    drive = trace[:, 20:].reshape(-1, 60) @ recording["true_coupling"].values.T
    assert 0.2 < np.median(drive.std(axis=0)) < 0.45


def test_coupling_stays_within_its_area_and_off_the_diagonal():
    areas = [SimulatedArea("A", 5, coupling=0.5), SimulatedArea("B", 6, coupling=0.5), SimulatedArea("C", 4)]
    weights = simulate_recording(areas, n_trials=2, rng=np.random.default_rng(2))["true_coupling"].values
    label = np.repeat([0, 1, 2], [5, 6, 4])
    assert not weights[label[:, None] != label].any()
    assert not np.diag(weights).any()
    assert not weights[label == 2].any()
    assert (np.count_nonzero(weights[label == 1], axis=1) == 5).all()


def test_a_seed_is_a_recording():
    one, same, other = (simulate_recording(n_trials=3, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    xr.testing.assert_identical(one, same)
    assert not one.equals(other)


def test_refuses_trials_without_bins():
    with pytest.raises(InputError, match="two bins"):
        simulate_recording(duration=0.01, rng=np.random.default_rng(0))


def test_hidden_units_are_the_only_sources_and_are_not_recorded():
    areas = [SimulatedArea("A", 6, coupling=0.5, n_hidden=3, rate=12), SimulatedArea("B", 4, coupling=0.5)]
    recording = check_recording(simulate_recording(areas, n_trials=4, rng=np.random.default_rng(0)))
    assert recording.sizes["unit"] == 10
    assert list(recording["area"].values) == ["A"] * 6 + ["B"] * 4
    own, hidden = recording["true_coupling"].values, recording["true_hidden_coupling"].values
    assert not own[:6].any()
    assert own[6:, 6:].any()
    assert (np.count_nonzero(hidden, axis=1) == [3] * 6 + [0] * 4).all()


def test_excitability_is_shared_by_all_units_and_lasts_some_trials():
    area = SimulatedArea("A", 40, stimulus=0, excitability=0.5, rate=20)
    recording = simulate_recording([area], n_trials=400, duration=0.6, rng=np.random.default_rng(4))
    by_trial = np.log(recording["activity"].values.reshape(400, -1, 40).mean(axis=1) + 0.01)
    level = by_trial.mean(axis=1)
    assert 0.4 < level.std() < 0.6
    assert 0.6 < np.corrcoef(level[1:], level[:-1])[0, 1] < 0.85  # exp(-1 / 3) = 0.72
    assert np.corrcoef(by_trial[:, :20].mean(axis=1), by_trial[:, 20:].mean(axis=1))[0, 1] > 0.95


def test_what_is_not_asked_for_draws_nothing():
    """Recordings of earlier seeds stay what they were."""
    areas = [SimulatedArea("A", 5, coupling=0.4, common_input=0.3), SimulatedArea("B", 1, coupling=0.2)]
    recording = simulate_recording(areas, n_trials=7, drift=0.4, rng=np.random.default_rng(5))
    assert int(recording["activity"].sum()) == 823
    assert "true_hidden_coupling" not in recording
