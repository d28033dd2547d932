"""The Elman network: hidden units that see the inputs and what they were themselves a step ago."""

import equinox as eqx
import numpy as np
from jax import Array

from neurorec.networks.nonlinearity import Nonlinearity, apply, check_nonlinearity, slope
from neurorec.networks.weights import Start, forward_weights, recurrent_weights, zeros


class Elman(eqx.Module):
    """Hidden units ``h(t+1) = f(W h(t) + V u(t) + b)`` (Elman 1990, doi:10.1207/s15516709cog1402_1).

    Parameters
    ----------
    recurrent : jax.Array (unit, source unit)
        W.
    input : jax.Array (unit, input)
        V.
    bias : jax.Array (unit,)
        b.
    nonlinearity : {"tanh", "relu", "softplus", "sigmoid", "linear"}
        f.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> cell = Elman(recurrent=jnp.eye(2), input=jnp.ones((2, 1)), bias=jnp.zeros(2), nonlinearity="linear")
    >>> cell.step(jnp.array([1.0, 2.0]), jnp.array([0.5])).tolist()
    [1.5, 2.5]
    """

    recurrent: Array
    input: Array
    bias: Array
    nonlinearity: Nonlinearity = eqx.field(static=True, default="tanh")

    def __check_init__(self) -> None:
        check_nonlinearity(self.nonlinearity)

    @classmethod
    def random(
        cls,
        n_inputs: int,
        n_units: int,
        *,
        nonlinearity: Nonlinearity = "tanh",
        gain: float = 1.0,
        start: Start = "orthogonal",
        rng: np.random.Generator,
    ) -> "Elman":
        """Draw one, with `neurorec.networks.recurrent_weights`."""
        return cls(
            recurrent=recurrent_weights(n_units, gain=gain, start=start, rng=rng),
            input=forward_weights(n_units, n_inputs, rng=rng),
            bias=zeros(n_units),
            nonlinearity=nonlinearity,
        )

    @property
    def n_inputs(self) -> int:
        """Channels in."""
        return self.input.shape[-1]

    @property
    def n_units(self) -> int:
        """Hidden units."""
        return self.recurrent.shape[-1]

    @property
    def n_states(self) -> int:
        """The state is the hidden units' activity."""
        return self.n_units

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., unit)``."""
        return apply(self.nonlinearity, state @ self.recurrent.T + inputs @ self.input.T + self.bias)

    def activity(self, state: Array) -> Array:
        """The state itself."""
        return state

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """``diag(f') W``."""
        return slope(self.nonlinearity, self.step(state, inputs))[:, None] * self.recurrent
