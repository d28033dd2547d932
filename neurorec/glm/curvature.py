"""The curvature shared by all units: one Gram matrix, decomposed once, preconditions every fit."""

import threading

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.designs import (
    Design,
    MaskedDesign,
    as_design,
    block_bounds_of,
    check_finite,
    column_ranges,
    same_design,
)
from neurorec.glm.team import Team
from neurorec.recording import InputError

NEGLIGIBLE = 1.0  # eigen-directions of less curvature than this many penalties are left to the penalty: half the work
MOST_EXACT = 1500  # columns up to which the whole decomposition costs no more than a few gradients
N_LEADING = 128  # directions kept beyond that: 400 saved 4 % of the passes of a path over 5,000 columns, and cost more
N_POWERS = 4  # of subspace iteration; a preconditioner needs no more


ALONE = Team(1)


class Curvature:
    """Eigen-decompositions of the Gram matrix of a design, made when first needed and kept for reuse.

    It only preconditions: no answer depends on it, so one made from all bins serves every fold, penalty, family and
    nested model on the same columns. It keeps a reference to the design.

    Parameters
    ----------
    design : Design
        The columns.
    weight : ndarray (time,) or None
        Weights of the bins, of sum 1.
    """

    def __init__(self, design: Design, weight: NDArray | None) -> None:
        self._design, self._weight = design, weight
        self._lock = threading.RLock()  # folds that run side by side share what one of them has made
        self._grams: dict[bytes, NDArray] = {}
        self._known: dict[tuple[bytes, int, bool], tuple[NDArray, NDArray]] = {}

    @property
    def n_features(self) -> int:
        """Number of columns of the design."""
        return self._design.shape[1]

    def is_of(self, design: Design) -> bool:
        """Whether it was made of this very design, with equal weights."""
        return self._weight is None and same_design(self._design, design)

    def gram(self, columns: NDArray, matrix: "scipy.sparse.csr_array | None" = None, *, team: Team = ALONE) -> NDArray:
        """The centred Gram matrix per bin ``(column, column)``, in the type of the design."""
        key = columns.tobytes()
        with self._lock:
            if key not in self._grams:
                design = self._design if columns.size == self.n_features else self._design.take(columns)
                self._grams[key] = _centred_gram(design, self._weight, team)
        if matrix is None:
            return self._grams[key]
        own = matrix[columns][:, columns].astype(self._design.dtype)
        return np.ascontiguousarray(own.T @ (self._grams[key] @ own))

    def eigen(
        self,
        columns: NDArray,
        matrix: "scipy.sparse.csr_array | None" = None,
        *,
        whole: bool = False,
        team: Team = ALONE,
    ) -> tuple[NDArray, NDArray]:
        """Eigenvalues of the centred Gram matrix per bin, largest first and >= 0, and eigenvectors.

        Parameters
        ----------
        columns : ndarray of int (column,)
            Columns of the design.
        matrix : scipy.sparse.csr_array (feature, feature), optional
            M of the design in other coordinates, X M.
        whole : bool
            All of them, also of wide designs, of which the leading ones are known by default.
        team : Team
            Threads that share the products.

        Returns
        -------
        values : ndarray (direction,)
        vectors : ndarray (column, direction)
        """
        shape = 0 if matrix is None else hash((matrix.data.tobytes(), matrix.indices.tobytes()))
        key = columns.tobytes(), shape, whole or columns.size <= MOST_EXACT
        with self._lock:
            if key not in self._known:
                self._known[key] = _eigen(self.gram(columns, matrix, team=team), whole=key[-1])
            return self._known[key]


