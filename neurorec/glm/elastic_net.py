"""Steps and bounds under an elastic-net or group-lasso penalty: proximal quasi-Newton on each unit's working set."""

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.curvature import Preconditioner
from neurorec.glm.designs import Design, block_bounds_of
from neurorec.glm.kernels.certificate import tighten_rows
from neurorec.glm.kernels.proximal import propose_rows
from neurorec.glm.standing import Proposal, Slope, Standing
from neurorec.glm.team import Team

HOPELESS = 4.0  # slope towards the minimum of the model, about twice the distance, beyond which no bound is small


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
        of the fit, with equal weights (those of the fit are part of ``Standing.least``); it is not used where units
        have private columns, of whose products with the common ones nothing is known.
    tol : float
        Bounds that are below this share of ``worst``, or that cannot get there, are not tightened.
    """

    def __init__(
        self,
        preconditioner: Preconditioner,
        l1_ratio: float,
        worst: NDArray,
        weight: NDArray | None = None,
        groups: NDArray | None = None,
        reach: tuple[float, float] | None = None,
        tol: float = 0.0,
    ) -> None:
        self._preconditioner, self._l1_ratio = preconditioner, l1_ratio
        self._worst = np.ascontiguousarray(worst, dtype=np.float64)
        self._weight = None if weight is None else np.ascontiguousarray(np.atleast_2d(weight), dtype=np.float64)
        self._grouped = None if groups is None else grouped(np.asarray(groups))
        self._metric: tuple[NDArray, ...] | None = None
        self._reach, self._tol = reach, tol

    def propose(self, standing: Standing, team: Team) -> Proposal:
        """Directions, slopes along them and bounds; a row without a way down gets a direction of 0."""
        B, G = np.ascontiguousarray(standing.B), np.ascontiguousarray(standing.G)
        n_rows, n_packed = B.shape
        weight = np.ones((1, n_packed)) if self._weight is None else self._weight
        sequence, begin = (np.arange(n_packed), np.arange(n_packed + 1)) if self._grouped is None else self._grouped
        penalty = np.asarray(standing.penalty, dtype=np.float64)
        *rings, order = (np.ascontiguousarray(part) for part in standing.pairs)
        direction, slope, bound = np.zeros_like(B), np.zeros((len(Slope._fields), n_rows)), np.empty(n_rows)
        slope[-1] = 1
        units = np.ascontiguousarray(standing.units)
        state = (units, B, G, penalty * self._l1_ratio, penalty * (1 - self._l1_ratio))
        metric, grouping = self._curvature(B.dtype), (sequence, begin, weight)
        fixed = (state, (*rings, order), metric, grouping, self._worst, direction, slope, bound)
        team.over(n_rows, lambda low, high: propose_rows(low, high, *fixed))
        least = getattr(standing, "least", None)
        if self._reach is not None and least is not None and not metric[1].shape[1]:
            goal = self._tol * self._worst[units]
            wanted = (bound > goal) & ~(-slope[0] > HOPELESS * goal) if self._tol else np.ones(n_rows, dtype=bool)
            tight = (state, metric, grouping, self._mask(n_packed), self._worst, least, self._reach, wanted, bound)
            team.over(n_rows, lambda low, high: tighten_rows(low, high, *tight))
        return Proposal(direction, Slope(*slope), bound)

    def _mask(self, n_packed: int) -> NDArray[np.bool_]:
        """False where a coefficient must be 0, ``(1 or unit, packed)``."""
        mask = self._preconditioner._design.mask
        return np.ones((1, n_packed), dtype=bool) if mask is None else mask

    def _curvature(self, dtype: np.dtype) -> tuple[NDArray, ...]:
        """Gram matrices of the common and of each unit's private columns, their scale, and what keeps them regular."""
        if self._metric is None:
            known = self._preconditioner
            scale = np.ascontiguousarray(known._scale, dtype=np.float64)
            gram, private = (np.ascontiguousarray(part, dtype=dtype) for part in (known._common_gram, known._private))
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


def image_reach(design: Design) -> tuple[float, float]:
    """How far a bin of a centred image X d can be from 0: min(a |d|_Gram, b |d|_2).

    Parameters
    ----------
    design : Design
        Columns.

    Returns
    -------
    a, b : float
        Root of the number of bins, since no bin counts for more than all; and the largest norm of a row.

    Examples
    --------
    >>> from neurorec.glm.designs import as_design
    >>> image_reach(as_design(np.array([[3.0, 4.0], [-3.0, -4.0]])))
    (1.4142135623730951, 5.0)
    """
    n_times, n_features = design.shape
    total, largest = np.zeros(n_features), 0.0
    for low, high in block_bounds_of(design):
        rows = design.block(low, high)
        total += rows.sum(axis=0, dtype=np.float64)
        largest = max(largest, float(np.einsum("tf,tf->t", rows, rows).max()))
    return n_times**0.5, largest**0.5 + float(np.linalg.norm(total / n_times))
