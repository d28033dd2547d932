"""Held-out prediction of every kind of fitted model beside the coupled GLM, and what a model has to beat."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from neurorec.fitted.glm_fitting import STAGES
from neurorec.fitted.predictors import (
    Predicted,
    Predictor,
    average_predictor,
    glm_predictor,
    linear_predictor,
    network_predictor,
)
from neurorec.fitted.splitting import Session, Split, open_session
from neurorec.recording import InputError

MEASURES = ("co_smoothing", "forward", "few_shot")
BASELINES = ("trial average", "uncoupled GLM")
_RATE_FLOOR = 1e-9  # per bin, as in the Neural Latents Benchmark
_LEAST, _FEWEST_TRIALS = 0.02, 4
_ALL = "all"


class BitsPerSpike(NamedTuple):
    """Bits per spike, with the ends of a bootstrap interval; NaN without spikes."""

    value: float
    low: float
    high: float


def bits_interval(
    gain: ArrayLike, spikes: ArrayLike, *, n_draws: int = 2000, level: float = 0.95, rng: np.random.Generator
) -> BitsPerSpike:
    r"""Bits per spike :math:`\sum_k g_k / (\ln 2 \sum_k s_k)` over trials, and an interval that resamples them.

    Parameters
    ----------
    gain, spikes : array-like (trial,)
        Log likelihood gained over the mean rate, natural logarithm, and spikes of each trial.
    n_draws : int
        Bootstrap samples.
    level : float
        Coverage.
    rng : numpy.random.Generator
        Samples.

    Returns
    -------
    BitsPerSpike

    Examples
    --------
    >>> found = bits_interval(np.log(2) * np.ones(9), np.full(9, 4), rng=np.random.default_rng(0))
    >>> [round(value, 6) for value in found]
    [0.25, 0.25, 0.25]
    """
    gain, spikes = np.asarray(gain, dtype=float), np.asarray(spikes, dtype=float)
    draws = rng.multinomial(gain.size, np.full(gain.size, 1 / gain.size), size=n_draws)
    value, many = _ratio(gain.sum(), spikes.sum()), _ratio(draws @ gain, draws @ spikes)
    low, high = np.nanquantile(many, [(1 - level) / 2, (1 + level) / 2]) if np.isfinite(many).any() else (np.nan,) * 2
    return BitsPerSpike(float(value), float(low), float(high))


def standard_models(*, n_states: int = 8) -> dict[str, Predictor]:
    """The models of `compare_fitted`, by name; the first two are what others have to beat."""
    return {
        BASELINES[0]: average_predictor,
        BASELINES[1]: glm_predictor(("task",)),
        "coupled GLM": glm_predictor(STAGES),
        "linear, Gaussian": linear_predictor(n_states, "gaussian"),
        "linear, Poisson": linear_predictor(n_states, "poisson"),
        "constrained network": network_predictor(),
    }


def compare_fitted(
    recording: xr.Dataset,
    design: xr.Dataset,
    *,
    models: Mapping[str, Predictor] | None = None,
    n_folds: int = 5,
    n_groups: int = 5,
    forward: float = 0.3,
    n_few: int = 20,
    n_draws: int = 2000,
    level: float = 0.95,
    progress: bool = True,
    rng: np.random.Generator,
) -> xr.Dataset:
    r"""Predict held-out trials with every kind of fitted model, each given the same.

    - ``co_smoothing``: units from the others of the same trial. Units are dealt to groups; each group is held out in
      turn. GLMs use the past of the others, linear systems their whole trial, networks are held at their rates.
    - ``forward``: the last part of a trial from its beginning, all units.
    - ``few_shot``: units that a model was not fitted to, by readouts of it that are learned from a few trials: good
      co-smoothing can hide wrong dynamics, and this shows it (Pei et al. 2021, doi:10.48550/arXiv.2109.04463).

    Scores are bits per spike, :math:`\sum [y \ln(\mu / \bar y) - \mu + \bar y] / (\ln 2 \sum y)`, pooled over units as
    sums, with each unit's mean :math:`\bar y` of the evaluated bins as what 0 stands for. No model may predict less
    than a fiftieth of a unit's mean in training, or more than its largest count there. Folds are whole trials.
    Intervals resample trials, with the fits as they are.

    Parameters
    ----------
    recording : xarray.Dataset
        Counts, with trials.
    design : xarray.Dataset
        Of `neurorec.design.design_matrix`, with columns of the task, own history and coupling. Columns of the
        population's mean are left out. Bins that it cannot use are not scored, for any model. Behaviour in it is known
        to both GLMs for the whole trial, also forward.
    models : mapping of str to Predictor, optional
        By name; by default `standard_models`.
    n_folds, n_groups : int
        Folds of trials; groups of units, each area spread over all.
    forward : float
        Share of a trial that is predicted from its beginning.
    n_few : int
        Trials that readouts are learned from.
    n_draws : int
        Bootstrap samples.
    level : float
        Coverage.
    progress : bool
        Show a progress bar.
    rng : numpy.random.Generator
        Folds, groups, fits and samples.

    Returns
    -------
    xarray.Dataset
        ``bits (model, measure)`` with ``bits_low`` and ``bits_high``; the same by area, ``area_bits (model, measure,
        area)`` and so on, and ``unit_bits (model, measure, unit)``; ``above (model, measure)``, the difference from the
        better baseline, its name in ``baseline (measure)``, with ``above_low`` and ``above_high``: a model whose
        interval does not lie above 0 says nothing that the task or the average did not. ``gain`` and ``spikes (...,
        trial)``, of which bits are ratios; ``converged (model, fold)``; ``trial_fold (trial)``, -1 for trials without
        a bin.

    Raises
    ------
    InputError
        For activity that is not counts, and too few trials or units.

    Examples
    --------
    >>> from neurorec.datasets import SimulatedArea, simulate_recording
    >>> from neurorec.design import Coupling, Drift, design_matrix, raised_cosine
    >>> rng = np.random.default_rng(0)
    >>> recording = simulate_recording([SimulatedArea("V1", 6, rate=20.0)], n_trials=24, duration=0.4, rng=rng)
    >>> design = design_matrix(recording, [Drift(1), Coupling(raised_cosine(2, window=(0.02, 0.06)))])
    >>> few = {name: standard_models()[name] for name in ("trial average", "uncoupled GLM")}
    >>> result = compare_fitted(recording, design, models=few, n_folds=2, n_groups=2, n_few=6, progress=False, rng=rng)
    >>> result["bits"].dims, result["model"].values.tolist()
    (('model', 'measure'), ['trial average', 'uncoupled GLM'])
    """
    _check(recording, n_folds, n_groups, forward, n_few)
    models = standard_models() if models is None else models
    session = open_session(recording, design, n_groups=n_groups, forward=forward, rng=rng)
    fold = _deal(session, n_folds, rng)
    seed = int(rng.integers(2**31))
    rates = np.full((len(models), len(MEASURES), *session.cut.activity.shape), np.nan)
    converged = np.zeros((len(models), n_folds), dtype=bool)
    with tqdm(total=n_folds * len(models), disable=not progress, unit="fit", desc="held out") as bar:
        for k in range(n_folds):
            split = _split(session, fold, k, n_few, seed)
            for m, predict in enumerate(models.values()):
                found = predict(split)
                converged[m, k] = found.converged
                _keep(rates[m], found, split)
                bar.update()
    gain, spikes = _gained(session, rates)
    return _labelled(session, list(models), gain, spikes, converged, fold, n_draws, level, rng)


def choose_n_states(
    recording: xr.Dataset,
    design: xr.Dataset,
    candidates: ArrayLike = (1, 2, 4, 8, 12),
    *,
    observation: str = "poisson",
    n_folds: int = 3,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Dimensions of a linear dynamical system, by co-smoothing of held-out trials.

    Parameters
    ----------
    recording, design : xarray.Dataset
        As for `compare_fitted`.
    candidates : array-like of int
        Numbers of states.
    observation : {"gaussian", "poisson"}
    n_folds : int
    rng : numpy.random.Generator

    Returns
    -------
    xarray.Dataset
        ``bits``, ``bits_low`` and ``bits_high (n_states, measure)``; ``attrs["best"]``, the number with the best
        co-smoothing.
    """
    numbers = [int(n) for n in np.atleast_1d(candidates)]
    kind = "gaussian" if observation == "gaussian" else "poisson"
    models = {str(n): linear_predictor(n, kind) for n in numbers}
    result = compare_fitted(recording, design, models=models, n_folds=n_folds, progress=False, rng=rng)
    table = result[["bits", "bits_low", "bits_high"]].rename(model="n_states").assign_coords(n_states=numbers)
    bits = table["bits"].sel(measure="co_smoothing").values
    if not np.isfinite(bits).any():
        remedy = "leave out units without spikes, or take more trials"
        raise InputError("recording", expected="spikes to be predicted in held-out trials", found="none", remedy=remedy)
    best = numbers[int(np.nanargmax(bits))]
    return table.assign_attrs(best=best, observation=kind)


