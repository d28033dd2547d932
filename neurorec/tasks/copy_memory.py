"""Copy memory: symbols come, time passes, and on a cue they are to be said in order."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError
from neurorec.tasks.scoring import check_outputs, rate_by
from neurorec.tasks.task import Loss, build_trials


@dataclass(frozen=True)
class CopyMemory:
    """Symbols to be kept over a gap and said again from the cue on; before it, the answer is "blank".

    As in Arjovsky, Shah & Bengio 2016 (arXiv:1511.06464), who had 8 symbols, 10 items and gaps of 100 to 500 steps, and
    like them every step counts in the loss; the score is of the items alone.

    Parameters
    ----------
    n_symbols : int
        Symbols to choose from.
    n_items : int
        Symbols to be kept.
    gap : float
        From the last symbol to the cue, s.
    dt : float
        Time per symbol, s.

    Examples
    --------
    >>> task = CopyMemory()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), task.chance
    (1.0, 0.125)
    """

    n_symbols: int = 8
    n_items: int = 5
    gap: float = 1.0
    dt: float = 0.1

    loss: ClassVar[Loss] = "cross_entropy"
    score_name: ClassVar[str] = "fraction of items recalled"

    def __post_init__(self) -> None:
        if self.n_symbols < 2 or self.n_items < 1 or self.gap < 0 or self.dt <= 0:
            found = f"n_symbols {self.n_symbols}, n_items {self.n_items}, gap {self.gap:g}, dt {self.dt:g}"
            expected = "two symbols or more, an item or more, gap >= 0, dt > 0"
            raise InputError("CopyMemory", expected=expected, found=found, remedy="see the defaults")

    @property
    def input_names(self) -> tuple[str, ...]:
        """The symbols, blank, and the cue at which recall begins."""
        return (*(f"symbol_{k + 1}" for k in range(self.n_symbols)), "blank", "cue")

    @property
    def output_names(self) -> tuple[str, ...]:
        """The symbols, and blank."""
        return self.input_names[:-1]

    @property
    def chance(self) -> float:
        """A symbol guessed."""
        return 1 / self.n_symbols

    @property
    def best(self) -> float:
        """Nothing is uncertain."""
        return 1.0

    @property
    def criterion(self) -> float:
        """99 % of items."""
        return 0.99

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; the cue comes with the first step of recall. The condition ``first`` is the first symbol."""
        gap = round(self.gap / self.dt)
        items = rng.integers(self.n_symbols, size=(n_trials, self.n_items))
        due = self.n_items + gap
        heard = np.full((n_trials, due + self.n_items), self.n_symbols)
        said = heard.copy()
        heard[:, : self.n_items], heard[:, due] = items, self.n_symbols + 1
        said[:, due:] = items
        return build_trials(
            self,
            inputs=np.eye(self.n_symbols + 2, dtype=np.float32)[heard],
            targets=np.eye(self.n_symbols + 1, dtype=np.float32)[said],
            mask=np.ones(heard.shape),
            starts={"gap": self.n_items * self.dt, "recall": due * self.dt},
            conditions={"first": items[:, 0] + 1},
        )

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of items that have the highest output when they are due."""
        return float(self._recalled(trials, outputs).mean())

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction of items recalled by their place in the list: ``correct (item)``."""
        recalled = self._recalled(trials, outputs)
        item = np.broadcast_to(np.arange(1, self.n_items + 1), recalled.shape)
        rows = xr.Dataset({"item": ("step", item.ravel())})
        return rate_by(rows, "item", recalled.ravel(), name="correct").rename(n_trials="n_items")

    def _recalled(self, trials: xr.Dataset, outputs: ArrayLike) -> NDArray:
        outputs, targets = check_outputs(trials, outputs), trials["targets"].values
        recall = slice(-self.n_items, None)
        return outputs[:, recall].argmax(axis=-1) == targets[:, recall].argmax(axis=-1)
