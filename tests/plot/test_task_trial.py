"""What the figure of one trial holds, for every task."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch

from neurorec.plot.tasks import task_trial
from neurorec.recording import InputError
from neurorec.tasks import TASKS, ContextIntegration, FlipFlop, NoisyEvidence, ReadySetGo, SoundLocation


def _draw(task, n_trials=4):
    return task.sample(n_trials, rng=np.random.default_rng(0))


def _steps(ax):
    return [patch for patch in ax.patches if isinstance(patch, StepPatch)]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_drawn_on_given_axes_without_pyplot(name):
    trials = _draw(TASKS[name]())
    before = trials.copy(deep=True)
    ax = Figure().add_subplot()
    assert task_trial(trials, trial=3, outputs=trials["targets"].values, ax=ax) is ax
    assert not plt.get_fignums()
    assert ax.get_xlabel() == "time from the trial's start (s)"
    assert trials.identical(before)


def test_without_axes_a_figure_is_made_that_can_be_saved(tmp_path):
    ax = task_trial(_draw(ReadySetGo()))
    ax.figure.savefig(tmp_path / "figure.svg")
    assert "<svg" in (tmp_path / "figure.svg").read_text()
    plt.close("all")


def test_lanes_hold_the_channels_and_periods_have_names():
    trials = _draw(SoundLocation())
    ax = task_trial(trials, trial=2, ax=Figure().add_subplot())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["left_ear", "right_ear", "fixation", "turn"]
    assert [text.get_text() for text in ax.texts] == ["sound", "delay", "response"]
    assert len(_steps(ax)) == 4
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["target", "counts"]
    assert ax.get_xlim() == pytest.approx((0, trials.sizes["time"] * 0.02))


def test_outputs_add_a_line_to_each_of_their_lanes():
    trials = _draw(FlipFlop())
    outputs = trials["targets"].values
    ax = task_trial(trials, outputs=outputs, ax=Figure().add_subplot())
    assert len(_steps(ax)) == 9
    target, given = _steps(ax)[3], _steps(ax)[4]
    np.testing.assert_array_equal(target.get_data().values, given.get_data().values)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["target", "output", "counts"]


def test_larger_values_are_drawn_higher_and_stay_in_their_lane():
    trials = _draw(NoisyEvidence())
    ax = task_trial(trials, ax=Figure().add_subplot())
    evidence = _steps(ax)[0].get_data().values
    assert np.corrcoef(evidence, trials["inputs"].values[0, :, 0])[0, 1] == pytest.approx(-1)  # the axis points down
    assert 0 < evidence.min() < evidence.max() < 1
    assert ax.yaxis_inverted()


def test_what_counts_is_shaded_and_padding_hatched():
    trials = _draw(SoundLocation())
    ax = task_trial(trials, trial=1, ax=Figure().add_subplot())
    boxes = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    asked, padding = boxes
    assert asked.get_x() == pytest.approx(float(trials["response_start"][1]))
    assert asked.get_width() == pytest.approx(0.2)
    assert padding.get_x() == pytest.approx(float(trials["duration"][1]))
    assert padding.get_hatch()
    weights = trials.assign(mask=trials["mask"] * np.linspace(1, 2, trials.sizes["time"]))
    shades = [p.get_alpha() for p in task_trial(weights, ax=Figure().add_subplot()).patches if p.get_alpha()]
    assert max(shades) == 0.25
    assert len(set(shades)) == 10


def test_a_period_that_the_trial_lacks_is_not_named():
    trials = _draw(ContextIntegration(delay=(0.0, 0.02)), 30)
    lacks = int(np.flatnonzero(np.isnan(trials["delay_start"]))[0])
    names = [text.get_text() for text in task_trial(trials, trial=lacks, ax=Figure().add_subplot()).texts]
    assert names == ["stimulus", "response"]


def test_many_channels_become_an_image():
    trials = _draw(SoundLocation(code="tuned", n_channels=12))
    ax = task_trial(trials, ax=Figure().add_subplot())
    images = [c for c in ax.collections if isinstance(c, QuadMesh)]
    assert images[0].get_array().shape == (13, trials.sizes["time"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["prefers_-90", "fixation", "turn"]


def test_a_blank_among_the_channels_is_quoted():
    trials = _draw(FlipFlop(n_bits=2)).assign_coords(input=[" ", "a"])
    ax = task_trial(trials, ax=Figure().add_subplot())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["' '", "a", "bit_1", "bit_2"]


@pytest.mark.parametrize("loss", ["cross_entropy", "bernoulli"])
def test_log_odds_are_drawn_as_probabilities(loss):
    trials = _draw(FlipFlop(n_bits=2))
    trials = trials.assign(targets=(trials["targets"] + 1) / 2).assign_attrs(loss=loss)
    outputs = np.zeros(trials["targets"].shape)
    outputs[0, :, 0] = np.log(3)
    ax = task_trial(trials, outputs=outputs, ax=Figure().add_subplot())
    target, given = _steps(ax)[2].get_data().values, _steps(ax)[3].get_data().values
    top, bottom = target.min(), target.max()
    assert np.unique((bottom - given) / (bottom - top)).tolist() == pytest.approx([0.75])


def test_what_is_not_there_is_refused():
    trials = _draw(NoisyEvidence())
    with pytest.raises(InputError, match="trial: expected 0 to 3, found 4"):
        task_trial(trials, trial=4)
    with pytest.raises(InputError, match=r"outputs: expected \(4, 65, 1\), found \(65, 1\)"):
        task_trial(trials, outputs=trials["targets"].values[0])
