"""Time of recursive least squares and FORCE beside reservoirpy, on the same work, in turn, in the same run.

    pip install -e . reservoirpy
    python benchmarks/force.py --write

Prints one markdown document; progress goes to the error stream. Without `reservoirpy` ours is timed alone; a Python
that has it may be named instead (``--peer PYTHON``): it is then run as a process of its own, on the same arrays, right
after ours, in every round.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
from readme import put
from threadpoolctl import threadpool_limits

UNITS, GOAL = (500, 1000), 10
N_STEPS, LEAK = 500, 0.1
PEER = """
import json, sys, time
import numpy as np, reservoirpy
from reservoirpy.nodes import RLS, Reservoir
from scipy.sparse import csr_array
data = np.load(sys.argv[1])
sources, inputs, target, inward = (data[name] for name in ("sources", "inputs", "target", "inward"))
weights = csr_array(data["weights"]) if sys.argv[2] == "csr" else data["weights"]
def node():
    return RLS(alpha=1.0, fit_bias=False)
def network():
    units = len(inward)
    return Reservoir(units=units, W=weights, Win=inward, bias=np.zeros(units), lr=float(sys.argv[3])) >> node()
node().partial_fit(sources[:5], target[:5])
network().partial_fit(inputs[:5], target[:5])
alone = node()
start = time.process_time()
alone.partial_fit(sources, target)
middle = time.process_time()
model = network()
model.partial_fit(inputs, target)
end = time.process_time()
learned = [alone.Wout, model.nodes[-1].Wout]
taken = {"seconds": [middle - start, end - middle], "weights": [np.ravel(w).tolist() for w in learned]}
print(json.dumps(taken | {"version": reservoirpy.__version__}))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="times each is timed, in turn")
    parser.add_argument("--units", type=int, nargs="*", default=UNITS)
    parser.add_argument("--peer", default=sys.executable, help="a Python that has reservoirpy")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        rows = [row for n_units in arguments.units for row in measured(n_units, arguments)]
    version = next((row[-1] for row in rows if row[-1]), "absent")
    lines = [f"Measured {date.today().isoformat()}; one thread, numpy {np.__version__}, reservoirpy {version}.", ""]
    lines += ["| work | units | ours, us a step | reservoirpy | theirs / ours | goal | weights differ by |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for what, n_units, ours, theirs, off, _ in rows:
        ratio = theirs / ours
        reached = f">= {GOAL}x: {'reached' if ratio >= GOAL else 'missed'}" if ratio == ratio else "-"
        lines.append(f"| {what} | {n_units} | {ours:.0f} | {theirs:.0f} | {ratio:.1f} | {reached} | {off:.0e} |")
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.write:
        put("force", text)


def measured(n_units: int, arguments: argparse.Namespace) -> list[tuple[str, int, float, float, float, str]]:
    """Microseconds a step of both works, ours and theirs, and how far the weights are apart."""
    data = work(n_units)
    ours, theirs, weights, other = [], [], [], {}
    for _ in range(arguments.rounds + 1):
        taken, weights = learn(data)
        ours.append(taken)
        other = peer(arguments.peer, data)
        theirs.append(other.get("seconds", [np.nan, np.nan]))
    mine, their = (1e6 / N_STEPS * np.median(np.array(t)[1:], axis=0) for t in (ours, theirs))
    rows = []
    for k, what in enumerate(("recursive least squares", "a network that learns in every step")):
        known = np.array(other["weights"][k]) if other else np.full(n_units, np.nan)
        off = float(np.abs(known - weights[k]).max() / np.abs(weights[k]).max())
        rows.append((what, n_units, float(mine[k]), float(their[k]), off, other.get("version", "")))
        print(rows[-1], file=sys.stderr)
    return rows


def work(n_units: int) -> dict[str, np.ndarray]:
    """A sparse random network, driven by what it is to produce a step later, and its activity."""
    rng = np.random.default_rng(0)
    weights = 1.5 / np.sqrt(0.1 * n_units) * rng.standard_normal((n_units, n_units))
    weights *= rng.random(weights.shape) < 0.1
    inward = rng.uniform(-1, 1, (n_units, 1))
    angle = 2 * np.pi * np.arange(N_STEPS + 1)[:, None] / 1200
    wave = np.sin(angle) + np.sin(2 * angle) / 2 + np.sin(3 * angle) / 6 + np.sin(4 * angle) / 3
    state, sources = np.zeros(n_units), []
    for value in wave[:-1]:
        state = (1 - LEAK) * state + LEAK * np.tanh(weights @ state + inward @ value)
        sources.append(state)
    weights = weights.astype(np.float32).astype(float)
    inward = inward.astype(np.float32).astype(float)
    return {
        "weights": weights, "inward": inward, "inputs": wave[:-1], "target": wave[1:], "sources": np.stack(sources)
    }  # fmt: skip


def learn(data: dict[str, np.ndarray]) -> tuple[list[float], list[np.ndarray]]:
    """Seconds of both works, and the readouts that they end with."""
    import jax.numpy as jnp

    from neurorec.networks import Leaky, Network
    from neurorec.training import recursive_least_squares
    from neurorec.training.force_learner import Learner, lesson_of

    n_units = len(data["weights"])
    arrays = (data["weights"], data["inward"], np.zeros(n_units), np.zeros((1, n_units)), np.zeros(1))
    weights, inward, bias, output, output_bias = (jnp.asarray(a, dtype=jnp.float32) for a in arrays)
    cell = Leaky(weights, inward, bias, dt=LEAK, tau=1.0, noise=0.0)
    network = Network(cell, output, output_bias, bias)
    lesson = lesson_of(network, data["target"], data["inputs"])
    start = time.process_time()
    alone = recursive_least_squares(data["sources"], data["target"])
    middle = time.process_time()
    learner = Learner(network, cell, np.zeros((n_units, 1)), False, None, 1.0, 1)
    learner.learn(lesson, np.zeros(n_units), 1, False)
    end = time.process_time()
    return [middle - start, end - middle], [alone.weights[0], learner.output[0]]


def peer(python: str, data: dict[str, np.ndarray]) -> dict:
    """What reservoirpy learns and how long it takes, with the faster of dense and sparse weights; nothing without."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        np.savez(path, allow_pickle=False, **data)
        for kind in ("dense", "csr"):
            command = [python, "-c", PEER, str(path), kind, str(LEAK)]
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            if done.returncode:
                print(f"no reservoirpy: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                continue
            found.append(json.loads(done.stdout.strip().splitlines()[-1]))
    return min(found, key=lambda taken: taken["seconds"][1]) if found else {}


if __name__ == "__main__":
    main()
