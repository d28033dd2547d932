"""Conceptors: soft projections onto what a reservoir does, their logic, and a reservoir kept within one."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, are_numbers, check_array, plain

_RANGE = 1e-10  # singular values below it count as 0: of what is within neither range, or both
_SMALLEST = 1e-100  # aperture, and one over the largest, whose square is still a number
_TINY = 1e-300
_SLACK = 1e-6  # by which singular values of what is called a conceptor may leave 0 to 1


def conceptor(states: ArrayLike, *, aperture: float = 10.0) -> NDArray[np.float64]:
    r"""The conceptor of states: :math:`C = R (R + \alpha^{-2} 1)^{-1}`, R their correlations and α the aperture.

    It minimises :math:`\langle |x - C x|^2 \rangle + \alpha^{-2} |C|^2` (Jaeger 2014, arXiv:1403.3369): directions in
    which states are large pass, others do not.

    Parameters
    ----------
    states : array-like (time, unit)
        x.
    aperture : float
        α, above 0: how small a direction still passes.

    Returns
    -------
    ndarray (unit, unit)
        Symmetric, singular values from 0 to below 1.

    Raises
    ------
    InputError
        States that are no table of finite numbers, or an aperture that is not above 0.

    Examples
    --------
    >>> conceptor([[3.0, 0.0], [-3.0, 0.0]], aperture=1.0).round(3).tolist()
    [[0.9, 0.0], [0.0, 0.0]]
    """
    states = check_array("states", states, "(time, unit)")
    if states.ndim != 2 or not states.size or not np.isfinite(states).all():
        found = f"shape {states.shape}"
        raise InputError("states", expected="finite, (time, unit)", found=found, remedy="pass those of one pattern")
    return conceptor_of_correlations(states.T @ states / len(states), aperture=aperture)


def conceptor_of_correlations(correlations: ArrayLike, *, aperture: float = 10.0) -> NDArray[np.float64]:
    """The same from R ``(unit, unit)``, symmetric, without eigenvalues below 0.

    Raises
    ------
    InputError
        Another R, or an aperture that is not above 0.

    Examples
    --------
    >>> conceptor_of_correlations(np.diag([3.0, 0.0]), aperture=1.0).tolist()
    [[0.75, 0.0], [0.0, 0.0]]
    """
    aperture = plain(aperture)
    if not are_numbers(aperture) or not _SMALLEST <= aperture <= 1 / _SMALLEST:
        expected, remedy = f"a number above 0, {_SMALLEST:g} to {1 / _SMALLEST:g}", "10 to 100 suit most reservoirs"
        raise InputError("aperture", expected=expected, found=f"{aperture!r}", remedy=remedy)
    matrix = check_array("correlations", correlations, "(unit, unit)")
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] and matrix.size > 0
    if not square or not np.isfinite(matrix).all():
        found = f"shape {matrix.shape}{', not all finite' if square else ''}"
        raise InputError("correlations", expected="finite, (unit, unit)", found=found, remedy="x.T @ x / n of states")
    values, vectors = np.linalg.eigh(_symmetric(matrix))
    size = np.abs(values).max()
    if values[0] < -_SLACK * size or np.abs(matrix - matrix.T).max() > _SLACK * max(size, _TINY):
        found, expected = f"eigenvalues from {values[0]:.3g}, or no symmetry", "a symmetric matrix, none below 0"
        raise InputError("correlations", expected=expected, found=found, remedy="x.T @ x / n of states")
    values = np.maximum(values, 0.0)
    return (vectors * (values / (values + aperture**-2))) @ vectors.T


def not_conceptor(one: ArrayLike) -> NDArray[np.float64]:
    """¬C = 1 - C: what the conceptor `one` ``(unit, unit)`` does not let pass.

    Examples
    --------
    >>> not_conceptor([[1.0, 0.0], [0.0, 0.25]]).tolist()
    [[0.0, 0.0], [0.0, 0.75]]
    """
    matrix = _checked(one)
    return np.eye(len(matrix)) - matrix


def and_conceptors(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    r"""C ∧ B: what both let pass, :math:`(C^{-1} + B^{-1} - 1)^{-1}`.

    Where one is singular: :math:`Q\,(Q' (C^\dagger + B^\dagger - 1)\,Q)^{-1} Q'`, the columns of Q an orthonormal basis
    of what lies in both ranges (Jaeger 2014, definition 4).

    Parameters
    ----------
    one, other : array-like (unit, unit)
        Conceptors.

    Returns
    -------
    ndarray (unit, unit)

    Raises
    ------
    InputError
        For what is not symmetric, or has singular values outside 0 to 1.

    Examples
    --------
    >>> and_conceptors(np.diag([0.5, 1.0, 0.5]), np.diag([0.5, 0.3, 0.0])).round(3).tolist()
    [[0.333, 0.0, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 0.0]]
    """
    one, other = _checked(one), _checked(other)
    if one.shape != other.shape:
        found = f"{one.shape} and {other.shape}"
        raise InputError("other", expected="as many units", found=found, remedy="take those of one reservoir")
    (inverse_one, out_one), (inverse_other, out_other) = _inverse(one), _inverse(other)
    values, vectors = np.linalg.eigh(out_one + out_other)  # projections out of either range: 0 in both of them
    basis = vectors[:, values < np.sqrt(_RANGE)]
    inner = basis.T @ (inverse_one + inverse_other - np.eye(len(one))) @ basis
    if not basis.size:
        return np.zeros_like(one)
    return _symmetric(np.asarray(basis @ np.linalg.inv(inner) @ basis.T, dtype=float))


def or_conceptors(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """C ∨ B = ¬(¬C ∧ ¬B): what either lets pass. Of one aperture, it is the conceptor of ``R_C + R_B``.

    Examples
    --------
    >>> or_conceptors(np.diag([0.5, 1.0]), np.diag([0.5, 0.3])).round(3).tolist()
    [[0.667, 0.0], [0.0, 1.0]]
    """
    return not_conceptor(and_conceptors(not_conceptor(one), not_conceptor(other)))


def adapt_aperture(one: ArrayLike, factor: float) -> NDArray[np.float64]:
    r"""The conceptor with its aperture times a factor γ: :math:`C\,(C + \gamma^{-2} (1 - C))^{-1}`.

    A factor of 0 leaves what passes entirely, one of infinity lets pass whatever does at all.

    Parameters
    ----------
    one : array-like (unit, unit)
        C.
    factor : float
        γ, 0 or more, or infinity.

    Returns
    -------
    ndarray (unit, unit)

    Raises
    ------
    InputError
        For what is no conceptor, or a factor below 0.

    Examples
    --------
    >>> adapt_aperture(np.diag([0.5, 1.0, 0.0]), 2.0).tolist()
    [[0.8, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    >>> adapt_aperture(np.diag([0.5, 1.0, 0.0]), np.inf).round().tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    factor = plain(factor)
    if not isinstance(factor, int | float) or not factor >= 0:
        raise InputError("factor", expected="0 or more", found=f"{factor!r}", remedy="1 changes nothing")
    values, vectors = np.linalg.eigh(_checked(one))
    values = np.clip(values, 0.0, 1.0)
    inner = (values > _RANGE) & (values < 1 - _RANGE)
    if not _SMALLEST <= factor <= 1 / _SMALLEST:
        adapted = np.where(inner, float(factor > 1), values)
    else:
        adapted = np.where(inner, values / (values + (1 - values) / factor**2), values)
    return (vectors * adapted) @ vectors.T


def quota(one: ArrayLike) -> float:
    """Share of a reservoir that a conceptor takes: the mean singular value.

    Examples
    --------
    >>> quota(np.diag([1.0, 0.5, 0.0, 0.0]))
    0.375
    """
    return float(np.trace(_checked(one)) / len(np.asarray(one)))


class ConceptorNetwork(eqx.Module):
    """A reservoir without inputs that is kept within a conceptor: ``x <- C tanh(W x + b)``, outputs ``R x + c``.

    Jaeger 2014, arXiv:1403.3369. Without a conceptor nothing is kept: ``C = 1``.

    Parameters
    ----------
    recurrent : jax.Array (unit, source unit)
        W.
    bias : jax.Array (unit,)
        b.
    output : jax.Array (output, unit)
        R.
    output_bias : jax.Array (output,)
        c.
    initial : jax.Array (unit,)
        x before the first step.
    conceptor : jax.Array (unit, unit), optional
        C.
    dt : float
        Time step, s.

    Raises
    ------
    InputError
        Parts whose sizes do not fit, or a step that is not above 0.

    Examples
    --------
    >>> parts = (jnp.eye(2), jnp.zeros(2), jnp.ones((1, 2)), jnp.zeros(1), jnp.ones(2))
    >>> network = ConceptorNetwork(*parts, conceptor=jnp.diag(jnp.array([1.0, 0.0])))
    >>> network.step(network.initial_state, jnp.zeros(0)).round(3).tolist()
    [0.7620000243186951, 0.0]
    """

    recurrent: Array
    bias: Array
    output: Array
    output_bias: Array
    initial: Array
    conceptor: Array | None = None
    dt: float = eqx.field(static=True, default=0.1, converter=plain)

    def __check_init__(self) -> None:
        if not are_numbers(self.dt) or self.dt <= 0:
            raise InputError("dt", expected="a step above 0 s", found=f"{self.dt!r}", remedy="try 0.1")
        if min(self.recurrent.ndim, self.output.ndim) < 2:
            found = f"{self.recurrent.shape} and {self.output.shape}"
            expected, remedy = "(unit, source unit) and (output, unit)", "one row a unit, and one an output"
            raise InputError("recurrent and output", expected=expected, found=found, remedy=remedy)
        n = self.recurrent.shape[-1]
        shapes = {
            "recurrent": self.recurrent.shape[-2:],
            "bias": (*self.bias.shape, n),
            "initial": (*self.initial.shape, n),
        }
        if self.conceptor is not None:
            shapes["conceptor"] = self.conceptor.shape[-2:]
        wrong = {name: shape for name, shape in shapes.items() if shape != (n, n)}
        if wrong or self.output.shape[-1] != n or self.output_bias.shape != self.output.shape[:-1]:
            name = next(iter(wrong), "output and output_bias")
            raise InputError(name, expected=f"those of {n} units", found="others", remedy="as recurrent has columns")

    @property
    def n_inputs(self) -> int:
        """None."""
        return 0

    @property
    def n_outputs(self) -> int:
        """Channels out."""
        return self.output.shape[-2]

    @property
    def n_units(self) -> int:
        """Units."""
        return self.recurrent.shape[-1]

    @property
    def n_states(self) -> int:
        """One a unit."""
        return self.n_units

    @property
    def initial_state(self) -> Array:
        """Before the first step."""
        return self.initial

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., unit)``."""
        after = jnp.tanh(state @ self.recurrent.T + self.bias)
        return after if self.conceptor is None else after @ self.conceptor.T

    def readout(self, state: Array) -> Array:
        """Outputs ``(..., output)``."""
        return state @ self.output.T + self.output_bias

    def activity(self, state: Array) -> Array:
        """The state itself ``(..., unit)``."""
        return state

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """``C diag(1 - tanh^2) W``."""
        after = jnp.tanh(state @ self.recurrent.T + self.bias)
        inner = (1 - after * after)[:, None] * self.recurrent
        return inner if self.conceptor is None else self.conceptor @ inner


def _symmetric(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return (matrix + matrix.T) / 2


def _checked(one: ArrayLike) -> NDArray[np.float64]:
    matrix = check_array("conceptor", one, "(unit, unit)")
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] and matrix.size > 0
    if not square or not np.isfinite(matrix).all() or np.abs(matrix - matrix.T).max() > _SLACK:
        remedy = "see neurorec.networks.conceptor"
        raise InputError("conceptor", expected="a symmetric matrix", found=f"shape {matrix.shape}", remedy=remedy)
    values = np.linalg.eigvalsh(matrix)
    if values[0] < -_SLACK or values[-1] > 1 + _SLACK:
        found = f"{values[0]:.3g} to {values[-1]:.3g}"
        raise InputError("conceptor", expected="singular values from 0 to 1", found=found, remedy="see adapt_aperture")
    return _symmetric(matrix)


def _inverse(one: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pseudo-inverse, and the projection out of the range."""
    values, vectors = np.linalg.eigh(one)
    within = values > _RANGE
    kept, out = vectors[:, within], vectors[:, ~within]
    return (kept / values[within]) @ kept.T, out @ out.T
