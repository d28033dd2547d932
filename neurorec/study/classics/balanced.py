"""Balanced spiking networks: irregular and asynchronous by themselves, and what rates say of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from neurorec.design import default_terms, design_matrix
from neurorec.networks import LIFNetwork, MatchedRates, simulate_spiking
from neurorec.plot import (
    cancelling_inputs,
    correlation_against_size,
    rates_against_inputs,
    rates_in_time,
    rates_unit_by_unit,
    spike_raster,
)
from neurorec.recurrence import recurrence_benefit
from neurorec.report import Claim, Findings
from neurorec.study.classics.balanced_measures import (
    PROBABILITY,
    STRENGTH,
    WARM_UP,
    balance_equation,
    balanced_network,
    explained,
    input_correlations,
    measure,
    rates_over_time,
    run_balanced,
)

_CHAOS, _ASYNCHRONOUS = "10.1126/science.274.5293.1724", "10.1126/science.1179850"
_SPARSE = "10.1023/A:1008925309027"
_SIZES, _N = (250, 500, 1000, 2000), 1000  # units of each kind
_TIME = 1.0  # times the seconds that runs take
_EXTERNAL = (5.0, 10.0, 15.0, 20.0, 30.0, 40.0)  # spikes/s of an input
_AT = 20.0  # the one at which all else is measured, spikes/s
_SEEN = ((200, 200, True), (200, 100, True), (200, 50, True), (1000, 50, True), (200, 50, False))
_PENALTIES = (1.0, 1e-1, 1e-2, 1e-3)


def show_balanced(
    *, full: bool = False, seed: int = 0, folder: Path | None = None, n_jobs: int | None = None, progress: bool = False
) -> Findings:
    """Show that balance makes activity irregular and asynchronous, and how far rates describe it.

    Parameters
    ----------
    full : bool
        Networks of up to 8000 units and twice as much time; by default up to 4000.
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
    sizes = (*_SIZES, 4000) if full else _SIZES
    n_steps = 2 * len(sizes) + len(_EXTERNAL) + 3 + len(_SEEN)
    with tqdm(total=n_steps, disable=None if progress else True, unit="run") as bar:
        data = {"sizes": _by_size(sizes, (20.0 if full else 10.0) * _TIME, seed, bar.update)}
        network = balanced_network(_N, rng=np.random.default_rng([seed, 1]))
        data["rates"] = _by_rate(network, seed, bar.update)
        data["units"], data["inputs"], data["spikes"], inner = _unit_by_unit(network, seed)
        bar.update()
        data["time"] = rates_over_time(
            network, seconds=(6.0 if full else 3.0) * _TIME, rng=np.random.default_rng([seed, 4])
        )
        bar.update()
        lost = _where_rates_fail(seed)
        bar.update()
        data["benefit"] = _benefit(seed, n_jobs, bar.update)
    return Findings(
        "Balanced spiking networks",
        "Where does irregular, asynchronous activity come from, and do rates describe it?",
        _CHAOS,
        [*_of_activity(data, inner), *_of_rates(data, lost), *_of_benefit(data["benefit"])],
        {"balanced": _figure(data)},
        data,
        settings={
            "units of each kind": str(sizes), "connection probability": PROBABILITY, "J sqrt(K) (mV)": STRENGTH,
            "tau (s)": 0.02, "tau of synapses, E and I (s)": "0.003 and 0.001", "delay (s)": 2e-4, "dt (s)": network.dt,
            "inputs (spikes/s)": _AT,
        },
        notes=[
            "Leaky integrate-and-fire units; van Vreeswijk and Sompolinsky have binary ones, Renart et al. also both.",
            "Synapses are joined with probability 0.2, J falls with the square root of N, as in Renart et al. 2010.",
            "Inputs fire at 20 spikes/s. At 10, where small networks are less balanced, correlations fell as N^-1.36.",
            "The balance rests on fast inhibition: with synapses that act at once the network synchronises.",
        ],
    )  # fmt: skip


