"""The gated recurrent unit: gates decide how much of the past a unit hears, and how much of itself it keeps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from neurorec.networks.weights import Start, forward_weights, recurrent_weights, zeros


class GRU(eqx.Module):
    """Gated units (Cho et al. 2014, doi:10.3115/v1/D14-1179), with the reset gate where PyTorch has it.

    - reset ``r = sigmoid(W_r h + V_r u + b_r)``
    - update ``z = sigmoid(W_z h + V_z u + b_z)``
    - new ``n = tanh(V_n u + b_n + r * (W_n h + d))``
    - ``h <- (1 - z) * n + z * h``

    In the paper the reset gate acts before the recurrent weights, ``W_n (r * h)``; here it acts behind them, as in
    PyTorch and cuDNN, so that weights can be exchanged.

    Parameters
    ----------
    recurrent : jax.Array (3 unit, source unit)
        W of the gates one below the other: reset, update, new.
    input : jax.Array (3 unit, input)
        V, in the same order.
    bias : jax.Array (3 unit,)
        b, in the same order.
    reset_bias : jax.Array (unit,)
        d, the part of the new gate's bias that is reset with the past.

    Examples
    --------
    >>> cell = GRU.random(2, 5, rng=np.random.default_rng(0))
    >>> sorted(cell.gates(jnp.zeros(5), jnp.ones(2)))
    ['new', 'reset', 'update']
    """

    recurrent: Array
    input: Array
    bias: Array
    reset_bias: Array

    @classmethod
    def random(
        cls, n_inputs: int, n_units: int, *, gain: float = 1.0, start: Start = "orthogonal", rng: np.random.Generator
    ) -> "GRU":
        """Draw one; each gate's recurrent weights by `neurorec.networks.recurrent_weights`."""
        drawn = [recurrent_weights(n_units, gain=gain, start=start, rng=rng) for _ in range(3)]
        return cls(
            recurrent=jnp.concatenate(drawn),
            input=forward_weights(3 * n_units, n_inputs, rng=rng),
            bias=zeros(3 * n_units),
            reset_bias=zeros(n_units),
        )

    @property
    def n_inputs(self) -> int:
        """Channels in."""
        return self.input.shape[-1]

    @property
    def n_units(self) -> int:
        """Units."""
        return self.recurrent.shape[-1]

    @property
    def n_states(self) -> int:
        """The state is the units' activity."""
        return self.n_units

    def gates(self, state: Array, inputs: Array) -> dict[str, Array]:
        """What the gates let through ``(..., unit)``, by name: ``"reset"``, ``"update"``, ``"new"``."""
        reset, update, new = jnp.split(inputs @ self.input.T + self.bias, 3, axis=-1)
        by_reset, by_update, past = jnp.split(state @ self.recurrent.T, 3, axis=-1)
        reset = jax.nn.sigmoid(reset + by_reset)
        return {
            "reset": reset,
            "update": jax.nn.sigmoid(update + by_update),
            "new": jnp.tanh(new + reset * (past + self.reset_bias)),
        }

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., unit)``."""
        gates = self.gates(state, inputs)
        return gates["new"] + gates["update"] * (state - gates["new"])

    def activity(self, state: Array) -> Array:
        """The state itself."""
        return state

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """``diag(z) + diag((h - n) z (1 - z)) W_z + diag((1 - z)(1 - n^2)) N``, N the derivative inside the new gate.

        ``N = diag(r) W_n + diag((W_n h + d) r (1 - r)) W_r``.
        """
        reset, update, new = (self.gates(state, inputs)[name][:, None] for name in ("reset", "update", "new"))
        by_reset, by_update, past = jnp.split(self.recurrent, 3)
        inside = reset * past + (past @ state + self.reset_bias)[:, None] * reset * (1 - reset) * by_reset
        kept = (state[:, None] - new) * update * (1 - update) * by_update
        return jnp.diag(update[:, 0]) + kept + (1 - update) * (1 - new**2) * inside
