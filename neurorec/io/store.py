"""The store: datasets as netCDF files that come back identical."""

import os
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neurorec.recording import FileError, InputError, check_recording

STORABLE = "biufUO"

# Compression costs more than it saves below this many values.
WORTH_COMPRESSING = 1024


def save_recording(recording: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Check a recording and save it as netCDF.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording.
    path : path
        Where to; an existing file is replaced at once when the new one is complete.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    RecordingError
        Where the dataset is not a recording.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from neurorec.recording import recording_from_arrays
    >>> recording = recording_from_arrays(np.ones((10, 2)), bin_width=0.01, area=["V1", "PPC"])
    >>> path = save_recording(recording, mkdtemp() + "/recording.nc")
    >>> load_recording(path).identical(recording)
    True
    """
    return save_dataset(check_recording(recording), path)


def load_recording(path: str | os.PathLike[str]) -> xr.Dataset:
    """Load a recording that `save_recording` saved, and check it.

    Parameters
    ----------
    path : path
        A netCDF file.

    Returns
    -------
    xarray.Dataset
        The recording, in memory.
    """
    return check_recording(load_dataset(path))


def save_dataset(dataset: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Save any dataset of numbers, booleans and strings as netCDF.

    Parameters
    ----------
    dataset : xarray.Dataset
        Attributes may be strings and numbers.
    path : path
        Where to. The file is written under another name first and takes its place when complete, so that a reader
        never meets half a file.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InputError
        Where a variable or an attribute cannot be stored as it is.
    """
    plain = _storable(dataset)
    return _written(Path(path), lambda to: plain.to_netcdf(to, engine="h5netcdf", encoding=_encoding(plain)))


def load_dataset(path: str | os.PathLike[str]) -> xr.Dataset:
    """Load a dataset that `save_dataset` saved.

    Parameters
    ----------
    path : path
        A netCDF file.

    Returns
    -------
    xarray.Dataset
        In memory, identical to what was saved.

    Raises
    ------
    FileError
        Where there is no such file, or it is not netCDF.
    """
    return _restored(_read(Path(path), xr.open_dataset))


def save_tree(tree: xr.DataTree, path: str | os.PathLike[str]) -> Path:
    """Save a tree of one dataset for each session as netCDF, a group each.

    Parameters
    ----------
    tree : xarray.DataTree
        Its children hold datasets as for `save_dataset`; its root has attributes at most.
    path : path
        Where to, as for `save_dataset`.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InputError
        Where a variable or an attribute cannot be stored as it is.
    """
    parts = {name: _storable(child.to_dataset()) for name, child in tree.children.items()}
    plain = xr.DataTree.from_dict({"/": xr.Dataset(attrs=_storable_attrs("root", tree.attrs)), **parts})
    encoding = {f"/{name}": _encoding(part) for name, part in parts.items()}
    return _written(Path(path), lambda to: plain.to_netcdf(to, engine="h5netcdf", encoding=encoding))


def load_tree(path: str | os.PathLike[str]) -> xr.DataTree:
    """Load a tree that `save_tree` saved.

    Parameters
    ----------
    path : path
        A netCDF file.

    Returns
    -------
    xarray.DataTree
        In memory, identical to what was saved.

    Raises
    ------
    FileError
        Where there is no such file, or it is not netCDF.
    """
    tree = _read(Path(path), xr.open_datatree)
    parts = {name: _restored(child.to_dataset()) for name, child in tree.children.items()}
    attrs = {name: _python(value) for name, value in tree.attrs.items()}
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs=attrs), **parts})


def _written(path: Path, write: Callable[[Path], object]) -> Path:
    """Write a file under another name, and put it in its place when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        write(unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _read(path: Path, opener: Callable[..., Any]) -> Any:
    """What a netCDF file holds, in memory."""
    if not path.is_file():
        raise FileError(str(path), expected="a netCDF file", found="nothing at this path", remedy="check the path")
    try:
        # Seconds are plain numbers here: decoding times would turn units="seconds" into durations.
        with opener(path, engine="h5netcdf", decode_times=False, decode_timedelta=False) as opened:
            return opened.load()
    except (OSError, ValueError) as error:
        found = str(error).split("\n")[0]
        raise FileError(str(path), expected="a netCDF file", found=found, remedy="save it again") from error


def _encoding(dataset: xr.Dataset) -> dict[Hashable, dict[str, Any]]:
    """What is worth compressing."""
    return {
        name: {"zlib": True, "complevel": 1, "shuffle": True}
        for name, variable in dataset.variables.items()
        if variable.size > WORTH_COMPRESSING and variable.dtype.kind != "U"
    }


def _storable(dataset: xr.Dataset) -> xr.Dataset:
    """A copy without leftovers of an earlier file; what would come back changed is refused."""
    plain = dataset.copy()
    plain.attrs = _storable_attrs("dataset", dataset.attrs)
    for name, variable in dataset.variables.items():
        kind = variable.dtype.kind
        strings = kind != "O" or all(isinstance(value, str) for value in variable.values.ravel())
        if kind not in STORABLE or not strings or variable.dtype == np.float16 or variable.dtype == np.longdouble:
            raise InputError(
                str(name),
                expected="numbers, booleans or strings",
                found=f"dtype {variable.dtype}" if strings else "other objects",
                remedy="convert it before saving",
            )
        values = variable.values.astype(np.str_) if kind == "O" else variable.values
        plain[name] = (variable.dims, values, _storable_attrs(str(name), variable.attrs))
        plain[name].encoding = {"_FillValue": None} if kind == "f" else {}
    return plain.set_coords(list(dataset.coords))


def _storable_attrs(owner: str, attrs: Mapping[Hashable, Any]) -> dict[str, str | int | float]:
    """Attributes as Python strings and numbers."""
    plain: dict[str, str | int | float] = {}
    for name, value in attrs.items():
        if isinstance(value, np.generic):
            value = value.item()
        if not isinstance(value, str | int | float):
            raise InputError(
                f"{owner}.attrs[{name!r}]",
                expected="a string or a number",
                found=type(value).__name__,
                remedy="write it as text, for example as JSON",
            )
        plain[str(name)] = int(value) if isinstance(value, bool) else value
    return plain


def _restored(dataset: xr.Dataset) -> xr.Dataset:
    """Strings and attributes as they were before saving, without traces of the file."""
    restored = dataset.copy()
    for name, variable in dataset.variables.items():
        values = variable.values
        if values.dtype.kind in "OT":
            values = values.astype(np.str_)
        attrs = {key: _python(value) for key, value in variable.attrs.items()}
        restored[name] = (variable.dims, values, attrs)
        restored[name].encoding = {}
    restored.attrs = {key: _python(value) for key, value in dataset.attrs.items()}
    restored.encoding = {}
    return restored.set_coords(list(dataset.coords))


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
