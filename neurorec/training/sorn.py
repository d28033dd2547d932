"""Plasticity of the self-organizing recurrent network: synapses, their sum, and thresholds."""

from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from neurorec.networks import SORN
from neurorec.recording import InputError, are_numbers, check_array, check_number, check_rng
from neurorec.training.readout import fit_readout
from neurorec.training.sorn_kernels import sorn_steps

_CHUNK = 5000  # steps whose noise is drawn at a time
_FRESH = 1e-3  # weight of a new synapse (Zheng, Dimitrakakis & Triesch 2013)


@dataclass(frozen=True)
class Plasticity:
    r"""What changes while a network runs; rates are per step.

    Excitatory synapses, where there are some: :math:`\Delta W_{ij} = \eta (x_i(t) x_j(t-1) - x_i(t-1) x_j(t))`, kept
    between 0 and `largest`; then each unit's add up to 1. Thresholds: :math:`\Delta T_i = \eta_{IP} (x_i(t) - h)`
    (Lazar, Pipa & Triesch 2009, doi:10.3389/neuro.10.023.2009). Off by default, and added by Zheng, Dimitrakakis &
    Triesch 2013 (doi:10.1371/journal.pcbi.1002848): inhibitory synapses, :math:`\Delta W^{EI}_{ij} = -\eta_{I}
    y_j(t-1) (1 - x_i(t) (1 + 1/h))`, scaled to add up to 1 as well; and new synapses.

    Parameters
    ----------
    stdp : float
        eta: here that of Del Papa, Priesemann & Triesch 2017 (doi:10.1371/journal.pone.0178683); 0.001 in the first
        paper.
    intrinsic : float
        eta_IP: likewise.
    target_rate : float
        h, the fraction of steps in which a unit shall be active.
    normalise : bool
        Whether excitatory synapses add up to 1.
    inhibitory : float
        eta_I.
    new_synapses : float
        Probability that a step brings a pair of units a new synapse.
    prune : bool
        Whether a synapse that has become 0 is gone; else it may grow again.
    largest : float
        Of a weight.

    Raises
    ------
    InputError
        Rates below 0, a target that is no fraction.

    Examples
    --------
    >>> Plasticity(stdp=0.0).intrinsic
    0.01
    """

    stdp: float = 0.004
    intrinsic: float = 0.01
    target_rate: float = 0.1
    normalise: bool = True
    inhibitory: float = 0.0
    new_synapses: float = 0.0
    prune: bool = True
    largest: float = 1.0

    def __post_init__(self) -> None:
        numbers = (self.stdp, self.intrinsic, self.target_rate, self.inhibitory, self.new_synapses, self.largest)
        low = not are_numbers(*numbers) or min(self.stdp, self.intrinsic, self.inhibitory, self.new_synapses) < 0
        if low or not 0 < self.target_rate < 1 or self.new_synapses > 1 or self.largest <= 0:
            found = f"{self}"
            expected = "rates of 0 or more, a target_rate between 0 and 1, a probability of new_synapses"
            raise InputError("Plasticity", expected=expected, found=found, remedy="try Plasticity()")


FROZEN = Plasticity(stdp=0.0, intrinsic=0.0, normalise=False)


class Adapted(NamedTuple):
    """What a network became, and what it did meanwhile.

    Attributes
    ----------
    network : SORN
        As it is after the last step.
    state : ndarray (state,)
        Where it is.
    count : ndarray of int (time,)
        Excitatory units that were active.
    activity : ndarray of bool (time, unit)
        Which; no rows unless kept.
    expected : ndarray of bool (time, unit)
        Which would have been without the step's input: what readouts see; no rows unless kept.
    synapses : ndarray of int (chunk,)
        Excitatory synapses after each 5,000 steps.
    """

    network: SORN
    state: NDArray[np.float64]
    count: NDArray[np.int64]
    activity: NDArray[np.bool_]
    expected: NDArray[np.bool_]
    synapses: NDArray[np.int64]


