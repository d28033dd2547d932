"""The rule by which a state moves: a map or a flow, of a system or of any callable, at many states at once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.networks import System, prepare
from neurorec.networks import jacobian as system_jacobian
from neurorec.recording import InputError

Function = Callable[[Any, Any], Any]  # (state, inputs) -> state
_NUDGE = float(np.cbrt(np.finfo(float).eps))  # of central differences


@dataclass(frozen=True)
class Rule:
    """A map ``x <- G(x, u)`` or a flow ``dx/dt = F(x, u)``; made by `as_rule`.

    Parameters
    ----------
    function : callable
        G or F: ``(..., state)`` and ``(..., input)`` to ``(..., state)``; leading axes pass through.
    derivative : callable or None
        Of G or F at one state: ``(state,)`` and ``(input,)`` to ``(state after, state before)``; None: by central
        differences.
    n_inputs : int
        Channels in.
    flow : bool
        Whether the function gives a velocity rather than the next state.
    dt : float
        Time of a step of a map, in the unit of all times that are reported; 1 for a flow, whose times are in its own.
    traceable : bool
        Whether JAX can compile the function; others are called with NumPy arrays.
    n_states : int or None
        Length of a system's state; None where it is not known.
    """

    function: Function
    derivative: Function | None
    n_inputs: int
    flow: bool
    dt: float
    traceable: bool
    n_states: int | None = None

    def velocity(self, states: ArrayLike, inputs: ArrayLike) -> NDArray:
        """``G(x, u) - x`` or ``F(x, u)`` at states ``(point, state)`` under inputs ``(point, input)``, float64."""
        after = self.step(states, inputs)
        return after if self.flow else after - np.asarray(states, dtype=float)

    def step(self, states: ArrayLike, inputs: ArrayLike) -> NDArray:
        """``G(x, u)`` or ``F(x, u)`` at states ``(point, state)``, float64."""
        return self._evaluate(self._steps, states, inputs)

    def shape_after(self, states: NDArray, inputs: NDArray) -> tuple[int, ...]:
        """Shape of what `step` gives; nothing is compiled for it."""
        if not self.traceable:
            return self.step(states, inputs).shape
        with jax.enable_x64(True):
            return jax.eval_shape(self.function, states, inputs).shape

    def jacobians(self, states: ArrayLike, inputs: ArrayLike) -> NDArray:
        """Derivatives of G or F ``(point, state after, state before)``, float64."""
        if self._derivatives is None:
            return differences(lambda x: self.step(x, inputs), np.asarray(states, dtype=float))
        return self._evaluate(self._derivatives, states, inputs)

    def _evaluate(self, function: Function, states: ArrayLike, inputs: ArrayLike) -> NDArray:
        with jax.enable_x64(True):
            return np.asarray(function(np.asarray(states, dtype=float), np.asarray(inputs, dtype=float)), dtype=float)

    @cached_property
    def _steps(self) -> Function:
        function = self.function  # wrapped: JAX would ask a bound method for the hash of its weights
        return jax.jit(lambda x, u: function(x, u)) if self.traceable else function

    @cached_property
    def _derivatives(self) -> Function | None:
        derivative = self.derivative
        if derivative is None:
            return None
        if self.traceable:
            return jax.jit(jax.vmap(derivative))
        return lambda states, inputs: np.stack([derivative(x, u) for x, u in zip(states, inputs, strict=True)])


def as_rule(
    step: System | Function,
    n_states: int,
    *,
    n_inputs: int = 0,
    jacobian: Function | None = None,
    flow: bool = False,
    dt: float | None = None,
) -> Rule:
    """The rule of a system, or of a callable.

    Parameters
    ----------
    step : System or callable
        A system, or ``step(state, inputs)``: the next state, or the velocity with ``flow=True``. It has to take leading
        axes. A callable that JAX can trace, as one written with jax.numpy, is compiled and differentiated; any other
        one is called with NumPy arrays, and its Jacobian is by central differences unless it is given.
    n_states : int
        Length of the state.
    n_inputs : int
        Channels in, of a callable; a system knows.
    jacobian : callable, optional
        ``(state, inputs) -> (state after, state before)`` at one state.
    flow : bool
        Whether the callable gives a velocity.
    dt : float, optional
        Time of a step, s; by default the system's own where it has one, else 1.

    Returns
    -------
    Rule
        What every analysis of this room works with.

    Raises
    ------
    InputError
        For something that does not step.

    Examples
    --------
    >>> pendulum = as_rule(lambda x, u: np.stack([x[..., 1], -np.sin(x[..., 0])], axis=-1), 2, flow=True)
    >>> pendulum.jacobians(np.zeros((1, 2)), np.zeros((1, 0))).round(6).tolist(), pendulum.traceable
    ([[[0.0, 1.0], [-1.0, 0.0]]], False)
    """
    if isinstance(step, System):
        if flow or jacobian is not None:
            remedy = "pass its step function to use another Jacobian"
            raise InputError("step", expected="a callable, with flow or jacobian", found="a system", remedy=remedy)
        return _of_system(prepare(step), dt)
    if not callable(step):
        remedy = "pass a trained network, or a function step(state, inputs)"
        raise InputError("step", expected="a system or a callable", found=type(step).__name__, remedy=remedy)
    traceable = _can_trace(step, n_states, n_inputs)
    derivative = jax.jacfwd(step) if jacobian is None and traceable else jacobian
    return Rule(step, derivative, n_inputs, flow, 1.0 if dt is None else dt, traceable)


def check_states(rule: Rule, states: ArrayLike, inputs: ArrayLike | None, *, name: str = "states") -> tuple:
    """States ``(point, state)`` and inputs ``(point, input)``, float64, that fit together and the rule.

    Inputs may be one set ``(input,)`` for all states, or None for zeros.
    """
    states = np.array(states, dtype=float, ndmin=2)
    inputs = np.zeros(rule.n_inputs) if inputs is None else np.asarray(inputs, dtype=float)
    for what, values in ((name, states), ("inputs", inputs)):
        if not np.isfinite(values).all():
            raise InputError(what, expected="finite numbers", found="nan or inf", remedy="leave those points out")
    if inputs.ndim == 1:
        inputs = np.broadcast_to(inputs, (len(states), len(inputs)))
    if states.ndim != 2 or inputs.ndim != 2 or len(inputs) != len(states):
        expected, found = f"{name} (point, state), inputs (input,) or (point, input)", f"{states.shape}, {inputs.shape}"
        raise InputError(name, expected=expected, found=found, remedy="give each state one set of inputs")
    given = states.shape[-1], inputs.shape[-1]
    if rule.n_states is not None and given != (rule.n_states, rule.n_inputs):
        expected = f"{rule.n_states} numbers a state and {rule.n_inputs} a set of inputs"
        found, remedy = f"{given[0]} and {given[1]}", "give what the system takes"
        raise InputError(f"{name} and inputs", expected=expected, found=found, remedy=remedy)
    after = _shape_after(rule, states[:1], inputs[:1], name)
    if after != states[:1].shape:
        expected, remedy = f"another state, shape {states[:1].shape}", "let it pass leading axes through"
        raise InputError("step(state, inputs)", expected=expected, found=f"shape {after}", remedy=remedy)
    return states, inputs


def _shape_after(rule: Rule, states: NDArray, inputs: NDArray, name: str) -> tuple[int, ...]:
    """Shape of the next state; refuses what the callable itself cannot take."""
    try:
        return rule.shape_after(states, inputs)
    except (TypeError, ValueError, IndexError) as error:
        expected = f"states and inputs that step takes: {' '.join(str(error).split())[:150]}"
        found, remedy = f"shapes {states.shape} and {inputs.shape}", "give what it was written for, with leading axes"
        raise InputError(f"{name} and inputs", expected=expected, found=found, remedy=remedy) from error


def _of_system(system: Any, dt: float | None) -> Rule:
    own = getattr(getattr(system, "cell", system), "dt", None)
    dt = dt if dt is not None else 1.0 if own is None else float(own)
    traceable = getattr(system, "traceable", True)
    derivative = (lambda x, u: system_jacobian(system, x, u)) if traceable else None
    return Rule(system.step, derivative, system.n_inputs, False, dt, traceable, np.size(system.initial_state))


def _can_trace(function: Function, n_states: int, n_inputs: int) -> bool:
    """Whether JAX can follow a callable."""
    try:
        with jax.enable_x64(True):  # constants that were once followed in float32 stay so
            jax.eval_shape(function, jnp.zeros(n_states), jnp.zeros(n_inputs))
    except (TypeError, ValueError, IndexError):  # it asked for numbers: NumPy, or another library; or for other sizes,
        return False  # which is said where states and inputs are checked
    return True


def differences(function: Callable[[NDArray], NDArray], states: NDArray) -> NDArray:
    """Central differences at every state ``(point, state after, state before)``."""
    columns = []
    for k in range(states.shape[1]):
        nudge = np.zeros_like(states)
        nudge[:, k] = _NUDGE * np.maximum(1, np.abs(states[:, k]))
        columns.append((function(states + nudge) - function(states - nudge)) / (2 * nudge[:, k : k + 1]))
    return np.stack(columns, axis=-1)
