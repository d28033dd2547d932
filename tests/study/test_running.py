"""A study as a whole: what it writes, that it resumes to the same numbers, and that no session takes others with it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurorec.datasets import SimulatedArea, simulate_recording
from neurorec.design import design_matrix, terms_from_config
from neurorec.io import load_recording, load_tree, write_nwb
from neurorec.recording import FileError, InputError, SelectionError
from neurorec.recurrence import recurrence_benefit
from neurorec.study import config_to_toml, read_config, run_study, session

COLUMNS = {"area", "n_units", "n_sessions", "fde_uncoupled", "fde_coupled", "benefit", "benefit_low", "benefit_high"}
COLUMNS |= {"p_value", "benefit_history", "benefit_shuffled"}


@pytest.fixture(scope="session")
def finished(tmp_path_factory, quick_config):
    """A finished study of the first session, not to be changed."""
    out = tmp_path_factory.mktemp("study") / "out"
    return out, run_study(quick_config, out, command="neurorec run first.nwb")


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished study, to be changed."""
    shutil.copytree(finished[0], tmp_path / "out")
    return tmp_path / "out"


def stages_of(out) -> dict[str, bool]:
    """Whether each stage of the last run was reused."""
    records = json.loads((out / "manifest.json").read_text())["stages"]
    return {f"{name}/{record['name']}": record["reused"] for name, group in records.items() for record in group}


def test_everything_promised_is_written(finished):
    out, outcome = finished
    assert all(path.exists() for path in outcome.written)
    names = {path.name for path in out.iterdir()}
    assert names == {"study.toml", "results.nc", "by_area.csv", "figures", "report.html", "manifest.json", "stages"}
    assert {path.suffix for path in (out / "figures").iterdir()} == {".png", ".svg"}
    assert set(pd.read_csv(out / "by_area.csv").columns) >= COLUMNS
    assert not list(out.rglob(".partial*"))
    assert outcome.failures == {}
    assert outcome.seconds > 0


