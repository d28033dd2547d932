"""Place tuning, events that share kernels, and filters that run from trial to trial."""

import numpy as np
import pandas as pd
import pytest

from neurorec.design import (
    Coupling,
    Event,
    History,
    Place,
    PopulationMean,
    Signal,
    boxcar,
    cross_trials,
    design_matrix,
    gaussian,
    gaussians_at,
    terms_from_config,
    terms_to_config,
)
from neurorec.recording import InputError, SelectionError, recording_from_arrays

NOW = boxcar(1, window=(0, 0))


@pytest.fixture
def recording():
    start = np.array([0.0, 0.6, 1.2])
    trials = pd.DataFrame(
        {
            "start": start,
            "stop": start + 0.5,
            "side": ["left", "right", "left"],
            "cue": start + 0.1,
            "again": [0.2, np.nan, 1.5],
            "late": [0.4, 0.9, np.nan],
        }
    )
    position = np.tile([0.0, 1.0, 2.0, np.nan, 9.0, 5.0], 3)
    counts = np.random.default_rng(0).poisson(1.0, (18, 3))
    return recording_from_arrays(counts, bin_width=0.1, trials=trials, signals={"position": position})


def test_place_is_the_basis_of_the_value(recording):
    over = gaussian(3, window=(0.0, 2.0))
    design = design_matrix(recording, [Place("position", over, elsewhere=True)])
    values = design["matrix"].values[:6]
    np.testing.assert_allclose(values[:3, :3], over([0.0, 1.0, 2.0]), rtol=1e-6)
    np.testing.assert_array_equal(values[3:5], [[0, 0, 0, 1], [0, 0, 0, 1]])
    assert [str(name) for name in design["feature"].values] == [
        *(f"position {b}" for b in range(3)),
        "position elsewhere",
    ]
    assert set(design["term"].values) == {"position"}
    assert set(design["group"].values) == {"task"}
    assert design.attrs["longest_lag"] == 0  # a window of positions is none of time


def test_place_by_condition_is_empty_outside_trials_and_other_conditions(recording):
    term = Place("position", gaussian(2, window=(0.0, 2.0)), by="side", elsewhere=True)
    columns = term.columns(recording, runs=None)
    left, right, elsewhere = columns.values[:, :2], columns.values[:, 2:4], columns.values[:, 4]
    side = np.repeat(["left", "right", "left"], 6)
    side[5::6] = ""  # between trials
    assert not left[side != "left"].any()
    assert not right[side != "right"].any()
    np.testing.assert_allclose(left[:3], right[6:9])
    np.testing.assert_array_equal(np.flatnonzero(elsewhere), [3, 4, 5, 9, 10, 11, 15, 16, 17])
    assert design_matrix(recording, [term]).attrs["conditions"] == "side"


def test_bins_of_unknown_place_take_no_part_unless_there_is_an_elsewhere(recording):
    term = Place("position", gaussian(2, window=(0.0, 9.0)))
    assert design_matrix(recording, [term]).attrs["n_bins_missing_signal"] == 3


@pytest.mark.parametrize(
    ("term", "word"),
    [
        (Place("nowhere", gaussian(2, (0, 1))), "nowhere"),
        (Place("position", gaussian(2, (0, 1)), by="hue"), "hue"),
        (Event("cue", NOW, also="never"), "never"),
    ],
)
def test_refuses_what_the_recording_lacks(recording, term, word):
    with pytest.raises(SelectionError, match=word):
        design_matrix(recording, [term])


def test_events_that_share_a_kernel_add_up(recording):
    basis = boxcar(2, window=(0.0, 0.1))
    shared = design_matrix(recording, [Event("cue", basis, also=("again", "late"))])["matrix"].values
    alone = [design_matrix(recording, [Event(name, basis)])["matrix"].values for name in ("cue", "again", "late")]
    np.testing.assert_array_equal(shared, np.sum(alone, axis=0))
    assert shared.sum() == 13  # 3 + 2 + 2 events of two bins each, one of which lies after the trial


def test_conditions_without_a_common_kernel(recording):
    with_common = design_matrix(recording, [Event("cue", NOW, by="side")])
    without = design_matrix(recording, [Event("cue", NOW, by="side", separate=True)])
    np.testing.assert_array_equal(without["matrix"], with_common["matrix"][:, 1:])
    assert [str(name) for name in without["feature"].values] == ["cue [side=left]", "cue [side=right]"]
    with pytest.raises(InputError, match="by"):
        Event("cue", NOW, separate=True)


def test_filters_cross_trials_only_where_asked_and_never_segments(recording):
    terms = [Coupling(boxcar(1, window=(0.2, 0.2)))]
    apart = design_matrix(recording, terms, edges="zero")["matrix"].values[:, 0]
    activity = recording["activity"].values[:, 0]
    across = design_matrix(cross_trials(recording), terms, edges="zero")
    used = across["usable"].values
    np.testing.assert_array_equal(across["matrix"].values[2:, 0][used[2:]], activity[:-2][used[2:]])
    assert not apart[6:8].any()
    assert "filters_cross_trials" not in recording.attrs
    recording["segment"].values[12:] = 1
    broken = design_matrix(cross_trials(recording), terms, edges="zero")["matrix"].values[:, 0]
    assert not broken[12:14].any()
    assert design_matrix(cross_trials(recording), terms).attrs["n_bins_at_edges"] == 4


def test_what_is_new_survives_a_file():
    basis = gaussians_at([0.1, 0.4], [0.1, 0.2], window=(0.0, 1.0))
    terms = [
        Place("position", gaussian(3, (0, 2)), by=("side",), interaction=True, elsewhere=True),
        Event("cue", basis, by=("side",), also=("again", "late"), separate=True),
        Signal("position", basis, rectified=True),
        History(gaussians_at([0.1, 0.2, 0.5])),
        Coupling(basis, same_bin=True),
        PopulationMean(basis, same_bin=True),
    ]
    assert terms_from_config(terms_to_config(terms)) == terms
