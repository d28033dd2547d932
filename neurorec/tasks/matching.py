"""The task of a recording: which of those there are its trial table tells of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.recording import InputError, trial_columns
from neurorec.tasks.contrast import ContrastDiscrimination
from neurorec.tasks.evidence import NoisyEvidence
from neurorec.tasks.sound_location import SoundLocation
from neurorec.tasks.task import Task

_SHORTEST, _LONGEST = 0.2, 3.0  # s of a stimulus: shorter is no time to integrate, longer trains for hours
_FINEST, _COARSEST = 0.01, 0.05  # s of a network's step
_SIDES = ("left", "right")


@dataclass(frozen=True)
class TaskMatch:
    """A task, and how its trials go with those of a recording.

    Parameters
    ----------
    task : Task
        With the recording's own conditions, lengths and bins, as far as it has such.
    recorded, modelled : tuple of str
        Columns of the recording's trial table and of the task's trials that mean the same, in the same order.
    values : dict of str to dict of str to str
        By recorded column: what the recording calls the task's value, where it is called otherwise.
    anchor : str
        The task's column of times, s, that goes with the start of the recording's trials.
    why : str
        What was seen in the trial table, in words.
    """

    task: Task
    recorded: tuple[str, ...]
    modelled: tuple[str, ...]
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    anchor: str = "stimulus_start"
    why: str = ""

    def conditions(self, trials: xr.Dataset) -> dict[str, NDArray]:
        """The task's trials under the names and values of the recording: ``(trial,)`` by recorded column."""
        found = {}
        for recorded, modelled in zip(self.recorded, self.modelled, strict=True):
            own, values = self.values.get(recorded, {}), trials[modelled].values
            found[recorded] = np.array([own.get(str(v), v) for v in values]) if own else values
        return found


class _Table(NamedTuple):
    """What matching looks at."""

    columns: dict[str, NDArray]
    duration: float  # s, median of the trials
    dt: float

    def levels(self, name: str) -> list:
        """Different values of a column, without missing ones."""
        values = self.columns[name]
        known = values[np.isfinite(values)] if values.dtype.kind == "f" else values[values.astype(str) != ""]
        return np.unique(known).tolist()


def match_task(recording: xr.Dataset) -> TaskMatch | None:
    """The task that a recording's trial table tells of, or None where it tells of none that there is.

    Looked for, in this order: two contrasts (`ContrastDiscrimination`), locations of a sound (`SoundLocation`), signed
    coherences (`NoisyEvidence`), and a column of stimuli or instructions that names two sides (`NoisyEvidence`, or,
    with a column that names a delay or a cue, `SoundLocation` of two locations). Never guessed from numbers alone.

    Parameters
    ----------
    recording : xarray.Dataset
        With a trial table.

    Returns
    -------
    TaskMatch or None

    Raises
    ------
    InputError
        For a recording without trials.

    Examples
    --------
    >>> import pandas as pd
    >>> from neurorec.recording import recording_from_arrays
    >>> table = {"start": [0.0, 1.0, 2.0], "stop": [0.5, 1.5, 2.5]}
    >>> table |= {"contrast_left": [0, 1, 0.5], "contrast_right": [0.0, 0.25, 0.0]}
    >>> recording = recording_from_arrays(np.zeros((60, 2), dtype=int), bin_width=0.05, trials=pd.DataFrame(table))
    >>> found = match_task(recording)
    >>> found.task.pairs, found.task.stimulus, found.recorded
    (((0.0, 0.0), (0.5, 0.0), (1.0, 0.25)), 0.5, ('contrast_left', 'contrast_right'))
    """
    if "trial" not in recording.dims:
        raise InputError("recording", expected="trials", found="none", remedy="read a trial table with it")
    columns = {name: recording[name].values for name in trial_columns(recording)}
    lengths = recording["stop"].values - recording["start"].values
    known = lengths[np.isfinite(lengths)]
    duration = float(np.clip(np.median(known) if known.size else 1.0, _SHORTEST, _LONGEST))
    dt = float(np.clip(recording["activity"].attrs["bin_width"], _FINEST, _COARSEST))
    table = _Table(columns, round(duration / dt) * dt, dt)
    return next(filter(None, (matches(table) for matches in _MATCHES)), None)


