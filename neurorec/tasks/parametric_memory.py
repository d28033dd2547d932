"""Parametric working memory: which of two frequencies, one before and one after a delay, is the higher?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError
from neurorec.tasks.ideal import ideal_rates
from neurorec.tasks.psychometrics import rate_by_two
from neurorec.tasks.scoring import mean_output
from neurorec.tasks.task import Loss, build_trials
from neurorec.tasks.timeline import Span, check_noise, check_spans, lay_out


@dataclass(frozen=True)
class ParametricWorkingMemory:
    """A frequency f1, a delay, a frequency f2: is f2 the higher (Romo et al. 1999, doi:10.1038/20939)?

    One channel carries ``(f - middle) / half the range + (noise / sqrt(dt)) xi(t)`` while a frequency is on. All pairs
    of the frequencies that differ by one of the differences are as likely. The ideal observer knows the pairs, so the
    ends of the range help it; its score is simulated, to 0.005.

    Parameters
    ----------
    frequencies : tuple of float
        What f1 and f2 are drawn from, Hz.
    differences : tuple of float
        Between f1 and f2, Hz, to either side.
    noise : float
        Of the channel, per square root of a second.
    fixation, delay : float or (float, float)
        Lengths of periods, s; with two numbers a length between them is drawn in every trial.
    stimulus, response : float
        Lengths of periods, s; the stimulus is that of f1 and of f2.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        No two frequencies with any of the differences, negative times or noise.

    Examples
    --------
    >>> task = ParametricWorkingMemory()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), task.chance, round(task.best, 2)
    (1.0, 0.5, 0.92)
    """

    frequencies: tuple[float, ...] = (10, 14, 18, 22, 26, 30, 34)
    differences: tuple[float, ...] = (4, 8)
    noise: float = 0.15
    fixation: Span = 0.1
    stimulus: float = 0.5
    delay: Span = (0.4, 1.0)
    response: float = 0.2
    dt: float = 0.02

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "fraction of trials in which the higher frequency was told"

    def __post_init__(self) -> None:
        if not self.differences or min(self.differences) <= 0 or not len(self.pairs):
            found = f"frequencies {self.frequencies}, differences {self.differences}"
            expected = "two frequencies with one of the differences, which are above 0"
            raise InputError("differences", expected=expected, found=found, remedy="such as (10, 18) and (8,)")
        check_noise(self.noise)
        check_spans(self._spans, dt=self.dt, may_vary=("fixation", "delay"))

    @property
    def _spans(self) -> dict[str, Span]:
        spans = {"fixation": self.fixation, "f1": self.stimulus, "delay": self.delay}
        return {**spans, "f2": self.stimulus, "response": self.response}

    @property
    def pairs(self) -> NDArray[np.float64]:
        """The pairs f1, f2 that occur ``(pair, 2)``, Hz."""
        values = np.unique(np.array(self.frequencies, dtype=float))
        both = np.stack(np.meshgrid(values, values, indexing="ij"), axis=-1).reshape(-1, 2)
        apart = np.abs(both[:, 0] - both[:, 1])
        return both[np.isclose(apart[:, None], self.differences).any(axis=1)]

    @property
    def input_names(self) -> tuple[str, ...]:
        """The frequency, scaled to -1 .. 1, and a cue that is on until the answer is due."""
        return ("frequency", "fixation")

    @property
    def output_names(self) -> tuple[str, ...]:
        """1 where f2 is the higher, -1 where f1 is."""
        return ("f2_higher",)

    @property
    def chance(self) -> float:
        """Two answers."""
        return 0.5

    @property
    def best(self) -> float:
        """Of the ideal observer, over pairs."""
        return float(self.ideal().mean())

    @property
    def criterion(self) -> float:
        """95 % of the way from chance to the ideal observer."""
        return self.chance + 0.95 * (self.best - self.chance)

    def levels(self, frequency: ArrayLike) -> NDArray[np.float64]:
        """Noiseless input for frequencies in Hz."""
        low, high = min(self.frequencies), max(self.frequencies)
        return (np.asarray(frequency, dtype=float) - (low + high) / 2) / ((high - low) / 2)

    def ideal(self) -> NDArray[np.float64]:
        """Fraction right of who knows the pairs and forgets nothing ``(pair,)``."""
        seconds = round(self.stimulus / self.dt) * self.dt
        higher = self.pairs[:, 1] > self.pairs[:, 0]
        return ideal_rates(self.levels(self.pairs), higher, sd=self.noise / np.sqrt(seconds))

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; conditions: ``f1``, ``f2`` and ``difference`` (f2 - f1), Hz; ``higher``; ``delay`` (s)."""
        periods = lay_out(self._spans, n_trials, dt=self.dt, rng=rng)
        f1, f2 = self.pairs[rng.integers(len(self.pairs), size=n_trials)].T
        first, second, answering = (periods.during(name) for name in ("f1", "f2", "response"))
        noise = rng.standard_normal(first.shape, dtype=np.float32) * np.float32(self.noise / np.sqrt(self.dt))
        level = first * self.levels(f1)[:, None] + second * self.levels(f2)[:, None]
        frequency = level + (first | second) * noise
        return build_trials(
            self,
            inputs=np.stack([frequency, periods.during("fixation", "f2")], axis=2),
            targets=(answering * np.sign(f2 - f1)[:, None])[:, :, None],
            mask=answering,
            duration=periods.duration(),
            starts=periods.starts(),
            conditions={
                "f1": f1,
                "f2": f2,
                "difference": f2 - f1,
                "higher": np.where(f2 > f1, "f2", "f1"),
                "delay": periods.length("delay"),
            },
        )

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of trials in which the higher frequency was told."""
        answer = mean_output(trials, outputs)[:, 0]
        return float(((answer > 0) == (trials["difference"].values > 0)).mean())

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction that called f2 the higher: ``f2_higher (f1, f2)``, NaN for pairs not asked, beside ``ideal``."""
        found = rate_by_two(trials, ("f1", "f2"), mean_output(trials, outputs)[:, 0] > 0, name="f2_higher")
        right = np.where(self.pairs[:, 1] > self.pairs[:, 0], self.ideal(), 1 - self.ideal())
        known = {tuple(pair): rate for pair, rate in zip(self.pairs.tolist(), right.tolist(), strict=True)}
        ideal = [[known.get((a, b), np.nan) for b in found["f2"].values.tolist()] for a in found["f1"].values.tolist()]
        return found.assign(ideal=(("f1", "f2"), ideal))
