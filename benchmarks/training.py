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

import numpy as np
from readme import put
from threadpoolctl import threadpool_limits

SIZES = {"N64 B64 T100": (64, 64, 100), "N128 B64 T200": (128, 64, 200), "N256 B128 T300": (256, 128, 300)}
NOISE, DT, TAU, RATE = 0.05, 0.02, 0.1, 1e-3
OURS: dict[str, dict] = {
    "ours, 1 thread": {"n_threads": 1},
    "ours, 2 threads": {"n_threads": 2},
    "ours, by differentiation": {"n_threads": 1, "compiled": False},
}
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
    parts += gated_steps(arguments.sizes, arguments.rounds)
    parts += [*same_losses(), *seeds_at_once(), *first_steps()]
    text = "\n".join(parts)
    print(text)
    if arguments.write:
        put("training", text)


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


def work(size: str, kind: str = "leaky") -> tuple:
    """A network and a batch: inputs, targets and mask, time first."""
    from neurorec.networks import GRU, LSTM, Leaky, with_readout
    from neurorec.training.batches import Batch

    n_units, n_trials, n_steps = SIZES[size]
    rng = np.random.default_rng(0)
    if kind == "leaky":
        cell = Leaky.random(3, n_units, dt=DT, tau=TAU, noise=NOISE, rng=rng)
    else:
        cell = {"lstm": LSTM, "gru": GRU}[kind].random(3, n_units, rng=rng)
    network = with_readout(cell, 3, rng=rng)
    inputs = rng.standard_normal((n_steps, n_trials, 3)).astype(np.float32)
    targets = rng.standard_normal((n_steps, n_trials, 3)).astype(np.float32)
    ones = np.ones((n_steps, n_trials), dtype=np.float32)
    return network, Batch(inputs, targets, ones, ones)


def ours(
    size: str, *, n_threads: int, kind: str = "leaky", noise: bool = True, compiled: bool = True
) -> Callable[[], float]:
    """One update of ours, and its loss."""
    from neurorec.training.learner import start_learning
    from neurorec.training.settings import TrainingSettings
    from neurorec.training.updating import ScanEngine, TiledEngine

    network, batch = work(size, kind)
    if kind == "leaky" and not noise:
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
        return float(loss.detach())

    return update


def module(size: str, kind: str, *, n_threads: int) -> Callable[[], float]:
    """One update by PyTorch's own layer of gated units, and its loss: the same network, batch and optimiser."""
    network, batch = work(size, kind)
    cell, given = network.cell, lambda value: torch.tensor(np.asarray(value))
    layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind](cell.n_inputs, cell.n_units)
    readout = torch.nn.Linear(cell.n_units, network.n_outputs)
    past = torch.zeros_like(layer.bias_hh_l0)  # of two biases that act alike ours has one, so one learns here
    if kind == "gru":
        past[2 * cell.n_units :] = given(cell.reset_bias)
        layer.bias_hh_l0.register_hook(lambda gradient: gradient * (torch.arange(len(past)) >= 2 * cell.n_units))
    else:
        layer.bias_hh_l0.requires_grad_(False)
    values = {layer.weight_ih_l0: cell.input, layer.weight_hh_l0: cell.recurrent, layer.bias_ih_l0: cell.bias}
    values |= {layer.bias_hh_l0: past, readout.weight: network.output, readout.bias: network.output_bias}
    with torch.no_grad():
        for parameter, value in values.items():
            parameter.copy_(given(value))
    optimiser = torch.optim.Adam([*layer.parameters(), *readout.parameters()], lr=RATE)
    inputs, targets = torch.tensor(batch.inputs), torch.tensor(batch.targets)

    def update() -> float:
        torch.set_num_threads(n_threads)
        optimiser.zero_grad()
        outputs = readout(layer(inputs)[0])
        loss = ((outputs - targets) ** 2).mean()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return update


def steps(sizes: list[str], rounds: int) -> list[str]:
    """Updates of a leaky network by every engine."""
    peers = [(hoisted, n) for hoisted in (True, False) for n in (1, 2)] if torch else []
    said = {f"PyTorch, {'inputs first' if h else 'plain loop'}, {n} threads": (h, n) for h, n in peers}
    lines = ["### A training step of a leaky network, with noise, ms (median of rounds in turn)", ""]
    lines += [*_headings([*OURS, *said])]
    for size in sizes:
        runs = [theirs(size, n_threads=n, hoisted=h) for h, n in said.values()]
        lines.append(_row(size, [ours(size, **how) for how in OURS.values()], runs, rounds))
    return [*lines, ""]


def gated_steps(sizes: list[str], rounds: int) -> list[str]:
    """Updates of gated networks by every engine."""
    said = {f"PyTorch's layer, {n} threads": n for n in (1, 2)} if torch else {}
    lines = ["### A training step of gated networks, ms (median of rounds in turn)", "", *_headings([*OURS, *said])]
    for kind in ("lstm", "gru"):
        for size in sizes:
            runs = [module(size, kind, n_threads=n) for n in said.values()]
            lines.append(_row(f"{kind} {size}", [ours(size, kind=kind, **how) for how in OURS.values()], runs, rounds))
    return [*lines, ""]


def _headings(names: list[str]) -> list[str]:
    return ["| | " + " | ".join(names) + " | best PyTorch / ours |", "|---" * (len(names) + 2) + "|"]


def _row(name: str, mine: list[Callable[[], float]], others: list[Callable[[], float]], rounds: int) -> str:
    """Milliseconds per update of every engine, in turn, and the ratio to the best of PyTorch's."""
    with threadpool_limits(1, "blas"):  # as `train` does; PyTorch's own are set by the updates themselves
        times = np.array([[_seconds(run) for run in (*mine, *others)] for _ in range(rounds + 1)])[1:]
    median = np.median(times, axis=0) * 1e3
    ratio = f"{median[len(mine) :].min() / median[: len(mine)].min():.2f}" if others else "-"
    row = f"| {name} | " + " | ".join(f"{m:.1f}" for m in median) + f" | {ratio} |"
    print(row, file=sys.stderr)
    return row


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
    size, worst = next(iter(SIZES)), {}
    for kind in ("leaky", "lstm", "gru"):
        mine = ours(size, kind=kind, n_threads=1, noise=False)
        leaky = {"hoisted": True, "noise": False}
        other = theirs(size, n_threads=1, **leaky) if kind == "leaky" else module(size, kind, n_threads=1)
        pairs = np.array([(mine(), other()) for _ in range(n_steps)])
        worst[kind] = np.abs(pairs[:, 0] / pairs[:, 1] - 1).max()
    said = ", ".join(f"{value:.1e} ({kind})" for kind, value in worst.items())
    return [f"Losses without noise along {n_steps} updates ({size}) differ at most by {said} of themselves.", ""]


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
