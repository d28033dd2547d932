"""The command: what it prints, where, and with which exit status."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from neurorec import cli, study
from neurorec.datasets import SimulatedArea, simulate_recording
from neurorec.io import write_nwb

QUICK = ["--folds", "2", "--inner-folds", "2", "--penalties", "0.1", "0.001", "--networks", "0"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "session.nwb"
    areas = [SimulatedArea("PPC", 4, coupling=0.6), SimulatedArea("AC", 4)]
    write_nwb(simulate_recording(areas, n_trials=14, duration=0.5, rng=np.random.default_rng(0)), path)
    return path


@pytest.fixture
def fails(capsys):
    """Run a command that must fail with one line on stderr and nothing on stdout."""

    def run(*argv: object) -> str:
        try:
            status = cli.main([str(word) for word in argv])
        except SystemExit as leaving:
            status = leaving.code
        shown = capsys.readouterr()
        assert status == 2
        assert shown.out == ""
        assert shown.err.count("\n") == 1
        assert shown.err.startswith("neurorec: ")
        return shown.err

    return run


def test_help_and_version_are_light():
    code = "import sys\nfrom neurorec.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    code += (
        "heavy = [m for m in ('numpy', 'xarray', 'matplotlib', 'h5py', 'sklearn') if m in sys.modules]\nprint(heavy)"
    )
    for word in ("--help", "--version"):
        shown = subprocess.run([sys.executable, "-c", code, word], capture_output=True, text=True, check=True)
        assert shown.stdout.strip().endswith("[]")
        assert "neurorec" in shown.stdout


def test_run_writes_and_says_where(file, tmp_path, capsys):
    out = tmp_path / "out"
    assert (
        cli.main(["run", str(file), "-o", str(out), *QUICK, "--bin-width", "0.025", "--seed", "3", "--threads", "1"])
        == 0
    )
    shown = capsys.readouterr().out
    assert "PPC" in shown
    assert "benefit [95%]" in shown
    assert str(out / "report.html") in shown
    text = (out / "study.toml").read_text()
    assert "seed = 3" in text
    assert "folds = 2" in text
    assert cli.main(["run", "--config", str(out / "study.toml")]) == 0
    assert all(
        r["reused"] for group in json.loads((out / "manifest.json").read_text())["stages"].values() for r in group
    )


def test_options_become_settings(tmp_path):
    (tmp_path / "map.txt").write_text("# areas\nVISp = V1\n\n17=PPC\n")
    words = ["run", "a.nwb", "--bin-width", "0.02", "--area-map", str(tmp_path / "map.txt"), "--area-map", "x=y"]
    words += ["--trials", "a", "--trials", "b", "--covariate", "wheel", "--window", "0", "10", "--edges", "zero"]
    settings = cli._settings(cli._parser().parse_args(words))
    assert settings["data"]["area"] == {"VISp": "V1", "17": "PPC", "x": "y"}
    assert settings["data"]["trials"] == ["a", "b"]
    assert settings["data"]["covariates"] == ["wheel"]
    assert settings["data"]["window"] == [0, 10]
    assert settings["fit"] == {"edges": "zero"}
    assert "seed" not in settings


def test_what_cannot_be_parsed_is_one_line(fails, tmp_path, file):
    assert "--folds" in fails("run", "a.nwb", "--folds", "x")
    assert "VERB" in fails()
    assert "name an NWB file" in fails("run")
    assert "write it into" in fails("run", "--config", tmp_path / "a.toml", "--bin-width", "0.1")
    (tmp_path / "map.txt").write_text("no pair\n")
    assert "OLD=NEW" in fails("run", file, "--area-map", tmp_path / "map.txt")


def test_what_is_wrong_with_input_is_one_line(fails, tmp_path, file):
    out = tmp_path / "out"
    assert "no such file" in fails("run", tmp_path / "absent.nwb", "-o", out)
    assert "no such file" in fails("run", "--config", tmp_path / "absent.toml")
    (tmp_path / "text.nwb").write_text("not a file of this kind")
    assert "text.nwb" in fails("run", tmp_path / "text.nwb", "-o", out)
    (tmp_path / "torn.nwb").write_bytes(file.read_bytes()[:3000])
    assert "torn.nwb" in fails("run", tmp_path / "torn.nwb", "-o", out)
    assert "torn.nwb" in fails("inspect", tmp_path / "torn.nwb")
    assert "nowhere" in fails("run", file, "-o", out, "--area", "nowhere")
    assert "nothing" in fails("run", file, "-o", out, "--trials", "nothing")
    fails("run", file, "-o", out, "--units", "unit < -5")
    (tmp_path / "occupied").write_text("")
    assert "occupied" in fails("run", file, "-o", tmp_path / "occupied")
    assert "occupied" in fails("run", file, "-o", tmp_path / "occupied" / "deeper")


def test_debug_shows_where_an_error_came_from(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        cli.main(["run", str(tmp_path / "absent.nwb"), "-o", str(tmp_path), "--debug"])


def test_interrupted_it_says_how_to_go_on(monkeypatch, capsys):
    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_demo", interrupt)
    assert cli.main(["demo"]) == 130
    assert "the same command goes on from what was kept" in capsys.readouterr().err


def test_some_sessions_failing_is_an_exit_status_of_its_own(file, tmp_path, capsys, monkeypatch):
    table = pd.DataFrame({name: [0.1] for name in ("benefit", "benefit_low", "benefit_high", "p_value", "q_value")})
    table = table.assign(area="V1", n_units=3, n_sessions=1, fde_uncoupled=0.1, fde_coupled=0.2)
    outcome = study.StudyOutcome(table, {"absent": "no such file"}, [tmp_path / "report.html"], 1.0, 10**9)
    monkeypatch.setattr(study, "run_study", lambda config, out, **options: outcome)
    assert cli.main(["run", str(file), "absent.nwb", "-o", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert shown.err == "neurorec: not analysed: absent: no such file\n"
    assert "1 s of computing, at most 1.00 GB. Written:" in shown.out


def test_inspect_reads_nothing_and_says_what_is_there(file, capsys):
    assert cli.main(["inspect", str(file)]) == 0
    assert "PPC" in capsys.readouterr().out
    assert cli.main(["inspect", str(file), "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


def test_what_cannot_be_is_said_before_anything_is_read(fails, tmp_path, file):
    for words in (["run", file], ["reproduce", "hopfield"], ["reproduce", "recurrence-calibration"]):
        assert "--seed: expected a whole number, 0 or more, found '-1'" in fails(*words, "--seed", "-1")
    assert "did you mean 'flip_flop'" in fails("run", tmp_path / "absent.nwb", "--task", "flipflop")
    assert "--networks" in fails("run", tmp_path / "absent.nwb", "--networks", "-1")
    assert "lines OLD=NEW" in fails("run", file, "--area-map", file)
    assert "a directory" in fails("run", tmp_path, "-o", tmp_path / "out")
    for words in (["run", file], ["demo"], ["reproduce", "hopfield"], ["reproduce", "runyan2017"]):
        assert "--threads: expected a whole number, 1 or more, found '0'" in fails(*words, "--threads", "0")
        assert "expected a folder, or nothing yet, found a file; name another with -o" in fails(*words, "-o", file)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.nc"))
