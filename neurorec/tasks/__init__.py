"""What animals and networks are asked to do."""

from neurorec.tasks.catalogue import TASKS, find_task
from neurorec.tasks.context_integration import ContextIntegration
from neurorec.tasks.delayed_match import DelayedMatchToSample
from neurorec.tasks.evidence import NoisyEvidence
from neurorec.tasks.flip_flop import FlipFlop
from neurorec.tasks.oculomotor import OculomotorIntegrator
from neurorec.tasks.parametric_memory import ParametricWorkingMemory
from neurorec.tasks.ready_set_go import ReadySetGo
from neurorec.tasks.sine_wave import SineWave
from neurorec.tasks.sound_location import SoundLocation
from neurorec.tasks.task import LOSSES, Loss, Task, build_trials, check_trials

__all__ = [
    "LOSSES",
    "TASKS",
    "ContextIntegration",
    "DelayedMatchToSample",
    "FlipFlop",
    "Loss",
    "NoisyEvidence",
    "OculomotorIntegrator",
    "ParametricWorkingMemory",
    "ReadySetGo",
    "SineWave",
    "SoundLocation",
    "Task",
    "build_trials",
    "check_trials",
    "find_task",
]
