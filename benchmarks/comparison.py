"""Time of comparisons beside their peers, on the same arrays, in turn, in the same run.

    pip install -e . dsa-metric
    python benchmarks/comparison.py --write

Prints one markdown document; progress goes to the error stream. Without `dsa-metric`, which brings PyTorch, delay maps
and their scores are timed alone; a Python that has it may be named instead (``--dsa PYTHON``): it is then run as a
process of its own, on the same arrays, right after ours, in every round.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
from readme import put
from scipy.spatial import procrustes
from threadpoolctl import threadpool_limits

SHAPE = (50, 100, 50)  # conditions, steps, dimensions
N_DELAYS, RANKS, RUNS = 10, (20, 50), 5
GOAL = 8
PEER = """
import contextlib, io, json, sys, time
import numpy as np, torch
torch.set_num_threads(1)
from DSA.dmd import DMD
from DSA.simdist import SimilarityTransformDist
path, what, n_delays, rank, runs = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
x, y = (np.load(path)[name] for name in "xy")
def fitted(v):
    model = DMD(v, n_delays=n_delays, rank=rank)
    with contextlib.redirect_stdout(io.StringIO()):
        model.fit()
    return model.A_v
fitted(x[:, :30])
start = time.process_time()
a, b = fitted(x), fitted(y)
taken = {"fit": time.process_time() - start, "a": np.asarray(a).tolist(), "b": np.asarray(b).tolist()}
start = time.process_time()
score = SimilarityTransformDist(score_method="wasserstein").fit_score(a, b)
taken["eigenvalues"], taken["score"] = time.process_time() - start, float(score)
taken["angular"], taken["angles"] = [], []
for seed in range(runs if what == "angular" else 0):
    torch.manual_seed(seed)
    start = time.process_time()
    angle = SimilarityTransformDist(score_method="angular", iters=1500, lr=5e-3).fit_score(a.clone(), b.clone())
    taken["angular"].append(time.process_time() - start)
    taken["angles"].append(float(angle))
