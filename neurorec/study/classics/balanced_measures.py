"""What is measured in balanced spiking networks: irregularity, correlations, balance, and rates against theory."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.networks import LIFNetwork, LIFRun, MatchedRates, Population, count_spikes, poisson_inputs, run, run_lif

PROBABILITY = 0.2  # of each pair, as Renart et al. 2010
STRENGTH = 14.0  # mV; J = STRENGTH / sqrt(K)
INHIBITION = {("I", "E"): 2.0, ("I", "I"): 1.6}  # in units of J
EXTERNAL = {("X", "E"): 1.0, ("X", "I"): 0.6}
WINDOW = 0.05  # s, in which spikes are counted for correlations
WARM_UP = 0.3  # s


class Measured(NamedTuple):
    """What a run of a balanced network showed.

    Attributes
    ----------
    rate : ndarray (unit,)
        Spikes/s.
    cv : ndarray (unit,)
        Standard deviation over mean of the intervals between spikes; NaN for units of fewer than ten spikes.
    correlation : float
        Mean over all pairs of the correlation of their spike counts in windows of `WINDOW`.
    excitation, inhibition : float
        Mean input to a unit, mV: the voltage that it alone would lead to.
    fano : float
        Variance over mean of the spikes of all units in 2 ms; 1 if they were independent Poisson.
    """

    rate: NDArray[np.float64]
    cv: NDArray[np.float64]
    correlation: float
    excitation: float
    inhibition: float
    fano: float


def balanced_network(
    n: int,
    *,
    recurrent: bool = True,
    delay: float = 2e-4,
    tau_synapse: tuple[float, float] = (3e-3, 1e-3),
    rng: np.random.Generator,
) -> LIFNetwork:
    """A balanced network of n excitatory, n inhibitory units and n inputs; J is a constant over sqrt(K), K = p n.

    Without recurrence, inputs take the place of the units: as many, through the same synapses.
    """
    j = STRENGTH / np.sqrt(PROBABILITY * n)
    pairs = {("E", "E"): j, ("E", "I"): j} | {pair: -g * j for pair, g in INHIBITION.items()}
    inputs = {"X": n}
    if not recurrent:
        pairs = {(f"{source} outside", target): J for (source, target), J in pairs.items()}
        inputs |= {"E outside": n, "I outside": n}
    pairs |= {pair: g * j for pair, g in EXTERNAL.items()}
    units = (Population("E", n), Population("I", n))
    return LIFNetwork.random(
        units, pairs, probability=PROBABILITY, inputs=inputs, delay=delay, tau_synapse=tau_synapse, rng=rng
    )


def balance_equation() -> NDArray[np.float64]:
    """Rates of E and I over that of the inputs, where all inputs cancel: ``J (r_E, r_I) + J_X r_X = 0``, N large."""
    weights = np.array([[1.0, -INHIBITION["I", "E"]], [1.0, -INHIBITION["I", "I"]]])
    external = np.array([EXTERNAL["X", "E"], EXTERNAL["X", "I"]])
    return np.asarray(-np.linalg.solve(weights, external), dtype=np.float64)


def run_balanced(
    network: LIFNetwork, rate: float | NDArray, seconds: float, *, n_watched: int = 20, rng: np.random.Generator
) -> LIFRun:
    """Run one under Poisson inputs of a rate, or of a rate each, for some time after the warm-up."""
    n_bins = round((seconds + WARM_UP) / 0.01)
    rates = np.full(n_bins, rate) if np.ndim(rate) == 0 else np.broadcast_to(rate, (n_bins, network.n_inputs))
    inputs = poisson_inputs(rates, network.n_inputs, dt=network.dt, bin_width=0.01, rng=rng)
    watch = np.linspace(0, network.populations[0].n_units - 1, n_watched).astype(int)
    return run_lif(network, duration=n_bins * 0.01, inputs=inputs, watch=watch.tolist(), rng=rng)


def measure(network: LIFNetwork, done: LIFRun) -> Measured:
    """What a run showed after its warm-up."""
    skip, dt, n = round(WARM_UP / network.dt), network.dt, network.n_units
    late = done.step >= skip
    step, unit = done.step[late], done.unit[late]
    seconds = (done.n_steps - skip) * dt
    counts = count_spikes(done, n, per_bin=round(WINDOW / dt))[round(WARM_UP / WINDOW) :]
    fast = count_spikes(done, n, per_bin=round(0.002 / dt))[round(WARM_UP / 0.002) :].sum(axis=1)
    tau = network.populations[0].tau
    return Measured(
        np.bincount(unit, minlength=n) / seconds,
        intervals_cv(step, unit, n),
        mean_correlation(counts),
        float(done.excitation[skip:].mean() / dt * tau),
        float(done.inhibition[skip:].mean() / dt * tau),
        float(fast.var() / fast.mean()) if fast.any() else np.nan,
    )


def intervals_cv(step: NDArray, unit: NDArray, n_units: int, *, least: int = 10) -> NDArray[np.float64]:
    """Standard deviation over mean of the intervals of each unit ``(unit,)``; NaN with fewer spikes than `least`."""
    order = np.lexsort((step, unit))
    same = np.diff(unit[order]) == 0
    interval, whose = np.diff(step[order])[same].astype(float), unit[order][1:][same]
    n, total, squares = (
        np.bincount(whose, weights=interval**k if k else None, minlength=n_units).astype(float) for k in range(3)
    )
    known = n + 1 >= least
    mean = np.divide(total, n, out=np.full(n_units, np.nan), where=known)
    return np.sqrt(np.maximum(np.divide(squares, n, out=np.full(n_units, np.nan), where=known) - mean**2, 0)) / mean


def mean_correlation(counts: NDArray) -> float:
    """Mean correlation over all pairs, of counts ``(window, unit)``, from the variance of the sum of z scores."""
    spread = counts.std(axis=0)
    z = ((counts - counts.mean(axis=0)) / np.where(spread > 0, spread, 1))[:, spread > 0]
    n = z.shape[1]
    return float(((z.sum(axis=1) ** 2).mean() - n) / (n * (n - 1))) if n > 1 else np.nan


def input_correlations(done: LIFRun, dt: float, *, width: float = 0.02) -> dict[str, float]:
    """Mean correlation between different units of what reaches them: excitation, inhibition, both together."""
    per, skip = round(width / dt), round(WARM_UP / dt)
    parts = {"excitation": done.excitation[skip:], "inhibition": done.inhibition[skip:]}
    parts["net input"] = parts["excitation"] + parts["inhibition"]
    found = {}
    for name, values in parts.items():
        n = len(values) // per
        binned = values[: n * per].reshape(n, per, -1).sum(axis=1)
        matrix = np.corrcoef(binned.T)
        found[name] = float(matrix[np.triu_indices(len(matrix), 1)].mean())
    return found


def rates_over_time(
    network: LIFNetwork, *, seconds: float, rng: np.random.Generator, mean: float = 20.0, width: float = 0.01
) -> xr.Dataset:
    """Rates of E under inputs whose rate wanders (time constant 50 ms): in spikes, twice, and in the rate network."""
    n_bins = round((seconds + WARM_UP) / width)
    share, x, wander = np.exp(-width / 0.05), 0.0, np.empty(n_bins)
    for k in range(n_bins):
        x = share * x + np.sqrt(1 - share**2) * rng.standard_normal()
        wander[k] = x
    rate = mean * np.clip(1 + 0.3 * wander, 0.2, None)
    n, per = network.populations[0].n_units, round(width / network.dt)
    spikes = []
    for _ in range(2):  # the same rates, other spikes
        inputs = poisson_inputs(rate, network.n_inputs, dt=network.dt, bin_width=width, rng=rng)
        done = run_lif(network, duration=n_bins * width, inputs=inputs, rng=rng)
        spikes.append(count_spikes(done, network.n_units, per_bin=per)[:, :n].mean(axis=1) / width)
    matched = MatchedRates.of(network, by_population=True, dt=network.dt)
    start = matched.settle([rate[0]]).rate
    states = run(matched, np.repeat(rate, per)[:, None].astype(np.float32), state=start.astype(np.float32))
    modelled = np.asarray(states, dtype=float)[:, 0].reshape(n_bins, per).mean(axis=1)
    still = np.array([matched.settle([r], start=start).rate[0] for r in rate])
    kept = slice(round(WARM_UP / width), None)
    values = {"spikes": spikes[0], "spikes again": spikes[1], "rate network": modelled, "stationary": still}
    return xr.Dataset(
        {"rate": (("model", "time"), np.stack([v[kept] for v in values.values()]), {"units": "spikes/s"})},
        coords={"model": list(values), "time": ("time", np.arange(n_bins)[kept] * width - WARM_UP, {"units": "s"})},
    ).assign(external=("time", rate[kept], {"units": "spikes/s"}))


def explained(seen: NDArray, modelled: NDArray) -> float:
    """Share of the variance of what is seen that a model explains, without fitting anything."""
    return float(1 - ((seen - modelled) ** 2).mean() / seen.var())
