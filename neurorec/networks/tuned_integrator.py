"""The tuned oculomotor integrator: rectified units whose synapses add up to the position that they see."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.optimize import nnls

from neurorec.recording import InputError, are_numbers, check_count, check_number, check_rng, plain


class TunedIntegrator(eqx.Module):
    """A network of one mode that holds what it has been told, as far as it is tuned (Seung et al. 2000).

    doi:10.1016/S0896-6273(00)81155-1. Unit i fires at ``r_i = [k_i E + b_i + v_i u]_+`` (spikes/s), its synapses follow
    ``tau ds_i/dt = -s_i + r_i / (r_i + r_half)``, and the eye's position is ``E = (1 - m) sum_i w_i s_i`` (degrees), so
    the weights ``k_i w_j`` have rank one. Where ``sum_i w_i s_i([k_i E + b_i]_+) = E`` for all E, every position is a
    fixed point. A mistuning m takes that away, and the position decays with a time constant near ``tau / m``. A step
    is one of Euler.

    Parameters
    ----------
    slope : jax.Array (unit,)
        k, spikes/s per degree.
    threshold : jax.Array (unit,)
        b, spikes/s at position 0.
    weight : jax.Array (unit,)
        w, degrees.
    input : jax.Array (unit, 1)
        v, spikes/s per unit of the command.
    mistuning : float
        m, a fraction; negative where the feedback is too strong.
    dt, tau : float
        Time step and time constant of the synapses, s.
    half_rate : float
        r_half, spikes/s at which a synapse is half saturated.

    Raises
    ------
    InputError
        Steps longer than the time constant, times and rates that are not above 0, a mistuning that is no number, and
        arrays that do not fit.

    Examples
    --------
    >>> network = TunedIntegrator.tuned(100, rng=np.random.default_rng(0))
    >>> state = network.state_at(10.0)
    >>> abs(float(network.readout(network.step(state, jnp.zeros(1)))[0]) - 10.0) < 0.01
    True
    """

    slope: Array
    threshold: Array
    weight: Array
    input: Array
    mistuning: float = eqx.field(static=True, default=0.0, converter=plain)
    dt: float = eqx.field(static=True, default=0.005, converter=plain)
    tau: float = eqx.field(static=True, default=0.1, converter=plain)
    half_rate: float = eqx.field(static=True, default=50.0, converter=plain)

    def __check_init__(self) -> None:
        real = are_numbers(self.dt, self.tau, self.half_rate)
        if not real or not 0 < self.dt <= self.tau or self.half_rate <= 0:
            found = f"dt {self.dt} s, tau {self.tau} s, half_rate {self.half_rate} spikes/s"
            expected, remedy = "0 < dt <= tau, and a half_rate above 0", "take smaller steps, or slower synapses"
            raise InputError("dt, tau and half_rate", expected=expected, found=found, remedy=remedy)
        check_number("mistuning", self.mistuning, remedy="0 is tuned")
        n, shapes = self.slope.shape, [np.shape(part) for part in (self.threshold, self.weight, self.input)]
        if len(n) != 1 or shapes != [n, n, (*n, 1)]:
            expected, found = "(unit,) each, and input (unit, 1)", f"{n}, {', '.join(map(str, shapes))}"
            name, remedy = "slope, threshold, weight, input", "see TunedIntegrator.tuned"
            raise InputError(name, expected=expected, found=found, remedy=remedy)

    @classmethod
    def tuned(
        cls,
        n_units: int = 100,
        *,
        largest: float = 40.0,
        peak_rate: float = 60.0,
        mistuning: float = 0.0,
        dt: float = 0.005,
        tau: float = 0.1,
        half_rate: float = 50.0,
        rng: np.random.Generator,
    ) -> "TunedIntegrator":
        """Draw units that are recruited one after the other, and tune their weights.

        Thresholds are spread over positions 0 to `largest` (degrees), slopes drawn around those that reach `peak_rate`
        (spikes/s) at its end. The weights, all of them excitatory, minimise the squared ``sum_i w_i s_i(E) - E`` over
        positions.

        Parameters
        ----------
        n_units : int
            Units, two or more.
        largest : float
            End of the range of positions, degrees.
        peak_rate : float
            Of a unit at that end, on average, spikes/s.
        mistuning, dt, tau, half_rate
            See `TunedIntegrator`.
        rng : numpy.random.Generator
            Draws the slopes.

        Raises
        ------
        InputError
            Fewer than two units, or sizes that are not above 0.
        """
        rng, half_rate = check_rng(rng), check_number("half_rate", half_rate, above=0, unit="spikes/s")
        n_units = check_count("n_units", n_units, least=-1)
        if not are_numbers(largest, peak_rate) or n_units < 2 or min(largest, peak_rate) <= 0:
            found = f"{n_units} units, {largest} degrees, {peak_rate} spikes/s"
            expected = "two units or more, and sizes above 0"
            raise InputError("n_units, largest and peak_rate", expected=expected, found=found, remedy="set them")
        recruited = np.linspace(-0.5, 0.9, n_units) * largest  # half of the units fire at all positions
        slope = peak_rate / (largest - recruited) * rng.uniform(0.8, 1.2, n_units)
        threshold = -slope * recruited
        position = np.linspace(0, largest, 20 * n_units)
        rate = np.maximum(position[:, None] * slope + threshold, 0.0)
        synapse = rate / (rate + half_rate)
        weight, _ = nnls(synapse, position)
        arrays = (jnp.asarray(v, dtype=jnp.float32) for v in (slope, threshold, weight, slope[:, None]))
        return cls(*arrays, mistuning=mistuning, dt=dt, tau=tau, half_rate=half_rate)

    @property
    def n_inputs(self) -> int:
        """The command."""
        return 1

    @property
    def n_outputs(self) -> int:
        """The position."""
        return 1

    @property
    def n_units(self) -> int:
        """Units."""
        return self.slope.shape[0]

    @property
    def n_states(self) -> int:
        """One synapse a unit."""
        return self.n_units

    @property
    def initial_state(self) -> Array:
        """As the network is at position 0."""
        return self.state_at(0.0)

    def state_at(self, position: float) -> Array:
        """Synapses ``(unit,)`` as they are where the eye is kept at a position, degrees.

        Raises
        ------
        InputError
            A position that is no number.
        """
        if not isinstance(position, jax.core.Tracer):
            position = check_number("position", position, unit="degrees", remedy="one number")
        rate = jax.nn.relu(self.slope * position + self.threshold)
        return rate / (rate + self.half_rate)

    def rates(self, state: Array, inputs: Array) -> Array:
        """Firing rates ``(..., unit)``, spikes/s, under a command ``(..., 1)``."""
        return jax.nn.relu(self.readout(state) * self.slope + self.threshold + inputs * self.input[:, 0])

    def step(self, state: Array, inputs: Array) -> Array:
        """The next synapses ``(..., unit)``."""
        rate = self.rates(state, inputs)
        return state + self.dt / self.tau * (rate / (rate + self.half_rate) - state)

    def readout(self, state: Array) -> Array:
        """The position ``(..., 1)``, degrees."""
        return ((1 - self.mistuning) * state @ self.weight)[..., None]

    def activity(self, state: Array) -> Array:
        """Firing rates ``(..., unit)`` without a command, spikes/s."""
        return self.rates(state, jnp.zeros((1,)))