def _check(recording: xr.Dataset, n_folds: int, n_groups: int, forward: float, n_few: int) -> None:
    kind = recording["activity"].attrs["kind"]
    if kind not in ("counts", "binary"):
        raise InputError("recording", expected="spike counts", found=kind, remedy="bits per spike need spikes")
    n_trials, n_units = recording.sizes.get("trial", 0), recording.sizes["unit"]
    if not (2 <= n_folds <= n_trials and 2 <= n_groups <= n_units):
        found = f"{n_folds} folds of {n_trials} trials, {n_groups} groups of {n_units} units"
        remedy = "use fewer, or add_blocks where there are no trials"
        raise InputError("n_folds and n_groups", expected="2 or more, none empty", found=found, remedy=remedy)
    if not 0 < forward < 1 or n_few < _FEWEST_TRIALS:
        found, expected = f"{forward:g} and {n_few}", f"0 < forward < 1 and n_few >= {_FEWEST_TRIALS}"
        raise InputError("forward and n_few", expected=expected, found=found, remedy="see compare_fitted")


def _deal(session: Session, n_folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Fold of every stretch, by whole trials; -1 for those without a bin that is scored."""
    present = np.unique(session.cut.trial[session.scored.any(axis=1)])
    order = rng.permutation(present.size)
    fold = np.full(session.recording.sizes["trial"], -1)
    fold[present[order]] = np.arange(present.size) % n_folds
    return fold[session.cut.trial]


def _of_trials(session: Session, fold: NDArray) -> NDArray[np.int64]:
    out = np.full(session.recording.sizes["trial"], -1)
    out[session.cut.trial] = fold
    return out


def _split(session: Session, fold: NDArray, k: int, n_few: int, seed: int) -> Split:
    train, test = np.flatnonzero((fold >= 0) & (fold != k)), np.flatnonzero(fold == k)
    rng = np.random.default_rng([seed, k])
    few = np.sort(rng.choice(train, min(n_few, train.size), replace=False))
    return Split(session, train, test, few, k % (int(session.group.max()) + 1), seed + k)


def _keep(rates: NDArray, found: Predicted, split: Split) -> None:
    """Put a fold's predictions ``(measure, stretch, time, unit)`` in their places, between floor and ceiling."""
    s, test = split.session, split.test
    inside = s.cut.inside[split.train]
    known = s.cut.activity[split.train]
    mean, most = known.sum(axis=(0, 1)) / inside.sum(), np.maximum(known.max(axis=(0, 1)), 1.0)

    def between(values: NDArray, units: NDArray) -> NDArray:
        return np.clip(values, np.maximum(_LEAST * mean[units], _RATE_FLOOR), most[units])

    everyone = np.arange(mean.size)
    rates[0, test] = between(found.co_smoothing, everyone)
    ahead = np.arange(rates.shape[2]) >= s.until[test][:, None]
    rates[1, test] = np.where(ahead[..., None], between(found.forward, everyone), np.nan)
    few = np.full((test.size, *rates.shape[2:]), np.nan)
    few[..., split.unseen] = between(found.few_shot, split.unseen)
    rates[2, test] = few


def _gained(session: Session, rates: NDArray) -> tuple[NDArray, NDArray]:
    """Log likelihood over the mean ``(model, measure, trial, unit)``, and spikes ``(measure, trial, unit)``."""
    y, trial = session.cut.activity, session.cut.trial
    n_model, n_measure = rates.shape[:2]
    n_trial, n_unit = session.recording.sizes["trial"], y.shape[2]
    gain, spikes = np.zeros((n_model, n_measure, n_trial, n_unit)), np.zeros((n_measure, n_trial, n_unit))
    for j in range(n_measure):
        used = np.isfinite(rates[0, j]) & session.scored[..., None]
        counted = np.where(used, y, 0.0)
        null = np.maximum(counted.sum(axis=(0, 1)) / np.maximum(used.sum(axis=(0, 1)), 1), _RATE_FLOOR)
        np.add.at(spikes[j], trial, counted.sum(axis=1))
        for m in range(n_model):
            mu = np.where(used, rates[m, j], 1.0)
            each = np.where(used, y * np.log(mu / null) - mu + null, 0.0)
            np.add.at(gain[m, j], trial, each.sum(axis=1))
    return gain, spikes


def _ratio(gain: ArrayLike, spikes: ArrayLike) -> NDArray[np.float64]:
    gain, spikes = np.asarray(gain, dtype=float), np.asarray(spikes, dtype=float)
    gain, spikes = np.broadcast_arrays(gain, spikes)
    return np.divide(gain, spikes * np.log(2), out=np.full(gain.shape, np.nan), where=spikes > 0)


def _labelled(
    session: Session,
    names: list[str],
    gain: NDArray,
    spikes: NDArray,
    converged: NDArray,
    fold: NDArray,
    n_draws: int,
    level: float,
    rng: np.random.Generator,
) -> xr.Dataset:
    area = session.recording["area"].values.astype(str)
    areas = [*sorted(set(area)), _ALL]
    member = np.stack([area == a for a in areas[:-1]] + [np.ones(area.size, dtype=bool)], axis=1).astype(float)
    of_area, spikes_of_area = gain @ member, spikes @ member  # (model, measure, trial, area)
    n_trial = gain.shape[2]
    counts = rng.multinomial(n_trial, np.full(n_trial, 1 / n_trial), size=n_draws).astype(float)
    # (model, measure, draw, area)
    many = _ratio(np.einsum("dt,mjta->mjda", counts, of_area), np.einsum("dt,jta->jda", counts, spikes_of_area))
    value = _ratio(of_area.sum(axis=2), spikes_of_area.sum(axis=1))
    ends = np.array([(1 - level) / 2, (1 + level) / 2])
    low, high = _bounds(many, ends)
    dims = ("model", "measure")
    units = {"units": "bits/spike"}
    result = xr.Dataset(
        {
            "bits": (dims, value[..., -1], units),
            "bits_low": (dims, low[..., -1], units),
            "bits_high": (dims, high[..., -1], units),
            "area_bits": ((*dims, "area"), value[..., :-1], units),
            "area_bits_low": ((*dims, "area"), low[..., :-1], units),
            "area_bits_high": ((*dims, "area"), high[..., :-1], units),
            "unit_bits": ((*dims, "unit"), _ratio(gain.sum(axis=2), spikes.sum(axis=1)), units),
            "gain": ((*dims, "trial"), of_area[..., -1], {"units": "nats"}),
            "spikes": (("measure", "trial"), spikes_of_area[..., -1]),
            "converged": (("model", "fold"), converged),
        },
        coords={
            "model": names,
            "measure": list(MEASURES),
            "area": areas[:-1],
            "unit": session.recording["unit"].values,
            "unit_area": ("unit", area),
            "trial": session.recording["trial"].values,
            "trial_fold": ("trial", _of_trials(session, fold)),
        },
        attrs={"level": level, "n_trials": int(np.unique(session.cut.trial[fold >= 0]).size), "n_units": area.size},
    )
    return _above_baseline(result, names, value[..., -1], many[..., -1], ends)


def _bounds(many: NDArray, ends: NDArray) -> NDArray[np.float64]:
    """Quantiles over draws ``(end, model, measure, area)``; NaN where no draw has a spike."""
    known = np.asarray(np.isfinite(many).any(axis=2))
    filled = np.where(np.expand_dims(known, 2), many, 0.0)
    return np.where(known, np.nanquantile(filled, ends, axis=2), np.nan)


def _above_baseline(result: xr.Dataset, names: list[str], value: NDArray, many: NDArray, ends: NDArray) -> xr.Dataset:
    """Differences from the better baseline of each measure, on the same bootstrap samples."""
    rows = [names.index(name) for name in BASELINES if name in names]
    if not rows:
        return result
    best = np.array(rows)[np.argmax(value[rows], axis=0)]
    columns = np.arange(len(best))
    low, high = _bounds(many - many[best, columns], ends)
    dims, units = ("model", "measure"), {"units": "bits/spike"}
    return result.assign(
        above=(dims, value - value[best, columns], units),
        above_low=(dims, low, units),
        above_high=(dims, high, units),
    ).assign_coords(baseline=("measure", [names[row] for row in best]))
