"""The second-order network: inputs multiply what units say to each other."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from neurorec.networks.nonlinearity import Nonlinearity, apply, check_nonlinearity, slope
from neurorec.networks.weights import forward_weights, recurrent_weights, zeros
from neurorec.recording import InputError


class SecondOrder(eqx.Module):
    """Units ``s_i <- g(sum_jk W_ijk s_j u_k + b_i)`` (Giles et al. 1992, doi:10.1162/neco.1992.4.3.393).

    Each input symbol has its own recurrent weights, as each symbol of a finite automaton has its own transitions. Where
    no input is on, or no unit active, nothing of the past is left: so these networks read one-hot symbols, and start
    with an active unit. The first-order terms ``U s + V u``, where there are some, lift both limits.

    Parameters
    ----------
    weights : jax.Array (unit, source unit, input)
        W.
    bias : jax.Array (unit,)
        b.
    recurrent : jax.Array (unit, source unit), optional
        U.
    input : jax.Array (unit, input), optional
        V.
    nonlinearity : {"tanh", "relu", "softplus", "sigmoid", "linear"}
        g.

    Raises
    ------
    InputError
        For first-order terms of which one is missing, or a nonlinearity that is not known.

    Examples
    --------
    >>> swap = jnp.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]])     # symbol 0 keeps, symbol 1 swaps
    >>> cell = SecondOrder(swap, jnp.zeros(2), nonlinearity="linear")
    >>> cell.step(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])).tolist()
    [0.0, 1.0]
    """

    weights: Array
    bias: Array
    recurrent: Array | None = None
    input: Array | None = None
    nonlinearity: Nonlinearity = eqx.field(static=True, default="sigmoid")

    def __check_init__(self) -> None:
        check_nonlinearity(self.nonlinearity)
        if (self.recurrent is None) != (self.input is None):
            found = f"only {'input' if self.recurrent is None else 'recurrent'}"
            expected = "both recurrent and input, or neither"
            raise InputError("first-order terms", expected=expected, found=found, remedy="see SecondOrder.random")

    @classmethod
    def random(
        cls,
        n_inputs: int,
        n_units: int,
        *,
        nonlinearity: Nonlinearity = "sigmoid",
        gain: float = 1.0,
        first_order: bool = False,
        rng: np.random.Generator,
    ) -> "SecondOrder":
        """Draw one: each input's recurrent weights Gaussian, of spectral radius near `gain`."""
        drawn = [recurrent_weights(n_units, gain=gain, rng=rng) for _ in range(n_inputs)]
        return cls(
            weights=jnp.stack(drawn, axis=-1),
            bias=zeros(n_units),
            recurrent=recurrent_weights(n_units, gain=gain, start="orthogonal", rng=rng) if first_order else None,
            input=forward_weights(n_units, n_inputs, rng=rng) if first_order else None,
            nonlinearity=nonlinearity,
        )

    @property
    def n_inputs(self) -> int:
        """Channels in."""
        return self.weights.shape[-1]

    @property
    def n_units(self) -> int:
        """Units."""
        return self.weights.shape[-2]

    @property
    def n_states(self) -> int:
        """The state is the units' activity."""
        return self.n_units

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., unit)``."""
        # one matrix product over pairs (j, k) is far faster than a product of three factors
        pairs = (state[..., :, None] * inputs[..., None, :]).reshape(*state.shape[:-1], self.n_units * self.n_inputs)
        drive = pairs @ self.weights.reshape(self.n_units, -1).T + self.bias
        if self.recurrent is not None and self.input is not None:
            drive = drive + state @ self.recurrent.T + inputs @ self.input.T
        return apply(self.nonlinearity, drive)

    def activity(self, state: Array) -> Array:
        """The state itself."""
        return state

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """``diag(g') (sum_k W_ijk u_k + U)``."""
        weights = self.weights @ inputs
        if self.recurrent is not None:
            weights = weights + self.recurrent
        return slope(self.nonlinearity, self.step(state, inputs))[:, None] * weights
