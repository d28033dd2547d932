"""Information that a Bayesian decoder reads from activity about the class of a trial."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, softmax

from neurorec.recording import InputError

FEWEST_TRIALS = 10  # with fewer, a bootstrap over trials says nothing
_HALVINGS = 20  # of the interval from 0 to 1: a power known to 1e-6
_CELLS_AT_ONCE = 4_000_000  # of draws x cells, so that a thousand units fit in memory


class Decoded(NamedTuple):
    """What a decoder makes of each trial.

    Attributes
    ----------
    gain : ndarray (trial, time, ...)
        ``log2 p(true class | r) - log2 p(true class)``, bits; NaN where there is no activity to decode from.
    decoded : ndarray of int (trial, time, ...)
        The most probable class, the first of those that are equally so; -1 where there is no activity.
    """

    gain: NDArray[np.floating]
    decoded: NDArray[np.integer]


class Information(NamedTuple):
    """Information about the class of a trial, bits.

    Attributes
    ----------
    bits : ndarray (time, ...)
        Mean gain over trials, a lower bound in expectation; below 0 where the decoder is sure of what is wrong.
    low, high : ndarray (time, ...)
        Percentile interval of a bootstrap over trials, the fits held fixed; NaN with fewer than 10 trials.
    from_decoder : ndarray (time, ...)
        Mutual information of true and decoded class, less its bias; sampling noise can take it below 0.
    decoder_bias : ndarray (time, ...)
        What was taken off.
    n_trials : ndarray of int (time, ...)
        Trials with activity.
    """

    bits: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    from_decoder: NDArray[np.float64]
    decoder_bias: NDArray[np.float64]
    n_trials: NDArray[np.int64]


def class_posterior(
    log_likelihood: ArrayLike, *, prior: ArrayLike | None = None, cumulative: bool = False
) -> NDArray[np.float64]:
    r"""Probability of each class given activity in one bin, or in all bins up to it.

    :math:`p(s | r) \propto p(s) \exp \sum_{t'} \log p(r_{t'} | s)`, the sum over the bin itself or over the bins since
    the first.

    Parameters
    ----------
    log_likelihood : array_like (class, trial, time, ...)
        Natural logarithm, up to what is the same for all classes; NaN where there is no activity.
    prior : array_like (class,), optional
        Equal shares by default.
    cumulative : bool
        Add up the bins so far. A missing bin adds nothing.

    Returns
    -------
    ndarray (class, trial, time, ...)
        NaN in bins without activity, and, cumulatively, before the first bin with any.

    Raises
    ------
    InputError
        When the prior is not one positive share per class, summing to 1.

    Examples
    --------
    >>> log_likelihood = np.log([[[0.2, 0.2]], [[0.8, 0.8]]])
    >>> class_posterior(log_likelihood, cumulative=True)[1].round(3)
    array([[0.8  , 0.941]])
    """
    evidence = _evidence(log_likelihood, cumulative)
    joint = evidence + _log_prior(prior, evidence)
    return np.exp(joint - np.asarray(logsumexp(joint, axis=0)))


def decode_trials(
    log_likelihood: ArrayLike,
    true_class: ArrayLike,
    *,
    prior: ArrayLike | None = None,
    cumulative: bool = False,
    power: ArrayLike = 1.0,
) -> Decoded:
    """Decode each trial's class, and say how many bits that was worth.

    Parameters
    ----------
    log_likelihood, prior, cumulative
        See `class_posterior`.
    true_class : array_like of int (trial,)
        Position of the class that each trial was of.
    power : array_like (time, ...)
        What likelihoods are raised to before they meet the prior: see `find_power`.

    Returns
    -------
    Decoded

    Examples
    --------
    >>> log_likelihood = np.log([[[0.2]], [[0.8]]])
    >>> decode_trials(log_likelihood, [1]).gain.round(3), decode_trials(log_likelihood, [1]).decoded
    (array([[0.678]]), array([[1]]))
    """
    evidence = _evidence(log_likelihood, cumulative) * np.asarray(power, dtype=np.float64)
    true_class = _check_classes(true_class, evidence)
    joint = evidence + _log_prior(prior, evidence)
    own = evidence[true_class, np.arange(true_class.size)]
    # The prior of the true class cancels: log p(s|r) - log p(s) = log p(r|s) - log p(r).
    gain = (own - np.asarray(logsumexp(joint, axis=0))) / np.log(2)
    known = np.isfinite(gain)
    decoded = np.where(known, np.where(known, joint, 0).argmax(axis=0), -1)
    return Decoded(np.where(known, gain, np.nan), decoded)


def find_power(
    log_likelihood: ArrayLike, true_class: ArrayLike, *, prior: ArrayLike | None = None, cumulative: bool = False
) -> NDArray[np.float64]:
    r"""Find the power of a likelihood, from 0 to 1, at which it decodes best.

    :math:`\beta` maximises the mean of :math:`\log_2 p(s | r) - \log_2 p(s)` with :math:`p(s | r) \propto p(s)
    p(r | s)^\beta`, which is concave in it. Likelihoods multiplied over units and bins that share noise are too sure of
    themselves; raised to this power they are not. At 0 nothing is made of them. It has to be found on other trials than
    those decoded.

    Parameters
    ----------
    log_likelihood, true_class, prior, cumulative
        See `decode_trials`.

    Returns
    -------
    ndarray (time, ...)
        NaN where there is no activity.

    References
    ----------
    Information of a mismatched decoder: Latham & Nirenberg 2005, doi:10.1523/JNEUROSCI.5319-04.2005.

    Examples
    --------
    The same spikes counted twice:

    >>> spike = np.array([1, 1, 1, 0, 1, 0, 0, 0])
    >>> log_likelihood = np.log(np.where(spike, [[0.75], [0.25]], [[0.25], [0.75]]))[:, :, None]
    >>> find_power(2 * log_likelihood, np.repeat([0, 1], 4)).round(3)
    array([0.5])
    """
    evidence = _evidence(log_likelihood, cumulative)
    true_class = _check_classes(true_class, evidence)
    known = np.isfinite(evidence).all(axis=0)
    evidence, log_prior = np.where(known, evidence, 0), _log_prior(prior, evidence)
    own = evidence[true_class, np.arange(true_class.size)]

    def slope(power: NDArray) -> NDArray:
        share = softmax(power * evidence + log_prior, axis=0)
        return (own - (share * evidence).sum(axis=0)).sum(axis=0)

    low, high = np.zeros(known.shape[1:]), np.ones(known.shape[1:])
    useless, whole = slope(low) <= 0, slope(high) >= 0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        rising = slope(middle) > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    found = np.where(useless, 0.0, np.where(whole, 1.0, (low + high) / 2))
    return np.where(known.any(axis=0), found, np.nan)


def decoded_information(
    log_likelihood: ArrayLike,
    true_class: ArrayLike,
    *,
    prior: ArrayLike | None = None,
    cumulative: bool = False,
    n_draws: int = 1000,
    level: float = 0.95,
    rng: np.random.Generator,
) -> Information:
    r"""Information about the class, in each bin or in all bins up to it.

    :math:`I = \frac{1}{n} \sum_{\text{trial}} \log_2 p(s_{\text{true}} | r) - \log_2 p(s_{\text{true}})`. With
    likelihoods that were learned from other trials this is, in expectation, no more than the mutual information of
    class and activity, and as much when the likelihoods are right. A decoder without a likelihood for the class gets
    exactly 0.

    Parameters
    ----------
    log_likelihood, true_class, prior, cumulative
        See `decode_trials`. The prior should be that of the trials given.
    n_draws : int
        Bootstrap draws of trials.
    level : float
        Coverage of the interval.
    rng : numpy.random.Generator
        Of the bootstrap.

    Returns
    -------
    Information

    References
    ----------
    Runyan et al. 2017, doi:10.1038/nature23020; the bias of the decoder's information: Panzeri & Treves 1996,
    doi:10.1088/0954-898X/7/1/006.

    Examples
    --------
    Spikes in 3 of 4 trials of one class, in 1 of 4 of the other:

    >>> spike = np.array([1, 1, 1, 0, 1, 0, 0, 0])
    >>> log_likelihood = np.log(np.where(spike, [[0.75], [0.25]], [[0.25], [0.75]]))[:, :, None]
    >>> rng = np.random.default_rng(0)
    >>> decoded_information(log_likelihood, np.repeat([0, 1], 4), rng=rng).bits.round(3)
    array([0.189])
    """
    found = decode_trials(log_likelihood, true_class, prior=prior, cumulative=cumulative)
    n_classes = len(np.asarray(log_likelihood))
    return average_information(found, true_class, n_classes, n_draws=n_draws, level=level, rng=rng)


def average_information(
    decoded: Decoded,
    true_class: ArrayLike,
    n_classes: int,
    *,
    n_draws: int = 1000,
    level: float = 0.95,
    rng: np.random.Generator,
) -> Information:
    """Information from what was made of each trial, trials of all folds together.

    Parameters
    ----------
    decoded : Decoded
        From `decode_trials`.
    true_class : array_like of int (trial,)
        Position of the class that each trial was of.
    n_classes : int
        How many there are.
    n_draws, level, rng
        See `decoded_information`.

    Returns
    -------
    Information
    """
    known = np.isfinite(decoded.gain)
    n_trials = known.sum(axis=0)
    with np.errstate(invalid="ignore"):
        bits = np.where(known, decoded.gain, 0).sum(axis=0) / np.where(n_trials > 0, n_trials, np.nan)
    low, high = _bootstrap_mean(decoded.gain, n_draws, level, rng)
    from_decoder, bias = confusion_information(decoded.decoded, true_class, n_classes)
    return Information(bits, low, high, from_decoder, bias, n_trials)


def confusion_information(
    decoded: ArrayLike, true_class: ArrayLike, n_classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Mutual information of the true and the decoded class, with the bias of limited sampling taken off.

    Plug-in estimate less :math:`(n_s - 1) (n_d - 1) / (2 n \ln 2)`, with :math:`n_s, n_d` the classes that occur among
    the true and the decoded ones: the first term of Panzeri and Treves where every cell of the confusion matrix can
    occur. Without information the estimate is right on average; near-perfect decoders it puts a little too low.

    Parameters
    ----------
    decoded : array_like of int (trial, ...)
        Decoded class; -1 where there is none.
    true_class : array_like of int (trial,)
        Class that each trial was of.
    n_classes : int
        How many there are.

    Returns
    -------
    bits, bias : ndarray (...)
        The corrected estimate, and what was taken off; NaN where nothing was decoded.

    Examples
    --------
    >>> bits, bias = confusion_information(np.repeat([0, 1], 50), np.repeat([0, 1], 50), 2)
    >>> float(bits + bias), float(bias.round(4))
    (1.0, 0.0072)
    """
    decoded, true_class = np.asarray(decoded), np.asarray(true_class)
    count = np.array(
        [[(decoded[true_class == s] == d).sum(axis=0) for d in range(n_classes)] for s in range(n_classes)], dtype=float
    )
    total = count.sum(axis=(0, 1))
    share = count / np.where(total > 0, total, np.nan)
    bits = _entropy(share.sum(axis=1)) + _entropy(share.sum(axis=0)) - _entropy(share.reshape(-1, *total.shape))
    n_true, n_decoded = ((count.sum(axis=axis) > 0).sum(axis=0) for axis in (1, 0))
    bias = (n_true - 1) * (n_decoded - 1) / (2 * np.log(2) * np.where(total > 0, total, np.nan))
    return bits - bias, bias