def adapt(
    network: SORN,
    inputs: ArrayLike,
    *,
    plasticity: Plasticity | None = None,
    noise: float = 0.0,
    state: ArrayLike | None = None,
    keep: bool = True,
    rng: np.random.Generator,
    progress: bool = False,
) -> Adapted:
    """Run a self-organizing network through inputs while it changes.

    Parameters
    ----------
    network : SORN
        As it begins; not changed.
    inputs : array-like (time, input)
        Letters as 0 and 1.
    plasticity : Plasticity, optional
        See `Plasticity`; ``FROZEN`` changes nothing.
    noise : float
        Standard deviation of what is added to every unit's drive, excitatory and inhibitory, at every step.
    state : array-like (state,), optional
        Where to begin; by default in silence.
    keep : bool
        Whether to return activity, a byte a unit and step.
    rng : numpy.random.Generator
        Draws the noise and the new synapses.
    progress : bool
        Show a bar.

    Returns
    -------
    Adapted

    Raises
    ------
    InputError
        Inputs of another width, states of another length, weights below 0, noise below 0.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = adapt(SORN.random(3, rng=rng), np.eye(3)[np.arange(300) % 3], rng=rng)
    >>> found.activity.shape, bool(np.allclose(np.asarray(found.network.excitatory).sum(axis=1), 1, atol=1e-5))
    ((300, 200), True)
    """
    rules = Plasticity() if plasticity is None else plasticity
    inputs, rng = _check(network, inputs, noise), check_rng(rng)
    begin = np.asarray(network.initial_state) if state is None else check_array("state", state, "(state,)")
    if begin.shape != (network.n_states,) or not np.isfinite(begin).all() or not isinstance(rules, Plasticity):
        found = f"shape {begin.shape}, {type(rules).__name__}"
        expected, remedy = f"finite, ({network.n_states},), and Plasticity", "where a run ended, and how it changes"
        raise InputError("state and plasticity", expected=expected, found=found, remedy=remedy)
    n_units, n_steps = network.n_units, len(inputs)
    x, y = (begin[:n_units] > 0).astype(np.int8), (begin[n_units:] > 0).astype(np.int8)
    names = ("excitatory", "from_inhibitory", "to_inhibitory", "threshold", "inhibitory_threshold")
    own = {name: np.array(getattr(network, name), dtype=float) for name in names}
    exists = own["excitatory"] > 0
    arrays = (own["excitatory"], exists, *(own[name] for name in names[1:]))
    rates = (rules.stdp, rules.intrinsic, rules.target_rate, rules.inhibitory, rules.largest, _FRESH)
    flags = (rules.normalise, rules.prune, network.fast_inhibition)
    count = np.empty(n_steps, dtype=np.int64)
    kept = tuple(np.empty((n_steps if keep else 0, n_units), dtype=np.bool_) for _ in range(2))
    weights, synapses = np.asarray(network.input, dtype=float).T, []
    for start in tqdm(range(0, n_steps, _CHUNK), disable=None if progress else True, desc="SORN", unit="5000 steps"):
        part = slice(start, start + _CHUNK)
        drive = inputs[part] @ weights
        shape = (len(drive), len(begin) if noise else 0)
        drawn = noise * rng.standard_normal(shape, dtype=np.float32)
        pairs = _pairs(len(drive), n_units, rules.new_synapses, rng)
        seen = tuple(rows[part] for rows in kept)
        sorn_steps(arrays, x, y, drive, drawn, pairs, rates, flags, seen, count[part])
        synapses.append(int(exists.sum()))
    changed = [jnp.asarray(own[name], dtype=jnp.float32) for name in names]
    after = eqx.tree_at(lambda n: [getattr(n, name) for name in names], network, changed)
    last = np.concatenate([x, y]).astype(float)
    return Adapted(after, last, count, kept[0], kept[1], np.array(synapses))


def teach_readout(network: SORN, expected: ArrayLike, targets: ArrayLike) -> SORN:
    """Fit the readout by ridge regression of targets ``(time, output)`` on what was expected ``(time, unit)``.

    See `fit_readout`. Row t of `expected` is what the network expected *before* input t: it shall tell input t.

    Raises
    ------
    InputError
        Another number of units, and what `fit_readout` refuses.
    """
    seen = check_array("expected", expected, "(time, unit)")
    if seen.ndim != 2 or seen.shape[1] != network.n_units:
        found, remedy = f"shape {seen.shape}", "see Adapted.expected"
        raise InputError("expected", expected=f"(time, {network.n_units})", found=found, remedy=remedy)
    found = fit_readout(seen, targets)
    parts = [jnp.asarray(found.weights, dtype=jnp.float32), jnp.asarray(found.bias, dtype=jnp.float32)]
    return eqx.tree_at(lambda n: [n.output, n.output_bias], network, parts)


def _check(network: SORN, inputs: ArrayLike, noise: float) -> NDArray[np.float64]:
    if not isinstance(network, SORN):
        raise InputError("network", expected="SORN", found=type(network).__name__, remedy="see SORN.random")
    values = check_array("inputs", inputs, "(time, input)", remedy="one column a letter")
    if values.ndim != 2 or values.shape[1] != network.n_inputs or not np.isfinite(values).all():
        expected, found = f"finite, (time, input) of {network.n_inputs} inputs", f"shape {values.shape}"
        raise InputError("inputs", expected=expected, found=found, remedy="one column a letter")
    check_number("noise", noise, least=0, remedy="leave it out")
    for name in ("excitatory", "from_inhibitory", "to_inhibitory"):
        if float(getattr(network, name).min()) < 0:
            found, remedy = "some below 0", "signs are those of the equations"
            raise InputError(name, expected="weights of 0 or more", found=found, remedy=remedy)
    return values


def _pairs(n_steps: int, n_units: int, probability: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Two different units for each step that brings a synapse, -1 for the others; no columns without any."""
    if probability == 0:
        return np.empty((n_steps, 0), dtype=np.int64)
    target = rng.integers(0, n_units, n_steps)
    source = (target + rng.integers(1, n_units, n_steps)) % n_units
    none = rng.random(n_steps) >= probability
    return np.where(none[:, None], -1, np.stack([target, source], axis=1))
