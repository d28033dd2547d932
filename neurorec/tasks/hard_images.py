"""Hard images: handwritten digits that are partly hidden, or crowded by pieces of others, held on for a time."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, are_numbers, check_array, check_count, check_rng, plain
from neurorec.tasks.scoring import highest
from neurorec.tasks.task import Loss, build_trials
from neurorec.tasks.timeline import check_noise, check_spans

Part = Literal["training", "validation", "test"]
PARTS: dict[Part, slice] = {"training": slice(0, 1000), "validation": slice(1000, 1300), "test": slice(1300, None)}
Level = tuple[float, int]
_SIDE = 8  # pixels of a digit
_PIECE = 4  # pixels of a piece of another digit
_SPLIT = 2019  # which digits are in which part never changes: networks of any seed are tried on the same ones


class Digits(NamedTuple):
    """Handwritten digits.

    Attributes
    ----------
    image : ndarray (source, row, column)
        0 for paper, 1 for ink.
    digit : ndarray (source,)
        0 to 9.
    """

    image: NDArray[np.float32]
    digit: NDArray[np.int64]


@cache
def digits() -> Digits:
    """The 1,797 digits of 8 x 8 pixels that scikit-learn brings along (Alpaydin & Kaynak 1998, doi:10.24432/C50P49).

    Examples
    --------
    >>> digits().image.shape, digits().digit[:3].tolist()
    ((1797, 8, 8), [0, 1, 2])
    """
    found = import_module("sklearn.datasets").load_digits()  # a second of imports that no other task needs
    return Digits((found.images / 16).astype(np.float32), found.target.astype(np.int64))


def part_of(part: Part) -> NDArray[np.int64]:
    """Which digits belong to a part: 1,000 for training, 300 for validation, 497 for testing; no digit is in two.

    Examples
    --------
    >>> [part_of(name).size for name in ("training", "validation", "test")]
    [1000, 300, 497]
    """
    return np.random.default_rng(_SPLIT).permutation(1797)[PARTS[part]]


@dataclass(frozen=True)
class HardImages:
    """Say which digit an image shows: whole, with a share of the image hidden, or crowded by pieces of other digits.

    After Spoerer et al. 2017 (doi:10.3389/fpsyg.2017.01551), whose digits are covered by others' debris, and Tang et
    al. 2018 (doi:10.1073/pnas.1719397115), whose objects are partly hidden. A digit of 8 x 8 pixels lies near the
    middle of a larger image, a pixel off it at most. Pieces are 4 x 4 pixels of digits of other classes, anywhere; of
    two things that overlap the darker is seen. What is hidden is hidden by squares of a random grey each, on a grid.
    Everything in an image is of one part's digits: no digit that a network learnt from, not even a piece of one, is in
    the images of another part.

    The image stands still for the whole trial and every step counts in the loss, so that an answer is due from the
    first step on. With `noise` every pixel has noise of its own in every step: whoever adds up over time then has an
    advantage that has nothing to do with hard images.

    Parameters
    ----------
    levels : tuple of (float, int)
        Kinds of images, drawn alike: share of the image that is hidden, and number of pieces.
    part : {"training", "validation", "test"}
        Whose digits.
    side : int
        Rows and columns of an image.
    patch : int
        Rows and columns of a square that hides; divides the side.
    noise : float
        Of each pixel, per square root of a second.
    duration : float
        For how long an image is on, s.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        Shares outside 0 to below 1, pieces below 0, no levels, an unknown part, an image too small, squares that do
        not fit, negative noise or times.

    Examples
    --------
    >>> task = HardImages(levels=((0, 0), (0.25, 0)))
    >>> trials = task.sample(8, rng=np.random.default_rng(0))
    >>> dict(trials.sizes), task.score(trials, trials["targets"]), task.chance
    ({'trial': 8, 'time': 6, 'input': 144, 'output': 10}, 1.0, 0.1)
    """

    levels: tuple[Level, ...] = ((0.0, 0), (0.2, 0), (0.4, 0), (0.0, 3), (0.0, 6))
    part: Part = "training"
    side: int = 12
    patch: int = 2
    noise: float = 0.0
    duration: float = 0.06
    dt: float = 0.01

    loss: ClassVar[Loss] = "cross_entropy"
    score_name: ClassVar[str] = "fraction of images named right in the last step"

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", _levels(self.levels))
        if self.part not in PARTS:
            raise InputError("part", expected=f"one of {', '.join(PARTS)}", found=repr(self.part), remedy="choose one")
        remedy = "a digit may lie a pixel off the middle; the default is 12"
        object.__setattr__(self, "side", check_count("side", self.side, least=_SIDE + 2, remedy=remedy))
        object.__setattr__(self, "patch", check_count("patch", self.patch, remedy="the default is 2"))
        if self.side % self.patch:
            expected = f"pixels that divide the side, {self.side}"
            raise InputError("patch", expected=expected, found=str(self.patch), remedy="the default is 2")
        check_noise(self.noise)
        check_spans({"duration": self.duration}, dt=self.dt)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Pixels, row by row."""
        return tuple(f"pixel_{i}_{j}" for i in range(self.side) for j in range(self.side))

    @property
    def output_names(self) -> tuple[str, ...]:
        """Log odds of the ten digits."""
        return tuple(f"digit_{k}" for k in range(10))

    @property
    def chance(self) -> float:
        """One digit in ten."""
        return 0.1

    @property
    def best(self) -> float:
        """Not known: what is hidden may have been what told two digits apart."""
        return float("nan")

    @property
    def criterion(self) -> float:
        """Four images of five, whole and hard together."""
        return 0.8

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; conditions: ``digit``, ``source`` (which of the 1,797), ``level``, ``hidden``, ``pieces``.

        No digit is shown again before all of its part have been.
        """
        n_trials, rng = check_count("n_trials", n_trials, least=0), check_rng(rng)
        pool = part_of(self.part)
        rounds = [rng.permutation(pool) for _ in range(-(-n_trials // pool.size))]
        source = np.concatenate(rounds)[:n_trials] if rounds else pool[:0]
        level = rng.integers(0, len(self.levels), n_trials)
        hidden, pieces = (np.array([pair[k] for pair in self.levels])[level] for k in range(2))
        image = self.compose(source, hidden, pieces, rng=rng).reshape(n_trials, 1, self.side**2)
        n_steps = round(self.duration / self.dt)
        shape = (n_trials, n_steps, image.shape[2])
        inputs = np.broadcast_to(image, shape)
        if self.noise:
            inputs = inputs + rng.standard_normal(shape, dtype=np.float32) * np.float32(self.noise / np.sqrt(self.dt))
        digit = digits().digit[source]
        return build_trials(
            self,
            inputs=inputs,
            targets=np.broadcast_to(np.eye(10)[digit][:, None], (n_trials, n_steps, 10)),
            mask=np.ones((n_trials, n_steps)),
            conditions={"digit": digit, "source": source, "level": level, "hidden": hidden, "pieces": pieces},
        )

    def compose(
        self, source: NDArray[np.int64], hidden: ArrayLike, pieces: ArrayLike, *, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Draw images ``(image, row, column)`` of digits, so much of each hidden and so many pieces about.

        Parameters
        ----------
        source : ndarray (image,)
            Which of the 1,797 digits.
        hidden : array-like (image,)
            Share of the image's squares that are hidden, rounded to whole ones.
        pieces : array-like (image,)
            Pieces of other digits.
        rng : numpy.random.Generator
            Where everything lies, and which grey.

        Returns
        -------
        ndarray (image, row, column)
            0 to 1.

        Raises
        ------
        InputError
            Digits that are not there, shares outside 0 to 1, pieces below 0, or another number of either.
        """
        source, hidden, pieces = _composed(source, hidden, pieces)
        known, pool, each = digits(), part_of(self.part), np.arange(len(source))
        image = np.zeros((len(source), self.side, self.side), dtype=np.float32)
        middle = (self.side - _SIDE) // 2
        corner = middle + rng.integers(-1, 2, (len(source), 2))
        image[_square(each, corner, _SIDE)] = known.image[source]
        for k in range(pieces.max(initial=0)):
            other = rng.choice(pool, each.size)
            cut, laid = (rng.integers(0, size - _PIECE + 1, (each.size, 2)) for size in (_SIDE, self.side))
            shown = (k < pieces) & (known.digit[other] != known.digit[source])
            piece = known.image[_square(other, cut, _PIECE)] * shown[:, None, None]
            where = _square(each, laid, _PIECE)
            image[where] = np.maximum(image[where], piece)
        return self._hide(image, hidden, rng)

    def _hide(
        self, image: NDArray[np.float32], hidden: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        n_across = self.side // self.patch
        order = rng.random((len(image), n_across**2)).argsort(axis=1).argsort(axis=1)
        covered = (order < np.rint(hidden * n_across**2)[:, None]).reshape(-1, n_across, n_across)
        grey = rng.random(covered.shape, dtype=np.float32)
        covered, grey = (x.repeat(self.patch, axis=1).repeat(self.patch, axis=2) for x in (covered, grey))
        return np.where(covered, grey, image)

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Fraction of images whose digit has the largest output in the last step; NaN without images."""
        right = self._right(trials, outputs)[:, -1]
        return float(right.mean()) if right.size else float("nan")

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction named right by level and step: ``correct (level, time)``, ``n_trials``, ``hidden``, ``pieces``."""
        right = self._right(trials, outputs)
        level = trials["level"].values
        known = np.unique(level)
        means = [right[level == k].mean(axis=0) for k in known]
        return xr.Dataset(
            {
                "correct": (("level", "time"), right[:0] if not known.size else np.stack(means)),
                "n_trials": ("level", [int((level == k).sum()) for k in known]),
                "hidden": ("level", [self.levels[k][0] for k in known]),
                "pieces": ("level", [self.levels[k][1] for k in known]),
            },
            coords={"level": known, "time": trials["time"]},
        )

    @staticmethod
    def _right(trials: xr.Dataset, outputs: ArrayLike) -> NDArray[np.bool_]:
        return highest(trials, outputs) == trials["digit"].values[:, None]


def _levels(levels: Any) -> tuple[Level, ...]:
    """Levels as pairs of numbers, so that the task can be hashed whatever they came in."""
    try:
        pairs = [tuple(map(plain, level)) for level in levels]
    except TypeError:
        pairs = []
    for pair in pairs:
        if len(pair) != 2 or not are_numbers(*pair) or not (0 <= pair[0] < 1 and pair[1] >= 0 and pair[1] % 1 == 0):
            pairs = []
            break
    if not pairs:
        expected = "one or more pairs: a share from 0 to below 1, and a whole number of pieces"
        raise InputError("levels", expected=expected, found=repr(levels), remedy="such as ((0, 0), (0.4, 0))")
    return tuple((hidden, int(pieces)) for hidden, pieces in pairs)


def _composed(
    source: ArrayLike, hidden: ArrayLike, pieces: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """What images are made of, one of each an image."""
    which, share, number = (
        check_array(name, values, "(image,)")
        for name, values in (("source", source), ("hidden", hidden), ("pieces", pieces))
    )
    whole = (which % 1 == 0).all() and (number % 1 == 0).all()
    inside = (which >= 0).all() and (which < digits().digit.size).all() and (number >= 0).all()
    if which.ndim != 1 or share.shape != which.shape or number.shape != which.shape or not (whole and inside):
        expected = f"(image,) each; digits 0 to {digits().digit.size - 1}, whole pieces of 0 or more"
        found = f"shapes {which.shape}, {share.shape}, {number.shape}, or others"
        raise InputError("source, hidden, pieces", expected=expected, found=found, remedy="see HardImages.compose")
    if not ((share >= 0) & (share <= 1)).all():
        raise InputError("hidden", expected="shares from 0 to 1", found="others", remedy="see HardImages.compose")
    return which.astype(np.int64), share, number.astype(np.int64)


def _square(
    first: NDArray[np.int64], corner: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Index of a square of pixels in each image, by its corner ``(image, 2)``."""
    across = np.arange(size)
    return first[:, None, None], corner[:, 0, None, None] + across[:, None], corner[:, 1, None, None] + across
