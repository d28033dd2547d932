"""Is the information right? Exact where it can be enumerated, none where there is none, recovered where planted."""

import warnings
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure
from scipy.optimize import curve_fit

from neurorec import plot
from neurorec.datasets import SimulatedArea, simulate_recording
from neurorec.design import (
    Drift,
    Event,
    Place,
    Signal,
    cross_trials,
    default_terms,
    design_matrix,
    gaussian,
    raised_cosine,
)
from neurorec.io import load_dataset, read_nwb, save_dataset
from neurorec.recording import DataWarning, InputError, SelectionError, recording_from_arrays
from neurorec.recurrence import (
    class_information,
    class_posterior,
    code_consistency,
    confusion_information,
    decode_trials,
    decoded_information,
    find_power,
    log_odds_consistency,
    pose_problem,
)
from neurorec.recurrence.fitting import fit_model
from neurorec.recurrence.models import COUPLED, UNCOUPLED

STEINMETZ = Path(__file__).parents[3] / "shared" / "data" / "steinmetz2019" / "session01.nwb"
RATES = np.array([0.25, 0.75])  # of a Bernoulli unit under two classes


def spikes_in_exact_shares(n_bins):
    """Every sequence of spikes as often as it is to be expected: class and spikes ``(trial, time)``."""
    label, spikes = [], []
    for s, rate in enumerate(RATES):
        for pattern in product((0, 1), repeat=n_bins):
            times = round(np.prod([rate if y else 1 - rate for y in pattern]) * 4**n_bins)
            label += [s] * times
            spikes += [pattern] * times
    return np.array(label), np.array(spikes)


def bernoulli(spikes, rates=RATES):
    """Log likelihood ``(class, trial, time)`` at known rates."""
    return np.array([np.where(spikes, np.log(rate), np.log(1 - rate)) for rate in rates])


def mutual_information(n_bins):
    """Of the class and the number of spikes, which is all that matters, worked out from the definition, bits."""
    p = np.array([[np.prod([r if y else 1 - r for y in x]) / 2 for x in product((0, 1), repeat=n_bins)] for r in RATES])
    return float((p * np.log2(p / p.sum(axis=0) / p.sum(axis=1, keepdims=True))).sum())


def test_information_of_bernoulli_spikes_is_exact():
    label, spikes = spikes_in_exact_shares(3)
    rng = np.random.default_rng(0)
    alone = decoded_information(bernoulli(spikes), label, rng=rng)
    np.testing.assert_allclose(alone.bits, mutual_information(1), rtol=1e-12)
    so_far = decoded_information(bernoulli(spikes), label, cumulative=True, rng=rng)
    np.testing.assert_allclose(so_far.bits, [mutual_information(n) for n in (1, 2, 3)], rtol=1e-12)
    assert (alone.low < alone.bits).all()
    assert (alone.bits < alone.high).all()
    # One spike decides the most probable class, so the decoder keeps all there is.
    np.testing.assert_allclose(alone.from_decoder + alone.decoder_bias, mutual_information(1), rtol=1e-12)


def test_posterior_is_bayes_rule():
    likelihood = np.log(np.array([0.1, 0.2, 0.6]))[:, None, None]
    prior = np.array([0.5, 0.3, 0.2])
    by_hand = prior * [0.1, 0.2, 0.6]
    np.testing.assert_allclose(class_posterior(likelihood, prior=prior)[:, 0, 0], by_hand / by_hand.sum())
    gain = decode_trials(likelihood, [1], prior=prior).gain
    np.testing.assert_allclose(gain, np.log2(by_hand[1] / by_hand.sum() / 0.3))


def test_missing_bins_say_nothing():
    likelihood = bernoulli(np.array([[0, 1, 1, 0]])).astype(float)
    likelihood[:, 0, [0, 2]] = np.nan
    assert np.isnan(class_posterior(likelihood)[0, 0]).tolist() == [True, False, True, False]
    so_far = class_posterior(likelihood, cumulative=True)[1, 0]
    assert np.isnan(so_far[0])
    np.testing.assert_allclose(so_far[1:], [0.75, 0.75, 0.5])
    assert decode_trials(likelihood, [1]).decoded[0].tolist() == [-1, 1, -1, 0]


