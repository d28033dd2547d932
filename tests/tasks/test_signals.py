"""Tasks of signals: the equations against loops and other solvers, chance and criteria as measured, what is refused."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from neurorec.recording import InputError
from neurorec.tasks import NARMA, Lorenz, MackeyGlass, Task, check_trials, linear_filter_score
from neurorec.tasks.lorenz import VARIABLES

EVERY = [NARMA(), MackeyGlass(), MackeyGlass(horizon=6, sampling=2.0, tau=17.0), Lorenz(), Lorenz(("x",), horizon=3)]


def _draw(task, n_trials=32, seed=0):
    return task.sample(n_trials, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("task", EVERY, ids=repr)
def test_trials_are_what_a_network_can_be_trained_on(task):
    trials = check_trials(_draw(task))
    assert isinstance(task, Task)
    assert trials["input"].values.tolist() == list(task.input_names)
    assert trials["output"].values.tolist() == list(task.output_names)
    washout = round(task.washout / task.dt)
    np.testing.assert_array_equal(trials["mask"].values, np.arange(trials.sizes["time"]) >= np.full((32, 1), washout))
    assert trials.identical(_draw(task))
    assert not trials.identical(_draw(task, seed=1))


@pytest.mark.parametrize("task", EVERY, ids=repr)
def test_chance_is_the_mean_and_best_the_truth(task):
    trials = _draw(task, 200)
    targets, counted = trials["targets"].values, trials["mask"].values > 0
    assert task.score(trials, targets) == task.best == 1
    mean = np.broadcast_to(_draw(task, 200, seed=1)["targets"].values[counted].mean(axis=0), targets.shape)
    assert task.score(trials, mean) == pytest.approx(task.chance, abs=0.01)
    assert task.chance < task.criterion < task.best


@pytest.mark.parametrize("task", EVERY, ids=repr)
def test_a_linear_filter_does_not_reach_the_criterion(task):
    score = linear_filter_score(task)
    assert task.chance < score < task.criterion - 0.005
    assert linear_filter_score(task, n_taps=1) < score


@pytest.mark.parametrize("task", EVERY, ids=repr)
def test_answers_are_summarised_by_what_was_due(task):
    trials = _draw(task)
    counted = trials["mask"].values > 0
    outputs = trials["targets"].values + 0.5
    found = task.psychometric(trials, outputs)
    np.testing.assert_allclose(found["answer"], found["target"] + 0.5, atol=0.051)
    np.testing.assert_allclose(found["squared_error"], 0.25, rtol=1e-4)
    assert found["n_steps"].sum() == counted.sum() * trials.sizes["output"]


def test_the_linear_filter_is_that_of_least_squares():
    task = NARMA(duration=60.0, washout=3.0)
    train, test = _draw(task, 4, seed=5), _draw(task, 4, seed=6)

    def rows(trials):
        u = trials["inputs"].values[..., 0]
        return np.array([[*row[t - 29 : t + 1], 1.0] for row in u for t in range(30, 600)])

    weights = np.linalg.lstsq(rows(train), train["targets"].values[:, 30:].ravel(), rcond=None)[0]
    due = test["targets"].values[:, 30:].ravel()
    score = 1 - np.mean((rows(test) @ weights - due) ** 2) / due.var()
    assert linear_filter_score(task) == pytest.approx(score, abs=0.02)


# --- NARMA-10 ---


def test_narma_is_its_recursion():
    trials = _draw(NARMA(duration=6.0, washout=1.0), 5)
    for u, target in zip(trials["inputs"].values[..., 0].astype(float), trials["targets"].values[..., 0]):
        y = [0.0]
        for t in range(60):
            total = sum(y[t - i] for i in range(10) if t - i >= 0)
            drive = 1.5 * (u[t - 9] if t >= 9 else 0.0) * u[t]
            y.append(0.3 * y[t] + 0.05 * y[t] * total + drive + 0.1)
        np.testing.assert_allclose(target, y[1:], rtol=1e-5)
        assert u.min() >= 0
        assert 0.45 < u.max() <= 0.5


def test_streams_that_run_away_are_drawn_again():
    trials = _draw(NARMA(duration=200.0), 300)
    assert trials["targets"].max() <= 1.5
    assert np.unique(trials["inputs"].values[:, 0, 0]).size == 300


def test_the_linear_filter_of_narma_has_the_error_that_is_told():
    assert np.sqrt(1 - linear_filter_score(NARMA())) == pytest.approx(0.38, abs=0.01)
    assert np.sqrt(1 - NARMA().criterion) == pytest.approx(0.35)


# --- Mackey-Glass ---


def _finer(task, history, n, parts):
    """The same by plain Runge-Kutta steps, ``parts`` times finer, delayed values interpolated by cubics."""
    h = task.sampling / 10 / parts
    grid = np.arange(-len(history) + 1, 1) * task.sampling / 10
    fine = np.arange(round(grid[0] / h), 1) * h
    x = list(np.interp(fine, grid, history))
    delay = round(task.tau / h)

    def change(value, late):
        return task.a * late / (1 + late**task.exponent) - task.b * value

    for _ in range(n * parts):
        k = len(x) - 1 - delay
        start, end = x[k], x[k + 1]
        middle = (9 * (start + end) - x[k - 1] - x[k + 2]) / 16
        k1 = change(x[-1], start)
        k2 = change(x[-1] + h / 2 * k1, middle)
        k3 = change(x[-1] + h / 2 * k2, middle)
        k4 = change(x[-1] + h * k3, end)
        x.append(x[-1] + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(x[len(fine) :])[parts - 1 :: parts]


def test_a_block_of_steps_is_runge_kuttas():
    task = MackeyGlass(tau=3.0)
    history = np.random.default_rng(0).uniform(0.5, 1.3, (2, 32))
    found = task.integrate(history, 150)
    for row in range(2):
        np.testing.assert_allclose(found[row], _finer(task, history[row], 150, 1), rtol=1e-12)


def test_mackey_glass_agrees_with_a_finer_integration():
    task = MackeyGlass()
    history = np.full((1, 172), 1.2)
    found = task.integrate(history, 2000)[0]
    np.testing.assert_allclose(found, _finer(task, history[0], 2000, 4), atol=2e-4)


def test_mackey_glass_agrees_with_another_solver():
    # With a constant history the equation is an ordinary one over the first delay, and again over the second. At
    # their edges its slope jumps, which costs a cubic some 1e-6.
    task, history = MackeyGlass(), np.full((1, 172), 0.5)
    found = task.integrate(history, 340)[0]

    def late(t):
        return 0.5 if t <= 17 else first.sol(t - 17)[0]

    def change(t, x):
        return task.a * late(t) / (1 + late(t) ** 10) - task.b * x

    options = {"rtol": 1e-10, "atol": 1e-12, "dense_output": True}
    first = solve_ivp(change, (0, 17), [0.5], **options)
    second = solve_ivp(change, (17, 34), first.y[:, -1], **options)
    np.testing.assert_allclose(found[:170], first.sol(np.arange(1, 171) * 0.1)[0], atol=1e-5)
    np.testing.assert_allclose(found[170:], second.sol(17 + np.arange(1, 171) * 0.1)[0], atol=1e-5)


def test_what_is_due_is_what_comes_later():
    for task in (MackeyGlass(horizon=7), Lorenz(horizon=7)):
        trials = _draw(task)
        np.testing.assert_array_equal(trials["targets"].values[:, :-7], trials["inputs"].values[:, 7:])


def test_trials_are_on_the_attractor_at_any_phase():
    x = _draw(MackeyGlass(), 1000)["inputs"].values[..., 0]
    assert 0.2 < x.min() < 0.45
    assert 1.25 < x.max() < 1.4
    assert np.ptp(x.mean(axis=0)) < 0.1  # no time in the trial is special
    values = _draw(Lorenz(), 1000)["inputs"].values
    assert (values.std(axis=(0, 1)) > 0.7).all()
    assert np.ptp(values.mean(axis=0), axis=0).max() < 0.25


# --- Lorenz ---


def test_lorenz_agrees_with_another_solver(monkeypatch):
    task = Lorenz()
    start = np.array([[3.0, -8.0], [1.0, -9.0], [20.0, 25.0]])
    found = task.integrate(start, 20)

    def change(_, state):
        x, y, z = state
        return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z

    finer = []
    for step in (0.0125, 0.00625):
        monkeypatch.setattr("neurorec.tasks.lorenz.LONGEST_STEP", step)
        finer.append(task.integrate(start, 20))
    for trial in range(2):
        options = {"t_eval": np.arange(1, 21) * 0.05, "rtol": 1e-11, "atol": 1e-11}
        expected = solve_ivp(change, (0, 1.0), start[:, trial], **options).y.T
        np.testing.assert_allclose(found[:5, :, trial], expected[:5], atol=2e-3)
        error, less = (np.abs(each[:, :, trial] - expected).max() for each in finer)
        assert error < 1e-3
        assert 11 < error / less < 23  # an error of fourth order: half the step, a sixteenth of it


def test_start_states_are_left_as_they_are():
    start = np.ones((3, 2))
    Lorenz().integrate(start, 3)
    assert (start == 1).all()


def test_observed_variables_are_those_asked_for():
    every, some = _draw(Lorenz()), _draw(Lorenz(("z", "x")))
    assert some["input"].values.tolist() == ["z", "x"]
    for place, name in enumerate(("z", "x")):
        whole = every["inputs"].values[..., VARIABLES.index(name)]
        np.testing.assert_array_equal(some["inputs"].values[..., place], whole)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NARMA(duration=2.0, washout=3.0), "a duration above it"),
        (lambda: NARMA(washout=-1.0), "washout >= 0"),
        (lambda: NARMA(dt=0.0), "dt > 0"),
        (lambda: MackeyGlass(tau=17.05), "a multiple of a tenth of the sampling, 0.1"),
        (lambda: MackeyGlass(tau=0.2), "five times it or more"),
        (lambda: MackeyGlass(horizon=0), "numbers above 0"),
        (lambda: MackeyGlass(duration=1.0), "a duration above it"),
        (lambda: Lorenz(("w",)), "some of x, y, z"),
        (lambda: Lorenz(()), "some of x, y, z"),
        (lambda: Lorenz(("x", "x")), "each once"),
        (lambda: Lorenz(sampling=0.0), "numbers above 0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_outputs_of_another_shape_are_refused():
    with pytest.raises(InputError, match="outputs: expected shape"):
        NARMA().score(_draw(NARMA()), np.zeros((3, 2)))
