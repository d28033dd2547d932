"""Steps and bounds under a squared-norm penalty: preconditioned L-BFGS."""

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.curvature import Preconditioner
from neurorec.glm.kernels.certificate import FARTHEST
from neurorec.glm.kernels.quasi_newton import first_loop, row_dots, second_loop
from neurorec.glm.standing import Pairs, Point, Proposal, Slope
from neurorec.glm.team import Team

LEAST = 0.3  # curvature of a bin, in penalties, below which the tighter bound is not much tighter


class RidgeRule:
    """Quasi-Newton directions for penalty / 2 |b|^2.

    The bound on f - f_best is |g|^2 / (2 penalty) with g the gradient: it holds by strong convexity, and is the Fenchel
    duality gap at the residuals. It knows no curvature but the penalty's. Where ``reach`` is given it is taken at a
    better dual point too: residuals moved by c X d, with c the least second derivative of any bin, have the gradient
    g + c Gram d without a pass over the data, and moving them costs no more than c d'Gram d / (2 (1 - r)), with r < 1
    the largest change of eta over X d (see :class:`neurorec.glm.elastic_net.ElasticNetRule`):

        |g + c Gram d|^2 / (2 penalty) + c d'Gram d / (2 (1 - r)),   d = -(c Gram + penalty)^-1 g.

    Quasi-Newton estimates of the distance were found to be too small by a factor of 7 where units are overfitted: they
    are used only where the penalty is 0, and least squares then have the Hessian h_n Gram exactly.

    Parameters
    ----------
    preconditioner : Preconditioner
        Approximate inverse Hessian.
    reach : (float, float), optional
        From `image_reach`, where the preconditioner's Gram matrix is exactly that of the bins fitted.
    goal : ndarray (unit,), optional
        Bounds below it are not tightened.
    """

    def __init__(
        self,
        preconditioner: Preconditioner,
        reach: tuple[float, float] | None = None,
        goal: NDArray | None = None,
    ) -> None:
        self._preconditioner, self._reach, self._goal = preconditioner, reach, goal

    def bound(self, point: Point, team: Team) -> NDArray[np.float64]:
        """Of the distance of the objective from its minimum, ``(row,)``."""
        g, penalty = _gradient(point), point.penalty
        bound = row_dots(g, g) / (2 * np.where(penalty > 0, penalty, 1))
        free = ~(penalty > 0)
        if free.any():
            inverse = self._preconditioner.apply(g[free], point.units[free], penalty[free], team)
            bound[free] = row_dots(g[free], inverse) / 2
        if self._reach is not None:
            goal = 0.0 if self._goal is None else self._goal[point.units]
            rows = np.flatnonzero((bound > goal) & ~free & (point.least > LEAST * penalty))
            if rows.size:
                bound[rows] = np.fmin(bound[rows], self._tighter(g[rows], Point(*(part[rows] for part in point)), team))
        return bound

    def _tighter(self, g: NDArray, point: Point, team: Team) -> NDArray[np.float64]:
        """The duality gap at moved residuals, for the gradients g."""
        assert self._reach is not None
        known, units, c = self._preconditioner, point.units, point.least
        d = -known.apply(g, units, point.penalty, team, scale=c)
        image = d @ known.common_gram
        square = np.maximum(row_dots(d, image), 0)
        change = np.minimum(self._reach[0] * np.sqrt(square), self._reach[1] * np.sqrt(row_dots(d, d)))
        share = np.minimum(1, FARTHEST / np.maximum(change, 1e-300))
        moved = g + (c * share).astype(g.dtype)[:, None] * image
        if known.mask is not None:
            moved *= known.mask[units]
        return row_dots(moved, moved) / (2 * point.penalty) + c * share**2 * square / (2 * (1 - share * change))

    def propose(self, point: Point, pairs: Pairs, team: Team) -> Proposal:
        """Say where to go."""
        penalty, units, g = point.penalty, point.units, _gradient(point)
        d = self._quasi_newton(g, units, penalty, pairs, team)
        np.negative(d, out=d)
        decrement = -row_dots(g, d)
        lost = ~(decrement > 0) & g.any(axis=1)
        if lost.any():  # rounding has made the pairs useless
            d[lost] = -self._preconditioner.apply(g[lost], units[lost], penalty[lost], team)
            decrement[lost] = -row_dots(g[lost], d[lost])
        along, length = row_dots(point.B, d), row_dots(d, d)
        return Proposal(d, Slope(-decrement, penalty * along, penalty * length, np.full(len(d), np.inf)))

    def _quasi_newton(self, g: NDArray, units: NDArray, penalty: NDArray, pairs: Pairs, team: Team) -> NDArray:
        """Inverse Hessian of the pairs times g: the two-loop recursion (https://doi.org/10.1007/BF01589116)."""
        q, n = g.copy(), len(g)
        args = (pairs.s, pairs.y, pairs.sy, pairs.ss, pairs.order, penalty, np.zeros(pairs.sy.shape))
        team.over(n, lambda low, high: first_loop(q, *args, low, high))
        q = self._preconditioner.apply(q, units, penalty, team)
        team.over(n, lambda low, high: second_loop(q, *args, low, high))
        return q


def _gradient(point: Point) -> NDArray:
    """Of the objective, ``(row, packed)``."""
    return point.G + point.penalty[:, None].astype(point.G.dtype) * point.B
