"""The n-bit flip-flop: remember the last pulse on every channel."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurorec.recording import InputError
from neurorec.tasks.scoring import check_outputs, fraction_of_steps, rate_by
from neurorec.tasks.task import Loss, build_trials
from neurorec.tasks.timeline import check_spans


@dataclass(frozen=True)
class FlipFlop:
    """Pulses of -1 and 1 arrive on each channel; its output is to be the sign of the last one (Sussillo & Barak 2013).

    A network solves it with ``2 ** n_bits`` stable fixed points (doi:10.1162/NECO_a_00409).

    Parameters
    ----------
    n_bits : int
        Channels.
    duration : float
        Length of a trial, s.
    pulse : float
        Length of a pulse, s.
    pulse_rate : float
        Pulses per s and channel, after the first, which all channels get at the start.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        No channels, times that are not positive, a pulse longer than the trial, more pulses than one per step.

    Examples
    --------
    >>> task = FlipFlop(n_bits=2)
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"])
    1.0
    """

    n_bits: int = 3
    duration: float = 2.0
    pulse: float = 0.02
    pulse_rate: float = 2.0
    dt: float = 0.02

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "fraction of steps with every bit right (within 0.5)"

    def __post_init__(self) -> None:
        if self.n_bits < 1 or self.n_bits != int(self.n_bits):
            raise InputError("n_bits", expected="one channel or more", found=str(self.n_bits), remedy="try 3")
        check_spans({"duration": self.duration}, dt=self.dt)
        if not 0 < self.pulse <= self.duration:
            expected = f"above 0 s, at most the trial's {self.duration:g} s"
            raise InputError("pulse", expected=expected, found=str(self.pulse), remedy=f"one step is {self.dt:g} s")
        if not 0 <= self.pulse_rate * self.dt <= 1:
            expected = f"0 to {1 / self.dt:g} pulses/s, one a step"
            raise InputError("pulse_rate", expected=expected, found=str(self.pulse_rate), remedy="try 2")

    @property
    def input_names(self) -> tuple[str, ...]:
        """``pulse_1``, ``pulse_2``, ..."""
        return tuple(f"pulse_{k + 1}" for k in range(self.n_bits))

    @property
    def output_names(self) -> tuple[str, ...]:
        """``bit_1``, ``bit_2``, ..."""
        return tuple(f"bit_{k + 1}" for k in range(self.n_bits))

    @property
    def chance(self) -> float:
        """All bits guessed."""
        return 0.5**self.n_bits

    @property
    def best(self) -> float:
        """Nothing is uncertain."""
        return 1.0

    @property
    def criterion(self) -> float:
        """99 % of steps."""
        return 0.99

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; the condition ``last`` is the last state, as a string of signs."""
        n_steps, width = round(self.duration / self.dt), max(1, round(self.pulse / self.dt))
        onset = rng.random((n_trials, n_steps, self.n_bits)) < self.pulse_rate * self.dt
        onset[:, 0] = True
        sign = np.where(rng.random(onset.shape) < 0.5, -1.0, 1.0).astype(np.float32)
        last = np.maximum.accumulate(np.where(onset, np.arange(n_steps)[:, None], 0), axis=1)
        state = np.take_along_axis(sign, last, axis=1)
        inputs = np.where(np.arange(n_steps)[:, None] - last < width, state, 0)
        ends = np.where(state[:, -1] > 0, "+", "-")
        return build_trials(
            self,
            inputs=inputs,
            targets=state,
            mask=np.ones((n_trials, n_steps)),
            conditions={"last": ["".join(row) for row in ends]},
        )

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of steps at which every bit is nearer to its value than to the middle."""
        right = np.abs(check_outputs(trials, outputs) - trials["targets"].values).max(axis=-1) < 0.5
        return fraction_of_steps(trials, right)

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction of trials that end in the right state, by that state: ``correct (last)``."""
        right = np.abs(check_outputs(trials, outputs) - trials["targets"].values)[:, -1].max(axis=-1) < 0.5
        return rate_by(trials, "last", right, name="correct")
