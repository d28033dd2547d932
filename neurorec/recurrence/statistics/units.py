"""Single units: is a benefit there at all?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats


def unit_p_values(gain: ArrayLike) -> NDArray[np.float64]:
    """Probability of so large a mean held-out gain over trials if there were none, one-sided, by Student's t.

    A model with useless predictors loses on held-out trials, so the test errs on the side of no benefit.

    Parameters
    ----------
    gain : array_like (unit, trial)
        Held-out deviance of the simpler model less that of the richer one; NaN where a trial does not count.

    Returns
    -------
    ndarray (unit,)
        Missing with fewer than three trials or no variation.

    Examples
    --------
    >>> unit_p_values([[1.0, 1.2, 0.9, 1.1], [1.0, -1.0, 0.5, -0.5]]).round(3).tolist()
    [0.0, 0.5]
    """
    gain = np.asarray(gain, dtype=float)
    n = np.isfinite(gain).sum(axis=1)
    mean = np.where(np.isfinite(gain), gain, 0).sum(axis=1) / np.maximum(n, 1)
    spread = np.sqrt(np.where(np.isfinite(gain), (gain - mean[:, None]) ** 2, 0).sum(axis=1) / np.maximum(n - 1, 1))
    possible = (n >= 3) & (spread > 0)
    t = np.divide(mean * np.sqrt(n), spread, out=np.zeros_like(mean), where=possible)
    return np.where(possible, stats.t.sf(t, np.maximum(n - 1, 1)), np.nan)


def false_discovery(p_values: ArrayLike) -> NDArray[np.float64]:
    """Benjamini-Hochberg q-values; missing p-values stay missing and are not counted.

    Parameters
    ----------
    p_values : array_like (test,)
        Probabilities.

    Returns
    -------
    ndarray (test,)

    Examples
    --------
    >>> false_discovery([0.01, 0.04, np.nan]).tolist()
    [0.02, 0.04, nan]
    """
    p = np.asarray(p_values, dtype=float)
    q = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        q[known] = stats.false_discovery_control(p[known])
    return q
