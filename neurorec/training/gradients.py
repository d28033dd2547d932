"""Gradients through time: how much of an error reaches the states before it, whether it vanishes or explodes."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from neurorec.networks import System, noise_scale, noisy_step, prepare
from neurorec.recording import InputError
from neurorec.tasks import Loss
from neurorec.training.batches import NOISE, Batch, batch_of
from neurorec.training.evaluating import check_fit
from neurorec.training.losses import error

Asked = Literal["last", "all"]


class StateGradients(NamedTuple):
    """States and the gradients in them, of every trial's own error."""

    states: Array  # (time, trial, state) after each step
    gradients: Array  # (time, trial, state) of the trial's error


class Growth(NamedTuple):
    """How norms grow from one step to the one before."""

    factor: NDArray[np.float64]  # (...) norms are multiplied by it per step back
    first: NDArray[np.int64]  # (...) lags that it was fitted to, steps
    last: NDArray[np.int64]  # (...)


def state_gradients(system: System, batch: Batch, *, loss: Loss, draws: ArrayLike | None = None) -> StateGradients:
    """``dL_i / dh_i(t)``: the gradient of each trial's error in its state after every step.

    Nothing is added to the states, ``h(t) = F(h(t-1), u(t)) + d(t)`` with d = 0, and the error is differentiated in d.

    Parameters
    ----------
    system : System
        What is run.
    batch : Batch
        ``inputs (time, trial, input)``, ``targets (time, trial, output)``, ``mask (time, trial)``. The error of a
        trial is the mean over its steps, weighted by its mask.
    loss : {"squared", "cross_entropy", "bernoulli"}
        See `neurorec.training.error`.
    draws : array-like (time, trial, unit), optional
        Standard normal draws for the private noise of a system that has some.

    Returns
    -------
    StateGradients
        ``states`` and ``gradients (time, trial, state)``; not finite in trials whose mask is 0 throughout.

    Examples
    --------
    >>> from neurorec.networks import Elman, with_readout
    >>> from neurorec.tasks import FlipFlop
    >>> rng = np.random.default_rng(0)
    >>> batch = batch_of(FlipFlop().sample(4, rng=rng))
    >>> network = with_readout(Elman.random(3, 5, rng=rng), 3, rng=rng)
    >>> state_gradients(network, batch, loss="squared").gradients.shape
    (100, 4, 5)
    """
    arrays, static = eqx.partition(system, eqx.is_array)
    return StateGradients(*_differentiate(arrays, static, batch, None if draws is None else jnp.asarray(draws), loss))


def growth_per_step(norm: ArrayLike, *, first: int = 0, last: int | None = None) -> Growth:
    """Fit an exponential to norms over lags: ``log norm(k) = c + k log factor`` by least squares.

    Parameters
    ----------
    norm : array-like (..., lag)
        Norms at lags 0, 1, ... steps. What is not finite or 0, as where a gradient is too small for its precision, is
        left out.
    first, last : int
        Lags to fit to, both included; by default all.

    Returns
    -------
    Growth
        ``factor (...)``, below 1 where gradients vanish, above where they explode, NaN where fewer than two lags
        are known; ``first`` and ``last (...)``, the least and the greatest lag that was fitted to, -1 without any.

    Examples
    --------
    >>> factor, first, last = growth_per_step([8.0, 4.0, 2.0, 1.0, 0.0])
    >>> round(float(factor), 6), int(first), int(last)
    (0.5, 0, 3)
    """
    norm = np.asarray(norm, dtype=float)
    lag = np.arange(norm.shape[-1])
    known = np.isfinite(norm) & (norm > 0) & (lag >= first) & (lag <= (lag.size if last is None else last))
    with np.errstate(invalid="ignore", divide="ignore"):
        y, n = np.log(np.where(known, norm, 1.0)), known.sum(axis=-1, keepdims=True)
        x = np.where(known, lag - np.where(known, lag, 0).sum(axis=-1, keepdims=True) / n, 0.0)
        slope = (x * y).sum(axis=-1) / (x * x).sum(axis=-1)
    any_known = n[..., 0] > 0
    low = np.where(any_known, known.argmax(axis=-1), -1)
    high = np.where(any_known, lag.size - 1 - known[..., ::-1].argmax(axis=-1), -1)
    return Growth(np.exp(slope), low, high)


