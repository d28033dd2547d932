import numpy as np
import pytest
import xarray as xr

from neurorec.recording import InputError, binarise, recording_from_arrays


def test_one_where_above_the_threshold_and_missing_where_missing():
    activity = np.array([[0.0, 0.5], [np.nan, 2.0], [-1.0, 0.0]])
    recording = recording_from_arrays(activity, bin_width=0.03, kind="deconvolved", units="a.u.")
    before = recording.copy(deep=True)
    np.testing.assert_array_equal(binarise(recording)["activity"], [[0, 1], [np.nan, 1], [0, 0]])
    np.testing.assert_array_equal(binarise(recording, threshold=0.5)["activity"], [[0, 0], [np.nan, 1], [0, 0]])
    xr.testing.assert_identical(recording, before)


def test_says_what_it_is_and_keeps_the_rest():
    recording = recording_from_arrays(np.ones((3, 2), int), bin_width=0.03, area=["A", "B"], signals={"x": [1, 2, 3]})
    binary = binarise(recording)
    assert binary["activity"].attrs == {"kind": "binary", "units": "events/bin", "bin_width": 0.03}
    assert binary.attrs["binarised_above"] == 0.0
    xr.testing.assert_identical(binary.drop_vars("activity").drop_attrs(), recording.drop_vars("activity").drop_attrs())


def test_refuses_a_threshold_that_is_no_number():
    with pytest.raises(InputError, match="threshold"):
        binarise(recording_from_arrays(np.ones((3, 2)), bin_width=0.03), threshold=np.nan)
