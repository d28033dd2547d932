"""The recording: its schema, and what can be done with any recording."""

from neurorec.recording.aligning import assign_trials
from neurorec.recording.binarising import binarise
from neurorec.recording.binning import (
    BIN_TOLERANCE,
    Bins,
    average_in_bins,
    bin_intervals,
    clip_intervals,
    count_spikes,
    find_bins,
    merge_intervals,
    observed_mask,
    subtract_intervals,
)
from neurorec.recording.building import add_blocks, add_trials, recording_from_arrays
from neurorec.recording.errors import (
    DataWarning,
    FileError,
    InputError,
    RecordingError,
    SelectionError,
    first_offenders,
)
from neurorec.recording.given import are_numbers, check_array, check_count, check_number, check_rng, plain
from neurorec.recording.schema import check_recording, signals, trial_columns

__all__ = [
    "BIN_TOLERANCE",
    "Bins",
    "DataWarning",
    "FileError",
    "InputError",
    "RecordingError",
    "SelectionError",
    "add_blocks",
    "add_trials",
    "are_numbers",
    "assign_trials",
    "average_in_bins",
    "bin_intervals",
    "binarise",
    "check_array",
    "check_count",
    "check_number",
    "check_recording",
    "check_rng",
    "clip_intervals",
    "count_spikes",
    "find_bins",
    "first_offenders",
    "merge_intervals",
    "observed_mask",
    "plain",
    "recording_from_arrays",
    "signals",
    "subtract_intervals",
    "trial_columns",
]
