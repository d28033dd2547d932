"""Settings that suit a task, where none are given."""

from neurorec.tasks import Task
from neurorec.training.settings import TrainingSettings


def default_settings(task: Task) -> TrainingSettings:
    """Settings that were found to solve a task with networks that can; see ``docs/networks.md``."""
    return TrainingSettings()
