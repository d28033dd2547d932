"""The task of a recording: told by its trial table, or by nothing."""

import numpy as np
import pandas as pd
import pytest

from neurorec.recording import InputError, recording_from_arrays
from neurorec.tasks import ContrastDiscrimination, NoisyEvidence, SoundLocation, match_task


def _recording(bin_width=0.02, length=0.5, n_trials=40, **columns):
    start = np.arange(n_trials) * 1.0
    table = pd.DataFrame({"start": start, "stop": start + length, **columns})
    return recording_from_arrays(np.zeros((round(n_trials / bin_width), 2), int), bin_width=bin_width, trials=table)


def _draw(levels, seed=0, n_trials=40):
    return np.random.default_rng(seed).choice(levels, n_trials)


def test_two_contrasts_are_contrast_discrimination_with_the_pairs_that_were_shown():
    left, right = _draw([0.0, 0.5, 1.0]), _draw([0.0, 0.25], seed=1)
    found = match_task(_recording(contrast_left=left, contrast_right=right, feedback_type=_draw([-1, 1], 2)))
    assert found is not None
    assert isinstance(found.task, ContrastDiscrimination)
    assert set(found.task.pairs) == set(zip(left, right, strict=True))
    assert (found.task.stimulus, found.task.dt, found.anchor) == (0.5, 0.02, "stimulus_start")
    trials = found.task.sample(5, rng=np.random.default_rng(0))
    said = found.conditions(trials)
    assert list(said) == ["contrast_left", "contrast_right"]
    np.testing.assert_array_equal(said["contrast_left"], trials["contrast_left"])


@pytest.mark.parametrize("name", ["location", "sound_location", "azimuth"])
def test_locations_left_and_right_are_those_of_a_sound(name):
    found = match_task(_recording(**{name: _draw([-60, -15, 15, 60])}))  # type: ignore[arg-type]
    assert found is not None
    assert isinstance(found.task, SoundLocation)
    assert found.task.locations == (-60, -15, 15, 60)
    assert (found.recorded, found.modelled) == ((name,), ("location",))


def test_signed_coherences_are_evidence():
    found = match_task(_recording(coherence=_draw([-0.4, -0.1, 0.1, 0.4])))
    assert found is not None
    assert isinstance(found.task, NoisyEvidence)
    assert found.task.coherences == (0.1, 0.4)


def test_two_sides_keep_the_names_that_the_recording_gives_them():
    found = match_task(_recording(type=_draw(["lick left", "lick right"])))
    assert found is not None
    assert isinstance(found.task, NoisyEvidence)
    trials = found.task.sample(20, rng=np.random.default_rng(0))
    expected = np.char.add("lick ", trials["side"].values)
    np.testing.assert_array_equal(found.conditions(trials)["type"], expected)
    plain = match_task(_recording(stimulus=_draw(["left", "right"])))
    assert plain is not None
    np.testing.assert_array_equal(plain.conditions(trials)["stimulus"], trials["side"])


def test_two_sides_with_a_delay_are_delayed():
    found = match_task(_recording(type=_draw(["lick left", "lick right"]), cue_start_time=np.arange(40.0)))
    assert found is not None
    assert isinstance(found.task, SoundLocation)
    assert found.anchor == "sound_start"
    assert found.anchor in found.task.sample(3, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"contrast_left": _draw([0.0, 0.5])},  # one side alone
        {"contrast_left": _draw([0, 50.0]), "contrast_right": _draw([0, 100.0], 1)},  # per cent, or something else
        {"location": _draw([10, 20, 30])},
        {"location": _draw(["V1", "AL"])},
        {"coherence": _draw([0.1, 0.4])},  # without a side
        {"type": _draw(["left", "right", "catch"])},
        {"stimulus": _draw(["face", "house"])},
        {"reaction_time": np.arange(40.0)},
    ],
)
def test_what_tells_of_no_task_is_not_guessed(columns):
    assert match_task(_recording(**columns)) is None


@pytest.mark.parametrize(("bin_width", "dt"), [(0.002, 0.01), (0.1, 0.05), (0.025, 0.025)])
def test_steps_are_the_bins_where_a_network_can_have_such(bin_width, dt):
    found = match_task(_recording(bin_width, coherence=_draw([-0.4, 0.4])))
    assert found is not None
    assert found.task.dt == dt


@pytest.mark.parametrize(("length", "stimulus"), [(0.05, 0.2), (0.9, 0.9), (30.0, 3.0)])
def test_stimuli_last_as_long_as_trials_where_that_is_bearable(length, stimulus):
    found = match_task(_recording(length=length, coherence=_draw([-0.4, 0.4])))
    assert found is not None
    assert isinstance(found.task, NoisyEvidence)
    assert found.task.stimulus == pytest.approx(stimulus)


def test_a_recording_without_trials_is_refused():
    with pytest.raises(InputError, match="expected trials"):
        match_task(recording_from_arrays(np.zeros((10, 2), int), bin_width=0.1))
