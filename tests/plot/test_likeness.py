"""Families of networks beside a recording, drawn: what a row holds, and which null stands behind it."""

import numpy as np
import pytest
import xarray as xr

from neurorec.plot import kind_colours, likeness_by_kind
from neurorec.recording import InputError

NETWORKS = {"leaky 1": "trained", "leaky 2": "trained", "taps 1": "feedforward", "leaky 1, untrained": "untrained"}


def table_of(n_conditions: int) -> xr.Dataset:
    """Two measures of four networks; the second does not see which condition is which."""
    over, also = ("network", "measure"), ("network", "measure", "shuffle")
    value = np.array([[0.6, 0.3], [0.8, 0.2], [0.2, 0.5], [0.1, 0.5]])
    null = np.array([[0.0, 0.2], [np.nan, 1.0]])  # (measure, shuffle)
    spread = {"value": 0, "value_low": -0.05, "value_high": 0.05}
    band = {"null_mean": 0, "null_low": -0.1, "null_high": 0.1, "p_value": 0.03}
    return xr.Dataset(
        {name: (over, value + by) for name, by in spread.items()}
        | {name: (also, np.broadcast_to(null + by, (4, 2, 2))) for name, by in band.items()}
        | {"beats_untrained": (over, np.array([[True, False], [True, True], [False, False], [False, False]]))},
        coords={
            "network": list(NETWORKS), "measure": ["cka", "dsa"], "shuffle": ["conditions", "trials"],
            "role": ("network", list(NETWORKS.values())),
            "kind": ("network", [name.split()[0] for name in NETWORKS]),
            "similar": ("measure", [1, -1]), "long_name": ("measure", ["CKA", "a distance of some length, in rad"]),
        },
        attrs={"n_conditions": n_conditions},
    )  # fmt: skip


def dots(ax, face: str | None = None) -> list[float]:
    drawn = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    return [float(line.get_xdata()[0]) for line in drawn if (line.get_markerfacecolor() == "white") == (face == "open")]


def test_a_row_holds_its_seeds_and_its_untrained_networks():
    ax = likeness_by_kind(table_of(6))
    # the null of exchanged conditions is 0 for the similarity; the distance has only that of exchanged trials, 1
    assert dots(ax) == pytest.approx([0.6, 0.8, 0.2, 0.7, 0.8, 0.5])
    assert dots(ax, "open") == pytest.approx([0.1, 0.5])
    texts = [text.get_text() for text in ax.texts]
    assert texts[:6] == ["0.70", "0.03", "2 of 2", "0.20", "0.03", "0 of 1"]
    assert "1 of 2" in texts
    assert [label.get_text() for label in ax.get_legend().get_texts()][:2] == ["leaky", "taps"]


def test_with_few_conditions_trials_are_exchanged():
    ax = likeness_by_kind(table_of(4))
    assert dots(ax)[:3] == pytest.approx([0.5, 0.75, 0.0])


def test_families_that_are_only_untrained_have_no_row():
    table = table_of(6)
    other = table.isel(network=[3]).assign_coords(network=["gru 1, untrained"], kind=("network", ["gru"]))
    assert list(kind_colours(xr.concat([table, other], dim="network"))) == ["leaky", "taps"]


def test_tables_of_areas_and_without_kinds_are_refused():
    with pytest.raises(InputError, match="several areas"):
        likeness_by_kind(table_of(6).expand_dims(area=["V1"]))
    with pytest.raises(InputError, match="pass kinds="):
        likeness_by_kind(table_of(6).drop_vars("kind"))
