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
    """tanh x within a few units in the last place (rational function of the Eigen library's ptanh)."""
    v = min(max(x, F(-7.90531110763549805)), F(7.90531110763549805))
    z = v * v
    p = F(-2.76076847742355e-16)
    p = p * z + F(2.00018790482477e-13)
    p = p * z + F(-8.60467152213735e-11)
    p = p * z + F(5.12229709037114e-08)
    p = p * z + F(1.48572235717979e-05)
    p = p * z + F(6.37261928875436e-04)
    p = p * z + F(4.89352455891786e-03)
    q = F(1.19825839466702e-06)
    q = q * z + F(1.18534705686654e-04)
    q = q * z + F(2.26843463243900e-03)
    q = q * z + F(4.89352518554385e-03)
    return v * p / q


@njit(inline="always", error_model="numpy", fastmath=SUMS)
def value_of(kind, x):
    """``f(x)``; the kind is the same for a whole loop, which is compiled once for each."""
    if kind == TANH:
        return hyperbolic_tangent(x)
    if kind == RELU:
        return max(x, F(0.0))
    if kind == SOFTPLUS:
        return max(x, F(0.0)) + logarithm(F(1.0) + exponential(-abs(x)))
    if kind == SIGMOID:
        return F(1.0) / (F(1.0) + exponential(-x))
    return x


