"""From a system to a recording, and on to what is asked of recordings."""

import numpy as np
import pytest
import xarray as xr

from neurorec.design import Coupling, Event, Signal, default_terms, design_matrix, raised_cosine
from neurorec.glm import PopulationGLM
from neurorec.io import load_recording, save_recording
from neurorec.networks import CallableSystem, Elman, Leaky, block_mask, run, simulate, with_readout
from neurorec.recording import InputError, check_recording, signals, trial_columns
from neurorec.tasks import NoisyEvidence, build_trials

DT = 0.02


@pytest.fixture(scope="module")
def trials() -> xr.Dataset:
    """Six trials of 10 to 20 steps, the last ones the longest."""
    rng, steps = np.random.default_rng(0), np.array([10, 12, 14, 16, 18, 20])
    inputs = rng.standard_normal((6, 20, 2)) * (np.arange(20) < steps[:, None])[:, :, None]
    return build_trials(
        NoisyEvidence(),
        inputs=inputs,
        targets=np.zeros((6, 20, 1)),
        mask=(np.arange(20) == steps[:, None] - 1).astype(float),
        duration=steps * DT,
        starts={"delay": [0.04, 0.04, 0.06, 0.06, np.nan, 0.08]},
        conditions={"side": ["left", "right"] * 3, "level": np.arange(6) % 3},
    )


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(1)
    area = block_mask({"V1": 4, "PPC": 3}, rng=rng)[1]
    return with_readout(Leaky.random(2, 7, dt=DT, area=area, rng=rng), 1, rng=rng)


