"""Simulated maze sessions: the task as it is described, and a network that is what its truth says."""

import numpy as np
import pytest
import xarray as xr

from neurorec.datasets import RUNYAN_AREAS, RunyanArea, simulate_runyan2017
from neurorec.io import load_recording, save_recording
from neurorec.recording import InputError, check_recording, signals, trial_columns

LOCATIONS = [-90, -60, -30, -15, 15, 30, 60, 90]
STILL = RunyanArea(coupling=0, memory=0.1, stimulus=0, choice=0, running=0)


def share(recording):
    return (recording["activity"].values > 0).mean(axis=0)


@pytest.fixture(scope="module")
def many():
    """So many trials that shares of them are sharp."""
    return simulate_runyan2017("PPC", n_units=2, n_trials=480, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def session():
    return simulate_runyan2017("PPC", n_units=30, n_trials=48, rng=np.random.default_rng(1))


def test_is_a_recording_that_survives_a_file(session, tmp_path):
    check_recording(session)
    save_recording(session, tmp_path / "session.nc")
    xr.testing.assert_identical(load_recording(tmp_path / "session.nc"), session)


def test_imaging_is_continuous_at_the_frame_rate(session):
    np.testing.assert_allclose(np.diff(session["time"]), 1 / 29.99)
    assert set(session["segment"].values) == {0}
    assert session["time"].values[-1] > session["stop"].values[-1] + 1
    assert session["start"].values[0] == 10.0


def test_locations_are_balanced_and_errors_lie_near_the_midline(many):
    values, counts = np.unique(many["stimulus"], return_counts=True)
    assert values.tolist() == LOCATIONS
    assert (counts == 60).all()
    right = many["choice"].values == "right"
    np.testing.assert_array_equal(many["correct"].values, right == (many["stimulus"].values > 0))
    far = np.abs(many["stimulus"].values) >= 60
    correct = many["correct"].values
    assert correct[~far].mean() + 0.08 < correct[far].mean()
    np.testing.assert_allclose([correct[~far].mean(), correct[far].mean()], [0.75, 0.925], atol=0.07)  # 3 sd


def test_sounds_repeat_until_the_turn(many):
    names = [name for name in trial_columns(many) if name.startswith("sound_")]
    times = np.column_stack([many[name].values for name in names])
    since = times - many["start"].values[:, None]
    np.testing.assert_allclose(np.nanmin(since, axis=0), 0.2 + 0.6 * np.arange(len(names)))
    assert (np.isfinite(times[:, :2])).all()
    turn = many["turn"].values
    assert np.nanmax(times - turn[:, None]) < 0
    assert (turn - np.nanmax(times, axis=1) <= 0.6 + 1e-9).all()


def test_behaviour_belongs_to_the_trial(many):
    time, trial = many["time"].values, many["trial_id"].values
    position = many["position"].values
    inside = np.isfinite(position)
    assert (trial[inside] >= 0).all()
    forward = inside[1:] & inside[:-1] & (trial[1:] == trial[:-1])
    assert (np.diff(position)[forward] > 0).all()
    assert not many["view_angle"].values[~inside].any()
    row = np.searchsorted(time, many["turn"].values)
    np.testing.assert_allclose(position[row], 2.2, atol=0.06)
    last = np.searchsorted(time, many["turn"].values + 0.5)
    side = np.where(many["choice"].values == "right", 1, -1)
    assert (side * many["view_angle"].values[last] > 60).all()
    assert (side * many["velocity_x"].values[last] > 0.2).all()
    reward, none = many["reward"].values, many["no_reward"].values
    np.testing.assert_array_equal(np.isfinite(reward), many["correct"].values)
    np.testing.assert_array_equal(np.isfinite(none), ~many["correct"].values)


def test_passively_there_are_sounds_and_nothing_else():
    passive = simulate_runyan2017("AC", "passive", n_units=4, n_trials=8, rng=np.random.default_rng(0))
    assert signals(passive) == []
    assert all(name in ("stimulus", "context") or name.startswith("sound_") for name in trial_columns(passive))
    assert not passive["true_choice"].values.any()
    assert passive["true_coupling"].values.any()
    assert passive.attrs["context"] == "passive"


def test_activity_is_mostly_nothing_and_gamma_distributed_at_events(session):
    activity = session["activity"].values
    found = activity[activity > 0]
    assert (activity >= 0).all()
    assert 0.03 < share(session).mean() < 0.15
    np.testing.assert_allclose([found.mean(), found.var()], [1.0, 0.5], rtol=0.1)
    assert session["activity"].attrs["kind"] == "deconvolved"
    assert session.attrs["clipped"] < 0.01


def test_without_any_drive_the_share_of_events_is_the_baseline():
    recording = simulate_runyan2017(n_units=20, n_trials=60, truth=STILL, rng=np.random.default_rng(2))
    expected = 1 / (1 + np.exp(-recording["true_baseline"].values))
    error = np.sqrt(expected * (1 - expected) / recording.sizes["time"])
    assert (np.abs(share(recording) - expected) < 4 * error).all()
    assert not recording["true_coupling"].values.any()


def test_the_stored_coupling_is_what_made_the_events():
    """Log odds computed from the truth predict how often events occur, over their whole range."""
    truth = RunyanArea(coupling=0.5, memory=0.2, stimulus=0, choice=0, running=0)
    recording = simulate_runyan2017(
        "PPC", "passive", n_units=20, n_trials=100, truth=truth, rng=np.random.default_rng(3)
    )
    events = recording["activity"].values > 0
    baseline, keep = recording["true_baseline"].values, np.exp(-1 / (29.99 * 0.2))
    typical = 1 / (1 + np.exp(-baseline))
    trace = np.zeros(events.shape)
    for t in range(1, len(events)):
        trace[t] = keep * (trace[t - 1] + events[t - 1] - typical)
    coupling = trace @ recording["true_coupling"].values.T
    assert 0.4 < np.median(coupling.std(axis=0)) < 0.75  # partners are coupled themselves: more than independent ones
    odds = 1 / (1 + np.exp(-np.minimum(baseline + coupling, 0.0)))
    for group in np.array_split(np.argsort(odds, axis=None), 8):
        predicted, found = odds.ravel()[group].mean(), events.ravel()[group].mean()
        assert abs(found - predicted) < 4 * np.sqrt(predicted / group.size)


def test_units_respond_as_their_tuning_says():
    truth = RunyanArea(coupling=0, memory=0.1, stimulus=2.0, choice=2.0, running=0)
    recording = simulate_runyan2017("AC", n_units=20, n_trials=160, truth=truth, rng=np.random.default_rng(4))
    events = recording["activity"].values > 0
    after = np.searchsorted(recording["time"].values, recording["sound_1"].values)[:, None] + np.arange(1, 10)
    near = np.abs(recording["stimulus"].values[:, None] - recording["true_location"].values) < 30
    strong = np.argsort(recording["true_stimulus"].values)[-4:]
    response = events[after].mean(axis=1)
    for unit in strong:
        assert response[near[:, unit], unit].mean() > 1.5 * response[~near[:, unit], unit].mean()
    chooser = np.argmax(np.abs(recording["true_choice"].values))
    there = np.abs(recording["position"].values - recording["true_field"].values[chooser]) < 0.4
    right = (recording["choice"].values == "right")[np.maximum(recording["trial_id"].values, 0)]
    difference = events[there & right, chooser].mean() - events[there & ~right, chooser].mean()
    assert difference * recording["true_choice"].values[chooser] > 0
    assert abs(difference) > 0.05


def test_coupling_is_sparse_balanced_and_ordered_by_area(session):
    weights = session["true_coupling"].values
    assert not np.diag(weights).any()
    assert ((weights > 0).sum(axis=1) == 4).all()
    assert ((weights < 0).sum(axis=1) == 4).all()
    assert RUNYAN_AREAS["AC"].coupling < RUNYAN_AREAS["PPC"].coupling
    assert RUNYAN_AREAS["AC"].memory < RUNYAN_AREAS["PPC"].memory
    assert (session["true_memory"].values == RUNYAN_AREAS["PPC"].memory).all()
    assert set(session["area"].values) == {"PPC (simulated)"}


def test_a_seed_is_a_session():
    one, same, other = (simulate_runyan2017(n_units=3, n_trials=4, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    xr.testing.assert_identical(one, same)
    assert not one.equals(other)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"area": "V1"}, "V1"),
        ({"context": "asleep"}, "asleep"),
        ({"n_units": 1}, "two units"),
        ({"n_trials": 0}, "two"),
    ],
)
def test_refuses_what_it_cannot_make(settings, word):
    with pytest.raises(InputError, match=word):
        simulate_runyan2017(**settings, rng=np.random.default_rng(0))
