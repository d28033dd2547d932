"""The Reber grammar, and the embedded one: which letters may come next?"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from neurorec.recording import InputError
from neurorec.tasks.scoring import check_outputs, fraction_of_steps, rate_by
from neurorec.tasks.task import Loss, Task, build_trials

LETTERS = "BTPSXVE"
# Cleeremans et al. 1989, figure 3: node -> what may come next, and where it leads. The string begins with B, before
# node 0; -1 is the end.
REBER: dict[int, dict[str, int]] = {
    0: {"T": 1, "P": 2},
    1: {"S": 1, "X": 3},
    2: {"T": 2, "V": 4},
    3: {"X": 2, "S": 5},
    4: {"P": 3, "V": 5},
    5: {"E": -1},
}


class Grammar(NamedTuple):
    """A grammar of which every node has one or two ways on.

    Attributes
    ----------
    letter : ndarray (node, way)
        The letter that a way says, as its place in `LETTERS`.
    following : ndarray (node, way)
        The node that it leads to, -1 at the end.
    first : ndarray (node,)
        Probability of the first way.
    legal : ndarray (node, letter)
        Which letters may come next.
    """

    letter: NDArray
    following: NDArray
    first: NDArray
    legal: NDArray


def _grammar(edges: dict[int, dict[str, int]], first: dict[int, float] | None = None) -> Grammar:
    ways = [[*edges[node].items()] for node in range(len(edges))]
    letter = np.array([[LETTERS.index(way[k % len(way)][0]) for k in range(2)] for way in ways])
    following = np.array([[way[k % len(way)][1] for k in range(2)] for way in ways])
    legal = np.zeros((len(edges), len(LETTERS)), dtype=bool)
    np.put_along_axis(legal, letter, True, axis=1)
    return Grammar(letter, following, np.array([(first or {}).get(node, 0.5) for node in edges]), legal)


def _embedded(bias: float) -> Grammar:
    """Node 0; then per arm its first letter said, the six inner nodes, the inner E said; node 17 before the last E."""
    edges: dict[int, dict[str, int]] = {0: {"T": 1, "P": 9}}
    first = {}
    for arm, base, sign in (("T", 1, 1), ("P", 9, -1)):
        edges[base] = {"B": base + 1}
        for node, ways in REBER.items():
            edges[base + 1 + node] = {letter: base + 1 + to if to >= 0 else base + 7 for letter, to in ways.items()}
            first[base + 1 + node] = 0.5 + sign * bias
        edges[base + 7] = {arm: 17}
    edges[17] = {"E": -1}
    return _grammar(dict(sorted(edges.items())), first)


def _walk(grammar: Grammar, n_trials: int, n_steps: int, rng: np.random.Generator) -> NDArray:
    """Nodes ``(trial, step)`` that strings pass, -1 behind their end, and the letters that they say from there."""
    letter, following = (np.vstack([table, [-1, -1]]) for table in (grammar.letter, grammar.following))
    first = np.append(grammar.first, 1.0)
    passed = np.full((2, n_trials, n_steps), -1)
    rows = np.arange(n_trials)
    while rows.size:  # strings that are too long are drawn again, never cut
        way = rng.random((n_steps, rows.size))
        node = np.zeros(rows.size, dtype=int)
        for step in range(n_steps):
            choice = (way[step] >= first[node]).astype(int)
            passed[0, rows, step], passed[1, rows, step] = node, letter[node, choice]
            node = following[node, choice]
        rows = rows[node >= 0]
    return passed


def _strings(task: Task, grammar: Grammar, longest: int, n_trials: int, rng: np.random.Generator) -> xr.Dataset:
    """Trials of next-letter prediction, with the node and the legal letters at each step."""
    node, letter = _walk(grammar, n_trials, longest - 1, rng)
    coded = np.eye(len(LETTERS) + 1, len(LETTERS), dtype=np.float32)  # row -1, of padding, is 0
    before = np.where(node >= 0, np.hstack([np.zeros((n_trials, 1), dtype=int), letter[:, :-1]]), -1)
    legal = np.vstack([grammar.legal, np.zeros((1, len(LETTERS)), dtype=bool)])[node]
    mask = node >= 0
    length = mask.sum(axis=1)
    return build_trials(
        task,
        inputs=coded[before],
        targets=coded[letter],
        mask=mask,
        duration=length * task.dt,
        conditions={"length": length + 1},
    ).assign(node=(("trial", "time"), node), legal=(("trial", "time", "output"), legal))


def _legal_steps(trials: xr.Dataset, outputs: ArrayLike, threshold: float) -> NDArray:
    """Whether exactly the legal letters have a probability above the threshold ``(trial, time)``."""
    said = softmax(check_outputs(trials, outputs), axis=-1) > threshold
    return (said == trials["legal"].values).all(axis=-1)


def _blind(grammar: Grammar, n_steps: int) -> float:
    """Fraction of steps at which who sees no letter, but knows the time, names exactly the legal ones."""
    sets, kind = np.unique(grammar.legal, axis=0, return_inverse=True)
    at = np.zeros(len(grammar.first))
    at[0], right, total = 1.0, 0.0, 0.0
    for _ in range(n_steps):
        right += np.bincount(kind.ravel(), weights=at, minlength=len(sets)).max()
        total += at.sum()
        moved = np.zeros(len(at) + 1)  # the last, -1, takes what has ended
        np.add.at(moved, grammar.following, at[:, None] * np.stack([grammar.first, 1 - grammar.first], axis=1))
        at = moved[:-1]
    return float(right / total)


def _check_grammar(longest: int, threshold: float, dt: float, *, shortest: int, rarest: float) -> None:
    if longest < shortest or dt <= 0:
        expected = f"at least {shortest}, the shortest string, and dt above 0"
        raise InputError("longest", expected=expected, found=f"{longest}, dt {dt}", remedy="try 40")
    if not 0 < threshold < rarest:
        expected = f"between 0 and {rarest:g}, the probability of the rarest legal letter"
        raise InputError("threshold", expected=expected, found=f"{threshold:g}", remedy="Cleeremans et al. took 0.3")


@dataclass(frozen=True)
class Reber:
    """Strings such as ``BTSSXXTVVE``; at each letter the next is to be said (Cleeremans et al. 1989).

    Where two letters are legal both are as likely, so a network that knows the grammar gives each 0.5. Its nodes can be
    found in the hidden units of a trained Elman network (doi:10.1162/neco.1989.1.3.372).

    Parameters
    ----------
    longest : int
        Most letters in a string; longer ones, fewer than 1 in 4000 by default, are drawn again.
    threshold : float
        Probability above which a letter counts as predicted.
    dt : float
        Time per letter, s.

    Examples
    --------
    >>> task = Reber()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, 9.0 * trials["legal"]), round(task.chance, 2)
    (1.0, 0.48)
    """

    longest: int = 32
    threshold: float = 0.3
    dt: float = 0.1

    loss: ClassVar[Loss] = "cross_entropy"
    score_name: ClassVar[str] = "fraction of steps with exactly the legal letters above the threshold"

    def __post_init__(self) -> None:
        _check_grammar(self.longest, self.threshold, self.dt, shortest=5, rarest=0.5)

    @cached_property
    def grammar(self) -> Grammar:
        """Its six nodes."""
        return _grammar(REBER)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The letters."""
        return tuple(LETTERS)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The letters that may be next."""
        return tuple(LETTERS)

    @property
    def chance(self) -> float:
        """Of the best answer that depends on time alone."""
        return _blind(self.grammar, self.longest - 1)

    @property
    def best(self) -> float:
        """What is legal is certain."""
        return 1.0

    @property
    def criterion(self) -> float:
        """99 % of steps."""
        return 0.99

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; the condition ``length`` counts letters.

        ``node (trial, time)`` is the node after the letter that has come in, 0 to 5 as in the paper's figure and -1 in
        padding; ``legal (trial, time, output)`` says which letters may follow. The last letter, E, never comes in.
        """
        return _strings(self, self.grammar, self.longest, n_trials, rng)

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of steps at which all legal letters, and no other, have a probability above the threshold."""
        return fraction_of_steps(trials, _legal_steps(trials, outputs, self.threshold))

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction of steps right by the node of the grammar: ``correct (node)``."""
        counted = trials["mask"].values > 0
        rows = xr.Dataset({"node": ("step", trials["node"].values[counted])})
        right = _legal_steps(trials, outputs, self.threshold)[counted]
        return rate_by(rows, "node", right, name="correct").rename(n_trials="n_steps")


