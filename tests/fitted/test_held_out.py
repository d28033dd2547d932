"""Held-out prediction: what a model may see, how it is scored, and that the right one wins."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurorec.datasets import SimulatedArea, simulate_recording
from neurorec.design import Coupling, Drift, Event, History, PopulationMean, design_matrix, raised_cosine
from neurorec.fitted import (
    MEASURES,
    Dynamics,
    GLMSystem,
    LinearFit,
    Observation,
    Predicted,
    average_predictor,
    bits_interval,
    choose_n_states,
    compare_fitted,
    glm_predictor,
    linear_predictor,
    network_predictor,
    simulate_linear,
    standard_models,
)
from neurorec.fitted.held_out import _deal, _split
from neurorec.fitted.predictors import calibrated, one_step, rolled_out
from neurorec.fitted.splitting import of_units, open_session
from neurorec.glm import bits_per_spike
from neurorec.recording import InputError, recording_from_arrays


@pytest.fixture(scope="module")
def latent() -> xr.Dataset:
    """Counts of a linear dynamical system of two states, in the clothes of a recording: 12 units, 40 trials."""
    rng = np.random.default_rng(5)
    A = 0.95 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    dynamics = Dynamics(A, 0.1 * np.eye(2), np.zeros(2), np.eye(2))
    seen = Observation("poisson", 0.8 * rng.standard_normal((12, 2)), np.full(12, -0.5), np.full(12, np.nan))
    truth = LinearFit(dynamics, np.zeros((2, 0)), seen, np.zeros(1), True, 0.02, ())
    _, counts = simulate_linear(truth, np.full(40, 30), rng=rng)
    areas = [SimulatedArea("PPC", 6), SimulatedArea("V1", 6)]
    recording = simulate_recording(areas, n_trials=40, duration=0.6, rng=rng)
    return recording.assign(activity=recording["activity"].copy(data=counts.reshape(-1, 12).astype(int)))


def designed(recording: xr.Dataset) -> xr.Dataset:
    past = raised_cosine(2, window=(0.02, 0.06))
    task = Event("start", basis=raised_cosine(3, window=(0.0, 0.5)), by=("stimulus",))
    return design_matrix(recording, [task, Drift(1), History(past), Coupling(past)])


@pytest.fixture(scope="module")
def result(latent: xr.Dataset) -> xr.Dataset:
    """All kinds of models but one on the latent states."""
    models = standard_models(n_states=2)
    del models["constrained network"]
    options = {"n_folds": 2, "n_groups": 2, "n_few": 10, "n_draws": 200, "progress": False}
    return compare_fitted(latent, designed(latent), models=models, rng=np.random.default_rng(0), **options)


def test_latent_states_predict_best_where_there_are_some(result):
    bits = result["bits"].to_pandas()
    assert bits["co_smoothing"].idxmax() == "linear, Poisson"
    assert (bits.loc["linear, Poisson"] > bits.loc[["trial average", "uncoupled GLM"]].max()).all()
    assert (result["above_low"].sel(model="linear, Poisson") > 0).sum() >= 2
    assert (bits.loc["coupled GLM"] > bits.loc["uncoupled GLM"])[["co_smoothing", "forward"]].all()


def test_the_result_holds_together(result):
    assert result["measure"].values.tolist() == list(MEASURES)
    assert (result["bits_low"] <= result["bits"]).all()
    assert (result["bits"] <= result["bits_high"]).all()
    ratio = result["gain"].sum("trial") / result["spikes"].sum("trial") / np.log(2)
    np.testing.assert_allclose(ratio.transpose("model", "measure"), result["bits"])
    own = [result["above"].sel(measure=m, model=str(result["baseline"].sel(measure=m).values)) for m in MEASURES]
    assert not np.any(own)
    assert sorted(np.unique(result["trial_fold"])) == [0, 1]
    assert result["area"].values.tolist() == ["PPC", "V1"]
    low, high = result["area_bits"].min("area"), result["area_bits"].max("area")
    assert ((low <= result["bits"] + 1e-9) & (result["bits"] <= high + 1e-9)).all()


def cheat(split):
    """Knows the counts, and nothing of the fold's training."""
    y = np.maximum(split.session.cut.activity[split.test], 1e-6)
    return Predicted(y, y, y[..., split.unseen], True)


