"""Files that cannot be read are refused in one line that says what to do."""

import contextlib

import h5py
import numpy as np
import pytest

from neurorec.io import inspect_nwb, read_nwb
from neurorec.io.nwb.file import salvage
from neurorec.recording import FileError, InputError, SelectionError


@pytest.fixture(params=[read_nwb, inspect_nwb])
def door(request):
    return request.param


def refused(door, path, *words):
    with pytest.raises(FileError) as caught:
        door(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in (*words, str(path)):
        assert word in message


def test_nothing_there(door, tmp_path):
    refused(door, tmp_path / "gone.nwb", "nothing at this path")


def test_empty_file(door, tmp_path):
    (tmp_path / "empty.nwb").touch()
    refused(door, tmp_path / "empty.nwb", "an empty file")


def test_not_hdf5(door, tmp_path):
    (tmp_path / "text.nwb").write_text("this is a letter, not a recording")
    refused(door, tmp_path / "text.nwb", "another format")


def test_directories(door, tmp_path):
    refused(door, tmp_path, "a directory")
    store = tmp_path / "store.nwb.zarr"
    store.mkdir()
    (store / ".zgroup").write_text("{}")
    refused(door, store, "Zarr", "hdmf-zarr")


def test_an_address(door):
    refused(door, "https://example.org/session.nwb", "remfile.File(url)")


def test_nwb_1(door, build):
    refused(door, build("v1.nwb", version="1.0.6").path, "NWB 2", "found NWB 1.0.6")
    old = build("old.nwb", version=None).edit(lambda file: file.create_dataset("nwb_version", data="NWB-1.0.5"))
    refused(door, old.path, "found NWB 1.0.5")


def test_hdf5_that_is_not_nwb(door, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1, 2]
    refused(door, tmp_path / "other.h5", "without nwb_version")


def test_a_file_cut_short(door, build):
    path = build().units([np.arange(1e5)]).path
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(door, path, "cut short")


@pytest.mark.parametrize("version", ["2.0.0", "2.0b", "2.5.0", "2.11.0", "NWB-2.3.0"])
def test_all_versions_of_nwb_2_are_read(build, read, version):
    assert read(build(version=version).units([[0.1, 0.2]]))[0].attrs["nwb_version"] == version


def test_an_open_file_is_read_as_well(build, read):
    path = build().units([[0.1, 0.2]]).path
    with open(path, "rb") as stream:
        recording, _ = read(stream)
    assert int(recording["activity"].sum()) == 2


def test_unknown_extensions_do_not_matter(build, read):
    file = build().units([[0.1, 0.2]]).kind("acquisition/laboratory_thing", "LabThing")
    file.series("processing/behavior/odd", np.arange(20.0), rate=100, kind="SeriesOfAnExtension")
    assert "odd" in read(file)[0]


def test_salvage_lets_the_users_errors_pass():
    doubts = []
    with salvage("A part", doubts):
        raise OSError("a chunk is damaged\nlong story")
    assert doubts == ["A part could not be read (a chunk is damaged) and was left out."]
    with pytest.raises(SelectionError), salvage("A part", doubts):
        raise SelectionError("x", expected="a", found="b", remedy="c")


def test_damaged_spikes_are_refused_and_damaged_extras_are_left_out(build, read, said):
    def compress(h5, name):
        values = h5[name][()]
        del h5[name]
        packed = h5.create_dataset(name, data=values, chunks=True, compression="gzip")
        return packed.id.get_chunk_info(0).byte_offset

    def damage(file, name):
        where = []
        file.edit(lambda h5: where.append(compress(h5, name)))
        with open(file.path, "r+b") as raw:
            raw.seek(where[0] + 4)
            raw.write(b"\xff" * 16)

    file = build().units([np.arange(0, 10, 0.01)], depth=[3.0])
    file.series("acquisition/speed", np.arange(2000.0), rate=100)
    damage(file, "acquisition/speed/data")
    recording, doubts = read(file)
    assert "speed" not in recording
    assert said(doubts, "acquisition/speed", "could not be read")
    damage(file, "units/spike_times")
    refused(read_nwb, file.path, "readable data", "damaged")


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.filterwarnings("ignore::neurorec.recording.DataWarning")
def test_damage_anywhere_ends_in_a_recording_or_in_one_line(build, door, seed):
    rng = np.random.default_rng(seed)
    file = build().electrodes(["V1", "PPC"]).units([rng.uniform(0, 9, 50)] * 2, electrodes=[0, 1], depth=[1.0, 2.0])
    file.intervals("trials", {"start_time": [0.0, 5.0], "stop_time": [4.0, 9.0], "choice": ["left", "right"]})
    file.series("acquisition/speed", np.arange(900.0), rate=100)
    content = bytearray(file.path.read_bytes())
    for place in rng.integers(100, len(content), size=25):
        content[place] = rng.integers(256)
    file.path.write_bytes(content)
    with contextlib.suppress(InputError):
        door(file.path)


def test_a_damaged_column_is_left_out_and_the_rest_is_read(build, read, said):
    def damage(h5):
        h5["units"]["quality"] = h5py.SoftLink("/nowhere")
        rows = h5["intervals/trials"].create_dataset("choice", (3,), dtype=h5py.ref_dtype)
        h5.create_group("target")
        rows[0] = h5["target"].ref
        del h5["target"]

    file = build().units([[0.1, 5.0]], depth=[3.0])
    file.intervals("trials", {"start_time": [0.0, 1.0, 2.0], "stop_time": [1.0, 2.0, 3.0], "n": [1, 2, 3]}).edit(damage)
    recording, doubts = read(file)
    assert recording["depth"].values.tolist() == [3]
    assert recording["n"].values.tolist() == [1, 2, 3]
    assert said(doubts, "choice", "left out")
