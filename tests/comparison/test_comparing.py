"""The table: what is alike is found, the null is uniform, intervals hold, and untrained networks are beside it."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import chisquare

from neurorec.comparison import MEASURES, Measure, Pair, compare, compare_trajectories
from neurorec.comparison.comparing import DEFAULT
from neurorec.comparison.resampling import exact_p
from neurorec.recording import DataWarning, InputError, recording_from_arrays

STEPS, WIDTH = 12, 0.05

FEW = {"n_steps": STEPS, "n_shuffles": 24, "n_bootstrap": 20, "progress": False}
ROLES = {"untrained": "untrained", "feedforward": "feedforward"}


def trajectories(n_conditions: int, rng: np.random.Generator, n_steps: int = STEPS) -> NDArray:
    """Smooth courses in 3 dimensions ``(condition, time, 3)``."""
    time = np.linspace(0, 1, n_steps)[None, :, None]
    return np.sin(time * rng.uniform(2, 6, (n_conditions, 1, 3)) + rng.uniform(0, 6, (n_conditions, 1, 3)))


def record(activity: NDArray, condition: NDArray, *, area: list[str] | str = "V1", width: float = WIDTH) -> xr.Dataset:
    """A recording of trials ``(trial, time, unit)``, one after the other, with gaps between."""
    n_trials, n_steps, n_units = activity.shape
    start = np.arange(n_trials) * (n_steps * width + 1.0)
    time = (start[:, None] + np.arange(n_steps) * width).ravel()
    trials = pd.DataFrame({"start": start, "stop": start + n_steps * width, "condition": condition})
    return recording_from_arrays(
        activity.reshape(-1, n_units), bin_width=width, time=time, trials=trials, area=area, kind="rates", units="a.u."
    )


@pytest.fixture
def population() -> Callable[..., xr.Dataset]:
    """A recording whose units are linear in given trajectories ``(condition, time, 3)``, with noise."""

    def build(courses: NDArray, *, n_trials: int = 10, n_units: int = 12, noise: float = 1.0, seed: int = 0, area="V1"):
        rng = np.random.default_rng(seed)
        label = np.tile(np.arange(len(courses)), n_trials)
        rates = courses[label] @ rng.standard_normal((3, n_units))
        names = np.array([f"c{k}" for k in label])
        return record(rates + noise * rng.standard_normal(rates.shape), names, area=area)

    return build


@pytest.fixture(scope="module")
def table():
    """A recording that shares its trajectories with one of three networks, by every measure."""
    rng = np.random.default_rng(0)
    courses, others = trajectories(8, rng), [trajectories(8, rng) for _ in range(2)]
    label = np.tile(np.arange(8), 8)
    names = np.array([f"c{k}" for k in label])

    def trials(of, n_units, noise):
        rates = of[label] @ rng.standard_normal((3, n_units))
        return record(rates + noise * rng.standard_normal(rates.shape), names)

    systems = {
        "trained": trials(courses, 20, 0.3),
        "untrained": trials(others[0], 20, 0.3),
        "feedforward": others[1] @ rng.standard_normal((3, 9)),
    }
    return compare(
        trials(courses, 12, 1.0), systems, by="condition", roles=ROLES, measures=list(MEASURES), **FEW, rng=rng
    )


def test_the_one_that_is_alike_beats_its_null_and_the_untrained(table):
    found = table.sel(measure=[name for name in MEASURES if name != "dsa"])
    assert (found["p_value"].sel(network="trained") <= 0.04 + 1e-9).all()
    assert found["beats_untrained"].sel(network="trained").all()
    assert (found["p_value"].sel(network="untrained", shuffle="conditions") > 0.04).mean() > 0.7
    assert not found["beats_untrained"].sel(network="feedforward").all()
    assert table["value"].sel(network="trained", measure="predictivity") == pytest.approx(1, abs=0.1)
    assert table["n_reliable"] == 12


def test_the_table_says_what_it_holds(table):
    assert table["role"].values.tolist() == ["trained", "untrained", "feedforward"]
    assert table["n_network_units"].values.tolist() == [20, 20, 9]
    assert table.attrs["conditions"] == "c0, c1, c2, c3, c4, c5, c6, c7"
    assert table["advantage"].sel(network="untrained").isnull().all()
    assert table["p_value"].sel(measure="dsa", shuffle="conditions").isnull().all()
    assert table["p_value"].sel(measure="dsa", shuffle="trials").notnull().all()
    gap = table["value"].sel(network="trained") - table["value"].sel(network="untrained")
    np.testing.assert_allclose(table["advantage"].sel(network="trained"), gap * table["similar"])
    assert (table["value_low"] <= table["value"] + 1e-12).all()
    assert (table["value_high"] >= table["value"] - 1e-12).all()
    assert (table["null_low"] <= table["null_high"]).sel(shuffle="trials").all()


@pytest.mark.long
def test_p_values_of_independent_data_are_uniform():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(50):
        activity = rng.standard_normal((24, 3, 5))
        recording = record(activity, np.array([f"c{k % 6}" for k in range(24)]))
        systems = {"one": rng.standard_normal((6, 3, 4))}
        result = compare(
            recording, systems, by="condition", roles={"one": "untrained"}, n_steps=3, n_shuffles=19, n_bootstrap=0,
            measures=["shape", "cca", "rsa"], rng=rng, progress=False,
        )  # fmt: skip
        found.append(result["p_value"].sel(network="one").values)
    p = np.array(found)  # (data set, measure, shuffle), multiples of 1 / 20
    for measure in range(3):
        for shuffle in range(2):
            counts = np.histogram(p[:, measure, shuffle], bins=[0, 0.201, 0.401, 0.601, 0.801, 1.001])[0]
            assert chisquare(counts).pvalue > 1e-3, (measure, shuffle, counts)
    assert 0.02 < (p <= 0.05 + 1e-9).mean() < 0.09


def test_p_of_predictivity_and_dynamics_is_uniform_under_exchanged_trials():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(30):
        course = 3 * np.sin(np.linspace(0, 3, 6))[None, :, None]  # the same in all conditions
        activity = course + rng.standard_normal((16, 6, 4))
        recording = record(activity, np.array([f"c{k % 4}" for k in range(16)]))
        system = np.repeat(rng.standard_normal((4, 1, 3)), 6, axis=1) + course
        result = compare(
            recording, {"one": system}, by="condition", roles={"one": "untrained"}, n_steps=6, n_shuffles=9,
            n_bootstrap=0, measures=["dsa", "predictivity"], rng=rng, progress=False,
        )  # fmt: skip
        found.append(result["p_value"].sel(network="one", shuffle="trials").values)
    p = np.array(found)
    for measure in range(2):
        counts = np.histogram(p[:, measure], bins=[0, 0.201, 0.401, 0.601, 0.801, 1.001])[0]
        assert chisquare(counts).pvalue > 1e-3, (measure, counts)


def test_intervals_hold_what_other_trials_would_give():
    rng = np.random.default_rng(3)
    courses, system = trajectories(6, rng), trajectories(6, rng) @ rng.standard_normal((3, 8))
    weights, label = rng.standard_normal((3, 10)), np.tile(np.arange(6), 10)
    names, rows = np.array([f"c{k}" for k in label]), []
    for _ in range(40):
        rates = courses[label] @ weights
        recording = record(rates + 2 * rng.standard_normal(rates.shape), names)
        options = {"n_steps": STEPS, "n_shuffles": 0, "n_bootstrap": 50, "measures": ["cka"]}
        result = compare(
            recording, {"a": system}, by="condition", roles={"a": "untrained"}, **options, rng=rng, progress=False
        )
        rows.append([result[name].values[0] for name in ("value", "value_low", "value_high")])
    value, low, high = np.moveaxis(np.array(rows), 1, 0)
    held = (low <= value.mean(axis=0)) & (value.mean(axis=0) <= high)
    assert (held.mean(axis=0) >= 0.82).all()
    assert (held.mean(axis=0) <= 1.0).all()
    assert 2.8 < (high - low).mean() / value.std() < 5.2  # 3.9 of a normal one


def test_areas_are_compared_on_their_own(population):
    rng = np.random.default_rng(4)
    courses, other = trajectories(5, rng), trajectories(5, rng)
    one, two = population(courses, n_units=6), population(other, n_units=6, seed=1)
    activity = np.concatenate([one["activity"].values, two["activity"].values], axis=1).reshape(50, STEPS, 12)
    both = record(activity, one["condition"].values, area=["V1"] * 6 + ["PPC"] * 6)
    options = FEW | {"n_shuffles": 0, "n_bootstrap": 0, "measures": ["cka"]}
    systems = {"a": courses @ rng.standard_normal((3, 5)), "b": other @ rng.standard_normal((3, 5))}
    roles = {"b": "untrained"}
    found = compare(both, systems, by="condition", roles=roles, areas=True, min_units=5, **options, rng=rng)
    assert found["area"].values.tolist() == ["PPC", "V1"]
    assert found["advantage"].sel(network="a", measure="cka", area="V1") > 0.1
    assert found["advantage"].sel(network="a", measure="cka", area="PPC") < -0.1
    alone = compare(one, systems, by="condition", roles=roles, **options, rng=rng)
    np.testing.assert_allclose(alone["value"], found["value"].sel(area="V1"))
    with pytest.raises(InputError, match="areas: expected one with 7 units"):
        compare(both, systems, by="condition", roles=roles, areas=True, min_units=7, **options, rng=rng)


def test_a_course_that_all_conditions_share_is_taken_off(population):
    rng = np.random.default_rng(5)
    shared = np.repeat(trajectories(1, rng), 6, axis=0)
    systems = {"a": shared @ rng.standard_normal((3, 7)) + 0.1 * rng.standard_normal((6, STEPS, 7))}
    options = FEW | {"n_bootstrap": 0, "measures": ["cka_debiased"]}
    value = {}
    for centring in ("grand", "step"):
        found = compare(
            population(shared), systems, by="condition", roles={"a": "untrained"}, centring=centring, **options, rng=rng
        )
        value[centring] = float(found["value"].squeeze())
    assert value["grand"] > 0.7
    assert abs(value["step"]) < 0.2


def test_unequal_trials_and_conditions(population):
    rng = np.random.default_rng(6)
    courses = trajectories(5, rng)
    recording = population(courses)
    fewer = recording.isel(trial=np.flatnonzero(recording["condition"].values != "c4"))
    inside = np.isin(recording["trial_id"].values, fewer["trial"].values)
    late = np.tile(np.arange(STEPS) >= 8, 50) & (recording["trial_id"].values % 3 == 0)
    fewer = fewer.isel(time=np.flatnonzero(inside & ~late))
    options = FEW | {"measures": ["shape", "cka", "cca", "rsa", "dsa", "predictivity"], "n_shuffles": 9}
    roles = {"all": "untrained"}
    found = compare(fewer, {"all": recording}, by="condition", roles=roles, **options, rng=rng)
    assert found.attrs["conditions_left_out"] == "c4"
    assert found["value"].notnull().all()
    assert found["value"].sel(measure="cka") > 0.9


def test_networks_are_put_beside_the_untrained_ones_of_their_kind(population):
    rng = np.random.default_rng(6)
    courses = trajectories(4, rng)
    systems = {name: courses + rng.standard_normal(courses.shape) for name in ("a", "b", "a0", "b0", "c")}
    roles = {"a0": "untrained", "b0": "untrained"}
    kinds = {"a": "a", "a0": "a", "b": "b", "b0": "b", "c": "c"}
    options = FEW | {"n_shuffles": 0, "n_bootstrap": 0, "measures": ["cka"]}
    found = compare(population(courses), systems, by="condition", roles=roles, kinds=kinds, **options, rng=rng)
    value, advantage = (found[name].sel(measure="cka") for name in ("value", "advantage"))
    for name in ("a", "b"):
        gap = value.sel(network=name).item() - value.sel(network=f"{name}0").item()
        assert advantage.sel(network=name).item() == pytest.approx(gap)
    mean = value.sel(network=["a0", "b0"]).mean().item()  # there is no untrained network of the kind
    assert advantage.sel(network="c").item() == pytest.approx(value.sel(network="c").item() - mean)
    assert advantage.sel(network=["a0", "b0"]).isnull().all()


def test_conditions_meet_by_what_their_values_say_and_trials_by_the_median_one(population):
    """Numbers of another type are the same conditions, and the longest trial does not set the window of all."""
    rng = np.random.default_rng(10)
    courses = trajectories(4, rng)
    plain = population(courses)
    level = np.array([0.0, 0.5, 1.0, 2.0])[np.tile(np.arange(4), 10)]
    stop = plain["stop"].values.copy()
    stop[:3] += 0.5
    recording = plain.assign(condition=("trial", level), stop=("trial", stop))
    words = plain.assign(condition=("trial", np.tile(["0", "0.5", "1", "2"], 10)))
    options = FEW | {"n_shuffles": 0, "n_bootstrap": 0, "measures": ["cka"]}
    found = compare(recording, {"a": words}, by="condition", roles={"a": "untrained"}, **options, rng=rng)
    assert found.attrs["conditions"] == "0, 0.5, 1, 2"
    assert found["value"].item() == pytest.approx(1)
    steps = compare_trajectories(recording, {"a": words}, by="condition", n_steps=STEPS)["time"].values
    np.testing.assert_allclose(steps, (np.arange(STEPS) + 0.5) * WIDTH)


def test_measures_of_ones_own_and_several_untrained(population):
    rng = np.random.default_rng(7)
    courses = trajectories(4, rng)
    gap = Measure(
        "gap", "difference of means", lambda pair: abs(pair.recorded.mean() - pair.system.mean()), -1, 0, np.inf
    )
    systems = {name: courses @ rng.standard_normal((3, 5)) + k for k, name in enumerate("abc")}
    options = FEW | {"n_shuffles": 0, "n_bootstrap": 80, "measures": [gap]}
    roles = {"b": "untrained", "c": "untrained"}
    found = compare(population(courses), systems, by="condition", roles=roles, **options, rng=rng)
    value = found["value"].sel(measure="gap").values
    assert found["advantage"].sel(network="a").item() == pytest.approx(value[1:].mean() - value[0])
    spread = found["advantage_high"].sel(network="a") - found["advantage_low"].sel(network="a")
    assert spread > 0.8 * abs(value[1] - value[2]) > 0  # untrained networks differ, and that is in the interval


def test_what_is_missing_is_said(population):
    rng = np.random.default_rng(8)
    recording = population(trajectories(4, rng))
    systems = {"a": rng.standard_normal((4, STEPS, 5))}
    with pytest.warns(DataWarning, match="No system is untrained"):
        compare(recording, systems, by="condition", measures=["cka"], **FEW | {"n_shuffles": 0}, rng=rng)
    known = {"by": "condition", "roles": {"a": "untrained"}, "rng": rng, "n_steps": STEPS}
    for arguments, message in (
        ({"measures": ["likeness"]}, "measures: expected some of shape"),
        ({"roles": {"b": "untrained"}}, "b: untrained"),
        ({"roles": {"a": "random"}}, "a: random"),
        ({"centring": "none"}, "'grand' or 'step'"),
        ({"n_steps": 6}, "with 6 steps"),
    ):
        with pytest.raises(InputError, match=message):
            compare(recording, systems, **known | arguments)
    with pytest.raises(InputError, match="means of 4 conditions"):
        compare(recording, {"a": systems["a"][:3]}, **known)
    with pytest.raises(InputError, match="two conditions with 2 trials"):
        compare(recording, {"a": recording.assign(condition=("trial", np.full(40, "other")))}, **known)


def test_p_counts_what_is_as_similar_and_what_is_undefined_as_least():
    null = np.array([[[0.1, 0.9]], [[0.5, np.nan]], [[0.9, 0.2]]])
    found = exact_p(np.array([[0.5, 0.3]]), null, np.array([1, -1]))
    np.testing.assert_allclose(found, [[3 / 4, 2 / 4]])
    assert np.isnan(exact_p(np.array([[np.nan]]), null[..., :1], np.array([1]))).all()


def test_trajectories_are_labelled(population):
    rng = np.random.default_rng(9)
    courses = trajectories(6, rng)
    recording, other = population(courses, noise=0.3), population(courses, noise=0.3, seed=1, n_units=30)
    found = compare_trajectories(
        recording, {"same": other, "none": rng.standard_normal((6, STEPS, 4))}, by="condition", n_steps=STEPS
    )
    assert found["trajectory"].dims == ("system", "condition", "time", "component")
    assert found["held_out"].sel(system="same") < 0.2 < 0.8 < found["held_out"].sel(system="none")
    np.testing.assert_allclose(found["place"].sel(system="same"), found["time"])
    first = found["trajectory"].sel(system="recording")
    assert (np.diff(first.var(("condition", "time"))) <= 1e-12).all()


def test_every_measure_has_a_default_or_a_reason():
    assert set(MEASURES) - set(DEFAULT) == {"linear_shape"}  # asks for many more rows than components
    assert all(m.units and m.long_name and m.similar in (-1, 1) for m in MEASURES.values())


@pytest.mark.parametrize("shape", [(2, 6, 8), (2, 4, 8), (3, 4, 20), (4, 6, 30), (2, 12, 40)])
def test_rounding_decides_no_measure(shape):
    """Few conditions of few steps leave fewer components to be compared, not ones that nothing determines."""
    rng = np.random.default_rng(0)
    recorded, system = rng.standard_normal((2, *shape))
    near = [side * (1 + 1e-13 * rng.standard_normal(shape)) for side in (recorded, system)]
    ceiling = np.full(shape[2], 0.8)
    for name, measure in MEASURES.items():
        if name == "linear_shape" and shape[0] * shape[1] <= 10:
            continue  # refused: it needs more rows than dimensions
        value = measure.function(Pair(recorded, system, ceiling))
        assert measure.function(Pair(*near, ceiling)) == pytest.approx(value, abs=1e-8), name