def constant(split):
    """Each unit's mean in training."""
    s = split.session
    mean = s.cut.activity[split.train].sum(axis=(0, 1)) / s.cut.inside[split.train].sum()
    flat = np.broadcast_to(mean, (*s.cut.bins[split.test].shape, mean.size))
    return Predicted(flat, flat, flat[..., split.unseen], True)


def test_bits_are_those_of_the_benchmark_and_of_the_evaluated_mean(latent):
    design = designed(latent)
    options = {"n_folds": 4, "n_groups": 4, "n_draws": 50, "progress": False}
    models = {"cheat": cheat, "constant": constant}
    result = compare_fitted(latent, design, models=models, rng=np.random.default_rng(1), **options)
    used = design["usable"].values
    y = latent["activity"].values[used].astype(float)
    mean = latent["activity"].values.mean(axis=0)
    # counts beyond the largest in training are held there, and so a little is missing
    expected = bits_per_spike(y, np.clip(y, 0.02 * mean, None))
    np.testing.assert_allclose(
        result["unit_bits"].sel(model="cheat", measure="co_smoothing"), expected, rtol=0.1
    )  # the largest counts were not seen in training
    flat = result["bits"].sel(model="constant")
    assert (flat < 0).all()  # the mean of the evaluated bins is the strictest constant
    assert (flat > -0.15).all()
    assert "above" not in result


def test_held_out_units_are_not_seen(latent):
    """What a unit did in the test trials changes no prediction of its own group's by co-smoothing, and so on."""
    design, rng = designed(latent), np.random.default_rng(2)
    session = open_session(latent, design, n_groups=3, forward=0.3, rng=rng)
    split = _split(session, _deal(session, 4, rng), 1, 8, 0)
    other = session.cut.activity.copy()
    mine = session.group == 1
    other[np.ix_(split.test, range(other.shape[1]), np.flatnonzero(mine))] = 3.0
    activity = latent["activity"].values.copy()
    activity[session.cut.bins[session.cut.inside]] = other[session.cut.inside].astype(int)
    changed_recording = latent.assign(activity=latent["activity"].copy(data=activity))
    changed = split._replace(
        session=session._replace(
            cut=session.cut._replace(activity=other), recording=changed_recording, design=designed(changed_recording)
        )
    )
    late = np.arange(other.shape[1]) >= session.until[split.test][:, None]
    models = [average_predictor, glm_predictor(("task", "history", "coupling")), network_predictor()]
    for predict in [*models, linear_predictor(2, "poisson", max_iter=3)]:
        a, b = predict(split), predict(changed)
        np.testing.assert_allclose(a.co_smoothing[..., mine], b.co_smoothing[..., mine], rtol=1e-6)
        np.testing.assert_allclose(a.few_shot, b.few_shot, rtol=1e-6)  # group 1 is held out in fold 1
        assert a.few_shot.shape == (split.test.size, other.shape[1], split.unseen.size)
    future = session.cut.activity.copy()
    future[split.test] = np.where(late[..., None], 5.0, future[split.test])
    blind = split._replace(session=session._replace(cut=session.cut._replace(activity=future)))
    for predict in (
        linear_predictor(2, "gaussian", max_iter=3),
        network_predictor(),
        glm_predictor(("task", "coupling")),
    ):
        a, b = predict(split), predict(blind)
        np.testing.assert_allclose(a.forward[late], b.forward[late], rtol=1e-6)


