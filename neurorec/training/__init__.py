"""How a network learns a task."""

from neurorec.training.defaults import default_settings
from neurorec.training.evaluating import Evaluation, evaluate
from neurorec.training.settings import TrainingSettings
from neurorec.training.training import STATUS, Training, TrainingWarning, train

__all__ = [
    "STATUS",
    "Evaluation",
    "Training",
    "TrainingSettings",
    "TrainingWarning",
    "default_settings",
    "evaluate",
    "train",
]
