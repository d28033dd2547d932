"""The Lorenz equations: chaos in three variables, to be foreseen."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError
from neurorec.tasks.narma import answers_by_target, check_stretches, linear_filter_score
from neurorec.tasks.scoring import variance_explained
from neurorec.tasks.task import Loss, build_trials

VARIABLES = ("x", "y", "z")
LONGEST_STEP = 0.025  # of the integration, in the equations' time
TRANSIENT = 4.0  # in the equations' time, left out: states contract by e^-13 in one unit
SPREAD = 1.5  # about two turns around a wing: trials begin anywhere in it, for runs begin in step with each other


@dataclass(frozen=True)
class Lorenz:
    """The state of the Lorenz equations comes in; what it will be ``horizon`` steps later is to be said.

    ``dx/dt = sigma (y - x)``, ``dy/dt = x (rho - z) - y``, ``dz/dt = x y - beta z`` (Lorenz 1963,
    doi:10.1175/1520-0469(1963)020<0130:DNF>2.0.CO;2), by the classical Runge-Kutta method. In and out come x / 10, y /
    10 and (z - rho + 1) / 10, about 0 and of size 1. Every trial is a run of its own. The integration errs by some
    1e-4 over the default horizon.

    Parameters
    ----------
    observed : tuple of {"x", "y", "z"}
        Variables that come in and are asked for.
    horizon : int
        Steps ahead. Errors grow by e in 1.1 units of the equations' time.
    sigma, rho, beta : float
        The equations' own.
    sampling : float
        The equations' time that passes in a step.
    duration, washout : float
        Length of a trial, and of its start where nothing is asked, s.
    dt : float
        Time step, s.

    Examples
    --------
    >>> task = Lorenz()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), task.chance, task.best
    (1.0, 0.0, 1.0)
    """

    observed: tuple[str, ...] = VARIABLES
    horizon: int = 5
    sigma: float = 10.0
    rho: float = 28.0
    beta: float = 8 / 3
    sampling: float = 0.05
    duration: float = 10.0
    washout: float = 3.0
    dt: float = 0.1

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "variance explained"

    def __post_init__(self) -> None:
        check_stretches(self.duration, self.washout, self.dt)
        if not self.observed or len({*self.observed} & {*VARIABLES}) < len(self.observed):
            found = str(self.observed)
            raise InputError("observed", expected="some of x, y, z, each once", found=found, remedy="try ('x',)")
        values = (self.sigma, self.rho, self.beta, self.sampling, self.horizon)
        if min(values) <= 0:
            name, found = "sigma, rho, beta, sampling, horizon", str(values)
            raise InputError(name, expected="numbers above 0", found=found, remedy="see the defaults")

    @property
    def input_names(self) -> tuple[str, ...]:
        """The variables now."""
        return tuple(self.observed)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The same, later."""
        return tuple(f"{name}_later" for name in self.observed)

    @property
    def chance(self) -> float:
        """Of the mean."""
        return 0.0

    @property
    def best(self) -> float:
        """There is no noise: the state, or the past of one variable, determines what comes."""
        return 1.0

    @property
    def criterion(self) -> float:
        """Half of the error that the best linear filter of 30 steps leaves."""
        return 0.5 + 0.5 * linear_filter_score(self)

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials."""
        n_steps, washout = round(self.duration / self.dt), round(self.washout / self.dt)
        start = rng.normal([[0], [0], [self.rho - 1]], 8.0, (3, n_trials))
        left_out, spread = (int(np.ceil(stretch / self.sampling)) for stretch in (TRANSIENT, SPREAD))
        states = self.integrate(start, left_out + spread + n_steps + self.horizon)
        shown = states[:, [VARIABLES.index(name) for name in self.observed]].transpose(2, 0, 1)
        first = rng.integers(left_out, left_out + spread, n_trials)
        window = first[:, None] + np.arange(n_steps + self.horizon)
        centre = np.where(np.array(self.observed) == "z", self.rho - 1, 0.0)
        values = (np.take_along_axis(shown, window[:, :, None], axis=1) - centre) / 10
        mask = np.ones((n_trials, n_steps))
        mask[:, :washout] = 0
        return build_trials(self, inputs=values[:, :n_steps], targets=values[:, self.horizon :], mask=mask)

    def integrate(self, start: NDArray, n_steps: int) -> NDArray:
        """States ``(time, variable, trial)`` after each of some steps of sampling, from ``start (variable, trial)``."""
        fine = int(np.ceil(self.sampling / LONGEST_STEP - 1e-9))
        h = self.sampling / fine
        states, state = np.empty((n_steps, *start.shape)), np.array(start, dtype=float)
        for step in range(n_steps):
            for _ in range(fine):
                k1 = self._change(state)
                k2 = self._change(state + h / 2 * k1)
                k3 = self._change(state + h / 2 * k2)
                k4 = self._change(state + h * k3)
                state = state + h / 6 * (k1 + 2 * (k2 + k3) + k4)
            states[step] = state
        return states

    def _change(self, state: NDArray) -> NDArray:
        x, y, z = state
        change = np.empty_like(state)
        change[0] = self.sigma * (y - x)
        change[1] = x * (self.rho - z) - y
        change[2] = x * y - self.beta * z
        return change

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of the variance of later values that outputs explain, over all variables."""
        return variance_explained(trials, outputs)

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Mean answer and squared error by the value due, to 0.1: ``answer (target)``, ``squared_error (target)``."""
        return answers_by_target(trials, outputs)
