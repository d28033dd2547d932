"""A design is derived where none is given, and written without touching what the user wrote."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from neurorec.datasets import SimulatedArea, simulate_recording
from neurorec.recording import InputError, recording_from_arrays
from neurorec.study import config_to_toml, read_config
from neurorec.study.designing import (
    check_information,
    check_session_names,
    complete_config,
    information_left_out,
    match_sessions,
    terms_of,
)
from neurorec.study.settings import settings_text


@pytest.fixture(scope="module")
def recordings():
    """Two sessions; the second has no running and a column that is the same in every trial."""
    areas = [SimulatedArea("PPC", 2), SimulatedArea("AC", 2)]
    first, second = (simulate_recording(areas, n_trials=20, rng=np.random.default_rng(seed)) for seed in (0, 1))
    first["choice"][:] = "left"
    second["stimulus"][:] = "left"
    return {"first": first, "second": second.drop_vars("running")}


def test_a_given_design_is_kept(quick_config, recordings):
    assert complete_config(quick_config, recordings) is quick_config
    assert terms_of(quick_config, "first") == list(quick_config.terms)


def test_sessions_whose_derived_designs_differ_keep_their_own(quick_config, recordings):
    config = complete_config(replace(quick_config, terms=None), recordings)
    assert set(config.session_terms) == {"second"}
    assert "running" in [term.get("name") for term in terms_of(config, "first")]
    assert "running" not in [term.get("name") for term in terms_of(config, "second")]
    assert config.left_out == {
        "first: choice": "the same in every trial",
        "second: stimulus": "the same in every trial",
    }


def test_one_reason_for_all_sessions_is_said_once(quick_config, recordings):
    alike = {"a": recordings["first"], "b": recordings["first"]}
    config = complete_config(replace(quick_config, terms=None), alike)
    assert config.session_terms == {}
    assert config.left_out == {"choice": "the same in every trial"}


def test_a_derived_design_survives_the_file(quick_config, recordings, tmp_path):
    config = complete_config(replace(quick_config, terms=None), recordings)
    (tmp_path / "study.toml").write_text(config_to_toml(config))
    assert read_config(tmp_path / "study.toml") == config


def test_a_study_file_without_a_design_keeps_its_text_and_gains_one(quick_config, recordings, tmp_path):
    path = tmp_path / "study.toml"
    text = "# by hand\n" + config_to_toml(replace(quick_config, terms=None))
    path.write_text(text)
    config = complete_config(read_config(path), recordings)
    completed = settings_text(config, tmp_path, path)
    assert completed.startswith(text.rstrip())
    path.write_text(completed)
    assert read_config(path) == config
    assert settings_text(read_config(path), tmp_path, path) == completed


def test_designs_of_sessions_that_do_not_exist_are_refused(quick_config):
    with pytest.raises(InputError, match="no such session"):
        check_session_names(replace(quick_config, session_terms={"third": ()}), ["first", "second"])


def test_sessions_are_matched_to_each_other(quick_config):
    recordings = {
        name: recording_from_arrays(np.zeros((5, n)), bin_width=0.1, area=["V1"] * n)
        for name, n in (("a", 30), ("b", 12))
    }
    assert match_sessions(quick_config, recordings).fit.n_matched == 11
    given = replace(quick_config, fit=replace(quick_config.fit, n_matched=4))
    assert match_sessions(given, recordings) == given


def test_a_trial_column_that_no_session_has_is_refused(quick_config):
    trials = pd.DataFrame({"start": [0.0], "stop": [0.5], "side": ["left"]})
    recordings = {"a": recording_from_arrays(np.zeros((5, 2)), bin_width=0.1, trials=trials)}
    check_information(replace(quick_config, information=("side",)), recordings)
    with pytest.raises(InputError, match=r"information: expected a trial column \(.*side.*\), found sight"):
        check_information(replace(quick_config, information=("sight",)), recordings)
    left_out = information_left_out(
        replace(quick_config, information=("side", "sight")), next(iter(recordings.values()))
    )
    assert left_out[-1] == "there is no column sight among its trials: no information about it"
