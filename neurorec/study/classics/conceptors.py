"""Conceptors: patterns in one reservoir, each called up, combined and morphed by its own."""

from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from neurorec.networks import (
    Reservoir,
    adapt_aperture,
    and_conceptors,
    conceptor_of_correlations,
    not_conceptor,
    or_conceptors,
    quota,
)
from neurorec.plot import error_against_aperture, error_against_load, recalled_patterns
from neurorec.report import Claim, Findings
from neurorec.training import LoadedPatterns, aligned_error, load_patterns, recall

_SOURCE = "arXiv:1403.3369"
_NAMES = ("sine, slower", "sine, faster", "five steps", "five others")
_PERIODS = (9.8342522, 8.8342522)
_APERTURES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
_STEPS = 600


class Sizes(NamedTuple):
    """How many."""

    n_networks: int = 10
    n_units: int = 100
    loads: tuple[int, ...] = (2, 4, 8, 12, 16, 20, 24, 32)


def show_conceptors(
    *,
    full: bool = False,
    seed: int = 0,
    folder: Path | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
    sizes: Sizes | None = None,
) -> Findings:
    """Show how conceptors call up, combine and morph what a reservoir holds.

    Parameters
    ----------
    full : bool
        Nothing is smaller by default.
    seed : int
        Of reservoirs and patterns.
    folder, n_jobs
        Not needed: a minute.
    progress : bool
        Whether to show a bar.
    sizes : Sizes, optional
        Other sizes.

    Returns
    -------
    Findings
    """
    size = sizes or Sizes()
    errors, without, loads = [], [], []
    for k in tqdm(range(size.n_networks), disable=None if progress else True, unit="network"):
        rng = np.random.default_rng([seed, k])
        reservoir, patterns = _reservoir(size.n_units, rng), _four(rng)
        loaded = load_patterns(reservoir, patterns)
        errors.append(_errors(loaded, patterns, rng))
        without.append([aligned_error(recall(loaded, rng=rng), pattern) for pattern in patterns])
        loads.append([_load(reservoir, n, rng) for n in size.loads])
    data = {
        "recall": xr.Dataset(
            {"error": (("network", "pattern", "aperture"), errors), "without": (("network", "pattern"), without)},
            coords={"pattern": list(_NAMES), "aperture": list(_APERTURES)},
        ),
        "load": _loads(np.array(loads), size),
    }
    rng = np.random.default_rng([seed, 0])
    reservoir, patterns = _reservoir(size.n_units, rng), _four(rng)
    loaded = load_patterns(reservoir, patterns)
    data |= {"patterns": _recalled(loaded, patterns), "morph": _morph(loaded)}
    return Findings(
        "Conceptors",
        "Can one recurrent network hold several patterns, and be told which of them to produce?",
        _SOURCE,
        [
            *_claims_of_recall(data["recall"]), *_claims_of_logic(loaded),
            *_claims_of_morphs(data["morph"], data["load"]),
        ],
        {"conceptors": _figure(data)},
        data,
        settings={
            "units": size.n_units, "spectral radius": 1.5, "standard deviation of input weights": 1.5,
            "of biases": 0.2, "washout (steps)": 100, "pattern (steps)": _STEPS, "networks": size.n_networks,
        },
        notes=[
            "Errors are root mean squared, over the pattern's standard deviation, at the phase that suits best, after "
            "200 steps from a random state.",
            "Reservoirs and patterns are drawn anew for each network; the paper shows one.",
            "Loading is at once; the paper's incremental memory management is not shown.",
        ],
    )  # fmt: skip


