"""The design of Runyan et al. 2017, number by number."""

import numpy as np
import pytest

from neurorec.datasets import simulate_recording, simulate_runyan2017
from neurorec.design import (
    COUPLING_PEAKS,
    RUNYAN2017,
    Signal,
    coupling_basis,
    cross_trials,
    default_terms,
    design_matrix,
    runyan2017_terms,
    terms_from_config,
    terms_to_config,
)
from neurorec.recording import InputError, SelectionError, binarise

N_UNITS, FRAME = 5, 1 / 29.99


def prepared(area="PPC", context="active", n_trials=40, seed=1):
    rng = np.random.default_rng(seed)
    return cross_trials(binarise(simulate_runyan2017(area, context, n_units=N_UNITS, n_trials=n_trials, rng=rng)))


@pytest.fixture(scope="module")
def recording():
    return prepared()


@pytest.fixture(scope="module")
def design(recording):
    return design_matrix(recording, runyan2017_terms(recording).terms)


def columns(design, term, word=""):
    keep = (design["term"].values == term) & np.array([word in str(name) for name in design["feature"].values])
    return design["matrix"].values[:, keep]


def count(design, *terms):
    return int(np.isin(design["term"].values, terms).sum())


def test_behaviour_has_419_columns(recording, design):
    assert runyan2017_terms(recording).left_out == {}
    assert columns(design, "position", "elsewhere").shape[1] == 1
    assert count(design, "position") == 1 + 60
    assert columns(design, "position", "choice=left").shape[1] == 30
    assert count(design, "turn") == 18
    assert columns(design, "turn", "choice=right").shape[1] == 9
    assert count(design, "velocity_x", "velocity_y") == 32
    assert count(design, "view_angle") == 12
    assert count(design, "reward", "no_reward") == 8
    assert count(design, "sound_1", "sound_2", "sound_3") == 288
    assert columns(design, "sound_3", "stimulus=-90]").shape[1] == 12
    assert int((design["group"] == "task").sum()) == 419


def test_coupling_has_ten_columns_per_partner_and_ten_for_the_population(design):
    allowed, term = design["allowed"].values, design["term"].values
    assert allowed[:, term == "Coupling"].sum(axis=1).tolist() == [10 * (N_UNITS - 1)] * N_UNITS
    assert allowed[:, term == "PopulationMean"].sum(axis=1).tolist() == [10] * N_UNITS
    assert allowed.sum(axis=1).tolist() == [419 + 10 * (N_UNITS - 1) + 10] * N_UNITS


def test_coupling_filters_peak_where_the_paper_says(design):
    peaks = [0, 100, 200, 300, 400, 544, 988, 1774, 3163, 5622]
    np.testing.assert_array_equal(np.round(1000 * np.array(COUPLING_PEAKS)), peaks)
    coupling = design["group"].values == "coupling"
    np.testing.assert_allclose(1000 * np.unique(design["lag"].values[coupling]), peaks)
    kernels = design["filter"].values[:, (design["source"].values == 0) & (design["term"].values == "Coupling")]
    found = 1000 * design["tap"].values[kernels.argmax(axis=0)] * FRAME
    np.testing.assert_allclose(found, peaks, atol=1000 * FRAME / 2)
    assert design.attrs["longest_lag"] == 10.0
    assert design.sizes["tap"] == 300  # 0 to 9.97 s


def test_the_first_filter_includes_the_same_frame_unless_strictly_causal(recording):
    same, causal = coupling_basis(FRAME), coupling_basis(FRAME, same_frame=False)
    assert same([0.0])[0, 0] == 1.0
    assert not same([-FRAME]).any()
    assert not causal([0.0]).any()
    later = np.arange(1, 299) * FRAME
    np.testing.assert_array_equal(same(later), causal(later))
    changed = recording.copy(deep=True)
    changed["activity"].values[600:] = 1 - changed["activity"].values[600:]
    for same_frame, last in ((True, 599), (False, 600)):
        terms = [term for term in runyan2017_terms(recording, same_frame=same_frame).terms if term.group == "coupling"]
        before, after = (design_matrix(r, terms)["matrix"].values for r in (recording, changed))
        differs = np.flatnonzero((before != after).any(axis=1))
        assert differs[0] == last + 1


