"""Demixed principal components: directions that hold what depends on time, on one factor, on another, or on both."""

from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.subspaces.labels import check_activity, complete_times
from neurorec.dynamics.subspaces.principal import averages_of, deal_folds
from neurorec.recording import InputError, first_offenders

PENALTIES = tuple(float(p) for p in np.geomspace(1e-6, 10.0, 15))
_NEGLIGIBLE = 1e-12  # share of the variance below which a part is nothing but rounding


class Demixed(NamedTuple):
    """Demixed principal components.

    Attributes
    ----------
    part : ndarray of str (component,)
        What each component is of: "time", the name of a factor, or "a x b" of two. Most variance first.
    decoder, encoder : ndarray (component, unit)
        Scores are ``(activity - mean) @ decoder.T``; what a component says of the activity is ``score * encoder``.
    mean : ndarray (unit,)
    scores : ndarray (condition, time, component)
    parts : ndarray of str (part,)
    share : ndarray (component, part)
        Of the total variance, what each component explains of each part, by itself. Away from its own part it should
        be about 0; below 0 it adds what was not there.
    share_of_part : ndarray (part,)
        Of the total variance, that of each part of the activity.
    penalty : float
    """

    part: NDArray[np.str_]
    decoder: NDArray[np.float64]
    encoder: NDArray[np.float64]
    mean: NDArray[np.float64]
    scores: NDArray[np.float64]
    parts: NDArray[np.str_]
    share: NDArray[np.float64]
    share_of_part: NDArray[np.float64]
    penalty: float


class DemixingPenalty(NamedTuple):
    """A penalty chosen on held-out trials.

    Attributes
    ----------
    penalty : float
        With the least error.
    penalties, error : ndarray (penalty,)
        Error in the parts of training averages, predicted from held-out ones, over their variance.
    inside : bool
        Whether the least error lies within the penalties tried, rather than at an end.
    """

    penalty: float
    penalties: NDArray[np.float64]
    error: NDArray[np.float64]
    inside: bool


def marginalise(activity: ArrayLike, factors: Mapping[str, ArrayLike]) -> dict[str, NDArray[np.float64]]:
    """The parts of activity that depend on time alone, on each factor, and on both together.

    Each is what averages over the other factor leave, less the parts before; those of factors go with time. They add
    up to the activity less its mean over everything, and are orthogonal to each other.

    Parameters
    ----------
    activity : array-like (condition, time, unit)
        Without NaN.
    factors : mapping of str to array-like (condition,)
        At most two; each combination of their levels has to occur once.

    Returns
    -------
    dict of str to ndarray (condition, time, unit)
        "time", each factor, and "a x b".

    Raises
    ------
    InputError
        More than two factors, or combinations that lack or recur, which are named.

    Examples
    --------
    >>> parts = marginalise([[[1.0]], [[3.0]]], {"side": ["left", "right"]})
    >>> parts["side"].ravel().tolist(), parts["time"].ravel().tolist()
    ([-1.0, 1.0], [0.0, 0.0])
    """
    values = check_activity(activity, least=3)
    labels = {name: np.asarray(levels) for name, levels in factors.items()}
    _check_factors(labels, len(values))
    centred = values - values.mean(axis=(0, 1))
    parts = {"time": np.broadcast_to(centred.mean(axis=0), values.shape)}
    for name, levels in labels.items():
        means = np.array([centred[levels == level].mean(axis=0) for level in np.unique(levels)])
        parts[name] = means[np.unique(levels, return_inverse=True)[1]] - parts["time"]
    if len(labels) == 2:
        parts[" x ".join(labels)] = centred - sum(parts.values())
    elif not labels and len(values) > 1:
        remedy = "name the factors that make them"
        raise InputError("factors", expected="one or two, of several conditions", found="none", remedy=remedy)
    return parts


