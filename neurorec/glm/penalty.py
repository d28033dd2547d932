"""What is penalised, column by column, brought to a form in which the squared part is |b|^2."""

from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.designs import Design, TransformedDesign
from neurorec.recording import InputError, first_offenders


class Penalty(NamedTuple):
    """penalty (l1_ratio sum_j u_j |b_j| + (1 - l1_ratio) / 2 |b|^2), with |b_g| for b_j where columns are grouped.

    The user's coefficients are M b.
    """

    l1_ratio: float
    weight: NDArray | None  # (feature,) u_j; None for ones
    groups: NDArray | None  # (feature,) of int, -1 for a column on its own; None where none is grouped
    matrix: scipy.sparse.csr_array | None  # M (feature, feature), in small blocks; None for the identity

    def design(self, design: Design) -> Design:
        """The design in coordinates b."""
        return design if self.matrix is None else TransformedDesign(design, self.matrix)

    def outer(self, coef: NDArray) -> NDArray:
        """The user's coefficients ``(unit, feature)`` from b."""
        if self.matrix is None:
            return coef
        return np.ascontiguousarray(coef @ self.matrix.T.astype(coef.dtype))

    def inner(self, coef: NDArray) -> NDArray:
        """b from the user's coefficients ``(unit, feature)``."""
        if self.matrix is None:
            return coef
        return scipy.sparse.linalg.spsolve(self.matrix.tocsc(), coef.T.astype(np.float64)).reshape(coef.T.shape).T

    def tied(self) -> tuple[NDArray, NDArray]:
        """Pairs of different columns that only make sense together, smooth along one group: ``(pair,)`` each."""
        if self.matrix is None:
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
        here, there = self.matrix.tocoo().coords  # explicit zeros among them: blocks are whole
        return here[here < there], there[here < there]

    def kept(self, wanted: NDArray) -> NDArray[np.bool_]:
        """Columns ``(feature,)`` to keep so that those wanted have all that they are tied to."""
        here, there = self.tied()
        kept = wanted.copy()
        kept[here[wanted[there]]] = True
        kept[there[wanted[here]]] = True
        return kept


def build_penalty(
    n_features: int,
    *,
    l1_ratio: float = 0.0,
    penalty_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    smoothness: float = 0.0,
) -> Penalty:
    """Check a penalty and bring it to the form of `Penalty`.

    Parameters
    ----------
    n_features : int
        Columns of the design.
    l1_ratio : float
        0 is ridge, 1 is lasso.
    penalty_weight : array_like (feature,), optional
        a_j > 0, a factor of the whole penalty on a column.
    groups : array_like of int (feature,), optional
        Columns of one source, for instance, have one number; -1 is on its own. With ``l1_ratio > 0`` a group's
        absolute values become its norm times the root of its size (group lasso).
    smoothness : float
        Adds penalty smoothness / 2 times the squared second differences of the coefficients along each group.

    Returns
    -------
    Penalty

    Raises
    ------
    InputError
        Where a value is out of range or they do not go together.

    Examples
    --------
    >>> build_penalty(2, penalty_weight=[1.0, 4.0]).matrix.toarray().tolist()
    [[1.0, 0.0], [0.0, 0.5]]
    """
    if not 0 <= l1_ratio <= 1:
        raise InputError("l1_ratio", expected="0 (ridge) to 1 (lasso)", found=f"{l1_ratio:g}", remedy="choose one")
    factor = _check_weights(penalty_weight, n_features)
    group = _check_groups(groups, n_features, factor)
    if not (np.isfinite(smoothness) and smoothness >= 0):
        raise InputError("smoothness", expected="a number >= 0", found=f"{smoothness}", remedy="0 is none")
    if smoothness and (group is None or l1_ratio > 0):
        raise InputError(
            "smoothness",
            expected="groups of columns to be smooth along, and l1_ratio 0",
            found="no groups" if group is None else f"l1_ratio {l1_ratio:g}",
            remedy="give groups=, one number per column" if group is None else "choose one of the two",
        )
    weight = None
    if l1_ratio > 0:
        weight = np.ones(n_features) if factor is None else np.sqrt(factor)  # a |b| = sqrt(a) |sqrt(a) b|
        if group is not None:
            size = np.bincount(group[group >= 0], minlength=1)
            weight = np.where(group >= 0, weight * np.sqrt(size[np.maximum(group, 0)]), weight)
        weight = None if (weight == 1).all() else weight
    matrix = None
    if smoothness and group is not None:
        matrix = _smoothing_matrix(np.ones(n_features) if factor is None else factor, group, smoothness)
    elif factor is not None:
        matrix = scipy.sparse.csr_array(scipy.sparse.diags_array(1 / np.sqrt(factor)))
    return Penalty(float(l1_ratio), weight, group if l1_ratio > 0 else None, matrix)


def _check_weights(penalty_weight: ArrayLike | None, n_features: int) -> NDArray[np.float64] | None:
    if penalty_weight is None:
        return None
    factor = np.asarray(penalty_weight, dtype=np.float64)
    if factor.shape != (n_features,) or not (np.isfinite(factor) & (factor > 0)).all():
        right = factor.shape == (n_features,)
        raise InputError(
            "penalty_weight",
            expected=f"{n_features} positive numbers, one per column",
            found=f"{factor[~(factor > 0)][:1]}" if right else str(factor.shape),
            remedy="a column left nearly free has a small weight, such as 1e-3",
        )
    return None if (factor == 1).all() else factor


def _check_groups(groups: ArrayLike | None, n_features: int, factor: NDArray | None) -> NDArray[np.int64] | None:
    if groups is None:
        return None
    group = np.asarray(groups)
    if group.shape != (n_features,) or group.dtype.kind not in "iu":
        raise InputError(
            "groups",
            expected=f"{n_features} integers, one per column",
            found=f"{group.dtype} {group.shape}",
            remedy="number the sources; -1 for a column on its own",
        )
    group = np.where(group < 0, -1, group).astype(np.int64)
    if factor is not None:
        uneven = [g for g in np.unique(group[group >= 0]) if np.ptp(factor[group == g]) > 0]
        if uneven:
            raise InputError(
                "penalty_weight",
                expected="one weight within a group",
                found=f"several in groups {first_offenders(np.array(uneven))}",
                remedy="weigh whole groups",
            )
    return group if (group >= 0).any() else None


def _smoothing_matrix(factor: NDArray, group: NDArray, smoothness: float) -> scipy.sparse.csr_array:
    """M with |M^-1 c|^2 = sum_j a_j c_j^2 + smoothness times the squared second differences within groups."""
    rows, columns, values = [], [], []
    for number in np.unique(group):
        where = np.flatnonzero(group == number)
        for members in [where] if number >= 0 else where[:, None]:
            bend = np.diff(np.eye(members.size), n=2, axis=0) if members.size > 2 else np.zeros((0, members.size))
            square = np.diag(factor[members]) + smoothness * bend.T @ bend
            block = scipy.linalg.solve_triangular(np.linalg.cholesky(square).T, np.eye(members.size))
            rows.append(np.repeat(members, members.size))
            columns.append(np.tile(members, members.size))
            values.append(block.ravel())
    at = (np.concatenate(rows), np.concatenate(columns))
    return scipy.sparse.csr_array((np.concatenate(values), at), shape=(group.size, group.size))
