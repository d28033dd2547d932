"""FORCE learning: a chaotic network is made to do what it is asked, by itself."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from tqdm import tqdm

from neurorec.dynamics import fixed_points_of, lyapunov_spectrum
from neurorec.networks import Network, run
from neurorec.plot import (
    exponents_before_and_after,
    fixed_points,
    rates_and_output,
    weight_change_over_learning,
    wings,
)
from neurorec.report import Claim, Findings
from neurorec.tasks import FlipFlop, Lorenz
from neurorec.training import ForceTraining, chaotic_network, evaluate, train_force

_DOI = "10.1016/j.neuron.2009.07.018"
_CUBE = "10.1162/NECO_a_00409"
_DT = 0.001  # s, a tenth of the time constant
_UNIT = 0.3  # s that a unit of the Lorenz equations' time takes: a turn of a wing in 0.23 s
_BIAS = 0.5  # standard deviation, where the Lorenz equations are learned
_LORENZ_EXPONENT = 0.9056  # per unit of the equations' time
_WASHOUT = 1200  # steps: a period of the sines
_TASK = FlipFlop(duration=1.0, pulse=0.02, pulse_rate=4.0, dt=_DT)


class Sizes(NamedTuple):
    """How large and how long."""

    n_units: int = 1000
    n_flip_flop: int = 500
    n_passes: int = 12
    lorenz: float = 20.0  # s of learning; three times that to compare
    n_trials: int = 100
    n_starts: int = 128
    n_steps: int = 6000  # of the Lyapunov exponents: five periods of the sines


def show_force(
    *,
    full: bool = False,
    seed: int = 0,
    folder: Path | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
    sizes: Sizes | None = None,
) -> Findings:
    """Show what FORCE learning makes of a chaotic network.

    Parameters
    ----------
    full : bool
        The flip-flop with 1000 units as well, and longer Lyapunov exponents: half an hour.
    seed : int
        Of networks, feedback and trials.
    folder, n_jobs
        Not needed.
    progress : bool
        Whether to show a bar.
    sizes : Sizes, optional
        Other sizes.

    Returns
    -------
    Findings
    """
    size = sizes or (Sizes(n_flip_flop=1000, n_trials=200, n_steps=36_000) if full else Sizes())
    with tqdm(total=6, disable=None if progress else True, unit="part") as bar:
        learned, before = {}, _network(size.n_units, 1, seed)
        for name, internal in (("triangle", False), ("four sines", False), ("four sines, within", True)):
            target = _triangle() if name == "triangle" else _sines()
            rng = np.random.default_rng([seed, 1])
            learned[name] = train_force(before, target, internal=internal, n_passes=size.n_passes, rng=rng)
            bar.update()
        lorenz, path = _lorenz(size, seed)
        bar.update()
        data = {
            "learning": _learning(learned), "exponents": _exponents(before, learned, lorenz, size, seed),
            "before": _activity(before, None, seed), "after": _activity(learned["four sines"].network, _sines(), seed),
            "lorenz": path,
        }  # fmt: skip
        bar.update()
        data["flip_flop"] = _flip_flop(size, seed)
        bar.update()
    return Findings(
        "FORCE learning",
        "Can a network that is chaotic be made to produce what it is asked for, by itself?",
        _DOI,
        [*_claims_of_waves(learned, data), *_claims_of_chaos(data), *_claims_of_cube(data["flip_flop"])],
        {"force": _figure(data)},
        data,
        settings={
            "units": size.n_units, "units of the flip-flop": size.n_flip_flop, "gain": 1.5, "density": 0.1,
            "tau (s)": 0.01, "dt (s)": _DT, "penalty": 1.0, "steps between updates": 2, "passes": size.n_passes,
        },
        notes=[
            "Lorenz: all three variables are produced and come back; a unit of their time takes 0.3 s. Biases "
            "(standard deviation 0.5) are there since without them the network is odd, and may go upside down.",
            "Within: all weights are plastic, those that are 0 as well, so that all units share one matrix.",
            "The triangle and the sines are learned by the same network and the same feedback.",
        ],
    )  # fmt: skip


def _claims_of_waves(learned: dict[str, ForceTraining], data: dict[str, xr.Dataset]) -> list[Claim]:
    claims = []
    for name, found in learned.items():
        period = "0.6" if name == "triangle" else "1.2"
        claims.append(
            Claim(
                f"{name}, period {period} s: error with learning off, of the target's standard deviation",
                found.test_error, "the output matches the target", f"doi:{_DOI}", found.test_error < 0.1,
            )
        )  # fmt: skip
    first = max(float(found.curve["pass_error"][0]) for found in learned.values())
    falls = data["learning"]["fall"].values
    return [
        *claims,
        Claim("largest error in the first pass, while learning", first, "small throughout", f"doi:{_DOI}", first < 0.1),
        Claim(
            "change of weights, last over first pass, largest of the three", float(falls.max()), "falls towards 0",
            f"doi:{_DOI}", bool((falls < 0.5).all()),
        ),
    ]  # fmt: skip


def _claims_of_chaos(data: dict[str, xr.Dataset]) -> list[Claim]:
    found, path = data["exponents"], data["lorenz"]
    largest = {str(name): found.sel(network=name).isel(number=0) for name in found["network"].values}
    before, wave, lorenz = (largest[name] for name in ("chaotic", "four sines", "Lorenz"))
    error = float(lorenz["standard_error"])
    expected = _LORENZ_EXPONENT / _UNIT
    near = abs(float(lorenz["exponent"]) - expected) < 2 * max(error, 0.1 * expected)
    return [
        Claim(
            "largest Lyapunov exponent before learning, 1/s", float(before["exponent"]), "above 0", f"doi:{_DOI}",
            float(before["exponent"]) > 2 * float(before["standard_error"]),
        ),
        Claim(
            "... after learning four sines, 1/s", float(wave["exponent"]), "0: a limit cycle", "theory",
            abs(float(wave["exponent"])) < 0.1 * float(before["exponent"]),
        ),
        Claim(
            f"... after learning the Lorenz equations, 1/s (standard error {error:.2g})", float(lorenz["exponent"]),
            f"{expected:.3g}", "calculated: 0.906 a unit of the equations' time", near,
        ),
        Claim(
            "Lorenz: largest distance between distributions of the network's and the equations' variables",
            path.attrs["distance"], "the attractor is that of the equations", f"doi:{_DOI}",
            path.attrs["distance"] < 0.1,
        ),
    ]  # fmt: skip


def _claims_of_cube(points: xr.Dataset) -> list[Claim]:
    fixed = points.isel(point=np.flatnonzero(points["converged"].values))
    corners = fixed["outputs"].values[fixed["n_unstable"].values == 0]
    off = float(np.abs(np.abs(corners) - 1).max()) if len(corners) else np.nan
    n_kinds = len(np.unique(np.sign(corners), axis=0)) if len(corners) else 0
    counts, score = points["n_fixed"].values, points.attrs["score"]
    return [
        Claim(
            "3-bit flip-flop: fraction of steps right, new trials", score, "solved", f"doi:{_CUBE}", score > 0.9
        ),
        Claim("... its stable fixed points", float(counts[0]), "8", f"doi:{_CUBE}", counts[0] == 8),
        Claim("... corners of the cube that have one", n_kinds, "8", f"doi:{_CUBE}", n_kinds == 8),
        Claim("... their outputs' largest distance from ±1", off, "0", f"doi:{_CUBE}", off < 0.2),
        Claim("... its fixed points, saddles and all", float(counts.sum()), "27 of an ideal cube", f"doi:{_CUBE}"),
        Claim("... those with one unstable direction", float(counts[1]), "12 of an ideal cube", f"doi:{_CUBE}"),
    ]  # fmt: skip


def _figure(data: dict[str, xr.Dataset]) -> tuple[Figure, str]:
    figure = Figure(figsize=(12.4, 6.8), layout="constrained")
    axes = figure.subplots(2, 3)
    for ax, name in zip(axes[0, :2], ("before", "after"), strict=True):
        rates_and_output(data[name], ax=ax)
        ax.set_title(f"{name} learning", fontsize=9.5, loc="left")
    weight_change_over_learning(data["learning"], ax=axes[0, 2])
    exponents_before_and_after(data["exponents"], ax=axes[1, 0])
    wings(data["lorenz"], ax=axes[1, 1])
    fixed_points(data["flip_flop"], ax=axes[1, 2])
    said = (
        "A chaotic network learns to produce what it is asked for. Above: six units and the output, chaotic before and "
        "periodic after learning four sines (target in grey, learning off); the change of the readout's weights while "
        "learning. Below: the three leading Lyapunov exponents of the network before and after; the attractor of the "
        "Lorenz equations and the one that the network makes by itself; fixed points of a network that learned the "
        "3-bit flip-flop."
    )
    return figure, said


def _network(n_units: int, n_outputs: int, seed: int, *, n_inputs: int = 0, bias: float = 0.0) -> Network:
    rng = np.random.default_rng([seed, n_units, n_outputs])
    return chaotic_network(n_units, n_outputs, n_inputs=n_inputs, bias=bias, dt=_DT, rng=rng)


def _triangle() -> NDArray[np.float64]:
    """A period of 0.6 s ``(time, output)``."""
    phase = np.arange(600) / 600
    return (1 - 4 * np.abs((phase + 0.25) % 1 - 0.5))[:, None]


def _sines() -> NDArray[np.float64]:
    """A period of 1.2 s ``(time, output)``: amplitudes of the authors' demonstration."""
    angle = 2 * np.pi * np.arange(1200)[:, None] / 1200
    return 1.3 / 1.5 * (np.sin(angle) + np.sin(2 * angle) / 2 + np.sin(3 * angle) / 6 + np.sin(4 * angle) / 3)


