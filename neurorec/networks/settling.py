"""Predictive coding at rest: where the values of a hierarchy settle under inputs that stay."""

from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array
from numpy.typing import ArrayLike

from neurorec.networks.predictive_coding import PredictiveCoding
from neurorec.recording import InputError, check_array, check_count, check_number


class SettledPredictions(NamedTuple):
    """Where a hierarchy came to rest.

    Attributes
    ----------
    state : jax.Array (..., state)
        After the last step.
    energy : jax.Array (...)
        F there.
    n_steps : int
        Taken.
    converged : bool
        Whether no value moved by more than the tolerance in a time constant.
    """

    state: Array
    energy: Array
    n_steps: int
    converged: bool


def settle_predictions(
    network: PredictiveCoding,
    inputs: ArrayLike,
    *,
    state: ArrayLike | None = None,
    max_steps: int = 10_000,
    tolerance: float = 1e-4,
) -> SettledPredictions:
    r"""Let values settle under constant inputs.

    Parameters
    ----------
    network : PredictiveCoding
        What settles.
    inputs : array-like (..., input)
        Of the clamped layers; NaN where nothing is seen.
    state : array-like (..., state), optional
        Where to begin; by default the initial state.
    max_steps : int
        Most steps of `dt`.
    tolerance : float
        :math:`\tau |dx / dt|` of the fastest value at which all have settled.

    Returns
    -------
    SettledPredictions

    Raises
    ------
    InputError
        A step at which linear values run off, see `PredictiveCoding.largest_step`; inputs and states that do not fit,
        infinite inputs, a tolerance below 0.

    Examples
    --------
    >>> import numpy as np
    >>> network = PredictiveCoding.random((4, 2), nonlinearity="linear", rng=np.random.default_rng(0))
    >>> settle_predictions(network, jnp.ones(4)).converged
    True
    """
    if not isinstance(network, PredictiveCoding):
        raise InputError("network", expected="PredictiveCoding", found=type(network).__name__, remedy="see its random")
    inputs = inputs if isinstance(inputs, Array) else jnp.asarray(check_array("inputs", inputs, "(..., input)"))
    if inputs.shape[-1:] != (network.n_inputs,) or bool(jnp.isinf(inputs).any()):
        expected, remedy = f"(..., {network.n_inputs}), not infinite", "NaN is what is not seen"
        raise InputError("inputs", expected=expected, found=f"shape {inputs.shape}", remedy=remedy)
    max_steps = check_count("max_steps", max_steps, least=0)
    tolerance = check_number("tolerance", tolerance, least=0, remedy="1e-4 will do")
    seen = bool(jnp.isfinite(inputs).all())
    longest = (network if seen else replace(network, clamped="neither")).largest_step()
    if network.nonlinearity == "linear" and network.dt > longest:
        expected, found = f"at most {longest:.3g} s for these weights", f"{network.dt:g} s"
        raise InputError("dt", expected=expected, found=found, remedy="take smaller steps, or a larger tau")
    if state is None:
        state = jnp.broadcast_to(network.initial_state, (*inputs.shape[:-1], network.n_states))
    state = state if isinstance(state, Array) else jnp.asarray(check_array("state", state, "(..., state)"))
    if state.shape != (*inputs.shape[:-1], network.n_states):
        expected = f"shape {(*inputs.shape[:-1], network.n_states)}"
        raise InputError("state", expected=expected, found=str(state.shape), remedy="one for each of the inputs")
    least = tolerance * network.dt / network.tau
    last, n_steps, moved = _until_still(network, state, inputs, max_steps, least)
    return SettledPredictions(last, network.energy(last, inputs), int(n_steps), bool(moved <= least))


@eqx.filter_jit
def _until_still(
    network: PredictiveCoding, state: Array, inputs: Array, max_steps: int, least: float
) -> tuple[Array, Array, Array]:
    def advance(now: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        after = network.step(now[0], inputs)
        n = sum(network.sizes)
        return after, now[1] + 1, jnp.abs(after - now[0])[..., :n].max(initial=0.0)

    def goes_on(now: tuple[Array, Array, Array]) -> Array:
        return (now[1] < max_steps) & (now[2] > least)

    moved = jnp.asarray(jnp.inf, dtype=state.dtype)
    return jax.lax.while_loop(goes_on, advance, (state, jnp.asarray(0), moved))
