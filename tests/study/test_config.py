"""Settings: what is written is read again, and what is wrong is named."""

import tomllib
from dataclasses import replace

import pytest

from neurorec.recording import FileError, InputError
from neurorec.study import (
    DataSettings,
    FitSettings,
    NetworkSettings,
    StudyConfig,
    config_from_dict,
    config_to_toml,
    read_config,
)

FULL = StudyConfig(
    data=DataSettings(
        files=("/data/a.nwb",),
        bin_width=0.02,
        signal="spikes",
        area={"VISp": "V1", "17": "PPC"},
        trials=("trials", "probe"),
        units="quality == 'good'",
        covariates=(),
        window=(0.0, 100.0),
        block_length=10.0,
    ),
    fit=FitSettings(folds=3, family="poisson", penalties=(float("inf"), 1.0, 1e-4), l1_ratio=0.5, gap=0.1),
    network=NetworkSettings(n_networks=1, kinds=("gru",), task="flip_flop", recorded=("cue",), n_updates=50),
    seed=7,
    terms=({"kind": "Drift"}, {"kind": "History", "basis": {"shape": "boxcar", "n": 2, "window": [0.01, 0.1]}}),
    session_terms={"a": ({"kind": "Drift"},)},
    left_out={"choice": "the same in every trial", "odd name.with dots": "no"},
)


def test_every_setting_survives_the_file(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(config_to_toml(FULL))
    assert read_config(path) == FULL
    assert read_config(path).data.covariates == ()  # none, which is not the same as unset


def test_unset_settings_are_not_written():
    text = config_to_toml(StudyConfig(DataSettings(files=("a.nwb",))))
    assert "family" not in text
    assert set(tomllib.loads(text)) == {"seed", "data", "fit", "network"}


def test_relative_files_start_at_the_study_file(tmp_path):
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "study.toml"
    path.write_text('[data]\nfiles = ["../a.nwb", "/b.nwb"]\n')
    assert read_config(path).data.files == (str(tmp_path / "a.nwb"), "/b.nwb")


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"sed": 1}, "sed: expected a known key, found none of that name; did you mean seed?"),
        ({"data": {"binwidth": 0.1}}, "data.binwidth: .* did you mean bin_width?"),
        ({"fit": {"zzzz": 1}}, "known are edges, family"),
        ({"fit": {"folds": 2.5}}, "fit.folds: expected a whole number, found 2.5"),
        ({"fit": {"folds": True}}, "fit.folds: expected a whole number, found True"),
        ({"fit": {"penalties": ["a"]}}, r"fit.penalties\[0\]: expected a number, found 'a'"),
        ({"data": {"files": "a.nwb"}}, r"data.files: expected a list \(text each\), found 'a.nwb'"),
        ({"data": {"area": 3}}, "data.area: expected text or a table, found 3"),
        ({"data": {"area": {"V1": 3}}}, "data.area.V1: expected text, found 3"),
        ({"data": 3}, "data: expected a table, found 3"),
        ({"session_terms": {"a": {"kind": "Drift"}}}, r"session_terms.a: expected a list"),
        ({"terms": ["Drift"]}, r"terms\[0\]: expected a table"),
    ],
)
def test_what_is_wrong_is_named(tables, said):
    with pytest.raises(InputError, match=said) as caught:
        config_from_dict(tables)
    assert "\n" not in str(caught.value)


def test_whole_numbers_do_for_numbers():
    value = config_from_dict({"data": {"bin_width": 1}}).data.bin_width
    assert value == 1.0
    assert isinstance(value, float)


def test_a_file_that_is_not_there_or_not_toml_is_said_in_one_line(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        read_config(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("seed = \n")
    with pytest.raises(FileError, match=r"expected TOML, found .*line 1"):
        read_config(tmp_path / "bad.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match="expected TOML"):
        read_config(tmp_path / "binary.toml")


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(AttributeError):
        FULL.seed = 3
    assert replace(FULL, seed=3).seed == 3


@pytest.mark.parametrize(
    ("tables", "word"),
    [
        ({"seed": -1}, "seed: expected 0 or more"),
        ({"fit": {"folds": 1}}, "fit.folds"),
        ({"fit": {"inner_folds": 0}}, "fit.inner_folds"),
        ({"fit": {"n_draws": -1}}, "fit.n_draws"),
        ({"fit": {"penalties": []}}, "fit.penalties: expected one or more"),
        ({"network": {"n_networks": -1}}, "network.n_networks"),
        ({"network": {"task": "flipflop"}}, "did you mean 'flip_flop'"),
        ({"network": {"kinds": ["lekay"]}}, "network.kinds.*found lekay"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_computed(tables, word):
    with pytest.raises(InputError, match=word):
        config_from_dict(tables)
