"""The Mackey-Glass equation: a chaotic delay line, to be foreseen."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

from neurorec.recording import InputError, are_numbers, check_count, check_rng
from neurorec.tasks.narma import answers_by_target, check_stretches, linear_filter_score
from neurorec.tasks.scoring import variance_explained
from neurorec.tasks.task import Loss, build_trials

SUBSTEPS = 10  # of the integration, in one unit of sampling
TRANSIENT = 300.0  # units of the equation's time, left out
PERIOD = 50.0  # about that of the oscillation: histories have it, and trials begin anywhere in it


@dataclass(frozen=True)
class MackeyGlass:
    """A value x comes in; what it will be ``horizon`` steps later is to be said.

    ``dx/dt = a x(t - tau) / (1 + x(t - tau) ** n) - b x`` (Mackey & Glass 1977, doi:10.1126/science.267326), chaotic at
    tau = 17, integrated by the classical Runge-Kutta method in steps of a tenth of the sampling. Every trial is a run
    of its own, from a random history, taken after 300 to 350 units of the equation's time.

    Parameters
    ----------
    tau : float
        The delay, in the equation's time.
    horizon : int
        Steps ahead.
    a, b, exponent : float
        The equation's own.
    sampling : float
        The equation's time that passes in a step.
    duration, washout : float
        Length of a trial, and of its start where nothing is asked, s.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        Numbers that are not above 0, a delay that is no multiple of a tenth of the sampling, a duration of which the
        washout leaves nothing.

    Examples
    --------
    >>> task = MackeyGlass(horizon=6)
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), task.chance, task.best
    (1.0, 0.0, 1.0)
    """

    tau: float = 17.0
    horizon: int = 20
    a: float = 0.2
    b: float = 0.1
    exponent: float = 10.0
    sampling: float = 1.0
    duration: float = 10.0
    washout: float = 3.0
    dt: float = 0.1

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "variance explained"

    def __post_init__(self) -> None:
        check_stretches(self.duration, self.washout, self.dt)
        values = (self.tau, self.a, self.b, self.exponent, self.sampling, self.horizon)
        if not are_numbers(*values) or min(values) <= 0:
            name = "tau, a, b, exponent, sampling, horizon"
            raise InputError(name, expected="numbers above 0", found=str(values), remedy="see the defaults")
        object.__setattr__(self, "horizon", check_count("horizon", self.horizon))
        fine = self.tau / self.sampling * SUBSTEPS
        if abs(fine - round(fine)) > 1e-6 or round(fine) < 5:
            expected = f"a multiple of a tenth of the sampling, {self.sampling / SUBSTEPS:g}, five times it or more"
            raise InputError("tau", expected=expected, found=f"{self.tau:g}", remedy="change tau or the sampling")

    @property
    def input_names(self) -> tuple[str, ...]:
        """The value now."""
        return ("x",)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The value later."""
        return ("later",)

    @property
    def chance(self) -> float:
        """Of the mean."""
        return 0.0

    @property
    def best(self) -> float:
        """There is no noise: the past determines what comes."""
        return 1.0

    @property
    def criterion(self) -> float:
        """Half of the error that the best linear filter of 30 steps leaves."""
        return 0.5 + 0.5 * linear_filter_score(self)

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; refused where values do not stay finite."""
        n_trials, rng = check_count("n_trials", n_trials, least=0), check_rng(rng)
        n_steps, washout = round(self.duration / self.dt), round(self.washout / self.dt)
        h = self.sampling / SUBSTEPS
        past = np.arange(-round(self.tau / h) - 1, 1) * h
        phase = rng.random((n_trials, 1)) + rng.uniform(0.8, 1.2, (n_trials, 1)) * past / PERIOD
        history = 0.9 + rng.uniform(0.1, 0.4, (n_trials, 1)) * np.sin(2 * np.pi * phase)
        first = rng.integers(round(TRANSIENT / h), round((TRANSIENT + PERIOD) / h), n_trials)
        window = first[:, None] + np.arange(n_steps + self.horizon) * SUBSTEPS
        with np.errstate(all="ignore"):  # what runs away is refused
            values = self.integrate(history, int(window.max(initial=0)) + 1)
        if not np.isfinite(values).all():
            found, remedy = f"a {self.a:g}, b {self.b:g}, sampling {self.sampling:g}", "sample more often"
            raise InputError("a, b, sampling", expected="values that stay finite", found=found, remedy=remedy)
        x = np.take_along_axis(values, window, axis=1)[..., None]
        mask = np.ones((n_trials, n_steps))
        mask[:, :washout] = 0
        return build_trials(self, inputs=x[:, :n_steps], targets=x[:, self.horizon :], mask=mask)

    def integrate(self, history: NDArray, n_fine: int) -> NDArray:
        """Go on from histories in steps of ``h = sampling / 10``.

        Over less than one delay all that drives x is known, so many steps are taken at once: the equation is linear in
        x, and a Runge-Kutta step of it is a weighted sum of x and of the drive at its start, middle and end. In the
        middle the delayed value is interpolated by a cubic.

        Parameters
        ----------
        history : ndarray (trial, fine)
            The last ``tau / h + 2`` values, all above 0, up to now.
        n_fine : int
            Steps of h to take.

        Returns
        -------
        ndarray (trial, fine)
            Values of x from the first step on.
        """
        h = self.sampling / SUBSTEPS
        delay = round(self.tau / h)
        keep, start, middle, end = _runge_kutta(self.b, h)
        x = np.empty((len(history), delay + 2 + n_fine))
        x[:, : delay + 2] = history
        now = delay + 1
        while now < x.shape[1] - 1:
            n = min(delay - 1, x.shape[1] - 1 - now)
            known = x[:, now - delay - 1 : now - delay + n + 2]
            halfway = (9 * (known[:, 1:-2] + known[:, 2:-1]) - known[:, :-3] - known[:, 3:]) / 16
            edge = self._drive(known[:, 1:-1])
            drive = start * edge[:, :-1] + middle * self._drive(halfway) + end * edge[:, 1:]
            x[:, now + 1 : now + n + 1] = lfilter([1.0], [1.0, -keep], drive, zi=keep * x[:, now : now + 1])[0]
            now += n
        return x[:, delay + 2 :]

    def _drive(self, delayed: NDArray) -> NDArray:
        return self.a * delayed / (1 + np.exp(self.exponent * np.log(delayed)))

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of the variance of later values that outputs explain."""
        return variance_explained(trials, outputs)

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Mean answer and squared error by the value due, to 0.1: ``answer (target)``, ``squared_error (target)``."""
        return answers_by_target(trials, outputs)


def _runge_kutta(b: float, h: float) -> NDArray:
    """Weights of x and of the drive at start, middle and end, in a step of ``dx/dt = drive - b x``."""
    x, start, middle, end = np.eye(4)
    k1 = start - b * x
    k2 = middle - b * (x + h / 2 * k1)
    k3 = middle - b * (x + h / 2 * k2)
    k4 = end - b * (x + h * k3)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
