"""Where a sound came from: left or right of the middle, to be told by a turn after a delay."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from neurorec.recording import InputError
from neurorec.tasks.ideal import ideal_rates
from neurorec.tasks.scoring import mean_output, rate_by
from neurorec.tasks.task import Loss, build_trials
from neurorec.tasks.timeline import Span, check_noise, check_spans, lay_out

Code = Literal["two_channel", "tuned"]


@dataclass(frozen=True)
class SoundLocation:
    """A sound from one of eight locations; after a delay a turn to its side is due (Runyan et al. 2017).

    doi:10.1038/nature23020. Inputs are ``f_k(location) + (noise / sqrt(dt)) xi(t)`` while the sound is on. With the
    code "two_channel" they are two ears, ``f = (1 - x) / 2, (1 + x) / 2`` with ``x = sin(location)``, and the ideal
    observer is right in ``Phi(|x| sqrt(T) / (sqrt(2) noise))`` of trials, T the length of the sound. With "tuned"
    they are channels that prefer a location each, ``f_k = exp(-(location - p_k)^2 / (2 width^2))``; the ideal
    observer's score is then simulated, to 0.005.

    Parameters
    ----------
    locations : tuple of float
        Degrees from the middle, left negative; every one with its mirror image.
    code : {"two_channel", "tuned"}
        How a location is told.
    n_channels : int
        Channels of the code "tuned", their preferred locations evenly spaced over the half circle in front.
    width : float
        Of their tuning, degrees.
    noise : float
        Of each channel, per square root of a second.
    fixation, delay : float or (float, float)
        Lengths of periods, s; with two numbers a length between them is drawn in every trial.
    sound, response : float
        Lengths of periods, s.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        Locations without their mirror image or in the middle, negative times or noise, no channels or no width.

    Examples
    --------
    >>> task = SoundLocation()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), task.chance, round(task.best, 2)
    (1.0, 0.5, 0.92)
    """

    locations: tuple[float, ...] = (-90, -60, -30, -15, 15, 30, 60, 90)
    code: Code = "two_channel"
    n_channels: int = 8
    width: float = 40.0
    noise: float = 0.25
    fixation: Span = 0.1
    sound: float = 1.0
    delay: Span = (0.2, 0.8)
    response: float = 0.2
    dt: float = 0.02

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "fraction of trials with a turn to the right side"

    def __post_init__(self) -> None:
        found = sorted(self.locations)
        if not found or 0 in found or found != sorted(-a for a in found) or max(found) > 90:
            expected = "degrees up to 90, none 0, each with its mirror image"
            raise InputError("locations", expected=expected, found=str(self.locations), remedy="such as (-30, 30)")
        if self.code not in ("two_channel", "tuned"):
            raise InputError("code", expected="two_channel or tuned", found=repr(self.code), remedy="choose one")
        if self.n_channels < 2 or not self.width > 0:
            found = f"{self.n_channels} channels, width {self.width}"
            raise InputError("n_channels, width", expected="two or more, above 0", found=found, remedy="try 8 and 40")
        check_noise(self.noise)
        check_spans(self._spans, dt=self.dt, may_vary=("fixation", "delay"))

    @property
    def _spans(self) -> dict[str, Span]:
        return {"fixation": self.fixation, "sound": self.sound, "delay": self.delay, "response": self.response}

    @property
    def input_names(self) -> tuple[str, ...]:
        """The ears or tuned channels, and a cue that is on until the turn is due."""
        if self.code == "two_channel":
            return ("left_ear", "right_ear", "fixation")
        return (*(f"prefers_{p:g}" for p in self._preferred.round(1)), "fixation")

    @property
    def output_names(self) -> tuple[str, ...]:
        """-1 for left, 1 for right."""
        return ("turn",)

    @property
    def chance(self) -> float:
        """Two sides."""
        return 0.5

    @property
    def best(self) -> float:
        """Of the ideal observer, over locations."""
        return float(np.mean([self.ideal(location) for location in self.locations]))

    @property
    def criterion(self) -> float:
        """95 % of the way from chance to the ideal observer."""
        return self.chance + 0.95 * (self.best - self.chance)

    @property
    def _preferred(self) -> NDArray[np.float64]:
        return np.linspace(-90, 90, self.n_channels)

    def levels(self, location: ArrayLike) -> NDArray[np.float64]:
        """Noiseless inputs ``(..., channel)`` for locations in degrees."""
        location = np.asarray(location, dtype=float)[..., None]
        if self.code == "two_channel":
            return (1 + np.sin(np.radians(location)) * [-1, 1]) / 2
        return np.exp(-((location - self._preferred) ** 2) / (2 * self.width**2))

    def ideal(self, location: float) -> float:
        """Fraction right of who knows the code and has heard all of the sound, at a location."""
        seconds = round(self.sound / self.dt) * self.dt
        if self.code == "two_channel" and self.noise > 0:
            return float(norm.cdf(abs(np.sin(np.radians(location))) * np.sqrt(seconds / 2) / self.noise))
        if location not in self.locations:
            expected, found = f"one of {self.locations}", str(location)
            raise InputError("location", expected=expected, found=found, remedy="the ideal observer expects only those")
        rates = ideal_rates(self.levels(self.locations), np.array(self.locations) > 0, sd=self.noise / np.sqrt(seconds))
        return float(rates[list(self.locations).index(location)])

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; conditions: ``location`` (degrees), ``side``, ``delay`` (s)."""
        periods = lay_out(self._spans, n_trials, dt=self.dt, rng=rng)
        location = rng.choice(np.array(self.locations, dtype=float), n_trials)
        levels = self.levels(location).astype(np.float32)
        sound, answering = periods.during("sound"), periods.during("response")
        inputs = np.zeros((n_trials, periods.n_steps, levels.shape[1] + 1), dtype=np.float32)
        noise = rng.standard_normal(inputs[:, :, :-1].shape, dtype=np.float32) * np.float32(
            self.noise / np.sqrt(self.dt)
        )
        inputs[:, :, :-1] = sound[:, :, None] * (levels[:, None] + noise)
        inputs[:, :, -1] = periods.during("fixation", "delay")
        return build_trials(
            self,
            inputs=inputs,
            targets=(answering * np.sign(location)[:, None])[:, :, None],
            mask=answering,
            duration=periods.duration(),
            starts=periods.starts(),
            conditions={
                "location": location,
                "side": np.where(location > 0, "right", "left"),
                "delay": periods.length("delay"),
            },
        )

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of trials in which the turn is to the side that the sound came from."""
        turn = mean_output(trials, outputs)[:, 0]
        return float(((turn > 0) == (trials["location"].values > 0)).mean())

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction of turns to the right, by location: ``right (location)``, beside the ideal observer's."""
        found = rate_by(trials, "location", mean_output(trials, outputs)[:, 0] > 0, name="right")
        ideal = [self.ideal(a) if a > 0 else 1 - self.ideal(a) for a in found["location"].values]
        return found.assign(ideal=("location", ideal))
