"""The modelled half of a study: from a trial table to networks beside the recording, and what can go wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest

from neurorec.datasets import SimulatedArea, simulate_recording
from neurorec.recording import InputError
from neurorec.report import verdict
from neurorec.study import NetworkSettings, run_study, running
from neurorec.study.modelling import find_match, load_modelled, role_of
from neurorec.study.session import name_sessions, read_session

SMALL = NetworkSettings(
    n_networks=1, kinds=("leaky", "tapped_delay"), n_updates=30, n_trials=40, n_shuffles=4, n_bootstrap=4
)


@pytest.fixture(scope="module")
def recording():
    areas = [SimulatedArea("PPC", 3)]
    return simulate_recording(areas, n_trials=12, duration=0.6, rng=np.random.default_rng(0))


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*criterion")
@pytest.mark.usefixtures("light")
def test_networks_of_a_session_go_beside_it_and_are_kept(quick_config, tmp_path):
    config = replace(quick_config, network=SMALL)
    outcome = run_study(config, tmp_path)
    assert outcome.failures == {}
    session = name_sessions(config, tmp_path)[0]
    session, _ = read_session(session, config)
    match = find_match(config.network, session.recording())
    assert match is not None
    one = load_modelled(session, config, match)
    assert one.comparison["role"].values.tolist() == ["trained", "feedforward", "untrained"]
    assert one.comparison["kind"].values.tolist() == ["leaky", "tapped_delay", "leaky"]
    assert set(one.curves) == {"leaky", "tapped_delay"}
    assert set(one.points) == set(one.lines) == {"leaky 1"}
    assert one.trajectories["system"].values.tolist() == ["recording", *one.comparison["network"].values]
    assert "untrained" in verdict(one)
    run_study(config, tmp_path)
    stages = json.loads((tmp_path / "manifest.json").read_text())["stages"]["first"]
    assert {"networks", "dynamics", "comparison", "trajectories"} <= {r["name"] for r in stages}
    assert all(r["reused"] for r in stages)


@pytest.mark.usefixtures("light")
def test_what_goes_wrong_with_networks_costs_nothing_else(quick_config, tmp_path):
    said = []
    config = replace(quick_config, network=replace(SMALL, task="flipflop"))
    outcome = run_study(config, tmp_path, say=said.append)
    assert "did you mean 'flip_flop'?" in outcome.failures["first: networks"]
    assert len(said) == 1
    assert (tmp_path / "by_area.csv").exists()


@pytest.mark.usefixtures("light")
def test_a_recording_of_no_task_says_how_to_name_one(quick_config, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(running, "find_match", lambda settings, recording: None)
    monkeypatch.setattr(running, "_report", lambda *given: seen.extend(given[-1]))
    outcome = run_study(replace(quick_config, network=SMALL), tmp_path)
    assert outcome.failures == {}
    assert "[network] in study.toml" in seen[0].missing


def test_a_named_task_needs_columns_that_mean_the_same(recording):
    named = replace(SMALL, task="noisy_evidence", recorded=("stimulus",), modelled=("side",))
    match = find_match(named, recording)
    assert match is not None
    assert (match.recorded, match.modelled, match.anchor) == (("stimulus",), ("side",), "stimulus_start")
    with pytest.raises(InputError, match=r"set network\.recorded to trial columns"):
        find_match(replace(named, recorded=None), recording)
    with pytest.raises(InputError, match=r"set network\.recorded to trial columns"):
        find_match(replace(named, modelled=("nothing",)), recording)
    with pytest.raises(InputError, match=r"network\.recorded: expected trial columns, found nothing"):
        find_match(replace(named, recorded=("nothing",)), recording)


def test_a_network_is_what_its_name_says():
    assert [role_of(n) for n in ("gru 2", "gru 2, untrained", "tapped_delay 1")] == [
        "trained", "untrained", "feedforward",
    ]  # fmt: skip
