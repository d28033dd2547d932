"""Anything that steps, as a system."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from neurorec.networks.system import scan
from neurorec.recording import InputError

_NUDGE = 1e-3  # of central differences in float32: the cube root of its precision, times ten for rounding


class CallableSystem(eqx.Module):
    """A system whose step is any callable: a model of one's own, a map from a book, another library's network.

    Parameters
    ----------
    function : callable
        The next state from ``(state, inputs)``, ``(..., state)`` and ``(..., input)`` to ``(..., state)``; leading
        axes, such as trials, pass through.
    n_states, n_inputs : int
        Length of the state, and channels in.
    readout_function : callable, optional
        Outputs ``(..., output)`` from a state; by default the activity.
    activity_function : callable, optional
        Activity ``(..., unit)`` from a state; by default the state itself.
    initial : array-like (state,), optional
        Where it starts; by default 0.
    area : tuple of str (unit,)
        Where each unit is; empty for nowhere in particular.
    traceable : bool
        Whether the callable can be compiled and differentiated by JAX, as one written with jax.numpy can. Others
        (NumPy, another library) are stepped one by one, and their Jacobian is by central differences.

    Raises
    ------
    InputError
        When the callable returns something else than a state, or the initial state has another length.

    Examples
    --------
    >>> system = CallableSystem(lambda x, u: 0.9 * x + u, 2, 2)     # two leaky integrators
    >>> system.step(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])).round(2).tolist()
    [0.8999999761581421, 1.0]
    """

    function: Callable[[Array, Array], Array]
    n_states: int = eqx.field(static=True)
    n_inputs: int = eqx.field(static=True)
    readout_function: Callable[[Array], Array] | None = None
    activity_function: Callable[[Array], Array] | None = None
    initial: Array | None = None
    area: tuple[str, ...] = eqx.field(static=True, default=())
    traceable: bool = eqx.field(static=True, default=True)

    def __init__(
        self,
        function: Callable[[Array, Array], Array],
        n_states: int,
        n_inputs: int,
        *,
        readout_function: Callable[[Array], Array] | None = None,
        activity_function: Callable[[Array], Array] | None = None,
        initial: ArrayLike | None = None,
        area: tuple[str, ...] = (),
        traceable: bool = True,
    ) -> None:
        self.function, self.n_states, self.n_inputs = function, n_states, n_inputs
        self.readout_function, self.activity_function = readout_function, activity_function
        self.initial = None if initial is None else jnp.asarray(initial)
        self.area, self.traceable = area, traceable

    def __check_init__(self) -> None:
        if self.initial_state.shape != (self.n_states,):
            found = str(self.initial_state.shape)
            raise InputError("initial", expected=f"shape ({self.n_states},)", found=found, remedy="match n_states")
        after = self._shape(lambda state: self.step(state, jnp.zeros(self.n_inputs)))
        if after != (self.n_states,):
            expected, remedy = f"a state, shape ({self.n_states},)", "let it return the next state"
            raise InputError("function(state, inputs)", expected=expected, found=str(after), remedy=remedy)
        if self.area and len(self.area) != self.n_units:
            expected = f"{self.n_units} names, one a unit"
            raise InputError("area", expected=expected, found=str(len(self.area)), remedy="name each unit's area")

    @property
    def n_outputs(self) -> int:
        """Channels out."""
        return self._shape(self.readout)[-1]

    @property
    def n_units(self) -> int:
        """Units whose activity is seen."""
        return self._shape(self.activity)[-1]

    @property
    def initial_state(self) -> Array:
        """Where it starts."""
        return jnp.zeros(self.n_states) if self.initial is None else self.initial

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., state)``."""
        return jnp.asarray(self._call(self.function, state, inputs))

    def readout(self, state: Array) -> Array:
        """Outputs ``(..., output)``."""
        own = self.readout_function
        return self.activity(state) if own is None else jnp.asarray(self._call(own, state))

    def activity(self, state: Array) -> Array:
        """Activity of the units ``(..., unit)``."""
        own = self.activity_function
        return state if own is None else jnp.asarray(self._call(own, state))

    def run(self, state: Array, inputs: Array, draws: Array | None = None) -> Array:
        """States ``(time, ..., state)`` after each step; one by one where the callable cannot be compiled."""
        if self.traceable or draws is not None:
            return scan(self, state, inputs, draws)
        states = []
        for now in np.asarray(inputs):
            state = self.step(state, now)  # type: ignore[arg-type]
            states.append(np.asarray(state))
        return jnp.asarray(np.stack(states)) if states else jnp.zeros((0, *state.shape), dtype=state.dtype)

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """Derivative of the next state ``(state after, state before)``: automatic, or by central differences."""
        if self.traceable:
            return jax.jacfwd(self.step)(state, inputs)
        nudges = _NUDGE * np.maximum(1, np.abs(np.asarray(state))) * np.eye(self.n_states, dtype=state.dtype)
        ahead, behind = (
            np.stack([np.asarray(self.step(state + s * e, inputs)) for e in nudges], axis=1) for s in (1, -1)
        )
        return jnp.asarray((ahead - behind) / (2 * nudges.diagonal()))

    def _call(self, function: Callable[..., Array], *arrays: Array) -> Array | NDArray:
        return function(*arrays) if self.traceable else function(*(np.asarray(a) for a in arrays))

    def _shape(self, function: Callable[[Array], Array]) -> tuple[int, ...]:
        """Shape of what a function returns in a state, without computing it where that can be avoided."""
        state = self.initial_state
        return tuple((eqx.filter_eval_shape(function, state) if self.traceable else function(state)).shape)
