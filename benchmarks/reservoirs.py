"""Time of reservoirs beside reservoirpy, on the same weights and inputs, in turn, in the same run.

    pip install -e . reservoirpy
    python benchmarks/reservoirs.py --write

Prints one markdown document; progress goes to the error stream. A Python that has reservoirpy may be named instead
(``--peer PYTHON``): it is then run as a process of its own, on the same arrays, right after ours, in every round.
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
import scipy.sparse
from readme import put
from threadpoolctl import threadpool_limits

SIZES = ((100, 0.1), (500, 0.1), (1000, 0.1), (2000, 0.005))  # units, share of the units that each hears
N_SEQUENCES, LENGTH, LONG = 64, 50, 3000
GOAL_MANY, GOAL_ONE = 4, 1
LEAK, WASHOUT = 0.5, 100
MOST = 1000  # units of which readouts are timed
PEER = """
import json, sys, time
import numpy as np, scipy.sparse
from reservoirpy.nodes import Reservoir, Ridge
print("ready", flush=True)
for line in sys.stdin:
    folder, leak, washout = json.loads(line)
    data, W = np.load(folder + "/data.npz"), scipy.sparse.load_npz(folder + "/weights.npz")
    taken, bias = {}, np.zeros(W.shape[0])
    for name, series in (("one", data["long"]), ("many", list(data["many"]))):
        reservoir = Reservoir(units=W.shape[0], lr=leak, W=W, Win=data["V"], bias=bias, input_dim=1)
        start = time.process_time()
        states = reservoir.run(series)
        taken[name] = time.process_time() - start
        np.save(folder + "/" + name + ".npy", np.asarray(states))
    x, y = np.load(folder + "/one.npy"), data["target"]
    ridge = Ridge(ridge=1e-6)
    start = time.process_time()
    ridge.fit(x, y, warmup=washout)
    taken["ridge"] = time.process_time() - start
    np.save(folder + "/out.npy", np.asarray(ridge.run(x)))
    print(json.dumps(taken), flush=True)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="times each is timed, in turn")
    parser.add_argument("--peer", default=sys.executable, help="a Python that has reservoirpy")
    parser.add_argument("--sizes", type=int, nargs="*", help="numbers of units, of those that there are")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    arguments = parser.parse_args()
    sizes = [size for size in SIZES if not arguments.sizes or size[0] in arguments.sizes]
    peer = start_peer(arguments.peer)
    with threadpool_limits(1):
        rows = [measure(*size, peer, arguments.rounds) for size in sizes]
    if peer is not None:
        peer.communicate()
    text = "\n".join(document(rows)).rstrip() + "\n"
    print(text)
    if arguments.write:
        put("reservoirs", text)


def measure(n_units: int, density: float, peer: subprocess.Popen | None, rounds: int) -> dict:
    """Processor seconds of each, and how far the answers are apart."""
    from neurorec.networks import reservoir_states, reservoir_weights
    from neurorec.training import fit_readout

    rng = np.random.default_rng(0)
    weights = scipy.sparse.csr_array(reservoir_weights(n_units, density=density, rng=rng))
    data = {
        "V": rng.uniform(-1, 1, (n_units, 1)),
        "long": rng.uniform(-1, 1, (LONG, 1)),
        "many": rng.uniform(-1, 1, (N_SEQUENCES, LENGTH, 1)),
    }
    data["target"] = np.roll(data["long"], 3, axis=0)
    side = np.ascontiguousarray(data["many"].swapaxes(0, 1))
    single, penalties = weights.astype(np.float32), np.logspace(-8, 1, 10)
    ways = {
        "one": lambda: reservoir_states(weights, data["V"], data["long"], leak=LEAK),
        "one32": lambda: reservoir_states(single, data["V"], data["long"], leak=LEAK),
        "many": lambda: reservoir_states(weights, data["V"], side, leak=LEAK),
        "many32": lambda: reservoir_states(single, data["V"], side, leak=LEAK),
    }
    taken: dict[str, list[float]] = {}
    found: dict[str, np.ndarray] = {}
    off: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "data.npz", **data)
        scipy.sparse.save_npz(Path(folder) / "weights.npz", scipy.sparse.csr_matrix(weights))
        for turn in range(rounds + 1):
            for name, way in ways.items():
                start = time.process_time()
                found[name] = way()
                taken.setdefault(name, []).append(time.process_time() - start)
            fit = {"ridge": [1e-6], "ridge, ten penalties, five folds": penalties} if n_units <= MOST else {}
            for name, tried in fit.items():
                start = time.process_time()
                readout = fit_readout(found["one"], data["target"], washout=WASHOUT, penalties=tried, folds=5)
                taken.setdefault(name, []).append(time.process_time() - start)
                if name == "ridge":
                    found["out"] = readout.outputs(found["one"])
            for name, seconds in theirs(peer, folder).items():
                taken.setdefault(f"peer {name}", []).append(seconds)
            print(f"{n_units} units, round {turn}", file=sys.stderr)
        for name in ("one", "many", "out"):
            path = Path(folder) / f"{name}.npy"
            if path.exists() and name in found:
                other = np.load(path)
                mine = found[name].swapaxes(0, 1) if name == "many" else found[name]
                off[name] = float(np.abs(mine - other).max())
                if name != "out":
                    alike = found[f"{name}32"]
                    alike = alike.swapaxes(0, 1) if name == "many" else alike
                    off[f"{name}32"] = float(np.abs(alike - other).max())
    middle = {name: float(np.median(seconds[1:])) for name, seconds in taken.items()}
    return {"n_units": n_units, "density": density, "seconds": middle, "off": off}


