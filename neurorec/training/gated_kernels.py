"""Compiled loops of LSTM and GRU networks: through time and back, a few trials at a time."""

import numpy as np
from numba import njit

from neurorec.training.kernels import (
    SIGMOID,
    SUMS,
    TANH,
    add_in_place,
    complete_drive,
    pull_rates,
    take_inputs,
    value_of,
)

F = np.float32


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _open_lstm(drive, before, h, values):
    """``c <- f c + i g``, ``h <- o tanh(c)``; ``values`` become the gates and the cells ``(trial, 5 unit)``."""
    n, n_units = h.shape
    for i in range(n):
        for j in range(n_units):
            values[i, j] = value_of(SIGMOID, drive[i, j])
        for j in range(n_units, 2 * n_units):
            values[i, j] = value_of(SIGMOID, drive[i, j])
        for j in range(2 * n_units, 3 * n_units):
            values[i, j] = value_of(TANH, drive[i, j])
        for j in range(3 * n_units, 4 * n_units):
            values[i, j] = value_of(SIGMOID, drive[i, j])
        for j in range(n_units):
            c = values[i, n_units + j] * before[i, j] + values[i, j] * values[i, 2 * n_units + j]
            values[i, 4 * n_units + j] = c
            h[i, j] = values[i, 3 * n_units + j] * value_of(TANH, c)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def forward_lstm(start, W, V, b, R, inputs, states, values, outputs, low, high):
    """Write activity, gates with cells, and outputs of trials low to high.

    ``start (trial, 2 unit)``, ``W (source unit, 4 unit)``, ``V (input, 4 unit)``, ``R (unit, output)``,
    ``inputs (time, trial, input)``. Written: ``states (time, trial, unit)``, ``values (time, trial, 5 unit)``, the
    gates input, forget, cell and output, and the cells; ``outputs (time, trial, output)`` without their bias.
    """
    n_units, n = R.shape[0], high - low
    drive, quiet = np.empty((n, 4 * n_units), dtype=np.float32), np.empty(0, dtype=np.float32)
    h = np.ascontiguousarray(start[low:high, :n_units])
    c = np.ascontiguousarray(start[low:high, n_units:])
    for t in range(inputs.shape[0]):
        np.dot(h if t == 0 else states[t - 1, low:high], W, drive)
        complete_drive(drive, b, quiet, inputs[t, low:high], V)
        if t > 0:
            c[:] = values[t - 1, low:high, 4 * n_units :]
        _open_lstm(drive, c, states[t, low:high], values[t, low:high])
        np.dot(states[t, low:high], R, outputs[t, low:high])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _close_lstm(dh, dc, before, values, error):
    """From what arrives at activity and cells to the errors of the gates; ``dc`` becomes that of the cells before."""
    n, m = dh.shape
    for k in range(n):
        for j in range(m):
            i, f, g, o = values[k, j], values[k, m + j], values[k, 2 * m + j], values[k, 3 * m + j]
            held = value_of(TANH, values[k, 4 * m + j])
            d = dc[k, j] + dh[k, j] * o * (F(1.0) - held * held)
            error[k, j] = d * g * i * (F(1.0) - i)
            error[k, m + j] = d * before[k, j] * f * (F(1.0) - f)
            error[k, 2 * m + j] = d * i * (F(1.0) - g * g)
            error[k, 3 * m + j] = dh[k, j] * held * o * (F(1.0) - o)
            dc[k, j] = d * f


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def backward_lstm(start, W, R, inputs, states, values, arriving, pull, gradients, low, high, at_once):
    """Gradients of what trials low to high cost, as `neurorec.training.kernels.backward` gives them.

    ``W (4 unit, source unit)``; that of the initial state is ``(trial, 2 unit)``.
    """
    dW, dV, db, dR, dstart = gradients
    n_units, n, last = R.shape[1], high - low, inputs.shape[0] - 1
    dh, dc = np.zeros((n, n_units), dtype=np.float32), np.zeros((n, n_units), dtype=np.float32)
    through = np.empty((n, n_units), dtype=np.float32)
    errors = np.empty((at_once, n, 4 * n_units), dtype=np.float32)
    sources = np.empty((at_once, n, n_units), dtype=np.float32)
    product, read = np.empty_like(dW), np.empty_like(dR)
    h = np.ascontiguousarray(start[low:high, :n_units])
    c = np.ascontiguousarray(start[low:high, n_units:])
    before, weights = np.empty_like(c), pull[:, low:high]
    dW[:], dV[:], db[:], dR[:] = F(0.0), F(0.0), F(0.0), F(0.0)
    held = 0
    for t in range(last, -1, -1):
        error = errors[held]
        np.dot(arriving[t, low:high], R, through)
        pull_rates(through, states[t, low:high], weights[t])
        add_in_place(dh, through)
        np.dot(np.ascontiguousarray(arriving[t, low:high].T), states[t, low:high], read)
        add_in_place(dR, read)
        if t > 0:
            before[:] = values[t - 1, low:high, 4 * n_units :]
            sources[held] = states[t - 1, low:high]
        else:
            before[:] = c
            sources[held] = h
        _close_lstm(dh, dc, before, values[t, low:high], error)
        take_inputs(error, inputs[t, low:high], db, dV)
        np.dot(error, W, dh)
        held += 1
        if held == at_once or t == 0:
            flat = errors[:held].reshape((held * n, 4 * n_units))
            np.dot(flat.T, sources[:held].reshape((held * n, n_units)), product)
            add_in_place(dW, product)
            held = 0
    dstart[low:high, :n_units] = dh
    dstart[low:high, n_units:] = dc


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _open_gru(past, given, d, before, h, values):
    """``h <- (1 - z) n + z h``; ``values`` become the gates and ``W_n h + d`` ``(trial, 4 unit)``."""
    n, m = h.shape
    for k in range(n):
        for j in range(m):
            reset = value_of(SIGMOID, given[k, j] + past[k, j])
            update = value_of(SIGMOID, given[k, m + j] + past[k, m + j])
            inner = past[k, 2 * m + j] + d[j]
            new = value_of(TANH, given[k, 2 * m + j] + reset * inner)
            values[k, j] = reset
            values[k, m + j] = update
            values[k, 2 * m + j] = new
            values[k, 3 * m + j] = inner
            h[k, j] = new + update * (before[k, j] - new)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def forward_gru(start, W, V, b, d, R, inputs, states, values, outputs, low, high):
    """Write activity, gates and outputs of trials low to high.

    ``start (trial, unit)``, ``W (source unit, 3 unit)``, ``V (input, 3 unit)``, ``d (unit,)``, ``R (unit, output)``.
    Written: ``states (time, trial, unit)``, ``values (time, trial, 4 unit)``, the gates reset, update and new, and
    ``W_n h + d``; ``outputs (time, trial, output)`` without their bias.
    """
    n_units, n = R.shape[0], high - low
    past, given = np.empty((n, 3 * n_units), dtype=np.float32), np.empty((n, 3 * n_units), dtype=np.float32)
    quiet = np.empty(0, dtype=np.float32)
    for t in range(inputs.shape[0]):
        before = start[low:high] if t == 0 else states[t - 1, low:high]
        np.dot(before, W, past)
        given[:] = F(0.0)
        complete_drive(given, b, quiet, inputs[t, low:high], V)
        _open_gru(past, given, d, before, states[t, low:high], values[t, low:high])
        np.dot(states[t, low:high], R, outputs[t, low:high])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _close_gru(dh, before, values, error, through_past):
    """From what arrives at the activity to the errors of the gates; ``dh`` becomes what passes the update gate.

    ``error`` is that of what inputs add to, ``through_past`` that of what the recurrent weights make.
    """
    n, m = dh.shape
    for k in range(n):
        for j in range(m):
            reset, update, new = values[k, j], values[k, m + j], values[k, 2 * m + j]
            arriving = dh[k, j]
            inside = arriving * (F(1.0) - update) * (F(1.0) - new * new)
            by_reset = inside * values[k, 3 * m + j] * reset * (F(1.0) - reset)
            by_update = arriving * (before[k, j] - new) * update * (F(1.0) - update)
            error[k, j] = by_reset
            error[k, m + j] = by_update
            error[k, 2 * m + j] = inside
            through_past[k, j] = by_reset
            through_past[k, m + j] = by_update
            through_past[k, 2 * m + j] = inside * reset
            dh[k, j] = arriving * update


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _take_past(errors, dd):
    """Add the errors of ``W_n h + d`` to the gradient of d."""
    n, m = errors.shape[0], dd.size
    for k in range(n):
        for j in range(m):
            dd[j] += errors[k, 2 * m + j]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def backward_gru(start, W, R, inputs, states, values, arriving, pull, gradients, low, high, at_once):
    """Gradients of what trials low to high cost, as `neurorec.training.kernels.backward` gives them, and of d.

    ``W (3 unit, source unit)``.
    """
    dW, dV, db, dR, dstart, dd = gradients
    n_units, n, last = R.shape[1], high - low, inputs.shape[0] - 1
    dh, through = np.zeros((n, n_units), dtype=np.float32), np.empty((n, n_units), dtype=np.float32)
    error = np.empty((n, 3 * n_units), dtype=np.float32)
    errors = np.empty((at_once, n, 3 * n_units), dtype=np.float32)
    sources = np.empty((at_once, n, n_units), dtype=np.float32)
    product, read, weights = np.empty_like(dW), np.empty_like(dR), pull[:, low:high]
    dW[:], dV[:], db[:], dR[:], dd[:] = F(0.0), F(0.0), F(0.0), F(0.0), F(0.0)
    held = 0
    for t in range(last, -1, -1):
        np.dot(arriving[t, low:high], R, through)
        pull_rates(through, states[t, low:high], weights[t])
        add_in_place(dh, through)
        np.dot(np.ascontiguousarray(arriving[t, low:high].T), states[t, low:high], read)
        add_in_place(dR, read)
        before = start[low:high] if t == 0 else states[t - 1, low:high]
        sources[held] = before
        _close_gru(dh, before, values[t, low:high], error, errors[held])
        take_inputs(error, inputs[t, low:high], db, dV)
        _take_past(errors[held], dd)
        np.dot(errors[held], W, through)
        add_in_place(dh, through)
        held += 1
        if held == at_once or t == 0:
            flat = errors[:held].reshape((held * n, 3 * n_units))
            np.dot(flat.T, sources[:held].reshape((held * n, n_units)), product)
            add_in_place(dW, product)
            held = 0
    dstart[low:high] = dh