def demixed_components(
    activity: ArrayLike,
    factors: Mapping[str, ArrayLike],
    *,
    n_components: int = 3,
    penalty: float = 1e-5,
) -> Demixed:
    r"""Components that rebuild each part of the activity from the activity as a whole.

    For each part, the decoder D and the encoder F of a few components minimise :math:`\|X_\phi - F D X\|^2 + \mu \|F
    D\|^2` with :math:`\mu = \text{penalty} \cdot \|X\|^2`, in closed form by regression of reduced rank (Kobak et al.
    2016, doi:10.7554/eLife.10989, eqs 2 and 3). Components of different parts need not be orthogonal.

    Parameters
    ----------
    activity : array-like (condition, time, unit)
        Averages; times at which some condition has NaN are left out.
    factors : mapping of str to array-like (condition,)
        See `marginalise`.
    n_components : int
        Of each part, at most.
    penalty : float
        See `choose_demixing_penalty`.

    Returns
    -------
    Demixed

    Raises
    ------
    InputError
        See `marginalise`; a penalty below 0.

    Examples
    --------
    >>> time = np.linspace(0, 1, 11)
    >>> side = np.array([-1.0, 1.0])[:, None] * np.ones(11)
    >>> activity = np.stack([np.tile(time, (2, 1)) + side, 2 * np.tile(time, (2, 1)) - side], axis=-1)
    >>> found = demixed_components(activity, {"side": ["left", "right"]}, n_components=1, penalty=0.0)
    >>> dict(zip(found.part.tolist(), np.abs(found.share).sum(axis=1).round(3).tolist()))
    {'side': 0.8, 'time': 0.2}
    """
    if not penalty >= 0 or n_components < 1:
        found, remedy = f"{penalty} and {n_components}", "see choose_demixing_penalty"
        raise InputError("penalty and n_components", expected=">= 0 and >= 1", found=found, remedy=remedy)
    values = check_activity(activity, least=3)
    kept = complete_times(values)
    parts = marginalise(values[:, kept], factors)
    mean = values[:, kept].mean(axis=(0, 1))
    whole = (values[:, kept] - mean).reshape(-1, values.shape[2])
    flat = {name: part.reshape(whole.shape) for name, part in parts.items()}
    total = float((whole**2).sum())
    of, decoders, encoders = [], [], []
    for name, (decoder, encoder) in _reduced(whole, flat, n_components, penalty).items():
        of += [name] * len(decoder)
        decoders.append(decoder)
        encoders.append(encoder)
    if not of:
        raise InputError("activity", expected="some variance", found="none", remedy="leave it out")
    decoder, encoder = np.concatenate(decoders), np.concatenate(encoders)
    share = np.array([[_explained(part, d, f) / total for part in flat.values()] for d, f in zip(decoder, encoder)])
    order = np.argsort(-share.sum(axis=1), kind="stable")
    share_of_part = np.array([(part**2).sum() / total for part in flat.values()])
    scores = (values - mean) @ decoder[order].T
    return Demixed(
        np.array(of)[order], decoder[order], encoder[order], mean, scores, np.array(list(parts)), share[order],
        share_of_part, float(penalty),
    )  # fmt: skip


def choose_demixing_penalty(
    trials: ArrayLike,
    factors: Mapping[str, ArrayLike],
    *,
    n_components: int = 3,
    penalties: ArrayLike = PENALTIES,
    n_folds: int = 5,
    rng: np.random.Generator,
) -> DemixingPenalty:
    """The penalty under which held-out trials tell most of the parts of the others' averages.

    Trials of each condition are dealt to folds. Components are found in the averages X of the training trials, and
    applied to those Y of the others: the error is ``sum_part |X_part - F D Y|^2 / |X|^2`` (Kobak et al. 2016). Since
    fewer trials make noisier averages, the penalty is rather too great than too small.

    Parameters
    ----------
    trials : array-like (trial, time, unit)
        Activity, NaN where not recorded.
    factors : mapping of str to array-like (trial,)
        At most two.
    n_components
        As in `demixed_components`.
    penalties : array-like (penalty,)
        To try.
    n_folds : int
        At most as many as there are trials of the rarest condition.
    rng : numpy.random.Generator
        For the folds.

    Returns
    -------
    DemixingPenalty

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> side = np.repeat(["left", "right"], 20)
    >>> trials = np.where(side == "left", 1.0, -1.0)[:, None, None] + rng.standard_normal((40, 8, 5))
    >>> found = choose_demixing_penalty(trials, {"side": side}, rng=rng)
    >>> bool(found.error.min() < 0.6), found.error.shape
    (True, (15,))
    """
    values, grid = check_activity(trials, least=3), np.asarray(penalties, dtype=float)
    code, levels = conditions_of(factors)
    fold = deal_folds(code, n_folds, rng)
    error = np.zeros((n_folds, grid.size))
    for k in range(n_folds):
        train, test = (averages_of(values[part], code[part]) for part in (fold != k, fold == k))
        known = complete_times(np.concatenate([train, test]))
        train, test = train[:, known], test[:, known]
        parts = marginalise(train, levels)
        whole = (train - train.mean(axis=(0, 1))).reshape(-1, train.shape[2])
        seen = (test - test.mean(axis=(0, 1))).reshape(whole.shape)
        flat = {name: part.reshape(whole.shape) for name, part in parts.items()}
        for i, penalty in enumerate(grid):
            for name, (decoder, encoder) in _reduced(whole, flat, n_components, float(penalty)).items():
                error[k, i] += ((flat[name] - seen @ decoder.T @ encoder) ** 2).sum() / (whole**2).sum()
    mean = error.mean(axis=0)
    best = int(mean.argmin())
    return DemixingPenalty(float(grid[best]), grid, mean, 0 < best < grid.size - 1)


