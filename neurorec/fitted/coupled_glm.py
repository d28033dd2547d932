"""The coupled GLM as a system: its state is the recent past of all units, its step their next rates."""

import json
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from numpy.typing import ArrayLike, NDArray

from neurorec.design import Basis, PopulationMean, Runs, filter_in_runs, terms_from_config
from neurorec.recording import InputError

_HIGHEST_ETA = 50.0  # where the GLM itself cuts the exponential
_LOG_LINKED = ("poisson", "negative_binomial", "gamma")
FAMILIES = (*_LOG_LINKED, "bernoulli", "gaussian")


class GLMSystem(eqx.Module):
    r"""A coupled GLM that runs on its own: expected counts are fed back as if they were counts.

    :math:`\mu_i(t) = f(b_i + V_i u(t) + \sum_{l, j} K_{ilj} s_j(t - l))`; `step` puts :math:`\mu(t)` in the place of
    the counts s(t) (rate dynamics, mean field), and forgets the oldest lag. One step is one bin of the recording.

    Parameters
    ----------
    coupling : ndarray (unit, lag, source unit)
        K, per count: lag 0 is one bin ago. A unit's own history is the diagonal.
    input : ndarray (unit, input)
        V, per unit of the design's column.
    bias : ndarray (unit,)
        b.
    family : {"poisson", "negative_binomial", "gamma", "bernoulli", "gaussian"}
        Says f: exp for the first three, logistic, identity.
    dt : float
        Bin, s.
    input_names : tuple of str (input,)
        The design's columns.
    area : tuple of str (unit,)
        Where each unit is; empty for nowhere in particular.

    Examples
    --------
    >>> system = GLMSystem(np.full((1, 2, 1), 0.5), np.ones((1, 1)), np.zeros(1), dt=0.01)   # one unit, two lags
    >>> state = system.step(system.initial_state, jnp.zeros(1))
    >>> state.tolist(), round(float(system.step(state, jnp.zeros(1))[0]), 3)           # exp(0), then exp(0.5)
    ([1.0, 0.0], 1.649)
    """

    coupling: NDArray
    input: NDArray
    bias: NDArray
    family: str = eqx.field(static=True, default="poisson")
    dt: float = eqx.field(static=True, default=1.0)
    input_names: tuple[str, ...] = eqx.field(static=True, default=())
    area: tuple[str, ...] = eqx.field(static=True, default=())

    def __check_init__(self) -> None:
        n_units = len(self.bias)
        shapes = self.coupling.shape, self.input.shape
        if self.coupling.ndim != 3 or shapes[0][::2] != (n_units, n_units) or shapes[1][:1] != (n_units,):
            expected = f"coupling ({n_units}, lag, {n_units}) and input ({n_units}, input)"
            raise InputError("coupling and input", expected=expected, found=str(shapes), remedy="match the bias")
        if self.family not in FAMILIES:
            found = repr(self.family)
            raise InputError("family", expected=f"one of {', '.join(FAMILIES)}", found=found, remedy="name one of them")
        if self.area and len(self.area) != n_units:
            expected = f"{n_units} names, one a unit"
            raise InputError("area", expected=expected, found=str(len(self.area)), remedy="name each unit's area")

    @property
    def n_inputs(self) -> int:
        """Columns of the design that do not come from units."""
        return self.input.shape[1]

    @property
    def n_units(self) -> int:
        """Units."""
        return len(self.bias)

    @property
    def n_outputs(self) -> int:
        """The rates themselves."""
        return self.n_units

    @property
    def n_lags(self) -> int:
        """Bins that it remembers."""
        return self.coupling.shape[1]

    @property
    def n_states(self) -> int:
        """Lags times units; the newest bin comes first."""
        return self.n_lags * self.n_units

    @property
    def initial_state(self) -> Array:
        """A past without a count."""
        return jnp.zeros(self.n_states)

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., state)``: expected counts before those of the lags that are kept."""
        rate = self.rate(state, inputs).astype(state.dtype)
        return jnp.concatenate([rate, state[..., : self.n_states - self.n_units]], axis=-1)

    def rate(self, state: Array, inputs: Array) -> Array:
        """Expected counts of the next bin ``(..., unit)``, from the past and the bin's own inputs."""
        return _mean(self.predictor(state, inputs), self.family)

    def predictor(self, state: Array, inputs: Array) -> Array:
        """Linear predictor of the next bin ``(..., unit)``."""
        weights = self.coupling.reshape(self.n_units, -1)
        return state @ weights.T + inputs @ self.input.T + self.bias

    def readout(self, state: Array) -> Array:
        """Counts, or expected counts, of the newest bin ``(..., unit)``."""
        return state[..., : self.n_units]

    def activity(self, state: Array) -> Array:
        """As the readout."""
        return self.readout(state)

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """``diag(f'(eta)) K`` above a shift by one bin, ``(state after, state before)``."""
        return self.linearised(_slope(self.predictor(state, inputs), self.family)).astype(state.dtype)

    def linearised(self, slope: Array) -> Array:
        """The Jacobian for given slopes ``f'(eta) (unit,)``."""
        top = slope[:, None] * self.coupling.reshape(self.n_units, -1)
        return jnp.concatenate([top, jnp.eye(self.n_states)[: self.n_states - self.n_units]])

    def driven(self) -> "GLMSystem":
        """The same with one input a unit, its linear drive ``V u``: for designs of many columns."""
        names = tuple(f"drive {i}" for i in range(self.n_units))
        return GLMSystem(self.coupling, np.eye(self.n_units), self.bias, self.family, self.dt, names, self.area)

    def drive(self, columns: ArrayLike) -> NDArray[np.float64]:
        """Linear drive ``(..., unit)`` of the design's columns ``(..., input)``."""
        return np.asarray(columns, dtype=float) @ self.input.T


