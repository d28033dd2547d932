"""What trials are: how they are put together, and what is refused."""

import numpy as np
import pytest

from neurorec.recording import InputError
from neurorec.tasks import LOSSES, FlipFlop, NoisyEvidence, Task, build_trials, check_trials


def _trials(**options):
    """Three trials of five steps; the task's own draw plays no part."""
    given = {"inputs": np.zeros((3, 5, 2)), "targets": np.zeros((3, 5, 1)), "mask": np.ones((3, 5))}
    return build_trials(NoisyEvidence(dt=0.1), **{**given, **options})


def test_arrays_get_their_names_channels_and_units():
    trials = _trials(
        duration=[0.5, 0.4, 0.5],
        starts={"stimulus": 0.1, "response": [0.2, np.nan, 0.3]},
        conditions={"side": ["left", "right", "left"], "coherence": [1, 2, 3]},
        mask=np.ones((3, 5)) - np.eye(3, 5, k=3),
    )
    assert dict(trials.sizes) == {"trial": 3, "time": 5, "input": 2, "output": 1}
    assert trials["input"].values.tolist() == ["evidence", "fixation"]
    assert trials["output"].values.tolist() == ["choice"]
    assert {trials[name].dtype for name in ("inputs", "targets", "mask")} == {np.dtype(np.float32)}
    np.testing.assert_allclose(trials["time"], [0, 0.1, 0.2, 0.3, 0.4])
    np.testing.assert_array_equal(trials["stimulus_start"], [0.1] * 3)
    np.testing.assert_array_equal(trials["response_start"], [0.2, np.nan, 0.3])
    assert trials["side"].values.tolist() == ["left", "right", "left"]
    assert trials["coherence"].dtype.kind == "i"
    assert trials["duration"].attrs["units"] == trials["stimulus_start"].attrs["units"] == "s"
    assert trials.attrs == {"task": "NoisyEvidence", "dt": 0.1, "loss": "squared"}


def test_without_a_duration_trials_are_as_long_as_the_arrays():
    np.testing.assert_allclose(_trials()["duration"], 0.5)


def test_arrays_of_the_right_type_are_not_copied():
    inputs = np.zeros((3, 5, 2), dtype=np.float32)
    assert np.shares_memory(_trials(inputs=inputs)["inputs"].values, inputs)


def test_trials_that_are_right_are_returned_as_they_are():
    trials = _trials()
    before = trials.copy(deep=True)
    assert check_trials(trials) is trials
    assert trials.identical(before)


def test_the_tasks_are_tasks():
    assert isinstance(FlipFlop(), Task)
    assert isinstance(NoisyEvidence(), Task)
    assert not isinstance(_trials(), Task)


@pytest.mark.parametrize("name", ["inputs", "targets", "mask", "duration"])
def test_a_variable_that_is_missing_is_refused(name):
    with pytest.raises(InputError, match=rf"trials\['{name}'\]: expected axes .*, found nothing; see build_trials"):
        check_trials(_trials().drop_vars(name))


def test_trials_without_times_are_refused():
    with pytest.raises(InputError, match=r"trials\['time'\]: expected times in s, found nothing"):
        check_trials(_trials().drop_vars("time"))


@pytest.mark.parametrize("name", ["inputs", "targets", "mask"])
def test_axes_in_another_order_are_refused(name):
    trials = _trials()
    with pytest.raises(InputError, match=rf"trials\['{name}'\]: expected axes \('trial', 'time'"):
        check_trials(trials.assign({name: trials[name].transpose("time", "trial", ...)}))


