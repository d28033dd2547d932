"""Cells: the units of one area in one session, which share a network and so count once."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError


class Units(NamedTuple):
    """Values of units and where they come from, as numbers.

    Attributes
    ----------
    value : ndarray (unit,)
        Finite.
    area, session, subject : ndarray of int (unit,)
        Which area, session and subject; sessions of different subjects differ, whatever their names.
    areas : list of str
        Names, in alphabetical order.
    """

    value: NDArray[np.float64]
    area: NDArray[np.int64]
    session: NDArray[np.int64]
    subject: NDArray[np.int64]
    areas: list[str]


class Cells(NamedTuple):
    """What the units of each area in each session come to.

    Attributes
    ----------
    value : ndarray (cell,)
        Mean over units, or another statistic of them.
    n_units : ndarray of int (cell,)
        How many.
    squares : float
        Sum over units of squared distances from the mean of their cell.
    area, session, subject : ndarray of int (cell,)
        Where the cell is.
    """

    value: NDArray[np.float64]
    n_units: NDArray[np.int64]
    squares: float
    area: NDArray[np.int64]
    session: NDArray[np.int64]
    subject: NDArray[np.int64]


def tidy_units(
    value: ArrayLike, area: ArrayLike, session: ArrayLike, subject: ArrayLike | None = None, *, fewest: int = 2
) -> Units:
    """Values without the missing ones, their places numbered.

    Parameters
    ----------
    value : array_like (unit,)
        Missing values are left out.
    area, session, subject : array_like of str (unit,)
        Where each unit comes from; without subjects all are of one.
    fewest : int
        Areas with fewer units are left out.

    Returns
    -------
    Units

    Raises
    ------
    InputError
        When lengths differ.

    Examples
    --------
    >>> tidy_units([1.0, 2.0, np.nan], ["B", "A", "A"], ["s", "s", "s"], fewest=1).area.tolist()
    [1, 0]
    """
    values = np.asarray(value, dtype=float)
    labels = [np.asarray(label, dtype=str) for label in (area, session)]
    labels.append(np.full(values.shape, "") if subject is None else np.asarray(subject, dtype=str))
    for name, label in zip(("area", "session", "subject"), labels, strict=True):
        if label.shape != values.shape or values.ndim != 1:
            raise InputError(
                name,
                expected=f"a label for each value, {values.shape}",
                found=str(label.shape),
                remedy="give arrays over the same units",
            )
    names, counts = np.unique(labels[0][np.isfinite(values)], return_counts=True)
    areas = names[counts >= fewest]
    kept = np.isfinite(values) & np.isin(labels[0], areas)
    places = [label[kept] for label in labels]
    subjects = np.unique(places[2], return_inverse=True)[1].ravel()
    sessions = np.unique(np.column_stack([places[2], places[1]]), axis=0, return_inverse=True)[1].ravel()
    return Units(values[kept], np.searchsorted(areas, places[0]), sessions, subjects, areas.tolist())


def cells_of(units: Units, statistic: Callable[[NDArray[np.float64]], float] | None = None) -> Cells:
    """One value for each area in each session: the mean of its units, or a statistic of them.

    Examples
    --------
    >>> cells_of(tidy_units([1.0, 3.0, 5.0], ["A", "A", "B"], ["s", "s", "s"], fewest=1)).value.tolist()
    [2.0, 5.0]
    """
    place = np.column_stack([units.subject, units.session, units.area])
    pairs, cell = np.unique(place, axis=0, return_inverse=True)
    cell = cell.ravel()
    counts = np.bincount(cell, minlength=len(pairs))
    mean = np.bincount(cell, units.value, minlength=len(pairs)) / counts
    squares = float(((units.value - mean[cell]) ** 2).sum())
    if statistic is not None:
        mean = np.array([statistic(units.value[cell == i]) for i in range(len(pairs))], dtype=float)
    return Cells(mean, counts, squares, pairs[:, 2], pairs[:, 1], pairs[:, 0])


def membership(code: NDArray[np.int64], n: int | None = None) -> NDArray[np.float64]:
    """Ones where a row is of a column's group ``(row, group)``.

    Examples
    --------
    >>> membership(np.array([1, 0])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    n = int(code.max(initial=-1)) + 1 if n is None else n
    return (code[:, None] == np.arange(n)).astype(float)


def against_others(n_areas: int) -> NDArray[np.float64]:
    """Weights of the areas that compare each with the mean of the others ``(area, area)``.

    Examples
    --------
    >>> against_others(3).tolist()
    [[1.0, -0.5, -0.5], [-0.5, 1.0, -0.5], [-0.5, -0.5, 1.0]]
    """
    return np.eye(n_areas) - (1 - np.eye(n_areas)) / max(n_areas - 1, 1)
