"""The seven Tomita grammars: does a string of zeros and ones belong?"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError
from neurorec.tasks.scoring import check_outputs, rate_by
from neurorec.tasks.task import Loss, build_trials

When = Literal["end", "each"]

# The state after a 0 and after a 1, from each state, 0 at the start; then the states in which a string may end.
AUTOMATA: dict[int, tuple[list[tuple[int, int]], set[int]]] = {
    1: ([(1, 0), (1, 1)], {0}),
    2: ([(2, 1), (0, 2), (2, 2)], {0}),
    3: ([(0, 1), (2, 0), (3, 4), (2, 1), (4, 4)], {0, 1, 3}),
    4: ([(1, 0), (2, 0), (3, 0), (3, 3)], {0, 1, 2}),
    5: ([(1, 2), (0, 3), (3, 0), (2, 1)], {0}),
    6: ([(2, 1), (0, 2), (1, 0)], {0}),
    7: ([(0, 1), (2, 1), (2, 3), (4, 3), (4, 4)], {0, 1, 2, 3}),
}


def _tables(grammar: int) -> tuple[NDArray, NDArray]:
    ways, final = AUTOMATA[grammar]
    return np.array(ways), np.isin(np.arange(len(ways)), list(final))


@lru_cache(maxsize=64)
def _shares(grammar: int, longest: int) -> NDArray:
    """Of all ways to go on for k more symbols, the share that ends rejected or accepted ``(k, state, class)``."""
    following, final = _tables(grammar)
    share = np.zeros((longest + 1, len(final), 2))
    share[0] = np.stack([~final, final], axis=-1)
    for k in range(1, longest + 1):
        share[k] = share[k - 1][following].mean(axis=1)
    return share


def _draw(grammar: int, lengths: NDArray, accepted: NDArray, longest: int, rng: np.random.Generator) -> NDArray:
    """Strings ``(trial, symbol)``, each as likely as any other of its length and class; 0 behind the end."""
    following, share = _tables(grammar)[0], _shares(grammar, longest)
    symbols, uniform = np.zeros((lengths.size, longest), dtype=int), rng.random((longest, lengths.size))
    state, kind = np.zeros(lengths.size, dtype=int), accepted.astype(int)
    for step in range(longest):
        left = np.maximum(lengths - step, 1)
        one = share[left - 1, following[state, 1], kind]
        # Over twice the share of the state itself, for its ways on are the mean of two; 0 over 0 only in padding.
        symbols[:, step] = uniform[step] * 2 * share[left, state, kind] < one
        state = following[state, symbols[:, step]]
    return np.where(np.arange(longest) < lengths[:, None], symbols, 0)


def _states(grammar: int, symbols: NDArray) -> NDArray:
    """The automaton's state after each symbol ``(trial, symbol)``."""
    following = _tables(grammar)[0]
    states, state = np.zeros(symbols.shape, dtype=int), np.zeros(len(symbols), dtype=int)
    for step in range(symbols.shape[1]):
        state = following[state, symbols[:, step]]
        states[:, step] = state
    return states


