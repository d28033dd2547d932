"""NARMA-10: a nonlinear moving average of noise, to be followed."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, are_numbers, check_count, check_rng
from neurorec.tasks.scoring import check_outputs, rate_by, variance_explained
from neurorec.tasks.task import Loss, Task, build_trials

ORDER = 10
LARGEST = 1.5  # of y; of streams that pass it nearly all go on to infinity


def linear_filter_score(task: Task, *, n_taps: int = 30) -> float:
    """Score of the best linear filter of the last inputs: what a task asks of memory alone, without any nonlinearity.

    Least squares on the last ``n_taps`` steps of every input and a constant, over some 20,000 steps of trials that are
    always the same, scored on as many others.

    Parameters
    ----------
    task : Task
        One of a loss of squares, whose parameters can be hashed.
    n_taps : int
        Steps that the filter sees, 1 or more.

    Returns
    -------
    float
        Variance explained.

    Raises
    ------
    InputError
        For a number of taps that is not above 0.

    Examples
    --------
    >>> round((1 - linear_filter_score(NARMA())) ** 0.5, 2)
    0.38
    """
    return _linear(cast(Hashable, task), check_count("n_taps", n_taps))


@lru_cache(maxsize=64)
def _linear(task: Task, n_taps: int) -> float:
    rng = np.random.default_rng(0)
    steps = task.sample(1, rng=rng)["mask"].values.sum()
    trials = [task.sample(int(np.ceil(20_000 / steps)), rng=rng) for _ in range(2)]
    train, test = (_lagged(each["inputs"].values, n_taps) for each in trials)
    counted = trials[0]["mask"].values > 0
    weights = np.linalg.lstsq(train[counted], trials[0]["targets"].values[counted], rcond=None)[0]
    return variance_explained(trials[1], test @ weights)


def _lagged(inputs: NDArray, n_taps: int) -> NDArray:
    """Inputs of the last steps and a constant ``(trial, time, column)``, float64 for least squares."""
    padded = np.pad(inputs.astype(float), ((0, 0), (n_taps - 1, 0), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, n_taps, axis=1)
    flat = windows.reshape(*inputs.shape[:2], -1)
    return np.concatenate([flat, np.ones((*inputs.shape[:2], 1))], axis=-1)


@dataclass(frozen=True)
class NARMA:
    """NARMA-10: from noise u, uniform in 0 to 0.5, the next value of y is to be said at each step.

    ``y(t+1) = .3 y(t) + .05 y(t) sum_{i=0..9} y(t-i) + 1.5 u(t-9) u(t) + .1``, from y = 0 and u = 0 before the trial
    (Atiya & Parlos 2000, doi:10.1109/72.846741; Jaeger 2003). The score is the variance explained, so the normalised
    error that is often given is ``NRMSE = sqrt(1 - score)``. The best linear filter of 30 steps has an NRMSE of .38;
    on single streams of 4000 steps it is .365 to .41, so short tests tell little. Streams that run away, with a y above
    1.5, are drawn again: about 1 trial in 1000 of the default length.

    Parameters
    ----------
    duration : float
        Length of a trial, s.
    washout : float
        From the trial's start; not asked, s.
    dt : float
        Time per step of the equation, s.

    Raises
    ------
    InputError
        A step that is not above 0, or a duration of which the washout leaves nothing.

    Examples
    --------
    >>> task = NARMA()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), round(task.criterion, 3)
    (1.0, 0.878)
    """

    duration: float = 20.0
    washout: float = 3.0
    dt: float = 0.1

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "variance explained"

    def __post_init__(self) -> None:
        check_stretches(self.duration, self.washout, self.dt)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The noise."""
        return ("u",)

    @property
    def output_names(self) -> tuple[str, ...]:
        """What comes of it."""
        return ("y",)

    @property
    def chance(self) -> float:
        """Of the mean."""
        return 0.0

    @property
    def best(self) -> float:
        """The noise determines all."""
        return 1.0

    @property
    def criterion(self) -> float:
        """An NRMSE of .35, clearly below that of the best linear filter (.38): something is multiplied."""
        return 1 - 0.35**2

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; the target at step t is y(t+1)."""
        n_trials, rng = check_count("n_trials", n_trials, least=0), check_rng(rng)
        n_steps, washout = round(self.duration / self.dt), round(self.washout / self.dt)
        u, y = np.zeros((n_trials, n_steps)), np.zeros((n_trials, n_steps))
        rows = np.arange(n_trials)
        while rows.size:
            u[rows] = rng.uniform(0, 0.5, (rows.size, n_steps))
            y[rows] = _follow(u[rows])
            rows = rows[~(y[rows].max(axis=1) <= LARGEST)]
        mask = np.ones((n_trials, n_steps))
        mask[:, :washout] = 0
        return build_trials(self, inputs=u[..., None], targets=y[..., None], mask=mask)

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of the variance of y that outputs explain."""
        return variance_explained(trials, outputs)

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Mean answer and squared error by the value due, to 0.1: ``answer (target)``, ``squared_error (target)``."""
        return answers_by_target(trials, outputs)


def check_stretches(duration: float, washout: float, dt: float) -> None:
    """Refuse a trial of which nothing is left behind the washout."""
    real = are_numbers(duration, washout, dt)
    if not real or dt <= 0 or washout < 0 or round(duration / dt) <= round(washout / dt):
        found = f"duration {duration!r}, washout {washout!r}, dt {dt!r}"
        expected = "dt > 0, washout >= 0 and a duration above it"
        raise InputError("duration, washout, dt", expected=expected, found=found, remedy="see the defaults")


def answers_by_target(trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
    """Mean output and squared error by the target, to 0.1, over the steps and outputs that count."""
    outputs, counted = check_outputs(trials, outputs), trials["mask"].values > 0
    answer, target = outputs[counted].ravel(), trials["targets"].values[counted].ravel().astype(float)
    rows = xr.Dataset({"target": ("step", target.round(1) + 0.0)})  # + 0.0: no -0.0 beside 0.0
    found = rate_by(rows, "target", answer, name="answer").rename(n_trials="n_steps")
    return found.assign(squared_error=rate_by(rows, "target", (answer - target) ** 2, name="error")["error"])


def _follow(u: NDArray) -> NDArray:
    """The values y(1), y(2), ... ``(trial, time)`` that follow from u(0), u(1), ... ``(trial, time)``."""
    n_steps = u.shape[1]
    before = np.zeros((ORDER - 1, len(u)))
    driven = 1.5 * u.T * np.concatenate([before, u.T])[:n_steps] + 0.1
    y = np.zeros((n_steps + ORDER, len(u)))  # row t + 9 is y(t)
    with np.errstate(over="ignore", invalid="ignore"):  # streams that run away are found by the caller
        for t in range(n_steps):
            now = y[t + ORDER - 1]
            y[t + ORDER] = now * (0.3 + 0.05 * y[t : t + ORDER].sum(axis=0)) + driven[t]
    return y[ORDER:].T