def start_peer(python: str) -> subprocess.Popen | None:
    """A process that runs reservoirpy whenever it is told to; none without it."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    peer = subprocess.Popen(
        [python, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment,
    )  # fmt: skip
    if peer.stdout is None or peer.stdout.readline() != "ready\n":
        print(f"no reservoirpy: {peer.communicate()[1].strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return peer


def theirs(peer: subprocess.Popen | None, folder: str) -> dict[str, float]:
    """Processor seconds of reservoirpy; nothing without it."""
    if peer is None or peer.stdin is None or peer.stdout is None:
        return {}
    peer.stdin.write(json.dumps([folder, LEAK, WASHOUT]) + "\n")
    peer.stdin.flush()
    return json.loads(peer.stdout.readline())


def document(rows: list[dict]) -> list[str]:
    """Goals, and what each took."""
    lines = [f"Measured {date.today().isoformat()}; {os.cpu_count()} cores, numpy {np.__version__}, one thread.", ""]
    lines += ["### Goals", "", "| | goal | measured | |", "|---|---|---|---|"]
    for name, label, least in (
        ("many", f"{N_SEQUENCES} sequences side by side", GOAL_MANY),
        ("one", "one sequence", GOAL_ONE),
    ):
        for row in rows:
            kinds = {"": "double precision, as theirs", "32": "single precision"}
            for kind, said in kinds.items():
                ratio = row["seconds"].get(f"peer {name}", np.nan) / row["seconds"][name + kind]
                what = f"{label}, {row['n_units']} units at {row['density']:.1%}, {said}"
                reached = "reached" if ratio >= least else "missed" if ratio < least else "no peer"
                lines.append(f"| {what} | >= {least}x reservoirpy | {ratio:.1f}x | {reached} |")
    steps = {"one": LONG, "many": N_SEQUENCES * LENGTH}
    head = ["units", "density", "sequences", "ours, float64", "ours, float32", "reservoirpy", "states apart", "float32"]
    lines += ["", "### Processor microseconds a step of one sequence", "", "| " + " | ".join(head) + " |"]
    lines.append("|---" * len(head) + "|")
    for row in rows:
        for name, count in steps.items():
            each = [1e6 * row["seconds"].get(key, np.nan) / count for key in (name, f"{name}32", f"peer {name}")]
            apart = [f"{row['off'].get(key, np.nan):.0e}" for key in (name, f"{name}32")]
            many = N_SEQUENCES if name == "many" else 1
            cells = [str(row["n_units"]), f"{row['density']:.1%}", str(many), *(f"{e:.2f}" for e in each), *apart]
            lines.append("| " + " | ".join(cells) + " |")
    head = ["units", "one penalty, with its held-out error", "ten penalties, five folds", "reservoirpy, one penalty"]
    lines += ["", f"### Readout of {LONG - WASHOUT} steps, processor ms", "", "| " + " | ".join(head) + " | apart |"]
    lines.append("|---" * (len(head) + 1) + "|")
    for row in rows:
        if row["n_units"] > MOST:
            continue
        each = [row["seconds"].get(key, np.nan) for key in ("ridge", "ridge, ten penalties, five folds", "peer ridge")]
        apart = f"{row['off'].get('out', np.nan):.0e}"
        lines.append(f"| {row['n_units']} | " + " | ".join(f"{1e3 * e:.0f}" for e in each) + f" | {apart} |")
    return lines


if __name__ == "__main__":
    main()
