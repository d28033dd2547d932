"""What animals and networks are asked to do."""

from neurorec.tasks.catalogue import TASKS, find_task
from neurorec.tasks.characters import CharacterPrediction, annotate, bracketed_text
from neurorec.tasks.context_integration import ContextIntegration
from neurorec.tasks.contrast import ContrastDiscrimination
from neurorec.tasks.copy_memory import CopyMemory
from neurorec.tasks.counting import Counting
from neurorec.tasks.delayed_addition import DelayedAddition
from neurorec.tasks.delayed_match import DelayedMatchToSample
from neurorec.tasks.evidence import NoisyEvidence
from neurorec.tasks.flip_flop import FlipFlop
from neurorec.tasks.hard_images import HardImages
from neurorec.tasks.lorenz import Lorenz
from neurorec.tasks.mackey_glass import MackeyGlass
from neurorec.tasks.matching import TaskMatch, match_task
from neurorec.tasks.narma import NARMA, linear_filter_score
from neurorec.tasks.neurogym import NeurogymTask
from neurorec.tasks.oculomotor import OculomotorIntegrator
from neurorec.tasks.parametric_memory import ParametricWorkingMemory
from neurorec.tasks.parity import Parity
from neurorec.tasks.ready_set_go import ReadySetGo
from neurorec.tasks.reber import EmbeddedReber, Reber
from neurorec.tasks.sine_wave import SineWave
from neurorec.tasks.sound_location import SoundLocation
from neurorec.tasks.task import LOSSES, Loss, Task, build_trials, check_trials
from neurorec.tasks.temporal_xor import TemporalXOR
from neurorec.tasks.tomita import Tomita

__all__ = [
    "LOSSES",
    "NARMA",
    "TASKS",
    "CharacterPrediction",
    "ContextIntegration",
    "ContrastDiscrimination",
    "CopyMemory",
    "Counting",
    "DelayedAddition",
    "DelayedMatchToSample",
    "EmbeddedReber",
    "FlipFlop",
    "HardImages",
    "Lorenz",
    "Loss",
    "MackeyGlass",
    "NeurogymTask",
    "NoisyEvidence",
    "OculomotorIntegrator",
    "ParametricWorkingMemory",
    "Parity",
    "ReadySetGo",
    "Reber",
    "SineWave",
    "SoundLocation",
    "Task",
    "TaskMatch",
    "TemporalXOR",
    "Tomita",
    "annotate",
    "bracketed_text",
    "build_trials",
    "check_trials",
    "find_task",
    "linear_filter_score",
    "match_task",
]
