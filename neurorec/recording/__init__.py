"""The recording: its schema, and what can be done with any recording."""

from neurorec.recording.aligning import assign_trials
from neurorec.recording.building import add_blocks, add_trials, recording_from_arrays
from neurorec.recording.errors import (
    DataWarning,
    FileError,
    InputError,
    RecordingError,
    SelectionError,
    first_offenders,
)
from neurorec.recording.schema import check_recording, signals, trial_columns

__all__ = [
    "DataWarning",
    "FileError",
    "InputError",
    "RecordingError",
    "SelectionError",
    "add_blocks",
    "add_trials",
    "assign_trials",
    "check_recording",
    "first_offenders",
    "recording_from_arrays",
    "signals",
    "trial_columns",
]
