"""Associative memories: how much they hold, and where else they end."""

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.stats import norm

from neurorec.networks import DenseMemory, Hopfield, recall
from neurorec.plot import (
    capacity_against_size,
    energy_over_sweeps,
    overlap_against_load,
    overlap_by_rule,
    recall_from_cues,
    shares_of_ends,
)
from neurorec.report import Claim, Findings
from neurorec.study.classics.hopfield_measures import (
    errors_of_one_step,
    growth_of_capacity,
    measure_capacity,
    measure_cues,
    measure_cycles,
    measure_rules,
    measure_spurious,
    overlap_in_theory,
    random_patterns,
)

_HOPFIELD = "10.1073/pnas.79.8.2554"
_AMIT = "10.1103/PhysRevLett.55.1530"
_SPURIOUS = "10.1103/PhysRevA.32.1007"
_INVERSE = "10.1051/jphyslet:01985004608035900"
_CYCLES = "10.1016/0166-218X(85)90029-0"
_DENSE = "arXiv:1606.01164"
_EXPONENTIAL = "10.1007/s10955-017-1806-y"
_SIZES, _FULL_SIZES = (250, 500, 1000, 2000, 4000), (250, 500, 1000, 2000, 4000, 8000)
_EDGE = 0.13  # patterns per unit, just below the drop


def show_hopfield(
    *, full: bool = False, seed: int = 0, folder: Path | None = None, n_jobs: int | None = None, progress: bool = False
) -> Findings:
    """Show what Hopfield networks recall, how much they hold, and what denser memories hold beside them.

    Parameters
    ----------
    full : bool
        One size more, 8,000 units, in the capacity curve.
    seed : int
        Of the patterns, the cues and the orders of updates.
    folder, n_jobs
        Not needed: a minute.
    progress : bool
        Show bars.

    Returns
    -------
    Findings
    """
    streams = [np.random.default_rng([seed, k]) for k in range(7)]
    data = {
        "cues": measure_cues(streams[0]),
        "capacity": measure_capacity(_FULL_SIZES if full else _SIZES, streams[1], progress=progress),
        "rules": measure_rules(streams[2], progress=progress),
        "spurious": measure_spurious(streams[3]),
        "cycles": measure_cycles(streams[4]),
    }
    return Findings(
        "The Hopfield network",
        "How many patterns can a network of N units hold, and where does it end instead?",
        _HOPFIELD,
        [
            *_memory_claims(data["cues"], data["capacity"]),
            *_dense_claims(streams[5], streams[6]),
            *_other_claims(data["spurious"], data["cycles"]),
        ],
        {"memory": _memory_figure(data), "ends": _ends_figure(data)},
        data,
        settings={
            "units, capacity": ", ".join(map(str, data["capacity"]["units"].values)),
            "units, recall from cues": data["cues"].attrs["n_units"], "units, rules": data["rules"].attrs["n_units"],
            "units, spurious states": data["spurious"].attrs["n_units"],
            "units, cycles": data["cycles"].attrs["n_units"],
            "a pattern counts as recalled above an overlap of": 0.9,
        },
        notes=[
            "The capacity is the load at which half of the patterns are retrieved that are their own cues, extrapolated"
            " by a line in N to the power -1/2. That power is a choice that describes these sizes, not a theory.",
            "0.138 is the theory of replica symmetry. Its correction is 0.144 (doi:10.1209/0295-5075/2/4/012); the "
            "extrapolation cannot tell the two apart.",
            "Hopfield's units were 0 and 1, here they are -1 and 1, as in Amit, Gutfreund & Sompolinsky.",
            "Spurious states are counted where random states end, so in proportion to their basins. Ends other than "
            "mixtures of 3, 5 or 7 patterns with equal weights are not told apart.",
        ],
    )  # fmt: skip


def _memory_claims(cues: xr.Dataset, capacity: xr.Dataset) -> list[Claim]:
    theory, asked = f"theory, doi:{_AMIT}", overlap_in_theory(0.1)
    whole = float(cues["overlap"].sel(load=0.1).sel(wrong=0.2, method="nearest"))
    rise = float(np.nanmax(np.diff(cues["energy"].values, axis=1)))
    largest = capacity.isel(units=-1)
    edge, expected = float(largest["kept"].sel(load=_EDGE)), overlap_in_theory(_EDGE)
    last = float(np.interp(float(largest["half"]), capacity["load"].values, largest["kept"].values))
    size, limit = int(largest["units"]), float(capacity.attrs["limit"])
    what = "overlap after recall, a fifth of the cue wrong, 0.1 N patterns"
    rises = "largest rise of the energy per unit in a sweep, one by one"
    return [
        Claim(what, whole, f"{asked:.3f}", theory, abs(whole - asked) < 0.005),
        Claim(rises, rise, "at most 0", f"theory, doi:{_HOPFIELD}", rise <= 0),
        Claim("capacity, patterns per unit, N to infinity", limit, "0.138", theory, abs(limit - 0.138) < 0.01),
        Claim(
            f"overlap of retrieved patterns at 0.13 N, N = {size}", edge, f"{expected:.3f}", theory,
            abs(edge - expected) < 0.005,
        ),
        Claim(
            f"the same where half are retrieved, N = {size}", last, "0.967 at capacity", theory,
            abs(last - 0.967) < 0.01,
        ),
    ]  # fmt: skip