def _by_size(sizes: Sequence[int], seconds: float, seed: int, step: Callable[[], object]) -> xr.Dataset:
    """Measures by network and size; without recurrence, inputs of the same rates take the units' place."""
    names = ("correlation", "cv", "excitation", "inhibition", "fano", "rate_E", "rate_I")
    table = np.empty((len(names), 2, len(sizes)))
    for k, n in enumerate(sizes):
        long = seconds * (3 if n < 1000 else 1)
        rng = np.random.default_rng([seed, n])
        given: float | NDArray = _AT
        for row, recurrent in enumerate((True, False)):
            network = balanced_network(n, recurrent=recurrent, rng=rng)
            found = measure(network, run_balanced(network, given, long if recurrent else 10.0 * _TIME, rng=rng))
            rates = found.rate[:n].mean(), found.rate[n:].mean()
            table[:, row, k] = (
                found.correlation, np.nanmean(found.cv[:n]), found.excitation, found.inhibition, found.fano, *rates
            )  # fmt: skip
            given = np.repeat([_AT, *rates], n)
            step()
    return xr.Dataset(
        {name: (("network", "n_units"), values) for name, values in zip(names, table, strict=True)},
        coords={"network": ["balanced", "shared inputs alone"], "n_units": 2 * np.array(sizes)},
    )


def _by_rate(network: LIFNetwork, seed: int, step: Callable[[], object]) -> xr.Dataset:
    """Rates of both populations against that of the inputs: in spikes, by mean field, and by the balance equation."""
    matched = MatchedRates.of(network, by_population=True)
    n = network.populations[0].n_units
    seen, theory, start = [], [], np.array([_EXTERNAL[-1]] * 2)
    for k, rate in enumerate(_EXTERNAL):
        found = measure(network, run_balanced(network, rate, 2.0 * _TIME, rng=np.random.default_rng([seed, 2, k])))
        seen.append([found.rate[:n].mean(), found.rate[n:].mean()])
        step()
    for rate in _EXTERNAL[::-1]:
        settled = matched.settle([rate], start=start)
        start = settled.rate
        theory.append(settled.rate if settled.converged else np.full(2, np.nan))
    parts = np.stack([np.array(seen), np.array(theory[::-1]), np.outer(_EXTERNAL, balance_equation())])
    return xr.Dataset(
        {"rate": (("source", "external", "population"), parts, {"units": "spikes/s"})},
        coords={
            "source": ["spikes", "mean field", "balance equation"], "population": ["E", "I"],
            "external": ("external", list(_EXTERNAL), {"units": "spikes/s"}),
        },
    )  # fmt: skip


