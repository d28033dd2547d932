"""Foreign formats, one door each, and the store that keeps recordings and results."""

from neurorec.io.nwb.inspection import describe_inspection, inspect_nwb
from neurorec.io.nwb.read import read_nwb
from neurorec.io.nwb.write import write_nwb
from neurorec.io.store import load_dataset, load_recording, load_tree, save_dataset, save_recording, save_tree

__all__ = [
    "describe_inspection",
    "inspect_nwb",
    "load_dataset",
    "load_recording",
    "load_tree",
    "read_nwb",
    "save_dataset",
    "save_recording",
    "save_tree",
    "write_nwb",
]
