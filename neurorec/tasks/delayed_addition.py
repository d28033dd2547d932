"""Delayed addition: numbers come at marked times, their sum is to be said later."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurorec.recording import InputError
from neurorec.tasks.scoring import mean_output, rate_by, variance_explained
from neurorec.tasks.task import Loss, build_trials


@dataclass(frozen=True)
class DelayedAddition:
    """A small program: take the numbers that are marked, leave the others, wait, and say the sum when asked.

    A number from 0 to 1 comes at every step of the presentation; one in each of ``n_numbers`` equal parts of it is
    marked. This is the adding problem of Hochreiter & Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735) with a
    delay. They called a sum of two right within 0.08 (on this scale): a score of 0.99 is an error of 0.04 (root of the
    mean square).

    Parameters
    ----------
    n_numbers : int
        Numbers to be added.
    presentation, delay, response : float
        Lengths of the periods, s.
    dt : float
        Time per number, s.

    Examples
    --------
    >>> task = DelayedAddition()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), task.chance
    (1.0, 0.0)
    """

    n_numbers: int = 2
    presentation: float = 2.0
    delay: float = 0.5
    response: float = 0.2
    dt: float = 0.1

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "variance explained of the sum"

    def __post_init__(self) -> None:
        if self.n_numbers < 1 or self.dt <= 0 or self.delay < 0 or round(self.response / self.dt) < 1:
            found = f"n_numbers {self.n_numbers}, delay {self.delay}, response {self.response}, dt {self.dt}"
            expected = "n_numbers >= 1, delay >= 0, a response of a step or more"
            raise InputError("DelayedAddition", expected=expected, found=found, remedy="see the defaults")
        if round(self.presentation / self.dt) < self.n_numbers:
            expected, found = f"a step for each of {self.n_numbers} numbers", f"{self.presentation:g} s"
            raise InputError("presentation", expected=expected, found=found, remedy="make it longer")

    @property
    def input_names(self) -> tuple[str, ...]:
        """The number, whether it is marked, and whether the sum is asked for."""
        return ("number", "marked", "asked")

    @property
    def output_names(self) -> tuple[str, ...]:
        """The sum."""
        return ("sum",)

    @property
    def chance(self) -> float:
        """Of the mean sum."""
        return 0.0

    @property
    def best(self) -> float:
        """Nothing is uncertain."""
        return 1.0

    @property
    def criterion(self) -> float:
        """About 19 in 20 sums within the tolerance of the paper."""
        return 0.99

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; conditions: ``sum``, and ``last_marked``, when the last number came (s)."""
        shown, waited, said = (round(t / self.dt) for t in (self.presentation, self.delay, self.response))
        edges = np.linspace(0, shown, self.n_numbers + 1).astype(int)
        marked = rng.integers(edges[:-1], edges[1:], (n_trials, self.n_numbers))
        inputs = np.zeros((n_trials, shown + waited + said, 3), dtype=np.float32)
        inputs[:, :shown, 0] = rng.random((n_trials, shown), dtype=np.float32)
        np.put_along_axis(inputs[:, :, 1], marked, 1, axis=1)
        inputs[:, shown + waited :, 2] = 1
        total = np.take_along_axis(inputs[:, :, 0], marked, axis=1).sum(axis=1)
        return build_trials(
            self,
            inputs=inputs,
            targets=(inputs[:, :, 2] * total[:, None])[..., None],
            mask=inputs[:, :, 2],
            starts={"delay": shown * self.dt, "response": (shown + waited) * self.dt},
            conditions={"sum": total, "last_marked": marked[:, -1] * self.dt},
        )

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of the variance of the sum that outputs explain while it is asked for."""
        return variance_explained(trials, outputs)

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Mean answer and its error by the sum, to 0.1: ``answer (sum)``, ``squared_error (sum)``."""
        answer, total = mean_output(trials, outputs)[:, 0], trials["sum"].values.astype(float)
        rows = xr.Dataset({"sum": ("trial", total.round(1))})
        found = rate_by(rows, "sum", answer, name="answer")
        return found.assign(squared_error=rate_by(rows, "sum", (answer - total) ** 2, name="error")["error"])