class Coefficients(NamedTuple):
    """Coefficients of every column of a design, in the design's own units.

    Attributes
    ----------
    coef : ndarray (unit, feature)
    intercept : ndarray (unit,)
    """

    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]


def glm_system(
    fit: Any,
    design: xr.Dataset,
    *,
    family: str | None = None,
    mean: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    columns: ArrayLike | None = None,
    fold: int = 0,
) -> GLMSystem:
    r"""The system that a fitted GLM describes.

    Coefficients c of standardised columns :math:`(x - m) / s` become :math:`c / s`, with :math:`c\, m / s` taken off
    the intercept; those of a unit's columns, times the functions of their basis, become a kernel over lags,
    :math:`K_{ilj} = \sum_b c_{ijb}\, \phi_b(l)`. What does not come from units is an input.

    Parameters
    ----------
    fit : PopulationFit, PopulationGLM, PopulationGLMCV or xarray.Dataset
        From `neurorec.glm`; or, of `neurorec.recurrence.fit_model` with its coefficients kept, a dataset with
        ``coef (fold, split, unit, slot)``, ``intercept (fold, split, unit)`` and ``slot_feature (unit, slot)``.
    design : xarray.Dataset
        From `neurorec.design.design_matrix`.
    family : str, optional
        By default the estimator's, else "poisson".
    mean, scale : array-like (column,), optional
        What was taken off the columns, and what they were then divided by, before the fit.
    columns : array-like of int (column,), optional
        Positions in the design of the fitted columns; all by default.
    fold : int
        Which outer fold's coefficients, of a dataset.

    Returns
    -------
    GLMSystem

    Raises
    ------
    InputError
        Where the fit has other columns, or uses what units do in the same bin: nothing can then be stepped.

    Examples
    --------
    >>> from neurorec.design import Coupling, Drift, design_matrix, raised_cosine
    >>> from neurorec.glm import fit_population
    >>> from neurorec.recording import recording_from_arrays
    >>> recording = recording_from_arrays(np.random.default_rng(0).poisson(0.3, (300, 3)), bin_width=0.01)
    >>> design = design_matrix(recording, [Drift(2), Coupling(raised_cosine(2, window=(0.01, 0.03)))])
    >>> used = design["usable"].values
    >>> fit = fit_population(design["matrix"].values[used], recording["activity"].values[used],
    ...                      allowed=design["allowed"].values)
    >>> system = glm_system(fit, design)
    >>> system.coupling.shape, system.input_names
    ((3, 3, 3), ('drift 1', 'drift 2'))
    """
    n_feature = design.sizes["feature"]
    family = str(family or getattr(fit, "family", "poisson"))
    if isinstance(fit, xr.Dataset):
        found = _from_slots(fit, n_feature, fold)
    else:
        coef, intercept = _coefficients(fit)
        columns = np.arange(n_feature) if columns is None else np.asarray(columns)
        found = undo_scaling(coef, intercept, columns, n_feature, mean=mean, scale=scale)
    return system_of(found, design, family)


