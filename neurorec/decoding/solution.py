"""The solution time: when accuracy first reaches a criterion and stays there."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError

STATUS = ("solved", "never", "from_start", "no_criterion")


class SolutionTimes(NamedTuple):
    """When each condition is solved.

    Attributes
    ----------
    time : ndarray (...)
        Seconds, on the axis of the accuracies; NaN unless solved.
    status : ndarray of str (...)
        ``"solved"``; ``"never"`` reached for long enough; ``"from_start"``: at or above the criterion in the first
        window already, so the time lies before it; ``"no_criterion"``: the criterion is not defined.
    """

    time: NDArray[np.float64]
    status: NDArray[np.str_]


def solution_time(
    accuracy: ArrayLike, time: ArrayLike, criterion: ArrayLike | float, *, n_sustained: int = 3
) -> SolutionTimes:
    r"""First time at which accuracy reaches a criterion and stays for a number of windows.

    With :math:`k` the first window such that :math:`a_k, \ldots, a_{k+m-1} \ge c`, the time is where the line from
    :math:`(t_{k-1}, a_{k-1})` to :math:`(t_k, a_k)` meets :math:`c`. Noise biases it: with ``n_sustained=1`` towards
    early, as the first of many noisy windows to pass is taken; with many, towards late.

    A fixed criterion is reached earlier by a condition of higher accuracy *even if its information comes no earlier*,
    because a steeper rise crosses any level sooner. See `plateau_criterion` for a criterion relative to each
    condition's own plateau, and `match_conditions` for comparing conditions of the same behavioural accuracy, as Kar
    and colleagues did.

    Parameters
    ----------
    accuracy : array_like (..., time)
        Such as (condition, time) or (draw, condition, time); a missing window does not count as reached.
    time : array_like (time,)
        Seconds, increasing.
    criterion : float or array_like (...)
        To be reached: one for all or one per curve; NaN where it is not defined.
    n_sustained : int
        Windows that must be at or above it in a row, the first included.

    Returns
    -------
    SolutionTimes
        ``time`` and ``status``, shaped as the accuracies without their last axis.

    Raises
    ------
    InputError
        Axes that do not match.

    References
    ----------
    Kar et al. 2019, https://doi.org/10.1038/s41593-019-0392-5

    Examples
    --------
    >>> found = solution_time([[0.5, 0.5, 0.7, 0.8], [0.5] * 4], [0.1, 0.2, 0.3, 0.4], 0.6, n_sustained=2)
    >>> found.time.round(3).tolist(), found.status.tolist()
    ([0.25, nan], ['solved', 'never'])
    """
    a, time = np.asarray(accuracy, dtype=float), np.asarray(time, dtype=float)
    if time.shape != a.shape[-1:] or not 1 <= n_sustained <= time.size:
        raise InputError(
            "time",
            expected=f"one per window ({a.shape[-1:]}) and at least n_sustained of them",
            found=f"{time.shape} and n_sustained={n_sustained}",
            remedy="align them",
        )
    c = np.broadcast_to(np.asarray(criterion, dtype=float), a.shape[:-1])
    above = np.lib.stride_tricks.sliding_window_view(a >= c[..., None], n_sustained, axis=-1).all(axis=-1)
    first, ever = above.argmax(axis=-1), above.any(axis=-1)
    at, before = (np.take_along_axis(a, np.maximum(i, 0)[..., None], -1)[..., 0] for i in (first, first - 1))
    share = np.divide(c - before, at - before, out=np.ones_like(at), where=at > before)  # a missing one before: t_k
    when = time[np.maximum(first - 1, 0)] + share * (time[first] - time[np.maximum(first - 1, 0)])
    start = ever & (first == 0)
    status = np.select([np.isnan(c), start, ever], ["no_criterion", "from_start", "solved"], "never")
    return SolutionTimes(np.where(status == "solved", when, np.nan), status)


def plateau_criterion(
    accuracy: ArrayLike,
    time: ArrayLike,
    window: tuple[float, float],
    *,
    chance: float,
    fraction: float = 0.5,
    least: float = 0.0,
) -> NDArray[np.float64]:
    r"""A criterion part of the way from chance to each condition's own plateau.

    :math:`c = c_0 + \phi\,(\bar a - c_0)`, with :math:`\bar a` the mean accuracy over `window` and :math:`c_0` chance.
    It takes out differences in how much information there is in the end, not differences in how it rises.

    Parameters
    ----------
    accuracy : array_like (..., time)
        Accuracies.
    time : array_like (time,)
        Seconds.
    window : (float, float)
        Where the plateau is measured, s, both ends included.
    chance : float
        Accuracy that knows nothing.
    fraction : float
        Share of the way.
    least : float
        A plateau not at least this far above chance gives no criterion.

    Returns
    -------
    ndarray (...)
        NaN where the plateau is not above chance (by `least`).

    Examples
    --------
    >>> plateau_criterion([[0.5, 0.9, 0.9], [0.5, 0.5, 0.4]], [1, 2, 3], (2, 3), chance=0.5).round(2).tolist()
    [0.7, nan]
    """
    a, time = np.asarray(accuracy, dtype=float), np.asarray(time, dtype=float)
    inside = (time >= window[0] - 1e-9) & (time <= window[1] + 1e-9)
    if not inside.any():
        raise InputError("window", expected="windows of the decoder", found=f"none in {window}", remedy="widen it")
    known = np.isfinite(a[..., inside])
    total = np.where(known, a[..., inside], 0.0).sum(axis=-1)
    plateau = np.divide(total, known.sum(axis=-1), out=np.full(total.shape, np.nan), where=known.any(axis=-1))
    return np.where((plateau > chance) & (plateau >= chance + least), chance + fraction * (plateau - chance), np.nan)
