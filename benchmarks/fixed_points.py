"""Time to find fixed points beside minimisation of the speed by Adam, on the same networks and starts, in the same run.

    python benchmarks/fixed_points.py --write

The peer does what FixedPointFinder does (Golub & Sussillo 2018, doi:10.21105/joss.01003): all starts jointly by Adam,
float32, until every speed is below 1e-12 or the step limit, then near-duplicates are dropped; compiled as a whole by
JAX. With its own settings (a rate that adapts, 5000 steps), with those of its later version (a rate that falls in
steps, 2000 steps), and in float64. To be as exact as ours it is also run, in float64 and with the rate that adapts,
until every speed is below 1e-25. Prints one markdown document; progress goes to the error stream.
"""

import argparse
import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date

import jax
import jax.numpy as jnp
import numba
import numpy as np
from numpy.typing import NDArray
from readme import put

from neurorec.dynamics import find_fixed_points, sample_starts
from neurorec.networks import Elman, Leaky, run, with_readout
from neurorec.tasks import FlipFlop
from neurorec.training import train

SIZES = {"tanh, 16 units, 1024 starts": (Elman, 16, 1024), "leaky, 128 units, 512 starts": (Leaky, 128, 512)}
TOL_Q, EXACT_Q, UNIQUE, MANY = 1e-12, 1e-25, 1e-3, 50_000
TOL_DQ = {TOL_Q: 1e-20, EXACT_Q: 0.0}
GOAL = 20
NOISES = (0.0, 0.5)
PEERS: dict[str, tuple] = {
    "Adam, adaptive rate, float32": ("adaptive", 5000, np.float32, TOL_Q),
    "Adam, adaptive rate, float64": ("adaptive", 5000, np.float64, TOL_Q),
    "Adam, falling rate, float32": ("falling", 2000, np.float32, TOL_Q),
    "Adam, adaptive rate, float64, to 1e-25": ("adaptive", MANY, np.float64, EXACT_Q),
}
FIRST = """
import time, numpy as np
from neurorec.dynamics import find_fixed_points
from neurorec.networks import Elman, with_readout
import jax
jax.numpy.zeros(1).block_until_ready()
rng = np.random.default_rng(0)
network, starts = with_readout(Elman.random(3, 16, gain=1.5, rng=rng), 3, rng=rng), rng.standard_normal((1024, 16))
start = time.perf_counter()
find_fixed_points(network, starts)
print(time.perf_counter() - start)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="times each is timed, in turn")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # JAX asks for processors when it begins
    said = f"one core, jax {jax.__version__}, numba {numba.__version__}, numpy {np.__version__}"
    text = "\n".join([f"Measured {date.today().isoformat()}; {said}.", "", *tables(arguments.rounds), *first_call()])
    print(text)
    if arguments.write:
        put("fixed points", text)


def tables(rounds: int) -> list[str]:
    """Ours and the peers', for every network and noise of the starts."""
    lines = [
        "### Fixed points of trained 3-bit flip-flops, processor s (least of rounds in turn, compilation left out)",
        "",
    ]
    lines += ["| network | noise of starts | method | s | with eigenvalues, s | points | unstable directions: points |"]
    lines[-1] += " worst q | ours is faster by |"
    lines += ["|---" * 9 + "|"]
    goals = []
    for name, (kind, n_units, n_starts) in SIZES.items():
        network, states = trained(kind, n_units)
        for noise in NOISES:
            starts = sample_starts(states, n_starts, noise=noise, rng=np.random.default_rng(1))
            rows, goal = _rows(name, noise, network, starts, rounds)
            lines, goals = lines + rows, goals + goal
    head = ["### Goal: 20 times as fast as the peer that is as exact, and no point less", ""]
    head += [
        "| network | noise of starts | ours | is faster by | points, peer's | worst q, peer's | |",
        "|---" * 7 + "|",
    ]
    return [*head, *goals, "", *lines, ""]


@functools.cache
def trained(kind: type, n_units: int) -> tuple:
    """A flip-flop, and its states in 128 trials."""

    def make(rng: np.random.Generator):
        return with_readout(kind.random(3, n_units, rng=rng), 3, rng=rng)

    network = train("flip_flop", make, progress=False).network
    trials = FlipFlop().sample(128, rng=np.random.default_rng(1))
    return network, np.asarray(run(network, np.swapaxes(trials["inputs"].values, 0, 1)))


def _rows(name: str, noise: float, network, starts: NDArray, rounds: int) -> tuple[list[str], list[str]]:
    works: dict[str, Callable[[], tuple]] = {
        "ours": lambda: ours(network, starts, between=False),
        "ours, between points too": lambda: ours(network, starts, between=True),
    }
    for key, (schedule, most, dtype, tol) in PEERS.items():
        works[key] = functools.partial(adam, network, starts, schedule, most, dtype, tol)
    for work in works.values():
        work()  # compiled
    best: dict[str, list[float]] = {key: [np.inf, np.inf] for key in works}
    found = {}
    for _ in range(rounds):
        for key, work in works.items():
            begin = time.process_time()
            found[key] = work()
            searched = time.process_time()
            values = found[key][2]()
            done = time.process_time()
            best[key] = [min(a, b) for a, b in zip(best[key], (searched - begin, done - begin), strict=True)]
            found[key] = (*found[key][:2], values)
    lines = []
    for key, (points, q, values) in found.items():
        kinds = np.bincount((np.abs(values) > 1).sum(axis=1)) if len(points) else []
        shown = ", ".join(f"{k}: {n}" for k, n in enumerate(kinds) if n)
        times = [a / b for a, b in zip(best[key], best["ours"], strict=True)]
        ratio = "" if key.startswith("ours") else f"{times[0]:.0f}x ({times[1]:.0f}x)"
        row = f"| {name} | {noise:g} | {key} | {best[key][0]:.4f} | {best[key][1]:.4f} | {len(points)} | {shown} |"
        lines.append(f"{row} {q.max():.0e} | {ratio} |")
        print(lines[-1], file=sys.stderr)
    exact = list(PEERS)[-1]
    goals, (peer_points, peer_q, _) = [], found[exact]
    for key in ("ours", "ours, between points too"):
        ratio, (points, q, _) = best[exact][0] / best[key][0], found[key]
        reached = ratio >= GOAL and len(points) >= len(peer_points) and q.max() < EXACT_Q
        row = f"| {name} | {noise:g} | {key} | {ratio:.0f}x | {len(points)}, {len(peer_points)} "
        goals.append(f"{row}| {q.max():.0e}, {peer_q.max():.0e} | {'reached' if reached else 'missed'} |")
    return lines, goals


