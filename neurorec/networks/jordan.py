"""The Jordan network: hidden units that see the inputs and what the network has answered so far."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from neurorec.networks.nonlinearity import Nonlinearity, apply, check_nonlinearity, slope
from neurorec.networks.weights import forward_weights, zeros
from neurorec.recording import InputError


class Jordan(eqx.Module):
    """A network whose outputs feed back to its hidden units (Jordan 1986).

    Hidden units see each other only through what was answered (Attractor dynamics and parallelism in a connectionist
    sequential machine, Proceedings of the 8th Annual Conference of the Cognitive Science Society, 531-546):

    - ``h(t+1) = f(F s(t) + V u(t) + b)``, the hidden units;
    - ``y(t+1) = R h(t+1) + c``, the outputs, log odds where classes are asked;
    - ``s(t+1) = memory s(t) + g(y(t+1))``, Jordan's state units: with memory 0 the last output itself.

    The state is ``[h, s]``. With memory 0 and a linear g, the output can be read from the second part of the state.

    Parameters
    ----------
    feedback : jax.Array (unit, output)
        F.
    input : jax.Array (unit, input)
        V.
    bias : jax.Array (unit,)
        b.
    output : jax.Array (output, unit)
        R.
    output_bias : jax.Array (output,)
        c.
    initial : jax.Array (unit + output,)
        State before the first step; trained with the rest, unless frozen.
    nonlinearity : {"tanh", "relu", "softplus", "sigmoid", "linear"}
        f.
    feedback_nonlinearity : {"tanh", "relu", "softplus", "sigmoid", "linear"}
        g. Log odds have no bounds: "tanh" keeps what feeds back within some.
    memory : float
        Share of the state units' activity that a step leaves, 0 or more and below 1.
    frozen : tuple of str
        Parts that training leaves as they are.

    Raises
    ------
    InputError
        For shapes that do not fit, a nonlinearity that is not known, a memory outside [0, 1).

    Examples
    --------
    >>> network = Jordan.random(2, 5, 1, rng=np.random.default_rng(0))
    >>> state = network.step(network.initial_state, jnp.ones(2))
    >>> bool(state[5] == network.readout(state)[0])
    True
    """

    feedback: Array
    input: Array
    bias: Array
    output: Array
    output_bias: Array
    initial: Array
    nonlinearity: Nonlinearity = eqx.field(static=True, default="tanh")
    feedback_nonlinearity: Nonlinearity = eqx.field(static=True, default="linear")
    memory: float = eqx.field(static=True, default=0.0)
    frozen: tuple[str, ...] = eqx.field(static=True, default=("initial",))

    def __check_init__(self) -> None:
        check_nonlinearity(self.nonlinearity)
        check_nonlinearity(self.feedback_nonlinearity)
        if not 0 <= self.memory < 1:
            remedy = "give the share that a step leaves"
            raise InputError("memory", expected="0 <= memory < 1", found=f"{self.memory:g}", remedy=remedy)
        if self.feedback.shape[-2:] != self.output.shape[:-3:-1]:
            expected = f"shape {self.output.shape[:-3:-1]} (unit, output)"
            raise InputError("feedback", expected=expected, found=str(self.feedback.shape), remedy="see Jordan.random")

    @classmethod
    def random(
        cls,
        n_inputs: int,
        n_units: int,
        n_outputs: int,
        *,
        nonlinearity: Nonlinearity = "tanh",
        feedback_nonlinearity: Nonlinearity = "linear",
        memory: float = 0.0,
        gain: float = 1.0,
        frozen: tuple[str, ...] = ("initial",),
        rng: np.random.Generator,
    ) -> "Jordan":
        """Draw one: feedback of variance ``gain^2 / n_outputs``, the other weights as `forward_weights` draws them."""
        return cls(
            feedback=forward_weights(n_units, n_outputs, gain=gain, rng=rng),
            input=forward_weights(n_units, n_inputs, rng=rng),
            bias=zeros(n_units),
            output=forward_weights(n_outputs, n_units, rng=rng),
            output_bias=zeros(n_outputs),
            initial=zeros(n_units + n_outputs),
            nonlinearity=nonlinearity,
            feedback_nonlinearity=feedback_nonlinearity,
            memory=memory,
            frozen=frozen,
        )

    @property
    def n_inputs(self) -> int:
        """Channels in."""
        return self.input.shape[-1]

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
        """Hidden units, then state units."""
        return self.initial

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., unit + output)``."""
        context = state[..., self.n_units :]
        hidden = apply(self.nonlinearity, context @ self.feedback.T + inputs @ self.input.T + self.bias)
        answer = apply(self.feedback_nonlinearity, self._answer(hidden))
        return jnp.concatenate([hidden, self.memory * context + answer], axis=-1)

    def readout(self, state: Array) -> Array:
        """Outputs ``(..., output)``."""
        return self._answer(self.activity(state))

    def activity(self, state: Array) -> Array:
        """The hidden units' activity ``(..., unit)``."""
        return state[..., : self.n_units]

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """``[[0, diag(f') F], [0, memory 1 + diag(g') R diag(f') F]]``."""
        hidden = self.activity(self.step(state, inputs))
        by_context = slope(self.nonlinearity, hidden)[:, None] * self.feedback
        answer = apply(self.feedback_nonlinearity, self._answer(hidden))
        kept = self.memory * jnp.eye(self.n_outputs, dtype=state.dtype)
        fed = kept + slope(self.feedback_nonlinearity, answer)[:, None] * (self.output @ by_context)
        return jnp.pad(jnp.concatenate([by_context, fed]), ((0, 0), (self.n_units, 0)))

    def _answer(self, hidden: Array) -> Array:
        return hidden @ self.output.T + self.output_bias
