"""Runyan 2017 once more: the whole path on two tiny sessions, and the truth that stands beside what is found."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurorec import cli
from neurorec.datasets import RunyanArea, simulate_runyan2017
from neurorec.io import save_recording
from neurorec.recording import InputError, recording_from_arrays
from neurorec.recurrence import by_area
from neurorec.report import medians_table
from neurorec.study import DataSettings, StudyConfig, reproduce_runyan2017, reproducing, running
from neurorec.study.assembling import context_of
from neurorec.study.planted import planted_index
from neurorec.study.presets import apply_preset

QUICK = {"n_draws": 2, "n_folds": 2, "penalties": (float("inf"), 0.001), "n_jobs": 2}


@pytest.fixture(autouse=True)
def light(monkeypatch):
    """The pages of the studies beneath, and their intervals, are tested elsewhere; figures are small."""
    monkeypatch.setattr(running, "write_report", lambda folder, *_, **__: (folder / "report.html").touch())
    monkeypatch.setattr(running, "by_area", partial(by_area, n_draws=20))
    monkeypatch.setattr("neurorec.report.reproduction._DPI", 30)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    paths = []
    for seed, (area, context) in enumerate((("AC", "active"), ("PPC", "passive"))):
        rng = np.random.default_rng(seed)
        recording = simulate_runyan2017(area, context, n_units=11, n_trials=16, rng=rng)
        paths.append(save_recording(recording, folder / f"{area}.nc"))
    return paths


@pytest.mark.long
def test_the_whole_path_and_that_it_goes_on_where_it_stopped(files, tmp_path, monkeypatch):
    found = reproduce_runyan2017(tmp_path, files, **QUICK)
    assert not found.failures
    names = sorted(path.name for path in (tmp_path / "figures").glob("*.png"))
    kinds = {name.split("_", 1)[1].removesuffix(".png") for name in names}
    assert kinds == {
        "explained_deviance", "coupling_index", "subsamples", "lags", "rate", "planted_input",
        "information_choice", "consistency_choice", "information_stimulus",
    }  # fmt: skip
    units = found.units
    assert set(units["context"].values) == {"active", "passive"}
    assert {"benefit", "benefit_causal", "planted_benefit", "true_memory"} <= set(units)
    assert units["benefit_by_lag"].sizes["lag"] == 10
    explained = units["unit_fde"].sel(model="coupled") - units["unit_fde"].sel(model="uncoupled")
    np.testing.assert_allclose(units["benefit"], explained, atol=1e-12)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Some of these recordings are simulated" in page
    assert "11 units" in page
    assert [row[0] for row in medians_table(units).rows] == ["AC (simulated), active", "PPC (simulated), passive"]

    def refuse(*_, **__):
        raise AssertionError("fitted again")

    monkeypatch.setattr(reproducing, "write_reproduction", lambda out, *_, **__: (out / "report.html", []))
    monkeypatch.setattr("neurorec.study.session.fit_step", refuse)
    monkeypatch.setattr("neurorec.study.session.class_information", refuse)
    monkeypatch.setattr(reproducing, "_gather", lambda *_: (units, None, {}))
    assert not reproduce_runyan2017(tmp_path, files, **QUICK).failures


def test_sessions_are_simulated_once(tmp_path):
    first = reproducing._simulate(tmp_path, n_sessions=1, n_units=2, n_trials=2, seed=0)
    assert [path.rsplit("/", 1)[1] for path in first] == [
        "AC_active_1.nc", "PPC_active_1.nc", "AC_passive_1.nc", "PPC_passive_1.nc",
    ]  # fmt: skip
    made = [(tmp_path / "AC_active_1.nc").stat().st_mtime_ns]
    assert reproducing._simulate(tmp_path, n_sessions=1, n_units=2, n_trials=2, seed=0) == first
    assert [(tmp_path / "AC_active_1.nc").stat().st_mtime_ns] == made


def test_without_coupling_nothing_is_planted():
    truth = RunyanArea(coupling=0.0, memory=0.2, stimulus=1.0, choice=0.0, running=0.0)
    recording = simulate_runyan2017("AC", n_units=6, n_trials=40, truth=truth, rng=np.random.default_rng(5))
    inside = recording["trial_id"].isin(recording["trial"]).values
    event = recording["activity"].values[inside] > 0
    share = event.mean(axis=0)
    null = -2 * len(event) * (share * np.log(share) + (1 - share) * np.log1p(-share))
    found = planted_index(recording, null)
    assert not found["planted_input"].any()
    np.testing.assert_allclose(found["planted_benefit"], 0, atol=1e-6)
    assert (found["planted_uncoupled"].values > 0).mean() > 0.8


def test_the_preset_lets_partners_enter():
    fit = apply_preset(StudyConfig(preset="runyan2017")).fit
    assert fit.penalty_weight == {"Coupling": 10.0, "PopulationMean": 20.0}
    assert fit.penalties is not None
    assert min(fit.penalties) * 10 < 0.001  # of a partner
    assert fit.l1_ratio == 0.95


def test_a_context_is_an_attribute_or_a_column_of_one_value():
    recording = simulate_runyan2017("AC", n_units=2, n_trials=2, rng=np.random.default_rng(0))
    assert context_of(recording) == "active"
    plain = recording.drop_attrs(deep=False)
    assert context_of(plain) == "active"
    assert context_of(plain.assign(context=("trial", ["active", "passive"]))) == ""
    assert context_of(plain.drop_vars("context")) == ""


def test_trials_alone_leave_frames_to_fit(tmp_path):
    activity = np.random.default_rng(0).poisson(0.3, (400, 12))
    trials = pd.DataFrame({"start": np.arange(40) * 5.0, "stop": np.arange(40) * 5.0 + 0.3})
    time = (trials["start"].to_numpy()[:, None] + 0.03 * np.arange(10)).ravel()
    recording = recording_from_arrays(
        activity, bin_width=0.03, time=time, segment=np.repeat(np.arange(40), 10), area="V1", trials=trials
    )
    path = save_recording(recording, tmp_path / "short.nc")
    config = apply_preset(StudyConfig(DataSettings(files=(str(path),)), preset="runyan2017"))
    fit = reproducing._fitted_to(config, tmp_path / "study").fit
    assert (fit.edges, fit.n_matched) == ("zero", 11)


def test_long_imaging_keeps_edges(files, tmp_path):
    config = apply_preset(StudyConfig(DataSettings(files=tuple(map(str, files))), preset="runyan2017"))
    assert reproducing._fitted_to(config, tmp_path).fit.edges == "drop"


def test_sizes_below_one_are_refused(tmp_path):
    with pytest.raises(InputError, match="draws"):
        reproduce_runyan2017(tmp_path, n_draws=0)


def test_the_verb_passes_everything_on(tmp_path, monkeypatch, capsys, files):
    asked = {}

    def reproduce(out, given, **settings):
        asked.update(out=out, files=given, **settings)
        units = xr.Dataset(
            {"unit_fde": (("unit", "model"), [[0.1, 0.2]]), "benefit": ("unit", [0.1])},
            coords={
                "model": ["uncoupled", "coupled"],
                **{name: ("unit", ["AC"]) for name in ("area", "context", "session")},
            },
        )
        return reproducing.Reproduction(units, {}, [tmp_path / "report.html"], 1.0, 0)

    monkeypatch.setattr("neurorec.study.reproduce_runyan2017", reproduce)
    arguments = ["reproduce", "runyan2017", str(files[0]), "-o", str(tmp_path), "--draws", "3", "--seed", "4"]
    assert cli.main(arguments) == 0
    assert (asked["n_draws"], asked["seed"], asked["n_sessions"], asked["files"]) == (3, 4, 2, [str(files[0])])
    assert "report.html" in capsys.readouterr().out
