"""Tasks of trials in continuous time: what all of them keep, what an ideal observer reaches, what each is about."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.special import logsumexp

from neurorec import tasks
from neurorec.recording import InputError
from neurorec.tasks import (
    TASKS,
    ContextIntegration,
    ContrastDiscrimination,
    DelayedMatchToSample,
    FlipFlop,
    NoisyEvidence,
    OculomotorIntegrator,
    ParametricWorkingMemory,
    ReadySetGo,
    SineWave,
    SoundLocation,
    Task,
    check_trials,
    find_task,
)
from neurorec.tasks.ideal import ideal_rates
from neurorec.tasks.timeline import lay_out

NAMES = [
    "noisy_evidence",
    "sound_location",
    "contrast_discrimination",
    "context_integration",
    "flip_flop",
    "oculomotor_integrator",
    "delayed_match_to_sample",
    "parametric_working_memory",
    "ready_set_go",
    "sine_wave",
]
EVERY = [pytest.param(TASKS[name](), id=name) for name in NAMES]
EVERY += [
    pytest.param(SoundLocation(code="tuned", noise=0.6), id="sound_location tuned"),
    pytest.param(DelayedMatchToSample(n_stimuli=4), id="delayed_match_to_sample of four"),
    pytest.param(ContextIntegration(delay=(0.0, 0.4)), id="context_integration with delay"),
    pytest.param(SineWave(fixation=(0.0, 0.2)), id="sine_wave at any time"),
    pytest.param(ReadySetGo(noise=0.0), id="ready_set_go without noise"),
]
CHOICES = [p for p in EVERY if p.values[0].chance == 0.5]


def _draw(task, n_trials=64, seed=0):
    return task.sample(n_trials, rng=np.random.default_rng(seed))


def _say(trials, answer):
    """Outputs that give the answer (trial,) at every step."""
    return np.broadcast_to(np.asarray(answer, dtype=float)[:, None, None], trials["targets"].shape)


# --- what all tasks keep ---


@pytest.mark.parametrize("task", EVERY)
def test_trials_are_what_a_network_can_be_trained_on(task):
    trials = check_trials(_draw(task))
    assert isinstance(task, Task)
    assert trials["input"].values.tolist() == list(task.input_names)
    assert trials["output"].values.tolist() == list(task.output_names)
    assert trials.attrs["dt"] == task.dt
    assert trials.sizes["trial"] == 64
    starts = [name for name in trials if str(name).endswith("_start")]
    assert starts or isinstance(task, FlipFlop)
    for name in starts:
        assert (np.isnan(trials[name]) | ((trials[name] >= 0) & (trials[name] < trials["duration"]))).all(), name
    conditions = set(trials) - {"inputs", "targets", "mask", "duration", *starts}
    assert conditions
    assert all(trials[name].dims == ("trial",) and trials[name].dtype.kind in "fiubU" for name in conditions)


@pytest.mark.parametrize("task", EVERY)
def test_padding_is_silent_and_does_not_count(task):
    trials = _draw(task, 300)
    padding = trials["time"].values >= trials["duration"].values[:, None] - 1e-9
    for name in ("inputs", "targets", "mask"):
        assert not trials[name].values[padding].any()
    assert not padding.all(axis=0).any() or isinstance(task, ReadySetGo)  # whose longest trial is hardly ever drawn
    assert _draw(task, 3, seed=1).sizes["time"] == trials.sizes["time"]  # arrays of one shape, compiled once


@pytest.mark.parametrize("task", EVERY)
def test_a_seed_says_everything(task):
    assert _draw(task).identical(_draw(task))
    assert not np.array_equal(_draw(task)["inputs"], _draw(task, seed=1)["inputs"])


@pytest.mark.parametrize("task", EVERY)
def test_targets_have_the_highest_score_and_the_rest_is_in_order(task):
    trials = _draw(task, 200)
    assert task.score(trials, trials["targets"].values) == pytest.approx(1.0, abs=1e-6)
    assert task.chance < task.criterion < task.best <= 1 or task.best == 1.0 > task.criterion
    assert task.score_name


@pytest.mark.parametrize("task", EVERY)
def test_outputs_that_do_not_fit_are_refused(task):
    trials = _draw(task, 8)
    for ask in (task.score, task.psychometric):
        with pytest.raises(InputError, match=r"outputs: expected shape .* \(trial, time, output\)"):
            ask(trials, trials["targets"].values[:, :-1])


@pytest.mark.parametrize("task", EVERY)
def test_scoring_changes_nothing(task):
    trials, outputs = _draw(task), np.random.default_rng(1).normal(size=_draw(task)["targets"].shape)
    before, kept = trials.copy(deep=True), outputs.copy()
    assert task.score(trials, outputs) < task.best
    task.psychometric(trials, outputs)
    assert trials.identical(before)
    np.testing.assert_array_equal(outputs, kept)


@pytest.mark.parametrize("task", EVERY)
def test_time_steps_do_not_change_what_can_be_reached(task):
    finer = replace(task, dt=task.dt / 2)
    assert finer.best == pytest.approx(task.best, abs=0.003)
    assert finer.chance == task.chance
    coarse, fine = _draw(task, 50), _draw(finer, 50)
    assert fine.sizes["time"] == pytest.approx(2 * coarse.sizes["time"], abs=1)


# --- chance ---


@pytest.mark.parametrize("task", CHOICES)
@pytest.mark.parametrize("answer", ["always", "never", "guess"])
def test_who_does_not_look_is_right_half_of_the_time(task, answer):
    trials = _draw(task, 4000)
    guess = np.random.default_rng(1).choice([-1.0, 1.0], 4000)
    said = {"always": np.ones(4000), "never": -np.ones(4000), "guess": guess}[answer]
    assert task.score(trials, _say(trials, said)) == pytest.approx(task.chance, abs=0.03)


def test_who_guesses_every_bit_is_right_as_often_as_chance_says():
    task = FlipFlop(n_bits=2)
    trials = _draw(task, 200)
    guess = np.random.default_rng(1).choice([-1.0, 1.0], trials["targets"].shape)
    assert task.score(trials, guess) == pytest.approx(task.chance, abs=0.02)


@pytest.mark.parametrize("task", [OculomotorIntegrator(), SineWave(), SineWave(fixation=(0.1, 0.5))])
def test_the_best_constant_explains_nothing(task):
    trials = _draw(task, 300)
    weight = trials["mask"].values
    best = (weight * trials["targets"].values[:, :, 0]).sum() / weight.sum()
    assert task.score(trials, _say(trials, np.full(300, best))) == pytest.approx(task.chance, abs=1e-6)
    assert task.score(trials, _say(trials, np.full(300, best + 0.1))) < 0


def _ramps(trials, interval):
    """Outputs that reach 1 the interval (trial,) after set."""
    since = trials["time"].values - trials["set_start"].values[:, None]
    return np.maximum(since / np.asarray(interval)[:, None], 0)[:, :, None]


def test_who_always_produces_the_mean_interval_explains_nothing():
    task = ReadySetGo()
    trials = _draw(task, 4000)
    assert task.score(trials, _ramps(trials, np.full(4000, 0.75))) == pytest.approx(task.chance, abs=0.03)
    assert task.score(trials, np.zeros(trials["targets"].shape)) < -5  # no go is no way to a score


# --- the ideal observer, written again from the inputs ---


def _means(trials, start, seconds, channels):
    """Mean inputs from a column of starts on, for so long ``(trial, channel)``."""
    since = trials["time"].values - trials[start].values[:, None]
    inside = (since > -1e-6) & (since < seconds - 1e-6)
    return np.einsum("ti,tic->tc", inside, trials["inputs"].sel(input=channels).values) / inside.sum(axis=1)[:, None]


def _more_likely(seen, patterns, yes, sd, log_prior=0.0):
    fit = log_prior - ((seen[:, None] - patterns) ** 2).sum(axis=-1) / (2 * sd**2)
    return np.where(logsumexp(fit[:, yes], axis=1) > logsumexp(fit[:, ~yes], axis=1), 1.0, -1.0)


def _observe_evidence(task, trials):
    return _say(trials, _means(trials, "stimulus_start", task.stimulus, ["evidence"])[:, 0])


def _observe_sound(task, trials):
    seen = _means(trials, "sound_start", task.sound, list(task.input_names[:-1]))
    places = np.array(task.locations, dtype=float)
    if task.code == "two_channel":
        patterns = np.stack([(1 - np.sin(np.radians(places))) / 2, (1 + np.sin(np.radians(places))) / 2], axis=1)
    else:
        preferred = np.linspace(-90, 90, task.n_channels)
        patterns = np.exp(-0.5 * ((places[:, None] - preferred) / task.width) ** 2)
    return _say(trials, _more_likely(seen, patterns, places > 0, task.noise / np.sqrt(task.sound)))


def _observe_context(task, trials):
    seen = _means(trials, "stimulus_start", task.stimulus, ["motion", "colour"])
    cued = trials["inputs"].sel(input="motion_context").values[:, 0] > 0.5
    return _say(trials, np.where(cued, seen[:, 0], seen[:, 1]))


def _observe_match(task, trials):
    n, channels = task.n_stimuli, list(task.input_names[:-1])
    seen = [_means(trials, f"{period}_start", task.stimulus, channels) for period in ("sample", "test")]
    pairs = np.array(list(product(range(n), repeat=2)))
    patterns = np.concatenate([np.eye(n)[pairs[:, 0]], np.eye(n)[pairs[:, 1]]], axis=1)
    same = pairs[:, 0] == pairs[:, 1]
    prior = np.where(same, 1 / n, 1 / (n * (n - 1)))
    sd = task.noise / np.sqrt(task.stimulus)
    return _say(trials, _more_likely(np.concatenate(seen, axis=1), patterns, same, sd, np.log(prior)))


def _observe_frequencies(task, trials):
    seen = [_means(trials, f"{period}_start", task.stimulus, ["frequency"]) for period in ("f1", "f2")]
    pairs = [(a, b) for a, b in product(task.frequencies, repeat=2) if abs(a - b) in task.differences]
    patterns = (np.array(pairs) - 22) / 12
    higher = patterns[:, 1] > patterns[:, 0]
    sd = task.noise / np.sqrt(task.stimulus)
    return _say(trials, _more_likely(np.concatenate(seen, axis=1), patterns, higher, sd))


def _observe_interval(task, trials):
    ready, set_ = (trials["inputs"].sel(input=name).values.argmax(axis=1) for name in ("ready", "set"))
    measured = (set_ - ready) * task.dt
    prior = np.array(task.intervals)
    # The density of the measurement, which is rounded to steps: the middle of a step is near enough.
    likelihood = np.exp(-0.5 * ((measured[:, None] / prior - 1) / task.noise) ** 2) / prior
    return _ramps(trials, (likelihood * prior).sum(axis=1) / likelihood.sum(axis=1))


def _observe_contrast(task, trials):
    seen = _means(trials, "stimulus_start", task.stimulus, ["contrast_left", "contrast_right"])
    pairs = np.array(task.pairs)
    fit = np.exp(-((seen[:, None] - pairs) ** 2).sum(axis=-1) / (2 * task.noise**2 / task.stimulus))
    left, right = pairs.T
    none = (left == 0) & (right == 0)
    weight = [fit[:, of].sum(axis=1) for of in ((left >= right) & ~none, (right >= left) & ~none, none)]
    return np.broadcast_to(np.stack(weight, axis=-1)[:, None], trials["targets"].shape)


OBSERVERS = {
    "contrast_discrimination": (ContrastDiscrimination(), _observe_contrast),
    "contrast_discrimination rare": (
        ContrastDiscrimination(pairs=((0.0, 0.0),) * 3 + ((0.25, 0.0), (0.0, 0.25), (1.0, 1.0)), noise=0.2),
        _observe_contrast,
    ),
    "noisy_evidence": (NoisyEvidence(), _observe_evidence),
    "sound_location": (SoundLocation(), _observe_sound),
    "sound_location few": (SoundLocation(locations=(-20, 20), noise=0.5, delay=0.0), _observe_sound),
    "sound_location tuned": (SoundLocation(code="tuned", noise=0.6), _observe_sound),
    "context_integration": (ContextIntegration(), _observe_context),
    "delayed_match_to_sample": (DelayedMatchToSample(n_stimuli=4, noise=0.3), _observe_match),
    "delayed_match_to_sample of two": (DelayedMatchToSample(n_stimuli=2, noise=0.4), _observe_match),
    "parametric_working_memory": (ParametricWorkingMemory(), _observe_frequencies),
    "ready_set_go": (ReadySetGo(), _observe_interval),
}


@pytest.mark.parametrize("halve", [1, 2], ids=["dt", "half of dt"])
@pytest.mark.parametrize("name", OBSERVERS)
def test_the_ideal_observer_reaches_what_is_said_to_be_the_best(name, halve):
    task, observe = OBSERVERS[name]
    task = replace(task, dt=task.dt / halve)
    trials = _draw(task, 4000, seed=5)
    found = task.score(trials, observe(task, trials))
    # Four standard errors of a fraction of 4000 trials near 0.9, and as much for the variance of intervals.
    assert found == pytest.approx(task.best, abs=0.02)


@pytest.mark.parametrize("name", ["sound_location", "sound_location tuned", "noisy_evidence"])
def test_the_ideal_observer_is_right_as_often_at_each_condition(name):
    task, observe = OBSERVERS[name]
    trials = _draw(task, 6000, seed=6)
    found = task.psychometric(trials, observe(task, trials))
    spread = np.sqrt(found["ideal"] * (1 - found["ideal"]) / found["n_trials"])
    assert (abs(found["right"] - found["ideal"]) < 4 * spread + 0.006).all()


def test_patterns_in_noise_agree_with_the_formulas_there_are():
    np.testing.assert_allclose(ideal_rates([[0.0], [1.0]], [False, True], sd=0.5), 0.8413, atol=0.01)
    far = ideal_rates([[0.0], [1.0]], [False, True], sd=0.5, prior=[0.9, 0.1])
    # The border moves to 1/2 + sd^2 log 9.
    np.testing.assert_allclose(far, [0.9801, 0.4608], atol=0.01)
    np.testing.assert_array_equal(ideal_rates([[0.0], [1.0]], [False, True], sd=0), 1)
    task = SoundLocation()
    seconds = task.sound
    simulated = ideal_rates(task.levels(task.locations), np.array(task.locations) > 0, sd=task.noise / seconds**0.5)
    np.testing.assert_allclose(simulated, [task.ideal(a) for a in task.locations], atol=0.01)


@pytest.mark.parametrize("kind", [SoundLocation, ContextIntegration, DelayedMatchToSample, ParametricWorkingMemory])
def test_without_noise_nothing_is_uncertain(kind):
    task = kind(noise=0.0)
    assert task.best == 1.0
    certain = task.psychometric(_draw(task), _draw(task)["targets"])
    ideals = [certain[name].values.ravel() for name in certain if str(name).startswith("ideal")]
    assert ideals
    assert all(np.isin(rates[np.isfinite(rates)], [0.0, 0.5, 1.0]).all() for rates in ideals)
    noisier = [kind(noise=noise).best for noise in (0.05, 0.3, 1.0, 3.0)]
    assert (np.diff(noisier) < 0).all()
    assert noisier[-1] > 0.5


def test_without_noise_intervals_are_known_and_with_much_only_their_mean():
    assert ReadySetGo(noise=0.0).best == 1.0
    bests = [ReadySetGo(noise=noise).best for noise in (0.0, 0.05, 0.1, 0.3)]
    assert (np.diff(bests) < 0).all()
    assert bests[-1] > 0
    task = ReadySetGo()
    assert task.ideal([0.5, 1.0]).tolist() == pytest.approx([0.5, 1.0], abs=0.1)
    assert task.ideal(0.5) > 0.5  # drawn to the middle
    assert task.ideal(1.0) < 1.0


# --- periods ---


def test_every_length_between_two_is_drawn_as_often():
    timeline = lay_out({"first": 0.1, "second": (0.2, 0.4)}, 5000, dt=0.1, rng=np.random.default_rng(0))
    lengths, count = np.unique(timeline.length("second").round(6), return_counts=True)
    assert lengths.tolist() == [0.2, 0.3, 0.4]
    assert (abs(count - 5000 / 3) < 5 * np.sqrt(5000 * 2 / 9)).all()
    np.testing.assert_allclose(timeline.duration(), 0.1 + timeline.length("second"))
    np.testing.assert_array_equal(timeline.during("first", "second").sum(axis=1), timeline.edges[-1])


def test_a_period_that_a_trial_lacks_does_not_begin():
    timeline = lay_out({"a": 0.1, "b": (0.0, 0.1), "c": 0.1, "d": 0.0}, 50, dt=0.1, rng=np.random.default_rng(0))
    starts = timeline.starts()
    assert list(starts) == ["b", "c"]
    np.testing.assert_array_equal(np.isnan(starts["b"]), timeline.length("b") == 0)
    assert np.isfinite(starts["c"]).all()


@pytest.mark.parametrize(
    ("task", "on", "seconds"),
    [
        (SoundLocation(), ["sound"], 1.0),
        (DelayedMatchToSample(), ["sample", "test"], 0.3),
        (ParametricWorkingMemory(), ["f1", "f2"], 0.5),
        (ContextIntegration(delay=(0.2, 0.4)), ["stimulus"], 0.76),
    ],
)
def test_stimuli_are_on_in_their_periods_alone_and_answers_count_in_the_response(task, on, seconds):
    trials = _draw(task)
    time = trials["time"].values
    shown = np.zeros(trials["mask"].shape, dtype=bool)
    for period in on:
        since = time - trials[f"{period}_start"].values[:, None]
        shown |= (since > -1e-6) & (since < seconds - 1e-6)
    stimuli = trials["inputs"].values[:, :, : -2 if isinstance(task, ContextIntegration) else -1]
    np.testing.assert_array_equal((stimuli != 0).any(axis=-1), shown)
    response = time > trials["response_start"].values[:, None] - 1e-6
    response &= time < trials["duration"].values[:, None] - 1e-6
    np.testing.assert_array_equal(trials["mask"].values, response)
    np.testing.assert_array_equal(trials["targets"].values[:, :, 0] != 0, response)
    assert np.unique(trials["delay"].values.round(6)).size > 3
    gap = trials["response_start"] if len(on) == 1 else trials[f"{on[1]}_start"]
    np.testing.assert_allclose(gap - trials[f"{on[0]}_start"] - seconds, trials["delay"], atol=1e-9)


def test_conditions_are_balanced_and_say_what_the_target_is():
    for task, column, positive in [
        (SoundLocation(), "side", "right"),
        (ContextIntegration(), "side", "right"),
        (DelayedMatchToSample(), "match", True),
        (ParametricWorkingMemory(), "higher", "f2"),
    ]:
        trials = _draw(task, 2000)
        yes = trials[column].values == positive
        np.testing.assert_array_equal(yes, trials["targets"].values.sum(axis=(1, 2)) > 0)
        assert abs(yes.mean() - 0.5) < 0.05
    trials = _draw(DelayedMatchToSample(), 500)
    np.testing.assert_array_equal(trials["match"], trials["sample"] == trials["test"])
    context = _draw(ContextIntegration(), 500)
    relevant = np.where(context["context"] == "motion", context["motion"], context["colour"])
    np.testing.assert_array_equal(np.where(relevant > 0, "right", "left"), context["side"])


def test_the_eye_is_where_its_velocity_takes_it():
    task = OculomotorIntegrator(duration=6.0, pulse_rate=3.0)
    trials = _draw(task, 300)
    velocity, position = trials["inputs"].values[:, :, 0], trials["targets"].values[:, :, 0]
    np.testing.assert_allclose(np.cumsum(velocity, axis=1) * task.dt / task.pulse, position, atol=1e-4)
    assert np.abs(position).max() <= 1 + 1e-6
    hold = trials["time"].values >= trials["hold_start"].values[0] - 1e-9
    assert hold.sum() * task.dt == pytest.approx(task.hold)
    assert not np.abs(velocity[:, hold]).max() > 1e-6
    np.testing.assert_allclose(trials["held"], position[:, -1], atol=1e-6)
    # The mean pause between saccades is 1 / rate, less half a step for rounding down, and each lasts a pulse.
    expected = (task.duration - task.hold) / (1 / task.pulse_rate - task.dt / 2 + task.pulse)
    assert float(trials["n_saccades"].mean()) == pytest.approx(expected, rel=0.06)


def test_ramps_reach_one_after_the_interval_that_was_drawn():
    task = ReadySetGo(noise=0.0)
    trials = _draw(task)
    np.testing.assert_array_equal(trials["interval"], trials["measured"])
    np.testing.assert_allclose(trials["go_start"] - trials["set_start"], trials["interval"], atol=1e-9)
    np.testing.assert_allclose(trials["set_start"] - trials["ready_start"], trials["interval"], atol=1e-9)
    np.testing.assert_allclose(task.produced(trials, trials["targets"]), trials["interval"], atol=1e-6)
    noisy = _draw(ReadySetGo(noise=0.2), 3000)
    ratio = noisy["measured"] / noisy["interval"]
    assert float(ratio.std()) == pytest.approx(0.2, rel=0.05)


# --- psychometric summaries of known answers ---


def test_turns_by_location():
    task = SoundLocation()
    trials = _draw(task, 400)
    found = task.psychometric(trials, _say(trials, trials["location"].values - 45))
    assert found["location"].values.tolist() == [-90, -60, -30, -15, 15, 30, 60, 90]
    assert found["right"].values.tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    assert int(found["n_trials"].sum()) == 400
    np.testing.assert_allclose(found["ideal"].values + found["ideal"].values[::-1], 1)


def test_who_ignores_the_context_is_seen_in_both_streams():
    task = ContextIntegration()
    trials = _draw(task, 2000)
    found = task.psychometric(trials, _say(trials, trials["motion"].values))
    assert (found["right_by_motion"].values == (found["motion"].values > 0)).all()
    assert (abs(found["right_by_colour"] - 0.5) < 0.2).all()
    assert found["ideal_by_motion"].sel(context="motion").values[-1] > 0.99
    assert (found["ideal_by_motion"].sel(context="colour") == 0.5).all()
    assert int(found["n_by_motion"].sum()) == int(found["n_by_colour"].sum()) == 2000


def test_matches_by_pair():
    task = DelayedMatchToSample(n_stimuli=3)
    trials = _draw(task, 500)
    found = task.psychometric(trials, _say(trials, np.where(trials["sample"] == 2, 1.0, -1.0)))
    assert found["match"].values.tolist() == [[0] * 3, [1] * 3, [0] * 3]
    assert (np.diag(found["ideal"]) > 0.9).all()
    assert found["ideal"].values[0, 1] < 0.1


def test_contrasts_by_pair():
    task = ContrastDiscrimination(pairs=((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)))
    trials = _draw(task, 400)
    assert set(trials["answer"].values) == {"nogo", "left", "right", "either"}
    target = trials["targets"].values[:, -1]
    for answer, row in (("nogo", [0, 0, 1]), ("left", [1, 0, 0]), ("right", [0, 1, 0]), ("either", [0.5, 0.5, 0])):
        np.testing.assert_array_equal(
            target[trials["answer"].values == answer], [row] * (trials["answer"] == answer).sum().item()
        )
    assert task.chance == 0.5  # left is right for two of four pairs
    left = np.broadcast_to([1.0, 0.0, 0.0], trials["targets"].shape)
    assert task.score(trials, left) == trials["answer"].isin(["left", "either"]).mean()
    seen = task.psychometric(trials, trials["inputs"].values * [1, 1, 0])
    assert seen["difference"].values.tolist() == [-0.5, 0.0, 0.5]
    np.testing.assert_allclose(seen["left"] + seen["right"] + seen["nogo"], 1)


def test_contrasts_without_noise_are_certain_and_blur_as_it_grows():
    bests = [ContrastDiscrimination(noise=noise).best for noise in (0.0, 0.1, 0.5, 5.0)]
    assert bests[0] == 1.0
    assert (np.diff(bests) < 0).all()
    assert bests[-1] > ContrastDiscrimination().chance - 0.01


def test_frequencies_by_pair():
    task = ParametricWorkingMemory(frequencies=(10, 20, 30), differences=(10,))
    trials = _draw(task, 300)
    found = task.psychometric(trials, _say(trials, trials["f2"].values - 15))
    nan = np.nan
    np.testing.assert_array_equal(found["f2_higher"], [[nan, 1, nan], [0, nan, 1], [nan, 1, nan]])
    np.testing.assert_array_equal(np.isnan(found["ideal"]), np.isnan(found["f2_higher"]))
    assert found["ideal"].sel(f1=10, f2=20) > 0.9
    assert found["ideal"].sel(f1=20, f2=10) < 0.1


def test_intervals_that_are_too_long_are_found_so():
    task = ReadySetGo()
    trials = _draw(task, 300)
    found = task.psychometric(trials, _ramps(trials, 1.13 * trials["interval"].values))
    np.testing.assert_allclose(found["produced"], 1.13 * np.array(task.intervals), atol=1e-6)
    np.testing.assert_allclose(found["spread"], 0, atol=1e-6)
    np.testing.assert_array_equal(found["without_go"], 0)
    # The ideal observer's mean lies between the interval and the middle.
    assert (abs(found["ideal"] - 0.75) < abs(found["interval"] - 0.75) + 0.03).all()
    nothing = task.psychometric(trials, 0 * trials["targets"].values)
    assert (nothing["without_go"] == 1).all()
    assert nothing["produced"].isnull().all()


def test_go_is_found_between_steps_and_not_before_set():
    task = ReadySetGo(noise=0.0)
    trials = _draw(task, 40)
    np.testing.assert_allclose(task.produced(trials, _ramps(trials, np.full(40, 0.613))), 0.613, atol=1e-6)
    np.testing.assert_array_equal(task.produced(trials, np.full(trials["targets"].shape, 2.0)), 0)
    early = np.where(trials["time"].values < trials["ready_start"].values[:, None], 5.0, 0.0)[:, :, None]
    assert np.isnan(task.produced(trials, early)).all()


def test_a_leaky_integrator_drifts_as_its_time_constant_says():
    task = OculomotorIntegrator(hold=0.5)
    trials = _draw(task, 400)
    since = np.maximum(trials["time"].values - trials["hold_start"].values[0], 0)
    outputs = trials["targets"].values * np.exp(-since / 5.0)[:, None]
    found = task.psychometric(trials, outputs)
    slope = np.polyfit(found["position"].values, found["drift"].values, 1)[0]
    assert -1 / slope == pytest.approx(5.0, rel=0.05)
    assert found["n_trials"].sum() == 400


def test_frequencies_are_read_from_waves_of_any_phase():
    task = SineWave()
    trials = _draw(task, 200)
    asked, time = trials["frequency"].values[:, None], trials["time"].values
    found = task.psychometric(trials, (0.3 + 2 * np.sin(2 * np.pi * 1.2 * asked * time + 1.0))[:, :, None])
    np.testing.assert_allclose(found["produced"], 1.2 * found["frequency"], atol=0.011)  # the grid's step is 0.01 Hz


# --- what is refused ---

REFUSED = [
    (NoisyEvidence, {"coherences": (0.0, 0.1)}, "coherences: expected strengths above 0"),
    (SoundLocation, {"locations": (-30, 15)}, "locations: expected degrees up to 90, none 0, each with its mirror"),
    (SoundLocation, {"locations": (-30, 0, 30)}, "locations"),
    (SoundLocation, {"locations": ()}, "locations"),
    (SoundLocation, {"code": "three_ears"}, "code: expected two_channel or tuned, found 'three_ears'"),
    (SoundLocation, {"code": "tuned", "n_channels": 1}, "n_channels, width"),
    (SoundLocation, {"width": 0.0}, "n_channels, width"),
    (SoundLocation, {"sound": 0.0}, "sound: expected at least one step of 0.02 s"),
    (SoundLocation, {"delay": -0.1}, r"delay: expected a length in s, or \(shortest, longest\), found -0.1"),
    (SoundLocation, {"delay": (0.5, 0.2)}, "delay"),
    (SoundLocation, {"delay": (0.1, 0.2, 0.3)}, "delay"),
    (SoundLocation, {"delay": np.nan}, "delay"),
    (SoundLocation, {"sound": (0.5, 1.0)}, r"sound: expected a length in s, found \(0.5, 1.0\)"),
    (SineWave, {"wave": (1.0, 2.0)}, "wave: expected a length in s"),
    (SoundLocation, {"noise": -1.0}, "noise: expected 0 or more, found -1.0"),
    (SoundLocation, {"dt": 0.0}, "dt: expected a step above 0 s"),
    (ContextIntegration, {"coherences": ()}, "coherences"),
    (ContextIntegration, {"response": 0.001}, "response: expected at least one step"),
    (ContextIntegration, {"noise": np.inf}, "noise"),
    (ContrastDiscrimination, {"pairs": ((0.0, 2.0),)}, "pairs: expected pairs of contrasts from 0 to 1"),
    (ContrastDiscrimination, {"pairs": (0.0, 0.5)}, "pairs"),
    (ContrastDiscrimination, {"pairs": ()}, "pairs"),
    (ContrastDiscrimination, {"noise": -0.1}, "noise"),
    (OculomotorIntegrator, {"pulse_rate": 0.0}, "pulse_rate: expected above 0"),
    (OculomotorIntegrator, {"duration": 0.4}, "duration: expected more than pulse"),
    (OculomotorIntegrator, {"pulse": -1.0}, "pulse"),
    (DelayedMatchToSample, {"n_stimuli": 1}, "n_stimuli: expected 2 or more"),
    (DelayedMatchToSample, {"stimulus": 0.0}, "sample: expected at least one step"),
    (ParametricWorkingMemory, {"differences": (5,)}, "differences"),
    (ParametricWorkingMemory, {"differences": (0.0,)}, "differences"),
    (ParametricWorkingMemory, {"delay": (-1.0, 1.0)}, "delay"),
    (ReadySetGo, {"intervals": (0.5,)}, "intervals: expected two or more"),
    (ReadySetGo, {"intervals": (0.02, 0.5)}, "intervals"),
    (ReadySetGo, {"noise": -0.1}, "noise"),
    (ReadySetGo, {"flash": 0.0}, "flash"),
    (SineWave, {"highest": 20.0}, "lowest, highest: .* four steps a period"),
    (SineWave, {"lowest": 4.0}, "lowest, highest"),
    (SineWave, {"n_frequencies": 1}, "n_frequencies"),
    (SineWave, {"wave": 0.0}, "wave"),
]


@pytest.mark.parametrize(("kind", "options", "message"), REFUSED)
def test_what_cannot_be_is_refused_by_name(kind, options, message):
    with pytest.raises(InputError, match=message):
        kind(**options)


# --- the catalogue ---


@pytest.mark.parametrize("name", TASKS)
def test_a_name_gives_the_task_as_it_is_by_default(name):
    task = find_task(name)
    assert isinstance(task, Task)
    assert task == TASKS[name]()


def test_the_ideal_observer_of_a_code_is_asked_about_its_locations():
    with pytest.raises(InputError, match=r"location: expected one of .*, found 20; the ideal observer"):
        SoundLocation(code="tuned").ideal(20)
    assert SoundLocation().ideal(20) > SoundLocation().ideal(15)


def test_every_task_there_is_has_a_name():
    kinds = {type(find_task(name)).__name__ for name in TASKS}
    exported = {name for name in tasks.__all__ if getattr(getattr(tasks, name), "score_name", None)}
    assert exported - kinds == {"Task", "NeurogymTask"} & exported
    assert [find_task(f"tomita_{k}").grammar for k in range(1, 8)] == list(range(1, 8))


def test_a_name_that_is_not_known_gets_the_nearest():
    with pytest.raises(InputError, match=r"found 'ready_steady_go'; did you mean 'ready_set_go'\?"):
        find_task("ready_steady_go")
    with pytest.raises(InputError, match=r"found 'FlipFlop'; did you mean 'flip_flop'\?"):
        find_task("FlipFlop")
    with pytest.raises(InputError, match="found 'xyzzy'; there are noisy_evidence, sound_location"):
        find_task("xyzzy")
