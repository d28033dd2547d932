"""Time of Lyapunov spectra beside a plain NumPy loop that orthogonalises in every step, in turn, in the same run.

    python benchmarks/lyapunov.py --write

A random network of tanh units, as a map and as a flow; all exponents, and the leading ones. Prints one markdown
document; progress goes to the error stream. See README.md beside this file.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from datetime import date

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from readme import put
from threadpoolctl import threadpool_limits

from neurorec.dynamics import lyapunov_spectrum
from neurorec.networks import Elman, with_readout

GAIN, DT, WASHOUT = 1.5, 0.05, 500


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=200)
    parser.add_argument("--leading", type=int, default=10, help="exponents, where not all are asked for")
    parser.add_argument("--steps", type=int, default=2000, help="after the washout")
    parser.add_argument("--rounds", type=int, default=3, help="times each is timed, in turn")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # JAX asks for processors when it begins
    with threadpool_limits(1):
        lines = table(arguments.units, arguments.leading, arguments.steps, arguments.rounds)
    said = f"Measured {date.today().isoformat()}; one core, jax {jax.__version__}, numpy {np.__version__}."
    text = "\n".join([said, "", *lines])
    print(text)
    if arguments.write:
        put("lyapunov", text)


def table(n_units: int, n_leading: int, n_steps: int, rounds: int) -> list[str]:
    """A row for every system and number of exponents."""
    rng = np.random.default_rng(0)
    network = with_readout(Elman.random(1, n_units, gain=GAIN, rng=rng), 1, rng=rng)
    weights, start = np.asarray(network.cell.recurrent, dtype=float), rng.standard_normal(n_units)
    strong = 2 / GAIN * weights
    systems: dict[str, tuple] = {
        "map, a network": (network, {}, tanh_map(weights), None),
        "map, a function": (lambda x, u: jnp.tanh(x @ weights.T), {}, tanh_map(weights), None),
        "flow, a function": (lambda x, u: jnp.tanh(x) @ strong.T - x, {"flow": True, "dt": DT}, flow(strong), DT),
    }
    lines = [f"### Lyapunov exponents, {n_units} units, {WASHOUT} + {n_steps} steps, processor s", ""]
    lines += ["| system | exponents | ours | of it for two steps | NumPy | ours is faster by | ... but for that |"]
    lines[-1] += " steps between orthogonalisations | largest: ours, NumPy | difference, in standard errors |"
    lines += ["|---" * 10 + "|"]
    for name, (step, options, plain, dt) in systems.items():
        for n_exponents in dict.fromkeys((n_units, n_leading)):
            lines.append(row(name, step, options, plain, dt, start, n_exponents, n_steps, rounds))
            print(lines[-1], file=sys.stderr)
    return [*lines, ""]


def row(
    name: str,
    step: Callable,
    options: dict,
    plain: Callable,
    dt: float | None,
    start: NDArray,
    n_exponents: int,
    n_steps: int,
    rounds: int,
) -> str:
    """Medians of both, and of ours for two steps: what is compiled anew for a function, and kept for a network."""
    taken, ours, theirs = [], None, np.zeros(0)
    for _ in range(rounds + 1):
        times = [time.process_time()]
        lyapunov_spectrum(step, start, n_exponents=n_exponents, n_steps=2, n_washout=0, **options)
        times.append(time.process_time())
        ours = lyapunov_spectrum(step, start, n_exponents=n_exponents, n_steps=n_steps, n_washout=WASHOUT, **options)
        times.append(time.process_time())
        theirs = directly(plain, start, n_exponents, n_steps, dt)
        taken.append(np.diff([*times, time.process_time()]))
    assert ours is not None
    first, mine, other = np.median(np.array(taken)[1:], axis=0)
    apart = np.sqrt(np.mean(((ours.exponents - theirs) / ours.standard_error) ** 2) / 2)
    said = f"| {name} | {n_exponents} | {mine:.2f} | {first:.2f} | {other:.2f} | {other / mine:.1f}x "
    said += f"| {other / max(mine - first, 1e-9):.1f}x | {ours.every} "
    return f"{said}| {ours.exponents[0]:.4f}, {theirs[0]:.4f} | {apart:.1f} |"


def tanh_map(weights: NDArray) -> Callable[[NDArray, NDArray], tuple[NDArray, NDArray]]:
    """``tanh(W x)`` and what its Jacobian does to a frame ``(unit, exponent)``."""

    def step(x: NDArray, frame: NDArray) -> tuple[NDArray, NDArray]:
        after = np.tanh(weights @ x)
        return after, (1 - after**2)[:, None] * (weights @ frame)

    return step


def flow(weights: NDArray) -> Callable[[NDArray, NDArray], tuple[NDArray, NDArray]]:
    """``W tanh(x) - x`` and what its Jacobian does to a frame."""

    def velocity(x: NDArray, frame: NDArray) -> tuple[NDArray, NDArray]:
        rate = np.tanh(x)
        return weights @ rate - x, weights @ ((1 - rate**2)[:, None] * frame) - frame

    return velocity


def directly(step: Callable, start: NDArray, n_exponents: int, n_steps: int, dt: float | None) -> NDArray:
    """Exponents by Q R in every step."""
    x, frame, growth = start, np.eye(len(start), n_exponents), np.zeros(n_exponents)
    for t in range(WASHOUT + n_steps):
        if dt is None:
            x, frame = step(x, frame)
        else:
            a, p = step(x, frame)
            b, q = step(x + dt / 2 * a, frame + dt / 2 * p)
            c, r = step(x + dt / 2 * b, frame + dt / 2 * q)
            d, s = step(x + dt * c, frame + dt * r)
            x, frame = x + dt / 6 * (a + 2 * b + 2 * c + d), frame + dt / 6 * (p + 2 * q + 2 * r + s)
        frame, upper = np.linalg.qr(frame)
        if t >= WASHOUT:
            growth += np.log(np.abs(np.diagonal(upper)))
    return np.sort(growth / n_steps / (dt or 1.0))[::-1]


if __name__ == "__main__":
    main()
