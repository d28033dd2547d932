"""Units that track a signal are found, chance is what it says, and what is not seen does not count."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.signal import lfilter

from neurorec.decoding import track_signal, tracking_units
from neurorec.networks import CallableSystem, simulate
from neurorec.recording import InputError, SelectionError, recording_from_arrays
from neurorec.tasks import CharacterPrediction

N_TRIALS, N_BINS = 20, 50


def slow(rng: np.random.Generator, n: int, width: int, keep: float = 0.95):
    """Autoregressive noise ``(n, width)``, of unit variance."""
    drawn = rng.standard_normal((n, width)) * np.sqrt(1 - keep**2)
    drawn[0] /= np.sqrt(1 - keep**2)
    return lfilter([1.0], [1.0, -keep], drawn, axis=0)


@pytest.fixture
def recording() -> xr.Dataset:
    """Unit 3 follows ``speed``, unit 5 is less when ``licking``; unit 6 is silent."""
    rng = np.random.default_rng(0)
    n = N_TRIALS * N_BINS
    activity, speed, licking = rng.standard_normal((n, 7)), slow(rng, n, 1)[:, 0], rng.random(n) < 0.3
    activity[:, 3] += speed
    activity[:, 5] -= 1.5 * licking
    activity[:, 6] = 0.1
    start = 0.1 * N_BINS * np.arange(N_TRIALS)
    return recording_from_arrays(
        activity,
        bin_width=0.1,
        unit=np.arange(7) + 10,
        kind="rates",
        trials=pd.DataFrame({"start": start, "stop": start + 0.1 * N_BINS}),
        signals={"speed": speed, "licking": licking, "pair": np.column_stack([speed, np.ones(n)])},
    )


def test_what_was_planted_is_found_and_holds_in_other_trials(recording):
    found = tracking_units(recording, ["speed", "licking"], n_best=3, rng=np.random.default_rng(1))
    assert found["best_unit"].sel(rank=1).values.tolist() == [13, 15]
    np.testing.assert_allclose(found["best_p_value"].sel(rank=1), 1 / 201)
    assert (found["best_p_value"].sel(rank=2) > 0.05).all()
    assert found["chosen_unit"].values.tolist() == [[13] * 5, [15] * 5]
    np.testing.assert_allclose(found["held_out"].mean("fold"), np.abs(found["best_correlation"][:, 0]), atol=0.05)
    signal, activity = recording["licking"].values.astype(float), recording["activity"].values
    expected = [np.corrcoef(signal, activity[:, i])[0, 1] for i in range(6)]
    np.testing.assert_allclose(found["correlation"].sel(signal="licking")[:6], expected, rtol=1e-9)
    assert np.isnan(found["correlation"].sel(unit=16)).all()
    assert np.isnan(found["p_value"].sel(unit=16)).all()


def test_channels_count_by_themselves_and_a_constant_is_tracked_by_none(recording):
    found = tracking_units(recording, rng=np.random.default_rng(1))
    assert found["signal"].values.tolist() == ["speed", "licking", "pair [0]", "pair [1]"]
    one, same = (found["correlation"].sel(signal=name).values for name in ("speed", "pair [0]"))
    np.testing.assert_allclose(one, same)
    assert np.isnan(found["correlation"].sel(signal="pair [1]")).all()
    assert np.isnan(found["held_out"].sel(signal="pair [1]")).all()
    xr.testing.assert_identical(found, tracking_units(recording, rng=np.random.default_rng(1)))


def test_what_is_missing_does_not_count(recording):
    rng = np.random.default_rng(2)
    kept = rng.random(recording.sizes["time"]) < 0.7
    with_gaps = recording.assign(speed=("time", np.where(kept, recording["speed"], np.nan)))
    found = tracking_units(with_gaps, "speed", rng=np.random.default_rng(1))
    signal, activity = recording["speed"].values, recording["activity"].values
    expected = [np.corrcoef(signal[kept], activity[kept, i])[0, 1] for i in range(6)]
    np.testing.assert_allclose(found["correlation"][0, :6], expected, rtol=1e-9)
    assert int(found["n_bins"][0]) == kept.sum()
    seen = rng.random(activity.shape) < 0.8
    hidden = recording.assign(observed=(("time", "unit"), seen))
    found = tracking_units(hidden, "speed", rng=np.random.default_rng(1))
    expected = [np.corrcoef(signal[seen[:, i]], activity[seen[:, i], i])[0, 1] for i in range(6)]
    np.testing.assert_allclose(found["correlation"][0, :6], expected, rtol=1e-9)
    empty = recording.assign(speed=("time", np.full(signal.size, np.nan)))
    nothing = tracking_units(empty, "speed", rng=np.random.default_rng(1))
    assert np.isnan(nothing["correlation"]).all()
    assert np.isnan(nothing["null_95"]).all()


def test_slow_units_track_slow_signals_by_chance_as_often_as_it_says():
    """The p-value of the best of 10 units is below 0.1 in a tenth of cases, where naive ones mislead in nearly all."""
    rng = np.random.default_rng(3)
    smallest, held_out = [], []
    for _ in range(200):
        activity, signal = slow(rng, 600, 10), slow(rng, 600, 1)[:, 0]
        found = track_signal(signal, activity, np.arange(600) // 150, n_shuffles=49, rng=rng)
        best = np.abs(found.correlation).max()
        smallest.append((1 + (found.largest >= best).sum()) / 50)
        held_out.append(found.held_out.mean())
        assert best > 0.1
    share = np.mean(np.array(smallest) <= 0.1)
    assert 0.04 < share < 0.18  # binomial, 200 cases
    assert abs(np.mean(held_out)) < 0.05


def test_a_network_that_follows_quotes_is_caught_at_it():
    task = CharacterPrediction(n_characters=40)
    quote = task.input_names.index('"')

    def step(state, inputs):
        """Unit 0 turns over at each quote; unit 1 sees the quote alone; unit 2 forgets."""
        turned = state[..., 0] + inputs[..., quote] - 2 * state[..., 0] * inputs[..., quote]
        return jnp.stack([turned, inputs[..., quote], 0.5 * state[..., 2] + inputs[..., quote]], axis=-1)

    n_letters = len(task.input_names)
    network = CallableSystem(step, 3, n_letters, readout_function=lambda x: jnp.zeros((*x.shape[:-1], n_letters)))
    trials = task.sample(60, rng=np.random.default_rng(0))
    before = trials["inside_quotes"].values[:, 0] | (trials["inputs"].values[:, 0, quote] > 0)
    trials = trials.isel(trial=~before)  # the network does not know what was open before it began
    recording = simulate(network, trials, rng=np.random.default_rng(1))
    found = tracking_units(recording, ["inside_quotes", "depth"], rng=np.random.default_rng(2))
    assert int(found["best_unit"].sel(signal="inside_quotes", rank=1)) == 0
    np.testing.assert_allclose(found["held_out"].sel(signal="inside_quotes"), 1.0, atol=1e-6)
    every = tracking_units(recording, rng=np.random.default_rng(2))["signal"].values
    assert len(every) == n_letters + 2  # inputs and notes, and no outputs


def test_what_cannot_be_asked_is_refused(recording):
    rng = np.random.default_rng(0)
    with pytest.raises(SelectionError, match="speed, licking, pair"):
        tracking_units(recording, "sped", rng=rng)
    with pytest.raises(InputError, match="n_folds"):
        tracking_units(recording, n_folds=1, rng=rng)
    with pytest.raises(InputError, match="n_best and n_shuffles"):
        tracking_units(recording, n_best=0, rng=rng)
    with pytest.raises(SelectionError, match="add_blocks"):
        tracking_units(recording_from_arrays(np.ones((5, 1)), bin_width=0.1, signals={"x": np.ones(5)}), rng=rng)


def test_a_signal_without_channels_is_passed_over():
    rng = np.random.default_rng(0)
    trials = pd.DataFrame({"start": np.arange(10) * 1.0, "stop": np.arange(10) + 1.0})
    given = {"empty": np.zeros((100, 0)), "pupil": rng.standard_normal(100)}
    recording = recording_from_arrays(rng.random((100, 3)), bin_width=0.1, trials=trials, signals=given, kind="rates")
    assert tracking_units(recording, n_shuffles=5, rng=rng)["signal"].values.tolist() == ["pupil"]
    with pytest.raises(SelectionError, match="signals"):
        tracking_units(recording, "empty", n_shuffles=5, rng=rng)
