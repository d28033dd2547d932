"""Linear dynamical systems fitted to recordings, by expectation maximisation."""

from typing import Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from numpy.typing import ArrayLike, NDArray

from neurorec.fitted.coupled_glm import input_columns
from neurorec.fitted.kalman import Dynamics, sum_moments, update_dynamics
from neurorec.fitted.observing import Inferred, Observation, infer_states, update_observation
from neurorec.fitted.stretches import cut_stretches
from neurorec.fitted.subspace import subspace_start
from neurorec.recording import InputError

Kind = Literal["gaussian", "poisson"]
_HIGHEST = 50.0  # of a log rate
_LEAST_VARIANCE = 1e-6  # of private noise, as a share of the unit's variance


class LinearSystem(eqx.Module):
    """States that move linearly, ``x <- A x + B u``, seen by units: ``C x + d``, or ``exp(C x + d)`` for counts.

    Parameters
    ----------
    transition : ndarray (state after, state before)
        A.
    input : ndarray (state, input)
        B.
    output : ndarray (unit, state)
        C.
    bias : ndarray (unit,)
        d.
    initial : ndarray (state,)
        Mean state of a trial's first bin.
    observation : {"gaussian", "poisson"}
        Whether activity is linear in the state or its exponential.
    dt : float
        Bin, s.
    area : tuple of str (unit,)
        Where each unit is.

    Examples
    --------
    >>> system = LinearSystem(np.array([[0.5]]), np.zeros((1, 0)), np.ones((2, 1)), np.zeros(2), np.ones(1), "poisson")
    >>> system.activity(system.step(system.initial_state, jnp.zeros(0))).round(3).tolist()     # exp(0.5)
    [1.6490000486373901, 1.6490000486373901]
    """

    transition: NDArray
    input: NDArray
    output: NDArray
    bias: NDArray
    initial: NDArray
    observation: Kind = eqx.field(static=True, default="gaussian")
    dt: float = eqx.field(static=True, default=1.0)
    area: tuple[str, ...] = eqx.field(static=True, default=())

    @property
    def n_inputs(self) -> int:
        """Channels in."""
        return self.input.shape[1]

    @property
    def n_states(self) -> int:
        """Dimensions of the state."""
        return len(self.transition)

    @property
    def n_units(self) -> int:
        """Units seen."""
        return len(self.output)

    @property
    def n_outputs(self) -> int:
        """The activity itself."""
        return self.n_units

    @property
    def initial_state(self) -> Array:
        """Mean state of a trial's first bin."""
        return jnp.asarray(self.initial, dtype=jnp.zeros(0).dtype)

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., state)``, without noise."""
        return (state @ self.transition.T + inputs @ self.input.T).astype(state.dtype)

    def readout(self, state: Array) -> Array:
        """Expected activity per bin ``(..., unit)``."""
        eta = state @ self.output.T + self.bias
        return eta if self.observation == "gaussian" else jnp.exp(jnp.minimum(eta, _HIGHEST))

    def activity(self, state: Array) -> Array:
        """As the readout."""
        return self.readout(state)

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """A, in every state."""
        return jnp.asarray(self.transition, dtype=state.dtype)


class LinearFit(NamedTuple):
    """A fitted linear dynamical system.

    Attributes
    ----------
    dynamics : Dynamics
        ``transition`` A, ``noise`` Q, ``start_mean`` and ``start_spread`` of a trial's first state.
    input : ndarray (state, input)
        B.
    seen : Observation
        ``weights`` C, ``bias`` d, ``variance`` R.
    bound : ndarray (iteration,)
        Log likelihood of all bins, natural logarithm; for Poisson counts a lower bound on it, by the Gaussian nearest
        to the states' distribution.
    converged : bool
        Whether the bound stopped growing.
    dt : float
        Bin, s.
    area : tuple of str (unit,)
    """

    dynamics: Dynamics
    input: NDArray[np.float64]
    seen: Observation
    bound: NDArray[np.float64]
    converged: bool
    dt: float
    area: tuple[str, ...]

    @property
    def n_iter(self) -> int:
        """Iterations."""
        return len(self.bound)

    @property
    def system(self) -> LinearSystem:
        """As a system."""
        d, seen = self.dynamics, self.seen
        kind: Kind = "poisson" if seen.kind == "poisson" else "gaussian"
        return LinearSystem(
            d.transition, self.input, seen.weights, seen.bias, d.start_mean, kind, self.dt, self.area
        )  # fmt: skip

    def infer(
        self, activity: ArrayLike, *, n_bins: ArrayLike | None = None, inputs: ArrayLike | None = None,
        units: ArrayLike | None = None,
    ) -> Inferred:  # fmt: skip
        """States given activity ``(stretch, time, unit)`` of all units, or of some, by their positions."""
        y, n_bins, u = _checked(activity, n_bins, inputs)
        seen = self.seen if units is None else self.seen.of(np.asarray(units))
        return infer_states(self.dynamics, seen, y, n_bins, drive_of(self.input, u))


def fit_linear_arrays(
    activity: ArrayLike,
    n_states: int,
    *,
    n_bins: ArrayLike | None = None,
    inputs: ArrayLike | None = None,
    observation: Kind = "gaussian",
    shrinkage: float = 30.0,
    max_iter: int = 200,
    tol: float = 1e-4,
    dt: float = 1.0,
    area: tuple[str, ...] = (),
) -> LinearFit:
    r"""Fit a linear dynamical system by expectation maximisation.

    :math:`x(t) = A x(t-1) + B u(t) + w`, :math:`w \sim N(0, Q)`, :math:`x(0) \sim N(m, P)`, and
    :math:`y_i(t) \sim N(c_i x(t) + d_i, R_i)` or Poisson of mean :math:`\exp(c_i x(t) + d_i)`. For Gaussian
    observations the states are smoothed exactly and the log likelihood never falls (Shumway and Stoffer 1982,
    doi:10.1111/j.1467-9892.1982.tb00349.x). For counts they are approximated by a Gaussian: first that of Laplace,
    around the most likely states (Paninski et al. 2010, doi:10.1007/s10827-009-0179-x), then that for which the lower
    bound on the log likelihood is largest; each of Newton's steps to it is a pass of the smoother.

    Parameters
    ----------
    activity : array-like (stretch, time, unit)
        Trials, padded at the end.
    n_states : int
        Dimensions of the state.
    n_bins : array-like of int (stretch,), optional
        Bins of each; all by default.
    inputs : array-like (stretch, time, input), optional
        u; those of a stretch's first bin take no part.
    observation : {"gaussian", "poisson"}
    shrinkage : float
        Of counts alone: weights of a unit are drawn to 0 as by ``shrinkage / 2`` times the variance of its log rate,
        in nats; units with many more spikes than this are hardly changed. Without, the weights of rarely active units
        grow until they describe single bursts, and predict others worse than no weights at all.
    max_iter : int
        Iterations.
    tol : float
        It has converged when the bound changed by less than so much a bin, in nats.
    dt : float
        Bin, s.
    area : tuple of str (unit,)
        Of the system.

    Returns
    -------
    LinearFit

    Raises
    ------
    InputError
        For shapes that disagree, values that are missing or, as counts, negative, and fewer bins than states.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.zeros((20, 50, 1))
    >>> for t in range(1, 50):
    ...     x[:, t] = 0.9 * x[:, t - 1] + rng.standard_normal((20, 1))
    >>> fit = fit_linear_arrays(x @ rng.standard_normal((1, 8)) + 0.5 * rng.standard_normal((20, 50, 8)), 1)
    >>> fit.dynamics.transition.round(1).tolist(), fit.converged, bool((np.diff(fit.bound) >= 0).all())
    ([[0.9]], True, True)
    """
    y, n_bins, u = _checked(activity, n_bins, inputs)
    _check_fit(y, n_bins, n_states, observation)
    inside = np.arange(y.shape[1]) < n_bins[:, None]
    least = np.maximum(_LEAST_VARIANCE * y[inside].var(axis=0), 1e-12)
    dynamics, B, seen = subspace_start(y, n_bins, n_states, u.shape[2], observation)
    bound, converged, start = [], False, None
    for _ in range(max_iter):
        found = infer_states(dynamics, seen, y, n_bins, drive_of(B, u), start)
        bound.append(found.bound)
        states = found.states
        if len(bound) > 1 and abs(bound[-1] - bound[-2]) < tol * n_bins.sum():
            converged = True
            break
        start = states if observation == "poisson" else None
        dynamics, B = update_dynamics(sum_moments(states, n_bins, u))
        seen = update_observation(seen, states, y, n_bins, least=least, shrinkage=shrinkage)
    return LinearFit(dynamics, B, seen, np.array(bound), converged, dt, area)


def fit_linear(
    recording: xr.Dataset,
    n_states: int,
    *,
    design: xr.Dataset | None = None,
    observation: Kind | None = None,
    shrinkage: float = 30.0,
    max_iter: int = 200,
    tol: float = 1e-4,
) -> LinearFit:
    """Fit a linear dynamical system to a recording's trials, each of which starts anew.

    Parameters
    ----------
    recording : xarray.Dataset
        With trials.
    n_states : int
        Dimensions of the state; see `choose_n_states`.
    design : xarray.Dataset, optional
        Of `neurorec.design.design_matrix`: its columns that do not come from units are inputs.
    observation : {"gaussian", "poisson"}, optional
        By default Poisson for counts, Gaussian for other activity.
    shrinkage, max_iter, tol
        As for `fit_linear_arrays`.

    Returns
    -------
    LinearFit

    Raises
    ------
    RecordingError
        Without trials.

    Examples
    --------
    >>> from neurorec.datasets import SimulatedArea, simulate_recording
    >>> recording = simulate_recording([SimulatedArea("V1", 6)], n_trials=12, rng=np.random.default_rng(0))
    >>> fit = fit_linear(recording, 1, max_iter=5)
    >>> fit.seen.kind, fit.system.n_units, fit.system.dt
    ('poisson', 6, 0.02)
    """
    cut = cut_stretches(recording)
    kind = recording["activity"].attrs["kind"]
    chosen: Kind = observation or ("poisson" if kind == "counts" else "gaussian")
    return fit_linear_arrays(
        cut.activity,
        n_states,
        n_bins=cut.n_bins,
        inputs=None if design is None else stretch_inputs(design, cut.bins),
        observation=chosen,
        shrinkage=shrinkage,
        max_iter=max_iter,
        tol=tol,
        dt=float(recording["activity"].attrs["bin_width"]),
        area=tuple(str(a) for a in recording["area"].values),
    )


def stretch_inputs(design: xr.Dataset, bins: NDArray) -> NDArray[np.float64]:
    """The design's columns that do not come from units ``(stretch, time, input)``."""
    values = design["matrix"].values[:, input_columns(design)].astype(np.float64)
    return np.where((bins >= 0)[..., None], values[np.maximum(bins, 0)], 0.0)