def _learning(learned: dict[str, ForceTraining], *, bin_steps: int = 100) -> xr.Dataset:
    """Change of weights in bins of 0.2 s, and its fall from first to last pass."""
    curves, falls = [], []
    for found in learned.values():
        change = found.curve["weight_change"].values
        each = change.size // found.curve.sizes["pass"]
        falls.append(change[-each:].mean() / change[:each].mean())
        curves.append(change[: change.size // bin_steps * bin_steps].reshape(-1, bin_steps).mean(axis=1))
    n = max(map(len, curves))
    padded = [np.pad(curve, (0, n - len(curve)), constant_values=np.nan) for curve in curves]
    time = 2 * _DT * bin_steps * (np.arange(n) + 0.5)
    return xr.Dataset(
        {"weight_change": (("target", "time"), np.stack(padded)), "fall": ("target", falls)},
        coords={"target": list(learned), "time": ("time", time, {"units": "s"})},
    )


def _exponents(
    before: Network, learned: dict[str, ForceTraining], lorenz: ForceTraining, size: Sizes, seed: int
) -> xr.Dataset:
    start = 0.5 * np.random.default_rng([seed, 2]).standard_normal(before.n_units)
    sine = learned["four sines"].network
    cases = {"chaotic": (before, start), "four sines": (sine, sine.initial), "Lorenz": (lorenz.network, None)}
    values, errors = [], []
    for name, (network, state) in cases.items():
        state = network.initial if state is None else state
        n_steps = size.n_steps * (2 if name == "Lorenz" else 1)  # its growth differs from place to place
        found = lyapunov_spectrum(network, state, n_exponents=3, n_steps=n_steps, n_washout=_WASHOUT)
        values.append(found.exponents)
        errors.append(found.standard_error)
    over, expected = ("network", "number"), [np.nan, 0.0, _LORENZ_EXPONENT / _UNIT]
    return xr.Dataset(
        {
            "exponent": (over, np.stack(values), {"units": "1/s"}),
            "standard_error": (over, np.stack(errors), {"units": "1/s"}),
            "expected": ("network", expected, {"units": "1/s"}),
        },
        coords={"network": list(cases)},
    )


def _activity(network: Network, target: NDArray[np.float64] | None, seed: int, *, n_steps: int = 2000) -> xr.Dataset:
    """Six units and the output, as the network runs by itself."""
    start = 0.5 * np.random.default_rng([seed, 2]).standard_normal(network.n_units)
    states = run(network, np.zeros((n_steps, 0), np.float32), state=start if target is None else network.initial)
    rates = np.asarray(network.activity(states[:, :6]), dtype=float)
    found = {
        "rate": (("unit", "time"), rates.T), "output": ("time", np.asarray(network.readout(states), dtype=float)[:, 0])
    }  # fmt: skip
    if target is not None:
        found["target"] = ("time", np.resize(target[:, 0], n_steps))
    return xr.Dataset(found, coords={"time": ("time", _DT * np.arange(n_steps), {"units": "s"})})


def _lorenz(size: Sizes, seed: int) -> tuple[ForceTraining, xr.Dataset]:
    """A network that makes the attractor, and its path beside the equations'."""
    n_steps, equations = round(size.lorenz / _DT), Lorenz(sampling=_DT / _UNIT)
    settled = round(4 * _UNIT / _DT)
    states = equations.integrate(np.array([[1.0], [1.0], [25.0]]), settled + 10 * n_steps)[settled:, :, 0]
    target = (states - [0, 0, equations.rho - 1]) / 10
    network, rng = _network(size.n_units, 3, seed, bias=_BIAS), np.random.default_rng([seed, 3])
    found = train_force(network, target[:n_steps], n_passes=1, n_test=3, rng=rng)
    distance = max(float(ks_2samp(found.outputs[:, k], target[:, k]).statistic) for k in range(3))
    over = ("time", "variable")
    path = xr.Dataset(
        {"target": (over, target[:n_steps]), "output": (over, found.outputs[:n_steps])},
        coords={"time": ("time", _DT * np.arange(n_steps), {"units": "s"}), "variable": ["x", "y", "z"]},
        attrs={"distance": distance},
    )
    return found, path


def _flip_flop(size: Sizes, seed: int) -> xr.Dataset:
    """Fixed points of a network that learned the 3-bit flip-flop."""
    rng = np.random.default_rng([seed, 4])
    network = _network(size.n_flip_flop, 3, seed, n_inputs=3)
    found = train_force(network, _TASK.sample(size.n_trials, rng=rng), n_passes=1, rng=rng)
    trials = _TASK.sample(20, rng=rng)
    score = evaluate(found.network, _TASK, trials).score
    points = fixed_points_of(found.network, trials, n_starts=size.n_starts, noise=0.25, between=True, rng=rng)
    counts = np.bincount(points["n_unstable"].values[points["converged"].values], minlength=4)
    return points.assign(n_fixed=("n_directions", counts)).assign_attrs(score=score)
