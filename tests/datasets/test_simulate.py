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
