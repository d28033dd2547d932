"""Environments of neurogym, as tasks."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError
from neurorec.tasks.narma import answers_by_target
from neurorec.tasks.scoring import check_outputs, rate_by, variance_explained
from neurorec.tasks.task import Loss, Task, build_trials

N_MEASURED = 500  # trials that chance is measured on
TAKEN = {"inputs", "targets", "mask", "duration", "trial", "time", "input", "output"}


class _Trial(NamedTuple):
    """One trial of an environment: what is seen and what is due ``(time, ...)``, starts (ms), and what it was."""

    seen: NDArray
    due: NDArray
    starts: dict[str, float]
    conditions: dict[str, Any]


@dataclass(frozen=True)
class NeurogymTask:
    """Trials of a neurogym environment that says what is right (https://neurogym.github.io).

    Where actions are discrete the answer is one of them (cross entropy), else a vector of values (squared error).
    All steps count in the loss. Trials are made one at a time, as environments make them, so this is slower than
    other tasks. neurogym is installed on its own (``pip install neurogym torch``), and loaded when first used.

    Parameters
    ----------
    environment : str or neurogym.TrialEnv
        Name, such as ``"PerceptualDecisionMaking-v0"``, or an environment: anything with ``new_trial()``, ``seed()``,
        ``ob (time, input)``, ``gt (time)``, ``dt`` (ms), ``action_space`` and ``observation_space``. Wrappers are taken
        off. By name, every sample is of an environment made anew; one that is given is seeded and goes on.
        (HierarchicalReasoning-v0 draws its first rule before it can be seeded, so its samples differ.)
    options : mapping, optional
        For ``neurogym.make``, where a name is given; such as ``{"dt": 20}``, in ms.

    Raises
    ------
    InputError
        Without neurogym, for a name that it does not know, and for environments that do not say what is right.

    Examples
    --------
    >>> task = NeurogymTask("PerceptualDecisionMaking-v0", options={"dt": 20})  # doctest: +SKIP
    >>> task.sample(64, rng=np.random.default_rng(0)).sizes["input"]  # doctest: +SKIP
    3
    """

    environment: Any
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def env(self) -> Any:
        """The environment itself, without wrappers."""
        return self._made()

    def _made(self) -> Any:
        env = _make(self.environment, self.options) if isinstance(self.environment, str) else self.environment
        env = getattr(env, "unwrapped", env)
        for part in ("new_trial", "seed", "dt", "action_space", "observation_space"):
            if not hasattr(env, part):
                found = f"{type(env).__name__} without {part}"
                raise InputError("environment", expected="one of neurogym's", found=found, remedy="or its name")
        return env

    @cached_property
    def _n_actions(self) -> int:
        """How many discrete actions there are, 0 where they are not."""
        return int(getattr(self.env.action_space, "n", 0))

    @property
    def loss(self) -> Loss:
        """Cross entropy for discrete actions, else squared."""
        return "cross_entropy" if self._n_actions else "squared"

    @property
    def score_name(self) -> str:
        """What is scored."""
        discrete = "mean over actions of the fraction of steps right where they are due"
        return discrete if self._n_actions else "variance explained"

    @property
    def dt(self) -> float:
        """The environment's time step, s."""
        return float(self.env.dt) / 1000

    @property
    def input_names(self) -> tuple[str, ...]:
        """As the environment names what is observed."""
        return _names(self.env.observation_space, int(np.prod(self.env.observation_space.shape)), "observation")

    @property
    def output_names(self) -> tuple[str, ...]:
        """As the environment names actions."""
        size = self._n_actions or int(np.prod(self.env.action_space.shape))
        return _names(self.env.action_space, size, "action")

    @cached_property
    def chance(self) -> float:
        """Of the best answer by the time alone, measured on 500 trials; 0 where answers are values."""
        if not self._n_actions:
            return 0.0
        trials = self.sample(N_MEASURED, rng=np.random.default_rng(0))
        by_time = trials["targets"].values.sum(axis=0)
        total = by_time.sum(axis=0)
        return float((by_time[:, total > 0] / total[total > 0]).max(axis=1).sum() / (total > 0).sum())

    @property
    def best(self) -> float:
        """Environments do not say."""
        return float("nan")

    @property
    def criterion(self) -> float:
        """Half of the way from chance to 1: the best is not known."""
        return 0.5 + 0.5 * self.chance

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Make trials; periods, and what the environment tells about a trial in single values, are kept."""
        env = self._made() if isinstance(self.environment, str) else self.env  # some keep blocks of trials in mind
        env.seed(int(rng.integers(2**31)))
        made = [self._trial(env) for _ in range(n_trials)]
        length = np.array([len(trial.seen) for trial in made])
        inputs = np.zeros((n_trials, length.max(), len(self.input_names)), dtype=np.float32)
        targets = np.zeros((n_trials, length.max(), len(self.output_names)), dtype=np.float32)
        for row, trial in enumerate(made):
            inputs[row, : len(trial.seen)], targets[row, : len(trial.due)] = trial.seen, trial.due
        periods = sorted({name for trial in made for name in trial.starts})
        starts = {name: [trial.starts.get(name, np.nan) / 1000 for trial in made] for name in periods}
        taken = TAKEN | {f"{name}_start" for name in periods}
        conditions = {f"trial_{name}" if name in taken else name: v for name, v in _conditions(made).items()}
        return build_trials(
            cast(Task, self),
            inputs=inputs,
            targets=targets,
            mask=np.arange(length.max()) < length[:, None],
            duration=length * self.dt,
            starts=cast(Mapping[str, ArrayLike], starts),
            conditions=cast(Mapping[str, ArrayLike], conditions),
        )

    def _trial(self, env: Any) -> _Trial:
        if hasattr(env, "start_t"):
            env.start_t = {}  # environments keep the periods of earlier trials
        about = env.new_trial() or {}
        seen, due = getattr(env, "ob", None), getattr(env, "gt", None)
        if seen is None or due is None:
            found = f"{type(env).__name__}, which does not"
            expected = "an environment that says what is seen (ob) and what is right (gt) at each step"
            raise InputError("environment", expected=expected, found=found, remedy="choose a supervised one")
        seen, due = (np.array(values).reshape(len(values), -1) for values in (seen, due))
        if self._n_actions:
            due = self._coded(due[:, 0])
        return _Trial(seen, due, {name: float(t) for name, t in getattr(env, "start_t", {}).items()}, dict(about))

    def _coded(self, due: NDArray) -> NDArray:
        """Actions due, one column each ``(time, action)``."""
        if due.min() < 0 or due.max() >= self._n_actions:
            expected, found = f"one of its {self._n_actions} actions at each step", f"{due.min()} to {due.max()}"
            remedy = "its gt is no action: train on it by reward"
            raise InputError("environment.gt", expected=expected, found=found, remedy=remedy)
        return np.eye(self._n_actions)[due.astype(int)]

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """Discrete: by action, the fraction of steps right at which it is due; their mean. Else variance explained."""
        if not self._n_actions:
            return variance_explained(trials, outputs)
        return float(self.psychometric(trials, outputs)["correct"].mean())

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """Fraction of steps right by the action due: ``correct (action)``; by the value due where it is one."""
        if not self._n_actions:
            return answers_by_target(trials, outputs)
        counted, targets = trials["mask"].values > 0, trials["targets"].values
        due, said = targets.argmax(axis=-1)[counted], check_outputs(trials, outputs).argmax(axis=-1)[counted]
        rows = xr.Dataset({"action": ("step", np.array(self.output_names)[due])})
        return rate_by(rows, "action", due == said, name="correct").rename(n_trials="n_steps")


def _make(name: str, options: Mapping[str, Any]) -> Any:
    try:
        library = importlib.import_module("neurogym")
    except ImportError as error:
        remedy = "pip install neurogym torch"
        raise InputError("neurogym", expected="it to be installed", found=str(error), remedy=remedy) from error
    try:
        return library.make(name, **options)
    except Exception as error:  # gymnasium has many kinds
        expected, remedy = "an environment that neurogym makes", "neurogym.envs.registration.all_envs() lists them"
        raise InputError("environment", expected=expected, found=f"{name!r} ({error})", remedy=remedy) from error


def _names(space: Any, size: int, word: str) -> tuple[str, ...]:
    """Names of a space's channels: its own where it has them, several of a kind numbered."""
    names = [f"{word}_{k + 1}" for k in range(size)]
    for name, places in (getattr(space, "name", None) or {}).items():
        places = np.atleast_1d(places).tolist()
        for k, place in enumerate(places):
            names[place] = str(name) if len(places) == 1 else f"{name}_{k + 1}"
    return tuple(names)


def _conditions(made: list[_Trial]) -> dict[str, NDArray]:
    """What all trials tell about themselves in single numbers, truths or words, by name."""
    found = {}
    for name in made[0].conditions:
        values = [trial.conditions.get(name) for trial in made]
        if all(np.ndim(cast(Any, value)) == 0 and value is not None for value in values):
            column = np.array(values)
            if column.dtype.kind in "biufU":
                found[str(name)] = column
    return found
