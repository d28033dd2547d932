"""Compiled loops of a leaky rate network: through time and back, a few trials at a time, with its private noise.

A tile of trials goes through all steps before the next: its state stays in the cache, and tiles are worked on side by
side. Noise is made where it is added. Rows of a tile are one small matrix product a step, by BLAS.
"""

import math

import numpy as np
from numba import njit

SUMS = {"contract", "nsz", "reassoc", "arcp"}  # sums may be reordered, NaN stays NaN
LANES = 64  # generators side by side
TANH, RELU, SOFTPLUS, SIGMOID, LINEAR = range(5)
F = np.float32


@njit(inline="always", error_model="numpy", fastmath=SUMS)
def exponential(x):
    """e^x within two units in the last place, clamped short of overflow (reduction and polynomial of Cephes' expf)."""
    v = min(max(x, F(-87.0)), F(88.0))
    k = np.floor(v * F(1.44269504) + F(0.5))
    r = (v - k * F(0.693359375)) + k * F(2.12194440e-4)
    p = F(1.9875691500e-4)
    p = p * r + F(1.3981999507e-3)
    p = p * r + F(8.3334519073e-3)
    p = p * r + F(4.1665795894e-2)
    p = p * r + F(1.6666665459e-1)
    p = p * r + F(5.0000001201e-1)
    p = (p * r) * r + r + F(1.0)
    return p * np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)


@njit(inline="always", error_model="numpy", fastmath=SUMS)
def logarithm(x):
    """ln x of x > 0, normal (polynomial of Cephes' logf)."""
    bits = np.float32(x).view(np.int32)
    k = np.int32(bits - np.int32(0x3F3504F3)) >> np.int32(23)
    m = np.int32(bits - (k << np.int32(23))).view(np.float32) - F(1.0)
    z = m * m
    p = F(7.0376836292e-2)
    p = p * m + F(-1.1514610310e-1)
    p = p * m + F(1.1676998740e-1)
    p = p * m + F(-1.2420140846e-1)
    p = p * m + F(1.4249322787e-1)
    p = p * m + F(-1.6668057665e-1)
    p = p * m + F(2.0000714765e-1)
    p = p * m + F(-2.4999993993e-1)
    p = p * m + F(3.3333331174e-1)
    return m * z * p - F(0.5) * z + m + F(k) * F(0.69314718056)


@njit(inline="always", error_model="numpy", fastmath=SUMS)
def hyperbolic_tangent(x):
    """tanh x, from e^2x - 1: a polynomial where that would cancel (Cephes' tanhf)."""
    z = x * x
    p = F(-5.70498872745e-3)
    p = p * z + F(2.06390887954e-2)
    p = p * z + F(-5.37397155531e-2)
    p = p * z + F(1.33314422036e-1)
    p = p * z + F(-3.33332819422e-1)
    near = (p * z) * x + x
    far = F(1.0) - F(2.0) / (exponential(x + x) + F(1.0))
    return near if abs(x) < F(0.625) else far


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def activate(kind, x):
    """``f(x)`` in place, over a vector."""
    n = x.size
    if kind == TANH:
        for j in range(n):
            x[j] = hyperbolic_tangent(x[j])
    elif kind == RELU:
        for j in range(n):
            x[j] = max(x[j], F(0.0))
    elif kind == SOFTPLUS:
        for j in range(n):
            x[j] = max(x[j], F(0.0)) + logarithm(F(1.0) + exponential(-abs(x[j])))
    elif kind == SIGMOID:
        for j in range(n):
            x[j] = F(1.0) / (F(1.0) + exponential(-x[j]))


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def slopes(kind, y, out):
    """``f'(x)`` from ``y = f(x)``, over a vector."""
    n = y.size
    if kind == TANH:
        for j in range(n):
            out[j] = F(1.0) - y[j] * y[j]
    elif kind == RELU:
        for j in range(n):
            out[j] = F(1.0) if y[j] > 0 else F(0.0)
    elif kind == SOFTPLUS:
        for j in range(n):
            out[j] = F(1.0) - exponential(-y[j])
    elif kind == SIGMOID:
        for j in range(n):
            out[j] = y[j] * (F(1.0) - y[j])
    else:
        for j in range(n):
            out[j] = F(1.0)