def gradient_norms(
    network: System,
    trials: xr.Dataset,
    *,
    asked: Asked = "last",
    span: tuple[float, float] | None = None,
    noise: bool = True,
    seed: int = 0,
) -> xr.Dataset:
    """How an error that is made at the end of a trial reaches back: ``|dL/dh|`` before it, and its growth per step.

    A gradient that vanishes teaches nothing about what was long ago; one that explodes throws the weights about
    (Bengio et al. 1994, doi:10.1109/72.279181; Pascanu et al. 2013, arXiv:1211.5063).

    Parameters
    ----------
    network : System
        Trained or not.
    trials : xarray.Dataset
        Of a task, see `neurorec.tasks.check_trials`.
    asked : {"last", "all"}
        Which error: that of the last step of each trial that counts, or that of all steps, each by its mask.
    span : (float, float), optional
        Lags that the growth is fitted to, s; by default all at which the norm is above 0.
    noise : bool
        Whether units have their private noise, in networks that have some.
    seed : int
        Of that noise.

    Returns
    -------
    xarray.Dataset
        ``gradient_norm (trial, lag)``, the Euclidean norm over the whole state; ``lag`` in s before the last step that
        counts, 0 being the state after that step, NaN before the trial's beginning; ``asked (trial)``, s, the time of
        that step; ``factor (trial)``, what the norm is multiplied by per step back, and ``fit_start``, ``fit_stop
        (trial)``, the lags in s that it was fitted to. ``attrs``: ``network``, ``task``, ``loss``, ``dt`` (s),
        ``error`` and ``noise`` (1 or 0).

    Raises
    ------
    InputError
        If the network has other channels than the trials, an error that is not known, or a span without two steps.

    Examples
    --------
    >>> from neurorec.networks import Elman, recurrent_weights, with_readout
    >>> from neurorec.tasks import FlipFlop
    >>> rng = np.random.default_rng(0)
    >>> cell = Elman.random(3, 20, gain=0.9, nonlinearity="linear", rng=rng)       # 0.9 times a rotation
    >>> norms = gradient_norms(with_readout(cell, 3, rng=rng), FlipFlop().sample(4, rng=rng))
    >>> norms["gradient_norm"].dims, norms["factor"].values.round(4).tolist()
    (('trial', 'lag'), [0.9, 0.9, 0.9, 0.9])
    """
    check_fit(network, trials)
    dt = float(trials.attrs["dt"])
    first, last = _fitted_lags(span, dt)
    mask = trials["mask"].values
    end = np.where(mask.any(axis=1), mask.shape[1] - 1 - (mask[:, ::-1] > 0).argmax(axis=1), -1)
    batch = batch_of(trials)
    if asked == "last":
        batch = batch._replace(mask=(np.arange(len(batch.mask))[:, None] == end).astype(np.float32))
    elif asked != "all":
        raise InputError("asked", expected="'last' or 'all'", found=repr(asked), remedy="name one of them")
    noisy = noise and noise_scale(network) > 0
    draws = None
    if noisy:
        key = jax.random.fold_in(jax.random.key(seed), NOISE)
        draws = jax.random.normal(key, (*batch.mask.shape, network.n_units))
    found = state_gradients(network, batch, loss=trials.attrs["loss"], draws=draws)
    # in double precision, where the squares of a small gradient are not yet 0
    norm = np.linalg.norm(np.asarray(found.gradients, dtype=np.float64), axis=-1)
    by_lag = _by_lag(norm.T, end)
    growth = growth_per_step(by_lag, first=first, last=last)
    cell = getattr(network, "cell", network)
    return xr.Dataset(
        {
            "gradient_norm": (("trial", "lag"), by_lag, {"long_name": "norm of the error's gradient in the state"}),
            "asked": ("trial", np.where(end >= 0, trials["time"].values[end], np.nan), {"units": "s"}),
            "factor": ("trial", growth.factor, {"long_name": "factor per step back"}),
            "fit_start": ("trial", np.where(growth.first < 0, np.nan, growth.first * dt), {"units": "s"}),
            "fit_stop": ("trial", np.where(growth.last < 0, np.nan, growth.last * dt), {"units": "s"}),
        },
        coords={"lag": ("lag", np.arange(by_lag.shape[1]) * dt, {"units": "s", "long_name": "before the error"})},
        attrs={
            "network": type(cell).__name__,
            "task": str(trials.attrs["task"]),
            "loss": trials.attrs["loss"],
            "dt": dt,
            "error": asked,
            "noise": int(noisy),
        },
    )


