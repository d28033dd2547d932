"""The catalogue of tasks: a name for each, in snake case."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial

from neurorec.recording import InputError
from neurorec.tasks.characters import CharacterPrediction
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
from neurorec.tasks.narma import NARMA
from neurorec.tasks.oculomotor import OculomotorIntegrator
from neurorec.tasks.parametric_memory import ParametricWorkingMemory
from neurorec.tasks.parity import Parity
from neurorec.tasks.ready_set_go import ReadySetGo
from neurorec.tasks.reber import EmbeddedReber, Reber
from neurorec.tasks.sine_wave import SineWave
from neurorec.tasks.sound_location import SoundLocation
from neurorec.tasks.task import Task
from neurorec.tasks.temporal_xor import TemporalXOR
from neurorec.tasks.tomita import Tomita

# What makes each task as it is by default: those of trials in continuous time, then those of symbols and series.
TASKS: dict[str, Callable[[], Task]] = {
    "noisy_evidence": NoisyEvidence,
    "sound_location": SoundLocation,
    "contrast_discrimination": ContrastDiscrimination,
    "context_integration": ContextIntegration,
    "flip_flop": FlipFlop,
    "oculomotor_integrator": OculomotorIntegrator,
    "delayed_match_to_sample": DelayedMatchToSample,
    "parametric_working_memory": ParametricWorkingMemory,
    "ready_set_go": ReadySetGo,
    "sine_wave": SineWave,
    "temporal_xor": TemporalXOR,
    "hard_images": HardImages,
    "reber": Reber,
    "embedded_reber": EmbeddedReber,
    "tomita": Tomita,
    **{f"tomita_{k}": partial(Tomita, grammar=k) for k in range(1, 8)},
    "counting": Counting,
    "parity": Parity,
    "delayed_addition": DelayedAddition,
    "copy_memory": CopyMemory,
    "character_prediction": CharacterPrediction,
    "narma": NARMA,
    "mackey_glass": MackeyGlass,
    "lorenz": Lorenz,
}


def find_task(name: str) -> Task:
    """The task of a name, as it is by default.

    Parameters
    ----------
    name : str
        A key of `TASKS`.

    Returns
    -------
    Task
        For other timings or difficulties make it from its class: ``NoisyEvidence(stimulus=2.0)``.

    Raises
    ------
    InputError
        A name that is not there, with the one that it is most like.

    Examples
    --------
    >>> find_task("flip_flop").n_bits
    3
    >>> find_task("flipflop")
    Traceback (most recent call last):
    ...
    neurorec.recording.errors.InputError: task: expected a name of neurorec.tasks.TASKS, found 'flipflop';
    did you mean 'flip_flop'?
    """
    if name not in TASKS:
        near = get_close_matches(str(name).lower(), TASKS, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(TASKS)}"
        raise InputError("task", expected="a name of neurorec.tasks.TASKS", found=repr(name), remedy=remedy)
    return TASKS[name]()
