"""Contrast discrimination: which of two gratings, left and right, has more contrast, or is there none?"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError
from neurorec.tasks.ideal import ideal_rates
from neurorec.tasks.scoring import mean_output, rate_by
from neurorec.tasks.task import Loss, build_trials
from neurorec.tasks.timeline import check_noise, check_spans

ANSWERS = ("left", "right", "nogo")
_SHOWN = (0.0, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class ContrastDiscrimination:
    """Gratings of contrasts ``(c_l, c_r)``, each seen as ``c + (noise / sqrt(dt)) xi(t)``: left, right, or neither?

    The task of Steinmetz et al. 2019 (doi:10.1038/s41586-019-1787-x): turn to the side with more contrast, to either
    side where both are the same, and to none where there is nothing. The ideal observer knows which pairs there are.

    Parameters
    ----------
    pairs : tuple of (float, float)
        Contrasts left and right, from 0 to 1; all are as likely, and one that is there twice is twice as likely.
    noise : float
        Of what is seen of a contrast, per square root of a second.
    fixation, stimulus, response : float
        Lengths of the periods, s. The gratings are off in the response.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        Contrasts that are none, negative noise, periods or a step that are no lengths of time.

    Examples
    --------
    >>> task = ContrastDiscrimination()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), task.chance, round(task.best, 2)
    (1.0, 0.5625, 0.92)
    """

    pairs: tuple[tuple[float, float], ...] = tuple((left, right) for left in _SHOWN for right in _SHOWN)
    noise: float = 0.1
    fixation: float = 0.1
    stimulus: float = 0.4
    response: float = 0.2
    dt: float = 0.02

    loss: ClassVar[Loss] = "cross_entropy"
    score_name: ClassVar[str] = "fraction of trials answered right"

    def __post_init__(self) -> None:
        pairs = np.array(self.pairs, dtype=float)
        if pairs.ndim != 2 or pairs.shape[1:] != (2,) or not ((pairs >= 0) & (pairs <= 1)).all():
            expected, remedy = "pairs of contrasts from 0 to 1", "such as ((0, 0), (0, 0.5), (0.5, 0))"
            raise InputError("pairs", expected=expected, found=str(self.pairs), remedy=remedy)
        check_noise(self.noise)
        spans = {"fixation": self.fixation, "stimulus": self.stimulus, "response": self.response}
        if self.fixation == 0:  # the gratings may be there at once
            del spans["fixation"]
        check_spans(spans, dt=self.dt)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The contrasts, and a cue that is on until the answer is due."""
        return ("contrast_left", "contrast_right", "fixation")

    @property
    def output_names(self) -> tuple[str, ...]:
        """The answers."""
        return ANSWERS

    @property
    def chance(self) -> float:
        """Of who always gives the answer that is right most often."""
        return float(self._right.mean(axis=0).max())

    @property
    def best(self) -> float:
        """Of the ideal observer, who adds up what is seen of both sides."""
        return float(self._ideal.mean())

    @property
    def criterion(self) -> float:
        """95 % of the way from chance to the ideal observer."""
        return self.chance + 0.95 * (self.best - self.chance)

    @cached_property
    def _right(self) -> NDArray[np.bool_]:
        """Which answers are right ``(pair, answer)``."""
        left, right = np.array(self.pairs, dtype=float).T
        none = (left == 0) & (right == 0)
        return np.column_stack([(left >= right) & ~none, (right >= left) & ~none, none])

    @cached_property
    def _ideal(self) -> NDArray[np.float64]:
        """How often who adds up all that is seen is right ``(pair,)``."""
        seconds = round(self.stimulus / self.dt) * self.dt
        return ideal_rates(np.array(self.pairs), self._right, sd=self.noise / np.sqrt(seconds))

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; conditions: ``contrast_left``, ``contrast_right``, ``difference`` and ``answer``."""
        before, during, after = (round(t / self.dt) for t in (self.fixation, self.stimulus, self.response))
        n_steps = before + during + after
        pair = rng.integers(len(self.pairs), size=n_trials)
        contrast, right = np.array(self.pairs, dtype=float)[pair], self._right[pair]
        inputs = np.zeros((n_trials, n_steps, 3), dtype=np.float32)
        noise = rng.standard_normal((n_trials, during, 2), dtype=np.float32) * (self.noise / np.sqrt(self.dt))
        inputs[:, before : before + during, :2] = contrast[:, None] + noise
        inputs[:, : before + during, 2] = 1
        targets, mask = np.zeros((n_trials, n_steps, 3)), np.zeros((n_trials, n_steps))
        targets[:, before + during :] = (right / right.sum(axis=1, keepdims=True))[:, None]
        mask[:, before + during :] = 1
        answer = np.where(right[:, 0] & right[:, 1], "either", np.array(ANSWERS)[right.argmax(axis=1)])
        return build_trials(
            self,
            inputs=inputs,
            targets=targets,
            mask=mask,
            starts={"stimulus": before * self.dt, "response": (before + during) * self.dt},
            conditions={
                "contrast_left": contrast[:, 0],
                "contrast_right": contrast[:, 1],
                "difference": contrast[:, 1] - contrast[:, 0],
                "answer": answer,
            },
        )

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of trials with an answer that is right."""
        chosen = mean_output(trials, outputs).argmax(axis=1)
        return float((mean_output(trials, trials["targets"])[np.arange(len(chosen)), chosen] > 0).mean())

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction that answered each way, by contrast right minus left: ``left``, ``right``, ``nogo (difference)``."""
        chosen = mean_output(trials, outputs).argmax(axis=1)
        rates = [rate_by(trials, "difference", chosen == k, name=name) for k, name in enumerate(ANSWERS)]
        return rates[0].assign({name: found[name] for name, found in zip(ANSWERS, rates, strict=True)})
