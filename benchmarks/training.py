"""Time of training recurrent networks beside PyTorch, on the same trials, weights and optimiser, in the same run.

    pip install -e . torch
    python benchmarks/training.py --write

Prints one markdown document; progress goes to the error stream. Without PyTorch only our own times are measured.
See README.md beside this file.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

SIZES = {"N64 B64 T100": (64, 64, 100), "N128 B64 T200": (128, 64, 200), "N256 B128 T300": (256, 128, 300)}
NOISE, DT, TAU, RATE = 0.05, 0.02, 0.1, 1e-3
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- training: begin -->", "<!-- training: end -->"
FIRST_STEP = """
import sys, time
import neurorec
from neurorec.tasks import FlipFlop
from neurorec.training import TrainingSettings, train
import neurorec.networks, jax, optax, numba
jax.numpy.zeros(1).block_until_ready()
start = time.perf_counter()
train(FlipFlop(), sys.argv[1], settings=TrainingSettings(n_steps=1, n_held_out=16), progress=False)
print(time.perf_counter() - start)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="*", choices=tuple(SIZES), default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=7, help="times each engine is timed, in turn")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    arguments = parser.parse_args()
    parts = [f"Measured {date.today().isoformat()}; {machine()}.", ""]
    parts += steps(arguments.sizes, arguments.rounds)
    parts += [*same_losses(), "", *seeds_at_once(), *first_steps()]
    text = "\n".join(parts)
    print(text)
    if arguments.write:
        old = README.read_text()
        before, _, rest = old.partition(BEGIN)
        README.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def machine() -> str:
    """Cores and versions."""
    import jax
    import numba

    said = [
        f"{os.cpu_count()} cores",
        f"jax {jax.__version__}",
        f"numba {numba.__version__}",
        f"numpy {np.__version__}",
    ]
    return ", ".join([*said, f"torch {torch.__version__}" if torch else "no PyTorch"])


def work(size: str) -> tuple:
    """A leaky network and a batch: inputs, targets and mask, time first."""
    from neurorec.networks import Leaky, with_readout
    from neurorec.training.batches import Batch

    n_units, n_trials, n_steps = SIZES[size]
    rng = np.random.default_rng(0)
    cell = Leaky.random(3, n_units, dt=DT, tau=TAU, noise=NOISE, rng=rng)
    network = with_readout(cell, 3, rng=rng)
    inputs = rng.standard_normal((n_steps, n_trials, 3)).astype(np.float32)
    targets = rng.standard_normal((n_steps, n_trials, 3)).astype(np.float32)
    ones = np.ones((n_steps, n_trials), dtype=np.float32)
    return network, Batch(inputs, targets, ones, ones)


def ours(size: str, *, n_threads: int, noise: bool = True, compiled: bool = True) -> Callable[[], float]:
    """One update of ours, and its loss."""
    from neurorec.training.learner import start_learning
    from neurorec.training.settings import TrainingSettings
    from neurorec.training.updating import ScanEngine, TiledEngine

    network, batch = work(size)
    if not noise:
        network = replace(network, cell=replace(network.cell, noise=0.0))
    settings = TrainingSettings(learning_rate=RATE, clip=0)
    learner, fixed = start_learning([network], settings.optimiser())
    batch = type(batch)(*(part[None] for part in batch))
    if compiled:
        pool = ThreadPoolExecutor(n_threads) if n_threads > 1 else None
        engine = TiledEngine(fixed, network, loss="squared", settings=settings, seeds=(0,), pool=pool)
    else:
        engine = ScanEngine(fixed, network, loss="squared", settings=settings, seeds=(0,))
    at = [learner, 0]

    def update() -> float:
        at[0], seen = engine.update(at[0], batch, at[1])
        at[1] += 1
        return float(seen.loss[0])

    return update