def _contrasts(table: _Table) -> TaskMatch | None:
    """Contrasts of two gratings."""
    names = ("contrast_left", "contrast_right")
    if not all(name in table.columns and table.columns[name].dtype.kind in "iuf" for name in names):
        return None
    shown = np.column_stack([table.columns[name] for name in names]).astype(float)
    shown = shown[np.isfinite(shown).all(axis=1)]
    if not len(shown) or (shown < 0).any() or (shown > 1).any():
        return None
    pairs = tuple(map(tuple, np.unique(shown, axis=0).tolist()))
    task = ContrastDiscrimination(pairs=pairs, stimulus=table.duration, dt=table.dt)  # type: ignore[arg-type]
    why = f"columns {names[0]} and {names[1]}, {len(pairs)} pairs of contrasts"
    return TaskMatch(task, names, names, why=why)


def _locations(table: _Table) -> TaskMatch | None:
    """Where a sound comes from, in degrees."""
    for name in ("location", "sound_location", "azimuth"):
        if name not in table.columns or table.columns[name].dtype.kind not in "iuf":
            continue
        levels = table.levels(name)
        try:
            task = SoundLocation(locations=tuple(levels), sound=table.duration, delay=0.0, dt=table.dt)
        except InputError:  # other numbers than locations left and right
            continue
        why = f"column {name}, {len(levels)} locations"
        return TaskMatch(task, (name,), ("location",), anchor="sound_start", why=why)
    return None


def _coherences(table: _Table) -> TaskMatch | None:
    """Strength of evidence, signed by its side."""
    for name in ("coherence", "signed_coherence", "motion_coherence", "evidence"):
        if name not in table.columns or table.columns[name].dtype.kind not in "iuf":
            continue
        levels = np.array(table.levels(name), dtype=float)
        if levels.size < 2 or levels.min() >= 0 or levels.max() <= 0 or np.abs(levels).max() > 1 or (levels == 0).any():
            continue
        task = NoisyEvidence(tuple(np.unique(np.abs(levels)).tolist()), stimulus=table.duration, dt=table.dt)
        return TaskMatch(task, (name,), ("coherence",), why=f"column {name}, {levels.size} signed coherences")
    return None


def _sides(table: _Table) -> TaskMatch | None:
    """Stimuli or instructions of two sides, such as "left" and "right" or "lick left" and "lick right"."""
    for name in ("stimulus", "instruction", "trial_instruction", "trial_type", "type", "side"):
        if name not in table.columns or table.columns[name].dtype.kind not in "UO":
            continue
        levels = [str(level) for level in table.levels(name)]
        sides = {side: level for side in _SIDES for level in levels if side in level.lower()}
        if len(levels) != 2 or len(set(sides.values())) != 2:
            continue
        own = {side: level for side, level in sides.items() if side != level}
        why = f"column {name}: {sides['left']} or {sides['right']}"
        values = {name: own} if own else {}
        if any("delay" in other or "cue" in other for other in table.columns):
            task = SoundLocation(locations=(-90.0, 90.0), dt=table.dt)
            why += ", with a delay (lengths of periods are the task's own)"
            return TaskMatch(task, (name,), ("side",), values, anchor="sound_start", why=why)
        task = NoisyEvidence((0.4,), noise=0.25, stimulus=table.duration, dt=table.dt)
        return TaskMatch(task, (name,), ("side",), values, why=why)
    return None


_MATCHES: tuple[Callable[[_Table], TaskMatch | None], ...] = (_contrasts, _locations, _coherences, _sides)
