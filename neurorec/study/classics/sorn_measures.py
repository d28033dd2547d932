"""What is measured of self-organizing recurrent networks: counting, what each plasticity does, avalanches."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from tqdm import tqdm

from neurorec.networks import SORN
from neurorec.tasks import Counting
from neurorec.timescales import AvalancheFit, fit_avalanches
from neurorec.training import FROZEN, Plasticity, adapt, teach_readout

STEPS = 5000  # with plasticity, for the readout, and for the test, each
NOISE = 0.05**0.5  # Del Papa, Priesemann & Triesch 2017, as is what follows
_SPONTANEOUS = Plasticity(inhibitory=0.001, new_synapses=0.1)
_AS_WRITTEN = {"threshold": 0.5, "inhibitory_threshold": 0.35, "fast_inhibition": False}  # Lazar, Pipa & Triesch 2009
RULES: dict[str, tuple[Plasticity | None, dict]] = {
    "SORN": (Plasticity(), {}),
    "static": (None, {}),
    "without STDP": (Plasticity(stdp=0.0), {}),
    "without normalisation": (Plasticity(normalise=False), {}),
    "without intrinsic plasticity": (Plasticity(intrinsic=0.0), {}),
    "first paper's equations": (Plasticity(stdp=0.001, intrinsic=0.001), _AS_WRITTEN),
}


def letters(n_repeats: int, n_steps: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A stream of words of the counting task ``(time, letter)``."""
    task = Counting(n_repeats=n_repeats, n_words=n_steps // (n_repeats + 2) + 1)
    return task.sample(1, rng=rng)["inputs"].values[0][:n_steps].astype(float)


def count_letters(rule: str, n_repeats: int, seed: Sequence[int], *, steps: int = STEPS) -> float:
    """Fraction of letters that one network predicts, of the best that can be had on average.

    The network is the same, and sees the same letters, whatever the rule.
    """
    rng = np.random.default_rng([*seed, n_repeats])
    plasticity, options = RULES[rule]
    network = SORN.random(6, rng=rng, **options)
    stream = letters(n_repeats, 3 * steps, rng)
    state = None
    if plasticity is not None:
        grown = adapt(network, stream[:steps], plasticity=plasticity, keep=False, rng=rng)
        network, state = grown.network, grown.state
    after = stream[steps:]
    found = adapt(network, after, plasticity=FROZEN, state=state, rng=rng)
    network = teach_readout(network, found.expected[:steps], after[:steps])
    said = found.expected[steps:] @ np.asarray(network.output).T + np.asarray(network.output_bias)
    right = (said.argmax(axis=1) == after[steps:].argmax(axis=1)).mean()
    return float(right) / Counting(n_repeats=n_repeats).best


def measure_counting(
    rules: Sequence[str], repeats: Sequence[int], seed: int, *, n_seeds: int = 10, progress: bool
) -> xr.Dataset:
    """Fraction of the best accuracy ``(rule, repeats, network)``."""
    found = np.empty((len(rules), len(repeats), n_seeds))
    jobs = [(i, k, s) for i in range(len(rules)) for k in range(len(repeats)) for s in range(n_seeds)]
    for i, k, s in tqdm(jobs, disable=None if progress else True, desc="counting", unit="network"):
        found[i, k, s] = count_letters(rules[i], repeats[k], (seed, s))
    best = np.array([Counting(n_repeats=n).best for n in repeats])
    without = 1 - 1.5 / (np.array(repeats) + 2)  # who sees letters but does not count misses a word's end as well
    return xr.Dataset(
        {"performance": (("rule", "repeats", "network"), found), "without_counting": ("repeats", without / best)},
        coords={"rule": list(rules), "repeats": list(repeats)},
    )


def measure_runaway(seed: int, *, n_seeds: int = 5, steps: int = 20_000, shown: int = 60) -> xr.Dataset:
    """Letters A, B, C over and over, with synapses that add up to one and with synapses that need not.

    ``incoming`` and ``peak (rule, network)``: mean sum of a unit's excitatory synapses, and the largest share of units
    active at once, at the end; ``active (rule, time)``: the share of units, of one network.
    """
    stream = np.eye(3)[np.arange(steps) % 3]
    rules = {"with normalisation": Plasticity(), "without normalisation": Plasticity(normalise=False)}
    incoming, peak, swing = (np.empty((2, n_seeds)) for _ in range(3))
    active = np.empty((2, shown))
    for i, plasticity in enumerate(rules.values()):
        for s in range(n_seeds):
            rng = np.random.default_rng([seed, s])
            network = SORN.random(3, rng=rng)
            found = adapt(network, stream, plasticity=plasticity, keep=False, rng=rng)
            last = found.count[-2000:] / network.n_units
            incoming[i, s] = np.asarray(found.network.excitatory).sum(axis=1).mean()
            peak[i, s], swing[i, s] = last.max(), last.std() / last.mean()
            if s == 0:
                active[i] = last[-shown:]
    over = ("rule", "network")
    return xr.Dataset(
        {
            "incoming": (over, incoming), "peak": (over, peak), "swing": (over, swing),
            "active": (("rule", "time"), active),
        },
        coords={"rule": list(rules), "time": ("time", np.arange(shown), {"units": "steps"})},
    )  # fmt: skip


def measure_avalanches(
    rng: np.random.Generator, *, transient: int, steps: int, progress: bool
) -> tuple[AvalancheFit, xr.Dataset]:
    """Avalanches of a network that sees noise alone: activity above half of its mean, after a transient."""
    network = SORN.random(1, n_synapses=20, inhibitory_density=0.2, rng=rng)
    nothing = np.zeros((transient + steps, 1))
    found = adapt(network, nothing, plasticity=_SPONTANEOUS, noise=NOISE, keep=False, rng=rng, progress=progress)
    count = found.count[transient:].astype(float)
    level = float(np.floor(count.mean() / 2))
    fit = fit_avalanches(count, threshold=level, smallest_size=10, smallest_duration=6, rng=rng)
    density = {}
    for name, values in (("size", fit.avalanches.size), ("duration", fit.avalanches.duration)):
        edges = np.unique(np.rint(np.geomspace(1, values.max() + 1, 40)))
        density[f"{name}_density"] = (f"{name}_bin", np.histogram(values, edges)[0] / np.diff(edges) / len(values))
        density[name] = (f"{name}_bin", np.sqrt(edges[:-1] * (edges[1:] - 1)))
    data = xr.Dataset(
        {**density, "synapses": ("chunk", found.synapses)},
        attrs={
            "threshold": level, "n_avalanches": len(fit.avalanches.size), "size_exponent": fit.size.truncated_exponent,
            "duration_exponent": fit.duration.truncated_exponent, "size_cutoff": fit.size.truncated_cutoff,
            "duration_cutoff": fit.duration.truncated_cutoff, "relation": fit.crackling.measured,
        },
    )  # fmt: skip
    return fit, data
