"""What a task is: a frozen record of its timing that makes trials, and knows how well they can be done."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, first_offenders

Loss = Literal["squared", "cross_entropy", "bernoulli"]
LOSSES: tuple[Loss, ...] = ("squared", "cross_entropy", "bernoulli")


@runtime_checkable
class Task(Protocol):
    """What every task has. Times are in s; a step of a network is ``dt`` long.

    Attributes
    ----------
    dt : float
        Width of a time step, s.
    input_names, output_names : tuple of str
        Channels in and out.
    loss : {"squared", "cross_entropy", "bernoulli"}
        What outputs are: values; log odds of one class among several; log odds of each output being 1.
    score_name : str
        What `score` measures. More is better.
    chance : float
        Score of an answer that does not look at the inputs.
    best : float
        Highest score that can be had: 1, or the ideal observer's where inputs are noisy; NaN where it is not known.
    criterion : float
        Score from which the task counts as solved.
    """

    loss: ClassVar[Loss]
    score_name: ClassVar[str]

    @property
    def dt(self) -> float: ...
    @property
    def input_names(self) -> tuple[str, ...]: ...
    @property
    def output_names(self) -> tuple[str, ...]: ...
    @property
    def chance(self) -> float: ...
    @property
    def best(self) -> float: ...
    @property
    def criterion(self) -> float: ...

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials, as `check_trials` describes them."""
        ...

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """How well outputs ``(trial, time, output)`` of a network do these trials."""
        ...

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """What was answered, by condition."""
        ...


def build_trials(
    task: Task,
    *,
    inputs: NDArray,
    targets: NDArray,
    mask: NDArray,
    duration: ArrayLike | None = None,
    starts: Mapping[str, ArrayLike] | None = None,
    conditions: Mapping[str, ArrayLike] | None = None,
) -> xr.Dataset:
    """Put the arrays of a task's trials under their names.

    Parameters
    ----------
    task : Task
        Whose channels and time step they have.
    inputs, targets : ndarray (trial, time, input), (trial, time, output)
        What goes in, and what should come out.
    mask : ndarray (trial, time)
        Weight of each step in the loss: 0 where nothing is asked, and in padding.
    duration : array-like (trial,), optional
        Length of each trial, s; steps behind it are padding. By default all of it.
    starts : mapping of str to array-like (trial,), optional
        When each period begins, s from the trial's start, NaN where it does not occur: ``{"delay": ...}`` becomes the
        column ``delay_start``.
    conditions : mapping of str to array-like (trial,), optional
        What differs between trials.

    Returns
    -------
    xarray.Dataset
        Trials, see `check_trials`.

    Examples
    --------
    >>> from neurorec.tasks import FlipFlop
    >>> list(FlipFlop(n_bits=2).sample(4, rng=np.random.default_rng(0)).dims)
    ['trial', 'time', 'input', 'output']
    """
    n_trials, n_steps = mask.shape
    columns = {f"{name}_start": np.broadcast_to(values, n_trials) for name, values in (starts or {}).items()}
    duration = np.full(n_trials, n_steps * task.dt) if duration is None else np.asarray(duration, dtype=float)
    return xr.Dataset(
        {
            "inputs": (("trial", "time", "input"), inputs.astype(np.float32, copy=False)),
            "targets": (("trial", "time", "output"), targets.astype(np.float32, copy=False)),
            "mask": (("trial", "time"), mask.astype(np.float32, copy=False)),
            "duration": ("trial", duration, {"units": "s"}),
            **{name: ("trial", values, {"units": "s"}) for name, values in columns.items()},
            **{name: ("trial", np.asarray(values)) for name, values in (conditions or {}).items()},
        },
        coords={
            "time": ("time", np.arange(n_steps) * task.dt, {"units": "s"}),
            "input": list(task.input_names),
            "output": list(task.output_names),
        },
        attrs={"task": type(task).__name__, "dt": float(task.dt), "loss": task.loss},
    )


def check_trials(trials: xr.Dataset) -> xr.Dataset:
    """Return trials if they are what a network can be trained on.

    Parameters
    ----------
    trials : xarray.Dataset
        ``inputs (trial, time, input)``, ``targets (trial, time, output)``; ``mask (trial, time)``, the weight of each
        step in the loss, 0 or more and 0 in padding; ``duration (trial)`` in s; the coordinate ``time`` in s from the
        trial's start; ``attrs``: ``dt`` in s, ``loss``. Columns ``<period>_start`` (s) and conditions over ``trial``.

    Returns
    -------
    xarray.Dataset
        The same.

    Raises
    ------
    InputError
        For a variable that is missing or has other dimensions, values that are not finite, a mask that is negative
        or counts padding, a loss that is not known, a time step that is missing or not above 0.

    Examples
    --------
    >>> from neurorec.tasks import FlipFlop
    >>> trials = FlipFlop(n_bits=2).sample(4, rng=np.random.default_rng(0))
    >>> check_trials(trials) is trials
    True
    """
    dims = {"inputs": ("trial", "time", "input"), "targets": ("trial", "time", "output"), "mask": ("trial", "time")}
    if "time" not in trials.coords:
        raise InputError("trials['time']", expected="times in s", found="nothing", remedy="see build_trials")
    for name, axes in {**dims, "duration": ("trial",)}.items():
        _check_variable(trials, name, axes)
    if trials.attrs.get("loss") not in LOSSES:
        found = repr(trials.attrs.get("loss"))
        raise InputError("trials.attrs['loss']", expected=f"one of {', '.join(LOSSES)}", found=found, remedy="name one")
    dt = trials.attrs.get("dt")
    if not isinstance(dt, int | float | np.number) or not 0 < dt < np.inf:
        found, expected = "nothing" if dt is None else repr(dt), "the time step, above 0 s"
        raise InputError("trials.attrs['dt']", expected=expected, found=found, remedy="see build_trials")
    padding = trials["time"].values >= trials["duration"].values[:, None] - 1e-6 * float(dt)
    mask = trials["mask"].values
    if (mask < 0).any() or mask[padding].any() or not mask.any():
        found = "a negative one" if (mask < 0).any() else "weight in padding" if mask.any() else "none above 0"
        expected = "weights >= 0, and 0 in padding"
        raise InputError("trials['mask']", expected=expected, found=found, remedy="see build_trials")
    return trials


def _check_variable(trials: xr.Dataset, name: str, axes: tuple[str, ...]) -> None:
    found = trials[name].dims if name in trials else "nothing"
    if found != axes:
        raise InputError(f"trials[{name!r}]", expected=f"axes {axes}", found=str(found), remedy="see build_trials")
    bad = ~np.isfinite(trials[name].values)
    if bad.any():
        where = first_offenders(np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1)))
        remedy = "leave such trials out, or set what is not asked to 0 and its mask to 0"
        raise InputError(
            f"trials[{name!r}]", expected="finite values", found=f"others in trials {where}", remedy=remedy
        )
