"""The oculomotor integrator: velocity commands of saccades in, position of the eye out."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurorec.recording import InputError, check_count, check_number, check_rng
from neurorec.tasks.scoring import check_outputs, variance_explained
from neurorec.tasks.task import Loss, build_trials
from neurorec.tasks.timeline import check_spans

_N_BINS = 8


@dataclass(frozen=True)
class OculomotorIntegrator:
    """Pulses of velocity move the eye; between them its position is to be held (Seung 1996).

    doi:10.1073/pnas.93.23.13339. The position, -1 to 1 from one end of the eye's range to the other, begins at 0; each
    pulse takes it to one drawn at random. The input u is the size of the saccade while it lasts, and the position is
    ``E(t) = (1 / pulse) integral of u``. A linear network with largest recurrent eigenvalue lambda holds it with the
    time constant ``tau / (1 - lambda)``, which `psychometric` lets one read off.

    Parameters
    ----------
    duration : float
        Length of a trial, s.
    pulse : float
        Length of a saccade, s.
    pulse_rate : float
        Saccades per s, at random times, but none during another.
    hold : float
        At the end of the trial, without saccades, s.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        Negative times or rate, or a hold that leaves no time for a saccade.

    Examples
    --------
    >>> task = OculomotorIntegrator()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"])
    1.0
    """

    duration: float = 3.0
    pulse: float = 0.06
    pulse_rate: float = 2.0
    hold: float = 0.4
    dt: float = 0.02

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "fraction of the variance of eye position"

    def __post_init__(self) -> None:
        check_spans({"duration": self.duration, "pulse": self.pulse, "hold": self.hold}, dt=self.dt)
        check_number("pulse_rate", self.pulse_rate, above=0, unit="1/s", remedy="try 2")
        if round(self.hold / self.dt) + round(self.pulse / self.dt) > round(self.duration / self.dt):
            expected, found = f"more than pulse + hold, {self.pulse + self.hold:g} s", str(self.duration)
            raise InputError("duration", expected=expected, found=found, remedy="shorten the hold")

    @property
    def input_names(self) -> tuple[str, ...]:
        """Velocity, in sizes of saccades per length of a pulse."""
        return ("velocity",)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Position, -1 to 1."""
        return ("position",)

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
        """95 % of the variance."""
        return 0.95

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; conditions: ``held``, the position at the end, and ``n_saccades``."""
        n_trials, rng = check_count("n_trials", n_trials, least=0), check_rng(rng)
        n_steps, width, hold = (round(t / self.dt) for t in (self.duration, self.pulse, self.hold))
        last = n_steps - hold - width  # the last step at which a saccade may begin
        most = last // width + 1
        # From the end of one saccade to the next: exponential, in whole steps.
        pause = np.floor(rng.exponential(1 / (self.pulse_rate * self.dt), (n_trials, most))).astype(int)
        onset = np.cumsum(np.minimum(pause, n_steps), axis=1) + width * np.arange(most)
        real = onset <= last
        places = rng.uniform(-1, 1, (n_trials, most))
        size = np.diff(places, axis=1, prepend=0) * real
        row, onset = np.arange(n_trials)[:, None], np.where(real, onset, last)
        change = np.zeros((n_trials, n_steps + 1))
        np.add.at(change, (row, onset), size)
        np.add.at(change, (row, onset + width), -size)
        velocity = np.cumsum(change[:, :-1], axis=1)
        position = np.cumsum(velocity, axis=1) / width
        return build_trials(
            self,
            inputs=velocity[:, :, None],
            targets=position[:, :, None],
            mask=np.ones((n_trials, n_steps)),
            starts={"hold": (n_steps - hold) * self.dt},
            conditions={"held": position[:, -1], "n_saccades": real.sum(axis=1)},
        )

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """``1 - sum (E - f)^2 / sum (E - mean E)^2`` over trials and steps."""
        return variance_explained(trials, outputs)

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """What the outputs do in the hold, by the position to be held: eight bins ``held``, named by their middles.

        ``position (held)``, the mean; ``drift (held)``, the slope of the output per s: against the position it falls
        with the slope ``-1 / time constant`` where the integrator leaks; ``n_trials (held)``. NaN in empty bins.
        """
        n_steps, n_held = round(self.duration / self.dt), round(self.hold / self.dt)
        hold = np.arange(n_steps) >= n_steps - n_held
        eye = check_outputs(trials, outputs)[:, hold, 0]
        time = trials["time"].values[hold] - trials["time"].values[hold].mean()
        spread = (time**2).sum()
        slope = eye @ time / spread if spread > 0 else np.full(len(eye), np.nan)
        edges = np.linspace(-1, 1, _N_BINS + 1)
        which = np.clip(np.digitize(trials["held"].values, edges) - 1, 0, _N_BINS - 1)
        count = np.bincount(which, minlength=_N_BINS)
        with np.errstate(invalid="ignore"):
            mean, drift = (np.bincount(which, weights=v, minlength=_N_BINS) / count for v in (eye.mean(axis=1), slope))
        return xr.Dataset(
            {"position": ("held", mean), "drift": ("held", drift, {"units": "1/s"}), "n_trials": ("held", count)},
            coords={"held": (edges[:-1] + edges[1:]) / 2},
        )