def _eigen(gram: NDArray, *, whole: bool) -> tuple[NDArray, NDArray]:
    """Eigenvalues, largest first, and eigenvectors: all of them, or the leading ones by subspace iteration."""
    if whole:
        values, vectors = scipy.linalg.eigh(gram, driver="evd", check_finite=False)
        return np.maximum(values[::-1], 0), np.ascontiguousarray(vectors[:, ::-1])
    guess = np.random.default_rng(0).standard_normal((len(gram), N_LEADING), dtype=np.float32).astype(gram.dtype)
    for _ in range(N_POWERS):
        guess = np.linalg.qr(gram @ guess)[0]
    values, rotation = np.linalg.eigh(guess.T @ (gram @ guess))
    return np.maximum(values[::-1], 0), np.ascontiguousarray(guess @ rotation[:, ::-1])


def gram_eigh(X: "ArrayLike | Design", *, sample_weight: ArrayLike | None = None) -> Curvature:
    """Curvature of a design, to be handed to every fit on the same columns.

    Parameters
    ----------
    X : array_like or Design (time, feature)
        Design matrix, finite.
    sample_weight : array_like (time,), optional
        Weights of the bins.

    Returns
    -------
    Curvature
        Decomposed when first needed.

    Examples
    --------
    >>> X = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]])
    >>> gram_eigh(X).eigen(np.arange(2))[0]
    array([2. , 0.5])
    """
    design = as_design(X)
    check_finite(*column_ranges(design, ALONE))
    if sample_weight is None:
        return Curvature(design, None)
    weight = np.asarray(sample_weight, dtype=np.float64)
    return Curvature(design, weight / weight.sum())


def _centred_gram(design: Design, weight: NDArray | None, team: Team) -> NDArray:
    n_times, n_features = design.shape
    bounds = block_bounds_of(design, team.n_jobs)

    def work(first: int, last: int) -> tuple[NDArray, NDArray]:
        gram, mean = np.zeros((n_features, n_features), dtype=design.dtype), np.zeros(n_features)
        for low, high in bounds[first:last]:
            rows = design.block(low, high)
            if weight is None:
                mean += rows.sum(axis=0, dtype=np.float64)
                gram += rows.T @ rows
            else:
                part = weight[low:high] * n_times
                mean += part @ rows
                gram += (rows * part[:, None].astype(rows.dtype)).T @ rows
        return gram, mean

    parts = team.over(len(bounds), work)
    gram, mean = parts[0][0], sum(part[1] for part in parts) / n_times
    for part in parts[1:]:
        gram += part[0]
    gram /= n_times
    gram -= np.outer(mean, mean).astype(gram.dtype)
    return gram


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


