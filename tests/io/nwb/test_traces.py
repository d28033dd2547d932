"""Imaging traces: which are taken, whose they are, and what their bins hold."""

import numpy as np
import pytest

from neurorec.io import read_nwb
from neurorec.recording import FileError, SelectionError

CLOCK = np.arange(200) / 10
VALUES = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
TABLE = "processing/ophys/ImageSegmentation/PlaneSegmentation"


def imaging(build, where="processing/ophys/Fluorescence/Fluorescence", values=VALUES, clock=None, **columns):
    columns = columns or {"iscell": np.array([[1, 0.9], [0, 0.2], [1, 0.8], [1, 0.7], [0, 0.1]])}
    file = build().plane(TABLE, "V1", columns, ids=[10, 11, 12, 13, 14])
    file.series(where, values, kind="RoiResponseSeries", **(clock or {"rate": 10}))
    return file.rois(where, TABLE, np.arange(5))


def test_traces_come_back_as_stored(build, read):
    recording, _ = read(imaging(build))
    activity = recording["activity"]
    np.testing.assert_array_equal(activity, VALUES)
    assert activity.dtype == np.float32
    assert activity.attrs["kind"] == "fluorescence"
    assert activity.attrs["bin_width"] == pytest.approx(0.1)
    np.testing.assert_allclose(recording["time"], CLOCK)
    assert recording["unit"].values.tolist() == [10, 11, 12, 13, 14]
    assert recording["area"].values.tolist() == ["V1"] * 5
    assert recording["iscell"].values.tolist() == [1, 0, 1, 1, 0]


@pytest.mark.parametrize("where", ["acquisition/roi", "processing/ophys/F/F"])
def test_series_stored_the_other_way_are_turned_and_said(build, read, said, where):
    recording, doubts = read(imaging(build, where=where, values=VALUES.T))
    np.testing.assert_array_equal(recording["activity"], VALUES)
    assert said(doubts, where, "turned")


def test_filter_reads_only_the_units_it_keeps(build, read):
    recording, _ = read(imaging(build), units="iscell == 1 and iscell_1 > 0.75")
    assert recording["unit"].values.tolist() == [10, 12]
    np.testing.assert_array_equal(recording["activity"], VALUES[:, [0, 2]])


def test_area_of_the_region_wins_over_that_of_the_plane(build, read, said):
    recording, doubts = read(imaging(build, area=["V1", "LM", "LM", "", "unknown"]))
    assert recording["area"].values.tolist() == ["V1", "LM", "LM", "", ""]
    assert said(doubts, "column area and imaging_plane.location")


def test_the_best_trace_is_taken_and_said(build, read, said):
    file = imaging(build)
    for name in ("processing/ophys/DfOverF/RoiResponseSeries", "processing/ophys/Neuropil/Neuropil"):
        file.series(name, VALUES + 1, rate=10, kind="RoiResponseSeries").rois(name, TABLE, np.arange(5))
    recording, doubts = read(file)
    assert recording["activity"].attrs["kind"] == "dff"
    assert said(doubts, "DfOverF", "was taken (dff)", "Neuropil")
    file.series("processing/ophys/events", VALUES + 2, rate=10, kind="RoiResponseSeries")
    file.rois("processing/ophys/events", TABLE, np.arange(5))
    assert read(file)[0]["activity"].attrs["kind"] == "deconvolved"
    assert read(file, signal="Fluorescence")[0]["activity"].attrs["kind"] == "fluorescence"
    assert read(file, signal="DfOverF")[0]["activity"].attrs["source"].endswith("DfOverF/RoiResponseSeries")
    with pytest.raises(SelectionError, match=r"signal: .*events.*'dF'"):
        read_nwb(file.path, signal="dF")


def test_conversion_and_offset(build, read):
    file = imaging(build).edit(
        lambda h5: h5["processing/ophys/Fluorescence/Fluorescence/data"].attrs.update(conversion=2.0, offset=1.0)
    )
    np.testing.assert_allclose(read(file)[0]["activity"], VALUES * 2 + 1, rtol=1e-6)