def test_no_likelihood_no_information():
    found = decoded_information(np.zeros((3, 30, 4)), np.arange(30) % 3, rng=np.random.default_rng(0))
    np.testing.assert_allclose(found.bits, 0, atol=1e-12)
    np.testing.assert_allclose(found.from_decoder, 0, atol=1e-12)


@pytest.mark.parametrize("prior", [[0.5, 0.6], [1.0, 0.0], [1.0]])
def test_a_prior_that_is_none(prior):
    with pytest.raises(InputError, match="prior"):
        class_posterior(np.zeros((2, 3, 4)), prior=prior)


@pytest.mark.parametrize("label", [[0, 1, 2], [0, 1], [0.0, 1.0, 1.0], [0, -1, 1]])
def test_labels_that_are_none(label):
    with pytest.raises(InputError, match="true_class"):
        decode_trials(np.zeros((2, 3, 4)), label)
    with pytest.raises(InputError, match="log_likelihood"):
        decode_trials(np.zeros((2, 3)), [0, 1, 1])


def learned(rng, n_trials, gain):
    """Ten Poisson units whose rates are learned from half of the trials, the others' log likelihood."""
    label = rng.permutation(np.arange(2 * n_trials) % 2)
    counts = rng.poisson(np.exp(gain * (2 * label[:, None] - 1)) * np.ones(10))
    rate = np.array([counts[:n_trials][label[:n_trials] == s].mean(axis=0) + 0.05 for s in (0, 1)])
    held_out = counts[n_trials:]
    return (held_out * np.log(rate[:, None]) - rate[:, None]).sum(axis=2)[:, :, None], label[n_trials:]


def test_no_information_is_found_where_there_is_none():
    """The bound is below 0, for rates were learned; the decoder's information is 0 on average once corrected."""
    rng = np.random.default_rng(1)
    found = [decoded_information(*learned(rng, 40, 0.0), n_draws=100, rng=rng) for _ in range(300)]
    bits, high = np.array([(f.bits[0], f.high[0]) for f in found]).T
    assert bits.mean() < 0
    assert np.mean([f.low[0] > 0 for f in found]) < 0.025
    decoder, bias = np.array([(f.from_decoder[0], f.decoder_bias[0]) for f in found]).T
    error = decoder.std() / np.sqrt(decoder.size)
    assert abs(decoder.mean()) < 3 * error
    assert (decoder + bias).mean() > 5 * error  # without the correction there would be some
    assert high.min() > -1.0


def test_intervals_hold_what_they_promise():
    rng, truth, inside = np.random.default_rng(2), mutual_information(2), []
    for _ in range(300):
        label = rng.integers(2, size=80)
        spikes = rng.random((80, 2)) < RATES[label][:, None]
        found = decoded_information(bernoulli(spikes), label, cumulative=True, n_draws=200, rng=rng)
        inside.append(found.low[1] <= truth <= found.high[1])
    assert 0.9 < np.mean(inside) < 0.985


def test_more_independent_units_and_bins_say_more():
    rng = np.random.default_rng(3)
    label = np.arange(4000) % 2
    spikes = rng.random((4000, 6, 8)) < np.where(label, 0.56, 0.44)[:, None, None]
    likelihood = bernoulli(spikes, (0.44, 0.56))
    size = [decode_trials(likelihood[..., :n].sum(axis=3), label).gain.mean() for n in (1, 2, 4, 8)]
    assert (np.diff(size) > 0).all()
    alone = decode_trials(likelihood, label).gain.mean(axis=0)
    so_far = decode_trials(likelihood, label, cumulative=True).gain.mean(axis=0)
    assert (so_far[1:] > alone[1:]).all()
    assert (np.diff(so_far.mean(axis=1)) > 0).all()