print(json.dumps(taken))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="times each is timed, in turn")
    parser.add_argument("--systems", type=int, default=30, help="of the pairwise distances")
    parser.add_argument("--dsa", default=sys.executable, help="a Python that has dsa-metric")
    parser.add_argument("--parts", nargs="*", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    arguments = parser.parse_args()
    goals, lines = [], []
    with threadpool_limits(1):
        for part in arguments.parts:
            reached, table = PARTS[part](arguments)
            goals, lines = goals + reached, [*lines, *table, ""]
    head = [f"Measured {date.today().isoformat()}; {os.cpu_count()} cores, numpy {np.__version__}, one thread.", ""]
    head += ["### Goals", "", "| | goal | measured | |", "|---|---|---|---|", *goals, ""]
    text = "\n".join([*head, *lines]).rstrip() + "\n"
    print(text)
    if arguments.write:
        put("comparison", text)


def goal(what: str, asked: str, measured: str, reached: bool) -> str:
    """A row of the table of goals."""
    return f"| {what} | {asked} | {measured} | {'reached' if reached else 'missed'} |"


def shapes(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """All pairs of systems, against one pair after the other."""
    n_systems, rounds = arguments.systems, arguments.rounds
    rng = np.random.default_rng(0)
    rows, n_units = SHAPE[0] * SHAPE[1], SHAPE[2]
    systems = [rng.standard_normal((SHAPE[0], SHAPE[1], n_units)) for _ in range(n_systems)]
    flat = [system.reshape(rows, n_units) for system in systems]
    pairs = [(i, j) for i in range(n_systems) for j in range(i + 1, n_systems)]
    ways: dict[str, Callable[[], list[float]]] = {
        "ours": lambda: all_pairs(systems, single=False),
        "ours, single precision": lambda: all_pairs(systems, single=True),
        "direct, pair by pair": lambda: [direct(flat[i], flat[j]) for i, j in pairs],
        "scipy.spatial.procrustes": lambda: [angle_of(procrustes(flat[i], flat[j])[2]) for i, j in pairs],
    }
    times, found = in_turn(ways, rounds)
    lines = [
        f"### Procrustes distances, {rows} x {n_units}, {n_systems} systems, {len(pairs)} pairs, processor ms a pair",
        "",
    ]
    lines += ["| " + " | ".join(ways) + " | direct / ours | direct / single |", "|---" * (len(ways) + 2) + "|"]
    ms = 1e3 * times / len(pairs)
    lines.append("| " + " | ".join(f"{m:.2f}" for m in ms) + f" | {ms[2] / ms[0]:.1f} | {ms[2] / ms[1]:.1f} |")
    worst = [np.abs(np.subtract(found[2], found[k])).max() for k in range(2)]
    lines += ["", f"Distances differ from the direct ones at most by {worst[0]:.1e} rad, in single {worst[1]:.1e} rad."]
    asked = f">= {GOAL}x a direct implementation"
    ratios = [ms[2] / ms[0], ms[2] / ms[1]]
    names = ("Procrustes distances, pairwise", "... in single precision")
    rows = [goal(n, asked, f"{r:.1f}x", r >= GOAL) for n, r in zip(names, ratios, strict=True)]
    return rows, lines


def all_pairs(systems: list[np.ndarray], *, single: bool) -> list[float]:
    """Distances of all pairs, in order."""
    from neurorec.comparison import shape_distances

    found = shape_distances(systems, single=single).distance
    return found[np.triu_indices(len(systems), 1)].tolist()


def direct(x: np.ndarray, y: np.ndarray) -> float:
    """The definition: centre, scale, rotate by the best rotation, and measure the angle."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    left, _, right = np.linalg.svd(x.T @ y)
    return float(np.arccos(min(((x @ (left @ right)) * y).sum(), 1.0)))


def angle_of(disparity: float) -> float:
    """The angle of SciPy's disparity, which is its squared sine."""
    return float(np.arcsin(np.sqrt(min(disparity, 1.0))))


def dynamics(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Delay maps and the distance of their spectra, of two systems."""
    from neurorec.comparison import delay_map, spectral_distance

    python, rounds, goals = arguments.dsa, arguments.rounds, []
    x, y = two_systems()
    lines = [
        f"### Delay-embedded similarity, eigenvalue score, {SHAPE}, {N_DELAYS} delays, processor ms for two systems",
        "",
    ]
    lines += [
        "| rank | ours, maps | ours, score | dsa-metric, maps | dsa-metric, score | theirs / ours | ours, theirs |"
    ]
    lines += ["|---|---|---|---|---|---|---|"]
    for rank in RANKS:
        mine, theirs, score, other = [], [], 0.0, {}
        for _ in range(rounds + 1):
            start = time.process_time()
            maps = [delay_map(v, n_delays=N_DELAYS, rank=rank) for v in (x, y)]
            middle = time.process_time()
            score = spectral_distance(maps[0].eigenvalues, maps[1].eigenvalues)
            mine.append([middle - start, time.process_time() - middle])
            other = peer(python, x, y, "eigenvalues", rank)
            theirs.append([other.get("fit", np.nan), other.get("eigenvalues", np.nan)])
        ours, peers = (1e3 * np.median(np.array(taken)[1:], axis=0) for taken in (mine, theirs))
        row = f"| {rank} | {ours[0]:.0f} | {ours[1]:.1f} | {peers[0]:.0f} | {peers[1]:.1f} "
        row += f"| {peers.sum() / ours.sum():.1f} | {score:.5f}, {np.sqrt(other.get('score', np.nan)):.5f} |"
        print(row, file=sys.stderr)
        lines.append(row)
        ratio = peers.sum() / ours.sum()
        asked = f">= {GOAL}x dsa-metric"
        goals.append(goal(f"delay-embedded similarity, rank {rank}", asked, f"{ratio:.1f}x", ratio >= GOAL))
    return goals, [*lines, "", "Theirs is the squared distance; its root is shown. Theirs are in float32."]


def angles(arguments: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Angular scores of the very same maps: ours once with sixteen starts, theirs from five seeds."""
    from neurorec.comparison import delay_map, map_angle

    python, goals = arguments.dsa, []
    x, y = two_systems()
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((SHAPE[2], SHAPE[2])))[0]
    lines = [
        "### Angular score, rad, of the same maps: the best of sixteen starts, five runs of dsa-metric; processor s",
        "",
    ]
    lines += ["| data | rank | ours | spread | s | dsa-metric, best | its worst | s a run | five runs / ours |"]
    lines += ["|---" * 9 + "|"]
    for name, other in (("two systems", y), ("one, turned", x @ turn)):
        for rank in RANKS:
            theirs = peer(python, x, other, "angular", rank)
            known = [np.array(theirs[k]) for k in "ab"] if theirs else None
            maps = known or [delay_map(v, n_delays=N_DELAYS, rank=rank).matrix for v in (x, other)]
            start = time.process_time()
            found = map_angle(*maps, rng=np.random.default_rng(0))
            taken = time.process_time() - start
            seen = theirs.get("angles", [np.nan])
            each = float(np.median(theirs.get("angular", [np.nan])))
            row = f"| {name} | {rank} | {found.angle:.5f} | to {found.spread[-1]:.5f} | {taken:.2f} "
            row += f"| {min(seen):.5f} | {max(seen):.5f} | {each:.2f} | {RUNS * each / taken:.1f} |"
            print(row, file=sys.stderr)
            lines.append(row)
            measured = f"{found.angle:.5f} against {min(seen):.5f} rad"
            what = f"angular score, {name}, rank {rank}"
            goals.append(goal(what, "never worse than its best of five", measured, found.angle <= min(seen)))
    return goals, lines


PARTS = {"shapes": shapes, "dynamics": dynamics, "angles": angles}


def two_systems() -> tuple[np.ndarray, np.ndarray]:
    """Responses of two random networks with leaky units and noise ``(condition, time, unit)``."""
    found = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        n_conditions, n_steps, n_units = SHAPE
        weights = 1.2 * rng.standard_normal((n_units, n_units)) / np.sqrt(n_units)
        state, states = rng.standard_normal((n_conditions, n_units)), []
        for _ in range(n_steps):
            state = 0.8 * state + 0.2 * np.tanh(state @ weights.T) + 0.05 * rng.standard_normal(state.shape)
            states.append(state)
        found.append(np.stack(states, axis=1))
    return found[0], found[1]


def peer(python: str, x: np.ndarray, y: np.ndarray, what: str, rank: int) -> dict:
    """What dsa-metric says and how long it takes, in a process of its own; nothing without it."""
    import json

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        np.savez(path, x=x, y=y)
        command = [python, "-c", PEER, str(path), what, str(N_DELAYS), str(rank), str(RUNS)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        print(f"no dsa-metric: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return {}
    return json.loads(done.stdout.strip().splitlines()[-1])


def in_turn(ways: dict[str, Callable[[], list[float]]], rounds: int) -> tuple[np.ndarray, list[list[float]]]:
    """Median processor seconds of each, in turn, and what each found: others on the machine count less in them."""
    taken, found = [], []
    for _ in range(rounds + 1):
        row, found = [], []
        for way in ways.values():
            start = time.process_time()
            found.append(way())
            row.append(time.process_time() - start)
        taken.append(row)
    return np.median(np.array(taken)[1:], axis=0), found


if __name__ == "__main__":
    main()
