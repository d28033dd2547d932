"""Steps and bounds under an elastic-net or group-lasso penalty: proximal quasi-Newton on each unit's working set."""

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.curvature import Preconditioner
from neurorec.glm.kernels.certificate import tighten_rows
from neurorec.glm.kernels.proximal import bound_rows, propose_rows
from neurorec.glm.standing import Pairs, Point, Proposal, Slope
from neurorec.glm.team import Team


class ElasticNetRule:
    """Proximal quasi-Newton directions for penalty (l1_ratio sum_j u_j |b_j| + (1 - l1_ratio) / 2 |b|_2^2).

    With groups the absolute values become sum_g u_g |b_g|_2, and what follows holds with the norms of groups in their
    place.

    The model of the loss is its gradient and a BFGS Hessian that starts from h_n Gram; its minimum under the penalty
    is found by coordinate descent and conjugate gradients on the columns in use or near to it, unit by unit. Along the
    way there the absolute values are bounded by the straight line between their ends, so that no step is longer than
    1. Where that way does not go down, rounding has spoilt the curvature pairs, and the model does without them.

    The bound on f - f_best is the Fenchel duality gap at the residuals, whose mean is 0 as a free intercept demands.
    With g the gradient of the loss, l1_j = penalty l1_ratio u_j and l2 = penalty (1 - l1_ratio), it is

        sum_j g_j b_j + l1_j |b_j| + l2 / 2 b_j^2 + max(|g_j| - l1_j, 0)^2 / (2 l2),

    every term of which is >= 0; where l2 = 0 the last one becomes max_j (|g_j| / l1_j - 1, 0) d, since the penalty at
    the minimum is at most d, the half-deviance with no coefficients. It is infinite where neither part of the penalty
    holds a column whose gradient is not 0. All of it is computed in float64 from the gradient as given: an error e of
    that gradient changes the bound by about e'(b - b_dual), with b_dual = -sign(g) max(|g| - l1, 0) / l2.

    That bound knows no curvature but l2, and is hundreds to thousands of times the distance. Where ``reach`` is given
    it is taken at a better dual point too: residuals moved by c X d, with c the least second derivative of any bin,
    have the gradient g + c Gram d without a pass over the data, and moving them costs no more than
    c d'Gram d / (2 (1 - r)), with r < 1 the largest change of eta over X d; d is the step of a model of curvature c.
    Poisson, Bernoulli, Gaussian, gamma and negative-binomial losses all have conjugates whose second derivative grows
    by no more than 1 / (1 - r) over such a move.

    Parameters
    ----------
    preconditioner : Preconditioner
        Knows the Gram matrix.
    l1_ratio : float
        In (0, 1].
    worst : ndarray (unit,)
        Half-deviance with no coefficients.
    weight : ndarray (packed,) or (unit, packed), optional
        Weights u of the absolute values, >= 0; 1 by default. A group has that of its first column.
    groups : ndarray of int (packed,), optional
        Group of each packed column, the same for all units; -1 for a column on its own, as all are by default.
    reach : (float, float), optional
        See :func:`image_reach`. To be given only where the Gram matrix of the preconditioner is that of the very bins
        of the fit, with equal weights (those of the fit are part of ``Point.least``), and no unit has private
        columns, of whose products with the common ones nothing is known.
    goal : ndarray (unit,), optional
        Bounds below it are not tightened.
    """

    def __init__(
        self,
        preconditioner: Preconditioner,
        l1_ratio: float,
        worst: NDArray,
        weight: NDArray | None = None,
        groups: NDArray | None = None,
        reach: tuple[float, float] | None = None,
        goal: NDArray | None = None,
    ) -> None:
        self._preconditioner, self._l1_ratio = preconditioner, l1_ratio
        self._worst = np.ascontiguousarray(worst, dtype=np.float64)
        self._weight = None if weight is None else np.ascontiguousarray(np.atleast_2d(weight), dtype=np.float64)
        self._grouped = None if groups is None else grouped(np.asarray(groups))
        self._metric: tuple[NDArray, ...] | None = None
        self._reach, self._goal = reach, goal

    def bound(self, point: Point, team: Team) -> NDArray[np.float64]:
        """Of the distance of the objective from its minimum, ``(row,)``: the least of the duality gaps known."""
        n_rows, n_packed = point.B.shape
        bound, state, grouping = np.empty(n_rows), self._state(point), self._grouping(n_packed)
        team.over(n_rows, lambda low, high: bound_rows(low, high, state, grouping, self._worst, bound))
        if self._reach is not None:
            wanted = bound > (0.0 if self._goal is None else self._goal[point.units])
            mask = np.ones((1, n_packed), dtype=bool)
            mask = mask if self._preconditioner.mask is None else self._preconditioner.mask
            metric = self._curvature(point.B.dtype)
            tight = (state, metric, grouping, mask, self._worst, point.least, self._reach, wanted, bound)
            team.over(n_rows, lambda low, high: tighten_rows(low, high, *tight))
        return bound

    def propose(self, point: Point, pairs: Pairs, team: Team) -> Proposal:
        """Directions and slopes along them; a row without a way down gets a direction of 0."""
        n_rows, n_packed = point.B.shape
        direction, slope = np.zeros_like(point.B), np.zeros((len(Slope._fields), n_rows))
        slope[-1] = 1
        fixed = self._state(point), tuple(pairs), self._curvature(point.B.dtype), self._grouping(n_packed)
        team.over(n_rows, lambda low, high: propose_rows(low, high, *fixed, direction, slope))
        return Proposal(direction, Slope(*slope))

    def _state(self, point: Point) -> tuple[NDArray, ...]:
        l1, l2 = point.penalty * self._l1_ratio, point.penalty * (1 - self._l1_ratio)
        return np.ascontiguousarray(point.units), point.B, point.G, l1, l2

    def _grouping(self, n_packed: int) -> tuple[NDArray, ...]:
        """Order of the columns, where groups begin, and their weights."""
        weight = np.ones((1, n_packed)) if self._weight is None else self._weight
        order = (np.arange(n_packed), np.arange(n_packed + 1)) if self._grouped is None else self._grouped
        return *order, weight

    def _curvature(self, dtype: np.dtype) -> tuple[NDArray, ...]:
        """Gram matrices of the common and of each unit's private columns, their scale, and what keeps them regular."""
        if self._metric is None:
            known = self._preconditioner
            scale = np.ascontiguousarray(known._scale, dtype=np.float64)
            gram, private = (np.ascontiguousarray(part, dtype=dtype) for part in (known.common_gram, known._private))
            self._metric = (gram, private, scale, known._least(np.arange(scale.size)))
        return self._metric


def grouped(groups: NDArray) -> tuple[NDArray, NDArray]:
    """Columns in the order of their groups, and where each group begins, ``(group + 1,)``.

    Parameters
    ----------
    groups : ndarray of int (column,)
        Group of each column, -1 for a column on its own.

    Returns
    -------
    sequence : ndarray (column,)
    begin : ndarray (group + 1,)

    Examples
    --------
    >>> sequence, begin = grouped(np.array([1, 0, 1, -1]))
    >>> [sequence[low:high].tolist() for low, high in zip(begin, begin[1:])]
    [[1], [0, 2], [3]]
    """
    key = np.where(groups < 0, groups.max(initial=-1) + 1 + np.arange(groups.size), groups)
    sequence = np.argsort(key, kind="stable")
    return sequence, np.flatnonzero(np.diff(key[sequence], prepend=-1, append=-1))