def test_power_is_where_decoding_is_best():
    """Against a search; half for evidence counted twice, none for evidence that misleads."""
    rng = np.random.default_rng(9)
    label = rng.integers(3, size=200)
    likelihood = rng.normal(size=(3, 200, 2, 3))
    likelihood[label, np.arange(200)] += 0.3
    power, prior = find_power(likelihood, label, prior=[0.5, 0.3, 0.2]), [0.5, 0.3, 0.2]
    grid = np.linspace(0, 1, 401)
    value = [decode_trials(likelihood, label, prior=prior, power=b).gain.mean(axis=0) for b in grid]
    np.testing.assert_allclose(power, grid[np.argmax(value, axis=0)], atol=0.003)
    label, spikes = spikes_in_exact_shares(2)
    np.testing.assert_allclose(find_power(bernoulli(spikes), label), 1, atol=1e-5)
    np.testing.assert_allclose(find_power(2 * bernoulli(spikes), label, cumulative=True), 0.5, atol=1e-5)
    assert (find_power(bernoulli(1 - spikes), label) == 0).all()
    assert np.isnan(find_power(np.full((2, 4, 1), np.nan), [0, 1, 0, 1])).all()


def test_order_does_not_matter():
    rng = np.random.default_rng(4)
    likelihood, label = rng.normal(size=(3, 50, 4, 5)), rng.integers(3, size=50)
    trials, units = rng.permutation(50), rng.permutation(5)
    a = decoded_information(likelihood, label, n_draws=2, rng=rng)
    b = decoded_information(likelihood[:, trials][..., units], label[trials], n_draws=2, rng=rng)
    np.testing.assert_allclose(a.bits[:, units], b.bits)
    np.testing.assert_allclose(a.from_decoder[:, units], b.from_decoder)


def test_decoder_information_is_missing_where_nothing_was_decoded():
    assert np.isnan(confusion_information(np.full((6, 2), -1), np.arange(6) % 2, 2)).all()
    few = decoded_information(np.zeros((2, 5, 1)), np.arange(5) % 2, rng=np.random.default_rng(0))
    assert np.isnan(few.low).all()


def wandering(rng, n_trials, n_bins=40, memory=8.0):
    """An Ornstein-Uhlenbeck process of unit variance, its memory in bins."""
    keep = np.exp(-1 / memory)
    x = rng.standard_normal((n_trials, n_bins))
    for t in range(1, n_bins):
        x[:, t] = keep * x[:, t - 1] + np.sqrt(1 - keep**2) * x[:, t]
    return x


def test_consistency_recovers_the_planted_timescale():
    rng = np.random.default_rng(5)
    group = np.arange(1000) % 2
    odds = 3.0 * group[:, None] + wandering(rng, 1000) + rng.standard_normal((1000, 40))  # half of it is noise of bins
    found = log_odds_consistency(odds, group, max_lag=25, n_draws=20, rng=rng)
    lag = np.arange(26)
    np.testing.assert_allclose(found.correlation[1:], 0.5 * np.exp(-lag[1:] / 8), atol=0.05)
    (height, memory), _ = curve_fit(lambda k, a, tau: a * np.exp(-k / tau), lag[1:], found.correlation[1:], (0.5, 5))
    np.testing.assert_allclose((height, memory), (0.5, 8), rtol=0.12)
    assert found.correlation[0] == pytest.approx(1)
    shuffled = odds.copy()
    for s in (0, 1):
        shuffled[group == s] = rng.permuted(odds[group == s], axis=0)  # in every bin, trials in another order
    assert np.abs(log_odds_consistency(shuffled, group, n_draws=2, rng=rng).correlation[1:20]).max() < 0.03


def test_consistency_intervals_hold_what_they_promise():
    rng, inside, group = np.random.default_rng(6), [], np.arange(60) % 4
    for _ in range(120):
        found = log_odds_consistency(wandering(rng, 60, 12, 4.0), group, max_lag=4, n_draws=100, rng=rng)
        inside.append((found.low <= np.exp(-np.arange(5) / 4)) & (found.high >= np.exp(-np.arange(5) / 4)))
    assert (np.mean(inside, axis=0)[1:] > 0.88).all()
    assert (np.mean(inside, axis=0)[1:] < 0.99).all()


def test_consistency_is_a_correlation_and_missing_where_undefined():
    rng = np.random.default_rng(7)
    pair = rng.normal(size=(20, 2))
    found = log_odds_consistency(pair, np.zeros(20), n_draws=2, rng=rng)
    np.testing.assert_allclose(found.correlation[1], np.corrcoef(pair.T)[0, 1])
    assert found.n_pairs.tolist() == [40, 20]
    assert np.isnan(log_odds_consistency(np.ones((20, 3)), np.zeros(20), rng=rng).correlation).all()
    assert np.isnan(log_odds_consistency(pair, np.arange(20), rng=rng).correlation).all()
    gone = np.column_stack([pair, np.full(20, np.nan)])
    np.testing.assert_allclose(log_odds_consistency(gone, np.zeros(20), rng=rng).correlation[:2], found.correlation)


