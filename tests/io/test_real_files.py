"""Real files: what is known to be in them is what is read."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from neurorec.io import describe_inspection, inspect_nwb, load_recording, save_recording

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real recordings are not beside this checkout")

STEINMETZ = DATA / "steinmetz2019" / "session01.nwb"
MAZE = DATA / "mc-maze-small" / "sub-Jenkins_ses-small_desc-test_ecephys.nwb"
HUMAN = DATA / "human-mtl" / "sub-4_ses-4_ecephys+image.nwb"
COMPASS = DATA / "head-direction" / "A2929-200711_neurosuite.nwb"
SUITE2P = DATA / "suite2p-v1" / "suite2p_2022_08_08.nwb"
ALM = DATA / "alm-delay" / "sub-anm369963_ses-20170228.nwb"


def by_area(recording):
    names, count = np.unique(recording["area"].values, return_counts=True)
    return dict(zip(names.tolist(), count.tolist()))


def test_steinmetz(read, said):
    recording, doubts = read(STEINMETZ)
    assert recording.sizes == {"time": 8560, "unit": 734, "trial": 214}
    assert len(by_area(recording)) == 8
    assert by_area(recording)["root"] == 18
    with h5py.File(STEINMETZ) as file:
        assert int(recording["activity"].sum()) == file["units/spike_times"].shape[0]
    assert (recording["trial_id"].values == np.repeat(np.arange(214), 40)).all()
    assert (recording["segment"].values == recording["trial_id"].values).all()
    assert {"contrast_left", "contrast_right", "feedback_type"} <= set(recording.data_vars)
    assert "observed" not in recording
    assert len(doubts) == 1
    assert said(doubts, "9 in all", "no spikes")


def test_maze_links_all_units_to_one_array(read, said):
    recording, doubts = read(MAZE)
    assert by_area(recording) == {"PMd": 107}
    assert said(doubts, "No unit lies in M1")
    assert said(doubts, "'PMd' and 'Dorsal premotor cortex'")
    assert recording.sizes["time"] == 100 * 70
    assert len(np.unique(recording["segment"])) == 100
    assert recording["heldout"].dtype == bool
    assert set(recording["split"].values) == {"test"}


@pytest.mark.parametrize("as_mapping", [False, True])
def test_maze_with_the_arrays_the_user_knows(read, said, as_mapping):
    with h5py.File(MAZE) as file:
        ids = file["units/id"][:]
    mapping = {int(unit): "PMd" if unit < 2000 else "M1" for unit in ids}
    area = mapping if as_mapping else lambda units: np.where(units.index < 2000, "PMd", "M1")
    recording, doubts = read(MAZE, area=area)
    assert by_area(recording) == {"M1": 55, "PMd": 52}
    assert not said(doubts, "No unit lies in")


@pytest.mark.parametrize(
    ("table", "n_rows"), [("encoding_table", 90), ("recognition_table", 180), ("timediscrimination_table", 180)]
)
def test_human(read, said, table, n_rows):
    recording, doubts = read(HUMAN, trials=table)
    assert by_area(recording) == {"amygdala_right": 10, "hippocampus_right": 25}
    assert recording.sizes["trial"] == n_rows
    assert recording["fixcross_time"].attrs["units"] == "s"
    assert said(doubts, "acquisition/events", "impossible timestamps (-1.5429e+09 s)")
    assert said(doubts, "3 trials begin before") == (table != "encoding_table")


def test_human_tables_are_offered_and_can_be_joined(read, said):
    recording, doubts = read(HUMAN)
    assert "trial" not in recording.dims
    assert said(doubts, "encoding_table (90 rows), recognition_table (180 rows), timediscrimination_table (180 rows)")
    joined, _ = read(HUMAN, trials=["encoding_table", "recognition_table"])
    assert joined.sizes["trial"] == 270
    assert set(joined["trial_table"].values) == {"encoding_table", "recognition_table"}


def test_head_direction(read):
    recording, _ = read(COMPASS, trials="epochs")
    assert by_area(recording) == {"adn": 7, "ca1": 8}
    assert recording["tags"].values.tolist() == ["sleep", "wake"]
    assert recording["stop"].values.tolist() == [600, 1200]
    known = np.isfinite(recording["ry"].values)
    assert not known[recording["time"].values < 670.6].any()
    assert known[recording["time"].values > 670.7].mean() > 0.999
    assert recording["ry"].attrs["period"] == pytest.approx(2 * np.pi)
    with h5py.File(COMPASS) as file:
        raw, stamps = (file[f"acquisition/CompassDirection/ry/{name}"][:] for name in ("data", "timestamps"))
    nearest = np.clip(np.searchsorted(stamps, recording["time"].values[known] + 0.005), 0, raw.size - 1)
    off = np.angle(np.exp(1j * (recording["ry"].values[known] - raw[nearest])))
    assert np.quantile(np.abs(off), 0.99) < 0.1
    assert int(recording["activity"].sum()) == 98794


def test_suite2p(read, said):
    recording, doubts = read(SUITE2P)
    assert recording.sizes == {"time": 2000, "unit": 219}
    assert recording["activity"].attrs["kind"] == "deconvolved"
    assert recording["activity"].attrs["bin_width"] == pytest.approx(0.1)
    assert by_area(recording) == {"V1": 219}
    with h5py.File(SUITE2P) as file:
        stored = file["processing/ophys/Deconvolved/Deconvolved/data"][:]
    np.testing.assert_array_equal(recording["activity"], stored.T)
    assert said(doubts, "Deconvolved", "was taken (deconvolved)")
    assert said(doubts, "turned")
    cells, _ = read(SUITE2P, units="iscell == 1", signal="Fluorescence")
    assert cells.sizes["unit"] == 20
    assert cells["activity"].attrs["kind"] == "fluorescence"


def test_alm(read, said):
    recording, doubts = read(ALM)
    assert by_area(recording) == {"ALM": 1}
    assert recording.sizes["trial"] == 178
    assert said(doubts, "units 1001 were not in order", "sorted")
    assert said(doubts, "178 of 178 trials have no stop time")
    assert said(doubts, "cue_start_time, pole_in_time, pole_out_time count from the start of the trial")
    assert said(doubts, "'ALM' was taken from 'brain_region: ALM;")
    start, stop = recording["start"].values, recording["stop"].values
    np.testing.assert_array_equal(stop[:-1], start[1:])
    with h5py.File(ALM) as file:
        np.testing.assert_allclose(recording["cue_start_time"], file["intervals/trials/cue_start_time"][:] + start)
    assert int(recording["activity"].sum()) == 1679


FILES = sorted(DATA.glob("*/*.nwb"))


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}/{path.stem[:12]}" for path in FILES])
def test_inspection_fits_a_screen_and_agrees_with_reading(path, read, tmp_path):
    found = inspect_nwb(path)
    assert len(describe_inspection(found).splitlines()) <= 40
    recording, doubts = read(path)
    if found["units"]:
        assert found["units"]["areas"] == by_area(recording)
    assert set(found["doubts"]) <= set(doubts)
    if recording["activity"].size < 2e6:
        assert load_recording(save_recording(recording, tmp_path / "recording.nc")).identical(recording)