def test_wider_and_narrower_bins(build, read):
    wide, _ = read(imaging(build), bin_width=0.5)
    np.testing.assert_allclose(wide["activity"], VALUES.reshape(40, 5, 5).mean(axis=1), rtol=1e-5, atol=1e-6)
    narrow, _ = read(imaging(build), bin_width=0.05)
    np.testing.assert_allclose(narrow["activity"][::2], VALUES)
    assert narrow.sizes["time"] == 2 * 200 - 1
    assert np.isfinite(narrow["activity"].values).all()


def test_missing_values_are_said(build, read, said):
    holes = VALUES.copy()
    holes[3:6, 2] = np.nan
    recording, doubts = read(imaging(build, values=holes))
    np.testing.assert_array_equal(recording["activity"], holes)
    assert said(doubts, "3 of 1000 values of the activity are missing, in 1 units")


def test_stamps_that_jitter_are_put_on_an_even_clock(build, read, said):
    jitter = np.random.default_rng(1).uniform(-0.03, 0.03, 200)
    jitter[[0, -1]] = 0
    recording, doubts = read(imaging(build, clock={"timestamps": CLOCK + jitter}))
    np.testing.assert_array_equal(recording["activity"], VALUES)
    assert said(doubts, "jitter by up to 0.0")


def test_a_gap_makes_segments(build, read):
    stamps = CLOCK + np.where(np.arange(200) >= 120, 30.0, 0)
    recording, _ = read(imaging(build, clock={"timestamps": stamps}))
    assert np.bincount(recording["segment"].values).tolist() == [120, 80]
    np.testing.assert_array_equal(recording["activity"], VALUES)
    np.testing.assert_allclose(recording["time"], stamps)


def test_window_of_traces(build, read):
    recording, _ = read(imaging(build), window=(5, 10))
    np.testing.assert_array_equal(recording["activity"], VALUES[50:100])


def test_planes_with_clocks_of_their_own(build, read, said):
    file = build()
    for k, (area, shift) in enumerate([("V1", 0.0), ("PPC", 0.04)]):
        table, where = f"processing/ophys/seg/plane{k}", f"processing/ophys/Fluorescence/F{k}"
        file.plane(table, area, {"depth": [1.0, 2.0]}).series(
            where, VALUES[:, 2 * k : 2 * k + 2], kind="RoiResponseSeries", rate=10, start=shift
        )
        file.rois(where, table, [0, 1])
    recording, doubts = read(file)
    assert recording["area"].values.tolist() == ["V1", "V1", "PPC", "PPC"]
    assert recording["unit"].values.tolist() == ["plane0/0", "plane0/1", "plane1/0", "plane1/1"]
    assert recording["plane"].values.tolist() == ["plane0"] * 2 + ["plane1"] * 2
    assert said(doubts, "2 series with clocks of their own")
    # The common stretch begins with the later plane, from 0.04 s to 20 s: 199 whole frames.
    np.testing.assert_array_equal(recording["activity"][:, :2], VALUES[1:200, :2])
    np.testing.assert_array_equal(recording["activity"][:, 2:], VALUES[:199, 2:4])


def test_one_series_per_neuron(build, read):
    file = build()
    for k in range(3):
        file.series(f"processing/ophys/cells/cell{k}", VALUES[:, k], rate=10)
    with pytest.raises(FileError, match="neither"):
        read_nwb(file.path)
    names = ["cell0", "cell2"]
    recording, _ = read(file, signal=names, area={"cell0": "V1"})
    assert recording["unit"].values.tolist() == names
    assert recording["area"].values.tolist() == ["V1", ""]
    np.testing.assert_array_equal(recording["activity"], VALUES[:, [0, 2]])
    assert read(file, signal="cells")[0].sizes["unit"] == 3


def test_regions_that_do_not_match_are_numbered_and_said(build, read, said):
    def link_elsewhere(h5):
        h5["processing/ophys/Fluorescence/Fluorescence/rois"][:] = [0, 1, 2, 3, 90]

    recording, doubts = read(imaging(build).edit(link_elsewhere))
    assert recording["unit"].values.tolist() == [0, 1, 2, 3, 4]
    assert said(doubts, "do not match its data")


def test_spikes_are_taken_before_traces_unless_named(build, read):
    file = imaging(build).units([[0.1, 0.2]])
    assert read(file)[0]["activity"].attrs["kind"] == "counts"
    assert read(file, signal="Fluorescence")[0]["activity"].attrs["kind"] == "fluorescence"
