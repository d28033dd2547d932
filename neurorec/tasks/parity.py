"""Parity of bits: was the number of ones odd?"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError
from neurorec.tasks.scoring import check_outputs, fraction_of_steps, rate_by
from neurorec.tasks.task import Loss, build_trials

When = Literal["running", "end"]


@dataclass(frozen=True)
class Parity:
    """Random bits; whether the last ``n_bits`` of them hold an odd number of ones is to be said.

    Running, at every bit of a longer stream (the 3-bit parity of Bertschinger & Natschlaeger 2004,
    doi:10.1162/089976604323057443); or once, at the end of ``n_bits`` bits. No subset of the bits tells anything.

    Parameters
    ----------
    n_bits : int
        Bits that count.
    when : {"running", "end"}
        Asked at each bit, once there have been enough, or after the last.
    n_steps : int
        Bits in a trial; taken where running.
    dt : float
        Time per bit, s.

    Examples
    --------
    >>> task = Parity(n_bits=3)
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"] - 0.5), task.chance
    (1.0, 0.5)
    """

    n_bits: int = 3
    when: When = "running"
    n_steps: int = 50
    dt: float = 0.1

    loss: ClassVar[Loss] = "bernoulli"
    score_name: ClassVar[str] = "fraction of parities right"

    def __post_init__(self) -> None:
        if self.when not in get_args(When):
            raise InputError("when", expected="running or end", found=repr(self.when), remedy="choose one")
        if self.n_bits < 1 or self.dt <= 0 or (self.when == "running" and self.n_steps < self.n_bits):
            found = f"n_bits {self.n_bits}, n_steps {self.n_steps}, dt {self.dt}"
            raise InputError("Parity", expected="n_steps >= n_bits >= 1, dt > 0", found=found, remedy="add steps")

    @property
    def input_names(self) -> tuple[str, ...]:
        """A 0 came, a 1 came."""
        return ("0", "1")

    @property
    def output_names(self) -> tuple[str, ...]:
        """Log odds of an odd number of ones."""
        return ("odd",)

    @property
    def chance(self) -> float:
        """Odd and even are alike."""
        return 0.5

    @property
    def best(self) -> float:
        """Nothing is uncertain."""
        return 1.0

    @property
    def criterion(self) -> float:
        """99 %."""
        return 0.99

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; ``ones (trial, time)`` is how many of the last ``n_bits`` bits were 1."""
        n_steps = self.n_steps if self.when == "running" else self.n_bits
        bits = rng.integers(0, 2, (n_trials, n_steps))
        summed = np.hstack([np.zeros((n_trials, self.n_bits), dtype=int), bits.cumsum(axis=1)])
        ones = summed[:, self.n_bits :] - summed[:, : -self.n_bits]
        mask = np.zeros((n_trials, n_steps))
        mask[:, self.n_bits - 1 :] = 1
        odd = (ones % 2)[..., None] * mask[..., None]
        trials = build_trials(self, inputs=np.eye(2, dtype=np.float32)[bits], targets=odd, mask=mask)
        return trials.assign(ones=(("trial", "time"), ones))

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of parities said right: outputs above 0 for odd."""
        return fraction_of_steps(trials, self._right(trials, outputs))

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction right by the number of ones: ``correct (ones)``."""
        counted = trials["mask"].values > 0
        rows = xr.Dataset({"ones": ("step", trials["ones"].values[counted])})
        right = self._right(trials, outputs)[counted]
        return rate_by(rows, "ones", right, name="correct").rename(n_trials="n_steps")

    def _right(self, trials: xr.Dataset, outputs: ArrayLike) -> NDArray:
        return ((check_outputs(trials, outputs) > 0) == (trials["targets"].values > 0.5))[..., 0]