def _claims_of_recall(found: xr.Dataset) -> list[Claim]:
    error, within = found["error"], found["error"].sel(aperture=slice(10, 100))
    chosen = within.median("network").max("pattern")
    best = error.min("aperture").median("network")
    alone = float(found["without"].median())
    share = float((within.sel(aperture=10.0) < 0.1).mean())
    return [
        Claim(
            "error of recall at aperture 10, median over networks, of the worst of four patterns",
            float(chosen.sel(aperture=10.0)), "small", _SOURCE, float(chosen.sel(aperture=10.0)) < 0.05,
        ),
        Claim(
            "... at aperture 100", float(chosen.sel(aperture=100.0)), "small", _SOURCE,
            float(chosen.sel(aperture=100.0)) < 0.05,
        ),
        Claim("share of recalls with an error below 0.1, aperture 10", share, "all", _SOURCE, share > 0.95),
        Claim("error of the same reservoir without a conceptor, median", alone, "about 1", "theory", alone > 0.5),
        Claim(
            "error without over error with, at the best aperture, worst pattern", alone / float(best.max()),
            "far above 1", _SOURCE, alone / float(best.max()) > 10,
        ),
    ]  # fmt: skip


def _claims_of_logic(loaded: LoadedPatterns) -> list[Claim]:
    """What holds of all conceptors, measured on those of the patterns."""
    a, b = loaded.conceptor(0), loaded.conceptor(2)
    together = conceptor_of_correlations(loaded.correlations[0] + loaded.correlations[2], aperture=10.0)
    morgan = not_conceptor(or_conceptors(not_conceptor(a), not_conceptor(b)))
    wider = loaded.conceptor(0, aperture=40.0)
    laws = {
        "¬(¬A ∨ ¬B) is A ∧ B: largest difference": np.abs(morgan - and_conceptors(a, b)).max(),
        "A ∨ B is the conceptor of both patterns: largest difference": np.abs(or_conceptors(a, b) - together).max(),
        "aperture 10, widened four times, is aperture 40: largest difference": np.abs(
            adapt_aperture(a, 4.0) - wider
        ).max(),
    }
    return [Claim(said, float(off), "0", f"theory, {_SOURCE}", bool(off < 1e-5)) for said, off in laws.items()]


def _claims_of_morphs(morph: xr.Dataset, load: xr.Dataset) -> list[Claim]:
    inner = morph["period"].sel(weight=slice(0, 1)).values
    low, high = sorted(_PERIODS)
    falls = bool((np.diff(inner) < 0.05).all()) and low - 0.1 < inner.min() and inner.max() < high + 0.1
    middle = float(morph["period"].sel(weight=0.5, method="nearest"))
    error, taken = (load[name].median("network") for name in ("error", "quota"))
    fails = error.where(error > 0.5, drop=True)
    return [
        Claim(
            "period half-way between the two sines, steps", middle, f"between {low:.2f} and {high:.2f}", _SOURCE,
            falls and low + 0.1 < middle < high - 0.1,
        ),
        Claim(
            f"error with {int(load['n_patterns'][0])} patterns, median", float(error[0]), "small", _SOURCE,
            float(error[0]) < 0.05,
        ),
        Claim(
            f"error with {int(load['n_patterns'][-1])} patterns, median", float(error[-1]), "recall fails when full",
            _SOURCE, float(error[-1]) > 0.5,
        ),
        Claim(
            "share of the reservoir taken where recall begins to fail",
            float(taken.sel(n_patterns=fails["n_patterns"][0])) if fails.size else np.nan, "near 1", _SOURCE,
            bool(fails.size) and float(taken.sel(n_patterns=fails["n_patterns"][0])) > 0.8,
        ),
    ]  # fmt: skip


def _figure(data: dict[str, xr.Dataset]) -> tuple[Figure, str]:
    figure = Figure(figsize=(12.4, 3.6), layout="constrained")
    axes = figure.subplots(1, 3)
    recalled_patterns(data["patterns"], ax=axes[0])
    error_against_aperture(data["recall"].median("network"), ax=axes[1])
    error_against_load(data["load"], ax=axes[2])
    said = (
        "One reservoir holds several patterns, and its conceptors say which of them it produces. Left: four patterns "
        "(grey) and what is recalled under the conceptor of each. Middle: the error of recall against the aperture, "
        "medians over networks; dotted, the same reservoir without a conceptor. Right: the error, and the share of the "
        "reservoir that is taken, against the number of patterns; thin lines are networks."
    )
    return figure, said


