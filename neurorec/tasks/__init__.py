"""What animals and networks are asked to do."""

from neurorec.tasks.evidence import NoisyEvidence
from neurorec.tasks.flip_flop import FlipFlop
from neurorec.tasks.task import LOSSES, Loss, Task, build_trials, check_trials

__all__ = ["LOSSES", "FlipFlop", "Loss", "NoisyEvidence", "Task", "build_trials", "check_trials"]
