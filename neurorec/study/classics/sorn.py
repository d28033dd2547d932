"""The self-organizing recurrent network: what its plasticity buys, and what each part of it is for."""

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.stats import wilcoxon

from neurorec.plot import density_of_avalanches, performance_against_length, performance_by_rule, runaway
from neurorec.report import Claim, Findings
from neurorec.study.classics.sorn_measures import measure_avalanches, measure_counting, measure_runaway
from neurorec.timescales import AvalancheFit

_LAZAR = "10.3389/neuro.10.023.2009"
_AVALANCHES = "10.1371/journal.pone.0178683"
_REPEATS = (2, 4, 8, 12, 16, 20)
_REMOVED = (8, 16)
_N_SEEDS = 10
_TRANSIENT, _STEPS = 600_000, 400_000
_FULL_TRANSIENT, _FULL_STEPS = 2_000_000, 3_000_000
_PARTS = ("without STDP", "without normalisation", "without intrinsic plasticity", "first paper's equations")


def show_sorn(
    *, full: bool = False, seed: int = 0, folder: Path | None = None, n_jobs: int | None = None, progress: bool = False
) -> Findings:
    """Show what self-organization does for counting, and what happens without each of its parts.

    Parameters
    ----------
    full : bool
        Avalanches of 3 million steps after 2 million, as published, rather than of 400,000 after 600,000.
    seed : int
        Of the networks, the words and the noise.
    folder, n_jobs
        Not needed: minutes.
    progress : bool
        Show bars.

    Returns
    -------
    Findings
    """
    counting = measure_counting(("SORN", "static"), _REPEATS, seed, n_seeds=_N_SEEDS, progress=progress)
    parts = measure_counting(_PARTS, _REMOVED, seed, n_seeds=_N_SEEDS, progress=progress)
    parts = xr.concat([counting.sel(repeats=list(_REMOVED)), parts], "rule", join="outer", data_vars="minimal")
    away = measure_runaway(seed)
    transient, steps = (_FULL_TRANSIENT, _FULL_STEPS) if full else (_TRANSIENT, _STEPS)
    rng = np.random.default_rng([seed, 1])
    fit, avalanches = measure_avalanches(rng, transient=transient, steps=steps, progress=progress)
    data = {"counting": counting, "parts": parts, "runaway": away, "avalanches": avalanches}
    return Findings(
        "The self-organizing recurrent network",
        "What do three kinds of plasticity together do for a reservoir, and what without one of them?",
        _LAZAR,
        [*_counting_claims(counting), *_part_claims(parts, away), *_avalanche_claims(fit)],
        {"sorn": _figure(data)},
        data,
        settings={
            "units": "200 excitatory, 40 inhibitory", "units per letter": 10, "synapses a unit": 10,
            "steps with plasticity, for the readout, for the test": 5000, "networks": counting.sizes["network"],
            "STDP, intrinsic plasticity (per step)": "0.004, 0.01", "target rate": 0.1,
            "thresholds up to": "1 and 0.5", "avalanches: steps, after": f"{steps}, {transient}",
        },
        notes=[
            "Rates of plasticity, thresholds and the inhibition that sees the present step are those of the programs"
            " of later papers. The first paper's equations and constants stand beside, after as many steps.",
            "Performance is a fraction of the best accuracy that can be had on average, 1 - 0.5 / (n + 2): guesses of "
            "the words' first letters can be lucky, and bring it above 1.",
            "A static network that does not count at all predicts most letters of long words: the grey line.",
            "Spontaneous avalanches are those of one network. A truncated power law contains the exponential, so that "
            "it must win; with an exponent below 1 it is as much cutoff as power law. The relation of exponents is "
            "tested on power laws without a cutoff. None of this would prove criticality: noise and a threshold can do "
            "the same.",
        ],
    )  # fmt: skip


def _counting_claims(counting: xr.Dataset) -> list[Claim]:
    performance = counting["performance"]
    own, static = performance.sel(rule="SORN"), performance.sel(rule="static")
    source = f"doi:{_LAZAR}"
    claims = []
    for n in (4, 8):
        mean = float(own.sel(repeats=n).mean())
        what = f"n = {n}: letters predicted by the SORN, of the best"
        claims.append(Claim(what, mean, "near 1", source, mean > 0.97))
    for n in (8, 16):
        more = own.sel(repeats=n).values - static.sel(repeats=n).values
        p = float(wilcoxon(more, alternative="greater").pvalue) if np.any(more) else 1.0
        what = f"n = {n}: SORN less the same network static, mean of {more.size} (p = {p:.2g})"
        claims.append(Claim(what, float(more.mean()), "above 0", source, bool(more.mean() > 0 and p < 0.05)))
    better = int((own.mean("network") > static.mean("network")).sum())
    what = f"lengths, of {len(counting['repeats'])}, at which the SORN is better on average"
    return [*claims, Claim(what, better, "all", source, better == len(counting["repeats"]))]