def test_activity_is_that_of_each_trial_run_alone(trials, network):
    recording = check_recording(simulate(network, trials, noise=False, gap=0.3, rng=np.random.default_rng(2)))
    assert recording["area"].values.tolist() == ["V1"] * 4 + ["PPC"] * 3
    assert recording.sizes["time"] == 90
    assert recording["activity"].attrs["kind"] == "rates"
    for row in (0, 5):
        n = 10 + 2 * row
        states = run(network, trials["inputs"].values[row, :n])
        here = recording["trial_id"].values == row
        np.testing.assert_allclose(recording["activity"].values[here], states, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(recording["outputs"].values[here], network.readout(states), rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(recording["inputs"].values[here], trials["inputs"].values[row, :n])
        assert np.unique(recording["segment"].values[here]).tolist() == [row]
        assert recording["time"].values[here][0] == pytest.approx(float(recording["start"][row]))
    assert recording["inputs_channel"].values.tolist() == ["evidence", "fixation"]


def test_the_trial_table_is_in_time_of_the_session(trials, network):
    recording = simulate(network, trials, gap=0.3, rng=np.random.default_rng(2))
    start, stop = recording["start"].values, recording["stop"].values
    np.testing.assert_allclose(stop - start, trials["duration"])
    np.testing.assert_allclose(start[1:] - stop[:-1], 0.3)
    np.testing.assert_allclose(recording["delay_start"] - start, trials["delay_start"])
    assert recording["delay_start"].attrs["units"] == "s"
    assert recording["side"].values.tolist() == trials["side"].values.tolist()
    assert sorted(trial_columns(recording)) == ["delay_start", "level", "side"]
    assert sorted(signals(recording)) == ["inputs", "outputs"]
    said = {"task": "NoisyEvidence", "network": "Leaky", "dt": DT, "noise": 1}
    assert said.items() <= recording.attrs.items()


def test_what_trials_say_of_each_step_becomes_a_signal(trials, network):
    steps = np.arange(20) < np.array([10, 12, 14, 16, 18, 20])[:, None]
    node = np.where(steps, np.arange(20) % 6, -1)
    noted = trials.assign(
        node=(("trial", "time"), node),
        open=(("trial", "time"), node > 3),
        area=(("trial", "time"), 0.5 * node),
        letter=(("trial", "time"), node.astype(str)),
        legal=(("trial", "time", "output"), node[:, :, None] > 1),
    )
    recording = simulate(network, noted, noise=False, rng=np.random.default_rng(2))
    assert sorted(signals(recording)) == ["inputs", "node", "open", "outputs", "trial_area"]
    np.testing.assert_array_equal(recording["node"].values, node[steps])  # padding is left out
    np.testing.assert_array_equal(recording["trial_area"].values, 0.5 * node[steps])
    assert recording["open"].dtype == bool
    assert recording["area"].dims == ("unit",)
    plain = simulate(network, trials, noise=False, rng=np.random.default_rng(2))
    xr.testing.assert_identical(recording.drop_vars(["node", "open", "trial_area"]), plain)


def test_outputs_are_not_what_activity_is_explained_with(trials, network):
    recording = simulate(network, trials, gap=0.3, peak_rate=50.0, rng=np.random.default_rng(2))
    terms, left_out = default_terms(recording)
    assert left_out["outputs"] == "made of the recorded activity itself"
    named = [term.name for term in terms if isinstance(term, Signal)]
    assert named == ["inputs"]
    design = design_matrix(recording, [Signal("inputs")])
    np.testing.assert_allclose(design["matrix"].values, recording["inputs"].values, rtol=1e-6)


def test_trials_without_a_gap_are_segments_still(trials, network):
    recording = simulate(network, trials, gap=0.0, rng=np.random.default_rng(2))
    assert np.diff(recording["time"].values) == pytest.approx(DT)
    assert np.unique(recording["segment"]).size == 6
    design = design_matrix(recording, [Coupling(raised_cosine(2, window=(0.02, 0.08)))])
    assert int(design["usable"].sum()) == 90 - 6 * 4  # the first four bins of every trial have no past


def test_noise_is_private_and_from_the_generator(trials, network):
    one, again = (simulate(network, trials, rng=np.random.default_rng(3)) for _ in range(2))
    other, quiet = (simulate(network, trials, noise=n, rng=np.random.default_rng(4)) for n in (True, False))
    xr.testing.assert_identical(one, again)
    assert not np.allclose(one["activity"], other["activity"])
    assert quiet.attrs["noise"] == 0
    silent = with_readout(Elman.random(2, 3, rng=np.random.default_rng(0)), 1, rng=np.random.default_rng(0))
    assert simulate(silent, trials, rng=np.random.default_rng(4)).attrs["noise"] == 0


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_counts_follow_rates(nonlinearity):
    rng = np.random.default_rng(5)
    cell = Leaky.random(2, 30, nonlinearity=nonlinearity, rng=rng)
    network, trials = with_readout(cell, 1, rng=rng), NoisyEvidence().sample(150, rng=rng)
    rates = simulate(network, trials, noise=False, rng=rng)["activity"].values
    recording = check_recording(simulate(network, trials, noise=False, peak_rate=60.0, rng=rng))
    assert recording["activity"].attrs == {"kind": "counts", "units": "spikes/bin", "bin_width": DT}
    low, high = recording.attrs["rate_low"], recording.attrs["rate_high"]
    assert low == pytest.approx(min(0.0, rates.min()), abs=1e-6)
    assert (low < 0) == (nonlinearity == "tanh")
    assert high == pytest.approx(rates.max(), rel=1e-5)
    counts, expected = recording["activity"].values, 60 * DT * (rates - low) / (high - low)
    assert counts.dtype.kind == "i"
    assert expected.max() == pytest.approx(60 * DT)
    bins = np.digitize(expected, np.linspace(0, expected.max(), 8))
    for b in np.unique(bins):
        here = bins == b
        mean, error = expected[here].mean(), np.sqrt(expected[here].sum()) / here.sum()
        assert abs(counts[here].mean() - mean) < 5 * error + 1e-9
        if here.sum() > 5000 and mean > 0.05:
            assert (counts[here] - expected[here]).var() == pytest.approx(mean, rel=0.1)  # as Poisson counts have it


def test_a_silent_network_is_silent(trials):
    silent = CallableSystem(lambda x, u: 0 * x, 2, 2, readout_function=lambda x: x[..., :1])
    recording = simulate(silent, trials, peak_rate=50.0, rng=np.random.default_rng(0))
    assert not recording["activity"].values.any()
    assert recording.attrs["network"] == "CallableSystem"


def test_a_glm_is_fitted_to_it(network, trials, tmp_path):
    many = NoisyEvidence(stimulus=0.4).sample(30, rng=np.random.default_rng(6))
    recording = simulate(network, many, peak_rate=50.0, rng=np.random.default_rng(7))
    path = tmp_path / "recording.nc"
    save_recording(recording, path)
    xr.testing.assert_equal(load_recording(path), recording)
    terms = [
        Event("start", raised_cosine(4, window=(0.0, 0.6)), by=("side",)),
        Event("response_start", raised_cosine(2, window=(0.0, 0.1))),
        Signal("inputs", raised_cosine(3, window=(0.02, 0.2))),
        Coupling(raised_cosine(2, window=(0.02, 0.1))),
    ]
    design = design_matrix(recording, terms)
    assert {"Coupling", "start", "inputs"} <= set(design["term"].values)
    usable = design["usable"].values
    assert usable.sum() == 30 * (35 - 10)
    behaviour = design["matrix"].values[usable][:, design["group"].values == "task"]
    counts = recording["activity"].values[usable]
    explained = PopulationGLM(penalty=1e-3).fit(behaviour, counts).score(behaviour, counts)
    assert explained > 0.02  # inputs drive the units


def test_what_cannot_be_simulated_is_refused(trials, network):
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="2 input channels"):
        simulate(network, trials.isel(input=[0]), rng=rng)
    with pytest.raises(InputError, match="with dt=task"):
        simulate(network, NoisyEvidence(dt=0.01).sample(2, rng=rng), rng=rng)
    for wrong in ({"gap": -1.0}, {"peak_rate": 0.0}):
        with pytest.raises(InputError, match="gap and peak_rate"):
            simulate(network, trials, **wrong, rng=rng)
    wild = CallableSystem(lambda x, u: x * 1e30 + 1, 1, 2)
    with pytest.raises(InputError, match="trials 0, 1"):
        simulate(wild, trials, rng=rng)
