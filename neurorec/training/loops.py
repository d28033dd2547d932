"""The compiled loops of each family behind one form: forward and backward through a tile of trials."""

from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from neurorec.networks import GRU, LSTM, Elman, Leaky, Network, System, plain_weights
from neurorec.training.gated_kernels import backward_gru, backward_lstm, forward_gru, forward_lstm
from neurorec.training.kernels import LANES, backward, forward

KINDS = ("tanh", "relu", "softplus", "sigmoid", "linear")  # in the order of the kernels' numbers
AT_ONCE = 8  # steps whose products wait for each other


class Weights(NamedTuple):
    """Plain weights of a network, float32, NumPy's or JAX's; of several seeds with a leading axis."""

    recurrent: Any  # (gate x unit, source unit)
    input: Any  # (gate x unit, input)
    bias: Any  # (gate x unit,)
    output: Any  # (output, unit)
    initial: Any  # (state,)
    reset: Any  # (unit,) the part of a GRU's bias that is reset, of no unit elsewhere


class Trace(NamedTuple):
    """What a run leaves behind, of one seed or with a leading axis of several."""

    states: NDArray  # (time, trial, unit): rates or currents of leaky units, activity elsewhere
    values: NDArray  # (time, trial, value x unit): what f gave; gates, and what else the way back needs
    outputs: NDArray  # (time, trial, output), without their bias


class Tile(NamedTuple):
    """Trials that are worked on together."""

    start: NDArray  # (trial, state) of all trials
    inputs: NDArray  # (time, trial, input) of all trials
    trace: Trace  # of all trials
    low: int
    high: int


class Loops(Protocol):
    """The two compiled loops of a cell."""

    n_values: int  # kept for each unit and step

    def forward(self, weights: Weights, tile: Tile, numbers: tuple[int, ...]) -> None:
        """Run a tile, with weights transposed, and write its trace; ``numbers`` make the noise."""
        ...

    def backward(self, weights: Weights, tile: Tile, arriving: NDArray, pull: NDArray, written: Weights) -> None:
        """Write the gradients, ``input`` transposed and ``initial (trial, state)``, from those of the outputs.

        ``arriving (time, trial, output)``; ``pull (time, trial)``, of no trials where there is no rate penalty.
        """
        ...

    def rates(self, trace: Trace) -> NDArray:
        """Activity of the units."""
        ...


class LeakyLoops:
    """Of leaky and Elman cells; an Elman cell is a leaky one that leaks everything."""

    n_values = 1

    def __init__(self, cell: Leaky | Elman, *, noise: bool) -> None:
        kind = KINDS.index(cell.nonlinearity)
        if isinstance(cell, Elman):
            self._cell = (np.float32(1.0), kind, False, True, np.float32(0.0))
        else:
            currents = cell.form == "current"
            inside, scale = cell.noise_inside and not currents, np.float32(cell.noise_scale * noise)
            self._cell = (np.float32(cell.leak), kind, currents, inside, scale)

    def forward(self, weights: Weights, tile: Tile, numbers: tuple[int, ...]) -> None:
        """See `Loops`."""
        bits = np.random.SeedSequence(numbers).generate_state(4 * LANES, np.uint32).reshape(4, LANES)
        recurrent, taken, bias, read = weights[:4]
        start, inputs, (states, values, outputs), low, high = tile
        forward(start, recurrent, taken, bias, read, inputs, states, values, outputs, self._cell, bits, low, high)

    def backward(self, weights: Weights, tile: Tile, arriving: NDArray, pull: NDArray, written: Weights) -> None:
        """See `Loops`."""
        start, inputs, (states, values, _), low, high = tile
        recurrent, read = weights.recurrent, weights.output
        gradients = (written.recurrent, written.input, written.bias, written.output, written.initial)
        last = (arriving, pull, self._cell, gradients, low, high, AT_ONCE)
        backward(start, recurrent, read, inputs, states, values, *last)

    def rates(self, trace: Trace) -> NDArray:
        """See `Loops`."""
        return trace.values if self._cell[2] else trace.states


class LSTMLoops:
    """Of LSTM cells."""

    n_values = 5

    def forward(self, weights: Weights, tile: Tile, numbers: tuple[int, ...]) -> None:
        """See `Loops`."""
        recurrent, taken, bias, read = weights[:4]
        start, inputs, (states, values, outputs), low, high = tile
        forward_lstm(start, recurrent, taken, bias, read, inputs, states, values, outputs, low, high)

    def backward(self, weights: Weights, tile: Tile, arriving: NDArray, pull: NDArray, written: Weights) -> None:
        """See `Loops`."""
        start, inputs, (states, values, _), low, high = tile
        recurrent, read = weights.recurrent, weights.output
        gradients = (written.recurrent, written.input, written.bias, written.output, written.initial)
        last = (arriving, pull, gradients, low, high, AT_ONCE)
        backward_lstm(start, recurrent, read, inputs, states, values, *last)

    def rates(self, trace: Trace) -> NDArray:
        """See `Loops`."""
        return trace.states


class GRULoops:
    """Of GRU cells."""

    n_values = 4

    def forward(self, weights: Weights, tile: Tile, numbers: tuple[int, ...]) -> None:
        """See `Loops`."""
        recurrent, taken, bias, read, _, reset = weights
        start, inputs, (states, values, outputs), low, high = tile
        forward_gru(start, recurrent, taken, bias, reset, read, inputs, states, values, outputs, low, high)

    def backward(self, weights: Weights, tile: Tile, arriving: NDArray, pull: NDArray, written: Weights) -> None:
        """See `Loops`."""
        start, inputs, (states, values, _), low, high = tile
        recurrent, read = weights.recurrent, weights.output
        last = (arriving, pull, tuple(written), low, high, AT_ONCE)
        backward_gru(start, recurrent, read, inputs, states, values, *last)

    def rates(self, trace: Trace) -> NDArray:
        """See `Loops`."""
        return trace.states


def can_tile(network: System) -> bool:
    """Whether there are compiled loops for a network: leaky, Elman, LSTM, GRU, with a readout, in float32."""
    if not isinstance(network, Network) or network.shortcut is not None:
        return False
    return type(network.cell) in (Leaky, Elman, LSTM, GRU) and network.output.dtype == jnp.float32


def loops_of(network: Network, *, noise: bool = True) -> Loops:
    """The compiled loops of a network for which there are some."""
    cell: Any = network.cell
    if isinstance(cell, LSTM):
        return LSTMLoops()
    return GRULoops() if isinstance(cell, GRU) else LeakyLoops(cell, noise=noise)


def plain(network: Network) -> Weights:
    """The plain weights of a network, as functions of what is trained."""
    cell: Any = network.cell
    reset = cell.reset_bias if isinstance(cell, GRU) else jnp.zeros(0)
    return Weights(plain_weights(cell.recurrent), cell.input, cell.bias, network.output, network.initial, reset)