def compare_gradients(
    networks: Mapping[str, System],
    trials: xr.Dataset,
    *,
    asked: Asked = "last",
    span: tuple[float, float] | None = None,
    noise: bool = True,
    seed: int = 0,
) -> xr.Dataset:
    """`gradient_norms` of several networks on the same trials: architectures, or weights to begin with.

    Parameters
    ----------
    networks : mapping of str to System
        By a label.
    trials, asked, span, noise, seed
        As for `gradient_norms`.

    Returns
    -------
    xarray.Dataset
        The same variables with a first axis ``network``, labelled; ``kind (network)``, what it is made of.

    Raises
    ------
    InputError
        For no networks, and as `gradient_norms`.

    Examples
    --------
    >>> from neurorec.networks import Elman, with_readout
    >>> from neurorec.tasks import FlipFlop
    >>> rng = np.random.default_rng(0)
    >>> starts = {f"gain {g}": with_readout(Elman.random(3, 20, gain=g, rng=rng), 3, rng=rng) for g in (0.5, 1.0)}
    >>> norms = compare_gradients(starts, FlipFlop().sample(4, rng=rng))
    >>> (norms["factor"].mean("trial") < [0.5, 1.0]).values.tolist()     # tanh bends
    [True, True]
    """
    if not networks:
        raise InputError("networks", expected="at least one", found="none", remedy="pass a dict of them, by a label")
    parts = [gradient_norms(one, trials, asked=asked, span=span, noise=noise, seed=seed) for one in networks.values()]
    kinds = [str(part.attrs["network"]) for part in parts]
    same = {name: value for name, value in parts[0].attrs.items() if name not in ("network", "noise")}
    labelled = [part.drop_attrs(deep=False).expand_dims(network=[label]) for label, part in zip(networks, parts)]
    joined = xr.concat(labelled, dim="network", combine_attrs="drop", join="exact")
    joined = joined.assign(noise=("network", [part.attrs["noise"] for part in parts]))
    return joined.assign_coords(kind=("network", kinds)).assign_attrs(same)


@eqx.filter_jit
def _differentiate(arrays: Any, static: Any, batch: Batch, draws: Array | None, loss: Loss) -> tuple[Array, Array]:
    system = eqx.combine(arrays, static)
    ready, inputs = prepare(system), jnp.asarray(batch.inputs)
    start = jnp.broadcast_to(system.initial_state, (*inputs.shape[1:-1], system.initial_state.shape[-1]))

    def advance(state: Array, now: tuple[Array, Array | None, Array]) -> tuple[Array, Array]:
        seen, draw, added = now
        after = ready.step(state, seen) if draw is None else noisy_step(ready, state, seen, draw)
        return after + added, after + added

    def total(added: Array) -> tuple[Array, Array]:
        states = jax.lax.scan(advance, start, (inputs, draws, added))[1]
        outputs = system.readout(states)
        each = jax.vmap(lambda f, y, m: error(f, y, m, loss=loss), in_axes=1)(outputs, batch.targets, batch.mask)
        return each.sum(), states

    nothing = jnp.zeros((len(inputs), *start.shape), dtype=start.dtype)
    gradients, states = jax.grad(total, has_aux=True)(nothing)
    return states, gradients


def _by_lag(norm: NDArray, end: NDArray) -> NDArray:
    """Norms ``(trial, lag)`` before each trial's end, from those ``(trial, time)``; NaN before the beginning."""
    longest = int(end.max()) + 1
    step = end[:, None] - np.arange(longest)
    return np.where(step >= 0, np.take_along_axis(norm, np.maximum(step, 0), axis=1), np.nan)


def _fitted_lags(span: tuple[float, float] | None, dt: float) -> tuple[int, int | None]:
    """The least and the greatest lag in steps."""
    if span is None:
        return 0, None
    first, last = int(np.ceil(span[0] / dt - 1e-6)), int(np.floor(span[1] / dt + 1e-6))
    if first < 0 or last <= first:
        found = f"{span[0]:g} to {span[1]:g} s"
        remedy = f"steps are {dt:g} s long"
        raise InputError("span", expected="two steps or more, from 0 s on", found=found, remedy=remedy)
    return first, last
