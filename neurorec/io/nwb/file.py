"""An NWB file: opened for reading, or refused in one line.

The HDF5 layout of NWB 2 has been stable since its first release, so files are read through h5py: whatever the version
of the schema and whatever extensions it uses, without their definitions, a part at a time, and in bulk.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from neurorec.recording import FileError, InputError

NwbSource = str | os.PathLike[str] | BinaryIO


@contextmanager
def open_nwb(source: NwbSource) -> Iterator[h5py.File]:
    """Open an NWB 2 file.

    Parameters
    ----------
    source : path or binary file
        A local file, or an object that reads like one (``remfile.File(url)`` for a file on a server).

    Yields
    ------
    h5py.File

    Raises
    ------
    FileError
        Where there is no file, or it is not a readable NWB 2 file in HDF5.
    """
    name = source_name(source)
    if isinstance(source, str | os.PathLike):
        _check_path(name)
    with _open_hdf5(name, source) as file:
        try:
            _check_version(name, file)
            yield file
        except OSError as error:
            remedy = "the file may be damaged (copy it again) or compressed by a filter of the hdf5plugin package"
            raise FileError(name, expected="readable data", found=_first_line(error), remedy=remedy) from error


def source_name(source: NwbSource) -> str:
    """How a source is called in messages and attributes."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "name", "") or getattr(source, "url", "") or type(source).__name__)


@contextmanager
def salvage(what: str, doubts: list[str]) -> Iterator[None]:
    """Leave out, and say so, a part of a file that cannot be read."""
    try:
        yield
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        doubts.append(f"{what} could not be read ({_first_line(error)}) and was left out.")


def text(value: Any) -> str:
    """A string, whichever way HDF5 holds it."""
    if isinstance(value, np.ndarray):
        return ", ".join(text(item) for item in value.ravel())
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value)


def scalar_text(group: h5py.Group, path: str) -> str:
    """The text of a scalar dataset, "" where there is none."""
    item = group.get(path)
    return text(item[()]).strip() if isinstance(item, h5py.Dataset) else ""


def dataset(group: h5py.Group, path: str) -> h5py.Dataset:
    """A dataset that must be there."""
    item = group.get(path)
    if not isinstance(item, h5py.Dataset):
        raise KeyError(f"no dataset {path} in {label(group)}")
    return item


def target(group: h5py.Group | h5py.Dataset, reference: Any) -> h5py.Group | h5py.Dataset:
    """The object that a reference points at."""
    item = group.file[reference]
    if not isinstance(item, h5py.Group | h5py.Dataset):
        raise KeyError(f"a reference in {label(group)} points at nothing")
    return item


def neurodata_type(item: h5py.HLObject) -> str:
    """The type that NWB gives an object, "" for plain groups."""
    return text(item.attrs.get("neurodata_type", ""))


def label(item: h5py.Group | h5py.Dataset) -> str:
    """The path of an object inside its file, as a user would write it."""
    return str(item.name).strip("/")


def find_groups(file: h5py.File) -> list[h5py.Group]:
    """Every group of a file that holds data, in the order of their paths."""
    found: list[h5py.Group] = []

    def note(name: str, item: object) -> None:
        if isinstance(item, h5py.Group) and not name.startswith("specifications"):
            found.append(item)

    try:
        file.visititems(note)
    except (RuntimeError, KeyError) as error:
        raise OSError(_first_line(error)) from error
    return found


def _open_hdf5(name: str, source: NwbSource) -> h5py.File:
    try:
        return h5py.File(source, "r")
    except OSError as error:
        remedy = "the file may be cut short: copy or download it again"
        raise FileError(name, expected="a readable HDF5 file", found=_first_line(error), remedy=remedy) from error


def _check_path(name: str) -> None:
    path = Path(name)
    if "://" in name:
        remedy = "open it first, for example with remfile.File(url), and pass the open file"
        _refuse(name, "a local path or an open file", "an address", remedy)
    if not path.exists():
        _refuse(name, "an NWB file", "nothing at this path", "check the path")
    if path.is_dir():
        if any((path / inner).exists() for inner in (".zgroup", ".zattrs", "zarr.json", ".zmetadata")):
            remedy = "export it to HDF5 with hdmf-zarr (NWBZarrIO to read, NWBHDF5IO.export to write)"
            _refuse(name, "an NWB file in HDF5", "a Zarr directory", remedy)
        _refuse(name, "an NWB file", "a directory", "give the path of one file inside it")
    if path.stat().st_size == 0:
        _refuse(name, "an NWB file", "an empty file", "copy or download it again")
    if not h5py.is_hdf5(name):
        _refuse(name, "an NWB file (HDF5)", "a file of another format", "convert it, for example with NeuroConv")


def _check_version(name: str, file: h5py.File) -> None:
    version = text(file.attrs.get("nwb_version", "")) or scalar_text(file, "nwb_version")
    version = version.removeprefix("NWB-")
    if not version:
        remedy = "convert it to NWB, for example with NeuroConv"
        _refuse(name, "an NWB file", "an HDF5 file without nwb_version", remedy)
    if version.startswith(("0", "1")):
        remedy = "NWB 1 is another format: look for an NWB 2 version of the data set, or convert the file"
        _refuse(name, "NWB 2", f"NWB {version}", remedy)


def _refuse(name: str, expected: str, found: str, remedy: str) -> None:
    raise FileError(name, expected=expected, found=found, remedy=remedy)


def _first_line(error: BaseException) -> str:
    return str(error).strip().strip("'\"").split("\n")[0] or type(error).__name__
