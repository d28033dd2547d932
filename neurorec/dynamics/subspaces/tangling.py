"""Tangling: whether a trajectory passes near itself in other directions, as no smooth autonomous flow would."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.dynamics.subspaces.labels import check_activity, whole
from neurorec.dynamics.subspaces.principal import principal_components
from neurorec.recording import InputError

_CHUNK = 4_000_000  # numbers held at a time


def trajectory_tangling(
    activity: ArrayLike, *, dt: float, n_components: int | None = 8, softening: float = 0.1
) -> NDArray[np.float64]:
    r"""How much the velocity of a trajectory differs from that at states near it, at the worst of them.

    :math:`Q(t) = \max_{t'} \|\dot x_t - \dot x_{t'}\|^2 / (\|x_t - x_{t'}\|^2 + \epsilon)`, over the times of all
    conditions; velocities are central differences (one-sided at ends) and :math:`\epsilon` is a share of the mean
    squared distance from the mean (Russo et al. 2018, doi:10.1016/j.neuron.2018.01.004).

    Parameters
    ----------
    activity : array-like (condition, time, unit)
        Averages, or states of a system; NaN where not recorded.
    dt : float
        Time of a bin, s.
    n_components : int, optional
        Principal components that are kept, at most; None for the activity as it is.
    softening : float
        :math:`\epsilon` over that mean.

    Returns
    -------
    ndarray (condition, time)
        1/s^2; NaN where activity or velocity is.

    Raises
    ------
    InputError
        Fewer than two times, or a time of a bin that is not positive.

    Examples
    --------
    >>> angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    >>> circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[None]
    >>> eight = np.stack([np.sin(angle), np.sin(2 * angle)], axis=-1)[None]
    >>> bool(trajectory_tangling(eight, dt=0.01).max() > 5 * trajectory_tangling(circle, dt=0.01).max())
    True
    """
    values = check_activity(activity, least=3)
    if values.shape[1] < 2 or not dt > 0:
        found, remedy = f"{values.shape[1]} times of {dt:g} s", "velocities need neighbours in time"
        raise InputError("activity and dt", expected="two times or more, dt > 0", found=found, remedy=remedy)
    if n_components is not None:
        most = int(min(n_components, whole(values).sum(), values.shape[2]))
        values = principal_components(values, n_components=most).scores
    velocity = np.gradient(values, dt, axis=1)
    known = whole(values) & whole(velocity)
    if not known.any():
        raise InputError("activity", expected="bins beside each other", found="none", remedy="fill the gaps")
    x, v = values[known], velocity[known]
    epsilon = softening * float(((x - x.mean(axis=0)) ** 2).sum(axis=1).mean())
    if epsilon == 0:
        raise InputError("softening", expected="above 0, and activity that varies", found="0", remedy="see the paper")
    worst = np.empty(len(x))
    size = max(1, _CHUNK // len(x))
    for k in range(0, len(x), size):
        part = slice(k, k + size)
        worst[part] = (_squared(v[part], v) / (_squared(x[part], x) + epsilon)).max(axis=1)
    tangling = np.full(known.shape, np.nan)
    tangling[known] = worst
    return tangling


def _squared(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """Squared distances ``(of a, of b)``."""
    return np.maximum((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T, 0.0)
