"""Targeted axes: directions in which activity follows the variables of a task."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.subspaces.labels import check_activity, whole
from neurorec.dynamics.subspaces.principal import averages_of, principal_components
from neurorec.recording import InputError


class Targeted(NamedTuple):
    """Axes of task variables.

    Attributes
    ----------
    variable : tuple of str (variable,)
        In the order in which they were orthogonalised.
    axes : ndarray (variable, unit)
        Orthonormal; the projection of the raw axis of the same variable is positive.
    raw : ndarray (variable, unit)
        Coefficients where they are greatest, denoised, not orthogonalised.
    peak : ndarray of int (variable,)
        The bin at which they are.
    size : ndarray (variable, time)
        Length of the denoised coefficients.
    coefficients : ndarray (variable, time, unit)
        Of the regression, in standard deviations of the unit per unit of the variable; NaN where too few trials last.
    mean, scale : ndarray (unit,)
        By which activity was standardised.
    scores : ndarray (condition, time, variable)
        Of the averages by condition.
    """

    variable: tuple[str, ...]
    axes: NDArray[np.float64]
    raw: NDArray[np.float64]
    peak: NDArray[np.int64]
    size: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    scores: NDArray[np.float64]


def targeted_axes(
    trials: ArrayLike, variables: Mapping[str, ArrayLike], condition: ArrayLike, *, n_components: int = 12
) -> Targeted:
    r"""Regress activity on task variables, and make an axis of each.

    Each unit's standardised activity in each bin is regressed on the variables of the trial and a constant,
    :math:`r_{i,t}(k) = \sum_v \beta_{v,i,t} f_v(k) + c_{i,t}`. Coefficients are projected onto the first principal
    components of the averages by condition, which takes noise off; those of the bin where they are longest make the
    variable's axis, and axes are made orthogonal in the order given, so that an earlier one is not touched by a later
    (Mante et al. 2013, doi:10.1038/nature12742, Supplementary Information 6).

    Parameters
    ----------
    trials : array-like (trial, time, unit)
        Activity, NaN where not recorded.
    variables : mapping of str to array-like (trial,)
        Numbers: the choice as -1 and 1, a coherence as -1 to 1, so that axes are comparable.
    condition : array-like (trial,)
        Labels of the averages that are projected.
    n_components : int
        Principal components that are kept; at most as many as there are.

    Returns
    -------
    Targeted

    Raises
    ------
    InputError
        Variables that are missing somewhere, constant, or told by others.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> choice, colour = np.repeat([-1.0, 1.0], 20), np.tile([-1.0, 1.0], 20)
    >>> trials = np.stack([choice, colour + choice, 0 * choice], axis=-1)[:, None].repeat(6, axis=1)
    >>> trials = trials + 0.1 * rng.standard_normal(trials.shape)
    >>> labels = [f"{a:g} {b:g}" for a, b in zip(choice, colour)]
    >>> found = targeted_axes(trials, {"choice": choice, "colour": colour}, labels)
    >>> np.abs(found.axes @ found.axes.T).round(6).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    values, labels = check_activity(trials, least=3), np.asarray(condition)
    names, design = _design(variables, len(values))
    known = whole(values)
    mean = values[known].mean(axis=0)
    scale = values[known].std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    standard = (values - mean) / scale
    coefficients = np.full((len(names), values.shape[1], values.shape[2]), np.nan)
    for t in range(values.shape[1]):
        rows = known[:, t]
        if rows.sum() > design.shape[1] and np.linalg.matrix_rank(design[rows]) == design.shape[1]:
            coefficients[:, t] = np.linalg.lstsq(design[rows], standard[rows, t], rcond=None)[0][1:]
    if not np.isfinite(coefficients).any():
        found = "none"
        remedy = "take fewer variables or a shorter window"
        raise InputError("trials", expected="a bin that enough trials have", found=found, remedy=remedy)
    averages = averages_of(standard, labels)
    most = int(min(n_components, whole(averages).sum(), values.shape[2]))
    basis = principal_components(averages, n_components=most).components
    denoised = coefficients @ basis.T @ basis
    size = np.linalg.norm(denoised, axis=2)
    peak = np.nanargmax(size, axis=1)
    raw = denoised[np.arange(len(names)), peak]
    q, r = np.linalg.qr(raw.T)
    signs = np.where(np.diagonal(r) < 0, -1.0, 1.0)
    if (np.abs(np.diagonal(r)) <= 1e-9 * np.linalg.norm(raw, axis=1).max()).any():
        expected, remedy = "axes that differ", "leave a variable out or keep more components"
        raise InputError("variables", expected=expected, found="one that others span", remedy=remedy)
    axes = (q * signs).T
    return Targeted(names, axes, raw, peak, size, coefficients, mean, scale, averages @ axes.T)


def _design(variables: Mapping[str, ArrayLike], n_trials: int) -> tuple[tuple[str, ...], NDArray]:
    """Names, and a constant and the variables ``(trial, 1 + variable)``."""
    columns = {name: np.asarray(values, dtype=float) for name, values in variables.items()}
    if not columns:
        raise InputError("variables", expected="one or more", found="none", remedy="name them")
    for name, values in columns.items():
        if values.shape != (n_trials,) or not np.isfinite(values).all():
            found, remedy = f"shape {values.shape}, or NaN in it", "leave out the trials that lack it"
            raise InputError(name, expected=f"a number for each of {n_trials} trials", found=found, remedy=remedy)
        if np.ptp(values) == 0:
            raise InputError(name, expected="a variable that varies", found="a constant", remedy="leave it out")
    design = np.column_stack([np.ones(n_trials), *columns.values()])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        remedy = "leave one of them out"
        raise InputError(
            "variables", expected="none that others tell", found=", ".join(columns) + " together do", remedy=remedy
        )
    return tuple(columns), design
