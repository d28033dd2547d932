"""Folds: which trials are held out together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import SelectionError


def deal_trials(n_trials: int, n_folds: int, *, rng: np.random.Generator, condition: Sequence | None = None) -> NDArray:
    """Deal whole trials to folds at random, every condition evenly.

    Parameters
    ----------
    n_trials : int
        How many.
    n_folds : int
        At least 2.
    rng : numpy.random.Generator
        The order in which trials are dealt.
    condition : sequence (trial,), optional
        Trials of one condition are spread over all folds.

    Returns
    -------
    ndarray of int (trial,)
        Fold of each trial, 0 ... n_folds - 1; fold sizes differ by one trial at most.

    Raises
    ------
    SelectionError
        With fewer trials than folds.

    Examples
    --------
    >>> folds = deal_trials(10, 5, rng=np.random.default_rng(0))
    >>> np.bincount(folds).tolist()
    [2, 2, 2, 2, 2]
    """
    if n_trials < 2:
        remedy = "cut the recording into blocks that stand in for trials"
        raise SelectionError("trials", expected="2 or more to be dealt to folds", found=str(n_trials), remedy=remedy)
    if not 2 <= n_folds <= n_trials:
        raise SelectionError(
            "n_folds", expected=f"2 to {n_trials} folds for {n_trials} trials", found=str(n_folds), remedy="use another"
        )
    order = rng.permutation(n_trials)
    if condition is not None:
        codes = np.unique(np.asarray(condition), return_inverse=True)[1]
        order = order[np.argsort(codes[order], kind="stable")]
    fold = np.empty(n_trials, dtype=np.int64)
    fold[order] = np.arange(n_trials) % n_folds
    return fold


def training_bins(time: ArrayLike, fold: ArrayLike, held_out: int, *, gap: float) -> NDArray[np.bool_]:
    """Bins to train on: those of other folds, and none within a gap of a held-out bin.

    Parameters
    ----------
    time : array_like (time,)
        Increasing, s.
    fold : array_like of int (time,)
        Fold of each bin, -1 where it takes no part.
    held_out : int
        The fold to be predicted.
    gap : float
        Seconds; at least the longest filter, so that no training bin shares a predictor's bin with a test bin.

    Returns
    -------
    ndarray of bool (time,)

    Examples
    --------
    >>> training_bins([0.0, 0.1, 0.2, 0.3], [0, 0, 1, 1], 1, gap=0.15).tolist()
    [True, False, False, False]
    """
    time, fold = np.asarray(time, dtype=float), np.asarray(fold)
    test = time[fold == held_out]
    train = (fold != held_out) & (fold >= 0)
    if test.size:
        after = np.searchsorted(test, time)
        to_next = np.where(after < test.size, test[np.minimum(after, test.size - 1)] - time, np.inf)
        to_last = np.where(after > 0, time - test[np.maximum(after - 1, 0)], np.inf)
        train &= (to_next > gap + 1e-9) & (to_last > gap + 1e-9)
    return train