@pytest.fixture(scope="module")
def answered(small):
    uncoupled = fit_model(small.problem, UNCOUPLED, keep_coefficients=True)
    coupled = fit_model(small.problem, COUPLED, uncoupled, keep_coefficients=True)
    fits = {"uncoupled": uncoupled, "coupled": coupled}
    return fits, class_information(small.problem, fits, column="stimulus", n_draws=100)


def test_likelihood_of_the_recorded_class_is_that_of_the_fit(small, answered):
    """The class as recorded changes nothing: the held-out deviance of the fit, trial by trial."""
    fits, found = answered
    truth = found["log_likelihood"].sel({"class": found["true_class"]})
    for name, fit in fits.items():
        deviance = -2 * truth.sel(model=name, population="coupled").sum("time_from_event")
        area = small.recording["area"].values
        np.testing.assert_allclose(deviance, fit["deviance"].values[area == "coupled"].sum(axis=0), rtol=1e-4)


def questions(n_trials=45, seed=0, **column):
    """Four Poisson units in trials of three classes; the first two tell them apart."""
    rng = np.random.default_rng(seed)
    word, n_bins = rng.permutation(np.arange(n_trials) % 3), 20
    side = rng.permutation(np.arange(n_trials) % 2)
    rate = 0.3 * np.exp(np.array([[1, -1, 0], [-1, 0, 1], [0, 0, 0], [0, 0, 0]])[:, word]).T
    start = 2.0 * np.arange(n_trials)
    trials = pd.DataFrame({"start": start, "stop": start + 1, "word": np.array(["a", "b", "c"])[word], "side": side})
    return recording_from_arrays(
        rng.poisson(np.repeat(rate, n_bins, axis=0)),
        bin_width=0.05,
        time=(start[:, None] + 0.05 * np.arange(n_bins)).ravel(),
        segment=np.repeat(np.arange(n_trials), n_bins),
        area=["tells", "tells", "is silent", "is silent"],
        trials=trials.assign(**column),
    )


def ask(recording, terms, column, *, n_folds=3, **more):
    problem = pose_problem(recording, design_matrix(recording, terms), n_folds=n_folds, n_inner_folds=2)
    fits = {"uncoupled": fit_model(problem, UNCOUPLED, keep_coefficients=True)}
    return class_information(problem, fits, column=column, n_draws=100, **more), problem, fits


BASIS = raised_cosine(4, window=(0, 0.95))


@pytest.mark.parametrize("crossing", [False, True])
def test_every_class_is_put_in_place_of_the_recorded_one(crossing):
    """Against the plain way: one trial's class replaced, the whole design built again, the mean worked out."""
    recording = questions()
    position = np.tile(np.linspace(0, 1, 20), 45)
    recording = recording.assign(position=("time", position, {"units": "m"}))
    terms = [Event("start", BASIS, by=("word", "side")), Place("position", gaussian(3, window=(0, 1)), by=("word",))]
    if crossing:  # filters reach into the next trial, whose class must stay as it was
        time = np.arange(900) * 0.05
        recording = cross_trials(
            recording.assign_coords(time=time, segment=("time", np.zeros(900, dtype=int))).assign(
                start=("trial", time[::20]), stop=("trial", time[::20] + 1)
            )
        )
        terms[0] = Event("start", raised_cosine(6, window=(0, 1.75)), by=("word", "side"))
    found, problem, fits = ask(recording, terms, "word")
    fit, counts = fits["uncoupled"], recording["activity"].values
    for row, name in product((0, 7, 31), "abc"):
        word = recording["word"].values.copy()
        word[row] = name
        design = design_matrix(recording.assign(word=("trial", word)), terms)
        bins = np.flatnonzero(recording["trial_id"].values == row)
        fold = problem.fold[row]
        weight = fit["coef"].values[fold, 0]
        mean = np.exp(design["matrix"].values[bins] @ weight.T + fit["intercept"].values[fold, 0])
        by_hand = (counts[bins] * np.log(mean) - mean).sum(axis=1)
        ours = found["log_likelihood"].sel({"model": "uncoupled", "population": "all units", "class": name})[row]
        difference = ours.values - by_hand  # what the saturated model would have, the same for all classes
        saturated = np.where(counts[bins] > 0, counts[bins] * np.log(np.maximum(counts[bins], 1)) - counts[bins], 0)
        np.testing.assert_allclose(-difference, saturated.sum(axis=1), atol=5e-3)  # but for the ceiling on means


