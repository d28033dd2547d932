"""The calibration of the whole idea: networks whose recurrence is known, through the analysis of recordings."""

import numpy as np
import pytest
import xarray as xr

from neurorec.cli import main
from neurorec.recording import InputError
from neurorec.report import calibration_readings, calibration_table, readings_table
from neurorec.study import calibrate_recurrence

QUICK = {"n_networks": 1, "n_units": 12, "n_trials": 24, "n_steps": 20, "peak_rate": 60.0, "n_jobs": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two networks, one without recurrence and one that makes its own activity, seen whole."""
    out = tmp_path_factory.mktemp("calibration")
    return out, calibrate_recurrence(out, gains=(0.0, 1.5), seen=(1.0,), **QUICK)


@pytest.mark.long
def test_truth_is_what_was_set(made):
    points = made[1].points
    assert points["gain"].values.tolist() == [0.0, 1.5]
    np.testing.assert_allclose(points["share"].values[0], 0, atol=1e-9)
    assert abs(points["planted"].values[0]) < 1e-9
    assert points["share"].values[1] > 0.4
    assert points["planted"].values[1] > 0.1
    assert (points["n_seen"] == 12).all()
    assert ((points["rate"] > 3) & (points["rate"] < 30)).all()


def test_a_benefit_is_found_where_there_is_one_and_none_where_there_is_none(made):
    points = made[1].points.isel(seen=0).sel(inputs="known")
    assert abs(points["benefit"].values[0]) < 0.01
    assert 0.4 * points["planted"].values[1] < points["benefit"].values[1] < 1.3 * points["planted"].values[1]
    assert (abs(points["shuffled"]) < 0.01).all()


def test_units_are_those_that_medians_are_of(made):
    points = made[1].points
    assert points["unit_benefit"].dims == ("network", "inputs", "seen", "unit")
    np.testing.assert_allclose(points["unit_benefit"].median("unit"), points["benefit"])
    np.testing.assert_allclose(points["unit_planted"].median("unit"), points["planted"])
    np.testing.assert_allclose(points["unit_share"].mean("unit"), points["share"])
    np.testing.assert_allclose(points["unit_rate"].mean("unit"), points["rate"])


def test_everything_is_written_and_done_once(made):
    out, found = made
    for name in (
        "points.nc",
        "points.csv",
        "report.html",
        "figures/figure1_recurrence.png",
        "figures/figure2_inputs.svg",
    ):
        assert (out / name).is_file(), name
    assert "<img" in (out / "report.html").read_text(encoding="utf-8")
    stamps = {path: path.stat().st_mtime_ns for path in (out / "stages").rglob("*.nc")}
    again = calibrate_recurrence(out, gains=(0.0, 1.5), seen=(1.0,), **QUICK)
    assert {path: path.stat().st_mtime_ns for path in (out / "stages").rglob("*.nc")} == stamps
    assert again.points.identical(found.points)


def test_the_table_has_a_row_for_each_gain(made):
    table = calibration_table(made[1].points)
    assert [row[0] for row in table.rows] == ["0", "1.5"]
    assert table.heads[-3:] == ["100 % seen", "exchanged", "inputs unknown, 100 %"]
    assert all(len(row) == len(table.heads) for row in table.rows)


def test_readings_count_every_unit_once(made):
    readings = calibration_readings(made[1].points, edges=(0.02, 0.1), fewest=3)
    assert readings["range"].values.tolist() == ["below 0.02", "0.02 to 0.1", "above 0.1"]
    assert int(readings["n_units"].sum()) == 24
    one = readings.sel(seen=1.0, range="below 0.02")
    points = made[1].points
    below = points["unit_benefit"].sel(inputs="known", seen=1.0).values < 0.02
    np.testing.assert_allclose(float(one["middle"]), np.median(points["unit_share"].values[below]))
    assert np.isnan(readings["middle"].values[readings["n_units"].values < 3]).all()
    table = readings_table(readings)
    assert [row[0] for row in table.rows] == readings["range"].values.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gains": ()}, "gains"),
        ({"gains": (-1.0,)}, "gains"),
        ({"peak_rate": 0.0}, "gains"),
        ({"seen": (1.5,)}, "seen"),
        ({"seen": (0.05,), "n_units": 12}, "seen: expected shares up to 1 of two units or more"),
        ({"n_trials": 5}, "seen"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        calibrate_recurrence(tmp_path, **options)


def test_the_command_hands_on_what_was_typed(monkeypatch, tmp_path, capsys):
    seen = {}
    dims = ("network", "inputs", "seen")
    values = {name: (dims, np.zeros((1, 2, 1))) for name in ("benefit", "shuffled")}
    truth = {name: ("network", [0.0]) for name in ("gain", "score", "share", "planted", "rate")}
    points = xr.Dataset(values | truth, coords={"inputs": ["known", "unknown"], "seen": [0.5]})

    def calibrate(out, **settings):
        from neurorec.study import RecurrenceCalibration

        seen.update(settings, out=out)
        return RecurrenceCalibration(points, [out / "report.html"], 1.0)

    monkeypatch.setattr("neurorec.study.calibrate_recurrence", calibrate)
    typed = ["reproduce", "recurrence-calibration", "-o", str(tmp_path), "--gains", "0", "2", "--seen", "0.5"]
    assert main([*typed, "--units", "40", "--peak-rate", "20"]) == 0
    assert (seen["gains"], seen["seen"], seen["n_units"], seen["peak_rate"]) == ([0.0, 2.0], [0.5], 40, 20.0)
    assert "report.html" in capsys.readouterr().out
