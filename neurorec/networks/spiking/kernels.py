"""Compiled loop of leaky integrate-and-fire units: membranes population by population, spikes source by source."""

import numpy as np
from numba import njit

ROTATIONS = (np.uint64(23), np.uint64(41), np.uint64(45), np.uint64(19))
SHIFT, LOW = np.uint64(17), np.uint64(11)
UNIT = 2.0**-53


@njit(inline="always")
def next_random(s):
    """64 random bits (xoshiro256++ of Blackman & Vigna, doi:10.1145/3460772); ``s (4,)`` moves on."""
    total = s[0] + s[3]
    found = ((total << ROTATIONS[0]) | (total >> ROTATIONS[1])) + s[0]
    t = s[1] << SHIFT
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = (s[3] << ROTATIONS[2]) | (s[3] >> ROTATIONS[3])
    return found


def alias_table(probability):
    """Walker's tables of a distribution over ``0 ... n - 1``, n a power of two: thresholds and others ``(n,)``."""
    n = probability.size
    scaled = probability / probability.sum() * n
    keep, other = np.ones(n), np.arange(n, dtype=np.int64)
    small, large = [i for i in range(n) if scaled[i] < 1], [i for i in range(n) if scaled[i] >= 1]
    while small and large:
        i, j = small.pop(), large[-1]
        keep[i], other[i] = scaled[i], j
        scaled[j] -= 1 - scaled[i]
        if scaled[j] < 1:
            small.append(large.pop())
    return keep, other


@njit(nogil=True, cache=True, error_model="numpy")
def _enlarge(spikes, n):
    more = np.empty((2 * spikes.shape[0], 2), dtype=np.int32)
    more[:n] = spikes[:n]
    return more


@njit(nogil=True, cache=True, error_model="numpy")
def _background(row, low, high, keep, other, weight, s):
    """Add private Poisson input to what arrives at units low to high."""
    mask = np.uint64(keep.size - 1)
    for i in range(low, high):
        bits = next_random(s)
        k = np.int64(bits & mask)
        n = k if (bits >> LOW) * UNIT < keep[k] else other[k]
        row[i] += weight * n


@njit(nogil=True, cache=True, error_model="numpy")
def _membranes(v, current, waiting, arriving, low, high, constants, kinds, found):
    """A step of units low to high; writes who spikes and returns how many do."""
    decay, rise, threshold, reset, refractory = constants[:5]
    n, hold = 0, np.int32(refractory)
    a, b = arriving[0], arriving[1]
    e, i = current[0], current[1]
    for k in range(low, high):
        after = v[k] * decay + rise + kinds[0, 2] * e[k] + kinds[1, 2] * i[k] + kinds[0, 3] * a[k] + kinds[1, 3] * b[k]
        e[k] = kinds[0, 1] * e[k] + kinds[0, 0] * a[k]
        i[k] = kinds[1, 1] * i[k] + kinds[1, 0] * b[k]
        left = waiting[k]
        v[k] = reset if left > 0 else after
        waiting[k] = left - 1 if left > 0 else 0
    for k in range(low, high):
        if v[k] >= threshold:
            v[k] = reset
            waiting[k] = hold
            found[n] = k
            n += 1
    return n


@njit(inline="always")
def _deliver(j, amount, t, first, target, weight, delay, kind, pending):
    """What source j sends, into the slots of the steps in which it arrives."""
    n_slots = pending.shape[0]
    if delay.size == 1:
        row = pending[(t + delay[0]) % n_slots, kind[j]]
        for s in range(first[j], first[j + 1]):
            row[target[s]] += amount * weight[s]
    else:
        for s in range(first[j], first[j + 1]):
            pending[(t + delay[s]) % n_slots, kind[j], target[s]] += amount * weight[s]


