"""The linear map that moves delay vectors by a step: the dynamics that responses themselves show."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, solve

from neurorec.comparison.arrays import Responses, as_conditions
from neurorec.recording import InputError

_SOUND = 1e-6  # of the largest singular value: smaller ones come from a Gram matrix and would be mostly rounding


class DelayMap(NamedTuple):
    """A linear map of delay vectors.

    Attributes
    ----------
    matrix : ndarray (component after, component before)
        In principal components of the delay vectors, each scaled to a mean square of 1.
    eigenvalues : ndarray of complex (component,)
        Of it, by falling modulus; per step.
    singular_values : ndarray (component,)
        Root mean squares of the delay vectors along their components, in units of the responses.
    explained : float
        Share of the delay vectors' sum of squares, within the components, that the map predicts a step ahead.
    variance : float
        Share of the delay vectors' sum of squares that the components hold.
    n_vectors : int
        Delay vectors, of all conditions.
    """

    matrix: NDArray[np.float64]
    eigenvalues: NDArray[np.complex128]
    singular_values: NDArray[np.float64]
    explained: float
    variance: float
    n_vectors: int


def delay_map(
    x: Responses, *, n_delays: int = 10, interval: int = 1, rank: int | None = 20, penalty: float = 0.0
) -> DelayMap:
    r"""Fit the linear map of delay vectors.

    A delay vector :math:`h_t = (x_t, x_{t - k}, \dots, x_{t - (D - 1) k})` lies within one condition: none crosses from
    one to the next, nor a step that is missing, so conditions may be of any length. With z the first components of h,
    scaled to a mean square of 1, :math:`A = \arg\min \sum_t |z_{t + 1} - A z_t|^2 + n\,\mathrm{penalty}\,|A|^2`.
    Responses are taken less their mean over all steps, per unit.

    Products of delay vectors are those of x at D lags, but for the ends of the conditions: they are computed from these
    lags and corrected at the ends, and only the largest eigenvectors are asked for.

    Parameters
    ----------
    x : array_like (condition, time, unit), or a sequence of (time, unit)
        Trials or conditions; steps that are missing are NaN.
    n_delays : int
        D, vectors of x in a delay vector.
    interval : int
        k, steps between them.
    rank : int, optional
        Components; by default 20. Fewer where delay vectors do not have as many; None: as many as they have.
    penalty : float
        Of the map, in parts of the mean square.

    Returns
    -------
    DelayMap

    Raises
    ------
    InputError
        No condition as long as a delay vector and a step; counts below 1.

    References
    ----------
    Ostrow et al. 2023, https://doi.org/10.48550/arXiv.2306.10168

    Examples
    --------
    >>> turn = 0.95 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    >>> x = [np.array([np.linalg.matrix_power(turn, t) @ start for t in range(30)]) for start in np.eye(2)]
    >>> found = delay_map([part - part.mean(axis=0) for part in x], n_delays=2, rank=None)
    >>> bool(np.isclose(np.abs(found.eigenvalues), 0.95).sum() >= 2)
    True
    """
    if min(n_delays, interval) < 1 or (rank is not None and rank < 1):
        found = f"{n_delays}, {interval} and {rank}"
        raise InputError("n_delays, interval and rank", expected="1 or more", found=found, remedy="raise them")
    stretches = _stretches(x, (n_delays - 1) * interval + 2)
    values = np.concatenate(stretches)
    values = values - values.mean(axis=0)
    length = np.array([len(part) for part in stretches])
    begin = np.cumsum(length) - length
    reach = (n_delays - 1) * interval
    now = np.concatenate([np.arange(b + reach, b + n) for b, n in zip(begin, length, strict=True)])
    gram = _gram(values, now, begin, begin + length, n_delays, interval)
    size, axes = _leading(gram, rank)
    scale = np.sqrt(size / now.size)
    n_units = values.shape[1]
    parts = (values @ axes[k * n_units : (k + 1) * n_units] for k in range(n_delays))
    scores = sum(part[now - k * interval] for k, part in enumerate(parts)) / scale
    before = np.flatnonzero(~np.isin(now, begin + length - 1))  # the last of a stretch has none after it
    matrix, explained = _regress(scores[before], scores[before + 1], scale, penalty)
    values_of = np.linalg.eigvals(matrix)
    values_of = values_of[np.lexsort((values_of.imag, -np.abs(values_of).round(9)))].astype(complex)
    return DelayMap(matrix, values_of, scale, explained, float(size.sum() / np.trace(gram)), now.size)


def _stretches(x: Responses, least: int) -> list[NDArray[np.float64]]:
    """Unbroken stretches ``(time, unit)`` that are long enough."""
    found = []
    for part in as_conditions(x, "x"):
        known = np.concatenate([[False], np.isfinite(part[:, 0]), [False]])
        edges = np.flatnonzero(np.diff(known.astype(int)))
        found += [part[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= least]
    if not found:
        remedy = "use fewer delays, or a shorter interval"
        raise InputError("x", expected=f"a condition of {least} steps or more", found="none", remedy=remedy)
    return found


def _gram(
    values: NDArray, now: NDArray, begin: NDArray, end: NDArray, n_delays: int, interval: int
) -> NDArray[np.float64]:
    """Products of delay vectors ``(delay and unit, delay and unit)``, summed over them.

    The block of delays (a + 1, b + 1) is that of (a, b) with the sums moved back by an interval: what comes in at the
    beginning of each stretch is added, and what falls out at its end is taken off.
    """
    n, reach = values.shape[1], (n_delays - 1) * interval
    first = [values[now].T @ values[now - k * interval] for k in range(n_delays)]
    gram = np.empty((n_delays, n, n_delays, n))
    for k, block in enumerate(first):
        gram[0, :, k], gram[k, :, 0] = block, block.T
    if n_delays > 1:
        back = np.arange(interval)
        entering = (begin[:, None] + reach - interval + back).ravel()
        leaving = (end[:, None] - interval + back).ravel()
        change = _edge(values, entering, n_delays - 1, interval) - _edge(values, leaving, n_delays - 1, interval)
        for a in range(n_delays - 1):
            gram[a + 1, :, 1:] = gram[a, :, :-1] + change[a]
    return gram.reshape(n_delays * n, n_delays * n)


def _edge(values: NDArray, rows: NDArray, n_delays: int, interval: int) -> NDArray[np.float64]:
    """Products of delay vectors at a few rows ``(delay, unit, delay, unit)``."""
    n = values.shape[1]
    vectors = np.concatenate([values[rows - k * interval] for k in range(n_delays)], axis=1)
    return (vectors.T @ vectors).reshape(n_delays, n, n_delays, n)


def _leading(gram: NDArray, rank: int | None) -> tuple[NDArray, NDArray]:
    """Largest eigenvalues, falling, and their vectors, as far as they are more than rounding."""
    n = len(gram)
    low = 0 if rank is None else max(n - rank, 0)
    size, axes = eigh(gram, subset_by_index=[low, n - 1], check_finite=False)
    size, axes = size[::-1], axes[:, ::-1]
    sound = size > _SOUND**2 * max(size[0], 0.0)
    if not sound.any():
        raise InputError("x", expected="responses that vary", found="one constant", remedy="leave it out")
    return size[sound], axes[:, sound]


def _regress(before: NDArray, after: NDArray, scale: NDArray, penalty: float) -> tuple[NDArray[np.float64], float]:
    """Least squares ``(after, before)``, and the share explained in units of the responses."""
    gram = before.T @ before
    gram[np.diag_indices_from(gram)] += penalty * len(before) + 1e-12 * np.trace(gram) / len(gram)
    matrix = solve(gram, before.T @ after, assume_a="pos").T
    left = ((after - before @ matrix.T) * scale) ** 2
    return matrix, float(1 - left.sum() / ((after * scale) ** 2).sum())
