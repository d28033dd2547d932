"""How a network learns a task."""

from neurorec.training.chaotic import chaotic_network, fold_feedback
from neurorec.training.conceptors import LoadedPatterns, aligned_error, load_patterns, recall
from neurorec.training.defaults import default_settings
from neurorec.training.evaluating import Evaluation, evaluate
from neurorec.training.follow import FollowTraining, train_follow
from neurorec.training.follow_dynamics import Commands, Dynamics, linear_oscillator, van_der_pol
from neurorec.training.force import ForceTraining, train_force
from neurorec.training.gradients import (
    Growth,
    StateGradients,
    compare_gradients,
    gradient_norms,
    growth_per_step,
    state_gradients,
)
from neurorec.training.predictive_coding import (
    LocalTraining,
    WeightUpdates,
    arrival_updates,
    backpropagated_updates,
    local_updates,
    train_predictive_coding,
    update_angles,
)
from neurorec.training.readout import Readout, TrainedReadout, fit_readout, train_readout
from neurorec.training.recursive_least_squares import (
    InverseCorrelation,
    InverseCorrelations,
    LeastSquares,
    recursive_least_squares,
)
from neurorec.training.settings import TrainingSettings
from neurorec.training.sorn import FROZEN, Adapted, Plasticity, adapt, teach_readout
from neurorec.training.training import STATUS, Training, TrainingWarning, train

__all__ = [
    "FROZEN",
    "STATUS",
    "Adapted",
    "Commands",
    "Dynamics",
    "Evaluation",
    "FollowTraining",
    "ForceTraining",
    "Growth",
    "InverseCorrelation",
    "InverseCorrelations",
    "LeastSquares",
    "LoadedPatterns",
    "LocalTraining",
    "Plasticity",
    "Readout",
    "StateGradients",
    "TrainedReadout",
    "Training",
    "TrainingSettings",
    "TrainingWarning",
    "WeightUpdates",
    "adapt",
    "aligned_error",
    "arrival_updates",
    "backpropagated_updates",
    "chaotic_network",
    "compare_gradients",
    "default_settings",
    "evaluate",
    "fit_readout",
    "fold_feedback",
    "gradient_norms",
    "growth_per_step",
    "linear_oscillator",
    "load_patterns",
    "local_updates",
    "recall",
    "recursive_least_squares",
    "state_gradients",
    "teach_readout",
    "train",
    "train_follow",
    "train_force",
    "train_predictive_coding",
    "train_readout",
    "update_angles",
    "van_der_pol",
]
