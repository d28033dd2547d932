"""The long short-term memory: cells that keep what they hold until a gate lets it go."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from neurorec.networks.weights import Start, forward_weights, recurrent_weights

GATES = ("input", "forget", "cell", "output")


class LSTM(eqx.Module):
    """Memory cells behind gates (Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735).

    With the forget gate of Gers et al. 2000 (doi:10.1162/089976600300015015), without peepholes. Each of the gates is
    made of ``W h + V u + b``, its own rows of them:

    - input ``i`` and forget ``f``, output ``o``: a sigmoid; cell ``g``: a tanh;
    - ``c <- f * c + i * g``, what the cells hold;
    - ``h <- o * tanh(c)``, the units' activity.

    The state is ``[h, c]``.

    Parameters
    ----------
    recurrent : jax.Array (4 unit, source unit)
        W of the gates one below the other: input, forget, cell, output, as in PyTorch.
    input : jax.Array (4 unit, input)
        V, in the same order.
    bias : jax.Array (4 unit,)
        b, in the same order.

    Examples
    --------
    >>> cell = LSTM.random(2, 5, rng=np.random.default_rng(0))
    >>> gates = cell.gates(jnp.zeros(10), jnp.zeros(2))
    >>> list(gates), gates["forget"].round(3).tolist()[0]       # open at first: sigmoid(1)
    (['input', 'forget', 'cell', 'output'], 0.7310000061988831)
    """

    recurrent: Array
    input: Array
    bias: Array

    @classmethod
    def random(
        cls,
        n_inputs: int,
        n_units: int,
        *,
        gain: float = 1.0,
        start: Start = "orthogonal",
        forget_bias: float = 1.0,
        rng: np.random.Generator,
    ) -> "LSTM":
        """Draw one; each gate's recurrent weights by `neurorec.networks.recurrent_weights`.

        Forget gates begin open, by a bias of 1: otherwise cells forget before they learn to keep (Gers et al. 2000).
        """
        drawn = [recurrent_weights(n_units, gain=gain, start=start, rng=rng) for _ in GATES]
        return cls(
            recurrent=jnp.concatenate(drawn),
            input=forward_weights(4 * n_units, n_inputs, rng=rng),
            bias=jnp.asarray(np.repeat([0.0, forget_bias, 0.0, 0.0], n_units), dtype=jnp.float32),
        )

    @property
    def n_inputs(self) -> int:
        """Channels in."""
        return self.input.shape[-1]

    @property
    def n_units(self) -> int:
        """Units, one a cell."""
        return self.recurrent.shape[-1]

    @property
    def n_states(self) -> int:
        """Activity and cells."""
        return 2 * self.n_units

    def gates(self, state: Array, inputs: Array) -> dict[str, Array]:
        """What the gates let through ``(..., unit)``, by name: ``"input"``, ``"forget"``, ``"cell"``, ``"output"``."""
        drive = self.activity(state) @ self.recurrent.T + inputs @ self.input.T + self.bias
        parts = dict(zip(GATES, jnp.split(drive, 4, axis=-1)))
        return {name: jnp.tanh(x) if name == "cell" else jax.nn.sigmoid(x) for name, x in parts.items()}

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., 2 unit)``."""
        gates = self.gates(state, inputs)
        cells = gates["forget"] * self.cells(state) + gates["input"] * gates["cell"]
        return jnp.concatenate([gates["output"] * jnp.tanh(cells), cells], axis=-1)

    def activity(self, state: Array) -> Array:
        """The first half of the state ``(..., unit)``."""
        return state[..., : self.n_units]

    def cells(self, state: Array) -> Array:
        """What the cells hold ``(..., unit)``."""
        return state[..., self.n_units :]

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """Of ``[h, c]``: ``dc/dc = diag(f)``, ``dh/dc = diag(o (1 - tanh^2 c)) dc/dc``, and by h through the gates."""
        gates = self.gates(state, inputs)
        i, f, g, o = (gates[name] for name in GATES)
        slopes = jnp.concatenate([i * (1 - i), f * (1 - f), 1 - g**2, o * (1 - o)])
        by_i, by_f, by_g, by_o = jnp.split(slopes[:, None] * self.recurrent, 4)
        held = jnp.tanh(f * self.cells(state) + i * g)
        shown = (o * (1 - held**2))[:, None]
        cells = jnp.concatenate(
            [self.cells(state)[:, None] * by_f + g[:, None] * by_i + i[:, None] * by_g, jnp.diag(f)], axis=1
        )
        activity = shown * cells + jnp.pad(held[:, None] * by_o, ((0, 0), (0, self.n_units)))
        return jnp.concatenate([activity, cells])
