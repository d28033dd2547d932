"""Classic systems at their published sizes, and one beyond: a SORN, Hopfield networks, FOLLOW learning.

    python benchmarks/classics.py --write

A SORN of 200 excitatory and 40 inhibitory units learns the counting task, with the plasticity of its paper, with all
that was added later (noise, inhibitory plasticity, new synapses), and with none, beside the same written in NumPy with
whole matrices. Hopfield networks complete cues of which a tenth is wrong, one unit after the other, beside the same
with the N by N weights in NumPy where these fit. Processor seconds, one thread, median of rounds in turn, compilation
left out. A network under FOLLOW learning is stepped, learning included, beside what its weights between units alone
would cost one by one: every one of them changed, and multiplied by the traces, in compiled loops.
"""

import argparse
import time
from collections.abc import Callable
from datetime import date

import numba
import numpy as np
from clock import cpu
from numpy.typing import NDArray
from readme import put
from table import table

from neurorec.networks import SORN, FollowNetwork, Hopfield, recall, run_follow
from neurorec.tasks import Counting
from neurorec.training import FROZEN, Plasticity, adapt

MORE = Plasticity(stdp=0.004, intrinsic=0.01, inhibitory=0.001, new_synapses=0.1)
WAYS = {
    "plasticity of the paper": (Plasticity(), 0.0),
    "noise, inhibitory plasticity and new synapses too": (MORE, 0.05**0.5),
    "none": (FROZEN, 0.0),
}
CASES = ((1000, 100, 100), (10_000, 1000, 1), (10_000, 1000, 100))
FOLLOW_UNITS = (2000, 3000)  # in both layers: the linear oscillator's and van der Pol's
LARGEST_PLAIN = 1000  # units: beyond it NumPy's loop over units takes minutes


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="times each is timed, in turn")
    parser.add_argument("--steps", type=int, default=20_000, help="of the SORN")
    parser.add_argument("--small", action="store_true", help="leave out the networks of 10,000 units")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    arguments = parser.parse_args()
    said = f"one core, numba {numba.__version__}, numpy {np.__version__}"
    lines = [f"Measured {date.today().isoformat()}; {said}.", "", *sorn(arguments.rounds, arguments.steps), ""]
    cases = CASES[:1] if arguments.small else CASES
    text = "\n".join([*lines, *hopfield(arguments.rounds, cases), "", *follow(arguments.rounds, FOLLOW_UNITS)])
    print(text)
    if arguments.write:
        put("classics", text)