@njit(inline="always", error_model="numpy", fastmath=SUMS)
def slope_of(kind, y):
    """``f'(x)`` from ``y = f(x)``."""
    if kind == TANH:
        return F(1.0) - y * y
    if kind == RELU:
        return F(1.0) if y > 0 else F(0.0)
    if kind == SOFTPLUS:
        return F(1.0) - exponential(-y)
    if kind == SIGMOID:
        return y * (F(1.0) - y)
    return F(1.0)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def activate(kind, x):
    """``f(x)`` in place, over a vector."""
    for j in range(x.size):
        x[j] = value_of(kind, x[j])


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
def add_in_place(block, more):
    """Add one block to another of its shape, both contiguous."""
    flat, other = block.reshape(block.size), more.reshape(more.size)
    for j in range(flat.size):
        flat[j] += other[j]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def complete_drive(drive, b, noise, inputs, V):
    """Add bias, noise (of size 0 where there is none inside f) and inputs, which are mostly off, to ``W r``."""
    n, n_units = drive.shape
    noisy = noise.size > 0
    for i in range(n):
        for j in range(n_units):
            drive[i, j] += b[j]
        if noisy:
            for j in range(n_units):
                drive[i, j] += noise[i * n_units + j]
        for k in range(inputs.shape[1]):
            now = inputs[i, k]
            if now != 0:
                for j in range(n_units):
                    drive[i, j] += now * V[k, j]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _step_rates(drive, before, after, values, leak, kind):
    """``r <- (1 - a) r + a f(drive)``."""
    keep = F(1.0) - leak
    x, old = drive.reshape(drive.size), before.reshape(before.size)
    new, value = after.reshape(after.size), values.reshape(values.size)
    for j in range(x.size):
        v = value_of(kind, x[j])
        value[j] = v
        new[j] = keep * old[j] + leak * v


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _step_currents(drive, before, after, values, leak, kind, noise):
    """``x <- (1 - a) x + a drive + noise``, ``r = f(x)``."""
    keep = F(1.0) - leak
    x, old = drive.reshape(drive.size), before.reshape(before.size)
    new, value = after.reshape(after.size), values.reshape(values.size)
    for j in range(x.size):
        new[j] = keep * old[j] + leak * x[j]
    if noise.size:
        for j in range(x.size):
            new[j] += noise[j]
    for j in range(x.size):
        value[j] = value_of(kind, new[j])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def forward(start, W, V, b, R, inputs, states, values, outputs, cell, bits, low, high):
    """Write the states after each step of trials low to high, what f gave, and the outputs.

    ``start (trial, unit)``, ``W (source unit, unit)``, ``V (input, unit)``, ``R (unit, output)``,
    ``inputs (time, trial, input)``. Written: ``states`` and ``values (time, trial, unit)``, and, without their bias,
    ``outputs (time, trial, output)``. ``cell`` is (leak, kind, currents, noise inside, scale); ``bits`` are the
    generators of this tile.
    """
    leak, kind, currents, inside, scale = cell
    n_units, n = W.shape[0], high - low
    drive = np.empty((n, n_units), dtype=np.float32)
    n_draws = n * n_units if scale > 0 else 0
    size = -(-n_draws // (2 * LANES)) * 2 * LANES
    words, noise = np.empty(size, dtype=np.uint32), np.empty(size, dtype=np.float32)
    draws, none = noise[:n_draws], noise[:0]
    first = start[low:high].copy()
    if currents:
        activate(kind, first.reshape(first.size))
    for t in range(inputs.shape[0]):
        before = start[low:high] if t == 0 else states[t - 1, low:high]
        rates = first if t == 0 else values[t - 1, low:high]
        after, value = states[t, low:high], values[t, low:high]
        np.dot(rates if currents else before, W, drive)
        random_bits(bits, words)
        normal_draws(words, scale, noise)
        complete_drive(drive, b, draws if inside else none, inputs[t, low:high], V)
        if currents:
            _step_currents(drive, before, after, value, leak, kind, draws)
        else:
            _step_rates(drive, before, after, value, leak, kind)
            if n_draws and not inside:
                add_in_place(after, draws)
        np.dot(value if currents else after, R, outputs[t, low:high])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _error_of_rates(back, arriving, values, errors, leak, kind):
    """What arrives at the rates passes f and the leak to the error of the drive; the rest goes a step back."""
    keep = F(1.0) - leak
    d, g = back.reshape(back.size), arriving.reshape(arriving.size)
    value, error = values.reshape(values.size), errors.reshape(errors.size)
    for j in range(d.size):
        total = d[j] + g[j]
        error[j] = leak * total * slope_of(kind, value[j])
        d[j] = keep * total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _error_of_currents(back, arriving, values, errors, leak, kind):
    """What arrives at the rates passes f to the currents, and the leak to the error of the drive."""
    keep = F(1.0) - leak
    d, g = back.reshape(back.size), arriving.reshape(arriving.size)
    value, error = values.reshape(values.size), errors.reshape(errors.size)
    for j in range(d.size):
        total = d[j] + g[j] * slope_of(kind, value[j])
        error[j] = leak * total
        d[j] = keep * total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def _bend(through, values, kind):
    """Multiply by the slope of f where it gave ``values``."""
    x, value = through.reshape(through.size), values.reshape(values.size)
    for j in range(x.size):
        x[j] *= slope_of(kind, value[j])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def take_inputs(errors, inputs, db, dV):
    """Add the errors of a tile to the gradients of the bias and of the weights of inputs, which are mostly off."""
    n, n_units = errors.shape
    for i in range(n):
        for j in range(n_units):
            db[j] += errors[i, j]
        for k in range(inputs.shape[1]):
            now = inputs[i, k]
            if now != 0:
                for j in range(n_units):
                    dV[k, j] += now * errors[i, j]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def pull_rates(arriving, rates, weights):
    """Add the gradient of the rate penalty, ``weights (trial,)`` times the rates; none where there are no weights."""
    for i in range(weights.size):
        for j in range(rates.shape[1]):
            arriving[i, j] += weights[i] * rates[i, j]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def backward(start, W, R, inputs, states, values, arriving, pull, cell, gradients, low, high, at_once):
    """Gradients of what trials low to high cost, from those in the outputs, ``arriving (time, trial, output)``.

    ``W (unit, source unit)``, ``R (output, unit)``; ``pull (time, trial)``, of no trials without a rate penalty, is
    what rates are multiplied by in its gradient; the rest as for `forward`. Written: ``gradients``, of W
    ``(unit, source unit)``, V ``(input, unit)``, b ``(unit,)``, R ``(output, unit)`` and start ``(trial, unit)``.
    Those of W and R wait for ``at_once`` steps, which makes one large product of small ones.
    """
    leak, kind, currents = cell[0], cell[1], cell[2]
    dW, dV, db, dR, dstart = gradients
    n_units, n, n_outputs, last = W.shape[0], high - low, R.shape[0], inputs.shape[0] - 1
    back, through = np.zeros((n, n_units), dtype=np.float32), np.empty((n, n_units), dtype=np.float32)
    errors = np.empty((at_once, n, n_units), dtype=np.float32)
    sources = np.empty((at_once, n, n_units), dtype=np.float32)
    asked = np.zeros((at_once, n, n_outputs), dtype=np.float32)
    product, read = np.empty((n_units, n_units), dtype=np.float32), np.empty((n_outputs, n_units), dtype=np.float32)
    first, pulled = start[low:high].copy(), pull[:, low:high]
    if currents:
        activate(kind, first.reshape(first.size))
    dW[:], dV[:], db[:] = F(0.0), F(0.0), F(0.0)
    rates = values[last, low:high] if currents else states[last, low:high]
    np.dot(np.ascontiguousarray(arriving[last, low:high].T), rates, dR)
    held = 0
    for t in range(last, -1, -1):
        error = errors[held]
        np.dot(arriving[t, low:high], R, through)
        pull_rates(through, rates, pulled[t])
        if currents:
            _error_of_currents(back, through, values[t, low:high], error, leak, kind)
        else:
            _error_of_rates(back, through, values[t, low:high], error, leak, kind)
        take_inputs(error, inputs[t, low:high], db, dV)
        rates = first if t == 0 else (values[t - 1, low:high] if currents else states[t - 1, low:high])
        sources[held] = rates
        asked[held] = arriving[t - 1, low:high]  # at step 0 that of the last one, which counts for nothing below
        if t == 0:
            asked[held] = F(0.0)
        np.dot(error, W, through)
        if currents:
            _bend(through, rates, kind)
        add_in_place(back, through)
        held += 1
        if held == at_once or t == 0:
            flat = sources[:held].reshape((held * n, n_units))
            np.dot(errors[:held].reshape((held * n, n_units)).T, flat, product)
            add_in_place(dW, product)
            np.dot(asked[:held].reshape((held * n, n_outputs)).T, flat, read)
            add_in_place(dR, read)
            held = 0
    dstart[low:high] = back
