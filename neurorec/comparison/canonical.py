"""Canonical correlations on conditions that were held out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurorec.comparison.arrays import PairedRows, Responses, check_varies, paired_rows, principal
from neurorec.recording import InputError


class CanonicalCorrelations(NamedTuple):
    """Canonical correlations and what they are made of.

    Attributes
    ----------
    value : float
        Mean over components of `held_out`.
    held_out : ndarray (component,)
        Correlations of the canonical variates on conditions that did not make them, means over folds weighted by rows.
    training : ndarray (component,)
        On the conditions that did: what is reported without cross-validation.
    n_x, n_y : int
        Principal components of each that went in.
    n_folds : int
        Of conditions.
    """

    value: float
    held_out: NDArray[np.float64]
    training: NDArray[np.float64]
    n_x: int
    n_y: int
    n_folds: int


def canonical_correlations(
    x: Responses,
    y: Responses,
    *,
    n_components: int | None = 10,
    variance: float = 0.99,
    penalty: float = 1e-3,
    n_folds: int = 5,
) -> CanonicalCorrelations:
    r"""Canonical correlations (CCA after principal components: SVCCA), on held-out conditions.

    Each side is reduced to the principal components that hold a share `variance` of it, at most `n_components`: that is
    also what makes unequal numbers of units comparable. Training conditions give weights a and b that maximise
    :math:`a^\top S_{xy} b` with :math:`a^\top (S_{xx} + p\,\bar s_x 1) a = 1` and alike for b, one pair after the
    other, p the penalty and :math:`\bar s` the mean variance of a component; the correlation of :math:`X a` with
    :math:`Y b` is then taken over the rows of the held-out conditions. Without holding out, any two sets with as many
    components as rows correlate at 1. Principal components are of all rows: they look at one side alone.

    Parameters
    ----------
    x, y : array_like (condition, time, unit), or a sequence of (time, unit)
        The same conditions; see `neurorec.comparison.paired_rows` for unequal lengths.
    n_components : int, optional
        Most components of each side; None: as many as the variance asks for.
    variance : float
        Share that they hold; 1 for CCA of the full responses.
    penalty : float
        p, against components with little variance.
    n_folds : int
        Conditions k, k + n_folds, ... are held out together; at most as many as there are conditions.

    Returns
    -------
    CanonicalCorrelations

    Raises
    ------
    InputError
        Responses that do not fit together or do not vary, fewer than two conditions or folds.

    References
    ----------
    Raghu et al. 2017, https://doi.org/10.48550/arXiv.1706.05806

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((2, 6, 10, 8))
    >>> found = canonical_correlations(x, y)
    >>> bool(found.training.mean() > 0.2), bool(abs(found.value) < 0.2)                   # independent
    (True, True)
    """
    rows = paired_rows(x, y)
    n_folds = min(n_folds, int(np.unique(rows.condition).size))
    if n_folds < 2:
        remedy = "give two conditions or more, in two folds or more"
        raise InputError("x and y", expected="conditions to hold out", found=f"{n_folds} folds", remedy=remedy)
    parts = [
        principal(check_varies(v, name), n_components=n_components, variance=variance)
        for v, name in ((rows.x, "x"), (rows.y, "y"))
    ]
    n = min(part.shape[1] for part in parts)
    fold = fold_of(rows, n_folds)
    held, weight, own = np.zeros((n_folds, n)), np.zeros(n_folds), np.zeros((n_folds, n))
    for k in range(n_folds):
        train, test = fold != k, fold == k
        means = [part[train].mean(axis=0) for part in parts]
        (a, b), (new_a, new_b) = ([p[w] - m for p, m in zip(parts, means, strict=True)] for w in (train, test))
        weights = _weights(a, b, penalty)
        own[k] = _correlations(a @ weights[0], b @ weights[1])
        held[k], weight[k] = _correlations(new_a @ weights[0], new_b @ weights[1]), test.sum()
    share = weight / weight.sum()
    return CanonicalCorrelations(
        float((share @ held).mean()), share @ held, own.mean(axis=0), parts[0].shape[1], parts[1].shape[1], n_folds
    )


def fold_of(rows: PairedRows, n_folds: int) -> NDArray[np.int64]:
    """Fold of each row: whole conditions, in turn."""
    return np.unique(rows.condition, return_inverse=True)[1] % n_folds


def _weights(a: NDArray, b: NDArray, penalty: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Canonical weights ``(component, pair)`` of both sides."""
    roots = []
    for side in (a, b):
        gram = side.T @ side
        size, axes = np.linalg.eigh(gram)
        size = np.maximum(size, 0) + penalty * size.mean() + 1e-12 * size.max(initial=1e-300)
        roots.append((axes / np.sqrt(size)) @ axes.T)
    left, _, right = np.linalg.svd(roots[0] @ (a.T @ b) @ roots[1], full_matrices=False)
    return roots[0] @ left, roots[1] @ right.T


def _correlations(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """Of matching columns; 0 where one does not vary."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.divide((a * b).sum(axis=0), size, out=np.zeros_like(size), where=size > 1e-12)