def _evidence(log_likelihood: ArrayLike, cumulative: bool) -> NDArray[np.float64]:
    """Log likelihood of the bin, or of the bins so far; missing for all classes where it is for one."""
    values = np.asarray(log_likelihood, dtype=np.float64)
    if values.ndim < 3:
        raise InputError(
            "log_likelihood", expected="(class, trial, time, ...)", found=f"shape {values.shape}", remedy="add axes"
        )
    known = ~np.isnan(values).any(axis=0)
    if not cumulative:
        return np.where(known, values, np.nan)
    begun = np.logical_or.accumulate(known, axis=1)
    return np.where(begun, np.where(known, values, 0).cumsum(axis=2), np.nan)


def _log_prior(prior: ArrayLike | None, evidence: NDArray) -> NDArray[np.float64]:
    """Logarithm of the prior, shaped to be added to log likelihoods."""
    n_classes = len(evidence)
    share = np.full(n_classes, 1 / n_classes) if prior is None else np.asarray(prior, dtype=float)
    if share.shape != (n_classes,) or not (share > 0).all() or abs(share.sum() - 1) > 1e-6:
        found = f"{share.tolist()} for {n_classes} classes"
        raise InputError("prior", expected="a positive share per class, summing to 1", found=found, remedy="correct it")
    return np.log(share).reshape(-1, *(1,) * (evidence.ndim - 1))


