"""The Hopfield network: units of two states whose symmetric weights hold patterns as minima of an energy."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, check_array, first_offenders, plain

Update = Literal["asynchronous", "synchronous"]
Rule = Literal["hebbian", "pseudo_inverse"]
_SYMMETRIC = 1e-6  # of the largest weight: float32


class Hopfield(eqx.Module):
    r"""A memory whose energy is quadratic (Hopfield 1982, doi:10.1073/pnas.79.8.2554).

    Units take the sign of their field, :math:`h_i = \sum_j W_{ij} s_j + u_i`, and stay as they are where it is 0.
    Weights are kept as a product, :math:`W_{ij} = \frac1N \sum_\mu d_i^\mu \xi_j^\mu - D_i \delta_{ij}`, so that a
    network of N units and P patterns takes N P numbers. Asynchronous: one unit after the other, each of which sees
    what those before it have become; the energy :math:`E = -\frac12 \sum_{ij} W_{ij} s_i s_j - \sum_i u_i s_i` never
    rises, and the network settles. Synchronous: all units at once; it settles or goes to and fro between two states.

    Made by `Hopfield.stored` from patterns, or by `Hopfield.from_weights`. As a system, a step is one sweep of all
    units, in their order where it is asynchronous; `neurorec.networks.recall` draws a new order for each sweep and is
    made for many units.

    Parameters
    ----------
    patterns : jax.Array (pattern, unit)
        :math:`\xi`, -1 or 1.
    dual : jax.Array (pattern, unit)
        d: the patterns themselves (Hebbian), or what the pseudo-inverse makes of them.
    diagonal : jax.Array (unit,)
        D, which takes a unit's weight upon itself away.
    update : {"asynchronous", "synchronous"}
        How units change.
    steepness : float
        Infinite for units of two states. Else, synchronous only, a unit takes ``tanh(steepness h)``: the network of
        graded units (Hopfield 1984, doi:10.1073/pnas.81.10.3088), which has derivatives.
    symmetric : bool
        Whether W is.

    Raises
    ------
    InputError
        Asynchronous updates with weights that are not symmetric, or of graded units; a steepness that is not above 0;
        parts whose shapes do not fit.

    Examples
    --------
    >>> patterns = np.sign(np.random.default_rng(0).standard_normal((3, 100)))
    >>> memory = Hopfield.stored(patterns)
    >>> cue = np.where(np.arange(100) < 15, -patterns[0], patterns[0])
    >>> bool((memory.step(jnp.asarray(cue), jnp.zeros(100)) == patterns[0]).all())
    True
    """

    patterns: Array
    dual: Array
    diagonal: Array
    update: Update = eqx.field(static=True, default="asynchronous")
    steepness: float = eqx.field(static=True, default=np.inf, converter=plain)
    symmetric: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        check_update(self.update)
        if not isinstance(self.steepness, int | float) or not self.steepness > 0:
            remedy = "np.inf is two states"
            raise InputError("steepness", expected="above 0", found=f"{self.steepness!r}", remedy=remedy)
        shapes = [np.shape(part) for part in (self.patterns, self.dual, self.diagonal)]
        if len(shapes[0]) < 2 or shapes[1] != shapes[0] or shapes[2][-1:] != shapes[0][-1:]:
            expected, found = "(pattern, unit) twice, and (unit,)", ", ".join(map(str, shapes))
            raise InputError("patterns, dual, diagonal", expected=expected, found=found, remedy="see Hopfield.stored")
        if self.update == "asynchronous" and np.isfinite(self.steepness):
            remedy = "take update='synchronous'"
            raise InputError("steepness", expected="np.inf, one unit at a time", found="graded units", remedy=remedy)
        if self.update == "asynchronous" and not self.symmetric:
            raise _not_symmetric("one unit at a time settles only where there is an energy")

    @classmethod
    def stored(
        cls,
        patterns: ArrayLike,
        *,
        rule: Rule = "hebbian",
        self_coupling: bool = False,
        update: Update = "asynchronous",
        steepness: float = np.inf,
    ) -> "Hopfield":
        r"""Learn patterns.

        Parameters
        ----------
        patterns : array-like (pattern, unit)
            -1 or 1.
        rule : {"hebbian", "pseudo_inverse"}
            :math:`W = \frac1N \xi^T \xi`, or the projection on the patterns' span :math:`W = \frac1N \xi^T C^{-1}
            \xi`, :math:`C = \frac1N \xi \xi^T` (Personnaz, Guyon & Dreyfus 1985,
            doi:10.1051/jphyslet:01985004608035900), under which every pattern is a fixed point.
        self_coupling : bool
            Leave the diagonal of W as it is rather than 0.
        update, steepness
            See `Hopfield`.

        Raises
        ------
        InputError
            Patterns that are not -1 or 1, or, for the pseudo-inverse, not linearly independent.
        """
        patterns = check_patterns(patterns)
        n_units = patterns.shape[1]
        dual = patterns if rule == "hebbian" else _dual(patterns, rule)
        diagonal = np.zeros(n_units) if self_coupling else (patterns * dual).sum(axis=0) / n_units
        arrays = (jnp.asarray(v, dtype=jnp.float32) for v in (patterns, dual, diagonal))
        return cls(*arrays, update=update, steepness=steepness)

    @classmethod
    def from_weights(
        cls, weights: ArrayLike, *, update: Update = "asynchronous", steepness: float = np.inf
    ) -> "Hopfield":
        """Take weights ``(unit, source unit)`` as they are.

        Raises
        ------
        InputError
            Weights that are not a square of finite numbers; asynchronous: not symmetric, or a diagonal below 0.
        """
        weights = check_array("weights", weights, "(unit, unit)")
        square = weights.ndim == 2 and weights.shape[0] == weights.shape[1] and weights.size
        if not square or not np.isfinite(weights).all():
            found = f"shape {weights.shape}" + ("" if np.isfinite(weights).all() else ", not all finite")
            raise InputError("weights", expected="finite, (unit, unit)", found=found, remedy="see Hopfield")
        if update == "asynchronous" and (np.diagonal(weights) < 0).any():
            where = first_offenders(np.flatnonzero(np.diagonal(weights) < 0))
            raise InputError(
                "weights", expected="a diagonal of 0 or more, or the energy may rise", found=f"below 0 at {where}",
                remedy="set it to 0",
            )  # fmt: skip
        symmetric = bool(np.abs(weights - weights.T).max() <= _SYMMETRIC * np.abs(weights).max())
        one = np.eye(len(weights))
        arrays = (jnp.asarray(v, dtype=jnp.float32) for v in (one, len(weights) * weights.T, np.zeros(len(weights))))
        return cls(*arrays, update=update, steepness=steepness, symmetric=symmetric)

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

    def weights(self) -> Array:
        """W ``(unit, source unit)``."""
        return self.dual.T @ self.patterns / self.n_units - jnp.diag(self.diagonal)

    def field(self, state: Array) -> Array:
        """Fields ``(..., unit)`` without inputs."""
        return (state @ self.patterns.T) @ self.dual / self.n_units - self.diagonal * state

    def energy(self, state: Array, inputs: Array | None = None) -> Array:
        """Energy ``(...)`` of states ``(..., unit)`` under inputs ``(..., unit)``.

        Raises
        ------
        InputError
            Weights that are not symmetric, or graded units: this is not an energy of theirs.
        """
        if not self.symmetric:
            raise _not_symmetric("others have no energy")
        if np.isfinite(self.steepness):
            remedy = "take steepness=np.inf"
            raise InputError("steepness", expected="units of two states", found=f"{self.steepness:g}", remedy=remedy)
        outside = 0.0 if inputs is None else (inputs * state).sum(axis=-1)
        return -0.5 * (self.field(state) * state).sum(axis=-1) - outside

    def step(self, state: Array, inputs: Array) -> Array:
        """The next states ``(..., unit)``: every unit once."""
        if self.update == "asynchronous":
            return self._sweep(state, inputs)
        field = self.field(state) + inputs
        return take_sign(field, state) if np.isinf(self.steepness) else jnp.tanh(self.steepness * field)

    def _sweep(self, state: Array, inputs: Array) -> Array:
        """One unit after the other, with running overlaps."""
        inputs = jnp.broadcast_to(inputs, state.shape)

        def visit(i: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
            state, overlap = now
            own = state[..., i]
            field = overlap @ self.dual[:, i] / self.n_units - self.diagonal[i] * own + inputs[..., i]
            after = take_sign(field, own)
            return state.at[..., i].set(after), overlap + (after - own)[..., None] * self.patterns[:, i]

        return jax.lax.fori_loop(0, self.n_units, visit, (state, state @ self.patterns.T))[0]

    def readout(self, state: Array) -> Array:
        """Overlaps ``(..., pattern)`` with the patterns, -1 to 1; of `from_weights`, the units over their number."""
        return state @ self.patterns.T / self.n_units

    def activity(self, state: Array) -> Array:
        """States of the units ``(..., unit)``."""
        return state


def take_sign(field: Array, state: Array) -> Array:
    """The sign of fields; where they are 0, the state."""
    return jnp.where(field > 0, 1.0, jnp.where(field < 0, -1.0, state)).astype(state.dtype)


def check_update(update: str) -> None:
    """Refuse what is not a way to update."""
    if update not in ("asynchronous", "synchronous"):
        raise InputError("update", expected="asynchronous or synchronous", found=repr(update), remedy="choose one")


def check_patterns(patterns: ArrayLike, *, name: str = "patterns") -> NDArray[np.float64]:
    """Return patterns ``(pattern, unit)`` of -1 and 1; refuse others."""
    values = check_array(name, patterns, "(pattern, unit)")
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(name, expected="(pattern, unit), one or more", found=f"shape {values.shape}", remedy="stack")
    bad = (np.abs(values) != 1).any(axis=1)
    if bad.any():
        other = np.unique(values[np.abs(values) != 1])[:3]
        found = f"{', '.join(f'{v:g}' for v in other)} in {first_offenders(np.flatnonzero(bad))}"
        raise InputError(name, expected="units that are -1 or 1", found=found, remedy="2 * x - 1 turns 0 and 1 into it")
    return values


def _dual(patterns: NDArray[np.float64], rule: str) -> NDArray[np.float64]:
    """``C^-1 xi``."""
    if rule != "pseudo_inverse":
        raise InputError("rule", expected="hebbian or pseudo_inverse", found=repr(rule), remedy="choose one")
    n_patterns, n_units = patterns.shape
    rank = np.linalg.matrix_rank(patterns)
    if rank < n_patterns:
        found, remedy = f"{n_patterns} of rank {rank}", "leave out what others add up to; at most as many as units"
        raise InputError("patterns", expected="linearly independent ones", found=found, remedy=remedy)
    return np.linalg.solve(patterns @ patterns.T / n_units, patterns)


def _not_symmetric(why: str) -> InputError:
    remedy = "take (W + W.T) / 2, or update='synchronous' and no energy"
    return InputError("weights", expected=f"symmetric ones: {why}", found="others", remedy=remedy)
