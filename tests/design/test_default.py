import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter1d

from neurorec.datasets import simulate_recording
from neurorec.design import (
    Basis,
    Coupling,
    Drift,
    Event,
    History,
    PopulationMean,
    Signal,
    default_terms,
    design_matrix,
    terms_from_config,
    terms_to_config,
)
from neurorec.recording import InputError, add_blocks, recording_from_arrays
from neurorec.recurrence import recurrence_benefit


@pytest.fixture
def recording():
    return simulate_recording(n_trials=40, rng=np.random.default_rng(3))


def test_uses_trials_and_signals_and_says_what_it_left_out(recording):
    n = recording.sizes["trial"]
    recording["name"] = ("trial", np.array([f"clip {i}" for i in range(n)]))
    recording["count"] = ("trial", np.arange(n))
    recording["same"] = ("trial", np.ones(n))
    recording["late"] = ("trial", recording["stop"].values + 5.0, {"units": "s"})
    recording["cue"] = ("trial", recording["start"].values + 0.3, {"units": "s"})
    recording["flat"] = ("time", np.zeros(recording.sizes["time"]))
    recording["rare"] = ("time", np.where(np.arange(recording.sizes["time"]) < 100, 1.0, np.nan))
    recording["none"] = (("time", "channel"), np.zeros((recording.sizes["time"], 0)))
    terms, left_out = default_terms(recording)
    by_name = {getattr(t, "name", type(t).__name__): t for t in terms}
    assert set(by_name) == {"start", "cue", "running", "Drift", "History", "Coupling"}
    assert by_name["start"].by == ("stimulus", "choice")
    assert set(left_out) == {"name", "count", "same", "late", "flat", "rare", "none"}
    assert left_out["none"] == "without channels"
    assert "40 different words" in left_out["name"]
    assert design_matrix(recording, terms)["usable"].any()


def test_blocks_are_no_events(recording):
    blocks = add_blocks(recording, 0.6)
    assert not any(isinstance(term, Event) for term in default_terms(blocks).terms)


@pytest.mark.long
def test_in_short_trials_signals_are_known_as_far_back_as_partners_are():
    """An input that units answer with a delay is no coupling, and costs no bin more."""
    rng, n_trials, n_bins, width = np.random.default_rng(0), 150, 50, 0.02
    inputs = 2 * gaussian_filter1d(rng.standard_normal((n_trials, n_bins)), 1.5, axis=1)
    delayed = np.pad(inputs, ((0, 0), (3, 0)))[:, :n_bins]  # 60 ms later
    slow = np.pad(inputs, ((0, 0), (1, 0)))[:, :n_bins] + delayed
    counts = rng.poisson(0.2 * np.exp(0.8 * np.where(np.arange(6) % 2, slow[..., None], delayed[..., None])))
    starts = np.arange(n_trials) * n_bins * width
    recording = recording_from_arrays(
        counts.reshape(-1, 6), bin_width=width, area="V1",
        trials=pd.DataFrame({"start": starts, "stop": starts + n_bins * width}),
    )  # fmt: skip
    recording["stimulus"] = ("time", inputs.ravel())
    terms = default_terms(recording).terms
    own = next(term for term in terms if isinstance(term, Signal))
    partners = next(term for term in terms if isinstance(term, Coupling))
    assert own.basis is not None
    assert own.basis.window == (0.0, partners.basis.window[1])
    designs = [design_matrix(recording, terms), design_matrix(recording, [t for t in terms if t is not own])]
    assert designs[0]["usable"].sum() == designs[1]["usable"].sum()
    known, unknown = (
        recurrence_benefit(recording, design, steps=("coupled",), n_folds=3, progress=False)["benefit"].median()
        for design in designs
    )
    assert abs(known) < 0.003
    assert unknown > 0.03


def test_every_term_survives_a_file(recording):
    basis = Basis("gaussian", 3, (0.02, 0.1), "log", 0.01)
    terms = [
        *default_terms(recording).terms,
        Event("start", basis, by=("choice",), interaction=True),
        Signal("running", rectified=True),
        Drift(2),
        History(basis),
        Coupling(basis, from_area=("V1",), same_bin=True),
        PopulationMean(basis),
    ]
    assert terms_from_config(terms_to_config(terms)) == terms


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"kind": "Evnt"}, "Evnt"),
        ({"kind": "Signal", "nam": "x"}, "nam"),
        ({"kind": "History"}, "no basis"),
        ({"kind": "History", "basis": {"shape": "boxcar", "n": 2}}, "no window"),
    ],
)
def test_a_wrong_key_is_named(table, word):
    with pytest.raises(InputError, match=word):
        terms_from_config([table])


def test_what_no_term_can_be_made_of_is_left_out_or_said(recording):
    recording["state"] = ("time", np.where(np.arange(recording.sizes["time"]) % 2, "run", "rest"))
    assert "no numbers" in default_terms(recording).left_out["state"]
    none = recording.isel(trial=slice(0, 0)).assign_coords(trial_id=("time", np.full(recording.sizes["time"], -1)))
    assert not any(isinstance(term, Event) for term in default_terms(none).terms)
    with pytest.raises(InputError, match="some with a start and a stop"):
        default_terms(recording.assign(stop=("trial", np.full(40, np.nan))))


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"trial_id": ("time", np.full(2400, -1))}, "on the recording's own clock"),
        ({"segment": ("time", np.arange(2400))}, "edges='zero'"),
    ],
)
def test_no_usable_bin_is_said_with_what_would_help(recording, change, remedy):
    assert recording.sizes["time"] == 2400
    with pytest.raises(InputError, match=f"of 2400 bins 0 used.*{remedy}"):
        design_matrix(recording.assign_coords(change), [History(Basis("gaussian", 2, (0.02, 0.1), "log"))])
