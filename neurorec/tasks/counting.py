"""The counting task: words with a run of letters that must be counted."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, are_numbers, check_count, check_rng
from neurorec.tasks.scoring import fraction_of_steps, highest, rate_by
from neurorec.tasks.task import Loss, build_trials

LETTERS = "ABCDEF"


@dataclass(frozen=True)
class Counting:
    """Words ``A B^n C`` and ``D E^n F`` in random order; at each letter the next is to be said (Lazar et al. 2009).

    Which word is next cannot be known, all else can by counting, so the best accuracy is ``1 - .5 / (n + 2)``
    (doi:10.3389/neuro.10.023.2009).

    Parameters
    ----------
    n_repeats : int
        The n above.
    n_words : int
        Words in a trial.
    dt : float
        Time per letter, s.

    Raises
    ------
    InputError
        Numbers that are not above 0.

    Examples
    --------
    >>> task = Counting(n_repeats=3)
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), task.chance, round(task.best, 2)
    (1.0, 0.5, 0.9)
    """

    n_repeats: int = 4
    n_words: int = 10
    dt: float = 0.1

    loss: ClassVar[Loss] = "cross_entropy"
    score_name: ClassVar[str] = "fraction of letters predicted"

    def __post_init__(self) -> None:
        if not are_numbers(self.n_repeats, self.n_words, self.dt) or min(self.n_repeats, self.n_words, self.dt) <= 0:
            found = f"n_repeats {self.n_repeats!r}, n_words {self.n_words!r}, dt {self.dt!r}"
            raise InputError("Counting", expected="numbers above 0", found=found, remedy="try n_repeats=4")
        object.__setattr__(self, "n_repeats", check_count("n_repeats", self.n_repeats, remedy="try 4"))
        object.__setattr__(self, "n_words", check_count("n_words", self.n_words, remedy="try 10"))

    @property
    def input_names(self) -> tuple[str, ...]:
        """The letters."""
        return tuple(LETTERS)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The next letter."""
        return tuple(LETTERS)

    @property
    def chance(self) -> float:
        """Who keeps count of time since the trial's start, but sees no letter, must guess the word."""
        return 0.5

    @property
    def best(self) -> float:
        """All but the first letters of words."""
        return 1 - 0.5 / (self.n_repeats + 2)

    @property
    def criterion(self) -> float:
        """One word in ten miscounted; who does not count at all loses one letter per word."""
        return self.best - 0.1 / (self.n_repeats + 2)

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials of ``n_words * (n_repeats + 2)`` steps.

        ``position (trial, time)`` is the place in its word of the letter to be predicted, from 1.
        """
        n_trials, rng = check_count("n_trials", n_trials, least=0), check_rng(rng)
        word = np.array([0] + [1] * self.n_repeats + [2])
        which = rng.integers(0, 2, (n_trials, self.n_words + 1))
        n_steps = word.size * self.n_words
        letter = (3 * which[:, :, None] + word).reshape(n_trials, n_steps + word.size)[:, : n_steps + 1]
        coded = np.eye(len(LETTERS), dtype=np.float32)[letter]
        mask = np.ones((n_trials, n_steps))
        position = np.broadcast_to(np.arange(1, n_steps + 1) % word.size + 1, mask.shape)
        trials = build_trials(self, inputs=coded[:, :-1], targets=coded[:, 1:], mask=mask)
        return trials.assign(position=(("trial", "time"), position))

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of steps at which the next letter has the highest output."""
        return fraction_of_steps(trials, self._right(trials, outputs))

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction right by the letter's place in its word: ``correct (position)``. The last shows the counting."""
        counted = trials["mask"].values > 0
        rows = xr.Dataset({"position": ("step", trials["position"].values[counted])})
        right = self._right(trials, outputs)[counted]
        return rate_by(rows, "position", right, name="correct").rename(n_trials="n_steps")

    def _right(self, trials: xr.Dataset, outputs: ArrayLike) -> NDArray:
        return highest(trials, outputs) == trials["targets"].values.argmax(axis=-1)
