"""Sine waves: a constant input says how fast to oscillate."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError
from neurorec.tasks.scoring import check_outputs, rate_by, variance_explained
from neurorec.tasks.task import Loss, build_trials
from neurorec.tasks.timeline import Span, check_spans, lay_out

_OFFSET = 0.25  # of the input, as in the paper, so that the slowest wave is not silence


@dataclass(frozen=True)
class SineWave:
    """From when the input comes on, ``y(t) = sin(2 pi f t)``; its height is the frequency f (Sussillo & Barak 2013).

    doi:10.1162/NECO_a_00409. The input is ``(f - lowest) / (highest - lowest) + 0.25`` while the wave is asked, and 0
    before. A network solves it with an unstable fixed point, its place and frequency set by the input.

    Parameters
    ----------
    lowest, highest : float
        Frequencies, Hz.
    n_frequencies : int
        Evenly spaced between them, all as likely.
    fixation : float or (float, float)
        Before the wave, s; with two numbers a length between them is drawn in every trial.
    wave : float
        Length of the wave, s.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        Frequencies out of order, not above 0, or with fewer than four steps a period; negative times.

    Examples
    --------
    >>> task = SineWave()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"])
    1.0
    """

    lowest: float = 1.0
    highest: float = 3.0
    n_frequencies: int = 21
    fixation: Span = 0.1
    wave: float = 2.0
    dt: float = 0.02

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "fraction of the variance of the wave"

    def __post_init__(self) -> None:
        check_spans({"fixation": self.fixation, "wave": self.wave}, dt=self.dt, may_vary=("fixation",))
        if not 0 < self.lowest < self.highest or self.highest * self.dt > 0.25:
            expected = f"0 < lowest < highest <= {0.25 / self.dt:g} Hz, four steps a period"
            found = f"{self.lowest}, {self.highest}"
            raise InputError("lowest, highest", expected=expected, found=found, remedy="slow down, or make dt smaller")
        if self.n_frequencies < 2:
            found = str(self.n_frequencies)
            raise InputError("n_frequencies", expected="2 or more", found=found, remedy="try 21")

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """Those that occur, Hz."""
        return np.linspace(self.lowest, self.highest, self.n_frequencies)

    @property
    def input_names(self) -> tuple[str, ...]:
        """How fast."""
        return ("speed",)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The wave."""
        return ("wave",)

    @property
    def chance(self) -> float:
        """The best constant."""
        return 0.0

    @property
    def best(self) -> float:
        """Nothing is uncertain."""
        return 1.0

    @property
    def criterion(self) -> float:
        """90 % of the variance, which a wave loses that is a twentieth of a period off."""
        return 0.9

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; the condition ``frequency`` is in Hz."""
        periods = lay_out({"fixation": self.fixation, "wave": self.wave}, n_trials, dt=self.dt, rng=rng)
        frequency = rng.choice(self.frequencies, n_trials)
        asked = periods.during("wave")
        since = np.arange(periods.n_steps) * self.dt - periods.start("wave")[:, None]
        level = (frequency - self.lowest) / (self.highest - self.lowest) + _OFFSET
        return build_trials(
            self,
            inputs=(asked * level[:, None])[:, :, None],
            targets=(asked * np.sin(2 * np.pi * frequency[:, None] * since))[:, :, None],
            mask=asked,
            duration=periods.duration(),
            starts=periods.starts(),
            conditions={"frequency": frequency},
        )

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """``1 - sum m (y - f)^2 / sum m (y - mean y)^2`` over trials and steps, m the mask."""
        return variance_explained(trials, outputs)

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Frequency produced, by the one asked: ``produced (frequency)``, Hz, and ``n_trials``.

        In each trial it is that of the sine, with a constant added, that is nearest to the output by least squares,
        among 400 from half the lowest frequency to one and a half of the highest.
        """
        n_wave = round(self.wave / self.dt)
        first = np.round(trials["wave_start"].values / self.dt).astype(int)
        outputs = check_outputs(trials, outputs)[:, :, 0]
        wave = np.take_along_axis(outputs, first[:, None] + np.arange(n_wave), axis=1)
        tried = np.linspace(self.lowest / 2, 1.5 * self.highest, 400)
        angle = 2 * np.pi * tried[:, None] * np.arange(n_wave) * self.dt
        base = np.linalg.qr(np.stack([np.ones_like(angle), np.sin(angle), np.cos(angle)], axis=-1)).Q
        caught = (np.einsum("fik,ti->tfk", base, wave, optimize=True) ** 2).sum(axis=-1)
        return rate_by(trials, "frequency", tried[caught.argmax(axis=1)], name="produced")
