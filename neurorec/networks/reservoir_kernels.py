"""States of a reservoir over time, by BLAS or through the weights that are not 0, whichever is faster."""

import math
from typing import Any, Literal

import numpy as np
from numba import njit, types
from numba.extending import overload
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse

from neurorec.recording import InputError, check_array, check_number

Reaction = Literal["tanh", "linear", "sign"]
REACTIONS: tuple[Reaction, ...] = ("tanh", "linear", "sign")
TANH, LINEAR, SIGN = range(3)
SUMS = {"contract", "nsz", "reassoc", "arcp"}  # sums may be reordered, NaN stays NaN
TILE = 64  # most sequences that go through sparse weights together
# A weight that is not 0 costs more than one in a dense product: sparse products win below these shares (measured on one
# core), for one sequence through weights that fit into the second-level cache, and those that do not, and for many.
SPARSE_CACHED, SPARSE_ONE, SPARSE_MANY, CACHE = 0.05, 0.15, 0.2, 2**20
F = np.float32


def reservoir_states(
    recurrent: Any,
    input: ArrayLike,
    inputs: ArrayLike,
    *,
    bias: ArrayLike | None = None,
    leak: float = 1.0,
    nonlinearity: Reaction = "tanh",
    state: ArrayLike | None = None,
    way: Literal["dense", "sparse"] | None = None,
) -> NDArray:
    r"""States of a reservoir through inputs, ``x <- (1 - a) x + a f(W x + V u + b)``.

    Parameters
    ----------
    recurrent : array-like or scipy.sparse array (unit, source unit)
        W. Its type, float32 or float64, is that of all that is computed.
    input : array-like (unit, input)
        V.
    inputs : array-like (time, input) or (time, sequence, input)
        u, one sequence or many of them, which are run side by side.
    bias : array-like (unit,), optional
        b; by default 0.
    leak : float
        a, above 0 and at most 1.
    nonlinearity : {"tanh", "linear", "sign"}
        f; the sign of 0 is 1.
    state : array-like (..., unit), optional
        x before the first step; by default 0.
    way : {"dense", "sparse"}, optional
        How W is multiplied; by default as is faster.

    Returns
    -------
    ndarray (time, ..., unit)
        x after each step.

    Raises
    ------
    InputError
        For shapes that do not fit each other, weights and inputs that are not finite, a leak outside (0, 1], and a way
        or a nonlinearity that is not known.

    Examples
    --------
    >>> reservoir_states([[0.5]], [[1.0]], np.ones((3, 1)), nonlinearity="linear").ravel().tolist()
    [1.0, 1.5, 1.75]
    """
    weights = recurrent if issparse(recurrent) else np.asarray(recurrent)
    kind = np.float32 if weights.dtype == np.float32 else np.float64
    weights = weights if weights.dtype.kind == "f" else check_array("recurrent", weights, "(unit, unit)")
    n_units = weights.shape[0] if weights.ndim else 0
    # copies: compiled loops would be compiled again for arrays that cannot be written
    into, u = (
        np.array(values if _is_real(values) else check_array(name, values, axes), dtype=kind, order="C")
        for name, values, axes in (("input", input, "(unit, input)"), ("inputs", inputs, "(time, ..., input)"))
    )
    shape = u.shape
    if len(shape) not in (2, 3) or weights.shape != (n_units, n_units) or into.shape != (n_units, shape[-1]):
        found = f"recurrent {weights.shape}, input {into.shape} and inputs {shape}"
        expected = "(unit, unit), (unit, input) and (time, ..., input)"
        raise InputError("shapes", expected=expected, found=found, remedy="time first; one sequence, or several")
    if nonlinearity not in REACTIONS:
        expected = f"one of {', '.join(REACTIONS)}"
        raise InputError("nonlinearity", expected=expected, found=repr(nonlinearity), remedy="name one of them")
    if way not in (None, "dense", "sparse"):
        raise InputError("way", expected="dense, sparse or None", found=repr(way), remedy="None takes the faster one")
    check_number("leak", leak, above=0, most=1, remedy="1 replaces all of the state")
    if not (np.isfinite(u).all() and np.isfinite(weights.data if issparse(weights) else weights).all()):
        remedy = "leave such steps out, or set them to 0"
        raise InputError("recurrent and inputs", expected="finite numbers", found="nan or inf", remedy=remedy)
    b = np.zeros(n_units, dtype=kind) if bias is None else np.array(bias, dtype=kind)
    n_beside = 1 if len(shape) == 2 else shape[1]
    begin = np.zeros(n_units, dtype=kind) if state is None else np.asarray(state, dtype=kind)
    begin = begin[None] if begin.ndim == 1 else begin
    if b.shape != (n_units,) or begin.shape not in ((1, n_units), (n_beside, n_units)):
        expected, found = f"bias ({n_units},), state (..., {n_units})", f"{b.shape} and {begin.shape}"
        raise InputError("bias and state", expected=expected, found=found, remedy="one a unit, states one a sequence")
    begin = np.array(np.broadcast_to(begin, (n_beside, n_units)), order="C")
    states = _walk(u.reshape(shape[0], n_beside, shape[-1]), into, b, begin, weights, kind(leak), (nonlinearity, way))
    return states.reshape(*shape[:-1], n_units)


