"""The encoder-decoder: one cell takes a sequence in, and hands what it has to another, which answers with one."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from neurorec.networks.lstm import LSTM
from neurorec.networks.network import Cell
from neurorec.networks.nonlinearity import Nonlinearity, apply, check_nonlinearity
from neurorec.networks.system import scan
from neurorec.networks.weights import forward_weights, zeros
from neurorec.recording import InputError


class Parts(NamedTuple):
    """The parts of an encoder-decoder's state, each with the state's leading axes."""

    encoder: Array
    decoder: Array
    answer: Array
    decoding: Array
    memory: Array
    filled: Array


class EncoderDecoder(eqx.Module):
    """Sequence to sequence as one system (Sutskever et al. 2014, arXiv:1409.3215), with attention as an option.

    The input channel `go` switches: while it has not been above 0.5, the encoder runs and outputs rest; from the step
    at which it is, and for the rest of the trial, the encoder stands still and the decoder runs, on the outputs of the
    step before and, with attention, on what it recalls. With e, d the states and r, q the activity of encoder and
    decoder:

    - encoding: ``e <- E(e, u)``, and ``y = y_rest``;
    - at the switch: ``d = B e``, the decoder's state;
    - decoding: ``d <- D(d, [g(y), k])``, then ``y = R [q, k] + c``, log odds where classes are asked.

    With attention (Bahdanau et al. 2015, arXiv:1409.0473; the dot product is that of Luong et al. 2015,
    doi:10.18653/v1/D15-1166) the activity of the encoder in its last `slots` steps is kept in the state, and
    ``k = sum_m a_m r_m``, ``a = softmax_m(r_m . A q / sqrt(n))`` over the slots m that are filled, q before the step;
    n units of the encoder. Without it there is no k.

    The state is ``[e, d, y, switch]``, with attention ``[e, d, y, switch, memory, filled]``; see `parts`.

    Parameters
    ----------
    encoder, decoder : Cell
        E and D. The decoder takes as many inputs as there are outputs, with attention and units of the encoder.
    bridge : jax.Array (decoder state, encoder state)
        B.
    output : jax.Array (output, decoder unit), or (output, decoder unit + encoder unit) with attention
        R.
    output_bias, rest : jax.Array (output,)
        c and y_rest.
    query : jax.Array (encoder unit, decoder unit), optional
        A.
    initial : jax.Array (encoder state,)
        Where the encoder starts; trained with the rest, unless frozen.
    go : int
        The input channel that switches.
    slots : int
        How many steps attention can look back at; 0: no attention.
    feedback : {"linear", "tanh", "sigmoid", "relu", "softplus"}
        g, what the decoder sees of its outputs.
    frozen : tuple of str
        Parts that training leaves as they are.

    Raises
    ------
    InputError
        For parts that do not fit each other, or a channel that is not there.

    Examples
    --------
    >>> network = EncoderDecoder.random(3, 8, 2, go=2, slots=4, rng=np.random.default_rng(0))
    >>> state = network.step(network.initial_state, jnp.array([1.0, 0.0, 0.0]))
    >>> state = network.step(state, jnp.array([0.0, 0.0, 1.0]))     # go
    >>> float(network.parts(state).filled[0]), network.attention(state).tolist()
    (1.0, [0.0, 0.0, 0.0, 1.0])
    """

    encoder: Cell
    decoder: Cell
    bridge: Array
    output: Array
    output_bias: Array
    rest: Array
    initial: Array
    query: Array | None = None
    go: int = eqx.field(static=True, default=0)
    slots: int = eqx.field(static=True, default=0)
    feedback: Nonlinearity = eqx.field(static=True, default="linear")
    frozen: tuple[str, ...] = eqx.field(static=True, default=("initial",))

    def __check_init__(self) -> None:
        check_nonlinearity(self.feedback)
        if not 0 <= self.go < self.n_inputs:
            expected = f"a channel from 0 to {self.n_inputs - 1}"
            raise InputError("go", expected=expected, found=str(self.go), remedy="name the cue's channel")
        if self.slots < 0 or (self.query is None) != (self.slots == 0):
            found = f"{self.slots} slots and {'no' if self.query is None else 'a'} query"
            raise InputError("slots", expected="slots and a query, or 0 and none", found=found, remedy="see random")
        recalled = self.encoder.n_units if self.slots else 0
        needed = (self.n_outputs + recalled, self.decoder.n_units + recalled)
        found = (self.decoder.n_inputs, self.output.shape[-1])
        if found != needed:
            expected, remedy = f"{needed[0]} inputs and an output matrix of {needed[1]} columns", "see random"
            raise InputError("decoder", expected=expected, found=f"{found[0]} and {found[1]}", remedy=remedy)

    @classmethod
    def random(
        cls,
        n_inputs: int,
        n_units: int,
        n_outputs: int,
        *,
        go: int = 0,
        slots: int = 0,
        feedback: Nonlinearity = "linear",
        frozen: tuple[str, ...] = ("initial",),
        rng: np.random.Generator,
    ) -> "EncoderDecoder":
        """Draw one of two LSTMs of `n_units` each; the decoder starts as a copy of the encoder's state."""
        recalled = n_units if slots else 0
        encoder = LSTM.random(n_inputs, n_units, rng=rng)
        return cls(
            encoder=encoder,
            decoder=LSTM.random(n_outputs + recalled, n_units, rng=rng),
            bridge=jnp.eye(encoder.n_states),
            output=forward_weights(n_outputs, n_units + recalled, rng=rng),
            output_bias=zeros(n_outputs),
            rest=zeros(n_outputs),
            initial=zeros(encoder.n_states),
            query=jnp.eye(n_units) if slots else None,
            go=go,
            slots=slots,
            feedback=feedback,
            frozen=frozen,
        )

    @property
    def n_inputs(self) -> int:
        """Channels in."""
        return self.encoder.n_inputs

    @property
    def n_outputs(self) -> int:
        """Channels out."""
        return self.output.shape[-2]

    @property
    def n_units(self) -> int:
        """Units of the encoder, then of the decoder."""
        return self.encoder.n_units + self.decoder.n_units

    @property
    def area(self) -> tuple[str, ...]:
        """``"encoder"`` or ``"decoder"`` for each unit."""
        return ("encoder",) * self.encoder.n_units + ("decoder",) * self.decoder.n_units

    @property
    def initial_state(self) -> Array:
        """The encoder's; nothing decoded, nothing kept."""
        parts = jnp.zeros(sum(self._sizes[1:]), dtype=self.initial.dtype)
        parts = parts.at[self.decoder.n_states : self.decoder.n_states + self.n_outputs].set(self.rest)
        return jnp.concatenate([self.initial, parts])

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., state)``."""
        return jnp.concatenate(self._advance(self.parts(state), inputs), axis=-1)

    def run(self, state: Array, inputs: Array, draws: Array | None = None) -> Array:
        """States ``(time, ..., state)`` after each step; the parts are put together once, in the end."""
        if draws is not None:
            return scan(self, state, inputs, draws)

        def advance(old: Parts, inputs: Array) -> tuple[Parts, Parts]:
            new = self._advance(old, inputs)
            return new, new

        return jnp.concatenate(jax.lax.scan(advance, self.parts(state), inputs)[1], axis=-1)

    def readout(self, state: Array) -> Array:
        """Outputs ``(..., output)``."""
        return self.parts(state).answer

    def activity(self, state: Array) -> Array:
        """Activity of the encoder's units, then the decoder's ``(..., unit)``."""
        parts = self.parts(state)
        return jnp.concatenate([self.encoder.activity(parts.encoder), self.decoder.activity(parts.decoder)], axis=-1)

    def parts(self, state: Array) -> Parts:
        """The parts of a state: encoder, decoder, answer, decoding (0 or 1), memory, filled (slots)."""
        return Parts(*jnp.split(state, np.cumsum(self._sizes)[:-1].tolist(), axis=-1))

    def attention(self, state: Array) -> Array:
        """What a decoder in this state looks at: weights ``(..., slot)``, the oldest step first, 0 for empty slots."""
        parts = self.parts(state)
        started = jnp.where(parts.decoding > 0.5, parts.decoder, parts.encoder @ self.bridge.T)
        return self._attend(parts, started)

    @property
    def _sizes(self) -> list[int]:
        kept = [self.slots * self.encoder.n_units, 1] if self.slots else [0, 0]
        return [self.encoder.n_states, self.decoder.n_states, self.n_outputs, 1, *kept]

    def _advance(self, old: Parts, inputs: Array) -> Parts:
        encoded = self.encoder.step(old.encoder, inputs)
        before = jnp.where(old.decoding > 0.5, old.decoder, old.encoder @ self.bridge.T)
        recalled = self._recall(old, before)
        fed = apply(self.feedback, old.answer)
        decoded = self.decoder.step(before, jnp.concatenate([fed, recalled], axis=-1))
        seen = jnp.concatenate([self.decoder.activity(decoded), recalled], axis=-1)
        keep = (old.decoding > 0.5) | (inputs[..., self.go, None] > 0.5)
        added = self.encoder.activity(encoded) if self.slots else recalled
        return Parts(
            encoder=jnp.where(keep, old.encoder, encoded),
            decoder=jnp.where(keep, decoded, old.decoder),
            answer=jnp.where(keep, seen @ self.output.T + self.output_bias, self.rest),
            decoding=keep.astype(old.decoding.dtype),
            memory=jnp.where(keep, old.memory, jnp.concatenate([old.memory, added], -1)[..., added.shape[-1] :]),
            filled=jnp.where(keep, old.filled, jnp.minimum(old.filled + 1, self.slots)),
        )

    def _slots(self, parts: Parts) -> Array:
        return parts.memory.reshape(*parts.memory.shape[:-1], self.slots, self.encoder.n_units)

    def _attend(self, parts: Parts, decoder: Array) -> Array:
        if self.query is None:
            return parts.memory
        asked = self.decoder.activity(decoder) @ self.query.T / np.sqrt(self.encoder.n_units)
        scores = jnp.einsum("...mn,...n->...m", self._slots(parts), asked)
        filled = jnp.arange(self.slots) >= self.slots - parts.filled
        # a softmax over no slots would be 0 / 0: all scores are lowered alike, and what is empty is taken out behind it
        return jax.nn.softmax(jnp.where(filled, scores, -1e9), axis=-1) * filled

    def _recall(self, parts: Parts, decoder: Array) -> Array:
        if not self.slots:
            return parts.memory
        return jnp.einsum("...m,...mn->...n", self._attend(parts, decoder), self._slots(parts))
