"""A network of leaky integrate-and-fire units, as a system that steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from neurorec.networks.spiking.constants import step_constants
from neurorec.networks.spiking.population import Population, ShortTerm
from neurorec.networks.spiking.synapses import Synapses, draw_short_term, join_at_random, sort_synapses
from neurorec.networks.system import in_precision
from neurorec.recording import InputError, are_numbers, check_count, check_number, check_rng, first_offenders, plain


def _pair(values: Any) -> Any:
    """Times as a tuple of Python's numbers; whatever else is left as it is."""
    return tuple(map(plain, values)) if np.iterable(values) else (values,)


class LIFNetwork(eqx.Module):
    """Leaky integrate-and-fire units in populations, with sparse synapses, delays and inputs that spike.

    ``tau dv/dt = -v + drive + I_E + I_I``, in mV above rest. A spike arrives a delay later: it adds its weight J to v
    where ``tau_synapse`` is 0, and elsewhere ``J tau / tau_k`` to a current that decays with ``tau_k``, which carries
    the same charge. Voltages and currents are exact between steps; spikes lie on steps. One step:

    1. ``v <- e^(-dt/tau) v + (1 - e^(-dt/tau)) drive + sum_k P_k I_k + jumps``,
       ``P_k = tau_k / (tau_k - tau) (e^(-dt/tau_k) - e^(-dt/tau))``, and ``I_k <- e^(-dt/tau_k) I_k + arrivals``;
    2. units in their refractory period stay at reset; those at threshold spike.

    A synapse is excitatory or inhibitory by the sign of its weight, which is the same for all synapses of a source.
    The state holds, in this order, voltages, excitatory and inhibitory currents, refractory steps left and whether
    there was a spike ``(unit,)`` each; what will arrive ``(slot, kind, unit)``; and y and r ``(synapse,)`` each of
    plastic synapses.

    Parameters
    ----------
    populations : tuple of Population
        Their units follow each other.
    synapses : Synapses
        From units and inputs to units.
    start : ndarray (unit,)
        Voltages at the beginning, mV.
    dt : float
        Step, s.
    tau_synapse : tuple of float
        Of excitatory and inhibitory currents, s; 0: no current, voltages jump.

    Attributes
    ----------
    n_slots : int
        Steps of the longest delay.

    Raises
    ------
    InputError
        For steps that are too long, times below 0, sources with synapses of both signs, and arrays that do not fit.

    Examples
    --------
    >>> pair = (Population("E", 80), Population("I", 20, background_rate=8000.0, background_weight=0.2))
    >>> weight = {("E", "E"): 0.5, ("E", "I"): 0.5, ("I", "E"): -2.0, ("I", "I"): -2.0}     # from, to
    >>> network = LIFNetwork.random(pair, weight, probability=0.1, rng=np.random.default_rng(0))
    >>> network.n_units, network.n_inputs, network.area[79:81]
    (100, 0, ('E', 'I'))
    """

    populations: tuple[Population, ...] = eqx.field(static=True)
    synapses: Synapses
    start: NDArray[np.float64]
    dt: float = eqx.field(static=True, default=1e-4, converter=plain)
    tau_synapse: tuple[float, float] = eqx.field(static=True, default=(0.0, 0.0), converter=_pair)
    n_slots: int = eqx.field(static=True, init=False)

    def __post_init__(self) -> None:
        self.n_slots = int(np.max(self.synapses.delay, initial=1))

    def __check_init__(self) -> None:
        n, first = self.n_units, self.synapses.first
        if len(self.tau_synapse) != 2 or not are_numbers(self.dt, *self.tau_synapse):
            found, expected = f"dt {self.dt!r}, tau_synapse {self.tau_synapse!r}", "a step and two times, s"
            raise InputError(
                "dt and tau_synapse", expected=expected, found=found, remedy="such as 1e-4 and (0.005, 0.01)"
            )
        fastest = min([p.tau for p in self.populations] + [t for t in self.tau_synapse if t > 0])
        if not 0 < self.dt <= fastest / 2 or min(self.tau_synapse) < 0:
            found = f"dt {self.dt:g} s, tau_synapse {self.tau_synapse}"
            expected = f"0 < dt <= {fastest / 2:g} s, half of the fastest time constant, and times of 0 or more"
            raise InputError("dt and tau_synapse", expected=expected, found=found, remedy="take smaller steps")
        if len(first) <= n or len(self.start) != n or (self.synapses.target >= n).any():
            found = f"{len(first) - 1} sources, {len(self.start)} voltages"
            expected = f"{n} units or more as sources, {n} voltages, and targets among them"
            raise InputError("synapses and start", expected=expected, found=found, remedy="count units, then inputs")
        if not isinstance(self.synapses.weight, np.ndarray):
            return  # as when JAX takes it apart
        self._check_synapses()
        up, down = (np.add.reduceat(np.append(s, 0), first[:-1]) * (np.diff(first) > 0) for s in self._signs())
        both = np.flatnonzero((up > 0) & (down > 0))
        if both.size:
            found = f"both from {first_offenders(both)}"
            remedy = "give excitatory and inhibitory synapses sources of their own"
            raise InputError("weight", expected="one sign per source", found=found, remedy=remedy)

    def _check_synapses(self) -> None:
        """What the compiled loop takes for granted: it would read and write elsewhere."""
        s, n = self.synapses, len(self.synapses.target)
        lengths = [len(part) for part in (s.weight, s.U, s.D, s.F)]
        sorted_ = s.first[0] == 0 and s.first[-1] == n and (np.diff(s.first) >= 0).all()
        fits = lengths in ([n, 0, 0, 0], [n] * 4) and len(s.delay) in (n, 1) and sorted_
        if not fits or (n and (s.target.min() < 0 or s.delay.min() < 1)):
            found = f"{n} targets, {lengths} weights and U, D, F, {len(s.delay)} delays"
            expected = "as many of each, sorted by source, targets from 0 and delays from 1 step on"
            raise InputError("synapses", expected=expected, found=found, remedy="see sort_synapses")
        if not (np.isfinite(s.weight).all() and np.isfinite(np.asarray(self.start, dtype=float)).all()):
            raise InputError(
                "weight and start", expected="finite mV", found="nan or inf", remedy="look at their making"
            )

    def _signs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return (self.synapses.weight > 0).astype(np.int64), (self.synapses.weight < 0).astype(np.int64)

    @classmethod
    def random(
        cls,
        populations: Sequence[Population],
        weight: Mapping[tuple[str, str], float],
        *,
        probability: float | Mapping[tuple[str, str], float],
        inputs: Mapping[str, int] | None = None,
        delay: float | Mapping[tuple[str, str], float] = 1.5e-3,
        fixed_in_degree: bool = False,
        weight_spread: float = 0.0,
        short_term: Mapping[tuple[str, str], ShortTerm] | None = None,
        dt: float = 1e-4,
        tau_synapse: tuple[float, float] = (0.0, 0.0),
        rng: np.random.Generator,
    ) -> "LIFNetwork":
        """Draw one: pairs of units are joined at random, the same for all units of two populations.

        Parameters
        ----------
        populations : sequence of Population
            Of units.
        weight : mapping of (str, str) to float
            mV by names of the populations, from and to; those left out are not joined.
        probability, delay : float or mapping of (str, str) to float
            Of each pair, and s.
        inputs : mapping of str to int
            Populations of inputs, that spike as they are told: name and how many.
        fixed_in_degree : bool
            Every unit has the expected number of synapses of each kind, from sources drawn with replacement.
        weight_spread : float
            Of weights: gamma distributed, standard deviation over mean.
        short_term : mapping of (str, str) to ShortTerm
            Plasticity, where there is some.
        dt, tau_synapse
            See above.
        rng : numpy.random.Generator
            Everything random, the voltages at the beginning too: uniform between reset and threshold.

        Raises
        ------
        InputError
            Names that are given twice, or are of no population; probabilities and delays that do not cover all pairs,
            and what `sort_synapses`, `join_at_random` and `LIFNetwork` refuse.
        """
        rng = check_rng(rng)
        _check_parts(populations, inputs, weight_spread)
        begin, size, sources = {}, {}, 0
        for name, n in [(p.name, p.n_units) for p in populations] + list((inputs or {}).items()):
            begin[name], size[name] = sources, n
            sources += n
        n_units = sum(p.n_units for p in populations)
        _check_names(weight, size, {p.name for p in populations})
        parts: list[tuple] = []
        for pair, mean in weight.items():
            p = _of(pair, probability, "probability")
            degree = round(p * size[pair[0]]) if fixed_in_degree else None
            found = join_at_random(size[pair[0]], size[pair[1]], p, in_degree=degree, rng=rng)
            n = found.source.size
            if not are_numbers(mean):
                raise InputError(f"weight of {pair}", expected="finite mV", found=repr(mean), remedy="one number")
            strength = np.full(n, mean, dtype=float)
            if weight_spread > 0:
                strength = mean * weight_spread**2 * rng.gamma(weight_spread**-2, size=n)
            wait = _of(pair, delay, "delay")
            kind = (short_term or {}).get(pair, _CONSTANT)
            plastic = draw_short_term(kind, n, rng=rng) if short_term else (np.zeros(n),) * 3
            parts.append((found.source + begin[pair[0]], found.target + begin[pair[1]], strength, wait, plastic))
        waits = [np.full(len(part[0]), part[3]) for part in parts]
        source, target, strength = (
            np.concatenate([part[k] for part in parts] or [np.zeros(0, dtype=int)]) for k in range(3)
        )
        synapses = sort_synapses(
            source,
            target,
            strength,
            float(parts[0][3]) if len({part[3] for part in parts}) == 1 else np.concatenate([*waits, []]),
            n_sources=sources,
            dt=dt,
            short_term=tuple(np.concatenate([p[4][k] for p in parts]) for k in range(3)) if short_term else None,  # type: ignore[arg-type]
        )
        low, high = (np.concatenate([np.full(p.n_units, v(p)) for p in populations]) for v in (_reset, _threshold))
        start = rng.uniform(low, high, n_units)
        return cls(tuple(populations), synapses, start, dt=dt, tau_synapse=tau_synapse)

    @property
    def n_units(self) -> int:
        """Units."""
        return sum(p.n_units for p in self.populations)

    @property
    def n_inputs(self) -> int:
        """Channels in: sources of spikes beside the units."""
        return len(self.synapses.first) - 1 - self.n_units

    @property
    def n_outputs(self) -> int:
        """Populations, whose rates are the outputs."""
        return len(self.populations)

    @property
    def n_states(self) -> int:
        """Voltages, currents, refractory steps and spikes; arrivals; what synapses remember."""
        return (5 + 2 * self.n_slots) * self.n_units + 2 * self.synapses.U.size

    @property
    def area(self) -> tuple[str, ...]:
        """Name of each unit's population."""
        return tuple(p.name for p in self.populations for _ in range(p.n_units))

    @property
    def initial_state(self) -> Array:
        """Voltages as given, and nothing under way."""
        plastic = self.synapses.U.size
        rest = jnp.zeros((4 + 2 * self.n_slots) * self.n_units + plastic)
        return jnp.concatenate([jnp.asarray(self.start), rest, jnp.ones(plastic)])

    @property
    def noise_scale(self) -> float:
        """1 where units have a background of their own: `noisy_step` scales draws itself."""
        return float(any(p.background_rate > 0 and p.background_weight != 0 for p in self.populations))

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., state)``, under spikes ``(..., input)``; the background is its mean."""
        return self._step(state, inputs, None)

    def noisy_step(self, state: Array, inputs: Array, draw: Array) -> Array:
        """The same with a background whose counts are normal, of the mean and variance of Poisson ones."""
        return self._step(state, inputs, draw)

    def readout(self, state: Array) -> Array:
        """Rates of the populations in this step ``(..., population)``, spikes/s."""
        active, ends = self.activity(state), np.cumsum([p.n_units for p in self.populations])
        return jnp.stack([a.mean(axis=-1) for a in jnp.split(active, ends[:-1], axis=-1)], axis=-1) / self.dt

    def activity(self, state: Array) -> Array:
        """Spikes in this step ``(..., unit)``, 0 or 1."""
        return state[..., 4 * self.n_units : 5 * self.n_units]

    def _step(self, state: Array, inputs: Array, draw: Array | None) -> Array:
        state = jnp.asarray(state)
        if not jnp.issubdtype(state.dtype, jnp.inexact):  # whole numbers would cut voltages off
            state = state.astype(self.initial_state.dtype)
        n, lead, synapses = self.n_units, state.shape[:-1], in_precision(self.synapses, state)
        v, current_e, current_i, waiting = (state[..., k * n : (k + 1) * n] for k in range(4))
        pending = state[..., 5 * n : (5 + 2 * self.n_slots) * n].reshape(*lead, self.n_slots, 2, n)
        unit = step_constants(self.populations, self.tau_synapse, self.dt).by_unit(self.populations)
        unit, background = in_precision(unit, state), self._background(draw, state)
        arriving = jnp.stack([pending[..., 0, k, :] + background[k] for k in (0, 1)], axis=-2)
        after = v * unit.decay + unit.rise
        currents = []
        for k, current in enumerate((current_e, current_i)):
            after = after + unit.kinds[:, k, 2] * current + unit.kinds[:, k, 3] * arriving[..., k, :]
            currents.append(unit.kinds[:, k, 1] * current + unit.kinds[:, k, 0] * arriving[..., k, :])
        held = waiting > 0
        after = jnp.where(held, unit.reset, after)
        spike = after >= unit.threshold
        waiting = jnp.where(spike, unit.refractory, jnp.where(held, waiting - 1, 0))
        sent = jnp.concatenate([spike.astype(v.dtype), jnp.broadcast_to(inputs, (*lead, self.n_inputs))], axis=-1)
        source = jnp.repeat(
            jnp.arange(len(synapses.first) - 1), jnp.diff(synapses.first), total_repeat_length=len(synapses.target)
        )
        release, memory = _release(synapses, state[..., (5 + 2 * self.n_slots) * n :], sent[..., source])
        pending = jnp.concatenate([pending[..., 1:, :, :], jnp.zeros_like(pending[..., :1, :, :])], axis=-3)
        slot = jnp.broadcast_to(synapses.delay - 1, synapses.target.shape)
        kind = jnp.where(synapses.weight < 0, 1, 0)
        pending = pending.at[..., slot, kind, synapses.target].add((release * synapses.weight).astype(v.dtype))
        after = jnp.where(spike, unit.reset, after)
        parts = [after, *currents, waiting, spike, pending.reshape(*lead, 2 * self.n_slots * n), memory]
        return jnp.concatenate([p.astype(v.dtype) for p in parts], axis=-1)

    def _background(self, draw: Array | None, like: Array) -> Array:
        """What arrives of it in a step ``(kind, ..., unit)``."""
        kinds = [[0.0, 0.0, 0.0, 0.0] for _ in self.populations]
        for row, p in zip(kinds, self.populations, strict=True):
            at = 0 if p.background_weight >= 0 else 1
            count = p.background_rate * self.dt
            row[at], row[2 + at] = p.background_weight * count, p.background_weight * np.sqrt(count)
        table = jnp.asarray(np.repeat(kinds, [p.n_units for p in self.populations], axis=0).T, dtype=like.dtype)
        return table[:2] if draw is None else jnp.stack([table[k] + table[2 + k] * draw for k in (0, 1)])


def _release(synapses: Synapses, memory: Array, sent: Array) -> tuple[Array, Array]:
    """What each synapse releases ``(..., synapse)``, and what it then remembers."""
    if not synapses.U.size:
        return sent, memory
    U, D, F = synapses[4:]
    y, r = jnp.split(memory, 2, axis=-1)
    y, r = y * jnp.exp(-1 / F), 1 + (r - 1) * jnp.exp(-1 / D)
    u = U + (1 - U) * y
    active = sent > 0
    return sent * u * r, jnp.concatenate([jnp.where(active, u, y), jnp.where(active, r - u * r, r)], axis=-1)


_CONSTANT = ShortTerm(1.0, 1e-9, 1e-9)  # recovers within a step: as good as no plasticity


def _reset(population: Population) -> float:
    return population.reset


def _threshold(population: Population) -> float:
    return population.threshold


def _of(pair: tuple[str, str], given: Any, name: str) -> float:
    """What holds for a pair: one number for all, or its own."""
    if isinstance(given, Mapping) and pair not in given:
        raise InputError(name, expected=f"one for {pair}, too", found="none", remedy="give one number, or all pairs")
    return check_number(name, given[pair] if isinstance(given, Mapping) else given, least=0)


def _check_parts(populations: Any, inputs: Any, weight_spread: float) -> None:
    many = list(populations) if np.iterable(populations) else []
    if not many or not all(isinstance(p, Population) for p in many):
        remedy = "put one in a list, too"
        raise InputError("populations", expected="a list of Population", found=repr(populations)[:60], remedy=remedy)
    if not isinstance(inputs or {}, Mapping):
        raise InputError("inputs", expected="numbers by name", found=repr(inputs), remedy="such as {'X': 100}")
    for name, n in (inputs or {}).items():
        check_count(f"inputs {name!r}", n, least=0)
    names = [p.name for p in many] + list(inputs or {})
    if len(set(names)) < len(names):
        found = ", ".join(map(str, names))
        raise InputError("populations and inputs", expected="a name each", found=found, remedy="rename one")
    check_number("weight_spread", weight_spread, least=0, remedy="standard deviation over mean")


def _check_names(weight: Mapping[tuple[str, str], float], size: Mapping[str, int], units: set[str]) -> None:
    wrong = [pair for pair in weight if len(pair) != 2 or pair[0] not in size or pair[1] not in units]
    if wrong:
        expected = f"pairs from {', '.join(size)} to {', '.join(sorted(units))}"
        raise InputError(
            "weight", expected=expected, found=first_offenders(wrong), remedy="name populations that exist"
        )
