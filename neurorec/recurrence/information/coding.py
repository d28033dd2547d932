"""Coding of a trial's class: what units and populations say about it, bin by bin and so far."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.recording import SelectionError
from neurorec.recurrence.information.bits import Decoded, average_information, decode_trials, find_power
from neurorec.recurrence.information.consistency import log_odds_consistency
from neurorec.recurrence.information.hypotheses import Hypotheses, held_out_log_likelihood, pose_hypotheses
from neurorec.recurrence.problem import Problem

INFORMATIVE = 0.06  # bit, cumulative: Runyan et al. 2017
ALL_UNITS = "all units"
_MODES = {"information": False, "cumulative_information": True}
_UNITS_AT_ONCE = 128


def class_information(
    problem: Problem,
    fits: Mapping[str, xr.Dataset],
    *,
    column: str,
    event: str = "start",
    window: tuple[float, float] | None = None,
    prior: Mapping[str, float] | None = None,
    n_draws: int = 500,
    level: float = 0.95,
) -> xr.Dataset:
    r"""How much does activity say about the class of a trial: its stimulus, the animal's choice?

    The class of each held-out trial is replaced by every class in turn, all else as recorded; the task columns of the
    design are built again; and the coefficients of the fold in which the trial was held out say how likely its activity
    would have been, :math:`p(r_t | s, x_t)`, with :math:`x` the other regressors. Bayes' rule makes a posterior of it:
    :math:`p(s | r) \propto p(s) \prod_{i, t} p(r_{it} | s, x_t)`.

    Parameters
    ----------
    problem : Problem
        From `pose_problem`; a term of its design is split by `column`.
    fits : mapping of str to xarray.Dataset
        Models by name, from `fit_model` with their coefficients (``keep_coefficients=True``), all folds.
    column : str
        A trial column of categories.
    event : str
        The trial column of times (s) that bins are counted from: 0 is the bin that holds it.
    window : (float, float), optional
        First and last bin, s from the event; all bins by default.
    prior : mapping of str to float, optional
        Share of each class; by default that of the trials decoded.
    n_draws, level
        Of the bootstrap over trials, with the fits held fixed.

    Returns
    -------
    xarray.Dataset
        ``information`` (each bin alone) and ``cumulative_information`` (all bins of the trial so far), bits,
        ``(model, unit, time_from_event)``, with ``*_low`` and ``*_high``; the same for populations as ``population_*
        (model, population, time_from_event)``: each area, and "all units" where there are several areas;
        ``*_from_decoder``, the information in the confusion matrix, less its bias (see `decoded_information`);
        ``population_tempered_*``, with likelihoods to the power that decodes the other folds best (see `find_power`),
        and that power, ``*_power``. ``informative (model, unit)``: more than 0.06 bit in all bins together.
        ``log_likelihood (model, population, class, trial, time_from_event)``, natural logarithm, up to what is the same
        for all classes; ``true_class`` and ``condition (trial)``, of the trials whose class is known;
        ``prior (class)``; ``n_trials (model, time_from_event)``; ``n_units (population)``. Attributes: ``column``,
        ``event``, ``prior``, ``family``.

    Raises
    ------
    SelectionError
        When no term is split by the column, a combination of conditions that interact never occurred, the design is not
        what its terms make of the recording, or a fit lacks coefficients or folds.

    Notes
    -----
    Behaviour can reveal the class: after the turn, position *is* the choice. A signal among the regressors is given
    to every hypothesis alike, and the prior does not look at it, so what the signal says is not counted; nor is
    activity that follows the signal. Other trial columns are held as recorded too: where stimulus and choice go
    together, information about the choice is what activity says beyond the stimulus.

    Units add up as if independent given the regressors. In a coupled model these hold the partners' past, and the sum
    over units and bins is the model's likelihood of all activity together; a unit's own share is what it adds to its
    partners' past. In an uncoupled model, noise that units or bins share makes the sum too sure of itself: the bound
    falls, far below 0 in real recordings, where the decoder's confusion matrix and the tempered bound still hold
    information. The tempered bound's power comes from models that have seen the trials decoded: one number, next to the
    likelihoods that have not.

    A Gaussian or gamma response needs a dispersion: that of residuals on the inner folds.

    References
    ----------
    Runyan et al. 2017, doi:10.1038/nature23020.

    Examples
    --------
    >>> from neurorec.datasets import SimulatedArea, simulate_recording
    >>> from neurorec.design import default_terms, design_matrix
    >>> from neurorec.recurrence.fitting import fit_model
    >>> from neurorec.recurrence.models import UNCOUPLED
    >>> from neurorec.recurrence.problem import pose_problem
    >>> areas = [SimulatedArea("V1", 8, stimulus=0.8)]
    >>> recording = simulate_recording(areas, n_trials=60, rng=np.random.default_rng(0))
    >>> problem = pose_problem(recording, design_matrix(recording, default_terms(recording).terms))
    >>> fits = {"uncoupled": fit_model(problem, UNCOUPLED, keep_coefficients=True)}
    >>> found = class_information(problem, fits, column="stimulus")
    >>> at_end = found.sel(population="V1").isel(time_from_event=-1)
    >>> bool(at_end["population_cumulative_information"] > 0.3)
    True
    """
    hypotheses = pose_hypotheses(problem, column=column, event=event, window=window)
    share = _share(prior, hypotheses, column)
    member = _populations(problem.design["area"].values.astype(str))
    parts = []
    for name, fit in fits.items():
        _check_fit(fit, problem, name)
        rng = problem.rng(f"information about {column}")  # the same draws of trials for every model
        parts.append(_measure(problem, fit, hypotheses, share, member, n_draws, level, rng))
    found = xr.concat(parts, dim=xr.Variable("model", list(fits)))
    final = found["cumulative_information"].isel(time_from_event=-1)
    found["informative"] = final > INFORMATIVE
    found["prior"] = ("class", share)
    found["n_units"] = ("population", np.array([units.sum() for units in member.values()]))
    session = str(problem.recording.attrs.get("session", "session"))
    return found.assign_coords(session=("unit", np.full(found.sizes["unit"], session))).assign_attrs(
        column=column,
        event=event,
        family=problem.family,
        prior="as in the trials" if prior is None else "given",
        bin_width=float(problem.design.attrs["bin_width"]),
        informative_bits=INFORMATIVE,
        level=level,
    )


def code_consistency(
    found: xr.Dataset,
    *,
    classes: tuple[str, str] | None = None,
    within: str = "condition",
    max_lag: float | None = None,
    n_draws: int = 500,
    level: float = 0.95,
    rng: np.random.Generator,
) -> xr.Dataset:
    """How long does what a population says about the class stay the same, trial by trial?

    See `log_odds_consistency`: the correlation, over trials of one class, of the log odds of two classes in one bin and
    in a later one, each bin decoded by itself.

    How much spikes say of one thing depends on all else that drives them: the log odds of the choice differ between
    trials with one and the other stimulus, all along the trial. So trials are compared within their whole condition,
    the class among it, unless ``within="class"``.

    Parameters
    ----------
    found : xarray.Dataset
        From `class_information`.
    classes : (str, str), optional
        Which two; needed where there are more.
    within : {"condition", "class"}
        Which trials are compared: those alike in all conditions of the design, or in the class alone.
    max_lag : float, optional
        Seconds; as long as the trials by default.
    n_draws, level, rng
        Of the bootstrap over trials.

    Returns
    -------
    xarray.Dataset
        ``consistency``, ``consistency_low`` and ``consistency_high (model, population, lag)``; ``n_pairs (population,
        lag)``; ``lag`` in s.

    Raises
    ------
    SelectionError
        When there are not two classes of these names.
    """
    if within not in ("condition", "class"):
        raise SelectionError("within", expected="'condition' or 'class'", found=repr(within), remedy="name one of them")
    names = [str(name) for name in found["class"].values]
    chosen = tuple(names) if classes is None else tuple(classes)
    if len(chosen) != 2 or not set(chosen) <= set(names):
        remedy = "name two as classes=(..., ...)"
        raise SelectionError("classes", expected=f"two of {', '.join(names)}", found=", ".join(chosen), remedy=remedy)
    trials = np.flatnonzero(np.isin(found["true_class"].values, chosen))
    group = found["true_class"].values[trials].astype(str)
    if within == "condition":
        group = np.char.add(np.char.add(group, "\n"), found["condition"].values[trials].astype(str))
    likelihood = found["log_likelihood"].isel(trial=trials)
    odds = (likelihood.sel({"class": chosen[1]}) - likelihood.sel({"class": chosen[0]})).values
    width = float(found.attrs["bin_width"])
    bins = None if max_lag is None else int(max_lag / width + 1e-6)
    seeds = rng.spawn(1)[0].integers(2**63)  # the same draws of trials for every model and population
    parts = [
        [
            log_odds_consistency(
                values, group, max_lag=bins, n_draws=n_draws, level=level, rng=np.random.default_rng(seeds)
            )
            for values in model
        ]
        for model in odds
    ]
    dims = ("model", "population", "lag")
    ends = {"consistency": "correlation", "consistency_low": "low", "consistency_high": "high"}
    variables: dict[str, tuple[tuple[str, ...], NDArray]] = {
        name: (dims, np.array([[getattr(part, field) for part in row] for row in parts]))
        for name, field in ends.items()
    }
    variables["n_pairs"] = (dims[1:], np.array([part.n_pairs for part in parts[0]]))
    lag = np.arange(len(parts[0][0].correlation)) * width
    result = xr.Dataset(
        variables, coords={"lag": ("lag", lag, {"units": "s"})} | dict(found[["model", "population"]].coords)
    )
    return result.assign_attrs(column=found.attrs["column"], classes=", ".join(chosen), within=within, level=level)


def _measure(
    problem: Problem,
    fit: xr.Dataset,
    hypotheses: Hypotheses,
    share: NDArray,
    member: Mapping[str, NDArray],
    n_draws: int,
    level: float,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Information of one model's likelihoods, decoded fold by fold."""
    kept = np.flatnonzero(hypotheses.label >= 0)
    label, groups = hypotheses.label[kept], np.array(list(member.values()))
    shape = (kept.size, hypotheses.time.size)
    n_classes, n_units = len(share), groups.shape[1]
    single = {name: _nothing_decoded((*shape, n_units)) for name in _MODES}
    pooled = np.full((n_classes, *shape, len(groups)), np.nan)
    for k in np.unique(problem.fold[kept]):
        trials = np.flatnonzero(problem.fold[kept] == k)
        likelihood = held_out_log_likelihood(problem, fit, hypotheses, int(k))
        pooled[:, trials] = _pool_units(likelihood, groups)
        for first in range(0, n_units, _UNITS_AT_ONCE):
            units = slice(first, first + _UNITS_AT_ONCE)
            for name, cumulative in _MODES.items():
                part = decode_trials(likelihood[..., units], label[trials], prior=share, cumulative=cumulative)
                single[name].gain[trials, :, units] = part.gain
                single[name].decoded[trials, :, units] = part.decoded
    variables = {}
    for name, cumulative in _MODES.items():
        population = decode_trials(pooled, label, prior=share, cumulative=cumulative)
        for prefix, dim, decoded in (("", "unit", single[name]), ("population_", "population", population)):
            found = average_information(decoded, label, n_classes, n_draws=n_draws, level=level, rng=rng)
            ends = {"": found.bits, "_low": found.low, "_high": found.high, "_from_decoder": found.from_decoder}
            variables |= {f"{prefix}{name}{end}": ((dim, "time_from_event"), v.T) for end, v in ends.items()}
        tempered, power = _tempered(pooled, label, problem.fold[kept], share, cumulative)
        found = average_information(tempered, label, n_classes, n_draws=n_draws, level=level, rng=rng)
        ends = {"": found.bits, "_low": found.low, "_high": found.high, "_power": power}
        variables |= {
            f"population_tempered_{name}{end}": (("population", "time_from_event"), v.T) for end, v in ends.items()
        }
    variables["log_likelihood"] = (("population", "class", "trial", "time_from_event"), np.moveaxis(pooled, -1, 0))
    variables["n_trials"] = ("time_from_event", np.isfinite(pooled[0, ..., -1]).sum(axis=0))
    coordinates = {
        "unit": problem.design["unit"].variable,
        "area": problem.design["area"].variable,
        "population": list(member),
        "class": hypotheses.classes,
        "trial": problem.trial_ids[kept],
        "true_class": ("trial", np.array(hypotheses.classes)[label]),
        "condition": ("trial", np.array(problem.condition)[kept]),
        "time_from_event": ("time_from_event", hypotheses.time, {"units": "s"}),
    }
    return xr.Dataset(variables, coords=coordinates)


