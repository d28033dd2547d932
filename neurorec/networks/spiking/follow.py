"""A spiking network that follows a reference: errors come back, and weights of low rank hold what is learned."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from neurorec.networks.callable import CallableSystem
from neurorec.networks.spiking.follow_tuning import draw_tuning, fit_decoders, points_in_ball, steady_rates
from neurorec.networks.system import in_precision
from neurorec.recording import InputError, are_numbers, plain

_FINEST = 0.05  # of tau: the longest step


class FollowNetwork(eqx.Module):
    """Leaky integrate-and-fire units that follow a reference while an error comes back (Gilra & Gerstner 2017).

    doi:10.7554/eLife.28295. A command u drives a layer of input units, with spike trains T; their spikes, those of the
    units themselves, S, and the error drive the units::

        tau_m dV_i/dt = -V_i + J_i,  a spike where V_i = 1, then V_i = 0 for the refractory period; V_i >= 0
        J_i = b_i + sum_a e_ia ( sum_j M_aj (S_j * kappa) + sum_l N_al (T_l * kappa) + k (eps_a * kappa) )
        eps = x * kappa - y,  y = D (S * kappa),  kappa(t) = exp(-t / tau) / tau

    x is the reference, y the readout. Decoders D are fixed: D read the variables that the units' currents code for.
    The weights between units, ``w_ij = sum_a e_ia M_aj``, have the rank of the output: what this class of rules learns,
    `train_follow`, begins at 0 and changes w by an outer product of e's columns with traces of spikes, so that nothing
    else can come of it; `base` is what was there before and does not learn. A step takes what spikes and errors left
    behind in the step before, and is exact for membranes under a current that is constant within it.

    Parameters
    ----------
    encoder : ndarray (output, unit)
        e: current per unit of the output.
    bias : ndarray (unit,)
        b.
    decoder, weight : ndarray (output, unit)
        D and M, units of the output per spike/s.
    input_encoder : ndarray (command, input unit)
        Current per unit of the command.
    input_bias : ndarray (input unit,)
        Of input units.
    input_weight : ndarray (output, input unit)
        N.
    base : ndarray (unit, unit)
        Further weights, current per spike/s; empty ``(0, 0)`` for none.
    feedback : bool
        Whether the error comes back. The reference is then a second part of the inputs.
    gain : float
        k.
    dt, tau_membrane, refractory, tau : float
        Step, time constants of membranes and of kappa, s.

    Raises
    ------
    InputError
        Steps that are longer than a twentieth of either time constant, a refractory period or a gain below 0, and
        arrays that do not fit.

    Examples
    --------
    >>> network = FollowNetwork.random(100, 80, radius=1.0, command_radius=0.2, rng=np.random.default_rng(0))
    >>> network.n_units, network.n_inputs, network.n_outputs, network.n_states
    (100, 2, 2, 544)
    """

    encoder: NDArray[np.float64]
    bias: NDArray[np.float64]
    decoder: NDArray[np.float64]
    weight: NDArray[np.float64]
    input_encoder: NDArray[np.float64]
    input_bias: NDArray[np.float64]
    input_weight: NDArray[np.float64]
    base: NDArray[np.float64]
    feedback: bool = eqx.field(static=True, default=False)
    gain: float = eqx.field(static=True, default=10.0, converter=plain)
    dt: float = eqx.field(static=True, default=1e-3, converter=plain)
    tau_membrane: float = eqx.field(static=True, default=0.02, converter=plain)
    refractory: float = eqx.field(static=True, default=2e-3, converter=plain)
    tau: float = eqx.field(static=True, default=0.02, converter=plain)

    def __check_init__(self) -> None:
        times = (self.dt, self.tau_membrane, self.refractory, self.tau)
        longest = _FINEST * min(self.tau_membrane, self.tau) if are_numbers(*times, self.gain) else 0.0
        if not 0 < self.dt <= longest * (1 + 1e-9) or self.refractory < 0 or self.gain < 0:
            found = f"dt {self.dt} s, refractory {self.refractory} s, gain {self.gain}"
            expected = f"0 < dt <= {longest:g} s, a twentieth of the time constants, and the others at least 0"
            raise InputError("dt, refractory and gain", expected=expected, found=found, remedy="take smaller steps")
        if self.encoder.ndim != 2 or self.input_encoder.ndim != 2:
            found = f"shapes {self.encoder.shape} and {self.input_encoder.shape}"
            expected, remedy = "(output, unit) and (command, input unit)", "see FollowNetwork.random"
            raise InputError("encoder and input_encoder", expected=expected, found=found, remedy=remedy)
        (size, n), n_input = self.encoder.shape, self.input_encoder.shape[1]
        shapes = [self.bias.shape, self.decoder.shape, self.weight.shape]
        fits = shapes == [(n,), (size, n), (size, n)] and self.base.shape in ((0, 0), (n, n))
        if not fits or self.input_bias.shape != (n_input,) or self.input_weight.shape != (size, n_input):
            found = f"{shapes}, {self.input_bias.shape}, {self.input_weight.shape}, {self.base.shape}"
            expected = f"{size} outputs, {n} units, {n_input} input units throughout"
            raise InputError("arrays of the network", expected=expected, found=found, remedy="see FollowNetwork.random")

    @classmethod
    def random(
        cls,
        n_units: int,
        n_input_units: int,
        *,
        n_outputs: int = 2,
        n_commands: int = 2,
        radius: float,
        command_radius: float,
        max_rates: tuple[float, float] = (200.0, 400.0),
        intercepts: tuple[float, float] = (-1.0, 1.0),
        gain: float = 10.0,
        dt: float = 1e-3,
        tau_membrane: float = 0.02,
        refractory: float = 2e-3,
        tau: float = 0.02,
        rng: np.random.Generator,
    ) -> "FollowNetwork":
        """Draw one that has learned nothing: encoders and biases at random, decoders by least squares, weights of 0.

        Networks that several threads draw at once may differ in the last digit of decoders from those drawn alone: how
        many threads linear algebra has is a setting of the process, which other threads than the first cannot limit.

        Parameters
        ----------
        n_units, n_input_units : int
            Units, and units that the command drives.
        n_outputs, n_commands : int
            Variables of the reference, and channels of the command.
        radius, command_radius : float
            How far they go from 0.
        max_rates, intercepts
            See `draw_tuning`; the same for both layers.
        gain, dt, tau_membrane, refractory, tau
            See above.
        rng : numpy.random.Generator
            Everything random.

        Raises
        ------
        InputError
            What `draw_tuning` and `FollowNetwork` refuse.
        """
        shared = {"max_rates": max_rates, "intercepts": intercepts, "tau": tau_membrane, "refractory": refractory}
        own = draw_tuning(n_units, n_outputs, radius=radius, rng=rng, **shared)
        layer = draw_tuning(n_input_units, n_commands, radius=command_radius, rng=rng, **shared)
        points = points_in_ball(max(2 * n_units, 1000), n_outputs, radius, rng=rng)
        with threadpool_limits(1):  # sums in another order would be other decoders, and soon other spikes
            rates = steady_rates(points @ own.encoder + own.bias, tau=tau_membrane, refractory=refractory)
            decoder = fit_decoders(rates, points)
        return cls(
            own.encoder, own.bias, decoder, np.zeros((n_outputs, n_units)),
            layer.encoder, layer.bias, np.zeros((n_outputs, n_input_units)), np.zeros((0, 0)),
            gain=gain, dt=dt, tau_membrane=tau_membrane, refractory=refractory, tau=tau,
        )  # fmt: skip

    @property
    def n_inputs(self) -> int:
        """The command, and the reference where the error comes back."""
        return len(self.input_encoder) + (self.n_outputs if self.feedback else 0)

    @property
    def n_outputs(self) -> int:
        """Variables that are followed."""
        return len(self.encoder)

    @property
    def n_units(self) -> int:
        """Units, without those that the command drives."""
        return len(self.bias)

    @property
    def n_states(self) -> int:
        """Voltages, refractory time left and traces of both layers; the filtered reference and error."""
        return 3 * (self.n_units + len(self.input_bias)) + 2 * self.n_outputs

    @property
    def initial_state(self) -> Array:
        """At rest, in silence."""
        return jnp.zeros(self.n_states)

    @property
    def keep(self) -> float:
        """Share of a trace that is left after a step."""
        return float(np.exp(-self.dt / self.tau))

    def weights(self) -> NDArray[np.float64]:
        """All weights between units, current per spike/s ``(unit, source unit)``."""
        learned = self.encoder.T @ self.weight
        return learned + self.base if self.base.size else learned

    def rates(self, variables: ArrayLike) -> NDArray[np.float64]:
        """Steady rates of the units where they are driven by variables ``(..., output)``, spikes/s ``(..., unit)``."""
        return self._steady(np.asarray(variables, dtype=float) @ self.encoder + self.bias)

    def input_rates(self, command: ArrayLike) -> NDArray[np.float64]:
        """Steady rates of input units under commands ``(..., command)``, spikes/s ``(..., input unit)``."""
        return self._steady(np.asarray(command, dtype=float) @ self.input_encoder + self.input_bias)

    def velocity(self, variables: ArrayLike, command: ArrayLike) -> NDArray[np.float64]:
        """How fast variables ``(..., output)`` change under a command ``(..., command)``, by the weights; per s.

        ``(M r(x) + N r(u) - x) / tau``: what weights alone do with what units code for, without spikes or errors, and
        without `base`.
        """
        drive = self.rates(variables) @ self.weight.T + self.input_rates(command) @ self.input_weight.T
        return (drive - np.asarray(variables, dtype=float)) / self.tau

    def ideal_weight(
        self, function: Callable[[NDArray[np.float64]], ArrayLike], points: ArrayLike, *, noise: float = 0.1
    ) -> NDArray[np.float64]:
        """M of least squares, ``(output, unit)``, for a velocity ``function(x)`` at points ``(point, output)``, per s.

        See `fit_decoders`; the target is ``x + tau function(x)``.
        """
        points = np.asarray(points, dtype=float)
        return fit_decoders(self.rates(points), points + self.tau * np.asarray(function(points)), noise=noise)

    def ideal_input_weight(self, commands: ArrayLike, *, noise: float = 0.1) -> NDArray[np.float64]:
        """N of least squares, ``(output, input unit)``, that passes on commands ``(point, command)``, one per output.

        See `fit_decoders`.
        """
        return fit_decoders(self.input_rates(commands), commands, noise=noise)

    def rate_model(self) -> CallableSystem:
        """The same weights between units whose rates are steady at every moment: as many states as outputs.

        ``tau dz/dt = -z + M r(e z + b) + N r(u)``: in a network of rates, with weights of low rank, nothing else is
        left. Exact for z, the drive, if rates follow currents at once. Readout: ``D r(e z + b)``.

        Raises
        ------
        InputError
            With `base`, whose rank is not low.
        """
        if self.base.size:
            found, remedy = f"shape {self.base.shape}", "take them out"
            raise InputError("base", expected="no weights beside those learned", found=found, remedy=remedy)
        arrays = {name: jnp.asarray(np.asarray(getattr(self, name), dtype=np.float32)) for name in _ARRAYS}
        single = replace(self, **arrays)
        # partial functions rather than functions within: these can be sent to other processes
        return CallableSystem(
            partial(_follow_rates, single), self.n_outputs, len(self.input_encoder),
            activity_function=partial(_rates_at, single), readout_function=partial(_read_rates, single),
        )  # fmt: skip

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., state)`` under a command, and the reference where the error comes back."""
        state, inputs = jnp.asarray(state), jnp.asarray(inputs)
        if not jnp.issubdtype(state.dtype, jnp.inexact):  # whole numbers would cut voltages off
            state = state.astype(self.initial_state.dtype)
        n, m, size = self.n_units, len(self.input_bias), self.n_outputs
        v, wait, traces, input_v, input_wait, input_traces, followed, error = jnp.split(
            state, np.cumsum([n, n, n, m, m, m, size]).tolist(), axis=-1
        )
        command, reference = jnp.split(inputs, [len(self.input_encoder)], axis=-1)
        gain = self.gain if self.feedback else 0.0
        own = in_precision(self, state)
        drive = traces @ own.weight.T + input_traces @ own.input_weight.T + gain * error
        current = drive @ own.encoder + own.bias
        if own.base.size:
            current = current + traces @ own.base.T
        after = self._membranes(v, wait, traces, current)
        layer = self._membranes(input_v, input_wait, input_traces, command @ own.input_encoder + own.input_bias)
        if self.feedback:
            followed = self.keep * followed + (1 - self.keep) * reference
            error = self.keep * error + (1 - self.keep) * (followed - after[2] @ own.decoder.T)
        return jnp.concatenate([*after, *layer, followed, error], axis=-1).astype(state.dtype)

    def readout(self, state: Array) -> Array:
        """What is read from the units ``(..., output)``."""
        activity = self.activity(state)
        return activity @ in_precision(self.decoder, activity).T

    def activity(self, state: Array) -> Array:
        """Traces of the units' spikes, spikes/s ``(..., unit)``."""
        return jnp.asarray(state)[..., 2 * self.n_units : 3 * self.n_units]

    def _membranes(self, v: Array, wait: Array, traces: Array, current: Array) -> tuple[Array, Array, Array]:
        free = jnp.clip(self.dt - wait, 0.0, self.dt)
        after = jnp.maximum(v - (current - v) * jnp.expm1(-free / self.tau_membrane), 0.0)
        spike = after > 1
        above = jnp.where(spike, (after - 1) / jnp.where(spike, current - 1, 1.0), 0.0)
        since = -self.tau_membrane * jnp.log1p(-above)  # by how much the spike was earlier than the step's end
        wait = jnp.where(spike, self.refractory - since, jnp.maximum(wait - self.dt, 0.0))
        traces = self.keep * traces + jnp.where(spike, (1 - self.keep) / self.dt, 0.0)
        return jnp.where(spike, 0.0, after), wait, traces

    def _steady(self, current: NDArray[np.float64]) -> NDArray[np.float64]:
        return steady_rates(current, tau=self.tau_membrane, refractory=self.refractory)

    def _rate(self, current: Array) -> Array:
        """`steady_rates`, that JAX can differentiate."""
        on = current > 1
        over = jnp.where(on, current - 1, 1.0)
        return jnp.where(on, 1 / (self.refractory + self.tau_membrane * jnp.log1p(1 / over)), 0.0)


def _rates_at(network: FollowNetwork, state: Array) -> Array:
    """Rates of the units where they are driven by a state."""
    return network._rate(state @ network.encoder + network.bias)


def _follow_rates(network: FollowNetwork, state: Array, inputs: Array) -> Array:
    """The next state of the drive."""
    layer = network._rate(inputs @ network.input_encoder + network.input_bias)
    drive = _rates_at(network, state) @ network.weight.T + layer @ network.input_weight.T
    return network.keep * state + (1 - network.keep) * drive


def _read_rates(network: FollowNetwork, state: Array) -> Array:
    """What is read from the rates."""
    return _rates_at(network, state) @ network.decoder.T


_ARRAYS = ("encoder", "bias", "decoder", "weight", "input_encoder", "input_bias", "input_weight", "base")