def theirs(size: str, *, n_threads: int, hoisted: bool, noise: bool = True) -> Callable[[], float]:
    """One update by a tuned PyTorch loop, and its loss: the same network, batch and optimiser."""
    network, batch = work(size)
    cell = network.cell
    scale, leak = cell.noise_scale * noise, cell.leak
    named = {"W": cell.recurrent, "V": cell.input, "b": cell.bias, "R": network.output, "c": network.output_bias}
    weights = {name: torch.nn.Parameter(torch.tensor(np.asarray(value))) for name, value in named.items()}
    optimiser = torch.optim.Adam(weights.values(), lr=RATE)
    inputs, targets = torch.tensor(batch.inputs), torch.tensor(batch.targets)
    n_steps, n_trials, n_units = *inputs.shape[:2], cell.n_units

    def update() -> float:
        torch.set_num_threads(n_threads)
        optimiser.zero_grad()
        W, V, b = weights["W"].T, weights["V"].T, weights["b"]
        drive = inputs @ V + b if hoisted else inputs
        if hoisted and scale:
            drive = drive + scale * torch.randn(n_steps, n_trials, n_units)
        state, states = torch.zeros(n_trials, n_units), []
        for now in drive.unbind(0):  # indexing by step would make each step's gradient as large as all of them
            now = now if hoisted else now @ V + b
            if scale and not hoisted:
                now = now + scale * torch.randn(n_trials, n_units)
            state = (1 - leak) * state + leak * torch.tanh(torch.addmm(now, state, W))
            states.append(state)
        outputs = torch.stack(states) @ weights["R"].T + weights["c"]
        loss = ((outputs - targets) ** 2).mean()
        loss.backward()
        optimiser.step()
        return float(loss)

    return update


def steps(sizes: list[str], rounds: int) -> list[str]:
    """Milliseconds per update of every engine, in turn, and the ratio to the best of PyTorch's."""
    lines = ["### A training step of a leaky network, with noise, ms (median of rounds in turn)", ""]
    engines = {
        "ours, 1 thread": dict(n_threads=1),
        "ours, 2 threads": dict(n_threads=2),
        "ours, by differentiation": None,
    }
    peers = [(hoisted, n) for hoisted in (True, False) for n in (1, 2)] if torch else []
    names = [*engines, *(f"PyTorch, {'inputs first' if h else 'plain loop'}, {n} threads" for h, n in peers)]
    lines += ["| | " + " | ".join(names) + " | best PyTorch / ours |", "|---" * (len(names) + 2) + "|"]
    for size in sizes:
        runs = [ours(size, compiled=o is not None, **(o or dict(n_threads=1))) for o in engines.values()]
        runs += [theirs(size, n_threads=n, hoisted=h) for h, n in peers]
        with threadpool_limits(1, "blas"):  # as `train` does; PyTorch's own are set by the loop above
            times = np.array([[_seconds(run) for run in runs] for _ in range(rounds + 1)])[1:]
        median = np.median(times, axis=0) * 1e3
        ratio = f"{median[len(engines) :].min() / median[:2].min():.2f}" if torch else "-"
        print(size, dict(zip(names, median.round(1), strict=True)), ratio, file=sys.stderr)
        lines.append(f"| {size} | " + " | ".join(f"{m:.1f}" for m in median) + f" | {ratio} |")
    return [*lines, ""]


def _seconds(run: Callable[[], float]) -> float:
    time.sleep(0.3)  # threads of whoever came before spin for a while
    run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def same_losses(n_steps: int = 20) -> list[str]:
    """Largest difference of the losses along some updates without noise."""
    if not torch:
        return []
    size = next(iter(SIZES))
    mine, other = ours(size, n_threads=1, noise=False), theirs(size, n_threads=1, hoisted=True, noise=False)
    pairs = np.array([(mine(), other()) for _ in range(n_steps)])
    worst = np.abs(pairs[:, 0] / pairs[:, 1] - 1).max()
    return [f"Losses without noise along {n_steps} updates ({size}) differ by {worst:.1e} of themselves at most."]


def seeds_at_once(n_seeds: int = 8, n_steps: int = 300) -> list[str]:
    """Eight trainings at once against one, everything included."""
    from neurorec.tasks import FlipFlop
    from neurorec.training import TrainingSettings, train

    settings = TrainingSettings(n_steps=n_steps, criterion=2.0)
    lines = ["### Several seeds at once, flip-flop, 64 units, s", ""]
    lines += ["| network | one | eight | eight / one |", "|---|---|---|---|"]
    for kind in ("leaky", "gru"):
        taken = []
        for seeds in (0, range(n_seeds)):
            start = time.perf_counter()
            train(FlipFlop(), kind, settings=settings, seeds=seeds, progress=False)
            taken.append(time.perf_counter() - start)
        lines.append(f"| {kind} | {taken[0]:.1f} | {taken[1]:.1f} | {taken[1] / taken[0]:.1f} |")
    return [*lines, ""]


def first_steps() -> list[str]:
    """Seconds of a training of one step in a fresh process, all compilation in it; imports are not."""
    lines = ["### First step in a fresh process, all compilation included, s", ""]
    for kind in ("leaky", "gru", "lstm"):
        command = [sys.executable, "-c", FIRST_STEP, kind]
        taken = [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(2)]
        lines.append(f"- {kind}: {min(taken):.1f}")
    return lines


if __name__ == "__main__":
    try:
        import torch
    except ImportError:
        torch = None
    main()
