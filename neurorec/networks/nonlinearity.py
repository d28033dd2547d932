"""What a unit makes of its input, with its slope."""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

from neurorec.recording import InputError

Nonlinearity = Literal["tanh", "relu", "softplus", "sigmoid", "linear"]

_VALUE = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "softplus": jax.nn.softplus,
    "sigmoid": jax.nn.sigmoid,
    "linear": lambda x: x,
}
_SLOPE = {
    "tanh": lambda y: 1 - y * y,
    "relu": lambda y: (y > 0).astype(y.dtype),
    "softplus": lambda y: -jnp.expm1(-y),
    "sigmoid": lambda y: y * (1 - y),
    "linear": jnp.ones_like,
}
NONLINEARITIES: tuple[Nonlinearity, ...] = tuple(_VALUE)  # type: ignore[assignment]


def check_nonlinearity(name: Nonlinearity) -> Nonlinearity:
    """Return a name that is known, or raise `InputError`."""
    if name not in _VALUE:
        expected = f"one of {', '.join(_VALUE)}"
        raise InputError("nonlinearity", expected=expected, found=repr(name), remedy="name one of them")
    return name


def apply(name: Nonlinearity, x: Array) -> Array:
    """Activity ``f(x)``."""
    return _VALUE[name](x)


def slope(name: Nonlinearity, y: Array) -> Array:
    """Slope ``f'(x)``, from the activity ``y = f(x)``."""
    return _SLOPE[name](y)
