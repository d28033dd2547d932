"""The chaotic rate network, and networks whose outputs come back to their units."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.networks import Leaky, Network, plain_weights
from neurorec.recording import InputError, are_numbers, check_array, check_count, check_rng


def chaotic_network(
    n_units: int = 1000,
    n_outputs: int = 1,
    *,
    n_inputs: int = 0,
    gain: float = 1.5,
    density: float = 0.1,
    input_density: float = 1.0,
    bias: float = 0.0,
    dt: float = 0.001,
    tau: float = 0.01,
    rng: np.random.Generator,
) -> Network:
    """Draw the network of Sussillo & Abbott (2009): ``tau dx/dt = -x + W tanh(x) + V u``, chaotic from a gain above 1.

    Weights exist with probability `density` and have variance ``gain^2 / (density n_units)``; inputs are standard
    normal, each to a share `input_density` of the units. The readout is 0. Without biases the network is odd: whatever
    it does, it can do with all signs turned as well, and what is near its own mirror image is left for it.

    Parameters
    ----------
    n_units, n_outputs, n_inputs : int
        Sizes.
    gain : float
        g, the spectral radius of large networks.
    density, input_density : float
        Shares of the weights that exist.
    bias : float
        Standard deviation of the units' biases.
    dt, tau : float
        Time step and time constant, s.
    rng : numpy.random.Generator
        Everything random.

    Raises
    ------
    InputError
        Sizes, a gain or a bias below 0, or shares outside 0 to 1.

    Examples
    --------
    >>> network = chaotic_network(50, rng=np.random.default_rng(0))
    >>> network.n_units, network.n_inputs, float(network.cell.leak)
    (50, 0, 0.1)
    """
    real = are_numbers(n_units, n_outputs, n_inputs, gain, density, input_density, bias)
    if (
        not real
        or min(n_units, n_outputs) < 1
        or n_inputs < 0
        or min(gain, bias) < 0
        or not (0 < density <= 1 and 0 < input_density <= 1)
    ):
        found = f"{n_units} units, {n_outputs} outputs, {n_inputs} inputs, gain {gain}, densities {density}, "
        found, expected = (
            f"{found}{input_density}, bias {bias}",
            "units and outputs, gain and bias >= 0, shares above 0 and at most 1",
        )
        raise InputError("chaotic_network", expected=expected, found=found, remedy="see its defaults")
    names = ("n_units", "n_outputs", "n_inputs")
    sizes = zip(names, (n_units, n_outputs, n_inputs), strict=True)
    n_units, n_outputs, n_inputs = (check_count(name, n, least=0) for name, n in sizes)
    rng = check_rng(rng)
    weights = gain / np.sqrt(density * n_units) * rng.standard_normal((n_units, n_units))
    weights *= rng.random(weights.shape) < density
    inward = rng.standard_normal((n_units, n_inputs)) * (rng.random((n_units, n_inputs)) < input_density)
    biases = bias * rng.standard_normal(n_units)
    shapes = ((n_outputs, n_units), n_outputs, n_units)
    arrays = (weights, inward, biases, *(np.zeros(shape) for shape in shapes))
    recurrent, inputs, biased, output, output_bias, initial = (jnp.asarray(a, dtype=jnp.float32) for a in arrays)
    cell = Leaky(recurrent, inputs, biased, dt=dt, tau=tau, noise=0.0, form="current")
    return Network(cell, output, output_bias, initial)


def fold_feedback(network: Network, feedback: ArrayLike) -> Network:
    """The network whose outputs come back to its units, as one that needs no feedback: ``W + F R``, ``b + F c``.

    Parameters
    ----------
    network : Network
        Of a `Leaky` cell, with outputs ``R r + c``.
    feedback : array-like (unit, output)
        F.

    Returns
    -------
    Network
        Runs as the one with feedback does, since both use the rates before a step.

    Raises
    ------
    InputError
        Another cell than `Leaky`, or feedback that does not fit.
    """
    cell, back = check_feedback(network, feedback)
    output, bias = (np.asarray(a, dtype=float) for a in (network.output, network.output_bias))
    arrays = (plain_recurrent(cell) + back @ output, np.asarray(cell.bias, dtype=float) + back @ bias)
    folded = tuple(jnp.asarray(a, dtype=jnp.float32) for a in arrays)
    return eqx.tree_at(lambda n: (n.cell.recurrent, n.cell.bias), network, folded)


def check_feedback(network: Network, feedback: ArrayLike) -> tuple[Leaky, NDArray[np.float64]]:
    """The leaky cell of a network, and its feedback ``(unit, output)``; refused with a reason where they do not fit."""
    cell = getattr(network, "cell", None)
    if not isinstance(cell, Leaky) or getattr(network, "shortcut", None) is not None:
        expected, found = "a Network of a Leaky cell, without a shortcut", type(cell or network).__name__
        raise InputError("network", expected=expected, found=found, remedy="see chaotic_network")
    back = check_array("feedback", feedback, "(unit, output)")
    if back.shape != (network.n_units, network.n_outputs) or not np.isfinite(back).all():
        expected = f"finite, shape ({network.n_units}, {network.n_outputs}), (unit, output)"
        raise InputError("feedback", expected=expected, found=str(back.shape), remedy="transpose it?")
    return cell, back


def plain_recurrent(cell: Leaky) -> NDArray[np.float64]:
    """Recurrent weights ``(unit, source unit)`` of a cell, whatever they are made of."""
    return np.asarray(plain_weights(cell.recurrent), dtype=float)
