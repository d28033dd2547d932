"""Stages: made once, made again when they must be, whole or not there."""

import json
import warnings

import pytest

from neurorec.recording import DataWarning
from neurorec.study import stages
from neurorec.study.stages import file_hash, fingerprint_of, finish_stage, plan_stage


@pytest.fixture
def made():
    return []


@pytest.fixture
def make(made):
    def write(path):
        made.append(path.name)
        path.write_text("content")

    return write


def test_a_stage_is_made_once(tmp_path, make, made):
    stage = plan_stage("read", tmp_path / "deep" / "a.txt", {"x": 1})
    first, second = finish_stage(stage, make), finish_stage(stage, make)
    assert (tmp_path / "deep" / "a.txt").read_text() == "content"
    assert made == [".partial-a.txt"]
    assert not first.reused
    assert second.reused
    assert second.seconds == first.seconds
    assert not list(tmp_path.rglob(".partial*"))


@pytest.mark.parametrize("change", ["inputs", "code", "file", "stamp", "torn stamp"])
def test_a_stage_is_made_again_when_anything_it_follows_from_changed(tmp_path, make, made, monkeypatch, change):
    target = tmp_path / "a.txt"
    stage = plan_stage("read", target, {"x": 1})
    finish_stage(stage, make)
    if change == "inputs":
        stage = plan_stage("read", target, {"x": 2})
    elif change == "code":
        monkeypatch.setattr(stages, "code_version", lambda rooms: "other")
        stage = plan_stage("read", target, {"x": 1})
    elif change == "file":
        target.unlink()
    elif change == "stamp":
        stage.stamp.unlink()
    else:
        stage.stamp.write_text('{"name": "re')
    assert not finish_stage(stage, make).reused
    assert len(made) == 2


def test_going_back_to_earlier_settings_does_not_pick_up_later_content(tmp_path):
    target = tmp_path / "a.txt"
    for value in ("1", "2", "1"):
        finish_stage(
            plan_stage("read", target, {"x": value}), lambda path, value=value: path.write_text(value) and None
        )
        assert target.read_text() == value


def test_a_stage_that_dies_leaves_neither_file_nor_record(tmp_path, make):
    stage = plan_stage("read", tmp_path / "a.txt", {})

    def die(path):
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finish_stage(stage, die)
    assert list(tmp_path.iterdir()) == []
    assert not finish_stage(stage, make).reused


def test_a_stage_that_dies_while_remade_takes_its_old_record_with_it(tmp_path, make):
    finish_stage(plan_stage("read", tmp_path / "a.txt", {"x": 1}), make)

    def die(path):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        finish_stage(plan_stage("read", tmp_path / "a.txt", {"x": 2}), die)
    assert plan_stage("read", tmp_path / "a.txt", {"x": 1}).record() is None


def test_warnings_about_the_data_are_kept_with_the_stage_and_others_pass(tmp_path):
    stage = plan_stage("read", tmp_path / "a.txt", {})

    def warn(path):
        path.write_text("")
        for _ in range(2):
            warnings.warn("one array is empty", DataWarning, stacklevel=1)
        warnings.warn("old syntax", DeprecationWarning, stacklevel=1)

    with pytest.warns(DeprecationWarning, match="old syntax") as caught:
        record = finish_stage(stage, warn)
    assert record.warnings == ("one array is empty",)
    assert len(caught) == 1
    assert finish_stage(stage, warn).warnings == ("one array is empty",)
    assert json.loads(stage.stamp.read_text())["warnings"] == ["one array is empty"]


def test_hashes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    seen = []
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_hash(tmp_path / "a", progress=seen.append) == known
    assert seen == [3]
    assert fingerprint_of({"a": 1.0}) != fingerprint_of({"a": 2.0})