@pytest.mark.parametrize("name", ["inputs", "targets", "mask", "duration"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_with_their_trials(name, value):
    trials = _trials().copy(deep=True)
    trials[name][2] = value
    trials[name][0] = value
    message = rf"trials\['{name}'\]: expected finite values, found others in trials 0, 2; leave such trials out"
    with pytest.raises(InputError, match=message):
        check_trials(trials)


@pytest.mark.parametrize("loss", [None, "mse", ""])
def test_a_loss_that_is_not_known_is_refused(loss):
    trials = _trials().assign_attrs(loss=loss)
    with pytest.raises(InputError, match=r"expected one of squared, cross_entropy, bernoulli, found"):
        check_trials(trials)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_that_are_known_pass(loss):
    check_trials(_trials().assign_attrs(loss=loss))


@pytest.mark.parametrize(("dt", "found"), [(None, "nothing"), (0.0, "0.0"), (np.nan, "nan"), ("0.1", "'0.1'")])
def test_a_time_step_that_is_missing_or_none_is_refused(dt, found):
    trials = _trials()
    trials = trials.drop_attrs(deep=False).assign_attrs(loss="squared", **({} if dt is None else {"dt": dt}))
    with pytest.raises(InputError, match=rf"trials.attrs\['dt'\]: expected the time step, above 0 s, found {found};"):
        check_trials(trials)


def test_a_time_step_of_any_kind_of_number_passes():
    for dt in (np.float32(0.1), np.float64(0.1), 1):
        check_trials(_trials().assign_attrs(dt=dt))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n_bits": 0}, "n_bits: expected one channel or more, found 0"),
        ({"n_bits": 2.5}, "n_bits: expected one channel or more, found 2.5"),
        ({"dt": 0}, "dt: expected a step above 0 s, found 0"),
        ({"duration": -1}, "duration: expected a length in s, found -1"),
        ({"duration": 0.001}, "duration: expected at least one step of 0.02 s, found 0.001"),
        ({"duration": (1, 2)}, r"duration: expected a length in s, found \(1, 2\)"),
        ({"pulse": 0}, "pulse: expected above 0 s, at most the trial's 2 s, found 0"),
        ({"pulse": 3}, "pulse: expected above 0 s, at most the trial's 2 s, found 3"),
        ({"pulse_rate": -1}, "pulse_rate: expected 0 to 50 pulses/s, one a step, found -1"),
        ({"pulse_rate": 60}, "pulse_rate: expected 0 to 50 pulses/s, one a step, found 60"),
    ],
)
def test_a_flip_flop_that_cannot_be_is_refused(fields, message):
    with pytest.raises(InputError, match=message):
        FlipFlop(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"coherences": ()}, "coherences: expected strengths above 0"),
        ({"coherences": (0.1, 0)}, "coherences: expected strengths above 0"),
        ({"coherences": (np.nan,)}, "coherences: expected strengths above 0"),
        ({"noise": -0.1}, "noise: expected 0 or more, found -0.1"),
        ({"dt": np.nan}, "dt: expected a step above 0 s, found nan"),
        ({"fixation": -0.1}, "fixation: expected a length in s, found -0.1"),
        ({"stimulus": 0}, "stimulus: expected at least one step of 0.02 s, found 0"),
        ({"response": (0.1, 0.2)}, r"response: expected a length in s, found \(0.1, 0.2\)"),
    ],
)
def test_evidence_that_cannot_be_is_refused(fields, message):
    with pytest.raises(InputError, match=message):
        NoisyEvidence(**fields)


def test_evidence_may_begin_at_once_and_be_certain():
    task = NoisyEvidence(fixation=0, noise=0)
    assert task.best == 1.0
    assert task.sample(2, rng=np.random.default_rng(0)).sizes["time"] == 60


def test_a_negative_weight_is_refused():
    mask = np.ones((3, 5))
    mask[1, 2] = -0.1
    with pytest.raises(InputError, match=r"trials\['mask'\]: expected weights >= 0, .* found a negative one"):
        check_trials(_trials(mask=mask))


def test_weight_in_padding_is_refused():
    with pytest.raises(InputError, match=r"trials\['mask'\]: .* found weight in padding"):
        check_trials(_trials(duration=[0.5, 0.5, 0.4]))


def test_weight_up_to_the_end_is_not_padding_whatever_the_rounding():
    for dt in (0.01, 0.02, 0.1 / 3):
        n_steps = 300
        arrays = {"inputs": np.zeros((1, n_steps, 2)), "targets": np.zeros((1, n_steps, 1))}
        mask = np.ones((1, n_steps))
        mask[:, 287:] = 0
        check_trials(build_trials(NoisyEvidence(dt=dt), **arrays, mask=mask, duration=[287 * dt]))


def test_a_mask_without_weight_is_refused():
    with pytest.raises(InputError, match=r"trials\['mask'\]: .* found none above 0"):
        check_trials(_trials(mask=np.zeros((3, 5))))