def drive_of(weights: NDArray, inputs: NDArray) -> NDArray[np.float64] | None:
    """What inputs add on the way from a bin to the next ``(stretch, time, state)``."""
    if not inputs.shape[2]:
        return None
    drive = np.zeros((*inputs.shape[:2], len(weights)))
    drive[:, :-1] = inputs[:, 1:] @ weights.T
    return drive


def simulate_linear(
    fit: LinearFit, n_bins: ArrayLike, *, inputs: ArrayLike | None = None, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw states ``(stretch, time, state)`` and activity ``(stretch, time, unit)`` from a linear dynamical system.

    Parameters
    ----------
    fit : LinearFit
    n_bins : array-like of int (stretch,)
        Bins of each stretch; all are as long as the longest, and 0 behind.
    inputs : array-like (stretch, time, input), optional
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    states, activity
    """
    d, n_bins = fit.dynamics, np.asarray(n_bins)
    shape = (len(n_bins), int(n_bins.max()), len(d.transition))
    u = np.zeros((*shape[:2], fit.input.shape[1])) if inputs is None else np.asarray(inputs, dtype=float)
    drive = drive_of(fit.input, u)
    x = rng.standard_normal(shape)
    x[:, 0] = d.start_mean + x[:, 0] @ np.linalg.cholesky(d.start_spread).T
    kick = x[:, 1:] @ np.linalg.cholesky(d.noise).T
    for t in range(1, shape[1]):
        x[:, t] = x[:, t - 1] @ d.transition.T + kick[:, t - 1] + (0.0 if drive is None else drive[:, t - 1])
    rate = fit.seen.rate(x)
    noise = np.sqrt(fit.seen.variance) * rng.standard_normal(rate.shape) if fit.seen.kind == "gaussian" else 0.0
    y = rate + noise if fit.seen.kind == "gaussian" else rng.poisson(rate).astype(float)
    inside = np.arange(shape[1]) < n_bins[:, None]
    return x * inside[..., None], y * inside[..., None]


def _checked(
    activity: ArrayLike, n_bins: ArrayLike | None, inputs: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    y = np.asarray(activity, dtype=np.float64)
    if y.ndim != 3 or not y.size or not np.isfinite(y).all():
        found = f"shape {y.shape}" + ("" if np.isfinite(y).all() else " with nan or inf")
        raise InputError("activity", expected="finite (stretch, time, unit)", found=found, remedy="cut it into trials")
    lengths = np.full(len(y), y.shape[1]) if n_bins is None else np.asarray(n_bins, dtype=np.int64)
    u = np.zeros((*y.shape[:2], 0)) if inputs is None else np.asarray(inputs, dtype=np.float64)
    if lengths.shape != y.shape[:1] or lengths.min() < 1 or lengths.max() > y.shape[1] or u.shape[:2] != y.shape[:2]:
        expected = f"1 to {y.shape[1]} bins of each of {len(y)} stretches, and inputs of as many"
        raise InputError(
            "n_bins and inputs", expected=expected, found=f"{lengths.shape}, {u.shape}", remedy="match them"
        )
    return y, lengths, u


def _check_fit(y: NDArray, n_bins: NDArray, n_states: int, observation: str) -> None:
    if observation not in ("gaussian", "poisson"):
        found = repr(observation)
        raise InputError("observation", expected="'gaussian' or 'poisson'", found=found, remedy="name one of them")
    if observation == "poisson" and y.min() < 0:
        raise InputError("activity", expected="counts", found=f"{y.min():g}", remedy="use observation='gaussian'")
    if n_states < 1 or n_bins.sum() <= 2 * n_states or n_bins.max() < 2:
        expected = "1 or more, and stretches of two bins or more"
        raise InputError(
            "n_states", expected=expected, found=str(n_states), remedy="use fewer states, or longer trials"
        )
