"""The ridge readout: outputs learnt in one go, all else kept, with a penalty that held-out data choose."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.networks import System, run
from neurorec.recording import InputError, check_array, check_count
from neurorec.tasks import Loss, Task, check_trials

PENALTIES = np.logspace(-12, 1, 14)  # by default, in units of the states' mean sum of squares


class Readout(NamedTuple):
    """Linear outputs of states, and how they were found.

    Attributes
    ----------
    weights : ndarray (output, unit)
        R.
    bias : ndarray (output,)
        c.
    penalty : ndarray (output,)
        Chosen for each output; of all rows.
    penalties : ndarray (penalty,)
        Those that were tried.
    errors : ndarray (penalty, output)
        Held-out error of each: root mean squared error over the target's standard deviation; NaN of targets that do not
        vary, for which the weakest penalty is taken.
    error : ndarray (output,)
        That of the penalty chosen. The penalty was chosen by it, so it is a little too low; new data tell.
    converged : ndarray of bool (output,)
        Whether a weaker and a stronger penalty were tried and found no better; false where the chosen one is the
        weakest or the strongest of them.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    penalty: NDArray[np.float64]
    penalties: NDArray[np.float64]
    errors: NDArray[np.float64]
    error: NDArray[np.float64]
    converged: NDArray[np.bool_]

    def outputs(self, states: ArrayLike) -> NDArray[np.float64]:
        """Outputs ``(..., output)`` of states ``(..., unit)``."""
        return np.asarray(states) @ self.weights.T + self.bias


class TrainedReadout(NamedTuple):
    """A network that has learnt its readout.

    Attributes
    ----------
    network : System
        As it was, with other outputs.
    readout : Readout
        How these were found.
    """

    network: System
    readout: Readout


def fit_readout(
    states: ArrayLike,
    targets: ArrayLike,
    *,
    folds: int | ArrayLike = 5,
    gap: int = 0,
    washout: int = 0,
    weight: ArrayLike | None = None,
    penalties: ArrayLike | None = None,
) -> Readout:
    r"""Fit linear outputs of states by ridge regression, with the penalty of the lowest held-out error.

    :math:`\min_{R, c} \sum_t m_t |y_t - R x_t - c|^2 + \lambda |R|^2` for each output (Jaeger 2001, GMD Report 148).
    Of every fold one eigendecomposition of the covariance serves all penalties. Where the states are of trials, whole
    trials are held out; of one sequence, blocks of time.

    Parameters
    ----------
    states : array-like (time, unit) or (trial, time, unit)
        x.
    targets : array-like (time, output) or (trial, time, output)
        y.
    folds : int or array-like of int (trial,) or (time,)
        How many, of equal size, in order; or to which of them each trial (or step of one sequence) belongs, -1 for
        none. One trial is a sequence.
    gap : int
        Steps on both sides of a held-out block that are not learnt from, of a sequence: as many as states remember.
    washout : int
        Steps at the start of the sequence, or of every trial, that take part in nothing.
    weight : array-like (time,) or (trial, time), optional
        m, 0 or more; by default 1.
    penalties : array-like (penalty,), optional
        Lambdas to be tried; by default 14 from 1e-12 to 10 times the mean over units of a state's weighted sum of
        squares about its mean.

    Returns
    -------
    Readout

    Raises
    ------
    InputError
        For shapes that do not fit, values that are not finite, less than two folds with something in them, a gap that
        leaves nothing to learn from, or penalties that are not above 0.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> states = rng.standard_normal((500, 2))
    >>> found = fit_readout(states, states @ [[1.0], [2.0]] + 5)
    >>> found.weights.round(6).tolist(), found.bias.round(6).tolist()
    ([[1.0, 2.0]], [5.0])
    """
    gap = check_count("gap", gap, least=0, remedy="steps on both sides")
    rows = _rows(states, targets, folds, check_count("washout", washout, least=0), weight)
    centre, mean = np.average(rows.x, axis=0, weights=rows.weight), np.average(rows.y, axis=0, weights=rows.weight)
    x, y = rows.x - centre, rows.y - mean
    rows = _Rows(x, y, rows.weight, rows.fold, rows.time)
    tried = _check_penalties(penalties, rows)
    total = _moments(rows, slice(None))
    missed, spread = np.zeros((tried.size, y.shape[1])), np.zeros(y.shape[1])
    for held, beside in _folds(rows, gap):
        if held.size + beside.size == len(rows.x):
            found, remedy = f"a gap of {gap} that leaves none", "a smaller gap, or fewer folds"
            raise InputError("gap", expected="steps to learn from", found=found, remedy=remedy)
        taken = total - _moments(rows, held) - _moments(rows, beside)
        each, offset = _solve(taken, tried)
        error = rows.y[held] - (rows.x[held] @ each.swapaxes(1, 2) + offset[:, None])
        missed += np.einsum("t,pto->po", rows.weight[held], error**2)
        spread += rows.weight[held] @ (rows.y[held] - taken.y / taken.n) ** 2
    errors = np.sqrt(missed / np.where(spread > 0, spread, np.nan))
    best = np.argmin(np.where(np.isnan(errors), np.inf, errors), axis=0)
    each, offset = _solve(total, tried)
    outputs = np.arange(y.shape[1])
    weights, bias = each[best, outputs], offset[best, outputs] + mean
    inner = (best > 0) & (best < tried.size - 1)
    return Readout(weights, bias - weights @ centre, tried[best], tried, errors, errors[best, outputs], inner)


