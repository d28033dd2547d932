"""Echo state networks: what random recurrent units remember and compute, and where they do it best."""

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from neurorec.plot import error_against_size, exponent_against_gain, memory_against_size, performance_at_edge
from neurorec.report import Claim, Findings
from neurorec.study.classics.echo_state_measures import edge, filtering, foresight, memory, parity

_DOI = "10.1126/science.1091277"
_BOUND = "theorem, doi:10.1103/PhysRevLett.92.148102"
_NARMA = "task, doi:10.1109/72.846741; number calculated"
_PARITY = "doi:10.1162/089976604323057443"
_CHAOS = "theory, doi:10.1103/PhysRevLett.61.259"
_KNOWN_MEMORY = {"linear, orthogonal": (15.0, 47.5, 97.3), "tanh": (13.8, 21.2, 28.5)}
_MEMORY_SIZES, _SIZES = (20, 50, 100), (50, 100, 200, 400)
_KNOWN_ERRORS, _KNOWN_FILTER = (0.370, 0.299, 0.205, 0.163), 0.395
_FORESIGHT_SIZES, _KNOWN_FORESIGHT = (50, 100, 200, 500), 2.5e-2
_GAINS = np.round([*np.arange(0.4, 1.0, 0.1), 0.95, 1.0, 1.05, *np.arange(1.1, 2.01, 0.15)], 2)
_VARIANCES = np.geomspace(0.05, 10, 14).round(3)


def show_echo_state(
    *, full: bool = False, seed: int = 0, folder: Path | None = None, n_jobs: int | None = None, progress: bool = False
) -> Findings:
    """Show what echo state networks remember, filter and foresee, by size, and how that depends on chaos.

    Parameters
    ----------
    full : bool
        Twenty draws of each network rather than ten (five near the edge).
    seed : int
        From which all networks, inputs and tasks are drawn.
    folder, n_jobs
        Not needed: a minute or two.
    progress : bool
        Show a bar where standard error is a terminal.

    Returns
    -------
    Findings
    """
    return measure_echo_state(n_seeds=20 if full else 10, n_steps=4000, seed=seed, progress=progress)


