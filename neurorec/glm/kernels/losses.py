"""Derivatives of the losses in the linear predictor, block by block, and the exponential they rest on."""

import math

import numpy as np
from numba import njit, types
from numba.extending import overload

POISSON, BERNOULLI, GAUSSIAN, GAMMA, NEGATIVE_BINOMIAL = range(5)
BLOCK = 512  # bins whose temporaries stay in the first-level cache
SUMS = {"reassoc", "contract", "nsz", "arcp"}  # sums may be reordered, NaN stays NaN


def exponential(x):
    """e^x within two units in the last place, clamped short of overflow, in arithmetic that vectorises."""
    return math.exp(x)


@overload(exponential, inline="always")
def _exponential(x):
    return _exponential32 if x == types.float32 else _exponential64


def _exponential32(x):
    # Cody-Waite reduction and minimax polynomial of the Cephes library's expf
    v = min(max(x, np.float32(-87.0)), np.float32(88.0))
    k = np.floor(v * np.float32(1.44269504) + np.float32(0.5))
    r = (v - k * np.float32(0.693359375)) + k * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = (p * r) * r + r + np.float32(1.0)
    return p * np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)


def _exponential64(x):
    # the same, with the rational function of Cephes' exp
    v = min(max(x, -708.0), 709.0)
    k = np.floor(v * 1.4426950408889634 + 0.5)
    r = (v - k * 6.93145751953125e-1) - k * 1.42860682030941723212e-6
    rr = r * r
    p = r * ((1.26177193074810590878e-4 * rr + 3.02994407707441961300e-2) * rr + 9.99999999999999999910e-1)
    q = ((3.00198505138664455042e-6 * rr + 2.52448340349684104192e-3) * rr + 2.27265548208155028766e-1) * rr + 2.0
    return (1.0 + 2.0 * (p / (q - p))) * np.int64((np.int64(k) + np.int64(1023)) << np.int64(52)).view(np.float64)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
def derivatives(family, eta, y, dispersion, slope, bend):
    """First and second derivative of the loss in eta, per bin of a block.

    The losses: e^eta - y eta (Poisson), log(1 + e^eta) - y eta (Bernoulli), (y - eta)^2 / 2 (Gaussian),
    y e^-eta + eta (gamma), (y + 1/a) log(1 + a e^eta) - y eta (negative binomial of dispersion a).
    """
    n = eta.size
    one = eta.dtype.type(1)
    if family == POISSON:
        for i in range(n):
            mu = exponential(eta[i])
            slope[i] = mu - one * y[i]
            bend[i] = mu
    elif family == BERNOULLI:
        for i in range(n):
            mu = one / (one + exponential(-eta[i]))
            slope[i] = mu - one * y[i]
            bend[i] = mu * (one - mu)
    elif family == GAUSSIAN:
        for i in range(n):
            slope[i] = eta[i] - one * y[i]
            bend[i] = one
    elif family == GAMMA:
        for i in range(n):
            ratio = one * y[i] * exponential(-eta[i])
            slope[i] = one - ratio
            bend[i] = ratio
    else:
        a = eta.dtype.type(dispersion)
        for i in range(n):
            mu = exponential(eta[i])
            share = one / (one + a * mu)
            slope[i] = (mu - one * y[i]) * share
            bend[i] = mu * (one + a * (one * y[i])) * share * share


@njit(nogil=True, cache=True, error_model="numpy")
def half_deviance(family, y, mu, dispersion):
    """Loss of one bin above that of the best possible prediction."""
    if family == POISSON:
        return (y * math.log(y / mu) if y > 0 else 0.0) - y + mu
    if family == BERNOULLI:
        return (y * math.log(y / mu) if y > 0 else 0.0) + ((1 - y) * math.log((1 - y) / (1 - mu)) if y < 1 else 0.0)
    if family == GAUSSIAN:
        return 0.5 * (y - mu) ** 2
    if family == GAMMA:
        return (y - mu) / mu - math.log(y / mu)
    a = dispersion
    return (y * math.log(y / mu) if y > 0 else 0.0) - (y + 1 / a) * math.log((1 + a * y) / (1 + a * mu))


@njit(nogil=True, cache=True, error_model="numpy")
def moments(y, w):
    """Weighted mean and variance of a row, whose weights have mean 1, and whether it varies where it has weight."""
    n, weighted = y.size, w.size > 0
    total, square, lowest, highest = 0.0, 0.0, np.inf, -np.inf
    for i in range(n):
        weight = w[i] if weighted else 1.0
        if weight > 0:
            total += weight * y[i]
            lowest, highest = min(lowest, y[i]), max(highest, y[i])
    mean = total / n
    for i in range(n):
        square += (w[i] if weighted else 1.0) * (y[i] - mean) ** 2
    return mean, square / n, highest > lowest


@njit(nogil=True, cache=True, error_model="numpy")
def null_deviance(family, y, w, mean, dispersion):
    """Weighted mean half-deviance of a row from its weighted mean."""
    n, weighted, lost = y.size, w.size > 0, 0.0
    zeros = family in (POISSON, BERNOULLI, NEGATIVE_BINOMIAL)  # they are most of it: take them once
    at_zero = half_deviance(family, 0.0, mean, dispersion) if zeros else 0.0
    for i in range(n):
        weight = w[i] if weighted else 1.0
        if weight > 0:
            known = zeros and y[i] == 0
            lost += weight * (at_zero if known else half_deviance(family, float(y[i]), mean, dispersion))
    return lost / n