@njit(nogil=True, cache=True, error_model="numpy")
def _deliver_plastic(j, amount, t, first, target, weight, delay, kind, pending, U, D, F, y, r, last):
    """The same through synapses that depend on their past: y and r come from when j was last active."""
    n_slots, passed = pending.shape[0], float(t - last[j])
    last[j] = t
    for s in range(first[j], first[j + 1]):
        u = U[s] + (1.0 - U[s]) * y[s] * np.exp(-passed / F[s])
        ready = 1.0 + (r[s] - 1.0) * np.exp(-passed / D[s])
        y[s], r[s] = u, ready - u * ready
        slot = (t + (delay[0] if delay.size == 1 else delay[s])) % n_slots
        pending[slot, kind[j], target[s]] += amount * weight[s] * u * ready


@njit(nogil=True, cache=True, error_model="numpy")
def _send(j, amount, t, synapses, plastic, pending):
    """What source j sends at step t."""
    first, target, weight, delay, kind = synapses
    U, D, F, y, r, last = plastic
    if U.size:
        _deliver_plastic(j, amount, t, first, target, weight, delay, kind, pending, U, D, F, y, r, last)
    else:
        _deliver(j, amount, t, first, target, weight, delay, kind, pending)


@njit(nogil=True, cache=True, error_model="numpy")
def relax(first, D, F, y, r, last, t):
    """Bring y and r of all synapses to step t."""
    for j in range(first.size - 1):
        passed = float(t - last[j])
        for s in range(first[j], first[j + 1]):
            y[s] *= np.exp(-passed / F[s])
            r[s] = 1.0 + (r[s] - 1.0) * np.exp(-passed / D[s])


@njit(nogil=True, cache=True, error_model="numpy")
def run_steps(
    bounds, constants, kinds, keep, other, back, state, synapses, plastic, event_first, event_input, event_count,
    watched, seen, random, n_steps,
):  # fmt: skip
    """Step a network; its state is changed in place.

    ``bounds (population + 1,)``; ``constants (population, 5)``: decay, rise, threshold, reset, refractory steps;
    ``kinds (population, 2, 4)``: of each kind of synapse, what an arrival adds to its current, the current's decay,
    what the current and an arrival add to the voltage. ``keep, other (population, value)``: tables of the background,
    ``back (population, 2)`` its weight and kind. ``state``: voltages, currents ``(2, unit)``, refractory steps left,
    arrivals to come ``(slot, 2, unit)``; ``plastic``: U, D, F, y, r, last step. Inputs are events sorted by step.
    ``seen (time, 3, watched)``: voltage and arrivals of both kinds. Returns spikes ``(spike, 2)``, step and unit.
    """
    v, current, waiting, pending = state
    n_units, n_slots = v.size, pending.shape[0]
    found, spikes, n = np.empty(n_units, dtype=np.int32), np.empty((4096, 2), dtype=np.int32), 0
    for t in range(1, n_steps + 1):
        arriving, now = pending[t % n_slots], 0
        for p in range(bounds.size - 1):
            if back[p, 0] != 0.0:
                row = arriving[int(back[p, 1])]
                _background(row, bounds[p], bounds[p + 1], keep[p], other[p], back[p, 0], random)
        for w in range(watched.size):
            seen[t - 1, 1, w], seen[t - 1, 2, w] = arriving[0, watched[w]], arriving[1, watched[w]]
        for p in range(bounds.size - 1):
            now += _membranes(
                v, current, waiting, arriving, bounds[p], bounds[p + 1], constants[p], kinds[p], found[now:]
            )
        for w in range(watched.size):
            seen[t - 1, 0, w] = v[watched[w]]
        arriving[:] = 0.0
        while n + now > spikes.shape[0]:
            spikes = _enlarge(spikes, n)
        for k in range(now):
            spikes[n + k, 0], spikes[n + k, 1] = t - 1, found[k]
            _send(found[k], 1.0, t, synapses, plastic, pending)
        n += now
        for k in range(event_first[t - 1], event_first[t]):
            _send(n_units + event_input[k], event_count[k], t, synapses, plastic, pending)
    return spikes[:n]
