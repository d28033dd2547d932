"""Calibration of the whole idea: the benefit that is measured in networks whose recurrence is known."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from tqdm import tqdm

from neurorec.design import default_terms, design_matrix
from neurorec.io import load_dataset, save_dataset
from neurorec.networks import (
    Leaky,
    Network,
    activity_given_others,
    drive_shares,
    expected_activity,
    simulate,
    with_readout,
)
from neurorec.recording import InputError
from neurorec.recurrence import recurrence_benefit
from neurorec.report import CalibrationFacts, write_calibration
from neurorec.study.manifest import package_versions
from neurorec.study.stages import MODELLED, StageRecord, finish_stage, plan_stage
from neurorec.tasks import NoisyEvidence
from neurorec.training import TrainingSettings, train

GAINS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
SEEN = (1.0, 0.5, 0.2, 0.1, 0.05)
KNOWN = ("known", "unknown")  # whether the analysis is told of the inputs that all units share
_STEPS = ("coupled", "shuffled")


class RecurrenceCalibration(NamedTuple):
    """What a calibration came to.

    Attributes
    ----------
    points : xarray.Dataset
        Over ``network`` (with ``gain``, ``seed``, ``score``, ``share`` of a unit's drive that comes from the others,
        ``beyond`` of what of it the inputs do not determine, ``planted``, the benefit of who knows all there is to
        know, and ``rate``, spikes/s), ``inputs`` (``"known"`` or not) and ``seen``, the share of units recorded:
        ``benefit``, ``shuffled`` (medians over the units seen, in all draws), ``low``, ``high`` (quartiles).
    written : list of Path
        What lies where.
    seconds : float
        Wall time of all stages, those done in earlier runs included.
    """

    points: xr.Dataset
    written: list[Path]
    seconds: float


class _Plan(NamedTuple):
    """What is the same for all networks."""

    n_units: int
    n_trials: int
    noise: float
    peak_rate: float
    n_steps: int
    seed: int


def calibrate_recurrence(
    out: Path | str,
    *,
    gains: Sequence[float] = GAINS,
    seen: Sequence[float] = SEEN,
    n_networks: int = 3,
    n_units: int = 100,
    n_trials: int = 160,
    noise: float = 0.15,
    peak_rate: float = 60.0,
    n_steps: int = 1500,
    seed: int = 0,
    command: str = "",
    n_jobs: int | None = None,
    progress: bool = False,
) -> RecurrenceCalibration:
    """Measure the benefit of recurrence where recurrence is known, by the analysis that recordings go through.

    Networks of leaky units are trained to integrate noisy evidence, with recurrent weights ``g`` times random ones
    that stay as they are while everything else learns; ``g`` goes from 0, no recurrence, to strong. They are made to
    spike, a part of their units is recorded, and `neurorec.recurrence_benefit` is asked, once with the inputs among
    the signals of the recording and once without them. All is done in stages that are saved as they end: the same call
    goes on where it stopped.

    Parameters
    ----------
    out : path
        Gets ``points.nc``, ``points.csv``, ``figures/``, ``report.html`` and ``stages/``.
    gains : sequence of float
        g, the spectral radius of the recurrent weights.
    seen : sequence of float
        Shares of the units that are recorded.
    n_networks : int
        Of each gain.
    n_units, n_trials : int
        Sizes.
    noise : float
        Private noise of the units, see `neurorec.networks.Leaky`.
    peak_rate : float
        Spikes/s at the largest activity.
    n_steps : int
        Most updates of the weights.
    seed : int
        From which everything random follows.
    command : str
        As it was typed, for the page.
    n_jobs : int, optional
        Threads; all cores by default.
    progress : bool
        Show a bar where standard error is a terminal.

    Returns
    -------
    RecurrenceCalibration

    Raises
    ------
    InputError
        For shares that leave fewer than two units, gains or counts that cannot be.
    """
    _check(gains, seen, n_networks, n_units, n_trials)
    out, plan = Path(out), _Plan(n_units, n_trials, noise, peak_rate, n_steps, seed)
    cases = list(product(gains, range(n_networks)))
    parts, records = [], []
    with tqdm(total=len(cases) * (1 + len(KNOWN) * len(seen)), disable=None if progress else True, unit="step") as bar:
        for gain, number in cases:
            bar.set_description(f"gain {gain:g}, network {number + 1}")
            folder = out / "stages" / f"gain_{gain:g}_{number}"
            found, made = _one(plan, folder, gain, number, seen, n_jobs, bar.update)
            parts.append(found)
            records += made
    points = xr.concat(parts, dim="network")
    assert isinstance(points, xr.Dataset)
    save_dataset(points, out / "points.nc")
    points.to_dataframe().reset_index().to_csv(out / "points.csv", index=False)
    facts = CalibrationFacts(
        command=command, seed=seed, seconds=sum(r.seconds for r in records), versions=package_versions(), **_said(plan)
    )
    page, figures = write_calibration(out, points, facts=facts)
    written = [page, *(figure.png for figure in figures), out / "points.csv", out / "points.nc"]
    return RecurrenceCalibration(points, written, facts.seconds)


def _said(plan: _Plan) -> dict[str, Any]:
    return {"n_units": plan.n_units, "n_trials": plan.n_trials, "noise": plan.noise, "peak_rate": plan.peak_rate}


def _check(gains: Sequence[float], seen: Sequence[float], n_networks: int, n_units: int, n_trials: int) -> None:
    if not gains or min(gains) < 0 or n_networks < 1:
        found = f"{tuple(gains)}, {n_networks} of each"
        raise InputError("gains", expected="0 or more, a network of each at least", found=found, remedy="see GAINS")
    if not seen or max(seen) > 1 or min(seen) * n_units < 2 or n_trials < 20:
        found = f"{tuple(seen)} of {n_units} units, {n_trials} trials"
        remedy = "record more units, or larger shares of them"
        raise InputError("seen", expected="shares up to 1 of two units or more, 20 trials", found=found, remedy=remedy)


def _one(
    plan: _Plan,
    folder: Path,
    gain: float,
    number: int,
    seen: Sequence[float],
    n_jobs: int | None,
    step: Callable[[], object],
) -> tuple[xr.Dataset, list[StageRecord]]:
    """Train, simulate and analyse one network."""
    settings = {**plan._asdict(), "gain": gain, "number": number}
    recording = plan_stage("simulate", folder / "recording.nc", settings, rooms=MODELLED)
    records = [finish_stage(recording, partial(_simulate, plan, gain, number, n_jobs))]
    step()
    rows = []
    for known in KNOWN:
        row = []
        for share in seen:
            about = {"before": recording.fingerprint, "share": share, "inputs": known, "seed": plan.seed}
            stage = plan_stage("benefit", folder / f"benefit_{known}_{share:g}.nc", about)

            def measure(path: Path, share: float = share, known: str = known) -> None:
                save_dataset(_measure(load_dataset(recording.target), share, known, plan.seed, n_jobs), path)

            records.append(finish_stage(stage, measure))
            row.append(load_dataset(stage.target))
            step()
        rows.append(xr.concat(row, dim="seen"))
    found = xr.concat(rows, dim="inputs").assign_coords(inputs=list(KNOWN), seen=list(seen))
    truth = load_dataset(recording.target)
    about = {name: truth.attrs[name] for name in ("score", "share", "beyond", "planted", "rate")}
    return found.assign({**about, "gain": gain, "number": number}), records


def _simulate(plan: _Plan, gain: float, number: int, n_jobs: int | None, path: Path) -> None:
    """Train a network, and record its spikes, with what is true of it in ``attrs``."""
    task, key = NoisyEvidence(), [plan.seed, number, round(1e6 * gain)]

    def build(rng: np.random.Generator) -> Network:
        cell = Leaky.random(2, plan.n_units, gain=gain, noise=plan.noise, dt=task.dt, rng=rng)
        return with_readout(cell, 1, frozen=("cell.recurrent", "initial"), rng=rng)

    settings = TrainingSettings(n_steps=plan.n_steps, learning_rate=3e-3, patience=20)
    trained = train(task, build, settings=settings, seeds=plan.seed + number, n_jobs=n_jobs, progress=False)
    network = trained.networks[0]
    trials = task.sample(plan.n_trials, rng=np.random.default_rng([*key, 1]))
    rates, recording = (  # the same draws of private noise come first in both
        simulate(network, trials, peak_rate=peak, rng=np.random.default_rng([*key, 2]))
        for peak in (None, plan.peak_rate)
    )
    activity = rates["activity"].values.reshape(*trials["mask"].shape, -1)
    shares = drive_shares(network, trials, rng=np.random.default_rng([*key, 3]))
    expected = expected_activity(network, trials, n_repeats=256, rng=np.random.default_rng([*key, 4]))
    given = activity_given_others(network, trials, activity)
    low, high = recording.attrs["rate_low"], recording.attrs["rate_high"]
    counts = recording["activity"].values
    most = plan.peak_rate * task.dt
    loss = [
        _deviance(counts, most * np.clip((guess.reshape(counts.shape) - low) / (high - low), 1e-6, 1))
        for guess in (expected, given)
    ]
    null = _deviance(counts, np.broadcast_to(counts.mean(axis=0), counts.shape))
    truth = {
        "score": float(trained.curve["test_score"][0]),
        "share": float(shares.recurrent.mean()),
        "beyond": float(np.nan_to_num(shares.beyond).mean()),
        "planted": float(np.median((loss[0] - loss[1]) / null)),
        "rate": float(counts.mean() / task.dt),
    }
    save_dataset(recording.assign_attrs(truth), path)


def _deviance(counts: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Poisson deviance of each unit ``(unit,)``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise = np.where(counts > 0, counts * np.log(counts / mean), 0.0)
    return 2 * (surprise - counts + mean).sum(axis=0)


def _measure(recording: xr.Dataset, share: float, known: str, seed: int, n_jobs: int | None) -> xr.Dataset:
    """The benefit of the units that are seen, as it is measured in any recording."""
    n_units = recording.sizes["unit"]
    n_seen = max(2, round(share * n_units))
    rng = np.random.default_rng([seed, n_seen])
    draws = [rng.choice(n_units, n_seen, replace=False) for _ in range(_draws(share))]
    recording = recording if known == "known" else recording.drop_vars(["inputs", "inputs_channel"])
    found: dict[str, list[np.ndarray]] = {"benefit": [], "shuffled": []}
    for units in draws:
        some = recording.isel(unit=np.sort(units))
        design = design_matrix(some, default_terms(some).terms)
        result = recurrence_benefit(some, design, steps=_STEPS, seed=seed, n_jobs=n_jobs, progress=False)
        found["benefit"].append(result["benefit"].values)
        found["shuffled"].append(result["benefit_shuffled"].values)
    benefit, shuffled = (np.concatenate(found[name]) for name in ("benefit", "shuffled"))
    low, middle, high = np.nanquantile(benefit, [0.25, 0.5, 0.75])
    return xr.Dataset(
        {"benefit": middle, "low": low, "high": high, "shuffled": np.nanmedian(shuffled), "n_seen": n_seen}
    )


def _draws(share: float) -> int:
    """More draws of fewer units, so that as many units are asked about, as far as that is affordable."""
    return int(np.clip(round(0.25 / share), 1, 4))
