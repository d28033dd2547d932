"""Integration of noisy evidence: which of two directions is the motion of, on average?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.stats import norm

from neurorec.recording import InputError
from neurorec.tasks.scoring import mean_output, rate_by
from neurorec.tasks.task import Loss, build_trials
from neurorec.tasks.timeline import check_noise, check_spans


@dataclass(frozen=True)
class NoisyEvidence:
    """Evidence ``c + (noise / sqrt(dt)) xi(t)`` for right (c > 0) or left; the sign of c is to be said at the end.

    The task of random-dot motion (Shadlen & Newsome 2001, doi:10.1152/jn.2001.86.4.1916). The ideal observer adds the
    evidence up over the stimulus, T s long, and is right in ``Phi(|c| sqrt(T) / noise)`` of trials.

    Parameters
    ----------
    coherences : tuple of float
        Strengths of the evidence, each to either side.
    noise : float
        Of the evidence, per square root of a second.
    fixation, stimulus, response : float
        Lengths of the periods, s. The stimulus is off in the response.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        Coherences that are not above 0, negative noise, periods or a step that are no lengths of time.

    Examples
    --------
    >>> task = NoisyEvidence()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), task.chance, round(task.best, 2)
    (1.0, 0.5, 0.82)
    """

    coherences: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4)
    noise: float = 0.15
    fixation: float = 0.1
    stimulus: float = 1.0
    response: float = 0.2
    dt: float = 0.02

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "fraction of trials on the right side"

    def __post_init__(self) -> None:
        if not self.coherences or not all(0 < c < np.inf for c in self.coherences):
            found = str(self.coherences)
            raise InputError("coherences", expected="strengths above 0", found=found, remedy="sides are drawn for you")
        check_noise(self.noise)
        spans = {"fixation": self.fixation, "stimulus": self.stimulus, "response": self.response}
        if self.fixation == 0:  # the stimulus may begin at once
            del spans["fixation"]
        check_spans(spans, dt=self.dt)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The evidence, and a cue that is on until the answer is due."""
        return ("evidence", "fixation")

    @property
    def output_names(self) -> tuple[str, ...]:
        """-1 for left, 1 for right."""
        return ("choice",)

    @property
    def chance(self) -> float:
        """Two sides."""
        return 0.5

    @property
    def best(self) -> float:
        """Of the ideal observer, over coherences."""
        return float(np.mean([self.ideal(c) for c in self.coherences]))

    @property
    def criterion(self) -> float:
        """95 % of the way from chance to the ideal observer."""
        return self.chance + 0.95 * (self.best - self.chance)

    def ideal(self, coherence: float) -> float:
        """Fraction right of who adds up all evidence."""
        seconds = round(self.stimulus / self.dt) * self.dt
        return float(norm.cdf(abs(coherence) * np.sqrt(seconds) / self.noise)) if self.noise > 0 else 1.0

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; conditions: ``coherence``, signed, and ``side``."""
        before, during, after = (round(t / self.dt) for t in (self.fixation, self.stimulus, self.response))
        n_steps = before + during + after
        coherence = rng.choice(self.coherences, n_trials) * rng.choice([-1.0, 1.0], n_trials)
        inputs = np.zeros((n_trials, n_steps, 2), dtype=np.float32)
        noise = rng.standard_normal((n_trials, during), dtype=np.float32) * (self.noise / np.sqrt(self.dt))
        inputs[:, before : before + during, 0] = coherence[:, None] + noise
        inputs[:, : before + during, 1] = 1
        targets, mask = np.zeros((n_trials, n_steps, 1)), np.zeros((n_trials, n_steps))
        targets[:, before + during :, 0] = np.sign(coherence)[:, None]
        mask[:, before + during :] = 1
        return build_trials(
            self,
            inputs=inputs,
            targets=targets,
            mask=mask,
            starts={"stimulus": before * self.dt, "response": (before + during) * self.dt},
            conditions={"coherence": coherence, "side": np.where(coherence > 0, "right", "left")},
        )

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of trials answered on the side that the evidence was drawn for."""
        answer = mean_output(trials, outputs)[:, 0]
        return float(((answer > 0) == (trials["coherence"].values > 0)).mean())

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction that answered right, by signed coherence: ``right (coherence)``, beside the ideal observer's."""
        found = rate_by(trials, "coherence", mean_output(trials, outputs)[:, 0] > 0, name="right")
        ideal = [self.ideal(c) if c > 0 else 1 - self.ideal(c) for c in found["coherence"].values]
        return found.assign(ideal=("coherence", ideal))
