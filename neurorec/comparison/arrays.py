"""The rows that two sets of responses share: a condition and a step that both have."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, first_offenders

Responses = ArrayLike | Sequence[ArrayLike]  # (condition, time, unit), or one (time, unit) per condition


class PairedRows(NamedTuple):
    """Rows of two sets of responses, in the same order.

    Attributes
    ----------
    x, y : ndarray (row, unit)
        Each with its own units.
    condition, step : ndarray of int (row,)
        Where the row is from.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    condition: NDArray[np.int64]
    step: NDArray[np.int64]


def as_conditions(responses: Responses, name: str = "responses") -> list[NDArray[np.float64]]:
    """Responses as a list of ``(time, unit)``, one per condition, NaN where nothing was recorded.

    Parameters
    ----------
    responses : array_like (condition, time, unit), or a sequence of (time, unit)
        Conditions of unequal length are a sequence, or an array padded with NaN. A step is missing in all units or in
        none.
    name : str
        What to call them in an error.

    Returns
    -------
    list of ndarray (time, unit)

    Raises
    ------
    InputError
        Axes or numbers of units that do not fit, infinities, and steps that some units miss.

    Examples
    --------
    >>> [part.shape for part in as_conditions([np.zeros((4, 2)), np.zeros((3, 2))])]
    [(4, 2), (3, 2)]
    """
    parts = [np.asarray(part, dtype=float) for part in responses] if np.iterable(responses) else []
    n_units = {part.shape[1] if part.ndim == 2 else None for part in parts}
    if len(n_units) != 1 or None in n_units or not min(part.size for part in parts):
        found = first_offenders(part.shape for part in parts) or "none"
        expected = "(condition, time, unit), or (time, unit) for each condition, with the same units"
        raise InputError(name, expected=expected, found=f"parts {found}", remedy="add the axis that is missing")
    for k, part in enumerate(parts):
        missing = np.isnan(part)
        if np.isinf(part).any() or (missing.any(axis=1) != missing.all(axis=1)).any():
            found, remedy = f"others in condition {k}", "leave such units out"
            raise InputError(name, expected="finite steps, or NaN in all units", found=found, remedy=remedy)
    return parts


def paired_rows(x: Responses, y: Responses, *, least: int = 3) -> PairedRows:
    """Rows that two sets of responses share: steps are counted from each condition's first, and one that either lacks
    is left out.

    Parameters
    ----------
    x, y : see `as_conditions`
        The same conditions in the same order; units and lengths may differ.
    least : int
        Rows that are needed.

    Returns
    -------
    PairedRows

    Raises
    ------
    InputError
        Other numbers of conditions, or too few rows.

    Examples
    --------
    >>> rows = paired_rows([np.ones((4, 2)), np.ones((3, 2))], [np.ones((3, 5)), np.ones((4, 5))])
    >>> rows.x.shape, rows.y.shape, rows.condition.tolist()
    ((6, 2), (6, 5), [0, 0, 0, 1, 1, 1])
    """
    parts = as_conditions(x, "x"), as_conditions(y, "y")
    if len(parts[0]) != len(parts[1]):
        found, remedy = f"{len(parts[0])} and {len(parts[1])}", "put the same conditions in the same order"
        raise InputError("x and y", expected="equally many conditions", found=found, remedy=remedy)
    rows: list[tuple] = []
    for k, (a, b) in enumerate(zip(*parts, strict=True)):
        n = min(len(a), len(b))
        step = np.flatnonzero(np.isfinite(a[:n, 0]) & np.isfinite(b[:n, 0]))
        rows.append((a[step], b[step], np.full(step.size, k), step))
    found = PairedRows(*(np.concatenate(column) for column in zip(*rows, strict=True)))
    if len(found.x) < least:
        remedy = "give more conditions or more steps"
        raise InputError("x and y", expected=f"{least} shared rows or more", found=str(len(found.x)), remedy=remedy)
    return found


def centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values less their mean over rows."""
    return values - values.mean(axis=0)


def principal(
    values: NDArray[np.float64], *, n_components: int | None = None, variance: float = 1.0
) -> NDArray[np.float64]:
    """Scores ``(row, component)`` of centred values on their first principal components.

    As many as hold a share of the variance, at most `n_components`, and no more than the values' rank.
    """
    values = centred(values)
    if values.shape[1] <= values.shape[0]:
        size, axes = np.linalg.eigh(values.T @ values)
        axes = axes[:, ::-1]
    else:  # from the products of rows, where there are fewer rows than units
        size, left = np.linalg.eigh(values @ values.T)
        left = left[:, ::-1]
        axes = None
    size = np.maximum(size[::-1], 0)
    kept = rank_of(size, variance)
    kept = kept if n_components is None else min(kept, n_components)
    if axes is not None:
        return values @ axes[:, :kept]
    return left[:, :kept] * np.sqrt(size[:kept])


def rank_of(power: NDArray[np.float64], variance: float = 1.0) -> int:
    """How many of the falling squared singular values hold a share of their sum, and are more than rounding."""
    sound = int((power > 1e-12 * power.max(initial=0.0)).sum()) if power.max(initial=0.0) > 0 else 0
    if variance >= 1 or not sound:
        return sound
    share = np.cumsum(power[:sound]) / power[:sound].sum()
    return int(np.searchsorted(share, variance - 1e-12) + 1)


def check_varies(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Centred values that vary; others have no shape to compare."""
    values = centred(values)
    if not (values**2).sum() > 0:
        raise InputError(name, expected="responses that vary", found="one constant", remedy="leave it out")
    return values