def undo_scaling(
    coef: ArrayLike,
    intercept: ArrayLike,
    columns: NDArray,
    n_feature: int,
    *,
    mean: ArrayLike | None = None,
    scale: ArrayLike | None = None,
) -> Coefficients:
    """Coefficients in the design's units, from those of standardised columns ``(unit, column)``; float64."""
    coef, intercept = np.asarray(coef, dtype=np.float64), np.asarray(intercept, dtype=np.float64)
    if coef.ndim != 2 or coef.shape[1] != columns.size:
        expected, found = f"coefficients of {columns.size} columns", f"shape {coef.shape}"
        raise InputError(
            "fit", expected=expected, found=found, remedy="pass the design, or the columns, it was fitted to"
        )
    own = coef / (1.0 if scale is None else np.asarray(scale, dtype=np.float64))
    whole = np.zeros((len(coef), n_feature))
    whole[:, columns] = own
    return Coefficients(whole, intercept - (0.0 if mean is None else own @ np.asarray(mean, dtype=np.float64)))


def system_of(found: Coefficients, design: xr.Dataset, family: str) -> GLMSystem:
    """The system of coefficients in the design's own units."""
    tap, filters = design["tap"].values, design["filter"].values.astype(np.float64)
    source, term = design["source"].values, design["term"].values
    if len(found.coef) != design.sizes["unit"]:
        expected = f"{design.sizes['unit']} units"
        raise InputError("fit", expected=expected, found=str(len(found.coef)), remedy="fit all units of the design")
    n_units, n_lags = len(found.coef), max(int(tap.max(initial=0)), 1)
    kernel = np.zeros((n_units, n_lags + 1, n_units))
    coupled = np.flatnonzero(source >= 0)
    for b in range(0, coupled.size, 512):  # blocks of columns, so that (unit, tap, column) stays small
        some = coupled[b : b + 512]
        parts = found.coef[:, None, some] * filters[:, some]
        for column, j in enumerate(source[some]):
            kernel[:, tap, j] += parts[:, :, column]
    population = term == PopulationMean.__name__
    kernel = _add_population(kernel, found.coef, design, np.flatnonzero(population))
    if np.any(kernel[:, 0]):
        raise InputError(
            "design",
            expected="lags of at least one bin",
            found="columns of the same bin (lag 0)",
            remedy="leave same_bin out: what happens in the same bin cannot be stepped",
        )
    task = (source < 0) & ~population
    last = int(np.flatnonzero(np.any(kernel, axis=(0, 2))).max(initial=1))
    return GLMSystem(
        coupling=kernel[:, 1 : last + 1],
        input=found.coef[:, task],
        bias=found.intercept,
        family=family,
        dt=float(design.attrs["bin_width"]),
        input_names=tuple(str(name) for name in design["feature"].values[task]),
        area=tuple(str(area) for area in design["area"].values),
    )


