"""The store: what is saved comes back identical, or is refused."""

import os

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neurorec.io import load_dataset, load_recording, save_dataset, save_recording
from neurorec.recording import FileError, InputError, RecordingError, recording_from_arrays

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"]
words = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8)
attributes = st.dictionaries(
    st.sampled_from(["units", "source", "kind", "note"]),
    words | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False),
)


@st.composite
def variables(draw):
    """A variable over time (5), unit (3), both or nothing, of any type that can be stored."""
    shape = draw(st.sampled_from([("time", 5), ("unit", 3), ("both", (5, 3)), ("none", ())]))
    dims = {"time": ("time",), "unit": ("unit",), "both": ("time", "unit"), "none": ()}[shape[0]]
    dtype = draw(st.sampled_from([*DTYPES, "U"]))
    if dtype == "U":
        size = int(np.prod(shape[1]))
        values = np.array(draw(st.lists(words, min_size=size, max_size=size)), dtype=str).reshape(shape[1])
    else:
        values = draw(arrays(dtype, shape[1]))
    return dims, values, draw(attributes)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(list("abcdef")), variables(), max_size=4), variables(), attributes)
def test_any_dataset_comes_back_identical(tmp_path, items, coordinate, attrs):
    dataset = xr.Dataset(items, coords={"extra": coordinate, "time": np.arange(5) * 0.1}, attrs=attrs)
    back = load_dataset(save_dataset(dataset, tmp_path / "any.nc"))
    xr.testing.assert_identical(back, dataset)
    for name in dataset.variables:
        expected = dataset[name].dtype
        assert back[name].dtype.kind == expected.kind if expected.kind == "U" else back[name].dtype == expected
    assert all(type(back.attrs[key]) is type(value) for key, value in attrs.items())
    assert os.listdir(tmp_path) == ["any.nc"]


def full_recording():
    trials = pd.DataFrame({"start": [0.0, 0.5], "stop": [0.5, 1.0], "choice": ["left", ""], "ok": [True, False]})
    recording = recording_from_arrays(
        np.random.default_rng(0).poisson(0.2, (100, 30)).astype(np.int32),
        bin_width=0.01,
        area=["V1", ""] * 15,
        trials=trials,
        signals={"speed": np.full(100, np.nan)},
        observed=np.ones((100, 30), dtype=bool),
        attrs={"doubts": "One.\nTwo, ä µ.", "trials_are_blocks": 1},
    )
    recording["speed"].attrs |= {"units": "seconds", "period": 6.28}
    return recording


def test_a_recording_comes_back_identical(tmp_path):
    recording = full_recording()
    path = save_recording(recording, tmp_path / "new folder" / "recording.nc")
    xr.testing.assert_identical(load_recording(path), recording)
    again = save_recording(load_recording(path), tmp_path / "again.nc")
    xr.testing.assert_identical(load_recording(again), recording)


def test_selections_and_joins_can_be_saved(tmp_path):
    recording = full_recording()
    some = load_recording(save_recording(recording, tmp_path / "a.nc")).isel(unit=slice(0, 4), time=slice(0, 50))
    xr.testing.assert_identical(load_recording(save_recording(some, tmp_path / "b.nc")), some)


def test_empty_dimensions(tmp_path):
    dataset = xr.Dataset({"x": ("unit", np.empty(0)), "name": ("unit", np.empty(0, dtype="U3"))})
    back = load_dataset(save_dataset(dataset, tmp_path / "empty.nc"))
    assert back["name"].dtype.kind == "U"
    assert back.sizes == {"unit": 0}


def test_only_recordings_are_saved_and_loaded_as_such(tmp_path):
    dataset = xr.Dataset({"x": ("unit", [1.0])})
    with pytest.raises(RecordingError):
        save_recording(dataset, tmp_path / "x.nc")
    with pytest.raises(RecordingError):
        load_recording(save_dataset(dataset, tmp_path / "x.nc"))


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        (xr.Dataset({"when": ("t", np.array(["2020-01-01"], dtype="M8[ns]"))}), "when"),
        (xr.Dataset({"z": ("t", np.array([1j]))}), "z"),
        (xr.Dataset({"mixed": ("t", np.array(["a", 1], dtype=object))}), "mixed"),
        (xr.Dataset(attrs={"settings": {"a": 1}}), "settings"),
        (xr.Dataset(attrs={"many": [1, 2]}), "many"),
    ],
)
def test_what_would_come_back_changed_is_refused(tmp_path, dataset, name):
    with pytest.raises(InputError, match=name):
        save_dataset(dataset, tmp_path / "x.nc")
    assert not list(tmp_path.iterdir())


def test_a_failed_save_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = save_recording(full_recording(), tmp_path / "recording.nc")
    before = path.read_bytes()

    def fail(self, target, **options):
        target.write_bytes(b"half a file")
        raise OSError("disk full")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    with pytest.raises(OSError, match="disk full"):
        save_recording(full_recording(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_saving_changes_nothing_in_place(tmp_path):
    recording = full_recording()
    kept = recording.copy(deep=True)
    save_recording(recording, tmp_path / "recording.nc")
    xr.testing.assert_identical(recording, kept)
    assert all(not recording[name].encoding for name in recording.variables)


def test_files_that_cannot_be_loaded(tmp_path):
    with pytest.raises(FileError, match="nothing at this path"):
        load_dataset(tmp_path / "gone.nc")
    (tmp_path / "text.nc").write_text("a letter")
    with pytest.raises(FileError, match="netCDF"):
        load_dataset(tmp_path / "text.nc")