class Preconditioner:
    """Approximate inverse Hessian of every unit: (h_n Gram + penalty_n)^-1, common and private columns apart.

    Where columns are masked the inverse is projected, which keeps it positive definite on what is free.

    Parameters
    ----------
    design : MaskedDesign
        Columns.
    curvature : Curvature or None
        Of the columns of X; None to make it here.
    scale : ndarray (unit,)
        h_n, mean second derivative of the loss at the null model.
    matrix : scipy.sparse.csr_array (feature, feature), optional
        M of a design in other coordinates, X M.
    source : Design, optional
        X itself.
    whole : bool
        Know every direction: worth it where the Hessian is h_n Gram exactly, as in least squares.
    team : Team
        Threads that share the products.

    Attributes
    ----------
    exact : bool
        Whether the Gram matrix is that of the very bins that are fitted, and of all columns.
    """

    def __init__(
        self,
        design: MaskedDesign,
        curvature: Curvature | None,
        scale: NDArray,
        matrix: "scipy.sparse.csr_array | None" = None,
        source: Design | None = None,
        *,
        whole: bool = False,
        team: Team = ALONE,
    ) -> None:
        alone = not design.private.shape[1]
        self.exact = alone and (curvature is None or (source is not None and curvature.is_of(source)))
        self._design, self._scale = design, scale
        if curvature is None:
            curvature, matrix, self._columns = (
                Curvature(design.common_design, None),
                None,
                np.arange(design.common.size),
            )
        else:
            curvature, self._columns = _of_design(curvature, design), design.common
        self._curvature, self._matrix = curvature, matrix
        found = curvature.eigen(self._columns, matrix, whole=whole, team=team)
        self._values, self._vectors = (part.astype(design.dtype, copy=False) for part in found)
        trace = float(np.trace(curvature.gram(self._columns, matrix)))
        n_rest = max(len(self._vectors) - self._values.size, 1)
        self._rest = max(trace - float(self._values.sum(dtype=np.float64)), 0.0) / n_rest
        self._gram: NDArray | None = None
        self._private = _private_gram(design)

    @property
    def mask(self) -> NDArray | None:
        """False where a coefficient must be 0, ``(unit, packed)``; None where all are free."""
        return self._design.mask

    def apply(self, G: NDArray, units: NDArray, penalty: NDArray, team: Team, scale: NDArray | None = None) -> NDArray:
        """Product with packed vectors ``(row, packed)`` of some units, which must be 0 where masked.

        ``penalty (row,)`` is that of the squared norm; where it is 0, a little is added to keep things invertible.
        ``scale (row,)`` is to stand for h_n.
        """
        out, dtype = np.empty_like(G), G.dtype
        penalty = np.maximum(penalty, self._least(units))
        n_common = len(self._vectors)
        scales = self._scale[units] if scale is None else scale
        strongest = (scales / penalty).max(initial=0.0)
        n_kept = int(np.count_nonzero(strongest * self._values > NEGLIGIBLE))
        values, vectors = self._values[:n_kept], self._vectors[:, :n_kept]
        n_other = len(self._vectors) - self._values.size
        left = float(self._values[n_kept:].sum(dtype=np.float64)) + n_other * self._rest
        rest = left / max(len(self._vectors) - n_kept, 1)

        def work(low: int, high: int) -> None:
            h, least = scales[low:high, None], penalty[low:high, None]
            # with every direction kept there is no rest to add: in float32 it would drown the strongest directions
            base = 1 / (least + h * rest) if n_kept < n_common else np.zeros_like(least)
            common = G[low:high, :n_common]
            inner = common @ vectors
            inner *= (1 / (h * values + least) - base).astype(dtype)
            np.matmul(inner, vectors.T, out=out[low:high, :n_common])
            out[low:high, :n_common] += base.astype(dtype) * common
            if self._private.shape[1]:
                blocks = h[:, :, None] * self._private[units[low:high]]
                blocks += least[:, :, None] * np.eye(blocks.shape[1])
                out[low:high, n_common:] = np.linalg.solve(blocks, G[low:high, n_common:, None])[:, :, 0]
            if self._design.mask is not None:
                out[low:high] *= self._design.mask[units[low:high]]

        team.over(len(G), work)
        return out

    @property
    def common_gram(self) -> NDArray:
        """Gram matrix of the common columns ``(common, common)``."""
        if self._gram is None:
            self._gram = self._curvature.gram(self._columns, self._matrix).astype(self._design.dtype, copy=False)
        return self._gram

    def _least(self, units: NDArray) -> NDArray:
        """What keeps a singular Gram matrix invertible."""
        largest = self._values.max(initial=0.0) * self._scale[units]
        return 1e-7 * largest + np.finfo(self._values.dtype).tiny


def _of_design(curvature: Curvature, design: MaskedDesign) -> Curvature:
    if curvature.n_features != design.n_features:
        raise InputError(
            "curvature",
            expected=f"that of the {design.n_features} columns of X",
            found=f"{curvature.n_features} columns",
            remedy="call gram_eigh on this X",
        )
    return curvature


def _private_gram(design: MaskedDesign) -> NDArray:
    """Centred Gram matrix of each unit's private columns, ``(unit, private, private)``."""
    V = design.private_values
    mean = V.mean(axis=2, keepdims=True)
    return np.matmul(V, V.transpose(0, 2, 1)) / V.shape[2] - mean * mean.transpose(0, 2, 1)