def train_readout(
    network: System,
    data: "Task | xr.Dataset | ArrayLike",
    targets: ArrayLike | None = None,
    *,
    n_trials: int = 256,
    folds: int | ArrayLike = 5,
    gap: int = 0,
    washout: int = 0,
    penalties: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
) -> TrainedReadout:
    """Train a network's readout and nothing else, by ridge regression on its activity.

    Where outputs feed back to a reservoir, the targets come back in their stead while it is trained. Targets of classes
    are learnt as numbers, of several classes 0 and 1, of yes and no -1 and 1: the highest output, or its sign, answers;
    outputs are then no log odds.

    Parameters
    ----------
    network : System
        With a linear readout of its activity, `output` and `output_bias`: a `Reservoir`, or a `Network` of any cell.
    data : Task, xarray.Dataset or array-like (time, input) or (trial, time, input)
        A task, of which trials are drawn; trials of a task; or inputs.
    targets : array-like (time, output) or (trial, time, output), optional
        With inputs only.
    n_trials : int
        Trials to draw of a task.
    folds, gap, washout, penalties
        As in `fit_readout`. Of trials, the mask weighs the steps.
    rng : numpy.random.Generator, optional
        Draws the trials; needed with a task alone.

    Returns
    -------
    TrainedReadout
        The network with the readout, and the readout.

    Raises
    ------
    InputError
        For a network without such a readout, a task without `rng`, inputs without targets, and what `fit_readout`
        refuses.

    Examples
    --------
    >>> from neurorec.networks import Reservoir
    >>> from neurorec.tasks import Parity
    >>> rng = np.random.default_rng(0)
    >>> task = Parity(n_bits=2)
    >>> trained = train_readout(Reservoir.random(2, 50, rng=rng), task, n_trials=50, rng=rng)
    >>> trials = task.sample(50, rng=rng)
    >>> states = run(trained.network, np.swapaxes(trials["inputs"].values, 0, 1))
    >>> task.score(trials, np.swapaxes(trained.network.readout(states), 0, 1)) > 0.99
    True
    """
    if not all(hasattr(network, part) for part in ("output", "output_bias")):
        expected, remedy = "a network with a linear readout", "see with_readout"
        raise InputError("network", expected=expected, found=type(network).__name__, remedy=remedy)
    if isinstance(data, Task) and not isinstance(data, xr.Dataset):
        if rng is None:
            raise InputError("rng", expected="a generator", found="none", remedy="it draws the task's trials")
        data = data.sample(n_trials, rng=rng)
    inputs, wanted, mask = _arrays(data, targets)
    if inputs.shape[-1] != network.n_inputs:
        expected, found = f"{network.n_inputs} channels, as the network has", str(inputs.shape[-1])
        raise InputError("inputs", expected=expected, found=found, remedy="build the network for them")
    seen = _features(network, inputs, wanted)
    found = fit_readout(seen, wanted, folds=folds, gap=gap, washout=washout, weight=mask, penalties=penalties)
    return TrainedReadout(_with(network, found), found)


