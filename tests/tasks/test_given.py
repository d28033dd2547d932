"""What tasks make of odd things that are given: numbers of other kinds, no trials, answers that are no numbers."""

import numpy as np
import pytest

from neurorec.recording import InputError, are_numbers, check_array, check_count, check_number, check_rng, plain
from neurorec.tasks import NARMA, Counting, HardImages, MackeyGlass, OculomotorIntegrator, linear_filter_score

TASKS = (NARMA(), MackeyGlass(duration=5.0), Counting(), OculomotorIntegrator(), HardImages())
NAN, INF = float("nan"), float("inf")


def named(task) -> str:
    return type(task).__name__


def refused(call, *said: str) -> None:
    with pytest.raises(InputError) as error:
        call()
    assert "\n" not in str(error.value)
    for part in said:
        assert part in str(error.value)


def test_numbers_of_any_kind_are_taken_and_nothing_else():
    assert check_number("x", np.float32(0.5)) == 0.5
    assert type(check_number("x", np.float32(0.5))) is float
    assert check_number("x", np.array(2)) == 2
    assert plain("two") == "two"
    assert check_count("n", 4.0) == 4
    assert type(check_count("n", 4.0)) is int
    assert not are_numbers(True)
    assert not are_numbers(None)
    assert not are_numbers(np.array([1.0]))
    assert are_numbers()
    for wrong in (True, "1", None, NAN, INF, [1.0], 1j):
        refused(lambda wrong=wrong: check_number("x", wrong), "x: expected a finite number, found")
        refused(lambda wrong=wrong: check_count("n", wrong), "n: expected a whole number, 1 or more")
    refused(lambda: check_number("x", 0, above=0, below=1, unit="s"), "x: expected above 0, below 1 (s), found 0")
    refused(lambda: check_number("x", 2, least=0, most=1), "x: expected 0 or more, at most 1, found 2")
    refused(lambda: check_count("n", 7, most=5), "n: expected 1 to 5, found 7")


def test_arrays_of_any_numbers_are_taken_and_nothing_else():
    for kind in (bool, np.int8, np.float32, np.float64):
        found = check_array("x", np.ones((2, 3), dtype=kind), "(time, unit)")
        assert found.dtype == np.float64
        assert (found == 1).all()
    for wrong in ("a", [["a"]], [[1], [1, 2]], [1j], [None]):
        refused(lambda wrong=wrong: check_array("x", wrong, "(time, unit)"), "x: expected numbers (time, unit)")
    for wrong in (0, None, np.random.RandomState(0)):
        refused(lambda wrong=wrong: check_rng(wrong), "rng: expected a numpy.random.Generator", "default_rng")


@pytest.mark.parametrize(
    "make",
    [
        lambda: NARMA(duration=NAN),
        lambda: NARMA(duration="20"),
        lambda: NARMA(washout=INF),
        lambda: NARMA(dt=NAN),
        lambda: MackeyGlass(tau=NAN),
        lambda: MackeyGlass(tau="17"),
        lambda: MackeyGlass(horizon=1.5),
        lambda: MackeyGlass(a=NAN),
        lambda: MackeyGlass(b=INF),
        lambda: MackeyGlass(b=1000.0).sample(2, rng=np.random.default_rng(0)),
        lambda: Counting(n_repeats=1.5),
        lambda: Counting(n_repeats="4"),
        lambda: Counting(dt=NAN),
        lambda: OculomotorIntegrator(pulse_rate="2"),
        lambda: OculomotorIntegrator(duration="3"),
        lambda: OculomotorIntegrator(dt="0.02"),
        lambda: HardImages(levels=(0, 0)),
        lambda: HardImages(levels="ab"),
        lambda: HardImages(levels=((0, 0, 0),)),
        lambda: HardImages(levels=((0, 0), (0,))),
        lambda: HardImages(levels=((NAN, 0),)),
        lambda: HardImages(levels=((0, INF),)),
        lambda: HardImages(side=12.5),
        lambda: HardImages(patch="2"),
        lambda: HardImages(noise="0"),
        lambda: linear_filter_score(NARMA(), n_taps=0),
        lambda: linear_filter_score(NARMA(), n_taps=1.5),
    ],
)
def test_parameters_that_are_no_such_numbers_are_refused_in_a_line(make):
    refused(make)


@pytest.mark.parametrize("task", TASKS, ids=named)
def test_no_trials_are_a_table_without_rows_and_have_no_score(task):
    trials = task.sample(0, rng=np.random.default_rng(0))
    assert trials.sizes["trial"] == 0
    assert trials["inputs"].shape[1:] == (trials.sizes["time"], len(task.input_names))
    assert np.isnan(task.score(trials, trials["targets"]))
    task.psychometric(trials, trials["targets"])


@pytest.mark.parametrize("task", TASKS, ids=named)
def test_numbers_of_trials_and_generators_that_are_none_are_refused(task):
    for wrong in (-1, 1.5, "2", None):
        refused(lambda wrong=wrong: task.sample(wrong, rng=np.random.default_rng(0)), "n_trials")
    refused(lambda: task.sample(2, rng=0), "rng", "default_rng(0)")
    trials = task.sample(2.0, rng=np.random.default_rng(0))
    assert trials.equals(task.sample(2, rng=np.random.default_rng(0)))
    assert not trials["inputs"].equals(task.sample(2, rng=np.random.default_rng(1))["inputs"])
    refused(lambda: task.score(trials, "outputs"), "outputs")


@pytest.mark.parametrize("task", TASKS, ids=named)
def test_answers_that_are_no_numbers_are_never_right(task):
    trials = task.sample(3, rng=np.random.default_rng(0))
    score = task.score(trials, np.full(trials["targets"].shape, np.nan))
    assert np.isnan(score) if task.loss == "squared" else score == 0


def test_levels_may_come_in_lists_and_arrays():
    for levels in ([[0, 0], [0.4, 2]], np.array([[0, 0], [0.4, 2]])):
        assert HardImages(levels=levels) == HardImages(levels=((0, 0), (0.4, 2)))
        assert hash(HardImages(levels=levels)) == hash(HardImages(levels=((0, 0), (0.4, 2))))
    assert HardImages(side=12.0).sample(1, rng=np.random.default_rng(0)).sizes["input"] == 144


@pytest.mark.parametrize(
    "wrong",
    [
        ([1797], [0], [0]),
        ([-1], [0], [0]),
        ([0.5], [0], [0]),
        ([0], [1.5], [0]),
        ([0], [NAN], [0]),
        ([0], [0], [-1]),
        ([0], [0], [0.5]),
        ([0], [0, 0], [0]),
        ("a", [0], [0]),
    ],
)
def test_images_of_what_is_not_there_are_refused(wrong):
    refused(lambda: HardImages().compose(*wrong, rng=np.random.default_rng(0)))


def test_no_images_are_none():
    assert HardImages().compose([], [], [], rng=np.random.default_rng(0)).shape == (0, 12, 12)