def _part_claims(parts: xr.Dataset, away: xr.Dataset) -> list[Claim]:
    claims, own = [], parts["performance"].sel(rule="SORN", repeats=8)
    for rule in _PARTS[:3]:
        less = (own - parts["performance"].sel(rule=rule, repeats=8)).values
        p = float(wilcoxon(less, alternative="greater").pvalue) if np.any(less) else 1.0
        what = f"n = 8: lost {rule} (p = {p:.2g})"
        claims.append(Claim(what, float(less.mean()), "above 0", f"doi:{_LAZAR}", bool(less.mean() > 0 and p < 0.05)))
    rules = parts["performance"].sel(repeats=8).mean("network")
    gain = float(rules.sel(rule="first paper's equations") - rules.sel(rule="static"))
    what = "n = 8: gain over static networks, the first paper's equations and constants"
    claims.append(Claim(what, gain, "above 0", f"doi:{_LAZAR}", gain > 0))
    mean = {name: away[name].mean("network") for name in ("incoming", "peak")}
    plain, cured = "without normalisation", "with normalisation"
    grown, share, kept = (
        float(mean["incoming"].sel(rule=plain)), float(mean["peak"].sel(rule=plain)),
        float(mean["peak"].sel(rule=cured)),
    )  # fmt: skip
    source = f"doi:{_LAZAR}"
    return [
        *claims,
        Claim(
            "A, B, C over and over: sum of a unit's synapses, without normalisation", grown, "grows", source, grown > 2
        ),
        Claim(
            "... most units active at once, fraction; a third is all that a letter can have",
            share,
            "a third",
            source,
            share > 0.3,
        ),
        Claim("... with normalisation", kept, "less", source, kept < 0.75 * share),
    ]


def _avalanche_claims(fit: AvalancheFit) -> list[Claim]:
    """Truncated power laws against exponential and log-normal distributions."""
    claims = []
    for name, found in (("sizes", fit.size), ("durations", fit.duration)):
        exponential, over = found.truncated_ratio[:2]
        p, p_log = found.truncated_p_value[:2]
        source = f"doi:{_AVALANCHES}"
        claims += [
            Claim(
                f"avalanche {name}: exponent of a truncated power law", found.truncated_exponent, "a power law", source,
            ),
            Claim("... its cutoff", found.truncated_cutoff, "not given", source),
            Claim(
                f"... log-likelihood ratio to an exponential (p = {p:.2g})", float(exponential), "above 0", source,
                bool(exponential > 0),
            ),
            Claim(
                f"... to a log-normal (p = {p_log:.2g})", float(over), "not below 0 of a power law", "definition",
                bool(over > 0 or p_log > 0.05),
            ),
        ]  # fmt: skip
    measured, predicted = float(fit.crackling.measured), float(fit.crackling.predicted)
    return [
        *claims,
        Claim(
            "exponent of mean size against duration", measured, "1.3", f"doi:{_AVALANCHES}", abs(measured - 1.3) < 0.1,
        ),
        Claim(
            "... less what the other two predict if critical", measured - predicted, "0",
            "theory, doi:10.1038/35065675", abs(measured - predicted) < 0.1,
        ),
    ]  # fmt: skip


def _figure(data: dict[str, xr.Dataset]) -> tuple[Figure, str]:
    figure = Figure(figsize=(10.6, 7.4), layout="constrained")
    axes = figure.subplots(2, 2)
    performance_against_length(data["counting"], ax=axes[0, 0])
    performance_by_rule(data["parts"], ax=axes[0, 1])
    runaway(data["runaway"], ax=axes[1, 0])
    density_of_avalanches(data["avalanches"], ax=axes[1, 1])
    said = (
        "Three kinds of plasticity together let a network count further. Top left: letters predicted against the "
        "length of words, self-organized and static (mean and standard deviation of ten networks). Top right: the same "
        "without one of them, and as the first paper writes it. Bottom left: units active at once while A, B, C is "
        "repeated, with synapses that add up to one and without. Bottom right: avalanches of "
        "spontaneous activity, with noise."
    )
    return figure, said
