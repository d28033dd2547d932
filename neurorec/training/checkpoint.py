"""Checkpoints: all that training needs to go on as if it had never stopped."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile
from zlib import crc32
from zlib import error as ZlibError

import jax
import numpy as np
from numpy.typing import NDArray

from neurorec.recording import FileError
from neurorec.tasks import Task
from neurorec.training.learner import Fixed, Learner
from neurorec.training.settings import TrainingSettings


class Progress(NamedTuple):
    """How far training is, beside the learner itself."""

    step: int  # updates done
    best: Any  # trained weights at the best look so far, of each seed (seed, ...)
    done: NDArray  # (seed,) why a seed is not trained any further: a place in `STATUS`, -1 while it is
    curves: dict[str, NDArray]  # (seed, step) and (seed, look)


def describe(task: Task, settings: TrainingSettings, seeds: tuple[int, ...], network: Any, fixed: Fixed) -> str:
    """What a checkpoint is of, in one string: it is gone on with only if this is the same.

    The number of steps may differ, unless the learning rate depends on it: so training can be lengthened. Of what is
    not trained, such as masks, which the checkpoint does not hold, a checksum is taken.
    """
    kept = asdict(settings)
    if settings.schedule == "constant":
        del kept["n_steps"]
    shape = str(jax.tree.structure(network)), [str(np.shape(leaf)) for leaf in jax.tree.leaves(network)]
    frozen = crc32(b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(fixed.arrays)))
    described = {"task": repr(task), "settings": kept, "seeds": seeds, "network": shape, "frozen parts": frozen}
    return json.dumps(described, sort_keys=True)


def save_checkpoint(path: Path, of: str, learner: Learner, progress: Progress) -> None:
    """Write a checkpoint; the file is replaced at once, or not at all."""
    leaves = jax.tree.leaves((learner, progress))
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with part.open("wb") as file:
        np.savez(file, np.array(of), *(np.asarray(leaf) for leaf in leaves))
    os.replace(part, path)


def load_checkpoint(path: Path, of: str, like: tuple[Learner, Progress]) -> tuple[Learner, Progress]:
    """Read a checkpoint.

    Parameters
    ----------
    path : Path
        Its file.
    of : str
        From `describe`.
    like : tuple
        Learner and progress of the same structure.

    Raises
    ------
    FileError
        If it is of another task, network or settings, or no checkpoint at all.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            found, *leaves = (held[f"arr_{k}"] for k in range(len(held.files)))  # in the order they were given
            found = str(found)
    except (OSError, EOFError, TypeError, ValueError, KeyError, BadZipFile, ZlibError) as error:
        remedy, found = "remove it, or name another", str(error).splitlines()[0]
        raise FileError(str(path), expected="a checkpoint", found=found, remedy=remedy) from error
    structure = jax.tree.structure(like)
    if found != of or structure.num_leaves != len(leaves):
        remedy = "name another file, or remove it to begin anew"
        raise FileError(str(path), expected=_differs(of, found), found="other ones", remedy=remedy)
    learner, progress = jax.tree.unflatten(structure, leaves)
    return learner, progress._replace(step=int(progress.step))


def _differs(of: str, found: str) -> str:
    """What of a checkpoint is not as it should be."""
    try:
        expected, there = json.loads(of), json.loads(found)
        names = [name for name in expected if json.dumps(expected[name]) != json.dumps(there.get(name))]
    except json.JSONDecodeError:
        names = []
    return f"a checkpoint of the same {' and '.join(names) or 'training'}"
