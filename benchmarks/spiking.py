"""Real-time factor of spiking networks, beside NumPy doing the same steps, in turn, in the same run.

    python benchmarks/spiking.py --write

Leaky integrate-and-fire units as in Brunel 2000 (doi:10.1023/A:1008925309027, g = 5, external input twice what reaches
threshold), a tenth of all pairs joined, steps of 0.1 ms. One core, processor seconds. Prints one markdown document;
progress goes to the error stream. See README.md beside this file.
"""

import argparse
import sys
import time
from datetime import date

import numba
import numpy as np
from readme import put
from threadpoolctl import threadpool_limits

from neurorec.networks import LIFNetwork, Population, run_lif

J, G, ETA, PROBABILITY = 0.1, 5.0, 2.0, 0.1  # mV, inhibition over excitation, external rate over threshold's


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--seconds", type=float, default=0.5, help="of activity")
    parser.add_argument("--rounds", type=int, default=3, help="times each is timed, in turn")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        lines = table(arguments.units, arguments.seconds, arguments.rounds)
    said = f"Measured {date.today().isoformat()}; one core, numba {numba.__version__}, numpy {np.__version__}."
    text = "\n".join([said, "", *lines])
    print(text)
    if arguments.write:
        put("spiking", text)


def table(sizes: list[int], seconds: float, rounds: int) -> list[str]:
    """A row for every size."""
    lines = ["### Leaky integrate-and-fire units, processor s", ""]
    lines += ["| units | synapses | to draw them | rate, spikes/s | per s of activity | ns per arrival | NumPy |"]
    lines[-1] += " ours is faster by |"
    lines += ["|---" * 8 + "|"]
    run_lif(brunel(100), duration=0.001, rng=np.random.default_rng(0))  # compiled before
    for n in sizes:
        begin = time.process_time()
        network = brunel(n)
        drawn = time.process_time() - begin
        ours, theirs, spikes = [], [], 0
        state = run_lif(network, duration=0.1, rng=np.random.default_rng(0)).state
        for k in range(rounds):
            begin = time.process_time()
            done = run_lif(network, duration=seconds, state=state, rng=np.random.default_rng(k))
            ours.append((time.process_time() - begin) / seconds)
            begin = time.process_time()
            directly(network, seconds / 10, np.random.default_rng(k))
            theirs.append((time.process_time() - begin) / seconds * 10)
            spikes = done.step.size
        mine, other, m = np.median(ours), np.median(theirs), network.synapses.target.size
        arrivals = spikes / seconds * m / n
        row = f"| {n:,} | {m:,} | {drawn:.2f} | {spikes / seconds / n:.0f} | {mine:.2f} | {1e9 * mine / arrivals:.1f} "
        lines.append(f"{row}| {other:.1f} | {other / mine:.1f}x |")
        print(lines[-1], file=sys.stderr)
    return [*lines, ""]


def brunel(n: int) -> LIFNetwork:
    """Four fifths of the units excite."""
    weight = J * np.sqrt(1e4 / n)  # so that fluctuations are the same in smaller networks
    rate = ETA * 20.0 / (weight * 0.02)
    units = [
        Population(name, round(share * n), background_rate=rate, background_weight=weight)
        for name, share in (("E", 0.8), ("I", 0.2))
    ]
    pairs = {("E", "E"): weight, ("E", "I"): weight, ("I", "E"): -G * weight, ("I", "I"): -G * weight}
    return LIFNetwork.random(units, pairs, probability=PROBABILITY, rng=np.random.default_rng(0))


def directly(network: LIFNetwork, seconds: float, rng: np.random.Generator) -> int:
    """The same steps in NumPy: membranes at once, spikes source by source; spikes."""
    s, n, unit = network.synapses, network.n_units, network.populations[0]
    v, waiting = network.start.copy(), np.zeros(n, dtype=int)
    slots, total = int(s.delay[0]), 0
    pending, decay, mean = np.zeros((slots, n)), np.exp(-network.dt / unit.tau), unit.background_rate * network.dt
    for t in range(round(seconds / network.dt)):
        arriving = pending[t % slots] + unit.background_weight * rng.poisson(mean, n)
        v = np.where(waiting > 0, unit.reset, v * decay + arriving)
        waiting = np.maximum(waiting - 1, 0)
        spiking = np.flatnonzero(v >= unit.threshold)
        v[spiking], waiting[spiking] = unit.reset, round(unit.refractory / network.dt)
        pending[t % slots] = 0
        for j in spiking:
            own = slice(s.first[j], s.first[j + 1])
            pending[t % slots, s.target[own]] += s.weight[own]
        total += len(spiking)
    return total


if __name__ == "__main__":
    main()