def _tempered(
    pooled: NDArray, label: NDArray, fold: NDArray, share: NDArray, cumulative: bool
) -> tuple[Decoded, NDArray[np.float64]]:
    """Decode each fold with likelihoods to the power that suits the other folds; and the mean of these powers."""
    out, powers = _nothing_decoded(pooled.shape[1:]), []
    for k in np.unique(fold):
        here, others = fold == k, fold != k
        power = find_power(pooled[:, others], label[others], prior=share, cumulative=cumulative)
        found = decode_trials(pooled[:, here], label[here], prior=share, cumulative=cumulative, power=power)
        out.gain[here], out.decoded[here] = found
        powers.append(power)
    return out, np.mean(powers, axis=0)


def _nothing_decoded(shape: tuple[int, ...]) -> Decoded:
    """Room for what will be decoded, in types that a thousand units leave memory for."""
    return Decoded(np.full(shape, np.nan, dtype=np.float32), np.full(shape, -1, dtype=np.int16))


def _pool_units(likelihood: NDArray[np.float32], groups: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sum over the observed units of each group, NaN where there is none ``(class, trial, time, group)``."""
    known = np.isfinite(likelihood)
    total = np.where(known, likelihood, 0).astype(np.float64) @ groups.T.astype(np.float64)
    return np.where(known.astype(np.float32) @ groups.T.astype(np.float32) > 0, total, np.nan)


def _share(prior: Mapping[str, float] | None, hypotheses: Hypotheses, column: str) -> NDArray[np.float64]:
    """Prior probability of each class."""
    names, label = hypotheses.classes, hypotheses.label[hypotheses.label >= 0]
    if prior is None:
        return np.bincount(label, minlength=len(names)) / label.size
    if set(prior) != set(names):
        raise SelectionError(
            "prior",
            expected=f"a share of each value of {column!r} ({', '.join(names)})",
            found=", ".join(map(str, prior)),
            remedy="name all of them",
        )
    return np.array([float(prior[name]) for name in names])


def _populations(area: NDArray[np.str_]) -> dict[str, NDArray[np.bool_]]:
    """Units of each area, and all of them where there are several."""
    areas = {str(name): area == name for name in np.unique(area)}
    return areas if len(areas) == 1 else areas | {ALL_UNITS: np.ones(area.size, dtype=bool)}


def _check_fit(fit: xr.Dataset, problem: Problem, name: str) -> None:
    if not {"coef", "intercept", "slot_feature"} <= set(fit.data_vars):
        raise SelectionError(
            f"fits[{name!r}]",
            expected="coefficients",
            found=", ".join(map(str, fit.data_vars)),
            remedy="fit it with keep_coefficients=True",
        )
    if set(fit["fold"].values.tolist()) != set(range(problem.n_folds)):
        found = ", ".join(map(str, fit["fold"].values))
        raise SelectionError(f"fits[{name!r}]", expected=f"{problem.n_folds} folds", found=found, remedy="fit all")
