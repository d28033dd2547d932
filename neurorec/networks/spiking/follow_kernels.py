"""Compiled steps of a network that follows: membranes, filtered spikes, errors, and weights of low rank that learn."""

import numpy as np
from numba import njit

SUMS = {"contract", "nsz", "reassoc", "arcp"}  # sums may be reordered, NaN stays NaN
C2, C3, C4, C5, C6, C7, C8 = 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040, 1 / 40320  # of exp
LEAST = 1e-100  # spikes/s; numbers near the smallest there are slow to work with
A3, A5, A7, A9 = 1 / 3, 1 / 5, 1 / 7, 1 / 9  # of artanh


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def add_currents(current, encoder, drive):
    """Adds what a drive ``(dimension,)`` brings to units through their encoders ``(dimension, unit)``."""
    for a in range(len(drive)):
        c = drive[a]
        for i in range(len(current)):
            current[i] += encoder[a, i] * c


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def membranes(v, wait, traces, spikes, current, constants):
    """A step of units under constant currents; exact, with spikes at their time within the step.

    Series stand in for exp and log, since the loop is then compiled for many units at once; their terms are enough for
    the last digit where dt is at most a twentieth of tau.
    """
    dt, tau, refractory, keep = constants
    amplitude, per, twice = (1 - keep) / dt, 1 / tau, 2 * tau
    for i in range(len(v)):
        free = dt - wait[i]
        z = free * per if free > 0 else 0.0  # the part of the step that is not refractory; rise: 1 - exp(-z)
        rise = z * (1 - z * (C2 - z * (C3 - z * (C4 - z * (C5 - z * (C6 - z * (C7 - z * C8)))))))
        u = v[i] + (current[i] - v[i]) * rise
        u = u if u > 0 else 0.0
        over = u - 1
        spike = over > 0
        r = over / (2 * (current[i] - 1) - over)  # tau log((J - 1) / (J - u)) = 2 tau artanh(r) has passed since
        q = r * r
        since = twice * r * (1 + q * (A3 + q * (A5 + q * (A7 + q * A9))))
        left = wait[i] - dt
        left = left if left > 0 else 0.0
        one = 1.0 if spike else 0.0
        v[i] = 0.0 if spike else u
        wait[i] = refractory - since if spike else left
        spikes[i] = one
        trace = keep * traces[i]
        traces[i] = (trace if trace > LEAST else 0.0) + amplitude * one


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def product(weights, traces, out):
    """Adds ``weights (dimension, unit)`` times traces to out."""
    for a in range(len(out)):
        total = 0.0
        for j in range(len(traces)):
            total += weights[a, j] * traces[j]
        out[a] += total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def learn(weights, traces, push, out):
    """Changes weights by push times traces, and adds weights times traces to out."""
    for a in range(len(out)):
        total, c = 0.0, push[a]
        for j in range(len(traces)):
            w = weights[a, j] + c * traces[j]
            weights[a, j] = w
            total += w * traces[j]
        out[a] += total


@njit(nogil=True, cache=True, error_model="numpy")
def follow_steps(arrays, layers, signals, command, reference, constants, rates, seen):
    """Step through commands ``(time, command)`` and references ``(time, output)``, or no rows of these.

    `arrays`: encoder, bias, decoder, weight, base; input encoder, bias and weight; weights change in place. `layers`:
    v, wait and traces of units and of input units. `signals`: filtered reference, filtered error, error filtered for
    learning ``(output,)``. All of these are changed in place. `constants`: dt, tau, refractory, share of a trace that
    stays, the same of the error for learning. `rates`: feedback gain, and what an error and a trace change a weight by
    in a step, of units and of input units. `seen`: outputs and errors ``(time, output)``, counts ``(bin, unit)`` and
    steps in a bin.
    """
    encoder, bias, decoder, weight, base, input_encoder, input_bias, input_weight = arrays
    v, wait, traces, input_v, input_wait, input_traces = layers
    followed, fed_back, pushing = signals
    keep, keep_error = constants[3], constants[4]
    gain, rate, input_rate = rates
    outputs, errors, counts, per_bin = seen
    own = (constants[0], constants[1], constants[2], constants[3])
    n, n_inputs, size = len(v), len(input_v), len(decoder)
    current, input_current = np.empty(n), np.empty(n_inputs)
    spikes, input_spikes = np.empty(n), np.empty(n_inputs)
    drive, error = np.zeros(size), np.zeros(size)
    product(weight, traces, drive)
    product(input_weight, input_traces, drive)
    for t in range(len(command)):
        for a in range(size):
            drive[a] += gain * fed_back[a]
        current[:] = bias
        add_currents(current, encoder, drive)
        if len(base):
            current += np.dot(base, traces)
        if t == 0 or (command[t] != command[t - 1]).any():
            input_current[:] = input_bias
            add_currents(input_current, input_encoder, command[t])
        membranes(v, wait, traces, spikes, current, own)
        membranes(input_v, input_wait, input_traces, input_spikes, input_current, own)
        drive[:] = 0.0
        outputs[t] = 0.0
        product(decoder, traces, outputs[t])
        if len(reference):
            for a in range(size):
                followed[a] = keep * followed[a] + (1 - keep) * reference[t, a]
                error[a] = followed[a] - outputs[t, a]
                fed_back[a] = keep * fed_back[a] + (1 - keep) * error[a]
                pushing[a] = keep_error * pushing[a] + (1 - keep_error) * error[a]
            errors[t] = error
        if rate > 0 or input_rate > 0:
            learn(weight, traces, rate * pushing, drive)
            learn(input_weight, input_traces, input_rate * pushing, drive)
        else:
            product(weight, traces, drive)
            product(input_weight, input_traces, drive)
        if len(counts):
            counts[t // per_bin] += spikes
