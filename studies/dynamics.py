"""What systems of which the answer is known do, and what the package says of them: tables and figures.

    python studies/dynamics.py --cache CACHE --write

Progress goes to the error stream, the tables to the output, and with --write into docs/dynamics_studies.md, the figures
into docs/figures/. Every part is kept in the folder --cache as it is done. The files do not know the version of the
package: take a new folder when it has changed. Tables and figures are made by dynamics_reporting.py; real recordings
are the matter of fitted.py.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from neurorec.networks import System

DOCS = Path(__file__).parents[1] / "docs" / "dynamics_studies.md"
BEGIN, END = "<!-- known: begin -->", "<!-- known: end -->"
SEEDS = (0, 1, 2)
NEVER = 2.0  # a criterion no score reaches
N_NULL = 19
CUES = {"motion": (0.0, 0.0, 1.0, 0.0), "colour": (0.0, 0.0, 0.0, 1.0)}
LORENZ = {"exponents": (0.906, 0.0, -14.572), "dimension": 2.062}  # Sprott 2003, Viswanath 1998


def integrator() -> dict:
    """The oculomotor integrator: what lasts in a linear one, and the line attractor of a trained one."""
    from neurorec.dynamics import line_attractor_of
    from neurorec.networks import Leaky, with_readout
    from neurorec.tasks import OculomotorIntegrator
    from neurorec.training import TrainingSettings, train

    task, rows, n_steps = OculomotorIntegrator(), [], 2000
    how: dict[str, Any] = {"learning_rate": 3e-3, "schedule": "cosine", "n_steps": n_steps}
    found = train(
        task,
        "leaky",
        settings=TrainingSettings(check_every=n_steps, criterion=NEVER, **how),  # one look: at the end
        seeds=SEEDS,
        progress=False,
    )
    trials = task.sample(64, rng=np.random.default_rng(99))
    shown: dict[str, Any] = {}
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        untrained = with_readout(Leaky.random(1, 64, rng=rng), 1, rng=rng)
        for name, network in (("trained", found.networks[seed]), ("before training", untrained)):
            options: dict[str, Any] = {"n_null": N_NULL, "n_starts": 200, "slowness": 2e-3}
            line = line_attractor_of(network, trials, **options, rng=np.random.default_rng(seed))
            row = {"network": name, "seed": seed, **attributes(line), **held(network, line)}
            row["score"] = float(found.curve["test_score"][seed]) if name == "trained" else None
            rows.append(row)
            print({k: v for k, v in row.items() if not isinstance(v, list)}, file=sys.stderr, flush=True)
            if name == "trained" and seed == 0:
                shown = picture(line)
    return {
        "linear": [linear_integrator(value) for value in (0.5, 0.8, 0.9, 0.95, 0.99)],
        "rows": rows,
        "line": shown,
        "n_steps": n_steps,
    }


def linear_integrator(largest: float, *, n_units: int = 20, tau: float = 0.1, dt: float = 0.001) -> dict:
    """The time constant of a linear network, by the formula, by its linearisation, and by its activity."""
    import jax.numpy as jnp

    from neurorec.dynamics import linearise
    from neurorec.networks import Leaky, run, with_readout

    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((n_units, n_units)))[0]
    values = np.append(largest, rng.uniform(-0.4, 0.4, n_units - 1))
    weights = jnp.asarray((basis * values) @ basis.T, dtype=jnp.float32)
    cell = Leaky(
        weights, jnp.asarray(basis[:, :1], jnp.float32), jnp.zeros(n_units), dt, tau, noise=0.0, nonlinearity="linear"
    )
    network = with_readout(cell, 1, rng=rng)
    formula = tau / (1 - largest)
    pulse = np.zeros((round(2 * formula / dt), 1, 1), dtype=np.float32)
    pulse[0] = 1.0
    seen = np.asarray(run(network, pulse), dtype=float)[:, 0] @ rng.standard_normal(n_units)
    time = np.arange(len(seen)) * dt
    late = time > 0.5 * formula  # what decays faster is gone
    measured = -1 / np.polyfit(time[late], np.log(np.abs(seen[late])), 1)[0]
    slowest = float(linearise(network, np.zeros((1, n_units))).time_constants.max())
    return {"largest": largest, "formula": formula, "linearised": slowest, "measured": float(measured)}


def attributes(line: "xr.Dataset") -> dict:
    """What a line attractor is, in numbers."""
    names = ("kind", "dimension", "length", "straightness", "largest_gap", "gap", "line_score", "p_value")
    out = {name: line.attrs[name] for name in names}
    return out | {"n_points": line.sizes["point"], "tau": np.abs(line["time_constant"].values).tolist()}


def held(network: "System", line: "xr.Dataset", seconds: float = 1.0) -> dict:
    """Where on its way out a network that is left alone on each point of its line goes in a while."""
    import jax.numpy as jnp

    state = jnp.asarray(line["state"].values, dtype=jnp.float32)
    before, rest = np.asarray(network.readout(state))[:, 0], jnp.zeros((len(state), network.n_inputs))
    for _ in range(round(seconds / line.attrs["dt"])):
        state = network.step(state, rest)
    moved = np.abs(np.asarray(network.readout(state))[:, 0] - before)
    return {"reach": [float(before.min()), float(before.max())], "moved": moved.tolist()}


def picture(line: "xr.Dataset") -> dict:
    """What a figure of a line needs, as lists."""
    names = ("score", "time_constant", "trajectory", "explained")
    return {"dims": {name: line[name].dims for name in names}} | {
        "values": {name: line[name].values.tolist() for name in names},
        "attrs": {name: line.attrs[name] for name in ("kind", "gap", "p_value", "largest_gap")},
    }


def context() -> dict:
    """Mante et al. 2013: one line attractor a context, and selection vectors that pick the evidence that counts."""
    from neurorec.networks import Leaky, with_readout
    from neurorec.tasks import ContextIntegration
    from neurorec.training import TrainingSettings, evaluate, train

    task, n_units, n_steps = ContextIntegration(), 64, 6000
    how: dict[str, Any] = {"learning_rate": 3e-3, "schedule": "cosine", "n_steps": n_steps}
    lengths = {
        "criterion": TrainingSettings(check_every=50, **how),
        "long": TrainingSettings(check_every=n_steps, criterion=NEVER, **how),  # one look: at the end
    }
    rows, shown, test = [], {}, task.sample(10_000, rng=np.random.default_rng(99))
    facts = {"n_units": n_units, "criterion": task.criterion, "best": task.best, "floor": least_loss(task, test)}
    for training, settings in lengths.items():
        found = train(
            task,
            lambda rng: with_readout(Leaky.random(4, n_units, rng=rng), 1, rng=rng),
            settings=settings,
            seeds=SEEDS,
            progress=False,
        )
        for seed, network in zip(SEEDS, found.networks, strict=True):
            seen = evaluate(network, task, test, seed=7)
            about: dict[str, Any] = {"training": training, "score": float(seen.score), "loss": float(seen.loss)}
            about["n_updates"] = int(found.curve["n_steps"][seed])
            print(seed, about, file=sys.stderr, flush=True)
            lines = lines_of_contexts(network, task, seed, about, rows)
            if seed == 0 and training == "long":
                shown = averages_of_contexts(network, task, lines)
    return {**facts, "rows": rows, "shown": shown}


def least_loss(task: Any, trials: "xr.Dataset") -> float:
    """Squared error in trials of who knows the sum of the evidence that counts, and says the side expected of it."""
    seconds = round(task.stimulus / task.dt) * task.dt
    signed = np.array([*task.coherences, *(-c for c in task.coherences)]) * seconds
    sums = trials["inputs"].values[..., :2].sum(axis=1) * task.dt  # of motion and of colour
    seen = np.where(trials["context"].values == "motion", sums[:, 0], sums[:, 1])
    apart = (seen[:, None] - signed) ** 2 / (2 * task.noise**2 * seconds)
    odds = np.exp(apart.min(axis=1, keepdims=True) - apart)
    expected = odds @ np.sign(signed) / odds.sum(axis=1)
    side = np.where(trials["side"].values == "right", 1.0, -1.0)
    return float(np.mean((side - expected) ** 2))


def lines_of_contexts(
    network: "System", task: Any, seed: int, about: dict, rows: list[dict]
) -> dict[str, "xr.Dataset"]:
    """The line of each context, in the principal components of both."""
    from neurorec.dynamics import line_attractor_of

    trials, lines = task.sample(128, rng=np.random.default_rng(99)), {}
    for name, cue in CUES.items():
        options: dict[str, Any] = {"n_starts": 150, "slowness": 0.02, "n_null": N_NULL}
        line = line_attractor_of(network, trials, inputs=np.array(cue), **options, rng=np.random.default_rng(seed))
        effect = {f"effect_{s}": line["input_effect"].sel(input=s).values.tolist() for s in CUES}
        cosine = {f"cosine_{s}": line["input_alignment"].sel(input=s).values.tolist() for s in CUES}
        out = line["outputs"].values[:, 0]
        rows.append(
            {"seed": seed, **about, "context": name, **attributes(line), **effect, **cosine, "outputs": out.tolist()}
        )
        print({k: v for k, v in rows[-1].items() if not isinstance(v, list)}, file=sys.stderr, flush=True)
        lines[name] = line
    return lines


def averages_of_contexts(network: "System", task: Any, lines: dict[str, "xr.Dataset"]) -> dict:
    """Trajectories by the coherence that counts, without noise, and the lines, in three components."""
    from dataclasses import replace

    from neurorec.networks import run

    trials = replace(task, noise=0.0).sample(400, rng=np.random.default_rng(7))
    states = np.asarray(run(network, np.swapaxes(trials["inputs"].values, 0, 1)), dtype=float)
    one = lines["motion"]
    score = (states - one["mean"].values) @ one["loading"].values.T  # (time, trial, component)
    out: dict[str, Any] = {"explained": one["explained"].values.tolist()}
    for name, line in lines.items():
        here = trials["context"].values == name
        strength = trials[name].values
        paths = {f"{c:g}": score[:, here & (strength == c)].mean(axis=1).tolist() for c in np.unique(strength)}
        out[name] = {"line": line["score"].values.tolist(), "paths": paths}
    return out


def flip_flop() -> dict:
    """Sussillo & Barak 2013: the corners of a cube, and the saddles between them."""
    import jax.numpy as jnp

    from neurorec.dynamics import find_fixed_points, fixed_points_of, sample_starts
    from neurorec.networks import run
    from neurorec.tasks import FlipFlop
    from neurorec.training import train

    task, rows, shown = FlipFlop(), [], {}
    trials = task.sample(128, rng=np.random.default_rng(99))
    for kind in ("leaky", "elman", "gru", "lstm"):
        found = train(task, kind, seeds=SEEDS, progress=False)
        for seed, network in zip(SEEDS, found.networks, strict=True):
            rng = np.random.default_rng(seed)
            seen = np.asarray(run(network, np.swapaxes(trials["inputs"].values, 0, 1)))
            points = find_fixed_points(network, sample_starts(seen, 512, noise=0.25, rng=rng), between=True)
            bits = np.asarray(network.readout(jnp.asarray(points.points, dtype=jnp.float32)))
            middle = (np.abs(bits) < 0.5).sum(axis=1)
            cube = points.converged & (np.abs(np.where(np.abs(bits) < 0.5, 0, bits)) < 1.5).all(axis=1)
            right = cube & (points.n_unstable == middle)
            row = {
                "network": kind,
                "seed": seed,
                "score": float(found.curve["test_score"][seed]),
                "n_points": int(points.converged.sum()),
                "n_slow": int((~points.converged).sum()),
                "index": [int((points.converged & (points.n_unstable == k)).sum()) for k in range(5)],
                "places": [len(np.unique(np.rint(bits[right & (middle == k)]), axis=0)) for k in range(4)],
                "q": float(points.q[points.converged].max()),
            }
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
            if seed == 0 and kind != "elman":
                labelled = fixed_points_of(network, trials, n_starts=512, rng=np.random.default_rng(0))
                plane = labelled["mean"].values, labelled["loading"].values
                shown[kind] = {
                    "score": ((points.points - plane[0]) @ plane[1].T).tolist(),
                    "n_unstable": points.n_unstable.tolist(),
                    "converged": points.converged.tolist(),
                    "trajectory": labelled["trajectory"].values.tolist(),
                    "explained": labelled["explained"].values.tolist(),
                }
    return {"rows": rows, "shown": shown}


def chaos() -> dict:
    """The largest exponent of random networks against their gain, and the spectrum of Lorenz's system."""
    import jax.numpy as jnp

    from neurorec.dynamics import edge_of_chaos, lyapunov_spectrum
    from neurorec.networks import Elman, with_readout

    def build(gain: float, n_units: int, seed: int) -> "System":
        rng = np.random.default_rng(seed)
        return with_readout(Elman.random(1, n_units, gain=gain, start="gaussian", rng=rng), 1, rng=rng)

    rows, dimensions = [], []
    for n_units in (50, 100, 200, 400):
        for seed in SEEDS:
            start = np.random.default_rng(seed).standard_normal(n_units)
            gains = (0.7, 0.85, 1.0, 1.15, 1.3, 1.6, 2.0)
            edge = edge_of_chaos(lambda g, n=n_units, s=seed: build(g, n, s), gains, start, n_steps=1500)
            row = {"n_units": n_units, "seed": seed, "gain": edge.gain.tolist(), "exponent": edge.exponent.tolist()}
            rows.append(row | {"critical": edge.critical_gain, "converged": edge.converged})
            print(n_units, seed, edge.critical_gain, edge.converged, file=sys.stderr, flush=True)
    for gain in (1.5, 2.0, 3.0, 5.0):
        start = np.random.default_rng(0).standard_normal(100)
        found = lyapunov_spectrum(build(gain, 100, 0), start, n_steps=3000)
        dimensions.append({"gain": gain, "largest": float(found.exponents[0]), "dimension": found.dimension})

    def lorenz(x: Any, u: Any) -> Any:
        a, b, c = x[..., 0], x[..., 1], x[..., 2]
        return jnp.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c], axis=-1)

    known = lyapunov_spectrum(lorenz, [1.0, 1.0, 20.0], flow=True, dt=0.01, n_steps=200_000, n_washout=2000)
    about = {"exponents": known.exponents.tolist(), "error": known.standard_error.tolist()}
    return {"rows": rows, "dimensions": dimensions, "lorenz": about | {"dimension": known.dimension}}