def _check_factors(labels: dict[str, NDArray], n_conditions: int) -> None:
    if len(labels) > 2 or "time" in labels:
        found, remedy = first_offenders(labels), "leave some out, or run each pair"
        raise InputError("factors", expected="one or two beside time", found=found, remedy=remedy)
    for name, levels in labels.items():
        if levels.shape != (n_conditions,):
            found, remedy = f"shape {levels.shape}", "give one for each"
            raise InputError(name, expected=f"{n_conditions} levels", found=found, remedy=remedy)
    if not labels:
        return
    seen = list(zip(*(levels.astype(str).tolist() for levels in labels.values()), strict=True))
    every = list(product(*(np.unique(levels.astype(str)).tolist() for levels in labels.values())))
    absent = [" and ".join(combination) for combination in every if combination not in seen]
    twice = sorted({" and ".join(combination) for combination in seen if seen.count(combination) > 1})
    if absent or twice:
        found = f"none of {first_offenders(absent)}" if absent else f"several of {first_offenders(twice)}"
        expected = f"each combination of {' and '.join(labels)} once"
        raise InputError("conditions", expected=expected, found=found, remedy="leave out the levels that lack some")


def conditions_of(factors: Mapping[str, ArrayLike]) -> tuple[NDArray[np.str_], dict[str, NDArray]]:
    """A label for each trial, and the factors' levels by sorted label."""
    labels = {name: np.asarray(levels) for name, levels in factors.items()}
    if not labels:
        raise InputError("factors", expected="one or two", found="none", remedy="name them")
    text = [" and ".join(row) for row in zip(*(v.astype(str).tolist() for v in labels.values()), strict=True)]
    code, first = np.unique(np.array(text), return_index=True)
    return np.array(text), {name: levels[first] for name, levels in labels.items()} if code.size else {}


def _reduced(
    whole: NDArray, parts: dict[str, NDArray], n_components: int, penalty: float
) -> dict[str, tuple[NDArray, NDArray]]:
    """Decoder and encoder ``(component, unit)`` of each part that has variance, from ``(sample, unit)``."""
    power, basis = np.linalg.eigh(whole.T @ whole)
    total = power.sum()
    ridge = penalty * total
    kept = power > 1e-12 * power[-1] if power[-1] > 0 else np.zeros(power.size, dtype=bool)
    inverse = (basis[:, kept] / (power[kept] + ridge)) @ basis[:, kept].T
    found = {}
    for name, part in parts.items():
        size = float((part**2).sum())
        if size <= _NEGLIGIBLE * total:
            continue
        crossed = part.T @ whole  # (unit of the part, unit)
        regression = crossed @ inverse
        size, directions = np.linalg.eigh(crossed @ regression.T)
        rank = int((size > _NEGLIGIBLE * max(size[-1], 0)).sum())
        encoder = directions[:, ::-1][:, : min(n_components, rank)].T
        largest = np.take_along_axis(encoder, np.abs(encoder).argmax(axis=1)[:, None], axis=1)
        encoder = encoder * np.where(largest < 0, -1.0, 1.0)
        found[name] = encoder @ regression, encoder
    return found


def _explained(part: NDArray, decoder: NDArray, encoder: NDArray) -> float:
    """Variance of a part that one component explains of it."""
    return float((part**2).sum() - ((part - np.outer(part @ decoder, encoder)) ** 2).sum())
