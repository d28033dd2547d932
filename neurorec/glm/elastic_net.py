"""Steps and bounds under an elastic-net penalty: proximal quasi-Newton on each unit's working set."""

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.curvature import Preconditioner
from neurorec.glm.descent import Proposal, Standing, dot
from neurorec.glm.lasso import minimise_lasso
from neurorec.glm.line_search import Slope

NEAR = 0.9  # columns whose gradient is above this share of the threshold are worked on beside those in use
BLOCK_ENTRIES = 1 << 24  # entries of the working-set Hessians held at a time


class ElasticNetRule:
    """Proximal quasi-Newton directions for penalty (l1_ratio |b|_1 + (1 - l1_ratio) / 2 |b|_2^2).

    The model of the loss is its gradient and a BFGS Hessian that starts from h_n Gram; its minimum under the penalty
    is found by coordinate descent on the columns in use or near to it, for all units at a time. Along the way there
    the absolute values are bounded by the straight line between their ends, so that no step is longer than 1.

    The bound on f - f_best is the Fenchel duality gap at the residuals, whose mean is 0 as a free intercept demands.
    With g the gradient of the loss, l1 and l2 the two parts of the penalty, it is

        sum_j g_j b_j + l1 |b_j| + l2 / 2 b_j^2 + max(|g_j| - l1, 0)^2 / (2 l2),

    every term of which is >= 0; where l2 = 0 the last one becomes (max_j |g_j| / l1 - 1) d, since l1 |b|_1 at the
    minimum is at most d, the half-deviance with no coefficients.

    Parameters
    ----------
    preconditioner : Preconditioner
        Knows the Gram matrix.
    l1_ratio : float
        In (0, 1].
    worst : ndarray (unit,)
        Half-deviance with no coefficients.
    """

    def __init__(self, preconditioner: Preconditioner, l1_ratio: float, worst: NDArray) -> None:
        self._metric, self._l1_ratio, self._worst = preconditioner, l1_ratio, worst

    def propose(self, standing: Standing) -> Proposal:
        """Say where to go."""
        B = standing.B
        l1, l2 = standing.penalty * self._l1_ratio, standing.penalty * (1 - self._l1_ratio)
        g = standing.G + l2[:, None].astype(B.dtype) * B
        d = self._target(standing, g, l1, l2) - B
        change = l1 * (_size(B + d) - _size(B))
        start = dot(g, d) + change
        uphill = np.flatnonzero(~(start < 0) & d.any(axis=1))
        if uphill.size and standing.pairs:  # rounding has made the pairs useless
            plain = self.propose(standing.keep(uphill)._replace(pairs=[]))
            d[uphill], start[uphill] = plain.direction, plain.slope.start
            change[uphill] = plain.slope.linear - l2[uphill] * dot(B[uphill], d[uphill])
        slope = Slope(start, l2 * dot(B, d) + change, l2 * dot(d, d), np.ones(len(d)))
        return Proposal(d, slope, self._bound(standing, l1, l2))

    def _target(self, standing: Standing, g: NDArray, l1: NDArray, l2: NDArray) -> NDArray:
        """Minimum of the model of the objective, packed; units of like working sets are worked on together."""
        B, units = standing.B, standing.units
        target = B.copy()
        working = self._working_set(standing, l1)
        updates = _updates(self._metric, standing, l2)
        size = working.sum(axis=1)
        order = np.argsort(size)
        low = 0
        while low < order.size:
            high = _block_end(size[order], low)
            rows = order[low:high]
            columns, used = _table(working[rows])
            hessian = self._metric.hessian(units[rows], columns, l2[rows])
            if updates:
                parts = np.stack([np.take_along_axis(vector[rows], columns, axis=1) for vector, _ in updates], axis=1)
                signs = np.array([sign for _, sign in updates], dtype=B.dtype)[:, None]
                hessian += np.matmul((signs * parts).transpose(0, 2, 1), parts)
            hessian *= used[:, :, None] & used[:, None, :]
            diagonal = np.einsum("nkk->nk", hessian)
            diagonal[~used] = 1
            now = np.take_along_axis(B[rows], columns, axis=1) * used
            best = minimise_lasso(hessian, np.take_along_axis(g[rows], columns, axis=1) * used, now, l1[rows])
            r, slot = np.nonzero(used)
            target[rows[r], columns[r, slot]] = best[r, slot]
            low = high
        return target

    def _working_set(self, standing: Standing, l1: NDArray) -> NDArray[np.bool_]:
        return (standing.B != 0) | (np.abs(standing.G) > (NEAR * l1)[:, None])

    def _bound(self, standing: Standing, l1: NDArray, l2: NDArray) -> NDArray[np.float64]:
        B = standing.B
        over = np.maximum(np.abs(standing.G).astype(np.float64) - l1[:, None], 0)
        bound = (standing.G.astype(np.float64) * B + l1[:, None] * np.abs(B) + l2[:, None] / 2 * B**2).sum(axis=1)
        if self._l1_ratio < 1:
            bound += (over**2).sum(axis=1) / (2 * l2)
        else:
            bound += over.max(axis=1, initial=0) / l1 * self._worst[standing.units]
        return bound


def _size(B: NDArray) -> NDArray[np.float64]:
    return np.abs(B).sum(axis=1, dtype=np.float64)


def _block_end(size: NDArray, low: int) -> int:
    """End of the block of rows, sorted by size, whose Hessians fit; at least one row."""
    entries = np.arange(1, size.size - low + 1) * np.maximum(size[low:], 1).astype(np.int64) ** 2
    return low + max(1, int(np.searchsorted(entries, BLOCK_ENTRIES, side="right")))


def _table(working: NDArray) -> tuple[NDArray, NDArray]:
    """Columns in use, ``(row, slot)``, and which slots are filled."""
    size = working.sum(axis=1)
    columns = np.argsort(~working, axis=1, kind="stable")[:, : size.max(initial=0)]
    return columns, np.arange(columns.shape[1]) < size[:, None]


def _updates(metric: Preconditioner, standing: Standing, l2: NDArray) -> list[tuple[NDArray, float]]:
    """The BFGS Hessian as its start plus signed outer products of ``(row, packed)`` vectors.

    H+ = H + y y' / s'y - (H s)(H s)' / s'H s for each pair in turn; a pair of no curvature adds nothing.
    """
    updates: list[tuple[NDArray, float]] = []
    for pair in standing.pairs:
        y = pair.y + l2[:, None].astype(pair.y.dtype) * pair.s
        Hs = metric.metric_product(standing.units, pair.s, l2)
        for vector, sign in updates:
            Hs += (sign * dot(vector, pair.s)).astype(y.dtype)[:, None] * vector
        sy, sHs = pair.sy + l2 * pair.ss, dot(pair.s, Hs)
        valid = (sy > 1e-7 * pair.ss) & (sHs > 1e-7 * pair.ss)
        updates.append((_scaled(y, sy, valid), 1.0))
        updates.append((_scaled(Hs, sHs, valid), -1.0))
    return updates


def _scaled(vector: NDArray, square: NDArray, valid: NDArray) -> NDArray:
    scale = np.divide(1, np.sqrt(square, where=valid, out=np.ones_like(square)), where=valid, out=np.zeros_like(square))
    return vector * scale.astype(vector.dtype)[:, None]
