"""Calibration of the whole idea: the benefit that is measured in networks whose recurrence is known."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr
from tqdm import tqdm

from neurorec.design import Signal, Term, default_terms, design_matrix, raised_cosine
from neurorec.io import load_dataset, save_dataset
from neurorec.networks import (
    Leaky,
    Network,
    SpikingRun,
    recurrent_weights,
    run_spiking,
    simulate,
    spiking_shares,
    with_readout,
)
from neurorec.recording import InputError
from neurorec.recurrence import recurrence_benefit
from neurorec.report import CalibrationFacts, write_calibration
from neurorec.study.manifest import package_versions
from neurorec.study.stages import MODELLED, StageRecord, finish_stage, plan_stage
from neurorec.tasks import NoisyEvidence
from neurorec.training import TrainingSettings, train

GAINS = (0.0, 0.15, 0.3, 0.5, 0.75, 1.0, 1.5)
SEEN = (1.0, 0.5, 0.2, 0.1, 0.05)
KNOWN = ("known", "unknown")  # whether the analysis is told of the inputs that all units share
# Strong evidence and a short wait: a network without recurrence, which forgets in 50 ms, does better than chance.
TASK = NoisyEvidence(coherences=(0.1, 0.2, 0.4, 0.8), response=0.1)
TAU = 0.05  # s; most of what a spike does is over within the 0.1 s that coupling looks back
REST = -1.5  # drive of a unit at rest: it fires at 0.18 of its peak rate
_STRAY = 0.3  # private noise in training, so that the readout trusts no unit alone
_REPEATS = 32  # runs of the same trials, for what inputs determine
_INPUTS = raised_cosine(5, window=(0.0, 0.2), spacing="log")  # as fast as the units answer to their inputs


class RecurrenceCalibration(NamedTuple):
    """What a calibration came to.

    Attributes
    ----------
    points : xarray.Dataset
        Over ``network`` (with ``gain``, ``number``, ``score``, the ``share`` of what drives a unit that comes from the
        others and that inputs do not determine, ``planted``, the benefit of who knows all there is to know, and
        ``rate``, spikes/s), ``inputs`` (``"known"`` or not) and ``seen``, the share of units recorded: ``benefit``,
        ``low``, ``high`` (median and quartiles over the units seen, in all draws), ``shuffled``, where partners' trials
        are exchanged, most units seen. The same of each ``unit``: ``unit_share``, ``unit_planted``, ``unit_rate`` and
        ``unit_benefit``, NaN for those not seen.
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
    peak_rate: float = 60.0,
    n_steps: int = 400,
    seed: int = 0,
    command: str = "",
    n_jobs: int | None = None,
    progress: bool = False,
) -> RecurrenceCalibration:
    """Measure the benefit of recurrence where recurrence is known, by the analysis that recordings go through.

    Networks of leaky units are trained to integrate noisy evidence, with recurrent weights ``g`` times random ones
    that stay as they are while everything else learns; ``g`` goes from 0, no recurrence, to strong. Then their units
    are made to talk in spikes (`neurorec.networks.run_spiking`): what is recorded is all that they tell each other.
    A part of them is recorded, and `neurorec.recurrence_benefit` is asked, once with the inputs and their recent past
    among the signals of the recording and once without them. All is done in stages that are saved as they end: the
    same call goes on where it stopped.

    Parameters
    ----------
    out : path
        Gets ``points.nc``, ``points.csv``, ``figures/``, ``report.html`` and ``stages/``.
    gains : sequence of float
        g, the spectral radius of the network at rest: from 1 on it makes activity of its own.
    seen : sequence of float
        Shares of the units that are recorded.
    n_networks : int
        Of each gain.
    n_units, n_trials : int
        Sizes.
    peak_rate : float
        Spikes/s at the largest activity; at rest units fire at 0.18 of it.
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
    _check(gains, seen, n_networks, n_units, n_trials, peak_rate)
    out, plan = Path(out), _Plan(n_units, n_trials, peak_rate, n_steps, seed)
    cases = list(product(range(n_networks), gains))
    parts, records = [], []
    with tqdm(total=len(cases) * (1 + len(KNOWN) * len(seen)), disable=None if progress else True, unit="step") as bar:
        for number, gain in cases:
            bar.set_description(f"gain {gain:g}, network {number + 1}")
            folder = out / "stages" / f"gain_{gain:g}_{number}"
            found, made = _one(plan, folder, gain, number, seen, n_jobs, bar.update)
            parts.append(found)
            records += made
    points = xr.concat(parts, dim="network")
    assert isinstance(points, xr.Dataset)
    save_dataset(points, out / "points.nc")
    by_network = points.drop_vars([name for name, values in points.data_vars.items() if "unit" in values.dims])
    by_network.to_dataframe().reset_index().to_csv(out / "points.csv", index=False)
    facts = CalibrationFacts(
        command=command,
        n_units=n_units,
        n_trials=n_trials,
        peak_rate=peak_rate,
        tau=TAU,
        bin_width=TASK.dt,
        seconds=sum(record.seconds for record in records),
        versions=package_versions(),
        seed=seed,
    )
    page, figures = write_calibration(out, points, facts=facts)
    written = [page, *(figure.png for figure in figures), out / "points.csv", out / "points.nc"]
    return RecurrenceCalibration(points, written, facts.seconds)


def _check(
    gains: Sequence[float], seen: Sequence[float], n_networks: int, n_units: int, n_trials: int, peak_rate: float
) -> None:
    if not gains or min(gains) < 0 or n_networks < 1 or not peak_rate > 0:
        found = f"{tuple(gains)}, {n_networks} of each, {peak_rate:g} spikes/s"
        expected = "0 or more, a network of each at least, a peak rate above 0"
        raise InputError("gains", expected=expected, found=found, remedy="see GAINS")
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
    fixed = {"task": repr(TASK), "tau": TAU, "rest": REST, "stray": _STRAY, "repeats": _REPEATS}
    settings = {**plan._asdict(), **fixed, "gain": gain, "number": number}
    recording = plan_stage("simulate", folder / "recording.nc", settings, rooms=MODELLED)
    records = [finish_stage(recording, partial(_simulate, plan, gain, number, n_jobs))]
    step()
    rows = []
    for known in KNOWN:
        row = []
        for share in seen:
            steps = ("coupled", "shuffled") if share == max(seen) else ("coupled",)
            about = {"before": recording.fingerprint, "share": share, "inputs": known, "steps": steps}
            stage = plan_stage("benefit", folder / f"benefit_{known}_{share:g}.nc", {**about, "basis": repr(_INPUTS)})

            def measure(path: Path, share: float = share, known: str = known, steps: tuple[str, ...] = steps) -> None:
                save_dataset(_measure(load_dataset(recording.target), share, known, steps, plan.seed, n_jobs), path)

            records.append(finish_stage(stage, measure))
            row.append(load_dataset(stage.target))
            step()
        rows.append(xr.concat(row, dim="seen"))
    found = xr.concat(rows, dim="inputs").assign_coords(inputs=list(KNOWN), seen=list(seen))
    truth = load_dataset(recording.target)
    about = {name: truth.attrs[name] for name in ("score", "share", "planted", "rate")}
    of_units = {name: ("unit", truth[name].values) for name in ("unit_share", "unit_planted", "unit_rate")}
    return found.assign({**about, **of_units, "gain": gain, "number": number}), records


def _build(plan: _Plan, gain: float, rng: np.random.Generator) -> Network:
    """A network before it learns, at rest: ``b = REST - W f(REST)``, so that gains change no rate by themselves."""
    rest = 1 / (1 + np.exp(-REST))
    radius = gain / (rest * (1 - rest))
    weights = np.array(recurrent_weights(plan.n_units, gain=radius, rng=rng), dtype=float)
    np.fill_diagonal(weights, 0.0)
    cell = Leaky(
        recurrent=jnp.asarray(weights, dtype=jnp.float32),
        input=jnp.asarray(rng.standard_normal((plan.n_units, 2)), dtype=jnp.float32),
        bias=jnp.asarray(REST - weights.sum(axis=1) * rest, dtype=jnp.float32),
        dt=TASK.dt,
        tau=TAU,
        # What spikes of units at rest make of the drive of those who hear them, as white noise
        noise=float(np.hypot(radius * np.sqrt(rest / (2 * plan.peak_rate * TAU)), _STRAY)),
        nonlinearity="sigmoid",
        form="current",
    )
    network = with_readout(cell, 1, frozen=("cell.recurrent", "cell.bias", "initial"), rng=rng)
    return eqx.tree_at(lambda n: n.initial, network, jnp.full(plan.n_units, REST, dtype=jnp.float32))


def _simulate(plan: _Plan, gain: float, number: int, n_jobs: int | None, path: Path) -> None:
    """Train a network, and record its spikes, with what is true of it."""
    key = [plan.seed, number, round(1e6 * gain)]
    settings = TrainingSettings(n_steps=plan.n_steps, learning_rate=1e-2, patience=20)
    build = partial(_build, plan, gain)
    trained = train(TASK, build, settings=settings, seeds=plan.seed + number, n_jobs=n_jobs, progress=False)
    network: Any = trained.networks[0]
    trials = TASK.sample(plan.n_trials, rng=np.random.default_rng([*key, 1]))
    run = run_spiking(network, trials, peak_rate=plan.peak_rate, rng=np.random.default_rng([*key, 2]))
    rng = np.random.default_rng([*key, 3])
    shares = spiking_shares(network, trials, peak_rate=plan.peak_rate, n_repeats=_REPEATS, rng=rng)
    counts = run.counts.reshape(-1, plan.n_units)
    loss = [_deviance(counts, TASK.dt * rate.reshape(counts.shape)) for rate in (shares.expected, run.rate)]
    null = _deviance(counts, np.broadcast_to(counts.mean(axis=0), counts.shape))
    # The mean over a few runs is off by a part of what differs between runs, and so is the loss of who knows only it
    gain_known = (loss[0] - loss[1]) * _REPEATS / (_REPEATS + 1)
    planted = np.divide(gain_known, null, out=np.full(null.shape, np.nan), where=null > 0)
    rate = counts.mean(axis=0) / TASK.dt
    recording = _recording(network, trials, run).assign(
        unit_share=("unit", shares.recurrent), unit_planted=("unit", planted), unit_rate=("unit", rate)
    )
    truth = {
        "score": _score(plan, network, np.random.default_rng([*key, 4])),
        "share": float(shares.recurrent.mean()),
        "planted": float(np.nanmedian(planted)),
        "rate": float(rate.mean()),
    }
    save_dataset(recording.assign_attrs(truth), path)


def _recording(network: Network, trials: xr.Dataset, run: SpikingRun) -> xr.Dataset:
    """The recording of a network, its spikes in the place of its rates; its outputs, made of the latter, left out."""
    recording = simulate(network, trials, noise=False, rng=np.random.default_rng(0))
    spikes = recording["activity"].copy(data=run.counts.reshape(recording["activity"].shape))
    recording = recording.assign(activity=spikes).drop_vars(["outputs", "outputs_channel"])
    recording["activity"].attrs |= {"kind": "counts", "units": "spikes/bin"}
    return recording


def _score(plan: _Plan, network: Any, rng: np.random.Generator) -> float:
    """Fraction right of the network whose units talk in spikes, its answer read from them."""
    trials = TASK.sample(500, rng=rng)
    run = run_spiking(network, trials, peak_rate=plan.peak_rate, rng=rng)
    heard = run.counts / (plan.peak_rate * TASK.dt)
    answers = heard @ np.asarray(network.output, dtype=float).T + np.asarray(network.output_bias, dtype=float)
    return TASK.score(trials, answers)


def _deviance(counts: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Poisson deviance of each unit ``(unit,)``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise = np.where(counts > 0, counts * np.log(counts / mean), 0.0)
    return 2 * (surprise - counts + mean).sum(axis=0)


def _terms(recording: xr.Dataset, known: str) -> list[Term]:
    """The default design, the inputs with their recent past, or without them."""
    terms: list[Term] = [term for term in default_terms(recording).terms if not isinstance(term, Signal)]
    return [Signal("inputs", _INPUTS), *terms] if known == "known" else terms


def _measure(
    recording: xr.Dataset, share: float, known: str, steps: tuple[str, ...], seed: int, n_jobs: int | None
) -> xr.Dataset:
    """The benefit of the units that are seen, as it is measured in any recording."""
    n_units = recording.sizes["unit"]
    n_seen = max(2, round(share * n_units))
    rng = np.random.default_rng([seed, n_seen])
    draws = [np.sort(rng.choice(n_units, n_seen, replace=False)) for _ in range(_draws(share))]
    found = {name: np.full((len(draws), n_units), np.nan) for name in ("benefit", "benefit_shuffled")}
    for draw, units in enumerate(draws):
        some = recording.isel(unit=units)
        # A trial begins at rest, and nothing comes before it: zeros there are the truth, and all bins take part
        design = design_matrix(some, _terms(some, known), edges="zero")
        result = recurrence_benefit(some, design, steps=steps, seed=seed, n_jobs=n_jobs, progress=False)
        for name in found.keys() & set(result):
            found[name][draw, units] = result[name].values
    low, middle, high = np.nanquantile(found["benefit"], [0.25, 0.5, 0.75])
    seen = np.isfinite(found["benefit"])
    mean = np.nansum(found["benefit"], axis=0) / np.where(seen.any(axis=0), seen.sum(axis=0), np.nan)
    shuffled = np.nanmedian(found["benefit_shuffled"]) if "shuffled" in steps else np.nan
    return xr.Dataset(
        {
            "benefit": middle,
            "low": low,
            "high": high,
            "shuffled": shuffled,
            "n_seen": n_seen,
            "unit_benefit": ("unit", mean),
        }
    )


def _draws(share: float) -> int:
    """More draws of fewer units, so that as many units are asked about, as far as that is affordable."""
    return int(np.clip(round(0.25 / share), 1, 4))