def test_short_stretches_take_the_filters_that_fit(recording):
    basis = coupling_basis(FRAME, longest=1.0)
    np.testing.assert_allclose(basis.peaks, COUPLING_PEAKS[:7])
    lags = np.arange(30) * FRAME
    np.testing.assert_array_equal(basis(lags), coupling_basis(FRAME)(lags)[:, :7])
    assert not basis([1.01]).any()
    apart = recording.assign_attrs(filters_cross_trials=0)
    design = design_matrix(apart, runyan2017_terms(apart, longest=1.0).terms)
    assert count(design, "Coupling") == 7 * N_UNITS
    assert 0 < design.attrs["n_bins_used"] < 0.6 * (recording["trial_id"] >= 0).sum()  # 1 s goes at either end
    for longest in (0.0, 11.0):
        with pytest.raises(InputError, match="longest"):
            coupling_basis(FRAME, longest=longest)


def test_population_mean_leaves_the_unit_out(recording, design):
    own = design["allowed"].values[2] & (design["term"].values == "PopulationMean")
    others = np.delete(recording["activity"].values, 2, axis=1).mean(axis=1)
    at = 1000
    lags = np.arange(300)
    expected = coupling_basis(FRAME)(lags * FRAME).T @ others[at - lags]
    np.testing.assert_allclose(design["matrix"].values[at, own], expected, rtol=1e-4)


def test_filters_run_from_trial_to_trial_in_continuous_imaging(recording, design):
    assert design.attrs["n_bins_at_edges"] == 0  # 10 s lie before the first trial
    assert design.attrs["n_bins_used"] == int((recording["trial_id"] >= 0).sum())
    trial = recording["trial_id"].values
    first = np.flatnonzero(trial == 7)[0]
    columns_of = (design["source"].values == 1) & (design["term"].values == "Coupling")
    lags = np.arange(300)
    expected = coupling_basis(FRAME)(lags * FRAME).T @ recording["activity"].values[first - lags, 1]
    np.testing.assert_allclose(design["matrix"].values[first, columns_of], expected, rtol=1e-4)
    assert expected[6:].all()


def test_without_that_no_frame_of_a_trial_has_ten_seconds_of_past(recording):
    apart = recording.copy()
    apart.attrs = {}
    with pytest.raises(SelectionError, match="usable"):
        design_matrix(apart, runyan2017_terms(recording).terms)


def test_nowhere_is_where_there_is_no_maze(recording, design):
    used = design["usable"].values
    nowhere = columns(design, "position", "elsewhere")[used, 0]
    np.testing.assert_array_equal(nowhere, np.isnan(recording["position"].values)[used])
    assert not columns(design, "position", "choice")[used][nowhere == 1].any()


def test_position_is_split_by_the_upcoming_turn(recording, design):
    used = design["usable"].values
    left = (recording["choice"].values == "left")[recording["trial_id"].values[used]]
    assert not columns(design, "position", "choice=right")[used][left].any()
    assert columns(design, "position", "choice=left")[used][left].any(axis=0).all()


def test_turn_kernels_lie_around_the_turn(recording, design):
    trial = 5
    side = recording["choice"].values[trial]
    at = np.searchsorted(recording["time"].values, recording["turn"].values[trial], side="right") - 1
    values = columns(design, "turn", f"choice={side}")
    assert values[at, 4] == 1.0  # the middle one of nine
    assert values[at - 30, 2] > 0.9
    assert values[at + 30, 6] > 0.9


def test_sounds_by_location_and_repeat(recording, design):
    third = columns(design, "sound_3", "stimulus=30]")
    names = [f"sound_{k}" for k in (3, 4, 5) if f"sound_{k}" in recording]
    chosen = recording["stimulus"].values == 30
    times = np.concatenate([recording[name].values[chosen] for name in names])
    times = times[np.isfinite(times)]
    onsets = np.searchsorted(recording["time"].values, times, side="right") - 1
    assert (third[onsets, 0] >= 1.0).all()
    quiet = np.ones(len(third), dtype=bool)
    for onset in onsets:
        quiet[onset : onset + 63] = False  # 2.1 s
    assert not third[quiet].any()


