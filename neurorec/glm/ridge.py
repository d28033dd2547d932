"""Ridge regression of every unit at once: preconditioned L-BFGS with an exact line search.

Each unit walks down its own list of penalties and never waits for another: once it has converged at one penalty it
goes on with the next from where it stands, keeping its curvature pairs, whose data part knows no penalty
(y = y_data + penalty s). A single fit is a list of one.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.curvature import Preconditioner, PreconditionerAt
from neurorec.glm.line_search import Slope, centre_intercept, line_search, residuals
from neurorec.glm.problem import Problem
from neurorec.glm.status import Status

KEPT_PAIRS = 8
PATIENCE = 10  # iterations without a better gap after which a unit has met the precision of its numbers
CROWD = 0.1  # share of the rows that must have finished before the arrays are made smaller
SAFETY = 4.0  # see _gap


class Reached(NamedTuple):
    """Units that have just finished a penalty, one row each."""

    units: NDArray  # which
    stage: NDArray  # place in their list of penalties
    packed: NDArray  # coefficients
    intercept: NDArray
    gap: NDArray
    n_iter: NDArray
    status: NDArray


Listener = Callable[[Reached], NDArray | None]  # may say, per row, whether the unit shall go on to weaker penalties


class _Pair(NamedTuple):
    """A step s, the change y of the data part of the gradient over it, and their products."""

    s: NDArray
    y: NDArray
    sy: NDArray
    ss: NDArray

    def keep(self, rows: NDArray) -> "_Pair":
        return _Pair(*(part[rows] for part in self))


def minimise_ridge(
    problem: Problem,
    penalties: NDArray,
    preconditioner: Preconditioner,
    *,
    units: NDArray,
    start: NDArray,
    tol: float,
    max_iter: int,
    reached: Listener,
) -> None:
    """Fit units at each of their penalties in turn, telling ``reached`` whenever some finish one.

    Parameters
    ----------
    problem : Problem
        Data.
    penalties : ndarray (stage, unit)
        Of the squared norm, over all units of the problem, strong to weak; infinite means no coefficients at all.
    preconditioner : Preconditioner
        Approximate inverse Hessian.
    units : ndarray of int
        Which units to fit.
    start : ndarray (unit, packed)
        First guess of all units of the problem.
    tol : float
        Largest gap, as a fraction of the unit's null half-deviance.
    max_iter : int
        Passes over the data per penalty.
    reached : callable
        Is told of the units that finish a penalty.
    """
    if not units.size:
        return
    descent = _Descent(problem, penalties, preconditioner, units, start)
    while descent.advance(tol, max_iter, reached):
        descent.iterate()


class _Descent:
    """The rows still at work: coefficients, kept images, gradients, pairs."""

    def __init__(
        self, problem: Problem, penalties: NDArray, preconditioner: Preconditioner, units: NDArray, start: NDArray
    ) -> None:
        self.problem, self.penalties, self.preconditioner = problem, penalties, preconditioner
        self.units = units
        everyone = units.size == len(problem.Y)
        self.Y = problem.Y if everyone else problem.Y[units]
        self.W = problem.W
        if self.W is not None and len(self.W) > 1:
            self.W = self.W[units]
        self.B = np.where(np.isinf(penalties[0, units])[:, None], 0, start[units]).astype(self.Y.dtype)
        self.E = problem.design.forward(self.B, units)
        if problem.offset is not None:
            self.E += problem.offset if everyone else problem.offset[units]
        self.intercept = centre_intercept(problem.family, self.E, self.Y, self.W)
        self.image = residuals(problem.family, self.E, self.Y, self.W)
        self.G = self._data_gradient()
        self.slack = np.zeros(units.size)  # what a better intercept alone would gain
        self.pairs: list[_Pair] = []
        self.stage = np.zeros(units.size, dtype=np.intp)
        self.live = np.ones(units.size, dtype=bool)
        self.direction = np.empty_like(self.B)
        self.decrement, self.gap, self.best, self.penalty = (np.zeros(units.size) for _ in range(4))
        self.n_iter, self.best_at = np.zeros(units.size, dtype=int), np.zeros(units.size, dtype=int)
        self._enter(np.arange(units.size))

    def advance(self, tol: float, max_iter: int, reached: Listener) -> bool:
        """Report the rows that have finished a penalty, move them to the next, and say whether any is left."""
        rows = np.flatnonzero(self.live)
        while rows.size:
            self._look(rows)
            status = self._status(rows, tol, max_iter)
            done = status >= 0
            rows = rows[done]
            if rows.size:
                self._report(rows, status[done], reached)
                rows = rows[self.live[rows]]
        if np.mean(self.live) <= 1 - CROWD:
            self._shrink()
        return bool(self.live.any())

    def iterate(self) -> None:
        """One pass over the data: a step along the direction found, and the gradient there."""
        d, n = self.direction, len(self.units)
        slope = Slope(start=-self.decrement, penalty=self.penalty, linear=_dot(self.B, d), square=_dot(d, d))
        self.problem.design.forward(d, self.units, out=self.image[:n])
        found = line_search(self.problem.family, self.E, self.image[:n], self.Y, self.W, slope)
        d *= found.step[:, None].astype(d.dtype)
        self.B += d
        self.intercept += found.shift
        self.slack = found.mean_residual**2 / (2 * np.maximum(found.mean_weight, np.finfo(float).tiny))
        gradient = self._data_gradient()
        change = np.subtract(gradient, self.G, out=self.G)
        self.G = gradient
        self.pairs.append(_Pair(d, change, _dot(d, change), _dot(d, d)))
        del self.pairs[:-KEPT_PAIRS]
        self.direction = np.zeros_like(d)
        self.n_iter += 1

    def _data_gradient(self) -> NDArray:
        gradient = self.problem.design.adjoint(self.image[: len(self.units)], self.units)
        gradient /= self.Y.shape[1]
        return gradient

    def _enter(self, rows: NDArray) -> None:
        """Set the penalty of rows that begin a stage."""
        self.penalty[rows] = self.penalties[self.stage[rows], self.units[rows]]
        self.n_iter[rows] = self.best_at[rows] = 0
        self.best[rows] = np.inf

    def _look(self, rows: NDArray) -> None:
        """Direction, decrement and gap of some rows; those under an infinite penalty are where they must be."""
        self.decrement[rows] = 0.0
        self.gap[rows] = self._relative(rows, self.slack[rows])
        rows = rows[np.isfinite(self.penalty[rows])]
        if not rows.size:
            return
        everyone = rows.size == len(self.units)
        take = slice(None) if everyone else rows
        pairs = self.pairs if everyone else [pair.keep(rows) for pair in self.pairs]
        penalty = self.penalty[take]
        g = self.G[take] + penalty[:, None].astype(self.G.dtype) * self.B[take]
        at = self.preconditioner.at(self.units[take], penalty)
        d = -_quasi_newton(g, pairs, penalty, at)
        decrement = -_dot(g, d)
        square = _dot(g, g)
        lost = ~(decrement > 0) & (square > 0)
        if lost.any():
            self._forget(rows[lost])
            d[lost] = -at.keep(lost).apply(g[lost])
            decrement[lost] = -_dot(g[lost], d[lost])
        self.direction[take], self.decrement[take] = d, decrement
        bound = SAFETY / 2 * decrement
        np.minimum(bound, square / (2 * penalty), out=bound, where=penalty > 0)
        self.gap[take] = self._relative(rows, bound + self.slack[take])

    def _relative(self, rows: NDArray, excess: NDArray) -> NDArray:
        return excess / self.problem.null[self.units[rows]]

    def _forget(self, rows: NDArray) -> None:
        """Make the pairs of some rows say nothing: rounding has made them useless."""
        for pair in self.pairs:
            for part in pair:
                part[rows] = 0

    def _status(self, rows: NDArray, tol: float, max_iter: int) -> NDArray:
        """Status of rows, -1 while at work. A gap that is not a number is never within the tolerance."""
        gap = self.gap[rows]
        better = gap < 0.9 * self.best[rows]
        self.best[rows] = np.where(better, gap, self.best[rows])
        self.best_at[rows] = np.where(better, self.n_iter[rows], self.best_at[rows])
        status = np.full(rows.size, -1)
        status[self.n_iter[rows] - self.best_at[rows] > PATIENCE] = Status.OUT_OF_PRECISION
        status[self.n_iter[rows] >= max_iter] = Status.OUT_OF_ITERATIONS
        status[gap <= tol] = Status.CONVERGED
        return status

    def _report(self, rows: NDArray, status: NDArray, reached: Listener) -> None:
        go_on = reached(
            Reached(
                self.units[rows],
                self.stage[rows],
                self.B[rows],
                self.intercept[rows],
                self.gap[rows],
                self.n_iter[rows],
                status,
            )
        )
        self.stage[rows] += 1
        self.live[rows] = self.stage[rows] < len(self.penalties)
        if go_on is not None:
            self.live[rows] &= go_on
        over = rows[~self.live[rows]]
        self.direction[over] = 0
        self.decrement[over] = 0
        self._enter(rows[self.live[rows]])

    def _shrink(self) -> None:
        """Let the rows that have finished leave."""
        keep = np.flatnonzero(self.live)
        if self.W is not None and len(self.W) > 1:
            self.W = self.W[keep]
        for name in _PER_ROW:
            setattr(self, name, getattr(self, name)[keep])
        self.pairs = [pair.keep(keep) for pair in self.pairs]


_PER_ROW = (
    *("units", "Y", "B", "E", "G", "intercept", "slack", "stage", "live"),
    *("direction", "decrement", "gap", "best", "best_at", "penalty", "n_iter"),
)


def _quasi_newton(g: NDArray, pairs: list[_Pair], penalty: NDArray, at: PreconditionerAt) -> NDArray:
    """Inverse Hessian of the pairs times g: the two-loop recursion (https://doi.org/10.1007/BF01589116)."""
    q, dtype = g.copy(), g.dtype
    loops = []
    for pair in reversed(pairs):
        bend = pair.sy + penalty * pair.ss
        rho = np.divide(1, bend, out=np.zeros_like(bend), where=bend > 0)
        alpha = rho * _dot(pair.s, q)
        q -= alpha.astype(dtype)[:, None] * pair.y
        q -= (alpha * penalty).astype(dtype)[:, None] * pair.s
        loops.append((pair, rho, alpha))
    q = at.apply(q)
    for pair, rho, alpha in reversed(loops):
        beta = rho * (_dot(pair.y, q) + penalty * _dot(pair.s, q))
        q += (alpha - beta).astype(dtype)[:, None] * pair.s
    return q


def _dot(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    return np.einsum("np,np->n", a, b).astype(np.float64)
