"""Time made space: what sees the last few inputs at once instead of remembering them."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from neurorec.networks.nonlinearity import Nonlinearity, apply, check_nonlinearity
from neurorec.networks.system import scan
from neurorec.networks.weights import forward_weights, zeros
from neurorec.recording import InputError


class TappedDelay(eqx.Module):
    """A linear autoregressive model ``y(t) = sum_d A_d u(t - d) + c`` over the last inputs, d = 0, 1, ....

    The state is the delay line ``[u(t), u(t - 1), ...]``, and 0 at first; its taps are the units.

    Parameters
    ----------
    output : jax.Array (output, tap * input)
        A, the newest tap first.
    output_bias : jax.Array (output,)
        c.
    n_inputs : int
        Channels in.

    Raises
    ------
    InputError
        For columns that are not a whole number of taps.

    Examples
    --------
    >>> system = TappedDelay(jnp.array([[1.0, -1.0]]), jnp.zeros(1), n_inputs=1)     # the difference of two steps
    >>> state = system.step(system.step(system.initial_state, jnp.array([3.0])), jnp.array([5.0]))
    >>> system.readout(state).tolist()
    [2.0]
    """

    output: Array
    output_bias: Array
    n_inputs: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        _check_taps("output", self.output, self.n_inputs)

    @classmethod
    def random(cls, n_inputs: int, n_outputs: int, *, taps: int = 20, rng: np.random.Generator) -> "TappedDelay":
        """Draw one that sees `taps` steps, the newest included."""
        output = forward_weights(n_outputs, taps * n_inputs, rng=rng)
        return cls(output=output, output_bias=zeros(n_outputs), n_inputs=n_inputs)

    @property
    def n_outputs(self) -> int:
        """Channels out."""
        return self.output.shape[-2]

    @property
    def n_units(self) -> int:
        """Taps of all channels."""
        return self.output.shape[-1]

    @property
    def initial_state(self) -> Array:
        """Nothing seen."""
        return jnp.zeros(self.n_units, dtype=self.output.dtype)

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., tap * input)``: all that was seen is a tap further."""
        return _shift(state, inputs)

    def run(self, state: Array, inputs: Array, draws: Array | None = None) -> Array:
        """States ``(time, ..., tap * input)`` after each step, all at once."""
        return _windows(state, inputs) if draws is None else scan(self, state, inputs, draws)

    def readout(self, state: Array) -> Array:
        """Outputs ``(..., output)``."""
        return state @ self.output.T + self.output_bias

    def activity(self, state: Array) -> Array:
        """The taps ``(..., tap * input)``."""
        return state

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """Ones below the diagonal, one channel's taps apart."""
        return _shift_matrix(state, self.n_inputs)


class DelayFeedforward(eqx.Module):
    """A feedforward network of the last inputs, ``h = f(V x + b)``, ``y = R h + c``, x the delay line.

    The state is the delay line ``x = [u(t), u(t - 1), ...]``, and 0 at first; the hidden units are the units.

    Parameters
    ----------
    input : jax.Array (unit, tap * input)
        V, the newest tap first.
    bias : jax.Array (unit,)
        b.
    output : jax.Array (output, unit)
        R.
    output_bias : jax.Array (output,)
        c.
    n_inputs : int
        Channels in.
    nonlinearity : {"tanh", "relu", "softplus", "sigmoid", "linear"}
        f.

    Raises
    ------
    InputError
        For columns that are not a whole number of taps, or a nonlinearity that is not known.

    Examples
    --------
    >>> system = DelayFeedforward.random(2, 16, 1, taps=5, rng=np.random.default_rng(0))
    >>> system.initial_state.shape, system.activity(system.initial_state).shape
    ((10,), (16,))
    """

    input: Array
    bias: Array
    output: Array
    output_bias: Array
    n_inputs: int = eqx.field(static=True)
    nonlinearity: Nonlinearity = eqx.field(static=True, default="tanh")

    def __check_init__(self) -> None:
        check_nonlinearity(self.nonlinearity)
        _check_taps("input", self.input, self.n_inputs)

    @classmethod
    def random(
        cls,
        n_inputs: int,
        n_units: int,
        n_outputs: int,
        *,
        taps: int = 20,
        nonlinearity: Nonlinearity = "tanh",
        rng: np.random.Generator,
    ) -> "DelayFeedforward":
        """Draw one that sees `taps` steps, the newest included."""
        return cls(
            input=forward_weights(n_units, taps * n_inputs, rng=rng),
            bias=zeros(n_units),
            output=forward_weights(n_outputs, n_units, rng=rng),
            output_bias=zeros(n_outputs),
            n_inputs=n_inputs,
            nonlinearity=nonlinearity,
        )

    @property
    def n_outputs(self) -> int:
        """Channels out."""
        return self.output.shape[-2]

    @property
    def n_units(self) -> int:
        """Hidden units."""
        return self.output.shape[-1]

    @property
    def initial_state(self) -> Array:
        """Nothing seen."""
        return jnp.zeros(self.input.shape[-1], dtype=self.input.dtype)

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., tap * input)``: all that was seen is a tap further."""
        return _shift(state, inputs)

    def run(self, state: Array, inputs: Array, draws: Array | None = None) -> Array:
        """States ``(time, ..., tap * input)`` after each step, all at once."""
        return _windows(state, inputs) if draws is None else scan(self, state, inputs, draws)

    def readout(self, state: Array) -> Array:
        """Outputs ``(..., output)``."""
        return self.activity(state) @ self.output.T + self.output_bias

    def activity(self, state: Array) -> Array:
        """The hidden units' activity ``(..., unit)``."""
        return apply(self.nonlinearity, state @ self.input.T + self.bias)

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """Ones below the diagonal, one channel's taps apart."""
        return _shift_matrix(state, self.n_inputs)


def _check_taps(name: str, weights: Array, n_inputs: int) -> None:
    if n_inputs < 1 or weights.shape[-1] < 1 or weights.shape[-1] % n_inputs:
        expected, remedy = f"taps times {n_inputs} columns", "give every tap each channel"
        raise InputError(name, expected=expected, found=str(weights.shape[-1]), remedy=remedy)


def _shift(line: Array, inputs: Array) -> Array:
    return jnp.concatenate([inputs, line[..., : line.shape[-1] - inputs.shape[-1]]], axis=-1)


def _windows(line: Array, inputs: Array) -> Array:
    """Delay lines ``(time, ..., tap * input)`` after each step, from the one before the first and all inputs."""
    n_steps, n_inputs = len(inputs), inputs.shape[-1]
    n_taps = line.shape[-1] // n_inputs
    before = jnp.moveaxis(line.reshape(*line.shape[:-1], n_taps, n_inputs)[..., ::-1, :], -2, 0)
    seen = jnp.concatenate([before, inputs])
    taps = [seen[n_taps - d : n_taps - d + n_steps] for d in range(n_taps)]
    return jnp.concatenate(taps, axis=-1)


def _shift_matrix(line: Array, n_inputs: int) -> Array:
    return jnp.eye(line.shape[-1], k=-n_inputs, dtype=line.dtype)