PARTS: dict[str, Callable[[], dict]] = {
    "integrator": integrator,
    "context": context,
    "flip_flop": flip_flop,
    "chaos": chaos,
}


def main() -> None:
    """Compute what is not in the cache, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder for finished parts")
    parser.add_argument(
        "--parts",
        nargs="*",
        choices=tuple(PARTS),
        default=tuple(PARTS),
        help="others are shown if they are in the cache",
    )
    parser.add_argument("--write", action="store_true", help="put tables and figures into docs/")
    arguments = parser.parse_args()
    from dynamics_reporting import draw_all, markdown
    from tqdm import tqdm

    arguments.cache.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in tqdm(PARTS, file=sys.stderr, unit="part"):
        kept = arguments.cache / f"{name}.json"
        if not kept.exists() and name in arguments.parts:
            kept.write_text(json.dumps(PARTS[name]()))
        if kept.exists():
            found[name] = json.loads(kept.read_text())
    text = f"Measured {date.today().isoformat()}, seeds {', '.join(map(str, SEEDS))}.\n\n{markdown(found)}"
    print(text)
    if arguments.write:
        before, _, rest = DOCS.read_text().partition(BEGIN)
        DOCS.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
        draw_all(found, DOCS.parent / "figures")


if __name__ == "__main__":
    main()
