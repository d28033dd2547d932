"""Delayed match to sample: is what is shown now the same as before the delay?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurorec.recording import InputError
from neurorec.tasks.ideal import ideal_rates
from neurorec.tasks.psychometrics import rate_by_two
from neurorec.tasks.scoring import mean_output
from neurorec.tasks.task import Loss, build_trials
from neurorec.tasks.timeline import Span, check_noise, check_spans, lay_out


@dataclass(frozen=True)
class DelayedMatchToSample:
    """A sample, a delay, and a test that is the same in half of the trials: match or not (Miller et al. 1996).

    doi:10.1523/JNEUROSCI.16-16-05154.1996. Every stimulus has a channel, ``1 + (noise / sqrt(dt)) xi(t)`` for the one
    shown and ``(noise / sqrt(dt)) xi(t)`` for the others while the sample or the test is on. Samples are as likely, and
    so are the tests that do not match. The ideal observer's score is simulated, to 0.005.

    Parameters
    ----------
    n_stimuli : int
        Different stimuli, 2 or more. A network learns fewer much sooner: nothing is learned before all are told apart.
    noise : float
        Of each channel, per square root of a second.
    fixation, delay : float or (float, float)
        Lengths of periods, s; with two numbers a length between them is drawn in every trial.
    stimulus, response : float
        Lengths of periods, s; the stimulus is that of the sample and of the test.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        Fewer than two stimuli, negative times or noise.

    Examples
    --------
    >>> task = DelayedMatchToSample()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), task.chance, round(task.best, 2)
    (1.0, 0.5, 0.99)
    """

    n_stimuli: int = 2
    noise: float = 0.15
    fixation: Span = 0.1
    stimulus: float = 0.3
    delay: Span = (0.4, 1.0)
    response: float = 0.2
    dt: float = 0.02

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "fraction of trials judged right, match or not"

    def __post_init__(self) -> None:
        if self.n_stimuli < 2:
            found = str(self.n_stimuli)
            raise InputError("n_stimuli", expected="2 or more", found=found, remedy="one always matches itself")
        check_noise(self.noise)
        check_spans(self._spans, dt=self.dt, may_vary=("fixation", "delay"))

    @property
    def _spans(self) -> dict[str, Span]:
        spans = {"fixation": self.fixation, "sample": self.stimulus, "delay": self.delay}
        return {**spans, "test": self.stimulus, "response": self.response}

    @property
    def input_names(self) -> tuple[str, ...]:
        """``stimulus_1``, ``stimulus_2``, ..., and a cue that is on until the answer is due."""
        return (*(f"stimulus_{k + 1}" for k in range(self.n_stimuli)), "fixation")

    @property
    def output_names(self) -> tuple[str, ...]:
        """1 for a match, -1 for none."""
        return ("match",)

    @property
    def chance(self) -> float:
        """Half of the trials match."""
        return 0.5

    @property
    def best(self) -> float:
        """Of the ideal observer, over pairs of sample and test."""
        return float((self._prior() * self.ideal()).sum())

    @property
    def criterion(self) -> float:
        """95 % of the way from chance to the ideal observer."""
        return self.chance + 0.95 * (self.best - self.chance)

    def _prior(self) -> np.ndarray:
        n, same = self.n_stimuli, np.eye(self.n_stimuli)
        return same / (2 * n) + (1 - same) / (2 * n * (n - 1))

    def ideal(self) -> np.ndarray:
        """Fraction right of who knows the stimuli and forgets nothing ``(sample, test)``."""
        n = self.n_stimuli
        sample, test = (a.ravel() for a in np.indices((n, n)))
        seconds = round(self.stimulus / self.dt) * self.dt
        rates = ideal_rates(
            np.concatenate([np.eye(n)[sample], np.eye(n)[test]], axis=1),
            sample == test,
            sd=self.noise / np.sqrt(seconds),
            prior=self._prior().ravel(),
        )
        return rates.reshape(n, n)

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; conditions: ``sample`` and ``test`` (numbers from 1), ``match``, ``delay`` (s)."""
        n, periods = self.n_stimuli, lay_out(self._spans, n_trials, dt=self.dt, rng=rng)
        match, sample = rng.random(n_trials) < 0.5, rng.integers(n, size=n_trials)
        test = np.where(match, sample, (sample + rng.integers(1, n, n_trials)) % n)
        first, second, answering = (periods.during(name) for name in ("sample", "test", "response"))
        one_hot = np.eye(n, dtype=np.float32)
        inputs = np.zeros((n_trials, periods.n_steps, n + 1), dtype=np.float32)
        noise = rng.standard_normal(inputs[:, :, :-1].shape, dtype=np.float32) * np.float32(
            self.noise / np.sqrt(self.dt)
        )
        for on, shown in ((first, sample), (second, test)):
            inputs[:, :, :-1] += on[:, :, None] * (one_hot[shown][:, None] + noise)
        inputs[:, :, -1] = periods.during("fixation", "test")
        return build_trials(
            self,
            inputs=inputs,
            targets=(answering * np.where(match, 1.0, -1.0)[:, None])[:, :, None],
            mask=answering,
            duration=periods.duration(),
            starts=periods.starts(),
            conditions={"sample": sample + 1, "test": test + 1, "match": match, "delay": periods.length("delay")},
        )

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of trials in which a match was told from none."""
        answer = mean_output(trials, outputs)[:, 0]
        return float(((answer > 0) == trials["match"].values).mean())

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction called a match, by pair: ``match (sample, test)``, beside the ideal observer's, ``ideal``."""
        found = rate_by_two(trials, ("sample", "test"), mean_output(trials, outputs)[:, 0] > 0, name="match")
        right = self.ideal()
        ideal = np.where(np.eye(self.n_stimuli, dtype=bool), right, 1 - right)
        rows, lines = found["sample"].values - 1, found["test"].values - 1
        return found.assign(ideal=(("sample", "test"), ideal[np.ix_(rows, lines)]))