def ours(network, starts: NDArray, *, between: bool) -> tuple[NDArray, NDArray, Callable[[], NDArray]]:
    """Points, speeds, and how to get their eigenvalues."""
    found = find_fixed_points(network, starts, between=between)
    return found.points, found.q, lambda: found.eigenvalues


def adam(
    network, starts: NDArray, schedule: str, most: int, dtype: type, tol: float
) -> tuple[NDArray, NDArray, Callable[[], NDArray]]:
    """The same by the peer: what stayed above 1e-9 is left out, and of points within 1e-3 in every element one kept."""
    cell = network.cell
    leak = 1.0 if isinstance(cell, Elman) else cell.leak
    with jax.enable_x64(dtype is np.float64):
        weights, bias = jnp.asarray(cell.recurrent, dtype), jnp.asarray(cell.bias, dtype)
        states, q = minimise(leak, weights, bias, jnp.asarray(starts, dtype), schedule=schedule, most=most, tol=tol)
        states, q = np.asarray(states), np.asarray(q)
    kept: list[int] = []
    for k in np.argsort(q):
        if q[k] < 1e-9 and (not kept or np.abs(states[kept] - states[k]).max(axis=1).min() > UNIQUE):
            kept.append(k)
    W = np.asarray(cell.recurrent)

    def eigenvalues() -> NDArray:
        slope = 1 - np.tanh(states[kept] @ W.T + np.asarray(cell.bias)) ** 2
        return np.linalg.eigvals((1 - leak) * np.eye(len(W), dtype=dtype) + leak * slope[:, :, None] * W)

    return states[kept], q[kept], eigenvalues


@functools.partial(jax.jit, static_argnames=("leak", "schedule", "most", "tol"))
def minimise(leak: float, weights, bias, states, *, schedule: str, most: int, tol: float) -> tuple:
    """Adam on the mean of ``q = |F|^2 / 2``, with the clip of the gradient's norm by what it was lately."""

    def speed(x):
        q = 0.5 * ((leak * (jnp.tanh(x @ weights.T + bias) - x)) ** 2).sum(axis=-1)
        return q.mean(), q

    slope = jax.value_and_grad(speed, has_aux=True)

    def advance(now: tuple) -> tuple:
        k, x, first, second, rate, losses, norms, before, _ = now
        (loss, q), gradient = slope(x)
        norm = jnp.sqrt((gradient**2).sum())
        norms = jnp.roll(norms, 1).at[0].set(norm)
        clip = jnp.where(k == 0, 1.0, jnp.nanpercentile(norms, 95))
        gradient = gradient * jnp.minimum(1, clip / jnp.maximum(norm, 1e-30))
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        if schedule == "adaptive":  # as loss has risen above, or fallen throughout, the last six
            falling = jnp.all(jnp.diff(jnp.concatenate([loss[None], losses])) > 0)
            rate = jnp.where(
                k < 7, rate, jnp.where(loss >= losses.max(), 0.95 * rate, jnp.where(falling, rate / 0.95, rate))
            )
            small = 0.01
        else:
            rate, small = jnp.asarray(0.05, x.dtype) * 0.7 ** (k // 500).astype(x.dtype), 1e-8
        size = (rate * jnp.sqrt(1 - 0.999 ** (k + 1.0)) / (1 - 0.9 ** (k + 1.0))).astype(x.dtype)
        x = x - size * first / (jnp.sqrt(second) + small)
        done = jnp.all((q < tol) | (jnp.abs(q - before) < TOL_DQ[tol] * rate))
        return k + 1, x, first, second, rate.astype(x.dtype), jnp.roll(losses, 1).at[0].set(loss), norms, q, done

    kind, nothing = states.dtype, jnp.zeros_like(states)
    begin = (jnp.asarray(0), states, nothing, nothing, jnp.asarray(1.0, kind), jnp.full(6, jnp.inf, kind))
    begin += (jnp.full(128, jnp.nan, kind), jnp.full(len(states), jnp.inf, kind), jnp.asarray(False))
    ended = jax.lax.while_loop(lambda now: (now[0] < most) & ~now[-1], advance, begin)
    return ended[1], speed(ended[1])[1]


def first_call() -> list[str]:
    """Seconds of the first search in a fresh process; imports are not counted."""
    taken = [float(subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=True).stdout)]
    return [f"First search of a fresh process, compiled loops from the disk: {taken[0]:.2f} s.", ""]


if __name__ == "__main__":
    main()
