"""The liquid state machine: a small column of spiking units whose synapses depend on their past."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.networks.spiking.lif import LIFNetwork
from neurorec.networks.spiking.population import Population, ShortTerm
from neurorec.networks.spiking.running import LIFRun
from neurorec.networks.spiking.synapses import draw_short_term, sort_synapses
from neurorec.recording import InputError, are_numbers, check_array, check_count, check_number, check_rng

# From, to: share of joined neighbours, nA through 1 MOhm, delay (s), and how synapses follow their use.
_PAIRS = {
    ("E", "E"): (0.3, 30.0, 1.5e-3, ShortTerm(0.5, 1.1, 0.05, 0.5)),
    ("E", "I"): (0.2, 60.0, 0.8e-3, ShortTerm(0.05, 0.125, 1.2, 0.5)),
    ("I", "E"): (0.4, -19.0, 0.8e-3, ShortTerm(0.25, 0.7, 0.02, 0.5)),
    ("I", "I"): (0.1, -19.0, 0.8e-3, ShortTerm(0.32, 0.144, 0.06, 0.5)),
}
_INPUT = {"E": 18.0, "I": 9.0}  # nA
_TAU, _TAU_SYNAPSE = 0.03, (0.003, 0.006)  # s
_NEXT = 0.1e-3  # s: inputs arrive in the next step


class Liquid(NamedTuple):
    """A liquid.

    Attributes
    ----------
    network : LIFNetwork
        Excitatory units, then inhibitory ones.
    position : ndarray of int (unit, 3)
        Where each is on the grid.
    """

    network: LIFNetwork
    position: NDArray[np.int64]


def random_liquid(
    n_inputs: int = 1,
    *,
    shape: tuple[int, int, int] = (15, 3, 3),
    wiring_length: float = 2.0,
    inhibitory: float = 0.2,
    input_share: float = 0.3,
    strength: float = 1.0,
    dt: float = 1e-4,
    rng: np.random.Generator,
) -> Liquid:
    """Draw a liquid as Maass, Natschlaeger and Markram 2002 did, doi:10.1162/089976602760407955.

    Units sit on a grid. Two of them, a distance d apart, are joined with probability ``C exp(-(d / wiring_length)^2)``,
    C = 0.3, 0.2, 0.4 and 0.1 from E to E, E to I, I to E and I to I. Amplitudes are gamma distributed with a standard
    deviation as large as their mean, U, D and F are spread by a half of theirs.

    Parameters
    ----------
    n_inputs : int
        Spike trains in, each to a share of the units that is drawn, through constant synapses.
    shape : tuple of int
        Of the grid; 135 units by default.
    wiring_length : float
        Grid steps.
    inhibitory, input_share : float
        Share of inhibitory units, and of the units that an input reaches.
    strength : float
        All weights between units times this; 0: units that do not hear each other.
    dt : float
        Step, s.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    Liquid

    Raises
    ------
    InputError
        For a grid that is not of three sides, shares that leave no units of one kind, lengths that are not above 0, and
        a strength below 0, under which units would change their kind.

    Examples
    --------
    >>> made = random_liquid(rng=np.random.default_rng(0))
    >>> made.network.n_units, made.network.area.count("I")
    (135, 27)
    """
    sides = [check_count("shape", side) for side in shape] if np.iterable(shape) else []
    if len(sides) != 3:
        raise InputError("shape", expected="three sides", found=repr(shape), remedy="such as (15, 3, 3)")
    n_inputs, strength = check_count("n_inputs", n_inputs, least=0), check_number("strength", strength, least=0)
    dt, rng, n = check_number("dt", dt, above=0, unit="s"), check_rng(rng), int(np.prod(sides))
    real = are_numbers(inhibitory, wiring_length, input_share)
    n_i = round(inhibitory * n) if real else 0
    if not real or not 0 < n_i < n or not wiring_length > 0 or not 0 <= input_share <= 1:
        found = f"{inhibitory} inhibitory of {n}, wiring length {wiring_length}, input share {input_share}"
        expected = "units of both kinds, a length above 0, a share of inputs from 0 to 1"
        raise InputError("shape and shares", expected=expected, found=found, remedy="see its defaults")
    position = rng.permutation(np.indices(sides).reshape(3, -1).T)
    kind = np.repeat(["E", "I"], [n - n_i, n_i])
    distance = np.linalg.norm(position[:, None] - position[None], axis=-1)
    near = np.exp(-((distance / wiring_length) ** 2)) * (distance > 0)
    source, target, weight, delay, plastic = [], [], [], [], []
    for (a, b), (most, current, wait, short_term) in _PAIRS.items():
        joined = rng.random((n, n)) < most * near * ((kind[:, None] == a) & (kind == b))
        s, t = np.nonzero(joined)
        charge = current * _TAU_SYNAPSE[int(current < 0)] / _TAU
        source.append(s)
        target.append(t)
        weight.append(strength * charge * rng.gamma(1.0, size=s.size))
        delay.append(np.full(s.size, wait))
        plastic.append(draw_short_term(short_term, s.size, rng=rng))
    i, t = np.nonzero(rng.random((n_inputs, n)) < input_share)
    source.append(n + i)
    target.append(t)
    mean = np.where(kind[t] == "E", _INPUT["E"], _INPUT["I"]) * _TAU_SYNAPSE[0] / _TAU
    weight.append(mean * rng.gamma(1.0, size=t.size))
    delay.append(np.full(t.size, max(_NEXT, dt)))
    plastic.append(draw_short_term(ShortTerm(1.0, 1e-9, 1e-9), t.size, rng=rng))
    U, D, F = (np.concatenate([part[k] for part in plastic]) for k in range(3))
    synapses = sort_synapses(
        *map(np.concatenate, (source, target, weight, delay)), n_sources=n + n_inputs, dt=dt, short_term=(U, D, F)
    )
    units = {"tau": _TAU, "threshold": 15.0, "reset": 13.5, "drive": 13.5}
    populations = (Population("E", n - n_i, refractory=3e-3, **units), Population("I", n_i, refractory=2e-3, **units))
    network = LIFNetwork(populations, synapses, rng.uniform(13.5, 15.0, n), dt=dt, tau_synapse=_TAU_SYNAPSE)
    return Liquid(network, position)


def liquid_state(run: LIFRun, n_units: int, times: ArrayLike, *, dt: float, tau: float = 0.03) -> NDArray[np.float64]:
    """What a readout sees of each unit: ``x(t) = sum_k e^(-(t - t_k) / tau)`` over its spikes until t.

    Parameters
    ----------
    run : LIFRun
        What the units did.
    n_units : int
        Units.
    times : array-like (time,)
        When, s.
    dt, tau : float
        Step of the run and time constant, s.

    Returns
    -------
    ndarray (time, unit)

    Raises
    ------
    InputError
        Times that are not finite, a step or a time constant that is not above 0, fewer units than have spikes.

    Examples
    --------
    >>> done = LIFRun(np.array([0, 9]), np.array([0, 0]), 20, *(np.zeros(0),) * 4)
    >>> liquid_state(done, 1, [0.02], dt=1e-3, tau=0.01).round(3).tolist()     # e^-1.9 + e^-1
    [[0.517]]
    """
    n_units, times = check_count("n_units", n_units, least=0), np.atleast_1d(check_array("times", times, "(time,)"))
    dt, tau = check_number("dt", dt, above=0, unit="s"), check_number("tau", tau, above=0, unit="s")
    if times.ndim != 1 or not np.isfinite(times).all():
        raise InputError("times", expected="finite s, (time,)", found=f"shape {times.shape}", remedy="when to look")
    if run.unit.size and run.unit.max() >= n_units:
        found, expected = f"spikes of unit {run.unit.max()}", f"units 0 to {n_units - 1}"
        raise InputError("n_units", expected=expected, found=found, remedy="as many as the network has")
    found = np.zeros((len(times), n_units))
    at = (run.step + 1) * dt
    for k, time in enumerate(times):
        before = (at <= time + 1e-9) & (at > time - 20 * tau)
        found[k] = np.bincount(run.unit[before], weights=np.exp((at[before] - time) / tau), minlength=n_units)
    return found