def test_rates_rolled_out_are_one_step_where_nothing_is_fed_back(recording, design):
    rng = np.random.default_rng(3)
    system = GLMSystem(rng.normal(0, 0.2, (4, 2, 4)), rng.normal(0, 0.3, (4, 2)), rng.normal(-1, 0.3, 4))
    counts, inputs = rng.poisson(0.5, (3, 8, 4)).astype(float), rng.normal(size=(3, 8, 2))
    known = one_step(system, counts, inputs)
    last = rolled_out(system, counts, inputs, np.full(3, 7), np.full(4, np.inf))
    np.testing.assert_allclose(last[:, 7], known[:, 7])
    state = np.concatenate([counts[:, 4], counts[:, 3]], axis=1).astype(np.float32)
    for t in (5, 6, 7):  # the system's own steps
        state = np.asarray(system.step(state, inputs[:, t].astype(np.float32)))
    far = rolled_out(system, counts, inputs, np.full(3, 5), np.full(4, np.inf))
    np.testing.assert_allclose(far[:, 7], state[:, :4], rtol=1e-4)


def test_a_useless_rate_is_read_out_as_the_mean(latent):
    rng = np.random.default_rng(4)
    session = open_session(latent, designed(latent), n_groups=2, forward=0.3, rng=rng)
    split = _split(session, _deal(session, 2, rng), 0, 8, 0)
    y = session.cut.activity
    found = calibrated(split, -y, session.scored)  # lower where it should be higher: the slope is not negative
    mean = y[split.train][session.scored[split.train]].mean(axis=0)
    np.testing.assert_allclose(found, np.broadcast_to(mean, found.shape))
    better = calibrated(split, np.log(y + 0.5), session.scored)
    assert np.corrcoef(better.ravel(), y[split.test].ravel())[0, 1] > 0.9


def test_units_alone_keep_their_columns(recording, design):
    session = open_session(recording, design, n_groups=2, forward=0.3, rng=np.random.default_rng(0))
    assert PopulationMean.__name__ not in session.design["term"].values
    units = np.array([7, 2, 5])
    own, part = of_units(session, units)
    assert own["unit"].values.tolist() == [7, 2, 5]
    named = {f"own {recording['unit'].values[u]}" for u in units}
    of_history = part["feature"].values[(part["group"] == "history").values]
    assert {" ".join(name.split(" ")[:2]) for name in of_history} == named
    column = int(np.flatnonzero((part["group"] == "history").values)[0])
    assert part["allowed"].values[int(part["source"].values[column]), column]


def test_dimensions_are_chosen_by_what_they_predict(latent):
    table = choose_n_states(
        latent, designed(latent), [1, 2], observation="gaussian", n_folds=2, rng=np.random.default_rng(0)
    )
    assert table.attrs["best"] == 2
    assert table["bits"].sel(measure="co_smoothing").values.argmax() == 1


def test_intervals_are_those_of_a_ratio():
    rng = np.random.default_rng(6)
    spikes = rng.poisson(50, 200)
    gain = 0.3 * np.log(2) * spikes + rng.normal(0, 5, 200)
    found = bits_interval(gain, spikes, rng=rng)
    assert found.low < 0.3 < found.high
    expected = 2 * 1.96 * 5 * np.sqrt(200) / (np.log(2) * spikes.sum())
    assert found.high - found.low == pytest.approx(expected, rel=0.2)
    assert np.isnan(bits_interval(np.zeros(5), np.zeros(5), rng=rng).value)


def test_what_cannot_be_compared_is_refused(latent):
    design, rng = designed(latent), np.random.default_rng(0)
    rates = latent.assign(activity=latent["activity"].assign_attrs(kind="rates"))
    with pytest.raises(InputError, match="spike counts"):
        compare_fitted(rates, design, rng=rng)
    with pytest.raises(InputError, match="41 folds of 40 trials"):
        compare_fitted(latent, design, n_folds=41, rng=rng)
    with pytest.raises(InputError, match="n_few"):
        compare_fitted(latent, design, n_few=2, rng=rng)


def test_spikes_that_are_not_there_cannot_choose_a_model():
    trials = pd.DataFrame({"start": np.arange(6) * 1.0, "stop": np.arange(6) + 1.0})
    silent = recording_from_arrays(np.zeros((60, 5), dtype=int), bin_width=0.1, trials=trials)
    with pytest.raises(InputError, match="spikes to be predicted"):
        choose_n_states(silent, design_matrix(silent, [Drift(1)]), (1,), n_folds=2, rng=np.random.default_rng(0))
