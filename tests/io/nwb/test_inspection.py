"""Inspection: what a file holds, in plain values and on one screen, without reading what is large."""

import json

import h5py
import numpy as np
import pytest

from neurorec.io import describe_inspection, inspect_nwb


@pytest.fixture
def rich(build):
    file = build().electrodes(["V1", "PPC", "M2"])
    seen = np.array([[0, 4.0], [5, 10]])
    spikes = [np.arange(0, 10, 0.1), np.arange(0, 10, 0.5)]
    file.units(spikes, electrodes=[0, 1], obs_intervals=[seen, seen], depth=[1.0, 2.0])
    file.intervals("trials", {"start_time": [0.0, 5.0], "stop_time": [4.0, 9.0], "choice": ["left", "right"]})
    file.intervals("epochs", {"start_time": [0.0], "stop_time": [10.0]})
    file.series("processing/behavior/speed", np.arange(1000.0), rate=100, unit="cm/s")
    file.series("processing/behavior/cell0", np.arange(1000.0), timestamps=np.arange(1000) / 50)
    file.series("acquisition/ttl", np.ones(5), timestamps=[0.1, 0.15, 3.0, 3.5, 9.0])
    file.series("acquisition/raw", np.ones((9, 3)), rate=3e4, kind="ElectricalSeries")
    return file


def test_what_is_found(rich):
    found = inspect_nwb(rich.path)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["units"]["n_units"] == 2
    assert found["units"]["n_spikes"] == 120
    assert found["units"]["areas"] == {"PPC": 1, "V1": 1}
    assert found["units"]["columns"] == ["depth"]
    assert found["units"]["observed"] == {"n_stretches": 2, "seconds": 9.0, "start": 0.0, "stop": 10.0}
    assert [(table["name"], table["n_rows"], table["default"]) for table in found["tables"]] == [
        ("epochs", 1, False),
        ("trials", 2, True),
    ]
    signals = {signal["name"]: signal for signal in found["signals"]}
    assert signals["speed"]["rate"] == 100
    assert signals["speed"]["stop"] == pytest.approx(10)
    assert signals["cell0"]["rate"] == pytest.approx(50)
    assert not signals["ttl"]["default"]
    assert found["other"] == [{"path": "acquisition/raw", "kind": "ElectricalSeries", "shape": [9, 3]}]
    assert any("M2" in doubt for doubt in found["doubts"])


def test_inspection_and_reading_agree(rich, read):
    found, (recording, _) = inspect_nwb(rich.path), read(rich)
    names, count = np.unique(recording["area"].values, return_counts=True)
    assert found["units"]["areas"] == dict(zip(names.tolist(), count.tolist()))
    kept = {signal["name"] for signal in found["signals"] if signal["default"]}
    assert kept == {"speed", "cell0"} == kept & set(recording.data_vars)
    assert "ttl" not in recording


def test_bulk_data_are_not_read(rich, monkeypatch):
    read = []
    plain = h5py.Dataset.__getitem__

    def noting(self, key, *args, **kwargs):
        read.append((self.name, key))
        return plain(self, key, *args, **kwargs)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", noting)
    inspect_nwb(rich.path)
    touched = {name for name, _ in read}
    assert "/units/spike_times_index" in touched
    assert "/units/spike_times" not in touched
    assert not any(name.endswith("/data") for name in touched)


def test_traces_are_described(build):
    table, where = "processing/ophys/seg/plane", "processing/ophys/Deconvolved/D"
    file = (
        build()
        .plane(table, "V1", {"area": ["V1", "LM"]})
        .series(where, np.ones((50, 2)), rate=10, kind="RoiResponseSeries")
    )
    found = inspect_nwb(file.rois(where, table, [0, 1]).path)
    assert found["units"] is None
    assert found["default_signal"] == where
    assert found["traces"][0]["areas"] == {"LM": 1, "V1": 1}
    assert found["traces"][0]["kind"] == "deconvolved"
    assert "2 units x 50 samples at 10 Hz" in describe_inspection(found)


def test_a_file_without_activity_is_described_all_the_same(build):
    found = inspect_nwb(build().series("acquisition/speed", np.ones(30), rate=10).path)
    assert found["doubts"][0].startswith("The file holds neither")
    assert "none" in describe_inspection(found)


def test_one_screen(build):
    file = build().units([[0.1]] * 80, location=[f"area number {k}" for k in range(80)])
    for k in range(9):
        file.intervals(f"table{k}", {"start_time": [0.0], "stop_time": [1.0], **{f"column{j}": [1] for j in range(25)}})
        file.series(f"acquisition/signal{k}", np.ones(30), rate=10)
        file.series(f"acquisition/raw{k}", np.ones(30), rate=10, kind="ElectricalSeries")
    lines = describe_inspection(inspect_nwb(file.path)).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 120 + len(str(file.path))
    assert sum("more" in line for line in lines) >= 3


def test_a_rich_file_on_a_screen(rich):
    text = describe_inspection(inspect_nwb(rich.path))
    for words in ("areas: PPC 1, V1 1 (from electrodes.location)", "* trials: 2 rows", "* speed (cm/s): 100 Hz", "M2"):
        assert words in text
