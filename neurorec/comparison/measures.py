"""The measures of likeness that a table of comparisons is made of."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurorec.comparison.alignment import kernel_alignment
from neurorec.comparison.arrays import as_conditions, paired_rows, principal
from neurorec.comparison.canonical import canonical_correlations
from neurorec.comparison.dissimilarity import representational_similarity
from neurorec.comparison.dynamical import dynamical_similarity
from neurorec.comparison.predictivity import explained_share, predict_conditions
from neurorec.comparison.shapes import shape_distance
from neurorec.recording import InputError, first_offenders

MIN_CEILING = 0.1
_SAME = 10  # components of each side where a measure needs equally many
_NEARLY_ALL = 0.999  # of the system's variance: what the penalty would shrink away costs most of the time
_DELAYS = 4  # of trials of some 20 steps


class Pair(NamedTuple):
    """Mean responses of a recording and of a system to the same conditions, at the same steps.

    Attributes
    ----------
    recorded : ndarray (condition, time, unit)
        NaN where not recorded, in all units alike.
    system : ndarray (condition, time, unit)
        With its own units.
    ceiling : ndarray (unit,)
        Reliability of the recorded units' means; empty if no measure asks for it.
    """

    recorded: NDArray[np.float64]
    system: NDArray[np.float64]
    ceiling: NDArray[np.float64]


class Measure(NamedTuple):
    """A measure of likeness, and how to read it.

    Attributes
    ----------
    name, long_name : str
        In tables, and in figures.
    function : callable
        From a `Pair` to a number; NaN where it is not defined.
    similar : {1, -1}
        1 where more is more alike, -1 for distances.
    low, high : float
        Its range.
    matched : bool
        Whether it matters which condition is put beside which.
    needs_ceiling : bool
        Whether `Pair.ceiling` is used.
    units : str
        What is done about unequal numbers of units.
    """

    name: str
    long_name: str
    function: Callable[[Pair], float]
    similar: int
    low: float
    high: float
    matched: bool = True
    needs_ceiling: bool = False
    units: str = ""


def _shape(pair: Pair) -> float:
    return shape_distance(pair.recorded, pair.system).distance


def _linear_shape(pair: Pair) -> float:
    return shape_distance(pair.recorded, pair.system, alpha=0.0, n_components=_SAME).distance


def _alignment(pair: Pair) -> float:
    return kernel_alignment(pair.recorded, pair.system).value


def _debiased(pair: Pair) -> float:
    return kernel_alignment(pair.recorded, pair.system, debiased=True).value


def _canonical(pair: Pair) -> float:
    rows = paired_rows(pair.system, pair.recorded)
    learnt_from = rows.condition.size - np.unique(rows.condition, return_counts=True)[1].max()
    return canonical_correlations(pair.recorded, pair.system, n_components=_as_many(learnt_from)).value


def _representational(pair: Pair) -> float:
    return representational_similarity(pair.recorded, pair.system).value


def _dynamical(pair: Pair) -> float:
    sides = [_few_components(side) for side in (pair.recorded, pair.system)]
    most = max(len(part) for part in sides[0])
    delays = max(1, min(_DELAYS, most // 3))
    steps = min(sum(max(len(part) - delays, 0) for part in side) for side in sides)
    return dynamical_similarity(*sides, n_delays=delays, rank=_as_many(steps)).distance


def _as_many(n_rows: int) -> int:
    """Components that can be told from as many rows: with more, rounding would decide the value."""
    return int(np.clip(n_rows // 2, 1, _SAME))


def _predictivity(pair: Pair) -> float:
    rows = paired_rows(pair.system, pair.recorded)
    n_folds = min(5, int(np.unique(rows.condition).size))
    reliable = np.nan_to_num(pair.ceiling, nan=-1.0) > MIN_CEILING
    if not reliable.any():
        return np.nan
    x, y = principal(rows.x, variance=_NEARLY_ALL), rows.y[:, reliable]
    raw = explained_share(predict_conditions(x, y, rows.condition, n_folds=n_folds)[0], y)
    return float(np.median(raw / pair.ceiling[reliable]))


def _few_components(values: NDArray) -> list[NDArray[np.float64]]:
    """Scores on the first principal components, condition by condition; missing steps stay so."""
    parts = as_conditions(values)
    flat = np.concatenate(parts)
    known = np.isfinite(flat[:, 0])
    scores = principal(flat[known], n_components=_SAME)
    filled = np.full((len(flat), scores.shape[1]), np.nan)
    filled[known] = scores
    return np.split(filled, np.cumsum([len(part) for part in parts])[:-1])


_PADDED = "the smaller set is padded with silent units, which changes nothing"
_ROWS = "compares rows; numbers of units do not matter"
_REDUCED = f"principal components of each, at most {_SAME}"

MEASURES: dict[str, Measure] = {
    m.name: m
    for m in (
        Measure("shape", "shape distance, rotations (rad)", _shape, -1, 0.0, np.pi / 2, units=_PADDED),
        Measure(
            "linear_shape", "shape distance, linear maps (rad)", _linear_shape, -1, 0.0, np.pi / 2, units=_REDUCED
        ),
        Measure("cka", "linear CKA", _alignment, 1, 0.0, 1.0, units=_ROWS),
        Measure("cka_debiased", "linear CKA, debiased", _debiased, 1, -np.inf, np.inf, units=_ROWS),
        Measure("cca", "canonical correlation, held out", _canonical, 1, -1.0, 1.0, units=_REDUCED),
        Measure("rsa", "representational similarity", _representational, 1, -1.0, 1.0, units=_ROWS),
        Measure(
            "dsa", "dynamical distance (eigenvalues)", _dynamical, -1, 0.0, np.inf, matched=False, units=_REDUCED
        ),
        Measure(
            "predictivity", "explained share of explainable variance", _predictivity, 1, -np.inf, np.inf,
            needs_ceiling=True, units="each recorded unit is predicted from all units of the system",
        ),
    )
}  # fmt: skip


def find_measures(measures: Sequence[str | Measure]) -> list[Measure]:
    """Measures by name, or as they are.

    Raises
    ------
    InputError
        For a name that is not in `MEASURES`, none at all, or one twice.
    """
    unknown = [m for m in measures if isinstance(m, str) and m not in MEASURES]
    if unknown:
        found, remedy = first_offenders(unknown), "or give a Measure of your own"
        raise InputError("measures", expected=f"some of {', '.join(MEASURES)}", found=found, remedy=remedy)
    found = [MEASURES[m] if isinstance(m, str) else m for m in measures]
    if not found or len({m.name for m in found}) < len(found):
        names = first_offenders(m.name for m in found) or "none"
        raise InputError("measures", expected="one or more, each once", found=names, remedy="name them anew")
    return found
