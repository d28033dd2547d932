"""What is measured of associative memories: recall, capacity, spurious states, cycles."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import erf
from scipy.stats import norm
from tqdm import tqdm

from neurorec.networks import DenseMemory, Hopfield, recall

RECALLED = 0.9  # overlap above which a pattern counts as recalled: below the drop hardly any is near it
_SAME = 0.95  # overlap above which a state is a pattern, or a mixture of some
_MOST_CUES = 50


def random_patterns(n_patterns: int, n_units: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Patterns ``(pattern, unit)`` of -1 and 1, as likely the one as the other."""
    return rng.choice([-1.0, 1.0], (n_patterns, n_units))


def spoiled(patterns: NDArray[np.float64], wrong: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Patterns of which a fraction of the units is wrong."""
    n_units = patterns.shape[1]
    turned = np.argsort(rng.random(patterns.shape), axis=1) < round(wrong * n_units)
    return np.where(turned, -patterns, patterns)


def after_recall(
    memory: Hopfield | DenseMemory, patterns: NDArray[np.float64], wrong: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Overlaps of what is recalled with what was meant, for the first patterns ``(pattern,)``."""
    few = patterns[:_MOST_CUES]
    found = recall(memory, spoiled(few, wrong, rng), rng=rng)
    return (found.state * few).mean(axis=1)


def measure_cues(rng: np.random.Generator, *, n_units: int = 1000) -> xr.Dataset:
    """Overlap after recall ``(load, wrong)``, by the fraction of the cue's units that are wrong; and energies."""
    loads, wrongs = (0.01, 0.05, 0.1, 0.13), np.linspace(0, 0.5, 11)
    overlap = np.empty((len(loads), wrongs.size))
    for i, load in enumerate(loads):
        patterns = random_patterns(max(round(load * n_units), _MOST_CUES // 5), n_units, rng)
        memory = Hopfield.stored(patterns)
        overlap[i] = [after_recall(memory, patterns, float(wrong), rng).mean() for wrong in wrongs]
    patterns = random_patterns(round(0.1 * n_units), n_units, rng)
    path = recall(Hopfield.stored(patterns), spoiled(patterns, 0.3, rng), rng=rng).energy / n_units
    return xr.Dataset(
        {
            "overlap": (("load", "wrong"), overlap),
            "energy": (("cue", "sweep"), path, {"units": "per unit"}),
        },
        coords={"load": list(loads), "wrong": wrongs, "sweep": np.arange(path.shape[1])},
        attrs={"n_units": n_units},
    )


def measure_capacity(
    sizes: Sequence[int], rng: np.random.Generator, *, total: int = 16_000, progress: bool
) -> xr.Dataset:
    """How patterns fare that are their own cues, ``(units, load)``: overlap, and that of those that are recalled.

    Networks of each size are drawn until they have `total` units together.
    """
    loads = np.array([0.05, 0.1, 0.12, 0.13, 0.138, 0.145, 0.15, 0.155, 0.16, 0.17, 0.18, 0.2])
    overlap, kept, share = (np.full((len(sizes), loads.size), np.nan) for _ in range(3))
    jobs = [(i, k) for i in range(len(sizes)) for k in range(loads.size)]
    for i, k in tqdm(jobs, disable=None if progress else True, desc="capacity", unit="load"):
        n_units, found = sizes[i], []
        for _ in range(max(4, total // n_units)):
            patterns = random_patterns(round(loads[k] * n_units), n_units, rng)
            found.append(after_recall(Hopfield.stored(patterns), patterns, 0.0, rng))
        found = np.concatenate(found)
        overlap[i, k], share[i, k] = found.mean(), (found > RECALLED).mean()
        kept[i, k] = found[found > RECALLED].mean() if (found > RECALLED).sum() > 4 else np.nan
    over = ("units", "load")
    half = np.array([_crossing(loads, row, 0.5) for row in share])
    limit = float(np.polynomial.Polynomial.fit(np.asarray(sizes) ** -0.5, half, 1)(0.0))
    fine = np.linspace(0.02, 0.2, 181)
    return xr.Dataset(
        {
            "overlap": (over, overlap), "kept": (over, kept), "share": (over, share), "half": ("units", half),
            "theory": ("any_load", [overlap_in_theory(float(load)) for load in fine]),
        },
        coords={"units": list(sizes), "load": loads, "any_load": fine},
        attrs={"limit": limit},
    )  # fmt: skip


def overlap_in_theory(load: float) -> float:
    """Overlap of the retrieved state in large networks without noise; NaN where there is none.

    The largest solution of ``erf(y) = y (sqrt(2 load) + 2 / sqrt(pi) exp(-y^2))`` (Amit, Gutfreund & Sompolinsky
    1985, doi:10.1103/PhysRevLett.55.1530).

    Examples
    --------
    >>> round(overlap_in_theory(0.1379), 3), overlap_in_theory(0.139)
    (0.968, nan)
    """

    def gap(y: float) -> float:
        return erf(y) - y * (np.sqrt(2 * load) + 2 / np.sqrt(np.pi) * np.exp(-(y**2)))

    y = np.linspace(0.3, 12, 4000)
    above = np.flatnonzero(np.array([gap(one) for one in y]) > 0)
    return float(erf(brentq(gap, y[above[-1]], 12.0))) if above.size else float("nan")


def _crossing(loads: NDArray[np.float64], share: NDArray[np.float64], level: float) -> float:
    """The load at which a falling share passes a level."""
    below = int(np.argmax(share < level))
    if below == 0:
        return float("nan")
    low, high = share[below], share[below - 1]
    return float(loads[below] - (level - low) / (high - low) * (loads[below] - loads[below - 1]))


RULES = {
    "Hebbian": lambda patterns: Hopfield.stored(patterns),
    "pseudo-inverse": lambda patterns: Hopfield.stored(patterns, rule="pseudo_inverse"),
    "degree 3": lambda patterns: DenseMemory.stored(patterns, degree=3),
    "degree 4": lambda patterns: DenseMemory.stored(patterns, degree=4),
    "exponential": lambda patterns: DenseMemory.stored(patterns, interaction="exponential"),
}


def measure_rules(rng: np.random.Generator, *, n_units: int = 100, most: float = 100.0, progress: bool) -> xr.Dataset:
    """Overlap after recall from cues a tenth of which is wrong, ``(rule, load)``."""
    loads = np.geomspace(0.05, most, 18)
    overlap = np.full((len(RULES), loads.size), np.nan)
    for k in tqdm(range(loads.size), disable=None if progress else True, desc="rules", unit="load"):
        n_patterns = max(2, round(loads[k] * n_units))
        found: list[list[NDArray]] = [[] for _ in RULES]
        for _ in range(5 if n_patterns < 50 else 1):
            patterns = random_patterns(n_patterns, n_units, rng)
            for row, (name, store) in zip(found, RULES.items(), strict=True):
                last = {"Hebbian": 2.0, "pseudo-inverse": 0.95}.get(name, np.inf)  # beyond it nothing is recalled
                if loads[k] <= last:
                    row.append(after_recall(store(patterns), patterns, 0.1, rng))
        overlap[:, k] = [np.concatenate(row).mean() if row else np.nan for row in found]
    return xr.Dataset(
        {"overlap": (("rule", "load"), overlap)},
        coords={"rule": list(RULES), "load": loads},
        attrs={"n_units": n_units},
    )


def errors_of_one_step(degree: int, n_units: int, n_patterns: int, rng: np.random.Generator) -> float:
    """Fraction of units that turn, all at once, in states that are patterns (at most 400 of them)."""
    patterns = random_patterns(n_patterns, n_units, rng)
    memory = DenseMemory.stored(patterns, degree=degree, update="synchronous")
    some = patterns[:400]
    return float((recall(memory, some, max_sweeps=1, rng=rng).state != some).mean())


def growth_of_capacity(degree: int, rng: np.random.Generator) -> float:
    """Exponent of the number of patterns at which one unit in a hundred turns in a step, against that of units."""
    sizes, load, repeats = {2: ((100, 200, 400), 0.185, 20), 3: ((40, 80, 160), 0.0616, 3)}[degree]
    loads, most = load * np.linspace(0.7, 1.4, 8), []
    for n_units in sizes:
        n_patterns = np.rint(loads * n_units ** (degree - 1)).astype(int)
        errors = [np.mean([errors_of_one_step(degree, n_units, n, rng) for _ in range(repeats)]) for n in n_patterns]
        line = np.polyfit(norm.ppf(errors), n_patterns**-0.5, 1)  # errors are Phi(-c / sqrt(patterns)), near enough
        most.append(np.polyval(line, norm.ppf(0.01)) ** -2)
    return float(np.polyfit(np.log(sizes), np.log(most), 1)[0])


def measure_spurious(rng: np.random.Generator, *, n_units: int = 500, n_networks: int = 8) -> xr.Dataset:
    """Where 100 random states end in each network ``(patterns, kind)``, in fractions, and how many ends there are."""
    counts, kinds = (3, 5, 10, 20, 40), ("a pattern", "mixture of 3", "mixture of 5", "mixture of 7", "other")
    share, different = np.zeros((len(counts), len(kinds))), np.zeros(len(counts))
    overlap, energy = [], []
    for i, n_patterns in enumerate(counts):
        for _ in range(n_networks):
            patterns = random_patterns(n_patterns, n_units, rng)
            memory = Hopfield.stored(patterns)
            found = recall(memory, random_patterns(100, n_units, rng), rng=rng)
            kind = np.array([_kind(state, patterns) for state in found.state])
            share[i] += [(kind == k).mean() / n_networks for k in range(len(kinds))]
            turned = found.state * found.state[:, :1]  # a state and its negative are one
            different[i] += len(np.unique(turned, axis=0)) / n_networks
            mixed = kind == 1
            if mixed.any() and n_patterns <= 10:
                lowest = recall(memory, patterns, rng=rng).energy[:, 0].mean()
                energy.extend(np.nanmin(found.energy[mixed], axis=1) / lowest)
                overlap.extend(np.sort(np.abs(found.overlap[mixed]), axis=1)[:, -3:].mean(axis=1))
    return xr.Dataset(
        {"share": (("patterns", "kind"), share), "different": ("patterns", different)},
        coords={"patterns": list(counts), "kind": list(kinds)},
        attrs={
            "n_units": n_units, "n_networks": n_networks, "mixture_overlap": float(np.mean(overlap)),
            "mixture_energy": float(np.mean(energy)),
        },
    )  # fmt: skip


def _kind(state: NDArray, patterns: NDArray) -> int:
    """0: a pattern or its negative; 1, 2, 3: the sign of a sum of 3, 5, 7 of them; 4: something else."""
    overlap = patterns @ state / state.size
    order = np.argsort(-np.abs(overlap))
    for kind, n in enumerate((1, 3, 5, 7)):
        if n <= len(patterns):
            chosen = order[:n]
            mixture = np.sign(np.sign(overlap[chosen]) @ patterns[chosen])
            if mixture @ state / state.size > _SAME:
                return kind
    return 4


def measure_cycles(rng: np.random.Generator, *, n_units: int = 200, n_starts: int = 400) -> xr.Dataset:
    """Periods that random states come to, all units at once and one after the other, by load: fractions."""
    loads = (0.02, 0.05, 0.1, 0.2, 0.5)
    ends = np.zeros((2, len(loads), 3))
    for k, load in enumerate(loads):
        memory = Hopfield.stored(random_patterns(round(load * n_units), n_units, rng))
        starts = random_patterns(n_starts, n_units, rng)
        for i, update in enumerate(("synchronous", "asynchronous")):
            period = recall(replace(memory, update=update), starts, max_sweeps=2000, rng=rng).period
            ends[i, k] = [(period == p).mean() for p in (1, 2, 0)]
    return xr.Dataset(
        {"share": (("update", "load", "end"), ends)},
        coords={
            "update": ["all at once", "one by one"], "load": list(loads),
            "end": ["fixed point", "cycle of two", "neither"],
        },
        attrs={"n_units": n_units, "n_starts": n_starts},
    )  # fmt: skip