def _unit_by_unit(network: LIFNetwork, seed: int) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset, dict[str, float]]:
    """Each unit's rate beside its match, one unit's inputs, a second of spikes, correlations of inputs."""
    done = run_balanced(network, _AT, 8.0 * _TIME, n_watched=40, rng=np.random.default_rng([seed, 3]))
    found, n = measure(network, done), network.populations[0].n_units
    start = MatchedRates.of(network, by_population=True).settle([_AT]).rate
    matched = MatchedRates.of(network).settle([_AT], start=np.repeat(start, n), tolerance=0.01)
    units = xr.Dataset(
        {"spikes": ("unit", found.rate, {"units": "spikes/s"}), "matched": ("unit", matched.rate)},
        coords={"population": ("unit", list(network.area))},
        attrs={"converged": int(matched.converged), "n_iter": matched.n_iter},
    )
    skip, per = round(WARM_UP / network.dt), round(0.005 / network.dt)
    shown = slice(skip, skip + round(0.5 / network.dt))
    parts = [v[shown, 3].reshape(-1, per).sum(axis=1) for v in (done.excitation, done.inhibition)]
    voltage = done.voltage[shown, 3][::per]
    scale = network.populations[0].tau / 0.005
    inputs = xr.Dataset(
        {"input": (("part", "time"), scale * np.stack([*parts, parts[0] + parts[1]]), {"units": "mV"})},
        coords={"part": ["excitation", "inhibition", "net"], "time": np.arange(len(parts[0])) * 0.005},
    ).assign(voltage=("time", voltage, {"units": "mV"}))
    within = (done.step >= skip) & (done.step < skip + round(1 / network.dt)) & (done.unit % (2 * n // 100) == 0)
    spikes = xr.Dataset(
        {"time": ("spike", (done.step[within] - skip) * network.dt), "row": ("spike", done.unit[within] // (n // 50))}
    )
    return units, inputs, spikes, input_correlations(done, network.dt)


def _where_rates_fail(seed: int) -> tuple[float, float]:
    """A network whose synapses act at once: its rate over that of mean field, and its synchrony."""
    rng = np.random.default_rng([seed, 5])
    network = balanced_network(_N, tau_synapse=(0.0, 0.0), delay=5e-4, rng=rng)
    found = measure(network, run_balanced(network, _AT, 1.0, rng=rng))
    theory = MatchedRates.of(network, by_population=True).settle([_AT])
    return float(found.rate[:_N].mean() / theory.rate[0]), found.correlation


def _benefit(seed: int, n_jobs: int | None, step: Callable[[], object]) -> xr.Dataset:
    """The benefit of recurrence as it is measured in any recording, of a part of the units."""
    rows = []
    for k, (n_units, n_seen, recurrent) in enumerate(_SEEN):
        rng = np.random.default_rng([seed, 6, k])
        network = balanced_network(n_units // 2, recurrent=recurrent, rng=rng)
        level = np.repeat([8.0, 12.0, 16.0], 20)[rng.permutation(60)]
        rate = np.repeat(level[:, None], 100, axis=1)  # of all inputs, so that nothing is known of single ones
        seen = np.sort(rng.permutation(n_units)[:n_seen])
        recording = simulate_spiking(network, rate, conditions={"level": level}, units=seen.tolist(), rng=rng)
        recording = recording.isel(unit=recording["activity"].sum("time").values >= 20)
        design = design_matrix(recording, default_terms(recording).terms)
        found = recurrence_benefit(
            recording, design, steps=["coupled", "shuffled"], n_folds=3, penalties=_PENALTIES, seed=seed, n_jobs=n_jobs,
            progress=False,
        )  # fmt: skip
        rows.append([float(found[name].median()) for name in ("benefit", "benefit_shuffled")])
        step()
    columns = ("n_units", "n_seen", "recurrent")
    return xr.Dataset(
        {name: ("case", values) for name, values in zip(("benefit", "shuffled"), np.transpose(rows), strict=True)}
    ).assign({name: ("case", [case[k] for case in _SEEN]) for k, name in enumerate(columns)})


def _slope(x: NDArray, y: NDArray) -> float:
    """Of log y against log x; NaN where y is not positive."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0]) if (y > 0).all() else np.nan


def _of_activity(data: dict[str, xr.Dataset], inner: dict[str, float]) -> list[Claim]:
    sizes, alone = data["sizes"].sel(network="balanced"), data["sizes"].sel(network="shared inputs alone")
    n, last = sizes["n_units"].values, sizes.isel(n_units=-1)
    cv = float(last["cv"])
    falls, stays = (_slope(n, d["correlation"].values) for d in (sizes, alone))
    net = abs(float((last["excitation"] + last["inhibition"]) / last["excitation"]))
    grows = _slope(n, sizes["excitation"].values)
    largest = f"{int(n[-1])} units"
    return [
        Claim(f"CV of intervals, excitatory units, {largest}", cv, "near 1", f"doi:{_CHAOS}", 0.8 < cv < 1.2),
        Claim(
            f"mean pairwise correlation in {1e3 * 0.05:g} ms, {largest}", float(last["correlation"]), "near 0",
            f"doi:{_ASYNCHRONOUS}", abs(float(last["correlation"])) < 0.01,
        ),
        Claim(
            "slope of log correlation against log N", falls, "−1", f"doi:{_ASYNCHRONOUS}", abs(falls + 1) < 0.2
        ),
        Claim(
            "the same of units that share inputs and are not joined", stays, "0", f"doi:{_ASYNCHRONOUS}",
            abs(stays) < 0.2,
        ),
        Claim(
            f"their mean pairwise correlation, {largest}", float(alone["correlation"][-1]), "far above 0",
            f"doi:{_ASYNCHRONOUS}", float(alone["correlation"][-1]) > 10 * float(last["correlation"]),
        ),
        Claim("slope of log excitation against log N", grows, "1/2", f"doi:{_CHAOS}", abs(grows - 0.5) < 0.1),
        Claim(f"net input over excitation, {largest}", net, "near 0", f"doi:{_CHAOS}", net < 0.1),
        Claim(
            f"correlation of excitation between units, {2 * _N} units", inner["excitation"], "large",
            f"doi:{_ASYNCHRONOUS}", inner["excitation"] > 0.2,
        ),
        Claim(
            "correlation of net input between the same units", inner["net input"], "near 0", f"doi:{_ASYNCHRONOUS}",
            abs(inner["net input"]) < inner["excitation"] / 4,
        ),
    ]  # fmt: skip


def _of_rates(data: dict[str, xr.Dataset], lost: tuple[float, float]) -> list[Claim]:
    rates, units = data["rates"]["rate"], data["units"]
    spikes, theory = rates.sel(source="spikes"), rates.sel(source="mean field")
    external = rates["external"].values
    line = np.polyfit(external, spikes.values, 1)
    straight = min(np.corrcoef(external, column)[0, 1] ** 2 for column in spikes.values.T)
    off = np.abs(theory / spikes - 1).values
    slope = line[0] / balance_equation()
    match = float(np.corrcoef(units["spikes"], units["matched"])[0, 1])
    error = float(np.sqrt(((units["spikes"] - units["matched"]) ** 2).mean()) / units["spikes"].mean())
    seen, again, model, still = data["time"]["rate"].values
    repeat = float(np.corrcoef(seen, again)[0, 1])
    follows = explained(seen, model)
    return [
        Claim("rates against the inputs' rate: R² of a line, worse population", straight, "1", f"doi:{_CHAOS}",
              straight > 0.99),
        Claim("slope of E over that of the balance equation", slope[0], "1 for large N", f"doi:{_CHAOS}",
              abs(slope[0] - 1) < 0.15),
        Claim("slope of I over that of the balance equation", slope[1], "1 for large N", f"doi:{_CHAOS}",
              abs(slope[1] - 1) < 0.15),
        Claim("mean field: largest error of a population's rate, fraction, inputs of 10 to 40 spikes/s",
              float(off[1:].max()), "0", f"theory, doi:{_SPARSE}", float(off[1:].max()) < 0.1),
        Claim("the same, inputs of 5 spikes/s", float(off[0].max()), "0", f"theory, doi:{_SPARSE}",
              float(off[0].max()) < 0.1),
        Claim("rates of units, spikes and matched rate network: correlation", match, "1", f"theory, doi:{_SPARSE}",
              match > 0.9),
        Claim("the same: root mean square error over the mean rate", error, "0", f"theory, doi:{_SPARSE}",
              error < 0.2),
        Claim("rate over time, 10 ms: share of variance that comes again with the same inputs' rates", repeat,
              "the most that rates can explain", "calculated"),
        Claim("the same: explained by the rate network", follows, "as much", "calculated", follows > repeat - 0.1),
        Claim("the same: explained by stationary rates", explained(seen, still), "not published", "calculated"),
        Claim("synapses that act at once: rate over that of mean field", lost[0], "1 where asynchronous",
              f"theory, doi:{_SPARSE}"),
        Claim("synapses that act at once: mean pairwise correlation", lost[1], "synchrony is not in rates",
              "calculated"),
    ]  # fmt: skip


def _of_benefit(benefit: xr.Dataset) -> list[Claim]:
    claims = []
    for _, case in benefit.groupby("case"):
        case = case.squeeze("case")
        joined = "" if bool(case["recurrent"]) else ", not joined"
        said = f"benefit of recurrence, {int(case['n_seen'])} of {int(case['n_units'])} units seen{joined}"
        claims.append(Claim(said, float(case["benefit"]), "not published", "calculated"))
    worst = float(np.abs(benefit["shuffled"]).max())
    claims.append(Claim("the same, partners from other trials: farthest from 0", worst, "0", "theory", worst < 0.01))
    return claims


def _figure(data: dict[str, xr.Dataset]) -> tuple[Figure, str]:
    figure = Figure(figsize=(12.4, 6.6), layout="constrained")
    axes = figure.subplots(2, 3)
    spike_raster(data["spikes"], ax=axes[0, 0])
    cancelling_inputs(data["inputs"], ax=axes[0, 1])
    correlation_against_size(data["sizes"], ax=axes[0, 2])
    rates_against_inputs(data["rates"], ax=axes[1, 0])
    rates_unit_by_unit(data["units"], ax=axes[1, 1])
    rates_in_time(data["time"].isel(time=slice(0, 150)), ax=axes[1, 2])
    said = (
        "Balance makes irregular activity without correlations. Above: spikes of a hundred units, inhibitory ones on "
        "top; input to one unit; mean correlation of pairs against the number of units, dashed −1. Below: rates "
        "against those of the inputs, lines are mean field and dashed the balance equation; rates unit by unit, "
        "dashed equal; rate of the excitatory units while that of the inputs wanders."
    )
    return figure, said