def timed(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median processor seconds, in turn; each is run once before."""
    for way in ways.values():
        way()
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            took[name].append(cpu(way)[1])
    return {name: float(np.median(seconds)) for name, seconds in took.items()}


def sorn(rounds: int, n_steps: int) -> list[str]:
    """Steps per second."""
    rng = np.random.default_rng(0)
    network = SORN.random(6, rng=rng)
    inputs = Counting(n_repeats=4, n_words=n_steps // 6 + 1).sample(1, rng=rng)["inputs"].values[0][:n_steps]
    few = max(200, n_steps // 50)
    ways = {
        name: (lambda p=p, s=s: adapt(network, inputs, plasticity=p, noise=s, rng=rng)) for name, (p, s) in WAYS.items()
    }
    took = timed(
        {**ways, "NumPy": lambda: plain_sorn(network, inputs[:few], WAYS["plasticity of the paper"][0])}, rounds
    )
    rate = {name: (few if name == "NumPy" else n_steps) / seconds for name, seconds in took.items()}
    reached = "reached" if min(rate[name] for name in WAYS) >= 1e4 else "not reached"
    rows = [
        [name, f"{rate[name]:,.0f}", f"{rate[name] / rate['NumPy']:.0f}x" if name != "none" else ""] for name in WAYS
    ]
    rows.append(["plasticity of the paper, in NumPy", f"{rate['NumPy']:,.0f}", ""])
    return [
        f"### SORN, 200 + 40 units: steps per processor second (goal: 10,000, {reached})",
        "",
        *table(["plasticity", "steps/s", "beside NumPy"], rows),
    ]


def plain_sorn(network: SORN, inputs: NDArray, rules: Plasticity) -> NDArray:
    """The same with whole matrices; the weights that come out."""
    W, WI, IW = (np.array(getattr(network, k), dtype=float) for k in ("excitatory", "from_inhibitory", "to_inhibitory"))
    T, TI = (np.array(getattr(network, k), dtype=float) for k in ("threshold", "inhibitory_threshold"))
    drive = inputs @ np.asarray(network.input, dtype=float).T
    x = np.zeros(len(T))
    for u in drive:
        y = (IW @ x - TI >= 0).astype(float)
        after = (W @ x - WI @ y - T + u >= 0).astype(float)
        T += rules.intrinsic * (after - rules.target_rate)
        W += rules.stdp * (np.outer(after, x) - np.outer(x, after)) * (W > 0)
        W = np.maximum(W, 0.0)
        W /= np.maximum(W.sum(axis=1, keepdims=True), 1e-300)
        x = after
    return W


def hopfield(rounds: int, cases: tuple[tuple[int, int, int], ...]) -> list[str]:
    """Seconds of recall."""
    rows = []
    for n_units, n_patterns, n_cues in cases:
        rng = np.random.default_rng(0)
        patterns = rng.choice([-1.0, 1.0], (n_patterns, n_units))
        cues = np.where(rng.random((n_cues, n_units)) < 0.1, -patterns[:n_cues], patterns[:n_cues])
        begin = time.process_time()
        memory = Hopfield.stored(patterns)
        made = time.process_time() - begin
        ways: dict[str, Callable[[], object]] = {
            "ours": lambda m=memory, c=cues: recall(m, c, rng=np.random.default_rng(1))
        }
        if n_units <= LARGEST_PLAIN:
            ways["NumPy"] = lambda p=patterns, c=cues: plain_recall(p, c, np.random.default_rng(1))
        took = timed(ways, rounds)
        found = recall(memory, cues, rng=np.random.default_rng(1))
        overlap = np.einsum("ci,ci->c", found.state, patterns[:n_cues]).mean() / n_units
        beside = f"{took['NumPy'] / took['ours']:.0f}x" if "NumPy" in took else ""
        rows.append(
            [
                f"{n_units:,}",
                f"{n_patterns:,}",
                f"{n_cues}",
                f"{made:.2f}",
                f"{took['ours']:.3g}",
                f"{overlap:.3f}",
                beside,
            ]
        )
    head = ["units", "patterns", "cues", "to learn, s", "to recall, s", "overlap after", "beside NumPy"]
    return ["### Hopfield networks, one unit after the other: processor s (goal: seconds)", "", *table(head, rows)]


def plain_recall(patterns: NDArray, cues: NDArray, rng: np.random.Generator) -> NDArray:
    """The same with the weights multiplied out, all cues at once, until nothing changes."""
    weights = patterns.T @ patterns
    np.fill_diagonal(weights, 0.0)
    states = cues.T.copy()
    while True:
        before = states.copy()
        for i in rng.permutation(len(weights)):
            field = weights[i] @ states
            states[i] = np.where(field == 0, states[i], np.sign(field))
        if (states == before).all():
            return states.T


def follow(rounds: int, sizes: tuple[int, ...], *, n_steps: int = 2000) -> list[str]:
    """Microseconds a step."""
    rows = []
    for n_units in sizes:
        rng = np.random.default_rng(0)
        network = FollowNetwork.random(n_units, n_units, radius=1.0, command_radius=0.2, rng=rng)
        command, reference = (scale * rng.standard_normal((n_steps, 2)) for scale in (0.1, 0.3))
        weights, traces, pushes, drive = np.zeros((n_units, n_units)), rng.random(n_units), *np.zeros((2, n_units))
        took = timed(
            {
                "ours": lambda n=network, u=command, x=reference: run_follow(n, u, reference=x, learning_rate=2e-4),
                "weights": lambda *a, w=weights, s=traces, p=pushes, d=drive: [
                    one_by_one(w, s, p, d) for _ in range(10)
                ],
            },
            rounds,
        )
        mine, plain = 1e6 * took["ours"] / n_steps, 1e6 * took["weights"] / 10
        rows.append([f"{n_units:,} + {n_units:,}", f"{mine:.1f}", f"{plain:,.0f}", f"{plain / mine:.0f}x"])
    head = ["units", "a step that learns, µs", "all weights between units alone, µs", "ratio"]
    return ["### FOLLOW learning: processor time a step of 1 ms", "", *table(head, rows)]


@numba.njit(fastmath=True)
def one_by_one(weights, traces, pushes, drive):
    """Change every weight by a unit's push and a trace, and multiply: all that two rows stand for."""
    for i in range(len(weights)):
        total = 0.0
        for j in range(traces.size):
            weights[i, j] += pushes[i] * traces[j]
            total += weights[i, j] * traces[j]
        drive[i] = total


if __name__ == "__main__":
    main()
