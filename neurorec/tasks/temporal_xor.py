"""Temporal exclusive or: a stream of bits of which every third follows from the two before it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neurorec.recording import InputError
from neurorec.tasks.scoring import check_outputs, fraction_of_steps, rate_by
from neurorec.tasks.task import Loss, build_trials


@dataclass(frozen=True)
class TemporalXOR:
    """Triples of bits ``a, b, a xor b``, one after another; at each bit the next one is to be said (Elman 1990).

    The first two bits of a triple are random, so the squared error of a network that has found out falls at every third
    bit only (doi:10.1207/s15516709cog1402_1). Elman's stream had 1000 triples; trials are shorter streams.

    Parameters
    ----------
    n_triples : int
        Triples in a trial.
    dt : float
        Time per bit, s.

    Examples
    --------
    >>> task = TemporalXOR(n_triples=4)
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"] - 0.5), task.chance, task.best
    (1.0, 0.5, 1.0)
    """

    n_triples: int = 20
    dt: float = 0.1

    loss: ClassVar[Loss] = "bernoulli"
    score_name: ClassVar[str] = "fraction right of the bits that can be predicted, every third"

    def __post_init__(self) -> None:
        if self.n_triples < 1 or self.dt <= 0:
            found = f"n_triples {self.n_triples}, dt {self.dt}"
            raise InputError("TemporalXOR", expected="numbers above 0", found=found, remedy="the default is 20 triples")

    @property
    def input_names(self) -> tuple[str, ...]:
        """The bit, 0 or 1."""
        return ("bit",)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Log odds that the next bit is 1."""
        return ("next",)

    @property
    def chance(self) -> float:
        """Third bits are 0 or 1 alike."""
        return 0.5

    @property
    def best(self) -> float:
        """Third bits are certain."""
        return 1.0

    @property
    def criterion(self) -> float:
        """99 % of third bits."""
        return 0.99

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials of ``3 * n_triples`` steps.

        ``position (trial, time)`` says which bit of its triple is to be predicted, 1 to 3; the loss counts all of them.
        """
        bits = rng.integers(0, 2, (n_trials, self.n_triples + 1, 3))
        bits[..., 2] = bits[..., 0] ^ bits[..., 1]
        n_steps = 3 * self.n_triples
        bits = bits.reshape(n_trials, -1)[:, : n_steps + 1, None]
        mask = np.ones((n_trials, n_steps))
        trials = build_trials(self, inputs=bits[:, :-1], targets=bits[:, 1:], mask=mask)
        position = np.broadcast_to(np.arange(1, n_steps + 1) % 3 + 1, mask.shape)
        return trials.assign(position=(("trial", "time"), position))

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of third bits that outputs above 0 (for 1) or below (for 0) say right."""
        right = (check_outputs(trials, outputs) > 0) == (trials["targets"].values > 0.5)
        third = trials["position"].values == 3
        return fraction_of_steps(trials.assign(mask=trials["mask"] * third), right[..., 0])

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction right and squared error by the bit's position in its triple: ``correct``, ``squared_error``."""
        outputs, targets = check_outputs(trials, outputs)[..., 0], trials["targets"].values[..., 0]
        counted = trials["mask"].values > 0
        rows = xr.Dataset({"position": ("step", trials["position"].values[counted])})
        right = ((outputs > 0) == (targets > 0.5))[counted]
        error = (0.5 + 0.5 * np.tanh(outputs[counted] / 2) - targets[counted]) ** 2
        found = rate_by(rows, "position", right, name="correct").rename(n_trials="n_steps")
        return found.assign(squared_error=rate_by(rows, "position", error, name="error")["error"])