def _dense_claims(rng: np.random.Generator, other: np.random.Generator) -> list[Claim]:
    claims = []
    for degree, n_units, n_patterns, spread in ((2, 1000, 138, 1), (3, 200, 2000, 3)):
        found = np.mean([errors_of_one_step(degree, n_units, n_patterns, rng) for _ in range(3)])
        theory = norm.cdf(-np.sqrt(n_units ** (degree - 1) / (spread * n_patterns)))
        what = f"degree {degree}: units that turn in one step, {n_patterns} patterns, N = {n_units}"
        agrees = bool(abs(found / theory - 1) < 0.2)
        claims.append(Claim(what, float(found), f"{theory:.3g}", f"theory, {_DENSE}", agrees))
    for degree in (2, 3):
        power = growth_of_capacity(degree, other)
        what = f"degree {degree}: exponent of the number of patterns (1 % of units turn) against N"
        claims.append(Claim(what, power, f"{degree - 1}", f"theory, {_DENSE}", abs(power - degree + 1) < 0.1))
    n_units = 60
    patterns = random_patterns(n_units - 1, n_units, rng)
    held = recall(Hopfield.stored(patterns, rule="pseudo_inverse"), patterns, rng=rng).n_sweeps == 0
    what = f"pseudo-inverse: share of {n_units - 1} patterns that are fixed, N = {n_units}"
    claims.append(Claim(what, float(held.mean()), "1", f"theory, doi:{_INVERSE}", bool(held.all())))
    n_units = 32
    many = random_patterns(int(np.exp(0.3 * n_units)), n_units, rng)
    stays = recall(DenseMemory.stored(many, interaction="exponential"), many[:500], rng=rng).n_sweeps == 0
    what = f"exponential: share of exp(0.3 N) = {len(many)} patterns that are fixed, N = {n_units}"
    share = float(stays.mean())
    return [*claims, Claim(what, share, "1 for large N", f"theory, doi:{_EXPONENTIAL}", share > 0.95)]


def _other_claims(spurious: xr.Dataset, cycles: xr.Dataset) -> list[Claim]:
    overlap, energy = spurious.attrs["mixture_overlap"], spurious.attrs["mixture_energy"]
    wrong = 1 - float(spurious["share"].sel(patterns=20, kind="a pattern"))
    neither = float(cycles["share"].sel(end="neither").max())
    alone = float(cycles["share"].sel(update="one by one", end="cycle of two").max())
    pairs = float(cycles["share"].sel(update="all at once", end="cycle of two", load=0.1))
    mixed, settled = f"theory, doi:{_SPURIOUS}", f"theory, doi:{_CYCLES}"
    ends = f"share of random starts that end in a spurious state, 20 patterns, N = {spurious.attrs['n_units']}"
    return [
        Claim("mixtures of 3: overlap with each of their patterns", overlap, "0.5", mixed, abs(overlap - 0.5) < 0.02),
        Claim("... their energy over that of a pattern", energy, "0.75", mixed, abs(energy - 0.75) < 0.03),
        Claim(ends, wrong, "not given", "counted"),
        Claim(
            "share that ends neither in a fixed point nor in a cycle of two", neither, "0", settled, neither == 0,
        ),
        Claim("share that ends in a cycle of two, one by one", alone, "0", f"theory, doi:{_HOPFIELD}", alone == 0),
        Claim("the same all at once, 0.1 N patterns", pairs, "above 0", settled, pairs > 0),
    ]  # fmt: skip


def _memory_figure(data: dict[str, xr.Dataset]) -> tuple[Figure, str]:
    figure = Figure(figsize=(12.4, 7.2), layout="constrained")
    axes = figure.subplots(2, 3)
    recall_from_cues(data["cues"], ax=axes[0, 0])
    energy_over_sweeps(data["cues"], ax=axes[0, 1])
    overlap_against_load(data["capacity"], ax=axes[0, 2])
    capacity_against_size(data["capacity"], ax=axes[1, 0])
    overlap_by_rule(data["rules"], ax=axes[1, 1])
    shares_of_ends(data["spurious"], by="patterns", kind="kind", ax=axes[1, 2])
    size = {name: kept.attrs["n_units"] for name, kept in data.items() if "n_units" in kept.attrs}
    said = (
        "A Hopfield network completes cues, up to a number of patterns. Top: overlap after recall against the fraction "
        f"of the cue that is wrong ({size['cues']} units); energies of 40 cues of which 30 % is wrong, 0.1 N patterns; "
        "overlap of patterns that are their own cues, by load. Bottom: load at which half of them are retrieved, by "
        f"size; other memories beside it ({size['rules']} units, a tenth of the cue wrong); where random states end, "
        f"by the number of patterns ({size['spurious']} units)."
    )
    return figure, said


def _ends_figure(data: dict[str, xr.Dataset]) -> tuple[Figure, str]:
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    for ax, update in zip(figure.subplots(1, 2, sharey=True), data["cycles"]["update"].values, strict=True):
        shares_of_ends(data["cycles"].sel(update=update), by="load", kind="end", ax=ax)
        ax.set_title(str(update), fontsize=9, y=1.16)
    said = (
        "Units that all change at once can go to and fro. Where random states end, by the number of patterns per unit: "
        "left all units at once, right one after the other."
    )
    return figure, said
