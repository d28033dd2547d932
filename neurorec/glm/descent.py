"""Descent of every unit at once down its own list of penalties, over images that are kept.

A unit never waits for another: once it has converged at one penalty it goes on with the next from where it stands,
keeping its curvature pairs, whose data part knows no penalty. A single fit is a list of one. What kind of step is
taken, and how far a unit is from its minimum, is the business of a rule: see :class:`Rule`.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.line_search import Slope, centre_intercept, line_search, residuals
from neurorec.glm.problem import Problem
from neurorec.glm.status import Status

KEPT_PAIRS = 8  # fewer cost passes along paths, more save none
PATIENCE = 15  # iterations without a better gap, or much to hope for, until a unit has met its numbers' precision
CROWD = 0.1  # share of the rows that must have finished before the arrays are made smaller


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


class Pair(NamedTuple):
    """A step s, the change y of the data part of the gradient over it, and their products."""

    s: NDArray
    y: NDArray
    sy: NDArray
    ss: NDArray

    def keep(self, rows: NDArray) -> "Pair":
        """The same for some of the rows."""
        return Pair(*(part[rows] for part in self))


class Standing(NamedTuple):
    """Where some units stand, one row each."""

    units: NDArray
    penalty: NDArray
    B: NDArray  # packed coefficients
    G: NDArray  # data part of the gradient, 0 where masked
    pairs: list[Pair]  # oldest first; those of zeros say nothing

    def keep(self, rows: NDArray) -> "Standing":
        """The same for some of the rows."""
        pairs = [pair.keep(rows) for pair in self.pairs]
        return Standing(self.units[rows], self.penalty[rows], self.B[rows], self.G[rows], pairs)


class Proposal(NamedTuple):
    """Where to go from there, one row each."""

    direction: NDArray
    slope: Slope
    bound: NDArray  # on the distance of the objective from its minimum


class Rule(Protocol):
    """Makes a direction and a bound from where a unit stands."""

    def propose(self, standing: Standing) -> Proposal:
        """Say where to go."""
        ...


def descend(
    problem: Problem,
    penalties: NDArray,
    rule: Rule,
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
        Over all units of the problem, strong to weak; infinite means no coefficients at all.
    rule : Rule
        Directions and bounds.
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
    descent = _Descent(problem, penalties, rule, units, start)
    while descent.advance(tol, max_iter, reached):
        descent.iterate()


class _Descent:
    """The rows still at work: coefficients, kept images, gradients, pairs."""

    def __init__(self, problem: Problem, penalties: NDArray, rule: Rule, units: NDArray, start: NDArray) -> None:
        self.problem, self.penalties, self.rule = problem, penalties, rule
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
        self.pairs: list[Pair] = []
        self.stage = np.zeros(units.size, dtype=np.intp)
        self.live = np.ones(units.size, dtype=bool)
        self.direction = np.empty_like(self.B)
        self.slope = np.zeros((len(Slope._fields), units.size))
        self.gap, self.best, self.penalty = (np.zeros(units.size) for _ in range(3))
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
        d, image = self.direction, self.image[: len(self.units)]
        self.problem.design.forward(d, self.units, out=image)
        found = line_search(self.problem.family, self.E, image, self.Y, self.W, Slope(*self.slope))
        d *= found.step[:, None].astype(d.dtype)
        self.B += d
        self.intercept += found.shift
        self.slack = found.mean_residual**2 / (2 * np.maximum(found.mean_weight, np.finfo(float).tiny))
        gradient = self._data_gradient()
        change = np.subtract(gradient, self.G, out=self.G)
        self.G = gradient
        self.pairs.append(Pair(d, change, dot(d, change), dot(d, d)))
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
        """Direction and gap of some rows; those under an infinite penalty are where they must be."""
        self.slope[:, rows] = 0
        self.gap[rows] = self.slack[rows] / self.problem.null[self.units[rows]]
        rows = rows[np.isfinite(self.penalty[rows])]
        if not rows.size:
            return
        standing, take = Standing(self.units, self.penalty, self.B, self.G, self.pairs), slice(None)
        if rows.size < len(self.units):
            standing, take = standing.keep(rows), rows
        proposal = self.rule.propose(standing)
        self.direction[take] = proposal.direction
        self.slope[:, take] = proposal.slope
        self.gap[take] = (proposal.bound + self.slack[take]) / self.problem.null[self.units[take]]

    def _status(self, rows: NDArray, tol: float, max_iter: int) -> NDArray:
        """Status of rows, -1 while at work. A gap that is not a number is never within the tolerance."""
        gap = self.gap[rows]
        better = gap < 0.9 * self.best[rows]
        self.best[rows] = np.where(better, gap, self.best[rows])
        self.best_at[rows] = np.where(better, self.n_iter[rows], self.best_at[rows])
        status = np.full(rows.size, -1)
        stale = self.n_iter[rows] - self.best_at[rows] > PATIENCE
        promise = -self.slope[0, rows] / self.problem.null[self.units[rows]]
        status[stale & ~(promise > np.finfo(self.Y.dtype).eps)] = Status.OUT_OF_PRECISION
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
        self.slope[:, over] = 0
        self._enter(rows[self.live[rows]])

    def _shrink(self) -> None:
        """Let the rows that have finished leave."""
        keep = np.flatnonzero(self.live)
        if self.W is not None and len(self.W) > 1:
            self.W = self.W[keep]
        for name in _PER_ROW:
            setattr(self, name, getattr(self, name)[keep])
        self.slope = self.slope[:, keep]
        self.pairs = [pair.keep(keep) for pair in self.pairs]


_PER_ROW = (
    *("units", "Y", "B", "E", "G", "intercept", "slack", "stage", "live"),
    *("direction", "gap", "best", "best_at", "penalty", "n_iter"),
)


def dot(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """Row by row."""
    return np.einsum("np,np->n", a, b).astype(np.float64)
