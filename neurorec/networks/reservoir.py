"""The reservoir: random recurrent units that stay as they are, and an output that learns."""

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import ArpackNoConvergence, eigs

from neurorec.networks.nonlinearity import apply, slope
from neurorec.networks.reservoir_kernels import REACTIONS, Reaction, reservoir_states
from neurorec.networks.system import scan
from neurorec.recording import InputError, are_numbers, check_array, check_count, check_number, check_rng, plain

ReservoirStart = Literal["gaussian", "uniform", "signs", "orthogonal"]
STARTS: tuple[ReservoirStart, ...] = ("gaussian", "uniform", "signs", "orthogonal")
RESERVOIR_FROZEN = ("recurrent", "input", "bias", "initial")
_SIZE = "it is a size: signs are drawn anyway"
_DENSE = 500  # units up to which all eigenvalues are computed


class Reservoir(eqx.Module):
    """An echo state network: fixed random units that echo their inputs, and a linear readout (Jaeger 2001).

    GMD Report 148; leaky units: Jaeger et al. 2007, doi:10.1016/j.neunet.2007.04.016. With the leak ``a = dt / tau``,

    - ``x(t+1) = (1 - a) x(t) + a f(W x(t) + V u(t+1) + b + F y(t))``, the units;
    - ``y(t) = R x(t) + c``, the outputs.

    Only R and c learn, by `neurorec.training.train_readout`, unless `frozen` is made shorter. Many sequences, or one
    sequence through sparse weights, are run by compiled loops.

    Parameters
    ----------
    recurrent : jax.Array (unit, source unit)
        W.
    input : jax.Array (unit, input)
        V.
    bias : jax.Array (unit,)
        b.
    output : jax.Array (output, unit)
        R.
    output_bias : jax.Array (output,)
        c.
    initial : jax.Array (unit,)
        x before the first step.
    feedback : jax.Array (unit, output), optional
        F; without it outputs do not come back.
    leak : float
        a, share of a unit's activity that a step replaces, above 0 and at most 1.
    dt : float
        Time step, s; so the time constant of the units is ``dt / leak``.
    nonlinearity : {"tanh", "linear", "sign"}
        f; units of "sign" are -1 or 1, and have no slope.
    frozen : tuple of str
        Parts that training leaves as they are; by default all but the readout.

    Raises
    ------
    InputError
        For shapes that do not fit, a leak outside (0, 1], a step of no length, a nonlinearity that is not known.

    Examples
    --------
    >>> from neurorec.networks import run
    >>> reservoir = Reservoir.random(1, 100, spectral_radius=0.9, rng=np.random.default_rng(0))
    >>> run(reservoir, np.zeros((50, 8, 1))).shape      # 50 steps, 8 trials
    (50, 8, 100)
    """

    recurrent: Array
    input: Array
    bias: Array
    output: Array
    output_bias: Array
    initial: Array
    feedback: Array | None = None
    leak: float = eqx.field(static=True, default=1.0, converter=plain)
    dt: float = eqx.field(static=True, default=0.1, converter=plain)
    nonlinearity: Reaction = eqx.field(static=True, default="tanh")
    frozen: tuple[str, ...] = eqx.field(static=True, default=RESERVOIR_FROZEN)

    def __check_init__(self) -> None:
        if self.nonlinearity not in REACTIONS:
            expected = f"one of {', '.join(REACTIONS)}"
            raise InputError("nonlinearity", expected=expected, found=repr(self.nonlinearity), remedy="name one")
        if not are_numbers(self.leak, self.dt) or not 0 < self.leak <= 1 or not self.dt > 0:
            expected, found = "0 < leak <= 1 and dt above 0 s", f"leak {self.leak} and dt {self.dt} s"
            raise InputError("leak and dt", expected=expected, found=found, remedy="leak is dt / tau")
        _check_axes(self)
        n, m = self.output.shape[-1], self.output.shape[-2]
        if self.recurrent.shape[-2:] != (n, n) or self.input.shape[-2] != n:
            expected = f"{n} rows each, as the output has columns"
            found = f"recurrent {self.recurrent.shape} and input {self.input.shape}"
            raise InputError("weights", expected=expected, found=found, remedy="see Reservoir.random")
        if (self.bias.shape[-1], self.initial.shape[-1], self.output_bias.shape[-1]) != (n, n, m):
            expected = f"bias and initial of {n} units, output_bias of {m} outputs"
            found = f"{self.bias.shape}, {self.initial.shape} and {self.output_bias.shape}"
            raise InputError(
                "bias, initial, output_bias", expected=expected, found=found, remedy="one a row of weights"
            )
        if self.feedback is not None and self.feedback.shape[-2:] != (n, m):
            expected, found = f"shape ({n}, {m}) (unit, output)", str(self.feedback.shape)
            raise InputError("feedback", expected=expected, found=found, remedy="one column an output")

    @classmethod
    def random(
        cls,
        n_inputs: int,
        n_units: int,
        *,
        n_outputs: int = 1,
        spectral_radius: float = 0.9,
        leak: float = 1.0,
        density: float = 0.1,
        input_scaling: float = 1.0,
        bias_scaling: float = 0.0,
        feedback_scaling: float = 0.0,
        start: ReservoirStart = "gaussian",
        nonlinearity: Reaction = "tanh",
        dt: float = 0.1,
        rng: np.random.Generator,
    ) -> "Reservoir":
        """Draw one; its readout is 0 until it has learnt.

        Parameters
        ----------
        n_inputs, n_units, n_outputs : int
            Sizes; of inputs there may be none.
        spectral_radius : float
            Largest size of an eigenvalue of W, 0 or more. Where tanh units do not leak and have no inputs, order ends
            near 1.
        leak, dt, nonlinearity
            See above.
        density : float
            Share of the units that a unit hears, the same for each, at least one; above 0 and at most 1. For
            "orthogonal" weights, which have no zeros, it does not count.
        input_scaling, bias_scaling, feedback_scaling : float
            V, b and F are uniform between minus and plus this; no feedback at 0.
        start : {"gaussian", "uniform", "signs", "orthogonal"}
            How the weights that are not 0 are drawn before they are scaled: normal, uniform, of one size with random
            signs; or as a whole, a random rotation, all of whose eigenvalues have one size.
        rng : numpy.random.Generator
            Everything random.

        Raises
        ------
        InputError
            For sizes, scalings or a spectral radius below 0, a density outside (0, 1], and weights whose eigenvalues
            are all 0, which nothing scales.
        """
        n_inputs, n_units, n_outputs = _check_random(n_inputs, n_units, n_outputs, density, start)
        for name, value in (
            ("input_scaling", input_scaling), ("bias_scaling", bias_scaling), ("feedback_scaling", feedback_scaling),
        ):  # fmt: skip
            check_number(name, value, least=0, remedy=_SIZE)
        weights = reservoir_weights(n_units, spectral_radius=spectral_radius, density=density, start=start, rng=rng)
        parts = {
            "recurrent": weights,
            "input": rng.uniform(-input_scaling, input_scaling, (n_units, n_inputs)),
            "bias": rng.uniform(-bias_scaling, bias_scaling, n_units),
            "output": np.zeros((n_outputs, n_units)),
            "output_bias": np.zeros(n_outputs),
            "initial": np.zeros(n_units),
        }
        if feedback_scaling > 0:
            parts["feedback"] = rng.uniform(-feedback_scaling, feedback_scaling, (n_units, n_outputs))
        arrays: dict[str, Any] = {name: jnp.asarray(part.astype(np.float32)) for name, part in parts.items()}
        return cls(**arrays, leak=leak, dt=dt, nonlinearity=nonlinearity)

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
        """Units."""
        return self.output.shape[-1]

    @property
    def n_states(self) -> int:
        """One a unit."""
        return self.n_units

    @property
    def tau(self) -> float:
        """Time constant of the units, ``dt / leak``, s."""
        return self.dt / self.leak

    @property
    def initial_state(self) -> Array:
        """Before the first step."""
        return self.initial

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., unit)``."""
        drive = state @ self.recurrent.T + inputs @ self.input.T + self.bias
        if self.feedback is not None:
            drive = drive + self.readout(state) @ self.feedback.T
        return (1 - self.leak) * state + self.leak * _react(self.nonlinearity, drive)

    def readout(self, state: Array) -> Array:
        """Outputs ``(..., output)``."""
        return state @ self.output.T + self.output_bias

    def activity(self, state: Array) -> Array:
        """The state itself ``(..., unit)``."""
        return state

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """``(1 - a) 1 + a diag(f') (W + F R)``."""
        a, weights = self.leak, self.recurrent
        after = self.step(state, inputs)
        if self.feedback is not None:
            weights = weights + self.feedback @ self.output
        if self.nonlinearity == "sign":
            slopes = jnp.zeros_like(after)
        else:
            slopes = slope(self.nonlinearity, (after - (1 - a) * state) / a)
        return (1 - a) * jnp.eye(self.n_units, dtype=state.dtype) + a * slopes[:, None] * weights

    def run(self, state: Array, inputs: Array, draws: Array | None = None) -> Array:
        """States ``(time, ..., unit)`` after each step, by compiled loops; there is no private noise to draw."""
        if draws is not None:
            raise InputError("draws", expected="none", found="some", remedy="a reservoir has no private noise")
        parts = (state, inputs, self.recurrent, self.input, self.bias, self.output)
        if inputs.ndim not in (2, 3) or any(isinstance(part, jax.core.Tracer) for part in parts):
            return scan(self, state, inputs)
        kind = jnp.result_type(self.recurrent, state, inputs)
        lead = jnp.broadcast_shapes(state.shape[:-1], inputs.shape[1:-1])
        shape = (len(inputs), *(1,) * (len(lead) + 2 - inputs.ndim), *inputs.shape[1:])
        inputs = jnp.broadcast_to(inputs.reshape(shape), (len(inputs), *lead, self.n_inputs))
        if inputs.ndim > 3:
            return scan(self, state, inputs)
        weights, bias = np.asarray(self.recurrent, dtype=kind), np.asarray(self.bias)
        if self.feedback is not None:  # the output is linear in the state, so it comes back as weights do
            back = np.asarray(self.feedback)
            weights, bias = weights + back @ np.asarray(self.output), bias + back @ np.asarray(self.output_bias)
        return jnp.asarray(self._states(weights, self.input, np.asarray(inputs), bias, state))

    def forced_states(self, inputs: ArrayLike, targets: ArrayLike, *, state: ArrayLike | None = None) -> NDArray:
        """States where each target, instead of the output, comes back a step later; 0 before the first.

        Parameters
        ----------
        inputs, targets : array-like (time, ..., input), (time, ..., output)
            One sequence, or several.
        state : array-like (..., unit), optional
            Before the first step; by default `initial_state`.

        Returns
        -------
        ndarray (time, ..., unit)

        Raises
        ------
        InputError
            Inputs, targets and states whose shapes do not fit.
        """
        inputs, targets = (
            check_array(name, values, "(time, ..., channel)")
            for name, values in (("inputs", inputs), ("targets", targets))
        )
        if inputs.ndim < 2 or targets.shape != (*inputs.shape[:-1], self.n_outputs):
            expected = f"(time, ..., {self.n_inputs}) and (time, ..., {self.n_outputs}), as many steps"
            found = f"{inputs.shape} and {targets.shape}"
            raise InputError(
                "inputs and targets", expected=expected, found=found, remedy="one target a step and output"
            )
        start = self.initial if state is None else state
        if self.feedback is None:
            return self._states(np.asarray(self.recurrent), self.input, inputs, self.bias, start)
        before = np.concatenate([np.zeros_like(targets[:1]), targets[:-1]])
        both = np.concatenate([np.asarray(self.input), np.asarray(self.feedback)], axis=1)
        heard = np.concatenate([inputs, before], axis=-1)
        return self._states(np.asarray(self.recurrent), both, heard, self.bias, start)

    def _states(self, weights: NDArray, into: Any, inputs: NDArray, bias: Any, state: Any) -> NDArray:
        return reservoir_states(
            weights, np.asarray(into), inputs, bias=np.asarray(bias), leak=self.leak, nonlinearity=self.nonlinearity,
            state=np.asarray(state),
        )  # fmt: skip


def reservoir_weights(
    n_units: int,
    *,
    spectral_radius: float = 0.9,
    density: float = 0.1,
    start: ReservoirStart = "gaussian",
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw recurrent weights ``(unit, source unit)`` of a spectral radius.

    Parameters
    ----------
    n_units : int
        Rows and columns.
    spectral_radius, density, start
        See `Reservoir.random`.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    ndarray (unit, source unit)

    Raises
    ------
    InputError
        No units, a spectral radius below 0, a density outside (0, 1], and weights whose eigenvalues are all 0.

    Examples
    --------
    >>> weights = reservoir_weights(50, spectral_radius=0.8, density=0.2, rng=np.random.default_rng(0))
    >>> round(float(np.abs(np.linalg.eigvals(weights)).max()), 6), set((weights != 0).sum(axis=1).tolist())
    (0.8, {10})
    """
    _, n_units, _ = _check_random(0, n_units, 1, density, start)
    check_number("spectral_radius", spectral_radius, least=0, remedy=_SIZE)
    rng = check_rng(rng)
    if start == "orthogonal":
        q, r = np.linalg.qr(rng.standard_normal((n_units, n_units)))
        return spectral_radius * q * np.sign(np.diag(r))
    n_heard = max(1, round(density * n_units))
    heard = np.argsort(rng.random((n_units, n_units)), axis=1)[:, :n_heard]
    if start == "gaussian":
        drawn = rng.standard_normal(heard.shape)
    else:
        drawn = rng.uniform(-1, 1, heard.shape)
        drawn = np.sign(drawn) if start == "signs" else drawn
    weights = np.zeros((n_units, n_units))
    np.put_along_axis(weights, heard, drawn, axis=1)
    size = largest_eigenvalue(weights)
    if size < 1e-9:
        remedy = "raise the density, or the number of units"
        raise InputError("density", expected="weights that go in circles", found="an eigenvalue of 0", remedy=remedy)
    return spectral_radius / size * weights


def largest_eigenvalue(weights: ArrayLike) -> float:
    """Largest size of an eigenvalue of square weights; of large ones by Arnoldi's iterations, to six digits.

    Examples
    --------
    >>> round(largest_eigenvalue([[0.0, 2.0], [-2.0, 0.0]]), 9)
    2.0
    """
    weights = np.asarray(weights, dtype=float)
    if len(weights) > _DENSE:
        try:
            start = np.random.default_rng(0).standard_normal(len(weights))  # ARPACK's own start is never the same
            found = eigs(csr_array(weights), k=2, ncv=80, tol=1e-7, v0=start, return_eigenvectors=False)  # type: ignore[arg-type]
            return float(np.abs(found).max())
        except ArpackNoConvergence:
            pass
    return float(np.abs(np.linalg.eigvals(weights)).max())


def _react(nonlinearity: Reaction, drive: Array) -> Array:
    if nonlinearity == "sign":
        return jnp.where(drive >= 0, 1.0, -1.0).astype(drive.dtype)
    return apply(nonlinearity, drive)


def _check_axes(reservoir: Reservoir) -> None:
    """Refuse parts with fewer axes than they have."""
    for name, least in {"recurrent": 2, "input": 2, "output": 2, "bias": 1, "output_bias": 1, "initial": 1}.items():
        if len(getattr(getattr(reservoir, name), "shape", ())) < least:
            found = type(getattr(reservoir, name)).__name__
            expected = f"an array of {least} axes or more" if least > 1 else "an array of an axis or more"
            raise InputError(name, expected=expected, found=f"another, {found}", remedy="see Reservoir")


def _check_random(n_inputs: int, n_units: int, n_outputs: int, density: float, start: str) -> tuple[int, int, int]:
    whole = are_numbers(n_inputs, n_units, n_outputs)
    if not whole or n_inputs < 0 or min(n_units, n_outputs) < 1:
        found = f"{n_inputs!r} inputs, {n_units!r} units, {n_outputs!r} outputs"
        raise InputError("sizes", expected="a unit and an output or more", found=found, remedy="raise them")
    check_number("density", density, above=0, most=1, remedy="it is the share of units that a unit hears")
    if start not in STARTS:
        expected = f"one of {', '.join(STARTS)}"
        raise InputError("start", expected=expected, found=repr(start), remedy="name one of them")
    names = ("n_inputs", "n_units", "n_outputs")
    sizes = (check_count(k, v, least=0) for k, v in zip(names, (n_inputs, n_units, n_outputs), strict=True))
    return tuple(sizes)  # type: ignore[return-value]
