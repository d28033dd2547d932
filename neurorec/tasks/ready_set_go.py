"""Ready, set, go: measure the time from one flash to another, and make it again."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from neurorec.recording import InputError
from neurorec.tasks.scoring import check_outputs, rate_by
from neurorec.tasks.task import Loss, build_trials
from neurorec.tasks.timeline import Span, check_noise, check_spans, lay_out

_LONGEST_MEASURE = 4.0  # sd of the measurement above the longest interval; what is longer is cut there


@dataclass(frozen=True)
class ReadySetGo:
    """The interval between two flashes, ready and set, is to be produced after set (Jazayeri & Shadlen 2010).

    doi:10.1038/nn.2590. Flashes are ``t_m = t_s (1 + noise xi)`` apart for an interval t_s: the paper's scalar noise
    of measurement. The target is a ramp from set, ``(t - set) / t_s``; go is when the output reaches 1, and the
    produced interval t_p is the time from set to go. The ideal observer knows the intervals and the noise, and
    produces the mean of t_s given t_m (Bayes least squares), drawn towards the middle; no one has a higher score
    ``1 - mean (t_p - t_s)^2 / var t_s``.

    Parameters
    ----------
    intervals : tuple of float
        t_s, s, all as likely; rounded to steps.
    noise : float
        Of the measurement, per length of the interval (the Weber fraction).
    fixation : float or (float, float)
        Before ready, s; with two numbers a length between them is drawn in every trial.
    flash : float
        Length of ready and of set, s.
    response : float
        For how long after go the ramp is asked to go on, s.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        Fewer than two intervals, or some not longer than two flashes; negative times or noise.

    Examples
    --------
    >>> task = ReadySetGo()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> round(task.score(trials, trials["targets"]), 3), task.chance, round(task.best, 2)
    (1.0, 0.0, 0.85)
    """

    intervals: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    noise: float = 0.1
    fixation: Span = (0.1, 0.4)
    flash: float = 0.04
    response: float = 0.2
    dt: float = 0.02

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "fraction of the variance of the intervals, by those produced"

    def __post_init__(self) -> None:
        check_noise(self.noise)
        spans = {"fixation": self.fixation, "flash": self.flash, "response": self.response}
        check_spans(spans, dt=self.dt, may_vary=("fixation",))
        steps = np.round(np.array(self.intervals, dtype=float) / self.dt)
        if np.unique(steps).size < 2 or steps.min() < 2 * round(self.flash / self.dt):
            expected = f"two or more, of at least two flashes ({2 * self.flash:g} s)"
            raise InputError("intervals", expected=expected, found=str(self.intervals), remedy="such as (0.5, 1.0)")

    @property
    def input_names(self) -> tuple[str, ...]:
        """The two flashes."""
        return ("ready", "set")

    @property
    def output_names(self) -> tuple[str, ...]:
        """The ramp, which reaches 1 at go."""
        return ("ramp",)

    @property
    def chance(self) -> float:
        """The mean interval in every trial."""
        return 0.0

    @property
    def best(self) -> float:
        """Of the ideal observer; 1 without noise."""
        likelihood, _ = self._likelihood()
        error = (self._steps[:, None] - self._estimate()) ** 2
        return float(1 - (likelihood * error).sum(axis=1).mean() / self._steps.var())

    @property
    def criterion(self) -> float:
        """90 % of the ideal observer's."""
        return 0.9 * self.best

    @property
    def _steps(self) -> NDArray[np.float64]:
        return np.round(np.array(self.intervals, dtype=float) / self.dt)

    @property
    def _shortest_longest(self) -> tuple[int, int]:
        """Steps between the flashes, at least and at most: they do not overlap, and trials end."""
        longest = self._steps.max() * (1 + _LONGEST_MEASURE * self.noise)
        return round(self.flash / self.dt), round(np.ceil(longest))

    def _likelihood(self) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
        """Probability of each measurement, in whole steps, by interval ``(interval, measured)``; the measurements."""
        low, high = self._shortest_longest
        measured = np.arange(low, high + 1)
        if self.noise == 0:
            return (measured == self._steps[:, None]).astype(float), measured
        edges = np.concatenate([[-np.inf], measured[:-1] + 0.5, [np.inf]])
        upto = norm.cdf((edges / self._steps[:, None] - 1) / self.noise)
        return np.diff(upto, axis=1), measured

    def _estimate(self) -> NDArray[np.float64]:
        """Mean interval given each measurement ``(measured,)``, in steps."""
        likelihood, _ = self._likelihood()
        total = likelihood.sum(axis=0)
        return np.divide(self._steps @ likelihood, total, out=np.zeros_like(total), where=total > 0)

    def ideal(self, measured: ArrayLike) -> NDArray[np.float64]:
        """What the ideal observer produces after flashes so far apart, s; both in whole steps."""
        low, high = self._shortest_longest
        steps = np.clip(np.round(np.asarray(measured, dtype=float) / self.dt).astype(int), low, high)
        return self._estimate()[steps - low] * self.dt

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; conditions: ``interval`` t_s and ``measured`` t_m, s."""
        low, high = self._shortest_longest
        rest = round(self._steps.max()) + round(self.response / self.dt)
        fixation = lay_out({"fixation": self.fixation}, n_trials, dt=self.dt, rng=rng)
        ready, width = fixation.edges[1], round(self.flash / self.dt)
        interval = rng.choice(self._steps, n_trials)
        noisy = np.round(interval * (1 + self.noise * rng.standard_normal(n_trials)))
        measured = np.clip(noisy, low, high).astype(int)
        ready_, set_ = ready[:, None], (ready + measured)[:, None]
        step = np.arange(fixation.n_steps + high + rest)
        flashes = [(step >= at) & (step < at + width) for at in (ready_, set_)]
        stop = set_ + interval[:, None] + round(self.response / self.dt)  # of the ramp
        asked = (step >= set_) & (step < stop)
        inside = (step >= set_) & (step < set_ + rest)
        ramp = (np.minimum(step, stop - 1) - set_) / interval[:, None]
        starts = {"ready": ready, "set": ready + measured, "go": ready + measured + interval}
        return build_trials(
            self,
            inputs=np.stack(flashes, axis=2),
            targets=(inside * ramp)[:, :, None],
            mask=asked,
            duration=(ready + measured + rest) * self.dt,
            starts={name: at * self.dt for name, at in starts.items()},
            conditions={"interval": interval * self.dt, "measured": measured * self.dt},
        )

    def produced(self, trials: xr.Dataset, outputs: ArrayLike) -> NDArray[np.float64]:
        """Time from set until the output first reaches 1 ``(trial,)``, s, between steps by a straight line.

        NaN where it does not until the trial's end, which is ``response`` after the longest interval.
        """
        outputs = check_outputs(trials, outputs)[:, :, 0].astype(float)
        time = trials["time"].values
        begin = np.round(trials["set_start"].values / self.dt).astype(int)
        over = (outputs >= 1) & (np.arange(time.size) >= begin[:, None])
        over &= time < trials["duration"].values[:, None] - 1e-6 * self.dt
        at = over.argmax(axis=1)
        rows, before = np.arange(len(outputs)), np.maximum(at - 1, 0)
        low, high = outputs[rows, before], outputs[rows, at]
        back = np.divide(high - 1, high - low, out=np.zeros_like(high), where=(high > low) & (low < 1) & (at > begin))
        return np.where(over.any(axis=1), (at - begin - back) * self.dt, np.nan)

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """``1 - mean (t_p - t_s)^2 / var t_s``, the variance that of the task's intervals.

        A trial without go counts as one with go at set: no interval was produced.
        """
        made = np.nan_to_num(self.produced(trials, outputs))
        return float(1 - ((made - trials["interval"].values) ** 2).mean() / (self._steps.var() * self.dt**2))

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Produced intervals by t_s: ``produced (interval)`` and their ``spread`` (sd), s; ``without_go``, a fraction.

        Beside them ``ideal``, the mean that the ideal observer produces. Trials without go are left out of the means.
        """
        made = self.produced(trials, outputs)
        gone = np.isfinite(made)
        n_gone = rate_by(trials, "interval", gone, name="n")["n"]
        with np.errstate(invalid="ignore"):
            first, second = (
                rate_by(trials, "interval", np.where(gone, made, 0) ** k, name="m")["m"] / n_gone.where(n_gone > 0)
                for k in (1, 2)
            )
        ideal = rate_by(trials, "interval", self.ideal(trials["measured"].values), name="ideal")
        spread = np.sqrt((second - first**2).clip(min=0))
        return ideal.assign(produced=first, spread=spread, without_go=1 - n_gone)
