"""Descent of many units, each down its own list of penalties, over images that are kept.

A few units are at work at a time, as many as memory allows; one that is done gives its row to the next in the queue,
so that the matrix products stay wide and X is read for all of them at once. A unit never waits for another: once it
has converged at one penalty it goes on with the next from where it stands, keeping its curvature pairs, whose data
part knows no penalty. What kind of step is taken, and how far a unit is from its minimum, is the business of a rule:
see :class:`neurorec.glm.standing.Rule`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.dispersion import fit_dispersion
from neurorec.glm.kernels.losses import null_deviance
from neurorec.glm.kernels.quasi_newton import keep_pairs
from neurorec.glm.kernels.search import search_rows
from neurorec.glm.problem import Problem
from neurorec.glm.standing import Pairs, Point, Rule, Slope
from neurorec.glm.status import Status
from neurorec.glm.team import Team

KEPT_PAIRS = 8  # fewer cost passes along paths, more save none
PATIENCE = 15  # iterations without a better gap, or much to hope for, until a unit has met its numbers' precision
CROWD = 0.1  # share of the rows that must have finished before the arrays are made smaller
FEWEST_ROWS, MOST_ROWS = 32, 256  # fewer make slow products, more make none faster
SMALL = 1 << 24  # bytes of images that may be had beside however small a design
SHARE = 0.14  # rows per column of X: all that is held beside X then stays below half of it
SETTLED = 1e-3  # relative change of a dispersion that asks for no further fit


class Reached(NamedTuple):
    """Units that have just finished a penalty, one row each."""

    units: NDArray  # which
    stage: NDArray  # place in their list of penalties
    packed: NDArray  # coefficients
    intercept: NDArray
    gap: NDArray
    n_iter: NDArray
    status: NDArray
    dispersion: NDArray


Listener = Callable[[Reached], NDArray | None]  # may say, per row, whether the unit shall go on to weaker penalties


def descend(
    problem: Problem,
    penalties: NDArray,
    rule: Rule,
    *,
    units: NDArray,
    start: NDArray | None,
    tol: float,
    max_iter: int,
    reached: Listener,
    team: Team,
) -> None:
    """Fit units at each of their penalties in turn, telling ``reached`` whenever some finish one.

    Parameters
    ----------
    problem : Problem
        Data.
    penalties : ndarray (stage, unit)
        Over all units of the problem, strong to weak; infinite means no coefficients at all.
    rule : Rule
        Directions and bounds.
    units : ndarray of int
        Which units to fit.
    start : ndarray (unit, packed), optional
        First guess of all units of the problem; 0 by default.
    tol : float
        Largest gap, as a fraction of the unit's null half-deviance.
    max_iter : int
        Passes over the data per penalty.
    reached : callable
        Is told of the units that finish a penalty.
    team : Team
        Threads.
    """
    if not units.size:
        return
    descent = _Descent(problem, penalties, rule, units, start, team)
    while descent.any_left():
        descent.iterate()
        descent.advance(tol, max_iter, reached)


class _Descent:
    """The rows at work: coefficients, kept images, gradients, pairs."""

    def __init__(
        self, problem: Problem, penalties: NDArray, rule: Rule, units: NDArray, start: NDArray | None, team: Team
    ) -> None:
        self.problem, self.penalties, self.rule, self.team = problem, penalties, rule, team
        self.queue, self.start = list(units[::-1]), start
        n_times, n_packed, dtype = problem.design.n_times, problem.design.n_packed, problem.design.dtype
        n_free = SMALL / (n_times * (2 * dtype.itemsize + problem.response_type.itemsize))
        n = int(np.clip(max(n_packed * SHARE, n_free), FEWEST_ROWS, MOST_ROWS))
        n = min(n, units.size)
        self.units, self.stage = np.zeros(n, dtype=np.intp), np.zeros(n, dtype=np.intp)
        self.E, self.D = (np.zeros((n, n_times), dtype=dtype) for _ in range(2))
        self.Y = np.zeros((n, n_times), dtype=problem.response_type)
        own = problem.weight is not None and problem.weight.shape[1] > 1
        self.W = np.zeros((n, n_times), dtype=dtype) if own else problem.weights(units[:1])
        self.B, self.G, self.direction = (np.zeros((n, n_packed), dtype=dtype) for _ in range(3))
        self.s, self.y = (np.zeros((n, KEPT_PAIRS, n_packed), dtype=dtype) for _ in range(2))
        self.sy, self.ss = (np.zeros((n, KEPT_PAIRS)) for _ in range(2))
        self.n_done = 0
        self.live, self.fresh = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        self.slope = np.zeros((len(Slope._fields), n))
        self.intercept, self.slack, self.gap, self.best, self.penalty = (np.zeros(n) for _ in range(5))
        self.dispersion, self.null = np.full(n, np.nan), np.ones(n)
        self.n_iter, self.best_at = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
        self.least = np.zeros(n)
        self._admit(np.arange(n))

    def any_left(self) -> bool:
        """Whether some unit is not done."""
        return bool(self.live.any())

    def iterate(self) -> None:
        """One pass over the data: a step along each row's direction, and the gradient there."""
        design, n_times = self.problem.design, self.Y.shape[1]
        if self.direction.any():
            design.forward(self.direction, self.units, self.D, self.team)
        else:
            self.D[...] = 0
        found = np.empty((5, len(self.units)))
        family = self.problem.family.code
        args = (family, self.E, self.D, self.Y, self.W, self.dispersion, self.slope, self.fresh)
        self.team.over(len(self.units), lambda low, high: search_rows(*args, low, high, found))
        step, shift, mean_residual, mean_weight, self.least = found
        self.intercept += shift
        self.slack = mean_residual**2 / (2 * np.maximum(mean_weight, np.finfo(float).tiny))
        gradient = design.adjoint(self.D, self.units, self.team)
        gradient /= n_times
        place = self.n_done % KEPT_PAIRS
        pairs = (self.s, self.y, self.sy, self.ss)
        self.team.over(
            len(self.units),
            lambda low, high: keep_pairs(self.G, gradient, self.direction, step, self.fresh, *pairs, place, low, high),
        )
        self.B += self.direction
        self.n_iter += 1
        self.n_done += 1
        self.fresh[:] = False

    def advance(self, tol: float, max_iter: int, reached: Listener) -> None:
        """Report the rows that have finished a penalty, move them to the next, and let others in for those done."""
        rows = np.flatnonzero(self.live)
        while rows.size:
            self._measure(rows)
            status = self._status(rows, tol, max_iter)
            self._refit_dispersion(rows, status)
            done = status >= 0
            rows = rows[done]
            if rows.size:
                self._report(rows, status[done], reached)
                rows = rows[self.live[rows]]
        over = np.flatnonzero(~self.live)
        if not self.queue and CROWD * len(self.live) < over.size < len(self.live):
            self._shrink()
        self._propose()
        if over.size and self.queue:
            self._admit(over)

    def _admit(self, rows: NDArray) -> None:
        """Give rows to the next units in the queue."""
        rows = rows[: len(self.queue)]
        units = np.array([self.queue.pop() for _ in rows], dtype=np.intp)
        problem = self.problem
        self.units[rows], self.stage[rows], self.live[rows], self.fresh[rows] = units, 0, True, True
        self.Y[rows] = problem.responses(units)
        offset = problem.offsets(units)
        self.E[rows] = 0 if offset is None else offset
        if len(self.W) > 1 or (len(self.W) == 1 and len(self.units) == 1):
            self.W[rows] = problem.weights(units) if problem.weight is not None else 0
        self.B[rows], self.G[rows], self.s[rows], self.y[rows], self.sy[rows], self.ss[rows] = 0, 0, 0, 0, 0, 0
        self.direction[rows] = 0
        if self.start is not None:
            self.direction[rows] = np.where(np.isinf(self.penalties[0, units])[:, None], 0, self.start[units])
        self.slope[:, rows] = 0
        self.intercept[rows] = 0
        self.dispersion[rows], self.null[rows] = problem.dispersion[units], problem.null[units]
        self._enter(rows)
        self.n_iter[rows] = 0

    def _enter(self, rows: NDArray) -> None:
        """Set the penalty of rows that begin a stage."""
        self.penalty[rows] = self.penalties[self.stage[rows], self.units[rows]]
        self.n_iter[rows] = self.best_at[rows] = 0
        self.best[rows] = np.inf

    def _measure(self, rows: NDArray) -> None:
        """Gap of some rows; those under an infinite penalty are where they must be."""
        self.gap[rows] = self.slack[rows] / self.null[rows]
        rows = rows[np.isfinite(self.penalty[rows])]
        if rows.size:
            point = Point(self.units[rows], self.penalty[rows], self.B[rows], self.G[rows], self.least[rows])
            self.gap[rows] += self.rule.bound(point, self.team) / self.null[rows]

    def _propose(self) -> None:
        """Where every row goes from here; those that are done, begin again or have no coefficients stay."""
        stay = ~self.live | self.fresh | ~np.isfinite(self.penalty)
        order = np.arange(max(self.n_done - KEPT_PAIRS, 0), self.n_done) % KEPT_PAIRS
        pairs = Pairs(self.s, self.y, self.sy, self.ss, order)
        point = Point(self.units, np.where(stay, 1.0, self.penalty), self.B, self.G, self.least)
        self.direction, slope = self.rule.propose(point, pairs, self.team)
        self.slope = np.array(slope)
        self.direction[stay], self.slope[:, stay] = 0, 0
        self.slope[-1, stay & self.live] = 1  # a row that may take no step at all is at rest

    def _status(self, rows: NDArray, tol: float, max_iter: int) -> NDArray:
        """Status of rows, -1 while at work. A gap that is not a number is never within the tolerance."""
        gap = self.gap[rows]
        better = gap < 0.9 * self.best[rows]
        self.best[rows] = np.where(better, gap, self.best[rows])
        self.best_at[rows] = np.where(better, self.n_iter[rows], self.best_at[rows])
        status = np.full(rows.size, -1)
        stale = self.n_iter[rows] - self.best_at[rows] > PATIENCE
        promise = -self.slope[0, rows] / self.null[rows]
        status[stale & ~(promise > np.finfo(self.E.dtype).eps)] = Status.OUT_OF_PRECISION
        status[self.n_iter[rows] >= max_iter] = Status.OUT_OF_ITERATIONS
        status[gap <= tol] = Status.CONVERGED
        return status

    def _refit_dispersion(self, rows: NDArray, status: NDArray) -> None:
        """Rows that are done under a dispersion that is not the best for their means go on with the better one."""
        family = self.problem.family
        if family.name != "negative_binomial":
            return
        for place in np.flatnonzero((status == Status.CONVERGED) | (status == Status.OUT_OF_PRECISION)):
            row = rows[place]
            w = self.W[row] if len(self.W) > 1 else self.W.reshape(-1)
            found = fit_dispersion(self.Y[row], np.exp(self.E[row].astype(np.float64)), w if w.size else None)
            before = self.dispersion[row]
            if abs(np.log(found / before)) > SETTLED and max(found, before) > 1e-4:
                status[place], self.dispersion[row] = -1, found  # else it stays that of the gap just certified
                self.null[row] = null_deviance(family.code, self.Y[row], w, self.problem.mean[self.units[row]], found)
                self.best[row], self.best_at[row] = np.inf, self.n_iter[row]
                self.direction[row], self.slope[:, row], self.fresh[row] = 0, 0, True

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
                self.dispersion[rows],
            )
        )
        self.stage[rows] += 1
        self.live[rows] = self.stage[rows] < len(self.penalties)
        if go_on is not None:
            self.live[rows] &= go_on
        self._enter(rows[self.live[rows]])

    def _shrink(self) -> None:
        """Let the rows that have finished leave: the others close up, in place."""
        keep = np.flatnonzero(self.live)
        own_weights = len(self.W) > 1
        for name in (*_PER_ROW, *(("W",) if own_weights else ())):
            values = getattr(self, name)
            for place, row in enumerate(keep):  # a copy of some rows would need their memory twice
                if place != row:
                    values[place] = values[row]
            setattr(self, name, values[: keep.size])
        self.slope = np.ascontiguousarray(self.slope[:, keep])


_PER_ROW = (
    *("units", "Y", "B", "E", "D", "G", "s", "y", "sy", "ss", "intercept", "slack", "stage", "live", "fresh"),
    *("direction", "gap", "best", "best_at", "penalty", "n_iter", "dispersion", "null", "least"),
)