def test_the_manifest_says_what_was_run_on_what(finished, session_files):
    manifest = json.loads((finished[0] / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert manifest["inputs"][0]["file"] == str(session_files[0])
    assert len(manifest["inputs"][0]["sha256"]) == 64
    assert {"python", "neurorec", "numpy"} <= set(manifest["versions"])
    assert not any(stages_of(finished[0]).values())
    assert all(record["seconds"] >= 0 for group in manifest["stages"].values() for record in group)


def test_the_numbers_are_those_of_the_function(finished):
    out, _ = finished
    config = read_config(out / "study.toml")
    recording = load_recording(out / "stages" / "first" / "recording.nc")
    design = design_matrix(recording, terms_from_config(config.terms))
    fit = config.fit
    result = recurrence_benefit(
        recording, design, n_folds=fit.folds, n_inner_folds=fit.inner_folds, penalties=fit.penalties, progress=False
    )
    written = load_tree(out / "results.nc")["first"].to_dataset()
    np.testing.assert_allclose(written["benefit"], result["benefit"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(written["benefit_shuffled"], result["benefit_shuffled"], rtol=1e-6, atol=1e-9)
    assert written.attrs["session"] == "first"


@pytest.mark.usefixtures("light")
def test_the_same_again_does_nothing_again(copy, quick_config):
    before = (copy / "results.nc").read_bytes()
    run_study(quick_config, copy)
    assert all(stages_of(copy).values())
    assert (copy / "results.nc").read_bytes() == before


@pytest.mark.usefixtures("light")
def test_the_written_study_file_repeats_the_study(copy, finished):
    text = (copy / "study.toml").read_text()
    run_study(read_config(copy / "study.toml"), copy, source=copy / "study.toml")
    assert all(stages_of(copy).values())
    assert (copy / "study.toml").read_text() == text


@pytest.mark.usefixtures("light")
def test_only_what_follows_from_a_change_is_done_again(copy, quick_config):
    run_study(replace(quick_config, seed=1), copy)
    reused = stages_of(copy)
    assert reused["first/read"]
    assert not any(done for name, done in reused.items() if name != "first/read")


@pytest.mark.usefixtures("light")
def test_a_crash_within_a_step_costs_that_step_only(tmp_path, quick_config, finished, monkeypatch):
    real = session.fit_step

    def crash(problem, name, fits, **options):
        if name == "shuffled":
            raise KeyboardInterrupt
        return real(problem, name, fits, **options)

    with monkeypatch.context() as patch:
        patch.setattr(session, "fit_step", crash)
        with pytest.raises(KeyboardInterrupt):
            run_study(quick_config, tmp_path)
    run_study(quick_config, tmp_path)
    xr.testing.assert_identical(load_tree(tmp_path / "results.nc"), load_tree(finished[0] / "results.nc"))
    assert stages_of(tmp_path)["first/full"]
    assert not stages_of(tmp_path)["first/shuffled"]


@pytest.mark.long
@pytest.mark.usefixtures("light")
def test_killed_without_warning_it_ends_with_the_same_numbers(tmp_path, quick_config, finished):
    (tmp_path / "study.toml").write_text(config_to_toml(quick_config))
    out = tmp_path / "out"
    code = "import sys; from neurorec.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "run", "--config", str(tmp_path / "study.toml"), "-o", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (out / "stages" / "first" / "history.nc.json").exists():
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL) if process.poll() is None else None
    process.wait()
    run_study(read_config(tmp_path / "study.toml"), out)
    assert stages_of(out)["first/history"]
    xr.testing.assert_identical(load_tree(out / "results.nc"), load_tree(finished[0] / "results.nc"))


@pytest.mark.usefixtures("light")
def test_an_edited_study_file_is_not_overwritten(copy, quick_config):
    path = copy / "study.toml"
    path.write_text(path.read_text() + "\n# my note\n")
    with pytest.raises(InputError, match=r"one that was edited; run it with: neurorec run --config"):
        run_study(quick_config, copy)
    assert path.read_text().endswith("# my note\n")
    run_study(read_config(path), copy, source=path)
    assert path.read_text().endswith("# my note\n")


@pytest.mark.usefixtures("light")
def test_sessions_are_pooled_and_a_broken_one_does_not_take_the_others_with_it(tmp_path, quick_config, session_files):
    broken = tmp_path / "broken.nwb"
    broken.write_bytes(session_files[0].read_bytes()[:2000])
    files = (str(broken), *map(str, session_files), str(tmp_path / "absent.nwb"))
    said = []
    outcome = run_study(
        replace(quick_config, data=replace(quick_config.data, files=files)), tmp_path / "out", say=said.append
    )
    assert set(outcome.failures) == {"broken", "absent"}
    assert sum("could not be analysed" in line for line in said) == 2
    result = load_tree(tmp_path / "out" / "results.nc")
    assert set(result.children) == {"first", "second"}
    assert outcome.table["n_sessions"].tolist() == [2, 2]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "absent.nwb" in page


def test_when_nothing_can_be_done_the_first_error_is_raised(tmp_path, quick_config):
    files = (str(tmp_path / "a.nwb"), str(tmp_path / "b.nwb"))
    with pytest.raises(FileError, match=r"a.nwb: expected an NWB file, found no such file"):
        run_study(replace(quick_config, data=replace(quick_config.data, files=files)), tmp_path / "out")
    with pytest.raises(InputError, match="at least one recording"):
        run_study(replace(quick_config, data=replace(quick_config.data, files=())), tmp_path / "out")
    with pytest.raises(InputError, match="no such session"):
        run_study(replace(quick_config, session_terms={"other": ()}), tmp_path / "out")


@pytest.mark.usefixtures("light")
def test_without_trials_blocks_must_be_asked_for_and_are_said_to_stand_in(tmp_path, quick_config):
    recording = simulate_recording(
        [SimulatedArea("V1", 4, coupling=0.5), SimulatedArea("PPC", 4)],
        n_trials=1,
        duration=40.0,
        rng=np.random.default_rng(3),
    )
    path = tmp_path / "sleep.nwb"
    trial_free = recording.drop_vars(
        [k for k, v in recording.variables.items() if "trial" in v.dims or k == "trial_id"]
    )
    write_nwb(trial_free, path)
    config = replace(quick_config, data=replace(quick_config.data, files=(str(path),)))
    with pytest.raises(SelectionError, match="--block-length"):
        run_study(config, tmp_path / "out")
    run_study(replace(config, data=replace(config.data, block_length=2.0)), tmp_path / "out")
    assert "sleep: 20 of 2 s" in (tmp_path / "out" / "report.html").read_text()
