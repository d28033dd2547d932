"""Networks in the report: what is said of them, and what is said where there are none."""

import numpy as np
import pytest
import xarray as xr

from neurorec.report import ModelledSession, networks_table, verdict

NETWORKS = ("leaky 1", "delay_feedforward 1", "leaky 1, untrained")


def comparison(beats: list[bool]) -> xr.Dataset:
    return xr.Dataset(
        {"beats_untrained": (("network", "measure"), np.array(beats)[:, None])},
        coords={
            "network": list(NETWORKS), "measure": ["cka"], "role": ("network", ["trained", "feedforward", "untrained"]),
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
        ([True, False, False], "recurrent networks are more alike to the recording than untrained networks by cka"),
        ([False, False, False], "recurrent networks are more alike to the recording than untrained networks by no"),
        ([False, True, False], "feedforward controls are more alike to the recording than untrained networks by cka"),
    ],
)  # fmt: skip
def test_the_verdict_follows_the_untrained_networks(beats, said):
    assert said in verdict(ModelledSession("s", comparison=comparison(beats)))


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
