"""Settings that suit a task, where none are given."""

from dataclasses import replace
from typing import Any

from neurorec.tasks import Task
from neurorec.training.settings import TrainingSettings

COMMON = TrainingSettings(learning_rate=3e-3, patience=40)

# What differs, by the class of the task; found by trying a few values with an LSTM.
_BY_TASK: dict[str, dict[str, Any]] = {
    "CopyMemory": {"n_steps": 10_000, "patience": 0},
    "NARMA": {"n_steps": 10_000, "learning_rate": 1e-2, "patience": 0},
    "Lorenz": {"learning_rate": 1e-2},
    "MackeyGlass": {"learning_rate": 1e-2},
}


def default_settings(task: Task) -> TrainingSettings:
    """Settings to begin with: Adam at 3e-3, until the criterion or 40 looks without progress; longer for a few tasks.

    Examples
    --------
    >>> from neurorec.tasks import find_task
    >>> default_settings(find_task("flip_flop")).learning_rate
    0.003
    """
    return replace(COMMON, **_BY_TASK.get(type(task).__name__, {}))