def _is_real(values: Any) -> bool:
    """Whether these are an array already, which need not be made into one of float64 first."""
    return isinstance(values, np.ndarray) and values.dtype.kind == "f"


def _walk(
    inputs: NDArray, into: NDArray, bias: NDArray, begin: NDArray, weights: Any, leak: Any, how: tuple[str, str | None]
) -> NDArray:
    """States ``(time, sequence, unit)``."""
    (n_steps, n_beside), (n_units, way) = inputs.shape[:2], (len(bias), how[1])
    kind = REACTIONS.index(how[0])  # type: ignore[arg-type]
    share = (weights.nnz if issparse(weights) else np.count_nonzero(weights)) / max(n_units**2, 1)
    limit = SPARSE_MANY if n_beside > 1 else SPARSE_CACHED if n_units**2 * inputs.itemsize <= CACHE else SPARSE_ONE
    sparse = share < limit if way is None else way == "sparse"
    if not sparse:
        weights = np.asarray(weights.toarray() if issparse(weights) else weights, dtype=inputs.dtype)
    if sparse and n_beside > 1:
        rows, states = csr_array(weights, dtype=inputs.dtype), np.empty((n_steps, n_beside, n_units), inputs.dtype)
        # unsigned, so that no index is asked whether it counts from the end
        parts = rows.data, rows.indices.astype(np.uint32), rows.indptr.astype(np.intp)
        walk_sparse_tiles(states, begin, inputs, into, bias, *parts, leak, kind, min(TILE, -(-n_beside // 8) * 8))
        return states
    states = inputs @ into.T + bias
    if sparse:
        _walk_sparse(states[:, 0], begin[0], csr_array(weights, dtype=inputs.dtype), leak, kind)
    elif n_beside == 1:
        walk_dense(states[:, 0], begin[0], np.array(weights, order="C"), leak, kind)
    elif n_beside > 1:
        walk_dense_many(states, begin, np.ascontiguousarray(weights.T), leak, kind)
    return states


def _tanh(x):
    """tanh x, of the type of x."""
    return math.tanh(x)


@overload(_tanh, inline="never", jit_options={"error_model": "numpy", "fastmath": SUMS})
def _tanh_of_type(x):
    return _tanh_single if x == types.float32 else _tanh_double


def _tanh_single(x):
    """Within a few units in the last place (rational function of the Eigen library's ptanh)."""
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


def _tanh_double(x):
    """Within a few units in the last place (rational functions of Cephes' tanh and exp); no branches, so it is fast."""
    z = x * x
    p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3
    q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3
    near = x + x * z * (p / q)
    v = min(2.0 * abs(x), 44.0)
    k = np.floor(1.4426950408889634073599 * v + 0.5)
    r = (v - k * 6.93145751953125e-1) - k * 1.42860682030941723212e-6
    s = r * r
    a = r * ((1.26177193074810590878e-4 * s + 3.02994407707441961300e-2) * s + 9.99999999999999999910e-1)
    b = ((3.00198505138664455042e-6 * s + 2.52448340349684104192e-3) * s + 2.27265548208155028766e-1) * s + 2.0
    power = np.int64((np.int64(k) + 1023) << 52).view(np.float64)
    far = 1.0 - 2.0 / ((1.0 + 2.0 * a / (b - a)) * power + 1.0)
    return near if abs(x) < 0.625 else (far if x > 0 else -far)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def complete(now, drive, before, leak, kind):
    """The next states from what recurrent weights bring, `drive`, and what inputs do, `now`, which they replace."""
    keep = now.dtype.type(1) - leak
    if kind == TANH:
        for j in range(now.size):
            now[j] = keep * before[j] + leak * _tanh(now[j] + drive[j])
    elif kind == LINEAR:
        for j in range(now.size):
            now[j] = keep * before[j] + leak * (now[j] + drive[j])
    else:
        one = now.dtype.type(1)
        for j in range(now.size):
            now[j] = keep * before[j] + leak * (one if now[j] + drive[j] >= 0 else -one)


@njit(nogil=True, cache=True, error_model="numpy")
def walk_dense(states, begin, weights, leak, kind):
    """One sequence: drives ``(time, unit)`` become states; ``weights (unit, source unit)``."""
    drive, before = np.empty_like(begin), begin
    for t in range(states.shape[0]):
        np.dot(weights, before, drive)
        complete(states[t], drive, before, leak, kind)
        before = states[t]


@njit(nogil=True, cache=True, error_model="numpy")
def walk_dense_many(states, begin, weights, leak, kind):
    """Many: drives ``(time, sequence, unit)`` become states; ``weights (source unit, unit)``."""
    drive, before = np.empty_like(begin), begin
    for t in range(states.shape[0]):
        now = states[t]
        np.dot(before, weights, drive)
        complete(now.reshape(now.size), drive.reshape(now.size), before.reshape(now.size), leak, kind)
        before = now


def _walk_sparse(states: NDArray, begin: NDArray, weights: Any, leak: Any, kind: int) -> None:
    """One sequence; SciPy's own product is faster than one compiled here, which gathers what it adds up."""
    before = begin
    for now in states:
        complete(now, weights @ before, before, leak, kind)
        before = now


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def multiply_tile(data, column, row, x, into, bias, inputs, out, total):
    """Drives ``(unit x sequence)``: sparse rows times states x, four weights at a time, inputs, and the bias.

    ``inputs (input x sequence)``; `total (sequence,)` is written over.
    """
    width = total.size
    for i in range(row.size - 1):
        total[:] = bias[i]
        for k in range(into.shape[1]):
            a, at = into[i, k], k * width
            for j in range(width):
                total[j] += a * inputs[at + j]
        fours = (row[i + 1] - row[i]) // 4
        for q in range(fours):
            k = row[i] + 4 * q
            a, b, c, d = data[k], data[k + 1], data[k + 2], data[k + 3]
            at, bt = np.intp(column[k]) * width, np.intp(column[k + 1]) * width
            ct, dt = np.intp(column[k + 2]) * width, np.intp(column[k + 3]) * width
            for j in range(width):
                total[j] += (a * x[at + j] + b * x[bt + j]) + (c * x[ct + j] + d * x[dt + j])
        for k in range(row[i] + 4 * fours, row[i + 1]):
            a, at = data[k], np.intp(column[k]) * width
            for j in range(width):
                total[j] += a * x[at + j]
        out[i * width : (i + 1) * width] = total


@njit(nogil=True, cache=True, error_model="numpy")
def walk_sparse_tiles(states, begin, inputs, into, bias, data, column, row, leak, kind, width):
    """Many sequences by compressed sparse rows, a tile of them through all steps before the next."""
    n_steps, n_beside, n_units = states.shape
    before, total = np.zeros(n_units * width, dtype=begin.dtype), np.empty(width, dtype=begin.dtype)
    now, nothing = np.zeros_like(before), np.zeros_like(before)
    heard = np.zeros(inputs.shape[2] * width, dtype=begin.dtype)
    for low in range(0, n_beside, width):
        n = min(width, n_beside - low)
        before[:], heard[:] = 0, 0  # so that places without a sequence hold nothing that grows
        for j in range(n):
            before[j::width] = begin[low + j]
        for t in range(n_steps):
            for j in range(n):
                heard[j::width] = inputs[t, low + j]
            multiply_tile(data, column, row, before, into, bias, heard, now, total)
            complete(now, nothing, before, leak, kind)
            turn(now, states[t, low : low + n], width)
            before, now = now, before


@njit(nogil=True, cache=True, error_model="numpy")
def turn(flat, rows, width):
    """Write states ``(unit x sequence)`` as ``(sequence, unit)``, a block that the cache holds at a time."""
    n, n_units = rows.shape
    for first in range(0, n_units, 32):
        for j in range(n):
            for i in range(first, min(first + 32, n_units)):
                rows[j, i] = flat[i * width + j]
