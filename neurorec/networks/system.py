"""What a system is: something with a state that steps, and whatever else an analysis asks of it."""

from typing import Any, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from neurorec.recording import InputError, check_array

Part = TypeVar("Part")


class Steps(Protocol):
    """Whatever has a state that steps."""

    def step(self, state: Array, inputs: Array) -> Array: ...


@runtime_checkable
class System(Protocol):
    """A recurrent network, or anything else that steps. States are vectors; leading axes, such as trials, pass through.

    Attributes
    ----------
    n_inputs, n_outputs : int
        Channels in and out.
    n_units : int
        Units whose activity is seen.
    initial_state : jax.Array (state,)
        Where it starts.
    """

    @property
    def n_inputs(self) -> int: ...
    @property
    def n_outputs(self) -> int: ...
    @property
    def n_units(self) -> int: ...
    @property
    def initial_state(self) -> Array: ...

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., state)``, from a state and inputs ``(..., input)``."""
        ...

    def readout(self, state: Array) -> Array:
        """Outputs ``(..., output)`` in a state ``(..., state)``."""
        ...

    def activity(self, state: Array) -> Array:
        """Activity of the units ``(..., unit)`` in a state ``(..., state)``."""
        ...


def prepare(system: System) -> System:
    """The same system, ready to be stepped many times: weights that are made of others are made once.

    A system may have a method ``prepared()`` for it; others are returned as they are.
    """
    return system.prepared() if hasattr(system, "prepared") else system  # type: ignore[attr-defined]


def run(system: System, inputs: ArrayLike, *, state: ArrayLike | None = None, draws: ArrayLike | None = None) -> Array:
    """Step a system through inputs.

    Parameters
    ----------
    system : System
        What is run.
    inputs : array-like (time, ..., input)
        Time first; other axes, such as trials, are run side by side.
    state : array-like (..., state), optional
        Where to begin; by default ``initial_state``.
    draws : array-like (time, ..., unit), optional
        Standard normal draws for the private noise of a system that has some: a method
        ``noisy_step(state, inputs, draw)``, equal to `step` where draws are 0. Without draws there is no noise.

    Returns
    -------
    jax.Array (time, ..., state)
        The state after each step.

    Raises
    ------
    InputError
        Inputs that are not as many channels as the system has, states of another length or other leading axes, and
        draws for a system without private noise.

    Examples
    --------
    >>> import numpy as np
    >>> from neurorec.networks import Elman, with_readout
    >>> network = with_readout(Elman.random(2, 5, rng=np.random.default_rng(0)), 1, rng=np.random.default_rng(1))
    >>> run(network, np.zeros((7, 3, 2))).shape     # 7 steps, 3 trials
    (7, 3, 5)
    """
    inputs, begin = _numbers("inputs", inputs, "(time, ..., input)"), system.initial_state
    if inputs.ndim < 2 or inputs.shape[-1] != system.n_inputs:
        expected, found = f"(time, ..., {system.n_inputs}), the last of them channels", f"shape {inputs.shape}"
        raise InputError("inputs", expected=expected, found=found, remedy="time first, channels last")
    ready = prepare(system)
    state = begin if state is None else _numbers("state", state, "(..., state)")
    state = state if jnp.issubdtype(state.dtype, jnp.inexact) else state.astype(begin.dtype)
    lead, n_states = inputs.shape[1:-1], begin.shape[-1]
    try:
        state = jnp.broadcast_to(state, (*np.broadcast_shapes(lead, state.shape[:-1]), n_states))
    except ValueError as error:
        expected, found = f"{(*lead, n_states)}, or what becomes that", f"shape {state.shape}"
        raise InputError("state", expected=expected, found=found, remedy="one a sequence, or one for all") from error
    draws = None if draws is None else jnp.asarray(draws)
    own = getattr(ready, "run", None)
    return scan(ready, state, inputs, draws) if own is None else own(state, inputs, draws)


def _numbers(name: str, values: ArrayLike, axes: str) -> Array:
    """Numbers as an array of JAX's; text and rows of unequal lengths are refused."""
    if not isinstance(values, Array):
        check_array(name, values, axes)  # type: ignore[arg-type]
    return jnp.asarray(values)


def scan(cell: Steps, state: Array, inputs: Array, draws: Array | None = None) -> Array:
    """States ``(time, ..., state)`` after each step of a cell or system, one step after the other."""

    def advance(state: Array, now: tuple[Array, Array | None]) -> tuple[Array, Array]:
        inputs, draw = now
        after = cell.step(state, inputs) if draw is None else noisy_step(cell, state, inputs, draw)
        return after, after

    if (state.dtype, inputs.dtype) != (jnp.float32, jnp.float32):  # as a step returns it, so that it can go round
        now = jax.tree.map(lambda values: jax.ShapeDtypeStruct(values.shape[1:], values.dtype), (inputs, draws))
        state = state.astype(jax.eval_shape(lambda x, seen: advance(x, seen)[0], state, now).dtype)
    return jax.lax.scan(advance, state, (inputs, draws))[1]


def in_precision(part: Part, like: Array) -> Part:
    """The same with JAX's arrays for NumPy's: floating ones of the type of `like`, whole numbers of 32 bits.

    Of a NumPy array within a function that it follows, JAX keeps what it made of it first, also where that was in
    another precision than now.
    """

    def turned(values: Any) -> Any:
        if not isinstance(values, np.ndarray) or values.dtype.kind == "b":
            return values
        return jnp.asarray(values, dtype=like.dtype if values.dtype.kind == "f" else jnp.int32)

    return jax.tree.map(turned, part)


def noisy_step(cell: Steps, state: Array, inputs: Array, draw: Array) -> Array:
    """The next state with private noise; only of a cell or system that has some."""
    own = getattr(cell, "noisy_step", None)
    if own is None:
        found = type(cell).__name__
        raise InputError("draws", expected="a system with private noise", found=found, remedy="leave them out")
    return own(state, inputs, draw)


def noise_scale(cell: Steps) -> float:
    """What standard normal draws are multiplied by where they enter; 0 for a cell or system without private noise."""
    return float(getattr(cell, "noise_scale", 0.0))


def jacobian(system: System, state: ArrayLike, inputs: ArrayLike) -> Array:
    """Derivative of the next state with respect to the state, ``(state after, state before)``.

    The system's own closed form ``jacobian(state, inputs)`` where it has one, automatic differentiation elsewhere.

    Parameters
    ----------
    system : System
        What steps.
    state : array-like (state,)
        Where.
    inputs : array-like (input,)
        Under which inputs.

    Returns
    -------
    jax.Array (state, state)
        Row i is the gradient of the next state's element i.

    Examples
    --------
    >>> import numpy as np
    >>> from neurorec.networks import Elman, with_readout
    >>> network = with_readout(Elman.random(2, 5, rng=np.random.default_rng(0)), 1, rng=np.random.default_rng(1))
    >>> jacobian(network, np.zeros(5), np.zeros(2)).shape
    (5, 5)
    """
    state, inputs = jnp.asarray(state), jnp.asarray(inputs)
    own = getattr(system, "jacobian", None)
    return own(state, inputs) if own is not None else jax.jacfwd(system.step)(state, inputs)
