"""The sample autocovariance, and what finite trials make of the true one."""

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError

Centring = Literal["bin", "trial", "grand"]


class Autocovariance(NamedTuple):
    """Sample autocovariance of several units that were observed in the same bins.

    Attributes
    ----------
    covariance : ndarray (lag, unit)
        Mean product of what is ``lag`` bins apart, lags 0, 1, 2, ...; NaN where no two bins are that far apart.
    products : ndarray (trial, lag, unit)
        Sum of the products of each trial.
    pairs : ndarray (trial, lag)
        Number of pairs of bins behind each sum.
    expected : ndarray (lag, true_lag)
        The sample autocovariance that a true one has on average: ``E[covariance] = expected @ true``.
    """

    covariance: NDArray[np.float64]
    products: NDArray[np.float64]
    pairs: NDArray[np.float64]
    expected: NDArray[np.float64]


def autocovariance(activity: ArrayLike, *, max_lag: int | None = None, centring: Centring = "bin") -> Autocovariance:
    r"""Sample autocovariance over trials, and the operator that says how biased it is.

    With :math:`x` the activity less a mean and :math:`N_k` the number of pairs of observed bins :math:`k` apart within
    a trial, :math:`C_k = N_k^{-1} \sum_{trials} \sum_t x_t x_{t+k}`. No pair crosses a trial's edge.

    Parameters
    ----------
    activity : array_like (trial, bin) or (trial, bin, unit)
        Counts or rates; NaN where a bin was not observed, in all units alike.
    max_lag : int, optional
        Last lag, bins; by default the longest there is.
    centring : {"bin", "trial", "grand"}
        Which mean is taken off: that of each bin over trials (what every trial has in common is not memory), that of
        each trial (which takes slow changes with it), or that of all bins.

    Returns
    -------
    Autocovariance

    Raises
    ------
    InputError
        Without two trials to take a mean over, or with units observed in different bins.

    Notes
    -----
    A mean taken from the data is correlated with them: with :math:`P` the projection that takes it off and
    :math:`\Sigma` the true covariance of the bins, the expected sample covariance is :math:`P \Sigma P`, whose mean
    along the k-th diagonal is linear in the true autocovariance. Means over trials assume independent trials.

    Examples
    --------
    >>> sample = autocovariance([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], centring="trial")
    >>> sample.covariance[:, 0].round(3).tolist()  # of a trial's own mean, the sum over all pairs is 0
    [0.667, 0.0, -1.0]
    """
    values = np.asarray(activity, dtype=float)
    values = values[:, :, None] if values.ndim == 2 else values
    if values.ndim != 3 or centring not in get_args(Centring):
        raise InputError(
            "activity, centring",
            expected="axes (trial, bin[, unit]) and one of bin, trial, grand",
            found=f"{np.ndim(activity)} axes and {centring!r}",
            remedy="see the docstring",
        )
    observed = np.isfinite(values[:, :, 0])
    if (np.isfinite(values) != observed[:, :, None]).any():
        raise InputError(
            "activity", expected="units observed in the same bins", found="other bins", remedy="pass units one by one"
        )
    if centring == "bin" and (observed.sum(axis=0) >= 2).sum() < 2:
        raise InputError(
            "activity",
            expected="two trials or more, to take each bin's mean over",
            found=f"{len(values)}",
            remedy="cut the recording into blocks (neurorec.add_blocks), or centre by trial",
        )
    n_lags = min(observed.shape[1], observed.shape[1] if max_lag is None else max_lag + 1)
    centred = _centre(values, observed, centring)
    products, pairs = _products(centred, observed, n_lags)
    total = pairs.sum(axis=0)
    covariance = np.full(products.shape[1:], np.nan)
    some = total > 0
    covariance[some] = products.sum(axis=0)[some] / total[some, None]
    return Autocovariance(covariance, products, pairs, expected_autocovariance(observed, n_lags - 1, centring))