def input_columns(design: xr.Dataset) -> NDArray[np.int64]:
    """Positions of the design's columns that are inputs of its system: those that do not come from units."""
    return np.flatnonzero((design["source"].values < 0) & (design["term"].values != PopulationMean.__name__))


def _coefficients(fit: Any) -> tuple[NDArray, NDArray]:
    for coef, intercept in (("coef", "intercept"), ("coef_", "intercept_")):
        if hasattr(fit, coef):
            return getattr(fit, coef), getattr(fit, intercept)
    remedy = "pass what fit_population returns, or a fitted PopulationGLM"
    raise InputError("fit", expected="coefficients", found=type(fit).__name__, remedy=remedy)


def _from_slots(fit: xr.Dataset, n_feature: int, fold: int) -> Coefficients:
    if not {"coef", "intercept", "slot_feature"} <= set(fit.data_vars):
        remedy = "fit it with keep_coefficients=True"
        raise InputError("fit", expected="a dataset with coef and slot_feature", found="none", remedy=remedy)
    at = {"fold": fold, "split": 0}
    coef, feature = fit["coef"].isel(at).values, fit["slot_feature"].values
    whole = np.zeros((len(coef), n_feature + 1))  # slots without a column, -1, go to the last
    np.put_along_axis(whole, feature, coef.astype(np.float64), axis=1)
    return Coefficients(whole[:, :-1], fit["intercept"].isel(at).values.astype(np.float64))


def _add_population(kernel: NDArray, coef: NDArray, design: xr.Dataset, columns: NDArray) -> NDArray:
    """Kernels ``(unit, lag, source unit)`` with those of the mean of all other units, spread over them."""
    if not columns.size:
        return kernel
    terms = terms_from_config(json.loads(design.attrs["terms"]))
    area, n_units, at = design["area"].values, len(coef), 0
    for term in (term for term in terms if isinstance(term, PopulationMean)):
        shapes = _functions(term.basis, float(design.attrs["bin_width"]))
        if len(shapes) > kernel.shape[1]:
            kernel = np.pad(kernel, ((0, 0), (0, len(shapes) - kernel.shape[1]), (0, 0)))
        member = np.isin(area, term.from_area) if term.from_area else np.ones(n_units, dtype=bool)
        n_columns = n_units * term.basis.n
        own = coef[:, columns[at : at + n_columns]].reshape(n_units, n_units, term.basis.n)
        at += n_columns
        of_mean = np.einsum("imb,lb->ilm", own, shapes)  # (unit, lag, whose others)
        others = np.tile(member, (n_units, 1)) & ~np.eye(n_units, dtype=bool)
        share = others / np.maximum(member.sum() - member, 1)[:, None]  # (whose others, source unit)
        kernel[:, : len(shapes)] += of_mean @ share
    return kernel


def _functions(basis: Basis, bin_width: float) -> NDArray[np.float64]:
    """Functions of a basis at lags of 0, 1, ... bins ``(lag, basis)``, as the design's filters take them."""
    n_bins = int(np.floor(basis.window[1] / bin_width + 1e-6)) + 1
    here = np.arange(n_bins)
    impulse = (here == 0).astype(float)[:, None]
    return filter_in_runs(impulse, basis, Runs(0 * here, here, here[::-1], bin_width))[:, 0].astype(np.float64)


def _mean(eta: Array, family: str) -> Array:
    if family in _LOG_LINKED:
        return jnp.exp(jnp.minimum(eta, _HIGHEST_ETA))
    return jax.nn.sigmoid(eta) if family == "bernoulli" else eta


def _slope(eta: Array, family: str) -> Array:
    if family in _LOG_LINKED:
        return jnp.where(eta < _HIGHEST_ETA, jnp.exp(jnp.minimum(eta, _HIGHEST_ETA)), 0.0)
    if family == "bernoulli":
        return jax.nn.sigmoid(eta) * jax.nn.sigmoid(-eta)
    return jnp.ones_like(eta)