def test_who_tells_and_who_is_silent():
    found, _, _ = ask(questions(90), [Event("start", BASIS, by=("word", "side"))], "word")
    assert found["informative"][0].values.tolist() == [True, True, False, False]
    end = found["population_cumulative_information"][0].isel(time_from_event=-1)
    assert end.sel(population="tells") > 1.4  # of log2 3 = 1.58
    assert end.sel(population="is silent") < 0.05
    assert found["n_units"].values.tolist() == [2, 2, 4]
    decoder = found["population_cumulative_information_from_decoder"][0].isel(time_from_event=-1)
    assert decoder.sel(population="tells") > 1.3
    assert abs(decoder.sel(population="is silent")) < 0.06


def test_interacting_conditions_are_rebuilt_together():
    found, _, _ = ask(questions(90), [Event("start", BASIS, by=("word", "side"), interaction=True)], "word")
    end = found["population_cumulative_information"][0].isel(time_from_event=-1)
    assert end.sel(population="tells") > 1.2
    lonely = questions(90)
    side = np.where(lonely["word"].values == "a", 0, lonely["side"].values)
    with pytest.raises(SelectionError, match="every combination"):
        ask(questions(90, side=side), [Event("start", BASIS, by=("word", "side"), interaction=True)], "word")


def test_labels_shuffled_tell_nothing():
    bits, tempered, above = [], [], []
    for seed in range(12):
        label = np.random.default_rng(seed).permutation(np.arange(45) % 2)
        found, _, _ = ask(questions(seed=seed, word=label), [Event("start", BASIS, by=("word",))], "word")
        bits.append(found["population_cumulative_information"].sel(population="all units")[0, -1])
        tempered.append(found["population_tempered_cumulative_information"].sel(population="all units")[0, -1])
        above.append(found["population_cumulative_information_low"].sel(population="all units")[0, -1] > 0)
        above.append(found["population_tempered_cumulative_information_low"].sel(population="all units")[0, -1] > 0)
    assert np.mean(bits) < 0.01
    assert -0.1 < np.mean(tempered) < 0.01
    assert np.mean(above) < 0.1


def test_noise_that_units_share_makes_them_too_sure_until_tempered():
    """Units and bins that follow one fluctuation say no more than it does; the sum of their likelihoods thinks so."""
    recording = questions(120, word=np.array(["left", "right"])[np.arange(120) % 2])
    rng = np.random.default_rng(10)
    side = np.repeat(np.where(recording["word"].values == "right", 1.0, -1.0), 20)
    shared = np.repeat(rng.normal(size=120), 20)
    counts = rng.poisson(0.5 * np.exp(0.4 * side + 0.8 * shared)[:, None] * np.ones(4))
    recording["activity"] = (("time", "unit"), counts, recording["activity"].attrs)
    found, _, _ = ask(recording, [Event("start", BASIS, by=("word",))], "word")
    end = found.sel(population="all units").isel(model=0, time_from_event=-1)
    truth = 0.16  # of the side in 0.4 side + 0.8 shared, a Gaussian channel, and no spikes can say more
    assert end["population_cumulative_information"] < -1
    assert 0.05 < end["population_tempered_cumulative_information"] < truth + 0.05
    assert end["population_tempered_cumulative_information_power"] < 0.5


