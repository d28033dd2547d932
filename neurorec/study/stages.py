"""Stages: each makes one file, once, and knows whether it is still the file it should be."""

import hashlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from neurorec.recording import DataWarning

try:
    import resource
except ImportError:  # Windows
    resource = None

# What decides a number. Reports, figures and the command may change without making results stale.
RECORDED = ("recording", "io", "design", "datasets", "glm", "recurrence")
MODELLED = ("recording", "tasks", "networks", "training", "dynamics", "fitted", "comparison")


@dataclass(frozen=True)
class StageRecord:
    """What is known of a stage that is done.

    Attributes
    ----------
    name : str
        Which stage.
    fingerprint : str
        Of everything the file follows from.
    seconds : float
        Wall time it took.
    peak_memory : int
        Largest memory of the process until then, bytes.
    warnings : tuple of str
        What the user was told while it ran.
    reused : bool
        Whether the file was already there.
    """

    name: str
    fingerprint: str
    seconds: float
    peak_memory: int
    warnings: tuple[str, ...] = ()
    reused: bool = False


@dataclass(frozen=True)
class Stage:
    """A file that is to be made, and what it follows from.

    Attributes
    ----------
    name : str
        Which stage.
    target : Path
        The file.
    fingerprint : str
        Of everything the file follows from.
    stamp : Path
        Where the record of the stage is kept.
    """

    name: str
    target: Path
    fingerprint: str
    stamp: Path

    def record(self) -> StageRecord | None:
        """Return the record of the stage if it is done and its file still follows from the same inputs."""
        try:
            table = json.loads(self.stamp.read_text(encoding="utf-8"))
            done = StageRecord(**{**table, "warnings": tuple(table["warnings"]), "reused": True})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return done if done.fingerprint == self.fingerprint and self.target.is_file() else None


def plan_stage(
    name: str,
    target: Path,
    inputs: Mapping[str, Any],
    *,
    stamps: Path | None = None,
    rooms: tuple[str, ...] = RECORDED,
) -> Stage:
    """Plan a stage.

    Parameters
    ----------
    name : str
        Which stage.
    target : Path
        The file to be made.
    inputs : mapping
        Everything the file follows from, as strings, numbers, lists and tables: settings and the fingerprints of
        earlier stages. The version of the code that decides numbers is added.
    stamps : Path, optional
        Folder of the record; by default that of the file.
    rooms : tuple of str
        Folders of the package whose code decides what is made: `RECORDED` or `MODELLED`.

    Returns
    -------
    Stage
    """
    stamp = (stamps or target.parent) / f"{target.name}.json"
    return Stage(name, target, fingerprint_of({"stage": name, "code": code_version(rooms), **inputs}), stamp)


def finish_stage(stage: Stage, make: Callable[[Path], None]) -> StageRecord:
    """Make a stage's file, unless it is there already and follows from the same inputs.

    The file appears under its name only when it is whole: it is written beside it and moved. The record of the stage
    is removed before and written after, so that a kill at any moment leaves either a finished stage or one that is
    done again.

    Parameters
    ----------
    stage : Stage
        From :func:`plan_stage`.
    make : callable
        Writes the file to the path it is given.

    Returns
    -------
    StageRecord
    """
    done = stage.record()
    if done is not None:
        return done
    for folder in (stage.target.parent, stage.stamp.parent):
        folder.mkdir(parents=True, exist_ok=True)
    stage.stamp.unlink(missing_ok=True)
    partial = stage.target.with_name(f".partial-{stage.target.name}")
    began = time.perf_counter()
    try:
        said = _listening(lambda: make(partial))
        os.replace(partial, stage.target)
    finally:
        partial.unlink(missing_ok=True)
    record = StageRecord(stage.name, stage.fingerprint, time.perf_counter() - began, peak_memory(), said)
    write_text(stage.stamp, json.dumps(asdict(record), indent=1))
    return record


def write_text(path: Path, text: str) -> None:
    """Write a whole text file or nothing."""
    partial = path.with_name(f".partial-{path.name}")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def fingerprint_of(inputs: Mapping[str, Any]) -> str:
    """Return a hash of plain tables, whatever the order of their keys.

    Examples
    --------
    >>> fingerprint_of({"a": 1, "b": [2]}) == fingerprint_of({"b": [2], "a": 1}) != fingerprint_of({"a": 1})
    True
    """
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def file_hash(path: Path, *, progress: Callable[[int], None] = lambda n: None) -> str:
    """SHA-256 of a file, calling progress with the number of bytes of each piece."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            digest.update(piece)
            progress(len(piece))
    return digest.hexdigest()


@cache
def code_version(rooms: tuple[str, ...] = RECORDED) -> str:
    """Version of the package, and a hash of those of its files that decide a number."""
    root = Path(str(files("neurorec")))
    digest = hashlib.sha256()
    for folder in rooms:
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return f"{version('neurorec')}+{digest.hexdigest()[:12]}"


def peak_memory() -> int:
    """Largest resident memory of this process so far, bytes; 0 where the system does not say."""
    if resource is None:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def _listening(work: Callable[[], None]) -> tuple[str, ...]:
    """Do the work and return what it warned of; warnings that are not about the data pass on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        work()
    for other in caught:
        if not issubclass(other.category, DataWarning):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return tuple(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, DataWarning)))
