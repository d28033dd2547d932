"""Centred kernel alignment: whether the same rows are near each other in two sets of responses."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurorec.comparison.arrays import Responses, check_varies, paired_rows
from neurorec.recording import InputError


class KernelAlignment(NamedTuple):
    """A linear kernel alignment and what it is made of.

    Attributes
    ----------
    value : float
        1 for the same up to rotation and size; 0 for nothing in common (the debiased one is about 0 then, of either
        sign, and NaN where one set has no structure beyond what finite rows give by chance).
    hsic_xy, hsic_xx, hsic_yy : float
        The kernels' dependence (Hilbert-Schmidt criterion), in squared units of the responses; of the unbiased
        estimator if debiased.
    n_rows : int
        Rows that both have.
    """

    value: float
    hsic_xy: float
    hsic_xx: float
    hsic_yy: float
    n_rows: int


def kernel_alignment(x: Responses, y: Responses, *, debiased: bool = False) -> KernelAlignment:
    r"""Linear centred kernel alignment (CKA).

    :math:`\mathrm{CKA} = \mathrm{HSIC}(K, L) / \sqrt{\mathrm{HSIC}(K, K)\, \mathrm{HSIC}(L, L)}` of the kernels
    :math:`K = X X^\top, L = Y Y^\top`, with :math:`\mathrm{HSIC}(K, L) = |Y^\top C X|_F^2 / (n - 1)^2`, C taking off
    means over n rows. It is above 0 for independent responses too, and near 1 where units are more than rows.
    Debiased, each term is the unbiased :math:`\frac{1}{n (n - 3)} \left[ \mathrm{tr} \tilde K \tilde L +
    \frac{1^\top \tilde K 1\, 1^\top \tilde L 1}{(n - 1)(n - 2)} - \frac{2}{n - 2} 1^\top \tilde K \tilde L 1 \right]`,
    the kernels with a diagonal of 0, computed from units, without any n by n matrix, where units are fewer.

    The correction is for finitely many *independent* rows. Steps of one trial are not, and noise in the responses is
    another matter: see the null that `neurorec.comparison.compare` puts beside it. Unequal numbers of units need no
    care: kernels are of rows.

    Parameters
    ----------
    x, y : array_like (condition, time, unit), or a sequence of (time, unit)
        The same conditions; see `neurorec.comparison.paired_rows` for unequal lengths.
    debiased : bool
        Which estimator.

    Returns
    -------
    KernelAlignment

    Raises
    ------
    InputError
        Responses that do not fit together or do not vary; fewer than 4 rows for the debiased one.

    References
    ----------
    Kornblith et al. 2019, https://doi.org/10.48550/arXiv.1905.00414; Song et al. 2012,
    https://doi.org/10.5555/2503308.2343691 (the unbiased estimator)

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((2, 5, 40, 50))
    >>> plain, debiased = (kernel_alignment(x, y, debiased=d).value for d in (False, True))    # independent
    >>> plain > 0.15, abs(debiased) < 0.05
    (True, True)
    """
    rows = paired_rows(x, y, least=4 if debiased else 3)
    a, b = check_varies(rows.x, "x"), check_varies(rows.y, "y")
    n = len(a)
    if debiased:
        xy, xx, yy = _unbiased(a, b), _unbiased(a, a), _unbiased(b, b)
    else:
        xy, xx, yy = (_squared_products(*pair) / (n - 1) ** 2 for pair in ((a, b), (a, a), (b, b)))
    value = xy / np.sqrt(xx * yy) if xx > 0 and yy > 0 else np.nan
    return KernelAlignment(float(value), float(xy), float(xx), float(yy), n)


def _squared_products(a: NDArray, b: NDArray) -> float:
    """``|A'B|^2``, the sum of products of the kernels' entries, in the cheaper of two orders."""
    if a.shape[1] * b.shape[1] <= len(a) ** 2:
        return float(((a.T @ b) ** 2).sum())
    return float(((a @ a.T) * (b @ b.T)).sum())


def _unbiased(a: NDArray, b: NDArray) -> float:
    """The unbiased estimator for linear kernels of ``(row, unit)``; shifting rows changes nothing in it."""
    n = len(a)
    if n < 4:
        raise InputError("x and y", expected="4 rows or more", found=str(n), remedy="give more steps or conditions")
    own_a, own_b = (a**2).sum(axis=1), (b**2).sum(axis=1)
    row_a, row_b = a @ a.sum(axis=0) - own_a, b @ b.sum(axis=0) - own_b
    trace = _squared_products(a, b) - own_a @ own_b
    both = row_a.sum() * row_b.sum() / ((n - 1) * (n - 2))
    return float((trace + both - 2 / (n - 2) * (row_a @ row_b)) / (n * (n - 3)))