def test_what_behaviour_reveals_is_not_counted():
    """Activity follows a signal that the class moves: knowing the signal, activity says no more about the class."""
    rng = np.random.default_rng(8)
    recording = questions(120, word=np.array(["left", "right"])[np.arange(120) % 2])
    side = np.repeat(np.where(recording["word"].values == "right", 1.0, -1.0), 20)
    signal = (side + rng.standard_normal(side.size)).astype(np.float32)
    counts = rng.poisson(0.4 * np.exp(0.6 * signal)[:, None] * np.ones(4))
    recording = recording.assign(position=("time", signal, {"units": "m"}))
    recording["activity"] = (("time", "unit"), counts, recording["activity"].attrs)
    blind, _, _ = ask(recording, [Event("start", BASIS, by=("word",))], "word")
    seeing, _, _ = ask(recording, [Event("start", BASIS, by=("word",)), Signal("position")], "word")
    end = [f["population_cumulative_information"].sel(population="all units")[0, -1] for f in (blind, seeing)]
    assert end[0] > 0.5
    assert end[1] < 0.05


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_traces_have_a_dispersion(scale):
    recording = questions(90)
    activity = recording["activity"]
    values = np.sqrt(activity.values) * scale
    recording["activity"] = (activity.dims, values, activity.attrs | {"kind": "dff"})
    found, problem, _ = ask(recording, [Event("start", BASIS, by=("word",))], "word")
    assert problem.family == "gaussian"
    end = found["population_cumulative_information"][0].isel(time_from_event=-1)
    assert end.sel(population="tells") > 1.2
    assert end.sel(population="is silent") < 0.05


def test_unobserved_bins_and_unknown_classes_take_no_part():
    results = []
    for garbage in (0, 50):
        recording = questions(word=np.array(["", "b", "c"])[np.arange(45) % 3])
        seen = np.ones(recording["activity"].shape, dtype=bool)
        seen[:300, 0] = False
        recording["activity"].values[:300, 0] = garbage
        recording["observed"] = (("time", "unit"), seen)
        results.append(ask(recording, [Event("start", BASIS, by=("word",))], "word")[0])
    xr.testing.assert_identical(*results)
    assert results[0].sizes["trial"] == 30
    assert set(results[0]["class"].values) == {"b", "c"}


def test_bins_are_counted_from_the_event():
    start = 2.0 * np.arange(45)
    recording = questions(go=start + 0.37)
    found, _, _ = ask(recording, [Event("start", BASIS, by=("word",))], "word", event="go", window=(-0.2, 0.3))
    np.testing.assert_allclose(found["time_from_event"], np.arange(-4, 7) * 0.05)
    assert (found["n_trials"] == 45).all()
    # The event lies in bin 7 of the trial, so 0 is that bin.
    from_start, _, _ = ask(recording, [Event("start", BASIS, by=("word",))], "word")
    now = found["population_information"].sel(time_from_event=0, method="nearest")
    np.testing.assert_allclose(now, from_start["population_information"].isel(time_from_event=7))


def test_questions_that_cannot_be_answered(small, answered):
    fits, _ = answered

    def refused(match, problem=small.problem, fits=fits, column="stimulus", **more):
        with pytest.raises(SelectionError, match=match):
            class_information(problem, fits, column=column, **more)

    refused("a category by which", column="weather")
    design = small.problem.design
    refused("what its terms make", problem=replace(small.problem, design=design.assign(matrix=design["matrix"] * 2)))
    refused("coefficients", fits={"uncoupled": fits["uncoupled"][["deviance"]]})
    refused("folds", fits={"uncoupled": fits["uncoupled"].isel(fold=[0])})
    refused("times", event="weather")
    refused("bins around", window=(7.0, 8.0))
    refused("share of each value", prior={"left": 1.0})


def test_consistency_within_conditions(answered, tmp_path):
    _, found = answered
    steady = code_consistency(found, max_lag=0.2, n_draws=50, rng=np.random.default_rng(0))
    assert dict(steady.sizes) == {"model": 2, "population": 3, "lag": 11}
    np.testing.assert_allclose(steady["consistency"].isel(lag=0), 1)
    likelihood = found["log_likelihood"].sel(model="coupled", population="free")
    odds = (likelihood.sel({"class": "right"}) - likelihood.sel({"class": "left"})).values
    by_hand = log_odds_consistency(odds, found["condition"].values, n_draws=2, rng=np.random.default_rng(0))
    ours = steady["consistency"].sel(model="coupled", population="free")
    np.testing.assert_allclose(ours, by_hand.correlation[:11])
    with pytest.raises(SelectionError, match="two of left, right"):
        code_consistency(found, classes=("left", "up"), rng=np.random.default_rng(0))
    with pytest.raises(SelectionError, match="within"):
        code_consistency(found, within="animal", rng=np.random.default_rng(0))
    for result in (found, steady):
        save_dataset(result, tmp_path / "result.nc")
        xr.testing.assert_identical(load_dataset(tmp_path / "result.nc"), result)