def test_every_column_can_be_divided_by_its_maximum(design):
    values = design["matrix"].values[design["usable"].values]
    assert (values.max(axis=0) > 0).all()
    assert (values >= 0).all()


def test_the_preset_holds_what_the_paper_states():
    assert RUNYAN2017.penalty_weight == {"Coupling": 10.0, "PopulationMean": 20.0}
    assert (RUNYAN2017.l1_ratio, RUNYAN2017.family, RUNYAN2017.scaling) == (0.95, "bernoulli", "maximum")
    assert RUNYAN2017.binarise
    assert RUNYAN2017.cross_trials


def test_passively_only_the_sounds_are_left():
    passive = prepared(context="passive")
    terms, left_out = runyan2017_terms(passive)
    assert set(left_out) == {"position", "turn", "velocity", "view_angle", "reward", "no_reward"}
    design = design_matrix(passive, terms)
    assert int((design["group"] == "task").sum()) == 288
    assert count(design, "Coupling") == 10 * N_UNITS


def test_other_names_give_the_same_design(recording, design):
    here = {
        "position": "y",
        "velocity": ("vx", "vy"),
        "view_angle": "theta",
        "choice": "went",
        "turn": "turned",
        "reward": "water",
        "no_reward": "timeout",
        "sounds": ("tone_1", "tone_2", "tone_3", "tone_4"),
        "location": "angle",
    }
    usual = ("position", "velocity_x", "velocity_y", "view_angle", "choice", "turn", "reward", "no_reward")
    usual = (*usual, "sound_1", "sound_2", "sound_3", "sound_4", "stimulus")
    new = [name for value in here.values() for name in ((value,) if isinstance(value, str) else value)]
    renamed = recording.rename(dict(zip(usual, new, strict=True))).drop_vars("sound_5", errors="ignore")
    again = design_matrix(renamed, runyan2017_terms(renamed, names=here).terms)
    assert again.sizes["feature"] == design.sizes["feature"]
    if "sound_5" not in recording:
        np.testing.assert_array_equal(again["matrix"], design["matrix"])


def test_says_what_it_left_out(recording):
    assert runyan2017_terms(recording.drop_vars(["position", "reward"])).left_out == {
        "position": "no such signal",
        "reward": "no such time in the trials",
    }
    undecided = runyan2017_terms(recording.drop_vars(["choice", "stimulus"]))
    assert set(undecided.left_out) == {"position by turn", "turn", "sounds by location"}
    once = runyan2017_terms(recording, names={"sounds": "sound_1"})
    assert set(once.left_out) == {"second sounds", "third and further sounds"}


def test_a_recording_of_another_task_keeps_its_own_behaviour():
    other = simulate_recording(n_trials=12, rng=np.random.default_rng(0))
    terms, left_out = runyan2017_terms(other)
    own = [term for term in default_terms(other).terms if term.group == "task"]
    assert terms[: len(own)] == own
    assert [type(term).__name__ for term in terms[len(own) :]] == ["Coupling", "PopulationMean"]
    assert {"position", "turn", "sounds"} <= set(left_out)


def test_a_view_angle_that_goes_round_is_split_by_sign(recording):
    turning = recording.copy()
    turning["view_angle"] = ("time", np.mod(recording["view_angle"].values, 360), {"period": 360.0})
    term = Signal("view_angle", rectified=True, harmonics=0)
    plain, wrapped = (design_matrix(r, [term])["matrix"].values for r in (recording, turning))
    np.testing.assert_allclose(plain, wrapped, atol=1e-4)
    assert count(design_matrix(turning, runyan2017_terms(turning).terms), "view_angle") == 12


@pytest.mark.parametrize(
    ("names", "error", "word"),
    [({"place": "y"}, InputError, "place"), ({"position": "y"}, SelectionError, "names\\['position'\\]")],
)
def test_refuses_names_that_mean_nothing(recording, names, error, word):
    with pytest.raises(error, match=word):
        runyan2017_terms(recording, names=names)


def test_the_design_survives_a_file(recording):
    terms = runyan2017_terms(recording, maze=(0.0, 3.0)).terms
    assert terms_from_config(terms_to_config(terms)) == terms
