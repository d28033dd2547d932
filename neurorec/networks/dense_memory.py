"""The dense associative memory: a Hopfield network whose energy is steeper than quadratic, and holds more for it."""

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import logsumexp
from numpy.typing import ArrayLike

from neurorec.networks.hopfield import Update, check_patterns, check_update, take_sign
from neurorec.recording import InputError, are_numbers, check_array, plain

Interaction = Literal["polynomial", "exponential", "softmax"]
_TIE = 1e-6  # fields below it are rounding in single precision, and count as none


def whole(value: Any) -> Any:
    """A whole number as one of Python's, 3.0 as 3; whatever else is left as it is."""
    value = plain(value)
    return int(value) if are_numbers(value) and value == int(value) else value


class DenseMemory(eqx.Module):
    r"""A memory with interactions of many units.

    With overlaps :math:`m_\mu = \sum_i \xi_i^\mu s_i`:

    - polynomial (Krotov & Hopfield 2016, arXiv:1606.01164): :math:`E = -\frac Nn \sum_\mu (m_\mu / N)^n`, which for
      degree n = 2 is the Hopfield network's up to a constant;
    - exponential (Demircigil et al. 2017, doi:10.1007/s10955-017-1806-y): :math:`E = -\frac1\beta \log \sum_\mu
      e^{\beta m_\mu}`, the logarithm of theirs, which has the same minima;
    - softmax (Ramsauer et al. 2020, arXiv:2008.02217): units take any value, :math:`E = -\frac1\beta \log \sum_\mu
      e^{\beta m_\mu} + \frac12 \sum_i s_i^2`, and a step is :math:`s \leftarrow \xi^T \mathrm{softmax}(\beta \xi s)`.

    In the first two a unit takes the state of less energy, one after the other (the energy never rises) or all at
    once; in the third all change at once, and the energy never rises either. Inputs are fields on the units: they add
    :math:`-\sum_i u_i s_i` to the energy, and u to the step of the softmax.

    Parameters
    ----------
    patterns : jax.Array (pattern, unit)
        -1 or 1; under the softmax any finite number.
    interaction : {"polynomial", "exponential", "softmax"}
        Which of them.
    degree : int
        n of the polynomial, 2 or more.
    steepness : float
        beta of the other two, per unit of overlap.
    update : {"asynchronous", "synchronous"}
        How units change; under the softmax always at once.

    Raises
    ------
    InputError
        Patterns, a degree or a steepness other than these.

    Examples
    --------
    >>> patterns = np.sign(np.random.default_rng(0).standard_normal((500, 60)))     # many more than units
    >>> memory = DenseMemory.stored(patterns, degree=4)
    >>> cue = np.where(np.arange(60) < 6, -patterns[0], patterns[0])
    >>> bool((memory.step(jnp.asarray(cue), jnp.zeros(60)) == patterns[0]).all())
    True
    """

    patterns: Array
    interaction: Interaction = eqx.field(static=True, default="polynomial")
    degree: int = eqx.field(static=True, default=3, converter=whole)
    steepness: float = eqx.field(static=True, default=1.0, converter=plain)
    update: Update = eqx.field(static=True, default="asynchronous")

    def __check_init__(self) -> None:
        check_update(self.update)
        if self.interaction not in ("polynomial", "exponential", "softmax"):
            expected, found = "polynomial, exponential or softmax", repr(self.interaction)
            raise InputError("interaction", expected=expected, found=found, remedy="choose one")
        real = isinstance(self.degree, int) and are_numbers(self.degree, self.steepness)
        if not real or self.degree < 2 or self.steepness <= 0:
            found = f"degree {self.degree!r}, steepness {self.steepness!r}"
            expected = "a whole degree of 2 or more, a steepness above 0"
            raise InputError("degree and steepness", expected=expected, found=found, remedy="try 3 and 1.0")
        if self.patterns.ndim < 2:
            found = f"shape {self.patterns.shape}"
            raise InputError("patterns", expected="(pattern, unit)", found=found, remedy="see DenseMemory.stored")

    @classmethod
    def stored(
        cls,
        patterns: ArrayLike,
        *,
        interaction: Interaction = "polynomial",
        degree: int = 3,
        steepness: float = 1.0,
        update: Update = "asynchronous",
    ) -> "DenseMemory":
        """Keep patterns ``(pattern, unit)``; they are what is learned.

        Raises
        ------
        InputError
            Patterns that are not -1 or 1; under the softmax, that are not finite.
        """
        if interaction == "softmax":
            values = check_array("patterns", patterns, "(pattern, unit)")
            if values.ndim != 2 or 0 in values.shape or not np.isfinite(values).all():
                found = f"shape {values.shape}" + ("" if np.isfinite(values).all() else ", not all finite")
                raise InputError("patterns", expected="finite, (pattern, unit)", found=found, remedy="stack them")
        else:
            values = check_patterns(patterns)
        kept = jnp.asarray(values, dtype=jnp.float32)
        return cls(kept, interaction=interaction, degree=degree, steepness=steepness, update=update)

    @property
    def n_inputs(self) -> int:
        """A field on each unit."""
        return self.n_units

    @property
    def n_outputs(self) -> int:
        """One overlap a pattern."""
        return self.patterns.shape[0]

    @property
    def n_units(self) -> int:
        """Units."""
        return self.patterns.shape[1]

    @property
    def n_states(self) -> int:
        """One a unit."""
        return self.n_units

    @property
    def initial_state(self) -> Array:
        """All units up."""
        return jnp.ones(self.n_units, dtype=self.patterns.dtype)

    def energy(self, state: Array, inputs: Array | None = None) -> Array:
        """Energy ``(...)`` of states ``(..., unit)`` under inputs ``(..., unit)``."""
        overlap = state @ self.patterns.T
        outside = 0.0 if inputs is None else (inputs * state).sum(axis=-1)
        if self.interaction == "polynomial":
            inside = self.n_units / self.degree * ((overlap / self.n_units) ** self.degree).sum(axis=-1)
        else:
            inside = logsumexp(self.steepness * overlap, axis=-1) / self.steepness
        held = 0.5 * (state**2).sum(axis=-1) if self.interaction == "softmax" else 0.0
        return held - inside - outside

    def field(self, state: Array) -> Array:
        """Half of what a unit's being up rather than down takes off the energy ``(..., unit)``, without inputs."""
        overlap = state @ self.patterns.T
        if self.interaction == "polynomial":
            base, slope = _polynomial_gain(overlap / self.n_units, self.n_units, self.degree)
            return -0.5 * (state * base[..., None] + slope @ self.patterns)
        mean = jax.nn.softmax(self.steepness * overlap) @ self.patterns
        if self.interaction == "softmax":
            return mean
        # a flip multiplies the share of patterns that agree by exp(-2 beta), that of the others by exp(2 beta)
        agree = jnp.clip(0.5 * (1 + state * mean), 0.0, 1.0)
        twice = 2 * self.steepness
        after = jnp.logaddexp(jnp.log(agree) - twice, jnp.log1p(-agree) + twice)
        return -0.5 / self.steepness * state * after

    def step(self, state: Array, inputs: Array) -> Array:
        """The next states ``(..., unit)``: every unit once, or all at once."""
        if self.interaction == "softmax":
            return self.field(state) + inputs
        if self.update == "synchronous":
            return take_sign(_without_rounding(self.field(state) + inputs), state)
        inputs = jnp.broadcast_to(inputs, state.shape)

        def visit(i: Array, state: Array) -> Array:
            field = _without_rounding(self.field(state)[..., i] + inputs[..., i])
            return state.at[..., i].set(take_sign(field, state[..., i]))

        return jax.lax.fori_loop(0, self.n_units, visit, state)

    def readout(self, state: Array) -> Array:
        """Overlaps ``(..., pattern)`` with the patterns over the number of units."""
        return state @ self.patterns.T / self.n_units

    def activity(self, state: Array) -> Array:
        """States of the units ``(..., unit)``."""
        return state


def _without_rounding(field: Array) -> Array:
    return jnp.where(jnp.abs(field) > _TIE, field, 0.0)


def _polynomial_gain(overlap: Array, n_units: int, degree: int) -> tuple[Array, Array]:
    """What unit i gains by a flip is ``base + s_i sum_mu xi_i^mu slope^mu``, of overlaps -1 to 1 ``(..., pattern)``.

    Differences of powers, ``a^n - b^n = (a - b) sum_k a^k b^(n-1-k)``: in single precision the powers themselves
    would cancel.
    """
    step = 2 / n_units

    def rise(low: Array, high: Array) -> Array:
        return sum((high**k * low ** (degree - 1 - k) for k in range(degree)), jnp.zeros_like(low)) * step

    below, above = rise(overlap - step, overlap), rise(overlap, overlap + step)
    unit = n_units / degree
    return 0.5 * unit * (above - below).sum(axis=-1), -0.5 * unit * (above + below)