def test_a_second_condition_is_not_taken_for_a_steady_code():
    """The log odds of the choice depend on the stimulus: a plateau within the class, none within the condition."""
    area = SimulatedArea("V1", 10, stimulus=1.0, rate=12)
    recording = simulate_recording([area], n_trials=120, rng=np.random.default_rng(0))
    terms = default_terms(recording).terms
    found, _, _ = ask(recording, terms, "choice", window=(0.1, 0.7))
    mixed, clean = (
        code_consistency(found, within=within, max_lag=0.2, n_draws=50, rng=np.random.default_rng(0)).isel(
            model=0, population=0, lag=slice(1, None)
        )
        for within in ("class", "condition")
    )
    assert mixed["consistency"].mean() > 0.1
    assert abs(clean["consistency"].mean()) < 0.03


@pytest.mark.skipif(not STEINMETZ.is_file(), reason="the real recordings are not beside this checkout")
def test_a_real_recording_tells_the_side_and_no_shuffled_one():
    """Steinmetz et al. 2019, the higher contrast's side: the twenty most active units of motor cortex and of CA3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        recording = read_nwb(STEINMETZ)
    area, rate = recording["area"].values, recording["activity"].values.mean(axis=0)
    most = [np.flatnonzero(area == name)[np.argsort(-rate[area == name])[:20]] for name in ("MOs", "CA3")]
    recording = recording.isel(unit=np.sort(np.concatenate(most)))
    side = np.array(["right", "", "left"])[
        (np.sign(recording["contrast_left"] - recording["contrast_right"]) + 1).values.astype(int)
    ]
    results = []
    for label in (side, np.random.default_rng(0).permutation(side)):
        labelled = recording.assign(side=("trial", label))
        terms = [Event("start", raised_cosine(6, window=(0, 0.39)), by=("side",)), Drift()]
        results.append(ask(labelled, terms, "side")[0].isel(model=0, time_from_event=-1))
    name = "population_tempered_cumulative_information"
    assert results[0][f"{name}_low"].sel(population="MOs") > 0.3
    assert results[0]["informative"].sum() >= 4
    assert (results[1][name] < 0.03).all()
    assert results[1]["informative"].sum() <= 1


def test_figures_show_what_was_found_and_what_was_planted(answered):
    _, found = answered
    steady = code_consistency(found, max_lag=0.2, n_draws=20, rng=np.random.default_rng(0))
    before = found.copy(deep=True)
    ax = Figure().add_subplot()
    plot.information_over_time(found, truth=found["population_information"][0] * 0 + 0.1, ax=ax)
    drawn = [line for line in ax.get_lines() if len(line.get_xdata()) == found.sizes["time_from_event"]]
    assert len(drawn) == 6
    np.testing.assert_array_equal(drawn[0].get_ydata(), found["population_information"].values[1, 0])
    assert {text.get_text().strip() for text in ax.texts} >= {"coupled", "free", "all units"}
    assert any("broken: planted" in text.get_text() for text in ax.texts)
    ax = plot.information_over_time(found, cumulative=True, model="uncoupled", ax=Figure().add_subplot())
    assert "so far" in ax.get_ylabel()
    ax = plot.information_over_time(found, cumulative=True, tempered=True, ax=Figure().add_subplot())
    tempered = found["population_tempered_cumulative_information"].values[1, 0]
    assert any(np.array_equal(line.get_ydata(), tempered) for line in ax.get_lines())
    ax = plot.cumulative_information_by_area(found, ax=Figure().add_subplot())
    count = int(found["informative"].sel(model="coupled").values[:10].sum())
    assert f"coupled: {count} of 10 units informative" in [text.get_text() for text in ax.get_legend().get_texts()]
    ax = plot.consistency_against_lag(steady, ax=Figure().add_subplot())
    np.testing.assert_allclose(ax.get_lines()[1].get_xdata(), np.arange(1, 11) * 20)
    xr.testing.assert_identical(found, before)
