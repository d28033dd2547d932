"""Velocities of many states at once with their derivatives: in closed form for simple cells, by the rule elsewhere."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import equinox as eqx
import jax
import numpy as np
from jax import Array
from numpy.typing import NDArray

from neurorec.dynamics.rule import Rule
from neurorec.networks import Elman, Leaky, Network, System, jacobian, plain_weights, prepare

_CHUNK = 256  # states that a compiled function is given at once; fewer are filled up, so that few programs are compiled
_SMALL = 16
_NUMBERS = 2**22  # most elements of the Jacobians of a chunk


class At(NamedTuple):
    """A velocity, and what its derivative can be made of without computing it again."""

    velocity: NDArray  # (point, state)
    memory: NDArray  # (point, state) slopes, or what else serves


class Velocity(Protocol):
    """F of many states: ``G(x, u) - x`` of a map, ``dx/dt`` of a flow. All arrays are of one precision."""

    def drive(self, inputs: NDArray) -> NDArray:
        """What stands for the inputs ``(point, input)`` from here on, ``(point, ...)``."""
        ...

    def at(self, states: NDArray, drive: NDArray) -> At: ...

    def jacobians(self, states: NDArray, drive: NDArray, at: At) -> NDArray:
        """``dF/dx (point, velocity, state)``."""
        ...


def velocity_of(step: System | Callable, rule: Rule, dtype: Any) -> Velocity:
    """The fastest velocity there is for a system or callable, in float32 or float64."""
    cell = simple_cell(step)
    return RuleVelocity(step, rule, dtype) if cell is None else UnitVelocity(cell, dtype)


def simple_cell(step: System | Callable) -> Elman | Leaky | None:
    """The cell of a network for which there is a closed form, its weights made."""
    if not isinstance(step, Network) or step.shortcut is not None or not isinstance(step.cell, Elman | Leaky):
        return None
    cell = prepare(step).cell  # type: ignore[attr-defined]
    return cell


class UnitVelocity:
    """Of an Elman or a leaky cell: ``a (f(W x + V u + b) - x)``, or of currents ``a (W f(x) + V u + b - x)``."""

    def __init__(self, cell: Elman | Leaky, dtype: Any) -> None:
        self.weights = np.ascontiguousarray(plain_weights(cell.recurrent), dtype=dtype)
        self._turned = np.ascontiguousarray(self.weights.T)
        self._input, self._bias = (np.asarray(values, dtype=dtype) for values in (cell.input, cell.bias))
        self.leak = self.weights.dtype.type(1.0 if isinstance(cell, Elman) else cell.leak)
        self.currents = isinstance(cell, Leaky) and cell.form == "current"
        self._value, self._slope = _FORMS[cell.nonlinearity]

    def drive(self, inputs: NDArray) -> NDArray:
        """``V u + b``."""
        return inputs.astype(self._bias.dtype) @ self._input.T + self._bias

    def at(self, states: NDArray, drive: NDArray) -> At:
        """See `Velocity`; the memory is ``a f'``."""
        if self.currents:
            rate = self._value(states)
            after = rate @ self._turned + drive
        else:
            rate = after = self._value(states @ self._turned + drive)
        return At(self.leak * (after - states), self.leak * self._slope(rate))

    def jacobians(self, states: NDArray, drive: NDArray, at: At) -> NDArray:
        """See `Velocity`."""
        slope = at.memory[:, None, :] if self.currents else at.memory[:, :, None]
        found = slope * self.weights
        found.reshape(len(found), -1)[:, :: states.shape[1] + 1] -= self.leak
        return found

    def forward(self, memory: NDArray, v: NDArray) -> NDArray:
        """``dF/dx v``, without the Jacobian."""
        moved = (memory * v) @ self._turned if self.currents else memory * (v @ self._turned)
        return moved - self.leak * v

    def backward(self, memory: NDArray, v: NDArray) -> NDArray:
        """``v dF/dx``, without the Jacobian."""
        moved = memory * (v @ self.weights) if self.currents else (memory * v) @ self.weights
        return moved - self.leak * v


class RuleVelocity:
    """Of any rule: compiled where JAX can follow it, in chunks of few sizes; called with NumPy arrays elsewhere."""

    def __init__(self, step: System | Callable, rule: Rule, dtype: Any) -> None:
        self._rule, self._dtype = rule, dtype
        if isinstance(step, System):  # programs are kept from one analysis to the next
            ready = prepare(step)
            self._step = lambda x, u: _step_system(ready, x, u)
            self._derivatives = lambda x, u: _derive_system(ready, x, u)
        elif rule.traceable:
            function, derivative = rule.function, rule.derivative
            assert derivative is not None
            self._step = jax.jit(lambda x, u: function(x, u))
            self._derivatives = jax.jit(jax.vmap(lambda x, u: derivative(x, u)))

    def drive(self, inputs: NDArray) -> NDArray:
        """The inputs themselves."""
        return inputs.astype(self._dtype)

    def at(self, states: NDArray, drive: NDArray) -> At:
        """See `Velocity`; nothing is kept."""
        after = self._call(self._step, states, drive) if self._rule.traceable else self._rule.step(states, drive)
        velocity = (after if self._rule.flow else after - states).astype(self._dtype)
        return At(velocity, velocity[:, :0])

    def jacobians(self, states: NDArray, drive: NDArray, at: At) -> NDArray:
        """See `Velocity`."""
        if self._rule.traceable:
            found = self._call(self._derivatives, states, drive).reshape(-1, *states.shape[1:] * 2)
        else:
            found = self._rule.jacobians(states, drive)
        found = found.astype(self._dtype)
        return found if self._rule.flow else found - np.eye(states.shape[1], dtype=self._dtype)

    def _call(self, function: Callable, states: NDArray, drive: NDArray) -> NDArray:
        """A compiled function of all points, a chunk at a time, the last one filled up."""
        n = states.shape[1]
        most = max(_SMALL, min(_CHUNK, _NUMBERS // (n * n)))
        size, parts = most if len(states) > _SMALL else _SMALL, []
        with jax.enable_x64(True):  # constants that were once followed in float32 stay so
            for low in range(0, len(states), size):
                x, u = states[low : low + size], drive[low : low + size]
                missing = size - len(x)
                if missing:
                    x, u = (np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) for part in (x, u))
                parts.append(np.asarray(function(x, u))[: size - missing])
        return np.concatenate(parts) if parts else np.empty((0, n), dtype=self._dtype)


@eqx.filter_jit
def _step_system(system: System, states: Array, inputs: Array) -> Array:
    return system.step(states, inputs)


@eqx.filter_jit
def _derive_system(system: System, states: Array, inputs: Array) -> Array:
    return jax.vmap(lambda x, u: jacobian(system, x, u))(states, inputs)


def _relu_slope(rate: NDArray) -> NDArray:
    return (rate > 0).astype(rate.dtype)


def _sigmoid(x: NDArray) -> NDArray:
    return (np.tanh(x / 2) + 1) / 2


# f(x), and its slope from f(x)
_FORMS: dict[str, tuple[Callable[[NDArray], NDArray], Callable[[NDArray], NDArray]]] = {
    "tanh": (np.tanh, lambda y: 1 - y * y),
    "relu": (lambda x: np.maximum(x, 0), _relu_slope),
    "softplus": (lambda x: np.logaddexp(x, x.dtype.type(0)), lambda y: -np.expm1(-y)),
    "sigmoid": (_sigmoid, lambda y: y * (1 - y)),
    "linear": (lambda x: x, np.ones_like),
}