@njit(nogil=True, cache=True, error_model="numpy")
def random_bits(state, out):
    """Fill a vector, of a multiple of `LANES` numbers, by as many xoshiro128++ generators (doi:10.1145/3460772).

    ``state (4, LANES)`` of uint32 goes on.
    """
    a, b, c, d = state[0], state[1], state[2], state[3]
    for i in range(0, out.size, LANES):
        o = out[i : i + LANES]
        for j in range(LANES):
            s0, s1, s2, s3 = a[j], b[j], c[j], d[j]
            r = np.uint32(s0 + s3)
            o[j] = np.uint32(np.uint32((r << np.uint32(7)) | (r >> np.uint32(25))) + s0)
            t = np.uint32(s1 << np.uint32(9))
            s2 ^= s0
            s3 ^= s1
            s1 ^= s2
            s0 ^= s3
            s2 ^= t
            a[j], b[j], c[j] = s0, s1, s2
            d[j] = np.uint32((s3 << np.uint32(11)) | (s3 >> np.uint32(21)))


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def normal_draws(bits, scale, out):
    """Normal numbers of standard deviation ``scale`` from as many random words, by pairs (Box & Muller 1958)."""
    half = bits.size // 2
    for i in range(half):
        uniform = (F(np.int32(bits[i] >> np.uint32(8))) + F(0.5)) * F(5.9604644775390625e-08)  # in (0, 1), 24 bits
        radius = math.sqrt(F(-2.0) * logarithm(uniform)) * scale
        # two bits choose a quadrant, 24 an angle within pi/4 of its middle (sine and cosine of Cephes' sinf)
        word = bits[half + i]
        quadrant = np.int32(word >> np.uint32(30))
        angle = F(np.int32(word << np.uint32(2)) >> np.int32(8)) * F(9.3624744e-08)
        z = angle * angle
        sine = ((F(-1.9515295891e-4) * z + F(8.3321608736e-3)) * z + F(-1.6666654611e-1)) * z * angle + angle
        cosine = (F(2.443315711809948e-5) * z + F(-1.388731625493765e-3)) * z + F(4.166664568298827e-2)
        cosine = cosine * z * z - F(0.5) * z + F(1.0)
        odd = quadrant & np.int32(1)
        first, second = (cosine, sine) if odd else (sine, cosine)
        out[i] = radius * first * F(1 - (quadrant & 2))
        out[half + i] = radius * second * F(1 - ((quadrant + 1) & 2))


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _add(row, more):
    for j in range(row.size):
        row[j] += more[j]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _add_inputs(row, now, V):
    for k in range(now.size):
        if now[k] != 0:  # pulses and cues are mostly off
            for j in range(row.size):
                row[j] += now[k] * V[k, j]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _step_rates(row, old, new, value, own, leak, kind, inside):
    """``r <- (1 - a) r + a f(drive)``, the drive in ``row``, with noise ``own``, of size 0 where there is none."""
    keep = F(1.0) - leak
    if own.size and inside:
        _add(row, own)
    activate(kind, row)
    for j in range(row.size):
        value[j] = row[j]
        new[j] = keep * old[j] + leak * row[j]
    if own.size and not inside:
        _add(new, own)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _step_currents(row, old, new, value, own, leak, kind):
    """``x <- (1 - a) x + a drive``, ``r = f(x)``."""
    keep = F(1.0) - leak
    for j in range(row.size):
        new[j] = keep * old[j] + leak * row[j]
    if own.size:
        _add(new, own)
    for j in range(row.size):
        value[j] = new[j]
    activate(kind, value)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def forward(start, W, V, b, inputs, states, values, cell, bits, low, high):
    """Write the states after each step of trials low to high, and what f gave.

    ``start (trial, unit)``, ``W (source unit, unit)``, ``V (input, unit)``, ``inputs (time, trial, input)``;
    ``states`` and ``values (time, trial, unit)`` are written; ``cell`` is (leak, kind, currents, noise inside, scale);
    ``bits`` are the generators of this tile.
    """
    leak, kind, currents, inside, scale = cell
    n_units, n = W.shape[0], high - low
    drive = np.empty((n, n_units), dtype=np.float32)
    n_draws = n_units if scale > 0 else 0
    size = -(-n * n_draws // (2 * LANES)) * 2 * LANES
    words, noise = np.empty(size, dtype=np.uint32), np.empty(size, dtype=np.float32)
    first = start[low:high].copy()
    if currents:
        activate(kind, first.reshape(first.size))
    for t in range(inputs.shape[0]):
        before = start[low:high] if t == 0 else states[t - 1, low:high]
        rates = first if t == 0 else values[t - 1, low:high]
        np.dot(rates if currents else before, W, drive)
        random_bits(bits, words)
        normal_draws(words, scale, noise)
        for i in range(n):
            row, own = drive[i], noise[i * n_draws : (i + 1) * n_draws]
            _add(row, b)
            _add_inputs(row, inputs[t, low + i], V)
            if currents:
                _step_currents(row, before[i], states[t, low + i], values[t, low + i], own, leak, kind)
            else:
                _step_rates(row, before[i], states[t, low + i], values[t, low + i], own, leak, kind, inside)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _step_back(d, g, error, leak):
    """Add what arrives at a state; its share passes through the leak to the error, the rest to the state before."""
    keep = F(1.0) - leak
    for j in range(d.size):
        total = d[j] + g[j]
        error[j] = leak * total
        d[j] = keep * total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _bend(kind, value, row, bend):
    """Multiply a row by the slope of f where it gave ``value``."""
    slopes(kind, value, bend)
    for j in range(row.size):
        row[j] *= bend[j]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _take_inputs(error, now, db, dV):
    _add(db, error)
    for k in range(now.size):
        if now[k] != 0:
            for j in range(error.size):
                dV[k, j] += now[k] * error[j]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def backward(start, W, inputs, states, values, arriving, cell, gradients, low, high, at_once):
    """Gradients of what trials low to high cost, from those in the states, ``arriving (time, trial, unit)``.

    ``W (unit, source unit)``; the rest as for `forward`. Written: ``gradients``, of W ``(unit, source unit)``,
    V ``(input, unit)``, b ``(unit,)`` and start ``(trial, unit)``. Those of W wait for ``at_once`` steps, which makes
    one large product of small ones.
    """
    leak, kind, currents = cell[0], cell[1], cell[2]
    dW, dV, db, dstart = gradients
    n_units, n = W.shape[0], high - low
    back, through = np.zeros((n, n_units), dtype=np.float32), np.empty((n, n_units), dtype=np.float32)
    errors = np.empty((at_once, n, n_units), dtype=np.float32)
    sources = np.empty((at_once, n, n_units), dtype=np.float32)
    product, bend = np.empty((n_units, n_units), dtype=np.float32), np.empty(n_units, dtype=np.float32)
    first = start[low:high].copy()
    if currents:
        activate(kind, first.reshape(first.size))
    dW[:], dV[:], db[:] = F(0.0), F(0.0), F(0.0)
    held = 0
    for t in range(inputs.shape[0] - 1, -1, -1):
        before = start[low:high] if t == 0 else states[t - 1, low:high]
        if currents:
            before = first if t == 0 else values[t - 1, low:high]
        sources[held] = before
        for i in range(n):
            error = errors[held, i]
            _step_back(back[i], arriving[t, low + i], error, leak)
            if not currents:
                _bend(kind, values[t, low + i], error, bend)
            _take_inputs(error, inputs[t, low + i], db, dV)
        np.dot(errors[held], W, through)
        for i in range(n):
            if currents:
                _bend(kind, before[i], through[i], bend)
            _add(back[i], through[i])
        held += 1
        if held == at_once or t == 0:
            flat = held * n
            np.dot(errors[:held].reshape((flat, n_units)).T, sources[:held].reshape((flat, n_units)), product)
            _add(dW.reshape(dW.size), product.reshape(product.size))
            held = 0
    dstart[low:high] = back