@dataclass(frozen=True)
class Tomita:
    """Strings of zeros and ones; whether one belongs to a regular language is to be said (Tomita 1982).

    The languages, as Giles et al. 1992 give them (doi:10.1162/neco.1992.4.3.393): 1. ``1*``. 2. ``(10)*``. 3. No odd
    run of zeros directly after an odd run of ones. 4. No ``000``. 5. Even numbers of zeros and of ones. 6. Ones minus
    zeros a multiple of 3. 7. ``0*1*0*1*``. (The third is also read as "anywhere after" by some.)

    Half of the strings belong, at every length; lengths at which all or none do are left out. Among the others some are
    one symbol away from a string that belongs, as rejecting a random string is often easy.

    Parameters
    ----------
    grammar : int
        1 to 7.
    shortest, longest : int
        Lengths of strings, in symbols.
    when : {"end", "each"}
        Whether the string belongs is asked at its end, or of what has come so far, at each symbol.
    near : float
        Share of the strings that do not belong that are made from one that does, by the change of one symbol.
    dt : float
        Time per symbol, s.

    Examples
    --------
    >>> task = Tomita(4)
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"] - 0.5), task.chance
    (1.0, 0.5)
    """

    grammar: int = 1
    shortest: int = 1
    longest: int = 16
    when: When = "end"
    near: float = 0.5
    dt: float = 0.1

    loss: ClassVar[Loss] = "bernoulli"
    score_name: ClassVar[str] = "mean of the fractions right where the string belongs and where it does not"

    def __post_init__(self) -> None:
        if self.grammar not in AUTOMATA:
            raise InputError("grammar", expected="1 to 7", found=str(self.grammar), remedy="choose one")
        if self.when not in get_args(When):
            raise InputError("when", expected="end or each", found=repr(self.when), remedy="choose one")
        if not 0 <= self.near <= 1 or self.dt <= 0:
            found = f"near {self.near:g}, dt {self.dt:g}"
            raise InputError("Tomita", expected="near in 0 to 1, dt > 0", found=found, remedy="near is a share")
        if not 1 <= self.shortest <= self.longest or not self.lengths.size:
            found = f"{self.shortest} to {self.longest}"
            expected = "a range from 1 or more with a length at which some strings belong and some do not"
            raise InputError("shortest, longest", expected=expected, found=found, remedy="try 1 to 16")

    @property
    def lengths(self) -> NDArray:
        """Lengths that strings have, in symbols ``(length,)``."""
        both = (_shares(self.grammar, self.longest)[:, 0] > 0).all(axis=1)
        return np.flatnonzero(both & (np.arange(self.longest + 1) >= self.shortest))

    @property
    def input_names(self) -> tuple[str, ...]:
        """A 0 came, a 1 came."""
        return ("0", "1")

    @property
    def output_names(self) -> tuple[str, ...]:
        """Log odds that the string belongs."""
        return ("accepted",)

    @property
    def chance(self) -> float:
        """At the end 0.5. At each symbol, of the best answer by the time alone, measured on 4000 strings."""
        return 0.5 if self.when == "end" else _blind(self)

    @property
    def best(self) -> float:
        """Nothing is uncertain."""
        return 1.0

    @property
    def criterion(self) -> float:
        """99 %."""
        return 0.99

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; conditions: ``length``, in symbols, ``belongs`` and ``near``, whether one symbol was changed.

        ``state (trial, time)`` is the state of the grammar's automaton after each symbol, 0 also before the first, and
        -1 in padding.
        """
        length, accepted = rng.choice(self.lengths, n_trials), rng.random(n_trials) < 0.5
        near = ~accepted & (rng.random(n_trials) < self.near)
        symbols = _draw(self.grammar, length, accepted | near, self.longest, rng)
        symbols[np.flatnonzero(near), rng.integers(length)[near]] ^= 1
        final, rows = _tables(self.grammar)[1], np.arange(n_trials)
        states = _states(self.grammar, symbols)
        still = near & final[states[rows, length - 1]]  # the change has led to another string that belongs
        if still.any():
            symbols[still] = _draw(self.grammar, length[still], accepted[still], self.longest, rng)
            states[still] = _states(self.grammar, symbols[still])
        there = np.arange(self.longest) < length[:, None]
        asked = there if self.when == "each" else np.arange(self.longest) == length[:, None] - 1
        return build_trials(
            self,
            inputs=np.eye(3, 2, dtype=np.float32)[np.where(there, symbols, -1)],
            targets=(final[states] & asked)[..., None],
            mask=asked,
            duration=length * self.dt,
            conditions={"length": length, "belongs": accepted, "near": near & ~still},
        ).assign(state=(("trial", "time"), np.where(there, states, -1)))

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Mean of the fractions right among steps asked at which the string belongs and at which it does not."""
        right, belongs = self._answers(trials, outputs)
        return float(np.mean([right[belongs == kind].mean() for kind in np.unique(belongs)]))

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction of answers right by the length of what has come: ``correct (symbols)``."""
        counted = trials["mask"].values > 0
        symbols = np.broadcast_to(np.arange(1, counted.shape[1] + 1), counted.shape)[counted]
        rows = xr.Dataset({"symbols": ("step", symbols)})
        right = self._answers(trials, outputs)[0]
        return rate_by(rows, "symbols", right, name="correct").rename(n_trials="n_steps")

    def _answers(self, trials: xr.Dataset, outputs: ArrayLike) -> tuple[NDArray, NDArray]:
        """What was right, and what belongs, over the steps that are asked ``(step,)``."""
        counted = trials["mask"].values > 0
        belongs = trials["targets"].values[counted][:, 0] > 0.5
        return (check_outputs(trials, outputs)[counted][:, 0] > 0) == belongs, belongs


@lru_cache(maxsize=64)
def _blind(task: Tomita) -> float:
    trials = task.sample(4000, rng=np.random.default_rng(0))
    counted, belongs = trials["mask"].values > 0, trials["targets"].values[..., 0] > 0.5
    by_time = np.stack([(counted & (belongs == kind)).sum(axis=0) for kind in (False, True)]).astype(float)
    return float((by_time / by_time.sum(axis=1, keepdims=True)).max(axis=0).sum() / 2)
