"""Networks in the report: what is said of them, and what is said where there are none."""

import numpy as np
import pytest
import xarray as xr

from neurorec.report import ModelledSession, networks_table, verdict

NETWORKS = ("leaky 1", "delay_feedforward 1", "leaky 1, untrained")


def comparison(beats: list[bool], value: tuple[float, ...] = (0.5, 0.4, 0.3), similar: int = 1) -> xr.Dataset:
    over = ("network", "measure")
    return xr.Dataset(
        {"beats_untrained": (over, np.array(beats)[:, None]), "value": (over, np.array(value)[:, None])},
        coords={
            "network": list(NETWORKS), "measure": ["cka"], "similar": ("measure", [similar]),
            "role": ("network", ["trained", "feedforward", "untrained"]),
            "kind": ("network", [name.split()[0] for name in NETWORKS]),
        },
    )  # fmt: skip


def by_area(advantage: list[float], low: float) -> xr.Dataset:
    values = np.array([advantage, [0.01, 0.01], [np.nan, np.nan]])[:, None]
    over = ("network", "measure", "area")
    return xr.Dataset(
        {"advantage": (over, values), "advantage_low": (over, values - low)},
        coords={"network": list(NETWORKS), "measure": ["cka_debiased"], "area": ["V1", "PPC"]},
    ).assign_coords(role=("network", ["trained", "feedforward", "untrained"]))


@pytest.mark.parametrize(
    ("beats", "said"),
    [
        ([True, False, False], "networks are more alike to the recording than untrained ones of their kind by cka"),
        ([False, False, False], "By no measure are most trained recurrent networks more alike to the recording"),
        ([False, True, False], "controls are more alike to the recording than untrained ones of their kind by cka"),
    ],
)  # fmt: skip
def test_the_verdict_follows_the_untrained_networks(beats, said):
    assert said in verdict(ModelledSession("s", comparison=comparison(beats)))


@pytest.mark.parametrize(("value", "similar"), [((0.5, 0.4, 0.6), 1), ((0.5, 0.4, 0.3), -1)])
def test_the_verdict_says_where_no_training_was_needed(value, similar):
    said = verdict(ModelledSession("s", comparison=comparison([True] * 3, value, similar)))
    assert said.endswith("without any training: untrained leaky networks by cka.")
    assert "any training" not in verdict(ModelledSession("s", comparison=comparison([True] * 3, value, -similar)))


def test_an_area_is_named_only_where_the_advantage_is_sure():
    sure = ModelledSession("s", comparison=comparison([True] * 3), by_area=by_area([0.1, 0.3], 0.05))
    assert "describe PPC best: 0.300 above untrained networks" in verdict(sure)
    assert "control's advantage there is 0.010" in verdict(sure)
    unsure = ModelledSession("s", comparison=comparison([True] * 3), by_area=by_area([0.1, 0.3], 0.5))
    assert "In no area" in verdict(unsure)


def test_the_table_of_networks_has_a_row_for_each():
    curve = xr.Dataset(
        {"test_score": ("seed", [0.97]), "status": ("seed", ["criterion"]), "n_steps": ("seed", [300])},
        coords={"seed": [4]},
    )
    points = xr.Dataset({"converged": ("point", [True, True, False]), "n_unstable": ("point", [0, 1, 0])})
    line = xr.Dataset(attrs={"kind": "line", "p_value": 0.05})
    one = ModelledSession("s", curves={"leaky": curve}, points={"leaky 1": points}, lines={"leaky 1": line})
    assert networks_table(one).rows == [["leaky 1", "0.970", "criterion", "300", "2, 1 stable", "line, p 0.05", "4"]]
