"""The problem: what is to be explained, by what, and on which folds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.design import condition_labels
from neurorec.recording import InputError, SelectionError, check_recording
from neurorec.recurrence.columns import Spikes, find_spikes
from neurorec.recurrence.folds import deal_trials

# From "nothing but the base model" down to nearly free. For standardised columns a coefficient's prior variance is
# 1 / (bins x penalty), so this spans sd 0.005 to 1 at 5,000 bins.
PENALTIES = (np.inf, *np.logspace(1, -3.5, 10).tolist())

FAMILIES = ("poisson", "bernoulli", "gaussian", "gamma")
_FAMILY_OF_KIND = {"counts": "poisson", "binary": "bernoulli"}
N_DRAWS = 100  # as in Runyan et al. 2017
SCALINGS = ("spread", "maximum")


@dataclass(frozen=True)
class Problem:
    """Arrays of the bins that take part, and how they are split.

    Attributes
    ----------
    recording : xarray.Dataset
        What was recorded.
    bins : ndarray of int (time,)
        The bins of the recording that take part.
    design : xarray.Dataset
        From `neurorec.design.design_matrix`, those bins only.
    response : ndarray (time, unit)
        Activity in those bins, 0 where a unit was not observed.
    weight : ndarray of bool (time, unit), or None
        Where each unit was observed; None where all always were.
    spikes : Spikes or None
        What partners' columns are made of, where that is the faster way to multiply them.
    trial : ndarray of int (time,)
        Row of the trial of each bin.
    trial_ids : ndarray of int (trial,)
        The trials' ids, for those with usable bins.
    fold, inner_fold : ndarray of int (trial,)
        Outer fold; and the inner folds ``(outer, trial)``, -1 for the trials held out.
    condition : tuple of str (trial,)
        For shuffling among trials of one condition.
    family : str
        "poisson", "bernoulli", "gaussian" or "gamma".
    penalties : tuple of float
        Strong to weak; the same for every model.
    l1_ratio : float
        Share of the elastic net's absolute-value penalty.
    penalty_weight : ndarray (feature,), or None
        What the penalty of each column is multiplied by; None: 1.
    scaling : str
        What columns are divided by: their "spread" or their "maximum".
    gap : float
        Seconds between training and held-out bins.
    n_matched : int or None
        Sources per unit where their numbers are matched; None: as many as the smallest area that takes part allows.
    n_trials_matched : int or None
        Trials where their numbers are matched; None: they are not.
    n_draws : int
        Random subpopulations of each area where numbers of sources are matched.
    seed : int
        From which everything random follows.
    """

    recording: xr.Dataset
    bins: NDArray[np.int64]
    design: xr.Dataset
    response: NDArray[np.float32]
    weight: NDArray[np.bool_] | None
    spikes: Spikes | None
    trial: NDArray[np.int64]
    trial_ids: NDArray[np.int64]
    fold: NDArray[np.int64]
    inner_fold: NDArray[np.int64]
    condition: tuple[str, ...]
    family: str
    penalties: tuple[float, ...]
    l1_ratio: float
    penalty_weight: NDArray[np.float64] | None
    scaling: str
    gap: float
    n_matched: int | None
    n_trials_matched: int | None
    n_draws: int
    seed: int

    @property
    def n_folds(self) -> int:
        """Number of outer folds."""
        return len(self.inner_fold)

    def rng(self, purpose: str) -> np.random.Generator:
        """A generator of its own for each purpose, so that no result depends on what ran before."""
        return np.random.default_rng([self.seed, *purpose.encode()])


def pose_problem(
    recording: xr.Dataset,
    design: xr.Dataset,
    *,
    n_folds: int = 5,
    n_inner_folds: int = 3,
    family: str | None = None,
    penalties: tuple[float, ...] = PENALTIES,
    l1_ratio: float = 0.0,
    penalty_weight: Mapping[str, float] | None = None,
    scaling: str = "spread",
    condition: tuple[str, ...] | None = None,
    gap: float | None = None,
    n_matched: int | None = None,
    n_trials_matched: int | None = None,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> Problem:
    """Decide what is fitted on which bins.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording with trials, or with blocks that stand in for them (`neurorec.add_blocks`).
    design : xarray.Dataset
        From `neurorec.design.design_matrix` on the same recording.
    n_folds, n_inner_folds : int
        Outer folds for the score; inner folds, within the training trials, for the penalty.
    family : {"poisson", "bernoulli", "gaussian", "gamma"}, optional
        Gamma is for traces that are positive throughout. By default Poisson for counts, Bernoulli for binary and
        Gaussian for other activity.
    penalties : tuple of float
        Strong to weak, per bin; ``inf`` stands for the base model itself.
    l1_ratio : float
        0: ridge; towards 1: lasso.
    penalty_weight : mapping of str to float, optional
        What the penalty of a term's columns is multiplied by, by the term's name in the design; 1 for others.
    scaling : {"spread", "maximum"}
        What columns are divided by before they are penalised: their spread over the training bins, but no less than is
        typical of their term; or their largest absolute value there.
    condition : tuple of str, optional
        Trial columns that define a condition, for stratified folds and for shuffling within conditions; by default
        the columns by which the design's events are split into categories.
    gap : float, optional
        Seconds; the longest filter by default.
    n_matched : int, optional
        Sources per unit where their numbers are matched; give the same for all sessions that will be pooled (see
        `matched_sources`). By default as many as the smallest area of this recording allows.
    n_trials_matched : int, optional
        Trials where their numbers are matched: those of the shortest of the sessions that will be pooled.
    n_draws : int
        Random subpopulations of each area where numbers of sources are matched.
    seed : int
        From which the folds, shuffles and draws follow.

    Returns
    -------
    Problem

    Raises
    ------
    SelectionError
        Without trials, with too few of them, or with one unit only; for a term that the design lacks.
    """
    check_recording(recording)
    _check(recording, scaling, penalties, n_draws, seed)
    used = np.flatnonzero(design["usable"].values)
    rows = recording.indexes["trial"].get_indexer(recording["trial_id"].values[used])
    kept, trial = np.unique(rows, return_inverse=True)
    columns = tuple(design.attrs["conditions"].split("\n")) if condition is None else condition
    labels = condition_labels(recording, tuple(filter(None, columns)))
    labels = tuple(labels[row] for row in kept)
    response, weight = _observed(recording, used)
    problem_rng = np.random.default_rng([seed, *b"folds"])
    fold = deal_trials(kept.size, n_folds, rng=problem_rng, condition=labels)
    return Problem(
        recording=recording,
        bins=used,
        design=design.isel(time=used),
        response=response,
        weight=weight,
        spikes=find_spikes(recording, design, used),
        trial=trial,
        trial_ids=recording["trial"].values[kept],
        fold=fold,
        inner_fold=_inner_folds(fold, n_folds, n_inner_folds, labels, problem_rng),
        condition=labels,
        family=_family(family, recording["activity"].attrs["kind"]),
        penalties=tuple(float(p) for p in penalties),
        l1_ratio=l1_ratio,
        penalty_weight=_weights(penalty_weight, design["term"].values),
        scaling=scaling,
        gap=float(design.attrs["longest_lag"]) if gap is None else gap,
        n_matched=n_matched,
        n_trials_matched=n_trials_matched,
        n_draws=n_draws,
        seed=seed,
    )


def _check(recording: xr.Dataset, scaling: str, penalties: Sequence[float], n_draws: int, seed: int) -> None:
    """Refuse what nothing can be made of."""
    if not len(penalties) or seed < 0 or n_draws < 0:
        expected = "a penalty or more, and no negative number"
        found = f"{len(penalties)} penalties, seed {seed}, {n_draws} draws"
        raise InputError("penalties, seed and n_draws", expected=expected, found=found, remedy="leave them as they are")
    if scaling not in SCALINGS:
        raise SelectionError(
            "scaling", expected=f"one of {', '.join(SCALINGS)}", found=repr(scaling), remedy="name one of them"
        )
    if recording.sizes["unit"] < 2:
        raise SelectionError(
            "units",
            expected="two or more, for one to be coupled to another",
            found=str(recording.sizes["unit"]),
            remedy="choose more units or another file",
        )
    if "trial" not in recording.dims:
        raise SelectionError(
            "trials",
            expected="trials to hold out",
            found="a recording without any",
            remedy="name an interval table (trials=...) or cut blocks that stand in for trials (block length in s)",
        )


def _family(family: str | None, kind: str) -> str:
    """The family asked for, or that of the kind of activity."""
    if family is not None and family not in FAMILIES:
        raise SelectionError(
            "family",
            expected=f"one of {', '.join(FAMILIES)}",
            found=repr(family),
            remedy="models of different dispersion have no common deviance: use poisson for counts",
        )
    return family or _FAMILY_OF_KIND.get(kind, "gaussian")


def _weights(weight: Mapping[str, float] | None, term: NDArray) -> NDArray[np.float64] | None:
    """Penalty weights by column, from those by term ``(feature,)``."""
    if not weight:
        return None
    unknown = sorted(set(weight) - set(term))
    if unknown:
        raise SelectionError(
            "penalty_weight",
            expected=f"terms of the design ({', '.join(sorted(set(term)))})",
            found=", ".join(unknown),
            remedy="name others",
        )
    return np.array([float(weight.get(name, 1.0)) for name in term])


def _observed(recording: xr.Dataset, used: NDArray) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    response = recording["activity"].values[used].astype(np.float32)
    seen = np.isfinite(response)
    if "observed" in recording:
        seen &= recording["observed"].values[used]
    return (response, None) if seen.all() else (np.where(seen, response, 0), seen)


def _inner_folds(
    fold: NDArray, n_folds: int, n_inner: int, labels: tuple[str, ...], rng: np.random.Generator
) -> NDArray[np.int64]:
    fewest = min(int((fold != k).sum()) for k in range(n_folds))
    if not 2 <= n_inner <= fewest:
        expected = f"2 to {fewest}, the trials that some fold trains on" if fewest > 1 else "more trials to train on"
        remedy = "ask for others" if fewest > 1 else "cut longer recordings into blocks that stand in for trials"
        raise SelectionError("n_inner_folds", expected=expected, found=f"{n_inner} of {fewest}", remedy=remedy)
    inner = np.full((n_folds, fold.size), -1)
    for k in range(n_folds):
        train = np.flatnonzero(fold != k)
        inner[k, train] = deal_trials(train.size, n_inner, rng=rng, condition=[labels[i] for i in train])
    return inner
