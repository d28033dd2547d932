"""Exponential decays, fitted to many autocorrelations at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SHORTEST = 0.2  # bins; exp(-1 / 0.2) is 0.7 %: nothing is left at the first lag to measure a shorter decay by
_POINTS = 160  # of the grid of time constants, which one or two decades need 0.03 apart in log
_PAIR_POINTS = 32
_CHUNK = 4_000_000  # numbers held at a time

CONVERGED = "converged"
NONE = "no positive autocorrelation"
SHORT = "decays faster than the bins resolve"
LONG = "decays slower than the trials can tell"


class Decay(NamedTuple):
    """Decays ``amplitude exp(-lag / tau)``, one or two, and an offset, of each series.

    Attributes
    ----------
    tau, amplitude : ndarray (component, series)
        Bins, and the unit of the series; NaN where the fit has no answer. The shorter decay comes first.
    offset : ndarray (series,)
        0 where none was fitted.
    status : ndarray of str (series,)
        "converged", or why there is no answer.
    """

    tau: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    offset: NDArray[np.float64]
    status: NDArray[np.str_]


class Curves(NamedTuple):
    """Series to which decays are fitted, with what stands between a decay and a series.

    Attributes
    ----------
    series : ndarray (lag, series)
        What is fitted.
    operator : ndarray (lag, true_lag)
        Makes of a true autocovariance what is expected of the series.
    true_lag : ndarray (true_lag,)
        Bins.
    weight : ndarray (lag,)
        Of the squared residuals.
    """

    series: NDArray[np.float64]
    operator: NDArray[np.float64]
    true_lag: NDArray[np.float64]
    weight: NDArray[np.float64]


def fit_decay(
    curves: Curves, *, n_components: int = 1, offset: bool = True, longest: float, refine: bool = True
) -> Decay:
    r"""Fit one or two exponential decays to each series by weighted least squares.

    .. math:: \min \sum_k w_k \Big[y_k - \sum_j M_{kj} \Big(\sum_c A_c e^{-j / \tau_c} + B\Big)\Big]^2, \quad A_c > 0

    Amplitudes and offset are solved for exactly given the time constants, which are searched on a grid, so that there
    is no start to choose and no local minimum above the grid's spacing, and then refined.

    Parameters
    ----------
    curves : Curves
        What is fitted.
    n_components : {1, 2}
        Number of decays.
    offset : bool
        Whether there is one. It is left out where the series cannot tell (a trial's own mean took it off).
    longest : float
        Bins. A decay that is best at this bound, or at the other one of 0.2 bins, has no answer.
    refine : bool
        Search between the points of the grid; otherwise a parabola through the best three, good to 1e-3.

    Returns
    -------
    Decay
        NaN with a reason where there is no answer.

    Examples
    --------
    >>> lag = np.arange(1.0, 30.0)
    >>> curves = Curves(0.5 * np.exp(-lag / 8)[:, None] + 0.1, np.eye(29), lag, np.ones(29))
    >>> fit = fit_decay(curves, longest=30)
    >>> fit.tau.round(4).tolist(), fit.offset.round(4).tolist()
    ([[8.0]], [0.1])
    """
    problem = _Problem.of(curves, offset)
    n_series = curves.series.shape[1]
    tau = np.full((n_components, n_series), np.nan)
    status = np.full(n_series, NONE, dtype=f"<U{len(LONG)}")
    search = _search_one if n_components == 1 else _search_two
    chunk = max(1, _CHUNK // (_POINTS + curves.true_lag.size))
    for start in range(0, n_series, chunk):
        part = slice(start, start + chunk)
        tau[:, part], status[part] = search(problem, problem.series[:, part], longest, refine)
    tau[:, status != CONVERGED] = np.nan
    amplitude, constant = problem.solve(tau)
    return Decay(tau, amplitude, constant, status)


def decay_at(decay: Decay, lag: NDArray) -> NDArray[np.float64]:
    """Value of fitted decays at some lags (bins) ``(lag, series)``."""
    terms = decay.amplitude[:, None] * np.exp(-np.asarray(lag)[None, :, None] / decay.tau[:, None])
    return terms.sum(axis=0) + decay.offset


class _Problem(NamedTuple):
    """Series and operator with the weights in and the offset projected out."""

    series: NDArray[np.float64]
    raw: NDArray[np.float64]
    operator: NDArray[np.float64]
    true_lag: NDArray[np.float64]
    constant: NDArray[np.float64] | None

    @classmethod
    def of(cls, curves: Curves, offset: bool) -> "_Problem":
        root = np.sqrt(curves.weight)[:, None]
        operator, raw = root * curves.operator, root * curves.series
        constant = operator.sum(axis=1)
        # The part of the constant that rounding leaves where the mean that was taken off held all of it.
        if not offset or np.linalg.norm(constant) < 1e-6 * np.linalg.norm(operator):
            return cls(raw, raw, operator, curves.true_lag, None)
        unit = constant / np.linalg.norm(constant)
        project = np.eye(unit.size) - np.outer(unit, unit)
        return cls(project @ raw, raw, operator, curves.true_lag, constant)

    def column(self, tau: NDArray) -> NDArray[np.float64]:
        """Expected series of unit amplitude ``(..., lag)``, the offset projected out."""
        out = self.plain(tau)
        if self.constant is None:
            return out
        unit = self.constant / np.linalg.norm(self.constant)
        return out - (out @ unit)[..., None] * unit

    def plain(self, tau: NDArray) -> NDArray[np.float64]:
        return np.exp(-self.true_lag / np.asarray(tau)[..., None]) @ self.operator.T

    def solve(self, tau: NDArray) -> tuple[NDArray, NDArray]:
        """Amplitudes ``(component, series)`` and offset ``(series,)`` given the time constants."""
        n_components, n_series = tau.shape
        amplitude, offset = np.full(tau.shape, np.nan), np.full(n_series, np.nan)
        known = np.flatnonzero(np.isfinite(tau).all(axis=0))
        for start in range(0, known.size, 10_000):
            some = known[start : start + 10_000]
            columns = [self.plain(tau[c, some]) for c in range(n_components)]
            if self.constant is not None:
                columns.append(np.broadcast_to(self.constant, columns[0].shape))
            design = np.stack(columns, axis=-1)
            solution = (np.linalg.pinv(design) @ self.raw[:, some].T[..., None])[..., 0]
            amplitude[:, some] = solution[:, :n_components].T
            offset[some] = solution[:, -1] if self.constant is not None else 0.0
        return amplitude, offset


def _search_one(problem: _Problem, series: NDArray, longest: float, refine: bool) -> tuple[NDArray, NDArray]:
    """Best time constant of one decay ``(1, series)``, and the status."""
    grid = np.linspace(np.log(SHORTEST), np.log(longest), _POINTS)
    column = problem.column(np.exp(grid))
    norm = np.maximum(np.einsum("gl,gl->g", column, column), np.finfo(float).tiny)
    gain = np.maximum(column @ series, 0) ** 2 / norm[:, None]
    best = gain.argmax(axis=0)
    some = np.isfinite(series).all(axis=0) & (gain[best, np.arange(best.size)] > 1e-20 * (series**2).sum(axis=0))
    status = np.select([~some, best == 0, best == _POINTS - 1], [NONE, SHORT, LONG], CONVERGED)
    middle = np.clip(best, 1, _POINTS - 2)
    step = grid[1] - grid[0]
    if refine:
        place = _golden(problem, series, grid[middle] - step, grid[middle] + step)
    else:
        low, mid, high = (gain[middle + i, np.arange(best.size)] for i in (-1, 0, 1))
        bend = np.where(status == CONVERGED, low - 2 * mid + high, -1.0)
        place = grid[middle] + step * np.clip(0.5 * (low - high) / np.where(bend < 0, bend, -np.inf), -1, 1)
    return np.exp(place)[None], status


def _golden(problem: _Problem, series: NDArray, low: NDArray, high: NDArray) -> NDArray[np.float64]:
    """Maximum of the gain between two log time constants, by golden sections ``(series,)``."""
    ratio = (np.sqrt(5) - 1) / 2
    inner, outer = high - ratio * (high - low), low + ratio * (high - low)
    at_inner, at_outer = _gain_of_one(problem, series, inner), _gain_of_one(problem, series, outer)
    for _ in range(32):
        left = at_inner > at_outer
        low, high = np.where(left, low, inner), np.where(left, outer, high)
        kept, at_kept = np.where(left, inner, outer), np.where(left, at_inner, at_outer)
        new = np.where(left, high - ratio * (high - low), low + ratio * (high - low))
        at_new = _gain_of_one(problem, series, new)
        inner, outer = np.where(left, new, kept), np.where(left, kept, new)
        at_inner, at_outer = np.where(left, at_new, at_kept), np.where(left, at_kept, at_new)
    return (low + high) / 2


def _gain_of_one(problem: _Problem, series: NDArray, place: NDArray) -> NDArray[np.float64]:
    column = problem.column(np.exp(place))
    norm = np.maximum(np.einsum("sl,sl->s", column, column), np.finfo(float).tiny)
    return np.maximum(np.einsum("sl,ls->s", column, series), 0) ** 2 / norm


def _search_two(problem: _Problem, series: NDArray, longest: float, refine: bool) -> tuple[NDArray, NDArray]:
    """Best time constants of two decays ``(2, series)``, and the status."""
    grid = np.linspace(np.log(SHORTEST), np.log(longest), _PAIR_POINTS)
    column = problem.column(np.exp(grid))
    with_series, with_column = column @ series, column @ column.T
    best, place = np.zeros(series.shape[1]), np.zeros((2, series.shape[1]))
    for i in range(_PAIR_POINTS):
        for j in range(i + 1, _PAIR_POINTS):
            gain = _gain(with_column[i, i], with_column[i, j], with_column[j, j], with_series[i], with_series[j])
            better = gain > best
            best[better] = gain[better]
            place[:, better] = grid[[i, j], None]
    some = best > 0
    step = np.full(some.size, grid[1] - grid[0])
    moves = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b]
    for _ in range(60 if refine else 24):
        trials = [np.clip(place + step * np.array([[a], [b]]), grid[0], grid[-1]) for a, b in moves]
        gains = np.stack([_gain_of_two(problem, series, trial) for trial in trials])
        choice = gains.argmax(axis=0)
        better = gains[choice, np.arange(choice.size)] > best
        for k, trial in enumerate(trials):
            moved = better & (choice == k)
            place[:, moved], best[moved] = trial[:, moved], gains[k, moved]
        step = np.where(better, step, step / 2)
    edge = 1e-3 * (grid[1] - grid[0])
    short, long = place[0] < grid[0] + edge, place[1] > grid[-1] - edge
    return np.exp(place), np.select([~some, short, long], [NONE, SHORT, LONG], CONVERGED)


def _gain_of_two(problem: _Problem, series: NDArray, place: NDArray) -> NDArray[np.float64]:
    first, second = (problem.column(np.exp(p)) for p in place)
    aa, ab, bb = (np.einsum("sl,sl->s", a, b) for a, b in ((first, first), (first, second), (second, second)))
    # Two decays that have come to be one are no pair; nor may they change places.
    gain = _gain(aa, ab, bb, np.einsum("sl,ls->s", first, series), np.einsum("sl,ls->s", second, series))
    return np.where(place[1] > place[0] + 0.05, gain, 0.0)


def _gain(aa: NDArray, ab: NDArray, bb: NDArray, ay: NDArray, by: NDArray) -> NDArray[np.float64]:
    """What two columns take off the squared residuals, 0 where one of the two amplitudes would be negative."""
    det = np.maximum(aa * bb - ab**2, 1e-12 * aa * bb + np.finfo(float).tiny)
    first, second = (bb * ay - ab * by) / det, (aa * by - ab * ay) / det
    return np.where((first > 0) & (second > 0), first * ay + second * by, 0.0)