@dataclass(frozen=True)
class EmbeddedReber:
    """``B T <Reber string> T E`` or ``B P <Reber string> P E``: the second letter decides the last but one.

    What lies between is a whole string from B to E and says nothing of it, unless there is a bias. With errors carried
    back by one step, as Elman did, a simple recurrent network keeps the second letter only where it matters on the way
    (Cleeremans et al. 1989, doi:10.1162/neco.1989.1.3.372); an LSTM keeps it without (Hochreiter & Schmidhuber 1997,
    doi:10.1162/neco.1997.9.8.1735), and so can a simple network whose errors are carried back over the whole string.

    Parameters
    ----------
    longest : int
        Most letters in a string; longer ones, fewer than 1 in 4000 by default, are drawn again.
    bias : float
        What is added to 0.5, the probability of the first of two ways inside, after T, and taken from it after P.
    threshold : float
        Probability above which a letter counts as predicted, in `legal_steps`.
    dt : float
        Time per letter, s.

    Examples
    --------
    >>> task = EmbeddedReber()
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), task.legal_steps(trials, 9.0 * trials["legal"]), task.chance
    (1.0, 1.0, 0.5)
    """

    longest: int = 36
    bias: float = 0.0
    threshold: float = 0.3
    dt: float = 0.1

    loss: ClassVar[Loss] = "cross_entropy"
    score_name: ClassVar[str] = "fraction of strings whose last letter but one is predicted"

    def __post_init__(self) -> None:
        if not 0 <= abs(self.bias) < 0.5:
            raise InputError("bias", expected="between -0.5 and 0.5", found=f"{self.bias:g}", remedy="0 is no bias")
        _check_grammar(self.longest, self.threshold, self.dt, shortest=9, rarest=0.5 - abs(self.bias))

    @cached_property
    def grammar(self) -> Grammar:
        """Its 18 nodes: 0; 1 to 8 after T (2 to 7 the inner ones); 9 to 16 after P; 17 before the last letter."""
        return _embedded(self.bias)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The letters."""
        return tuple(LETTERS)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The letters that may be next."""
        return tuple(LETTERS)

    @property
    def chance(self) -> float:
        """T or P, guessed."""
        return 0.5

    @property
    def best(self) -> float:
        """The second letter says it."""
        return 1.0

    @property
    def criterion(self) -> float:
        """99 % of strings."""
        return 0.99

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; conditions: ``length``, in letters, and ``second``, T or P.

        ``node (trial, time)`` and ``legal (trial, time, output)`` as in `Reber.sample`, nodes numbered as in `grammar`.
        """
        trials = _strings(self, self.grammar, self.longest, n_trials, rng)
        return trials.assign(second=("trial", np.where(trials["node"].values[:, 1] == 1, "T", "P")))

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of strings in which the last letter but one is held the most likely when it is due."""
        return float(self._long_distance(trials, outputs).mean())

    def legal_steps(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of all steps at which exactly the legal letters are above the threshold, as `Reber.score` has it."""
        return fraction_of_steps(trials, _legal_steps(trials, outputs, self.threshold))

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction of strings whose last letter but one is predicted, by their length: ``correct (length)``."""
        return rate_by(trials, "length", self._long_distance(trials, outputs), name="correct")

    def _long_distance(self, trials: xr.Dataset, outputs: ArrayLike) -> NDArray:
        outputs = check_outputs(trials, outputs)
        due = (np.arange(len(outputs)), trials["length"].values - 3)  # before the letter, of length - 1 steps
        return outputs[due].argmax(axis=-1) == trials["targets"].values[due].argmax(axis=-1)