def _arrays(data: Any, targets: ArrayLike | None) -> tuple[NDArray, NDArray, NDArray | None]:
    """Inputs, targets and mask, trials first."""
    if isinstance(data, xr.Dataset):
        check_trials(data)
        return data["inputs"].values, _numbers(data["targets"].values, data.attrs["loss"]), data["mask"].values
    if targets is None:
        raise InputError("targets", expected="those of the inputs", found="none", remedy="give them after the inputs")
    inputs, wanted = check_array("data", data, "(..., time, input)"), check_array("targets", targets, "(..., output)")
    if inputs.ndim not in (2, 3) or wanted.shape[:-1] != inputs.shape[:-1]:
        found = f"inputs {inputs.shape} and targets {wanted.shape}"
        raise InputError("shapes", expected="(..., time, channel) both", found=found, remedy="give them as many steps")
    return inputs, wanted, None


def _numbers(targets: NDArray, loss: Loss) -> NDArray:
    return 2 * targets - 1 if loss == "bernoulli" else targets


def _features(network: Any, inputs: NDArray, targets: NDArray) -> NDArray:
    """What outputs are linear in ``(..., time, feature)``: activity, and inputs where a shortcut takes them there."""
    first, wanted = (np.swapaxes(a, 0, -2) if a.ndim == 3 else a for a in (inputs, targets))
    if getattr(network, "feedback", None) is not None and hasattr(network, "forced_states"):
        states = network.forced_states(first, wanted)
    else:
        states = run(network, first)
    seen = np.asarray(network.activity(states))
    if getattr(network, "shortcut", None) is not None:
        seen = np.concatenate([seen, first], axis=-1)
    return np.swapaxes(seen, 0, 1) if seen.ndim == 3 else seen


def _with(network: Any, found: Readout) -> Any:
    """The network with these outputs, in float32."""
    n_units, fed = network.output.shape[-1], getattr(network, "feedback", None) is not None
    if fed and len(found.bias) != network.n_outputs:
        expected, remedy = f"{network.n_outputs} outputs, as feed back", "build the network for them"
        raise InputError("targets", expected=expected, found=str(len(found.bias)), remedy=remedy)
    weights, bias = found.weights.astype(np.float32), found.bias.astype(np.float32)
    new = eqx.tree_at(
        lambda n: (n.output, n.output_bias), network, (jnp.asarray(weights[:, :n_units]), jnp.asarray(bias))
    )
    if getattr(network, "shortcut", None) is not None:
        new = eqx.tree_at(lambda n: n.shortcut, new, jnp.asarray(weights[:, n_units:]))
    return new


class _Rows(NamedTuple):
    """Steps that count."""

    x: NDArray  # (row, unit)
    y: NDArray  # (row, output)
    weight: NDArray  # (row,)
    fold: NDArray  # (row,) -1: of none
    time: NDArray  # (row,) place in the sequence; of trials, all of them far apart


class _Moments(NamedTuple):
    """Weighted sums over rows; they add and subtract."""

    n: Any
    x: NDArray  # (unit,)
    y: NDArray  # (output,)
    xx: NDArray  # (unit, unit)
    xy: NDArray  # (unit, output)

    def __sub__(self, other: "_Moments") -> "_Moments":
        return _Moments(*(a - b for a, b in zip(self, other, strict=True)))