def measure_echo_state(
    *,
    n_seeds: int,
    n_steps: int,
    seed: int,
    sizes: tuple[int, ...] = _SIZES,
    n_edge: int = 300,
    n_parity: int = 250,
    gains: NDArray = _GAINS,
    progress: bool = False,
) -> Findings:
    """The same with other numbers: draws, steps to learn from, units."""
    seeds = [seed + k for k in range(n_seeds)]
    few = seeds[: max(1, n_seeds // 2)]
    jobs = n_seeds * (2 * len(_MEMORY_SIZES) + len(sizes) + len(_VARIANCES)) + len(few) * (len(gains) + len(sizes))
    with tqdm(total=jobs, disable=None if progress else True, unit="network") as bar:
        data = {
            "memory": memory(_MEMORY_SIZES, seeds=seeds, n_steps=2 * n_steps, tick=bar.update),
            "narma": filtering(sizes, seeds=seeds, n_steps=n_steps, tick=bar.update),
            "mackey_glass": foresight(_FORESIGHT_SIZES[: len(sizes)], seeds=few, n_steps=n_steps // 2, tick=bar.update),
            "edge": edge(gains, n_units=n_edge, seeds=few, n_steps=n_steps // 2, tick=bar.update),
            "parity": parity(_VARIANCES, n_units=n_parity, seeds=seeds, n_steps=n_steps // 2, tick=bar.update),
        }
    known = dict(zip(_SIZES, _KNOWN_ERRORS, strict=True))
    data["narma"] = data["narma"].assign(published=("n_units", [known.get(n, np.nan) for n in sizes]))
    claims = [*_memory_claims(data["memory"]), *_task_claims(data["narma"], data["mackey_glass"])]
    claims += [*_edge_claims(data["edge"]), *_parity_claims(data["parity"])]
    return Findings(
        "Echo state networks",
        "What can random recurrent units do, if only their readout learns?",
        _DOI,
        claims,
        {"echo_state": _figure(data)},
        data,
        settings={
            "draws of each network": n_seeds, "steps to learn from": n_steps, "units at the edge": n_edge,
            "threshold units": n_parity, "units that a threshold unit hears": 4,
        },
        notes=[
            "Errors and capacities are of steps that neither the readout nor its penalty has seen.",
            "NARMA-10: folds of the training data choose the input scaling (.05 or .1) and the bias (.1 or .3).",
            "The numbers known before are one draw each, with settings of their own; here are means of several. "
            "Capacities agree where one of these draws reaches what is known.",
            "Parity: the readout is ridge regression, the paper's a linear classifier; inputs -1 and 1, mean 0.",
        ],
    )  # fmt: skip


def _memory_claims(data: xr.Dataset) -> list[Claim]:
    claims = []
    for name, known in _KNOWN_MEMORY.items():
        for n_units, before in zip(data["n_units"].values, known, strict=True):
            draws = data["capacity"].sel(network=name, n_units=n_units).values
            what = f"memory capacity, {name}, {n_units} units, steps"
            agrees = bool(draws.max() >= before)  # what is known is one draw, this the mean of several
            claims.append(Claim(what, float(draws.mean()), f"{before:g}", "calculated, one draw", agrees))
    share = float((data["capacity"] / data["n_units"]).max())
    off = float(abs((data["capacity"] / data["expected"]).mean("seed") - 1).max())
    return [
        *claims,
        Claim("largest capacity of any network over its units", share, "at most 1", _BOUND, share <= 1),
        Claim("linear: deviation from the exact capacity, mean over draws, fraction", off, "0", _BOUND, off < 0.02),
    ]


def _task_claims(narma: xr.Dataset, mackey_glass: xr.Dataset) -> list[Claim]:
    base, error = float(narma["baseline"].mean()), narma["error"].mean("seed")
    claims = [
        Claim(
            "NARMA-10, NRMSE, linear filter of 30 taps", base, f"{_KNOWN_FILTER:g}", _NARMA,
            abs(base / _KNOWN_FILTER - 1) < 0.05,
        )
    ]  # fmt: skip
    for n_units, known in zip(narma["n_units"].values, narma["published"].values, strict=True):
        found = float(error.sel(n_units=n_units))
        what = f"NARMA-10, NRMSE, {n_units} units"
        claims.append(Claim(what, found, f"at most {known:g}", _NARMA, bool(found <= known)))
    n_units = int(mackey_glass["n_units"][-1])
    found, linear = float(mackey_glass["error"].mean("seed")[-1]), float(mackey_glass["baseline"].mean())
    what, source = f"Mackey-Glass, 10 steps ahead, NRMSE, {n_units} units", "calculated, untuned"
    return [
        *claims,
        Claim(what, found, f"at most {_KNOWN_FORESIGHT:g}", source, found <= _KNOWN_FORESIGHT),
        Claim("... linear filter of 30 taps", linear, "more", "calculated", linear > found),
    ]


def _edge_claims(data: xr.Dataset) -> list[Claim]:
    gain = data["gain"].values
    largest = data["exponent"].mean("seed")
    alone, driven = largest.sel(condition="no input").values, largest.sel(condition="with input").values
    chaos = crossing(gain, driven)
    at = {name: float(gain[data[name].mean("seed").values.argmax()]) for name in ("memory", "filtering")}
    kept = data["memory"].mean("seed").values
    lost = 1 - max(kept[0], kept[-1]) / kept.max()
    return [
        Claim("order ends without input, gain", crossing(gain, alone), "1 where units are many", _CHAOS,
              abs(crossing(gain, alone) - 1) < 0.1),
        Claim(f"largest exponent at gain {gain[-1]:g}, without input, per step", float(alone[-1]), "above 0", _CHAOS,
              bool(alone[-1] > 0)),
        Claim(f"memory is best at gain; with inputs chaos begins at {chaos:.3g}", at["memory"], "near the edge",
              _PARITY, abs(at["memory"] - chaos) < 0.2),
        Claim("share of the memory that the most orderly and the most chaotic lack", lost, "above 0", _PARITY,
              lost > 0.1),
        Claim("NARMA-10 is done best at gain", at["filtering"], "near the edge", _PARITY,
              abs(at["filtering"] - chaos) < 0.2),
    ]  # fmt: skip


def _parity_claims(data: xr.Dataset) -> list[Claim]:
    variance, found = data["variance"].values, data["information"].mean("seed").values
    begins = crossing(np.log(variance), data["exponent"].mean("seed").values)
    best = int(found.argmax())
    off = float(np.log(variance[best]) - begins)
    at = float(data["exponent"].mean("seed")[best])
    return [
        Claim("3-bit parity, bits over delays, at its best", float(found[best]), "a peak", _PARITY,
              0 < best < found.size - 1),
        Claim("... in the most orderly and the most chaotic, the better of the two", float(max(found[0], found[-1])),
              "far less", _PARITY, bool(max(found[0], found[-1]) < 0.5 * found[best])),
        Claim("... variance of the weights at its best, over that where chaos begins", float(np.exp(off)),
              "near 1", _PARITY, abs(off) < np.log(3)),
        Claim("... logarithm of the spreading of a change there, per step", at, "near 0", _PARITY, abs(at) < 0.5),
    ]  # fmt: skip


def crossing(gain: NDArray, exponent: NDArray) -> float:
    """Where a curve first reaches 0 from below, by a straight line between neighbours; NaN where it does not.

    Examples
    --------
    >>> crossing(np.array([0.0, 1.0, 2.0]), np.array([-3.0, -1.0, 1.0]))
    1.5
    """
    for k in range(1, gain.size):
        low, high = exponent[k - 1], exponent[k]
        if low < 0 <= high:
            share = 1.0 if np.isinf(low) else -low / (high - low)
            return float(gain[k - 1] + share * (gain[k] - gain[k - 1]))
    return float("nan")


def _figure(data: dict[str, xr.Dataset]) -> tuple[Figure, str]:
    figure = Figure(figsize=(12.4, 6.8), layout="constrained")
    axes = figure.subplots(2, 3)
    memory_against_size(data["memory"], ax=axes[0, 0])
    error_against_size(data["narma"], ax=axes[0, 1]).set_title("NARMA-10", fontsize=9.5)
    error_against_size(data["mackey_glass"], ax=axes[0, 2]).set_title("Mackey-Glass, 10 steps ahead", fontsize=9.5)
    exponent_against_gain(data["edge"], ax=axes[1, 0])
    performance_at_edge(_best_by_gain(data["edge"]), ax=axes[1, 1])
    performance_at_edge(_parity_by_variance(data["parity"]), ax=axes[1, 2])
    said = (
        "Random units remember up to one step of the past each, and compute best near the edge of chaos. Above: memory "
        "capacity and its bound; errors in two tasks against the number of units. Below: largest Lyapunov exponents "
        "against the gain; memory and NARMA-10 against the gain; 3-bit parity of threshold units."
    )
    return figure, said


def _error_of_mean(data: xr.DataArray) -> xr.DataArray:
    return data.std("seed", ddof=1 if data.sizes["seed"] > 1 else 0) / np.sqrt(data.sizes["seed"])


def _best_by_gain(data: xr.Dataset) -> xr.Dataset:
    both = xr.concat([data["memory"], data["filtering"]], "measure").assign_coords(measure=["memory", "NARMA-10"])
    driven = data["exponent"].sel(condition="with input").mean("seed").values
    gain = data["gain"].assign_attrs(long_name="gain (spectral radius)")
    parts = {"performance": both.mean("seed"), "spread": _error_of_mean(both)}
    return xr.Dataset({**parts, "edge": crossing(gain.values, driven)}).assign_coords(gain=gain)


def _parity_by_variance(data: xr.Dataset) -> xr.Dataset:
    found = data["information"].expand_dims(measure=["parity"]).rename(variance="gain")
    begins = np.exp(crossing(np.log(data["variance"].values), data["exponent"].mean("seed").values))
    parts = xr.Dataset({"performance": found.mean("seed"), "spread": _error_of_mean(found), "edge": begins})
    parts["measure"].attrs["long_name"] = "3-bit parity (bits)"
    parts["gain"].attrs["long_name"] = "variance of the weights"
    return parts
