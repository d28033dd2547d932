"""Measures: what is compared with what, and what it means."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.recurrence.scores import pooled_gain

MAIN = ("uncoupled", "history", "coupled", "full")


class Measure(NamedTuple):
    """A fraction of deviance, ``(D(without) - D(with)) / D(null)``, over held-out trials.

    Attributes
    ----------
    without, with_ : str
        Models.
    label : str
        What it is called in figures and tables.
    says : str
        How to read it.
    kind : str
        "benefit" of partners; "part" of what all explain together; "null": of partners that cannot be the cause.
    null : str
        Model of the mean; "": that of the recording as it is.
    """

    without: str
    with_: str
    label: str
    says: str
    kind: str = "benefit"
    null: str = ""


MEASURES: dict[str, Measure] = {
    "benefit": Measure("uncoupled", "coupled", "coupling", "what all other units explain beyond task and behaviour"),
    "benefit_history": Measure("history", "full", "own history known", "what is left once a unit's own past is known"),
    "benefit_same_bin": Measure(
        "uncoupled", "same_bin", "same bin included", "lag 0 has no direction: common drive and leaking light are in it"
    ),
    "benefit_causal": Measure("uncoupled", "causal", "strictly causal", "without lag 0, which has no direction"),
    "unique_partners": Measure(
        "history+population",
        "history+population+partners",
        "partners alone",
        "what individual partners explain that own history and the population mean do not",
        "part",
    ),
    "unique_population": Measure(
        "history+partners",
        "history+population+partners",
        "population mean alone",
        "what the mean of all others explains that own history and individual partners do not",
        "part",
    ),
    "unique_history": Measure(
        "population+partners",
        "history+population+partners",
        "own history alone",
        "what a unit's own past explains that the others do not",
        "part",
    ),
    "benefit_latent_1": Measure("uncoupled", "latent_1", "1 component", "the leading component of the other units"),
    "benefit_latent_3": Measure("uncoupled", "latent_3", "3 components", "what is low-rank and shared"),
    "benefit_latent_10": Measure("uncoupled", "latent_10", "10 components", "what is low-rank and shared"),
    "benefit_matched": Measure(
        "uncoupled", "matched", "equal sources", "equally many partners, all of the unit's own area"
    ),
    "benefit_matched_rate": Measure(
        "rate_uncoupled",
        "rate_coupled",
        "equal rates",
        "spikes deleted until all units have one rate",
        null="rate_null",
    ),
    "benefit_matched_trials": Measure(
        "trials_uncoupled",
        "trials_coupled",
        "equal trials",
        "as many trials as the shortest session",
        null="trials_null",
    ),
    "benefit_shuffled": Measure(
        "uncoupled", "shuffled", "partners' trials exchanged", "left: what all trials of a condition share", "null"
    ),
    "benefit_shifted_trial": Measure(
        "uncoupled",
        "shifted_trial",
        "partners shifted in trial",
        "left: what lasts a trial, and a little of what coupling does",
        "null",
    ),
    "benefit_shifted_session": Measure(
        "uncoupled", "shifted_session", "partners shifted along session", "left: nothing; chance and leakage", "null"
    ),
}


def gather_deviances(fits: dict[str, xr.Dataset]) -> dict[str, NDArray]:
    """Held-out deviances ``(unit, trial)`` of every model of every step, by the names that `MEASURES` use.

    Parameters
    ----------
    fits : dict of str to xarray.Dataset
        Results by step.

    Returns
    -------
    dict of str to ndarray
    """
    found: dict[str, NDArray] = {}
    for step, fit in fits.items():
        if "deviance" not in fit or step in ("lags", "sources"):
            continue
        deviance = fit["deviance"]
        if step in ("matched_rate", "matched_trials"):
            short = step.removeprefix("matched_")
            found[f"{short}_null"] = fit["null_deviance"].values
            found |= {f"{short}_{name}": deviance.sel(model=name).values for name in deviance["model"].values}
        elif step == "blocks":
            found |= {str(name): deviance.sel(model=name).values for name in deviance["model"].values}
        elif step == "latent":
            found |= {f"latent_{rank}": deviance.sel(rank=rank).values for rank in deviance["rank"].values}
        elif step == "same_bin":
            found[str(fit.attrs.get("kind", step))] = deviance.values
        else:
            found[step] = deviance.values
    return found | by_blocks(found)


def by_blocks(deviance: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """The main models that are combinations of blocks, by their blocks.

    Parameters
    ----------
    deviance : mapping of str to ndarray (unit, trial)
        By model.

    Returns
    -------
    dict of str to ndarray
        None where no blocks were fitted. ``"partners"`` among the models says that the design's own coupling holds the
        population mean.
    """
    if "population" not in deviance:
        return {}
    within = "partners" in deviance
    names = ("population+partners", "history+population+partners") if within else ("partners", "history+partners")
    return {name: deviance[main] for name, main in zip(names, ("coupled", "full"), strict=True) if main in deviance}


def measure_all(null: NDArray, deviance: dict[str, NDArray], scored: NDArray) -> dict[str, NDArray[np.float64]]:
    """Every measure whose models are there ``(unit,)``.

    Parameters
    ----------
    null : ndarray (unit, trial)
        Deviance of the mean.
    deviance : dict of str to ndarray (unit, trial)
        By model; missing where a unit or trial takes no part.
    scored : ndarray of bool (unit, trial)
        Trials that count.

    Returns
    -------
    dict of str to ndarray (unit,)
        Missing where nothing is scored.
    """
    out = {}
    for name, measure in MEASURES.items():
        needed = [measure.without, measure.with_, *filter(None, [measure.null])]
        if all(model in deviance for model in needed):
            base = deviance[measure.null] if measure.null else null
            out[name] = pooled_gain(base, deviance[measure.without], deviance[measure.with_], scored)
    return out


def measured_deviances(result: xr.Dataset) -> dict[str, tuple[NDArray, NDArray, NDArray]]:
    """The three held-out deviances behind every measure that a result holds.

    A measure is ``sum_t (D_without - D_with) / sum_t D_mean`` over the scored trials of a unit; these are its terms,
    for tests and intervals over trials.

    Parameters
    ----------
    result : xarray.Dataset
        From `neurorec.recurrence.recurrence_benefit`.

    Returns
    -------
    dict of str to tuple of ndarray (unit, trial)
        By measure: the deviance of the mean, of the model without and of the one with what is measured. Trials that do
        not count (``scored``) are in it; NaN where a model has no value.

    Examples
    --------
    >>> dims = ("unit", "trial")
    >>> result = xr.Dataset(
    ...     {"benefit": ("unit", [0.2]), "null_deviance": (dims, [[5.0, 5.0]]), "deviance":
    ...      ((*dims, "model"), [[[4.0, 3.0], [4.0, 3.0]]])}, coords={"model": ["uncoupled", "coupled"]})
    >>> null, without, with_ = measured_deviances(result)["benefit"]
    >>> float((without - with_).sum() / null.sum())
    0.2
    """
    deviance = {str(name): result["deviance"].sel(model=name).values for name in result["model"].values}
    if "control_deviance" in result:
        controls = result["control_deviance"]
        deviance |= {str(name): controls.sel(control=name).values for name in controls["control"].values}
    deviance |= by_blocks(deviance)
    null = {"": result["null_deviance"].values}
    return {
        name: ((null | deviance)[measure.null], deviance[measure.without], deviance[measure.with_])
        for name, measure in MEASURES.items()
        if name in result and measure.without in deviance and measure.with_ in deviance
    }
