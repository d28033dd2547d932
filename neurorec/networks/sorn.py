"""The self-organizing recurrent network as it stands between changes: threshold units, excitatory and inhibitory."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from neurorec.recording import InputError, are_numbers, check_count, check_rng


class SORN(eqx.Module):
    r"""Binary units whose excitatory synapses add up to one.

    Lazar, Pipa & Triesch 2009, doi:10.3389/neuro.10.023.2009.

    .. math:: x(t+1) = \Theta(W^{EE} x(t) - W^{EI} y(t) + W^{EU} u(t) - T^E), \quad
              y(t+1) = \Theta(W^{IE} x(t+1) - T^I)

    with :math:`\Theta` 1 from 0 on. Outputs are linear in what the network expects, the state that the next step would
    bring without an input, :math:`x'(t+1) = \Theta(W^{EE} x(t) - W^{EI} y(t) - T^E)`. This is the network with its
    plasticity switched off; `neurorec.training.adapt` switches it on. All quantities are without units; a step is one
    of the sequence.

    Parameters
    ----------
    excitatory : jax.Array (unit, source unit)
        W^EE, 0 or more; 0 where there is no synapse.
    from_inhibitory : jax.Array (unit, inhibitory unit)
        W^EI, 0 or more.
    to_inhibitory : jax.Array (inhibitory unit, unit)
        W^IE, 0 or more.
    input : jax.Array (unit, input)
        W^EU.
    threshold, inhibitory_threshold : jax.Array (unit,), (inhibitory unit,)
        T^E and T^I.
    output, output_bias : jax.Array (output, unit), (output,)
        The readout.
    fast_inhibition : bool
        Whether inhibitory units see the excitatory units of the same step, x(t+1), as in the programs of later papers
        (Del Papa, Priesemann & Triesch 2017, doi:10.1371/journal.pone.0178683), or those of the step before, x(t), as
        the first paper writes it. Counting is learned well with the former only.

    Raises
    ------
    InputError
        Shapes that do not fit.

    Examples
    --------
    >>> network = SORN.random(6, rng=np.random.default_rng(0))
    >>> state = network.step(network.initial_state, jnp.eye(6)[0])
    >>> network.n_units, network.n_states, bool((state[:200] == 1).sum() >= 10)
    (200, 240, True)
    """

    excitatory: Array
    from_inhibitory: Array
    to_inhibitory: Array
    input: Array
    threshold: Array
    inhibitory_threshold: Array
    output: Array
    output_bias: Array
    fast_inhibition: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        axes = [np.ndim(part) for part in (self.from_inhibitory, self.input, self.output_bias)]
        if axes != [2, 2, 1]:
            expected, found = "tables of weights and a bias for each output", f"{axes} axes"
            raise InputError("from_inhibitory, input, output_bias", expected=expected, found=found, remedy="see SORN")
        n, m = self.from_inhibitory.shape
        shapes = {
            "excitatory": (n, n), "to_inhibitory": (m, n), "input": (n, self.input.shape[-1]), "threshold": (n,),
            "inhibitory_threshold": (m,), "output": (len(self.output_bias), n),
        }  # fmt: skip
        for name, shape in shapes.items():
            found = getattr(self, name).shape
            if found != shape:
                remedy = "see SORN"
                raise InputError(name, expected=f"shape {shape}", found=str(found), remedy=remedy)

    @classmethod
    def random(
        cls,
        n_inputs: int,
        n_units: int = 200,
        *,
        n_inhibitory: int | None = None,
        n_synapses: float = 10.0,
        inhibitory_density: float = 1.0,
        units_per_input: int | None = None,
        threshold: float = 1.0,
        inhibitory_threshold: float = 0.5,
        fast_inhibition: bool = True,
        rng: np.random.Generator,
    ) -> "SORN":
        """Draw one.

        Parameters
        ----------
        n_inputs : int
            Letters; each drives its own units with weight 1.
        n_units : int
            Excitatory units.
        n_inhibitory : int, optional
            By default a fifth of that.
        n_synapses : float
            Mean number of excitatory synapses on a unit; none upon itself. Weights are uniform, and scaled to add up to
            1. Synapses upon inhibitory units are all there, and add up to 1 as well.
        inhibitory_density : float
            Fraction of the synapses from inhibitory units that are there; they add up to 1 for each unit.
        units_per_input : int, optional
            By default a twentieth of the units.
        threshold, inhibitory_threshold : float
            Largest; drawn between 0 and that. Of the first paper 0.5 and 0.35.
        fast_inhibition : bool
            See `SORN`.
        rng : numpy.random.Generator
            Everything random.

        Raises
        ------
        InputError
            Numbers that are not above 0, a density above 1, or too few units for the inputs or the synapses.
        """
        n_inputs, n_units = check_count("n_inputs", n_inputs), check_count("n_units", n_units)
        n_inhibitory = n_units // 5 if n_inhibitory is None else check_count("n_inhibitory", n_inhibitory, least=0)
        each = max(1, n_units // 20) if units_per_input is None else check_count("units_per_input", units_per_input)
        rng = check_rng(rng)
        if not are_numbers(n_synapses, inhibitory_density, threshold, inhibitory_threshold) or inhibitory_density > 1:
            found = f"{n_synapses!r}, {inhibitory_density!r}, {threshold!r}, {inhibitory_threshold!r}"
            name, remedy = "n_synapses, inhibitory_density, thresholds", "a density is at most 1; see SORN.random"
            raise InputError(name, expected="finite numbers above 0", found=found, remedy=remedy)
        lowest = min(n_inputs, n_inhibitory, each, n_synapses, inhibitory_density, threshold, inhibitory_threshold)
        if lowest <= 0 or n_inputs * each > n_units or n_synapses > n_units - 1:
            found = f"{n_units} units, {n_inputs} inputs of {each} units each, {n_synapses:g} synapses a unit"
            expected = "numbers above 0, units for all inputs, and fewer synapses than units"
            raise InputError("SORN.random", expected=expected, found=found, remedy="take more units")
        weights = rng.random((n_units, n_units)) * (rng.random((n_units, n_units)) < n_synapses / (n_units - 1))
        np.fill_diagonal(weights, 0.0)
        driven = rng.permutation(n_units)[: n_inputs * each].reshape(n_inputs, each)
        drive = np.zeros((n_units, n_inputs))
        drive[driven, np.arange(n_inputs)[:, None]] = 1.0
        inhibition = rng.random((n_units, n_inhibitory))
        if inhibitory_density < 1:
            inhibition *= rng.random(inhibition.shape) < inhibitory_density
        arrays = {
            "excitatory": normalised(weights),
            "from_inhibitory": normalised(inhibition),
            "to_inhibitory": normalised(rng.random((n_inhibitory, n_units))),
            "input": drive,
            "threshold": threshold * rng.random(n_units),
            "inhibitory_threshold": inhibitory_threshold * rng.random(n_inhibitory),
            "output": np.zeros((n_inputs, n_units)),
            "output_bias": np.zeros(n_inputs),
        }
        as_jax = {name: jnp.asarray(values, dtype=jnp.float32) for name, values in arrays.items()}
        return cls(**as_jax, fast_inhibition=fast_inhibition)

    @property
    def n_inputs(self) -> int:
        """Letters."""
        return self.input.shape[1]

    @property
    def n_outputs(self) -> int:
        """Of the readout."""
        return len(self.output_bias)

    @property
    def n_units(self) -> int:
        """Excitatory units."""
        return len(self.threshold)

    @property
    def n_states(self) -> int:
        """Excitatory units, then inhibitory ones."""
        return self.n_units + len(self.inhibitory_threshold)

    @property
    def initial_state(self) -> Array:
        """Silence."""
        return jnp.zeros(self.n_states, dtype=self.threshold.dtype)

    def drive(self, state: Array) -> Array:
        """What the network itself brings to its units, less their thresholds ``(..., unit)``."""
        active, inhibiting = state[..., : self.n_units], state[..., self.n_units :]
        return active @ self.excitatory.T - inhibiting @ self.from_inhibitory.T - self.threshold

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., state)``."""
        excited = self.drive(state) + inputs @ self.input.T >= 0
        seen = excited.astype(self.threshold.dtype) if self.fast_inhibition else state[..., : self.n_units]
        inhibiting = seen @ self.to_inhibitory.T - self.inhibitory_threshold >= 0
        kind = jnp.result_type(state, self.threshold)
        return jnp.concatenate([excited, inhibiting], axis=-1).astype(kind)

    def expected(self, state: Array) -> Array:
        """x', the excitatory state ``(..., unit)`` that would follow without an input."""
        return (self.drive(state) >= 0).astype(self.threshold.dtype)

    def readout(self, state: Array) -> Array:
        """Outputs ``(..., output)`` of what the network expects."""
        return self.expected(state) @ self.output.T + self.output_bias

    def activity(self, state: Array) -> Array:
        """Excitatory units ``(..., unit)``, 0 or 1."""
        return state[..., : self.n_units]


def normalised(weights: ArrayLike) -> np.ndarray:
    """Weights ``(unit, source)`` that add up to 1 for each unit; a unit without any is left without."""
    values = np.asarray(weights, dtype=float)
    total = values.sum(axis=1, keepdims=True)
    return np.divide(values, total, out=np.zeros_like(values), where=total > 0)
