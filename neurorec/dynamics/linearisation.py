"""Linearisation about points: which directions last, turn or run away, and which inputs reach them."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eig, expm

from neurorec.dynamics.fixed_points import FixedPoints
from neurorec.dynamics.rule import Function, Rule, as_rule, check_states, differences
from neurorec.networks import System
from neurorec.recording import InputError

_APART = 1e-6  # largest error of biorthonormality of a selection vector that is believed
_WORST = 1e7  # condition from which on an eigenvalue is not told from a repeated one: that splits by sqrt(eps)
_RADII, _ANGLES = 10, 24  # of the grid on which the resolvent is looked at
_LONGEST = 5000  # powers of a Jacobian that are looked at


class Modes(NamedTuple):
    """Eigenvalues of matrices with their directions."""

    eigenvalues: NDArray[np.complex128]  # (..., mode)
    right: NDArray[np.complex128]  # (..., state, mode) of length 1
    left: NDArray[np.complex128]  # (..., mode, state) with left @ right = 1, NaN where there is none
    condition: NDArray[np.float64]  # (..., mode) |left| |right|


class Growth(NamedTuple):
    """Transient growth of what decays in the end, or does not."""

    largest: float  # the largest norm of the propagator, 1 where it never grows, inf where it grows without end
    time: float  # when, in the unit of dt
    settled: bool  # whether nothing larger can come later


@dataclass(frozen=True)
class Linearisation:
    """What `linearise` returns; modes are sorted, the least stable first.

    Attributes
    ----------
    jacobians : ndarray (point, state after, state before)
        A: of the next state; of the velocity for a flow.
    eigenvalues : ndarray (point, mode)
        Of A.
    right : ndarray (point, state, mode)
        Its eigenvectors, of length 1: patterns of activity.
    left : ndarray (point, mode, state)
        Selection vectors l: what moves a mode, ``left @ right = 1``, rows not conjugated. NaN in modes that have none,
        as A is defective, or too near to it to tell.
    condition : ndarray (point, mode)
        ``|l| |r|``, 1 in a normal A, by which an error of A is at most multiplied in an eigenvalue; inf without l.
    defective : ndarray of bool (point,)
        Whether some mode has no selection vector.
    time_constants : ndarray (point, mode)
        ``-dt / log |lambda|`` of a map, ``-1 / Re lambda`` of a flow, s where `dt` is; negative where it grows.
    frequencies : ndarray (point, mode)
        ``|arg lambda| / (2 pi dt)`` or ``|Im lambda| / (2 pi)``, Hz.
    input_sensitivity : ndarray (point, state, input)
        Derivative of the next state or the velocity in the inputs.
    input_by_mode : ndarray (point, mode, input)
        ``left`` times it: how much each input moves each mode.
    flow : bool
        Whether it is a flow.
    dt : float
        Time of a step.
    """

    jacobians: NDArray[np.float64]
    eigenvalues: NDArray[np.complex128]
    right: NDArray[np.complex128]
    left: NDArray[np.complex128]
    condition: NDArray[np.float64]
    time_constants: NDArray[np.float64]
    frequencies: NDArray[np.float64]
    input_sensitivity: NDArray[np.float64]
    input_by_mode: NDArray[np.complex128]
    flow: bool
    dt: float

    @property
    def defective(self) -> NDArray[np.bool_]:
        """Points with a mode that has no selection vector ``(point,)``."""
        return np.any(np.isinf(self.condition), axis=1)

    @cached_property
    def henrici(self) -> NDArray[np.float64]:
        """Departure from normality ``(point,)``, see `henrici_departure`; 0 for normal A, at most 1."""
        return np.array([henrici_departure(A) for A in self.jacobians])

    @cached_property
    def growth(self) -> list[Growth]:
        """Transient growth at each point, see `transient_growth`."""
        return [transient_growth(A, flow=self.flow, dt=self.dt) for A in self.jacobians]

    @cached_property
    def kreiss(self) -> NDArray[np.float64]:
        """Lower bound of the growth ``(point,)``, see `kreiss_bound`."""
        return np.array([kreiss_bound(A, flow=self.flow) for A in self.jacobians])


def linearise(
    step: System | Function,
    points: ArrayLike | FixedPoints,
    *,
    inputs: ArrayLike | None = None,
    jacobian: Function | None = None,
    flow: bool = False,
    dt: float | None = None,
) -> Linearisation:
    """Linearise a map or flow: ``dx <- A dx + B du`` or ``d(dx)/dt = A dx + B du``.

    Parameters
    ----------
    step : System or callable
        See `neurorec.dynamics.as_rule`.
    points : array-like (point, state) or FixedPoints
        Where; those of a `FixedPoints` come with their inputs.
    inputs : array-like (input,) or (point, input), optional
        Under which inputs; by default 0.
    jacobian, flow, dt
        See `neurorec.dynamics.as_rule`.

    Returns
    -------
    Linearisation
        Modes, time constants and more.

    Raises
    ------
    InputError
        For points and inputs that do not fit, and inputs beside a `FixedPoints`.

    Examples
    --------
    >>> A = np.array([[0.9, 0.5], [0.0, 0.5]])
    >>> found = linearise(lambda x, u: x @ A.T + u, np.zeros(2), inputs=np.zeros(2), dt=0.01)
    >>> found.eigenvalues.real.round(6).tolist(), found.time_constants.round(3).tolist()    # s
    ([[0.9, 0.5]], [[0.095, 0.014]])
    >>> (found.input_by_mode[0, 0] / found.input_by_mode[0, 0, 0]).real.round(3).tolist()
    [1.0, 1.25]
    """
    if isinstance(points, FixedPoints):
        if inputs is not None:
            remedy = "pass its points to use others"
            raise InputError("inputs", expected="none beside a FixedPoints", found="some", remedy=remedy)
        points, inputs = points.points, points.inputs if points.inputs.shape[1] else None
    states = np.array(points, dtype=float, ndmin=2)
    n_inputs = 0 if inputs is None else np.asarray(inputs).shape[-1]
    rule = as_rule(step, states.shape[-1], n_inputs=n_inputs, jacobian=jacobian, flow=flow, dt=dt)
    states, by = check_states(rule, states, inputs, name="points")
    A, B = rule.jacobians(states, by), _input_sensitivity(rule, states, by)
    modes = eigenmodes(A, flow=flow)
    with np.errstate(divide="ignore"):
        if flow:
            time_constants = -1 / modes.eigenvalues.real
            frequencies = np.abs(modes.eigenvalues.imag) / (2 * np.pi)
        else:
            time_constants = -rule.dt / np.log(np.abs(modes.eigenvalues))
            frequencies = np.abs(np.angle(modes.eigenvalues)) / (2 * np.pi * rule.dt)
    return Linearisation(
        jacobians=A,
        **modes._asdict(),
        time_constants=np.where(np.isinf(time_constants), np.inf, time_constants),
        frequencies=frequencies,
        input_sensitivity=B,
        input_by_mode=modes.left @ B,
        flow=flow,
        dt=rule.dt,
    )


def eigenmodes(matrices: ArrayLike, *, flow: bool = False) -> Modes:
    """Eigenvalues, eigenvectors and selection vectors, the least stable first.

    Parameters
    ----------
    matrices : array-like (..., state, state)
        A.
    flow : bool
        Whether the real part, rather than the modulus, says how stable a mode is.

    Returns
    -------
    Modes
        Where eigenvalues are repeated and have as many eigenvectors, any basis of them; where they have fewer, or so
        nearly that selection vectors err by more than 1e-6, these are NaN.

    Examples
    --------
    >>> modes = eigenmodes([[1.0, 1.0], [0.0, 1.0]])       # a Jordan block
    >>> modes.eigenvalues.real.tolist(), bool(np.isnan(modes.left).all()), modes.condition.tolist()
    ([1.0, 1.0], True, [inf, inf])
    """
    A = np.asarray(matrices, dtype=float)
    shapes = (A.shape[:-1], A.shape, A.shape, A.shape[:-1])
    if not A.size:  # no matrix, as where no fixed point was found
        values, vectors = np.zeros(shapes[0], dtype=complex), np.zeros(A.shape, dtype=complex)
        return Modes(values, vectors, vectors.copy(), np.zeros(shapes[3]))
    found = [_modes_of(one, flow) for one in A.reshape(-1, *A.shape[-2:])]
    return Modes(*(np.array(part).reshape(shape) for part, shape in zip(zip(*found), shapes)))


def henrici_departure(matrix: ArrayLike) -> float:
    """``sqrt(|A|_F^2 - sum |lambda|^2) / |A|_F`` (Henrici 1962, doi:10.1007/BF01386294); 0 for a normal matrix.

    Examples
    --------
    >>> henrici_departure([[0.0, 1.0], [-1.0, 0.0]]), henrici_departure([[0.0, 1.0], [0.0, 0.0]])
    (0.0, 1.0)
    """
    A = np.asarray(matrix, dtype=float)
    total = (A**2).sum()
    rest = total - (np.abs(np.linalg.eigvals(A)) ** 2).sum()
    return float(np.sqrt(rest / total)) if rest > 1e-14 * total else 0.0


def transient_growth(matrix: ArrayLike, *, flow: bool = False, dt: float = 1.0) -> Growth:
    """The largest that any small deviation becomes: ``max over t of |A^t|``, or ``|exp(t A)|``, spectral norms.

    Once the norm is at most 1 at some t, nothing larger can come later; until then every step is looked at, of a flow
    every ``0.1 / |A|``.

    Parameters
    ----------
    matrix : array-like (state, state)
        A.
    flow : bool
        Whether it is a flow's.
    dt : float
        Time of a step of a map.

    Returns
    -------
    Growth
        ``largest``, ``time`` and ``settled``.

    Examples
    --------
    >>> transient_growth([[0.5, 8.0], [0.0, 0.5]]).largest > 8, transient_growth([[0.5, 0.0], [0.0, 0.9]]).largest
    (True, 1.0)
    """
    A = np.asarray(matrix, dtype=float)
    values = np.linalg.eigvals(A)
    if (values.real.max() > 0) if flow else (np.abs(values).max() > 1):
        return Growth(np.inf, np.inf, True)
    if flow:
        if np.linalg.eigvalsh((A + A.T) / 2).max() <= 0:
            return Growth(1.0, 0.0, True)
        dt = 0.1 / float(np.linalg.norm(A, 2))
        A = expm(dt * A)
    power, largest, when = np.eye(len(A)), 1.0, 0.0
    for k in range(1, _LONGEST + 1):
        power = power @ A
        above = float(np.linalg.norm(power))
        norm = above if above <= 1 else float(np.linalg.norm(power, 2))
        if norm > largest:
            largest, when = norm, k * dt
        if norm <= 1:
            return Growth(largest, when, True)
    return Growth(largest, when, False)


def kreiss_bound(matrix: ArrayLike, *, flow: bool = False) -> float:
    """What transient growth reaches at least: ``max over z of (|z| - 1) |(z - A)^-1|``, of a flow ``Re z |...|``.

    Over a grid of z outside the unit circle, or right of the imaginary axis, therefore a lower bound also of the
    Kreiss constant (Trefethen & Embree 2005, Spectra and Pseudospectra). At least 1; inf where A is unstable.

    Examples
    --------
    >>> A = [[0.5, 8.0], [0.0, 0.5]]
    >>> 2 < kreiss_bound(A) < transient_growth(A).largest
    True
    """
    A = np.asarray(matrix, dtype=float)
    values = np.linalg.eigvals(A)
    if (values.real.max() > 0) if flow else (np.abs(values).max() > 1):
        return float("inf")
    size = float(np.linalg.norm(A, 2)) or 1.0
    out = np.geomspace(1e-3, 3, _RADII) * (size if flow else 1.0)
    if flow:
        along = np.append(np.linspace(0, size, _ANGLES), np.abs(values.imag))
        z = out[:, None] + 1j * np.unique(along.round(9))
    else:
        around = np.append(np.linspace(0, np.pi, _ANGLES), np.abs(np.angle(values)))
        z = (1 + out[:, None]) * np.exp(1j * np.unique(around.round(6)))
    best, eye = 1.0, np.eye(len(A))
    for row, distance in zip(z, out, strict=True):
        least = np.linalg.svd(row[:, None, None] * eye - A, compute_uv=False)[:, -1].min()
        best = max(best, float(distance / least))
    return best


def _modes_of(A: NDArray, flow: bool) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    values, left, right = eig(A, left=True, right=True)  # type: ignore[misc]
    order = np.argsort(-(values.real if flow else np.abs(values)), kind="stable")
    values, left, right = values[order], left[:, order].conj().T, right[:, order]
    n = len(A)
    with np.errstate(all="ignore"):
        if np.linalg.cond(right) < 1 / (n * np.finfo(float).eps):
            chosen = np.linalg.inv(right)  # also of repeated eigenvalues, of which LAPACK's two bases do not match
        else:
            chosen = left / np.einsum("ij,ji->i", left, right)[:, None]
        condition = np.linalg.norm(chosen, axis=1)
        # what either way yields is believed where it is what it should be
        wrong = np.abs(chosen @ right - np.eye(n)).max(axis=1)
        size = max(float(np.linalg.norm(A, 2)), np.finfo(float).tiny)
        off = np.abs(chosen @ A - values[:, None] * chosen).max(axis=1) / (size * condition)
        good = (wrong < _APART) & (off < _APART) & (condition < _WORST)
    chosen[~good] = np.nan
    return values, right.astype(complex), chosen.astype(complex), np.where(good, condition, np.inf)


def _input_sensitivity(rule: Rule, states: NDArray, inputs: NDArray) -> NDArray[np.float64]:
    """Derivative in the inputs ``(point, state, input)``."""
    if not inputs.shape[1]:
        return np.zeros((*states.shape, 0))
    if not rule.traceable:
        return differences(lambda u: rule.step(states, u), inputs)
    with jax.enable_x64(True):
        return np.asarray(jax.jit(jax.vmap(jax.jacfwd(rule.function, argnums=1)))(states, inputs), dtype=float)
