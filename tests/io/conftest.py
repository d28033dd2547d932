"""Small NWB files, well formed or not, and a reader that hands back the doubts."""

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from neurorec.io import read_nwb
from neurorec.recording import DataWarning


class FileBuilder:
    """Write parts of an NWB file as HDF5, including parts that no well-behaved writer would write."""

    def __init__(self, path: Path, version: str | None = "2.6.0") -> None:
        self.path = path
        with h5py.File(path, "w") as file:
            if version is not None:
                file.attrs["nwb_version"] = version
            file["identifier"] = "made for a test"
            file["session_start_time"] = "2020-01-01T00:00:00+00:00"

    def table(self, where, columns, *, ids=None, kind="DynamicTable"):
        """A table; a list of arrays or of lists becomes a ragged column."""
        with h5py.File(self.path, "a") as file:
            group = file.require_group(where)
            group.attrs["neurodata_type"] = kind
            group.attrs["colnames"] = np.array(list(columns), dtype=h5py.string_dtype())
            n_rows = 0
            for name, values in columns.items():
                if isinstance(values, list) and values and isinstance(values[0], list | np.ndarray):
                    flat = np.concatenate([np.asarray(item, dtype=_dtype(item)) for item in values])
                    group[name] = flat
                    group[f"{name}_index"] = np.cumsum([len(item) for item in values])
                else:
                    group[name] = np.asarray(values, dtype=_dtype(values))
                n_rows = len(values)
            group["id"] = np.arange(n_rows) if ids is None else ids
        return self

    def electrodes(self, location, *, ids=None, group_location=None):
        """Electrodes in groups, one per location of the group."""
        self.table("general/extracellular_ephys/electrodes", {"location": location}, ids=ids)
        group_location = location if group_location is None else group_location
        with h5py.File(self.path, "a") as file:
            ephys = file["general/extracellular_ephys"]
            for k, name in enumerate(group_location):
                group = ephys.create_group(f"group{k}")
                group.attrs["location"] = name
            references = [ephys[f"group{k}"].ref for k in range(len(group_location))]
            ephys["electrodes"].create_dataset("group", data=np.array(references, dtype=h5py.ref_dtype))
        return self

    def units(self, spike_times, *, ids=None, **columns):
        """Units with spikes."""
        spike_times = [np.asarray(own, dtype=float) for own in spike_times]
        return self.table("units", {"spike_times": spike_times, **columns}, ids=ids, kind="Units")

    def intervals(self, name, columns, *, ids=None):
        """An interval table."""
        return self.table(f"intervals/{name}", columns, ids=ids, kind="TimeIntervals")

    def series(self, where, data, *, timestamps=None, rate=None, start=0.0, kind="TimeSeries", unit="n/a", **attrs):
        """A time series."""
        with h5py.File(self.path, "a") as file:
            group = file.require_group(where)
            group.attrs["neurodata_type"] = kind
            group["data"] = np.asarray(data)
            group["data"].attrs["unit"] = unit
            group["data"].attrs.update(attrs)
            if timestamps is not None:
                group["timestamps"] = np.asarray(timestamps, dtype=float)
            if rate is not None:
                group["starting_time"] = float(start)
                group["starting_time"].attrs["rate"] = float(rate)
        return self

    def kind(self, where, name):
        """Give a group a type."""
        with h5py.File(self.path, "a") as file:
            file.require_group(where).attrs["neurodata_type"] = name
        return self

    def plane(self, where, location, columns, *, ids=None):
        """A table of regions of interest in an imaging plane."""
        self.table(where, columns, ids=ids, kind="PlaneSegmentation")
        with h5py.File(self.path, "a") as file:
            plane = file.require_group(f"general/optophysiology/plane_of_{where.split('/')[-1]}")
            plane["location"] = location
            file[where]["imaging_plane"] = h5py.SoftLink(plane.name)
        return self

    def rois(self, series, table, rows):
        """Link the channels of a series to rows of a table of regions of interest."""
        with h5py.File(self.path, "a") as file:
            file[series]["rois"] = np.asarray(rows)
            file[series]["rois"].attrs["table"] = file[table].ref
        return self

    def edit(self, function):
        """Do anything else to the open file."""
        with h5py.File(self.path, "a") as file:
            function(file)
        return self


def _dtype(values):
    first = values[0] if len(values) else 0.0
    return h5py.string_dtype() if isinstance(first, str | bytes) else None


@pytest.fixture
def build(tmp_path):
    """Begin a small NWB file."""
    return lambda name="small.nwb", version="2.6.0": FileBuilder(tmp_path / name, version)


@pytest.fixture
def read():
    """Read a file; hand back the recording and its doubts, which must be the warnings too."""

    def reader(path, **options):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            recording = read_nwb(getattr(path, "path", path), **options)
        assert all(item.category is DataWarning for item in caught), [str(item.message) for item in caught]
        doubts = recording.attrs.get("doubts", "").split("\n") if "doubts" in recording.attrs else []
        assert doubts == [str(item.message) for item in caught]
        assert all(item.filename == __file__ for item in caught), "a warning points at the line that called read_nwb"
        return recording, doubts

    return reader


@pytest.fixture
def said():
    """Is there a doubt with all these words?"""
    return lambda doubts, *words: any(all(word in doubt for word in words) for doubt in doubts)
