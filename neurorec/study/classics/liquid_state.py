"""The liquid state machine: a spiking column keeps its inputs apart, remembers them a while, and readouts find them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.stats import spearmanr
from tqdm import tqdm

from neurorec.design import default_terms, design_matrix
from neurorec.networks import random_liquid
from neurorec.plot import fading_of_differences, recall_by_segment, separation_of_states
from neurorec.recurrence import recurrence_benefit
from neurorec.report import Claim, Findings
from neurorec.study.classics.liquid_measures import (
    JITTER,
    RATE,
    SEGMENT,
    TAU,
    fading,
    inputs_alone,
    recall,
    record_liquid,
    separation,
    states_after,
    template_trials,
)

_DOI = "10.1162/089976602760407955"
_N_TRAIN, _N_TEST, _N_LIQUIDS, _N_PAIRS, _N_RECORDED = 500, 200, 3, 80, 80
_READOUTS = ("liquid", "units that do not hear each other", "inputs alone")
_PENALTIES = (1.0, 1e-1, 1e-2, 1e-3)


def show_liquid_state(
    *, full: bool = False, seed: int = 0, folder: Path | None = None, n_jobs: int | None = None, progress: bool = False
) -> Findings:
    """Show what a liquid of the published size tells of its inputs, now and later.

    Parameters
    ----------
    full : bool
        Ten liquids in the place of three; the size is the published one.
    seed : int
        From which everything random follows.
    folder
        Not needed.
    n_jobs : int, optional
        Threads of the benefit's folds.
    progress : bool
        Show a bar where standard error is a terminal.

    Returns
    -------
    Findings
    """
    n_liquids = 10 if full else _N_LIQUIDS
    with tqdm(total=n_liquids + 4, disable=None if progress else True, unit="run") as bar:
        made = random_liquid(rng=np.random.default_rng([seed, 0]))
        data = {"separation": separation(made, n_pairs=_N_PAIRS, rng=np.random.default_rng([seed, 1]))}
        bar.update()
        data["fading"] = fading(made, n_pairs=_N_PAIRS // 2, rng=np.random.default_rng([seed, 2]))
        bar.update()
        data["recall"] = _recall(n_liquids, seed, bar.update)
        data["benefit"] = _benefit(seed, n_jobs, bar.update)
    return Findings(
        "The liquid state machine",
        "Can a random column of spiking units serve as a memory that linear readouts read?",
        _DOI,
        [*_of_states(data), *_of_recall(data["recall"]), *_of_benefit(data["benefit"])],
        {"liquid_state": _figure(data)},
        data,
        settings={
            "units": made.network.n_units, "grid": "15 x 3 x 3", "input rate (spikes/s)": RATE, "segment (s)": SEGMENT,
            "jitter (s)": JITTER, "tau of readouts (s)": TAU, "dt (s)": made.network.dt, "liquids": n_liquids,
            "trials, training and test": f"{_N_TRAIN} and {_N_TEST}",
        },
        notes=[
            "Readouts are logistic regressions, their penalty chosen within the training trials, not perceptrons.",
            "Inputs reach units through constant synapses, 30 % of the units; the column begins each trial alike.",
        ],
    )  # fmt: skip


def _recall(n_liquids: int, seed: int, step: Callable[[], object]) -> xr.Dataset:
    """Templates told from the state at the end of the trial, by readout, liquid and segment."""
    scores = []
    for k in range(n_liquids):
        trials = template_trials(_N_TRAIN + _N_TEST, rng=np.random.default_rng([seed, 3, k]))
        end = trials.counts.shape[1] * 1e-4
        features = []
        for strength in (1.0, 0.0):
            made = random_liquid(strength=strength, rng=np.random.default_rng([seed, 4, k]))
            at = np.array([end])
            features.append(states_after(made.network, trials.counts, at, np.random.default_rng(0))[:, 0])
        features.append(inputs_alone(trials.counts, end))
        scores.append([recall(x, trials.which, _N_TRAIN) for x in features])
        step()
    ago = SEGMENT * np.arange(len(scores[0][0]))[::-1]
    return xr.Dataset(
        {"accuracy": (("readout", "liquid", "segment"), np.swapaxes(scores, 0, 1))},
        coords={"readout": list(_READOUTS), "ago": ("segment", ago, {"units": "s"})},
    )


def _benefit(seed: int, n_jobs: int | None, step: Callable[[], object]) -> xr.Dataset:
    """The benefit of recurrence in a recording of a liquid, and of one whose units do not hear each other."""
    rows = []
    for strength in (1.0, 0.0):
        made = random_liquid(strength=strength, rng=np.random.default_rng([seed, 5]))
        recording = record_liquid(made, n_trials=_N_RECORDED, rng=np.random.default_rng([seed, 6]))
        recording = recording.isel(unit=recording["activity"].sum("time").values >= 50)
        design = design_matrix(recording, default_terms(recording).terms)
        found = recurrence_benefit(
            recording, design, steps=["coupled", "shuffled"], n_folds=3, penalties=_PENALTIES, seed=seed, n_jobs=n_jobs,
            progress=False,
        )  # fmt: skip
        median = [float(found[name].median()) for name in ("benefit", "benefit_shuffled")]
        rows.append([*median, recording.sizes["unit"]])
        step()
    names = ("benefit", "shuffled", "n_units")
    return xr.Dataset(
        {name: ("network", values) for name, values in zip(names, np.transpose(rows), strict=True)},
        coords={"network": ["liquid", "not joined"]},
    )


def _of_states(data: dict[str, xr.Dataset]) -> list[Claim]:
    pairs, fade = data["separation"], data["fading"]
    order = float(spearmanr(pairs["inputs"], pairs["states"]).statistic)
    middle = fade["distance"].median("pair")
    before = float(middle.sel(time=slice(-0.26, 0.01)).mean())
    late = float(middle.sel(time=slice(0.75, 1.01)).mean() / before)
    below = middle["time"].values[(middle["time"].values > 0) & (middle.values < before / np.e)]
    gone = float(below[0]) if below.size else np.nan
    return [
        Claim("distance of states against that of inputs, rank correlation", order, "1", f"doi:{_DOI}", order > 0.5),
        Claim(
            "distance of states 0.75 to 1 s after inputs became the same, over that before", late, "fades",
            f"doi:{_DOI}", late < 0.3,
        ),
        Claim("time until it has fallen to 1/e, s", gone, "not published", "calculated"),
    ]  # fmt: skip


def _of_recall(data: xr.Dataset) -> list[Claim]:
    mean, claims = data["accuracy"].mean("liquid"), []
    wanted = {0.0: ("near 1", 0.9), 0.25: ("above chance, 0.5", 0.6), 0.5: ("above chance, 0.5", 0.55)}
    for k, ago in reversed(list(enumerate(data["ago"].values))):
        value = float(mean.sel(readout="liquid")[k])
        said, least = wanted.get(float(ago), ("above chance, 0.5", 0.55))
        what = f"templates told {1000 * ago:.0f} ms after their end, share right"
        claims.append(Claim(what, value, said, f"doi:{_DOI}", value > least))
        others = [float(mean.sel(readout=name)[k]) for name in _READOUTS[1:]]
        claims.append(Claim("... by units that do not hear each other", others[0], "not published", "calculated"))
        claims.append(
            Claim("... by the inputs alone, through the same filter", others[1], "not published", "calculated")
        )
    return claims


def _of_benefit(data: xr.Dataset) -> list[Claim]:
    seen, alone = (data.sel(network=name) for name in ("liquid", "not joined"))
    worst = float(np.abs(data["shuffled"]).max())
    return [
        Claim(
            f"benefit of recurrence, {int(seen['n_units'])} units that fire", float(seen["benefit"]),
            "above that below", "calculated", bool(seen["benefit"] > alone["benefit"]),
        ),
        Claim("the same, units that do not hear each other", float(alone["benefit"]), "0", "theory",
              abs(float(alone["benefit"])) < 0.01),
        Claim("partners from other trials: farthest from 0", worst, "0", "theory", worst < 0.01),
    ]  # fmt: skip


def _figure(data: dict[str, xr.Dataset]) -> tuple[Figure, str]:
    figure = Figure(figsize=(12.4, 3.6), layout="constrained")
    axes = figure.subplots(1, 3)
    separation_of_states(data["separation"], ax=axes[0])
    fading_of_differences(data["fading"], ax=axes[1])
    recall_by_segment(data["recall"], ax=axes[2])
    said = (
        "A liquid keeps inputs apart, forgets them, and lets linear readouts find them. Left: distance of states "
        "against that of the inputs, a dot per pair. Middle: distance of states, inputs differ until 0 (median and "
        "quartiles). Right: which of two templates a segment was, read from the state at the end of the trial."
    )
    return figure, said
