"""How a network learns a task."""

from neurorec.training.defaults import default_settings
from neurorec.training.evaluating import Evaluation, evaluate
from neurorec.training.gradients import (
    Growth,
    StateGradients,
    compare_gradients,
    gradient_norms,
    growth_per_step,
    state_gradients,
)
from neurorec.training.readout import Readout, TrainedReadout, fit_readout, train_readout
from neurorec.training.settings import TrainingSettings
from neurorec.training.training import STATUS, Training, TrainingWarning, train

__all__ = [
    "STATUS",
    "Evaluation",
    "Growth",
    "Readout",
    "StateGradients",
    "TrainedReadout",
    "Training",
    "TrainingSettings",
    "TrainingWarning",
    "compare_gradients",
    "default_settings",
    "evaluate",
    "fit_readout",
    "gradient_norms",
    "growth_per_step",
    "state_gradients",
    "train",
    "train_readout",
]
