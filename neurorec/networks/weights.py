"""Weights to begin with."""

from typing import Literal

import jax.numpy as jnp
import numpy as np
from jax import Array

from neurorec.recording import InputError

Start = Literal["gaussian", "orthogonal", "identity"]
STARTS: tuple[Start, ...] = ("gaussian", "orthogonal", "identity")


def recurrent_weights(n_units: int, *, gain: float = 1.0, start: Start = "gaussian", rng: np.random.Generator) -> Array:
    """Draw square weights ``(unit, source unit)``.

    Parameters
    ----------
    n_units : int
        Rows and columns.
    gain : float
        Gaussian: independent weights of variance ``gain^2 / n_units``, spectral radius near `gain`. Orthogonal: all
        singular values are `gain`. Identity: `gain` times the identity (Le et al. 2015, arXiv:1504.00941).
    start : {"gaussian", "orthogonal", "identity"}
        Which of them.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    jax.Array (unit, source unit)
        float32.

    Examples
    --------
    >>> weights = recurrent_weights(5, gain=0.9, start="orthogonal", rng=np.random.default_rng(0))
    >>> np.linalg.svd(weights, compute_uv=False).round(3).tolist()
    [0.8999999761581421, 0.8999999761581421, 0.8999999761581421, 0.8999999761581421, 0.8999999761581421]
    """
    if start not in STARTS:
        expected = f"one of {', '.join(STARTS)}"
        raise InputError("start", expected=expected, found=repr(start), remedy="name one of them")
    if start == "identity":
        return jnp.asarray(gain * np.eye(n_units), dtype=jnp.float32)
    drawn = rng.standard_normal((n_units, n_units))
    if start == "gaussian":
        return jnp.asarray(gain / np.sqrt(n_units) * drawn, dtype=jnp.float32)
    q, r = np.linalg.qr(drawn)
    return jnp.asarray(gain * q * np.sign(np.diag(r)), dtype=jnp.float32)


def forward_weights(n_to: int, n_from: int, *, gain: float = 1.0, rng: np.random.Generator) -> Array:
    """Draw weights ``(to, from)``, independent, of variance ``gain^2 / n_from``, float32."""
    return jnp.asarray(gain / np.sqrt(max(n_from, 1)) * rng.standard_normal((n_to, n_from)), dtype=jnp.float32)


def zeros(*shape: int) -> Array:
    """Zeros, float32; made by NumPy, since JAX would compile a program for each shape."""
    return jnp.asarray(np.zeros(shape, dtype=np.float32))