def expected_autocovariance(observed: ArrayLike, max_lag: int, centring: Centring) -> NDArray[np.float64]:
    """Expected sample autocovariance as a linear function of the true one.

    Parameters
    ----------
    observed : array_like of bool (trial, bin)
        Which bins were observed.
    max_lag : int
        Last lag of the sample, bins.
    centring : {"bin", "trial", "grand"}
        See `autocovariance`.

    Returns
    -------
    ndarray (lag, true_lag)
        True lags run over all bins of a trial.

    Examples
    --------
    >>> expected_autocovariance(np.ones((1, 4)), 1, "trial").round(3).tolist()
    [[0.75, -0.375, -0.25, -0.125], [-0.25, 0.542, -0.25, -0.042]]
    """
    mask = np.asarray(observed, dtype=float)
    n_lags, n_bins = max_lag + 1, mask.shape[1]
    rows, repeats = np.unique(mask, axis=0, return_counts=True)
    pairs = np.stack([_pairs(row, n_lags) for row in rows])
    total = np.maximum(repeats @ pairs, 1)
    expected = np.zeros((n_lags, n_bins))
    if centring == "bin":
        expected[np.arange(n_lags), np.arange(n_lags)] = _bin_factor(mask, n_lags) / total
        return expected
    expected[np.arange(n_lags), np.arange(n_lags)] = repeats @ pairs / total
    size = rows.sum(axis=1)
    count = np.maximum(size if centring == "trial" else np.full(size.size, repeats @ size), 1)
    within = np.stack([2 * _pairs(row, n_bins) for row in rows])
    within[:, 0] /= 2
    if centring == "grand":
        expected += (repeats @ pairs / total)[:, None] * (repeats @ within) / count[0] ** 2
    for i, row in enumerate(rows):
        if centring == "trial":
            expected += repeats[i] * np.outer(pairs[i] / total, within[i]) / count[i] ** 2
        expected -= repeats[i] * _shared(row, n_lags) / (total[:, None] * count[i])
    return expected


def _centre(values: NDArray, observed: NDArray, centring: Centring) -> NDArray[np.float64]:
    """Take the mean off; 0 where not observed."""
    mask = observed[:, :, None]
    axis = {"bin": (0,), "trial": (1,), "grand": (0, 1)}[centring]
    values = np.where(mask, values, 0.0)
    count = np.maximum(mask.sum(axis=axis, keepdims=True), 1)
    return np.where(mask, values - values.sum(axis=axis, keepdims=True) / count, 0.0)


def _products(centred: NDArray, observed: NDArray, n_lags: int) -> tuple[NDArray, NDArray]:
    """Sums of products ``(trial, lag, unit)`` and numbers of pairs ``(trial, lag)``."""
    n_bins = centred.shape[1]
    products = np.empty((len(centred), n_lags, centred.shape[2]))
    for lag in range(n_lags):
        products[:, lag] = np.einsum("tbu,tbu->tu", centred[:, : n_bins - lag], centred[:, lag:])
    return products, np.stack([_pairs(row, n_lags) for row in observed.astype(float)])


def _pairs(mask: NDArray, n_lags: int) -> NDArray[np.float64]:
    """Number of pairs of observed bins at each lag ``(lag,)``."""
    n_fft = 2 * mask.size
    power = np.abs(np.fft.rfft(mask, n_fft)) ** 2
    return np.round(np.fft.irfft(power, n_fft)[:n_lags])


def _shared(mask: NDArray, n_lags: int) -> NDArray[np.float64]:
    """How often a bin of a pair and a bin of the mean lie ``true_lag`` apart, over all pairs ``(lag, true_lag)``."""
    n = mask.size
    n_fft = 3 * n
    other = np.fft.rfft(mask, n_fft)
    true = np.arange(n)
    out = np.empty((n_lags, n))
    for lag in range(n_lags):
        both = np.append(mask[: n - lag] * mask[lag:], np.zeros(lag))
        # at[d] counts pairs whose first bin has an observed bin d later; negative d wrap round.
        at = np.fft.irfft(np.conj(np.fft.rfft(both, n_fft)) * other, n_fft)
        out[lag] = at[-true] + at[true] + at[lag - true] + at[lag + true]
        out[lag, 0] /= 2  # the bin itself was counted from both sides
    return np.round(out)


def _bin_factor(mask: NDArray, n_lags: int) -> NDArray[np.float64]:
    """Sum over pairs of what is left of their covariance once each bin's mean over trials is off ``(lag,)``."""
    n = mask.shape[1]
    seen = np.maximum(mask.sum(axis=0), 1)
    out = np.empty(n_lags)
    for lag in range(n_lags):
        first, second = seen[: n - lag], seen[lag:]
        both = (mask[:, : n - lag] * mask[:, lag:]).sum(axis=0)
        out[lag] = (both * (1 - 1 / first - 1 / second + both / (first * second))).sum()
    return out
