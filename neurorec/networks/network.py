"""A network: a cell, and a readout of its activity."""

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from neurorec.networks.system import jacobian, noise_scale, noisy_step, scan
from neurorec.networks.weights import forward_weights, zeros
from neurorec.recording import InputError


@runtime_checkable
class Cell(Protocol):
    """What a network is made of: a state that steps, and the activity of units in it."""

    @property
    def n_inputs(self) -> int: ...
    @property
    def n_units(self) -> int: ...
    @property
    def n_states(self) -> int: ...
    def step(self, state: Array, inputs: Array) -> Array: ...
    def activity(self, state: Array) -> Array: ...


class Network(eqx.Module):
    """A cell with a linear readout: outputs ``y = R r + c`` of its units' activity r, log odds where classes are asked.

    With `shortcut` the inputs reach the outputs directly, ``y = R r + S u + c``; u is then kept in the state, behind
    the cell's own, so that outputs are a function of the state alone.

    Parameters
    ----------
    cell : Cell
        What steps.
    output : jax.Array (output, unit)
        R.
    output_bias : jax.Array (output,)
        c.
    initial : jax.Array (state,)
        State of the cell before the first step; trained with the rest, unless frozen.
    shortcut : jax.Array (output, input), optional
        S.
    frozen : tuple of str
        Parts that training leaves as they are, by their path: ``"initial"``, ``"cell.recurrent"``, ``"cell"``.

    Examples
    --------
    >>> from neurorec.networks import Elman, with_readout
    >>> rng = np.random.default_rng(0)
    >>> network = with_readout(Elman.random(2, 5, rng=rng), 3, rng=rng)
    >>> state = network.step(network.initial_state, jnp.zeros(2))
    >>> network.readout(state).shape
    (3,)
    """

    cell: Cell
    output: Array
    output_bias: Array
    initial: Array
    shortcut: Array | None = None
    frozen: tuple[str, ...] = eqx.field(static=True, default=())

    def __check_init__(self) -> None:
        if self.output.shape[-1] != self.cell.n_units:
            expected, found = f"{self.cell.n_units} columns, one a unit", str(self.output.shape[-1])
            raise InputError("output", expected=expected, found=found, remedy="see with_readout")

    @property
    def n_inputs(self) -> int:
        """Channels in."""
        return self.cell.n_inputs

    @property
    def n_outputs(self) -> int:
        """Channels out."""
        return self.output.shape[-2]

    @property
    def n_units(self) -> int:
        """Units of the cell."""
        return self.cell.n_units

    @property
    def noise_scale(self) -> float:
        """The cell's."""
        return noise_scale(self.cell)

    @property
    def initial_state(self) -> Array:
        """The cell's, and no inputs yet where there is a shortcut."""
        return self.initial if self.shortcut is None else jnp.concatenate([self.initial, jnp.zeros(self.n_inputs)])

    def prepared(self) -> "Network":
        """The same network, the cell's weights made."""
        if not hasattr(self.cell, "prepared"):
            return self
        return eqx.tree_at(lambda n: n.cell, self, self.cell.prepared())  # type: ignore[attr-defined]

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., state)``."""
        return self._keep(self.cell.step(self._own(state), inputs), inputs)

    def noisy_step(self, state: Array, inputs: Array, draw: Array) -> Array:
        """The next state with the cell's private noise, from standard normal draws ``(..., unit)``."""
        return self._keep(noisy_step(self.cell, self._own(state), inputs, draw), inputs)

    def run(self, state: Array, inputs: Array, draws: Array | None = None) -> Array:
        """States ``(time, ..., state)`` after each step, by the cell's own way to run where it has one."""
        own = getattr(self.cell, "run", None)
        start = self._own(state)
        states = scan(self.cell, start, inputs, draws) if own is None else own(start, inputs, draws)
        return self._keep(states, inputs)

    def readout(self, state: Array) -> Array:
        """Outputs ``(..., output)``."""
        out = self.activity(state) @ self.output.T + self.output_bias
        return out if self.shortcut is None else out + state[..., self.cell.n_states :] @ self.shortcut.T

    def activity(self, state: Array) -> Array:
        """Activity of the cell's units ``(..., unit)``."""
        return self.cell.activity(self._own(state))

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """The cell's; what a shortcut keeps of the inputs does not depend on the state."""
        own = jacobian(self.cell, self._own(state), inputs)  # type: ignore[arg-type]
        more = len(state) - len(own)
        return jnp.pad(own, ((0, more), (0, more))) if more else own

    def _own(self, state: Array) -> Array:
        return state if self.shortcut is None else state[..., : self.cell.n_states]

    def _keep(self, state: Array, inputs: Array) -> Array:
        return state if self.shortcut is None else jnp.concatenate([state, inputs], axis=-1)


def with_readout(
    cell: Cell,
    n_outputs: int,
    *,
    shortcut: bool = False,
    frozen: tuple[str, ...] = ("initial",),
    rng: np.random.Generator,
) -> Network:
    """A network of a cell, with weights to `n_outputs` drawn at random, and 0 as the initial state.

    Parameters
    ----------
    cell : Cell
        What steps.
    n_outputs : int
        Channels out.
    shortcut : bool
        Whether inputs reach the outputs directly as well.
    frozen : tuple of str
        Parts that training leaves as they are; pass ``()`` to have the initial state trained.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    Network
        Ready to be run, or trained.

    Examples
    --------
    >>> from neurorec.networks import Elman
    >>> rng = np.random.default_rng(0)
    >>> with_readout(Elman.random(2, 5, rng=rng), 3, shortcut=True, rng=rng).initial_state.shape
    (7,)
    """
    return Network(
        cell=cell,
        output=forward_weights(n_outputs, cell.n_units, rng=rng),
        output_bias=zeros(n_outputs),
        initial=zeros(cell.n_states),
        shortcut=zeros(n_outputs, cell.n_inputs) if shortcut else None,
        frozen=frozen,
    )
