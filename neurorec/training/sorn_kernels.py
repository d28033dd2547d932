"""Compiled steps of a self-organizing network, its plasticity switched on."""

import numpy as np
from numba import njit

SUMS = {"contract", "nsz", "reassoc", "arcp"}  # sums may be reordered, NaN stays NaN


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def gather(weights, active, n_active, unit):
    """What a unit gets from the active ones."""
    total = 0.0
    for k in range(n_active):
        total += weights[unit, active[k]]
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def normalise_row(row):
    """A unit's weights, to add up to one."""
    total = 0.0
    for j in range(len(row)):
        total += row[j]
    if total > 0:
        for j in range(len(row)):
            row[j] /= total


@njit(nogil=True, cache=True, error_model="numpy")
def list_active(states, active):
    """Writes which units are active, and says how many."""
    n = 0
    for i in range(len(states)):
        if states[i]:
            active[n] = i
            n += 1
    return n


@njit(nogil=True, cache=True, error_model="numpy")
def stdp(weights, exists, x, before, n_before, after, now, n_now, rate, largest, prune):
    """Synapses grow from units that fired before to those that fire now, and shrink the other way."""
    for a in range(n_now):
        for b in range(n_before):
            i, j = now[a], before[b]
            if x[i] and after[j]:  # both ways: nothing
                continue
            if exists[i, j]:
                weights[i, j] = min(weights[i, j] + rate, largest)
            if exists[j, i]:
                weights[j, i] -= rate
                if weights[j, i] <= 0:
                    weights[j, i] = 0.0
                    exists[j, i] = not prune


@njit(nogil=True, cache=True, error_model="numpy")
def inhibitory_stdp(weights, before, n_before, now, rate, target):
    """Inhibition from units that were active grows on those that fire nonetheless, else shrinks; then normalised."""
    for i in range(len(now)):
        change = -rate * (1.0 - now[i] * (1.0 + 1.0 / target))
        for k in range(n_before):
            j = before[k]
            if weights[i, j] > 0:
                weights[i, j] = min(max(weights[i, j] + change, 1e-3), 1.0)
        normalise_row(weights[i])


@njit(nogil=True, cache=True, error_model="numpy")
def sums(arrays, before, n_before, inhibiting, n_inhibiting, noise, own):
    """What the network brings to each excitatory unit, less its threshold."""
    weights, _, from_inhibitory, _, threshold, _ = arrays
    for i in range(len(own)):
        own[i] = gather(weights, before, n_before, i) - gather(from_inhibitory, inhibiting, n_inhibiting, i)
        own[i] -= threshold[i]
        if len(noise):
            own[i] += noise[i]


@njit(nogil=True, cache=True, error_model="numpy")
def inhibit(arrays, seen, n_seen, noise, y):
    """The inhibitory units of this step."""
    _, _, _, to_inhibitory, threshold, inhibitory_threshold = arrays
    for i in range(len(y)):
        own = gather(to_inhibitory, seen, n_seen, i) - inhibitory_threshold[i]
        if len(noise):
            own += noise[len(threshold) + i]
        y[i] = own >= 0


@njit(nogil=True, cache=True, error_model="numpy")
def add_synapse(weights, exists, pair, fresh, normalise):
    """A new synapse between two units, unless there is one."""
    if pair[0] >= 0 and not exists[pair[0], pair[1]]:
        exists[pair[0], pair[1]] = True
        weights[pair[0], pair[1]] = fresh
        if normalise:
            normalise_row(weights[pair[0]])


@njit(nogil=True, cache=True, error_model="numpy")
def change(arrays, x, before, n_before, after, now, n_now, pair, rates, normalise, prune):
    """Thresholds and excitatory synapses after a step."""
    weights, exists, _, _, threshold, _ = arrays
    rate, intrinsic, target, _, largest, fresh = rates
    for i in range(len(threshold)):
        threshold[i] += intrinsic * (after[i] - target)
    if rate > 0:
        stdp(weights, exists, x, before, n_before, after, now, n_now, rate, largest, prune)
    if len(pair):
        add_synapse(weights, exists, pair, fresh, normalise)
    if normalise and rate > 0:  # only rows that changed
        for i in range(len(threshold)):
            if x[i] or after[i]:
                normalise_row(weights[i])


@njit(nogil=True, cache=True, error_model="numpy")
def sorn_steps(arrays, x, y, drive, noise, pairs, rates, flags, kept, counts):
    """Step through a drive ``(time, unit)``; all arrays are changed in place.

    `arrays`: excitatory, exists, from_inhibitory, to_inhibitory, threshold, inhibitory_threshold. `noise` and `pairs`
    (a new synapse's two ends, or -1) have no columns where there are none. `rates`: stdp, intrinsic, target,
    inhibitory, largest, new weight. `flags`: normalise, prune, fast inhibition. `kept`: activity and expected
    ``(time, unit)``, or no rows.
    """
    normalise, prune, fast = flags
    activity, expected = kept
    before, now = np.empty(len(x), dtype=np.int64), np.empty(len(x), dtype=np.int64)
    inhibiting, own, after = np.empty(len(y), dtype=np.int64), np.empty(len(x)), np.empty_like(x)
    n_before = list_active(x, before)
    for t in range(len(drive)):
        n_inhibiting = list_active(y, inhibiting)
        sums(arrays, before, n_before, inhibiting, n_inhibiting, noise[t], own)
        for i in range(len(x)):
            after[i] = own[i] + drive[t, i] >= 0
        n_now = list_active(after, now)
        if fast:
            inhibit(arrays, now, n_now, noise[t], y)
        else:
            inhibit(arrays, before, n_before, noise[t], y)
        change(arrays, x, before, n_before, after, now, n_now, pairs[t], rates, normalise, prune)
        if rates[3] > 0:
            inhibitory_stdp(arrays[2], inhibiting, n_inhibiting, after, rates[3], rates[2])
        x[:] = after
        counts[t] = n_now
        if len(activity):
            activity[t] = after
            expected[t] = own >= 0
        before, now = now, before
        n_before = n_now
