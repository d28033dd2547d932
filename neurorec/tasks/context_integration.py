"""Integration in context: two streams of evidence at once, of which a cue says which one counts."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.stats import norm

from neurorec.recording import InputError
from neurorec.tasks.psychometrics import rate_by_two
from neurorec.tasks.scoring import mean_output
from neurorec.tasks.task import Loss, build_trials
from neurorec.tasks.timeline import Span, check_noise, check_spans, lay_out

_CONTEXTS = np.array(["colour", "motion"])


@dataclass(frozen=True)
class ContextIntegration:
    """Motion and colour arrive side by side; the sign of the one that the context names is to be said (Mante 2013).

    doi:10.1038/nature12742. Each stream is ``c_j + (noise / sqrt(dt)) xi_j(t)`` while the stimulus is on, their
    coherences c drawn apart from each other. The context is on for the whole trial, as in the paper's model. The ideal
    observer adds up the relevant stream over the stimulus, T s long, and is right in
    ``Phi(|c| sqrt(T) / noise)`` of trials.

    Parameters
    ----------
    coherences : tuple of float
        Strengths of the evidence, each to either side, in both streams.
    noise : float
        Of each stream, per square root of a second.
    fixation, delay : float or (float, float)
        Lengths of periods, s; with two numbers a length between them is drawn in every trial. No evidence is on.
    stimulus, response : float
        Lengths of periods, s.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        No coherences, or some not above 0; negative times or noise.

    Examples
    --------
    >>> task = ContextIntegration()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), task.chance, round(task.best, 2)
    (1.0, 0.5, 0.81)
    """

    coherences: tuple[float, ...] = (0.05, 0.15, 0.5)
    noise: float = 0.15
    fixation: Span = 0.1
    stimulus: float = 0.76
    delay: Span = 0.0
    response: float = 0.2
    dt: float = 0.02

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "fraction of trials on the right side of the relevant evidence"

    def __post_init__(self) -> None:
        if not self.coherences or min(self.coherences) <= 0:
            found = str(self.coherences)
            raise InputError("coherences", expected="strengths above 0", found=found, remedy="sides are drawn for you")
        check_noise(self.noise)
        check_spans(self._spans, dt=self.dt, may_vary=("fixation", "delay"))

    @property
    def _spans(self) -> dict[str, Span]:
        return {"fixation": self.fixation, "stimulus": self.stimulus, "delay": self.delay, "response": self.response}

    @property
    def input_names(self) -> tuple[str, ...]:
        """The two streams, and a cue for each of the two contexts."""
        return ("motion", "colour", "motion_context", "colour_context")

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
        """Fraction right of who adds up all of the relevant evidence, and none of the other."""
        seconds = round(self.stimulus / self.dt) * self.dt
        return float(norm.cdf(abs(coherence) * np.sqrt(seconds) / self.noise)) if self.noise > 0 else 1.0

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; conditions: ``context``, ``motion`` and ``colour`` (signed coherences), ``side``, ``delay``."""
        periods = lay_out(self._spans, n_trials, dt=self.dt, rng=rng)
        coherence = rng.choice(self.coherences, (n_trials, 2)) * rng.choice([-1.0, 1.0], (n_trials, 2))
        motion_counts = rng.random(n_trials) < 0.5
        relevant = np.where(motion_counts, coherence[:, 0], coherence[:, 1])
        evidence, answering = periods.during("stimulus"), periods.during("response")
        noise = rng.standard_normal((n_trials, periods.n_steps, 2), dtype=np.float32) * np.float32(
            self.noise / np.sqrt(self.dt)
        )
        cues = (
            np.stack([motion_counts, ~motion_counts], axis=1)[:, None]
            & periods.during("fixation", "response")[..., None]
        )
        streams = evidence[:, :, None] * (coherence[:, None].astype(np.float32) + noise)
        return build_trials(
            self,
            inputs=np.concatenate([streams, cues], axis=2),
            targets=(answering * np.sign(relevant)[:, None])[:, :, None],
            mask=answering,
            duration=periods.duration(),
            starts=periods.starts(),
            conditions={
                "context": _CONTEXTS[motion_counts.astype(int)],
                "motion": coherence[:, 0],
                "colour": coherence[:, 1],
                "side": np.where(relevant > 0, "right", "left"),
                "delay": periods.length("delay"),
            },
        )

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of trials answered on the side that the relevant evidence was drawn for."""
        answer = mean_output(trials, outputs)[:, 0]
        return float(((answer > 0) == (trials["side"].values == "right")).mean())

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction that answered right, by context and either stream's coherence, beside the ideal observer's.

        ``right_by_motion, ideal_by_motion, n_by_motion (context, motion)``, and the same for colour: steep for the
        relevant stream, flat at 0.5 for the other where nothing of it leaks into the choice.
        """
        right = mean_output(trials, outputs)[:, 0] > 0
        parts = []
        for stream in ("motion", "colour"):
            table = rate_by_two(trials, ("context", stream), right, name=f"right_by_{stream}")
            rates = [self.ideal(c) if c > 0 else 1 - self.ideal(c) for c in table[stream].values]
            ideal = np.where((table["context"].values == stream)[:, None], rates, 0.5)
            table = table.rename(n_trials=f"n_by_{stream}")
            parts.append(table.assign({f"ideal_by_{stream}": (("context", stream), ideal)}))
        return parts[0].merge(parts[1])