def _rows(states: ArrayLike, targets: ArrayLike, folds: Any, washout: int, weight: ArrayLike | None) -> _Rows:
    x, y = check_array("states", states, "(..., time, unit)"), check_array("targets", targets, "(..., time, output)")
    empty = x.ndim > 0 and y.ndim > 0 and 0 in (x.shape[-1], y.shape[-1])
    if x.ndim not in (2, 3) or y.shape[:-1] != x.shape[:-1] or y.ndim != x.ndim or empty:
        expected, found = "(time, unit) and (time, output), or trials of them", f"{x.shape} and {y.shape}"
        raise InputError("states and targets", expected=expected, found=found, remedy="one row a step, in both")
    m = np.ones(x.shape[:-1]) if weight is None else check_array("weight", weight, "(..., time)")
    if m.shape != x.shape[:-1] or not ((m >= 0) & np.isfinite(m)).all():
        raise InputError("weight", expected=f"0 or more, {x.shape[:-1]}", found=str(m.shape), remedy="one a step")
    alone = x.ndim == 2 or len(x) == 1
    if x.ndim == 2:
        x, y, m = x[None], y[None], m[None]
    n_trials, n_steps = len(m), m.size // max(len(m), 1)
    if not 0 <= washout < n_steps:
        raise InputError("washout", expected=f"0 to {n_steps - 1}", found=str(washout), remedy="leave some steps")
    m = np.where(np.arange(n_steps) < washout, 0.0, m)
    counted = m.ravel() > 0
    time = (np.arange(n_trials)[:, None] * 2 * n_steps + np.arange(n_steps)).ravel()[counted]
    if not alone:
        fold = np.repeat(_fold_of(folds, n_trials), n_steps)[counted]
    elif np.ndim(folds) == 0:
        fold = _fold_of(folds, int(counted.sum()))
    else:
        fold = _fold_of(folds, n_steps)[counted]
    x, y = x.reshape(-1, x.shape[-1])[counted], y.reshape(-1, y.shape[-1])[counted]
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        remedy = "give steps to be left out a weight of 0"
        raise InputError("states and targets", expected="finite values", found="others", remedy=remedy)
    if np.unique(fold[fold >= 0]).size < 2:
        found = f"{np.unique(fold[fold >= 0]).size} with steps in them"
        raise InputError("folds", expected="two or more", found=found, remedy="more trials, or a longer sequence")
    return _Rows(x, y, m.ravel()[counted], fold, time)


def _fold_of(folds: Any, n: int) -> NDArray:
    if np.ndim(folds) == 0:
        number = check_count("folds", folds, least=0, remedy="two or more")
        return np.arange(n) * min(number, n) // max(n, 1)
    found = check_array("folds", folds, "(trial,) or (time,)")
    if found.shape != (n,) or not np.isfinite(found).all():
        raise InputError("folds", expected=f"a number, or {n} of them", found=str(found.shape), remedy="one a trial")
    return found


def _folds(rows: _Rows, gap: int) -> Iterator[tuple[NDArray, NDArray]]:
    """Rows that are held out, and those beside them that are not learnt from, by fold."""
    for k in np.unique(rows.fold[rows.fold >= 0]):
        held = rows.fold == k
        beside = rows.fold < 0
        if gap:
            near = np.searchsorted(rows.time[held], rows.time)
            after = rows.time - rows.time[held][np.maximum(near - 1, 0)]
            before = rows.time[held][np.minimum(near, held.sum() - 1)] - rows.time
            beside = beside | ((np.abs(after) <= gap) | (np.abs(before) <= gap))
        yield np.flatnonzero(held), np.flatnonzero(beside & ~held)


def _moments(rows: _Rows, at: Any) -> _Moments:
    x, y, w = rows.x[at], rows.y[at], rows.weight[at]
    weighted = w[:, None] * x
    return _Moments(w.sum(), weighted.sum(axis=0), w @ y, weighted.T @ x, weighted.T @ y)


def _solve(of: _Moments, penalties: NDArray) -> tuple[NDArray, NDArray]:
    """Weights ``(penalty, output, unit)`` and offsets ``(penalty, output)`` by one eigendecomposition."""
    mean, level = of.x / of.n, of.y / of.n
    values, vectors = np.linalg.eigh(of.xx - np.outer(of.x, mean))
    along = vectors.T @ (of.xy - np.outer(of.x, level))
    weights = vectors @ (along / (np.maximum(values, 0)[:, None] + penalties[:, None, None]))
    weights = weights.swapaxes(1, 2)
    return weights, level - weights @ mean


def _check_penalties(penalties: ArrayLike | None, rows: _Rows) -> NDArray:
    if penalties is None:
        size = float(np.einsum("t,tu,tu->", rows.weight, rows.x, rows.x)) / rows.x.shape[1]
        return PENALTIES * (size if size > 0 else 1.0)
    tried = np.sort(np.atleast_1d(check_array("penalties", penalties, "(penalty,)")))
    if tried.ndim != 1 or not tried.size or not (np.isfinite(tried).all() and tried[0] > 0):
        found = str(np.asarray(penalties).tolist())
        raise InputError("penalties", expected="numbers above 0", found=found, remedy="1e-8 is nearly none")
    return tried