def _reservoir(n_units: int, rng: np.random.Generator) -> Reservoir:
    """As the paper draws it: normal inputs and biases, of standard deviation 1.5 and 0.2."""
    drawn = Reservoir.random(1, n_units, spectral_radius=1.5, density=0.1, rng=rng)
    parts = (1.5 * rng.standard_normal((n_units, 1)), 0.2 * rng.standard_normal(n_units))
    inward, bias = (jnp.asarray(part, dtype=jnp.float32) for part in parts)
    return eqx.tree_at(lambda r: (r.input, r.bias), drawn, (inward, bias))


def _four(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Two sines whose periods are no whole numbers, five random values over and over, and five that are near them."""
    sines = [np.sin(2 * np.pi * np.arange(_STEPS) / period) for period in _PERIODS]
    first = _from_minus_one_to_one(rng.uniform(-1, 1, 5))
    near = _from_minus_one_to_one(first + 0.2 * rng.standard_normal(5))
    return [wave[:, None] for wave in (*sines, np.resize(first, _STEPS), np.resize(near, _STEPS))]


def _from_minus_one_to_one(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 2 * (values - values.min()) / np.ptp(values) - 1


def _errors(loaded: LoadedPatterns, patterns: list[NDArray[np.float64]], rng: np.random.Generator) -> list[list[float]]:
    """Of each pattern at each aperture."""
    return [
        [aligned_error(recall(loaded, loaded.conceptor(k, aperture=a), rng=rng), pattern) for a in _APERTURES]
        for k, pattern in enumerate(patterns)
    ]


def _load(reservoir: Reservoir, n_patterns: int, rng: np.random.Generator) -> tuple[float, float]:
    """Median error of so many random patterns of four to ten steps, and what all their conceptors take."""
    patterns = [
        np.resize(_from_minus_one_to_one(rng.uniform(-1, 1, rng.integers(4, 11))), 300)[:, None]
        for _ in range(n_patterns)
    ]
    loaded = load_patterns(reservoir, patterns)
    errors = [
        aligned_error(recall(loaded, loaded.conceptor(k), n_steps=40, washout=100, rng=rng), pattern)
        for k, pattern in enumerate(patterns)
    ]
    together = conceptor_of_correlations(loaded.correlations.sum(axis=0), aperture=10.0)
    return float(np.median(errors)), quota(together)


def _loads(found: NDArray[np.float64], size: Sizes) -> xr.Dataset:
    over = ("network", "n_patterns")
    return xr.Dataset(
        {"error": (over, found[..., 0]), "quota": (over, found[..., 1])}, coords={"n_patterns": list(size.loads)}
    )


def _recalled(loaded: LoadedPatterns, patterns: list[NDArray[np.float64]], *, n_steps: int = 40) -> xr.Dataset:
    """What is recalled, beside the stretch of the pattern that it is nearest to."""
    targets, outputs = [], []
    for k, pattern in enumerate(patterns):
        said = recall(loaded, loaded.conceptor(k), rng=np.random.default_rng(k))[-n_steps:, 0]
        windows = np.lib.stride_tricks.sliding_window_view(pattern[:, 0], n_steps)
        targets.append(windows[((windows - said) ** 2).sum(axis=1).argmin()])
        outputs.append(said)
    over = ("pattern", "time")
    return xr.Dataset(
        {"target": (over, targets), "output": (over, outputs)},
        coords={"pattern": list(_NAMES), "time": np.arange(n_steps)},
    )


def _morph(loaded: LoadedPatterns) -> xr.Dataset:
    """Periods under ``(1 - w) C_slower + w C_faster``, from crossings of the mean upwards."""
    weights = np.linspace(-0.5, 1.5, 9)
    slower, faster = loaded.conceptor(0), loaded.conceptor(1)
    periods = []
    for w in weights:
        said = recall(loaded, (1 - w) * slower + w * faster, n_steps=400, rng=np.random.default_rng(1))[:, 0]
        said = said - said.mean()
        at = np.flatnonzero((said[:-1] < 0) & (said[1:] >= 0))
        exact = at - said[at] / (said[at + 1] - said[at])
        periods.append((exact[-1] - exact[0]) / (len(exact) - 1) if len(exact) > 1 else np.nan)
    return xr.Dataset({"period": ("weight", periods, {"units": "steps"})}, coords={"weight": weights})
