"""What recurrence is for in networks that name hard images: where it helps, when, and what late responses hold."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import t as student

from neurorec.decoding import (
    Predictivity,
    decode_windows,
    match_conditions,
    plateau_criterion,
    predictivity_over_time,
    solution_time,
    split_half_reliability,
)

DT = 0.01  # s, a step of the network: the bins of Kar and colleagues
PEAK = 500.0  # spikes/s at the largest activity: a unit stands for a small pool of neurons
N_REPEATS, N_RECORDED = 8, 128
FRACTION, LEAST, N_SUSTAINED = 0.8, 0.1, 2  # of the way to a group's own plateau, which is so far above chance
TOLERANCE = 0.05  # of the plateaus of two images that are matched


class Spread(NamedTuple):
    """A mean over seeds.

    Attributes
    ----------
    mean, error, low, high : float
        With its standard error and the ends of its 95 % interval, by Student's t over seeds.
    """

    mean: float
    error: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.2g} to {self.high:.2g}".replace("-", "−")


def over_seeds(values: NDArray) -> Spread:
    """Mean of a value per seed; seeds where it is missing are left out.

    Examples
    --------
    >>> spread = over_seeds(np.array([1.0, 2.0, 3.0, np.nan]))
    >>> spread.mean, round(spread.error, 3), str(spread)
    (2.0, 0.577, '−0.48 to 4.5')
    """
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if known.size < 2:
        return Spread(float(known.mean()) if known.size else np.nan, np.nan, np.nan, np.nan)
    error = float(known.std(ddof=1) / np.sqrt(known.size))
    half = float(student.ppf(0.975, known.size - 1)) * error
    return Spread(float(known.mean()), error, float(known.mean()) - half, float(known.mean()) + half)


def crossed_interval(
    difference: NDArray, source: NDArray, *, n_draws: int = 2000, rng: np.random.Generator
) -> tuple[float, float]:
    """95 % interval of a mean over seeds and images, both resampled: seeds, and digits with all of their images.

    Parameters
    ----------
    difference : ndarray (seed, image)
        Such as of right answers; NaN where an image does not belong.
    source : ndarray (image,)
        Which digit is in it.
    n_draws : int
        Bootstrap samples.
    rng : numpy.random.Generator
        Samples.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> low, high = crossed_interval(rng.normal(1, 1, (5, 400)), np.arange(400), rng=rng)
    >>> low < 1 < high, high - low < 0.4
    (True, True)
    """
    known = np.isfinite(difference)
    code = np.unique(source, return_inverse=True)[1]
    sums, counts = (np.stack([np.bincount(code, row) for row in x]) for x in (np.where(known, difference, 0.0), known))
    n_seeds, n_digits = sums.shape
    draws = np.empty(n_draws)
    for k in range(n_draws):
        seeds = np.bincount(rng.integers(n_seeds, size=n_seeds), minlength=n_seeds)
        digits = np.bincount(rng.integers(n_digits, size=n_digits), minlength=n_digits)
        draws[k] = (seeds @ sums @ digits) / max(seeds @ counts @ digits, 1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


class Groups(NamedTuple):
    """Images that feedforward networks fail at, and images that both kinds solve.

    Attributes
    ----------
    challenge, control : ndarray of bool (seed, image)
        Chosen for a seed by the networks of all others: selection can then not make what is measured with this one.
    """

    challenge: NDArray[np.bool_]
    control: NDArray[np.bool_]


def choose_images(feedforward: NDArray, recurrent: NDArray) -> Groups:
    """Challenge and control images, as Kar and colleagues have them, but chosen by other networks than are measured.

    Challenge: at most a third of the other feedforward networks are right and at least two thirds of the other
    recurrent ones. Control: at least two thirds of both.

    Parameters
    ----------
    feedforward, recurrent : ndarray of bool (seed, image)
        Whether networks are right.

    Examples
    --------
    >>> feedforward = np.array([[True, False], [True, False], [True, True]])
    >>> groups = choose_images(feedforward, np.ones((3, 2), dtype=bool))
    >>> groups.challenge.tolist()                                       # only the third seed has two others that fail
    [[False, False], [False, False], [False, True]]
    """
    n = len(feedforward)
    others = (1 - np.eye(n)) / (n - 1)
    slack = 1e-9
    wrong, right = others @ feedforward <= 1 / 3 + slack, others @ feedforward >= 2 / 3 - slack
    solved = others @ recurrent >= 2 / 3 - slack
    return Groups(wrong & solved, right & solved)


def record(top: NDArray, *, rng: np.random.Generator) -> NDArray[np.float64]:
    """Spike counts ``(image, repeat, step, unit)`` of some units of the top layer, Poisson given their activity.

    Parameters
    ----------
    top : ndarray (step, image, unit)
        Activity, 0 or more.
    rng : numpy.random.Generator
        Which units, of those that are ever active, and the spikes.
    """
    active = np.flatnonzero(top.max(axis=(0, 1)) > 0)
    units = np.sort(rng.choice(active, min(N_RECORDED, active.size), replace=False))
    expected = PEAK * DT * np.maximum(top[..., units], 0).swapaxes(0, 1) / max(float(top.max()), 1e-12)
    return rng.poisson(expected[:, None], (expected.shape[0], N_REPEATS, *expected.shape[1:])).astype(float)


class Timed(NamedTuple):
    """How well images are decoded, step by step.

    Attributes
    ----------
    accuracy : ndarray (half, image, time)
        Share of an image's repeats that a decoder tells right, in two halves of the repeats; at 0 s nothing has been
        seen: chance.
    time : ndarray (time,)
        End of a step, s.
    """

    accuracy: NDArray[np.float64]
    time: NDArray[np.float64]


def decode_images(counts: NDArray, digit: NDArray, source: NDArray, *, rng: np.random.Generator) -> Timed:
    """Decode the digit from the counts of each step by itself, linearly; whole digits are held out, in five folds.

    Parameters
    ----------
    counts : ndarray (image, repeat, step, unit)
        From `record`.
    digit, source : ndarray (image,)
        What is to be told, and which of the 1,797 it is.
    rng : numpy.random.Generator
        Folds.
    """
    n_images, n_repeats, n_steps, n_units = counts.shape
    code = np.unique(source, return_inverse=True)[1]
    fold = np.repeat(rng.permutation(np.arange(code.max() + 1) % 5)[code], n_repeats)
    label = np.repeat(digit, n_repeats)
    right = decode_windows(counts.reshape(-1, n_steps, n_units), label, folds=fold, rng=rng).correct(label)
    right = right.reshape(n_images, n_repeats, n_steps)
    halves = np.stack([right[:, k::2].mean(axis=1) for k in range(2)])
    accuracy = np.concatenate([np.full((2, n_images, 1), 0.1), halves], axis=2)
    return Timed(accuracy, DT * np.arange(n_steps + 1))


def group_time(accuracy: NDArray, time: NDArray, weight: NDArray) -> NDArray[np.float64]:
    """When the accuracy of a group of images gets 0.8 of the way from chance to its own plateau, and stays for a step.

    The time is that of the group's curve. Times of single images from few repeats would be biased: where accuracy is
    noisy it fails the criterion now and then, so that worse images seem later although nothing changes in time.

    Parameters
    ----------
    accuracy : ndarray (image, time)
        By image.
    time : ndarray (time,)
        Seconds.
    weight : ndarray (..., image)
        How often each image counts.

    Returns
    -------
    ndarray (...)
        Seconds; NaN where the plateau, the mean of the last two steps, is less than 0.1 above chance.

    Examples
    --------
    >>> accuracy = np.array([[0.1, 0.9, 0.9, 0.9], [0.1, 0.1, 0.9, 0.9]])
    >>> group_time(accuracy, np.array([0.0, 0.01, 0.02, 0.03]), np.eye(2)).round(3).tolist()
    [0.008, 0.018]
    """
    curve = weight @ accuracy / np.maximum(weight.sum(axis=-1, keepdims=True), 1)
    window = (float(time[-2]), float(time[-1]))
    criterion = plateau_criterion(curve, time, window, chance=0.1, fraction=FRACTION, least=LEAST)
    return solution_time(curve, time, criterion, n_sustained=N_SUSTAINED).time


class Later(NamedTuple):
    """Solution time of one group less that of another.

    Attributes
    ----------
    difference, low, high : float
        Seconds, with the ends of the 95 % bootstrap interval over images; NaN where a group is not decoded.
    n_images : (int, int)
        In the first and second group.
    """

    difference: float
    low: float
    high: float
    n_images: tuple[int, int]


def compare_times(
    timed: Timed,
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    *,
    matched: bool,
    n_draws: int = 500,
    rng: np.random.Generator,
) -> Later:
    """Solution time of the second images less that of the first, of all or of pairs with the same plateau.

    Pairs are matched in one half of the repeats and their times are taken from the other: matched and timed in the
    same, control images would be chosen for what went wrong in their last steps.
    """
    accuracy = timed.accuracy.mean(axis=0)
    if matched:
        used = np.flatnonzero(first | second)
        plateau = timed.accuracy[0, used, -2:].mean(axis=1)
        kept = np.zeros(first.size, dtype=bool)
        kept[used] = match_conditions(plateau, second[used], tolerance=TOLERANCE)
        first, second, accuracy = first & kept, second & kept, timed.accuracy[1]
    counts = int(first.sum()), int(second.sum())
    if min(counts) < 3:
        return Later(np.nan, np.nan, np.nan, counts)
    found, draws = [], []
    for group in (first, second):
        weight = np.zeros((n_draws, group.size))
        weight[:, group] = rng.multinomial(group.sum(), np.full(group.sum(), 1 / group.sum()), size=n_draws)
        found.append(float(group_time(accuracy, timed.time, group.astype(float))))
        draws.append(group_time(accuracy, timed.time, weight))
    spread = draws[1] - draws[0]
    known = spread[np.isfinite(spread)]
    enough = known.size >= 0.95 * n_draws
    low, high = np.quantile(known, [0.025, 0.975]) if enough else (np.nan, np.nan)
    return Later(found[1] - found[0], float(low), float(high), counts)


class Explained(NamedTuple):
    """Share of the explainable variance that features explain, mean over units.

    Attributes
    ----------
    all, control, challenge : ndarray (step,)
        In all images, and in each group.
    """

    all: NDArray[np.float64]
    control: NDArray[np.float64]
    challenge: NDArray[np.float64]


def explain(
    features: NDArray, counts: NDArray, control: NDArray[np.bool_], challenge: NDArray[np.bool_], *,
    n_units: int = 40, rng: np.random.Generator,
) -> Explained:  # fmt: skip
    """How well features that do not change in time explain responses, step by step.

    One map for all images; what it explains is then asked of each group by itself.

    Parameters
    ----------
    features : ndarray (image, feature)
        Such as another network's units.
    counts : ndarray (image, repeat, step, unit)
        From `record`.
    control, challenge : ndarray of bool (image,)
        Groups.
    n_units : int
        Units that are explained, the first of the recorded ones.
    rng : numpy.random.Generator
        Folds and halves.
    """
    rates = counts[..., :n_units]
    found = predictivity_over_time(features, rates, n_folds=5, n_splits=5, rng=rng)
    groups = (np.ones(len(rates), dtype=bool), control, challenge)
    return Explained(*(_explained(found, rates, group, rng) for group in groups))


def _explained(found: Predictivity, rates: NDArray, group: NDArray[np.bool_], rng: np.random.Generator) -> NDArray:
    """Of one group, with a ceiling of its own; units whose ceiling is 0.1 or less anywhere are left out."""
    if group.sum() < 10:
        return np.full(rates.shape[2], np.nan)
    predicted, observed = (x[group] - x[group].mean(axis=0) for x in (found.predicted, found.observed))
    size = np.sqrt((predicted**2).sum(axis=0) * (observed**2).sum(axis=0))
    r = np.divide((predicted * observed).sum(axis=0), size, out=np.zeros_like(size), where=size > 1e-12)
    ceiling = split_half_reliability(rates[group], n_splits=5, rng=rng)
    reliable = (ceiling > 0.1).all(axis=0)
    return (r * np.abs(r) / np.maximum(ceiling, 0.1))[:, reliable].mean(axis=1)


def by_level(right: NDArray, level: NDArray) -> NDArray[np.float64]:
    """Mean of ``right (..., image)`` by level ``(..., level)``."""
    return np.stack([right[..., level == k].mean(axis=-1) for k in range(int(level.max()) + 1)], axis=-1)


def level_names(levels: tuple[tuple[float, int], ...]) -> list[str]:
    """What levels of `HardImages` are called in figures.

    Examples
    --------
    >>> level_names(((0, 0), (0.2, 0), (0, 3), (0.2, 3)))
    ['clear', '20 % hidden', '3 pieces', '20 % hidden, 3 pieces']
    """
    names = []
    for hidden, pieces in levels:
        parts = [f"{100 * hidden:.0f} % hidden"] if hidden else []
        parts += [f"{pieces} pieces"] if pieces else []
        names.append(", ".join(parts) or "clear")
    return names


def curves(timed: list[Timed], groups: dict[str, NDArray[np.bool_]]) -> xr.Dataset:
    """Decoding against time ``accuracy (group, seed, time)``, of groups of images ``(seed, image)``."""
    nothing = np.full(timed[0].time.size, np.nan)
    rows = [
        [
            one.accuracy.mean(axis=0)[member].mean(axis=0) if member.any() else nothing
            for one, member in zip(timed, each)
        ]
        for each in groups.values()
    ]
    return xr.Dataset(
        {"accuracy": (("group", "seed", "time"), np.array(rows))},
        coords={"group": list(groups), "time": ("time", timed[0].time, {"units": "s"})},
    )