def _check_classes(true_class: ArrayLike, evidence: NDArray) -> NDArray[np.int64]:
    true_class = np.asarray(true_class)
    inside = (true_class >= 0) & (true_class < len(evidence))
    if true_class.shape != evidence.shape[1:2] or true_class.dtype.kind not in "iu" or not inside.all():
        raise InputError(
            "true_class",
            expected=f"a number from 0 to {len(evidence) - 1} for each of {evidence.shape[1]} trials",
            found=f"shape {true_class.shape}, dtype {true_class.dtype}, {np.count_nonzero(~inside)} outside",
            remedy="leave out trials of no class",
        )
    return true_class


def _entropy(share: NDArray) -> NDArray[np.float64]:
    """Entropy over the first axis, bits; an impossible case counts for nothing."""
    return -(share * np.log2(np.where(share > 0, share, 1))).sum(axis=0)


def _bootstrap_mean(values: NDArray, n_draws: int, level: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Interval of the mean over the known among the first axis, when trials are drawn again ``(end, ...)``."""
    n_trials = len(values)
    flat = values.reshape(n_trials, -1)
    ends = np.full((2, flat.shape[1]), np.nan)
    weight = rng.multinomial(n_trials, np.full(n_trials, 1 / max(n_trials, 1)), n_draws).astype(float)
    step = max(_CELLS_AT_ONCE // max(n_draws, 1), 1)
    for low in range(0, flat.shape[1], step):
        part = flat[:, low : low + step]
        known = np.isfinite(part)
        mass = weight @ known
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = (weight @ np.where(known, part, 0)) / mass
        ends[:, low : low + step] = np.where(known.sum(axis=0) >= FEWEST_TRIALS, quantiles(draws, level), np.nan)
    return ends.reshape(2, *values.shape[1:])


def quantiles(draws: NDArray, level: float) -> NDArray[np.float64]:
    """Ends of the percentile interval over draws that are defined ``(end, ...)``."""
    share = [(1 - level) / 2, (1 + level) / 2]
    ends = np.full((2, draws.shape[1]), np.nan)
    defined = np.isfinite(draws)
    whole = defined.all(axis=0) & (len(draws) > 0)
    ends[:, whole] = np.quantile(draws[:, whole], share, axis=0) if whole.any() else np.nan
    partly = defined.any(axis=0) & ~whole
    if partly.any():
        ends[:, partly] = np.nanquantile(draws[:, partly], share, axis=0)
    return ends
