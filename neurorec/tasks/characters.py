"""Prediction of the next character of a text, with its quotes and brackets noted."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, first_offenders
from neurorec.tasks.scoring import check_outputs, fraction_of_steps, rate_by
from neurorec.tasks.task import Loss, build_trials

OPENING, CLOSING = "([{", ")]}"
WORDS = {"": "ab", '"': "ac", ")": "ad", "]": "ae"}  # of `bracketed_text`, by what will close what is open


class Annotations(NamedTuple):
    """What a reader keeps in mind, after each character of a text.

    Attributes
    ----------
    inside_quotes : ndarray (character,)
        Whether a quote is open. One that is left open ends with its paragraph.
    depth : ndarray (character,)
        How many brackets are open. One that closes nothing is passed over.
    """

    inside_quotes: NDArray
    depth: NDArray


def annotate(text: str) -> Annotations:
    """Follow the quotes and brackets of a text.

    Examples
    --------
    >>> annotate('a(b)"c"').depth.tolist()
    [0, 1, 1, 0, 0, 0, 0]
    """
    letters = np.array(list(text))
    depth = _open(np.isin(letters, list(OPENING)), np.isin(letters, list(CLOSING)))
    straight = np.cumsum(letters == '"')
    new_paragraph = (letters == "\n") & (np.roll(letters, 1) == "\n")
    since = straight - np.maximum.accumulate(np.where(new_paragraph, straight, 0))
    curly = _open(letters == "\u201c", letters == "\u201d")
    return Annotations((since % 2 == 1) | (curly > 0), depth)


def _open(opening: NDArray, closing: NDArray) -> NDArray:
    """How many are open; the count does not fall below 0."""
    count = np.cumsum(opening.astype(int) - closing)
    return count - np.minimum.accumulate(np.minimum(count, 0))


def bracketed_text(n_characters: int, *, rng: np.random.Generator) -> str:
    """Make a text of which the next character depends on what is open.

    Words of two letters, of which the second says what is innermost: ``ab`` where nothing is open, ``ac`` within
    quotes, ``ad`` within round and ``ae`` within square brackets. Brackets are up to three deep; quotes hold words
    only. Behind what has been closed, only memory says what is open still.

    Examples
    --------
    >>> bracketed_text(30, rng=np.random.default_rng(0))
    'ab "ac ac ac" (ad) ab [ae ae a'
    """
    said: list[str] = []
    pending: list[str] = []  # what will close what is open
    length, fresh = 0, True  # fresh: nothing has been said in it yet
    while length < n_characters:
        close, kind, bracket = rng.random() < 0.3, rng.random(), rng.integers(2)
        innermost = pending[-1] if pending else ""
        gap = "" if fresh else " "
        if innermost and close and not fresh:
            token = pending.pop()
        elif innermost == '"' or kind < 0.7:
            token = gap + WORDS[innermost]
        elif kind < 0.85 or len(pending) == 3:
            token = gap + '"'
            pending.append('"')
        else:
            token = gap + OPENING[bracket]
            pending.append(CLOSING[bracket])
        fresh = token[-1] in OPENING or (token[-1] == '"' and innermost != '"')
        said.append(token)
        length += len(token)
    return "".join(said)[:n_characters]


@lru_cache(maxsize=1)
def _built_in() -> str:
    return bracketed_text(20_000, rng=np.random.default_rng(0))


@dataclass(frozen=True)
class CharacterPrediction:
    """Stretches of a text; at each character the next one is to be said.

    Trained on text, some units of an LSTM follow quotes and brackets (Karpathy, Johnson & Fei-Fei 2015,
    arXiv:1506.02078): ``inside_quotes`` and ``depth`` of the trials are there to find them.

    Parameters
    ----------
    text : str
        By default 20,000 characters of `bracketed_text`.
    n_characters : int
        Characters in a trial.
    vocabulary : str
        The characters, in order; by default those of the text. Give that of another text, so that a network trained
        on it can be tested on this one.
    dt : float
        Time per character, s.

    Examples
    --------
    >>> task = CharacterPrediction("to be or not to be, that is the question. " * 9, n_characters=20)
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> task.score(trials, trials["targets"]), round(task.chance, 2), round(task.criterion, 2)
    (1.0, 0.24, 0.86)
    """

    text: str = field(default_factory=_built_in, repr=False)
    n_characters: int = 60
    vocabulary: str = ""
    dt: float = 0.1

    loss: ClassVar[Loss] = "cross_entropy"
    score_name: ClassVar[str] = "fraction of characters predicted"

    def __post_init__(self) -> None:
        if self.n_characters < 1 or self.dt <= 0 or len(self.text) <= self.n_characters:
            expected = f"more characters than n_characters, {self.n_characters}, which is 1 or more, and dt > 0"
            found = f"{len(self.text)} characters, dt {self.dt:g}"
            raise InputError("text", expected=expected, found=found, remedy="give a longer text or shorter trials")
        strange = sorted(set(self.text) - set(self.vocabulary)) if self.vocabulary else []
        if strange or len(set(self.vocabulary)) < len(self.vocabulary):
            found = first_offenders(map(repr, strange)) if strange else "a character twice"
            expected = "each character of the text, once"
            raise InputError("vocabulary", expected=expected, found=found, remedy="replace them, or add them to it")

    @cached_property
    def _letters(self) -> tuple[str, ...]:
        return tuple(self.vocabulary or sorted(set(self.text)))

    @cached_property
    def _codes(self) -> NDArray:
        place = {letter: code for code, letter in enumerate(self._letters)}
        return np.array([place[letter] for letter in self.text])

    @cached_property
    def _notes(self) -> Annotations:
        return annotate(self.text)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The characters."""
        return self._letters

    @property
    def output_names(self) -> tuple[str, ...]:
        """The characters that may be next."""
        return self._letters

    @property
    def chance(self) -> float:
        """Share of the most frequent character."""
        return float(np.bincount(self._codes).max() / self._codes.size)

    @property
    def best(self) -> float:
        """Nobody knows how well a text can be predicted."""
        return float("nan")

    @property
    def criterion(self) -> float:
        """Of a table that knows, for each pair of characters of this text, what follows most often."""
        return self._pairs

    @cached_property
    def _pairs(self) -> float:
        codes, n = self._codes.astype(np.int64), len(self._letters)
        pair = codes[:-2] * n + codes[1:-1]
        triple, count = np.unique(pair * n + codes[2:], return_counts=True)
        first = np.flatnonzero(np.diff(triple // n, prepend=-1))
        return float(np.maximum.reduceat(count, first).sum() / pair.size)

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; the condition ``offset`` is the place in the text of the first character.

        ``inside_quotes (trial, time)`` and ``depth (trial, time)``, as `annotate` has them, are those after the
        character that has come in.
        """
        offset = rng.integers(len(self.text) - self.n_characters, size=n_trials)
        place = offset[:, None] + np.arange(self.n_characters)
        coded = np.eye(len(self._letters), dtype=np.float32)
        return build_trials(
            self,
            inputs=coded[self._codes[place]],
            targets=coded[self._codes[place + 1]],
            mask=np.ones(place.shape),
            conditions={"offset": offset},
        ).assign(
            inside_quotes=(("trial", "time"), self._notes.inside_quotes[place]),
            depth=(("trial", "time"), self._notes.depth[place]),
        )

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of steps at which the next character has the highest output."""
        return fraction_of_steps(trials, self._right(trials, outputs))

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction right by the character that was due: ``correct (character)``."""
        counted = trials["mask"].values > 0
        due = np.array(self._letters)[trials["targets"].values.argmax(axis=-1)]
        rows = xr.Dataset({"character": ("step", due[counted])})
        right = self._right(trials, outputs)[counted]
        return rate_by(rows, "character", right, name="correct").rename(n_trials="n_steps")

    def _right(self, trials: xr.Dataset, outputs: ArrayLike) -> NDArray:
        return check_outputs(trials, outputs).argmax(axis=-1) == trials["targets"].values.argmax(axis=-1)
