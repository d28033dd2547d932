"""Writing NWB: what is written reads back as the same recording."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurorec.io import read_nwb, write_nwb
from neurorec.recording import DataWarning, InputError, bin_intervals, recording_from_arrays

RNG = np.random.default_rng(5)


def simulated(**changes):
    bins = bin_intervals([[0, 2], [3, 5.5]], 0.01)
    n_time, n_unit = bins.time.size, 6
    trials = pd.DataFrame(
        {
            "start": [0.0, 3.0, 4.0],
            "stop": [2.0, 4.0, 5.0],
            "choice": ["left", "right", ""],
            "correct": [True, False, True],
            "contrast": [0.5, np.nan, 1.0],
            "block": [1, 1, 2],
            "go_time": [0.5, 3.5, 4.5],
            "tags": ["easy|long", "", "hard"],
        },
        index=[2, 5, 6],
    )
    speed = np.sin(bins.time)
    speed[:50] = np.nan
    options = dict(
        bin_width=0.01,
        time=bins.time,
        segment=bins.segment,
        area=["V1", "V1", "PPC", "", "M2/deep", "M2/deep"],
        unit=[3, 4, 7, 8, 20, 21],
        trials=trials,
        signals={"speed": speed, "xy": RNG.normal(size=(n_time, 2)), "heading": bins.time % (2 * np.pi)},
        attrs={"session": "made", "subject": "nobody", "species": "Mus musculus"},
    )
    recording = recording_from_arrays(RNG.poisson(0.3, size=(n_time, n_unit)), **options | changes)
    recording = recording.assign_coords(depth=("unit", np.arange(n_unit) * 1.5), label=("unit", list("abcdef")))
    for name in ("speed", "xy", "heading"):
        if name in recording:
            recording[name].attrs["units"] = "a.u."
    if "heading" in recording:
        recording["heading"].attrs |= {"units": "radians", "period": 2 * np.pi}
    if "go_time" in recording:
        recording["go_time"].attrs["units"] = "s"
    return recording


def same(back, recording):
    """The same but for where the file says each part came from."""
    assert set(back.variables) == set(recording.variables)
    for name in recording.variables:
        assert back[name].dims == recording[name].dims, name
        if recording[name].dtype.kind == "f":
            np.testing.assert_allclose(back[name].values, recording[name].values, atol=1e-9, err_msg=str(name))
        else:
            np.testing.assert_array_equal(back[name].values, recording[name].values, err_msg=str(name))
        assert back[name].dtype.kind == recording[name].dtype.kind, name
        for key, value in recording[name].attrs.items():
            assert back[name].attrs[key] == pytest.approx(value) if key == "period" else value, name
    for key in ("session", "subject", "species"):
        assert back.attrs[key] == recording.attrs[key]


def test_round_trip(tmp_path, read, said):
    recording = simulated()
    path = write_nwb(recording, tmp_path / "made.nwb")
    back, doubts = read(path)
    same(back, recording)
    assert doubts == ["The file states no area for 1 of 6 units; area= takes a mapping or a function."]
    assert list(tmp_path.iterdir()) == [path]


def test_round_trip_of_units_observed_at_different_times(tmp_path, read):
    observed = np.ones((450, 6), dtype=bool)
    observed[30:70, 2] = observed[200:, 4] = False
    recording = simulated(observed=observed)
    recording["activity"] = recording["activity"].where(recording["observed"], 0).astype(int)
    recording["activity"].attrs = {"kind": "counts", "units": "spikes/bin", "bin_width": 0.01}
    same(read(write_nwb(recording, tmp_path / "made.nwb"))[0], recording)


def test_round_trip_without_trials_and_signals(tmp_path, read):
    recording = simulated(trials=None, signals=None)
    same(read(write_nwb(recording, tmp_path / "made.nwb"))[0], recording)


def test_spike_times_given_are_written(tmp_path, read):
    recording = recording_from_arrays([[2, 0], [0, 1]], bin_width=0.1, area="V1")
    path = write_nwb(recording, tmp_path / "made.nwb", spike_times=[[0.05, 0.01], [0.12]])
    xr.testing.assert_equal(read(path, bin_width=0.1)[0]["activity"], recording["activity"])
    fine, _ = read(path, bin_width=0.01)
    assert np.flatnonzero(fine["activity"].values[:, 0]).tolist() == [1, 5]


def test_columns_whose_name_is_taken_by_the_format(tmp_path, read):
    recording = simulated(signals=None).assign_coords(electrode_group=("unit", list("aabbcc")))
    back, _ = read(write_nwb(recording, tmp_path / "made.nwb"))
    assert back["unit_electrode_group"].values.tolist() == list("aabbcc")


def test_what_the_user_says_of_the_session(tmp_path):
    pynwb = pytest.importorskip("pynwb")
    when = datetime(2021, 5, 6, tzinfo=UTC)
    path = write_nwb(
        simulated(),
        tmp_path / "made.nwb",
        session_description="simulated, not recorded",
        identifier="demo",
        session_start_time=when,
        institution="none",
        subject_id="simulated",
        subject_description="a network of 6 units",
    )
    with pynwb.NWBHDF5IO(path, "r") as opened:
        file = opened.read()
        assert file.session_description == "simulated, not recorded"
        assert (file.identifier, file.session_start_time, file.institution) == ("demo", when, "none")
        assert (file.subject.subject_id, file.subject.description) == ("simulated", "a network of 6 units")
        assert pynwb.validate(path=path) in ([], None)


def test_what_cannot_be_written_is_refused_and_nothing_is_left(tmp_path):
    counts = recording_from_arrays([[1, 0]], bin_width=0.1)
    with pytest.raises(InputError, match="spike counts"):
        write_nwb(recording_from_arrays([[1.5, 0]], bin_width=0.1, kind="dff", units="dF/F"), tmp_path / "made.nwb")
    with pytest.raises(InputError, match="integer ids"):
        write_nwb(counts.assign_coords(unit=["a", "b"]), tmp_path / "made.nwb")
    with pytest.raises(InputError, match="2 lists"):
        write_nwb(counts, tmp_path / "made.nwb", spike_times=[[0.1]])
    with pytest.raises(InputError, match="other numbers"):
        write_nwb(recording_from_arrays([[1.5, 0]], bin_width=0.1), tmp_path / "made.nwb")
    assert not list(tmp_path.iterdir())


def test_units_never_observed_and_tables_without_trials_are_written(tmp_path):
    observed = np.ones((50, 2), dtype=bool)
    observed[:, 1] = False
    counts = np.random.default_rng(0).poisson(1.0, (50, 2))
    recording = recording_from_arrays(counts, bin_width=0.1, observed=observed)
    with pytest.warns(DataWarning, match="no observed intervals|no area|no table"):
        assert read_nwb(write_nwb(recording, tmp_path / "a.nwb")).sizes["unit"] == 2
    trials = pd.DataFrame({"start": [0.0], "stop": [1.0], "side": ["left"]})
    some = recording_from_arrays(counts, bin_width=0.1, trials=trials)
    none = some.isel(trial=[]).assign_coords(trial_id=("time", np.full(50, -1)))
    with pytest.warns(DataWarning, match="no area|no table"):
        assert "trial" not in read_nwb(write_nwb(none, tmp_path / "b.nwb")).dims
