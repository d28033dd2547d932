import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurorec.recording import (
    InputError,
    RecordingError,
    check_recording,
    first_offenders,
    recording_from_arrays,
    signals,
    trial_columns,
)


@pytest.fixture
def recording():
    trials = pd.DataFrame({"start": [0.0, 1.0], "stop": [1.0, 2.0], "side": ["left", "right"]})
    return recording_from_arrays(
        np.ones((20, 3)), bin_width=0.1, area=["A", "B", ""], trials=trials, signals={"speed": np.zeros(20)}
    )


def test_a_good_recording_is_returned_as_it_is(recording):
    before = recording.copy(deep=True)
    assert check_recording(recording) is recording
    xr.testing.assert_identical(recording, before)
    assert trial_columns(recording) == ["side"]
    assert signals(recording) == ["speed"]


BREAKS = {
    "activity": lambda r: r.drop_vars("activity"),
    "transpose": lambda r: r.assign(activity=r["activity"].transpose()),
    "numbers": lambda r: r.assign(activity=r["activity"].astype(str)),
    "kind": lambda r: r.assign(activity=r["activity"].assign_attrs(kind="voltage")),
    "bin_width": lambda r: r.assign(activity=r["activity"].assign_attrs(bin_width=-0.1)),
    "booleans": lambda r: r.assign(observed=r["activity"]),
    "segment": lambda r: r.drop_vars("segment"),
    "finite": lambda r: r.assign_coords(time=np.where(np.arange(20) == 3, np.nan, r["time"])),
    "increasing": lambda r: r.assign_coords(time=r["time"].values[::-1]),
    "new segment": lambda r: r.assign_coords(time=r["time"].values + (np.arange(20) > 9)),
    "area": lambda r: r.drop_vars("area"),
    "strings": lambda r: r.assign_coords(area=("unit", [1, 2, 3])),
    "again": lambda r: r.assign_coords(unit=[1, 1, 2]),
    "trial_id": lambda r: r.drop_vars("trial_id"),
    "ids of the trial table": lambda r: r.assign_coords(trial_id=("time", np.full(20, 7))),
    "stop": lambda r: r.drop_vars("stop"),
    "netCDF": lambda r: r.assign_attrs(areas=["A", "B"]),
}


@pytest.mark.parametrize("word", BREAKS)
def test_what_breaks_the_schema_is_named_in_one_line(recording, word):
    with pytest.raises(RecordingError, match=word) as error:
        check_recording(BREAKS[word](recording))
    assert "\n" not in str(error.value)
    assert "expected" in str(error.value)


def test_not_a_dataset():
    with pytest.raises(RecordingError, match="ndarray"):
        check_recording(np.zeros((3, 2)))


def test_errors_survive_a_process_boundary():
    import pickle

    error = pickle.loads(pickle.dumps(RecordingError("a", expected="b", found="c", remedy="d")))
    assert isinstance(error, RecordingError)
    assert isinstance(error, InputError)
    assert str(error) == "a: expected b, found c; d"


def test_offenders_are_counted():
    assert first_offenders([1, 2]) == "1, 2"
    assert first_offenders(range(100), most=2) == "0, 1, ... (100 in all)"
